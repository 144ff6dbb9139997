"""Large JSON texts written piece by piece, without the whole value or text in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from averment.core.canonical import JSON


@dataclass(frozen=True)
class Items:
    """A list whose ``items`` are written one at a time."""

    items: Iterable[JSON]


@dataclass(frozen=True)
class Members:
    """An object whose ``members`` are written one at a time, in the order in which they come."""

    members: Iterable[tuple[str, JSON]]


def pieces(value: Mapping[str, JSON | Items | Members]) -> Iterator[str]:
    """``value`` as JSON with its names sorted: each member begins a line, and so does each part of ``Items`` and ``Members``.

    What isn't one of these is laid out with one space a level, as ``json.dumps(indent=1)`` does.
    """
    before = "{\n "
    for name in sorted(value):
        member = value[name]
        yield f"{before}{_line(name)}: "
        if isinstance(member, Items):
            yield from _enclosed("[", map(_line, member.items), "]")
        elif isinstance(member, Members):
            yield from _enclosed("{", (f"{_line(key)}: {_line(item)}" for key, item in member.members), "}")
        else:
            # A line feed within a text is written \\n, so every one that stands there is the layout's.
            yield json.dumps(member, ensure_ascii=False, indent=1, sort_keys=True).replace("\n", "\n ")
        before = ",\n "
    yield "\n}\n" if value else "{}\n"


def _enclosed(before: str, parts: Iterable[str], after: str) -> Iterator[str]:
    between = f"{before}\n  "
    for part in parts:
        yield f"{between}{part}"
        between = ",\n  "
    yield f"\n {after}" if between[0] == "," else f"{before}{after}"


def _line(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
