"""The detector's endpoint keeps volumes encrypted and inputs recorded, and its model can't reach the network (SM-DET-03)."""

from __future__ import annotations

from dataclasses import replace

from averment.core.words import Severity
from averment.policies.graph.model import Resource
from averment.policies.interface import Rule
from averment.policies.predicates.evaluate import Stated
from averment.policies.predicates.language import AnyOf, Block, Demand, Every, Is, Matches, NamedBy, Not, Predicate, Some, Text
from averment.policies.rules.mechanical import CAPTURING, ISOLATED

CONFIG = "AWS::SageMaker::EndpointConfig"
MODEL = "AWS::SageMaker::Model"
PARAMETER = "detector_endpoints"
"""Name patterns (a list) that narrow the rule to the detector; without it every SageMaker endpoint is asked."""

_LOCAL_STORAGE = r"^ml\.(?:g4dn|g5|g6e?|gr6|p3dn|p4de?|p5(?:e|en)?|trn[12]n?|[a-z]+\d+[a-z]*d[a-z]*)\."
"""Families with local NVMe storage, encrypted by hardware: CreateEndpointConfig refuses a KmsKeyId for them."""

_CAPTURE_TERRAFORM = """\
data_capture_config {
  enable_capture              = true
  initial_sampling_percentage = 100
  destination_s3_uri          = "s3://<capture bucket>/detector"
  capture_options { capture_mode = "Input" }
  capture_options { capture_mode = "Output" }
}"""
_CAPTURE_CLOUDFORMATION = """\
DataCaptureConfig:
  EnableCapture: true
  InitialSamplingPercentage: 100
  DestinationS3Uri: s3://<capture bucket>/detector
  CaptureOptions:
    - CaptureMode: Input
    - CaptureMode: Output"""
_NEW_CONFIG = "aws sagemaker create-endpoint-config ... # a configuration can't be changed: make a new one and update the endpoint"


def _instance_type(config: Resource) -> str:
    kind = config.get("ProductionVariants", 0, "InstanceType")
    return f" ({kind})" if isinstance(kind, str) else ""


def _in_a_vpc(model: Resource) -> str:
    return "; a VPC alone doesn't keep the container from sending data out" if model.get("VpcConfig") else ""


_SERVERLESS = Demand(
    holds=Not(Some(("ProductionVariants",), (Block(("ServerlessConfig",)),))),
    says="this endpoint is serverless, which can neither use a key of yours nor record its inputs",
    doubt="whether this endpoint is serverless could not be resolved",
    fix=(
        'instance_type          = "ml.m5.xlarge"  # instead of serverless_config\ninitial_instance_count = 1',
        "InstanceType: ml.m5.xlarge  # instead of ServerlessConfig\nInitialInstanceCount: 1",
        _NEW_CONFIG,
    ),
)
_ENCRYPTED = Demand(
    holds=AnyOf((Text(("KmsKeyId",)), Every(("ProductionVariants",), (Matches(("InstanceType",), _LOCAL_STORAGE),)))),
    says="this endpoint configuration has no KMS key for its volumes",
    doubt="the key of this endpoint configuration could not be resolved",
    where=("KmsKeyId",),
    fix=("kms_key_arn = aws_kms_key.<key>.arn", "KmsKeyId: !GetAtt <Key>.Arn", _NEW_CONFIG),
    detail=_instance_type,
)
_CAPTURES = Demand(
    holds=Block(("DataCaptureConfig",)),
    says="this endpoint configuration has no data capture: what was scored can't be examined later",
    doubt="data capture could not be resolved",
    where=("DataCaptureConfig",),
    fix=(_CAPTURE_TERRAFORM, _CAPTURE_CLOUDFORMATION, _NEW_CONFIG),
)
_CAPTURE_ON = replace(
    _CAPTURES,
    holds=Is(("DataCaptureConfig", "EnableCapture"), True),
    says="data capture is configured but EnableCapture is false",
    changes=(CAPTURING,),
)
_SHARE = ("DataCaptureConfig", "InitialSamplingPercentage")
_CAPTURE_SAMPLES = replace(_CAPTURES, holds=Not(Is(_SHARE, 0)), says="data capture samples 0 % of requests")
_CAPTURE_INPUTS = replace(
    _CAPTURES,
    holds=AnyOf((Some(("DataCaptureConfig", "CaptureOptions"), (Matches(("CaptureMode",), "^Input"),)), Block(("AsyncInferenceConfig",)))),
    says="data capture keeps no inputs: what was scored can't be examined later",
)
_FETCHES = "# the container fetches nothing by itself then: SageMaker has to bring the model"
_ISOLATED = Demand(
    holds=Is(("EnableNetworkIsolation",), True),
    says="this model's container may reach the network: EnableNetworkIsolation is not true",
    doubt="network isolation could not be resolved",
    where=("EnableNetworkIsolation",),
    fix=(
        f"{_FETCHES} (model_data_url, not HF_MODEL_ID)\nenable_network_isolation = true",
        f"{_FETCHES} (ModelDataUrl, not HF_MODEL_ID)\nEnableNetworkIsolation: true",
        "aws sagemaker create-model --enable-network-isolation ... # a model can't be changed: make a new one",
    ),
    changes=(ISOLATED,),
    detail=_in_a_vpc,
)

evaluate = Stated(
    (
        Predicate(
            CONFIG,
            ((_SERVERLESS, _ENCRYPTED), (_CAPTURES, _CAPTURE_ON, _CAPTURE_SAMPLES, _CAPTURE_INPUTS)),
            asks=NamedBy(("EndpointConfigName",), PARAMETER),
        ),
        Predicate(MODEL, ((_ISOLATED,),), asks=NamedBy(("ModelName",), PARAMETER)),
    )
)
"""The verdict on an endpoint configuration (key, data capture) or a model (network isolation)."""


RULE = Rule(
    id="detector-endpoint-guarded",
    title="The detector's endpoint is encrypted, records its inputs, and is isolated",
    severity=Severity.MEDIUM,
    types=(CONFIG, MODEL),
    evaluate=evaluate,
    remediation="Set a KMS key and data capture on the endpoint configuration, and network isolation on the model.",
)
