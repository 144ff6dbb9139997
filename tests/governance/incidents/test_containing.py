"""Containing on the embedded AWS: each measure holds, is recorded whatever came of it, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from averment.cli.main import run
from averment.core.errors import BadInputError, IncompleteError
from averment.core.stopping import Terminated
from averment.evidence.record import Gathering
from averment.governance.incidents import measures, runbook_measures
from averment.governance.incidents.containing import contain, contained_elsewhere, nothing_to_contain, undo, undoable
from averment.governance.incidents.custody import nothing_to_preserve, preserve
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import LockedKeep
from averment.governance.incidents.measure import Effect, Outcome
from averment.governance.incidents.measures import MEASURES, Invalidate, open_measure
from averment.governance.incidents.runbook_measures import Runbook
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import owed_before_closing, recover
from averment.governance.incidents.words import Step
from averment.governance.remediation.runbooks import shipped_runbook

T = TypeVar("T")
By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]
WHY = "It is live."
ACTS_AS = "AutomationAssumeRole=arn:aws:iam::123456789012:role/runbooks"
ORIGIN = {"Id": "media", "DomainName": "published.s3.eu-west-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
DISTRIBUTION: Any = {
    "CallerReference": "1",
    "Comment": "",
    "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [ORIGIN]},
    "DefaultCacheBehavior": {"TargetOriginId": "media", "ViewerProtocolPolicy": "https-only"},
}


@pytest.fixture
def incident(opened: Any, act: By, with_record: With) -> Incident:
    """An incident of which somebody said that there is nothing to preserve."""
    first: Incident = opened()
    return with_record(first, nothing_to_preserve(first, act(), because="The bytes lie at the partner's."))


@pytest.fixture
def bucket(sandbox: Any) -> str:
    """A versioned bucket with two versions of one picture's name."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="published", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="published", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"genuine", b"fake"):
        s3.put_object(Bucket="published", Key="autumn/4.jpg", Body=body)
    return "published"


def test_hiding_keeps_every_version_and_can_be_undone(bucket: str, incident: Incident, act: By, with_record: With) -> None:
    """A hidden object can't be read, loses no version, and is back after the undoing."""
    s3 = boto3.client("s3")
    record = contain(incident, act(), open_measure("hide-object=s3://published/autumn/4.jpg"), because=WHY)
    assert (record.payload["outcome"], record.gathering) == ("holds", Gathering.COLLECTED)
    assert "what a CDN holds of it" in record.payload["reason"]  # contained isn't taken for more than was looked at
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="autumn/4.jpg")
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
    held = with_record(incident, record)
    assert [event.index for event in undoable(held)] == [2]
    undone = undo(held, act(minutes=9), 2, because="It was genuine.")
    assert undone.payload["outcome"] == "holds"
    assert s3.get_object(Bucket=bucket, Key="autumn/4.jpg")["Body"].read() == b"fake"
    after = with_record(held, undone)
    assert undoable(after) == []
    with pytest.raises(BadInputError, match="undone already"):
        undo(after, act(minutes=10), 2, because="Once more.")


def test_showing_again_tells_of_an_upload_that_came_meanwhile(bucket: str) -> None:
    """The intruder uploads again under the key: what is the latest now isn't what was hidden, and isn't said to be back."""
    hide = open_measure("hide-object=s3://published/autumn/4.jpg")
    hidden = hide.apply()
    new = boto3.client("s3").put_object(Bucket=bucket, Key="autumn/4.jpg", Body=b"another fake")["VersionId"]
    said = hide.undo(hidden).reason
    assert (
        said
        == f"version {new} is the latest; when it was hidden, that was {(hidden.before or {})['version_id']}: look what was uploaded since"
    )


def test_hiding_by_a_former_version_is_refused(bucket: str) -> None:
    """The address that preserving printed of the fake, after the genuine picture was put over it: the marker hid the genuine one, and was said to hold."""
    s3 = boto3.client("s3")
    fake = s3.head_object(Bucket=bucket, Key="autumn/4.jpg")["VersionId"]
    genuine = s3.put_object(Bucket=bucket, Key="autumn/4.jpg", Body=b"genuine")["VersionId"]
    with pytest.raises(IncompleteError, match="isn't the latest version"):
        open_measure(f"hide-object=s3://published/autumn/4.jpg?versionId={fake}").apply()
    assert s3.head_object(Bucket=bucket, Key="autumn/4.jpg")["VersionId"] == genuine
    assert open_measure(f"hide-object=s3://published/autumn/4.jpg?versionId={genuine}").apply().outcome is Outcome.HOLDS


