"""Collectors over a real connection to the embedded AWS: what they bring home, to the last page, and what they may call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.aws import client
from averment.core.fetch import NEEDS_NO_PERMISSION, iam_action
from averment.core.organisation import Organisation
from averment.core.period import iso, utc_now
from averment.core.scope import Scope
from averment.core.words import Status
from averment.evidence.collectors.config_compliance import ConfigCompliance, rule_of
from averment.evidence.collectors.detector_metrics import DetectorMetrics
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.media_objects import MediaListing, Sampling, media_buckets
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.progress import Progress
from averment.evidence.collectors.provenance import PROVENANCE_LOG_GROUP, VERDICTS_LOG_GROUP, Provenance
from averment.evidence.collectors.registry import COLLECTORS, collectors
from averment.evidence.collectors.run import collect, policy, whose_credentials
from averment.evidence.judging.assess import assess
from averment.evidence.record import Gathering, Population, Record
from averment.policies.runtime.evaluate import ACCOUNT

pytestmark = pytest.mark.usefixtures("sandbox")


def one(collector: Collector, scope: CollectScope) -> Record:
    [record] = collector.collect(scope)
    return record


def calls(record: Record) -> dict[str, int]:
    return {call["call"]: call["times"] for call in record.query["calls"]}


@contextmanager
def watching() -> Iterator[tuple[Any, list[str]]]:
    """A client factory, and the service operations that its clients really send."""
    sent: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.*.*", lambda model, **_: sent.append(f"{service}:{model.name}"))
        return made

    yield make, sent


def put_object(bucket: str, key: str, *, verdict: str | None = None, provenance: str | None = None, body: bytes = b"x") -> None:
    more: dict[str, Any] = {"Tagging": f"averment-verdict={verdict}&averment-score=0.25"} if verdict else {}
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body, Metadata={"provenance": provenance} if provenance else {}, **more)


# --- AWS Config ------------------------------------------------------------------------------------------------------


def config_rule(name: str, verdicts: list[tuple[str, str, str]], kind: str = "AWS::S3::Bucket") -> None:
    """A custom rule with evaluations (id, compliance, annotation) of one ``kind``, as its function would have reported them."""
    from averment.sandbox.backends.config_service import issue_token

    config = boto3.client("config")
    recorder = {"name": "default", "roleARN": "arn:aws:iam::123456789012:role/config", "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "config"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    # A managed rule in name: a custom one would need its function to exist, which is no matter of the collector.
    config.put_config_rule(
        ConfigRule={"ConfigRuleName": name, "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}}
    )
    token = issue_token("123456789012", "eu-west-1", name)
    for start in range(0, len(verdicts), 100):
        config.put_evaluations(
            ResultToken=token,
            Evaluations=[
                {
                    "ComplianceResourceType": kind,
                    "ComplianceResourceId": resource,
                    "ComplianceType": compliance,
                    "OrderingTimestamp": utc_now(),
                    **({"Annotation": annotation} if annotation else {}),
                }
                for resource, compliance, annotation in verdicts[start : start + 100]
            ],
        )


def test_config_compliance_reads_our_rules_to_the_last_page(scope_of: Callable[..., CollectScope]) -> None:
    """Rules of others are left alone; every evaluation of ours arrives, with annotation and time, also beyond one page."""
    config_rule(
        "averment-s3-put-object-gated",
        [(f"b{number:03}", "COMPLIANT", "") for number in range(230)] + [("open", "NON_COMPLIANT", "any principal")],
    )
    config_rule("averment-signing-key-fit", [])
    config_rule("somebody-elses", [("theirs", "NON_COMPLIANT", "")])
    record = one(ConfigCompliance(), scope_of())
    rules = {rule["rule"]: rule for rule in record.payload["rules"]}
    assert set(rules) == {"s3-put-object-gated", "signing-key-fit"}
    assert len(rules["s3-put-object-gated"]["resources"]) == 231
    broken = [resource for resource in rules["s3-put-object-gated"]["resources"] if resource["compliance"] == "NON_COMPLIANT"]
    assert [(resource["id"], resource["annotation"]) for resource in broken] == [("open", "any principal")]
    assert broken[0]["recorded_at"].endswith("Z")
    assert rules["signing-key-fit"]["compliance"] == "INSUFFICIENT_DATA"
    summary = {name: value for name, value in record.payload["summary"].items() if name != "missing"}
    assert summary == {"rules": 2, "evaluated": 1, "resources": 231, "compliant": 230, "non_compliant": 1, "other": 0}
    assert record.population is not None
    assert (record.population.total, record.population.examined, record.population.truncated) == (231, 231, False)
    assert calls(record)["config:GetComplianceDetailsByConfigRule"] >= 4
    assert (record.account, record.region, record.gathering) == ("123456789012", "eu-west-1", Gathering.COLLECTED)


@pytest.mark.parametrize("kind", ["AWS::Config::ConfigurationRecorder", "AWS::SageMaker::EndpointConfig", ACCOUNT])
def test_what_aws_config_does_not_record_is_asked_no_name(kind: str, scope_of: Callable[..., CollectScope]) -> None:
    """Rules report on what they ask services about, too. BatchGetResourceConfig refuses all of a batch for one type that isn't in its enumeration
    (botocore's model of ``ResourceType``), and no control could be decided then."""
    config_rule("averment-s3-put-object-gated", [("uploads", "COMPLIANT", "")])
    config_rule("averment-config-recorder-on", [("default", "NOT_APPLICABLE", "could not check: it")], kind)
    asked: list[str] = []

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        wanted = lambda params, **_: asked.extend(key["resourceType"] for key in params["resourceKeys"])  # noqa: E731
        made.meta.events.register("provide-client-params.config.BatchGetResourceConfig", wanted)
        return made

    record = one(ConfigCompliance(), scope_of(client=make))
    assert asked == ["AWS::S3::Bucket"]
    assert (record.gathering, record.reason) == (Gathering.COLLECTED, None)
    assert [item["id"] for rule in record.payload["rules"] for item in rule["resources"]] == ["default", "uploads"]


def test_a_rule_whose_last_run_failed_is_told(scope_of: Callable[..., CollectScope]) -> None:
    """A function that is broken, or that AWS Config may no longer invoke, leaves its old verdicts standing: they aren't today's."""
    from averment.sandbox.backends.config.state import note_run

    name = "averment-s3-put-object-gated"
    config_rule(name, [("b", "COMPLIANT", "")])
    note_run("123456789012", "eu-west-1", name)
    assert [rule["failing"] for rule in one(ConfigCompliance(), scope_of()).payload["rules"]] == [None]
    note_run("123456789012", "eu-west-1", name, ("Lambda.Unknown", "the function timed out"))
    ((failing, resources),) = ((rule["failing"], rule["resources"]) for rule in one(ConfigCompliance(), scope_of()).payload["rules"])
    assert (failing["why"], resources[0]["compliance"]) == ("Lambda.Unknown: the function timed out", "COMPLIANT")
    assert failing["since"].endswith("Z")
    note_run("123456789012", "eu-west-1", name)
    assert [rule["failing"] for rule in one(ConfigCompliance(), scope_of()).payload["rules"]] == [None]


def test_rules_whose_runs_all_fail_are_not_evaluated(scope_of: Callable[..., CollectScope]) -> None:
    """That they are deployed, with the verdicts of before, doesn't satisfy SM-MON-01: none of them looks at anything any more."""
    from averment.sandbox.backends.config.state import note_run

    def state() -> tuple[Status, int]:
        scope = scope_of()
        record = one(ConfigCompliance(), scope)
        control = load_catalogue().get("SM-MON-01")
        assert control is not None
        catalogue = Catalogue((control,), {})
        [found] = assess(catalogue, Organisation(), [record], period=None, as_of=record.collected_at)
        [rules] = [item for item in found.assessments if item.assessment.id == "rules"]
        return rules.status, record.payload["summary"]["evaluated"]

    for name in ("averment-s3-put-object-gated", "averment-signing-key-fit"):
        config_rule(name, [("b", "COMPLIANT", "")])
    note_run("123456789012", "eu-west-1", "averment-signing-key-fit", ("Lambda.Unknown", "the function timed out"))
    assert state() == (Status.SATISFIED, 1)
    note_run("123456789012", "eu-west-1", "averment-s3-put-object-gated", ("Lambda.Unknown", "the function timed out"))
    assert state() == (Status.NOT_SATISFIED, 0)


def test_one_rule_is_not_every_rule_that_the_controls_ask_for(scope_of: Callable[..., CollectScope]) -> None:
    """With one rule of twenty deployed SM-MON-01, by which the same rules run as before the merge, was satisfied."""
    from averment.sandbox.backends.config.state import note_run

    control = load_catalogue().get("SM-MON-01")
    assert control is not None
    catalogue, chosen = Catalogue((control,), {}), Organisation(controls=("SM-MON-01", "SM-UPL-03"))

    def deviations() -> tuple[Status, set[tuple[str, str]]]:
        record = one(ConfigCompliance(), scope_of(organisation=chosen))
        [found] = assess(catalogue, chosen, [record], period=None, as_of=record.collected_at)
        [state] = [item for item in found.assessments if item.assessment.id == "all-rules"]
        return state.status, {(item.resource, item.message) for item in state.deviations}

    told = ("averment-*", "AWS Config has none of the 3 rules here that the controls ask for")
    assert deviations() == (Status.NOT_SATISFIED, {told}), "a region to which nobody deployed is one finding"
    config_rule("averment-config-recorder-on", [("default", "COMPLIANT", "")])
    none = "AWS Config has no such rule here"
    assert deviations() == (Status.NOT_SATISFIED, {("averment-s3-put-object-gated", none), ("averment-upload-api-authorised", none)})
    for name in ("averment-s3-put-object-gated", "averment-upload-api-authorised"):
        config_rule(name, [("b", "COMPLIANT", "")])
    assert deviations() == (Status.SATISFIED, set())
    note_run("123456789012", "eu-west-1", "averment-s3-put-object-gated", ("Lambda.Unknown", "the function timed out"))
    broken = ("averment-s3-put-object-gated", "the rule doesn't run: Lambda.Unknown: the function timed out")
    assert deviations() == (Status.NOT_SATISFIED, {broken})


def test_verdicts_of_before_the_recorder_stopped_are_told(scope_of: Callable[..., CollectScope]) -> None:
    """A Guard rule runs on changes alone: once nothing is recorded nothing changes, and what it said stands."""
    config_rule("averment-media-versioned", [("b", "COMPLIANT", "")])
    boto3.client("config").stop_configuration_recorder(ConfigurationRecorderName="default")
    (failing,) = (rule["failing"] for rule in one(ConfigCompliance(), scope_of()).payload["rules"])
    assert failing["why"] == "AWS Config's recorder is off"
    assert failing["since"].endswith("Z")


@pytest.mark.parametrize(
    ("statuses", "why"),
    [
        ([], "AWS Config's recorder is off"),
        (
            [{"name": "default", "recording": True, "lastStatus": "Failure", "lastErrorCode": "AccessDenied"}],
            "AWS Config's recorder fails: AccessDenied",
        ),
        ([{"name": "default", "recording": True, "lastStatus": "Success"}], None),
        ([{"name": "default", "recording": True}, {"name": "other", "recording": False, "servicePrincipal": "x.amazonaws.com"}], None),
        ([{"name": "other", "recording": True, "servicePrincipal": "x.amazonaws.com"}], "AWS Config's recorder is off"),
    ],
)
def test_a_recorder_that_fails_or_is_gone_is_told(
    statuses: list[dict[str, Any]], why: str | None, scope_of: Callable[..., CollectScope]
) -> None:
    """What the embedded Config has no states for, as the service would answer. A recorder of another service tells rules of nothing."""
    config_rule("averment-media-versioned", [("b", "COMPLIANT", "")])

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.describe_configuration_recorder_status = lambda **_: {"ConfigurationRecordersStatus": statuses}
        return made

    (rule,) = one(ConfigCompliance(), scope_of(client=make)).payload["rules"]
    assert (rule["failing"] or {}).get("why") == why


@pytest.mark.parametrize(
    ("name", "rule"),
    [("averment-signing-key-fit", "signing-key-fit"), ("averment-signing-key-fit-conformance-pack-1a2b3c4d5", "signing-key-fit")],
)
def test_rules_of_conformance_packs_are_recognised(name: str, rule: str) -> None:
    """AWS appends a suffix to the names of rules that a conformance pack deploys."""
    assert rule_of(name) == rule


# --- media in S3 -----------------------------------------------------------------------------------------------------


def test_media_states_counts_every_object_and_reads_verdicts_and_provenance(
    bucket: Callable[..., str], scope_of: Callable[..., CollectScope]
) -> None:
    """Buckets are known by tag before name, others are left alone, folder markers don't count, and the summary adds up."""
    published, uploads = bucket("shop-pictures", data_class="published-media"), bucket("shop-uploads")
    bucket("accounting")
    put_object(published, "a.jpg", verdict="clean", provenance="c2pa")
    put_object(published, "b.jpg", verdict="flagged")
    put_object(published, "c.jpg")
    put_object(published, "folder/", body=b"")
    put_object(uploads, "d.jpg", verdict="flagged")
    put_object(uploads, "e.jpg", verdict="review")
    record = one(MediaStates(), scope_of())
    summary = record.payload["summary"]
    assert {bucket["bucket"]: (bucket["role"], bucket["total"]) for bucket in record.payload["buckets"]} == {
        published: ("published", 3),
        uploads: ("upload", 2),
    }
    assert (summary["published_total"], summary["published_without_verdict"], summary["published_flagged"]) == (3, 1, 1)
    assert (summary["quarantined_flagged"], summary["upload_in_review"], summary["published_without_provenance"]) == (1, 1, 2)
    first = record.payload["objects"][0]
    assert (first["key"], first["verdict"], first["score"], first["provenance"], first["size"]) == ("a.jpg", "clean", "0.25", "c2pa", 1)
    assert record.population is not None
    assert (record.population.total, record.population.examined) == (5, 5)
    assert record.region is None


def test_metadata_that_declare_no_origin_state_none(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """What the upload issuer writes for who declared nothing counted as a statement of origin, and SM-PRV-05/origin was satisfied by it."""
    generated = bucket("shop-generated", data_class="generated-media")
    for number, said in enumerate(
        ("declared; origin=undeclared; uploader=u1", "Unknown", "none", "c2pa", "declared; origin=ai-generated; uploader=u1")
    ):
        put_object(generated, f"{number}.jpg", provenance=said)
    summary = one(MediaStates(), scope_of()).payload["summary"]
    assert (summary["generated_total"], summary["generated_without_provenance"]) == (5, 3)


def test_a_verdict_is_overdue_after_an_hour(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """An upload whose scan may be under way is not held against anybody; one that has waited for over an hour is."""
    uploads = bucket("shop-uploads")
    put_object(uploads, "scanned.jpg", verdict="clean")
    put_object(uploads, "waiting.jpg")
    for later, overdue in ((timedelta(minutes=55), 0), (timedelta(minutes=65), 1)):
        record = one(MediaStates(), replace(scope_of(), clock=lambda later=later: utc_now() + later))
        summary = record.payload["summary"]
        assert (summary["upload_without_verdict"], summary["upload_overdue"]) == (1, overdue)


def test_a_bucket_counts_in_its_own_region_alone(scope_of: Callable[..., CollectScope]) -> None:
    """S3 tells where buckets lie only to who gives a parameter with ListBuckets: media of one region stood in another's record of provenance, too.
    One in a region that nobody looks into is told, unless the scope leaves that region out."""

    def answer(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        pages = "max-buckets=" in params["url"] or "max-buckets" in params["query_string"]
        found = [{"Name": f"shop-media-{region}", **({"BucketRegion": region} if pages else {})} for region in ("eu-west-1", "us-east-1")]
        return AWSResponse("", 200, {}, None), {"Buckets": found, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-call.s3.ListBuckets", answer)
        made.meta.events.register(
            "before-call.s3.GetBucketTagging", lambda **_: (AWSResponse("", 200, {}, None), {"TagSet": [], "ResponseMetadata": {}})
        )
        return made

    def listed(*regions: str, scope: Scope | None = None) -> tuple[list[str], list[str]]:
        fetch = replace(scope_of(), client=make).fetch("s3")
        found = media_buckets(fetch, scope or Scope(), region="us-east-1", regions=regions)
        return [bucket.name for bucket in found], fetch.problems

    why = "the published bucket shop-media-eu-west-1 lies in eu-west-1, which nobody looked into: name every region in scope.regions"
    assert listed() == (["shop-media-us-east-1"], [why])
    assert listed("us-east-1", "eu-west-1") == (["shop-media-us-east-1"], [])
    assert listed(scope=Scope(regions=("us-east-1",))) == (["shop-media-us-east-1"], [])

    with Progress(utc_now()) as progress:
        for _ in range(2):  # the second goes on where the first was interrupted
            listing = MediaListing(replace(scope_of(), client=make).fetch("s3"), Sampling.of(Organisation(), 5, "seed"), progress)
            found = listing.buckets(Scope(), region="us-east-1")
            assert [(bucket.name, bucket.region) for bucket in found] == [("shop-media-us-east-1", "us-east-1")]
            assert listing.population(found, 0) == Population("objects", None, 0, truncated=True), "some of them lie where nobody looked"


def test_media_states_lists_beyond_a_page_and_samples_reproducibly(
    bucket: Callable[..., str], many_objects: Callable[[str, int], None], scope_of: Callable[..., CollectScope]
) -> None:
    """1,005 objects are counted over two pages; the sample has the asked size, is the same each time, and another next quarter."""
    name = bucket("big-media")
    many_objects(name, 1005)
    organisation = Organisation(parameters={"media-states": {"objects_per_bucket": 7}})
    first, again = (one(MediaStates(), scope_of(organisation=organisation)) for _ in range(2))
    other = one(MediaStates(), scope_of(organisation=organisation, period="2031Q1"))
    keys = [[item["key"] for item in record.payload["objects"]] for record in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 7
    assert first.population is not None
    assert (first.population.total, first.population.examined, first.population.truncated) == (1005, 7, False)
    assert calls(first)["s3:ListObjectsV2"] == 2


# --- detector metrics ------------------------------------------------------------------------------------------------


def test_detector_metrics_sums_days_over_the_period(scope_of: Callable[..., CollectScope]) -> None:
    """Each detector's counters are summed over the period, what lies before it is left out, and the last second counts."""
    cloudwatch, now = boto3.client("cloudwatch"), utc_now()
    long_ago = scope_of().period.start - timedelta(days=9)
    for detector, metric, value, at in [
        ("reference", "Scanned", 40.0, now),
        ("reference", "Flagged", 3.0, now),
        ("reference", "Score", 0.25, now),
        ("reference", "Score", 0.75, now),
        ("other", "Scanned", 2.0, now - timedelta(seconds=5)),
        ("other", "Scanned", 500.0, long_ago),
    ]:
        data = {"MetricName": metric, "Dimensions": [{"Name": "Detector", "Value": detector}], "Value": value, "Timestamp": at}
        cloudwatch.put_metric_data(Namespace="Averment/Detector", MetricData=[data])
    record = one(DetectorMetrics(), scope_of(now=now.isoformat()))
    summary = record.payload["summary"]
    assert (summary["detectors"], summary["scanned"], summary["flagged"], summary["could_not_say"]) == (2, 42, 3, 0)
    assert summary["score_average"] == 0.5
    assert {row["detector"]: row["scanned_last_week"] for row in record.payload["detectors"]} == {"reference": 40, "other": 2}
    assert (summary["scanned_last_week"], "named" in record.payload) == (42, False)
    assert {entry["detector"]: entry["totals"]["scanned"] for entry in record.payload["detectors"]} == {"reference": 40, "other": 2}
    assert record.effective_at == now


def test_detector_metrics_asks_for_named_detectors_in_any_case(scope_of: Callable[..., CollectScope]) -> None:
    """CloudWatch forgets silent metrics: a detector named in the parameters shows with nothing scanned, rather than not at all."""
    organisation = Organisation(parameters={"detector-metrics": {"detectors": ["reference"]}})
    record = one(DetectorMetrics(), scope_of(organisation=organisation))
    assert [(entry["detector"], entry["totals"]["scanned"]) for entry in record.payload["detectors"]] == [("reference", 0)]
    assert record.payload["notes"] == []
    assert record.payload["named"] == {
        "by": "detector-metrics.detectors",
        "field": "summary.scanned_last_week",
        "figures": {"reference": 0},
    }
    month = f"{utc_now().date() - timedelta(days=30)}..{utc_now().date()}"  # a quarter may have begun within what CloudWatch still lists
    assert one(DetectorMetrics(), scope_of(period=month)).payload["notes"] != []


def test_detector_metrics_of_a_past_period_speak_of_its_last_second(scope_of: Callable[..., CollectScope]) -> None:
    """A source with history, asked later, gives evidence of the past period, collected today."""
    record = one(DetectorMetrics(), scope_of(period="2024Q1"))
    assert record.effective_at.isoformat() == "2024-03-31T23:59:59+00:00"
    assert record.collected_at > record.effective_at


# --- provenance ------------------------------------------------------------------------------------------------------


def test_provenance_reads_events_counts_verdicts_once_and_looks_at_credentials(
    bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """Signing events arrive whole, a verdict delivered twice counts once, older events don't, and objects are compared with the log."""
    name = bucket("generated-pictures")
    put_object(name, "same.bin", body=b"as signed")
    put_object(name, "other.bin", body=b"altered")
    digest = "aac6d61f5eb4ae4fd54ee3b1bdeed0c4dba6b9ad6ee0f37b4d3b9ff1a1dd1d45"
    events = [
        signing(f"s3://{name}/same.bin", sha256(b"as signed"), "2026-11-01T00:00:00Z", extra=1),
        signing(f"s3://{name}/other.bin", digest, "2026-11-01T00:00:00Z"),
        # Logged later, signed earlier: the latest signing is what the object is compared with.
        signing(f"s3://{name}/same.bin", digest, "2026-10-01T00:00:00Z"),
    ]
    log_lines(PROVENANCE_LOG_GROUP, *events)
    log_lines(PROVENANCE_LOG_GROUP, events[0], at=scope_of().period.start - timedelta(days=1))
    verdict = {"event": "verdict", "id": "1", "verdict": "clean"}
    log_lines(VERDICTS_LOG_GROUP, verdict, verdict, {**verdict, "id": "2", "verdict": "flagged"}, {"event": "gone", "key": "x"})
    record = one(Provenance(), scope_of())
    summary = record.payload["summary"]
    assert (summary["signed"], summary["verdicts"], summary["malformed"]) == (3, 2, 0)
    assert record.payload["verdicts"] == {"clean": 1, "flagged": 1}
    assert "extra" not in record.payload["signed"][0]
    assert {item["key"]: item["logged"] for item in record.payload["objects"]} == {"same.bin": True, "other.bin": False}
    assert (summary["not_as_signed"], summary["unreadable"], summary["tampered"]) == (1, 2, 0)
    assert record.gathering is Gathering.COLLECTED


@pytest.mark.parametrize("value", ["NaN", "123456789012345678901234567890", '"\\ud83d"'])
def test_a_line_that_no_record_can_hold_takes_no_other_with_it(
    value: str, log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """In either log group: the line isn't counted and the record says so, the others are. What isn't kept of a line doesn't matter."""
    whole = json.dumps(signing("b", sha256(b"b"), "2026-11-01T00:00:00Z"))[:-1]
    log_lines(PROVENANCE_LOG_GROUP, f'{{"object": "a", "sha256": {value}}}', f'{whole}, "trace": {value}}}')
    log_lines(
        VERDICTS_LOG_GROUP, '{"event": "verdict", "id": "1", "verdict": "\\ud83d"}', '{"event": "verdict", "id": "2", "verdict": "clean"}'
    )
    [record] = collect([Provenance()], scope_of(), ["eu-west-1"])
    assert record.gathering is Gathering.PARTIAL
    assert "hold what no record can" in str(record.reason)
    assert [item["object"] for item in record.payload["signed"]] == ["b"]
    assert record.payload["verdicts"] == {"clean": 1}
    assert record.payload["summary"]["malformed"] == 2


def signing(name: str, digest: str, moment: str, **more: Any) -> dict[str, Any]:
    """A signing event with all that it has to tell."""
    source = {"source_sha256": "0" * 64, "digital_source_type": "trainedAlgorithmicMedia"}
    return {"object": name, "sha256": digest, "key": "k", "signed_at": moment, **source, **more}


@pytest.mark.parametrize("lacking", ["object", "sha256", "source_sha256", "key", "signed_at", "digital_source_type"])
def test_an_event_that_does_not_tell_what_was_signed_is_malformed(
    lacking: str, log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """JSON alone makes no signing event: without a hash or a time nothing can be compared with it."""
    whole = signing("s3://b/a.jpg", sha256(b"a"), "2026-11-01T00:00:00Z")
    log_lines(PROVENANCE_LOG_GROUP, whole, {name: value for name, value in whole.items() if name != lacking})
    log_lines(VERDICTS_LOG_GROUP)
    record = one(Provenance(), scope_of())
    assert (record.gathering, "tell no signing" in str(record.reason)) == (Gathering.PARTIAL, True)
    assert (record.payload["summary"]["signed"], record.payload["summary"]["malformed"]) == (1, 1)


def sha256(data: bytes) -> str:
    from averment.core.canonical import sha256_hex

    return sha256_hex(data)


def test_provenance_tells_tampered_from_holding_credentials(
    bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope], tmp_path: Path
) -> None:
    """A signed picture holds; the same picture with one pixel byte changed is tampered; an unsigned one has no credential."""
    signed, plain = signed_picture(tmp_path)
    name = bucket("generated-pictures")
    broken = bytearray(signed)
    broken[-len(plain) // 3] ^= 0xFF
    for key, body in (("good.jpg", signed), ("broken.jpg", bytes(broken)), ("plain.jpg", plain)):
        put_object(name, key, body=body)
    log_lines(PROVENANCE_LOG_GROUP)
    log_lines(VERDICTS_LOG_GROUP)
    record = one(Provenance(), scope_of())
    assert {item["key"]: item["state"] for item in record.payload["objects"]} == {
        "good.jpg": "untrusted",
        "broken.jpg": "tampered",
        "plain.jpg": "none",
    }
    summary = record.payload["summary"]
    assert (summary["holding"], summary["tampered"], summary["without_credential"]) == (1, 1, 1)


def test_what_could_not_be_checked_is_no_mark_that_holds(
    bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """Sound, and films whose credentials aren't read here: of no broken mark among them nothing can be said."""
    put_object(bucket("generated-sounds"), "a.wav", body=b"RIFF\x24\0\0\0WAVEfmt ")
    log_lines(PROVENANCE_LOG_GROUP)
    log_lines(VERDICTS_LOG_GROUP)
    payload = one(Provenance(), scope_of()).payload
    assert (payload["summary"]["unreadable"], payload["summary"]["tampered"], payload["out_of"]["summary.tampered"]) == (1, 0, 0)


def test_what_was_written_after_the_log_was_read_is_compared_with_nothing(
    bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """Signed anew since, or in a quarter that is over, collected later: no entry of it was there to be read."""
    name, then = bucket("generated-pictures"), utc_now() - timedelta(hours=1)
    log_lines(PROVENANCE_LOG_GROUP, signing(f"s3://{name}/again.bin", sha256(b"as it was"), iso(then)), at=then)
    log_lines(VERDICTS_LOG_GROUP)
    put_object(name, "again.bin", body=b"signed anew")
    payload = one(Provenance(), scope_of(now=iso(then))).payload
    assert payload["summary"]["signed"] == 1
    assert (payload["objects"][0]["logged"], payload["summary"]["not_as_signed"]) == (None, 0)
    assert payload["out_of"]["summary.not_as_signed"] == 0
    payload = one(Provenance(), scope_of()).payload
    assert (payload["objects"][0]["logged"], payload["summary"]["not_as_signed"]) == (False, 1)


def test_of_a_log_that_broke_off_nobody_says_that_media_are_not_as_signed(
    bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """The page that was refused may tell of a later signing of the same name. What is as the log says is so all the same."""
    name, then = bucket("generated-pictures"), utc_now() - timedelta(hours=1)
    for key, body in (("again.bin", b"as it was"), ("same.bin", b"same")):
        log_lines(PROVENANCE_LOG_GROUP, signing(f"s3://{name}/{key}", sha256(body), iso(then)), at=then)
    put_object(name, "again.bin", body=b"signed anew")
    put_object(name, "same.bin", body=b"same")
    pages = iter([1])

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("after-call.logs.FilterLogEvents", lambda parsed, **_: parsed.update(nextToken="more"))
        made.meta.events.register("before-parameter-build.logs.FilterLogEvents", refuse)
        return made

    def refuse(**_: Any) -> None:
        if next(pages, None) is None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "FilterLogEvents")

    record = one(Provenance(), scope_of(client=make))
    assert record.gathering is Gathering.PARTIAL
    assert [item["logged"] for item in record.payload["objects"]] == [None, True]
    assert record.payload["summary"]["not_as_signed"] == 0


def signed_picture(folder: Path) -> tuple[bytes, bytes]:
    """A small JPEG made here, signed by a test authority made here, and the same unsigned."""
    import io

    from PIL import Image

    from averment.detector.credentials.authority import TestAuthority
    from averment.detector.credentials.keys import PemEcdsaSigner
    from averment.detector.credentials.signing import sign_media

    target = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(target, "JPEG", quality=90)
    signer = PemEcdsaSigner.create(folder / "media.pem")
    chain = TestAuthority.create().issue(signer.public_key(), "media signer")
    return sign_media(target.getvalue(), signer, chain).data, target.getvalue()


def test_provenance_says_when_log_lines_are_not_json(log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]) -> None:
    """A line that can't be read makes the record partial instead of vanishing from the count."""
    log_lines(PROVENANCE_LOG_GROUP, "not json", json.dumps([1]))
    log_lines(VERDICTS_LOG_GROUP)
    record = one(Provenance(), scope_of())
    assert record.gathering is Gathering.PARTIAL
    assert "not counted: 2" in str(record.reason)


def test_provenance_without_its_log_groups_says_so(log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]) -> None:
    """A log group that doesn't exist is told as such, and differs from one that is empty."""
    log_lines(VERDICTS_LOG_GROUP)
    record = one(Provenance(), scope_of())
    assert record.gathering is Gathering.COLLECTED
    assert record.payload["absent_log_groups"] == [PROVENANCE_LOG_GROUP]
    assert record.payload["summary"]["signed"] == 0


# --- what all of them keep to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("collector", [kind() for kind in COLLECTORS if kind.from_aws], ids=lambda collector: collector.name)
def test_a_collector_calls_nothing_outside_its_permissions(
    collector: Collector, bucket: Callable[..., str], log_lines: Callable[..., None], scope_of: Callable[..., CollectScope]
) -> None:
    """Every operation that really goes over the wire is in the printed policy, and each permission is used."""
    put_object(bucket("generated-pictures"), "a.jpg", verdict="clean")
    config_rule("averment-signing-key-fit", [("b", "COMPLIANT", "")])
    data = {"MetricName": "Scanned", "Dimensions": [{"Name": "Detector", "Value": "d"}], "Value": 1.0}
    boto3.client("cloudwatch").put_metric_data(Namespace="Averment/Detector", MetricData=[data])
    log_lines(PROVENANCE_LOG_GROUP, signing("x", sha256(b"x"), "2026-11-01T00:00:00Z"))
    log_lines(VERDICTS_LOG_GROUP, {"verdict": "clean"})
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/model", PrimaryContainer={"Image": "image"})
    variant = {"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="e", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e")
    sagemaker.create_model_card(ModelCardName="c", Content="{}", ModelCardStatus="Draft")
    events = boto3.client("events")
    events.put_rule(Name="uploads", EventPattern='{"source": ["aws.s3"]}')
    boto3.client("sqs").create_queue(QueueName="scan")
    events.put_targets(Rule="uploads", Targets=[{"Id": "scan", "Arn": "arn:aws:sqs:eu-west-1:123456789012:scan"}])
    budget = {"BudgetName": "inference", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "100", "Unit": "USD"}}
    boto3.client("budgets").create_budget(AccountId="123456789012", Budget=budget)
    alarm: dict[str, Any] = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    alarm |= {"ComparisonOperator": "GreaterThanThreshold", "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:duty"]}
    boto3.client("cloudwatch").put_metric_alarm(AlarmName="burst", **alarm)
    recorded = Organisation(  # the rule is one of whose types the embedded Config has items; trails have a test of their own
        parameters={
            "config-history": {"rules": ["quarantine-not-served"]},
            "cloudtrail": {"source": "history"},
            "alarms": {"watching": ["burst"]},
        }
    )
    with watching() as (factory, sent):
        record = one(collector, scope_of(client=factory, organisation=recorded))
    assert record.gathering is Gathering.COLLECTED, record.reason
    needed = {iam_action(*call.split(":")) for call in sent if call not in NEEDS_NO_PERMISSION}
    granted = {action for statement in policy([collector], recorded)["Statement"] for action in statement["Action"]}
    assert needed == granted
    assert {call["call"] for call in record.query["calls"]} == set(sent)


def test_the_policy_is_least_privilege_and_reads_only() -> None:
    """No wildcard action, no write action, unique statement ids, log groups narrowed to ours."""
    statements = policy(collectors())["Statement"]
    actions = [action for statement in statements for action in statement["Action"]]
    assert all(action.split(":")[1].startswith(("Get", "List", "Describe", "Filter", "Lookup", "View", "BatchGet")) for action in actions)
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    [logs] = [statement for statement in statements if "logs:FilterLogEvents" in statement["Action"]]
    assert logs["Resource"] == ["arn:aws:logs:*:*:log-group:/averment/provenance:*", "arn:aws:logs:*:*:log-group:/averment/verdicts:*"]


def test_the_policy_reads_no_other_log_group_than_the_one_that_is_named() -> None:
    """Whoever printed it let the collector read every log of the account, though averment.yaml says which one it reads."""
    organisation = Organisation(parameters={"liveness-results": {"log_group": "/shop/liveness"}})
    resources = {
        action: statement["Resource"]
        for statement in policy(collectors(("liveness-results",), organisation), organisation)["Statement"]
        for action in statement["Action"]
    }
    assert resources == {"logs:DescribeLogGroups": "*", "logs:FilterLogEvents": "arn:aws:logs:*:*:log-group:/shop/liveness:*"}


def test_the_account_is_the_one_of_the_credentials() -> None:
    """Records carry the account that was really asked."""
    assert whose_credentials(client, "eu-west-1") == "123456789012"
