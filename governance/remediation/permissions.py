"""What a runbook may do: generated from the calls that its document makes, so that the role can't be wider than the steps nor narrower.

Calls stand in ``aws:executeAwsApi`` and its relatives, and in the Python of ``aws:executeScript``, which is parsed, not run. A script that makes the
calls it is told to (``undo.py``) says which in the step's ``Allowed``. A call that the table below doesn't know is an error, never left out.
Where an argument of a call is a parameter of the document, the statement's resource is that parameter's value.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from averment.core.errors import BadInputError

_BUCKET, _OBJECTS = "arn:{partition}:s3:::{Bucket}", "arn:{partition}:s3:::{Bucket}/*"
_SOURCE = "arn:{partition}:s3:::{CopySource.Bucket}/*"
_ROLE, _USER = "arn:{partition}:iam::{account}:role/{RoleName}", "arn:{partition}:iam::{account}:user/{UserName}"
_ROLE_BELOW, _USER_BELOW = (
    _ROLE.replace("{RoleName}", "*/{RoleName}"),
    _USER.replace("{UserName}", "*/{UserName}"),
)  # a path, which no call names
_FUNCTION = "arn:{partition}:lambda:{region}:{account}:function:{FunctionName}"
_ENDPOINT = "arn:{partition}:sagemaker:{region}:{account}:endpoint/{EndpointName}"
_ENDPOINT_CONFIG = "arn:{partition}:sagemaker:{region}:{account}:endpoint-config/{EndpointConfigName}"
_RULE = "arn:{partition}:events:{region}:{account}:rule/{Name}"
_DISTRIBUTION = "arn:{partition}:cloudfront::{account}:distribution/{DistributionId}"

ACTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cloudfront:create_invalidation": (("cloudfront:CreateInvalidation", _DISTRIBUTION),),
    "cloudfront:get_distribution": (("cloudfront:GetDistribution", "arn:{partition}:cloudfront::{account}:distribution/{Id}"),),
    "cloudfront:get_invalidation": (("cloudfront:GetInvalidation", _DISTRIBUTION),),
    "events:describe_rule": (("events:DescribeRule", _RULE),),
    "events:disable_rule": (("events:DisableRule", _RULE),),
    "events:enable_rule": (("events:EnableRule", _RULE),),
    "iam:delete_role_policy": (("iam:DeleteRolePolicy", _ROLE), ("iam:DeleteRolePolicy", _ROLE_BELOW)),
    "iam:delete_user_policy": (("iam:DeleteUserPolicy", _USER), ("iam:DeleteUserPolicy", _USER_BELOW)),
    "iam:get_role": (("iam:GetRole", _ROLE), ("iam:GetRole", _ROLE_BELOW)),
    "iam:get_role_policy": (("iam:GetRolePolicy", _ROLE), ("iam:GetRolePolicy", _ROLE_BELOW)),
    "iam:list_access_keys": (("iam:ListAccessKeys", _USER), ("iam:ListAccessKeys", _USER_BELOW)),
    "iam:list_role_policies": (("iam:ListRolePolicies", _ROLE), ("iam:ListRolePolicies", _ROLE_BELOW)),
    "iam:list_user_policies": (("iam:ListUserPolicies", _USER), ("iam:ListUserPolicies", _USER_BELOW)),
    "iam:put_role_policy": (("iam:PutRolePolicy", _ROLE), ("iam:PutRolePolicy", _ROLE_BELOW)),
    "iam:put_user_policy": (("iam:PutUserPolicy", _USER), ("iam:PutUserPolicy", _USER_BELOW)),
    "iam:update_access_key": (("iam:UpdateAccessKey", _USER), ("iam:UpdateAccessKey", _USER_BELOW)),
    "lambda:delete_function_concurrency": (("lambda:DeleteFunctionConcurrency", _FUNCTION),),
    "lambda:get_event_source_mapping": (
        ("lambda:GetEventSourceMapping", "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{UUID}"),
    ),
    "lambda:get_function_concurrency": (("lambda:GetFunctionConcurrency", _FUNCTION),),
    "lambda:put_function_concurrency": (("lambda:PutFunctionConcurrency", _FUNCTION),),
    "lambda:update_event_source_mapping": (
        ("lambda:UpdateEventSourceMapping", "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{UUID}"),
    ),
    "s3:copy_object": (
        ("s3:GetObject", _SOURCE),
        ("s3:GetObjectTagging", _SOURCE),
        ("s3:GetObjectVersion", _SOURCE),
        ("s3:GetObjectVersionTagging", _SOURCE),
        ("s3:PutObject", _OBJECTS),
        ("s3:PutObjectTagging", _OBJECTS),
    ),
    "s3:delete_bucket_policy": (("s3:DeleteBucketPolicy", _BUCKET),),
    "s3:delete_public_access_block": (("s3:PutBucketPublicAccessBlock", _BUCKET),),
    "s3:get_bucket_policy": (("s3:GetBucketPolicy", _BUCKET),),
    "s3:get_object_lock_configuration": (("s3:GetBucketObjectLockConfiguration", _BUCKET),),
    "s3:get_public_access_block": (("s3:GetBucketPublicAccessBlock", _BUCKET),),
    "s3:head_bucket": (("s3:ListBucket", _BUCKET),),
    "s3:head_object": (("s3:GetObject", _OBJECTS), ("s3:ListBucket", _BUCKET)),
    "s3:list_object_versions": (("s3:ListBucketVersions", _BUCKET),),
    "s3:put_bucket_policy": (("s3:PutBucketPolicy", _BUCKET),),
    "s3:put_object": (("s3:PutObject", _OBJECTS), ("s3:PutObjectRetention", _OBJECTS)),
    "s3:put_object_retention": (("s3:PutObjectRetention", _OBJECTS),),
    "s3:put_public_access_block": (("s3:PutBucketPublicAccessBlock", _BUCKET),),
    "sagemaker:create_endpoint": (
        ("sagemaker:AddTags", _ENDPOINT),
        ("sagemaker:CreateEndpoint", _ENDPOINT),
        ("sagemaker:CreateEndpoint", _ENDPOINT_CONFIG),
    ),
    "sagemaker:delete_endpoint": (("sagemaker:DeleteEndpoint", _ENDPOINT),),
    "sagemaker:describe_endpoint": (("sagemaker:DescribeEndpoint", _ENDPOINT),),
    "sagemaker:describe_endpoint_config": (("sagemaker:DescribeEndpointConfig", _ENDPOINT_CONFIG),),
    "sagemaker:list_tags": (("sagemaker:ListTags", "arn:{partition}:sagemaker:{region}:{account}:endpoint/*"),),
    "sqs:send_message_batch": (("sqs:SendMessage", "arn:{partition}:sqs:{region}:{account}:{QueueUrl}"),),
    "ssm:get_automation_execution": (
        ("ssm:GetAutomationExecution", "arn:{partition}:ssm:{region}:{account}:automation-execution/{AutomationExecutionId}"),
    ),
    "ssm:get_parameter": (("ssm:GetParameter", "arn:{partition}:ssm:{region}:{account}:parameter/{Name}"),),
    "ssm:put_parameter": (("ssm:PutParameter", "arn:{partition}:ssm:{region}:{account}:parameter/{Name}"),),
}
"""A call in boto3's words: the IAM actions that it needs, each with its resource, in which ``{Bucket}`` is the call's argument."""

_WHOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_HOLE = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True)
class Call:
    """One call: ``service:operation``, and those of its arguments that are parameters of the document, by the parameter's name.

    ``told``: a script makes it because the plan says so, to put things back.
    """

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    told: bool = False


def calls_of(document: Mapping[str, Any]) -> list[Call]:
    """Every call that a document can make, whichever way it takes.

    What puts things back is about the resources that the document's other calls are about, as far as those agree.

    Raises:
        BadInputError: a script can't be parsed, or makes calls that can't be told.
    """
    found = [call for step in document["mainSteps"] for call in step_calls(step)]
    meant: dict[str, set[str]] = {}
    for call in found:
        for argument, parameter in call.arguments.items():
            meant.setdefault(argument, set()).add(parameter)
    same = {argument: next(iter(parameters)) for argument, parameters in meant.items() if len(parameters) == 1}
    return [replace(call, arguments=same) if call.told else call for call in found]


def document_actions(document: Mapping[str, Any]) -> list[str]:
    """The IAM actions that ``document`` needs, in order.

    Raises:
        BadInputError: as ``calls_of``, or a call whose actions aren't known.
    """
    return sorted({action for call in calls_of(document) for action, _ in _needs(call)})


def role_policy(
    document: Mapping[str, Any],
    values: Mapping[str, str] | None = None,
    *,
    partition: str = "aws",
    region: str = "*",
    account: str = "*",
) -> dict[str, Any]:
    """The least policy that lets a role execute ``document``: one statement for each set of resources.

    ``values`` are values of the document's parameters, which narrow resources to them; what isn't given is ``*``. Where some are given, calls about a
    parameter that may stay empty and does are left out: who suspends a user needs no rights on roles.

    Raises:
        BadInputError: as ``document_actions``.
    """
    known = {"partition": partition, "region": region, "account": account}
    resources: dict[str, set[str]] = {}
    empty = {name for name, entry in document.get("parameters", {}).items() if entry.get("default") == "" and not (values or {}).get(name)}
    for call in calls_of(document):
        if values and empty & {call.arguments.get(argument) for argument in _about(call)}:
            continue
        for action, template in _needs(call):
            resources.setdefault(action, set()).add(_filled(template, call, known, values or {}))
    grouped: dict[tuple[str, ...], list[str]] = {}
    for action, found in sorted(resources.items()):
        widest = sorted(item for item in found if not any(item != other and fnmatchcase(item, other) for other in found))
        grouped.setdefault(tuple(widest), []).append(action)
    statements = [{"Effect": "Allow", "Action": actions, "Resource": list(where)} for where, actions in sorted(grouped.items())]
    return {"Version": "2012-10-17", "Statement": statements}


def trust_policy(account: str) -> dict[str, Any]:
    """Who may act as a runbook's role: Systems Manager, for this account."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ssm.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _needs(call: Call) -> tuple[tuple[str, str], ...]:
    if call.name not in ACTIONS:
        raise BadInputError(
            f"which permissions {call.name} needs is not known", fix="add it to ACTIONS in governance/remediation/permissions.py"
        )
    return ACTIONS[call.name]


