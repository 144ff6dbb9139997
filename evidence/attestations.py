"""Attestations: what a responsible person states in answer to a control's question."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from averment import __version__
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.canonical import is_canonical
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, parse_duration, utc_now
from averment.evidence.collectors.redact import redact
from averment.evidence.record import Kind, Record

if TYPE_CHECKING:
    from averment.evidence.ledger.reader import LedgerReader

MAX_STATEMENT = 10_000
"""Characters of a statement; longer things are documents to refer to."""


_RECENT = 50
"""Records at the ledger's end by which one sees whether this machine's clock is behind another's."""
MAX_NAME = 200
"""Characters of a role and of a name."""


class Answer(StrEnum):
    """What can be answered. ``UNKNOWN`` is honest and satisfies nothing; ``NOT_APPLICABLE`` needs a statement that says why."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class OpenQuestion:
    """An assessment that asks a person."""

    control: Control
    assessment: Assessment

    @property
    def id(self) -> str:
        """``CONTROL/assessment``."""
        return f"{self.control.id}/{self.assessment.id}"

    @property
    def asked(self) -> dict[str, Any]:
        """Role, question and validity, as the control has them."""
        return dict(self.assessment.attestation or {})


@dataclass(frozen=True)
class FromWorkbook:
    """Where an answer stood that came in a workbook: the file's SHA-256, the number that it was sent out with, sheet and row
    (from 1), and the day on which its author says to have answered."""

    sha256: str
    number: str
    sheet: str
    row: int
    answered_on: date

    def to_json(self) -> dict[str, Any]:
        """As part of a record's payload."""
        place = {"sha256": self.sha256, "number": self.number, "sheet": self.sheet, "row": self.row}
        return {**place, "answered_on": self.answered_on.isoformat()}


def questions(catalogue: Catalogue) -> Iterator[OpenQuestion]:
    """Every question that the catalogue puts to people."""
    for control in catalogue:
        for assessment in control.assessments:
            if assessment.attestation is not None:
                yield OpenQuestion(control, assessment)


def find_question(catalogue: Catalogue, target: str) -> OpenQuestion:
    """The question called ``target`` (``CONTROL/assessment``, or the control alone where it asks only one), in capitals or not.

    Raises:
        BadInputError: there is none, or the control asks several.
    """
    known = list(questions(catalogue))
    control, slash, assessment = target.strip().partition("/")
    name = f"{control.upper()}{slash}{assessment.lower()}"
    found = [question for question in known if name in (question.id, question.control.id)]
    if len(found) == 1:
        return found[0]
    choices = ", ".join(question.id for question in (found or known)) or "none of the selected controls asks a person"
    problem = "asks several questions" if found else "asks nobody anything"
    if control.upper() in catalogue.left_out:
        problem = "is of a control that averment.yaml doesn't select"
    elif catalogue.get(control.upper()) is None:
        problem = "is no question: there is no such control"
    raise BadInputError(f"'{target}' {problem}", fix=f"choose from: {choices}")


def parse_by(text: str) -> tuple[str, str]:
    """``role/name`` as a pair.

    Raises:
        BadInputError: not of that form, too long, or not a line of text.
    """
    role, slash, name = (part.strip() for part in text.partition("/"))
    fix = 'write --by "role/name", for instance "procurement/Ada Byron"'
    if not (slash and role and name):
        raise BadInputError(f"{text!r} does not say who answers", fix=fix)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):  # control characters, and what wasn't UTF-8
        raise BadInputError(f"{text[:MAX_NAME]!r} is not one line of text", fix=fix)
    if max(len(role), len(name)) > MAX_NAME:
        raise BadInputError(f"a name of {max(len(role), len(name)):,} characters is too long, {MAX_NAME} are allowed", fix=fix)
    return role, name


