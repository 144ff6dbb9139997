"""What is asked of which service, and the permissions that it takes: the tables of the types that AWS Config doesn't record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from averment.policies.runtime.described import access_points, account, apis, elsewhere, inference
from averment.policies.runtime.described.ask import Ask, Item

_API_GATEWAY = "apigateway:GET"
"""API Gateway knows its verbs only."""

_IAM = "iam:GetAccountAuthorizationDetails"


class Described:
    """What asks a service for all resources of a type, and the IAM ``actions`` that this takes."""

    def __init__(self, ask: Callable[[Ask], Iterator[Item]], *actions: str) -> None:
        self.ask, self.actions = ask, actions


DESCRIBED: Mapping[str, Described] = {
    "AWS::ApiGateway::Method": Described(apis.rest_methods, _API_GATEWAY),
    "AWS::ApiGateway::RestApi": Described(apis.rest_apis, _API_GATEWAY),
    "AWS::ApiGatewayV2::Api": Described(apis.http_apis, _API_GATEWAY),
    "AWS::ApiGatewayV2::Integration": Described(apis.integrations, _API_GATEWAY),
    "AWS::ApiGatewayV2::Route": Described(apis.routes, _API_GATEWAY),
    "AWS::AppSync::DataSource": Described(apis.graphql_sources, "appsync:ListGraphqlApis", "appsync:ListDataSources"),
    "AWS::AppSync::GraphQLApi": Described(apis.graphql_apis, "appsync:ListGraphqlApis"),
    "AWS::ApplicationAutoScaling::ScalableTarget": Described(
        inference.scalable_targets, "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScheduledActions"
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Described(inference.scaling_policies, "application-autoscaling:DescribeScalingPolicies"),
    "AWS::Bedrock::ProvisionedModelThroughput": Described(inference.throughputs, "bedrock:ListProvisionedModelThroughputs"),
    "AWS::Budgets::Budget": Described(inference.budgets, "budgets:ViewBudget"),
    "AWS::CE::AnomalyMonitor": Described(inference.anomaly_monitors, "ce:GetAnomalyMonitors"),
    "AWS::CE::AnomalySubscription": Described(inference.anomaly_subscriptions, "ce:GetAnomalySubscriptions"),
    "AWS::CloudFront::OriginAccessControl": Described(account.origin_access_controls, "cloudfront:ListOriginAccessControls"),
    "AWS::CloudWatch::CompositeAlarm": Described(account.composite_alarms, "cloudwatch:DescribeAlarms"),
    "AWS::Cognito::IdentityPoolRoleAttachment": Described(
        account.identity_pool_roles, "cognito-identity:GetIdentityPoolRoles", "cognito-identity:ListIdentityPools"
    ),
    "AWS::Config::ConfigRule": Described(account.config_rules, "config:DescribeConfigRules"),
    "AWS::Config::ConfigurationRecorder": Described(
        account.recorders, "config:DescribeConfigurationRecorderStatus", "config:DescribeConfigurationRecorders"
    ),
    "AWS::Config::ConformancePack": Described(account.conformance_packs, "config:DescribeConformancePacks"),
    "AWS::Config::DeliveryChannel": Described(account.delivery_channels, "config:DescribeDeliveryChannels"),
    "AWS::Lambda::EventInvokeConfig": Described(apis.invoke_configs, "lambda:ListFunctionEventInvokeConfigs", "lambda:ListFunctions"),
    "AWS::Lambda::EventSourceMapping": Described(apis.event_sources, "lambda:ListEventSourceMappings"),
    "AWS::Lambda::Url": Described(apis.function_urls, "lambda:ListFunctionUrlConfigs", "lambda:ListFunctions"),
    "AWS::Pipes::Pipe": Described(apis.pipes, "pipes:DescribePipe", "pipes:ListPipes"),
    "AWS::Rekognition::Collection": Described(inference.collections, "rekognition:ListCollections"),
    "AWS::Rekognition::StreamProcessor": Described(
        inference.stream_processors,
        "rekognition:DescribeStreamProcessor",
        "rekognition:ListCollections",
        "rekognition:ListStreamProcessors",
    ),
    "AWS::S3ObjectLambda::AccessPoint": Described(
        access_points.object_lambda_points,
        "s3:ListAccessPoints",
        "s3:ListAccessPointsForObjectLambda",
        "s3:GetAccessPointConfigurationForObjectLambda",
    ),
    "AWS::S3ObjectLambda::AccessPointPolicy": Described(
        access_points.object_lambda_policies,
        "s3:ListAccessPoints",
        "s3:ListAccessPointsForObjectLambda",
        "s3:GetAccessPointPolicyForObjectLambda",
    ),
    "AWS::SNS::Subscription": Described(account.subscriptions, "sns:GetSubscriptionAttributes", "sns:ListSubscriptions"),
    "AWS::SageMaker::Endpoint": Described(inference.endpoints, "sagemaker:DescribeEndpoint", "sagemaker:ListEndpoints"),
    "AWS::SageMaker::EndpointConfig": Described(
        inference.endpoint_configs, "sagemaker:DescribeEndpointConfig", "sagemaker:ListEndpointConfigs"
    ),
    "AWS::SageMaker::InferenceComponent": Described(inference.components, "sagemaker:ListInferenceComponents"),
}
"""By Config's name, the types that are asked of their service."""

ELSEWHERE: Mapping[str, Described] = {
    "AWS::CloudFront::Distribution": Described(elsewhere.distributions, "cloudfront:ListDistributions"),
    "AWS::IAM::Group": Described(elsewhere.groups, _IAM),
    "AWS::IAM::Policy": Described(elsewhere.policies, _IAM),
    "AWS::IAM::Role": Described(elsewhere.roles, _IAM),
    "AWS::IAM::User": Described(elsewhere.users, _IAM),
}
"""Types that are asked of their service where AWS Config has no items of them in the region (``recorded_elsewhere``)."""
