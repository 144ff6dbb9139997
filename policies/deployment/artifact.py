"""The step that puts the function's archive into a bucket, under a key made of whose it is and of its contents."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.aws import ABSENT, aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.bundle import Bundle
from averment.policies.deployment.interface import Action, Change, Kept, Step

PREFIX = "averment/config-rules/"


MAX_BYTES = 64 * 1024 * 1024
"""A larger object is no archive of ours; what Lambda takes out of a bucket may be larger."""

MADE_BY = "averment-deployment"
"""The metadata that says of an object under ``PREFIX`` whose it is: several accounts and regions may share a bucket."""


def mark(region: str, *, organisation_wide: bool = False) -> dict[str, str]:
    """The metadata of what the deployment in ``region`` of the session's account puts into a bucket.

    Raises:
        IncompleteError: AWS doesn't say which account that is.
    """
    with aws_errors("find out whose credentials these are"):
        account = client("sts", region=region).get_caller_identity()["Account"]
    return {MADE_BY: f"{account}/{region}" + ("/organisation" if organisation_wide else "")}


def key_of(made_by: Mapping[str, str], name: str) -> str:
    """Where ``name`` of the deployment with the mark ``made_by`` lies: no two share an object, which the removal of one would take from the other."""
    return f"{PREFIX}{made_by[MADE_BY]}/{name}"


class Archive(Step):
    """``bundle`` at ``s3://<bucket>/averment/config-rules/<account>/<region>/<digest>.zip``. Written once: another build has another key. What is
    there under that key is read, since whoever may write to the bucket could have put something else there for the function to run.
    Removed is what bears this deployment's ``mark``, templates that were handed over through the bucket included, and what the stack
    has ``used`` of a version that left no marks.

    Needs ``s3:GetObject``, ``s3:ListBucket`` (without it S3 answers 403 for what isn't there yet) and ``s3:PutObject``, to remove
    ``s3:DeleteObject``.
    """

    def __init__(self, bundle: Bundle, bucket: str, *, region: str | None = None, used: str | None = None) -> None:
        self.bundle, self.bucket, self._used = bundle, bucket, used
        self._s3: Any = client("s3", region=region)
        self._made_by = mark(self._s3.meta.region_name)
        self.key = key_of(self._made_by, f"{bundle.digest}.zip")
        self.name = f"archive s3://{bucket}/{self.key}"

    def changes(self) -> tuple[Change, ...]:
        place, stored = f"s3://{self.bucket}/{self.key}", self.stored()
        if stored is None:
            return (Change(Action.CREATE, place, (f"{len(self.bundle.files)} files",)),)
        return () if self.holds(stored) else (Change(Action.UPDATE, place, ("it isn't what was built",)),)

    def apply(self) -> None:
        with aws_errors(f"put the archive into {self.bucket}"):
            self._s3.put_object(
                Bucket=self.bucket, Key=self.key, Body=self.bundle.archive(), ContentType="application/zip", Metadata=self._made_by
            )

    def present(self) -> tuple[str, ...]:
        return tuple(self._place(key) for key, ours in self._listed() if ours)

    def kept(self) -> tuple[Kept, ...]:
        why = "another deployment put it there, or a version that left no mark"
        return tuple(Kept(self._place(key), why) for key, ours in self._listed() if not ours)

    def remove(self) -> None:
        for key, ours in list(self._listed()):
            if ours:
                with aws_errors(f"delete {self._place(key)}"):
                    self._s3.delete_object(Bucket=self.bucket, Key=key)

    def _place(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def _listed(self) -> Iterator[tuple[str, bool]]:
        """What lies under ``PREFIX``, and whether this deployment put it there."""
        made_by = self._made_by
        with aws_errors(f"list the archives in {self.bucket}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=PREFIX)
            keys = [str(item["Key"]) for page in pages for item in page.get("Contents", ())]
        for key in keys:
            with aws_errors(f"look at {self._place(key)}"):
                metadata = self._s3.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
            yield key, made_by.items() <= metadata.items() or (MADE_BY not in metadata and key == self._used)

    def stored(self) -> bytes | None:
        """What is in the bucket under the archive's key, None if nothing is; the first bytes alone of what is too large for one.

        Raises:
            IncompleteError: the bucket can't be looked into.
        """
        try:
            with aws_errors(f"look for the archive in {self.bucket}"):
                data: bytes = self._s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read(MAX_BYTES)
        except IncompleteError as error:
            if error_code(error) in ABSENT:
                return None
            raise
        return data

    def holds(self, data: bytes) -> bool:
        """Whether ``data`` is an archive of the bundle's files and of nothing else, whatever compressed it."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
                sizes = {name: len(text) for name, text in self.bundle.files.items()}
                if sorted((entry.filename, entry.file_size) for entry in entries) != sorted(sizes.items()):
                    return False
                return all(archive.read(entry) == self.bundle.files[entry.filename] for entry in entries)
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            EOFError,
            OSError,
            ValueError,
        ):  # not a zip, encrypted, cut off
            return False
