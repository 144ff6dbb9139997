"""Items of the types that AWS Config records, in the spelling that it has for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from averment.policies.graph.model import Resource
from averment.sandbox.deployed.base import Item, Recorded


def lower_camel(value: Any) -> Any:
    """CloudFormation's keys as the APIs of S3, IAM, KMS and CloudFront spell them; lists as ``quantity`` and ``items``."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lower_camel(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {"quantity": len(value), "items": [lower_camel(item) for item in value]}
    return value


def _bucket(deployment: Recorded, bucket: Resource) -> Item:
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
    if (replication := deployment.value(bucket.get("ReplicationConfiguration"))) is not None:
        by_id = {
            str(index): {"status": rule.get("Status"), "destinationConfig": {"bucketARN": rule["Destination"]["Bucket"]}}
            for index, rule in enumerate(replication.get("Rules", ()))
        }
        supplementary["BucketReplicationConfiguration"] = {"roleARN": replication.get("Role"), "rules": by_id}
    if (website := deployment.value(bucket.get("WebsiteConfiguration"))) is not None:
        supplementary["BucketWebsiteConfiguration"] = {"indexDocumentSuffix": website.get("IndexDocument")}
    if block is not None:
        supplementary["PublicAccessBlockConfiguration"] = {key[:1].lower() + key[1:]: flag for key, flag in block.items()}
    metrics = deployment.value(bucket.get("MetricsConfigurations"))
    return deployment.envelope(bucket, configuration, supplementary, added={"MetricsConfigurations": metrics})


def _lock(deployment: Recorded, bucket: Resource, supplementary: Item) -> None:
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
    if "NewerNoncurrentVersions" in noncurrent:
        kept = {"noncurrentDays": noncurrent.get("NoncurrentDays", -1), "newerNoncurrentVersions": noncurrent["NewerNoncurrentVersions"]}
        found["noncurrentVersionExpiration"] = kept
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
            rules = ((entry.get("Filter") or {}).get("S3Key") or {}).get("Rules") or ()
            limits = [{"name": rule.get("Name"), "value": rule.get("Value")} for rule in rules]
            chosen = {"s3KeyFilter": {"filterRules": limits}} if limits else None
            found[f"{target.lower()}-{index}"] = {"events": [entry["Event"]], "filter": chosen, arn: entry[target], "type": key[:-1]}
    bridge = value.get("EventBridgeConfiguration")
    on = bridge is not None and bridge.get("EventBridgeEnabled", True) is True
    return {"configurations": found, "eventBridgeConfiguration": {} if on else None}


def _identity(deployment: Recorded, holder: Resource) -> Item:
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


def _attached(deployment: Recorded, holder: Resource, *, inline: bool) -> Iterable[Resource]:
    inline_types = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy")
    name = deployment.name(holder)
    for policy in deployment.graph.of_type(*(inline_types if inline else ("AWS::IAM::ManagedPolicy",))):
        listed: list[Any] = []
        for key in ("Roles", "Users", "Groups"):
            listed += policy.get(key) or []
        listed += [policy.get(key) for key in ("RoleName", "UserName", "GroupName") if policy.get(key) is not None]
        if name in [deployment.value(entry) for entry in listed]:
            yield policy


def _managed_policy(deployment: Recorded, policy: Resource) -> Item:
    version = {"versionId": "v1", "isDefaultVersion": True, "document": _encoded(deployment, policy.get("PolicyDocument"))}
    configuration = {
        "policyName": deployment.name(policy),
        "arn": deployment.arn(policy),
        "defaultVersionId": "v1",
        "policyVersionList": [version],
    }
    return deployment.envelope(policy, configuration, kind="AWS::IAM::Policy")


def _distribution(deployment: Recorded, distribution: Resource) -> Item:
    config = deployment.value(distribution.get("DistributionConfig"))
    for behaviour in [config.get("DefaultCacheBehavior"), *(config.get("CacheBehaviors") or [])]:
        if behaviour and "TrustedKeyGroups" in behaviour:
            behaviour["TrustedKeyGroups"] = {"Enabled": True, **lower_camel(behaviour["TrustedKeyGroups"])}
    configuration = {"id": deployment.name(distribution), "arn": deployment.arn(distribution), "distributionConfig": lower_camel(config)}
    return deployment.envelope(distribution, configuration)


