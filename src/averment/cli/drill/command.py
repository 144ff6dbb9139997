"""The command: plays a scenario, shows each step, and files the result."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from rich.markup import escape

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.cli.drill.play import NOT_SHOWN, Game, Move, Played, Scenario, drill_record, find_scenario, play
from averment.cli.incident_common import desk_for
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import utc_now
from averment.evidence.record import Record


@click.command("drill")
@click.argument("scenario", metavar="[SCENARIO]", default="product-picture")
@click.option(
    "--with-people", "people", is_flag=True, help="Wait before each step until the people on call have done theirs; their time counts."
)
@click.option("--no-record", is_flag=True, help="Don't file the result as evidence.")
@click.option("--list", "listed", is_flag=True, help="Instead: list the scenarios.")
@config_option
def drill_command(scenario: str, people: bool, no_record: bool, listed: bool, config: Path | None) -> int:
    """Play SCENARIO on the embedded AWS, by the same steps as a real incident, with your profile, matrix, contracts and contacts.

    Each step is timed and has to come to what it must; with targets (incidents.targets in averment.yaml) also in time. The result is
    evidence for the controls that ask for a drill. No AWS account is touched.

    Exit codes: 0 every step passed; 1 one failed.

    Example: averment incident drill product-picture
    """
    from averment.cli.drill.scenarios import SCENARIOS
    from averment.sandbox.server import Sandbox

    if listed:
        for item in SCENARIOS:
            stdout().print(f"{item.id:<18} {item.title}", markup=False)
        return ExitCode.CLEAN
    chosen, organisation = find_scenario(SCENARIOS, scenario), organisation_for(config)
    if people and not sys.stdin.isatty():
        raise BadInputError("--with-people waits for people, and there is no terminal", fix="leave it out, or run it on a terminal")
    stdout().print(f"[bold]{escape(chosen.title)}[/bold]")
    with tempfile.TemporaryDirectory(prefix="averment-drill-") as folder, Sandbox() as sandbox, sandbox.applied():
        played = play(chosen, Game(desk_for(_apart(organisation, Path(folder))), utc_now), before=_wait(people), after=_show)
    record = drill_record(chosen, played, organisation, utc_now(), people=people)
    failed = record.payload["summary"]["failed"]
    stdout().print(f"{len(played) - failed} of {len(played)} steps passed")
    for text in NOT_SHOWN:
        stderr.print(f"not shown by this: {text}", markup=False)
    if not no_record:
        _file(organisation, chosen, record)
    return ExitCode.FINDINGS if failed else ExitCode.CLEAN


def _apart(organisation: Organisation, folder: Path) -> Organisation:
    """The organisation with a ledger of the drill's own: nothing of a drill is mistaken for an incident."""
    severity = organisation.incidents.severity
    settings = replace(organisation.incidents, severity=str(organisation.path(severity).resolve()) if severity else None)
    own = EvidenceSettings(ledger=str(folder / "ledger"), signing_key=str(folder / "ledger.pem"), origin="localhost/averment-drill")
    return replace(organisation, evidence=own, incidents=settings, root=folder)


def _wait(people: bool) -> Callable[[Move], None]:
    def before(move: Move) -> None:
        if people:
            click.prompt(f"{move.role}: {move.what}. Enter when it is done", default="", show_default=False, err=True)

    return before


def _show(played: Played) -> None:
    out, word = stdout(), "[green]passed[/green]" if played.passed else "[red]failed[/red]"
    out.print(f"{word}  {played.move.name:<9} {played.seconds:6.2f} s  {escape(played.move.what)}")
    if played.reason:
        out.print(f"        {escape(played.reason)}", style="red")
    for text in played.shown:
        out.print(f"        {escape(text)}", style="dim")


def _file(organisation: Organisation, scenario: Scenario, record: Record) -> None:
    with ledger_for_writing(organisation) as ledger:
        appended = ledger.append([record])[0]
    stderr.print(f"the drill {scenario.id} is entry {appended.index} of the ledger")
