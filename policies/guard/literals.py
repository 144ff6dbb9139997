"""Values in Guard's notation, whatever characters they hold.

Guard 2.0 knows no escapes in strings, later versions know one, and all of them drop a backslash before a slash in a regular expression.
So a string is written as such only if it is plain; any other becomes a regular expression for itself, with hexadecimal escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from averment.policies.predicates.patterns import escaped, name_pattern

NO_TEXT = "/^(?:|null|true|false)$/"
"""What texts alone are unequal to: nothing of another type compares with a text, and a JSON null is that word to Guard 2."""

_PLAIN = re.compile(r"[A-Za-z0-9 _.:/@+=,*()-]+")
_MESSAGE = re.compile(r"[^A-Za-z0-9 _.:;,'/()%*=-]")


def literal(value: bool | int | str) -> str:
    """The right-hand side of ``==`` for ``value``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f'"{value}"' if _PLAIN.fullmatch(value) else f"/^{escaped(value)}$/"


def regular(text: str) -> str:
    """A regular expression in its slashes; ``text`` is what ``patterns.read`` or ``escaped`` gave."""
    return f"/{text}/"


def names(patterns: Iterable[str], *, any_case: bool) -> str:
    """A regular expression for a whole text that fits one of the ``fnmatch`` ``patterns``.

    Raises:
        ValueError: a pattern can't be said in one.
    """
    inside = "|".join(name_pattern(pattern.lower() if any_case else pattern) for pattern in patterns)
    return f"/(?s{'i' if any_case else ''})^(?:{inside})$/"


def message(text: str) -> str:
    """``text`` as a custom message: what could end it early, or confuse a reader, is left out."""
    return f"<<{_MESSAGE.sub(' ', text)}>>"


def comment(text: str) -> str:
    """``text`` as one line of comment."""
    return f"# {_MESSAGE.sub(' ', text)}"
