"""Who hears of new objects in a bucket by EventBridge: the rules whose pattern takes them in, and their targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.memo import per_graph, per_resource_and
from averment.policies.graph.model import Dialect, Graph, Reference, Resource, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.iam.partitions import plain
from averment.policies.iam.resources import bucket_name
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.rules.filters import BY_EVENTBRIDGE, BY_TRAIL, OF_TRAIL, REASONS, Message, compared, whoever
from averment.policies.rules.malware import BY_MALWARE, CLEAN, DONE, OF_RESULTS, RESULT, SOURCE, about_plan, protected
from averment.policies.rules.notifications import eventbridge_on
from averment.policies.rules.regions import same_region
from averment.policies.rules.storage import listed
from averment.policies.rules.suffixes import every_suffix
from averment.policies.rules.takers import Idle, exists, idle, takes
from averment.policies.rules.trails import TRAIL, WRITES, recorded

EVENT_RULE = "AWS::Events::Rule"
_OF_EVENTS = frozenset({"version", "bucket", "object", "request-id", "requester", "source-ip-address", "reason"})
"""The fields of an "Object Created" event's detail: a pattern on another one never matches it. (User Guide, "EventBridge event message
structure".)"""

_CALLS = {"PutObject": "Put", "CopyObject": "Copy", "CompleteMultipartUpload": "CompleteMultipartUpload"}
"""The calls by which an object comes, as CloudTrail names them, in the words of ``CREATIONS``."""

_ONLY_OF_EVENTS = frozenset({"bucket", "object", "reason", "requester", "source-ip-address"})
"""Those of them that CloudTrail's records don't have."""


_Ways = tuple[Truth, Truth, Truth]
"""Whether a pattern takes in S3's own events, CloudTrail's records of calls, and GuardDuty's results."""


@per_graph
def s3_rules(graph: Graph) -> tuple[Resource, ...]:
    """EventBridge rules that are about S3 at all, or may be, also by what GuardDuty says of objects in it."""
    return tuple(rule for rule in graph.of_type(EVENT_RULE) if _about_s3(event_pattern(rule)))


def _about_s3(pattern: Any) -> bool:
    if not isinstance(pattern, Mapping):
        return isinstance(pattern, Unknown)
    source = pattern.get("source")
    by_result = _matches(source, SOURCE) is not False and any(map(_on_results, _alternatives(pattern)))
    return by_result or _matches(source, "aws.s3") is not False


def _on_results(pattern: Any) -> bool:
    """Whether one of GuardDuty's patterns waits for what it says of objects in which it finds nothing, or may. One on all that GuardDuty
    says, or on threats, is there for the alarm."""
    if not isinstance(pattern, Mapping):
        return isinstance(pattern, Unknown)
    kind = pattern.get("detail-type")
    return kind is not None and all_of((_matches(kind, RESULT), _clean(pattern.get("detail")))) is not False


def _clean(detail: Any) -> Truth:
    """Whether a pattern's detail takes in a result on an object in which nothing was found."""
    found = _child(_child(detail, "scanResultDetails"), "scanResultStatus")
    return all_of((_matches(_child(detail, "scanStatus"), DONE), _matches(found, CLEAN)))


def event_pattern(rule: Resource) -> Any:
    """The rule's event pattern, parsed where it was written as JSON text."""
    return parsed_json(rule.get("EventPattern"))


def takes_in(rule: Resource, bucket: Resource, graph: Graph, *, some: bool = False) -> Truth:
    """Whether the rule's pattern matches "Object Created" events of ``bucket``, or records or results on new objects in it.

    Records are CloudTrail's, results those of GuardDuty's malware protection.
    A pattern on some ways only in which an object comes is a doubt, unless ``some`` of them are enough.
    """
    return any_of(_ways(rule, bucket, graph, some))


