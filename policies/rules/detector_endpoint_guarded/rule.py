"""The detector's endpoint keeps volumes encrypted and inputs recorded, and its model can't reach the network (SM-DET-03)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for, short_name, worst_outcome
from averment.policies.rules.mechanical import CAPTURING, ISOLATED

CONFIG = "AWS::SageMaker::EndpointConfig"
MODEL = "AWS::SageMaker::Model"
PARAMETER = "detector_endpoints"
"""Name patterns (a list) that narrow the rule to the detector; without it every SageMaker endpoint is asked."""

_LOCAL_STORAGE = re.compile(r"ml\.(?:g4dn|g5|g6e?|gr6|p3dn|p4de?|p5(?:e|en)?|trn[12]n?|[a-z]+\d+[a-z]*d[a-z]*)\.")
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


def evaluate(resource: Resource, context: Context) -> Outcome:
    """The verdict on an endpoint configuration (key, data capture) or a model (network isolation)."""
    if not _in_scope(resource, context.parameters.get(PARAMETER)):
        return NOT_APPLICABLE
    if resource.type == MODEL:
        return _isolated(resource)
    return worst_outcome((PASS, _encrypted(resource), _captured(resource)))


def _in_scope(resource: Resource, patterns: Any) -> bool:
    if not isinstance(patterns, list | tuple) or not patterns:
        return True
    name = resource.get("EndpointConfigName" if resource.type == CONFIG else "ModelName")
    known = name if isinstance(name, str) else short_name(resource)
    return any(fnmatch.fnmatchcase(known.lower(), str(pattern).lower()) for pattern in patterns)


def _encrypted(config: Resource) -> Outcome:
    listed = config.get("ProductionVariants")
    variants = [variant for variant in listed if isinstance(variant, Mapping)] if isinstance(listed, list) else []
    if any(variant.get("ServerlessConfig") for variant in variants):
        return fail("this endpoint is serverless, which can neither use a key of yours nor record its inputs", where=config.source)
    key = config.get("KmsKeyId")
    if isinstance(key, Unknown):
        return unknown(f"the key of this endpoint configuration could not be resolved: {key.reason}", where=config.where("KmsKeyId"))
    if isinstance(key, Reference) or (isinstance(key, str) and key):
        return PASS
    kinds = [listed] if isinstance(listed, Unknown) else [variant.get("InstanceType") for variant in variants]
    if kinds and all(isinstance(kind, str) and _LOCAL_STORAGE.match(kind) for kind in kinds):
        return PASS  # hardware encryption; a key can't be set
    if any(isinstance(kind, Unknown) for kind in kinds):
        return unknown("this endpoint configuration names no key, and its instance type could not be resolved", where=config.source)
    fix = fix_for(
        config, terraform="kms_key_arn = aws_kms_key.<key>.arn", cloudformation="KmsKeyId: !GetAtt <Key>.Arn", command=_NEW_CONFIG
    )
    kind = f" ({kinds[0]})" if kinds and isinstance(kinds[0], str) else ""
    return fail(f"this endpoint configuration has no KMS key for its volumes{kind}", where=config.source, fix=fix)


def _captured(config: Resource) -> Outcome:
    capture = config.get("DataCaptureConfig")
    where = config.where("DataCaptureConfig")
    fix = fix_for(config, terraform=_CAPTURE_TERRAFORM, cloudformation=_CAPTURE_CLOUDFORMATION, command=_NEW_CONFIG)
    if isinstance(capture, Unknown):
        return unknown(f"data capture could not be resolved: {capture.reason}", where=where)
    if not isinstance(capture, Mapping):
        return fail("this endpoint configuration has no data capture: what was scored can't be examined later", where=where, fix=fix)
    on, share = capture.get("EnableCapture"), capture.get("InitialSamplingPercentage")
    if isinstance(on, Unknown) or isinstance(share, Unknown):
        reason = on.reason if isinstance(on, Unknown) else share.reason if isinstance(share, Unknown) else ""
        return unknown(f"data capture could not be resolved: {reason}", where=where)
    if on is not True:
        return fail(f"data capture is configured but EnableCapture is {str(bool(on)).lower()}", where=where, fix=fix, changes=(CAPTURING,))
    return fail("data capture samples 0 % of requests", where=where, fix=fix) if share in (0, "0") else PASS


def _isolated(model: Resource) -> Outcome:
    isolated = model.get("EnableNetworkIsolation")
    where = model.where("EnableNetworkIsolation")
    if isinstance(isolated, Unknown):
        return unknown(f"network isolation could not be resolved: {isolated.reason}", where=where)
    if isolated is True:
        return PASS
    fix = fix_for(
        model,
        terraform="enable_network_isolation = true",
        cloudformation="EnableNetworkIsolation: true",
        command="aws sagemaker create-model --enable-network-isolation ... # a model can't be changed: make a new one",
    )
    vpc = "; a VPC alone doesn't keep the container from sending data out" if model.get("VpcConfig") else ""
    return fail(
        f"this model's container may reach the network: EnableNetworkIsolation is not true{vpc}", where=where, fix=fix, changes=(ISOLATED,)
    )


RULE = Rule(
    id="detector-endpoint-guarded",
    title="The detector's endpoint is encrypted, records its inputs, and is isolated",
    severity=Severity.MEDIUM,
    types=(CONFIG, MODEL),
    evaluate=evaluate,
    remediation="Set a KMS key and data capture on the endpoint configuration, and network isolation on the model.",
)
