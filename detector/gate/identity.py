"""The identity gate: a Rekognition Face Liveness session that is bound to one transaction, used once, and judged by its risk.

The session is made by the server, for a transaction and a person who is signed in; the client only plays it. A result counts if it is asked
for by the same person for the same transaction, within the session's three minutes, and for the first time. What isn't good enough leads to
another try, then to another factor, then to a human: never to a pass, and never to a dead end. Signs of an injected video (a virtual
camera, a session begun elsewhere, an answer that is too fast to have been played) are recorded and never pass alone.

No biometric data is kept: neither images nor their bounding boxes, and of the confidence only whether it reached the threshold. Ids go into
the log as hashes.

Table: partition key ``id`` (a string), time to live ``expires``. The role needs rekognition:CreateFaceLivenessSession and
GetFaceLivenessSessionResults, dynamodb:GetItem, PutItem and UpdateItem on the table, and to write to the log group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate.verdict_log import VerdictLog

LOG_GROUP = "/averment/identity"
SESSION_LIFETIME = timedelta(minutes=3)
"""How long Rekognition keeps a session's result (AWS documentation)."""

KEPT = timedelta(days=1)
"""How long the table remembers a transaction: long enough to refuse a replay."""

LEAST_SECONDS = 2.0
"""Nobody plays the challenge faster than this."""

MAX_ATTEMPTS = 3
VIRTUAL_CAMERAS = re.compile(
    r"virtual|obs[ -]?cam|manycam|snap camera|xsplit|droidcam|v4l2loopback|splitcam|e2esoft|deep-?live", re.IGNORECASE
)


class Risk(StrEnum):
    """How much hangs on the transaction; decides the threshold, and whether liveness alone is enough."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


THRESHOLDS = {Risk.LOW: 80.0, Risk.MEDIUM: 90.0, Risk.HIGH: 95.0}
"""The confidence (0 to 100) from which a result counts, unless the deployment says otherwise."""


class Outcome(StrEnum):
    """What the application does next. ``PASS``: go on. ``STEP_UP``: ask for another factor. ``HUMAN``: a person looks. ``REFUSED``: this
    answer belongs to no session of this transaction, or was used before."""

    PASS = "pass"
    RETRY = "retry"
    STEP_UP = "step-up"
    HUMAN = "human"
    REFUSED = "refused"


@dataclass(frozen=True)
class Device:
    """What the client's page says of itself; anybody can lie here, so it can only make things worse."""

    fingerprint: str
    camera: str = ""

    @classmethod
    def from_json(cls, value: Any) -> Device:
        """``{"fingerprint", "camera"}``, of which only strings are taken.

        Raises:
            BadInputError: no fingerprint.
        """
        found = value if isinstance(value, Mapping) else {}
        fingerprint, camera = found.get("fingerprint"), found.get("camera", "")
        if not isinstance(fingerprint, str) or not fingerprint or not isinstance(camera, str):
            raise BadInputError("the device says nothing of itself", fix='send {"fingerprint": "...", "camera": "..."}')
        return cls(fingerprint[:256], camera[:256])


@dataclass(frozen=True)
class Decision:
    """The outcome with its reason for the record, and the signs of injection that were seen."""

    outcome: Outcome
    reason: str
    signals: tuple[str, ...] = ()


