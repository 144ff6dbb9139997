"""What AWS Config does with a custom Lambda rule: invoke its function for each resource in scope, with the real event.

Resources and their items come from the embedded Config over HTTP, the result token from its back end in this process, and the
handler's PutEvaluations go back over HTTP, so a handler that works here has used the calls that it will use there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.sandbox.events import FunctionError, Handler, LambdaContext

CHANGE = "ConfigurationItemChangeNotification"
OVERSIZED = "OversizedConfigurationItemChangeNotification"
SCHEDULE = "ScheduledNotification"

MAX_EVENT_BYTES = 256 * 1024
"""What an invoking event may hold; Lambda takes no more in an asynchronous invocation."""

JSON = dict[str, Any]

_log = logging.getLogger("averment.sandbox")


@dataclass(frozen=True)
class RuleRun:
    """What one run of a rule did.

    ``invoked``: resource type and id of each invocation (periodic: one, the account). ``errors``: what the handler raised.
    ``unrecorded``: resource types in the rule's scope that the embedded Config has no items of; nothing was checked there.
    """

    rule: str
    invoked: tuple[tuple[str, str], ...]
    errors: tuple[str, ...]
    unrecorded: tuple[str, ...]


def run_rule(rule_name: str, handler: Handler) -> RuleRun:
    """Run the custom Lambda rule ``rule_name`` on every resource in its scope, or once if it is periodic.

    Raises:
        BadInputError: no such rule, or not a custom Lambda rule.
        IncompleteError: the embedded Config is out of reach.
    """
    config = client("config")
    rule = _rule(config, rule_name)
    events, unrecorded = invocations(config, rule)
    return run_function(rule, handler, events, unrecorded, config.meta.region_name)


@dataclass(frozen=True)
class Invocation:
    """One event for a rule's function: which resource (type, id), the invoking event, and whether the resource left the rule's scope."""

    resource: tuple[str, str]
    invoking: JSON
    left_scope: bool = False


def run_function(rule: JSON, handler: Handler, events: list[Invocation], unrecorded: tuple[str, ...], region: str) -> RuleRun:
    """Invoke ``handler`` for ``rule`` (as DescribeConfigRules gives it) once an element of ``events``, as ``invocations`` gives them."""
    context = function_context(rule, region)
    errors = [
        f"{' '.join(invocation.resource)}: {error}"
        for invocation in events
        if (error := _invoke(handler, rule, invocation, context, region))
    ]
    return RuleRun(rule["ConfigRuleName"], tuple(invocation.resource for invocation in events), tuple(errors), unrecorded)


def invocations(config: Any, rule: JSON) -> tuple[list[Invocation], tuple[str, ...]]:
    """What Config would invoke ``rule`` with now, and the types in its scope of which there are no items.

    ``config`` is a client. A periodic rule has one event, for the account; a change-triggered one an event a resource in its scope, and one
    for each that was deleted or left the scope since the rule judged it. An item that doesn't fit into an event is announced as
    oversized, to rules that listen for that.
    """
    events: list[Invocation] = []
    unrecorded: tuple[str, ...] = ()
    messages = {detail["MessageType"] for detail in rule["Source"].get("SourceDetails", [])}
    account, region = _account(rule), config.meta.region_name
    if SCHEDULE in messages:
        events.append(Invocation(("AWS::::Account", account), _scheduled(account)))
    if messages & {CHANGE, OVERSIZED}:
        recorded = recorded_types(account, region)
        types = rule.get("Scope", {}).get("ComplianceResourceTypes") or recorded
        unrecorded = tuple(kind for kind in types if kind not in recorded)
        for kind in (kind for kind in types if kind in recorded):
            for item in items(config, kind, deleted=True):
                there = not item["configurationItemStatus"].startswith("ResourceDeleted")
                inside = there and in_scope(rule, item)
                if inside or _judged(config, rule, item):
                    invoking = change(item)
                    if len(json.dumps(invoking)) > MAX_EVENT_BYTES:
                        invoking = oversized(item)
                    if invoking["messageType"] in messages:
                        events.append(Invocation((kind, item["resourceId"]), invoking, left_scope=there and not inside))
    return events, unrecorded


def _judged(config: Any, rule: JSON, item: JSON) -> bool:
    """Whether the rule still holds a verdict of the resource of ``item``."""
    found = config.get_compliance_details_by_resource(ResourceType=item["resourceType"], ResourceId=item["resourceId"])
    return any(
        result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"] == rule["ConfigRuleName"]
        and result["ComplianceType"] != "NOT_APPLICABLE"
        for result in found["EvaluationResults"]
    )


def in_scope(rule: JSON, item: JSON) -> bool:
    """Whether the rule's scope takes in ``item``: by type, by type and id, by tag, or because there is no scope."""
    scope = rule.get("Scope", {})
    types, key = scope.get("ComplianceResourceTypes"), scope.get("TagKey")
    if types and item["resourceType"] not in types:
        return False
    if scope.get("ComplianceResourceId") not in (None, item["resourceId"]):
        return False
    tags = item.get("tags") or {}
    return not key or (key in tags and scope.get("TagValue") in (None, tags[key]))


def recorded_types(account: str | None = None, region: str | None = None) -> tuple[str, ...]:
    """The resource types of which the embedded Config has items; with those that were put into the history of ``account`` in ``region``."""
    from moto.config.models import RESOURCE_MAP, config_backends

    from averment.sandbox.backends.config.recordings import recordings
    from averment.sandbox.backends.config_recorded import RECORDED

    held = {kind for kind, _ in recordings(config_backends[account][region])} if account and region else set()
    return tuple(sorted({*RESOURCE_MAP, *RECORDED, *held}))


