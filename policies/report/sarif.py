"""SARIF 2.1.0 (OASIS standard, errata 01) for code scanning: stable fingerprints, regions, tags, help in Markdown.

GitHub's limits: 25,000 results a run and 20 tags a rule; paths relative to the repository's root.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from averment import __version__
from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict, counted
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding, Rule
from averment.policies.report.interface import Format, Report, heading

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS = 25_000
MAX_TAGS = 20
_IN_SOURCE = re.compile(r"(?:averment:waive|checkov:skip)=")
_LEVEL = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SCORE = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""``security-severity`` as GitHub buckets it: critical over 9.0, high from 7.0, medium from 4.0."""


class SarifFormat(Format):
    """One run. Failures are results of kind "fail", what could not be told of kind "review", waived ones are suppressed."""

    name = "sarif"

    def render(self, report: Report) -> str:
        rules = [report.rules[name] for name in sorted(report.rules)]
        index = {rule.id: place for place, rule in enumerate(rules)}
        results = [_result(report, finding, index) for finding in _shown(report)[:MAX_RESULTS]]
        notifications = [_notification(report, problem) for problem in report.result.problems]
        notifications += [{"level": "note", "message": {"text": note}} for note in report.result.notes]
        if (lacking := self.left_out(report)) is not None:
            notifications.append({"level": "warning", "message": {"text": lacking}})
        run: dict[str, Any] = {
            "tool": {
                "driver": {
                    "name": "averment",
                    "version": __version__,
                    "semanticVersion": __version__,
                    "rules": [_descriptor(report, rule) for rule in rules],
                }
            },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the folder that averment was run in"}}},
            "invocations": [
                {
                    "executionSuccessful": not any(problem.blocking for problem in report.result.problems),
                    "toolExecutionNotifications": notifications,
                }
            ],
            "results": results,
        }
        return json.dumps({"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"

    def left_out(self, report: Report) -> str | None:
        more = len(_shown(report)) - MAX_RESULTS
        return f"{counted(more, 'more result')} left out, the least grave: GitHub takes {MAX_RESULTS} of a run" if more > 0 else None


def _shown(report: Report) -> list[Finding]:
    return [finding for finding in report.result.findings if finding.verdict is not Verdict.PASS]


def _descriptor(report: Report, rule: Rule) -> dict[str, Any]:
    whys = report.why(rule.id)
    tags = ["security", "synthetic-media", *(why.control for why in whys)]
    lines = [f"**{rule.title}**", ""]
    for why in whys:
        lines += [f"- {why.control} {why.title}", *(f"  - {citation}" for citation in why.citations)]
    lines += ["", rule.remediation]
    text = f"{rule.title}. {rule.remediation}"
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": text},
        "help": {"text": text, "markdown": "\n".join(lines)},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {
            "tags": tags[:MAX_TAGS],
            "precision": "high",
            "security-severity": _SCORE[rule.severity],
            "problem.severity": _LEVEL[rule.severity].replace("note", "recommendation"),
        },
    }


def _result(report: Report, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule}
    if finding.rule in index:
        result["ruleIndex"] = index[finding.rule]
    failed = finding.verdict is Verdict.FAIL
    fix = f"\n\nFix:\n{finding.fix}" if finding.fix and failed else ""
    lead = "" if failed else "Could not tell: "
    mark = report.fingerprint(finding)  # under GitHub's own name too, which otherwise hashes the line: an edited line would be a new alert
    result |= {
        "kind": "fail" if failed else "review",
        "level": _LEVEL[finding.severity] if failed else "none",
        "message": {"text": f"{lead}{finding.message}{fix}"},
        "locations": [_location(report, finding.where, finding.resource, finding.resource_type)],
        "partialFingerprints": {"averment/v1": mark, "primaryLocationLineHash": f"{mark}:1"},
    }
    if finding.waived_by is not None:
        in_source = _IN_SOURCE.search(finding.waived_by) is not None
        result["suppressions"] = [{"kind": "inSource" if in_source else "external", "justification": finding.waived_by}]
    elif finding.baseline is not None:
        result["suppressions"] = [{"kind": "external", "justification": f"known from the baseline {finding.baseline}"}]
    return result


def _location(report: Report, where: SourceRef, resource: str = "", resource_type: str = "") -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": _physical(report, where)} if where.file else {}
    if resource:
        location["logicalLocations"] = [{"fullyQualifiedName": resource, "kind": "resource", "properties": {"type": resource_type}}]
    return location


def _physical(report: Report, where: SourceRef) -> dict[str, Any]:
    artifact: dict[str, Any] = {"uri": quote(report.path(where.file), errors="surrogateescape")}
    if not artifact["uri"].startswith(("/", "..")):
        artifact["uriBaseId"] = "SRCROOT"
    physical: dict[str, Any] = {"artifactLocation": artifact}
    line = where.line or 1  # code scanning wants a region; a plan has no lines
    physical["region"] = {"startLine": line, **({"endLine": where.end_line} if where.end_line and where.end_line >= line else {})}
    return physical


def _notification(report: Report, problem: Problem) -> dict[str, Any]:
    notification: dict[str, Any] = {
        "level": "error" if problem.blocking else "warning",
        "message": {"text": f"{heading(problem).capitalize()}: {problem.reason}"},
    }
    if problem.where.file:
        notification["locations"] = [_location(report, problem.where)]
    return notification
