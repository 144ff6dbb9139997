"""Where AWS Config's items keep the properties of CloudFormation: the way back through the adapter in ``config``.

Only properties that the adapter takes over as they are stand here, at every path that a rule may name: their value in the item is the
value in the graph. What the adapter puts together (policy documents, ACLs, tags, Object Lock) is left out, and so is what isn't recorded.

Source: the schemas of items that AWS publishes for advanced queries (aws-config-resource-schema, March 2025).
"""

from __future__ import annotations

from collections.abc import Mapping

from averment.policies.surfaces.config.types import RECORDINGS, Origin


def _as_written(*paths: str) -> dict[str, str]:
    """Properties of a type whose items have CloudFormation's own shape."""
    return {path: f"configuration.{path}" for path in paths}


_BLOCK = {
    f"PublicAccessBlockConfiguration.{flag}": f"supplementaryConfiguration.PublicAccessBlockConfiguration.{flag[:1].lower()}{flag[1:]}"
    for flag in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
}

ITEM_PATHS: Mapping[str, Mapping[str, str]] = {
    "AWS::S3::Bucket": {
        "BucketName": "configuration.name",
        "VersioningConfiguration.Status": "supplementaryConfiguration.BucketVersioningConfiguration.status",
        "PublicAccessBlockConfiguration": "supplementaryConfiguration.PublicAccessBlockConfiguration",
        **_BLOCK,
        "LoggingConfiguration.DestinationBucketName": "supplementaryConfiguration.BucketLoggingConfiguration.destinationBucketName",
    },
    "AWS::KMS::Key": {"KeyUsage": "configuration.keyUsage", "Description": "configuration.description"},
    "AWS::CloudTrail::Trail": {
        "TrailName": "configuration.name",
        "S3BucketName": "configuration.s3BucketName",
        "IsMultiRegionTrail": "configuration.isMultiRegionTrail",
    },
    "AWS::SageMaker::EndpointConfig": _as_written(
        "EndpointConfigName",
        "KmsKeyId",
        "ProductionVariants",
        "ProductionVariants.InstanceType",
        "ProductionVariants.ServerlessConfig",
        "ProductionVariants.VariantName",
        "DataCaptureConfig",
        "DataCaptureConfig.EnableCapture",
        "DataCaptureConfig.InitialSamplingPercentage",
        "DataCaptureConfig.DestinationS3Uri",
        "DataCaptureConfig.KmsKeyId",
        "DataCaptureConfig.CaptureOptions",
        "DataCaptureConfig.CaptureOptions.CaptureMode",
        "AsyncInferenceConfig",  # in CloudFormation's schema of the type, by which items are made, and not in the published one
    ),
    "AWS::SageMaker::Model": _as_written("ModelName", "EnableNetworkIsolation", "ExecutionRoleArn", "VpcConfig"),
}
"""By type, the path of a property (lists without a mark) and the path in the item, from the item's root."""

UNLISTED = frozenset({"AWS::SageMaker::EndpointConfig"})
"""Types with a published schema that AWS Config's API doesn't name among those that a recorder takes: an item may never come."""

UNRECORDED = frozenset(name for name, entry in RECORDINGS.items() if entry.origin is not Origin.CONFIG) - set(ITEM_PATHS)
"""Types that have no items of their own in AWS Config, or not with what rules ask for."""

DOCUMENTS: Mapping[str, str] = {
    "AWS::S3::BucketPolicy": "bucket policies",
    "AWS::S3::AccessPoint": "access point policies",
    "AWS::IAM::Role": "IAM policies",
    "AWS::IAM::User": "IAM policies",
    "AWS::IAM::Group": "IAM policies",
    "AWS::IAM::ManagedPolicy": "IAM policies",
    "AWS::IAM::Policy": "IAM policies",
    "AWS::IAM::RolePolicy": "IAM policies",
    "AWS::IAM::UserPolicy": "IAM policies",
    "AWS::IAM::GroupPolicy": "IAM policies",
    "AWS::KMS::Key": "key policies",
}
"""Types whose items hold policies as text, and what people call these."""

KNOWN_BY: Mapping[str, tuple[str, ...]] = {
    "AWS::KMS::Key": ("configuration.keyId", "configuration.keyUsage", "configuration.arn"),
    "AWS::CloudTrail::Trail": ("configuration.trailARN", "configuration.s3BucketName", "configuration.name"),
    "AWS::SageMaker::EndpointConfig": ("configuration.EndpointConfigName",),
    "AWS::SageMaker::Model": ("configuration.ModelName",),
}
"""Texts of which an item of the type has one: an item without is none that can be judged, and its verdict is unknown."""

ALWAYS_THERE: Mapping[str, tuple[str, ...]] = {"AWS::S3::Bucket": ("supplementaryConfiguration.BucketVersioningConfiguration",)}
"""Parts that every item of the type has: without one, what it would hold is unknown."""
