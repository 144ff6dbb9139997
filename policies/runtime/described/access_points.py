"""S3 Object Lambda access points and their policies, of which AWS Config keeps no items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.policies.runtime.described.ask import Ask, Item, answer_or_none
from averment.policies.surfaces.config.items import decoded

NO_POLICY = "NoSuchAccessPointPolicy"
"""S3's error for an access point of any kind without a policy."""


def object_lambda_points(ask: Ask) -> Iterator[Item]:
    """Object Lambda access points with the access point that supports each."""
    for name, arn in _listed(ask):
        found = ask.client("s3control").get_access_point_configuration_for_object_lambda(AccountId=ask.account, Name=name)
        configuration = {"Name": name, "ObjectLambdaConfiguration": found.get("Configuration")}
        yield ask.item("AWS::S3ObjectLambda::AccessPoint", name, arn, configuration)


def object_lambda_policies(ask: Ask) -> Iterator[Item]:
    """The policies of those that have one."""
    call = ask.client("s3control").get_access_point_policy_for_object_lambda
    for name, arn in _listed(ask):
        found = answer_or_none(call, NO_POLICY, AccountId=ask.account, Name=name)
        if found is not None and found.get("Policy"):
            configuration = {"ObjectLambdaAccessPoint": name, "PolicyDocument": decoded(found["Policy"])}
            yield ask.item("AWS::S3ObjectLambda::AccessPointPolicy", name, f"{arn}#policy", configuration)


def _listed(ask: Ask) -> Iterator[tuple[str, str]]:
    """Name and ARN of each; there are 1,000 in a region at most.

    Each stands before an access point to a bucket, so where there is none of those, nobody is asked: AWS has closed Object Lambda to new
    customers, and doesn't say what the service answers them.
    """
    if not ask.pages("s3control", "list_access_points", "AccessPointList", AccountId=ask.account, MaxResults=1):
        return
    operation, key = "list_access_points_for_object_lambda", "ObjectLambdaAccessPointList"
    entries: list[dict[str, Any]] = ask.pages("s3control", operation, key, AccountId=ask.account)
    for entry in entries:
        name = entry["Name"]
        yield name, entry.get("ObjectLambdaAccessPointArn") or ask.arn("s3-object-lambda", f"accesspoint/{name}")
