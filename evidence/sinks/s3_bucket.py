"""A package in a plain S3 bucket with Object Lock: whoever may read the bucket has the evidence, and nobody can change it.

Each package lies in a folder that its manifest's SHA-256 names, ``<prefix>/<period>/<first 16 digits>/``, so that a later package
of the same period stands beside the earlier one. Nothing is ever overwritten (conditional writes); S3 checks each file's SHA-256
as it arrives. The manifest's signature goes up last: a folder without it is a push that was cut off, and pushing again finishes it.
Permissions: s3:GetBucketVersioning, s3:GetBucketObjectLockConfiguration, s3:PutObject, s3:PutObjectRetention, s3:GetObject,
s3:GetObjectRetention; with ``dry_run`` s3:ListBucket, without which S3 answers 403 for what isn't there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from averment.core.aws import ABSENT, aws_errors, client, error_code
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.ledger.log import Entry
from averment.evidence.package import layout
from averment.evidence.package.files import inventory, read_file
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.sinks.interface import PushResult, Refusal, Sink

_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_UNLOCKED = frozenset({"ObjectLockConfigurationNotFoundError", "ObjectLockConfigurationNotFound"})
_DIGITS = 16


@dataclass(frozen=True)
class Target:
    """Where a package goes. ``retain`` is for how long each file is held; None leaves it to the bucket's default."""

    bucket: str
    prefix: str = ""
    retain: timedelta | None = None
    mode: str = "COMPLIANCE"
    region: str | None = None

    @classmethod
    def parse(cls, url: str, *, retain: timedelta | None = None, mode: str = "COMPLIANCE", region: str | None = None) -> Target:
        """The target of ``s3://bucket/prefix``.

        Raises:
            BadInputError: no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise BadInputError(f"'{url}' is no place in S3", fix="write s3://bucket/prefix")
        return cls(parts.netloc, parts.path.strip("/"), retain, mode, region)


class S3BucketSink(Sink):
    """Puts the package in ``folder`` (written by ``write_package``) into a bucket. With ``dry_run`` it only looks."""

    def __init__(self, folder: Path, target: Target, *, dry_run: bool = False) -> None:
        self._folder, self._target, self._dry_run = folder, target, dry_run
        self._held: list[tuple[datetime, str]] = []

    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:  # noqa: ARG002 - the package holds both
        """See ``Sink.push``.

        Raises:
            BadInputError: the bucket has no versioning or Object Lock, or nothing says for how long files are held.
            IncompleteError: AWS is out of reach or refuses.
        """
        s3 = client("s3", region=self._target.region)
        until, hold = _require_locked(s3, self._target)
        base = self._base(report)
        created = unchanged = 0
        refused: list[Refusal] = []
        for name in _in_order(self._folder):
            outcome = self._file(s3, f"{base}/{name}", read_file(self._folder / name), until)
            created += outcome is True
            unchanged += outcome is False
            if isinstance(outcome, Refusal):
                refused.append(outcome)
        notes = [hold] if created else []
        if self._held:  # --retain is for what is put now
            modes = " or ".join(map(_mode, sorted({mode for _, mode in self._held})))
            notes.append(f"what was there already is held until {iso(min(self._held)[0])} {modes}")
        return PushResult(f"s3://{self._target.bucket}/{base}", created, unchanged, tuple(refused), tuple(notes))

    def _base(self, report: PeriodReport) -> str:
        digest = sha256_hex(read_file(self._folder / layout.MANIFEST))[:_DIGITS]
        return "/".join(part for part in (self._target.prefix, report.period.label, digest) if part)

    def _file(self, s3: Any, key: str, data: bytes, until: datetime | None) -> bool | Refusal:
        """True when the file was put (or would be), False when it is there already, a refusal when something else is."""
        bucket = self._target.bucket
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        place = {"Bucket": bucket, "Key": key}
        if not self._dry_run:
            hold = {"ObjectLockMode": self._target.mode, "ObjectLockRetainUntilDate": until} if until else {}
            try:
                with aws_errors(f"write s3://{bucket}/{key}"):
                    s3.put_object(
                        **place,
                        Body=data,
                        ChecksumAlgorithm="SHA256",
                        ChecksumSHA256=checksum,
                        IfNoneMatch="*",
                        ContentType=_content_type(key),
                        **hold,
                    )
                return True
            except IncompleteError as error:
                if error_code(error) not in _TAKEN:
                    raise
        return self._there(s3, place, data)

    def _there(self, s3: Any, place: dict[str, str], data: bytes) -> bool | Refusal:
        what = f"s3://{place['Bucket']}/{place['Key']}"
        try:
            with aws_errors(f"read {what}"):
                found = s3.get_object(**place)
                same = found["Body"].read() == data
        except IncompleteError as error:
            if self._dry_run and error_code(error) in ABSENT:
                return True
            raise
        if not same:
            return Refusal(what, "another file is there, and nothing is overwritten")
        held: datetime | None = found.get("ObjectLockRetainUntilDate")
        if held is None or held <= utc_now():
            return Refusal(what, "it is there, but no retention holds it any more; set one, or push to another prefix")
        self._held.append((held, str(found.get("ObjectLockMode", "no"))))
        return False


def _mode(name: str) -> str:
    """How fast a retention holds."""
    return f"in {name} mode" + (", which the permission s3:BypassGovernanceRetention lifts" if name == "GOVERNANCE" else "")


def _require_locked(s3: Any, target: Target) -> tuple[datetime | None, str]:
    """The end of the retention to set, or None where the bucket's default holds; and in words how what is put is held.

    Raises:
        BadInputError: the bucket can't keep files from being changed, or nothing says for how long.
    """
    where = SourceRef(f"s3://{target.bucket}")
    with aws_errors(f"look at s3://{target.bucket}"):
        versioning = s3.get_bucket_versioning(Bucket=target.bucket).get("Status")
    lock = _lock(s3, target.bucket)
    if versioning != "Enabled" or lock.get("ObjectLockEnabled") != "Enabled":
        missing = "versioning" if versioning != "Enabled" else "Object Lock"
        raise BadInputError(
            f"the bucket has no {missing}: what is put there could be changed or deleted",
            where=where,
            fix="create a bucket with Object Lock (which brings versioning), or export to a folder",
        )
    if target.retain is not None:
        until = utc_now() + target.retain
        return until, f"held until {iso(until)} {_mode(target.mode)}"
    default = lock.get("Rule", {}).get("DefaultRetention")
    if not default:
        raise BadInputError("the bucket has no default retention", where=where, fix="say for how long: --retain 3650d")
    length = counted(default["Years"], "year") if default.get("Years") else counted(default.get("Days", 0), "day")
    return None, f"held for the bucket's default retention, {length} {_mode(str(default.get('Mode', 'no')))}"


def _lock(s3: Any, bucket: str) -> dict[str, Any]:
    try:
        with aws_errors(f"read the Object Lock configuration of s3://{bucket}"):
            found: dict[str, Any] = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
            return found
    except IncompleteError as error:
        if error_code(error) in _UNLOCKED:
            return {}
        raise


def _in_order(folder: Path) -> list[str]:
    """The package's files, its manifest and the signature last."""
    last = {layout.MANIFEST: 1, layout.SIGNATURE: 2}
    return sorted(inventory(folder)[0], key=lambda name: (last.get(name, 0), name))


def _content_type(key: str) -> str:
    kinds = {".json": "application/json", ".html": "text/html; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".txt": "text/plain"}
    return kinds.get(Path(key).suffix, "application/octet-stream")
