"""The rows of a period's report, one class a table: what the workbook, the site, and the sinks show of each thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from averment.core.canonical import JSON
from averment.core.organisation import only_in
from averment.core.words import Status
from averment.evidence.judging.states import Gap


@dataclass(frozen=True)
class ControlRow:
    """A control in the matrix. ``references`` are cited as for people.

    ``weakened`` is what the organisation made less strict, ``tailored`` everything that it changed. ``law`` says of each reference that binds the
    organisation, will or may, by what it says of itself, since when, from when or on what that hangs, as of the day of the state.
    """

    id: str
    title: str
    severity: str
    owner: str
    status: Status
    reason: str
    references: tuple[str, ...]
    weakened: tuple[str, ...]
    tailored: tuple[str, ...]
    law: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssessmentRow:
    """One assessment: how it was done, what came of it, and the evidence (record ids) that it rests on. ``beside`` is what could not be told
    beside what is not satisfied."""

    id: str
    control: str
    title: str
    method: str
    means: str
    status: Status
    reason: str
    gap: Gap | None
    owner: str
    effective_at: datetime | None
    records: tuple[str, ...]
    beside: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class EvidenceRow:
    """A record in the index. ``sha256`` is of the record's canonical JSON (RFC 8785); ``used_by`` names assessments."""

    record: str
    index: int
    kind: str
    collector: str
    source: str
    query: Mapping[str, JSON]
    account: str | None
    region: str | None
    effective_at: datetime
    collected_at: datetime
    gathering: str
    reason: str | None
    unit: str | None
    total: int | None
    examined: int | None
    truncated: bool | None
    redactions: tuple[str, ...]
    sha256: str
    used_by: tuple[str, ...]


@dataclass(frozen=True)
class ClaimRow:
    """One run of a claim. Every run in the period is listed, not only the last: repeating until it fits must show."""

    record: str
    assessments: tuple[str, ...]
    statement: str
    verdict: str
    reason: str
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float | None
    interval_method: str | None
    bar: float | None
    samples: int
    clusters: int
    seed: int | None
    effective_at: datetime


@dataclass(frozen=True)
class FindingRow:
    """An exception: something that breaks a control. ``waived_until`` is set when a valid waiver accepts it."""

    control: str
    assessment: str
    severity: str
    resource: str
    message: str
    where: str
    record: str
    effective_at: datetime
    owner: str
    waived_until: date | None


@dataclass(frozen=True)
class WaiverRow:
    """An accepted deviation and what it is worth at the moment of the report: in force, expired, or without effect. ``accounts`` and
    ``regions`` are the only ones that it is for (empty: all)."""

    control: str
    resource: str
    owner: str
    approver: str
    reason: str
    until: date
    state: str
    accepts: int
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def only_in(self) -> str:
        """The places that it is for, in words; empty where it is for all."""
        return only_in(self.accounts, self.regions)


@dataclass(frozen=True)
class AttestationRow:
    """What a responsible person stated. ``workbook`` is where the answer stood that came in one (``attestations.FromWorkbook``): the file's
    ``sha256``, the ``number`` that it was sent out with, ``sheet`` and ``row``, and the day that its author wrote down."""

    record: str
    assessments: tuple[str, ...]
    question: str
    answer: str
    by: str
    role: str
    statement: str
    effective_at: datetime
    valid_until: str | None
    workbook: Mapping[str, JSON] | None = None

    @property
    def origin(self) -> str:
        """In words how the answer came here."""
        if self.workbook is None:
            return "given to averment attest"
        book = self.workbook
        return f"workbook {book.get('number')}, sheet {book.get('sheet')}, row {book.get('row')}, answered on {book.get('answered_on')}"
