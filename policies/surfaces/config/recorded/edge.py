"""CloudFront: the API's shape, in which every list is wrapped as quantity and items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Resource, Unknown
from averment.policies.surfaces.config.items import Item, capitalised, field, tag_list
from averment.policies.surfaces.config.recorded.base import resource
from averment.policies.surfaces.config.recorded.shapes import DISTRIBUTION, fit

_SWITCHED = ("TrustedKeyGroups", "TrustedSigners")


def distribution(item: Item) -> list[Resource]:
    """A distribution, its lists unwrapped as CloudFormation has them.

    Raises:
        ValueError: there is no distribution configuration, or its origins or behaviours aren't lists, or not as many as it says, or an origin
            has no address: what it serves isn't known then.
    """
    config = field(item.configuration, "distributionConfig")
    if not isinstance(config, Mapping) or not config:
        raise ValueError("it has no distributionConfig")
    plain: dict[str, Any] = capitalised(config)
    for behaviour in _behaviours(plain):
        allowed = behaviour.get("AllowedMethods")
        if isinstance(allowed, Mapping) and "Items" in allowed:  # beside them stand those whose answers are kept
            behaviour["AllowedMethods"] = allowed["Items"]
        elif allowed is None:
            behaviour["AllowedMethods"] = Unknown("its item doesn't say which methods the behaviour takes, which CloudFront always tells")
    fit(plain, DISTRIBUTION, "distributionConfig")
    if not plain["Origins"] or not all(origin["DomainName"] for origin in plain["Origins"]):
        raise ValueError("it lists no origins, or one without an address")
    for name in ("Origins", "CacheBehaviors"):
        if (said := field(field(config, name), "quantity")) is not None and str(said) != str(len(plain.get(name, []))):
            raise ValueError(f"it lists {len(plain.get(name, []))} of {said} {name}")
    groups = plain.get("OriginGroups")
    if isinstance(groups, list):  # CloudFormation keeps the wrapping in origin groups
        plain["OriginGroups"] = {"Items": [{**group, "Members": {"Items": group.get("Members", [])}} for group in groups]}
    for behaviour in _behaviours(plain):
        for key in _SWITCHED:
            if isinstance(behaviour.get(key), Mapping):
                behaviour[key] = behaviour[key].get("Items", []) if behaviour[key].get("Enabled") is True else []
    tags = item.added("OriginTags", "the tags of the buckets behind a distribution")
    return [resource(item, {"DistributionConfig": plain, "Tags": tag_list(item.tags), "OriginTags": tags})]


def _behaviours(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    others = config.get("CacheBehaviors")
    found = [config.get("DefaultCacheBehavior"), *(others if isinstance(others, list) else ())]
    return [behaviour for behaviour in found if isinstance(behaviour, dict)]