def _about(call: Call) -> set[str]:
    """The arguments that the resources of a call are named by."""
    return {argument for _, template in _needs(call) for argument in _HOLE.findall(template)}


def _filled(template: str, call: Call, known: Mapping[str, str], values: Mapping[str, str]) -> str:
    """A resource's template with its holes filled. SageMaker writes names in its ARNs in small letters, however they were given, and IAM goes by those."""

    def fill(hole: re.Match[str]) -> str:
        return known[hole[1]] if hole[1] in known else _value(call, hole[1], values)

    found = _HOLE.sub(fill, template)
    return found.lower() if call.name.startswith("sagemaker:") else found


def _value(call: Call, argument: str, values: Mapping[str, str]) -> str:
    given = values.get(call.arguments.get(argument, ""))
    if not given:
        return "*"
    return given.rpartition("/")[2] if argument == "QueueUrl" else given.removeprefix("/") if argument == "Name" else given


def step_calls(step: Mapping[str, Any]) -> Iterator[Call]:
    """Every call that one step can make, those of the steps within a loop as well.

    Raises:
        BadInputError: a script can't be parsed, or makes calls that can't be told.
    """
    inputs: Mapping[str, Any] = step.get("inputs") or {}
    if step["action"] == "aws:loop":
        for inner in inputs["Steps"]:
            yield from step_calls(inner)
    elif step["action"] == "aws:executeScript":
        yield from _script_calls(step["name"], inputs)
    elif "Service" in inputs:
        arguments = {name: parameter for name, value in inputs.items() if (parameter := _parameter(value)) is not None}
        yield Call(f"{inputs['Service']}:{_snake(inputs['Api'])}", arguments)


