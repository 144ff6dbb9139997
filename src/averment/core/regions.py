"""Regions and the partitions that they are in: parts of AWS with accounts, ARNs and hosts of their own."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.parse import urlsplit

from averment.core.extras import require

MAIN = "aws"
_PARTITIONS = {
    "cn-": "aws-cn",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
}
"""By how the names of their regions begin; every other region of customers' is in ``aws``."""

_ENDPOINT = re.compile(r"(?P<service>[a-z0-9-]+)\.(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d+)\.[a-z.]+")


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


def is_there(service: str, region: str) -> bool:
    """Whether botocore knows of ``service`` in ``region``, or knows of no place of it at all, so that nothing can be said.

    A service of the whole partition (CloudFront, IAM, budgets) is where its rules for endpoints name the partition, which the older list of
    places may lack.
    """
    session, partition = _session(), partition_of(region)
    known = session.get_available_regions(service, partition_name=partition)
    if known:
        return region in known
    if session.get_available_regions(service, partition_name=partition, allow_non_regional=True):
        return True
    if session.get_available_regions(service):
        return False
    if not session.get_available_regions(service, allow_non_regional=True):
        return True
    rules = json.dumps(session.get_component("data_loader").load_service_model(service, "endpoint-rule-set-1"))
    return f'"{partition}"' in rules or f'"{MAIN}"' not in rules


def why_nobody_answers(url: str) -> str | None:
    """What botocore knows of the endpoint at ``url`` that explains why nobody is there: no such region, or not that service in it. None else."""
    host = _ENDPOINT.fullmatch(urlsplit(url).hostname or "")
    if host is None:
        return None
    service, region = host["service"], host["region"]
    partition, session = partition_of(region), _session()
    if region not in session.get_available_regions("s3", partition_name=partition):
        return f"boto3 knows no region that is called {region}: correct it, or update boto3"
    if is_there(service, region):
        return None
    elsewhere = len(session.get_available_regions(service, partition_name=partition))
    where = f"{elsewhere} other regions of {partition} have it" if elsewhere else f"{partition} hasn't got it"
    return f"boto3 knows of no {service} in {region}: {where}"


def _session() -> Any:
    return require("botocore.session", extra="aws", needed_for="talking to AWS").get_session()
