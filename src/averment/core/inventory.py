"""S3 Inventory: a report that S3 writes once a day or week, in place of listing a bucket of hundreds of millions of objects page by page.

Laid out as the S3 user guide says: below ``prefix/<bucket>/<configuration>/`` a folder for each report, with ``manifest.json`` (which names the
data files with their MD5) and ``manifest.checksum`` (the manifest's own). CSV and Parquet are read; ORC is refused. MD5 is what S3 gives: it
finds a file that was damaged or belongs to another report, not one that somebody forged together with its manifest.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote_plus

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, MissingExtraError
from averment.core.extras import require
from averment.core.fetch import Fetch, Missing
from averment.core.organisation import Organisation
from averment.core.period import from_iso, iso, parse_duration
from averment.core.source import SourceRef

T = TypeVar("T")

SETTINGS = "s3-inventory"
"""The key under ``parameters`` in averment.yaml that holds ``reports`` and ``max_age``."""

MAX_AGE = "36h"
"""How old a report may be, unless ``max_age`` says otherwise: a daily one, and half a day for S3 to write it."""

MAX_MANIFEST = 64 * 1024 * 1024
MAX_FILE = 16 * 1024**3
MAX_ROW_GROUP = 2 * 1024**3
MAX_LINE = 64 * 1024
MAX_RATIO = 500
"""Bounds: bytes of a manifest, of a data file, of a row group of Parquet (unpacked), characters of a line of CSV (a key has 1,024 bytes), and how
many times its own size a file of CSV may unpack to (it takes about ten)."""

_FOLDER = re.compile(r"/(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}Z)/$")
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^?#]*[^/?#])/?")
_TRIED = 3
"""Reports that are looked at, newest first, until one is whole: S3 may still be writing the last."""

_BATCH = 50_000
_NO_SIZE = 2**63
"""More bytes than anything has, or a database can count."""


@dataclass(frozen=True)
class InventorySettings:
    """Where reports lie, by the bucket that they list: (bucket, prefix up to the configuration). ``max_age`` is how old one may be."""

    reports: Mapping[str, tuple[str, str]]
    max_age: timedelta

    def to_json(self) -> dict[str, JSON]:
        """As part of the question that a record answers."""
        return {"reports": {name: list(place) for name, place in self.reports.items()}, "max_age": self.max_age.total_seconds()}


class InventoryRow(NamedTuple):
    """A present object. What is None the report doesn't tell: it has no such column, or the object no version. ``modified`` is in UTC,
    to the second; ``etag`` is without quotes."""

    key: str
    size: int
    version_id: str | None = None
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True)
class DataFile:
    """One file of a report."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True)
class Report:
    """A report whose manifest is as its checksum says. ``columns`` are those of CSV, in order."""

    bucket: str
    folder: str
    source: str
    created: datetime
    format: str
    columns: tuple[str, ...]
    sha256: str
    files: tuple[DataFile, ...]

    def frame(self) -> dict[str, JSON]:
        """The report as a record names it: what was counted, and sampled from."""
        return {
            "source": "S3 Inventory",
            "manifest": f"s3://{self.bucket}/{self.folder}manifest.json",
            "manifest_sha256": self.sha256,
            "created_at": iso(self.created),
            "format": self.format,
            "files": len(self.files),
        }

    def to_json(self) -> dict[str, JSON]:
        """As kept with the progress."""
        files: list[JSON] = [[file.key, file.size, file.md5] for file in self.files]
        more: dict[str, JSON] = {"bucket": self.bucket, "folder": self.folder, "source": self.source, "created": iso(self.created)}
        return {**more, "format": self.format, "columns": list(self.columns), "sha256": self.sha256, "files": files}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """The inverse of ``to_json``."""
        files = tuple(DataFile(*file) for file in value["files"])
        named = {name: value[name] for name in ("bucket", "folder", "source", "format", "sha256")}
        return cls(**named, created=from_iso(value["created"]), columns=tuple(value["columns"]), files=files)


def inventory_settings(organisation: Organisation) -> InventorySettings:
    """What averment.yaml says: ``parameters: {s3-inventory: {reports: {<bucket>: s3://<bucket>/<prefix>}, max_age: 36h}}``.

    Raises:
        BadInputError: another shape.
    """
    given = organisation.parameters.get(SETTINGS, {})
    where, fix = SourceRef(organisation.file), "write {reports: {shop-media: s3://shop-inventory/daily/shop-media/all}, max_age: 36h}"
    if not isinstance(given, Mapping) or set(given) - {"reports", "max_age"} or not isinstance(given.get("reports", {}), Mapping):
        raise BadInputError(f"parameters.{SETTINGS} takes reports (by bucket) and max_age", where=where, fix=fix)
    places: dict[str, tuple[str, str]] = {}
    for name, url in given.get("reports", {}).items():
        found = _URL.fullmatch(url) if isinstance(url, str) else None
        if found is None:
            raise BadInputError(f"parameters.{SETTINGS}.reports.{name} is no place of reports", where=where, fix=fix)
        places[str(name)] = (found[1], f"{found[2]}/")
    try:
        age = parse_duration(str(given.get("max_age", MAX_AGE)))
    except BadInputError as error:
        raise BadInputError(f"parameters.{SETTINGS}.max_age: {error.message}", where=where, fix=error.fix) from error
    return InventorySettings(places, age)


