"""An upload reaches a Lambda handler through EventBridge and SQS, and what the handler fails stays."""

from __future__ import annotations

import json

import boto3
import pytest

from averment.sandbox.events import pump


@pytest.fixture
def queue(sandbox):
    """A bucket whose Object Created events reach a queue through EventBridge."""
    s3, sqs, events = boto3.client("s3"), boto3.client("sqs"), boto3.client("events")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}})
    url = sqs.create_queue(QueueName="scan", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": ["uploads"]}}}
    events.put_rule(Name="scan", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="scan", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def _upload(count):
    for number in range(count):
        boto3.client("s3").put_object(Bucket="uploads", Key=f"foto nr {number}.jpg", Body=b"x")


def _keys(event):
    return [json.loads(record["body"])["detail"]["object"]["key"] for record in event["Records"]]


def _left(url):
    return boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]


def test_every_upload_reaches_the_handler_once(queue):
    """More than one batch; the event has the shape of Lambda's SQS events; the queue is empty afterwards."""
    _upload(23)
    events = []
    result = pump(queue, lambda event, context: events.append(event))
    assert (result.received, result.succeeded, result.failed) == (23, 23, 0)
    assert sorted(key for event in events for key in _keys(event)) == sorted(f"foto nr {n}.jpg" for n in range(23))
    record = events[0]["Records"][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":123456789012:scan")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert _left(queue) == "0"


def test_a_batch_whose_handler_raises_stays(queue):
    """Nothing is lost and the loop ends; the error is told, and the next pump delivers again."""
    _upload(3)

    def crash(event, context):
        raise RuntimeError("model missing")

    result = pump(queue, crash)
    assert (result.succeeded, result.failed) == (0, 3)
    assert set(result.errors) == {"RuntimeError: model missing"}
    assert _left(queue) == "3"
    assert pump(queue, lambda event, context: None).succeeded == 3


def test_partial_batch_responses_leave_only_what_failed(queue):
    """``batchItemFailures`` as with ReportBatchItemFailures."""
    _upload(4)

    def picky(event, context):
        return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] if "nr 2" in r["body"]]}

    result = pump(queue, picky)
    assert (result.succeeded, result.failed) == (3, 1)
    assert _left(queue) == "1"


@pytest.mark.parametrize("identifier", ["", "not-in-the-batch"])
def test_a_malformed_partial_response_fails_the_whole_batch(queue, identifier):
    """Lambda treats an unknown or empty identifier as a failed batch; so nothing is deleted unseen."""
    _upload(2)
    result = pump(queue, lambda event, context: {"batchItemFailures": [{"itemIdentifier": identifier}]})
    assert (result.succeeded, result.failed) == (0, 2)
