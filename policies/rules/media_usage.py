"""What a graph says about its buckets beside their own names: who works on their objects, and which words are the project's name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource
from averment.policies.graph.text import HOLE, hole
from averment.policies.iam.carriers import Carrier, identity_documents, trust
from averment.policies.iam.partitions import is_identity_pools, service_of
from averment.policies.iam.resources import every_bucket, names_reached, plain_name, reaches_objects
from averment.policies.rules.grants import Grant, grants_of

_FACES = (
    "rekognition:IndexFaces",
    "rekognition:SearchFacesByImage",
    "rekognition:SearchUsersByImage",
    "rekognition:CompareFaces",
)
LOOKING = (
    *_FACES,
    "rekognition:DetectFaces",
    "rekognition:DetectLabels",
    "rekognition:DetectModerationLabels",
    "rekognition:DetectText",
    "rekognition:DetectCustomLabels",
    "rekognition:DetectProtectiveEquipment",
    "rekognition:RecognizeCelebrities",
    "rekognition:StartCelebrityRecognition",
    "rekognition:StartFaceDetection",
    "rekognition:StartFaceSearch",
    "rekognition:StartContentModeration",
    "rekognition:StartLabelDetection",
    "rekognition:StartMediaAnalysisJob",
    "rekognition:StartPersonTracking",
    "rekognition:StartSegmentDetection",
    "rekognition:StartTextDetection",
)
"""What Rekognition does with pictures and video that lie in S3: faces and things, also by models of one's own."""
_CONVERTING = ("mediaconvert:CreateJob", "elastictranscoder:CreateJob", "transcribe:StartTranscriptionJob")
_CONVERTERS = frozenset({"mediaconvert", "elastictranscoder"})
_MOST_BUCKETS = 3
"""A role that works on more buckets than this is an application's: what it looks at lies in one of them, and it isn't said in which."""

_NAMES = (
    "BucketName",
    "TableName",
    "FunctionName",
    "RoleName",
    "PolicyName",
    "ManagedPolicyName",
    "QueueName",
    "TopicName",
    "CollectionId",
    "UserPoolName",
    "LogGroupName",
    "AlarmName",
    "Name",
)
_SPLIT = re.compile(r"[^A-Za-z0-9]+")
_FEWEST_NAMES = 4


@dataclass(frozen=True)
class Use:
    """Why a bucket's objects are media: ``why`` for messages, ``faces`` whether faces in them are matched or enrolled.

    ``uploads``: people put them there by themselves, with the rights that an identity pool gives them.
    """

    why: str
    faces: bool = False
    uploads: bool = False


@per_graph
def uses(graph: Graph) -> dict[str, Use]:
    """The buckets whose objects a role looks at by Rekognition or converts as video or audio, or to which people upload, by address.

    Counted are roles that may read (a converter: or write; people: write) named buckets, and only a few: a permission on every bucket
    says nothing about this one.
    """
    found: dict[str, Use] = {}
    buckets, named, unnamed = _buckets(graph)
    for role in graph.of_type("AWS::IAM::Role") if buckets else ():
        carriers = list(identity_documents(role, graph))
        work = _work(role, carriers)
        if work is None:
            continue
        use, actions = work
        reached = _reached(carriers, actions, buckets, named, unnamed)
        for bucket in reached if len(reached) <= _MOST_BUCKETS else ():
            before = found.get(bucket.address)
            first, second = (use, before) if before is None or (use.uploads and not before.uploads) else (before, use)
            faces = first.faces or (second is not None and second.faces)
            found[bucket.address] = Use(first.why if first.faces or not faces or second is None else second.why, faces, first.uploads)
    return found


@per_graph
def handed_in(graph: Graph) -> dict[str, str]:
    """The buckets to which partners write by AWS Transfer Family (SFTP, FTPS, AS2): why, by address. What they hold it doesn't tell."""
    found: dict[str, str] = {}
    buckets, named, unnamed = _buckets(graph)
    for role in graph.of_type("AWS::IAM::Role") if buckets else ():
        services, _ = _trusted(role)
        if any(service_of(service) == "transfer" for service in services):
            carriers = list(identity_documents(role, graph))
            for bucket in _reached(carriers, ("s3:PutObject",), buckets, named, unnamed):
                found.setdefault(bucket.address, f"users of AWS Transfer Family may write to it by {role.address}")
    return found


def _buckets(graph: Graph) -> tuple[list[Resource], dict[str, list[Resource]], list[Resource]]:
    """The graph's buckets: all, those of a known name by it, and the others."""
    buckets = list(graph.of_type("AWS::S3::Bucket"))
    named: dict[str, list[Resource]] = {}
    unnamed: list[Resource] = []
    for bucket in buckets:
        name = plain_name(bucket)
        (named.setdefault(name, []) if name is not None else unnamed).append(bucket)
    return buckets, named, unnamed


