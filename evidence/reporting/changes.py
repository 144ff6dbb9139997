"""What changed since the period before, by the same ledger: states of assessments, and deviations that came, went or were waived. Pure.

Both periods are judged by the controls and waivers of today, so that a change is one in the facts. A tailored control shows in the
control matrix instead. A deviation is ``not there`` where it was looked for: of an assessment without a decision, or beside whose deviations something was not looked at, nobody can say so.
What is wrong with a resource in both, in other words (another figure, a rule that says it better since), is one that is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from averment.core.words import Status
from averment.evidence.judging.states import AssessmentState, ControlState, Deviation, gaps_of

STATE = "state of the assessment"
DEVIATION = "deviation"
ABSENT = "not there"
OTHERWISE = ", told otherwise"
"""What follows the state of a deviation that stays with other words, of which nobody can say whether they are of the same flaw."""


@dataclass(frozen=True)
class ChangeRow:
    """One difference. ``resource`` is None for the state of an assessment, ``where`` the place of a deviation, as it is or last was."""

    control: str
    assessment: str
    what: str
    resource: str | None
    before: str
    after: str
    reason: str
    where: str | None = None


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
        for was, present in _pairs(old.deviations, item.deviations):
            before_it, after_it, found = _worth(was, old), _worth(present, item), present or was
            if found is None:
                continue
            reason = found.message
            if was is not None and was.message != reason:
                after_it, reason = f"{after_it}{OTHERWISE}", f"{reason}; before: {was.message}"
            if before_it != after_it:
                yield ChangeRow(after.control.id, item.id, DEVIATION, found.resource, before_it, after_it, reason, found.where)


_Pair = tuple[Deviation | None, Deviation | None]


def _pairs(before: Iterable[Deviation], after: Iterable[Deviation]) -> list[_Pair]:
    """Each deviation as it was and as it is. Copies of one name are told apart by their places; the only one in the code may have moved to another file.
    Of what is left, the only one of a resource in a place that was and the only one that is are taken for one."""
    then, now = _by_name(before), _by_name(after)
    pairs: list[_Pair] = []
    left: dict[tuple[str, str], tuple[list[Deviation], list[Deviation]]] = {}
    for name in {*then, *now}:
        old, new = then.get(name, {}), now.get(name, {})
        if len(old) == len(new) == 1 and all(item.place != item.where for item in (*old.values(), *new.values())):
            pairs.append((next(iter(old.values())), next(iter(new.values()))))
            continue
        pairs += [(old[place], new[place]) for place in old.keys() & new.keys()]
        for side, own, other in ((0, old, new), (1, new, old)):
            for place in own.keys() - other.keys():
                left.setdefault((name[0], place), ([], []))[side].append(own[place])
    for gone, come in left.values():
        if len(gone) == len(come) == 1:
            pairs.append((gone[0], come[0]))
        else:
            pairs += [*((item, None) for item in gone), *((None, item) for item in come)]
    return sorted(pairs, key=_in_order)


def _in_order(pair: _Pair) -> tuple[str, str, str]:
    was, present = pair
    found = present or was
    return (found.resource, found.message, found.place) if found else ("", "", "")


def _by_name(deviations: Iterable[Deviation]) -> dict[tuple[str, str], dict[str, Deviation]]:
    """Each by its resource and message, then by its place; of what stands twice in one and is accepted once, the open one."""
    found: dict[tuple[str, str], dict[str, Deviation]] = {}
    for item in sorted(deviations, key=lambda item: item.waiver is None):
        found.setdefault((item.resource, item.message), {})[item.place] = item
    return found


def _worth(deviation: Deviation | None, state: AssessmentState) -> str:
    if deviation is None:
        return str(Status.NOT_ASSESSED) if gaps_of(state) else ABSENT  # nobody saw it gone
    return "waived" if deviation.waiver else "open"
