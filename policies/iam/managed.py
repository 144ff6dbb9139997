"""What AWS managed policies grant of the actions that the rules ask about.

The text of these policies is AWS's; this table holds only what matters here, written from the AWS Managed Policy
Reference as of 2026-11. A managed policy that isn't listed is judged by its name: one that may well grant such
an action is Unknown, one of another service grants none of them.
"""

from __future__ import annotations

import re
from typing import Any

from averment.policies.graph.model import Unknown

_ARN = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/(?:.*/)?(?P<name>[^/]+)")
_SUSPECT = re.compile(r"s3|rekognition|admin|power|sagemaker|keymanagement|kms|datascientist", re.IGNORECASE)

_GRANTS: dict[str, dict[str, list[str]]] = {
    "AdministratorAccess": {"Action": ["*"]},
    "PowerUserAccess": {"NotAction": ["iam:*", "organizations:*", "account:*"]},
    "AmazonS3FullAccess": {"Action": ["s3:*", "s3-object-lambda:*"]},
    "AmazonS3ReadOnlyAccess": {"Action": ["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"]},
    "AmazonRekognitionFullAccess": {"Action": ["rekognition:*"]},
    "AmazonRekognitionReadOnlyAccess": {
        "Action": [
            "rekognition:CompareFaces",
            "rekognition:Detect*",
            "rekognition:List*",
            "rekognition:GetFaceSearch",
            "rekognition:Search*",
        ]
    },
    "ReadOnlyAccess": {"Action": ["s3:Get*", "s3:List*"]},  # matching faces, too, by which whoever looks around isn't meant
    "ViewOnlyAccess": {"Action": ["s3:ListAllMyBuckets", "s3:ListBucket"]},
    "SecurityAudit": {"Action": ["s3:GetBucket*"]},
    "AmazonSSMManagedInstanceCore": {"Action": ["ssm:*"]},
    "AmazonEC2RoleforSSM": {"Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]},
    "AmazonSageMakerFullAccess": {
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": ["arn:aws:s3:::*SageMaker*", "arn:aws:s3:::*Sagemaker*", "arn:aws:s3:::*sagemaker*", "arn:aws:s3:::*aws-glue*"],
    },
    "AmazonSageMakerReadOnly": {"Action": ["sagemaker:Describe*", "sagemaker:List*"]},
    "AmazonS3ObjectLambdaExecutionRolePolicy": {"Action": ["s3-object-lambda:WriteGetObjectResponse"]},
    "AmazonS3TablesFullAccess": {"Action": ["s3tables:*"]},
    "AmazonS3TablesReadOnlyAccess": {"Action": ["s3tables:Get*", "s3tables:List*"]},
    "AmazonRekognitionCustomLabelsFullAccess": {"Action": ["rekognition:DetectCustomLabels"]},
    "AmazonS3OutpostsFullAccess": {"Action": ["s3-outposts:*"]},
    "AmazonS3OutpostsReadOnlyAccess": {"Action": ["s3-outposts:Get*"]},
    "AmazonRekognitionServiceRole": {"Action": ["sns:Publish", "kinesis:PutRecord", "kinesis:PutRecords"]},
    "AWSKeyManagementServicePowerUser": {"Action": ["kms:CreateKey", "kms:List*", "kms:Describe*"]},
    "CloudWatchAgentAdminPolicy": {"Action": ["cloudwatch:PutMetricData"]},
    "AmazonBedrockFullAccess": {"Action": ["bedrock:*"]},
    "AmazonBedrockLimitedAccess": {"Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]},
    "AmazonBedrockReadOnly": {"Action": ["bedrock:Get*", "bedrock:List*"]},
    # by whose names nobody would think that they are about S3 or models
    "AIDevOpsAgentActionsPolicy": {"NotAction": ["iam:*", "organizations:*", "account:*", "sts:*"]},
    "AWSCodeDeployRoleForECS": {"Action": ["s3:GetObject", "s3:GetObjectVersion"]},
    "AWSDeepRacerServiceRolePolicy": {"Action": ["sagemaker:*"]},
    "AWSElasticBeanstalkService": {"Action": ["s3:GetObject", "s3:ListBucket"]},
    "AWSIoTRuleActions": {"Action": ["s3:PutObject"]},
    "AWSLambdaExecute": {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::*"]},
    "AmazonAugmentedAIIntegratedAPIAccess": {"Action": ["rekognition:DetectModerationLabels"]},
    "AmazonDynamoDBFullAccesswithDataPipeline": {"Action": ["s3:DeleteObject", "s3:Get*", "s3:List*", "s3:Put*"]},
    "AmazonEC2RoleforAWSCodeDeploy": {"Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]},
    "AmazonEC2RoleforDataPipelineRole": {"Action": ["s3:*"]},
    "AmazonElasticMapReduceFullAccess": {"Action": ["s3:*"]},
    "AmazonElasticMapReduceReadOnlyAccess": {"Action": ["s3:GetObject", "s3:ListBucket"]},
    "AmazonElasticMapReduceRole": {"Action": ["s3:Get*", "s3:List*"]},
    "AmazonElasticMapReduceforEC2Role": {"Action": ["s3:*"]},
    "AmazonElasticTranscoderRole": {"Action": ["s3:Get*", "s3:ListBucket", "s3:PutObject", "s3:PutObjectAcl"]},
    "AmazonMacieServiceRole": {"Action": ["s3:Get*", "s3:List*"]},
    "ResourceGroupsTaggingAPITagUntagSupportedResources": {"Action": ["s3:PutObjectTagging"]},
}
_MORE: dict[str, list[dict[str, Any]]] = {"AmazonSageMakerFullAccess": [{"Action": ["sagemaker:*"], "Resource": ["*"]}]}
"""Further statements of policies whose actions differ in the resources that they reach."""


def managed_policy(arn: str) -> dict[str, Any] | Unknown | None:
    """The policy document behind an AWS managed ``arn``: None if it grants nobody anything of interest or isn't AWS's."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    if ":policy/aws-service-role/" in arn:
        return None  # of service-linked roles alone: the service itself acts by it, nobody else may have it or change it (IAM user guide)
    name = match["name"]
    if name in _GRANTS:
        statements = [_GRANTS[name], *_MORE.get(name, ())]
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": ["*"], **entry} for entry in statements]}
    if _SUSPECT.search(name):
        return Unknown(f"what the AWS managed policy {name} grants is not in the table")
    return None


def is_aws_managed(arn: str) -> bool:
    """Whether ``arn`` names a policy that AWS manages."""
    return _ARN.fullmatch(arn) is not None
