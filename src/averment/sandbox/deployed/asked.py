"""Items of the types that the function behind the rules asks of their services, as ``described`` makes them of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Reference, Resource
from averment.policies.graph.text import parsed_json
from averment.sandbox.deployed.base import Item, Recorded
from averment.sandbox.deployed.recorded import as_written

_VERBS = frozenset({"get", "put", "post", "patch", "delete", "head", "options", "x-amazon-apigateway-any-method"})


def _rest_api(place: Recorded, api: Resource) -> Iterator[Item]:
    """The API, and a method for each operation of the description that it was made from."""
    settings = {key: place.value(api.get(key)) for key in ("Name", "Policy", "EndpointConfiguration")}
    yield place.envelope(api, {"Id": place.name(api), **settings})
    for index, (path, verb, operation, security) in enumerate(_operations(api)):
        integration = operation.get("x-amazon-apigateway-integration") or {}
        configuration = {
            "RestApiId": place.name(api),
            "ResourceId": f"r{index}",
            "Path": path,
            "HttpMethod": verb,
            "AuthorizationType": _authorised(operation, security),
            "Integration": {
                "Type": str(integration.get("type", "")).upper(),
                "Uri": place.value(integration.get("uri")),
                "Credentials": place.value(integration.get("credentials")),
                "IntegrationHttpMethod": integration.get("httpMethod"),
                **_parameters(integration.get("requestParameters")),
            },
        }
        yield place.envelope(api, configuration, kind="AWS::ApiGateway::Method", part=f"/resources/r{index}/methods/{verb}")


def _operations(api: Resource) -> Iterator[tuple[str, str, Mapping[str, Any], Any]]:
    """Path, verb, operation and security of each operation in an API's OpenAPI description."""
    body = parsed_json(api.get("Body") if api.get("Body") is not None else api.get("DefinitionBody"))
    for path, operations in (body.get("paths") or {}).items() if isinstance(body, Mapping) else ():
        for verb, operation in operations.items():
            if verb.lower() in _VERBS:
                name = "ANY" if verb.startswith("x-") else verb.upper()
                yield path, name, operation, operation.get("security", body.get("security"))


def _authorised(operation: Mapping[str, Any], security: Any) -> str:
    """What API Gateway makes of an operation's security: IAM where it says so, an authoriser for a scheme, nothing for a key."""
    auth = operation.get("x-amazon-apigateway-auth")
    if isinstance(auth, Mapping):
        return str(auth.get("type", "NONE")).upper()
    schemes = [name for entry in security or () for name in entry if "key" not in name.lower()]
    return "CUSTOM" if schemes else "NONE"


def _method(place: Recorded, method: Resource) -> Iterator[Item]:
    integration = place.value(method.get("Integration") or {})
    configuration = {
        **{key: place.value(method.get(key)) for key in ("RestApiId", "HttpMethod", "AuthorizationType", "AuthorizerId", "ApiKeyRequired")},
        "Path": _path(place, method),
        "Integration": {
            **{key: integration.get(key) for key in ("Type", "Uri", "Credentials", "IntegrationHttpMethod")},
            **_parameters(integration.get("RequestParameters")),
        }
        if integration
        else None,
    }
    yield place.envelope(method, configuration)


def _parameters(given: Any) -> dict[str, Any]:
    """An integration's parameters, of which API Gateway says nothing where there are none."""
    return {"RequestParameters": given} if given else {}


def _path(place: Recorded, method: Resource) -> str:
    parts: list[str] = []
    value = method.get("ResourceId")
    while (
        isinstance(value, Reference) and (found := place.graph.get(value.address)) is not None and found.type == "AWS::ApiGateway::Resource"
    ):
        parts.append(str(place.value(found.get("PathPart"))))
        value = found.get("ParentId")
    return "/" + "/".join(reversed(parts))


def _http_api(place: Recorded, api: Resource) -> Iterator[Item]:
    """The API, and a route with its integration for each operation, or for the target, that it was made from."""
    yield place.envelope(
        api,
        {"ApiId": place.name(api), "Name": place.value(api.get("Name")), "ProtocolType": place.value(api.get("ProtocolType")) or "HTTP"},
    )
    for index, (path, verb, operation, security) in enumerate(_operations(api)):
        found = operation.get("x-amazon-apigateway-integration") or {}
        kind = _authorised(operation, security)
        yield from _quick(place, api, f"o{index}", f"{verb} {path}", place.value(found.get("uri")), kind)
    if api.get("Target") is not None:
        yield from _quick(place, api, "target", str(api.get("RouteKey") or "$default"), place.value(api.get("Target")), "NONE")


def _quick(place: Recorded, api: Resource, identity: str, key: str, to: Any, kind: str) -> Iterator[Item]:
    integration = {"ApiId": place.name(api), "IntegrationId": identity, "IntegrationType": "AWS_PROXY", "IntegrationUri": to}
    yield place.envelope(api, integration, kind="AWS::ApiGatewayV2::Integration", part=f"/integrations/{identity}")
    route = {"ApiId": place.name(api), "RouteKey": key, "AuthorizationType": kind, "Target": f"integrations/{identity}"}
    yield place.envelope(api, route, kind="AWS::ApiGatewayV2::Route", part=f"/routes/{identity}")


