"""The IAM actions that the function behind the rules needs: the one table of them.

Each call that it makes is here, so that its role can be generated for the rules that an organisation deploys and for nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from averment.core.scope import Scope
from averment.policies.interface import Kind, Rule
from averment.policies.runtime.described.added import ADDITIONS
from averment.policies.surfaces.config.types import Origin, held_in, recording

REPORTING = frozenset({"config:GetComplianceDetailsByConfigRule", "config:PutEvaluations"})
"""To tell AWS Config the verdicts, and of what it holds one from before."""

INVENTORY = frozenset(
    {
        "config:BatchGetResourceConfig",
        "config:DescribeConfigurationRecorderStatus",
        "config:DescribeConfigurationRecorders",
        "config:GetResourceConfigHistory",
        "config:ListDiscoveredResources",
        "config:SelectResourceConfig",
    }
)
"""To read the items of a recorded type with their tags, one that is too large for an event, and to know whether somebody keeps them up
to date."""

_HTTP_APIS = ("apigateway:GET",)
_GRAPHQL = ("appsync:ListGraphqlApis",)
_OBJECT_LAMBDA = ("s3:ListAccessPoints", "s3:ListAccessPointsForObjectLambda")

ASKED: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Method": _HTTP_APIS,
    "AWS::ApiGateway::RestApi": _HTTP_APIS,
    "AWS::ApiGatewayV2::Api": _HTTP_APIS,
    "AWS::ApiGatewayV2::Integration": _HTTP_APIS,
    "AWS::ApiGatewayV2::Route": _HTTP_APIS,
    "AWS::AppSync::DataSource": (*_GRAPHQL, "appsync:ListDataSources"),
    "AWS::AppSync::GraphQLApi": _GRAPHQL,
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScheduledActions",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("application-autoscaling:DescribeScalingPolicies",),
    "AWS::Bedrock::ProvisionedModelThroughput": ("bedrock:ListProvisionedModelThroughputs",),
    "AWS::Budgets::Budget": ("budgets:ViewBudget",),
    "AWS::CE::AnomalyMonitor": ("ce:GetAnomalyMonitors",),
    "AWS::CE::AnomalySubscription": ("ce:GetAnomalySubscriptions",),
    "AWS::CloudFront::OriginAccessControl": ("cloudfront:ListOriginAccessControls",),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch:DescribeAlarms",),
    "AWS::Cognito::IdentityPoolRoleAttachment": ("cognito-identity:GetIdentityPoolRoles", "cognito-identity:ListIdentityPools"),
    "AWS::Config::ConfigRule": ("config:DescribeConfigRules",),
    "AWS::Config::ConfigurationRecorder": ("config:DescribeConfigurationRecorderStatus", "config:DescribeConfigurationRecorders"),
    "AWS::Config::ConformancePack": ("config:DescribeConformancePacks",),
    "AWS::Config::DeliveryChannel": ("config:DescribeDeliveryChannels",),
    "AWS::Lambda::EventInvokeConfig": ("lambda:ListFunctionEventInvokeConfigs", "lambda:ListFunctions"),
    "AWS::Lambda::EventSourceMapping": ("lambda:ListEventSourceMappings",),
    "AWS::Lambda::Url": ("lambda:ListFunctionUrlConfigs", "lambda:ListFunctions"),
    "AWS::Pipes::Pipe": ("pipes:DescribePipe", "pipes:ListPipes"),
    "AWS::Rekognition::Collection": ("rekognition:ListCollections",),
    "AWS::Rekognition::StreamProcessor": ("rekognition:DescribeStreamProcessor", "rekognition:ListStreamProcessors"),
    "AWS::S3ObjectLambda::AccessPoint": (*_OBJECT_LAMBDA, "s3:GetAccessPointConfigurationForObjectLambda"),
    "AWS::S3ObjectLambda::AccessPointPolicy": (*_OBJECT_LAMBDA, "s3:GetAccessPointPolicyForObjectLambda"),
    "AWS::SNS::Subscription": ("sns:GetSubscriptionAttributes", "sns:ListSubscriptions"),
    "AWS::SageMaker::Endpoint": ("sagemaker:DescribeEndpoint", "sagemaker:ListEndpoints"),
    "AWS::SageMaker::EndpointConfig": ("sagemaker:DescribeEndpointConfig", "sagemaker:ListEndpointConfigs"),
    "AWS::SageMaker::InferenceComponent": ("sagemaker:ListInferenceComponents",),
}
"""By Config's name of a type that is asked of its service: the actions that this takes. API Gateway knows its verbs only."""

_IAM = ("iam:GetAccountAuthorizationDetails",)

ELSEWHERE_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AWS::CloudFront::Distribution": ("cloudfront:ListDistributions",),
    "AWS::IAM::Group": _IAM,
    "AWS::IAM::Policy": _IAM,
    "AWS::IAM::Role": _IAM,
    "AWS::IAM::User": _IAM,
}
"""By type: the actions with which it is asked of its service in regions whose AWS Config has no items of it."""

ADDED_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AWS::CloudFront::Distribution": ("s3:GetBucketTagging",),
    "AWS::CloudTrail::Trail": ("cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"),
    "AWS::DynamoDB::Table": ("dynamodb:DescribeTimeToLive",),
    "AWS::KMS::Key": ("kms:ListGrants",),
    "AWS::Lambda::Function": ("lambda:ListFunctions",),
    "AWS::S3::AccessPoint": ("s3:GetAccessPointPolicy",),
    "AWS::S3::Bucket": ("s3:GetMetricsConfiguration",),
    "AWS::S3::MultiRegionAccessPoint": ("s3:GetMultiRegionAccessPointPolicy",),
}
"""By type: the actions with which facts are added to what AWS Config records of it."""


def permissions(rules: Iterable[Rule], scope: Scope) -> frozenset[str]:
    """The IAM actions that the function needs to run ``rules`` in an organisation with this ``scope``. Rules about source code need none: they don't run there."""
    actions: set[str] = set(REPORTING)
    for rule in rules:
        if rule.kind is Kind.INFRASTRUCTURE:
            actions |= INVENTORY  # for an oversized item of any type, too
            for name in (*rule.types, *rule.looks_up(scope)):
                actions |= _of_type(name, rule)
    return frozenset(actions)


def _of_type(name: str, rule: Rule) -> set[str]:
    actions: set[str] = set()
    for resource_type in held_in((name,)):
        if recording(name).origin is Origin.SERVICE:
            actions.update(ASKED[resource_type])
        actions.update(ELSEWHERE_ACTIONS.get(resource_type, ()))
        addition = ADDITIONS.get(resource_type)
        wanted = addition is not None and (addition.rules is None or rule.id in addition.rules)
        if wanted and not (addition is not None and addition.subjects and resource_type not in held_in(rule.types)):
            actions.update(ADDED_ACTIONS[resource_type])
    return actions