def test_what_is_hidden_already_holds_and_is_not_this_measures_to_show_again(
    bucket: str, incident: Incident, act: By, with_record: With
) -> None:
    """After a run that was broken off, or by two responders at once: the second says that it holds and doesn't take the first one's marker away. What
    never was there is no containment."""
    hide = open_measure("hide-object=s3://published/autumn/4.jpg")
    hide.apply()
    record = contain(incident, act(), hide, because=WHY)
    assert record.payload["outcome"] == "holds"
    assert "hidden already" in record.payload["reason"]
    found = with_record(incident, record)
    with pytest.raises(BadInputError, match="names no delete marker"):
        undo(found, act(minutes=9), 2, because="It was genuine.")
    with pytest.raises(BadInputError, match="is no measure") as refused:  # and isn't named to be chosen
        undo(found, act(minutes=9), 1, because="It was genuine.")
    assert refused.value.fix == "choose from: none"
    missing = contain(incident, act(), open_measure("hide-object=s3://published/autumn/5.jpg"), because=WHY)
    assert missing.payload["outcome"] == "failed"


def test_what_was_found_hidden_falls_with_the_marker_that_hid_it(bucket: str, incident: Incident, act: By, with_record: With) -> None:
    """Two responders hide the same object, and the first one's marker is taken away: neither measure holds any more, and none is left to be undone.
    Of a key that was off already the undoing leaves it off, and the other's measure to be undone."""
    hide = open_measure("hide-object=s3://published/autumn/4.jpg")
    held = incident
    for _ in range(2):
        held = with_record(held, contain(held, act(), hide, because=WHY))
    back = with_record(held, undo(held, act(minutes=9), 2, because="It was genuine."))
    assert (set(back.taken_back), undoable(back)) == ({2, 3}, [])
    iam = boto3.client("iam")
    iam.create_user(UserName="pixelpost")
    off = open_measure(f"disable-key=pixelpost/{iam.create_access_key(UserName='pixelpost')['AccessKey']['AccessKeyId']}")
    held = incident
    for _ in range(2):
        held = with_record(held, contain(held, act(), off, because=WHY))
    held = with_record(held, undo(held, act(minutes=9), 3, because="It was done twice."))
    assert [event.index for event in undoable(held)] == [2]
    held = with_record(held, undo(held, act(minutes=10), 2, because="The partner has a new key."))
    again = with_record(held, contain(held, act(minutes=11), off, because=WHY))
    assert (set(again.taken_back), [event.index for event in undoable(again)]) == ({2, 3}, [6])


def test_hiding_where_no_versions_are_kept_would_delete_and_is_refused(sandbox: Any, incident: Incident, act: By) -> None:
    """Without versioning the measure fails, the object stays, and the failure is in the record with what to do."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="plain", Key="a.jpg", Body=b"x")
    record = contain(incident, act(), open_measure("hide-object=s3://plain/a.jpg"), because=WHY)
    assert (record.payload["outcome"], record.gathering) == ("failed", Gathering.PARTIAL)
    assert "hiding would be deleting" in str(record.reason)
    assert s3.get_object(Bucket="plain", Key="a.jpg")["Body"].read() == b"x"


def test_a_key_is_disabled_and_comes_back_as_it_was(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """The key is inactive afterwards; undoing gives it the status that it had."""
    iam = boto3.client("iam")
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]

    def status() -> str:
        return str(iam.list_access_keys(UserName="pixelpost")["AccessKeyMetadata"][0]["Status"])

    record = contain(incident, act(), open_measure(f"disable-key=pixelpost/{key}"), because=WHY)
    assert (record.payload["outcome"], status()) == ("holds", "Inactive")
    undo(with_record(incident, record), act(minutes=9), 2, because="The partner has a new key.")
    assert status() == "Active"
    missing = contain(incident, act(), open_measure("disable-key=pixelpost/AKIANOBODY"), because=WHY)
    assert missing.payload["outcome"] == "failed"


def test_sessions_are_revoked_by_a_deny_on_what_began_before(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """The role gets an inline policy that denies sessions from before now, and loses it by the undoing."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    record = contain(incident, act(), open_measure("revoke-sessions=partner"), because=WHY)
    policy = iam.get_role_policy(RoleName="partner", PolicyName=str(record.payload["reference"]))["PolicyDocument"]
    statement = policy["Statement"][0]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "*")
    assert statement["Condition"] == {"DateLessThan": {"aws:TokenIssueTime": record.payload["before"]["before"]}}
    undo(with_record(incident, record), act(minutes=9), 2, because="The partner rotated its secrets.")
    assert iam.list_role_policies(RoleName="partner")["PolicyNames"] == []


