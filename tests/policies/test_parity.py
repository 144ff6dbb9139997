"""One verdict before the merge and at run time: every rule, every case, through the function that AWS Config invokes.

Events go in as Config sends them, and what would go to PutEvaluations is held to the API's model by botocore. Origin of the data: the
rules' cases; the items are made out of their templates by ``Deployment``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Resource
from averment.policies.interface import Context, Rule
from averment.policies.rules.registry import rule
from averment.policies.runtime.described.table import DESCRIBED
from averment.policies.runtime.evaluate import ACCOUNT, COMPLIANCE, COULD_NOT_CHECK, Evaluation, Evaluator, shortened, subject_types
from averment.policies.runtime.handler import respond
from averment.policies.runtime.neighbours import MemoryNeighbours
from averment.policies.runtime.settings import scope_to_json
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.config.items import ADDED, WHY
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.config.types import asked_of_service, held_in
from averment.sandbox.deployed.items import Deployment, recorded_alone

OWN = "123456789012"
RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
SCOPE = Scope(accounts=(OWN,), organisation_id="o-exampleorg1")
ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def cases() -> list[Any]:
    """The cases that a deployment can show: those with the snapshot of one (``rebuild_rule_cases`` says which have none, and why)."""
    folders = sorted(path.parent for path in RULES.glob("*/cases/*/config.json"))
    return [pytest.param(path, id=f"{path.parent.parent.name}-{path.name}") for path in folders]


def rule_of(folder: Path) -> Rule:
    return rule(folder.parent.parent.name.replace("_", "-"))


@cache
def deployment(folder: Path) -> Deployment:
    return Deployment(read_template(folder / "template.yaml"))


@dataclass(frozen=True)
class Told:
    """What AWS Config was told of one resource."""

    kind: str
    identity: str
    verdict: Verdict
    annotation: str


class Config:
    """Takes what the function reports, as the API would: held to its model, in its batches."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def put(self, **request: Any) -> Mapping[str, Any]:
        report = ParamValidator().validate(request, shape())
        assert not report.has_errors(), report.generate_report()
        for entry in request["Evaluations"]:
            text = entry.get("Annotation", "")
            self.told.append(
                Told(entry["ComplianceResourceType"], entry["ComplianceResourceId"], verdict_of(entry["ComplianceType"], text), text)
            )
        return {"FailedEvaluations": []}


@cache
def shape() -> Any:
    return botocore.session.get_session().get_service_model("config").operation_model("PutEvaluations").input_shape


def verdict_of(compliance: str, annotation: str) -> Verdict:
    """What whoever reads AWS Config takes from it: an unknown is a NOT_APPLICABLE that says that it could not be checked."""
    if annotation.startswith(COULD_NOT_CHECK):
        assert compliance == COMPLIANCE[Verdict.UNKNOWN]
        return Verdict.UNKNOWN
    return next(verdict for verdict, name in COMPLIANCE.items() if name == compliance and verdict is not Verdict.UNKNOWN)


def told(subject: Rule, source: MemoryNeighbours, message: Mapping[str, Any]) -> list[Told]:
    """What Config is told on one event."""
    event = {
        "version": "1.0",
        "invokingEvent": json.dumps({"notificationCreationTime": "2026-11-23T08:00:01Z", **message}),
        "ruleParameters": json.dumps({"rule": subject.id}),
        "resultToken": "token",
        "eventLeftScope": False,
        "accountId": OWN,
    }
    config = Config()
    respond(event, source, config.put, {"AVERMENT_SCOPE": scope_to_json(SCOPE)})
    return config.told


def on_schedule(subject: Rule, source: MemoryNeighbours) -> list[Told]:
    return told(subject, source, {"messageType": "ScheduledNotification", "awsAccountId": OWN})


