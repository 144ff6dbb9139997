"""The controls as an OSCAL catalog: objective, reasons, and one assessment objective with its method for each assessment."""

from __future__ import annotations

from averment.controls.describe import FAMILIES, means
from averment.controls.model import Assessment, Control, Framework
from averment.core.canonical import JSON
from averment.evidence.oscal.parts import (
    NS_METHOD,
    Node,
    View,
    document,
    filled,
    line,
    metadata,
    objective_id,
    oscal_id,
    prop,
    prose,
    token,
)


def catalog(view: View) -> Node:
    """The catalog of the selected controls, as the organisation tailors them."""
    families = list(dict.fromkeys([*FAMILIES, *(control.family for control in view.controls)]))
    groups: list[JSON] = []
    for family in families:
        members = [control for control in view.controls if control.family == family]
        if members:
            title = FAMILIES.get(family, family)
            groups.append(
                {"id": token(family), "class": "family", "title": line(title), "controls": [_control(view, item) for item in members]}
            )
    used = {reference.framework for control in view.controls for reference in control.references}
    resources = [_resource(framework) for name, framework in view.catalogue.frameworks.items() if name in used]
    body = filled(
        metadata=metadata(view, f"Controls on synthetic-media risk of {view.report.organisation}"),
        groups=groups,
        back_matter=filled(resources=resources),
    )
    return document("catalog", body)


def _resource(framework: Framework) -> Node:
    return filled(
        uuid=oscal_id("framework", framework.id),
        title=line(f"{framework.full_title or framework.title}, {framework.version}"),
        rlinks=[{"href": framework.source}],
    )


def _control(view: View, control: Control) -> Node:
    links = [
        filled(
            href=f"#{oscal_id('framework', reference.framework)}",
            rel="reference",
            text=line(view.catalogue.cite(reference) + (f": {reference.condition}" if reference.condition else "")),
        )
        for reference in control.references
        if reference.framework in view.catalogue.frameworks
    ]
    props = [prop("label", control.id, ns=None), prop("severity", control.severity), prop("owner", control.owner)]
    props += [prop("cadence", control.cadence)]
    props += [prop("made-less-strict", change) for change in control.weakened]
    props += [prop("tailored", change) for change in control.tailored]
    parts: list[JSON] = [
        {"id": f"{control.id}_smt", "name": "statement", "prose": prose(control.objective)},
        {"id": f"{control.id}_gdn", "name": "guidance", "prose": prose(control.rationale)},
    ]
    for assessment in control.assessments:
        parts += _assessment(control, assessment)
    return filled(id=control.id, title=line(control.title), props=props, links=links, parts=parts)


def _assessment(control: Control, assessment: Assessment) -> list[Node]:
    objective = objective_id(control.id, assessment.id)
    return [
        {"id": objective, "name": "assessment-objective", "prose": prose(assessment.title or means(assessment))},
        {
            "id": f"{control.id}_asm.{assessment.id}",
            "name": "assessment-method",
            "props": [prop("method", assessment.method, ns=NS_METHOD)],
            "links": [{"href": f"#{objective}", "rel": "assessment-for"}],
            "parts": [{"name": "assessment-objects", "prose": prose(means(assessment))}],
        },
    ]
