"""What finds out, as OSCAL components: the check, the collectors, the claims, and the people who are asked.

The component definition says which controls each of them assesses, and by what. The same components are the assets of the
plan and the tools that observations come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from averment.controls.describe import means
from averment.controls.model import Assessment, Control
from averment.core.canonical import JSON
from averment.core.words import Method
from averment.evidence.oscal.parts import CATALOG, Node, View, document, filled, line, metadata, oscal_id, prop, prose
from averment.evidence.record import Kind


@dataclass(frozen=True)
class Component:
    """Something that finds out. ``type`` is OSCAL's."""

    name: str
    type: str
    title: str
    description: str

    @property
    def uuid(self) -> str:
        """Its id in every document: made of its name alone, so that one period's documents lead to another's."""
        return oscal_id("component", self.name)


CHECK = Component(
    "check", "validation", "Averment check", "Rules on infrastructure as code and source code, evaluated before a change is merged."
)
COLLECTORS = Component(
    "collectors", "validation", "Averment collectors", "Facts from AWS and from logs, fetched over a period and recorded as they were."
)
CLAIMS = Component(
    "claims", "validation", "Averment claims", "Statistical tests of stated claims on counted populations, with intervals and seeds."
)
PEOPLE = Component("people", "process-procedure", "Attestations", "Statements of responsible persons in answer to a control's question.")

COMPONENTS = (CHECK, COLLECTORS, CLAIMS, PEOPLE)


def component_of(assessment: Assessment) -> Component:
    """What carries out ``assessment``."""
    if assessment.claim is not None:
        return CLAIMS
    if assessment.attestation is not None:
        return PEOPLE
    return COLLECTORS if assessment.collector and assessment.collector != "check" else CHECK


def component_for(kind: str) -> Component:
    """Where a record of ``kind`` comes from."""
    return {Kind.CHECK: CHECK, Kind.CLAIM: CLAIMS, Kind.ATTESTATION: PEOPLE}.get(Kind(kind), COLLECTORS)


def method_for(kind: str) -> Method:
    """How a record of ``kind`` was found out."""
    return {Kind.CLAIM: Method.TEST, Kind.ATTESTATION: Method.INTERVIEW}.get(Kind(kind), Method.EXAMINE)


def actors(component: Component) -> list[JSON]:
    """``component`` as the origin of an observation or a risk."""
    return [{"actors": [{"type": "tool", "actor-uuid": component.uuid}]}]


def assets(view: View) -> Node:
    """The components as the assets of an assessment; their platform is the program that made the report."""
    components: list[JSON] = [
        {
            "uuid": item.uuid,
            "type": item.type,
            "title": line(item.title),
            "description": prose(item.description),
            "status": {"state": "operational"},
        }
        for item in COMPONENTS
    ]
    platform = {
        "uuid": oscal_id("platform", view.report.version),
        "title": line(f"averment {view.report.version}"),
        "uses-components": [{"component-uuid": item.uuid} for item in COMPONENTS],
    }
    return {"components": components, "assessment-platforms": [platform]}


def component_definition(view: View) -> Node:
    """Which component assesses which control, and by what."""
    components = [made for item in COMPONENTS if (made := _component(view, item)) is not None]
    body = filled(
        metadata=metadata(view, f"How the controls of {view.report.organisation} are assessed"),
        components=components,
    )
    return document("component-definition", body)


def _component(view: View, component: Component) -> Node | None:
    requirements = [
        _requirement(component, control, own)
        for control in view.controls
        if (own := [item for item in control.assessments if component_of(item) is component])
    ]
    if not requirements:
        return None
    implementation = {
        "uuid": oscal_id("control-implementation", component.name),
        "source": CATALOG,
        "description": prose("The assessments of each control that this component carries out."),
        "implemented-requirements": requirements,
    }
    return filled(
        uuid=component.uuid,
        type=component.type,
        title=line(component.title),
        description=prose(component.description),
        props=[prop("version", view.report.version, ns=None)],
        control_implementations=[implementation],
    )


def _requirement(component: Component, control: Control, assessments: list[Assessment]) -> Node:
    props: list[JSON] = []
    for item in assessments:
        props.append(prop("assessment", f"{control.id}/{item.id}"))
        if item.policy:
            props.append(prop("rule", item.policy))
        if item.collector:
            props.append(prop("collector", item.collector))
    return {
        "uuid": oscal_id("implemented-requirement", component.name, control.id),
        "control-id": control.id,
        "description": prose("\n".join(f"{item.id} ({item.method}): {means(item)}" for item in assessments)),
        "props": props,
    }
