"""Buckets that hold media by what functions and roles do with their objects, as their source and their rights show together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from averment.core.scope import MediaRole, words_apart
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, MediaCode, Reference, Resource
from averment.policies.iam.carriers import Carrier, identity_documents
from averment.policies.iam.document import Statement
from averment.policies.iam.resources import bucket_name, every_bucket, reaches_objects
from averment.policies.rules.grants import grants_of
from averment.policies.rules.media_usage import LOOKING

_BUCKET, _FUNCTION = "AWS::S3::Bucket", "AWS::Lambda::Function"
_MOST_BUCKETS = 3
"""A function that may work on more buckets than this doesn't show by its role which of them hold the media."""

_TEXTS = r"transcriptions?|transcripts?|captions?|subtitles?"
_AUXILIARY = re.compile(
    rf"(?:^|[-_.])(?:config(?:uration)?s?|settings|models?|weights|templates?|fonts?|results?|reports?|json|data-?lake|tables?|{_TEXTS})(?:[-_.]|$)",
    re.IGNORECASE,
)
"""Words of buckets from which, or to which, a function that works on media takes or puts something else."""
_TEXT = re.compile(rf"(?:^|[-_.])(?:{_TEXTS})(?:[-_.]|$)", re.IGNORECASE)
_HANDLING = ("s3:DeleteObject", "s3:PutObjectTagging")
"""What whoever has looked at an object does to it, rather than to something that it makes of it."""


@dataclass(frozen=True)
class Worked:
    """What a bucket's objects are by the code that works on them, and why."""

    role: MediaRole
    why: str


def holds_text(bucket: Resource) -> bool:
    """Whether the bucket is called after what was heard in media (transcripts, captions): text, whoever works on it."""
    return _speaks(bucket, _TEXT)


@per_graph
def handled(graph: Graph) -> dict[str, str]:
    """The buckets whose objects a role may read among all, look at by Rekognition, and then tag or delete: why, by address."""
    found: dict[str, str] = {}
    buckets = list(graph.of_type(_BUCKET))
    for role, carriers in _lookers(graph):
        own = [bucket for bucket in buckets if _may(carriers, _HANDLING, bucket, named=True)]
        for bucket in own if len(own) <= _MOST_BUCKETS else ():
            why = f"{role} may look at the objects of every bucket by Rekognition, and handles those of this one"
            found.setdefault(bucket.address, why)
    return found


@per_graph
def looks_everywhere(graph: Graph) -> str | None:
    """A role that may read the objects of every bucket and look at them by Rekognition; None without one."""
    return next((role for role, _ in _lookers(graph)), None)


@per_graph
def _lookers(graph: Graph) -> list[tuple[str, list[Carrier]]]:
    """The roles that may read the objects of every bucket and look at pictures or video, with what they are allowed."""
    found: list[tuple[str, list[Carrier]]] = []
    for role in graph.of_type("AWS::IAM::Role"):
        carriers = list(identity_documents(role, graph))
        looking = next(grants_of(carriers, LOOKING), None)
        if looking is None or looking.everything:
            continue
        if any(_reads_all(statement) for carrier in carriers for statement in carrier.document.of_effect("Allow")):
            found.append((role.address, carriers))
    return found


def _reads_all(statement: Statement) -> bool:
    return statement.covers_action("s3:GetObject") is True and every_bucket(statement) is not None


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
    told = [bucket for bucket in buckets if not code.generates and any(_means(value, function) for value in _listeners(bucket))]
    yield from ((bucket, _TOLD) for bucket in told)
    if told and code.looks:
        return  # what it looks at is known: the others are for what it finds out
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
    return _speaks(bucket, _AUXILIARY)


def _speaks(bucket: Resource, words: re.Pattern[str]) -> bool:
    name = bucket_name(bucket)
    return any(words.search(words_apart(text)) for text in (name if isinstance(name, str) else "", bucket.label))
