"""Objects that come whole, broken, too large, or not at all.

Origin of the data: answers made here, in the shape of botocore's.
"""

from __future__ import annotations

import io
import ssl
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from urllib3.exceptions import SSLError

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.bulk.objects import is_clip, is_media, object_item, read_object
from averment.detector.imaging import MAX_BYTES
from averment.detector.scanning import UNKNOWN, Identity


class Answers:
    """An S3 client that gives these bodies, one a call, each said to have ``length`` bytes."""

    def __init__(self, length: int, *bodies: bytes | Exception) -> None:
        self._length, self._bodies, self.calls = length, list(bodies), 0

    def get_object(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        body = self._bodies.pop(0)
        stream: Any = Broken(body) if isinstance(body, Exception) else StreamingBody(io.BytesIO(body), None)
        return {"Body": stream, "ContentLength": self._length, "ETag": '"e"', "LastModified": datetime(2026, 11, 1, tzinfo=UTC)}


class Broken:
    """A body whose connection breaks off."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self) -> bytes:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


def test_a_body_that_breaks_off_is_fetched_again() -> None:
    """Also one that is shorter than was said, which is no picture to score."""
    s3 = Answers(5, b"12", ReadTimeoutError(endpoint_url="x"), b"12345")
    read = read_object(s3, "b", "k", UNKNOWN)
    assert (read.data, s3.calls) == (b"12345", 3)
    assert read_object(Answers(5, SSLError("bad record"), ssl.SSLError("bad record"), b"12345"), "b", "k", UNKNOWN).data == b"12345"
    assert read.identity == Identity(5, None, "e", "2026-11-01T00:00:00Z")


def test_a_body_that_keeps_breaking_off_is_a_reason() -> None:
    """After three times."""
    with pytest.raises(IncompleteError, match="could not read s3://b/k: it broke off 3 times"):
        read_object(Answers(5, b"1", b"12", b"123", b"12345"), "b", "k", UNKNOWN)


def test_what_is_too_large_isn_t_read() -> None:
    """By its listing it isn't even asked for; a listing that said otherwise doesn't help it."""
    s3 = Answers(MAX_BYTES + 1, b"")
    with pytest.raises(BadInputError, match="more than"):
        read_object(s3, "b", "k", Identity(MAX_BYTES + 1))
    assert s3.calls == 0
    with pytest.raises(BadInputError, match="more than"):
        read_object(s3, "b", "k", Identity(3))


def test_what_is_gone_says_so(sandbox: Any) -> None:
    """It was listed, and deleted before its turn came."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="b-media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(IncompleteError, match="it is gone since it was listed"):
        object_item(s3, "b-media", "k.jpg", UNKNOWN).read()


@pytest.mark.parametrize(
    ("key", "media", "clip"),
    [
        ("a/b.JPG", True, False),
        ("a/.jpg", True, False),
        (".mp4", True, True),
        ("a/b.tar.Mov", True, True),
        ("a.jpg/", True, False),
        ("a.jpg/b", False, False),
        ("a/jpg", False, False),
        ("a.jpg.", False, False),
        ("", False, False),
    ],
)
def test_a_name_says_what_it_is_by_its_ending(key: str, media: bool, clip: bool) -> None:
    """Also where it has nothing but an ending, as keys of uploads without a name do."""
    assert (is_media(key), is_clip(key)) == (media, clip)


def test_what_is_archived_says_so(sandbox: Any) -> None:
    """S3's own words are about an operation that isn't valid; what helps is to restore the object."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="b-media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="b-media", Key="k.jpg", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(IncompleteError, match=r"it is archived \(GLACIER\), and can't be read before it is restored"):
        object_item(s3, "b-media", "k.jpg", UNKNOWN).read()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Identity(1, "v1", "e", "t"), Identity(1, "v1", "e", "t"), True),
        (Identity(1, "v1", "e", "t"), Identity(1, "v2", "e", "t"), False),
        (Identity(1, "v1", "e", "t"), Identity(1, None, "e", "t"), True),
        (Identity(1, "null", "e", "t"), Identity(1, "null", "e", "later"), False),
        (Identity(1, None, "e", None), Identity(1, None, "e", None), False),
        (Identity(1), Identity(1), False),
        (Identity(1, None, "e", "t"), Identity(2, None, "e", "t"), False),
        (Identity(1, None, "e", "t"), Identity(1, None, "e", "t"), True),
        (Identity(1, None, "e-1", "t"), Identity(1, None, "e-1", "t"), False),
        (Identity(1, "v1", "e-1", "t"), Identity(1, "v1", "e-1", "t"), True),
    ],
)
def test_the_same_object_is_told_by_version_or_by_all_that_s3_says(one: Identity, other: Identity, same: bool) -> None:
    """An ETag alone doesn't do, nor does a size; "null" is no version. Of what was put in parts the time is when that was begun, as two may be at once."""
    assert one.same_object_as(other) is same
