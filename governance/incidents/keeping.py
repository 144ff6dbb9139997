"""Where preserved media is kept: an S3 bucket with Object Lock, or a folder. Every copy is read back before it counts."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.files import replacing
from averment.core.source import SourceRef
from averment.evidence.sinks.s3_bucket import Target

_CHUNK = 1024 * 1024


class Keep(ABC):
    """A place for copies. ``locked_until`` is until when nobody can remove them (None: nothing prevents it), ``caution`` what to know of it."""

    locked_until: datetime | None = None
    caution: str | None = None

    @abstractmethod
    def put(self, name: str, body: IO[bytes]) -> str:
        """Store ``body`` under ``name`` and return where it lies, enough to find this very copy again.

        Raises:
            IncompleteError: it could not be stored.
        """

    @staticmethod
    def read(place: str) -> Iterator[bytes]:
        """The bytes of the copy at ``place``, as ``put`` returned it.

        Raises:
            AvermentError: it isn't there or can't be read.
        """
        return _read_s3(place) if place.startswith("s3://") else _read_file(place)

    @staticmethod
    def digest(place: str) -> str:
        """The SHA-256 of the copy at ``place``.

        Raises:
            AvermentError: it isn't there or can't be read.
        """
        found = hashlib.sha256()
        for chunk in Keep.read(place):
            found.update(chunk)
        return found.hexdigest()


class FolderKeep(Keep):
    """A folder of this machine. Copies are made read-only, which whoever owns them can lift: hence the caution."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.caution = "the copies lie in a folder, where whoever owns it can change them; the ledger shows that, and doesn't prevent it"

    def put(self, name: str, body: IO[bytes]) -> str:
        path = self._folder / name
        with replacing(path, mode=0o444) as target:  # what lies there has the same name, and so the same bytes
            while chunk := body.read(_CHUNK):
                target.write(chunk)
        return str(path.resolve())


class LockedKeep(Keep):
    """A bucket, each copy under Object Lock in compliance mode for some days. Nothing is overwritten: a name holds the digest."""

    def __init__(self, url: str, days: int, now: datetime, *, unlocked: bool = False) -> None:
        """Look at the bucket's lock.

        Raises:
            BadInputError: it has none, and ``unlocked`` doesn't say that it has to do without.
            IncompleteError: it could not be asked.
        """
        target = Target.parse(url)
        self._bucket, self._prefix, self._s3 = target.bucket, target.prefix, client("s3")
        if self._has_lock():
            self.locked_until = now + timedelta(days=days)
        elif unlocked:
            self.caution = f"the bucket {self._bucket} has no Object Lock: who may delete there may delete these copies"
        else:
            raise BadInputError(
                f"the bucket {self._bucket} has no Object Lock", fix="name one that has, or accept it with --unlocked: that is recorded"
            )

    def put(self, name: str, body: IO[bytes]) -> str:
        key = f"{self._prefix}/{name}".lstrip("/")
        extra: dict[str, Any] = {"ContentType": "application/octet-stream", "ChecksumAlgorithm": "SHA256"}
        if self.locked_until is not None:
            extra |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self.locked_until}
        with aws_errors(f"store s3://{self._bucket}/{key}"):
            self._s3.upload_fileobj(_Unclosed(body), self._bucket, key, ExtraArgs=extra)
            version = self._s3.head_object(Bucket=self._bucket, Key=key).get("VersionId")
        return f"s3://{self._bucket}/{quote(key)}" + (f"?versionId={version}" if version else "")

    def _has_lock(self) -> bool:
        try:
            with aws_errors(f"read the Object Lock of {self._bucket}"):
                found = self._s3.get_object_lock_configuration(Bucket=self._bucket)["ObjectLockConfiguration"]
                return bool(found.get("ObjectLockEnabled") == "Enabled")
        except AvermentError as error:
            if error_code(error) in {"ObjectLockConfigurationNotFoundError", "ObjectLockConfigurationNotFound"}:
                return False
            raise


class _Unclosed:
    """A stream that whoever uploads it can't close: it is read again afterwards."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        return self._body.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        return self._body.tell()

    def close(self) -> None:
        """Keep it open."""


def open_keep(place: str, root: Path, days: int, now: datetime, *, unlocked: bool = False) -> Keep:
    """The keep that ``place`` names: ``s3://bucket/prefix``, or a folder relative to ``root``.

    Raises:
        BadInputError: no such place, or a bucket without Object Lock.
        IncompleteError: S3 is out of reach or refuses.
    """
    if place.startswith("s3://"):
        return LockedKeep(place, days, now, unlocked=unlocked)
    if "://" in place:
        raise BadInputError(f"'{place}' is no place for copies", fix="write s3://bucket/prefix, or a folder")
    return FolderKeep(root / place)


def _read_file(place: str) -> Iterator[bytes]:
    where = SourceRef(place)
    try:
        with Path(place).open("rb") as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise IncompleteError(f"the copy can't be read: {error.strerror}", where=where) from error


def _read_s3(place: str) -> Iterator[bytes]:
    from averment.governance.incidents.originals import find_originals

    (original,) = find_originals(place)
    with aws_errors(f"read {place}"):
        yield from client("s3").get_object(**original.pinned)["Body"].iter_chunks(_CHUNK)
