"""Tailoring: an organisation's overlay on a control, with every weakening listed and none without a reason.

What counts as weaker: a lower severity, an assessment left out, evidence allowed to grow older, an attestation that holds
longer, a bar that is easier to meet, a lower confidence, and any other change of what a claim or an expectation is about
or of what an attestation asks (it can't be told to be as strict). The rest (owner, cadence, a stricter bar) is tailoring, and so is
a further assessment, by a rule of the organisation's own for instance: a control has the worst status of its assessments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from averment.controls.assessments import SCHEMA as ASSESSMENT_SCHEMA
from averment.controls.assessments import duration_at, read_assessment
from averment.controls.model import Assessment, Control, Reference
from averment.core.errors import BadInputError
from averment.core.located import KeyPath, Located
from averment.core.period import parse_duration
from averment.core.schema import check_schema
from averment.core.words import Severity

SCHEMA = "controls/schema/overlay.schema.json"

_STRICTER_WHEN_HIGHER = {"at_least": True, "confidence": True, "at_most": False}


@dataclass
class _Changes:
    weakened: list[str] = field(default_factory=list)
    tailored: list[str] = field(default_factory=list)

    def note(self, text: str, *, weaker: bool) -> None:
        (self.weakened if weaker else self.tailored).append(text)


def apply_overlay(control: Control, overlay: Mapping[str, Any], document: Located) -> Control:
    """``control`` as ``overlay`` tailors it; ``document`` is the organisation's file, for places in errors.

    Raises:
        BadInputError: a malformed overlay, an assessment that the control lacks, a field that the assessment lacks, a further
            assessment under an id that is taken, or a weakening without ``reason``.
    """
    path: KeyPath = ("overlays", control.id)
    check_schema(_part(document, path, overlay), SCHEMA)
    changes = _Changes()
    severity = Severity(overlay.get("severity", control.severity))
    if severity is not control.severity:
        changes.note(f"severity {control.severity} → {severity}", weaker=severity.rank > control.severity.rank)
    for name, before in (("owner", control.owner), ("cadence", control.cadence)):
        if overlay.get(name, before) != before:
            changes.note(f"{name} {before} → {overlay[name]}", weaker=False)
    assessments = (
        *_assessments(control, overlay.get("assessments", {}), document, changes),
        *_added(control, overlay.get("add", ()), document, changes),
    )
    reason = overlay.get("reason")
    if changes.weakened and not (reason or "").strip():
        raise BadInputError(
            f"the overlay weakens {control.id} ({'; '.join(changes.weakened)}) and gives no reason",
            where=document.where(path),
            fix=f"add reason: ... to overlays.{control.id}; reports show it beside the change",
        )
    return replace(
        control,
        references=(*control.references, *_references(control, overlay.get("references", ()), document, changes)),
        severity=severity,
        owner=overlay.get("owner", control.owner),
        cadence=overlay.get("cadence", control.cadence),
        assessments=assessments,
        weakened=tuple(f"{change} (reason: {reason})" for change in changes.weakened),
        tailored=tuple(changes.tailored),
    )


def _references(control: Control, entries: Sequence[Mapping[str, Any]], document: Located, changes: _Changes) -> Iterator[Reference]:
    """The further references, to frameworks of the organisation's own for instance. Mapping more is tailoring, never weaker."""
    for index, entry in enumerate(entries):
        where = document.where(("overlays", control.id, "references", index))
        changes.note(f"reference to {entry['framework']} {entry['ref']} added", weaker=False)
        yield Reference(entry["framework"], entry["ref"], entry.get("basis", "voluntary"), entry.get("condition"), (), where)


def _part(document: Located, path: KeyPath, value: Mapping[str, Any]) -> Located:
    """The part of ``document`` under ``path`` as a document of its own, with its lines."""
    depth = len(path)
    lines = {key[depth:]: line for key, line in document.lines.items() if key[:depth] == path}
    return Located(document.file, value, lines)


