"""SAM's policy templates, those that have to do with media and faces; each parameter is the name of a resource.

Source: the SAM specification, "AWS SAM policy templates".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import join_parts

_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"

_S3_READ = ("GetObject", "ListBucket", "GetBucketLocation", "GetObjectVersion", "GetLifecycleConfiguration")
_S3_WRITE = ("PutObject", "PutObjectAcl", "PutLifecycleConfiguration")
_S3_FULL = (
    *("GetObject", "GetObjectAcl", "GetObjectVersion", "PutObject", "PutObjectAcl", "DeleteObject", "DeleteObjectTagging"),
    *("GetObjectTagging", "PutObjectTagging", "ListBucket", "GetBucketLocation", "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
)
_POLL = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")

_TEMPLATES: dict[str, tuple[str, tuple[str, ...], str | None, str]] = {
    "S3ReadPolicy": ("s3", _S3_READ, "BucketName", "bucket"),
    "S3WritePolicy": ("s3", _S3_WRITE, "BucketName", "bucket"),
    "S3CrudPolicy": ("s3", (*_S3_READ, *_S3_WRITE, "DeleteObject"), "BucketName", "bucket"),
    "S3FullAccessPolicy": ("s3", _S3_FULL, "BucketName", "bucket"),
    "RekognitionFacesPolicy": ("rekognition", ("CompareFaces", "DetectFaces"), None, "*"),
    "RekognitionDetectOnlyPolicy": ("rekognition", ("DetectFaces", "DetectLabels", "DetectModerationLabels", "DetectText"), None, "*"),
    "RekognitionNoDataAccessPolicy": (
        "rekognition",
        ("CompareFaces", "DetectFaces", "DetectLabels", "DetectModerationLabels"),
        "CollectionId",
        "collection",
    ),
    "RekognitionReadPolicy": (
        "rekognition",
        ("ListCollections", "ListFaces", "SearchFaces", "SearchFacesByImage"),
        "CollectionId",
        "collection",
    ),
    "RekognitionWriteOnlyAccessPolicy": ("rekognition", ("CreateCollection", "IndexFaces"), "CollectionId", "collection"),
    "RekognitionFacesManagementPolicy": (
        "rekognition",
        ("IndexFaces", "DeleteFaces", "SearchFaces", "SearchFacesByImage", "ListFaces"),
        "CollectionId",
        "collection",
    ),
    "SQSPollerPolicy": ("sqs", _POLL, "QueueName", "queue"),
    "SQSSendMessagePolicy": ("sqs", ("SendMessage*",), "QueueName", "queue"),
    "LambdaInvokePolicy": ("lambda", ("InvokeFunction",), "FunctionName", "function"),
    "LambdaInvokeFunctionPolicy": ("lambda", ("InvokeFunction",), "FunctionName", "function"),
    "SageMakerCreateEndpointPolicy": ("sagemaker", ("CreateEndpoint",), None, "*"),
    "SageMakerCreateEndpointConfigPolicy": ("sagemaker", ("CreateEndpointConfig",), None, "*"),
    "RekognitionLabelsPolicy": ("rekognition", ("DetectLabels", "DetectModerationLabels"), None, "*"),
    "KMSDecryptPolicy": ("kms", ("Decrypt",), "KeyId", "key"),
    "KMSEncryptPolicy": ("kms", ("Encrypt", "GenerateDataKey"), "KeyId", "key"),
}
"""Template -> (service, actions, the parameter that names the resource, its kind)."""

_ELSEWHERE = {
    "dynamodb": (
        "DynamoDBCrudPolicy",
        "DynamoDBReadPolicy",
        "DynamoDBWritePolicy",
        "DynamoDBStreamReadPolicy",
        "DynamoDBReconfigurePolicy",
        "DynamoDBBackupFullAccessPolicy",
        "DynamoDBRestoreFromBackupPolicy",
    ),
    "sns": ("SNSCrudPolicy", "SNSPublishMessagePolicy"),
    "states": ("StepFunctionsExecutionPolicy",),
    "ssm": ("SSMParameterReadPolicy", "SSMParameterWithSlashPrefixReadPolicy"),
    "secretsmanager": ("AWSSecretsManagerGetSecretValuePolicy", "AWSSecretsManagerRotationPolicy"),
    "events": ("EventBridgePutEventsPolicy",),
    "kinesis": ("KinesisCrudPolicy", "KinesisStreamReadPolicy"),
    "firehose": ("FirehoseCrudPolicy", "FirehoseWritePolicy"),
    "ses": ("SESCrudPolicy", "SESSendBouncePolicy", "SESBulkTemplatedCrudPolicy", "SESEmailTemplateCrudPolicy"),
    "cloudwatch": ("CloudWatchPutMetricPolicy", "CloudWatchDashboardPolicy", "CloudWatchDescribeAlarmHistoryPolicy"),
    "logs": ("FilterLogEventsPolicy",),
    "ec2": ("VPCAccessPolicy", "EC2DescribePolicy", "AMIDescribePolicy", "EC2CopyImagePolicy"),
    "comprehend": ("ComprehendBasicAccessPolicy",),
    "polly": ("PollyFullAccessPolicy",),
    "textract": ("TextractPolicy", "TextractDetectAnalyzePolicy", "TextractGetResultPolicy"),
    "es": ("ElasticsearchHttpPostPolicy",),
    "athena": ("AthenaQueryPolicy",),
    "route53": ("Route53ChangeResourceRecordSetsPolicy",),
    "codepipeline": ("CodePipelineLambdaExecutionPolicy", "CodePipelineReadOnlyPolicy"),
    "cloudformation": ("CloudFormationDescribeStacksPolicy",),
    "codecommit": ("CodeCommitCrudPolicy", "CodeCommitReadPolicy"),
    "ce": ("CostExplorerReadOnlyPolicy",),
    "ecs": ("EcsRunTaskPolicy",),
    "elasticfilesystem": ("EFSWriteAccessPolicy",),
    "eks": ("EKSDescribePolicy",),
    "elasticmapreduce": (
        "ElasticMapReduceAddJobFlowStepsPolicy",
        "ElasticMapReduceCancelStepsPolicy",
        "ElasticMapReduceModifyInstanceFleetPolicy",
        "ElasticMapReduceModifyInstanceGroupsPolicy",
        "ElasticMapReduceSetTerminationProtectionPolicy",
        "ElasticMapReduceTerminateJobFlowsPolicy",
    ),
    "mobileanalytics": ("MobileAnalyticsWriteOnlyAccessPolicy",),
    "mobiletargeting": ("PinpointEndpointAccessPolicy",),
    "organizations": ("OrganizationsListAccountsPolicy",),
    "serverlessrepo": ("ServerlessRepoReadWriteAccessPolicy",),
    "acm": ("AcmGetCertificatePolicy",),
}
_SERVICE_OF = {name: service for service, names in _ELSEWHERE.items() for name in names}
"""Templates of services that no rule looks into: all actions of the service stand for the few that they allow."""


def policy_template(policy: Mapping[str, Any]) -> Any:
    """The policy document that a template such as ``{"S3ReadPolicy": {"BucketName": ...}}`` renders."""
    name, parameters = next(iter(policy.items()), ("", None))
    if name in _SERVICE_OF:
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [f"{_SERVICE_OF[name]}:*"], "Resource": ["*"]}]}
    if name not in _TEMPLATES:
        return {"Version": "2012-10-17", "Statement": [Unknown(f"SAM policy template '{name}' is not expanded")]}
    service, actions, parameter, kind = _TEMPLATES[name]
    given = parameters.get(parameter) if isinstance(parameters, dict) and parameter else None
    resources = _resources(kind, given if given is not None else Unknown(f"{name} has no {parameter}"))
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [f"{service}:{action}" for action in actions], "Resource": resources}],
    }


def _resources(kind: str, given: Any) -> list[Any]:
    if kind == "*":
        return ["*"]
    if kind == "bucket":
        if isinstance(given, Reference):
            return [Reference(given.address, "Arn"), Reference(given.address, "Arn", "/*")]
        return [join_parts(["arn:aws:s3:::", given]), join_parts(["arn:aws:s3:::", given, "/*"])]
    if kind == "collection":
        return [join_parts([f"arn:aws:rekognition:{_ACCOUNT}:collection/", given])]
    if kind == "key":
        return [Reference(given.address, "Arn") if isinstance(given, Reference) else join_parts([f"arn:aws:kms:{_ACCOUNT}:key/", given])]
    if kind == "queue":
        return [Reference(given.address, "Arn") if isinstance(given, Reference) else join_parts([f"arn:aws:sqs:{_ACCOUNT}:", given])]
    return [
        Reference(given.address, "Arn") if isinstance(given, Reference) else join_parts([f"arn:aws:lambda:{_ACCOUNT}:function:", given])
    ]
