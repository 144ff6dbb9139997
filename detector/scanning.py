"""Scanning a file, a folder or an S3 prefix: what there is, what was scored, and what could not be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from averment.core.aws import aws_errors, client
from averment.core.errors import AvermentError, BadInputError, ExitCode
from averment.core.files import read_bounded
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector, Score

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"})
"""Names that a folder or prefix is searched for. Those that the detector can't read are reported as such, not passed over."""

BATCH = 16
"""Images in memory at a time."""


class Finding(StrEnum):
    """What came of one image."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    COULD_NOT = "could-not-scan"


@dataclass(frozen=True)
class Item:
    """One image and how to read it. ``name`` is what people see: a path or an S3 URL."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Scanned:
    """The finding on one image, with the reason where there is no score."""

    name: str
    finding: Finding
    score: Score
    threshold: float

    @property
    def reason(self) -> str:
        """Why it could not be scanned; empty if it could."""
        return self.score.cannot_say or ""


@dataclass
class Listing:
    """Items of a place, and how many files there were passed over because their names aren't images' (known once iterated)."""

    items: Iterable[Item]
    passed_over: int = 0


def listing(place: str) -> Listing:
    """The images at ``place``: a file (whatever its name), a folder (searched in depth), or ``s3://bucket[/prefix]``.

    Raises:
        BadInputError: there is no such file or folder, or not an S3 URL.
    """
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        if not bucket:
            raise BadInputError(f"'{place}' names no bucket", fix="write s3://bucket/prefix")
        found = Listing(())
        found.items = _objects(bucket, prefix, found)
        return found
    path = Path(place)
    if path.is_file():
        return Listing([_file_item(path)])
    if not path.is_dir():
        raise BadInputError(f"there is no file or folder '{place}'", fix="check the path, or write s3://bucket/prefix")
    found = Listing(())
    found.items = _files(path, found)
    return found


def scan(items: Iterable[Item], detector: Detector, *, progress: Callable[[int], None] = lambda _: None) -> Iterator[Scanned]:
    """Score ``items`` in order, ``BATCH`` at a time; ``progress`` hears how many are done.

    What can't be read is a result with its reason.

    Raises:
        IncompleteError: the detector or the bucket's listing is out of reach.
    """
    threshold, done = detector.info.threshold, 0
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        bodies = [_read(item) for item in batch]
        scores = iter(detector.score([body for body in bodies if isinstance(body, bytes)]))
        for item, body in zip(batch, bodies, strict=True):
            score = next(scores) if isinstance(body, bytes) else body
            yield Scanned(item.name, _finding(score, threshold), score, threshold)
        done += len(batch)
        progress(done)


def exit_code(results: Iterable[Scanned]) -> ExitCode:
    """1 if anything was flagged, else 3 if anything could not be scanned, else 0."""
    findings = {result.finding for result in results}
    if Finding.FLAGGED in findings:
        return ExitCode.FINDINGS
    return ExitCode.INCOMPLETE if Finding.COULD_NOT in findings else ExitCode.CLEAN


def _finding(score: Score, threshold: float) -> Finding:
    if score.highest is None:
        return Finding.COULD_NOT
    return Finding.FLAGGED if score.highest >= threshold else Finding.CLEAN


def _read(item: Item) -> bytes | Score:
    try:
        return item.read()
    except AvermentError as error:
        return Score(cannot_say=error.message)


def _file_item(path: Path) -> Item:
    return Item(str(path), lambda: read_bounded(path, limit=MAX_BYTES))


def _files(folder: Path, found: Listing) -> Iterator[Item]:
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        if path.suffix.lower() in SUFFIXES:
            yield _file_item(path)
        else:
            found.passed_over += 1


def _objects(bucket: str, prefix: str, found: Listing) -> Iterator[Item]:
    s3 = client("s3")
    with aws_errors(f"list s3://{bucket}/{prefix}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                if Path(key).suffix.lower() in SUFFIXES or key == prefix:
                    yield Item(f"s3://{bucket}/{quote(key)}", _object_reader(s3, bucket, key))
                elif not key.endswith("/"):
                    found.passed_over += 1


def _object_reader(s3: Any, bucket: str, key: str) -> Callable[[], bytes]:
    def read() -> bytes:
        with aws_errors(f"read s3://{bucket}/{key}"):
            # One byte more than is accepted: the detector then says that it is too large.
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read(MAX_BYTES + 1))

    return read
