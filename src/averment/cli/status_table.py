"""The tables of ``averment status``: what needs attention, by family, and what is missing, by owner, also beside what is wrong; or, in full, every line."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from averment.cli.common import stdout
from averment.controls.deadlines import Deadline
from averment.controls.describe import FAMILIES
from averment.core.period import Period
from averment.core.words import Status, Verdict, counted, first_of
from averment.evidence.judging.by_account import AccountState
from averment.evidence.judging.since import Since
from averment.evidence.judging.states import AssessmentState, ControlState, gaps_of
from averment.evidence.reporting.drift import NOT_SEEN, DriftRow
from averment.evidence.reporting.report import assessment_rows

WIDE = 180
"""Columns of a table in a pipe, where nothing is gained by folding."""

REASON = 320
"""Characters of a reason in the full table; the JSON has all of it."""

_LEAST_REASON = 45
"""Characters that a reason has at least beside the columns, in the short table."""

_BETWEEN = 2
"""Characters between the columns of the short table, and before the first, so that the names of families stand out."""

_ROOM_FOR_STEPS = 140
"""Columns from which on what to do next is a table: most of its lines stand in one line of it."""

NAMED = 3
"""How many things of a kind a line of the short table names; the full table has all."""

TOLD = 10
"""How many differences between code and deployment stand in the short form."""

COLOURS = {
    Status.SATISFIED: "green",
    Status.NOT_SATISFIED: "red",
    Status.NOT_ASSESSED: "yellow",
    Status.WAIVED: "cyan",
    Status.NOT_APPLICABLE: "dim",
}

_IN_FULL = (Status.NOT_SATISFIED, Status.WAIVED)
"""States whose controls have a line each in the short table; of the others a family's share one."""

_OF_ACCOUNTS = (Status.NOT_SATISFIED, Status.NOT_ASSESSED, Status.WAIVED, Status.SATISFIED)
"""States that are counted by account; of what there is nothing of, there is nothing to count."""

_STEP = re.compile(r"(averment attest|(?:[a-z ]+, then )?averment prove(?: --detector DETECTOR)?|deploy the AWS Config rule) (\S+)")

Next = Callable[[AssessmentState], str]


def show(states: list[ControlState], next_step: Next, *, everything: bool = False, held: Mapping[str, Since] | None = None) -> None:
    """Print ``states``; with ``everything`` a line for each control and each missing assessment. ``held`` says since when each is so."""
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    console.print()
    _totals(console, states)
    if everything:
        _print_in_full(console, states, held or {})
    else:
        console.print(_by_family(states, held or {}, console.width))
    wrong = [state.control.id for state in states if state.status is Status.NOT_SATISFIED]
    if wrong:
        console.print(f"What a control asks for, and what mends it: averment explain {wrong[0]}\n")
    gaps = [item for state in states for item in state.assessments if gaps_of(item)]
    if gaps:
        owners = {row.id: row.owner for row in assessment_rows(states)}
        if everything:
            _print_missing_in_full(console, gaps, owners, next_step)
        else:
            _print_missing(console, _missing_by_owner(gaps, owners, next_step))
    if not everything and gaps:
        console.print("Every line: averment status --all. Everything in full: --format json.", style="dim")


def show_accounts(accounts: Sequence[AccountState], *, everything: bool = False) -> None:
    """Print a row for each of ``accounts``, or where the terminal is narrow a paragraph: how many controls are in which state there, and which aren't
    as they should be; with ``everything`` all of these."""
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    narrow = console.width < _ROOM_FOR_STEPS
    table = Table("Account", box=box.SIMPLE_HEAD, pad_edge=False)
    for status in _OF_ACCOUNTS:
        table.add_column(str(status), justify="right")
    table.add_column("Which")
    for line in accounts:
        named = {status: line.having(status) for status in _OF_ACCOUNTS}
        which = [
            f"{coloured(status)}: {', '.join(names) if everything else first_of(names, NAMED)}"
            for status in (Status.NOT_SATISFIED, Status.NOT_ASSESSED)
            if (names := named[status])
        ]
        account = line.account or "of no single account"
        if narrow:
            numbers = " · ".join(f"{len(names)} {coloured(status)}" for status, names in named.items())
            console.print("\n    ".join((f"\n{account}  {numbers}", *which)))
        else:
            table.add_row(account, *(str(len(names)) for names in named.values()), "\n".join(which))
    console.print("" if narrow else table)
    console.print(
        "A control counts in each account in which it was looked at. Of no single account: code, claims, statements, incidents.",
        style="dim",
    )


