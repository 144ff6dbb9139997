"""Operation throughout the period: for how long each deployed resource was compliant, out of AWS Config's history.

Pure: the same records give the same rows. What nobody recorded is time not assessed, never time compliant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from averment.controls.model import Catalogue
from averment.core.words import Status
from averment.evidence.judging.judges import in_order, lasted, list_some
from averment.evidence.judging.states import AssessmentState, ControlState
from averment.evidence.record import Gathering, Kind, Record, stretch_of
from averment.policies.runtime.history import Phase


@dataclass(frozen=True)
class OperationRow:
    """One resource under one rule in one account and region: whole seconds of the period by state, and the ids of what asks for it. ``record``: the latest
    that it rests on."""

    controls: tuple[str, ...]
    rule: str
    resource: str
    resource_type: str
    account: str | None
    region: str | None
    compliant: int
    non_compliant: int
    not_assessed: int
    changes: int
    record: str
    effective_at: datetime

    @property
    def share(self) -> float | None:
        """The part of the assessed time in which it was compliant (0 to 1); None where nothing was assessed."""
        assessed = self.compliant + self.non_compliant
        return self.compliant / assessed if assessed else None

    @property
    def says(self) -> str:
        """The row in words: the share is of assessed time, and what was not assessed is said beside it."""
        share = "nothing was assessed" if self.share is None else f"compliant {_part(self.share)} of the assessed time"
        total = self.compliant + self.non_compliant + self.not_assessed
        return f"{share}; {_part(self.not_assessed / total)} of the time not assessed" if self.not_assessed else share


def operation(catalogue: Catalogue, records: Iterable[Record]) -> tuple[OperationRow, ...]:
    """A row for each resource that a rule of a selected control was about. Of each account and region the latest history counts, and those of
    other stretches of time, where a period was collected in parts."""
    places: dict[tuple[str | None, str | None], list[Record]] = {}
    for item in reversed(list(in_order(list(records)))):
        if item.kind is Kind.CONFIG_HISTORY and item.gathering is not Gathering.COULD_NOT:
            newer = places.setdefault((item.account, item.region), [])
            if all(_apart(item, other) for other in newer):
                newer.append(item)
    rows: dict[tuple[str, ...], OperationRow] = {}
    for item in (item for newer in places.values() for item in newer):
        for row in _rows(catalogue, item):
            key = (row.rule, row.account or "", row.region or "", row.resource_type, row.resource)
            rows[key] = _together(rows[key], row) if key in rows else row
    return tuple(row for _, row in sorted(rows.items(), key=lambda entry: entry[0]))


def _part(share: float) -> str:
    """``share`` for people: all of it is 100%, and nothing of it is 0%; half an hour of a quarter is neither."""
    rounded = f"{share:.1%}"
    if share < 1 and rounded == "100.0%":
        return "more than 99.9%"
    return "less than 0.1%" if share > 0 and rounded == "0.0%" else rounded


def throughout(states: Iterable[ControlState], rows: Sequence[OperationRow]) -> list[ControlState]:
    """``states``, which are those at a period's end, with what wasn't so all the time of what is satisfied as AWS Config reports it: whoever reads of a
    quarter that its buckets were closed must not miss that one was open up to the last day."""
    return [replace(state, assessments=tuple(_with_time(item, rows) for item in state.assessments)) for state in states]


def _with_time(state: AssessmentState, rows: Sequence[OperationRow]) -> AssessmentState:
    broken = [row for row in rows if row.rule == state.assessment.policy and row.non_compliant]
    if state.status is not Status.SATISFIED or state.assessment.collector != Kind.CONFIG_COMPLIANCE or not broken:
        return state
    told = list_some([f"{row.resource} (not compliant for {lasted(row.non_compliant)})" for row in broken])
    return replace(state, reason=f"{state.reason}; in the period not all the time: {told}")


def _apart(one: Record, other: Record) -> bool:
    """Whether two histories are of stretches of time that don't overlap; one that doesn't say of which it is may be of any."""
    if None in (one.period_start, other.period_start):
        return False
    (start, end), (begin, until) = stretch_of(one), stretch_of(other)
    return end <= begin or until <= start


def _together(later: OperationRow, earlier: OperationRow) -> OperationRow:
    return replace(
        later,
        compliant=later.compliant + earlier.compliant,
        non_compliant=later.non_compliant + earlier.non_compliant,
        not_assessed=later.not_assessed + earlier.not_assessed,
        changes=later.changes + earlier.changes,
    )


def _rows(catalogue: Catalogue, record: Record) -> Iterable[OperationRow]:
    for rule in record.payload.get("rules", ()):
        controls = tuple(control.id for control in catalogue.for_policy(rule["rule"]))
        for item in rule["resources"] if controls else ():
            seconds = {phase: int(item["seconds"].get(str(phase), 0)) for phase in Phase}
            yield OperationRow(
                controls,
                rule["rule"],
                item["id"],
                item["type"],
                record.account,
                record.region,
                seconds[Phase.COMPLIANT],
                seconds[Phase.NON_COMPLIANT],
                seconds[Phase.NOT_ASSESSED],
                max(len(item["intervals"]) - 1, 0),
                record.id,
                record.effective_at,
            )
