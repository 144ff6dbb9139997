"""Terraform's functions on text: strings, patterns, encodings, digests. All arguments are known values."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
import re
import unicodedata
import urllib.parse
from collections.abc import Callable
from typing import Any

from averment.core.errors import BadInputError
from averment.policies.surfaces.terraform.values import Failed

MAX_PATTERN = 500

MAX_PATTERN_WORK = 1_000_000
"""Steps that a pattern may need in the worst case: Terraform's engine takes linear time on any, ours doesn't."""


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P<\w*>|[ims]*:)?)?|(?P<loop>(?:[*+?]|\{\d*,?\d*\})[?+]?)|.", re.DOTALL)


def graphemes(text: str) -> int:
    """The number of characters as people count them (near enough: combining marks don't count)."""
    return sum(unicodedata.combining(char) == 0 for char in text) if not text.isascii() else len(text)


def json_text(value: Any, default: Callable[[Any], Any]) -> str:
    """JSON as ``jsonencode`` writes it: no blanks, keys in order, ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(value, default=default, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _pattern(source: str, text: str) -> re.Pattern[str]:
    """An RE2 pattern for Python's engine, if it can't take long on ``text``.

    Raises:
        ValueError: it isn't a pattern both engines read alike, or could take too long.
    """
    if len(source) > MAX_PATTERN or re.search(r"\\[pPQCzZGKXkR]|\(\?(?!:|P<|[ims]+[:)])|\[\[:|\\x\{", source):
        raise ValueError("a pattern that isn't evaluated here")
    if _work(source, len(text)) > MAX_PATTERN_WORK:
        raise ValueError("a pattern that could take too long")
    return re.compile(source.replace(r"\z", r"\Z"))


def _work(source: str, length: int) -> float:
    """How many ways there may be to try the pattern ``source`` on a text of ``length`` signs: from each place, a loop may end anywhere, and
    what may be left out or has alternatives goes two ways. One that holds on to the beginning is tried there alone. There is no bound where
    a group repeats that holds one of these."""
    places, work, length = max(1, length), 1.0, max(2, length)
    anchored = source.startswith("^") and re.search(r"\(\?[is]*m", source) is None
    groups, closed = [False], False
    """Whether each open group holds a choice, and whether the group that ended just now did."""
    for token in _TOKEN.finditer(source):
        sign = token[0]
        if token["loop"] is not None:
            exact = re.fullmatch(r"\{(\d+)\}[?+]?", sign)
            if closed and not sign.startswith("?"):
                return math.inf
            work *= int(exact[1]) or 1 if exact else 2 if sign.startswith("?") else length
            groups[-1] = groups[-1] or exact is None
        elif sign == "|":
            work, groups[-1] = work * 2, True
            anchored = anchored and len(groups) > 1
        elif sign.startswith("("):
            groups.append(False)
        closed = sign == ")" and len(groups) > 1 and groups.pop()
        groups[-1] = groups[-1] or closed
    return work if anchored else work * places


def _replace(text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        pattern = _pattern(old[1:-1], text)
        return pattern.sub(lambda match: _expanded(new, match), text)
    return text.replace(old, new)


def _expanded(template: str, match: re.Match[str]) -> str:
    """Go's replacement syntax: ``$1``, ``${1}``, ``$name``, ``$$``."""

    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if found[0] == "$$":
            return "$"
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except (IndexError, KeyError):
            return ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, template)


def _captured(match: re.Match[str]) -> Any:
    if match.re.groupindex:
        return {name: match[name] for name in match.re.groupindex}
    return list(match.groups()) if match.re.groups else match[0]


def _regex(pattern: str, text: str) -> Any:
    match = _pattern(pattern, text).search(text)
    return _captured(match) if match is not None else Failed("regex: the pattern does not match")


def _regexall(pattern: str, text: str) -> Any:
    return [_captured(match) for match in _pattern(pattern, text).finditer(text)]


def _substr(text: str, offset: int, length: int) -> Any:
    start = int(offset) + len(text) if offset < 0 else int(offset)
    if start < 0 or start > len(text):
        return Failed("substr points outside of its text")
    return text[start:] if length < 0 else text[start : start + int(length)]


def _title(text: str) -> str:
    return re.sub(r"(^|[\s])(\w)", lambda match: match[1] + match[2].upper(), text)


def _digest(name: str, *, as_base64: bool = False) -> Callable[[str], str]:
    def digest(text: str) -> str:
        value = hashlib.new(name, text.encode(), usedforsecurity=False)
        return base64.b64encode(value.digest()).decode() if as_base64 else value.hexdigest()

    return digest


def _base64decode(text: str) -> Any:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (ValueError, UnicodeDecodeError):
        return Failed("base64decode of something else")


def _yamldecode(text: Any) -> Any:
    """YAML 1.2 as Terraform reads it; merge keys and aliases are left to whoever expands them safely. A document with holes is parsed already."""
    if isinstance(text, dict):
        return text
    if re.search(r"(?m)(^|[\s\[{,:-])[&*][\w-]+", text) or re.search(r"(?m)^[ \t-]*!", text):
        raise ValueError("anchors and tags are left to tfparse")
    if re.search(r"(?m)(?:^|[\s\[{,:-])(?:0\d|\d+_|\d{4}-\d|[yYnN]\s*(?:$|[,\]}]))", text):
        raise ValueError("scalars that the versions of YAML read differently")
    if not text.strip():
        return Failed("yamldecode of nothing")
    from averment.policies.surfaces.cloudformation.parsing import parse_template  # as few configurations decode YAML

    try:
        return _plain(parse_template(text, "yamldecode"))
    except BadInputError:
        return Failed("yamldecode of something that is not YAML")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _csvdecode(text: str) -> Any:
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:  # a field of more than 128 KiB
        raise ValueError("rows that aren't read here") from error
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        return Failed("csvdecode: the rows differ in length")
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def _split(separator: str, text: str) -> list[str]:
    if not text:
        return [""] if separator else []
    return text.split(separator) if separator else list(text)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": _title,
    "trimspace": str.strip,
    "trim": lambda text, chars: text.strip(chars),
    "trimprefix": lambda text, prefix: text.removeprefix(prefix),
    "trimsuffix": lambda text, suffix: text.removesuffix(suffix),
    "chomp": lambda text: text.rstrip("\r\n"),
    "strrev": lambda text: text[::-1],
    "replace": _replace,
    "regex": _regex,
    "regexall": _regexall,
    "split": _split,
    "substr": _substr,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "strcontains": lambda text, part: part in text,
    "indent": lambda spaces, text: text.replace("\n", "\n" + " " * min(int(spaces), 1000)),
    "base64encode": lambda text: base64.b64encode(text.encode()).decode(),
    "base64decode": _base64decode,
    "urlencode": urllib.parse.quote_plus,
    "md5": _digest("md5"),
    "sha1": _digest("sha1"),
    "sha256": _digest("sha256"),
    "sha512": _digest("sha512"),
    "base64sha256": _digest("sha256", as_base64=True),
    "base64sha512": _digest("sha512", as_base64=True),
    "yamldecode": _yamldecode,
    "csvdecode": _csvdecode,
    "basename": lambda text: text.rstrip("/").rpartition("/")[2] or ("/" if text.startswith("/") else "."),
    "dirname": lambda text: text.rpartition("/")[0] or ("/" if text.startswith("/") else "."),
}
