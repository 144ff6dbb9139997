"""What averment.yaml names, counted apart over a real connection to the embedded AWS, and the controls that ask for it.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import parse_period, utc_now
from averment.core.words import Status
from averment.evidence.collectors.alarms import Alarms
from averment.evidence.collectors.checkov_report import CheckovReport
from averment.evidence.collectors.face_calls import FaceCalls
from averment.evidence.collectors.inference_cost import InferenceCost
from averment.evidence.collectors.inference_roles import InferenceRoles
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.liveness_results import LivenessResults
from averment.evidence.collectors.named import Names
from averment.evidence.collectors.run import already_collected
from averment.evidence.collectors.sagemaker_endpoints import SageMakerEndpoints
from averment.evidence.collectors.scan_pipeline import ScanPipeline
from averment.evidence.collectors.security_hub import SecurityHub
from averment.evidence.collectors.signing_calls import SigningCalls
from averment.evidence.collectors.topics import why_unheard
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState, Gap
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Record

pytestmark = pytest.mark.usefixtures("sandbox")

ACCOUNT = "123456789012"
SIGNER, OTHER = f"arn:aws:iam::{ACCOUNT}:role/signer", f"arn:aws:iam::{ACCOUNT}:role/shop/other"
KEY, TOKENS = (f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{number}" for number in (1, 2))
Scopes = Callable[..., CollectScope]


def named(**parameters: Any) -> Organisation:
    return Organisation(
        parameters={name.replace("_", "-") if name != "detector_endpoints" else name: value for name, value in parameters.items()}
    )


def one(collector: Collector, scope: CollectScope) -> Record:
    [record] = collector.collect(scope)
    return record


def heard_topic(name: str = "duty") -> str:
    """A topic to which somebody subscribes."""
    sns = boto3.client("sns")
    arn: str = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="duty@example.com")
    return arn


def state(name: str, organisation: Organisation, *records: Record) -> AssessmentState:
    states = assess(load_catalogue(), organisation, records, period=None, as_of=utc_now() + timedelta(seconds=2))
    return next(item for control in states for item in control.assessments if item.id == name)


def deviating(found: AssessmentState) -> set[str]:
    assert found.status is Status.NOT_SATISFIED, found.reason
    return {item.resource for item in found.deviations}


def collected(
    collector: Collector, scope_of: Scopes, names: Iterable[str], organisation: Organisation, **more: Any
) -> tuple[Record, list[AssessmentState]]:
    """The record and the states that it leads to; without parameters the same assessments are open, though all is collected."""
    bare = one(collector, scope_of(**more)) if not isinstance(collector, LivenessResults) else None
    if bare is not None:
        assert bare.gathering is Gathering.COLLECTED, bare.reason
        assert bare.payload["notes"], "a record without scope says so"
        assert all(state(name, Organisation(), bare).gap is Gap.UNSCOPED for name in names)
    record = one(collector, scope_of(organisation=organisation, **more))
    return record, [state(name, organisation, record) for name in names]


def test_only_named_signers_may_have_signed_with_named_keys(scope_of: Scopes) -> None:
    """Another role deviates, one that was refused doesn't, a token's key is no matter, and a role of the same name elsewhere is another."""
    from averment.sandbox.backends.cloudtrail import happened

    now = utc_now() - timedelta(minutes=5)
    stranger = "arn:aws:iam::999999999999:role/signer"
    for caller, key, error in ((SIGNER, KEY, None), (OTHER, KEY, None), (stranger, KEY, None), (OTHER, TOKENS, None)):
        happened("Sign", "kms.amazonaws.com", caller=caller, at=now, resources=(key,), error=error)
    happened("Sign", "kms.amazonaws.com", caller=f"{SIGNER}-2", at=now, resources=(KEY,), error="AccessDenied")
    organisation = named(signing_calls={"keys": ["1"], "signers": ["signer"]})
    record, [found] = collected(SigningCalls(), scope_of, ["SM-PRV-03/signed-by"], organisation)
    assert deviating(found) == {OTHER, stranger}
    summary = record.payload["summary"]
    assert (summary["calls"], summary["failed"], summary["on_other_keys"], summary["by_others"]) == (4, 1, 1, 2)
    assert {key for call in record.payload["calls"] for key in call["resources"]} == {KEY}
    wider = named(signing_calls={"keys": [KEY], "signers": ["signer", "*:role/shop/*", stranger]})
    assert state("SM-PRV-03/signed-by", wider, one(SigningCalls(), scope_of(organisation=wider))).status is Status.SATISFIED
    for wrong in ({"keys": ["alias/marks"]}, {"keys": []}, {"signers": "signer"}):
        with pytest.raises(BadInputError, match=r"parameters\.signing-calls"):
            one(SigningCalls(), scope_of(organisation=named(signing_calls=wrong)))


def test_what_a_record_does_not_list_counts_all_the_same(
    monkeypatch: pytest.MonkeyPatch, log_lines: Callable[..., None], scope_of: Scopes
) -> None:
    """A service that signs a lot was open for ever: its calls were counted, but not all of them listed. One of another is found among those left out."""
    from averment.sandbox.backends.cloudtrail import happened

    for module, cap in (("signing_calls", "MAX_CALLS"), ("liveness_results", "MAX_RESULTS"), ("face_calls", "MAX_CALLS")):
        monkeypatch.setattr(f"averment.evidence.collectors.{module}.{cap}", 2)
    now = utc_now() - timedelta(minutes=5)
    for number in range(3):
        happened("Sign", "kms.amazonaws.com", caller=SIGNER, at=now - timedelta(seconds=number), resources=(KEY,))
        for seconds, name in ((60, "GetFaceLivenessSessionResults"), (50, "CompareFaces")):
            happened(name, "rekognition.amazonaws.com", caller=OTHER, at=now - timedelta(seconds=seconds * (number + 1)))
    log_lines("/shop/liveness", *({"session_id": str(n), "status": "SUCCEEDED", "confidence": 99, "accepted": True} for n in range(3)))
    organisation = named(
        signing_calls={"keys": ["1"], "signers": ["signer"]}, liveness_results={"log_group": "/shop/liveness", "least_confidence": 90}
    )
    asked = {SigningCalls: "SM-PRV-03/signed-by", LivenessResults: "SM-IDV-01/accepted", FaceCalls: "SM-IDV-01/order"}
    for kind, name in asked.items():
        record = one(kind(), scope_of(organisation=organisation))
        found = state(name, organisation, record)
        assert found.status is Status.SATISFIED, found.reason
        assert any("of them are listed" in note for note in record.payload["notes"])
    happened("Sign", "kms.amazonaws.com", caller=OTHER, at=now - timedelta(hours=1), resources=(KEY,))
    record = one(SigningCalls(), scope_of(organisation=organisation))
    assert OTHER not in {call["caller"] for call in record.payload["calls"]}
    assert deviating(state("SM-PRV-03/signed-by", organisation, record)) == {OTHER}


def test_a_caller_from_another_account_is_no_signer_by_the_name_of_its_session(scope_of: Scopes) -> None:
    """Of who signs from another account CloudTrail tells no ARN: whoever called a session after a signer was taken for it, and all others were one."""
    from averment.sandbox.backends import cloudtrail

    organisation = named(signing_calls={"keys": [KEY], "signers": ["signer"]})
    for number in "12":
        cloudtrail.happened("Sign", "kms.amazonaws.com", caller=OTHER, at=utc_now() - timedelta(minutes=5), resources=(KEY,))
        event = cloudtrail._events[(ACCOUNT, "eu-west-1")][-1]
        identity = {"type": "AWSAccount", "principalId": f"AROA{number}:signer", "accountId": "999988887777"}
        event["Username"] = "signer"
        event["CloudTrailEvent"] = json.dumps({**json.loads(event["CloudTrailEvent"]), "userIdentity": identity})
    found = state("SM-PRV-03/signed-by", organisation, one(SigningCalls(), scope_of(organisation=organisation)))
    assert deviating(found) == {f"AROA{number} of arn:aws:iam::999988887777:root" for number in "12"}


def test_a_replica_of_a_signing_key_is_that_key_and_an_unnamed_key_may_be(scope_of: Scopes) -> None:
    """A multi-Region key signs alike wherever it is; a key that the history names in the event alone is read there."""
    from averment.sandbox.backends import cloudtrail

    def signed(caller: str, *keys: str, region: str = "eu-west-1", error: str | None = None) -> None:
        at = utc_now() - timedelta(minutes=5)
        cloudtrail.happened("Sign", "kms.amazonaws.com", caller=caller, at=at, resources=keys, region=region, error=error)

    key, replica = (f"arn:aws:kms:{region}:{ACCOUNT}:key/mrk-1" for region in ("eu-west-1", "us-east-1"))
    organisation = named(signing_calls={"keys": [key], "signers": ["signer"]})
    signed(OTHER, replica, region="us-east-1")
    signed(OTHER, replica.replace("mrk-1", "mrk-2"), region="us-east-1")
    record = one(SigningCalls(), replace(scope_of(organisation=organisation), region="us-east-1"))
    assert (record.payload["summary"]["calls"], record.payload["summary"]["on_other_keys"]) == (1, 1)
    assert deviating(state("SM-PRV-03/signed-by", organisation, record)) == {OTHER}
    signed(SIGNER, key)
    signed(OTHER, error="AccessDenied")
    signed(OTHER)
    event = cloudtrail._events[(ACCOUNT, "eu-west-1")][-1]
    event["CloudTrailEvent"] = json.dumps({**json.loads(event["CloudTrailEvent"]), "resources": [{"ARN": TOKENS}]})
    found = state("SM-PRV-03/signed-by", organisation, one(SigningCalls(), scope_of(organisation=organisation)))
    assert found.status is Status.SATISFIED, found.reason
    signed(OTHER)
    found = state("SM-PRV-03/signed-by", organisation, one(SigningCalls(), scope_of(organisation=organisation)))
    assert deviating(found) == {OTHER}


def test_roles_may_have_what_is_expected_of_them_and_no_more(scope_of: Scopes) -> None:
    """A role with one action too many, and one that nobody expects, deviate by name; patterns and IAM's freedom of case count."""
    iam = boto3.client("iam")
    for name, actions in (
        ("scanner", ["sagemaker:InvokeEndpoint"]),
        ("signer", ["kms:Sign", "rekognition:CompareFaces"]),
        ("old", ["kms:*"]),
    ):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    organisation = named(
        inference_roles={"expected": {"scanner": ["SageMaker:Invoke*"], f"arn:aws:iam::{ACCOUNT}:role/sign*": ["kms:Sign"]}}
    )
    record, [found] = collected(InferenceRoles(), scope_of, ["SM-IAM-01/granted"], organisation)
    assert deviating(found) == {f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("signer", "old")}
    messages = {item["resource"].rpartition("/")[2]: item["message"] for item in record.payload["unexpected"]}
    assert messages["signer"] == "its policies allow rekognition:CompareFaces, which averment.yaml doesn't expect of it"
    for wrong in (["scanner"], {}, {"scanner": "kms:Sign"}):
        with pytest.raises(BadInputError, match="not a mapping of roles to actions"):
            one(InferenceRoles(), scope_of(organisation=named(inference_roles={"expected": wrong})))


