"""Configuration items out of CloudFormation properties: what AWS Config would record once a template is deployed.

Used to hold a rule to one verdict on both sides of the merge. The shapes are those of Config's items: S3, IAM, KMS and CloudFront
in lowerCamel, S3's and KMS's policies as JSON text, IAM's documents URL-encoded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from averment.policies.graph.model import Graph, Reference, Resource, Unknown

Item = dict[str, Any]

_NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::CloudTrail::Trail": "TrailName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
    "AWS::SageMaker::Model": "ModelName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::Cognito::UserPool": "UserPoolName",
    "AWS::Cognito::UserPoolClient": "ClientName",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
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
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::KMS::Alias": "arn:aws:kms:{region}:{account}:{name}",
    "AWS::CloudFront::Distribution": "arn:aws:cloudfront::{account}:distribution/{name}",
    "AWS::SageMaker::Model": "arn:aws:sagemaker:{region}:{account}:model/{name}",
    "AWS::SageMaker::EndpointConfig": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{name}",
    "AWS::SSM::Document": "arn:aws:ssm:{region}:{account}:document/{name}",
    "AWS::Cognito::UserPool": "arn:aws:cognito-idp:{region}:{account}:userpool/{name}",
    "AWS::SageMaker::Endpoint": "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_ARN_IS_REF = frozenset({"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"})


@dataclass(frozen=True)
class Deployment:
    """A graph as if deployed to ``account`` and ``region`` at ``moment`` (RFC 3339)."""

    graph: Graph
    account: str = "123456789012"
    region: str = "eu-west-1"
    moment: str = "2026-11-23T08:00:00.000Z"

    def items(self) -> list[Item]:
        """An item for each resource that Config records; inline policies and bucket policies stand in their owners' items.

        Raises:
            ValueError: something in the graph isn't resolved: no deployment could have it.
        """
        return [maker(self, resource) for resource in self.graph if (maker := _MAKERS.get(resource.type)) is not None]

    def name(self, resource: Resource) -> str:
        """The physical name: as given, or made up from the address."""
        given = resource.get(_NAMES.get(resource.type, "Name"))
        if resource.type == "AWS::KMS::Alias":
            given = resource.get("AliasName")
        return self.value(given) if given is not None else resource.address.rsplit(".", 1)[-1].lower().replace("_", "-")

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

    def envelope(self, resource: Resource, configuration: Any, supplementary: Mapping[str, Any] | None = None, *, kind: str = "") -> Item:
        """The item around a configuration."""
        name = self.name(resource)
        return {
            "version": "1.3",
            "accountId": self.account,
            "configurationItemCaptureTime": self.moment,
            "configurationItemStatus": "OK",
            "arn": self.arn(resource),
            "resourceType": kind or resource.type,
            "resourceId": name,
            "resourceName": name,
            "awsRegion": self.region,
            "tags": {tag["Key"]: tag["Value"] for tag in self.value(resource.get("Tags") or [])},
            "relationships": [],
            "configuration": configuration,
            "supplementaryConfiguration": dict(supplementary or {}),
        }

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


def lower_camel(value: Any) -> Any:
    """CloudFormation's keys as the APIs of S3, IAM, KMS and CloudFront spell them; lists as ``quantity`` and ``items``."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lower_camel(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {"quantity": len(value), "items": [lower_camel(item) for item in value]}
    return value


def _bucket(deployment: Deployment, bucket: Resource) -> Item:
    graph = deployment.graph
    policies = [p for p in graph.of_type("AWS::S3::BucketPolicy") if deployment.value(p.get("Bucket")) == deployment.name(bucket)]
    text = json.dumps(deployment.value(policies[0].get("PolicyDocument"))) if policies else None
    block = deployment.value(bucket.get("PublicAccessBlockConfiguration"))
    configuration = {"name": deployment.name(bucket), "owner": {"id": "0" * 64}, "creationDate": deployment.moment}
    supplementary: Item = {
        "AccessControlList": json.dumps({"grantSet": None, "grantList": _grants(deployment.value(bucket.get("AccessControl")))}),
        "BucketNotificationConfiguration": _notifications(deployment.value(bucket.get("NotificationConfiguration")) or {}),
        "BucketPolicy": {"policyText": text},
        "BucketVersioningConfiguration": {"status": (bucket.get("VersioningConfiguration") or {}).get("Status", "Off")},
    }
    _lock(deployment, bucket, supplementary)
    if (logging := deployment.value(bucket.get("LoggingConfiguration"))) is not None:
        target, prefix = logging.get("DestinationBucketName", deployment.name(bucket)), logging.get("LogFilePrefix")
        supplementary["BucketLoggingConfiguration"] = {"destinationBucketName": target, "logFilePrefix": prefix}
    if (cors := deployment.value(bucket.get("CorsConfiguration"))) is not None:
        rules = [{key[:1].lower() + key[1:]: value for key, value in rule.items()} for rule in cors.get("CorsRules", ())]
        supplementary["BucketCrossOriginConfiguration"] = {"rules": rules}
    if (lifecycle := deployment.value(bucket.get("LifecycleConfiguration"))) is not None:
        supplementary["BucketLifecycleConfiguration"] = {"rules": [_lifecycle_rule(rule) for rule in lifecycle.get("Rules", ())]}
    if (website := deployment.value(bucket.get("WebsiteConfiguration"))) is not None:
        supplementary["BucketWebsiteConfiguration"] = {"indexDocumentSuffix": website.get("IndexDocument")}
    if block is not None:
        supplementary["PublicAccessBlockConfiguration"] = {key[:1].lower() + key[1:]: flag for key, flag in block.items()}
    return deployment.envelope(bucket, configuration, supplementary)


