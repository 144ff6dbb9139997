"""``averment attest``: what a responsible person states goes into the ledger."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from averment.cli.attest_workbook import import_answers, write_questions
from averment.cli.common import NamedPath, config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, ExitCode
from averment.core.words import counted
from averment.evidence.attestations import Answer, OpenQuestion, attest, find_question, questions, refuse_outdated

_ANSWERS = tuple(str(answer) for answer in Answer)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("target", metavar="[CONTROL/ASSESSMENT]", required=False)
@click.option("--answer", type=click.Choice(_ANSWERS), help="What is answered; asked for on a terminal.")
@click.option("--by", metavar="ROLE/NAME", help='Who answers, for instance "procurement/Ada Byron"; asked for on a terminal.')
@click.option("--statement", default=None, help="Why, and on what it rests. Needed for no and not-applicable.")
@click.option(
    "--workbook",
    type=NamedPath(path_type=Path, dir_okay=False),
    help="Write the questions that are open into this workbook (.xlsx), for people to answer in.",
)
@click.option("--all", "everything", is_flag=True, help="With --workbook: also those with an answer that is valid.")
@click.option("--import", "filled", type=_FILE, help="Record the answers that stand in a workbook that --workbook wrote.")
@config_option
def command(
    target: str | None,
    answer: str | None,
    by: str | None,
    statement: str | None,
    workbook: Path | None,
    everything: bool,
    filled: Path | None,
    config: Path | None,
) -> int:
    """Record the answer to a control's question. Without CONTROL/ASSESSMENT: list the questions.

    An attestation holds from now, for as long as the control says; it can't be dated back. Many questions go out in a workbook and come
    back in it: with one row that can't be taken nothing is recorded, and the same workbook a second time adds nothing.

    Example: averment attest SM-UPL-03/terms --answer yes --by "procurement/Ada Byron"
    """
    single = [
        name for name, value in (("CONTROL/ASSESSMENT", target), ("--answer", answer), ("--by", by), ("--statement", statement)) if value
    ]
    _check_together(workbook, everything, filled, single)
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    if workbook is not None:
        return write_questions(organisation, catalogue, workbook, everything=everything)
    if filled is not None:
        return import_answers(organisation, catalogue, filled)
    if target is None:
        _list(list(questions(catalogue)))
        return ExitCode.CLEAN
    question = find_question(catalogue, target)
    answer, by, statement = _ask(question, answer, by, statement)
    record = attest(question, answer=Answer(answer), by=by, statement=statement)
    with ledger_for_writing(organisation) as ledger:
        refuse_outdated(record, ledger)
        appended = ledger.append([record])[0]
    until = record.payload["valid_until"]
    stderr.print(f"recorded as entry {appended.index} of the ledger{f', valid until {until}' if until else ''}")
    click.echo(record.id)
    return ExitCode.CLEAN


def _list(asked: Sequence[OpenQuestion]) -> None:
    """Print each question with whom it is for, and on stderr how many there are and what to do with them."""
    for item in asked:
        stdout().print(f"[bold]{escape(item.id)}[/bold] ({escape(str(item.asked.get('role')))}): {escape(str(item.asked.get('question')))}")
    if asked:
        one, open_ones = f"averment attest {asked[0].id}", "averment attest --workbook questions.xlsx"
        stderr.print(f"{counted(len(asked), 'question')}, answered or not. Answer one: {one}. Send out those that are open: {open_ones}")
    else:
        stderr.print("none of the selected controls asks a person")


def _check_together(workbook: Path | None, everything: bool, filled: Path | None, single: list[str]) -> None:
    """Whether the options go together.

    Raises:
        BadInputError: they don't.
    """
    many = [name for name, value in (("--workbook", workbook), ("--import", filled)) if value is not None]
    if many and (others := [*many[1:], *single]):
        raise BadInputError(f"{many[0]} and {others[0]} exclude each other", fix="give one of them")
    if everything and workbook is None:
        raise BadInputError("--all says what goes into a workbook, and none is asked for", fix="add --workbook FILE")


def _ask(question: OpenQuestion, answer: str | None, by: str | None, statement: str | None) -> tuple[str, str, str]:
    """What was given, and on a terminal what is missing.

    Raises:
        BadInputError: something is missing and there is nobody to ask.
    """
    missing = [name for name, value in (("--answer", answer), ("--by", by)) if value is None]
    if not missing:
        return str(answer), str(by), statement or ""
    if not sys.stdin.isatty():
        raise BadInputError(
            f"{' and '.join(missing)} must be given where there is no terminal to ask on",
            fix="give them as options; averment attest --help names each",
        )
    asked = question.asked
    stderr.print(f"\n[bold]{escape(question.id)}[/bold]: {escape(question.control.title)}\n{escape(str(asked.get('question', '')))}\n")
    answer = answer or click.prompt("Answer", type=click.Choice(_ANSWERS), err=True)
    by = by or f"{asked.get('role', question.control.owner)}/{click.prompt('Your name', err=True)}"
    if statement is None:
        statement = click.prompt("Statement: why, and on what it rests", default="", show_default=False, err=True)
    return str(answer), by, str(statement)
