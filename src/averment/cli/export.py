"""``averment export``: write a period's evidence package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.cli.material import period_material
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.core.period import Period, parse_period

if TYPE_CHECKING:
    from averment.evidence.ledger.log import Ledger
    from averment.evidence.report import Compared


@click.command()
@click.option("--period", "period_text", required=True, metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31.")
@click.option(
    "--format", "form", type=click.Choice(["package", "oscal"]), default="package", show_default=True, help="oscal: those documents alone."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; by default evidence-<period> (oscal-<period>) here.",
)
@click.option(
    "--compare",
    "earlier",
    type=click.Path(path_type=Path),
    metavar="PACKAGE",
    help="An earlier package (folder or zip) that the changes are told from, instead of the period before.",
)
@click.option(
    "--compare-key", "keys", multiple=True, type=click.Path(path_type=Path), metavar="KEY", help="A public key of that package's log."
)
@config_option
def command(period_text: str, form: str, output: Path | None, earlier: Path | None, keys: tuple[Path, ...], config: Path | None) -> int:
    """Write the evidence package of a period: workbook, report, OSCAL, signed records, proofs, and how to verify them.

    The package is self-contained, and the same ledger and period give the same bytes. A package of ours that is
    already in the folder is replaced; anything else is left alone. With --format oscal the folder gets a catalog, a
    component definition, an assessment plan, assessment results and a plan of action, without the evidence itself.

    With --compare the changes are told from an earlier package: of another period, or of another ledger, whose key
    --compare-key then names. It is verified first, and the report says which it was.

    Example: averment export --period 2026Q4
    """
    from averment.controls.loader import load_catalogue
    from averment.evidence.package.write import write_package

    period = parse_period(period_text)
    organisation = organisation_for(config)
    if keys and earlier is None:
        raise BadInputError("--compare-key names the key of no package", fix="add --compare PACKAGE")
    if form == "oscal":
        if earlier is not None:
            raise BadInputError("OSCAL documents don't tell of changes", fix="leave out --compare, or write a package")
        return _oscal(organisation, period, output or Path(f"oscal-{period.label}"))
    with ledger_for_writing(organisation) as ledger, stderr.status("reading and verifying the ledger"):
        ledger.countersign()  # before: what vouches for the checkpoint goes into the package
        compared = _compared(earlier, keys, ledger)
        target = output or Path(f"evidence-{period.label}")
        written = write_package(organisation, ledger, load_catalogue(organisation), period, target, compared)
    report, out = written.report, stdout()
    totals = ", ".join(f"{count} {status}" for status, count in report.totals.items() if count)
    out.print(f"{escape(str(written.path))}: {written.records} records of {written.entries} in the ledger, {written.files} files")
    out.print(f"controls: {totals or 'none'}; not run, stale or undecided: {len(report.gaps)} assessments")
    out.print(f"read {escape(str(written.path / 'README.html'))}; check it with: averment verify {escape(str(written.path))}")
    if report.as_of < period.end:
        stderr.print(f"note: the period was not over when the latest evidence was collected ({report.as_of:%Y-%m-%d})")
    return ExitCode.CLEAN


def _compared(earlier: Path | None, keys: tuple[Path, ...], ledger: Ledger) -> Compared | None:
    """What an earlier package says, once it has verified."""
    from averment.evidence.package.earlier import opened, read_earlier
    from averment.evidence.package.verify import read_key

    if earlier is None:
        return None
    given = [read_key(path) for path in keys]
    with opened(earlier) as folder:
        return read_earlier(folder, ledger, given)


def _oscal(organisation: Organisation, period: Period, folder: Path) -> int:
    from averment.evidence.oscal.write import OscalSink

    material = period_material(organisation, period, "export")
    result = OscalSink(material.catalogue, folder).push(material.report, material.entries)
    for note in result.notes:
        stderr.print(f"note: {escape(note)}")
    stdout().print(f"{escape(result.location)}: {result.created} documents written, {result.unchanged} unchanged")
    return ExitCode.CLEAN
