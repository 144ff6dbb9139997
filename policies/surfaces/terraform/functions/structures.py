"""Terraform's functions on lists and maps, conversions, and formatting of values that may hold references and unknowns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Unknown
from averment.policies.graph.text import JsonText, plain
from averment.policies.surfaces.terraform.functions.numbers import tonumber
from averment.policies.surfaces.terraform.functions.text import graphemes, json_text
from averment.policies.surfaces.terraform.values import Failed, Handle, SetValue, known

MAX_ITEMS = 10_000
"""Items that a function makes out of few (combinations, ranges)."""


def json_default(value: Any) -> Any:
    """References and unknowns can't stand in JSON text; encoding such a value keeps it as a structure instead."""
    raise TypeError(type(value).__name__)


def _jsonencode(value: Any) -> Any:
    if isinstance(value, Handle):
        return Unknown(f"all that there is of {value.address} is known only after apply")
    try:
        return JsonText(json_text(value, json_default), value)
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
    if all(isinstance(item, str) for item in value):
        return list(dict.fromkeys(value))
    if len(value) > MAX_ITEMS:
        raise ValueError("too many to compare")
    out: list[Any] = []
    for item in value:
        if item not in out:
            out.append(item)
    return out


def _toset(value: Any) -> Any:
    items = _distinct(value)
    return SetValue(sorted(items) if all(isinstance(item, str) for item in items) else items)


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
    if len(items) == 1 and isinstance(items[0], dict):
        return items[0]  # join("", data.aws_iam_policy_document.x[*].json): a document, kept as structure
    parts: list[Any] = []
    for index, item in enumerate(items):
        parts += [separator, item] if index else [item]
    return join_parts(parts)


def _format(pattern: Any, *values: Any) -> Any:
    if not isinstance(pattern, str):
        return Unknown("format with a pattern that is not known")
    parts: list[Any] = []
    position = taken = 0
    for match in re.finditer(r"%(?:%|(\[\d{1,4}\])?([-+0 #]{0,4}\d{0,4}(?:\.\d{0,4})?)([sdvtqfexXbo]))", pattern):
        parts.append(_literal(pattern[position : match.start()]))
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
        if known(value) or isinstance(value, list | dict):
            value = _shown(value, match[2], match[3])
        parts.append(value)
    parts.append(_literal(pattern[position:]))
    return join_parts(parts)


def _literal(text: str) -> str:
    """What stands between the verbs of ``format``.

    Raises:
        ValueError: there is one in it that isn't evaluated here, or none that Terraform knows.
    """
    if "%" in text:
        raise ValueError("a verb that isn't evaluated here")
    return text


def _shown(value: Any, flags: str, verb: str) -> Any:
    """One value of ``format``; Terraform's documentation, "format", has the verbs."""
    if verb == "q" or (verb == "v" and "#" in flags) or isinstance(value, list | dict):
        done = _jsonencode(value)
        if not isinstance(done, JsonText):
            return Unknown("format of a value that is not known in full")
        text_value, flags, verb = str(done), flags.replace("#", ""), "s"
    elif verb in "dxXbo":
        number = tonumber(value)
        return (
            Failed("format needs a number")
            if isinstance(number, Unknown)
            else f"%{flags}{verb}" % int(number)
            if verb != "b"
            else f"{number:b}"
        )
    elif verb in "fe":
        number = tonumber(value)
        return Failed("format needs a number") if isinstance(number, Unknown) else f"%{flags}{verb}" % float(number)
    else:
        text_value = plain(value)
    return f"%{flags}s" % text_value if flags else text_value


def _formatlist(pattern: Any, *values: Any) -> Any:
    sizes = {len(value) for value in values if isinstance(value, list)}
    hidden = next((value for value in values if isinstance(value, Unknown)), None)
    if hidden is not None or len(sizes) > 1:
        return hidden if hidden is not None else Failed("formatlist needs lists of the same length")
    count = sizes.pop() if sizes else 1
    return [_format(pattern, *(value[index] if isinstance(value, list) else value for value in values)) for index in range(count)]


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
    if isinstance(value, str):
        return graphemes(value)
    return len(value) if isinstance(value, list | dict) else Unknown("length of a value that is not known")


def _tobool(value: Any) -> Any:
    if value is None or isinstance(value, bool | Unknown):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    return Failed("not a boolean")


def _tostring(value: Any) -> Any:
    if isinstance(value, list | dict):
        return Failed("tostring of a list or map")
    return plain(value) if isinstance(value, bool | int | float) else value


