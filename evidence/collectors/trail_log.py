"""One log file or digest of CloudTrail: gzipped JSON, read within bounds, event by event."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_INFLATED = 512 * 1024 * 1024
"""Bytes that a file may unpack to. CloudTrail's own are a few megabytes; what is larger is no log file, and isn't unpacked further."""

MAX_EVENT = 4 * 1024 * 1024
"""Characters of one event. CloudTrail's largest are a megabyte."""

_CHUNK = 256 * 1024
_SPACE = " \t\r\n"


class Unpacked:
    """What a gzipped ``body`` unpacks to, in pieces; ``sha256`` is of all of it once it is read to the end."""

    def __init__(self, body: Any) -> None:
        self._file = gzip.GzipFile(fileobj=body)
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        """The pieces.

        Raises:
            ValueError: there is more than ``MAX_INFLATED``.
            OSError, EOFError, zlib.error: it isn't gzip, or broke off.
        """
        while piece := self._file.read(_CHUNK):
            self.size += len(piece)
            if self.size > MAX_INFLATED:
                raise ValueError(f"unpacks to more than {MAX_INFLATED:,} bytes")
            self._hash.update(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """Hexadecimal, of what was read so far."""
        return self._hash.hexdigest()


def events(unpacked: Unpacked) -> Iterator[Mapping[str, Any]]:
    """The events of a log file (``{"Records": [...]}``), of which one at a time is in memory.

    Raises:
        ValueError: another shape, or an event of more than ``MAX_EVENT`` characters.
        OSError, EOFError, zlib.error, RecursionError: as ``Unpacked``, and for what is nested too deeply.
    """
    text = _Text(iter(unpacked))
    for mark in ("{", '"Records"', ":", "["):
        text.expect(mark)
    if text.peek() != "]":
        yield text.event()
        while text.peek() == ",":
            text.expect(",")
            yield text.event()
    for mark in ("]", "}"):
        text.expect(mark)
    if text.peek():
        raise ValueError("there is more after the events")


class _Text:
    """Text that comes in pieces, taken from its beginning."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder()
        self._held = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that isn't blank, which stays; nothing at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def expect(self, mark: str) -> None:
        """Take ``mark``.

        Raises:
            ValueError: something else comes.
        """
        self.peek()
        while len(self._held) - self._at < len(mark) and self._more():
            pass
        if not self._held.startswith(mark, self._at):
            raise ValueError(f"not a log file of CloudTrail: {mark} is missing")
        self._at += len(mark)

    def event(self) -> Mapping[str, Any]:
        """Take one JSON object.

        Raises:
            ValueError: something else comes.
        """
        if self.peek() != "{":
            raise ValueError("not a log file of CloudTrail: an event is not an object")
        while True:
            try:
                value, self._at = self._json.raw_decode(self._held, self._at)
            except json.JSONDecodeError:  # perhaps the rest of it is still to come
                if len(self._held) - self._at > MAX_EVENT:
                    raise ValueError(f"an event has more than {MAX_EVENT:,} characters") from None
                if not self._more():
                    raise
            else:
                found: Mapping[str, Any] = value
                return found

    def _more(self) -> bool:
        for piece in self._pieces:
            self._held = self._held[self._at :] + self._decoder.decode(piece)
            self._at = 0
            return True
        self._decoder.decode(b"", final=True)
        return False
