"""``averment rules evaluate``: a template's resources before AWS Config's proactive rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import named_values, stderr, stdout
from averment.core.errors import ExitCode
from averment.policies.deployment.proposals import Account, Proposal, State, evaluate_template


@click.command("evaluate")
@click.argument("template", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="An argument of the template; may be repeated.")
@click.option("--region", metavar="REGION", help="Where it would be deployed.  [default: the session's]")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def evaluate(template: Path, parameters: tuple[str, ...], region: str | None, form: str) -> int:
    """Let AWS Config judge each resource of a CloudFormation or SAM template before it is deployed.

    Asks the rules of the account that run before deployment (averment rules deploy --proactive), one resource at a time. They see no
    resource beside it: averment check judges the template as a whole, by all rules.

    Exit codes: 0 nothing wrong; 1 a rule is broken; 3 something could not be checked, or no rule ran at all. Resources that no such rule
    looks at are listed as not checked.

    \b
    Examples:
      averment rules evaluate template.yaml
      averment rules evaluate template.yaml -p Stage=prod --region eu-west-1 --format json
    """
    from averment.core.aws import aws_errors, client

    config = client("config", region=region)
    with aws_errors("tell the account"):
        number = str(client("sts", region=region).get_caller_identity()["Account"])
    account = Account(config, number, str(config.meta.region_name))
    with stderr.status("asking AWS Config") as status:
        found = evaluate_template(template, _given(parameters), account, status.update)
    if form == "json":
        click.echo(json.dumps({"account": number, "region": account.region, "results": [asdict(item) for item in found]}, indent=2))
    else:
        _show(found)
    return int(exit_code(found))


def exit_code(found: Sequence[Proposal]) -> ExitCode:
    """1 for a failure; 3 where something could not be checked, or no rule ran on anything; else 0."""
    states = {item.state for item in found}
    if State.FAIL in states:
        return ExitCode.FINDINGS
    return ExitCode.INCOMPLETE if State.UNKNOWN in states or not any(item.rule for item in found) else ExitCode.CLEAN


def _given(parameters: Sequence[str]) -> dict[str, str]:
    return named_values(parameters, wrong="'{}' is not an argument of a template", fix="write --parameter Name=value")


def _show(found: Sequence[Proposal]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("resource", "type", "rule", "verdict", "why"):
        table.add_column(heading, overflow="fold")
    for item in found:
        cells = (item.resource or item.where, item.resource_type, item.rule, str(item.state), item.reason)
        table.add_row(*(escape(cell) for cell in cells))
    stdout(width=None if stdout().is_terminal else 200).print(table)
    counted = Counter(item.state for item in found)
    stderr.print(
        ", ".join(f"{counted[state]} {state}" for state in State if counted[state]) or "the template has no resources", markup=False
    )
    if not any(item.rule for item in found):
        stderr.print("No rule ran before deployment: averment rules deploy --proactive brings those that can.", markup=False)
