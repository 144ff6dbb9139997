"""The states account by account: nothing that a state says is in no line, and nothing is told of the wrong account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.period import from_iso
from averment.core.scope import Scope
from averment.core.words import Method, Severity, Status
from averment.evidence.collectors.redact import hide_account
from averment.evidence.judging.assess import Evidence, assess
from averment.evidence.judging.by_account import _account, by_account
from averment.evidence.record import Gathering, Kind, Population, Record

NOW = from_iso("2026-11-20T12:00:00Z")
SHOP, VIDEO, EMPTY = "111122223333", "444455556666", "777788889999"
COUNTED = Assessment(
    "states", Method.EXAMINE, collector="media-states", expect={"field": "flagged", "at_most": 0}, max_age=timedelta(days=2)
)
ALARMS = Assessment("alarms", Method.EXAMINE, collector="alarms", expect={"field": "alarms", "at_least": 1}, max_age=timedelta(days=2))
CODE = Assessment("iac", Method.EXAMINE, policy="gated")
TERMS = Assessment("terms", Method.INTERVIEW, attestation={"role": "procurement", "question": "Contracts?", "valid_for": "365d"})


def seen(account: str | None, figure: int | None, *, collector: str = "media-states", of: int = 10, region: str = "eu-west-1") -> Record:
    field = "alarms" if collector == "alarms" else "flagged"
    return Record(
        kind=Kind(collector),
        collector=collector,
        collector_version="1",
        source="made up for a test",
        query={},
        effective_at=NOW - timedelta(hours=1),
        collected_at=NOW - timedelta(hours=1),
        payload={} if figure is None else {field: figure},
        population=Population("things", of, of),
        gathering=Gathering.COULD_NOT if figure is None else Gathering.COLLECTED,
        reason="AccessDenied" if figure is None else None,
        account=account,
        region=region,
    )


def lines(records: list[Record], *assessments: Assessment, accounts: tuple[str, ...] = (SHOP, VIDEO), regions: tuple[str, ...] = ()) -> Any:
    """By account what ``SM-UPL-03``, with all of ``assessments``, is there."""
    asked = Control("SM-UPL-03", "T", "O", Severity.HIGH, "owner", "daily", "Because", (), assessments)
    organisation = Organisation(scope=Scope(accounts=accounts, regions=regions))
    states = assess(Catalogue((asked,), {}), organisation, records, period=None, as_of=NOW)
    found = by_account(states, Evidence(records, period=None, as_of=NOW, accounts=accounts), accounts)
    return [(line.account, dict(line.controls).get("SM-UPL-03")) for line in found]


def test_each_account_has_what_was_found_there_and_the_worst_comes_first() -> None:
    assert lines([seen(SHOP, 0), seen(VIDEO, 3)], COUNTED) == [(VIDEO, Status.NOT_SATISFIED), (SHOP, Status.SATISFIED)]
    assert lines([seen(SHOP, 0), seen(VIDEO, None)], COUNTED) == [(VIDEO, Status.NOT_ASSESSED), (SHOP, Status.SATISFIED)]
    two_regions = [seen(SHOP, 0), seen(SHOP, 2, region="eu-central-1"), seen(VIDEO, 0)]
    assert lines(two_regions, COUNTED) == [(SHOP, Status.NOT_SATISFIED), (VIDEO, Status.SATISFIED)]


@pytest.mark.parametrize("other", [0, 3])
def test_an_account_or_a_region_that_handed_in_nothing_has_its_line(other: int) -> None:
    of_other = Status.NOT_SATISFIED if other else Status.SATISFIED
    assert set(lines([seen(SHOP, other)], COUNTED)) == {(VIDEO, Status.NOT_ASSESSED), (SHOP, of_other)}
    found = lines([seen(SHOP, other), seen(VIDEO, 0)], COUNTED, regions=("eu-west-1", "eu-central-1"))
    assert set(found) == {(SHOP, Status.NOT_SATISFIED if other else Status.NOT_ASSESSED), (VIDEO, Status.NOT_ASSESSED)}
    assert lines([], COUNTED) == [(SHOP, Status.NOT_ASSESSED), (VIDEO, Status.NOT_ASSESSED)], "nobody looked anywhere"


def test_an_account_in_which_there_is_nothing_of_the_kind_is_not_to_blame() -> None:
    records = [seen(SHOP, 1, collector="alarms"), seen(VIDEO, 0, collector="alarms", of=0)]
    assert lines(records, ALARMS) == [(SHOP, Status.SATISFIED), (VIDEO, Status.NOT_APPLICABLE)]


def test_what_is_of_no_account_stands_in_a_line_of_its_own() -> None:
    found = lines([seen(SHOP, 0), seen(VIDEO, 0)], COUNTED, TERMS, CODE)
    assert found == [(SHOP, Status.SATISFIED), (VIDEO, Status.SATISFIED), (None, Status.NOT_ASSESSED)]
    assert lines([], COUNTED, accounts=()) == [(None, Status.NOT_ASSESSED)]


def test_an_account_whose_id_is_hidden_is_the_one_that_is_listed() -> None:
    records = [seen(hide_account(SHOP), 3), seen(VIDEO, 0)]
    assert lines(records, COUNTED) == [(SHOP, Status.NOT_SATISFIED), (VIDEO, Status.SATISFIED)]
    unlisted = [seen(SHOP, 0), seen(VIDEO, 1)]
    assert lines(unlisted, COUNTED, accounts=()) == [(VIDEO, Status.NOT_SATISFIED), (SHOP, Status.SATISFIED)]


class _LookedUp(dict[str, str | None]):
    """Places that are asked for by name alone."""

    def items(self) -> Any:
        raise AssertionError("went through all places for one")


def test_of_many_places_the_account_is_looked_up() -> None:
    """Of 400 accounts with four regions each, all 1,600 places were gone through for each: 'status' took four times as long."""
    known = _LookedUp({f"{SHOP} eu-west-1": SHOP, hide_account(VIDEO): VIDEO})
    assert _account(f"{SHOP} eu-west-1", known) == SHOP
    assert _account(f"{SHOP} eu-west-1 2026-10-01..2026-10-31", known) == SHOP, "a stretch of time of a place"
    assert _account(hide_account(VIDEO), known) == VIDEO
    assert _account(EMPTY, known) == EMPTY, "nothing came from it"
