"""CloudTrail beyond the event history: a trail's log files, read from the embedded S3 as CloudTrail delivers them.

Origin of the data: made here by ``averment.sandbox.trail_delivery``, whose files the AWS CLI's own ``validate-logs`` is asked about.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.core.aws import client
from averment.core.errors import BadInputError
from averment.core.fetch import iam_action
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.scope import Scope
from averment.evidence.collectors.face_calls import FaceCalls
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.progress import ProgressFolder
from averment.evidence.collectors.run import policy
from averment.evidence.collectors.signing_calls import SigningCalls
from averment.evidence.record import Gathering, Record
from averment.sandbox.backends.cloudtrail import happened
from averment.sandbox.trail_delivery import TrailDelivery, logged

pytestmark = pytest.mark.usefixtures("sandbox")

ACCOUNT = "123456789012"
SIGNER, SHOP = f"arn:aws:iam::{ACCOUNT}:role/signer", f"arn:aws:iam::{ACCOUNT}:role/checkout"
KMS, REKOGNITION = "kms.amazonaws.com", "rekognition.amazonaws.com"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
BUCKET = "shop-trail"
NAMED = Organisation(parameters={"cloudtrail": {"bucket": BUCKET}})
START = datetime(2026, 4, 1, tzinfo=UTC)
PERIOD = "2026-04-01..2026-04-03"
NOW = "2026-11-28T00:00:00Z"


def one(collector: Collector, scope: CollectScope) -> Record:
    [record] = collector.collect(scope)
    return record


@pytest.fixture
def delivery(bucket: Callable[..., str]) -> TrailDelivery:
    """A trail's bucket, and what puts files there."""
    bucket(BUCKET)
    return TrailDelivery(boto3.client("s3"), BUCKET)


def make_trail(name: str = "shop", **more: Any) -> None:
    boto3.client("cloudtrail").create_trail(Name=name, S3BucketName=BUCKET, IsMultiRegionTrail=True, **more)


def sign(at: datetime, **more: Any) -> dict[str, Any]:
    return logged("Sign", KMS, caller=more.pop("caller", SIGNER), at=at, resources=(KEY,), **more)


def three_days(delivery: TrailDelivery, *, digests: bool = True) -> list[str]:
    """A file an hour, each with a signature and another call, for three days and the first hours of the fourth."""
    keys = []
    for hour in range(75):
        at = START + timedelta(hours=hour, minutes=10)
        keys.append(delivery.deliver(sign(at), logged("Decrypt", KMS, caller=SHOP, at=at), at=at + timedelta(minutes=5)))
        if digests:
            delivery.digest(START + timedelta(hours=hour + 1))
    return keys


def source(record: Record, number: int = 0) -> dict[str, Any]:
    found: Any = record.payload["sources"]
    return dict(found[number])


def reason(record: Record) -> str:
    return str(record.reason)


def test_a_named_bucket_tells_of_a_period_that_the_event_history_has_forgotten(
    delivery: TrailDelivery, scope_of: Callable[..., CollectScope]
) -> None:
    """Every file of the period's days is read, other calls and other days don't count, and each file is held against signed digests."""
    three_days(delivery)
    delivery.deliver(sign(START - timedelta(minutes=1)), sign(START, caller=SHOP, error="AccessDenied"), at=START + timedelta(minutes=1))
    delivery.digest(START + timedelta(hours=76))
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.COLLECTED, record.reason
    counted = {"calls": 73, "failed": 1, "callers": 2, "keys": 1, "on_other_keys": 0, "by_others": None}
    assert record.payload["summary"] == counted
    assert record.payload["history_from"] == "2026-04-01T00:00:00Z"
    told = source(record)
    assert told["source"] == record.source == f"CloudTrail log files in s3://{BUCKET}"
    assert told["files"] == {"listed": 76, "read": 76, "unreadable": 0, "others": 0}
    assert told["integrity"]["digests"] == {"read": 76, "valid": 76, "invalid": 0, "breaks": 0}
    assert (told["integrity"]["files_as_signed"], told["integrity"]["files_in_no_digest"]) == (76, 0)
    assert told["events_read"] == 152
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (73, False)
    assert record.effective_at.isoformat() == "2026-04-03T23:59:59+00:00"
    text = json.dumps(record.to_json())
    assert "203.0.113.9" not in text
    assert "checkout/1.0" not in text


