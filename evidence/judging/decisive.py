"""Of a ledger however long, the few records that can decide a state: what is kept when its entries go by once.

A state rests, for each collector and place (and stretch of time that it was collected for), on the latest record, on the latest that wasn't a
failure, on the latest that was complete, as far as the question goes, on the parts that came after it (``judges.judge_history``), of which
those that say the same are told by the last of them, and those after which a sample looked at as much are left out; and on the latest that found
something of what is asked about (``places``). The comparison of code and deployment and the operation over time rest on the latest of each kind
there. Of claims and attestations every one is kept, because how often a claim was run is told with its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.period import Period
from averment.evidence.judging.assess import counts_in
from averment.evidence.judging.places import has_some
from averment.evidence.judging.sampled import is_sample, sees_as_much
from averment.evidence.record import LOOKING_BACK, Gathering, Kind, Record, stretch_of

_ALL_COUNT = frozenset({Kind.CLAIM, Kind.ATTESTATION})
_Place = tuple[str, Kind, str | None, str | None, str | None, tuple[datetime, datetime] | None]
_Kept = tuple[tuple[datetime, datetime], int, Record]
_COMPLETE = "complete"


class Decisive:
    """The records that can decide a state of ``period`` (None: of all time), picked from those that are handed over in the ledger's order.

    ``assess`` says of them what it would say of all, whatever moment it is asked for that isn't before the latest collection.
    """

    def __init__(self, period: Period | None) -> None:
        self._period = period
        self._number = 0
        self._kept: list[tuple[int, Record]] = []
        self._latest: dict[tuple[_Place, str], _Kept] = {}
        self._parts: dict[_Place, dict[tuple[str, str], _Kept]] = {}
        self._drawn: set[_Place] = set()

    def add(self, record: Record) -> None:
        """Look at ``record``, which comes after those before it in the ledger."""
        if not counts_in(record, self._period):
            return
        self._number += 1
        if record.kind in _ALL_COUNT or record.effective_at > record.collected_at:
            # A fact ahead of its own collection: whether it counts is known when the end of the ledger is.
            self._kept.append((self._number, record))
            return
        source = None if record.account or record.region else record.source
        stretch = stretch_of(record) if record.collector in LOOKING_BACK else None
        place = (record.collector, record.kind, record.account, record.region, source, stretch)
        kept = ((record.effective_at, record.collected_at), self._number, record)
        sorts = list(_sorts(record))
        for sort in sorts:
            _keep_later(self._latest, (place, sort), kept)
        complete = self._latest.get((place, _COMPLETE))
        parts = self._parts.setdefault(place, {})
        if _COMPLETE not in sorts and record.gathering is not Gathering.COULD_NOT and (complete is None or kept[0] >= complete[0]):
            if is_sample(record):
                self._drawn.add(place)
                for said in [said for said, part in parts.items() if part[0] <= kept[0] and sees_as_much(record, part[2])]:
                    del parts[said]
            # Of a place that nobody drew from there may be thousands of parts, which aren't gone through for each.
            if place not in self._drawn or not any(part[0] > kept[0] and sees_as_much(part[2], record) for part in parts.values()):
                _keep_later(parts, (sorts[-1], sha256_hex(canonical_json(record.payload))), kept)
        elif complete is not None and complete[1] == self._number:
            self._parts[place] = {said: part for said, part in parts.items() if part[0] > kept[0]}

    def __iter__(self) -> Iterator[Record]:
        """Those that were kept, in the ledger's order, each once."""
        parts = (part for parts in self._parts.values() for part in parts.values())
        kept = dict(self._kept) | {number: record for _, number, record in (*self._latest.values(), *parts)}
        return (kept[number] for number in sorted(kept))


def decisive(records: Iterable[Record], period: Period | None, as_of: datetime) -> Decisive:
    """Of ``records``, in the ledger's order, those that can decide a state of ``period`` by what was collected by ``as_of``."""
    kept = Decisive(period)
    for record in records:
        if record.collected_at <= as_of:
            kept.add(record)
    return kept


def _keep_later(kept: dict[Any, _Kept], name: object, found: _Kept) -> None:
    """Of those of one second the one that came later counts, as in ``judges.in_order``."""
    known = kept.get(name)
    if known is None or found[0] >= known[0]:
        kept[name] = found


def _sorts(record: Record) -> Iterator[str]:
    """As what ``record`` may be the latest. Whether one that was cut short is complete is for each question to say, by what it has ``whole``."""
    yield "any"
    if record.gathering is not Gathering.COULD_NOT:
        yield "usable"
        counts = record.payload.get("out_of")
        for field in counts if isinstance(counts, Mapping) else ():
            if has_some(record, field):
                yield f"some {field}"
    if record.gathering is Gathering.COLLECTED:
        cut = is_sample(record) or (record.population is not None and record.population.truncated)
        yield f"cut, whole {record.payload.get('whole')}" if cut else _COMPLETE
