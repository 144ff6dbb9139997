"""What Config accepts as a rule: PutConfigRule's ``ConfigRule`` checked beyond lengths and enums, and completed as the service does.

The same checks judge a rule of a conformance pack. Of a managed rule only identifier and parameter names are checked, against
the list that moto carries. Not covered: resource types in a scope that Config doesn't have (nobody says whether it refuses them).
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.config.exceptions import InsufficientPermissionsException
from moto.config.models import MANAGED_RULES_CONSTRAINTS

from averment.sandbox.backends.config.errors import invalid
from averment.sandbox.backends.config.guard import check_policy
from averment.sandbox.backends.config.state import JSON
from averment.sandbox.policy import Decision, Request, decide

CHANGES = ("ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification")
PERIODIC = ("ScheduledNotification", "ConfigurationSnapshotDeliveryCompleted")
ACCOUNT_TYPE = "AWS::::Account"
"""The resource type under which a rule reports on the account itself."""

_MANAGED = {**MANAGED_RULES_CONSTRAINTS, "AWS_CONFIG_PROCESS_CHECK": {"Parameters": []}}
"""moto's list lacks the rule that an account answers by hand."""

_KEPT = ("Description", "Scope", "Source", "InputParameters", "MaximumExecutionFrequency", "EvaluationModes", "RuleEvaluationVisibility")
_TYPE = re.compile(r"[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}")
_FUNCTION = re.compile(r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?")


def checked_definition(rule: JSON, account: str, rule_arn: str) -> JSON:
    """``rule`` as Config keeps it: without name, id and ARN, evaluation modes and frequencies filled in.

    ``account`` owns the rule; ``rule_arn`` is what its function's permission may name.

    Raises:
        JsonRESTError: InvalidParameterValueException, or InsufficientPermissionsException for a function that Config can't invoke.
    """
    if rule.get("CreatedBy"):
        raise invalid(
            "AWS Config populates the CreatedBy field for ServiceLinkedConfigRule. Try again without populating the CreatedBy field"
        )
    if rule.get("ConfigRuleState", "ACTIVE") != "ACTIVE":
        raise invalid(f"The ConfigRuleState {rule['ConfigRuleState']} is invalid. Only the following values are permitted: ACTIVE")
    definition: JSON = {key: rule[key] for key in _KEPT if rule.get(key) is not None}
    definition["EvaluationModes"] = rule.get("EvaluationModes") or [{"Mode": "DETECTIVE"}]
    _check_scope(definition.get("Scope") or {})
    parameters = _parameters(definition.get("InputParameters"))
    owner = definition["Source"]["Owner"]
    if owner != "CUSTOM_POLICY" and definition["Source"].get("CustomPolicyDetails"):
        raise invalid(f"CustomPolicyDetails should be null if the owner is {owner}.")
    if owner == "AWS":
        _check_managed(definition["Source"], parameters, definition.get("InputParameters"))
    else:
        definition["Source"] = _with_details(definition)
        if owner == "CUSTOM_POLICY":
            _check_custom_policy(definition)
        else:
            check_invocable(definition["Source"].get("SourceIdentifier") or "", account, rule_arn)
    return definition


def check_type(kind: str) -> None:
    """Refuse what can't be a resource type of Config's.

    The service refuses every type that it doesn't know; the service model's list isn't the one it goes by (it lacks
    AWS::SageMaker::EndpointConfig, for which there are managed rules), so the form alone is judged here.

    Raises:
        JsonRESTError: InvalidParameterValueException.
    """
    if kind != ACCOUNT_TYPE and not _TYPE.fullmatch(kind):
        raise invalid(f"The resource type {kind} is invalid. Only the types that AWS Config supports are permitted.")


def check_invocable(arn: str, account: str, rule_arn: str) -> None:
    """Refuse the function ``arn`` if it doesn't exist or its policy doesn't let Config invoke it for the rule ``rule_arn``.

    Raises:
        JsonRESTError: InsufficientPermissionsException.
    """
    match = _FUNCTION.fullmatch(arn)
    function = _function(match) if match else None
    if function is None or not _permits(function, account, rule_arn):
        raise InsufficientPermissionsException(
            f"The AWS Lambda function {arn} cannot be invoked. Check the specified function ARN, and check the function's permissions."
        )


def _function(match: re.Match[str]) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.utils import get_backend

    try:
        return get_backend(match["account"], match["region"]).get_function(match["name"], match["qualifier"])
    except UnknownFunctionException:
        return None


def _permits(function: Any, account: str, rule_arn: str) -> bool:
    """Whether the function's resource policy allows config.amazonaws.com, its conditions on the source included."""
    statements = [{**item, "Principal": "*"} for item in function.policy.statements if _names_config(item.get("Principal"))]
    request = Request(
        action="lambda:InvokeFunction",
        resource=function.function_arn,
        principals=(),
        context={"aws:sourceaccount": (account,), "aws:sourcearn": (rule_arn,)},
        known=lambda key: key in ("aws:sourceaccount", "aws:sourcearn", "aws:principalorgid"),
    )
    bare = [{**item, "Resource": "*"} for item in statements]  # a permission belongs to the function that it was added to
    return decide(json.dumps({"Statement": bare}), request) is Decision.ALLOW


def _names_config(principal: Any) -> bool:
    service = principal.get("Service") if isinstance(principal, dict) else principal
    return "config.amazonaws.com" in (service if isinstance(service, list) else [service])


def _check_scope(scope: JSON) -> None:
    types, tagged = scope.get("ComplianceResourceTypes") or [], scope.get("TagKey") or scope.get("TagValue")
    if scope.get("TagValue") and not scope.get("TagKey"):
        raise invalid("Tag key should not be empty when tag value is provided in scope")
    if tagged and (types or scope.get("ComplianceResourceId")):
        raise invalid("Scope cannot be applied to both resource and tag")
    if scope.get("ComplianceResourceId") and len(types) != 1:
        raise invalid("A single resourceType should be provided when resourceId is provided in scope")


def _parameters(text: str | None) -> JSON:
    if not text:
        return {}
    try:
        parameters = json.loads(text)
    except ValueError as error:
        raise invalid(f"Invalid json {text} passed in the InputParameters field") from error
    if not isinstance(parameters, dict):
        raise invalid(f"Invalid json {text} passed in the InputParameters field")
    return parameters


def _check_managed(source: JSON, parameters: JSON, text: str | None) -> None:
    identifier = source.get("SourceIdentifier")
    if identifier not in _MANAGED:
        raise invalid(
            f"The sourceIdentifier {identifier} is invalid. Please refer to the documentation for a list of valid sourceIdentifiers "
            "that can be used when AWS is the Owner"
        )
    if source.get("SourceDetails"):
        raise invalid(
            "SourceDetails should be null/empty if the owner is AWS. SourceDetails should be provided if the owner is CUSTOM_LAMBDA"
        )
    known = _MANAGED[identifier]["Parameters"]
    if not set(parameters) <= {item["Name"] for item in known}:
        raise invalid(f"Unknown parameters provided in the inputParameters: {text}")
    missing = sorted({item["Name"] for item in known if not item["Optional"]} - set(parameters))
    if missing:
        raise invalid(f"The required parameter [{', '.join(missing)}] is not present in the inputParameters")


def _with_details(definition: JSON) -> JSON:
    """The source with its details checked: message types, and frequencies where they belong and nowhere else."""
    source = definition["Source"]
    details = source.get("SourceDetails")
    if not details:
        raise invalid(
            f"SourceDetails should be null/empty if the owner is AWS. SourceDetails should be provided if the owner is {source['Owner']}"
        )
    completed = []
    for detail in details:
        message = detail.get("MessageType")
        if not detail.get("EventSource") or not message:
            raise invalid("EventSource and MessageType must be given in every element of SourceDetails")
        if message in CHANGES and detail.get("MaximumExecutionFrequency"):
            raise invalid(
                "A maximum execution frequency is not allowed if MessageType is ConfigurationItemChangeNotification or "
                "OversizedConfigurationItemChangeNotification"
            )
        default = {"MaximumExecutionFrequency": definition.get("MaximumExecutionFrequency", "TwentyFour_Hours")}
        completed.append({**(default if message in PERIODIC else {}), **detail})
    return {**source, "SourceDetails": completed}


def _check_custom_policy(definition: JSON) -> None:
    source = definition["Source"]
    if not source.get("CustomPolicyDetails"):
        raise invalid("CustomPolicyDetails should be provided if the owner is CUSTOM_POLICY")
    if definition.get("MaximumExecutionFrequency"):
        raise invalid("A maximum execution frequency is not allowed if the owner is CUSTOM_POLICY")
    wrong = [detail["MessageType"] for detail in source["SourceDetails"] if detail["MessageType"] not in CHANGES]
    if wrong:
        raise invalid(f"The message type {wrong[0]} is not allowed if the owner is CUSTOM_POLICY. Permitted: {', '.join(CHANGES)}")
    source.pop("SourceIdentifier", None)
    policy = source["CustomPolicyDetails"]
    check_policy(policy["PolicyText"])
    source["CustomPolicyDetails"] = {"EnableDebugLogDelivery": False, **policy}
