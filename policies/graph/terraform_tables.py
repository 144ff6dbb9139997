"""What Terraform's types are in CloudFormation: everything but S3 and IAM. Sources: both providers' references."""

from __future__ import annotations

from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.graph.terraform_map import Fields, Shape, block, blocks, document, listed, to
from averment.policies.graph.text import parsed_json


def _pattern(value: Any) -> Any:
    return parsed_json(value)


def _dimensions(value: Any) -> Any:
    return [{"Name": key, "Value": item} for key, item in value.items()] if isinstance(value, dict) else value


def _switched(value: Any) -> Any:
    """Key groups, which a distribution for several tenants keeps in a block that can be switched off."""
    block_ = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else None
    if block_ is None:
        return value
    on = block_.get("enabled")
    return on if isinstance(on, Unknown) else block_.get("items") if on in (True, "true") else []


_CACHE: Fields = {
    "target_origin_id": to("TargetOriginId"),
    "path_pattern": to("PathPattern"),
    "viewer_protocol_policy": to("ViewerProtocolPolicy"),
    "cache_policy_id": to("CachePolicyId"),
    "origin_request_policy_id": to("OriginRequestPolicyId"),
    "response_headers_policy_id": to("ResponseHeadersPolicyId"),
    "trusted_key_groups": to("TrustedKeyGroups", _switched),
    "trusted_signers": to("TrustedSigners"),
    "allowed_methods": to("AllowedMethods"),
    "cached_methods": to("CachedMethods"),
    "function_association": blocks("FunctionAssociations", {"event_type": to("EventType"), "function_arn": to("FunctionARN")}),
    "lambda_function_association": blocks(
        "LambdaFunctionAssociations",
        {
            "event_type": to("EventType"),
            "lambda_arn": to("LambdaFunctionARN"),
            "lambda_function_arn": to("LambdaFunctionARN"),
            "include_body": to("IncludeBody"),
        },
    ),
}
_ORIGIN: Fields = {
    "domain_name": to("DomainName"),
    "origin_id": to("Id"),
    "id": to("Id"),
    "origin_path": to("OriginPath"),
    "origin_access_control_id": to("OriginAccessControlId"),
    "s3_origin_config": block("S3OriginConfig", {"origin_access_identity": to("OriginAccessIdentity")}),
    "custom_origin_config": block("CustomOriginConfig", {"http_port": to("HTTPPort"), "https_port": to("HTTPSPort")}),
}
_STATISTICS: Fields = {
    "metric_name": to("MetricName"),
    "namespace": to("Namespace"),
    "dimensions": to("Dimensions", _dimensions),
}

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
            "origin_group": blocks(
                "DistributionConfig.OriginGroups.Items",
                {"origin_id": to("Id"), "id": to("Id"), "member": blocks("Members.Items", {"origin_id": to("OriginId")})},
            ),
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
            "name": to("Name"),
            "code": to("FunctionCode"),
            "runtime": to("FunctionConfig.Runtime"),
            "comment": to("FunctionConfig.Comment"),
            "publish": to("AutoPublish"),
        },
    ),
    "aws_lambda_function": Shape(
        "AWS::Lambda::Function",
        {
            "function_name": to("FunctionName"),
            "role": to("Role"),
            "filename": to("Code.ZipFile"),
            "s3_bucket": to("Code.S3Bucket"),
            "s3_key": to("Code.S3Key"),
            "image_uri": to("Code.ImageUri"),
            "environment": block("Environment", {"variables": to("Variables")}),
            "dead_letter_config": block("DeadLetterConfig", {"target_arn": to("TargetArn")}),
            "vpc_config": block("VpcConfig", {}),
            "tracing_config": block("TracingConfig", {}),
            "kms_key_arn": to("KmsKeyArn"),
            "reserved_concurrent_executions": to("ReservedConcurrentExecutions"),
        },
    ),
    "aws_lambda_permission": Shape(
        "AWS::Lambda::Permission",
        {
            "function_name": to("FunctionName"),
            "action": to("Action"),
            "principal": to("Principal"),
            "source_arn": to("SourceArn"),
            "source_account": to("SourceAccount"),
            "principal_org_id": to("PrincipalOrgID"),
            "statement_id": to("Sid"),
        },
    ),
    "aws_lambda_event_source_mapping": Shape(
        "AWS::Lambda::EventSourceMapping",
        {
            "function_name": to("FunctionName"),
            "event_source_arn": to("EventSourceArn"),
            "enabled": to("Enabled"),
            "batch_size": to("BatchSize"),
            "filter_criteria": block("FilterCriteria", {"filter": blocks("Filters", {"pattern": to("Pattern")})}),
        },
    ),
    "aws_pipes_pipe": Shape(
        "AWS::Pipes::Pipe",
        {
            "source": to("Source"),
            "target": to("Target"),
            "enrichment": to("Enrichment"),
            "desired_state": to("DesiredState"),
            "role_arn": to("RoleArn"),
            "source_parameters": block(
                "SourceParameters",
                {"filter_criteria": block("FilterCriteria", {"filter": blocks("Filters", {"pattern": to("Pattern")})})},
            ),
        },
    ),
    "aws_lambda_function_url": Shape("AWS::Lambda::Url", {"function_name": to("TargetFunctionArn"), "authorization_type": to("AuthType")}),
    "aws_lambda_alias": Shape("AWS::Lambda::Alias", {}),
    "aws_sqs_queue": Shape(
        "AWS::SQS::Queue",
        {
            "name": to("QueueName"),
            "kms_master_key_id": to("KmsMasterKeyId"),
            "redrive_policy": to("RedrivePolicy", _pattern),
            "message_retention_seconds": to("MessageRetentionPeriod"),
            "visibility_timeout_seconds": to("VisibilityTimeout"),
            "fifo_queue": to("FifoQueue"),
            "sqs_managed_sse_enabled": to("SqsManagedSseEnabled"),
            "policy": None,
        },
    ),
    "aws_sqs_queue_policy": Shape("AWS::SQS::QueuePolicy", {"queue_url": to("Queues", listed), "policy": to("PolicyDocument", document)}),
    "aws_sns_topic": Shape("AWS::SNS::Topic", {"name": to("TopicName"), "kms_master_key_id": to("KmsMasterKeyId"), "policy": None}),
    "aws_sns_topic_policy": Shape("AWS::SNS::TopicPolicy", {"arn": to("Topics", listed), "policy": to("PolicyDocument", document)}),
    "aws_sns_topic_subscription": Shape(
        "AWS::SNS::Subscription", {"topic_arn": to("TopicArn"), "protocol": to("Protocol"), "endpoint": to("Endpoint")}
    ),
    "aws_kms_key": Shape(
        "AWS::KMS::Key",
        {
            "policy": to("KeyPolicy", document),
            "customer_master_key_spec": to("KeySpec"),
            "key_usage": to("KeyUsage"),
            "enable_key_rotation": to("EnableKeyRotation"),
            "deletion_window_in_days": to("PendingWindowInDays"),
            "description": to("Description"),
        },
    ),
    "aws_kms_replica_key": Shape("AWS::KMS::ReplicaKey", {"primary_key_arn": to("PrimaryKeyArn"), "policy": to("KeyPolicy", document)}),
    "aws_kms_alias": Shape("AWS::KMS::Alias", {"name": to("AliasName"), "target_key_id": to("TargetKeyId")}),
    "aws_api_gateway_rest_api": Shape(
        "AWS::ApiGateway::RestApi",
        {"name": to("Name"), "body": to("Body", _pattern), "policy": to("Policy", document), "binary_media_types": to("BinaryMediaTypes")},
    ),
    "aws_api_gateway_resource": Shape(
        "AWS::ApiGateway::Resource", {"rest_api_id": to("RestApiId"), "parent_id": to("ParentId"), "path_part": to("PathPart")}
    ),
    "aws_api_gateway_method": Shape(
        "AWS::ApiGateway::Method",
        {
            "rest_api_id": to("RestApiId"),
            "resource_id": to("ResourceId"),
            "http_method": to("HttpMethod"),
            "authorization": to("AuthorizationType"),
            "authorizer_id": to("AuthorizerId"),
            "api_key_required": to("ApiKeyRequired"),
        },
    ),
    "aws_api_gateway_integration": Shape("Terraform::aws_api_gateway_integration", {}),
    "aws_api_gateway_authorizer": Shape(
        "AWS::ApiGateway::Authorizer",
        {
            "name": to("Name"),
            "rest_api_id": to("RestApiId"),
            "type": to("Type"),
            "authorizer_uri": to("AuthorizerUri"),
            "provider_arns": to("ProviderARNs"),
        },
    ),
    "aws_apigatewayv2_api": Shape(
        "AWS::ApiGatewayV2::Api", {"name": to("Name"), "protocol_type": to("ProtocolType"), "body": to("Body", _pattern)}
    ),
    "aws_apigatewayv2_route": Shape(
        "AWS::ApiGatewayV2::Route",
        {
            "api_id": to("ApiId"),
            "route_key": to("RouteKey"),
            "authorization_type": to("AuthorizationType"),
            "authorizer_id": to("AuthorizerId"),
            "target": to("Target"),
        },
    ),
    "aws_apigatewayv2_integration": Shape(
        "AWS::ApiGatewayV2::Integration",
        {"api_id": to("ApiId"), "integration_uri": to("IntegrationUri"), "integration_type": to("IntegrationType")},
    ),
    "aws_apigatewayv2_authorizer": Shape(
        "AWS::ApiGatewayV2::Authorizer", {"api_id": to("ApiId"), "authorizer_type": to("AuthorizerType"), "name": to("Name")}
    ),
    "aws_cloudwatch_event_bus": Shape("AWS::Events::EventBus", {"name": to("Name")}),
    "aws_cloudwatch_event_rule": Shape(
        "AWS::Events::Rule",
        {
            "name": to("Name"),
            "event_bus_name": to("EventBusName"),
            "event_pattern": to("EventPattern", _pattern),
            "schedule_expression": to("ScheduleExpression"),
            "state": to("State"),
            "is_enabled": to("State", lambda on: "ENABLED" if on in (True, "true") else "DISABLED"),
        },
    ),
    "aws_cloudwatch_metric_alarm": Shape(
        "AWS::CloudWatch::Alarm",
        {
            **_STATISTICS,
            "alarm_name": to("AlarmName"),
            "metric_query": blocks(
                "Metrics",
                {
                    "id": to("Id"),
                    "expression": to("Expression"),
                    "return_data": to("ReturnData"),
                    "metric": block(
                        "MetricStat",
                        {
                            "metric_name": to("Metric.MetricName"),
                            "namespace": to("Metric.Namespace"),
                            "dimensions": to("Metric.Dimensions", _dimensions),
                            "period": to("Period"),
                            "stat": to("Stat"),
                        },
                    ),
                },
            ),
        },
    ),
    "aws_cloudwatch_composite_alarm": Shape(
        "AWS::CloudWatch::CompositeAlarm",
        {"alarm_name": to("AlarmName"), "actions_suppressor": block("", {"alarm": to("ActionsSuppressor")})},
    ),
    "aws_cloudtrail": Shape(
        "AWS::CloudTrail::Trail",
        {
            "name": to("TrailName"),
            "s3_bucket_name": to("S3BucketName"),
            "kms_key_id": to("KMSKeyId"),
            "enable_logging": to("IsLogging"),
            "is_multi_region_trail": to("IsMultiRegionTrail"),
            "include_global_service_events": to("IncludeGlobalServiceEvents"),
            "enable_log_file_validation": to("EnableLogFileValidation"),
            "cloud_watch_logs_group_arn": to("CloudWatchLogsLogGroupArn"),
            "cloud_watch_logs_role_arn": to("CloudWatchLogsRoleArn"),
            "event_selector": blocks(
                "EventSelectors",
                {
                    "read_write_type": to("ReadWriteType"),
                    "include_management_events": to("IncludeManagementEvents"),
                    "data_resource": blocks("DataResources", {"type": to("Type"), "values": to("Values")}),
                },
            ),
            "advanced_event_selector": blocks(
                "AdvancedEventSelectors",
                {
                    "name": to("Name"),
                    "field_selector": blocks(
                        "FieldSelectors",
                        {
                            "field": to("Field"),
                            "equals": to("Equals"),
                            "starts_with": to("StartsWith"),
                            "ends_with": to("EndsWith"),
                            "not_equals": to("NotEquals"),
                            "not_starts_with": to("NotStartsWith"),
                            "not_ends_with": to("NotEndsWith"),
                        },
                    ),
                },
            ),
        },
    ),
    "aws_dynamodb_table": Shape(
        "AWS::DynamoDB::Table",
        {
            "name": to("TableName"),
            "ttl": block("TimeToLiveSpecification", {"attribute_name": to("AttributeName"), "enabled": to("Enabled")}),
        },
    ),
    "aws_cloudwatch_log_group": Shape(
        "AWS::Logs::LogGroup", {"name": to("LogGroupName"), "retention_in_days": to("RetentionInDays"), "kms_key_id": to("KmsKeyId")}
    ),
    "aws_sfn_state_machine": Shape(
        "AWS::StepFunctions::StateMachine",
        {"name": to("StateMachineName"), "role_arn": to("RoleArn"), "definition": to("Definition", _pattern)},
    ),
    "aws_config_configuration_recorder": Shape(
        "AWS::Config::ConfigurationRecorder",
        {
            "name": to("Name"),
            "role_arn": to("RoleARN"),
            "recording_group": block(
                "RecordingGroup",
                {
                    "exclusion_by_resource_types": block("ExclusionByResourceTypes", {"resource_types": to("ResourceTypes")}),
                    "recording_strategy": block("RecordingStrategy", {"use_only": to("UseOnly")}),
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
    "arn": to("Arn"),
    "role_arn": to("RoleArn"),
    "input": to("Input"),
    "input_path": to("InputPath"),
    "dead_letter_config": block("DeadLetterConfig", {"arn": to("Arn")}),
    "retry_policy": block(
        "RetryPolicy",
        {"maximum_retry_attempts": to("MaximumRetryAttempts"), "maximum_event_age_in_seconds": to("MaximumEventAgeInSeconds")},
    ),
}
"""An ``aws_cloudwatch_event_target`` as an entry of its rule's ``Targets``."""


SHAPES["aws_cloudtrail_event_data_store"] = Shape(
    "AWS::CloudTrail::EventDataStore",
    {
        "name": to("Name"),
        "suspend": to("IngestionEnabled", lambda value: not value if isinstance(value, bool) else value),
        "advanced_event_selector": SHAPES["aws_cloudtrail"].fields["advanced_event_selector"],
    },
)
