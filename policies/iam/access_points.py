"""Other doors to a bucket: access points, multi-region access points, and Object Lambda access points, each with a policy of its own.

A request through one of them is subject to its policy and to the bucket's. Sources: Amazon S3 User Guide, "Configuring IAM policies for
using access points", "Permissions" of multi-region access points, "Configuring IAM policies for Object Lambda Access Points".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.iam.truth import Truth

ACCESS_POINT = "AWS::S3::AccessPoint"
REGIONS_POINT = "AWS::S3::MultiRegionAccessPoint"
REGIONS_POLICY = "AWS::S3::MultiRegionAccessPointPolicy"
LAMBDA_POINT = "AWS::S3ObjectLambda::AccessPoint"
LAMBDA_POLICY = "AWS::S3ObjectLambda::AccessPointPolicy"

DOCUMENTS: Mapping[str, tuple[PropertyPath, str, str]] = {
    ACCESS_POINT: (("Policy",), "s3", "the access point's policy"),
    REGIONS_POLICY: (("Policy",), "s3", "the multi-region access point's policy"),
    LAMBDA_POLICY: (("PolicyDocument",), "s3-object-lambda", "the Object Lambda access point's policy"),
}
"""Where a door's policy stands, the prefix of the actions in it, and what messages call it."""

POINTS = (ACCESS_POINT, REGIONS_POINT, REGIONS_POLICY, LAMBDA_POINT, LAMBDA_POLICY)
"""What a rule that looks through every access point names as neighbours."""


def point_of(policy: Resource, graph: Graph) -> Resource | None:
    """The access point proper through which one reaches the bucket: itself, or the one that supports an Object Lambda access point."""
    if policy.type == ACCESS_POINT:
        return policy
    if policy.type != LAMBDA_POLICY:
        return None
    point = _named(policy.get("ObjectLambdaAccessPoint"), LAMBDA_POINT, graph)
    return _named(point.get("ObjectLambdaConfiguration", "SupportingAccessPoint"), ACCESS_POINT, graph) if point is not None else None


def keeps_to_network(policy: Resource, graph: Graph) -> Truth:
    """Whether the access point takes requests from one VPC only. Which one it is needn't be resolved; whether there is one does."""
    point = point_of(policy, graph)
    kept = point.get("VpcConfiguration") if point is not None else None
    if isinstance(kept, Unknown):
        return Unknown(f"whether the access point takes requests from one VPC only: {kept.reason}")
    return point is not None and point.get("VpcConfiguration", "VpcId") is not None


def buckets_named(policy: Resource, graph: Graph) -> Iterator[Any]:
    """The values that name the buckets behind a door's policy; one Unknown where the access point isn't part of what was read."""
    if policy.type == REGIONS_POLICY:
        point = _named(policy.get("MrapName"), REGIONS_POINT, graph) or _spoken_of(policy, graph)
        regions = point.get("Regions") if point is not None else None
        if isinstance(regions, list):
            yield from _of_regions(regions)
            return
    elif (owner := point_of(policy, graph)) is not None:
        yield owner.get("Bucket")
        return
    yield Unknown("its access point is not part of what was read")


def buckets_behind(point: Resource, graph: Graph) -> Iterator[Any]:
    """The values that name the buckets to which ``point``, one of the three kinds of access points, leads."""
    if point.type == REGIONS_POINT:
        regions = point.get("Regions")
        yield from _of_regions(regions if isinstance(regions, list) else [regions])
    elif point.type == ACCESS_POINT:
        yield point.get("Bucket")
    elif point.type == LAMBDA_POINT:
        supporting = _named(point.get("ObjectLambdaConfiguration", "SupportingAccessPoint"), ACCESS_POINT, graph)
        yield (
            supporting.get("Bucket")
            if supporting is not None
            else Unknown(f"the access point that supports {point.address} is not part of what was read")
        )


def _of_regions(regions: list[Any]) -> Iterator[Any]:
    """What names the bucket of each region; Unknown for an entry that can't say."""
    for region in regions:
        if isinstance(region, Mapping):
            yield region.get("Bucket")
        else:
            yield region if isinstance(region, Unknown) else Unknown("a region of the access point names no bucket")


def _named(value: Any, kind: str, graph: Graph) -> Resource | None:
    """The access point that ``value`` means: a link, its name, or its ARN."""
    if isinstance(value, Reference):
        found = graph.get(value.address)
        return found if found is not None and found.type == kind else None
    if not isinstance(value, str):
        return None
    name = value.rsplit("/", 1)[-1]
    return next(iter(graph.holding(kind, "Name", name)), None)


def _spoken_of(policy: Resource, graph: Graph) -> Resource | None:
    """The multi-region access point that the policy's statements link to: each has to name the one that it belongs to."""
    document = policy.get("Policy")
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource") if isinstance(statement, Mapping) else None
        for value in resources if isinstance(resources, list) else [resources]:
            if isinstance(value, Reference) and (found := _named(value, REGIONS_POINT, graph)) is not None:
                return found
    return None
