"""What waits for a person, and what must not be published: one DynamoDB table (partition key ``id``, a string).

A *case* is one object version that the gate held. What scans found out about it are its *findings*; those that a person knew when they released
it are *accepted*. While there is another, the version isn't published, whatever a later scan says (see ``withholding`` for the whole rule).
A *hold* is a person's: it forbids a version, or bytes by their SHA-256, whoever uploads them again.
It also remembers for a while which versions were counted as uploads, and holds the key for pseudonyms.

The table is the gate's memory, not its proof: every step is written to the verdict log as well, which evidence is collected from.
Each case is one JSON document; a change is written only if nobody changed it meanwhile (``revision``). Index ``by-state`` (``state``,
``opened_at``) lists what is open.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON, stable_id
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.detector.gate.events import ObjectVersion

INDEX = "by-state"
_UNDONE = "undone"
"""What stands in the index for a decision that is still to be applied, whichever it is: so that those can be found without reading all that were."""

MAX_DOCUMENT = 250_000
"""Bytes of a case in the table. DynamoDB takes 400 KB an item; a case that had grown beyond could be changed no more, not even to withdraw."""

FOLDED = "folded"
"""What stands in a history for the steps that were left out."""

_KEPT_STEPS = 6
"""The latest steps, which stay whatever their length: they say whose decision stands and what is appealed."""
_FOUND = frozenset({"found", "applied"})
_MAX_TOLD = 200
"""Characters of a hold's reason in a finding, which stays with the case for good."""


class CaseState(StrEnum):
    """``OPEN``: nobody has decided. ``RELEASED`` and ``REJECTED``: somebody has. ``APPEALED``: somebody else must decide again."""

    OPEN = "open"
    RELEASED = "released"
    REJECTED = "rejected"
    APPEALED = "appealed"


@dataclass(frozen=True)
class Step:
    """One thing that happened to a case. ``by`` is a role with a name (``trust/Ada Byron``), or ``gate``."""

    at: str
    by: str
    did: str
    reason: str

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {"at": self.at, "by": self.by, "did": self.did, "reason": self.reason}


