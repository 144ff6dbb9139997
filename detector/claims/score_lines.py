"""Scores as JSON lines, as ``averment media scan --format jsonl`` writes them: one object an image.

Each holds the ``probabilities`` of all families, or in ``cannot_say`` why there is none. A family without a probability is one of which the
detector could not say. What else is plain (a text, a number) can be picked by with ``where``, and ``group`` added to each line says what
belongs together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.detector.claims.tables import MARK, check_header
from averment.detector.interface import Family

FIX = "write it with averment media scan --format jsonl"


@dataclass(frozen=True)
class Row:
    """A line of a file of scores: its number, its plain ``columns``, and what gives its score (None where the detector could not say)."""

    line: int
    columns: Mapping[str, str]
    score: Callable[[], float | None]

    def of(self, column: str, where: SourceRef) -> str:
        """What stands in ``column``.

        Raises:
            BadInputError: nothing does.
        """
        if column not in self.columns:
            raise BadInputError(f"has no {column}", where=where, fix="add it to every line, or to none")
        return self.columns[column]


def lines_of(text: str, path: str, family: Family) -> tuple[Sequence[str], Iterator[Row]]:
    """The plain columns of the first line, and the lines as they are read.

    Raises:
        BadInputError: a line is no such object; names it. Or a name means something else than it seems to (``tables``).
    """
    rows = _each(text.removeprefix(MARK), path, family)
    first = next(rows, None)
    if first is not None:
        check_header(tuple(first.columns), path, ("group", "cannot_say"))
    return ((), rows) if first is None else (tuple(first.columns), chain([first], rows))


def _each(text: str, path: str, family: Family) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = SourceRef(path, number)
            value = _object(line, where)
            plain = {key: _text(item) for key, item in value.items() if not isinstance(item, dict | list)}
            yield Row(number, plain, partial(_score, value, family, where))


def _object(line: str, where: SourceRef) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"is not a line of JSON: {error}", where=where, fix=FIX) from error
    if not isinstance(value, dict):
        raise BadInputError("is no JSON object", where=where, fix=FIX)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _score(value: Mapping[str, Any], family: Family, where: SourceRef) -> float | None:
    if value.get("cannot_say") is not None:
        return None
    probabilities = value.get("probabilities")
    if not isinstance(probabilities, dict) or not probabilities:
        raise BadInputError("has neither probabilities nor a reason in cannot_say", where=where, fix=FIX)
    found = probabilities.get(family)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise BadInputError(f"{found!r} is not a score", where=where, fix="write a probability from 0 to 1")
    return float(found)
