"""What a reader gets to see: everything (internal), nothing that names somebody or something (partners), nor free text (public).

It is done to the data, before any template sees it: what a template can't get at, it can't print. Every field of every row is in a table
below; one that isn't stops the build. Rows are never left out, so that counts and states are the same at every level.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from averment.controls.describe import means
from averment.controls.loader import load_catalogue
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import IncompleteError
from averment.core.organisation import SCHEMA, EvidenceSettings, Organisation
from averment.core.source import SourceRef
from averment.evidence.action import ActionRow
from averment.evidence.changes import ChangeRow
from averment.evidence.drift import DriftRow
from averment.evidence.operation import OperationRow
from averment.evidence.record import Record
from averment.evidence.report import ComparedPackage, PeriodReport
from averment.evidence.rows import AssessmentRow, AttestationRow, ClaimRow, ControlRow, EvidenceRow, FindingRow, WaiverRow
from averment.evidence.samples import SampleRow
from averment.governance.incidents.state import Incident
from averment.governance.site.data import LedgerHead, SiteData
from averment.governance.site.scrub import WITHHELD, Scrubber, distinct, leaves, parts_of, strings
from averment.governance.site.shipped import shipped_rules
from averment.policies.interface import Rule


class Level(StrEnum):
    """Who a site is for, the widest circle first."""

    PUBLIC = "public"
    PARTNERS = "partners"
    INTERNAL = "internal"

    def shows_no_more_than(self, other: Level) -> bool:
        """Whether a site of this level may lie inside a site of the level ``other``."""
        return list(Level).index(self) <= list(Level).index(other)

    @property
    def notice(self) -> str:
        """What stands at the foot of every page."""
        return _NOTICES[self]


_NOTICES = {
    Level.PUBLIC: f"Level: public. What is {WITHHELD} was left out for readers outside; states and counts are complete.",
    Level.PARTNERS: f"Level: partners. Names of people, accounts and resources are {WITHHELD}; states and counts are complete.",
    Level.INTERNAL: "Level: internal. Not for readers outside of the organisation.",
}

_TOLD_FIRST = {
    Level.PUBLIC: f"This is the site for the public. Every state and every count is shown. {WITHHELD.capitalize()} are reasons, places, and the names of "
    "people, accounts and resources: each resource has a number in place of its name, the same on every page. Incidents, drills and the plan "
    "for them are left out.",
    Level.PARTNERS: f"This is the site for partners. Every state, every count and every reason is shown. {WITHHELD.capitalize()} are the names of people, "
    "accounts and resources: each resource has a number in place of its name, the same on every page. Incidents, drills and the plan for them are left out.",
}
"""What stands at the top of the first page."""

INTERNAL_PAGES = ("plan/", "incidents")
"""What begins like this is for the inside alone: who is woken by whom at night, what isn't there yet, and what happened to whom."""


class Shown(StrEnum):
    """What the levels below internal do to a field."""

    KEPT = "kept"  # ids, numbers, times, and the program's own words
    SCRUBBED = "scrubbed"  # a text that has to be shown: without names
    TOLD = "told"  # free text out of evidence: partners get it without names, the public doesn't
    NUMBERED = "numbered"  # the name of a resource: a number that is the same all over the site
    WITHHELD = "withheld"
    LEFT_OUT = "left_out"  # with the pages that are about it
    PART = "part"  # rows of their own table, or none
    OWN = "own"  # has a function of its own


def _table(**fields: str) -> Mapping[str, Shown]:
    return {name: Shown(how) for how, names in fields.items() for name in names.split()}


