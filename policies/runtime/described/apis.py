"""Front doors and what hangs on functions: API Gateway, AppSync, function URLs, event sources, destinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.runtime.described.ask import Ask, Item, answer_or_none
from averment.policies.surfaces.config.items import capitalised, decoded


def rest_apis(ask: Ask) -> Iterator[Item]:
    """REST APIs, with what keeps strangers from all of one: that it is private, or a resource policy."""
    for api in ask.pages("apigateway", "get_rest_apis", "items"):
        identity = api["id"]
        configuration = {
            "Id": identity,
            "Name": api.get("name"),
            "Policy": rest_policy(api.get("policy")),
            "EndpointConfiguration": capitalised(api.get("endpointConfiguration")),
        }
        yield ask.item("AWS::ApiGateway::RestApi", identity, _rest_arn(ask, identity), configuration, api.get("tags"))


def rest_methods(ask: Ask) -> Iterator[Item]:
    """Methods of REST APIs with their integrations and paths."""
    for api in ask.pages("apigateway", "get_rest_apis", "items"):
        for place in ask.pages("apigateway", "get_resources", "items", restApiId=api["id"], embed=["methods"]):
            for verb, method in (place.get("resourceMethods") or {}).items():
                yield _method(ask, api["id"], place, verb, method or {})


def rest_policy(text: Any) -> Any:
    """A resource policy, of which API Gateway gives the inside of a JSON text: its quotes have backslashes before them."""
    readings = (decoded(f'"{text}"'), decoded(text))
    return next((found for found in readings if isinstance(found, Mapping)), text)


def _method(ask: Ask, api: str, place: Mapping[str, Any], verb: str, method: Mapping[str, Any]) -> Item:
    integration = method.get("methodIntegration")
    configuration = {
        "RestApiId": api,
        "ResourceId": place["id"],
        "Path": place.get("path"),
        "HttpMethod": verb,
        "AuthorizationType": method.get("authorizationType"),
        "AuthorizerId": method.get("authorizerId"),
        "ApiKeyRequired": method.get("apiKeyRequired"),
        "Integration": {
            "Type": integration.get("type"),
            "Uri": integration.get("uri"),
            "Credentials": integration.get("credentials"),
            "IntegrationHttpMethod": integration.get("httpMethod"),
            "RequestParameters": integration.get("requestParameters"),
        }
        if isinstance(integration, Mapping)
        else None,
    }
    arn = f"{_rest_arn(ask, api)}/resources/{place['id']}/methods/{verb}"
    return ask.item("AWS::ApiGateway::Method", f"{api}|{place['id']}|{verb}", arn, configuration)


def http_apis(ask: Ask) -> Iterator[Item]:
    """HTTP and WebSocket APIs. What made them (a description, a target) is their routes by then."""
    for api in ask.pages("apigatewayv2", "get_apis", "Items"):
        configuration = {"ApiId": api["ApiId"], "Name": api.get("Name"), "ProtocolType": api.get("ProtocolType")}
        yield ask.item("AWS::ApiGatewayV2::Api", api["ApiId"], _http_arn(ask, api["ApiId"]), configuration, api.get("Tags"))


def routes(ask: Ask) -> Iterator[Item]:
    """Routes of HTTP and WebSocket APIs."""
    wanted = ("RouteKey", "AuthorizationType", "AuthorizerId", "ApiKeyRequired", "Target")
    for api in ask.pages("apigatewayv2", "get_apis", "Items"):
        for route in ask.pages("apigatewayv2", "get_routes", "Items", ApiId=api["ApiId"]):
            configuration = {"ApiId": api["ApiId"], **{name: route.get(name) for name in wanted}}
            identity = f"{api['ApiId']}|{route['RouteId']}"
            yield ask.item("AWS::ApiGatewayV2::Route", identity, f"{_http_arn(ask, api['ApiId'])}/routes/{route['RouteId']}", configuration)


def integrations(ask: Ask) -> Iterator[Item]:
    """What the routes of HTTP and WebSocket APIs lead to."""
    wanted = ("IntegrationId", "IntegrationType", "IntegrationUri", "IntegrationMethod", "IntegrationSubtype", "CredentialsArn")
    for api in ask.pages("apigatewayv2", "get_apis", "Items"):
        for found in ask.pages("apigatewayv2", "get_integrations", "Items", ApiId=api["ApiId"]):
            identity = found["IntegrationId"]
            configuration = {"ApiId": api["ApiId"], **{name: found.get(name) for name in wanted}}
            arn = f"{_http_arn(ask, api['ApiId'])}/integrations/{identity}"
            yield ask.item("AWS::ApiGatewayV2::Integration", f"{api['ApiId']}|{identity}", arn, configuration)


def graphql_apis(ask: Ask) -> Iterator[Item]:
    """AppSync's GraphQL APIs."""
    for api in ask.pages("appsync", "list_graphql_apis", "graphqlApis"):
        wanted = {"ApiId": api["apiId"], "Name": api.get("name"), "AuthenticationType": api.get("authenticationType")}
        more = capitalised(api.get("additionalAuthenticationProviders") or [])
        configuration = {**wanted, "AdditionalAuthenticationProviders": more or None, "Visibility": api.get("visibility")}
        yield ask.item("AWS::AppSync::GraphQLApi", api["apiId"], ask.arn("appsync", f"apis/{api['apiId']}"), configuration, api.get("tags"))


