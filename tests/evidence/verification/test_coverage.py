"""What genuine records leave open: counts, and the times that nobody speaks about."""

from __future__ import annotations

from datetime import UTC, datetime

from averment.core.period import parse_period
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.verification.coverage import OpenQuestions, Order

Q4 = parse_period("2026Q4")


def record(start: str, end: str, **more: object) -> Record:
    """A record that speaks about the days from ``start`` to ``end``."""
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    values = {
        "kind": Kind.CONFIG_HISTORY,
        "collector": "history",
        "collector_version": "1",
        "source": "made up",
        "query": {},
        "payload": {},
    }
    return Record(**{**values, "effective_at": last, "collected_at": last, "period_start": first, "period_end": last, **more})  # type: ignore[arg-type]


def sentences(*records: Record, within: bool = True) -> str:
    """What is said about them."""
    questions = OpenQuestions(Q4 if within else None)
    for item in records:
        questions.add(item)
    return " ".join(questions.sentences())


def test_holes_between_records_are_gaps():
    """Before the first, between two, after the last; overlaps and what reaches beyond the period make none."""
    other = record("2026-10-01", "2027-01-01", collector="other")
    text = sentences(record("2026-10-05", "2026-11-01"), record("2026-10-20", "2026-11-10"), record("2026-11-12", "2026-12-24"), other)
    assert "history says nothing of 2026-10-01 00:00 to 2026-10-05 00:00" in text
    assert "2026-11-10 00:00 to 2026-11-12 00:00" in text
    assert "2026-12-24 00:00 to 2027-01-01 00:00" in text
    assert text.count("says nothing") == 3
    assert sentences(record("2026-09-01", "2026-11-01"), record("2026-11-01", "2027-02-01")) == ""


def test_no_record_speaks_of_what_came_after_it():
    """A series that stopped early in the quarter that it names leaves the rest of it open; it counted as told to the quarter's end."""
    whole = parse_period("2026Q4")
    early = {"period_start": whole.start, "period_end": whole.end}
    stopped = record("2026-10-01", "2026-10-05", **early)
    text = sentences(stopped, record("2026-10-01", "2026-12-20", collector="other", **early))
    assert "Gaps: history says nothing of 2026-10-05 00:00 to 2026-12-20 00:00." in text
    assert "The period was not over: nothing was collected after 2026-12-20 00:00, and it ends 2027-01-01 00:00." in text
    alone = sentences(stopped)
    assert "nothing was collected after 2026-10-05 00:00" in alone
    assert "Gaps" not in alone


def test_a_period_that_is_over_is_not_said_to_go_on():
    """The log was known beyond the period's end, where the records of other times stand: it isn't that the period was not over."""
    questions = OpenQuestions(Q4, datetime(2027, 2, 1, tzinfo=UTC))
    questions.add(record("2026-10-01", "2026-12-31"))
    text = " ".join(questions.sentences())
    assert "What came after: of the period's evidence nothing was collected after 2026-12-31 00:00, and it ends 2027-01-01 00:00." in text
    assert "was not over" not in text


def test_a_run_that_takes_its_time_leaves_no_gap():
    """What was collected within a day before the last collection belongs to the same run."""
    first, last = (record("2026-10-01", day, collector=day) for day in ("2026-12-31", "2027-01-01"))
    assert sentences(first, last) == ""


def ordered(*days: str) -> str:
    """What the order of records that were collected on these days contradicts."""
    order = Order()
    for number, day in enumerate(days):
        order.add(f"record-{number}", datetime.fromisoformat(day).replace(tzinfo=UTC))
    return " ".join(order.sentences())


def test_a_record_that_came_later_than_it_says_is_told():
    """Whoever fills a hole afterwards can't put the record where it would have been: the log only grows."""
    text = ordered("2026-10-05", "2026-12-20", "2026-11-01", "2026-12-21", "2026-11-02")
    assert "When 2 records came about" in text
    assert "(record-2 and 1 other)" in text
    assert "(record-1)" in ordered("2026-10-05", "2026-10-01")


def test_records_of_one_run_may_come_in_any_order():
    """Accounts are collected side by side, and their records enter the log as they are ready."""
    assert ordered("2026-10-05T12:00", "2026-10-05T13:00", "2026-10-05T09:00", "2026-10-06T08:00", "2026-10-06T08:00") == ""
    assert ordered() == ""


def test_each_place_is_a_series_of_its_own():
    """One account's records don't fill the gap of another's."""
    whole, half = ("2026-10-01", "2027-01-01"), ("2026-10-01", "2026-11-01")
    text = sentences(record(*whole, account="111111111111", region="eu-west-1"), record(*half, account="222222222222", region="eu-west-1"))
    assert "history of 222222222222/eu-west-1 says nothing of 2026-11-01 00:00 to 2027-01-01 00:00" in text
    assert "111111111111" not in text


def test_what_could_not_be_collected_closes_no_gap():
    """A record that says why there is nothing is counted, and the time stays open."""
    text = sentences(record("2026-10-01", "2027-01-01", gathering=Gathering.COULD_NOT, reason="AccessDenied"))
    assert "1 record says that facts could not be collected." in text
    assert "says nothing of 2026-10-01 00:00 to 2027-01-01 00:00" in text


def test_populations_are_summed_up():
    """Cut short, uncounted, examined in part: how many of each."""
    text = sentences(
        record("2026-10-01", "2027-01-01", population=Population("objects", 10, 4, truncated=True)),
        record("2026-10-01", "2027-01-01", population=Population("objects", None, 4)),
        record("2026-10-01", "2027-01-01", population=Population("objects", 4, 4)),
    )
    assert text == "Populations: 1 listing cut short, 1 not counted, 1 examined in part."


def test_without_a_period_nobody_looks_for_gaps():
    """A whole ledger has no period of its own."""
    assert sentences(record("2026-10-05", "2026-11-01"), within=False) == ""
