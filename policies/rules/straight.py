"""Doors that lead straight into S3: API Gateway's integrations with it, which need no function."""

from __future__ import annotations

import re
from collections.abc import Mapping

from averment.policies.graph.model import Reference, Resource, Unknown
from averment.policies.rules.apis import Door
from averment.policies.rules.storage import same_bucket

_ASKED = re.compile(r":s3:path/\{([^}]+)\}")
"""An integration whose URI leaves the bucket to a parameter: ``s3:path/{bucket}/{key}``, or ``s3:path/{key}`` for both."""


def asks_s3(door: Door, *methods: str) -> bool:
    """Whether the integration asks S3 by one of the HTTP ``methods``, or by whichever the caller has."""
    return ":s3:path/" in _uri(door) and door.integration_method.upper() in (*methods, "ANY")


def caller_names(door: Door, bucket: Resource | None = None) -> bool:
    """Whether whoever calls says which bucket an integration with S3 writes to: its URI has a parameter there.

    A parameter may be a constant; then nobody chooses, and it may be the name of this ``bucket``.
    """
    asked = _ASKED.search(_uri(door))
    if asked is None:
        return False
    given = door.parameters.get(f"integration.request.path.{asked[1]}") if isinstance(door.parameters, Mapping) else None
    if not (isinstance(given, str) and given.startswith("'")):
        return True
    return bucket is not None and given.strip("'").partition("/")[0] == bucket.get("BucketName")


def _uri(door: Door) -> str:
    text = door.to.prefix + door.to.suffix if isinstance(door.to, Reference) else door.to
    text = text.template if isinstance(text, Unknown) else text
    return text if isinstance(text, str) else ""


def names(door: Door, bucket: Resource) -> bool:
    """Whether the integration's URI names ``bucket``."""
    target = door.to
    if isinstance(target, Reference):
        return target.address == bucket.address
    if isinstance(target, Unknown):  # such as a region that isn't known
        return f"/${{{bucket.address}." in (target.template or "")
    name = bucket.get("BucketName")
    return isinstance(target, str) and isinstance(name, str) and f"/{name}/" in f"{target}/" and same_bucket(name, bucket) is True
