"""The Lambda function behind the custom rules: events in, PutEvaluations out.

AWS is botocore's own stub, which holds requests and answers to the service's model. Origin of the data: written for these tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import load_organisation
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Unknown
from averment.policies.interface import Context, Outcome, Rule
from averment.policies.rules.registry import all_rules, rule
from averment.policies.runtime import handler as handler_module
from averment.policies.runtime.evaluate import ANNOTATION_LIMIT, COULD_NOT_CHECK, Evaluator
from averment.policies.runtime.handler import evaluate_event, report, respond
from averment.policies.runtime.neighbours import ConfigNeighbours, MemoryNeighbours
from averment.policies.runtime.settings import SWITCHES, rule_parameters, scope_from_json, scope_to_json, with_account
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.items import tag_list
from averment.policies.surfaces.registry import load_graphs
from averment.sandbox.deployed.items import Deployment

OWN = "123456789012"
CASES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


def items_of(case: str) -> list[dict[str, Any]]:
    return Deployment(read_template(CASES / case / "template.yaml")).items()


def event(item: Mapping[str, Any] | None, rule_id: str = "s3-put-object-gated", **changes: Any) -> dict[str, Any]:
    message = {
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": item,
        "notificationCreationTime": "2026-11-23T08:00:01Z",
    }
    value = {
        "version": "1.0",
        "invokingEvent": json.dumps(message),
        "ruleParameters": json.dumps({"rule": rule_id}),
        "resultToken": "token",
        "eventLeftScope": False,
        "executionRoleArn": f"arn:aws:iam::{OWN}:role/config",
        "configRuleArn": f"arn:aws:config:eu-west-1:{OWN}:config-rule/config-rule-x",
        "configRuleName": "x",
        "configRuleId": "config-rule-x",
        "accountId": OWN,
    }
    return {**value, **changes}


def config_client() -> Any:
    return boto3.client("config", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def recorded_by(stub: Stubber, group: dict[str, Any] | None, *, on: bool = True, last: str = "Success") -> None:
    """Let AWS Config say that a recorder with this recordingGroup is there (None: none is), whether it is on, and how recording went last."""
    recorders = [] if group is None else [{"name": "default", "recordingGroup": group}]
    stub.add_response("describe_configuration_recorders", {"ConfigurationRecorders": recorders})
    if recorders:
        statuses = [{"name": "default", "recording": on, "lastStatus": last}]
        stub.add_response("describe_configuration_recorder_status", {"ConfigurationRecordersStatus": statuses})


class Recorder:
    """Takes what would go to PutEvaluations, after botocore has checked it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, **request: Any) -> dict[str, Any]:
        client = config_client()
        with Stubber(client) as stub:
            stub.add_response("put_evaluations", {"FailedEvaluations": []})
            answer: dict[str, Any] = client.put_evaluations(**request)
        self.calls.append(request)
        return answer


@pytest.mark.parametrize(("case", "compliance"), [("anyone.fail", "NON_COMPLIANT"), ("own_organisation.pass", "COMPLIANT")])
def test_a_change_is_evaluated_and_reported(case: str, compliance: str):
    """The verdict reaches Config under the bucket's own type and id, with the reason as annotation."""
    items = items_of(f"s3_put_object_gated/cases/{case}")
    put = Recorder()
    environment = {"AVERMENT_SCOPE": scope_to_json(Scope(organisation_id="o-exampleorg1"))}
    counts = respond(event(items[0]), MemoryNeighbours(items), put, environment)
    (entry,) = put.calls[0]["Evaluations"]
    assert (entry["ComplianceResourceType"], entry["ComplianceResourceId"]) == ("AWS::S3::Bucket", "acme-uploads")
    assert entry["ComplianceType"] == compliance
    assert put.calls[0]["TestMode"] is False
    assert entry["OrderingTimestamp"].isoformat().startswith("2026-11-23T08:00:00")
    assert sum(counts.values()) == 1
    assert ("Annotation" in entry) == (compliance == "NON_COMPLIANT")


@pytest.mark.parametrize("subject", all_rules(), ids=lambda subject: subject.id)
def test_the_shop_gets_the_same_verdicts_deployed_as_before_merge(subject: Rule):
    """Each rule, on the example's CloudFormation and on what Config would record of it."""
    template = SHOP / "cloudformation" / "detector.yaml"
    graph = read_template(template)
    scope = Scope(accounts=(OWN,), organisation_id="o-larkspur1234", media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}),))
    before = sorted(
        str(outcome.verdict)
        for resource in graph
        if resource.type in subject.types
        if (outcome := subject.evaluate(resource, Context(graph, scope))).verdict is not Verdict.NOT_APPLICABLE
    )
    evaluator = Evaluator(subject, MemoryNeighbours(Deployment(graph).items()), scope, {})
    after = sorted(str(entry.verdict) for entry in evaluator.every() if entry.verdict is not Verdict.NOT_APPLICABLE)
    assert before == after


def test_neighbours_that_can_t_be_read_make_an_unknown_and_never_a_pass():
    """A missing permission is reported with its reason; Config has no better value for it than NOT_APPLICABLE."""
    items = items_of("quarantine_not_served/cases/closed.pass")
    denied = {"AWS::CloudFront::Distribution": "could not list AWS::CloudFront::Distribution: AccessDenied"}
    (entry,) = evaluate_event(event(items[0], "quarantine-not-served"), MemoryNeighbours(items, denied), {})
    assert entry.verdict is Verdict.UNKNOWN
    assert entry.request()["ComplianceType"] == "NOT_APPLICABLE"
    assert entry.annotation.startswith(COULD_NOT_CHECK)
    assert "AccessDenied" in entry.annotation


