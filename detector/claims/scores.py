"""Scores of media: those that a detector gave at some time and somebody kept, or those that it gives a population now.

A file of scores is a CSV with a column ``score`` (a probability, or empty where the detector could not say) and, if images belong together, a
column ``group`` (the person, video or source), filled in every row. Other columns can be picked by with ``where``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.detector.claims import observing, units
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.populations import open_population
from averment.detector.claims.tables import columns_of, table
from averment.detector.interface import Family

MAX_SCORES = 200_000
"""In one file or population: bounds the bootstrap's time."""

MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Scores:
    """Scores with the unit that each belongs to, how many images got none, and what pins them in a result.

    ``content`` is what only the same scores (of a file) or the same images (of a population) share, whatever they are called.
    """

    values: tuple[float, ...]
    units: tuple[str, ...]
    unanswered: int
    facts: Mapping[str, JSON]
    content: str = ""


def scores_of(name: str, where: Mapping[str, str], clusters: str | None, family: Family, context: ClaimContext) -> Scores:
    """The scores called ``name``: a file of scores, or a population that the context's detector scores now (whatever its labels).

    Raises:
        BadInputError: no such population, a malformed file, or no column ``clusters``.
        IncompleteError: too many scores, no detector for media, or media out of reach.
    """
    path = _file(name, context)
    return _population(name, where, clusters, family, context) if path is None else _read(name, path, where, clusters)


def _file(name: str, context: ClaimContext) -> Path | None:
    """The path of a file of scores; None for anything else. BadInputError for a CSV that is neither one nor a manifest."""
    place = context.populations.get(name, name)
    if not place.endswith(".csv") or place.startswith("s3://"):
        return None
    path = context.root / place
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header = next(csv.reader([file.readline(65_536)]), [])
    except (OSError, csv.Error):
        return None  # whoever reads the whole of it says what is wrong
    if "file" in header:
        return None
    if "score" not in header:
        fix = f"call the column of probabilities score, or name a manifest; {columns_of(header)}"
        raise BadInputError("has no column 'score' and, as a manifest would, no column 'file'", where=SourceRef(str(path), 1), fix=fix)
    return path


def _read(name: str, path: Path, where: Mapping[str, str], clusters: str | None) -> Scores:
    data = read_bounded(path, limit=MAX_FILE_BYTES)
    try:
        reader = table(data.decode("utf-8"))
        columns = reader.fieldnames or ()
        for column in (*where, *([clusters] if clusters else [])):
            if column not in columns:
                raise BadInputError(f"has no column '{column}'", where=SourceRef(str(path), 1), fix=f"its columns: {', '.join(columns)}")
        unit_column = clusters or ("group" if "group" in columns else None)
        values, own, unanswered, count = [], [], 0, 0
        for row in reader:
            line = SourceRef(str(path), reader.line_num)
            if None in row or None in row.values():
                raise BadInputError("has another number of fields than the header", where=line, fix="quote fields that hold commas")
            if any(row[key] != value for key, value in where.items()):
                continue
            if unit_column and not row[unit_column].strip():
                raise BadInputError(
                    f"has no {unit_column}", where=line, fix="fill it, or take the column out if every score stands for itself"
                )
            count += 1
            if count > MAX_SCORES:
                raise IncompleteError(f"{path} holds more than {MAX_SCORES:,} scores", fix="draw a sample, or narrow it with where")
            if not row["score"].strip():
                unanswered += 1
                continue
            values.append(_probability(row["score"], line))
            own.append(row[unit_column] if unit_column else f"line {reader.line_num}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInputError(
            f"is not a CSV file: {error}", where=SourceRef(str(path)), fix="write it as CSV with a header, in UTF-8"
        ) from error
    facts: dict[str, JSON] = {"scores": name, "sha256": sha256_hex(data), "count": count, "clusters": unit_column}
    # Line numbers aside: a copy with a blank line or another column more holds the same scores.
    content = repr(("file", values, own if unit_column else None, unanswered))
    return Scores(tuple(values), tuple(own), unanswered, facts, sha256_hex(content.encode()))


def _probability(text: str, where: SourceRef) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadInputError(f"'{text}' is not a score", where=where, fix="write a probability from 0 to 1, or nothing where there is none")
    return value


def _population(name: str, where: Mapping[str, str], clusters: str | None, family: Family, context: ClaimContext) -> Scores:
    detector, info = observing.detector_of(context, family, "drift")
    population = open_population(name, context).only(where)
    if len(population) > MAX_SCORES:
        raise IncompleteError(f"{population.where} holds more than {MAX_SCORES:,} images", fix="draw a sample, or narrow it with where")
    column = units.column_of(population, clusters)
    items = units.with_units(population, population.items, clusters)
    values, own, unanswered, read = [], [], 0, list[str | None]()
    for start in range(0, len(items), observing.BATCH):
        batch = items[start : start + observing.BATCH]
        contents = [population.read(item) for item in batch]
        read += [None if data is None else sha256_hex(data) for data in contents]
        scores = observing.score_each(detector, contents)
        for item, whole in zip(batch, scores, strict=True):
            score = whole.of(family)
            if score.cannot_say is not None:
                unanswered += 1
                continue
            values.append(float(score.probabilities[family]))
            own.append(units.unit_of(item, column))
    facts = {**population.facts(), "detector": observing.detector_facts(info), "clusters": column}
    content = repr(("population", sorted(digest or "" for digest in read)))
    return Scores(tuple(values), tuple(own), unanswered, facts, sha256_hex(content.encode()))
