"""Attestations: what a responsible person states in answer to a control's question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from averment import __version__
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.errors import BadInputError
from averment.core.period import iso, parse_duration, utc_now
from averment.evidence.collectors.redact import redact
from averment.evidence.record import Kind, Record

MAX_STATEMENT = 10_000
"""Characters of a statement; longer things are documents to refer to."""


class Answer(StrEnum):
    """What can be answered. ``UNKNOWN`` is honest and satisfies nothing; ``NOT_APPLICABLE`` needs a statement that says why."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class OpenQuestion:
    """An assessment that asks a person. ``id`` is ``CONTROL/assessment``."""

    control: Control
    assessment: Assessment

    @property
    def id(self) -> str:
        return f"{self.control.id}/{self.assessment.id}"

    @property
    def asked(self) -> dict[str, Any]:
        """Role, question and validity, as the control has them."""
        return dict(self.assessment.attestation or {})


def questions(catalogue: Catalogue) -> Iterator[OpenQuestion]:
    """Every question that the catalogue puts to people."""
    for control in catalogue:
        for assessment in control.assessments:
            if assessment.attestation is not None:
                yield OpenQuestion(control, assessment)


def find_question(catalogue: Catalogue, target: str) -> OpenQuestion:
    """The question called ``target`` (``CONTROL/assessment``, or the control alone where it asks only one).

    Raises:
        BadInputError: there is none, or the control asks several.
    """
    known = list(questions(catalogue))
    found = [question for question in known if target in (question.id, question.control.id)]
    if len(found) == 1:
        return found[0]
    choices = ", ".join(question.id for question in (found or known)) or "none of the selected controls asks a person"
    problem = "asks several questions" if found else "asks nobody anything"
    raise BadInputError(f"'{target}' {problem}", fix=f"choose from: {choices}")


def parse_by(text: str) -> tuple[str, str]:
    """``role/name`` as a pair.

    Raises:
        BadInputError: not of that form.
    """
    role, slash, name = (part.strip() for part in text.partition("/"))
    if not (slash and role and name):
        raise BadInputError(f"'{text}' does not say who answers", fix='write --by "role/name", for instance "procurement/Ada Byron"')
    return role, name


def attest(question: OpenQuestion, *, answer: Answer, by: str, statement: str = "", now: datetime | None = None) -> Record:
    """The record of an answer given now by ``by`` (``role/name``).

    Payload: ``{"control", "assessment", "question", "answer", "by": {"role", "name"}, "statement", "valid_until"}``. E-mail and
    IP addresses in the statement are removed.

    Raises:
        BadInputError: the role isn't the one that is asked, a statement is needed, or it is too long.
    """
    moment, asked = now or utc_now(), question.asked
    role, name = parse_by(by)
    if asked.get("role") and role != asked["role"]:
        raise BadInputError(f"{question.id} asks the role '{asked['role']}', not '{role}'", fix=f'write --by "{asked["role"]}/{name}"')
    if answer in (Answer.NO, Answer.NOT_APPLICABLE) and not statement.strip():
        raise BadInputError(f"the answer '{answer}' needs a statement that says why", fix="add --statement")
    if len(statement) > MAX_STATEMENT:
        raise BadInputError(f"the statement has {len(statement):,} characters, {MAX_STATEMENT:,} are allowed", fix="refer to a document")
    hidden: dict[str, int] = {}
    valid_for = asked.get("valid_for")
    return Record(
        kind=Kind.ATTESTATION,
        collector="attest",
        collector_version=__version__,
        source="averment attest",
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
            "valid_until": iso(moment + parse_duration(str(valid_for))) if valid_for else None,
        },
        redactions=tuple(f"{what}: {times}" for what, times in sorted(hidden.items())),
        controls=(question.id,),
    )
