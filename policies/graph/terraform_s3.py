"""S3: the bucket, and the settings that Terraform keeps in resources of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from averment.policies.graph.acl import canned_of_terraform
from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.terraform_map import Fields, Shape, TerraformResource, block, blocks, tag_list, to
from averment.policies.graph.text import parsed_json


def _number(value: Any) -> Any:
    """A number that the provider may keep as text; in a plan, "" is one that isn't set."""
    if value == "":
        return None
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _prefixed(value: Any) -> Any:
    """A name of which only the beginning is written: Terraform makes up the rest."""
    return Unknown("the rest of the bucket's name is made up at creation", f"{value}${{suffix}}") if isinstance(value, str) else value


def _status(value: Any) -> Any:
    return ("Enabled" if value else "Suspended") if isinstance(value, bool) else value


def _rule_status(value: Any) -> Any:
    return ("Enabled" if value else "Disabled") if isinstance(value, bool) else value


def _flag(value: Any) -> Any:
    return "Enabled" if value in (True, "Enabled", "true") else value


_ENCRYPTION: Fields = {
    "bucket": None,
    "expected_bucket_owner": None,
    "rule": blocks(
        "BucketEncryption.ServerSideEncryptionConfiguration",
        {
            "apply_server_side_encryption_by_default": block(
                "ServerSideEncryptionByDefault", {"sse_algorithm": to("SSEAlgorithm"), "kms_master_key_id": to("KMSMasterKeyID")}
            ),
        },
    ),
}
_PUBLIC_ACCESS: Fields = {
    "bucket": None,
    "block_public_acls": to("PublicAccessBlockConfiguration.BlockPublicAcls"),
    "block_public_policy": to("PublicAccessBlockConfiguration.BlockPublicPolicy"),
    "ignore_public_acls": to("PublicAccessBlockConfiguration.IgnorePublicAcls"),
    "restrict_public_buckets": to("PublicAccessBlockConfiguration.RestrictPublicBuckets"),
}
_SIZES: Fields = {
    "object_size_greater_than": to("ObjectSizeGreaterThan", _number),
    "object_size_less_than": to("ObjectSizeLessThan", _number),
}
_NONCURRENT: Fields = {
    "noncurrent_days": to("NoncurrentDays", _number),
    "days": to("NoncurrentDays", _number),
    "newer_noncurrent_versions": to("NewerNoncurrentVersions", _number),
}
_LIFECYCLE: Fields = {
    "enabled": to("Status", _rule_status),
    "tags": to("TagFilters", tag_list),
    "filter": block("", {"tag": blocks("TagFilters", {}), **_SIZES, "and": block("", {"tags": to("TagFilters", tag_list), **_SIZES})}),
    "expiration": block("", {"days": to("ExpirationInDays", _number), "date": to("ExpirationDate")}),
    "noncurrent_version_expiration": block("NoncurrentVersionExpiration", _NONCURRENT),
    "transition": blocks("Transitions", {"days": to("TransitionInDays", _number)}),
    "abort_incomplete_multipart_upload": block("AbortIncompleteMultipartUpload", {}),
    "abort_incomplete_multipart_upload_days": to("AbortIncompleteMultipartUpload.DaysAfterInitiation"),
}
_LOCK_RULE: Fields = {"default_retention": block("DefaultRetention", {})}
_CORS: Fields = {"expose_headers": to("ExposedHeaders"), "max_age_seconds": to("MaxAge")}
_REPLICATION: Fields = {
    "filter": block(
        "Filter",
        {
            "tags": to("TagFilters", tag_list),
            "tag": block("TagFilter", {}),
            "and": block("And", {"tags": to("TagFilters", tag_list)}),
        },
    ),
    "destination": block("Destination", {"account_id": to("Account")}),
}

BUCKET = Shape(
    "AWS::S3::Bucket",
    {
        "bucket": to("BucketName"),
        "bucket_prefix": to("BucketName", _prefixed),
        "acl": to("AccessControl"),  # with what ``grant`` blocks give: see ``with_acl``
        "policy": None,  # becomes a bucket policy of its own
        "force_destroy": None,
        "versioning": block("VersioningConfiguration", {"enabled": to("Status", _status)}),
        "server_side_encryption_configuration": block("", _ENCRYPTION),
        "logging": block("LoggingConfiguration", {"target_bucket": to("DestinationBucketName"), "target_prefix": to("LogFilePrefix")}),
        "lifecycle_rule": blocks("LifecycleConfiguration.Rules", _LIFECYCLE),
        "object_lock_configuration": block(
            "", {"object_lock_enabled": to("ObjectLockEnabled", _flag), "rule": block("ObjectLockConfiguration.Rule", _LOCK_RULE)}
        ),
        "cors_rule": blocks("CorsConfiguration.CorsRules", _CORS),
        "website": block("WebsiteConfiguration", {}),
        "replication_configuration": block("ReplicationConfiguration", {"rules": blocks("Rules", _REPLICATION)}),
    },
)

