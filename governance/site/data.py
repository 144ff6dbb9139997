"""Everything that the site shows, gathered once: the catalogue, the organisation, the report up to a moment, the ledger's head."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from averment.controls.binding import Judgement, LawDate, judge_control, law_register
from averment.controls.describe import FAMILIES
from averment.controls.model import Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.period import Period, iso
from averment.core.words import Status
from averment.evidence.judging.ahead import Ahead
from averment.evidence.judging.assess import assess
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.reader import Entry, LedgerReader
from averment.evidence.record import DRILLS, Kind, Record
from averment.evidence.reporting.changes import ChangeRow, changes
from averment.evidence.reporting.drift import DriftRow
from averment.evidence.reporting.operation import OperationRow
from averment.evidence.reporting.reading import Reading, Rows
from averment.evidence.reporting.report import PeriodReport, report_of
from averment.evidence.reporting.rows import AssessmentRow, ClaimRow, ControlRow, FindingRow, WaiverRow
from averment.governance.incidents.state import COLLECTOR, Incident, read_incidents
from averment.governance.incidents.words import Step
from averment.governance.site.history import Before, History, Watch, last_quarter, look, moments
from averment.governance.site.package import Enclosed, enclosed
from averment.policies.interface import Rule
from averment.policies.own_rules import own_folders, rules_of
from averment.policies.waivers import checkov_id

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = 5
"""Days of the law register that are told ahead."""


@dataclass(frozen=True)
class LedgerHead:
    """The ledger as it was read: its name, its size, the root hash in base64 as checkpoints print it, and the fingerprints of the keys
    that signed it (SHA-256 of the DER public key)."""

    origin: str
    size: int
    root: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class SiteData:
    """One consistent view, as of ``as_of`` (UTC). ``ledger`` is None as long as nothing was ever collected.

    ``report.changes`` are those since ``before``. ``latest`` is when the youngest record of all was collected, ``ahead`` what has to be said of those that are
    dated later than ``as_of``. ``own_rules`` are the folders of the
    organisation's own rules, by id; ``drills`` the records of drills, the newest first; ``package`` is copied into the site. ``notice`` says what
    readers don't get to see, if something was taken out for them.
    """

    catalogue: Catalogue
    organisation: Organisation
    report: PeriodReport
    as_of: datetime
    period: Period | None
    ledger: LedgerHead | None
    rules: tuple[Rule, ...]
    claim_records: Mapping[str, Record] = field(default_factory=dict)
    history: History = field(default_factory=History)
    before: Before | None = None
    latest: datetime | None = None
    ahead: str | None = None
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    drills: tuple[Record, ...] = ()
    own_rules: Mapping[str, Path] = field(default_factory=dict)
    package: Enclosed | None = None
    notice: str = ""

    @property
    def today(self) -> date:
        """The day of ``as_of``."""
        return self.as_of.date()

    def row(self, control_id: str) -> ControlRow:
        """The control's line in the matrix."""
        return next(row for row in self.report.controls if row.id == control_id)

    def status(self, control_id: str) -> Status:
        """The control's state."""
        return self.row(control_id).status

    def assessments(self, control_id: str) -> list[AssessmentRow]:
        """The control's assessments with what came of them."""
        return [row for row in self.report.assessments if row.control == control_id]

    def findings(self, control_id: str) -> list[FindingRow]:
        """What breaks the control, waived or not."""
        return [row for row in self.report.findings if row.control == control_id]

    def changes(self, control_id: str) -> list[ChangeRow]:
        """What changed of the control since ``before``; nothing if there was no evidence then."""
        return [row for row in self.report.changes if row.control == control_id]

    def drift(self, control_id: str) -> list[DriftRow]:
        """The resources of which the control's rules say one thing of the code and another of the deployment."""
        return [row for row in self.report.drift if row.control == control_id and row.differs]

    def operation(self, control_id: str) -> list[OperationRow]:
        """For how long in the period the resources under the control's rules were compliant; the worst first."""
        rows = [row for row in self.report.operation if control_id in row.controls]
        return sorted(rows, key=lambda row: (-1.0 if row.share is None else row.share, row.rule, row.resource))

    def claims(self, control_id: str) -> list[ClaimRow]:
        """The runs of the control's claims, newest first."""
        rows = [row for row in self.report.claims if any(name.split("/")[0] == control_id for name in row.assessments)]
        return sorted(rows, key=lambda row: row.effective_at, reverse=True)

    def waivers(self, control_id: str) -> list[WaiverRow]:
        """The waivers of the control, also those that name one of its rules; those in force first."""
        control = self.catalogue.get(control_id)
        rules = control.rules if control else []
        names = {control_id, *rules, *map(checkov_id, rules)}
        rows = [row for row in self.report.waivers if row.control in names]
        return sorted(rows, key=lambda row: (row.state == "expired", row.until, row.resource))

    @property
    def oldest(self) -> datetime | None:
        """Since when the oldest fact holds that a state rests on which isn't open; None where nothing was assessed."""
        held = [row.effective_at for row in self.report.assessments if row.effective_at and row.status is not Status.NOT_ASSESSED]
        return min(held, default=None)

    def law(self, control_id: str) -> tuple[Judgement, ...]:
        """The standing of the control's references today."""
        return judge_control(self.catalogue, control_id, self.organisation.profile, self.today)

    def families(self) -> list[tuple[str, str, list[Control]]]:
        """Code, title and controls of each family that has controls."""
        order = list(FAMILIES)
        codes = sorted({control.family for control in self.catalogue}, key=lambda code: (order.index(code) if code in order else 99, code))
        return [(code, FAMILIES.get(code, code), [c for c in self.catalogue if c.family == code]) for code in codes]

    def upcoming(self) -> list[tuple[LawDate, int]]:
        """The next days of the law register, with the days until then."""
        register = sorted(law_register(self.catalogue), key=lambda item: (item.on, item.framework))  # stable: else as the files list them
        ahead = [(item, (item.on - self.today).days) for item in register if item.on >= self.today]
        days = sorted({item.on for item, _ in ahead})[:_AHEAD]
        return [(item, left) for item, left in ahead if item.on in days]


