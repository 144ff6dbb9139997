"""Python's f-strings of 3.12 and later, taken out of a text so that an older Python can parse the rest.

Since PEP 701 the braces of an f-string may hold its own quotes and line breaks, which earlier parsers refuse. What stands in an
f-string is text for people, nearly always; where it calls something whose name is about faces, or a
Rekognition client, nothing is taken out.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

_TOKEN = re.compile(r"(?P<prefix>\b[A-Za-z]{1,2}|)(?P<quote>\"{3}|'{3}|[\"'])|#[^\n]*|\w+|[^\w\"'#]+")
"""A string's beginning, a comment, a word, or what stands between."""

_MATTERS = re.compile(r"(?:compare|search|index|detect|session|liveness|match)\w{0,60}\s*\(|rekognition\w{0,60}\s*[.\[(]", re.IGNORECASE)
_MOST_DEPTH = 20


def without_fstrings(text: str) -> str | None:
    """``text`` with plain strings of as many lines in place of its f-strings; None if it can't be told where one ends, or one matters."""
    out: list[str] = []
    position = 0
    while (token := _TOKEN.match(text, position)) is not None:
        if token["quote"] is None:
            out.append(token[0])
            position = token.end()
            continue
        fields: list[str] = []
        end = _end_of_string(text, token, 0, fields)
        if end is None or any(_MATTERS.search(field) for field in fields):
            return None
        written = text[token.start() : end]
        out.append('"""' + "\n" * written.count("\n") + '"""' if "f" in token["prefix"].lower() else written)
        position = end
    return "".join(out)


def _end_of_string(text: str, token: re.Match[str], depth: int, fields: list[str]) -> int | None:
    """The position after the string literal that ``token`` opens; what its braces hold is added to ``fields``."""
    formatted, quote = "f" in token["prefix"].lower(), token["quote"]
    position = token.end()
    while position < len(text):
        if text.startswith(quote, position):
            return position + len(quote)
        if text[position] == "\\" or (formatted and text.startswith(("{{", "}}"), position)):
            position += 2
        elif formatted and text[position] == "{":
            after = _end_of_field(text, position + 1, depth + 1)
            if after is None:
                return None
            fields.append(text[position:after])
            position = after
        elif text[position] == "\n" and len(quote) == 1:
            return None
        else:
            position += 1
    return None


def _end_of_field(text: str, position: int, depth: int) -> int | None:
    """The position after the brace that closes a replacement field; strings within it are passed over whole."""
    opened = 1
    while position < len(text) and depth < _MOST_DEPTH:
        token = _TOKEN.match(text, position)
        if token is not None and token["quote"] is not None:
            end = _end_of_string(text, token, depth, [])
            if end is None:
                return None
            position = end
            continue
        opened += {"{": 1, "}": -1}.get(text[position], 0)
        position += 1
        if opened == 0:
            return position
    return None


def tree_of(data: bytes, path: Path) -> ast.Module:
    """The tree of a file; before Python 3.12, f-strings in the newer syntax are taken for plain strings.

    Raises:
        SyntaxError: it isn't valid Python; the place is that in the file as it stands.
    """
    try:
        return ast.parse(data, filename=str(path))
    except SyntaxError as error:
        older = without_fstrings(data.decode("utf-8-sig")) if sys.version_info < (3, 12) else None
        if older is None:
            raise
        try:
            return ast.parse(older, filename=str(path))
        except SyntaxError:
            raise error from None
