"""``averment rules``: list, show, test, build and deploy the rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from averment.cli import rules_deploy, rules_evaluate
from averment.cli.common import NamedPath, config_option, organisation_for, rules_aside, stderr, stdout
from averment.cli.completion import rule_ids
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, ExitCode
from averment.core.scope import Scope
from averment.policies.casefile import SHIPPED, find_cases, run_case
from averment.policies.engine import CheckResult, Counts
from averment.policies.guard.emit import guard_text, refusal
from averment.policies.interface import Rule
from averment.policies.new_rule import scaffold
from averment.policies.own_rules import rules_beside, with_own
from averment.policies.report.interface import Report

rules_option = click.option(
    "--rules",
    "rule_folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also the rules of your own in this folder; may be repeated.",
)


@click.group()
def command() -> None:
    """List, show and test the rules, begin one of your own, and deploy them to AWS Config.

    Example: averment rules list
    """


for subcommand in (rules_deploy.build, rules_deploy.deploy, rules_deploy.show_diff, rules_deploy.destroy, rules_evaluate.evaluate):
    command.add_command(subcommand)


@command.command("list")
@click.option("--format", "format_name", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--guard", "guard", is_flag=True, help="Show which come out as Guard 2 for AWS Config, and why the others don't.")
@rules_option
@config_option
def list_rules(format_name: str, guard: bool, rule_folders: tuple[Path, ...], config: Path | None) -> int:
    """List every rule with its severity, the controls it serves, and what it looks at.

    \b
    Examples:
      averment rules list --format json
      averment rules list --guard
    """
    catalogue = load_catalogue(organisation_for(config))
    rules = _rules(rule_folders, config)
    controls = {rule.id: [control.id for control in catalogue.for_policy(rule.id)] for rule in rules}
    if format_name == "json":
        more = _guard(rules, config) if guard else {}
        click.echo(json.dumps([{**_plain(rule), "controls": controls[rule.id], **more.get(rule.id, {})} for rule in rules], indent=2))
        return int(ExitCode.CLEAN)
    wide = max(len(rule.id) for rule in rules)
    if guard:
        for rule_id, said in _guard(rules, config).items():
            click.echo(f"{rule_id:<{wide}}  {'no: it ' + str(said['guard_refused']) if said['guard_refused'] else 'yes'}")
        return int(ExitCode.CLEAN)
    for rule in rules:
        click.echo(f"{rule.id:<{wide}}  {rule.severity.value:<8}  {', '.join(controls[rule.id]):<20}  {rule.title}")
    return int(ExitCode.CLEAN)


@command.command("show")
@click.argument("rule_id", metavar="RULE", shell_complete=rule_ids)
@rules_option
@config_option
def show_rule(rule_id: str, rule_folders: tuple[Path, ...], config: Path | None) -> int:
    """Show one rule: what it looks at, why it matters, and what to do.

    Example: averment rules show s3-put-object-gated
    """
    rule = _rule(rule_id, rule_folders, config)
    console = stdout()
    console.print(f"{rule.id}  ({rule.severity.value})\n{rule.title}\n", markup=False)
    console.print(f"looks at:  {', '.join(rule.types)}", markup=False)
    if neighbours := rule.looks_up(Scope()):
        console.print(f"and at:    {', '.join(neighbours)}", markup=False)
    why_not = _guard([rule], config)[rule.id]["guard_refused"]
    console.print(f"Guard 2:   {f'no: it {why_not}' if why_not else f'averment rules guard {rule.id}'}", markup=False)
    report = Report(CheckResult((), (), Counts()), {rule.id: rule}, load_catalogue(organisation_for(config)))
    for why in report.why(rule.id):
        console.print(f"\n{why.control} {why.title}", markup=False)
        for citation in why.citations:
            console.print(f"  {citation}", markup=False)
    console.print(f"\nfix: {rule.remediation}", markup=False)
    readme = _folder(rule) / "README.md"
    if readme.is_file():
        console.print("\n" + readme.read_text(encoding="utf-8").strip(), markup=False)
    return int(ExitCode.CLEAN)


@command.command("guard")
@click.argument("rule_id", metavar="RULE", shell_complete=rule_ids)
@rules_option
@config_option
def guard_rule(rule_id: str, rule_folders: tuple[Path, ...], config: Path | None) -> int:
    """Print one rule as the Guard 2 text of a custom policy rule of AWS Config, with the organisation's scope in it.

    Refused (exit 2) with the reason where Guard 2 can't state the rule; see: averment rules list --guard

    Example: averment rules guard detector-endpoint-guarded
    """
    rule, organisation = _rule(rule_id, rule_folders, config), organisation_for(config)
    controls = [control.id for control in load_catalogue(organisation_for(config)).for_policy(rule.id)]
    emitted = guard_text(rule, organisation.scope, organisation.parameters, controls)
    click.echo(emitted.text, nl=False)
    for kind in emitted.unlisted:
        stderr.print(f"note: AWS Config may not record {kind}: keep the Lambda rule's schedule for it", style="dim", markup=False)
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
@rules_option
@config_option
def test_rules(folder: Path | None, rule_folders: tuple[Path, ...], config: Path | None) -> int:
    """Run rules on their cases: an expectation that isn't met fails, and so does a finding that nobody expects.

    FOLDER holds expect.yaml files with configurations beside them; by default, the cases that ship with the rules. If it is a
    folder of rules of your own (or one of these rules), they are loaded.

    \b
    expect.yaml:
      rule: s3-put-object-gated
      cases:
        - path: third-party.tf
          expect: {aws_s3_bucket_policy.uploads: fail}

    \b
    Examples:
      averment rules test
      averment rules test own-rules
    """
    chosen = folder or Path(__file__).parents[1] / "policies" / "rules"
    shipped = chosen.resolve().is_relative_to((Path(__file__).parents[1] / "policies" / "rules").resolve())
    organisation = SHIPPED if shipped and config is None else organisation_for(config, folder)
    beside = rules_beside(folder) if folder is not None else None
    own = (
        [*(organisation.path(text) for text in organisation.rules), *rule_folders, *([beside] if beside is not None else [])]
        if folder is not None
        else []
    )
    catalogue, rules = load_catalogue(), with_own({path.resolve(): path for path in own}.values())
    failed = total = 0
    for case in find_cases(chosen):
        total += 1
        differences = run_case(case, rules, organisation, catalogue)
        if differences:
            failed += 1
            click.echo(f"FAIL {case.name}")
            for difference in differences:
                click.echo(f"  {difference}")
    untested = _untested(beside, chosen, rules) if beside is not None and folder is not None else []
    for rule in untested:
        click.echo(f"FAIL {rule}\n  no case of it is expected to fail: a rule that nothing fails proves nothing")
    click.echo(f"{total - failed} of {total} cases hold" + (f", {len(untested)} rules have no failing case" if untested else ""))
    failed += len(untested)
    return int(ExitCode.FINDINGS if failed else ExitCode.CLEAN)


def _untested(beside: Path, chosen: Path, rules: Sequence[Rule]) -> list[str]:
    """Ids of the user's rules below ``chosen`` of which no case expects a failure."""
    slugs = {
        file.parent for file in beside.glob("*/rule.py") if chosen.resolve() in (file.parent.resolve(), *file.parent.resolve().parents)
    }
    names = {slug.name.replace("_", "-") for slug in slugs} & {rule.id for rule in rules}
    return sorted(names - {case.rule for case in find_cases(chosen) if case.expects_failure})


