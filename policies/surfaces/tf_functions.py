"""Terraform's functions, as far as configurations of the resources that rules look at use them. Pure, on evaluated values.

A function that isn't here is left to tfparse. Lists and maps may hold references and unknowns; what must be known and isn't
makes the result ``Unknown``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import JsonText, join_parts, plain


class Failed(Unknown):
    """A definite error of the expression (a key that isn't there), which ``try`` and ``can`` catch."""


def known(*values: Any) -> bool:
    """Whether none of ``values`` is itself unknown or a reference."""
    return not any(isinstance(value, Unknown | Reference) for value in values)


def json_default(value: Any) -> Any:
    """References and unknowns can't stand in JSON text; encoding such a value keeps it as a structure instead."""
    raise TypeError(type(value).__name__)


def _jsonencode(value: Any) -> Any:
    try:
        return JsonText(json.dumps(value, default=json_default), value)
    except (TypeError, ValueError):
        return value  # a document with holes: the normal form wants it parsed anyway


def _jsondecode(value: Any) -> Any:
    if isinstance(value, JsonText):
        return value.value
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return Failed("jsondecode of something that is not JSON")


def _concat(*lists: Any) -> Any:
    out: list[Any] = []
    for part in lists:
        if not isinstance(part, list):
            return part if isinstance(part, Unknown) else Failed("concat needs lists")
        out += part
    return out


def _merge(*maps: Any) -> Any:
    out: dict[str, Any] = {}
    for part in maps:
        if part is None:
            continue
        if not isinstance(part, dict):
            return part if isinstance(part, Unknown) else Failed("merge needs maps")
        out.update(part)
    return out


def _flatten(value: Any) -> Any:
    out: list[Any] = []
    for item in value:
        if isinstance(item, list):
            out += _flatten(item)
        else:
            out.append(item)
    return out


def _distinct(value: Any) -> Any:
    out: list[Any] = []
    for item in value:
        if item not in out:
            out.append(item)
    return out


def _toset(value: Any) -> Any:
    items = _distinct(value)
    return sorted(items) if all(isinstance(item, str) for item in items) else items


def _lookup(table: Any, key: Any, *default: Any) -> Any:
    if isinstance(table, dict) and isinstance(key, str):
        return table[key] if key in table else (default[0] if default else Failed(f"no key '{key}'"))
    return Unknown("lookup in a map that is not known")


def _element(items: Any, index: Any) -> Any:
    return items[int(index) % len(items)] if items else Failed("element of an empty list")


def _one(items: Any) -> Any:
    if isinstance(items, list):
        return None if not items else items[0] if len(items) == 1 else Failed("one() of several")
    return items


def _join(separator: Any, *lists: Any) -> Any:
    items = _concat(*lists)
    if not isinstance(items, list) or not isinstance(separator, str):
        return items if isinstance(items, Unknown) else Unknown("join of values that are not known")
    parts: list[Any] = []
    for index, item in enumerate(items):
        parts += [separator, item] if index else [item]
    return join_parts(parts)


def _format(pattern: Any, *values: Any) -> Any:
    if not isinstance(pattern, str):
        return Unknown("format with a pattern that is not known")
    parts: list[Any] = []
    position = taken = 0
    for match in re.finditer(r"%(?:%|(\[\d+\])?([-+0 #]*\d*(?:\.\d+)?)([sdvtqfx]))", pattern):
        parts.append(pattern[position : match.start()])
        position = match.end()
        if match[0] == "%%":
            parts.append("%")
            continue
        index = int(match[1][1:-1]) - 1 if match[1] else taken
        taken = index + 1
        if index >= len(values):
            return Failed("format has too few values")
        value = values[index]
        if len(match[2]) > 6:
            raise ValueError("a width that no name has")
        if match[2] and known(value):
            value = f"%{match[2]}{match[3]}" % (int(value) if match[3] in "dx" else plain(value))
        elif match[3] == "q" and known(value):
            value = json.dumps(plain(value))
        parts.append(value)
    parts.append(pattern[position:])
    return join_parts(parts)


def _replace(text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        raise ValueError("a pattern: tfparse's engine takes linear time on any, ours doesn't")
    return text.replace(old, new)


def _coalesce(*values: Any) -> Any:
    for value in values:
        if isinstance(value, Unknown) or value not in (None, ""):
            return value
    return Failed("coalesce found no value")


def _contains(items: list[Any], wanted: Any) -> Any:
    if wanted in items:
        return True
    return False if known(*items, wanted) else Unknown("the list is not known in full")


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, list | dict | str) else Unknown("length of a value that is not known")


def _tobool(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _slice(items: list[Any], start: int, end: int) -> Any:
    return items[int(start) : int(end)]


def _range(*numbers: int) -> Any:
    wanted = range(*(int(number) for number in numbers))
    if len(wanted) > 10_000:
        raise ValueError("too many numbers")
    return list(wanted)


def _zipmap(keys: list[str], values: list[Any]) -> Any:
    return dict(zip(keys, values, strict=False))


def _setproduct(*lists: list[Any]) -> Any:
    out: list[list[Any]] = [[]]
    for part in lists:
        if len(out) * len(part) > 10_000:
            raise ValueError("too many combinations")
        out = [[*head, item] for head in out for item in part]
    return out


def _substr(text: str, offset: int, length: int) -> str:
    return text[int(offset) :] if length < 0 else text[int(offset) : int(offset) + int(length)]


TOLERANT: dict[str, Callable[..., Any]] = {
    "jsonencode": _jsonencode,
    "jsondecode": _jsondecode,
    "concat": _concat,
    "merge": _merge,
    "lookup": _lookup,
    "one": _one,
    "join": _join,
    "format": _format,
    "coalesce": _coalesce,
    "length": _length,
    "sensitive": lambda value: value,
    "nonsensitive": lambda value: value,
    "tostring": lambda value: plain(value) if isinstance(value, bool | int | float) else value,
    "tobool": _tobool,
}
"""Functions that may be handed unknown values."""

STRICT: dict[str, Callable[..., Any]] = {
    "flatten": _flatten,
    "distinct": _distinct,
    "toset": _toset,
    "tolist": list,
    "tomap": dict,
    "tonumber": lambda value: int(value) if str(value).lstrip("-").isdigit() else float(value),
    "keys": sorted,
    "values": lambda table: [table[key] for key in sorted(table)],
    "element": _element,
    "slice": _slice,
    "reverse": lambda items: items[::-1],
    "sort": sorted,
    "compact": lambda items: [item for item in items if item not in (None, "")],
    "contains": _contains,
    "coalescelist": lambda *lists: next((part for part in lists if part), []),
    "range": _range,
    "zipmap": _zipmap,
    "setproduct": _setproduct,
    "setunion": lambda *sets: _toset(_concat(*sets)),
    "setsubtract": lambda left, right: [item for item in left if item not in right],
    "setintersection": lambda left, right: [item for item in left if item in right],
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "trimspace": str.strip,
    "trim": lambda text, chars: text.strip(chars),
    "trimprefix": lambda text, prefix: text.removeprefix(prefix),
    "trimsuffix": lambda text, suffix: text.removesuffix(suffix),
    "chomp": lambda text: text.rstrip("\r\n"),
    "replace": _replace,
    "split": lambda separator, text: text.split(separator) if separator else list(text),
    "substr": _substr,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "strcontains": lambda text, part: part in text,
    "indent": lambda spaces, text: text.replace("\n", "\n" + " " * int(spaces)),
    "min": min,
    "max": max,
    "abs": abs,
    "ceil": lambda value: -(-value // 1),
    "floor": lambda value: value // 1,
    "base64encode": lambda text: base64.b64encode(text.encode()).decode(),
    "base64decode": lambda text: base64.b64decode(text).decode(),
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "alltrue": lambda items: all(_tobool(item) is True for item in items),
    "anytrue": lambda items: any(_tobool(item) is True for item in items),
    "basename": lambda text: text.rstrip("/").rpartition("/")[2],
    "dirname": lambda text: text.rstrip("/").rpartition("/")[0] or ".",
}
"""Functions whose arguments must be known (their items may not be)."""

ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError, re.error)
"""What a function raises on arguments that Terraform would refuse."""
