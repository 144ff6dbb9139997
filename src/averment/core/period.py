"""Reporting periods and UTC instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from averment.core.errors import BadInputError

_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_DAY = r"\d{4}-\d{2}-\d{2}"
_RANGE = re.compile(rf"({_DAY})(?:\.\.|/)({_DAY})", re.ASCII)
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d|w)", re.ASCII)
LONGEST_DURATION = timedelta(days=36_525)
"""A hundred years. What is longer bounds nothing, and added to a day it leaves the calendar."""
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of time, ``start <= t < end``, both UTC; ``label`` is how the user named it."""

    label: str
    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def parse_period(text: str) -> Period:
    """Read ``2026Q4``, ``2026-10`` or ``2026-10-01..2026-12-31`` (both days included).

    Raises:
        BadInputError: none of these forms, an impossible day, or an end before the start.
    """
    fix = "write 2026Q4, 2026-10, or 2026-10-01..2026-12-31"
    try:
        if match := _QUARTER.fullmatch(text):
            year, first = int(match[1]), 3 * int(match[2]) - 2
            return Period(f"{year}Q{match[2]}", _first_of(year, first), _first_of(year, first + 3))
        if match := _MONTH.fullmatch(text):
            year, month = int(match[1]), int(match[2])
            return Period(text, _first_of(year, month), _first_of(year, month + 1))
        if match := _RANGE.fullmatch(text):
            start = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
            end = datetime.fromisoformat(match[2]).replace(tzinfo=UTC) + timedelta(days=1)
            if start < end:
                return Period(f"{match[1]}..{match[2]}", start, end)
            raise BadInputError(f"'{text}' ends before it begins", fix=f"write the earlier day first: {match[2]}..{match[1]}")
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"'{text}' is not a period: {error}", fix=fix) from error
    raise BadInputError(f"'{text}' is not a period", fix=fix)


def period_before(period: Period) -> Period:
    """The period just before ``period``: the quarter before a quarter, the month before a month, else as many days before.

    Raises:
        BadInputError: there is none (the calendar begins with the year 1).
    """
    try:
        last = period.start - timedelta(days=1)
        if _QUARTER.fullmatch(period.label):
            return parse_period(f"{last.year:04}Q{(last.month + 2) // 3}")
        if _MONTH.fullmatch(period.label):
            return parse_period(f"{last.year:04}-{last.month:02}")
        start = period.start - (period.end - period.start)
        return parse_period(f"{start:%Y-%m-%d}..{last:%Y-%m-%d}")
    except OverflowError as error:
        raise BadInputError(f"there is no period before {period.label}", fix="choose a later period") from error


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``15m``, ``24h``, ``7d`` or ``2w``.

    Raises:
        BadInputError: not a whole number followed by one of these units, or longer than ``LONGEST_DURATION``.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise BadInputError(f"'{text}' is not a duration", fix="write a whole number and a unit: 90s, 15m, 24h, 365d, 2w")
    length = timedelta(**{_UNIT[match[2]]: int(match[1])})
    if length > LONGEST_DURATION:
        raise BadInputError(f"'{text}' is longer than a hundred years", fix="write a length of time after which somebody looks again: 365d")
    return length


def utc_now() -> datetime:
    """The present instant, UTC, whole seconds (records carry no finer time)."""
    return datetime.now(UTC).replace(microsecond=0)


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with a ``Z``, whole seconds. Naive datetimes are refused.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The inverse of ``iso``.

    Raises:
        BadInputError: not RFC 3339, or without a time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(f"'{text}' is not an RFC 3339 time", fix="write 2026-10-01T12:00:00Z") from error
    if moment.tzinfo is None:
        raise BadInputError(f"'{text}' has no time zone", fix="end it with Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # 0001-01-01T00:00:00+14:00
        raise BadInputError(f"'{text}' lies outside of the calendar in UTC", fix="write 2026-10-01T12:00:00Z") from error


def _first_of(year: int, month: int) -> datetime:
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