FIELDS: Mapping[type, Mapping[str, Shown]] = {
    ControlRow: _table(kept="id severity status", scrubbed="title references", told="reason", withheld="owner weakened tailored"),
    AssessmentRow: _table(
        kept="id control method status gap effective_at records beside", own="title means", told="reason", withheld="owner"
    ),
    EvidenceRow: _table(
        kept="record index kind effective_at collected_at gathering total examined truncated sha256 used_by",
        scrubbed="collector unit",
        told="source region reason redactions",
        withheld="query account",
    ),
    ClaimRow: _table(
        kept="record assessments verdict estimate low high confidence bar samples clusters seed effective_at",
        scrubbed="statement interval_method",
        told="reason",
    ),
    FindingRow: _table(
        kept="control assessment severity record effective_at waived_until", numbered="resource", told="message", withheld="where owner"
    ),
    WaiverRow: _table(kept="control until state accepts", numbered="resource", withheld="owner approver reason"),
    AttestationRow: _table(
        kept="record assessments effective_at valid_until", scrubbed="question answer", withheld="by role statement workbook"
    ),
    DriftRow: _table(
        kept="control rule resource_type before at_run_time says checked_at seen_at",
        numbered="resource code",
        told="region",
        withheld="account where",
    ),
    OperationRow: _table(
        kept="controls rule resource_type compliant non_compliant not_assessed changes record effective_at",
        numbered="resource",
        told="region",
        withheld="account",
    ),
    SampleRow: _table(kept="record assessments total size digest effective_at", scrubbed="collector unit", told="source method seed"),
    ActionRow: _table(
        kept="control assessment severity state due known_since record",
        scrubbed="steps",
        numbered="resource",
        told="what",
        own="id",  # it is made of the resource's name: whoever guesses that could try it
        withheld="owner where",
    ),
    ChangeRow: _table(kept="control assessment what before after", numbered="resource", told="reason", withheld="where"),
    ComparedPackage: _table(kept="size manifest_sha256", scrubbed="origin organisation"),
    LedgerHead: _table(kept="size root keys", scrubbed="origin"),
    PeriodReport: _table(
        kept="profile period as_of judged_at totals left_out before before_known version",
        scrubbed="organisation",
        withheld="scope",
        part="controls assessments evidence claims findings waivers attestations drift operation samples actions changes compared",
    ),
    SiteData: _table(
        kept="as_of period history before latest",
        part="report ledger",
        own="catalogue organisation rules claim_records notice",
        left_out="incidents drills own_rules package",
    ),
}
"""How each field of each kind of row is shown below internal. A field that isn't here stops the build, and a test."""

_CONTROL_KEPT = ("id", "framework", "ref", "basis", "when", "any_of", "policy", "collector", "kind", "version", "max_age")


def redacted(data: SiteData, level: Level) -> SiteData:
    """``data`` as readers of ``level`` may see it; of internal, ``data`` itself.

    Raises:
        IncompleteError: the data has a field that no level knows.
    """
    return data if level is Level.INTERNAL else _Redaction(data, level).data()


class _Redaction:
    """One redaction of one view."""

    def __init__(self, data: SiteData, level: Level) -> None:
        self._whole, self._level = data, level
        self._shipped = shipped_strings()
        self._scrubber = Scrubber(names_in(data), self._shipped)
        self._numbers = _numbered(data)
        self._actions = {row.id: f"action {number}" for number, row in enumerate(data.report.actions, start=1)}
        self._catalogue = self._redacted_catalogue()
        self._assessments = {f"{control.id}/{item.id}": item for control in self._catalogue for item in control.assessments}

    def data(self) -> SiteData:
        """The view as the level shows it."""
        whole: SiteData = self._row(self._whole)
        return whole

    def _row(self, row: Any) -> Any:
        table = _fields_of(row)
        return dataclasses.replace(row, **{name: self._field(row, name, how) for name, how in table.items() if how is not Shown.KEPT})

    def _field(self, row: Any, name: str, how: Shown) -> Any:
        value = getattr(row, name)
        match how:
            case Shown.SCRUBBED:
                return self._scrubber.anything(value)
            case Shown.TOLD:
                return _withheld(value) if self._level is Level.PUBLIC else self._scrubber.anything(value)
            case Shown.NUMBERED:
                return self._numbers.get(value, value)
            case Shown.PART:
                return tuple(self._row(item) for item in value) if isinstance(value, Collection) else value and self._row(value)
            case Shown.LEFT_OUT:
                return _default(row, name)
            case Shown.OWN:
                return self._own(row, name)
        return _withheld(value)

    def _own(self, row: Any, name: str) -> Any:
        own: dict[tuple[type, str], Callable[[Any], Any]] = {
            (AssessmentRow, "title"): self._title,
            (AssessmentRow, "means"): self._means,
            (ActionRow, "id"): lambda row: self._actions[row.id],
            (SiteData, "catalogue"): lambda _: self._catalogue,
            (SiteData, "organisation"): lambda row: self._organisation(row.organisation),
            (SiteData, "claim_records"): lambda row: self._claims(row.claim_records),
            (SiteData, "notice"): lambda _: _TOLD_FIRST[self._level],
            (SiteData, "rules"): lambda row: tuple(self._rule(rule) for rule in row.rules),
        }
        return own[type(row), name](row)

    def _title(self, row: AssessmentRow) -> str:
        assessment = self._assessments.get(row.id)
        return (assessment.title or means(assessment)) if assessment else self._scrubber.text(row.title)

    def _means(self, row: AssessmentRow) -> str:
        assessment = self._assessments.get(row.id)
        return means(assessment) if assessment else WITHHELD

    def _redacted_catalogue(self) -> Catalogue:
        catalogue = self._whole.catalogue
        shipped = _shipped().frameworks
        return Catalogue(
            tuple(self._control(control) for control in catalogue),
            {
                name: framework if framework == shipped.get(name) else self._scrubber.anything(framework, _CONTROL_KEPT)
                for name, framework in catalogue.frameworks.items()
            },
            catalogue.left_out,
        )

    def _control(self, control: Control) -> Control:
        place = control.where if control.where.file in self._shipped else SourceRef(WITHHELD)
        clean: Control = self._scrubber.anything(control, (*_CONTROL_KEPT, "severity", "method", "where", "assessments"))
        return dataclasses.replace(
            clean,
            owner=WITHHELD,
            where=place,
            weakened=_withheld(control.weakened),
            tailored=_withheld(control.tailored),
            assessments=tuple(self._assessment(item) for item in control.assessments),
        )

    def _assessment(self, assessment: Assessment) -> Assessment:
        clean: Assessment = self._scrubber.anything(assessment, (*_CONTROL_KEPT, "method", "where"))
        attestation = {**clean.attestation, "role": WITHHELD} if clean.attestation is not None else None
        return dataclasses.replace(clean, attestation=attestation, where=SourceRef(WITHHELD))

    def _rule(self, rule: Rule) -> Rule:
        if rule.id in shipped_rules():
            return rule
        return dataclasses.replace(rule, title=self._scrubber.text(rule.title), remediation=self._scrubber.text(rule.remediation))

    def _organisation(self, organisation: Organisation) -> Organisation:
        """What pages need of it, made anew: what is added to averment.yaml some day is not in it by itself."""
        return Organisation(
            name=self._scrubber.text(organisation.name),
            profile=organisation.profile,
            evidence=EvidenceSettings(ledger=WITHHELD, signing_key=WITHHELD, origin=self._scrubber.text(organisation.evidence.origin)),
            root=Path(),
        )

    def _claims(self, records: Mapping[str, Record]) -> Mapping[str, Record]:
        """What plots are drawn from: nothing for the public; for partners without the pictures of the worst errors."""
        return {} if self._level is Level.PUBLIC else {name: self._claim(record) for name, record in records.items()}

    def _claim(self, record: Record) -> Record:
        payload = dict(record.payload)
        details = payload.get("details")
        if isinstance(details, Mapping):
            payload["details"] = {key: value for key, value in details.items() if key != "worst_errors"}
        clean = dataclasses.replace(
            record,
            source=self._scrubber.text(record.source),
            query={},
            payload=self._scrubber.anything(payload),
            reason=record.reason and self._scrubber.text(record.reason),
            account=None,
            region=None,
            redactions=(),
        )
        object.__setattr__(clean, "id", record.id)  # pages link to the record in the ledger, which is the one that was not redacted
        return clean


