"""What a bucket itself tells of new objects, and whom: its direct notifications, and whether it sends its events to EventBridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.rules.filters import BY_S3, CREATIONS
from averment.policies.rules.storage import listed
from averment.policies.rules.suffixes import suffix_of, whatever_suffix
from averment.policies.rules.takers import Idle, exists, idle, takes

_DIRECT = {"LambdaConfigurations": "Function", "QueueConfigurations": "Queue", "TopicConfigurations": "Topic"}
_CREATED = "s3:ObjectCreated:"
_CDK = {"LambdaFunctionConfigurations": "LambdaConfigurations"}


@dataclass(frozen=True)
class Listener:
    """Something that is told of new objects: ``exists`` says whether its target is there and takes up what it is told.

    ``kinds`` are those of ``CREATIONS`` that it is told of, ``idle`` is why it takes up nothing, if that is known.
    """

    exists: Truth
    kinds: frozenset[str] = CREATIONS
    idle: Idle | None = None


def direct_listeners(bucket: Resource, graph: Graph) -> Iterator[Listener]:
    """Targets of the bucket's own notifications on ``s3:ObjectCreated:*`` (also as CDK writes them, in a custom resource)."""
    found = list(_on_creation(bucket, graph))
    there = [_there(entry, target, graph) for entry, target in found]
    heard = {
        suffix
        for (entry, _), sure in zip(found, there, strict=True)
        if sure is True and isinstance(entry, Mapping) and isinstance(suffix := suffix_of(entry), str)
    }
    for (entry, target), sure in zip(found, there, strict=True):
        if isinstance(entry, Unknown):
            yield Listener(Unknown(f"a notification: {entry.reason}"))
            continue
        value = _notified(entry, target)
        told = all_of((sure, whatever_suffix(entry, heard, bucket, graph)))
        if isinstance(told, Unknown):
            told = Unknown(f"the notification to {describe(value)}: {told.reason}")
        why = idle(value, graph, BY_S3)
        yield Listener(told, _kinds(entry), why if isinstance(why, Idle) else None)


def _on_creation(bucket: Resource, graph: Graph) -> Iterator[tuple[Mapping[str, Any] | Unknown, str]]:
    """The bucket's own notifications that are, or may be, on new objects, each with the name under which its target stands."""
    for configuration in _configurations(bucket, graph):
        for key, target in _DIRECT.items():
            for entry in listed(configuration.get(key)):
                if isinstance(entry, Unknown) or (isinstance(entry, Mapping) and _created(entry) is not False):
                    yield entry, target


def _there(entry: Mapping[str, Any] | Unknown, target: str, graph: Graph) -> Truth:
    """Whether a notification is on new objects, and what it tells is there and takes up what it is told."""
    if isinstance(entry, Unknown):
        return entry
    value = _notified(entry, target)
    return all_of((_created(entry), exists(value, graph), takes(idle(value, graph, BY_S3))))


def notified(bucket: Resource, graph: Graph) -> Iterator[tuple[Any, Truth]]:
    """What the bucket's own notifications are sent to (links and ARNs; an Unknown where that isn't known), and whether they are on new objects."""
    if (hidden := notifications_unknown(bucket)) is not None:
        yield hidden, True
    for entry, target in _on_creation(bucket, graph):
        value, created = _notified(entry, target), True if isinstance(entry, Unknown) else _created(entry)
        if isinstance(created, Unknown):
            created = Unknown(f"which events the notification to {describe(value)} is on could not be resolved: {created.reason}")
        yield value, created


def _notified(entry: Mapping[str, Any] | Unknown, target: str) -> Any:
    if isinstance(entry, Unknown):
        return entry
    return entry.get(target) or entry.get(f"{target}Arn") or entry.get("LambdaFunctionArn")


def _created(entry: Mapping[str, Any]) -> Truth:
    events = [*listed(entry.get("Event")), *listed(entry.get("Events"))]
    return any_of(event if isinstance(event, Unknown) else str(event).startswith(_CREATED) for event in events)


def _kinds(entry: Mapping[str, Any]) -> frozenset[str]:
    """Which of ``CREATIONS`` a notification is about."""
    events = [*listed(entry.get("Event")), *listed(entry.get("Events"))]
    named = {str(event).removeprefix(_CREATED) for event in events if str(event).startswith(_CREATED)}
    return frozenset(named) & CREATIONS if "*" not in named else CREATIONS


def eventbridge_on(bucket: Resource, graph: Graph) -> Truth:
    """Whether the bucket sends its events to EventBridge."""
    return any_of((*map(_eventbridge, _configurations(bucket, graph)), notifications_unknown(bucket) or False))


def notifications_unknown(bucket: Resource) -> Unknown | None:
    """Why the bucket's notifications aren't known, if they aren't."""
    value = bucket.get("NotificationConfiguration")
    return value if isinstance(value, Unknown) else None


def _configurations(bucket: Resource, graph: Graph) -> Iterator[Mapping[str, Any]]:
    own = bucket.get("NotificationConfiguration")
    if isinstance(own, Mapping):
        yield own
    for custom in graph.of_type("Custom::S3BucketNotifications"):  # what CDK's bucket.addEventNotification synthesises
        if graph.target(custom.get("BucketName")) is bucket and isinstance(custom.get("NotificationConfiguration"), Mapping):
            yield {_CDK.get(key, key): value for key, value in custom.get("NotificationConfiguration").items()}


def _eventbridge(configuration: Mapping[str, Any]) -> Truth:
    value = configuration.get("EventBridgeConfiguration")
    if value is None or isinstance(value, Unknown):
        return value if isinstance(value, Unknown) else False
    flag: Any = value.get("EventBridgeEnabled", True) if isinstance(value, Mapping) else True
    return flag if isinstance(flag, Unknown) else flag is not False


def describe(value: Any) -> str:
    """A target as messages name it."""
    if isinstance(value, Reference):
        return value.address
    return value if isinstance(value, str) else "a target that could not be resolved"
