"""What genuine records leave open: what could not be collected, what was cut short, and the holes between what they speak about."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from averment.core.period import Period
from averment.evidence.record import Gathering, Record

_SHOWN_GAPS = 10
_LEAST_GAP = timedelta(seconds=1)
"""Neighbouring periods may end a moment before the next begins."""


class OpenQuestions:
    """Counts what records leave open, one record after the other. ``period``: the time within which gaps are looked for; without one
    nothing is kept of a record but the counts, however many there are."""

    def __init__(self, period: Period | None = None) -> None:
        self._period = period
        self._gathered: Counter[Gathering] = Counter()
        self._cut = self._unknown = self._sampled = 0
        self._series: dict[tuple[str, str, str], list[tuple[datetime, datetime]]] = defaultdict(list)

    def add(self, record: Record) -> None:
        """Look at ``record``."""
        self._gathered[record.gathering] += 1
        if (population := record.population) is not None:
            self._cut += population.truncated
            self._unknown += population.total is None
            self._sampled += population.total is not None and population.examined < population.total
        if self._period is not None and record.period_start is not None and record.period_end is not None:
            spans = self._series[record.collector, record.account or "-", record.region or "-"]
            if record.gathering is not Gathering.COULD_NOT:
                spans.append((record.period_start, record.period_end))

    def sentences(self) -> list[str]:
        """What the records seen so far don't show: facts that could not be had, listings cut short, gaps in the period."""
        lines: list[str] = []
        for gathering, words in ((Gathering.COULD_NOT, "could not be collected"), (Gathering.PARTIAL, "were collected in part")):
            if self._gathered[gathering]:
                lines.append(f"{self._gathered[gathering]} records say that their facts {words}.")
        if self._cut or self._unknown or self._sampled:
            lines.append(
                f"Populations: {self._cut} listings were cut short, {self._unknown} were not counted, {self._sampled} were examined in part."
            )
        gaps = self.gaps()
        if gaps:
            more = f"; and {len(gaps) - _SHOWN_GAPS} more" if len(gaps) > _SHOWN_GAPS else ""
            lines.append(f"Gaps: {'; '.join(gaps[:_SHOWN_GAPS])}{more}.")
        return lines

    def gaps(self) -> list[str]:
        """The times in the period about which a series of records says nothing, one sentence each.

        A series is what one collector says of one place (account, region). Only records that name the time they speak about count,
        and only if their facts were collected at least in part: a record that says "could not" closes no gap.
        """
        if self._period is None:
            return []
        found = []
        for (collector, account, region), spans in sorted(self._series.items()):
            place = "/".join(item for item in (account, region) if item != "-")
            for start, end in _holes(spans, self._period):
                found.append(f"{collector}{f' of {place}' if place else ''} says nothing of {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
        return found


def _holes(spans: list[tuple[datetime, datetime]], period: Period) -> list[tuple[datetime, datetime]]:
    """What ``spans`` leave open of ``period``."""
    holes, reached = [], period.start
    for start, end in sorted(spans):
        if min(start, period.end) - reached > _LEAST_GAP:
            holes.append((reached, min(start, period.end)))
        reached = max(reached, end)
    if period.end - reached > _LEAST_GAP:
        holes.append((reached, period.end))
    return holes
