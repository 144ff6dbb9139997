"""Bucket policies with conditions mean what they say; what isn't evaluated is refused aloud."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from averment.sandbox.policy import Decision, NotCoveredError, Request, decide

OBJECTS = "arn:aws:s3:::uploads/*"
UNTAGGED = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:PutObject",
    "Resource": OBJECTS,
    "Condition": {"Null": {"s3:RequestObjectTag/provenance": "true"}},
}


@pytest.fixture
def s3(sandbox):
    client = boto3.client("s3")
    client.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


def policy(s3, *statements):
    s3.put_bucket_policy(Bucket="uploads", Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def denied(call, **request):
    with pytest.raises(ClientError) as caught:
        call(Bucket="uploads", **request)
    return caught.value.response["Error"]["Code"]


def test_a_conditional_deny_denies_what_it_says(s3):
    """Without the tag: AccessDenied, with its code; with it: through."""
    policy(s3, UNTAGGED)
    assert denied(s3.put_object, Key="a.jpg", Body=b"x") == "AccessDenied"
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", Tagging="provenance=c2pa")
    assert s3.get_object(Bucket="uploads", Key="a.jpg")["Body"].read() == b"x"


def test_a_copy_is_judged_at_its_source(s3):
    """What may not be read can't be copied elsewhere either, by its name or by its version; the copy of something else can."""
    s3.create_bucket(Bucket="else", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x")["VersionId"]
    s3.put_object(Bucket="uploads", Key="b.jpg", Body=b"y")
    reading = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": "arn:aws:s3:::uploads/a.jpg",
    }
    policy(s3, reading)
    for source in ({"Key": "a.jpg"}, {"Key": "a.jpg", "VersionId": version}):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.copy_object(Bucket="else", Key="a.jpg", CopySource={"Bucket": "uploads", **source})
    s3.copy_object(Bucket="else", Key="b.jpg", CopySource={"Bucket": "uploads", "Key": "b.jpg"})
    assert s3.get_object(Bucket="else", Key="b.jpg")["Body"].read() == b"y"


def test_a_policy_is_judged_where_the_latest_version_is_a_deletion(s3):
    """What is hidden by a delete marker answers as S3 does, and can be written and read by version again, also under a bucket policy."""
    policy(s3, UNTAGGED)
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", Tagging="provenance=c2pa")["VersionId"]
    s3.delete_object(Bucket="uploads", Key="a.jpg")
    assert denied(s3.get_object, Key="a.jpg") == "NoSuchKey"
    assert denied(s3.put_object, Key="a.jpg", Body=b"y") == "AccessDenied"
    assert s3.get_object(Bucket="uploads", Key="a.jpg", VersionId=version)["Body"].read() == b"x"


