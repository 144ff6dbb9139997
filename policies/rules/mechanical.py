"""Changes that are right whatever else the file says, for ``averment check --fix``.

What isn't here is somebody's decision: how long to keep data, which key, queue or topic to use, who may do what; or can't be taken back:
a bucket policy that is written whole (there may be one outside of what was read), Object Lock, a retention in compliance mode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from textwrap import indent

from averment.policies.graph.model import Dialect, Resource
from averment.policies.interface import Change, Entries, Setting

VERSIONING_BLOCK = (
    'resource "aws_s3_bucket_versioning" "@" {\n  bucket = aws_s3_bucket.@.id\n\n'
    '  versioning_configuration {\n    status = "Enabled"\n  }\n}'
)
ACCESS_BLOCK_ARGUMENTS = (
    "block_public_acls       = true\nblock_public_policy     = true\nignore_public_acls      = true\nrestrict_public_buckets = true"
)
ACCESS_BLOCK = (
    'resource "aws_s3_bucket_public_access_block" "@" {\n  bucket                  = aws_s3_bucket.@.id\n'
    f"{indent(ACCESS_BLOCK_ARGUMENTS, '  ')}\n}}"
)
EVENTBRIDGE_BLOCK = 'resource "aws_s3_bucket_notification" "@" {\n  bucket      = aws_s3_bucket.@.id\n  eventbridge = true\n}'

METRICS_BLOCK = 'resource "aws_s3_bucket_metric" "@" {\n  bucket = aws_s3_bucket.@.id\n  name   = <filter>\n}'
RECORDING_BLOCK = (
    'resource "aws_config_configuration_recorder_status" "@" {\n  name       = aws_config_configuration_recorder.@.name\n'
    "  is_enabled = true\n\n  depends_on = [aws_config_delivery_channel.<channel>]\n}"
)

VERSIONING_ON = Change(
    ("VersioningConfiguration", "Status"),
    "Enabled",
    Setting(("versioning_configuration", "status")),
    "aws_s3_bucket_versioning",
    VERSIONING_BLOCK,
    inline=Setting(("versioning", "enabled"), True),
)
EVENTBRIDGE_ON = Change(
    ("NotificationConfiguration", "EventBridgeConfiguration", "EventBridgeEnabled"),
    True,
    Setting(("eventbridge",)),
    "aws_s3_bucket_notification",
    EVENTBRIDGE_BLOCK,
)
ACL_PRIVATE = Change(("AccessControl",), "Private", Setting(("acl",), "private"), "aws_s3_bucket_acl", inline=Setting(("acl",), "private"))
ISOLATED = Change(("EnableNetworkIsolation",), True, Setting(("enable_network_isolation",)))
CAPTURING = Change(("DataCaptureConfig", "EnableCapture"), True, Setting(("data_capture_config", "enable_capture")))
RECORDING_GLOBAL = Change(
    ("RecordingGroup", "IncludeGlobalResourceTypes"), True, Setting(("recording_group", "include_global_resource_types"))
)
RECORDING_ALL = Change(("RecordingGroup", "AllSupported"), True, Setting(("recording_group", "all_supported")), also=(RECORDING_GLOBAL,))

_ACCESS = {
    "BlockPublicAcls": "block_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "IgnorePublicAcls": "ignore_public_acls",
    "RestrictPublicBuckets": "restrict_public_buckets",
}
_TOKEN = Change(("EnabledMfas",), Entries('["SOFTWARE_TOKEN_MFA"]'), Setting(("software_token_mfa_configuration", "enabled"), True))
_FACTORS = ("EnabledMfas", "SmsConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration")


def access_blocked(*flags: str) -> tuple[Change, ...]:
    """The ``flags`` of a bucket's public access block switched on; all four without any."""
    return tuple(
        Change(("PublicAccessBlockConfiguration", flag), True, Setting((_ACCESS[flag],)), "aws_s3_bucket_public_access_block", ACCESS_BLOCK)
        for flag in flags or _ACCESS
    )


def rule_enabled(rule: Resource) -> Change:
    """The EventBridge ``rule`` switched on."""
    return Change(("State",), "ENABLED", Setting(("state",)), of=rule)


def actions_enabled(alarm: Resource) -> Change:
    """The actions of ``alarm`` switched on."""
    return Change(("ActionsEnabled",), True, Setting(("actions_enabled",)), of=alarm)


def trail_logging(trail: Resource) -> Change:
    """The CloudTrail ``trail`` switched on."""
    return Change(("IsLogging",), True, Setting(("enable_logging",)), of=trail)


def types_recorded(types: Iterable[str]) -> Change:
    """Further ``types`` in the list of those that a recorder takes in."""
    return Change(("RecordingGroup", "ResourceTypes"), Entries(json.dumps(list(types))), Setting(("recording_group", "resource_types")))


def recorder_started(status: Resource) -> Change:
    """A recorder switched on, by the resource that says whether it is."""
    return Change(("is_enabled",), True, Setting(("is_enabled",)), of=status)


def recorder_status(channel: Resource) -> Change | None:
    """The resource that starts a recorder, once ``channel`` is there; None where the channel can't be named from beside it."""
    name = channel.address.rpartition(".")[2]
    if channel.dialect is not Dialect.TERRAFORM or not re.fullmatch(r"[A-Za-z_][\w-]*", name):  # count and for_each have an index
        return None
    holder = "aws_config_configuration_recorder_status"
    return Change(("Recording",), True, Setting(("is_enabled",)), holder, RECORDING_BLOCK.replace("<channel>", name))


def request_metrics(filter_id: str) -> Change:
    """Request metrics for the whole bucket, under the id that an alarm on them asks for."""
    return Change(
        ("MetricsConfigurations",),
        Entries(json.dumps([{"Id": filter_id}])),
        Setting(("name",), filter_id),
        "aws_s3_bucket_metric",
        METRICS_BLOCK.replace("<filter>", json.dumps(filter_id)),
    )


def second_factor(pool: Resource) -> Change:
    """A user pool's second factor demanded; a software token, where no factor is set up yet: Cognito refuses one without the other."""
    token = pool.get("SoftwareTokenMfaConfiguration")
    first = token[0] if isinstance(token, list) and token else token
    off = token in (None, []) or (isinstance(first, Mapping) and first.get("Enabled") is False)
    none = off and all(pool.get(name) in (None, []) for name in _FACTORS)
    return Change(("MfaConfiguration",), "ON", Setting(("mfa_configuration",)), also=(_TOKEN,) if none else ())
