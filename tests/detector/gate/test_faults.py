"""Every service that the gate calls fails in every way, before and after it did its work: nothing is published by accident, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from averment.core.errors import IncompleteError
from averment.detector.gate.deferred import finish, results

JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"
PICTURE = ("HeadObject", "GetObject", "GetObjectTagging", "PutObjectTagging", "PutLogEvents", "PutMetricData", "BatchGetItem", "CopyObject")
HELD = ("HeadObject", "GetObject", "GetObjectTagging", "PutObjectTagging", "PutLogEvents", "PutMetricData", "PutItem")
QUESTION = ("HeadObject", "GetObject", "CopyObject", "InvokeEndpointAsync", "PutLogEvents")
ANSWER = (*PICTURE, "DeleteObject")
KINDS = ("down", "throttled", "denied", "timeout")


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer-lost"])
def test_a_fault_at_any_call_is_raised_and_the_next_delivery_completes_the_work(
    new_site: Callable[[], Any], double: Any, faults: Any, lost: bool
) -> None:
    """A clean picture, a flagged one, a video's question and its answer, with each call failing once, in each way by turns: counted."""
    site, counts = new_site(), Counter[str]()
    faults.answer_lost, faults.ways = lost, cycle(KINDS)
    gate = site.gate(double)
    for scene, body, operations in (("clean", JPEG + b"clean", PICTURE), ("flagged", JPEG + b"fake", HELD)):
        for number, operation in enumerate(operations):
            key = f"{scene}-{number}.jpg"
            target = site.upload(key, body + bytes([number]))
            fail(faults, counts, operation, lambda target=target: gate.handle(target))
            if not (lost and operation == "CopyObject"):
                counts["published by accident"] += site.published(key) is not None
            gate.handle(target)
            counts["completed"] += (site.published(key) is not None) is (scene == "clean")
    for number, operation in enumerate((*QUESTION, *ANSWER)):
        key = f"video-{number}.mp4"
        target = site.upload(key, MP4 + b"clean" + bytes([number]))
        question = number < len(QUESTION)
        if question:
            fail(faults, counts, operation, lambda target=target: gate.handle(target))
            counts["published by accident"] += site.published(key) is not None
        gate.handle(target)
        event = site.answer(next(iter(site.waiting())), double)
        [result] = results(event, site.work)
        if not question:
            fail(faults, counts, operation, lambda result=result: finish(gate, result))
        finish(gate, result)
        counts["completed"] += site.published(key) is not None
        for left in site.waiting():
            site.s3.delete_object(Bucket=site.work, Key=left)
    total = len(PICTURE) + len(HELD) + len(QUESTION) + len(ANSWER)
    assert counts == Counter({"injected": total, "raised": total, "completed": total, "published by accident": 0})


def fail(faults: Any, counts: Counter[str], operation: str, act: Callable[[], Any]) -> None:
    """Do ``act`` with ``operation`` failing, and count that it failed and was said."""
    before, faults.failing, faults.kind = faults.raised, operation, next(faults.ways)
    try:
        act()
    except IncompleteError:
        counts["raised"] += 1
    finally:
        faults.failing = None
    counts["injected"] += faults.raised > before


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