def on_change(subject: Rule, source: MemoryNeighbours, item: Mapping[str, Any]) -> Told:
    (found,) = told(subject, source, {"messageType": "ConfigurationItemChangeNotification", "configurationItem": item})
    return found


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    return next((verdict for verdict in ORDER if verdict in verdicts), Verdict.NOT_APPLICABLE)


def before(subject: Rule, graph: Graph) -> list[tuple[Resource, Verdict]]:
    context = Context(graph, SCOPE)
    return [(resource, subject.evaluate(resource, context).verdict) for resource in list(graph) if resource.type in subject.types]


@pytest.mark.parametrize("folder", cases())
def test_a_case_gets_its_verdict_from_the_function(folder: Path):
    """On a schedule, all of the rule's resources at once; on a change, each by itself: one verdict, and that of the case."""
    subject, items = rule_of(folder), deployment(folder).items()
    source = MemoryNeighbours(items)
    scheduled = on_schedule(subject, source)
    assert worst([entry.verdict for entry in scheduled]) == Verdict(folder.name.rsplit(".", 1)[-1]), scheduled
    single = [on_change(subject, source, item) for item in items if item["resourceType"] in subject_types(subject)]
    assert sorted(single, key=str) == sorted(scheduled, key=str)
    assert all(entry.annotation for entry in scheduled if entry.verdict in (Verdict.FAIL, Verdict.UNKNOWN))


@pytest.mark.parametrize("folder", cases())
def test_each_resource_of_a_case_gets_the_verdict_that_it_had_before_the_merge(folder: Path):
    """Not only the worst one: a failure stays with its resource, or with the one whose item holds it."""
    subject, deployed = rule_of(folder), deployment(folder)
    found = {(entry.kind, entry.identity): entry.verdict for entry in on_schedule(subject, MemoryNeighbours(deployed.items()))}
    expected: dict[tuple[str, str], list[Verdict]] = {key: [] for key in found}
    for resource, verdict in before(subject, deployed.graph):
        for holder in holders(resource, deployed):
            expected.setdefault(holder, []).append(verdict)
    assert {key: worst(verdicts) for key, verdicts in expected.items()} == found


_NAMED_OWNERS = {
    "AWS::S3::BucketPolicy": ("AWS::S3::Bucket", "Bucket"),
    "AWS::S3::MultiRegionAccessPointPolicy": ("AWS::S3::MultiRegionAccessPoint", "MrapName"),
}
"""Policies that stand in the item of what they name, and the property that names it."""


def holders(resource: Resource, deployed: Deployment) -> list[tuple[str, str]]:
    """The items under which a resource of a template is known once it is deployed."""
    own = [(item["resourceType"], item["resourceId"]) for item in deployed.items_of(resource)]
    wanted = held_in((resource.type,))
    found = [entry for entry in own if entry[0] in wanted]
    if found:
        return found
    graph = graph_from_items(deployed.items())
    if resource.type in _NAMED_OWNERS:
        kind, key = _NAMED_OWNERS[resource.type]
        return [(kind, str(deployed.value(resource.get(key))))]
    assert resource.type in ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"), resource.type
    assert len(graph) > 0
    named = {"Role": ("Roles", "RoleName"), "User": ("Users", "UserName"), "Group": ("Groups", "GroupName")}
    return [
        (f"AWS::IAM::{kind}", str(deployed.value(name)))
        for kind, (many, one) in named.items()
        for name in (*(resource.get(many) or ()), *((resource.get(one),) if resource.get(one) is not None else ()))
    ]


