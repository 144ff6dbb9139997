"""What is handed to a receiver of evidence: the report of a period, and the ledger's entries that belong to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import Period
from averment.evidence.ledger.log import Entry, Ledger
from averment.evidence.reporting.report import PeriodReport


@dataclass(frozen=True)
class Material:
    """A period's report with the entries behind it. ``checkpoint`` is the ledger's head in one line."""

    catalogue: Catalogue
    report: PeriodReport
    entries: tuple[Entry, ...]
    checkpoint: str | None


def period_material(organisation: Organisation, period: Period, doing: str) -> Material:
    """Read and verify the ledger, and judge ``period`` by it. ``doing`` is what an empty ledger leaves nothing for.

    The moment of the report is the latest collection in the ledger, as in the package: asking later doesn't change what is said.

    Raises:
        BadInputError: the ledger is empty.
        VerificationError: the ledger doesn't verify.
    """
    from averment.controls.loader import load_catalogue
    from averment.evidence.judging.assess import counts_in
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.reporting.report import build_report

    catalogue = load_catalogue(organisation)
    with open_ledger(organisation) as ledger:
        entries = tuple(ledger.records())
        if not entries:
            raise BadInputError(f"the ledger is empty: there is nothing to {doing}", fix="run averment collect, prove and attest first")
        as_of = max(entry.record.collected_at for entry in entries)
        report = build_report(catalogue, organisation, entries, period, as_of)
        own = tuple(entry for entry in entries if counts_in(entry.record, period))
        return Material(catalogue, report, own, checkpoint_line(ledger))


@contextmanager
def open_to_sign(organisation: Organisation) -> Iterator[tuple[Ledger, Catalogue]]:
    """The ledger with its signing key, as a package needs it, and the selected controls.

    Raises:
        BadInputError: the settings or the key can't be used.
    """
    from averment.controls.loader import load_catalogue
    from averment.evidence.ledger.opening import open_ledger

    with open_ledger(organisation, write=True) as ledger:
        yield ledger, load_catalogue(organisation)


def checkpoint_line(ledger: Ledger) -> str | None:
    """The ledger's head in one line: origin, size, root (base64); None while it is empty."""
    head = ledger.checkpoint
    return f"{ledger.origin} {head.size} {base64.b64encode(head.root).decode()}" if head else None
