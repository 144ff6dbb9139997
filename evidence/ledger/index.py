"""Which record stands where: a look-up by id beside the log, so that appending doesn't have to read the log.

It is a cache: rebuilt from the log if it is missing or behind, and what it answers is checked against the log. It also
remembers the longest log that this machine has seen, which is how a roll-back is noticed.

Ids are as good as random, so in one large table each new one would fall on a page of its own, to be read and written for a few bytes.
Instead new ones go into a small table; when the log has grown by as much as that holds it is poured, in order, into one eight times
its size, and so on (a log-structured merge). A record is written a few times in all, a look-up asks four tables, and neither depends on
how large the log is. Now and then an append does the pouring for those before it: a second or so, each two million records.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from averment.core.database import IN_MEMORY, connect
from averment.core.errors import IncompleteError
from averment.core.source import SourceRef

_SMALLEST = 32768
_GROWTH = 8
_TABLES = ("recent_0", "recent_1", "recent_2", "entry")
"""From the smallest to the one without bounds: the first holds ``_SMALLEST`` records, each further one ``_GROWTH`` times as many."""

_SCHEMA = "".join(
    f"CREATE TABLE IF NOT EXISTS {table} (id BLOB PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;\n" for table in _TABLES
)
_SCHEMA += """
CREATE TABLE IF NOT EXISTS seen (only INTEGER PRIMARY KEY CHECK (only = 0), size INTEGER NOT NULL, root BLOB NOT NULL);
CREATE TEMP TABLE asked (id BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_FIND = " UNION ALL ".join(f"SELECT id, position FROM asked CROSS JOIN {table} USING (id)" for table in _TABLES)  # noqa: S608 - our own names
"""One statement, so that what another process pours meanwhile is seen in one table or the other."""


class RecordIndex:
    """Positions by record id, in SQLite; in memory when ``path`` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = connect(path or IN_MEMORY, timeout=30, isolation_level=None)
            # Lost in a power cut, it is caught up from the log, which is what is durable.
            self._database.execute("PRAGMA synchronous = OFF" if path is None else "PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA temp_store = MEMORY")
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from error

    def seen(self) -> tuple[int, bytes] | None:
        """Size and root of the longest log seen, up to which the index is complete."""
        try:
            row = self._database.execute("SELECT size, root FROM seen").fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from error
        if row and not (isinstance(row[0], int) and isinstance(row[1], bytes)):
            raise self._broken(ValueError("what it has seen is no size and no root"))
        return (row[0], row[1]) if row else None

    def find(self, record_ids: Iterable[str]) -> dict[str, int]:
        """Where the records stand, as far as the index knows; what it doesn't know, or is no record id, is left out."""
        keys = {text: key for text in record_ids if (key := _key(text)) is not None}
        positions: dict[bytes, int] = {}
        with self._transaction("BEGIN"):
            self._database.executemany("INSERT OR IGNORE INTO asked VALUES (?)", ((key,) for key in sorted(keys.values())))
            for key, position in self._database.execute(_FIND):
                positions[key] = min(position, positions.get(key, position))
            self._database.execute("DELETE FROM asked")
        return {text: positions[key] for text, key in keys.items() if key in positions}

    def extend(self, records: Iterable[tuple[str, int]], size: int, root: bytes) -> None:
        """Learn of ``records`` (id, position), after which the log has ``size`` entries and ``root``. All or nothing.

        Of a record that stands twice the first position is kept.
        """
        with self._transaction("BEGIN IMMEDIATE"):
            row = self._database.execute("SELECT size FROM seen").fetchone()
            self._database.executemany(
                f"INSERT OR IGNORE INTO {_TABLES[0]} VALUES (?, ?)",  # noqa: S608 - our own name
                sorted((uuid.UUID(record).bytes, position) for record, position in records),
            )
            self._pour(int(row[0]) if row else 0, size)
            self._database.execute(
                "INSERT INTO seen VALUES (0, ?, ?) ON CONFLICT (only) DO UPDATE SET size = excluded.size, root = excluded.root"
                " WHERE excluded.size >= seen.size",
                (size, root),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _pour(self, before: int, after: int) -> None:
        """Empty the tables that are full into those that follow, while the log grows from ``before`` to ``after``."""
        room = _SMALLEST
        for table, larger in pairwise(_TABLES):
            if before // room == after // room:
                break
            self._database.execute(f"INSERT OR IGNORE INTO {larger} SELECT id, position FROM {table} ORDER BY id")  # noqa: S608 - our own
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own name
            room *= _GROWTH

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        """All or nothing; SQLite's errors become ours.

        Raises:
            IncompleteError: the index can't be used.
        """
        try:
            self._database.execute(begin)
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it already
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> IncompleteError:
        return IncompleteError(
            f"the ledger's index can't be used: {error}",
            where=SourceRef(file=str(self._path)),
            fix=_what_to_do(error),
        )


def _what_to_do(error: Exception) -> str:
    if "full" in str(error):
        return "free space, then run again"
    if isinstance(error, OSError) or "unable to open" in str(error) or "readonly" in str(error):  # so what to delete isn't there
        return (
            "its folder must be one that can be written to; for a ledger on S3 it is beside averment.yaml, of which a copy in /tmp will do"
        )
    return "delete it; it is rebuilt from the ledger"


def _key(record_id: str) -> bytes | None:
    try:
        return uuid.UUID(record_id).bytes
    except ValueError:
        return None
