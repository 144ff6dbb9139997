"""Whether anybody has confirmed that they subscribe to an SNS topic."""

from __future__ import annotations

from averment.core.canonical import JSON
from averment.core.fetch import Fetch

PERMISSIONS = ("sns:ListSubscriptionsByTopic",)
ABSENT = ("NotFound", "NotFoundException")

UNCONFIRMED = frozenset({"PendingConfirmation", "Deleted"})
"""What stands in place of a subscription's ARN where its subscriber hasn't confirmed it, or has left (SNS API reference, ``Subscription``)."""


def is_topic(arn: str) -> bool:
    """Whether ``arn`` is that of an SNS topic."""
    return arn.split(":")[2:3] == ["sns"]


def why_unheard(fetch: Fetch, arn: str) -> str | None:
    """Why nobody hears what is sent to the topic ``arn``: it doesn't exist, or has no confirmed subscription. None where somebody does, and
    where the topic could not be asked (``fetch`` says why)."""
    shown: dict[str, JSON] = {"TopicArn": "each topic of payload.alarms"}
    waiting, broken_off = 0, fetch.broken_off
    for page in fetch.pages("ListSubscriptionsByTopic", {"TopicArn": arn}, shown=shown, absent=ABSENT):
        if "Subscriptions" not in page:
            return f"the topic {arn} doesn't exist"
        for subscription in page["Subscriptions"]:
            if subscription.get("SubscriptionArn") not in UNCONFIRMED:
                return None
            waiting += 1
    if fetch.broken_off != broken_off:
        return None
    return f"the topic {arn} has no confirmed subscription" + (f" ({waiting:,} not confirmed)" if waiting else "")
