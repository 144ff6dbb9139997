"""What Audit Manager should hold of a period: custom controls, control sets, texts. Pure; within the service model's limits.

Lengths and alphabets are from botocore's model of ``auditmanager`` (2017-07-25): names up to 300 characters without a backslash,
control-set names also without ``_``, texts up to 1,000 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from averment.controls.describe import FAMILIES
from averment.controls.model import Catalogue, Control
from averment.core.canonical import stable_id
from averment.core.period import iso
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import AssessmentRow, ControlRow, EvidenceRow

MAX_NAME = 300
MAX_TEXT = 1_000
MAX_ACCOUNTS = 200
MAX_CONTROLS = 500

MARK = re.compile(r"averment (?:record|state) ([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})")
"""How a text starts that was imported by us: what it speaks of, by a UUIDv5 that the content alone decides."""

CONTROL_TEXTS = ("description", "testingInformation", "actionPlanTitle", "actionPlanInstructions")
"""What a custom control says beside its name."""

S3_URL = re.compile(r"[sS]3://[a-zA-Z0-9\-.()'*_!=+@:\s,?/]+")
"""Audit Manager's alphabet of S3 URLs."""


@dataclass(frozen=True)
class WantedControl:
    """A custom control as it should stand in Audit Manager. ``request`` is CreateControl's, but for the tags."""

    id: str
    family: str
    name: str
    description: str
    testing: str
    action_title: str
    action: str

    def request(self) -> dict[str, object]:
        """CreateControl's parameters: one manual source, as all our evidence is imported."""
        source = {
            "sourceName": f"averment {self.id}",
            "sourceDescription": "Evidence that Averment collected, checked and signed into its ledger.",
            "sourceSetUpOption": "Procedural_Controls_Mapping",
            "sourceType": "MANUAL",
        }
        return {
            "name": self.name,
            "description": self.description,
            "testingInformation": self.testing,
            "actionPlanTitle": self.action_title,
            "actionPlanInstructions": self.action,
            "controlMappingSources": [source],
            "tags": {"averment:control": self.id},
        }


@dataclass(frozen=True)
class WantedEvidence:
    """One thing to import for a control. ``key`` identifies it for ever; ``record`` is the ledger's record, if it is one."""

    control: str
    key: str
    text: str
    record: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a push aims at."""

    framework: str
    assessment: str
    description: str
    accounts: tuple[str, ...]
    controls: tuple[WantedControl, ...]
    evidence: tuple[WantedEvidence, ...]

    @property
    def families(self) -> dict[str, list[WantedControl]]:
        """The control sets, by name."""
        sets: dict[str, list[WantedControl]] = {}
        for control in self.controls:
            sets.setdefault(control.family, []).append(control)
        return sets


def make_plan(report: PeriodReport, catalogue: Catalogue, *, assessment: str | None, checkpoint: str | None) -> Plan:
    """The plan for ``report``. ``checkpoint`` is the ledger's head in one line, named in every text that leads to a record."""
    rows = {row.id: row for row in report.assessments}
    used = {name for row in report.assessments for name in row.records}
    records = {row.record: row for row in report.evidence if row.record in used}  # there may be a hundred thousand others
    evidence: list[WantedEvidence] = []
    for row in report.controls:
        own = [item for item in rows.values() if item.control == row.id]
        evidence.append(_state(row, own, report))
        names = sorted({name for item in own for name in item.records} & records.keys())
        evidence.extend(_record(row.id, own, records[name], report, checkpoint) for name in names)
    accounts = report.scope.get("accounts")
    return Plan(
        framework=clean_name(f"Averment {report.organisation}"),
        assessment=clean_name(assessment or f"Averment {report.organisation} {report.period.label}"),
        description=_cut(
            f"Synthetic-media risk of {report.organisation}, {report.period.label}. Evidence from a signed ledger; see averment."
        ),
        accounts=tuple(str(account) for account in accounts) if isinstance(accounts, list) else (),
        controls=tuple(
            _control(row, catalogue.get(row.id), [item for item in rows.values() if item.control == row.id]) for row in report.controls
        ),
        evidence=tuple(evidence),
    )


