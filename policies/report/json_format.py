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
        return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain data. Wall time is left out, so that the same input gives the same bytes."""
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
        "findings": [_finding(report, finding) for finding in result.findings],
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