def show_scope(period: Period | None, judged_at: datetime, rests_on: tuple[datetime, datetime] | None) -> None:
    """Print which evidence the states are by: that of ``period`` alone, or the latest of all time, with the days that it is of."""
    if period is not None:
        last = period.end - timedelta(seconds=1)
        when = "as of its end" if judged_at >= last else f"so far, as of {judged_at:%Y-%m-%d %H:%M} UTC"
        text = f"{period.label}, {period.start.date()} to {last.date()}, by its own evidence, {when}"
    else:
        days = f" (from {rests_on[0].date()} to {rests_on[1].date()})" if rests_on else ""
        quarter = f"{judged_at.year}Q{(judged_at.month + 2) // 3}"
        text = (
            f"as of {judged_at:%Y-%m-%d %H:%M} UTC, by the latest evidence of each kind, from whichever quarter{days}; "
            f"this quarter by its own evidence: --period {quarter}"
        )
    stdout(width=None if sys.stdout.isatty() else WIDE).print(escape(text), style="dim")


def show_left_out(controls: Sequence[str], *, everything: bool = False) -> None:
    """Print how many ``controls`` the organisation did not select, of which nothing above tells; with ``everything`` each by its id."""
    if not controls:
        return
    named = f": {', '.join(controls)}" if everything else ": averment status --all"
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    console.print(f"{counted(len(controls), 'more control')} not selected in averment.yaml, so not assessed{named}")


def show_checked(sources: Sequence[str]) -> None:
    """Print what is checked, where that is more than one thing (``sources``): a repository that has another remote since, or one for the first time, is
    a new one, and what was wrong in the former stands until somebody says that it counts no more."""
    if len(sources) > 1:
        text = f"{len(sources)} repositories are judged by their checks, each by itself: {', '.join(sources)}"
        how = "those that still count are to be listed in averment.yaml (parameters: {check: {repositories: [...]}})"
        stdout(width=None if sys.stdout.isatty() else WIDE).print(escape(f"{text}; {how}"))


