"""Of a ledger however long, what decides its states now and at the moments of the last runs of collection.

What was collected before these runs is kept as far as it can decide a state (``decisive``), what they brought is kept whole: who looks back at a
moment judges by what was known then.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from averment.core.period import Period
from averment.evidence.judging.ahead import Ahead
from averment.evidence.judging.decisive import Decisive
from averment.evidence.record import Kind, Record

RUN = timedelta(minutes=10)
"""Records that are collected closer together belong to one run, unless it has lasted as long and asks again what it had asked: some collect every few
minutes, all day. What held between two collectors of a run is nobody's state."""

_ONE_BY_ONE = frozenset({Kind.CLAIM, Kind.ATTESTATION, Kind.INCIDENT})
"""Kinds of which a run brings many records, none of which asks again what another did."""

_FEW = 200
"""So many records are kept without asking from how many runs they are."""


class Lately:
    """The records of ``period`` (None: of all time) that were collected by ``as_of``, handed over in the ledger's order; the last ``runs`` of them whole.
    ``ahead`` are those that were collected later."""

    def __init__(self, records: Iterable[Record], period: Period | None, as_of: datetime, *, runs: int) -> None:
        self._most = runs
        self.ahead = Ahead(period, as_of)
        self._decisive = Decisive(period)
        self._until: datetime | None = None
        self._late: list[Record] = []
        self._enough = _FEW
        self.count = 0
        for record in records:
            self._add(record)
        self._fold()

    @property
    def whole(self) -> bool:
        """Whether ``runs`` are all that there were."""
        return self._until is None

    @cached_property
    def runs(self) -> list[datetime]:
        """The last moment of each run that is kept, the oldest first."""
        return _ends(self._late)

    @cached_property
    def now(self) -> list[Record]:
        """What decides the states by all that was collected."""
        return self._known[-1]

    def at(self, moment: datetime) -> list[Record]:
        """What decides the states at ``moment``, which isn't before the first of ``runs``, and perhaps what was collected later in the run after it."""
        before = bisect_right(self.runs, moment)
        return [*self._known[before], *(self._brought[before] if before < len(self.runs) else ())]

    def _add(self, record: Record) -> None:
        self.count += 1
        if self.ahead.holds(record):
            return
        if self._until is not None and record.collected_at <= self._until:
            self._decisive.add(record)
            return
        if len(self._late) >= self._enough:
            self._fold()
        self._late.append(record)

    def _fold(self) -> None:
        """Keep of the runs before the last ones what can decide a state."""
        ends = _ends(self._late)
        if len(ends) > self._most:
            until = self._until = ends[-self._most - 1]
            for record in self._late:
                if record.collected_at <= until:
                    self._decisive.add(record)
            self._late = [record for record in self._late if record.collected_at > until]
        self._enough = max(_FEW, len(self._late) * 3 // 2)

    @cached_property
    def _brought(self) -> list[list[Record]]:
        """The records of each run."""
        found: list[list[Record]] = [[] for _ in self.runs]
        for record in self._late:
            found[bisect_left(self.runs, record.collected_at)].append(record)
        return found

    @cached_property
    def _known(self) -> list[list[Record]]:
        """What decides the states before the first of ``runs``, and after each of them."""
        known = [list(self._decisive)]
        for brought in self._brought:
            for record in brought:
                self._decisive.add(record)
            known.append(list(self._decisive))
        return known


def _ends(records: Iterable[Record]) -> list[datetime]:
    """The last moment of each run of collection, the oldest first."""
    runs: list[tuple[datetime, datetime]] = []
    asked: set[tuple[object, ...]] = set()
    for record in sorted(records, key=lambda record: record.collected_at):
        moment, what = record.collected_at, _asked(record)
        first, last = runs[-1] if runs else (moment, moment)
        if runs and moment - last <= RUN and (moment == last or moment - first <= RUN or what not in asked):
            runs[-1] = first, moment
        else:
            asked = set()
            runs.append((moment, moment))
        if record.kind not in _ONE_BY_ONE:
            asked.add(what)
    return [last for _, last in runs]


def _asked(record: Record) -> tuple[object, ...]:
    """What was asked, of whom and where, by which one run is told from the next."""
    return record.collector, record.source, record.account, record.region, record.period_start, record.period_end
