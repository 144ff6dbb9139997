"""Which part of the gate scores what: the function's own detector, the endpoint for large images, the asynchronous one for videos."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate import deferred, ingest
from averment.detector.gate.deferred import MAX_ATTEMPTS, finish, result_handler, results, sweep_handler
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.ingest import scan_handler
from averment.detector.gate.settings import Settings
from averment.detector.serving import invoke

JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"


def answered(site: Any, gate: Any, event: dict[str, Any]) -> list[dict[str, Any]]:
    return [finish(gate, result) for result in results(event, site.work)]


def test_small_images_are_scored_here_and_large_ones_by_the_endpoint(site: Any, new_double: Any) -> None:
    """The size decides who scores, and the record names who did."""
    small, large = new_double("small"), new_double("large")
    gate = site.gate(small, large=large, small_bytes=100)
    assert gate.handle(site.upload("s.jpg", JPEG + b"clean"))["detector"]["name"] == "small"
    assert gate.handle(site.upload("l.jpg", JPEG + b"clean" + bytes(200)))["detector"]["name"] == "large"
    assert (len(small.asked), len(large.asked)) == (1, 1)


def test_a_new_model_at_the_endpoint_is_taken_by_the_next_delivery(
    site: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch, new_double: Any
) -> None:
    """A warm function knows the model that it asked first. When another one is deployed the delivery fails, and the next one asks it who it is: not
    each of them until the function goes cold, which would make dead letters of all uploads."""
    model = new_double("large")
    site.create_endpoint("pictures")
    sandbox.answer_endpoints_with(lambda body, kind: invoke(body, kind, detector=model))
    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", site.published_bucket)
    monkeypatch.setenv("AVERMENT_DETECTOR", "sagemaker:pictures")
    ingest.detector_of.cache_clear()

    def deliver(key: str) -> dict[str, Any]:
        target = site.upload(key, JPEG + b"clean")
        entity = {"key": target.key, "version-id": target.version, "etag": target.etag}
        detail = {"bucket": {"name": target.bucket}, "object": entity}
        [line] = scan_handler({"source": "aws.s3", "detail-type": "Object Created", "detail": detail}, None)["verdicts"]  # type: ignore[misc, union-attr]
        return dict(line)  # type: ignore[arg-type, call-overload, misc]

    assert deliver("a.jpg")["detector"]["version"] == "1.0"
    model.version = "2.0"
    with pytest.raises(IncompleteError, match="changed while it was asked"):
        deliver("b.jpg")
    line = deliver("b.jpg")
    assert (line["action"], line["detector"]["version"]) == ("publish", "2.0")
    ingest.detector_of.cache_clear()


def test_a_clean_video_is_published_when_the_endpoint_has_answered_and_not_before(site: Any, double: Any) -> None:
    """Asked, nothing published; answered, the very version is published as a video and nothing waits any more."""
    gate, target = site.gate(double), site.upload("v.mp4", MP4 + b"clean", ContentType="text/html", Metadata={"provenance": "phone"})
    assert gate.handle(target)["event"] == "asked"
    assert site.published("v.mp4") is None
    [key] = site.waiting()
    [line] = answered(site, gate, site.answer(key, double))
    assert (line["verdict"], line["action"]) == ("clean", "publish")
    assert site.published("v.mp4") == MP4 + b"clean"
    head = site.s3.head_object(Bucket=site.published_bucket, Key="v.mp4")
    assert (head["ContentType"], head["Metadata"]["provenance"]) == ("video/mp4", "phone")
    assert site.waiting() == []


@pytest.mark.parametrize("key", ["тест/" + "映" * 330 + ".mp4", "a b+c%2F/" + "x" * 1000, "é" * 512])
def test_a_video_is_asked_about_whatever_its_name(site: Any, double: Any, key: str) -> None:
    """Names have up to 1,024 bytes in S3, metadata 2 KB, and percent-encoded a name alone is up to three: such a video was never judged."""
    gate = site.gate(double)
    assert gate.handle(site.upload(key, MP4 + b"clean"))["event"] == "asked"
    [line] = answered(site, gate, site.answer(site.waiting()[0], double))
    assert (line["key"], line["action"]) == (key, "publish")
    assert site.published(key) == MP4 + b"clean"


@pytest.mark.parametrize(("body", "verdict"), [(b"fake", "flagged"), (b"odd", "review")])
def test_a_video_that_is_not_clean_is_held_with_a_case(site: Any, double: Any, body: bytes, verdict: str) -> None:
    """What the endpoint flags or can't judge waits for a person."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + body))
    [line] = answered(site, gate, site.answer(site.waiting()[0], double))
    assert (line["verdict"], line["action"]) == (verdict, "hold")
    assert site.published("v.mp4") is None
    assert [case.verdict for case in gate.cases.listed(["open"])] == [verdict]


