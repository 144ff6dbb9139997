"""Types that are of the whole account, where AWS Config has no items of them in the region: distributions, and IAM.

The services give them in the shape that AWS Config records, so that one reader is for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.policies.runtime.described.ask import Ask, Item

_IAM = "get_account_authorization_details"


def distributions(ask: Ask) -> Iterator[Item]:
    """Every distribution with its origins and behaviours; none in a partition without CloudFront."""
    for entry in ask.pages("cloudfront", "list_distributions", "DistributionList.Items"):
        yield ask.item("AWS::CloudFront::Distribution", entry["Id"], entry["ARN"], {"DistributionConfig": entry})


def roles(ask: Ask) -> Iterator[Item]:
    """Every role with its trust policy, its own policies and those attached."""
    return _identities(ask, "Role")


def users(ask: Ask) -> Iterator[Item]:
    """Every user."""
    return _identities(ask, "User")


def groups(ask: Ask) -> Iterator[Item]:
    """Every group."""
    return _identities(ask, "Group")


def policies(ask: Ask) -> Iterator[Item]:
    """The account's own managed policies with their versions: AWS Config calls them ``AWS::IAM::Policy``."""
    for entry in ask.pages("iam", _IAM, "Policies", Filter=["LocalManagedPolicy"]):
        yield ask.item("AWS::IAM::Policy", entry["PolicyId"], entry["Arn"], entry)


def _identities(ask: Ask, kind: str) -> Iterator[Item]:
    for entry in ask.pages("iam", _IAM, f"{kind}DetailList", Filter=[kind]):
        attached = entry.get("AttachedManagedPolicies") or []
        found: dict[str, Any] = {**entry, f"{kind}PolicyList": entry.get(f"{kind}PolicyList") or [], "AttachedManagedPolicies": attached}
        yield ask.item(f"AWS::IAM::{kind}", entry[f"{kind}Id"], entry["Arn"], found)
