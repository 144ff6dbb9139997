"""A bucket's settings and policies, wherever they are written, and which buckets hold evidence."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import OUTSIDE, Graph, Reference, Resource, Unknown
from averment.policies.graph.text import HOLE, hole
from averment.policies.iam.carriers import bucket_of
from averment.policies.iam.document import Document, Statement, parse_document
from averment.policies.iam.partitions import plain
from averment.policies.iam.patterns import overlap
from averment.policies.iam.resources import bucket_name, reaches_objects, takes_in_all
from averment.policies.iam.truth import Truth, all_of
from averment.policies.rules.media import BUCKET

BUCKET_POLICY = "AWS::S3::BucketPolicy"
READING = ("s3:GetObject", "s3:GetObjectVersion")
"""What reads an object: with a version's id, which is ``null`` where none are kept, the second is asked for in place of the first."""

EVIDENCE_NAMES = ("*evidence*", "*chain-of-custody*")
"""Names of evidence buckets where the parameter ``evidence_buckets`` says nothing else."""

_OUTPUT = re.compile(r"\$\{module\.[^}]*\}")


def setting(bucket: Resource, graph: Graph, key: str) -> Any:
    """The bucket's property ``key``; an Unknown where it is absent but is set on one that isn't resolved and may be this bucket."""
    value = bucket.get(key)
    if value is not None:
        return value
    for other in _unresolved(graph):
        if key in other.properties and may_be(other.get("BucketName"), bucket):
            return Unknown(f"the bucket of {other.address} could not be resolved")
    return None


@per_graph
def _unresolved(graph: Graph) -> tuple[Resource, ...]:
    """The buckets outside of what was read whose name isn't known: what is set on them may be set on one that is here."""
    return tuple(bucket for bucket in graph.of_type(BUCKET) if bucket.outside and isinstance(bucket.get("BucketName"), Unknown))


def may_be(value: Any, bucket: Resource) -> bool:
    """Whether ``value``, the unresolved name of a bucket, may mean ``bucket``. A name or link that is known is another's.

    So is the output of a module that isn't read: what it names is a bucket that the module makes.
    """
    if not isinstance(value, Unknown) or _OUTPUT.fullmatch(value.template or ""):
        return False
    name = bucket_name(bucket)
    if isinstance(name, str) and value.template:
        return overlap(HOLE.sub("*", value.template), name)
    if isinstance(name, Unknown) and name.template and value.template and not HOLE.fullmatch(value.template):
        return "${?}" in name.template + value.template or name.template == value.template
    return True


def same_bucket(value: Any, bucket: Resource) -> Truth:
    """Whether ``value`` (a name, an ARN, a link) means ``bucket``."""
    if isinstance(value, Reference):
        return value.address == bucket.address
    name, value = bucket_name(bucket), plain(value)
    if isinstance(value, Unknown):
        if isinstance(name, Unknown) and name.template and name.template == value.template and "${?}" not in name.template:
            return True
        return Unknown(f"whether a name means this bucket: {value.reason}") if may_be(value, bucket) else False
    if not isinstance(value, str):
        return False
    if isinstance(name, Unknown):
        return name
    return value.removeprefix("arn:aws:s3:::") in (name, bucket.address)


def bucket_policies(bucket: Resource, graph: Graph) -> Iterator[tuple[Resource, Document]]:
    """The policies of ``bucket`` with their documents."""
    owned, ownerless = _owned(graph)
    found = {entry.place: entry for key in _keys(bucket) for entry in owned.get(key, ())}
    found.update({entry.place: entry for entry in ownerless if same_bucket(entry.policy.get("Bucket"), bucket) is True})
    yield from ((found[place].policy, found[place].document) for place in sorted(found))


@dataclass(frozen=True)
class _Placed:
    """A bucket policy with its document, its bucket as far as it is known, and its place in the graph."""

    place: int
    policy: Resource
    owner: Resource | Unknown
    document: Document


@per_graph
def _owned(graph: Graph) -> tuple[dict[tuple[str, str], list[_Placed]], list[_Placed]]:
    """The bucket policies by address and by name of their bucket (``(address, "")``, ``("", name)``), and those whose bucket isn't known."""
    owned: dict[tuple[str, str], list[_Placed]] = {}
    ownerless: list[_Placed] = []
    for place, policy in enumerate(graph.of_type(BUCKET_POLICY)):
        owner = bucket_of(policy, graph)
        entry = _Placed(place, policy, owner, parse_document(policy.get("PolicyDocument"), ("PolicyDocument",)))
        if isinstance(owner, Unknown):
            ownerless.append(entry)
            continue
        for key in _keys(owner):
            owned.setdefault(key, []).append(entry)
    return owned, ownerless


def _keys(bucket: Resource) -> tuple[tuple[str, str], ...]:
    """What tells a bucket from others: its address, and its name where that is known."""
    name = bucket_name(bucket)
    return ((bucket.address, ""), ("", name)) if isinstance(name, str) else ((bucket.address, ""),)


