"""Which resources a statement reaches: S3 objects of a bucket."""

from __future__ import annotations

import re
from collections.abc import Callable

from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.graph.text import HOLE
from averment.policies.iam.document import Statement, Value
from averment.policies.iam.partitions import plain
from averment.policies.iam.patterns import contains, overlap
from averment.policies.iam.truth import Truth, all_of, any_of, negate


def bucket_name(bucket: Resource) -> str | Unknown | None:
    """The bucket's name, an Unknown if it isn't resolved, None if AWS makes one up at creation."""
    name = bucket.get("BucketName")
    if isinstance(name, Reference):
        template = f"{name.prefix}${{{name.address}}}{name.suffix}"  # "photos-${random_id.this}": what is known of it tells what it is for
        return Unknown(f"the bucket's name is {template}, which was not resolved", template)
    return name if isinstance(name, str | Unknown) else None


def plain_name(bucket: Resource) -> str | None:
    """The bucket's name, if it is known and stands for itself: then ``names_reached`` tells whether a statement may reach its objects."""
    name = bucket_name(bucket)
    return name if isinstance(name, str) and not any(sign in name for sign in "*?$/") else None


def reaches_objects(statement: Statement, bucket: Resource) -> Truth:
    """Whether the statement's ``Resource`` or ``NotResource`` takes in objects of ``bucket``."""
    if statement.not_resources is not None:
        return negate(any_of(_whole_bucket(plain(value), bucket) for value in statement.not_resources))
    return any_of(_object_pattern(plain(value), bucket) for value in statement.resources or ())


def takes_in_all(refusal: Statement, bucket: Resource, grant: Statement | None = None) -> Truth:
    """Whether ``refusal`` (a Deny) takes in every object of ``bucket`` that ``grant`` reaches; every object at all where that is None.

    A Deny on one folder leaves the rest of the bucket open, whatever its condition.
    """
    return all_of(_taken_in(keys, refusal, bucket) for keys in _granted_keys(grant, bucket))


def _granted_keys(grant: Statement | None, bucket: Resource) -> list[str | Unknown]:
    """The patterns of keys in ``bucket`` that ``grant`` may reach: rather too wide than too narrow."""
    if grant is None or grant.resources is None:
        return ["*"]
    return [keys for value in grant.resources if (keys := _keys(plain(value), bucket)) is not None] or ["*"]


def _keys(value: Value, bucket: Resource) -> str | Unknown | None:
    """The pattern of the keys in ``bucket`` that an entry of ``Resource`` may mean; None if it means none of its objects."""
    if isinstance(value, Reference):
        if value.address != bucket.address or not value.suffix.startswith(("/", "*")):
            return None
        return value.suffix.removeprefix("/")
    if isinstance(value, Unknown):
        return _templated_keys(value)
    if _object_pattern(value, bucket) is False:
        return None
    name, _, keys = value.partition(":::")[2].partition("/")
    return keys if keys and "*" not in name else "*"  # a star in the bucket's part may stand for the beginning of a key as well


def _templated_keys(value: Unknown) -> str | Unknown:
    """The keys by what is known of an unresolved ARN: after the hole that is the bucket's (``arn:aws:s3:::${var.bucket}/in/*``)."""
    before, hole, rest = (value.template or "").rpartition("}")
    if not hole or "/" in HOLE.sub("", f"{before}}}"):
        return value
    name, slash, keys = rest.partition("/")
    if slash:
        return keys
    return "*" if name.endswith("*") else value


def _taken_in(granted: str | Unknown, refusal: Statement, bucket: Resource) -> Truth:
    """Whether the keys ``granted`` are all among what ``refusal`` takes in."""
    if refusal.not_resources is not None:
        spared = (keys for value in refusal.not_resources if (keys := _keys(plain(value), bucket)) is not None)
        return negate(any_of(_both(keys, granted, overlap) for keys in spared))
    return any_of(_refused(plain(value), granted, bucket) for value in refusal.resources or ())


def _refused(value: Value, granted: str | Unknown, bucket: Resource) -> Truth:
    name, keys = bucket_name(bucket), _keys(value, bucket)
    if keys is None:
        return False
    if value == granted and "${?}" not in (getattr(value, "template", None) or "${?}"):
        return True
    if isinstance(value, str) and value.strip("*") and isinstance(name, str) and isinstance(granted, str):
        return contains(value.partition(":::")[2] or value, f"{name}/{granted}" if ":::" in value else f"arn:aws:s3:::{name}/{granted}")
    if isinstance(name, Unknown) and isinstance(value, str) and value.replace("arn:aws:s3:::", "").strip("*/"):
        return Unknown(f"whether {value} is this bucket: {name.reason}")
    return _both(keys, granted, contains)