def test_of_two_who_revoke_a_roles_sessions_one_is_taken_back_alone(sandbox: Any) -> None:
    """Both revocations hold by a policy of their own: taking back one, as a duplicate, doesn't let the sessions in that the other keeps out."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    measure = open_measure("revoke-sessions=partner")
    first, second = measure.apply(), measure.apply()
    assert measure.undo(first).outcome is Outcome.HOLDS
    assert iam.list_role_policies(RoleName="partner")["PolicyNames"] == [second.reference]
    assert measure.undo(second).outcome is Outcome.HOLDS
    assert iam.list_role_policies(RoleName="partner")["PolicyNames"] == []


def test_sessions_are_revoked_by_the_clock_of_aws(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is four minutes behind, which AWS puts up with: sessions of these minutes, such as the intruder's, are denied too."""
    iam, asked = boto3.client("iam"), BaseClient._make_api_call
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")

    def make(self: Any, name: str, kwargs: Any) -> Any:
        answer = asked(self, name, kwargs)
        answer["ResponseMetadata"]["HTTPHeaders"]["date"] = "Sat, 28 Nov 2026 08:04:00 GMT"
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    monkeypatch.setattr(measures, "utc_now", lambda: datetime(2026, 11, 28, 8, 0, tzinfo=UTC))
    effect = open_measure("revoke-sessions=partner").apply()
    policy = iam.get_role_policy(RoleName="partner", PolicyName=str(effect.reference))["PolicyDocument"]
    assert policy["Statement"][0]["Condition"] == {"DateLessThan": {"aws:TokenIssueTime": "2026-11-28T08:04:00Z"}}
    assert effect.reason == "sessions from before 2026-11-28T08:04:00Z are denied"
    assert len(iam.list_role_policies(RoleName="partner")["PolicyNames"]) == 1


def test_an_undoing_holds_only_if_it_is_seen_to(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was accepted and changed nothing (here: left out) is failed, and says what still stands."""
    iam = boto3.client("iam")
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    disabled, revoked = open_measure(f"disable-key=pixelpost/{key}"), open_measure("revoke-sessions=partner")
    effects = disabled.apply(), revoked.apply()
    monkeypatch.setattr(measures, "PAUSES", (0.0,))
    monkeypatch.setattr(measures.DisableKey, "_set", lambda self, status: None)
    monkeypatch.setattr(measures.RevokeSessions, "_is_there", lambda self, iam, name: True)
    undone = disabled.undo(effects[0]), revoked.undo(effects[1])
    assert [str(effect.outcome) for effect in undone] == ["failed", "failed"]
    assert [effect.reason for effect in undone] == ["the key is Inactive", "the policy is still there"]


def test_iam_may_show_for_a_while_what_was_before(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reads lag behind its changes: a key that is disabled, and sessions that are revoked, were recorded as failed, and their undoing too."""
    iam, asked = boto3.client("iam"), BaseClient._make_api_call
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    seen: dict[str, Any] = {}

    def lagging(self: Any, name: str, kwargs: Any) -> Any:
        """Each answer of a listing is the one before; a change starts that anew."""
        found = asked(self, name, kwargs)
        if not name.startswith("List"):
            return found
        before, seen[name] = seen.get(name, found), found
        return before

    monkeypatch.setattr(BaseClient, "_make_api_call", lagging)
    monkeypatch.setattr(measures, "PAUSES", (0.0, 0.0))
    iam.list_role_policies(RoleName="partner")
    for text in (f"disable-key=pixelpost/{key}", "revoke-sessions=partner"):
        measure = open_measure(text)
        effect = measure.apply()
        assert effect.outcome is Outcome.HOLDS, effect.reason
        assert measure.undo(effect).outcome is Outcome.HOLDS


def test_an_invalidation_names_its_id(sandbox: Any, incident: Incident, act: By) -> None:
    """The CDN's own id of the invalidation is the reference, and its status is told as it is."""
    cloudfront = boto3.client("cloudfront")
    distribution = cloudfront.create_distribution(DistributionConfig=DISTRIBUTION)["Distribution"]["Id"]
    record = contain(incident, act(), open_measure(f"invalidate={distribution}:/autumn/4.jpg,/thumbs/*"), because=WHY)
    listed = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    assert record.payload["reference"] in {item["Id"] for item in listed}
    assert record.payload["outcome"] == "holds"
    assert "the invalidation is" in record.payload["reason"]


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ("/img (1).jpg", ["/img%20(1).jpg", "/img%20%281%29.jpg"]),
        ("/a%2Cb.jpg", ["/a,b.jpg", "/a%2Cb.jpg"]),
        ("/a.jpg?w=200&h=3", ["/a.jpg?w=200&h=3"]),
        ("/müller+1/*", ["/m%C3%BCller+1/*", "/m%C3%BCller%2B1/*"]),
        ("/100%.jpg", ["/100%25.jpg"]),
    ],
)
def test_an_invalidation_names_each_way_that_a_copy_may_be_cached_under(sandbox: Any, written: str, paths: list[str]) -> None:
    """CloudFront completes an invalidation that encodes more than it wants encoded, and goes on serving the copy: it would read as contained."""
    cloudfront = boto3.client("cloudfront")
    distribution = cloudfront.create_distribution(DistributionConfig=DISTRIBUTION)["Distribution"]["Id"]
    effect = open_measure(f"invalidate={distribution}:{written}").apply()
    made = cloudfront.get_invalidation(DistributionId=distribution, Id=effect.reference)["Invalidation"]
    assert made["InvalidationBatch"]["Paths"] == {"Quantity": len(paths), "Items": paths}


