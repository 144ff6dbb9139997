"""For a comment on a pull request: Markdown that stays within what a code host takes, and harmless whatever a file says."""

from __future__ import annotations

import html
import re

from averment.core.showing import harmless, printable
from averment.core.words import Severity
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding
from averment.policies.report.interface import Format, Report
from averment.policies.report.table import place, summary

MARKER = "<!-- averment check -->"
"""The first line: whoever posts the comment can find the earlier one and replace it."""

MAX_CHARACTERS = 60_000
"""GitHub refuses comments of more than 65,536 characters; GitLab takes more."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!&])")
_SIGN = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.MEDIUM: "🟡", Severity.LOW: "🔵"}
_LANGUAGE = {".tf": "hcl", ".tofu": "hcl", ".json": "json", ".py": "python"}
_LANGUAGE |= dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), "javascript") | dict.fromkeys((".ts", ".tsx", ".mts", ".cts"), "typescript")


class MarkdownFormat(Format):
    """A heading with the sum, one folded entry a failure, then what could not be told, checked, and what was accepted."""

    name = "markdown"

    def render(self, report: Report) -> str:
        result = report.result
        head = [MARKER, f"### averment check: {_headline(report)}", ""]
        entries = [_failure(report, finding) for finding in result.failures]
        entries += _section("Could not tell", [_line(report, finding, finding.message) for finding in result.unknowns])
        entries += _section("Could not check", [_problem(report, problem) for problem in result.problems])
        waived = [finding for finding in result.findings if finding.waived_by]
        entries += _section("Waived", [_line(report, finding, f"{finding.waived_by}") for finding in waived])
        entries += _section("Notes", [f"- {escaped(note)}" for note in result.notes])
        return _bounded("\n".join(head), entries, f"\n<sub>{escaped(summary(report))}</sub>\n")


def _headline(report: Report) -> str:
    result = report.result
    if any(problem.blocking for problem in result.problems):
        return "incomplete, something could not be checked"
    number = len(result.failures)
    return f"{number} finding{'s' if number != 1 else ''}" if number else "no failures"


def _failure(report: Report, finding: Finding) -> str:
    controls = ", ".join(why.control for why in report.why(finding.rule))
    title = f"{_SIGN[finding.severity]} <b>{finding.severity.value}</b> <code>{_html(place(report, finding))}</code>"
    lines = ["<details>", f"<summary>{title} <code>{_html(finding.resource)}</code><br>{_html(finding.message)}</summary>", ""]
    lines += [f"{code(finding.rule)} · {controls}" if controls else code(finding.rule), ""]
    for why in report.why(finding.rule):
        lines.append(f"- {escaped(why.control)} {escaped(why.title)}" + (f": {escaped(why.brief)}" if why.brief else ""))
    if finding.fix:
        lines += ["", *fenced(finding.fix, finding.where.file)]
    return "\n".join([*lines, "", "</details>"])


def _line(report: Report, finding: Finding, text: str) -> str:
    return f"- {code(place(report, finding))} {code(finding.resource)} {code(finding.rule)}: {escaped(text)}"


def _problem(report: Report, problem: Problem) -> str:
    line = f":{problem.where.line}" if problem.where.line else ""
    return f"- {code((report.path(problem.where.file) or str(problem.where)) + line)}: {escaped(problem.reason)}"


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"\n**{title}** ({len(lines)})\n", *lines] if lines else []


def _bounded(head: str, entries: list[str], foot: str) -> str:
    """What fits, and how much was left out: a comment that is cut mustn't look whole."""
    room = MAX_CHARACTERS - len(head) - len(foot) - 100
    kept: list[str] = []
    for entry in entries:
        room -= len(entry) + 1
        if room < 0:
            kept.append(f"\n**{len(entries) - len(kept)} more entries do not fit here; see the full report.**")
            break
        kept.append(entry)
    return "\n".join([head, *kept]) + "\n" + foot


def escaped(text: str) -> str:
    """``text`` on one line, with nothing in it that Markdown, HTML, or a mention would act on."""
    flat = printable(" ".join(text.split()))
    return _SPECIAL.sub(r"\\\1", flat).replace("@", "@\u200b")


def code(text: str) -> str:
    """``text`` as inline code, also if it holds backticks."""
    flat = printable(" ".join(text.split()))
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fenced(text: str, file: str | None) -> list[str]:
    """``text`` as a block of code in the language of ``file``, with a fence longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    suffix = "." + (file or "").rsplit(".", 1)[-1]
    return [f"{fence}{_LANGUAGE.get(suffix, 'yaml')}", harmless(text.rstrip()), fence]


def _html(text: str) -> str:
    """``text`` for within ``<summary>``, where hosts don't render Markdown."""
    flat = html.escape(printable(" ".join(text.split()))).replace("@", "@\u200b")
    return re.sub(r"[\[\]*_`]", lambda match: f"&#{ord(match[0])};", flat)
