"""``liveness-results``: results of face liveness sessions as the application logged them. Faces are never read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from averment.core.canonical import JSON, is_canonical
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.collectors.named import asked_for, entry, listed, not_listed
from averment.evidence.record import Kind, Population, Record

FIELDS = {"session_id": "SessionId", "status": "Status", "confidence": "Confidence", "accepted": "Accepted"}
"""What is kept of a result, and what Rekognition calls it: a log line may use either name. ``accepted`` is the application's own decision, true
or false. Images, boxes and all else stay out."""

GROUP, LEAST = "liveness-results.log_group", "liveness-results.least_confidence"

MAX_RESULTS = 50_000
"""Results listed in one record; further ones are counted, and a note says so."""


class LivenessResults(Collector):
    """The lines of the log group ``parameters: {liveness-results: {log_group: ...}}`` that tell a session's result, in the period.

    The application logs a JSON object for each result that it reads, with the fields of ``FIELDS``. A session whose result was read more than
    once counts once, and as ``repeated``: a session that is used twice may have been replayed.

    Payload: ``{"results": [{"session_id", "status", "confidence", "accepted", "at"}], "statuses": {status: count}, "absent",
    "accepted_wrongly": [{"resource", "message"}], "history_from", "notes", "out_of", "told_with", "summary": {"results", "sessions", "succeeded", "repeated", "malformed",
    "lowest_confidence", "accepted", "undecided", "accepted_wrongly"}}``; ``lowest_confidence`` (0 to 100) is of those that succeeded, null
    without any. A ``confidence`` that is no number is null, an ``accepted`` that is neither true nor false "neither": whatever the application logs in
    their place stays out. ``accepted_wrongly`` counts sessions that the application accepted though they hadn't succeeded, more than once, or with a
    confidence below ``parameters: {liveness-results: {least_confidence: n}}`` or none (null where that isn't set); ``undecided`` counts
    results that succeeded and whose line says nothing of a decision, and all whose decision is neither true nor false, which makes the record partial where the confidence is set. ``absent`` says that the log group doesn't exist.
    What the log group doesn't keep for so long isn't there any more: ``history_from`` is from when it tells, and the population of a period that began
    before is marked as cut short.
    """

    name = "liveness-results"
    version = "5"
    kind = Kind.LIVENESS_RESULTS
    permissions = ("logs:DescribeLogGroups", "logs:FilterLogEvents")
    looks_back = True
    summary = "Results of Rekognition's face liveness sessions as the application logged them, from CloudWatch Logs."

    def allowed(self, organisation: Organisation | None) -> Mapping[str, tuple[str, ...]]:
        group = organisation.parameter(GROUP) if organisation is not None else None
        named = {"logs:FilterLogEvents": (f"arn:aws:logs:*:*:log-group:{group}:*",)} if isinstance(group, str) and group else {}
        return {**super().allowed(organisation), **named}

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: averment.yaml names no log group, or a confidence that isn't one.
        """
        group = scope.parameters(self.name).get("log_group")
        if not isinstance(group, str) or not group:
            where = SourceRef(scope.organisation.file)
            raise BadInputError(f"parameters.{self.name}.log_group names no log group", where=where, fix="write log_group: /shop/liveness")
        fetch, end = scope.fetch("logs"), end_of_history(scope)
        until = int((end + timedelta(seconds=1)).timestamp()) * 1000 - 1
        asked = {"logGroupName": group, "startTime": int(scope.period.start.timestamp()) * 1000, "endTime": until}
        least = _least(scope)
        found, since = _Found(least), _kept_since(fetch, group, scope)
        for page in fetch.pages("FilterLogEvents", asked, absent="ResourceNotFoundException") if scope.period.start < end else ():
            found.absent = found.absent or "events" not in page
            for event in page.get("events", ()):
                found.take(event)
        if found.malformed:
            fetch.problem(f"log lines that tell no result and were not counted: {found.malformed:,}")
        if least is not None and found.undecided:
            fetch.problem(f"results whose line doesn't tell by true or false whether the person was accepted: {found.undecided:,}")
        cut = since > scope.period.start
        unit = "liveness results" + (f" (the log group keeps them from {iso(since)} on alone)" if cut else "")
        population = Population(unit, found.total, found.total, cut)
        source, asked = f"CloudWatch Logs {group}", asked_for(scope, GROUP, LEAST)
        payload = {**found.payload(), "history_from": iso(since)}
        yield self.listing(scope, [fetch], payload, population, source=source, effective_at=end, asked=asked)


def _kept_since(fetch: Fetch, group: str, scope: CollectScope) -> datetime:
    """The moment from which the log group still tells of the period: its start, unless lines of it have gone by the group's retention."""
    start, now = scope.period.start, scope.clock()
    for page in fetch.pages("DescribeLogGroups", {"logGroupNamePrefix": group}):
        for found in page.get("logGroups", ()):
            if found["logGroupName"] == group and found.get("retentionInDays"):
                made = datetime.fromtimestamp(found.get("creationTime", 0) // 1000, UTC)
                forgotten = (now - timedelta(days=found["retentionInDays"])).replace(microsecond=0)
                return forgotten if forgotten > max(start, made) else start
    return start


def _least(scope: CollectScope) -> float | None:
    value = scope.organisation.parameter(LEAST)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100):
        raise BadInputError(
            f"parameters.{LEAST} is not a confidence", where=SourceRef(scope.organisation.file), fix="write a number from 0 to 100"
        )
    return value


class _Found:
    """What the log lines told so far. ``least``: the confidence below which nobody may be accepted, if it is known."""

    def __init__(self, least: float | None) -> None:
        self.kept: list[dict[str, Any]] = []
        self.total = self.malformed = self.undecided = 0
        self.absent = False
        self._sessions: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._lowest: float | None = None
        self._least = least
        self._accepted: Counter[str] = Counter()
        self._wrongly: dict[str, str] = {}

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
        if row["accepted"] is True:
            self._accept(row)
        elif row["accepted"] is not False and (row["status"] == "SUCCEEDED" or row["accepted"] is not None):
            self.undecided += 1  # also a decision that is neither true nor false: "true" may have let somebody in

    def _accept(self, row: Mapping[str, Any]) -> None:
        session, confidence = row["session_id"], row["confidence"]
        self._accepted[session] += 1
        if row["status"] != "SUCCEEDED":
            why = f"was accepted with the status {row['status']}"
        elif self._accepted[session] > 1:
            why = "was accepted more than once"
        elif self._least is None:
            return
        elif isinstance(confidence, bool) or not isinstance(confidence, int | float):
            why = "was accepted without a confidence"
        elif confidence < self._least:
            why = f"was accepted with a confidence of {confidence}, at least {self._least} is asked"
        else:
            return
        self._wrongly.setdefault(session, f"the session {why}")

    def _unset(self) -> list[JSON]:
        told = f"parameters.{LEAST} in averment.yaml isn't set: who should not have been accepted isn't told"
        return [told] if self._least is None else []

    def payload(self) -> dict[str, JSON]:
        """The record's payload."""
        return {
            "results": list(self.kept),
            "statuses": dict(sorted(self._statuses.items())),
            "absent": self.absent,
            "accepted_wrongly": listed([entry(session, why) for session, why in self._wrongly.items()]) if self._least is not None else [],
            "notes": [*self._unset(), *not_listed(self.total, len(self.kept), "results")],
            "out_of": {"summary.accepted_wrongly": self._accepted.total()},
            "told_with": {"summary.accepted_wrongly": f"a confidence of {self._least:g} of 100 is enough"}
            if self._least is not None
            else {},
            "summary": {
                "results": self.total,
                "sessions": len(self._sessions),
                "succeeded": self._statuses["SUCCEEDED"],
                "repeated": sum(1 for times in self._sessions.values() if times > 1),
                "malformed": self.malformed,
                "lowest_confidence": self._lowest,
                "accepted": self._accepted.total(),
                "undecided": self.undecided,
                "accepted_wrongly": len(self._wrongly) if self._least is not None else None,
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
    if not isinstance(row["session_id"], str) or not isinstance(row["status"], str) or not is_canonical(row):
        return None  # what no record can carry (NaN, half a character) would take all other results with it
    if isinstance(row["confidence"], bool) or not isinstance(row["confidence"], int | float):
        row["confidence"] = None
    if row["accepted"] is not None and not isinstance(row["accepted"], bool):
        row["accepted"] = "neither"
    return {**row, "at": iso(datetime.fromtimestamp(event["timestamp"] // 1000, UTC))}
