"""Keys, trails, functions, topics, tables and the rest: types whose items need a fact or two put right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from averment.policies.graph.model import Misshapen, Reference, Resource, Unknown
from averment.policies.surfaces.config.items import Item, capitalised, field, policy, tag_list
from averment.policies.surfaces.config.recorded.base import as_it_is, last, misshapen, named, need, resource


def key(item: Item) -> list[Resource]:
    """A KMS key with its policy, which stands in the supplementary configuration; the grants of one for signing are asked of KMS."""
    need(item, "keyId", "keyUsage", "arn")
    config, extra = item.configuration, item.supplementary
    document = policy(extra.get("Policy") or extra.get("KeyPolicy") or field(config, "keyPolicy"))
    usage = field(config, "keyUsage")
    properties = {
        "KeyUsage": usage,
        "KeySpec": field(config, "keySpec") or field(config, "customerMasterKeySpec"),
        "Description": field(config, "description"),
        "KeyPolicy": document if document is not None else Misshapen("the configuration item holds no key policy"),
        "Grants": item.added("Grants", "the grants of keys") if usage == "SIGN_VERIFY" else None,
        "Tags": tag_list(extra.get("Tags"), item.tags),
    }
    return [resource(item, properties)]


def alias(item: Item) -> list[Resource]:
    """A KMS alias, linked to its key in the same account and region."""
    need(item, "aliasName", "targetKeyId")
    target = field(item.configuration, "targetKeyId")
    arn = target
    if isinstance(target, str) and not target.startswith("arn:"):
        _, partition, _, region = item.arn.split(":")[:4] if item.arn.count(":") >= 3 else ("", "aws", "", "")
        arn = f"arn:{partition}:kms:{region}:{item.account}:key/{target}"
    properties = {
        "AliasName": field(item.configuration, "aliasName") or item.name,
        "TargetKeyId": Reference(arn) if isinstance(arn, str) else None,
    }
    return [resource(item, properties)]


def trail(item: Item) -> list[Resource]:
    """A trail; which events it selects and whether it logs is asked of CloudTrail."""
    need(item, "trailARN", "s3BucketName", "name")
    chosen = field(item.configuration, "hasCustomEventSelectors") is not False
    events = "which events a trail selects"
    properties = {
        "TrailName": field(item.configuration, "name") or item.name,
        "S3BucketName": field(item.configuration, "s3BucketName"),
        "IsMultiRegionTrail": field(item.configuration, "isMultiRegionTrail"),
        "IsLogging": item.added("IsLogging", "whether a trail is logging"),
        "EventSelectors": item.added("EventSelectors", events) if chosen else None,
        "AdvancedEventSelectors": item.added("AdvancedEventSelectors", events) if chosen else None,
        "Tags": tag_list(item.tags),
    }
    return [resource(item, properties)]


def function(item: Item) -> list[Resource]:
    """A Lambda function; its environment is asked of Lambda where the item has none. What is reserved for it stands beside, if anything is."""
    need(item, "functionName", "functionArn")
    properties = capitalised(item.configuration)
    properties["FunctionName"] = named(item, "functionName")
    properties["ReservedConcurrentExecutions"] = _reserved(item)
    if "Environment" not in properties:
        properties["Environment"] = item.added("Environment", "the environment variables of functions")
    if isinstance(properties["Environment"], Mapping) and properties["Environment"].get("Error"):
        properties["Environment"] = Unknown("Lambda could not decrypt the environment variables")
    properties["Tags"] = tag_list(item.supplementary.get("Tags"), item.tags)
    return [resource(item, properties)]


def _reserved(item: Item) -> Any:
    """What is reserved for a function: ``Concurrency`` is there where something is, and empty where nothing is any more."""
    part = item.supplementary.get("Concurrency")
    found = field(part, "reservedConcurrentExecutions")
    if found is None and part is not None and part != {}:
        return Misshapen("Concurrency of the configuration item has another shape than expected")
    return found


def table(item: Item) -> list[Resource]:
    """A DynamoDB table (also a replica of a global one); its time to live is asked of DynamoDB."""
    need(item, "tableName", "tableArn", "tableId")
    properties = capitalised(item.configuration)
    properties["TimeToLiveSpecification"] = item.added("TimeToLiveSpecification", "the time to live of tables")
    properties["Tags"] = tag_list(item.supplementary.get("Tags"), item.tags)
    return [resource(item, properties)]


def topic(item: Item) -> list[Resource]:
    """An SNS topic, whose item has the API's attributes: its name is the end of the ARN."""
    need(item, "topicArn", "owner", "topicName")
    (found,) = as_it_is(item)
    arn = field(item.configuration, "topicArn") or item.arn
    name = field(item.configuration, "topicName") or last(arn, ":")
    return [resource(item, {**found.properties, "TopicName": name})]


