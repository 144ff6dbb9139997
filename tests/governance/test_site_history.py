"""How the site tells what changed and how states came about: from what was known at each moment, and nothing later."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.core.words import Status
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import Gap
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Population, Record
from averment.evidence.reporting.report import assessment_rows
from averment.governance.site.data import SiteData, gather
from averment.governance.site.history import LOOKS, History, Look, last_quarter, moments, quarter_of
from averment.governance.site.pages.controls import control_page
from averment.governance.site.pages.home import changes_page, home_page, moved
from averment.governance.site.pages.rendering import in_words, strip

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
BUCKET = "arn:aws:s3:::shop-uploads"
ASSESSMENT = "SM-UPL-03/runtime"


def compliance(when: datetime, verdict: str) -> Record:
    """What AWS Config says of one bucket at ``when``; collected an hour later."""
    resource = {"id": BUCKET, "type": "AWS::S3::Bucket", "compliance": verdict, "annotation": "any principal may put objects"}
    rule = {"rule": "s3-put-object-gated", "config_rule": "averment-s3-put-object-gated", "compliance": "x", "resources": [resource]}
    values: dict[str, Any] = {"collector_version": "1", "source": "made up for a test", "query": {"call": "Example"}}
    return Record(
        kind=Kind.CONFIG_COMPLIANCE,
        collector="config-compliance",
        account="111122223333",
        region="eu-central-1",
        effective_at=when,
        collected_at=when + timedelta(hours=1),
        payload={"rules": [rule]},
        **values,
    )


def view(organisation: Organisation, *records: Record, period: str | None = None) -> SiteData:
    """The site's view of a ledger with ``records``."""
    with open_ledger(organisation, write=True) as ledger:
        ledger.append(list(records))
    return gather(organisation, load_catalogue(organisation), as_of=NOW, period=parse_period(period) if period else None)


@pytest.fixture
def mended(organisation: Organisation) -> SiteData:
    """A bucket that was open to all at the end of September, and is closed since the middle of November."""
    opened = [compliance(datetime(2026, 9, 30, 12, tzinfo=UTC) + timedelta(weeks=week), "NON_COMPLIANT") for week in range(7)]
    return view(
        organisation,
        *opened,
        compliance(datetime(2026, 11, 18, tzinfo=UTC), "COMPLIANT"),
        compliance(NOW - timedelta(hours=2), "COMPLIANT"),
    )


def test_a_look_knows_nothing_of_what_came_later(mended: SiteData) -> None:
    """Each look, a week apart, has the state by the evidence of then: none before the first record, stale in between, mended at the end."""
    looks = mended.history.looks
    assert [item.at for item in looks] == [NOW - timedelta(weeks=back) for back in reversed(range(LOOKS))]
    seen = mended.history.of(ASSESSMENT)
    first = next(place for place, item in enumerate(looks) if item.at > datetime(2026, 9, 30, 13, tzinfo=UTC))
    assert seen[:first] == [None] * first
    assert seen[first] is Status.NOT_SATISFIED
    assert seen[-1] is Status.SATISFIED
    assert mended.history.of("SM-UPL-03")[-1] is mended.status("SM-UPL-03")


def test_changes_are_told_from_the_end_of_the_last_quarter(mended: SiteData) -> None:
    """Without a period "now" is compared with the quarter before this one, by what was known at its end."""
    assert mended.before is not None
    assert mended.before.known
    assert mended.before.period.label == "2026Q3"
    rows = {(row.assessment, row.resource): (row.before, row.after) for row in mended.report.changes}
    assert rows[ASSESSMENT, None] == ("not-satisfied", "satisfied")
    assert rows[ASSESSMENT, BUCKET] == ("open", "not there")
    assert [(row.control, row.before, row.after) for row in moved(mended)] == [
        ("SM-UPL-03", Status.NOT_SATISFIED, mended.status("SM-UPL-03"))
    ]
    page = html.unescape(re.sub(r"<[^>]*>", "", changes_page(mended)))
    assert "From the end of 2026Q3 to 2026-11-23 07:00 UTC" in page
    line = next(line for line in page.splitlines() if line.startswith(f"| [{ASSESSMENT}]") and BUCKET not in line)
    assert "✕ not satisfied | ✓ satisfied" in line
    assert "1 controls have another state" not in page
    home = html.unescape(re.sub(r"<[^>]*>", "", home_page(mended)))
    assert f"All {len(mended.report.changes)} changes" in home


def test_a_period_is_compared_with_the_one_before_it(organisation: Organisation) -> None:
    """With a period the comparison is that of the period's report, and looks stay within the period."""
    data = view(
        organisation,
        compliance(datetime(2026, 9, 30, 12, tzinfo=UTC), "NON_COMPLIANT"),
        compliance(NOW - timedelta(hours=2), "COMPLIANT"),
        period="2026Q4",
    )
    assert data.before is not None
    assert data.before.period.label == "2026Q3"
    assert (ASSESSMENT, "not-satisfied", "satisfied") in {(row.assessment, row.before, row.after) for row in data.report.changes}
    assert data.history.looks[0].at >= datetime(2026, 10, 1, tzinfo=UTC)
    assert data.history.of(ASSESSMENT)[0] is None


