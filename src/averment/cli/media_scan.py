"""``averment media scan``."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import unquote

import click

from averment.cli import media_scan_files as files
from averment.cli.common import stderr
from averment.cli.manners import colours, lively, on_terminal
from averment.core.errors import BadInputError, ExitCode, SignedOutError
from averment.core.files import is_written_through, replacing
from averment.core.inventory import MAX_AGE
from averment.core.period import parse_duration, utc_now
from averment.core.showing import printable
from averment.core.words import counted
from averment.detector.bulk.memory import ScanMemory
from averment.detector.bulk.output import WRITERS, Writer, for_terminal, to_bytes, written
from averment.detector.bulk.places import InventoryPlace, Listing, Place, list_place, place_of
from averment.detector.interface import DetectorInfo
from averment.detector.scanning import Finding, Scanned, exit_code
from averment.detector.scanning import scan as scan_items

if TYPE_CHECKING:
    from rich.progress import Progress

_T = TypeVar("_T")

UNNAMED_MODEL = "note: the detector doesn't say which model it is (no SHA-256); earlier results count by its name and version"

FLAGGED_VIDEOS = "note: {} flagged at a threshold that was set on portraits, and many real videos reach it; averment detector threshold finds one for yours"

_COLOURS = {Finding.FLAGGED: "red", Finding.COULD_NOT: "yellow", Finding.CLEAN: "green"}


@click.command()
@click.argument("place", metavar="PATH|s3://BUCKET/PREFIX")
@click.option("--format", "style", type=click.Choice(tuple(WRITERS)), default="table", show_default=True, help="How results are written.")
@click.option(
    "--detector",
    default="embedded",
    show_default=True,
    metavar="embedded|sagemaker:NAME|https://SERVICE|SPEC.yaml",
    help="What scores the images.",
)
@click.option(
    "--out", metavar="FILE|s3://BUCKET/PREFIX", help="Write results to this file, whole or not at all; by Spark also to S3, in parts."
)
@click.option(
    "--state",
    metavar="FILE",
    help="Where results are kept as they come, for --resume. Default: beside --out, with .state at its end.",
)
@click.option("--resume", is_flag=True, help="Take what an earlier run found from --state, where content and model are the same.")
@click.option("--parallel", type=click.IntRange(1, 64), default=1, show_default=True, help="Cores that score, with --engine plain.")
@click.option(
    "--engine",
    type=click.Choice(["plain", "spark"]),
    default="plain",
    show_default=True,
    help="Scan in this process, or on what Spark runs on (pip install 'averment[spark]').",
)
@click.option(
    "--every-name", is_flag=True, help="Scan every file, whatever it is called; without it only names of images and videos count."
)
@click.option("--inventory", metavar="s3://BUCKET/PREFIX", help="List the bucket by its newest S3 Inventory report here.")
@click.option("--max-age", metavar="TIME", help=f"How old that report may be. Default: {MAX_AGE}.")
def scan(
    place: str,
    style: str,
    detector: str,
    out: str | None,
    state: str | None,
    resume: bool,
    parallel: int,
    engine: str,
    every_name: bool,
    inventory: str | None,
    max_age: str | None,
) -> int:
    """Score the images and videos of a file, a folder or an S3 prefix.

    Exit code 0: nothing was flagged; 1: something was; 3: nothing was, but something could not be scanned, or nobody can say whether the
    inventory lists all of the place.

    \b
    Example: averment media scan uploads/
             averment media scan s3://shop-uploads/2026/ --format csv --out scan.csv
             averment media scan s3://shop-uploads/2026/ --format csv --out scan.csv --resume
    """
    if out is not None and not out.startswith("s3://"):
        _check_file("--out", out, "scan.csv")
    kept = _check_file("--state", state, "scan.state") if state is not None else None
    job = _Job(place_of(place, every=every_name), style, detector, _inventory(inventory, max_age), out, kept, resume, parallel)
    files.refuse_overwriting(job.place, detector, job.file, job.memory)
    shown = lively() and (out is not None or style == "table" or not sys.stdout.isatty())
    if engine == "spark":
        return job.on_spark()
    with _progress(shown=shown) as progress:
        done = job.here(progress)
    code = _tell(done.counts, done.listing, done.info)
    if done.clips and detector == "embedded":
        stderr.print(FLAGGED_VIDEOS.format(counted(done.clips, "video")), markup=False)
    return code


def _check_file(option: str, text: str, example: str) -> Path:
    """What ``option`` names, as a file that is or can be one.

    Raises:
        BadInputError: it is a folder, in S3, or nothing; or a pipe or device is to keep results.
    """
    if text.startswith("s3://"):
        raise BadInputError(f"{option} '{text}' is in S3, where no such file can be kept", fix=f"write {option} {example}")
    if text == "-" and option == "--out":
        raise BadInputError("--out '-' names no file", fix="leave --out out: results go to stdout then")
    if not text or os.path.isdir(text):  # noqa: PTH112 - Path's fails where one may not look
        what = f"'{text}' is a folder" if text else "names no file"
        raise BadInputError(f"{option} {what}", fix=f"write {option} {os.path.join(text, example)}")  # noqa: PTH118 - as it was written
    if option == "--state" and os.path.exists(text) and not os.path.isfile(text):  # noqa: PTH113 - as above
        raise BadInputError(f"{option} {text} is no regular file, and keeps nothing", fix=f"write {option} {example}")
    return Path(text)


class _Found(Protocol):
    """What a place holds."""

    frame: dict[str, Any]
    total: int
    passed_over: int
    links: int

    @property
    def unsure(self) -> str:
        """Why nobody can say whether all of the place was listed; empty where it was."""


class _Done(NamedTuple):
    """What came of a scan in this process: how many of each finding, what there was to scan, who judged, and how many videos were flagged."""

    counts: Counter[Finding]
    listing: Listing
    info: DetectorInfo
    clips: int


@dataclass(frozen=True)
class _Job:
    """One run of ``averment media scan``."""

    place: Place
    style: str
    detector: str
    inventory: InventoryPlace | None
    out: str | None
    state: Path | None
    resume: bool
    parallel: int

    @property
    def file(self) -> Path | None:
        """The file that results are written to."""
        return Path(self.out) if self.out is not None and not self.out.startswith("s3://") else None

    @property
    def memory(self) -> Path | None:
        """The file that results are kept in: by default beside the output, where that is a file."""
        if self.state is not None or self.file is None or is_written_through(self.file):
            return self.state
        return self.file.with_name(f"{self.file.name}.state")

    def here(self, progress: Progress | None) -> _Done:
        """Scan in this process, and keep results as they come."""
        from averment.detector.opening import open_detector

        if self.out is not None and self.out.startswith("s3://"):
            raise BadInputError("results are written to S3 by --engine spark only", fix="write --out FILE, and copy it")
        out, state = self.file, self.memory
        if self.resume and state is None:
            raise BadInputError(
                "there is nothing to go on from: results are kept with --out or --state only", fix="add --out FILE, or --state FILE"
            )
        detector = open_detector(self.detector)
        with ScanMemory(state, detector.info) if state else nullcontext() as memory:
            listing = self._listing(progress)
            if memory is not None and not self.resume:
                memory.forget()
            if memory is not None and detector.info.sha256 is None:
                stderr.print(UNNAMED_MODEL, markup=False)
            results = _followed(scan_items(listing, detector, memory=memory, parallel=self.parallel), listing.total, progress)
            clips = Counter[Finding]()
            with _going_on(memory is not None):
                counts = self._write(_clips(results, clips), WRITERS[self.style](detector.info, listing.frame), listing, out)
            return _Done(counts, listing, detector.info, clips[Finding.FLAGGED])

    def on_spark(self) -> int:
        """Scan wherever Spark runs."""
        from averment.detector.bulk.parts import Parts
        from averment.detector.bulk.spark import SparkScan

        if self.resume or self.state or self.parallel > 1:
            fix = "leave them out; Spark has its own tasks, and does lost ones again by itself"
            raise BadInputError("--state, --resume and --parallel are for --engine plain", fix=fix)
        parts = Parts.of(self.out) if self.out is not None and self.out.startswith("s3://") else None
        if parts is not None and self.style != "jsonl":
            raise BadInputError("what is written to S3 in parts is JSON lines", fix="add --format jsonl")
        if parts is not None and self.place.every and parts.bucket == self.place.bucket and parts.prefix.startswith(self.place.prefix):
            raise BadInputError(f"--out {self.out} lies in what is scanned, every name of it", fix="choose a bucket or a prefix of its own")
        with SparkScan(self.place, self.detector, now=utc_now(), inventory=self.inventory, parts=parts) as found:
            self._check(found)
            if parts is not None:
                counts = found.write_parts()
            else:
                writer = WRITERS[self.style](found.info, found.frame)
                counts = self._write(found.results(), writer, found, self.file)
        return _tell(counts, found, found.info)

    def _listing(self, progress: Progress | None) -> Listing:
        """What there is to scan."""
        task = progress.add_task("listing", total=None) if progress else None

        def tick(done: int) -> None:
            if progress is not None and task is not None:
                progress.update(task, completed=done)

        own = [path for _, path in files.written(self.file, self.memory)]
        found = list_place(self.place, inventory=self.inventory, now=utc_now(), tick=tick, own=own)
        if progress is not None and task is not None:
            progress.remove_task(task)
        self._check(found)
        return found

    def _check(self, found: _Found) -> None:
        if not found.total:
            created = found.frame.get("created_at")
            told = f"there are no images or videos under '{self.place.text}'{f' by the S3 Inventory of {created}' if created else ''}"
            if found.passed_over:
                told += f" ({counted(found.passed_over, 'other file')}, scanned with --every-name alone)"
            raise BadInputError(f"{told}, so nothing was scanned", fix=self._advice(inventory=created is not None))

    def _advice(self, *, inventory: bool) -> str:
        """What to do where there is nothing to scan."""
        if self.place.bucket is None:
            return "check the path"
        if unquote(self.place.prefix) != self.place.prefix:
            return "write the prefix as S3 has it, not URL-encoded as in results"
        return f"check the prefix{', or list the bucket itself (leave out --inventory)' if inventory else ''}"

    def _write(self, results: Iterator[Scanned], writer: Writer, found: _Found, out: Path | None) -> Counter[Finding]:
        """Write ``results`` as they come; how many there were of each finding."""
        counts: Counter[Finding] = Counter()
        with _target(out, self.style) as write:
            for text in written(results, writer, counts):
                write(text)
            write(writer.tail(counts, found.passed_over))
        return counts


def _inventory(url: str | None, max_age: str | None) -> InventoryPlace | None:
    if url is None:
        if max_age is not None:
            raise BadInputError(
                "--max-age is of an S3 Inventory, and none is named", fix="add --inventory s3://BUCKET/PREFIX, or leave it out"
            )
        return None
    bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
    if not url.startswith("s3://") or not prefix:
        raise BadInputError(f"'{url}' is no place of S3 Inventory reports", fix="write s3://shop-inventory/daily/shop-media/all")
    return InventoryPlace(bucket, f"{prefix}/", parse_duration(max_age or MAX_AGE))


@contextmanager
def _target(out: Path | None, style: str) -> Iterator[Callable[[str], object]]:
    if out is not None:
        with replacing(out, staged=files.staged_name(out)) as file:
            yield lambda text: file.write(to_bytes(text))
    elif on_terminal():
        coloured = style == "table" and colours()
        # not by click.echo, which finds its way round what shares the terminal with a progress bar
        yield lambda text: sys.stdout.write(_coloured(text) if coloured else for_terminal(text, style))
    else:
        yield lambda text: click.echo(to_bytes(text), nl=False)


def _coloured(line: str) -> str:
    finding, space, rest = line.partition(" ")
    return f"{click.style(finding, fg=_COLOURS.get(Finding(finding)))}{space}{rest}" if finding else line


@contextmanager
def _going_on(kept: bool) -> Iterator[None]:
    """Say of credentials that expire on the way how the scan goes on, where what was found until then is ``kept``."""
    try:
        yield
    except SignedOutError as error:
        if not kept:
            raise
        fix = "the credentials have expired: sign in again, then run this again with --resume, which goes on from here"
        raise SignedOutError(error.message, fix=fix) from error


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress | None]:
    """How far it is, with the time that is left, if ``shown``: on a terminal that isn't busy with results that must stay as they are."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        yield progress


