"""The plan of action: everything that somebody has to do so that every control is satisfied, with who and until when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from averment.core.canonical import stable_id
from averment.core.words import Severity, Status
from averment.evidence.judging.states import AssessmentState, ControlState

OPEN = "open"
WAIVED = "waived"


@dataclass(frozen=True)
class ActionRow:
    """One thing to do. ``state`` is open, waived (until ``due``), or the kind of gap; ``steps`` are the control's.

    ``id`` stays the same from period to period while the same thing breaks the same assessment in the same file, or account and region.
    ``where`` is where it was found.
    """

    id: str
    control: str
    assessment: str
    severity: str
    resource: str
    what: str
    steps: tuple[str, ...]
    owner: str
    state: str
    due: date | None
    known_since: datetime | None
    record: str | None
    where: str | None = None


def plan_of_action(states: Iterable[ControlState]) -> tuple[ActionRow, ...]:
    """Every open or waived deviation and every assessment without a decision, or of which something isn't known beside what is wrong, the gravest
    first."""
    rows = [row for state in states for item in state.assessments for row in _rows(state, item)]
    return tuple(sorted(rows, key=lambda row: (Severity(row.severity).rank, row.control, row.assessment, row.resource, row.where or "")))


def _rows(state: ControlState, item: AssessmentState) -> Iterator[ActionRow]:
    control = state.control
    for deviation in item.deviations:
        waiver = deviation.waiver
        yield ActionRow(
            stable_id("action", [item.id, deviation.resource, deviation.message, deviation.place]),
            control.id,
            item.id,
            str(control.severity),
            deviation.resource,
            deviation.message,
            control.steps,
            waiver.owner if waiver else control.owner,
            WAIVED if waiver else OPEN,
            waiver.until if waiver else None,
            deviation.effective_at,
            deviation.record,
            deviation.where,
        )
    if item.status is Status.NOT_ASSESSED or item.lacking:
        asked = item.assessment.attestation or {}
        yield ActionRow(
            stable_id("action", [item.id]),
            control.id,
            item.id,
            str(control.severity),
            item.id,
            f"not assessed: {item.lacking or item.reason}",
            ("Obtain the evidence, or mend what the reason names.",),
            str(asked.get("role") or control.owner),
            str(item.gap or item.beside[0]),
            None,
            item.effective_at,
            item.records[0] if item.records else None,
        )
