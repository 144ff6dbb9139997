"""What an auditor gets to see of a period: one value, from which the package's JSON, workbook and pages are written.

Pure and deterministic: the same ledger, controls, period and moment give the same report.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from averment import __version__
from averment.controls.binding import told_of_law
from averment.controls.describe import means
from averment.controls.model import Catalogue, Control
from averment.core.canonical import JSON
from averment.core.organisation import Organisation, Waiver
from averment.core.period import Period, iso
from averment.core.words import Status, counted
from averment.evidence.judging.assess import Evidence, assess, moment_of
from averment.evidence.judging.outside import outside, told_of_outside
from averment.evidence.judging.states import ControlState
from averment.evidence.record import Record
from averment.evidence.reporting.action import ActionRow, plan_of_action
from averment.evidence.reporting.changes import ChangeRow, changes
from averment.evidence.reporting.drift import DriftRow, drift
from averment.evidence.reporting.operation import OperationRow, operation, throughout
from averment.evidence.reporting.plain import plain
from averment.evidence.reporting.reading import LedgerEntry, Reading, Rows
from averment.evidence.reporting.rows import AssessmentRow, AttestationRow, ClaimRow, ControlRow, EvidenceRow, FindingRow, WaiverRow
from averment.evidence.reporting.samples import SampleRow
from averment.evidence.reporting.spool import Chosen, Completed

SCHEMA = "urn:averment:schema:period-report:v1"
_CLOCKS_DIFFER = timedelta(hours=1)
"""How far the clocks of two machines may be apart without a word."""


@dataclass(frozen=True)
class ComparedPackage:
    """An earlier package that the changes are told from: its log and how many entries that had, whose it is, and its manifest's digest."""

    origin: str
    size: int
    organisation: str
    manifest_sha256: str


@dataclass(frozen=True)
class Compared:
    """What the changes are told from where that isn't the period before of the same ledger: a period, when its evidence was known, and
    the records that can decide its states."""

    period: Period
    as_of: datetime
    records: tuple[Record, ...]
    package: ComparedPackage


@dataclass(frozen=True)
class PeriodReport:
    """A period's evidence in one value.

    ``gaps`` are the assessments that were not run, are stale or undecided, with owner; ``left_out`` the controls that exist
    and that the organisation did not select. ``judged_at`` is the instant that the states speak of, ``as_of`` when it was known.
    ``outside`` are the places that there is evidence of and that aren't in the scope, so that it counts for nothing,
    and ``unseen`` says from when to when nobody looked where for longer than assessments allow: the states are as of the end.
    ``changes`` are those since the period ``before``, judged by the same ledger, or by the package ``compared`` where there is one. Whether
    there is any evidence from then is ``before_known``: without, whatever is known now counts as a change.
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
    evidence: Collection[EvidenceRow]
    claims: tuple[ClaimRow, ...]
    findings: tuple[FindingRow, ...]
    waivers: tuple[WaiverRow, ...]
    attestations: tuple[AttestationRow, ...]
    drift: tuple[DriftRow, ...] = ()
    operation: tuple[OperationRow, ...] = ()
    samples: Collection[SampleRow] = ()
    actions: tuple[ActionRow, ...] = ()
    changes: tuple[ChangeRow, ...] = ()
    before: Period | None = None
    before_known: bool = True
    compared: ComparedPackage | None = None
    outside: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    version: str = __version__

    @property
    def gaps(self) -> tuple[AssessmentRow, ...]:
        """What was not run, is stale, expired, partial, or came to no decision."""
        return tuple(row for row in self.assessments if row.status is Status.NOT_ASSESSED)

    def told(self, row: FindingRow) -> str:
        """What is wrong, for who doesn't know the fields of records: of a count of everything, what should be so stands before the figure."""
        if row.resource != row.assessment:
            return row.message
        return f"not so: {next(item.title for item in self.assessments if item.id == row.assessment)} ({row.message})"

    @property
    def caveat(self) -> str | None:
        """What whoever makes something of the report has to be told, if anything: that its states are older than the period's end."""
        if self.as_of >= self.period.end:
            return None
        word = "was not over" if self.as_of >= self.period.start else "had not begun"
        return f"the period {word} when the latest evidence was collected ({self.as_of:%Y-%m-%d})"

    def cautions(self, now: datetime) -> tuple[str, ...]:
        """What whoever makes something of the report ``now`` has to be told: that there is nothing in it, its caveat, that a record is dated
        ahead, by which a period that goes on counts as over, and what isn't in the scope. The report itself goes by no clock."""
        used = any(row.records for row in self.assessments)  # and not the evidence, whose rows may be gone by now
        empty = None if used else f"no assessment rests on a record of {self.period.label}: is that the period that was meant?"
        ahead = f"the latest evidence is dated {iso(self.as_of)}, which is yet to come: a clock was wrong, and the states are as of then"
        late = ahead if self.as_of > now + _CLOCKS_DIFFER else None
        return tuple(text for text in (empty, self.caveat, late, told_of_outside(self.outside)) if text)

    @property
    def compared_with(self) -> str:
        """In words what the changes are since."""
        if self.before is None:
            return "not compared"
        package = self.compared
        if package is None:
            none = "" if self.before_known else ", which holds no evidence from then: all that is known now is told as a change"
            return f"{self.before.label}, by the same ledger{none}"
        whose = f"{package.organisation}'s log {package.origin} with {counted(package.size, 'entry')}"
        none = (
            ""
            if self.before_known
            else "; none of its evidence is of today's controls and scope: all that is known now is told as a change"
        )
        return f"{self.before.label}, by the package of {whose}, verified; SHA-256 of its manifest {package.manifest_sha256}{none}"

    @cached_property
    def populations(self) -> Collection[EvidenceRow]:
        """The evidence that counted a population."""
        return Chosen(self.evidence, lambda row: row.unit is not None)

    def members(self) -> Iterator[tuple[str, Any]]:
        """What ``to_json`` gives, by name, as the rows themselves: for whoever writes more of them than memory should hold."""
        yield "schema", SCHEMA
        for field in dataclasses.fields(self):
            yield field.name, getattr(self, field.name)
        yield "not_assessed", [row.id for row in self.gaps]

    def to_json(self) -> dict[str, JSON]:
        """As JSON data (times RFC 3339 UTC): the ``report.json`` of a package."""
        return {name: plain(value) for name, value in self.members()}


