"""Mappings and sequences of a YAML or JSON file that remember their lines."""

from __future__ import annotations

from typing import Any


class LinedMap(dict[str, Any]):
    """A mapping with the line (from 1) where it starts, the line after which it ended, and each key's line.

    ``file`` is where it stands, if that may be another file than the template's own; None otherwise.
    """

    __slots__ = ("end", "file", "key_lines", "line")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.end = line
        self.file: str | None = None
        self.key_lines: dict[str, int] = {}


class LinedList(list[Any]):
    """A sequence with the line (from 1) of each item; ``file`` as of a ``LinedMap``."""

    __slots__ = ("file", "item_lines", "line")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.file: str | None = None
        self.item_lines: list[int] = []
