"""Which resources have to do with media: the question with which most rules begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from averment.core.scope import DEFAULT_MEDIA, MediaRole, Scope
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.resources import bucket_name

BUCKET = "AWS::S3::Bucket"

_HOLE = re.compile(r"\$\{[^}]*\}")
_OTHER = re.compile(r"(?:^|[-_.])(?:access-?)?(?:logs?|logging|tfstate|terraform-state|artifacts?|cdk)(?:[-_.]|$)", re.IGNORECASE)
"""Parts of names of buckets about media that hold none themselves (``media-access-logs``, ``cdk-hnb659fds-assets``)."""


def media_role(bucket: Resource, scope: Scope) -> tuple[MediaRole, str] | None:
    """The media role of ``bucket`` and the reason, by its tags and name (of which a part may be known, ``${var.env}-uploads``).

    Where nothing of the name is known, its address (``aws_s3_bucket.uploads``) stands in.
    """
    name = bucket_name(bucket)
    if isinstance(name, str):
        return _role(name, bucket, scope)
    if name is not None and name.template and (found := _role(_HOLE.sub("", name.template), bucket, scope)):
        return found
    return _role(bucket.address.rsplit(".", 1)[-1].partition("[")[0], bucket, scope)


def _role(name: str, bucket: Resource, scope: Scope) -> tuple[MediaRole, str] | None:
    """The default patterns are wide; what the organisation wrote itself is taken at its word."""
    return scope.media_role(None if scope.media is DEFAULT_MEDIA and _OTHER.search(name) else name, bucket.tags)


def canned_acl(bucket: Resource) -> Any:
    """The bucket's canned ACL in CloudFormation's spelling (``PublicRead``), whatever the dialect's (``public-read``)."""
    acl = bucket.get("AccessControl")
    return "".join(part.capitalize() for part in acl.split("-")) if isinstance(acl, str) and acl.islower() else acl


def media_buckets(graph: Graph, scope: Scope, *roles: MediaRole) -> Iterator[tuple[Resource, MediaRole, str]]:
    """The graph's media buckets with role and reason; of ``roles`` only, if some are given."""
    for bucket in graph.of_type(BUCKET):
        found = media_role(bucket, scope)
        if found is not None and (not roles or found[0] in roles):
            yield bucket, found[0], found[1]


def role_unclear(bucket: Resource, scope: Scope) -> Unknown | None:
    """Why it can't be told whether ``bucket`` holds media, if it can't: no match so far, but its tags aren't all known."""
    return bucket.tags_unknown if media_role(bucket, scope) is None else None
