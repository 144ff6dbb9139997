"""The plan of action and milestones: an item for each deviation, waived or not, and for each assessment that came to no decision, or of which
something isn't known beside what is wrong."""

from __future__ import annotations

from averment.core.canonical import JSON
from averment.evidence.oscal.components import assets
from averment.evidence.oscal.findings import by_risk, evidence_resource, inventory, observation, observation_id, risk_id, unique_risks
from averment.evidence.oscal.parts import Node, View, document, filled, line, metadata, organisation_party, oscal_id, prop, prose
from averment.evidence.reporting.action import OPEN, WAIVED
from averment.evidence.reporting.rows import AssessmentRow, FindingRow


def plan_of_action(view: View) -> Node | None:
    """What is to be done; None when nothing is: OSCAL knows no empty plan."""
    report = view.report
    known = {row.record for row in view.evidence}
    items: dict[str, Node] = {}
    for group in by_risk(view, report.findings):
        items[risk_id(view, group[0])] = _deviation(view, group[0], tuple(dict.fromkeys(row.record for row in group)), known)
    gaps = [row for row in report.assessments if row.gap or row.beside]
    lacking = {row.resource: row.what for row in report.actions if row.state not in (OPEN, WAIVED)}
    for gap in gaps:
        # what is wrong beside it has an item of its own
        items[gap.id] = _gap(view, gap, lacking.get(gap.id, gap.reason) if gap.beside else gap.reason, known)
    if not items:
        return None
    named = {row.record for row in report.findings} | {name for gap in gaps for name in gap.records}
    evidence = [row for row in view.evidence if row.record in named]
    about: dict[str, list[str]] = {}
    for row in report.findings:
        about.setdefault(row.record, []).append(row.resource)
    body = filled(
        metadata=metadata(view, f"Plan of action of {report.organisation}, {report.period.label}"),
        system_id={"identifier-type": "http://ietf.org/rfc/rfc4122", "id": organisation_party(report)},
        local_definitions=filled(inventory_items=inventory(view, report.findings), assessment_assets=assets(view)),
        observations=[observation(view, row, about.get(row.record, ())) for row in evidence],
        risks=unique_risks(view, report.findings),
        poam_items=list(items.values()),
        back_matter=filled(resources=[evidence_resource(view, row) for row in evidence]),
    )
    return document("plan-of-action-and-milestones", body)


def _deviation(view: View, row: FindingRow, records: tuple[str, ...], known: set[str]) -> Node:
    state = f"accepted until {row.waived_until}" if row.waived_until else "open"
    return filled(
        uuid=oscal_id("poam-item", risk_id(view, row)),
        title=line(f"{row.control}: {row.resource}"),
        description=prose(row.message),
        props=[prop("control", row.control), prop("assessment", row.assessment), prop("owner", row.owner), prop("state", state)],
        related_observations=_observations(records, known),
        related_risks=[{"risk-uuid": risk_id(view, row)}],
    )


def _gap(view: View, row: AssessmentRow, why: str, known: set[str]) -> Node:
    return filled(
        uuid=oscal_id("poam-item", view.report.organisation, row.id),
        title=line(f"{row.id} is not {'wholly ' if row.beside else ''}assessed"),
        description=prose(why or str(row.gap)),
        props=[
            prop("control", row.control),
            prop("assessment", row.id),
            prop("owner", row.owner),
            prop("state", row.gap or row.beside[0]),
        ],
        related_observations=_observations(row.records, known),
    )


def _observations(records: tuple[str, ...], known: set[str]) -> list[JSON]:
    return [{"observation-uuid": observation_id(name)} for name in records if name in known]
