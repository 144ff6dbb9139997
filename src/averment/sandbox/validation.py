"""Requests checked against botocore's service model, as the services check them: lengths, patterns, enums, what is required.

boto3 checks types, required members and minimal lengths only, so a request that the real service refuses leaves the client
without a word; moto checks what somebody thought of. The model says it all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_SHOWN = 100
"""Characters of a bad value that an error repeats."""


@dataclass(frozen=True)
class Violation:
    """One way in which a value breaks its shape. ``path`` is as AWS writes it: ``manualEvidence.3.member.textResponse``."""

    path: str
    value: Any
    constraint: str

    def __str__(self) -> str:
        shown = str(self.value)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        return f"Value '{shown}' at '{self.path}' failed to satisfy constraint: {self.constraint}"


def message(violations: list[Violation]) -> str:
    """AWS's own words for ``violations``."""
    count = len(violations)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(str(violation) for violation in violations)}"


def violations(shape: Any, value: Any, path: str = "") -> Iterator[Violation]:
    """Every violation of botocore's ``shape`` by ``value`` (as parsed: bytes for blobs, unknown members allowed)."""
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield Violation(path, value, "Member must be a list")
            return
        yield from _size(shape, value, path)
        for number, item in enumerate(value, start=1):
            yield from violations(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        if not isinstance(value, Mapping):
            yield Violation(path, value, "Member must be a map")
            return
        yield from _size(shape, value, path)
        for key, item in value.items():
            yield from violations(shape.key, key, f"{path}.{key}.key")
            yield from violations(shape.value, item, f"{path}.{key}.value")
    elif kind in ("string", "blob"):
        yield from _text(shape, value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _number(shape, value, path)


@lru_cache(maxsize=512)
def pattern(text: str) -> re.Pattern[str]:
    """A model's pattern compiled; Java's reading of a hyphen after a class (``\\s-_``) is a plain hyphen.

    Raises:
        re.error: a pattern that Python can't read even so; better a loud failure than an unchecked value.
    """
    try:
        return re.compile(text)
    except re.error:
        return re.compile(re.sub(r"(\\[swdSWD])-", r"\1\\-", text))


def _structure(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, Mapping):
        yield Violation(path, value, "Member must be a structure")
        return
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield Violation(f"{prefix}{name}", "null", "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from violations(member, value[name], f"{prefix}{name}")


def _text(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, str | bytes):
        yield Violation(path, value, "Member must be a string")
        return
    yield from _size(shape, value, path)
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield Violation(path, value, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    wanted = shape.metadata.get("pattern")
    if wanted and isinstance(value, str) and not pattern(wanted).fullmatch(value):
        yield Violation(path, value, f"Member must satisfy regular expression pattern: {wanted}")


def _size(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        yield Violation(path, value, f"Member must have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield Violation(path, value, f"Member must have length less than or equal to {high}")


def _number(shape: Any, value: Any, path: str) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Violation(path, value, "Member must be a number")
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield Violation(path, value, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield Violation(path, value, f"Member must have value less than or equal to {high}")
