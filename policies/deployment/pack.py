"""Conformance packs: the planned rules as templates within AWS Config's limits.

A pack holds ``AWS::Config::ConfigRule`` and ``AWS::Config::RemediationConfiguration`` only (nothing else is allowed in one). Rules
that don't fit into one pack go on in the next. Limits: AWS Config's service quotas and PutConformancePack's documentation.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment import __version__
from averment.core.errors import BadInputError
from averment.core.scope import Scope
from averment.policies.deployment.names import LONGEST, PREFIX, rule_of
from averment.policies.deployment.plan import DeploymentPlan, PlannedRule
from averment.policies.deployment.templates import dump

MAX_RULES = 130
MAX_PARAMETERS = 60
MAX_INLINE_BYTES = 51_200
MAX_S3_BYTES = 300 * 1024
MAX_INPUT_PARAMETERS = 1024
MAX_SCOPE_TYPES = 100
MAX_GUARD_TEXT = 10_000

FUNCTION_NAME = "averment-config-rules"
RUNBOOK_ROLE = "averment-runbooks"
_CHANGE = "ConfigurationItemChangeNotification"
_OVERSIZED = "OversizedConfigurationItemChangeNotification"
_SCHEDULE = "ScheduledNotification"
BUILD = "AvermentBuild"
"""The parameter of an organisation's pack that tells its builds apart: AWS Config doesn't give such a pack's template back."""

