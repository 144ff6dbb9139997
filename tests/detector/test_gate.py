"""The media gate against S3, SQS, EventBridge, CloudWatch and Logs over HTTP: only what was scanned and found clean is published."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from averment.core.errors import BadInputError, IncompleteError
from averment.detector import corpus
from averment.detector.embedded import EmbeddedDetector
from averment.detector.gate import ingest
from averment.detector.gate.events import ObjectVersion, object_versions
from averment.detector.gate.ingest import Gate, Settings, scan_handler
from averment.detector.gate.verdict import judge
from averment.detector.gate.verdict_log import VerdictLog
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.opening import open_detector
from averment.detector.scanning import Finding, finding_of

pytestmark = pytest.mark.usefixtures("without_sockets")

QUARANTINE, PUBLISHED = "shop-uploads", "shop-media"
CLEAN, FAKE, ODD = (b"\xff\xd8\xff" + word for word in (b"clean", b"fake", b"odd"))
"""Bytes with a JPEG signature, which the double below scores by what follows it."""


class Double(Detector):
    """Scores by the word after the signature, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.broken = False

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("double", "1.0", "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if self.broken or any(b"crash" in image for image in images):
            raise IncompleteError("the detector is down")
        self.asked += images
        return [self._one(image) for image in images]

    def _one(self, image: bytes) -> Score:
        if b"odd" in image:
            return Score(cannot_say="odd")
        return Score({Family.SYNTHETIC_IMAGE: 0.9 if b"fake" in image else 0.1})


class Site:
    """Two buckets and shorthands for looking at them."""

    def __init__(self, *, versioned: bool = True) -> None:
        self.s3: Any = boto3.client("s3")
        for bucket in (QUARANTINE, PUBLISHED):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if versioned:
            self.s3.put_bucket_versioning(Bucket=QUARANTINE, VersioningConfiguration={"Status": "Enabled"})

    def upload(self, key: str, body: bytes, **more: Any) -> ObjectVersion:
        answer = self.s3.put_object(Bucket=QUARANTINE, Key=key, Body=body, **more)
        return ObjectVersion(QUARANTINE, key, answer.get("VersionId"), answer["ETag"].strip('"'))

    def published(self, key: str) -> bytes | None:
        try:
            return bytes(self.s3.get_object(Bucket=PUBLISHED, Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None

    def tags(self, bucket: str, key: str, version: str | None = None) -> dict[str, str]:
        pinned = {"VersionId": version} if version else {}
        return {tag["Key"]: tag["Value"] for tag in self.s3.get_object_tagging(Bucket=bucket, Key=key, **pinned)["TagSet"]}


def gate(double: Detector) -> Gate:
    return Gate(Settings(PUBLISHED), double)


def logged() -> list[dict[str, Any]]:
    logs = boto3.client("logs")
    return [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName="/averment/verdicts")["events"]]


@pytest.mark.usefixtures("sandbox")
def test_a_verdict_that_the_log_leaves_out_for_its_time_is_told() -> None:
    """CloudWatch answers 200 and keeps nothing of what it takes for two hours to come: a review from a machine with a wrong clock wasn't logged."""
    logs = boto3.client("logs")
    log = VerdictLog("/averment/verdicts", "double", logs, boto3.client("cloudwatch"))
    log.write({"event": "gone"})
    logs.put_log_events = lambda **_: {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}
    with pytest.raises(
        IncompleteError, match="could not write to the log group /averment/verdicts: CloudWatch Logs takes no entry of"
    ) as told:
        log.write({"event": "gone"})
    assert "set the clock" in str(told.value.fix)
    assert logged() == [{"event": "gone"}]


def eventbridge(target: ObjectVersion) -> dict[str, Any]:
    detail = {"bucket": {"name": target.bucket}, "object": {"key": target.key, "version-id": target.version, "etag": target.etag}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def queued(*events: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"messageId": str(n), "eventSource": "aws:sqs", "body": json.dumps(event)} for n, event in enumerate(events)]}


@pytest.fixture
def site(sandbox: object) -> Site:
    return Site()


@pytest.fixture
def double() -> Double:
    return Double()


def test_what_is_clean_is_published_with_its_provenance(site: Site, double: Double) -> None:
    """A clean upload arrives in the published bucket with metadata, verdict tags, and the type that its bytes have."""
    target = site.upload("a/b ü.jpg", CLEAN, ContentType="text/html", Metadata={"provenance": "camera=phone"}, Tagging="seller=42")
    line = gate(double).handle(target)
    assert line["verdict"] == "clean"
    assert line["action"] == "publish"
    head = site.s3.head_object(Bucket=PUBLISHED, Key=target.key)
    assert head["Metadata"] == {"provenance": "camera=phone", "averment-source": f"{QUARANTINE}/{target.version}"}
    assert head["ContentType"] == "image/jpeg", "a picture that calls itself a web page must not be served as one"
    verdict = {"averment-verdict": "clean", "averment-score": "0.1000", "averment-detector": "double:1.0"}
    assert site.tags(PUBLISHED, target.key) == verdict
    assert site.tags(QUARANTINE, target.key, target.version) == {"seller": "42", **verdict}


def test_a_detector_of_ones_own_may_be_called_as_its_spec_calls_it(
    site: Site, double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ONNX file's version has its spec's digest in brackets, which S3 takes in no tag; nor do CloudWatch's streams and dimensions take
    every name. What is left out there stands in the verdict's line."""
    (tmp_path / "ours.onnx").write_bytes(b"never run here")
    spec = "kind: onnx\nname: 'unser Prüfer: v*'\nversion: '2026.1'\nmodel: ours.onnx\nthreshold: 0.5\nfamilies: {synthetic-image: 0}\n"
    (tmp_path / "d.yaml").write_text(f"{spec}activation: sigmoid\ninput: {{side: 64, layout: nchw, scale: unit}}\n", encoding="utf-8")
    info = open_detector(str(tmp_path / "d.yaml")).info
    monkeypatch.setattr(Double, "info", property(lambda _: info))
    target = site.upload("x.jpg", CLEAN)
    assert gate(double).handle(target)["action"] == "publish"
    digest = info.version.partition("(spec ")[2].rstrip(")")
    for tags in (site.tags(PUBLISHED, "x.jpg"), site.tags(QUARANTINE, "x.jpg", target.version)):
        assert tags["averment-detector"] == f"unser Prfer: v:2026.1 spec {digest}"
    assert logged()[0]["detector"]["name"] == "unser Prüfer: v*"
    [stream] = boto3.client("logs").describe_log_streams(logGroupName="/averment/verdicts")["logStreams"]
    assert stream["logStreamName"].startswith("unser Prüfer- v-/")
    metrics = boto3.client("cloudwatch").list_metrics(Namespace="Averment/Detector")["Metrics"]
    assert {"Name": "Detector", "Value": "unser Pr?fer: v*"} in [named for metric in metrics for named in metric["Dimensions"]]


@pytest.mark.parametrize(
    ("body", "verdict", "score"),
    [(FAKE, "flagged", "0.9000"), (ODD, "review", "none"), (b"%PDF-1.7", "review", "none"), (b"", "review", "none")],
)
def test_what_is_flagged_or_cannot_be_judged_stays(site: Site, double: Double, body: bytes, verdict: str, score: str) -> None:
    """A fake, an image that the detector can't judge, another type and an empty file stay in quarantine, tagged and logged."""
    target = site.upload("x.jpg", body)
    assert gate(double).handle(target)["action"] == "hold"
    assert site.published("x.jpg") is None
    tags = site.tags(QUARANTINE, "x.jpg", target.version)
    assert (tags["averment-verdict"], tags["averment-score"]) == (verdict, score)
    [line] = logged()
    assert (line["verdict"], line["key"], line["version_id"]) == (verdict, "x.jpg", target.version)
    assert line["reason"]


def test_an_oversized_upload_is_held_without_being_read(site: Site, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the bound is for a person to see; the function's memory is not the uploader's to fill. Nor is it known by its beginning: who rejects it
    would forbid all that begin alike."""
    monkeypatch.setattr(ingest, "MAX_BYTES", 7)
    line = gate(double).handle(site.upload("big.jpg", CLEAN))
    assert (line["verdict"], line["sha256"]) == ("review", None)
    assert double.asked == []
    assert site.published("big.jpg") is None


def test_a_download_that_breaks_off_is_not_scored(site: Site, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a picture may be clean where the whole, which would be published, isn't; an older urllib3 takes the half without a word."""
    scanner = gate(double)
    real = scanner.store._s3.get_object

    def short(**request: Any) -> Any:
        answer = real(**request)
        return {**answer, "Body": io.BytesIO(answer["Body"].read()[:-1])}

    monkeypatch.setattr(scanner.store._s3, "get_object", short)
    with pytest.raises(IncompleteError, match="broke off after 7 bytes"):
        scanner.handle(site.upload("x.jpg", CLEAN))
    assert (double.asked, site.published("x.jpg")) == ([], None)


def test_a_verdict_tag_on_the_upload_is_worth_nothing(site: Site, double: Double) -> None:
    """An uploader who sets our tags gets scanned like everybody, and the true verdict replaces the forged one."""
    target = site.upload("x.jpg", FAKE, Tagging="averment-verdict=clean&averment-score=0.0000&averment-reviewer=me")
    gate(double).handle(target)
    assert site.published("x.jpg") is None
    tags = site.tags(QUARANTINE, "x.jpg", target.version)
    assert tags["averment-verdict"] == "flagged"
    assert "averment-reviewer" not in tags, "nothing under our prefix is the uploader's to say"


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (Score({Family.SYNTHETIC_IMAGE: 0.5}), "flagged"),
        (Score({Family.SYNTHETIC_IMAGE: 0.4999}), "clean"),
        (Score({Family.SYNTHETIC_IMAGE: 0.1, Family.MANIPULATED_FACE: 0.6}), "flagged"),
        (Score({Family.SYNTHETIC_IMAGE: 0.0}, cannot_say="too small"), "review"),
        (Score({Family.SYNTHETIC_IMAGE: float("nan")}), "review"),
        (Score({Family.SYNTHETIC_IMAGE: -0.1}), "review"),
        (Score(), "review"),
        (Score({Family.SYNTHETIC_IMAGE: 0.1}, silent={Family.MANIPULATED_FACE: "a face is too small"}), "review"),
        (Score({Family.SYNTHETIC_IMAGE: 0.6}, silent={Family.MANIPULATED_FACE: "a face is too small"}), "flagged"),
    ],
)
def test_the_verdict_follows_from_the_score(double: Double, score: Score, verdict: str) -> None:
    """At the threshold it is flagged, the worst family counts, and what is no probability is for a person."""
    assert judge(score, double.info, None).verdict == verdict


def test_ten_tags_of_the_uploader_do_not_keep_the_verdict_off(site: Site, double: Double) -> None:
    """S3 allows ten tags: ours are among them whatever the uploader brought."""
    target = site.upload("x.jpg", FAKE, Tagging="&".join(f"t{n}=1" for n in range(10)))
    gate(double).handle(target)
    tags = site.tags(QUARANTINE, "x.jpg", target.version)
    assert len(tags) == 10
    assert tags["averment-verdict"] == "flagged"


def test_the_same_event_ten_times_is_the_same_as_once(site: Site, double: Double) -> None:
    """Repeats give the same state, and log lines with one id, so that they can be counted once."""
    target = site.upload("x.jpg", CLEAN)
    for _ in range(10):
        gate(double).handle(target)
    assert site.published("x.jpg") == CLEAN
    lines = logged()
    assert len(lines) == 10
    assert len({line["id"] for line in lines}) == 1


def test_an_old_version_does_not_replace_a_new_one(site: Site, double: Double) -> None:
    """Events out of order: the older clean version is judged, but only the latest version is published."""
    first, second = site.upload("x.jpg", CLEAN + b"1"), site.upload("x.jpg", CLEAN + b"2")
    gate(double).handle(second)
    assert gate(double).handle(first)["action"] == "superseded"
    assert site.published("x.jpg") == CLEAN + b"2"


def test_a_clean_old_version_is_not_published_over_a_flagged_new_one(site: Site, double: Double) -> None:
    """The key's latest content is a fake: its harmless predecessor doesn't appear under that name either."""
    first, second = site.upload("x.jpg", CLEAN), site.upload("x.jpg", FAKE)
    for target in (second, first):
        gate(double).handle(target)
    assert site.published("x.jpg") is None


def test_without_versioning_the_bytes_of_the_event_are_pinned(sandbox: object, double: Double) -> None:
    """An overwritten object is not judged under the old event; the new upload's own event decides."""
    site = Site(versioned=False)
    first = site.upload("x.jpg", CLEAN)
    second = site.upload("x.jpg", FAKE)
    assert gate(double).handle(first)["event"] == "gone"
    assert gate(double).handle(second)["verdict"] == "flagged"
    assert site.published("x.jpg") is None


def test_what_was_published_before_its_bucket_had_versions_is_withdrawn_as_well(sandbox: object, double: Double) -> None:
    """Its version is called "null" since, which the published copy doesn't name; flagged by a later scan it isn't served on."""
    site = Site(versioned=False)
    target = site.upload("x.jpg", CLEAN)
    gate(double).handle(target)
    site.s3.put_bucket_versioning(Bucket=QUARANTINE, VersioningConfiguration={"Status": "Enabled"})
    double._one = lambda _: Score({Family.SYNTHETIC_IMAGE: 0.9})  # type: ignore[method-assign]
    assert gate(double).handle(replace(target, version="null"))["action"] == "hold"
    assert site.published("x.jpg") is None


def test_a_deleted_upload_is_not_an_error(site: Site, double: Double) -> None:
    """Gone before it was scanned: said in the log, nothing published, no endless retries."""
    target = site.upload("x.jpg", CLEAN)
    site.s3.delete_object(Bucket=QUARANTINE, Key="x.jpg", VersionId=target.version)
    gate(double).handle(target)
    assert [line["event"] for line in logged()] == ["gone"]
    assert site.published("x.jpg") is None


def test_metrics_count_what_was_scanned(site: Site, double: Double) -> None:
    """Scanned, Flagged, CouldNotSay and Score stand in CloudWatch under the detector's name."""
    for number, body in enumerate((CLEAN, FAKE, FAKE, ODD)):
        gate(double).handle(site.upload(f"{number}.jpg", body))
    cloudwatch = boto3.client("cloudwatch")
    sums = {}
    for name in ("Scanned", "Flagged", "CouldNotSay", "Score"):
        points = cloudwatch.get_metric_statistics(
            Namespace="Averment/Detector",
            MetricName=name,
            Dimensions=[{"Name": "Detector", "Value": "double"}],
            StartTime="2020-01-01T00:00:00Z",
            EndTime="2100-01-01T00:00:00Z",
            Period=86_400,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        sums[name] = (sum(point["Sum"] for point in points), sum(point["SampleCount"] for point in points))
    assert sums["Scanned"] == (4, 4)
    assert sums["Flagged"] == (2, 4)
    assert sums["CouldNotSay"] == (1, 4)
    assert sums["Score"] == (pytest.approx(1.9), 3)


def test_one_bucket_cannot_be_both(site: Site, double: Double) -> None:
    """If quarantine is the published bucket there is no gate: refused, not scanned in place. Nor is what the asynchronous endpoint is to read put where it is
    served unscanned, or where it comes in again as an upload."""
    target = site.upload("x.jpg", CLEAN)
    with pytest.raises(BadInputError, match="both quarantine and published"):
        Gate(Settings(QUARANTINE), double).handle(target)
    for work in (QUARANTINE, PUBLISHED):
        with pytest.raises(BadInputError, match="is the work bucket and another one as well"):
            Gate(Settings(PUBLISHED, async_endpoint="video", work_bucket=work), double).handle(target)


def test_only_what_is_in_the_quarantine_bucket_is_published(site: Site, double: Double) -> None:
    """Whoever can reach the queue can write an event about any bucket, one of theirs that the gate's role may read by its policy: refused, nothing is
    read of it, and a judgement that was made otherwise isn't published either."""
    target = site.upload("x.jpg", CLEAN)
    gate = Gate(Settings(PUBLISHED, quarantine_bucket="shop-quarantine"), double)
    with pytest.raises(BadInputError, match="is not in the quarantine bucket shop-quarantine"):
        gate.handle(target)
    assert double.asked == []
    head = site.s3.head_object(Bucket=QUARANTINE, Key="x.jpg")
    with pytest.raises(BadInputError, match="is not in the quarantine bucket"):
        gate.publish(target, head, judge(Score({Family.SYNTHETIC_IMAGE: 0.1}), double.info, None), "image/jpeg")
    assert site.published("x.jpg") is None
    assert Gate(Settings(PUBLISHED, quarantine_bucket=QUARANTINE), double).handle(target)["action"] == "publish"


STEPS = ("HeadObject", "GetObject", "GetObjectTagging", "PutObjectTagging", "PutLogEvents", "PutMetricData", "CopyObject")


class FaultyClients:
    """Clients whose chosen operation fails, as a throttled or broken service does."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self.failing: str | None = None

    def __call__(self, service: str, **options: Any) -> Any:
        made = self._make(service, **options)
        made.meta.events.register("provide-client-params", self._maybe_fail)
        return made

    def _maybe_fail(self, model: Any, **_: Any) -> None:
        if model.name == self.failing:
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "down"}}, model.name)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> FaultyClients:
    faulty = FaultyClients(ingest.client)
    monkeypatch.setattr(ingest, "client", faulty)
    return faulty


@pytest.mark.parametrize("step", [*STEPS, "the detector"])
def test_a_fault_at_any_step_raises_and_publishes_nothing(site: Site, double: Double, faults: FaultyClients, step: str) -> None:
    """Whatever fails, the queue gets its message back, nothing is published, and the next delivery completes the work."""
    target = site.upload("x.jpg", CLEAN)
    faults.failing, double.broken = step, step == "the detector"
    with pytest.raises(IncompleteError):
        gate(double).handle(target)
    assert site.published("x.jpg") is None
    faults.failing, double.broken = None, False
    gate(double).handle(target)
    assert site.published("x.jpg") == CLEAN


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uploads=st.lists(st.sampled_from([CLEAN, FAKE, ODD]), min_size=1, max_size=3), data=st.data())
def test_no_sequence_of_events_and_faults_publishes_what_is_not_clean(
    sandbox: Any, double: Double, faults: FaultyClients, uploads: list[bytes], data: st.DataObject
) -> None:
    """Versions of one key, their events repeated and out of order, any step failing at any time: what is served was scanned and clean."""
    sandbox.reset()
    faults.failing = None
    site = Site()
    bodies = [body + bytes([number]) for number, body in enumerate(uploads)]
    targets = [site.upload("x.jpg", body) for body in bodies]
    deliveries = data.draw(st.lists(st.tuples(st.sampled_from(targets), st.sampled_from([None, *STEPS])), max_size=5))
    for target, step in deliveries:
        faults.failing = step
        try:
            gate(double).handle(target)
        except IncompleteError:
            assert step is not None
        served = site.published("x.jpg")
        assert served is None or (served.startswith(CLEAN) and served == bodies[-1] and served in double.asked)


def test_uploads_reach_the_handler_through_eventbridge_and_the_queue(sandbox: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """End to end with the real detector: S3 -> EventBridge -> SQS -> handler; what it clears comes through, what it flags doesn't, and of
    neither kind of portrait it takes more than one for the other."""
    from averment.sandbox.events import pump

    sqs, events = boto3.client("sqs"), boto3.client("events")
    queue = sqs.create_queue(QueueName="scan")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [QUARANTINE]}}}
    events.put_rule(Name="uploads", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="uploads", Targets=[{"Id": "queue", "Arn": arn}])
    site.s3.put_bucket_notification_configuration(Bucket=QUARANTINE, NotificationConfiguration={"EventBridgeConfiguration": {}})
    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", PUBLISHED)
    uploads = [image for image in corpus.load() if image.kind == "face"][::9]
    for image in uploads:
        site.upload(image.path.name, image.read())
    pumped = pump(queue, scan_handler)
    assert (pumped.received, pumped.failed) == (len(uploads), 0)
    published = {image.path.name for image in uploads if site.published(image.path.name) is not None}
    detector = EmbeddedDetector()
    scores = detector.score([image.read() for image in uploads])
    assert published == {
        image.path.name for image, score in zip(uploads, scores, strict=True) if finding_of(score, detector.info.threshold) is Finding.CLEAN
    }
    assert sum(image.label == "real" and image.path.name not in published for image in uploads) <= 1
    assert sum(image.label == "synthetic" and image.path.name in published for image in uploads) <= 1
    assert {line["detector"]["name"] for line in logged()} == {"averment-reference"}


def test_one_bad_object_does_not_hide_the_others(site: Site, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch with one failing object handles the rest and raises: the queue repeats the batch, which is harmless."""
    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", PUBLISHED)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    good, bad = site.upload("good.jpg", CLEAN), site.upload("bad.jpg", CLEAN + b"crash")
    with pytest.raises(IncompleteError, match="1 of 2 objects were not handled"):
        scan_handler(queued(eventbridge(bad), eventbridge(good)), None)
    assert site.published("good.jpg") == CLEAN
    assert site.published("bad.jpg") is None


def test_what_is_refused_does_not_stop_what_comes_after_it(site: Site, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of another bucket, which anybody may write who reaches the queue, fails by itself: the upload after it is scanned and published."""
    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", PUBLISHED)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    good = site.upload("good.jpg", CLEAN)
    monkeypatch.setenv("AVERMENT_QUARANTINE_BUCKET", good.bucket)
    foreign = ObjectVersion("elsewhere", "x.jpg", "v1", "e1")
    with pytest.raises(IncompleteError, match=r"1 of 2 objects were not handled: s3://elsewhere/x.jpg.* is not in the quarantine bucket"):
        scan_handler(queued(eventbridge(foreign), eventbridge(good)), None)
    assert site.published("good.jpg") == CLEAN


def test_without_a_published_bucket_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that was deployed without its setting fails loudly at the first event."""
    monkeypatch.delenv("AVERMENT_PUBLISHED_BUCKET", raising=False)
    with pytest.raises(BadInputError, match="AVERMENT_PUBLISHED_BUCKET"):
        scan_handler(queued(), None)


TARGET = ObjectVersion("b", "a b+c.jpg", "v1", "e1")
NOTIFICATION = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%2Bc.jpg", "versionId": "v1", "eTag": "e1"}},
        }
    ]
}


@pytest.mark.parametrize("event", [eventbridge(TARGET), NOTIFICATION, queued(eventbridge(TARGET)), queued(NOTIFICATION)])
def test_every_shape_of_event_names_the_same_object(event: dict[str, Any]) -> None:
    """EventBridge writes keys as they are, S3 notifications URL-encoded; both, bare or queued, name the same version."""
    assert object_versions(event) == [TARGET]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"Records": ["x"]},
        {"Records": [{"messageId": "1", "body": "not json"}]},
        {"Records": [{"messageId": "1", "body": "[]"}]},
        {"Records": [{"eventSource": "aws:sns"}]},
        {"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {}}},
        {"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {}}]},
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}}}]},
    ],
)
def test_an_event_that_is_not_understood_is_not_dropped(event: dict[str, Any]) -> None:
    """Anything else raises, so that it ends in the dead-letter queue and not as handled."""
    with pytest.raises(BadInputError):
        object_versions(event)


def test_the_test_message_of_s3_is_no_object() -> None:
    """S3 sends a test message when notifications are set up; it is acknowledged."""
    assert object_versions({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}) == []