def _followed(results: Iterator[_T], total: int, progress: Progress | None) -> Iterator[_T]:
    return results if progress is None else iter(progress.track(results, total=total, description="scanning"))


def _clips(results: Iterator[Scanned], counts: Counter[Finding]) -> Iterator[Scanned]:
    """``results``, with the findings on videos counted."""
    for result in results:
        if result.score.clip is not None:
            counts[result.finding] += 1
        yield result


def _tell(counts: Counter[Finding], listing: _Found, info: DetectorInfo) -> int:
    told = ", ".join(f"{counts[finding]:,} {finding}" for finding in Finding)
    stderr.print(f"{counted(counts.total(), 'file')}: {told}", markup=False)
    stderr.print(printable(f"judged by {info.name} {info.version}, which flags at {info.threshold:g} and above"), markup=False)
    if listing.passed_over:
        others = counted(listing.passed_over, "file")
        stderr.print(f"not scanned for their names, which aren't those of images or videos: {others} (--every-name scans them too)")
    if listing.links:
        stderr.print(f"not followed: {counted(listing.links, 'link')} to folders")
    if listing.frame.get("created_at"):
        stderr.print(f"what came after the S3 Inventory of {listing.frame['created_at']} was not scanned")
    if listing.unsure:
        stderr.print(f"could not check whether that inventory lists the whole place: {listing.unsure}", markup=False)
    code = exit_code(counts)
    return int(ExitCode.INCOMPLETE if code is ExitCode.CLEAN and listing.unsure else code)
