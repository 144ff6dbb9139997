"""The page of a control."""

from __future__ import annotations

from collections.abc import Iterable

from averment.controls.binding import Standing
from averment.controls.describe import FAMILIES, means
from averment.controls.model import Catalogue, Control, Reference
from averment.core.words import Method, Status
from averment.governance.remediation.runbooks import runbook_names
from averment.governance.site.data import SiteData
from averment.governance.site.lists import lists_of
from averment.governance.site.pages.places import blueprint_names, runbook_place
from averment.governance.site.pages.rendering import render
from averment.governance.site.plots import figures, interval, pictures
from averment.governance.site.services import services_of


def control_page(data: SiteData, control: Control) -> str:
    """One control with its state and how it came to it, its law, and the evidence."""
    used = {assessment.policy for assessment in control.assessments}
    rules = [rule for rule in data.rules if rule.id in used]
    services = services_of(control, rules)
    return render(
        "control.md",
        data=data,
        root="../",
        control=control,
        row=data.row(control.id),
        stated=_by_statements_alone(data, control),
        family=FAMILIES.get(control.family, control.family),
        how={f"{control.id}/{item.id}": means(item) for item in control.assessments},
        law=data.law(control.id),
        binding=_cited(data.catalogue, [item.reference for item in data.law(control.id) if item.standing is Standing.BINDS]),
        rules=rules,
        services=services,
        found=(control.id, *_cited(data.catalogue, control.references), *services),
        runbook=runbook_place(control.runbook) if control.runbook in runbook_names() else None,
        blueprint=f"../blueprints/{control.blueprint}.md" if control.blueprint in blueprint_names() else None,
        history=data.history,
        lists=lists_of(data, control.id),
        interval=interval,
        figures=figures,
        pictures=lambda record: pictures(data.claim_records.get(record), "../"),
    )


def _by_statements_alone(data: SiteData, control: Control) -> bool:
    """Whether people's word alone makes the control satisfied."""
    methods = {item.method for item in data.assessments(control.id) if item.status is Status.SATISFIED}
    return data.row(control.id).status is Status.SATISFIED and methods == {str(Method.INTERVIEW)}


def _cited(catalogue: Catalogue, references: Iterable[Reference]) -> list[str]:
    """References as people search for them, "EU AI Act Art 50(2)"; those to nothing that is known are left out."""
    cited = []
    for reference in references:
        framework, provision = catalogue.frameworks.get(reference.framework), catalogue.provision(reference)
        if framework is not None and provision is not None:
            cited.append(f"{framework.title} {provision.label}")
    return cited
