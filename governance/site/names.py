"""Every name that the data of a site knows: what the levels below internal mustn't show, in whatever text it stands."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.organisation import SCHEMA, Organisation
from averment.core.source import SourceRef
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import EvidenceRow
from averment.governance.incidents.state import Incident
from averment.governance.site.data import SiteData
from averment.governance.site.levels import Shown, fields_of, rows_in
from averment.governance.site.scrub import WITHHELD, distinct, leaves, parts_of, strings


def names_in(data: SiteData) -> frozenset[str]:
    """Every name that ``data`` knows of people, accounts, resources and places, and the texts that only the inside may read.

    A role or word that comes with Averment ("legal") names nobody by itself and isn't among them.
    """
    found: set[str] = set()
    for row in rows_in(data):
        for name, how in fields_of(row).items():
            value = getattr(row, name)
            if isinstance(row, EvidenceRow) and name == "query":
                found.update(text for text in leaves(value) if distinct(text) or text.startswith(("arn:", "s3:")))
            elif how in {Shown.NUMBERED, Shown.WITHHELD} and not isinstance(row, PeriodReport):
                found.update(leaves(value))
    for control in data.catalogue:
        found.update((control.owner, *control.weakened, *control.tailored))
        found.update(str(item.attestation["role"]) for item in control.assessments if item.attestation and item.attestation.get("role"))
    found.update(name for incident in data.incidents.values() for name in _incident_names(incident))
    found.update(_own_names(data.organisation))
    found.update(word for row in data.report.attestations for word in row.by.split() if len(word) > 3)
    own = {row.id for row in data.report.assessments} | {control.id for control in data.catalogue}
    return frozenset({part for name in found - own for part in parts_of(name)} - shipped_strings() - own - {"", WITHHELD})


def _incident_names(incident: Incident) -> Iterator[str]:
    """What an incident is called, and the media and targets that its steps name; the problems of a step tell of these in prose."""
    yield from (incident.id, incident.title)
    for event in incident.events:
        payload = event.record.payload
        named = [payload.get("media"), payload.get("target"), *(item.get("name") for item in payload.get("items") or ())]
        yield from (text for text in leaves(named) if distinct(text))


def _own_names(organisation: Organisation) -> Iterator[str]:
    """The names in averment.yaml: of its own settings, not what is set by default."""
    scope, usual = organisation.scope, Organisation()
    yield from scope.accounts
    yield scope.organisation_id or ""
    if not scope.guesses:
        yield from (name for matcher in scope.media for name in (*matcher.names, *matcher.tags.values()))
    for waiver in organisation.waivers:
        yield from leaves(dataclasses.replace(waiver, where=SourceRef(), regions=()))
    for name in ("parameters", "iac", "rules", "incidents", "evidence"):
        mine, default = getattr(organisation, name), getattr(usual, name)
        yield from set(_texts(mine)) - set(strings(default)) - _settings()


def _texts(value: Any) -> Iterator[str]:
    """Every string in ``value``; keys count, as roles are named in them."""
    return (text for text in strings(value) if type(text) is str)


@cache
def _settings() -> frozenset[str]:
    """The names of settings in averment.yaml: every word of its schema that could stand as a key or value."""
    return frozenset(strings(json.loads(resources.files("averment").joinpath(SCHEMA).read_text(encoding="utf-8"))))


@cache
def shipped_strings() -> frozenset[str]:
    """Every text of the controls and frameworks that come with Averment, and the files that they stand in."""
    return frozenset(strings((as_shipped().controls, as_shipped().frameworks)))


@cache
def as_shipped() -> Catalogue:
    """The controls and frameworks that come with Averment, which nobody tailored."""
    return load_catalogue()
