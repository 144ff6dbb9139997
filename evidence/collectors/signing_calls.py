"""``signing-calls``: every ``kms:Sign`` that CloudTrail saw, to hold against the log of signing events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.evidence.collectors.cloudtrail import MAX_CALLS, CallCollector
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.record import Kind, Population, Record

_NAME = "Sign"


class SigningCalls(CallCollector):
    """Who signed with which KMS key, in the period and as far back as CloudTrail's sources go (``cloudtrail``).

    Payload: ``{"calls": [{"id", "at", "name", "caller", "error", "resources"}], "callers": {caller: count}, "keys": {key: count},
    "history_from", "sources": [...], "notes": [text], "summary": {"calls", "failed", "callers", "keys"}}``; calls latest first.
    """

    name = "signing-calls"
    version = "2"
    kind = Kind.SIGNING_CALLS
    summary = "Calls of kms:Sign by caller and key, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        with self.calls(scope, "kms.amazonaws.com", {_NAME: timedelta(0)}) as found:
            kept: list[dict[str, Any]] = []
            callers: Counter[str] = Counter()
            keys: Counter[str] = Counter()
            total = failed = 0
            for call in found.of(_NAME, latest_first=True):
                total, failed = total + 1, failed + (call["error"] is not None)
                callers[call["caller"]] += 1
                keys.update(call["resources"])
                if len(kept) < MAX_CALLS:
                    kept.append(call)
            payload: dict[str, JSON] = {
                "calls": list(kept),
                "callers": dict(sorted(callers.items())),
                "keys": dict(sorted(keys.items())),
                "summary": {"calls": total, "failed": failed, "callers": len(callers), "keys": len(keys)},
            }
            population = Population("calls", total, len(kept), total > len(kept))
            record = found.record(self, payload, population)
        yield record
