"""What AWS Config records of each type that rules look at, how it spells it, and where the facts come from that it lacks.

``confirmed`` says by what it is known that Config records a type: ``api`` is the enumeration ``ResourceType`` in the model of Config's
API (botocore, held by a test), ``schema`` the property list that AWS publishes for advanced queries
(``awslabs/aws-config-resource-schema``, as of March 2025), which gives the spelling as well. A type that only one of them names is
marked so: what stands in its items is inferred from the other types of its kind, and where the service itself can be asked, it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

API, SCHEMA = "api", "schema"


class Spelling(StrEnum):
    """How property names are written in the items of a type."""

    SDK = "lowerCamel, as the service's SDK has it"
    CLOUDFORMATION = "PascalCase, as CloudFormation has it"


class Origin(StrEnum):
    """Where the function behind the rules has a type from."""

    CONFIG = "recorded by AWS Config"
    PART = "part of another type's item"
    SERVICE = "asked of the service"


@dataclass(frozen=True)
class Recording:
    """How AWS Config deals with one type.

    ``held_in`` are the types, by Config's names, under which it is found (its own, or its owner's). ``lacks`` says which facts are not
    in the item, and what is done about it; for a type that is asked of its service, why. ``own``: it is a setting of the resource in
    whose item it is found, and of no other.
    """

    origin: Origin
    held_in: tuple[str, ...]
    spelling: Spelling = Spelling.CLOUDFORMATION
    confirmed: tuple[str, ...] = ()
    lacks: str = ""
    own: bool = False


def _recorded(spelling: Spelling, *confirmed: str, lacks: str = "") -> Recording:
    return Recording(Origin.CONFIG, (), spelling, confirmed or (API, SCHEMA), lacks)


def _asked(why: str = "Not recorded.", *confirmed: str, name: str = "") -> Recording:
    return Recording(Origin.SERVICE, (name,) if name else (), Spelling.CLOUDFORMATION, confirmed, why)


def _part(*owners: str, lacks: str = "", own: bool = False) -> Recording:
    return Recording(Origin.PART, owners, Spelling.SDK, (API, SCHEMA), lacks, own)


_SDK, _CFN = Spelling.SDK, Spelling.CLOUDFORMATION
_BOTH = (API, SCHEMA)
_IAM = "Not in regions that AWS Config came to after February 2022; there IAM is asked."
_HOLDERS = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")

_TABLE: Mapping[str, Recording] = {
    "AWS::ApiGateway::Method": _asked(
        "In the API's enumeration, but its items lack the path: asked of API Gateway with its integration.", API
    ),
    "AWS::ApiGateway::RestApi": _asked(
        "Recorded without its OpenAPI body, whose operations are methods by then: asked together with them.",
        *_BOTH,
    ),
    "AWS::ApiGatewayV2::Api": _asked(
        "Recorded without body or quick-create target, which are routes by then: asked together with them.",
        *_BOTH,
    ),
    "AWS::ApiGatewayV2::Integration": _asked("Asked together with the routes that lead to it.", API),
    "AWS::ApiGatewayV2::Route": _asked(),
    "AWS::AppSync::DataSource": _asked(),
    "AWS::AppSync::GraphQLApi": _asked("Recorded, but asked together with its data sources.", *_BOTH),
    "AWS::ApplicationAutoScaling::ScalableTarget": _asked(),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _asked(),
    "AWS::Budgets::Budget": _asked(),
    "AWS::CE::AnomalyMonitor": _asked(),
    "AWS::CE::AnomalySubscription": _asked(),
    "AWS::CloudFront::Distribution": _recorded(
        _SDK,
        lacks="In us-east-1 only; in other regions CloudFront is asked. The tags of its origins' buckets: asked of S3.",
    ),
    "AWS::CloudFront::OriginAccessControl": _asked(),
    "AWS::CloudTrail::EventDataStore": _recorded(_CFN, API),
    "AWS::CloudTrail::Trail": _recorded(_SDK, lacks="Which events it selects and whether it logs: asked of CloudTrail."),
    "AWS::CloudWatch::Alarm": _recorded(_SDK),
    "AWS::CloudWatch::CompositeAlarm": _asked(),
    "AWS::Cognito::IdentityPool": _recorded(_CFN),
    "AWS::Cognito::IdentityPoolRoleAttachment": _asked(),
    "AWS::Cognito::UserPool": _recorded(_CFN, API),
    "AWS::Cognito::UserPoolClient": _recorded(_CFN),
    "AWS::Config::ConfigRule": _asked(),
    "AWS::Config::ConfigurationRecorder": _asked("In the schema only, and what a recorder that is off says of itself is stale.", SCHEMA),
    "AWS::Config::ConformancePack": _asked("In the API's enumeration only.", API),
    "AWS::Config::DeliveryChannel": _asked(),
    "AWS::DynamoDB::GlobalTable": _part("AWS::DynamoDB::Table", lacks="Each replica is recorded as a table."),
    "AWS::DynamoDB::Table": _recorded(_SDK, lacks="Time to live: asked of DynamoDB."),
    "AWS::Events::Rule": _recorded(_CFN),
    "AWS::IAM::Group": _recorded(_SDK, lacks=_IAM),
    "AWS::IAM::GroupPolicy": _part("AWS::IAM::Group", own=True),
    "AWS::IAM::ManagedPolicy": _part("AWS::IAM::Policy", lacks=f"Config's AWS::IAM::Policy is a managed policy. {_IAM}"),
    "AWS::IAM::Policy": _part(*_HOLDERS, lacks="CloudFormation's AWS::IAM::Policy is an inline policy of its holders."),
    "AWS::IAM::Role": _recorded(_SDK, lacks=_IAM),
    "AWS::IAM::RolePolicy": _part("AWS::IAM::Role", own=True),
    "AWS::IAM::User": _recorded(_SDK, lacks=_IAM),
    "AWS::IAM::UserPolicy": _part("AWS::IAM::User", own=True),
    "AWS::KMS::Alias": _recorded(_CFN),
    "AWS::KMS::Key": _recorded(_SDK, lacks="The grants of keys for signing: asked of KMS."),
    "AWS::KMS::ReplicaKey": _part("AWS::KMS::Key", lacks="Config has keys, whether they are replicas or not."),
    "AWS::Lambda::EventInvokeConfig": _asked(),
    "AWS::Lambda::EventSourceMapping": _asked(),
    "AWS::Lambda::Function": _recorded(
        _SDK,
        lacks="Environment variables aren't in the published schema: asked of Lambda where the item has none.",
    ),
    "AWS::Lambda::Url": _asked(),
    "AWS::Pipes::Pipe": _asked(),
    "AWS::Rekognition::Collection": _asked(),
    "AWS::Rekognition::StreamProcessor": _asked(),
    "AWS::S3::AccessPoint": _recorded(_CFN, lacks="The policy isn't in the published schema: asked of S3 where the item has none."),
    "AWS::S3::Bucket": _recorded(_SDK, lacks="Metrics configurations: asked of S3."),
    "AWS::S3::BucketPolicy": _part("AWS::S3::Bucket", own=True),
    "AWS::S3::MultiRegionAccessPoint": _recorded(
        _CFN,
        API,
        lacks="The policy: asked of S3. AWS doesn't say in which region's Config its items are.",
    ),
    "AWS::S3::MultiRegionAccessPointPolicy": _part("AWS::S3::MultiRegionAccessPoint", own=True),
    "AWS::S3ObjectLambda::AccessPoint": _asked(),
    "AWS::S3ObjectLambda::AccessPointPolicy": _asked(),
    "AWS::SNS::Subscription": _asked(),
    "AWS::SNS::Topic": _recorded(_CFN, lacks="The topic's name, which is the end of its ARN, and its subscriptions."),
    "AWS::SQS::Queue": _recorded(_CFN),
    "AWS::SSM::Document": _recorded(_CFN),
    "AWS::SageMaker::Endpoint": _asked(),
    "AWS::SageMaker::EndpointConfig": _asked("In the schema, but not in the API's enumeration: asked of SageMaker.", SCHEMA),
    "AWS::SageMaker::InferenceComponent": _asked(),
    "AWS::SageMaker::Model": _recorded(_CFN),
    "AWS::StepFunctions::StateMachine": _recorded(_CFN),
    "Terraform::aws_bedrock_provisioned_model_throughput": _asked(
        "Not recorded, and not a type of CloudFormation.", name="AWS::Bedrock::ProvisionedModelThroughput"
    ),
}

RECORDINGS: Mapping[str, Recording] = {name: replace(entry, held_in=entry.held_in or (name,)) for name, entry in _TABLE.items()}
"""By the type's name in the normal form. A type that isn't here is taken for one that Config records under its own name."""


def recording(name: str) -> Recording:
    """How Config deals with the type ``name``; one that isn't in ``RECORDINGS`` (of an organisation's own rule) counts as recorded."""
    return RECORDINGS.get(name) or Recording(Origin.CONFIG, (name,), confirmed=())


def held_in(names: tuple[str, ...]) -> tuple[str, ...]:
    """The types, by Config's names, in whose items all of ``names`` are found, in their order."""
    return tuple(dict.fromkeys(owner for name in names for owner in recording(name).held_in))


ABOVE_AWS = ("Averment::", "Custom::", "Terraform::")
"""How types are called that stand for what a template, a module or source code says, and that no deployment has as such."""


def asked_of_service(resource_type: str) -> bool:
    """Whether items of ``resource_type`` (Config's name) come from the service itself."""
    return any(entry.origin is Origin.SERVICE and resource_type in entry.held_in for entry in RECORDINGS.values())


def triggers(resource_type: str) -> bool:
    """Whether AWS Config can be asked to run a rule when a resource of ``resource_type`` (Config's name) changes.

    That takes a recorded type that its API knows; a type of an organisation's own rule counts as one.
    """
    entries = [entry for entry in RECORDINGS.values() if resource_type in entry.held_in]
    recorded = [entry for entry in entries if entry.origin is not Origin.SERVICE]
    return any(API in entry.confirmed for entry in recorded) if entries else True
