"""``averment attest --workbook`` and ``--import``: questions that go out in a workbook, and answers that come back in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from averment.cli.common import ledger_for_writing, stderr
from averment.controls.model import Catalogue
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import write_atomic
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.answers import answered_since, not_yet_recorded, read_answers
from averment.evidence.attestations import questions
from averment.evidence.judging.assess import assess
from averment.evidence.judging.decisive import decisive
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.questionnaire import asked, questionnaire
from averment.evidence.record import Kind


def write_questions(organisation: Organisation, catalogue: Catalogue, path: Path, *, everything: bool) -> int:
    """Write the questions without a valid answer (or ``everything``) to ``path``.

    Raises:
        BadInputError: there is nothing to ask, or something stands at ``path`` already: it may hold people's answers.
    """
    if path.exists():
        raise BadInputError(
            "stands there already, and may hold answers", where=SourceRef(str(path)), fix="name another file, or move it away"
        )
    now = utc_now()
    with open_ledger(organisation) as ledger:
        records = decisive((entry.record for entry in ledger.records()), None, now)
    rows = asked(list(questions(catalogue)), assess(catalogue, organisation, records, period=None, as_of=now))
    chosen = [row for row in rows if everything or not row.settled]
    if not chosen:
        raise BadInputError("every question of the selected controls has a valid answer", fix="add --all to have them answered anew")
    write_atomic(path, questionnaire(chosen, organisation=organisation.name, made=now))
    left = len(rows) - len(chosen)
    stderr.print(
        f"{counted(len(chosen), 'question')} to answer"
        + (f"; {left} {'has' if left == 1 else 'have'} a valid answer already (--all adds them)" if left else "")
    )
    click.echo(path)
    return ExitCode.CLEAN


def import_answers(organisation: Organisation, catalogue: Catalogue, path: Path) -> int:
    """Record what the workbook at ``path`` answers, all of it or, with an error in one row, nothing.

    Raises:
        BadInputError: it is no such workbook, or answers nothing.
    """
    found = read_answers(path, catalogue, organisation=organisation.name, now=utc_now())
    if found.errors:
        return _refuse(found.errors)
    if found.absent:
        gone = "1 question that was" if len(found.absent) == 1 else f"{len(found.absent)} questions that were"
        stderr.print(f"not in it any more: {gone} sent out in it, open as before: {escape(', '.join(found.absent))}")
    if not found.records:
        raise BadInputError("answers none of its questions", where=SourceRef(str(path)), fix="fill in the last four columns")
    with ledger_for_writing(organisation) as ledger:
        known = [entry.record for entry in ledger.records() if entry.record.kind is Kind.ATTESTATION]
        new = not_yet_recorded(found.records, known)
        if overtaken := answered_since(new, known, path):
            return _refuse(overtaken)
        ledger.append(new)
    stderr.print(
        f"{counted(len(new), 'answer')} recorded, {len(found.records) - len(new)} recorded before, {counted(len(found.open), 'question')} left open"
    )
    if found.open:
        stderr.print(f"left open: {escape(', '.join(found.open))}")
    for record in new:
        click.echo(record.id)
    return ExitCode.CLEAN


def _refuse(errors: Sequence[BadInputError]) -> int:
    for error in errors:
        click.echo(f"averment: {error.diagnostics()}", err=True)
    stderr.print(f"nothing was recorded: {counted(len(errors), 'row')} can't be taken")
    return ExitCode.USAGE
