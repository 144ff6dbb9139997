"""Object Lambda access points in the embedded S3 Control, and the rules that look through them at run time.

Origin of the access points: made for these tests, in the shape of the case ``object_lambda_access_point.fail``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.core.aws import client
from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.rules.registry import rule
from averment.policies.runtime.evaluate import Evaluation, Evaluator
from averment.policies.runtime.neighbours import ConfigNeighbours
from averment.sandbox.config_runner import items

OWN, PARTNER = "123456789012", "arn:aws:iam::999999999999:root"
PLACE = "us-east-1"
"""Where AWS Config has distributions, too: elsewhere no upload bucket can be said to be closed."""

SCOPE = Scope(accounts=(OWN,))


@pytest.fixture
def s3control(sandbox: Any) -> Any:
    """S3 Control, through the one place where clients are made: boto3's own would look for the account's host name."""
    return client("s3control", region=PLACE)


def supporting(s3control: Any, **more: Any) -> str:
    """The bucket ``acme-uploads`` with an access point; its ARN."""
    boto3.client("s3", region_name=PLACE).create_bucket(Bucket="acme-uploads")
    made = s3control.create_access_point(AccountId=OWN, Name="uploads", Bucket="acme-uploads", **more)
    return str(made["AccessPointArn"])


def transformed(point: str) -> dict[str, Any]:
    function = {"FunctionArn": f"arn:aws:lambda:{PLACE}:{OWN}:function:thumbnail"}
    return {
        "SupportingAccessPoint": point,
        "TransformationConfigurations": [{"Actions": ["GetObject"], "ContentTransformation": {"AwsLambda": function}}],
    }


def allow(principal: str, action: str) -> str:
    resource = f"arn:aws:s3-object-lambda:{PLACE}:{OWN}:accesspoint/thumbnails"
    statement = {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_an_access_point_is_kept_read_and_forgotten(s3control: Any, sandbox: Any):
    """Configuration and policy come back as they were put; deleting and a reset leave nothing."""
    configuration = transformed(supporting(s3control))
    made = s3control.create_access_point_for_object_lambda(AccountId=OWN, Name="thumbnails", Configuration=configuration)
    arn = f"arn:aws:s3-object-lambda:{PLACE}:{OWN}:accesspoint/thumbnails"
    assert made["ObjectLambdaAccessPointArn"] == arn
    listed = s3control.list_access_points_for_object_lambda(AccountId=OWN)["ObjectLambdaAccessPointList"]
    assert listed == [{"Name": "thumbnails", "ObjectLambdaAccessPointArn": arn}]
    this = {"AccountId": OWN, "Name": "thumbnails"}
    assert s3control.get_access_point_configuration_for_object_lambda(**this)["Configuration"] == configuration
    features = {**configuration, "AllowedFeatures": ["GetObject-Range"]}
    s3control.put_access_point_configuration_for_object_lambda(**this, Configuration=features)
    assert s3control.get_access_point_configuration_for_object_lambda(**this)["Configuration"] == features
    assert s3control.get_access_point_for_object_lambda(**this)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    s3control.put_access_point_policy_for_object_lambda(**this, Policy=allow(PARTNER, "s3-object-lambda:GetObject"))
    assert "Partner" in s3control.get_access_point_policy_for_object_lambda(**this)["Policy"]
    s3control.delete_access_point_policy_for_object_lambda(**this)
    with pytest.raises(ClientError, match="NoSuchAccessPointPolicy"):
        s3control.get_access_point_policy_for_object_lambda(**this)
    s3control.delete_access_point_for_object_lambda(**this)
    with pytest.raises(ClientError, match="NoSuchAccessPoint"):
        s3control.get_access_point_for_object_lambda(**this)
    s3control.create_access_point_for_object_lambda(**this, Configuration=configuration)
    sandbox.reset()
    assert s3control.list_access_points_for_object_lambda(AccountId=OWN)["ObjectLambdaAccessPointList"] == []


def test_the_list_has_pages(s3control: Any):
    """As many entries as were asked for, and a token where there are more."""
    configuration = transformed(supporting(s3control))
    for name in ("one", "three", "two"):
        s3control.create_access_point_for_object_lambda(AccountId=OWN, Name=name, Configuration=configuration)
    first = s3control.list_access_points_for_object_lambda(AccountId=OWN, MaxResults=2)
    assert [entry["Name"] for entry in first["ObjectLambdaAccessPointList"]] == ["one", "three"]
    rest = s3control.list_access_points_for_object_lambda(AccountId=OWN, NextToken=first["NextToken"])
    assert [entry["Name"] for entry in rest["ObjectLambdaAccessPointList"]] == ["two"]
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Name": "Thumb_nails"}, "pattern"),
        ({"Configuration": transformed(f"arn:aws:s3:{PLACE}:{OWN}:accesspoint/other")}, "does not exist"),
        ({"Configuration": transformed("uploads")}, "SupportingAccessPoint"),
        ({"Name": "taken"}, "already"),
        ({"AccountId": "210987654321"}, "not the one that calls"),
    ],
)
def test_what_the_service_refuses_is_refused(s3control: Any, change: Mapping[str, Any], why: str):
    """Names and ARNs by the service's model, a supporting access point that isn't there, a name twice, another's account."""
    request = {"AccountId": OWN, "Name": "thumbnails", "Configuration": transformed(supporting(s3control))}
    s3control.create_access_point_for_object_lambda(**{**request, "Name": "taken"})
    with pytest.raises(ClientError, match=why):
        s3control.create_access_point_for_object_lambda(**{**request, **change})


