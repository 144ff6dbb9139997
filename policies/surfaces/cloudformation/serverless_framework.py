"""``serverless.yml`` of the Serverless Framework as the template that it deploys.

Read are ``resources`` (CloudFormation as it stands, ``serverless_extensions``), functions with their role (``provider.iam``, ``iamRoleStatements``, and
those of their own: ``serverless_roles``), their environment, and the events that let somebody in or tell of
new objects: ``http``, ``httpApi``, ``url``, ``s3``, ``sqs``, ``sns``, ``eventBridge``; and the definitions that the plugin
serverless-step-functions takes. Variables have the values that this file, and the
YAML and JSON that it includes, give them (``serverless_variables``). Not read: other events, what programs return (``file(x.js)``),
what other plugins make of sections of their own, compose files; each is said.
Source: the framework's documentation, "serverless.yml reference" and the events' pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Problem, Unknown
from averment.policies.surfaces.cloudformation.serverless_extensions import extend
from averment.policies.surfaces.cloudformation.serverless_files import Files
from averment.policies.surfaces.cloudformation.serverless_roles import REFERENCES, own_role
from averment.policies.surfaces.cloudformation.serverless_variables import Variables
from averment.policies.surfaces.lined import LinedList, LinedMap

_SECTIONS = ("Parameters", "Mappings", "Conditions")
_QUIET = frozenset({"schedule", "stream", "cloudwatchLog", "cloudwatchEvent", "iot", "alexaSkill", "alexaSmartHome", "cognitoUserPool"})
"""Events that no rule asks about."""
_OF_OTHERS = (("constructs",), ("appSync",), ("custom", "apiGatewayServiceProxies"), ("mcp",), ("ai",))
"""Sections of which plugins, or version 4 itself, make buckets, and APIs that somebody calls."""

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": ["sts:AssumeRole"]}],
}
_COMMON_ROLE = "IamRoleLambdaExecution"


def is_serverless(document: LinedMap) -> bool:
    """Whether ``document`` is a file of the Serverless Framework."""
    return "service" in document and "provider" in document and "AWSTemplateFormatVersion" not in document


def as_template(document: LinedMap, file: str, files: Files) -> tuple[LinedMap, list[Problem]]:
    """The CloudFormation template that ``document`` stands for, and what of it is not read; ``files`` reads what it includes."""
    made = _Made(document, file, files)
    made.run()
    return made.template, [*made.problems, *files.problems]


def logical_id(function: str) -> str:
    """The logical id that the framework gives to a function."""
    name = function.replace("-", "Dash").replace("_", "Underscore")
    return f"{name[:1].upper()}{name[1:]}LambdaFunction"


def _map(line: int, values: Mapping[str, Any], file: str) -> LinedMap:
    """``values`` as a map that stands at ``line`` of ``file``."""
    made = LinedMap(line)
    made.file = file
    for key, value in values.items():
        made[key] = _map(line, value, file) if isinstance(value, Mapping) and not isinstance(value, LinedMap) else value
        made.key_lines[key] = line
    return made


class _Made:
    """One file on its way to a template."""

    def __init__(self, document: LinedMap, file: str, files: Files) -> None:
        self.file = self.here = file  # ``here`` is where what is being made stands: lines are of that file
        self.problems = list[Problem]()
        self.document: LinedMap = Variables(document, file, files).resolve(document)
        provider = self.document.get("provider")
        self.provider: Mapping[str, Any] = provider if isinstance(provider, LinedMap) else {"name": provider}
        self.resources = LinedMap(document.line)
        self.template = _map(document.line, {"Resources": self.resources}, file)
        self.unread: dict[str, SourceRef] = {}

    def say(self, reason: str, line: int | None) -> None:
        self.problems.append(Problem(reason, SourceRef(self.here, line), blocking=False))

    def run(self) -> None:
        name = self.provider.get("name")
        if name != "aws":
            told = (
                f"whose provider is not known: {name.reason}"
                if isinstance(name, Unknown)
                else f"for the provider {name!r}, which is not read"
            )
            self.say(f"is a Serverless Framework file {told}", self.document.line)
            return
        self.written()
        functions = self.document.get("functions")
        for part in functions if isinstance(functions, LinedList) else [functions] if functions is not None else []:
            if not isinstance(part, LinedMap):
                self.say(f"functions are not read: {_reason(part)}", self.document.key_lines.get("functions"))
                continue
            for function, body in part.items():
                self.here = part.file or self.file
                self.function(function, body, part.key_lines.get(function, part.line))
        self.here = self.file
        self.plugins()
        iam = self.provider.get("iam")
        role = iam.get("role") if isinstance(iam, LinedMap) else None
        if isinstance(role, Unknown) and "file(" in (role.template or ""):  # its statements, or the ARN of another
            self.say_unread("what the role that functions share may do", [(role, self.document.key_lines.get("provider", 1))])
        if any(_role_of(value) for value in self.resources.values()):
            common = self._common_statements()
            self.say_unread("what the role that functions share may do", common)
            self.role(_COMMON_ROLE, common, self._managed(), self.document.key_lines.get("provider", 1))
        if isinstance(self.provider.get("endpointType"), str) or self._api_policy() is not None:
            self.rest_api()
        for reason, line in extend(self.resources, self.document.get("resources")):
            self.say(reason, line)
        for kind, where in self.unread.items():
            self.problems.append(Problem(f"events of the kind '{kind}' are not read", where, blocking=False))

    def add(self, name: str, kind: str, properties: Mapping[str, Any], line: int) -> None:
        if name not in self.resources:
            self.resources[name] = _map(line, {"Type": kind, "Properties": properties}, self.here)
            self.resources.key_lines[name] = line

    def written(self) -> None:
        """The resources that are written as CloudFormation."""
        parts = self.document.get("resources")
        for part in parts if isinstance(parts, LinedList) else [parts] if parts is not None else []:
            section = part.get("Resources") if isinstance(part, LinedMap) else part
            if not isinstance(section, LinedMap):
                if section is not None:
                    self.say(f"resources are not read: {_reason(section)}", self.document.key_lines.get("resources"))
                continue
            for name, body in section.items():
                line = section.key_lines.get(name, section.line)
                if not isinstance(body, LinedMap):
                    self.say(f"the resource '{name}' is not read: {_reason(body)}", line)
                    continue
                self.resources[name] = body
                self.resources.key_lines[name] = line if body.file == section.file else body.line
            self.template |= {key: part[key] for key in _SECTIONS if isinstance(part.get(key), LinedMap)}

    def plugins(self) -> None:
        """State machines, as serverless-step-functions has them, and what other plugins make."""
        steps = self.document.get("stepFunctions")
        machines = steps.get("stateMachines") if isinstance(steps, LinedMap) else steps
        if isinstance(machines, LinedMap):
            for name, body in machines.items():
                definition = body.get("definition") if isinstance(body, LinedMap) else body
                made, line = f"{name[:1].upper()}{name[1:]}StepFunctionsStateMachine", machines.key_lines.get(name, machines.line)
                self.add(made, "AWS::StepFunctions::StateMachine", {"Definition": definition}, line)
        elif machines is not None:
            self.say(f"state machines are not read: {_reason(machines)}", self.document.key_lines.get("stepFunctions"))
        for path in _OF_OTHERS:
            found: Any = self.document
            for key in path:
                found = found.get(key) if isinstance(found, LinedMap) else None
            if found is not None:
                self.say(f"what is made of '{'.'.join(path)}' is not read", self.document.key_lines.get(path[0]))

    def function(self, name: str, body: Any, line: int) -> None:
        if not isinstance(body, LinedMap):
            self.say(f"the function '{name}' is not read: {_reason(body)}", line)
            return
        made = logical_id(name)
        environment = {**_given(self.provider.get("environment")), **_given(body.get("environment"))}
        values: dict[str, Any] = {"FunctionName": body.get("name") or name, "Code": {}, "Environment": {"Variables": environment}}
        names = {"handler": "Handler", "description": "Description", "reservedConcurrency": "ReservedConcurrentExecutions"}
        values |= _own(body, names)
        values["Role"] = self._role(made, body, line)
        self.add(made, "AWS::Lambda::Function", values, line)
        events = body.get("events")
        named = self.here
        for index, event in enumerate(events if isinstance(events, LinedList) else ()):
            self.here = events.file or named if isinstance(events, LinedList) else named
            place = events.item_lines[index] if isinstance(events, LinedList) and index < len(events.item_lines) else line
            kind, given = (
                (event, None) if isinstance(event, str) else next(iter(event.items()), ("", None)) if _is_map(event) else ("", None)
            )
            self.event(made, index, str(kind), given, place)
        self.here = named
        if (url := body.get("url")) not in (None, False):
            auth = "AWS_IAM" if isinstance(url, LinedMap) and url.get("authorizer") == "aws_iam" else "NONE"
            self.add(f"{made}Url", "AWS::Lambda::Url", {"TargetFunctionArn": _arn(made), "AuthType": auth}, line)

    # -- what it may do --------------------------------------------------------------------------------------------

    def _role(self, made: str, body: LinedMap, line: int) -> Any:
        iam = self.provider.get("iam")
        shared = body.get("role") or self.provider.get("role") or (iam.get("role") if isinstance(iam, LinedMap) else None)
        if (own := own_role(body, self.provider, line)) is not None:
            name = f"{made.removesuffix('LambdaFunction')}{_COMMON_ROLE}"
            given = [entry for value, place in own.statements for entry in _statements(value, place)]
            self.say_unread(f"what the function '{made.removesuffix('LambdaFunction')}' may do", given)
            inherit = self._common_statements() if "statements" in own.base else []
            managed = [*(self._managed() if "managedPolicies" in own.base else ()), *own.managed]
            self.role(name, [*inherit, *given], managed, line, own.name)
            return _arn(name)
        if shared is not None and not (isinstance(shared, LinedMap) and REFERENCES.isdisjoint(shared)):
            named = isinstance(shared, str) and shared in self.resources
            return _arn(shared) if named else shared
        return _arn(_COMMON_ROLE)

    def _common_statements(self) -> list[tuple[Any, int]]:
        iam = self.provider.get("iam")
        role = iam.get("role") if isinstance(iam, LinedMap) else None
        line = self.document.key_lines.get("provider", 1)
        found = _statements(self.provider.get("iamRoleStatements"), line)
        found += _statements(iam, line) if isinstance(iam, Unknown) else []
        return [*found, *_statements(role.get("statements") if isinstance(role, LinedMap) else None, line)]

    def say_unread(self, what: str, statements: list[tuple[Any, int]]) -> None:
        """Say which statements aren't known, each reason once: where they lie in a file that isn't there, no rule finds anything in them."""
        reasons = {statement.reason: line for statement, line in reversed(statements) if isinstance(statement, Unknown)}
        for reason, line in reversed(reasons.items()):
            self.say(f"{what} is not read in full: {reason}", line)

    def _managed(self) -> list[Any]:
        iam = self.provider.get("iam")
        role = iam.get("role") if isinstance(iam, LinedMap) else None
        named = [self.provider.get("iamManagedPolicies"), role.get("managedPolicies") if isinstance(role, LinedMap) else None]
        return [entry for listed in named if isinstance(listed, LinedList) for entry in listed]

    def _role_name(self) -> str | None:
        """What the role that functions share is called: policies that stand under ``resources`` name it, to be attached to it."""
        iam, service = self.provider.get("iam"), self.document.get("service")
        role = iam.get("role") if isinstance(iam, LinedMap) else None
        given = role.get("name") if isinstance(role, LinedMap) else None
        stage, region = self.provider.get("stage", "dev"), self.provider.get("region", "us-east-1")
        parts = (service.get("name") if isinstance(service, LinedMap) else service, stage, region, "lambdaRole")
        made = "-".join(str(part) for part in parts) if all(isinstance(part, str) for part in parts) else None
        return given if isinstance(given, str) else made if given is None else None

    def role(self, name: str, statements: list[tuple[Any, int]], managed: list[Any], line: int, own: Any = None) -> None:
        listed = LinedList(line)
        listed.extend(statement for statement, _ in statements)
        listed.item_lines = [place for _, place in statements]
        policies = LinedList(line)
        document = {"Version": "2012-10-17", "Statement": listed}
        policies.append(_map(line, {"PolicyName": "lambda", "PolicyDocument": document}, self.here))
        policies.item_lines = [line]
        values: dict[str, Any] = {"AssumeRolePolicyDocument": _TRUST, "ManagedPolicyArns": managed, "Policies": policies}
        if (called := self._role_name() if name == _COMMON_ROLE else own) is not None:
            values["RoleName"] = called
        self.add(name, "AWS::IAM::Role", values, line)

    # -- who comes in ----------------------------------------------------------------------------------------------

    def event(self, function: str, index: int, kind: str, given: Any, line: int) -> None:
        name = f"{function}{kind.capitalize()}{index}"
        if kind in ("http", "httpApi"):
            self.door(name, function, kind, given, line)
        elif kind == "s3":
            self.objects(name, function, given, line)
        elif kind == "sqs":
            source = given.get("arn") if isinstance(given, LinedMap) and "arn" in given else given
            values: dict[str, Any] = {"FunctionName": {"Ref": function}, "EventSourceArn": source, **_own(given, {"enabled": "Enabled"})}
            if (patterns := _own(given, {"filterPatterns": "Filters"}).get("Filters")) is not None:
                values["FilterCriteria"] = {"Filters": _patterns(patterns)}
            self.add(name, "AWS::Lambda::EventSourceMapping", values, line)
        elif kind == "sns":
            topic = given.get("arn") if isinstance(given, LinedMap) and "arn" in given else given
            values = {"TopicArn": topic, "Protocol": "lambda", "Endpoint": _arn(function)}
            values |= _own(given, {"filterPolicy": "FilterPolicy", "filterPolicyScope": "FilterPolicyScope"})
            self.add(name, "AWS::SNS::Subscription", values, line)
        elif kind == "eventBridge" and isinstance(given, LinedMap):
            letters = {"DeadLetterConfig": {"Arn": given["deadLetterQueueArn"]}} if "deadLetterQueueArn" in given else {}
            values = {"Targets": [{"Arn": _arn(function), "Id": name, **letters}]}
            values |= _own(given, {"pattern": "EventPattern", "eventBus": "EventBusName", "enabled": "State"})
            if isinstance(values.get("State"), bool):
                values["State"] = "ENABLED" if values["State"] else "DISABLED"
            self.add(name, "AWS::Events::Rule", values, line)
        elif kind not in _QUIET:
            self.unread.setdefault(kind, SourceRef(self.here, line))

    def door(self, name: str, function: str, kind: str, given: Any, line: int) -> None:
        method, path = _asked(given)
        authorizer = given.get("authorizer") if isinstance(given, LinedMap) else None
        auth = _authorization(authorizer)
        if kind == "httpApi":
            key = "$default" if method == "*" and path in ("", "*") else f"{'ANY' if method == '*' else method} {path}"
            values: dict[str, Any] = {"RouteKey": key, "AuthorizationType": auth, "Target": _arn(function)}
            self.add(name, "AWS::ApiGatewayV2::Route", values, line)
            return
        integration = {"Type": "AWS_PROXY", "Uri": _arn(function)}
        values = {"RestApiId": {"Ref": "ApiGatewayRestApi"}, "HttpMethod": method, "Path": path, "AuthorizationType": auth}
        values |= {"Integration": integration}
        if isinstance(given, LinedMap) and given.get("private") is True:
            values["ApiKeyRequired"] = True
        self.add(name, "AWS::ApiGateway::Method", values, line)

    def rest_api(self) -> None:
        kind = self.provider.get("endpointType")
        values: dict[str, Any] = {"EndpointConfiguration": {"Types": [kind.upper()]}} if isinstance(kind, str) else {}
        policy = self._api_policy()
        if policy is not None:
            values["Policy"] = {"Version": "2012-10-17", "Statement": policy}
        self.add("ApiGatewayRestApi", "AWS::ApiGateway::RestApi", values, self.document.key_lines.get("provider", 1))

    def _api_policy(self) -> Any:
        gateway = self.provider.get("apiGateway")
        return gateway.get("resourcePolicy") if isinstance(gateway, LinedMap) else self.provider.get("resourcePolicy")

    def objects(self, name: str, function: str, given: Any, line: int) -> None:
        """New objects tell the function; a bucket that is named here and nowhere else is made by the framework."""
        bucket = given.get("bucket") if isinstance(given, LinedMap) else given
        described = _described(_given(self.provider.get("s3")).get(bucket) if isinstance(bucket, str) else None)
        called = described.get("BucketName", bucket)
        event = given.get("event", "s3:ObjectCreated:*") if isinstance(given, LinedMap) else "s3:ObjectCreated:*"
        entry = _map(line, {"Event": event, "Function": _arn(function)}, self.here)
        if isinstance(given, LinedMap) and "rules" in given:
            entry["Filter"] = _limits(given["rules"])
        owner = bucket.get("Ref") if isinstance(bucket, LinedMap) else None
        for address, body in self.resources.items():
            if body.get("Type") == "AWS::S3::Bucket" and (address == owner or _bucket_name(body) == called is not None):
                owner = address
        if owner is None and not (isinstance(given, LinedMap) and given.get("existing") is True):
            known = (
                re.sub("[^A-Za-z0-9]", "", bucket.title()) if isinstance(bucket, str) else f"Of{function.removesuffix('LambdaFunction')}"
            )
            owner = f"S3Bucket{known}"
            if owner in self.resources:
                owner += name.removeprefix(function)  # another one that isn't known by its name
            self.add(owner, "AWS::S3::Bucket", {"BucketName": bucket, **described}, line)
        body = self.resources.get(owner) if isinstance(owner, str) else None
        if not isinstance(body, LinedMap):
            self.say("the bucket of this s3 event is not part of the file", line)
            return
        properties = body.setdefault("Properties", LinedMap(body.line))
        settings = properties.setdefault("NotificationConfiguration", LinedMap(line)) if isinstance(properties, LinedMap) else None
        if isinstance(settings, LinedMap):
            listed = settings.setdefault("LambdaConfigurations", LinedList(line))
            if isinstance(listed, LinedList):
                listed.append(entry)
                listed.item_lines.append(line)


def _arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _is_map(value: Any) -> bool:
    return isinstance(value, LinedMap)


def _given(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, LinedMap) else {}


def _reason(value: Any) -> str:
    return value.reason if isinstance(value, Unknown) else "not a map"


def _bucket_name(body: LinedMap) -> Any:
    properties = body.get("Properties")
    return properties.get("BucketName") if isinstance(properties, LinedMap) else None


def _described(given: Any) -> dict[str, Any]:
    """What ``provider.s3`` says of a bucket that an event makes: its name, and its properties with a small first letter."""
    return {"BucketName" if key == "name" else f"{key[:1].upper()}{key[1:]}": value for key, value in _given(given).items()}


def _role_of(body: Any) -> bool:
    """Whether ``body`` is a function with the role that all share."""
    properties = body.get("Properties") if isinstance(body, LinedMap) else None
    return isinstance(properties, LinedMap) and properties.get("Role") == _arn(_COMMON_ROLE)


def _own(given: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """What ``given`` says under ``names``, under the words that CloudFormation has for them."""
    return {word: given[name] for name, word in names.items() if isinstance(given, LinedMap) and name in given}


def _patterns(given: Any) -> Any:
    """Filters of an event source mapping as CloudFormation has them."""
    return [{"Pattern": pattern} for pattern in given] if isinstance(given, list) else given


def _limits(rules: Any) -> Any:
    """The rules of an s3 event (``- suffix: .jpg``), which limit it to some keys, as CloudFormation has them."""
    if not isinstance(rules, list):
        return rules
    parts = [part for rule in rules for part in (rule.items() if isinstance(rule, Mapping) else ((rule, None),))]
    return {"S3Key": {"Rules": [{"Name": name, "Value": value} for name, value in parts]}}


def _statements(value: Any, line: int) -> list[tuple[Any, int]]:
    """IAM statements with their lines; a list that isn't known is one unknown statement."""
    if isinstance(value, LinedList):
        return [(entry, value.item_lines[index] if index < len(value.item_lines) else line) for index, entry in enumerate(value)]
    return [(value, line)] if isinstance(value, Unknown) else []


def _asked(given: Any) -> tuple[str, str]:
    """The method and path of an event, written as one text or as a map."""
    if isinstance(given, str):
        method, _, path = given.strip().partition(" ")
        return method.upper(), path.strip()
    if not isinstance(given, LinedMap):
        return "*", ""
    method, path = given.get("method", "*"), given.get("path", "")
    return (method.upper() if isinstance(method, str) else "ANY"), (path if isinstance(path, str) else "")


def _authorization(authorizer: Any) -> Any:
    """What an event's ``authorizer`` comes down to; NONE where nothing is said."""
    if authorizer is None or isinstance(authorizer, Unknown):
        return "NONE" if authorizer is None else authorizer
    kind = authorizer.get("type") if isinstance(authorizer, LinedMap) else authorizer
    return "AWS_IAM" if str(kind).lower() == "aws_iam" else "CUSTOM"
