"""Independent units: what a claim on a detector counts instead of images.

A unit is a person, a video or a source: what the column says that the claim names, else ``group`` where the manifest has it, else each
image by itself. A column that is asked for units and has none for an image is bad input: taken for a unit of its own, fifty frames of one
video would count for fifty.

The same bytes twice are no second observation, whatever the rows say. Media with one content are one unit, and so are all units that share
one: a fake that lies there sixty times shows what it shows once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from averment.core.errors import BadInputError
from averment.core.words import counted
from averment.detector.claims.frame import Item, Population
from averment.detector.claims.tables import called


def column_of(population: Population, clusters: str | None) -> str | None:
    """The column of independent units: ``clusters``, which the claim names, else ``group`` where there is one, else none."""
    if clusters is not None:
        return clusters
    return "group" if population.items and all("group" in item.labels for item in population.items) else None


def unit_of(item: Item, column: str | None) -> str:
    """The independent unit of ``item``: the one that it shares by its bytes (``with_units``), else what ``column`` says, else itself."""
    return item.unit or (called(item.labels[column]) if column is not None else item.name)


def checked_column(population: Population, items: Sequence[Item], clusters: str | None) -> str | None:
    """``column_of``, if every one of ``items`` has a value there.

    Raises:
        BadInputError: there is no column ``clusters``, or an image has no value in the column of units; names the image.
    """
    if clusters is not None and any(clusters not in item.labels for item in items):
        raise population.lacks(clusters, "clusters")
    column = column_of(population, clusters)
    if column is not None:
        blank = [item for item in items if not item.labels[column].strip()]
        if blank:
            raise BadInputError(
                f"the population '{population.name}' says of {counted(len(blank), 'image')} no {column}, such as {blank[0].name}, so nobody knows which "
                "of them belong together",
                where=population.place(blank[0]),
                fix=f"fill the column {column}, or write clusters: file if every image stands for itself",
            )
    return column


class Joined:
    """Units that are put together where they share a medium; ``root`` is what all of them are called, the first name in order."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, unit: str) -> str:
        """The name of the unit that ``unit`` is part of."""
        while (above := self._parent.setdefault(unit, unit)) != unit:
            unit = self._parent[unit] = self._parent.setdefault(above, above)
        return unit

    def join(self, one: str, other: str) -> None:
        """``one`` and ``other`` are one."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first


def sharing(contents: Iterable[tuple[str, str]]) -> Joined:
    """The units that share a medium by its bytes put together, from units and digests of what was read ("" where nobody knows).

    What was read tells more than what a frame knows of it: an ETag in S3 differs for copies that KMS encrypts or that came in parts.
    """
    joined, first = Joined(), dict[str, str]()
    for unit, content in contents:
        if content:
            joined.join(first.setdefault(content, unit), unit)
    return joined


def with_units(population: Population, items: Sequence[Item], clusters: str | None) -> list[Item]:
    """``items`` of ``population``, those with the same bytes as another marked as repeating it, and the units that they share put together.

    What the frame doesn't pin by content is read for it, one at a time.

    Raises:
        BadInputError: as ``checked_column``.
        ContentError, IncompleteError: as ``Population.read``.
    """
    column = checked_column(population, items, clusters)
    own = [unit_of(item, column) for item in items]
    joined, first, repeats = Joined(), dict[str, int](), dict[int, str]()
    for index, item in enumerate(items):
        content = population.content(item)
        if content is None:
            continue
        known = first.setdefault(content, index)
        if known != index:
            repeats[index] = items[known].name
            joined.join(own[known], own[index])
    if not repeats:
        return list(items)
    return [replace(item, repeats=repeats.get(index), unit=joined.root(own[index])) for index, item in enumerate(items)]
