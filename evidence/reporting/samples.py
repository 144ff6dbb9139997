"""The samples of a period: what was drawn, out of how many, how, and by which seed, so that anybody can draw it again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from averment.evidence.record import Kind, Record

CENSUS = "all of them were looked at"
CONCERNED = "all that the claim is about were looked at"
BY_SEED = "drawn at random by the seed, without replacement, from the ordered list of the population"


@dataclass(frozen=True)
class SampleRow:
    """One sample. ``total`` is the population (None: not counted), ``size`` what was drawn from it, ``seed`` what decides which.

    ``digest`` is the SHA-256 of the names that were drawn, where the record has it: a second drawing can be compared by it.
    """

    record: str
    assessments: tuple[str, ...]
    collector: str
    source: str
    unit: str
    total: int | None
    size: int
    method: str
    seed: str | None
    digest: str | None
    effective_at: datetime


def samples(records: Iterable[Record]) -> tuple[SampleRow, ...]:
    """The samples behind ``records``, in their order: of collectors that looked at a part, and of claims."""
    found = (_claim(record) if record.kind is Kind.CLAIM else _collected(record) for record in records)
    return tuple(row for row in found if row is not None)


def _collected(record: Record) -> SampleRow | None:
    sampling, population = record.payload.get("sampling"), record.population
    if not isinstance(sampling, dict) or population is None:
        return None
    whole = population.total is not None and population.examined >= population.total
    return SampleRow(
        record.id,
        record.controls,
        record.collector,
        record.source,
        population.unit,
        population.total,
        population.examined,
        CENSUS if whole else str(sampling.get("method", "not said")),
        None if whole else str(sampling.get("seed", "")) or None,
        None,
        record.effective_at,
    )


def _claim(record: Record) -> SampleRow | None:
    payload = record.payload
    size = payload.get("samples")
    if not isinstance(size, int) or not size:
        return None
    inputs, details, population = payload.get("inputs") or {}, payload.get("details") or {}, record.population
    digest = inputs.get("sample")
    drawn = digest is not None and not details.get("census")  # what was drawn names the draw
    method = BY_SEED if drawn else CENSUS if details.get("census") else CONCERNED
    seed = payload.get("seed")
    return SampleRow(
        record.id,
        record.controls,
        record.collector,
        record.source,
        population.unit if population else "medium",
        population.total if population else None,
        size,
        method,
        str(seed) if drawn and seed is not None else None,
        digest if isinstance(digest, str) else None,
        record.effective_at,
    )
