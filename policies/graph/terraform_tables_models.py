"""What Terraform's types are in CloudFormation: models and their endpoints, identity, and the watch over what they cost.

Sources: both providers' references.
"""

from __future__ import annotations

from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.graph.terraform_map import Shape, block, blocks, to
from averment.policies.graph.text import parsed_json


def _cost_filters(value: Any) -> Any:
    """``cost_filter`` blocks as one map of names to values."""
    if not isinstance(value, list):
        return value
    known = [entry for entry in value if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    if len(known) < len(value):
        return Unknown("a filter of the budget could not be resolved")
    return {entry["name"]: entry.get("values") for entry in known}


def _budget_notifications(value: Any) -> Any:
    """A budget's ``notification`` blocks; addresses and topics become ``Subscribers``."""
    if not isinstance(value, list):
        return value
    return [_budget_notification(entry) if isinstance(entry, dict) else entry for entry in value]


def _budget_notification(entry: dict[str, Any]) -> dict[str, Any]:
    subscribers: list[Any] = []
    for name, kind in (("subscriber_email_addresses", "EMAIL"), ("subscriber_sns_topic_arns", "SNS")):
        given = entry.get(name)
        listed_ = given if isinstance(given, list) else [] if given is None else [given]
        whole = not isinstance(given, list)
        subscribers += [item if whole and isinstance(item, Unknown) else {"SubscriptionType": kind, "Address": item} for item in listed_]
    kept = ("comparison_operator", "threshold", "threshold_type", "notification_type")
    words = {"".join(part.capitalize() for part in name.split("_")): entry[name] for name in kept if entry.get(name) is not None}
    return {"Notification": words, "Subscribers": subscribers}


SHAPES: dict[str, Shape] = {
    "aws_sagemaker_model": Shape(
        "AWS::SageMaker::Model",
        {
            "name": to("ModelName"),
            "primary_container": block("PrimaryContainer", {}),
            "container": blocks("Containers", {}),
            "vpc_config": block("VpcConfig", {}),
        },
    ),
    "aws_sagemaker_endpoint_configuration": Shape(
        "AWS::SageMaker::EndpointConfig",
        {
            "name": to("EndpointConfigName"),
            "kms_key_arn": to("KmsKeyId"),
            "production_variants": blocks("ProductionVariants", {"serverless_config": block("ServerlessConfig", {})}),
            "data_capture_config": block("DataCaptureConfig", {"capture_options": blocks("CaptureOptions", {})}),
            "async_inference_config": block("AsyncInferenceConfig", {}),
        },
    ),
    "aws_sagemaker_endpoint": Shape("AWS::SageMaker::Endpoint", {"name": to("EndpointName")}),
    "aws_cognito_identity_pool": Shape("AWS::Cognito::IdentityPool", {}),
    "aws_cognito_identity_pool_roles_attachment": Shape("AWS::Cognito::IdentityPoolRoleAttachment", {"role_mapping": to("RoleMappings")}),
    "aws_cognito_user_pool": Shape(
        "AWS::Cognito::UserPool",
        {
            "name": to("UserPoolName"),
            "user_pool_add_ons": block("UserPoolAddOns", {}),
            "lambda_config": block("LambdaConfig", {}),
        },
    ),
    "aws_cognito_user_pool_client": Shape(
        "AWS::Cognito::UserPoolClient",
        {"name": to("ClientName"), "allowed_oauth_flows": to("AllowedOAuthFlows")},
    ),
    "aws_appsync_graphql_api": Shape(
        "AWS::AppSync::GraphQLApi",
        {"additional_authentication_provider": blocks("AdditionalAuthenticationProviders", {})},
    ),
    "aws_appsync_datasource": Shape(
        "AWS::AppSync::DataSource",
        {"lambda_config": block("LambdaConfig", {"function_arn": to("LambdaFunctionArn")})},
    ),
    "aws_rekognition_stream_processor": Shape(
        "AWS::Rekognition::StreamProcessor",
        {
            "settings": block("", {"face_search": block("FaceSearchSettings", {})}),
        },
    ),
    "aws_rekognition_collection": Shape("AWS::Rekognition::Collection", {}),
    "aws_appautoscaling_target": Shape("AWS::ApplicationAutoScaling::ScalableTarget", {}),
    "aws_appautoscaling_policy": Shape("AWS::ApplicationAutoScaling::ScalingPolicy", {}),
    "aws_ssm_document": Shape("AWS::SSM::Document", {"content": to("Content", parsed_json)}),
    "aws_budgets_budget": Shape(
        "AWS::Budgets::Budget",
        {
            "name": to("Budget.BudgetName"),
            "budget_type": to("Budget.BudgetType"),
            "limit_amount": to("Budget.BudgetLimit.Amount"),
            "limit_unit": to("Budget.BudgetLimit.Unit"),
            "time_unit": to("Budget.TimeUnit"),
            "cost_filter": to("Budget.CostFilters", _cost_filters),
            "cost_filters": to("Budget.CostFilters"),
            "filter_expression": to("Budget.FilterExpression"),
            "notification": to("NotificationsWithSubscribers", _budget_notifications),
        },
    ),
    "aws_ce_anomaly_monitor": Shape(
        "AWS::CE::AnomalyMonitor", {"name": to("MonitorName"), "monitor_specification": to("MonitorSpecification", parsed_json)}
    ),
    "aws_ce_anomaly_subscription": Shape(
        "AWS::CE::AnomalySubscription",
        {"name": to("SubscriptionName"), "subscriber": blocks("Subscribers", {})},
    ),
}
