"""The provenance log: what was signed, with which key, when, and how to know it again once its credential is gone.

Two places keep it. In AWS it is a log group of CloudWatch Logs, as ``s3.log_event`` writes it. On a machine it is a file of JSON lines,
each with its number and the SHA-256 of the line before it. The file is a chain of its own, not a ledger: signing comes before evidence
(the detector knows nothing of it), happens on build machines that have no ledger, and may not wait for one. What the chain shows: a line
that was changed, removed, added or moved anywhere but at the end. What it can't show alone: that the last lines were cut off, or that
somebody wrote the whole file anew. For that its head (number and hash of the last line) has to be held elsewhere: the collector
``signing-log`` files it in the ledger, and ``check_heads`` says whether a log still contains heads that were seen before.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError, VerificationError
from averment.core.locking import lock
from averment.core.source import SourceRef

CLOUDWATCH_PREFIX = "cloudwatch:"
FIRST = "0" * 64
"""What the first line gives as the hash of the line before it."""

MAX_LINE_BYTES = 64 * 1024
_LINE_FIELDS = {"entry", "index", "previous"}
_OPENING = b'{"entry":{'
_DIGESTS = frozenset({"sha256", "source_sha256", "key_sha256", "perceptual_hash"})
_ALIKE = frozenset({"key", "key_sha256", "digital_source_type", "media_type"})
"""What is the same in most entries: of a million each would have a text of its own."""

_DIGEST = re.compile("[0-9a-f]{64}")
_COUNT = re.compile("[0-9]{1,18}")
"""More lines than a disk holds; of longer numbers Python refuses to read some."""

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One signing. ``object`` is where the signed medium went (its origin), ``sha256`` of the signed bytes and ``source_sha256`` of those
    before; ``key`` names the key and ``key_sha256`` is the hash of its public half (DER). ``perceptual_hash`` (256-bit pHash, hexadecimal)
    and ``watermark`` (payload, hexadecimal) are None where there is none."""

    object: str
    sha256: str
    source_sha256: str
    key: str
    signed_at: str
    digital_source_type: str
    key_sha256: str | None = None
    media_type: str | None = None
    perceptual_hash: str | None = None
    watermark: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Entry:
        """From a line's data; fields that are not known are left alone.

        Raises:
            ValueError: a field is missing, or isn't what it should be.
        """
        given = {name: value[name] for name in cls.__dataclass_fields__ if value.get(name) is not None}
        for name, item in given.items():
            if not isinstance(item, str) or (name in _DIGESTS and not _DIGEST.fullmatch(item)):
                raise ValueError(f"the field {name} isn't what it should be")
            if name in _ALIKE:
                given[name] = sys.intern(item)
        try:
            return cls(**given)
        except TypeError as error:
            raise ValueError("a field is missing") from error

    def to_json(self) -> dict[str, JSON]:
        """As JSON data, without what is None."""
        return {name: item for name in self.__dataclass_fields__ if (item := getattr(self, name)) is not None}


@dataclass(frozen=True)
class Head:
    """How many lines a log has, and the hash of the last one."""

    count: int
    sha256: str

    @classmethod
    def parse(cls, text: str) -> Head:
        """From ``COUNT:SHA256``.

        Raises:
            BadInputError: it is written in another way.
        """
        count, _, digest = text.partition(":")
        if not _COUNT.fullmatch(count) or not _DIGEST.fullmatch(digest):
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            raise BadInputError(f"'{shown}' is no head of a log", fix="write COUNT:SHA256, as averment media log prints it")
        return cls(int(count), digest)

    def __str__(self) -> str:
        return f"{self.count}:{self.sha256}"


