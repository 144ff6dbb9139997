"""The look at an account: what it holds, read only, and what was refused."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from averment.core.aws import client
from averment.core.errors import IncompleteError
from averment.core.scope import MediaRole
from averment.governance.onboarding import account
from averment.governance.onboarding.account import PERMISSIONS, AccountSurvey, policy, survey_account
from averment.sandbox.server import Sandbox

CALLED = {
    "GetCallerIdentity": "sts:GetCallerIdentity",
    "DescribeOrganization": "organizations:DescribeOrganization",
    "ListBuckets": "s3:ListAllMyBuckets",
    "GetBucketTagging": "s3:GetBucketTagging",
    "GetBucketLocation": "s3:GetBucketLocation",
    "ListDistributions": "cloudfront:ListDistributions",
    "ListCollections": "rekognition:ListCollections",
    "ListEndpoints": "sagemaker:ListEndpoints",
}


def _watched(calls: list[str], denied: tuple[str, ...] = ()) -> Any:
    """A maker of clients that notes each operation, and refuses those in ``denied`` as IAM does."""

    def connect(service: str, **options: Any) -> Any:
        made = client(service, **options)

        def before(event_name: str, request: Any, **_: object) -> AWSResponse | None:
            operation = event_name.rpartition(".")[2]
            calls.append(operation)
            if operation not in denied:
                return None
            body = (
                f"<Error><Code>AccessDenied</Code><Message>no {operation}</Message></Error>".encode()
                if service in {"s3", "cloudfront"}
                else json.dumps({"__type": "AccessDeniedException", "message": f"no {operation}"}).encode()
            )
            return AWSResponse(request.url, 403, HTTPHeaders(), _Raw(body))

        made.meta.events.register("before-send.*.*", before)
        return made

    return connect


class _Raw:
    """The body of an answer, as botocore's HTTP client hands it on."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: object) -> Any:
        """The body at once."""
        yield self.body


def _shop(region: str) -> None:
    s3 = boto3.client("s3")
    for name in ("shop-uploads", "shop-holiday", "shop-logs"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_tagging(Bucket="shop-holiday", Tagging={"TagSet": [{"Key": "data-class", "Value": "published-media"}]})


def test_the_account_tells_its_media_buckets_and_regions(sandbox: Sandbox) -> None:
    """Buckets are known by tag and by name; the rest is counted; only the actions of the printed policy are called."""
    _shop(sandbox.region)
    calls: list[str] = []
    found = survey_account(_watched(calls))
    assert found.account == "123456789012"
    assert [(item.name, item.role, item.why) for item in sorted(found.buckets, key=lambda item: item.name)] == [
        ("shop-holiday", MediaRole.PUBLISHED, "tag data-class=published-media"),
        ("shop-uploads", MediaRole.UPLOAD, "name matches *upload*"),
    ]
    assert found.others == 1
    assert found.regions == {sandbox.region: 2}
    assert {CALLED[name] for name in calls} <= set(PERMISSIONS)
    assert policy()["Statement"][0]["Action"] == list(PERMISSIONS)
    assert all(action.partition(":")[2].startswith(("List", "Get", "Describe")) for action in PERMISSIONS)


@pytest.mark.parametrize("operation", ["ListBuckets", "GetBucketTagging", "ListDistributions", "ListEndpoints"])
def test_what_is_refused_is_said_and_the_rest_is_told(operation: str, sandbox: Sandbox) -> None:
    """A denial is a reason that names the call; it is neither an error nor silence."""
    _shop(sandbox.region)
    found = survey_account(_watched([], (operation,)))
    assert any(f"not allowed to call {operation}" in reason for reason in found.refused), found.refused
    assert bool(found.buckets) is (operation != "ListBuckets")


def test_buckets_are_asked_for_in_pages(sandbox: Sandbox) -> None:
    """S3 refuses to list without pages where an account may have more than 10,000 buckets; the embedded one doesn't."""
    _shop(sandbox.region)
    asked: list[str] = []

    def connect(service: str, **options: Any) -> Any:
        made = client(service, **options)
        if service == "s3":
            made.meta.events.register("before-send.s3.ListBuckets", lambda request, **_: asked.append(request.url))
        return made

    found = survey_account(connect)
    assert len(found.buckets) + found.others == 3
    assert asked
    assert all("max-buckets=1000" in url for url in asked)


def test_without_credentials_there_is_no_look(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is shown an empty account because nobody was asked."""
    del sandbox
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr("botocore.utils.InstanceMetadataFetcher.retrieve_iam_role_credentials", lambda _self: {})
    with pytest.raises(IncompleteError) as caught:
        survey_account()
    assert caught.value.fix


def test_every_page_of_a_listing_is_counted() -> None:
    """SageMaker and Rekognition answer with ten or so at a time."""
    from types import SimpleNamespace

    def connect(service: str, **_: Any) -> Any:
        made = client(service, region="eu-west-1")
        key, operation = {"sagemaker": ("Endpoints", "list_endpoints"), "rekognition": ("CollectionIds", "list_collections")}[service]

        def answered(**asked: Any) -> dict[str, Any]:
            return {key: ["one", "two"]} if asked.get("NextToken") else {key: ["three"] * 10, "NextToken": "more"}

        def paginator(name: str) -> Any:
            assert name == operation
            return SimpleNamespace(paginate=lambda: [answered(), answered(NextToken="more")])

        made.get_paginator = paginator
        return made

    found = AccountSurvey("123456789012", "eu-west-1")
    account._endpoints(found, connect, "eu-west-1")
    account._collections(found, connect, "eu-west-1")
    assert found.services == {"SageMaker endpoints": 12, "Rekognition collections": 12}
