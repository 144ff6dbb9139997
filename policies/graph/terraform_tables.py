"""What Terraform's types are in CloudFormation: everything but S3 and IAM. Sources: both providers' references."""

from __future__ import annotations

from typing import Any

from averment.policies.graph.joined import parsed_description
from averment.policies.graph.model import Unknown
from averment.policies.graph.terraform_map import Fields, Shape, block, blocks, listed, to
from averment.policies.graph.text import parsed_json


def _dimensions(value: Any) -> Any:
    return [{"Name": key, "Value": item} for key, item in value.items()] if isinstance(value, dict) else value


def _switched(value: Any) -> Any:
    """Key groups, which a distribution for several tenants keeps in a block that can be switched off."""
    block_ = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else None
    if block_ is None:
        return value
    on = block_.get("enabled")
    return on if isinstance(on, Unknown) else block_.get("items") if on in (True, "true") else []


def _methods(value: Any) -> Any:
    """Methods, which a distribution for several tenants keeps in a block."""
    block_ = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else None
    return value if block_ is None else block_.get("items")


_CACHE: Fields = {
    "allowed_methods": to("AllowedMethods", _methods),
    "trusted_key_groups": to("TrustedKeyGroups", _switched),
    "function_association": blocks("FunctionAssociations", {"function_arn": to("FunctionARN")}),
    "lambda_function_association": blocks(
        "LambdaFunctionAssociations",
        {
            "lambda_arn": to("LambdaFunctionARN"),
            "lambda_function_arn": to("LambdaFunctionARN"),
        },
    ),
}
_ORIGIN: Fields = {
    "origin_id": to("Id"),
    "s3_origin_config": block("S3OriginConfig", {}),
    "custom_origin_config": block("CustomOriginConfig", {"http_port": to("HTTPPort"), "https_port": to("HTTPSPort")}),
}
_STATISTICS: Fields = {"dimensions": to("Dimensions", _dimensions)}

