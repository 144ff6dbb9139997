"""Links between recorded resources: where a template has a reference, an item has the id, the name or the ARN of the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from averment.policies.graph.model import Reference, Resource

LINKS: Mapping[str, Mapping[str, str]] = {
    "AWS::ApiGateway::Method": {"RestApiId": "AWS::ApiGateway::RestApi"},
    "AWS::ApiGatewayV2::Route": {"ApiId": "AWS::ApiGatewayV2::Api", "Target": "AWS::ApiGatewayV2::Integration"},
    "AWS::AppSync::DataSource": {"ApiId": "AWS::AppSync::GraphQLApi"},
    "AWS::CE::AnomalySubscription": {"MonitorArnList": "AWS::CE::AnomalyMonitor"},
    "AWS::Cognito::IdentityPoolRoleAttachment": {"IdentityPoolId": "AWS::Cognito::IdentityPool", "Roles": "AWS::IAM::Role"},
    "AWS::Cognito::UserPoolClient": {"UserPoolId": "AWS::Cognito::UserPool"},
    "AWS::Lambda::EventInvokeConfig": {"FunctionName": "AWS::Lambda::Function"},
}
"""By type: the properties that name another resource (or a list, or a map, of them), and that resource's type."""

_ARN_OF_FUNCTION = 7
"""Parts of a function's ARN; an eighth is an alias or a version."""


def linked(resources: Iterable[Resource], beside: Iterable[Resource] = ()) -> list[Resource]:
    """``resources`` with what their ``LINKS`` name as references, to each other or to those ``beside`` them.

    One that is not among them becomes a reference as well: that it points to nothing that was read is then said by whoever follows it.
    """
    found = list(resources)
    if all(resource.type not in LINKS for resource in found):
        return found
    index = {(resource.type, _tail(resource.address)): resource.address for resource in (*found, *beside)}
    return [_linked(resource, LINKS[resource.type], index) if resource.type in LINKS else resource for resource in found]


def _linked(resource: Resource, links: Mapping[str, str], index: Mapping[tuple[str, str], str]) -> Resource:
    ready = {name: _link(resource.get(name), kind, index) for name, kind in links.items() if resource.get(name) is not None}
    return replace(resource, properties={**resource.properties, **ready})


def _link(value: Any, kind: str, index: Mapping[tuple[str, str], str]) -> Any:
    if isinstance(value, str):
        return Reference(index.get((kind, _tail(value)), value), "Arn")
    if isinstance(value, Mapping):
        return {key: _link(entry, kind, index) for key, entry in value.items()}
    return [_link(entry, kind, index) for entry in value] if isinstance(value, list) else value


def _tail(text: str) -> str:
    """What ids, names and ARNs of one resource have in common: the part behind the last slash, without a function's qualifier."""
    if ":function:" in text:
        return text.split(":")[_ARN_OF_FUNCTION - 1]
    return text.rsplit("/", 1)[-1]
