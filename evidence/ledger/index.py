"""Which record stands where: a look-up by id beside the log, so that appending doesn't have to read the log.

It is a cache: rebuilt from the log if it is missing or behind, and what it answers is checked against the log. It also
remembers the longest log that this machine has seen, which is how a roll-back is noticed.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable
from pathlib import Path

from averment.core.errors import IncompleteError
from averment.core.source import SourceRef

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (id BLOB PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (only INTEGER PRIMARY KEY CHECK (only = 0), size INTEGER NOT NULL, root BLOB NOT NULL);
"""


class RecordIndex:
    """Positions by record id, in SQLite; in memory when ``path`` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path or ":memory:", timeout=30, isolation_level=None)
            # Lost in a power cut, it is caught up from the log, which is what is durable.
            self._database.execute("PRAGMA synchronous = OFF" if path is None else "PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from error

    def seen(self) -> tuple[int, bytes] | None:
        """Size and root of the longest log seen, up to which the index is complete."""
        try:
            row = self._database.execute("SELECT size, root FROM seen").fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return (int(row[0]), bytes(row[1])) if row else None

    def find(self, record_id: str) -> int | None:
        """Where the record stands, as far as the index knows; None also for what is no record id."""
        try:
            key = uuid.UUID(record_id).bytes
        except ValueError:
            return None
        try:
            row = self._database.execute("SELECT position FROM entry WHERE id = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return int(row[0]) if row else None

    def extend(self, records: Iterable[tuple[str, int]], size: int, root: bytes) -> None:
        """Learn of ``records`` (id, position), after which the log has ``size`` entries and ``root``. All or nothing.

        Of a record that stands twice the first position is kept.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(
                    "INSERT OR IGNORE INTO entry VALUES (?, ?)", ((uuid.UUID(record).bytes, position) for record, position in records)
                )
                self._database.execute(
                    "INSERT INTO seen VALUES (0, ?, ?) ON CONFLICT (only) DO UPDATE SET size = excluded.size, root = excluded.root"
                    " WHERE excluded.size >= seen.size",
                    (size, root),
                )
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it already
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _broken(self, error: Exception) -> IncompleteError:
        return IncompleteError(
            f"the ledger's index can't be used: {error}",
            where=SourceRef(file=str(self._path)),
            fix="free space, then run again" if "full" in str(error) else "delete it; it is rebuilt from the ledger",
        )