def test_an_answer_that_comes_ten_times_counts_once(site: Any, double: Any) -> None:
    """Later copies find the question answered, and change nothing."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    event = site.answer(site.waiting()[0], double)
    events = [answered(site, gate, event)[0]["event"] for _ in range(10)]
    assert events == ["verdict", *["answered-before"] * 9]


def test_the_answer_about_one_video_publishes_no_other(site: Any, double: Any) -> None:
    """Whoever may call the function, or write into its queue, can point to the answer about a clean video as if it were about a fake. It isn't where the
    endpoint said that the fake's would be: it is refused each time, and the fake's own answer is dealt with as ever."""
    gate = site.gate(double)
    gate.handle(site.upload("fake.mp4", MP4 + b"fake"))
    [fake] = site.waiting()
    gate.handle(site.upload("clean.mp4", MP4 + b"clean"))
    [clean] = [key for key in site.waiting() if key != fake]
    event = site.answer(clean, double)
    forged = json.loads(json.loads(event["Records"][0]["body"])["Message"])
    forged["requestParameters"]["inputLocation"] = f"s3://{site.work}/{fake}"
    with pytest.raises(IncompleteError, match=f"the answer to {fake} is awaited at s3://"):
        answered(site, gate, {"Records": [{"body": json.dumps(forged)}]})
    assert (site.published("fake.mp4"), fake in site.waiting()) == (None, True)
    [line] = answered(site, gate, site.answer(fake, double))
    assert (line["verdict"], line["action"]) == ("flagged", "hold")
    [line] = answered(site, gate, event)
    assert (line["verdict"], line["action"]) == ("clean", "publish")


def test_an_answer_that_is_faster_than_the_note_of_it_comes_again(site: Any, double: Any) -> None:
    """Where it lies is noted after the question: until then the answer is delivered again, and nothing is published by it."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    [key] = site.waiting()
    event, note = site.answer(key, double), {"Bucket": site.work, "Key": key.replace("inputs/", "asked/", 1)}
    noted = site.s3.get_object(**note)["Body"].read()
    site.s3.delete_object(**note)
    with pytest.raises(IncompleteError, match="is not noted"):
        answered(site, gate, event)
    assert site.published("v.mp4") is None
    site.s3.put_object(**note, Body=noted)
    [line] = answered(site, gate, event)
    assert line["action"] == "publish"


def test_a_failing_endpoint_is_asked_again_and_then_a_person(site: Any, double: Any) -> None:
    """Three failures, three questions, then a case that says what the endpoint said."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    for attempt in range(1, MAX_ATTEMPTS):
        [key] = site.waiting()
        [line] = answered(site, gate, site.answer(key, double, failure="out of memory"))
        assert (line["event"], line["attempt"]) == ("asked", attempt + 1)
    [key] = site.waiting()
    [line] = answered(site, gate, site.answer(key, double, failure="out of memory"))
    assert line["verdict"] == "review"
    assert "failed 3 times, the last time: out of memory" in line["reason"]
    assert (site.waiting(), site.published("v.mp4")) == ([], None)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"detector": {}, "cannot_say": null, "probabilities": {}}', b"x" * 2_000_000]
)
def test_an_answer_that_is_no_score_is_for_a_person(site: Any, double: Any, body: bytes) -> None:
    """Whatever the endpoint writes, a medium without a score isn't published."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    [line] = answered(site, gate, site.answer(site.waiting()[0], double, body=body))
    assert (line["verdict"], line["action"]) == ("review", "hold")
    assert site.published("v.mp4") is None


