"""A question to the asynchronous endpoint about one object version, and where it is remembered while the answer is out.

The version is copied into the work bucket, with its origin in the copy's metadata: the endpoint reads a key, never a version, and what it
scores must not change under it. Where the endpoint said that the answer would lie is noted beside: a notification is anybody's word who can call the
function that hears it, and an answer about one version is none about another.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from averment.core.aws import client, error_code
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate.case import case_id
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.settings import Settings
from averment.detector.gate.verdict_log import VerdictLog

INPUTS, ASKED = "inputs/", "asked/"


@dataclass(frozen=True)
class Pending:
    """One request to the endpoint: which version, the how manieth time, and where its copy lies in the work bucket.

    ``sha256`` is of the version's bytes, None if they are too many to be read by the function that asks."""

    target: ObjectVersion
    attempt: int
    key: str
    content_type: str
    sha256: str | None = None

    def __str__(self) -> str:
        return str(self.target)


def ask(settings: Settings, log: VerdictLog, pending: Pending) -> dict[str, JSON] | None:
    """Copy the version to the work bucket and ask the endpoint about the copy; returns the line that was logged, None if it is gone.

    botocore's errors are the caller's to turn into words.
    """
    target, bucket = pending.target, work_bucket(settings)
    s3, runtime = client("s3"), client("sagemaker-runtime")
    source = {"Bucket": target.bucket, "Key": target.key, **({"VersionId": target.version} if target.version else {})}
    try:
        s3.copy_object(
            Bucket=bucket,
            Key=pending.key,
            CopySource=source,
            CopySourceIfMatch=f'"{target.etag}"',
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
            Tagging="",
            ContentType=pending.content_type,
            Metadata=_to_metadata(pending),
        )
    except s3.exceptions.ClientError as error:
        if error_code(error) in {"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412"}:
            return None
        raise
    answer = runtime.invoke_endpoint_async(
        EndpointName=settings.async_endpoint,
        InputLocation=f"s3://{bucket}/{pending.key}",
        ContentType=pending.content_type,
        Accept="application/json",
        InferenceId=pending.key.removeprefix(INPUTS).replace("/", "-"),
    )
    s3.put_object(Bucket=bucket, Key=_asked_key(pending.key), Body=str(answer["OutputLocation"]).encode())
    line: dict[str, JSON] = {
        "event": "asked",
        "bucket": target.bucket,
        "key": target.key,
        "version_id": target.version,
        "etag": target.etag,
        "endpoint": settings.async_endpoint,
        "attempt": pending.attempt,
    }
    log.write(line)
    return line


def input_key(target: ObjectVersion, attempt: int) -> str:
    """Where the copy of ``target`` lies for its ``attempt``: the same for the same version."""
    return f"{INPUTS}{case_id(target)}/{attempt}"


def awaited_at(bucket: str, key: str) -> str:
    """Where the answer about the copy at ``key`` will lie, as the endpoint said when it was last asked.

    Raises:
        IncompleteError: that isn't noted: the answer was faster than the note, or whoever asked was stopped before it.
    """
    s3 = client("s3")
    try:
        return str(s3.get_object(Bucket=bucket, Key=_asked_key(key))["Body"].read().decode())
    except s3.exceptions.ClientError as error:
        if error_code(error) in {"404", "NoSuchKey"}:
            raise IncompleteError(f"where the answer about s3://{bucket}/{key} lies is not noted", fix="it is asked again") from error
        raise


def _asked_key(key: str) -> str:
    return ASKED + key.removeprefix(INPUTS)


_QUOTED = 512
"""Characters that a key may have percent-encoded, which shows what it is. All metadata together have 2 KB in S3, and a key alone up to 3 KB so."""


def _key_metadata(key: str) -> dict[str, str]:
    """``key`` in ASCII, as metadata are: a long one in base64, which makes it a third longer at most."""
    quoted = quote(key)
    return {"gate-key": quoted} if len(quoted) <= _QUOTED else {"gate-key-base64": base64.b64encode(key.encode()).decode()}


def _key_of(metadata: Mapping[str, str]) -> str:
    long = metadata.get("gate-key-base64")
    return unquote(metadata["gate-key"]) if long is None else base64.b64decode(long, validate=True).decode()


def _to_metadata(pending: Pending) -> dict[str, str]:
    target = pending.target
    return {
        "gate-bucket": target.bucket,
        **_key_metadata(target.key),
        "gate-version": target.version or "",
        "gate-etag": target.etag or "",
        "gate-attempt": str(pending.attempt),
        "gate-sha256": pending.sha256 or "",
    }


def pending_at(bucket: str, key: str) -> Pending | None:
    """The question whose copy lies at ``key``; None if it was answered before.

    Raises:
        IncompleteError: the object is no question of the gate's.
    """
    s3 = client("s3")
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error_code(error) in {"404", "NoSuchKey"}:
            return None
        raise
    found = head["Metadata"]
    try:
        target = ObjectVersion(found["gate-bucket"], _key_of(found), found["gate-version"] or None, found["gate-etag"] or None)
        return Pending(target, int(found["gate-attempt"]), key, head["ContentType"], found.get("gate-sha256") or None)
    except (KeyError, ValueError) as error:
        raise IncompleteError(f"s3://{bucket}/{key} is no request of the gate: {error!r}") from error


def work_bucket(settings: Settings) -> str:
    """The deployment's work bucket.

    Raises:
        BadInputError: it isn't set.
    """
    if settings.work_bucket is None:
        raise BadInputError("AVERMENT_WORK_BUCKET is not set", fix="set it and AVERMENT_ASYNC_ENDPOINT")
    return settings.work_bucket
