"""``README.html``: the page that a person opens first. No scripts, no external assets; everything from the report is escaped.

Printed (or saved as PDF by any browser) it unfolds what is folded away, and the heads of tables stand on every page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape
from itertools import islice

from averment.core.period import iso
from averment.core.showing import visible
from averment.core.words import Severity, Status, counted
from averment.evidence.judging.outside import counts_for_nothing
from averment.evidence.ledger.checkpoint import SignedCheckpoint, VerifierKey
from averment.evidence.package import layout
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import ControlRow
from averment.evidence.reporting.unseen import told_of_unseen

MAX_ROWS = 500
"""Rows of a table on the page; the workbook has them all."""

_STYLE = """
:root { color-scheme: light dark; --line: #8886; background: Canvas; color: CanvasText; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1, h2, p { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td { min-width: 6.5rem; }
th, td:first-child, .state { white-space: nowrap; }
td:first-child:has(code) { white-space: normal; }
tbody th { font-weight: normal; }
code { font-size: 0.9em; overflow-wrap: anywhere; }
.satisfied { color: #1a7f37; } .not-satisfied { color: #c62828; font-weight: 600; } .not-assessed { color: #945600; font-weight: 600; }
@media screen and (prefers-color-scheme: dark) {
  .satisfied { color: #4ac26b; } .not-satisfied { color: #ff8a80; } .not-assessed { color: #e8a33d; }
}
pre { overflow-wrap: anywhere; white-space: pre-wrap; }
nav ul { columns: 14rem; margin: 0; padding-left: 1.2rem; }
details ul { margin: 0; padding-left: 1.2rem; }
.points { margin: 0; padding-left: 1.1rem; }
.note { border-left: 4px solid #b26a00; padding: 0.2rem 1rem; }
/* The reasons are what is read: a head of several words mustn't take their room. */
@media screen and (min-width: 60.01rem) {
  thead th { overflow-wrap: normal; white-space: normal; }
  td { min-width: 5rem; }
  td[data-head="Why"] { width: 42%; }
  td[data-head="Resource"], td[data-head="Where"] { width: 20%; }
}
/* A cell of a row that stands on a narrow screen says by itself what it is. */
@media screen and (max-width: 60rem) {
  table, tbody, tr, th, td { display: block; }
  thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  td, th, td:first-child, .state { border: 0; min-width: 0; padding: 0.1rem 0; white-space: normal; }
  td[data-head]::before { content: attr(data-head) ": "; color: CanvasText; font-weight: normal; opacity: 0.75; }
  td:empty { display: none; }
  td details { display: inline-block; vertical-align: top; }
  td:first-child, tbody th { font-weight: 600; }
}
@page { size: A4 landscape; margin: 10mm; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 9pt; margin: 0; max-width: none; padding: 0; }
  table { font-size: 8pt; }
  th, td { line-height: 1.35; padding: 0.3rem 0.4rem; }
  td { min-width: 4rem; }
  td[data-head="Severity"], td[data-head="State"] { min-width: 0; }
  td[data-head="Why"], td[data-head="References"] { width: 26%; }
  td[data-head^="Law"] { width: 20%; }
  thead { display: table-header-group; }
  tr, pre { break-inside: avoid; }
  h2 { break-after: avoid; }
  nav { display: none; }
  summary { display: none; }
  details::details-content { content-visibility: visible; }
  details ul { padding: 0; }
  .points { list-style-position: inside; padding: 0; }
  details li { display: inline; }
  details li:not(:last-child)::after { content: "; "; }
}
"""

_NAMES = ("Resource", "Where")
_LONG = re.compile(r"[./]")
"""Where a line may end in a long name, sooner than between two digits of a line's number."""

_WORDS = {
    Status.SATISFIED: "satisfied",
    Status.NOT_SATISFIED: "not satisfied",
    Status.NOT_ASSESSED: "not assessed",
    Status.WAIVED: "waived",
    Status.NOT_APPLICABLE: "not applicable",
}


def readme_html(report: PeriodReport, checkpoint: SignedCheckpoint, keys: Sequence[VerifierKey], records: int) -> str:
    """The page for ``report``, whose ``records`` records lie in the package."""
    title = _text(f"Evidence of {report.organisation}, {report.period.label}")
    heading = f"Evidence of <bdi>{_text(report.organisation)}</bdi>, {_text(report.period.label)}"
    since = report.before.label if report.before else "the period before"
    sections = (
        ("controls", "Controls", _controls(report)),
        ("gaps", "What was not run, is stale, or is undecided", _gaps(report)),
        ("findings", "Findings", _findings(report)),
        ("changes", f"Changes since {since}", _changes(report)),
        ("waivers", "Waivers", _waivers(report)),
        ("attestations", "Attestations", _attestations(report)),
        ("samples", "Samples", _samples(report)),
        ("evidence", "Evidence", _evidence(report)),
        ("verify", "How to verify", _verify(checkpoint, keys)),
    )
    contents = "".join(f'<li><a href="#{place}">{_text(name)}</a></li>' for place, name, _ in sections)
    body = "".join(f'<h2 id="{place}">{_text(name)}</h2>\n{inner}' for place, name, inner in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n<h1>{heading}</h1>\n{_summary(report, checkpoint, records)}"
        f'<nav aria-label="On this page"><ul>{contents}</ul></nav>\n{body}</body></html>\n'
    )


def _summary(report: PeriodReport, checkpoint: SignedCheckpoint, records: int) -> str:
    scope = report.scope
    accounts = ", ".join(map(str, scope.get("accounts") or [])) or "none named; each record tells its own"
    regions = ", ".join(map(str, scope.get("regions") or [])) or "none named; each record tells its own"
    totals = ", ".join(f"{report.totals.get(status, 0)} {word}" for status, word in _WORDS.items())
    last_day = (report.period.end - timedelta(days=1)).date()
    rows = [
        ("Period", f"{report.period.start.date()} to {last_day}, both days included (UTC)"),
        ("State as of", f"{iso(report.judged_at)}; the latest fact in the ledger was collected at {iso(report.as_of)}"),
        ("Accounts", accounts),
        ("Regions", regions),
        *([("Not in scope", counts_for_nothing(report.outside))] if report.outside else []),
        *([("Not looked at", told_of_unseen(report.unseen))] if report.unseen else []),
        ("Controls", totals),
        (
            "Controls left out",
            f"{len(report.left_out)}, not selected so not assessed: {', '.join(report.left_out)}" if report.left_out else "none",
        ),
        ("Law", f"what binds on {report.judged_at.date()}, by what the organisation says of itself; not legal advice"),
        ("Findings", _counted_findings(report)),
        ("Not assessed", f"{len(report.gaps):,} of {counted(len(report.assessments), 'assessment')}"),
        ("Claims", _counted_claims(report)),
        ("Records", f"{records:,} in this package; the ledger has {counted(checkpoint.size, 'entry')}"),
    ]
    early = "The period was not over when this evidence was collected: the states are as of then, and nothing is told of the time after."
    over = f'<p class="note">{early}</p>\n' if report.caveat else ""
    contents = (
        f'<p>Work with <a href="{layout.WORKBOOK}">{layout.WORKBOOK}</a>; the same as data: '
        f'<a href="{layout.REPORT}">{layout.REPORT}</a>, and for tools that read OSCAL: <code>{layout.OSCAL}</code>. The evidence itself: <code>{layout.RECORDS}</code>, one signed file for each '
        f"record, and its proof in <code>{layout.PROOFS}</code>.</p>\n"
    )
    claims = f'<p>What claims came to, with plots: <a href="{layout.CLAIMS}">{layout.CLAIMS}</a>.</p>\n' if report.claims else ""
    return _table(("", ""), rows) + over + contents + claims


def _counted_findings(report: PeriodReport) -> str:
    """How much is open, by severity, and how much is waived; and that this is of what was assessed alone."""
    open_ones = [row.severity for row in report.findings if row.waived_until is None]
    waived = len(report.findings) - len(open_ones)
    worst_first = [f"{open_ones.count(str(level)):,} {level}" for level in Severity if str(level) in open_ones]
    severities = f" ({', '.join(worst_first)})" if worst_first else ""
    return f"{len(open_ones):,} open{severities}, {waived:,} waived, in what was assessed"


def _counted_claims(report: PeriodReport) -> str:
    """How the runs of claims ended."""
    ends = Counter(row.verdict for row in report.claims)
    return (
        f"{counted(len(report.claims), 'run')}: {', '.join(f'{count:,} {end}' for end, count in sorted(ends.items()))}"
        if ends
        else "no run"
    )


def _controls(report: PeriodReport) -> str:
    rows = [
        (
            row.id,
            row.title,
            row.severity,
            _Status(row.status),
            _Points((*_reasons(report, row), *(f"made less strict: {item}" for item in row.weakened))),
            row.owner,
            _Folded(row.references),
            _Folded(row.law),
        )
        for row in report.controls
    ]
    heads = ("Control", "Title", "Severity", "State", "Why", "Owner", "References", "Law that binds, or may")
    return _table(heads, rows, empty="No control is selected.")


def _reasons(report: PeriodReport, control: ControlRow) -> list[str]:
    """The reason of ``control`` by the assessments that it is made of, where it is no more than theirs: in one run nobody finds where one ends."""
    by_reason: dict[str, list[str]] = {}
    for row in report.assessments:
        if row.control == control.id and row.status is control.status:
            by_reason.setdefault(row.reason, []).append(row.id.removeprefix(f"{control.id}/"))
    parts = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    return parts if "; ".join(parts) == control.reason else [control.reason]


def _gaps(report: PeriodReport) -> str:
    rows = [(row.id, row.title, str(row.gap or ""), row.reason, row.owner) for row in report.gaps]
    lead = "<p>None of these counts as satisfied.</p>\n"
    return lead + _table(
        ("Assessment", "Title", "Kind of gap", "Why", "Who must act"), rows, empty="Nothing: every assessment came to a result."
    )


def _findings(report: PeriodReport) -> str:
    """What is wrong, the open before the waived and the gravest first: of many, it is the last rows that only the workbook has."""
    worst_first = sorted(report.findings, key=lambda row: (row.waived_until is not None, Severity(row.severity).rank))
    rows = [
        (
            row.control,
            row.severity,
            row.resource,
            report.told(row),
            row.where,
            f"waived until {row.waived_until}" if row.waived_until else "open",
        )
        for row in worst_first
    ]
    return _table(("Control", "Severity", "Resource", "What", "Where", "State"), rows, empty="None in this period.")


def _changes(report: PeriodReport) -> str:
    rows = [(row.control, row.assessment, row.resource or "", row.where or "", row.before, row.after, row.reason) for row in report.changes]
    lead = f"<p>Compared with {_text(report.compared_with)}. Both judged by today's controls.</p>\n"
    return lead + _table(("Control", "Assessment", "Resource", "Where", "Before", "Now", "Why"), rows, empty="None.")


def _samples(report: PeriodReport) -> str:
    rows = [
        (
            _Link(layout.record_name(row.record), row.record),
            row.source,
            f"{row.size} of {'unknown' if row.total is None else row.total} {row.unit}",
            row.method,
            row.seed or "",
        )
        for row in islice(report.samples, MAX_ROWS)
    ]
    heads = ("Record", "Source", "Drawn", "How", "Seed")
    return _table(heads, rows, total=len(report.samples), empty="Nothing was sampled.")


def _waivers(report: PeriodReport) -> str:
    rows = [
        (row.control, row.resource, row.only_in or "everywhere", row.owner, row.approver, row.reason, str(row.until), row.state)
        for row in report.waivers
    ]
    heads = ("Control", "Resource", "Only in", "Owner", "Approver", "Reason", "Until", "State")
    return _table(heads, rows, empty="None.")


def _attestations(report: PeriodReport) -> str:
    rows = [
        (
            _Link(layout.record_name(row.record), row.record),
            ", ".join(row.assessments),
            f"{row.answer}: {row.statement}" if row.statement else row.answer,
            f"{row.by} ({row.role})",
            row.valid_until or "no end",
            row.origin,
        )
        for row in report.attestations
    ]
    heads = ("Record", "For", "Answer", "By", "Valid until", "Came by")
    return _table(heads, rows, empty="Nobody has attested anything.")


def _evidence(report: PeriodReport) -> str:
    rows = [
        (
            _Link(layout.record_name(row.record), row.record),
            row.kind,
            row.collector,
            iso(row.effective_at),
            row.gathering if row.reason is None else f"{row.gathering}: {row.reason}",
            ""
            if row.unit is None
            else f"{row.examined} of {'unknown' if row.total is None else row.total} {row.unit}" + (", cut short" if row.truncated else ""),
        )
        for row in islice(report.evidence, MAX_ROWS)
    ]
    heads = ("Record", "Kind", "Collector", "Effective at", "Gathered", "Population")
    return _table(heads, rows, total=len(report.evidence), empty="There is no evidence in this period.")


def _verify(checkpoint: SignedCheckpoint, keys: Sequence[VerifierKey]) -> str:
    rows = [(key.id.hex(), str(key.algorithm), key.fingerprint) for key in keys]
    return (
        "<p>Offline, without an AWS account: <code>averment verify &lt;this folder&gt; --key &lt;public key&gt;</code>, or "
        f'<code>python3 {layout.VERIFIER}</code>, or public tools alone: <a href="{layout.GUIDE}">{layout.GUIDE}</a>. Any byte that was '
        "changed, any file that was added or removed is found and named.</p>\n"
        "<p>Compare the fingerprint of the key that signed with one that you got from the organisation by another way than this package: the "
        "one that these tell, not this table, which whoever makes a package writes.</p>\n"
        + _table(("Key", "Algorithm", "SHA-256 of the public key (DER)"), rows)
        + f"<pre>{escape(checkpoint.note.decode())}</pre>\n"
        '<p class="note">Unchanged is not complete: what was counted, cut short or could not be collected stands with each record '
        "and in the workbook.</p>\n"
    )


def _text(value: object) -> str:
    """``value`` as HTML that shows just that: no markup, and no name that reads as another."""
    return escape(visible(str(value)))


class _Status(str):
    """A status, shown in its colour."""

    __slots__ = ()


class _Link(tuple[str, str]):
    """A link: target and text."""

    __slots__ = ()

    def __new__(cls, target: str, text: str) -> _Link:
        return super().__new__(cls, (target, text))


class _Folded(tuple[str, ...]):
    """Several texts, folded away under their number."""

    __slots__ = ()


class _Points(tuple[str, ...]):
    """Several texts, each a point where there are more than one."""

    __slots__ = ()


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, total: int | None = None, empty: str = "None.") -> str:
    """``rows`` as a table, of which there are ``total`` (all of these, by default)."""
    if not rows:
        return f"<p>{_text(empty)}</p>\n"
    named = "".join(f'<th scope="col">{_text(item)}</th>' for item in heads)
    head = f"<thead><tr>{named}</tr></thead>\n" if any(heads) else ""
    body = "".join(f"<tr>{''.join(_cells(heads, row))}</tr>\n" for row in rows[:MAX_ROWS])
    left = (len(rows) if total is None else total) - MAX_ROWS
    more = f"<p>{left} more in the workbook.</p>\n" if left > 0 else ""
    return f"<table>\n{head}<tbody>\n{body}</tbody></table>\n{more}"


def _cells(heads: Sequence[str], row: Sequence[object]) -> Iterator[str]:
    """The cells of a row. Each names its column, for screens on which columns don't stand side by side; in a table without names the first does."""
    for place, (head, cell) in enumerate(zip(heads, row, strict=True)):
        named = f' data-head="{_text(head)}"' if head and place else ""
        if isinstance(cell, _Status):
            yield f'<td class="state {escape(cell)}"{named}>{escape(_WORDS[Status(cell)])}</td>'
        elif isinstance(cell, _Folded):
            items = "".join(f"<li>{_text(item)}</li>" for item in cell)
            yield f"<td{named}><details><summary>{len(cell)}</summary><ul>{items}</ul></details></td>" if cell else "<td></td>"
        elif isinstance(cell, _Points):
            items = "".join(f"<li>{_text(item)}</li>" for item in cell)
            yield f'<td{named}><ul class="points">{items}</ul></td>' if len(cell) > 1 else f"<td{named}>{_text(''.join(cell))}</td>"
        elif isinstance(cell, _Link):
            yield f'<td{named}><a href="{_text(cell[0])}"><code>{_text(cell[1])}</code></a></td>'
        elif not any(heads) and not place:
            yield f'<th scope="row">{_text(cell)}</th>'
        else:
            shown = _LONG.sub(r"\g<0><wbr>", _text(cell)) if head in _NAMES else _text(cell)
            yield f"<td{named}>{shown}</td>" if cell != "" else "<td></td>"