def test_a_demand_for_tags_breaks_multipart_uploads_unless_parts_are_exempt(s3, tmp_path):
    """The trap of the real service: parts can't carry tags; ``s3:ObjectCreationOperation`` exempts them, not the completion."""
    path = tmp_path / "big.jpg"
    path.write_bytes(bytes(6 * 1024 * 1024))
    settings = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024, use_threads=False)
    policy(s3, UNTAGGED)
    with pytest.raises(Exception, match="AccessDenied"):
        s3.upload_file(str(path), "uploads", "big.jpg", Config=settings, ExtraArgs={"Tagging": "provenance=c2pa"})
    exempt = {"Null": {"s3:RequestObjectTag/provenance": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    policy(s3, {**UNTAGGED, "Condition": exempt})
    upload = s3.create_multipart_upload(Bucket="uploads", Key="big.jpg", Tagging="provenance=c2pa")["UploadId"]
    part = s3.upload_part(Bucket="uploads", Key="big.jpg", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    assert part["ETag"]


def test_a_deny_of_insecure_transport_lets_the_sandbox_in(s3):
    """The commonest conditional Deny: the loopback stands for TLS."""
    policy(
        s3,
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": OBJECTS,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x")


def test_encryption_headers_are_read(s3):
    """StringNotEquals on a header: absent counts as not equal, as in IAM."""
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    policy(s3, {**UNTAGGED, "Condition": condition})
    assert denied(s3.put_object, Key="a.jpg", Body=b"x") == "AccessDenied"
    assert denied(s3.put_object, Key="a.jpg", Body=b"x", ServerSideEncryption="AES256") == "AccessDenied"
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", ServerSideEncryption="aws:kms")


def test_tags_of_the_object_decide_who_reads(s3):
    """ExistingObjectTag: what is not scanned yet can't be read, by GET or HEAD, until its tag says so."""
    condition = {"StringNotEquals": {"s3:ExistingObjectTag/verdict": "clean"}}
    policy(s3, {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS, "Condition": condition})
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x")
    assert denied(s3.get_object, Key="a.jpg") == "AccessDenied"
    assert denied(s3.head_object, Key="a.jpg") == "403"
    s3.put_object_tagging(Bucket="uploads", Key="a.jpg", Tagging={"TagSet": [{"Key": "verdict", "Value": "clean"}]})
    assert s3.get_object(Bucket="uploads", Key="a.jpg")["Body"].read() == b"x"


def test_tags_that_are_given_afterwards_count_as_well(s3):
    """RequestObjectTagKeys: the names are those in the body of PutObjectTagging, as they are those in a PUT's header."""
    condition = {"ForAnyValue:StringLike": {"s3:RequestObjectTagKeys": "averment-*"}}
    actions = ["s3:PutObject", "s3:PutObjectTagging"]
    policy(s3, {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": OBJECTS, "Condition": condition})
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", Tagging="seller=1")
    assert denied(s3.put_object, Key="a.jpg", Body=b"x", Tagging="averment-verdict=clean") == "AccessDenied"
    s3.put_object_tagging(Bucket="uploads", Key="a.jpg", Tagging={"TagSet": [{"Key": "seller", "Value": "2"}]})
    tags = {"TagSet": [{"Key": "seller", "Value": "3"}, {"Key": "averment-verdict", "Value": "clean"}]}
    assert denied(s3.put_object_tagging, Key="a.jpg", Tagging=tags) == "AccessDenied"


def test_a_principal_is_who_signed(s3):
    """A Deny for a partner's role doesn't touch the owner, one for the owner's account does; NotPrincipal spares whom it names."""
    partner = {**UNTAGGED, "Principal": {"AWS": "arn:aws:iam::999999999999:role/partner"}, "Condition": {}}
    policy(s3, partner)
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x")
    policy(s3, {**partner, "Principal": {"AWS": "123456789012"}})
    assert denied(s3.put_object, Key="b.jpg", Body=b"x") == "AccessDenied"
    spared = {key: value for key, value in partner.items() if key != "Principal"}
    policy(s3, {**spared, "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}})
    s3.put_object(Bucket="uploads", Key="c.jpg", Body=b"x")


def test_a_batch_delete_reports_what_was_denied(s3):
    """DeleteObjects: a Deny under a prefix costs the objects there, the others go."""
    for key in ("keep/a", "b"):
        s3.put_object(Bucket="uploads", Key=key, Body=b"x")
    policy(s3, {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::uploads/keep/*"})
    answer = s3.delete_objects(Bucket="uploads", Delete={"Objects": [{"Key": "keep/a"}, {"Key": "b"}]})
    assert [item["Key"] for item in answer["Errors"]] == ["keep/a"]
    assert [item["Key"] for item in answer["Deleted"]] == ["b"]


def test_anonymous_reads_need_an_allow(s3, sandbox):
    """Unsigned requests get in by an Allow for everyone only, and its condition counts."""
    s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x")
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
    policy(s3, {**allow, "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{sandbox.endpoint}/uploads/a.jpg", timeout=10)
    policy(s3, {**allow, "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
    with urllib.request.urlopen(f"{sandbox.endpoint}/uploads/a.jpg", timeout=10) as answer:
        assert answer.read() == b"x"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"Null": {"s3:x-amz-meta-provenance": "true"}}, "s3:x-amz-meta-provenance"),
        ({"BinaryEquals": {"s3:x-amz-acl": "eA=="}}, "BinaryEquals"),
        ({"StringEquals": {"s3:x-amz-acl": "${aws:PrincipalTag/acl}"}}, "PrincipalTag"),
    ],
)
def test_what_is_not_evaluated_is_refused_aloud(s3, condition, words):
    """An invented key, an operator, a variable: 501 with its name, instead of a guess."""
    policy(s3, {**UNTAGGED, "Condition": condition})
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", ACL="private")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


ROOT = ("arn:aws:iam::123456789012:root",)


def asked(**context):
    given = {f"s3:{name}".lower(): tuple(value if isinstance(value, list) else [value]) for name, value in context.items()}
    return Request("s3:PutObject", "arn:aws:s3:::uploads/a.jpg", ROOT, given, lambda key: key.startswith("s3:"))


@pytest.mark.parametrize(
    ("condition", "context", "applies"),
    [
        ({"StringEquals": {"s3:acl": ["private", "bucket-owner-full-control"]}}, {"acl": "private"}, True),
        ({"StringEquals": {"s3:acl": "private"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:acl": "private"}}, {}, True),
        ({"StringNotEquals": {"s3:acl": ["a", "b"]}}, {"acl": "b"}, False),
        ({"StringNotEquals": {"s3:acl": ["a", "b"]}}, {"acl": "c"}, True),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"prefix": "home/x"}, True),
        ({"StringLike": {"s3:prefix": "a[b]"}}, {"prefix": "ab"}, False),
        ({"StringLike": {"s3:prefix": "a[b]"}}, {"prefix": "a[b]"}, True),
        ({"Null": {"s3:acl": "false"}}, {"acl": "x"}, True),
        ({"Null": {"s3:acl": False}}, {}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"max-keys": "10"}, True),
        ({"DateGreaterThan": {"s3:date": "2026-01-01T00:00:00Z"}}, {"date": "2026-11-20T00:00:00Z"}, True),
        ({"ForAllValues:StringEquals": {"s3:tags": ["a", "b"]}}, {"tags": ["a", "c"]}, False),
        ({"ForAllValues:StringEquals": {"s3:tags": ["a", "b"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"s3:tags": ["a", "b"]}}, {"tags": ["a", "c"]}, True),
        ({"ForAnyValue:StringEquals": {"s3:tags": ["a", "b"]}}, {}, False),
        ({"StringEquals": {"S3:ACL": "private"}}, {"acl": "private"}, True),
        ({"ArnLike": {"s3:arn": "arn:aws:iam::*:role/x"}}, {"arn": "arn:aws:iam::1:role/x"}, True),
    ],
)
def test_condition_operators(condition, context, applies):
    """Each operator as IAM's reference defines it, absent keys and several values included."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "*", "Condition": condition}
    found = decide(json.dumps({"Statement": statement}), asked(**context))
    assert (found is Decision.DENY) is applies


def test_statements_that_do_not_apply_are_not_evaluated():
    """An uncovered condition on another action is no reason to refuse."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "*",
        "Condition": {"BinaryEquals": {"s3:a": "x"}},
    }
    assert decide(json.dumps({"Statement": [statement]}), asked()) is Decision.NEUTRAL
    with pytest.raises(NotCoveredError):
        decide(json.dumps({"Statement": [{**statement, "Action": "s3:PutObject"}]}), asked())


def test_not_action_and_not_resource():
    """The negated elements take in everything that they don't name."""
    statement = {"Effect": "Allow", "Principal": {"AWS": ROOT[0]}, "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::other/*"}
    assert decide(json.dumps({"Statement": [statement]}), asked()) is Decision.ALLOW
    assert decide(json.dumps({"Statement": [{**statement, "NotAction": "s3:Put*"}]}), asked()) is Decision.NEUTRAL


def test_moto_alone_denies_whatever_the_condition_says(moto_alone):
    """When this fails, moto evaluates conditions and the correction can go."""
    s3 = moto_alone("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    policy(s3, UNTAGGED)
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="uploads", Key="a.jpg", Body=b"x", Tagging="provenance=c2pa")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
