"""For people: findings by severity, each with its place, what is wrong, why it matters, and the fix as code."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from averment.core.words import Severity
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Format, Report

_STYLE = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}
_MAX_CITATIONS = 3


class TableFormat(Format):
    """Grouped text. ``colour`` and ``width`` come from the terminal; plain and unwrapped elsewhere."""

    name = "table"

    def __init__(self, *, colour: bool = False, width: int = 110) -> None:
        self.colour, self.width = colour, max(width, 60)

    def render(self, report: Report) -> str:
        buffer = io.StringIO()
        console = Console(
            file=buffer, force_terminal=self.colour, no_color=not self.colour, width=self.width, highlight=False, soft_wrap=True
        )
        result = report.result
        for severity in Severity:
            self._group(console, report, severity, [finding for finding in result.failures if finding.severity is severity])
        self._unknown(console, report, result.unknowns)
        self._waived(console, report, [finding for finding in result.findings if finding.waived_by])
        self._problems(console, report, result.problems)
        for note in result.notes:
            console.print(Text(f"note: {note}", style="yellow"))
        console.print(Text(summary(report), style="bold"))
        return buffer.getvalue()

    def _group(self, console: Console, report: Report, severity: Severity, findings: list[Finding]) -> None:
        if not findings:
            return
        console.print(Text(f"{severity.value.upper()} ({len(findings)})", style=_STYLE[severity]))
        for finding in findings:
            console.print(Text(f"  {place(report, finding)}  {finding.resource}  [{finding.rule}]", style="bold"))
            self._field(console, "what", finding.message)
            for why in report.why(finding.rule):
                cited = "; ".join(why.citations[:_MAX_CITATIONS])
                more = len(why.citations) - _MAX_CITATIONS
                tail = f" and {more} more" if more > 0 else ""
                self._field(console, "why", f"{why.control} {why.title}" + (f": {cited}{tail}" if cited else ""))
            if finding.fix:
                console.print(Text("    fix:", style="green"))
                console.print(Text(textwrap.indent(finding.fix.rstrip(), "      ")))
            console.print()

    def _field(self, console: Console, label: str, text: str) -> None:
        body = textwrap.wrap(text, self.width - 10, break_on_hyphens=False, break_long_words=False) or [""]
        console.print(Text(f"    {label + ':':<6}{body[0]}"))
        for line in body[1:]:
            console.print(Text(f"          {line}"))

    def _unknown(self, console: Console, report: Report, findings: Iterable[Finding]) -> None:
        items = list(findings)
        if items:
            console.print(Text(f"COULD NOT TELL ({len(items)})", style="magenta"))
        for finding in items:
            console.print(Text(f"  {place(report, finding)}  {finding.resource}  [{finding.rule}]"))
            self._field(console, "why", finding.message)
        if items:
            console.print()

    def _waived(self, console: Console, report: Report, findings: list[Finding]) -> None:
        if findings:
            console.print(Text(f"WAIVED ({len(findings)})"))
        for finding in findings:
            console.print(Text(f"  {place(report, finding)}  {finding.resource}  [{finding.rule}]: {finding.waived_by}"))
        if findings:
            console.print()

    def _problems(self, console: Console, report: Report, problems: Iterable[Problem]) -> None:
        for blocking, title, style in ((True, "COULD NOT CHECK", "bold red"), (False, "NOT READ", "magenta")):
            items = [problem for problem in problems if problem.blocking is blocking]
            if items:
                console.print(Text(f"{title} ({len(items)})", style=style))
                for problem in items:
                    line = f":{problem.where.line}" if problem.where.line else ""
                    console.print(Text(f"  {report.path(problem.where.file) or problem.where}{line}: {problem.reason}"))
                console.print()


def place(report: Report, finding: Finding) -> str:
    """``file:line`` of a finding, relative to the report's base."""
    if finding.where.file is None:
        return str(finding.where)
    line = f":{finding.where.line}" if finding.where.line else ""
    return report.path(finding.where.file) + line


def summary(report: Report) -> str:
    """One line: the verdicts, and on how much they rest."""
    counts = report.result.counts
    incomplete = sum(problem.blocking for problem in report.result.problems)
    unread = len(report.result.problems) - incomplete
    parts = [f"{counts.failed} failed", f"{counts.unknown} could not be told", f"{counts.passed} passed"]
    parts += [f"{counts.waived} waived"] if counts.waived else []
    parts += [f"{counts.below} below the severity threshold"] if counts.below else []
    parts += [f"{incomplete} could not be checked"] if incomplete else []
    parts += [f"{unread} not read"] if unread else []
    lead = "" if counts.failed or incomplete else "no failures: "
    skipped = f"; left out: {len(report.result.skipped)}" if report.result.skipped else ""
    return f"{lead}{', '.join(parts)} ({counts.resources} resources in {counts.files} files, {counts.rules} rules, {counts.seconds:.2f} s{skipped})"
