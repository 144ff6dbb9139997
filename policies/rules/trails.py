"""What trails of CloudTrail record of the objects in a bucket, by their selectors of data events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.iam.partitions import plain
from averment.policies.iam.resources import bucket_name
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.rules.regions import same_region
from averment.policies.rules.storage import listed, may_be

TRAIL = "AWS::CloudTrail::Trail"
STORE = "AWS::CloudTrail::EventDataStore"
READS, WRITES = "reads", "writes"
"""The halves of the accesses to objects."""

_CALLS = {READS: ("GetObject",), WRITES: ("PutObject", "CopyObject", "CompleteMultipartUpload")}
"""The calls by which objects are read, and by which they come: a large file comes in parts, and one from another bucket as a copy."""

_OBJECTS = "AWS::S3::Object"
_S3 = "arn:aws:s3"


def recorded(bucket: Resource, half: str, graph: Graph, *types: str) -> Truth:
    """Whether some trail (or event data store; of ``types`` only, if some are given) records ``half`` of the accesses to objects of ``bucket``.

    One that records some of the calls alone is a doubt: whether the others come can't be told.
    """
    trails = list(graph.of_type(*(types or (TRAIL, STORE))))
    return _together({call: any_of(_records(trail, bucket, half, call) for trail in trails) for call in _CALLS[half]})


def _records(trail: Resource, bucket: Resource, half: str, call: str) -> Truth:
    on = trail.get("IsLogging" if trail.type == TRAIL else "IngestionEnabled")
    if on is False:
        return False
    return all_of((on if isinstance(on, Unknown) else True, _selected(trail, bucket, half, call)))


def of_region(trail: Resource, bucket: Resource) -> Truth:
    """Whether ``trail`` records what is called in the region of ``bucket``: in others than its own a trail has to be told to, a data store not to."""
    every = trail.get("IsMultiRegionTrail") if trail.type == TRAIL else trail.get("MultiRegionEnabled")
    every = trail.type == STORE if every is None else every
    return any_of((every if isinstance(every, Unknown) else every is True, same_region(trail, bucket)))


def selected(trail: Resource, bucket: Resource, half: str) -> Truth:
    """Whether the selectors of ``trail`` take in ``half`` of the accesses to objects of ``bucket``."""
    return _together({call: _selected(trail, bucket, half, call) for call in _CALLS[half]})


def _together(taken: Mapping[str, Truth]) -> Truth:
    whole, some = all_of(taken.values()), any_of(taken.values())
    if some is not True or whole is not False:
        return some if some is not True else whole
    missed = " and ".join(call for call, truth in taken.items() if truth is False)
    return Unknown(f"trails record some of the calls by which objects come, but not {missed}, and whether any come so can't be told")


def _selected(trail: Resource, bucket: Resource, half: str, call: str) -> Truth:
    found: list[Truth] = []
    for key, judge in (("EventSelectors", _basic), ("AdvancedEventSelectors", _advanced)):
        for selector in listed(trail.get(key)):
            if isinstance(selector, Unknown):
                found.append(Unknown(f"the selectors of {trail.address} could not be resolved: {selector.reason}"))
            elif isinstance(selector, Mapping):
                found.append(judge(selector, bucket, half, call))
    return all_of((any_of(found), of_region(trail, bucket)))


def _basic(selector: Mapping[str, Any], bucket: Resource, half: str, call: str) -> Truth:  # noqa: ARG001 - one of a pair: it knows no calls
    kind = selector.get("ReadWriteType")
    wanted: Truth = kind if isinstance(kind, Unknown) else kind in (None, "All", "ReadOnly" if half == READS else "WriteOnly")
    resources = listed(selector.get("DataResources"))
    return all_of((wanted, any_of(_data_resource(entry, bucket) for entry in resources)))


def _data_resource(entry: Any, bucket: Resource) -> Truth:
    if not isinstance(entry, Mapping):
        return entry if isinstance(entry, Unknown) else False
    kind = entry.get("Type")
    about: Truth = kind if isinstance(kind, Unknown) else kind == _OBJECTS
    values = entry.get("Values")
    return all_of((about, any_of(_prefix_of_all(value, bucket) for value in listed(values))))


def _advanced(selector: Mapping[str, Any], bucket: Resource, half: str, call: str) -> Truth:
    return all_of(_field(entry, bucket, half, call) for entry in _fields(selector))


def _fields(selector: Mapping[str, Any]) -> Iterator[Any]:
    """The selector's conditions; one that doesn't ask for data events of S3 objects takes in none."""
    entries = listed(selector.get("FieldSelectors"))
    named = {entry.get("Field") for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("Field"), str)}
    unclear = any(
        isinstance(entry, Unknown) or (isinstance(entry, Mapping) and not isinstance(entry.get("Field"), str)) for entry in entries
    )
    yield from entries
    if not unclear and not {"eventCategory", "resources.type"} <= named:
        yield False


def _field(entry: Any, bucket: Resource, half: str, call: str) -> Truth:
    if not isinstance(entry, Mapping):
        return entry if isinstance(entry, Unknown | bool) else False
    name = entry.get("Field")
    if isinstance(name, Unknown):
        return name
    if name == "resources.ARN":
        return _on_objects(entry, bucket)
    if name == "eventName":
        return _selects(entry, call)
    wanted = _FIELDS.get(str(name))
    if wanted is None:  # further fields (userIdentity.arn, errorCode ...): leaving some out is well, picking some isn't
        return not any(entry.get(operator) for operator in ("Equals", "StartsWith", "EndsWith"))
    return _selects(entry, wanted[half == WRITES])


_FIELDS = {
    "eventCategory": ("Data", "Data"),
    "resources.type": (_OBJECTS, _OBJECTS),
    "readOnly": ("true", "false"),
    "eventSource": ("s3.amazonaws.com", "s3.amazonaws.com"),
    "eventType": ("AwsApiCall", "AwsApiCall"),
}
"""What the fields of a selector say of an object that is read, and of one that is written."""

_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {"Equals": str.__eq__, "StartsWith": str.startswith, "EndsWith": str.endswith}


def _selects(entry: Mapping[str, Any], text: str) -> Truth:
    """Whether a field selector takes in ``text``: one of what it picks, if it picks at all, and nothing of what it leaves out."""
    picks: list[Truth] = []
    leaves: list[Truth] = []
    for operator, holds in _OPERATORS.items():
        for key, found in ((operator, picks), (f"Not{operator}", leaves)):
            found += [
                Unknown(f"the selector on {entry.get('Field')} could not be resolved")
                if isinstance(value, Unknown | Reference)
                else holds(text, str(value).lower() if isinstance(value, bool) else str(value))
                for value in listed(entry.get(key))
            ]
    return all_of((any_of(picks) if picks else True, negate(any_of(leaves))))


def _on_objects(entry: Mapping[str, Any], bucket: Resource) -> Truth:
    """Whether a selector on ARNs takes in every object of ``bucket``: not those of some endings or folders, nor all but some."""
    if any(entry.get(operator) for operator in ("EndsWith", "NotEndsWith")):
        return False
    starts, equals = listed(entry.get("StartsWith")), listed(entry.get("Equals"))
    left_out = any_of(_within(value, bucket) for name in ("NotStartsWith", "NotEquals") for value in listed(entry.get(name)))
    inside = any_of(_prefix_of_all(value, bucket) for value in starts) if starts else not equals
    return all_of((inside, negate(left_out)))


def _within(value: Any, bucket: Resource) -> Truth:
    """Whether some objects of ``bucket`` have ARNs that begin with ``value``."""
    if isinstance(value, Reference):
        return value.address == bucket.address
    name, value = bucket_name(bucket), plain(value)
    if value == "" or (isinstance(value, str) and isinstance(name, str) and value.startswith(f"{_S3}:::{name}/")):
        return True
    return _prefix_of_all(value, bucket)


def _prefix_of_all(value: Any, bucket: Resource) -> Truth:
    """Whether every object's ARN in ``bucket`` begins with ``value``; a folder of it isn't enough.

    Nor is an empty text, as an empty variable gives it: CloudTrail refuses that.
    """
    if isinstance(value, Reference):
        return value.address == bucket.address and value.suffix in ("", "/")
    name, value = bucket_name(bucket), plain(value)
    if isinstance(value, Unknown):
        same = isinstance(name, Unknown) and name.template and value.template in (f"{_S3}:::{name.template}/", f"{_S3}:::{name.template}")
        if same and "${?}" not in (value.template or ""):
            return True
        return Unknown(f"a selector could not be resolved: {value.reason}") if may_be(_stripped(value), bucket) else False
    if not isinstance(value, str) or not value:
        return False
    if value.rstrip(":") == _S3:
        return True
    if isinstance(name, Unknown):
        return Unknown(f"whether {value} is this bucket: {name.reason}")
    return name is not None and f"{_S3}:::{name}/".startswith(value)


def _stripped(value: Unknown) -> Unknown:
    """The bucket's part of an unresolved ARN."""
    if not value.template:
        return value
    return Unknown(value.reason, value.template.removeprefix(f"{_S3}:::").partition("/")[0] or None)
