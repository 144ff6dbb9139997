"""Reading the fields of a claim's statement, with errors that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from averment.core.errors import BadInputError
from averment.detector.claims.tables import called

MAX_SAMPLE = 1_000_000

BY_DECISION = "by the detector's decision over all its families"
"""What rates at the threshold are rates of, in a statement."""


def known_fields(spec: Mapping[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Refuse unknown and missing fields.

    Raises:
        BadInputError: names the field and the known ones.
    """
    for key in spec:
        if key not in required and key not in optional:
            raise BadInputError(
                f"a {spec['type']} claim has no field '{key}'", fix=f"known fields: {', '.join(sorted({*required, *optional}))}"
            )
    for key in required:
        if key not in spec:
            raise BadInputError(f"the {spec['type']} claim lacks '{key}'", fix=f"add {key}: ...")


def share(spec: Mapping[str, Any], key: str, default: float | None = None, *, inner: bool = False) -> float:
    """A number from 0 to 1; with ``inner`` neither 0 nor 1.

    Raises:
        BadInputError: absent without a default, not a number, or out of range.
    """
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or (inner and value in {0, 1}):
        within, meant = f"a share {'between' if inner else 'from'} 0 {'and' if inner else 'to'} 1", _of_hundred(value)
        fix = f"write {within}, such as 0.95" if meant is None else f"write {within}: {meant:g} for {meant * 100:g} %"
        raise BadInputError(f"{key} is {value!r}", fix=fix)
    return float(value)


def _of_hundred(value: Any) -> float | None:
    """The share that somebody meant who wrote so many per cent; None where the value reads as none."""
    text = str(value).strip()
    number = text.removesuffix("%").strip().replace(",", ".")
    if isinstance(value, bool) or not _NUMBER.fullmatch(number) or not (number != text or float(number) > 1):
        return None
    share = float(number) / 100 if text.endswith("%") or float(number) > 1 else float(number)
    return round(share, 12) if 0 < share < 1 else None


FINEST = 1e-6
"""No bar lies nearer to nought or to one, unless it is that: it would take millions of units to tell them apart."""

MOST_CONFIDENCE = 0.9999
"""What a statement may ask for. The looks at a claim share its error, and what is left for each has to be a number yet."""

_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)

SAYS_NOTHING = {"at_least": 0.0, "at_most": 1.0}
"""What every share keeps, whatever was found."""


def bar(spec: Mapping[str, Any], key: str, default: float | None = None, *, fix: str | None = None) -> float:
    """The share that a statement sets as its bar, ``at_least`` or ``at_most``.

    Raises:
        BadInputError: as ``share``, one that nothing can miss, or one that no sample can tell from nought or from one; ``fix`` is what to
            write instead.
    """
    value = share(spec, key, default)
    if 0 < value < FINEST or 1 - FINEST < value < 1:
        raise BadInputError(
            f"{key} is {value!r}, nearer to {round(value)} than any sample can tell",
            fix=f"write {round(value)}, or a share from {FINEST:f} to {1 - FINEST:f}",
        )
    if value == SAYS_NOTHING[key]:
        raise BadInputError(f"{key} is {value:g}, which says nothing", fix=fix or "write a bar that a bad outcome misses")
    return value


def confidence(spec: Mapping[str, Any], default: float) -> float:
    """The ``confidence`` of a statement: above a half and below 1.

    At a half or less the lower bound lies above the upper one, and a claim would be supported whatever the data say. The level of a look may
    lie above what a statement may ask for (``stated_confidence``).

    Raises:
        BadInputError: something else.
    """
    value = share({"confidence": spec.get("confidence", default)}, "confidence", inner=True)
    if value <= 0.5:
        raise BadInputError(f"confidence is {value:g}", fix=f"write a confidence above 0.5 and up to {MOST_CONFIDENCE}, such as 0.95")
    return value


