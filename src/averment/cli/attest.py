"""``averment attest``: what a responsible person states goes into the ledger."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.markup import escape

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, ExitCode
from averment.evidence.attestations import Answer, OpenQuestion, attest, find_question, questions

_ANSWERS = tuple(str(answer) for answer in Answer)


@click.command()
@click.argument("target", metavar="[CONTROL/ASSESSMENT]", required=False)
@click.option("--answer", type=click.Choice(_ANSWERS), help="What is answered; asked for on a terminal.")
@click.option("--by", metavar="ROLE/NAME", help='Who answers, for instance "procurement/Ada Byron"; asked for on a terminal.')
@click.option("--statement", default=None, help="Why, and on what it rests. Needed for no and not-applicable.")
@config_option
def command(target: str | None, answer: str | None, by: str | None, statement: str | None, config: Path | None) -> int:
    """Record the answer to a control's question. Without CONTROL/ASSESSMENT: list the questions.

    An attestation holds from now, for as long as the control says; it can't be dated back.

    Example: averment attest SM-UPL-03/terms --answer yes --by "procurement/Ada Byron"
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    if target is None:
        for item in questions(catalogue):
            stdout().print(
                f"[bold]{escape(item.id)}[/bold] ({escape(str(item.asked.get('role')))}): {escape(str(item.asked.get('question')))}"
            )
        return ExitCode.CLEAN
    question = find_question(catalogue, target)
    answer, by, statement = _ask(question, answer, by, statement)
    record = attest(question, answer=Answer(answer), by=by, statement=statement)
    with ledger_for_writing(organisation) as ledger:
        appended = ledger.append([record])[0]
    until = record.payload["valid_until"]
    stderr.print(f"recorded as entry {appended.index} of the ledger{f', valid until {until}' if until else ''}")
    click.echo(record.id)
    return ExitCode.CLEAN


def _ask(question: OpenQuestion, answer: str | None, by: str | None, statement: str | None) -> tuple[str, str, str]:
    """What was given, and on a terminal what is missing.

    Raises:
        BadInputError: something is missing and there is nobody to ask.
    """
    missing = [name for name, value in (("--answer", answer), ("--by", by)) if value is None]
    if not missing:
        return str(answer), str(by), statement or ""
    if not sys.stdin.isatty():
        raise BadInputError(f"{' and '.join(missing)} must be given where there is no terminal to ask on")
    asked = question.asked
    stderr.print(f"\n[bold]{escape(question.id)}[/bold]: {escape(question.control.title)}\n{escape(str(asked.get('question', '')))}\n")
    answer = answer or click.prompt("Answer", type=click.Choice(_ANSWERS), err=True)
    by = by or f"{asked.get('role', question.control.owner)}/{click.prompt('Your name', err=True)}"
    if statement is None:
        statement = click.prompt("Statement: why, and on what it rests", default="", show_default=False, err=True)
    return str(answer), by, str(statement)
