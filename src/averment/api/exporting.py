"""Writing a period's evidence package, as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from averment.api.common import AnyPath, Note, Notes, ledger_for_writing, organisation_of, period_of, place, several
from averment.api.verifying import require_from_elsewhere
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import Period, parse_period, utc_now
from averment.core.words import Status
from averment.evidence.package.write import write_package

if TYPE_CHECKING:
    from averment.evidence.ledger.log import Ledger
    from averment.evidence.reporting.report import Compared


@dataclass(frozen=True)
class Exported:
    """A package on disk.

    ``records`` of the ledger's ``entries`` lie in it, beside the proofs and reports, ``files`` in all; ``manifest_sha256`` is the digest that
    its signature covers. ``totals`` counts the controls by status; ``open_assessments`` are those that were not run, are stale, or are
    undecided. ``as_of`` is when the latest evidence was collected: before the end of ``period``, it tells less than the whole of it.
    """

    path: Path
    period: Period
    as_of: datetime
    records: int
    entries: int
    files: int
    manifest_sha256: str
    totals: Mapping[Status, int]
    open_assessments: int
    notes: tuple[str, ...] = ()


def export(
    period: Period | str,
    *,
    organisation: Organisation | AnyPath | None = None,
    output: AnyPath | None = None,
    compare: AnyPath | None = None,
    compare_keys: Sequence[AnyPath] = (),
    on_note: Note | None = None,
) -> Exported:
    """Write the evidence package of ``period`` into the folder ``output`` (default: ``evidence-<period>`` in the working directory).

    The package is self-contained, and the same ledger and period give the same bytes. An untouched package of this ledger that is in the
    folder already is replaced. ``compare`` is an earlier package (folder or zip) that the changes are told from, instead of the period before; it
    is verified first, by ``compare_keys`` where it is of another log.

    Raises:
        BadInputError: the period isn't one, or has other days than its label says, the ledger is empty, the folder holds something else, or ``compare`` is no such package.
        VerificationError: the ledger, or the earlier package, isn't what was signed.
        MissingExtraError: the workbook needs ``averment[report]``.
        IncompleteError: the file system refused, or a file of the earlier package can't be read.
    """
    asked = _as_named(period_of(period))
    settings = organisation_of(organisation)
    given = several("compare_keys", compare_keys)
    if given and compare is None:
        raise BadInputError("a key is named for no package", fix="name the package that it is of as well: --compare PACKAGE")
    notes = Notes(on_note)
    target = Path(place("output", output)) if output is not None else Path(f"evidence-{asked.label}")
    with ledger_for_writing(settings, notes) as ledger:
        ledger.countersign()  # before: what vouches for the checkpoint goes into the package
        compared = _compared(Path(compare), given, ledger) if compare is not None else None
        written = write_package(settings, ledger, load_catalogue(settings), asked, target, compared)
    report = written.report
    for text in report.cautions(utc_now()):
        notes(text)
    return Exported(
        path=written.path,
        period=asked,
        as_of=report.as_of,
        records=written.records,
        entries=written.entries,
        files=written.files,
        manifest_sha256=written.manifest_sha256,
        totals={Status(name): number for name, number in report.totals.items()},
        open_assessments=len(report.gaps),
        notes=tuple(notes.told),
    )


def _as_named(period: Period) -> Period:
    """``period``, unless its label says other days: whoever verifies a package of it would be told that it isn't what its name says."""
    try:
        named = parse_period(period.label)
    except BadInputError:
        return period  # by a label of one's own nobody expects any days
    if named != period:
        raise BadInputError(
            f"the label '{period.label}' says other days than {period.start:%Y-%m-%d} up to {period.end:%Y-%m-%d}",
            fix="hand over what api.parse_period gives, or a label of your own",
        )
    return period


def _compared(earlier: Path, keys: Sequence[AnyPath], ledger: Ledger) -> Compared:
    """What an earlier package says, once it has verified."""
    from averment.evidence.package.earlier import opened, read_earlier
    from averment.evidence.package.handed_over import read_key

    given = [read_key(Path(path)) for path in keys]
    require_from_elsewhere(earlier, keys)
    with opened(earlier) as folder:
        return read_earlier(folder, ledger, given)
