"""The one family of errors that the program reports to people, each with its exit code.

Exit codes (every command): 0 clean, 1 findings, 2 usage or bad input, 3 could not complete.
"""

from __future__ import annotations

import copyreg
from enum import IntEnum
from typing import Any

from averment.core.showing import harmless, printable
from averment.core.source import SourceRef


class ExitCode(IntEnum):
    """What the process tells its caller."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3


class AvermentError(Exception):
    """An error meant for a person: what happened, where, and what to do next.

    Raised as one of its subclasses; caught once, in ``averment.cli.main``. A message is a sentence
    without the place: ``where`` carries file and line, ``fix`` the next step.
    """

    exit_code: ExitCode = ExitCode.INCOMPLETE

    def __init__(self, message: str, *, where: SourceRef | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was, not made anew: a subclass may take other arguments than a message. Errors come out of other processes, too."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def diagnostics(self) -> str:
        """The error as shown on a terminal: ``file:line: message`` and, on a second line, the fix. What it quotes moves no cursor."""
        place = f"{printable(str(self.where))}: " if self.where else ""
        hint = f"\n  fix: {self.fix}" if self.fix else ""
        return place + harmless(f"{self.message}{hint}")


class BadInputError(AvermentError):
    """What the user handed in can't be used: a malformed file, an unknown id, a wrong option. Exit 2."""

    exit_code = ExitCode.USAGE


class MissingExtraError(BadInputError):
    """A command needs an optional part of Averment that isn't installed. Exit 2."""


class IncompleteError(AvermentError):
    """The job could not be finished: a source out of reach, a rule that crashed, a broken store. Exit 3."""

    exit_code = ExitCode.INCOMPLETE


class SignedOutError(IncompleteError):
    """The credentials have expired, so that whatever else is asked for would fail alike: a job ends here instead of failing piece by piece. Exit 3."""


class VerificationError(AvermentError):
    """Evidence was checked and is not what it says it is: changed, missing, rolled back. Exit 1."""

    exit_code = ExitCode.FINDINGS