def _slice(items: list[Any], start: int, end: int) -> Any:
    if not isinstance(items, list) or not 0 <= int(start) <= int(end) <= len(items):
        return Failed("slice points outside of its list")
    return items[int(start) : int(end)]


def _zipmap(keys: list[str], values: list[Any]) -> Any:
    return dict(zip(keys, values, strict=True))


def _setproduct(*lists: list[Any]) -> Any:
    out: list[list[Any]] = [[]]
    for part in lists:
        if len(out) * len(part) > MAX_ITEMS:
            raise ValueError("too many combinations")
        out = [[*head, item] for head in out for item in part]
    return out


def _keys(table: Any) -> Any:
    return sorted(table) if isinstance(table, dict) else Failed("keys of something that is no map")


def _index(items: list[Any], wanted: Any) -> Any:
    return items.index(wanted) if wanted in items else Failed("index: the list does not hold the value")


def _chunklist(items: list[Any], size: int) -> Any:
    if size < 0:
        return Failed("chunklist needs a size")
    return [items[start : start + size] for start in range(0, len(items), size)] if size else [items]


def _matchkeys(values: list[Any], keys: list[Any], wanted: list[Any]) -> Any:
    if len(values) != len(keys):
        return Failed("matchkeys needs lists of the same length")
    return [value for value, key in zip(values, keys, strict=True) if key in wanted]


def _transpose(table: dict[str, list[str]]) -> Any:
    out: dict[str, list[str]] = {}
    for key in sorted(table):
        for item in table[key]:
            out.setdefault(item, []).append(key)
    return {key: sorted(out[key]) for key in sorted(out)}


def _tolist(value: Any) -> Any:
    return list(value) if isinstance(value, list) else Failed("not a list") if known(value) else value


def _values(table: Any) -> Any:
    return [table[key] for key in sorted(table)] if isinstance(table, dict) else Failed("values of something that is no map")


def _sort(items: list[Any]) -> Any:
    return sorted(plain(item) for item in items)


def _all(items: list[Any], wanted: bool) -> Any:
    """``alltrue`` (wanted False decides) and ``anytrue`` (wanted True decides)."""
    found = [_tobool(item) for item in items]
    if any(item is wanted for item in found):
        return wanted
    return next((item for item in found if isinstance(item, Unknown)), not wanted)


def _jsonencoded_set(*sets: Any) -> Any:
    return _toset(_concat(*sets))


MAY_BE_UNKNOWN: dict[str, Callable[..., Any]] = {
    "jsonencode": _jsonencode,
    "jsondecode": _jsondecode,
    "concat": _concat,
    "merge": _merge,
    "lookup": _lookup,
    "one": _one,
    "join": _join,
    "format": _format,
    "formatlist": _formatlist,
    "coalesce": _coalesce,
    "length": _length,
    "sensitive": lambda value: value,
    "nonsensitive": lambda value: value,
    "ephemeralasnull": lambda value: value,
    "tostring": _tostring,
    "tobool": _tobool,
}
"""Functions that may be handed unknown values."""

KNOWN: dict[str, Callable[..., Any]] = {
    "flatten": _flatten,
    "distinct": _distinct,
    "toset": _toset,
    "tolist": _tolist,
    "tomap": lambda table: dict(table) if isinstance(table, dict) else Failed("not a map"),
    "keys": _keys,
    "values": _values,
    "element": _element,
    "slice": _slice,
    "reverse": lambda items: items[::-1] if isinstance(items, list) else Failed("not a list"),
    "sort": _sort,
    "compact": lambda items: [item for item in items if item not in (None, "")],
    "contains": _contains,
    "coalescelist": lambda *lists: next((part for part in lists if part), Failed("coalescelist found no list")),
    "zipmap": _zipmap,
    "index": _index,
    "chunklist": _chunklist,
    "matchkeys": _matchkeys,
    "transpose": _transpose,
    "setproduct": _setproduct,
    "setunion": _jsonencoded_set,
    "setsubtract": lambda left, right: _toset([item for item in left if item not in right]),
    "setintersection": lambda left, *rest: _toset([item for item in left if all(item in other for other in rest)]),
    "setsymmetricdifference": lambda left, right: _toset([*(x for x in left if x not in right), *(x for x in right if x not in left)]),
    "alltrue": lambda items: _all(items, False),
    "anytrue": lambda items: _all(items, True),
    "issensitive": lambda _value: False,
}
"""Functions whose arguments must be known (their items may not be)."""