def gather(
    organisation: Organisation, catalogue: Catalogue, *, as_of: datetime, period: Period | None = None, package: Path | None = None
) -> SiteData:
    """The view of ``organisation`` as of ``as_of``; of ``period`` alone if one is given, else of all evidence up to then. The folder ``package`` is
    a package of the organisation's log, for the site to hold and to link to.

    Raises:
        BadInputError: the evidence settings can't be used, or there is no package of this log.
        VerificationError: the ledger is not what its checkpoint says, or the package isn't genuine.
        StoreError: the ledger is out of reach.
    """
    span = period or Period(f"up to {iso(as_of)}", _BEGINNING, as_of + timedelta(seconds=1))
    reading = Reading(span, Rows.in_memory(), everything=period is None)
    earlier = last_quarter(as_of) if period is None else reading.before
    looks = Watch(moments(span, as_of), period)
    at_its_end = Watch([earlier.end - timedelta(seconds=1)], None if period is None else earlier)
    kept, ahead = _Kept(), Ahead(period, as_of)
    with open_ledger(organisation) as ledger:
        for entry in ledger.records():
            if ahead.holds(entry.record):
                continue
            reading.add(entry)
            looks.add(entry.record)
            at_its_end.add(entry.record)
            kept.add(entry)
        head = _head(ledger)
    report = report_of(catalogue, organisation, reading, as_of)
    then = next(states for _, states in at_its_end.judged(catalogue, organisation))
    if period is None:  # "up to now" has no period before it that anybody would think of
        now = assess(catalogue, organisation, reading.decisive, period=None, as_of=as_of)
        report = replace(report, changes=changes(then, now), before=earlier)
    return SiteData(
        catalogue=catalogue,
        organisation=organisation,
        report=replace(report, evidence=tuple(report.evidence), samples=()),
        as_of=as_of,
        period=period,
        ledger=head,
        rules=rules_of(organisation),
        claim_records={row.record: kept.claims[row.record] for row in report.claims},
        history=History(tuple(look(moment, states) for moment, states in looks.judged(catalogue, organisation))),
        before=Before(earlier, {state.control.id: state.status for state in then}),
        package=None if package is None else enclosed(package, organisation),
        latest=reading.latest,
        ahead=ahead.told,
        incidents=_incidents(kept.incidents, span),
        drills=tuple(sorted((r for r in kept.drills if r.effective_at in span), key=lambda record: record.effective_at, reverse=True)),
        own_rules=own_folders(organisation),
    )


class _Kept:
    """The records of which the site shows more than the report's rows."""

    def __init__(self) -> None:
        self.claims: dict[str, Record] = {}
        self.incidents: list[Entry] = []
        self.drills: list[Record] = []

    def add(self, entry: Entry) -> None:
        """Keep the record of ``entry`` if it is of such a kind."""
        record = entry.record
        if record.kind is Kind.CLAIM:
            self.claims[record.id] = record
        elif record.kind is Kind.INCIDENT and record.collector == COLLECTOR:
            self.incidents.append(entry)
        elif record.kind is Kind.INCIDENT and record.collector == DRILLS:
            self.drills.append(record)


def _incidents(entries: list[Entry], span: Period) -> dict[str, Incident]:
    """The incidents that were open at some time in ``span``, the last opened first, each as its records tell it by the end of ``span``."""
    # What came before the opening may be dated so, from awareness on: of an incident that was opened after the span's end, no step is told.
    later = {
        entry.record.payload["incident"]
        for entry in entries
        if entry.record.payload["step"] == Step.OPEN and entry.record.effective_at >= span.end
    }
    told = (entry for entry in entries if entry.record.effective_at < span.end)
    found = read_incidents(entry for entry in told if entry.record.payload["incident"] not in later)
    return {name: item for name, item in reversed(found.items()) if item.closed_at is None or item.closed_at >= span.start}


def _head(ledger: LedgerReader) -> LedgerHead | None:
    """What was read, for whoever wants to compare; None of an empty ledger."""
    checkpoint = ledger.checkpoint
    if checkpoint is None:
        return None
    signed = tuple(key.fingerprint for key in checkpoint.signed_by if key.name == ledger.origin and not key.cosigner)
    return LedgerHead(ledger.origin, ledger.size, base64.b64encode(ledger.tree.root).decode(), signed)