def reaches(rule: Resource, bucket: Resource, graph: Graph, *, some: bool = False) -> Truth:
    """Whether what the rule's pattern takes in is sent: by the bucket, whose EventBridge is on, a trail that records its objects, or GuardDuty."""
    by_event, by_trail, by_result = _ways(rule, bucket, graph, some)
    on = eventbridge_on(bucket, graph)
    doubt = Unknown(f"whether EventBridge is on could not be resolved: {on.reason}") if isinstance(on, Unknown) else on
    sent: list[Truth] = [all_of((by_event, doubt))]
    if by_trail is not False:
        sent.append(all_of((by_trail, _on_trail(rule, bucket, graph))))
    if by_result is not False:
        sent.append(all_of((by_result, protected(rule, bucket, graph))))
    return any_of(sent)


def waits_for_trail(rule: Resource, bucket: Resource, graph: Graph) -> bool:
    """Whether the rule takes in CloudTrail's records of new objects in ``bucket``."""
    return _ways(rule, bucket, graph, some=True)[1] is True


def waits_for_results(rule: Resource, bucket: Resource, graph: Graph) -> bool:
    """Whether the rule takes in what GuardDuty says of new objects in ``bucket``."""
    return _ways(rule, bucket, graph, some=True)[2] is True


def trails_matter(bucket: Resource, graph: Graph) -> bool:
    """Whether it hangs on CloudTrail who hears of new objects in ``bucket``."""
    return any(waits_for_trail(rule, bucket, graph) for rule in s3_rules(graph))


def _on_trail(rule: Resource, bucket: Resource, graph: Graph) -> Truth:
    if bucket.dialect is not Dialect.CONFIG and next(graph.of_type(TRAIL), None) is None:
        return Unknown(f"{rule.address} waits for CloudTrail's records of it, and no trail is part of what was read")
    return recorded(bucket, WRITES, graph, TRAIL)


def _ways(rule: Resource, bucket: Resource, graph: Graph, some: bool) -> _Ways:
    """Whether the rule takes in what S3 tells of new objects in ``bucket``, what CloudTrail does, and what GuardDuty does."""
    every, part = _taking(bucket, None, graph).get(rule.address, _NEITHER)
    return part if some else every


@per_resource_and
def _taking(bucket: Resource, _: None, graph: Graph) -> dict[str, tuple[_Ways, _Ways]]:
    """The rules that take in something of ``bucket``, or may, by address, each with its ways for every object and for some.

    Asked once of all rules: there may be as many as buckets.
    """
    found: dict[str, tuple[_Ways, _Ways]] = {}
    for rule in s3_rules(graph):
        if (part := _ways_of(rule, bucket, graph, some=True)) != _NO_WAY:
            found[rule.address] = (_ways_of(rule, bucket, graph, some=False), part)
    return found


_NO_WAY: _Ways = (False, False, False)
_NEITHER = (_NO_WAY, _NO_WAY)


def _ways_of(rule: Resource, bucket: Resource, graph: Graph, *, some: bool) -> _Ways:
    pattern = event_pattern(rule)
    if isinstance(pattern, Unknown):
        return Unknown(f"the event pattern of {rule.address} could not be resolved: {pattern.reason}"), False, False
    if not isinstance(pattern, Mapping):
        return _NO_WAY
    bus, alternatives = _default_bus(rule), [_takes(alternative, bucket, graph, some) for alternative in _alternatives(pattern)]
    here = same_region(rule, bucket)
    heard = (come_to(rule, bucket, graph), here, here)
    by_event, by_trail, by_result = (all_of((any_of(way[index] for way in alternatives), bus, heard[index])) for index in range(3))
    return by_event, by_trail, by_result


def come_to(rule: Resource, bucket: Resource, graph: Graph) -> Truth:
    """Whether events of ``bucket`` come to where ``rule`` listens: in its own region, or in one to which a rule of the bucket's sends them on."""
    near = same_region(rule, bucket)
    if near is not False:
        return near
    senders = (one for one in s3_rules(graph) if one is not rule and same_region(one, bucket) is True and _sends_to(one, rule.region))
    return any_of(all_of((enabled(one), _ways_of(one, bucket, graph, some=False)[0])) for one in senders)


def _sends_to(rule: Resource, region: str) -> bool:
    """Whether a target of ``rule`` is the default bus of ``region``."""
    arns = [_child(entry, "Arn") for entry in listed(rule.get("Targets"))]
    texts = [arn.template if isinstance(arn, Unknown) else arn for arn in arns]
    return any(isinstance(text, str) and f":events:{region}:" in text and text.endswith(":event-bus/default") for text in texts)


