"""What a graph comes to once it is deployed: physical names, ARNs, and values for its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.physical import NAMES

NAMED_BY = {
    **NAMES,
    "AWS::CloudTrail::Trail": "TrailName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
    "AWS::Cognito::UserPoolClient": "ClientName",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::AppSync::GraphQLApi": "Name",
    "AWS::Budgets::Budget": "BudgetName",
    "AWS::CE::AnomalyMonitor": "MonitorName",
    "AWS::CE::AnomalySubscription": "SubscriptionName",
    "AWS::Cognito::IdentityPool": "IdentityPoolName",
    "AWS::Config::ConfigRule": "ConfigRuleName",
    "AWS::Config::ConformancePack": "ConformancePackName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Rekognition::Collection": "CollectionId",
    "AWS::S3::AccessPoint": "Name",
    "AWS::S3ObjectLambda::AccessPoint": "Name",
    "AWS::SageMaker::InferenceComponent": "InferenceComponentName",
}
"""The property that holds a resource's physical name."""
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::IAM::User": "arn:aws:iam::{account}:user/{name}",
    "AWS::IAM::Group": "arn:aws:iam::{account}:group/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Config::ConfigurationRecorder": "arn:aws:config:{region}:{account}:config-recorder/{name}",
    "AWS::CloudTrail::Trail": "arn:aws:cloudtrail:{region}:{account}:trail/{name}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::CloudWatch::CompositeAlarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::KMS::Alias": "arn:aws:kms:{region}:{account}:{name}",
    "AWS::CloudFront::Distribution": "arn:aws:cloudfront::{account}:distribution/{name}",
    "AWS::CloudFront::OriginAccessControl": "arn:aws:cloudfront::{account}:origin-access-control/{name}",
    "AWS::SageMaker::Model": "arn:aws:sagemaker:{region}:{account}:model/{name}",
    "AWS::SageMaker::EndpointConfig": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{name}",
    "AWS::SSM::Document": "arn:aws:ssm:{region}:{account}:document/{name}",
    "AWS::Cognito::UserPool": "arn:aws:cognito-idp:{region}:{account}:userpool/{name}",
    "AWS::SageMaker::Endpoint": "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::ApiGateway::RestApi": "arn:aws:apigateway:{region}::/restapis/{name}",
    "AWS::ApiGatewayV2::Api": "arn:aws:apigateway:{region}::/apis/{name}",
    "AWS::ApiGatewayV2::Integration": "arn:aws:apigateway:{region}::/apis/-/integrations/{name}",
    "AWS::ApiGatewayV2::Route": "arn:aws:apigateway:{region}::/apis/-/routes/{name}",
    "AWS::AppSync::GraphQLApi": "arn:aws:appsync:{region}:{account}:apis/{name}",
    "AWS::Budgets::Budget": "arn:aws:budgets::{account}:budget/{name}",
    "AWS::CE::AnomalyMonitor": "arn:aws:ce::{account}:anomalymonitor/{name}",
    "AWS::CE::AnomalySubscription": "arn:aws:ce::{account}:anomalysubscription/{name}",
    "AWS::Cognito::IdentityPool": "arn:aws:cognito-identity:{region}:{account}:identitypool/{name}",
    "AWS::Cognito::UserPoolClient": "arn:aws:cognito-idp:{region}:{account}:userpoolclient/{name}",
    "AWS::Config::ConfigRule": "arn:aws:config:{region}:{account}:config-rule/{name}",
    "AWS::Config::ConformancePack": "arn:aws:config:{region}:{account}:conformance-pack/{name}",
    "AWS::Config::DeliveryChannel": "arn:aws:config:{region}:{account}:delivery-channel/{name}",
    "AWS::DynamoDB::GlobalTable": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Rekognition::Collection": "arn:aws:rekognition:{region}:{account}:collection/{name}",
    "AWS::S3::AccessPoint": "arn:aws:s3:{region}:{account}:accesspoint/{name}",
    "AWS::S3ObjectLambda::AccessPoint": "arn:aws:s3-object-lambda:{region}:{account}:accesspoint/{name}",
    "AWS::SageMaker::InferenceComponent": "arn:aws:sagemaker:{region}:{account}:inference-component/{name}",
}
_ARN_IS_REF = frozenset(
    {
        "AWS::CE::AnomalyMonitor",
        "AWS::CE::AnomalySubscription",
        "AWS::IAM::ManagedPolicy",
        "AWS::SNS::Topic",
        "AWS::StepFunctions::StateMachine",
    }
)
BY_ID = frozenset({"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api", "AWS::AppSync::GraphQLApi", "AWS::Cognito::IdentityPool"})
"""Types that go by an id that AWS makes up; a name they have is another thing."""


@dataclass(frozen=True)
class Place:
    """A graph as if deployed to ``account`` and ``region``: names, ARNs, and what links come to."""

    graph: Graph
    account: str = "123456789012"
    region: str = "eu-west-1"

    def name(self, resource: Resource) -> str:
        """The physical name: as given, or made up from the address."""
        path = ("Budget", "BudgetName") if resource.type == "AWS::Budgets::Budget" else (NAMED_BY.get(resource.type, "Name"),)
        given = resource.get(*path) if resource.type not in BY_ID else None
        return str(self.value(given)) if given is not None else resource.address.rsplit(".", 1)[-1].lower().replace("_", "-")

    def arn(self, resource: Resource) -> str:
        """The ARN that the resource would have."""
        pattern = _ARNS.get(resource.type, "arn:aws:other:{region}:{account}:{name}")
        return pattern.format(name=self.name(resource), account=self.account, region=self.region)

    def value(self, value: Any) -> Any:
        """``value`` with links and the deployment's symbols replaced by what they come to.

        Raises:
            ValueError: an Unknown, or a link out of the graph.
        """
        if isinstance(value, Unknown):
            raise ValueError(f"can't be deployed: {value.reason}")
        if isinstance(value, Reference):
            return f"{value.prefix}{self._attribute(value)}{value.suffix}"
        if isinstance(value, str):
            return value.replace("${AWS::AccountId}", self.account).replace("${AWS::Region}", self.region)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def _attribute(self, link: Reference) -> str:
        target = self.graph.get(link.address)
        if target is None:
            raise ValueError(f"can't be deployed: {link.address} is not in the graph")
        name = self.name(target)
        if link.attribute in ("Arn", "FunctionArn", "TopicArn") or (link.attribute == "Ref" and target.type in _ARN_IS_REF):
            return self.arn(target)
        if link.attribute in ("RegionalDomainName", "DomainName", "DualStackDomainName"):
            return f"{name}.s3.{self.region}.amazonaws.com" if link.attribute != "DomainName" else f"{name}.s3.amazonaws.com"
        if target.type == "AWS::ApplicationAutoScaling::ScalableTarget":
            return "|".join(str(self.value(target.get(key))) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        if link.attribute == "WebsiteURL":
            return f"{name}.s3-website-{self.region}.amazonaws.com"
        return name
