"""What a claim of type ``data-governance`` may say; see ``data_governance``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.errors import BadInputError
from averment.detector.claims import checks, duplicates, fields
from averment.detector.training.data import ALLOWED_LICENCES, GROUNDS

CHECKS = ("manifest", "hashes", "licences", "consent", "splits", "duplicates", "balance", "subgroups")

COLUMNS = ("file", "sha256", "label", "licence", "attribution", "group")
"""The columns that every row has to fill, unless the claim names others."""

_OPTIONAL = (
    "where",
    "at_least",
    "checks",
    "columns",
    "licences",
    "consent",
    "people",
    "complete",
    "group",
    "split",
    "parts",
    "distance",
    "balance",
    "subgroups",
)


_DEMANDS = ("columns", "licences", "consent", "people", "complete", "group", "split", "distance", "balance", "subgroups")
"""Fields that say what a check asks for; ``parts`` stand in its outcome."""


@dataclass(frozen=True)
class Statement:
    """A claim on data as read. ``people`` selects the rows that show real people; ``complete`` says whether the manifest has to name every
    image in its folder; ``parts`` are the values that ``split`` has to have (none: any two or more); ``balance`` maps a column to the smallest share of
    the media that each of its values may have, ``subgroups`` one to the fewest independent units."""

    population: str
    where: Mapping[str, str]
    bar: float
    checks: tuple[str, ...]
    columns: tuple[str, ...]
    licences: frozenset[str]
    consent: tuple[str, ...]
    people: Mapping[str, str]
    complete: bool
    group: str
    split: str
    parts: tuple[str, ...]
    distance: int
    balance: Mapping[str, float]
    subgroups: Mapping[str, int]

    def __str__(self) -> str:
        rows = f" ({', '.join(f'{key} {value}' for key, value in self.where.items())})" if self.where else ""
        wanted = "every check holds" if self.bar == 1 else f"at least {fields.percent(self.bar)} of the checks hold"
        told = f"; with {', '.join(others)}" if (others := self._others()) else ""
        return f"of the data in {self.population}{rows} {wanted}: {', '.join(self.checks)}{told}"

    def _others(self) -> list[str]:
        """What it asks for otherwise than a claim that says nothing of it: that everything is licensed shows as much as the licences that it allows."""
        usual = read({"type": "data-governance", "population": self.population})
        return [
            f"{name} {_said(getattr(self, name), ' and ' if name == 'columns' else ' or ')}"
            for name in _DEMANDS
            if getattr(self, name) != getattr(usual, name)
        ]


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a value that means nothing.
    """
    fields.known_fields(spec, ("type", "population"), _OPTIONAL)
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bar=checks.share_of_checks(spec),
        checks=checks.chosen(spec, CHECKS),
        columns=_texts(spec, "columns", COLUMNS),
        licences=frozenset(_texts(spec, "licences", tuple(sorted(ALLOWED_LICENCES)))),
        consent=_texts(spec, "consent", GROUNDS),
        people=_people(spec),
        complete=_complete(spec),
        group=fields.text({"group": "group", **spec}, "group"),
        split=fields.text({"split": "split", **spec}, "split"),
        parts=_texts(spec, "parts", ("train", "test")) if "parts" in spec else (),
        distance=int(_number(spec, "distance", duplicates.DISTANCE, duplicates.BITS // 2, whole=True)),
        balance=_least(spec, "balance", {"label": 0.2}, 1),
        subgroups={column: int(least) for column, least in _least(spec, "subgroups", {"label": 10}, 1_000_000, whole=True).items()},
    )


def _said(value: Any, between: str) -> str:
    """A demand in words: "label 0.2 and kind 0.1", "MIT or CC0-1.0", "false"."""
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {each:g}" if isinstance(each, int | float) else f"{key} {each}" for key, each in value.items())
    if isinstance(value, tuple | frozenset):
        return between.join(sorted(value) if isinstance(value, frozenset) else value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(spec: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = spec.get(key, list(default))
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise BadInputError(f"{key} is {value!r}", fix=f"write a list of texts, such as {key}: [{', '.join(default[:2])}]")
    return tuple(value)


def _people(spec: Mapping[str, Any]) -> dict[str, str]:
    value = spec.get("people", {"kind": "face", "label": "real"})
    if not value:
        raise BadInputError(f"people is {value!r}", fix="say which rows show real people: people: {kind: face, label: real}")
    return fields.labels({"people": value}, "people")


def _complete(spec: Mapping[str, Any]) -> bool:
    value = spec.get("complete", True)
    if not isinstance(value, bool):
        raise BadInputError(f"complete is {value!r}", fix="write complete: false if the manifest may leave images of its folder out")
    return value


def _table(spec: Mapping[str, Any], key: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    value = spec.get(key, default)
    if not isinstance(value, Mapping) or not value:
        raise BadInputError(f"{key} is {value!r}", fix=f"write columns and bars, such as {key}: {{label: {default['label']}}}")
    return value


def _least(spec: Mapping[str, Any], key: str, default: Mapping[str, Any], most: float, *, whole: bool = False) -> dict[str, float]:
    """The least that each value of a column has to have, by column."""
    table = _table(spec, key, default)
    found = {column: _number(table, column, None, most, whole=whole) for column in table}
    for column, least in found.items():
        if least == 0:
            raise BadInputError(
                f"{key} of {column} is 0, which says nothing", fix=f"write {key}: {{{column}: {default['label']}}}, or leave it out"
            )
    return found


def _number(spec: Mapping[str, Any], key: str, default: float | None, most: float, *, whole: bool = False) -> float:
    value = spec.get(key, default)
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not 0 <= value <= most:
        raise BadInputError(f"{key} is {value!r}", fix=f"write a {'whole ' if whole else ''}number from 0 to {most:g}")
    return float(value)
