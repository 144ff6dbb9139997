"""Each runbook executed: what it leaves behind, that a dry run changes nothing, that a failure half-way is put back, and that restore undoes it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from time import sleep
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.detector.gate.events import object_versions
from averment.governance.remediation.runbooks import runbook_names, undo_digest
from averment.sandbox.automation import calls
from averment.sandbox.automation.execution import Execution
from averment.sandbox.server import ACCOUNT

Run = Callable[..., Execution]
OPEN = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Sellers", "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::media/*"}],
}


@pytest.fixture
def media(sandbox) -> Any:
    """A versioned bucket with a policy of its own: two versions of a/one.jpg, one deleted a/two.jpg, and b/three.jpg."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    for key, body in (("a/one.jpg", b"first"), ("a/one.jpg", b"second"), ("a/two.jpg", b"x"), ("b/three.jpg", b"y")):
        s3.put_object(Bucket="media", Key=key, Body=body, Metadata={"provenance": "unknown"}, Tagging="averment-verdict=clean")
    s3.delete_object(Bucket="media", Key="a/two.jpg")
    s3.put_bucket_policy(Bucket="media", Policy=json.dumps(OPEN))
    return s3


def policy(s3: Any) -> dict[str, Any]:
    return json.loads(s3.get_bucket_policy(Bucket="media")["Policy"])


def block(s3: Any) -> dict[str, bool] | None:
    try:
        return dict(s3.get_public_access_block(Bucket="media")["PublicAccessBlockConfiguration"])
    except ClientError as error:
        return None if error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration" else {}


