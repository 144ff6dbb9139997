"""Buckets that hold media by what the source of a function does with their objects, where the source was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from averment.core.scope import MediaRole
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, MediaCode, Reference, Resource
from averment.policies.iam.carriers import Carrier, identity_documents
from averment.policies.iam.resources import bucket_name, every_bucket, reaches_objects

_BUCKET, _FUNCTION = "AWS::S3::Bucket", "AWS::Lambda::Function"
_MOST_BUCKETS = 3
"""A function that may work on more buckets than this doesn't show by its role which of them hold the media."""

_AUXILIARY = re.compile(
    r"(?:^|[-_.])(?:config(?:uration)?s?|settings|models?|weights|templates?|fonts?|results?|reports?|json|data-?lake|tables?)(?:[-_.]|$)",
    re.I,
)
"""Words of buckets from which, or to which, a function that works on media takes or puts something else."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Worked:
    """What a bucket's objects are by the code that works on them, and why."""

    role: MediaRole
    why: str


@per_graph
def worked_on(graph: Graph) -> dict[str, Worked]:
    """The buckets on whose objects a function works that the source shows to work on media, by address.

    A function that is told of a bucket's new objects works on them. One that may read or write them does, if its source mentions the
    environment variable that names the bucket, or if its role is its own and is for a few buckets only.
    """
    found: dict[str, Worked] = {}
    if not graph.media_code:
        return found
    buckets = list(graph.of_type(_BUCKET))
    for address, code in graph.media_code.items():
        function = graph.get(address)
        for bucket, how in _buckets_of(function, code, buckets, graph) if function is not None else ():
            role = MediaRole.GENERATED if code.generates and how != _TOLD else MediaRole.PUBLISHED
            doing = "has pictures or video made by" if code.generates else "works on media by"
            found.setdefault(bucket.address, Worked(role, f"{address}, which {doing} {code.uses}, {how}"))
    return found


_TOLD = "is told of its new objects"


def _buckets_of(function: Resource, code: MediaCode, buckets: list[Resource], graph: Graph) -> Iterator[tuple[Resource, str]]:
    for bucket in buckets:
        if not code.generates and any(_means(value, function) for value in _listeners(bucket)):
            yield bucket, _TOLD
    role = graph.target(function.get("Role"))
    if not isinstance(role, Resource):
        return
    carriers = list(identity_documents(role, graph))
    actions = ("s3:GetObject",) if code.looks else ("s3:PutObject",) if code.generates else ("s3:GetObject", "s3:PutObject")
    own = len(list(graph.linking(_FUNCTION, "Role", role.address))) == 1
    candidates = [bucket for bucket in buckets if not _auxiliary(bucket)]
    reached = [bucket for bucket in candidates if _may(carriers, actions, bucket, named=True)] if own else []
    for bucket in reached if len(reached) <= _MOST_BUCKETS else ():
        yield bucket, "may work on its objects"
    for bucket in candidates:
        if _mentioned(function, code, bucket) and _may(carriers, actions, bucket, named=False):
            yield bucket, "is told its name"


def _listeners(bucket: Resource) -> Iterator[object]:
    entries = bucket.get("NotificationConfiguration", "LambdaConfigurations")
    yield from (entry.get("Function") for entry in entries if isinstance(entry, Mapping)) if isinstance(entries, list) else ()


def _means(value: object, function: Resource) -> bool:
    return isinstance(value, Reference) and value.address == function.address


def _may(carriers: list[Carrier], actions: tuple[str, ...], bucket: Resource, *, named: bool) -> bool:
    """Whether ``carriers`` allow one of ``actions`` on objects of ``bucket``; ``named``: by a statement that isn't about every bucket."""
    return any(
        any(statement.covers_action(action) is True for action in actions)
        and reaches_objects(statement, bucket) is True
        and not (named and every_bucket(statement) is not None)
        for carrier in carriers
        for statement in carrier.document.of_effect("Allow")
    )


def _mentioned(function: Resource, code: MediaCode, bucket: Resource) -> bool:
    """Whether an environment variable that the source mentions names ``bucket``."""
    variables, name = function.get("Environment", "Variables"), bucket_name(bucket)
    for key, value in variables.items() if isinstance(variables, Mapping) else ():
        if key in code.variables and (_means(value, bucket) or (isinstance(name, str) and value == name)):
            return True
    return False


def _auxiliary(bucket: Resource) -> bool:
    name = bucket_name(bucket)
    return any(_AUXILIARY.search(_CAMEL.sub("-", text)) for text in (name if isinstance(name, str) else "", bucket.label))