def clean_name(text: str, *, control_set: bool = False) -> str:
    """``text`` as a name that the service accepts: no backslash (in control sets no underscore), no line breaks, at most 300."""
    plain = re.sub(r"\s+", " ", text.replace("\\", "/")).strip()
    plain = plain.replace("_", "-") if control_set else plain
    return plain if len(plain) <= MAX_NAME else plain[: MAX_NAME - 1] + "…"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _control(row: ControlRow, control: Control | None, assessments: list[AssessmentRow]) -> WantedControl:
    family = control.family if control else row.id.split("-")[1]
    objective = control.objective if control else row.title
    cited = "; ".join(row.references)
    weakened = f"\nRelaxed by the organisation: {'; '.join(row.weakened)}" if row.weakened else ""
    steps = f"Runbook: {control.runbook}" if control and control.runbook else f"Owner: {row.owner}"
    return WantedControl(
        id=row.id,
        family=clean_name(FAMILIES.get(family, family), control_set=True),
        name=clean_name(f"{row.id} {row.title}"),
        description=_cut(f"{objective}{weakened}\nSeverity {row.severity}. {cited}"),
        testing=_cut("\n".join(f"{item.id} ({item.method}): {item.means}" for item in assessments)),
        action_title=clean_name(f"Mend {row.id}"),
        action=_cut(steps),
    )


def _state(row: ControlRow, assessments: list[AssessmentRow], report: PeriodReport) -> WantedEvidence:
    """The control's state; imported again only when a status, a reason or what they rest on changed, not because time went by."""
    content = {
        "organisation": report.organisation,
        "period": report.period.label,
        "control": row.id,
        "assessments": [[item.id, str(item.status), item.reason, list(item.records)] for item in assessments],
    }
    relaxed = [
        f"made less strict by the organisation: {item}" for item in row.weakened
    ]  # the assessment keeps the words that it began with
    key = stable_id("audit-manager-state", {**content, **({"relaxed": relaxed} if relaxed else {})})
    lines = [
        f"averment state {key}",
        f"{row.id} {row.title}: {row.status}, as of {iso(report.judged_at)}",
        *relaxed,
        *(f"- {item.id} ({item.method}): {item.status}; {item.reason}" for item in assessments),
    ]
    return WantedEvidence(row.id, key, _cut("\n".join(lines)))


def said_again(item: WantedEvidence, past: Iterable[str]) -> WantedEvidence:
    """The state ``item`` as it is to be imported where the states ``past`` were, the latest last: once another came after it (a waiver that ended
    again, say), it is news, under a key of its own."""
    states = tuple(past)
    repeats = {key: stable_id("audit-manager-state", {"state": item.key, "after": key}) for key in states}
    if item.record is not None or item.key not in states or states[-1] == item.key:
        return item
    key = states[-1] if states[-1] in repeats.values() else repeats[states[-1]]
    return replace(item, key=key, text=item.text.replace(item.key, key, 1))


def _record(
    control: str, assessments: list[AssessmentRow], row: EvidenceRow, report: PeriodReport, checkpoint: str | None
) -> WantedEvidence:
    used = [item for item in assessments if row.record in item.records]
    population = (
        ""
        if row.unit is None
        else f"\npopulation: {row.examined} of {_total(row)} {row.unit}{', listing cut short' if row.truncated else ''}"
    )
    lines = [
        f"averment record {row.record}",
        f"{row.kind} from {row.source}, {row.gathering}{f' ({row.reason})' if row.reason else ''}",
        f"sha256 {row.sha256}",
        f"effective {iso(row.effective_at)}, collected {iso(row.collected_at)} by {row.collector}",
        f"account {row.account or '-'}, region {row.region or '-'}{population}",
        f"period {report.period.label}, ledger entry {row.index}{f', checkpoint {checkpoint}' if checkpoint else ''}",
        *(f"{item.id}: {item.status} as of {iso(report.judged_at)}" for item in used),  # it stays, whatever comes of the record later
    ]
    return WantedEvidence(control, row.record, _cut("\n".join(lines)), row.record)


def _total(row: EvidenceRow) -> str:
    return "an unknown number of" if row.total is None else str(row.total)


def by_control(evidence: tuple[WantedEvidence, ...]) -> Mapping[str, list[WantedEvidence]]:
    """Grouped by control id, in order."""
    groups: dict[str, list[WantedEvidence]] = {}
    for item in evidence:
        groups.setdefault(item.control, []).append(item)
    return groups