def items(config: Any, resource_type: str, *, deleted: bool = False) -> Iterator[JSON]:
    """The newest configuration item of every resource of ``resource_type``, as the API gives it; with ``deleted``, of deleted ones too."""
    token: JSON = {}
    while True:
        page = config.list_discovered_resources(resourceType=resource_type, includeDeletedResources=deleted, **token)
        for found in page["resourceIdentifiers"]:
            history = config.get_resource_config_history(resourceType=resource_type, resourceId=found["resourceId"], limit=1)
            yield from history["configurationItems"]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def change(item: JSON) -> JSON:
    """The invoking event of a change: ``item`` (from the API) under the names that events use, its values parsed."""
    supplementary = item.get("supplementaryConfiguration") or {}
    return {
        "configurationItemDiff": None,
        "configurationItem": {
            "relatedEvents": item.get("relatedEvents", []),
            "relationships": item.get("relationships", []),
            "configuration": json.loads(item["configuration"]) if item.get("configuration") else None,
            "supplementaryConfiguration": {name: json.loads(value) for name, value in supplementary.items()},
            "tags": item.get("tags", {}),
            "configurationItemVersion": item["version"],
            "configurationItemCaptureTime": _stamp(item["configurationItemCaptureTime"]),
            "configurationStateId": int(item["configurationStateId"]),
            "awsAccountId": item["accountId"],
            "configurationItemStatus": item["configurationItemStatus"],
            "resourceType": item["resourceType"],
            "resourceId": item["resourceId"],
            "resourceName": item.get("resourceName"),
            "ARN": item["arn"],
            "awsRegion": item["awsRegion"],
            "availabilityZone": item.get("availabilityZone"),
            "configurationStateMd5Hash": item.get("configurationItemMD5Hash", ""),
            "resourceCreationTime": _stamp(item["resourceCreationTime"]) if item.get("resourceCreationTime") else None,
        },
        "notificationCreationTime": _stamp(datetime.now(UTC)),
        "messageType": CHANGE,
        "recordVersion": "1.3",
    }


def oversized(item: JSON) -> JSON:
    """The invoking event of a change whose item is too large for an event: who it is, without its configuration."""
    whole = change(item)["configurationItem"]
    status = whole["configurationItemStatus"]
    kind = "DELETE" if status.startswith("ResourceDeleted") else "CREATE" if status == "ResourceDiscovered" else "UPDATE"
    left_out = ("relatedEvents", "relationships", "configuration", "supplementaryConfiguration", "tags")
    return {
        "configurationItemSummary": {"changeType": kind, **{name: value for name, value in whole.items() if name not in left_out}},
        "notificationCreationTime": _stamp(datetime.now(UTC)),
        "messageType": OVERSIZED,
        "recordVersion": "1.0",
    }


def event(rule: JSON, invoking: JSON, token: str, account: str, *, left_scope: bool = False) -> JSON:
    """The event of a custom rule's function: ``rule`` as DescribeConfigRules gives it; the invoking event as a JSON string."""
    return {
        "invokingEvent": json.dumps(invoking),
        "ruleParameters": rule.get("InputParameters") or "{}",
        "resultToken": token,
        "eventLeftScope": left_scope,
        "executionRoleArn": f"arn:aws:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
        "configRuleArn": rule["ConfigRuleArn"],
        "configRuleName": rule["ConfigRuleName"],
        "configRuleId": rule["ConfigRuleId"],
        "accountId": account,
        "version": "1.0",
    }


def _rule(config: Any, name: str) -> JSON:
    try:
        rule: JSON = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"][0]
    except config.exceptions.NoSuchConfigRuleException as error:
        raise BadInputError(f"the embedded Config has no rule '{name}'", fix="create it with PutConfigRule first") from error
    if rule["Source"]["Owner"] != "CUSTOM_LAMBDA":
        raise BadInputError(
            f"the rule '{name}' is of owner {rule['Source']['Owner']}; only custom Lambda rules run here",
            fix="create it with the owner CUSTOM_LAMBDA",
        )
    return rule


def _account(rule: JSON) -> str:
    return str(rule["ConfigRuleArn"]).split(":")[4]


def function_context(rule: JSON, region: str) -> LambdaContext:
    """The context that the function of ``rule`` (as DescribeConfigRules gives it) is called with."""
    arn = rule["Source"]["SourceIdentifier"]
    return LambdaContext(str(arn).rsplit(":", 1)[-1], arn if str(arn).startswith("arn:") else f"arn:aws:lambda:{region}::function:{arn}")


def _scheduled(account: str) -> JSON:
    now = _stamp(datetime.now(UTC))
    return {"awsAccountId": account, "notificationCreationTime": now, "messageType": SCHEDULE, "recordVersion": "1.0"}


def _invoke(handler: Handler, rule: JSON, invocation: Invocation, context: LambdaContext, region: str) -> str | None:
    """None, or what the handler raised: Config counts a failed invocation and goes on."""
    from averment.sandbox.backends.config.state import issue_token, note_run

    account = _account(rule)
    token = issue_token(account, region, rule["ConfigRuleName"])
    try:
        handler(event(rule, invocation.invoking, token, account, left_scope=invocation.left_scope), context)
    except Exception as error:  # noqa: BLE001 - whatever a function raises, Config goes on with the next resource
        _log.warning("the function of rule %s failed", rule["ConfigRuleName"], exc_info=True)
        kind = error.kind if isinstance(error, FunctionError) else type(error).__name__
        note_run(account, region, rule["ConfigRuleName"], (kind, str(error)))
        return f"{kind}: {error}"
    note_run(account, region, rule["ConfigRuleName"])
    return None


def _stamp(moment: datetime | str) -> str:
    """``2026-10-01T12:00:00.000Z``, as Config writes times in events."""
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