@per_graph
def _doubtful(graph: Graph) -> tuple[tuple[Resource, Unknown, Any], ...]:
    """The bucket policies that may be any bucket's: each with why its bucket isn't known, and what names it."""
    owned, ownerless = _owned(graph)
    entries = {entry.place: entry for entry in (*ownerless, *(entry for listed in owned.values() for entry in listed))}
    found: list[tuple[Resource, Unknown, Any]] = []
    for _, entry in sorted(entries.items()):
        if isinstance(entry.owner, Unknown):
            found.append((entry.policy, entry.owner, entry.policy.get("Bucket")))
        elif entry.owner.outside and isinstance(name := entry.owner.get("BucketName"), Unknown):
            found.append((entry.policy, name, name))
    return tuple(found)


def policies_unclear(bucket: Resource, graph: Graph) -> Unknown | None:
    """Why not every policy of ``bucket`` is known: one that can't be read, one that may be this bucket's, or a bucket whose policy is elsewhere."""
    own = list(bucket_policies(bucket, graph))
    if bucket.outside and not own:
        return Unknown(f"its policy isn't known: {OUTSIDE}")
    for policy, document in own:
        if document.unknown:
            return Unknown(f"the policy {policy.address} could not be read: {document.unknown[0].reason}")
    for policy, doubt, named in _doubtful(graph) if not own else ():  # a bucket has one policy: where it is known, another is another's
        if may_be(named, bucket):
            return Unknown(f"the bucket of {policy.address} could not be resolved: {doubt.reason}")
    return None


def own_reach(statement: Statement, bucket: Resource) -> Truth:
    """Whether a statement of the bucket's own policy takes in its objects.

    An unresolved Resource can only be this bucket or its objects: S3 refuses anything else. So one that ends in ``*``, or that
    stands alone beside an action on objects, is its objects.
    """
    reached = reaches_objects(statement, bucket)
    if not isinstance(reached, Unknown):
        return reached
    listed = statement.resources or ()
    if any(isinstance(value, Unknown) and (value.template or "").endswith("*") for value in listed):
        return True
    explicit = all(isinstance(action, str) and "object" in action.lower() for action in statement.actions or ("",))
    return True if explicit else reached


def refuses_throughout(refusal: Statement, bucket: Resource, grant: Statement | None = None) -> Truth:
    """Whether a Deny of the bucket's own policy takes in every object that ``grant`` reaches (None: every object).

    As with ``own_reach``, what isn't resolved can only be this bucket or its objects; but not where it is seen to go on with a key, nor where
    nothing of it is seen (a function that isn't evaluated, what only apply will tell): that may be a folder.
    """
    taken = takes_in_all(refusal, bucket, grant)
    if not isinstance(taken, Unknown) or not all(isinstance(name, str) and "object" in name.lower() for name in refusal.actions or ("",)):
        return taken
    bare = (value.template for value in refusal.resources or () if isinstance(value, Unknown) and value.template)
    return True if any("/" not in HOLE.sub("", template) for template in bare) else taken


def parts_of(grant: Statement, bucket: Resource) -> list[Statement]:
    """``grant`` by each entry of its ``Resource`` that may reach objects of ``bucket``: several Deny may add up to what refuses all of it."""
    entries = [replace(grant, resources=(value,)) for value in grant.resources or ()]
    return [part for part in entries if reaches_objects(part, bucket) is not False] or [grant]


def is_everyone(statement: Statement) -> bool:
    """Whether the principal is ``*``."""
    return any(value == "*" for _, value in statement.principals or ())


def covers_all(statement: Statement, *actions: str) -> Truth:
    """Whether the statement covers every one of ``actions``."""
    return all_of(statement.covers_action(action) for action in actions)


def evidence_bucket(bucket: Resource, parameters: Mapping[str, Any]) -> str | None:
    """The reason why ``bucket`` holds evidence, or None: its tag ``data-class=evidence``, or its name.

    The parameter ``evidence_buckets`` (a list of name patterns) takes the place of ``EVIDENCE_NAMES``.
    """
    if bucket.type != BUCKET:
        return None
    if bucket.tags.get("data-class") == "evidence":
        return "tag data-class=evidence"
    given = parameters.get("evidence_buckets")
    listed = tuple(str(entry) for entry in given) if isinstance(given, list | tuple) else EVIDENCE_NAMES
    name = bucket_name(bucket)
    texts = [name] if isinstance(name, str) else [HOLE.sub("", hole(name)) if name is not None else ""]
    if not isinstance(name, str):
        texts.append(bucket.address.rsplit(".", 1)[-1].partition("[")[0])
    for pattern in listed:
        for text in texts:
            if text and fnmatch.fnmatchcase(text.lower().replace("_", "-"), pattern.lower()):
                return f"name matches {pattern}"
    return None


def listed(value: Any) -> list[Any]:
    """``value`` as a list: none for None, a single one for what isn't a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