def _rules(folders: Sequence[Path], config: Path | None) -> tuple[Rule, ...]:
    """The shipped rules, those of the organisation, and those of ``folders``."""
    organisation = organisation_for(config)
    with rules_aside():
        return with_own(dict.fromkeys([*(organisation.path(text) for text in organisation.rules), *folders]))


def _rule(rule_id: str, folders: Sequence[Path], config: Path | None) -> Rule:
    rule = next((rule for rule in _rules(folders, config) if rule.id == rule_id), None)
    if rule is None:
        raise BadInputError(f"there is no rule '{rule_id}'", fix="see: averment rules list")
    return rule


def _guard(rules: Sequence[Rule], config: Path | None) -> dict[str, dict[str, object]]:
    """By rule, whether it comes out as Guard 2, or why not."""
    organisation = organisation_for(config)
    refused = {rule.id: refusal(rule, organisation.scope, organisation.parameters) for rule in rules}
    return {name: {"guard": why is None, "guard_refused": why} for name, why in refused.items()}


@command.command("new")
@click.argument("rule_id", metavar="ID")
@click.option("--output", "-o", type=NamedPath(path_type=Path, file_okay=False), default="own-rules", show_default=True, metavar="DIR")
def new_rule(rule_id: str, output: Path) -> int:
    """Begin a rule of your own: a folder with a rule that works and cases that hold, to be changed.

    \b
    Example:
      averment rules new bucket-has-owner
      averment rules test own-rules
      averment check --rules own-rules
    """
    for file in scaffold(rule_id, output):
        click.echo(str(file))
    stderr.print(
        f"next: averment rules test {output}; then name it in averment.yaml (rules: [{output}]) or with --rules", style="dim", markup=False
    )
    return int(ExitCode.CLEAN)


def _folder(rule: Rule) -> Path:
    return Path(__file__).parents[1] / "policies" / "rules" / rule.id.replace("-", "_")


def _plain(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "kind": rule.kind.value,
        "types": list(rule.types),
        "remediation": rule.remediation,
    }
