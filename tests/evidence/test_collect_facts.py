"""The collectors of guards, endpoints, roles, alarms, calls and findings, over a real connection to the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.core.fetch import NEEDS_NO_PERMISSION, iam_action
from averment.core.organisation import Organisation
from averment.core.period import iso, utc_now
from averment.evidence.collectors import alarms
from averment.evidence.collectors.alarms import Alarms
from averment.evidence.collectors.bucket_policies import BucketPolicies
from averment.evidence.collectors.face_calls import FaceCalls
from averment.evidence.collectors.inference_cost import InferenceCost
from averment.evidence.collectors.inference_roles import InferenceRoles
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.liveness_results import LivenessResults
from averment.evidence.collectors.run import collect, policy
from averment.evidence.collectors.sagemaker_endpoints import SageMakerEndpoints
from averment.evidence.collectors.scan_pipeline import ScanPipeline
from averment.evidence.collectors.security_hub import SecurityHub
from averment.evidence.collectors.signing_calls import SigningCalls
from averment.evidence.record import Gathering, Population, Record

pytestmark = pytest.mark.usefixtures("sandbox")

ACCOUNT = "123456789012"
SIGNER, SHOP = f"arn:aws:iam::{ACCOUNT}:role/signer", f"arn:aws:iam::{ACCOUNT}:role/checkout"
KMS, REKOGNITION = "kms.amazonaws.com", "rekognition.amazonaws.com"
HISTORY = Organisation(parameters={"cloudtrail": {"source": "history"}})
"""Who asks CloudTrail's event history alone; trails are another file's matter."""


def one(collector: Collector, scope: CollectScope) -> Record:
    [record] = collector.collect(scope)
    return record


def watched(collector: Collector, scope_of: Callable[..., CollectScope], **more: Any) -> Record:
    """The record, after checking that what went over the wire is what the printed policy allows, no less and no more."""
    sent: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.*.*", lambda model, **_: sent.append(f"{service}:{model.name}"))
        return made

    record = one(collector, scope_of(client=make, **more))
    needed = {iam_action(*call.split(":")) for call in sent if call not in NEEDS_NO_PERMISSION}
    granted = policy([collector], more.get("organisation"))["Statement"]
    assert needed == {action for statement in granted for action in statement["Action"]}
    assert {call["call"] for call in record.query["calls"]} == set(sent)
    assert record.gathering is Gathering.COLLECTED, record.reason
    return record


def test_bucket_policies_tell_how_media_buckets_are_guarded(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """A guarded bucket, a bare one, and one that holds no media; addresses in the policy are removed and counted."""
    good, bare = bucket("shop-uploads"), bucket("shop-pictures", data_class="published-media")
    bucket("accounting")
    s3 = boto3.client("s3")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{good}/*",
                "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.7"}},
            }
        ],
    }
    s3.put_bucket_policy(Bucket=good, Policy=json.dumps(document))
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=good, PublicAccessBlockConfiguration=block)
    s3.put_bucket_versioning(Bucket=good, VersioningConfiguration={"Status": "Enabled"})
    sqs = boto3.client("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=sqs.create_queue(QueueName="scan")["QueueUrl"], AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    told = {"QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=good, NotificationConfiguration=told)
    record = watched(BucketPolicies(), scope_of)
    rows = {row["bucket"]: row for row in record.payload["buckets"]}
    assert set(rows) == {good, bare}
    assert rows[good]["policy"]["Statement"][0]["Condition"] == {"NotIpAddress": {"aws:SourceIp": "[IP address]"}}
    assert record.redactions == ("IP address: 1",)
    assert (rows[good]["versioning"], rows[good]["notifies"], rows[bare]["policy"]) == ("Enabled", [queue], {})
    summary = record.payload["summary"]
    assert (summary["buckets"], summary["without_policy"], summary["unversioned"], summary["silent"]) == (2, 1, 1, 1)
    assert summary["public_access_open"] == 1


def test_a_principal_that_is_an_id_alone_is_hidden_too(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """S3 takes an account for a principal by its twelve digits: of another account's no ARN and no setting told that it is one."""
    name = bucket("shop-uploads")
    statement = {"Effect": "Allow", "Principal": {"AWS": ["555566667777"]}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    boto3.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    record = watched(BucketPolicies(), scope_of, redact_accounts=True)
    assert record.payload["buckets"][0]["policy"]["Statement"][0]["Principal"] == {"AWS": ["********7777"]}


def test_endpoints_tell_their_data_capture_and_cards_their_status(scope_of: Callable[..., CollectScope]) -> None:
    """One endpoint records its traffic and is encrypted, the other neither; a draft card isn't an approved one."""
    sagemaker = boto3.client("sagemaker")
    image = {"Image": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/detector:1"}
    sagemaker.create_model(ModelName="detector", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/model", PrimaryContainer=image)
    variant = {"VariantName": "a", "ModelName": "detector", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captured/detector",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    for name, more in (("recorded", {"DataCaptureConfig": capture, "KmsKeyId": "k"}), ("bare", {})):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.create_model_card(ModelCardName="detector", Content='{"a": 1}', ModelCardStatus="Draft")
    record = watched(SageMakerEndpoints(), scope_of)
    rows = {row["endpoint"]: row for row in record.payload["endpoints"]}
    assert rows["recorded"]["capture"] == {
        "enabled": True,
        "percentage": 100,
        "destination": "s3://captured/detector",
        "modes": ["Input", "Output"],
    }
    assert (rows["bare"]["capture"]["enabled"], rows["bare"]["models"]) == (False, ["detector"])
    assert record.payload["summary"] == {
        "endpoints": 2,
        "in_service": 2,
        "without_capture": 1,
        "unencrypted": 1,
        "model_cards": 1,
        "approved_cards": 0,
        "out_of_service": None,
        "unlisted": None,
    }
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (3, 3)


def test_roles_that_may_call_inference_are_found_through_every_policy(scope_of: Callable[..., CollectScope]) -> None:
    """Inline and attached policies count, wildcards too; a role that may do something else isn't listed but counted."""
    iam = boto3.client("iam")

    def role(name: str) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))

    def allow(*actions: str, resource: str = "*", **more: Any) -> str:
        return json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}]}
        )

    for name in ("inline", "attached", "reader"):
        role(name)
    endpoint = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/detector"
    named = allow("sagemaker:InvokeEndpoint", resource=endpoint, Condition={"Bool": {"aws:SecureTransport": "true"}})
    iam.put_role_policy(RoleName="inline", PolicyName="call", PolicyDocument=named)
    arn = iam.create_policy(PolicyName="all-faces", PolicyDocument=allow("rekognition:*"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="attached", PolicyArn=arn)
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=allow("s3:GetObject"))
    record = watched(InferenceRoles(), scope_of)
    rows = {row["role"]: row for row in record.payload["roles"]}
    assert set(rows) == {"inline", "attached"}
    assert rows["inline"]["grants"] == [
        {"action": "sagemaker:InvokeEndpoint", "policy": "call", "resources": [endpoint], "conditional": True}
    ]
    assert {grant["action"] for grant in rows["attached"]["grants"]} == {
        "rekognition:CompareFaces",
        "rekognition:SearchFacesByImage",
        "rekognition:SearchUsersByImage",
        "rekognition:SearchFaces",
        "rekognition:SearchUsers",
        "rekognition:GetFaceLivenessSessionResults",
    }
    summary = record.payload["summary"]
    assert (summary["roles"], summary["allowed"], summary["on_every_resource"], summary["unreadable"]) == (3, 2, 1, 0)


