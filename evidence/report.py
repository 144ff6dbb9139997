"""What an auditor gets to see of a period: one value, from which the package's JSON, workbook and pages are written.

Pure and deterministic: the same ledger, controls, period and moment give the same report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from averment import __version__
from averment.controls.describe import means
from averment.controls.model import Catalogue, Control
from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.organisation import Organisation, Waiver
from averment.core.period import Period, iso, period_before
from averment.core.words import Status
from averment.evidence.action import ActionRow, plan_of_action
from averment.evidence.assess import Evidence, assess, counts_in, moment_of
from averment.evidence.changes import ChangeRow, changes
from averment.evidence.drift import DriftRow, drift
from averment.evidence.operation import OperationRow, operation
from averment.evidence.record import Kind, Record
from averment.evidence.rows import AssessmentRow, AttestationRow, ClaimRow, ControlRow, EvidenceRow, FindingRow, WaiverRow
from averment.evidence.samples import SampleRow, samples
from averment.evidence.states import ControlState, Gap

SCHEMA = "urn:averment:schema:period-report:v1"


class LedgerEntry(Protocol):
    """A record with its place in the ledger (from 0)."""

    @property
    def index(self) -> int:
        """The leaf's index in the log."""

    @property
    def record(self) -> Record:
        """The record itself."""


