"""``averment controls import-oscal``: an OSCAL catalog or profile as a framework to map controls to."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from averment.cli.common import NamedPath, stderr, stdout
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import write_atomic
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.core.words import counted

KINDS = ("law", "standard", "guideline", "threat-catalogue")


@click.command("import-oscal")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--id", "framework_id", required=True, metavar="ID", help="How controls refer to it, such as nist-800-53r5.")
@click.option("--title", help="The short name that citations use. Default: the document's title.")
@click.option("--kind", type=click.Choice(KINDS), default="standard", show_default=True)
@click.option("--source", metavar="URL", help="The publisher's https address. Default: the canonical link in the document.")
@click.option("--output", type=NamedPath(path_type=Path, file_okay=False), default=Path("frameworks"), show_default=True)
@click.option("--replace", is_flag=True, help="Replace the framework's file if it is there.")
def command(file: Path, framework_id: str, title: str | None, kind: str, source: str | None, output: Path, replace: bool) -> int:
    """Write an OSCAL catalog or profile (JSON) as a framework file that controls can be mapped to.

    Name the folder under frameworks: in averment.yaml, and map a control with references: in its overlay. The crosswalk, the
    package and the site then show the framework like those that come with Averment. What a profile imports has to lie beside it.

    Example: averment controls import-oscal catalog.json --id acme-policy --source https://example.com/policy
    """
    from averment.controls.oscal_import import framework_yaml, read_oscal

    found = read_oscal(file)
    url = source or found.source
    if url is None:
        raise BadInputError("the document names no canonical https address", where=SourceRef(str(file)), fix="say it: --source https://...")
    text = framework_yaml(found, framework_id=framework_id, title=title, kind=kind, url=url, day=utc_now().date(), read_from=file.name)
    path = output / f"{framework_id}.yaml"
    if path.exists() and not replace:
        raise BadInputError("is there already", where=SourceRef(str(path)), fix="add --replace, or choose another --id")
    write_atomic(path, text.encode("utf-8"))
    withdrawn = sum(1 for control in found.controls if control.withdrawn)
    left = f"; {withdrawn} withdrawn ones left out" if withdrawn else ""
    stdout().print(escape(f"{path}: {counted(len(found.controls) - withdrawn, 'provision')}{left}"))
    stderr.print(f"next: frameworks: [{output}] in averment.yaml, and references: in the overlay of a control", markup=False)
    return ExitCode.CLEAN