SETTINGS: dict[str, Fields] = {
    "aws_s3_bucket_versioning": {"bucket": None, "versioning_configuration": block("VersioningConfiguration", {})},
    "aws_s3_bucket_public_access_block": _PUBLIC_ACCESS,
    "aws_s3_bucket_server_side_encryption_configuration": _ENCRYPTION,
    "aws_s3_bucket_logging": {
        "bucket": None,
        "target_bucket": to("LoggingConfiguration.DestinationBucketName"),
        "target_prefix": to("LoggingConfiguration.LogFilePrefix"),
    },
    "aws_s3_bucket_lifecycle_configuration": {"bucket": None, "rule": blocks("LifecycleConfiguration.Rules", _LIFECYCLE)},
    "aws_s3_bucket_replication_configuration": {
        "bucket": None,
        "token": None,
        "role": to("ReplicationConfiguration.Role"),
        "rule": blocks("ReplicationConfiguration.Rules", _REPLICATION),
    },
    "aws_s3_bucket_object_lock_configuration": {
        "bucket": None,
        "object_lock_enabled": to("ObjectLockConfiguration.ObjectLockEnabled"),
        "rule": block("ObjectLockConfiguration.Rule", _LOCK_RULE),
    },
    "aws_s3_bucket_metric": {
        "bucket": None,
        "name": to("MetricsConfigurations", lambda name: [{"Id": name}]),
    },
    "aws_s3_bucket_ownership_controls": {"bucket": None, "rule": blocks("OwnershipControls.Rules", {})},
    "aws_s3_bucket_acl": {"bucket": None, "acl": to("AccessControl")},
    "aws_s3_bucket_cors_configuration": {"bucket": None, "cors_rule": blocks("CorsConfiguration.CorsRules", _CORS)},
    "aws_s3_bucket_website_configuration": {
        "bucket": None,
        "index_document": block("WebsiteConfiguration", {"suffix": to("IndexDocument")}),
        "error_document": block("WebsiteConfiguration", {"key": to("ErrorDocument")}),
    },
}
"""Settings of a bucket that are merged into it, by the type that holds them."""

POLICY = Shape("AWS::S3::BucketPolicy", {"policy": to("PolicyDocument", parsed_json)})
ACCESS_POINT = Shape(
    "AWS::S3::AccessPoint",
    {
        "policy": to("Policy", parsed_json),
        "vpc_configuration": block("VpcConfiguration", {}),
        "public_access_block_configuration": block("", _PUBLIC_ACCESS),
    },
)

REGIONS_POINT = Shape(
    "AWS::S3::MultiRegionAccessPoint",
    {"details": block("", {"region": blocks("Regions", {}), "public_access_block": block("", _PUBLIC_ACCESS)})},
)
REGIONS_POLICY = Shape(
    "AWS::S3::MultiRegionAccessPointPolicy", {"details": block("", {"name": to("MrapName"), "policy": to("Policy", parsed_json)})}
)
LAMBDA_POINT = Shape("AWS::S3ObjectLambda::AccessPoint", {"configuration": block("ObjectLambdaConfiguration", {})})
LAMBDA_POLICY = Shape(
    "AWS::S3ObjectLambda::AccessPointPolicy", {"name": to("ObjectLambdaAccessPoint"), "policy": to("PolicyDocument", parsed_json)}
)
SHAPES: dict[str, Shape] = {
    "aws_s3_bucket": BUCKET,
    "aws_s3_bucket_policy": POLICY,
    "aws_s3_access_point": ACCESS_POINT,
    "aws_s3control_multi_region_access_point": REGIONS_POINT,
    "aws_s3control_multi_region_access_point_policy": REGIONS_POLICY,
    "aws_s3control_object_lambda_access_point": LAMBDA_POINT,
    "aws_s3control_object_lambda_access_point_policy": LAMBDA_POLICY,
}

_NOTIFIED = (
    ("lambda_function", "LambdaConfigurations", "lambda_function_arn", "Function"),
    ("queue", "QueueConfigurations", "queue_arn", "Queue"),
    ("topic", "TopicConfigurations", "topic_arn", "Topic"),
)


_GRANTS = ("grant", "access_control_policy")


def with_acl(item: TerraformResource) -> TerraformResource:
    """``item`` with the grants of its access control list, if it has one, as ``acl``."""
    if item.type not in ("aws_s3_bucket", "aws_s3_bucket_acl") or not any(item.values.get(name) for name in _GRANTS):
        return item
    values = {name: value for name, value in item.values.items() if name not in _GRANTS}
    values["acl"] = canned_of_terraform(item.values)
    place = next((item.places[(name,)] for name in ("acl", *_GRANTS) if (name,) in item.places), None)
    places = item.places if place is None else {**item.places, ("acl",): place}
    return replace(item, values=values, places=places)


def notification(values: Any) -> dict[str, Any]:
    """An ``aws_s3_bucket_notification`` as ``NotificationConfiguration``: one entry an event, as CloudFormation has it."""
    out: dict[str, Any] = {}
    for name, target, source, key in _NOTIFIED:
        entries: list[Any] = []
        written = values.get(name) or []
        for item in written if isinstance(written, list) else [written]:
            if not isinstance(item, Mapping):
                entries.append(item if isinstance(item, Unknown) else Unknown(f"{name} is no block"))
                continue
            events = item.get("events")
            for event in events if isinstance(events, list) else [events]:
                entry = {"Event": event, key: item.get(source)}
                rules = [
                    {"Name": word, "Value": item[field]}
                    for field, word in (("filter_prefix", "prefix"), ("filter_suffix", "suffix"))
                    if item.get(field) not in (None, "")
                ]
                entries.append({**entry, "Filter": {"S3Key": {"Rules": rules}}} if rules else entry)
        if entries:
            out[target] = entries
    if values.get("eventbridge") not in (None, False, "false"):
        on = values["eventbridge"]
        out["EventBridgeConfiguration"] = {"EventBridgeEnabled": on if isinstance(on, Unknown | Reference) else True}
    return out