def build_report(
    catalogue: Catalogue, organisation: Organisation, entries: Iterable[LedgerEntry], period: Period, as_of: datetime
) -> PeriodReport:
    """The report of ``period`` with what was known at ``as_of`` (UTC). ``entries`` may hold more than the period's; those of the period
    before are what the changes are told from."""
    reading = Reading(period, Rows.in_memory())
    for entry in entries:
        if entry.record.collected_at <= as_of:
            reading.add(entry)
    report = report_of(catalogue, organisation, reading, as_of)
    return dataclasses.replace(report, evidence=tuple(report.evidence), samples=tuple(report.samples))


def report_of(
    catalogue: Catalogue, organisation: Organisation, reading: Reading, as_of: datetime, compared: Compared | None = None
) -> PeriodReport:
    """The report of what was read, none of which was collected after ``as_of``. Its rows are those of the reading: it lasts as long.

    The changes are told from ``compared``, or from the period before. Either is judged by today's controls and waivers.
    """
    period = reading.period
    if compared is None:
        earlier = assess(catalogue, organisation, reading.decisive_before, period=reading.before, as_of=as_of)
    else:
        earlier = assess(catalogue, organisation, compared.records, period=compared.period, as_of=compared.as_of)
    known = any(item.records for state in earlier for item in state.assessments)
    states = assess(catalogue, organisation, reading.decisive, period=reading.judged_in, as_of=as_of)
    evidence = Evidence(reading.decisive, period=reading.judged_in, as_of=as_of, accounts=organisation.scope.accounts)
    operated = operation(catalogue, evidence)
    states = states if reading.judged_in is None else throughout(states, operated)
    used: dict[str, list[str]] = {}
    for state in (item for control in states for item in control.assessments):
        for record in state.records:
            used.setdefault(record, []).append(state.id)
    return PeriodReport(
        organisation=organisation.name,
        profile=dict(organisation.profile),
        scope=_scope(organisation),
        period=period,
        as_of=as_of,
        judged_at=moment_of(period, as_of),
        totals={str(status): sum(1 for state in states if state.status is status) for status in Status},
        left_out=catalogue.left_out,
        controls=control_rows(
            catalogue,
            states,
            organisation.profile,
            moment_of(period, as_of).date(),
            begins=reading.judged_in.start.date() if reading.judged_in else None,
        ),
        assessments=assessment_rows(states),
        evidence=Completed(reading.rows.evidence, lambda row: _with_use(row, used)),
        claims=tuple(reading.claims),
        findings=tuple(row for state in states for row in _finding_rows(state)),
        waivers=_waiver_rows(organisation.waivers, states, moment_of(period, as_of)),
        attestations=tuple(reading.attestations),
        drift=drift(catalogue, organisation, evidence, moment_of(period, as_of)),
        operation=operated,
        samples=reading.rows.samples,
        actions=plan_of_action(states),
        changes=changes(earlier, states),
        before=compared.period if compared else reading.before,
        before_known=known,
        compared=compared.package if compared else None,
        unseen=reading.looks.unseen(catalogue, organisation.scope) if reading.judged_in else (),
        outside=outside(evidence, organisation.scope, moment_of(reading.judged_in, as_of)),
    )


def _with_use(row: EvidenceRow, used: Mapping[str, Sequence[str]]) -> EvidenceRow:
    names = used.get(row.record)
    return dataclasses.replace(row, used_by=tuple(names)) if names else row


def control_rows(
    catalogue: Catalogue, states: Iterable[ControlState], profile: Mapping[str, bool], day: date, *, begins: date | None = None
) -> tuple[ControlRow, ...]:
    """The control matrix, with what of the law binds on ``day``, the last of a period that ``begins`` on another."""
    return tuple(_control_row(catalogue, state, told_of_law(catalogue, state.control.id, profile, day, begins=begins)) for state in states)


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
        "parameters": organisation.rule_parameters,
    }


def _control_row(catalogue: Catalogue, state: ControlState, law: tuple[str, ...]) -> ControlRow:
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
        law,
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
            item.beside,
        )


def _owner(control: Control, attestation: Mapping[str, Any] | None) -> str:
    return str(attestation["role"]) if attestation and attestation.get("role") else control.owner


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


def _waiver_rows(named: Iterable[Waiver], states: Iterable[ControlState], moment: datetime) -> tuple[WaiverRow, ...]:
    """The waivers that averment.yaml ``named``, and behind them what comments next to the resources accept."""
    accepts = Counter(
        deviation.waiver for state in states for item in state.assessments for deviation in item.deviations if deviation.waiver
    )
    return tuple(_waiver_row(waiver, accepts[waiver], moment) for waiver in dict.fromkeys((*named, *accepts)))


def _waiver_row(waiver: Waiver, accepts: int, moment: datetime) -> WaiverRow:
    expired = moment.date() > waiver.until
    state = "expired" if expired else "in force" if accepts else "in force, without effect"
    who = (waiver.owner, waiver.approver, waiver.reason)
    return WaiverRow(waiver.control, waiver.resource, *who, waiver.until, state, accepts, waiver.accounts, waiver.regions)