def test_a_pass_does_not_stand_on_neighbours_that_were_not_seen():
    """Even where a rule itself says pass, a type that it would have looked at and couldn't makes it unknown."""
    items = items_of("cdn_media_gated/cases/gated.pass")
    subject = next(item for item in items if item["resourceType"] == "AWS::CloudFront::Distribution")
    for denied, verdict in (({}, Verdict.PASS), ({"AWS::S3::Bucket": "AccessDenied"}, Verdict.UNKNOWN)):
        (entry,) = evaluate_event(event(subject, "cdn-media-gated"), MemoryNeighbours(items, denied), {})
        assert entry.verdict is verdict


@pytest.mark.parametrize(
    ("case", "denied", "verdict"),
    [
        ("direct_to_function.pass", "AWS::CloudTrail::Trail", Verdict.PASS),
        ("direct_to_function.pass", "AWS::Pipes::Pipe", Verdict.PASS),
        ("trail_of_uploads.pass", "AWS::CloudTrail::Trail", Verdict.UNKNOWN),
        ("eventbridge_to_queue.pass", "AWS::Pipes::Pipe", Verdict.UNKNOWN),
    ],
)
def test_what_nothing_hangs_on_need_not_be_readable(case: str, denied: str, verdict: Verdict):
    """Many recorders leave trails out: each bucket with a function that scans it could not be checked there, for a trail's name might say
    how the project is called."""
    items = items_of(f"media_bucket_events_scanned/cases/{case}")
    subject = next(item for item in items if item["resourceType"] == "AWS::S3::Bucket")
    (entry,) = evaluate_event(event(subject, "media-bucket-events-scanned"), MemoryNeighbours(items, {denied: "AccessDenied"}), {})
    assert entry.verdict is verdict


@pytest.mark.parametrize(
    ("case", "rule_id", "denied"),
    [
        ("media_bucket_events_scanned/cases/rule_disabled.fail", "media-bucket-events-scanned", "AWS::Events::Rule"),
        ("s3_put_object_gated/cases/role_with_full_access.fail", "s3-put-object-gated", "AWS::S3::Bucket"),
    ],
)
def test_an_absence_that_was_not_seen_is_no_failure(case: str, rule_id: str, denied: str):
    """That no neighbour is there proves nothing where neighbours couldn't be listed."""
    items = items_of(case)
    subject = next(
        item for item in items if item["resourceType"] in ("AWS::IAM::Role", "AWS::S3::Bucket") and item["resourceType"] != denied
    )
    (entry,) = evaluate_event(event(subject, rule_id), MemoryNeighbours(items, {denied: "AccessDenied"}), {})
    assert entry.verdict is Verdict.UNKNOWN


def test_a_definite_failure_stands_without_neighbours():
    """A public ACL fails, whatever else couldn't be seen."""
    items = items_of("quarantine_not_served/cases/readable_by_acl.fail")
    denied = {"AWS::CloudFront::Distribution": "AccessDenied"}
    (entry,) = evaluate_event(event(items[0], "quarantine-not-served"), MemoryNeighbours(items, denied), {})
    assert entry.verdict is Verdict.FAIL


def test_an_item_of_another_shape_is_unknown_and_so_is_what_depends_on_it():
    """A subject that can't be read isn't "not applicable", and a pass beside an unreadable neighbour isn't one."""
    items = items_of("cdn_media_gated/cases/gated.pass")
    subject = next(item for item in items if item["resourceType"] == "AWS::CloudFront::Distribution")
    odd = {**subject, "configuration": {"distributionConfig": {"originGroups": {"quantity": 1, "items": ["x"]}}}}
    (entry,) = evaluate_event(event(odd, "cdn-media-gated"), MemoryNeighbours(items), {})
    assert entry.verdict is Verdict.UNKNOWN
    assert "another shape" in entry.annotation
    hidden = [{**item, "configurationItemStatus": "ResourceNotRecorded", "configuration": None} for item in items if item is not subject]
    (entry,) = evaluate_event(event(subject, "cdn-media-gated"), MemoryNeighbours(hidden), {})
    assert entry.verdict is Verdict.UNKNOWN


def test_deleted_and_left_and_foreign_resources_are_not_applicable():
    """They are reported, so that an old verdict doesn't stay."""
    item = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    deleted = {**item, "configurationItemStatus": "ResourceDeleted", "configuration": None}
    queue = {**item, "resourceType": "AWS::SQS::Queue"}
    for subject, changes in ((deleted, {}), (item, {"eventLeftScope": True}), (queue, {})):
        (entry,) = evaluate_event(event(subject, **changes), MemoryNeighbours(), {})
        assert entry.verdict is Verdict.NOT_APPLICABLE
        assert entry.annotation


def test_a_resource_that_is_not_recorded_is_unknown():
    """Config may know of a bucket without recording how it is configured."""
    item = {**items_of("s3_put_object_gated/cases/anyone.fail")[0], "configurationItemStatus": "ResourceNotRecorded", "configuration": None}
    (entry,) = evaluate_event(event(item), MemoryNeighbours(), {})
    assert entry.verdict is Verdict.UNKNOWN


