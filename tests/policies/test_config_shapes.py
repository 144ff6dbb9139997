"""The items of every type that AWS Config records and rules look at: each in the structure in which Config has it.

Origin of the structure: property names and their spelling from ``awslabs/aws-config-resource-schema`` (March 2025), the envelope and
S3's supplementary configuration from the event samples in ``awslabs/aws-config-rules`` and the items in
``awslabs/workload-discovery-on-aws``. All values are written for these tests. Types in ``INFERRED`` are in no published schema: their
structure is that of their CloudFormation type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from averment.policies.graph.model import Reference, Unknown
from averment.policies.surfaces.config.items import ADDED, WHY
from averment.policies.surfaces.config.surface import ADAPTERS, graph_from_items
from averment.policies.surfaces.config.types import RECORDINGS, SCHEMA, Origin, held_in

OWN, PLACE = "123456789012", "eu-west-1"
GRANT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
INFERRED = {"AWS::CloudTrail::EventDataStore", "AWS::Cognito::UserPool", "AWS::S3::MultiRegionAccessPoint"}


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{PLACE}:{OWN}:{rest}"


def item(kind: str, where: str, configuration: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "resourceId": where.rsplit("/", 1)[-1].rsplit(":", 1)[-1],
        "ARN": where,
        "awsAccountId": OWN,
        "awsRegion": PLACE,
        "configurationItemStatus": "OK",
        "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": "2026-11-20T10:00:00.000Z",
        "relatedEvents": [],
        "relationships": [],
        "tags": {"team": "trust"},
        "configuration": configuration,
        "supplementaryConfiguration": {},
        **more,
    }


SHAPES: dict[str, tuple[dict[str, Any], dict[tuple[str | int, ...], Any]]] = {
    "AWS::S3::Bucket": (
        item(
            "AWS::S3::Bucket",
            "arn:aws:s3:::acme-uploads",
            {"name": "acme-uploads", "owner": {"displayName": None, "id": "e" * 64}, "creationDate": "2026-01-05T09:12:44.000Z"},
            supplementaryConfiguration={
                "AccessControlList": json.dumps(
                    {
                        "grantSet": None,
                        "grantList": [{"grantee": {"id": "e" * 64, "displayName": None}, "permission": "FullControl"}],
                        "owner": {"displayName": None, "id": "e" * 64},
                        "isRequesterCharged": False,
                    }
                ),
                "BucketAccelerateConfiguration": {"status": None},
                "BucketCrossOriginConfiguration": {
                    "rules": [{"id": "browser", "allowedMethods": ["PUT"], "allowedOrigins": ["*"], "maxAgeSeconds": 0}]
                },
                "BucketLifecycleConfiguration": {
                    "rules": [
                        {
                            "id": "expire",
                            "prefix": None,
                            "status": "Enabled",
                            "expirationInDays": "30",
                            "expiredObjectDeleteMarker": False,
                            "noncurrentVersionExpirationInDays": -1,
                            "noncurrentVersionExpiration": {"noncurrentDays": 1, "newerNoncurrentVersions": 0},
                            "filter": {"predicate": {"type": "LifecyclePrefixPredicate", "prefix": "scanned/"}},
                        }
                    ]
                },
                "BucketLoggingConfiguration": {"destinationBucketName": "acme-logs", "logFilePrefix": "s3/"},
                "BucketNotificationConfiguration": {
                    "configurations": {
                        "told": {
                            "topicARN": arn("sns", "new"),
                            "events": ["s3:ObjectCreated:*"],
                            "filter": None,
                            "type": "TopicConfiguration",
                        }
                    }
                },
                "BucketPolicy": {"policyText": json.dumps(GRANT)},
                "BucketTaggingConfiguration": {"tagSets": [{"tags": {"data-class": "ugc"}}]},
                "BucketVersioningConfiguration": {"status": "Suspended", "isMfaDeleteEnabled": None},
                "IsRequesterPaysEnabled": "false",
                "ObjectLockConfiguration": {
                    "objectLockEnabled": "Enabled",
                    "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": None, "years": 7}},
                },
                "PublicAccessBlockConfiguration": {
                    "blockPublicAcls": True,
                    "ignorePublicAcls": True,
                    "blockPublicPolicy": "true",
                    "restrictPublicBuckets": False,
                },
                "ServerSideEncryptionConfiguration": {
                    "rules": [
                        {
                            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256", "kmsMasterKeyID": None},
                            "bucketKeyEnabled": False,
                        }
                    ]
                },
            },
        ),
        {
            ("BucketName",): "acme-uploads",
            ("Tags",): [{"Key": "data-class", "Value": "ugc"}],
            ("CorsConfiguration", "CorsRules", 0, "AllowedMethods"): ["PUT"],
            ("LifecycleConfiguration", "Rules", 0, "ExpirationInDays"): 30,
            ("LifecycleConfiguration", "Rules", 0, "Prefix"): "scanned/",
            ("LifecycleConfiguration", "Rules", 0, "NoncurrentVersionExpiration", "NoncurrentDays"): 1,
            ("LoggingConfiguration", "DestinationBucketName"): "acme-logs",
            ("NotificationConfiguration", "TopicConfigurations", 0, "Topic"): arn("sns", "new"),
            ("ObjectLockEnabled",): True,
            ("ObjectLockConfiguration", "Rule", "DefaultRetention", "Years"): 7,
            ("PublicAccessBlockConfiguration", "BlockPublicPolicy"): True,
            ("PublicAccessBlockConfiguration", "RestrictPublicBuckets"): False,
            ("VersioningConfiguration", "Status"): "Suspended",
        },
    ),
    "AWS::S3::AccessPoint": (
        item(
            "AWS::S3::AccessPoint",
            arn("s3", "accesspoint/partners"),
            {
                "Name": "partners",
                "Alias": "partners-abc-s3alias",
                "Arn": arn("s3", "accesspoint/partners"),
                "Bucket": "acme-uploads",
                "BucketAccountId": OWN,
                "NetworkOrigin": "Internet",
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                "Policy": GRANT,
            },
        ),
        {("Bucket",): "acme-uploads", ("Name",): "partners", ("Policy",): GRANT},
    ),
    "AWS::S3::MultiRegionAccessPoint": (
        item(
            "AWS::S3::MultiRegionAccessPoint",
            f"arn:aws:s3::{OWN}:accesspoint/m1.mrap",
            {
                "Name": "everywhere",
                "Alias": "m1.mrap",
                "CreatedAt": "2026-11-01T00:00:00Z",
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                "Regions": [{"Bucket": "acme-uploads", "BucketAccountId": OWN}],
            },
        ),
        {("Name",): "everywhere", ("Regions", 0, "Bucket"): "acme-uploads"},
    ),
    "AWS::IAM::Role": (
        item(
            "AWS::IAM::Role",
            f"arn:aws:iam::{OWN}:role/scan",
            {
                "path": "/",
                "roleName": "scan",
                "roleId": "AROAEXAMPLE",
                "arn": f"arn:aws:iam::{OWN}:role/scan",
                "createDate": "2026-01-05T09:12:44.000Z",
                "assumeRolePolicyDocument": quote(json.dumps(TRUST, indent=1), safe=""),
                "instanceProfileList": [],
                "rolePolicyList": [{"policyName": "read", "policyDocument": quote(f"\n  {json.dumps(GRANT)}", safe="")}],
                "attachedManagedPolicies": [{"policyName": "scan", "policyArn": f"arn:aws:iam::{OWN}:policy/scan"}],
                "permissionsBoundary": None,
                "tags": [{"key": "team", "value": "trust"}],
                "roleLastUsed": None,
            },
        ),
        {
            ("RoleName",): "scan",
            ("AssumeRolePolicyDocument",): TRUST,
            ("Policies", 0, "PolicyDocument"): GRANT,
            ("ManagedPolicyArns",): [f"arn:aws:iam::{OWN}:policy/scan"],
        },
    ),
    "AWS::IAM::User": (
        item(
            "AWS::IAM::User",
            f"arn:aws:iam::{OWN}:user/seller",
            {
                "path": "/",
                "userName": "seller",
                "userId": "AIDAEXAMPLE",
                "userPolicyList": [{"policyName": "read", "policyDocument": quote(json.dumps(GRANT))}],
                "groupList": ["sellers"],
                "attachedManagedPolicies": [],
                "permissionsBoundary": {
                    "permissionsBoundaryType": "PermissionsBoundaryPolicy",
                    "permissionsBoundaryArn": f"arn:aws:iam::{OWN}:policy/fence",
                },
            },
        ),
        {
            ("UserName",): "seller",
            ("Policies", 0, "PolicyName"): "read",
            ("ManagedPolicyArns",): [],
            ("Groups",): ["sellers"],
            ("PermissionsBoundary",): f"arn:aws:iam::{OWN}:policy/fence",
        },
    ),
    "AWS::IAM::Group": (
        item(
            "AWS::IAM::Group",
            f"arn:aws:iam::{OWN}:group/sellers",
            {
                "path": "/",
                "groupName": "sellers",
                "groupId": "AGPAEXAMPLE",
                "groupPolicyList": [],
                "attachedManagedPolicies": [{"policyName": "ReadOnlyAccess", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
            },
        ),
        {("GroupName",): "sellers", ("Policies",): [], ("ManagedPolicyArns",): ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
    ),
    "AWS::IAM::Policy": (
        item(
            "AWS::IAM::Policy",
            f"arn:aws:iam::{OWN}:policy/scan",
            {
                "policyName": "scan",
                "policyId": "ANPAEXAMPLE",
                "arn": f"arn:aws:iam::{OWN}:policy/scan",
                "path": "/",
                "defaultVersionId": "v2",
                "attachmentCount": 1,
                "permissionsBoundaryUsageCount": 0,
                "isAttachable": True,
                "description": None,
                "policyVersionList": [
                    {"document": quote(json.dumps(TRUST)), "versionId": "v1", "isDefaultVersion": False},
                    {"document": quote(json.dumps(GRANT)), "versionId": "v2", "isDefaultVersion": True},
                ],
            },
        ),
        {("ManagedPolicyName",): "scan", ("PolicyDocument",): GRANT},
    ),
    "AWS::CloudFront::Distribution": (
        item(
            "AWS::CloudFront::Distribution",
            f"arn:aws:cloudfront::{OWN}:distribution/E1",
            {
                "id": "E1",
                "arn": f"arn:aws:cloudfront::{OWN}:distribution/E1",
                "status": "Deployed",
                "activeTrustedSigners": {"enabled": False, "quantity": 0},
                "distributionConfig": {
                    "callerReference": "1",
                    "aliases": {"quantity": 0},
                    "origins": {
                        "quantity": 1,
                        "items": [
                            {
                                "id": "media",
                                "domainName": "acme-published.s3.eu-west-1.amazonaws.com",
                                "originPath": "",
                                "customHeaders": {"quantity": 0},
                                "s3OriginConfig": {"originAccessIdentity": ""},
                                "originAccessControlId": "E2",
                                "originShield": {"enabled": False},
                            }
                        ],
                    },
                    "originGroups": {"quantity": 0},
                    "defaultCacheBehavior": {
                        "targetOriginId": "media",
                        "trustedSigners": {"enabled": False, "quantity": 0},
                        "trustedKeyGroups": {"enabled": True, "quantity": 1, "items": ["K1"]},
                        "viewerProtocolPolicy": "redirect-to-https",
                        "allowedMethods": {
                            "quantity": 2,
                            "items": ["HEAD", "GET"],
                            "cachedMethods": {"quantity": 2, "items": ["HEAD", "GET"]},
                        },
                        "lambdaFunctionAssociations": {
                            "quantity": 1,
                            "items": [
                                {
                                    "lambdaFunctionARN": "arn:aws:lambda:us-east-1:1:function:g:1",
                                    "eventType": "origin-request",
                                    "includeBody": False,
                                }
                            ],
                        },
                        "functionAssociations": {"quantity": 0},
                    },
                    "cacheBehaviors": {"quantity": 0},
                    "enabled": True,
                    "isIPV6Enabled": True,
                },
            },
        ),
        {
            ("DistributionConfig", "Origins", 0, "DomainName"): "acme-published.s3.eu-west-1.amazonaws.com",
            ("DistributionConfig", "Origins", 0, "OriginAccessControlId"): "E2",
            ("DistributionConfig", "DefaultCacheBehavior", "TrustedKeyGroups"): ["K1"],
            ("DistributionConfig", "DefaultCacheBehavior", "TrustedSigners"): [],
            ("DistributionConfig", "DefaultCacheBehavior", "LambdaFunctionAssociations", 0, "EventType"): "origin-request",
            ("DistributionConfig", "CacheBehaviors"): [],
        },
    ),
    "AWS::CloudTrail::Trail": (
        item(
            "AWS::CloudTrail::Trail",
            arn("cloudtrail", "trail/all"),
            {
                "name": "all",
                "s3BucketName": "acme-trail",
                "s3KeyPrefix": None,
                "includeGlobalServiceEvents": True,
                "isMultiRegionTrail": True,
                "homeRegion": PLACE,
                "trailARN": arn("cloudtrail", "trail/all"),
                "logFileValidationEnabled": True,
                "hasCustomEventSelectors": True,
                "hasInsightSelectors": False,
                "isOrganizationTrail": False,
            },
            supplementaryConfiguration={ADDED: {"IsLogging": True, "EventSelectors": None, "AdvancedEventSelectors": [{"Name": "data"}]}},
        ),
        {
            ("TrailName",): "all",
            ("S3BucketName",): "acme-trail",
            ("IsMultiRegionTrail",): True,
            ("IsLogging",): True,
            ("EventSelectors",): None,
            ("AdvancedEventSelectors", 0, "Name"): "data",
        },
    ),
    "AWS::CloudTrail::EventDataStore": (
        item(
            "AWS::CloudTrail::EventDataStore",
            arn("cloudtrail", "eventdatastore/0a1b"),
            {
                "Name": "objects",
                "EventDataStoreArn": arn("cloudtrail", "eventdatastore/0a1b"),
                "Status": "ENABLED",
                "AdvancedEventSelectors": [{"Name": "s3", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}],
            },
        ),
        {("AdvancedEventSelectors", 0, "FieldSelectors", 0, "Field"): "eventCategory"},
    ),
    "AWS::CloudWatch::Alarm": (
        item(
            "AWS::CloudWatch::Alarm",
            arn("cloudwatch", "alarm:uploads"),
            {
                "alarmName": "uploads",
                "alarmArn": arn("cloudwatch", "alarm:uploads"),
                "actionsEnabled": True,
                "okactions": [],
                "alarmActions": [arn("sns", "on-call")],
                "insufficientDataActions": [],
                "metricName": "PutRequests",
                "namespace": "AWS/S3",
                "statistic": "Sum",
                "dimensions": [{"name": "BucketName", "value": "acme-uploads"}],
                "period": 300,
                "evaluationPeriods": 1,
                "threshold": 1000.0,
                "comparisonOperator": "GreaterThanThreshold",
                "metrics": [],
            },
        ),
        {
            ("AlarmName",): "uploads",
            ("AlarmActions",): [arn("sns", "on-call")],
            ("OKActions",): [],
            ("Dimensions", 0, "Name"): "BucketName",
            ("MetricName",): "PutRequests",
            ("Threshold",): 1000.0,
        },
    ),
    "AWS::Cognito::IdentityPool": (
        item(
            "AWS::Cognito::IdentityPool",
            arn("cognito-identity", "identitypool/eu-west-1:0a1b"),
            {"Id": "eu-west-1:0a1b", "Name": "shop", "IdentityPoolName": "shop", "AllowUnauthenticatedIdentities": "true"},
        ),
        {("AllowUnauthenticatedIdentities",): True},
    ),
    "AWS::Cognito::UserPool": (
        item(
            "AWS::Cognito::UserPool",
            arn("cognito-idp", "userpool/eu-west-1_abc"),
            {"UserPoolId": "eu-west-1_abc", "UserPoolName": "shop", "MfaConfiguration": "OPTIONAL", "EnabledMfas": ["SOFTWARE_TOKEN_MFA"]},
        ),
        {("UserPoolName",): "shop", ("MfaConfiguration",): "OPTIONAL"},
    ),
    "AWS::Cognito::UserPoolClient": (
        item(
            "AWS::Cognito::UserPoolClient",
            arn("cognito-idp", "userpoolclient/c1"),
            {"ClientId": "c1", "ClientName": "web", "UserPoolId": "eu-west-1_abc", "SupportedIdentityProviders": ["COGNITO"]},
        ),
        {("SupportedIdentityProviders",): ["COGNITO"], ("UserPoolId",): Reference("eu-west-1_abc", "Arn")},
    ),
    "AWS::DynamoDB::Table": (
        item(
            "AWS::DynamoDB::Table",
            arn("dynamodb", "table/faces"),
            {
                "tableName": "faces",
                "tableArn": arn("dynamodb", "table/faces"),
                "tableStatus": "ACTIVE",
                "keySchema": [{"attributeName": "id", "keyType": "HASH"}],
                "attributeDefinitions": [{"attributeName": "id", "attributeType": "S"}],
                "billingModeSummary": {"billingMode": "PAY_PER_REQUEST"},
                "ssedescription": None,
            },
            supplementaryConfiguration={ADDED: {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}}},
        ),
        {("TableName",): "faces", ("TimeToLiveSpecification", "Enabled"): True, ("Tags",): [{"Key": "team", "Value": "trust"}]},
    ),
    "AWS::Events::Rule": (
        item(
            "AWS::Events::Rule",
            arn("events", "rule/scan"),
            {
                "Arn": arn("events", "rule/scan"),
                "Id": "scan",
                "Name": "scan",
                "EventBusName": "default",
                "State": "ENABLED",
                "EventPattern": json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}),
                "Targets": [{"Id": "t", "Arn": arn("lambda", "function:scan"), "DeadLetterConfig": {"Arn": arn("sqs", "dead")}}],
            },
        ),
        {
            ("EventPattern", "detail-type"): ["Object Created"],
            ("State",): "ENABLED",
            ("Targets", 0, "DeadLetterConfig", "Arn"): arn("sqs", "dead"),
        },
    ),
    "AWS::KMS::Key": (
        item(
            "AWS::KMS::Key",
            arn("kms", "key/0a1b"),
            {
                "awsaccountId": OWN,
                "keyId": "0a1b",
                "arn": arn("kms", "key/0a1b"),
                "enabled": True,
                "description": "content credentials",
                "keyUsage": "SIGN_VERIFY",
                "keyState": "Enabled",
                "origin": "AWS_KMS",
                "keyManager": "CUSTOMER",
                "customerMasterKeySpec": "ECC_NIST_P256",
                "keySpec": "ECC_NIST_P256",
                "signingAlgorithms": ["ECDSA_SHA_256"],
            },
            supplementaryConfiguration={"Policy": json.dumps(json.dumps(GRANT)), "KeyRotationStatus": "false", "Tags": []},
        ),
        {("KeyUsage",): "SIGN_VERIFY", ("KeySpec",): "ECC_NIST_P256", ("KeyPolicy",): GRANT},
    ),
    "AWS::KMS::Alias": (
        item("AWS::KMS::Alias", arn("kms", "alias/sign"), {"AliasName": "alias/sign", "TargetKeyId": "0a1b"}),
        {("AliasName",): "alias/sign", ("TargetKeyId",): Reference(arn("kms", "key/0a1b"))},
    ),
    "AWS::Lambda::Function": (
        item(
            "AWS::Lambda::Function",
            arn("lambda", "function:scan"),
            {
                "functionName": "scan",
                "functionArn": arn("lambda", "function:scan"),
                "runtime": "python3.12",
                "role": f"arn:aws:iam::{OWN}:role/scan",
                "handler": "scan.handler",
                "codeSize": 1024,
                "description": "",
                "timeout": 30,
                "memorySize": 512,
                "version": "$LATEST",
                "deadLetterConfig": {"targetArn": arn("sqs", "dead")},
                "kmskeyArn": None,
                "layers": [],
            },
            supplementaryConfiguration={ADDED: {"Environment": {"Variables": {"ENDPOINT": "detector"}}}},
        ),
        {
            ("FunctionName",): "scan",
            ("Role",): f"arn:aws:iam::{OWN}:role/scan",
            ("Handler",): "scan.handler",
            ("DeadLetterConfig", "TargetArn"): arn("sqs", "dead"),
            ("Environment", "Variables", "ENDPOINT"): "detector",
        },
    ),
    "AWS::SNS::Topic": (
        item(
            "AWS::SNS::Topic",
            arn("sns", "on-call"),
            {"TopicArn": arn("sns", "on-call"), "Owner": OWN, "DisplayName": "", "FifoTopic": "false"},
        ),
        {("TopicName",): "on-call", ("FifoTopic",): False},
    ),
    "AWS::SQS::Queue": (
        item(
            "AWS::SQS::Queue",
            arn("sqs", "scan"),
            {
                "QueueName": "scan",
                "QueueArn": arn("sqs", "scan"),
                "QueueUrl": f"https://sqs.{PLACE}.amazonaws.com/{OWN}/scan",
                "VisibilityTimeout": "360",
                "MessageRetentionPeriod": "1209600",
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 5}),
                "SqsManagedSseEnabled": "true",
            },
        ),
        {
            ("QueueName",): "scan",
            ("RedrivePolicy", "deadLetterTargetArn"): arn("sqs", "dead"),
            ("MessageRetentionPeriod",): 1209600,
            ("SqsManagedSseEnabled",): True,
        },
    ),
    "AWS::SSM::Document": (
        item(
            "AWS::SSM::Document",
            arn("ssm", "document/isolate"),
            {
                "Name": "isolate",
                "DocumentType": "Automation",
                "DocumentFormat": "YAML",
                "Content": json.dumps({"schemaVersion": "0.3"}),
                "Requires": [],
            },
        ),
        {("Name",): "isolate", ("Content", "schemaVersion"): "0.3"},
    ),
    "AWS::SageMaker::Model": (
        item(
            "AWS::SageMaker::Model",
            arn("sagemaker", "model/detector"),
            {
                "ModelName": "detector",
                "Id": arn("sagemaker", "model/detector"),
                "EnableNetworkIsolation": "true",
                "ExecutionRoleArn": "r",
                "Containers": [],
            },
        ),
        {("ModelName",): "detector", ("EnableNetworkIsolation",): True},
    ),
    "AWS::StepFunctions::StateMachine": (
        item(
            "AWS::StepFunctions::StateMachine",
            arn("states", "stateMachine:enrol"),
            {
                "Arn": arn("states", "stateMachine:enrol"),
                "StateMachineName": "enrol",
                "StateMachineType": "STANDARD",
                "RoleArn": f"arn:aws:iam::{OWN}:role/enrol",
                "DefinitionString": json.dumps({"StartAt": "scan", "States": {}}),
            },
        ),
        {("StateMachineName",): "enrol", ("DefinitionString",): json.dumps({"StartAt": "scan", "States": {}})},
    ),
}


def from_the_api(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same item as ``BatchGetResourceConfig`` returns it: JSON text, other names; tags only within the configurations."""
    return {
        "version": "1.3",
        "accountId": found["awsAccountId"],
        "arn": found["ARN"],
        **{key: found[key] for key in ("configurationItemStatus", "resourceType", "resourceId", "awsRegion")},
        "configuration": json.dumps(found["configuration"]),
        "supplementaryConfiguration": {
            key: value if isinstance(value, str) or key == ADDED else json.dumps(value)
            for key, value in found["supplementaryConfiguration"].items()
        },
    }