def test_the_aws_cli_agrees_with_what_is_delivered_here(delivery: TrailDelivery, sandbox: Any) -> None:
    """The counterpart: AWS's own validator finds the digests and files of these tests valid, and a changed file not."""
    keys = three_days(delivery)
    make_trail()

    def validate() -> str:
        arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/shop"
        command = [sys.executable, "-m", "awscli", "cloudtrail", "validate-logs", "--trail-arn", arn, "--region", "eu-west-1", "--verbose"]
        times = ["--start-time", "2026-04-01T00:00:00Z", "--end-time", "2026-04-04T03:00:00Z", "--endpoint-url", sandbox.endpoint]
        return subprocess.run([*command, *times], capture_output=True, text=True, env=dict(os.environ), check=False).stdout

    told = validate()
    assert "75/75 digest files valid" in told, told
    assert "75/75 log files valid" in told
    alter(keys[0])
    assert "74/75 log files valid" in validate()


def alter(key: str) -> None:
    """Change one event of a log file."""
    s3 = boto3.client("s3")
    data = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(data.replace(b"role/signer", b"role/nobody")))


def test_files_that_were_changed_removed_or_slipped_in_are_found(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """The record isn't whole, and names the files; one that no digest names is counted as such."""
    keys = three_days(delivery)
    alter(keys[3])
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=keys[5])
    slipped = TrailDelivery(boto3.client("s3"), BUCKET).deliver(sign(START), at=START + timedelta(minutes=2))
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.PARTIAL
    assert "log files are not as CloudTrail signed them: 1" in reason(record)
    assert "log files that CloudTrail signed are not in the bucket: 1" in reason(record)
    told = source(record)["integrity"]
    assert (told["altered"], told["missing"], told["files_in_no_digest"]) == ([keys[3]], [keys[5]], 1)
    assert slipped not in json.dumps(told)


def test_a_changed_file_is_on_record_though_no_such_call_was_found(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """Removing the one call that mattered leaves a record without calls, and with the file's name."""
    key = delivery.deliver(logged("Decrypt", KMS, caller=SIGNER, at=START), at=START + timedelta(minutes=5))
    delivery.digest(START + timedelta(hours=1))
    alter(key)
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.PARTIAL
    assert record.payload["summary"]["calls"] == 0  # type: ignore[index,call-overload]
    assert source(record)["integrity"]["altered"] == [key]


def test_digests_that_were_tampered_with_don_t_vouch(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """One whose content isn't what was signed says nothing of its files; one that is gone leaves a break in the chain."""
    s3 = boto3.client("s3")
    delivery.deliver(sign(START), at=START + timedelta(minutes=5))
    changed = delivery.digest(START + timedelta(hours=1))
    removed, _ = delivery.digest(START + timedelta(hours=2)), delivery.digest(START + timedelta(hours=3))
    found = s3.get_object(Bucket=BUCKET, Key=changed)
    body = gzip.compress(gzip.decompress(found["Body"].read()).replace(b"SHA-256", b"SHA-512"))
    s3.put_object(Bucket=BUCKET, Key=changed, Body=body, Metadata=found["Metadata"])
    s3.delete_object(Bucket=BUCKET, Key=removed)
    delivery.digest(START + timedelta(hours=4))
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.PARTIAL
    assert "the signature of the digest doesn't hold" in reason(record)
    told = source(record)["integrity"]
    assert told["digests"] == {"read": 3, "valid": 2, "invalid": 1, "breaks": 0}
    assert told["files_in_no_digest"] == 1
    delivery.digest(START + timedelta(hours=5))
    s3.delete_object(Bucket=BUCKET, Key=changed)
    gone = delivery.digest(START + timedelta(hours=6))
    delivery.digest(START + timedelta(hours=7))
    s3.delete_object(Bucket=BUCKET, Key=gone)
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=NAMED))
    assert source(record)["integrity"]["digests"]["breaks"] == 1
    assert "digests of CloudTrail don't follow on the one before them" in reason(record)


