"""A clip as a file on disk for as long as it is looked at, wherever it comes from.

What decodes seeks to and fro and must be kept away from credentials and the network, so an object of S3 is brought here whole first, into a
temporary file of bounded size. Ranged reads would save little: where the frames are stands at the end of many files, and the packets are
read once in any case, because a header's word isn't taken for how long a clip lasts.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from averment.core.aws import aws_errors, object_state, version_pin
from averment.core.errors import IncompleteError
from averment.core.extras import require
from averment.detector.imaging import UnreadableError

MAX_CLIP_BYTES = 4 * 1024**3
"""A larger clip is not brought to disk, nor scanned where it is on disk already."""

_CHUNK = 1024 * 1024
_REPLACED = "it was replaced while it was read"


@contextmanager
def file_on_disk(path: Path) -> Iterator[Path]:
    """``path`` itself, if it is a regular file within the bound.

    Raises:
        UnreadableError: it isn't; the message is the reason.
    """
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise UnreadableError(f"can't be read: {error.strerror}") from error
    if size is None:
        raise UnreadableError("is not a regular file" if path.exists() else "does not exist")
    _check(size)
    yield path


@contextmanager
def bytes_on_disk(source: bytes | BinaryIO | Iterable[bytes]) -> Iterator[Path]:
    """The bytes, what a binary stream still gives, or chunks of bytes, as a temporary file; it is gone afterwards.

    Raises:
        UnreadableError: more bytes than the bound.
        IncompleteError: the disk is full.
    """
    with _folder() as folder:
        path = folder / "clip"
        with _disk_errors(), path.open("wb") as file:
            written = 0
            for chunk in _chunks(source):
                written += len(chunk)
                _check(written)
                file.write(chunk)
        yield path


def _chunks(source: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
    elif read := getattr(source, "read", None):  # not by iterating, which gives lines of whatever length
        while chunk := read(_CHUNK):
            yield chunk
    else:
        yield from source


class Downloaded(NamedTuple):
    """An object on disk, and what S3 said of it (the answer to HeadObject)."""

    path: Path
    head: Mapping[str, Any]


@contextmanager
def object_on_disk(s3: Any, bucket: str, key: str, version: str | None = None) -> Iterator[Downloaded]:
    """The object's present version, or ``version``, as a temporary file; its size is asked for first, and another state is never taken for that one.

    Raises:
        UnreadableError: more bytes than the bound.
        IncompleteError: S3 refused or broke off, or the disk is full.
    """
    transfer: Any = require(
        "s3transfer.exceptions", extra="aws", needed_for="reading from S3"
    )  # download_fileobj raises these, not boto3's
    asked = {"VersionId": version} if version else {}
    named = f"s3://{bucket}/{key}" + (f"?versionId={version}" if version else "")
    with _folder() as folder:
        path = folder / "clip"
        try:
            with aws_errors(f"read {named}"), _disk_errors(), path.open("wb") as file:
                head = s3.head_object(Bucket=bucket, Key=key, **asked)
                _check(int(head["ContentLength"]))
                pinned = version_pin(head)
                s3.download_fileobj(bucket, key, file, ExtraArgs=pinned or asked)
                if not pinned and object_state(s3.head_object(Bucket=bucket, Key=key, **asked)) != object_state(head):
                    raise IncompleteError(f"could not read {named}: {_REPLACED}")
        except transfer.RetriesExceededError as error:
            raise IncompleteError(f"could not read {named}: it broke off again and again") from error
        except getattr(transfer, "S3DownloadFailedError", ()) as error:  # another ETag than when it began; earlier releases have none
            raise IncompleteError(f"could not read {named}: {_REPLACED}") from error
        if path.stat().st_size != int(head["ContentLength"]):
            raise IncompleteError(f"could not read {named}: it broke off")
        yield Downloaded(path, head)


@contextmanager
def _folder() -> Iterator[Path]:
    with ExitStack() as stack:
        with _disk_errors():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="averment-clip-"))
        yield Path(folder)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = "free space there, or set TMPDIR to a folder that has it"
        raise IncompleteError(f"a clip could not be put into {tempfile.gettempdir()}: {error.strerror or error}", fix=fix) from error


class FileState(NamedTuple):
    """What tells one state of a file on disk from another: which file it is, its size, and when it was last written (``modified``) or changed in
    any way. Whoever writes to a file can set the first time back, and not the second."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


def state_of(path: Path) -> FileState:
    """The state of the file at ``path``."""
    found = path.stat()
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file of any size, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(size: int) -> None:
    if size > MAX_CLIP_BYTES:
        raise UnreadableError(f"the file has {size:,} bytes; of a video more than {MAX_CLIP_BYTES:,} are not read")