def _both(first: str | Unknown, second: str | Unknown, compare: Callable[[str, str], bool]) -> Truth:
    if first == "*":
        return True
    doubt = next((value for value in (first, second) if isinstance(value, Unknown)), None)
    if doubt is not None:
        return Unknown(f"a Resource could not be resolved: {doubt.reason}")
    return compare(str(first), str(second))


def names_reached(statement: Statement) -> frozenset[str] | None:
    """The names of the only buckets whose objects the statement may reach; None where it may be any bucket's.

    Buckets whose own name isn't known, or holds a symbol of the deployment, are beside this: they have to be asked one by one.
    """
    if statement.not_resources is not None:
        return None
    names = set()
    for value in statement.resources or ():
        rest = value.partition(":::")[2] if isinstance(value, str) else ""
        name = rest.partition("/")[0]
        if not name or any(sign in name for sign in "*?$"):
            return None
        names.add(name)
    return frozenset(names)


_THROUGH_POINT = re.compile(r"\*|arn:.+:(?:\*|accesspoint/(?:\*|[^/]+/(?:object/)?\*))")


def reaches_access_point(statement: Statement) -> Truth:
    """Whether a statement of an access point's own policy takes in every object that is reached through it."""
    if statement.not_resources is not None:
        return Unknown("which objects NotResource leaves to an access point is not read")
    return any_of(_through_point(value) for value in statement.resources or ())


def _through_point(value: Value) -> Truth:
    if isinstance(value, Unknown):
        return Unknown(f"a Resource could not be resolved: {value.reason}")
    if isinstance(value, Reference):
        return value.suffix in ("/object/*", "/*", "*")
    return _THROUGH_POINT.fullmatch(value) is not None


def every_bucket(statement: Statement) -> str | None:
    """The pattern by which the statement reaches objects of any bucket (``*``, ``arn:*:s3:::*``), ``NotResource`` (any but some), or None."""
    for value in statement.resources or ():
        if isinstance(value, str) and _any_name(plain(value)):
            return value
    return "NotResource" if statement.not_resources is not None else None


def may_be_everywhere(statement: Statement) -> Unknown | None:
    """Why the statement may reach every bucket: nothing is known of its ``Resource``, so that it may be a star.

    Beside entries of which something is known (``${var.bucket_arn}/*``), one of which nothing is will be the bucket's own ARN.
    """
    entries = statement.resources or ()
    bare = [value for value in entries if isinstance(value, Unknown) and not HOLE.sub("", value.template or "")]
    if not bare or len(bare) < len(entries):
        return None
    return Unknown(f"its Resource could not be resolved, and may be every bucket: {bare[0].reason}")


def _any_name(value: str) -> bool:
    """Whether ``value`` leaves a bucket's name open by a wildcard: one with an empty name (``arn:aws:s3:::/*``) is no such."""
    rest = value.replace("arn:aws:s3:::", "")
    return _everywhere(value) or (rest.startswith("*") and not rest.strip("*/"))


def _everywhere(value: str) -> bool:
    """Whether ``value`` takes in every object of every bucket. (A bucket's name has three characters or more.)"""
    return contains(value, "arn:aws:s3:::???*/?*")


def _object_pattern(value: Value, bucket: Resource) -> Truth:
    name = bucket_name(bucket)
    if isinstance(value, Unknown):
        if _same_expression(value, name):
            return True
        return Unknown(f"a Resource could not be resolved: {value.reason}")
    if isinstance(value, Reference):
        return value.address == bucket.address and value.suffix.startswith(("/", "*"))
    if _any_name(value):
        return value.endswith("*")
    partition, _, rest = value.partition(":::")
    if not rest:
        return overlap(value, "arn:aws:s3:::x/x") if "*" in value else False
    if "/" not in rest and not rest.endswith("*"):
        return False
    if rest.startswith("/") and name != "":
        return Unknown(f"which bucket {value} means: the name in it is empty, as that of a variable whose value comes with the deployment")
    if isinstance(name, Unknown):
        return Unknown(f"whether {value} is this bucket: {name.reason}")
    return name is not None and partition.startswith("arn:") and overlap(rest, f"{name}/*")


def _same_expression(value: Unknown, name: str | Unknown | None) -> bool:
    """Whether both are unresolved but written with the same expression (``arn:aws:s3:::${var.bucket}/*``), hence equal."""
    if not isinstance(name, Unknown) or not name.template or not value.template or "${?}" in name.template:
        return False
    return value.template.startswith((f"arn:aws:s3:::{name.template}/", f"arn:aws:s3:::{name.template}*"))


def _whole_bucket(value: Value, bucket: Resource) -> Truth:
    """For ``NotResource``: whether ``value`` leaves out every object of the bucket."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Reference):
        return value.address == bucket.address and value.suffix in ("/*", "*")
    name = bucket_name(bucket)
    if isinstance(name, Unknown):
        return name
    return value == "*" or (name is not None and value in (f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}*"))