def from_a_file(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same item as snapshots may hold it: everything below the envelope as JSON text, encoded twice."""
    once = from_the_api(found)["supplementaryConfiguration"]
    text = {key: value if key == ADDED else json.dumps(value) for key, value in once.items()}
    return {**found, "configuration": json.dumps(json.dumps(found["configuration"])), "supplementaryConfiguration": text}


@pytest.mark.parametrize("spelling", [dict, from_the_api, from_a_file], ids=["event", "api", "file"])
@pytest.mark.parametrize("kind", SHAPES)
def test_an_item_is_read_in_each_spelling(kind: str, spelling: Any):
    """An event has objects, the API JSON text, files either: the properties are the same."""
    found, expected = SHAPES[kind]
    graph = graph_from_items([spelling(found)])
    assert graph.problems == []
    (resource,) = (entry for entry in graph if entry.type not in ("AWS::S3::BucketPolicy", "AWS::S3::MultiRegionAccessPointPolicy"))
    for path, value in expected.items():
        if spelling is from_the_api and path == ("Tags",) and kind != "AWS::S3::Bucket":
            continue  # the API has no tags
        assert resource.get(*path) == value, path
    assert resource.source.arn == found["ARN"]


def test_every_recorded_type_has_its_shape_tested():
    """A type that is added to the table without an item here would be read on trust."""
    recorded = {name for entry in RECORDINGS.values() if entry.origin is Origin.CONFIG for name in entry.held_in}
    parts = set(held_in(tuple(name for name, entry in RECORDINGS.items() if entry.origin is Origin.PART)))
    assert set(SHAPES) == recorded | parts, "SHAPES in this file has an item of each type that is recorded or a part of one"
    unpublished = {name for name in recorded if SCHEMA not in RECORDINGS[name].confirmed}
    assert unpublished == INFERRED


@pytest.mark.parametrize("kind", SHAPES)
def test_an_item_of_another_shape_is_a_problem(kind: str):
    """A configuration that has nothing of what the type's items have is refused, not read as an empty resource."""
    found, _ = SHAPES[kind]
    graph = graph_from_items([{**found, "configuration": {"somethingElse": [1]}, "supplementaryConfiguration": {}}])
    if kind in ("AWS::S3::Bucket", "AWS::S3::AccessPoint"):  # all but the name stands elsewhere
        assert any(isinstance(value, Unknown) for resource in graph for value in resource.properties.values())
    else:
        assert (len(graph), len(graph.problems)) == (0, 1)
        assert "another shape" in graph.problems[0].reason


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::CloudTrail::Trail", ("IsLogging",)),
        ("AWS::CloudTrail::Trail", ("AdvancedEventSelectors",)),
        ("AWS::DynamoDB::Table", ("TimeToLiveSpecification",)),
        ("AWS::Lambda::Function", ("Environment", "Variables", "X")),
        ("AWS::S3::Bucket", ("MetricsConfigurations",)),
        ("AWS::S3::MultiRegionAccessPoint", ("Policy",)),
    ],
)
def test_what_config_does_not_record_is_unknown_with_its_reason(kind: str, path: tuple[str, ...]):
    """Without the service's answer nothing is taken for absent, and a denial is passed on."""
    found, _ = SHAPES[kind]
    alone = {key: value for key, value in found["supplementaryConfiguration"].items() if key != ADDED}
    for extra, text in ((alone, "AWS Config doesn't record"), ({**alone, ADDED: {WHY: "AccessDenied"}}, "(AccessDenied)")):
        graph = graph_from_items([{**found, "supplementaryConfiguration": extra}])
        (value,) = (told for entry in graph if (told := entry.get(*path)) is not None)
        assert isinstance(value, Unknown)
        assert text in value.reason


