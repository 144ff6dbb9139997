"""Objects in S3: listed page by page, and read within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from averment.core.aws import aws_errors, broken_off, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso
from averment.detector.imaging import MAX_BYTES
from averment.detector.scanning import SUFFIXES, Identity, Item, Lent, Read
from averment.detector.sniffing import CLIP_SUFFIXES
from averment.detector.video.lending import object_on_disk

ATTEMPTS = 3
"""How often an object is fetched that breaks off while it is read: botocore asks again for answers, but not for what comes after."""


def is_media(key: str) -> bool:
    """Whether the name says that it is an image or a video. Slashes at its end don't count."""
    return _ending(key) in SUFFIXES or is_clip(key)


def is_clip(key: str) -> bool:
    """Whether the name says that it is a video."""
    return _ending(key) in CLIP_SUFFIXES


def _ending(key: str) -> str:
    """``.jpg`` of ``a/b.JPG``, and of ``a/.jpg``, which ``suffix`` takes for a name without one: who uploads without a name leaves such keys."""
    name = PurePosixPath(key).name
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def listed(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, Identity]]:
    """All keys below ``prefix`` in the order of their UTF-8 bytes, with what the listing says of each.

    Raises:
        IncompleteError: the bucket is out of reach.
    """
    with aws_errors(f"list s3://{bucket}/{prefix}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield entry["Key"], Identity(entry["Size"], None, _etag(entry), iso(entry["LastModified"]))


def object_item(s3: Any, bucket: str, key: str, identity: Identity) -> Item:
    """The object as something to scan. What is read is the present version, and the result says which that was."""
    lend = (lambda: _lend(s3, bucket, key)) if is_clip(key) else None
    return Item(f"s3://{bucket}/{quote(key)}", lambda: read_object(s3, bucket, key, identity), identity, lend)


@contextmanager
def _lend(s3: Any, bucket: str, key: str) -> Iterator[Lent]:
    with object_on_disk(s3, bucket, key) as (path, head):
        yield Lent(path, _identity(head))


def read_object(s3: Any, bucket: str, key: str, identity: Identity) -> Read:
    """The object's bytes, of which there are at most ``MAX_BYTES``; of a larger one, by its listing or the answer, none are read.

    Raises:
        BadInputError: it is larger.
        IncompleteError: it is out of reach, gone, or broke off again and again.
    """
    _check_size(identity.size or 0)
    broken: Exception | None = None
    with aws_errors(f"read s3://{bucket}/{key}"):
        for _ in range(ATTEMPTS):
            answer = _get(s3, bucket, key)
            try:
                return _whole(answer)
            except (*broken_off(), OSError) as error:
                broken = error
            finally:
                answer["Body"].close()
    raise IncompleteError(f"could not read s3://{bucket}/{key}: it broke off {ATTEMPTS} times") from broken


def _whole(answer: Any) -> Read:
    length = int(answer["ContentLength"])
    _check_size(length)
    data: bytes = answer["Body"].read()
    if len(data) != length:
        raise ConnectionError(f"{len(data):,} of {length:,} bytes came")
    return Read(data, _identity(answer))


def _identity(answer: Mapping[str, Any]) -> Identity:
    return Identity(int(answer["ContentLength"]), answer.get("VersionId"), _etag(answer), iso(answer["LastModified"]))


def _etag(answer: Any) -> str | None:
    etag = answer.get("ETag")
    return str(etag).strip('"') if etag else None


def _get(s3: Any, bucket: str, key: str) -> Any:
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except Exception as error:
        if error_code(error) in ("NoSuchKey", "404"):
            raise IncompleteError(f"could not read s3://{bucket}/{key}: it is gone since it was listed") from error
        raise


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise BadInputError(
            f"the file has {size:,} bytes; more than {MAX_BYTES:,} are not read", fix="leave it out, or scan a smaller copy"
        )
