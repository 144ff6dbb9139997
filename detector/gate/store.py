"""The gate's hands on S3: read one version, see whether it is the latest, tag it, copy it to the published bucket, take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from averment.core.aws import MAX_METADATA_BYTES, MAX_TAGS, metadata_bytes
from averment.core.errors import IncompleteError
from averment.core.extras import require
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.seals import META_SOURCE

OURS = "averment-"
"""Names of tags and metadata that only the gate may give; an upload's own are dropped."""

_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "412", "PreconditionFailed"})


@dataclass(frozen=True)
class Fetched:
    """One version: what S3 says of it, and its first bytes (all of them where ``whole``)."""

    head: Mapping[str, Any]
    data: bytes
    whole: bool

    @property
    def size(self) -> int:
        """Bytes of the object, whatever was read of it."""
        return int(self.head["ContentLength"])

    @property
    def metadata(self) -> dict[str, str]:
        """The uploader's metadata, names in lower case."""
        return {name.lower(): value for name, value in self.head.get("Metadata", {}).items()}


@dataclass(frozen=True)
class Served:
    """What S3 says of a published object, and which version it was copied from (version id, or without versioning ETag, in ``version``);
    None if the gate didn't publish it."""

    head: Mapping[str, Any]
    source: ObjectVersion | None

    def is_of(self, target: ObjectVersion) -> bool:
        """Whether it is ``target`` that is served: also where it was copied before its bucket had versions, since when S3 calls it ``null``."""
        names = {target.etag, target.version} if target.version == "null" else {target.version or target.etag}
        return self.source is not None and self.source.bucket == target.bucket and self.source.version in names


