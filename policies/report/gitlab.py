"""For GitLab: a code quality report (the Code Climate subset that merge requests show).

GitLab wants of each entry a description, a check's name, a fingerprint unique in the report, a severity, and a path relative to the
repository with the line where it begins.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Format, Report, heading

_SEVERITY = {Severity.CRITICAL: "blocker", Severity.HIGH: "critical", Severity.MEDIUM: "major", Severity.LOW: "minor"}


class GitLabFormat(Format):
    """A JSON array: open failures; what could not be told as "info"; what could not be checked as "blocker"."""

    name = "gitlab"

    def render(self, report: Report) -> str:
        result = report.result
        entries = [_failure(report, finding) for finding in result.failures]
        entries += [
            _entry(report.path(finding.where.file), finding.where.line, finding.rule, "info", f"could not tell: {finding.message}")
            | {"fingerprint": report.fingerprint(finding)}
            for finding in result.unknowns
        ]
        entries += [_problem(report, problem) for problem in result.problems]
        seen: Counter[str] = Counter()
        for entry in entries:
            mark = entry["fingerprint"]
            seen[mark] += 1
            if seen[mark] > 1:  # the same resource in two graphs, say a module that two roots call
                entry["fingerprint"] = hashlib.sha256(f"{mark}\0{seen[mark]}".encode()).hexdigest()[:32]
        return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _failure(report: Report, finding: Finding) -> dict[str, Any]:
    controls = ", ".join(why.control for why in report.why(finding.rule))
    entry = _entry(
        report.path(finding.where.file), finding.where.line, finding.rule, _SEVERITY[finding.severity], f"{controls} {finding.message}"
    )
    return entry | {"fingerprint": report.fingerprint(finding)}


def _problem(report: Report, problem: Problem) -> dict[str, Any]:
    path = report.path(problem.where.file)
    mark = hashlib.sha256(f"{path}\0{problem.reason}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    severity = "blocker" if problem.blocking else "info"
    title = heading(problem)
    return _entry(path, problem.where.line, title.replace(" ", "-"), severity, f"{title}: {problem.reason}") | {"fingerprint": mark}


def _entry(path: str, line: int | None, name: str, severity: str, description: str) -> dict[str, Any]:
    return {
        "description": description.strip(),
        "check_name": name,
        "severity": severity,
        "location": {"path": path or ".", "lines": {"begin": line or 1}},
    }
