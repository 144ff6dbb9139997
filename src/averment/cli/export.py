"""``averment export``: write a period's evidence package."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.markup import escape

from averment.api.exporting import export
from averment.cli.common import NamedPath, config_option, note, organisation_for, stderr, stdout
from averment.cli.material import period_material
from averment.core.errors import BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.core.period import Period, parse_period, utc_now
from averment.core.words import counted


@click.command()
@click.option("--period", "period_text", required=True, metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31.")
@click.option(
    "--format", "form", type=click.Choice(["package", "oscal"]), default="package", show_default=True, help="oscal: those documents alone."
)
@click.option(
    "--output",
    type=NamedPath(path_type=Path, file_okay=False),
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

    The package is self-contained, and the same ledger and period give the same bytes. A package of this ledger that is
    already in the folder is replaced, unless a file in it was changed since; anything else is left alone. With --format
    oscal the folder gets a catalog, a component definition, an assessment plan, assessment results and a plan of action,
    without the evidence itself; documents of ours under these names are replaced, and others keep it from writing anything.

    With --compare the changes are told from an earlier package: of another period, or of another ledger, whose key
    --compare-key then names. It is verified first, and the report says which it was.

    Example: averment export --period 2026Q4
    """
    if form == "oscal":
        if earlier is not None or keys:
            raise BadInputError("OSCAL documents don't tell of changes", fix="leave out --compare and --compare-key, or write a package")
        period = parse_period(period_text)
        return _oscal(organisation_for(config), period, output or Path(f"oscal-{period.label}"))
    with stderr.status("reading and verifying the ledger"):
        written = export(period_text, organisation=config, output=output, compare=earlier, compare_keys=keys, on_note=note)
    out = stdout()
    totals = ", ".join(f"{count} {status}" for status, count in written.totals.items() if count)
    out.print(
        f"{escape(str(written.path))}: {counted(written.records, 'record')} of {written.entries:,} in the ledger, {written.files} files"
    )
    out.print(f"controls: {totals or 'none'}; not run, stale or undecided: {counted(written.open_assessments, 'assessment')}")
    out.print(f"read {escape(str(written.path / 'README.html'))}; check it with: averment verify {escape(shlex.quote(str(written.path)))}")
    return ExitCode.CLEAN


def _oscal(organisation: Organisation, period: Period, folder: Path) -> int:
    from averment.evidence.oscal.write import OscalSink

    with period_material(organisation, period, "export") as material:
        result = OscalSink(material.catalogue, folder).push(material.report, material.entries)
        for text in (*result.notes, *material.report.cautions(utc_now())):
            note(text)
    stdout().print(f"{escape(result.location)}: {result.created} documents written, {result.unchanged} unchanged")
    return ExitCode.CLEAN
