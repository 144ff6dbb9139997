"""What a task of Spark does: list a part of a bucket, or score some of its objects. Nothing here knows Spark or pandas."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote
from zlib import crc32

from averment.core.aws import client
from averment.core.errors import IncompleteError
from averment.core.fetch import Fetch
from averment.core.inventory import Report
from averment.detector.bulk.memory import detector_key
from averment.detector.bulk.objects import listed, object_item
from averment.detector.bulk.output import json_line, to_bytes
from averment.detector.bulk.parts import Parts
from averment.detector.bulk.places import Entry, entries_of, identity_of, inventory_rows
from averment.detector.interface import Detector, DetectorInfo
from averment.detector.opening import open_detector
from averment.detector.scanning import Identity, Item, scan


@dataclass(frozen=True)
class Task:
    """What every task has to know. ``detector`` is as ``open_detector`` takes it; what comes of it must have the key ``detector_key``.
    ``report`` is the inventory to list by; ``parts`` is where results go, else they come back as rows; ``every`` is as of a ``Place``."""

    bucket: str
    prefix: str
    detector: str
    detector_key: str
    report: Report | None = None
    parts: Parts | None = None
    every: bool = False

    @property
    def units(self) -> int:
        """In how many pieces the place is listed: the data files of the inventory, or the bucket as a whole."""
        return 1 if self.report is None else len(self.report.files)


class ListedRow(NamedTuple):
    """An object, or, without a key, how many (``size``) were passed over."""

    key: str | None
    size: int
    version_id: str | None = None
    etag: str | None = None
    modified: str | None = None


class ScoredRow(NamedTuple):
    """A result as a line of JSON; or, without one, how many results had this finding. ``keys`` is of their objects, as in ``Tally``."""

    finding: str
    number: int
    line: str | None = None
    keys: int = 0


class Tally(NamedTuple):
    """How many objects, and the sum of their keys' CRC-32, which Spark's ``crc32`` gives of a string too: two lists with the same tally are the
    same in whatever order, but for one chance in four thousand million."""

    number: int = 0
    keys: int = 0

    def plus(self, row: ScoredRow) -> Tally:
        """With the objects of ``row``."""
        return Tally(self.number + row.number, self.keys + row.keys)


def check_whole(listed: Tally, scored: Tally) -> None:
    """Refuse results that are not one for each object that was listed: a lost machine's part of a listing is made anew, from what the bucket holds
    by then.

    Raises:
        IncompleteError: some are missing, doubled, or of other objects.
    """
    if scored == listed:
        return
    what = "as many, but not of the same objects" if scored.number == listed.number else f"{scored.number:,} results"
    raise IncompleteError(
        f"the results are not those on the {listed.number:,} objects that were listed: there are {what}; the bucket changed while a part was done again",
        fix="scan again into a new place; an inventory (--inventory) doesn't change meanwhile",
    )


def list_units(task: Task, units: Iterable[tuple[int]]) -> Iterator[ListedRow]:
    """The objects in some of the pieces of a place, and how many files were passed over.

    Raises:
        IncompleteError: the bucket is out of reach, or a file of the inventory isn't what its manifest says.
    """
    passed_over = 0
    for (unit,) in units:
        if task.report is None:
            objects: Iterable[tuple[str, Identity]] = listed(_s3(), task.bucket, task.prefix)
        else:
            rows = inventory_rows(Fetch(_s3(), "s3"), task.report, task.report.files[unit])
            objects = ((row.key, identity_of(row)) for row in rows if row.key.startswith(task.prefix))
        for entry in entries_of(objects, task.prefix, every=task.every):
            if isinstance(entry, Entry):
                size, version_id, etag, modified = entry.identity
                yield ListedRow(entry.key, size or 0, version_id, etag, modified)
            else:
                passed_over += 1
    yield ListedRow(None, passed_over)


def score_objects(task: Task, number: int, objects: Iterable[ListedRow]) -> Iterator[ScoredRow]:
    """The results on ``objects``, in order; or, where the task's results go to ``parts``, their counts once part ``number`` is written.

    Raises:
        IncompleteError: the detector is out of reach or isn't the one that it should be.
    """
    detector = _detector(task.detector)
    if detector_key(detector.info) != task.detector_key:
        raise IncompleteError(
            f"the detector here is {detector.info.name} {detector.info.version} at {detector.info.threshold:g}, another than where the job was begun"
        )
    rows = _scored(task, detector, objects)
    if task.parts is None:
        yield from rows
        return
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryFile() as file:
        for row in rows:
            tallies[row.finding] = tallies.get(row.finding, Tally()).plus(row)
            file.write(to_bytes(row.line or ""))
        if tallies and not task.parts.put(number, file):
            tallies = _written_before(task, task.parts.lines(number), detector.info)
    yield from (ScoredRow(finding, tally.number, None, tally.keys) for finding, tally in tallies.items())


def _written_before(task: Task, lines: Iterable[bytes], info: DetectorInfo) -> dict[str, Tally]:
    """What a part comes to that another attempt at the same task wrote: its results are those that count.

    Raises:
        IncompleteError: another detector's results stand there, so it is of another job.
    """
    tallies: dict[str, Tally] = {}
    for line in lines:
        value = json.loads(line)
        if value["detector"] != info.facts():
            where = f"s3://{task.parts.bucket}/{task.parts.prefix}" if task.parts else ""
            raise IncompleteError(f"{where} holds another job's results by now", fix="choose a new prefix for each run")
        key = unquote(value["name"].removeprefix(f"s3://{task.bucket}/"))
        row = ScoredRow(value["finding"], 1, None, crc32(key.encode()))
        tallies[row.finding] = tallies.get(row.finding, Tally()).plus(row)
    return tallies


def _scored(task: Task, detector: Detector, objects: Iterable[ListedRow]) -> Iterator[ScoredRow]:
    """A row for each of ``objects``, in order."""
    ahead: deque[int] = deque()  # of objects that the scan has taken and not yet given a result on

    def items() -> Iterator[Item]:
        for row in objects:
            if row.key is not None:
                ahead.append(crc32(row.key.encode()))
                yield object_item(_s3(), task.bucket, row.key, Identity(*row[1:]))

    for result in scan(items(), detector):
        yield ScoredRow(str(result.finding), 1, json_line(result, detector.info), ahead.popleft())


@cache
def _detector(text: str) -> Detector:
    return open_detector(text)


@cache
def _s3() -> Any:
    return client("s3", patient=True)
