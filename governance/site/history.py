"""How the states came to be what they are: every control judged again at earlier moments, with what was known then and nothing later.

Entries of the ledger go by once, and each look keeps only the few records that can decide a state at its moment (``evidence.judging.decisive``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from averment.controls.model import Catalogue
from averment.core.organisation import Organisation
from averment.core.period import Period, parse_period, period_before
from averment.core.words import Status
from averment.evidence.judging.assess import assess, moment_of
from averment.evidence.judging.decisive import Decisive
from averment.evidence.judging.states import ControlState
from averment.evidence.record import Record

LOOKS = 13
"""Earlier and present moments that are shown, at most: one a week for a quarter."""

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Look:
    """The states at one moment: of each control by its id, of each assessment by ``CONTROL/assessment``; empty if nothing was known yet."""

    at: datetime
    states: Mapping[str, Status]


@dataclass(frozen=True)
class Run:
    """Looks in a row at which the state was the same (None: there was no evidence at all), from the first of them to the last."""

    status: Status | None
    first: datetime
    last: datetime
    looks: int


@dataclass(frozen=True)
class History:
    """The looks, oldest first; the last is at the moment of the whole view."""

    looks: tuple[Look, ...] = ()

    def of(self, name: str) -> list[Status | None]:
        """The state of a control or assessment at each look; None where nothing was known, or where it could not be judged."""
        return [look.states.get(name) for look in self.looks]

    def runs(self, name: str) -> list[Run]:
        """The same, with looks at which it didn't change put together, oldest first."""
        runs: list[Run] = []
        for look in self.looks:
            status = look.states.get(name)
            if runs and runs[-1].status is status:
                runs[-1] = Run(status, runs[-1].first, look.at, runs[-1].looks + 1)
            else:
                runs.append(Run(status, look.at, look.at, 1))
        return runs


class Watch:
    """Keeps what decides the states at each of ``moments``, as records go by in the ledger's order."""

    def __init__(self, moments: Sequence[datetime], period: Period | None) -> None:
        self._period = period
        self._kept = [(moment, Decisive(period)) for moment in sorted(set(moments))]

    def add(self, record: Record) -> None:
        """Look at ``record``, which comes after those before it in the ledger."""
        for moment, decisive in self._kept:
            if record.collected_at <= moment:
                decisive.add(record)

    def judged(self, catalogue: Catalogue, organisation: Organisation) -> Iterator[tuple[datetime, list[ControlState]]]:
        """Each moment with the states then; without any state where there was no evidence."""
        for moment, decisive in self._kept:
            records = list(decisive)
            states = assess(catalogue, organisation, records, period=self._period, as_of=moment) if records else []
            yield moment, states


@dataclass(frozen=True)
class Before:
    """What changes are told from: the end of an earlier ``period``, and the state of each control then; none if there was no evidence of it."""

    period: Period
    states: Mapping[str, Status]

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.states)


def look(moment: datetime, states: Sequence[ControlState]) -> Look:
    """The states as a look at ``moment``."""
    controls = {state.control.id: state.status for state in states}
    return Look(moment, controls | {item.id: item.status for state in states for item in state.assessments})


def moments(period: Period, as_of: datetime) -> list[datetime]:
    """When to look: at the moment that the view speaks of, and a week, two weeks ... before it, as long as that is in ``period``."""
    last = moment_of(period, as_of)
    return [moment for back in reversed(range(LOOKS)) if (moment := last - back * WEEK) >= period.start]


def quarter_of(moment: datetime) -> Period:
    """The calendar quarter (UTC) that ``moment`` is in."""
    moment = moment.astimezone(UTC)
    return parse_period(f"{moment.year:04}Q{(moment.month + 2) // 3}")


def last_quarter(moment: datetime) -> Period:
    """The calendar quarter before the one that ``moment`` is in."""
    return period_before(quarter_of(moment))
