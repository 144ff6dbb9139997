"""Results of earlier runs in one SQLite file, so that a scan that was killed goes on, and one that is repeated scores what is new.

A score belongs to the bytes of an image or a video, to whether they were read as the one or as the other, and to a detector at its threshold:
the same content under another name isn't scored again, and nothing counts that another model said, or the same of a still where a film is asked about. Which bytes an object in S3 had is remembered with what tells its states apart, so that it need not be read again; files are
read and hashed each time. What could not be read isn't remembered.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from averment import __version__
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.database import connect
from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.detector.interface import DetectorInfo, Score
from averment.detector.scanning import Identity, Item, Known, Medium, Scanned
from averment.detector.serving import info_to_json, score_from_json, score_to_json

_MARK = 0x41565343
"""SQLite's application id of these files: no other database is taken for one, or overwritten."""

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS scores (sha256 TEXT, detector TEXT, value TEXT NOT NULL, PRIMARY KEY (sha256, detector)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
  name BLOB PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER, version_id TEXT, etag TEXT, modified TEXT
) WITHOUT ROWID;
"""
_WAYS = {Medium.IMAGE: "image", Medium.CLIP: "clip/2"}
"""In which way bytes are read. A number is counted up where the same ones come to be read in another way within a release: what was said of a video
before its frames were drawn, and its colours and edits followed, is said of other pictures."""

_SAVE_EVERY = 1.0
"""Seconds of work that a killed run loses at most."""


class ScanMemory:
    """The results in ``path`` that count for the detector ``info``; use it in one thread, as a context manager.

    The file is its owner's alone: names of uploads may say who sent them.

    Raises:
        BadInputError: the file is something else, or of another format.
        IncompleteError: another run holds it, or the disk is full.
    """

    def __init__(self, path: Path, info: DetectorInfo) -> None:
        self.path = path
        key = detector_key(info)
        self._said_by = {medium: f"{key}/{way}" for medium, way in _WAYS.items()}
        self._saved = time.monotonic()
        self._connection = self._open()

    def __enter__(self) -> ScanMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Save, and let go of the file."""
        with self._errors():
            self._connection.commit()
        self._connection.close()

    def forget(self) -> None:
        """Begin anew."""
        with self._errors():
            self._connection.executescript("DELETE FROM scores; DELETE FROM seen;")

    def recall(self, item: Item) -> Known | None:
        """The result on ``item``, if its listing shows that it has the bytes that were scored."""
        with self._errors():
            found = self._connection.execute(
                "SELECT sha256, size, version_id, etag, modified, value FROM seen JOIN scores USING (sha256) WHERE name = ? AND detector = ?",
                (_bytes(item.name), self._said_by[item.medium]),
            ).fetchone()
        if found is None or not (identity := Identity(*found[1:5])).same_object_as(item.identity):
            return None
        return Known(found[0], identity, self._read(found[5]))

    def score(self, sha256: str, medium: Medium) -> Score | None:
        """What the detector said of these bytes, read as ``medium``, under whatever name."""
        with self._errors():
            found = self._connection.execute(
                "SELECT value FROM scores WHERE sha256 = ? AND detector = ?", (sha256, self._said_by[medium])
            ).fetchone()
        return None if found is None else self._read(found[0])

    def keep(self, result: Scanned, medium: Medium) -> None:
        """Remember ``result``; it lasts within ``_SAVE_EVERY`` seconds."""
        value = json.dumps(score_to_json(result.score), separators=(",", ":"))
        with self._errors():
            self._connection.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", (result.sha256, self._said_by[medium], value))
            self._connection.execute(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)", (_bytes(result.name), result.sha256, *result.identity)
            )
            if time.monotonic() - self._saved > _SAVE_EVERY:
                self._connection.commit()
                self._saved = time.monotonic()

    def _read(self, value: str | bytes) -> Score:
        """A score as it was kept."""
        with self._errors():
            try:
                return score_from_json(json.loads(value))
            except (IncompleteError, TypeError, RecursionError) as error:  # the words of the first are about an endpoint's answer
                raise ValueError(f"a result that it holds is none ({type(error).__name__})") from error

    def _open(self) -> sqlite3.Connection:
        with self._errors():
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)  # as for the output
                self.path.touch(mode=0o600)
            except OSError as error:
                raise IncompleteError(f"can't be written: {error.strerror}", where=self._where(), fix="choose another --state") from error
            connection = connect(self.path, timeout=0)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        new = not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        if not new and (mark, form) != (_MARK, _FORMAT):
            raise BadInputError("is no memory of a scan by this version", where=self._where(), fix="remove it, or choose another --state")
        connection.executescript(f"PRAGMA application_id={_MARK}; PRAGMA user_version={_FORMAT}; {_TABLES}")
        connection.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "decode" in str(error):  # SQLite has no error of its own for a text that is none
                raise self._damaged("it holds a text that isn't UTF-8") from error
            busy = "locked" in str(error)
            fix = "wait for the other run to end" if busy else "free space, then run again with --resume"
            raise IncompleteError("another run holds it" if busy else f"can't be used: {error}", where=self._where(), fix=fix) from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> BadInputError:
        return BadInputError(f"is damaged, or no memory of a scan: {how}", where=self._where(), fix="choose another --state")

    def _where(self) -> SourceRef:
        return SourceRef(file=str(self.path))


def detector_key(info: DetectorInfo) -> str:
    """What has to be the same for an earlier score to count: the model, its threshold, and the release of Averment that prepared its input.

    The threshold isn't for the finding alone: whether a family is silent about what was left unjudged, a face or most frames of a video, depends
    on whether anything else reached it."""
    return sha256_hex(canonical_json({**info_to_json(info), "averment": __version__}))


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
