"""Every place where a policy document lives in the normal form, and who holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.iam.access_points import ACCESS_POINT, LAMBDA_POLICY, buckets_named
from averment.policies.iam.access_points import DOCUMENTS as DOORS
from averment.policies.iam.document import Document, Statement, parse_document
from averment.policies.iam.managed import is_aws_managed, managed_policy
from averment.policies.iam.resources import reaches_access_point
from averment.policies.iam.truth import Truth

HOLDER_TYPES = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
ATTACHED_TYPES = (
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
)
KEY_TYPES = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")
IDENTITY_TYPES = (*HOLDER_TYPES, *ATTACHED_TYPES)
IDENTITY_NEIGHBOURS = (*HOLDER_TYPES, "AWS::IAM::ManagedPolicy")
"""What a rule that looks at everybody's policies names as neighbours: inline ones are part of their holders once they are deployed."""

_ATTACHED_TO = {"Roles": HOLDER_TYPES[0], "Users": HOLDER_TYPES[1], "Groups": HOLDER_TYPES[2]}
_ATTACHED_TO_ONE = {"RoleName": HOLDER_TYPES[0], "UserName": HOLDER_TYPES[1], "GroupName": HOLDER_TYPES[2]}
_NAME_KEY = {HOLDER_TYPES[0]: "RoleName", HOLDER_TYPES[1]: "UserName", HOLDER_TYPES[2]: "GroupName"}


class CarrierKind(StrEnum):
    """What a policy is attached to."""

    BUCKET = "bucket"
    ACCESS_POINT = "access point"
    KEY = "key"
    IDENTITY = "identity"


@dataclass(frozen=True)
class Carrier:
    """One policy document in place: the ``resource`` it is written in, the ``path`` there, and its ``holders``.

    ``holders`` are roles, users and groups for identity policies, the buckets (also those behind an access point) or key for resource
    policies; one that could not be found is an Unknown. ``label`` is what messages call the policy. ``service`` is the prefix that
    S3's actions have in it.
    """

    resource: Resource
    path: PropertyPath
    document: Document
    kind: CarrierKind
    holders: tuple[Resource | Unknown, ...]
    label: str
    service: str = "s3"

    def action(self, name: str) -> str:
        """``s3:GetObject`` as this policy spells it."""
        return f"{self.service}:{name.partition(':')[2]}" if name.startswith("s3:") else name


def policy_carriers(graph: Graph) -> Iterator[Carrier]:
    """All policy documents of ``graph``, trust policies excepted (``trust`` reads those)."""
    for resource in graph:
        yield from carriers_of(resource, graph)


def carriers_of(resource: Resource, graph: Graph) -> Iterator[Carrier]:
    """The policy documents that are written in, or attached by, ``resource`` itself."""
    if resource.type == "AWS::S3::BucketPolicy":
        holder = bucket_of(resource, graph)
        yield _carrier(resource, ("PolicyDocument",), CarrierKind.BUCKET, (holder,), "the bucket policy")
    elif resource.type in DOORS:
        yield from _door(resource, graph)
    elif resource.type in KEY_TYPES:
        yield _carrier(resource, ("KeyPolicy",), CarrierKind.KEY, (resource,), "the key policy")
        grants = resource.get("Grants")
        for index in range(len(grants) if isinstance(grants, list) else 0):
            yield _carrier(resource, ("Grants", index), CarrierKind.KEY, (resource,), "a grant")
    elif resource.type in HOLDER_TYPES:
        yield from _inline(resource)
        yield from _managed(resource)
    elif resource.type in ATTACHED_TYPES:
        yield _carrier(resource, ("PolicyDocument",), CarrierKind.IDENTITY, holders_of(resource, graph), "the policy")


def identity_documents(holder: Resource, graph: Graph) -> Iterator[Carrier]:
    """Everything that ``holder`` (a role, user or group) is allowed by policies of the graph, wherever they are written."""
    yield from carriers_of(holder, graph)
    for policy in _by_holder(graph).get(holder.address, ()):
        yield _carrier(policy, ("PolicyDocument",), CarrierKind.IDENTITY, (holder,), "the policy")