@pytest.mark.parametrize(
    ("name", "said"), [("ours", "y" * 500_000), ("ours", "cut in an emoji \ud83d"), ("", "no name"), ("\ud83d", "half a name")]
)
def test_what_an_endpoint_says_fits_into_the_log_and_the_table(site: Any, double: Any, name: str, said: str) -> None:
    """More words than DynamoDB takes, or none where CloudWatch wants some: it is a case for a person, and no answer that can never be dealt with."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    detector = {"name": name, "version": "1", "families": ["synthetic-image"], "threshold": 0.5}
    body = json.dumps({"detector": detector, "probabilities": {}, "cannot_say": said}).encode()
    [line] = answered(site, gate, site.answer(site.waiting()[0], double, body=body))
    [case] = gate.cases.listed(["open"])
    assert (line["verdict"], line["reason"]) == ("review", said.replace("\ud83d", "\ufffd")[:2000])
    assert case.history[0].reason == line["reason"]
    assert site.waiting() == []


def test_an_answer_about_an_old_version_does_not_replace_the_new_one(site: Any, double: Any) -> None:
    """Answers out of order: the first version's comes last and publishes nothing."""
    gate = site.gate(double)
    gate.handle(site.upload("v.mp4", MP4 + b"clean1"))
    [first] = site.waiting()
    gate.handle(site.upload("v.mp4", MP4 + b"clean2"))
    [second] = [key for key in site.waiting() if key != first]
    answered(site, gate, site.answer(second, double))
    [line] = answered(site, gate, site.answer(first, double))
    assert line["action"] == "superseded"
    assert site.published("v.mp4") == MP4 + b"clean2"


def test_what_was_deleted_meanwhile_is_said_and_forgotten(site: Any, double: Any) -> None:
    """An answer about a version that is gone publishes nothing and leaves nothing waiting."""
    gate, target = site.gate(double), site.upload("v.mp4", MP4 + b"clean")
    gate.handle(target)
    site.s3.delete_object(Bucket=site.quarantine, Key="v.mp4", VersionId=target.version)
    [line] = answered(site, gate, site.answer(site.waiting()[0], double))
    assert (line["event"], site.waiting()) == ("gone", [])


def test_the_endpoint_scores_a_copy_that_nobody_can_exchange(site: Any, double: Any) -> None:
    """The key is overwritten after the question: what is scored is the version that was asked about, and only it could be published."""
    gate, target = site.gate(double), site.upload("v.mp4", MP4 + b"fake")
    gate.handle(target)
    [key] = site.waiting()
    site.upload("v.mp4", MP4 + b"clean")
    [line] = answered(site, gate, site.answer(key, double))
    assert line["verdict"] == "flagged"
    assert gate.handle(target)["event"] == "asked", "what is served may be the older one: it can still be asked about"
    assert site.s3.get_object(Bucket=site.work, Key=site.waiting()[0])["Body"].read() == MP4 + b"fake"


@pytest.mark.parametrize("named", [True, False])
def test_where_there_are_no_versions_what_is_overwritten_while_it_is_read_is_gone(site: Any, double: Any, faults: Any, named: bool) -> None:
    """By its ETag it is another one, which has an event of its own; also where the event told none."""
    put, gate = overwriting(site, JPEG), site.gate(double)
    target, words = put(b"clean"), [b"fake!"]

    def meanwhile(**_: Any) -> None:
        if words:
            put(words.pop())

    faults("s3").meta.events.register("before-call.s3.GetObject", meanwhile)
    assert gate.handle(target if named else replace(target, etag=None))["event"] == "gone"
    assert (words, double.asked, site.published("x")) == ([], [], None)


