"""The state of a control: what is known of each assessment, why, and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from averment.controls.model import Assessment, Control
from averment.core.organisation import Waiver
from averment.core.words import Method, Status

FROM_NOWHERE = "no evidence of"
"""How the reason begins where a place that averment.yaml lists (an account, a region, a file, a repository) has handed in nothing."""

OF_THAT_ONE = "prove it of that one (--detector)"
"""How the reason ends where a claim was tested on another detector than the one whose word counts."""

_LINE = re.compile(r":[0-9]+$", re.ASCII)


class Gap(StrEnum):
    """Why an assessment is not assessed. Each of them needs something else to be done."""

    MISSING = "never-run"
    UNSCOPED = "not-scoped"
    STALE = "stale"
    EXPIRED = "expired"
    COULD_NOT = "could-not-collect"
    PARTIAL = "partial"
    UNDECIDED = "undecided"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Deviation:
    """One thing that breaks a control: ``resource`` is an address, an ARN, or ``CONTROL/assessment`` where there is no resource.

    ``where`` is a place in the code, or what said so in which account and region. ``waiver`` is the valid waiver that accepts it, or None:
    then it is open. ``record`` is the evidence that shows it.
    """

    resource: str
    message: str
    where: str
    record: str
    effective_at: datetime
    waiver: Waiver | None = None

    @property
    def place(self) -> str:
        """What tells it from another of this name: copies stand in several stacks, accounts and regions."""
        return place_of(self.where)


def place_of(where: str) -> str:
    """``where`` without the line, which changes with every edit above it."""
    return _LINE.sub("", where)


@dataclass(frozen=True)
class AssessmentState:
    """What is known of one assessment of one control.

    ``records`` are the ids of the evidence that it rests on (also for a failure or a gap); ``effective_at`` is when the oldest
    decisive fact among them held. ``gap`` is set exactly when the status is ``NOT_ASSESSED``. ``beside`` are the gaps beside what is not
    satisfied: of what isn't listed among the deviations there, nobody can say that it is gone; ``lacking`` says in words what isn't known.
    ``places`` is what was found in each account and region (or repository, or file) that was judged, or should have been.
    """

    control: str
    assessment: Assessment
    status: Status
    reason: str
    records: tuple[str, ...] = ()
    effective_at: datetime | None = None
    gap: Gap | None = None
    deviations: tuple[Deviation, ...] = ()
    beside: tuple[Gap, ...] = ()
    lacking: str = ""
    places: tuple[tuple[str, Status], ...] = ()

    @property
    def id(self) -> str:
        """``CONTROL/assessment``, as records name it."""
        return f"{self.control}/{self.assessment.id}"


def also_lacking(state: AssessmentState, gap: Gap, why: str) -> AssessmentState:
    """``state``, which is not satisfied, where because of ``gap`` something isn't known beside it."""
    return replace(state, beside=tuple(dict.fromkeys((*state.beside, gap))), lacking="; ".join(filter(None, (state.lacking, why))))


def gaps_of(state: AssessmentState) -> tuple[Gap, ...]:
    """What keeps ``state`` from telling all that is asked."""
    return state.beside if state.gap is None else (state.gap,)


@dataclass(frozen=True)
class ControlState:
    """What is known of a control: the worst of its assessments."""

    control: Control
    status: Status
    assessments: tuple[AssessmentState, ...]

    @property
    def reason(self) -> str:
        """Why it has its status: the reasons of the assessments that decided it, each reason once. Of what is satisfied also whether that is by
        people's word alone, and what found nothing to look at: the status tells neither."""
        by_reason: dict[str, list[str]] = {}
        deciding = [state for state in self.assessments if state.status is self.status]
        for state in deciding:
            by_reason.setdefault(state.reason, []).append(state.assessment.id)
        if not by_reason:
            return "the control has no assessment"
        reason = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
        if self.status is not Status.SATISFIED:
            return reason
        idle = [state.assessment.id for state in self.assessments if state.status is Status.NOT_APPLICABLE]
        stated = all(state.assessment.method is Method.INTERVIEW for state in deciding)
        return ("by statements alone: " if stated else "") + reason + (f"; not applicable: {', '.join(idle)}" if idle else "")
