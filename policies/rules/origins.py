"""CloudFront: which bucket stands behind an origin, and which behaviours lead there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.iam.access_points import POINTS, buckets_behind
from averment.policies.iam.partitions import SUFFIXES
from averment.policies.iam.resources import bucket_name

DISTRIBUTION, CONTROL = "AWS::CloudFront::Distribution", "AWS::CloudFront::OriginAccessControl"
_S3_HOST = re.compile(rf"(?P<bucket>.+?)\.s3(?P<website>-website)?[.-](?:.*\.)?{SUFFIXES}", re.IGNORECASE)

_LINKED = re.compile(r"\$\{(?P<address>[^{}]+?)\.(?:Ref|\w*DomainName|[Aa]lias(?:\.Value)?)\}")
_OF_A_POINT = ("-s3alias", "--ol-s3", ".mrap.accesspoint")
"""How a host of S3 ends before ``.s3`` that is an access point's: no bucket may be called so. (User Guide, "Bucket naming rules".)"""


@dataclass(frozen=True)
class Origin:
    """One origin. ``bucket`` is the bucket behind it (made up from its name if it isn't in the graph), Unknown, or None."""

    id: str
    path: PropertyPath
    settings: Mapping[str, Any]
    bucket: Resource | Unknown | None
    website: bool


def origins(distribution: Resource, graph: Graph) -> Iterator[Origin | Unknown]:
    """The origins of ``distribution``; one that can't be read at all is an Unknown."""
    listed = distribution.get("DistributionConfig", "Origins")
    if isinstance(listed, Unknown):
        yield listed
        return
    for index, settings in enumerate(listed if isinstance(listed, list) else ()):
        path: PropertyPath = ("DistributionConfig", "Origins", index)
        if not isinstance(settings, Mapping):
            yield settings if isinstance(settings, Unknown) else Unknown("an origin could not be read")
            continue
        domain = settings.get("DomainName")
        for bucket in _buckets_behind(domain, settings, distribution, graph):
            yield Origin(name_of(settings.get("Id")), path, settings, bucket, _is_website(domain, settings))


def _buckets_behind(domain: Any, settings: Mapping[str, Any], distribution: Resource, graph: Graph) -> list[Resource | Unknown | None]:
    """The bucket behind a domain; several where it is a multi-region access point's."""
    point = graph.get(domain.address) if isinstance(domain, Reference) else _linked(domain, graph)
    if point is None or point.type not in POINTS:
        return [_bucket_behind(domain, settings, distribution, graph)]
    return [_of_point(value, distribution, graph) for value in buckets_behind(point, graph)] or [
        Unknown(f"the buckets behind {point.address}")
    ]


def _of_point(value: Any, distribution: Resource, graph: Graph) -> Resource | Unknown:
    if isinstance(value, str):
        return _named(value, False, distribution, graph)
    found = graph.target(value)
    return found if found is not None else Unknown("which bucket is behind the origin's access point could not be resolved")


def _linked(domain: Any, graph: Graph) -> Resource | None:
    """What a domain begins with that isn't wholly resolved: "${Photos.Ref}.s3.${?}" is one of two spellings of a bucket's."""
    text = domain.template if isinstance(domain, Unknown) else None
    match = _LINKED.match(text) if text is not None else None
    return graph.get(match["address"]) if match is not None else None


def _bucket_behind(domain: Any, settings: Mapping[str, Any], distribution: Resource, graph: Graph) -> Resource | Unknown | None:
    if isinstance(domain, Reference):
        found = graph.get(domain.address)
        if found is not None:
            return found if found.type == "AWS::S3::Bucket" else None
        return Unknown(f"origin {domain.address} is not part of what was read") if looks_like_s3(settings) else None
    text = domain.template if isinstance(domain, Unknown) else domain
    linked = _linked(domain, graph)
    if linked is not None and linked.type == "AWS::S3::Bucket":
        return linked
    match = _S3_HOST.fullmatch(text.replace("${AWS::Region}", "region")) if isinstance(text, str) else None
    if match is None:
        return Unknown(f"the origin's domain could not be resolved: {domain.reason}") if isinstance(domain, Unknown) else None
    template = isinstance(domain, Unknown)
    if match["bucket"].lower().endswith(_OF_A_POINT):
        return Unknown(f"{match['bucket']} is the alias of an access point, of whose bucket nothing was read")
    return _named(match["bucket"] if template else match["bucket"].lower(), template, distribution, graph)  # a host's case means nothing


