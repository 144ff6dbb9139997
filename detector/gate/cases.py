"""What waits for a person, and what must not be published: one DynamoDB table (partition key ``id``, a string).

A *case* is one object version that the gate held. A *hold* forbids a version, or bytes by their SHA-256, whoever uploads them again.
The table is the gate's memory, not its proof: every step is written to the verdict log as well, which evidence is collected from.
Each case is one JSON document; a change is written only if nobody changed it meanwhile (``revision``). Index ``by-state`` (``state``,
``opened_at``) lists what is open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON, stable_id
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso
from averment.detector.gate.events import ObjectVersion

INDEX = "by-state"


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
    """One held object version with what was said and done about it. ``applied`` is false while a decision still has to take effect."""

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
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IncompleteError(f"the table of cases holds an item that is no case: {error!r}") from error

    def with_step(self, step: Step, state: CaseState, *, applied: bool) -> Case:
        """The case after ``step``."""
        return replace(self, state=state, history=(*self.history, step), applied=applied, revision=self.revision + 1)


def case_id(target: ObjectVersion) -> str:
    """The id of the case of ``target``: the same version has one case, however often its event comes."""
    return stable_id("gate-case", {"bucket": target.bucket, "key": target.key, "version": target.version, "etag": target.etag})


def _hold_ids(target: ObjectVersion, sha256: str | None) -> list[str]:
    found = [f"hold#{target.bucket}/{target.key}?{target.version or target.etag}"]
    return [*found, f"hold#sha256:{sha256}"] if sha256 else found


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

    def get(self, identifier: str) -> Case:
        """The case with this id.

        Raises:
            BadInputError: there is none.
        """
        with aws_errors(f"read the case {identifier}"):
            item = self._dynamodb.get_item(TableName=self.table, Key={"id": {"S": f"case#{identifier}"}}, ConsistentRead=True).get("Item")
        if item is None:
            raise BadInputError(f"there is no case {identifier}", fix="list them: averment review list --all")
        return Case.from_json(json.loads(item["document"]["S"]))

    def listed(self, states: Sequence[CaseState]) -> Iterator[Case]:
        """The cases in ``states``, the oldest first within each."""
        for state in states:
            with aws_errors(f"list the cases of {self.table}"):
                pages = self._dynamodb.get_paginator("query").paginate(
                    TableName=self.table,
                    IndexName=INDEX,
                    KeyConditionExpression="#state = :state",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":state": {"S": str(state)}},
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
            if error_code(error) == "ConditionalCheckFailedException":
                raise IncompleteError(f"the case {case.id} was changed by somebody else meanwhile", fix="look at it again") from error
            raise

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

    def held(self, target: ObjectVersion, sha256: str | None) -> str | None:
        """Why this version or these bytes must not be published; None if nobody forbade it."""
        keys = [{"id": {"S": identifier}} for identifier in _hold_ids(target, sha256)]
        with aws_errors(f"look for holds on {target}"):
            answer = self._dynamodb.batch_get_item(RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}})
            if answer.get("UnprocessedKeys"):
                raise IncompleteError("the table of cases is throttled, so that it isn't known whether this may be published")
        found = answer["Responses"].get(self.table, [])
        return f"held by {found[0]['by']['S']}: {found[0]['reason']['S']}" if found else None

    def _put(self, case: Case, condition: str, values: dict[str, Any]) -> None:
        item = {
            "id": {"S": f"case#{case.id}"},
            "state": {"S": str(case.state)},
            "opened_at": {"S": case.opened_at},
            "revision": {"N": str(case.revision)},
            "document": {"S": json.dumps(case.to_json(), sort_keys=True)},
        }
        more = {"ExpressionAttributeValues": values} if values else {}
        with aws_errors(f"write the case {case.id}"):
            self._dynamodb.put_item(TableName=self.table, Item=item, ConditionExpression=condition, **more)
