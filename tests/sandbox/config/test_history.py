"""What the embedded Config recorded: states over time, deletions, gaps, and a quarter that is played."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.sandbox.config_history import put_item, recorder_was
from averment.sandbox.config_runner import MAX_EVENT_BYTES, change, items, oversized, run_rule

BUCKET = "AWS::S3::Bucket"
TABLE = "AWS::DynamoDB::Table"
JULY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def config(recorder):
    return boto3.client("config")


@pytest.fixture
def bucket(sandbox):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


def history(config, name="uploads", kind=BUCKET, **request):
    """Every item, over all pages."""
    pages = config.get_paginator("get_resource_config_history").paginate(resourceType=kind, resourceId=name, **request)
    return [item for page in pages for item in page["configurationItems"]]


def statuses(found):
    return [item["configurationItemStatus"] for item in found]


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"]


def play(name="table", days=(0, 30, 60), kind=TABLE):
    """A state of the resource ``name`` at each of ``days`` after the first of July."""
    for number, day in enumerate(days):
        status = "OK" if number else "ResourceDiscovered"
        put_item(kind, name, JULY + timedelta(days=day), {"state": number}, status=status, tags={"n": str(number)})


def test_a_change_is_an_item_and_no_change_is_none(config, bucket):
    """Discovered, unchanged, changed: two items, newest first, captured when they were seen."""
    (first,) = history(config)
    assert statuses([first]) == ["ResourceDiscovered"]
    assert history(config)[0]["configurationItemCaptureTime"] == first["configurationItemCaptureTime"]
    bucket.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    found = history(config)
    assert statuses(found) == ["OK", "ResourceDiscovered"]
    assert found[0]["configurationItemCaptureTime"] > found[1]["configurationItemCaptureTime"]
    assert found[0]["configurationStateId"] != found[1]["configurationStateId"]
    versioning = [json.loads(item["supplementaryConfiguration"]["BucketVersioningConfiguration"])["status"] for item in found]
    assert versioning == ["Enabled", "Off"]


def test_a_deleted_resource_keeps_its_history(config, bucket):
    """An item without configuration; gone from the inventory but for those who ask for deleted ones; discovered again when it comes back."""
    history(config)
    bucket.delete_bucket(Bucket="uploads")
    deleted, _ = history(config)
    assert (deleted["configurationItemStatus"], "configuration" in deleted) == ("ResourceDeleted", False)
    assert config.list_discovered_resources(resourceType=BUCKET)["resourceIdentifiers"] == []
    (listed,) = config.list_discovered_resources(resourceType=BUCKET, includeDeletedResources=True)["resourceIdentifiers"]
    assert abs(listed["resourceDeletionTime"] - deleted["configurationItemCaptureTime"]) < timedelta(seconds=1)
    key = {"resourceType": BUCKET, "resourceId": "uploads"}
    assert config.batch_get_resource_config(resourceKeys=[key])["baseConfigurationItems"] == []
    bucket.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert statuses(history(config)) == ["ResourceDiscovered", "ResourceDeleted", "ResourceDiscovered"]


def test_nothing_is_recorded_while_the_recorder_is_stopped(config, bucket):
    """What changed meanwhile is one change afterwards; what came meanwhile isn't known."""
    boto3.client("s3").create_bucket(Bucket="log", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "log"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    history(config)
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    for status in ("Enabled", "Suspended"):
        bucket.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": status})
        assert len(history(config)) == 1
    bucket.create_bucket(Bucket="late", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert refusal(config.get_resource_config_history, resourceType=BUCKET, resourceId="late") == "ResourceNotDiscoveredException"
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert len(history(config)) == 2
    assert statuses(history(config, "late")) == ["ResourceDiscovered"]


def test_a_played_quarter_comes_back_in_order(config):
    """Put in any order; both orders; within a range of time; with tags and configuration as they were."""
    play(days=(60,))
    play(days=(0, 30))
    forward = history(config, "table", TABLE, chronologicalOrder="Forward")
    assert [item["configurationItemCaptureTime"].astimezone(UTC) for item in forward] == [JULY + timedelta(days=day) for day in (0, 30, 60)]
    assert history(config, "table", TABLE) == forward[::-1]
    within = history(config, "table", TABLE, earlierTime=JULY + timedelta(days=1), laterTime=JULY + timedelta(days=30))
    assert [item["tags"] for item in within] == [{"n": "1"}]
    assert json.loads(within[0]["configuration"]) == {"state": 1}


def test_a_page_spans_a_week_at_most(config):
    """Fewer items than the limit, and a token: who stops at the first short page has lost the rest."""
    play(days=(0, 3, 6, 9, 40))
    read = config.get_resource_config_history
    name = {"resourceType": TABLE, "resourceId": "table", "chronologicalOrder": "Forward"}
    sizes, token = [], {}
    while True:
        page = read(**name, limit=100, **token)
        sizes.append(len(page["configurationItems"]))
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert sizes == [3, 1, 1]
    assert len(read(**name, limit=2)["configurationItems"]) == 2
    assert refusal(read, **name, limit=101) == "InvalidLimitException"
    assert refusal(read, **name, nextToken="made up") == "InvalidNextTokenException"
    assert refusal(read, **name, earlierTime=JULY, laterTime=JULY - timedelta(days=1)) == "InvalidTimeRangeException"


def test_ten_items_a_page_unless_asked(config):
    """The default limit."""
    play(days=[number / 10 for number in range(12)])
    assert len(config.get_resource_config_history(resourceType=TABLE, resourceId="table")["configurationItems"]) == 10


def test_played_resources_are_in_the_inventory(config):
    """Listed while the newest item says that they are there; a played end is an end."""
    play()
    play("gone", days=(0,))
    put_item(TABLE, "gone", JULY + timedelta(days=9), status="ResourceDeleted")
    listed = config.list_discovered_resources(resourceType=TABLE)["resourceIdentifiers"]
    assert [item["resourceId"] for item in listed] == ["table"]
    assert [item["resourceId"] for item in items(config, TABLE, deleted=True)] == ["gone", "table"]


def test_a_real_bucket_with_a_played_past(config, bucket):
    """Its present follows its past."""
    put_item(BUCKET, "uploads", JULY, {"name": "uploads"}, status="ResourceDiscovered")
    assert statuses(history(config)) == ["OK", "ResourceDiscovered"]


def test_the_recorders_past(config):
    """When it was started and stopped last; a recorder that isn't there has none."""
    recorder_was(started=JULY, stopped=JULY + timedelta(days=10))
    (status,) = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"] is False
    assert status["lastStopTime"].astimezone(UTC) == JULY + timedelta(days=10)
    recorder_was(started=JULY + timedelta(days=20), stopped=JULY + timedelta(days=10))
    assert config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0]["recording"] is True
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    with pytest.raises(LookupError):
        recorder_was(started=JULY)


def test_a_capture_without_a_time_zone_is_refused(sandbox):
    """A naive time would shift by whoever's zone."""
    with pytest.raises(ValueError, match="time zone"):
        put_item(TABLE, "table", datetime(2026, 7, 1))  # noqa: DTZ001 - that is the point


@pytest.fixture
def rule(config, make_function):
    """``put(**scope)``: the change-triggered rule ``watched``."""
    arn = make_function("rules")

    def put(*messages, **scope):
        messages = messages or ("ConfigurationItemChangeNotification",)
        details = [{"EventSource": "aws.config", "MessageType": message} for message in messages]
        source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": details}
        config.put_config_rule(ConfigRule={"ConfigRuleName": "watched", "Source": source, "Scope": scope})

    return put


def judging(event, context):
    """A function that finds everything non-compliant, and what is gone or out of scope not applicable."""
    invoking = json.loads(event["invokingEvent"])
    item = invoking.get("configurationItem") or invoking["configurationItemSummary"]
    away = event["eventLeftScope"] or item["configurationItemStatus"] == "ResourceDeleted"
    boto3.client("config").put_evaluations(
        ResultToken=event["resultToken"],
        Evaluations=[
            {
                "ComplianceResourceType": item["resourceType"],
                "ComplianceResourceId": item["resourceId"],
                "ComplianceType": "NOT_APPLICABLE" if away else "NON_COMPLIANT",
                "OrderingTimestamp": item["configurationItemCaptureTime"],
            }
        ],
    )


def test_a_deletion_reaches_the_rule_once(config, bucket, rule):
    """As a change to ResourceDeleted; after the rule has said that it doesn't apply, nobody asks again."""
    rule(ComplianceResourceTypes=[BUCKET])
    run_rule("watched", judging)
    bucket.delete_bucket(Bucket="uploads")
    seen = []
    run_rule("watched", lambda event, context: (seen.append(json.loads(event["invokingEvent"])), judging(event, context)))
    (invoking,) = seen
    assert invoking["configurationItem"]["configurationItemStatus"] == "ResourceDeleted"
    assert invoking["configurationItem"]["configuration"] is None
    assert run_rule("watched", judging).invoked == ()


def test_a_resource_that_left_the_scope(config, bucket, rule):
    """Its tag is gone: one event that says so."""
    bucket.put_bucket_tagging(Bucket="uploads", Tagging={"TagSet": [{"Key": "data-class", "Value": "ugc"}]})
    rule(TagKey="data-class")
    run_rule("watched", judging)
    bucket.delete_bucket_tagging(Bucket="uploads")
    seen = []
    run_rule("watched", lambda event, context: (seen.append(event["eventLeftScope"]), judging(event, context)))
    assert seen == [True]
    assert run_rule("watched", judging).invoked == ()


def test_what_is_too_large_for_an_event_is_announced(config, rule):
    """Without configuration, to rules that listen for it; to others not at all."""
    put_item(TABLE, "large", JULY, {"text": "x" * MAX_EVENT_BYTES})
    rule("OversizedConfigurationItemChangeNotification", "ConfigurationItemChangeNotification", ComplianceResourceTypes=[TABLE])
    seen = []
    run_rule("watched", lambda event, context: seen.append(json.loads(event["invokingEvent"])))
    (invoking,) = seen
    assert invoking["messageType"] == "OversizedConfigurationItemChangeNotification"
    summary = invoking["configurationItemSummary"]
    assert (summary["changeType"], summary["resourceId"], "configuration" in summary) == ("UPDATE", "large", False)
    rule(ComplianceResourceTypes=[TABLE])
    assert run_rule("watched", judging).invoked == ()


def test_the_kinds_of_a_summary(config):
    """CREATE, UPDATE, DELETE, after the item's status."""
    kinds = {"ResourceDiscovered": "CREATE", "OK": "UPDATE", "ResourceDeleted": "DELETE"}
    for number, status in enumerate(kinds):
        put_item(TABLE, f"t{number}", JULY, {}, status=status)
    found = {item["configurationItemStatus"]: item for item in items(config, TABLE, deleted=True)}
    assert {status: oversized(item)["configurationItemSummary"]["changeType"] for status, item in found.items()} == kinds
    assert change(found["OK"])["configurationItem"]["configurationItemCaptureTime"] == "2026-07-01T00:00:00.000Z"


def test_roles_that_cloudformation_made_can_be_recorded(config):
    """Their inline policies are text in the item, whatever moto keeps."""
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "made",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}],
        },
    }
    boto3.client("cloudformation").create_stack(StackName="roles", TemplateBody=json.dumps({"Resources": {"R": role}}))
    (item,) = [entry for entry in items(config, "AWS::IAM::Role") if entry["resourceName"] == "made"]
    assert json.loads(item["configuration"])["rolePolicyList"][0]["policyDocument"].startswith("%7B")


def test_moto_alone_has_no_history(moto_alone):
    """When this fails, moto has caught up."""
    s3, config = moto_alone("s3"), moto_alone("config")
    s3.create_bucket(Bucket="changing", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    config.get_resource_config_history(resourceType=BUCKET, resourceId="changing")
    s3.put_bucket_tagging(Bucket="changing", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert len(config.get_resource_config_history(resourceType=BUCKET, resourceId="changing")["configurationItems"]) == 1
