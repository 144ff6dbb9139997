"""Front doors: API methods, routes, function URLs and GraphQL APIs, and the functions that stand behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.memo import per_graph, per_resource_and
from averment.policies.graph.model import Dialect, Graph, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.text import hole, parsed_json
from averment.policies.iam.carriers import Carrier, identity_documents
from averment.policies.iam.document import Statement
from averment.policies.iam.resources import every_bucket, names_reached, plain_name, reaches_objects
from averment.policies.iam.truth import Truth, all_of
from averment.policies.rules.origins import DISTRIBUTION
from averment.policies.rules.storage import listed, same_bucket

FUNCTION, ROLE = "AWS::Lambda::Function", "AWS::IAM::Role"
REST_METHOD, REST_API = "AWS::ApiGateway::Method", "AWS::ApiGateway::RestApi"
ROUTE, HTTP_API, HTTP_INTEGRATION = "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration"
URL = "AWS::Lambda::Url"
GRAPHQL_API, GRAPHQL_SOURCE = "AWS::AppSync::GraphQLApi", "AWS::AppSync::DataSource"
_SCHEMA = "AWS::AppSync::GraphQLSchema"
DOORS = (REST_METHOD, REST_API, ROUTE, HTTP_API, URL, GRAPHQL_API)
DOOR_NEIGHBOURS = (*DOORS, HTTP_INTEGRATION, GRAPHQL_SOURCE, FUNCTION, ROLE, "AWS::IAM::ManagedPolicy", DISTRIBUTION)
"""What a rule names as neighbours that asks who may write through a door."""

TERRAFORM_INTEGRATION = "Terraform::aws_api_gateway_integration"
OPERATIONS = frozenset({"get", "put", "post", "patch", "delete", "head", "options", "x-amazon-apigateway-any-method"})
_UPLOADING = re.compile(r"upload|presign|pre-sign|signed|put-?(?:object|url)|sign-?(?:url|s3)", re.IGNORECASE)
_DOWNLOADING = re.compile(r"download|get-?object|read-?object|serve-?(?:file|image|media|object)", re.IGNORECASE)
_FREE = frozenset({"OPTIONS", "HEAD"})
_BY_KEY = re.compile(r"\btype\s+Mutation\b[^{#]*@aws_api_key\b")
"""What opens everything that changes something to whoever has an API key. (AppSync Developer Guide, "Using additional authorization modes".)"""


@dataclass(frozen=True)
class Door:
    """One way into a function (or straight into S3) from outside.

    ``label`` is what messages call it (``POST /uploads``), ``method`` its HTTP method (``ANY`` for all), ``authoriser`` the type of
    authorisation as written (None where nothing is), ``to`` where requests go: a link, an ARN or an Unknown. ``parameters`` says what an
    integration puts where its URI has ``{name}``, ``kind`` what it is (``AWS_PROXY``, ``HTTP_PROXY``), where that is written.
    """

    resource: Resource
    label: str
    method: str
    authoriser: Any
    to: Any
    path: PropertyPath = ()
    credentials: Any = None
    integration_method: str = ""
    parameters: Any = None
    kind: Any = None


def doors(resource: Resource, graph: Graph) -> Iterator[Door]:
    """The ways in that ``resource`` opens; preflight requests (OPTIONS) and HEAD aren't among them."""
    opened = {
        REST_METHOD: _rest_method,
        REST_API: _described,
        ROUTE: _route,
        HTTP_API: _http_api,
        URL: _url,
        GRAPHQL_API: _graphql,
    }
    maker = opened.get(resource.type)
    for door in maker(resource, graph) if maker is not None else ():
        if door.method not in _FREE:
            yield door


def function_behind(door: Door, graph: Graph) -> Resource | None:
    """The function of the graph that the door leads to, also through an alias; None if there is none that is known."""
    return function_at(door.to, graph)


def function_at(value: Any, graph: Graph) -> Resource | None:
    """The function that ``value`` (a link, an ARN or a name) means."""
    for _ in range(4):
        found = graph.target(value)
        if not isinstance(found, Resource):
            break
        if found.type == FUNCTION:
            return found
        value = found.get("FunctionName") if found.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version") else None
    if isinstance(value, Unknown) and value.template:  # an ARN with the region left open
        named = (function for function in graph.of_type(FUNCTION) if f"${{{function.address}." in (value.template or ""))
        return next(named, None)
    if isinstance(value, str) and value:
        name = value.removesuffix("/invocations").rsplit(":function:", 1)[-1].partition(":")[0]
        return graph.at(value, FUNCTION) or next(iter(graph.holding(FUNCTION, "FunctionName", name)), None)
    return None


