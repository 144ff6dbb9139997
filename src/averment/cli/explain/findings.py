"""A finding of the check as a topic: by the place where it stands, or by its fingerprint."""

from __future__ import annotations

import os
import re
from pathlib import Path

from averment.cli.explain.topics import Topic, section
from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.policies.engine import Options, check
from averment.policies.interface import Finding
from averment.policies.own_rules import rules_of
from averment.policies.report.interface import Report

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?")
_FINGERPRINT = re.compile(r"[0-9a-f]{8,32}")
_OPEN_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def looks_like_finding(thing: str) -> bool:
    """Whether ``thing`` has the form of a place (``main.tf:12``) or of a fingerprint (eight hexadecimal digits and more)."""
    return _place(thing) is not None or (_FINGERPRINT.fullmatch(thing) is not None and not thing.isdigit())


def _place(thing: str) -> tuple[Path, int] | None:
    """The file and line of ``main.tf:12`` or ``C:\\shop\\main.tf:12:3``, if the file's name has a suffix or it exists."""
    match = _PLACE.fullmatch(thing)
    if match is None:
        return None
    file = Path(match["file"])
    return (file, int(match["line"])) if file.suffix or file.exists() else None


def finding_topics(thing: str, organisation: Organisation, catalogue: Catalogue, where: Path) -> tuple[Topic, ...]:
    """What the check says at a place, or the finding with a fingerprint, below the folder ``where``.

    Raises:
        BadInputError: the file doesn't exist, there is no finding there, or the check refuses its input.
    """
    place = _place(thing)
    if place is not None and not place[0].is_file():
        raise BadInputError(f"there is no file {place[0]}", fix="give the place as averment check shows it, from the same folder")
    rules = rules_of(organisation)
    result = check([place[0] if place else where], rules, organisation, catalogue, Options())
    base = Path.cwd() if place or where.is_file() else where
    report = Report(result, {rule.id: rule for rule in rules}, catalogue, base, organisation.profile)
    if place is not None:
        chosen = _at(report, *place)
    else:
        chosen = [item for item in result.findings if report.fingerprint(item).startswith(thing)]
        if not chosen:
            fix = f"name the folder in which averment check ran with --in (now: {where}): fingerprints count files from there"
            raise BadInputError(f"no finding of this check has the fingerprint {thing}", fix=fix)
    return tuple(_topic(report, finding) for finding in sorted(chosen, key=lambda item: _OPEN_FIRST.index(item.verdict)))


def _at(report: Report, file: Path, line: int) -> list[Finding]:
    wanted = os.path.abspath(file)  # noqa: PTH100  (a link's own name counts)
    here = [item for item in report.result.findings if item.where.file and os.path.abspath(item.where.file) == wanted]  # noqa: PTH100
    chosen = [item for item in here if line in {item.where.line, item.defined.line if item.defined else None}]
    if not chosen:
        lines = sorted({item.where.line for item in here if item.where.line and item.verdict in {Verdict.FAIL, Verdict.UNKNOWN}})
        near = ", ".join(f"{file}:{number}" for number in lines[:8])
        raise BadInputError(
            f"the check says nothing of line {line} of {file}",
            fix=f"what it found there: {near}" if near else f"averment check {file} shows what it looked at",
        )
    return chosen


def _topic(report: Report, finding: Finding) -> Topic:
    whys = report.why(finding.rule)
    why = [f"{item.control} {item.title}" + (f": {item.brief}" if item.brief else "") for item in whys]
    control = whys[0].control if whys else finding.rule
    rule = report.rules[finding.rule]
    open_one = finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN} and not finding.accepted
    sections = (
        *section("What", finding.message or "It was looked at and is right."),
        *section("Resource", f"{finding.resource} ({finding.resource_type}), {report.path(finding.where.file)}:{finding.where.line}"),
        *section("Why it matters", why),
        *section("Fix", finding.fix.splitlines() if finding.fix else rule.remediation if open_one else None, code=bool(finding.fix)),
        *section("Written by", "averment check --fix --diff" if open_one and finding.edits else None),
        *section(
            "To accept it",
            f'put beside the resource: averment:waive={finding.rule} until=<day> owner=<role> reason="<why>"' if open_one else None,
        ),
        *section("Accepted by", finding.waived_by or finding.baseline),
        *section("Fingerprint", report.fingerprint(finding)),
    )
    see = (f"averment explain {finding.rule}", f"averment explain {control}")
    return Topic("finding", report.fingerprint(finding), f"{finding.verdict}: {rule.title}", sections, see)
