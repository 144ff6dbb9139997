"""Where S3 copies every new object of a bucket by itself, before anybody has looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.partitions import plain
from averment.policies.iam.truth import Truth, all_of
from averment.policies.rules.media import BUCKET
from averment.policies.rules.storage import listed, same_bucket

REPLICATION = "ReplicationConfiguration"


def replicas(bucket: Resource, graph: Graph) -> Iterator[tuple[Resource, Truth]]:
    """The buckets of the graph to which all new objects of ``bucket`` are replicated, be it those of a folder, and whether they are.

    A rule that asks for tags isn't among them: the scanner writes its verdict later, and S3 doesn't look again.
    """
    for rule in listed(bucket.get(REPLICATION, "Rules")):
        if isinstance(rule, Mapping) and (copies := _copies(rule)) is not False:
            yield from ((found, copies) for found in _meant(_target(rule), graph))


def copied_elsewhere(bucket: Resource, graph: Graph) -> Iterator[str]:
    """The names of buckets that aren't among what was read to which all new objects of ``bucket`` are replicated, be it those of a folder."""
    for rule in listed(bucket.get(REPLICATION, "Rules")):
        target = plain(_target(rule)) if isinstance(rule, Mapping) and _copies(rule) is not False else None
        if isinstance(target, str) and next(_meant(target, graph), None) is None:
            yield target.removeprefix("arn:aws:s3:::")


def unclear(bucket: Resource) -> Unknown | None:
    """Why it isn't known whether S3 copies new objects of ``bucket``, and where to, if it isn't."""
    for rule in listed(bucket.get(REPLICATION, "Rules")):
        target = _target(rule) if isinstance(rule, Mapping) and _copies(rule) is not False else rule
        if isinstance(target, Unknown):
            return target
    return None


def _target(rule: Mapping[str, Any]) -> Any:
    target = rule.get("Destination")
    return target.get("Bucket") if isinstance(target, Mapping) else target


def _copies(rule: Mapping[str, Any]) -> Truth:
    """Whether a rule is on and copies objects as they come."""
    status, chosen = rule.get("Status"), rule.get("Filter")
    return all_of(
        (status if isinstance(status, Unknown) else status != "Disabled", chosen if isinstance(chosen, Unknown) else not _by_tag(chosen))
    )


def replicated_from(bucket: Resource, graph: Graph) -> list[Resource]:
    """The buckets of the graph whose new objects are replicated to ``bucket``."""
    return [source for source in graph.of_type(BUCKET) if bucket.address in _targets(graph).get(source.address, ())]


@per_graph
def _targets(graph: Graph) -> dict[str, frozenset[str]]:
    """To which buckets each one is replicated, by address."""
    sources = (bucket for bucket in graph.of_type(BUCKET) if REPLICATION in bucket.properties)
    return {source.address: frozenset(target.address for target, copies in replicas(source, graph) if copies is True) for source in sources}


def _by_tag(chosen: Any) -> bool:
    parts = (chosen, chosen.get("And")) if isinstance(chosen, Mapping) else ()
    return any(part.get(key) for part in parts if isinstance(part, Mapping) for key in ("TagFilter", "TagFilters"))


def _meant(value: Any, graph: Graph) -> Iterator[Resource]:
    found = graph.target(value)
    if isinstance(found, Resource):
        yield from (found,) if found.type == BUCKET else ()
    elif isinstance(value, str):
        yield from (bucket for bucket in graph.of_type(BUCKET) if same_bucket(value, bucket) is True)
