"""What a sheet says of a data set, counted from its manifest."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.detector.claims.tables import check_header
from averment.detector.corpus.sources import SOURCES

NEEDED = ("file", "sha256", "label", "kind", "licence", "attribution", "group", "split")
"""Columns that every manifest of a sheet has."""

RELEASED = "2026-11-28"
"""The day of this release of both data sets; set by hand when either changes."""


@dataclass(frozen=True)
class DataFacts:
    """A data set: its manifest's rows (column to value), and what is known of it besides.

    ``name`` is an identifier, ``title`` and ``purpose`` are for people. ``shipped`` says whether the images lie beside the manifest.
    ``left_out`` counts images that were not taken, by reason; ``checks`` is what the claim on data said of it; both may be unknown (None).
    """

    name: str
    title: str
    purpose: str
    manifest: str
    sha256: str
    rows: tuple[Mapping[str, str], ...]
    shipped: bool
    left_out: Mapping[str, int] | None = None
    checks: tuple[Mapping[str, Any], ...] | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def count(self, *columns: str) -> dict[tuple[str, ...], int]:
        """How many rows have each combination of values, in order of the values."""
        return dict(sorted(Counter(tuple(row.get(column, "") for column in columns) for row in self.rows).items()))

    def groups(self, rows: Iterable[Mapping[str, str]] | None = None) -> int:
        """The independent units (people, generated images, products) among the rows."""
        return len({row["group"] for row in (self.rows if rows is None else rows)})

    def where(self, **values: str) -> tuple[Mapping[str, str], ...]:
        """The rows with these values."""
        return tuple(row for row in self.rows if all(row[column] == value for column, value in values.items()))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that its rows come from, in the order of ``SOURCES``; an unknown one goes last."""
        found = {source_of(row) for row in self.rows}
        return (*(name for name in SOURCES if name in found), *sorted(found - set(SOURCES)))

    @property
    def licences(self) -> tuple[str, ...]:
        """Every licence in the manifest."""
        return tuple(sorted({row["licence"] for row in self.rows}))


def source_of(row: Mapping[str, str]) -> str:
    """The folder of the collection that an image came from."""
    return (row.get("source_file") or row["file"]).split("/", maxsplit=1)[0]


def read_rows(text: str, where: str) -> tuple[Mapping[str, str], ...]:
    """The rows of a manifest.

    Raises:
        BadInputError: a column is missing, or there is no row.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [column for column in NEEDED if column not in (reader.fieldnames or ())]:
        raise BadInputError(
            f"the manifest lacks the columns {', '.join(missing)}",
            where=SourceRef(where, 1),
            fix="add them to the header, and a value to each row",
        )
    check_header(reader.fieldnames or (), where, NEEDED)
    rows = tuple(reader)
    if not rows:
        raise BadInputError("the manifest names no image", where=SourceRef(where, 1), fix="name the manifest of the data")
    return rows


def used_digest(rows: Iterable[Mapping[str, str]]) -> str:
    """The digest by which a model's lock names the data (``training.data.DataSet.sha256``), computed from a manifest's rows."""
    return sha256_hex("".join(f"{row['file']} {row['sha256']} {row['label']} {row['split']}\n" for row in rows).encode())
