"""For programs: one JSON document, described by ``policies/report/schemas/check.schema.json``."""

from __future__ import annotations

import json
from typing import Any

from averment import __version__
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Format, Report


class JsonFormat(Format):
    """Every verdict with its place, reasons and fix; the counts; what could not be checked."""

    name = "json"

    def render(self, report: Report) -> str:
        # One finding at a time: laid out at once, the document is a list of every bracket and comma before it is a text, five times its size.
        before, empty, after = _text(_frame(report)).partition('"findings": []')
        findings = [_text(_finding(report, finding)).replace("\n", "\n    ") for finding in report.result.findings]
        if not findings:
            return before + empty + after + "\n"
        findings[0] = before + '"findings": [\n    ' + findings[0]
        findings[-1] += "\n  ]" + after + "\n"
        return ",\n    ".join(findings)


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _frame(report: Report) -> dict[str, Any]:
    """The report as plain data, but for its findings. Wall time is left out, so that the same input gives the same bytes."""
    result = report.result
    counts = result.counts
    return {
        "$schema": "urn:averment:schema:check:v1",
        "version": 1,
        "tool": {"name": "averment", "version": __version__},
        "complete": not any(problem.blocking for problem in result.problems),
        "counts": {
            "files": counts.files,
            "graphs": counts.graphs,
            "resources": counts.resources,
            "rules": counts.rules,
            "pass": counts.passed,
            "fail": counts.failed,
            "unknown": counts.unknown,
            "waived": counts.waived,
            "baseline": counts.baseline,
            "below_severity": counts.below,
            "unchanged": counts.elsewhere,
        },
        "findings": [],
        "problems": [_problem(report, problem) for problem in result.problems],
        "notes": list(result.notes),
        "skipped": list(result.skipped),
    }


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "message": finding.message,
        "resource": finding.resource,
        "resource_type": finding.resource_type,
        "file": report.path(finding.where.file) or None,
        "line": finding.where.line,
        "end_line": finding.where.end_line,
        "controls": [{"id": why.control, "title": why.title, "references": list(why.citations)} for why in report.why(finding.rule)],
        "fix": finding.fix,
        "fixable": bool(finding.edits),
        "waived_by": finding.waived_by,
        "baseline": finding.baseline,
        "fingerprint": report.fingerprint(finding),
    }


def _problem(report: Report, problem: Problem) -> dict[str, Any]:
    return {
        "reason": problem.reason,
        "file": report.path(problem.where.file) or None,
        "line": problem.where.line,
        "blocking": problem.blocking,
    }
