"""Edit lists of an MP4 or MOV: which parts of a track its file tells players to show (ISO/IEC 14496-12, section 8.6.6; QuickTime File Format).

Read here and not taken from FFmpeg, which leaves out what it doesn't follow (a part that is held, or played at another speed) without a word. What it
makes of the rest is compared with this (``cuts``).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from averment.detector.imaging import UnreadableError

MAX_BOXES = 100_000
"""Boxes that are walked through in search of them."""

MAX_PARTS = 10_000
"""Parts of a list that are read; one with more is given as one that can't be read."""

MAX_TRACKS = 64
"""Tracks whose lists are given; FFmpeg is told to open no more than so many."""

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"edts"})
_NORMAL = 1 << 16
"""A media rate of 1, of which 16 bits are behind the point."""


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


class _Walk:
    """The boxes of one file, so many of them at most."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.size, self.left = file, size, MAX_BOXES

    def boxes(self, start: int, end: int) -> Iterator[_Box]:
        """Those between two places; where each holds what it says, and ends."""
        while start + 8 <= end and self.left:
            self.left -= 1
            self.file.seek(start)
            head = self.file.read(16)
            length, kind, inside = int.from_bytes(head[:4], "big"), head[4:8], start + 8
            if length == 1:
                length, inside = int.from_bytes(head[8:], "big"), start + 16
            until = end if length == 0 else start + length
            if until < inside or until > end:
                return
            yield _Box(kind, inside, until)
            start = until

    def read(self, box: _Box, most: int) -> bytes:
        """What a box holds, up to so many bytes."""
        self.file.seek(box.start)
        return self.file.read(min(most, box.end - box.start))


def edit_lists(path: Path) -> dict[str, Any]:
    """By the number of each track that has one, what its list shows of it: how many ``parts``, where the first of them has its ``start`` and the last its
    ``end`` in seconds of the track (None: where the track has), and how many seconds are shown ``again``, or before what they come after; or in ``odd`` why it
    can't be followed. Empty where the file is none of these, or too damaged to tell: FFmpeg's word stands then.

    Raises:
        UnreadableError: it has so many boxes that a list may stand behind those that were looked at.
    """
    found: dict[str, Any] = {}
    with suppress(OSError, OverflowError, struct.error), path.open("rb") as file:
        walk = _Walk(file, path.stat().st_size)
        for box in walk.boxes(0, walk.size):
            if box.kind == b"moov":  # the only one: a file with two is refused before
                _film(walk, box, found)
                break
        if not walk.left:
            raise UnreadableError(f"what it says of itself is written in more than {MAX_BOXES:,} parts, which are not read")
    return found


def _film(walk: _Walk, moov: _Box, found: dict[str, Any]) -> None:
    clock = 0
    tracks = []
    for box in walk.boxes(moov.start, moov.end):
        if box.kind == b"mvhd":
            clock = _clock(walk.read(box, 28))
        elif box.kind == b"trak":
            tracks.append(_track(walk, box))
    for number, own, lists in tracks[:MAX_TRACKS]:
        if lists:
            found[str(number)] = _told(lists, clock, own) if str(number) not in found else {"odd": "two tracks have one number"}


def _track(walk: _Walk, trak: _Box) -> tuple[int, int, list[bytes]]:
    """A track's number, its clock, and its edit lists, which should be one at most."""
    number = clock = 0
    lists = []
    waiting = [trak]
    while waiting:
        outer = waiting.pop()
        for box in walk.boxes(outer.start, outer.end):
            if box.kind in _CONTAINERS:
                waiting.append(box)
            elif box.kind == b"tkhd":
                body = walk.read(box, 24)
                number = int.from_bytes(body[20:24] if body[:1] == b"\1" else body[12:16], "big")
            elif box.kind == b"mdhd":
                clock = _clock(walk.read(box, 28))
            elif box.kind == b"elst":
                lists.append(walk.read(box, 8 + 20 * (MAX_PARTS + 1)))
    return number, clock, lists


def _clock(head: bytes) -> int:
    """Ticks a second, of a movie's or a track's header."""
    return int.from_bytes(head[20:24] if head[:1] == b"\1" else head[12:16], "big")


def _told(lists: list[bytes], movie: int, own: int) -> dict[str, Any]:
    if len(lists) > 1:
        return {"odd": "it has several edit lists"}
    body = lists[0]
    count = int.from_bytes(body[4:8], "big")
    form = struct.Struct(">QqI" if body[:1] == b"\1" else ">IiI")
    if count > MAX_PARTS or len(body) < 8 + count * form.size or not movie or not own:
        return {"odd": "its edit list can't be read"}
    parts, first, again, until = 0, 0.0, 0.0, 0.0
    for length, begin, rate in form.iter_unpack(body[8 : 8 + count * form.size]):
        if begin == -1:  # nothing is shown for so long
            continue
        if rate != _NORMAL:
            return {"odd": "its edit list holds a frame or changes the speed"}
        if begin < 0:
            return {"odd": "its edit list can't be read"}
        start = begin / own
        first = start if not parts else first
        again += max(0.0, until - start)
        until = max(until, start + length / movie) if length else math.inf
        parts += 1
    return {
        "parts": parts,
        "start": first,
        "end": until if math.isfinite(until) else None,
        "again": again if math.isfinite(again) else None,
    }
