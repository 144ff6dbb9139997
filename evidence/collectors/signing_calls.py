"""``signing-calls``: every ``kms:Sign`` that CloudTrail saw, to hold against the log of signing events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.evidence.collectors.cloudtrail import MAX_CALLS, calls, window
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.record import Kind, Population, Record


class SigningCalls(Collector):
    """Who signed with which KMS key, in the period and as far back as the event history goes (90 days).

    Payload: ``{"calls": [{"id", "at", "name", "caller", "error", "resources"}], "callers": {caller: count}, "keys": {key: count},
    "history_from", "summary": {"calls", "failed", "callers", "keys"}}``.
    """

    name = "signing-calls"
    version = "1"
    kind = Kind.SIGNING_CALLS
    permissions = ("cloudtrail:LookupEvents",)
    looks_back = True
    summary = "Calls of kms:Sign by caller and key, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("cloudtrail")
        start, end = window(scope)
        kept: list[dict[str, Any]] = []
        callers: Counter[str] = Counter()
        keys: Counter[str] = Counter()
        total = failed = 0
        for call in calls(fetch, "Sign", "kms.amazonaws.com", start, end):
            total, failed = total + 1, failed + (call["error"] is not None)
            callers[call["caller"]] += 1
            keys.update(call["resources"])
            if len(kept) < MAX_CALLS:
                kept.append(call)
        payload: dict[str, JSON] = {
            "calls": list(kept),
            "callers": dict(sorted(callers.items())),
            "keys": dict(sorted(keys.items())),
            "history_from": iso(start),
            "summary": {"calls": total, "failed": failed, "callers": len(callers), "keys": len(keys)},
        }
        population = Population("calls", total, len(kept), total > len(kept) or start > scope.period.start)
        yield self.listing(scope, [fetch], payload, population, source="CloudTrail event history", effective_at=end)
