"""Configuration items as AWS Config records them, where moto's differ.

S3 items serialise what the service's own SDK model holds: notifications name ``functionARN`` for Lambda and
``eventBridgeConfiguration`` beside ``configurations``; versioning, encryption and an absent public access block are there. IAM
items have the resource's unique id, tags as a map, and a capture time that is now, not the creation time.
Not covered: relationships, related events, oversized items, history (there is one item a resource: the present one).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]


def corrected(item: JSON) -> JSON:
    """``item`` (as moto's API gives it: configuration and supplementary values are JSON strings) in Config's own shape."""
    captured = datetime.now(UTC)
    fixed = {
        **item,
        "version": "1.3",
        "configurationItemCaptureTime": captured.isoformat(timespec="milliseconds"),
        "configurationStateId": str(int(captured.timestamp() * 1000)),
        "configurationItemStatus": "OK",
        "tags": _tag_map(item.get("tags")),
    }
    fix = {"AWS::S3::Bucket": _bucket, "AWS::IAM::Role": _role, "AWS::IAM::Policy": _policy}.get(item["resourceType"])
    if fix is not None:
        fix(fixed)
    return fixed


def _bucket(item: JSON) -> None:
    from moto.s3.models import s3_backends
    from moto.utilities.utils import get_partition

    bucket = s3_backends[item["accountId"]][get_partition(item["awsRegion"])].buckets[item["resourceId"]]
    extra = dict(item["supplementaryConfiguration"])
    extra["BucketVersioningConfiguration"] = json.dumps({"status": bucket.versioning_status or "Off", "isMfaDeleteEnabled": None})
    extra["BucketNotificationConfiguration"] = json.dumps(_notifications(bucket.notification_configuration))
    encryption = _encryption(bucket.encryption)
    if encryption:
        extra["ServerSideEncryptionConfiguration"] = json.dumps(encryption)
    configuration = json.loads(item["configuration"])
    configuration["region"] = None if item["awsRegion"] == "us-east-1" else item["awsRegion"]
    item["configuration"] = json.dumps(configuration)
    item["supplementaryConfiguration"] = extra


def _notifications(found: Any) -> JSON:
    if found is None:
        return {"configurations": {}}
    configurations = found.to_config_dict()["configurations"]
    bridge = configurations.pop("EventBridgeConfiguration", None)
    for entry in configurations.values():
        if entry["type"] == "LambdaConfiguration":
            entry["functionARN"] = entry.pop("queueARN")
    value: JSON = {"configurations": configurations}
    if bridge is not None:
        value["eventBridgeConfiguration"] = {}
    return value


def _encryption(found: JSON | None) -> JSON | None:
    """moto keeps the parsed XML: ``Rule`` is one mapping or a list of them."""
    if not found:
        return None
    rules = found.get("Rule", [])
    rules = rules if isinstance(rules, list) else [rules]
    return {
        "rules": [
            {
                "applyServerSideEncryptionByDefault": {
                    "sseAlgorithm": rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"),
                    "kmsMasterKeyID": rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"),
                },
                "bucketKeyEnabled": str(rule.get("BucketKeyEnabled", "false")).lower() == "true",
            }
            for rule in rules
        ]
    }


def _role(item: JSON) -> None:
    configuration = _with_path(item, "role")
    item["resourceId"] = configuration["roleId"]


def _policy(item: JSON) -> None:
    _with_path(item, "policy")


def _with_path(item: JSON, kind: str) -> JSON:
    """Put the IAM path into the ARNs, where moto's items leave it out; the parsed configuration."""
    configuration: JSON = json.loads(item["configuration"])
    head, _, name = str(configuration["arn"]).rpartition(f":{kind}/")
    if "/" not in name:
        item["arn"] = configuration["arn"] = f"{head}:{kind}{configuration.get('path') or '/'}{name}"
        item["configuration"] = json.dumps(configuration)
    return configuration


def _tag_map(tags: Any) -> dict[str, str]:
    if isinstance(tags, list):
        return {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value"))) for tag in tags}
    pairs = (tags or {}).items()
    return {key: value.get("Value", "") if isinstance(value, dict) else value for key, value in pairs}
