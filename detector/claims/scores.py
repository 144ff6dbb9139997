"""Scores of media: those that a detector gave at some time and somebody kept, or those that it gives a population now.

A file of scores is a CSV with a column ``score`` (a probability, or empty where the detector could not say) and, if images belong together, a
column ``group`` (the person, video or source), filled in every row. Other columns can be picked by with ``where``. A column ``family`` says
whose the score is: one of another family than the claim's is bad input, because an image whose highest family is another has a score for the
claim's that isn't there. The JSON lines of a scan hold every family's (``score_lines``). A column ``sha256``, as a scan writes it, is that of the
image: rows with the same one are one unit, whatever they are called.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import decoded, read_bounded
from averment.core.source import SourceRef
from averment.detector.claims import observing, units
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.populations import open_population
from averment.detector.claims.score_lines import Row, lines_of
from averment.detector.claims.tables import called, columns_of, probability, table
from averment.detector.interface import Family

MAX_SCORES = 200_000
"""In one file or population: bounds the bootstrap's time."""

COLUMNS = ("score", "group", "family", "sha256")
"""The columns of a file of scores that mean something here."""

LINES = ".jsonl"
"""How a file of JSON lines is called."""

MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Scores:
    """Scores with the unit that each belongs to, how many images got none, and what pins them in a result.

    ``content`` is what only the same scores (of a file) or the same images (of a population) share, whatever they are called. ``repeated`` counts the
    images that have the bytes of another one, as far as their digests are known: units that share such an image are one.
    """

    values: tuple[float, ...]
    units: tuple[str, ...]
    unanswered: int
    facts: Mapping[str, JSON]
    content: str = ""
    repeated: int = 0


def scores_of(name: str, where: Mapping[str, str], clusters: str | None, family: Family, context: ClaimContext) -> Scores:
    """The scores called ``name``: a file of scores, or a population that the context's detector scores now (whatever its labels).

    Raises:
        BadInputError: no such population, a malformed file, one with scores of another family, or no column ``clusters``.
        IncompleteError: too many scores, no detector for media, or media out of reach.
    """
    place = context.populations.get(name, name)
    path = _file(place, context)
    return _population(name, where, clusters, family, context) if path is None else _read(name, place, path, where, clusters, family)


def _file(place: str, context: ClaimContext) -> Path | None:
    """The path of the file of scores that ``place`` is; None for anything else. BadInputError for a CSV that is neither one nor a manifest."""
    if not place.endswith((".csv", LINES)) or place.startswith("s3://"):
        return None
    path = context.root / place
    if place.endswith(LINES):
        return path
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader([file.readline(65_536)]), [])
    except UnicodeDecodeError:
        return path  # as below
    except (OSError, csv.Error):
        return None  # whoever reads the whole of it says what is wrong
    if "file" in header:
        return None
    if "score" not in header:
        fix = f"call the column of probabilities score, or name a manifest; {columns_of(header)}"
        raise BadInputError("has no column 'score' and, as a manifest would, no column 'file'", where=SourceRef(str(path), 1), fix=fix)
    return path


def _read(name: str, place: str, path: Path, where: Mapping[str, str], clusters: str | None, family: Family) -> Scores:
    data = read_bounded(path, limit=MAX_FILE_BYTES)
    text = decoded(data, path)
    columns, rows = (lines_of if path.name.endswith(LINES) else _rows)(text, str(path), family)
    for column in (*where, *([clusters] if clusters else [])):
        if column not in columns:
            raise BadInputError(f"has no column '{column}'", where=SourceRef(str(path), 1), fix=columns_of(columns))
    unit_column = clusters or ("group" if "group" in columns else None)
    values, own, unanswered, count = list[float](), list[str](), 0, 0
    contents = list[tuple[str, str]]()
    for row in rows:
        line = SourceRef(str(path), row.line)
        if any(called(row.of(key, line)) != called(value) for key, value in where.items()):
            continue
        unit, digest = row.of(unit_column, line) if unit_column else None, row.columns.get("sha256", "").strip().lower()
        if unit is not None and not unit.strip():
            raise BadInputError(f"has no {unit_column}", where=line, fix="fill it, or take the column out if every score stands for itself")
        count += 1
        if count > MAX_SCORES:
            raise IncompleteError(f"{path} holds more than {MAX_SCORES:,} scores", fix="draw a sample, or narrow it with where")
        score = row.score()
        contents.append((_own(unit, digest, f"{place}:{row.line}"), digest))
        if score is None:
            unanswered += 1
            continue
        values.append(score)
        own.append(contents[-1][0])
    facts: dict[str, JSON] = {"scores": name, "where": place, "sha256": sha256_hex(data), "count": count, "clusters": unit_column}
    # Line numbers aside: a copy with a blank line or another column more holds the same scores. So does one in another order, as a database
    # gives them at its pleasure, unless they are few different ones: as many ones and noughts as before are no copy.
    held = list(zip(values, own if unit_column else [""] * len(values), strict=True))
    content = repr(("file", sorted(held) if 2 * len(set(values)) > len(values) else held, unanswered))
    joined, repeated = _together(contents)
    return Scores(tuple(values), tuple(map(joined.root, own)), unanswered, facts, sha256_hex(content.encode()), repeated)


