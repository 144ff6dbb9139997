"""``averment review``: what the media gate held for a person, decided with a reason, and appealed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from averment.cli.common import stdout
from averment.core.errors import BadInputError, ExitCode

if TYPE_CHECKING:
    from averment.detector.gate.cases import Case
    from averment.detector.gate.reviews import Reviews

_FORMAT = click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
_BY = click.option("--by", metavar="ROLE/NAME", required=True, help='Who says so, for instance "trust/Ada Byron".')
_REASON = click.option("--reason", metavar="TEXT", required=True, help="Why. It goes into the verdict log.")


def gate_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a deployment of the gate where its environment variables aren't set."""
    for option in (
        click.option("--seal-key", metavar="kms:KEY", help="The key that signs verdicts for the edge (AVERMENT_SEAL_KEY)."),
        click.option("--log-group", metavar="NAME", help="The verdicts' log group (AVERMENT_LOG_GROUP)."),
        click.option("--published", metavar="BUCKET", help="The published bucket (AVERMENT_PUBLISHED_BUCKET)."),
        click.option("--table", metavar="TABLE", help="The gate's table of cases (AVERMENT_CASES)."),
    ):
        function = option(function)
    return function


def open_reviews(table: str | None, published: str | None, log_group: str | None, seal_key: str | None) -> Reviews:
    """The queue of the deployment that options or environment name.

    Raises:
        BadInputError: no table or no published bucket is named.
    """
    from averment.detector.gate.ingest import Gate, Settings
    from averment.detector.gate.reviews import People, Reviews

    given = {
        "AVERMENT_CASES": table,
        "AVERMENT_PUBLISHED_BUCKET": published,
        "AVERMENT_LOG_GROUP": log_group,
        "AVERMENT_SEAL_KEY": seal_key,
    }
    settings = Settings.from_environment({**os.environ, **{name: value for name, value in given.items() if value}})
    if settings.cases is None:
        raise BadInputError("no table of cases is named", fix="give --table, or set AVERMENT_CASES")
    return Reviews(Gate(replace(settings, trust=None), People()))


@click.group()
def command() -> None:
    """Decide what the media gate held, and appeal decisions.

    Example: averment review list --table media-gate-cases --published shop-media
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Decided cases as well.")
@_FORMAT
@gate_options
def list_cases(everything: bool, output: str, table: str | None, published: str | None, log_group: str | None, seal_key: str | None) -> int:
    """List what waits for a decision, the oldest first.

    Exit codes: 0 nothing waits, 1 something does.

    Example: averment review list --table media-gate-cases --published shop-media
    """
    from averment.detector.gate.cases import CaseState

    reviews = open_reviews(table, published, log_group, seal_key)
    waiting = (CaseState.OPEN, CaseState.APPEALED)
    cases = list(reviews.cases.listed(tuple(CaseState) if everything else waiting))
    undone = [] if everything else [case for case in reviews.cases.listed((CaseState.RELEASED, CaseState.REJECTED)) if not case.applied]
    if output == "json":
        click.echo(json.dumps([case.to_json() for case in (*cases, *undone)], indent=2))
    else:
        _table([*cases, *undone])
    return int(ExitCode.FINDINGS if undone or any(case.state in waiting for case in cases) else ExitCode.CLEAN)


@command.command("show")
@click.argument("case", metavar="CASE")
@_FORMAT
@gate_options
def show_case(case: str, output: str, table: str | None, published: str | None, log_group: str | None, seal_key: str | None) -> int:
    """Show one case with everything that was said and done about it.

    Example: averment review show 5f0c... --table media-gate-cases --published shop-media
    """
    found = open_reviews(table, published, log_group, seal_key).cases.get(case)
    if output == "json":
        click.echo(json.dumps(found.to_json(), indent=2))
        return int(ExitCode.CLEAN)
    _table([found])
    out = stdout()
    out.print(f"  {found.target}  sha256:{found.sha256 or 'not read'}  {found.detector}", markup=False)
    for finding in found.findings:
        out.print(f"  {'known at the release' if finding in found.accepted else 'found'}: {finding}", markup=False)
    for step in found.history:
        out.print(f"  {step.at}  {step.by}  {step.did}: {step.reason}", markup=False)
    return int(ExitCode.CLEAN)


@command.command("decide")
@click.argument("case", metavar="CASE")
@click.argument("decision", type=click.Choice(["release", "reject"]))
@_BY
@_REASON
@gate_options
def decide(
    case: str, decision: str, by: str, reason: str, table: str | None, published: str | None, log_group: str | None, seal_key: str | None
) -> int:
    """Release a held upload to the published bucket, or reject it for good.

    Example: averment review decide 5f0c... reject --by "trust/Ada Byron" --reason "the seller's own advert is labelled, this isn't"
    """
    found = open_reviews(table, published, log_group, seal_key).decide(case, decision, by=by, reason=reason)
    click.echo(f"{found.id}  {found.state}  {found.target}")
    return int(ExitCode.CLEAN)


@command.command("appeal")
@click.argument("case", metavar="CASE")
@_BY
@_REASON
@gate_options
def appeal(case: str, by: str, reason: str, table: str | None, published: str | None, log_group: str | None, seal_key: str | None) -> int:
    """Ask for another decision, by somebody else.

    Example: averment review appeal 5f0c... --by "seller/Cem" --reason "it is my own photograph; the raw file is attached to ticket 512"
    """
    found = open_reviews(table, published, log_group, seal_key).appeal(case, by=by, reason=reason)
    click.echo(f"{found.id}  {found.state}  {found.target}")
    return int(ExitCode.CLEAN)


@command.command("pseudonym")
@click.argument("who", metavar="ROLE/NAME")
@gate_options
def pseudonym(who: str, table: str | None, published: str | None, log_group: str | None, seal_key: str | None) -> int:
    """Print the pseudonym of somebody in the verdict log, to see on lawful need whether a line is theirs.

    Who decided a case stands in it by name (averment review show); this is for lines without a case, such as those of takedowns.

    Example: averment review pseudonym "trust/Ada Byron" --table media-gate-cases --published shop-media
    """
    from averment.detector.gate.pseudonyms import pseudonym_of
    from averment.detector.gate.reviews import check_person

    check_person(who)
    click.echo(pseudonym_of(who, open_reviews(table, published, log_group, seal_key).cases))
    return int(ExitCode.CLEAN)


def _table(cases: list[Case]) -> None:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    for title in ("case", "state", "opened", "verdict", "score", "object"):
        shown.add_column(title, overflow="fold")
    for case in cases:
        state = str(case.state) if case.applied else f"{case.state}, not applied"
        score = "-" if case.score is None else f"{case.score:.4f}"
        shown.add_row(case.id, state, case.opened_at, case.verdict, score, f"s3://{case.target.bucket}/{case.target.key}")
    stdout().print(shown)
