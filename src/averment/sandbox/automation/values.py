"""``{{ references }}`` in a document, and the JSONPath selectors of its outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_:.\-]+)\s*\}\}")
_PART = re.compile(r"\.([A-Za-z0-9_\-]+)|\['([^']+)'\]|\[(-?\d+)\]|(\[\*\])")


class MissingError(LookupError):
    """A reference or selector that finds nothing."""


def references(value: Any) -> Iterator[str]:
    """The names that ``value`` refers to, at any depth."""
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def resolve(value: Any, look_up: Callable[[str], Any]) -> Any:
    """``value`` with its references replaced. A string that is one reference takes its type; within text, structures become JSON.

    Raises:
        MissingError: a name that ``look_up`` doesn't know.
    """
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value.strip())
        return look_up(whole[1]) if whole else _REFERENCE.sub(lambda match: text(look_up(match[1])), value)
    if isinstance(value, dict):
        return {key: resolve(item, look_up) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, look_up) for item in value]
    return value


def text(value: Any) -> str:
    """A value as it stands within text."""
    if isinstance(value, str):
        return value
    return json.dumps(plain(value))


def plain(value: Any) -> Any:
    """``value`` in JSON's types."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def select(value: Any, selector: str) -> Any:
    """What ``selector`` finds in an answer: ``$``, ``.name``, ``['name']``, ``[n]`` and ``[*]``.

    Raises:
        MissingError: there is nothing there.
        NotImplementedError: a selector of another kind.
    """
    position, found = 1, [value]
    several = False
    while position < len(selector):
        part = _PART.match(selector, position)
        if part is None or not selector.startswith("$"):
            raise NotImplementedError(f"the selector {selector}")
        name, index = part[1] or part[2], part[3]
        several = several or part[4] is not None
        found = [inner for item in found for inner in _inside(item, name, index)]
        position = part.end()
    if several:
        return found
    if not found:
        raise MissingError(f"{selector} finds nothing in the answer")
    return found[0]


def _inside(item: Any, name: str | None, index: str | None) -> list[Any]:
    if name is not None:
        return [item[name]] if isinstance(item, dict) and name in item else []
    if not isinstance(item, list):
        return []
    if index is None:
        return list(item)
    return [item[int(index)]] if -len(item) <= int(index) < len(item) else []
