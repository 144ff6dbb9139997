"""``face-calls``: face matches that CloudTrail saw, and whether the same caller had read a liveness result just before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import from_iso, iso
from averment.evidence.collectors.cloudtrail import MAX_CALLS, calls, window
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.record import Kind, Population, Record

MATCHES = ("CompareFaces", "SearchFacesByImage")
RESULT = "GetFaceLivenessSessionResults"
_SOURCE = "rekognition.amazonaws.com"

WITHIN_SECONDS = 300
"""How long before a match its liveness result may have been read, unless ``parameters: {face-calls: {within_seconds: n}}`` says otherwise."""


class FaceCalls(Collector):
    """Calls of ``MATCHES`` against readings of liveness results by the same caller, in the period and back as far as 90 days.

    A match is ``alone`` when its caller read no liveness result in the time before it (``WITHIN_SECONDS``), each result standing for one
    match: each match that isn't alone names it as its ``liveness``. CloudTrail tells neither the session nor the picture, so that such a match
    may still belong to another person: the count finds matches without liveness, and a pair is to be looked up, and no proof.

    Payload: ``{"matches": [{"id", "at", "name", "caller", "error", "alone", "liveness": {"id", "seconds_before"}}], "callers": {caller: {"matches",
    "alone", "after_liveness", "results"}}, "within_seconds", "history_from", "summary": {"matches", "alone", "after_liveness", "results",
    "unused_results", "failed", "callers"}}``. ``liveness`` is null for a match that is alone; ``unused_results`` were read without a match after.
    """

    name = "face-calls"
    version = "2"
    kind = Kind.FACE_CALLS
    permissions = ("cloudtrail:LookupEvents",)
    looks_back = True
    summary = "Face matches against readings of liveness results, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("cloudtrail")
        within = scope.number(self.name, "within_seconds", WITHIN_SECONDS)
        start, end = window(scope)
        found = [call for name in MATCHES for call in calls(fetch, name, _SOURCE, start, end)]
        # Results from before the window may belong to its first matches.
        results = list(calls(fetch, RESULT, _SOURCE, start - timedelta(seconds=within), end))
        matches = _pair(sorted(found, key=lambda call: (call["at"], str(call["id"]))), results, within)
        kept = matches[:MAX_CALLS]
        callers: dict[str, Counter[str]] = defaultdict(Counter)
        for call in matches:
            callers[call["caller"]].update({"matches": 1, "alone": int(call["alone"]), "after_liveness": int(not call["alone"])})
        for call in results:
            callers[call["caller"]]["results"] += 1
        rows: dict[str, JSON] = {
            caller: {name: count[name] for name in ("matches", "alone", "after_liveness", "results")}
            for caller, count in sorted(callers.items())
        }
        after = sum(not call["alone"] for call in matches)
        payload: dict[str, JSON] = {
            "matches": list(kept),
            "callers": rows,
            "within_seconds": within,
            "history_from": iso(start),
            "summary": {
                "matches": len(matches),
                "alone": len(matches) - after,
                "after_liveness": after,
                "results": len(results),
                "unused_results": sum(call["error"] is None for call in results) - after,
                "failed": sum(call["error"] is not None for call in matches),
                "callers": len(callers),
            },
        }
        population = Population("face matches", len(matches), len(kept), len(matches) > len(kept) or start > scope.period.start)
        yield self.listing(scope, [fetch], payload, population, source="CloudTrail event history", effective_at=end)


def _pair(matches: list[dict[str, Any]], results: list[dict[str, Any]], within: int) -> list[dict[str, Any]]:
    """``matches`` (oldest first), each with the earliest unused result of its caller in the ``within`` seconds before it, or alone."""
    free: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for call in results:
        if call["error"] is None:
            free[call["caller"]].append((_seconds(call), str(call["id"])))
    for moments in free.values():
        moments.sort()
    paired = []
    for call in matches:
        moments, at = free[call["caller"]], _seconds(call)
        first = bisect_left(moments, at - within, key=lambda item: item[0])
        last = bisect_right(moments, at, key=lambda item: item[0])
        used = moments.pop(first) if first < last else None
        liveness = None if used is None else {"id": used[1], "seconds_before": round(at - used[0])}
        shown = {key: call[key] for key in ("id", "at", "name", "caller", "error")}
        paired.append({**shown, "alone": used is None, "liveness": liveness})
    return paired


def _seconds(call: Mapping[str, Any]) -> float:
    return from_iso(call["at"]).timestamp()
