"""What there is to scan at a place, listed to its end before the first image is read.

The listing lies in a temporary file on disk, in the order of the names' bytes: memory doesn't grow with it, the number of images is known
(and so the time that is left), and two listings of the same place are the same.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from averment.core.aws import client, s3_prefix
from averment.core.canonical import JSON
from averment.core.database import TEMPORARY, connect
from averment.core.errors import BadInputError, IncompleteError
from averment.core.fetch import Fetch
from averment.core.files import read_bounded
from averment.core.inventory import DataFile, InventoryRow, InventorySettings, Report, newest_report, read_file
from averment.core.inventory_filter import filter_of
from averment.detector.bulk.objects import is_clip, is_media, listed, object_item
from averment.detector.imaging import MAX_BYTES
from averment.detector.scanning import UNKNOWN, Identity, Item, Lent, Read
from averment.detector.sniffing import video_type
from averment.detector.video.lending import file_on_disk

_TABLE = """
CREATE TABLE images (key BLOB PRIMARY KEY, size INTEGER, version_id TEXT, etag TEXT, modified TEXT, trouble TEXT) WITHOUT ROWID
"""
_TAKE = """
INSERT INTO images VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
SET size = excluded.size, version_id = excluded.version_id, etag = excluded.etag, modified = excluded.modified, trouble = excluded.trouble
WHERE (ifnull(excluded.modified, ''), ifnull(excluded.version_id, ''), ifnull(excluded.etag, ''), ifnull(excluded.size, -1))
    > (ifnull(images.modified, ''), ifnull(images.version_id, ''), ifnull(images.etag, ''), ifnull(images.size, -1))
"""
"""Of a key that a report names twice, what is newest, wherever it stands: S3 writes reports while the bucket changes. ``spark.NEWEST`` says the same."""

_ROWS = 1_000

Tick = Callable[[int], None]


class Entry(NamedTuple):
    """A path or key that a place holds; with ``trouble`` it is a folder that can't be listed, and why."""

    key: str
    identity: Identity = UNKNOWN
    trouble: str | None = None


class PassedOver(Enum):
    """What a listing holds that isn't scanned."""

    NO_MEDIUM = "the name isn't an image's or a video's"
    LINK = "a link to a folder"


@dataclass(frozen=True)
class Place:
    """A file, a folder, or a prefix in S3. ``every``: also what isn't called an image or a video is to be scanned."""

    text: str
    bucket: str | None = None
    prefix: str = ""
    every: bool = False


@dataclass(frozen=True)
class InventoryPlace:
    """Where reports of S3 Inventory lie: ``s3://bucket/prefix`` up to the configuration, and how old one may be."""

    bucket: str
    prefix: str
    max_age: timedelta

    def report(self, fetch: Fetch, place: Place, now: datetime) -> tuple[Report, dict[str, JSON]]:
        """The newest report on the bucket of ``place``, and the frame to name: the report, and which keys it lists. Where its filter can't be asked,
        the frame says why, and the scan isn't known to be of the whole place.

        Raises:
            IncompleteError: there is none that is whole and young enough, or it doesn't list all of ``place``.
        """
        source = place.bucket or ""
        settings = InventorySettings({source: (self.bucket, self.prefix)}, self.max_age)
        report = newest_report(fetch, settings, source, now)
        if report is None:
            fix = "see that the reports can be read, list the bucket itself (leave out --inventory), or allow an older report (--max-age)"
            raise IncompleteError("; ".join(fetch.problems), fix=fix)
        lists = filter_of(fetch, report)
        if lists.covers(place.prefix) is False:
            raise IncompleteError(
                f"this S3 Inventory lists only keys that begin with '{lists.prefix}', which isn't all of {place.text}",
                fix=f"scan s3://{source}/{lists.prefix}, or list the bucket itself (leave out --inventory)",
            )
        return report, {**report.frame(), "filter": lists.to_json()}


