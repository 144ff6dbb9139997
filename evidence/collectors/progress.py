"""How far a record has come, kept on disk, so that a run that died goes on in the middle of a listing and not at its beginning.

One SQLite file a record: steps (how far a listing is) and rows (what it brought). Both change in one transaction, at the end of a page, so
that after a crash or ``kill -9`` the file says what was wholly done and nothing else. What is kept here isn't redacted yet: the folder is
its owner's alone, and the file goes when its record lies in the ledger.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.database import TEMPORARY, connect
from averment.core.errors import IncompleteError
from averment.core.period import from_iso, iso
from averment.evidence.record import Gathering, Record

KEPT_FOR = timedelta(hours=24)
"""How old progress may be that a resumed run goes on from: what is older is collected anew."""

_SUFFIX = ".progress"
_TABLES = """
CREATE TABLE IF NOT EXISTS steps (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (kind TEXT, key TEXT, place TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_place ON items (kind, place, key);
"""


class Row(NamedTuple):
    """Something that a listing brought. ``key`` names it within its ``kind``: a second one of the same name is the same thing.
    ``place`` is what rows are put in order by."""

    kind: str
    key: str
    place: str
    value: JSON


class Progress:
    """What is done of one record. ``began`` is when its first run started: facts in the record are as old as that.

    Use it in one thread, as a context manager. Without a file it lives as long as the process, in memory and a temporary file.
    """

    def __init__(self, began: datetime, connection: sqlite3.Connection | None = None) -> None:
        self.began = began
        self._connection = connection or connect(TEMPORARY)  # large listings leave memory
        if connection is None:
            self._connection.executescript(_TABLES)
        self._stopped = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what wasn't saved is forgotten."""
        self._connection.close()

    def get(self, step: str) -> Any:
        """What was saved as ``step``; None before."""
        found = self._connection.execute("SELECT value FROM steps WHERE name = ?", (step,)).fetchone()
        return json.loads(found[0]) if found else None

    def add(self, rows: Iterable[Row]) -> None:
        """Keep ``rows``, of which those that are there already count once. They last from the next ``save`` on.

        Raises:
            IncompleteError: the disk is full, or the file out of reach.
        """
        with _disk():
            self._connection.executemany(
                "INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?)",
                ((row.kind, row.key, row.place, json.dumps(row.value)) for row in rows),
            )

    def take(self, kind: str, key: str) -> Any:
        """The row ``key`` of ``kind``, which is gone then (from the next ``save`` on); None if there is none."""
        with _disk():
            found = self._connection.execute("SELECT value FROM items WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            if found is None:
                return None
            self._connection.execute("DELETE FROM items WHERE kind = ? AND key = ?", (kind, key))
        return json.loads(found[0])

    def save(self, steps: Mapping[str, JSON]) -> None:
        """Make ``steps``, and the rows since the last time, last: all of them or none. After ``stop_here`` nothing lasts any more.

        Raises:
            IncompleteError: the disk is full, or the file out of reach.
        """
        with _disk():
            self._connection.executemany(
                "INSERT OR REPLACE INTO steps VALUES (?, ?)", ((name, json.dumps(value)) for name, value in steps.items())
            )
            if not self._stopped:
                self._connection.commit()

    def stop_here(self) -> None:
        """Something could not be obtained: a resumed run is to come back to it, and to all that follows, so this is as far as it came."""
        self._stopped = True

    def rows(self, kind: str, *, latest_first: bool = False) -> Iterator[Any]:
        """The values of ``kind`` by place, then key."""
        order = "DESC" if latest_first else "ASC"
        cursor = self._connection.execute(f"SELECT value FROM items WHERE kind = ? ORDER BY place {order}, key {order}", (kind,))  # noqa: S608 - one of two words
        return (json.loads(value) for (value,) in cursor)

    def count(self, kind: str) -> int:
        """How many rows of ``kind`` there are."""
        return int(self._connection.execute("SELECT count(*) FROM items WHERE kind = ?", (kind,)).fetchone()[0])


@dataclass(frozen=True)
class ProgressFolder:
    """Where progress is kept. Unless ``resume``, every record starts anew and what an earlier run left is dropped."""

    folder: Path
    resume: bool = False

    def prepare(self, now: datetime) -> None:
        """Make the folder, for its owner alone, and remove what is too old to go on from.

        Raises:
            OSError: it can't be made or read.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self.folder.glob(f"*{_SUFFIX}"):
            if now.timestamp() - path.stat().st_mtime > KEPT_FOR.total_seconds():
                _remove(path)

    def open(self, record: Mapping[str, JSON], asked: Mapping[str, JSON], now: datetime) -> Progress:
        """The progress of the record that ``record`` describes (as ``names``), if it was begun with the same question ``asked``.

        Where the file can't be used (another run holds it, the folder is read-only) progress isn't kept.
        """
        path = self.folder / f"{sha256_hex(canonical_json(dict(record)))[:40]}{_SUFFIX}"
        if not self.resume:
            _remove(path)
        question = sha256_hex(canonical_json(dict(asked)))
        for _ in range(2):
            connection = _connect(path)
            if connection is None:
                break
            began = _begin(connection, question, now)
            if began is not None:
                return Progress(began, connection)
            connection.close()
            _remove(path)
        return Progress(now)

    def finished(self, record: Record) -> None:
        """Drop the progress of ``record``, which lies in the ledger; what is missing in one that isn't whole may still be fetched."""
        if record.gathering is not Gathering.COLLECTED or record.period_start is None or record.period_end is None:
            return
        named = names(
            record.collector, record.collector_version, record.account, record.region, (iso(record.period_start), iso(record.period_end))
        )
        _remove(self.folder / f"{sha256_hex(canonical_json(named))[:40]}{_SUFFIX}")


def names(collector: str, version: str, account: str | None, region: str | None, period: tuple[str, str]) -> dict[str, JSON]:
    """What tells one record of a run from the others."""
    return {"collector": collector, "version": version, "account": account, "region": region, "start": period[0], "end": period[1]}


def _connect(path: Path) -> sqlite3.Connection | None:
    """The file opened for this process alone, or None."""
    try:
        path.touch(mode=0o600)
        connection = connect(path, timeout=0)
    except (OSError, sqlite3.Error):
        return None
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.commit()
    except sqlite3.OperationalError:  # another run holds it
        connection.close()
        return None
    except sqlite3.DatabaseError:  # not SQLite's: found out, and dropped, by whoever reads it
        return connection
    return connection


def _begin(connection: sqlite3.Connection, question: str, now: datetime) -> datetime | None:
    """When the record in the file was begun, which is now for a new file; None if it is of no use for this question."""
    try:
        connection.executescript(_TABLES)
        known = dict(connection.execute("SELECT name, value FROM steps WHERE name IN ('began', 'question')"))
        if not known:
            connection.executemany("INSERT INTO steps VALUES (?, ?)", [("began", iso(now)), ("question", question)])
            connection.commit()
            return now
    except sqlite3.DatabaseError:
        return None
    began = from_iso(known.get("began", iso(now)))
    return began if known.get("question") == question and timedelta(0) <= now - began <= KEPT_FOR else None


def _remove(path: Path) -> None:
    with suppress(OSError):  # a folder that can't be written holds nothing of ours
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise IncompleteError(f"how far the collector came could not be kept: {error}", fix="free space, then run again") from error
