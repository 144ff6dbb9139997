"""Models at work and what they cost: SageMaker, its scaling, Bedrock, Rekognition, budgets, cost anomalies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.core.aws import missing_permission
from averment.policies.runtime.described.ask import Ask, Item, without

_SCALED = "sagemaker"
"""The one service whose scaling rules ask about."""


def endpoints(ask: Ask) -> Iterator[Item]:
    """SageMaker endpoints with the configuration that is in service."""
    for entry in ask.pages("sagemaker", "list_endpoints", "Endpoints"):
        name = entry["EndpointName"]
        found = ask.client("sagemaker").describe_endpoint(EndpointName=name)
        configuration = {"EndpointName": name, "EndpointConfigName": found.get("EndpointConfigName")}
        yield ask.item("AWS::SageMaker::Endpoint", name, entry["EndpointArn"], configuration)


def endpoint_configs(ask: Ask) -> Iterator[Item]:
    """SageMaker endpoint configurations."""
    for entry in ask.pages("sagemaker", "list_endpoint_configs", "EndpointConfigs"):
        name = entry["EndpointConfigName"]
        found = ask.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        configuration = without(found, "CreationTime", "EndpointConfigArn")
        yield ask.item("AWS::SageMaker::EndpointConfig", name, entry["EndpointConfigArn"], configuration)


def components(ask: Ask) -> Iterator[Item]:
    """Inference components: models that share an endpoint."""
    for entry in ask.pages("sagemaker", "list_inference_components", "InferenceComponents"):
        name = entry["InferenceComponentName"]
        wanted = ("InferenceComponentName", "EndpointName", "VariantName")
        configuration = {key: entry.get(key) for key in wanted}
        yield ask.item("AWS::SageMaker::InferenceComponent", name, entry["InferenceComponentArn"], configuration)


def scalable_targets(ask: Ask) -> Iterator[Item]:
    """SageMaker variants that application autoscaling may move, with their schedules."""
    scheduled: dict[tuple[str, str], list[Any]] = {}
    for action in ask.pages("application-autoscaling", "describe_scheduled_actions", "ScheduledActions", ServiceNamespace=_SCALED):
        key = (action["ResourceId"], action.get("ScalableDimension", ""))
        scheduled.setdefault(key, []).append({"ScheduledActionName": action["ScheduledActionName"], "Schedule": action.get("Schedule")})
    for target in ask.pages("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace=_SCALED):
        identity = _scaling_id(target)
        configuration = without(target, "CreationTime", "ScalableTargetARN", "PredictedCapacity")
        configuration["ScheduledActions"] = scheduled.get((target["ResourceId"], target["ScalableDimension"]))
        arn = target.get("ScalableTargetARN") or ask.arn("application-autoscaling", f"scalable-target/{identity}")
        yield ask.item("AWS::ApplicationAutoScaling::ScalableTarget", identity, arn, configuration)


def scaling_policies(ask: Ask) -> Iterator[Item]:
    """What moves those variants."""
    for policy in ask.pages("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace=_SCALED):
        configuration = {**without(policy, "CreationTime", "PolicyARN", "Alarms"), "ScalingTargetId": _scaling_id(policy)}
        yield ask.item("AWS::ApplicationAutoScaling::ScalingPolicy", policy["PolicyARN"], policy["PolicyARN"], configuration)


def throughputs(ask: Ask) -> Iterator[Item]:
    """Provisioned throughput of Bedrock models, which is paid by the hour."""
    for found in ask.pages("bedrock", "list_provisioned_model_throughputs", "provisionedModelSummaries"):
        configuration = {"ProvisionedModelName": found["provisionedModelName"], "ModelUnits": found.get("modelUnits")}
        identity = found["provisionedModelName"]
        yield ask.item("AWS::Bedrock::ProvisionedModelThroughput", identity, found["provisionedModelArn"], configuration)


def collections(ask: Ask) -> Iterator[Item]:
    """Rekognition's face collections."""
    for name in ask.pages("rekognition", "list_collections", "CollectionIds"):
        yield ask.item("AWS::Rekognition::Collection", name, ask.arn("rekognition", f"collection/{name}"), {"CollectionId": name})


def stream_processors(ask: Ask) -> Iterator[Item]:
    """Rekognition's stream processors with what they look for.

    One that searches faces does so in a collection, so where there is none, nobody is asked: AWS has closed them to new customers (30 April 2026), and
    in regions without them Rekognition denies the list to everybody. It gives no reason then, where IAM says who lacks which action.
    """
    from botocore.exceptions import ClientError

    if not ask.pages("rekognition", "list_collections", "CollectionIds"):
        return
    try:
        listed = ask.pages("rekognition", "list_stream_processors", "StreamProcessors")
    except ClientError as error:
        if missing_permission(error) and not error.response["Error"].get("Message"):
            return
        raise
    for entry in listed:
        name = entry["Name"]
        settings = ask.client("rekognition").describe_stream_processor(Name=name).get("Settings") or {}
        search, home = settings.get("FaceSearch"), settings.get("ConnectedHome")
        configuration = {
            "Name": name,
            "FaceSearchSettings": search,
            "ConnectedHomeSettings": home,
        }
        yield ask.item("AWS::Rekognition::StreamProcessor", name, ask.arn("rekognition", f"streamprocessor/{name}"), configuration)


def budgets(ask: Ask) -> Iterator[Item]:
    """Budgets with their notifications and who is told."""
    # Unless asked for it, AWS Budgets leaves out the expression that the newer budgets are narrowed by: they seemed to be about everything.
    more = {"ShowFilterExpression": True} if ask.takes("budgets", "DescribeBudgets", "ShowFilterExpression") else {}
    for budget in ask.pages("budgets", "describe_budgets", "Budgets", AccountId=ask.account, **more):
        name = budget["BudgetName"]
        place = {"AccountId": ask.account, "BudgetName": name}
        notified = []
        for notification in ask.pages("budgets", "describe_notifications_for_budget", "Notifications", **place):
            told = ask.pages("budgets", "describe_subscribers_for_notification", "Subscribers", **place, Notification=notification)
            notified.append({"Notification": notification, "Subscribers": list(told)})
        configuration = {
            "Budget": without(budget, "CalculatedSpend", "LastUpdatedTime", "TimePeriod"),
            "NotificationsWithSubscribers": notified,
        }
        yield ask.item("AWS::Budgets::Budget", name, f"arn:{ask.partition}:budgets::{ask.account}:budget/{name}", configuration)


def anomaly_monitors(ask: Ask) -> Iterator[Item]:
    """Monitors of cost anomalies."""
    for monitor in ask.pages("ce", "get_anomaly_monitors", "AnomalyMonitors"):
        wanted = ("MonitorName", "MonitorType", "MonitorDimension", "MonitorSpecification")
        configuration = {key: monitor.get(key) for key in wanted}
        yield ask.item("AWS::CE::AnomalyMonitor", monitor["MonitorArn"], monitor["MonitorArn"], configuration)


def anomaly_subscriptions(ask: Ask) -> Iterator[Item]:
    """Who is told of cost anomalies."""
    for found in ask.pages("ce", "get_anomaly_subscriptions", "AnomalySubscriptions"):
        configuration = without(found, "AccountId", "SubscriptionArn")
        yield ask.item("AWS::CE::AnomalySubscription", found["SubscriptionArn"], found["SubscriptionArn"], configuration)


def _scaling_id(entry: Any) -> str:
    return "|".join(str(entry.get(key)) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
