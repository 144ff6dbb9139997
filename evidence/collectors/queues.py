"""How many messages wait in SQS queues, and where those go that nobody could handle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch

PERMISSIONS = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_ATTRIBUTES = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "RedrivePolicy"]


def is_queue(arn: str) -> bool:
    """Whether ``arn`` is that of an SQS queue."""
    return arn.split(":")[2:3] == ["sqs"]


def look_at(fetch: Fetch, arn: str) -> dict[str, Any] | None:
    """``{"queue", "exists", "messages", "dead_letters"}`` of the queue ``arn``; None where it could not be asked (``fetch`` says why).

    ``messages`` counts those that wait and those that somebody has just taken; SQS counts approximately. ``dead_letters`` is the ARN of the
    queue that takes what was received too often, if there is one.
    """
    parts = arn.split(":")
    shown: dict[str, JSON] = {"QueueName": "each in payload.queues"}
    asked = {"QueueName": parts[-1], **({"QueueOwnerAWSAccountId": parts[4]} if parts[4] else {})}
    place = fetch.one("GetQueueUrl", asked, shown=shown, absent=ABSENT)
    if place is None:
        return None
    if "QueueUrl" not in place:
        return {"queue": arn, "exists": False, "messages": None, "dead_letters": None}
    of_it: dict[str, Any] = {"QueueUrl": place["QueueUrl"], "AttributeNames": _ATTRIBUTES}
    shown = {"QueueUrl": "each in payload.queues", "AttributeNames": list(_ATTRIBUTES)}
    found = fetch.one("GetQueueAttributes", of_it, shown=shown, absent=ABSENT)
    if found is None:
        return None
    attributes: Mapping[str, str] = found.get("Attributes", {})
    waiting = [int(attributes[name]) for name in _ATTRIBUTES[:2] if name in attributes]
    return {
        "queue": arn,
        "exists": bool(attributes),
        "messages": sum(waiting) if waiting else None,
        "dead_letters": _dead_letters(attributes),
    }


def _dead_letters(attributes: Mapping[str, str]) -> str | None:
    try:
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    except ValueError:
        return None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    return str(target) if target else None