def test_config_has_access_points_where_they_stand(s3control: Any):
    """CloudFormation's spelling, in the region of the access point and in no other."""
    arn = supporting(s3control, VpcConfiguration={"VpcId": "vpc-1"})
    (found,) = items(boto3.client("config", region_name=PLACE), "AWS::S3::AccessPoint")
    configuration = json.loads(found["configuration"])
    assert (found["arn"], found["resourceId"]) == (arn, "uploads")
    assert (configuration["Bucket"], configuration["VpcConfiguration"]) == ("acme-uploads", {"VpcId": "vpc-1"})
    assert configuration["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"] is True
    assert list(items(boto3.client("config", region_name="eu-central-1"), "AWS::S3::AccessPoint")) == []


def verdicts(rule_id: str, **clients: Any) -> Iterator[Evaluation]:
    """What the function behind the rules tells of every resource; ``clients`` stand in for those of single services."""
    config = clients.get("config") or client("config", region=PLACE)
    source = ConfigNeighbours(config, account_id=OWN, connect=lambda service: clients.get(service) or client(service, region=PLACE))
    return Evaluator(rule(rule_id), source, SCOPE, {}, OWN).every()


def recorded() -> None:
    """A recorder of all types, or an empty inventory says nothing."""
    role = f"arn:aws:iam::{OWN}:role/config"
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    recorder = {"name": "default", "roleARN": role, "recordingGroup": group}
    config = boto3.client("config", region_name=PLACE)
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "config"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")


@pytest.mark.parametrize(("principal", "verdict"), [(PARTNER, Verdict.FAIL), (f"arn:aws:iam::{OWN}:role/scanner", Verdict.PASS)])
def test_an_upload_bucket_read_through_object_lambda_is_found_at_run_time(s3control: Any, principal: str, verdict: Verdict):
    """A partner reads uploads: the failure that the template had. A grant to one's own role is none."""
    recorded()
    this = {"AccountId": OWN, "Name": "thumbnails"}
    s3control.create_access_point_for_object_lambda(**this, Configuration=transformed(supporting(s3control)))
    s3control.put_access_point_policy_for_object_lambda(**this, Policy=allow(principal, "s3-object-lambda:GetObject"))
    (found,) = verdicts("quarantine-not-served")
    assert (found.resource_id, found.verdict) == ("acme-uploads", verdict), found.annotation
    assert ("'Partner' of the Object Lambda access point's policy lets" in found.annotation) is (verdict is Verdict.FAIL)


def test_a_role_that_may_not_list_them_can_not_check(s3control: Any):
    """The bucket isn't called closed, and the missing permission is named."""
    recorded()
    supporting(s3control)
    denied = client("s3control", region=PLACE)

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListAccessPointsForObjectLambda")

    denied.meta.events.register("before-call.s3-control.ListAccessPointsForObjectLambda", refuse)
    (found,) = verdicts("quarantine-not-served", s3control=denied)
    assert found.verdict is Verdict.UNKNOWN
    assert "AccessDenied" in found.annotation
    assert "ListAccessPointsForObjectLambda" in found.annotation


def test_a_policy_that_lets_a_partner_write_through_object_lambda_fails_by_itself(s3control: Any):
    """``s3-put-object-gated`` judges the policy as a resource of its own, with the bucket behind it named."""
    recorded()
    this = {"AccountId": OWN, "Name": "thumbnails"}
    s3control.create_access_point_for_object_lambda(**this, Configuration=transformed(supporting(s3control)))
    s3control.put_access_point_policy_for_object_lambda(**this, Policy=allow(PARTNER, "s3-object-lambda:PutObject"))
    found = {entry.resource_type: entry for entry in verdicts("s3-put-object-gated")}
    policy = found["AWS::S3ObjectLambda::AccessPointPolicy"]
    assert (policy.resource_id, policy.verdict) == ("thumbnails", Verdict.FAIL)
    assert "999999999999" in policy.annotation
