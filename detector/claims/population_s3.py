"""Populations in S3: the objects under a prefix, counted by listing all of them, each pinned by its version where the bucket keeps versions.

Permissions: s3:ListBucket and s3:GetObject; s3:GetBucketVersioning, s3:ListBucketVersions and s3:GetObjectVersion to pin versions. Where
the first two of these are denied the listing goes on without versions, and the result says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from averment.core.aws import aws_errors, client, error_code, missing_permission, s3_prefix
from averment.core.errors import IncompleteError
from averment.core.extras import require
from averment.core.period import iso
from averment.detector.claims.frame import MAX_FRAME, SUFFIXES, Item, Population, RefusedError, most_bytes, too_large
from averment.detector.sniffing import CLIP_SUFFIXES

_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_REFUSALS = {
    **dict.fromkeys(_GONE, "gone since it was counted"),
    "PreconditionFailed": "changed since it was counted",
    "412": "changed since it was counted",
    "InvalidObjectState": "archived: it has to be restored before it can be read",
}


class S3Population(Population):
    """Objects under a prefix of a bucket. An object's identity is ``size:ETag``, and ``:version`` where versions are kept."""

    unit = "object"

    def __init__(self, name: str, where: str, items: Sequence[Item], bucket: str, s3: Any, other_files: int = 0) -> None:
        super().__init__(name, where, items, other_files)
        self._bucket = bucket
        self._s3 = s3

    def _read(self, item: Item) -> bytes:
        size, etag, version = (*item.identity.split(":", 2), "")[:3]
        most = most_bytes(item.name)
        if int(size) > most:
            raise too_large(item.name)  # told by the listing: nothing is fetched
        wanted = {"VersionId": version} if version else {}
        errors = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
        with aws_errors(f"read s3://{self._bucket}/{item.name}"):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=item.name, IfMatch=f'"{etag}"', **wanted)["Body"]
                data: bytes = body.read(most + 1)
            except errors.ClientError as error:
                reason = _REFUSALS.get(error_code(error) or "")
                if reason is None:
                    raise
                raise RefusedError(reason) from error
        if len(data) > most:
            raise too_large(item.name)
        return data

    def content(self, item: Item) -> str | None:
        return ":".join(item.identity.split(":", 2)[:2])  # size and ETag: nothing is fetched

    def _with(self, items: Sequence[Item]) -> Population:
        return S3Population(self.name, self.where, items, self._bucket, self._s3, self.other_files)


def s3_population(name: str, where: str, s3: Any = None, as_of: datetime | None = None, *, clips: bool = False) -> S3Population:
    """The images under ``s3://bucket/prefix``, with ``clips`` also the videos, as they are called; with ``as_of`` as they were then, as far as the bucket's versions tell.

    Raises:
        BadInputError: no bucket is named.
        IncompleteError: S3 is out of reach, the prefix holds more than ``MAX_FRAME`` images, or ``as_of`` is asked of a
            bucket without versions.
    """
    bucket, prefix = s3_prefix(where)
    s3 = s3 or client("s3")
    with aws_errors(f"list {where}"):
        suffixes = SUFFIXES | CLIP_SUFFIXES if clips else SUFFIXES
        listed, note = _pinned(s3, (bucket, prefix, where), suffixes, as_of)
        if listed is None and as_of is not None:
            raise IncompleteError(
                f"{where} can't be listed as of {iso(as_of)}: {note}", fix="versions have to be kept, and listed, by then"
            )
        items, others = listed or _items(_objects(s3, bucket, prefix), where, suffixes)
    found = S3Population(name, where, items, bucket, s3, others)
    found.origin = {"versions": note}
    found.clips = clips
    return found


def _pinned(s3: Any, place: tuple[str, str, str], suffixes: Set[str], as_of: datetime | None) -> tuple[tuple[list[Item], int] | None, str]:
    """The media by their versions, and "pinned"; or None and why nothing pins them. ``place`` is a bucket, a prefix, and how both were written."""
    bucket, prefix, where = place
    errors = require("botocore.exceptions", extra="aws", needed_for="talking to AWS")
    try:
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            return None, "not pinned: the bucket keeps no versions"
        return _items(_versions(s3, bucket, prefix, as_of), where, suffixes), "pinned"
    except errors.ClientError as error:
        denied = missing_permission(error)
        if denied is None:
            raise
        return None, f"not pinned: {denied} was denied"


def _items(entries: Iterable[Mapping[str, Any]], where: str, suffixes: Set[str]) -> tuple[list[Item], int]:
    items, others = [], 0
    for entry in entries:
        if entry["Key"].endswith("/") and entry["Size"] == 0:  # what the console calls a folder: no file
            continue
        if PurePosixPath(entry["Key"]).suffix.lower() not in suffixes:
            others += 1
            continue
        version = f":{entry['VersionId']}" if "VersionId" in entry else ""
        items.append(Item(entry["Key"], f"{entry['Size']}:{entry['ETag'].strip(chr(34))}{version}"))
        if len(items) > MAX_FRAME:
            raise IncompleteError(f"{where} holds more than {MAX_FRAME:,} images", fix="name a narrower prefix")
    return items, others


def _objects(s3: Any, bucket: str, prefix: str) -> Iterable[Mapping[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            yield {name: entry[name] for name in ("Key", "Size", "ETag")}


def _versions(s3: Any, bucket: str, prefix: str, as_of: datetime | None) -> Iterable[Mapping[str, Any]]:
    """The current version of each object, or the one that was current at ``as_of``; deleted objects are left out.

    S3 tells times by the second. Two writes within the second of ``as_of`` can't be told apart; the frame's hash shows it.
    """
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    if as_of is None:
        for page in pages:
            yield from (entry for entry in page.get("Versions", ()) if entry["IsLatest"])
        return
    then: dict[str, tuple[datetime, Mapping[str, Any] | None]] = {}
    for page in pages:
        for kind in ("Versions", "DeleteMarkers"):
            for entry in page.get(kind, ()):
                moment, known = entry["LastModified"], then.get(entry["Key"])
                if moment <= as_of and (known is None or moment > known[0]):
                    then[entry["Key"]] = (moment, entry if kind == "Versions" else None)
    yield from (entry for _, entry in then.values() if entry is not None)
