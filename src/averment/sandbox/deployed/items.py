"""Configuration items out of CloudFormation properties: what the function behind the rules sees once a template is deployed.

Used to hold a rule to one verdict on both sides of the merge. What AWS Config records is in Config's spelling of the type
(``surfaces.config.types``), what it doesn't is as ``described`` makes it, and what is added to a recorded item stands under ``ADDED``.
``recorded_alone`` leaves what Config has by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.model import Resource
from averment.policies.surfaces.config.items import ADDED
from averment.policies.surfaces.config.types import asked_of_service
from averment.sandbox.deployed import asked, recorded
from averment.sandbox.deployed.base import Item, Recorded


@dataclass(frozen=True)
class Deployment(Recorded):
    """A graph as if deployed, resource by resource."""

    def items(self) -> list[Item]:
        """The items of every resource; inline policies and bucket policies stand in their owners' items.

        Raises:
            ValueError: something in the graph isn't resolved: no deployment could have it.
        """
        return [item for resource in self.graph for item in self.items_of(resource)]

    def items_of(self, resource: Resource) -> list[Item]:
        """The items that ``resource`` comes to by itself.

        Raises:
            ValueError: something in it isn't resolved.
        """
        by_config = recorded.MAKERS.get(resource.type)
        by_service = asked.MAKERS.get(resource.type)
        found = [by_config(self, resource)] if by_config is not None else []
        return [*found, *(by_service(self, resource) if by_service is not None else ())]


def recorded_alone(items: Iterable[Mapping[str, Any]]) -> list[Item]:
    """What AWS Config has of ``items`` by itself, as in a snapshot or its history: nothing that was asked of a service."""
    kept = (item for item in items if not asked_of_service(str(item["resourceType"])))
    return [{**item, "supplementaryConfiguration": _without_added(item)} for item in kept]


def _without_added(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (item.get("supplementaryConfiguration") or {}).items() if key != ADDED}