def _integration(place: Recorded, integration: Resource) -> Iterator[Item]:
    wanted = ("ApiId", "IntegrationType", "IntegrationUri", "IntegrationMethod", "IntegrationSubtype", "CredentialsArn")
    configuration = {key: place.value(integration.get(key)) for key in wanted}
    yield place.envelope(integration, {**configuration, "IntegrationId": place.name(integration)})


def _route(place: Recorded, route: Resource) -> Iterator[Item]:
    """A route; one that SAM leads straight to a function has an integration of its own by then."""
    wanted = ("ApiId", "RouteKey", "AuthorizationType", "AuthorizerId", "ApiKeyRequired")
    configuration = {key: place.value(route.get(key)) for key in wanted}
    target = place.value(route.get("Target"))
    if isinstance(target, str) and not target.startswith("integrations/"):
        identity = f"{place.name(route)}-integration"
        made = {"IntegrationId": identity, "IntegrationType": "AWS_PROXY", "IntegrationUri": target}
        yield place.envelope(route, made, kind="AWS::ApiGatewayV2::Integration", part="-integration")
        target = f"integrations/{identity}"
    yield place.envelope(route, {**configuration, "Target": target})


def _graphql_api(place: Recorded, api: Resource) -> Iterator[Item]:
    wanted = ("Name", "AuthenticationType", "AdditionalAuthenticationProviders", "Visibility")
    yield place.envelope(api, {"ApiId": place.name(api), **{key: place.value(api.get(key)) for key in wanted}})


def _invoke_config(place: Recorded, config: Resource) -> Iterator[Item]:
    name = str(place.value(config.get("FunctionName"))).rsplit(":", 1)[-1]
    arn = f"arn:aws:lambda:{place.region}:{place.account}:function:{name}:$LATEST"
    yield place.envelope(config, {"FunctionName": arn, "DestinationConfig": place.value(config.get("DestinationConfig"))})


def _scalable_target(place: Recorded, target: Resource) -> Iterator[Item]:
    """Those of SageMaker only: no rule asks about the scaling of anything else."""
    if place.value(target.get("ServiceNamespace")) in (None, "sagemaker"):
        yield as_written(place, target)


def _scaling_policy(place: Recorded, policy: Resource) -> Iterator[Item]:
    configuration = {key: value for key, value in place.value(policy.properties).items() if key != "Tags"}
    parts = str(configuration.get("ScalingTargetId") or "").split("|")
    if len(parts) == 3:
        configuration |= dict(zip(("ResourceId", "ScalableDimension", "ServiceNamespace"), parts, strict=True))
    if configuration.get("ServiceNamespace") in (None, "sagemaker"):
        yield place.envelope(policy, configuration)


def _recorder(place: Recorded, recorder: Resource) -> Iterator[Item]:
    """CloudFormation starts a recorder once there is a delivery channel."""
    configuration = {key: place.value(recorder.get(key)) for key in ("RoleARN", "RecordingGroup", "RecordingMode")}
    on = next(place.graph.of_type("AWS::Config::DeliveryChannel"), None) is not None
    yield place.envelope(recorder, {"Name": place.name(recorder), **configuration, "Recording": on})


def _subscriptions(place: Recorded, topic: Resource) -> Iterator[Item]:
    """The subscriptions that a topic's template lists, which are resources of their own by then."""
    for index, entry in enumerate(place.value(topic.get("Subscription")) or ()):
        configuration = {"TopicArn": place.arn(topic), "Protocol": entry.get("Protocol"), "Endpoint": entry.get("Endpoint")}
        yield place.envelope(topic, configuration, kind="AWS::SNS::Subscription", part=f":{index}")


def _same(place: Recorded, resource: Resource) -> Iterator[Item]:
    yield as_written(place, resource)


MAKERS: Mapping[str, Callable[[Recorded, Resource], Iterator[Item]]] = {
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGateway::RestApi": _rest_api,
    "AWS::ApiGatewayV2::Api": _http_api,
    "AWS::ApiGatewayV2::Integration": _integration,
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::AppSync::DataSource": _same,
    "AWS::AppSync::GraphQLApi": _graphql_api,
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::Budgets::Budget": _same,
    "AWS::CE::AnomalyMonitor": _same,
    "AWS::CE::AnomalySubscription": _same,
    "AWS::CloudFront::OriginAccessControl": _same,
    "AWS::CloudWatch::CompositeAlarm": _same,
    "AWS::Cognito::IdentityPoolRoleAttachment": _same,
    "AWS::Config::ConfigRule": _same,
    "AWS::Config::ConfigurationRecorder": _recorder,
    "AWS::Config::ConformancePack": _same,
    "AWS::Config::DeliveryChannel": _same,
    "AWS::Lambda::EventInvokeConfig": _invoke_config,
    "AWS::Lambda::EventSourceMapping": _same,
    "AWS::Lambda::Url": _same,
    "AWS::Pipes::Pipe": _same,
    "AWS::Rekognition::Collection": _same,
    "AWS::Rekognition::StreamProcessor": _same,
    "AWS::S3ObjectLambda::AccessPoint": _same,
    "AWS::S3ObjectLambda::AccessPointPolicy": _same,
    "AWS::SNS::Subscription": _same,
    "AWS::SNS::Topic": _subscriptions,
    "AWS::SageMaker::Endpoint": _same,
    "AWS::SageMaker::EndpointConfig": _same,
    "AWS::SageMaker::InferenceComponent": _same,
}
"""Types that are asked of their service (and what becomes one of them), with what makes items of each."""
