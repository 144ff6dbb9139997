"""Making a client: what was mistyped is told as that, before anything is asked of AWS."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse
from urllib3.exceptions import SSLError

from averment.core.aws import aws_errors, client
from averment.core.errors import BadInputError, IncompleteError, SignedOutError
from averment.core.fetch import Fetch
from averment.core.regions import configured_region, partition_of


@pytest.mark.parametrize("region", ["", "eu west 1", "EU-WEST-1", "eu-west-1."])
def test_a_region_that_cannot_be_one_is_bad_input(region: str) -> None:
    """The name is shown as it was given, with one that is right."""
    with pytest.raises(BadInputError, match="no region is called") as caught:
        client("s3", region=region)
    assert repr(region) in caught.value.message
    assert caught.value.fix == "name it as AWS does: eu-west-1"


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        ({"AWS_REGION": "us-gov-west-1"}, "us-gov-west-1"),
        ({"AWS_REGION": "us-gov-west-1", "AWS_DEFAULT_REGION": "us-gov-east-1"}, "us-gov-east-1"),
        ({"AWS_REGION": "us-gov-west-1", "AWS_PROFILE": "beijing"}, "cn-north-1"),
    ],
)
def test_aws_region_is_the_region_where_boto3_has_none(
    settings: dict[str, str], region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what messages say to set, and boto3 doesn't read it: S3 was asked in another partition, the rest could not be made."""
    (tmp_path / "config").write_text("[profile beijing]\nregion = cn-north-1\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert [client(service).meta.region_name for service in ("s3", "sqs")] == [region, region]
    assert configured_region() == region
    assert client("s3", region="eu-west-1").meta.region_name == "eu-west-1"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-northwest-1", "aws-cn"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("us-west-1", "aws"),
        (None, "aws"),
    ],
)
def test_a_region_s_partition_is_botocore_s(region: str | None, partition: str) -> None:
    assert partition_of(region) == partition
    assert region is None or botocore.session.get_session().get_partition_for_region(region) == partition


def test_every_region_that_botocore_has_is_in_its_partition() -> None:
    """A role in another account was looked for in ``aws``, which its own region knows nothing of."""
    session = botocore.session.get_session()
    known = {name: session.get_available_regions("s3", partition_name=name) for name in session.get_available_partitions()}
    assert {name: {partition_of(region) for region in regions} for name, regions in known.items()} == {name: {name} for name in known}


def test_an_endpoint_that_is_no_address_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that may hold it are named; it is no flaw of the program."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(BadInputError, match="Invalid endpoint: nonsense") as caught:
        client("s3", region="eu-west-1")
    assert "AWS_ENDPOINT_URL" in str(caught.value.fix)


