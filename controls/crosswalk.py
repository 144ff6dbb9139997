"""The crosswalk, both ways: from a provision to controls, assessments and rules, and from a control to provisions; with the gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from averment.controls.binding import STRONGEST_FIRST, Judgement, Standing, judge
from averment.controls.describe import means
from averment.controls.model import Catalogue, Control, Framework, Provision
from averment.core.canonical import JSON

UNEXPLAINED = "no selected control refers to it"
"""What a gap says whose provision gives no reason of its own."""


@dataclass(frozen=True)
class Mapped:
    """One control's reference to a provision, with its standing for the organisation."""

    control: Control
    judgement: Judgement


@dataclass(frozen=True)
class Row:
    """A provision of a framework with the controls that refer to it; none of them is a gap."""

    framework: Framework
    provision: Provision
    mapped: tuple[Mapped, ...]

    @property
    def standing(self) -> Standing | None:
        """The strongest standing that any reference gives the provision; None for a gap."""
        found = {item.judgement.standing for item in self.mapped}
        return next((standing for standing in STRONGEST_FIRST if standing in found), None)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules by which its controls are assessed, by name."""
        return tuple(sorted({rule for entry in self.mapped for rule in entry.control.rules}))

    @property
    def gap(self) -> str | None:
        """Why nothing covers it, where nothing does."""
        return None if self.mapped else self.provision.gap or UNEXPLAINED


def crosswalk(catalogue: Catalogue, framework: Framework, profile: Mapping[str, bool], day: date) -> tuple[Row, ...]:
    """Every provision of ``framework`` in the file's order, with the selected controls that refer to it and what binds on ``day``."""
    return tuple(
        Row(framework, provision, tuple(_mapped(catalogue, framework.id, provision.ref, profile, day)))
        for provision in framework.provisions.values()
    )


def _mapped(catalogue: Catalogue, framework: str, ref: str, profile: Mapping[str, bool], day: date) -> Iterable[Mapped]:
    for control in catalogue:
        for reference in control.references:
            if (reference.framework, reference.ref) == (framework, ref):
                yield Mapped(control, judge(catalogue, reference, profile, day))


def crosswalk_json(catalogue: Catalogue, frameworks: Iterable[Framework], profile: Mapping[str, bool], day: date) -> dict[str, JSON]:
    """Both directions as JSON data; of the controls, the references to ``frameworks`` alone."""
    chosen = list(frameworks)
    rows = {framework.id: crosswalk(catalogue, framework, profile, day) for framework in chosen}
    return {
        "as_of": day.isoformat(),
        "profile": dict(profile),
        "frameworks": [_framework_json(framework, rows[framework.id]) for framework in chosen],
        "controls": [_control_json(catalogue, control, set(rows), profile, day) for control in catalogue],
        "left_out": list(catalogue.left_out),
    }


def _framework_json(framework: Framework, rows: tuple[Row, ...]) -> dict[str, JSON]:
    return {
        "id": framework.id,
        "title": framework.full_title,
        "version": framework.version,
        "kind": framework.kind,
        "source": framework.source,
        "read_on": framework.as_of.isoformat() if framework.as_of else None,
        "amendments": [{"day": item.on.isoformat(), "what": item.what} for item in framework.amendments],
        "provisions": [_row_json(row) for row in rows],
        "gaps": [row.provision.ref for row in rows if row.gap],
    }


def _row_json(row: Row) -> dict[str, JSON]:
    provision = row.provision
    return {
        "ref": provision.ref,
        "label": provision.label,
        "draft": provision.draft,
        "title": provision.title,
        "binds": provision.binds,
        "applies_from": provision.applies_from.isoformat() if provision.applies_from else None,
        "first_binds": provision.first_binds.isoformat() if provision.first_binds else None,
        "confirmed": provision.confirmed,
        "standing": str(row.standing) if row.standing else None,
        "gap": row.gap,
        "controls": [_mapped_json(item) for item in row.mapped],
        "rules": list(row.rules),
    }


def _mapped_json(item: Mapped) -> dict[str, JSON]:
    assessments: list[JSON] = [
        {
            "id": f"{item.control.id}/{entry.id}",
            "method": str(entry.method),
            "title": entry.title,
            "how": means(entry),
            "rule": entry.policy,
        }
        for entry in item.control.assessments
    ]
    return {
        "id": item.control.id,
        "title": item.control.title,
        "basis": item.judgement.reference.basis,
        "standing": str(item.judgement.standing),
        "reason": item.judgement.reason,
        "assessments": assessments,
    }


def _control_json(catalogue: Catalogue, control: Control, frameworks: set[str], profile: Mapping[str, bool], day: date) -> dict[str, JSON]:
    references: list[JSON] = []
    for reference in control.references:
        if reference.framework in frameworks:
            judgement = judge(catalogue, reference, profile, day)
            cited = catalogue.cite(reference)
            references.append(
                {"framework": reference.framework, "ref": reference.ref, "citation": cited, "standing": str(judgement.standing)}
            )
    return {"id": control.id, "title": control.title, "references": references, "rules": list(control.rules)}