def attest(
    question: OpenQuestion,
    *,
    answer: Answer,
    by: str,
    statement: str = "",
    now: datetime | None = None,
    workbook: FromWorkbook | None = None,
) -> Record:
    """The record of an answer given now by ``by`` (``role/name``), or taken now out of a ``workbook``.

    Payload: ``{"control", "assessment", "question", "answer", "by": {"role", "name"}, "statement", "valid_until"}``, and ``"workbook"`` where it
    came in one. E-mail and IP addresses in the statement are removed. An answer out of a workbook counts from now, since nobody but its author
    knows when it was written, and its validity runs from the day that stands there: taking it in late doesn't lengthen it.

    Raises:
        BadInputError: the role isn't the one that is asked, a statement is needed, or it is too long or no text, or its validity is over already.
    """
    moment, asked = now or utc_now(), question.asked
    role, name = parse_by(by)
    if asked.get("role") and role != asked["role"]:
        raise BadInputError(f"{question.id} asks the role '{asked['role']}', not '{role}'", fix=f'write --by "{asked["role"]}/{name}"')
    if answer in (Answer.NO, Answer.NOT_APPLICABLE) and not statement.strip():
        raise BadInputError(f"the answer '{answer}' needs a statement that says why", fix="add --statement")
    if len(statement) > MAX_STATEMENT:
        raise BadInputError(f"the statement has {len(statement):,} characters, {MAX_STATEMENT:,} are allowed", fix="refer to a document")
    if not is_canonical(statement):
        raise BadInputError("the statement is not text in UTF-8", fix="write it in UTF-8, which most terminals do by themselves")
    hidden: dict[str, int] = {}
    valid_until = _valid_until(asked.get("valid_for"), moment, workbook)
    if valid_until is not None and valid_until <= moment:
        raise BadInputError(f"the answer was valid until {valid_until.date()}", fix="have the question answered again")
    return Record(
        kind=Kind.ATTESTATION,
        collector="attest",
        collector_version=__version__,
        source="averment attest" if workbook is None else "averment attest --import",
        query={"assessment": question.id, "question": asked.get("question", "")},
        effective_at=moment,
        collected_at=moment,
        payload={
            "control": question.control.id,
            "assessment": question.assessment.id,
            "question": asked.get("question", ""),
            "answer": str(answer),
            "by": {"role": role, "name": name},
            "statement": redact(statement.strip(), hidden, accounts=None),
            "valid_until": iso(valid_until) if valid_until else None,
            **({} if workbook is None else {"workbook": workbook.to_json()}),
        },
        redactions=tuple(f"{what}: {times}" for what, times in sorted(hidden.items())),
        controls=(question.id,),
    )


def day_of(record: Record) -> str:
    """The day of an answer: as its author wrote it into a workbook, or when it was given."""
    return str((record.payload.get("workbook") or {}).get("answered_on") or record.effective_at.date())


def unordered(earlier: Record, later: Record) -> bool:
    """Whether nobody can tell which of two answers of one day came last, of which ``later`` was recorded later: it came in a workbook, which knows
    no more than the day. What one person changed in their workbook and handed in again came after what it said before."""
    book, before = later.payload.get("workbook"), earlier.payload.get("workbook")
    if not book or day_of(earlier) != day_of(later):
        return False
    return not before or before["number"] != book["number"] or earlier.payload["by"] != later.payload["by"]


def refuse_outdated(record: Record, ledger: LedgerReader) -> None:
    """Refuse an answer that would change nothing, since the ``ledger`` has one to the same question that is dated later.

    Answers are dated by the machine's clock. With right ones the last records tell at once that there is none.

    Raises:
        IncompleteError: there is one.
    """
    recent = (ledger.entry(index).record for index in range(max(0, ledger.size - _RECENT), ledger.size))
    if all(known.collected_at <= record.collected_at for known in recent):
        return
    asked = record.controls, record.payload["question"]
    answers = (entry.record for entry in ledger.records(Kind.ATTESTATION))
    later = (known for known in answers if (known.controls, known.payload.get("question")) == asked)
    last = max(later, key=lambda known: known.effective_at, default=record)
    if last.effective_at > record.effective_at:
        raise IncompleteError(
            f"the ledger has the answer '{last.payload['answer']}' of {iso(last.effective_at)}, which would go on to count: "
            f"this machine's clock says {iso(record.effective_at)}",
            fix="set the clock right (or wait, if it was another one that went wrong), then run it again",
        )


def _valid_until(valid_for: Any, moment: datetime, workbook: FromWorkbook | None) -> datetime | None:
    if not valid_for:
        return None
    given = moment if workbook is None else min(moment, datetime.combine(workbook.answered_on, time(), UTC))
    return given + parse_duration(str(valid_for))
