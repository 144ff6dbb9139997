"""Every service that the gate calls fails in every way, before and after it did its work: nothing is published by accident, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from averment.core.errors import IncompleteError
from averment.detector.gate.deferred import finish, results
from averment.detector.gate.reviews import Reviews

JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"
KINDS = ("down", "throttled", "denied", "timeout")


class Scene:
    """One delivery whose every call is to fail once: what was there before, what it does, and whether the medium is served in the end.

    ``answer`` is whether it is the delivery of the endpoint's answer about a video."""

    def __init__(self, site: Any, double: Any, faults: Any, body: bytes, *, before: str | None = None, answer: bool = False) -> None:
        self.site, self.double, self.faults = site, double, faults
        self.body, self.before, self.answer, self.number = body, before, answer, 0

    def prepare(self) -> tuple[str, Callable[[], Any]]:
        """A fresh upload, up to the delivery: its key, and the delivery."""
        self.number += 1
        key = f"{self.number}.bin"
        gate, target = self.site.gate(self.double), self.site.upload(key, self.body + bytes([self.number]))
        self.double.version = "1.0"
        for left in self.site.waiting():
            self.site.s3.delete_object(Bucket=self.site.work, Key=left)
        if self.before:
            gate.handle(target)
        if self.before == "released":
            case = next(case for case in gate.cases.listed(["open"]) if case.target.key == key)
            Reviews(gate).decide(case.id, "release", by="trust/Ada", reason="seen")
        self.double.version = "2.0" if self.before else "1.0"
        if not self.answer:
            return key, lambda: gate.handle(target)
        gate.handle(target)
        [result] = results(self.site.answer(next(iter(self.site.waiting())), self.double), self.site.work)
        return key, lambda: finish(gate, result)

    def calls(self) -> list[str]:
        """The calls of a delivery in which nothing fails."""
        _, deliver = self.prepare()
        self.faults.calls.clear()
        deliver()
        return list(self.faults.calls)


SCENES: dict[str, tuple[bytes, str | None, bool, bool, int]] = {
    "clean": (JPEG + b"clean", None, False, True, 14),
    "flagged": (JPEG + b"fake", None, False, False, 13),
    "video": (MP4 + b"clean", None, False, False, 9),
    "answer": (MP4 + b"clean", None, True, True, 16),
    "flagged-later": (JPEG + b"late", "published", False, False, 15),
    "released-and-flagged-by-another": (JPEG + b"fake", "released", False, False, 17),
}
"""What is uploaded, what happened to it before, whether it is an answer's delivery, whether it is served in the end, and how many calls that takes."""


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer-lost"])
@pytest.mark.parametrize("name", SCENES)
def test_a_fault_at_any_call_is_raised_and_the_next_delivery_completes_the_work(
    site: Any, double: Any, faults: Any, name: str, lost: bool
) -> None:
    """Each call of a delivery fails once, in each way by turns: it is said, nothing is published by accident, and doing it again ends well."""
    body, before, answer, served, number_of_calls = SCENES[name]
    scene, kinds = Scene(site, double, faults, body, before=before, answer=answer), cycle(KINDS)
    scene.calls()  # the log's stream is made
    calls, counts = scene.calls(), Counter[str]()
    assert len(calls) == number_of_calls, calls
    for number, operation in enumerate(calls):
        key, deliver = scene.prepare()
        faults.calls.clear()
        faults.countdown, faults.answer_lost, faults.kind = number, lost, next(kinds)
        try:
            deliver()
        except IncompleteError:
            counts["raised"] += 1
        assert faults.countdown is None, f"{operation} was never called"
        if before is None:
            copied = "CopyObject" in calls[: number + lost] and served
            assert (site.published(key) is not None) is copied, f"published by accident when {operation} failed"
        deliver()
        counts["completed"] += (site.published(key) is not None) is served
    assert counts == Counter({"raised": len(calls), "completed": len(calls)})


def test_the_guide_counts_the_faults_that_were_tried() -> None:
    """What the page says of this suite is what it does."""
    calls = sum(scene[-1] for scene in SCENES.values())
    page = (Path(__file__).parents[3] / "governance" / "docs" / "media-gate.md").read_text(encoding="utf-8")
    assert f"Each of the {calls} calls" in page
    assert f"{2 * calls} faults, {2 * calls} raised, {2 * calls} completed" in page


def test_an_upload_that_can_never_be_scanned_ends_in_the_dead_letter_queue(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is down for good: after three deliveries the dead-letter queue has the message, and nothing was published."""
    import json

    import boto3

    from averment.detector.gate import ingest
    from averment.sandbox.events import pump

    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="scan-dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
    queue = sqs.create_queue(QueueName="scan", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})["QueueUrl"]
    monkeypatch.setenv("AVERMENT_PUBLISHED_BUCKET", site.published_bucket)
    monkeypatch.setattr(ingest, "detector_of", lambda _: double)
    double.broken = True
    target = site.upload("x.jpg", JPEG + b"clean")
    entity = {"key": target.key, "version-id": target.version, "etag": target.etag}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": target.bucket}, "object": entity}}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    failed = [pump(queue, ingest.scan_handler).failed for _ in range(4)]
    assert (failed[0], failed[-1]) == (1, 0)
    assert len(sqs.receive_message(QueueUrl=dead).get("Messages", [])) == 1
    assert site.published("x.jpg") is None
