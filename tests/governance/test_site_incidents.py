"""Incidents and drills on the site: what their records say, as far as they go, and nothing of anybody's text read as markup."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import DRILLS, Kind, Population, Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.words import Step
from averment.governance.site.data import SiteData, gather
from averment.governance.site.levels import Level
from averment.governance.site.navigation import navigation
from averment.governance.site.pages.home import home_page
from averment.governance.site.pages.incidents import incident_pages, incidents_page
from averment.governance.site.redaction import redacted

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)> | [click](javascript:alert(1))"
CLOCK = {"duty": "dsa-notice", "title": "Tell the platform", "source": "DSA Art 16", "standing": "due", "reason": "it is live"}


def step(incident: str, kind: Step, hours_ago: float, **payload: Any) -> Record:
    """A step of an incident that was written down when it happened."""
    moment = NOW - timedelta(hours=hours_ago)
    return file_step(incident, kind, Act("security-operations", moment, moment), payload)


def opening(incident: str, hours_ago: float, title: str = "A clone of the founder's voice", **more: Any) -> Record:
    """The first step of an incident."""
    aware = (NOW - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"title": title, "summary": title, "noticed_by": "a customer", "aware_at": aware, "media": [], "facts": {}, "clocks": []}
    return step(incident, Step.OPEN, hours_ago, **(values | more))


def drill(days_ago: int, *, failed: str = "") -> Record:
    """The record of a drill of two steps, of which one may have failed."""
    moment = NOW - timedelta(days=days_ago)
    steps = [
        {
            "step": "open",
            "role": "x",
            "what": "The incident is opened",
            "outcome": "passed",
            "seconds": 1.5,
            "limit_seconds": 900,
            "reason": "",
            "shown": [],
        },
        {
            "step": "contain",
            "role": "x",
            "what": "What is live is taken down",
            "outcome": "failed" if failed else "passed",
            "seconds": 4.25,
            "limit_seconds": 3600,
            "reason": failed,
            "shown": [],
        },
    ]
    failures = [{"resource": "clone/contain", "message": failed}] if failed else []
    payload = {
        "scenario": "clone",
        "title": "A clone calls",
        "played_on": "embedded AWS",
        "with_people": False,
        "steps": steps,
        "failed": failures,
        "not_shown": ["How long people take."],
        "summary": {"steps": 2, "failed": len(failures), "seconds": 5.75},
    }
    return Record(
        kind=Kind.INCIDENT,
        collector=DRILLS,
        collector_version="1",
        source="averment incident drill clone",
        query={"scenario": "clone"},
        effective_at=moment,
        collected_at=moment,
        payload=payload,
        population=Population("steps", 2, 2),
        controls=("SM-IR-01",),
    )


def view(organisation: Organisation, *records: Record, period: str | None = None) -> SiteData:
    """The site's view of a ledger with ``records``."""
    with open_ledger(organisation, write=True) as ledger:
        ledger.append(list(records))
    return gather(organisation, load_catalogue(organisation), as_of=NOW, period=parse_period(period) if period else None)


