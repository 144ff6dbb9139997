"""An API that takes uploads, or presigns them, asks who is calling (SM-UPL-03)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from averment.core.scope import MediaRole
from averment.core.words import Severity
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.iam.carriers import identity_documents, unread_policies
from averment.policies.iam.document import Statement, Value, parse_document
from averment.policies.iam.gates import Gate, allow_gates, deny_gates
from averment.policies.iam.guests import GUEST_NEIGHBOURS
from averment.policies.iam.principals import Who, principals_of
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import (
    DOOR_NEIGHBOURS,
    DOORS,
    GRAPHQL_API,
    REST_API,
    REST_METHOD,
    ROUTE,
    URL,
    Door,
    another_takes_uploads,
    asks_for_uploads,
    doors,
    function_behind,
    grant_of,
    role_at,
    role_of,
    takes_uploads,
)
from averment.policies.rules.judge import fix_for, worst_outcome
from averment.policies.rules.media import BUCKET, MEDIA_TELLS, media_buckets
from averment.policies.rules.origins import CONTROL
from averment.policies.rules.signed_in import guests_who_call
from averment.policies.rules.storage import listed
from averment.policies.rules.straight import asks_s3, caller_names, names
from averment.policies.rules.through_cdn import called_by_viewers

ACTION = "s3:PutObject"
_WRITING = frozenset({"POST", "PUT", "PATCH", "ANY"})
_PATH = re.compile(r":s3:path/((?:\$\{[^}]*\}|[^/{])+)/")
_OPEN = (None, "", "NONE", "API_KEY")

_FIXES = {
    REST_METHOD: (
        'authorization = "COGNITO_USER_POOLS"\nauthorizer_id = aws_api_gateway_authorizer.<users>.id',
        "AuthorizationType: COGNITO_USER_POOLS\nAuthorizerId: !Ref <UserPoolAuthorizer>",
        "aws apigateway update-method --patch-operations op=replace,path=/authorizationType,value=AWS_IAM",
    ),
    ROUTE: (
        'authorization_type = "JWT"\nauthorizer_id      = aws_apigatewayv2_authorizer.<users>.id',
        "AuthorizationType: JWT\nAuthorizerId: !Ref <JwtAuthorizer>",
        "aws apigatewayv2 update-route --authorization-type AWS_IAM",
    ),
    URL: (
        'authorization_type = "AWS_IAM"',
        "AuthType: AWS_IAM",
        "aws lambda update-function-url-config --function-name @ --auth-type AWS_IAM",
    ),
    GRAPHQL_API: (
        'authentication_type = "AMAZON_COGNITO_USER_POOLS"',
        "AuthenticationType: AMAZON_COGNITO_USER_POOLS",
        "aws appsync update-graphql-api --authentication-type AMAZON_COGNITO_USER_POOLS",
    ),
}
_DESCRIBED = (
    '# in the description of the API, for this operation (an authorizer of components.securitySchemes)\n"security": [{"users": []}]',
    "# in the description of the API, for this operation (an authorizer of components.securitySchemes)\nsecurity:\n  - users: []",
    "# in the description of the API, for this operation\nsecurity: [{users: []}]",
)
_EVENTS = {
    REST_METHOD: "# in the http event, written with method and path\nauthorizer:\n  type: COGNITO_USER_POOLS\n  authorizerId: !Ref <UserPoolAuthorizer>",
    ROUTE: "# in the httpApi event, written with method and path\nauthorizer:\n  name: <authorizer>  # of provider.httpApi.authorizers",
    URL: "# in the function\nurl:\n  authorizer: aws_iam",
}
"""What a file of the Serverless Framework has in their place."""
_EDGE_FIX = (
    "# on the behaviour: signed URLs or cookies (TrustedKeyGroups, trusted_key_groups), or a viewer-request function that checks who asks"
)
_GUEST_FIX = "# take what is for uploads out of the statement for guests, and give it to the pool's authenticated role"
_KEY_FIX = "# in the schema, take @aws_api_key off type Mutation, and off the fields by which uploads come or their links are had"
_SAM = "Auth:\n  Authorizer: <UserPoolAuthorizer>  # in the function's event, or DefaultAuthorizer in the API's Auth"


INVOKE = "execute-api:Invoke"
_METHODS = re.compile(r"(?:execute-api:)?\*|(?:execute-api:|arn:.+:execute-api:[^/]+)?/(?:\*|[^/]+/\*)(?:/\*)*")
"""What takes in every method: ``execute-api:/*``, ``execute-api:/prod/*``, or the ARN (of a link its end) with stars for method and path."""


@dataclass(frozen=True)
class _Upload:
    """What a door leads to: who writes, and the bucket as messages name it."""

    writer: str
    bucket: str


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on one method, route, function URL or API; only those through which media can be uploaded are asked."""
    outcomes: list[Outcome] = []
    for door in doors(resource, context.graph):
        upload = next(_uploads(door, context), None)
        if upload is not None:
            outcomes.append(_judge(door, upload, context))
        elif (doubt := _perhaps(door, context)) is not None:
            outcomes.append(doubt)
    return worst_outcome(outcomes) if outcomes else NOT_APPLICABLE


def _perhaps(door: Door, context: Context) -> Outcome | None:
    """The question that an open door is which is called after uploading, where what its function may do isn't known."""
    function = function_behind(door, context.graph)
    if function is None and door.authoriser in _OPEN and _is_s3(door) and caller_names(door):
        return _perhaps_straight(door, context)
    if door.authoriser not in _OPEN or not asks_for_uploads(door, function):
        return None
    doubt = _unread(function.get("Role"), context.graph) if function is not None else _not_found(door, context.graph)
    bucket = next(media_buckets(context.graph, context.scope, MediaRole.UPLOAD), None)
    if doubt is None or bucket is None or _closed_otherwise(door, context) is True:
        return None
    subject = f"whether {door.label}, which asks nobody who they are, leads to the {bucket[1]} bucket {bucket[0].address} ({bucket[2]})"
    why = f"what {function.address} may do isn't known" if function is not None else "the function behind it isn't known"
    return unknown(f"{subject}: {why}: {doubt.reason}", where=door.resource.where(*door.path))


def _not_found(door: Door, graph: Graph) -> Unknown | None:
    """Why the function that a door leads to isn't known, if it leads to one, or may: by a variable of its stage, or into another stack."""
    kind = door.kind.upper() if isinstance(door.kind, str) else ""
    text = door.to.template if isinstance(door.to, Unknown) else door.to
    if not kind.startswith("AWS") or (isinstance(text, str) and ":apigateway:" in text and ":lambda:" not in text):
        return None
    if isinstance(door.to, str):
        return Unknown(f"{door.to} is not part of what was read") if ":lambda:" in door.to else None
    found = graph.target(door.to)
    return found if isinstance(found, Unknown) else None


def _perhaps_straight(door: Door, context: Context) -> Outcome | None:
    """The question that an open door into S3 is through which the caller names the bucket, where what its role may do isn't known."""
    doubt = _unread(door.credentials, context.graph) if door.credentials is not None and door.method in _WRITING else None
    bucket = next(media_buckets(context.graph, context.scope, MediaRole.UPLOAD, MediaRole.PUBLISHED), None)
    if doubt is None or bucket is None or _closed_otherwise(door, context) is True:
        return None
    subject = f"whether {door.label}, which asks nobody who they are, writes to the {bucket[1]} bucket {bucket[0].address} ({bucket[2]})"
    why = f"the caller names the bucket, and what the role of the integration may do isn't known: {doubt.reason}"
    return unknown(f"{subject}: {why}", where=door.resource.where(*door.path))


def _unread(given: Any, graph: Graph) -> Unknown | None:
    """Why it isn't known what the role that is ``given`` may do: it, or a policy of it, wasn't read."""
    role = role_at(given, graph)
    if role is None:
        return given if isinstance(given, Unknown) else Unknown("its role is not part of what was read")
    documents = (reason for carrier in identity_documents(role, graph) for reason in carrier.document.unknown)
    return next(documents, None) or next(unread_policies(role, graph), None)


def _uploads(door: Door, context: Context) -> Iterator[_Upload]:
    """The media buckets that a request through ``door`` may write to."""
    function = function_behind(door, context.graph)
    holder = role_of(function, context.graph) if function is not None else None
    straight = function is None and _is_s3(door)
    if not takes_uploads(door, function):
        return
    unnamed = function is not None and holder is not None and not asks_for_uploads(door, function)
    if unnamed and function and holder and another_takes_uploads(function, holder, context.graph):
        return
    if straight:
        holder = role_at(door.credentials, context.graph)
        yield from _elsewhere(door, context)
    for bucket, role, why in media_buckets(context.graph, context.scope, MediaRole.UPLOAD, MediaRole.PUBLISHED):
        if role is MediaRole.PUBLISHED and door.method not in _WRITING:
            continue
        named = f"the {role} bucket {bucket.address} ({why})"
        if straight and (names(door, bucket) or _may_put(holder, bucket, door, context.graph)):
            yield _Upload("which writes to S3 itself,", named)
        elif function is not None and holder is not None and grant_of(holder, ACTION, bucket, context.graph, function):
            yield _Upload(f"behind which {function.address} may write to or presign for", named)


def _may_put(holder: Resource | None, bucket: Resource, door: Door, graph: Graph) -> bool:
    """Whether the role of an integration with S3 may write to ``bucket``; one that may everywhere, only if the caller can name it."""
    return holder is not None and grant_of(holder, ACTION, bucket, graph, anywhere=caller_names(door, bucket)) is not None


def _elsewhere(door: Door, context: Context) -> Iterator[_Upload]:
    """The bucket that an integration names and that isn't among what was read, if its name, or the parameter it is, speaks of media."""
    text = door.to.template if isinstance(door.to, Unknown) else door.to
    named = _PATH.search(text) if isinstance(text, str) else None
    if named is None or any(names(door, bucket) for bucket in context.graph.of_type(BUCKET)):
        return
    found = context.scope.media_role(re.sub(r"[${}]", "", named[1]), {})
    if found is not None and (found[0] is MediaRole.UPLOAD or (found[0] is MediaRole.PUBLISHED and door.method in _WRITING)):
        yield _Upload("which writes to S3 itself,", f"the {found[0]} bucket {named[1]} ({found[1]}), which wasn't read")


def _is_s3(door: Door) -> bool:
    """Whether the integration puts objects into S3 without a function."""
    return asks_s3(door, "PUT", "POST")


def _judge(door: Door, upload: _Upload, context: Context) -> Outcome:
    where = door.resource.where(*door.path)
    reach = (
        f"{door.label}, {upload.writer} {upload.bucket}"
        if upload.writer.startswith("behind")
        else f"{door.label} writes to {upload.bucket}"
    )
    if isinstance(door.authoriser, Unknown):
        return unknown(f"whether {reach} has an authoriser: {door.authoriser.reason}", where=where)
    if door.authoriser not in _OPEN:
        return worst_outcome([PASS, *_signed_for(door, reach, context), *_signed_by_guests(door, reach, context)])
    closed = _closed_otherwise(door, context)
    if closed is True:
        return PASS
    if isinstance(closed, Unknown):
        return unknown(f"whether {reach} is open to anyone: {closed.reason}", where=where)
    key = door.authoriser == "API_KEY" or door.resource.get("ApiKeyRequired") is True
    how = "asks for an API key only, which says nothing about who is calling" if key else "asks nobody who they are"
    return fail(f"{reach}{',' if upload.writer.startswith('behind') else ' and'} {how}", where=where, fix=_fix(door))


def _signed_for(door: Door, reach: str, context: Context) -> Iterator[Outcome]:
    """What is wrong with a function URL that asks for a signature, where CloudFront signs for its viewers and asks them nothing."""
    if door.resource.type != URL or (function := function_behind(door, context.graph)) is None:
        return
    for way in called_by_viewers(door.resource, context.graph, reading=asks_for_uploads(door, function)):
        where = way.distribution.where(*way.path)
        text = f"CloudFront signs for its viewers, and {way.label} of {way.distribution.address}"
        if way.left_open is True:
            yield fail(f"{reach}, asks nobody who they are: {text} takes what anyone sends", where=where, fix=_EDGE_FIX)
        elif isinstance(way.left_open, Unknown):
            yield unknown(f"whether {reach}, asks who is calling: {text} may take what anyone sends: {way.left_open.reason}", where=where)


def _signed_by_guests(door: Door, reach: str, context: Context) -> Iterator[Outcome]:
    """What is wrong with a way in that asks for a signature, where an identity pool gives anybody one."""
    for carrier, statement, may in guests_who_call(door, context.graph):
        where = carrier.resource.where(*statement.path)
        text = f"{statement.name} of {carrier.resource.address} lets guests of an identity pool call it"
        if isinstance(may, Unknown):
            yield unknown(f"whether {reach}, asks who is calling: {text}, perhaps: {may.reason}", where=where)
        else:
            yield fail(f"{reach}, asks nobody who they are: {text}", where=where, fix=_GUEST_FIX)


def _closed_otherwise(door: Door, context: Context) -> bool | Unknown:
    """Whether the API is private, or its resource policy keeps strangers out."""
    if door.resource.type == GRAPHQL_API:
        visibility = door.resource.get("Visibility")
        return visibility if isinstance(visibility, Unknown) else visibility == "PRIVATE"
    api = door.resource if door.resource.type == REST_API else context.graph.target(door.resource.get("RestApiId"))
    if not isinstance(api, Resource):
        return False
    kinds = [kind for entry in listed(api.get("EndpointConfiguration")) for kind in _types(entry)]
    if "PRIVATE" in kinds:
        return True
    policy = api.get("Policy")
    if policy is None:
        return False
    document = parse_document(policy, ("Policy",))
    if document.unknown:
        return Unknown(f"the policy of {api.address} could not be read: {document.unknown[0].reason}")
    gates = (Gate.IDENTITY, Gate.NETWORK)
    refused = deny_gates(document, INVOKE, gates, context.scope, context.graph, reaches=_whole_api)
    allows = list(document.of_effect("Allow"))
    named = all_of(_lets_in_some(statement, gates, context) for statement in allows)
    return any_of((refused, all_of((bool(allows), named))))


def _lets_in_some(statement: Statement, kinds: tuple[Gate, ...], context: Context) -> Truth:
    """Whether an Allow lets in some only: whom it names, or who comes from one's own account, organisation or network."""
    if all(principal.who is not Who.ANYONE for principal in principals_of(statement, context.scope, context.graph)):
        return True
    return any_of((allow_gates(statement, kinds, context.scope, context.graph), negate(statement.covers_action(INVOKE))))


def _whole_api(statement: Statement) -> Truth:
    """Whether a Deny takes in every method of the API, or of one of its stages."""
    if statement.not_resources is not None:
        return False
    return any_of(_every_method(value) for value in statement.resources or ())


def _every_method(value: Value) -> Truth:
    if isinstance(value, Unknown):
        return True if (value.template or "").endswith("/*") else value
    text = value.suffix if isinstance(value, Reference) else value
    return _METHODS.fullmatch(text) is not None


def _types(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    value = (entry.get("Types") or entry.get("Type")) if isinstance(entry, dict) else None  # SAM's ``Type``
    return [str(kind) for kind in listed(value)]


def _fix(door: Door) -> str:
    if door.path == ("AdditionalAuthenticationProviders",):
        return _KEY_FIX
    if door.resource.native_type.startswith("AWS::Serverless::Function") and door.resource.type != URL:
        return _SAM
    if _by_event(door.resource):
        return _EVENTS[door.resource.type]
    terraform, cloudformation, command = _FIXES.get(door.resource.type, _DESCRIBED)
    return fix_for(door.resource, terraform=terraform, cloudformation=cloudformation, command=command)


def _by_event(resource: Resource) -> bool:
    """Whether the Serverless Framework makes the door, of an event that says nothing as CloudFormation does."""
    if resource.dialect is not Dialect.CLOUDFORMATION or resource.type not in _EVENTS:
        return False
    if resource.type == REST_METHOD:
        return resource.get("Path") is not None
    target = resource.get("Target") if resource.type == ROUTE else resource.get("TargetFunctionArn")
    return isinstance(target, Reference) and resource.address.startswith(target.address) and target.address.endswith("LambdaFunction")


RULE = Rule(
    id="upload-api-authorised",
    title="APIs that take or presign uploads have an authoriser",
    severity=Severity.HIGH,
    types=DOORS,
    evaluate=evaluate,
    remediation="Give the method or route an authoriser (IAM, Cognito, JWT, a function); an API key is none.",
    guessing=MEDIA_TELLS,
    neighbours=(BUCKET, CONTROL, *GUEST_NEIGHBOURS, *DOOR_NEIGHBOURS),
)