def stated_confidence(spec: Mapping[str, Any]) -> None:
    """Refuse a statement that asks for more confidence than can be shared among looks.

    Raises:
        BadInputError: it asks for more than ``MOST_CONFIDENCE``.
    """
    value = spec.get("confidence")
    if isinstance(value, int | float) and value > MOST_CONFIDENCE:
        raise BadInputError(f"confidence is {value!r}", fix=f"write a confidence above 0.5 and up to {MOST_CONFIDENCE}, such as 0.95")


def text(spec: Mapping[str, Any], key: str, choices: tuple[str, ...] = ()) -> str:
    """A non-empty text, one of ``choices`` if there are any.

    Raises:
        BadInputError: something else.
    """
    value = spec.get(key)
    if not isinstance(value, str) or not value or (choices and value not in choices):
        raise BadInputError(f"{key} is {value!r}", fix=f"write one of: {', '.join(choices)}" if choices else f"write a text for {key}")
    return value


def labels(spec: Mapping[str, Any], key: str = "where") -> dict[str, str]:
    """The optional ``where``, or another field ``key`` of its kind: column to value, as texts that are the same however they are written (``tables.called``).

    Raises:
        BadInputError: not a mapping of plain values, or one of true and false: a table holds words.
    """
    value = spec.get(key, {})
    if not isinstance(value, Mapping) or not all(isinstance(item, str | int | float) for item in value.values()):
        raise BadInputError(f"{key} is {value!r}", fix=f"write columns and values, such as {key}: {{split: test}}")
    for column, item in value.items():
        if isinstance(item, bool):
            raise BadInputError(
                f"{key} asks for {str(item).lower()} in {column}, and a table holds words (YAML takes yes, no, on and off for true and false)",
                fix=f'quote the word as it stands in the table, such as {key}: {{{column}: "yes"}}',
            )
    return {str(column): called(str(item)) for column, item in value.items()}


def conditions(confidence: float, *more: str) -> str:
    """Under what a statement is judged, at its end: ``(95 % confidence; units by person)``. What is "" is left out."""
    return f"({'; '.join([f'{percent(confidence)} confidence', *filter(None, more)])})"


def units_by(clusters: str | None) -> str:
    """What a statement that names its ``clusters`` says of them; "" where it leaves them to the manifest."""
    if clusters is None:
        return ""
    return "each image a unit of its own" if clusters == "file" else f"units by {clusters}"


def rows(where: Mapping[str, str]) -> str:
    """``where`` within a statement: `` (split test, kind face)``, or nothing."""
    return f" ({', '.join(f'{key} {value}' for key, value in where.items())})" if where else ""


def sample_size(spec: Mapping[str, Any]) -> int | None:
    """The optional ``sample``: a whole number from 1, or None.

    Raises:
        BadInputError: something else.
    """
    return whole(spec, "sample", 1, MAX_SAMPLE)


def whole(spec: Mapping[str, Any], key: str, least: int, most: int) -> int | None:
    """The optional whole number ``key`` from ``least`` to ``most``.

    Raises:
        BadInputError: something else.
    """
    value = spec.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadInputError(f"{key} is {value!r}", fix=f"write a whole number from {least:,} to {most:,}")
    return value


def positive(spec: Mapping[str, Any], key: str, most: float) -> float:
    """A number above 0, at least ``FINEST``, and up to ``most``.

    Raises:
        BadInputError: absent, not a number, or out of range.
    """
    value = spec.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not FINEST <= value <= most:
        raise BadInputError(f"{key} is {value!r}", fix=f"write a number from {FINEST:f} to {most:g}")
    return float(value)


def percent(value: float) -> str:
    """A share for people: 99 %, 99.5 %, 0.031 %. None but all reads as 100 %, and none but nothing as 0 %."""
    rounded = round(value * 100, 3)
    return f"{value * 100:.8g} %" if rounded in {0, 100} and value not in {0, 1} else f"{rounded:g} %"
