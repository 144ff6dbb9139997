"""What a figure is of: nothing is satisfied by things that the question isn't about, over a real connection to the embedded AWS.

Origin of the data: written for these tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.words import Status
from averment.evidence.collectors.bucket_policies import BucketPolicies
from averment.evidence.collectors.detector_metrics import DetectorMetrics
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.provenance import PROVENANCE_LOG_GROUP, Provenance
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState

pytestmark = pytest.mark.usefixtures("sandbox")

Scopes = Callable[..., CollectScope]
Buckets = Callable[..., str]


def put(bucket: str, key: str, *, verdict: str | None = None, body: bytes = b"x") -> None:
    more: dict[str, Any] = {} if verdict is None else {"Tagging": f"averment-verdict={verdict}"}
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)


def states(collector: Collector, scope: CollectScope, *names: str) -> list[AssessmentState]:
    """What the assessments ``names`` come to by the collector's record."""
    [record] = collector.collect(scope)
    found = assess(load_catalogue(), Organisation(), [record], period=None, as_of=utc_now() + timedelta(seconds=2))
    by_name = {item.id: item for control in found for item in control.assessments}
    return [by_name[name] for name in names]


def statuses(collector: Collector, scope: CollectScope, *names: str) -> list[Status]:
    return [item.status for item in states(collector, scope, *names)]


def test_objects_of_one_role_say_nothing_of_another(bucket: Buckets, scope_of: Scopes) -> None:
    """Uploads alone leave what is published and what is generated open, and the other way round."""
    names = ("SM-DEL-01/served", "SM-UPL-01/states", "SM-PRV-05/origin", "SM-DET-01/waiting", "SM-DET-04/queue")
    uploads, open_ = bucket("shop-uploads"), Status.NOT_ASSESSED
    put(uploads, "a.jpg", verdict="clean")
    assert statuses(MediaStates(), scope_of(), *names) == [open_, open_, open_, Status.SATISFIED, Status.SATISFIED]
    bucket("shop-generated")
    published = bucket("shop-pictures", data_class="published-media")
    assert statuses(MediaStates(), scope_of(), *names)[:3] == [open_, open_, open_]  # there are such buckets, and nothing in them
    put(published, "b.jpg", verdict="clean")
    boto3.client("s3").delete_object(Bucket=uploads, Key="a.jpg")
    assert statuses(MediaStates(), scope_of(), *names) == [Status.SATISFIED, Status.SATISFIED, open_, open_, open_]


def test_a_sample_of_uploads_leaves_what_is_known_of_everything_published(bucket: Buckets, scope_of: Scopes) -> None:
    """A shop with more uploads than are looked at had its published media open for ever, though each of them was examined."""
    uploads, published = bucket("shop-uploads"), bucket("shop-pictures", data_class="published-media")
    put(published, "a.jpg", verdict="clean")
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        put(uploads, key, verdict="clean")
    sampled = Organisation(parameters={"media-states": {"objects_per_bucket": 2}})
    scope, names = scope_of(organisation=sampled), ("SM-DEL-01/served", "SM-UPL-01/states", "SM-DET-01/waiting")
    assert statuses(MediaStates(), scope, *names) == [Status.SATISFIED, Status.SATISFIED, Status.NOT_ASSESSED]
    for key in ("b.jpg", "c.jpg"):
        put(published, key, verdict="clean")
    assert statuses(MediaStates(), scope, *names)[0] is Status.NOT_ASSESSED


@pytest.mark.parametrize("verdict", ["review", "pending", "FLAGGED", ""])
def test_a_word_that_clears_nothing_is_no_verdict_of_what_is_published(verdict: str, bucket: Buckets, scope_of: Scopes) -> None:
    """What waits for a person hasn't been cleared, and a tag of another word says nothing."""
    published = bucket("shop-pictures", data_class="published-media")
    put(published, "a.jpg", verdict="released")
    assert statuses(MediaStates(), scope_of(), "SM-UPL-01/states") == [Status.SATISFIED]
    put(published, "b.jpg", verdict=verdict)
    assert statuses(MediaStates(), scope_of(), "SM-UPL-01/states") == [Status.NOT_SATISFIED]


