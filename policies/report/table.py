"""For people: findings by severity, each with its place, what is wrong, why it matters, and the fix as code.

What was said above isn't said again: a control and its law stand at the first finding of theirs, a fix that differs from an earlier one
by the resource's name alone is pointed to, and a resource that stands in several files with the same flaw, or of which there are several
instances, is shown once, with its places or theirs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import click

from averment.core.showing import harmless, printable
from averment.core.words import Severity, counted
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Format, Report

_STYLE: dict[Severity, dict[str, Any]] = {
    Severity.CRITICAL: {"fg": "red", "bold": True},
    Severity.HIGH: {"fg": "red"},
    Severity.MEDIUM: {"fg": "yellow"},
    Severity.LOW: {"fg": "cyan"},
}
_SHORT_FIX = 3
"""A fix of so few lines is repeated rather than pointed to."""
_MOST_COPIES = 3
"""So many places of copies are named; the rest is counted."""
_MOST_PROBLEMS = 12
"""Of more problems the like are told as one, and of more kinds the rest is counted: nobody reads a hundred lines."""
_INSTANCE = re.compile(r"\[(?:\"[^\"]*\"|\d+)\]")
"""The key of an instance in an address of Terraform: what ``for_each`` and ``count`` make is written once."""
_CALLER = re.compile(r"module '[^']*'")


class TableFormat(Format):
    """Grouped text. ``colour`` and ``width`` come from the terminal; plain and unwrapped elsewhere. ``full``: repeat nothing, cite all."""

    name = "table"

    def __init__(self, *, colour: bool = False, width: int = 110, full: bool = False) -> None:
        self.colour, self.width, self.full = colour, max(width, 40), full

    def render(self, report: Report) -> str:
        page = _Page(report, width=self.width, full=self.full, colour=self.colour)
        page.write()
        return "".join(f"{line}\n" for line in page.lines)


class _Page:
    """One rendering, which remembers what it has said."""

    def __init__(self, report: Report, *, width: int, full: bool, colour: bool) -> None:
        self.report, self.width, self.full, self.colour = report, width, full, colour
        self.lines: list[str] = []
        self.explained: set[str] = set()
        self.fixes: dict[str, str] = {}

    def line(self, text: str = "", **style: Any) -> None:
        """Add ``text`` as one line, styled on a terminal (the arguments of ``click.style``).

        A name in a stranger's file moves no cursor, hides nothing, and begins no line that looks like one of the report's own.
        """
        shown = "\t".join(map(printable, text.split("\t")))
        self.lines.append(click.style(shown, **style) if self.colour and style else shown)

    def write(self) -> None:
        result = self.report.result
        for severity in Severity:
            self.group(severity, [finding for finding in result.failures if finding.severity is severity])
        self.unknown(result.unknowns)
        self.waived([finding for finding in result.findings if finding.waived_by])
        self.problems(result.problems)
        for note in result.notes:
            self.line(f"note: {note}", fg="yellow")
        if self.full:
            self.left_out(result.skipped)
        hint = ", which --verbose names" if result.skipped and not self.full else ""
        self.line(summary(self.report, hint), bold=True)

    def group(self, severity: Severity, findings: list[Finding]) -> None:
        if not findings:
            return
        self.line(f"{severity.value.upper()} ({len(findings)})", **_STYLE[severity])
        copies: dict[Any, list[Finding]] = {}
        for finding in findings:
            same = (finding.rule, _INSTANCE.sub("", finding.resource), finding.message, finding.fix)
            copies.setdefault((same, finding.resource, finding.where) if self.full else same, []).append(finding)
        for finding, *more in copies.values():
            self.line(f"  {place(self.report, finding)}  {self.named(finding)}  [{finding.rule}]", bold=True)
            self.copied(finding, more)
            self.field("what", finding.message)
            self.why(finding.rule)
            self.fix(finding)
            self.line()

    def named(self, finding: Finding) -> str:
        """The resource; of a function in source code, whose name begins with its file, what stands behind that: the place has it already."""
        file = finding.where.file
        return finding.resource if self.full or file is None else finding.resource.removeprefix(f"{self.report.path(file)}:")

    def copied(self, first: Finding, findings: list[Finding]) -> None:
        """Where the same stands again with the same flaw and fix: one template that was copied for each region, say, or a module's next instance."""
        there = [finding for finding in findings if (finding.where, finding.resource) != (first.where, first.resource)]
        told = [self.copy(first, finding) for finding in there[:_MOST_COPIES]]
        if rest := len(there) - len(told):
            told[-1] += f" and {counted(rest, 'more copy')} (--verbose shows each)"
        if here := len(findings) - len(there):
            told.append(f"{counted(here, 'more time')} here, since more than one root module or template makes it")
        if told:
            self.field("also", ", ".join(told))

    def copy(self, first: Finding, finding: Finding) -> str:
        """``finding`` by what tells it from ``first``: its place, the resource, or both."""
        return " ".join(
            [place(self.report, finding)] * (finding.where != first.where) + [finding.resource] * (finding.resource != first.resource)
        )

    def why(self, rule: str) -> None:
        whys = self.report.why(rule)
        told = [why.control for why in whys if why.control in self.explained and not self.full]
        for why in whys:
            if why.control not in told:
                cited = "; ".join(why.citations) if self.full else why.brief
                self.field("why", f"{why.control} {why.title}" + (f": {cited}" if cited else ""))
        if told:
            self.field("why", f"{', '.join(told)}, as above")
        self.explained.update(why.control for why in whys)

    def fix(self, finding: Finding) -> None:
        if not finding.fix:
            return
        automatic = " (--fix writes it, as far as it is mechanical)" if finding.edits else ""
        pattern = finding.fix.replace(_short(finding), "@")
        earlier = self.fixes.setdefault(pattern, finding.resource)
        if earlier != finding.resource and len(finding.fix.splitlines()) > _SHORT_FIX and not self.full:
            self.line(f"    fix:  as for {earlier} above{automatic}", fg="green")
            return
        self.line(f"    fix:{automatic}", fg="green")
        for code in harmless(finding.fix.rstrip()).split("\n"):
            self.line(f"      {code}" if code.strip() else "")

    def field(self, label: str, text: str) -> None:
        body = textwrap.wrap(text, self.width - 10, break_on_hyphens=False, break_long_words=False) or [""]
        self.line(f"    {label + ':':<6}{body[0]}")
        for line in body[1:]:
            self.line(f"          {line}")

    def unknown(self, findings: Iterable[Finding]) -> None:
        items = list(findings)
        if items:
            self.line(f"COULD NOT TELL ({len(items)})", fg="magenta")
        alike: dict[tuple[str, str], list[Finding]] = {}
        for finding in items:
            alike.setdefault((finding.rule, finding.resource if self.full else finding.message), []).append(finding)
        for first, *more in alike.values():
            self.line(f"  {place(self.report, first)}  {self.named(first)}  [{first.rule}]")
            self.field("why", first.message)
            if more:
                self.field("also", f"{counted(len(more), 'more resource')} for the same reason (--verbose names each)")
        if items:
            self.line()

    def waived(self, findings: list[Finding]) -> None:
        if findings:
            self.line(f"WAIVED ({len(findings)})")
        for finding in findings:
            self.line(f"  {place(self.report, finding)}  {finding.resource}  [{finding.rule}]: {finding.waived_by}")
        if findings:
            self.line()

    def problems(self, problems: Iterable[Problem]) -> None:
        for blocking, title, style in ((True, "COULD NOT CHECK", _STYLE[Severity.CRITICAL]), (False, "NOT READ", {"fg": "magenta"})):
            items = [problem for problem in problems if problem.blocking is blocking]
            if items:
                self.line(f"{title} ({len(items)})", **style)
                for line in self.folded(items):
                    self.line(f"  {line}")
                self.line()

    def left_out(self, texts: tuple[str, ...]) -> None:
        if texts:
            self.line(f"LEFT OUT ({_number(texts)})")
            for text in texts:
                self.line(f"  {text}")
            self.line()

    def folded(self, items: list[Problem]) -> Iterator[str]:
        """A line for each problem, or, where they are many, for each kind: the same reason but for the name of the module that calls."""
        kinds: dict[str, list[Problem]] = {}
        for item in items:
            short = len(items) <= _MOST_PROBLEMS or self.full
            kinds.setdefault(f"{item.where} {item.reason}" if short else _CALLER.sub("module", item.reason), []).append(item)
        by_size = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
        shown = by_size if self.full else by_size[:_MOST_PROBLEMS]
        for kind, (first, *more) in shown:
            line = f":{first.where.line}" if first.where.line else ""
            at = f"{self.report.path(first.where.file) or first.where}{line}"
            yield f"{at} and {counted(len(more), 'more place')}: {kind}" if more else f"{at}: {first.reason}"
        if rest := sum(len(alike) for _, alike in by_size[len(shown) :]):
            yield f"and {counted(rest, 'more place')} (--verbose names each)"


