"""YAML with line numbers: plain values plus a map from each path to its place in the file.

Only the safe subset is read: no tags, no Python objects, aliases expanded at most ``MAX_NODES`` nodes deep,
duplicate keys refused (YAML 1.2 section 3.2.1.1 requires unique keys; PyYAML lets the last one win in silence).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from averment.core.errors import BadInputError
from averment.core.files import read_text
from averment.core.source import SourceRef

KeyPath = tuple[str | int, ...]

MAX_NODES = 1_000_000
"""A document that expands to more values than this is refused (alias bombs)."""

MAX_DEPTH = 200

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
        BadInputError: unreadable, not UTF-8, not YAML, unsafe tag, duplicate key, several documents, too deep or too large.
    """
    return parse_yaml(read_text(path), name or str(path))


def parse_yaml(text: str, name: str) -> Located:
    """As ``load_yaml``, from ``text``."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[KeyPath, int] = {}
            budget = iter(range(MAX_NODES))
            value = _construct(node, (), lines, loader, name, budget) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadInputError(f"is not valid YAML: {error.problem}", where=SourceRef(name, line)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadInputError(f"is not valid YAML: {error}", where=SourceRef(name)) from error
    except RecursionError as error:
        raise BadInputError("is nested too deeply", where=SourceRef(name)) from error
    return Located(name, value, lines)


def _construct(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], loader: Any, name: str, budget: Iterator[int]) -> Any:
    line = node.start_mark.line + 1
    if next(budget, None) is None or len(path) > MAX_DEPTH:
        raise BadInputError("expands to too many values or too deep a nesting", where=SourceRef(name, line), fix="remove the YAML aliases")
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            if not isinstance(key, str):
                key = str(key_node.value)  # `on:` and `2026:` are meant as the words they look like
            key_line = key_node.start_mark.line + 1
            if key in result:
                raise BadInputError(f"the key '{key}' stands twice", where=SourceRef(name, key_line), fix="keep one of them")
            lines[(*path, key)] = key_line
            result[key] = _construct(value_node, (*path, key), lines, loader, name, budget)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_construct(item, (*path, index), lines, loader, name, budget) for index, item in enumerate(node.value)]
    value = loader.construct_object(node)
    # A date stays the text that was written: JSON has no dates, and schemas check the form.
    return value if value is None or isinstance(value, bool | int | float | str) else str(node.value)
