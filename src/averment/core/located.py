"""YAML with line numbers: plain values plus a map from each path to its place in the file.

Only the safe subset is read: no Python objects, no tags but YAML's own (or those that the caller explains), duplicate keys
refused (YAML 1.2 section 3.2.1.1 wants unique keys; PyYAML lets the last one win in silence). See ``yaml_events`` for how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from averment.core.files import read_text
from averment.core.source import SourceRef

KeyPath = tuple[str | int, ...]

TagReader = Callable[[str, Any], Any]
"""Explains an application tag: called with the tag ("!Sub") and the plain value under it, returns the value to keep."""


@dataclass(frozen=True)
class Located:
    """A parsed document: ``value`` is plain data, ``lines`` maps each path to the line (from 1) where it starts."""

    file: str
    value: Any
    lines: dict[KeyPath, int] = field(repr=False)

    def where(self, path: KeyPath = ()) -> SourceRef:
        """The place of ``path``, or of its nearest ancestor that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return SourceRef(self.file, self.lines.get(path, 1))


def load_yaml(path: Path, *, name: str | None = None) -> Located:
    """Read one YAML document from ``path``; ``name`` is what errors call the file.

    Raises:
        BadInputError: unreadable, not UTF-8, not YAML, unknown tag, duplicate key, several documents, too deep or too large.
    """
    return parse_yaml(read_text(path), name or str(path))


def parse_yaml(text: str, name: str, *, tags: TagReader | None = None) -> Located:
    """As ``load_yaml``, from ``text``."""
    from averment.core.yaml_events import read_document  # PyYAML takes a tenth of a short run to import: only where there is YAML

    return read_document(text, name, tags)
