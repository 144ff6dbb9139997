"""The closed vocabularies and reporting periods."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from averment.core.errors import BadInputError
from averment.core.period import from_iso, iso, parse_duration, parse_period, period_before
from averment.core.words import Status, counted, worst


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.NOT_ASSESSED),
        ([Status.SATISFIED, Status.NOT_ASSESSED], Status.NOT_ASSESSED),
        ([Status.SATISFIED, Status.NOT_ASSESSED, Status.NOT_SATISFIED], Status.NOT_SATISFIED),
        ([Status.SATISFIED, Status.WAIVED], Status.WAIVED),
        ([Status.SATISFIED, Status.NOT_APPLICABLE], Status.SATISFIED),
        ([Status.NOT_APPLICABLE], Status.NOT_APPLICABLE),
    ],
)
def test_a_control_has_the_worst_of_its_assessments(statuses: list[Status], expected: Status) -> None:
    """In any order, one missing assessment keeps a control from being satisfied, and none at all is no pass."""
    for order in itertools.permutations(statuses):
        assert worst(order) is expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026Q4", datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-Q1", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-11-01..2026-11-30", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_periods_include_their_last_day(text: str, start: datetime, end: datetime) -> None:
    """A period is half open at the midnight after its last day."""
    period = parse_period(text)
    assert (period.start, period.end) == (start, end)
    assert end - timedelta(seconds=1) in period
    assert end not in period
    assert start in period, "what held at midnight of the first day"
    assert start - timedelta(seconds=1) not in period


@pytest.mark.parametrize("text", ["", "2026Q5", "2026-13", "2026-02-30..2026-03-01", "9999Q4", "Q4"])
def test_what_is_no_period_is_refused(text: str) -> None:
    """The error shows the forms that are understood."""
    with pytest.raises(BadInputError) as caught:
        parse_period(text)
    assert "2026Q4" in str(caught.value.fix)


def test_a_period_the_wrong_way_round_says_so() -> None:
    """Both days are days, and the form is right: that it was no period told nobody why."""
    with pytest.raises(BadInputError, match="ends before it begins") as caught:
        parse_period("2026-03-02..2026-03-01")
    assert caught.value.fix == "write the earlier day first: 2026-03-01..2026-03-02"


def test_durations_and_times_round_trip() -> None:
    """Durations need a unit; times need a zone."""
    assert parse_duration("36h") == timedelta(hours=36)
    with pytest.raises(BadInputError):
        parse_duration("36")
    assert parse_duration("36525d") == timedelta(days=36_525)
    with pytest.raises(BadInputError, match="longer than a hundred years"):
        parse_duration("999999w")
    moment = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    assert from_iso(iso(moment)) == moment
    with pytest.raises(BadInputError):
        from_iso("2026-11-23T06:30:00")
    for outside in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(BadInputError, match="outside of the calendar"):
            from_iso(outside)
    with pytest.raises(ValueError, match="time zone"):
        iso(datetime(2026, 11, 23))  # noqa: DTZ001 - the naive one is the point


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2026Q4", "2026Q3"),
        ("2026Q1", "2025Q4"),
        ("2026-10", "2026-09"),
        ("2026-01", "2025-12"),
        ("2026-10-01..2026-10-10", "2026-09-21..2026-09-30"),
        ("2026-03-01..2026-03-01", "2026-02-28..2026-02-28"),
    ],
)
def test_the_period_before_is_of_the_same_kind(text: str, before: str) -> None:
    """A quarter follows a quarter, a month a month, and days as many days; it ends where the other starts."""
    found = period_before(parse_period(text))
    assert found == parse_period(before)
    assert found.end == parse_period(text).start


def test_the_calendar_begins_somewhere() -> None:
    """Before the year 1 there is no period: bad input, no traceback."""
    with pytest.raises(BadInputError, match="no period before"):
        period_before(parse_period("0001Q1"))


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [(1, "copy", "1 copy"), (2_000, "copy", "2,000 copies"), (3, "day", "3 days"), (0, "unit", "0 units"), (2, "key", "2 keys")],
)
def test_things_are_counted_as_people_write_them(number: int, name: str, expected: str) -> None:
    """One of them, and many, with a comma at thousands."""
    assert counted(number, name) == expected
