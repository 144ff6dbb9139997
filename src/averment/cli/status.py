"""``averment status``: one screen with the state of every control, what is missing, and who owns it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import shorten

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, organisation_for, stderr, stdout
from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.core.period import iso, parse_period, utc_now
from averment.core.words import Status
from averment.evidence.assess import assess
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.report import assessment_rows, control_rows, plain
from averment.evidence.states import AssessmentState, ControlState, Gap

WIDE = 220
"""Columns of a table in a pipe, where nothing is gained by folding."""

REASON = 320
"""Characters of a reason in the table; the JSON has all of it."""

_COLOURS = {
    Status.SATISFIED: "green",
    Status.NOT_SATISFIED: "red",
    Status.NOT_ASSESSED: "yellow",
    Status.WAIVED: "cyan",
    Status.NOT_APPLICABLE: "dim",
}


@click.command()
@click.option("--period", "period_text", metavar="PERIOD", help="Judge this period's evidence alone; a past one as of its end.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def command(period_text: str | None, form: str, config: Path | None) -> int:
    """Show the state of every control by the evidence in the ledger, and what is stale or missing.

    Exit codes: 0 all satisfied, waived or not applicable; 1 something is not satisfied; 3 something is not assessed.

    Example: averment status --period 2026Q4
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    period, now = (parse_period(period_text) if period_text else None), utc_now()
    with open_ledger(organisation) as ledger:
        records = [entry.record for entry in ledger.records()]
    states = assess(catalogue, organisation, records, period=period, as_of=now)
    if form == "json":
        value = {
            "as_of": iso(now),
            "period": plain(period),
            "records": len(records),
            "totals": {str(status): sum(1 for state in states if state.status is status) for status in Status},
            "controls": plain(control_rows(catalogue, states)),
            "assessments": plain(assessment_rows(states)),
        }
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        _table(states)
        if not records:
            stderr.print("The ledger is empty: run `averment collect`, `averment prove` and `averment attest` first.")
    return exit_code(states)


def exit_code(states: list[ControlState]) -> ExitCode:
    """1 when a control is not satisfied, else 3 when one is not assessed (or there is none), else 0."""
    found = {state.status for state in states}
    if Status.NOT_SATISFIED in found:
        return ExitCode.FINDINGS
    if Status.NOT_ASSESSED in found or not found:
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN


def next_step(state: AssessmentState) -> str:
    """What would settle an assessment that is not assessed: a command, or what has to be mended before it."""
    assessment = state.assessment
    if assessment.attestation is not None:
        return f"averment attest {state.id}"
    if assessment.claim is not None:
        return f"{'more samples, then ' if state.gap is Gap.UNDECIDED else ''}averment prove {state.id}"
    if assessment.policy is not None and state.gap is Gap.MISSING and state.records:
        return f"deploy the AWS Config rule averment-{assessment.policy}" if assessment.collector else f"fix the rule {assessment.policy}"
    command = f"averment collect --collector {assessment.collector or 'check'}"
    return command if state.gap in (Gap.MISSING, Gap.STALE) else f"mend what the reason names, then {command}"


def _table(states: list[ControlState]) -> None:
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    table = Table("Control", "State", "Owner", "Why", box=box.SIMPLE_HEAD)
    for state in states:
        table.add_row(
            state.control.id,
            _coloured(state.status),
            escape(state.control.owner),
            escape(shorten(state.reason, REASON, placeholder=" ...")),
        )
    console.print(table)
    gaps = [item for state in states for item in state.assessments if item.status is Status.NOT_ASSESSED]
    if gaps:
        owners = {row.id: row.owner for row in assessment_rows(states)}
        missing = Table("Not assessed", "Because", "Last evidence", "Owner", "Next", box=box.SIMPLE_HEAD)
        for item in gaps:
            last = f"{item.effective_at:%Y-%m-%d %H:%M}" if item.effective_at else "none"
            missing.add_row(item.id, str(item.gap), last, escape(owners[item.id]), escape(next_step(item)))
        console.print(missing)
    totals = [(status, sum(1 for state in states if state.status is status)) for status in Status]
    console.print(" · ".join(f"{number} {_coloured(status)}" for status, number in totals))


def _coloured(status: Status) -> str:
    return f"[{_COLOURS[status]}]{status}[/]"
