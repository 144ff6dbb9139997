"""What the commands of ``averment incident`` share: their options, and reading and writing an incident in the ledger."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from averment.cli.common import ledger_for_writing, organisation_for, stderr
from averment.core.errors import AvermentError, BadInputError
from averment.core.organisation import Organisation
from averment.core.period import from_iso, iso, utc_now
from averment.core.stopping import STOPPED
from averment.evidence.record import Kind, Record
from averment.governance.incidents.filing import Act
from averment.governance.incidents.words import Answer, Standing, role, visible

if TYPE_CHECKING:
    from averment.evidence.ledger.log import Ledger
    from averment.governance.incidents.clocks import Clock
    from averment.governance.incidents.state import Incident
    from averment.governance.incidents.steps import Desk

WIDE = 180
NARROW = 130
"""Columns below which a table of clocks is none."""


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return from_iso(value).replace(microsecond=0)
    except AvermentError as error:
        raise click.BadParameter(f"{error.message}; write 2026-12-02T08:15:00Z") from error


def _role(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return role(value)
    except AvermentError as error:
        raise click.BadParameter(f"{error.message}; {error.fix}") from error


def moment_option(flag: str, help_text: str) -> Callable[[Any], Any]:
    """An option that takes a moment (RFC 3339) and gives a ``datetime`` in UTC, or None."""
    return click.option(flag, callback=_moment, metavar="TIME", help=help_text)


by_option = click.option(
    "--by", required=True, callback=_role, metavar="ROLE", help="The role that does or decides this; no person's name."
)
at_option = moment_option("--at", "When it happened (RFC 3339, such as 2026-12-02T08:15:00Z). Default: now.")
because_option = click.option("--because", required=True, metavar="TEXT", help="Why, in a sentence.")
incident_argument = click.argument("incident", metavar="ID")
fact_option = click.option(
    "--fact", "facts", multiple=True, metavar="NAME=yes|no|unknown", help="An answer to a question on the incident; may be repeated."
)


def read_facts(facts: Iterable[str]) -> dict[str, Answer]:
    """``NAME=ANSWER`` each, as a mapping.

    Raises:
        BadInputError: one of them isn't of that form.
    """
    found: dict[str, Answer] = {}
    for text in facts:
        name, equals, answer = text.partition("=")
        if not equals or answer not in set(Answer):
            raise BadInputError(f"--fact {visible(text)} is no answer", fix="write --fact personal_data_breached=yes (or no, or unknown)")
        found[name.strip()] = Answer(answer)
    return found


def desk_for(organisation: Organisation) -> Desk:
    """The organisation with its catalogue.

    Raises:
        BadInputError: one of their files is malformed.
    """
    from averment.controls.loader import load_catalogue
    from averment.governance.incidents.steps import Desk

    return Desk(organisation, load_catalogue(organisation))


def incident_in(ledger: Ledger, text: str) -> Incident:
    """The incident that ``text`` names.

    Raises:
        BadInputError: there is none, or there are several.
        VerificationError: the ledger is not what its checkpoint commits to.
    """
    from averment.governance.incidents.state import find_incident, read_incidents

    known = read_incidents(ledger.records(Kind.INCIDENT))
    found = find_incident(known, text)
    others = [name for name, item in known.items() if item.closed_at is None and name != found.id]
    if text == "latest" and others:  # somebody else may have opened one since the last command
        stderr.print(f"note: latest is {found.id}, {found.title}; open as well: {', '.join(others)}", markup=False)
    return found


def take_step(
    config: Path | None,
    incident: str,
    by: str,
    at: datetime | None,
    make: Callable[[Organisation, Incident, Act], Record],
    *,
    again: bool = False,
) -> tuple[Incident, Record]:
    """Make a record on ``incident`` and append it; the incident up to that record, which is its last event, and the record. What ``make`` raises
    leaves no record.

    ``again``: ``make`` does nothing but words, and is asked anew where somebody else's step came in meanwhile. Its clocks would be of a state that
    is over, and the last clocks are the ones that count.
    """
    organisation = organisation_for(config)
    with ledger_for_writing(organisation) as ledger:
        found, act, size = incident_in(ledger, incident), Act.at_moment(by, at), ledger.size
        record = make(organisation, found, act)
        while again and len((now := _by_now(ledger, found, size)).events) != len(found.events):
            found, size = now, ledger.size
            record = make(organisation, found, act)
        try:
            appended = ledger.append([record])[0]
        except (AvermentError, *STOPPED) as error:
            # What was done outside of the ledger is done: it must not be lost with the record that failed, or that somebody didn't wait for.
            stderr.print(f"this was done and {_whether_filed(error)}; keep it, and record it once the ledger can be written:", markup=False)
            stderr.print(json.dumps(record.payload, indent=2, ensure_ascii=False), markup=False)
            raise
        now = found.followed_by(ledger.entry(index) for index in range(size, appended.index + 1))
    stderr.print(f"{found.id}: recorded as entry {appended.index} of the ledger", markup=False)
    return now, record


def _whether_filed(error: BaseException) -> str:
    """Whether the ledger has what could not be appended because of ``error``."""
    from averment.evidence.stores.interface import HeldError, StoreError

    if isinstance(error, AvermentError) and (isinstance(error, HeldError) or not isinstance(error, StoreError)):
        return "is NOT in the ledger"
    # What was decided before a store refused is brought in by the next writer: recorded once more it would be there twice.
    return "may NOT be in the ledger, where the next record brings in what was begun, and averment incident show tells"


def _by_now(ledger: Ledger, incident: Incident, size: int) -> Incident:
    """The incident with what others filed since the ledger had ``size`` entries; all of it is read once only."""
    ledger.refresh()
    return incident.followed_by(ledger.entry(index) for index in range(size, ledger.size))


def clock_table(running: Iterable[Clock]) -> Table:
    """Clocks with the time that is left, the soonest first."""
    moment = utc_now()
    table = Table("Duty", "Standing", "Due by", "Left", "Who", "Why", box=box.SIMPLE_HEAD, pad_edge=False)
    for clock in running:
        left = "" if clock.due_by is None else left_of(clock.due_by, moment)
        style = "red" if left.startswith("overdue") else "yellow" if clock.standing is Standing.OPEN else ""
        table.add_row(
            escape(clock.duty),
            "due" if clock.standing is Standing.DUE else "may be due",
            iso(clock.due_by) if clock.due_by else "no hours named",
            left,
            escape(clock.role),
            escape(f"{clock.source}: {clock.reason}"),
            style=style,
        )
    return table


def print_clocks(console: Console, running: Iterable[Clock]) -> None:
    """The clocks as a table, or where that leaves the reasons no room each as a paragraph: in a column of ten letters nobody reads them, and a
    duty's name that is broken can't be copied."""
    if console.width >= NARROW:
        console.print(clock_table(running))
        return
    moment, indent = utc_now(), "    "
    for clock in running:
        standing = "due" if clock.standing is Standing.DUE else "may be due"
        by = f" by {iso(clock.due_by)}, {left_of(clock.due_by, moment)}" if clock.due_by else ", no hours named"
        console.print(f"{clock.duty}  {standing}{by}", markup=False, style="red" if ", overdue" in by else "", soft_wrap=True)
        why = textwrap.fill(
            f"{clock.role}. {clock.source}: {clock.reason}", max(console.width, 40), initial_indent=indent, subsequent_indent=indent
        )
        console.print(why, markup=False, soft_wrap=True)
    console.print()


def question_lines(organisation: Organisation, incident: Incident) -> list[str]:
    """What is still to be answered, as the options of ``triage`` that answer it; nothing where all is answered, or the incident is closed."""
    from averment.governance.incidents.questions import open_facts, open_words

    if incident.closed_at:
        return []
    try:
        options = [
            (f"--{option} {word}", meaning)
            for option, words in open_words(organisation, incident).items()
            for word, meaning in words.items()
        ]
        options += [(f"--fact {name}=yes|no", meaning) for name, meaning in open_facts(organisation, incident).items()]
    except AvermentError as error:  # the clocks are there all the same
        return [f"what is not answered yet can't be listed: {error}"]
    column = max((len(option) for option, _ in options), default=0)
    lines = [f"  {option:<{column}}  {meaning}" for option, meaning in options]
    return [f"not answered yet: averment incident triage {incident.id} --by ROLE --because TEXT, with", *lines] if lines else []


def left_of(due_by: datetime, now: datetime) -> str:
    """The time until ``due_by`` in days, hours and minutes; "overdue by" it once it is past."""
    seconds = int((due_by - now).total_seconds())
    days, rest = divmod(abs(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    text = f"{days} d {hours} h" if days else f"{hours} h {rest // 60} min"
    return f"overdue by {text}" if seconds < 0 else text


def width(*, errors: bool = False) -> int | None:
    """The width of tables on stdout (or on stderr): the terminal's, and in a pipe wide enough for nothing to be folded away."""
    return None if (sys.stderr if errors else sys.stdout).isatty() else WIDE
