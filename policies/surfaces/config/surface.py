"""AWS Config: configuration items, as rules are handed them or as snapshots hold them, turned into graphs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef
from averment.policies.graph.model import Graph, Problem, Resource
from averment.policies.surfaces.config.items import Item, read_item
from averment.policies.surfaces.config.recorded import buckets, edge, identities, others
from averment.policies.surfaces.config.recorded.base import Late, as_it_is
from averment.policies.surfaces.config.recorded.links import linked


class ConfigSurface:
    """Files that AWS Config delivers to S3 (snapshots and history), or any JSON with ``configurationItems``."""

    def recognises(self, path: Path) -> bool:
        """Whether ``path`` holds configuration items."""
        if path.suffix != ".json" or not path.is_file():
            return False
        try:
            return b'"configurationItems"' in read_bounded(path)
        except BadInputError:
            return True  # too large to look at: refused aloud when it is read

    def graphs(self, root: Path) -> Iterator[Graph]:
        """The graph of each file under ``root``."""
        files = sorted(root.rglob("*.json")) if root.is_dir() else [root]
        for path in files:
            if self.recognises(path):
                yield self._graph(path)

    @staticmethod
    def _graph(path: Path) -> Graph:
        where = SourceRef(str(path))
        try:
            document = json.loads(read_text(path).removeprefix("\ufeff"))
            items = document["configurationItems"] if isinstance(document, dict) else None
        except BadInputError as error:
            return Graph(problems=[Problem(error.message, error.where or where)])
        except (ValueError, KeyError, RecursionError) as error:
            return Graph(problems=[Problem(f"is not a snapshot of AWS Config: {error}", where)])
        if not isinstance(items, list):
            return Graph(problems=[Problem("is not a snapshot of AWS Config: configurationItems is not a list", where)])
        return graph_from_items(latest(items))


def latest(items: Iterable[Any]) -> list[Any]:
    """The last item of each resource, as history files have several; what can't be told apart is kept, to be refused when it is read."""
    found: dict[Any, tuple[str, Any]] = {}
    for index, item in enumerate(items):
        known = isinstance(item, Mapping) and item.get("resourceId") is not None
        key = (item.get("resourceType"), item.get("resourceId"), item.get("awsRegion")) if known else index
        moment = str(item.get("configurationItemCaptureTime") or "") if known else ""
        if key not in found or moment >= found[key][0]:
            found[key] = (moment, item)
    return [item for _, item in found.values()]


def graph_from_items(items: Iterable[Mapping[str, Any]]) -> Graph:
    """The graph of ``items``. Deleted resources are left out; what can't be read is a ``Problem``."""
    resources, problems = read_items(items)
    flaws = (
        (flaw, resource.source) for resource in resources if isinstance(resource.properties, Late) for flaw in resource.properties.flaws()
    )
    return Graph(linked(resources), [*problems, *(Problem(reason, where) for reason, where in flaws)])


def read_items(items: Iterable[Mapping[str, Any]]) -> tuple[list[Resource], list[Problem]]:
    """The resources in ``items``, not yet linked with each other, and what could not be read."""
    problems: list[Problem] = []
    resources: list[Resource] = []
    for entry in items:
        try:
            item = read_item(entry)
        except (ValueError, AttributeError) as error:
            problems.append(Problem(f"a configuration item could not be read: {error}", SourceRef()))
            continue
        if item.deleted:
            continue
        if not item.recorded:
            problems.append(Problem(f"AWS Config doesn't record the configuration of {item.type} {item.id}", item.source))
            continue
        try:
            resources.extend(resources_of(item))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problems.append(Problem(f"the item of {item.type} {item.id} has another shape than expected: {error}", item.source))
    return resources, problems


def resources_of(item: Item) -> list[Resource]:
    """The resources in one item; all of them have the item's ARN as their source."""
    adapter = ADAPTERS.get(item.type, as_it_is)
    return adapter(item)


ADAPTERS: Mapping[str, Callable[[Item], list[Resource]]] = {
    **{name: others.known_by(*needed) for name, needed in others.PLAIN.items()},
    "AWS::Bedrock::ProvisionedModelThroughput": others.throughput,
    "AWS::CloudFront::Distribution": edge.distribution,
    "AWS::CloudTrail::Trail": others.trail,
    "AWS::CloudWatch::Alarm": others.alarm,
    "AWS::DynamoDB::Table": others.table,
    "AWS::Events::Rule": others.event_rule,
    "AWS::IAM::Group": identities.identity,
    "AWS::IAM::Policy": identities.managed_policy,
    "AWS::IAM::Role": identities.identity,
    "AWS::IAM::User": identities.identity,
    "AWS::KMS::Alias": others.alias,
    "AWS::KMS::Key": others.key,
    "AWS::Lambda::Function": others.function,
    "AWS::S3::AccessPoint": buckets.access_point,
    "AWS::S3::Bucket": buckets.bucket,
    "AWS::S3::MultiRegionAccessPoint": buckets.regions_point,
    "AWS::SNS::Topic": others.topic,
    "AWS::SQS::Queue": others.queue,
}
"""How the items of each type are read, by Config's name of the type. Types of an organisation's own rules are read as they are."""
