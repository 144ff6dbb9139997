"""What stands in a plan of a resource without being configured: AWS's own defaults, and what other resources set, or somebody by hand.

Of a new bucket they are all "known after apply", of one that exists they are as they were before this plan: the policy that it is about to
replace, the versioning that it is about to give up. What counts is what the configuration says, in the resource or in those for its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Unknown

_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "aws_api_gateway_rest_api": frozenset({"policy"}),
    "aws_budgets_budget": frozenset({"cost_filters"}),
    "aws_cloudwatch_event_rule": frozenset({"is_enabled", "state"}),
    "aws_cognito_user_pool_client": frozenset({"allowed_oauth_flows", "supported_identity_providers"}),
    "aws_iam_role": frozenset({"managed_policy_arns"}),
    "aws_kms_external_key": frozenset({"policy"}),
    "aws_kms_key": frozenset({"policy"}),
    "aws_kms_replica_external_key": frozenset({"policy"}),
    "aws_kms_replica_key": frozenset({"policy"}),
    "aws_s3_access_point": frozenset({"policy"}),
    "aws_s3_bucket": frozenset({"acl", "bucket", "bucket_prefix", "object_lock_enabled", "policy"}),
    "aws_sns_topic": frozenset({"policy"}),
    "aws_sqs_queue": frozenset({"policy", "redrive_policy"}),
}
"""Attributes that the provider fills in where they aren't configured: an expression gives them, or nothing does."""

_BLOCKS: Mapping[str, frozenset[str]] = {
    "aws_api_gateway_rest_api": frozenset({"endpoint_configuration"}),
    "aws_budgets_budget": frozenset({"cost_filter", "cost_types"}),
    "aws_config_configuration_recorder": frozenset({"recording_group", "recording_mode"}),
    "aws_iam_role": frozenset({"inline_policy"}),
    "aws_s3_bucket": frozenset(
        {
            "cors_rule",
            "lifecycle_rule",
            "logging",
            "object_lock_configuration",
            "replication_configuration",
            "server_side_encryption_configuration",
            "versioning",
            "website",
        }
    ),
}
"""Nested blocks of that kind. ``dynamic`` ones stand in no expression either, so that those which are known may be configured all the same."""

_IN_DOUBT = frozenset({"cors_rule", "lifecycle_rule", "logging", "object_lock_configuration", "versioning", "website"})
"""Blocks of a bucket of which it can't be told then whether this configuration keeps them."""


def configured_alone(
    kind: str, values: Mapping[str, Any], hidden: Mapping[str, Any], configured: Mapping[str, Any], *, new: bool = False
) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Unknown]]:
    """Of a resource of the type ``kind``: its values and what is hidden of them without what isn't configured, and what of that is in doubt.

    Of a ``new`` one, nothing stood there before: a block that is known is configured, by a ``dynamic`` one.
    """
    if not configured:
        return values, hidden, {}
    expressions = configured.get("expressions")
    named = expressions.keys() if isinstance(expressions, Mapping) else frozenset[str]()
    blocks = _BLOCKS.get(kind, frozenset()) - named
    shown = {name for name in blocks if _says_something(values.get(name)) and hidden.get(name) is not True}
    doubts = shown & _IN_DOUBT if kind == "aws_s3_bucket" and not new else set[str]()
    gone = (_ATTRIBUTES.get(kind, frozenset()) - named) | (blocks - shown) | doubts
    return (
        {name: value for name, value in values.items() if name not in gone},
        {name: value for name, value in hidden.items() if name not in gone},
        {name: Unknown(f"the plan has a {name} that its configuration doesn't show: by what it is set can't be told") for name in doubts},
    )


def _says_something(blocks: Any) -> bool:
    """Whether blocks set anything: of a bucket without versions a plan has one that says that they are off."""
    return bool(blocks) and not (
        isinstance(blocks, list) and all(isinstance(block, Mapping) and block.get("enabled") is False for block in blocks)
    )
