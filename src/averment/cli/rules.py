"""``averment rules``: list, show and test the rules."""

from __future__ import annotations

import json
from pathlib import Path

import click

from averment.cli.common import config_option, organisation_for, stdout
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, ExitCode
from averment.policies.casefile import SHIPPED, find_cases, run_case
from averment.policies.engine import CheckResult, Counts
from averment.policies.interface import Rule
from averment.policies.report.interface import Report
from averment.policies.rules.registry import all_rules


@click.group()
def command() -> None:
    """List, show and test the rules.

    Example: averment rules list
    """


@command.command("list")
@click.option("--format", "format_name", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_rules(format_name: str) -> int:
    """List every rule with its severity, the controls it serves, and what it looks at.

    Example: averment rules list --format json
    """
    catalogue = load_catalogue()
    rules = all_rules()
    controls = {rule.id: [control.id for control in catalogue.for_policy(rule.id)] for rule in rules}
    if format_name == "json":
        click.echo(json.dumps([{**_plain(rule), "controls": controls[rule.id]} for rule in rules], indent=2))
        return int(ExitCode.CLEAN)
    wide = max(len(rule.id) for rule in rules)
    for rule in rules:
        click.echo(f"{rule.id:<{wide}}  {rule.severity.value:<8}  {', '.join(controls[rule.id]):<20}  {rule.title}")
    return int(ExitCode.CLEAN)


@command.command("show")
@click.argument("rule_id", metavar="RULE")
def show_rule(rule_id: str) -> int:
    """Show one rule: what it looks at, why it matters, and what to do.

    Example: averment rules show s3-put-object-gated
    """
    rule = next((rule for rule in all_rules() if rule.id == rule_id), None)
    if rule is None:
        raise BadInputError(f"there is no rule '{rule_id}'", fix="see: averment rules list")
    console = stdout()
    console.print(f"{rule.id}  ({rule.severity.value})\n{rule.title}\n", markup=False)
    console.print(f"looks at:  {', '.join(rule.types)}", markup=False)
    if rule.neighbours:
        console.print(f"and at:    {', '.join(rule.neighbours)}", markup=False)
    report = Report(CheckResult((), (), Counts()), {rule.id: rule}, load_catalogue())
    for why in report.why(rule.id):
        console.print(f"\n{why.control} {why.title}", markup=False)
        for citation in why.citations:
            console.print(f"  {citation}", markup=False)
    console.print(f"\nfix: {rule.remediation}", markup=False)
    readme = _folder(rule) / "README.md"
    if readme.is_file():
        console.print("\n" + readme.read_text(encoding="utf-8").strip(), markup=False)
    return int(ExitCode.CLEAN)


@command.command("path")
def path() -> int:
    """Print the folder that Checkov takes as --external-checks-dir.

    Example: checkov -d . --external-checks-dir "$(averment rules path)"
    """
    click.echo(str(Path(__file__).parents[1] / "policies" / "surfaces" / "checkov" / "external"))
    return int(ExitCode.CLEAN)


@command.command("test")
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@config_option
def test_rules(folder: Path | None, config: Path | None) -> int:
    """Run rules on their cases: an expectation that isn't met fails, and so does a finding that nobody expects.

    FOLDER holds expect.yaml files with configurations beside them; by default, the cases that ship with the rules.

    \b
    expect.yaml:
      rule: s3-put-object-gated
      cases:
        - path: third-party.tf
          expect: {aws_s3_bucket_policy.uploads: fail}

    Example: averment rules test policies/rules
    """
    chosen = folder or Path(__file__).parents[1] / "policies" / "rules"
    organisation = organisation_for(config, folder) if config or folder else SHIPPED
    catalogue, rules = load_catalogue(), all_rules()
    failed = total = 0
    for case in find_cases(chosen):
        total += 1
        differences = run_case(case, rules, organisation, catalogue)
        if differences:
            failed += 1
            click.echo(f"FAIL {case.name}")
            for difference in differences:
                click.echo(f"  {difference}")
    click.echo(f"{total - failed} of {total} cases hold")
    return int(ExitCode.FINDINGS if failed else ExitCode.CLEAN)


def _folder(rule: Rule) -> Path:
    return Path(__file__).parents[1] / "policies" / "rules" / rule.id.replace("-", "_")


def _plain(rule: Rule) -> dict[str, object]:
    return {"id": rule.id, "title": rule.title, "severity": rule.severity.value, "types": list(rule.types), "remediation": rule.remediation}