def _lock(deployment: Deployment, bucket: Resource, supplementary: Item) -> None:
    """Object Lock, which switches versioning on."""
    if bucket.get("ObjectLockEnabled") is not True:
        return
    supplementary["BucketVersioningConfiguration"] = {"status": "Enabled"}
    rule = (deployment.value(bucket.get("ObjectLockConfiguration")) or {}).get("Rule") or {}
    retention = {key[:1].lower() + key[1:]: value for key, value in (rule.get("DefaultRetention") or {}).items()}
    supplementary["ObjectLockConfiguration"] = {
        "objectLockEnabled": "Enabled",
        "rule": {"defaultRetention": retention} if retention else None,
    }


def _lifecycle_rule(rule: Mapping[str, Any]) -> Item:
    found: Item = {key[:1].lower() + key[1:]: value for key, value in rule.items() if key not in ("Prefix", "TagFilters")}
    found["expirationInDays"] = rule.get("ExpirationInDays", -1)
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    found.pop("noncurrentVersionExpiration", None)
    found["noncurrentVersionExpirationInDays"] = noncurrent.get("NoncurrentDays", -1)
    found["prefix"] = rule.get("Prefix")
    return found


def _grants(acl: str | None) -> list[Item]:
    owner: Item = {"grantee": {"id": "0" * 64, "displayName": None}, "permission": "FullControl"}
    public = {"PublicRead": ["Read"], "PublicReadWrite": ["Read", "Write"]}.get(acl or "", [])
    return [owner, *({"grantee": "AllUsers", "permission": permission} for permission in public)]


def _notifications(value: Mapping[str, Any]) -> Item:
    kinds = {"LambdaConfigurations": ("Function", "functionARN"), "QueueConfigurations": ("Queue", "queueARN")}
    found: Item = {}
    for key, (target, arn) in {**kinds, "TopicConfigurations": ("Topic", "topicARN")}.items():
        for index, entry in enumerate(value.get(key) or ()):
            found[f"{target.lower()}-{index}"] = {"events": [entry["Event"]], "filter": None, arn: entry[target], "type": key[:-1]}
    bridge = value.get("EventBridgeConfiguration")
    on = bridge is not None and bridge.get("EventBridgeEnabled", True) is True
    return {"configurations": found, "eventBridgeConfiguration": {} if on else None}


def _identity(deployment: Deployment, holder: Resource) -> Item:
    kind = holder.type.rsplit("::", 1)[-1]
    small = kind.lower()
    inline = [(entry.get("PolicyName"), entry.get("PolicyDocument")) for entry in holder.get("Policies") or ()]
    inline += [(policy.get("PolicyName"), policy.get("PolicyDocument")) for policy in _attached(deployment, holder, inline=True)]
    arns = [deployment.value(arn) for arn in holder.get("ManagedPolicyArns") or ()]
    arns += [deployment.arn(policy) for policy in _attached(deployment, holder, inline=False)]
    configuration: Item = {
        f"{small}Name": deployment.name(holder),
        "path": "/",
        "arn": deployment.arn(holder),
        f"{small}PolicyList": [
            {"policyName": deployment.value(name or "inline"), "policyDocument": _encoded(deployment, document)}
            for name, document in inline
        ],
        "attachedManagedPolicies": [{"policyName": arn.rsplit("/", 1)[-1], "policyArn": arn} for arn in dict.fromkeys(arns)],
    }
    if kind == "Role":
        configuration["assumeRolePolicyDocument"] = _encoded(deployment, holder.get("AssumeRolePolicyDocument"))
    return deployment.envelope(holder, configuration)


def _attached(deployment: Deployment, holder: Resource, *, inline: bool) -> Iterable[Resource]:
    inline_types = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy")
    name = deployment.name(holder)
    for policy in deployment.graph.of_type(*(inline_types if inline else ("AWS::IAM::ManagedPolicy",))):
        listed: list[Any] = []
        for key in ("Roles", "Users", "Groups"):
            listed += policy.get(key) or []
        listed += [policy.get(key) for key in ("RoleName", "UserName", "GroupName") if policy.get(key) is not None]
        if name in [deployment.value(entry) for entry in listed]:
            yield policy


