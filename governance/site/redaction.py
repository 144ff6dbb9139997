"""The data of a site as readers of a level may see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from averment.controls.describe import means
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.source import SourceRef
from averment.evidence.record import Record
from averment.evidence.reporting.action import ActionRow
from averment.evidence.reporting.rows import AssessmentRow
from averment.governance.site.data import SiteData
from averment.governance.site.levels import TOLD_FIRST, Level, Shown, fields_of, rows_in
from averment.governance.site.names import as_shipped, names_in, shipped_strings
from averment.governance.site.scrub import WITHHELD, Scrubber
from averment.governance.site.shipped import shipped_rules
from averment.policies.interface import Rule

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
        table = fields_of(row)
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
            (SiteData, "notice"): lambda _: TOLD_FIRST[self._level],
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
        shipped = as_shipped().frameworks
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


def _numbered(data: SiteData) -> dict[str | None, str | None]:
    """Each resource's number, by its name. What has no resource is called by its assessment, and keeps that."""
    assessments = {row.id for row in data.report.assessments}
    names = {getattr(row, name) for row in rows_in(data) for name, how in fields_of(row).items() if how is Shown.NUMBERED}
    return {name: f"resource {number}" for number, name in enumerate(sorted(names - assessments - {None}), start=1)}
