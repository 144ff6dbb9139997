"""``averment review``: what the media gate held for a person, decided with a reason, and appealed."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from averment.cli.common import stdout
from averment.cli.review_gate import BY, REASON, GateChoice, gate_options
from averment.core.errors import ExitCode
from averment.core.showing import printable

if TYPE_CHECKING:
    from averment.detector.gate.case import Case
    from averment.detector.gate.events import ObjectVersion

WIDE = 220
"""Columns of a table that no terminal shows: keys are long, and who reads them in a pipe looks for them whole."""

_NOT_LITERAL = ("-", "file://", "fileb://", "http://", "https://")
"""Beginnings of a value that the AWS CLI takes for another: an option, or a place that it reads, a reviewer's own files among them."""

_FORMAT = click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)


@click.group()
def command() -> None:
    """Decide what the media gate held, and appeal decisions.

    Where the blueprint media-gate is deployed, its function does it, and AWS tells it who decides: sign in as its reviewers' role.
    With --table it is done with rights of your own.

    Example: averment review list
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Decided cases as well.")
@_FORMAT
@gate_options
def list_cases(everything: bool, output: str, chosen: GateChoice) -> int:
    """List what waits for a decision, the oldest first.

    Exit codes: 0 nothing waits, 1 something does.

    Example: averment review list --gate media-gate
    """
    from averment.detector.gate.case import CaseState

    found = chosen.cases()
    waiting = (CaseState.OPEN, CaseState.APPEALED)
    cases = list(found.listed(tuple(CaseState) if everything else waiting))
    undone = [] if everything else [case for case in found.listed((CaseState.RELEASED, CaseState.REJECTED)) if not case.applied]
    if output == "json":
        click.echo(json.dumps([case.to_json() for case in (*cases, *undone)], indent=2))
    else:
        _table([*cases, *undone])
    return int(ExitCode.FINDINGS if undone or any(case.state in waiting or not case.applied for case in cases) else ExitCode.CLEAN)


@command.command("show")
@click.argument("case", metavar="CASE")
@_FORMAT
@gate_options
def show_case(case: str, output: str, chosen: GateChoice) -> int:
    """Show one case with everything that was said and done about it.

    Example: averment review show 5f0c...
    """
    found = chosen.cases().get(case)
    if output == "json":
        click.echo(json.dumps(found.to_json(), indent=2))
        return int(ExitCode.CLEAN)
    _table([found])
    out = stdout()
    out.print(printable(f"  {found.target}  sha256:{found.sha256 or 'not read'}  {found.detector}"), markup=False)
    for line in _ways_to_look(found.target):
        out.print(f"  {line}", markup=False, soft_wrap=True)  # to be copied
    for finding in found.findings:
        out.print(printable(f"  {'known at the release' if finding in found.accepted else 'found'}: {finding}"), markup=False)
    for step in found.history:
        out.print(printable(f"  {step.at}  {step.by}  {step.did}: {step.reason}"), markup=False)
    return int(ExitCode.CLEAN)


@command.command("decide")
@click.argument("case", metavar="CASE")
@click.argument("decision", type=click.Choice(["release", "reject"]))
@BY
@REASON
@gate_options
def decide(case: str, decision: str, by: str | None, reason: str, chosen: GateChoice) -> int:
    """Release a held upload to the published bucket, or reject it for good.

    Example: averment review decide 5f0c... reject --reason "the seller's own advert is labelled, this isn't"
    """
    found = chosen.desk(by).decide(case, decision, reason=reason)
    click.echo(printable(f"{found.id}  {found.state}  {found.target}"))
    return int(ExitCode.CLEAN)


@command.command("appeal")
@click.argument("case", metavar="CASE")
@BY
@REASON
@gate_options
def appeal(case: str, by: str | None, reason: str, chosen: GateChoice) -> int:
    """Ask for another decision, by somebody else.

    Example: averment review appeal 5f0c... --reason "the seller says that it is their own photograph; the raw file is in ticket 512"
    """
    found = chosen.desk(by).appeal(case, reason=reason)
    click.echo(printable(f"{found.id}  {found.state}  {found.target}"))
    return int(ExitCode.CLEAN)


@command.command("pseudonym")
@click.argument("who", metavar="ROLE/NAME")
@gate_options
def pseudonym(who: str, chosen: GateChoice) -> int:
    """Print the pseudonym of somebody in the verdict log, to see on lawful need whether a line is theirs.

    Who decided a case stands in it by name (averment review show); this is for lines without a case, such as those of takedowns.

    Example: averment review pseudonym "trust/Ada Byron" --gate media-gate
    """
    from averment.detector.gate.pseudonyms import pseudonym_of
    from averment.detector.gate.reviews import check_person

    check_person(who)
    click.echo(pseudonym_of(who, chosen.cases()))
    return int(ExitCode.CLEAN)


def _ways_to_look(target: ObjectVersion) -> list[str]:
    """The commands that show the very version that is to be decided on: under its key there may be another by now, and only a quoted name is exact."""
    pinned = f"?versionId={quote(target.version)}" if target.version else ""
    lines = [f"see it: averment media explain {shlex.quote(f's3://{target.bucket}/{quote(target.key)}{pinned}')} --out why.png"]
    if printable(target.key) == target.key and not target.key.startswith(_NOT_LITERAL):
        version = f" --version-id {shlex.quote(target.version)}" if target.version else ""
        lines.append(f"get it: aws s3api get-object --bucket {target.bucket} --key {shlex.quote(target.key)}{version} held")
    return lines


def _table(cases: list[Case]) -> None:
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    for title in ("case", "state", "opened", "verdict", "score", "object"):
        shown.add_column(title, overflow="fold")
    rows = []
    for case in cases:
        state = str(case.state) if case.applied else f"{case.state}, not applied"
        score = "-" if case.score is None else f"{case.score:.4f}"
        cells = (case.id, state, case.opened_at, case.verdict, score, f"s3://{case.target.bucket}/{case.target.key}")
        rows.append([printable(cell) for cell in cells])
        shown.add_row(*(escape(cell) for cell in rows[-1]))
    out, wide = stdout(width=None if sys.stdout.isatty() else WIDE), stdout(width=WIDE)
    if out.width >= wide.measure(shown).maximum:
        out.print(shown)
        return
    for row in rows:  # a narrow terminal would fold ids, which are copied
        out.print("  ".join(row[:-1]) + f"\n  {row[-1]}", markup=False, soft_wrap=True)