class FileLog:
    """A provenance log in a file. Appending takes an exclusive lock, so processes may share it; an entry is on disk before ``append`` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: Entry) -> Head:
        """Add ``entry``; the log's new head.

        A line that a crash left unfinished at the end is removed first: nobody was told of it. A whole entry that lacks nothing but its
        end of line (an editor took it, or a crash came there) stays one.

        Raises:
            BadInputError: there is something else than a file.
            IncompleteError: the file can't be written.
            VerificationError: its last line is not one of a log, or what stands behind it is no beginning of one.
        """
        self.check_kind()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as handle:
                lock(handle)
                end, last, tail = _last_line(handle)
                head = Head(0, FIRST) if last is None else self._head_of(last)
                if kept := self._behind(tail, head.count + 1, head):
                    head = kept[1]
                    handle.write(b"\n")
                else:
                    handle.truncate(end)
                line = canonical_json({"index": head.count, "previous": head.sha256, "entry": entry.to_json()})
                handle.write(line + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise IncompleteError(
                f"the provenance log could not be written: {error.strerror}",
                where=SourceRef(str(self._path)),
                fix="free space or fix permissions, then sign again",
            ) from error
        return Head(head.count + 1, sha256_hex(line))

    def lines(self) -> Iterator[tuple[Entry, Head]]:
        """Every entry with the head that the log had after it, checked as it is read.

        Raises:
            BadInputError: there is no such file, or something else.
            VerificationError: a line was changed, removed, added or moved; its number is named. The beginning of one at the end is none yet.
        """
        head = Head(0, FIRST)
        with self._open() as handle:
            for number, line in enumerate(iter(lambda: self._next(handle), b""), start=1):
                if line.endswith(b"\n") or len(line) == MAX_LINE_BYTES:
                    entry, head = self._check(line.removesuffix(b"\n"), number, head)
                    yield entry, head
                elif last := self._behind(line, number, head):
                    yield last

    def check_kind(self) -> None:
        """Refuse a folder, a pipe or a device of the log's name: none keeps what was written, and a pipe would be waited for.

        Raises:
            BadInputError: it is one.
        """
        if self._path.exists() and not self._path.is_file():
            raise BadInputError("is no file, and no provenance log can be there", where=SourceRef(str(self._path)), fix="name a file")

    def _open(self) -> BinaryIO:
        self.check_kind()
        try:
            return self._path.open("rb")
        except OSError as error:
            raise self._unread(error) from error

    def _next(self, handle: BinaryIO) -> bytes:
        """The next line, or as much of it as a line may have."""
        try:
            return handle.readline(MAX_LINE_BYTES)
        except OSError as error:
            raise self._unread(error) from error

    def _unread(self, error: OSError) -> BadInputError:
        return BadInputError(f"the provenance log can't be read: {error.strerror}", where=SourceRef(str(self._path)), fix="check the path")

    def head(self) -> Head:
        """The log's head; every line was checked. Raises as ``lines``."""
        head = Head(0, FIRST)
        for _, after in self.lines():
            head = after
        return head

    def unfinished(self) -> bool:
        """Whether the beginning of a line stands after the last entry: being written, or what a crash or a cut left of one.

        Raises:
            BadInputError: there is no such file.
        """
        with self._open() as handle:
            try:
                return _begun(_last_line(handle)[2])
            except OSError as error:
                raise self._unread(error) from error

    def torn(self) -> bool:
        """``unfinished``, of a log that need not be there yet."""
        return self._path.is_file() and self.unfinished()

    def check_heads(self, seen: Iterable[Head]) -> list[Head]:
        """Those of the heads that were ``seen`` before which the log does not contain: it was cut or written anew. Raises as ``lines``."""
        missing = {head for head in seen if head.count}
        for _, head in self.lines():
            missing.discard(head)
        return sorted(missing, key=lambda head: head.count)

    def entries(self) -> Iterator[Entry]:
        """The entries alone. Raises as ``lines``."""
        return (entry for entry, _ in self.lines())

    def _behind(self, tail: bytes, number: int, before: Head) -> tuple[Entry, Head] | None:
        """What stands behind the last end of line: an entry that lacks only its own, or nothing yet (being written, or left by a crash).

        Raises:
            VerificationError: it is neither.
        """
        try:
            return self._check(tail, number, before) if tail else None
        except VerificationError:
            if _begun(tail):
                return None
            raise

    def _check(self, line: bytes, number: int, before: Head) -> tuple[Entry, Head]:
        try:
            value = _parsed(line)
            if value["index"] != before.count or value["previous"] != before.sha256:
                raise ValueError("it doesn't follow the line before it; one of the two was changed")
            entry = Entry.from_json(value["entry"])
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise VerificationError(
                f"the provenance log was changed here: {error}",
                where=SourceRef(str(self._path), number),
                fix="compare it with a copy, and with the heads in the ledger",
            ) from error
        return entry, Head(before.count + 1, sha256_hex(line))

    def _head_of(self, line: bytes) -> Head:
        why = ""
        try:
            index = _parsed(line)["index"]
            if isinstance(index, int):
                return Head(index + 1, sha256_hex(line))
        except (ValueError, TypeError, RecursionError) as error:
            why = f": {error}"
        raise VerificationError(
            f"the last line is not one of a provenance log, and nothing was added{why}",
            where=SourceRef(str(self._path)),
            fix="name another file, or restore this one",
        )