def _work(role: Resource, carriers: Sequence[Carrier]) -> tuple[Use, tuple[str, ...]] | None:
    """What ``role`` does with pictures, video or sound, if it does anything, and the rights on objects that go with it."""
    services, federated = _trusted(role)
    if any(is_identity_pools(provider) for provider in federated):
        return Use(f"people of an identity pool may write to it by {role.address}", uploads=True), ("s3:PutObject",)
    looking = _first(carriers, _FACES) or _first(carriers, LOOKING)
    if looking is not None:
        faces = looking.explicit and looking.action in _FACES
        return Use(f"{role.address} reads its objects and may call {looking.text}", faces=faces), ("s3:GetObject",)
    both = ("s3:GetObject", "s3:PutObject")
    converting = _first(carriers, _CONVERTING)
    if converting is not None:
        return Use(f"{role.address} works on its objects and may call {converting.text}"), both
    converters = [service for service in services if service_of(service) in _CONVERTERS]
    if converters:
        return Use(f"{role.address}, which {min(converters)} assumes, works on its objects"), both
    return None


def _trusted(role: Resource) -> tuple[set[str], set[str]]:
    """The services and the identity providers that may assume ``role``."""
    pairs = [pair for statement in trust(role).of_effect("Allow") for pair in statement.principals or ()]
    named = [(kind, value) for kind, value in pairs if isinstance(value, str)]
    return {value for kind, value in named if kind == "Service"}, {value for kind, value in named if kind == "Federated"}


def _first(carriers: Sequence[Carrier], actions: Sequence[str]) -> Grant | None:
    return next((grant for grant in grants_of(carriers, actions) if not grant.everything), None)


def _reached(
    carriers: Sequence[Carrier],
    actions: Sequence[str],
    buckets: Sequence[Resource],
    named: Mapping[str, Sequence[Resource]],
    unnamed: Sequence[Resource],
) -> list[Resource]:
    """The ``buckets`` to whose objects the documents give one of ``actions`` by name, each once, up to one more than count.

    A statement that names its buckets is asked about these alone (``named``), and about those whose own name isn't known.
    """
    found: dict[str, Resource] = {}
    for statement in (statement for carrier in carriers for statement in carrier.document.of_effect("Allow")):
        if every_bucket(statement) is not None or not any(statement.covers_action(action) is True for action in actions):
            continue
        names = names_reached(statement)
        asked = buckets if names is None else [*(bucket for name in sorted(names) for bucket in named.get(name, ())), *unnamed]
        for bucket in asked:
            if bucket.address not in found and reaches_objects(statement, bucket) is True:
                found[bucket.address] = bucket
                if len(found) > _MOST_BUCKETS:
                    return list(found.values())
    return list(found.values())


@per_graph
def project_words(graph: Graph) -> tuple[str, ...]:
    """The leading words that most names of the graph share (``face``, ``locator``, ``dev``): they name the project, not what lies where."""
    names = [words for resource in graph.named() if (words := _words(resource))]
    if len(names) < _FEWEST_NAMES:
        return ()
    counted: Counter[tuple[str, ...]] = Counter()
    for words in names:
        counted.update(tuple(words[: size + 1]) for size in range(len(words) - 1))  # a whole name is never only the project's
    common = [prefix for prefix, number in counted.items() if number * 2 >= len(names) and number >= _FEWEST_NAMES - 1]
    return max(common, key=len, default=())


def _words(resource: Resource) -> list[str]:
    value = next((value for key in _NAMES if (value := resource.get(key)) is not None), None)
    return words_of(HOLE.sub("", hole(value))) if value is not None else []


def words_of(name: str) -> list[str]:
    """The words of ``name`` in lower case."""
    return [word.lower() for word in _SPLIT.split(name) if word]


def without_project(name: str, graph: Graph) -> str:
    """``name`` without the words of the project's name at its beginning; the whole name where it doesn't begin so."""
    prefix = project_words(graph)
    if not prefix or tuple(words_of(name)[: len(prefix)]) != prefix:
        return name
    pattern = r"[^A-Za-z0-9]*" + r"[^A-Za-z0-9]+".join(re.escape(word) for word in prefix)
    return re.sub(f"^{pattern}", "", name, flags=re.IGNORECASE).lstrip("-_. ")


def names_of(graph: Graph, *types: str) -> Iterator[str]:
    """The names of the graph's resources of ``types`` without the project's, each with its label (``aws_s3_bucket.<label>``)."""
    for resource in graph.of_type(*types):
        value = next((value for key in _NAMES if (value := resource.get(key)) is not None), None)
        label = resource.address.rsplit(".", 1)[-1].partition("[")[0]
        yield f"{without_project(HOLE.sub('', hole(value)), graph)} {label}" if value is not None else label
