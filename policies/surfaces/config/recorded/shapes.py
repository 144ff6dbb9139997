"""In which shape the parts of AWS Config's items are expected, as far as a rule looks at them.

AWS changes items without notice, and some spellings here are inferred. What has another shape than expected must not be taken for
nothing: it is told where it is read (``Misshapen``), and whoever looked at it could not check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Misshapen, Unknown
from averment.policies.surfaces.config.items import field

TEXT, NUMBER, FLAG, PATTERN = "text", "a number", "true or false", "a pattern of events"
"""What a value may be, in the words of an error. A number or a truth value may stand there as text."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DEPTH = 4
"""So deep a flaw is looked for in a property: as an entry's document in a list of policies."""


@dataclass(frozen=True)
class Always:
    """A ``shape`` that AWS always writes: without it there is something else in its place."""

    shape: Any


@dataclass(frozen=True)
class Each:
    """A list of things of one ``shape``, or a map of them by their ids."""

    shape: Any


def fit(value: Any, shape: Any, what: str) -> None:
    """Make sure that ``value``, which messages call ``what``, has the ``shape``: one of the words above, a list with the shape of its
    entries, or an object with those of its parts. What is None is absent; other parts than those named may be there.

    Raises:
        ValueError: it has another.
    """
    if isinstance(shape, Always):
        if value is None:
            raise ValueError(f"there is no {what}")
        shape = shape.shape
    if value is None or isinstance(value, Unknown):
        return
    if isinstance(shape, Each) and isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(shape, Each | list):
        _listed(value, shape.shape if isinstance(shape, Each) else shape[0], what)
    elif isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{what} is not an object")
        for name, part in shape.items():
            fit(field(value, name), part, name)
    elif not _is(value, shape):
        raise ValueError(f"{what} is not {shape}")


def flaw_in(value: Any, depth: int = _DEPTH) -> Misshapen | None:
    """The first thing in ``value`` that has another shape than expected."""
    if isinstance(value, Misshapen):
        return value
    if not depth or not isinstance(value, Mapping | list):
        return None
    inside = value.values() if isinstance(value, Mapping) else value
    return next((found for entry in inside if (found := flaw_in(entry, depth - 1)) is not None), None)


def _listed(value: Any, shape: Any, what: str) -> None:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} is not a list")
    for entry in value:
        fit(entry, Always(shape), f"an entry of {what}")


def _is(value: Any, shape: str) -> bool:
    if shape == PATTERN:
        return isinstance(value, Mapping) and bool(value) and all(_is_filter(part) for part in value.values())
    if shape == TEXT:
        return isinstance(value, str)
    if shape == FLAG:
        return isinstance(value, bool) or value in ("true", "false")
    return (isinstance(value, int | float) and not isinstance(value, bool)) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value)))


def _is_filter(value: Any) -> bool:
    """Whether ``value`` can stand in a pattern of events: a list of what is let through, or the pattern of something within."""
    if isinstance(value, list):
        return bool(value) and not any(isinstance(entry, list) or entry == {} for entry in value)
    return _is(value, PATTERN)


PARTS: Mapping[str, Any] = {
    "AccessControlList": {},
    "BucketCrossOriginConfiguration": {"rules": Always([{"allowedMethods": Always([TEXT]), "allowedOrigins": Always([TEXT])}])},
    "BucketLifecycleConfiguration": {
        "rules": Always(
            [
                {
                    "status": Always(TEXT),
                    "expirationInDays": NUMBER,
                    "noncurrentVersionExpirationInDays": NUMBER,
                    "noncurrentVersionExpiration": {"noncurrentDays": NUMBER, "newerNoncurrentVersions": NUMBER},
                }
            ]
        )
    },
    "BucketLoggingConfiguration": {"destinationBucketName": TEXT, "logFilePrefix": TEXT},
    "BucketNotificationConfiguration": {
        "configurations": Always(Each({"events": Always([TEXT]), "functionARN": TEXT, "queueARN": TEXT, "topicARN": TEXT})),
        "eventBridgeConfiguration": {},
    },
    "BucketPolicy": {},
    "BucketReplicationConfiguration": {"rules": Always(Each({"status": Always(TEXT)}))},
    "BucketTaggingConfiguration": {"tagSets": Always([{}])},
    "BucketVersioningConfiguration": {"status": Always(TEXT)},
    "BucketWebsiteConfiguration": {},
    "ObjectLockConfiguration": {"objectLockEnabled": TEXT, "rule": {"defaultRetention": {"mode": TEXT, "days": NUMBER, "years": NUMBER}}},
    "PublicAccessBlockConfiguration": {
        "blockPublicAcls": FLAG,
        "blockPublicPolicy": FLAG,
        "ignorePublicAcls": FLAG,
        "restrictPublicBuckets": FLAG,
    },
}
"""The parts of a bucket's supplementary configuration, as AWS Config spells them."""

_EDGE_FUNCTIONS = [{"EventType": Always(TEXT)}]
_BEHAVIOUR = {
    "TargetOriginId": Always(TEXT),
    "AllowedMethods": [TEXT],
    "FunctionAssociations": _EDGE_FUNCTIONS,
    "LambdaFunctionAssociations": _EDGE_FUNCTIONS,
}
DISTRIBUTION: Mapping[str, Any] = {
    "Origins": Always([{"Id": Always(TEXT), "DomainName": Always(TEXT), "S3OriginConfig": {}, "OriginAccessControlId": TEXT}]),
    "DefaultCacheBehavior": Always(_BEHAVIOUR),
    "CacheBehaviors": [_BEHAVIOUR],
}
"""The configuration of a distribution, its lists unwrapped."""

PROPERTIES: Mapping[str, Mapping[str, Any]] = {
    "AWS::CloudWatch::Alarm": {
        "ActionsEnabled": Always(FLAG),
        "AlarmActions": [TEXT],
        "Dimensions": [{"Name": Always(TEXT), "Value": Always(TEXT)}],
        "MetricName": TEXT,
        "Namespace": TEXT,
    },
    "AWS::Cognito::UserPool": {"LambdaConfig": {"VerifyAuthChallengeResponse": TEXT}},
    "AWS::Events::Rule": {
        "State": Always(TEXT),
        "EventPattern": PATTERN,
        "Targets": [{"Arn": Always(TEXT), "DeadLetterConfig": {"Arn": TEXT}}],
    },
    "AWS::KMS::Key": {"KeyUsage": Always(TEXT), "Description": TEXT},
    "AWS::Lambda::Function": {"FunctionName": Always(TEXT), "Role": Always(TEXT), "ReservedConcurrentExecutions": NUMBER},
    "AWS::S3::AccessPoint": {"Bucket": Always(TEXT), "Name": Always(TEXT)},
    "AWS::S3::MultiRegionAccessPoint": {"Regions": Always([{"Bucket": Always(TEXT)}])},
    "AWS::SQS::Queue": {"RedrivePolicy": {}},
    "AWS::SSM::Document": {"Content": Always({"mainSteps": [{"inputs": {}}]}), "DocumentType": TEXT},
}
"""By type, the properties as CloudFormation spells them."""