def _invalidated(monkeypatch: pytest.MonkeyPatch, statuses: list[str], **waiting: Any) -> tuple[Invalidate, Effect]:
    """What an invalidation comes to whose status is told as ``statuses``, one at each look."""
    cloudfront = boto3.client("cloudfront", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(cloudfront) as stub:
        for operation, status in [("create_invalidation", "InProgress"), *(("get_invalidation", status) for status in statuses)]:
            batch = {"Paths": {"Quantity": 1, "Items": ["/a.jpg"]}, "CallerReference": "1"}
            told = {"Id": "I1", "Status": status, "CreateTime": "2026-11-28T08:00:00Z", "InvalidationBatch": batch}
            stub.add_response(operation, {"Invalidation": told})
        monkeypatch.setattr(measures, "client", lambda _: cloudfront)
        measure = Invalidate("E1:/a.jpg", **waiting)
        return measure, measure.apply()


def test_an_invalidation_is_waited_for_as_long_as_the_cdn_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFront never answers at once: what is in progress at first holds when it is completed, and is under way where it takes too long."""
    _, effect = _invalidated(monkeypatch, ["InProgress", "InProgress", "Completed"], sleep=lambda _: None)
    assert (effect.outcome, effect.reference) == (Outcome.HOLDS, "I1")
    _, effect = _invalidated(monkeypatch, ["InProgress"], wait_seconds=0)
    assert (effect.outcome, effect.reference) == (Outcome.UNDER_WAY, "I1")


@pytest.mark.parametrize("how", [KeyboardInterrupt, partial(Terminated, 143)])
def test_who_stops_waiting_for_the_cdn_does_not_lose_the_invalidation(
    monkeypatch: pytest.MonkeyPatch, how: Callable[[], BaseException]
) -> None:
    """Ctrl-C or SIGTERM ends the waiting: that it was begun, and its id, are in the record."""

    def stopped(_seconds: float) -> None:
        raise how()

    measure, effect = _invalidated(monkeypatch, ["InProgress"], sleep=stopped)
    assert (effect.outcome, effect.reference, measure.broken_off) == (Outcome.UNDER_WAY, "I1", True)


def test_an_undoing_that_was_refused_may_be_tried_again(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """A failed undoing is a record, leaves the measure to be undone, and doesn't count as one."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    held = with_record(incident, contain(incident, act(), open_measure("revoke-sessions=partner"), because=WHY))
    iam.delete_role_policy(RoleName="partner", PolicyName=str(held.events[-1].payload["reference"]))
    refused = undo(held, act(minutes=9), 2, because="The partner rotated its secrets.")
    assert (refused.payload["outcome"], refused.gathering) == ("failed", Gathering.PARTIAL)
    again = with_record(held, refused)
    assert [event.index for event in undoable(again)] == [2]
    assert undo(again, act(minutes=10), 2, because="Once more.").payload["outcome"] == "failed"


def test_evidence_comes_first_unless_somebody_says_why_not(bucket: str, opened: Any, act: By) -> None:
    """Containing before preserving is refused; with a reason it is done, and the reason is kept."""
    measure = open_measure("hide-object=s3://published/autumn/4.jpg")
    with pytest.raises(BadInputError, match="containing can destroy evidence"):
        contain(opened(), act(), measure, because=WHY)
    record = contain(opened(), act(), measure, because=WHY, unpreserved="A child is shown; every minute counts.")
    assert record.payload["unpreserved"] == "A child is shown; every minute counts."


def test_what_the_record_cannot_name_is_not_taken_back_by_it(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """A user whose name is an e-mail address stands in no record; the undoing would be of another user, and says so instead."""
    iam = boto3.client("iam")
    iam.create_user(UserName="ada@shop.example")
    key = iam.create_access_key(UserName="ada@shop.example")["AccessKey"]["AccessKeyId"]
    record = contain(incident, act(), open_measure(f"disable-key=ada@shop.example/{key}"), because=WHY)
    assert (record.payload["outcome"], record.payload["target"]) == ("holds", f"[e-mail address]/{key}")
    with pytest.raises(BadInputError, match="leaves out somebody's address") as caught:
        undo(with_record(incident, record), act(minutes=9), 2, because="It was genuine.")
    assert "--restored" in str(caught.value.fix)


def test_what_failed_contains_nothing(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """Measures that were refused, or that nobody saw to hold, don't make an incident contained; what is undone in vain doesn't make it recovered."""
    failed = contain(incident, act(), open_measure("disable-key=pixelpost/AKIANOBODY"), because=WHY)
    tried = with_record(incident, failed)
    going_on = replace(failed, payload={**failed.payload, "outcome": "under-way"})
    tried = with_record(tried, going_on)
    assert (tried.phase, tried.came_to_hold(Step.CONTAIN)) == ("open", [])
    assert "of 2 measures none is known to hold, and nobody said that there is nothing to contain" in owed_before_closing(tried)
    refused = undo(tried, act(minutes=6), 3, because="It was the wrong key.")
    assert (refused.payload["outcome"], with_record(tried, refused).phase) == ("failed", "open")
    stated = contained_elsewhere(tried, act(minutes=7), what="blocked at the proxy", target="the partner", reference=None, because=WHY)
    assert with_record(tried, stated).phase == "contained"


def test_what_was_taken_back_contains_and_restores_nothing(sandbox: Any, incident: Incident, act: By, with_record: With) -> None:
    """The wrong key was disabled and enabled again: the incident went on as recovered, and could be closed, while nothing was stopped."""
    boto3.client("iam").create_user(UserName="someone")
    key = boto3.client("iam").create_access_key(UserName="someone")["AccessKey"]["AccessKeyId"]
    wrong = with_record(incident, contain(incident, act(), open_measure(f"disable-key=someone/{key}"), because=WHY))
    back = with_record(wrong, undo(wrong, act(minutes=6), 2, because="It was the wrong key."))
    assert (wrong.phase, back.phase) == ("contained", "open")
    assert any("whatever held was taken back" in owed for owed in owed_before_closing(back))
    alarm = with_record(back, nothing_to_contain(back, act(minutes=7), because="It was a false alarm."))
    restored = with_record(back, recover(back, act(minutes=7), restored="The partner has a new key."))
    for over, phase in ((alarm, "contained"), (restored, "recovered")):
        assert over.phase == phase
        assert not any("taken back" in owed for owed in owed_before_closing(over))
    said = with_record(incident, recover(incident, act(), restored="The page is to show the genuine picture."))
    assert any(owed.startswith("nothing was contained") for owed in owed_before_closing(said)), "restoring alone stops nothing"


def test_what_people_did_elsewhere_is_recorded_as_their_word(incident: Incident, act: By, with_record: With) -> None:
    """A statement is no check: its outcome says so, and nothing here can undo it."""
    record = contained_elsewhere(incident, act(), what="Listing blocked", target="seller 4711", reference="CHG-9", because=WHY)
    assert record.payload["outcome"] == "stated"
    with pytest.raises(BadInputError, match="no measure of"):
        undo(with_record(incident, record), act(minutes=9), 2, because="It was wrong.")


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["InProgress", "Success"], Outcome.HOLDS),
        (["InProgress", "Failed"], Outcome.FAILED),
        (["Waiting"], Outcome.UNDER_WAY),
        (["TimedOut"], Outcome.FAILED),
    ],
)
def test_a_runbook_is_started_and_waited_for(monkeypatch: pytest.MonkeyPatch, statuses: list[str], outcome: Outcome) -> None:
    """The execution's id is the reference; what isn't a success is never taken for one. The calls are checked against botocore's service model."""
    ssm = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    execution = "4105a4fc-f944-11e6-9d32-0a1b2c3d495h"
    with Stubber(ssm) as stub:
        asked = {"DocumentName": "take-down", "Parameters": {"BucketName": ["published"]}, "ClientToken": ANY}
        stub.add_response("start_automation_execution", {"AutomationExecutionId": execution}, asked)
        for status in statuses:
            found = {"AutomationExecution": {"AutomationExecutionStatus": status, "Outputs": {"rememberPolicy.Before": ["{}"]}}}
            stub.add_response("get_automation_execution", found, {"AutomationExecutionId": execution})
        monkeypatch.setattr(runbook_measures, "client", lambda _: ssm)
        effect = Runbook("take-down:BucketName=published", sleep=lambda _: None).apply()
    assert (effect.outcome, effect.reference) == (outcome, execution)
    assert effect.before == {"outputs": {"rememberPolicy.Before": ["{}"]}}
    # What it left is no way back that ``restore`` could take, and whoever relies on it is told.
    assert ("it wrote down no way back (no output plan.Undo)" in effect.reason) is (outcome is Outcome.HOLDS)


