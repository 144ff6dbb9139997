"""``averment collect``: facts from AWS and from the repository into the ledger."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, ledger_for_writing, organisation_for, stderr, stdout
from averment.core.aws import patient_client
from averment.core.errors import AvermentError, BadInputError, ExitCode
from averment.core.organisation import Organisation
from averment.core.period import Period, iso, parse_period, utc_now
from averment.evidence.collectors.accounts import RoleToAssume, accounts_of_organisation, check_accounts, clients_in, role_to_assume
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.progress import ProgressFolder
from averment.evidence.collectors.registry import collectors, names
from averment.evidence.collectors.run import (
    AccountToAsk,
    Skip,
    already_collected,
    collect,
    collect_accounts,
    policy,
    present_quarter,
    whose_credentials,
)
from averment.evidence.record import Gathering, Record

PROGRESS = ".averment/collect"
"""Where it stands how far long listings came, below the folder of averment.yaml."""

WIDE = 220
"""Columns of a table in a pipe, where nothing is gained by folding."""


@click.command()
@click.option(
    "--collector", "chosen", multiple=True, type=click.Choice(names()), help="Only this one; may be repeated. Default: all that are set up."
)
@click.option("--period", "period_text", metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31. Default: the present quarter.")
@click.option("--region", "regions", multiple=True, help="May be repeated. Default: the scope's regions, or the one of your AWS settings.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Look into this account through --assume-role; may be repeated.")
@click.option("--organization", "whole", is_flag=True, help="Look into every active account of the AWS organisation through --assume-role.")
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
    organisation (--organization), or those that averment.yaml has in its scope.

    Example: averment collect --collector config-compliance --collector media-states --period 2026Q4
    """
    organisation = organisation_for(config)
    selected = collectors(chosen, organisation)
    if print_policy:
        click.echo(json.dumps(policy(selected, organisation), indent=2))
        return ExitCode.CLEAN
    period = parse_period(period_text) if period_text else present_quarter(utc_now())
    _warn_about_the_present(selected, period)
    job = _Job(organisation, period, regions, redact_accounts, parallel, resume)
    records = job.run(selected, _accounts(organisation, accounts, whole, role))
    incomplete = [record for record in records[0] if record.gathering is not Gathering.COLLECTED]
    _show(records[0], form)
    for error in records[1]:
        stderr.print(f"averment: {escape(error.diagnostics())}")
    for record in incomplete:
        stderr.print(f"could not collect all of [bold]{escape(record.collector)}[/bold]: {escape(record.reason or '')}")
    return ExitCode.INCOMPLETE if incomplete or records[1] else ExitCode.CLEAN


@dataclass(frozen=True)
class _Accounts:
    """Which accounts to look into: those ``listed``, or all of the organisation; without a ``role`` only that of the credentials."""

    listed: tuple[str, ...]
    whole: bool
    role: RoleToAssume | None

    def to_ask(self, own: str, region: str | None) -> list[AccountToAsk]:
        """The accounts with their clients; the own one needs no role."""
        if self.role is None:
            return [AccountToAsk(own, patient_client)]
        wanted = accounts_of_organisation(patient_client, region) if self.whole else self.listed or (own,)
        return [AccountToAsk(account, patient_client if account == own else clients_in(account, self.role)) for account in wanted]


def _accounts(organisation: Organisation, listed: tuple[str, ...], whole: bool, role: str | None) -> _Accounts:
    found = role_to_assume(organisation, role)
    if (listed or whole) and found is None:
        raise BadInputError(
            "no role is named for the other accounts", fix="add --assume-role NAME, or parameters.collect.role in averment.yaml"
        )
    if listed and whole:
        raise BadInputError("--account and --organization exclude each other", fix="name accounts, or take all of the organisation")
    return _Accounts(check_accounts(listed) or organisation.scope.accounts, whole, found)


@dataclass(frozen=True)
class _Job:
    """One run of ``averment collect``."""

    organisation: Organisation
    period: Period
    regions: tuple[str, ...]
    redact: bool
    parallel: int
    resume: bool

    def run(self, selected: tuple[Collector, ...], accounts: _Accounts) -> tuple[list[Record], list[AvermentError]]:
        """The records, each in the ledger already, and what kept whole groups of collectors from running."""
        here = [collector for collector in selected if not collector.from_aws]
        across = [collector for collector in selected if collector.from_aws and collector.spans_accounts]
        there = [collector for collector in selected if collector.from_aws and not collector.spans_accounts]
        places: list[str | None] = list(self.regions or self.organisation.scope.regions) or [None]
        progress = self._progress()
        scope = CollectScope(self.organisation, self.period, redact_accounts=self.redact, progress=progress)
        records: list[Record] = []
        with ledger_for_writing(self.organisation) as ledger:
            skip = already_collected((entry.record for entry in ledger.records()), now=utc_now()) if self.resume else None
            for record in collect(here, scope, [None], skip=skip):
                ledger.append([record])
                records.append(record)
            if not across and not there:
                return records, []
            try:
                own = whose_credentials(patient_client, places[0])
                places = [place or str(patient_client("sts").meta.region_name) for place in places]
                to_ask = accounts.to_ask(own, places[0])
            except AvermentError as error:
                return records, [error]
            found = chain(
                collect(across, replace(scope, account=own), places),
                collect_accounts(there, scope, to_ask, places, parallel=self.parallel, skip=_counted(skip)),
            )
            with stderr.status(f"collecting from {_count(len(to_ask), 'account')} ...") as status:
                for record in found:
                    ledger.append([record])
                    if progress is not None:
                        progress.finished(record)
                    records.append(record)
                    status.update(f"collecting from {_count(len(to_ask), 'account')} ... {_where(record)}: {record.collector}")
        return records, []

    def _progress(self) -> ProgressFolder | None:
        folder = ProgressFolder(self.organisation.path(PROGRESS), self.resume)
        try:
            folder.prepare(utc_now())
        except OSError as error:
            stderr.print(f"note: how far listings come is not kept in {folder.folder}: {error.strerror}", markup=False)
            return None
        return folder


def _counted(skip: Skip | None) -> Skip | None:
    """``skip``, saying on stderr what it leaves out."""
    if skip is None:
        return None

    def told(collector: Collector, scope: CollectScope) -> bool:
        done = skip(collector, scope)
        if done:
            place = " ".join(part for part in (scope.account, scope.region if collector.regional else None) if part)
            stderr.print(f"note: {collector.name} of {place} was collected already")
        return done

    return told


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _where(record: Record) -> str:
    return " ".join(part for part in (record.account, record.region) if part) or record.source


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
        table.add_row(record.collector, escape(_where(record)), str(record.gathering), counted, ", ".join(record.redactions), record.id)
    stdout(width=None if sys.stdout.isatty() else WIDE).print(table)


def _total(total: int | None) -> str:
    return "an unknown number of" if total is None else f"{total:,}"