def _alternatives(pattern: Mapping[str, Any]) -> list[Any]:
    """``pattern`` without ``$or``, at the top and in its detail: one for each alternative; an Unknown where they can't be put together."""
    found: list[Any] = []
    for whole in _either(pattern):
        detail = whole.get("detail") if isinstance(whole, Mapping) else None
        found += (
            [{**whole, "detail": one} if isinstance(one, Mapping) else one for one in _either(detail)]
            if isinstance(detail, Mapping)
            else [whole]
        )
    return found


def _either(part: Mapping[str, Any]) -> list[Any]:
    options = part.get("$or")
    if options is None:
        return [part]
    rest = {key: value for key, value in part.items() if key != "$or"}
    doubt = Unknown("'$or' of the event pattern is not evaluated")
    return [{**rest, **one} if isinstance(one, Mapping) and not rest.keys() & one.keys() else doubt for one in listed(options)]


def _takes(pattern: Any, bucket: Resource, graph: Graph, some: bool) -> _Ways:
    """Whether a pattern without alternatives matches events of ``bucket``, as they come from S3, from CloudTrail, and from GuardDuty."""
    if isinstance(pattern, Unknown):
        return pattern, False, False
    detail = pattern.get("detail")
    if isinstance(detail, Unknown):
        return detail, False, False
    inner: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    kind = pattern.get("detail-type")

    def by_result() -> Iterator[Truth]:
        yield kind is not None and _matches(kind, RESULT)
        yield _matches(pattern.get("source"), SOURCE)
        yield OF_RESULTS.issuperset(inner)
        yield about_plan(pattern.get("resources"), bucket, graph)
        yield _names_bucket(_child(inner.get("s3ObjectDetails"), "bucketName"), bucket)
        yield _clean(inner)
        yield every_suffix(_child(inner.get("s3ObjectDetails"), "objectKey"), bucket, graph, some)

    if _matches(pattern.get("source"), "aws.s3") is False:
        return False, False, all_of(by_result())

    def by_event() -> Iterator[Truth]:
        yield _names_bucket(_child(inner.get("bucket"), "name"), bucket)
        yield _matches(pattern.get("source"), "aws.s3")
        yield _matches(kind, "Object Created")
        yield _names_bucket(_buckets_of(pattern.get("resources")), bucket)
        yield _OF_EVENTS.issuperset(inner)
        yield _every_kind(inner.get("reason"), REASONS, some)
        yield every_suffix(_child(inner.get("object"), "key"), bucket, graph, some)
        if not some:
            yield from _every_object(inner)

    def by_trail() -> Iterator[Truth]:
        yield kind is not None and _matches(kind, OF_TRAIL)
        yield _matches(pattern.get("source"), "aws.s3")
        yield _ONLY_OF_EVENTS.isdisjoint(inner)
        yield _every_kind(inner.get("eventName"), _CALLS, some)
        yield _names_bucket(_child(inner.get("requestParameters"), "bucketName"), bucket)
        yield every_suffix(_child(inner.get("requestParameters"), "key"), bucket, graph, some)

    return all_of(by_event()), all_of(by_trail()), all_of(by_result())


def _every_kind(asked: Any, kinds: Mapping[str, str], enough: bool) -> Truth:
    """Whether a pattern takes in every way in which an object comes (``kinds``); some only are a doubt, unless they are ``enough``."""
    taken = {kind: _matches(asked, word) for word, kind in kinds.items()}
    whole, part = all_of(taken.values()), any_of(taken.values())
    if enough or part is not True:
        return part
    if whole is not False:
        return whole
    some, others = (", ".join(sorted(kind for kind in taken if (taken[kind] is True) is wanted)) for wanted in (True, False))
    return Unknown(f"its pattern is on objects that come by {some} alone, and whether they come by {others} can't be told")


