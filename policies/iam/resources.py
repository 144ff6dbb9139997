"""Which resources a statement reaches: S3 objects of a bucket."""

from __future__ import annotations

import re

from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.iam.document import Statement, Value
from averment.policies.iam.patterns import overlap
from averment.policies.iam.truth import Truth, any_of, negate


def bucket_name(bucket: Resource) -> str | Unknown | None:
    """The bucket's name, an Unknown if it isn't resolved, None if AWS makes one up at creation."""
    name = bucket.get("BucketName")
    if isinstance(name, Reference):
        template = f"{name.prefix}${{{name.address}}}{name.suffix}"  # "photos-${random_id.this}": what is known of it tells what it is for
        return Unknown(f"the bucket's name is {template}, which was not resolved", template)
    return name if isinstance(name, str | Unknown) else None


def reaches_objects(statement: Statement, bucket: Resource) -> Truth:
    """Whether the statement's ``Resource`` or ``NotResource`` takes in objects of ``bucket``."""
    if statement.not_resources is not None:
        return negate(any_of(_whole_bucket(value, bucket) for value in statement.not_resources))
    return any_of(_object_pattern(value, bucket) for value in statement.resources or ())


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
    """The pattern by which the statement reaches objects of any bucket whatever (``*``, ``arn:aws:s3:::*``), or None."""
    for value in statement.resources or ():
        if isinstance(value, str) and value.replace("arn:aws:s3:::", "").strip("*/") == "":
            return value
    return None


def _object_pattern(value: Value, bucket: Resource) -> Truth:
    name = bucket_name(bucket)
    if isinstance(value, Unknown):
        if _same_expression(value, name):
            return True
        return Unknown(f"a Resource could not be resolved: {value.reason}")
    if isinstance(value, Reference):
        return value.address == bucket.address and value.suffix.startswith(("/", "*"))
    if not value.replace("arn:aws:s3:::", "").strip("*/"):
        return value.endswith("*")
    partition, _, rest = value.partition(":::")
    if not rest:
        return overlap(value, "arn:aws:s3:::x/x") if "*" in value else False
    if "/" not in rest and not rest.endswith("*"):
        return False
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