def test_alarms_tell_whom_they_reach_and_when_they_fired(scope_of: Callable[..., CollectScope], monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm without an action, or with its actions switched off, is counted as one; changes of state come from the history, beyond one page of it.
    Where not all of them fit into the record, it says that it was cut, and counts them all the same."""
    cloudwatch = boto3.client("cloudwatch")
    common: dict[str, Any] = {
        "Namespace": "Averment/Detector",
        "MetricName": "Flagged",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "Statistic": "Sum",
    }
    cloudwatch.put_metric_alarm(AlarmName="burst", AlarmActions=[f"arn:aws:sns:eu-west-1:{ACCOUNT}:duty"], **common)
    cloudwatch.put_metric_alarm(AlarmName="mute", **common)
    off = {"AlarmActions": [f"arn:aws:sns:eu-west-1:{ACCOUNT}:duty"], "ActionsEnabled": False}
    cloudwatch.put_metric_alarm(AlarmName="off", **off, **common)
    for number in range(101):
        cloudwatch.set_alarm_state(AlarmName="burst", StateValue="OK" if number % 2 else "ALARM", StateReason="a drill")
    watching = Organisation(parameters={"alarms": {"watching": ["burst"]}})
    moment = (utc_now() + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = watched(Alarms(), lambda **more: scope_of(now=moment, **more), organisation=watching)
    summary = record.payload["summary"]
    assert (summary["alarms"], summary["without_action"], summary["changes"], summary["fired"]) == (3, 2, 101, 51)
    assert {change["alarm"] for change in record.payload["changes"]} == {"burst"}
    assert record.payload["changes"][0]["to"] in {"ALARM", "OK"}
    monkeypatch.setattr(alarms, "KEPT_FOR", timedelta(days=400))  # else it is cut for being shorter than the period
    for kept, cut in ((101, False), (100, True)):
        monkeypatch.setattr(alarms, "MAX_CHANGES", kept)
        record = watched(Alarms(), lambda **more: scope_of(now=moment, **more), organisation=watching)
        assert (len(record.payload["changes"]), record.payload["summary"]["changes"], record.population.truncated) == (kept, 101, cut)


def test_what_alarms_say_of_people_stays_away(scope_of: Callable[..., CollectScope]) -> None:
    """Addresses in an alarm's name and the account in its action are counted and replaced; why it went off, in free text, isn't taken over."""
    cloudwatch = boto3.client("cloudwatch")
    name, topic = "burst for ada@example.com from 203.0.113.9", f"arn:aws:sns:eu-west-1:{ACCOUNT}:duty"
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    more: dict[str, Any] = {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    cloudwatch.put_metric_alarm(AlarmName=name, AlarmActions=[topic], **common, **more)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="bob@example.com pressed the button")
    moment = (utc_now() + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = one(Alarms(), scope_of(now=moment, redact_accounts=True))
    shown = "burst for [e-mail address] from [IP address]"
    [alarm], [change] = record.payload["alarms"], record.payload["changes"]
    assert (alarm["alarm"], change["alarm"], alarm["actions"]) == (shown, shown, [topic.replace(ACCOUNT, "********9012")])
    assert {text.partition(":")[0] for text in record.redactions} == {"IP address", "account id", "e-mail address"}
    assert not any(secret in json.dumps(record.to_json()) for secret in ("example.com", "203.0.113.9", ACCOUNT))


def test_signing_calls_are_counted_by_caller_and_key(scope_of: Callable[..., CollectScope]) -> None:
    """Every page is read, other services' Sign and earlier periods aren't ours, and the caller's address stays away."""
    from averment.sandbox.backends.cloudtrail import happened

    now, key = utc_now() - timedelta(minutes=5), f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    for number in range(60):
        happened("Sign", KMS, caller=SIGNER, at=now - timedelta(seconds=number), resources=(key,))
    happened("Sign", KMS, caller=SHOP, at=now, error="AccessDenied", resources=(key,))
    happened("Sign", "signer.amazonaws.com", caller=SIGNER, at=now)
    happened("Sign", KMS, caller=SIGNER, at=now - timedelta(days=91))
    record = watched(SigningCalls(), scope_of, organisation=HISTORY)
    assert record.payload["summary"] == {"calls": 61, "failed": 1, "callers": 2, "keys": 1, "on_other_keys": 0, "by_others": None}
    assert record.payload["callers"] == {SHOP: 1, SIGNER: 60}
    assert "203.0.113.9" not in json.dumps(record.to_json())


def test_a_period_beyond_the_event_history_is_marked_as_cut(scope_of: Callable[..., CollectScope]) -> None:
    """CloudTrail forgets after 90 days: a year's record must not pass for the whole year."""
    year = utc_now().year
    record = one(SigningCalls(), scope_of(period=f"{year}-01-01..{year}-12-31", now=f"{year}-11-28T00:00:00Z"))
    assert record.population is not None
    assert record.population.truncated
    assert record.payload["history_from"] == f"{year}-08-30T00:00:00Z"
    faces = one(FaceCalls(), scope_of(period=f"{year}-01-01..{year}-12-31", now=f"{year}-11-28T00:00:00Z"))
    assert faces.payload["history_from"] == f"{year}-08-30T00:05:00Z", "the result of an earlier match is forgotten"


def test_face_matches_are_held_against_liveness_results(scope_of: Callable[..., CollectScope]) -> None:
    """One result stands for one match of the same caller, shortly after; another's result, a failed or an old one doesn't count."""
    from averment.sandbox.backends.cloudtrail import happened

    now = utc_now() - timedelta(minutes=30)
    other = f"arn:aws:iam::{ACCOUNT}:role/other"

    def call(name: str, seconds: int, caller: str = SHOP, error: str | None = None) -> None:
        happened(name, REKOGNITION, caller=caller, at=now + timedelta(seconds=seconds), error=error)

    call("GetFaceLivenessSessionResults", 0)
    call("CompareFaces", 10)  # after its result
    call("CompareFaces", 12)  # the result is used up
    call("GetFaceLivenessSessionResults", 20, caller=other)
    call("CompareFaces", 30)  # somebody else's result
    call("GetFaceLivenessSessionResults", 100, error="SessionNotFoundException")
    call("CompareFaces", 110)  # nothing was read
    call("GetFaceLivenessSessionResults", 200)
    call("SearchFacesByImage", 501)  # too late
    call("SearchUsersByImage", 502)  # a match too
    record = watched(FaceCalls(), scope_of, organisation=HISTORY)
    assert [match["alone"] for match in record.payload["matches"]] == [False, True, True, True, True, True]
    assert [match["liveness"] and match["liveness"]["seconds_before"] for match in record.payload["matches"]] == [
        10,
        None,
        None,
        None,
        None,
        None,
    ]
    summary = record.payload["summary"]
    assert (summary["matches"], summary["alone"], summary["after_liveness"]) == (6, 5, 1)
    assert (summary["results"], summary["unused_results"]) == (4, 2)
    assert record.payload["callers"][other] == {"matches": 0, "alone": 0, "after_liveness": 0, "results": 1}
    assert record.payload["told_with"] == {}
    day = replace(HISTORY, parameters={**HISTORY.parameters, "face-calls": {"within_seconds": 86_400}})
    widened = {"summary.alone": "its result may be 86,400 s old (300 unless averment.yaml says otherwise)"}
    assert one(FaceCalls(), scope_of(organisation=day)).payload["told_with"] == widened


def test_a_match_whose_result_may_be_missing_is_not_called_alone(scope_of: Callable[..., CollectScope]) -> None:
    """CloudTrail is slow, throttles, and tells of calls that failed: a shop that did everything right was accused by each of these."""
    from averment.sandbox.backends.cloudtrail import happened

    def call(name: str, ago: int, error: str | None = None) -> None:
        happened(name, REKOGNITION, caller=SHOP, at=utc_now() - timedelta(seconds=ago), error=error)

    call("GetFaceLivenessSessionResults", 2_000)
    call("CompareFaces", 1_990, error="ThrottlingException")
    call("CompareFaces", 1_980)  # the same again
    call("CompareFaces", 60)  # of the result before it CloudTrail has not told yet
    record = one(FaceCalls(), scope_of(organisation=HISTORY))
    assert [match["alone"] for match in record.payload["matches"]] == [False, False, None]
    summary = record.payload["summary"]
    assert (summary["alone"], summary["after_liveness"], summary["open"], summary["failed"]) == (0, 1, 1, 1)
    assert record.payload["out_of"] == {"summary.alone": 1}
    assert "matches without a liveness result: 1" in record.payload["notes"][0]

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-parameter-build.cloudtrail.LookupEvents", refuse)
        return made

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if params["LookupAttributes"][0]["AttributeValue"] == "GetFaceLivenessSessionResults":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "LookupEvents")

    record = one(FaceCalls(), scope_of(organisation=HISTORY, client=make))
    assert (record.gathering, record.payload["summary"]["alone"]) == (Gathering.PARTIAL, 0)