def read(page: str) -> str:
    """The page as a reader sees it: without tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def test_each_incident_is_listed_with_what_is_overdue(organisation: Organisation) -> None:
    """The last opened stands first; a duty whose time is past and that nobody decided on is named, one of a closed incident isn't."""
    due = (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    clocks = [{**CLOCK, "due_by": due, "within": "24h", "role": "legal", "to": "the platform", "starts": "awareness"}]
    data = view(
        organisation,
        opening("INC-2026-11-20-aaaaaa", 70, clocks=clocks),
        step("INC-2026-11-20-aaaaaa", Step.CLOSE, 60, cause="an old form", because="x", left_open=[]),
        opening("INC-2026-11-22-bbbbbb", 25, title="A face in a catalogue", clocks=clocks),
    )
    lines = [line for line in read(incidents_page(data)).splitlines() if line.startswith("| [INC-")]
    assert [line.split("]")[0] for line in lines] == ["| [INC-2026-11-22-bbbbbb", "| [INC-2026-11-20-aaaaaa"]
    assert "A face in a catalogue | not triaged | open | 2026-11-22 06:00 UTC | open | Tell the platform |" in lines[0]
    assert "| closed |" in lines[1]
    assert lines[1].endswith("| nothing |")
    assert {"incidents/INC-2026-11-20-aaaaaa.md", "incidents/INC-2026-11-22-bbbbbb.md"} == set(incident_pages(data))


def test_the_first_page_counts_open_incidents_and_what_is_overdue(organisation: Organisation) -> None:
    """Whoever looks at the states alone sees that a duty is past its time; without an incident, and once all are closed, that is said."""
    clocks = [{**CLOCK, "due_by": "2026-11-23T06:00:00Z", "within": "24h", "role": "legal", "to": "the platform", "starts": "awareness"}]
    assert panel(view(organisation, drill(3))) == "None is recorded."
    assert panel(view(organisation, opening("INC-2026-11-22-aaaaaa", 20))) == "1 open; no duty is overdue."
    data = view(organisation, opening("INC-2026-11-22-bbbbbb", 25, clocks=clocks))
    assert panel(data) == "2 open; 1 duty overdue, in 1 of them."
    closes = [step(f"INC-2026-11-22-{name * 6}", Step.CLOSE, 1, cause="x", because="x", left_open=[]) for name in "ab"]
    assert panel(view(organisation, *closes)) == "None is open."


def test_the_first_page_of_outsiders_says_nothing_of_incidents(organisation: Organisation) -> None:
    """They aren't shown them, so that "none is recorded" would be wrong."""
    data = view(organisation, opening("INC-2026-11-22-bbbbbb", 25))
    assert "[Incidents]" in home_page(data)
    assert "[Incidents]" not in home_page(redacted(data, Level.PUBLIC))


def panel(data: SiteData) -> str:
    """What stands below the name of the panel on incidents on the first page."""
    return read(home_page(data)).split("**[Incidents](incidents.md)**")[1].split("**")[0].strip()


def test_an_incidents_page_is_its_report_with_the_ledgers_head(organisation: Organisation) -> None:
    """What happened, by its entries; the log and its root stand at the end, and a hostile title is text."""
    data = view(organisation, opening("INC-2026-11-22-bbbbbb", 25, title=HOSTILE))
    (page,) = incident_pages(data).values()
    assert "<img" not in page
    assert "](javascript" not in page
    assert "<img" not in incidents_page(data)
    assert "img src=x onerror=alert(1)" in html.unescape(page)
    assert data.ledger is not None
    assert data.ledger.origin in html.unescape(page)
    event = data.incidents["INC-2026-11-22-bbbbbb"].events[0]
    assert event.record.id in html.unescape(page)


def test_an_incidents_name_can_not_leave_its_folder(organisation: Organisation) -> None:
    """A record that calls its incident like a path gets a page in the folder for incidents all the same, and so does the menu."""
    data = view(organisation, opening("../../index", 25))
    (place,) = incident_pages(data)
    assert place == "incidents/index.md"
    assert "incidents/index.md" in str(navigation(data))
    assert "../../index.md" not in str(navigation(data))


def test_a_period_shows_what_was_open_in_it(organisation: Organisation) -> None:
    """An incident that was closed before the period isn't in it, one that was still open is, one that came after it isn't."""
    data = view(
        organisation,
        opening("INC-2026-09-01-aaaaaa", 24 * 80),
        step("INC-2026-09-01-aaaaaa", Step.CLOSE, 24 * 79, cause="x", because="x", left_open=[]),
        opening("INC-2026-09-20-bbbbbb", 24 * 62),
        period="2026Q4",
    )
    assert list(data.incidents) == ["INC-2026-09-20-bbbbbb"]
    earlier = view(organisation, opening("INC-2026-11-22-cccccc", 25), period="2026Q3")
    assert sorted(earlier.incidents) == ["INC-2026-09-01-aaaaaa", "INC-2026-09-20-bbbbbb"]


def test_a_step_dated_before_the_opening_does_not_cross_the_end_of_a_period(organisation: Organisation) -> None:
    """Noticed in the last night of a quarter, opened in the first hour of the next, and a call of that night filed afterwards: the quarter before has
    nothing of it, and the site is made."""
    incident, midnight = "INC-2026-10-01-aaaaaa", (NOW - datetime(2026, 10, 1, tzinfo=UTC)).total_seconds() / 3600
    data = view(
        organisation,
        opening(incident, midnight - 1),
        step(incident, Step.NOTIFY, midnight + 1, duty="police", decision="not-due", because="no crime"),
        period="2026Q3",
    )
    assert data.incidents == {}
    assert list(view(organisation, drill(3), period="2026Q4").incidents) == [incident]


def test_drills_show_each_step_with_its_time_and_what_failed(organisation: Organisation) -> None:
    """The newest first, where it was played, what each step took and may take, why one failed, and what a drill doesn't show."""
    data = view(organisation, drill(30), drill(3, failed="the bucket could still be read"))
    page = read(incidents_page(data))
    first, second = page.split("### ")[1:]
    assert "2 steps, 1 failed" in first
    assert "Played on: embedded AWS, without people" in first
    assert "| What is live is taken down | 4.25 | 3,600 | **failed**: the bucket could still be read |" in first
    assert "| The incident is opened | 1.5 | 900 | passed |" in first
    assert "What it does not show: How long people take." in first
    assert "2 steps, 0 failed" in second


@pytest.mark.parametrize(("filled", "said"), [(True, "No incident is recorded."), (False, "Unknown: there is no ledger yet.")])
def test_no_incident_is_no_proof_that_there_was_none(organisation: Organisation, filled: bool, said: str) -> None:
    """A ledger without an incident says that none is recorded, and no ledger at all that nothing is known."""
    data = view(organisation, drill(3)) if filled else gather(organisation, load_catalogue(organisation), as_of=NOW)
    assert said in incidents_page(data)
    assert incident_pages(data) == {}


def test_what_came_due_after_a_past_period_is_not_overdue_in_it(organisation: Organisation) -> None:
    """The steps after its end are not of the period, so neither are the deadlines: a duty met in October was overdue in September's view."""
    clocks = [
        {**CLOCK, "due_by": due, "within": "24h", "role": "legal", "to": "the platform", "starts": "awareness", "duty": duty, "title": duty}
        for duty, due in (("met-in-october", "2026-10-02T06:00:00Z"), ("missed-in-september", "2026-09-30T06:00:00Z"))
    ]
    data = view(organisation, opening("INC-2026-09-29-aaaaaa", 24 * 55, clocks=clocks), period="2026Q3")
    page = read(incidents_page(data))
    assert "As of 2026-09-30 23:59 UTC." in page
    assert next(line for line in page.splitlines() if "INC-2026-09-29-aaaaaa" in line).endswith("| open | missed-in-september |")
