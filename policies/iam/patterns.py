"""IAM's wildcards: ``*`` is any run of characters, ``?`` is one. There are no others and no escapes."""

from __future__ import annotations

import re
from functools import lru_cache

_STARS = re.compile(r"\*{2,}")
_BEYOND = 4096
"""Signs, of both of two patterns: more than that is no ARN, action or bucket's name to AWS (2048 at most), and isn't compared."""


@lru_cache(maxsize=16_384)
def overlap(first: str, second: str) -> bool:
    """Whether some text matches both patterns. Symmetric; with a plain text as one side it is ordinary matching.

    Linear in the product of the lengths: patterns come from other people's files. Two that are absurdly long are said to overlap.
    """
    if min(len(first), len(second)) > _BEYOND:
        return True
    first, second = _STARS.sub("*", first), _STARS.sub("*", second)
    reachable = _skip_stars({0}, second)
    for char in first:
        if char == "*":
            reachable = set(range(min(reachable), len(second) + 1))
            continue
        reachable = _skip_stars({after for at in reachable if (after := _step(char, at, second)) is not None}, second)
        if not reachable:
            return False
    return len(second) in reachable


@lru_cache(maxsize=16_384)
def contains(wide: str, narrow: str) -> bool:
    """Whether every text that matches ``narrow`` matches ``wide``. Never True where it isn't so; patterns that only add up are missed."""
    if min(len(wide), len(narrow)) > _BEYOND:
        return False
    wide, narrow = _STARS.sub("*", wide), _STARS.sub("*", narrow)
    places = _skip_stars({0}, wide)
    for char in narrow:
        following = {at if wide[at] == "*" else at + 1 for at in places if at < len(wide) and _takes(wide[at], char)}
        places = _skip_stars(following, wide)
        if not places:
            return False
    return len(wide) in places


def _takes(wide: str, char: str) -> bool:
    """Whether one sign of a pattern stands for all that ``char`` of another stands for."""
    return wide in ("*", char) or (wide == "?" and char != "*")


def _step(char: str, at: int, pattern: str) -> int | None:
    """Where ``pattern`` stands after a ``char`` of the other pattern (no star) was consumed, starting from ``at``; None if it can't be."""
    if at == len(pattern):
        return None
    here = pattern[at]
    if here == "*":
        return at
    return at + 1 if "?" in (char, here) or char == here else None


def _skip_stars(places: set[int], pattern: str) -> set[int]:
    """``places`` and all that can be reached from them by letting a ``*`` (never two in a row) stand for nothing."""
    return places | {at + 1 for at in places if at < len(pattern) and pattern[at] == "*"}


def action_matches(pattern: str, action: str) -> bool:
    """Whether an ``Action`` entry covers ``action``; IAM compares actions without regard to case."""
    if pattern == "*":
        return True
    return overlap(pattern.lower(), action.lower())


def is_wildcard(text: str) -> bool:
    """Whether ``text`` matches everything (only stars)."""
    return bool(text) and not text.strip("*")