class IdentityGate:
    """Sessions and decisions. ``thresholds`` by risk; ``table`` remembers what belongs to what."""

    def __init__(self, table: str, *, thresholds: Mapping[Risk, float] = THRESHOLDS, log_group: str = LOG_GROUP) -> None:
        self._table, self._thresholds = table, dict(thresholds)
        self._rekognition: Any = client("rekognition")
        self._dynamodb: Any = client("dynamodb")
        self._log = VerdictLog(log_group, "identity", client("logs"), client("cloudwatch"))

    def start(self, transaction: str, person: str, risk: Risk, device: Device, *, now: datetime | None = None) -> str | None:
        """A new session for ``transaction`` of ``person``: its id, for the client to play. None: no further try, go to ``HUMAN``.

        Raises:
            BadInputError: the transaction is somebody else's.
            IncompleteError: a service is out of reach: use the fallback, not a pass.
        """
        moment = now or datetime.now(UTC)  # to the microsecond: a session is played in seconds
        with aws_errors("start a liveness session"):
            known = self._get(transaction)
            if known is not None and known["person"]["S"] != _id(person):
                raise BadInputError("the transaction belongs to somebody else", fix="begin a new one")
            attempt = int(known["attempt"]["N"]) + 1 if known else 1
            if attempt > MAX_ATTEMPTS or (known and known["state"]["S"] in {"used", "closed"}):
                self._say(transaction, None, Decision(Outcome.HUMAN, "no further try"), risk)
                return None
            token = _id(f"{transaction}\n{attempt}")
            session = str(self._rekognition.create_face_liveness_session(ClientRequestToken=token)["SessionId"])
            virtual = _is_virtual(device) or (known is not None and known["camera_was_virtual"]["BOOL"])  # another try unsees nothing
            self._put(transaction, person, risk, device, session, attempt, moment, virtual=virtual)
            self._log.write(
                {"event": "started", "transaction": _id(transaction), "session": _id(session), "attempt": attempt, "risk": str(risk)}
            )
        return session

    def finish(self, transaction: str, person: str, session: str, device: Device, *, now: datetime | None = None) -> Decision:
        """What the session's result means for ``transaction``.

        Raises:
            IncompleteError: a service is out of reach: use the fallback, not a pass.
        """
        moment = now or datetime.now(UTC)
        with aws_errors("finish a liveness session"):
            known = self._get(transaction)
            risk = Risk(known["risk"]["S"]) if known else Risk.HIGH
            decision = self._decide(known, person, session, device, moment, risk)
            if (
                known is not None
                and decision.outcome is not Outcome.REFUSED
                and not self._use(transaction, session, decision, virtual=_is_virtual(device))
            ):
                decision = Decision(Outcome.REFUSED, "the session was used before", ("replayed-session",))
            self._say(transaction, session, decision, risk)
        return decision

    def _decide(self, known: Mapping[str, Any] | None, person: str, session: str, device: Device, moment: datetime, risk: Risk) -> Decision:
        if known is None or known["session"]["S"] != _id(session) or known["person"]["S"] != _id(person):
            return Decision(Outcome.REFUSED, "the session belongs to no transaction of this person", ("foreign-session",))
        if known["state"]["S"] != "started":
            return Decision(Outcome.REFUSED, "the session was used before", ("replayed-session",))
        last = int(known["attempt"]["N"]) >= MAX_ATTEMPTS
        again = Outcome.HUMAN if last else Outcome.RETRY
        age = moment - datetime.fromisoformat(known["started_at"]["S"])
        if age > SESSION_LIFETIME:
            return Decision(again, f"the session is older than {SESSION_LIFETIME}")
        signals = _signals(known, device, age)
        try:
            result = self._rekognition.get_face_liveness_session_results(SessionId=session)
        except self._rekognition.exceptions.SessionNotFoundException:
            return Decision(again, "Rekognition doesn't know the session any more", signals)
        reached = float(result.get("Confidence", 0.0)) >= self._thresholds[risk]
        status = str(result.get("Status"))
        if status != "SUCCEEDED":
            return Decision(again, f"the session is {status}", signals)
        if not reached:
            return Decision(Outcome.HUMAN if last else Outcome.STEP_UP, "the confidence is below the threshold", signals)
        if signals:
            return Decision(Outcome.STEP_UP, "live, but with signs of injection", signals)
        if risk is Risk.HIGH:
            return Decision(Outcome.STEP_UP, "live; a transaction of high risk needs another factor as well")
        return Decision(Outcome.PASS, "live")

    def _get(self, transaction: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._dynamodb.get_item(
            TableName=self._table, Key={"id": {"S": _id(transaction)}}, ConsistentRead=True
        ).get("Item")
        return found

    def _put(
        self, transaction: str, person: str, risk: Risk, device: Device, session: str, attempt: int, moment: datetime, *, virtual: bool
    ) -> None:
        item = {
            "id": {"S": _id(transaction)},
            "person": {"S": _id(person)},
            "session": {"S": _id(session)},
            "device": {"S": _id(device.fingerprint)},
            "camera_was_virtual": {"BOOL": virtual},
            "risk": {"S": str(risk)},
            "state": {"S": "started"},
            "attempt": {"N": str(attempt)},
            "started_at": {"S": moment.isoformat()},
            "expires": {"N": str(int((moment + KEPT).timestamp()))},
        }
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item,
                # Not over an answer that came since: who asked for another try meanwhile would pass twice, or after a decision.
                ConditionExpression="attribute_not_exists(id) OR (attempt = :before AND person = :person AND NOT #state IN (:used, :closed))",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":before": {"N": str(attempt - 1)},
                    ":person": item["person"],
                    ":used": {"S": "used"},
                    ":closed": {"S": "closed"},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise IncompleteError("the transaction went on at once: another session was started, or answered", fix="start again") from error

    def _use(self, transaction: str, session: str, decision: Decision, *, virtual: bool) -> bool:
        """Spend the session; False if somebody was first. After a pass, a step-up or a human there is no further session. That its camera was
        ``virtual`` is remembered for another try."""
        state = "answered" if decision.outcome is Outcome.RETRY else "used" if decision.outcome is Outcome.PASS else "closed"
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": _id(transaction)}},
                UpdateExpression="SET #state = :state" + (", camera_was_virtual = :virtual" if virtual else ""),
                ConditionExpression="#state = :started AND #session = :session",
                ExpressionAttributeNames={"#state": "state", "#session": "session"},
                ExpressionAttributeValues={
                    ":state": {"S": state},
                    ":started": {"S": "started"},
                    ":session": {"S": _id(session)},
                    **({":virtual": {"BOOL": True}} if virtual else {}),
                },
            )
        except self._dynamodb.exceptions.ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _say(self, transaction: str, session: str | None, decision: Decision, risk: Risk) -> None:
        """One line of what happened. Everything in it is written out here: an answer of Rekognition's never reaches the log."""
        line: dict[str, JSON] = {
            "event": "decided",
            "transaction": _id(transaction),
            "session": None if session is None else _id(session),
            "outcome": str(decision.outcome),
            "reason": decision.reason,
            "signals": list(decision.signals),
            "risk": str(risk),
            "threshold": self._thresholds[risk],
        }
        self._log.write(line)
        self._log.count(f"Identity{decision.outcome.title().replace('-', '')}", 1.0)


def _signals(known: Mapping[str, Any], device: Device, age: timedelta) -> tuple[str, ...]:
    found = {
        "virtual-camera": _is_virtual(device) or known["camera_was_virtual"]["BOOL"],
        "other-device": known["device"]["S"] != _id(device.fingerprint),
        "too-fast": age.total_seconds() < LEAST_SECONDS,
    }
    return tuple(name for name, seen in found.items() if seen)


def _is_virtual(device: Device) -> bool:
    return bool(VIRTUAL_CAMERAS.search(device.camera))


def _id(text: str) -> str:
    # JSON can hold half a character ("\ud800"), which is no UTF-8: what a client writes there is an id like any other, and nobody's.
    return sha256_hex(text.encode("utf-8", "surrogatepass"))
