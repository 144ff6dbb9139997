"""Operation throughout a period, as the report has it. Origin of the data: written for these tests, in the collector's shape."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.period import from_iso, parse_period
from averment.core.words import Method, Severity, Status
from averment.evidence.record import Gathering, Kind, Record
from averment.evidence.reporting.operation import operation
from averment.evidence.reporting.report import build_report


class Entry(NamedTuple):
    """A ledger entry as the report needs it."""

    index: int
    record: Record


NOW = from_iso("2026-11-20T12:00:00Z")
ASSESSMENT = Assessment("runtime", Method.EXAMINE, collector="config-compliance", policy="gated")
CATALOGUE = Catalogue((Control("SM-UPL-03", "T", "O", Severity.HIGH, "platform", "always", "Because", (), (ASSESSMENT,)),), {})


def history(rule: str = "gated", *, at: timedelta = timedelta(0), **more: Any) -> Record:
    """A history of one bucket: three states, with the seconds given."""
    seconds = more.pop("seconds", {"compliant": 60, "non-compliant": 20, "not-assessed": 20})
    resource = {"type": "AWS::S3::Bucket", "id": "uploads", "intervals": [{}] * 3, "seconds": seconds}
    values: dict[str, Any] = {
        "kind": Kind.CONFIG_HISTORY,
        "collector": "config-history",
        "collector_version": "1",
        "source": "AWS Config",
        "query": {},
        "effective_at": NOW + at,
        "collected_at": NOW + at,
        "payload": {"rules": [{"rule": rule, "resources": [resource]}]},
        "account": "111122223333",
        "region": "eu-west-1",
    }
    return Record(**{**values, **more})


def test_the_share_is_of_assessed_time_and_the_rest_is_said() -> None:
    """A gap in the recording neither helps nor hurts: it stands beside the share."""
    (row,) = operation(CATALOGUE, [history()])
    assert (row.controls, row.compliant, row.non_compliant, row.not_assessed, row.changes) == (("SM-UPL-03",), 60, 20, 20, 2)
    assert row.share == 0.75
    assert row.says == "compliant 75.0% of the assessed time; 20.0% of the time not assessed"


@pytest.mark.parametrize(
    ("seconds", "share", "says"),
    [
        ({"not-assessed": 100}, None, "nothing was assessed; 100.0% of the time not assessed"),
        ({"compliant": 100}, 1.0, "compliant 100.0% of the assessed time"),
        ({"compliant": 50, "not-applicable": 50}, 1.0, "compliant 100.0% of the assessed time"),
    ],
)
def test_time_without_a_verdict_is_never_compliant(seconds: dict[str, int], share: float | None, says: str) -> None:
    """Nothing recorded is nothing known."""
    (row,) = operation(CATALOGUE, [history(seconds=seconds)])
    assert (row.share, row.says) == (share, says)


def test_half_an_hour_of_a_quarter_is_not_rounded_away() -> None:
    """A bucket that was open for a while was told to have been compliant for 100.0% of the time."""
    (row,) = operation(CATALOGUE, [history(seconds={"compliant": 7_947_000, "non-compliant": 1_800, "not-assessed": 60})])
    assert row.says == "compliant more than 99.9% of the assessed time; less than 0.1% of the time not assessed"
    (row,) = operation(CATALOGUE, [history(seconds={"compliant": 4, "non-compliant": 20_000, "not-assessed": 7_900_000_000})])
    assert row.says == "compliant less than 0.1% of the assessed time; more than 99.9% of the time not assessed"


def test_the_latest_history_of_a_place_counts() -> None:
    """A later look at the same account and region covers more of the period; another region is another row."""
    old, new = history(), history(at=timedelta(days=1), seconds={"compliant": 10})
    other = history(region="us-east-1")
    rows = operation(CATALOGUE, [new, other, old])
    assert [(row.region, row.compliant) for row in rows] == [("eu-west-1", 10), ("us-east-1", 60)]


def test_months_that_make_up_a_period_are_told_together() -> None:
    """A bucket that was open in October looked right throughout, as the row was December's alone. Of one month the later look counts."""
    october, december = (parse_period(text) for text in ("2026-10", "2026-12"))
    told: dict[str, Any] = {"period_start": october.start, "period_end": october.end}
    first, again = history(at=timedelta(days=-40), seconds={"non-compliant": 99}, **told), history(at=timedelta(days=-20), **told)
    last = history(seconds={"compliant": 100}, period_start=december.start, period_end=december.end)
    (row,) = operation(CATALOGUE, [first, last, again])
    assert (row.compliant, row.non_compliant, row.not_assessed, row.changes, row.record) == (160, 20, 20, 4, last.id)
    quarter = history(at=timedelta(days=1), seconds={"compliant": 7}, period_start=october.start, period_end=december.end)
    assert [row.compliant for row in operation(CATALOGUE, [first, last, again, quarter])] == [7]


def test_what_no_control_asks_for_and_what_failed_is_left_out() -> None:
    """A rule of a control that is not selected says nothing here, and an attempt that failed shows nothing."""
    failed = history(gathering=Gathering.COULD_NOT, reason="denied", payload={})
    assert operation(CATALOGUE, [history("another"), failed]) == ()


def test_what_was_open_until_the_last_day_is_told_with_the_state_of_the_end() -> None:
    """Of a quarter whose bucket was open for 80 days and closed on the last, the report said "1 resource passed"."""
    compliance = [
        {
            "rule": "gated",
            "config_rule": "averment-gated",
            "compliance": "",
            "failing": None,
            "resources": [{"id": "uploads", "type": "AWS::S3::Bucket", "compliance": "COMPLIANT"}],
        }
    ]
    now = history(kind=Kind.CONFIG_COMPLIANCE, collector="config-compliance", payload={"rules": compliance})
    seconds = {"compliant": 60, "non-compliant": 80 * 86_400}
    entries = [Entry(number, item) for number, item in enumerate((history(seconds=seconds), now))]
    quarter = build_report(CATALOGUE, Organisation(), entries, parse_period("2026Q4"), NOW)
    told = "1 resource passed; in the period not all the time: uploads (not compliant for 80 days)"
    assert [(row.status, row.reason) for row in quarter.assessments] == [(Status.SATISFIED, told)]
    assert quarter.controls[0].reason == f"runtime: {told}"
    kept = build_report(CATALOGUE, Organisation(), entries[1:], parse_period("2026Q4"), NOW)
    assert kept.assessments[0].reason == "1 resource passed"