SHAPES: dict[str, Shape] = {
    "aws_cloudfront_distribution": Shape(
        "AWS::CloudFront::Distribution",
        {
            "enabled": to("DistributionConfig.Enabled"),
            "comment": to("DistributionConfig.Comment"),
            "aliases": to("DistributionConfig.Aliases"),
            "web_acl_id": to("DistributionConfig.WebACLId"),
            "default_root_object": to("DistributionConfig.DefaultRootObject"),
            "price_class": to("DistributionConfig.PriceClass"),
            "origin": blocks("DistributionConfig.Origins", _ORIGIN),
            "default_cache_behavior": block("DistributionConfig.DefaultCacheBehavior", _CACHE),
            "ordered_cache_behavior": blocks("DistributionConfig.CacheBehaviors", _CACHE),
            "cache_behavior": blocks("DistributionConfig.CacheBehaviors", _CACHE),
            "origin_group": blocks("DistributionConfig.OriginGroups.Items", {"origin_id": to("Id"), "member": blocks("Members.Items", {})}),
            "logging_config": block("DistributionConfig.Logging", {}),
            "viewer_certificate": block("DistributionConfig.ViewerCertificate", {}),
            "restrictions": block("DistributionConfig.Restrictions", {}),
        },
    ),
    "aws_cloudfront_origin_access_control": Shape(
        "AWS::CloudFront::OriginAccessControl",
        {
            "id": to("Id"),
            "name": to("OriginAccessControlConfig.Name"),
            "origin_access_control_origin_type": to("OriginAccessControlConfig.OriginAccessControlOriginType"),
            "signing_behavior": to("OriginAccessControlConfig.SigningBehavior"),
            "signing_protocol": to("OriginAccessControlConfig.SigningProtocol"),
        },
    ),
    "aws_cloudfront_origin_access_identity": Shape(
        "AWS::CloudFront::CloudFrontOriginAccessIdentity", {"comment": to("CloudFrontOriginAccessIdentityConfig.Comment")}
    ),
    "aws_cloudfront_function": Shape(
        "AWS::CloudFront::Function",
        {
            "code": to("FunctionCode"),
            "runtime": to("FunctionConfig.Runtime"),
            "comment": to("FunctionConfig.Comment"),
            "publish": to("AutoPublish"),
        },
    ),
    "aws_lambda_function": Shape(
        "AWS::Lambda::Function",
        {
            "filename": to("Code.ZipFile"),
            "s3_bucket": to("Code.S3Bucket"),
            "s3_key": to("Code.S3Key"),
            "image_uri": to("Code.ImageUri"),
            "environment": block("Environment", {}),
            "dead_letter_config": block("DeadLetterConfig", {}),
            "vpc_config": block("VpcConfig", {}),
            "tracing_config": block("TracingConfig", {}),
        },
    ),
    "aws_lambda_permission": Shape("AWS::Lambda::Permission", {"principal_org_id": to("PrincipalOrgID"), "statement_id": to("Sid")}),
    "aws_lambda_event_source_mapping": Shape(
        "AWS::Lambda::EventSourceMapping",
        {
            "filter_criteria": block("FilterCriteria", {"filter": blocks("Filters", {})}),
        },
    ),
    "aws_pipes_pipe": Shape(
        "AWS::Pipes::Pipe",
        {
            "source_parameters": block("SourceParameters", {"filter_criteria": block("FilterCriteria", {"filter": blocks("Filters", {})})}),
        },
    ),
    "aws_lambda_function_url": Shape("AWS::Lambda::Url", {"function_name": to("TargetFunctionArn"), "authorization_type": to("AuthType")}),
    "aws_lambda_alias": Shape("AWS::Lambda::Alias", {}),
    "aws_sqs_queue": Shape(
        "AWS::SQS::Queue",
        {
            "name": to("QueueName"),
            "redrive_policy": to("RedrivePolicy", parsed_json),
            "message_retention_seconds": to("MessageRetentionPeriod"),
            "visibility_timeout_seconds": to("VisibilityTimeout"),
            "policy": None,
        },
    ),
    "aws_sqs_queue_policy": Shape(
        "AWS::SQS::QueuePolicy", {"queue_url": to("Queues", listed), "policy": to("PolicyDocument", parsed_json)}
    ),
    "aws_sns_topic": Shape("AWS::SNS::Topic", {"name": to("TopicName"), "policy": None}),
    "aws_sns_topic_policy": Shape("AWS::SNS::TopicPolicy", {"arn": to("Topics", listed), "policy": to("PolicyDocument", parsed_json)}),
    "aws_sns_topic_subscription": Shape("AWS::SNS::Subscription", {}),
    "aws_kms_key": Shape(
        "AWS::KMS::Key",
        {
            "policy": to("KeyPolicy", parsed_json),
            "customer_master_key_spec": to("KeySpec"),
            "deletion_window_in_days": to("PendingWindowInDays"),
        },
    ),
    "aws_kms_replica_key": Shape("AWS::KMS::ReplicaKey", {"policy": to("KeyPolicy", parsed_json)}),
    "aws_kms_alias": Shape("AWS::KMS::Alias", {"name": to("AliasName")}),
    "aws_api_gateway_rest_api": Shape(
        "AWS::ApiGateway::RestApi", {"body": to("Body", parsed_description), "policy": to("Policy", parsed_json)}
    ),
    "aws_api_gateway_resource": Shape("AWS::ApiGateway::Resource", {}),
    "aws_api_gateway_method": Shape("AWS::ApiGateway::Method", {"authorization": to("AuthorizationType")}),
    "aws_api_gateway_integration": Shape("Terraform::aws_api_gateway_integration", {}),
    "aws_api_gateway_authorizer": Shape("AWS::ApiGateway::Authorizer", {"provider_arns": to("ProviderARNs")}),
    "aws_apigatewayv2_api": Shape("AWS::ApiGatewayV2::Api", {"body": to("Body", parsed_description)}),
    "aws_apigatewayv2_route": Shape("AWS::ApiGatewayV2::Route", {}),
    "aws_apigatewayv2_integration": Shape("AWS::ApiGatewayV2::Integration", {}),
    "aws_apigatewayv2_authorizer": Shape("AWS::ApiGatewayV2::Authorizer", {}),
    "aws_cloudwatch_event_bus": Shape("AWS::Events::EventBus", {}),
    "aws_cloudwatch_event_rule": Shape(
        "AWS::Events::Rule",
        {
            "event_pattern": to("EventPattern", parsed_json),
            "is_enabled": to("State", lambda on: "ENABLED" if on in (True, "true") else "DISABLED"),
        },
    ),
    "aws_cloudwatch_metric_alarm": Shape(
        "AWS::CloudWatch::Alarm",
        {
            **_STATISTICS,
            "metric_query": blocks(
                "Metrics",
                {
                    "metric": block(
                        "MetricStat",
                        {
                            "metric_name": to("Metric.MetricName"),
                            "namespace": to("Metric.Namespace"),
                            "dimensions": to("Metric.Dimensions", _dimensions),
                        },
                    ),
                },
            ),
        },
    ),
    "aws_cloudwatch_composite_alarm": Shape(
        "AWS::CloudWatch::CompositeAlarm",
        {"actions_suppressor": block("", {"alarm": to("ActionsSuppressor")})},
    ),
    "aws_cloudtrail": Shape(
        "AWS::CloudTrail::Trail",
        {
            "name": to("TrailName"),
            "kms_key_id": to("KMSKeyId"),
            "enable_logging": to("IsLogging"),
            "cloud_watch_logs_group_arn": to("CloudWatchLogsLogGroupArn"),
            "event_selector": blocks("EventSelectors", {"data_resource": blocks("DataResources", {})}),
            "advanced_event_selector": blocks("AdvancedEventSelectors", {"field_selector": blocks("FieldSelectors", {})}),
        },
    ),
    "aws_dynamodb_table": Shape("AWS::DynamoDB::Table", {"name": to("TableName"), "ttl": block("TimeToLiveSpecification", {})}),
    "aws_cloudwatch_log_group": Shape("AWS::Logs::LogGroup", {"name": to("LogGroupName")}),
    "aws_sfn_state_machine": Shape(
        "AWS::StepFunctions::StateMachine",
        {"name": to("StateMachineName"), "definition": to("Definition", parsed_json)},
    ),
    "aws_config_configuration_recorder": Shape(
        "AWS::Config::ConfigurationRecorder",
        {
            "role_arn": to("RoleARN"),
            "recording_group": block(
                "RecordingGroup",
                {
                    "exclusion_by_resource_types": block("ExclusionByResourceTypes", {}),
                    "recording_strategy": block("RecordingStrategy", {}),
                },
            ),
            "recording_mode": block("RecordingMode", {"recording_mode_override": blocks("RecordingModeOverrides", {})}),
        },
    ),
    "aws_config_conformance_pack": Shape("AWS::Config::ConformancePack", {"name": to("ConformancePackName")}),
    "aws_config_config_rule": Shape("AWS::Config::ConfigRule", {"name": to("ConfigRuleName"), "source": block("Source", {})}),
}

TARGET: Fields = {
    "rule": None,
    "event_bus_name": None,
    "target_id": to("Id"),
    "dead_letter_config": block("DeadLetterConfig", {}),
    "retry_policy": block("RetryPolicy", {}),
}
"""An ``aws_cloudwatch_event_target`` as an entry of its rule's ``Targets``."""


SHAPES["aws_guardduty_malware_protection_plan"] = Shape(
    "AWS::GuardDuty::MalwareProtectionPlan",
    {
        "role": to("Role"),
        "protected_resource": block(
            "ProtectedResource",
            {"s3_bucket": block("S3Bucket", {"bucket_name": to("BucketName"), "object_prefixes": to("ObjectPrefixes")})},
        ),
    },
)
SHAPES["aws_cloudtrail_event_data_store"] = Shape(
    "AWS::CloudTrail::EventDataStore",
    {
        "suspend": to("IngestionEnabled", lambda value: not value if isinstance(value, bool) else value),
        "advanced_event_selector": SHAPES["aws_cloudtrail"].fields["advanced_event_selector"],
    },
)