@per_graph
def functions_behind_doors(graph: Graph) -> dict[str, list[Door]]:
    """The doors to each function that has some, by the function's address."""
    found: dict[str, list[Door]] = {}
    for resource in graph.of_type(*DOORS):
        for door in doors(resource, graph):
            function = function_behind(door, graph)
            if function is not None:
                found.setdefault(function.address, []).append(door)
    return found


def takes_uploads(door: Door, function: Resource | None) -> bool:
    """Whether what comes through ``door`` can be an upload or a request to presign one.

    A GET or DELETE is one only if it, or the function, is called so: the same function often lists and serves, too.
    """
    return door.method not in ("GET", "DELETE") or asks_for_uploads(door, function)


def asks_for_uploads(door: Door, function: Resource | None) -> bool:
    """Whether the way in, or the function behind it, is called after uploading or presigning."""
    names = [
        door.label,
        function.address if function is not None else "",
        str(function.get("FunctionName")) if function is not None else "",
    ]
    return any(_UPLOADING.search(name) for name in names)


def hands_out(door: Door, function: Resource) -> bool:
    """Whether somebody gets a thing of their choice through ``door``: its path has a place for what it is called (``GET /pictures/{id}``).

    So does one that is called after downloading (``GET /download?key=``), by its path or, of a function URL, by the function's name.
    """
    name = f"{function.address} {function.get('FunctionName')}" if door.resource.type == URL else door.label
    chosen = (door.method == "GET" and "{" in door.label) or (door.method in ("GET", "ANY") and _DOWNLOADING.search(name) is not None)
    return chosen and not asks_for_uploads(door, function)


def another_takes_uploads(function: Resource, role: Resource, graph: Graph) -> bool:
    """Whether ``function`` shares its ``role`` with a function behind a way in that is called after uploading or presigning.

    Then that is the one for which the role may write, and what the others may do says nothing about them.
    """
    return bool(_asking(graph).get(role.address, set()) - {function.address})


@per_graph
def _asking(graph: Graph) -> dict[str, set[str]]:
    """The functions behind a way in that is called after uploading or presigning, by the role that they run as (all by address)."""
    found: dict[str, set[str]] = {}
    behind = functions_behind_doors(graph)
    for function in graph.of_type(FUNCTION) if behind else ():
        if any(asks_for_uploads(door, function) for door in behind.get(function.address, ())):
            role = role_of(function, graph)
            if role is not None:
                found.setdefault(role.address, set()).add(function.address)
    return found


def role_of(function: Resource, graph: Graph) -> Resource | None:
    """The role that ``function`` runs as."""
    return role_at(function.get("Role"), graph)


def role_at(value: Any, graph: Graph) -> Resource | None:
    """The role that ``value`` (a link, or an ARN as of what is deployed) means."""
    found = graph.target(value)
    if isinstance(found, Resource):
        return found
    if isinstance(value, str):
        return graph.at(value, ROLE) or next(iter(graph.holding(ROLE, "RoleName", value.rsplit("/", 1)[-1])), None)
    return None


def grant_of(
    holder: Resource, action: str, bucket: Resource, graph: Graph, function: Resource | None = None, *, anywhere: bool = False
) -> tuple[Carrier, Statement] | None:
    """The statement by which ``holder`` may do ``action`` on objects of ``bucket``, or None.

    A statement that reaches every bucket there is counts only for a ``function`` that is told of this one (an environment
    variable), or where whoever asks says to which bucket (``anywhere``): a broad grant alone doesn't say that the bucket is used.
    Neither does one that can't be resolved.
    """
    name = plain_name(bucket)
    for carrier, statement, names in _allowed(holder, None, graph):
        if name is not None and names is not None and name not in names:
            continue
        effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
        reached = all_of((effect, statement.covers_action(action), reaches_objects(statement, bucket)))
        if reached is True and (anywhere or every_bucket(statement) is None):
            return carrier, statement
        if reached is not False and function is not None and is_told_of(function, bucket):
            return carrier, statement
    return None