def test_days_of_which_nothing_tells_are_named(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """A day without files cuts the population short, unless a signed digest says that there was nothing to log."""
    delivery.deliver(sign(START), at=START + timedelta(minutes=5))
    delivery.digest(START + timedelta(days=1, hours=1))  # of the second day: nothing happened
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert source(record)["days_without_files"] == ["2026-04-03"]
    assert record.population is not None
    assert record.population.truncated


def test_files_that_can_t_be_read_are_counted_and_told(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """Broken gzip, other JSON, half a file: each is a reason, and the others still count."""
    delivery.deliver(sign(START), at=START + timedelta(minutes=5))
    s3 = boto3.client("s3")
    whole = gzip.compress(json.dumps({"Records": [sign(START)]}).encode())
    name = f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/04/01/{ACCOUNT}_CloudTrail_eu-west-1_20260401T0100Z_{{}}.json.gz"
    for number, body in enumerate((b"no gzip", gzip.compress(b'{"Events": []}'), whole[:-20], gzip.compress(b'{"Records": [{}]}'))):
        s3.put_object(Bucket=BUCKET, Key=name.format(number), Body=body)
    s3.put_object(Bucket=BUCKET, Key=name.format("x").replace(".json.gz", ".txt"), Body=b"somebody's note")
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.PARTIAL
    assert source(record)["files"] == {"listed": 5, "read": 1, "unreadable": 4, "others": 1}
    assert "an event has no time" in reason(record)
    assert 'Records" is missing' in reason(record)
    assert record.payload["summary"]["calls"] == 1  # type: ignore[index,call-overload]


def test_a_file_that_unpacks_without_end_is_refused(
    delivery: TrailDelivery, scope_of: Callable[..., CollectScope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes of gzip can hold gigabytes: the bound is kept while it is unpacked."""
    monkeypatch.setattr("averment.evidence.collectors.trail_log.MAX_INFLATED", 1_000_000)
    bomb = gzip.compress(b'{"Records": [' + b" " * 5_000_000 + b"]}")
    key = f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/04/01/{ACCOUNT}_CloudTrail_eu-west-1_20260401T0100Z_b.json.gz"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=bomb)
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=NAMED))
    assert "unpacks to more than 1,000,000 bytes" in reason(record)


def beyond_the_history() -> tuple[str, datetime]:
    """A period whose first two days the event history has forgotten, and its start."""
    start = (utc_now() - timedelta(days=92)).replace(hour=0, minute=0, second=0)
    return f"{start:%Y-%m-%d}..{utc_now():%Y-%m-%d}", start


@pytest.mark.parametrize("collector", [SigningCalls(), FaceCalls()], ids=lambda collector: collector.name)
def test_a_trail_fills_in_what_the_history_has_forgotten(
    collector: Collector, delivery: TrailDelivery, scope_of: Callable[..., CollectScope]
) -> None:
    """A quarter that is collected at its end is whole: the first days from files, the rest by name, what both tell once; and no call is
    made that the printed policy doesn't allow."""
    name, source_name = ("Sign", KMS) if collector.name == "signing-calls" else ("CompareFaces", REKOGNITION)
    period, start = beyond_the_history()
    make_trail(EnableLogFileValidation=True)
    for day in range(4):
        at = start + timedelta(days=day, hours=1)
        delivery.deliver(
            logged(name, source_name, caller=SHOP, at=at, event_id=f"early-{day}"),
            logged(name, source_name, caller=SHOP, at=at + timedelta(hours=23, seconds=-1), event_id=f"late-{day}"),
            at=at + timedelta(minutes=5),
        )
        delivery.digest(at + timedelta(hours=1))
    for day in range(2, 4):
        at = start + timedelta(days=day, hours=1)
        for kind, moment in (("early", at), ("late", at + timedelta(hours=23, seconds=-1))):
            happened(name, source_name, caller=SHOP, at=moment, event_id=f"{kind}-{day}")
    sent: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.*.*", lambda model, **_: sent.append(f"{service}:{model.name}"))
        return made

    record = one(collector, scope_of(period=period, client=make))
    assert record.gathering is Gathering.COLLECTED, record.reason
    total = "calls" if collector.name == "signing-calls" else "matches"
    assert record.payload["summary"][total] == 8  # type: ignore[index,call-overload]
    assert record.population is not None
    assert not record.population.truncated
    assert record.source == f"CloudTrail log files in s3://{BUCKET}; CloudTrail event history"
    granted = {action for statement in policy([collector])["Statement"] for action in statement["Action"]}
    assert {iam_action(*call.split(":")) for call in sent} == granted
    assert {call["call"] for call in record.query["calls"]} == set(sent)  # type: ignore[union-attr,index,call-overload]


@pytest.mark.parametrize("source", ["history", "trail"])
def test_a_period_that_has_only_just_ended_may_not_be_told_of_yet(
    source: str, bucket: Callable[..., str], scope_of: Callable[..., CollectScope]
) -> None:
    """Who collects at midnight doesn't see what was signed at five to: the record of the whole quarter said that nobody had."""
    bucket(BUCKET)
    parameters = {"cloudtrail": {"source": source, **({"bucket": BUCKET} if source == "trail" else {})}}

    def problems(now: str) -> str:
        found = one(SigningCalls(), scope_of(organisation=Organisation(parameters=parameters), period="2026-11-28..2026-11-28", now=now))
        return found.reason or ""

    assert "collect again after 2026-11-29T00:15:00Z" in problems("2026-11-29T00:05:00Z")
    for now in ("2026-11-28T23:59:59Z", "2026-11-29T00:15:00Z"):
        assert "collect again" not in problems(now)


def test_without_a_trail_the_history_is_asked_and_the_record_is_cut(scope_of: Callable[..., CollectScope]) -> None:
    """Nothing is broken, and nothing passes for the whole period."""
    period, _ = beyond_the_history()
    record = one(SigningCalls(), scope_of(period=period))
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert record.payload["notes"][0] == "there is no trail that tells of this region"
    assert record.population is not None
    assert record.population.truncated


@pytest.mark.parametrize(
    ("selectors", "why"),
    [
        ({"EventSelectors": [{"ReadWriteType": "All", "ExcludeManagementEventSources": [KMS]}]}, "it leaves out kms.amazonaws.com"),
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}, "it records WriteOnly events alone"),
        (
            {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]},
            "it records no management events",
        ),
    ],
    ids=["without-kms", "writes-alone", "data-alone"],
)
def test_a_trail_that_leaves_such_calls_out_is_not_taken_for_a_quiet_one(
    selectors: dict[str, Any], why: str, delivery: TrailDelivery, scope_of: Callable[..., CollectScope]
) -> None:
    """Many leave out KMS, whose calls are many: their files would show a quarter in which nobody signed."""
    make_trail()
    boto3.client("cloudtrail").put_event_selectors(TrailName="shop", **selectors)
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.COULD_NOT
    assert f"the trail shop was not read: {why}" in reason(record)


def test_a_trail_of_the_organisation_is_read_below_its_id(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """With a prefix, and the organisation's id between AWSLogs and the account."""
    bucket(BUCKET)
    delivery = TrailDelivery(boto3.client("s3"), BUCKET, prefix="audit/logs", organisation="o-abcdefghij")
    delivery.deliver(sign(START), at=START + timedelta(minutes=5))
    delivery.digest(START + timedelta(hours=1))
    organisation = Organisation(
        scope=Scope(organisation_id="o-abcdefghij"), parameters={"cloudtrail": {"bucket": BUCKET, "prefix": "/audit/logs/"}}
    )
    record = one(SigningCalls(), scope_of(period="2026-04-01..2026-04-01", now=NOW, organisation=organisation))
    assert record.payload["summary"]["calls"] == 1  # type: ignore[index,call-overload]
    assert source(record)["integrity"]["files_as_signed"] == 1


def test_digests_that_can_t_be_listed_are_asked_for_again(
    delivery: TrailDelivery, scope_of: Callable[..., CollectScope], tmp_path: Path
) -> None:
    """A listing that breaks off among the digests leaves no progress that takes them for read: the resumed record is whole."""
    three_days(delivery)
    seen: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)

        def refuse(model: Any, **_: object) -> None:
            if model.name == "ListObjectsV2":
                seen.append(model.name)
                if len(seen) == 2:
                    raise made.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, model.name)

        made.meta.events.register("before-call.*.*", refuse)
        return made

    common: dict[str, Any] = {"period": PERIOD, "now": NOW, "organisation": NAMED, "progress": ProgressFolder(tmp_path, resume=True)}
    part = one(SigningCalls(), scope_of(client=make, **common))
    assert part.gathering is Gathering.PARTIAL
    assert source(part)["integrity"]["files_in_no_digest"] > 0
    whole = one(SigningCalls(), scope_of(**common))
    assert whole.gathering is Gathering.COLLECTED, whole.reason
    assert source(whole)["integrity"]["files_in_no_digest"] == 0


