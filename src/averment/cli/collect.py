"""``averment collect``: facts from AWS and from the repository into the ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.core.aws import client
from averment.core.errors import AvermentError, ExitCode
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, parse_period, utc_now
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.registry import collectors, names
from averment.evidence.collectors.run import collect, policy, present_quarter, whose_credentials
from averment.evidence.record import Gathering, Record

WIDE = 220
"""Columns of a table in a pipe, where nothing is gained by folding."""


@click.command()
@click.option(
    "--collector", "chosen", multiple=True, type=click.Choice(names()), help="Only this one; may be repeated. Default: all that are set up."
)
@click.option("--period", "period_text", metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31. Default: the present quarter.")
@click.option("--region", "regions", multiple=True, help="May be repeated. Default: the scope's regions, or the one of your AWS settings.")
@click.option("--redact-accounts", is_flag=True, help="Keep only the last four digits of account ids.")
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that the chosen collectors need, and collect nothing.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def command(
    chosen: tuple[str, ...],
    period_text: str | None,
    regions: tuple[str, ...],
    redact_accounts: bool,
    print_policy: bool,
    form: str,
    config: Path | None,
) -> int:
    """Collect facts over a period into the ledger. What could not be collected is recorded too, and makes the exit code 3.

    E-mail and IP addresses are removed at collection.

    Example: averment collect --collector config-compliance --collector media-states --period 2026Q4
    """
    organisation = organisation_for(config)
    selected = collectors(chosen, organisation)
    if print_policy:
        click.echo(json.dumps(policy(selected), indent=2))
        return ExitCode.CLEAN
    period = parse_period(period_text) if period_text else present_quarter(utc_now())
    _warn_about_the_present(selected, period)
    records = _collect(selected, organisation, period, regions, redact_accounts)
    incomplete = [record for record in records[0] if record.gathering is not Gathering.COLLECTED]
    _show(records[0], form)
    for error in records[1]:
        stderr.print(f"averment: {escape(error.diagnostics())}")
    for record in incomplete:
        stderr.print(f"could not collect all of [bold]{escape(record.collector)}[/bold]: {escape(record.reason or '')}")
    return ExitCode.INCOMPLETE if incomplete or records[1] else ExitCode.CLEAN


def _collect(
    selected: tuple[Collector, ...], organisation: Organisation, period: Period, regions: tuple[str, ...], redact: bool
) -> tuple[list[Record], list[AvermentError]]:
    """The records, each in the ledger already, and what kept whole groups of collectors from running."""
    here = [collector for collector in selected if not collector.from_aws]
    there = [collector for collector in selected if collector.from_aws]
    places: list[str | None] = list(regions or organisation.scope.regions) or [None]
    scope = CollectScope(organisation, period, redact_accounts=redact)
    records: list[Record] = []
    with ledger_for_writing(organisation) as ledger:
        for record in collect(here, scope, [None]):
            ledger.append([record])
            records.append(record)
        if not there:
            return records, []
        try:
            account = whose_credentials(client, places[0])
            places = [place or str(client("sts").meta.region_name) for place in places]
        except AvermentError as error:
            return records, [error]
        scope = CollectScope(organisation, period, account=account, redact_accounts=redact)
        with stderr.status("collecting ...") as status:
            for collector in there:
                status.update(f"collecting {collector.name} ...")
                for record in collect([collector], scope, places):
                    ledger.append([record])
                    records.append(record)
    return records, []


def _warn_about_the_present(selected: tuple[Collector, ...], period: Period) -> None:
    now = utc_now()
    if now not in period and (present := [collector.name for collector in selected if not collector.looks_back]):
        stderr.print(f"note: {', '.join(present)} can only tell the present ({iso(now)}), which is no evidence for {period.label}")


def _show(records: list[Record], form: str) -> None:
    if form == "json":
        click.echo(json.dumps([record.to_json() for record in records], indent=2, ensure_ascii=False))
        return
    table = Table("Collector", "Where", "Gathering", "Population", "Redacted", "Record", box=box.SIMPLE_HEAD)
    for record in records:
        population = record.population
        counted = "" if population is None else f"{population.examined:,} of {_total(population.total)} {population.unit}"
        where = " ".join(part for part in (record.account, record.region) if part) or record.source
        table.add_row(record.collector, escape(where), str(record.gathering), counted, ", ".join(record.redactions), record.id)
    stdout(width=None if sys.stdout.isatty() else WIDE).print(table)


def _total(total: int | None) -> str:
    return "an unknown number of" if total is None else f"{total:,}"
