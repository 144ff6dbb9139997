"""What genuine records leave open: what could not be collected, what was cut short, and the holes between what they speak about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from averment.core.period import Period
from averment.evidence.record import Gathering, Record

_SHOWN_GAPS = 10
_LEAST_GAP = timedelta(seconds=1)
"""Neighbouring periods may end a moment before the next begins."""


def open_questions(records: Sequence[Record], period: Period | None) -> list[str]:
    """Sentences about what ``records`` don't show: facts that could not be had, listings cut short, gaps within ``period``."""
    lines: list[str] = []
    gathered = Counter(record.gathering for record in records)
    for gathering, words in ((Gathering.COULD_NOT, "could not be collected"), (Gathering.PARTIAL, "were collected in part")):
        if gathered[gathering]:
            lines.append(f"{gathered[gathering]} records say that their facts {words}.")
    populations = [record.population for record in records if record.population is not None]
    cut = sum(1 for population in populations if population.truncated)
    unknown = sum(1 for population in populations if population.total is None)
    sampled = sum(1 for population in populations if population.total is not None and population.examined < population.total)
    if cut or unknown or sampled:
        lines.append(f"Populations: {cut} listings were cut short, {unknown} were not counted, {sampled} were examined in part.")
    gaps = gaps_of(records, period) if period is not None else []
    if gaps:
        lines.append(f"Gaps: {'; '.join(gaps[:_SHOWN_GAPS])}{f'; and {len(gaps) - _SHOWN_GAPS} more' if len(gaps) > _SHOWN_GAPS else ''}.")
    return lines


def gaps_of(records: Iterable[Record], period: Period) -> list[str]:
    """The times in ``period`` about which a series of records says nothing, one sentence each.

    A series is what one collector says of one place (account, region). Only records that name the time they speak about count, and
    only if their facts were collected at least in part: a record that says "could not" closes no gap.
    """
    series: dict[tuple[str, str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for record in records:
        if record.period_start is None or record.period_end is None:
            continue
        spans = series[record.collector, record.account or "-", record.region or "-"]
        if record.gathering is not Gathering.COULD_NOT:
            spans.append((record.period_start, record.period_end))
    found = []
    for (collector, account, region), spans in sorted(series.items()):
        place = "/".join(item for item in (account, region) if item != "-")
        for start, end in _holes(spans, period):
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