def test_of_several_items_each_that_is_gone_or_not_recorded_is_told_as_such():
    """The history of a period reads them all at once: a bucket that is gone isn't one that could not be judged, nor the other way round."""
    bucket = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    states = ("ResourceDeleted", "ResourceNotRecorded")
    items = [{**bucket, "configurationItemStatus": state, "configuration": None, "resourceId": state} for state in states]
    gone, unseen = Evaluator(rule("s3-put-object-gated"), MemoryNeighbours(), Scope(), {}).these(items)
    assert (gone.verdict, gone.annotation) == (Verdict.NOT_APPLICABLE, "the resource was deleted")
    assert (unseen.verdict, "AWS Config doesn't record the configuration" in unseen.annotation) == (Verdict.UNKNOWN, True)


def oversized(item: Mapping[str, Any]) -> dict[str, Any]:
    summary = {key: item[key] for key in ("resourceType", "resourceId", "configurationItemStatus", "configurationItemCaptureTime")}
    return {
        "invokingEvent": json.dumps({"messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": summary})
    }


def test_an_oversized_item_is_fetched():
    """Config sends only the summary of a large item; what can't be fetched is unknown."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    changes = oversized(items[0])
    for source, verdict in (
        (MemoryNeighbours(items), Verdict.FAIL),
        (MemoryNeighbours(), Verdict.UNKNOWN),
        (MemoryNeighbours(items, {"AWS::S3::Bucket": "AccessDenied"}), Verdict.UNKNOWN),
    ):
        (entry,) = evaluate_event(event(None, **changes), source, {})
        assert (entry.verdict, entry.resource_id) == (verdict, "acme-uploads")
    deleted = oversized({**items[0], "configurationItemStatus": "ResourceDeleted"})
    (entry,) = evaluate_event(event(None, **deleted), MemoryNeighbours(), {})
    assert (entry.verdict, entry.annotation) == (Verdict.NOT_APPLICABLE, "the resource was deleted or left the rule's scope")


CHANGE = {"previousValue": "Enabled", "updatedValue": "Suspended", "changeType": "UPDATE"}
STATUS = "SupplementaryConfiguration.BucketVersioningConfiguration.Status"


@pytest.mark.parametrize(
    ("difference", "ending"),
    [
        ({"changedProperties": {STATUS: CHANGE}, "changeType": "UPDATE"}, f"(changed: {STATUS})"),
        ({"changedProperties": dict.fromkeys(["d", "a", "c", "b", "e"], CHANGE), "changeType": "UPDATE"}, "(changed: a, b, c, 2 more)"),
        ({"changedProperties": {"Configuration": CHANGE}, "changeType": "CREATE"}, None),
        ({"changedProperties": {}, "changeType": "NONE"}, None),
        ({"changedProperties": dict.fromkeys(["x" * 250], CHANGE), "changeType": "UPDATE"}, None),
        (None, None),
        ("odd", None),
        ({"changedProperties": ["odd"], "changeType": "UPDATE"}, None),
    ],
)
def test_a_failure_after_a_change_says_what_changed(difference: Any, ending: str | None):
    """Config tells which properties differ from the last item; a verdict never hangs on it."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    message = {
        "messageType": "ConfigurationItemChangeNotification",
        "configurationItem": items[0],
        "configurationItemDiff": difference,
    }
    (entry,) = evaluate_event(event(None, invokingEvent=json.dumps(message)), MemoryNeighbours(items), {})
    assert entry.verdict is Verdict.FAIL
    assert len(entry.annotation) <= ANNOTATION_LIMIT
    if ending is None:
        assert "(changed: " not in entry.annotation
    else:
        assert entry.annotation.endswith(ending)


def test_a_type_that_can_t_be_listed_is_an_unknown_of_the_account():
    """A schedule reports on what it could list, and says of the account what it couldn't."""
    items = items_of("upload_api_authorised/cases/rest_open.fail")
    scheduled = {"invokingEvent": json.dumps({"messageType": "ScheduledNotification", "awsAccountId": OWN})}
    source = MemoryNeighbours(items, {"AWS::Lambda::Url": "could not list AWS::Lambda::Url: AccessDenied"})
    put = Recorder()
    counts = respond(event(None, "upload-api-authorised", **scheduled), source, put, {})
    entries = {entry["ComplianceResourceType"]: entry for entry in put.calls[0]["Evaluations"]}
    assert entries["AWS::::Account"]["ComplianceResourceId"] == OWN
    assert entries["AWS::::Account"]["Annotation"] == f"{COULD_NOT_CHECK}could not list AWS::Lambda::Url: AccessDenied"
    assert entries["AWS::ApiGateway::Method"]["ComplianceType"] == "NON_COMPLIANT"
    assert counts["unknown"] == 1