_REASONS: dict[str, tuple[str, ...]] = {
    "AWS::CloudFront::OriginAccessControl": (
        "cdn_media_gated/function_refuses.pass",
        "cdn_media_gated/gated.pass",
        "cdn_media_gated/gated_at_origin.pass",
        "cdn_media_gated/never_signed.fail",
    ),
    "AWS::CloudWatch::CompositeAlarm": (
        "inference_cost_watched/alarm_muted.fail",
        "inference_cost_watched/alarm_without_action.fail",
    ),
    "AWS::Cognito::IdentityPoolRoleAttachment": (
        "s3_put_object_gated/guests_by_attachment.fail",
        "s3_put_object_gated/signed_in_by_attachment.pass",
    ),
    "AWS::Config::ConfigurationRecorder": ("config_recorder_on/no_config.not-applicable",),
    "AWS::S3ObjectLambda::AccessPoint": (
        "media_bucket_events_scanned/direct_to_function.pass",
        "media_bucket_events_scanned/eventbridge_to_queue.pass",
        "media_bucket_events_scanned/filter_of_reader.fail",
        "media_bucket_events_scanned/filter_on_attributes.fail",
        "media_bucket_events_scanned/filter_on_message.pass",
        "media_bucket_events_scanned/pipe_stopped.fail",
        "media_bucket_events_scanned/prefix_pattern.pass",
        "media_bucket_events_scanned/published_bucket.not-applicable",
        "media_bucket_events_scanned/records_in_quarantine.not-applicable",
        "media_bucket_events_scanned/reader_disabled.fail",
        "media_bucket_events_scanned/rejects_in_quarantine.pass",
        "media_bucket_events_scanned/scanner_bounded.pass",
        "quarantine_not_served/access_block_half_open.pass",
        "quarantine_not_served/access_point_of_own_role.pass",
        "quarantine_not_served/cdn_of_other_bucket.pass",
        "quarantine_not_served/cdn_only_takes_uploads.pass",
        "quarantine_not_served/closed.pass",
        "quarantine_not_served/no_access_block.pass",
        "quarantine_not_served/object_lambda_access_point.fail",
        "quarantine_not_served/photos_shown_only.not-applicable",
        "quarantine_not_served/readable_by_scanner.pass",
        "unscanned_not_readable/access_point.fail",
        "unscanned_not_readable/allow_by_tag.pass",
        "unscanned_not_readable/cdn_only_takes_uploads.pass",
        "unscanned_not_readable/nobody_reads.pass",
        "unscanned_not_readable/published_by_pipeline.not-applicable",
        "unscanned_not_readable/tag_gate.pass",
        "unscanned_not_readable/told_no_more.fail",
        "unscanned_not_readable/worker_scans.fail",
        "upload_anomaly_alarm/request_metrics_off.fail",
        "upload_anomaly_alarm/requests_watched.pass",
        "upload_anomaly_alarm/scan_queue_watched.pass",
        "upload_provenance_tagged/listed_values_demanded.pass",
        "upload_provenance_tagged/published_by_pipeline.not-applicable",
        "upload_provenance_tagged/quarantine_scanned.pass",
        "upload_provenance_tagged/tag_demanded.pass",
    ),
    "AWS::SNS::Subscription": (
        "upload_anomaly_alarm/actions_off.fail",
        "upload_anomaly_alarm/composite_pages.pass",
        "upload_anomaly_alarm/no_alarm.fail",
        "upload_anomaly_alarm/other_bucket.fail",
        "upload_anomaly_alarm/tells_nobody.fail",
    ),
    "the grants of keys": (
        "signing_key_fit/anyone_of_own_account.pass",
        "signing_key_fit/outsider_verifies.pass",
        "signing_key_fit/own_account_only.pass",
    ),
    "the policies of access points": (
        "s3_put_object_gated/access_point.fail",
        "s3_put_object_gated/access_point_tag_demanded.pass",
    ),
    "the policies of multi-region access points": ("s3_put_object_gated/multi_region_access_point.fail",),
    "the time to live of tables": ("biometric_retention_limited/table_expires.pass",),
    "whether a trail is logging": (
        "media_access_logged/advanced_selector.pass",
        "media_access_logged/advanced_selector_of_folder.fail",
        "media_access_logged/trail_of_all_buckets.pass",
        "media_access_logged/trail_of_other_bucket.fail",
        "media_access_logged/trail_of_the_bucket.pass",
        "media_access_logged/trail_of_writes.fail",
        "media_access_logged/trail_switched_off.fail",
        "media_bucket_events_scanned/trail_of_uploads.pass",
        "media_bucket_events_scanned/trail_without_uploads.fail",
    ),
}
DIFFERENCES = {name: f"AWS Config doesn't record {reason}" for reason, names in _REASONS.items() for name in names}
"""Cases with a resource whose verdict is unknown where AWS Config is all that can be asked, and what it doesn't record."""