class Store:
    """One S3 client. All calls are pinned to a version, or without versioning to an ETag."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._exceptions: Any = require("botocore.exceptions", extra="aws", needed_for="the media gate")

    def fetch(self, target: ObjectVersion, *, whole_up_to: int, first: int = 64) -> Fetched | None:
        """Head and bytes of the version, or its ``first`` bytes if it is larger than ``whole_up_to``. None: it is gone, or replaced.

        Raises:
            IncompleteError: the answer broke off, or is about another version: what would be scored isn't what would be published.
        """
        pinned = self._pinned(target)
        if not target.version and target.etag:
            pinned["IfMatch"] = f'"{target.etag}"'
        try:
            head = self._s3.head_object(**pinned)
            whole = head["ContentLength"] <= whole_up_to
            part = {} if whole else {"Range": f"bytes=0-{first - 1}"}
            # What was looked at by name is now pinned by content: the bytes scored are the bytes described and, later, copied.
            answer = self._s3.get_object(**{**pinned, "IfMatch": head["ETag"], **part})
            data = bytes(answer["Body"].read(whole_up_to + 1 if whole else first))
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None  # deleted, or replaced by an upload that has an event of its own
            raise
        if len(data) != (head["ContentLength"] if whole else min(first, head["ContentLength"])):  # urllib3 before 2 doesn't say so
            raise IncompleteError(f"{target} broke off after {len(data):,} bytes")
        if answer.get("VersionId") != head.get("VersionId"):  # where no version was named; an ETag can be had for other bytes as well
            raise IncompleteError(f"{target} was replaced while it was read")
        return Fetched(head, data, whole)

    def head(self, target: ObjectVersion) -> Mapping[str, Any] | None:
        """What S3 says of the version; None if it is gone, or has another ETag than ``target``."""
        try:
            head: Mapping[str, Any] = self._s3.head_object(**self._pinned(target))
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise
        return head if target.etag is None or head["ETag"].strip('"') == target.etag else None

    def is_latest(self, target: ObjectVersion, etag: str) -> bool:
        """Whether no newer upload has the same key: events come in any order, and an old version must not replace a new one."""
        now = self.latest(target)
        return now is not None and now.etag == etag.strip('"') and target.version in {None, now.version}

    def latest(self, target: ObjectVersion) -> ObjectVersion | None:
        """The latest version under the key of ``target``; None if that is a deletion."""
        try:
            now = self._s3.head_object(Bucket=target.bucket, Key=target.key)
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return None
            raise
        return ObjectVersion(target.bucket, target.key, now.get("VersionId"), now["ETag"].strip('"'))

    def served(self, bucket: str, key: str) -> Served | None:
        """What stands under ``key`` in the published bucket; None if nothing does."""
        try:
            head = self._s3.head_object(Bucket=bucket, Key=key)
        except self._exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return None
            raise
        origin, _, version = unquote(head.get("Metadata", {}).get(META_SOURCE, "")).partition("/")
        return Served(head, ObjectVersion(origin, key, version) if origin and version else None)

    def tag(self, target: ObjectVersion, ours: Mapping[str, str]) -> None:
        """Give the version our tags, and keep as many of the uploader's as S3 allows beside them; none of theirs under our prefix."""
        pinned = self._pinned(target)
        theirs = {tag["Key"]: tag["Value"] for tag in self._s3.get_object_tagging(**pinned)["TagSet"] if not tag["Key"].startswith(OURS)}
        self._s3.put_object_tagging(**pinned, Tagging={"TagSet": _tag_set(theirs, ours)})

    def publish(
        self,
        target: ObjectVersion,
        head: Mapping[str, Any],
        bucket: str,
        *,
        content_type: str | None,
        tags: Mapping[str, str],
        seal: Mapping[str, str],
    ) -> None:
        """Copy the judged bytes to ``bucket`` under the same key, with the uploader's metadata (provenance), our tags and seal, and the
        type that the bytes really have."""
        ours = {META_SOURCE: quote(f"{target.bucket}/{target.version or head['ETag'].strip(chr(34))}"), **seal}
        self._s3.copy_object(
            Bucket=bucket,
            Key=target.key,
            CopySource=self._pinned(target),
            CopySourceIfMatch=head["ETag"],
            MetadataDirective="REPLACE",
            Metadata={**kept_metadata(head.get("Metadata", {}), ours), **ours},
            ContentType=content_type or "application/octet-stream",
            TaggingDirective="REPLACE",
            Tagging=urlencode(tags),
        )

    def withdraw(self, bucket: str, key: str, *, etag: str) -> None:
        """Take the key out of ``bucket``: with versioning a delete marker on top, so that what was served stays for the investigation.

        Only what has ``etag`` is taken: S3 refuses if something else was published meanwhile, and whoever asked looks again.
        S3 knows the condition since September 2025, for which it wants s3:GetObject as well. It goes out as a header: a boto3 from
        before that, as an image of AWS Lambda may bring along, refuses the argument, and then nothing would be withdrawn.
        """

        def on_condition(params: dict[str, Any], **_: Any) -> None:
            params["headers"]["If-Match"] = etag

        events = self._s3.meta.events
        events.register("before-call.s3.DeleteObject", on_condition)
        try:
            self._s3.delete_object(Bucket=bucket, Key=key)
        finally:
            events.unregister("before-call.s3.DeleteObject", on_condition)

    @property
    def refused(self) -> type[Exception]:
        """What is raised when S3 refuses, for whoever can do without."""
        refused: type[Exception] = self._exceptions.ClientError
        return refused

    @staticmethod
    def _pinned(target: ObjectVersion) -> dict[str, Any]:
        return {"Bucket": target.bucket, "Key": target.key, **({"VersionId": target.version} if target.version else {})}


def kept_metadata(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The uploader's metadata without names of ours, as far as S3 has room for it beside ours: provenance first, then by name."""
    room = MAX_METADATA_BYTES - metadata_bytes(ours)
    kept: dict[str, str] = {}
    for name in sorted(
        (name for name in theirs if not name.lower().startswith(OURS)), key=lambda name: (name.lower() != "provenance", name)
    ):
        size = len(name.encode()) + len(theirs[name].encode())
        if size <= room:
            kept[name] = theirs[name]
            room -= size
    return kept


def _tag_set(theirs: Mapping[str, str], ours: Mapping[str, str]) -> Sequence[dict[str, str]]:
    """Our tags, and as many of the uploader's as S3 allows beside them, so that ten tags of theirs can't keep ours off."""
    kept = dict(sorted(theirs.items())[: MAX_TAGS - len(ours)])
    return [{"Key": key, "Value": value} for key, value in {**kept, **ours}.items()]
