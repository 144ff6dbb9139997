"""Object Lock in the embedded S3: what a ledger's store relies on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


def locked(s3, mode):
    """A locked object in a fresh bucket; the parameters that name its version."""
    s3.create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectLockEnabledForBucket=True)
    put = s3.put_object(Bucket="ledger", Key="tile", Body=b"x", ObjectLockMode=mode, ObjectLockRetainUntilDate=UNTIL)
    return {"Bucket": "ledger", "Key": "tile", "VersionId": put["VersionId"]}


def test_retention_can_be_read(sandbox):
    """Mode and date come back; an object without one is 404 NoSuchObjectLockConfiguration."""
    s3 = boto3.client("s3")
    place = locked(s3, "COMPLIANCE")
    assert s3.get_object_retention(**place)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}
    s3.put_object(Bucket="ledger", Key="free", Body=b"x")
    with pytest.raises(ClientError) as caught:
        s3.get_object_retention(Bucket="ledger", Key="free")
    assert caught.value.response["Error"]["Code"] == "NoSuchObjectLockConfiguration"


@pytest.mark.parametrize(
    "retention", [{"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL - timedelta(days=1)}, {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}]
)
def test_compliance_retention_is_only_ever_lengthened(sandbox, retention):
    """Neither an earlier date nor a weaker mode, not even with the bypass header; a later date is fine; deletion is refused."""
    s3 = boto3.client("s3")
    place = locked(s3, "COMPLIANCE")
    for bypass in (False, True):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object_retention(**place, Retention=retention, BypassGovernanceRetention=bypass)
    later = {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL + timedelta(days=1)}
    s3.put_object_retention(**place, Retention=later)
    assert s3.get_object_retention(**place)["Retention"] == later
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(**place)


def test_governance_yields_to_its_bypass(sandbox):
    """Without the header it holds, with it it gives way."""
    s3 = boto3.client("s3")
    place = locked(s3, "GOVERNANCE")
    sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL - timedelta(days=1)}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(**place, Retention=sooner)
    s3.put_object_retention(**place, Retention=sooner, BypassGovernanceRetention=True)
    assert s3.get_object_retention(**place)["Retention"] == sooner


def test_moto_alone_cannot_read_retention_and_lets_it_be_shortened(moto_alone):
    """When this fails, moto has caught up."""
    s3 = moto_alone("s3")
    place = locked(s3, "COMPLIANCE")
    with pytest.raises(ClientError) as caught:
        s3.get_object_retention(**place)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    s3.put_object_retention(**place, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL - timedelta(days=20)})


def test_a_retention_that_is_over_is_refused(sandbox):
    """With the object or afterwards: S3 locks nothing until yesterday."""
    s3 = boto3.client("s3")
    place = locked(s3, "GOVERNANCE")
    past = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(ClientError, match="must be in the future"):
        s3.put_object(Bucket="ledger", Key="late", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=past)
    with pytest.raises(ClientError, match="must be in the future"):
        s3.put_object_retention(**place, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": past}, BypassGovernanceRetention=True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Key": "é" * 513}, "KeyTooLongError"),
        ({"Key": "k", "Metadata": {"name": "x" * 2045}}, "MetadataTooLarge"),
        ({"Key": "é" * 512, "Metadata": {"name": "x" * 2044}}, None),
    ],
)
def test_names_and_metadata_have_their_limits(sandbox, given, code):
    """1,024 bytes and 2 KB, names of metadata included, also of a copy."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="media", Key="source", Body=b"x")
    copied = {"CopySource": {"Bucket": "media", "Key": "source"}, "MetadataDirective": "REPLACE"}
    for put in (lambda: s3.put_object(Bucket="media", **given), lambda: s3.copy_object(Bucket="media", **copied, **given)):
        if code is None:
            put()
            continue
        with pytest.raises(ClientError) as caught:
            put()
        assert caught.value.response["Error"]["Code"] == code
