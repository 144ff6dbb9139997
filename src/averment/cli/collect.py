"""``averment collect``: facts from AWS and from the repository into the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.api.collecting import collect, where
from averment.cli.common import config_option, note, organisation_for, print_document, rules_aside, stderr, stdout
from averment.core.errors import ExitCode
from averment.core.regions import configured_region, partition_of
from averment.evidence.collectors.registry import collectors, names
from averment.evidence.collectors.run import policy
from averment.evidence.record import Record

MANY = 8
"""So many places are named from which something could not be collected for one reason."""

WIDE = 220
"""Columns of a table in a pipe, where nothing is gained by folding."""


@click.command()
@click.option(
    "--collector",
    "chosen",
    multiple=True,
    type=click.Choice(names()),
    metavar="NAME",  # else all of them stand in one long word
    help=f"Only this one of {', '.join(names())}; may be repeated. Default: all that are set up.",
)
@click.option("--period", "period_text", metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31. Default: the present quarter.")
@click.option("--region", "regions", multiple=True, help="May be repeated. Default: the scope's regions, or the one of your AWS settings.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Look into this account through --assume-role; may be repeated.")
@click.option(
    "--organization",
    "whole",
    is_flag=True,
    help="Look into every active account of the AWS organisation, and those of the scope, through --assume-role.",
)
@click.option("--assume-role", "role", metavar="NAME", help="The role in each account. Default: parameters.collect.role in averment.yaml.")
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="Accounts at a time.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run of the last 24 hours stopped, in long listings too.")
@click.option("--redact-accounts", is_flag=True, help="Keep only the last four digits of account ids.")
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that the chosen collectors need, and collect nothing.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def command(
    chosen: tuple[str, ...],
    period_text: str | None,
    regions: tuple[str, ...],
    accounts: tuple[str, ...],
    whole: bool,
    role: str | None,
    parallel: int,
    resume: bool,
    redact_accounts: bool,
    print_policy: bool,
    form: str,
    config: Path | None,
) -> int:
    """Collect facts over a period into the ledger. What could not be collected is recorded too, and makes the exit code 3.

    E-mail and IP addresses are removed at collection. With a role to assume, the accounts are those named by --account, those of the
    organisation with those of the scope (--organization), or those that averment.yaml has in its scope.

    Example: averment collect --collector config-compliance --collector media-states --period 2026Q4
    """
    if print_policy:
        organisation = organisation_for(config)
        place = next(iter((*regions, *organisation.scope.regions)), None) or configured_region()
        click.echo(json.dumps(policy(collectors(chosen, organisation), organisation, partition_of(place)), indent=2))
        return ExitCode.CLEAN
    with rules_aside(), stderr.status("collecting ...") as status:  # shown on a terminal only
        found = collect(
            *chosen,
            organisation=config,
            period=period_text,
            regions=regions,
            accounts=accounts,
            whole_organisation=whole,
            role=role,
            parallel=parallel,
            resume=resume,
            redact_accounts=redact_accounts,
            on_note=note,
            on_progress=lambda progress: status.update(progress.doing),
        )
    _show(found.records, form)
    for error in found.errors:
        stderr.print(f"averment: {escape(error.diagnostics())}")
    alike: dict[tuple[str, str], list[str]] = {}
    for record in found.incomplete:
        alike.setdefault((record.collector, record.reason or ""), []).append(where(record))
    for (collector, reason), places in alike.items():
        told = ", ".join(places[:MANY]) + (f" and {len(places) - MANY:,} more" if len(places) > MANY else "")
        stderr.print(f"could not collect all of [bold]{escape(collector)}[/bold] ({escape(told)}): {escape(reason)}")
    return found.conclusion.exit_code


def _show(records: Sequence[Record], form: str) -> None:
    if form == "json":
        print_document(json.dumps([record.to_json() for record in records], indent=2, ensure_ascii=False))
        return
    table = Table("Collector", "Where", "Gathering", "Population", "Redacted", "Record", box=box.SIMPLE_HEAD)
    rows = []
    for record in records:
        population = record.population
        counted = "" if population is None else f"{population.examined:,} of {_total(population.total)} {population.unit}"
        rows.append((record.collector, where(record), str(record.gathering), counted, ", ".join(record.redactions), record.id))
        table.add_row(*map(escape, rows[-1]))
    out, wide = stdout(width=None if sys.stdout.isatty() else WIDE), stdout(width=WIDE)
    if out.width >= min(wide.measure(table).maximum, WIDE):
        out.print(table)
        return
    for name, place, gathering, counted, redacted, record_id in rows:  # a narrow terminal would fold names and ids, which are copied
        lines = (f"{name}  {gathering}", f"{place}: {counted}" if counted else place, redacted and f"redacted: {redacted}", record_id)
        out.print("\n    ".join(filter(None, lines)), markup=False)


def _total(total: int | None) -> str:
    return "an unknown number of" if total is None else f"{total:,}"