@pytest.mark.parametrize("folder", cases())
def test_config_alone_gives_the_verdict_or_says_what_it_does_not_record(folder: Path):
    """As in a snapshot, or in history: nothing but recorded items. Every difference is listed with its reason, and none is another verdict."""
    subject, items = rule_of(folder), deployment(folder).items()
    denied = {kind: f"AWS Config doesn't record {kind}" for kind in DESCRIBED}
    alone = on_schedule(subject, MemoryNeighbours(recorded_alone(items), denied))
    full = {(entry.kind, entry.identity): entry.verdict for entry in on_schedule(subject, MemoryNeighbours(items))}
    different = [entry for entry in alone if entry.kind != ACCOUNT and entry.verdict is not full[entry.kind, entry.identity]]
    name = f"{folder.parent.parent.name}/{folder.name}"
    assert all(entry.verdict is Verdict.UNKNOWN for entry in different), different
    assert bool(different) is (name in DIFFERENCES), different
    assert all(DIFFERENCES[name] in entry.annotation for entry in different), different
    unlisted = [kind for kind in subject_types(subject) if kind in DESCRIBED]
    # One verdict on the account, as AWS Config keeps the last one on each resource alone.
    told = [shortened(f"{COULD_NOT_CHECK}{'; '.join(denied[kind] for kind in unlisted)}")] if unlisted else []
    assert [entry.annotation for entry in alone if entry.kind == ACCOUNT] == told


def test_every_listed_difference_is_of_a_case():
    """A case that was renamed or dropped takes its entry with it."""
    assert set(DIFFERENCES) <= {f"{path.parent.parent.name}/{path.name}" for path in RULES.glob("*/cases/*")}


@pytest.mark.parametrize("folder", cases())
def test_a_neighbour_that_can_not_be_read_changes_no_verdict_but_to_unknown(folder: Path):
    """Each type that the rule looks at, denied by itself: no failure becomes a pass, and no pass a failure or nothing."""
    subject, items = rule_of(folder), deployment(folder).items()
    own = subject_types(subject)
    subjects = [item for item in items if item["resourceType"] in own]
    full = {str(item["resourceId"]): on_change(subject, MemoryNeighbours(items), item).verdict for item in subjects}
    for kind in held_in(subject.neighbours):
        source = MemoryNeighbours(items, {kind: "AccessDenied"})
        for item in subjects:
            found = on_change(subject, source, item)
            assert found.verdict in (full[found.identity], Verdict.UNKNOWN), (kind, found)
            assert found.verdict is full[found.identity] or "AccessDenied" in found.annotation, (kind, found)


