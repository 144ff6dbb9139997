"""``averment incident list`` and ``show``: what the records say, and which clocks run."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, organisation_for, print_document, stderr, stdout
from averment.cli.incident_common import NARROW, incident_argument, incident_in, print_clocks, question_lines, width
from averment.core.errors import ExitCode
from averment.core.period import iso, utc_now
from averment.core.words import counted
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind
from averment.governance.incidents.as_json import incident_json
from averment.governance.incidents.state import Event, Incident, read_incidents
from averment.governance.incidents.words import Standing, visible

_A_DAY = len("2026-11-22")
"""Columns that a date takes, which is broken at no hyphen."""

_INDENT = " " * 4

format_option = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)


@click.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that aren't closed.")
@format_option
@config_option
def list_command(only_open: bool, form: str, config: Path | None) -> int:
    """List the incidents, newest first, with the next clock of each.

    Exit codes: 0 nothing is overdue; 1 a duty that is due, or may be, is past its time and undecided.

    Example: averment incident list --open
    """
    now = utc_now()
    with open_ledger(organisation_for(config)) as ledger:
        found = list(read_incidents(ledger.records(Kind.INCIDENT)).values())[::-1]
    shown = [incident for incident in found if not (only_open and incident.closed_at)]
    overdue = [incident for incident in found if not incident.closed_at and _overdue(incident)]
    if form == "json":
        print_document(json.dumps([incident_json(incident, now) for incident in shown], indent=2, ensure_ascii=False))
    else:
        if shown:
            stdout(width=width()).print(list_table(shown, now))
        stderr.print(f"{len(shown)} of {len(found)} incidents; {len(overdue)} with something overdue")
    return ExitCode.FINDINGS if overdue else ExitCode.CLEAN


def list_table(shown: Sequence[Incident], now: datetime) -> Table:
    """A line for each incident. An id stays whole on any terminal, to be copied, and what is overdue is called so, whatever colour is seen."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("Incident", no_wrap=True)
    for heading in ("Phase", "Severity", "Aware at", "Next clock", "Title"):
        table.add_column(heading, min_width=_A_DAY if heading in {"Aware at", "Next clock"} else None)
    for incident in shown:
        first = incident.running[0] if incident.running and not incident.closed_at else None
        late = first is not None and first.due_by is not None and first.due_by < now
        due = f"{escape(first.duty)} {_moment(first.due_by) if first.due_by else 'without hours'}" if first else "none runs"
        table.add_row(
            incident.id,
            incident.phase,
            str(incident.severity or "not triaged"),
            _moment(incident.aware_at),
            f"overdue: {due}" if late else due,
            escape(incident.title),
            style="red" if late else "",
        )
    return table


def _moment(at: datetime) -> str:
    """``at`` with a blank between day and hour, where a narrow column may break it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


@click.command("show")
@incident_argument
@click.option("--all", "everything", is_flag=True, help="Also the duties that don't apply, each with the reason.")
@format_option
@config_option
def show_command(incident: str, everything: bool, form: str, config: Path | None) -> int:
    """Show one incident: what is known, which clocks run, what was preserved, decided and done, with the entries of the ledger.

    Exit codes: 0 nothing is overdue; 1 a duty that is due, or may be, is past its time and undecided.

    Example: averment incident show latest --all
    """
    now = utc_now()
    organisation = organisation_for(config)
    with open_ledger(organisation) as ledger:
        found = incident_in(ledger, incident)
    late = not found.closed_at and _overdue(found)
    if form == "json":
        print_document(json.dumps(incident_json(found, now), indent=2, ensure_ascii=False))
    else:
        _print(stdout(width=width()), found, everything, question_lines(organisation, found))
    return ExitCode.FINDINGS if late else ExitCode.CLEAN


def _overdue(incident: Incident) -> bool:
    now = utc_now()
    return any(clock.due_by is not None and clock.due_by < now for clock in incident.running)


def _print(out: Console, incident: Incident, everything: bool, questions: Sequence[str]) -> None:
    out.print(f"[bold]{incident.id}[/bold]  {escape(incident.title)}")
    severity = incident.severity or "not triaged"
    closed = f", closed at {iso(incident.closed_at)}" if incident.closed_at else ""
    out.print(f"phase {incident.phase}, severity {severity}, aware at {iso(incident.aware_at)}{closed}\n", markup=False)
    if incident.running:
        print_clocks(out, incident.running)
    else:
        out.print("no clock is running\n")
    rest = [clock for clock in incident.clocks if clock.standing is Standing.NOT_APPLICABLE]
    if everything:
        for clock in rest:
            out.print(f"{clock.duty} does not apply ({clock.source}): {clock.reason}", markup=False)
        out.print()
    elif rest:
        out.print(
            f"not applicable: {counted(len(rest), 'duty')}; each with its reason: averment incident show {incident.id} --all\n", style="dim"
        )
    for line in (*questions, "") if questions else ():
        out.print(line, markup=False)
    for made in incident.decisions.values():
        late = " LATE" if made.in_time is False else ""
        sent = f", sent {iso(made.sent_at)}{late}" if made.sent_at else ""
        again = " DECIDE AGAIN, more is known since" if made.duty in incident.overtaken else ""
        out.print(f"{made.duty}: {made.decision} by {made.by}{sent}{again}: {made.because}", markup=False)
    for number, item in incident.items.items():
        out.print(f"item {number}: {visible(str(item['name']))}  sha256 {item['sha256']}", markup=False)
    out.print()
    print_events(out, incident.events)


def print_events(out: Console, events: Sequence[Event]) -> None:
    """The steps as a table, or where names would be broken in its last column each as a paragraph: what was contained is copied from here."""
    if out.width < NARROW:
        for event in events:
            out.print(f"{event.index}  {iso(event.at)}  {event.step}  {event.payload['by']}", markup=False, soft_wrap=True)
            done = textwrap.wrap(what(event), max(out.width, 40) - len(_INDENT), break_long_words=False, break_on_hyphens=False)
            for line in done:
                out.print(f"{_INDENT}{line}", markup=False, soft_wrap=True)
        return
    table = Table("Entry", "At", "Step", "By", "What", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.columns[0].justify = "right"
    for event in events:
        table.add_row(str(event.index), iso(event.at), str(event.step), escape(str(event.payload["by"])), escape(what(event)))
    for column in table.columns[1:3]:
        column.no_wrap = True
    out.print(table)


def what(event: Event) -> str:
    """One line on an event: what was done and what came of it, then why."""
    payload = event.payload
    for key in ("summary", "restored", "cause", "because"):
        if payload.get(key):
            told = [
                str(payload[name]) for name in ("severity", "duty", "decision", "measure", "kind", "target", "outcome") if payload.get(name)
            ]
            head = " ".join([*told, *_checked(payload.get("checked"))])
            return f"{head}: {payload[key]}" if head else str(payload[key])
    return ""


def _checked(rows: Any) -> list[str]:
    """What came of looking at copies again. (How a recovery was checked is a text, and stands in the report.)"""
    if not isinstance(rows, list):
        return []
    other = [f"item {row['number']} {row['outcome']}" for row in rows if row["outcome"] != "unchanged"]
    return [", ".join(other) if other else f"{counted(len(rows), 'copy')} unchanged"]
