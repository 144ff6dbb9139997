"""The pages on evidence: the records, the claims with their plots, and how to check all of it."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from averment.controls.model import Control
from averment.evidence.package import layout
from averment.evidence.plots.terms import explained
from averment.evidence.reporting.rows import ClaimRow, EvidenceRow
from averment.governance.site.data import SiteData
from averment.governance.site.history import quarter_of
from averment.governance.site.package import PACKAGE, Enclosed
from averment.governance.site.pages.rendering import render
from averment.governance.site.plots import figures, interval, pictures

MAX_LISTED = 500
"""So many records are described one by one; of more, those that a state rests on are, and the rest are counted."""


@dataclass(frozen=True)
class Counted:
    """The records of one collector: how many, of which so many could not be collected or only in part, and from when to when they hold."""

    collector: str
    records: int
    incomplete: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class TestedClaim:
    """A claim of a control with its runs, the newest first; none where it was never tested."""

    control: Control
    assessment: str
    title: str
    kind: str
    runs: list[ClaimRow]


def evidence_page(data: SiteData) -> str:
    """The index of the evidence behind this view."""
    rows = list(data.report.evidence)
    named = linked(data)
    listed = rows if len(rows) <= MAX_LISTED else [row for row in rows if row.record in named]
    return render(
        "evidence.md",
        data=data,
        listed=listed,
        counted=_counted(rows),
        in_package=lambda record: _in_package(data.package, record),
    )


def _in_package(package: Enclosed | None, record: str) -> Markup | str:
    """Links to the record and its proof in the package that the site holds. In HTML: what MkDocs doesn't make it doesn't find."""
    names = [("record", layout.record_name(record)), ("proof", layout.proof_name(record))]
    if package is None or not all(name in package.files for _, name in names):
        return "no: it is of another period, or came later"
    return Markup(", ").join(Markup('<a href="{}/{}">{}</a>').format(PACKAGE, name, label) for label, name in names)


def linked(data: SiteData) -> set[str]:
    """The records that other pages lead to."""
    used = {record for row in data.report.assessments for record in row.records}
    used |= {row.record for row in data.report.claims} | {row.record for row in data.report.findings}
    used |= {event.record.id for incident in data.incidents.values() for event in incident.events}
    return used | {record.id for record in data.drills}


def _counted(rows: list[EvidenceRow]) -> list[Counted]:
    by_collector: dict[str, list[EvidenceRow]] = {}
    for row in rows:
        by_collector.setdefault(row.collector.rpartition(" ")[0], []).append(row)
    return [
        Counted(
            name,
            len(found),
            sum(1 for row in found if row.gathering != "collected"),
            min(row.effective_at for row in found),
            max(row.effective_at for row in found),
        )
        for name, found in sorted(by_collector.items())
    ]


def claims_page(data: SiteData) -> str:
    """Every claim: what it says, how each run of it came out, with plots; and those that were never tested."""
    claims = [
        TestedClaim(
            control,
            f"{control.id}/{item.id}",
            item.title or str(item.claim["type"]),
            str(item.claim["type"]),
            [row for row in data.claims(control.id) if f"{control.id}/{item.id}" in row.assessments],
        )
        for control in data.catalogue
        for item in control.assessments
        if item.claim is not None
    ]
    shown = {row.record for claim in claims for row in claim.runs}
    by_itself = [row for row in data.report.claims if row.record not in shown]
    plots: set[str] = set()
    page = render(
        "claims.md",
        data=data,
        root="",
        tested=[claim for claim in claims if claim.runs],
        untested=[claim for claim in claims if not claim.runs],
        by_itself=sorted(by_itself, key=lambda row: row.effective_at, reverse=True),
        verdicts=sorted(Counter(claim.runs[0].verdict for claim in claims if claim.runs).items()),
        interval=interval,
        figures=figures,
        pictures=lambda record: pictures(data.claim_records.get(record), "", plots),
    )
    meanings = explained(page)
    return page + render("words.md", meanings=meanings) if meanings and data.report.claims else page


def verify_page(data: SiteData) -> str:
    """How to check what this site says, with the commands for this very ledger."""
    example = next((record for row in data.report.assessments for record in row.records), None)
    place = "ledger" if data.notice else shlex.quote(data.organisation.evidence.ledger)
    return render("verify.md", data=data, example=example, place=place, quarter=quarter_of(data.as_of).label)