def unread_policies(holder: Resource, graph: Graph) -> Iterator[Unknown]:
    """Reasons why not every policy of ``holder`` is known: attachments by ARN or link to something that wasn't read."""
    for entry in _entries(holder.get("ManagedPolicyArns")):
        if isinstance(entry, Unknown):
            yield entry
        elif isinstance(entry, Reference):
            target = graph.target(entry)
            if isinstance(target, Unknown):
                yield target
        elif isinstance(entry, str) and not is_aws_managed(entry) and not _is_read(entry, graph):
            yield Unknown(f"the attached policy {entry} is not part of what was read")


def trust(role: Resource) -> Document:
    """The role's trust policy."""
    return parse_document(role.get("AssumeRolePolicyDocument"), ("AssumeRolePolicyDocument",))


def holders_of(policy: Resource, graph: Graph) -> tuple[Resource | Unknown, ...]:
    """The roles, users and groups that ``policy`` names, and those that name it."""
    found: list[Resource | Unknown] = []
    for key, kind in _ATTACHED_TO.items():
        found.extend(_holder(entry, kind, graph) for entry in _entries(policy.get(key)))
    for key, kind in _ATTACHED_TO_ONE.items():
        if (value := policy.get(key)) is not None:
            found.append(_holder(value, kind, graph))
    if policy.type == "AWS::IAM::ManagedPolicy":
        found.extend(_attaching(graph).get(policy.address, ()))
    return tuple({id(entry): entry for entry in found}.values())


def bucket_of(policy: Resource, graph: Graph) -> Resource | Unknown:
    """The bucket that a bucket policy belongs to: by link, or by its name."""
    return _bucket(policy.get("Bucket"), policy, graph)


def doors_to(bucket: Resource, graph: Graph) -> Iterator[Carrier]:
    """The policies of access points of every kind through which ``bucket`` is reached.

    Those of Object Lambda stand before another access point, so they are looked for only where the bucket has one: where nobody could ask
    for them, or in the past, of which nothing is kept, a bucket without any access point can be judged all the same.
    """
    points = [point for point in graph.of_type(ACCESS_POINT) if _is(_bucket(point.get("Bucket"), point, graph), bucket)]
    kinds = (kind for kind in DOORS if kind != LAMBDA_POLICY or points)
    for resource in graph.of_type(*kinds):
        for carrier in _door(resource, graph):
            if any(_is(holder, bucket) for holder in carrier.holders):
                yield carrier


def _is(found: Resource | Unknown, bucket: Resource) -> bool:
    return isinstance(found, Resource) and found.address == bucket.address


def reach_of(door: Carrier, grant: Statement | None = None) -> Callable[[Statement], Truth]:
    """Which statements of a door's policy take in every object that is reached through it, or all that ``grant`` names.

    Those of an Object Lambda access point name the access point, not objects.
    """
    if door.service == "s3-object-lambda":
        return lambda _: True
    named = set(grant.resources or ()) if grant is not None else set()
    return lambda refusal: True if named and named <= set(refusal.resources or ()) else reaches_access_point(refusal)


def _door(resource: Resource, graph: Graph) -> Iterator[Carrier]:
    path, service, label = DOORS[resource.type]
    if resource.get(*path) is None:
        return
    buckets = [_bucket(value, resource, graph) for value in buckets_named(resource, graph)]
    holders = tuple({found.address if isinstance(found, Resource) else "": found for found in buckets}.values())
    document = parse_document(resource.get(*path), path)
    yield Carrier(resource, path, document, CarrierKind.ACCESS_POINT, holders, label, service)


def _bucket(value: Any, policy: Resource, graph: Graph) -> Resource | Unknown:
    target = graph.target(value)
    if isinstance(target, Resource):
        return target
    if isinstance(value, str):
        named = next(iter(graph.holding("AWS::S3::Bucket", "BucketName", value)), None)
        return named or Resource(value, "AWS::S3::Bucket", {"BucketName": value}, policy.source, policy.dialect)
    return target if isinstance(target, Unknown) else Unknown("the policy names no bucket")


def bucket_policies(bucket: Resource, graph: Graph) -> Iterator[Resource]:
    """The bucket policies that belong to ``bucket``, by link or by name."""
    name = bucket.get("BucketName")
    yield from graph.linking("AWS::S3::BucketPolicy", "Bucket", bucket.address)
    if isinstance(name, str):
        yield from graph.holding("AWS::S3::BucketPolicy", "Bucket", name)


