"""The first page, and the page of what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from markupsafe import Markup

from averment.controls.binding import LawDate
from averment.core.words import Status, counted
from averment.evidence.judging.states import Gap
from averment.evidence.reporting.changes import STATE, ChangeRow
from averment.evidence.reporting.rows import AssessmentRow, FindingRow
from averment.governance.site import words
from averment.governance.site.data import SiteData
from averment.governance.site.lists import CHANGES, changes_shown
from averment.governance.site.pages.incidents import overdue
from averment.governance.site.pages.rendering import render

_SHOWN = (Status.SATISFIED, Status.NOT_SATISFIED, Status.NOT_ASSESSED, Status.WAIVED, Status.NOT_APPLICABLE)
_SEVERITIES = ("critical", "high", "medium", "low")
_LINES_A_DAY = 4
_MANY = {"applies": ("starts to apply", "start to apply"), "first binds somebody": ("first binds somebody", "first bind somebody")}
"""How the law register begins what happens to a provision, and what is said of one and of several."""
_GONE_STALE = frozenset({Gap.STALE, Gap.EXPIRED})


@dataclass(frozen=True)
class Owed:
    """What one owner has to see to: assessments whose evidence grew too old, and all that are not assessed. Where owners are withheld,
    ``owner`` is a family of controls."""

    owner: str
    stale: int
    rows: list[AssessmentRow]


@dataclass(frozen=True)
class Moved:
    """A control whose state isn't what it was before."""

    control: str
    title: str
    before: Status
    after: Status


def home_page(data: SiteData) -> str:
    """The state of every control by family, open findings, what is stale and whose it is, what changed, and the next dates."""
    findings = open_findings(data)
    return render(
        "home.md",
        data=data,
        totals=[(str(status), data.report.totals[str(status)]) for status in _SHOWN],
        open_findings=findings,
        waived=len(data.report.findings) - len(findings),
        no_findings=_no_findings(data),
        incidents=_incidents(data),
        by_severity=[(name, count) for name in _SEVERITIES if (count := sum(1 for row in findings if row.severity == name))],
        upcoming=_next_dates(data),
        owed=owed(data),
        moved=moved(data),
        summary=lambda control_id: _summary(data, control_id),
        weakened_mark=Markup('<span class="av-weakened">weakened</span>'),
    )


def changes_page(data: SiteData) -> str:
    """Every change since the period before: controls, assessments, and what came and went."""
    titles = {row.id: row.title for row in data.report.controls}
    by_control = [(control, list(rows)) for control, rows in groupby(data.report.changes, key=lambda row: row.control)]
    groups = [(control, titles[control], chosen := changes_shown(rows), len(rows) - len(chosen)) for control, rows in by_control]
    return render("changes.md", data=data, moved=moved(data), groups=groups, shown=_shown, file=CHANGES)


def _shown(row: ChangeRow) -> tuple[Markup | str, Markup | str]:
    """Before and after: as badges for states, in words for what deviates."""
    if row.what == STATE:
        return words.badge(Status(row.before)), words.badge(Status(row.after))
    return row.before, row.after


def moved(data: SiteData) -> list[Moved]:
    """The controls whose state changed since the period before; none where there was no evidence then."""
    if data.before is None or not data.before.known:
        return []
    then = data.before.states
    rows = [row for row in data.report.controls if row.id in then and then[row.id] is not row.status]
    return [Moved(row.id, row.title, then[row.id], row.status) for row in rows]


def owed(data: SiteData) -> list[Owed]:
    """What is not assessed by owner: those with stale evidence first, then those with most."""
    families = {control.id: title for _, title, members in data.families() for control in members}
    by_owner: dict[str, list[AssessmentRow]] = {}
    for row in data.report.gaps:
        by_owner.setdefault(families[row.control] if data.notice else row.owner, []).append(row)
    found = [Owed(owner, sum(1 for row in rows if row.gap in _GONE_STALE), rows) for owner, rows in by_owner.items()]
    return sorted(found, key=lambda item: (-item.stale, -len(item.rows), item.owner))


def open_findings(data: SiteData) -> list[FindingRow]:
    """What breaks a control and isn't waived; the worst first."""
    rows = [row for row in data.report.findings if row.waived_until is None]
    return sorted(rows, key=lambda row: (_SEVERITIES.index(row.severity), row.control, row.resource))


def _incidents(data: SiteData) -> str:
    """How many incidents are open, and how many duties of theirs are past their time."""
    unclosed = [incident for incident in data.incidents.values() if incident.closed_at is None]
    if not unclosed:
        return "None is open." if data.incidents else "None is recorded."
    late = [len(duties) for incident in unclosed if (duties := overdue(incident, data.report.judged_at))]
    if not late:
        return f"{len(unclosed)} open; no duty is overdue."
    return f"{len(unclosed)} open; {counted(sum(late), 'duty')} overdue, in {len(late)} of them."


def _no_findings(data: SiteData) -> str:
    """What is said where no finding is open: of how many assessments that tells nothing, and what was waived."""
    made, missing = len(data.report.assessments), len(data.report.gaps)
    if missing == made:
        return "Unknown: nothing was looked at."
    unseen = f" {missing} of {made} assessments are not made, and can have found nothing." if missing else ""
    waived = len(data.report.findings)  # no other is left where none is open
    but = f"None is open, {waived} waived" if waived else "None"
    return f"{but} in the evidence that was collected.{unseen}"


def _summary(data: SiteData, control_id: str) -> str:
    """Why a control has its state, in few words: how many of its assessments decide it, and the first reason."""
    rows = data.assessments(control_id)
    status = data.status(control_id)
    deciding = [row for row in rows if row.status is status]
    if status is Status.SATISFIED:
        return f"all {len(rows)} assessments"
    if not deciding:
        return "it has no assessment"
    reason = deciding[0].reason
    cut = reason if len(reason) <= 140 else reason[:139].rsplit(" ", 1)[0] + " …"
    return f"{len(deciding)} of {len(rows)} assessments; {deciding[0].title}: {cut}"


def _next_dates(data: SiteData) -> list[tuple[date, int, Markup, str]]:
    """The next days of the law register; many provisions of one law on one day share a line."""
    lines: list[tuple[date, int, Markup, str]] = []
    for (day, left, framework), group in groupby(data.upcoming(), key=lambda entry: (entry[0].on, entry[1], entry[0].framework)):
        items = [item for item, _ in group]
        law = data.catalogue.frameworks[framework]
        places = [words.link(item.label, f"frameworks/{framework}.md#{words.place(law, item.ref)}") for item in items]
        if len(items) > _LINES_A_DAY:
            lines.append((day, left, Markup(", ").join(places), _in_short(items)))
            continue
        for item, place in zip(items, places, strict=True):
            unsure = "" if item.confirmed or "unconfirmed" in item.what else " (unconfirmed)"
            lines.append((day, left, place, item.what + unsure))
    return lines


def _in_short(items: Sequence[LawDate]) -> str:
    """What happens on one day to many provisions: a later milestone of some that apply already is no start of theirs."""
    parts = []
    heads = ((item.what.partition(": ")[0], item.what) for item in items)
    for what, times in Counter(head if head in _MANY else whole for head, whole in heads).items():
        several = counted(times, "provision")
        parts.append(f"{several} {_MANY[what][times > 1]}" if what in _MANY else f"{several}: {what}")
    return "; ".join(parts)
