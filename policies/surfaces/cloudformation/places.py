"""Where a resource of a template stands in its file: its last line, the lines of its properties, and the comments on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import PropertyPath
from averment.policies.surfaces.comments import above
from averment.policies.surfaces.lined import LinedList, LinedMap

_DEEPEST, _MOST = 40, 20_000
"""Beyond so many levels, or places of one resource, nothing more is noted."""


def last_line(body: LinedMap, lines: list[str]) -> int:
    """The last line of a block: in block style, libyaml ends a map where the next token stands."""
    end = min(body.end, len(lines) + 1)
    while end > body.line and (end > len(lines) or not lines[end - 1].strip() or _outside(lines[end - 1], lines[body.line - 1])):
        end -= 1
    return end


def _outside(text: str, first: str) -> bool:
    if first.lstrip().startswith(("{", '"')) or text.lstrip().startswith(("}", "]")):
        return False
    return len(text) - len(text.lstrip()) < len(first) - len(first.lstrip())


def places_of(written: Any, file: str) -> dict[PropertyPath, SourceRef]:
    """The place of each property that is ``written`` in ``file``; through intrinsics it stays that of the property."""
    places: dict[PropertyPath, SourceRef] = {}
    _note(written, (), file, places)
    return places


def _note(value: Any, path: PropertyPath, file: str, places: dict[PropertyPath, SourceRef]) -> None:
    if isinstance(value, LinedMap):
        for key, item in value.items():
            if key.startswith("Fn::") or key == "Ref" or len(path) > _DEEPEST or len(places) > _MOST:
                return
            here = (*path, key)
            places[here] = SourceRef(value.file or file, value.key_lines.get(key, value.line))
            _note(item, here, file, places)
    elif isinstance(value, LinedList) and len(path) <= _DEEPEST:
        for index, item in enumerate(value):
            here = (*path, index)
            places[here] = SourceRef(value.file or file, value.item_lines[index])
            if isinstance(item, LinedMap) and item.file is not None and item.file != value.file:
                places[here] = SourceRef(item.file, item.line)
            _note(item, here, file, places)


def comments_on(body: LinedMap, start: int, end: int, lines: list[str]) -> tuple[str, ...]:
    """Comment lines directly above and within the block, and skips in ``Metadata`` as JSON templates must write them."""
    written = [line.partition("#")[2].strip() for line in lines[start - 1 : end] if "#" in line]
    metadata = body.get("Metadata")
    return (*above(lines, start, "#"), *written, *(_in_metadata(metadata) if isinstance(metadata, dict) else ()))


def _in_metadata(metadata: Mapping[str, Any]) -> Iterator[str]:
    checkov, own = metadata.get("checkov"), metadata.get("averment")
    skips = checkov.get("skip", ()) if isinstance(checkov, dict) else ()
    waive = own.get("waive", []) if isinstance(own, dict) else []
    yield from (f"checkov:skip={entry.get('id', '')}:{entry.get('comment', '')}" for entry in skips if isinstance(entry, dict))
    yield from (f"averment:waive={entry}" for entry in (waive if isinstance(waive, list) else [waive]))
