"""``provenance``: what was signed, and what the media gate decided, from their CloudWatch log groups."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered, end_of_history
from averment.evidence.record import Kind, Population, Record

SIGNED = "/averment/provenance"
"""Log group of signing events, one JSON object a line: ``{"object", "sha256", "key", "signed_at", "digital_source_type"}``."""

VERDICTS = "/averment/verdicts"
"""Log group of the media gate's verdicts, one JSON object a line with ``verdict``."""

_FIELDS = ("object", "sha256", "key", "signed_at", "digital_source_type")

MAX_EVENTS = 100_000
"""Signing events kept in one record; further ones are counted, and the record says that it was cut."""


class Provenance(Collector):
    """Signing events of the period in full, verdicts counted by kind.

    Payload: ``{"signed": [event], "verdicts": {verdict: count}, "summary": {"signed", "signed_objects", "verdicts", "malformed"}}``.
    """

    name = "provenance"
    version = "1"
    kind = Kind.PROVENANCE
    permissions = ("logs:FilterLogEvents",)
    resources = MappingProxyType({"logs:FilterLogEvents": tuple(f"arn:aws:logs:*:*:log-group:{group}:*" for group in (SIGNED, VERDICTS))})
    looks_back = True
    summary = "Signing events and the gate's verdicts, from CloudWatch Logs."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = Fetch(scope.connect("logs"), "logs")
        end = end_of_history(scope)
        signed: list[JSON] = []
        verdicts: Counter[str] = Counter()
        totals = Counter[str]()

        def on_signed(event: Mapping[str, Any]) -> None:
            totals["signed"] += 1
            if len(signed) < MAX_EVENTS:
                signed.append({name: event.get(name) for name in _FIELDS})

        def on_verdict(event: Mapping[str, Any]) -> None:
            verdicts[str(event.get("verdict"))] += 1

        if scope.period.start <= end:
            _read(fetch, SIGNED, scope.period.start, end, on_signed, totals)
            _read(fetch, VERDICTS, scope.period.start, end, on_verdict, totals)
        total = totals["signed"] + verdicts.total()
        if totals["malformed"]:
            fetch.problem(f"{totals['malformed']:,} log lines are not JSON objects and were not counted")
        refused = bool(fetch.problems) and total == 0
        objects = len({event["object"] for event in signed if isinstance(event, dict) and event.get("object")})
        summary = {"signed": totals["signed"], "signed_objects": objects, "verdicts": verdicts.total(), "malformed": totals["malformed"]}
        examined = len(signed) + verdicts.total()
        yield self.record(
            scope,
            Gathered(
                source=f"CloudWatch Logs {SIGNED}, {VERDICTS}",
                query={"calls": fetch.calls, "start": iso(scope.period.start), "end": iso(end)},
                payload=None if refused else {"signed": signed, "verdicts": dict(sorted(verdicts.items())), "summary": summary},
                problems=fetch.problems,
                population=None
                if refused
                else Population("log events", None if fetch.problems else total, examined, totals["signed"] > len(signed)),
                effective_at=min(end, scope.clock()),
            ),
        )


def _read(
    fetch: Fetch, group: str, start: datetime, end: datetime, take: Callable[[Mapping[str, Any]], None], totals: Counter[str]
) -> None:
    # CloudWatch Logs counts in milliseconds and includes both ends.
    first, last = _milliseconds(start), _milliseconds(end + timedelta(seconds=1)) - 1
    parameters = {"logGroupName": group, "startTime": first, "endTime": last}
    for page in fetch.pages("FilterLogEvents", parameters):
        for event in page.get("events", ()):
            value = _parse(event.get("message", ""))
            if value is None:
                totals["malformed"] += 1
            else:
                take(value)


def _parse(message: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
