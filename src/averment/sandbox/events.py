"""What a Lambda event source mapping does: read a queue, call the handler, delete what succeeded, leave what failed.

S3's notifications reach EventBridge and from there the queue inside moto; moto's Lambda runs no code, so this is the last step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.aws import client

Handler = Callable[[dict[str, Any], Any], Any]
"""A Lambda handler: ``handler(event, context)``."""

_log = logging.getLogger("averment.sandbox")


class FunctionError(Exception):
    """What a function's code raised in a process of its own; ``kind`` is the name of its exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Pumped:
    """How many messages were received, how many the handler dealt with (deleted), and how many it failed (left in the queue)."""

    received: int = 0
    succeeded: int = 0
    failed: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class LambdaContext:
    """The few attributes of Lambda's context object that handlers read."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    memory_limit_in_mb: int = 1024

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left; nobody is counting here, so always a minute."""
        return 60_000


def pump(queue_url: str, handler: Handler) -> Pumped:
    """Drain the queue at ``queue_url`` through ``handler`` and count.

    A batch whose handler raises stays in the queue and shows again after the queue's visibility timeout; one whose handler returns ``{"batchItemFailures": [{"itemIdentifier": <message id>}]}`` stays as far as it names
    messages (an empty identifier, or one that isn't in the batch, fails the whole batch, as with ``ReportBatchItemFailures``).
    Stops when a receive comes back empty.
    """
    sqs = client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    home, account = arn.split(":")[3:5]
    context = LambdaContext("scan", f"arn:aws:lambda:{home}:{account}:function:scan")
    seen: set[str] = set()
    total = Pumped()
    while True:
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        fresh = [message for message in messages if message["MessageId"] not in seen]
        if not fresh:  # empty, or only what failed already and is visible again
            return total
        seen.update(message["MessageId"] for message in fresh)
        failed, error = _deliver(handler, fresh, arn, context)
        done = [message for message in fresh if message["MessageId"] not in failed]
        for message in done:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        total = Pumped(
            total.received + len(fresh),
            total.succeeded + len(done),
            total.failed + len(fresh) - len(done),
            (*total.errors, error) if error else total.errors,
        )


def sqs_event(messages: list[Mapping[str, Any]], queue_arn: str) -> dict[str, Any]:
    """The event that Lambda builds out of received messages (lowerCamel, attributes as SQS gave them)."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {
                    name: {name[0].lower() + name[1:]: item for name, item in attribute.items()}
                    for name, attribute in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": queue_arn.split(":")[3],
            }
            for message in messages
        ]
    }


def _deliver(handler: Handler, messages: list[Mapping[str, Any]], arn: str, context: LambdaContext) -> tuple[set[str], str | None]:
    """The ids that failed, and the handler's error if it raised."""
    ids = {message["MessageId"] for message in messages}
    try:
        answer = handler(sqs_event(messages, arn), context)
    except Exception as error:  # noqa: BLE001 - Lambda keeps the batch whatever the handler raised; the caller gets the text
        _log.warning("the handler failed on %d message(s)", len(messages), exc_info=True)
        return ids, f"{type(error).__name__}: {error}"
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    named = {str(item.get("itemIdentifier") or "") for item in failures or ()}
    return (named, None) if named <= ids else (ids, None)
