"""What is handed to a receiver of evidence: the report of a period, and the ledger's entries that its states rest on."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import Period
from averment.evidence.ledger.log import Entry, Ledger
from averment.evidence.reporting.report import PeriodReport


@dataclass(frozen=True)
class Material:
    """A period's report with the entries that its states and findings rest on. ``checkpoint`` is the ledger's head in one line."""

    catalogue: Catalogue
    report: PeriodReport
    entries: tuple[Entry, ...]
    checkpoint: str | None


@contextmanager
def period_material(organisation: Organisation, period: Period, doing: str) -> Iterator[Material]:
    """Read and verify the ledger, and judge ``period`` by it. ``doing`` is what an empty ledger leaves nothing for.

    The moment of the report is the latest collection in the ledger, as in the package: asking later doesn't change what is said. What there is
    one of for each record lies on disk, as long as the material is used.

    Raises:
        BadInputError: the ledger is empty.
        VerificationError: the ledger doesn't verify.
    """
    from averment.controls.loader import load_catalogue
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.reporting.reading import Reading, Rows
    from averment.evidence.reporting.report import report_of

    catalogue = load_catalogue(organisation)
    with (
        open_ledger(organisation) as ledger,
        tempfile.TemporaryDirectory(prefix="averment-") as temporary,
        closing(Rows.on_disk(Path(temporary))) as rows,
    ):
        reading = Reading(period, rows)
        for entry in ledger.records():
            reading.add(entry)
        if reading.latest is None:
            raise BadInputError(f"the ledger is empty: there is nothing to {doing}", fix="run averment collect, prove and attest first")
        report = report_of(catalogue, organisation, reading, reading.latest)
        named = {row.record for row in report.findings}
        used = [row.index for row in report.evidence if row.used_by or row.record in named]
        yield Material(catalogue, report, tuple(map(ledger.entry, used)), checkpoint_line(ledger))


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
