"""Since when a control has its state: by evidence that came, by time alone, and where the bound is reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period
from averment.core.words import Method, Severity, Status
from averment.evidence.judging import since as module
from averment.evidence.judging.assess import assess
from averment.evidence.judging.lately import RUN, Lately
from averment.evidence.judging.since import Since, since
from averment.evidence.record import Kind, Record

NOW = from_iso("2026-11-20T12:00:00Z")
DAY = timedelta(days=1)


def control(control_id: str, rule: str, days: int) -> Control:
    found = Assessment("iac", Method.EXAMINE, policy=rule, max_age=timedelta(days=days))
    return Control(control_id, "Title", "Objective", Severity.HIGH, "owner", "daily", "Because", (), (found,))


CATALOGUE = Catalogue((control("SM-UPL-01", "one", 60), control("SM-UPL-02", "two", 5)), {})


def check(at_days_ago: float, *failing: str) -> Record:
    """A check of both rules, of which ``failing`` fail."""
    at = NOW - timedelta(days=at_days_ago)
    findings = [{"rule": name, "verdict": "fail", "resource": "r", "message": "open", "where": "main.tf:1"} for name in failing]
    findings += [{"rule": name, "verdict": "pass", "resource": "r", "message": "", "where": ""} for name in {"one", "two"} - set(failing)]
    return Record(
        kind=Kind.CHECK,
        collector="check",
        collector_version="1",
        source="made up for a test",
        query={},
        effective_at=at,
        collected_at=at,
        payload={"rules": ["one", "two"], "findings": findings, "problems": []},
    )


def held(*records: Record, period: str | None = None) -> tuple[dict[str, Status], dict[str, Since]]:
    when = parse_period(period) if period else None
    states = assess(CATALOGUE, Organisation(), records, period=when, as_of=NOW)
    found = since(CATALOGUE, Organisation(), Lately(records, when, NOW, runs=module.RUNS), states, period=when, as_of=NOW)
    return {state.control.id: state.status for state in states}, found


def test_evidence_that_turned_it_is_the_moment() -> None:
    """Failing since the check that first found it, however often it was found again; satisfied since the first that passed."""
    _, found = held(check(10), check(8), check(6, "one"), check(4, "one"), check(2, "one"))
    assert found["SM-UPL-01"] == Since(NOW - 6 * DAY)
    assert found["SM-UPL-02"] == Since(NOW - 10 * DAY)


def test_the_latest_change_counts() -> None:
    """It failed, was mended, and failed again: since the last time."""
    _, found = held(check(10, "one"), check(6), check(2, "one"))
    assert found["SM-UPL-01"] == Since(NOW - 2 * DAY)


def test_time_alone_can_turn_it() -> None:
    """Evidence that may be five days old made it satisfied; since it is stale it is not assessed, from that minute."""
    states, found = held(check(10))
    assert states == {"SM-UPL-01": Status.SATISFIED, "SM-UPL-02": Status.NOT_ASSESSED}
    assert found["SM-UPL-01"] == Since(NOW - 10 * DAY)
    assert abs(found["SM-UPL-02"].at - (NOW - 5 * DAY)) <= timedelta(minutes=1)


def test_stale_in_between_counts_as_a_change() -> None:
    """Satisfied again after a gap in which the evidence was stale: since the evidence that ended the gap."""
    _, found = held(check(20), check(3))
    assert found["SM-UPL-02"] == Since(NOW - 3 * DAY)
    assert found["SM-UPL-01"] == Since(NOW - 20 * DAY)


def test_what_was_never_known_has_no_since() -> None:
    """Without any evidence nothing is said; with evidence of another collector alone it isn't either."""
    assert held() == ({"SM-UPL-01": Status.NOT_ASSESSED, "SM-UPL-02": Status.NOT_ASSESSED}, {})


def test_a_period_counts_from_its_own_evidence() -> None:
    """Evidence from before the period doesn't make a state of the period."""
    _, found = held(check(60), check(10), period="2026Q4")
    assert found["SM-UPL-01"] == Since(NOW - 10 * DAY)


def test_a_run_is_one_moment() -> None:
    """Collectors of a run finish minutes apart; between them nobody looked."""
    _, found = held(check(2 + 5 / 1440, "one"), check(2))
    assert found["SM-UPL-01"] == Since(NOW - 2 * DAY)


def test_who_collects_every_few_minutes_hears_since_when() -> None:
    """All day, without a pause that would end a run: of what had failed for an hour and a half it was told since the last check, and of the rest, too."""
    _, found = held(*(check(9 * number / 1440, *(["one"] if number <= 10 else [])) for number in range(1, 101)))
    known, rest = found["SM-UPL-01"], found["SM-UPL-02"]
    assert (known.at_least, abs(known.at - (NOW - timedelta(minutes=90))) <= RUN) == (False, True)
    assert (rest.at_least, rest.at < NOW - timedelta(hours=3)) == (True, True)


def test_a_long_run_that_asks_nothing_twice_is_one_moment() -> None:
    """Many accounts one after the other, and claims that take their time: what was so halfway is nobody's state."""
    accounts = [replace(check(2 - 8 * number / 1440), account=f"{number:012}", id="") for number in range(9)]
    claims = [replace(check(2 - (64 + 8 * number) / 1440), kind=Kind.CLAIM, id="") for number in range(9)]
    assert Lately([*accounts, *claims], None, NOW, runs=module.RUNS).runs == [claims[-1].collected_at]


@pytest.mark.parametrize(("bound", "value"), [("MAX_WORK", 8), ("MAX_STEPS", 3)])
def test_beyond_the_bound_it_says_at_least(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is counted; what it doesn't reach is 'or before', not a guess."""
    monkeypatch.setattr(module, bound, value)
    _, found = held(*(check(days) for days in (9, 8, 7, 6)))
    assert found["SM-UPL-01"].at_least
    assert found["SM-UPL-01"].at <= NOW - 6 * DAY


def test_a_moment_that_was_not_searched_to_the_end_is_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stale five days after its evidence: where the bound was reached in the search, hours later was told as the moment itself."""
    monkeypatch.setattr(module, "MAX_STEPS", 6)
    _, found = held(check(10))
    stale = found["SM-UPL-02"]
    assert (stale.at_least, stale.at > NOW - 5 * DAY + timedelta(minutes=1)) == (True, True)


def test_the_work_does_not_grow_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred and fifty runs that all say the same are judged so many times and no more."""
    times = []
    monkeypatch.setattr(module, "assess", lambda *given, **more: times.append(1) or assess(*given, **more))
    _, found = held(*(check(days) for days in range(1, 150)))
    assert len(times) <= module.MAX_STEPS + 2
    assert found["SM-UPL-01"].at_least


@pytest.mark.parametrize(
    "other",
    [
        {"account": "444455556666"},
        {"region": "eu-north-1"},
        {"source": "another"},
        {"controls": ("SM-UPL-02/terms",)},
        {"kind": Kind.CLAIM},
        {"collector": "checkov-report"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_was_asked_elsewhere_does_not_stand_for_what_is_dated_ahead(other: dict[str, Any]) -> None:
    """Of a record that counts for nothing yet, what it may have found wrong is out of sight until the very same was asked again."""
    ahead = replace(check(-1, "one"), account="111122223333", region="eu-west-1", controls=("SM-UPL-01",))
    again = replace(ahead, collected_at=NOW, effective_at=NOW)
    for later, unheard in ((replace(again, **other), True), (again, False)):
        told = Lately([ahead, later], None, NOW, runs=1).ahead
        assert (told.count, told.unheard, "collect again" in (told.told or "")) == (1, unheard, unheard)
