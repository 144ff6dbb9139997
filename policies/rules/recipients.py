"""Whether a notification reaches somebody: addresses, and topics that somebody subscribes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.truth import Truth, any_of

TOPIC = "AWS::SNS::Topic"
SUBSCRIPTION = "AWS::SNS::Subscription"


def reached(targets: Any, graph: Graph) -> Truth:
    """Whether one of ``targets`` (links and ARNs of actions, or of subscribers of type SNS) is there and tells somebody."""
    if isinstance(targets, Unknown):
        return targets
    entries = targets if isinstance(targets, list | tuple) else [] if targets is None else [targets]
    return any_of(_target(entry, graph) for entry in entries)


def addressed(subscribers: Any, graph: Graph) -> Truth:
    """Whether one of the ``subscribers`` of a budget or of an anomaly subscription is somebody."""
    if isinstance(subscribers, Unknown):
        return subscribers
    return any_of(_subscriber(entry, graph) for entry in (subscribers if isinstance(subscribers, list | tuple) else ()))


def heard(topic: Resource, graph: Graph) -> Truth:
    """Whether somebody subscribes to ``topic`` in what was read; people may also do so by hand, so absence is unknown."""
    own = topic.get("Subscription")
    if isinstance(own, list) and own:
        return True
    for subscription in graph.of_type(SUBSCRIPTION):
        value = subscription.get("TopicArn")
        if graph.target(value) is topic or (isinstance(value, str) and value in (topic.address, _arn_tail(topic, value))):
            return True
    return Unknown(f"nobody subscribes to {topic.address} in what was read")


def _target(entry: Any, graph: Graph) -> Truth:
    if entry in (None, ""):
        return False
    if isinstance(entry, Unknown):
        return entry
    found = graph.target(entry) if isinstance(entry, Reference) else _by_arn(entry, graph)
    if isinstance(found, Resource):
        return heard(found, graph) if found.type == TOPIC else True
    if isinstance(found, Unknown):
        return found
    if isinstance(entry, str) and ":sns:" in entry:
        return Unknown(f"{entry} is not part of what was read")
    return isinstance(entry, str)


def _subscriber(entry: Any, graph: Graph) -> Truth:
    if isinstance(entry, Unknown):
        return entry
    if not isinstance(entry, Mapping):
        return False
    kind, address = entry.get("SubscriptionType") or entry.get("Type"), entry.get("Address")
    if kind == "EMAIL":
        return address not in (None, "")  # one that a parameter gives is still somebody's
    return _target(address, graph)


def _by_arn(entry: Any, graph: Graph) -> Resource | None:
    if not isinstance(entry, str):
        return None
    return graph.get(entry) or next((topic for topic in graph.of_type(TOPIC) if entry == _arn_tail(topic, entry)), None)


def _arn_tail(topic: Resource, arn: str) -> str | None:
    """``arn`` if its last part is the name of ``topic``; of a deployed one its address says all, and another account's may have its name."""
    name = topic.get("TopicName") if not topic.address.startswith("arn:") else None
    return arn if isinstance(name, str) and ":sns:" in arn and arn.rsplit(":", 1)[-1] == name else None
