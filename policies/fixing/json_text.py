"""A value set in the text of a JSON document: order, indentation and spacing stay as they are.

Places come from the standard library's decoder, walked one object at a time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from averment.policies.fixing.refusal import RefusedError
from averment.policies.interface import Entries, Value

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Member:
    """One member of an object: its key, where the key and the value begin, and where the value ends."""

    key: str
    at: int
    value: int
    end: int


def changed_json(text: str, path: tuple[str, ...], value: Value) -> str:
    """``text``, which is valid JSON, with ``value`` at ``path``, of which the first two steps exist.

    Raises:
        RefusedError: an object on the way is an intrinsic or has a key twice, or the old value isn't plain.
    """
    here = _skip(text, len(text) - len(text.lstrip("\ufeff")))
    for depth, key in enumerate(path):
        if text[here] != "{":
            raise RefusedError(f"{path[depth - 1]} is not a map")
        members = _members(text, here)
        _refuse_computed([member.key for member in members], path[depth - 1] if depth else "the template")
        found = next((member for member in members if member.key == key), None)
        if found is None:
            return _add(text, here, members, path[depth:], value)
        if depth == len(path) - 1:
            return _set(text, key, found, value)
        here = found.value
    return text


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space is not None else at


def _end(text: str, at: int) -> int:
    return int(_DECODER.raw_decode(text, at)[1])


def _members(text: str, at: int) -> list[_Member]:
    """The members of the object whose brace is at ``at``."""
    found: list[_Member] = []
    here = _skip(text, at + 1)
    while text[here] != "}":
        key, end = _DECODER.raw_decode(text, here)
        value = _skip(text, _skip(text, end) + 1)
        found.append(_Member(str(key), here, value, _end(text, value)))
        here = _skip(text, found[-1].end)
        if text[here] == ",":
            here = _skip(text, here + 1)
    return found


def _items(text: str, at: int) -> list[tuple[int, int]]:
    """Where the items of the array whose bracket is at ``at`` begin and end."""
    found: list[tuple[int, int]] = []
    here = _skip(text, at + 1)
    while text[here] != "]":
        found.append((here, _end(text, here)))
        here = _skip(text, found[-1][1])
        if text[here] == ",":
            here = _skip(text, here + 1)
    return found


def _refuse_computed(keys: list[str], name: str) -> None:
    intrinsic = next((key for key in keys if key == "Ref" or key.startswith("Fn::")), None)
    if intrinsic is not None:
        raise RefusedError(f"{name} is computed by {intrinsic}")
    if len(set(keys)) < len(keys):
        raise RefusedError(f"a key of {name} stands twice")


def _set(text: str, key: str, member: _Member, value: Value) -> str:
    """Another value in place of the old one, or further entries of its list."""
    old = json.loads(text[member.value : member.end])
    if isinstance(old, dict):
        _refuse_computed(list(old), key)
    if isinstance(value, Entries):
        return _listed(text, key, member, old, value)
    if not isinstance(old, str | bool | int):
        raise RefusedError(f"{key} is not a plain value")
    return text[: member.value] + json.dumps(value) + text[member.end :]


def _listed(text: str, key: str, member: _Member, old: Any, value: Entries) -> str:
    if not isinstance(old, list) or not all(isinstance(item, str) for item in old):
        raise RefusedError(f"{key} is not a list of plain values")
    missing = [json.dumps(item) for item in value.items if item not in old]
    if not missing:
        raise RefusedError(f"{key} already holds {value}")
    items = _items(text, member.value)
    if not items:
        return text[: member.value] + f"[{', '.join(missing)}]" + text[member.end :]
    before = text[member.value + 1 : items[0][0]]
    gap = before if "\n" in before else text[items[0][1] : items[1][0]].strip(",") if len(items) > 1 else _space(text)
    end = items[-1][1]
    return text[:end] + "".join(f",{gap}{item}" for item in missing) + text[end:]


def _add(text: str, at: int, members: list[_Member], path: tuple[str, ...], value: Value) -> str:
    """Add ``path`` to the object at ``at``: as its first member, or after its ``Type`` where that is what it tells first."""
    unit = _unit(text)
    if not members:
        indent, line = _indent(text, at), _newline(text) if unit is not None else ""
        within = indent + (unit or "")
        added = _member(text, path, value, within, unit)
        body = f"{line}{within}{added}{line}{indent}" if unit is not None else added
        return text[:at] + "{" + body + "}" + text[_end(text, at) :]
    first = members[0]
    gap = text[at + 1 : first.at]
    apart = gap if "\n" in gap else text[members[0].end : members[1].at].strip(",") if len(members) > 1 else _space(text)
    lined = "\n" in gap
    added = _member(text, path, value, _indent(text, first.at), unit if lined else None)
    kind = next((member for member in members if member.key == "Type"), None) if path[0] == "Properties" else None
    if kind is not None:
        return f"{text[: kind.end]},{apart}{added}{text[kind.end :]}"
    return f"{text[: first.at]}{added},{apart}{text[first.at :]}"


def _member(text: str, path: tuple[str, ...], value: Value, indent: str, unit: str | None) -> str:
    """``"key": value`` for ``path``, its further lines below ``indent``; on one line where the file has no ``unit`` of indentation."""
    inner: Any = value.items if isinstance(value, Entries) else value
    for key in reversed(path[1:]):
        inner = {key: inner}
    between = _colon(text)
    apart = "," if unit is not None or not _space(text) else ", "
    written = json.dumps(inner, indent=unit, separators=(apart, between))
    return f"{json.dumps(path[0])}{between}{written}".replace("\n", f"{_newline(text)}{indent}")


def _colon(text: str) -> str:
    """What stands between a key and its value, as at the top."""
    found = re.search(r'^\s*\{\s*"(?:[^"\\]|\\.)*"(\s*:\s*)', text.lstrip("\ufeff"))
    return found[1] if found is not None and "\n" not in found[1] else ": "


def _space(text: str) -> str:
    """What stands after a comma within a line: nothing in a file that is written without spaces."""
    return " " if _unit(text) is not None or _colon(text).endswith(" ") else ""


def _unit(text: str) -> str | None:
    """One step of the file's indentation: that of the first member at the top; None where that stands on the line of its brace."""
    found = re.match(r"\ufeff?\s*\{[ \t]*\r?\n(?:[ \t]*\r?\n)*([ \t]*)", text)
    return (found[1] or "  ") if found is not None else None


def _indent(text: str, at: int) -> str:
    """What the line of ``at`` begins with."""
    start = text.rfind("\n", 0, at) + 1
    space = re.match(r"[ \t]*", text[start:at])
    return space[0] if space is not None else ""


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