def bucket_of_host(host: str) -> str | None:
    """The name of the bucket that an S3 host is of; None if it is none of S3."""
    match = _S3_HOST.fullmatch(host)
    return match["bucket"].lower() if match is not None else None


def _named(name: str, template: bool, distribution: Resource, graph: Graph) -> Resource:
    for bucket in graph.of_type("AWS::S3::Bucket"):
        known = bucket_name(bucket)
        if known == name or (template and isinstance(known, Unknown) and known.template == name):
            return bucket
    value: Any = Unknown(f"the bucket's name is {name}", name) if template else name
    return Resource(name, "AWS::S3::Bucket", {"BucketName": value}, distribution.source, distribution.dialect)


def looks_like_s3(settings: Mapping[str, Any]) -> bool:
    """Whether an origin's settings are those of a bucket: an access control or identity."""
    return bool(settings.get("S3OriginConfig")) or bool(settings.get("OriginAccessControlId"))


def _is_website(domain: Any, settings: Mapping[str, Any]) -> bool:
    if isinstance(domain, Reference):
        return "website" in domain.attribute.lower()
    match = _S3_HOST.fullmatch(domain) if isinstance(domain, str) else None
    return bool(match and match["website"]) or (match is not None and settings.get("CustomOriginConfig") is not None)


def name_of(value: Any) -> str:
    """An origin's id, or what it is made of where it isn't known ("media-${random_id.x.hex}"): two that are written alike are one."""
    if isinstance(value, Reference) and not value.prefix and not value.suffix:
        return value.address
    return value if isinstance(value, str) else hole(value)


def is_open(name: str) -> bool:
    """Whether nothing is known of an id by which it could be told from another."""
    return "${?}" in name


def behaviours(distribution: Resource) -> Iterator[tuple[Mapping[str, Any] | Unknown, PropertyPath]]:
    """The cache behaviours of ``distribution``, the default one first, each with its place."""
    config = distribution.get("DistributionConfig")
    if not isinstance(config, Mapping):
        return
    default = config.get("DefaultCacheBehavior")
    if isinstance(default, Mapping | Unknown):
        yield default, ("DistributionConfig", "DefaultCacheBehavior")
    others = config.get("CacheBehaviors")
    for index, behaviour in enumerate(others if isinstance(others, list) else [others]):
        if isinstance(behaviour, Mapping | Unknown):
            yield behaviour, ("DistributionConfig", "CacheBehaviors", index)


def members(target: Any, distribution: Resource) -> list[str]:
    """The origin that a behaviour names, or the members of the origin group that it names."""
    name = name_of(target)
    groups = distribution.get("DistributionConfig", "OriginGroups", "Items")
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, Mapping) and name_of(group.get("Id")) == name and not is_open(name):
            members = group.get("Members")
            items = members.get("Items") if isinstance(members, Mapping) else None
            return [name_of(item.get("OriginId")) for item in items or () if isinstance(item, Mapping)]
    return [name]


def control_at(value: Any, graph: Graph) -> Resource | None:
    """The access control that ``value`` means: a link, or the id as a deployed distribution has it."""
    found = graph.target(value)
    if isinstance(found, Resource):
        return found if found.type == CONTROL else None  # what makes one, as a nested stack or a custom resource, says nothing of it
    return next(iter(graph.holding(CONTROL, "Id", value)), None) if isinstance(value, str) and value else None