def _fields_of(row: Any) -> Mapping[str, Shown]:
    """The table of ``row``'s kind; every field of it is there."""
    table = FIELDS.get(type(row), {})
    unknown = [field.name for field in dataclasses.fields(row) if field.init and field.name not in table]
    if unknown:
        what = f"{type(row).__name__}.{unknown[0]}"
        raise IncompleteError(f"nobody decided at which level {what} may be shown", fix="build the site with --level internal")
    return table


def _default(row: Any, name: str) -> Any:
    """What the field is in a row in which nobody set it: nothing."""
    field = next(field for field in dataclasses.fields(row) if field.name == name)
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _withheld(value: Any) -> Any:
    """What stands in place of ``value``: as many words as there were, and nothing where there was nothing."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return dict.fromkeys(value, WITHHELD) if set(value) <= _WORKBOOK else {}
    return tuple(WITHHELD for _ in value) if isinstance(value, tuple) else WITHHELD


_WORKBOOK = {"sha256", "number", "sheet", "row", "answered_on"}
"""What is known of an answer out of a workbook: that it came in one may be said."""


def _rows(value: Any) -> Iterator[Any]:
    """``value`` and every row inside of it that has a table."""
    yield value
    for name, how in _fields_of(value).items():
        if how is Shown.PART:
            inner = getattr(value, name)
            for item in inner if isinstance(inner, Collection) else [inner] if inner else ():
                yield from _rows(item)


def _numbered(data: SiteData) -> dict[str | None, str | None]:
    """Each resource's number, by its name. What has no resource is called by its assessment, and keeps that."""
    assessments = {row.id for row in data.report.assessments}
    names = {getattr(row, name) for row in _rows(data) for name, how in _fields_of(row).items() if how is Shown.NUMBERED}
    return {name: f"resource {number}" for number, name in enumerate(sorted(names - assessments - {None}), start=1)}


def names_in(data: SiteData) -> frozenset[str]:
    """Every name that ``data`` knows of people, accounts, resources and places, and the texts that only the inside may read.

    A role or word that comes with Averment ("legal") names nobody by itself and isn't among them.
    """
    found: set[str] = set()
    for row in _rows(data):
        for name, how in _fields_of(row).items():
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
        yield from leaves(dataclasses.replace(waiver, where=SourceRef()))
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
    return frozenset(strings((_shipped().controls, _shipped().frameworks)))


@cache
def _shipped() -> Catalogue:
    return load_catalogue()