def newest_report(fetch: Fetch, settings: InventorySettings, source: str, now: datetime) -> Report | None:
    """The newest whole report on the bucket ``source``; None if there is none that can be read and is young enough (then ``fetch`` says why)."""
    bucket, prefix = settings.reports[source]
    folders: list[str] = []
    broken_off = fetch.broken_off
    for page in fetch.pages("ListObjectsV2", {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"}):
        folders += [item["Prefix"] for item in page.get("CommonPrefixes", ()) if _FOLDER.search(item["Prefix"])]
    if fetch.broken_off > broken_off:
        return None  # which is the newest, or whether there is one, wasn't seen
    for folder in sorted(folders, reverse=True)[:_TRIED]:
        try:
            report = _read_manifest(fetch, bucket, prefix, folder, source)
        except ValueError as error:
            fetch.problem(f"the S3 Inventory of {source} can't be used: s3://{bucket}/{folder}manifest.json {error}", lasting=True)
            return None
        if isinstance(report, Report):
            if now - report.created > settings.max_age:
                age = f"{settings.max_age.total_seconds() / 3600:g} hours"
                fetch.problem(f"the newest S3 Inventory of {source} is of {iso(report.created)}, {age} are allowed", lasting=True)
                return None
            return report
        if report is not Missing.GONE:
            return None
    fetch.problem(f"there is no S3 Inventory of {source} in s3://{bucket}/{prefix}", lasting=True)
    return None


def _read_manifest(fetch: Fetch, bucket: str, prefix: str, folder: str, source: str) -> Report | Missing | None:
    """The report in ``folder``; ``Missing.GONE`` if it isn't whole yet, None if it was refused.

    Raises:
        ValueError: the manifest isn't as its checksum says, or isn't one of this bucket.
    """
    shown: dict[str, JSON] = {"Bucket": bucket, "Key": f"{folder}manifest.*"}
    data = fetch.body({"Bucket": bucket, "Key": f"{folder}manifest.json"}, limit=MAX_MANIFEST, shown=shown, absent="NoSuchKey")
    if not isinstance(data, bytes):
        return data
    checksum = fetch.body({"Bucket": bucket, "Key": f"{folder}manifest.checksum"}, limit=1024, shown=shown, absent="NoSuchKey")
    if not isinstance(checksum, bytes):
        return checksum
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != checksum.decode("ascii", "replace").strip():
        raise ValueError("is not as manifest.checksum says")
    try:
        value = json.loads(data)
        created = datetime.fromtimestamp(int(value["creationTimestamp"]) // 1000, UTC)
        files = tuple(DataFile(str(file["key"]), int(file["size"]), str(file["MD5checksum"])) for file in value["files"])
        form, schema = str(value["fileFormat"]).upper(), str(value["fileSchema"])
        listed, destination = value["sourceBucket"], value["destinationBucket"]
    except (KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise ValueError(f"is not a manifest of S3 Inventory: {type(error).__name__}: {error}") from error
    if (listed, str(destination).rpartition(":::")[2]) != (source, bucket):  # an ARN of any partition
        raise ValueError(f"lists the bucket {listed} into {destination}")
    if any(not file.key.startswith(prefix) or not 0 <= file.size <= MAX_FILE for file in files):
        raise ValueError("names data files of another report, or of an impossible size")
    if form not in ("CSV", "PARQUET"):
        raise ValueError(f"is of the format {form}, which is not read here: set the inventory to CSV or Parquet")
    columns = tuple(column.strip() for column in schema.split(",")) if form == "CSV" else ()
    return Report(bucket, folder, source, created, form, columns, sha256_hex(data), files)


def read_file(fetch: Fetch, report: Report, file: DataFile, make: Callable[[Iterator[InventoryRow]], T]) -> T | None:
    """What ``make`` makes of the present objects that ``file`` lists; None if it can't be read, or isn't what the manifest says
    (then ``fetch`` says why). ``make`` may be asked again, where the connection broke off, and has to begin anew then."""
    shown: dict[str, JSON] = {"Bucket": report.bucket, "Key": f"each data file of {report.folder}manifest.json"}

    def read(answer: Any) -> T:
        body = _Checked(answer["Body"], file)
        made = make(_rows(report, body))
        body.finish()
        return made

    try:
        return fetch.stream({"Bucket": report.bucket, "Key": file.key}, read, shown=shown)
    except MissingExtraError as error:
        fetch.problem(f"{error.message}: {error.fix}")
        return None


def _rows(report: Report, body: _Checked) -> Iterator[InventoryRow]:
    """The present objects in a data file.

    Raises:
        ValueError: it holds something that no inventory does.
    """
    try:
        for row in _csv_rows(report, body) if report.format == "CSV" else _parquet_rows(report, body):
            if not isinstance(row.key, str) or not row.key or not 0 <= row.size < _NO_SIZE:
                raise ValueError(f"has a row that is no object: {row.key!r} of {row.size} bytes")
            yield row
    except (
        csv.Error,
        AttributeError,
        LookupError,
        NotImplementedError,
        OverflowError,
        TypeError,
    ) as error:  # csv's and Arrow's, or a value of another type
        raise ValueError(f"is not what an inventory holds: {error}") from error


class _Checked(io.RawIOBase):
    """A body that is counted and hashed while it is read."""

    def __init__(self, body: Any, file: DataFile) -> None:
        self._body, self.file = body, file
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As ``io.RawIOBase``.

        Raises:
            ValueError: there is more than the manifest says.
        """
        data: bytes = self._body.read(len(buffer))
        self._size += len(data)
        if self._size > self.file.size:
            raise ValueError(f"has more than the {self.file.size:,} bytes that the manifest says")
        self._md5.update(data)
        buffer[: len(data)] = data
        return len(data)

    def finish(self) -> None:
        """Read what is left, and compare.

        Raises:
            ValueError: it isn't what the manifest says.
        """
        while self.read(1024 * 1024):
            pass
        if self._md5.hexdigest() != self.file.md5:
            raise ValueError("is not as the manifest's MD5 says")


def _csv_rows(report: Report, body: _Checked) -> Iterator[InventoryRow]:
    """The present objects in gzipped CSV without a header, whose keys are URL-encoded."""
    place = {name: number for number, name in enumerate(report.columns)}
    if missing := {"Bucket", "Key", "Size"} - set(place):
        raise ValueError(f"has no column {', '.join(sorted(missing))}: add it to the inventory's configuration")
    latest, marker = place.get("IsLatest"), place.get("IsDeleteMarker")
    optional = [place.get(name) for name in ("VersionId", "ETag", "LastModifiedDate")]
    for row in csv.reader(_lines(body), strict=True):
        if len(row) != len(report.columns) or row[place["Bucket"]] != report.source:
            raise ValueError("has a row that isn't of this bucket or has other columns than the manifest says")
        if (latest is None or _flag(row[latest], "true")) and (marker is None or not _flag(row[marker], "false")):
            version_id, etag, modified = (row[number] or None if number is not None else None for number in optional)
            key = unquote_plus(row[place["Key"]], errors="strict")
            yield InventoryRow(key, int(row[place["Size"]] or 0), version_id, etag, _moment(modified))


def _flag(text: str, otherwise: str) -> bool:
    """A report's own notation of yes and no; what it leaves empty counts as ``otherwise``. Anything else isn't guessed: an object would be missing."""
    if (text or otherwise) not in ("true", "false"):
        raise ValueError(f"says neither true nor false of a version, but {text[:20]!r}")
    return (text or otherwise) == "true"


def _moment(text: str | None) -> str | None:
    """A report's own notation of a time (2026-11-28T03:33:12.000Z) in ours."""
    return iso(datetime.fromisoformat(text)) if text else None


def _lines(body: _Checked) -> Iterator[str]:
    unpacked, limit = 0, MAX_RATIO * max(body.file.size, 1024)
    with gzip.GzipFile(fileobj=io.BufferedReader(body, 1024 * 1024)) as file:
        while line := file.readline(MAX_LINE + 1):
            unpacked += len(line)
            if len(line) > MAX_LINE or unpacked > limit:
                raise ValueError("unpacks to more than an inventory can hold")
            yield line.decode("utf-8")


def _parquet_rows(report: Report, body: _Checked) -> Iterator[InventoryRow]:
    """The same of Parquet, whose keys are as they are. It can't be read from its beginning to its end, so it is put on disk first."""
    parquet = require("pyarrow.parquet", extra="lake", needed_for="an S3 Inventory in Parquet")
    with tempfile.TemporaryFile() as file:
        while piece := body.read(1024 * 1024):
            file.write(piece)
        body.finish()
        table = parquet.ParquetFile(file)
        names = set(table.schema_arrow.names)
        if missing := {"bucket", "key", "size"} - names:
            raise ValueError(f"has no column {', '.join(sorted(missing))}: add it to the inventory's configuration")
        groups = (table.metadata.row_group(number).total_byte_size for number in range(table.metadata.num_row_groups))
        if any(size > MAX_ROW_GROUP for size in groups):
            raise ValueError("unpacks to more than an inventory can hold")
        optional = ("is_latest", "is_delete_marker", "version_id", "e_tag", "last_modified_date")
        wanted = ["bucket", "key", "size", *(name for name in optional if name in names)]
        for batch in table.iter_batches(batch_size=_BATCH, columns=wanted):
            for row in batch.to_pylist():
                if row["bucket"] != report.source:
                    raise ValueError("has a row of another bucket")
                if any(row.get(name) not in (True, False, None) for name in ("is_latest", "is_delete_marker")):
                    raise ValueError("says neither true nor false of a version")
                if row.get("is_latest") is not False and row.get("is_delete_marker") is not True:
                    modified = row.get("last_modified_date")
                    moment = iso(modified.replace(tzinfo=modified.tzinfo or UTC)) if modified else None
                    yield InventoryRow(row["key"], int(row["size"] or 0), row.get("version_id") or None, row.get("e_tag") or None, moment)
