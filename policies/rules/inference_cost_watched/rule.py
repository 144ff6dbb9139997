"""Somebody hears of it when inference costs more than it should (SM-MON-03)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown, find_unknown
from averment.policies.iam.carriers import IDENTITY_NEIGHBOURS, IDENTITY_TYPES, carriers_of
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.alarms import ALARM, COMPOSITE, TELLING, tells
from averment.policies.rules.endpoints import CONFIG, ENDPOINT, config_of, is_detector, serverless
from averment.policies.rules.grants import INVOKING, MATCHING, grants_of
from averment.policies.rules.judge import fix_for
from averment.policies.rules.mechanical import actions_enabled
from averment.policies.rules.recipients import addressed, reached

BUDGET = "AWS::Budgets::Budget"
MONITOR = "AWS::CE::AnomalyMonitor"
ANOMALIES = "AWS::CE::AnomalySubscription"
THROUGHPUT = "Terraform::aws_bedrock_provisioned_model_throughput"
PARAMETER = "inference_cost_watched_elsewhere"
"""True where budgets or anomaly monitors of the whole organisation watch inference, outside of what is read."""

_WATCHES = (BUDGET, ANOMALIES, ALARM)
_SERVICES = re.compile(r"sagemaker|bedrock|rekognition|inference", re.IGNORECASE)
_SPEND = {
    "AWS/Billing": ("EstimatedCharges",),
    "AWS/SageMaker": ("Invocations", "InvocationsPerInstance"),
    "AWS/Bedrock": ("Invocations", "InputTokenCount", "OutputTokenCount", "OutputImageCount"),
    "AWS/Rekognition": ("SuccessfulRequestCount",),
}
_USES = (*INVOKING, *MATCHING, "rekognition:DetectFaces", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")

_BUDGET_TERRAFORM = """\
resource "aws_budgets_budget" "inference" {
  name         = "inference"
  budget_type  = "COST"
  limit_amount = "500"
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "Service"
    values = ["Amazon SageMaker", "Amazon Rekognition"]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = ["<who pays>"]
  }
}"""
_BUDGET_CLOUDFORMATION = """\
InferenceBudget:
  Type: AWS::Budgets::Budget
  Properties:
    Budget:
      BudgetName: inference
      BudgetType: COST
      TimeUnit: MONTHLY
      BudgetLimit: {Amount: 500, Unit: USD}
      CostFilters: {Service: [Amazon SageMaker, Amazon Rekognition]}
    NotificationsWithSubscribers:
      - Notification: {NotificationType: ACTUAL, ComparisonOperator: GREATER_THAN, Threshold: 80, ThresholdType: PERCENTAGE}
        Subscribers:
          - {SubscriptionType: EMAIL, Address: <who pays>}"""
_MONITOR_TERRAFORM = """\
resource "aws_ce_anomaly_subscription" "@" {
  name             = "@"
  frequency        = "DAILY"
  monitor_arn_list = [aws_ce_anomaly_monitor.@.arn]

  subscriber {
    type    = "EMAIL"
    address = "<who pays>"
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = ["50"]
    }
  }
}"""
_MONITOR_CLOUDFORMATION = """\
@Subscription:
  Type: AWS::CE::AnomalySubscription
  Properties:
    SubscriptionName: anomalies
    Frequency: DAILY
    Threshold: 50
    MonitorArnList: [!Ref @]
    Subscribers:
      - {Type: EMAIL, Address: <who pays>}"""
_HEARD = {
    BUDGET: (
        'subscriber_email_addresses = ["<who pays>"]  # in a notification block',
        "Subscribers:  # of an entry of NotificationsWithSubscribers\n  - {SubscriptionType: EMAIL, Address: <who pays>}",
    ),
    ANOMALIES: (
        'subscriber {\n  type    = "EMAIL"\n  address = "<who pays>"\n}',
        "Subscribers:\n  - {Type: EMAIL, Address: <who pays>}",
    ),
    ALARM: ("alarm_actions = [aws_sns_topic.<topic>.arn]", "AlarmActions:\n  - !Ref <Topic>"),
    MONITOR: (_MONITOR_TERRAFORM, _MONITOR_CLOUDFORMATION),
}


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on what costs by the hour (an endpoint), or on a budget, anomaly monitor or alarm that is to watch it."""
    if resource.type in (ENDPOINT, THROUGHPUT):
        return _spender(resource, context)
    if not _about_inference(resource, context.graph):
        return NOT_APPLICABLE
    verdict = _heard(resource, context.graph)
    if verdict is False and resource.type == ALARM:
        verdict = context.not_read(COMPOSITE) or False
    if verdict is True:
        return PASS
    if isinstance(verdict, Unknown):
        return unknown(f"whether anybody hears of {_subject(resource)} can't be told: {verdict.reason}", where=resource.source)
    terraform, cloudformation = _HEARD[resource.type]
    fix = fix_for(resource, terraform=terraform, cloudformation=cloudformation, command="aws budgets create-subscriber ...")
    muted = resource.type == ALARM and reached(resource.get("AlarmActions"), context.graph) is True
    changes = (actions_enabled(resource),) if muted else ()
    return fail(f"nobody hears of {_subject(resource)}: {_lacks(resource)}", where=resource.source, fix=fix, changes=changes)


