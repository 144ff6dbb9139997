"""What a receiver of evidence is: it is handed a period's report and the ledger's entries, and says what it did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from averment.evidence.ledger.log import Entry

if TYPE_CHECKING:
    from averment.evidence.reporting.report import PeriodReport


@dataclass(frozen=True)
class Refusal:
    """Something that was not handed over, and why. It never passes in silence."""

    what: str
    reason: str


@dataclass(frozen=True)
class PushResult:
    """What a push did. ``location`` is where the result can be seen; ``refused`` is what did not get there."""

    location: str
    created: int = 0
    unchanged: int = 0
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether everything was handed over."""
        return not self.refused


class Sink(ABC):
    """A receiver: OSCAL documents, a bucket, Audit Manager, Security Hub. Pushing twice changes nothing the second time."""

    @abstractmethod
    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:
        """Hand over ``report`` and the ``entries`` that its states and findings rest on (each verified against the ledger's checkpoint).

        Raises:
            IncompleteError: the receiver is out of reach or refused everything.
        """
