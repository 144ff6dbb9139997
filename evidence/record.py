"""A record: one collected or computed fact with its provenance. The unit of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from averment import __version__
from averment.core.canonical import JSON, canonical_json, id_of_bytes, sha256_hex
from averment.core.errors import BadInputError
from averment.core.period import Period, from_iso, iso

DRILLS = "incident-drill"
"""What the records of drills are by: a command makes them (``averment incident drill``), and no collector."""


LOOKING_BACK = frozenset(
    {
        "automation-executions",
        "config-history",
        "detector-metrics",
        "face-calls",
        "incidents",
        "liveness-results",
        "signing-calls",
        "signing-log",
    }
)
"""Collectors that tell of the period that they were asked about (``Collector.looks_back``), and not of the present."""


NEWER = "takes a newer version to check:"
"""How the reason begins where a record is of a kind that this version doesn't know: that is no flaw of the record."""


class UnknownKindError(ValueError):
    """A record of a kind that a newer version may know."""


class Kind(StrEnum):
    """What sort of fact a record holds. ``payload`` has a shape per kind, documented where it is made."""

    CHECK = "check"
    CONFIG_COMPLIANCE = "config-compliance"
    CONFIG_HISTORY = "config-history"
    MEDIA_STATES = "media-states"
    DETECTOR_METRICS = "detector-metrics"
    PROVENANCE = "provenance"
    BUCKET_POLICIES = "bucket-policies"
    SCAN_PIPELINE = "scan-pipeline"
    ALARMS = "alarms"
    ENDPOINTS = "sagemaker-endpoints"
    SIGNING_CALLS = "signing-calls"
    SIGNING_LOG = "signing-log"
    FACE_CALLS = "face-calls"
    LIVENESS_RESULTS = "liveness-results"
    INFERENCE_ROLES = "inference-roles"
    AUTOMATION = "automation-executions"
    INFERENCE_COST = "inference-cost"
    SECURITY_HUB = "security-hub"
    IMPORTED = "imported-report"
    CLAIM = "claim"
    ATTESTATION = "attestation"
    INCIDENT = "incident"


class Gathering(StrEnum):
    """Whether the fact was obtained. ``COULD_NOT`` carries a reason and satisfies nothing."""

    COLLECTED = "collected"
    PARTIAL = "partial"
    COULD_NOT = "could-not-collect"


@dataclass(frozen=True)
class Population:
    """How many things there were, how many were looked at, and whether the listing was cut short."""

    unit: str
    total: int | None
    examined: int
    truncated: bool = False


@dataclass(frozen=True)
class Record:
    """One fact.

    ``query`` is the exact call and its parameters, enough to ask again. ``effective_at`` is when the fact held,
    ``collected_at`` when it was fetched (both UTC). ``period_start``/``period_end`` bound what the fact speaks about.
    ``redactions`` names what was removed at collection. ``payload`` is JSON without floats' NaN.
    ``controls`` names what asked for it: control ids, or ``CONTROL/assessment`` ids. ``size`` is the bytes of its canonical JSON without the id, ``digest`` the
    SHA-256 (hexadecimal) of that with it.
    """

    kind: Kind
    collector: str
    collector_version: str
    source: str
    query: Mapping[str, JSON]
    effective_at: datetime
    collected_at: datetime
    payload: Mapping[str, JSON]
    gathering: Gathering = Gathering.COLLECTED
    reason: str | None = None
    account: str | None = None
    region: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    population: Population | None = None
    redactions: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    id: str = field(default="", compare=False)
    size: int = field(default=0, init=False, compare=False, repr=False)
    digest: str = field(default="", init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.gathering is not Gathering.COLLECTED and not self.reason:
            raise ValueError("a record that was not wholly collected needs a reason")
        # Written once, as the parts before and behind the id, which follows from both: whoever reads a ledger needs it with the id and without.
        value = self.to_json(with_id=False)
        before, behind = ({name: item for name, item in value.items() if (name < "id") is first} for first in (True, False))
        head, tail = canonical_json(before)[:-1], canonical_json(behind)[1:]
        canonical = b"%b,%b" % (head, tail)
        object.__setattr__(self, "id", id_of_bytes("record", canonical))
        object.__setattr__(self, "size", len(canonical))
        object.__setattr__(self, "digest", sha256_hex(b'%b,"id":"%b",%b' % (head, self.id.encode(), tail)))

    def to_json(self, *, with_id: bool = True) -> dict[str, JSON]:
        """The record as JSON data; absent values are left out, times are RFC 3339 UTC."""
        population = self.population
        value: dict[str, Any] = {
            "kind": str(self.kind),
            "collector": {"name": self.collector, "version": self.collector_version},
            "source": self.source,
            "query": dict(self.query),
            "effective_at": iso(self.effective_at),
            "collected_at": iso(self.collected_at),
            "gathering": str(self.gathering),
            "reason": self.reason,
            "account": self.account,
            "region": self.region,
            "period": {"start": iso(self.period_start), "end": iso(self.period_end)} if self.period_start and self.period_end else None,
            "population": None
            if population is None
            else {"unit": population.unit, "total": population.total, "examined": population.examined, "truncated": population.truncated},
            "redactions": list(self.redactions),
            "controls": list(self.controls),
            "payload": dict(self.payload),
        }
        value = {key: item for key, item in value.items() if item is not None}
        return {"id": self.id, **value} if with_id else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The inverse of ``to_json``.

        Raises:
            UnknownKindError: it is of a kind that this version doesn't know.
            ValueError: a missing or unknown field, or an ``id`` that isn't the one its content gives.
        """
        try:
            if value["kind"] not in set(Kind):
                raise UnknownKindError(f"its kind '{value['kind']}' is none that averment {__version__} knows")
            population, period = value.get("population"), value.get("period")
            record = cls(
                kind=Kind(value["kind"]),
                collector=value["collector"]["name"],
                collector_version=value["collector"]["version"],
                source=value["source"],
                query=value["query"],
                effective_at=from_iso(value["effective_at"]),
                collected_at=from_iso(value["collected_at"]),
                payload=value["payload"],
                gathering=Gathering(value["gathering"]),
                reason=value.get("reason"),
                account=value.get("account"),
                region=value.get("region"),
                period_start=from_iso(period["start"]) if period else None,
                period_end=from_iso(period["end"]) if period else None,
                population=Population(population["unit"], population["total"], population["examined"], population["truncated"])
                if population
                else None,
                redactions=tuple(value["redactions"]),
                controls=tuple(value["controls"]),
            )
        except (KeyError, TypeError, BadInputError) as error:  # the last: a time that is none
            raise ValueError(f"not a record: {error!r}") from error
        if "id" in value and value["id"] != record.id:
            raise ValueError(f"record {value['id']} has the content of {record.id}")
        return record


def is_of_a_part(record: Record, period: Period) -> bool:
    """Whether ``record`` was asked to tell of a stretch of time that begins within ``period`` or ends in it, and not of all of it."""
    start, end = record.period_start or period.start, record.period_end or period.end
    return record.collector in LOOKING_BACK and (start > period.start or end < period.end)


def stretch_of(record: Record) -> tuple[datetime, datetime]:
    """The stretch of time that ``record`` was collected for; one that doesn't say speaks of its moment alone."""
    moment = record.effective_at
    return record.period_start or moment, record.period_end or moment + timedelta(seconds=1)
