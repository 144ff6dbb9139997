"""An incident as JSON data, with the record behind each event, so that whoever reads it can ask the ledger for the proof."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.governance.incidents.state import Incident


def incident_json(incident: Incident, now: datetime) -> dict[str, JSON]:
    """Everything that is known of ``incident``; ``overdue`` is as of ``now``."""
    return {
        "id": incident.id,
        "title": incident.title,
        "phase": incident.phase,
        "severity": str(incident.severity) if incident.severity else None,
        "aware_at": iso(incident.aware_at),
        "closed_at": iso(incident.closed_at) if incident.closed_at else None,
        "overdue": [clock.duty for clock in incident.running if clock.due_by is not None and clock.due_by < now],
        "running": [clock.to_json() for clock in incident.running],
        "clocks": [clock.to_json() for clock in incident.clocks],
        "facts": {
            name: {"answer": str(fact.answer), "because": fact.because, "at": iso(fact.at), "by": fact.by}
            for name, fact in incident.facts.items()
        },
        "decisions": {name: _decided(incident, name) for name in incident.decisions},
        "items": {name: dict(item) for name, item in incident.items.items()},
        "events": [
            {
                "entry": event.index,
                "record": event.record.id,
                "step": str(event.step),
                "at": iso(event.at),
                "recorded_at": iso(event.record.collected_at),
                "payload": {key: value for key, value in event.payload.items() if key not in {"clocks", "incident", "step"}},
            }
            for event in incident.events
        ],
    }


def _decided(incident: Incident, name: str) -> dict[str, Any]:
    made = incident.decisions[name]
    return {
        "decision": str(made.decision),
        "by": made.by,
        "at": iso(made.at),
        "because": made.because,
        "sent_at": iso(made.sent_at) if made.sent_at else None,
        "receipt": made.receipt,
        "due_by": iso(made.due_by) if made.due_by else None,
        "in_time": made.in_time,
        "overtaken": name in incident.overtaken,
    }
