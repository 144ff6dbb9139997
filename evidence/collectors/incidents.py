"""``incidents``: whether the duties of every incident were decided on, and sent, within their time, by the incident's own records in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError
from averment.core.period import from_iso, iso
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered, end_of_history
from averment.evidence.record import Kind, Population, Record

STEPS_BY = "incident"
"""What the records of an incident's steps are by (``averment incident``); drills and this collector's own records are by other names."""

_WEIGHT = {"not-applicable": 0, "open": 1, "due": 2}


def is_final(decision: str | None, then: str | None, now: str) -> bool:
    """Whether nothing more is owed of a duty that stands as ``now`` and on which ``decision`` was taken when it stood as ``then``.

    What was sent was sent. A no was given on what was known then: where the duty only might have been due, or didn't apply, and weighs more
    now, somebody has to decide again.
    """
    if decision == "not-due":
        return then is None or _WEIGHT[now] <= _WEIGHT[then]
    return decision == "sent"


def went_out(before: Mapping[str, Any] | None, decided: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The decision by which a duty's notification first went out, after ``decided``; ``before`` is that up to then. (Both as steps have them.)

    What goes out later completes it, as Art. 33(4) GDPR foresees, and makes it no later. Only who says that it is still to be sent takes back that it was.
    """
    if decided["decision"] == "to-send":
        return None
    if decided["decision"] == "sent" and (before is None or from_iso(decided["sent_at"]) < from_iso(before["sent_at"])):
        return decided
    return before


class Incidents(Collector):
    """Every incident that was open at some time in the period, as of its end or now.

    A duty is overdue that is due, or may be, whose time is past, and on which nothing final was decided by then (``is_final``), also
    if the incident was closed all the same, since closing decides nothing; it is late if what had to
    be sent was first sent after its time (``went_out``). Where the ledger has no incident of the period, ``none_exist`` is true, and nothing is claimed of any.

    Payload: ``{"incidents": [{"id", "phase", "severity", "aware_at", "closed_at", "duties", "entries"}], "overdue": [{"resource", "message"}],
    "late": [{"resource", "message"}], "left_open": [{"resource", "message"}], "none_exist", "summary": {"incidents", "open", "overdue", "late",
    "left_open", "untriaged"}}``; ``resource`` is ``incident/duty``.
    """

    name = "incidents"
    version = "1"
    kind = Kind.INCIDENT
    regional = False
    from_aws = False
    looks_back = True
    summary = "Incidents and their clocks: what is overdue, was sent late, or was left open."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        from averment.evidence.ledger.opening import open_ledger

        end = end_of_history(scope)
        query: dict[str, JSON] = {"kind": str(Kind.INCIDENT), "by": STEPS_BY, "from": iso(scope.period.start), "to": iso(end)}
        try:
            with open_ledger(scope.organisation) as ledger:
                known = _read((entry.record for entry in ledger.records(Kind.INCIDENT)), end)
        except AvermentError as error:
            yield self.record(scope, Gathered("incidents in the ledger", query, None, [error.message], effective_at=end))
            return
        found = [item for item in known if item.closed_at is None or item.closed_at >= scope.period.start]
        yield self.record(
            scope,
            Gathered(
                source="incidents in the ledger",
                query=query,
                payload=_payload(found, end),
                population=Population("incidents", len(found), len(found)),
                effective_at=end,
            ),
        )


@dataclass
class _Incident:
    """What an incident's records say up to a moment: the clocks computed last, and of each duty the last decision and the one by which it was sent."""

    id: str
    aware_at: datetime
    phase: str = "open"
    severity: str | None = None
    closed_at: datetime | None = None
    clocks: list[Mapping[str, Any]] = field(default_factory=list)
    decided: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sent: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    left_open: list[str] = field(default_factory=list)
    entries: int = 0


def _read(records: Iterable[Record], end: datetime) -> list[_Incident]:
    found: dict[str, _Incident] = {}
    for record in records:
        if record.collector != STEPS_BY or record.collected_at > end:
            continue
        value = record.payload
        name, step = str(value["incident"]), str(value["step"])
        if step == "open":
            found[name] = _Incident(name, from_iso(str(value["aware_at"])))
        incident = found.get(name)
        if incident is None:  # opened after the end, by a clock that is ahead of the one of who took this step
            continue
        incident.entries += 1
        incident.clocks = list(value.get("clocks") or incident.clocks)
        if step == "triage":
            incident.severity = str(value["severity"])
        elif step == "notify":
            duty = str(value["duty"])
            incident.decided[duty], incident.sent[duty] = value, went_out(incident.sent.get(duty), value)
        elif step == "close":
            incident.closed_at, incident.left_open = record.effective_at, list(value["left_open"])
        incident.phase = step
    return list(found.values())


def _payload(found: list[_Incident], end: datetime) -> dict[str, JSON]:
    overdue = [row for incident in found for row in _overdue(incident, end)]
    late = [row for incident in found for row in _late(incident)]
    left = [{"resource": incident.id, "message": f"closed although {text}"} for incident in found for text in incident.left_open]
    rows = [
        {
            "id": incident.id,
            "phase": incident.phase,
            "severity": incident.severity,
            "aware_at": iso(incident.aware_at),
            "closed_at": iso(incident.closed_at) if incident.closed_at else None,
            "duties": {str(clock["duty"]): str(clock["standing"]) for clock in incident.clocks},
            "entries": incident.entries,
        }
        for incident in found
    ]
    return {
        "incidents": rows,
        "overdue": overdue,
        "late": late,
        "left_open": left,
        "none_exist": not found,
        "summary": {
            "incidents": len(found),
            "open": sum(1 for incident in found if incident.closed_at is None),
            "overdue": len(overdue),
            "late": len(late),
            "left_open": len(left),
            "untriaged": sum(1 for incident in found if incident.severity is None),
        },
    }


def _overdue(incident: _Incident, end: datetime) -> Iterator[dict[str, JSON]]:
    for clock in incident.clocks:
        due, made = clock.get("due_by"), incident.decided.get(str(clock["duty"]), {})
        if clock["standing"] == "not-applicable" or not due or from_iso(due) >= end:
            continue
        if is_final(made.get("decision"), made.get("standing"), str(clock["standing"])):
            continue
        what = {None: "nobody decided on it", "not-due": "it was denied before what is known now"}.get(
            made.get("decision"), "was to be sent and wasn't"
        )
        if incident.closed_at is not None:
            what += ", and the incident was closed"
        standing = "was due" if clock["standing"] == "due" else "may have been due"
        yield {"resource": f"{incident.id}/{clock['duty']}", "message": f"{clock['title']} ({clock['source']}) {standing} by {due}: {what}"}


def _late(incident: _Incident) -> Iterator[dict[str, JSON]]:
    for clock in incident.clocks:
        value = incident.sent.get(str(clock["duty"]))
        if value is None or clock["standing"] == "not-applicable":
            continue
        sent, due = value["sent_at"], value.get("due_by") or clock.get("due_by")
        if due and from_iso(sent) > from_iso(due):
            yield {
                "resource": f"{incident.id}/{clock['duty']}",
                "message": f"{value['title']} ({value['source']}) was due by {due} and sent at {sent}",
            }
