"""Patterns that let a message through or not: EventBridge's, a subscription's filter policy, the filters of an event source mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.iam.patterns import overlap
from averment.policies.iam.truth import Truth, all_of, any_of

Message = Mapping[str, Any]
"""A message about a new object: of each field the values that it can have, or that it has one."""

_OPEN = object()
"""A field that has one value here and another there: what asks for one of them takes some messages in, and which can't be told."""

CREATIONS = frozenset({"Put", "Post", "Copy", "CompleteMultipartUpload"})
"""How an object comes into being: an event for each. (Amazon S3 User Guide, "Supported event types".)"""

REASONS = {"PutObject": "Put", "POST Object": "Post", "CopyObject": "Copy", "CompleteMultipartUpload": "CompleteMultipartUpload"}
"""What EventBridge's events give as the ``reason`` for an object, in the words of ``CREATIONS``."""


_TELLING_APART = frozenset({"size", "requester", "source-ip-address", "sourceIPAddress", "principalId"})
"""Fields that are of one object and not of the next, besides its key: a scanner that asks for some of their values isn't told of the rest."""

SOME_KEYS = "only objects whose keys end in {} are told of, and whether others come can't be told"
"""What is said of a limit to files of one kind."""

_FROM = {">": 0, ">=": 1}
"""The bounds of a size that leave out nothing but empty objects, as the folders are that the console makes."""


def _open(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _OPEN)


BY_S3: Message = {
    "Records": {
        "eventVersion": _OPEN,
        "eventSource": frozenset({"aws:s3"}),
        "eventName": frozenset(f"ObjectCreated:{kind}" for kind in CREATIONS),
        **_open("awsRegion", "eventTime"),
        "userIdentity": _open("principalId"),
        "requestParameters": _open("sourceIPAddress"),
        "responseElements": _open("x-amz-request-id", "x-amz-id-2"),
        "s3": {
            **_open("s3SchemaVersion", "configurationId"),
            "bucket": {**_open("name", "arn"), "ownerIdentity": _open("principalId")},
            "object": _open("key", "size", "eTag", "versionId", "sequencer"),
        },
    },
}
BY_EVENTBRIDGE: Message = {
    "source": frozenset({"aws.s3"}),
    "detail-type": frozenset({"Object Created"}),
    **_open("version", "id", "account", "time", "region", "resources", "replay-name"),
    "detail": {
        **_open("version", "request-id", "requester", "source-ip-address"),
        "bucket": _open("name"),
        "object": _open("key", "size", "etag", "version-id", "sequencer"),
        "reason": frozenset(REASONS),
    },
}
OF_TRAIL = "AWS API Call via CloudTrail"
BY_TRAIL: Message = {**BY_EVENTBRIDGE, "detail-type": frozenset({OF_TRAIL}), "detail": _OPEN}
IN_ENVELOPE: Message = _open(
    "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature", "UnsubscribeURL"
)
MESSAGES = (BY_S3, BY_EVENTBRIDGE, BY_TRAIL, IN_ENVELOPE)
"""As S3 sends it, as EventBridge does, also by CloudTrail's record, and the envelope in which a topic hands any to a queue."""


def let_by_policy(policy: Any, scope: Any, messages: Sequence[Message]) -> Truth:
    """Whether a subscription's filter policy lets any of ``messages`` about new objects through, which have no attributes."""
    policy = parsed_json(policy)
    if policy in (None, "", {}):
        return True
    doubt = next((value for value in (policy, scope) if isinstance(value, Unknown)), None)
    if doubt is not None:
        return doubt
    if not isinstance(policy, Mapping):
        return Unknown("it is not a filter policy")
    return any_of(_meets(policy, message) for message in messages) if scope == "MessageBody" else _meets(policy, {})


def let_by_criteria(criteria: Any, messages: Sequence[Message]) -> Truth:
    """Whether the filters of an event source mapping let records of a queue through that hold any of ``messages`` about a new object."""
    if criteria in (None, "", {}) or isinstance(criteria, Unknown):
        return criteria if isinstance(criteria, Unknown) else True
    filters = criteria.get("Filters") if isinstance(criteria, Mapping) else Unknown("they are not filter criteria")
    if not isinstance(filters, list):
        return filters if isinstance(filters, Unknown) else True
    return any_of(_by_pattern(entry, messages) for entry in filters) if filters else True