@dataclass(frozen=True)
class Case:
    """One held object version with what was said and done about it.

    ``applied`` is false while what was decided still has to take effect: a person's decision, or the gate's to withdraw the version.
    ``verdict``, ``score`` and ``detector`` are of the scan that brought the latest finding.
    """

    id: str
    state: CaseState
    opened_at: str
    target: ObjectVersion
    sha256: str | None
    verdict: str
    score: float | None
    detector: str
    content_type: str | None
    history: tuple[Step, ...]
    applied: bool = True
    revision: int = 0
    findings: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether something is known of the version that nobody knew who released it."""
        return not set(self.findings) <= set(self.accepted)

    @property
    def stands_released(self) -> bool:
        """Whether a person let it through, and nothing that they didn't know has come up since. An appeal alone changes nothing."""
        return self.state in {CaseState.RELEASED, CaseState.APPEALED} and not self.blocked

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        target = self.target
        return {
            "id": self.id,
            "state": str(self.state),
            "opened_at": self.opened_at,
            "bucket": target.bucket,
            "key": target.key,
            "version_id": target.version,
            "etag": target.etag,
            "sha256": self.sha256,
            "verdict": self.verdict,
            "score": self.score,
            "detector": self.detector,
            "content_type": self.content_type,
            "history": [step.to_json() for step in self.history],
            "applied": self.applied,
            "revision": self.revision,
            "findings": list(self.findings),
            "accepted": list(self.accepted),
        }

    @classmethod
    def from_json(cls, value: Any) -> Case:
        """The inverse of ``to_json``.

        Raises:
            IncompleteError: the table holds something else.
        """
        try:
            return cls(
                id=str(value["id"]),
                state=CaseState(value["state"]),
                opened_at=str(value["opened_at"]),
                target=ObjectVersion(value["bucket"], value["key"], value["version_id"], value["etag"]),
                sha256=value["sha256"],
                verdict=str(value["verdict"]),
                score=value["score"],
                detector=str(value["detector"]),
                content_type=value["content_type"],
                history=tuple(Step(**step) for step in value["history"]),
                applied=bool(value["applied"]),
                revision=int(value["revision"]),
                findings=tuple(value.get("findings", ())),
                accepted=tuple(value.get("accepted", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IncompleteError(f"the table of cases holds an item that is no case: {error!r}") from error

    def with_step(self, step: Step, state: CaseState, *, applied: bool) -> Case:
        """The case after ``step``. A release accepts what is known by then; a rejection accepts nothing."""
        accepted = {CaseState.RELEASED: self.findings, CaseState.REJECTED: ()}.get(state, self.accepted)
        history = (*self.history, step)
        return replace(self, state=state, history=history, applied=applied, revision=self.revision + 1, accepted=accepted)

    def after_scan(self, scan: Case) -> Case:
        """The case after another ``scan``, which a new case would have been filed for. The same again changes nothing.

        What wasn't known re-opens a case that was released, with the release in its history; in any other state it is added.
        """
        new = tuple(finding for finding in scan.findings if finding not in self.findings)
        reopened = self.state is CaseState.RELEASED and bool(new)
        undecided = self.state is CaseState.OPEN or (self.state is CaseState.APPEALED and (self.blocked or bool(new)))
        applied = False if reopened or (undecided and not scan.applied) else self.applied
        if not new:
            return self if applied == self.applied else replace(self, applied=applied, revision=self.revision + 1)
        return replace(
            self,
            state=CaseState.OPEN if reopened else self.state,
            history=(*self.history, replace(scan.history[-1], did="reopened" if reopened else "found")),
            applied=applied,
            revision=self.revision + 1,
            findings=(*self.findings, *new),
            verdict=scan.verdict,
            score=scan.score,
            detector=scan.detector,
        )


def _document(case: Case) -> str:
    """``case`` as it is kept. Where its history grows too long, the oldest steps but the first are left to the verdict log, which has them all."""
    (first, *rest), folded, until = case.history, 0, ""
    if rest and rest[0].did == FOLDED:
        folded, until, rest = int(rest[0].reason.partition(" ")[0]), rest[0].at, rest[1:]
    while True:
        told = [Step(until, "gate", FOLDED, f"{folded} steps until then are in the verdict log alone")] if folded else []
        text = json.dumps(replace(case, history=(first, *told, *rest)).to_json(), sort_keys=True)
        if len(text) <= MAX_DOCUMENT or len(rest) <= _KEPT_STEPS:
            return text
        # What only scans found goes first: a decision, an appeal and a takedown are looked for in the history as long as they can be.
        at = next((number for number, step in enumerate(rest) if step.did in _FOUND), 0)
        folded, until = folded + 1, max(until, rest[at].at)
        del rest[at]


def case_id(target: ObjectVersion) -> str:
    """The id of the case of ``target``: the same version has one case, however often its event comes."""
    return stable_id("gate-case", {"bucket": target.bucket, "key": target.key, "version": target.version, "etag": target.etag})


def _counted_id(target: ObjectVersion) -> str:
    return f"counted#{case_id(target)}"


def _hold_ids(target: ObjectVersion, sha256: str | None) -> list[str]:
    found = [f"hold#{target.bucket}/{target.key}?{target.version or target.etag}"]
    return [*found, f"hold#sha256:{sha256}"] if sha256 else found


@dataclass(frozen=True)
class Standing:
    """What is known against one version: its case, and who forbade it or its bytes (by their role: this text goes into logs). ``elsewhere`` is
    who forbade the bytes by another decision than forbade the version."""

    case: Case | None
    hold: str | None
    elsewhere: str | None = None

    @property
    def why(self) -> str | None:
        """Why the version must not be published; None if nothing is known against it."""
        if self.hold is not None:
            return self.hold
        if self.case is not None and self.case.state is CaseState.REJECTED:
            return f"the case {self.case.id} is rejected"
        if self.case is not None and self.case.blocked:
            return f"the case {self.case.id} has a finding that no person has released: {self.case.findings[-1]}"
        return None


REMEMBERED = timedelta(days=200)
"""For how long the table knows that an upload was counted: longer than quarantine keeps it, which is for 90 days as what is latest and for 90 more after
that, as the blueprint's lifecycle has it."""


class Cases:
    """The table ``table``. Needs dynamodb:GetItem, BatchGetItem, PutItem and Query on it and its index."""

    def __init__(self, table: str, dynamodb: Any = None) -> None:
        self.table = table
        self._dynamodb = dynamodb or client("dynamodb")

    def open(self, case: Case) -> bool:
        """File a new case; False if it is there already, in whatever state."""
        try:
            self._put(case, "attribute_not_exists(id)", {})
        except IncompleteError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def file(self, scan: Case) -> Case:
        """File what a scan found: a new case, or the version's case ``after_scan``; returns it as it stands now.

        Raises:
            IncompleteError: somebody else changed it meanwhile; do it again.
        """
        if self.open(scan):
            return scan
        known = self.get(scan.id)
        changed = known.after_scan(scan)
        if changed is not known:
            self.save(changed)
        return changed

    def get(self, identifier: str) -> Case:
        """The case with this id.

        Raises:
            BadInputError: there is none.
        """
        document = self._document_of(identifier)
        if document is None:
            raise BadInputError(f"there is no case {identifier}", fix="list them: averment review list --all")
        return Case.from_json(json.loads(document))

    def _document_of(self, identifier: str) -> str | None:
        with aws_errors(f"read the case {identifier}"):
            answer = self._dynamodb.get_item(TableName=self.table, Key={"id": {"S": f"case#{identifier}"}}, ConsistentRead=True)
        return str(answer["Item"]["document"]["S"]) if "Item" in answer else None

    def listed(self, states: Sequence[CaseState]) -> Iterator[Case]:
        """The cases in ``states``, the oldest first within each; those whose decision is still to be applied come last."""
        decided = not {CaseState.RELEASED, CaseState.REJECTED}.isdisjoint(states)
        for state in states:
            yield from self._indexed(str(state))
        if decided:
            yield from (case for case in self.undone() if case.state in states)

    def undone(self) -> Iterator[Case]:
        """The cases whose decision was filed and is still to be applied: what is rejected may be served until then."""
        return self._indexed(_UNDONE)

    def _indexed(self, state: str) -> Iterator[Case]:
        with aws_errors(f"list the cases of {self.table}"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self.table,
                IndexName=INDEX,
                KeyConditionExpression="#state = :state",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":state": {"S": state}},
            )
            for page in pages:
                yield from (Case.from_json(json.loads(item["document"]["S"])) for item in page["Items"])

    def save(self, case: Case) -> None:
        """Write ``case`` over its previous revision.

        Raises:
            IncompleteError: somebody else changed it meanwhile.
        """
        try:
            self._put(case, "revision = :before", {":before": {"N": str(case.revision - 1)}})
        except IncompleteError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            if self._document_of(case.id) != _document(case):  # else it is our own: heard, its answer lost, and boto3 asked again
                raise IncompleteError(f"the case {case.id} was changed by somebody else meanwhile", fix="look at it again") from error

    def hold(self, target: ObjectVersion, sha256: str | None, *, by: str, reason: str, at: datetime) -> None:
        """Forbid this version, and these bytes under whatever name, from now on. Asking twice changes nothing."""
        for identifier in _hold_ids(target, sha256):
            item = {"id": {"S": identifier}, "by": {"S": by}, "reason": {"S": reason}, "held_at": {"S": iso(at)}}
            with aws_errors(f"hold {target}"):
                self._dynamodb.put_item(TableName=self.table, Item=item)

    def lift(self, target: ObjectVersion, sha256: str | None) -> None:
        """Take back what ``hold`` forbade, as a later decision does."""
        for identifier in _hold_ids(target, sha256):
            with aws_errors(f"lift the hold on {target}"):
                self._dynamodb.delete_item(TableName=self.table, Key={"id": {"S": identifier}})

    def pseudonym_key(self) -> bytes:
        """The deployment's key for pseudonyms (see ``pseudonyms``), made on first use.

        Raises:
            IncompleteError: the table is out of reach.
        """
        place = {"id": {"S": "pseudonym#key"}}
        with aws_errors("read the key for pseudonyms"):
            found = self._dynamodb.get_item(TableName=self.table, Key=place, ConsistentRead=True).get("Item")
            if found is not None:
                return bytes(found["key"]["B"])
            made = {**place, "key": {"B": secrets.token_bytes(32)}, "made_at": {"S": iso(utc_now())}}
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):  # somebody else was first: theirs is the key
                self._dynamodb.put_item(TableName=self.table, Item=made, ConditionExpression="attribute_not_exists(id)")
            return bytes(self._dynamodb.get_item(TableName=self.table, Key=place, ConsistentRead=True)["Item"]["key"]["B"])

    def counted(self, target: ObjectVersion) -> bool:
        """Whether ``remember_counted`` was told of this version."""
        with aws_errors(f"see whether {target} was counted"):
            key = {"id": {"S": _counted_id(target)}}
            return "Item" in self._dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True)

    def remember_counted(self, target: ObjectVersion) -> None:
        """Note that this version was counted as an upload. DynamoDB forgets it by the attribute ``expires_at``."""
        expires = str(int((utc_now() + REMEMBERED).timestamp()))
        with aws_errors(f"note that {target} was counted"):
            self._dynamodb.put_item(TableName=self.table, Item={"id": {"S": _counted_id(target)}, "expires_at": {"N": expires}})

    def standing(self, target: ObjectVersion, sha256: str | None) -> Standing:
        """What is known against this version and these bytes. ``target`` has its ETag, which is part of a case's id.

        Raises:
            IncompleteError: the table can't be read now, so that it isn't known.
        """
        case_key = f"case#{case_id(target)}"
        keys = [{"id": {"S": identifier}} for identifier in (case_key, *_hold_ids(target, sha256))]
        with aws_errors(f"look for holds on {target}"):
            answer = self._dynamodb.batch_get_item(RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}})
            if answer.get("UnprocessedKeys"):
                raise IncompleteError("the table of cases is throttled, so that it isn't known whether this may be published")
        found = {item["id"]["S"]: item for item in answer["Responses"].get(self.table, [])}
        case = found.pop(case_key, None)
        holds = {
            identifier: f"forbidden by {item['by']['S'].partition('/')[0]} at {item['held_at']['S']}: {item['reason']['S'][:_MAX_TOLD]}"
            for identifier, item in found.items()
        }
        whole, first = Case.from_json(json.loads(case["document"]["S"])) if case else None, min(holds.values(), default=None)
        own = holds.pop(_hold_ids(target, None)[0], None)
        return Standing(whole, first, next((hold for hold in holds.values() if hold != own), None))

    def held(self, target: ObjectVersion, sha256: str | None) -> str | None:
        """Why this version or these bytes must not be published; None if nothing is known against them."""
        return self.standing(target, sha256).why

    def _put(self, case: Case, condition: str, values: dict[str, Any]) -> None:
        undone = case.state in {CaseState.RELEASED, CaseState.REJECTED} and not case.applied
        item = {
            "id": {"S": f"case#{case.id}"},
            "state": {"S": _UNDONE if undone else str(case.state)},
            "opened_at": {"S": case.opened_at},
            "revision": {"N": str(case.revision)},
            "document": {"S": _document(case)},
        }
        more = {"ExpressionAttributeValues": values} if values else {}
        with aws_errors(f"write the case {case.id}"):
            self._dynamodb.put_item(TableName=self.table, Item=item, ConditionExpression=condition, **more)
