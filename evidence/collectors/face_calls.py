"""``face-calls``: face matches that CloudTrail saw, and whether the same caller had read a liveness result just before."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import from_iso
from averment.evidence.collectors.cloudtrail import MAX_CALLS, CallCollector
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.named import not_listed
from averment.evidence.record import Kind, Population, Record

MATCHES = ("CompareFaces", "SearchFacesByImage", "SearchUsersByImage")
RESULT = "GetFaceLivenessSessionResults"
_SOURCE = "rekognition.amazonaws.com"

WITHIN_SECONDS = 300
"""How long before a match its liveness result may have been read, unless ``parameters: {face-calls: {within_seconds: n}}`` says otherwise."""


class FaceCalls(CallCollector):
    """Calls of ``MATCHES`` against readings of liveness results by the same caller, in the period and as far back as CloudTrail's sources
    go (``cloudtrail``).

    A match is ``alone`` when its caller read no liveness result in the time before it (``WITHIN_SECONDS``), each result standing for one
    match: each match that isn't alone names it as its ``liveness``. CloudTrail tells neither the session nor the picture, so that such a match
    may still belong to another person: the count finds matches without liveness, and a pair is to be looked up, and no proof. A call that failed
    matched nothing, and is neither. Whether a match is alone is open (null) where something was refused, and in the minutes of which CloudTrail
    may not have told everything: its result may still come.

    Payload: ``{"matches": [{"id", "at", "name", "caller", "error", "alone", "liveness": {"id", "seconds_before"}}], "callers": {caller:
    {"matches", "alone", "after_liveness", "results"}}, "within_seconds", "told_with", "history_from", "sources": [...], "notes": [text],
    "out_of", "summary": {"matches", "alone", "after_liveness", "open", "results", "unused_results", "failed", "callers"}}``. ``liveness``
    is null for a match that is alone; ``unused_results`` were read without a match after.
    """

    name = "face-calls"
    version = "5"
    kind = Kind.FACE_CALLS
    goes_by = (*CallCollector.goes_by, "face-calls.within_seconds")
    summary = "Face matches by Rekognition against readings of liveness results, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        within = scope.number(self.name, "within_seconds", WITHIN_SECONDS)
        # Results from before the window may belong to its first matches.
        names = {**dict.fromkeys(MATCHES, timedelta(0)), RESULT: timedelta(seconds=within)}
        with self.calls(scope, _SOURCE, names, {"within": within}) as found:
            callers: dict[str, Counter[str]] = defaultdict(Counter)
            kept: list[dict[str, Any]] = []
            counts: Counter[str] = Counter()
            for call in found.of(RESULT):
                callers[call["caller"]]["results"] += 1
                counts["read"] += call["error"] is None
            matches = heapq.merge(*(found.of(name) for name in MATCHES), key=_order)
            for call in _pair(matches, found.of(RESULT), within):
                if call["alone"] and (found.refused or from_iso(call["at"]) > found.told_until):
                    call["alone"] = None
                told = {"matches": 1, "alone": int(call["alone"] is True), "after_liveness": int(call["liveness"] is not None)}
                counts.update({**told, "open": int(call["alone"] is None), "failed": int(call["error"] is not None)})
                callers[call["caller"]].update(told)
                if len(kept) < MAX_CALLS:
                    kept.append(call)
            rows: dict[str, JSON] = {
                caller: {name: count[name] for name in ("matches", "alone", "after_liveness", "results")}
                for caller, count in sorted(callers.items())
            }
            total = counts["matches"]
            payload: dict[str, JSON] = {
                "matches": list(kept),
                "callers": rows,
                "notes": [*_open(counts["open"]), *not_listed(total, len(kept), "face matches")],
                "within_seconds": within,
                "told_with": {} if within == WITHIN_SECONDS else {"summary.alone": _widened(within)},
                "out_of": {"summary.alone": counts["alone"] + counts["after_liveness"]},
                "summary": {
                    **{name: counts[name] for name in ("matches", "alone", "after_liveness", "open")},
                    "results": found.count(RESULT),
                    "unused_results": counts["read"] - counts["after_liveness"],
                    "failed": counts["failed"],
                    "callers": len(callers),
                },
            }
            record = found.record(self, payload, Population("face matches", total, total))
        yield record


def _widened(within: int) -> str:
    return f"its result may be {within:,} s old ({WITHIN_SECONDS:,} unless averment.yaml says otherwise)"


def _open(number: int) -> list[JSON]:
    why = "whether they had a liveness result is open, as some calls could not be had, or CloudTrail may not have told of them yet"
    return [f"matches without a liveness result: {number:,}; {why}"] if number else []


def _pair(matches: Iterable[dict[str, Any]], results: Iterator[dict[str, Any]], within: int) -> Iterator[dict[str, Any]]:
    """``matches``, each with the earliest unused result of its caller in the ``within`` seconds before it, or alone; both oldest first. A call that
    failed takes none, as it is often made again.

    Of the results no more are held than lie within that time: an older one can't belong to a later match.
    """
    free: dict[str, deque[tuple[float, str]]] = defaultdict(deque)
    coming = next(results, None)
    for call in matches:
        at = _seconds(call)
        while coming is not None and _seconds(coming) <= at:
            if coming["error"] is None:
                free[coming["caller"]].append((_seconds(coming), str(coming["id"])))
            coming = next(results, None)
        moments = free[call["caller"]]
        while moments and moments[0][0] < at - within:
            moments.popleft()
        failed = call["error"] is not None
        used = moments.popleft() if moments and not failed else None
        liveness = None if used is None else {"id": used[1], "seconds_before": round(at - used[0])}
        shown = {key: call[key] for key in ("id", "at", "name", "caller", "error")}
        yield {**shown, "alone": used is None and not failed, "liveness": liveness}


def _order(call: Mapping[str, Any]) -> tuple[str, str]:
    return call["at"], str(call["id"])


def _seconds(call: Mapping[str, Any]) -> float:
    return from_iso(call["at"]).timestamp()