def refused(call: Callable[..., Any], **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False


def changes(execution: Execution) -> list[str]:
    reading = ("Get", "List", "Describe", "Head")
    return [call.operation for call in execution.access.calls if not call.operation.startswith(reading)]


def test_a_bucket_is_isolated_with_all_its_versions_and_restored(run: Run, media: Any):
    """Nobody reads or writes, not an old version either; the bucket can't become public; restore brings back exactly what was."""
    old = media.list_object_versions(Bucket="media", Prefix="a/one.jpg")["Versions"][-1]["VersionId"]
    execution = run("isolate-bucket", BucketName="media")
    assert (execution.status, execution.failure) == ("Success", "")
    assert refused(media.get_object, Bucket="media", Key="a/one.jpg")
    assert refused(media.get_object, Bucket="media", Key="a/one.jpg", VersionId=old)
    assert refused(media.put_object, Bucket="media", Key="new.jpg", Body=b"z")
    assert set((block(media) or {}).values()) == {True}
    assert "all of s3://media" in execution.outputs["plan.Summary"][0]
    again = run("restore", ExecutionId=execution.identifier)
    assert (again.status, again.failure) == ("Success", "")
    assert "s3:put_bucket_policy of media" in again.outputs["plan.Summary"][0]  # what the approver reads names the resource
    assert policy(media) == OPEN
    assert block(media) is None
    assert media.get_object(Bucket="media", Key="a/one.jpg")["Body"].read() == b"second"


@pytest.mark.parametrize(("prefix", "exact", "open_key"), [("a/", "false", "b/three.jpg"), ("a/one.jpg", "true", "b/three.jpg")])
def test_a_prefix_or_an_object_is_isolated_alone(run: Run, media: Any, prefix: str, exact: str, open_key: str):
    """The rest of the bucket goes on being served, and the bucket's own policy stays."""
    assert run("isolate-bucket", BucketName="media", Prefix=prefix, Exact=exact).status == "Success"
    assert refused(media.get_object, Bucket="media", Key="a/one.jpg")
    assert media.get_object(Bucket="media", Key=open_key)["Body"].read() == b"y"
    assert policy(media)["Statement"][0] == OPEN["Statement"][0]
    assert block(media) is None


def test_two_prefixes_are_isolated_one_after_the_other(run: Run, media: Any):
    """The second isolation keeps the first; isolating the same twice changes nothing."""
    for prefix in ("a/", "b/", "b/"):
        assert run("isolate-bucket", BucketName="media", Prefix=prefix).status == "Success"
    assert refused(media.get_object, Bucket="media", Key="a/one.jpg")
    assert refused(media.get_object, Bucket="media", Key="b/three.jpg")
    assert len(policy(media)["Statement"]) == 3


def test_what_is_isolated_already_is_not_in_the_way_back(run: Run, media: Any):
    """Two responders isolate the same: restoring the second would put the isolation of the first back, and succeed. It is refused; the first one's lifts it."""
    first = run("isolate-bucket", BucketName="media")
    second = run("isolate-bucket", BucketName="media")
    assert "isolated already: restore the execution that did it" in second.outputs["plan.Summary"][0]
    assert "changed nothing that could be put back" in run("restore", ExecutionId=second.identifier).failure
    assert run("restore", ExecutionId=first.identifier).status == "Success"
    assert (policy(media), block(media)) == (OPEN, None)


def test_an_isolated_bucket_takes_nothing_by_way_of_replication_either(run: Run, media: Any):
    """Replicas and the delete markers that another bucket sends are no PutObject and no DeleteObject."""
    run("isolate-bucket", BucketName="media")
    denied = policy(media)["Statement"][-1]["Action"]
    for action in ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"):
        assert any(fnmatchcase(action, pattern) for pattern in denied), action


def test_restoring_one_isolation_does_not_lift_another(run: Run, media: Any):
    """Of two isolations of one bucket the state before the first knows nothing of the second: restoring the first stops, also where the second came while
    it waited for its approval. The other way round both are taken back."""
    first = run("isolate-bucket", BucketName="media", Prefix="a/")
    waited = run("restore", lambda: run("isolate-bucket", BucketName="media", Prefix="b/"), ExecutionId=first.identifier)
    assert (waited.status, changes(waited)) == ("Failed", [])
    second = run("isolate-bucket", BucketName="media", Prefix="b/three.jpg", Exact="true")
    early = run("restore", ExecutionId=first.identifier)
    assert (early.status, changes(early)) == ("Failed", [])
    assert "would lift what was isolated since: media/b/*, media/b/three.jpg; restore the later isolations first" in early.failure
    assert refused(media.get_object, Bucket="media", Key="b/three.jpg")
    assert run("restore", ExecutionId=second.identifier).status == "Success"
    assert [item["Resource"] for item in policy(media)["Statement"][1:]] == ["arn:aws:s3:::media/a/*", "arn:aws:s3:::media/b/*"]


def test_a_third_prefix_is_isolated_where_an_earlier_statement_was_taken_away(run: Run, media: Any):
    """The owner mends the policy meanwhile, and statements move up: an isolation's id that is taken would cost the third one, as S3 refuses it."""
    for prefix in ("a/", "b/"):
        assert run("isolate-bucket", BucketName="media", Prefix=prefix).status == "Success"
    fewer = policy(media)
    fewer["Statement"] = [item for item in fewer["Statement"] if item["Sid"] != "Sellers"]
    media.put_bucket_policy(Bucket="media", Policy=json.dumps(fewer))
    assert run("isolate-bucket", BucketName="media", Prefix="c/").status == "Success"
    ids = [item["Sid"] for item in policy(media)["Statement"]]
    assert len(set(ids)) == len(ids) == 3


def test_an_isolation_does_not_undo_what_was_done_while_it_waited(run: Run, media: Any):
    """Two isolations of one bucket at once: the one that waited for its approval would write a policy without the other. It stops, and changes
    nothing."""
    other: list[Execution] = []
    waited = run(
        "isolate-bucket",
        lambda: other.append(run("isolate-bucket", BucketName="media", Prefix="b/")),
        BucketName="media",
        Prefix="a/",
        Approvers="lead",
    )
    assert (other[0].status, waited.status) == ("Success", "Failed")
    assert "was changed since this was planned" in waited.failure
    assert changes(waited) == []
    assert refused(media.get_object, Bucket="media", Key="b/three.jpg")
    assert media.get_object(Bucket="media", Key="a/one.jpg")["Body"].read() == b"second"


@pytest.mark.parametrize("key", ["a/${aws:username}.jpg", "a/*.jpg", "a/?.jpg"])
def test_an_object_is_isolated_whatever_its_uploader_called_it(run: Run, media: Any, key: str):
    """Keys are the uploader's to choose: what means something in a policy is taken literally, so that this object is isolated and no other."""
    for name in (key, "a/x.jpg", "a/lead.jpg"):
        media.put_object(Bucket="media", Key=name, Body=b"z")
    assert run("isolate-bucket", BucketName="media", Prefix=key, Exact="true").status == "Success"
    assert refused(media.get_object, Bucket="media", Key=key)
    assert not [name for name in ("a/x.jpg", "a/lead.jpg") if refused(media.get_object, Bucket="media", Key=name)]


def test_one_object_without_a_key_is_no_isolation(run: Run, media: Any):
    """Exact without a key would deny nothing, and say that all of the bucket is isolated: refused."""
    execution = run("isolate-bucket", BucketName="media", Exact="true")
    assert (execution.status, changes(execution)) == ("Failed", [])
    assert "give its key as Prefix" in execution.failure


def test_an_isolation_that_fails_half_way_is_put_back(run: Run, media: Any):
    """The policy was changed already when blocking public access is refused: the policy is as before, and the execution has failed."""
    calls.fail("s3", "PutPublicAccessBlock")
    execution = run("isolate-bucket", BucketName="media")
    assert execution.status == "Failed"
    assert "blockPublicAccess" in execution.failure
    assert [record.status for record in execution.records if record.step.name == "putBack"] == ["Success"]
    assert policy(media) == OPEN
    assert block(media) is None


def test_what_cannot_be_put_back_is_said(run: Run, media: Any):
    """When the way back is refused as well, the step that puts back fails with the call, and the other calls are made all the same."""
    calls.fail("s3", "PutPublicAccessBlock")
    calls.fail("s3", "DeletePublicAccessBlock")
    execution = run("isolate-bucket", BucketName="media")
    (back,) = [record for record in execution.records if record.step.name == "putBack"]
    assert back.status == "Failed"
    assert "s3:delete_public_access_block" in str(back.failure)
    assert policy(media) == OPEN


@pytest.fixture
def evidence(media: Any) -> str:
    media.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectLockEnabledForBucket=True)
    return "evidence"


