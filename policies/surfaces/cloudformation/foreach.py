"""``Fn::ForEach`` (AWS::LanguageExtensions): what it makes, where its collection is known.

Source: the CloudFormation user guide, "Fn::ForEach".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.lined import LinedList, LinedMap

PREFIX = "Fn::ForEach::"
MAX_MADE = 2_000
MAX_VALUES = 200_000
"""Values that the loops of one section write out: CloudFormation takes no template beyond 1 MB, with its loops written out."""


def expanded(section: LinedMap, resolve: Callable[[Any], Any]) -> tuple[LinedMap, list[tuple[int, str]]]:
    """``section`` with its loops written out, and those that can't be (line, reason). ``resolve`` evaluates a collection."""
    if not any(key.startswith(PREFIX) for key in section):
        return section, []
    out = LinedMap(section.line)
    out.end = section.end
    failed: list[tuple[int, str]] = []
    left = [MAX_VALUES]
    for key, value in section.items():
        line = section.key_lines.get(key, section.line)
        if not key.startswith(PREFIX):
            out[key] = value
            out.key_lines[key] = line
            continue
        reason = _loop(value, resolve, out, line, left)
        if reason:
            failed.append((line, f"{key}: {reason}; what it makes was not checked"))
    return out, failed


def _loop(value: Any, resolve: Callable[[Any], Any], out: LinedMap, line: int, left: list[int]) -> str:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str) or not isinstance(value[2], LinedMap):
        return "is not a loop"
    items = resolve(value[1])
    if isinstance(items, Unknown) or not isinstance(items, list) or not all(isinstance(item, str | int) for item in items):
        return items.reason if isinstance(items, Unknown) else "its collection is not known"
    left[0] -= len(items) * _size(value[2])
    if left[0] < 0:
        return f"the loops make more than {MAX_VALUES:,} values"
    for item in items:
        made = _filled(value[2], value[0], str(item))
        for key, body in made.items():
            if len(out) >= MAX_MADE:
                return f"it makes more than {MAX_MADE:,} entries"
            if key.startswith(PREFIX):
                reason = _loop(body, resolve, out, line, left)
                if reason:
                    return reason
                continue
            out[key] = body
            out.key_lines[key] = made.key_lines.get(key, line)
    return ""


def _size(value: Any) -> int:
    """How many values ``value`` holds, itself included."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_size(item) for item in items)


def _filled(value: Any, name: str, item: str) -> Any:
    """A copy of ``value`` with the loop's variable replaced, in keys too; places are kept."""
    if isinstance(value, str):
        clean = "".join(char for char in item if char.isalnum())
        return value.replace(f"${{{name}}}", item).replace(f"&{{{name}}}", clean)
    if isinstance(value, LinedMap):
        if len(value) == 1 and value.get("Ref") == name:
            return item
        copy = LinedMap(value.line)
        copy.end = value.end
        for key, inner in value.items():
            new = _filled(key, name, item)
            copy[new] = _filled(inner, name, item)
            copy.key_lines[new] = value.key_lines.get(key, value.line)
        return copy
    if isinstance(value, LinedList):
        items = LinedList(value.line)
        items.extend(_filled(inner, name, item) for inner in value)
        items.item_lines = value.item_lines
        return items
    return value
