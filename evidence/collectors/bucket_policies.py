"""``bucket-policies``: how the media buckets are guarded, as S3 itself says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.scope import MediaRole
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.media_objects import MediaBucket, media_buckets
from averment.evidence.collectors.redact import ACCOUNT_ID
from averment.evidence.record import Kind, Population, Record

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_CREATED = "s3:ObjectCreated:"


class BucketPolicies(Collector):
    """The policy, the block of public access, versioning, encryption and notifications of each media bucket. Present state only.

    Payload: ``{"buckets": [{"bucket", "role", "why", "region", "policy", "public_access_block", "versioning", "encryption", "event_bridge",
    "notifies"}], "out_of", "summary": {"buckets", "without_policy", "public_access_open", "unversioned", "unencrypted", "silent", "upload_silent"}}``. A bucket is
    ``public_access_open`` when one of S3's four blocks is missing on the bucket itself (the account's own block isn't looked at), and
    ``silent`` when nothing hears of new objects (``upload_silent``: those of them that take uploads): ``notifies`` are the targets that are told
    of an object's creation, be it of some keys only, and not of removals alone. What was refused is null and in no count. Addresses and request headers in conditions are removed.
    """

    name = "bucket-policies"
    version = "3"
    kind = Kind.BUCKET_POLICIES
    permissions = (
        "s3:GetBucketNotification",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:ListAllMyBuckets",
    )
    regional = False
    by_media = True
    summary = "Policies and guards of media buckets, from S3."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("s3")
        rows = [_look_at(fetch, bucket) for bucket in media_buckets(fetch, scope.organisation.scope)]
        uploads = sum(1 for row in rows if row["role"] == MediaRole.UPLOAD)
        payload: dict[str, JSON] = {"buckets": list(rows), "out_of": {"summary.upload_silent": uploads}, "summary": _summary(rows)}
        accounts = frozenset(_ids([row["policy"] for row in rows]))
        yield self.listing(
            scope, [fetch], payload, Population("buckets", len(rows), len(rows)), source="S3 media buckets", accounts=accounts
        )


def _ids(value: Any) -> Iterator[str]:
    """The ids of accounts that policies hold by themselves, as principals and in conditions."""
    if isinstance(value, str) and ACCOUNT_ID.fullmatch(value):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _ids(part)


def _look_at(fetch: Fetch, bucket: MediaBucket) -> dict[str, Any]:
    def ask(operation: str, absent: str | tuple[str, ...] = ()) -> Any:
        return fetch.one(operation, {"Bucket": bucket.name}, shown={"Bucket": "each in payload.buckets"}, absent=absent)

    policy = ask("GetBucketPolicy", "NoSuchBucketPolicy")
    block = ask("GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
    versioning = ask("GetBucketVersioning")
    encryption = ask("GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError")
    events = ask("GetBucketNotificationConfiguration")
    row: dict[str, Any] = {"bucket": bucket.name, "role": str(bucket.role), "why": bucket.why, "region": bucket.region}
    row["policy"] = None if policy is None else json.loads(policy.get("Policy", "{}"))
    row["public_access_block"] = None if block is None else block.get("PublicAccessBlockConfiguration", {})
    row["versioning"] = None if versioning is None else versioning.get("Status", "Never")
    row["encryption"] = None if encryption is None else _algorithms(encryption)
    row["event_bridge"] = None if events is None else "EventBridgeConfiguration" in events
    row["notifies"] = None if events is None else _targets(events)
    return row


def _algorithms(encryption: Mapping[str, Any]) -> list[JSON]:
    rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    return [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules]


def _targets(events: Mapping[str, Any]) -> list[JSON]:
    kinds = {
        "LambdaFunctionConfigurations": "LambdaFunctionArn",
        "QueueConfigurations": "QueueArn",
        "TopicConfigurations": "TopicArn",
    }
    return sorted(item[arn] for kind, arn in kinds.items() for item in events.get(kind, ()) if _of_new_objects(item))


def _of_new_objects(configuration: Mapping[str, Any]) -> bool:
    """Whether a notification tells of objects that are new, and not only of those that are removed, restored or tagged."""
    return any(str(event).startswith(_CREATED) for event in configuration.get("Events", ()))


def _summary(rows: list[dict[str, Any]]) -> dict[str, JSON]:
    def count(name: str, deviates: Any) -> int:
        return sum(1 for row in rows if row[name] is not None and deviates(row[name]))

    silent = [row for row in rows if row["notifies"] == [] and row["event_bridge"] is False]
    return {
        "buckets": len(rows),
        "without_policy": count("policy", lambda value: not value),
        "public_access_open": count("public_access_block", lambda value: not all(value.get(block) for block in _BLOCKS)),
        "unversioned": count("versioning", lambda value: value != "Enabled"),
        "unencrypted": count("encryption", lambda value: not value),
        "silent": len(silent),
        "upload_silent": sum(1 for row in silent if row["role"] == MediaRole.UPLOAD),
    }