def _assessments(control: Control, overlay: Mapping[str, Any], document: Located, changes: _Changes) -> tuple[Assessment, ...]:
    path: KeyPath = ("overlays", control.id, "assessments")
    known = {assessment.id for assessment in control.assessments}
    for name in overlay:
        if name not in known:
            raise BadInputError(
                f"{control.id} has no assessment '{name}'",
                where=document.where((*path, name)),
                fix=f"write one of {', '.join(sorted(known))}",
            )
    kept: list[Assessment] = []
    for assessment in control.assessments:
        change = overlay.get(assessment.id, {})
        if change.get("enabled") is False:
            changes.note(f"assessment {assessment.id} left out", weaker=True)
        else:
            kept.append(_assessment(assessment, change, document, (*path, assessment.id), changes))
    left = {assessment.id for assessment in kept}
    return tuple(replace(item, goes_with=tuple(name for name in item.goes_with if name in left)) for item in kept)


def _added(control: Control, entries: Sequence[Mapping[str, Any]], document: Located, changes: _Changes) -> Iterator[Assessment]:
    """The further assessments, each with its place in the organisation's file."""
    taken = {assessment.id for assessment in control.assessments}
    for index, entry in enumerate(entries):
        path: KeyPath = ("overlays", control.id, "add", index)
        check_schema(_part(document, path, entry), ASSESSMENT_SCHEMA)
        added = read_assessment(entry, document.where(path))
        if added.id in taken:
            raise BadInputError(
                f"{control.id} has an assessment '{added.id}' already",
                where=document.where((*path, "id")),
                fix="give the further one another id, or change the present one under assessments",
            )
        taken.add(added.id)
        changes.note(f"assessment {added.id} added", weaker=False)
        yield added


def _assessment(assessment: Assessment, change: Mapping[str, Any], document: Located, path: KeyPath, changes: _Changes) -> Assessment:
    for part in ("claim", "expect", "attestation"):
        if part in change and getattr(assessment, part) is None:
            raise BadInputError(
                f"the assessment '{assessment.id}' has no {part} to tailor",
                where=document.where((*path, part)),
                fix="take it out of the overlay; averment controls show ID names what there is",
            )
    max_age = duration_at(change["max_age"], document.where((*path, "max_age"))) if "max_age" in change else assessment.max_age
    if max_age != assessment.max_age and max_age is not None:
        longer = assessment.max_age is not None and max_age > assessment.max_age
        before = duration_text(assessment.max_age) if assessment.max_age is not None else "unlimited"
        changes.note(f"{assessment.id}: max_age {before} → {duration_text(max_age)}", weaker=longer)
    return replace(
        assessment,
        max_age=max_age,
        claim=_merge(assessment.claim, change.get("claim", {}), f"{assessment.id}: claim", changes),
        expect=_merge(assessment.expect, change.get("expect", {}), f"{assessment.id}: expect", changes),
        attestation=_attestation(assessment, change.get("attestation", {}), document, (*path, "attestation"), changes),
    )


def _merge(before: Mapping[str, Any] | None, change: Mapping[str, Any], label: str, changes: _Changes) -> Mapping[str, Any] | None:
    if before is None or not change:
        return before
    for name, after in change.items():
        old = before.get(name)
        if after != old:
            changes.note(f"{label} {name} {'unset' if old is None else old} → {after}", weaker=_is_weaker(name, old, after))
    return {**before, **change}


def _is_weaker(name: str, before: Any, after: Any) -> bool:
    higher_is_stricter = _STRICTER_WHEN_HIGHER.get(name)
    if higher_is_stricter is None or not _is_number(before) or not _is_number(after):
        return True  # another population, metric or field: nothing says that it is as strict
    return bool(after < before) if higher_is_stricter else bool(after > before)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _attestation(
    assessment: Assessment, change: Mapping[str, Any], document: Located, path: KeyPath, changes: _Changes
) -> Mapping[str, Any] | None:
    before = assessment.attestation
    if before is None or not change:
        return before
    for name, after in change.items():
        if after != before[name]:
            weaker = name == "question" or (
                name == "valid_for" and duration_at(after, document.where((*path, name))) > parse_duration(before["valid_for"])
            )
            changes.note(f"{assessment.id}: attestation {name} {before[name]} → {after}", weaker=weaker)
    return {**before, **change}


def duration_text(length: timedelta) -> str:
    """``length`` as the YAML writes it: in the largest unit that divides it (``365d``, ``24h``, ``90s``).

    A whole day stays ``24h``, as run-time ages are written.
    """
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0 and (unit != "d" or seconds > size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