def _key(deployment: Recorded, key: Resource) -> Item:
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
    added = {"Grants": None} if configuration["keyUsage"] == "SIGN_VERIFY" else None  # a template makes none
    return deployment.envelope(key, configuration, {"Policy": json.dumps(json.dumps(policy))}, added=added)


def _alias(deployment: Recorded, alias: Resource) -> Item:
    target = str(deployment.value(alias.get("TargetKeyId"))).rsplit("/", 1)[-1]
    return deployment.envelope(alias, {"AliasName": deployment.name(alias), "TargetKeyId": target})


def _function(deployment: Recorded, function: Resource) -> Item:
    """Lambda's own spelling; the environment isn't recorded."""
    wanted = ("Role", "Runtime", "Handler", "Timeout", "MemorySize", "Description", "DeadLetterConfig")
    configuration = {
        "functionName": deployment.name(function),
        "functionArn": deployment.arn(function),
        **{camel(key): sdk(deployment.value(function.get(key))) for key in wanted},
    }
    reserved = deployment.value(function.get("ReservedConcurrentExecutions"))
    beside = {"Concurrency": {"reservedConcurrentExecutions": int(reserved)}} if reserved is not None else None
    return deployment.envelope(function, configuration, beside, added={"Environment": deployment.value(function.get("Environment"))})


def _trail(deployment: Recorded, trail: Resource) -> Item:
    chosen = {key: deployment.value(trail.get(key)) for key in ("EventSelectors", "AdvancedEventSelectors")}
    configuration = {
        "name": deployment.name(trail),
        "trailARN": deployment.arn(trail),
        "s3BucketName": deployment.value(trail.get("S3BucketName")),
        "isMultiRegionTrail": trail.get("IsMultiRegionTrail") is True,
        "hasCustomEventSelectors": any(chosen.values()),
    }
    on = trail.get("IsLogging")
    return deployment.envelope(trail, configuration, added={"IsLogging": True if on is None else deployment.value(on), **chosen})


def _table(deployment: Recorded, table: Resource) -> Item:
    """DynamoDB's own spelling; a global table is a table in each of its regions."""
    configuration = {
        "tableName": deployment.name(table),
        "tableArn": deployment.arn(table),
        "tableStatus": "ACTIVE",
        **{camel(key): sdk(deployment.value(table.get(key))) for key in ("KeySchema", "AttributeDefinitions")},
    }
    expiry = deployment.value(table.get("TimeToLiveSpecification"))
    return deployment.envelope(table, configuration, added={"TimeToLiveSpecification": expiry}, kind="AWS::DynamoDB::Table")


def _alarm(deployment: Recorded, alarm: Resource) -> Item:
    """CloudWatch's own spelling, in which ``OKActions`` comes out as ``okactions``."""
    written = {key: value for key, value in deployment.value(alarm.properties).items() if key not in ("Tags", "AlarmName", "OKActions")}
    configuration = {
        "alarmName": deployment.name(alarm),
        "alarmArn": deployment.arn(alarm),
        "actionsEnabled": True,
        "okactions": deployment.value(alarm.get("OKActions")) or [],
        **sdk(written),
    }
    return deployment.envelope(alarm, configuration)


def _topic(deployment: Recorded, topic: Resource) -> Item:
    """The attributes that SNS gives: neither a name nor subscriptions are among them."""
    configuration = {"TopicArn": deployment.arn(topic), "Owner": deployment.account, "DisplayName": ""}
    return deployment.envelope(topic, configuration)


def _queue(deployment: Recorded, queue: Resource) -> Item:
    """The attributes that SQS gives, which are all text."""
    written = {key: value for key, value in deployment.value(queue.properties).items() if key != "Tags"}
    configuration = {
        **{key: json.dumps(value) if isinstance(value, Mapping | list | bool | int) else value for key, value in written.items()},
        "QueueName": deployment.name(queue),
        "QueueArn": deployment.arn(queue),
        "QueueUrl": f"https://sqs.{deployment.region}.amazonaws.com/{deployment.account}/{deployment.name(queue)}",
    }
    return deployment.envelope(queue, configuration)