def _by_pattern(entry: Any, messages: Sequence[Message]) -> Truth:
    return let_by_pattern(entry.get("Pattern") if isinstance(entry, Mapping) else entry, *map(_record, messages))


def let_by_pattern(pattern: Any, *messages: Message) -> Truth:
    """Whether a pattern lets any of ``messages`` about a new object through."""
    pattern = parsed_json(pattern)
    if not isinstance(pattern, Mapping):
        return pattern if isinstance(pattern, Unknown) else Unknown("a pattern could not be read")
    return any_of(_meets(pattern, message) for message in messages)


def _record(body: Message) -> Message:
    fields = _open("messageId", "receiptHandle", "attributes", "md5OfBody", "eventSourceARN", "awsRegion")
    return {**fields, "eventSource": frozenset({"aws:sqs"}), "messageAttributes": {}, "body": body}


def _meets(pattern: Mapping[str, Any], message: Message) -> Truth:
    """Whether a message of this kind matches: False where none does, a doubt where some do, or where what is asked isn't known."""
    return all_of(_field(key, asked, message) for key, asked in pattern.items())


def _field(key: str, asked: Any, message: Message) -> Truth:
    if key == "$or" and isinstance(asked, list):
        return any_of(_meets(one, message) if isinstance(one, Mapping) else _doubt(one) for one in asked)
    there = message.get(key)
    if isinstance(asked, Mapping):
        if there is _OPEN or isinstance(there, frozenset):
            return Unknown(f"what it asks of '{key}' is not evaluated")
        return _meets(asked, there if isinstance(there, Mapping) else {})
    entries = asked if isinstance(asked, list) else [asked]
    if there is None:
        return any_of(_absent(entry) for entry in entries)
    if there is _OPEN and key in _TELLING_APART:
        return whoever(key, entries)
    if there is _OPEN and key == "key":
        return every_key(entries)
    if there is _OPEN:
        return any_of(_present(entry) for entry in entries)
    if isinstance(there, frozenset):
        return _of_values(key, entries, sorted(there))
    return Unknown(f"what it asks of '{key}' is not evaluated")


def _of_values(key: str, entries: Sequence[Any], values: Sequence[str]) -> Truth:
    taken = {value: any_of(_closed(entry, value) for entry in entries) for value in values}
    whole, some = all_of(taken.values()), any_of(taken.values())
    if some is not True or whole is not False:
        return some if some is not True else whole
    others = ", ".join(value for value in values if taken[value] is False)
    return Unknown(f"it leaves out those whose '{key}' is {others}, and whether any come can't be told")


def _exists(entry: Any) -> bool | None:
    """What ``{"exists": ...}`` asks for; None where ``entry`` asks for something else."""
    return entry["exists"] in (True, "true") if isinstance(entry, Mapping) and isinstance(entry.get("exists"), bool | str) else None


def _absent(entry: Any) -> Truth:
    if isinstance(entry, Unknown | Reference):
        return _doubt(entry)
    return _exists(entry) is False


def _present(entry: Any) -> Truth:
    if isinstance(entry, Unknown):
        return entry
    return _exists(entry) is not False


def every_key(asked: Any, hint: str = "") -> Truth:
    """Whether a pattern on keys takes in files of every kind; a doubt, which ends in ``hint``, where all that it takes in ends alike."""
    taken = endings(asked)
    some = Unknown(SOME_KEYS.format(" or ".join(taken)) + hint)
    ends = ((entry, _ending(entry)) for entry in _entries(asked))
    return any_of(end if isinstance(end, Unknown) else some if end else _all_but(entry, taken) for entry, end in ends)


