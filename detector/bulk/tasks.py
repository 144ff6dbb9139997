"""What a task of Spark does: list a part of a bucket, or score some of its objects. Nothing here knows Spark or pandas."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from averment.core.aws import client
from averment.core.errors import IncompleteError
from averment.core.fetch import Fetch
from averment.core.inventory import Report
from averment.detector.bulk.memory import detector_key
from averment.detector.bulk.objects import listed, object_item
from averment.detector.bulk.output import json_line, to_bytes
from averment.detector.bulk.parts import Parts
from averment.detector.bulk.places import Entry, entries_of, identity_of, inventory_rows
from averment.detector.interface import Detector
from averment.detector.opening import open_detector
from averment.detector.scanning import Finding, Identity, scan


@dataclass(frozen=True)
class Task:
    """What every task has to know. ``detector`` is as ``open_detector`` takes it; what comes of it must have the key ``detector_key``.
    ``report`` is the inventory to list by; ``parts`` is where results go, else they come back as rows."""

    bucket: str
    prefix: str
    detector: str
    detector_key: str
    report: Report | None = None
    parts: Parts | None = None

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
    """A result as a line of JSON; or, without one, how many results had this finding."""

    finding: str
    number: int
    line: str | None = None


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
        for entry in entries_of(objects, task.prefix):
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
    items = (object_item(_s3(), task.bucket, row.key, Identity(*row[1:])) for row in objects if row.key is not None)
    results = scan(items, detector)
    if task.parts is None:
        for result in results:
            yield ScoredRow(str(result.finding), 1, json_line(result, detector.info))
        return
    counts: Counter[Finding] = Counter()
    with tempfile.TemporaryFile() as file:
        for result in results:
            counts[result.finding] += 1
            file.write(to_bytes(json_line(result, detector.info)))
        if counts:
            file.seek(0)
            task.parts.put(number, file)
    yield from (ScoredRow(str(finding), count) for finding, count in counts.items())


@cache
def _detector(text: str) -> Detector:
    return open_detector(text)


@cache
def _s3() -> Any:
    return client("s3", patient=True)
