"""Taking names out of free text: ARNs, account ids, addresses, keys, places on disk, and every name that the data itself knows.

A name that only stands in prose, in no field of the data and in none of these forms, can't be told from prose. That is why the public
level shows no free text out of evidence at all (``levels``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

WITHHELD = "withheld"
"""What stands in place of everything that a level doesn't show."""

_FORMS = (
    r"arn:aws[a-z-]*:[^\s\"'<>|,;()\[\]{}]+",
    r"(?:s3|https?|ftp|file)://[^\s\"'<>|]+",
    r"[a-z0-9._%+'-]+@[a-z0-9.-]+",
    r"(?<![0-9])[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9])",  # account ids, as AWS's console writes them too
    r"(?<![a-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}",
    r"(?<![a-z0-9])o-[a-z0-9]{10,32}(?![a-z0-9])",  # an organisation in AWS Organizations
    r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])",
    r"(?<![\w.~])~?/(?:home|users|root|tmp|var|private|mnt|opt)/[^\s\"'<>|]*",
    r"(?<![a-z0-9])[a-z]:\\[^\s\"'<>|]*",
)
_IN_CODE = (
    r"(?:module\.[\w-]+(?:\[[^\]\n]*\])?\.)*(?:data\.)?\b(?:aws|awscc)_\w+\.[^\W\d][\w-]*(?:\[[^\]\n]*\])?",  # an address in Terraform
    rf"(?<!\w)'(?!{WITHHELD}')[^'\n]+'(?!\w)",  # how rules quote names of statements, origins and variables
)
"""What a rule tells of one resource names others, about which there may be nothing else in the data."""
_PATTERNS = (*(re.compile(form, re.IGNORECASE | re.ASCII) for form in _FORMS), *map(re.compile, _IN_CODE))
_SHORTEST = 3


class Scrubber:
    """Replaces names in text. ``names`` are the data's own; texts among ``shipped`` come with Averment and stay as they are."""

    def __init__(self, names: Iterable[str], shipped: Collection[str] = ()) -> None:
        self._shipped = shipped
        self._names = tuple(sorted({name.lower() for name in names if len(name) >= _SHORTEST}, key=lambda name: (-len(name), name)))

    def text(self, value: str) -> str:
        """``value`` with ``withheld`` in place of every name in it; a shipped text as it is."""
        if value in self._shipped:
            return value
        lowered = value.lower()
        for name in self._names:  # the longest first; looking is far cheaper than replacing, and there may be thousands
            if name in lowered:
                value = _whole(name).sub(WITHHELD, value)
                lowered = value.lower()
        for pattern in _PATTERNS:
            value = pattern.sub(WITHHELD, value)
        return value

    def anything(self, value: Any, keep: Collection[str] = ()) -> Any:
        """``value`` (JSON data or a tree of dataclasses, mappings and tuples) with ``text`` done to every string in it, keys included;
        fields named in ``keep`` stay."""
        if isinstance(value, str) and type(value) is str:
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.anything(key): self.anything(item, keep) for key, item in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self.anything(item, keep) for item in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [field.name for field in dataclasses.fields(value) if field.init and field.name not in keep]
            return dataclasses.replace(value, **{name: self.anything(getattr(value, name), keep) for name in fields})
        return value

    def found(self, value: str) -> list[str]:
        """The names in ``value``, shortest last; nothing is looked for by pattern."""
        lowered = value.lower()
        return [name for name in self._names if name in lowered and _whole(name).search(value)]


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", re.IGNORECASE | re.ASCII)


def strings(value: Any) -> Iterator[str]:
    """Every string in a tree of dataclasses, mappings and sequences, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for item in value:
            yield from strings(item)


def leaves(value: Any) -> Iterator[str]:
    """Every string in such a tree that isn't the key of a mapping."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from leaves(item)
    else:
        yield from strings(value)


def parts_of(name: str) -> Iterator[str]:
    """``name`` and what in it is a name by itself: the resource of an ARN, the bucket of a URI, a file without its line, a name and the
    id behind it, the fixed parts of a pattern."""
    yield name
    bare = name.strip("*").strip()
    yield bare
    if match := re.fullmatch(r"(.+) \(([^()]+)\)", bare):  # what AWS Config knows by an id, with that behind its name
        yield from match.groups()
    if match := re.fullmatch(r"(.+?):[0-9]+", bare):
        bare = match[1]
        yield bare
    if bare.startswith("arn:") and bare.count(":") >= 5:
        parts = re.split(r"[:/]", bare.split(":", 5)[5])
        yield from (part for part in (parts[1:] or parts) if distinct(part))  # "distribution/E2OLD": the type names nobody
    elif bare.startswith("s3://"):
        yield bare.removeprefix("s3://").split("/")[0]
    elif "*" in bare:
        yield from (part for part in bare.split("*") if distinct(part))


def distinct(part: str) -> bool:
    """Whether a part of a name is a name, and not a word such as ``function``: long, or with a digit, hyphen or underscore in it."""
    return len(part) >= 12 or (len(part) >= 4 and re.search(r"[0-9_-]", part) is not None)
