"""What a reader gets to see: everything (internal), nothing that names somebody or something (partners), nor free text (public).

It is done to the data, before any template sees it: what a template can't get at, it can't print. Every field of every row is in a table
below; one that isn't stops the build. Rows are never left out, so that counts and states are the same at every level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

from averment.core.errors import IncompleteError
from averment.evidence.reporting.action import ActionRow
from averment.evidence.reporting.changes import ChangeRow
from averment.evidence.reporting.drift import DriftRow
from averment.evidence.reporting.operation import OperationRow
from averment.evidence.reporting.report import ComparedPackage, PeriodReport
from averment.evidence.reporting.rows import AssessmentRow, AttestationRow, ClaimRow, ControlRow, EvidenceRow, FindingRow, WaiverRow
from averment.evidence.reporting.samples import SampleRow
from averment.governance.site.data import LedgerHead, SiteData
from averment.governance.site.scrub import WITHHELD


class Level(StrEnum):
    """Who a site is for, the widest circle first."""

    PUBLIC = "public"
    PARTNERS = "partners"
    INTERNAL = "internal"

    def shows_no_more_than(self, other: Level) -> bool:
        """Whether a site of this level may lie inside a site of the level ``other``."""
        return list(Level).index(self) <= list(Level).index(other)

    @property
    def notice(self) -> str:
        """What stands at the foot of every page."""
        return _NOTICES[self]


_NOTICES = {
    Level.PUBLIC: f"Level: public. What is {WITHHELD} was left out for readers outside; states and counts are complete.",
    Level.PARTNERS: f"Level: partners. Names of people, accounts and resources are {WITHHELD}; states and counts are complete.",
    Level.INTERNAL: "Level: internal. Not for readers outside of the organisation.",
}

TOLD_FIRST = {
    Level.PUBLIC: f"This is the site for the public. Every state and every count is shown. {WITHHELD.capitalize()} are reasons, places, and the names of "
    "people, accounts and resources: each resource has a number in place of its name, the same on every page. Incidents, drills and the plan "
    "for them are left out.",
    Level.PARTNERS: f"This is the site for partners. Every state, every count and every reason is shown. {WITHHELD.capitalize()} are the names of people, "
    "accounts and resources: each resource has a number in place of its name, the same on every page. Incidents, drills and the plan for them are left out.",
}
"""What stands at the top of the first page."""

INTERNAL_PAGES = ("plan/", "incidents")
"""What begins like this is for the inside alone: who is woken by whom at night, what isn't there yet, and what happened to whom."""


class Shown(StrEnum):
    """What the levels below internal do to a field."""

    KEPT = "kept"  # ids, numbers, times, and the program's own words
    SCRUBBED = "scrubbed"  # a text that has to be shown: without names
    TOLD = "told"  # free text out of evidence: partners get it without names, the public doesn't
    NUMBERED = "numbered"  # the name of a resource: a number that is the same all over the site
    WITHHELD = "withheld"
    LEFT_OUT = "left_out"  # with the pages that are about it
    PART = "part"  # rows of their own table, or none
    OWN = "own"  # has a function of its own


def _table(**fields: str) -> Mapping[str, Shown]:
    return {name: Shown(how) for how, names in fields.items() for name in names.split()}


FIELDS: Mapping[type, Mapping[str, Shown]] = {
    ControlRow: _table(kept="id severity status", scrubbed="title references", told="reason", withheld="owner weakened tailored law"),
    AssessmentRow: _table(
        kept="id control method status gap effective_at records beside", own="title means", told="reason", withheld="owner"
    ),
    EvidenceRow: _table(
        kept="record index kind effective_at collected_at gathering total examined truncated sha256 used_by",
        scrubbed="collector unit",
        told="source region reason redactions",
        withheld="query account",
    ),
    ClaimRow: _table(
        kept="record assessments verdict estimate low high confidence bar samples clusters seed effective_at",
        scrubbed="statement interval_method",
        told="reason",
    ),
    FindingRow: _table(
        kept="control assessment severity record effective_at waived_until", numbered="resource", told="message", withheld="where owner"
    ),
    WaiverRow: _table(kept="control until state accepts", numbered="resource", withheld="owner approver reason accounts regions"),
    AttestationRow: _table(
        kept="record assessments effective_at valid_until", scrubbed="question answer", withheld="by role statement workbook"
    ),
    DriftRow: _table(
        kept="control rule resource_type before at_run_time says checked_at seen_at",
        numbered="resource code",
        told="region",
        withheld="account where",
    ),
    OperationRow: _table(
        kept="controls rule resource_type compliant non_compliant not_assessed changes record effective_at",
        numbered="resource",
        told="region",
        withheld="account",
    ),
    SampleRow: _table(kept="record assessments total size digest effective_at", scrubbed="collector unit", told="source method seed"),
    ActionRow: _table(
        kept="control assessment severity state due known_since record",
        scrubbed="steps",
        numbered="resource",
        told="what",
        own="id",  # it is made of the resource's name: whoever guesses that could try it
        withheld="owner where",
    ),
    ChangeRow: _table(kept="control assessment what before after", numbered="resource", told="reason", withheld="where"),
    ComparedPackage: _table(kept="size manifest_sha256", scrubbed="origin organisation"),
    LedgerHead: _table(kept="size root keys", scrubbed="origin"),
    PeriodReport: _table(
        kept="profile period as_of judged_at totals left_out before before_known version",
        scrubbed="organisation",
        withheld="scope outside unseen",
        part="controls assessments evidence claims findings waivers attestations drift operation samples actions changes compared",
    ),
    SiteData: _table(
        kept="as_of period history before latest ahead",
        part="report ledger",
        own="catalogue organisation rules claim_records notice",
        left_out="incidents drills own_rules package",
    ),
}
"""How each field of each kind of row is shown below internal. A field that isn't here stops the build, and a test."""


def fields_of(row: Any) -> Mapping[str, Shown]:
    """The table of ``row``'s kind; every field of it is there."""
    table = FIELDS.get(type(row), {})
    unknown = [field.name for field in dataclasses.fields(row) if field.init and field.name not in table]
    if unknown:
        what = f"{type(row).__name__}.{unknown[0]}"
        raise IncompleteError(f"nobody decided at which level {what} may be shown", fix="build the site with --level internal")
    return table


def rows_in(value: Any) -> Iterator[Any]:
    """``value`` and every row inside of it that has a table."""
    yield value
    for name, how in fields_of(value).items():
        if how is Shown.PART:
            inner = getattr(value, name)
            for item in inner if isinstance(inner, Collection) else [inner] if inner else ():
                yield from rows_in(item)