@per_resource_and
def _allowed(holder: Resource, _: None, graph: Graph) -> list[tuple[Carrier, Statement, frozenset[str] | None]]:
    """What ``holder`` is allowed, with the names of the only buckets that each statement may reach: read once, not for each bucket."""
    documents = identity_documents(holder, graph)
    return [(carrier, allow, names_reached(allow)) for carrier in documents for allow in carrier.document.of_effect("Allow")]


def is_told_of(function: Resource, bucket: Resource) -> bool:
    """Whether one of the function's environment variables names ``bucket``."""
    variables = function.get("Environment", "Variables")
    return isinstance(variables, Mapping) and any(same_bucket(value, bucket) is True for value in variables.values())


def _rest_method(method: Resource, graph: Graph) -> Iterator[Door]:
    verb = _text(method.get("HttpMethod"), "ANY").upper()
    integration = method.get("Integration")
    if not isinstance(integration, Mapping):
        integration = _terraform_integration(method, graph)
    label = f"{verb} {_rest_path(method, graph)}".strip()
    yield Door(
        method,
        label,
        verb,
        method.get("AuthorizationType"),
        integration.get("Uri"),
        ("AuthorizationType",),
        integration.get("Credentials"),
        _text(integration.get("IntegrationHttpMethod"), ""),
        integration.get("RequestParameters"),
        integration.get("Type"),
    )


def _terraform_integration(method: Resource, graph: Graph) -> Mapping[str, Any]:
    """Terraform keeps a method's integration in a resource of its own: same API, same resource, same verb."""
    for candidate in graph.of_type(TERRAFORM_INTEGRATION):
        same = all(_same(candidate.get(key), method.get(key)) for key in ("RestApiId", "ResourceId", "HttpMethod"))
        if same or _points_to(candidate.get("HttpMethod"), method):
            return candidate.properties
    return {}


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Reference) and isinstance(second, Reference):
        return first.address == second.address
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        return isinstance(first, Unknown) and isinstance(second, Unknown) and first.template == second.template is not None
    return bool(first == second)


def _points_to(value: Any, resource: Resource) -> bool:
    return isinstance(value, Reference) and value.address == resource.address


def _rest_path(method: Resource, graph: Graph) -> str:
    if isinstance(path := method.get("Path"), str):
        return path
    parts: list[str] = []
    value = method.get("ResourceId")
    for _ in range(20):
        found = graph.target(value)
        if not isinstance(found, Resource) or found.type != "AWS::ApiGateway::Resource":
            break
        parts.append(_text(found.get("PathPart"), "?"))
        value = found.get("ParentId")
    return "/" + "/".join(reversed(parts)) if parts else ""


def _route(route: Resource, graph: Graph) -> Iterator[Door]:
    key = _text(route.get("RouteKey"), "$default")
    target = route.get("Target")
    integration = graph.target(target)
    credentials: Any = None
    kind: Any = None
    if isinstance(integration, Resource) and integration.type == HTTP_INTEGRATION:
        target, credentials, kind = (integration.get(key) for key in ("IntegrationUri", "CredentialsArn", "IntegrationType"))
    verb = key.partition(" ")[0].upper() if " " in key else "ANY"
    yield Door(route, key, verb, _asks(route, graph), target, ("AuthorizationType",), credentials, kind=kind)


def _asks(route: Resource, graph: Graph) -> Any:
    """What asks who is calling; of a WebSocket API, what asks whoever connects, as API Gateway takes an authoriser on ``$connect`` alone."""
    api = graph.target(route.get("ApiId"))
    if not isinstance(api, Resource) or api.get("ProtocolType") != "WEBSOCKET":
        return route.get("AuthorizationType")
    others = (other for other in graph.of_type(ROUTE) if other.get("RouteKey") == "$connect")
    return next((other.get("AuthorizationType") for other in others if graph.target(other.get("ApiId")) is api), None)


def _http_api(api: Resource, graph: Graph) -> Iterator[Door]:
    """An HTTP API made with a target has one route for everything, without an authoriser."""
    yield from _described(api, graph)
    if api.get("Target") is not None:
        yield Door(api, _text(api.get("RouteKey"), "$default"), "ANY", None, api.get("Target"), ("Target",))