def test_evidence_is_preserved_under_retention(run: Run, media: Any, evidence: str):
    """Every version with its metadata, its tags and the hash of its bytes, delete markers noted; nobody can take it away."""
    until = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution = run("preserve-evidence", BucketName="media", Prefix="a/", EvidenceBucket=evidence, RetainUntil=until)
    assert (execution.status, execution.failure) == ("Success", "")
    place = execution.outputs["copy.Manifest"][0]
    manifest = json.loads(media.get_object(Bucket=evidence, Key=place)["Body"].read())
    assert [item["key"] for item in manifest["delete_markers"]] == ["a/two.jpg"]
    assert sorted(item["key"] for item in manifest["copied"]) == ["a/one.jpg", "a/one.jpg", "a/two.jpg"]
    bodies: list[tuple[str, bytes]] = []
    for item in manifest["copied"]:
        key = f"{place.removesuffix('manifest.json')}media/{item['key']}/{item['version']}"
        found = media.get_object(Bucket=evidence, Key=key)
        body = found["Body"].read()
        bodies.append((item["key"], body))
        assert b64decode(item["sha256"]) == hashlib.sha256(body).digest()
        assert found["Metadata"] == {"provenance": "unknown"}
        assert found["ObjectLockMode"] == "COMPLIANCE"
    assert sorted(bodies) == [("a/one.jpg", b"first"), ("a/one.jpg", b"second"), ("a/two.jpg", b"x")]
    assert set(changes(execution)) == {"CopyObject", "PutObjectRetention", "PutObject"}


def test_evidence_that_is_preserved_in_part_is_no_success(run: Run, media: Any, evidence: str):
    """One version can't be copied: the others are, the manifest names it and says that it isn't complete, the execution fails."""
    calls.fail("s3", "CopyObject", when=lambda given: given["CopySource"]["Key"] == "a/two.jpg")
    execution = run("preserve-evidence", BucketName="media", EvidenceBucket=evidence)
    assert execution.status == "Failed"
    assert "1 of 4 versions could not be copied" in execution.failure
    place = f"averment/{execution.identifier}/manifest.json"
    found = media.get_object(Bucket=evidence, Key=place)
    assert found["Metadata"] == {"complete": "false"}
    assert [item["key"] for item in json.loads(found["Body"].read())["failed"]] == ["a/two.jpg"]


def test_more_than_was_asked_for_is_refused_before_anything_is_copied(run: Run, media: Any, evidence: str):
    """No silent part of a bucket."""
    execution = run("preserve-evidence", BucketName="media", EvidenceBucket=evidence, MaxObjects="2")
    assert "more than 2 versions" in execution.failure
    assert changes(execution) == []


def test_a_retention_that_is_past_is_refused_before_anything_is_copied(run: Run, media: Any, evidence: str):
    """A dry run says so: S3 would refuse each lock, and the manifest, when the copies lie there unlocked."""
    execution = run("preserve-evidence", BucketName="media", EvidenceBucket=evidence, RetainUntil="2020-12-31T00:00:00Z", DryRun="true")
    assert (execution.status, "which is past" in execution.failure, changes(execution)) == ("Failed", True, [])