def test_a_port_that_cannot_be_one_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore notices at the first call, deep in the signature."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:99999")
    with pytest.raises(BadInputError, match="Port out of range") as caught:
        client("s3", region="eu-west-1")
    assert "AWS_ENDPOINT_URL" in str(caught.value.fix)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"AWS_WEB_IDENTITY_TOKEN_FILE": "gone", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ci"}, id="token of a job"),
        pytest.param({"AWS_CONFIG_FILE": "config"}, id="program"),
    ],
)
def test_where_credentials_should_come_from_and_do_not_is_told(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job whose token was not laid there, or a program for credentials that isn't installed: no flaw of this one."""
    (tmp_path / "config").write_text("[default]\ncredential_process = gone --now\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **settings}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    said = "credentials are to come from gone, which can't be used: No such file or directory"
    with pytest.raises(IncompleteError, match=said) as caught, aws_errors("look"):
        client("sts", region="eu-west-1").get_caller_identity()
    assert "credentials come from" in str(caught.value.fix)
    with pytest.raises(FileNotFoundError), aws_errors("look"):
        (tmp_path / "ours").read_bytes()


def test_a_name_that_aws_does_not_take_comes_with_a_next_step() -> None:
    """What botocore says on several lines is one, and something can be done about it."""
    with pytest.raises(IncompleteError, match="could not look: Parameter validation failed") as caught, aws_errors("look"):
        client("s3", region="eu-west-1").head_bucket(Bucket="")
    assert "\n" not in caught.value.message
    assert caught.value.fix


def _answering(service: str, page: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of ``service`` that gets ``page`` with status 200, whatever it asks."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    made = client(service, region="eu-west-1")

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {"content-type": "text/html"}, HTTPResponse(io.BytesIO(page), preload_content=False))

    made.meta.events.register("before-send", answer)
    return made


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n<html><body>Blocked</body></html>", b"\n<HTML lang='en'>Continue?</HTML>"])
@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("events", "ListRules", {}),
        ("s3", "ListBuckets", {}),
        ("iam", "GetAccountAuthorizationDetails", {}),
        ("logs", "FilterLogEvents", {"logGroupName": "g"}),
    ],
)
def test_a_web_page_is_no_empty_answer(
    service: str, operation: str, parameters: dict[str, Any], page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page with status 200 was read as an answer with nothing in it: no rule, no bucket, no line."""
    made = _answering(service, page, monkeypatch)
    fetch = Fetch(made, service)
    assert fetch.one(operation, parameters) is None
    assert list(fetch.pages(operation, parameters)) == []
    assert fetch.broken_off == 1
    assert fetch.problems == [
        f"could not call {service}:{operation}: the answer is a web page: a proxy has answered, and not AWS (2 times)"
    ]
    with pytest.raises(IncompleteError, match="a proxy has answered"), aws_errors("look"):
        getattr(made, xform_name(operation))(**parameters)


@pytest.mark.parametrize(("service", "operation"), [("s3", "ListObjectVersions"), ("s3", "ListObjectsV2"), ("events", "ListRules")])
def test_a_listing_without_a_body_is_no_empty_one(service: str, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 200 and nothing behind it, as from a proxy that swallows what it blocks: it passed for a bucket with nothing in it."""
    made = _answering(service, b"", monkeypatch)
    fetch = Fetch(made, service)
    assert list(fetch.pages(operation, {"Bucket": "b"} if service == "s3" else {})) == []
    assert fetch.broken_off == 1
    assert "the answer is empty" in fetch.problems[0]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "page"),
    [
        ("s3", "ListObjectsV2", {"Bucket": "b"}, b"<R><IsTruncated>true</IsTruncated><Contents><Key>a.jpg</Key></Contents></R>"),
        ("cloudfront", "ListDistributions", {}, b"<DistributionList><IsTruncated>true</IsTruncated></DistributionList>"),
    ],
)
def test_a_listing_that_says_there_is_more_and_not_where_is_not_whole(
    service: str, operation: str, parameters: dict[str, Any], page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore stops there in silence, and the first page passed for all."""
    fetch = Fetch(_answering(service, page, monkeypatch), service)
    list(fetch.pages(operation, parameters))
    assert fetch.broken_off == 1
    assert "says that there is more" in fetch.problems[0]


def test_a_listing_goes_on_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page of a listing that names the next is an answer like others."""
    page = b"<R><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></R>"
    assert Fetch(_answering("s3", page, monkeypatch), "s3").one("ListObjectsV2", {"Bucket": "b"})["IsTruncated"] is True


def test_a_web_page_in_s3_is_an_object_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody uploaded may well be one."""
    page = b"<html><body>a listing of ours</body></html>"
    assert _answering("s3", page, monkeypatch).get_object(Bucket="b", Key="k")["Body"].read() == page


def test_a_bucket_that_nobody_has_comes_with_a_next_step() -> None:
    """A slip in its name is the likeliest reason."""
    from botocore.exceptions import ClientError

    error = ClientError({"Error": {"Code": "NoSuchBucket", "Message": "The specified bucket does not exist"}}, "ListObjectsV2")
    with pytest.raises(IncompleteError, match="NoSuchBucket") as caught, aws_errors("list s3://gone/"):
        raise error
    assert caught.value.fix == "check the bucket's name: none is called this, or no longer"


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.ClientError({"Error": {"Code": "ExpiredToken", "Message": "The provided token has expired."}}, "GetObject"),
        botocore.exceptions.UnauthorizedSSOTokenError(),
        botocore.exceptions.CredentialRetrievalError(provider="custom-process", error_msg="exit 1"),
    ],
)
def test_credentials_that_ended_are_told_from_other_refusals(error: Exception) -> None:
    """Whatever keeps them: a token that S3 refuses, a sign-in that ended, a helper that gives none any more."""
    with pytest.raises(SignedOutError) as caught, aws_errors("read s3://shop/in.jpg"):
        raise error
    assert "sign in again" in str(caught.value.fix)
    denied = botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
    with pytest.raises(IncompleteError) as refused, aws_errors("read s3://shop/in.jpg"):
        raise denied
    assert not isinstance(refused.value, SignedOutError)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        (
            "InvalidSignatureException",
            "Signature expired: 20261201T100000Z is now earlier than 20261201T103000Z (20261201T103500Z - 5 min.)",
        ),
        ("SignatureDoesNotMatch", "Signature not yet current: 20261201T110000Z is still later than 20261201T103500Z"),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_a_clock_that_is_wrong_is_told_from_other_refusals(code: str, message: str) -> None:
    """Services refuse what is signed some minutes off; what they say of it is told from a signature that is wrong, and from credentials that ended."""
    with pytest.raises(IncompleteError) as caught, aws_errors("list alarms"):
        raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "DescribeAlarms")
    assert "set this machine's clock" in str(caught.value.fix)
    other = botocore.exceptions.ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": "Check your key."}}, "DescribeAlarms")
    with pytest.raises(IncompleteError) as refused, aws_errors("list alarms"):
        raise other
    assert refused.value.fix is None


def test_credentials_of_the_environment_that_are_past_their_end_are_told_as_that(sandbox: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the AWS CLI exports them; botocore's word for it is a bare RuntimeError, which passed for a flaw of the program."""
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    with pytest.raises(SignedOutError, match="could not look: Credentials were refreshed, but") as caught, aws_errors("look"):
        client("s3").list_buckets()
    assert "sign in again" in str(caught.value.fix)
    with pytest.raises(RuntimeError, match="another"), aws_errors("look"):
        raise RuntimeError("another")


@pytest.mark.parametrize(
    ("operation", "allows"),
    [
        ("HeadObject", "allow s3:GetObject and s3:ListBucket"),
        ("ListObjectsV2", "allow s3:ListBucket for"),
        ("PutObject", "allow PutObject for"),
    ],
)
def test_a_denial_names_what_can_be_allowed(operation: str, allows: str) -> None:
    """IAM has no action that is called as some operations are; and S3 denies without a word of it what isn't there to who may not list."""
    error = botocore.exceptions.ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, operation)
    with pytest.raises(IncompleteError) as caught, aws_errors("look"):
        raise error
    assert str(caught.value.fix).startswith(allows)


