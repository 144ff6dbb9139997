"""Regions and the partitions that they are in: parts of AWS with accounts, ARNs and hosts of their own."""

from __future__ import annotations

import os

from averment.core.extras import require

MAIN = "aws"
_PARTITIONS = {"cn-": "aws-cn", "eusc-": "aws-eusc", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}
"""By how the names of their regions begin; every other region of customers' is in ``aws``."""


def partition_of(region: str | None) -> str:
    """The partition of a region, as ARNs name it; ``aws`` where no region is known."""
    return next((name for start, name in _PARTITIONS.items() if (region or "").startswith(start)), MAIN)


def configured_region() -> str | None:
    """The region of the AWS settings (AWS_DEFAULT_REGION, the profile's, AWS_REGION), if there is one and boto3 is installed."""
    try:
        found = require("botocore.session", extra="aws", needed_for="the configured region").get_session().get_config_variable("region")
    except Exception:  # noqa: BLE001 - nothing hangs on it but how ARNs begin: without boto3, or with broken settings, as in aws
        found = None
    return found if isinstance(found, str) else os.environ.get("AWS_REGION")