@dataclass
class Listing:
    """The images and videos of a place. ``passed_over`` counts files whose names are neither's, ``links`` those to folders; neither is scanned.
    ``frame`` says where the listing came from; ``unsure`` why it may not be of the whole place, empty where it is."""

    place: Place
    frame: dict[str, JSON]
    total: int = 0
    passed_over: int = 0
    links: int = 0

    _items: sqlite3.Connection = field(default_factory=lambda: connect(TEMPORARY))

    @property
    def unsure(self) -> str:
        """Why nobody can say whether the whole place was listed."""
        return unsure(self.frame)

    def __iter__(self) -> Iterator[Item]:
        s3 = client("s3", patient=True) if self.place.bucket else None
        for key, size, version_id, etag, modified, trouble in self._items.execute("SELECT * FROM images ORDER BY key"):
            entry = Entry(key.decode("utf-8", "surrogateescape"), Identity(size, version_id, etag, modified), trouble)
            yield _file_item(entry) if self.place.bucket is None else object_item(s3, self.place.bucket, entry.key, entry.identity)

    def fill(self, entries: Iterable[Entry | PassedOver], tick: Tick) -> Listing:
        """Take in ``entries``; ``tick`` hears how many images there are so far.

        Raises:
            IncompleteError: the temporary file can't be written.
        """
        try:
            self._items.execute(_TABLE)
            rows: list[tuple[Any, ...]] = []
            for entry in entries:
                if isinstance(entry, PassedOver):
                    self.passed_over += entry is PassedOver.NO_MEDIUM
                    self.links += entry is PassedOver.LINK
                    continue
                rows.append((entry.key.encode("utf-8", "surrogateescape"), *entry.identity, entry.trouble))
                if len(rows) == _ROWS:
                    self._put(rows, tick)
            self._put(rows, tick)
            (self.total,) = self._items.execute("SELECT count(*) FROM images").fetchone()
        except sqlite3.Error as error:
            raise IncompleteError(
                f"the listing of {self.place.text} could not be kept: {error}", fix="free space in the temporary folder"
            ) from error
        return self

    def _put(self, rows: list[tuple[Any, ...]], tick: Tick) -> None:
        self._items.executemany(_TAKE, rows)
        self.total += len(rows)
        rows.clear()
        tick(self.total)


def place_of(text: str, *, every: bool = False) -> Place:
    """The place that a user wrote, of which ``every`` file is to be scanned or those that are called images or videos.

    Raises:
        BadInputError: there is no such file or folder, or not an S3 URL.
    """
    if not text:
        raise BadInputError("the place to scan is empty", fix="name a file, a folder (. is this one), or s3://bucket/prefix")
    if text.startswith("s3://"):
        return Place(text, *s3_prefix(text), every)
    try:
        kind = Path(text).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        dangling = f"'{text}' is a link to nothing" if Path(text).is_symlink() else f"there is no file or folder '{text}'"
        raise BadInputError(dangling, fix="check the path, or write s3://bucket/prefix") from error
    except OSError as error:
        raise BadInputError(f"'{text}' can't be read: {error.strerror}", fix="check the path and its permissions") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise BadInputError(f"'{text}' is neither a regular file nor a folder", fix="name what is to be scanned")
    return Place(text, every=every)


def list_place(
    place: Place,
    *,
    inventory: InventoryPlace | None = None,
    now: datetime | None = None,
    tick: Tick = lambda _: None,
    own: Iterable[Path] = (),
) -> Listing:
    """List ``place``: a file (whatever its name), a folder (searched in depth, links to folders aren't followed), or a prefix in S3, that
    by the newest report of ``inventory`` where one is given (then ``now`` is too). ``own`` are files that the scan itself writes: they are nothing
    that the place holds, and how many of them there are differs from run to run.

    Raises:
        BadInputError: an inventory of something that isn't in S3.
        IncompleteError: the bucket or the report is out of reach, isn't whole, or doesn't list all of the place.
    """
    if inventory is not None:
        if place.bucket is None or now is None:
            raise BadInputError(f"'{place.text}' is not in S3, so there is no S3 Inventory of it", fix="leave out --inventory")
        s3 = client("s3", patient=True)
        fetch = Fetch(s3, "s3")
        report, frame = inventory.report(Fetch(s3, "s3"), place, now)  # by itself: what it may not ask is no problem of the files
        rows = (row for file in report.files for row in inventory_rows(fetch, report, file))
        objects: Iterator[tuple[str, Identity]] = ((row.key, identity_of(row)) for row in rows if row.key.startswith(place.prefix))
        return Listing(place, frame).fill(entries_of(objects, place.prefix, every=place.every), tick)
    if place.bucket is not None:
        objects = listed(client("s3", patient=True), place.bucket, place.prefix)
        return Listing(place, {"source": "ListObjectsV2"}).fill(entries_of(objects, place.prefix, every=place.every), tick)
    path = Path(place.text)
    entries: Iterable[Entry | PassedOver] = [Entry(str(path), _size(path))] if path.is_file() else _walk(path, every=place.every, own=own)
    return Listing(place, {"source": "folder"}).fill(entries, tick)


