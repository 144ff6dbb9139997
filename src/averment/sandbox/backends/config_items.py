"""Configuration items as AWS Config records them, where moto's differ.

S3 items serialise what the service's own SDK model holds: notifications name ``functionARN`` for Lambda and
``eventBridgeConfiguration`` beside ``configurations``; versioning, encryption and an absent public access block are there. IAM
items have the resource's unique id, and tags as a map. When an item was captured, ``config.recordings`` knows.
Not covered: relationships, related events, oversized items.
"""

from __future__ import annotations

import json
from typing import Any

JSON = dict[str, Any]


def corrected(item: JSON) -> JSON:
    """``item`` (as moto's API gives it: configuration and supplementary values are JSON strings) in Config's own shape."""
    fixed = {
        **item,
        "version": "1.3",
        "tags": _tag_map(item.get("tags")),
    }
    fix = {"AWS::S3::Bucket": _bucket, "AWS::IAM::Role": _role, "AWS::IAM::Policy": _policy}.get(item["resourceType"])
    if fix is not None:
        fix(fixed)
    return fixed


def with_text_policies(account: str) -> None:
    """Write inline policies of the roles in ``account`` as text: moto keeps those that CloudFormation made as objects, and then fails."""
    from moto.iam.models import iam_backends

    for backend in iam_backends[account].values():
        for role in backend.roles.values():
            role.policies = {name: value if isinstance(value, str) else json.dumps(value) for name, value in role.policies.items()}


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