class CloudWatchLog:
    """A provenance log in a log group of CloudWatch Logs. CloudWatch offers no way to change an event; who may delete a stream is IAM's matter.

    Permission: logs:FilterLogEvents.
    """

    def __init__(self, group: str, logs: Any = None) -> None:
        self.group, self._logs = group, logs

    def entries(self) -> Iterator[Entry]:
        """The entries in the order of their time.

        Raises:
            IncompleteError: the group can't be read, or holds a line that is none of a provenance log.
        """
        logs = self._logs or client("logs")
        with aws_errors(f"read the log group {self.group}"):
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=self.group):
                for event in page["events"]:
                    try:
                        yield Entry.from_json(json.loads(event["message"]))
                    except (ValueError, TypeError, AttributeError, RecursionError) as error:
                        raise IncompleteError(
                            f"the log group {self.group} holds a line that is none of a provenance log: {error}",
                            fix="name the group that averment media sign writes to",
                        ) from error


def open_log(text: str, root: Path) -> FileLog | CloudWatchLog:
    """The log that ``text`` names: a file (relative to ``root``) or ``cloudwatch:GROUP``.

    Raises:
        BadInputError: it names nothing or no group, is in S3, where nothing can be added to a file, or is a folder, a pipe or a device.
    """
    if not text:  # a variable that isn't set: whoever names a log wants one
        raise BadInputError("the provenance log that is named is the empty text", fix="name a file or cloudwatch:GROUP, or leave it out")
    if text == CLOUDWATCH_PREFIX:
        raise BadInputError(f"'{text}' names no log group", fix="write cloudwatch:GROUP")
    if text.startswith(CLOUDWATCH_PREFIX):
        return CloudWatchLog(text.removeprefix(CLOUDWATCH_PREFIX))
    if text.startswith("s3://"):
        raise BadInputError(f"no provenance log can be in S3: '{text}'", fix="name a file, or a log group: cloudwatch:GROUP")
    log = FileLog(root / text)
    log.check_kind()
    return log


def _parsed(line: bytes) -> dict[str, Any]:
    """What a line holds.

    Raises:
        ValueError: it isn't written as the log writes.
    """
    if line.endswith(b"\r"):
        raise ValueError("its lines end with CR and LF, as an editor or a transfer as text leaves them; the log ends each with LF alone")
    try:
        value = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise ValueError("it is no line of JSON") from error
    if not isinstance(value, dict) or set(value) != _LINE_FIELDS or canonical_json(value) != line:
        raise ValueError("it is not written as the log writes")
    return value


def _begun(tail: bytes) -> bool:
    """Whether ``tail`` is the beginning of a line, and not a whole one that says something else."""
    if not tail or tail[: len(_OPENING)] != _OPENING[: len(tail)]:
        return False
    try:
        json.loads(tail)
    except (ValueError, RecursionError):
        return True
    return False


def _last_line(handle: BinaryIO) -> tuple[int, bytes | None, bytes]:
    """Where whole lines end, the last of them (None when there is none), and what stands behind it."""
    size = handle.seek(0, os.SEEK_END)
    start = max(0, size - 2 * MAX_LINE_BYTES)
    handle.seek(start)
    tail = handle.read(size - start)
    end = tail.rfind(b"\n")
    if end < 0:
        return start, None if start == 0 else b"", tail
    begin = tail.rfind(b"\n", 0, end) + 1
    return start + end + 1, tail[begin:end], tail[end + 1 :]
