"""IAM: roles, users and groups with their inline policies, and managed policies. Documents are URL-encoded JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from averment.policies.graph.model import Resource, Unknown
from averment.policies.surfaces.config.items import Item, field, items_of, policy, tag_list
from averment.policies.surfaces.config.recorded.base import Late, need, resource


def identity(item: Item) -> list[Resource]:
    """A role, user or group; policies that the item doesn't list at all are unknown."""
    kind = item.type.rsplit("::", 1)[-1]
    need(item, f"{kind.lower()}Name", f"{kind.lower()}Id", "arn")
    return [resource(item, Late(item, _readers(kind)))]


@cache
def _readers(kind: str) -> Mapping[str, Callable[[Item], Any]]:
    """What is read of an identity of this ``kind`` (Role, User, Group), by property."""
    name = kind.lower()
    return {
        f"{kind}Name": lambda item: field(item.configuration, f"{name}Name") or item.name,
        "Tags": lambda item: tag_list(field(item.configuration, "tags"), item.tags),
        "AssumeRolePolicyDocument": lambda item: policy(field(item.configuration, "assumeRolePolicyDocument")),
        "Policies": lambda item: _inline(field(item.configuration, f"{name}PolicyList")),
        "ManagedPolicyArns": lambda item: _managed(field(item.configuration, "attachedManagedPolicies")),
        "PermissionsBoundary": lambda item: field(field(item.configuration, "permissionsBoundary"), "permissionsBoundaryArn"),
        "Groups": lambda item: field(item.configuration, "groupList"),
    }


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


def _managed(attached: Any) -> Any:
    if not isinstance(attached, list):
        return Unknown("the configuration item doesn't list the attached policies")
    return [_attached(entry) for entry in attached]


def _attached(entry: Any) -> Any:
    arn = field(entry, "policyArn")
    return arn if isinstance(arn, str) else Unknown("an attached policy of the configuration item has no ARN")
