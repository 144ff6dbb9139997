"""A clip as a file on disk, wherever it comes from, and nothing left behind."""

from __future__ import annotations

import hashlib
import io
import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from urllib3.exceptions import ProtocolError, SSLError

from averment.core.errors import IncompleteError
from averment.detector.imaging import UnreadableError
from averment.detector.video import lending
from averment.detector.video.lending import bytes_on_disk, file_on_disk, object_on_disk, sha256_of


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(lending.tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def bucket(sandbox: object) -> str:
    boto3.client("s3").create_bucket(Bucket="films", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return "films"


def test_a_file_is_lent_where_it_is(tmp_path: Path) -> None:
    """Nothing is copied."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"film")
    with file_on_disk(path) as lent:
        assert lent == path


@pytest.mark.parametrize(("name", "reason"), [("gone.mp4", "does not exist"), (".", "is not a regular file")])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    """Folders and devices are no clips, nor is what isn't there."""
    with pytest.raises(UnreadableError, match=reason), file_on_disk(tmp_path / name):
        pass


@pytest.mark.parametrize("source", [b"film" * 1000, io.BytesIO(b"film" * 1000)])
def test_bytes_and_streams_are_put_on_disk_for_a_while(temporary: Path, source: Any) -> None:
    """The file holds what was given, and is gone afterwards, also after an error."""

    def look() -> None:
        with bytes_on_disk(source) as path:
            assert path.read_bytes() == b"film" * 1000
            assert temporary in path.parents
            raise RuntimeError

    with pytest.raises(RuntimeError):
        look()
    assert list(temporary.iterdir()) == []


def test_an_error_of_whoever_looks_stays_that_error(temporary: Path) -> None:
    """Only what goes wrong with the disk is called so."""
    with pytest.raises(BrokenPipeError), bytes_on_disk(b"film"):
        raise BrokenPipeError


def test_more_than_the_bound_is_not_written(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without end stops at the bound."""
    monkeypatch.setattr(lending, "MAX_CLIP_BYTES", 3_000_000)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    endless = Endless()
    with pytest.raises(UnreadableError, match="of a video more than 3,000,000 are not read"), bytes_on_disk(endless):  # type: ignore[arg-type]
        pass
    assert endless.given < 6_000_000
    assert list(temporary.iterdir()) == []
    with pytest.raises(UnreadableError), bytes_on_disk(bytes(3_000_001)):
        pass


def test_an_object_is_brought_here_with_what_s3_says_of_it(bucket: str, temporary: Path) -> None:
    """The version that was asked about is the one that comes, and the file is gone afterwards."""
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket=bucket, Key="a/film.mp4", Body=b"film" * 3_000_000)
    with object_on_disk(s3, bucket, "a/film.mp4") as (path, head):
        assert sha256_of(path) == hashlib.sha256(b"film" * 3_000_000).hexdigest()
        assert (head["VersionId"], head["ContentLength"]) == (put["VersionId"], 12_000_000)
    assert list(temporary.iterdir()) == []


def test_an_object_too_large_is_not_fetched(bucket: str, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is asked for first."""
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"film" * 10)
    monkeypatch.setattr(lending, "MAX_CLIP_BYTES", 39)
    monkeypatch.setattr(s3, "download_fileobj", lambda *_, **__: pytest.fail("it was fetched"))
    with pytest.raises(UnreadableError, match="the file has 40 bytes"), object_on_disk(s3, bucket, "film.mp4"):
        pass


@pytest.mark.parametrize("versions", ["none", "suspended"])
def test_an_object_that_is_replaced_meanwhile_is_not_taken_for_the_other(
    versions: str, bucket: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without versions nothing pins the bytes, so that what was said of one state would stand for another. Where versions are suspended, the
    object has one, "null", which is written over just so."""
    s3 = boto3.client("s3")
    ask, get = s3.head_object, s3.get_object
    if versions == "suspended":  # S3's answers then; moto's have no version, and it knows none called so
        monkeypatch.setattr(s3, "head_object", lambda VersionId="null", **arguments: {**ask(**arguments), "VersionId": VersionId})  # noqa: N803
        monkeypatch.setattr(s3, "get_object", lambda VersionId="null", **arguments: {**get(**arguments), "VersionId": VersionId})  # noqa: N803
    s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"film")
    fetch = s3.download_fileobj

    def replace_and_fetch(*arguments: Any, **options: Any) -> None:
        s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"FAKE")
        fetch(*arguments, **options)

    monkeypatch.setattr(s3, "download_fileobj", replace_and_fetch)
    with pytest.raises(IncompleteError, match="it was replaced while it was read"), object_on_disk(s3, bucket, "film.mp4"):
        pass


def test_an_object_that_is_replaced_before_its_bytes_come_is_said_to_be(
    bucket: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fetches it asks for the ETag that it saw first, and S3 refuses: an error of a library's own, which would end a scan of a million."""
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"film" * 3_000_000)
    get = s3.get_object

    def replace_and_get(**arguments: Any) -> Any:
        s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"FAKE" * 3_000_000)
        return get(**arguments)

    monkeypatch.setattr(s3, "get_object", replace_and_get)
    with pytest.raises(IncompleteError, match="it was replaced while it was read"), object_on_disk(s3, bucket, "film.mp4"):
        pass


@pytest.mark.parametrize("error", [ProtocolError("reset"), SSLError("bad record")])
def test_an_object_that_keeps_breaking_off_is_a_reason(
    error: Exception, bucket: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that ends in the middle is fetched anew some times; a failed TLS record comes through as it is. Neither is a flaw of the program."""
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"film")

    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise error

    get = s3.get_object
    monkeypatch.setattr(s3, "get_object", lambda **arguments: {**get(**arguments), "Body": StreamingBody(Broken(), None)})
    with pytest.raises(IncompleteError, match=r"could not read s3://films/film\.mp4"), object_on_disk(s3, bucket, "film.mp4"):
        pass
    assert list(temporary.iterdir()) == []


def test_an_object_is_replaced_though_its_etag_is_the_same(bucket: str, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ETag can be an MD5, of which two clips can be made that share it: another time of change is another state."""
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="film.mp4", Body=b"film")
    ask, times = s3.head_object, itertools.count()

    def later(**arguments: Any) -> Any:
        head = ask(**arguments)
        return {**head, "LastModified": head["LastModified"] + timedelta(seconds=next(times))}

    monkeypatch.setattr(s3, "head_object", later)
    with pytest.raises(IncompleteError, match="it was replaced while it was read"), object_on_disk(s3, bucket, "film.mp4"):
        pass


def test_an_object_that_is_not_there_is_an_error_with_its_name(bucket: str, temporary: Path) -> None:
    """S3's answer, and nothing left on disk."""
    with (
        pytest.raises(IncompleteError, match=r"could not read s3://films/gone\.mp4"),
        object_on_disk(boto3.client("s3"), bucket, "gone.mp4"),
    ):
        pass
    assert list(temporary.iterdir()) == []


def test_a_full_disk_is_said(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder is named, so that people know where to make room."""
    monkeypatch.setattr(lending.tempfile, "tempdir", str(temporary / "no" / "such"))
    with pytest.raises(IncompleteError, match="a clip could not be put into") as caught, bytes_on_disk(b"film"):
        pass
    assert "TMPDIR" in str(caught.value.fix)
