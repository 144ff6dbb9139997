"""What genuine records leave open: what could not be collected, what was cut short, the holes between what they speak about, and whether
they came into the log when they say."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from averment.core.period import Period
from averment.core.words import counted
from averment.evidence.record import Gathering, Record

_SHOWN_GAPS = 10
_LEAST_GAP = timedelta(seconds=1)
"""Neighbouring periods may end a moment before the next begins."""

_ONE_RUN = timedelta(days=1)
"""How much earlier than the last collection that of another series may be, and how long a record may take into the log: collectors run one
after the other, in many accounts, and interrupted runs are resumed within a day."""


class OpenQuestions:
    """Counts what records leave open, one record after the other. ``period``: the time within which gaps are looked for; without one
    nothing is kept of a record but the counts, however many there are. ``as_of``: until when the whole log was known, if that is said."""

    def __init__(self, period: Period | None = None, as_of: datetime | None = None) -> None:
        self._period, self._as_of = period, as_of
        self._gathered: Counter[Gathering] = Counter()
        self._cut = self._unknown = self._sampled = 0
        self._latest: datetime | None = None
        self._series: dict[tuple[str, str, str], list[tuple[datetime, datetime]]] = defaultdict(list)

    def add(self, record: Record) -> None:
        """Look at ``record``."""
        self._gathered[record.gathering] += 1
        if (population := record.population) is not None:
            self._cut += population.truncated
            self._unknown += population.total is None
            self._sampled += population.total is not None and population.examined < population.total
        if self._period is None:
            return
        self._latest = max(self._latest or record.collected_at, record.collected_at)
        if record.period_start is not None and record.period_end is not None:
            spans = self._series[record.collector, record.account or "-", record.region or "-"]
            end = min(record.period_end, record.collected_at)  # of what was still to come, no record can speak
            if record.gathering is not Gathering.COULD_NOT and end > record.period_start:
                spans.append((record.period_start, end))

    def sentences(self) -> list[str]:
        """What the records seen so far don't show: facts that could not be had, listings cut short, gaps in the period."""
        lines: list[str] = []
        for gathering, words in ((Gathering.COULD_NOT, "could not be collected"), (Gathering.PARTIAL, "were collected in part")):
            if self._gathered[gathering]:
                lines.append(
                    f"{counted(self._gathered[gathering], 'record')} {'says' if self._gathered[gathering] == 1 else 'say'} that facts {words}."
                )
        if self._cut or self._unknown or self._sampled:
            lines.append(
                f"Populations: {counted(self._cut, 'listing')} cut short, {self._unknown} not counted, {self._sampled} examined in part."
            )
        if self._period is not None and self._latest is not None and self._latest < self._period.end:
            over = self._as_of is not None and self._as_of >= self._period.end
            what = "What came after: of the period's evidence nothing" if over else "The period was not over: nothing"
            lines.append(f"{what} was collected after {_minute(self._latest)}, and it ends {_minute(self._period.end)}.")
        gaps = self.gaps()
        if gaps:
            more = f"; and {len(gaps) - _SHOWN_GAPS} more" if len(gaps) > _SHOWN_GAPS else ""
            lines.append(f"Gaps: {'; '.join(gaps[:_SHOWN_GAPS])}{more}.")
        return lines

    def gaps(self) -> list[str]:
        """The times in the period about which a series of records says nothing, one sentence each.

        A series is what one collector says of one place (account, region). Only records that name the time they speak about count,
        and only if their facts were collected at least in part: a record that says "could not" closes no gap, and none speaks of a time
        after its collection. The time after the last collection of all, where nothing can be, is told once and not for each series.
        """
        if self._period is None or self._latest is None:
            return []
        found = []
        for (collector, account, region), spans in sorted(self._series.items()):
            place = "/".join(item for item in (account, region) if item != "-")
            for start, end in _holes(spans, self._period.start, min(self._period.end, self._latest)):
                found.append(f"{collector}{f' of {place}' if place else ''} says nothing of {_minute(start)} to {_minute(end)}")
        return found


class Order:
    """Finds records that came into the log much later than they say, from entries that are handed over in the log's order: a log only grows,
    so that one that says to be older than what stands before it was written later, or by another clock."""

    def __init__(self) -> None:
        self.latest: datetime | None = None
        """When the last of them says that it was collected."""
        self._late = 0
        self._first = ""

    def add(self, record_id: str, collected_at: datetime) -> None:
        """Look at the next entry."""
        if self.latest is not None and self.latest - collected_at > _ONE_RUN:
            self._late += 1
            self._first = self._first or record_id
        self.latest = max(self.latest or collected_at, collected_at)

    def sentences(self) -> list[str]:
        """What the order of the entries so far contradicts."""
        if not self._late:
            return []
        more = f" and {counted(self._late - 1, 'other')}" if self._late > 1 else ""
        why = "behind others that are more than a day younger: added afterwards, unless a clock was wrong"
        return [
            f"When {counted(self._late, 'record')} came about: in the log {'it stands' if self._late == 1 else 'they stand'} {why} ({self._first}{more})."
        ]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _holes(spans: list[tuple[datetime, datetime]], begin: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """What ``spans`` leave open from ``begin`` to ``until``."""
    holes, reached = [], begin
    for start, end in sorted(spans):
        if min(start, until) - reached > _LEAST_GAP:
            holes.append((reached, min(start, until)))
        reached = max(reached, end)
    if until - reached > (_ONE_RUN if spans else _LEAST_GAP):
        holes.append((reached, until))
    return holes
