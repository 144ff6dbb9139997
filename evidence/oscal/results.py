"""The assessment results of a period: one finding for each assessment, resting on observations and telling of risks.

OSCAL knows two states of an objective. What was not assessed is not satisfied, with the reason ``other`` and our own property
``status``: no reader may take it for a pass. A waived assessment is not satisfied either; its risks are approved deviations.
"""

from __future__ import annotations

from collections import defaultdict

from averment.core.canonical import JSON
from averment.core.words import Status, counted
from averment.evidence.judging.outside import told_of_outside
from averment.evidence.oscal.components import actors, assets, component_of
from averment.evidence.oscal.findings import evidence_resource, inventory, observation, observation_id, risk_id, unique_risks
from averment.evidence.oscal.parts import (
    NS,
    PLAN,
    Node,
    View,
    document,
    filled,
    line,
    metadata,
    moment,
    objective_id,
    oscal_id,
    person_party,
    prop,
    prose,
    reviewed_controls,
    token,
)
from averment.evidence.reporting.rows import AssessmentRow, AttestationRow
from averment.evidence.reporting.unseen import told_of_unseen

_STATES = {
    Status.SATISFIED: ("satisfied", "pass"),
    Status.NOT_SATISFIED: ("not-satisfied", "fail"),
    Status.NOT_ASSESSED: ("not-satisfied", "other"),
    Status.WAIVED: ("not-satisfied", "other"),
    Status.NOT_APPLICABLE: ("satisfied", "other"),
}


def assessment_results(view: View) -> Node:
    """What came of the plan."""
    report = view.report
    people = [(row.by, row.role) for row in report.attestations if row.by and row.role]
    about: dict[str, list[str]] = defaultdict(list)
    risks: dict[str, list[str]] = defaultdict(list)
    for row in report.findings:
        about[row.record].append(row.resource)
        risks[row.assessment].append(risk_id(view, row))
    known = {row.record for row in view.evidence}
    result = filled(
        uuid=oscal_id("result", report.organisation, report.period.label, moment(report.as_of)),
        title=line(f"{report.organisation}, {report.period.label}"),
        description=prose(_description(view)),
        start=moment(report.period.start),
        end=moment(report.judged_at) if report.judged_at >= report.period.start else None,  # of what has not begun there is none
        local_definitions=filled(inventory_items=inventory(view, report.findings), assessment_assets=assets(view)),
        reviewed_controls=reviewed_controls(view),
        attestations=[_attestation(row) for row in report.attestations],
        observations=[observation(view, row, about[row.record]) for row in view.evidence],
        risks=unique_risks(view, report.findings),
        findings=[_finding(view, row, known, risks[row.id]) for row in report.assessments],
    )
    body = filled(
        metadata=metadata(view, f"Assessment results of {report.organisation}, {report.period.label}", people=people),
        import_ap={"href": PLAN},
        results=[result],
        back_matter=filled(resources=[evidence_resource(view, row) for row in view.evidence]),
    )
    return document("assessment-results", body)


def _description(view: View) -> str:
    report = view.report
    controls = ", ".join(f"{number} {status}" for status, number in report.totals.items())
    others = len(report.evidence) - len(view.evidence)
    index = f"\nThe index of report.json has {counted(others, 'further record')} of the period, on which no state rests." if others else ""
    beside = [told_of_outside(report.outside), told_of_unseen(report.unseen) if report.unseen else None]
    not_told = "".join(f"\nNot told: {text}." for text in beside if text)
    return (
        f"Controls: {controls}. Not run, stale or undecided: {counted(len(report.gaps), 'assessment')}; none of them counts as satisfied.\n"
        "Unchanged is not complete: the populations that were counted, and listings that were cut short, stand with each observation."
        f"{not_told}{index}"
    )


def _finding(view: View, row: AssessmentRow, known: set[str], risks: list[str]) -> Node:
    state, reason = _STATES[row.status]
    found = view.assessment(row.id)
    control_id, _, assessment_id = row.id.partition("/")
    gap = [prop("gap", row.gap)] if row.gap else []
    target: Node = {
        "type": "objective-id",
        "target-id": objective_id(control_id, assessment_id),
        "title": line(row.title),
        "status": {"state": state, "reason": reason, "remarks": prose(f"{row.status}: {row.reason}")},
    }
    if row.status is Status.NOT_APPLICABLE:
        target["implementation-status"] = {"state": "not-applicable"}
    return filled(
        uuid=oscal_id("finding", view.report.organisation, view.report.period.label, row.id),
        title=line(f"{row.id} {row.title}"),
        description=prose(row.reason or str(row.status)),
        props=[prop("status", row.status), prop("owner", row.owner), *gap],
        origins=actors(component_of(found[1])) if found else [],
        target=target,
        related_observations=[{"observation-uuid": observation_id(name)} for name in row.records if name in known],
        related_risks=[{"risk-uuid": name} for name in dict.fromkeys(risks)],
    )


def _attestation(row: AttestationRow) -> Node:
    says = f"{row.question}\n{row.answer}" + (f": {row.statement}" if row.statement else "")
    until = [prop("valid-until", row.valid_until)] if row.valid_until else []
    origin = [prop("came-by", row.origin)]
    if row.workbook:
        origin.append(prop("workbook-sha256", row.workbook.get("sha256")))
    part: dict[str, JSON] = {
        "uuid": oscal_id("attestation", row.record),
        "name": "attestation",
        "ns": NS,
        "title": line(", ".join(row.assessments) or "attestation"),
        "props": [prop("record", row.record), prop("given", moment(row.effective_at)), *until, *origin],
        "prose": prose(says),
    }
    who = [{"role-id": token(row.role), "party-uuids": [person_party(row.by)]}] if row.by and row.role else []
    return filled(responsible_parties=who, parts=[part])
