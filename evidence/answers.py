"""Reading back the workbook of questions (``questionnaire``): answers out of a file that anybody may have written.

A workbook is a zip of XML, so it is bounded before anything parses it: its size, what it unpacks to, no document types (entities
that grow), no formulas (what they show is decided by whoever opens the file). Every row that can't be an attestation is an error of
its own, with sheet and row; with one such row nothing is taken.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from averment.controls.model import Catalogue
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.core.files import read_bounded
from averment.core.period import from_iso
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.evidence.attestations import Answer, FromWorkbook, OpenQuestion, attest, day_of, questions, unordered
from averment.evidence.cells import cell_text
from averment.evidence.questionnaire import ABOUT, ASKED, FIRST_TO_FILL, FORMAT, HEAD, QUESTIONS, role_of
from averment.evidence.record import Kind, Record

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of a workbook; one with every question of the catalogue has some fifty thousand."""

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes that its parts may unpack to."""

MAX_PARTS, MAX_ROWS = 200, 5_000
"""Bounds of the files inside, and of the rows of a sheet."""

_ANOTHER = "make one with averment attest --workbook, and fill that in"
_AS_XLSX = "if it was saved as .ods or .numbers, save or export it as an Excel workbook (.xlsx)"
_CLOCKS = timedelta(days=1)
"""A day on somebody's calendar is at most one away from the day in UTC."""


