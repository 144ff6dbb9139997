"""``averment media scan``."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Sequence

import click
from rich.table import Table

from averment.cli.common import stderr, stdout
from averment.core.errors import BadInputError
from averment.detector.interface import DetectorInfo
from averment.detector.scanning import Finding, Scanned, exit_code, listing
from averment.detector.scanning import scan as scan_items


@click.command()
@click.argument("place", metavar="PATH|s3://BUCKET/PREFIX")
@click.option(
    "--format", "style", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="How results are written."
)
@click.option(
    "--detector",
    default="embedded",
    show_default=True,
    metavar="embedded|sagemaker:NAME|https://SERVICE|SPEC.yaml",
    help="What scores the images.",
)
def scan(place: str, style: str, detector: str) -> int:
    """Score the images of a file, a folder or an S3 prefix.

    Exit code 0: nothing was flagged; 1: something was; 3: nothing was, but something could not be scanned.

    \b
    Example: averment media scan uploads/
             averment media scan s3://shop-uploads/2026/ --format csv --detector sagemaker:deepfake-scan
    """
    from averment.detector.opening import open_detector

    opened = open_detector(detector)
    found = listing(place)
    results: list[Scanned] = []
    for result in scan_items(found.items, opened, progress=_progress):
        results.append(result)  # noqa: PERF402 - a list comprehension would hide the progress
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    if not results:
        others = f"; {found.passed_over} other files have names that aren't those of images" if found.passed_over else ""
        raise BadInputError(f"there are no images under '{place}', so nothing was scanned{others}", fix="check the path or the prefix")
    _write(style, results, opened.info)
    counts = Counter(result.finding for result in results)
    stderr.print(f"{len(results)} images: " + ", ".join(f"{counts[finding]} {finding}" for finding in Finding))
    if found.passed_over:
        stderr.print(f"{found.passed_over} other files were not scanned: their names aren't those of images")
    return int(exit_code(results))


def _progress(done: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} images", err=True, nl=False)


def _write(style: str, results: Sequence[Scanned], info: DetectorInfo) -> None:
    match style:
        case "json":
            click.echo(json.dumps(_as_json(results, info), indent=2, ensure_ascii=False))
        case "csv":
            click.echo(_as_csv(results), nl=False)
        case _:
            _print_table(results, info)


def _as_json(results: Sequence[Scanned], info: DetectorInfo) -> dict[str, object]:
    from averment.detector.serving import info_to_json, score_to_json

    return {
        "detector": info_to_json(info),
        "images": [{"name": result.name, "finding": str(result.finding), **score_to_json(result.score)} for result in results],
    }


def _as_csv(results: Sequence[Scanned]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["name", "finding", "score", "threshold", "reason"])
    for result in results:
        highest = result.score.highest
        writer.writerow(
            [_safe(result.name), result.finding, "" if highest is None else f"{highest:.6f}", result.threshold, _safe(result.reason)]
        )
    return buffer.getvalue()


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: file names come from whoever uploads."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _print_table(results: Sequence[Scanned], info: DetectorInfo) -> None:
    console = stdout()
    if not console.is_terminal:
        for result in results:
            click.echo(f"{result.finding:<14}  {_figure(result):>6}  {result.name}{f'  ({result.reason})' if result.reason else ''}")
        return
    table = Table(title=f"{info.name} {info.version}, flags at {info.threshold:g}")
    for column in ("finding", "score", "image", "reason"):
        table.add_column(column, overflow="fold")
    colours = {Finding.FLAGGED: "red", Finding.COULD_NOT: "yellow", Finding.CLEAN: "green"}
    from rich.text import Text

    for result in results:
        table.add_row(Text(result.finding, style=colours[result.finding]), _figure(result), Text(result.name), Text(result.reason))
    console.print(table)


def _figure(result: Scanned) -> str:
    return "-" if result.score.highest is None else f"{result.score.highest:.3f}"