def show_drift(rows: Sequence[DriftRow], *, everything: bool = False) -> None:
    """Print where the verdicts on the code and on the deployment differ; with ``everything`` also what is on one side only."""
    differing = {(row.rule, row.resource, row.account, row.region): row for row in reversed(rows) if row.differs}
    if not rows or not differing:
        return
    both = [row for row in differing.values() if NOT_SEEN not in (row.before, row.at_run_time)]
    shown = sorted(
        differing.values() if everything else both,
        key=lambda row: (row.at_run_time != Verdict.FAIL, row.rule, row.resource, row.account or ""),
    )
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    told = shown if everything else shown[:TOLD]
    if told and console.width < _ROOM_FOR_STEPS:
        console.print("\nCode and deployment differ", style="bold")
        for row in told:
            console.print(f"{row.resource}: {row.rule}\n    {row.says}", markup=False)
    elif told:
        table = Table(
            "Code and deployment differ", "Rule", "Before merge", "At run time", "Which means", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for row in told:
            table.add_row(escape(row.resource), row.rule, row.before, row.at_run_time, escape(row.says))
        console.print(table)
    if len(told) < len(shown):
        console.print(
            f"{counted(len(shown) - len(told), 'more difference')} between code and deployment: averment status --all", style="dim"
        )
    left = len({(row.resource, row.resource_type, row.account, row.region) for row in differing.values() if row not in shown})
    if left:
        are = "is" if left == 1 else "are"
        console.print(f"{counted(left, 'resource')} {are} in the code only, or deployed only: averment status --all", style="dim")


def show_deadlines(coming: Sequence[Deadline], *, everything: bool = False) -> None:
    """Print the next day of the law register with what happens then; with ``everything`` every day to come."""
    shown = [item for item in coming if everything or item.event.on == coming[0].event.on]
    if not shown:
        return
    table = Table("Next in the law", "Days left", "What", "Controls", box=box.SIMPLE_HEAD, pad_edge=False)
    for item in shown if everything else shown[:NAMED]:
        event = item.event
        unsure = "" if event.confirmed or "unconfirmed" in event.what else " (unconfirmed)"
        controls = first_of(item.controls, NAMED) if item.controls else "none selected refers to it"
        table.add_row(str(event.on), str(item.days) if item.days else "today", escape(f"{event.label}: {event.what}{unsure}"), controls)
    console = stdout(width=None if sys.stdout.isatty() else WIDE)
    console.print(table)
    left = len(coming) - (len(shown) if everything else min(len(shown), NAMED))
    if left:
        console.print(f"{left} more days and provisions to come: averment status --all", style="dim")


def _since(held: Mapping[str, Since], state: ControlState) -> str:
    found = held.get(state.control.id)
    return "" if found is None else f"{found.at:%Y-%m-%d}{' or before' if found.at_least else ''}"


def coloured(status: Status) -> str:
    """``status`` as console markup."""
    return f"[{COLOURS[status]}]{status}[/]"


def _totals(console: Console, states: Sequence[ControlState]) -> None:
    numbers = [(status, sum(1 for state in states if state.status is status)) for status in Status]
    console.print(" · ".join(f"{number} {coloured(status)}" for status, number in numbers))


def _by_family(states: Sequence[ControlState], held: Mapping[str, Since], width: int) -> Group:
    """A table for each family under its name, all with the same columns: in the column of the ids the names took the room of the reasons."""
    columns = {
        "Control": [f"{len(states)} controls", *(state.control.id for state in states)],
        "State": [str(status) for status in Status],
        "Since": [_since(held, state) for state in states],
        "Owner": [state.control.owner for state in states],
    }
    wide = {heading: max(map(len, (heading, *cells))) for heading, cells in columns.items()}
    for heading in ("Since", "Owner"):  # on a narrow terminal the reason is worth more than these
        if sum(wide.values()) + _BETWEEN * (len(wide) + 1) + _LEAST_REASON > width:
            del wide[heading]

    def aligned(*, head: bool = False) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), show_header=head, expand=True)
        for heading, needed in wide.items():
            table.add_column(heading, no_wrap=True, min_width=needed)
        # takes what is left; without a ratio Rich shrinks every column alike
        table.add_column("Why", no_wrap=True, overflow="ellipsis", ratio=1)
        return table

    parts: list[RenderableType] = ["", Padding(aligned(head=True), (0, 0, 0, _BETWEEN))]
    order = list(FAMILIES)
    rank = {family: order.index(family) if family in order else len(order) for family in {state.control.family for state in states}}
    ranked = sorted(states, key=lambda state: (rank[state.control.family], state.control.id))
    for family, group in groupby(ranked, key=lambda state: state.control.family):
        table = aligned()
        for control, status, since, owner, why in _lines_of(list(group), held):
            cells = {"Control": control, "State": coloured(status), "Since": since, "Owner": escape(owner)}
            table.add_row(*(cells[heading] for heading in wide), escape(why))
        parts += [f"[bold]{escape(FAMILIES.get(family, family))}[/bold]", Padding(table, (0, 0, 0, _BETWEEN))]
    return Group(*parts, "")


def _lines_of(members: Sequence[ControlState], held: Mapping[str, Since]) -> Iterator[tuple[str, Status, str, str, str]]:
    """What stands of a family: its deviations by themselves, then of each other state how many controls have it."""
    for state in members:
        if state.status in _IN_FULL:
            yield state.control.id, state.status, _since(held, state), state.control.owner, state.reason
    for status in Status:
        rest = [state for state in members if state.status is status and status not in _IN_FULL]
        if len(rest) == 1:
            reason = rest[0].reason if status is Status.NOT_ASSESSED else ""
            yield rest[0].control.id, status, _since(held, rest[0]), rest[0].control.owner, reason
        elif rest:
            yield f"{len(rest)} controls", status, "", "", ", ".join(state.control.id for state in rest)