def _managed_policy(deployment: Deployment, policy: Resource) -> Item:
    version = {"versionId": "v1", "isDefaultVersion": True, "document": _encoded(deployment, policy.get("PolicyDocument"))}
    configuration = {
        "policyName": deployment.name(policy),
        "arn": deployment.arn(policy),
        "defaultVersionId": "v1",
        "policyVersionList": [version],
    }
    return deployment.envelope(policy, configuration, kind="AWS::IAM::Policy")


def _distribution(deployment: Deployment, distribution: Resource) -> Item:
    config = deployment.value(distribution.get("DistributionConfig"))
    for behaviour in [config.get("DefaultCacheBehavior"), *(config.get("CacheBehaviors") or [])]:
        if behaviour and "TrustedKeyGroups" in behaviour:
            behaviour["TrustedKeyGroups"] = {"Enabled": True, **lower_camel(behaviour["TrustedKeyGroups"])}
    configuration = {"id": deployment.name(distribution), "arn": deployment.arn(distribution), "distributionConfig": lower_camel(config)}
    return deployment.envelope(distribution, configuration)


def _key(deployment: Deployment, key: Resource) -> Item:
    default = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{deployment.account}:root"}, "Action": "kms:*", "Resource": "*"}
        ],
    }
    policy = deployment.value(key.get("KeyPolicy") or default)
    configuration = {
        "keyId": deployment.name(key),
        "arn": deployment.arn(key),
        "description": deployment.value(key.get("Description") or ""),
        "keyUsage": key.get("KeyUsage") or "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": key.get("KeySpec") or "SYMMETRIC_DEFAULT",
        "keyState": "Enabled",
    }
    return deployment.envelope(key, configuration, {"Policy": json.dumps(json.dumps(policy))})


def _alias(deployment: Deployment, alias: Resource) -> Item:
    target = str(deployment.value(alias.get("TargetKeyId"))).rsplit("/", 1)[-1]
    return deployment.envelope(alias, {"aliasName": deployment.name(alias), "targetKeyId": target})


def _function(deployment: Deployment, function: Resource) -> Item:
    configuration = {"functionName": deployment.name(function), "functionArn": deployment.arn(function)}
    if function.get("Role") is not None:
        configuration["role"] = deployment.value(function.get("Role"))
    return deployment.envelope(function, configuration)


def _recorder(deployment: Deployment, recorder: Resource) -> Item:
    """CloudFormation starts a recorder once there is a delivery channel."""
    item = _as_written(deployment, recorder)
    item["configuration"]["Recording"] = next(deployment.graph.of_type("AWS::Config::DeliveryChannel"), None) is not None
    return item


def _trail(deployment: Deployment, trail: Resource) -> Item:
    configuration = {
        "name": deployment.name(trail),
        "trailARN": deployment.arn(trail),
        "s3BucketName": deployment.value(trail.get("S3BucketName")),
        "isMultiRegionTrail": trail.get("IsMultiRegionTrail") is True,
        "hasCustomEventSelectors": bool(trail.get("EventSelectors") or trail.get("AdvancedEventSelectors")),
    }
    return deployment.envelope(trail, configuration)


def _as_written(deployment: Deployment, resource: Resource) -> Item:
    """Types that Config keeps in CloudFormation's own shape."""
    configuration = {**deployment.value(resource.properties), "Arn": deployment.arn(resource)}
    configuration.pop("Tags", None)
    if isinstance(configuration.get("EventPattern"), Mapping):
        configuration["EventPattern"] = json.dumps(configuration["EventPattern"])
    return deployment.envelope(resource, configuration)


def _encoded(deployment: Deployment, document: Any) -> str:
    return quote(json.dumps(deployment.value(document)))


_MAKERS: Mapping[str, Callable[[Deployment, Resource], Item]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::IAM::Role": _identity,
    "AWS::IAM::User": _identity,
    "AWS::IAM::Group": _identity,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::KMS::Key": _key,
    "AWS::KMS::Alias": _alias,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::Config::ConfigurationRecorder": _recorder,
    "AWS::ApiGateway::Method": _as_written,
    "AWS::Lambda::Function": _function,
    "AWS::Events::Rule": _as_written,
    "AWS::SQS::Queue": _as_written,
    "AWS::SNS::Topic": _as_written,
    "AWS::StepFunctions::StateMachine": _as_written,
    "AWS::SageMaker::Model": _as_written,
    "AWS::SageMaker::EndpointConfig": _as_written,
    "AWS::SageMaker::Endpoint": _as_written,
    "AWS::CloudWatch::Alarm": _as_written,
    "AWS::Cognito::UserPool": _as_written,
    "AWS::SSM::Document": _as_written,
    "AWS::Budgets::Budget": _as_written,
    "AWS::CE::AnomalyMonitor": _as_written,
    "AWS::CE::AnomalySubscription": _as_written,
    "AWS::Cognito::UserPoolClient": _as_written,
    "AWS::ApplicationAutoScaling::ScalableTarget": _as_written,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _as_written,
}