@pytest.mark.parametrize("folder", cases())
def test_what_a_service_doesn_t_tell_of_a_resource_makes_no_pass(folder: Path):
    """A fact beside the recorded item that the function may not ask for: what was broken is so still, or could not be checked."""
    items = json.loads((folder / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    blind = [
        {**item, "supplementaryConfiguration": {**item["supplementaryConfiguration"], ADDED: {WHY: "nobody may ask"}}}
        if ADDED in (item.get("supplementaryConfiguration") or {})
        else item
        for item in items
    ]
    subject = rule_of(folder)
    before = {(entry.kind, entry.identity): entry for entry in on_schedule(subject, MemoryNeighbours(items))}
    for entry in on_schedule(subject, MemoryNeighbours(blind)):
        if before[entry.kind, entry.identity].verdict is Verdict.FAIL:
            assert entry.verdict in (Verdict.FAIL, Verdict.UNKNOWN), entry


DOCUMENTS = frozenset({"policyText", "Policy", "policyDocument", "assumeRolePolicyDocument", "document", "Content", "EventPattern"})
"""What has a grammar of its own: it is put in another shape as a whole."""

MAY_LACK = frozenset(
    {
        "AWS::Cognito::UserPool configuration LambdaConfig",
        "AWS::Cognito::UserPool configuration LambdaConfig VerifyAuthChallengeResponse",
        "AWS::Events::Rule configuration Targets",
        "AWS::KMS::Key configuration description",
        "AWS::Lambda::Function supplementaryConfiguration",
        "AWS::Lambda::Function supplementaryConfiguration Concurrency",
        "AWS::S3::Bucket supplementaryConfiguration BucketCrossOriginConfiguration",
        "AWS::S3::Bucket supplementaryConfiguration BucketReplicationConfiguration",
        "AWS::S3::Bucket supplementaryConfiguration BucketWebsiteConfiguration",
    }
)
"""What AWS Config leaves out where it isn't set: under another name it can't be told from that."""


def parts(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each part of an item's configuration that AWS Config records, with its place: also within JSON text."""
    if isinstance(value, str) and value.startswith("{") and at[-1] not in DOCUMENTS:
        value = json.loads(value)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inside:
        if entry is not None and key != ADDED:
            yield (*at, key), entry
            yield from parts(entry, (*at, key)) if key not in DOCUMENTS else ()


def others(value: Any) -> list[Any]:
    """What stands in place of ``value`` in another shape; an empty list or object says that there is nothing, and is none."""
    shapes = {str: "text", int: 5, dict: {"another": 5}, list: [5]}
    return [shape for kind, shape in shapes.items() if not isinstance(value, kind)] + [[{}]]


def changed(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """``value`` with ``other`` at ``place``, or with that part under another name (``None``)."""
    if isinstance(value, str):
        return json.dumps(changed(json.loads(value), place, other))
    first, *rest = place
    new = changed(value[first], tuple(rest), other) if rest else other
    if isinstance(value, list):
        return [new if index == first else entry for index, entry in enumerate(value)]
    return {f"{key}Anew" if key == first and new is None else key: new if key == first and new is not None else value[key] for key in value}


def misshapen(item: Any) -> Iterator[tuple[str, Any]]:
    """``item`` with one part in another shape or under another name, for each of its parts, and what was done."""
    recorded = {key: item[key] for key in ("configuration", "supplementaryConfiguration") if item.get(key)}
    for place, value in parts(recorded) if not asked_of_service(item["resourceType"]) else ():
        name = " ".join([item["resourceType"], *(key for key in place if isinstance(key, str))])
        renamed = [None] if isinstance(place[-1], str) and name not in MAY_LACK else []
        for other in (*others(value), *renamed):
            yield f"{name}: {other}", changed(item, place, other)


def verdicts(subject: Rule, items: Sequence[Any]) -> dict[tuple[str, str], Evaluation]:
    """What the rule says of each resource in ``items``."""
    found = Evaluator(subject, MemoryNeighbours(items), SCOPE, {}, OWN).every()
    return {(entry.resource_type, entry.resource_id): entry for entry in found}


@pytest.mark.parametrize("folder", [case for case in cases() if str(case.id).endswith(".pass")])
def test_an_item_that_can_not_be_read_makes_no_failure(folder: Path):
    """Whoever listens or asks may be in it: that nobody does is no more than what could not be checked."""
    subject = rule_of(folder)
    items = json.loads((folder / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    for index, item in enumerate(items):
        unread = verdicts(subject, [*items[:index], {**item, "configuration": "text"}, *items[index + 1 :]])
        assert not [entry for entry in unread.values() if entry.verdict is Verdict.FAIL], item["resourceId"]


@pytest.mark.parametrize("folder", [case for case in cases() if str(case.id).endswith(".fail")])
def test_a_part_of_another_shape_makes_no_pass(folder: Path):
    """AWS changes its items without notice: what fails does so still, or could not be checked."""
    subject = rule_of(folder)
    items = json.loads((folder / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    failing = [key for key, entry in verdicts(subject, items).items() if entry.verdict is Verdict.FAIL]
    assert failing
    for index, item in enumerate(items):
        for what, other in misshapen(item):
            after = verdicts(subject, [*items[:index], other, *items[index + 1 :]])
            for key in failing:
                assert key in after, what
                assert after[key].verdict in (Verdict.FAIL, Verdict.UNKNOWN), (what, after[key])
                assert not after[key].crashed, (what, after[key])


EDGE = ("configuration", "distributionConfig", "defaultCacheBehavior", "functionAssociations")
INLINE = ("configuration", "rolePolicyList", 1)
TOLD = ("supplementaryConfiguration", "BucketNotificationConfiguration")


@pytest.mark.parametrize(
    ("case", "kind", "place", "other"),
    [
        ("cdn_media_gated/cases/gated.pass", "AWS::CloudFront::Distribution", (*EDGE, "items"), "text"),
        ("cdn_media_gated/cases/gated.pass", "AWS::CloudFront::Distribution", (*EDGE, "items"), None),
        ("cdn_media_gated/cases/gated.pass", "AWS::CloudFront::Distribution", (*EDGE, "items", 0, "eventType"), 5),
        ("identity_lambda_calls_detector/cases/asks_itself.pass", "AWS::IAM::Role", (*INLINE, "policyDocument"), 5),
        ("identity_lambda_calls_detector/cases/asks_itself.pass", "AWS::IAM::Role", INLINE, 5),
        ("isolation_runbook_present/cases/own_role.pass", "AWS::SSM::Document", ("configuration", "Content"), 5),
        ("upload_anomaly_alarm/cases/requests_watched.pass", "AWS::CloudWatch::Alarm", ("configuration", "alarmActions"), 5),
        ("upload_anomaly_alarm/cases/requests_watched.pass", "AWS::CloudWatch::Alarm", ("configuration", "dimensions"), 5),
        ("upload_anomaly_alarm/cases/scan_queue_watched.pass", "AWS::SQS::Queue", ("configuration", "QueueName"), 5),
        ("upload_anomaly_alarm/cases/scan_queue_watched.pass", "AWS::S3::Bucket", TOLD, 5),
    ],
)
def test_a_part_of_another_shape_is_no_part_that_is_missing(case: str, kind: str, place: tuple[Any, ...], other: Any):
    """A distribution whose gates aren't listed has some perhaps: that it has none was said, and that an alarm tells nobody."""
    items = json.loads((RULES / case / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    index, item = next((index, item) for index, item in enumerate(items) if item["resourceType"] == kind)
    found = verdicts(rule_of(RULES / case), [*items[:index], changed(item, place, other), *items[index + 1 :]])
    assert not [entry for entry in found.values() if entry.verdict is Verdict.FAIL]


@pytest.mark.parametrize("tags", [5, "text", [5], [{"name": "data-class"}], {"data-class": {"value": "biometric"}}])
def test_tags_of_another_shape_are_not_none(tags: Any):
    """A bucket that is known by its tags alone concerned nobody once they couldn't be read."""
    folder = RULES / "biometric_retention_limited/cases/moved_not_expired.fail"
    items = json.loads((folder / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    known = [{**item, "tags": {"data-class": "biometric"}, "resourceId": "b", "configuration": {"name": "b"}} for item in items]
    for given, verdict in (
        ({"tags": known[0]["tags"]}, Verdict.FAIL),
        ({"tags": tags}, Verdict.UNKNOWN),
        ({"tags": {}}, Verdict.NOT_APPLICABLE),
    ):
        (found,) = verdicts(rule_of(folder), [{**known[0], **given}]).values()
        assert found.verdict is verdict
