"""The workbook in which people answer the controls' questions: what it looks like, and how it is written.

It is a form, not evidence: what comes back is checked row by row (``answers``) and becomes attestations. The same questions at the
same moment give the same bytes, and text never becomes a formula or a link by itself.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from averment import __version__
from averment.core.canonical import stable_id
from averment.core.extras import require
from averment.core.period import iso
from averment.core.showing import printable
from averment.core.words import Status
from averment.evidence.attestations import MAX_STATEMENT, Answer, OpenQuestion
from averment.evidence.cells import cell_text, row_height
from averment.evidence.judging.states import AssessmentState, ControlState

QUESTIONS, ABOUT = "Questions", "About"
"""The two sheets."""

FORMAT = "averment questions 1"
"""What the first line of ``ABOUT`` says: the layout that is read back."""

ASKED = "Asked"
"""What a line of ``ABOUT`` is called that names a question which was sent out: a row of ``QUESTIONS`` that is deleted is missed by it."""

HEAD = ("Id", "Control", "Question", "Role asked", "Valid for", "Present state", "Answer", "Name", "Answered on", "Statement")
"""The columns of ``QUESTIONS``; the last four are to be filled in."""

FIRST_TO_FILL = HEAD.index("Answer")
_WIDTHS = (26, 34, 70, 20, 10, 44, 16, 26, 13, 60)

_HOW = (
    "Fill in the last four columns of the sheet Questions; a row without an answer stays open.",
    "Whoever answers holds the role that the row asks, and writes their own name and the day on which they answer (2026-11-28).",
    "No and not-applicable need a statement that says why. Refer to documents rather than copy them.",
    "E-mail and IP addresses in statements are removed when the workbook is read. Formulas are refused.",
    "Hand the workbook back to whoever sent it: averment attest --import reads it.",
)


@dataclass(frozen=True)
class Asked:
    """A question as it is put in the workbook, with the state that it is in."""

    question: OpenQuestion
    state: AssessmentState

    @property
    def settled(self) -> bool:
        """Whether a valid answer stands: yes, or that it does not apply."""
        return self.state.status in (Status.SATISFIED, Status.NOT_APPLICABLE)


def asked(questions: Sequence[OpenQuestion], states: Sequence[ControlState]) -> list[Asked]:
    """Each of ``questions`` with its state among ``states``, which hold all of them."""
    known = {f"{state.control}/{state.assessment.id}": state for control in states for state in control.assessments}
    return [Asked(question, known[question.id]) for question in questions]


def role_of(question: OpenQuestion) -> str:
    """The role that answers ``question``: the one that is asked, or the control's owner."""
    return str(question.asked.get("role") or question.control.owner)


def questionnaire(rows: Sequence[Asked], *, organisation: str, made: datetime) -> bytes:
    """The workbook that puts ``rows`` to people, as XLSX.

    Raises:
        MissingExtraError: XlsxWriter isn't installed (extra ``report``).
    """
    xlsxwriter = require("xlsxwriter", extra="report", needed_for="the workbook of questions")
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties(
            {"title": printable(f"Questions to {organisation}"), "author": "averment", "created": made.astimezone(UTC).replace(tzinfo=None)}
        )
        _write_questions(book, rows)
        _write_about(book, rows, organisation, made)
    return target.getvalue()


def _write_questions(book: Any, rows: Sequence[Asked]) -> None:
    shown = {"text_wrap": True, "valign": "top"}
    head = book.add_format({**shown, "bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF"})
    plain = book.add_format(shown)
    open_cell = {**shown, "locked": False, "bg_color": "#FFF9E5", "border": 1, "border_color": "#BFBFBF"}
    text, day = book.add_format({**open_cell, "num_format": "@"}), book.add_format({**open_cell, "num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet(QUESTIONS)
    for column, (name, width) in enumerate(zip(HEAD, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, head)
    for number, row in enumerate(rows, start=1):
        printed = [cell_text(value) for value in _printed(row)]
        sheet.set_row(number, row_height(zip(printed, _WIDTHS, strict=False)))
        for column, value in enumerate(printed):
            sheet.write_string(number, column, value, plain)
        for column in range(FIRST_TO_FILL, len(HEAD)):
            sheet.write_blank(number, column, None, day if HEAD[column] == "Answered on" else text)
    if rows:
        listed = {"validate": "list", "source": [str(answer) for answer in Answer], "error_title": "Answer"}
        sheet.data_validation(1, FIRST_TO_FILL, len(rows), FIRST_TO_FILL, listed)
        last = HEAD.index("Statement")
        sheet.data_validation(1, last, len(rows), last, {"validate": "length", "criteria": "<=", "value": MAX_STATEMENT})
        sheet.autofilter(0, 0, len(rows), len(HEAD) - 1)
    sheet.freeze_panes(1, 1)
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True})  # against slips; it has no password


def _printed(row: Asked) -> tuple[str, ...]:
    question, asked_for = row.question, row.question.asked
    state = f"{row.state.status}: {row.state.reason}"
    return (
        question.id,
        question.control.title,
        str(asked_for.get("question", "")),
        role_of(question),
        str(asked_for.get("valid_for") or "no end"),
        state,
    )


def _write_about(book: Any, rows: Sequence[Asked], organisation: str, made: datetime) -> None:
    sheet = book.add_worksheet(ABOUT)
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 110, book.add_format({"text_wrap": True}))
    number = stable_id("questionnaire", {"organisation": organisation, "made": iso(made), "questions": [row.question.id for row in rows]})
    facts = (
        ("Format", FORMAT),
        ("Number", number),
        ("Made", iso(made)),
        ("Organisation", organisation),
        ("Made with", f"averment {__version__}"),
        *(("How", line) for line in _HOW),
        *((ASKED, row.question.id) for row in rows),
    )
    for line, (name, value) in enumerate(facts):
        sheet.set_row(line, row_height([(value, 110)]))
        sheet.write_string(line, 0, name)
        sheet.write_string(line, 1, cell_text(value))
    sheet.protect()
