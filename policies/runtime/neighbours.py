"""Where a rule at run time finds the resources beside the one that it is asked about.

Recorded types come from AWS Config's inventory, the others from their services (``described``). The recorder's relationships aren't
followed: rules ask for what stands anywhere in the account, and relationships name neither event rules nor policies that mention a
bucket. The inventory has no tags, and advanced queries have nothing but them and plain settings: they leave out policies, event patterns
and all other free-form documents. So both are asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from averment.core.aws import aws_errors, client
from averment.core.errors import IncompleteError
from averment.core.regions import partition_of
from averment.policies.graph.model import Unknown
from averment.policies.runtime.described.added import with_added
from averment.policies.runtime.described.ask import MAX_RESOURCES, Ask, answer_or_none
from averment.policies.runtime.described.table import DESCRIBED, ELSEWHERE
from averment.policies.surfaces.config.items import field

BATCH = 100
"""Resources per ``BatchGetResourceConfig`` (the service's limit)."""

_UNTAGGED = Unknown("AWS Config's query for the tags of its type doesn't list the resource")

_ONE_REGION = {"AWS::CloudFront::Distribution": "us-east-1"}
"""Types of which AWS Config has items in one region only, wherever they are used (Config's list of supported types)."""

_GLOBAL = frozenset({"AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"})
"""Types that a recorder of all types leaves out unless it is told to include global ones."""

_WITH_GLOBAL = frozenset(
    [
        "af-south-1",
        "ap-east-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ca-central-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "me-south-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-west-1",
        "us-west-2",
    ]
)
"""Regions that AWS Config had before February 2022. In those that came later it records no global types, whatever a recorder is told
(botocore's model of ``RecordingStrategy``), so this list never grows."""


class NeighbourSource(Protocol):
    """Gives configuration items by type, or one by id."""

    def items(self, resource_type: str) -> Sequence[Mapping[str, Any]]:
        """Every present item of a Config ``resource_type``.

        Raises:
            IncompleteError: they can't be had; the message says why.
        """
        ...

    def item(self, resource_type: str, resource_id: str) -> Mapping[str, Any] | None:
        """One item, None if Config doesn't know the resource.

        Raises:
            IncompleteError: it can't be had.
        """
        ...

    def complete(self, item: Mapping[str, Any], rule: str, *, subject: bool) -> Mapping[str, Any]:
        """``item`` with the facts that AWS Config doesn't record and ``rule`` reads, or with the reason why they can't be had.

        ``subject``: it is the resource that is judged, not a neighbour.

        Raises:
            ValueError: not a configuration item.
        """
        ...


class MemoryNeighbours:
    """Items held in memory. ``denied`` maps types to the reason why they can't be had."""

    def __init__(self, items: Sequence[Mapping[str, Any]] = (), denied: Mapping[str, str] | None = None) -> None:
        self._items = list(items)
        self._denied = dict(denied or {})

    def items(self, resource_type: str) -> Sequence[Mapping[str, Any]]:
        if resource_type in self._denied:
            raise IncompleteError(self._denied[resource_type])
        return [item for item in self._items if item.get("resourceType") == resource_type]

    def item(self, resource_type: str, resource_id: str) -> Mapping[str, Any] | None:
        return next((item for item in self.items(resource_type) if item.get("resourceId") == resource_id), None)

    def complete(self, item: Mapping[str, Any], rule: str, *, subject: bool) -> Mapping[str, Any]:  # noqa: ARG002 - memory holds all there is
        return item


class ConfigNeighbours:
    """Items out of AWS Config's inventory (``ListDiscoveredResources``, ``BatchGetResourceConfig``) or of the service, fetched once each.

    What ``BatchGetResourceConfig`` gives is without tags, in the supplementary configuration too (botocore's model of it), by which an
    organisation may know its media buckets: ``SelectResourceConfig`` has them.

    The inventory says how things are, and that there are no others, only where a recorder that is on covers the type in this region;
    elsewhere nobody has looked, or not lately. What AWS Config has in another region only, or in none, is asked of its service.
    Throttling is met by the client's own retries. What all this needs is in ``permissions``.
    """

    def __init__(
        self,
        config: Any = None,
        *,
        region: str | None = None,
        account_id: str | None = None,
        connect: Callable[[str], Any] | None = None,
    ) -> None:
        self._config_client = config
        self._region = region
        self._account = account_id
        self._connect = connect
        self._known: dict[str, list[Mapping[str, Any]]] = {}
        self._asking: Ask | None = None
        self._recording: list[Mapping[str, Any]] | None = None

    @property
    def _config(self) -> Any:
        if self._config_client is None:
            self._config_client = client("config", region=self._region)
        return self._config_client

    @property
    def _ask(self) -> Ask:
        if self._asking is None:
            region = self._region or str(self._config.meta.region_name)
            connect = self._connect or (lambda service: client(service.partition("/")[0], region=service.partition("/")[2] or region))
            known = {"config": self._config}
            given = self._account
            self._asking = Ask(
                connect=lambda service: known.get(service) or connect(service),
                region=region,
                identify=lambda: given or str(connect("sts").get_caller_identity()["Account"]),
            )
        return self._asking

    def items(self, resource_type: str) -> Sequence[Mapping[str, Any]]:
        if resource_type not in self._known:
            with aws_errors(f"list {resource_type}"):
                described = DESCRIBED.get(resource_type)
                self._known[resource_type] = list(described.ask(self._ask)) if described is not None else self._recorded(resource_type)
        return self._known[resource_type]

    def complete(self, item: Mapping[str, Any], rule: str, *, subject: bool) -> Mapping[str, Any]:
        return with_added(self._ask, item, rule, subject=subject)

    def item(self, resource_type: str, resource_id: str) -> Mapping[str, Any] | None:
        with aws_errors(f"read {resource_type} {resource_id}"):
            asked = {"resourceType": resource_type, "resourceId": resource_id, "limit": 1}
            found = answer_or_none(self._config.get_resource_config_history, "ResourceNotDiscoveredException", **asked) or {}
        return next(iter(found.get("configurationItems") or ()), None)

    def _recorded(self, resource_type: str) -> list[Mapping[str, Any]]:
        """The inventory's items of a type, with their tags.

        Raises:
            IncompleteError: there are too many, or nobody keeps them up to date.
        """
        found = list(self._inventory(resource_type))
        if not found and recorded_elsewhere(resource_type, self._config.meta.region_name) is not None:
            return list(ELSEWHERE[resource_type].ask(self._ask))
        self._require_recorded(resource_type)
        tags = self._tags(resource_type) if found else {}
        return [{**item, "tags": tags.get(str(item.get("resourceId")), _UNTAGGED)} for item in found]

    def _require_recorded(self, resource_type: str) -> None:
        region = self._config.meta.region_name
        covering = [recorder for recorder in self._recorders() if records(recorder.get("recordingGroup") or {}, resource_type)]
        if not covering:
            raise IncompleteError(f"AWS Config doesn't record {resource_type} in {region}", fix="add it to the configuration recorder")
        if not any(records_now(recorder["status"]) for recorder in covering):
            off = not any(recorder["status"].get("recording") for recorder in covering)
            state, fix = ("off", "start the recorder") if off else ("failing", "see its role and its delivery channel")
            raise IncompleteError(f"AWS Config's recorder is {state} in {region}: what it has of {resource_type} is stale", fix=fix)

    def _recorders(self) -> list[Mapping[str, Any]]:
        """The region's recorders, each with its ``status``, but those that other services of AWS keep for themselves."""
        if self._recording is None:
            told = self._config.describe_configuration_recorders().get("ConfigurationRecorders", ())
            described = [recorder for recorder in told if not recorder.get("servicePrincipal")]
            statuses = self._config.describe_configuration_recorder_status().get("ConfigurationRecordersStatus", ()) if described else ()
            known = {status.get("name"): status for status in statuses}
            self._recording = [{**recorder, "status": known.get(recorder.get("name"), {})} for recorder in described]
        return self._recording

    def _tags(self, resource_type: str) -> dict[str, Any]:
        """The tags of every resource of a type, by the resource's id."""
        query = {"Expression": f"SELECT resourceId, tags WHERE resourceType = '{resource_type}'", "Limit": BATCH}
        pages = self._config.get_paginator("select_resource_config").paginate(**query)
        rows = (json.loads(row) for page in pages for row in page.get("Results", ()))
        return {str(row.get("resourceId")): row.get("tags") or {} for row in rows}

    def _inventory(self, resource_type: str) -> Iterator[Mapping[str, Any]]:
        keys = iter(self._keys(resource_type))
        while chunk := list(islice(keys, BATCH)):
            yield from self._batch(chunk)

    def _keys(self, resource_type: str) -> Iterator[dict[str, str]]:
        token: str | None = None
        count = 0
        while True:
            page = {"nextToken": token} if token else {}
            answer = self._config.list_discovered_resources(resourceType=resource_type, **page)
            for found in answer.get("resourceIdentifiers", ()):
                count += 1
                if count > MAX_RESOURCES:
                    raise IncompleteError(f"there are more than {MAX_RESOURCES:,} resources of type {resource_type}")
                yield {"resourceType": resource_type, "resourceId": found["resourceId"]}
            token = answer.get("nextToken")
            if not token:
                return

    def _batch(self, keys: list[dict[str, str]]) -> Iterator[Mapping[str, Any]]:
        """One batch; what the service leaves unprocessed is asked for a second time, then it is an error."""
        for attempt in (1, 2):
            answer = self._config.batch_get_resource_config(resourceKeys=keys)
            yield from answer.get("baseConfigurationItems", ())
            keys = answer.get("unprocessedResourceKeys") or []
            if not keys:
                return
            if attempt == 2:
                raise IncompleteError(f"AWS Config left {len(keys)} resources of type {keys[0]['resourceType']} unprocessed")


def recorded_elsewhere(resource_type: str, region: str) -> str | None:
    """Why AWS Config in ``region`` has no items of ``resource_type``, however many of them there are; None if it may have."""
    only = _ONE_REGION.get(resource_type, region)
    if only != region:
        if partition_of(region) != partition_of(only):
            return f"AWS Config isn't known to have {resource_type} in {region}"
        return f"AWS Config has {resource_type} in {only} only, not in {region}"
    if resource_type in _GLOBAL and region not in _WITH_GLOBAL:
        return f"AWS Config doesn't record {resource_type} in {region}, as in no region that it came to after February 2022"
    return None


def records_now(status: Mapping[str, Any]) -> bool:
    """Whether a configuration recorder of this status (DescribeConfigurationRecorderStatus) is on, and what it recorded last was no failure."""
    return status.get("recording") is True and str(status.get("lastStatus")).lower() != "failure"


def records(group: Mapping[str, Any], resource_type: str) -> bool:
    """Whether a configuration recorder with this ``recordingGroup`` records ``resource_type``; in the API's spelling or an item's."""
    strategy = field(field(group, "recordingStrategy"), "useOnly")
    if strategy == "EXCLUSION_BY_RESOURCE_TYPES":
        return resource_type not in (field(field(group, "exclusionByResourceTypes"), "resourceTypes") or ())
    if field(group, "allSupported"):
        return resource_type not in _GLOBAL or bool(field(group, "includeGlobalResourceTypes"))
    return resource_type in (field(group, "resourceTypes") or ())