def test_without_evidence_of_the_quarter_nothing_is_called_a_change(organisation: Organisation) -> None:
    """A ledger that began in this quarter has nothing to compare with, and says so; its first states are no changes."""
    data = view(organisation, compliance(NOW - timedelta(hours=2), "COMPLIANT"))
    assert moved(data) == []
    assert data.report.changes == ()
    assert "no evidence from 2026Q3" in home_page(data)
    assert "no evidence from 2026Q3" in changes_page(data)


def test_what_was_collected_after_the_moment_is_not_in_the_view(organisation: Organisation) -> None:
    """A view as of a moment is the one that was had at that moment."""
    late = compliance(NOW + timedelta(days=1), "NON_COMPLIANT")
    data = view(organisation, compliance(NOW - timedelta(hours=2), "COMPLIANT"), late)
    assert late.id not in {row.record for row in data.report.evidence}
    assert data.latest == NOW - timedelta(hours=1)
    assert data.history.of(ASSESSMENT)[-1] is Status.SATISFIED


def test_the_control_page_has_the_looks_as_signs_and_in_words(mended: SiteData) -> None:
    """The row of signs has a text alternative that says the same; a folded table has it for every assessment."""
    control = mended.catalogue.get("SM-UPL-03")
    assert control is not None
    page = control_page(mended, control)
    label = html.unescape(re.findall(r'role="img" aria-label="([^"]+)"', page)[0])
    assert label.startswith("satisfied on 2026-11-23; ")
    assert "no evidence at each look from 2026-08-31 to 2026-09-28" in label
    assert "History: 13 looks, a week apart" in page
    assert "things changed here" in page


def test_looks_in_a_row_are_put_together() -> None:
    """As many looks as there are, said in as few words as their changes need; one look alone is no history."""
    start = datetime(2026, 9, 1, tzinfo=UTC)
    states = [None, Status.SATISFIED, Status.SATISFIED, Status.WAIVED]
    looks = [Look(start + timedelta(weeks=week), {"X": state} if state else {}) for week, state in enumerate(states)]
    history = History(tuple(looks))
    assert in_words(history.runs("X")) == [
        "waived on 2026-09-22",
        "satisfied at each look from 2026-09-08 to 2026-09-15",
        "no evidence on 2026-09-01",
    ]
    row = strip(history.of("X"), history.runs("X"))
    assert re.findall(r'<i class="av-([a-z]+)">([^<]+)</i>', row) == [("nothing", "·"), ("satisfied", "✓✓"), ("waived", "~")]
    alone = History(tuple(looks[:1]))
    assert strip(alone.of("X"), alone.runs("X")) == ""


@pytest.mark.parametrize(
    ("moment", "this", "last"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026Q1", "2025Q4"),
        (datetime(2026, 3, 31, 23, 59, tzinfo=UTC), "2026Q1", "2025Q4"),
        (datetime(2026, 12, 31, tzinfo=UTC), "2026Q4", "2026Q3"),
    ],
)
def test_quarters_are_those_of_the_calendar(moment: datetime, this: str, last: str) -> None:
    """Also across the turn of a year."""
    assert quarter_of(moment).label == this
    assert last_quarter(moment).label == last


def test_a_past_period_is_looked_at_up_to_its_end() -> None:
    """Looks never leave the period, on either side."""
    period = parse_period("2026Q3")
    found = moments(period, NOW)
    assert found[-1] == period.end - timedelta(seconds=1)
    assert all(moment in period for moment in found)
    assert len(found) == LOOKS


def test_without_a_period_the_site_judges_as_status_does(organisation: Organisation) -> None:
    """Nobody collects for all of time: evidence of this quarter is whole, and evidence on media that averment.yaml no longer names is not."""
    hour = NOW - timedelta(hours=1)
    values: dict[str, Any] = {"collector_version": "1", "source": "made up for a test", "query": {"call": "Example"}, "collected_at": hour}
    place = {"account": "111122223333", "region": "eu-central-1", "effective_at": hour}
    quarter = quarter_of(NOW)
    counted = Population("objects", 4, 4)
    facts = [
        Record(
            kind=Kind.DETECTOR_METRICS,
            collector="detector-metrics",
            payload={"summary": {"scanned_last_week": 5}},
            period_start=quarter.start,
            period_end=NOW,
            **place,
            **values,
        ),
        Record(
            kind=Kind.MEDIA_STATES,
            collector="media-states",
            payload={"summary": {"published_without_verdict": 0}, "media_scope": ["other"]},
            population=counted,
            **place,
            **values,
        ),
    ]
    with open_ledger(organisation, write=True, clock=lambda: NOW) as ledger:
        ledger.append(facts)
    catalogue = load_catalogue(organisation)
    states = assess(catalogue, organisation, facts, period=None, as_of=NOW)
    data = gather(organisation, catalogue, as_of=NOW)
    assert data.report.assessments == assessment_rows(states)
    found = {row.id: (row.status, row.gap) for row in data.report.assessments}
    assert found["SM-DET-03/running"] == (Status.SATISFIED, None)
    assert (Status.NOT_ASSESSED, Gap.SUPERSEDED) in found.values()
    assert data.history.of("SM-DET-03/running")[-1] is Status.SATISFIED