def _parameter(value: Any) -> str | None:
    match = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def _snake(api: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", api).lower()


def _script_calls(step: str, inputs: Mapping[str, Any]) -> Iterator[Call]:
    payload: Mapping[str, Any] = inputs.get("InputPayload") or {}
    try:
        tree = ast.parse(inputs["Script"])
    except SyntaxError as error:
        raise BadInputError(f"the script of step {step} is not Python: {error}", fix="mend the script there") from error
    clients = dict(_clients(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "getattr":
            if "Allowed" not in payload:
                raise BadInputError(f"the script of step {step} makes calls that can't be told", fix="name them in the step's Allowed")
            yield from (Call(name, told=True) for name in payload["Allowed"])
        elif isinstance(node.func, ast.Attribute) and (found := _call(node.func, clients)) is not None:
            service, operation = found
            yield Call(f"{service}:{operation}", dict(_arguments(node, payload)))


def _clients(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that are clients, with their service."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and (service := _service(node.value)):
            yield node.targets[0].id, service


def _service(node: ast.AST) -> str | None:
    """The service of ``boto3.client("s3")``."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client" and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return None


def _call(function: ast.Attribute, clients: Mapping[str, str]) -> tuple[str, str] | None:
    """Service and operation of ``client.operation(...)`` and ``client.get_paginator("operation").paginate(...)``."""
    held = function.value
    if (
        function.attr == "paginate"
        and isinstance(held, ast.Call)
        and isinstance(held.func, ast.Attribute)
        and isinstance(held.args[0], ast.Constant)
    ):
        service = _client(held.func.value, clients)
        return (service, str(held.args[0].value)) if service else None
    service = _client(held, clients)
    return (service, function.attr) if service and function.attr != "get_paginator" else None


def _client(node: ast.AST, clients: Mapping[str, str]) -> str | None:
    return clients.get(node.id) if isinstance(node, ast.Name) else _service(node)


def _arguments(node: ast.Call, payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Arguments that are ``events["Name"]``, by the document's parameter behind ``Name``; of a structure (CopySource) its members'."""
    for keyword in node.keywords:
        pairs = [(keyword.arg, keyword.value)]
        if isinstance(keyword.value, ast.Dict):
            pairs = [
                (f"{keyword.arg}.{key.value}", value)
                for key, value in zip(keyword.value.keys, keyword.value.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            ]
        for name, value in pairs:
            if isinstance(value, ast.Subscript) and ast.unparse(value.value) == "events" and isinstance(value.slice, ast.Constant):
                parameter = _parameter(payload.get(str(value.slice.value)))
                if name is not None and parameter is not None:
                    yield name, parameter


def as_text(policy: Mapping[str, Any]) -> str:
    """A policy as people read it."""
    return json.dumps(policy, indent=2)