def _url(url: Resource, graph: Graph) -> Iterator[Door]:  # noqa: ARG001 - one signature for all doors
    yield Door(url, "its function URL", "ANY", url.get("AuthType"), url.get("TargetFunctionArn"), ("AuthType",))


def _graphql(api: Resource, graph: Graph) -> Iterator[Door]:
    """Each data source, as the API asks by default, and once more where an API key may lead to it besides."""
    asked = [(api.get("AuthenticationType"), "AuthenticationType")]
    asked += [(kind, "AdditionalAuthenticationProviders") for kind in _by_key(api, graph)]
    for source in graph.of_type(GRAPHQL_SOURCE):
        if graph.target(source.get("ApiId")) is api:
            config = source.get("LambdaConfig")
            target = config.get("LambdaFunctionArn") if isinstance(config, Mapping) else config
            yield from (Door(api, f"the data source {source.address}", "ANY", kind, target, (key,)) for kind, key in asked)


def _by_key(api: Resource, graph: Graph) -> Iterator[Any]:
    """What asks whoever comes with an API key, where that is a further way of signing in, by what the schema opens to it.

    Nothing where the schema opens nothing, or the API is private; an API key where it opens all mutations; Unknown where only some fields, or
    it wasn't read.
    """
    if api.get("Visibility") == "PRIVATE":
        return
    further = listed(api.get("AdditionalAuthenticationProviders"))
    kinds = [entry.get("AuthenticationType") if isinstance(entry, Mapping) else entry for entry in further]
    doubt = next((kind for kind in kinds if isinstance(kind, Unknown)), None)
    if "API_KEY" not in kinds and doubt is None:
        return
    schema = api.get("Schema")
    if schema is None and api.dialect is Dialect.CLOUDFORMATION:
        schema = next((found.get("Definition") for found in graph.linking(_SCHEMA, "ApiId", api.address)), None)
    if isinstance(schema, str) and "@aws_api_key" not in schema:
        return
    if isinstance(schema, str) and "API_KEY" in kinds and _BY_KEY.search(schema):
        yield "API_KEY"
    elif isinstance(doubt, Unknown):
        yield Unknown(f"its further ways of signing in could not be resolved: {doubt.reason}")
    else:
        missing = ", which was not read," if not isinstance(schema, str) else ""
        yield Unknown(f"an API key is a further way of signing in, and the schema{missing} may open what leads there to it (@aws_api_key)")


def _described(api: Resource, graph: Graph) -> Iterator[Door]:  # noqa: ARG001 - one signature for all doors
    """The operations of an OpenAPI description that is written into the API."""
    key = "Body" if api.get("Body") is not None else "DefinitionBody"
    body = parsed_json(api.get(key))
    paths = body.get("paths") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(paths, Mapping):
        return
    for path, operations in paths.items():
        for verb, operation in operations.items() if isinstance(operations, Mapping) else ():
            if str(verb).lower() not in OPERATIONS or not isinstance(operation, Mapping):
                continue
            integration = operation.get("x-amazon-apigateway-integration")
            inner: Mapping[str, Any] = integration if isinstance(integration, Mapping) else {}
            name = "ANY" if "any-method" in str(verb) else str(verb).upper()
            security = operation.get("security", body.get("security"))
            auth = operation.get("x-amazon-apigateway-auth")
            kind = auth.get("type") if isinstance(auth, Mapping) else security if isinstance(security, Unknown) else _secured(security)
            kind = kind if kind is not None or security == [] else _default(api)
            yield Door(
                api,
                f"{name} {path}",
                name,
                kind,
                inner.get("uri"),
                (key,),
                inner.get("credentials"),
                _text(inner.get("httpMethod"), ""),
                inner.get("requestParameters"),
                inner.get("type"),
            )


def _default(api: Resource) -> Any:
    """The authoriser that SAM adds to every operation of an API."""
    auth = api.get("Auth")
    return auth.get("DefaultAuthorizer") if isinstance(auth, Mapping) else auth


def _secured(security: Any) -> str | None:
    schemes = [str(name) for entry in listed(security) if isinstance(entry, Mapping) for name in entry]
    real = [name for name in schemes if name.lower() not in ("api_key", "apikey", "api-key")]
    return real[0] if real else None


def _text(value: Any, default: str) -> str:
    if value is None:
        return default
    return value if isinstance(value, str) else hole(value)