def _every_object(detail: Mapping[str, Any]) -> Iterator[Truth]:
    """Whether a pattern takes in objects of any size, whoever wrote them and from wherever."""
    yield whoever("size", _child(detail.get("object"), "size"))
    for key in ("requester", "source-ip-address"):
        yield whoever(key, detail.get(key))


def _buckets_of(arns: Any) -> Any:
    """A pattern on ARNs of buckets as one on their names."""
    if arns is None:
        return None
    return [{key: _named(text) for key, text in entry.items()} if isinstance(entry, Mapping) else _named(entry) for entry in listed(arns)]


def _named(arn: Any) -> Any:
    arn = plain(arn)
    if isinstance(arn, Unknown) and arn.template is not None:
        return Unknown(arn.reason, arn.template.removeprefix("arn:aws:s3:::"))
    return arn.removeprefix("arn:aws:s3:::") if isinstance(arn, str) else arn


def enabled(rule: Resource) -> Truth:
    """Whether the rule is switched on."""
    state = rule.get("State")
    if isinstance(state, Unknown):
        return Unknown(f"the state of {rule.address} could not be resolved: {state.reason}")
    return bool(state != "DISABLED")


def _told_by(rule: Resource) -> tuple[Message, ...]:
    """How the rule tells of new objects: by S3's events, by CloudTrail's records where it asks for them, or by GuardDuty's results."""
    pattern = event_pattern(rule)
    if isinstance(pattern, Mapping) and _matches(pattern.get("source"), "aws.s3") is False:
        return (BY_MALWARE,)
    asked = [one.get("detail-type") for one in _alternatives(pattern) if isinstance(one, Mapping)] if isinstance(pattern, Mapping) else []
    by_trail = any(kind is not None and _matches(kind, OF_TRAIL) is not False for kind in asked)
    return (BY_EVENTBRIDGE, BY_TRAIL) if by_trail else (BY_EVENTBRIDGE,)


def targets(rule: Resource, graph: Graph) -> Truth:
    """Whether the rule has a target that exists and takes up what it is told."""
    entries = rule.get("Targets")
    if isinstance(entries, Unknown):
        return Unknown(f"the targets of {rule.address} could not be resolved: {entries.reason}")
    arns = [entry if isinstance(entry, Unknown) else _child(entry, "Arn") for entry in listed(entries)]
    return any_of(
        arn if isinstance(arn, Unknown) else all_of((exists(arn, graph), takes(idle(arn, graph, *_told_by(rule))))) for arn in arns
    )


def idle_target(rule: Resource, graph: Graph) -> Idle | None:
    """Why a target of the rule takes up nothing, if one is there of which that is known."""
    found = (idle(_child(entry, "Arn"), graph, *_told_by(rule)) for entry in listed(rule.get("Targets")))
    return next((why for why in found if isinstance(why, Idle)), None)


def _default_bus(rule: Resource) -> Truth:
    bus = rule.get("EventBusName")
    if isinstance(bus, Unknown):
        return bus
    return bus in (None, "", "default") or (isinstance(bus, str) and bus.endswith(":event-bus/default"))


def _names_bucket(value: Any, bucket: Resource) -> Truth:
    """An absent name takes in every bucket; else one of the alternatives has to be this one."""
    if value is None:
        return True
    return any_of(_is_bucket(entry, bucket) for entry in listed(value))


def _is_bucket(entry: Any, bucket: Resource) -> Truth:
    name = bucket_name(bucket)
    if isinstance(entry, Reference):
        return entry.address == bucket.address
    if isinstance(entry, Unknown):
        same = isinstance(name, Unknown) and name.template is not None and name.template == entry.template and "${?}" not in name.template
        return True if same else Unknown(f"the bucket in the event pattern could not be resolved: {entry.reason}")
    if isinstance(name, Unknown):
        return Unknown(f"whether the event pattern names this bucket: {name.reason}")
    return name is not None and compared(entry, name)


def _matches(value: Any, text: str) -> Truth:
    """EventBridge's matching of one field: absent matches, a list holds alternatives."""
    if value is None:
        return True
    return any_of(entry if isinstance(entry, Unknown) else compared(entry, text) for entry in listed(value))


def _child(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value if isinstance(value, Unknown | Reference) else None
