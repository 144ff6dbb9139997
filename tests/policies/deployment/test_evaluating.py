"""Deployed rules on their schedule, against the embedded AWS Config: what they are told of tags, of a recorder that is off, of what is gone.

Origin of the data: made here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.policies.runtime.handler import handler
from averment.sandbox.config_runner import Invocation, items, oversized, run_function

ACCOUNT = "123456789012"
ORGANISATION = """
version: 1
controls: [SM-UPL-01, SM-UPL-03]
scope:
  accounts: ["123456789012"]
  media:
    - {role: upload, tags: {data-class: ugc}}
"""
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::landing/*"}


@pytest.fixture
def shop(sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two controls deployed by an organisation that knows its media buckets by tags, and such a bucket that anybody may write to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text(ORGANISATION, encoding="utf-8")
    bucket("artifacts")
    config = boto3.client("config")
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config", "recordingGroup": group}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "artifacts"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert run(["rules", "deploy", "--artifacts", "artifacts"]) == 0
    bucket("landing")
    s3 = boto3.client("s3")
    s3.put_bucket_policy(Bucket="landing", Policy=json.dumps({"Version": "2012-10-17", "Statement": [ANYONE]}))
    s3.put_bucket_tagging(Bucket="landing", Tagging={"TagSet": [{"Key": "data-class", "Value": "ugc"}]})
    return tmp_path


def bucket(name: str) -> None:
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def deployed(rule: str) -> dict[str, Any]:
    pages = boto3.client("config").get_paginator("describe_config_rules").paginate()
    return next(item for page in pages for item in page["ConfigRules"] if item["ConfigRuleName"].startswith(f"averment-{rule}-conf"))


def invoked(rule: str, invoking: dict[str, Any] | None = None) -> dict[tuple[str, str], tuple[str, str]]:
    """What AWS Config knows of ``rule`` after its function was invoked, on its schedule if nothing else is said: verdict and annotation."""
    found = deployed(rule)
    scheduled = {"messageType": "ScheduledNotification", "awsAccountId": ACCOUNT, "notificationCreationTime": "2026-11-29T10:00:00.000Z"}
    ran = run_function(found, handler, [Invocation(("AWS::::Account", ACCOUNT), invoking or scheduled)], (), "eu-west-1")
    assert ran.errors == ()
    pages = boto3.client("config").get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=found["ConfigRuleName"])
    told = {}
    for item in (item for page in pages for item in page["EvaluationResults"]):
        qualifier = item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
        told[qualifier["ResourceType"], qualifier["ResourceId"]] = (item["ComplianceType"], item.get("Annotation", ""))
    return told


def test_a_schedule_knows_media_buckets_by_their_tags(shop: Path) -> None:
    """AWS Config's inventory has no tags: without asking for them every bucket of a scope by tags would be none of ours."""
    told = invoked("media-bucket-events-scanned")
    assert told["AWS::S3::Bucket", "landing"][0] == "NON_COMPLIANT"


def test_an_oversized_item_has_its_tags(shop: Path) -> None:
    """The item is fetched as it was announced: with the tags that make the bucket one of ours."""
    (item,) = (item for item in items(boto3.client("config"), "AWS::S3::Bucket") if item["resourceId"] == "landing")
    assert invoked("media-bucket-events-scanned", oversized(item))["AWS::S3::Bucket", "landing"][0] == "NON_COMPLIANT"


def test_a_recorder_that_is_off_lets_nothing_pass(shop: Path) -> None:
    """What was recorded before it stopped is no longer how things are: nobody would see that a bucket was opened since."""
    assert ("AWS::S3::Bucket", "artifacts") in invoked("s3-put-object-gated")
    boto3.client("config").stop_configuration_recorder(ConfigurationRecorderName="default")
    verdict, annotation = invoked("s3-put-object-gated")["AWS::::Account", ACCOUNT]
    assert verdict == "NOT_APPLICABLE"
    assert annotation.startswith("could not check: AWS Config's recorder is off in eu-west-1: what it has of AWS::")


ENDPOINT = "AWS::SageMaker::EndpointConfig"


def endpoint_config() -> Any:
    """A detector's endpoint configuration, which AWS Config doesn't record: the function asks SageMaker."""
    sagemaker = boto3.client("sagemaker")
    role = f"arn:aws:iam::{ACCOUNT}:role/detector"
    sagemaker.create_model(ModelName="detector", ExecutionRoleArn=role, PrimaryContainer={"Image": "detector:1"})
    variant = {"VariantName": "all", "ModelName": "detector", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="deepfake-detector", ProductionVariants=[variant])
    return sagemaker


@pytest.fixture
def guarded(shop: Path) -> Any:
    """The rule on detectors' endpoints deployed in the function, with one endpoint configuration; SageMaker's client."""
    (shop / "averment.yaml").write_text(ORGANISATION.replace("SM-UPL-03", "SM-UPL-03, SM-DET-03"), encoding="utf-8")
    assert run(["rules", "deploy", "--artifacts", "artifacts"]) == 0
    return endpoint_config()


def test_what_is_gone_has_no_verdict_any_more(guarded: Any) -> None:
    """AWS Config tells of no deletion of what it doesn't record, and keeps the last verdict: the schedule takes it back."""
    assert invoked("detector-endpoint-guarded")[ENDPOINT, "deepfake-detector"][0] == "NON_COMPLIANT"
    guarded.delete_endpoint_config(EndpointConfigName="deepfake-detector")
    assert invoked("detector-endpoint-guarded")[ENDPOINT, "deepfake-detector"] == ("NOT_APPLICABLE", "the resource is gone")


def test_what_could_not_be_listed_once_is_not_held_for_ever(shop: Path) -> None:
    """A recorder that is on again, a throttled call that goes through: the account's unknown is taken back, else nothing would ever satisfy."""
    config = boto3.client("config")
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    assert invoked("s3-put-object-gated")["AWS::::Account", ACCOUNT][1].startswith("could not check: ")
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert invoked("s3-put-object-gated")["AWS::::Account", ACCOUNT] == ("NOT_APPLICABLE", "everything could be listed again")


def test_what_could_not_be_listed_is_not_called_gone(shop: Path) -> None:
    """A verdict stands beside the account's unknown as long as nobody can say whether its resource is there."""
    before = invoked("media-bucket-events-scanned")["AWS::S3::Bucket", "landing"]
    assert before[0] == "NON_COMPLIANT"
    boto3.client("config").stop_configuration_recorder(ConfigurationRecorderName="default")
    assert invoked("media-bucket-events-scanned")["AWS::S3::Bucket", "landing"] == before
