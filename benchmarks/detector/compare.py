"""Our detector beside peers, on the same images in one run: ``python benchmarks/detector/compare.py [--data DIR] [--detector SPEC]``.

Images: the portraits of the reference corpus, and each folder given by ``--data`` with a ``manifest.csv`` (file; label real, synthetic, manipulated, or
fake with a column family; optional generator and group). Every image of every class is brought to one side and recompressed alike, since size and
compression give the label away in almost every collection; ``as-found`` shows what the same detectors say without that.

Intervals: 95 %, over groups (people, videos), by the functions that judge claims. APCER and BPCER are at each detector's own threshold. An image that a
detector can't judge counts in no figure; how many it judged stands beside. A detector that wasn't made for a family is marked with *.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from peers import installed
from PIL import Image
from stages import Stages, run, timed

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef
from averment.detector import corpus
from averment.detector.claims import bounded, statistics
from averment.detector.claims.frame import MAX_IMAGE_BYTES, MAX_MANIFEST_BYTES
from averment.detector.claims.tables import columns_of
from averment.detector.claims.tables import table as read_table
from averment.detector.faces.finder import FaceFinder
from averment.detector.imaging import MIN_SIDE, UnreadableError, decode
from averment.detector.interface import Detector, Family, Score
from averment.detector.opening import open_detector

CONDITIONS: Mapping[str, tuple[int, float] | None] = {
    "as-found": None,
    "jpeg-95": (95, 1.0),
    "jpeg-75": (75, 1.0),
    "jpeg-50": (50, 1.0),
    "half-size": (75, 0.5),
}
"""Name: (JPEG quality, scale), on the copy that every image is equalised to."""

FAMILIES = {"synthetic": Family.SYNTHETIC_IMAGE, "manipulated": Family.MANIPULATED_FACE}
COLUMNS = ("file", "label", "family", "generator", "group", "source", "kind")
"""Of a manifest, those that mean something to a comparison."""

TAIL = 0.975
"""Each bound of an interval of 95 %."""
SEED = 20261128


@dataclass(frozen=True)
class Medium:
    """One labelled image; ``family`` is None where it is real."""

    data: bytes
    family: Family | None
    generator: str
    group: str


def of_corpus() -> list[Medium]:
    """The portraits of the reference corpus."""
    found = []
    for image in corpus.load():
        if image.kind == "face":
            family = Family.SYNTHETIC_IMAGE if image.label == "synthetic" else None
            found.append(Medium(image.read(), family, image.generator, image.group))
    return found


def of_folder(folder: Path) -> list[Medium]:
    """What the folder's manifest names, products left out.

    Raises:
        BadInputError: as ``rows_of``, a row whose label or family means nothing here, or a file that can't be read.
    """
    found = []
    for where, row in rows_of(folder):
        if row.get("kind") == "product":
            continue
        word = row["label"] if row["label"] != "fake" else row.get("family", "")
        if word != "real" and word not in FAMILIES:
            raise BadInputError(f"'{word}' is no label", where=where, fix=f"write real, {' or '.join(FAMILIES)}")
        path = folder / row["file"]
        if not path.is_file():
            path = folder / "images" / row["file"]
        data = read_bounded(path, limit=MAX_IMAGE_BYTES)
        found.append(Medium(data, FAMILIES.get(word), row.get("generator") or "", row.get("group") or row["file"]))
    return found


def rows_of(folder: Path) -> Iterator[tuple[SourceRef, dict[str, str]]]:
    """The rows of the folder's ``manifest.csv`` with their places. Its header is taken at its word, as claims take it: a blank before ``group`` would
    make each frame of a person a group of its own.

    Raises:
        BadInputError: it isn't there, no such table, has no column file or label, or a row of another number of fields.
    """
    path = folder / "manifest.csv"
    reader = read_table(read_text(path, limit=MAX_MANIFEST_BYTES), str(path), COLUMNS)
    for column in ("file", "label"):
        if column not in (reader.fieldnames or ()):
            raise BadInputError(f"has no column '{column}'", where=SourceRef(str(path), 1), fix=columns_of(reader.fieldnames))
    try:
        for row in reader:
            where = SourceRef(str(path), reader.line_num)
            if None in row or None in row.values():
                raise BadInputError("has another number of fields than the header", where=where, fix="quote fields that hold commas")
            yield where, row
    except csv.Error as error:
        raise BadInputError(
            f"is not a CSV file: {error}", where=SourceRef(str(path)), fix="write it as CSV with a header, in UTF-8"
        ) from error


def readable(media: Sequence[Medium]) -> tuple[list[Medium], list[str]]:
    """Those that can be decoded, and why the others can't: no detector is asked for these."""
    kept, refused = [], []
    for medium in media:
        try:
            decode(medium.data)
        except UnreadableError as error:
            refused.append(str(error))
        else:
            kept.append(medium)
    return kept, refused