@dataclass(frozen=True)
class Answers:
    """What a workbook says: ``records``, the ids that it leaves ``open``, its ``errors``, one a row that can't be taken, and the ids that it
    was sent out with and that are ``absent``, as far as it names them (those made before it did name none)."""

    records: tuple[Record, ...]
    open: tuple[str, ...]
    errors: tuple[BadInputError, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cell:
    """A cell: its value, and whether it is a formula."""

    value: Any = None
    formula: bool = False


_Row = tuple[_Cell, ...]


@dataclass(frozen=True)
class _Form:
    """The workbook as such: where it came from, and when it was made."""

    path: Path
    digest: str
    number: str
    made: datetime

    def error(self, row: int, message: str, fix: str | None = None) -> BadInputError:
        return BadInputError(f"sheet '{QUESTIONS}', row {row}: {message}", where=SourceRef(str(self.path)), fix=fix)


def read_answers(path: Path, catalogue: Catalogue, *, organisation: str, now: datetime) -> Answers:
    """The answers in the workbook at ``path`` to questions of ``catalogue``, as attestations of ``organisation`` made ``now``.

    Raises:
        BadInputError: the file is no such workbook at all, or was made for another organisation, which asks the same questions. What is wrong with a row is in ``Answers.errors``.
        MissingExtraError: openpyxl isn't installed (extra ``report``).
    """
    data = read_bounded(path, limit=MAX_BYTES)
    _check_zip(data, path)
    sheets = _parse(data, path)
    form = _form(sheets[ABOUT], path, sha256_hex(data), organisation)
    head, *rows = sheets[QUESTIONS] or [()]
    if tuple(cell.value for cell in head)[: len(HEAD)] != HEAD:
        raise form.error(1, "the columns are not those that were sent out", _ANOTHER)
    known = {question.id: question for question in questions(catalogue)}
    records: list[Record] = []
    left: list[str] = []
    errors: list[BadInputError] = []
    seen: dict[str, int] = {}
    for number, cells in enumerate(rows, start=2):
        try:
            padded = (*cells, *(_Cell() for _ in HEAD))[: len(HEAD)]
            if all(cell.value is None for cell in padded):
                continue
            _unique(form, number, padded, seen)
            answered = any(_given(cell) for cell in padded[FIRST_TO_FILL:])
            if answered:
                records.append(_record(form, number, padded, known, now))
            else:
                left.append(str(padded[0].value))
        except BadInputError as error:
            errors.append(error)
    there = {str(cells[0].value).strip() for cells in rows if cells}
    sent = [str(row[1].value) for row in sheets[ABOUT] if len(row) > 1 and row[0].value == ASKED]
    return Answers(tuple(records), tuple(left), tuple(errors), tuple(name for name in dict.fromkeys(sent) if name not in there))


def not_yet_recorded(found: Iterable[Record], ledger: Iterable[Record]) -> list[Record]:
    """Those of ``found`` that the ``ledger`` doesn't have from the same workbook, whether or not it was saved again since."""
    there = {_identity(record.payload) for record in ledger if record.kind is Kind.ATTESTATION and "workbook" in record.payload}
    return [record for record in found if _identity(record.payload) not in there]


def _identity(payload: Any) -> tuple[JSON, ...]:
    book = payload["workbook"]
    said = (payload["answer"], payload["by"]["role"], payload["by"]["name"], payload["statement"], book["answered_on"])
    return (book["number"], payload["control"], payload["assessment"], payload["question"], *said)


def answered_since(found: Iterable[Record], ledger: Iterable[Record], path: Path) -> list[BadInputError]:
    """An error for each of ``found`` that the ``ledger`` has another answer to, of a later day than its author wrote into the workbook at
    ``path``, or of the same so that nobody can tell which came last: it would count from now, over what was said."""
    latest = {(name, item.payload.get("question")): item for item in _by_moment(ledger) for name in item.controls}
    errors = []
    for record in found:
        book, question = record.payload["workbook"], record.controls[0]
        since = latest.get((question, record.payload["question"]))
        if since is None or since.payload["answer"] == record.payload["answer"]:
            continue
        this = f"this '{record.payload['answer']}' of {day_of(record)}"
        if day_of(since) > day_of(record):
            told = f"'{since.payload['answer']}' was answered on {day_of(since)}, after {this}"
        elif unordered(since, record):
            told = f"{since.payload['by']['name']} answered '{since.payload['answer']}' on the day of {this}, and which came last nobody can tell"
        else:
            continue
        fix = f"clear the row, or have it answered anew: averment attest {question}"
        errors.append(BadInputError(f"sheet '{book['sheet']}', row {book['row']}: {told}", where=SourceRef(str(path)), fix=fix))
    return errors


def _by_moment(records: Iterable[Record]) -> list[Record]:
    return sorted((record for record in records if record.kind is Kind.ATTESTATION), key=lambda record: record.effective_at)


# --- the file ------------------------------------------------------------------------------------------------------


def _check_zip(data: bytes, path: Path) -> None:
    where = SourceRef(str(path))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                problem = f"unpacks to more than {MAX_UNPACKED:,} bytes or {MAX_PARTS} parts, and was not read"
                raise BadInputError(problem, where=where, fix=_ANOTHER)
            if "[Content_Types].xml" not in archive.namelist():
                raise BadInputError("is no workbook of the kind .xlsx", where=where, fix=_AS_XLSX)
            for part in parts:
                text = archive.read(part)  # never more than it states
                if part.filename.endswith((".xml", ".rels")) and (b"<!DOCTYPE" in text or b"\0" in text[:4]):
                    raise BadInputError(f"'{part.filename}' holds what no workbook needs (a document type)", where=where, fix=_ANOTHER)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise BadInputError(f"is not a workbook (.xlsx): {error}", where=where, fix=_ANOTHER) from error


def _parse(data: bytes, path: Path) -> dict[str, list[_Row]]:
    """The cells of the two sheets."""
    openpyxl = require("openpyxl", extra="report", needed_for="reading a workbook")
    where = SourceRef(str(path))
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            if missing := [name for name in (QUESTIONS, ABOUT) if name not in book.sheetnames]:
                raise BadInputError(f"has no sheet '{missing[0]}'", where=where, fix=_ANOTHER)
            return {name: _rows(book[name], where) for name in (QUESTIONS, ABOUT)}
        finally:
            book.close()
    except BadInputError:
        raise
    except Exception as error:  # a damaged workbook makes openpyxl raise whatever its parts make of the damage
        raise BadInputError(f"can't be read as a workbook: {type(error).__name__}: {error}", where=where, fix=_ANOTHER) from error


def _rows(sheet: Any, where: SourceRef) -> list[_Row]:
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()  # what the file says of its own size isn't needed
    rows: list[_Row] = []
    for number, cells in enumerate(sheet.iter_rows(max_col=len(HEAD)), start=1):
        if number > MAX_ROWS:
            raise BadInputError(f"sheet '{sheet.title}' has more than {MAX_ROWS:,} rows, and was not read", where=where, fix=_ANOTHER)
        rows.append(tuple(_Cell(cell.value, cell.data_type == "f") for cell in cells))
    return rows


def _form(rows: Sequence[_Row], path: Path, digest: str, organisation: str) -> _Form:
    facts = {str(row[0].value): str(row[1].value) for row in rows if len(row) > 1}
    where = SourceRef(str(path))
    if facts.get("Format") != FORMAT:
        raise BadInputError(f"sheet '{ABOUT}' does not say '{FORMAT}'", where=where, fix=_ANOTHER)
    if (asked := facts.get("Organisation")) != cell_text(organisation):
        problem = f"its questions were put to '{printable(str(asked))}', and the organisation here is '{printable(organisation)}'"
        raise BadInputError(problem, where=where, fix=f"import it where that organisation's averment.yaml is, or {_ANOTHER}")
    try:
        return _Form(path, digest, facts["Number"], from_iso(facts["Made"]))
    except (KeyError, ValueError) as error:
        raise BadInputError(f"sheet '{ABOUT}' does not say its number and when it was made", where=where, fix=_ANOTHER) from error


# --- a row ---------------------------------------------------------------------------------------------------------


def _given(cell: _Cell) -> bool:
    return cell.value is not None and (not isinstance(cell.value, str) or bool(cell.value.strip()))


def _unique(form: _Form, number: int, cells: _Row, seen: dict[str, int]) -> None:
    target = str(cells[0].value)
    if target in seen:
        raise form.error(number, f"'{target}' stands in row {seen[target]} already", "keep one of the two rows")
    seen[target] = number


def _record(form: _Form, number: int, cells: _Row, known: dict[str, OpenQuestion], now: datetime) -> Record:
    row = dict(zip(HEAD, cells, strict=True))
    if formulas := [name for name, cell in row.items() if cell.formula]:
        raise form.error(number, f"'{formulas[0]}' is a formula", "write the text itself")
    question = known.get(str(row["Id"].value))
    if question is None:
        raise form.error(number, f"'{row['Id'].value}' is no question of the selected controls", _ANOTHER)
    if row["Question"].value != str(question.asked.get("question", "")):
        raise form.error(number, f"the question of {question.id} is not the one that the control asks today", _ANOTHER)
    if row["Role asked"].value != role_of(question):
        raise form.error(number, f"{question.id} asks the role '{role_of(question)}', not '{row['Role asked'].value}'", _ANOTHER)
    texts = {name: _text(form, number, name, row[name]) for name in ("Answer", "Name", "Statement")}
    answer = "-".join(texts["Answer"].casefold().replace("-", " ").split())  # as people type it: "Yes", "Not applicable"
    if answer not in tuple(Answer):
        choices = ", ".join(Answer)
        raise form.error(number, f"'{texts['Answer']}' is no answer", f"choose from: {choices}")
    if not texts["Name"]:
        raise form.error(number, "does not say who answers", "fill in 'Name'")
    origin = FromWorkbook(form.digest, form.number, QUESTIONS, number, _day(form, number, row["Answered on"], now))
    by = f"{role_of(question)}/{texts['Name']}"
    try:
        return attest(question, answer=Answer(answer), by=by, statement=texts["Statement"], now=now, workbook=origin)
    except BadInputError as error:
        raise form.error(number, error.message, (error.fix or "").replace("--statement", "it under 'Statement'") or None) from error


def _text(form: _Form, number: int, name: str, cell: _Cell) -> str:
    if cell.value is None:
        return ""
    if not isinstance(cell.value, str):
        raise form.error(number, f"'{name}' is not a text", "write it as text")
    return cell.value.strip()


def _day(form: _Form, number: int, cell: _Cell, now: datetime) -> date:
    value = cell.value
    try:
        day = value.date() if isinstance(value, datetime) else date.fromisoformat(value.strip())
    except (AttributeError, ValueError) as error:
        said = "is missing" if not _given(cell) else f"'{value}' is not a day"
        raise form.error(number, f"'Answered on' {said}", "write the day of the answer, for instance 2026-11-28") from error
    if day > (now + _CLOCKS).date():
        raise form.error(number, f"'Answered on' is {day}, which is still to come", "write the day of the answer")
    if day < (form.made - _CLOCKS).date():
        raise form.error(number, f"'Answered on' is {day}, and the question was put on {form.made.date()}", "an answer can't be dated back")
    return day