def test_one_item_that_can_t_be_read_leaves_the_others_judged():
    """On a schedule: the resource could not be checked, and what is wrong beside it is told all the same."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    odd = {"resourceType": "AWS::S3::Bucket", "resourceId": "odd", "arn": "arn:aws:s3:::odd", "configuration": "[1]"}
    invoking = json.dumps({"messageType": "ScheduledNotification"})
    found = {
        entry.resource_id: entry
        for entry in evaluate_event(event(None, invokingEvent=invoking), MemoryNeighbours([odd, *items]), {})
        if entry.resource_type == "AWS::S3::Bucket"
    }
    assert found["odd"].verdict is Verdict.UNKNOWN
    assert found["odd"].annotation == "could not check: the configuration of AWS::S3::Bucket odd is not an object"
    assert found["acme-uploads"].verdict is Verdict.FAIL


@pytest.mark.parametrize("odd", [{"configuration": "[1]"}, {"configuration": {}, "configurationItemStatus": "ResourceNotRecorded"}])
def test_what_is_judged_beside_an_item_that_can_t_be_read_does_not_pass_without_it(odd: dict[str, Any]):
    """A role that may write to anything is judged by the buckets that there are: of one, nobody knows whether uploads go there."""
    allowed = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::in-*"}]}
    role = {
        "resourceType": "AWS::IAM::Role",
        "resourceId": "AROA1",
        "arn": f"arn:aws:iam::{OWN}:role/writer",
        "configuration": {
            "roleName": "writer",
            "assumeRolePolicyDocument": {"Statement": []},
            "rolePolicyList": [{"policyName": "write", "policyDocument": json.dumps(allowed)}],
            "attachedManagedPolicies": [],
        },
    }
    bucket = {"resourceType": "AWS::S3::Bucket", "resourceId": "in-1", "arn": "arn:aws:s3:::in-1", **odd}
    invoking = json.dumps({"messageType": "ScheduledNotification"})
    found = {e.resource_id: e for e in evaluate_event(event(None, invokingEvent=invoking), MemoryNeighbours([role, bucket]), {})}
    assert {entry.verdict for entry in found.values()} == {Verdict.UNKNOWN}, found


def test_that_a_rule_does_not_apply_needs_what_it_looked_for():
    """Whether a function compares faces is in its role: without that, "not applicable" would be a guess."""
    items = items_of("identity_lambda_calls_detector/cases/compares_only.fail")
    subject = next(item for item in items if item["resourceType"] == "AWS::Lambda::Function")
    source = MemoryNeighbours(items, {"AWS::IAM::Role": "AccessDenied"})
    (entry,) = evaluate_event(event(subject, "identity-lambda-calls-detector"), source, {})
    assert (entry.verdict, "AccessDenied" in entry.annotation) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("rule_id", "case", "kind", "denied", "said"),
    [
        (
            "isolation-runbook-present",
            "s3_put_object_gated/cases/access_point.fail",
            "AWS::S3::Bucket",
            "AWS::SSM::Document",
            "whether a runbook isolates this upload bucket",
        ),
        (
            "inference-cost-watched",
            "inference_cost_watched/cases/nobody_watches.fail",
            "AWS::SageMaker::Endpoint",
            "AWS::Budgets::Budget",
            "whether anybody watches what this costs",
        ),
    ],
)
def test_what_could_not_be_told_is_said_with_what_could_not_be_read(rule_id: str, case: str, kind: str, denied: str, said: str):
    """Whoever reads that AWS::Budgets::Budget could not be read has to know what for."""
    items = items_of(case)
    parameters = {"isolation_runbook_expected": True}
    evaluator = Evaluator(rule(rule_id), MemoryNeighbours(items, {denied: "AccessDenied"}), Scope(), parameters, OWN)
    entry = evaluator.one(next(item for item in items if item["resourceType"] == kind))
    assert (entry.verdict, said in entry.annotation) == (Verdict.UNKNOWN, True), entry.annotation


def test_a_pass_stands_without_neighbours_that_the_rule_never_looked_for():
    """An endpoint that SageMaker scales itself hangs on no scaling policy."""
    items = items_of("detector_endpoint_scaled/cases/managed_scaling.pass")
    scaling = ("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy")
    source = MemoryNeighbours(items, dict.fromkeys(scaling, "AccessDenied"))
    endpoint = next(item for item in items if item["resourceType"] == "AWS::SageMaker::Endpoint")
    (entry,) = evaluate_event(event(endpoint, "detector-endpoint-scaled"), source, {})
    assert entry.verdict is Verdict.PASS


def test_a_schedule_judges_everything_in_batches_of_one_hundred():
    """PutEvaluations takes a hundred at a time."""
    item = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    items = [
        {
            **item,
            "resourceId": f"acme-uploads-{n}",
            "resourceName": f"acme-uploads-{n}",
            "arn": f"arn:aws:s3:::acme-uploads-{n}",
            "configuration": {"name": f"acme-uploads-{n}"},
        }
        for n in range(205)
    ]
    put = Recorder()
    scheduled = {"invokingEvent": json.dumps({"messageType": "ScheduledNotification", "awsAccountId": OWN})}
    respond(event(None, "quarantine-not-served", **scheduled, resultToken="TESTMODE"), MemoryNeighbours(items), put, {})
    assert [len(call["Evaluations"]) for call in put.calls] == [100, 100, 5]
    assert all(call["TestMode"] is True for call in put.calls)
    assert len({entry["ComplianceResourceId"] for call in put.calls for entry in call["Evaluations"]}) == 205


def test_what_a_schedule_says_is_later_than_what_was_said_of_the_items():
    """AWS Config keeps the later of two verdicts. By the time of an item that didn't change since, one that couldn't be checked, or was
    missing from a list once, was never judged again: what had been said of that was said later."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    message = {"messageType": "ScheduledNotification", "notificationCreationTime": "2026-11-29T10:00:00.000Z"}
    invoking = json.dumps(message)
    gone = ("AWS::S3::Bucket", "gone")
    found = list(evaluate_event(event(None, invokingEvent=invoking), MemoryNeighbours(items), {}, held=lambda: [gone]))
    assert {"gone", "acme-uploads"} <= {entry.resource_id for entry in found}
    assert {entry.request()["OrderingTimestamp"].isoformat() for entry in found} == {"2026-11-29T10:00:00+00:00"}


