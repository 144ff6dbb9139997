"""Names that differ between the parts of AWS that are apart from each other: China, GovCloud, the European sovereign cloud and others.

An ARN begins with its partition's name, hosts and some principals end in its own suffix, and Cognito's identity pools have principals of
their own in it (AWS GovCloud (US) User Guide, "Amazon Cognito": ``cognito-identity-us-gov.amazonaws.com`` in the west,
``cognito-identity.us-gov-east-1.amazonaws.com`` in the east).
"""

from __future__ import annotations

import re
from typing import Any

from averment.policies.graph.model import Unknown

SUFFIXES = r"amazonaws\.(?:com(?:\.cn)?|eu)"
"""How hosts and principals end in ``aws``, ``aws-us-gov`` and ``aws-iso-*``, in ``aws-cn``, and in ``aws-eusc`` (botocore's ``partitions``)."""

_PARTITION = re.compile(r"\Aarn:aws-[a-z-]+:")
_SERVICE = re.compile(rf"(?P<service>[a-z0-9-]+(?:\.s3)?)(?:\.[a-z]{{2,4}}(?:-[a-z]+)+-\d)?\.{SUFFIXES}", re.ASCII)
_POOLS = rf"cognito-identity(?:-us-gov|(?:\.[a-z]{{2,4}}(?:-[a-z]+)+-\d))?\.{SUFFIXES}"
_POOL = re.compile(_POOLS, re.ASCII)
_CLAIM = re.compile(rf"{_POOLS}:(?P<claim>[a-z]+)", re.ASCII | re.IGNORECASE)
_OWN = re.compile(rf"{_POOLS}:sub", re.ASCII)


def plain(value: Any) -> Any:
    """An ARN as it would be in the partition ``aws``, so that ARNs can be compared; everything else as it is."""
    if isinstance(value, Unknown) and value.template:
        return Unknown(value.reason, plain(value.template))
    return _PARTITION.sub("arn:aws:", value) if isinstance(value, str) and value.startswith("arn:aws-") else value


def service_of(principal: str) -> str | None:
    """The service that a principal names (``ssm`` of ``ssm.amazonaws.com``), in whatever partition and region; None if it is none."""
    match = _SERVICE.fullmatch(principal)
    return match["service"] if match is not None else None


def is_identity_pools(principal: str) -> bool:
    """Whether a federated principal is Cognito's identity pools."""
    return _POOL.fullmatch(principal) is not None


def pool_claim(key: str) -> str | None:
    """What a condition's key asks of an identity pool's token (``amr``, ``aud``); None if it is no such key."""
    match = _CLAIM.fullmatch(key)
    return match["claim"].lower() if match is not None else None


def names_own_identity(text: str) -> bool:
    """Whether a text holds the policy variable for the user's own identity in an identity pool, as the ARN of the own folder does."""
    return _OWN.search(text) is not None
