"""What a record of a sample can show: of a failure that was seen among more things, one that looked at fewer says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.evidence.record import Gathering, Kind, Record

_NEVER = frozenset({Kind.CHECK, Kind.CONFIG_COMPLIANCE, Kind.CONFIG_HISTORY})
"""Kinds of records that name each resource of a rule: they bring all of them, or a part for lack of something."""


def is_sample(record: Record, field: str | None = None) -> bool:
    """Whether ``record`` is of a part of what there was by choice, and not for lack of anything; with ``field`` whether what that counts is."""
    population = record.population
    if record.kind in _NEVER or record.gathering is not Gathering.COLLECTED:
        return False
    if population is None or population.truncated or population.total is None:
        return False
    return population.examined < population.total and field not in whole_fields(record)


def whole_fields(record: Record) -> frozenset[str]:
    """The figures of ``record`` that were counted in full, whatever was cut short or drawn beside them. Records of media from before these were
    listed tell it by the objects of a role where there are none."""
    whole, population = record.payload.get("whole"), record.population
    if isinstance(whole, list):
        return frozenset(map(str, whole))
    summary, counts = record.payload.get("summary"), record.payload.get("out_of")
    if record.kind is not Kind.MEDIA_STATES or population is None or population.truncated:
        return frozenset()
    if not isinstance(summary, Mapping) or not isinstance(counts, Mapping):
        return frozenset()
    return frozenset(field for field in counts if summary.get(f"{field.removeprefix('summary.').partition('_')[0]}_total") == 0)


def judged(record: Record, field: str) -> int:
    """How many things of the kind that ``field`` counts were looked at; those of any kind, where the record doesn't tell them apart."""
    counts, population = record.payload.get("out_of"), record.population
    found = counts.get(field) if isinstance(counts, Mapping) else None
    if isinstance(found, int):
        return found
    return population.examined if population else 0


def sees_as_much(later: Record, earlier: Record) -> bool:
    """Whether the sample ``later`` would show, of every figure, what the sample or part ``earlier`` did; a figure that was found without anything of
    its kind is shown by one of the kind, at least."""
    if not is_sample(later) or earlier.gathering is Gathering.COULD_NOT or not whole_fields(earlier) <= whole_fields(later):
        return False
    told = [counts for record in (later, earlier) if isinstance(counts := record.payload.get("out_of"), Mapping)]
    return all(
        judged(later, field) >= (judged(earlier, field) or bool(at(earlier.payload, field)))
        for field in ("", *(field for counts in told for field in counts))
    )


def how_many(record: Record) -> str:
    """Which parameter says how much is looked at, where ``record`` is of a sample."""
    sampling = record.payload.get("sampling")
    limit = sampling.get("objects_per_bucket") if isinstance(sampling, Mapping) else None
    return f" ({limit:,} a bucket: parameters.{record.collector}.objects_per_bucket says how many)" if isinstance(limit, int) else ""


def at(payload: Mapping[str, Any], name: str) -> Any:
    """The value in ``payload`` that ``name`` leads to, step by step; None where there is none."""
    value: Any = payload
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
