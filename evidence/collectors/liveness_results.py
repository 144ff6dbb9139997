"""``liveness-results``: results of face liveness sessions as the application logged them. Faces are never read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.record import Kind, Population, Record

FIELDS = {"session_id": "SessionId", "status": "Status", "confidence": "Confidence"}
"""What is kept of a result, and what Rekognition calls it: a log line may use either name. Images, boxes and all else stay out."""

MAX_RESULTS = 50_000
"""Results kept in one record; further ones are counted, and the record says that it was cut."""


class LivenessResults(Collector):
    """The lines of the log group ``parameters: {liveness-results: {log_group: ...}}`` that tell a session's result, in the period.

    The application logs a JSON object for each result that it reads, with the fields of ``FIELDS``. A session whose result was read more than
    once counts once, and as ``repeated``: a session that is used twice may have been replayed.

    Payload: ``{"results": [{"session_id", "status", "confidence", "at"}], "statuses": {status: count}, "absent", "summary": {"results",
    "sessions", "succeeded", "repeated", "malformed", "lowest_confidence"}}``; ``lowest_confidence`` (0 to 100) is of those that succeeded, null
    without any. ``absent`` says that the log group doesn't exist.
    """

    name = "liveness-results"
    version = "1"
    kind = Kind.LIVENESS_RESULTS
    permissions = ("logs:FilterLogEvents",)
    looks_back = True
    summary = "Results of face liveness sessions as the application logged them, from CloudWatch Logs."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: averment.yaml names no log group.
        """
        group = scope.parameters(self.name).get("log_group")
        if not isinstance(group, str) or not group:
            where = SourceRef(scope.organisation.file)
            raise BadInputError(f"parameters.{self.name}.log_group names no log group", where=where, fix="write log_group: /shop/liveness")
        fetch, end = scope.fetch("logs"), end_of_history(scope)
        until = int((end + timedelta(seconds=1)).timestamp()) * 1000 - 1
        asked = {"logGroupName": group, "startTime": int(scope.period.start.timestamp()) * 1000, "endTime": until}
        found = _Found()
        for page in fetch.pages("FilterLogEvents", asked, absent="ResourceNotFoundException") if scope.period.start < end else ():
            found.absent = found.absent or "events" not in page
            for event in page.get("events", ()):
                found.take(event)
        if found.malformed:
            fetch.problem(f"log lines that tell no result and were not counted: {found.malformed:,}")
        population = Population("liveness results", found.total, len(found.kept), found.total > len(found.kept))
        yield self.listing(scope, [fetch], found.payload(), population, source=f"CloudWatch Logs {group}", effective_at=end)


class _Found:
    """What the log lines told so far."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.total = self.malformed = 0
        self.absent = False
        self._sessions: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._lowest: float | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Read one log event."""
        row = _row(event)
        if row is None:
            self.malformed += 1
            return
        self.total += 1
        self._sessions[row["session_id"]] += 1
        self._statuses[row["status"]] += 1
        if row["status"] == "SUCCEEDED" and isinstance(row["confidence"], int | float):
            self._lowest = min(row["confidence"], self._lowest if self._lowest is not None else row["confidence"])
        if len(self.kept) < MAX_RESULTS:
            self.kept.append(row)

    def payload(self) -> dict[str, JSON]:
        """The record's payload."""
        return {
            "results": list(self.kept),
            "statuses": dict(sorted(self._statuses.items())),
            "absent": self.absent,
            "summary": {
                "results": self.total,
                "sessions": len(self._sessions),
                "succeeded": self._statuses["SUCCEEDED"],
                "repeated": sum(1 for times in self._sessions.values() if times > 1),
                "malformed": self.malformed,
                "lowest_confidence": self._lowest,
            },
        }


def _row(event: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        line = json.loads(event.get("message", ""))
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict):
        return None
    row = {name: line.get(name, line.get(theirs)) for name, theirs in FIELDS.items()}
    if not isinstance(row["session_id"], str) or not isinstance(row["status"], str):
        return None
    return {**row, "at": iso(datetime.fromtimestamp(event["timestamp"] // 1000, UTC))}
