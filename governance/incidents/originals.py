"""The media that an incident is about, where it lies: a file, or a version of an S3 object; read once, and measured while it is read."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.detector.imaging import MAX_BYTES
from averment.governance.incidents.words import visible

MAX_MEDIUM = 5 * 1024**3
"""Bytes of one medium; larger ones are refused with that reason. It goes through this machine's disk, and not through its memory."""

_VERSION = re.compile(r"[^?]+\?versionId=[^?&\s]+")
_IN_MEMORY = 16 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Original:
    """Where a medium lies: ``bucket``, ``key`` and ``version`` in S3, or ``path``. ``name`` is what people see."""

    name: str
    path: Path | None = None
    bucket: str = ""
    key: str = ""
    version: str | None = None

    @property
    def pinned(self) -> dict[str, str]:
        """The arguments of an S3 call that names this object and version."""
        return {"Bucket": self.bucket, "Key": self.key, **({"VersionId": self.version} if self.version else {})}


@dataclass(frozen=True)
class Taken:
    """A medium that was read: its bytes in a temporary file, their number and SHA-256, and what its place says of it (``described``)."""

    original: Original
    body: IO[bytes]
    size: int
    sha256: str
    described: dict[str, JSON] = field(default_factory=dict)

    def head(self) -> bytes | None:
        """The whole medium where it is small enough to be looked at as an image; None if it is larger."""
        if self.size > MAX_BYTES:
            return None
        self.body.seek(0)
        return self.body.read()


def find_originals(place: str, *, all_versions: bool = False) -> list[Original]:
    """What ``place`` names: a file, ``s3://bucket/key`` (its latest version), or ``s3://bucket/key?versionId=...``.

    With ``all_versions`` every version of the object that there is, also where the latest is a deletion.

    Raises:
        BadInputError: no such place, no key in it, or a key that has to be written otherwise: another object must not be taken for it.
        IncompleteError: S3 is out of reach or refuses.
    """
    if re.match(r"[a-z][a-z0-9+.-]*://|arn:", place, re.IGNORECASE) and not place.startswith("s3://"):
        fix = "write s3://bucket/key for an object; what lies elsewhere, download and name the file"
        raise BadInputError(f"'{visible(place)}' is neither a file nor an object of S3", fix=fix)
    if not place.startswith("s3://"):
        return [Original(place, Path(place))]
    if "#" in place or ("?" in place and not _VERSION.fullmatch(place)):
        raise BadInputError(f"'{place}' has a # or ? in its key, which stands for something else there", fix="write %23 for #, %3F for ?")
    # By hand: a parser of URLs drops line breaks, and takes brackets for an address. Slashes at the beginning of a key are the key's own.
    path, _, version = place.removeprefix("s3://").partition("?versionId=")
    bucket, _, written = path.partition("/")
    key = unquote(written)
    if not bucket or not key:
        raise BadInputError(f"'{place}' names no object", fix="write s3://bucket/key, or s3://bucket/key?versionId=...")
    if not all_versions:
        return [Original(place, None, bucket, key, unquote(version) or None)]
    s3, found = client("s3"), []
    with aws_errors(f"list the versions of {place}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            found += [item["VersionId"] for item in page.get("Versions", ()) if item["Key"] == key]
            if any(item["Key"] != key for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))):
                break  # keys come in order, and the key itself before all that begin like it: of "a" there may be millions
    if not found:
        raise BadInputError(f"there is no version of {place}", fix="check the key")
    return [Original(f"s3://{bucket}/{quote(key)}?versionId={version}", None, bucket, key, version) for version in found]


@contextmanager
def take(original: Original) -> Iterator[Taken]:
    """Read ``original`` into a temporary file for the block.

    Raises:
        BadInputError: it isn't there, or larger than ``MAX_MEDIUM``.
        IncompleteError: it can't be read.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
        described = _from_file(original.path, body) if original.path is not None else _from_s3(original, body)
        size = body.tell()
        body.seek(0)
        digest = hashlib.sha256()
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
        body.seek(0)
        yield Taken(original, body, size, digest.hexdigest(), described)


def _from_file(path: Path, body: IO[bytes]) -> dict[str, JSON]:
    where = SourceRef(str(path))
    if not path.is_file():
        raise BadInputError("is not a regular file" if path.exists() else "does not exist", where=where, fix="check the path")
    try:
        if path.stat().st_size > MAX_MEDIUM:
            raise _too_large(str(path))
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                body.write(chunk)
    except OSError as error:
        raise IncompleteError(f"can't be read: {error.strerror}", where=where) from error
    return {"place": "file"}


def _from_s3(original: Original, body: IO[bytes]) -> dict[str, JSON]:
    s3 = client("s3")
    with aws_errors(f"read {original.name}"):
        answer = s3.get_object(**original.pinned)
        if answer["ContentLength"] > MAX_MEDIUM:
            raise _too_large(original.name)
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            body.write(chunk)
    tags, problem = _tags(s3, original, answer.get("VersionId"))
    return {
        "place": "s3",
        "bucket": original.bucket,
        "key": original.key,
        "version_id": answer.get("VersionId"),
        "etag": answer["ETag"].strip('"'),
        "last_modified": iso(answer["LastModified"]),
        "content_type": answer.get("ContentType"),
        "metadata": dict(answer.get("Metadata", {})),
        "tags": tags,
        **({"tags_problem": problem} if problem else {}),
    }


def _tags(s3: Any, original: Original, version: str | None) -> tuple[dict[str, str] | None, str | None]:
    pinned = {"Bucket": original.bucket, "Key": original.key, **({"VersionId": version} if version else {})}
    try:
        with aws_errors(f"read the tags of {original.name}"):
            return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(**pinned)["TagSet"]}, None
    except AvermentError as error:
        return None, error.message


def _too_large(name: str) -> BadInputError:
    return BadInputError(
        f"{name} is larger than {MAX_MEDIUM:,} bytes and was not read", fix="copy it by S3 Batch Operations, and record that"
    )