def cut_close(media: Sequence[Medium], room: float) -> tuple[list[Medium], int]:
    """The media cut to the box of their largest face, with ``room`` of its sides more (or, below 0, less) at each edge, as PNG; and how many there
    are of which no face was found, or nothing that is large enough would be left."""
    finder, kept = FaceFinder(), []
    for medium in media:
        image = decode(medium.data)
        if not (faces := finder.find(image)):
            continue
        left, top, right, bottom = faces[0].box
        across, down = room * (right - left), room * (bottom - top)
        edges = (max(0.0, left - across), max(0.0, top - down), min(image.width, right + across), min(image.height, bottom + down))
        part, buffer = image.crop(tuple(int(edge) for edge in edges)), io.BytesIO()
        if min(part.size) < MIN_SIDE:
            continue
        part.save(buffer, "PNG")
        kept.append(replace(medium, data=buffer.getvalue()))
    return kept, len(media) - len(kept)


def limited(media: Sequence[Medium], limit: int | None) -> list[Medium]:
    """At most ``limit`` of each family and of the real ones, by a hash of their content."""
    if limit is None:
        return list(media)
    ranked = sorted(media, key=lambda medium: hashlib.sha256(medium.data).digest())
    kinds: dict[Family | None, list[Medium]] = {}
    for medium in ranked:
        kinds.setdefault(medium.family, []).append(medium)
    return [medium for members in kinds.values() for medium in members[:limit]]


def under(condition: str, data: bytes, side: int) -> bytes:
    """The image as the condition asks: its longer side brought to ``side``, scaled, compressed; or as it was found."""
    asked = CONDITIONS[condition]
    if asked is None:
        return data
    quality, scale = asked
    image = decode(data)
    longest = max(image.size)
    size = tuple(max(1, round(length * side * scale / longest)) for length in image.size)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@dataclass(frozen=True)
class Row:
    """The figures of one detector for one family under one condition; a figure is (value, low, high) or None where it isn't defined."""

    detector: str
    judged: int
    of: int
    auc: tuple[float, float, float] | None
    tpr_5: tuple[float, float, float] | None
    tpr_1: tuple[float, float, float] | None
    apcer: tuple[float, float, float] | None
    bpcer: tuple[float, float, float] | None


def figures(detector: Detector, family: Family, media: Sequence[Medium], scores: Sequence[Score]) -> Row:
    """One line of the table."""
    known = family in detector.info.families
    judged = []
    for medium, score in zip(media, scores, strict=True):
        value = score.probabilities.get(family) if known else score.highest
        if value is not None and score.cannot_say is None:
            judged.append((medium, value))
    units = {group: place for place, group in enumerate(dict.fromkeys(medium.group for medium, _ in judged))}
    sample = statistics.Scored(
        [value for _, value in judged], [medium.family is not None for medium, _ in judged], [units[medium.group] for medium, _ in judged]
    )

    def ranking(at_fpr: float | None) -> tuple[float, float, float] | None:
        statistic = statistics.auc_statistic if at_fpr is None else statistics.tpr_statistic(at_fpr)
        value = statistics.estimate(sample, statistic)
        found = (
            statistics.cluster_bootstrap(sample, statistic, TAIL, SEED)
            if at_fpr is None
            else bounded.tpr_bounds(sample, at_fpr, TAIL, SEED)
        )
        bounds = None if value is None else found
        return None if value is None or bounds is None else (value, bounds.low, bounds.high)

    threshold = detector.info.threshold
    return Row(
        detector.info.name + ("" if known else "*"),
        len(judged),
        len(media),
        ranking(None),
        ranking(0.05),
        ranking(0.01),
        _rate((medium.group, value < threshold) for medium, value in judged if medium.family is not None),
        _rate((medium.group, value >= threshold) for medium, value in judged if medium.family is None),
    )


def _rate(errors: Iterable[tuple[str, bool]]) -> tuple[float, float, float] | None:
    counts: dict[str, list[int]] = {}
    for group, wrong in errors:
        tally = counts.setdefault(group, [0, 0])
        tally[0] += wrong
        tally[1] += 1
    if not counts:
        return None
    wrong, sizes = [tally[0] for tally in counts.values()], [tally[1] for tally in counts.values()]
    bounds = statistics.clustered_bounds(wrong, sizes, TAIL)
    return sum(wrong) / sum(sizes), bounds.low, bounds.high


def _shown(figure: tuple[float, float, float] | None) -> str:
    return "-" if figure is None else f"{figure[0]:.3f} ({figure[1]:.2f}-{figure[2]:.2f})"


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    head = "| detector | judged | AUC | TPR at 5 % FPR | TPR at 1 % FPR | APCER | BPCER |\n|---|---|---|---|---|---|---|\n"
    lines = (
        f"| {row.detector} | {row.judged} of {row.of} | "
        + " | ".join(_shown(figure) for figure in (row.auc, row.tpr_5, row.tpr_1, row.apcer, row.bpcer))
        + " |\n"
        for row in rows
    )
    return head + "".join(lines)


