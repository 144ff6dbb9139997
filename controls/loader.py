"""Reads the catalogue: one YAML file a control, checked against the published schema, selected and tailored by an organisation."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from averment.controls.assessments import read_assessment
from averment.controls.documents import documents, yaml_files
from averment.controls.frameworks import load_frameworks
from averment.controls.model import Catalogue, Control, Framework, Reference
from averment.controls.overlay import apply_overlay
from averment.core.errors import BadInputError
from averment.core.located import Located, load_yaml
from averment.core.organisation import Organisation
from averment.core.schema import check_schema
from averment.core.source import SourceRef
from averment.core.user_cache import Store
from averment.core.words import Severity

SCHEMA = "controls/schema/control.schema.json"


def shipped_catalogue() -> Traversable:
    """The folder of control files inside the package."""
    return resources.files("averment").joinpath("controls", "catalog")


def load_catalogue(
    organisation: Organisation | None = None,
    *,
    catalog: Traversable | None = None,
    kept: Store | None = None,
) -> Catalogue:
    """The controls that ``organisation`` selects, tailored by its overlays, with the frameworks they refer to.

    Without an organisation: every control as shipped. ``catalog`` replaces the shipped folder;
    ``kept`` may recall what the shipped files say.

    Raises:
        BadInputError: a file breaks its schema, an id stands twice or isn't its file's name, a selection or an overlay
            names no control, or an overlay weakens a control without a reason. Names file, line and fix.
    """
    controls = load_controls(catalog, kept=kept)
    organisation = organisation or Organisation()
    document = load_yaml(Path(organisation.file)) if organisation.file else Located("averment.yaml", {}, {})
    selected = _selected(controls, organisation, document)
    tailored = []
    for control in controls:
        overlay = organisation.overlays.get(control.id)
        wanted = control if overlay is None else apply_overlay(control, overlay, document)  # a mistake is one, selected or not
        if control.id in selected:
            tailored.append(wanted)
    _check_overlays(controls, organisation, document)
    left_out = tuple(control.id for control in controls if control.id not in selected)
    return Catalogue(tuple(tailored), _frameworks(organisation, load_frameworks(kept=kept), document), left_out)


def _frameworks(organisation: Organisation, found: dict[str, Framework], document: Located) -> dict[str, Framework]:
    """The frameworks ``found``, and those of the organisation's own."""
    for index, name in enumerate(organisation.frameworks):
        where, own = document.where(("frameworks", index)), organisation.path(name)
        if not own.is_dir():
            raise BadInputError(f"there is no folder '{name}'", where=where, fix="name a folder of framework files, relative to this file")
        loaded = load_frameworks(own)
        if not loaded:
            fix = "put framework files there (averment controls import-oscal writes them), or leave it out"
            raise BadInputError(f"the folder '{name}' holds no framework, as ID.yaml", where=where, fix=fix)
        for framework in loaded.values():
            if framework.id in found:
                raise BadInputError(f"the framework '{framework.id}' of {name} exists already", where=where, fix="give it another id")
            found[framework.id] = framework
    return found


def load_controls(catalog: Traversable | None = None, *, kept: Store | None = None) -> tuple[Control, ...]:
    """Every control of ``catalog`` (default: the shipped one, which ``kept`` may recall), by id, untailored.

    Raises:
        BadInputError: as ``load_catalogue``.
    """
    return _controls(catalog, kept) if catalog is not None or kept is not None else _shipped_controls()


@cache
def _shipped_controls() -> tuple[Control, ...]:
    """The shipped ones, which don't change while the program runs: a command may ask for them several times, a service for each of its requests."""
    return _controls(None, None)


def _controls(catalog: Traversable | None, kept: Store | None) -> tuple[Control, ...]:
    found: dict[str, Control] = {}
    name = "controls/catalog" if catalog is None else str(catalog)
    for document in documents(_files(catalog or shipped_catalogue(), name), kept if catalog is None else None):
        if catalog is not None:  # the shipped ones are held to their schema by a test, not on every run
            check_schema(document, SCHEMA)
        control = _control(document)
        if control.id in found:
            raise BadInputError(
                f"the id '{control.id}' is already used in {found[control.id].where}",
                where=document.where(("id",)),
                fix="choose another id",
            )
        _check_place(control, document)
        found[control.id] = control
    return tuple(found[key] for key in sorted(found))


def _files(folder: Traversable, name: str) -> Iterator[tuple[str, str]]:
    for family in sorted(folder.iterdir(), key=lambda item: item.name):
        if family.is_dir() and not family.name.startswith(("_", ".")):
            yield from yaml_files(family, f"{name}/{family.name}")


def _check_place(control: Control, document: Located) -> None:
    *_, folder, file = document.file.split("/")
    if (folder, file) != (control.family, f"{control.id}.yaml"):
        raise BadInputError(
            f"the control '{control.id}' stands in {folder}/{file}",
            where=document.where(("id",)),
            fix=f"move it to {control.family}/{control.id}.yaml",
        )


def _control(document: Located) -> Control:
    value: Mapping[str, Any] = document.value
    seen: set[str] = set()
    for index, entry in enumerate(value["assessments"]):
        if entry["id"] in seen:
            raise BadInputError(
                f"the assessment '{entry['id']}' stands twice", where=document.where(("assessments", index, "id")), fix="give it another id"
            )
        seen.add(entry["id"])
    remediation = value.get("remediation", {})
    return Control(
        id=value["id"],
        title=value["title"],
        objective=" ".join(value["objective"].split()),
        severity=Severity(value["severity"]),
        owner=value["owner"],
        cadence=value["cadence"],
        rationale=" ".join(value["rationale"].split()),
        references=tuple(_reference(entry, document.where(("references", index))) for index, entry in enumerate(value["references"])),
        assessments=tuple(
            read_assessment(entry, document.where(("assessments", index))) for index, entry in enumerate(value["assessments"])
        ),
        runbook=remediation.get("runbook"),
        blueprint=remediation.get("blueprint"),
        steps=tuple(" ".join(step.split()) for step in remediation.get("steps", ())),
        where=document.where(("id",)),
    )


def _reference(value: Mapping[str, Any], where: SourceRef) -> Reference:
    any_of = tuple(tuple(way) for way in value.get("any_of", ()))
    return Reference(value["framework"], value["ref"], value["basis"], value.get("condition"), tuple(value.get("when", ())), where, any_of)


def _selected(controls: tuple[Control, ...], organisation: Organisation, document: Located) -> frozenset[str]:
    ids = [control.id for control in controls]
    selected: set[str] = set()
    for index, pattern in enumerate(organisation.controls):
        matches = fnmatch.filter(ids, pattern)
        if not matches and ids:
            raise BadInputError(
                f"'{pattern}' selects no control",
                where=document.where(("controls", index)),
                fix=f"write an id or a pattern such as SM-UPL-*; there are {', '.join(ids)}",
            )
        selected.update(matches)
    return frozenset(selected)


def _check_overlays(controls: tuple[Control, ...], organisation: Organisation, document: Located) -> None:
    known = {control.id for control in controls}
    for control_id in organisation.overlays:
        if control_id not in known:
            raise BadInputError(
                f"there is no control '{control_id}' to tailor",
                where=document.where(("overlays", control_id)),
                fix=f"write one of {', '.join(sorted(known))}",
            )