def _spender(resource: Resource, context: Context) -> Outcome:
    graph = context.graph
    if context.parameters.get(PARAMETER) is True or (resource.type == ENDPOINT and not is_detector(resource, context)):
        return NOT_APPLICABLE
    if resource.type == ENDPOINT and serverless(config_of(resource, graph)):
        return NOT_APPLICABLE  # nothing runs, and nothing is paid, while nobody asks
    watches = [watch for watch in graph.of_type(*_WATCHES) if _about_inference(watch, graph)]
    verdict = any_of(_heard(watch, graph) for watch in watches)
    if verdict is True:
        return PASS
    if isinstance(verdict, Unknown):
        return unknown(f"whether anybody hears of what this costs can't be told: {verdict.reason}", where=resource.source)
    if watches or next(graph.of_type(MONITOR), None) is not None:
        return NOT_APPLICABLE  # there is a watch that nobody hears of: the finding is on it
    if (missing := context.not_read(*_WATCHES, MONITOR)) is not None:
        return unknown(f"whether anybody watches what this costs: {missing.reason}", where=resource.source)
    what = "this endpoint" if resource.type == ENDPOINT else "this provisioned throughput"
    fix = fix_for(
        resource,
        terraform=_BUDGET_TERRAFORM,
        cloudformation=_BUDGET_CLOUDFORMATION,
        command="aws budgets create-budget --account-id <account> --budget file://inference.json --notifications-with-subscribers file://who.json",
    )
    message = (
        f"{what} costs money by the hour, and no budget, cost anomaly subscription or alarm in what was read watches inference spend"
        f" (set {PARAMETER} if one does elsewhere)"
    )
    return fail(message, where=resource.source, fix=fix)


def _about_inference(watch: Resource, graph: Graph) -> bool:
    """Whether ``watch`` is about inference: it names the services, or it is about all spending where inference is used."""
    if watch.type == ALARM:
        spaces = [namespace for namespace, metric in _metrics(watch) if _spend_metric(namespace, metric)]
        whole = all(namespace == "AWS/Billing" for namespace in spaces) and not _SERVICES.search(str(watch.get("Dimensions")))
        return bool(spaces) and (not whole or _uses_inference(graph))
    narrowed, text = _filters(watch, graph)
    if narrowed and _SERVICES.search(text) is not None:
        return True
    if narrowed and next(_hidden_filters(watch), None) is None:
        return False
    return _SERVICES.search(_name(watch)) is not None or _uses_inference(graph)


def _filters(watch: Resource, graph: Graph) -> tuple[bool, str]:
    """Whether a budget or monitor is narrowed to some services, and the text that does it."""
    if watch.type == BUDGET:
        filters = watch.get("Budget", "CostFilters")
        services = filters.get("Service") if isinstance(filters, Mapping) else None
        expression = watch.get("Budget", "FilterExpression")
        text = f"{services or ''} {expression or ''} {_named_instead(watch, services, expression)}"
        return bool(services) or (expression is not None and "SERVICE" in str(expression).upper()), text
    if watch.type == MONITOR:
        specification = watch.get("MonitorSpecification")
        return specification is not None, f"{specification} {_named_instead(watch, specification)}"
    monitors = [graph.target(value) for value in _listed(watch.get("MonitorArnList"))]
    known = [monitor for monitor in monitors if isinstance(monitor, Resource)]
    narrowed = [_filters(monitor, graph) for monitor in known]
    return bool(narrowed) and all(flag for flag, _ in narrowed), " ".join(text for _, text in narrowed)


def _named_instead(watch: Resource, *filters: Any) -> str:
    """The name of ``watch`` where its filters don't tell of which services it is: where they do, it may be called what it likes."""
    return _name(watch) if next(find_unknown(filters), None) is not None else ""


