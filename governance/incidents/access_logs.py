"""Reading access logs: S3's server access logs, and CloudFront's standard logs in their tab-separated form, as they are or compressed.

Log lines come from whoever sent the requests, so each is read as data, bounded in length; what can't be read is counted. S3 delivers its
logs by best effort and late: what they show happened, what they don't show may have happened too.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, unquote_plus

from averment.core.aws import aws_errors, client, s3_prefix
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.source import SourceRef

MAX_LINE = 64 * 1024
"""Characters of one line; longer ones are counted as unreadable."""

SERVED = frozenset({"200", "206", "304"})
"""Status codes with which somebody got the object, a part of it, or was told that the copy at hand is current."""

_TOKEN = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')
_S3_FIELDS = 13


@dataclass(frozen=True)
class Access:
    """One request. ``address`` is only ever counted. ``requester`` is S3's, an ARN or ``-``; ``edge`` CloudFront's place. ``bucket`` is the one that
    S3 was asked for (CloudFront's logs name none)."""

    at: datetime
    path: str
    status: str
    sent: int
    address: str
    requester: str
    edge: str
    operation: str
    bucket: str = ""

    def may_be(self, key: str) -> bool:
        """Whether the request was for the object ``key``: logs encode keys once or twice, and write spaces in two ways."""
        return key in (self.path, unquote(self.path), unquote_plus(self.path), unquote(unquote(self.path)))


@dataclass
class LogReading:
    """What was read, and from when to when its requests are: ``digest`` is of the names and the bytes of the files in order, so that the same logs can be told again."""

    files: int = 0
    lines: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """The SHA-256 of what was read."""
        return str(self._digest.hexdigest())

    def add(self, data: bytes) -> None:
        """Take ``data`` into the digest."""
        self._digest.update(data)


def accesses(place: str, reading: LogReading, *, path_prefix: str) -> Iterator[Access]:
    """The requests in the log files at ``place`` (a file, a folder, ``s3://bucket/prefix``), by name; ``reading`` counts.

    ``path_prefix`` is what the CDN puts before a key (``/media``); paths without it are left out.

    Raises:
        BadInputError: there is no such place.
        IncompleteError: the listing can't be read. A file that can't is a problem of ``reading``.
    """
    for name, opened in _files(place):
        reading.files += 1
        reading.add(f"{name}\n".encode())
        try:
            yield from _read(opened, reading, path_prefix)
        except (AvermentError, OSError, EOFError, zlib.error) as error:
            reading.problems.append(f"{name}: {getattr(error, 'message', error)}")


def _read(opened: Any, reading: LogReading, path_prefix: str) -> Iterator[Access]:
    fields: Sequence[str] = ()
    for line in _lines(opened(), reading):
        if line.startswith("#"):
            if line.startswith("#Fields:"):
                fields = line.removeprefix("#Fields:").split()
            continue
        reading.lines += 1
        access = _cloudfront(line, fields, path_prefix) if fields else _s3(line)
        if access is None:
            reading.unreadable += 1
            continue
        reading.first = access.at if reading.first is None else min(reading.first, access.at)
        reading.last = access.at if reading.last is None else max(reading.last, access.at)
        if access.path:
            yield access


def _lines(body: IO[bytes], reading: LogReading) -> Iterator[str]:
    with body:
        first = body.read(2)
        source: Any = _Joined(first, body)
        stream = gzip.GzipFile(fileobj=source) if first == b"\x1f\x8b" else source
        while raw := stream.readline(MAX_LINE + 1):
            reading.add(raw)
            if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
                reading.lines += 1
                reading.unreadable += 1
                while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                    reading.add(rest)
                continue
            if text := raw.decode("utf-8", errors="replace").rstrip("\r\n"):
                yield text


class _Joined:
    """A stream of which the first bytes were read already."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first, self._rest, self._buffer = first, rest, b""

    def read(self, size: int = -1) -> bytes:
        if self._first:
            data, self._first = self._first, b""
            return data if 0 <= size <= len(data) else data + self._rest.read(size - len(data) if size >= 0 else -1)
        return self._rest.read(size)

    def readline(self, limit: int) -> bytes:
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            chunk = self.read(MAX_LINE)
            if not chunk:
                break
            self._buffer += chunk
        end = self._buffer.find(b"\n") + 1
        cut = min(end or len(self._buffer), limit)
        line, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return line


def _s3(line: str) -> Access | None:
    """A line of a server access log: owner, bucket, [time], address, requester, request id, operation, key, "request", status, error, bytes, ..."""
    parts = _TOKEN.findall(line)
    if len(parts) < _S3_FIELDS or not parts[2].startswith("["):
        return None
    try:
        at = datetime.strptime(parts[2].strip("[]"), "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None
    key = "" if parts[7] == "-" else parts[7]
    return Access(at, key, parts[9], _number(parts[11]), parts[3], parts[4], "", parts[6], parts[1])


def _cloudfront(line: str, fields: Sequence[str], path_prefix: str) -> Access | None:
    values = dict(zip(fields, line.split("\t"), strict=False))
    try:
        at = datetime.strptime(f"{values['date']} {values['time']}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        path, status, address = values["cs-uri-stem"], values["sc-status"], values["c-ip"]
    except (KeyError, ValueError):
        return None
    inside = path.startswith(path_prefix.rstrip("/") + "/")
    key = path[len(path_prefix.rstrip("/")) + 1 :] if inside else ""
    edge = values.get("x-edge-location", "")
    return Access(at, key, status, _number(values.get("sc-bytes", "0")), address, "", edge, values.get("cs-method", ""))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _files(place: str) -> Iterator[tuple[str, Any]]:
    """Each log file's name with a function that opens it."""
    if place.startswith("s3://"):
        yield from _objects(place)
        return
    path = Path(place)
    if not path.exists():
        raise BadInputError("does not exist", where=SourceRef(place), fix="check the path, or write s3://bucket/prefix")
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    for item in files:
        yield str(item), lambda item=item: item.open("rb")


def _objects(place: str) -> Iterator[tuple[str, Any]]:
    bucket, prefix = s3_prefix(place)
    s3 = client("s3")
    with aws_errors(f"list {place}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                yield f"s3://{bucket}/{item['Key']}", _opener(s3, bucket, item["Key"])


def _opener(s3: Any, bucket: str, key: str) -> Any:
    def opened() -> Any:
        with aws_errors(f"read s3://{bucket}/{key}"):
            return _Body(s3.get_object(Bucket=bucket, Key=key)["Body"])

    return opened


class _Body:
    """S3's streaming body with the few methods that are read here; a connection that breaks is an ``IncompleteError``."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        with aws_errors("read the log"):
            data: bytes = self._body.read(None if size < 0 else size)
        return data

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()


def require_some(reading: LogReading, place: str) -> None:
    """Say that nothing was read where nothing was: no log is no proof that nothing was served.

    Raises:
        IncompleteError: there was no line that could be read.
    """
    if reading.lines == reading.unreadable:
        why = "; ".join(reading.problems) or (f"{reading.unreadable} lines, none of a known form" if reading.lines else "there is no line")
        raise IncompleteError(
            f"no access log was read at {place}: {why}", fix="name the folder or prefix of S3's or CloudFront's standard logs"
        )