def test_findings_of_others_are_read_and_ours_are_not(scope_of: Callable[..., CollectScope]) -> None:
    """A suppressed finding is counted as such, and what Averment pushed itself is no evidence for it."""
    hub = boto3.client("securityhub")
    hub.enable_security_hub()
    stamp = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def finding(name: str, generator: str, severity: str, workflow: str) -> dict[str, Any]:
        return {
            "SchemaVersion": "2018-10-08",
            "Id": name,
            "ProductArn": f"arn:aws:securityhub:eu-west-1:{ACCOUNT}:product/{ACCOUNT}/default",
            "GeneratorId": generator,
            "AwsAccountId": ACCOUNT,
            "Types": ["Software and Configuration Checks"],
            "CreatedAt": stamp,
            "UpdatedAt": stamp,
            "Severity": {"Label": severity},
            "Workflow": {"Status": workflow},
            "Title": name,
            "Description": name,
            "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::shop-uploads"}],
        }

    hub.batch_import_findings(
        Findings=[
            finding("open", "prowler-1", "HIGH", "NEW"),
            finding("hidden", "prowler-2", "CRITICAL", "SUPPRESSED"),
            finding("ours", "averment-s3-put-object-gated", "HIGH", "NEW"),
        ]
    )
    record = watched(SecurityHub(), scope_of)
    summary = record.payload["summary"]
    assert (summary["findings"], summary["open"], summary["suppressed"], summary["own"]) == (2, 1, 1, 1)
    assert (summary["high"], summary["critical"]) == (1, 0)
    assert {item["id"] for item in record.payload["findings"]} == {"open", "hidden"}