def test_an_output_that_there_is_none_of_is_no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems Manager answers in its place that the step wasn't executed: that sentence's digest would vouch for a way back, and restore fail on it."""
    ssm = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    execution, none = "4105a4fc-f944-11e6-9d32-0a1b2c3d495h", "No output available yet because the step is not successfully executed"
    with Stubber(ssm) as stub:
        told = {"AutomationExecutionStatus": "Success", "Outputs": {"plan.Undo": [none], "plan.Summary": ["all of it"]}}
        stub.add_response("get_automation_execution", {"AutomationExecution": told}, {"AutomationExecutionId": execution})
        monkeypatch.setattr(runbook_measures, "client", lambda _: ssm)
        effect = runbook_measures.Execution(execution, sleep=lambda _: None).apply()
    assert effect.before == {"outputs": {"plan.Summary": ["all of it"]}}
    assert "it wrote down no way back" in effect.reason


@pytest.mark.parametrize("name", ["preserve-evidence", "rescan-since", "restore"])
def test_a_success_that_contains_nothing_is_no_containment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Copies were made, a scan was announced, or what was stopped was put back: whoever looks at such an execution isn't told that it holds."""
    ssm = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    execution = "4105a4fc-f944-11e6-9d32-0a1b2c3d495h"
    with Stubber(ssm) as stub:
        found = {"AutomationExecutionStatus": "Success", "DocumentName": f"averment-{name}"}
        stub.add_response("get_automation_execution", {"AutomationExecution": found})
        monkeypatch.setattr(runbook_measures, "client", lambda _: ssm)
        effect = open_measure(f"execution={execution}").apply()
    assert (effect.outcome, "it contains nothing" in effect.reason) == (Outcome.FAILED, True)


