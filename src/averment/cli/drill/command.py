"""The command: plays a scenario, shows each step, and files the result."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click
from rich.markup import escape

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.cli.drill.play import CONTROLS, NOT_SHOWN, Game, Move, Played, drill_record, find_scenario, play
from averment.cli.incident_common import desk_for
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import utc_now
from averment.evidence.record import Record

if TYPE_CHECKING:
    from averment.cli.progress import Spinner


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

    Exit codes: 0 every step passed; 1 one failed; 3 it could not be set up or filed.

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
    if not organisation.file:
        stderr.print(
            "no averment.yaml here: played with an empty profile, no contacts and the matrix that ships (averment init writes one)"
        )
    stdout().print(f"[bold]{escape(chosen.title)}[/bold]")
    telling = _Telling(people)
    telling.now("setting up the drill's own shop on the embedded AWS")
    with telling, tempfile.TemporaryDirectory(prefix="averment-drill-") as folder, Sandbox() as sandbox, sandbox.applied():
        played = play(chosen, Game(desk_for(_apart(organisation, Path(folder))), utc_now), before=telling.before, after=telling.after)
    record = drill_record(chosen, played, organisation, utc_now(), people=people)
    failed = [item.move.name for item in played if not item.passed]
    which = f"; failed: {', '.join(failed)}" if failed else ""
    stdout().print(
        f"{len(played) - len(failed)} of {len(played)} steps passed in {sum(item.seconds for item in played):.0f} s{which}", markup=False
    )
    stderr.print("Not shown by this:")
    for text in NOT_SHOWN:
        stderr.print(f"- {text}", markup=False)
    if no_record:
        stderr.print("not filed as evidence (--no-record)")
    else:
        _file(organisation, record)
    return ExitCode.FINDINGS if failed else ExitCode.CLEAN


def _apart(organisation: Organisation, folder: Path) -> Organisation:
    """The organisation with a ledger of the drill's own: nothing of a drill is mistaken for an incident."""
    severity = organisation.incidents.severity
    settings = replace(organisation.incidents, severity=str(organisation.path(severity).resolve()) if severity else None)
    own = EvidenceSettings(ledger=str(folder / "ledger"), signing_key=str(folder / "ledger.pem"), origin="localhost/averment-drill")
    return replace(organisation, evidence=own, incidents=settings, root=folder)


class _Telling:
    """Says on stderr what is being played, on a terminal; and on stdout how each step went."""

    def __init__(self, people: bool) -> None:
        self._people = people
        self._status: Spinner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.quiet()

    def now(self, text: str) -> None:
        """What is going on from now, until something else is said."""
        self.quiet()
        self._status = stderr.status(text)
        self._status.__enter__()

    def before(self, move: Move) -> None:
        """A step begins, with people once they have done theirs."""
        self.quiet()
        if self._people:
            click.prompt(f"{move.role}: {move.what}. Enter when it is done", default="", show_default=False, err=True)
        self.now(f"{move.name}: {move.what}")

    def after(self, played: Played) -> None:
        """How it went, and what to do where it failed."""
        self.quiet()
        out, word = stdout(), "[green]passed[/green]" if played.passed else "[red]failed[/red]"
        out.print(f"{word}  {played.move.name:<9} {played.seconds:6.2f} s  {escape(played.move.what)}")
        if played.reason:
            out.print(f"        {escape(played.reason)}", style="red")
        if played.fix:
            out.print(f"        fix: {escape(played.fix)}")
        for text in played.shown:
            out.print(f"        {escape(text)}", style="dim")

    def quiet(self) -> None:
        """Nothing moves any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _file(organisation: Organisation, record: Record) -> None:
    with ledger_for_writing(organisation) as ledger:
        appended = ledger.append([record])[0]
    where = organisation.evidence.ledger
    stderr.print(
        f"filed as entry {appended.index} of the ledger {where}, evidence for {', '.join(CONTROLS)} (averment status)", markup=False
    )