def test_cost_of_inference_comes_by_day_with_the_budgets_that_watch_it(scope_of: Callable[..., CollectScope]) -> None:
    """Amounts stay as texts, further pages are read. Models that are sold under names of their own count; other services and budgets are
    told apart, and a budget for inference that tells nobody is counted as such.
    """
    from moto.ce.models import ce_backends

    def day(number: int, amount: str, service: str = "Amazon SageMaker") -> dict[str, Any]:
        cost = {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}
        time = {"Start": f"2026-11-{number:02}", "End": f"2026-11-{number + 1:02}"}
        return {"TimePeriod": time, "Estimated": number == 2, "Groups": [{"Keys": [service], "Metrics": cost}]}

    queue = ce_backends[ACCOUNT]["aws"].cost_usage_results_queue
    queue.append({"ResultsByTime": [day(1, "0"), day(1, "7.5", "Some Model 4 (Amazon Bedrock Edition)")], "NextPageToken": "2"})
    queue.append({"ResultsByTime": [day(2, "1.250000001"), day(2, "900", "Amazon Elastic Compute Cloud - Compute")]})
    budgets = boto3.client("budgets")
    filters = {
        "heard": {"Service": ["Amazon SageMaker"]},
        "mute": {"Service": ["Amazon Rekognition"]},
        "machines": {"Service": ["Amazon EC2"]},
    }
    for name in (*filters, "all"):
        limit = {"Amount": "100", "Unit": "USD"}
        budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
        budgets.create_budget(AccountId=ACCOUNT, Budget={**budget, "CostFilters": filters.get(name, {})})
    services = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Bedrock", "Amazon EC2"]}}
    regions = {"Dimensions": {"Key": "REGION", "Values": ["eu-west-1"]}}
    for name, expression in (("models", {"And": [regions, services]}), ("region", regions)):  # the newer way to narrow a budget
        budgets.create_budget(AccountId=ACCOUNT, Budget={**budget, "BudgetName": name, "FilterExpression": expression})
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    reader = [{"SubscriptionType": "EMAIL", "Address": "ada@example.com"}]
    budgets.create_notification(AccountId=ACCOUNT, BudgetName="heard", Notification=told, Subscribers=reader)
    record = watched(InferenceCost(), scope_of)
    [asked] = [call for call in record.query["calls"] if call["call"] == "budgets:DescribeBudgets"]
    assert asked["parameters"]["ShowFilterExpression"] is True, "AWS leaves the expressions out otherwise, and the embedded one doesn't"
    assert record.payload["summary"] == {
        "days": 2,
        "days_with_cost": 2,
        "estimated_days": 1,
        "services": 2,
        "other_services": 1,
        "budgets": 6,
        "about_inference": 3,
        "silent_budgets": 2,
        "unheard": None,
    }
    assert {row["budget"]: row["about"] for row in record.payload["budgets"]} == {
        "heard": "inference",
        "mute": "inference",
        "machines": "other services",
        "all": "everything",
        "models": "inference",
        "region": "everything",
    }
    assert [row["amount"] for row in record.payload["days"]] == ["0", "7.5", "1.250000001"]
    assert "ada@" not in json.dumps(record.to_json())


