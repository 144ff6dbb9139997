"""The pages on incidents and drills, written from their records alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from averment.evidence.record import Record
from averment.governance.incidents.document import markdown
from averment.governance.incidents.report import Head, after_action
from averment.governance.incidents.state import Incident
from averment.governance.site.data import SiteData
from averment.governance.site.pages.places import incident_place
from averment.governance.site.pages.rendering import render

_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_MOMENT = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(?:&#58;[0-9]{2}){2}Z", re.ASCII)
"""A moment, its colons escaped as ``document`` escapes them."""


@dataclass(frozen=True)
class Drill:
    """A drill as its record tells it. ``steps`` have what was to be done, how long it took, how long it may take, and why it failed."""

    record: str
    at: datetime
    title: str
    played_on: str
    with_people: bool
    steps: list[Mapping[str, Any]]
    failed: list[Mapping[str, Any]]
    not_shown: list[str]
    seconds: float | None


def incidents_page(data: SiteData) -> str:
    """Every incident with how far it is and what is overdue, and every drill with what failed."""
    rows = [(incident, overdue(incident, data.report.judged_at)) for incident in data.incidents.values()]
    return render("incidents.md", data=data, rows=rows, place=incident_place, drills=[_drill(record) for record in data.drills])


def incident_pages(data: SiteData) -> dict[str, str]:
    """The after-action report of each incident, as far as it has come: path -> Markdown."""
    if data.ledger is None:
        return {}
    head = Head(data.ledger.origin, data.ledger.size, base64.b64decode(data.ledger.root).hex())
    return {
        incident_place(incident.id): _fitted(markdown(after_action(incident, data.organisation.name, head)))
        for incident in data.incidents.values()
    }


def _fitted(page: str) -> str:
    """``page`` with its tables as wide as the page and no more, and no moment broken at its hyphens. Whatever else looks like a row of a table is
    escaped in it."""
    whole = _MOMENT.sub(r'<span class="av-when">\g<0></span>', page)
    return _TABLE.sub('<div class="av-dossier" markdown="block">\n\n\\g<0>\n</div>\n', whole)


def overdue(incident: Incident, now: datetime) -> list[str]:
    """The duties of an open incident whose time was over at ``now``."""
    if incident.closed_at is not None:
        return []
    return [clock.title for clock in incident.running if clock.due_by is not None and clock.due_by < now]


def _drill(record: Record) -> Drill:
    payload: Mapping[str, Any] = record.payload
    summary = payload.get("summary", {})
    return Drill(
        record.id,
        record.effective_at,
        str(payload.get("title", payload.get("scenario", ""))),
        str(payload.get("played_on", "")),
        bool(payload.get("with_people")),
        list(payload.get("steps", ())),
        list(payload.get("failed", ())),
        [str(item) for item in payload.get("not_shown", ())],
        summary.get("seconds"),
    )
