"""Operation throughout the period: for how long each deployed resource was compliant, out of AWS Config's history.

Pure: the same records give the same rows. What nobody recorded is time not assessed, never time compliant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from averment.controls.model import Catalogue
from averment.evidence.judges import in_order
from averment.evidence.record import Gathering, Kind, Record
from averment.policies.runtime.history import Phase


@dataclass(frozen=True)
class OperationRow:
    """One resource under one rule in one account and region: whole seconds of the period by state, and the ids of what asks for it."""

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
        share = "nothing was assessed" if self.share is None else f"compliant {self.share:.1%} of the assessed time"
        total = self.compliant + self.non_compliant + self.not_assessed
        return f"{share}; {self.not_assessed / total:.1%} of the time not assessed" if self.not_assessed else share


def operation(catalogue: Catalogue, records: Iterable[Record]) -> tuple[OperationRow, ...]:
    """A row for each resource that a rule of a selected control was about; of each account and region the latest history counts."""
    usable = [item for item in in_order(list(records)) if item.kind is Kind.CONFIG_HISTORY and item.gathering is not Gathering.COULD_NOT]
    latest = {(item.account, item.region): item for item in usable}
    rows = [row for item in latest.values() for row in _rows(catalogue, item)]
    return tuple(sorted(rows, key=lambda row: (row.rule, row.account or "", row.region or "", row.resource_type, row.resource)))


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
