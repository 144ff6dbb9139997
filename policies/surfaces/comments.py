"""Comments as people write them: inside of what they speak of, or directly above it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

SPEAKS = (b"averment:waive=", b"checkov:skip=")
"""What a file holds if its comments may accept something: few do, and the rest need not be looked through."""

_WAIVER = re.compile(r"\baverment:waive=")
_MARKS = ("#", "//", "*")
"""What a comment begins with, or its next line does."""


def above(lines: Sequence[str], first: int, *marks: str) -> tuple[str, ...]:
    """The comment lines that end right above line ``first`` (from 1), without their marks; a blank line ends them.

    What is indented further than that line belongs to what stands before it.
    """
    found: list[str] = []
    for line in reversed(lines[: first - 1]):
        text = line.strip()
        if not text.startswith(marks) or _indent(line) > _indent(lines[first - 1]):
            break
        found.append(text.lstrip("#/").strip())
    return tuple(reversed(found))


def stray_waivers(lines: Sequence[str], spoken: Iterable[tuple[int, int]], file: str) -> Iterator[Problem]:
    """The waivers that stand outside of the line ranges ``spoken`` (first and last, from 1): they accept nothing, and that is said."""
    covered = list(spoken)
    for number, line in enumerate(lines, 1):
        if _waives(line) and not any(first <= number <= last for first, last in covered):
            reason = "the waiver here stands next to no resource and accepts nothing: write it inside the resource, or directly above"
            yield Problem(reason, SourceRef(file, number), blocking=False)


def _waives(line: str) -> bool:
    """Whether a waiver stands behind the mark of a comment."""
    marks = [at for mark in _MARKS if (at := line.find(mark)) >= 0]
    return bool(marks) and _WAIVER.search(line, min(marks)) is not None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