def test_what_can_not_be_listed_any_more_is_not_said_to_be_gone():
    """A permission that was taken away would clear every bucket of what AWS Config holds against it, as "the resource is gone"."""
    invoking = json.dumps({"messageType": "ScheduledNotification", "awsAccountId": OWN})
    held = [("AWS::S3::Bucket", "acme-uploads"), ("AWS::::Account", OWN)]
    source = MemoryNeighbours((), {"AWS::S3::Bucket": "AccessDenied"})
    (entry,) = evaluate_event(event(None, invokingEvent=invoking), source, {}, held=lambda: held)
    assert (entry.resource_type, entry.verdict, "AccessDenied" in entry.annotation) == ("AWS::::Account", Verdict.UNKNOWN, True)


def test_annotations_keep_their_limit():
    """A longer reason is cut, not refused by the service."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    denied = {"AWS::IAM::Role": "x" * 1000}
    items[0]["supplementaryConfiguration"]["BucketPolicy"] = {"policyText": None}
    evaluations = list(evaluate_event(event(items[0]), MemoryNeighbours(items, denied), {}))
    crashing = Rule("crash", "t", rule("signing-key-fit").severity, ("AWS::S3::Bucket",), lambda *_: 1 / 0, "r")  # type: ignore[arg-type,return-value]
    evaluations.append(Evaluator(crashing, MemoryNeighbours(items), Scope(), {}).one(items[0]))
    assert evaluations[-1].crashed
    assert evaluations[-1].verdict is Verdict.UNKNOWN
    for entry in evaluations:
        assert len(entry.annotation) <= ANNOTATION_LIMIT


def test_a_rule_that_leaves_crashed():
    """``sys.exit`` in a rule would end the function before it reported anything."""

    def leaves(*_: object) -> Outcome:
        raise SystemExit(0)

    items = items_of("s3_put_object_gated/cases/anyone.fail")
    leaving = Rule("leaves", "t", rule("signing-key-fit").severity, ("AWS::S3::Bucket",), leaves, "r")
    found = Evaluator(leaving, MemoryNeighbours(items), Scope(), {}).one(items[0])
    assert (found.crashed, found.verdict) == (True, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("looked", "verdict"),
    [(list, Verdict.UNKNOWN), (lambda graph: list(graph.of_type("AWS::IAM::Role")), Verdict.UNKNOWN), (lambda graph: None, Verdict.PASS)],
    ids=["at everything", "at roles", "at nothing"],
)
def test_a_rule_that_looks_at_what_can_not_be_read_does_not_pass(looked: Any, verdict: Verdict):
    """Whether it asks for roles or goes through all that there is: a role's item that can't be read may be the one that matters."""

    def passes(_: object, context: Context) -> Outcome:
        looked(context.graph)
        return Outcome(Verdict.PASS)

    items, broken = items_of("s3_put_object_gated/cases/anyone.fail"), {"resourceType": "AWS::IAM::Role", "resourceId": 7}
    severity = rule("signing-key-fit").severity
    looking = Rule("looks", "t", severity, ("AWS::S3::Bucket",), passes, "r", neighbours=("AWS::IAM::Role",))
    assert Evaluator(looking, MemoryNeighbours([*items, broken]), Scope(), {}).one(items[0]).verdict is verdict


def test_a_crash_is_reported_and_fails_the_run(monkeypatch: pytest.MonkeyPatch):
    """What could be judged is reported first; then the invocation fails, so that Config shows the rule as broken."""
    items = items_of("s3_put_object_gated/cases/anyone.fail")
    broken = Rule("x", "t", rule("signing-key-fit").severity, ("AWS::S3::Bucket",), lambda *_: 1 / 0, "r")  # type: ignore[arg-type,return-value]
    monkeypatch.setattr(handler_module, "rule_called", lambda *_: broken)
    put = Recorder()
    with pytest.raises(IncompleteError, match="crashed on AWS::S3::Bucket acme-uploads"):
        respond(event(items[0]), MemoryNeighbours(items), put, {})
    assert put.calls[0]["Evaluations"][0]["ComplianceType"] == "NOT_APPLICABLE"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ruleParameters": "{}"}, "which rule"),
        ({"ruleParameters": "{"}, "not JSON"),
        ({"ruleParameters": '{"rule": "nope"}'}, "there is no rule 'nope'"),
        ({"ruleParameters": '{"rule": "face-call-after-liveness"}'}, "is about source code, which AWS Config doesn't record"),
        (
            {"ruleParameters": '{"rule": "config-recorder-on", "config_recorder_expected": "yes"}'},
            "is 'yes', which is neither true nor false",
        ),
        ({"invokingEvent": "{"}, "not JSON"),
        ({"invokingEvent": None}, "no invokingEvent"),
        ({"invokingEvent": '{"messageType": "ConfigurationSnapshotDeliveryCompleted"}'}, "not a message"),
        ({"invokingEvent": '{"messageType": "ConfigurationItemChangeNotification"}'}, "no configurationItem"),
        ({"resultToken": None}, "no resultToken"),
        (
            {"invokingEvent": '{"messageType": "ConfigurationItemChangeNotification", "configurationItem": {"resourceId": 7}}'},
            "without resourceType",
        ),
    ],
)
def test_an_event_that_is_not_config_s_is_refused(changes: dict[str, Any], message: str):
    """A wrong set-up fails aloud instead of reporting nothing."""
    item = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    with pytest.raises(BadInputError, match=message):
        respond(event(item, **changes), MemoryNeighbours(), Recorder(), {})


def test_what_config_does_not_take_is_an_error():
    """Evaluations that Config leaves out would be lost in silence."""
    item = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    evaluations = list(evaluate_event(event(item), MemoryNeighbours([item]), {}))
    with pytest.raises(IncompleteError, match="didn't take 1 of 1 evaluations, the first of AWS::S3::Bucket acme-uploads"):
        report(evaluations, "token", lambda **request: {"FailedEvaluations": request["Evaluations"]})


def test_what_config_does_not_take_keeps_nothing_else_back():
    """One that isn't taken is an error once the batches behind it are handed over: their verdicts would be those of before."""
    item = items_of("s3_put_object_gated/cases/anyone.fail")[0]
    evaluations = list(evaluate_event(event(item), MemoryNeighbours([item]), {})) * 150
    sizes: list[int] = []

    def put(**request: Any) -> dict[str, Any]:
        sizes.append(len(request["Evaluations"]))
        return {"FailedEvaluations": request["Evaluations"][:1] if len(sizes) == 1 else []}

    with pytest.raises(IncompleteError, match="didn't take 1 of 150"):
        report(evaluations, "token", put)
    assert sizes == [100, 50]