def unsure(frame: Mapping[str, Any]) -> str:
    """Why nobody can say whether a listing with this ``frame`` is of the whole place; empty where it is."""
    return str(frame.get("filter", {}).get("cannot_say", ""))


def inventory_rows(fetch: Fetch, report: Report, file: DataFile) -> Iterator[InventoryRow]:
    """What a data file of a report lists, once all of it turned out to be what the manifest says.

    Raises:
        IncompleteError: it can't be read, or isn't what the manifest says.
    """
    kept = read_file(fetch, report, file, _Rows)
    if kept is None:
        raise IncompleteError("; ".join(fetch.problems), fix="wait for the next report, or list the bucket itself (leave out --inventory)")
    yield from kept


class _Rows:
    """Rows of a data file on disk: none of them counts before the file's checksum was compared."""

    def __init__(self, rows: Iterable[InventoryRow]) -> None:
        self._rows = connect(TEMPORARY)
        self._rows.execute("CREATE TABLE rows (key TEXT, size INTEGER, version_id TEXT, etag TEXT, modified TEXT)")
        self._rows.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", rows)

    def __iter__(self) -> Iterator[InventoryRow]:
        yield from map(InventoryRow._make, self._rows.execute("SELECT * FROM rows"))
        self._rows.close()


def identity_of(row: InventoryRow) -> Identity:
    """What an inventory says of an object."""
    return Identity(row.size, row.version_id, row.etag, row.modified)


def entries_of(objects: Iterable[tuple[str, Identity]], prefix: str, *, every: bool) -> Iterator[Entry | PassedOver]:
    """The images and videos among ``objects`` by their names (all of them, if ``every``), and whatever was named itself.

    Folders that the console draws are nothing: their keys end in a slash, and they are empty. An object with bytes is one whatever its key; a slash
    at the end of it hides no suffix. A prefix that ends in one names what lies below it.
    """
    for key, identity in objects:
        if key.endswith("/") and identity.size == 0:
            continue
        named = key == prefix and not key.endswith("/")
        yield Entry(key, identity) if every or named or is_media(key) else PassedOver.NO_MEDIUM


def _walk(folder: Path, *, every: bool, own: Iterable[Path]) -> Iterator[Entry | PassedOver]:
    troubles: list[OSError] = []
    ours = {os.path.join(os.path.realpath(path.parent), path.name) for path in own}  # noqa: PTH118 - as realpath gives it
    for root, folders, files in os.walk(folder, onerror=troubles.append):
        while troubles:
            trouble = troubles.pop()
            yield Entry(str(trouble.filename), trouble=f"the folder can't be listed: {trouble.strerror}")
        yield from (PassedOver.LINK for name in folders if _is_link(Path(root, name)))
        here = os.path.realpath(root) if ours else ""
        for name in files:
            if ours and os.path.join(here, name) in ours:  # noqa: PTH118 - as above
                continue
            path = Path(root, name)
            yield Entry(str(path), _size(path)) if every or is_media(name) else PassedOver.NO_MEDIUM
    for trouble in troubles:
        yield Entry(str(trouble.filename), trouble=f"the folder can't be listed: {trouble.strerror}")


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False  # whoever lists it says what is wrong with it


def _size(path: Path) -> Identity:
    try:
        return Identity(path.stat().st_size)
    except OSError:
        return UNKNOWN  # whoever reads it says what is wrong with it


def _file_item(entry: Entry) -> Item:
    def read() -> Read:
        if entry.trouble is not None:
            raise IncompleteError(entry.trouble)
        data = read_bounded(Path(entry.key), limit=MAX_BYTES)
        return Read(data, Identity(len(data)))

    clip = entry.trouble is None and taken_for_clip(Path(entry.key))
    return Item(entry.key, read, entry.identity, (lambda: _lend(entry)) if clip else None)


def taken_for_clip(path: Path) -> bool:
    """Whether a file is scanned as a video: by its name, and if that is no name of media, by its first bytes."""
    if is_media(path.name):
        return is_clip(path.name)
    try:
        if not path.is_file():
            return False  # a pipe would be waited for
        with path.open("rb") as file:
            return video_type(file.read(1024)) is not None
    except OSError:
        return False  # whoever reads it says what is wrong with it


@contextmanager
def _lend(entry: Entry) -> Iterator[Lent]:
    with file_on_disk(Path(entry.key)) as path:
        yield Lent(path, Identity(path.stat().st_size))