def _inline(holder: Resource) -> Iterator[Carrier]:
    policies = holder.get("Policies")
    if isinstance(policies, Unknown):
        yield Carrier(holder, ("Policies",), Document(unknown=(policies,)), CarrierKind.IDENTITY, (holder,), "the inline policies")
        return
    for index, entry in enumerate(_entries(policies)):
        path: PropertyPath = ("Policies", index, "PolicyDocument")
        if isinstance(entry, Unknown):
            yield Carrier(holder, path, Document(unknown=(entry,)), CarrierKind.IDENTITY, (holder,), "an inline policy")
            continue
        name = holder.get("Policies", index, "PolicyName")
        label = f"the inline policy '{name}'" if isinstance(name, str) else "an inline policy"
        yield _carrier(holder, path, CarrierKind.IDENTITY, (holder,), label)


def _managed(holder: Resource) -> Iterator[Carrier]:
    for index, arn in enumerate(_entries(holder.get("ManagedPolicyArns"))):
        if not isinstance(arn, str):
            continue
        document = managed_policy(arn)
        if document is not None:
            path: PropertyPath = ("ManagedPolicyArns", index)
            label = f"the AWS managed policy {arn.rsplit('/', 1)[-1]}"
            yield Carrier(holder, path, parse_document(document, path), CarrierKind.IDENTITY, (holder,), label)


def _carrier(resource: Resource, path: PropertyPath, kind: CarrierKind, holders: tuple[Resource | Unknown, ...], label: str) -> Carrier:
    return Carrier(resource, path, parse_document(resource.get(*path), path), kind, holders, label)


def _entries(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _holder(value: Any, kind: str, graph: Graph) -> Resource | Unknown:
    target = graph.target(value)
    if target is not None:
        return target
    if isinstance(value, str):
        named = next(iter(graph.holding(kind, _NAME_KEY[kind], value)), None)
        return named or Unknown(f"{value} is not part of what was read")
    return Unknown("the holder of the policy could not be read")


@per_graph
def _by_holder(graph: Graph) -> dict[str, list[Resource]]:
    """The policies that are attached to each holder, by its address."""
    found: dict[str, list[Resource]] = {}
    for policy in graph.of_type(*ATTACHED_TYPES):
        for holder in holders_of(policy, graph):
            if isinstance(holder, Resource):
                found.setdefault(holder.address, []).append(policy)
    return found


@per_graph
def _attaching(graph: Graph) -> dict[str, list[Resource]]:
    """The holders that attach each managed policy by themselves (``ManagedPolicyArns``), by the policy's address."""
    named: dict[str, list[Resource]] = {}
    for policy in graph.of_type("AWS::IAM::ManagedPolicy"):
        name = policy.get("ManagedPolicyName")
        for key in {policy.address, name} if isinstance(name, str) else {policy.address}:
            named.setdefault(key, []).append(policy)
    found: dict[str, list[Resource]] = {}
    for holder in graph.of_type(*HOLDER_TYPES):
        for policy in _attached_to(holder, named, graph):
            listed = found.setdefault(policy.address, [])
            if not listed or listed[-1] is not holder:
                listed.append(holder)
    return found


def _attached_to(holder: Resource, named: dict[str, list[Resource]], graph: Graph) -> Iterator[Resource]:
    for arn in _entries(holder.get("ManagedPolicyArns")):
        target = graph.target(arn)
        if isinstance(target, Resource):
            yield target
        elif isinstance(arn, str):
            yield from (policy for key in {arn, arn.rsplit("/", 1)[-1]} for policy in named.get(key, ()) if _is_arn_of(arn, policy))


def _is_arn_of(arn: Any, policy: Resource) -> bool:
    name = policy.get("ManagedPolicyName")
    named = isinstance(name, str) and isinstance(arn, str) and not is_aws_managed(arn) and arn.rsplit("/", 1)[-1] == name
    return named or (isinstance(arn, str) and arn == policy.address)


def _is_read(arn: str, graph: Graph) -> bool:
    """Whether the managed policy with this ``arn`` is part of the graph."""
    named = graph.holding("AWS::IAM::ManagedPolicy", "ManagedPolicyName", arn.rsplit("/", 1)[-1])
    return any(_is_arn_of(arn, policy) for policy in named) or arn in _policy_addresses(graph)


@per_graph
def _policy_addresses(graph: Graph) -> frozenset[str]:
    return frozenset(policy.address for policy in graph.of_type("AWS::IAM::ManagedPolicy"))
