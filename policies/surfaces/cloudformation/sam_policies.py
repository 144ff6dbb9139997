"""SAM's policy templates, those that have to do with media and faces; each parameter is the name of a resource.

Source: the SAM specification, "AWS SAM policy templates".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Reference, Unknown

_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"

_S3_READ = ("GetObject", "ListBucket", "GetBucketLocation", "GetObjectVersion", "GetLifecycleConfiguration")
_S3_WRITE = ("PutObject", "PutObjectAcl", "PutLifecycleConfiguration")
_S3_FULL = (
    *("GetObject", "GetObjectAcl", "GetObjectVersion", "PutObject", "PutObjectAcl", "DeleteObject", "DeleteObjectTagging"),
    *("GetObjectTagging", "PutObjectTagging", "ListBucket", "GetBucketLocation", "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
)
_POLL = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")

_TEMPLATES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "S3ReadPolicy": ("s3", _S3_READ, "BucketName"),
    "S3WritePolicy": ("s3", _S3_WRITE, "BucketName"),
    "S3CrudPolicy": ("s3", (*_S3_READ, *_S3_WRITE, "DeleteObject"), "BucketName"),
    "S3FullAccessPolicy": ("s3", _S3_FULL, "BucketName"),
    "RekognitionFacesPolicy": ("rekognition", ("CompareFaces", "DetectFaces"), ""),
    "RekognitionDetectOnlyPolicy": ("rekognition", ("DetectFaces", "DetectLabels", "DetectModerationLabels", "DetectText"), ""),
    "RekognitionNoDataAccessPolicy": (
        "rekognition",
        ("CompareFaces", "DetectFaces", "DetectLabels", "DetectModerationLabels"),
        "CollectionId",
    ),
    "RekognitionReadPolicy": ("rekognition", ("ListCollections", "ListFaces", "SearchFaces", "SearchFacesByImage"), "CollectionId"),
    "RekognitionWriteOnlyAccessPolicy": ("rekognition", ("CreateCollection", "IndexFaces"), "CollectionId"),
    "RekognitionFacesManagementPolicy": (
        "rekognition",
        ("IndexFaces", "DeleteFaces", "SearchFaces", "SearchFacesByImage", "ListFaces"),
        "CollectionId",
    ),
    "SQSPollerPolicy": ("sqs", _POLL, "QueueName"),
    "SQSSendMessagePolicy": ("sqs", ("SendMessage*",), "QueueName"),
    "LambdaInvokePolicy": ("lambda", ("InvokeFunction",), "FunctionName"),
    "SageMakerCreateEndpointPolicy": ("sagemaker", ("CreateEndpoint",), ""),
    "SageMakerCreateEndpointConfigPolicy": ("sagemaker", ("CreateEndpointConfig",), ""),
    "RekognitionLabelsPolicy": ("rekognition", ("DetectLabels", "DetectModerationLabels"), ""),
    "KMSDecryptPolicy": ("kms", ("Decrypt",), "KeyId"),
    "KMSEncryptPolicy": ("kms", ("Encrypt",), "KeyId"),
    "KMSEncryptPolicy_v2": ("kms", ("Encrypt", "GenerateDataKey*"), "KeyId"),
}
"""Template -> (service, actions, the parameter that names the resource, if one does)."""

_ARNS = {
    "CollectionId": f"arn:aws:rekognition:{_ACCOUNT}:collection/",
    "FunctionName": f"arn:aws:lambda:{_ACCOUNT}:function:",
    "KeyId": f"arn:aws:kms:{_ACCOUNT}:key/",
    "QueueName": f"arn:aws:sqs:{_ACCOUNT}:",
}
"""How the ARN of what a parameter names begins."""

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
    "states": ("StepFunctionsExecutionPolicy", "StepFunctionsExecutionPolicy_v2", "StepFunctionsCallbackPolicy"),
    "ssm": ("SSMParameterReadPolicy", "SSMParameterWithSlashPrefixReadPolicy"),
    "secretsmanager": ("AWSSecretsManagerGetSecretValuePolicy", "AWSSecretsManagerRotationPolicy"),
    "events": ("EventBridgePutEventsPolicy",),
    "kinesis": ("KinesisCrudPolicy", "KinesisStreamReadPolicy"),
    "firehose": ("FirehoseCrudPolicy", "FirehoseWritePolicy"),
    "ses": (
        "SESCrudPolicy",
        "SESSendBouncePolicy",
        "SESBulkTemplatedCrudPolicy",
        "SESBulkTemplatedCrudPolicy_v2",
        "SESEmailTemplateCrudPolicy",
    ),
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
    service, actions, parameter = _TEMPLATES[name]
    given = parameters.get(parameter) if isinstance(parameters, dict) else None
    resources = _resources(parameter, given if given is not None else Unknown(f"{name} has no {parameter}")) if parameter else ["*"]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [f"{service}:{action}" for action in actions], "Resource": resources}],
    }


def _resources(parameter: str, given: Any) -> list[Any]:
    if isinstance(given, Reference) and parameter == "BucketName":
        return [Reference(given.address, "Arn"), Reference(given.address, "Arn", "/*")]
    if parameter == "BucketName":
        return [join_parts(["arn:aws:s3:::", given]), join_parts(["arn:aws:s3:::", given, "/*"])]
    if isinstance(given, Reference) and parameter != "CollectionId":
        return [Reference(given.address, "Arn")]
    return [join_parts([_ARNS[parameter], given])]