WHAT_NO_RECORD_HOLDS = ("NaN", "1e999", "123456789012345678901234567890", '"half of one: \\ud83d"')


@pytest.mark.parametrize("value", WHAT_NO_RECORD_HOLDS)
def test_a_line_that_no_record_can_hold_takes_no_other_with_it(
    value: str, log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """One odd line, which whoever may write to the log can leave there, made the whole quarter could-not-collect."""
    organisation = Organisation(parameters={"liveness-results": {"log_group": "/shop/liveness"}})
    log_lines(
        "/shop/liveness", f'{{"session_id": "odd", "status": "SUCCEEDED", "confidence": {value}}}', {"session_id": "a", "status": "EXPIRED"}
    )
    [record] = collect([LivenessResults()], scope_of(organisation=organisation), ["eu-west-1"])
    assert record.gathering is Gathering.PARTIAL
    assert (record.payload["summary"]["results"], record.payload["summary"]["malformed"]) == (1, 1)


def test_liveness_results_are_kept_without_faces(log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]) -> None:
    """Either spelling is read, a session read twice is told, a line without a result makes the record partial, images never get in."""
    organisation = Organisation(parameters={"liveness-results": {"log_group": "/shop/liveness"}})
    log_lines(
        "/shop/liveness",
        {"SessionId": "a", "Status": "SUCCEEDED", "Confidence": 97.5, "ReferenceImage": {"Bytes": "AAAA"}},
        {"session_id": "a", "status": "SUCCEEDED", "confidence": 91.0},
        {"session_id": "b", "status": "EXPIRED"},
    )
    record = watched(LivenessResults(), scope_of, organisation=organisation)
    assert record.payload["summary"] == {
        "results": 3,
        "sessions": 2,
        "succeeded": 2,
        "repeated": 1,
        "malformed": 0,
        "lowest_confidence": 91.0,
        "accepted": 0,
        "undecided": 2,
        "accepted_wrongly": None,
    }
    assert set(record.payload["results"][0]) == {"session_id", "status", "confidence", "accepted", "at"}
    assert "AAAA" not in json.dumps(record.to_json())
    log_lines("/shop/liveness", "no result")
    assert one(LivenessResults(), scope_of(organisation=organisation)).gathering is Gathering.PARTIAL
    absent = Organisation(parameters={"liveness-results": {"log_group": "/shop/other"}})
    assert one(LivenessResults(), scope_of(organisation=absent)).payload["absent"] is True
    with pytest.raises(BadInputError, match="log_group names no log group"):
        one(LivenessResults(), scope_of())