def _all_but(entry: Any, taken: Sequence[str]) -> Truth:
    """Whether ``entry`` takes in files of every kind but those that others take in, whose keys end in one of ``taken``. Folders are none."""
    operand = entry.get("anything-but") if isinstance(entry, Mapping) else None
    inner = operand if isinstance(operand, Mapping) else {}
    # a wildcard without a star is one file
    wildcards = (one for one in _entries(inner.get("wildcard", [])) if not isinstance(one, str) or "*" in one)
    for left in (*_entries(inner.get("suffix", [])), *wildcards):
        end = left.rpartition("*")[2] if isinstance(left, str) else left
        if not isinstance(end, str):
            return _doubt(end)
        if end not in ("", "/") and not end.endswith(tuple(taken)):
            return Unknown(f"objects whose keys end in {end} are not told of, and whether such come can't be told")
    return _present(entry)


def endings(asked: Any) -> list[str]:
    """How keys end that a pattern takes in, where it says so."""
    return [end for entry in _entries(asked) if (end := _ending(entry)) and isinstance(end, str)]


def _entries(asked: Any) -> list[Any]:
    return asked if isinstance(asked, list) else [asked]


def _ending(entry: Any) -> str | Unknown | None:
    """How every text ends that ``entry`` takes in; None if in any way."""
    if not isinstance(entry, Mapping):
        return None
    suffix, wildcard = entry.get("suffix"), entry.get("wildcard")
    if isinstance(suffix, Mapping):  # {"suffix": {"equals-ignore-case": ".jpg"}}
        suffix = suffix.get("equals-ignore-case")
    if suffix is None and isinstance(wildcard, str):
        suffix = wildcard.rpartition("*")[2]
    return suffix if isinstance(suffix, str) else _doubt(suffix) if suffix is not None else None


def whoever(key: str, asked: Any) -> Truth:
    """Whether what a pattern asks of ``key``, a field by which objects differ, lets all of them through; a doubt where it may leave some out."""
    entries = asked if isinstance(asked, list) else [] if asked is None else [asked]
    taken = any_of(_any_value(entry) for entry in entries)
    some = Unknown(f"its pattern is on some values of '{key}' alone, and whether objects with others come can't be told")
    return True if asked is None or taken is True else taken if isinstance(taken, Unknown) else some


def _any_value(entry: Any) -> Truth:
    if isinstance(entry, Unknown | Reference):
        return _doubt(entry)
    bound = entry.get("numeric") if isinstance(entry, Mapping) else None
    if isinstance(bound, list) and len(bound) == 2 and isinstance(bound[1], int | float):
        return bool(bound[0] in _FROM and bound[1] <= _FROM[bound[0]])
    return _exists(entry) is True


def _closed(entry: Any, value: str) -> Truth:
    if isinstance(entry, Unknown | Reference):
        return _doubt(entry)
    wanted = _exists(entry)
    return compared(entry, value) if wanted is None else wanted


def _doubt(entry: Any) -> Unknown:
    return entry if isinstance(entry, Unknown) else Unknown(f"it compares with {getattr(entry, 'address', 'what is no pattern')}")


def compared(entry: Any, text: str) -> Truth:
    """Whether one alternative of a pattern, a text or a map with one operator, matches ``text``."""
    if isinstance(entry, str):
        return entry == text
    if not isinstance(entry, Mapping) or len(entry) != 1:
        return False
    operator, operand = next(iter(entry.items()))
    if isinstance(operand, Unknown | Reference):
        return operand if isinstance(operand, Unknown) else Unknown(f"the event pattern compares with {operand.address}")
    if operator == "anything-but":
        others: Iterable[Any] = operand if isinstance(operand, list | tuple) else (operand,)
        plain = [item for item in others if isinstance(item, str)]
        return text not in plain if plain else Unknown("an anything-but of the event pattern is not evaluated")
    simple: dict[str, Callable[[str], Truth]] = {
        "prefix": text.startswith,
        "suffix": text.endswith,
        "wildcard": lambda wanted: overlap(wanted, text),
        "equals-ignore-case": lambda wanted: text.lower() == wanted.lower(),
    }
    if not isinstance(operand, str) or operator not in simple:
        return Unknown(f"'{operator}' of the event pattern is not evaluated")
    return simple[operator](operand)
