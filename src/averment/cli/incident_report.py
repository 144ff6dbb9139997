"""``averment incident report`` and ``plan``: documents made of records and of what the organisation has set up."""

from __future__ import annotations

from pathlib import Path

import click

from averment.cli.common import NamedPath, config_option, note, organisation_for, print_document
from averment.cli.incident_common import incident_argument, incident_in
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import write_atomic
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.evidence.judging.ahead import Ahead
from averment.evidence.judging.assess import assess
from averment.evidence.judging.decisive import decisive
from averment.evidence.ledger.opening import open_ledger
from averment.governance.incidents.document import Document, html, markdown, marked, untouched
from averment.governance.incidents.plan import Basis, plan
from averment.governance.incidents.report import Head, after_action

form_option = click.option(
    "--format", "form", type=click.Choice(["markdown", "html"]), default="markdown", show_default=True, help="How it is written."
)
output_option = click.option(
    "--output",
    "-o",
    type=NamedPath(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file; .html is written as HTML. One that was edited since is never written over. Default: stdout, as Markdown.",
)


@click.command("report")
@incident_argument
@form_option
@output_option
@config_option
def report_command(incident: str, form: str, output: Path | None, config: Path | None) -> int:
    """Write the after-action report from the records, as far as the incident has come. The same records give the same bytes.

    Example: averment incident report latest --output after-action.html
    """
    organisation = organisation_for(config)
    with open_ledger(organisation) as ledger:
        found = incident_in(ledger, incident)
        head = Head(ledger.origin, ledger.size, ledger.tree.root.hex())
    write(after_action(found, organisation.name, head), form, output)
    return ExitCode.CLEAN


@click.command("plan")
@form_option
@output_option
@click.option("--without-evidence", is_flag=True, help="Don't ask the ledger for the state of the controls.")
@config_option
def plan_command(form: str, output: Path | None, without_evidence: bool, config: Path | None) -> int:
    """Write the remediation plan: scope, why, where it breaks, patterns, remediation, operations, roles, contacts, clocks.

    Made from averment.yaml, the controls, and the blueprints and runbooks that ship; `averment site build` has it as pages.

    Example: averment incident plan --output plan.html
    """
    from averment.controls.loader import load_catalogue

    organisation = organisation_for(config)
    catalogue, now = load_catalogue(organisation), utc_now()
    states, ahead = None, Ahead(None, now)
    if not without_evidence:
        with open_ledger(organisation) as ledger:
            records = decisive((entry.record for entry in ledger.records() if not ahead.holds(entry.record)), None, now)
        states = {state.control.id: state.status for state in assess(catalogue, organisation, records, period=None, as_of=now)}
    if ahead.told:
        note(ahead.told)
    write(plan(Basis(organisation, catalogue, now.date(), states)), form, output)
    return ExitCode.CLEAN


def write(document: Document, form: str, output: Path | None) -> None:
    """Put ``document`` into ``output``, or on stdout. A file is written anew only as it was left: people complete these documents by hand.

    Raises:
        BadInputError: somebody has worked on the file, or it is none of these.
        IncompleteError: the file system refused.
    """
    as_html = form == "html" or (output is not None and output.suffix in {".html", ".htm"})
    text = html(document) if as_html else markdown(document)
    if output is None or output == Path("-"):
        print_document(text, nl=False)
    else:
        if output.is_file() and (held := output.read_bytes()) and not untouched(held):  # an empty one, as mktemp makes, holds nobody's work
            fix = "name another --output, or move that file away"
            raise BadInputError("was edited, or isn't of this command, and would be written over", where=SourceRef(str(output)), fix=fix)
        write_atomic(output, marked(text))
        click.echo(output)