def test_what_stands_in_place_of_a_decision_or_a_confidence_stays_out(
    log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """An application that logs more than true or false there had it taken into the ledger: a picture, or who let the person in."""
    organisation = Organisation(parameters={"liveness-results": {"log_group": "/shop/liveness"}})
    line = {"session_id": "a", "status": "SUCCEEDED", "confidence": {"ReferenceImage": "AAAA"}, "accepted": {"by": "Ada Lovelace"}}
    log_lines("/shop/liveness", line)
    record = one(LivenessResults(), scope_of(organisation=organisation))
    [row] = record.payload["results"]
    assert (row["confidence"], row["accepted"], record.payload["summary"]["undecided"]) == (None, "neither", 1)


def test_results_that_the_log_group_has_forgotten_are_missed(log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]) -> None:
    """Whom the application accepted wrongly in October is gone from a log group that keeps a week: what is left isn't all of the period."""
    organisation = Organisation(parameters={"liveness-results": {"log_group": "/shop/liveness", "least_confidence": 90}})
    log_lines("/shop/liveness", {"session_id": "a", "status": "SUCCEEDED", "confidence": 99, "accepted": True})
    today = utc_now()
    period = f"{today - timedelta(days=60):%Y-%m-%d}..{today + timedelta(days=60):%Y-%m-%d}"

    def collected(days: int) -> Record:
        return one(LivenessResults(), scope_of(organisation=organisation, period=period, now=iso(today + timedelta(days=days))))

    assert collected(0).population == Population("liveness results", 1, 1)
    boto3.client("logs").put_retention_policy(logGroupName="/shop/liveness", retentionInDays=7)
    young, old = collected(5), collected(40)
    assert young.population == Population("liveness results", 1, 1), "nothing was logged before the group was made"
    assert (old.payload["history_from"], old.population and old.population.truncated) == (iso(today + timedelta(days=33)), True)


