"""What the jobs share: how one came out, how far it has come, whose settings hold, and a ledger to append to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation, find_file, load_organisation
from averment.core.period import Period, parse_period

if TYPE_CHECKING:
    from averment.evidence.ledger.log import Ledger

AnyPath = str | os.PathLike[str]
"""What the jobs take for a path."""

Note = Callable[[str], None]
"""Hears, as it comes, a sentence about something that went otherwise than asked, without harm."""


class Conclusion(StrEnum):
    """How a job came out. ``INCOMPLETE`` is never a pass: something could not be told, and the result says what and why."""

    CLEAN = "clean"
    FINDINGS = "findings"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        """What the command line exits with: 0, 1 or 3."""
        return ExitCode[self.name]

    @classmethod
    def of(cls, code: ExitCode) -> Conclusion:
        """The conclusion that a process tells with ``code``.

        Raises:
            KeyError: the code is that of wrong use, which is an exception and no conclusion.
        """
        return cls[code.name]


@dataclass(frozen=True)
class Progress:
    """How far a job has come: what it did last, in words, and how many of how many steps are done (``total`` None: not known)."""

    doing: str
    done: int
    total: int | None = None


class Notes:
    """The notes of a job: kept in order, and passed on as they come."""

    def __init__(self, heard: Note | None = None) -> None:
        self.told: list[str] = []
        self._heard = heard

    def __call__(self, text: str) -> None:
        """Take in one note."""
        self.told.append(text)
        if self._heard is not None:
            self._heard(text)


def several(name: str, value: object) -> tuple[AnyPath, ...]:
    """The items of ``value``, which was handed over as ``name``.

    Raises:
        BadInputError: it is one text or path: its letters would be the items, and a ``*`` among those matches everything; or it has no items.
    """
    if isinstance(value, str | os.PathLike):
        raise BadInputError(f"{name} is one text, where several are expected", fix=f"write {name}=[{str(value)!r}]")
    if value is None:
        raise BadInputError(f"{name} is None, where several texts are expected", fix=f"write {name}=[...], or leave it out")
    if not isinstance(value, Iterable):
        raise BadInputError(f"{name} is {_kind(value)}, where several texts are expected", fix=f"write {name}=[...]")
    return tuple(value)


def text_of(name: str, value: object) -> str:
    """The text or path ``value``, which was handed over as ``name``, as text.

    Raises:
        BadInputError: it is neither, as a list is where each item is an argument of its own.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        listed = isinstance(text, Iterable) and not isinstance(text, bytes | Mapping)
        fix = "hand over one; where several are taken they come one by one, as in check(*paths)" if listed else "hand over a text or a Path"
        raise BadInputError(f"{name} is {_kind(text)}, where a text or a Path is expected", fix=fix)
    return text


def _kind(value: object) -> str:
    return "None" if value is None else f"of the type {type(value).__name__}"


def place(name: str, value: AnyPath) -> str:
    """Where ``value`` is, which was handed over as ``name``.

    Raises:
        BadInputError: it is empty, as a variable that isn't set leaves it: that would be the working directory; or it is no text and no path.
    """
    text = text_of(name, value)
    if not text:
        raise BadInputError(f"{name} is empty", fix="name a file or folder; the working directory is '.'")
    return text


Word = TypeVar("Word", bound=StrEnum)


def word(name: str, value: Word | str | None, words: type[Word]) -> Word | None:
    """``value``, which was handed over as ``name``, as one of ``words``; its text is as good, and None stays None.

    Raises:
        BadInputError: it is none of them.
    """
    if value is None:
        return None
    try:
        return words(value)
    except ValueError as error:
        raise BadInputError(f"'{value}' can't be {name}", fix=f"choose one of: {', '.join(words)}") from error


def period_of(given: Period | str) -> Period:
    """The period that is ``given``, in UTC, or that a text says (``2026Q4``).

    Raises:
        BadInputError: the text is none, or the period was made without a time zone, ends before it begins, or has a label that can't be part of
            a file's name and of the line that a package's signature is over.
    """
    if not isinstance(given, Period):
        return parse_period(str(given))
    fix = "hand over '2026Q4', or what api.parse_period gives"
    if given.start.tzinfo is None or given.end.tzinfo is None:
        raise BadInputError(f"the period '{given.label}' has no time zone", fix=fix)
    if given.start >= given.end:
        raise BadInputError(f"the period '{given.label}' ends before it begins", fix=fix)
    if not given.label or not given.label.isprintable() or "/" in given.label or "\\" in given.label:
        raise BadInputError(f"'{given.label}' can't be the label of a period", fix=fix)
    return Period(given.label, given.start.astimezone(UTC), given.end.astimezone(UTC))


def organisation_of(given: Organisation | AnyPath | None, start: Path | None = None) -> Organisation:
    """The organisation that is ``given``, or that a file says, or the nearest ``averment.yaml`` of a folder upward; with None the nearest one
    from ``start`` (default: the working directory) upward. Where there is none, the defaults, with relative paths from the working directory.

    Raises:
        BadInputError: the file is missing or malformed; names file and line.
    """
    if isinstance(given, Organisation):
        return given
    path = Path(text_of("organisation", given)) if given is not None else None
    if path is None or path.is_dir():
        path = find_file(path or start or Path.cwd())
    return load_organisation(path) if path is not None else Organisation(root=Path.cwd())


@contextmanager
def ledger_for_writing(organisation: Organisation, note: Note) -> Iterator[Ledger]:
    """The organisation's ledger to append to; at the end its checkpoint is countersigned, and ``note`` hears what went wrong without harm.

    Raises:
        AvermentError: as ``evidence.ledger.opening.open_ledger``.
    """
    from averment.evidence.ledger.opening import open_ledger

    with open_ledger(organisation, write=True) as ledger:
        yield ledger
        ledger.countersign()
        for text in dict.fromkeys(ledger.notes):  # a third party that is out of reach may have been asked before as well
            note(text)