def graphql_sources(ask: Ask) -> Iterator[Item]:
    """Data sources of GraphQL APIs."""
    for api in ask.pages("appsync", "list_graphql_apis", "graphqlApis"):
        for source in ask.pages("appsync", "list_data_sources", "dataSources", apiId=api["apiId"]):
            configuration = {
                "ApiId": api["apiId"],
                "Name": source["name"],
                "Type": source.get("type"),
                "LambdaConfig": capitalised(source.get("lambdaConfig")),
                "ServiceRoleArn": source.get("serviceRoleArn"),
            }
            arn = ask.arn("appsync", f"apis/{api['apiId']}/datasources/{source['name']}")
            yield ask.item("AWS::AppSync::DataSource", f"{api['apiId']}|{source['name']}", arn, configuration)


def function_urls(ask: Ask) -> Iterator[Item]:
    """URLs of Lambda functions."""
    for function in ask.pages("lambda", "list_functions", "Functions"):
        for url in ask.pages("lambda", "list_function_url_configs", "FunctionUrlConfigs", FunctionName=function["FunctionName"]):
            configuration = {
                "TargetFunctionArn": url["FunctionArn"],
                "AuthType": url.get("AuthType"),
                "FunctionUrl": url.get("FunctionUrl"),
                "Cors": url.get("Cors"),
                "InvokeMode": url.get("InvokeMode"),
            }
            yield ask.item("AWS::Lambda::Url", url["FunctionArn"], f"{url['FunctionArn']}/url", configuration)


def event_sources(ask: Ask) -> Iterator[Item]:
    """What Lambda polls for its functions."""
    for mapping in ask.pages("lambda", "list_event_source_mappings", "EventSourceMappings"):
        configuration = {
            "EventSourceArn": mapping.get("EventSourceArn"),
            "FunctionName": mapping.get("FunctionArn"),
            "Enabled": mapping.get("State") not in ("Disabled", "Disabling"),
        }
        if mapping.get("FilterCriteria") or mapping.get("KMSKeyArn"):  # encrypted, they are shown to nobody who lists them
            configuration["FilterCriteria"] = mapping.get("FilterCriteria") or {"Filters": [{"Pattern": "encrypted"}]}
        arn = ask.arn("lambda", f"event-source-mapping:{mapping['UUID']}")
        yield ask.item("AWS::Lambda::EventSourceMapping", mapping["UUID"], arn, configuration)


def pipes(ask: Ask) -> Iterator[Item]:
    """The pipes of EventBridge: from where to where, what they let through, and whether they are to run."""
    for pipe in ask.pages("pipes", "list_pipes", "Pipes"):
        told = answer_or_none(ask.client("pipes").describe_pipe, "NotFoundException", Name=pipe["Name"])
        if told is None:  # it was taken back since it was listed
            continue
        configuration = {key: told.get(key) for key in ("Name", "Source", "Target", "Enrichment", "DesiredState", "RoleArn")}
        criteria = (told.get("SourceParameters") or {}).get("FilterCriteria")
        configuration["SourceParameters"] = {"FilterCriteria": criteria} if criteria else None
        yield ask.item("AWS::Pipes::Pipe", pipe["Name"], told["Arn"], configuration)


def invoke_configs(ask: Ask) -> Iterator[Item]:
    """Where asynchronous invocations of functions go that fail."""
    for function in ask.pages("lambda", "list_functions", "Functions"):
        found = ask.pages(
            "lambda", "list_function_event_invoke_configs", "FunctionEventInvokeConfigs", FunctionName=function["FunctionName"]
        )
        for config in found:
            configuration = {"FunctionName": config["FunctionArn"], "DestinationConfig": config.get("DestinationConfig")}
            arn = f"{config['FunctionArn']}/event-invoke-config"
            yield ask.item("AWS::Lambda::EventInvokeConfig", config["FunctionArn"], arn, configuration)


def _rest_arn(ask: Ask, api: str) -> str:
    return f"arn:{ask.partition}:apigateway:{ask.region}::/restapis/{api}"


def _http_arn(ask: Ask, api: str) -> str:
    return f"arn:{ask.partition}:apigateway:{ask.region}::/apis/{api}"
