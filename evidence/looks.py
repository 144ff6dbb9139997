"""Which tests of a claim were made before: the ledger's memory, so that looking often doesn't find what isn't there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.detector.claims.fields import SAYS_NOTHING
from averment.detector.claims.interface import Look, Looks
from averment.detector.claims.registry import claim_type
from averment.evidence.claims import AskedClaim
from averment.evidence.record import Gathering, Kind, Record


class LookBook:
    """The claims that were tested, as ``records`` tell (oldest first; other kinds of records are passed over).

    A record is an earlier look at a claim if it was made for the same assessment of a control, or if its statement is about the same
    figure of the same population, whatever its bar and its sizes, and however it is written: lowering the bar until it is met is looking again,
    and so is timing one round more. What could not be tested, showed nothing to infer from, or was a census is no look.
    """

    def __init__(self, records: Iterable[Record], *, now: datetime) -> None:
        self._now = now
        self._made: list[_Made] = []
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Count ``record``, newer than all before it, from now on."""
        if _inferred(record):
            self._made.append(_Made(_figure(record.query["claim"]), record, _look(record)))

    def of(self, asked: AskedClaim) -> Looks:
        """The earlier looks at ``asked``."""
        figure = _figure(asked.spec)
        controls = frozenset() if asked.control is None else frozenset({asked.id})
        return Looks(tuple(made.look for made in self._made if made.concerns(figure, controls)), self._now)

    def before(self, record: Record) -> Looks:
        """The looks that were known when the claim of ``record`` was tested: what a second run of it has to count."""
        figure, controls = _figure(record.query["claim"]), frozenset(record.controls)
        known = [made for made in self._made if made.record.collected_at <= record.effective_at]
        return Looks(tuple(made.look for made in known if made.concerns(figure, controls)), record.effective_at)


@dataclass(frozen=True)
class _Made:
    """An earlier look, the record of it, and the figure that it was at."""

    figure: bytes
    record: Record
    look: Look

    def concerns(self, figure: bytes, controls: frozenset[str]) -> bool:
        return self.figure == figure or not controls.isdisjoint(self.record.controls)


def _inferred(record: Record) -> bool:
    if record.kind is not Kind.CLAIM or record.gathering is not Gathering.COLLECTED or not isinstance(record.query.get("claim"), Mapping):
        return False
    interval = record.payload.get("interval")
    return isinstance(interval, Mapping) and interval.get("confidence") != 1


def _figure(spec: Mapping[str, Any]) -> bytes:
    try:
        return canonical_json(claim_type(spec).figure(spec))
    except BadInputError:  # recorded by another version, whose statements could say something else
        bars = {name: 0.5 for name, empty in SAYS_NOTHING.items() if spec.get(name) == empty}
        return _figure({**spec, **bars}) if bars else canonical_json(dict(spec))  # the bar is no part of the figure


def _look(record: Record) -> Look:
    look = record.payload.get("look") or {}
    return Look(record.effective_at, record.payload.get("inputs") or {}, int(record.payload["seed"]), look.get("number"), record.id)