def test_the_scan_pipeline_tells_where_uploads_lead_and_what_got_lost(scope_of: Callable[..., CollectScope]) -> None:
    """Rules on uploads alone, with targets, the failures that CloudWatch counted, and what waits in the queues for dead letters."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    for name in ("dead", "unread", "scan"):
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:unread", "maxReceiveCount": 3})}
        url = sqs.create_queue(QueueName=name, Attributes=redrive if name == "scan" else {})["QueueUrl"]
        if name == "unread":
            sqs.send_message(QueueUrl=url, MessageBody="{}")
    events.put_rule(Name="uploads", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    events.put_rule(Name="loose", EventPattern=json.dumps({"source": ["aws.s3"]}), State="DISABLED")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    queue, dead = (f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}" for name in ("scan", "dead"))
    events.put_targets(Rule="uploads", Targets=[{"Id": "scan", "Arn": queue, "DeadLetterConfig": {"Arn": dead}}])
    dimensions = [{"Name": "RuleName", "Value": "uploads"}]
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value} for name, value in (("Invocations", 7.0), ("FailedInvocations", 2.0))
    ]
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/Events", MetricData=data)
    record = watched(ScanPipeline(), scope_of)
    rows = {row["rule"]: row for row in record.payload["rules"]}
    assert rows["uploads"]["targets"] == [{"arn": queue, "dead_letters": dead}]
    assert record.payload["summary"] == {
        "rules": 2,
        "enabled": 1,
        "without_target": 1,
        "without_dead_letters": 0,
        "invocations": 7,
        "failed": 2,
        "dead_lettered": 0,
        "out_of_service": None,
        "queues_with_dead_letters": 1,
    }
    assert record.payload["dead_letters"] == [{"resource": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:unread", "message": "1 dead letter waits"}]
