"""The assessment plan: an activity for each assessment, and one task, to carry them out over the period."""

from __future__ import annotations

from averment.controls.describe import means
from averment.controls.model import Assessment, Control
from averment.core.canonical import JSON
from averment.evidence.oscal.components import assets, component_of
from averment.evidence.oscal.parts import (
    NS_METHOD,
    Node,
    View,
    document,
    filled,
    line,
    metadata,
    moment,
    objective_id,
    oscal_id,
    prop,
    prose,
    reviewed_controls,
    token,
)

_NO_SSP = (
    "The organisation keeps no OSCAL system security plan, which OSCAL wants named here. What is in scope (accounts, regions, which "
    "buckets hold media) stands in the scope of its averment.yaml and in report.json."
)


def activity_id(name: str) -> str:
    """The identifier of the activity for the assessment ``CONTROL/assessment``."""
    return oscal_id("activity", name)


def scope_resource(view: View) -> Node:
    """What stands in for the system security plan: the scope, in words."""
    scope = view.report.scope
    accounts = ", ".join(map(str, scope.get("accounts") or [])) or "none named; each record tells its own"
    regions = ", ".join(map(str, scope.get("regions") or [])) or "none named; each record tells its own"
    return {
        "uuid": oscal_id("scope", view.report.organisation, dict(scope)),
        "title": "Scope",
        "description": prose(f"{_NO_SSP}\nAccounts: {accounts}. Regions: {regions}."),
    }


def assessment_plan(view: View) -> Node:
    """What is assessed, how, by whom and when."""
    report = view.report
    pairs = [(control, item) for control in view.controls for item in control.assessments]
    everything: list[JSON] = [{"type": "component", "include-all": {}}]
    task = filled(
        uuid=oscal_id("task", report.organisation, report.period.label),
        type="action",
        title=line(f"Assess the controls throughout {report.period.label}"),
        timing={"within-date-range": {"start": moment(report.period.start), "end": moment(report.period.end)}},
        associated_activities=[
            {"activity-uuid": activity_id(f"{control.id}/{item.id}"), "subjects": everything} for control, item in pairs
        ],
    )
    scope = scope_resource(view)
    body = filled(
        metadata=metadata(view, f"Assessment plan of {report.organisation}, {report.period.label}"),
        import_ssp={"href": f"#{scope['uuid']}"},
        local_definitions=filled(activities=[_activity(control, item) for control, item in pairs]),
        reviewed_controls=reviewed_controls(view),
        assessment_subjects=everything,
        assessment_assets=assets(view),
        tasks=[task],
        back_matter={"resources": [scope]},
    )
    return document("assessment-plan", body)


def _activity(control: Control, assessment: Assessment) -> Node:
    name = f"{control.id}/{assessment.id}"
    role = assessment.attestation["role"] if assessment.attestation else control.owner
    return filled(
        uuid=activity_id(name),
        title=line(f"{name} {assessment.title}"),
        description=prose(means(assessment)),
        props=[
            prop("method", assessment.method, ns=NS_METHOD),
            prop("carried-out-by", component_of(assessment).title),
        ],
        related_controls={
            "control-selections": [{"include-controls": [{"control-id": control.id}]}],
            "control-objective-selections": [{"include-objectives": [{"objective-id": objective_id(control.id, assessment.id)}]}],
        },
        responsible_roles=[{"role-id": token(role)}],
    )
