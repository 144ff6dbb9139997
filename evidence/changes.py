"""What changed since the period before, by the same ledger: states of assessments, and deviations that came, went or were waived. Pure.

Both periods are judged by the controls and waivers of today, so that a change is one in the facts. A tailored control shows in the
control matrix instead. A deviation is ``not there`` where it was looked for: of an assessment without a decision nobody can say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from averment.core.words import Status
from averment.evidence.states import AssessmentState, ControlState, Deviation

STATE = "state of the assessment"
DEVIATION = "deviation"
ABSENT = "not there"


@dataclass(frozen=True)
class ChangeRow:
    """One difference. ``resource`` is None for the state of an assessment."""

    control: str
    assessment: str
    what: str
    resource: str | None
    before: str
    after: str
    reason: str


def changes(before: Iterable[ControlState], after: Iterable[ControlState]) -> tuple[ChangeRow, ...]:
    """The differences from ``before`` to ``after``, in the order of ``after``'s controls."""
    earlier = {state.control.id: state for state in before}
    return tuple(row for state in after if state.control.id in earlier for row in _control(earlier[state.control.id], state))


def _control(before: ControlState, after: ControlState) -> Iterator[ChangeRow]:
    known = {item.id: item for item in before.assessments}
    for item in after.assessments:
        old = known.get(item.id)
        if old is None:
            continue
        if old.status is not item.status:
            yield ChangeRow(after.control.id, item.id, STATE, None, str(old.status), str(item.status), item.reason)
        then, now = _by_name(old.deviations), _by_name(item.deviations)
        for name in sorted({*then, *now}):
            was, present = _worth(then.get(name), old), _worth(now.get(name), item)
            if was != present:
                yield ChangeRow(after.control.id, item.id, DEVIATION, name[0], was, present, name[1])


def _by_name(deviations: Iterable[Deviation]) -> dict[tuple[str, str], Deviation]:
    """Each by its resource and message; of what one place accepts and another doesn't, the open one."""
    gravest_last = sorted(deviations, key=lambda item: item.waiver is None)
    return {(item.resource, item.message): item for item in gravest_last}


def _worth(deviation: Deviation | None, state: AssessmentState) -> str:
    if deviation is None:
        return str(state.status) if state.status is Status.NOT_ASSESSED else ABSENT  # nobody saw it gone
    return "waived" if deviation.waiver else "open"
