"""What S3 Inventory writes: reports on a bucket's objects. moto takes inventory configurations and writes none.

Laid out as the S3 user guide describes, and put there over an ordinary S3 connection; what is in a report is said here.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote_plus

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
_ENDINGS = {"CSV": "csv.gz", "Parquet": "parquet"}


class Listed(NamedTuple):
    """A version of an object, as a report lists it."""

    key: str
    size: int = 1
    latest: bool = True
    delete_marker: bool = False
    version_id: str = ""
    modified: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    etag: str = "00000000000000000000000000000000"


class InventoryReports:
    """Reports on ``source`` below ``prefix`` of ``destination``, over ``s3`` (boto3)."""

    def __init__(self, s3: Any, source: str, destination: str, prefix: str) -> None:
        self._s3, self._source, self._destination, self._prefix = s3, source, destination, f"{prefix.strip('/')}/"

    def csv(self, listed: Iterable[Listed]) -> bytes:
        """A data file of gzipped CSV, whose keys are URL-encoded."""
        target = io.StringIO()
        writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for item in listed:
            flags = (str(item.latest).lower(), str(item.delete_marker).lower())
            modified = f"{item.modified:%Y-%m-%dT%H:%M:%S}.000Z"
            writer.writerow((self._source, quote_plus(item.key, safe="/"), item.version_id, *flags, item.size, modified, item.etag))
        return gzip.compress(target.getvalue().encode(), mtime=0)

    def parquet(self, listed: Iterable[Listed]) -> bytes:
        """A data file of Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = list(listed)
        columns = {
            "bucket": pa.array([self._source] * len(rows), pa.string()),
            "key": pa.array([row.key for row in rows], pa.string()),
            "size": pa.array([row.size for row in rows], pa.int64()),
            "is_latest": pa.array([row.latest for row in rows], pa.bool_()),
            "is_delete_marker": pa.array([row.delete_marker for row in rows], pa.bool_()),
            "version_id": pa.array([row.version_id for row in rows], pa.string()),
            "last_modified_date": pa.array([row.modified.replace(tzinfo=None) for row in rows], pa.timestamp("ms")),
            "e_tag": pa.array([row.etag for row in rows], pa.string()),
        }
        target = io.BytesIO()
        pq.write_table(pa.table(columns), target)
        return target.getvalue()

    def configure(self, only: str = "") -> None:
        """The configuration that the reports are made by; with ``only``, filtered to keys that begin so."""
        place, _, name = self._prefix.strip("/").rpartition("/")
        target = {"Bucket": f"arn:aws:s3:::{self._destination}", "Format": "CSV", "Prefix": place.removesuffix(self._source).strip("/")}
        made: dict[str, Any] = {
            "Id": name,
            "IsEnabled": True,
            "Destination": {"S3BucketDestination": target},
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            **({"Filter": {"Prefix": only}} if only else {}),
        }
        self._s3.put_bucket_inventory_configuration(Bucket=self._source, Id=name, InventoryConfiguration=made)

    def put(self, created: datetime, *files: bytes, form: str = "CSV", **fields: Any) -> str:
        """Put a report of the data ``files``, begun at ``created``; ``fields`` replace those of the manifest. The manifest's key."""
        listed = []
        for number, data in enumerate(files):
            key = f"{self._prefix}data/{created:%Y%m%d%H%M}-{number}.{_ENDINGS.get(form, 'orc')}"
            self._s3.put_object(Bucket=self._destination, Key=key, Body=data)
            listed.append({"key": key, "size": len(data), "MD5checksum": _md5(data)})
        manifest = {
            "sourceBucket": self._source,
            "destinationBucket": f"arn:aws:s3:::{self._destination}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(created.timestamp() * 1000)),
            "fileFormat": form,
            "fileSchema": SCHEMA,
            "files": listed,
            **fields,
        }
        data, folder = json.dumps(manifest).encode(), f"{self._prefix}{created:%Y-%m-%dT%H-%MZ}/"
        self._s3.put_object(Bucket=self._destination, Key=f"{folder}manifest.json", Body=data)
        self._s3.put_object(Bucket=self._destination, Key=f"{folder}manifest.checksum", Body=_md5(data).encode())
        return f"{folder}manifest.json"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