def _metrics(alarm: Resource) -> Iterator[tuple[Any, Any]]:
    yield alarm.get("Namespace"), alarm.get("MetricName")
    for query in _listed(alarm.get("Metrics")):
        metric = query.get("MetricStat", {}) if isinstance(query, Mapping) else {}
        inner = metric.get("Metric") if isinstance(metric, Mapping) else None
        if isinstance(inner, Mapping):
            yield inner.get("Namespace"), inner.get("MetricName")


def _spend_metric(namespace: Any, metric: Any) -> bool:
    return isinstance(namespace, str) and metric in _SPEND.get(namespace, ())


@per_graph
def _uses_inference(graph: Graph) -> bool:
    if next(graph.of_type(ENDPOINT, THROUGHPUT), None) is not None:
        return True
    holders = graph.of_type(*IDENTITY_TYPES)
    return any(not grant.everything for holder in holders for grant in grants_of(list(carriers_of(holder, graph)), _USES))


def _heard(watch: Resource, graph: Graph) -> Truth:
    """Whether somebody who is there is told by ``watch``."""
    if watch.type == BUDGET:
        hidden = next(_hidden_filters(watch), None)
        return _budget_heard(watch, graph) if hidden is None else all_of((_budget_heard(watch, graph), hidden))
    if watch.type == ANOMALIES:
        return addressed(watch.get("Subscribers"), graph)
    if watch.type == MONITOR:
        return _monitor_heard(watch, graph)
    return tells(watch, graph)


def _hidden_filters(budget: Resource) -> Iterator[Unknown]:
    """Why it isn't known of which services a budget is, where its name doesn't say that it is of inference."""
    if budget.type != BUDGET:
        return
    services = budget.get("Budget", "CostFilters", "Service")
    expression = budget.get("Budget", "FilterExpression")
    if _SERVICES.search(_name(budget)) is None:
        for value in (*(services if isinstance(services, list) else [services]), expression):
            if isinstance(value, Unknown):
                yield Unknown(f"of which services it is could not be resolved: {value.reason}")


def _budget_heard(budget: Resource, graph: Graph) -> Truth:
    notifications = budget.get("NotificationsWithSubscribers")
    if isinstance(notifications, Unknown):
        return notifications
    return any_of(
        entry if isinstance(entry, Unknown) else addressed(entry.get("Subscribers") if isinstance(entry, Mapping) else None, graph)
        for entry in _listed(notifications)
    )


def _monitor_heard(monitor: Resource, graph: Graph) -> Truth:
    verdicts: list[Truth] = []
    for subscription in graph.of_type(ANOMALIES):
        listed = subscription.get("MonitorArnList")
        if any(graph.target(value) is monitor or value == monitor.address for value in _listed(listed)):
            return True  # who is told is asked of the subscription
        if any(isinstance(value, Unknown | str) for value in _listed(listed)):
            verdicts.append(Unknown(f"the monitors of {subscription.address} could not be resolved"))
    return any_of(verdicts)


def _lacks(watch: Resource) -> str:
    if watch.type == ALARM:
        return "its actions are disabled" if watch.get("ActionsEnabled") is False else "it has no alarm action"
    return "no anomaly subscription is for it" if watch.type == MONITOR else "it has no subscriber"


def _subject(watch: Resource) -> str:
    kind = {BUDGET: "this budget", MONITOR: "this cost anomaly monitor", ANOMALIES: "this anomaly subscription"}.get(watch.type)
    if kind is not None:
        return kind
    metric = next((f"{metric}" for namespace, metric in _metrics(watch) if _spend_metric(namespace, metric)), "spend")
    return f"this alarm on {metric}"


def _name(watch: Resource) -> str:
    names = (watch.get("Budget", "BudgetName"), watch.get("MonitorName"), watch.get("SubscriptionName"), watch.address)
    return " ".join(name for name in names if isinstance(name, str))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


RULE = Rule(
    id="inference-cost-watched",
    title="Inference spend is watched, and somebody hears of it",
    severity=Severity.MEDIUM,
    types=(ENDPOINT, THROUGHPUT, BUDGET, MONITOR, ANOMALIES, ALARM),
    evaluate=evaluate,
    remediation="Set a budget on the inference services, or subscribe to cost anomalies, with somebody who is told.",
    neighbours=(ENDPOINT, CONFIG, THROUGHPUT, BUDGET, MONITOR, ANOMALIES, *TELLING, *IDENTITY_NEIGHBOURS),
)
