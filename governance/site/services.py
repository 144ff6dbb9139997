"""Which AWS services a control is about, so that it is found by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from averment.controls.model import Control
from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED
from averment.policies.interface import Rule

_NAMES = {
    "ApiGateway": "API Gateway",
    "ApiGatewayV2": "API Gateway",
    "CloudFront": "CloudFront",
    "CloudTrail": "CloudTrail",
    "CloudWatch": "CloudWatch",
    "CE": "Cost Explorer",
    "Cognito": "Cognito",
    "Config": "AWS Config",
    "DynamoDB": "DynamoDB",
    "Events": "EventBridge",
    "IAM": "IAM",
    "KMS": "KMS",
    "Lambda": "Lambda",
    "Rekognition": "Rekognition",
    "S3": "S3",
    "S3ObjectLambda": "S3 Object Lambda",
    "SQS": "SQS",
    "SSM": "Systems Manager",
    "SageMaker": "SageMaker",
    "StepFunctions": "Step Functions",
}
"""What people call the services whose resources rules look at, by the second part of a resource type; others go by that part."""

_SPOKEN = sorted({*_NAMES.values(), "Bedrock", "Security Hub"})


def services_of(control: Control | None, rules: Iterable[Rule]) -> list[str]:
    """The services that ``rules`` look at, and of a ``control`` those that its own words and its collectors' summaries name; in alphabetical order."""
    found = {_NAMES.get(part, part) for rule in rules for kind in rule.types if (part := _service(kind))}
    if control is not None:
        asked = {item.collector for item in control.assessments}
        told = (kind.summary for kind in (*COLLECTORS, *CONFIGURED) if kind.name in asked)
        said = " ".join(
            (control.title, control.objective, control.rationale, *control.steps, *(item.title for item in control.assessments), *told)
        )
        found |= {name for name in _SPOKEN if re.search(rf"\b{name}\b", said)}
    return sorted(found, key=str.lower)


def _service(kind: str) -> str | None:
    """``S3`` of ``AWS::S3::Bucket``; None of what is no resource of AWS."""
    parts = kind.split("::")
    return parts[1] if parts[0] == "AWS" and len(parts) == 3 else None
