"""IAM: roles, users and groups with their inline policies, and managed policies. Documents are URL-encoded JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from averment.policies.graph.model import Misshapen, Resource
from averment.policies.surfaces.config.items import Item, field, items_of, policy, tag_list
from averment.policies.surfaces.config.recorded.base import Late, named, need, resource


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
        f"{kind}Name": lambda item: named(item, f"{name}Name"),
        "Tags": lambda item: tag_list(field(item.configuration, "tags"), item.tags),
        "AssumeRolePolicyDocument": lambda item: _trust(item) if kind == "Role" else None,
        "Policies": lambda item: _inline(field(item.configuration, f"{name}PolicyList")),
        "ManagedPolicyArns": lambda item: _managed(field(item.configuration, "attachedManagedPolicies")),
        "PermissionsBoundary": lambda item: field(field(item.configuration, "permissionsBoundary"), "permissionsBoundaryArn"),
        "Groups": lambda item: field(item.configuration, "groupList"),
    }


def _trust(item: Item) -> Any:
    document = field(item.configuration, "assumeRolePolicyDocument")
    return policy(document) if document is not None else Misshapen("the configuration item holds no trust policy")


def managed_policy(item: Item) -> list[Resource]:
    """A customer managed policy: its default version counts."""
    need(item, "policyName", "policyVersionList", "arn")
    versions = items_of(field(item.configuration, "policyVersionList"))
    current = next((entry for entry in versions if field(entry, "isDefaultVersion") in (True, "true")), None)
    written = field(current, "document")
    document: Any = policy(written) if written is not None else Misshapen("the item holds no default version of the policy")
    properties = {"ManagedPolicyName": named(item, "policyName"), "PolicyDocument": document}
    return [resource(item, properties, kind="AWS::IAM::ManagedPolicy")]


def _inline(value: Any) -> Any:
    if not isinstance(value, list):
        return Misshapen("the configuration item doesn't list the inline policies")
    return [_one(entry) for entry in value]


def _one(entry: Any) -> Any:
    if not isinstance(entry, Mapping) or field(entry, "policyDocument") is None:
        return Misshapen("an inline policy of the configuration item has no document")
    return {"PolicyName": field(entry, "policyName"), "PolicyDocument": policy(field(entry, "policyDocument"))}


def _managed(attached: Any) -> Any:
    if not isinstance(attached, list):
        return Misshapen("the configuration item doesn't list the attached policies")
    return [_attached(entry) for entry in attached]


def _attached(entry: Any) -> Any:
    arn = field(entry, "policyArn")
    return arn if isinstance(arn, str) else Misshapen("an attached policy of the configuration item has no ARN")