def speed_table(costs: Mapping[str, Stages]) -> str:
    """Images a CPU second, stage by stage; the network's are views, which for a detector of faces are faces."""

    def shown(stages: Stages, name: str) -> str:
        rate = stages.rate(name)
        return "-" if rate is None else f"{rate:,.0f}"

    names = ("whole", "decode", "faces", "network", "rest")
    heads = [f"{name} (views)" if name == "network" else name for name in names]
    lines = (f"| {name} | {' | '.join(shown(stages, stage) for stage in names)} |\n" for name, stages in costs.items())
    return f"| detector | {' | '.join(heads)} |\n|---{'|---' * len(names)}|\n" + "".join(lines)


def described(name: str, media: Sequence[Medium]) -> str:
    """What a population is made of, and a hash that names its content."""
    digest = sha256_hex("".join(sorted(sha256_hex(medium.data) for medium in media)).encode())
    kinds = [f"{sum(medium.family is None for medium in media)} real"]
    kinds += [f"{count} {family}" for family in Family if (count := sum(medium.family == family for medium in media))]
    generators = sorted({medium.generator for medium in media if medium.family is not None and medium.generator})
    return f"{name}: {', '.join(kinds)}, {len({medium.group for medium in media})} groups; {', '.join(generators)}; content {digest[:16]}"


def environment() -> str:
    """What it ran on."""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "numpy", "pillow"))
    return f"Python {platform.python_version()}, {platform.machine()}, {packages}; one thread"


def measure(
    name: str, media: Sequence[Medium], detectors: Sequence[Detector], conditions: Sequence[str], side: int, cut: float | None
) -> dict[str, Any]:
    """Print the tables of one population; the same as data."""
    media, refused = readable(media)
    if cut is not None:
        media, faceless = cut_close(media, cut)
        name += f", cut to the face with {cut:g} of it more at each edge ({faceless} left out: no face, or too small)"
    print(f"\n## {described(name, media)}\n")
    if refused:
        print(f"Left out, since they can't be decoded: {len(refused)} ({'; '.join(sorted(set(refused))[:3])})\n")
    results: dict[str, Any] = {"population": described(name, media), "figures": {}, "images_a_cpu_second": {}}
    costs: dict[str, Stages] = {}
    for condition in conditions:
        images = [under(condition, medium.data, side) for medium in media]
        scored: dict[int, list[Score]] = {}
        for place, detector in enumerate(detectors):
            scored[place], stages = timed(detector, images)
            costs.setdefault(detector.info.name, stages)
        for family in Family:
            if not any(medium.family == family for medium in media):
                continue
            keep = [number for number, medium in enumerate(media) if medium.family in (None, family)]
            rows = [
                figures(detector, family, [media[number] for number in keep], [scored[place][number] for number in keep])
                for place, detector in enumerate(detectors)
            ]
            print(f"### {family}, {condition}\n\n{table(rows)}", flush=True)
            results["figures"].setdefault(str(family), {})[condition] = [vars(row) for row in rows]
    print(f"### Images a CPU-second, {conditions[0]}\n\n{speed_table(costs)}", flush=True)
    results["images_a_cpu_second"] = {name: {"whole": stages.rate("whole")} for name, stages in costs.items()}
    return results


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="A folder with manifest.csv (repeatable).")
    parser.add_argument("--detector", action="append", help="As for averment prove (repeatable); by default the embedded one.")
    parser.add_argument("--mesonet", type=Path, help="The folder `weights` of a checkout of DariusAf/MesoNet.")
    parser.add_argument("--no-corpus", action="store_true", help="Only what --data names.")
    parser.add_argument("--limit", type=int, help="At most so many of each kind.")
    parser.add_argument("--condition", action="append", choices=list(CONDITIONS), help="Only these (repeatable).")
    parser.add_argument("--side", type=int, default=256, help="The longer side that every image is brought to.")
    parser.add_argument(
        "--cut", type=float, metavar="ROOM", help="First cut every image to its largest face, with so much of its sides more."
    )
    parser.add_argument("--json", type=Path, help="Write the figures here, too.")
    given = parser.parse_args()
    if given.no_corpus and not given.data:
        parser.error("--no-corpus leaves nothing to measure: name --data")
    detectors = [open_detector(spec) for spec in given.detector or ["embedded"]] + installed(given.mesonet)
    print(f"# Detectors side by side\n\n{environment()}. Every image {given.side} px on its longer side, but as found.\n")
    for detector in detectors:
        info = detector.info
        print(
            f"- {info.name} {info.version}: for {', '.join(info.families)}, flags from {info.threshold}; SHA-256 {info.sha256 or 'not stated'}"
        )
    populations = {} if given.no_corpus else {"reference corpus": of_corpus()}
    populations |= {str(folder): limited(of_folder(folder), given.limit) for folder in given.data}
    results = [
        measure(name, media, detectors, given.condition or list(CONDITIONS), given.side, given.cut) for name, media in populations.items()
    ]
    if given.json:
        given.json.write_text(json.dumps({"environment": environment(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