def _print_missing(console: Console, rows: Sequence[tuple[str, str, list[str]]]) -> None:
    """``rows`` as a table, or on a terminal on which that would break what is to be typed each as a paragraph."""
    table = Table("Not assessed", "Owner", "Next", box=box.SIMPLE_HEAD, pad_edge=False)
    for reasons, owner, steps in rows:
        table.add_row(reasons, escape(owner), escape("\n".join(steps)))
    if console.width >= _ROOM_FOR_STEPS:
        console.print(table)
        return
    console.print("Not assessed, and what is next", style="bold")
    for reasons, owner, steps in rows:
        console.print("\n    ".join((f"{owner}: {reasons}", *steps)), markup=False)
    console.print()


def _missing_by_owner(gaps: Sequence[AssessmentState], owners: dict[str, str], next_step: Next) -> list[tuple[str, str, list[str]]]:
    """For each owner how many assessments are missing and why, and what to do about them."""
    rows = []
    for owner in sorted({owners[item.id] for item in gaps}):
        own = [item for item in gaps if owners[item.id] == owner]
        because = Counter(_because(item) for item in own)
        reasons = ", ".join(f"{number} {gap}" for gap, number in because.items())
        rows.append((reasons, owner, _steps([next_step(_alone(item)) for item in own])))
    return rows


def _because(state: AssessmentState) -> str:
    """What keeps ``state`` from telling all that is asked, and whether something is wrong as well: then it isn't among those that are not assessed."""
    return " and ".join(map(str, gaps_of(state))) + ("" if state.gap else " (beside what is wrong)")


def _alone(state: AssessmentState) -> AssessmentState:
    """``state`` as what isn't known makes it, without what is wrong: what settles the one does nothing about the other."""
    return state if state.gap else replace(state, gap=state.beside[0], reason=state.lacking)


def _steps(steps: Sequence[str]) -> list[str]:
    """``steps`` with those of one kind in one line: what to do, then what with; in full, as the command takes them, where it takes several."""
    kinds: dict[str, list[str]] = {}
    for step in steps:
        match = _STEP.fullmatch(step)
        verb, what = (match.group(1), match.group(2)) if match else (step, "")
        if what not in kinds.setdefault(verb, []):
            kinds[verb].append(what)
    listed = {verb: " ".join(what) if "averment prove" in verb else first_of(what, NAMED) for verb, what in kinds.items()}
    return [f"{verb}{'s' if len(what) > 1 and verb.endswith('rule') else ''} {listed[verb]}".rstrip() for verb, what in kinds.items()]


def _print_in_full(console: Console, states: Sequence[ControlState], held: Mapping[str, Since]) -> None:
    """A row for each control, or where the terminal has no room for five columns each as a paragraph."""
    table = Table("Control", "State", "Since", "Owner", "Why", box=box.SIMPLE_HEAD)
    narrow = console.width < _ROOM_FOR_STEPS
    for state in states:
        reason = state.reason if len(state.reason) <= REASON else state.reason[: REASON - 4].rsplit(" ", 1)[0] + " ..."
        since, owner = _since(held, state), escape(state.control.owner)
        if narrow:
            about = f"{coloured(state.status)}{f' since {since}' if since else ''}, {owner}"
            console.print(f"\n{state.control.id}  {about}\n    {escape(reason)}")
        else:
            table.add_row(state.control.id, coloured(state.status), since, owner, escape(reason))
    console.print("" if narrow else table)


def _print_missing_in_full(console: Console, gaps: Sequence[AssessmentState], owners: Mapping[str, str], next_step: Next) -> None:
    """A row for each missing assessment, or a paragraph, of which what is to be typed has a line of its own."""
    table = Table("Not assessed", "Because", "Last evidence (UTC)", "Owner", "Next", box=box.SIMPLE_HEAD)
    narrow = console.width < _ROOM_FOR_STEPS
    if narrow:
        console.print("Not assessed, and what is next", style="bold")
    for item in gaps:
        last = f"{item.effective_at:%Y-%m-%d %H:%M}" if item.effective_at else "none"
        because, owner, step = _because(item), owners[item.id], next_step(_alone(item))
        if narrow:
            console.print(
                f"{item.id}: {because}, last evidence {last}{' UTC' if item.effective_at else ''}, {owner}\n    {step}", markup=False
            )
        else:
            table.add_row(item.id, because, last, escape(owner), escape(step))
    console.print("" if narrow else table)