def test_a_failed_tls_record_is_no_flaw_of_the_program() -> None:
    """botocore hands it on as urllib3 raises it, while it reads an answer's body."""
    with pytest.raises(IncompleteError, match="could not ask the endpoint 'faces': bad record"), aws_errors("ask the endpoint 'faces'"):
        raise SSLError("bad record")


def test_a_profile_that_is_not_there_is_told_with_what_to_correct() -> None:
    """A mistyped AWS_PROFILE."""
    with pytest.raises(IncompleteError, match="no-such-profile") as caught, aws_errors("sign in"):
        raise botocore.exceptions.ProfileNotFound(profile="no-such-profile")
    assert "AWS_PROFILE" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://sts.eu-west-9.amazonaws.com/", "boto3 knows no region that is called eu-west-9"),
        ("https://auditmanager.us-gov-west-1.amazonaws.com/", "boto3 knows of no auditmanager in us-gov-west-1: aws-us-gov hasn't got it"),
        ("https://cloudfront.us-gov-west-1.amazonaws.com/", "aws-us-gov hasn't got it"),
        ("https://rekognition.eu-north-1.amazonaws.com/", "other regions of aws have it"),
        ("https://cognito-idp.cn-north-1.amazonaws.com.cn/", "aws-cn hasn't got it"),
        ("https://iam.eusc-de-east-1.amazonaws.eu/", None),
        ("https://sts.eu-west-1.amazonaws.com/", None),
        ("https://monitoring.us-gov-west-1.amazonaws.com/", None),
        ("https://media.s3.eu-west-1.amazonaws.com/photo", None),
        ("https://123456789012.s3-control.eu-west-1.amazonaws.com/", None),
        ("https://runtime.sagemaker.eu-west-1.amazonaws.com/", None),
        ("https://iam.us-gov.amazonaws.com/", None),
        ("http://127.0.0.1:5000/", None),
    ],
)
def test_where_nobody_can_answer_the_next_step_says_why(url: str, why: str | None) -> None:
    """A mistyped region, and a service that a region or a partition hasn't got, looked like a broken network."""
    with pytest.raises(IncompleteError, match="could not look: Could not connect") as caught, aws_errors("look"):
        raise botocore.exceptions.EndpointConnectionError(endpoint_url=url)
    assert caught.value.fix == why or (why is not None and why in str(caught.value.fix))


def test_what_a_region_has_not_is_the_reason_on_record() -> None:
    """A collector says in the ledger that GovCloud has no Cost Explorer, and not that the network failed."""

    class Client:
        meta = client("ce", region="us-gov-west-1").meta

        def get_anomaly_monitors(self) -> None:
            raise botocore.exceptions.EndpointConnectionError(endpoint_url="https://ce.us-gov-west-1.amazonaws.com/")

    fetch = Fetch(Client(), "ce")
    assert fetch.one("GetAnomalyMonitors", {}) is None
    assert "(boto3 knows of no ce in us-gov-west-1: aws-us-gov hasn't got it)" in fetch.problems[0]


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "UnrecognizedClientException"])
def test_credentials_that_hold_elsewhere_come_with_a_next_step(code: str) -> None:
    """A region of GovCloud with credentials of the commercial partition: nothing said that these are two worlds."""
    refusal = botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "The security token is invalid"}}, "GetCallerIdentity")
    with pytest.raises(IncompleteError, match=code) as caught, aws_errors("find out whose credentials these are"):
        raise refusal
    assert "one partition alone, and in regions that the account has enabled" in str(caught.value.fix)