@pytest.mark.parametrize(
    ("bucket", "says"),
    [("plain", "has no Object Lock"), ("evidense", "evidense is not there"), ("media", "can't keep its own copies")],
)
def test_an_evidence_bucket_that_could_not_keep_copies_is_told_in_the_dry_run(run: Run, media: Any, bucket: str, says: str):
    """Mistyped, the very bucket, or one without a lock: found out for real, copies would lie there unlocked, and no manifest beside them."""
    media.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    until = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution = run("preserve-evidence", BucketName="media", EvidenceBucket=bucket, RetainUntil=until, DryRun="true")
    assert (execution.status, says in execution.failure, changes(execution)) == ("Failed", True, [])


@pytest.fixture
def agency(sandbox) -> Any:
    """A third party: the user ``agency`` with two active keys and a disabled one, and the role ``agency-upload``."""
    iam = boto3.client("iam")
    iam.create_user(UserName="agency")
    keys = [iam.create_access_key(UserName="agency")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    iam.update_access_key(UserName="agency", AccessKeyId=keys[1], Status="Inactive")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName="agency-upload", AssumeRolePolicyDocument=json.dumps(trust))
    return iam


def key_states(iam: Any) -> list[str]:
    return [item["Status"] for item in iam.list_access_keys(UserName="agency")["AccessKeyMetadata"]]


def test_a_user_is_suspended_after_approval_and_restored(run: Run, agency: Any):
    """Denied everything, its keys off; restore enables the key that was active, and leaves the disabled one and the revocation."""
    execution = run("suspend-access", UserName="agency")
    assert (execution.status, execution.failure) == ("Success", "")
    assert key_states(agency) == ["Inactive", "Inactive"]
    suspended = agency.get_user_policy(UserName="agency", PolicyName="AvermentSuspended")["PolicyDocument"]
    assert suspended["Statement"] == [{"Effect": "Deny", "Action": "*", "Resource": "*"}]
    assert run("restore", ExecutionId=execution.identifier).status == "Success"
    assert key_states(agency) == ["Active", "Inactive"]
    assert agency.list_user_policies(UserName="agency")["PolicyNames"] == ["AvermentRevokedSessions"]


def test_a_user_without_keys_is_suspended(run: Run, agency: Any):
    """Somebody who only signs in has nothing but policies to be denied by."""
    agency.create_user(UserName="editor")
    execution = run("suspend-access", UserName="editor")
    assert (execution.status, changes(execution)) == ("Success", ["PutUserPolicy", "PutUserPolicy"])
    assert sorted(agency.list_user_policies(UserName="editor")["PolicyNames"]) == ["AvermentRevokedSessions", "AvermentSuspended"]


