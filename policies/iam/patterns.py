"""IAM's wildcards: ``*`` is any run of characters, ``?`` is one. There are no others and no escapes."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=16_384)
def overlap(first: str, second: str) -> bool:
    """Whether some text matches both patterns. Symmetric; with a plain text as one side it is ordinary matching.

    Linear in the product of the lengths: patterns come from other people's files.
    """
    reachable = {0}
    reachable = _skip_stars(reachable, second)
    for char in first:
        following: set[int] = set()
        for at in reachable:
            following |= _step(char, at, second)
        if char == "*":
            following |= reachable
        reachable = _skip_stars(following, second)
        if not reachable:
            return False
    return len(second) in reachable


@lru_cache(maxsize=16_384)
def contains(wide: str, narrow: str) -> bool:
    """Whether every text that matches ``narrow`` matches ``wide``. Never True where it isn't so; patterns that only add up are missed."""
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


def _step(char: str, at: int, pattern: str) -> set[int]:
    """Where ``pattern`` may stand after ``char`` of the other pattern was consumed, starting from ``at``."""
    if char == "*":
        return set(range(at, len(pattern) + 1))
    if at == len(pattern):
        return set()
    here = pattern[at]
    if here == "*":
        return {at}
    return {at + 1} if "?" in (char, here) or char == here else set()


def _skip_stars(places: set[int], pattern: str) -> set[int]:
    """``places`` and all that can be reached from them by letting a ``*`` stand for nothing."""
    result = set(places)
    for at in places:
        following = at
        while following < len(pattern) and pattern[following] == "*":
            following += 1
            result.add(following)
    return result


def action_matches(pattern: str, action: str) -> bool:
    """Whether an ``Action`` entry covers ``action``; IAM compares actions without regard to case."""
    if pattern == "*":
        return True
    return overlap(pattern.lower(), action.lower())


def is_wildcard(text: str) -> bool:
    """Whether ``text`` matches everything (only stars)."""
    return bool(text) and not text.strip("*")
