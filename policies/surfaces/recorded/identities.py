"""IAM: roles, users and groups with their inline policies, and managed policies. Documents are URL-encoded JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Resource, Unknown
from averment.policies.surfaces.config_items import Item, field, items_of, policy, tag_list
from averment.policies.surfaces.recorded.base import need, resource


def identity(item: Item) -> list[Resource]:
    """A role, user or group; policies that the item doesn't list at all are unknown."""
    kind = item.type.rsplit("::", 1)[-1]
    need(item, f"{kind.lower()}Name", f"{kind.lower()}Id", "arn")
    attached = field(item.configuration, "attachedManagedPolicies")
    trust = field(item.configuration, "assumeRolePolicyDocument")
    properties = {
        f"{kind}Name": field(item.configuration, f"{kind.lower()}Name") or item.name,
        "Tags": tag_list(field(item.configuration, "tags"), item.tags),
        "AssumeRolePolicyDocument": policy(trust),
        "Policies": _inline(field(item.configuration, f"{kind.lower()}PolicyList")),
        "ManagedPolicyArns": [_attached(entry) for entry in attached]
        if isinstance(attached, list)
        else Unknown("the configuration item doesn't list the attached policies"),
        "PermissionsBoundary": field(field(item.configuration, "permissionsBoundary"), "permissionsBoundaryArn"),
        "Groups": field(item.configuration, "groupList"),
    }
    return [resource(item, properties)]


def managed_policy(item: Item) -> list[Resource]:
    """A customer managed policy: its default version counts."""
    need(item, "policyName", "policyVersionList", "arn")
    versions = items_of(field(item.configuration, "policyVersionList"))
    current = next((entry for entry in versions if field(entry, "isDefaultVersion") in (True, "true")), None)
    written = field(current, "document")
    document: Any = policy(written) if written is not None else Unknown("the item holds no default version of the policy")
    properties = {"ManagedPolicyName": field(item.configuration, "policyName") or item.name, "PolicyDocument": document}
    return [resource(item, properties, kind="AWS::IAM::ManagedPolicy")]


def _inline(value: Any) -> Any:
    if not isinstance(value, list):
        return Unknown("the configuration item doesn't list the inline policies")
    return [_one(entry) for entry in value]


def _one(entry: Any) -> Any:
    if not isinstance(entry, Mapping) or field(entry, "policyDocument") is None:
        return Unknown("an inline policy of the configuration item has no document")
    return {"PolicyName": field(entry, "policyName"), "PolicyDocument": policy(field(entry, "policyDocument"))}


def _attached(entry: Any) -> Any:
    arn = field(entry, "policyArn")
    return arn if isinstance(arn, str) else Unknown("an attached policy of the configuration item has no ARN")
