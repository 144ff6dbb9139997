"""Since when a control has its state, by judging it again as of earlier moments: with what was known then, and nothing later.

A state changes when evidence comes in, or by time alone when evidence grows stale, an attestation expires or a waiver ends. So the
state is looked at after each earlier collection and just before the next; where it changed in between, the moment is searched for.
The work is bounded: beyond the bound the answer is "at least since", never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from averment.controls.model import Catalogue, Control
from averment.core.organisation import Organisation
from averment.core.period import Period
from averment.core.words import Status
from averment.evidence.judging.assess import assess
from averment.evidence.judging.lately import Lately
from averment.evidence.judging.states import ControlState
from averment.evidence.record import Gathering

MAX_STEPS = 40
"""Judgements of earlier moments, at most."""

RUNS = MAX_STEPS // 2 + 1
"""Runs of collection that are looked back to, at most: of each but the last, what was so after it and before the next."""

MAX_WORK = 200_000
"""Records that are looked at in all: for each judgement those that can decide it."""

_PART = 9
"""How much more a part counts there than another record."""

_SECOND = timedelta(seconds=1)
_CLOSE = timedelta(minutes=1)


@dataclass(frozen=True)
class Since:
    """The moment from which a state has held. ``at_least``: it may have held longer; what was before wasn't looked at, or isn't known."""

    at: datetime
    at_least: bool = False


def since(
    catalogue: Catalogue,
    organisation: Organisation,
    lately: Lately,
    states: Sequence[ControlState],
    *,
    period: Period | None,
    as_of: datetime,
) -> dict[str, Since]:
    """For each control of ``states`` (the states at ``as_of``) since when it has been so; none for what has never been otherwise. ``lately`` keeps the last
    ``RUNS`` of what was collected by then."""
    runs = lately.runs
    search = _Search(catalogue, organisation, lately, period, {state.control.id: state.status for state in states})
    found: dict[str, Since] = {}
    later = as_of
    for position, moment in enumerate(reversed(runs)):
        if not search.open:
            break
        if search.exhausted:
            found.update({name: Since(later, at_least=True) for name in search.open})
            return found
        before_next = later if position == 0 else later - _SECOND
        if position:
            found.update({name: Since(later) for name in search.settle(before_next)})
        changed = search.settle(moment)
        found.update(search.between(changed, moment, before_next))
        later = moment
    if runs and not lately.whole:
        found.update({name: Since(runs[0], at_least=True) for name in search.open})
    elif runs and search.open:
        # Before the first record nothing was known of any control: what is still open changed with the first run, or never.
        first = runs[0]
        found.update({name: Since(first) for name in search.open if search.status(name) is not Status.NOT_ASSESSED})
    return found


class _Search:
    """Judges the controls whose answer isn't found yet as of earlier moments."""

    def __init__(
        self, catalogue: Catalogue, organisation: Organisation, lately: Lately, period: Period | None, now: dict[str, Status]
    ) -> None:
        self._catalogue, self._organisation, self._lately, self._period = catalogue, organisation, lately, period
        self._now = now
        self._work = self._steps = 0
        self.open = [control.id for control in catalogue if control.id in now]

    @property
    def exhausted(self) -> bool:
        """Whether the bound on the work is reached."""
        return self._work > MAX_WORK or self._steps >= MAX_STEPS

    def status(self, name: str) -> Status:
        """The control's state now."""
        return self._now[name]

    def settle(self, moment: datetime) -> list[str]:
        """The open controls whose state at ``moment`` was another; they are open no longer."""
        other = self._others(self.open, moment)
        self.open = [name for name in self.open if name not in other]
        return other

    def between(self, names: Sequence[str], start: datetime, end: datetime) -> dict[str, Since]:
        """When the states of ``names``, other at ``start`` and as now at ``end``, changed: to the minute, or at least since when at the bound."""
        if not names:
            return {}
        if end - start <= _CLOSE or self.exhausted:
            return dict.fromkeys(names, Since(end, at_least=end - start > _CLOSE))
        middle = start + (end - start) / 2
        middle = middle.replace(microsecond=0)
        still = self._others(names, middle)
        turned = [name for name in names if name not in still]
        return {**self.between(turned, start, middle), **self.between(still, middle, end)}

    def _others(self, names: Sequence[str], moment: datetime) -> list[str]:
        if not names:
            return []
        wanted = set(names)
        chosen: tuple[Control, ...] = tuple(control for control in self._catalogue if control.id in wanted)
        records = self._lately.at(moment)
        # What each part found may stand: of a place that brings parts alone all of them are read, for every assessment.
        self._work += len(records) + _PART * sum(record.gathering is Gathering.PARTIAL for record in records)
        self._steps += 1
        states = assess(replace(self._catalogue, controls=chosen), self._organisation, records, period=self._period, as_of=moment)
        return [state.control.id for state in states if state.status is not self._now[state.control.id]]