def queue(item: Item) -> list[Resource]:
    """An SQS queue, whose item has the API's attributes beside CloudFormation's."""
    need(item, "queueName", "queueArn", "arn", "queueUrl")
    (found,) = as_it_is(item)
    arn = field(item.configuration, "queueArn") or field(item.configuration, "arn") or item.arn
    name = named(item, "queueName") if field(item.configuration, "queueName") is not None else last(arn, ":")
    return [resource(item, {**found.properties, "QueueName": name})]


def alarm(item: Item) -> list[Resource]:
    """An alarm, which is on one metric or on an expression of several."""
    need(item, "alarmName", "alarmArn")
    (found,) = as_it_is(item)
    if (found.get("MetricName") is None or found.get("Namespace") is None) and not found.get("Metrics"):
        return [resource(item, {**found.properties, "MetricName": misshapen(item, "MetricName", "it is on no metric")})]
    return [found]


def event_rule(item: Item) -> list[Resource]:
    """A rule of EventBridge, which has a pattern or a schedule."""
    need(item, "Name", "Arn")
    (found,) = as_it_is(item)
    if found.get("EventPattern") is None and found.get("ScheduleExpression") is None:
        return [resource(item, {**found.properties, "EventPattern": misshapen(item, "EventPattern", "there is none, nor a schedule")})]
    return [found]


def known_by(*names: str) -> Callable[[Item], list[Resource]]:
    """An adapter for items in CloudFormation's shape that have at least one of ``names``."""

    def adapter(item: Item) -> list[Resource]:
        need(item, *names)
        return as_it_is(item)

    return adapter


def throughput(item: Item) -> list[Resource]:
    """Provisioned throughput of a Bedrock model, which only Terraform has as a resource."""
    (found,) = as_it_is(item)
    return [resource(item, found.properties, kind="Terraform::aws_bedrock_provisioned_model_throughput")]


PLAIN: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Method": ("HttpMethod",),
    "AWS::ApiGateway::RestApi": ("id", "name"),
    "AWS::ApiGatewayV2::Api": ("apiId", "name"),
    "AWS::ApiGatewayV2::Integration": ("IntegrationId", "IntegrationType"),
    "AWS::ApiGatewayV2::Route": ("RouteKey",),
    "AWS::AppSync::DataSource": ("Name",),
    "AWS::AppSync::GraphQLApi": ("ApiId", "AuthenticationType"),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("ResourceId",),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PolicyName", "ScalingTargetId"),
    "AWS::Budgets::Budget": ("Budget",),
    "AWS::CE::AnomalyMonitor": ("MonitorName",),
    "AWS::CE::AnomalySubscription": ("SubscriptionName",),
    "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig",),
    "AWS::CloudTrail::EventDataStore": ("EventDataStoreArn", "Name", "AdvancedEventSelectors"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", "AlarmRule"),
    "AWS::Cognito::IdentityPool": ("Id", "AllowUnauthenticatedIdentities"),
    "AWS::Cognito::IdentityPoolRoleAttachment": ("IdentityPoolId",),
    "AWS::Cognito::UserPool": ("UserPoolId", "UserPoolName", "MfaConfiguration", "Arn"),
    "AWS::Cognito::UserPoolClient": ("ClientId", "UserPoolId"),
    "AWS::Config::ConfigRule": ("ConfigRuleName",),
    "AWS::Config::ConfigurationRecorder": ("Name",),
    "AWS::Config::ConformancePack": ("ConformancePackName",),
    "AWS::Config::DeliveryChannel": ("Name", "S3BucketName"),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName",),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn", "FunctionName"),
    "AWS::Lambda::Url": ("AuthType",),
    "AWS::Pipes::Pipe": ("Source", "Target"),
    "AWS::Rekognition::Collection": ("CollectionId",),
    "AWS::Rekognition::StreamProcessor": ("Name",),
    "AWS::S3ObjectLambda::AccessPoint": ("Name",),
    "AWS::S3ObjectLambda::AccessPointPolicy": ("ObjectLambdaAccessPoint",),
    "AWS::SNS::Subscription": ("TopicArn",),
    "AWS::SSM::Document": ("Name", "Content"),
    "AWS::SageMaker::Endpoint": ("EndpointName",),
    "AWS::SageMaker::EndpointConfig": ("EndpointConfigName", "ProductionVariants"),
    "AWS::SageMaker::InferenceComponent": ("InferenceComponentName",),
    "AWS::SageMaker::Model": ("ModelName",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "Arn", "DefinitionString"),
}
"""Types whose items have CloudFormation's shape but for the first letters, each with properties of which an item has at least one."""
