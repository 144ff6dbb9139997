"""Results of many tasks as objects of JSON lines below one prefix: ``part-00000.jsonl`` and so on, and ``summary.json`` when all are there.

All numbers of a run have the same digits, five or more, so that the parts in the order of their names are the results in their order.

A task may run twice, because its machine was lost or was slow, and an object may have changed in between. The part that is there first stays (S3's
conditional write), and its results are those that count: otherwise a late task could write others than the summary is about.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError

_THERE = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
"""What S3 says to a conditional write: the object is there; another write of it is going on, so ask again."""

_ATTEMPTS, _WAIT = 5, 1.0
"""How often a part is written while another write of it goes on, and seconds between."""


@dataclass(frozen=True)
class Parts:
    """The place ``s3://bucket/prefix/``, for at most ``most`` parts."""

    bucket: str
    prefix: str
    most: int = 100_000

    @classmethod
    def of(cls, url: str) -> Parts:
        """The place that a user wrote.

        Raises:
            BadInputError: it names no bucket and prefix.
        """
        bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
        if not url.startswith("s3://") or not prefix:
            raise BadInputError(f"'{url}' is no place for results", fix="write s3://bucket/prefix")
        return cls(bucket, f"{prefix}/")

    def check_empty(self) -> None:
        """Nothing of another run may be among the parts.

        Raises:
            BadInputError: there is something.
            IncompleteError: the bucket is out of reach.
        """
        with aws_errors(f"look into s3://{self.bucket}/{self.prefix}"):
            found = _s3().list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
        if found.get("KeyCount"):
            raise BadInputError(f"s3://{self.bucket}/{self.prefix} holds something already", fix="choose a new prefix for each run")

    def key(self, number: int) -> str:
        """The key of part ``number``, which is below ``most``."""
        digits = max(5, len(str(self.most - 1)))
        return f"{self.prefix}part-{number:0{digits}}.jsonl"

    def put(self, number: int, file: IO[bytes]) -> bool:
        """Put the lines in ``file`` as part ``number``, if there is none; whether they were put.

        Raises:
            IncompleteError: the bucket is out of reach.
        """
        for attempt in range(_ATTEMPTS):
            file.seek(0)
            try:
                with aws_errors(f"write to s3://{self.bucket}/{self.prefix}"):
                    _s3().put_object(Bucket=self.bucket, Key=self.key(number), Body=file, ContentType="application/jsonl", IfNoneMatch="*")
                return True
            except IncompleteError as error:
                if error_code(error) in _THERE:
                    return False
                if error_code(error) not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_WAIT)
        raise AssertionError("the loop ends by itself")

    def lines(self, number: int) -> list[bytes]:
        """The lines of part ``number``.

        Raises:
            IncompleteError: the bucket is out of reach.
        """
        with aws_errors(f"read s3://{self.bucket}/{self.key(number)}, which another attempt at the same task wrote"):
            data: bytes = _s3().get_object(Bucket=self.bucket, Key=self.key(number))["Body"].read()
        return data.splitlines()

    def finish(self, summary: Mapping[str, JSON]) -> None:
        """Put ``summary``: the parts are whole.

        Raises:
            IncompleteError: the bucket is out of reach.
        """
        body = (json.dumps(summary, indent=1, ensure_ascii=False) + "\n").encode()
        with aws_errors(f"write to s3://{self.bucket}/{self.prefix}"):
            _s3().put_object(Bucket=self.bucket, Key=f"{self.prefix}summary.json", Body=body, ContentType="application/json")


@cache
def _s3() -> Any:
    return client("s3", patient=True)
