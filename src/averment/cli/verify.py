"""``averment verify``: check an evidence package, or one record's proof, offline."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.markup import escape

from averment.cli.common import stderr, stdout
from averment.core.errors import BadInputError, ExitCode
from averment.core.source import SourceRef
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.timestamp import read_certificates
from averment.evidence.ledger.witness import read_witness_key
from averment.evidence.package.files import read_file
from averment.evidence.package.verify import read_key, verify_package
from averment.evidence.verification.single import verify_proof
from averment.evidence.verification.steps import Verification
from averment.evidence.verification.vouching import Vouching

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

    PACKAGE is a folder, or a .tlog-proof file that averment ledger prove wrote about one record.

    Example: averment verify evidence-2026Q4 --key auditee.pub.pem --checkpoint evidence-2026Q3/checkpoint.txt
    """
    given = [read_key(path) for path in keys]
    vouching = vouching_of(witnesses, quorum, certificates)
    if package.is_file():
        if checkpoints or certificates:
            raise BadInputError("one record's proof can't show that", fix="use --checkpoint and --timestamp-certificate on a package")
        result, record = verify_proof(package, given, vouching)
        code = show(result, form, "proof")
        if record is not None and form == "text":
            stdout().print_json(json.dumps(record.to_json(), ensure_ascii=False))
        return code
    with stderr.status("verifying"):  # shown on a terminal only
        result = verify_package(package, given, [read_file(path) for path in checkpoints], vouching)
    return show(result, form, "package")


def vouching_of(witnesses: tuple[Path, ...], quorum: int | None, certificates: tuple[Path, ...]) -> Vouching:
    """What is asked of third parties on the command line.

    Raises:
        BadInputError: a file isn't what it should be, or the quorum can't be met.
    """
    if quorum is not None and quorum > len(witnesses):
        raise BadInputError(
            f"--quorum {quorum} can't be met by {len(witnesses)} witnesses", fix="hand over the witnesses' keys with --witness"
        )
    trusted = [certificate for path in certificates for certificate in read_certificates(path)]
    return Vouching([_witness(path) for path in witnesses], quorum, trusted)


def _witness(path: Path) -> VerifierKey:
    try:
        return read_witness_key(read_file(path).decode("utf-8"))
    except (BadInputError, UnicodeDecodeError) as error:
        message = error.message if isinstance(error, BadInputError) else "is not text"
        raise BadInputError(message, where=SourceRef(file=str(path)), fix="hand over the witness's .vkey file (name+id+base64)") from error


def show(result: Verification, form: str, what: str) -> ExitCode:
    """Print the outcome as ``form`` says; ``what`` was verified: a package, a ledger, a proof. The exit code."""
    if form == "json":
        click.echo(json.dumps(_as_json(result), indent=2))
    else:
        _print(result, what)
    return ExitCode.CLEAN if result.genuine else ExitCode.FINDINGS


def _shown(text: str) -> str:
    """``text`` for a terminal: a package is a stranger's, and its names may hold markup or control sequences."""
    return escape("".join(character if character.isprintable() else "\ufffd" for character in text))


def _print(result: Verification, what: str) -> None:
    out = stdout()
    for number, step in enumerate(result.steps, start=1):
        mark = "[red]WRONG[/red]" if step.problems else "[green]ok[/green]"
        out.print(f"{number}. {step.title}: {mark}" + (f" ({_shown(step.finding)})" if step.finding and not step.problems else ""))
        for problem in step.problems:
            out.print(f"     {_shown(problem.file)} {_shown(problem.reason)}")
    if result.genuine:
        out.print("\n[bold]Shown[/bold]")
        for line in result.covered:
            out.print(f"  {_shown(line)}")
    else:
        files = sorted({problem.file for problem in result.problems})
        more = " ..." if len(files) > 20 else ""
        out.print(f"\n[bold red]The {what} is not what was signed.[/bold red] Wrong: {_shown(', '.join(files[:20]))}{more}")
    out.print("[bold]Not shown[/bold]")
    for line in result.uncovered:
        out.print(f"  {_shown(line)}")


def _as_json(result: Verification) -> dict[str, object]:
    return {
        "genuine": result.genuine,
        "steps": [
            {"title": step.title, "finding": step.finding, "problems": [{"file": p.file, "reason": p.reason} for p in step.problems]}
            for step in result.steps
        ],
        "covered": result.covered if result.genuine else [],
        "not_covered": result.uncovered,
    }
