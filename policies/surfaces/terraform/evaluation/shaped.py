"""What is still known of a text that a function changes while a part of it is known only at deployment: ``lower("Uploads-${var.env}")``.

It is good for recognising a name by its pattern, as ``Unknown.template`` is. Texts that were equal before stay equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import hole
from averment.policies.surfaces.terraform.functions.text import FUNCTIONS

_PARTS_ALONE = frozenset({"lower", "upper", "replace"})
"""Functions that change each part of a text by itself; ``replace`` as far as what it looks for lies within one."""

_ENDS: dict[str, tuple[bool, bool]] = {
    "chomp": (False, True),
    "trim": (True, True),
    "trimprefix": (True, False),
    "trimspace": (True, True),
    "trimsuffix": (False, True),
}
"""Functions that take something off the beginning, and off the end."""

_LONG = 32
_MARKS = re.compile(r"[\"{}$]")
_BUCKET = re.compile(r"(?:^|\.)aws_s3_bucket\.[^.]+$")


def kept(name: str, arguments: list[Any]) -> Reference | None:
    """The link that ``lower`` of a bucket's name or ARN is: S3 knows small letters alone."""
    link = arguments[0] if len(arguments) == 1 else None
    if name != "lower" or not isinstance(link, Reference) or not _BUCKET.search(link.address) or link.attribute not in {"Ref", "Arn"}:
        return None
    return Reference(link.address, link.attribute, link.suffix.lower(), link.prefix.lower())


def template_of(name: str, arguments: list[Any]) -> str | None:
    """The template of what the function ``name`` makes of a text with holes; None where nothing of the text is known, or stays."""
    if not arguments or any(isinstance(item, Unknown | Reference | dict | list) for item in arguments[1:]):
        return None
    text, rest = arguments[0], arguments[1:]
    parts = list(_parts(hole(text))) if isinstance(text, Unknown | Reference) else []
    if not any(known for _, known in parts):
        return None
    if name in _PARTS_ALONE and not (rest and str(rest[0]).startswith("/")):
        return "".join(_changed(name, part, rest) if known else _hole(name, part, rest) for part, known in parts)
    if name in _ENDS:
        return _trimmed(name, parts, rest)
    if name == "substr" and len(rest) == 2 and rest[0] == 0:
        return _begun(parts, rest)
    return None


def _begun(parts: list[tuple[str, bool]], rest: list[Any]) -> str | None:
    """The beginning of a text. A long one, as names are cut to what AWS takes, is the text itself but for its end."""
    if not 0 <= rest[1] < _LONG:
        return "".join(part if known else _hole("substr", part, rest) for part, known in parts)
    first, known = parts[0]
    return first[: int(rest[1])] + _hole("substr", "".join(part for part, _ in parts[1:]), rest) if known else None


def _trimmed(name: str, parts: list[tuple[str, bool]], rest: list[Any]) -> str:
    """The text without what is taken off its ends; what is there of a hole isn't known, nor what comes to light where a whole part goes."""
    out = [part for part, _ in parts]
    for wanted, place in zip(_ENDS[name], (0, -1), strict=True):
        if wanted and not parts[place][1]:
            out[place] = _hole(name, out[place], rest)
        elif wanted:
            blank = "\x00"  # stands for the part beside it, which isn't taken off
            marked = f"{out[place]}{blank}" if place == 0 else f"{blank}{out[place]}"
            out[place] = str(_changed(name, marked, rest)).replace(blank, "")
    return "".join(out)


def _changed(name: str, part: str, rest: list[Any]) -> str:
    function: Callable[..., Any] = FUNCTIONS[name]
    return str(function(part, *rest))


def _hole(name: str, part: str, rest: list[Any]) -> str:
    said = ", ".join(_MARKS.sub("", str(item)) for item in (part, *rest))
    return f"${{{name}({said})}}"


def _parts(template: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a template: what is known of it, and its holes, which may have braces of their own."""
    start = position = 0
    while (position := template.find("${", position)) >= 0:
        depth, end = 1, position + 2
        while end < len(template) and depth:
            depth += {"{": 1, "}": -1}.get(template[end], 0)
            end += 1
        if start < position:
            yield template[start:position], True
        yield template[position:end], False
        start = position = end
    if start < len(template):
        yield template[start:], True