def test_the_organisation_s_trail_needs_its_id(delivery: TrailDelivery, scope_of: Callable[..., CollectScope]) -> None:
    """Its files lie below the id: without it no file would be found, which looks like an account where nothing happened."""
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    make_trail(IsOrganizationTrail=True)
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED))
    assert record.gathering is Gathering.COULD_NOT
    assert "set scope.organisation_id in averment.yaml" in reason(record)


def test_a_bucket_that_refuses_names_the_action_and_is_not_asked_a_thousand_times(
    delivery: TrailDelivery, scope_of: Callable[..., CollectScope]
) -> None:
    """Denied files end the reading; in a listing that is denied no further day is tried."""
    for number in range(40):
        delivery.deliver(sign(START + timedelta(minutes=number)), at=START + timedelta(minutes=number))
    asked: list[str] = []

    def denied(operation: str) -> Callable[..., Any]:
        def make(service: str, *, region: str | None = None) -> Any:
            made = client(service, region=region)

            def refuse(model: Any, **_: object) -> Any:
                if model.name != operation:
                    return None
                asked.append(model.name)
                raise made.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

            made.meta.events.register("before-call.*.*", refuse)
            return made

        return make

    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED, client=denied("GetObject")))
    assert record.gathering is Gathering.COULD_NOT
    assert "access denied; allow s3:GetObject (40 times)" in reason(record)
    assert "no log file could be read" in reason(record)
    asked.clear()
    record = one(SigningCalls(), scope_of(period=PERIOD, now=NOW, organisation=NAMED, client=denied("ListObjectsV2")))
    assert "access denied; allow s3:ListBucket" in reason(record)
    assert len(asked) == 5  # each day of the digests, then one of the files


