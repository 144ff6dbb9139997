"""The files that say whom a deployment trusts: signers' anchors and partners' public keys, on disk or in a bucket.

A function reads them again every ``AGE`` seconds, so that who is struck off is trusted no longer without a new deployment. What can't be
read or isn't what it has to be fails the scan, which is delivered again: nobody is trusted on an old or a broken word.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.detector.gate.seals import public_keys
from averment.detector.gate.settings import NOBODY

AGE = 300.0
LIMIT = 1024 * 1024
"""Bytes of one such file."""

_Content = TypeVar("_Content")
_known: dict[tuple[str, str], tuple[float, Any]] = {}


def anchors(place: str) -> bytes | None:
    """The anchors (PEM certificates) at ``place``, a path or ``s3://bucket/key``; None for ``none``: nobody is trusted.

    Raises:
        BadInputError: there is no such file, or it holds no certificates.
        IncompleteError: S3 is out of reach or refuses.
    """
    return None if place == NOBODY else _read("anchors", place, partial(_certificates, place))


def partners_keys(place: str) -> tuple[bytes, ...]:
    """The public keys (DER) at ``place``, a path or ``s3://bucket/key``, in order; none for ``none``.

    Raises:
        BadInputError: there is no such file, or it holds no public key, or one of another kind than P-256 and Ed25519.
        IncompleteError: S3 is out of reach or refuses.
    """
    return () if place == NOBODY else _read("keys", place, partial(public_keys, where=SourceRef(place)))


def forget() -> None:
    """Read everything anew when it is next asked for."""
    _known.clear()


def _read(kind: str, place: str, parse: Callable[[bytes], _Content]) -> _Content:
    found = _known.get((kind, place))
    if found is not None and time.monotonic() - found[0] < AGE:
        content: _Content = found[1]
        return content
    moment, content = time.monotonic(), parse(_bytes(place))
    _known[(kind, place)] = (moment, content)
    return content


def _bytes(place: str) -> bytes:
    if not place.startswith("s3://"):
        return read_bounded(Path(place), limit=LIMIT)
    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise BadInputError(f"'{place}' names no object", fix="write s3://bucket/key")
    s3 = client("s3")
    with aws_errors(f"read {place}"):
        try:
            data = bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read(LIMIT + 1))
        except s3.exceptions.ClientError as error:
            if error_code(error) in {"NoSuchKey", "NoSuchBucket"}:
                raise BadInputError("does not exist", where=SourceRef(place), fix="put it there, or write none") from error
            raise
    if len(data) > LIMIT:
        raise IncompleteError(f"has more than {LIMIT:,} bytes and was not read", where=SourceRef(place))
    return data


def _certificates(place: str, data: bytes) -> bytes:
    from averment.detector.credentials.inspect import check_anchors

    try:
        check_anchors(data)
    except BadInputError as error:
        raise BadInputError(error.message, where=SourceRef(place), fix=error.fix) from error
    return data