def test_a_trail_without_selectors_of_its_own_has_none():
    """``hasCustomEventSelectors: false`` says for certain that no data events are selected."""
    found, _ = SHAPES["AWS::CloudTrail::Trail"]
    plain = {**found, "configuration": {**found["configuration"], "hasCustomEventSelectors": False}, "supplementaryConfiguration": {}}
    (trail,) = graph_from_items([plain])
    assert (trail.get("EventSelectors"), trail.get("AdvancedEventSelectors")) == (None, None)


@pytest.mark.parametrize("part", ["AccessControlList", "BucketNotificationConfiguration", "BucketPolicy", "BucketVersioningConfiguration"])
def test_a_part_that_every_bucket_has_is_unknown_where_it_is_missing(part: str):
    """An item cut short is no bucket without a policy."""
    found, _ = SHAPES["AWS::S3::Bucket"]
    for broken in (None, "text", ["list"]):
        extra = {**found["supplementaryConfiguration"], part: broken}
        graph = graph_from_items([{**found, "supplementaryConfiguration": extra}])
        values = [value for resource in graph for value in resource.properties.values()]
        reasons = [value.reason for value in values if isinstance(value, Unknown)]
        assert any(part in reason for reason in reasons), (broken, reasons)


def test_environment_variables_that_lambda_could_not_decrypt_are_unknown():
    """Lambda answers with an error in their place."""
    found, _ = SHAPES["AWS::Lambda::Function"]
    error = {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no"}}}
    (function,) = graph_from_items([{**found, "supplementaryConfiguration": {ADDED: error}}])
    assert isinstance(function.get("Environment"), Unknown)


def test_times_and_texts_are_told_apart():
    """Seconds since 1970 (older answers of the API) are a time; a description that says "true" stays text."""
    found, _ = SHAPES["AWS::Lambda::Function"]
    odd = {**found, "configurationItemCaptureTime": 1763632800, "configuration": {**found["configuration"], "description": "true"}}
    (function,) = graph_from_items([odd])
    assert function.source.captured_at is not None
    assert function.source.captured_at.isoformat() == "2025-11-20T10:00:00+00:00"
    assert function.get("Description") == "true"


def test_what_is_recorded_has_an_adapter():
    """A type that rules look at and nobody wrote an adapter for would be read as it stands."""
    for entry in RECORDINGS.values():
        for owner in entry.held_in:
            assert owner in ADAPTERS, f"say in policies/surfaces/config/recorded how {owner} is read (PLAIN, if as it stands)"
