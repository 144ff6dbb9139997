"""What a verification says: numbered steps, what each found, what is wrong, and what none of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from averment.core.errors import IncompleteError, VerificationError
from averment.core.files import UNREAD
from averment.core.source import SourceRef
from averment.evidence.record import NEWER

UNCHECKED = (UNREAD, NEWER)
"""How the reasons begin that speak of this machine and not of the file."""

WITHOUT = "can't be checked without"
"""How the reason begins where another file is missing that it takes, or is wrong itself: nothing is said of this one."""

NOTHING, UNASKED, NOT_CHECKED = "none", "none was handed over", "not checked"
"""What a step finds that had nothing to check, or nothing to check it by: it isn't wrong, and no step that held."""

_SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be, and why."""

    file: str
    reason: str


@dataclass
class Step:
    """One step: its title, what it found, and what was wrong."""

    title: str
    finding: str = ""
    problems: list[Problem] = field(default_factory=list)


def was_made(finding: str) -> bool:
    """Whether a step that found this had something to check."""
    return finding not in (NOTHING, UNASKED, NOT_CHECKED)


@dataclass
class Verification:
    """The outcome. ``covered`` and ``uncovered`` say in sentences what was shown and what wasn't."""

    steps: list[Step]
    covered: list[str]
    uncovered: list[str]

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong."""
        return [problem for step in self.steps for problem in step.problems]

    @property
    def genuine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def require_genuine(self, what: str, where: SourceRef) -> None:
        """For whoever goes on with ``what`` was verified, and is at ``where``.

        Raises:
            VerificationError: something is wrong with it.
            IncompleteError: all that is wrong is that files can't be read here.
        """
        named = "; ".join(f"{problem.file}: {problem.reason}" for problem in self.problems[:_SHOWN])
        if only_unread(self.problems):
            raise IncompleteError(
                f"{what} could not be checked whole: {named}",
                where=where,
                fix="check the permissions of its files, or use the version that wrote it",
            )
        if self.problems:
            raise VerificationError(f"{what} isn't genuine: {named}", where=where, fix="averment verify tells all of it")


def only_unread(problems: Sequence[Problem]) -> bool:
    """Whether all that is wrong is that files can't be read here, or are for a newer version, which accuses nobody."""
    reasons = [problem.reason for problem in problems]
    return any(reason.startswith(UNCHECKED) for reason in reasons) and all(reason.startswith((*UNCHECKED, WITHOUT)) for reason in reasons)
