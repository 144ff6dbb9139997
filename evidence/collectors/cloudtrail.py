"""CloudTrail's event history, for the collectors that count calls: who called what, when, on what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from averment.core.period import iso
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import CollectScope, end_of_history

KEPT_FOR = timedelta(days=90)
"""How long the event history reaches back (CloudTrail user guide)."""

MAX_CALLS = 20_000
"""Calls kept in one record; further ones are counted, and the record says that it was cut."""


def window(scope: CollectScope) -> tuple[datetime, datetime]:
    """From when to when the event history can tell of the scope's period."""
    return max(scope.period.start, scope.clock() - KEPT_FOR), end_of_history(scope)


def calls(fetch: Fetch, name: str, source: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """The calls of the operation ``name`` of the service ``source``, newest first: ``{"id", "at", "name", "caller", "error", "resources"}``.

    The address and the program of the caller stay where they are. Who assumed a role is told as the role.
    """
    asked = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}], "StartTime": start, "EndTime": end}
    shown = {"LookupAttributes": f"EventName={name}", "StartTime": iso(start), "EndTime": iso(end)}
    for page in fetch.pages("LookupEvents", asked, shown=dict(shown)) if start < end else ():
        for event in page.get("Events", ()):
            if event.get("EventSource") == source:
                yield _call(event)


def _call(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        detail = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        detail = {}
    identity = detail.get("userIdentity") or {}
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    return {
        "id": event.get("EventId"),
        "at": iso(event["EventTime"]),
        "name": event.get("EventName"),
        "caller": issuer or identity.get("arn") or identity.get("invokedBy") or event.get("Username") or "unknown",
        "error": detail.get("errorCode"),
        "resources": sorted(str(item.get("ResourceName")) for item in event.get("Resources", ())),
    }
