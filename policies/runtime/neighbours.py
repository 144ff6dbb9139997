"""Where a rule at run time finds the resources beside the one that it is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from averment.core.aws import aws_errors, client
from averment.core.errors import IncompleteError

BATCH = 100
"""Resources per ``BatchGetResourceConfig`` (the service's limit)."""

MAX_RESOURCES = 20_000
"""Resources of one type that are fetched for one evaluation; more than that is refused aloud."""

_ONE_REGION = {"AWS::CloudFront::Distribution": "us-east-1"}
"""Types of which AWS Config has items in one region only, wherever they are used (Config's list of supported types)."""

_GLOBAL = frozenset({"AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"})
"""Types that a recorder of all types leaves out unless it is told to include global ones."""

_DESCRIBED = "AWS::SageMaker::EndpointConfig"
"""Not recorded by AWS Config; described through SageMaker."""


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


class ConfigNeighbours:
    """Items out of AWS Config's inventory (``ListDiscoveredResources``, ``BatchGetResourceConfig``), fetched once each.

    An empty list is "there is none" only where a recorder covers the type in this region; elsewhere nobody has looked.

    Needs ``config:ListDiscoveredResources``, ``config:BatchGetResourceConfig`` and ``config:DescribeConfigurationRecorders``; for endpoint configurations, which Config
    doesn't record, ``sagemaker:ListEndpointConfigs`` and ``sagemaker:DescribeEndpointConfig``.
    """

    def __init__(self, config: Any = None, sagemaker: Any = None, *, region: str | None = None) -> None:
        self._config_client = config
        self._sagemaker_client = sagemaker
        self._region = region
        self._known: dict[str, list[Mapping[str, Any]]] = {}

    @property
    def _config(self) -> Any:
        if self._config_client is None:
            self._config_client = client("config", region=self._region)
        return self._config_client

    def items(self, resource_type: str) -> Sequence[Mapping[str, Any]]:
        if resource_type not in self._known:
            with aws_errors(f"list {resource_type}"):
                fetch = self._endpoint_configs if resource_type == _DESCRIBED else self._inventory
                found = list(fetch(resource_type))
                if not found and resource_type != _DESCRIBED:
                    self._require_recorded(resource_type)
                self._known[resource_type] = found
        return self._known[resource_type]

    def _require_recorded(self, resource_type: str) -> None:
        region = self._config.meta.region_name
        only = _ONE_REGION.get(resource_type, region)
        if only != region:
            raise IncompleteError(f"AWS Config has {resource_type} in {only} only, not in {region}")
        recorders = self._config.describe_configuration_recorders().get("ConfigurationRecorders", ())
        if not any(records(recorder.get("recordingGroup") or {}, resource_type) for recorder in recorders):
            raise IncompleteError(f"AWS Config doesn't record {resource_type} in {region}", fix="add it to the configuration recorder")

    def item(self, resource_type: str, resource_id: str) -> Mapping[str, Any] | None:
        with aws_errors(f"read {resource_type} {resource_id}"):
            found = list(self._batch([{"resourceType": resource_type, "resourceId": resource_id}]))
        return found[0] if found else None

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

    def _endpoint_configs(self, resource_type: str) -> Iterator[Mapping[str, Any]]:
        if self._sagemaker_client is None:
            self._sagemaker_client = client("sagemaker", region=self._region)
        count = 0
        for page in self._sagemaker_client.get_paginator("list_endpoint_configs").paginate():
            for entry in page.get("EndpointConfigs", ()):
                count += 1
                if count > MAX_RESOURCES:
                    raise IncompleteError(f"there are more than {MAX_RESOURCES:,} resources of type {resource_type}")
                name = entry["EndpointConfigName"]
                described = self._sagemaker_client.describe_endpoint_config(EndpointConfigName=name)
                yield {
                    "resourceType": resource_type,
                    "resourceId": name,
                    "resourceName": name,
                    "arn": entry["EndpointConfigArn"],
                    "configurationItemStatus": "OK",
                    "configuration": {key: value for key, value in described.items() if key not in ("ResponseMetadata", "CreationTime")},
                }


def records(group: Mapping[str, Any], resource_type: str) -> bool:
    """Whether a configuration recorder with this ``recordingGroup`` records ``resource_type``."""
    strategy = (group.get("recordingStrategy") or {}).get("useOnly")
    if strategy == "EXCLUSION_BY_RESOURCE_TYPES":
        return resource_type not in ((group.get("exclusionByResourceTypes") or {}).get("resourceTypes") or ())
    if group.get("allSupported"):
        return resource_type not in _GLOBAL or bool(group.get("includeGlobalResourceTypes"))
    return resource_type in (group.get("resourceTypes") or ())
