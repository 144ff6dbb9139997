"""What every OSCAL document is made of: identifiers, properties, texts, metadata.

OSCAL's texts are Markdown, in which evidence from a hostile source must not become a link or markup: ``line`` and ``prose``
escape it. Identifiers are UUIDv5 of what they name, so that the same report gives the same documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.canonical import JSON, stable_id
from averment.core.period import from_iso, iso
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import EvidenceRow

OSCAL_VERSION = "1.2.1"
"""The version that the documents name: 1.2.0's schemas are defective, and tools lag behind later ones."""

NS = "urn:averment:oscal"
"""The namespace of our own property and part names; OSCAL keeps names without one for itself."""

MADE_WITH = "made-with"
"""The property of a document's metadata that says which version wrote it, and that we did."""

NS_METHOD = "http://csrc.nist.gov/ns/rmf"
"""The namespace in which NIST names assessment methods."""

CATALOG = "catalog.json"
COMPONENTS = "component-definition.json"
PLAN = "assessment-plan.json"
RESULTS = "assessment-results.json"
POAM = "poam.json"

_MARKUP = re.compile(r"([\\`*\[\]<>{}~^])")
_NO_TOKEN = re.compile(r"[^\w.\-]+")

Node = dict[str, JSON]


@dataclass(frozen=True)
class View:
    """What the documents are made from. ``files`` gives each record's place, relative to the documents, and its SHA-256."""

    report: PeriodReport
    catalogue: Catalogue
    files: Mapping[str, tuple[str, str]]

    @property
    def controls(self) -> tuple[Control, ...]:
        """The selected controls."""
        return self.catalogue.controls

    @cached_property
    def evidence(self) -> tuple[EvidenceRow, ...]:
        """The records that an assessment rests on. A period may have a hundred thousand others; the index of all is in the report."""
        named = {row.record for row in self.report.findings}
        return tuple(row for row in self.report.evidence if row.used_by or row.record in named)

    @cached_property
    def valid_until(self) -> Mapping[str, datetime]:
        """When each attestation ends that doesn't hold for ever, by its record."""
        return {row.record: from_iso(row.valid_until) for row in self.report.attestations if row.valid_until}

    def assessment(self, name: str) -> tuple[Control, Assessment] | None:
        """The control and assessment called ``CONTROL/assessment``."""
        control_id, _, assessment_id = name.partition("/")
        control = self.catalogue.get(control_id)
        found = next((item for item in control.assessments if item.id == assessment_id), None) if control else None
        return (control, found) if control and found else None


def oscal_id(kind: str, *parts: JSON) -> str:
    """The UUIDv5 of the thing of ``kind`` that ``parts`` name."""
    return stable_id(f"oscal-{kind}", list(parts))


def objective_id(control: str, assessment: str) -> str:
    """The id, in the catalog, of the objective that an assessment of ours looks into."""
    return f"{control}_obj.{assessment}"


def prop(name: str, value: object, *, ns: str | None = NS) -> Node:
    """A property; ``ns`` None for a name of OSCAL's own."""
    return {"name": name, **({"ns": ns} if ns else {}), "value": plain(str(value))}


def plain(text: str) -> str:
    """``text`` in one line, for fields that hold no markup; never empty, which OSCAL doesn't take."""
    return " ".join(text.split()) or "-"


def line(text: str) -> str:
    """``text`` as one line of OSCAL's Markdown that shows just that text."""
    return _MARKUP.sub(r"\\\1", plain(text))


def prose(text: str) -> str:
    """``text`` as OSCAL's Markdown, line by line."""
    lines = [line(part) for part in text.splitlines() if part.strip()]
    return "\n\n".join(lines) or "-"


def token(text: str) -> str:
    """``text`` as an OSCAL token: it starts with a letter or ``_`` and holds letters, digits, dots, hyphens."""
    name = _NO_TOKEN.sub("-", text.strip()).strip("-") or "unnamed"
    return name if name[0].isalpha() or name[0] == "_" else f"_{name}"


def filled(**values: JSON) -> Node:
    """``values`` by OSCAL's names (``_`` for ``-``) without those that are None or empty: OSCAL takes no empty list."""
    return {name.replace("_", "-"): value for name, value in values.items() if value not in (None, [], {}, "")}


def document(root: str, body: Node) -> Node:
    """The document ``root``, whose identifier changes with its content."""
    return {root: {"uuid": oscal_id(root, body), **body}}


def organisation_party(report: PeriodReport) -> str:
    """The identifier of the organisation as a party."""
    return oscal_id("party", report.organisation)


def metadata(view: View, title: str, *, people: Iterable[tuple[str, str]] = ()) -> Node:
    """A document's metadata: roles are the owners and whoever is asked; parties the organisation and ``people`` (name, role)."""
    report = view.report
    roles = {row.owner for row in report.controls} | {row.owner for row in report.assessments} | {role for _, role in people}
    parties: list[JSON] = [{"uuid": organisation_party(report), "type": "organization", "name": plain(report.organisation)}]
    parties += [{"uuid": person_party(name), "type": "person", "name": plain(name)} for name in sorted({name for name, _ in people})]
    return filled(
        title=line(title),
        last_modified=moment(report.as_of),
        version=plain(report.period.label),
        oscal_version=OSCAL_VERSION,
        props=[prop(MADE_WITH, f"averment {report.version}")],
        roles=[{"id": token(role), "title": line(role)} for role in sorted(roles, key=token)],
        parties=parties,
    )


def person_party(name: str) -> str:
    """The identifier of a person who attested something."""
    return oscal_id("person", name)


def moment(at: datetime) -> str:
    """A moment as OSCAL writes it: RFC 3339 with its zone."""
    return iso(at)


def reviewed_controls(view: View) -> Node:
    """Every selected control, by id, with its objectives."""
    ids = [control.id for control in view.controls]
    objectives = [objective_id(control.id, item.id) for control in view.controls for item in control.assessments]
    value: Node = {"control-selections": [{"include-controls": [{"control-id": name} for name in ids]}]}
    if objectives:
        value["control-objective-selections"] = [{"include-objectives": [{"objective-id": name} for name in objectives]}]
    if view.report.left_out:
        value["remarks"] = prose(f"Not selected by the organisation: {', '.join(view.report.left_out)}.")
    return value
