"""For how long of a period nobody looked: a state is as of the period's end, and says nothing of two weeks in its middle in which an account could
not be entered. Sources that keep history are no matter of this: what they tell later is of those weeks, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from averment.controls.model import Catalogue
from averment.core.period import Period
from averment.core.scope import Scope
from averment.core.words import counted
from averment.evidence.collectors.redact import hide_account
from averment.evidence.judging.assess import counts_in, place_in_scope
from averment.evidence.record import LOOKING_BACK, Gathering, Record

LATE = timedelta(days=1)
"""By how much more than an assessment allows a look may come late, as schedules do, before it is told."""

_NAMED = 20
"""So many are told in words."""

_Place = tuple[str, str, str | None]


@dataclass(frozen=True)
class Stretch:
    """From ``since`` to ``until`` nobody obtained anything by ``collector`` in ``region`` (None: it isn't asked for by region) of ``account``."""

    collector: str
    account: str
    region: str | None
    since: datetime
    until: datetime

    @property
    def place(self) -> str:
        """The account, with the region if it was asked for by region."""
        return " ".join(part for part in (self.account, self.region) if part)


class Looks:
    """The records of ``period`` that tell the present of an account, handed over in the ledger's order; what is kept of them are the gaps."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._last: dict[_Place, datetime] = {}
        self._ids: dict[str, set[str]] = {}
        self._gaps: list[Stretch] = []

    def add(self, record: Record) -> None:
        """Look at ``record``, which is evidence for the period."""
        if record.account is None or record.collector in LOOKING_BACK or record.gathering is Gathering.COULD_NOT:
            return
        place = (record.collector, record.account, record.region)
        looks = (self._last.get((record.collector, account, record.region)) for account in self._called(record.account))
        last = max((look for look in looks if look), default=self._period.start)
        if record.effective_at - last > LATE:
            self._gaps.append(Stretch(*place, last, record.effective_at))
        self._last[place] = max(last, record.effective_at)

    def through(self, records: Iterable[Record]) -> Iterator[Record]:
        """``records`` as they come, each looked at that is evidence for the period."""
        for record in records:
            if counts_in(record, self._period):
                self.add(record)
            yield record

    def _called(self, account: str) -> set[str]:
        """The ids of ``account``: as some runs hide them and others don't, its whole one and how that is hidden. Two whole ones are two accounts."""
        hidden = hide_account(account)
        known = self._ids.setdefault(hidden, {hidden})
        known.add(account)
        return known if account == hidden else {account, hidden}

    def unseen(self, catalogue: Catalogue, scope: Scope) -> tuple[str, ...]:
        """In words the stretches in ``scope`` that are longer than the assessments of ``catalogue`` allow, the oldest first; what is so of the same days
        is told together."""
        allowed = _allowed(catalogue)
        found: dict[tuple[str, str], list[Stretch]] = {}
        for item in sorted(self._gaps, key=lambda item: (item.since, item.until)):
            limit = allowed.get(item.collector)
            if limit is not None and item.until - item.since > limit + LATE and place_in_scope(item.account, item.region, scope):
                found.setdefault((item.place, item.collector), []).append(item)
        by_place: dict[tuple[str, str], list[str]] = {}
        for (place, collector), stretches in sorted(found.items()):
            for days in _days(stretches):
                by_place.setdefault((days, place), []).append(collector)
        together: dict[tuple[str, str], list[str]] = {}
        for (days, place), names in sorted(by_place.items()):
            together.setdefault((days, ", ".join(names)), []).append(place)
        return tuple(f"{days}: {', '.join(places)} ({names})" for (days, names), places in sorted(together.items()))


def _days(stretches: Sequence[Stretch]) -> Iterator[str]:
    """From when to when each lasted; those with a single look between them, as by a schedule that is too slow, are one."""
    runs: list[list[Stretch]] = []
    for item in stretches:
        if runs and runs[-1][-1].until == item.since:
            runs[-1].append(item)
        else:
            runs.append([item])
    for run in runs:
        seldom = f", but for {counted(len(run) - 1, 'look')}" if len(run) > 1 else ""
        yield f"{run[0].since.date()} to {run[-1].until.date()}{seldom}"


def told_of_unseen(unseen: Sequence[str]) -> str:
    """What a reader of the states is told of the gaps."""
    more = f"; and {len(unseen) - _NAMED:,} more (unseen in report.json)" if len(unseen) > _NAMED else ""
    return f"{'; '.join(unseen[:_NAMED])}{more}: for longer than is allowed nobody looked there, and no state that rests on these collectors speaks of those days"


def _allowed(catalogue: Catalogue) -> Mapping[str, timedelta]:
    """How old the evidence of each collector may be, for the assessment that allows the least."""
    found: dict[str, timedelta] = {}
    for name, age in _ages(catalogue):
        found[name] = min(age, found.get(name, age))
    return found


def _ages(catalogue: Catalogue) -> Iterator[tuple[str, timedelta]]:
    for control in catalogue:
        for item in control.assessments:
            if item.collector is not None and item.max_age is not None:
                yield item.collector, item.max_age
