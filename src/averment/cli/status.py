"""``averment status``: one screen with the state of every control, what is missing, and who owns it."""

from __future__ import annotations

import json
from pathlib import Path

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
from averment.evidence.states import ControlState

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


def _table(states: list[ControlState]) -> None:
    console = stdout()
    table = Table("Control", "State", "Owner", "Why", box=box.SIMPLE_HEAD)
    for state in states:
        table.add_row(state.control.id, _coloured(state.status), escape(state.control.owner), escape(state.reason))
    console.print(table)
    gaps = [row for row in assessment_rows(states) if row.status is Status.NOT_ASSESSED]
    if gaps:
        missing = Table("Not assessed", "Because", "Last evidence", "Owner", "How", box=box.SIMPLE_HEAD)
        for row in gaps:
            last = iso(row.effective_at) if row.effective_at else "none"
            missing.add_row(row.id, str(row.gap), last, escape(row.owner), escape(row.means))
        console.print(missing)
    totals = [(status, sum(1 for state in states if state.status is status)) for status in Status]
    console.print(" · ".join(f"{number} {_coloured(status)}" for status, number in totals))


def _coloured(status: Status) -> str:
    return f"[{_COLOURS[status]}]{status}[/]"
