"""Changes that are right whatever else the file says, for ``averment check --fix``."""

from __future__ import annotations

from averment.policies.graph.model import Resource
from averment.policies.interface import Change

VERSIONING_BLOCK = (
    'resource "aws_s3_bucket_versioning" "@" {\n  bucket = aws_s3_bucket.@.id\n\n'
    '  versioning_configuration {\n    status = "Enabled"\n  }\n}'
)
ACCESS_BLOCK = (
    'resource "aws_s3_bucket_public_access_block" "@" {\n  bucket                  = aws_s3_bucket.@.id\n'
    "  block_public_acls       = true\n  block_public_policy     = true\n  ignore_public_acls      = true\n"
    "  restrict_public_buckets = true\n}"
)
EVENTBRIDGE_BLOCK = 'resource "aws_s3_bucket_notification" "@" {\n  bucket      = aws_s3_bucket.@.id\n  eventbridge = true\n}'

VERSIONING_ON = Change(
    ("VersioningConfiguration", "Status"),
    "Enabled",
    ("versioning_configuration", "status"),
    "aws_s3_bucket_versioning",
    VERSIONING_BLOCK,
)
EVENTBRIDGE_ON = Change(
    ("NotificationConfiguration", "EventBridgeConfiguration", "EventBridgeEnabled"),
    True,
    ("eventbridge",),
    "aws_s3_bucket_notification",
    EVENTBRIDGE_BLOCK,
)
ISOLATED = Change(("EnableNetworkIsolation",), True, ("enable_network_isolation",))
CAPTURING = Change(("DataCaptureConfig", "EnableCapture"), True, ("data_capture_config", "enable_capture"))

_ACCESS = {
    "BlockPublicAcls": "block_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "IgnorePublicAcls": "ignore_public_acls",
    "RestrictPublicBuckets": "restrict_public_buckets",
}


def access_blocked(*flags: str) -> tuple[Change, ...]:
    """The ``flags`` of a bucket's public access block switched on; all four without any."""
    return tuple(
        Change(("PublicAccessBlockConfiguration", flag), True, (_ACCESS[flag],), "aws_s3_bucket_public_access_block", ACCESS_BLOCK)
        for flag in flags or _ACCESS
    )


def rule_enabled(rule: Resource) -> Change:
    """The EventBridge ``rule`` switched on."""
    return Change(("State",), "ENABLED", ("state",), of=rule)
