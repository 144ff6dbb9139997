"""The entries of a ledger gone through once for the report of a period: what is kept of each, and what only passes by.

Kept are the records that can decide a state of the period or of the one before it (``decisive``), and the rows of the claims and
attestations. The rows of the index and of the samples, of which there is one for each record, go where the caller wants them: into
lists, or to disk (``spool``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from averment.core.period import Period, period_before
from averment.evidence.judging.assess import counts_in
from averment.evidence.judging.decisive import Decisive
from averment.evidence.record import Kind, Record
from averment.evidence.reporting.rows import AttestationRow, ClaimRow, EvidenceRow
from averment.evidence.reporting.samples import SampleRow, samples
from averment.evidence.reporting.spool import Spool
from averment.evidence.reporting.unseen import Looks

T = TypeVar("T")


class LedgerEntry(Protocol):
    """A record with its place in the ledger (from 0)."""

    @property
    def index(self) -> int:
        """The leaf's index in the log."""

    @property
    def record(self) -> Record:
        """The record itself."""


class Growing(Collection[T], Protocol[T]):
    """Where rows are put one after the other, and read from in that order."""

    def append(self, row: T, /) -> None:
        """Add ``row``."""


@dataclass(frozen=True)
class Rows:
    """Where the rows go of which there are as many as records."""

    evidence: Growing[EvidenceRow]
    samples: Growing[SampleRow]

    @classmethod
    def in_memory(cls) -> Rows:
        """In lists."""
        return cls([], [])

    @classmethod
    def on_disk(cls, folder: Path) -> Rows:
        """In files of ``folder``, which is there and isn't used for anything else.

        Raises:
            OSError: the file system refused; also when a row is added or read.
        """
        return cls(Spool(EvidenceRow, folder / "evidence"), Spool(SampleRow, folder / "samples"))

    def close(self) -> None:
        """Let go of what holds them; rows on disk can't be read any more."""
        for rows in (self.evidence, self.samples):
            if isinstance(rows, Spool):
                rows.close()


class Reading:
    """What the report of ``period`` needs of the entries that are handed over in the ledger's order.

    ``latest`` is the latest moment of collection of all of them, inside the period or not; None before the first. With ``everything`` the
    period is all up to now, which nobody collects for: states are judged without one (``judged_in`` is None), as ``averment status`` does.
    """

    def __init__(self, period: Period, rows: Rows, *, everything: bool = False) -> None:
        self.period = period
        self.judged_in = None if everything else period
        self.before = period_before(period)
        self.rows = rows
        self.claims: list[ClaimRow] = []
        self.attestations: list[AttestationRow] = []
        self.latest: datetime | None = None
        self.decisive = Decisive(self.judged_in)
        self.decisive_before = Decisive(self.before)
        self.looks = Looks(period)

    def add(self, entry: LedgerEntry) -> bool:
        """Look at ``entry``; whether it is evidence for the period."""
        record = entry.record
        self.latest = record.collected_at if self.latest is None else max(self.latest, record.collected_at)
        self.decisive_before.add(record)
        if not counts_in(record, self.period):
            return False
        self.decisive.add(record)
        self.looks.add(record)
        self.rows.evidence.append(_evidence_row(entry))
        for sample in samples((record,)):
            self.rows.samples.append(sample)
        if record.kind is Kind.CLAIM:
            self.claims.append(_claim_row(record))
        elif record.kind is Kind.ATTESTATION:
            self.attestations.append(_attestation_row(record))
        return True


def _evidence_row(entry: LedgerEntry) -> EvidenceRow:
    """The row of the index; which assessments use it is told when they are judged."""
    record = entry.record
    population = record.population
    return EvidenceRow(
        record=record.id,
        index=entry.index,
        kind=str(record.kind),
        collector=f"{record.collector} {record.collector_version}",
        source=record.source,
        query=record.query,
        account=record.account,
        region=record.region,
        effective_at=record.effective_at,
        collected_at=record.collected_at,
        gathering=str(record.gathering),
        reason=record.reason,
        unit=population.unit if population else None,
        total=population.total if population else None,
        examined=population.examined if population else None,
        truncated=population.truncated if population else None,
        redactions=record.redactions,
        sha256=record.digest,
        used_by=(),
    )


def _claim_row(record: Record) -> ClaimRow:
    payload, interval = record.payload, record.payload.get("interval") or {}
    return ClaimRow(
        record=record.id,
        assessments=record.controls,
        statement=payload.get("statement") or str(payload.get("type", "")),
        verdict=payload.get("verdict", "not tested"),
        reason=payload.get("reason") or record.reason or "",
        estimate=payload.get("estimate"),
        low=interval.get("low"),
        high=interval.get("high"),
        confidence=interval.get("confidence"),
        interval_method=interval.get("method"),
        bar=payload.get("bar"),
        samples=payload.get("samples", 0),
        clusters=payload.get("clusters", 0),
        seed=payload.get("seed"),
        effective_at=record.effective_at,
    )


def _attestation_row(record: Record) -> AttestationRow:
    payload, by = record.payload, record.payload.get("by", {})
    return AttestationRow(
        record.id,
        record.controls,
        payload.get("question", ""),
        payload.get("answer", ""),
        by.get("name", ""),
        by.get("role", ""),
        payload.get("statement") or "",
        record.effective_at,
        payload.get("valid_until"),
        payload.get("workbook"),
    )
