"""The step that puts the function's archive into a bucket, under a key made of its contents."""

from __future__ import annotations

from typing import Any

from averment.core.aws import ABSENT, aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.bundle import Bundle
from averment.policies.deployment.interface import Action, Change, Step

PREFIX = "averment/config-rules/"


class Archive(Step):
    """``bundle`` at ``s3://<bucket>/averment/config-rules/<digest>.zip``. Written once: another build has another key.

    Needs ``s3:GetObject`` and ``s3:PutObject``, to remove ``s3:ListBucket`` and ``s3:DeleteObject``.
    """

    def __init__(self, bundle: Bundle, bucket: str, *, region: str | None = None) -> None:
        self.bundle, self.bucket = bundle, bucket
        self.key = f"{PREFIX}{bundle.digest}.zip"
        self.name = f"archive s3://{bucket}/{self.key}"
        self._s3: Any = client("s3", region=region)

    def changes(self) -> tuple[Change, ...]:
        return () if self._there() else (Change(Action.CREATE, f"s3://{self.bucket}/{self.key}", (f"{len(self.bundle.files)} files",)),)

    def apply(self) -> None:
        with aws_errors(f"put the archive into {self.bucket}"):
            self._s3.put_object(Bucket=self.bucket, Key=self.key, Body=self.bundle.archive(), ContentType="application/zip")

    def present(self) -> tuple[str, ...]:
        with aws_errors(f"list the archives in {self.bucket}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=PREFIX)
            return tuple(f"s3://{self.bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ()))

    def remove(self) -> None:
        for place in self.present():
            with aws_errors(f"delete {place}"):
                self._s3.delete_object(Bucket=self.bucket, Key=place.removeprefix(f"s3://{self.bucket}/"))

    def _there(self) -> bool:
        try:
            with aws_errors(f"look for the archive in {self.bucket}"):
                self._s3.head_object(Bucket=self.bucket, Key=self.key)
        except IncompleteError as error:
            if error_code(error) in ABSENT:
                return False
            raise
        return True