def _own(named: str | None, digest: str, place: str) -> str:
    """The unit of an image: the one that is ``named``, else its bytes, else its ``place``. Line 2 of one file is no line 2 of another: taken for the
    same person, two files that are sorted by their scores would seem to move together, and their distance to be known well."""
    return called(named) if named is not None else digest or place


def _together(contents: Sequence[tuple[str, str]]) -> tuple[units.Joined, int]:
    """The units that share an image, and how many images repeat another, from units and digests ("" where nobody knows)."""
    known = [digest for _, digest in contents if digest]
    return units.sharing(contents), len(known) - len(set(known))


def _rows(text: str, path: str, family: Family) -> tuple[Sequence[str], Iterator[Row]]:
    """The columns of a CSV, and its rows as they are read."""
    reader = table(text, path, COLUMNS)
    return reader.fieldnames or (), _each(reader, path, family)


def _each(reader: csv.DictReader[str], path: str, family: Family) -> Iterator[Row]:
    try:
        for row in reader:
            line = SourceRef(path, reader.line_num)
            if None in row or None in row.values():
                raise BadInputError("has another number of fields than the header", where=line, fix="quote fields that hold commas")
            yield Row(reader.line_num, row, partial(_score, row, family, line))
    except csv.Error as error:
        raise BadInputError(f"is not a CSV file: {error}", where=SourceRef(path), fix="write it as CSV with a header, in UTF-8") from error


def _score(row: Mapping[str, str], family: Family, line: SourceRef) -> float | None:
    if not row["score"].strip():
        return None
    if row.get("family", family) != family:
        raise BadInputError(
            f"holds a score for '{row['family']}', and the claim is on {family}: the CSV of a scan keeps an image's highest family alone",
            where=line,
            fix="scan with --format jsonl, which keeps every family's, and name that file; a column that means something else needs another name",
        )
    return probability(row["score"], line)


def _population(name: str, where: Mapping[str, str], clusters: str | None, family: Family, context: ClaimContext) -> Scores:
    detector, info = observing.detector_of(context, family, "drift")
    population = open_population(name, context).only(where)
    if len(population) > MAX_SCORES:
        raise IncompleteError(f"{population.where} holds more than {MAX_SCORES:,} images", fix="draw a sample, or narrow it with where")
    column = units.checked_column(population, population.items, clusters)
    values, own, unanswered, read = [], [], 0, list[tuple[str, str]]()
    for batch, contents in population.batches(population.items):
        scores = observing.score_each(detector, contents)
        for item, data, whole in zip(batch, contents, scores, strict=True):
            digest = "" if data is None else sha256_hex(data)
            read.append((_own(None if column is None else item.labels[column], digest, f"{population.where}/{item.name}"), digest))
            score = whole.of(family)
            if score.cannot_say is not None:
                unanswered += 1
                continue
            values.append(float(score.probabilities[family]))
            own.append(read[-1][0])
    facts = {**population.facts(), "detector": info.facts(), "clusters": column}
    content = repr(("population", sorted(digest for _, digest in read)))
    joined, repeated = _together(read)
    return Scores(tuple(values), tuple(map(joined.root, own)), unanswered, facts, sha256_hex(content.encode()), repeated)
