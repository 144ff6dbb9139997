"""Regular expressions and name patterns that mean the same in Python and in Guard.

Guard has the syntax of Rust's ``regex``, Python its own. What both read alike is little, and all that rules need: literals, ``.``,
classes, groups, alternatives, the quantifiers, ``\\d``, and the anchors. ``read`` refuses the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_TOKEN = re.compile(
    r"(?P<escape>\\[.\-/\\d+*?()\[\]{}|^$])"
    r"|(?P<set>\[\^?(?:\\[.\-/\\d\]\[^]|[A-Za-z0-9_ .:@+=,/-])+\])"
    r"|(?P<open>\((?:\?:|(?!\?)))"
    r"|(?P<quantity>(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})\??)(?![*+?{])"
    r"|(?P<other>[^\\\[\]{}(*+?])",
    re.DOTALL,
)
_PLAIN = re.compile(r"[A-Za-z0-9_-]")


@lru_cache(maxsize=256)
def read(pattern: str) -> tuple[re.Pattern[str], str]:
    """``pattern`` as Python's and as the text of Guard's (without the slashes around it).

    ``$`` is the very end of the text in both; upper and lower case are told apart.

    Raises:
        ValueError: it uses something that isn't the same in both.
    """
    python, guard = "", ""
    for kind, token in _tokens(pattern):
        anchor = kind == "other" and token == "$"
        python += r"\Z" if anchor else token
        guard += _guard_token(kind, token)
    try:
        return re.compile(python), guard
    except re.error as error:
        raise ValueError(f"the pattern '{pattern}' can't be read: {error}") from error


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None or found.lastgroup is None:
            raise ValueError(f"the pattern '{pattern}' uses '{pattern[position : position + 3]}', which Guard may read otherwise")
        yield found.lastgroup, found.group()
        position = found.end()


def _guard_token(kind: str, token: str) -> str:
    if kind == "escape":
        return token if token == r"\d" else escaped(token[1])
    if kind == "set":
        return re.sub(r"\\(.)", lambda found: found.group() if found[1] == "d" else escaped(found[1]), token).replace("/", r"\x2F")
    if kind == "other" and token not in ".^$|)":
        return escaped(token)
    return token


def escaped(text: str) -> str:
    """``text`` as a regular expression for itself, in letters, digits, ``_``, ``-`` and hexadecimal escapes only.

    Guard ends an expression at the first slash that no backslash stands before, and drops a backslash before one: so neither is written.
    """
    return "".join(char if _PLAIN.fullmatch(char) else _hexadecimal(char) for char in text)


def _hexadecimal(char: str) -> str:
    return f"\\x{ord(char):02X}" if ord(char) < 0x80 else f"\\x{{{ord(char):X}}}"


def name_pattern(pattern: str) -> str:
    """An ``fnmatch`` pattern as the text of a regular expression of Guard's, without anchors.

    Raises:
        ValueError: a class in it is a range that runs backwards.
    """
    result, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            result += ".*"
        elif char == "?":
            result += "."
        elif char == "[" and (end := _class_end(pattern, position)) is not None:
            result += _class(pattern[position:end])
            position = end + 1
        else:
            result += escaped(char)
    return result


def _class_end(pattern: str, start: int) -> int | None:
    """Where the class that begins at ``start`` ends, as ``fnmatch`` sees it: a ``]`` at its very beginning belongs to it."""
    first = start + 1 if pattern[start : start + 1] == "!" else start
    end = pattern.find("]", first + 1)
    return end if end >= 0 else None


def _class(inside: str) -> str:
    negated, members = inside.startswith("!"), inside.removeprefix("!")
    parts, position = "", 0
    while position < len(members):
        char = members[position]
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            last = members[position + 2]
            if char > last:
                raise ValueError(f"the range '{char}-{last}' in a name pattern runs backwards")
            parts += f"{_member(char)}-{_member(last)}"
            position += 3
        else:
            parts += _member(char)
            position += 1
    return f"[{'^' if negated else ''}{parts}]"


def _member(char: str) -> str:
    return char if char.isascii() and char.isalnum() else _hexadecimal(char)