def test_marks_and_signings_are_judged_where_there_are_any(bucket: Buckets, log_lines: Callable[..., None], scope_of: Scopes) -> None:
    """Pictures without a mark, of which no signing is known, leave open whether marks hold and are what was signed."""
    names = ("SM-PRV-01/marks", "SM-PRV-03/log", "SM-PRV-04/bytes")
    name = bucket("generated-pictures")
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
    put(name, "a.jpg", body=picture)
    assert [item.status for item in states(Provenance(), scope_of(), *names)] == [Status.NOT_ASSESSED] * 3
    event = {"object": f"s3://{name}/a.jpg", "sha256": hashlib.sha256(picture).hexdigest(), "source_sha256": "0" * 64, "key": "k"}
    log_lines(PROVENANCE_LOG_GROUP, {**event, "signed_at": "2026-11-01T00:00:00Z", "digital_source_type": "trainedAlgorithmicMedia"})
    assert statuses(Provenance(), scope_of(), *names) == [Status.NOT_ASSESSED, Status.SATISFIED, Status.SATISFIED]


def test_a_sample_of_media_leaves_the_log_of_signings_whole(bucket: Buckets, log_lines: Callable[..., None], scope_of: Scopes) -> None:
    """The log is read to its end. Of a bucket with more objects than are looked at, what is said of them stays open, and the log did, too."""
    name = bucket("generated-pictures")
    for number in range(3):
        put(name, f"{number}.jpg", body=b"x")
    event = {"object": f"s3://{name}/0.jpg", "sha256": hashlib.sha256(b"x").hexdigest(), "source_sha256": "0" * 64, "key": "k"}
    event |= {"signed_at": "2026-11-01T00:00:00Z", "digital_source_type": "trainedAlgorithmicMedia"}
    log_lines(PROVENANCE_LOG_GROUP, *({**event, "object": f"s3://{name}/{number}.jpg"} for number in range(3)))
    scope = scope_of(organisation=Organisation(parameters={"provenance": {"objects_per_bucket": 2}}))
    bytes_, log = states(Provenance(), scope, "SM-PRV-04/bytes", "SM-PRV-03/log")
    told = "only 2 of 3 objects were examined (2 a bucket: parameters.provenance.objects_per_bucket says how many)"
    assert (bytes_.status, bytes_.reason) == (Status.NOT_ASSESSED, told)
    assert log.status is Status.SATISFIED, log.reason


def test_buckets_that_take_no_uploads_say_nothing_of_those_that_do(bucket: Buckets, scope_of: Scopes) -> None:
    """And whoever is told of removals alone doesn't hear of new objects."""
    bucket("shop-pictures", data_class="published-media")
    assert statuses(BucketPolicies(), scope_of(), "SM-UPL-01/heard") == [Status.NOT_ASSESSED]
    uploads, sqs = bucket("shop-uploads"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="scan")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for events, wanted in (
        (["s3:ObjectRemoved:*"], Status.NOT_SATISFIED),
        (["s3:ObjectRemoved:*", "s3:ObjectCreated:*"], Status.SATISFIED),
    ):
        told = {"QueueConfigurations": [{"QueueArn": arn, "Events": events}]}
        boto3.client("s3").put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration=told)
        assert statuses(BucketPolicies(), scope_of(), "SM-UPL-01/heard") == [wanted]


def test_a_detector_that_fell_silent_is_not_running(scope_of: Scopes) -> None:
    """What was scanned early in the period doesn't show that anything is now; a part of the week does."""
    now = utc_now()
    for days, wanted in ((9, Status.NOT_SATISFIED), (6, Status.SATISFIED)):
        data = {"MetricName": "Scanned", "Dimensions": [{"Name": "Detector", "Value": "reference"}], "Value": 5.0}
        boto3.client("cloudwatch").put_metric_data(
            Namespace="Averment/Detector", MetricData=[{**data, "Timestamp": now - timedelta(days=days)}]
        )
        period = f"{(now - timedelta(days=30)).date()}..{(now + timedelta(days=1)).date()}"
        assert statuses(DetectorMetrics(), scope_of(period=period), "SM-DET-03/running") == [wanted]


def test_a_quarter_that_begins_does_not_make_a_detector_silent(scope_of: Scopes) -> None:
    """In its first hours nothing may have been scanned in it, and a lot in the week that is asked about; of the period itself that is no scan."""
    now, today = utc_now(), utc_now().date()
    data = {"MetricName": "Scanned", "Dimensions": [{"Name": "Detector", "Value": "reference"}], "Value": 5.0}
    boto3.client("cloudwatch").put_metric_data(Namespace="Averment/Detector", MetricData=[{**data, "Timestamp": now - timedelta(days=2)}])
    scope = scope_of(period=f"{today}..{today + timedelta(days=1)}")
    assert statuses(DetectorMetrics(), scope, "SM-DET-03/running") == [Status.SATISFIED]
    [record] = DetectorMetrics().collect(scope)
    assert (record.payload["summary"]["scanned"], record.payload["summary"]["scanned_last_week"]) == (0, 5)
