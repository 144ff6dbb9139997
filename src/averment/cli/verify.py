"""``averment verify``: check an evidence package, or one record's proof, offline."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import click
from rich.highlighter import JSONHighlighter
from rich.markup import escape

from averment.api.common import Conclusion
from averment.api.verifying import Verified, verify
from averment.cli.common import stderr, stdout
from averment.core.errors import ExitCode
from averment.core.words import counted
from averment.evidence.record import NEWER
from averment.evidence.verification.steps import UNCHECKED, Problem, was_made

_ALIKE = 5
"""So many files with the same flaw are named."""

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

key_option = click.option(
    "--key", "keys", multiple=True, type=_FILE, help="The log's public key, which you got by another way (PEM or .vkey). Repeatable."
)
witness_option = click.option(
    "--witness", "witnesses", multiple=True, type=_FILE, help="The key (.vkey) of a witness that must have cosigned. Repeatable."
)
quorum_option = click.option("--quorum", type=click.IntRange(min=1), help="How many of the witnesses must have cosigned; by default all.")
certificate_option = click.option(
    "--timestamp-certificate",
    "certificates",
    multiple=True,
    type=_FILE,
    help="The root certificate (PEM) of the timestamp authority that must have dated the checkpoint. Repeatable.",
)


@click.command()
@click.argument("package", type=click.Path(path_type=Path, exists=True))
@key_option
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=_FILE,
    help="An earlier checkpoint.txt of the same log: shows that it has only grown. Repeatable.",
)
@witness_option
@quorum_option
@certificate_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    package: Path,
    keys: tuple[Path, ...],
    checkpoints: tuple[Path, ...],
    witnesses: tuple[Path, ...],
    quorum: int | None,
    certificates: tuple[Path, ...],
    form: str,
) -> int:
    """Verify an evidence package, without a network and without AWS. Exit 1 names every file that was changed.

    PACKAGE is a folder or a zip of one, or a .tlog-proof file that averment ledger prove wrote about one record.

    Example: averment verify evidence-2026Q4 --key auditee.pub.pem --checkpoint evidence-2026Q3/checkpoint.txt
    """
    with stderr.status("verifying"):  # shown on a terminal only
        result = verify(
            package, keys=keys, checkpoints=checkpoints, witnesses=witnesses, quorum=quorum, timestamp_certificates=certificates
        )
    code = show(result, form, "proof" if package.is_file() and not zipfile.is_zipfile(package) else "package")
    if result.record is not None and form == "text":
        shown = json.dumps(result.record.to_json(), indent=2, ensure_ascii=False)
        # Two such signs stand in texts alone; by them a CI server would know a command.
        stdout().print(JSONHighlighter()(shown.replace("##", "#\\u0023")))
    return code


def show(result: Verified, form: str, what: str) -> ExitCode:
    """Print the outcome as ``form`` says; ``what`` was verified: a package, a ledger, a proof. The exit code."""
    if form == "json":
        click.echo(json.dumps(result.to_json(), indent=2))
    else:
        _print(result, what)
    return result.conclusion.exit_code


def _shown(text: str) -> str:
    """``text`` for a terminal: a package is a stranger's, and its names may hold markup or control sequences."""
    return escape("".join(character if character.isprintable() else "\ufffd" for character in text))


def _alike(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """The files by what is wrong with them: a key that isn't the log's is wrong for each proof, and there may be thousands."""
    by_reason: dict[str, list[str]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem.file)
    return by_reason


def _print(result: Verified, what: str) -> None:
    out = stdout()
    for number, step in enumerate(result.steps, start=1):
        found = f" ({_shown(step.finding)})" if step.finding and not step.problems else ""
        mark = "[red]WRONG[/red]" if step.problems else f"[green]ok[/green]{found}"
        out.print(f"{number}. {step.title}: {mark if step.problems or was_made(step.finding) else step.finding}")
        for reason, files in _alike(step.problems).items():
            for file in files[:_ALIKE]:
                out.print(f"     {_shown(file)} {_shown(reason)}")
            if len(files) > _ALIKE:
                out.print(f"     and {counted(len(files) - _ALIKE, 'more file')}, for the same reason (--format json names each)")
    if result.genuine:
        out.print("\n[bold]Shown[/bold]")
        for line in result.covered:
            out.print(f"  {_shown(line)}")
    else:
        incomplete = result.conclusion is Conclusion.INCOMPLETE
        files = sorted({problem.file for problem in result.problems if not incomplete or problem.reason.startswith(UNCHECKED)})
        named = _shown(", ".join(files[:20])) + (" ..." if len(files) > 20 else "")
        if incomplete:
            newer = any(problem.reason.startswith(NEWER) for problem in result.problems)
            way = "It takes the version that wrote it (the verify.py in a package knows them all)" if newer else "Check the permissions of"
            out.print(f"\n[bold yellow]The {what} could not be checked whole.[/bold yellow] {way}: {named}")
        else:
            out.print(f"\n[bold red]The {what} is not what was signed.[/bold red] Wrong: {named}")
    out.print("[bold]Not shown[/bold]")
    for line in result.uncovered:
        out.print(f"  {_shown(line)}")