def test_a_runbook_that_was_lost_sight_of_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started, and asking after it is refused: that is no failure of the runbook, and the execution's id isn't lost."""
    ssm = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(ssm) as stub:
        asked = {"DocumentName": "take-down", "ClientToken": ANY}  # an empty map of parameters is refused
        stub.add_response("start_automation_execution", {"AutomationExecutionId": "4105a4fc-f944-11e6-9d32-0a1b2c3d495h"}, asked)
        stub.add_client_error("get_automation_execution", "AccessDeniedException")
        monkeypatch.setattr(runbook_measures, "client", lambda _: ssm)
        effect = Runbook("take-down", sleep=lambda _: None).apply()
    assert (effect.outcome, effect.reference) == (Outcome.UNDER_WAY, "4105a4fc-f944-11e6-9d32-0a1b2c3d495h")
    assert "AccessDeniedException" in effect.reason


def test_the_way_back_outlives_a_look_that_was_refused(bucket: str, incident: Incident, act: By, with_record: With) -> None:
    """The right to look is lost once the measure is taken: what was done is in the record as done, not as failed, and is taken back by it."""
    iam, cloudfront = boto3.client("iam"), boto3.client("cloudfront")
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    distribution = cloudfront.create_distribution(DistributionConfig=DISTRIBUTION)["Distribution"]["Id"]
    looks = {  # how often the measure may look beforehand
        "hide-object=s3://published/autumn/4.jpg": ("ListObjectVersions", 1),
        f"disable-key=pixelpost/{key}": ("ListAccessKeys", 1),
        "revoke-sessions=partner": ("ListRolePolicies", 0),
        f"invalidate={distribution}:/autumn/4.jpg": ("GetInvalidation", 0),
    }
    effects = {text: _refused_from(operation, before, open_measure(text).apply) for text, (operation, before) in looks.items()}
    assert {effect.outcome for effect in effects.values()} == {Outcome.UNDER_WAY}
    assert all(effect.reference and "is not known" in effect.reason for effect in effects.values())
    for text, effect in effects.items():
        if not text.startswith("invalidate"):
            assert open_measure(text).undo(effect).outcome is Outcome.HOLDS
    assert boto3.client("s3").get_object(Bucket=bucket, Key="autumn/4.jpg")["Body"].read() == b"fake"
    assert iam.list_access_keys(UserName="pixelpost")["AccessKeyMetadata"][0]["Status"] == "Active"
    assert cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]


@pytest.mark.parametrize("how", [KeyboardInterrupt(), Terminated(143)], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize(("operation", "looks"), [("DeleteObject", 0), ("ListObjectVersions", 1)])
def test_who_breaks_a_measure_off_does_not_lose_it(
    bucket: str, incident: Incident, act: By, with_record: With, operation: str, looks: int, how: BaseException
) -> None:
    """Ctrl-C or SIGTERM while the call is made, or while it is seen whether it holds, as where the network hangs: a record says so, no further measure is tried,
    and what was done can be taken back by it."""
    hide = open_measure("hide-object=s3://published/autumn/4.jpg")
    record = _refused_from(operation, looks, lambda: contain(incident, act(), hide, because=WHY), how)
    assert (record.payload["outcome"], hide.broken_off) == ("under-way", True)
    assert "broken off" in str(record.payload["reason"])
    if operation != "DeleteObject":
        held = with_record(incident, record)
        broken = _refused_from("DeleteObject", 0, lambda: undo(held, act(minutes=9), 2, because="It was genuine."), how)
        assert broken.payload["outcome"] == "failed"
        again = undo(with_record(held, broken), act(minutes=10), 2, because="It was genuine.")
        assert again.payload["outcome"] == "holds"


def test_a_key_that_was_disabled_without_an_answer_can_be_enabled_again(
    sandbox: Any, incident: Incident, act: By, with_record: With
) -> None:
    """The record said that it failed, and what stood there before was lost: asked for again, the undoing set the key to Inactive, and called that undone."""
    iam = boto3.client("iam")
    iam.create_user(UserName="pixelpost")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    lost = ReadTimeoutError(endpoint_url="https://iam.amazonaws.com")
    disable = open_measure(f"disable-key=pixelpost/{key}")
    record = _refused_from("UpdateAccessKey", 0, lambda: contain(incident, act(), disable, because=WHY), lost, heard=True)
    assert record.payload["outcome"] == "under-way"
    assert undo(with_record(incident, record), act(minutes=9), 2, because="It was theirs.").payload["outcome"] == "holds"
    assert iam.list_access_keys(UserName="pixelpost")["AccessKeyMetadata"][0]["Status"] == "Active"


def test_an_object_that_was_hidden_without_an_answer_is_not_told_as_shown(bucket: str, incident: Incident, act: By) -> None:
    """It may be hidden all the same; a refusal, which is an answer, is a failure as before."""
    hide = open_measure("hide-object=s3://published/autumn/4.jpg")
    lost = ReadTimeoutError(endpoint_url="https://s3.amazonaws.com")
    record = _refused_from("DeleteObject", 0, lambda: contain(incident, act(), hide, because=WHY), lost, heard=True)
    assert record.payload["outcome"] == "under-way"
    assert contain(incident, act(minutes=9), hide, because=WHY).payload["outcome"] == "holds"


def test_a_revocation_without_an_answer_keeps_its_name(sandbox: Any) -> None:
    """The connection breaks once the policy is there: the record names it, so that it can be taken away again."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    measure = open_measure("revoke-sessions=partner")
    lost = ReadTimeoutError(endpoint_url="https://iam.amazonaws.com")
    effect = _refused_from("PutRolePolicy", 0, measure.apply, lost, heard=True)
    assert (effect.outcome, [effect.reference]) == (Outcome.UNDER_WAY, iam.list_role_policies(RoleName="partner")["PolicyNames"])
    assert measure.undo(effect).outcome is Outcome.HOLDS


