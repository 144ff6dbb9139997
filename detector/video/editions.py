"""Whether a Matroska file has its chapters put the film together: players that obey show those parts of it alone, in that order (RFC 9559, section 20.1.3)."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MAX_CHAPTERS = 10_000
"""Elements of chapters that are walked through; one with more is taken for one that puts the film together."""

_EBML = b"\x1a\x45\xdf\xa3"
_CHAPTERS = b"\x10\x43\xa7\x70"
_EDITION, _ORDERED = b"\x45\xb9", b"\x45\xdd"


class _Element(NamedTuple):
    name: bytes
    start: int
    end: int


def has_ordered_chapters(path: Path) -> bool:
    """Whether chapters of the file at ``path`` say from where to where it is shown, or may do so."""
    with suppress(OSError, ValueError), path.open("rb") as file:  # whoever decodes it says what is wrong with it
        if file.read(4) != _EBML:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            place = data.find(_CHAPTERS)
            while place != -1:
                if _orders(data, place):
                    return True
                place = data.find(_CHAPTERS, place + 1)
    return False


def _orders(data: mmap.mmap, place: int) -> bool:
    """Whether there are chapters at ``place`` that are played in their own order."""
    found = 0
    for chapters in _elements(data, place, min(len(data), place + 12), outer=True):
        for entry in _elements(data, chapters.start, chapters.end):
            if entry.name != _EDITION:
                continue
            for part in _elements(data, entry.start, entry.end):
                found += 1
                if found > MAX_CHAPTERS or (part.name == _ORDERED and any(data[part.start : min(part.end, part.start + 8)])):
                    return True
    return False


def _elements(data: mmap.mmap, start: int, end: int, *, outer: bool = False) -> Iterator[_Element]:
    """The elements between two places (RFC 8794, sections 4 and 5); of the ``outer`` ones the first, which may end behind ``end``. One without a size goes to
    the end, as does one that says more than there is."""
    while start < end:
        name = _length(data[start])
        width = _length(data[start + name]) if start + name < len(data) else 0
        inside = start + name + width
        if not name or name > 4 or not width or inside > len(data):
            return
        size = int.from_bytes(data[start + name : inside], "big") - (1 << 7 * width)
        most = len(data) if outer else end
        until = most if size == (1 << 7 * width) - 1 else min(most, inside + size)
        yield _Element(data[start : start + name], inside, until)
        if outer:
            return
        start = until


def _length(first: int) -> int:
    """Of how many bytes a number is whose first this is; 0 if it is none."""
    return 9 - first.bit_length() if first else 0
