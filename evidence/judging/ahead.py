"""Records that are dated later than now. They count for nothing until then, though what they found may be wrong at this moment: either the clock of the
machine that collected them was ahead, or that of this one is behind."""

from __future__ import annotations

from datetime import datetime

from averment.core.period import Period, iso
from averment.core.words import counted
from averment.evidence.judging.assess import counts_in
from averment.evidence.record import Record


class Ahead:
    """Those of a ledger, handed over in its order, that were collected after ``now`` and are evidence for ``period``."""

    def __init__(self, period: Period | None, now: datetime) -> None:
        self._period, self._now = period, now
        self.count = 0
        self._last = now
        self._unheard: set[tuple[object, ...]] = set()

    def holds(self, record: Record) -> bool:
        """Whether ``record``, the next one, is dated ahead."""
        if record.collected_at <= self._now:
            if self._unheard:
                self._unheard.discard(_asked(record))
            return False
        if counts_in(record, self._period):
            self.count += 1
            self._last = max(self._last, record.collected_at)
            self._unheard.add(_asked(record))
        return True

    @property
    def unheard(self) -> bool:
        """Whether one of them asked what nobody asked again since: the states lack what it found."""
        return bool(self._unheard)

    @property
    def told(self) -> str | None:
        """What whoever is shown the states has to be told of them; None where there is none."""
        if not self.count:
            return None
        which = f"the last of them {iso(self._last)}" if self.count > 1 else iso(self._last)
        mend = "set whichever clock is wrong, and collect again" if self.unheard else "until then what was collected since counts"
        be = "is" if self.count == 1 else "are"
        return f"{counted(self.count, 'record')} of the ledger {be} dated after this machine's clock ({which}) and not counted yet: {mend}"


def _asked(record: Record) -> tuple[object, ...]:
    return record.kind, record.collector, record.source, record.account, record.region, record.controls