def test_a_role_is_suspended_with_its_sessions(run: Run, agency: Any):
    """A denial for now, and one for every session that was issued before."""
    assert run("suspend-access", RoleName="agency-upload").status == "Success"
    revoked = agency.get_role_policy(RoleName="agency-upload", PolicyName="AvermentRevokedSessions")["PolicyDocument"]
    issued = revoked["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
    assert abs(datetime.fromisoformat(issued.replace("Z", "+00:00")) - datetime.now(UTC)) < timedelta(minutes=10)
    assert sorted(agency.list_role_policies(RoleName="agency-upload")["PolicyNames"]) == ["AvermentRevokedSessions", "AvermentSuspended"]


def test_sessions_of_the_hour_of_approval_are_revoked_too(run: Run, agency: Any):
    """The intruder signs in anew while somebody is asked: when access is restored, that session stays out like the older ones."""
    approved: list[datetime] = []

    def signed_in() -> None:
        planned = datetime.now(UTC).replace(microsecond=0)
        while (now := datetime.now(UTC).replace(microsecond=0)) == planned:
            sleep(0.05)
        approved.append(now)

    assert run("suspend-access", signed_in, RoleName="agency-upload").status == "Success"
    revoked = agency.get_role_policy(RoleName="agency-upload", PolicyName="AvermentRevokedSessions")["PolicyDocument"]
    assert datetime.fromisoformat(revoked["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"]) >= approved[0]


def test_a_suspension_that_fails_half_way_is_put_back(run: Run, agency: Any):
    """The key can't be disabled, three times: the denial is taken off again, the key is active, the execution has failed."""
    for _ in range(3):
        calls.fail("iam", "UpdateAccessKey", when=lambda given: given["Status"] == "Inactive")
    execution = run("suspend-access", UserName="agency")
    assert execution.status == "Failed"
    assert key_states(agency) == ["Active", "Inactive"]
    assert agency.list_user_policies(UserName="agency")["PolicyNames"] == ["AvermentRevokedSessions"]


def test_a_suspension_whose_first_call_is_refused_has_nothing_to_put_back(run: Run, agency: Any):
    """No denial was put, so that none can be taken off: the way back is not said to have failed too, which would call somebody out for nothing."""
    calls.fail("iam", "PutUserPolicy")
    execution = run("suspend-access", UserName="agency")
    steps = {record.step.name: record.status for record in execution.records}
    assert (execution.status, steps["suspendUser"], steps["putBack"]) == ("Failed", "Failed", "Success")
    assert (key_states(agency), agency.list_user_policies(UserName="agency")["PolicyNames"]) == (["Active", "Inactive"], [])


@pytest.mark.parametrize(("given", "says"), [({"RoleName": "runbook"}, "the role that this runbook acts as"), ({}, "one of the two")])
def test_a_suspension_that_makes_no_sense_is_refused(run: Run, agency: Any, given: dict[str, str], says: str):
    """Its own role, or nobody: refused before anything is asked of an approver."""
    execution = run("suspend-access", **given)
    assert (execution.status, changes(execution)) == ("Failed", [])
    assert says in execution.failure


@pytest.fixture
def make(sandbox) -> Callable[[str], Any]:
    """Things to pause, by kind; returns the name."""

    def build(kind: str) -> str:
        if kind == "rule":
            boto3.client("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
            return "nightly"
        if kind == "endpoint":
            sagemaker = boto3.client("sagemaker")
            sagemaker.create_model(ModelName="m", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/m", PrimaryContainer={"Image": "m:1"})
            variant = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
            sagemaker.create_endpoint_config(EndpointConfigName="generate-v1", ProductionVariants=[variant])
            sagemaker.create_endpoint(EndpointName="generate", EndpointConfigName="generate-v1", Tags=[{"Key": "team", "Value": "media"}])
            return "generate"
        role = boto3.client("iam").create_role(
            RoleName="fn",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
                }
            ),
        )["Role"]["Arn"]
        functions = boto3.client("lambda")
        functions.create_function(
            FunctionName="check", Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": b"PK\x05\x06" + bytes(18)}
        )
        if kind == "function":
            return "check"
        queue = boto3.client("sqs").create_queue(QueueName="in")["QueueUrl"]
        arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return str(functions.create_event_source_mapping(FunctionName="check", EventSourceArn=arn)["UUID"])

    return build


def state(kind: str, name: str) -> Any:
    if kind == "rule":
        return boto3.client("events").describe_rule(Name=name)["State"]
    if kind == "endpoint":
        return [item["EndpointName"] for item in boto3.client("sagemaker").list_endpoints()["Endpoints"]]
    if kind == "function":
        return boto3.client("lambda").get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return boto3.client("lambda").get_event_source_mapping(UUID=name)["State"]


@pytest.mark.parametrize(
    ("kind", "before", "paused"),
    [("rule", "ENABLED", "DISABLED"), ("endpoint", ["generate"], []), ("function", None, 0), ("event-source", "Enabled", "Disabled")],
)
def test_what_is_paused_can_be_brought_back(run: Run, make: Callable[[str], str], kind: str, before: Any, paused: Any):
    """By its kind, after approval; restore makes it again as it was."""
    name = make(kind)
    assert state(kind, name) == before
    execution = run("pause-pipeline", Kind=kind, Name=name)
    assert (execution.status, execution.failure) == ("Success", "")
    assert state(kind, name) == paused
    again = run("restore", ExecutionId=execution.identifier)
    assert (again.status, again.failure) == ("Success", "")
    assert state(kind, name) == before
    if kind == "endpoint":
        found = boto3.client("sagemaker").describe_endpoint(EndpointName=name)
        assert found["EndpointConfigName"] == "generate-v1"
        assert boto3.client("sagemaker").list_tags(ResourceArn=found["EndpointArn"])["Tags"] == [{"Key": "team", "Value": "media"}]


def test_an_endpoint_of_cloudformation_comes_back_without_the_tags_that_only_it_may_give(run: Run, make: Callable[[str], str]):
    """SageMaker refuses tags that begin with aws:, so the endpoint would stay away; the others come back."""
    name = make("endpoint")
    arn = boto3.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointArn"]
    boto3.client("sagemaker").add_tags(ResourceArn=arn, Tags=[{"Key": "aws:cloudformation:stack-name", "Value": "shop"}])
    execution = run("pause-pipeline", Kind="endpoint", Name=name)
    (call,) = json.loads(execution.outputs["plan.Undo"][0])
    assert call["parameters"]["Tags"] == [{"Key": "team", "Value": "media"}]
    assert run("restore", ExecutionId=execution.identifier).status == "Success"


def test_a_rule_for_all_management_events_comes_back_enabled(run: Run, sandbox: Any):
    """It was paused without a way back; EnableRule knows no other state, which the approver reads."""
    boto3.client("events").put_rule(
        Name="calls", EventPattern='{"source": ["aws.s3"]}', State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    )
    execution = run("pause-pipeline", Kind="rule", Name="calls")
    assert state("rule", "calls") == "DISABLED"
    assert "restore makes it ENABLED alone" in execution.outputs["plan.Summary"][0]
    assert run("restore", ExecutionId=execution.identifier).status == "Success"
    assert state("rule", "calls") == "ENABLED"


def test_a_pause_that_is_not_seen_to_hold_is_put_back(run: Run, make: Callable[[str], str]):
    """Whether the event source is off can't be told any more: it is switched on again, and the execution has failed."""
    name = make("event-source")
    asked: list[str] = []

    def after_the_plan(given: Mapping[str, Any]) -> bool:
        asked.append(given["UUID"])
        return len(asked) > 1

    calls.fail("lambda", "GetEventSourceMapping", when=after_the_plan)
    execution = run("pause-pipeline", Kind="event-source", Name=name)
    assert (execution.status, "seeEventSource" in execution.failure) == ("Failed", True)
    assert changes(execution) == ["UpdateEventSourceMapping", "UpdateEventSourceMapping"]
    assert state("event-source", name) == "Enabled"


def test_an_identity_path_is_stopped_and_put_back_when_half_of_it_fails(run: Run, make: Callable[[str], str]):
    """Stopped: the mode and the function. When the function can't be stopped, the mode is what it was."""
    function = make("function")
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/shop/identity/mode", Value="liveness", Type="String")
    given = {"ParameterName": "/shop/identity/mode", "Mode": "stopped", "FunctionName": function}
    calls.fail("lambda", "PutFunctionConcurrency")
    assert run("stop-identity-path", **given).status == "Failed"
    assert ssm.get_parameter(Name="/shop/identity/mode")["Parameter"]["Value"] == "liveness"
    execution = run("stop-identity-path", **given)
    assert (execution.status, execution.failure) == ("Success", "")
    assert ssm.get_parameter(Name="/shop/identity/mode")["Parameter"]["Value"] == "stopped"
    assert state("function", function) == 0
    assert run("restore", ExecutionId=execution.identifier).status == "Success"
    assert ssm.get_parameter(Name="/shop/identity/mode")["Parameter"]["Value"] == "liveness"
    assert state("function", function) is None


def test_what_is_stopped_already_is_not_in_the_way_back(run: Run, make: Callable[[str], str]):
    """Stopped twice, by two people: what the second wrote down as the way back would leave the path stopped, and restoring it would succeed."""
    function = make("function")
    boto3.client("ssm").put_parameter(Name="/shop/identity/mode", Value="liveness", Type="String")
    given = {"ParameterName": "/shop/identity/mode", "Mode": "stopped", "FunctionName": function}
    assert run("stop-identity-path", **given).status == "Success"
    for second in (run("stop-identity-path", **given), run("pause-pipeline", Kind="function", Name=function)):
        assert "so already: restore the execution that did it" in second.outputs["plan.Summary"][0]
        assert "changed nothing that could be put back" in run("restore", ExecutionId=second.identifier).failure


def test_a_mode_that_could_not_be_put_back_is_not_touched(run: Run, sandbox: Any):
    """A SecureString is read encrypted: the way back would write the encrypted text as the mode."""
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/shop/identity/mode", Value="liveness", Type="SecureString")
    execution = run("stop-identity-path", ParameterName="/shop/identity/mode", Mode="stopped")
    assert (execution.status, "is a SecureString" in execution.failure, changes(execution)) == ("Failed", True, [])
    assert ssm.get_parameter(Name="/shop/identity/mode", WithDecryption=True)["Parameter"]["Value"] == "liveness"


def distribution() -> str:
    """A distribution over the bucket; its id."""
    origin = {"Id": "media", "DomainName": "media.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {
        "TargetOriginId": "media",
        "ViewerProtocolPolicy": "https-only",
        "MinTTL": 0,
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
    }
    config = {
        "CallerReference": "1",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behaviour,
    }
    return str(boto3.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"])


def test_the_cdn_forgets_and_the_runbook_waits_for_it(run: Run):
    """An invalidation of these paths, once for an execution, and success when CloudFront says that it is completed."""
    cloudfront, identifier = boto3.client("cloudfront"), distribution()
    execution = run("invalidate-cdn", DistributionId=identifier, Paths="/products/1/*,/index.html,/a%2Cb (1).jpg")
    assert (execution.status, execution.failure) == ("Success", "")
    (item,) = cloudfront.list_invalidations(DistributionId=identifier)["InvalidationList"]["Items"]
    batch = cloudfront.get_invalidation(DistributionId=identifier, Id=item["Id"])["Invalidation"]["InvalidationBatch"]
    assert batch["Paths"]["Items"] == ["/products/1/*", "/index.html", "/a,b%20(1).jpg", "/a%2Cb%20%281%29.jpg", "/a%2Cb%20(1).jpg"]
    assert batch["CallerReference"] == execution.identifier
    assert "a path begins with a slash: products" in run("invalidate-cdn", DistributionId=identifier, Paths="products").failure
    assert "at the end of a path alone" in run("invalidate-cdn", DistributionId=identifier, Paths="/products/*/1.jpg").failure


def test_what_came_in_since_is_announced_again_as_the_gate_understands_it(run: Run, media: Any):
    """Each version once, in messages from which the gate reads bucket, key and version; what is older isn't announced."""
    queue = boto3.client("sqs").create_queue(QueueName="scan")["QueueUrl"]
    past, future = "2026-01-01T00:00:00Z", (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution = run("rescan-since", BucketName="media", Prefix="a/", Since=past, QueueUrl=queue)
    assert (execution.status, execution.outputs["announce.Announced"]) == ("Success", ["3"])
    messages = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    announced = {str(found) for message in messages for found in object_versions(json.loads(message["Body"]))}
    listed = media.list_object_versions(Bucket="media", Prefix="a/")["Versions"]
    assert announced == {f"s3://media/{item['Key']}?versionId={item['VersionId']}" for item in listed}
    assert run("rescan-since", BucketName="media", Since=future, QueueUrl=queue).outputs["announce.Announced"] == ["0"]


def test_where_approvers_are_named_one_is_waited_for(run: Run, media: Any, evidence: str):
    """Also a runbook that needs no approval waits for it where somebody is named, and has changed nothing before."""
    queue = boto3.client("sqs").create_queue(QueueName="scan")["QueueUrl"]
    for name, given in {
        "isolate-bucket": {"BucketName": "media", "Prefix": "a/"},
        "preserve-evidence": {"BucketName": "media", "Prefix": "b/", "EvidenceBucket": evidence},
        "rescan-since": {"BucketName": "media", "Since": "2026-01-01T00:00:00Z", "QueueUrl": queue},
        "invalidate-cdn": {"DistributionId": distribution(), "Paths": "/products/1/*"},
    }.items():
        execution = run(name, Approvers="lead", **given)
        assert (name, execution.status, execution.failure) == (name, "Success", "")
        assert "approve" in [record.step.name for record in execution.records]


def test_restoring_what_was_no_change_of_ours_is_refused(run: Run, media: Any):
    """A dry run's way back would undo what was done since; a document that isn't ours isn't trusted to name one."""
    dry = run("isolate-bucket", BucketName="media", DryRun="true")
    assert run("isolate-bucket", BucketName="media").status == "Success"
    assert "was a dry run" in run("restore", ExecutionId=dry.identifier).failure
    assert refused(media.get_object, Bucket="media", Key="a/one.jpg")
    ssm = boto3.client("ssm")
    nothing = {"name": "plan", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
    ssm.create_document(Name="other", DocumentType="Automation", Content=json.dumps({"schemaVersion": "0.3", "mainSteps": [nothing]}))
    other = ssm.start_automation_execution(DocumentName="other")["AutomationExecutionId"]
    execution = run("restore", ExecutionId=other)
    assert "no runbook of Averment" in execution.failure
    assert changes(execution) == []


def test_what_changed_nothing_or_was_put_back_already_is_not_restored(run: Run, media: Any):
    """An isolation that stopped before its change, and one that failed and was undone by itself: the state of then, written over what stands
    there now, would lift another isolation."""
    stopped = run(
        "isolate-bucket",
        lambda: run("isolate-bucket", BucketName="media", Prefix="b/"),
        BucketName="media",
        Prefix="a/",
        Approvers="lead",
    )
    calls.fail("s3", "PutPublicAccessBlock")
    failed = run("isolate-bucket", BucketName="media")
    for execution, says in ((stopped, "ended before it changed anything"), (failed, "put back by itself")):
        assert execution.status == "Failed"
        again = run("restore", ExecutionId=execution.identifier)
        assert (again.status, says in again.failure, changes(again)) == ("Failed", True, [])
    assert refused(media.get_object, Bucket="media", Key="b/three.jpg")


def forged(name: str, calls: list[dict[str, Any]], *, outputs: Sequence[str] = ("plan.Undo",)) -> str:
    """An execution of a document that somebody made under the name of one of ours, whose plan says ``calls``; its id."""
    script = "def handler(events, context):\n    return {'Undo': events['Undo']}\n"
    plan = {
        "name": "plan",
        "action": "aws:executeScript",
        "inputs": {"Runtime": "python3.11", "Handler": "handler", "InputPayload": {"Undo": json.dumps(calls)}, "Script": script},
        "outputs": [{"Name": "Undo", "Selector": "$.Payload.Undo", "Type": "String"}],
    }
    document = {"schemaVersion": "0.3", "mainSteps": [plan], "outputs": list(outputs)}
    ssm = boto3.client("ssm")
    ssm.create_document(Name=name, DocumentType="Automation", Content=json.dumps(document))
    return str(ssm.start_automation_execution(DocumentName=name)["AutomationExecutionId"])


OPENED = {"service": "s3", "operation": "put_bucket_policy", "parameters": {"Bucket": "media", "Policy": json.dumps(OPEN)}}
USER = {"service": "iam", "operation": "delete_user_policy", "parameters": {"UserName": "x", "PolicyName": "y"}}


@pytest.mark.parametrize(
    ("name", "calls", "digest", "says"),
    [
        ("averment-mine", [OPENED], "right", "no runbook of Averment that can be restored"),
        ("averment-isolate-bucket", [OPENED], "0" * 64, "is not the one that was written down"),
        ("averment-isolate-bucket", [OPENED, USER], "right", "calls that are not of its way back: iam:delete_user_policy"),
    ],
)
def test_a_way_back_that_somebody_forged_is_refused(
    run: Run, sandbox: Any, media: Any, name: str, calls: list[dict[str, Any]], digest: str, says: str
) -> None:
    """A document under a name like ours, under ours with other calls, or with calls of another kind: nothing is asked or changed, and why is said."""
    identifier = forged(name, calls)
    sandbox.automation(identifier).join(60)
    told = undo_digest({"plan.Undo": [json.dumps(calls)]}) if digest == "right" else digest
    execution = run("restore", ExecutionId=identifier, UndoSha256=str(told))
    assert (execution.status, changes(execution)) == ("Failed", [])
    assert says in execution.failure
    assert "approve" not in [record.step.name for record in execution.records]


def test_an_execution_without_a_way_back_is_not_one_with_nothing_to_put_back(run: Run, sandbox: Any, media: Any) -> None:
    """Outputs that lack the way back altogether say so: nobody may read them as "nothing was changed"."""
    identifier = forged("averment-isolate-bucket", [OPENED], outputs=())
    sandbox.automation(identifier).join(60)
    execution = run("restore", ExecutionId=identifier, UndoSha256="0" * 64)
    assert (execution.status, changes(execution)) == ("Failed", [])
    assert "wrote down no way back" in execution.failure


def test_dry_runs_change_nothing(run: Run, media: Any, evidence: str, agency: Any, make: Callable[[str], str]):
    """Every runbook says what it would do and makes no call that changes anything, and asks nobody for approval."""
    make("endpoint")
    queue = boto3.client("sqs").create_queue(QueueName="scan")["QueueUrl"]
    boto3.client("ssm").put_parameter(Name="/mode", Value="liveness", Type="String")
    given: dict[str, dict[str, str]] = {
        "isolate-bucket": {"BucketName": "media"},
        "preserve-evidence": {"BucketName": "media", "EvidenceBucket": evidence},
        "suspend-access": {"UserName": "agency"},
        "stop-identity-path": {"ParameterName": "/mode"},
        "pause-pipeline": {"Kind": "endpoint", "Name": "generate"},
        "rescan-since": {"BucketName": "media", "Since": "2026-01-01T00:00:00Z", "QueueUrl": queue},
        "invalidate-cdn": {"DistributionId": distribution(), "Paths": "/products/1/*"},
        "restore": {"ExecutionId": run("isolate-bucket", BucketName="media", Prefix="b/").identifier},
    }
    assert set(given) == set(runbook_names())
    for name, parameters in given.items():
        execution = run(name, DryRun="true", **parameters)
        assert (name, execution.status, execution.failure) == (name, "Success", "")
        assert changes(execution) == []
        assert execution.outputs["plan.Summary"][0]
        assert execution.outputs["plan.DryRun"] == ["true"]
        assert execution.records[-1].step.name == "planned"
