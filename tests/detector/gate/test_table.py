"""The table of cases as the gate's memory: what couldn't be read of it isn't "nothing", and what was just written is read."""

from __future__ import annotations

from typing import Any

import pytest

from averment.core.errors import IncompleteError
from averment.detector.gate.case import CaseState
from averment.detector.gate.cases import Cases
from averment.detector.gate.identity import Device, IdentityGate, Risk
from averment.detector.gate.reviews import Reviews

ADA = "trust/Ada Byron"
CLEAN = b"\xff\xd8\xffclean"


def test_a_table_that_leaves_keys_unread_publishes_nothing(site: Any, double: Any) -> None:
    """DynamoDB answers a batch in part when it is busy: the hold that it left out stands all the same."""
    gate = site.gate(double)
    reviews = Reviews(gate)
    gate.handle(site.upload("a.jpg", CLEAN))
    reviews.forbid_published("a.jpg", by=ADA, reason="ticket 512")
    again = site.upload("b.jpg", CLEAN)

    def busy(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedKeys"] = {site.table: {"Keys": [{"id": {"S": "hold"}}]}}
        parsed["Responses"] = {}

    events = gate.cases._dynamodb.meta.events
    events.register("after-call.dynamodb.BatchGetItem", busy)
    with pytest.raises(IncompleteError, match="isn't known whether this may be published"):
        gate.handle(again)
    assert site.published("b.jpg") is None
    events.unregister("after-call.dynamodb.BatchGetItem", busy)
    assert gate.handle(again)["action"] == "forbidden"
    assert site.published("b.jpg") is None


def test_whatever_decides_reads_what_was_written_last(site: Any, double: Any) -> None:
    """A copy of the table that is a second old knows no hold, no case and no spent session of that second: of two that run at once, none would see the other."""
    gate, read = site.gate(double), list[tuple[str, bool]]()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "GetItem":
            read.append((model.name, params.get("ConsistentRead", False)))
        if model.name == "BatchGetItem":
            read.extend((model.name, asked.get("ConsistentRead", False)) for asked in params["RequestItems"].values())

    liveness = IdentityGate(site.table)
    for client in (gate.cases._dynamodb, liveness._dynamodb):
        client.meta.events.register("provide-client-params.dynamodb", note)
    reviews = Reviews(gate)
    gate.handle(site.upload("a.jpg", CLEAN))
    gate.handle(site.upload("b.jpg", b"\xff\xd8\xfffake"))
    [case] = reviews.cases.listed([CaseState.OPEN])
    reviews.decide(case.id, "reject", by=ADA, reason="no label")
    phone = Device("phone-1")
    liveness.finish("order-1", "ada", str(liveness.start("order-1", "ada", Risk.LOW, phone)), phone)
    assert {name for name, _ in read} == {"GetItem", "BatchGetItem"}
    assert all(consistent for _, consistent in read)


def test_of_two_that_make_the_key_for_pseudonyms_at_once_one_is_kept(site: Any) -> None:
    """Two keys would make two people of one, and an appeal could go to whoever decided."""
    first, second, made = Cases(site.table), Cases(site.table), list[bytes]()

    def faster(model: Any, **_: Any) -> None:
        if model.name == "PutItem" and not made:
            made.append(b"")
            made.append(second.pseudonym_key())

    first._dynamodb.meta.events.register("provide-client-params.dynamodb", faster)
    mine = first.pseudonym_key()
    assert made[1] == mine == first.pseudonym_key() == second.pseudonym_key()
    assert len(mine) == 32