@pytest.mark.parametrize(("least", "compliance"), [("1", "COMPLIANT"), ("99999", "NON_COMPLIANT"), ("a year", "NOT_APPLICABLE")])
def test_a_bar_in_a_rule_s_own_parameters_holds(least: str, compliance: str):
    """AWS Config takes texts alone as a rule's parameters; a number that came as one was no bar at all, nor was what is no number."""
    items = items_of("evidence_bucket_worm/cases/locked.pass")
    (item,) = (entry for entry in items if entry["resourceId"] == "acme-evidence")
    given = {"rule": "evidence-bucket-worm", "accounts": "012345678901", "evidence_retention_days": least}
    (found,) = evaluate_event(event(item, ruleParameters=json.dumps(given)), MemoryNeighbours(items), {})
    assert found.request()["ComplianceType"] == compliance, found
    assert ("evidence_retention_days is 'a year'" in found.annotation) is (compliance == "NOT_APPLICABLE")


def test_a_switch_in_a_rule_s_own_parameters_is_read_as_what_it_says():
    """``True`` and ``true`` with a blank behind it were off, without a word; the schema says which parameters are switches."""
    given = dict(zip(SWITCHES, ("True", "true ", "FALSE"), strict=True))
    assert rule_parameters({"ruleParameters": json.dumps(given)}) == dict(zip(SWITCHES, (True, True, False), strict=True))
    declared = json.loads((files("averment.core") / "schemas" / "averment.schema.json").read_text(encoding="utf-8"))["properties"][
        "parameters"
    ]
    assert set(SWITCHES) == {name for name, told in declared["properties"].items() if told.get("type") == "boolean"}


def test_neighbours_are_fetched_from_config_in_pages_and_batches():
    """ListDiscoveredResources pages, BatchGetResourceConfig takes a hundred and may leave some for a second try, and a query has the tags."""
    client = config_client()
    keys = [{"resourceType": "AWS::Events::Rule", "resourceId": f"rule-{n}"} for n in range(3)]
    base = [{"resourceType": "AWS::Events::Rule", "resourceId": key["resourceId"], "configuration": "{}"} for key in keys]
    source = ConfigNeighbours(client)
    with Stubber(client) as stub:
        stub.add_response(
            "list_discovered_resources", {"resourceIdentifiers": keys[:2], "nextToken": "n"}, {"resourceType": "AWS::Events::Rule"}
        )
        stub.add_response(
            "list_discovered_resources", {"resourceIdentifiers": keys[2:]}, {"resourceType": "AWS::Events::Rule", "nextToken": "n"}
        )
        stub.add_response(
            "batch_get_resource_config", {"baseConfigurationItems": base[:2], "unprocessedResourceKeys": keys[2:]}, {"resourceKeys": keys}
        )
        stub.add_response("batch_get_resource_config", {"baseConfigurationItems": base[2:]}, {"resourceKeys": keys[2:]})
        recorded_by(stub, {"allSupported": True})
        query = {"Expression": "SELECT resourceId, tags WHERE resourceType = 'AWS::Events::Rule'", "Limit": 100}
        tagged = json.dumps({"resourceId": "rule-0", "tags": [{"key": "team", "value": "sec", "tag": "team=sec"}]})
        stub.add_response("select_resource_config", {"Results": [tagged], "NextToken": "n"}, query)
        stub.add_response("select_resource_config", {"Results": [json.dumps({"resourceId": "rule-1"})]}, {**query, "NextToken": "n"})
        tags = [tag_list(item["tags"]) for item in source.items("AWS::Events::Rule")]
        assert tags[:2] == [[{"Key": "team", "Value": "sec"}], []]
        assert isinstance(tags[2], Unknown)  # the query didn't list it: nobody knows
        assert len(source.items("AWS::Events::Rule")) == 3  # not fetched again
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("resource_type", "group", "reason"),
    [
        ("AWS::Events::Rule", None, "doesn't record AWS::Events::Rule in eu-west-1"),
        ("AWS::Events::Rule", {"allSupported": False, "resourceTypes": ["AWS::S3::Bucket"]}, "doesn't record"),
        ("AWS::IAM::Role", {"allSupported": True, "includeGlobalResourceTypes": False}, "doesn't record"),
        (
            "AWS::Events::Rule",
            {
                "exclusionByResourceTypes": {"resourceTypes": ["AWS::Events::Rule"]},
                "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
            },
            "doesn't record",
        ),
    ],
)
def test_nothing_of_a_type_that_nobody_records_is_not_none(resource_type: str, group: dict[str, Any] | None, reason: str):
    """An empty inventory proves an absence only where somebody looked; else the rule that asked says that it can't tell."""
    client = config_client()
    with Stubber(client) as stub:
        stub.add_response("list_discovered_resources", {"resourceIdentifiers": []}, {"resourceType": resource_type})
        recorded_by(stub, group)
        with pytest.raises(IncompleteError, match=reason):
            ConfigNeighbours(client).items(resource_type)


