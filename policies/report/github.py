"""For GitHub Actions: workflow commands that annotate the changed lines of a pull request."""

from __future__ import annotations

from averment.core.words import Severity
from averment.policies.graph.model import Problem
from averment.policies.report.interface import Format, Report, heading
from averment.policies.report.table import summary

_LEVEL = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}


class GitHubFormat(Format):
    """``::error file=...,line=...::`` for each failure, warnings for what could not be told, errors for what could not be checked, notices for notes.

    GitHub shows ten of a kind and step, so what could not be checked comes first, then the gravest.
    """

    name = "github"

    def render(self, report: Report) -> str:
        lines = [_problem(report, problem) for problem in report.result.problems if problem.blocking]
        for finding in report.result.failures:
            controls = ", ".join(why.control for why in report.why(finding.rule))
            title = f"{controls} {finding.rule}".strip()
            lines.append(
                _command(
                    _LEVEL[finding.severity],
                    report.path(finding.where.file),
                    finding.where.line,
                    finding.where.end_line,
                    title,
                    finding.message,
                )
            )
        for finding in report.result.unknowns:
            title = f"could not tell: {finding.rule}"
            lines.append(_command("warning", report.path(finding.where.file), finding.where.line, None, title, finding.message))
        lines += [_problem(report, problem) for problem in report.result.problems if not problem.blocking]
        lines += [_command("notice", "", None, None, "note", note) for note in report.result.notes]
        lines.append(summary(report))
        return "\n".join(lines) + "\n"


def _problem(report: Report, problem: Problem) -> str:
    level = "error" if problem.blocking else "warning"
    return _command(level, report.path(problem.where.file), problem.where.line, None, heading(problem), problem.reason)


def _command(level: str, file: str, line: int | None, end: int | None, title: str, message: str) -> str:
    properties = [f"file={_property(file)}"] if file else []
    properties += [f"line={line}"] if line else []
    properties += [f"endLine={end}"] if end and line and end >= line else []
    properties.append(f"title={_property(title)}")
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
