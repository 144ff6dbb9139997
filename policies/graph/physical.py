"""What a resource of the code is called once it is deployed, so that its verdict can stand beside the one from AWS Config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import HOLE

NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SageMaker::Model": "ModelName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::Cognito::UserPool": "UserPoolName",
    "AWS::SSM::Document": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::ApiGateway::RestApi": "Name",
}
"""The property that holds a resource's physical name, for the types that rules speak of and that have one."""

_IN_CONFIG = {"AWS::IAM::ManagedPolicy": "AWS::IAM::Policy"}
_HOLDERS = (
    ("Roles", "RoleName", "AWS::IAM::Role"),
    ("Users", "UserName", "AWS::IAM::User"),
    ("Groups", "GroupName", "AWS::IAM::Group"),
)
_INLINE = frozenset({"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"})


class Deployed(NamedTuple):
    """A resource as AWS Config knows it: its type there, and its name, with ``*`` for what the code doesn't say."""

    type: str
    name: str


def deployed_as(resource: Resource, graph: Graph) -> tuple[Deployed, ...]:
    """Under what ``resource`` is found in AWS Config: itself, or the owners that a policy is a part of there.

    Empty where the name is made up at the deployment, or nothing of it is known.
    """
    return tuple(dict.fromkeys(_deployed(resource, graph)))


def _deployed(resource: Resource, graph: Graph) -> Iterator[Deployed]:
    if resource.type in NAMES:
        yield from _named(_IN_CONFIG.get(resource.type, resource.type), resource.get(NAMES[resource.type]))
    elif resource.type == "AWS::S3::BucketPolicy":
        yield from _owner("AWS::S3::Bucket", resource.get("Bucket"), graph)
    elif resource.type in _INLINE:
        for many, one, kind in _HOLDERS:
            listed = resource.get(many)
            for holder in (*(listed if isinstance(listed, list) else ()), resource.get(one)):
                yield from _owner(kind, holder, graph)


def _owner(kind: str, link: Any, graph: Graph) -> Iterator[Deployed]:
    target = graph.target(link) if isinstance(link, Reference) else None
    if isinstance(target, Resource):
        if target.type == kind:
            yield from _named(kind, target.get(NAMES[kind]))
    elif not isinstance(link, Reference):
        yield from _named(kind, link)


def _named(kind: str, name: Any) -> Iterator[Deployed]:
    text = name.template if isinstance(name, Unknown) else name
    if isinstance(text, str):
        pattern = HOLE.sub("*", text)
        if pattern.strip("*-_./"):  # a name of which nothing is known fits everything
            yield Deployed(kind, pattern)
