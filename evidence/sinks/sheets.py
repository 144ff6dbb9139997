"""What stands on each table of the workbook: columns, widths, and how a row of the report fills them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.period import from_iso
from averment.core.words import Status
from averment.evidence.package.layout import record_name
from averment.evidence.reporting.report import PeriodReport


@dataclass(frozen=True)
class Link:
    """A cell that leads to another sheet's row: ``key`` is what that row is known by; shown as ``text``."""

    sheet: str
    key: str
    text: str


@dataclass(frozen=True)
class Column:
    """A column: its header, its width in characters, and the value of its cell in a row."""

    header: str
    width: int
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class Sheet:
    """A table. ``key`` gives what a row is known by to links from elsewhere; ``empty`` is said when it has no rows."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[PeriodReport], Collection[Any]]
    key: Callable[[Any], str] | None = None
    empty: str = "None in this period."


def _lines(items: Sequence[str]) -> str:
    return "\n".join(items)


def _query(row: Any) -> str:
    return json.dumps(dict(row.query), sort_keys=True, ensure_ascii=False)


def _first_record(row: Any) -> Link | str:
    return Link("Evidence", row.records[0], row.records[0]) if row.records else ""


def _record(row: Any) -> Link:
    return Link("Evidence", row.record, row.record)


def _control(row: Any) -> Link:
    return Link("Controls", row.control, row.control)


def _assessment(row: Any) -> Link:
    return Link("Assessments", row.assessment, row.assessment)


CONTROLS = Sheet(
    "Controls",
    (
        Column("Control", 12, lambda row: row.id),
        Column("Title", 40, lambda row: row.title),
        Column("Status", 16, lambda row: row.status),
        Column("Severity", 10, lambda row: row.severity),
        Column("Owner", 22, lambda row: row.owner),
        Column("Why", 70, lambda row: row.reason),
        Column("References", 50, lambda row: _lines(row.references)),
        Column("Law that binds, or may", 70, lambda row: _lines(row.law)),
        Column("Made less strict by the organisation", 40, lambda row: _lines(row.weakened)),
        Column("Changed by the organisation", 40, lambda row: _lines(row.tailored)),
    ),
    lambda report: report.controls,
    key=lambda row: str(row.id),
    empty="No control is selected.",
)

ASSESSMENTS = Sheet(
    "Assessments",
    (
        Column("Assessment", 32, lambda row: row.id),
        Column("Control", 12, _control),
        Column("Title", 40, lambda row: row.title),
        Column("Method", 11, lambda row: row.method),
        Column("By", 40, lambda row: row.means),
        Column("Status", 16, lambda row: row.status),
        Column("Why", 70, lambda row: row.reason),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
        Column("Evidence", 38, _first_record),
        Column("Further evidence", 38, lambda row: _lines(row.records[1:])),
    ),
    lambda report: report.assessments,
    key=lambda row: str(row.id),
    empty="No control is selected.",
)

EVIDENCE = Sheet(
    "Evidence",
    (
        Column("Record", 38, lambda row: row.record),
        Column("Ledger index", 12, lambda row: row.index),
        Column("Kind", 19, lambda row: row.kind),
        Column("Collector", 22, lambda row: row.collector),
        Column("Source", 30, lambda row: row.source),
        Column("Query", 60, _query),
        Column("Account", 14, lambda row: row.account),
        Column("Region", 13, lambda row: row.region),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
        Column("Collected (UTC)", 19, lambda row: row.collected_at),
        Column("Gathering", 18, lambda row: row.gathering),
        Column("Why not wholly", 40, lambda row: row.reason),
        Column("Redactions", 25, lambda row: _lines(row.redactions)),
        Column("SHA-256 of the record", 66, lambda row: row.sha256),
        Column("File in the package", 48, lambda row: record_name(row.record)),
        Column("Used by", 30, lambda row: _lines(row.used_by)),
    ),
    lambda report: report.evidence,
    key=lambda row: str(row.record),
)

POPULATIONS = Sheet(
    "Populations",
    (
        Column("Record", 38, _record),
        Column("Collector", 22, lambda row: row.collector),
        Column("Source", 30, lambda row: row.source),
        Column("Unit", 22, lambda row: row.unit),
        Column("Total", 12, lambda row: "not counted" if row.total is None else row.total),
        Column("Examined", 12, lambda row: row.examined),
        Column("Listing cut short", 17, lambda row: "yes" if row.truncated else "no"),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
    ),
    lambda report: report.populations,
)

CLAIMS = Sheet(
    "Claims",
    (
        Column("Record", 38, _record),
        Column("For", 32, lambda row: _lines(row.assessments)),
        Column("Statement", 60, lambda row: row.statement),
        Column("Verdict", 14, lambda row: row.verdict),
        Column("Estimate", 10, lambda row: row.estimate),
        Column("Low", 10, lambda row: row.low),
        Column("High", 10, lambda row: row.high),
        Column("Confidence", 11, lambda row: row.confidence),
        Column("Interval", 18, lambda row: row.interval_method),
        Column("Bar", 10, lambda row: row.bar),
        Column("Samples", 10, lambda row: row.samples),
        Column("Independent units", 16, lambda row: row.clusters),
        Column("Seed", 12, lambda row: None if row.seed is None else str(row.seed)),  # a name of a draw, not a quantity
        Column("Why", 50, lambda row: row.reason),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
    ),
    lambda report: report.claims,
    empty="No claim was tested in this period.",
)

FINDINGS = Sheet(
    "Findings",
    (
        Column("Control", 12, _control),
        Column("Assessment", 32, _assessment),
        Column("Severity", 10, lambda row: row.severity),
        Column("Resource", 45, lambda row: row.resource),
        Column("What", 70, lambda row: row.message),
        Column("Where", 40, lambda row: row.where),
        Column("State", 22, lambda row: f"waived until {row.waived_until}" if row.waived_until else "open"),
        Column("Owner", 22, lambda row: row.owner),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
        Column("Record", 38, _record),
    ),
    lambda report: report.findings,
    empty="No deviation is known at the end of this period. See 'Not assessed' for what was not looked at.",
)

SAMPLES = Sheet(
    "Samples",
    (
        Column("Record", 38, _record),
        Column("For", 32, lambda row: _lines(row.assessments)),
        Column("Collector", 22, lambda row: row.collector),
        Column("Source", 30, lambda row: row.source),
        Column("Unit", 14, lambda row: row.unit),
        Column("Population", 12, lambda row: "not counted" if row.total is None else row.total),
        Column("Size", 12, lambda row: row.size),
        Column("Method", 60, lambda row: row.method),
        Column("Seed", 16, lambda row: row.seed),
        Column("SHA-256 of what was drawn", 66, lambda row: row.digest),
        Column("Effective (UTC)", 19, lambda row: row.effective_at),
    ),
    lambda report: report.samples,
    empty="Nothing was sampled in this period.",
)

ACTIONS = Sheet(
    "Plan of action",
    (
        Column("Id", 38, lambda row: row.id),
        Column("Control", 12, _control),
        Column("Assessment", 32, _assessment),
        Column("Severity", 10, lambda row: row.severity),
        Column("State", 18, lambda row: row.state),
        Column("Resource", 45, lambda row: row.resource),
        Column("What", 60, lambda row: row.what),
        Column("Where", 40, lambda row: row.where),
        Column("Steps", 60, lambda row: _lines(row.steps)),
        Column("Owner", 22, lambda row: row.owner),
        Column("Due (inclusive)", 16, lambda row: row.due),
        Column("Evidence of (UTC)", 19, lambda row: row.known_since),
        Column("Record", 38, lambda row: row.record and _record(row)),
    ),
    lambda report: report.actions,
    empty="Nothing is open, waived or undecided.",
)

CHANGES = Sheet(
    "Changes",
    (
        Column("Control", 12, _control),
        Column("Assessment", 32, _assessment),
        Column("What", 24, lambda row: row.what),
        Column("Resource", 45, lambda row: row.resource),
        Column("Where", 40, lambda row: row.where),
        Column("Before", 20, lambda row: row.before),
        Column("In this period", 20, lambda row: row.after),
        Column("Why", 70, lambda row: row.reason),
    ),
    lambda report: report.changes,
    empty="Nothing changed since what this period is compared with; see 'Summary' for what that is.",
)

DRIFT = Sheet(
    "Code and deployment",
    (
        Column("Control", 12, _control),
        Column("Rule", 30, lambda row: row.rule),
        Column("Resource", 45, lambda row: row.resource),
        Column("Type", 26, lambda row: row.resource_type),
        Column("Account", 14, lambda row: row.account),
        Column("Region", 13, lambda row: row.region),
        Column("Before the merge", 16, lambda row: row.before),
        Column("At run time", 14, lambda row: row.at_run_time),
        Column("What that means", 60, lambda row: row.says),
        Column("In the code", 45, lambda row: row.code),
        Column("Where", 40, lambda row: row.where),
        Column("Code checked (UTC)", 19, lambda row: row.checked_at),
        Column("Deployment seen (UTC)", 19, lambda row: row.seen_at),
    ),
    lambda report: report.drift,
    empty="Nothing to compare: either the code or the deployment was not looked at in this period.",
)

OPERATION = Sheet(
    "Operation",
    (
        Column("Rule", 30, lambda row: row.rule),
        Column("Controls", 24, lambda row: _lines(row.controls)),
        Column("Resource", 45, lambda row: row.resource),
        Column("Type", 26, lambda row: row.resource_type),
        Column("Account", 14, lambda row: row.account),
        Column("Region", 13, lambda row: row.region),
        Column("Compliant (s)", 14, lambda row: row.compliant),
        Column("Not compliant (s)", 16, lambda row: row.non_compliant),
        Column("Not assessed (s)", 16, lambda row: row.not_assessed),
        Column("Compliant, of assessed time", 18, lambda row: row.share),
        Column("Changes of state", 12, lambda row: row.changes),
        Column("History up to (UTC)", 19, lambda row: row.effective_at),
        Column("Record", 38, _record),
    ),
    lambda report: report.operation,
    empty="AWS Config's history was not collected in this period: whether anything held throughout it isn't known.",
)

WAIVERS = Sheet(
    "Waivers",
    (
        Column("Control", 12, _control),
        Column("Resource", 45, lambda row: row.resource),
        Column("Only in", 22, lambda row: row.only_in or "everywhere"),
        Column("State", 22, lambda row: row.state),
        Column("Until (inclusive)", 16, lambda row: row.until),
        Column("Accepts (findings)", 17, lambda row: row.accepts),
        Column("Owner", 22, lambda row: row.owner),
        Column("Approver", 22, lambda row: row.approver),
        Column("Reason", 60, lambda row: row.reason),
    ),
    lambda report: report.waivers,
    empty="No deviation was accepted.",
)

ATTESTATIONS = Sheet(
    "Attestations",
    (
        Column("Record", 38, _record),
        Column("For", 32, lambda row: _lines(row.assessments)),
        Column("Question", 60, lambda row: row.question),
        Column("Answer", 14, lambda row: row.answer),
        Column("Statement", 60, lambda row: row.statement),
        Column("By", 24, lambda row: row.by),
        Column("Role", 22, lambda row: row.role),
        Column("Given (UTC)", 19, lambda row: row.effective_at),
        Column("Valid until (UTC)", 21, lambda row: from_iso(row.valid_until) if row.valid_until else "no end"),
        Column("Came by", 50, lambda row: row.origin),
        Column("SHA-256 of the workbook", 66, lambda row: row.workbook and row.workbook.get("sha256")),
    ),
    lambda report: report.attestations,
    empty="Nobody has attested anything.",
)

NOT_ASSESSED = Sheet(
    "Not assessed",
    (
        Column("Assessment", 32, lambda row: Link("Assessments", row.id, row.id)),
        Column("Control", 12, _control),
        Column("Why not", 18, lambda row: row.gap and str(row.gap)),
        Column("Reason", 80, lambda row: row.reason),
        Column("Owner", 22, lambda row: row.owner),
        Column("Last evidence (UTC)", 19, lambda row: row.effective_at),
    ),
    lambda report: report.gaps,
    empty="Every assessment came to a decision.",
)

TABLES = (
    *(CONTROLS, ASSESSMENTS, EVIDENCE, POPULATIONS, SAMPLES, CLAIMS, FINDINGS, DRIFT, OPERATION, WAIVERS, ATTESTATIONS, NOT_ASSESSED),
    *(ACTIONS, CHANGES),
)
"""Every table, in the order of the tabs."""

STATUS_COLOURS = {
    Status.SATISFIED: "#D9EAD3",
    Status.NOT_SATISFIED: "#F4CCCC",
    Status.NOT_ASSESSED: "#FFF2CC",
    Status.WAIVED: "#D9E2F3",
    Status.NOT_APPLICABLE: "#EDEDED",
}
"""Fill of a status cell; the word stands in it too, so that nobody depends on the colour."""

HOW_TO_VERIFY = (
    "This workbook is a view for people. The evidence is in the package's evidence files, each bound to the ledger by a proof.",
    "1. Run `averment verify <package>` offline, or `python3 verify.py <package>` without Averment; verify.md shows more ways.",
    "2. Compare the public key in the package with one that you got from the organisation by another way than this package.",
    "3. Compare the checkpoint with an earlier one that you kept: the log must be an extension of it.",
    "4. For any row of 'Evidence', the file named there is a signed statement about the record with that SHA-256 (of its canonical JSON).",
    "5. Ask the source again with the query of that row, where the source still keeps that time.",
    "6. Re-draw any sample: seed, method, size and population stand in 'Samples'.",
    "This does not show that the evidence is complete: see 'Populations' (what was counted, what was cut short) and 'Not assessed'.",
)
"""The sheet 'How to verify'."""