def test_a_runbook_whose_start_was_not_answered_may_run(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks while it is started: it is no failure, and where to look is said. Each attempt bears one token, so that it runs once. Without
    credentials nothing was sent, and that is a failure."""
    tokens: list[str] = []

    def make(self: Any, name: str, kwargs: Any) -> Any:
        tokens.append(kwargs["ClientToken"])
        raise error

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    error: Exception = ReadTimeoutError(endpoint_url="https://ssm.eu-west-1.amazonaws.com")
    effect = Runbook("take-down").apply()
    assert (effect.outcome, len(tokens[0])) == (Outcome.UNDER_WAY, 36)
    assert "describe-automation-executions" in effect.reason
    error = NoCredentialsError()
    with pytest.raises(IncompleteError, match="no AWS credentials"):
        Runbook("take-down").apply()
    assert len(set(tokens)) == 2


NO_MORE = ClientError({"Error": {"Code": "AccessDenied", "Message": "no more"}}, "the operation")


def _refused_from(operation: str, granted: int, doing: Callable[[], T], error: BaseException = NO_MORE, *, heard: bool = False) -> T:
    """What ``doing`` comes to while the service grants ``operation`` so often and answers with ``error`` from then on; ``heard``: having done it."""
    calls, asked = iter(range(99)), BaseClient._make_api_call

    def make(self: Any, name: str, kwargs: Any) -> Any:
        if name == operation and next(calls) >= granted:
            if heard:
                asked(self, name, kwargs)
            raise error
        return asked(self, name, kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make)
        return doing()


@pytest.mark.parametrize("how", [KeyboardInterrupt, partial(Terminated, 143)])
def test_who_stops_waiting_for_a_runbook_does_not_lose_it(monkeypatch: pytest.MonkeyPatch, how: Callable[[], BaseException]) -> None:
    """Ctrl-C or SIGTERM ends the waiting and not the runbook: its execution's id comes into the record, with how to look again."""
    ssm = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    execution = "4105a4fc-f944-11e6-9d32-0a1b2c3d495h"

    def stopped(_seconds: float) -> None:
        raise how()

    with Stubber(ssm) as stub:
        stub.add_response("start_automation_execution", {"AutomationExecutionId": execution})
        stub.add_response("get_automation_execution", {"AutomationExecution": {"AutomationExecutionStatus": "InProgress"}})
        monkeypatch.setattr(runbook_measures, "client", lambda _: ssm)
        runbook = Runbook("take-down", sleep=stopped)
        effect = runbook.apply()
    assert (effect.outcome, effect.reference, runbook.broken_off) == (Outcome.UNDER_WAY, execution, True)
    assert f"--do execution={execution}" in effect.reason


@pytest.mark.parametrize(
    "text",
    [
        "erase=s3://a/b",
        "hide-object",
        "hide-object=autumn/4.jpg",
        "disable-key=pixelpost",
        "hide-object=https://cdn.shop.example/autumn/4.jpg",
        "hide-object=arn:aws:s3:::shop-published/autumn/4.jpg",
        "revoke-sessions=arn:aws:iam::123456789012:role/partner",
        "invalidate=https://media.shop.example/autumn/4.jpg",
        "invalidate=d111111abcdef8.cloudfront.net:/autumn/4.jpg",
        "invalidate=E1:nopath",
        "invalidate=E1:",
        "invalidate=E1:/autumn/4.jpg,thumbs/4.jpg",
        "invalidate=E1:/autumn/a,b.jpg",
        "invalidate=E1:/autumn/*/4.jpg",
        "runbook=isolate-bucket:BucketName",
        "runbook=:a=b",
        "runbook=preserve-evidence:BucketName=a",
        "runbook=averment-restore:ExecutionId=4105a4fc",
        "runbook=rescan-since",
        "runbook=isolate-bucket:BucketName=published",
        f"runbook=isolate-bucket:BucketNam=published,{ACTS_AS}",
        f"runbook=isolate-bucket:BucketName=a,BucketName=b,{ACTS_AS}",
        f"runbook=suspend-access:RoleName=partner,{ACTS_AS}",
        f"runbook=isolate-bucket:BucketName=published,DryRun=no,{ACTS_AS}",
        "runbook=isolate-bucket:BucketName=published,AutomationAssumeRole=runbooks",
        "execution=4105a4fc",
    ],
)
def test_a_target_that_makes_no_sense_is_told_before_anything_is_done(text: str) -> None:
    """Each wrong form says how to write it, to whoever asks what it would do as well."""
    for asked in ("plan", "apply"):
        with pytest.raises(BadInputError) as caught:
            getattr(open_measure(text), asked)()
        assert caught.value.fix


@pytest.mark.parametrize("measure", MEASURES, ids=lambda kind: kind.name)
def test_every_measure_says_beforehand_how_it_is_undone(measure: Any) -> None:
    """A dry run names what would be done, and how it is taken back or that it needn't be."""
    target = {
        "invalidate": "E1:/a.jpg",
        "disable-key": "pixelpost/AKIA",
        "runbook": f"isolate-bucket:BucketName=a,{ACTS_AS}",
        "execution": "4105a4fc-f944-11e6-9d32-0a1b2c3d4951",
        "revoke-sessions": "partner",
    }.get(measure.name, "s3://a/b")
    assert "undo" in measure(target).plan()


def test_a_dry_run_says_whether_a_runbook_is_there_to_be_run(sandbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It said what it would do, exit code 0, and the run for real found no document. Where that may not be asked it says so, and isn't clean."""

    def dry(measure: str) -> tuple[int, str]:
        code = run(["incident", "contain", "latest", "--do", measure, "--dry-run", "--by", "security-operations", "--because", WHY])
        return code, " ".join(capsys.readouterr().err.split())

    isolate = f"runbook=isolate-bucket:BucketName=a,{ACTS_AS}"
    code, told = dry(isolate)
    assert (
        code,
        "averment-isolate-bucket is not deployed here: deploy it by a dry run, `averment runbooks run isolate-bucket" in told,
    ) == (3, True)
    assert dry("runbook=of-theirs")[0] == 3
    code, told = _refused_from("GetDocument", 0, partial(dry, isolate))
    assert (code, "averment-isolate-bucket is deployed is not known: " in told) == (3, True)
    content = json.dumps(shipped_runbook("isolate-bucket").content)
    boto3.client("ssm").create_document(Name="averment-isolate-bucket", DocumentType="Automation", Content=content)
    assert dry(isolate) == (0, "")
    assert dry("hide-object=s3://a/b") == (0, "")


def test_a_refusal_by_aws_leaves_the_state_and_a_reason(sandbox: Any, incident: Incident, act: By) -> None:
    """What isn't there can't be contained, and isn't claimed to be."""
    record = contain(incident, act(), open_measure("revoke-sessions=nobody"), because=WHY)
    assert record.payload["outcome"] == "failed"
    assert "NoSuchEntity" in str(record.reason)
    with pytest.raises(IncompleteError):
        open_measure("revoke-sessions=nobody").apply()


ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
}
"""Calls of S3 that IAM knows by another name."""


def test_the_page_names_each_right_that_a_step_needs(
    bucket: str, incident: Incident, act: By, with_record: With, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is refused in the hour itself has no time to find out what is missing: what a step calls stands in the page's table."""
    called: set[str] = set()
    real = BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        called.add(f"{self.meta.service_model.service_name}:{ACTIONS.get(operation, operation)}")
        return real(self, operation, parameters)

    iam, s3, cloudfront = boto3.client("iam"), boto3.client("s3"), boto3.client("cloudfront")
    iam.create_user(UserName="pixelpost")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    key = iam.create_access_key(UserName="pixelpost")["AccessKey"]["AccessKeyId"]
    distribution = cloudfront.create_distribution(DistributionConfig=DISTRIBUTION)["Distribution"]["Id"]
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}, ObjectLockEnabledForBucket=True)
    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    place = "s3://published/autumn/4.jpg"
    preserve(incident, act(), [place], LockedKeep("s3://kept/incidents", 1, datetime.now(UTC)), because=WHY, all_versions=True)
    for text in (f"hide-object={place}", f"disable-key=pixelpost/{key}", "revoke-sessions=partner"):
        measure = open_measure(text)
        measure.undo(measure.apply())
    open_measure(f"invalidate={distribution}:/autumn/4.jpg").apply()
    table = (Path(__file__).parents[3] / "governance" / "docs" / "incidents.md").read_text(encoding="utf-8").partition("## Rights")[2]
    assert "s3:GetObjectTagging" in called
    assert {action for action in called if f"`{action}`" not in table.partition("## ")[0]} == set()
