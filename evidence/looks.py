"""Which tests of a claim were made before: the ledger's memory, so that looking often doesn't find what isn't there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims.fields import SAYS_NOTHING
from averment.detector.claims.interface import ONE_SIDED, POPULATIONS, Look, Looks
from averment.detector.claims.registry import claim_type
from averment.detector.claims.sequential import DEFAULT_CONFIDENCE, read_plan, spent_share
from averment.evidence.claims import AskedClaim
from averment.evidence.record import Gathering, Kind, Record


class LookBook:
    """The claims that were tested, as ``records`` tell (oldest first; other kinds of records are passed over).

    A record is an earlier look at a claim if it was made for the same assessment of a control, or if its statement is about the same figure
    of the same population, whatever its bar and its sizes, and however it is written: lowering the bar until it is met is looking again,
    and so is timing one round more. Looks at the same figure of a population with another name, of other rows or under other transforms are
    handed over as well: whether they put the same question, the claim knows once it has opened the population (``sequential``). What could
    not be tested, showed nothing to infer from, or was a census is no look; a verdict without an interval is one, and so is a figure that
    is bounded on one side only. ``root`` is the folder from which places are told that aren't absolute.
    """

    def __init__(self, records: Iterable[Record], *, now: datetime, root: Path = Path()) -> None:
        self._now, self._root = now, root
        self._made: list[_Made] = []
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Count ``record``, newer than all before it, from now on."""
        if _inferred(record):
            spec = record.query["claim"]
            figure, measure = _figure(spec)
            self._made.append(_Made(figure, measure, record, _look(record), _loosely(spec)))

    def of(self, asked: AskedClaim) -> Looks:
        """The earlier looks at ``asked``."""
        figure, measure = _figure(asked.spec)
        controls = frozenset() if asked.control is None else frozenset({asked.id})
        own = [made for made in self._made if made.concerns(figure, controls)]
        others = [made for made in self._made if not made.concerns(figure, controls)]
        kin = [made.look for made in others if made.measure == measure]
        loosely, (rows, ways) = _loosely(asked.spec), _rows_and_ways(asked.spec)
        near = [made.look for made in others if made.measure != measure and made.loosely == loosely]
        looks = tuple(made.look for made in own)
        return Looks(looks, self._now, kin=tuple(kin), near=tuple(near), rows=rows, ways=ways, root=self._root)


@dataclass(frozen=True)
class _Made:
    """An earlier look, the record of it, the figure that it was at, and the same without the names of its populations; ``loosely`` is that
    without the statement's labels and transforms as well."""

    figure: bytes
    measure: bytes
    record: Record
    look: Look
    loosely: bytes

    def concerns(self, figure: bytes, controls: frozenset[str]) -> bool:
        return self.figure == figure or not controls.isdisjoint(self.record.controls)


def _inferred(record: Record) -> bool:
    if record.kind is not Kind.CLAIM or record.gathering is not Gathering.COLLECTED or not isinstance(record.query.get("claim"), Mapping):
        return False
    interval = record.payload.get("interval")
    if isinstance(interval, Mapping):
        return interval.get("confidence") != 1 or "look" in record.payload
    decided = record.payload.get("verdict") in {ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED}
    return decided or (record.payload.get("details") or {}).get(ONE_SIDED) is not None


def _figure(spec: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What tells the figure that a statement is about, with the names of its populations and without."""
    told = _told({name: value for name, value in spec.items() if name != "looks"})  # no part of it, and others could be written once
    return canonical_json(told), canonical_json({name: value for name, value in told.items() if name not in POPULATIONS})


def _loosely(spec: Mapping[str, Any]) -> bytes:
    """The figure of ``spec`` without the names of its populations, the labels of their rows, and the transforms."""
    told = _told({name: value for name, value in spec.items() if name != "looks"})
    return canonical_json({name: value for name, value in told.items() if name not in {*POPULATIONS, "where", "transforms"}})


def _rows_and_ways(spec: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[bytes]]:
    """The labels that the statement picks rows by, among those that its figure is of, and the transforms that it names."""
    told = _told({name: value for name, value in spec.items() if name != "looks"})
    rows, ways = told.get("where"), told.get("transforms")
    labels = {str(column): str(value) for column, value in rows.items()} if isinstance(rows, Mapping) else {}
    return labels, frozenset(canonical_json(way) for way in ways) if isinstance(ways, list) else frozenset()


def _told(spec: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return claim_type(spec).figure(spec)
    except BadInputError:  # recorded by another version, whose statements could say something else
        bars = {name: 0.5 for name, empty in SAYS_NOTHING.items() if spec.get(name) == empty}
        return _told({**spec, **bars}) if bars else dict(spec)  # the bar is no part of the figure


def _look(record: Record) -> Look:
    spec, payload = record.query["claim"], record.payload
    rows, ways = _rows_and_ways(spec)
    look, interval = payload.get("look") or {}, payload.get("interval") or {}
    confidence, both = spec.get("confidence", DEFAULT_CONFIDENCE), interval.get("confidence")
    figure, low, high = (_number(value) for value in (payload.get("estimate"), interval.get("low"), interval.get("high")))
    level = (1 + both) / 2 if isinstance(both, int | float) else None  # an interval has a bound at this level on either side
    known = isinstance(confidence, int | float) and 0 < confidence < 1
    return Look(
        record.effective_at,
        payload.get("inputs") or {},
        int(payload["seed"]),
        look.get("number"),
        record.id,
        spent_share(look, float(confidence), level) if known else None,
        _within(spec),
        rows,
        ways,
        figure,
        None if low is None or high is None else high - low,
        look.get("repeats"),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _within(spec: Mapping[str, Any]) -> timedelta | None:
    try:
        return read_plan(spec).within
    except BadInputError:  # a stretch of nothing, which passed once: it gives back nothing
        return None
