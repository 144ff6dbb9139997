"""What tests of collectors and commands share: a scope, and a shop's media in the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest

from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period, utc_now
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.run import present_quarter

ACCOUNT = "123456789012"


@pytest.fixture
def scope_of() -> Callable[..., CollectScope]:
    """Makes a scope of the present quarter in eu-west-1; keywords replace its fields, and ``now`` fixes its clock."""

    def make(*, now: str | None = None, period: str | None = None, organisation: Organisation | None = None, **more: Any) -> CollectScope:
        moment: datetime | None = from_iso(now) if now else None
        return CollectScope(
            organisation or Organisation(),
            parse_period(period) if period else present_quarter(moment or utc_now()),
            account=ACCOUNT,
            region="eu-west-1",
            clock=(lambda: moment) if moment else utc_now,
            **more,
        )

    return make


@pytest.fixture
def bucket(sandbox: Any, without_sockets: None) -> Callable[..., Any]:
    """Makes a bucket with tags and returns its name; collectors ask of buckets many things, so they ask within this process."""

    def make(name: str, **tags: str) -> str:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if tags:
            s3.put_bucket_tagging(
                Bucket=name, Tagging={"TagSet": [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]}
            )
        return name

    return make


@pytest.fixture
def many_objects() -> Callable[[str, int], None]:
    """Puts so many empty objects into a bucket, past HTTP: a thousand requests take ten seconds."""
    from moto.s3.models import s3_backends

    def put(bucket: str, number: int) -> None:
        backend = s3_backends[ACCOUNT]["aws"]
        for key in range(number):
            backend.put_object(bucket, f"{key:05}.jpg", b"")

    return put


@pytest.fixture
def log_lines(sandbox: Any) -> Callable[..., None]:
    """Puts JSON values (or raw text) into a log group at a moment."""

    def put(group: str, *lines: object, at: datetime | None = None) -> None:
        logs = boto3.client("logs")
        for make, arguments in ((logs.create_log_group, {}), (logs.create_log_stream, {"logStreamName": "s"})):
            try:
                make(logGroupName=group, **arguments)
            except logs.exceptions.ResourceAlreadyExistsException:
                continue
        stamp = int((at or utc_now()).timestamp() * 1000)
        events = [{"timestamp": stamp, "message": line if isinstance(line, str) else json.dumps(line)} for line in lines]
        if events:
            logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    return put