_ORGANISATION_ROLE = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{RUNBOOK_ROLE}-${{AWS::Region}}"}
_ORGANISATION_FUNCTION = {"Fn::Sub": f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{FUNCTION_NAME}"}


@dataclass(frozen=True)
class PackOptions:
    """What a pack is made for.

    ``function`` is the function's ARN as the default of its parameter, None to leave that to whoever deploys; with ``organisation``
    every account is to have the function under its usual name, and no parameter asks for it. With ``proactive``, rules that look at
    nothing but the resource itself are also run on resources that aren't deployed yet; AWS Config takes that for some types only.
    """

    name: str = "averment"
    function: str | None = None
    organisation: bool = False
    proactive: bool = False


@dataclass(frozen=True)
class Pack:
    """One conformance pack: its ``name``, template (``body``, YAML) with its ``parameters`` and their defaults, and the rules in it."""

    name: str
    body: str
    parameters: Mapping[str, str | None]
    rules: tuple[PlannedRule, ...]
    scope: Scope
    options: PackOptions

    @property
    def digest(self) -> str:
        """SHA-256 of the template, hex."""
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def inline(self) -> bool:
        """Whether the template can be handed over as text; a larger one goes through S3."""
        return len(self.body.encode()) <= MAX_INLINE_BYTES


def packs(plan: DeploymentPlan, scope: Scope, options: PackOptions | None = None) -> tuple[Pack, ...]:
    """The packs for ``plan``, as few as the limits allow.

    Raises:
        BadInputError: a single rule breaks a limit by itself (a Guard text, its types, its parameters).
    """
    options = options or PackOptions()
    for planned in plan.rules:
        _check(planned, scope)
    groups = list(_groups(plan.rules, scope, options))
    names = [options.name] if len(groups) == 1 else [f"{options.name}-{number}" for number in range(1, len(groups) + 1)]
    return tuple(_pack(name, group, scope, options) for name, group in zip(names, groups, strict=True))


def _pack(name: str, rules: Sequence[PlannedRule], scope: Scope, options: PackOptions) -> Pack:
    parameters = {key: value.get("Default") for key, value in _parameters(rules, scope, options)}
    return Pack(name, template(rules, scope, options), parameters, tuple(rules), scope, options)


def _groups(rules: Sequence[PlannedRule], scope: Scope, options: PackOptions) -> Iterator[list[PlannedRule]]:
    """Each time as many of the rules that are left as fit into a template."""

    def size(some: Sequence[PlannedRule]) -> int:
        return len(template(some, scope, options).encode())

    left = list(rules)
    while left:
        most = left[:MAX_RULES]
        if size(most) > MAX_S3_BYTES:
            fitting = bisect_right(range(1, len(most)), MAX_S3_BYTES, key=lambda count: size(most[:count]))
            most = most[: max(1, fitting)]
        yield most
        left = left[len(most) :]


def _check(planned: PlannedRule, scope: Scope) -> None:
    flaw = None
    if planned.guard is not None and len(planned.guard) > MAX_GUARD_TEXT:
        flaw = f"its Guard text has {len(planned.guard):,} characters, and AWS Config takes {MAX_GUARD_TEXT:,}"
    elif rule_of(planned.name) != planned.rule.id:
        flaw = f"its id has {len(planned.rule.id)} characters, and its compliance could only be read with {LONGEST - len(PREFIX)}"
    elif len(planned.types) > MAX_SCOPE_TYPES:
        flaw = f"it looks at {len(planned.types)} types, and AWS Config takes {MAX_SCOPE_TYPES}"
    elif planned.guard is None and len(json.dumps(inputs(planned, scope))) > MAX_INPUT_PARAMETERS:
        flaw = f"its parameters are longer than the {MAX_INPUT_PARAMETERS:,} characters that AWS Config takes"
    if flaw is not None:
        raise BadInputError(f"the rule {planned.rule.id} can't be deployed: {flaw}", fix="leave the rule out, or make it smaller")


def template(rules: Sequence[PlannedRule], scope: Scope, options: PackOptions) -> str:
    """The template of one pack: a comment that leads back to here, then YAML.

    Raises:
        BadInputError: it has more parameters than AWS Config takes.
    """
    parameters = dict(_parameters(rules, scope, options))
    if len(parameters) > MAX_PARAMETERS:
        raise BadInputError(
            f"the pack {options.name} has {len(parameters)} parameters, and AWS Config takes {MAX_PARAMETERS}",
            fix="spread the rules over several packs, or set fewer parameters",
        )
    resources: dict[str, Any] = {}
    for planned in rules:
        name = logical_id(planned.name)
        resources[name] = {"Type": "AWS::Config::ConfigRule", "Properties": config_rule(planned, scope, options)}
        if planned.runbook is not None:
            resources[f"{name}Remediation"] = {
                "Type": "AWS::Config::RemediationConfiguration",
                "DependsOn": name,
                "Properties": remediation(planned, options),
            }
    body = dump({**({"Parameters": parameters} if parameters else {}), "Resources": resources})
    controls = sorted({control.id for planned in rules for control in planned.controls})
    head = f"# Generated by averment {__version__} from its controls; don't edit, build it anew: averment rules build\n"
    return f"{head}# Rules: {len(rules)}. Controls: {', '.join(controls)}\n{body}"


def _parameters(rules: Sequence[PlannedRule], scope: Scope, options: PackOptions) -> Iterator[tuple[str, dict[str, Any]]]:
    if any(planned.guard is None for planned in rules):
        if not options.organisation:
            default = {"Default": options.function} if options.function else {}
            yield "FunctionArn", {"Type": "String", "Description": "ARN of the function that runs the rules", **default}
        for key, value in common_inputs(scope).items():
            yield _PARAMETERS[key][0], {"Type": "String", "Description": _PARAMETERS[key][1], "Default": value}
    if options.organisation:
        yield BUILD, {"Type": "String", "Description": "Which build of the pack this is", "Default": "unknown"}
    elif any(planned.runbook is not None for planned in rules):
        yield "RemediationRoleArn", {"Type": "String", "Description": "ARN of the role that the runbooks act as"}


_PARAMETERS = {
    "accounts": ("OrganisationAccounts", "The organisation's own accounts, comma-separated, besides the one that is evaluated"),
    "organisation_id": ("OrganisationId", "The organisation's id in AWS Organizations"),
}


def common_inputs(scope: Scope) -> dict[str, str]:
    """What every rule in the function is told of the organisation, by the name of the rule's parameter.

    More accounts than fit into a rule's parameters are left to the bundle's settings, which hold them all.
    """
    accounts = ",".join(scope.accounts)
    found = {"accounts": accounts} if accounts and len(accounts) <= MAX_INPUT_PARAMETERS // 2 else {}
    return {**found, **({"organisation_id": scope.organisation_id} if scope.organisation_id else {})}


def inputs(planned: PlannedRule, scope: Scope) -> dict[str, str]:
    """A rule's parameters as AWS Config hands them to the function."""
    return {"rule": planned.rule.id, **common_inputs(scope)}


def config_rule(planned: PlannedRule, scope: Scope, options: PackOptions) -> dict[str, Any]:
    """The properties of a rule's ``AWS::Config::ConfigRule``, with the template's parameters as ``Ref``."""
    base = {
        "ConfigRuleName": planned.name,
        "Description": planned.description,
        **({"Scope": {"ComplianceResourceTypes": list(planned.types)}} if planned.types else {}),
        **({"EvaluationModes": [{"Mode": "DETECTIVE"}, {"Mode": "PROACTIVE"}]} if options.proactive and planned.stands_alone else {}),
    }
    messages = (_CHANGE, _OVERSIZED) if planned.types else ()
    details = [{"EventSource": "aws.config", "MessageType": message} for message in messages]
    if planned.guard is not None:
        policy = {"PolicyRuntime": "guard-2.x.x", "PolicyText": planned.guard}
        return {**base, "Source": {"Owner": "CUSTOM_POLICY", "SourceDetails": details, "CustomPolicyDetails": policy}}
    if planned.every is not None:
        details.append({"EventSource": "aws.config", "MessageType": _SCHEDULE, "MaximumExecutionFrequency": planned.every})
    function = _ORGANISATION_FUNCTION if options.organisation else {"Ref": "FunctionArn"}
    given = {key: {"Ref": _PARAMETERS[key][0]} for key in common_inputs(scope)}
    return {
        **base,
        "InputParameters": {"rule": planned.rule.id, **given},
        "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": function, "SourceDetails": details},
    }


def remediation(planned: PlannedRule, options: PackOptions) -> Mapping[str, Any]:
    """The properties of a rule's ``AWS::Config::RemediationConfiguration``, empty without a runbook.

    Started by hand from the finding: what takes a bucket off the air isn't left to a machine.
    """
    runbook = planned.runbook
    if runbook is None:
        return {}
    return {
        "ConfigRuleName": planned.name,
        "ResourceType": runbook.resource_type,
        "TargetType": "SSM_DOCUMENT",
        "TargetId": runbook.document,
        "Automatic": False,
        "Parameters": {
            "AutomationAssumeRole": {
                "StaticValue": {"Values": [_ORGANISATION_ROLE if options.organisation else {"Ref": "RemediationRoleArn"}]}
            },
            runbook.parameter: {"ResourceValue": {"Value": "RESOURCE_ID"}},
        },
    }


def logical_id(name: str) -> str:
    """``averment-s3-put-object-gated`` as the name of a resource in a template: ``AvermentS3PutObjectGated``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))