@pytest.mark.parametrize("kind", [JPEG, MP4])
def test_what_is_copied_is_pinned_where_there_are_no_versions(site: Any, double: Any, faults: Any, kind: bytes) -> None:
    """To be published, or to be asked about. S3 refuses it if it was overwritten; the embedded one doesn't know the condition."""
    target, sent = overwriting(site, kind)(b"clean"), list[str]()

    def note(params: dict[str, Any], **_: Any) -> None:
        sent.append(params["headers"].get("x-amz-copy-source-if-match", "").strip('"'))

    faults("s3").meta.events.register("before-call.s3.CopyObject", note)
    site.gate(double).handle(target)
    assert sent == [target.etag]


def test_a_long_video_is_not_published_as_what_overwrote_it(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no versions, the answer about it says nothing of what lies there by now. It isn't read again, which would show the same."""
    put, gate = overwriting(site, MP4), site.gate(double)
    monkeypatch.setattr(ingest, "MAX_BYTES", 8)
    assert gate.handle(put(b"clean"))["event"] == "asked"
    [key] = site.waiting()
    answer = site.answer(key, double)
    put(b"fake!")
    [line] = answered(site, gate, answer)
    assert (line["event"], site.published("x"), site.waiting()) == ("gone", None, [])


def overwriting(site: Any, kind: bytes) -> Any:
    """Puts what it is given in place of what lies there, in a quarantine bucket that keeps no versions; tells what an event would say of it."""
    site.s3.put_bucket_versioning(Bucket=site.quarantine, VersioningConfiguration={"Status": "Suspended"})

    def put(word: bytes) -> ObjectVersion:
        return ObjectVersion(
            site.quarantine, "x", etag=site.s3.put_object(Bucket=site.quarantine, Key="x", Body=kind + word)["ETag"].strip('"')
        )

    return put


def test_a_video_without_an_endpoint_is_held(site: Any, double: Any) -> None:
    """Where nothing scores videos they are for a person to see."""
    gate = ingest.Gate(Settings(site.published_bucket), double)
    line = gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    assert (line["verdict"], line["reason"]) == ("review", "nothing here scores video/mp4")
    assert site.published("v.mp4") is None


def test_an_image_too_large_for_a_request_goes_the_way_of_videos(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What neither the function nor the real-time endpoint takes is asked about asynchronously, unread here. By its beginning, which other files have as
    well, it isn't known: who forbids this one would forbid those."""
    monkeypatch.setattr(ingest, "MAX_BYTES", 100)
    gate = site.gate(double)
    assert gate.handle(site.upload("x.jpg", JPEG + b"clean" + bytes(200)))["event"] == "asked"
    assert double.asked == []
    [line] = answered(site, gate, site.answer(site.waiting()[0], double))
    assert (line["action"], line["sha256"]) == ("publish", None)


def test_what_is_deleted_while_its_credential_is_read_is_said_and_forgotten(
    site: Any, double: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the version and the reading of it: nothing is left to judge, nor a question to ask again."""
    gate = site.gate(double)
    gate.handle(site.upload("x.mp4", MP4 + b"clean"))
    [result] = results(site.answer(site.waiting()[0], double), site.work)
    monkeypatch.setattr(gate.store, "fetch", lambda *_, **__: None)
    assert finish(gate, result)["event"] == "gone"
    assert (site.published("x.mp4"), site.waiting()) == (None, [])


def test_an_answer_about_a_medium_of_another_bucket_is_refused(site: Any, double: Any) -> None:
    """Whoever writes into the work bucket can make a question about any: nothing is said of that medium, neither in its tags nor in the log."""
    target = site.upload("x.mp4", MP4 + b"clean")
    site.gate(double).handle(target)
    strict = site.gate(double, quarantine_bucket="shop-quarantine")
    [result] = results(site.answer(site.waiting()[0], double), site.work)
    with pytest.raises(BadInputError, match="is not in the quarantine bucket shop-quarantine"):
        finish(strict, result)
    assert site.tags(site.quarantine, "x.mp4") == {}
    assert [line["event"] for line in site.logged()] == ["asked"]
    assert site.published("x.mp4") is None


def test_what_no_answer_came_for_is_asked_again(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch, faults: Any) -> None:
    """The schedule finds what waits too long, counts it, and asks again; what waits for less is left alone."""
    environment(monkeypatch, site)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    site.gate(double).handle(site.upload("v.mp4", MP4 + b"clean"))
    assert sweep_handler({}, None) == {"verdicts": []}
    monkeypatch.setattr(deferred, "OVERDUE", -deferred.OVERDUE)
    [line] = sweep_handler({}, None)["verdicts"]  # type: ignore[misc, union-attr]
    assert (line["event"], line["attempt"]) == ("asked", 2)  # type: ignore[index, call-overload]
    assert len(site.waiting()) == 1


def test_what_nobody_decides_in_time_is_counted(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule counts the cases that wait for a person for longer than the deployment allows, also where there is no asynchronous endpoint. An
    appeal waits since it was made, what was opened again since then; what is decided doesn't wait."""
    from datetime import timedelta

    from averment.core.period import utc_now
    from averment.detector.gate.reviews import Reviews

    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", site.published_bucket)
    monkeypatch.setenv("AVERMENT_CASES", site.table)
    monkeypatch.setenv("AVERMENT_REVIEW_HOURS", "48")
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    reviews = Reviews(site.gate(double))
    for key in ("waits.jpg", "decided.jpg", "appealed.jpg"):
        reviews.gate.handle(site.upload(key, JPEG + b"fake" + key.encode()))
    cases = {case.target.key: case.id for case in reviews.cases.listed(["open"])}
    for key in ("decided.jpg", "appealed.jpg"):
        reviews.decide(cases[key], "reject", by="trust/Ada", reason="seen")
    reviews.appeal(cases["appealed.jpg"], by="seller/Cem", reason="mine", now=utc_now() + timedelta(hours=2))

    def counted(hours: float) -> float:
        monkeypatch.setattr(deferred, "utc_now", lambda: utc_now() + timedelta(hours=hours))
        assert sweep_handler({}, None) == {"verdicts": []}
        return overdue_in_all()

    assert [counted(hours) for hours in (47, 49, 51)] == [0, 1, 3]  # in all: none, then one, then two


def overdue_in_all() -> float:
    """What ``ReviewsOverdue`` adds up to."""
    from datetime import UTC, datetime, timedelta

    import boto3

    found = boto3.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {"Namespace": "Averment/Detector", "MetricName": "ReviewsOverdue"},
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
    )
    return float(sum(found["MetricDataResults"][0]["Values"]))


def test_a_decision_that_stopped_half_way_is_counted_until_it_is_applied(
    site: Any, double: Any, faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejection is filed and S3 refuses to withdraw: what was rejected is served, so somebody is told within hours, and not when a medium waits for
    a first decision. It is among the rejected cases, and `averment review list` ends with 1, with or without --all."""
    from datetime import timedelta

    from averment.cli.main import run
    from averment.core.period import utc_now
    from averment.detector.gate.reviews import Reviews

    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", site.published_bucket)
    monkeypatch.setenv("AVERMENT_CASES", site.table)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    reviews = Reviews(site.gate(double))
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    [case] = reviews.cases.listed(["open"])
    reviews.decide(case.id, "release", by="trust/Ada", reason="fine")
    reviews.appeal(case.id, by="support/Dee", reason="that is me")
    faults.failing = "DeleteObject"
    with pytest.raises(IncompleteError):
        reviews.decide(case.id, "reject", by="legal/Bob", reason="the complaint is right")
    faults.failing = None
    assert site.published("x.jpg") is not None
    assert [found.id for found in reviews.cases.listed(["rejected"])] == [case.id]
    assert list(reviews.cases.listed(["released", "open", "appealed"])) == []
    assert [run(["review", "list", "--table", site.table, *more]) for more in ((), ("--all",))] == [1, 1]

    def counted(hours: float) -> float:
        monkeypatch.setattr(deferred, "utc_now", lambda: utc_now() + timedelta(hours=hours))
        sweep_handler({}, None)
        return overdue_in_all()

    assert [counted(0.5), counted(1.5)] == [0, 1]
    reviews.decide(case.id, "reject", by="legal/Bob", reason="the complaint is right")
    assert (counted(1.5), list(reviews.cases.undone())) == (1, [])
    assert [run(["review", "list", "--table", site.table, *more]) for more in ((), ("--all",))] == [0, 0]


def environment(monkeypatch: pytest.MonkeyPatch, site: Any) -> None:
    for name, value in {
        "PUBLISHED_BUCKET": site.published_bucket,
        "ASYNC_ENDPOINT": "video",
        "WORK_BUCKET": site.work,
        "CASES": site.table,
    }.items():
        monkeypatch.setenv(f"AVERMENT_{name}", value)


def test_the_two_functions_do_the_whole_job_from_their_environment(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upload event in, answer event in, published out, as the deployed functions do it."""
    environment(monkeypatch, site)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    target = site.upload("v.mp4", MP4 + b"clean")
    entity = {"key": target.key, "version-id": target.version, "etag": target.etag}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": target.bucket}, "object": entity}}
    scan_handler(event, None)
    result_handler(site.answer(site.waiting()[0], double), None)
    assert site.published("v.mp4") == MP4 + b"clean"


def test_an_answer_about_another_bucket_is_refused(site: Any, double: Any) -> None:
    """A message that names a question which the gate never asked moves nothing."""
    event = site.answer("inputs/x/1", double, failure="x")
    with pytest.raises(BadInputError, match="which the gate never asked about"):
        list(results(event, "another-bucket"))


@pytest.mark.parametrize("body", ["not json", "[]", "{}", '{"Type": "Notification"}', '{"requestParameters": {}}'])
def test_a_message_that_is_no_answer_is_not_dropped(body: str) -> None:
    """It raises, so that it ends in the dead-letter queue and not as handled."""
    with pytest.raises(BadInputError):
        list(results({"Records": [{"body": body}]}, "work"))


def test_with_too_little_time_left_nothing_is_begun(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is about to be stopped gives the message back instead of working until it is killed."""
    environment(monkeypatch, site)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 3_000

    target = site.upload("x.jpg", JPEG + b"clean")
    event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": target.bucket}, "object": {"key": target.key}}}]}
    with pytest.raises(IncompleteError, match="less than 10 s were left"):
        scan_handler(event, Context())
    assert double.asked == []


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({"AVERMENT_PUBLISHED_BUCKET": "p", "AVERMENT_DISCLOSED": "yes"}, "AVERMENT_DISCLOSED is 'yes'"),
        ({"AVERMENT_PUBLISHED_BUCKET": "p", "AVERMENT_ASYNC_ENDPOINT": "e"}, "belong together"),
        ({"AVERMENT_PUBLISHED_BUCKET": "p", "AVERMENT_SMALL_BYTES": "1MB"}, "AVERMENT_SMALL_BYTES is '1MB'"),
        ({}, "AVERMENT_PUBLISHED_BUCKET is not set"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_name(environment: dict[str, str], wrong: str) -> None:
    """A deployment with a slip fails at its first event and says which variable it was."""
    with pytest.raises(BadInputError, match=wrong):
        Settings.from_environment(environment)


def test_uploads_are_counted_by_kind(site: Any, double: Any) -> None:
    """What the alarms on floods read: pictures, videos and the rest, each under its own dimension."""
    import boto3

    gate = site.gate(double)
    for key, body in (("a.jpg", JPEG + b"clean"), ("b.jpg", JPEG + b"fake"), ("c.mp4", MP4 + b"clean"), ("d.pdf", b"%PDF-1.7")):
        gate.handle(site.upload(key, body))
    counted = {}
    for kind in ("image", "video", "other"):
        points = boto3.client("cloudwatch").get_metric_statistics(
            Namespace="Averment/Detector",
            MetricName="Uploads",
            Dimensions=[{"Name": "Kind", "Value": kind}],
            StartTime="2020-01-01T00:00:00Z",
            EndTime="2100-01-01T00:00:00Z",
            Period=86_400,
            Statistics=["Sum"],
        )["Datapoints"]
        counted[kind] = sum(point["Sum"] for point in points)
    assert counted == {"image": 2.0, "video": 1.0, "other": 1.0}


def total(name: str, dimension: str, value: str) -> float:
    import boto3

    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="Averment/Detector",
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_a_version_is_counted_once_however_often_it_is_delivered(site: Any, double: Any, new_double: Any) -> None:
    """Redeliveries of a scan that fails, and scans of what was uploaded long ago, are no uploads; another version of the key is one."""
    gate, target = site.gate(double, large=new_double("large"), small_bytes=100), site.upload("a.jpg", JPEG + b"clean")
    double.broken = True
    for _ in range(5):
        with pytest.raises(IncompleteError):
            gate.handle(target)
    assert (total("Uploads", "Kind", "image"), total("Scanned", "Route", "own")) == (1.0, 0.0)
    double.broken = False
    for _ in range(2):
        gate.handle(target)
    gate.handle(site.upload("a.jpg", JPEG + b"clean again"))
    assert total("Uploads", "Kind", "image") == 2.0


def test_each_route_is_counted_by_itself(site: Any, double: Any, new_double: Any) -> None:
    """What comes in and what has an answer, by who scores it: one endpoint that stops is seen though the others go on. Failures are no answers."""
    gate = site.gate(double, large=new_double("large"), small_bytes=100)
    gate.handle(site.upload("s.jpg", JPEG + b"clean"))
    gate.handle(site.upload("l.jpg", JPEG + b"clean" + bytes(200)))
    gate.handle(site.upload("d.pdf", b"%PDF-1.7"))
    gate.handle(site.upload("v.mp4", MP4 + b"clean"))
    for _ in range(MAX_ATTEMPTS):
        [line] = answered(site, gate, site.answer(site.waiting()[0], double, failure="out of memory"))
    assert line["verdict"] == "review"
    routes = ("own", "endpoint", "asynchronous")
    assert [total("Uploads", "Route", route) for route in routes] == [1.0, 1.0, 1.0]
    assert [total("Scanned", "Route", route) for route in routes] == [1.0, 1.0, 0.0]
    gate.handle(site.upload("w.mp4", MP4 + b"clean"))
    answered(site, gate, site.answer(site.waiting()[0], double))
    assert total("Scanned", "Route", "asynchronous") == 1.0


def test_what_was_uploaded_in_parts_is_scanned_as_one(site: Any, double: Any) -> None:
    """Its ETag is no digest of the bytes and has a dash; it pins all the same, here and for what is asked asynchronously."""
    gate = site.gate(double)
    for key, body in (("p.jpg", b"\xff\xd8\xffclean"), ("p.mp4", MP4 + b"clean")):
        given = {"Bucket": site.quarantine, "Key": key}
        upload = {**given, "UploadId": site.s3.create_multipart_upload(**given)["UploadId"]}
        part = site.s3.upload_part(**upload, PartNumber=1, Body=body)["ETag"]
        done = site.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        etag = done["ETag"].strip('"')
        assert etag.endswith("-1")
        line = gate.handle(ObjectVersion(site.quarantine, key, done["VersionId"], etag))
        if line["event"] == "asked":
            [line] = answered(site, gate, site.answer(site.waiting()[0], double))
        assert line["action"] == "publish"
        assert site.published(key) == body
