"""Whether what is told in one AWS region is heard by what stands in another: events, metrics and records of calls stay in theirs."""

from __future__ import annotations

from averment.policies.graph.model import Resource, Unknown
from averment.policies.iam.truth import Truth


def same_region(one: Resource, other: Resource) -> Truth:
    """Whether two resources are in one region, by what is written; where nothing speaks of regions, there is one."""
    if one.outside or other.outside or not one.region or not other.region or one.region == other.region:
        return True
    if "${" in one.region or "${" in other.region:
        return Unknown(f"{one.address} is in {shown(one)}, {other.address} in {shown(other)}, and whether that is one region can't be told")
    return False


def shown(resource: Resource) -> str:
    """The region of ``resource`` in words."""
    return resource.region.replace("${AWS::Region}", "the provider's region")
