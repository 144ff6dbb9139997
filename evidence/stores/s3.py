"""A store in an S3 bucket, under a prefix. S3's conditional writes decide between writers; no lock is needed.

Give the bucket versioning and, against the operator itself, Object Lock with a default retention in compliance mode:
nothing that the ledger keeps is ever overwritten except ``intent`` and ``checkpoint``, of which Object Lock keeps every
version. ``protect`` checks both before the first write.
Permissions: s3:GetObject, s3:PutObject, s3:ListBucket, s3:GetBucketVersioning, s3:GetBucketObjectLockConfiguration;
s3:DeleteObject only to tidy up, the ledger does without.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import AvermentError, BadInputError
from averment.core.extras import require
from averment.evidence.stores.interface import RESTORE, ConflictError, NotStoredError, Store, Stored, StoreError, check_name, is_name

_LOST = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
"""Somebody else is writing the same name at this moment: who wins shows when it is tried again, which boto3 doesn't do."""
_TRIES = 5
_ABSENT = frozenset({"NoSuchKey", "NotFound", "404"})


class S3Store(Store):
    """Objects under ``s3://bucket/prefix``; a version is an ETag."""

    def __init__(self, bucket: str, prefix: str = "", s3: Any = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._given = s3

    @classmethod
    def from_url(cls, url: str) -> S3Store:
        """The store of ``s3://bucket/prefix``.

        Raises:
            BadInputError: no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise BadInputError(f"'{url}' is no place in S3", fix="write s3://bucket/prefix")
        return cls(parts.netloc, parts.path)

    @property
    def location(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, name: str) -> Stored:
        answer = self._call("get_object", "read", name)
        if answer is None:
            raise NotStoredError(f"{self.location}/{name} is not there")
        try:
            with aws_errors(f"read {self.location}/{name}"):
                return Stored(answer["Body"].read(), answer["ETag"])
        except AvermentError as error:
            raise StoreError(error.message, fix=error.fix) from error

    def put_new(self, name: str, data: bytes) -> None:
        if self._put(name, data, IfNoneMatch="*") is None and self.get(name).data != data:
            raise ConflictError(f"{self.location}/{name} exists with other bytes and was left as it is", fix=RESTORE)

    def replace_if(self, name: str, data: bytes, version: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        answer = self._put(name, data, **condition)
        if answer is not None:
            return str(answer["ETag"])
        # boto3 tries again when an answer is lost on the way, and then the condition fails because of what the first try wrote.
        try:
            present = self.get(name)
        except NotStoredError:
            present = None
        if present is None or present.data != data:
            raise ConflictError(f"{self.location}/{name} was changed by another writer")
        return present.version

    def exists(self, name: str) -> bool:
        return self._call("head_object", "read", name) is not None

    def list(self, prefix: str) -> Iterator[str]:
        try:
            with aws_errors(f"list {self.location}/{prefix}"):
                for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                    yield from filter(is_name, (str(item["Key"])[len(self._prefix) :] for item in page.get("Contents", ())))
        except StoreError:
            raise
        except AvermentError as error:
            raise StoreError(error.message, fix=error.fix) from error

    def discard(self, name: str) -> None:
        self._call("delete_object", "remove", name)

    def protect(self, days: int | None) -> tuple[str, ...]:
        missing: tuple[str, ...] = ()
        for check in (self._versioning, self._lock):
            try:
                missing += check(days or 1)
            except StoreError as error:
                if days is not None:
                    raise
                missing += (f"what protects {self.location} could not be checked: {error.message}",)
        if days is not None and missing:
            raise BadInputError(
                f"evidence.object_lock_days asks for {days} days, but {'; '.join(missing)}",
                fix="give the bucket versioning and Object Lock with a default retention in COMPLIANCE mode",
            )
        return missing

    def _versioning(self, _days: int) -> tuple[str, ...]:
        status = self._bucket_setting("get_bucket_versioning").get("Status", "never enabled")
        return () if status == "Enabled" else (f"the bucket {self._bucket} keeps no versions (versioning: {status})",)

    def _lock(self, days: int) -> tuple[str, ...]:
        found = self._bucket_setting("get_object_lock_configuration").get("ObjectLockConfiguration", {})
        retention = found.get("Rule", {}).get("DefaultRetention", {})
        if found.get("ObjectLockEnabled") != "Enabled" or not retention:
            return (f"the bucket {self._bucket} has no Object Lock with a default retention: who may delete there may delete evidence",)
        mode, kept = retention.get("Mode"), retention.get("Days", 0) + 365 * retention.get("Years", 0)
        wrong = () if mode == "COMPLIANCE" else (f"the Object Lock of {self._bucket} is in {mode} mode, which a permission lifts",)
        return wrong if kept >= days else (*wrong, f"the Object Lock of {self._bucket} lasts {kept} days, not {days}")

    def _bucket_setting(self, operation: str) -> dict[str, Any]:
        """The answer; empty if nothing is set.

        Raises:
            StoreError: it could not be asked.
        """
        try:
            with aws_errors(f"{operation.replace('_', ' ')} of {self._bucket}"):
                answer: dict[str, Any] = getattr(self._s3, operation)(Bucket=self._bucket)
                return answer
        except AvermentError as error:
            if error_code(error) == "ObjectLockConfigurationNotFoundError":
                return {}
            raise StoreError(error.message, fix=error.fix) from error

    @cached_property
    def _s3(self) -> Any:
        return self._given if self._given is not None else client("s3")

    def _put(self, name: str, data: bytes, **condition: str) -> Any:
        """The answer of PutObject, or None if the condition did not hold.

        A bucket with Object Lock takes nothing without a checksum, which boto3 adds by itself only from 1.36 on, and there only where it isn't told
        otherwise (``AWS_REQUEST_CHECKSUM_CALCULATION``).
        """
        tried = 0
        while True:
            try:
                return self._call("put_object", "write", name, Body=data, ChecksumAlgorithm="SHA256", **condition)
            except StoreError as error:
                tried += 1
                if error_code(error.__cause__) not in _BUSY or tried == _TRIES:
                    raise
            time.sleep(random.uniform(0, 0.1 * 2**tried))  # noqa: S311 - jitter, nothing secret

    def _call(self, operation: str, doing: str, name: str, **arguments: Any) -> Any:
        """The answer; None if there is no such object, or if a condition did not hold.

        Raises:
            StoreError: anything else went wrong.
        """
        exceptions = require("botocore.exceptions", extra="aws", needed_for="a ledger in S3")
        try:
            with aws_errors(f"{doing} {self.location}/{name}"):
                return getattr(self._s3, operation)(Bucket=self._bucket, Key=self._prefix + check_name(name), **arguments)
        except AvermentError as error:
            cause = error.__cause__
            code = cause.response.get("Error", {}).get("Code") if isinstance(cause, exceptions.ClientError) else None
            if code in _LOST or code in _ABSENT:
                return None
            fix = "use boto3 1.35.69 or later" if isinstance(cause, exceptions.ParamValidationError) else error.fix
            raise StoreError(error.message, fix=fix) from error