@dataclass(frozen=True)
class PeriodReport:
    """A period's evidence in one value.

    ``gaps`` are the assessments that were not run, are stale or undecided, with owner; ``left_out`` the controls that exist
    and that the organisation did not select. ``judged_at`` is the instant that the states speak of, ``as_of`` when it was known.
    ``changes`` are those since the period ``before``, judged by the same ledger.
    """

    organisation: str
    profile: Mapping[str, bool]
    scope: Mapping[str, JSON]
    period: Period
    as_of: datetime
    judged_at: datetime
    totals: Mapping[str, int]
    left_out: tuple[str, ...]
    controls: tuple[ControlRow, ...]
    assessments: tuple[AssessmentRow, ...]
    evidence: tuple[EvidenceRow, ...]
    claims: tuple[ClaimRow, ...]
    findings: tuple[FindingRow, ...]
    waivers: tuple[WaiverRow, ...]
    attestations: tuple[AttestationRow, ...]
    drift: tuple[DriftRow, ...] = ()
    operation: tuple[OperationRow, ...] = ()
    samples: tuple[SampleRow, ...] = ()
    actions: tuple[ActionRow, ...] = ()
    changes: tuple[ChangeRow, ...] = ()
    before: Period | None = None
    version: str = __version__

    @property
    def gaps(self) -> tuple[AssessmentRow, ...]:
        """What was not run, is stale, expired, partial, or came to no decision."""
        return tuple(row for row in self.assessments if row.status is Status.NOT_ASSESSED)

    @property
    def populations(self) -> tuple[EvidenceRow, ...]:
        """The evidence that counted a population."""
        return tuple(row for row in self.evidence if row.unit is not None)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data (times RFC 3339 UTC): the ``report.json`` of a package."""
        value = {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        gaps = [row.id for row in self.gaps]
        return {"schema": SCHEMA, **value, "not_assessed": gaps}


def build_report(
    catalogue: Catalogue, organisation: Organisation, entries: Iterable[LedgerEntry], period: Period, as_of: datetime
) -> PeriodReport:
    """The report of ``period`` with what was known at ``as_of`` (UTC). ``entries`` may hold more than the period's; those of the period
    before are what the changes are told from."""
    before = period_before(period)
    collected = [entry for entry in entries if entry.record.collected_at <= as_of]
    earlier = [entry.record for entry in collected if counts_in(entry.record, before)]
    known = [entry for entry in collected if counts_in(entry.record, period)]
    states = assess(catalogue, organisation, [entry.record for entry in known], period=period, as_of=as_of)
    used: dict[str, list[str]] = {}
    for state in (item for control in states for item in control.assessments):
        for record in state.records:
            used.setdefault(record, []).append(state.id)
    records = [entry.record for entry in known]
    return PeriodReport(
        organisation=organisation.name,
        profile=dict(organisation.profile),
        scope=_scope(organisation),
        period=period,
        as_of=as_of,
        judged_at=moment_of(period, as_of),
        totals={str(status): sum(1 for state in states if state.status is status) for status in Status},
        left_out=catalogue.left_out,
        controls=control_rows(catalogue, states),
        assessments=assessment_rows(states),
        evidence=tuple(_evidence_row(entry, tuple(used.get(entry.record.id, ()))) for entry in known),
        claims=tuple(_claim_row(record) for record in records if record.kind is Kind.CLAIM),
        findings=tuple(row for state in states for row in _finding_rows(state)),
        waivers=tuple(_waiver_row(waiver, states, moment_of(period, as_of)) for waiver in organisation.waivers),
        attestations=tuple(_attestation_row(record) for record in records if record.kind is Kind.ATTESTATION),
        drift=drift(catalogue, organisation, Evidence(records, period=period, as_of=as_of), moment_of(period, as_of)),
        operation=operation(catalogue, Evidence(records, period=period, as_of=as_of)),
        samples=samples(records),
        actions=plan_of_action(states),
        changes=changes(assess(catalogue, organisation, earlier, period=before, as_of=as_of), states),
        before=before,
    )


def control_rows(catalogue: Catalogue, states: Iterable[ControlState]) -> tuple[ControlRow, ...]:
    """The control matrix."""
    return tuple(_control_row(catalogue, state) for state in states)


def assessment_rows(states: Iterable[ControlState]) -> tuple[AssessmentRow, ...]:
    """Every assessment of every control."""
    return tuple(row for state in states for row in _assessment_rows(state))


def _scope(organisation: Organisation) -> dict[str, JSON]:
    scope = organisation.scope
    return {
        "accounts": list(scope.accounts),
        "regions": list(scope.regions),
        "organisation_id": scope.organisation_id,
        "media": [{"role": str(matcher.role), "tags": dict(matcher.tags), "names": list(matcher.names)} for matcher in scope.media],
        "controls": list(organisation.controls),
        "iac": list(organisation.iac),
    }


def _control_row(catalogue: Catalogue, state: ControlState) -> ControlRow:
    control = state.control
    return ControlRow(
        control.id,
        control.title,
        str(control.severity),
        control.owner,
        state.status,
        state.reason,
        tuple(catalogue.cite(reference) for reference in control.references),
        control.weakened,
        control.tailored,
    )


def _assessment_rows(state: ControlState) -> Iterable[AssessmentRow]:
    for item in state.assessments:
        yield AssessmentRow(
            item.id,
            state.control.id,
            item.assessment.title or means(item.assessment),
            str(item.assessment.method),
            means(item.assessment),
            item.status,
            item.reason,
            item.gap,
            _owner(state.control, item.assessment.attestation),
            item.effective_at,
            item.records,
        )


def _owner(control: Control, attestation: Mapping[str, Any] | None) -> str:
    return str(attestation["role"]) if attestation and attestation.get("role") else control.owner


def _evidence_row(entry: LedgerEntry, used_by: tuple[str, ...]) -> EvidenceRow:
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
        sha256=sha256_hex(canonical_json(record.to_json())),
        used_by=used_by,
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


def _finding_rows(state: ControlState) -> Iterable[FindingRow]:
    for item in state.assessments:
        for deviation in item.deviations:
            yield FindingRow(
                state.control.id,
                item.id,
                str(state.control.severity),
                deviation.resource,
                deviation.message,
                deviation.where,
                deviation.record,
                deviation.effective_at,
                state.control.owner,
                deviation.waiver.until if deviation.waiver else None,
            )


def _waiver_row(waiver: Waiver, states: Iterable[ControlState], moment: datetime) -> WaiverRow:
    accepts = sum(1 for state in states for item in state.assessments for deviation in item.deviations if deviation.waiver == waiver)
    expired = moment.date() > waiver.until
    state = "expired" if expired else "in force" if accepts else "in force, without effect"
    return WaiverRow(waiver.control, waiver.resource, waiver.owner, waiver.approver, waiver.reason, waiver.until, state, accepts)


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
    )


def plain(value: Any) -> JSON:
    """Rows, periods and moments as JSON data (RFC 3339 UTC)."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Period):
        return {"label": value.label, "start": iso(value.start), "end": iso(value.end)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Status | Gap) else value
