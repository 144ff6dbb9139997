"""AWS SAM: functions, APIs and their events become the resources that the transform generates.

Covered: ``AWS::Serverless::Function`` with Globals, policies (inline, managed, the policy templates named here), and S3,
EventBridge, schedule, queue, topic and API events; ``AWS::Serverless::StateMachine`` with its policies and EventBridge events;
``AWS::Serverless::Api``, ``HttpApi`` and ``SimpleTable``. A policy template that isn't named here is an unknown statement;
connectors become the policies that they stand for (``sam_connectors``).
Source: the SAM specification's pages on generated resources and policy templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Problem, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.surfaces.cloudformation.resolve import Resolver
from averment.policies.surfaces.cloudformation.sam_connectors import CONNECTOR, policies_of
from averment.policies.surfaces.cloudformation.sam_policies import policy_template

FUNCTION = "AWS::Serverless::Function"
MACHINE = "AWS::Serverless::StateMachine"
TABLE = "AWS::Serverless::SimpleTable"
_RENAMED = {
    "AWS::Serverless::Api": "AWS::ApiGateway::RestApi",
    "AWS::Serverless::HttpApi": "AWS::ApiGatewayV2::Api",
}
_READ = frozenset({FUNCTION, MACHINE, TABLE, CONNECTOR, "AWS::Serverless::Application", *_RENAMED})
_OF_NO_INTEREST = frozenset({"AWS::Serverless::LayerVersion", "AWS::Serverless::CapacityProvider"})

_LAMBDA_OWN = (
    "Policies",
    "Events",
    "CodeUri",
    "InlineCode",
    "AutoPublishAlias",
    "ImageUri",
    "Tags",
    "AssumeRolePolicyDocument",
    "PermissionsBoundary",
    "Connectors",
)


_POLLED = frozenset({"SQS", "Kinesis", "DynamoDB", "MSK", "MQ", "DocumentDB", "SelfManagedKafka"})
"""Events that Lambda itself fetches."""

_BY_RULE = frozenset({"EventBridgeRule", "CloudWatchEvent", "Schedule"})
"""Events for which the transform makes an EventBridge rule."""

_CALLED = {
    "Cognito": "cognito-idp.amazonaws.com",
    "IoTRule": "iot.amazonaws.com",
    "CloudWatchLogs": "logs.amazonaws.com",
    "AlexaSkill": "alexa-appkit.amazon.com",
}
"""Events of services that call the function, and who they are."""


def generated_names(resources: Mapping[str, Any]) -> frozenset[str]:
    """Logical ids that the transform adds for functions and state machines without a role of their own."""
    kinds = (FUNCTION, MACHINE)
    return frozenset(f"{name}Role" for name, body in resources.items() if isinstance(body, dict) and body.get("Type") in kinds)


def makes_unread(kind: str) -> bool:
    """Whether SAM makes something of resources of type ``kind`` that is neither read here nor of no interest to any rule."""
    return kind.startswith("AWS::Serverless::") and kind not in _READ | _OF_NO_INTEREST


@dataclass
class Expanded:
    """A template's resources with what the transform makes of them, and its problems.

    ``makers`` has, by the address of a resource that the transform adds, that of the one it is added for: it exists no more surely.
    """

    resources: list[Resource]
    problems: list[Problem] = field(default_factory=list)
    makers: dict[str, str] = field(default_factory=dict)


def expand_sam(resources: list[Resource], defaults: Any, resolver: Resolver) -> Expanded:
    """``resources`` with what the transform makes of them; ``defaults`` is the template's ``Globals``."""
    if not any(resource.type.startswith("AWS::Serverless::") for resource in resources):
        return Expanded(resources)
    expansion = _Expansion(resources, resolver.value(defaults) if isinstance(defaults, dict) else {})
    return Expanded(expansion.run(), expansion.problems, expansion.makers)


