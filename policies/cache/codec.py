"""What the rules said of a unit, as plain JSON and back. Exact, or not at all."""

from __future__ import annotations

from collections import Counter
from typing import Any

from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict
from averment.policies.graph.model import Dialect, Problem
from averment.policies.graph.physical import Deployed
from averment.policies.interface import Change, Edit, Entries, Finding, Setting
from averment.policies.judging import Judged, Subject


class _NotPlainError(Exception):
    """Something that JSON would not give back as it was."""


def encoded(found: Judged) -> dict[str, Any] | None:
    """``found`` as JSON has it.

    None for what must not be kept: a reading with a fleeting problem (it may have been a matter of time or memory, and whoever mends it
    wants it tried again), and what a rule put together in ways that would not come back the same.
    """
    if any(problem.fleeting for problem in found.problems):
        return None
    subjects: dict[Subject, int] = {}
    for _, subject in (*found.findings, *found.beside):
        subjects.setdefault(subject, len(subjects))
    try:
        return {
            "graphs": found.graphs,
            "resources": found.resources,
            "buckets": dict(found.buckets),
            "problems": [[_text(problem.reason), _place(problem.where), bool(problem.blocking)] for problem in found.problems],
            "subjects": [[_text(item.address), _place(item.source), [_text(line) for line in item.comments]] for item in subjects],
            "findings": [[subjects[subject], *_finding(item)] for item, subject in found.findings],
            "beside": [[subjects[subject], *_finding(item)] for item, subject in found.beside],
            "only": _text_or_none(found.only),
        }
    except _NotPlainError:
        return None


def decoded(value: Any) -> Judged | None:
    """What ``encoded`` was given; None for anything that it didn't make."""
    try:
        subjects = [Subject(address, _ref(where), tuple(comments)) for address, where, comments in value["subjects"]]
        return Judged(
            graphs=value["graphs"],
            resources=value["resources"],
            buckets=Counter(value["buckets"]),
            problems=[Problem(reason, _ref(where), bool(blocking)) for reason, where, blocking in value["problems"]],
            findings=[(_found(fields), subjects[index]) for index, *fields in value["findings"]],
            beside=[(_found(fields), subjects[index]) for index, *fields in value["beside"]],
            only=value["only"],
        )
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return None


def _finding(item: Finding) -> list[Any]:
    if item.waived_by is not None or item.baseline is not None:
        raise _NotPlainError
    return [
        _text(item.rule),
        item.severity.value,
        item.verdict.value,
        _text(item.message),
        _text(item.resource),
        _text(item.resource_type),
        _place(item.where),
        _text_or_none(item.fix),
        _place(item.defined) if item.defined is not None else None,
        [_edit(edit) for edit in item.edits],
        [[_text(kind), _text(name)] for kind, name in item.deployed],
        [_text(file) for file in item.called],
    ]


def _found(fields: list[Any]) -> Finding:
    rule, severity, verdict, message, resource, kind, where, fix, defined, edits, deployed, called = fields
    return Finding(
        rule=rule,
        severity=Severity(severity),
        verdict=Verdict(verdict),
        message=message,
        resource=resource,
        resource_type=kind,
        where=_ref(where),
        fix=fix,
        defined=_ref(defined) if defined is not None else None,
        edits=tuple(_edited(edit) for edit in edits),
        deployed=tuple(Deployed(kind, name) for kind, name in deployed),
        called=tuple(called),
    )


def _edit(edit: Edit) -> list[Any]:
    return [
        edit.dialect.value,
        _text(edit.file),
        _number(edit.line),
        _text(edit.address),
        _text(edit.native_type),
        bool(edit.held),
        bool(edit.exact),
        _change(edit.change),
        _number(edit.instances),
        _text(edit.root),
    ]


def _edited(fields: list[Any]) -> Edit:
    dialect, file, line, address, kind, held, exact, change, instances, root = fields
    return Edit(Dialect(dialect), file, line, address, kind, held, exact, _changed(change), instances, root)


def _change(change: Change) -> list[Any]:
    """A change without the resource that it is for: the edit around it names that already."""
    return [
        [_text(step) for step in change.path],
        _value(change.value),
        _setting(change.terraform),
        _text_or_none(change.holder),
        _text_or_none(change.create),
        None if change.inline is None else _setting(change.inline),
        [_change(step) for step in change.also],
    ]


def _changed(fields: list[Any]) -> Change:
    path, value, terraform, holder, create, inline, also = fields
    return Change(
        tuple(path),
        _valued(value),
        _set(terraform),
        holder,
        create,
        None if inline is None else _set(inline),
        also=tuple(_changed(step) for step in also),
    )


def _value(value: Any) -> Any:
    if isinstance(value, Entries):
        return {"entries": _text(value.text)}
    if value is not None and not isinstance(value, bool | str):
        raise _NotPlainError
    return value


def _valued(value: Any) -> Any:
    return Entries(value["entries"]) if isinstance(value, dict) else value


def _setting(setting: Setting) -> list[Any]:
    return [[_text(name) for name in setting.names], _value(setting.value)]


def _set(fields: list[Any]) -> Setting:
    names, value = fields
    return Setting(tuple(names), _valued(value))


def _place(where: SourceRef) -> list[Any]:
    if where.arn is not None or where.captured_at is not None:
        raise _NotPlainError  # what runs in AWS isn't a file
    return [_text_or_none(where.file), *(None if line is None else _number(line) for line in (where.line, where.end_line))]


def _ref(fields: list[Any]) -> SourceRef:
    file, line, end = fields
    return SourceRef(file, line, end)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _NotPlainError
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _NotPlainError
    return value
