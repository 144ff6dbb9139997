"""What waits for a person, and what must not be published: one DynamoDB table (partition key ``id``, a string).

A *case* is of one object version that the gate held (see ``case``). A *hold* is a person's: it forbids a version, or bytes by their SHA-256,
whoever uploads them again. It also remembers for a while which versions were counted as uploads, and holds the key for pseudonyms.

The table is the gate's memory, not its proof: every step is written to the verdict log as well, which evidence is collected from.
Each case is one JSON document; a change is written only if nobody changed it meanwhile (``revision``). Index ``by-state`` (``state``,
``opened_at``) lists what is open.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.detector.gate.case import Case, CaseState, case_id, document_of
from averment.detector.gate.events import ObjectVersion

INDEX = "by-state"
_UNDONE = "undone"
"""What stands in the index for a decision that is still to be applied, whichever it is: so that those can be found without reading all that were."""

_MAX_TOLD = 200
"""Characters of a hold's reason in a finding, which stays with the case for good."""


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
            if self._document_of(case.id) != document_of(case):  # else it is our own: heard, its answer lost, and boto3 asked again
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
            "document": {"S": document_of(case)},
        }
        more = {"ExpressionAttributeValues": values} if values else {}
        with aws_errors(f"write the case {case.id}"):
            self._dynamodb.put_item(TableName=self.table, Item=item, ConditionExpression=condition, **more)