def _short(finding: Finding) -> str:
    """The resource's name within its file, as fixes use it."""
    return finding.resource.partition("[")[0].rsplit(".", 1)[-1]


def place(report: Report, finding: Finding) -> str:
    """``file:line`` of a finding, relative to the report's base."""
    if finding.where.file is None:
        return str(finding.where)
    line = f":{finding.where.line}" if finding.where.line else ""
    return report.path(finding.where.file) + line


def _number(left_out: tuple[str, ...]) -> int:
    """How many files and folders were left out: what a pattern takes is one text, which begins with its number."""
    heads = [re.match(r"(\d+) files? under ", text) for text in left_out]
    return sum(int(head[1]) if head else 1 for head in heads)


def summary(report: Report, hint: str = "") -> str:
    """One line: the verdicts, and on how much they rest. ``hint`` says where what was left out is named."""
    counts = report.result.counts
    incomplete = sum(problem.blocking for problem in report.result.problems)
    unread = len(report.result.problems) - incomplete
    parts = [f"{counts.failed} failed", f"{counts.unknown} could not be told", f"{counts.passed} passed"]
    optional = (
        (counts.waived, "waived"),
        (counts.baseline, "known from the baseline"),
        (counts.below, "below the severity threshold"),
        (counts.elsewhere, "outside what changed"),
        (incomplete, "could not be checked"),
        (unread, "not read"),
    )
    parts += [f"{number} {words}" for number, words in optional if number]
    lead = "" if counts.failed or incomplete else "no failures: "
    skipped = f"; left out: {_number(report.result.skipped)}{hint}" if report.result.skipped else ""
    looked = f"{counted(counts.resources, 'resource')} in {counted(counts.files, 'file')}, {counted(counts.rules, 'rule')}"
    return f"{lead}{', '.join(parts)} ({looked}, {counts.seconds:.2f} s{skipped})"