@pytest.mark.parametrize(
    "given", [{"buckets": "x"}, {"bucket": "Not A Bucket"}, {"source": "lake"}, {"bucket": BUCKET, "source": "history"}, "trail"]
)
def test_wrong_settings_are_the_users_to_mend(given: Any, scope_of: Callable[..., CollectScope]) -> None:
    """A typing error stops with the name of the setting, instead of another source being asked in silence."""
    with pytest.raises(BadInputError, match=r"parameters\.cloudtrail"):
        list(SigningCalls().collect(scope_of(organisation=Organisation(parameters={"cloudtrail": given}))))


def test_the_policy_follows_the_settings() -> None:
    """A named bucket narrows what may be read; who asks the history alone needs nothing in S3."""
    named = Organisation(parameters={"cloudtrail": {"bucket": BUCKET, "prefix": "audit"}})
    by_action = {
        action: statement["Resource"] for statement in policy([SigningCalls()], named)["Statement"] for action in statement["Action"]
    }
    assert by_action["s3:GetObject"] == f"arn:aws:s3:::{BUCKET}/audit/AWSLogs/*"
    assert by_action["s3:ListBucket"] == f"arn:aws:s3:::{BUCKET}"
    assert "cloudtrail:LookupEvents" not in by_action
    history = Organisation(parameters={"cloudtrail": {"source": "history"}})
    [statement] = policy([FaceCalls()], history)["Statement"]
    assert statement["Action"] == ["cloudtrail:LookupEvents"]


def test_the_command_prints_the_policy_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``--print-policy`` says is for this organisation, not for any."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text(f"version: 1\nparameters: {{cloudtrail: {{bucket: {BUCKET}}}}}\n")
    assert run(["collect", "--print-policy", "--collector", "signing-calls"]) == 0
    statements = json.loads(capsys.readouterr().out)["Statement"]
    assert {statement["Resource"] for statement in statements} == {"*", f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/AWSLogs/*"}


@pytest.mark.parametrize(
    ("scope", "options", "partition"),
    [
        ("[us-gov-west-1]", [], "aws-us-gov"),
        ("[eusc-de-east-1]", [], "aws-eusc"),
        ("[eu-west-1]", ["--region", "cn-north-1"], "aws-cn"),
        ("[]", [], "aws-us-gov"),
    ],
)
def test_the_policy_is_of_the_partition_that_it_is_for(
    scope: str, options: list[str], partition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """IAM of GovCloud refuses ARNs of aws, so that nobody there could use what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-gov-east-1")
    text = f"version: 1\nscope: {{regions: {scope}}}\nparameters: {{cloudtrail: {{bucket: {BUCKET}}}}}\n"
    (tmp_path / "averment.yaml").write_text(text)
    assert run(["collect", "--print-policy", "--collector", "signing-calls", *options]) == 0
    statements = json.loads(capsys.readouterr().out)["Statement"]
    arn = f"arn:{partition}:s3:::{BUCKET}"
    assert {statement["Resource"] for statement in statements} == {"*", arn, f"{arn}/AWSLogs/*"}
