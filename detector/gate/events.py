"""Which object versions an event is about: EventBridge and plain S3 notifications, bare or wrapped by SQS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from averment.core.errors import BadInputError


@dataclass(frozen=True)
class ObjectVersion:
    """One object version. ``version`` is None in a bucket without versioning; then ``etag`` pins the bytes."""

    bucket: str
    key: str
    version: str | None = None
    etag: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" + (f"?versionId={self.version}" if self.version else "")


def object_versions(event: Mapping[str, Any]) -> list[ObjectVersion]:
    """The object versions that ``event`` announces; none for S3's test message.

    Raises:
        BadInputError: another shape of event: it must not be dropped as if it had been handled.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("detail-type") == "Object Created" or event.get("source") == "aws.s3":
        return [_from_eventbridge(event)]
    records = event.get("Records")
    if isinstance(records, list) and records:
        return [found for record in records for found in _from_record(record)]
    raise BadInputError("the event is neither an S3 notification nor an EventBridge event of S3", fix="send Object Created events only")


def _from_record(record: Any) -> list[ObjectVersion]:
    if not isinstance(record, Mapping):
        raise BadInputError("the event holds a record that is not an object")
    if "body" in record:  # SQS: the message's body is the event
        try:
            inner = json.loads(record["body"])
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInputError(f"the queue's message {record.get('messageId')} is not JSON: {error}") from error
        if not isinstance(inner, Mapping):
            raise BadInputError(f"the queue's message {record.get('messageId')} is not an event")
        return object_versions(inner)
    if "s3" in record:
        return [_from_notification(record)]
    raise BadInputError(f"a record from '{record.get('eventSource')}' is not understood")


def _from_eventbridge(event: Mapping[str, Any]) -> ObjectVersion:
    if event.get("detail-type") != "Object Created":
        raise BadInputError(
            f"the event is '{event.get('detail-type')}', not 'Object Created'", fix="let the rule match Object Created only"
        )
    try:
        detail = event["detail"]
        entity = detail["object"]
        return ObjectVersion(detail["bucket"]["name"], entity["key"], _real(entity.get("version-id")), _bare(entity.get("etag")))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"the EventBridge event lacks a part: {error!r}") from error


def _from_notification(record: Mapping[str, Any]) -> ObjectVersion:
    """A record of an S3 notification, whose keys are URL-encoded (those of EventBridge are not)."""
    name = str(record.get("eventName", ""))
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        raise BadInputError(f"the notification is '{name}', not ObjectCreated", fix="notify of s3:ObjectCreated:* only")
    try:
        entity = record["s3"]["object"]
        key, bucket = unquote_plus(entity["key"]), record["s3"]["bucket"]["name"]
        return ObjectVersion(bucket, key, _real(entity.get("versionId")), _bare(entity.get("eTag")))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"the S3 notification lacks a part: {error!r}") from error


def _real(version: Any) -> str | None:
    """A version id; S3 says "null" for objects written before versioning, which is a version id that can be asked for."""
    return str(version) if version else None


def _bare(etag: Any) -> str | None:
    return str(etag).strip('"') if etag else None