def test_the_scan_pipeline_is_asked_for_named_rules_and_their_dead_letters(scope_of: Scopes) -> None:
    """A disabled, an aimless and a missing rule deviate; so does a queue in which dead letters wait, and one that doesn't exist."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    pattern = json.dumps({"source": ["aws.s3"]})
    queue, dead, gone = (f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}" for name in ("scan", "dead", "gone"))
    for name in ("scan", "dead"):
        sqs.create_queue(QueueName=name)
    for name, state_of_it in (("uploads", "ENABLED"), ("off", "DISABLED"), ("aimless", "ENABLED"), ("somebody-elses", "DISABLED")):
        events.put_rule(Name=name, EventPattern=pattern, State=state_of_it)
    for name in ("uploads", "off"):
        events.put_targets(Rule=name, Targets=[{"Id": "scan", "Arn": queue, "DeadLetterConfig": {"Arn": dead}}])
    names = ["SM-DET-01/pipeline", "SM-DET-01/dead-letters"]
    good = named(scan_pipeline={"rules": ["uploads"]})
    _, found = collected(ScanPipeline(), scope_of, names, good)
    assert [item.status for item in found] == [Status.SATISFIED, Status.SATISFIED]
    far = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/far"
    bad = named(scan_pipeline={"rules": ["uploads", "off", "aimless", "lost", far], "queues": [gone]})
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="{}")
    _, [pipeline, letters] = collected(ScanPipeline(), scope_of, names, bad)
    rule = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/"
    assert deviating(pipeline) == {f"{rule}off", f"{rule}aimless", "lost"}  # the one of another region is missing there, not here
    assert deviating(letters) == {dead, gone}
    there = named(scan_pipeline={"rules": ["uploads", far]})
    from_there = one(ScanPipeline(), CollectScope(there, scope_of().period, ACCOUNT, "us-east-1"))
    assert deviating(state(names[0], there, one(ScanPipeline(), scope_of(organisation=there)), from_there)) == {far}
    with pytest.raises(BadInputError, match="is not the ARN of a queue"):
        one(ScanPipeline(), scope_of(organisation=named(scan_pipeline={"queues": ["dead"]})))


def test_endpoints_of_the_detector_answer_and_the_inventory_holds_them_all(scope_of: Scopes) -> None:
    """An endpoint outside of the inventory and a detector that isn't there deviate; a region without any doesn't count against others."""
    sagemaker = boto3.client("sagemaker")
    image = {"Image": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/detector:1"}
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/model", PrimaryContainer=image)
    variant = {"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    for name in ("Detector-Images", "generator"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c")
    names = ["SM-DET-03/in-service", "SM-GOV-01/discovered"]
    good = named(detector_endpoints=["detector-*"], sagemaker_endpoints={"inventory": ["detector-images", "gen*"]})
    record, found = collected(SageMakerEndpoints(), scope_of, names, good)
    assert [item.status for item in found] == [Status.SATISFIED, Status.SATISFIED]
    empty = one(SageMakerEndpoints(), CollectScope(good, scope_of().period, ACCOUNT, "eu-north-1"))
    assert [state(name, good, record, empty).status for name in names] == [Status.SATISFIED, Status.SATISFIED]
    assert deviating(state(names[0], good, empty)) == {"detector-*"}
    bad = named(detector_endpoints=["detector-images", "detector-sound"], sagemaker_endpoints={"inventory": ["detector-images"]})
    _, [in_service, discovered] = collected(SageMakerEndpoints(), scope_of, names, bad)
    assert deviating(in_service) == {"detector-sound"}
    assert deviating(discovered) == {f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/generator"}


def test_budgets_that_are_named_exist_and_tell_somebody(scope_of: Scopes) -> None:
    """A mute budget and one that was deleted deviate; one that nobody named is no matter."""
    budgets = boto3.client("budgets")
    for name in ("inference", "mute", "travel"):
        budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "100", "Unit": "USD"}}
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget)
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    reader = [{"SubscriptionType": "EMAIL", "Address": "ada@example.com"}]
    budgets.create_notification(AccountId=ACCOUNT, BudgetName="inference", Notification=told, Subscribers=reader)
    _, [found] = collected(InferenceCost(), scope_of, ["SM-MON-03/heard"], named(inference_cost={"budgets": ["inference"]}))
    assert found.status is Status.SATISFIED
    bad = named(inference_cost={"budgets": ["inference", "mute", "gone"]})
    _, [found] = collected(InferenceCost(), scope_of, ["SM-MON-03/heard"], bad)
    assert deviating(found) == {"mute", "gone"}


def test_a_budget_that_has_ended_watches_nothing(scope_of: Scopes) -> None:
    """AWS Budgets goes on listing it, with everybody whom it told."""
    budgets, now = boto3.client("budgets"), utc_now()
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    subscriber = [{"SubscriptionType": "EMAIL", "Address": "duty@example.com"}]
    for name, end in (("inference", now + timedelta(days=300)), ("inference-old", now - timedelta(days=1))):
        budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "1", "Unit": "USD"}}
        budget |= {"TimePeriod": {"Start": now - timedelta(days=90), "End": end}}
        notify = [{"Notification": told, "Subscribers": subscriber}]
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget, NotificationsWithSubscribers=notify)
    record, [found] = collected(InferenceCost(), scope_of, ["SM-MON-03/heard"], named(inference_cost={"budgets": ["inference*"]}))
    assert deviating(found) == {"inference-old"}
    assert "the budget ended on 20" in str(record.payload["unheard"])


def test_a_budget_that_watches_other_services_does_not_watch_inference(scope_of: Scopes) -> None:
    """One for machines alone was heard as one for inference; beside one that leaves machines out, which is about all the rest, it does no harm."""
    budgets = boto3.client("budgets")
    machines = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon EC2"]}}
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    notify = [{"Notification": told, "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "duty@example.com"}]}]
    for name, expression in (("machines", machines), ("all-but-machines", {"Not": machines})):
        budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "1", "Unit": "USD"}}
        budget |= {"FilterExpression": expression}
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget, NotificationsWithSubscribers=notify)
    asked: dict[str, Any] = {"budgets": ["machines"]}
    _, [found] = collected(InferenceCost(), scope_of, ["SM-MON-03/heard"], named(inference_cost=asked))
    assert deviating(found) == {"machines"}
    for right in ({**asked, "services": ["Amazon EC2"]}, {"budgets": ["*machines"]}):
        _, [found] = collected(InferenceCost(), scope_of, ["SM-MON-03/heard"], named(inference_cost=right))
        assert found.status is Status.SATISFIED


def test_alarms_that_are_named_tell_somebody_and_have_data(scope_of: Scopes) -> None:
    """An alarm of somebody else's that is mute doesn't count. A history that reaches further back than CloudWatch's leaves these two
    answers as they are, and is marked.
    """
    cloudwatch = boto3.client("cloudwatch")
    common: dict[str, Any] = {
        "Namespace": "Averment/Detector",
        "MetricName": "Flagged",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5,
    }
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    duty = [heard_topic()]
    cloudwatch.put_metric_alarm(AlarmName="uploads-burst", AlarmActions=duty, **common)
    cloudwatch.put_metric_alarm(AlarmName="uploads-off", AlarmActions=duty, ActionsEnabled=False, **common)
    cloudwatch.put_metric_alarm(AlarmName="disk-full", **common)
    for name in ("uploads-burst", "uploads-off"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a drill")
    names = ["SM-MON-02/heard", "SM-MON-02/fed"]
    good = named(alarms={"watching": ["uploads-burst"]})
    year = (utc_now() - timedelta(days=200)).date()
    period = f"{year}..{utc_now().date() + timedelta(days=1)}"
    record, found = collected(Alarms(), scope_of, names, good, period=period)
    assert [item.status for item in found] == [Status.SATISFIED, Status.SATISFIED]
    assert record.population is not None
    assert record.population.truncated
    assert "their changes from" in record.population.unit
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:"
    cloudwatch.set_alarm_state(AlarmName="uploads-burst", StateValue="INSUFFICIENT_DATA", StateReason="a drill")
    _, [heard, fed] = collected(Alarms(), scope_of, names, named(alarms={"watching": ["uploads-*", f"{arn}gone"]}))
    assert deviating(heard) == {f"{arn}uploads-off", f"{arn}gone"}
    assert deviating(fed) == {f"{arn}uploads-burst"}


def test_an_alarm_that_only_scales_tells_nobody(scope_of: Scopes) -> None:
    """Scaling out and stopping a machine are actions, and nobody hears of them; beside a message they do no harm. What a function does with it, SNS isn't
    asked about."""
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    scale = f"arn:aws:autoscaling:eu-west-1:{ACCOUNT}:scalingPolicy:1:resource/sagemaker/endpoint/detector:policyName/p"
    duty, stop = heard_topic(), "arn:aws:automate:eu-west-1:ec2:stop"
    called = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:page"
    for name, actions in (
        ("detector-both", [scale, duty]),
        ("detector-call", [called]),
        ("detector-scale", [scale]),
        ("detector-stop", [stop]),
    ):
        boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, AlarmActions=actions, **common)
    record, [heard] = collected(Alarms(), scope_of, ["SM-MON-02/heard"], named(alarms={"watching": ["detector-*"]}))
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:"
    assert deviating(heard) == {f"{arn}detector-scale", f"{arn}detector-stop"}
    assert record.payload["summary"]["without_action"] == 2


def test_an_alarm_whose_topics_nobody_subscribes_to_tells_nobody(scope_of: Scopes) -> None:
    """Nor does one whose topic is gone; one subscribed topic of several is enough."""
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    duty, deaf = heard_topic(), boto3.client("sns").create_topic(Name="deaf")["TopicArn"]
    gone = f"arn:aws:sns:eu-west-1:{ACCOUNT}:gone"
    for name, actions in (("uploads-both", [deaf, duty]), ("uploads-deaf", [deaf]), ("uploads-gone", [gone]), ("other", [deaf])):
        boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, AlarmActions=actions, **common)
    record, [heard] = collected(Alarms(), scope_of, ["SM-MON-02/heard"], named(alarms={"watching": ["uploads-*"]}))
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:"
    assert deviating(heard) == {f"{arn}uploads-deaf", f"{arn}uploads-gone"}
    [message, _] = [item["message"] for item in record.payload["unheard"]]
    assert message == f"the alarm tells nobody when it goes off: the topic {deaf} has no confirmed subscription"


def test_a_quiet_alarm_is_heard_through_a_composite_one(scope_of: Scopes) -> None:
    """That goes off whenever it does, and tells somebody itself; not through one that hangs on others as well, or that nobody hears."""
    cloudwatch = boto3.client("cloudwatch")
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    for name in ("uploads-a", "uploads-b", "uploads-c", "uploads-d"):
        cloudwatch.put_metric_alarm(AlarmName=name, **common)
    duty, deaf = heard_topic(), boto3.client("sns").create_topic(Name="deaf")["TopicArn"]
    rules = {
        "media": ('ALARM("uploads-a") OR ALARM("disk-full")', []),
        "all": (f"ALARM(arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:media)", [duty]),
        "both": ("ALARM(uploads-b) AND ALARM(uploads-c)", [duty]),
        "unheard": ("ALARM(uploads-c)", [deaf]),
    }
    for name, (rule, actions) in rules.items():
        cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, AlarmActions=actions)
    record, [heard] = collected(Alarms(), scope_of, ["SM-MON-02/heard"], named(alarms={"watching": ["uploads-*"]}))
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:"
    assert deviating(heard) == {f"{arn}uploads-{letter}" for letter in "bcd"}
    assert {row["alarm"]: row["rule"] for row in record.payload["alarms"] if row["rule"]} == {
        name: rule for name, (rule, _) in rules.items()
    }


def test_a_composite_alarm_whose_actions_are_suppressed_tells_nobody(scope_of: Scopes) -> None:
    """While its suppressor is in ALARM it does nothing: for good where that goes off with it, and now where that is in ALARM now."""
    cloudwatch = boto3.client("cloudwatch")
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    for name in ("uploads-a", "uploads-b", "uploads-c", "uploads-d", "works", "idle"):
        cloudwatch.put_metric_alarm(AlarmName=name, **common)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM" if name == "works" else "OK", StateReason="a drill")
    arn, duty = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:", heard_topic()
    rules = {
        "uploads-above-a": ("ALARM(uploads-a)", f"{arn}uploads-a"),
        "above-b": ("ALARM(uploads-b) OR ALARM(disk-full)", "works"),
        "above-c": ("ALARM(uploads-c)", "idle"),
        "above-d": ("ALARM(uploads-d) OR ALARM(uploads-a)", "uploads-a"),
    }
    for name, (rule, suppressor) in rules.items():
        how = {"ActionsSuppressor": suppressor, "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 60}
        cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, AlarmActions=[duty], **how)
    record, [heard] = collected(Alarms(), scope_of, ["SM-MON-02/heard"], named(alarms={"watching": ["uploads-*"]}))
    assert deviating(heard) == {f"{arn}uploads-a", f"{arn}uploads-b", f"{arn}uploads-above-a"}
    said = {item["resource"].rpartition(":")[2]: item["message"] for item in record.payload["unheard"]}
    assert said["uploads-above-a"].endswith(
        "its actions are suppressed while " + arn + "uploads-a is in ALARM, as it is whenever this goes off"
    )
    assert "above-b, which goes off with it: its actions are suppressed while works is in ALARM, as it is now" in said["uploads-b"]
    assert record.payload["summary"]["without_action"] == 8, "the six without actions, and those that are suppressed by themselves"


def test_a_quiet_alarm_is_no_deviation_where_not_all_could_be_listed() -> None:
    """A composite alarm that tells of it may be on the page that didn't come."""
    cloudwatch = boto3.client("cloudwatch", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    quiet = {"AlarmName": "uploads", "AlarmArn": f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:uploads", "StateValue": "OK"}
    for more, unheard in ((None, ["uploads"]), ("next", [])):
        with Stubber(cloudwatch) as stub:
            stub.add_response("describe_alarms", {"MetricAlarms": [quiet], **({"NextToken": more} if more else {})})
            if more:
                stub.add_client_error("describe_alarms", "AccessDenied", http_status_code=403)
            stub.add_response("describe_alarm_history", {"AlarmHistoryItems": []})
            scope = CollectScope(
                named(alarms={"watching": ["uploads"]}), parse_period("2026Q4"), client=lambda *_, **__: cloudwatch, region="eu-west-1"
            )
            [record] = Alarms().collect(scope)
        assert [item["resource"].rpartition(":")[2] for item in record.payload["unheard"]] == unheard
        assert (record.gathering is Gathering.PARTIAL) is (more is not None)


def _topic_answers(*pages: Any) -> Fetch:
    """SNS as it answers where the embedded AWS can't be brought to: it confirms every address by itself, and lists nothing of what isn't there."""
    sns = boto3.client("sns")
    stub = Stubber(sns)
    for page in pages:
        if isinstance(page, str):
            stub.add_client_error("list_subscriptions_by_topic", page, http_status_code=404)
        else:
            more = {"NextToken": "more"} if page is not pages[-1] else {}
            entries = [{"SubscriptionArn": arn, "Owner": ACCOUNT, "Protocol": "email", "Endpoint": "a", "TopicArn": "t"} for arn in page]
            stub.add_response("list_subscriptions_by_topic", {"Subscriptions": entries, **more})
    stub.activate()
    return Fetch(sns, "sns")


@pytest.mark.parametrize(
    ("pages", "why", "asked"),
    [
        ([["PendingConfirmation"], ["Deleted"]], "the topic t has no confirmed subscription (2 not confirmed)", True),
        ([["PendingConfirmation"], [f"arn:aws:sns:eu-west-1:{ACCOUNT}:t:1"]], None, True),
        (["NotFound"], "the topic t doesn't exist", True),
        (["AuthorizationError"], None, False),
    ],
)
def test_a_subscription_counts_once_it_is_confirmed(pages: list[Any], why: str | None, asked: bool) -> None:
    """And a topic that could not be asked is a gap of the record, not one without subscribers."""
    fetch = _topic_answers(*pages)
    assert why_unheard(fetch, "t") == why
    assert (not fetch.problems) is asked


def test_an_alarm_that_hides_a_lack_of_data_does_not_show_that_it_has_some(scope_of: Scopes) -> None:
    """Its state is OK without a single data point; one whose state would tell counts."""
    common: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    cloudwatch, organisation = boto3.client("cloudwatch"), named(alarms={"watching": ["uploads-*"]})
    for missing, state, wanted in (
        ("notBreaching", "OK", Status.NOT_ASSESSED),
        ("breaching", "ALARM", Status.NOT_ASSESSED),
        ("breaching", "OK", Status.SATISFIED),
        ("missing", "OK", Status.SATISFIED),
        ("missing", "INSUFFICIENT_DATA", Status.NOT_SATISFIED),
    ):
        cloudwatch.put_metric_alarm(AlarmName="uploads-burst", TreatMissingData=missing, **common)
        cloudwatch.set_alarm_state(AlarmName="uploads-burst", StateValue=state, StateReason="a drill")
        _, [fed] = collected(Alarms(), scope_of, ["SM-MON-02/fed"], organisation)
        assert fed.status is wanted
    cloudwatch.put_composite_alarm(AlarmName="either", AlarmRule='ALARM("uploads-burst")')
    cloudwatch.set_alarm_state(AlarmName="either", StateValue="OK", StateReason="none of its alarms is in ALARM")
    _, [fed] = collected(Alarms(), scope_of, ["SM-MON-02/fed"], named(alarms={"watching": ["either"]}))
    assert (fed.status, fed.gap) == (Status.NOT_ASSESSED, Gap.UNDECIDED), "a composite alarm is OK over one without data"


@pytest.mark.parametrize("said", ["true", 1, {"by": "app"}])
def test_a_decision_that_is_neither_true_nor_false_leaves_open_who_was_let_in(
    said: Any, log_lines: Callable[..., None], scope_of: Scopes
) -> None:
    """Also of a session that failed: it may have been accepted."""
    organisation = named(liveness_results={"log_group": "/shop/liveness", "least_confidence": 90})
    good = {"session_id": "a", "status": "SUCCEEDED", "confidence": 97.5, "accepted": True}
    log_lines("/shop/liveness", good, {"session_id": "b", "status": "FAILED", "accepted": said})
    _, [found] = collected(LivenessResults(), scope_of, ["SM-IDV-01/accepted"], organisation)
    assert (found.gap, "by true or false" in found.reason) == (Gap.PARTIAL, True)


@pytest.mark.parametrize(
    "action",
    ["bedrock:InvokeModelWithResponseStream", "sagemaker:InvokeEndpointWithResponseStream", "rekognition:SearchUsersByImage"],
)
def test_a_role_with_a_sibling_of_a_known_action_is_found(action: str, scope_of: Scopes) -> None:
    """A stream of answers is inference too, and a search among users matches faces, as the rules know."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="scanner", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName="scanner", PolicyName="p", PolicyDocument=json.dumps(document))
    organisation = named(inference_roles={"expected": {"scanner": ["kms:Sign"]}})
    _, [found] = collected(InferenceRoles(), scope_of, ["SM-IAM-01/granted"], organisation)
    assert deviating(found) == {f"arn:aws:iam::{ACCOUNT}:role/scanner"}


def test_nobody_is_accepted_on_a_session_that_failed_was_weak_or_used(log_lines: Callable[..., None], scope_of: Scopes) -> None:
    """Refusing such a session is right; a log that doesn't tell who was accepted leaves the question open."""
    name = "SM-IDV-01/accepted"
    organisation = named(liveness_results={"log_group": "/shop/liveness", "least_confidence": 90})
    good = {"session_id": "a", "status": "SUCCEEDED", "confidence": 97.5, "accepted": True}
    log_lines(
        "/shop/liveness", good, {**good, "session_id": "b", "confidence": 12, "accepted": False}, {"session_id": "c", "status": "EXPIRED"}
    )
    _, [found] = collected(LivenessResults(), scope_of, [name], organisation)
    assert found.status is Status.SATISFIED
    assert found.reason.endswith("at most 0 expected; a confidence of 90 of 100 is enough"), "a bar of 0 would read like one of 99"
    weak = {**good, "session_id": "d", "Confidence": 89.9}
    weak.pop("confidence")
    log_lines("/shop/liveness", good, weak, {**good, "session_id": "e", "status": "FAILED"})
    record, [found] = collected(LivenessResults(), scope_of, [name], organisation)
    assert deviating(found) == {"a", "d", "e"}
    assert "with a confidence of 89.9, at least 90 is asked" in str(record.payload["accepted_wrongly"])
    assert state(name, named(liveness_results={"log_group": "/shop/liveness"}), record).gap is Gap.UNSCOPED
    log_lines("/shop/silent", {"session_id": "f", "status": "SUCCEEDED", "confidence": 99})
    silent = named(liveness_results={"log_group": "/shop/silent", "least_confidence": 90})
    record, [found] = collected(LivenessResults(), scope_of, [name], silent)
    assert (found.gap, "tell by true or false whether the person was accepted: 1" in found.reason) == (Gap.PARTIAL, True)
    with pytest.raises(BadInputError, match="not a confidence"):
        one(LivenessResults(), scope_of(organisation=named(liveness_results={"log_group": "g", "least_confidence": 101})))


def test_findings_of_named_products_count_by_what_they_are_about(scope_of: Scopes) -> None:
    """A product that is on and found nothing satisfies; its open finding deviates, a passed or suppressed one doesn't, one that is off is said."""
    names = ["SM-UPL-03/bucket-found", "SM-IAM-01/role-found", "SM-PRV-03/key-found"]
    hub = boto3.client("securityhub")
    hub.enable_security_hub()
    hub.enable_import_findings_for_product(ProductArn="arn:aws:securityhub:eu-west-1::product/aws/access-analyzer")
    good = named(security_hub={"products": ["aws/access-analyzer"]})
    record, found = collected(SecurityHub(), scope_of, names, good)
    assert record.payload["products"] == ["aws/access-analyzer"]
    assert [item.status for item in found] == [Status.SATISFIED] * 3
    off = named(security_hub={"products": ["aws/macie"]})
    assert {item.gap for item in collected(SecurityHub(), scope_of, names, off)[1]} == {Gap.UNDECIDED}
    stamp = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def finding(name: str, kind: str, workflow: str = "NEW", compliance: str = "FAILED") -> dict[str, Any]:
        return {
            "SchemaVersion": "2018-10-08",
            "Id": name,
            "ProductArn": f"arn:aws:securityhub:eu-west-1:{ACCOUNT}:product/{ACCOUNT}/default",
            "GeneratorId": "analyzer",
            "AwsAccountId": ACCOUNT,
            "Types": ["Software and Configuration Checks"],
            "CreatedAt": stamp,
            "UpdatedAt": stamp,
            "Severity": {"Label": "HIGH"},
            "Workflow": {"Status": workflow},
            "Compliance": {"Status": compliance},
            "Title": name,
            "Description": name,
            "Resources": [{"Type": kind, "Id": f"arn:{name}"}],
        }

    findings = [
        finding("open", "AwsS3Bucket"),
        finding("muted", "AwsIamRole", "SUPPRESSED"),
        finding("fine", "AwsKmsKey", compliance="PASSED"),
    ]
    hub.batch_import_findings(Findings=findings)
    both = named(security_hub={"products": ["aws/access-analyzer", f"{ACCOUNT}/*"]})
    _, [bucket, role, key] = collected(SecurityHub(), scope_of, names, both)
    assert deviating(bucket) == {"arn:open"}
    assert [role.status, key.status] == [Status.SATISFIED, Status.SATISFIED]
    assert role.reason == "summary.on_roles is 0, at most 0 expected; 1 further one is suppressed or called resolved in Security Hub"
    assert key.reason == "summary.on_keys is 0, at most 0 expected", "what has passed was put aside by nobody"
    missing = named(security_hub={"products": ["aws/macie", f"{ACCOUNT}/default"]})
    record = one(SecurityHub(), scope_of(organisation=missing))
    assert (record.gathering, "aws/macie isn't enabled" in str(record.reason)) == (Gathering.PARTIAL, True)


@pytest.mark.parametrize("where", [{"AwsAccountId": "999988887777"}, {"Region": "us-east-1"}])
def test_a_product_that_another_account_or_region_has_enabled_looked_at_nothing_here(where: dict[str, str], scope_of: Scopes) -> None:
    """Security Hub lists the findings of members and of linked regions, too: one of them stood for a product that isn't enabled here."""
    here = {"AwsAccountId": ACCOUNT, "Region": "eu-west-1", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/macie", "Id": "1"}

    class Hub:
        meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_: None))

        def can_paginate(self, method: str) -> bool:
            return False

        def list_enabled_products_for_import(self) -> dict[str, Any]:
            return {}

        def get_findings(self, **_: Any) -> dict[str, Any]:
            return {"Findings": [{**here, **where, "Workflow": {"Status": "RESOLVED"}}]}

    organisation = named(security_hub={"products": ["aws/macie"]})
    record = one(SecurityHub(), scope_of(organisation=organisation, client=lambda *_, **__: Hub()))
    assert (record.payload["products"], record.payload["summary"]["findings"]) == ([], 1)
    assert state("SM-UPL-03/bucket-found", organisation, record).gap is Gap.UNDECIDED


def test_an_organisation_lets_another_tools_checks_count(tmp_path: Path, scope_of: Scopes) -> None:
    """An assessment of its own on a control, by checks that it names: what failed or was skipped deviates by its resource, what isn't
    in the report leaves it open.
    """
    file = tmp_path / "averment.yaml"
    text = """version: 1
parameters: {checkov-report: {files: [r.json], checks: [CKV_AWS_19, CKV_AWS_21]}}
overlays:
  SM-DEL-02:
    add:
      - id: checkov
        method: EXAMINE
        collector: checkov-report
        expect: {field: summary.not_passed, at_most: 0, each: not_passed}
        needs: [checkov-report.checks]
        max_age: 7d
"""
    file.write_text(text)

    def report(*rows: tuple[str, str, str]) -> None:
        lists: dict[str, list[dict[str, Any]]] = {"passed_checks": [], "failed_checks": [], "skipped_checks": []}
        for check, status, resource in rows:
            lists[f"{status}_checks"].append({"check_id": check, "check_name": "n", "file_path": "/m.tf", "resource": resource})
        (tmp_path / "r.json").write_text(json.dumps({"check_type": "terraform", "results": lists}))

    def found() -> AssessmentState:
        organisation = load_organisation(file)
        record = one(CheckovReport(), scope_of(organisation=organisation))
        states = assess(load_catalogue(organisation), organisation, [record], period=None, as_of=utc_now() + timedelta(seconds=2))
        return next(item for control in states for item in control.assessments if item.id == "SM-DEL-02/checkov")

    report(("CKV_AWS_19", "passed", "b.a"), ("CKV_AWS_21", "passed", "b.a"), ("CKV_AWS_99", "failed", "b.z"))
    assert found().status is Status.SATISFIED
    report(("CKV_AWS_19", "failed", "b.a"), ("CKV_AWS_21", "skipped", "b.b"))
    assert deviating(found()) == {"b.a", "b.b"}
    report(("CKV_AWS_19", "passed", "b.a"))
    assert (found().gap, "no result of the check CKV_AWS_21" in found().reason) == (Gap.PARTIAL, True)
    file.write_text(text.replace(", checks: [CKV_AWS_19, CKV_AWS_21]", ""))
    assert found().gap is Gap.UNSCOPED


def test_a_report_that_is_named_no_more_speaks_of_nothing(tmp_path: Path, scope_of: Scopes) -> None:
    """Where the file has another name today, what failed in yesterday's stood beside it for good: nothing could show it otherwise."""
    overlay = {"id": "checkov", "method": "EXAMINE", "collector": "checkov-report", "max_age": "7d"}
    overlay |= {"expect": {"field": "summary.not_passed", "at_most": 0, "each": "not_passed"}, "needs": ["checkov-report.checks"]}
    records = []
    for name, status in (("1.json", "failed"), ("2.json", "passed")):
        rows = {sort: [] for sort in ("passed_checks", "failed_checks", "skipped_checks")}
        rows[f"{status}_checks"].append({"check_id": "CKV_AWS_19", "check_name": "n", "file_path": "/m.tf", "resource": "b.a"})
        (tmp_path / name).write_text(json.dumps({"check_type": "terraform", "results": rows}))
        value = {
            "version": 1,
            "parameters": {"checkov-report": {"files": [name], "checks": ["CKV_AWS_19"]}},
            "overlays": {"SM-DEL-02": {"add": [overlay]}},
        }
        (tmp_path / "averment.yaml").write_text(json.dumps(value))
        organisation = load_organisation(tmp_path / "averment.yaml")
        records.append(one(CheckovReport(), scope_of(organisation=organisation)))
    states = assess(load_catalogue(organisation), organisation, records, period=None, as_of=utc_now() + timedelta(seconds=2))
    found = next(item for control in states for item in control.assessments if item.id == "SM-DEL-02/checkov")
    assert (found.status, found.records) == (Status.SATISFIED, (records[1].id,))


def test_a_resumed_run_collects_anew_what_was_counted_by_other_names(scope_of: Scopes) -> None:
    """What was collected before averment.yaml named the signers answers another question; hidden account ids make no difference."""
    organisation = named(signing_calls={"keys": [KEY], "signers": [SIGNER]})
    skip_bare = already_collected([one(SigningCalls(), scope_of())], now=utc_now())
    assert skip_bare(SigningCalls(), scope_of())
    assert not skip_bare(SigningCalls(), scope_of(organisation=organisation))
    hidden = one(SigningCalls(), scope_of(organisation=organisation, redact_accounts=True))
    assert ACCOUNT not in json.dumps(hidden.to_json())
    skip = already_collected([hidden], now=utc_now())
    assert skip(SigningCalls(), scope_of(organisation=organisation, redact_accounts=True))
    assert not skip(SigningCalls(), scope_of(redact_accounts=True))


def test_a_long_list_of_names_fits_into_the_ledger(tmp_path: Path, scope_of: Scopes) -> None:
    """An inventory of thousands is kept with the payload, for which an entry of the ledger need not have room."""
    organisation = replace(named(sagemaker_endpoints={"inventory": [f"endpoint-{number:05}" for number in range(5_000)]}), root=tmp_path)
    record = one(SageMakerEndpoints(), scope_of(organisation=organisation))
    with open_ledger(organisation, write=True) as ledger:
        ledger.append([record])
        [entry] = ledger.records()
    assert entry.record.payload["scope"]["sagemaker-endpoints.inventory"][-1] == "endpoint-04999"


def test_a_misspelt_parameter_is_an_error_with_its_line(tmp_path: Path) -> None:
    """A list that nobody reads would leave everything open, or let everything count."""
    file = tmp_path / "averment.yaml"
    file.write_text("version: 1\nparameters:\n  signing-calls:\n    keys: [a]\n    signer: [b]\n")
    with pytest.raises(BadInputError, match=r"unknown key 'signer' in parameters\.signing-calls") as caught:
        load_organisation(file)
    assert (str(caught.value.where), caught.value.fix) == (f"{file}:5", "known keys: keys, signers")


@pytest.mark.parametrize(
    ("given", "found", "missing"),
    [
        (("a", "b"), [("a",)], ["b"]),
        (("a*", "b"), [("b",)], []),  # a pattern stands for whatever there is
        (("a*",), [("b",)], ["a*"]),
        (("arn:aws:x:eu-west-1:1:y", "b"), [("b",)], ["arn:aws:x:eu-west-1:1:y"]),
        (("arn:aws:x:us-east-1:1:y", "b"), [("b",)], []),  # belongs elsewhere
        (("arn:aws:x:eu-west-1:2:y", "b"), [("b",)], []),
        (("arn:aws:x:eu-west-1:1:y", "b"), [], ["arn:aws:x:eu-west-1:1:y"]),
        (("a", "b*"), [("c",)], ["a", "b*"]),
        (("arn:aws:x:*:1:y",), [("y", "arn:aws:x:eu-west-1:1:y")], []),
        (None, [("b",)], []),
    ],
)
def test_what_is_missing_is_what_belongs_here(given: tuple[str, ...] | None, found: list[tuple[str, ...]], missing: list[str]) -> None:
    """Names are expected beside others, ARNs in their own place."""
    assert Names("p", given).missing(found, account="1", region="eu-west-1") == missing
