"""What every step over a package has in common: what goes wrong in it is noted under a file's name, and no step ends the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from averment.core.errors import AvermentError, MissingExtraError, VerificationError
from averment.evidence.package.files import read_file
from averment.evidence.verification.steps import UNCHECKED, WITHOUT, Problem, Step


class Guarded:
    """A package that is looked at step by step; ``_unread`` are the files that could not be checked, as against those that are wrong."""

    def __init__(self, package: Path) -> None:
        self._package = package
        self._step = Step("")
        self._unread: set[str] = set()

    def _read(self, name: str) -> bytes:
        return read_file(self._package / name)

    def _wrong(self, file: str, reason: str) -> None:
        self._step.problems.append(Problem(file, reason))

    def _require(self, condition: bool, reason: str) -> None:
        if not condition:
            raise VerificationError(reason)

    def _guard(self, file: str, action: Callable[[], Any]) -> Any:
        """Run a check that is about ``file``; what goes wrong is noted under its name."""
        try:
            return action()
        except MissingExtraError:
            raise  # what this machine lacks accuses no package
        except AvermentError as error:
            self._wrong(file, error.message)
            if error.message.startswith((*UNCHECKED, WITHOUT)):
                self._unread.add(file)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            self._wrong(file, f"is malformed: {error!r}")
        return None
