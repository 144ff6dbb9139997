"""A period in OSCAL: the shipped controls, and made-up records of every kind, with hostile texts among them.

``test_oscal_official.py`` runs where NIST's schemas and compliance-trestle are installed, in an environment of their own (they are
large and pin what they use): ``make test-oscal``. Elsewhere it isn't collected.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation, Waiver
from averment.core.period import from_iso, parse_period
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.reporting.report import PeriodReport, build_report

collect_ignore_glob = [] if importlib.util.find_spec("trestle") else ["test_oscal_official.py"]

NOW = from_iso("2026-11-20T12:00:00Z")
HOSTILE = "[click](javascript:alert(1)) <script>x</script> {{ insert: param, x }} `a` *b*"


@dataclass(frozen=True)
class Entry:
    """A ledger entry as report and sink need it."""

    index: int
    record: Record
    envelope: bytes


def _record(kind: Kind, payload: dict[str, Any], **more: Any) -> Record:
    at = more.pop("at", NOW - timedelta(hours=1))
    values = {"collector": str(kind), "collector_version": "1", "source": "made up for a test", "query": {"call": "x"}, **more}
    return Record(kind=kind, effective_at=at, collected_at=at, payload=payload, **values)


def _records(rule: str) -> list[Record]:
    failing = {"rule": rule, "verdict": "fail", "message": f"open\n{HOSTILE}", "where": "main.tf:3"}
    findings = [{**failing, "resource": HOSTILE}, {**failing, "resource": "aws_s3_bucket.waived"}]
    terms = load_catalogue().get("SM-UPL-03")
    asked = next(item for item in terms.assessments if item.attestation) if terms else None
    attestation = dict(asked.attestation or {}) if asked else {}
    return [
        _record(Kind.CHECK, {"rules": [rule], "findings": findings, "problems": []}, collector="check"),
        _record(
            Kind.MEDIA_STATES,
            {"summary": {"flagged": 0}},
            collector="media-states",
            gathering=Gathering.PARTIAL,
            reason=f"page 2 was refused: {HOSTILE}",
            population=Population("objects", None, 1000, truncated=True),
            account="111122223333",
            region="eu-west-1",
            redactions=("IP address: 2",),
        ),
        _record(
            Kind.ATTESTATION,
            {
                "question": attestation.get("question", "?"),
                "answer": "yes",
                "by": {"role": attestation.get("role", "procurement"), "name": "Ada Byron"},
                "statement": f"folder 7\n{HOSTILE}",
                "valid_until": "2027-09-01T00:00:00Z",
            },
            collector="attest",
            controls=(f"SM-UPL-03/{asked.id}" if asked else "",),
        ),
        _record(Kind.CLAIM, {"type": "disclosure-coverage", "verdict": "inconclusive", "reason": "12 drawn"}, collector="averment.claims"),
    ]


@dataclass(frozen=True)
class Period:
    """A report with what it was made from."""

    report: PeriodReport
    organisation: Organisation
    entries: tuple[Entry, ...]


@pytest.fixture(scope="session")
def make_period() -> Callable[..., Period]:
    """Makes a report of 2026Q4; ``records`` replaces the made-up ones, further keywords the organisation's settings."""
    rule = "s3-put-object-gated"

    def make(*, records: list[Record] | None = None, **settings: Any) -> Period:
        waiver = Waiver("SM-UPL-03", "aws_s3_bucket.waived", "owner", "approver", HOSTILE, date(2027, 1, 31), SourceRef("averment.yaml", 3))
        values: dict[str, Any] = {"name": f"Shop {HOSTILE}", "scope": Scope(accounts=("111122223333",)), "waivers": (waiver,), **settings}
        organisation = Organisation(**values)
        found = _records(rule) if records is None else records
        entries = tuple(Entry(index, item, json.dumps(item.to_json()).encode()) for index, item in enumerate(found))
        report = build_report(load_catalogue(organisation), organisation, entries, parse_period("2026Q4"), NOW)
        return Period(report, organisation, entries)

    return make