def _state_machine(deployment: Recorded, machine: Resource) -> Item:
    """CloudFormation's spelling; the definition is text by then, its substitutions made."""
    written = deployment.value(machine.get("DefinitionString") or machine.get("Definition") or {})
    text = written if isinstance(written, str) else json.dumps(written)
    for name, value in (deployment.value(machine.get("DefinitionSubstitutions")) or {}).items():
        text = text.replace(f"${{{name}}}", str(value))
    configuration = {
        "Arn": deployment.arn(machine),
        "StateMachineName": deployment.name(machine),
        "RoleArn": deployment.value(machine.get("RoleArn")),
        "DefinitionString": text,
    }
    return deployment.envelope(machine, configuration)


def _access_point(deployment: Recorded, point: Resource) -> Item:
    """CloudFormation's spelling, without the policy, which is asked of S3."""
    written = deployment.value(point.get("Policy"))
    text = json.dumps(written) if isinstance(written, Mapping) else written
    configuration = {"Name": deployment.name(point), "Bucket": deployment.value(point.get("Bucket")), "Arn": deployment.arn(point)}
    return deployment.envelope(point, configuration, added={"Policy": text})


def _regions_point(deployment: Recorded, point: Resource) -> Item:
    """CloudFormation's spelling, with the policy that is asked of S3."""
    name = deployment.name(point)
    policies = deployment.graph.of_type("AWS::S3::MultiRegionAccessPointPolicy")
    written = next((deployment.value(entry.get("Policy")) for entry in policies if deployment.value(entry.get("MrapName")) == name), None)
    configuration = {"Name": name, "Regions": deployment.value(point.get("Regions"))}
    return deployment.envelope(point, configuration, added={"Policy": json.dumps(written) if written is not None else None})


def as_written(deployment: Recorded, resource: Resource) -> Item:
    """Types that Config keeps in CloudFormation's own shape."""
    configuration = {**deployment.value(resource.properties), "Arn": deployment.arn(resource)}
    if (key := deployment.name_key(resource)) is not None:
        configuration[key] = deployment.name(resource)
    if resource.type in _IDS:
        configuration[_IDS[resource.type]] = deployment.name(resource)
    configuration.pop("Tags", None)
    return deployment.envelope(resource, configuration)


_IDS = {
    "AWS::CloudFront::OriginAccessControl": "Id",
    "AWS::Cognito::IdentityPool": "Id",
    "AWS::Cognito::UserPool": "UserPoolId",
    "AWS::Cognito::UserPoolClient": "ClientId",
}


def _encoded(deployment: Recorded, document: Any) -> str:
    return quote(json.dumps(deployment.value(document)))


def camel(key: str) -> str:
    """CloudFormation's name as the SDKs spell it."""
    return key[:1].lower() + key[1:]


def sdk(value: Any) -> Any:
    """Names at every depth as the SDKs spell them; lists stay lists."""
    if isinstance(value, Mapping):
        return {camel(key): sdk(item) for key, item in value.items()}
    return [sdk(item) for item in value] if isinstance(value, list) else value


MAKERS: Mapping[str, Callable[[Recorded, Resource], Item]] = {
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudTrail::EventDataStore": as_written,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Cognito::IdentityPool": as_written,
    "AWS::Cognito::UserPool": as_written,
    "AWS::Cognito::UserPoolClient": as_written,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::DynamoDB::Table": _table,
    "AWS::Events::Rule": as_written,
    "AWS::IAM::Group": _identity,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Role": _identity,
    "AWS::IAM::User": _identity,
    "AWS::KMS::Alias": _alias,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::S3::AccessPoint": _access_point,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::MultiRegionAccessPoint": _regions_point,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Document": as_written,
    "AWS::SageMaker::Model": as_written,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
"""Types that AWS Config records, with what makes an item of each."""
