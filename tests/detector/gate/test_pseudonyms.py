"""The verdict log keeps people apart and doesn't name them; who may read the table of cases can find out who it was."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.core.errors import IncompleteError
from averment.detector.gate.cases import Cases
from averment.detector.gate.delivery import take_down
from averment.detector.gate.pseudonyms import pseudonym
from averment.detector.gate.reviews import Reviews

JPEG = b"\xff\xd8\xff"
ADA, BOB = "trust/Ada Byron", "legal/Bob"


@pytest.fixture
def reviews(site: Any, double: Any) -> Reviews:
    return Reviews(site.gate(double))


def test_no_line_of_the_log_names_anybody(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided, appealed, decided again, taken down, refused at the edge, scanned again: roles and pseudonyms, and no name anywhere."""
    target = site.upload("x.jpg", JPEG + b"fake")
    reviews.gate.handle(target)
    [case] = reviews.cases.listed(["open"])
    reviews.decide(case.id, "release", by=ADA, reason="labelled")
    reviews.appeal(case.id, by="support/Dee", reason="a complaint")
    reviews.decide(case.id, "release", by=BOB, reason="unfounded")
    edge: list[str] = []
    monkeypatch.setattr("averment.detector.gate.delivery.refuse_at_edge", lambda _store, _key, why: edge.append(why))
    take_down(reviews, "x.jpg", by=ADA, reason="court order", key_value_store="arn:store")
    reviews.gate.handle(target)
    text = json.dumps([site.logged(), edge])
    for name in ("Ada", "Byron", "Dee", "Bob"):
        assert name not in text
    people = {line["by"] for line in site.logged() if line.get("by") not in {None, "gate"}}
    assert {who.partition("/p-")[0] for who in people} == {"trust", "support", "legal"}
    assert len(people) == 3, "one person is one pseudonym, in reviews and takedowns"


def test_the_case_a_line_names_says_who_it_was(site: Any, reviews: Reviews, capsys: pytest.CaptureFixture[str]) -> None:
    """The way back on lawful need: by the case, or by asking for somebody's pseudonym, for those who may read the table."""
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    [case] = reviews.cases.listed(["open"])
    reviews.decide(case.id, "reject", by=ADA, reason="the hands")
    [line] = [line for line in site.logged() if line["event"] == "review"]
    assert [step.by for step in reviews.cases.get(line["case"]).history if step.did == line["did"]] == [ADA]
    place = ["--table", site.table, "--published", site.published_bucket]
    assert run(["review", "pseudonym", ADA, *place]) == 0
    assert capsys.readouterr().out.strip() == line["by"]
    assert run(["review", "pseudonym", "Ada", *place]) == 2
    assert "names no role and person" in capsys.readouterr().err


def test_another_deployment_has_other_pseudonyms(reviews: Reviews) -> None:
    """The key decides: nobody who has two logs can join them, nor guess names without it; another role of the same person is another one."""
    key = reviews.cases.pseudonym_key()
    assert reviews.cases.pseudonym_key() == key, "made once"
    assert len(key) == 32
    made = {pseudonym(ADA, key), pseudonym(ADA, bytes(32)), pseudonym("legal/Ada Byron", key), pseudonym(BOB, key)}
    assert len(made) == 4
    assert pseudonym(ADA, key).startswith("trust/p-")


def test_two_who_make_the_key_at_once_get_the_same(reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one's is refused by the table, and it takes the first one's."""
    table, real = reviews.cases.table, reviews.cases._dynamodb.put_item

    def slow(**given: Any) -> Any:
        boto3.client("dynamodb").put_item(TableName=table, Item={"id": {"S": "pseudonym#key"}, "key": {"B": b"first"}})
        return real(**given)

    monkeypatch.setattr(reviews.cases._dynamodb, "put_item", slow)
    assert reviews.cases.pseudonym_key() == b"first"


def test_where_the_key_cannot_be_read_nobody_is_named_instead(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is filed and not applied, which is said; repeating it completes it."""

    def throttled(_: Cases) -> bytes:
        raise IncompleteError("throttled")

    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    [case] = reviews.cases.listed(["open"])
    with monkeypatch.context() as broken:
        broken.setattr(Cases, "pseudonym_key", throttled)
        with pytest.raises(IncompleteError):
            reviews.decide(case.id, "reject", by=ADA, reason="x")
    assert reviews.cases.get(case.id).applied is False
    reviews.decide(case.id, "reject", by=ADA, reason="x")
    assert "Ada" not in json.dumps(site.logged())
