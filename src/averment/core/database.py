"""SQLite for what a run keeps beside its evidence: an index, a memory, a listing too long for memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

TEMPORARY, IN_MEMORY = "", ":memory:"
"""Instead of a path: a temporary file of SQLite's own, and none at all."""


def connect(path: Path | str, *, timeout: float = 5.0, isolation_level: Literal["DEFERRED"] | None = "DEFERRED") -> sqlite3.Connection:
    """A connection to ``path`` that is closed with its owner, at the latest. Python 3.13 complains about any that is left to it to close.

    Raises:
        sqlite3.Error: it can't be opened.
    """
    return sqlite3.connect(path, timeout=timeout, isolation_level=isolation_level, factory=_Owned)


class _Owned(sqlite3.Connection):
    def __del__(self) -> None:
        try:
            self.close()
        except sqlite3.Error:  # its thread is another one: SQLite lets go of the file all the same
            return