class _Expansion:
    """One template's expansion; events may change buckets that stand elsewhere."""

    def __init__(self, resources: list[Resource], defaults: Any) -> None:
        self.found = {resource.address: resource for resource in resources}
        function = defaults.get("Function") if isinstance(defaults, dict) else None
        self.apis: Mapping[str, Any] = defaults if isinstance(defaults, dict) else {}
        self.defaults: Mapping[str, Any] = function if isinstance(function, dict) else {}
        self.problems: list[Problem] = []
        self.makers: dict[str, str] = {}

    def run(self) -> list[Resource]:
        connected = list(policies_of(self.found))
        for resource in list(self.found.values()):
            if resource.type == FUNCTION:
                self.function(resource)
            elif resource.type == MACHINE:
                self.machine(resource)
            elif resource.type == TABLE:
                self.table(resource)
            elif resource.type in _RENAMED:
                self.found[resource.address] = replace(resource, type=_RENAMED[resource.type])
        for connector, policy in connected:
            self.add(policy, connector)
        return [resource for resource in self.found.values() if resource.type != CONNECTOR]

    def add(self, resource: Resource, maker: Resource) -> None:
        if resource.address not in self.found:
            self.found[resource.address] = resource
            self.makers[resource.address] = maker.address

    def made(self, function: Resource, suffix: str, kind: str, properties: dict[str, Any], path: PropertyPath) -> None:
        """A generated resource: it stands where the property that asked for it stands."""
        where = function.where(*path)
        self.add(replace(function, address=function.address + suffix, type=kind, properties=properties, source=where, lines={}), function)

    def function(self, resource: Resource) -> None:
        given = {**self.defaults, **resource.properties}
        for key in ("Environment", "VpcConfig", "Tags"):
            base = self.defaults.get(key)
            if isinstance(base, dict) and isinstance(given.get(key), dict):
                given[key] = {**base, **given[key]}
        properties = {key: value for key, value in given.items() if key not in _LAMBDA_OWN}
        tags = given.get("Tags")
        if isinstance(tags, dict):
            properties["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        properties["Code"] = given.get("CodeUri") or given.get("InlineCode") or given.get("ImageUri")
        if "Role" not in given:
            properties["Role"] = Reference(f"{resource.address}Role", "Arn")
            self.role(resource, given, "lambda.amazonaws.com", ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"])
        self.found[resource.address] = replace(resource, type="AWS::Lambda::Function", properties=properties)
        url = given.get("FunctionUrlConfig")
        if isinstance(url, dict):
            self.made(
                resource, "Url", "AWS::Lambda::Url", {"TargetFunctionArn": Reference(resource.address), **url}, ("FunctionUrlConfig",)
            )
        events = given.get("Events")
        for name, event in events.items() if isinstance(events, dict) else ():
            if isinstance(event, dict):
                self.event(resource, name, event)

    def machine(self, resource: Resource) -> None:
        """A state machine, the role that its ``Policies`` ask for, and the rules that start it."""
        given = resource.properties
        own = {"Name": "StateMachineName", "Role": "RoleArn"}
        properties = {own.get(key, key): value for key, value in given.items() if key not in ("Policies", "Events", "Connectors", "Tags")}
        if isinstance(given.get("Tags"), dict):
            properties["Tags"] = [{"Key": key, "Value": value} for key, value in given["Tags"].items()]
        if "Role" not in given:
            properties["RoleArn"] = Reference(f"{resource.address}Role", "Arn")
            self.role(resource, given, "states.amazonaws.com", [])
        self.found[resource.address] = replace(resource, type="AWS::StepFunctions::StateMachine", properties=properties)
        events = given.get("Events")
        for name, event in events.items() if isinstance(events, dict) else ():
            if isinstance(event, dict) and event.get("Type") in _BY_RULE:
                values = event.get("Properties")
                self.rule(resource, name, values if isinstance(values, dict) else {}, Reference(resource.address), ("Events", name))

    def table(self, resource: Resource) -> None:
        """A table with one key."""
        given = resource.properties
        properties = {key: value for key, value in given.items() if key not in ("PrimaryKey", "Tags")}
        tags, key = given.get("Tags"), given.get("PrimaryKey")
        if isinstance(tags, dict):
            properties["Tags"] = [{"Key": name, "Value": value} for name, value in tags.items()]
        name = key.get("Name") if isinstance(key, dict) else "id"
        properties["KeySchema"] = [{"AttributeName": name, "KeyType": "HASH"}]
        self.found[resource.address] = replace(resource, type="AWS::DynamoDB::Table", properties=properties)

    def role(self, function: Resource, given: Mapping[str, Any], service: str, managed: list[Any]) -> None:
        """The role that the transform makes for a function or state machine: ``service`` assumes it, its policies begin with ``managed``."""
        trust = given.get("AssumeRolePolicyDocument") or {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}],
        }
        inline: list[Any] = []
        lines: dict[PropertyPath, SourceRef] = {}
        policies = given.get("Policies")
        for index, policy in enumerate(policies if isinstance(policies, list) else [policies] if policies is not None else []):
            where = function.where("Policies", index)
            if isinstance(policy, str):
                lines["ManagedPolicyArns", len(managed)] = where
                managed.append(policy if policy.startswith("arn:") else f"arn:aws:iam::aws:policy/{policy}")
            elif isinstance(policy, Reference | Unknown):
                lines["ManagedPolicyArns", len(managed)] = where
                managed.append(policy)
            elif isinstance(policy, dict):
                lines["Policies", len(inline)] = where
                document = policy if "Statement" in policy else policy_template(policy)
                inline.append({"PolicyName": f"{function.address}RolePolicy{index}", "PolicyDocument": document})
        properties = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": managed, "Policies": inline}
        where = function.where("Policies")
        address = f"{function.address}Role"
        self.add(replace(function, address=address, type="AWS::IAM::Role", properties=properties, source=where, lines=lines), function)

    def event(self, function: Resource, name: str, event: Mapping[str, Any]) -> None:
        values = event.get("Properties")
        properties: Mapping[str, Any] = values if isinstance(values, dict) else {}
        path: PropertyPath = ("Events", name)
        target = Reference(function.address, "Arn")
        written = event.get("Type")
        kind = written if isinstance(written, str) else ""
        if kind == "S3":
            self.bucket_event(function, properties, path)
        elif kind in _BY_RULE:
            self.rule(function, name, properties, target, path)
            self.permission(function, name, "events.amazonaws.com", Reference(function.address + name, "Arn"), path)
        elif kind in _POLLED:
            source = next((properties[key] for key in ("Queue", "Stream", "Broker", "Cluster") if key in properties), None)
            self.made(
                function,
                name,
                "AWS::Lambda::EventSourceMapping",
                {"FunctionName": Reference(function.address), "EventSourceArn": source, **_kept(properties, "Enabled", "FilterCriteria")},
                path,
            )
        elif kind == "SNS":
            self.made(
                function,
                name,
                "AWS::SNS::Subscription",
                {
                    "TopicArn": properties.get("Topic"),
                    "Protocol": "lambda",
                    "Endpoint": target,
                    **_kept(properties, "FilterPolicy", "FilterPolicyScope"),
                },
                path,
            )
            self.permission(function, name, "sns.amazonaws.com", properties.get("Topic"), path)
        elif kind == "ScheduleV2":
            entry = {"Arn": target, **_kept(properties, "Input", "DeadLetterConfig", "RetryPolicy")}
            values = {"Target": entry, **_kept(properties, "ScheduleExpression", "State", "GroupName")}
            self.made(function, name, "AWS::Scheduler::Schedule", values, path)
        elif kind in _CALLED:
            self.permission(function, name, _CALLED[kind], properties.get("UserPool"), path)
        elif kind in {"Api", "HttpApi"}:
            self.api_event(function, name, kind, properties, path)
        else:
            reason = f"SAM event '{name}' of type {hole(written)} is not expanded"
            self.problems.append(Problem(reason, function.where(*path), blocking=False))

    def rule(self, target: Resource, name: str, properties: Mapping[str, Any], arn: Reference, path: PropertyPath) -> None:
        """The EventBridge rule of an event: by pattern or by schedule."""
        entry = {
            "Arn": arn,
            "Id": f"{target.address}{name}",
            **_kept(properties, "Input", "InputPath", "DeadLetterConfig", "RetryPolicy"),
        }
        letters = entry.get("DeadLetterConfig")
        if isinstance(letters, Mapping) and letters.get("Type") == "SQS" and "Arn" not in letters:  # then the transform makes the queue
            self.made(target, f"{name}Queue", "AWS::SQS::Queue", {}, path)
            entry["DeadLetterConfig"] = {"Arn": Reference(f"{target.address}{name}Queue", "Arn")}
        values = {"Targets": [entry], **_kept(properties, "EventBusName", "State")}
        if (on := properties.get("Enabled")) is not None and "State" not in values:
            values["State"] = on if isinstance(on, Unknown) else "ENABLED" if on in (True, "true") else "DISABLED"
        values |= {"EventPattern": properties["Pattern"]} if "Pattern" in properties else {}
        values |= {"ScheduleExpression": properties["Schedule"]} if "Schedule" in properties else {}
        self.made(target, name, "AWS::Events::Rule", values, path)

    def permission(self, function: Resource, name: str, principal: str, source: Any, path: PropertyPath) -> None:
        values = {
            "Action": "lambda:InvokeFunction",
            "FunctionName": Reference(function.address),
            "Principal": principal,
            "SourceArn": source,
        }
        self.made(function, f"{name}Permission", "AWS::Lambda::Permission", values, path)

    def bucket_event(self, function: Resource, properties: Mapping[str, Any], path: PropertyPath) -> None:
        bucket = properties.get("Bucket")
        owner = self.found.get(bucket.address) if isinstance(bucket, Reference) else None
        if owner is None:
            self.problems.append(Problem("the bucket of this S3 event is not part of the template", function.where(*path), blocking=False))
            return
        events = properties.get("Events")
        target = Reference(function.address, "Arn")
        entries = [
            {"Event": event, "Function": target, **_kept(properties, "Filter")}
            for event in (events if isinstance(events, list) else [events])
        ]
        written = owner.properties.get("NotificationConfiguration") or {}
        before = (written.get("LambdaConfigurations") or []) if isinstance(written, Mapping) else written
        settings: Any = before if isinstance(before, Unknown) else Unknown("the bucket's notifications are no list that SAM could add to")
        if isinstance(written, Mapping) and isinstance(before, list):
            settings = {**written, "LambdaConfigurations": [*before, *entries]}
        self.found[owner.address] = replace(owner, properties={**owner.properties, "NotificationConfiguration": settings})
        self.permission(function, str(path[-1]), "s3.amazonaws.com", join_parts(["arn:aws:s3:::", bucket]), path)

    def api_event(self, function: Resource, name: str, kind: str, properties: Mapping[str, Any], path: PropertyPath) -> None:
        api = properties.get("RestApiId") or properties.get("ApiId")
        owner = self.found.get(api.address) if isinstance(api, Reference) else None
        shared = self.apis.get(kind)
        default = (owner.get("Auth") if owner else None) or (shared.get("Auth") if isinstance(shared, dict) else None)
        auth = _authorizer(properties.get("Auth")) or _default_authorizer(default)
        method, where = properties.get("Method", "ANY"), properties.get("Path", "/")
        if kind == "HttpApi":
            key = join_parts([str(method).upper() if isinstance(method, str) else method, " ", where])
            self.made(
                function,
                name,
                "AWS::ApiGatewayV2::Route",
                {"ApiId": api, "RouteKey": key, "Target": Reference(function.address, "Arn"), **auth},
                path,
            )
            return
        values = {"RestApiId": api, "HttpMethod": str(method).upper() if isinstance(method, str) else method, "Path": where, **auth}
        values["Integration"] = {"Type": "AWS_PROXY", "Uri": Reference(function.address, "Arn")}
        self.made(function, name, "AWS::ApiGateway::Method", values, path)


def _kept(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _authorizer(auth: Any) -> dict[str, Any]:
    """What an event's ``Auth`` says; empty if it leaves the question to the API."""
    if isinstance(auth, Unknown):
        return {"AuthorizationType": auth}
    name = auth.get("Authorizer") if isinstance(auth, dict) else None
    if name is None:
        return {}
    if not isinstance(name, str | Reference):  # which one hangs on a condition: it may be NONE
        return {"AuthorizationType": name if isinstance(name, Unknown) else Unknown("the authorizer is no name")}
    if name in {"NONE", "AWS_IAM"}:
        return {"AuthorizationType": name}
    return {"AuthorizationType": "CUSTOM", "AuthorizerId": name}


def _default_authorizer(auth: Any) -> dict[str, Any]:
    if isinstance(auth, Unknown):
        return {"AuthorizationType": auth}
    default = auth.get("DefaultAuthorizer") if isinstance(auth, dict) else None
    return _authorizer({"Authorizer": default}) if default is not None else {"AuthorizationType": "NONE"}