@pytest.mark.parametrize("group", [{"allSupported": True, "includeGlobalResourceTypes": True}, {"resourceTypes": ["AWS::IAM::Role"]}])
def test_no_roles_in_a_region_without_global_types_are_not_none(group: dict[str, Any]):
    """AWS Config records no IAM in regions that came after February 2022, whatever the recorder is told: IAM is asked. Elsewhere an empty list says none."""
    for region in ("eu-central-2", "eu-west-1"):
        client = boto3.client("config", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        iam = boto3.client("iam", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        with Stubber(client) as stub, Stubber(iam) as asked:
            stub.add_response("list_discovered_resources", {"resourceIdentifiers": []}, {"resourceType": "AWS::IAM::Role"})
            source = ConfigNeighbours(client, account_id=OWN, connect=lambda _service, iam=iam: iam)
            if region == "eu-west-1":
                recorded_by(stub, group)
                assert source.items("AWS::IAM::Role") == []
                continue
            asked.add_client_error("get_account_authorization_details", "AccessDenied")
            with pytest.raises(IncompleteError, match=r"could not list AWS::IAM::Role: .*AccessDenied.*GetAccountAuthorizationDetails"):
                source.items("AWS::IAM::Role")


def test_nothing_of_a_recorded_type_is_none():
    """With a recorder of the type, an empty inventory is an answer."""
    client = config_client()
    with Stubber(client) as stub:
        stub.add_response("list_discovered_resources", {"resourceIdentifiers": []}, {"resourceType": "AWS::Events::Rule"})
        recorded_by(stub, {"allSupported": True})
        assert ConfigNeighbours(client).items("AWS::Events::Rule") == []


@pytest.mark.parametrize(
    ("group", "on", "last", "reason"),
    [
        ({"allSupported": True}, False, "Success", "AWS Config's recorder is off in eu-west-1: what it has of AWS::Events::Rule is stale"),
        (
            {"allSupported": True},
            True,
            "Failure",
            "AWS Config's recorder is failing in eu-west-1: what it has of AWS::Events::Rule is stale",
        ),
        ({"allSupported": False, "resourceTypes": ["AWS::S3::Bucket"]}, True, "Success", "doesn't record AWS::Events::Rule"),
        (None, False, "Success", "doesn't record AWS::Events::Rule"),
    ],
)
def test_what_nobody_keeps_up_to_date_is_not_how_things_are(group: dict[str, Any] | None, on: bool, last: str, reason: str):
    """Items stay in the inventory when the recorder stops, or leaves their type out: a verdict by them would be one on some day of the past."""
    client = config_client()
    key = {"resourceType": "AWS::Events::Rule", "resourceId": "rule"}
    with Stubber(client) as stub:
        stub.add_response("list_discovered_resources", {"resourceIdentifiers": [key]}, {"resourceType": "AWS::Events::Rule"})
        stub.add_response(
            "batch_get_resource_config", {"baseConfigurationItems": [{**key, "configuration": "{}"}]}, {"resourceKeys": [key]}
        )
        recorded_by(stub, group, on=on, last=last)
        with pytest.raises(IncompleteError, match=reason):
            ConfigNeighbours(client).items("AWS::Events::Rule")


def test_a_denial_names_the_permission():
    """Whoever reads the annotation knows what to allow."""
    client = config_client()
    with Stubber(client) as stub:
        stub.add_client_error("list_discovered_resources", "AccessDeniedException", "no")
        with pytest.raises(IncompleteError) as error:
            ConfigNeighbours(client).items("AWS::Events::Rule")
    assert error.value.fix == "allow ListDiscoveredResources for this identity"


def test_endpoint_configurations_are_described():
    """Config doesn't record them, so they come from SageMaker, and the rule gives its verdict on them."""
    sagemaker = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    arn = f"arn:aws:sagemaker:eu-west-1:{OWN}:endpoint-config/detector"
    with Stubber(sagemaker) as stub:
        stub.add_response(
            "list_endpoint_configs",
            {"EndpointConfigs": [{"EndpointConfigName": "detector", "EndpointConfigArn": arn, "CreationTime": "2026-11-01T00:00:00Z"}]},
        )
        stub.add_response(
            "describe_endpoint_config",
            {
                "EndpointConfigName": "detector",
                "EndpointConfigArn": arn,
                "CreationTime": "2026-11-01T00:00:00Z",
                "ProductionVariants": [{"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.xlarge"}],
            },
        )
        source = ConfigNeighbours(config_client(), account_id=OWN, connect=lambda _service: sagemaker)
        (item,) = source.items("AWS::SageMaker::EndpointConfig")
    entry = Evaluator(rule("detector-endpoint-guarded"), MemoryNeighbours([item]), Scope(), {}).one(item)
    assert (entry.verdict, entry.resource_id) == (Verdict.FAIL, "detector")


def test_the_scope_travels_as_json():
    """The bundle has no YAML; the account that runs the rule is its own."""
    scope = Scope((OWN,), ("eu-west-1",), "o-exampleorg1", (MediaMatcher(MediaRole.UPLOAD, {"a": "b"}, ("*-up",)),))
    assert scope_from_json(scope_to_json(scope)) == scope
    assert scope_from_json(None) == Scope()
    assert with_account(Scope(), OWN, {"accounts": "444455556666, 555566667777"}).accounts == ("444455556666", "555566667777", OWN)
    with pytest.raises(BadInputError, match="AVERMENT_SCOPE"):
        scope_from_json('{"media": [{"role": "nothing"}]}')


def test_the_function_imports_nothing_that_the_bundle_lacks():
    """Standard library, boto3 and Averment's rules: everything else would have to be shipped and loaded at each cold start."""
    code = (
        "import sys, averment.policies.runtime.handler\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in"
        " ('yaml', 'jsonschema', 'click', 'rich', 'rfc8785', 'cryptography', 'tfparse', 'numpy', 'boto3', 'tree_sitter')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_shop_s_terraform_has_the_flaws_that_its_readme_lists():
    """Each rule that the example's page lists fails there at least once, and no other; what is right isn't complained of."""
    scope = load_organisation(SHOP / "averment.yaml").scope
    seen: dict[str, set[Verdict]] = {}
    for graph in load_graphs(SHOP):
        for resource in graph:
            for subject in all_rules():
                if resource.type in subject.types:
                    seen.setdefault(subject.id, set()).add(subject.evaluate(resource, Context(graph, scope)).verdict)
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \| `", (SHOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    failing = {name for name, verdicts in seen.items() if Verdict.FAIL in verdicts}
    assert failing == listed, "examples/shop/README.md lists the rules that find something in the shop; right what is no flaw of it there"
    assert Verdict.UNKNOWN in seen["s3-put-object-gated"]


@pytest.mark.parametrize(
    ("rule_id", "verdict", "asked"),
    [
        ("media-bucket-hardened", Verdict.FAIL, set()),
        ("s3-put-object-gated", Verdict.NOT_APPLICABLE, set()),
        ("evidence-bucket-worm", Verdict.NOT_APPLICABLE, set()),
        ("media-access-logged", Verdict.FAIL, {"AWS::CloudTrail::Trail", "AWS::CloudTrail::EventDataStore"}),
    ],
)
def test_a_change_reads_what_the_rule_looks_for_and_nothing_else(rule_id: str, verdict: Verdict, asked: set[str]):
    """A bucket's policy is in its item; what a rule doesn't look for to judge this one resource isn't fetched, be there ten thousand."""
    scope = Scope((OWN,), media=(MediaMatcher(MediaRole.UPLOAD, {}, ("*-uploads",)),))
    listed: list[str] = []

    class Listing(MemoryNeighbours):
        def items(self, resource_type: str) -> Any:
            listed.append(resource_type)
            return super().items(resource_type)

    supplementary = {
        "AccessControlList": {"grantList": []},
        "BucketNotificationConfiguration": {"configurations": {}},
        "BucketPolicy": {"policyText": None},
        "BucketVersioningConfiguration": {"status": "Off"},
    }
    item = {
        "resourceType": "AWS::S3::Bucket",
        "resourceId": "acme-uploads",
        "resourceName": "acme-uploads",
        "arn": "arn:aws:s3:::acme-uploads",
        "configurationItemStatus": "OK",
        "configuration": {"name": "acme-uploads"},
        "supplementaryConfiguration": supplementary,
    }
    entry = Evaluator(rule(rule_id), Listing([item]), scope, {}, OWN).one(item)
    assert (entry.verdict, set(listed)) == (verdict, asked)
    assert len(listed) == len(asked)


def test_a_multi_region_access_point_is_a_door_at_run_time():
    """Its policy lets others write to the buckets behind it: judged from its own item, and unknown where the policy is denied."""
    items = items_of("s3_put_object_gated/cases/multi_region_access_point.fail")
    point = next(item for item in items if item["resourceType"] == "AWS::S3::MultiRegionAccessPoint")
    scope = Scope((OWN,))
    entry = Evaluator(rule("s3-put-object-gated"), MemoryNeighbours(items), scope, {}, OWN).one(point)
    assert entry.verdict is Verdict.FAIL
    denied = {**point, "supplementaryConfiguration": {"Averment": {"Why": "AccessDenied"}}}
    entry = Evaluator(rule("s3-put-object-gated"), MemoryNeighbours([*items, denied]), scope, {}, OWN).one(denied)
    assert (entry.verdict, "AccessDenied" in entry.annotation) == (Verdict.UNKNOWN, True)
