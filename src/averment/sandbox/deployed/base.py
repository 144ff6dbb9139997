"""What the items of all types have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from averment.policies.deployment.place import BY_ID, NAMED_BY, Place
from averment.policies.graph.model import Resource
from averment.policies.surfaces.config.items import ADDED

Item = dict[str, Any]


@dataclass(frozen=True)
class Recorded(Place):
    """A graph as AWS Config finds it deployed at ``moment`` (RFC 3339)."""

    moment: str = "2026-11-23T08:00:00.000Z"

    def name_key(self, resource: Resource) -> str | None:
        """The property that holds the physical name; None for a type that goes by an id."""
        held = resource.type in NAMED_BY and resource.type not in BY_ID and resource.type != "AWS::Budgets::Budget"
        return NAMED_BY[resource.type] if held else None

    def envelope(
        self,
        resource: Resource,
        configuration: Mapping[str, Any],
        supplementary: Mapping[str, Any] | None = None,
        *,
        added: Mapping[str, Any] | None = None,
        kind: str = "",
        part: str = "",
    ) -> Item:
        """The item around a configuration.

        ``added`` are the facts that the function behind the rules asks of the service, ``kind`` is Config's name of the type where it
        is another, and ``part`` tells apart several items that one resource of a template comes to.
        """
        name = self.name(resource)
        beside = {**(supplementary or {}), **({ADDED: dict(added)} if added is not None else {})}
        return {
            "version": "1.3",
            "accountId": self.account,
            "configurationItemCaptureTime": self.moment,
            "configurationItemStatus": "OK",
            "arn": f"{self.arn(resource)}{part}",
            "resourceType": kind or resource.type,
            "resourceId": f"{name}{part}",
            "resourceName": f"{name}{part}",
            "awsRegion": self.region,
            "tags": {tag["Key"]: tag["Value"] for tag in self.value(resource.get("Tags") or [])},
            "relationships": [],
            "configuration": {key: value for key, value in configuration.items() if value is not None},
            "supplementaryConfiguration": beside,
        }
