"""``averment rules build``, ``deploy``, ``diff`` and ``destroy``: the rules at run time, in AWS Config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from averment.cli.common import NamedPath, config_option, organisation_for, stderr
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.files import write_atomic
from averment.core.organisation import Organisation
from averment.governance.remediation.runbooks import all_runbooks
from averment.policies.deployment.bundle import Bundle, build_bundle
from averment.policies.deployment.interface import Step
from averment.policies.deployment.pack import Pack, PackOptions, packs
from averment.policies.deployment.plan import DeploymentPlan, plan_rules
from averment.policies.deployment.stack import needed, stack_template
from averment.policies.deployment.terraform import ARCHIVE, terraform_files
from averment.policies.guard.emit import instead_of_function
from averment.policies.own_rules import with_own
from averment.policies.runtime.permissions import permissions

PACK_NAME = "averment"
REGION = "{region}"
"""Stands in the name of the bucket for the region."""


@dataclass(frozen=True)
class Built:
    """Everything that a deployment consists of, for one organisation."""

    organisation: Organisation
    plan: DeploymentPlan
    bundle: Bundle
    packs: tuple[Pack, ...]
    permissions: frozenset[str]
    organisation_wide: bool = False

    def stack(self) -> str:
        """The template of the stack around the rules."""
        return stack_template(self.plan, self.permissions, self.organisation.scope)


def built(config: Path | None, *, organisation_wide: bool = False, proactive: bool = False, none: bool = False) -> Built:
    """What the organisation's controls ask for at run time: as Guard policies where those can say it, else in the function.

    Raises:
        BadInputError: they ask for nothing, unless ``none`` will do.
    """
    organisation = organisation_for(config)
    folders = [organisation.path(text) for text in organisation.rules]
    rules = with_own(folders, packages=False)
    catalogue = load_catalogue(organisation)
    guard = {}
    if not proactive:  # these texts are written for items, and would skip what is proposed, whose properties are CloudFormation's
        guard = instead_of_function(
            rules, organisation.scope, organisation.parameters, lambda rule: [control.id for control in catalogue.for_policy(rule)]
        )
    plan = plan_rules(catalogue, rules, guard=guard, runbooks=all_runbooks())
    if not plan.rules and not none:
        fix = "select one that does (averment controls list), or take away what is deployed: averment rules destroy"
        raise BadInputError("no selected control asks for a rule at run time", fix=fix)
    running = [planned.rule for planned in plan.rules if planned.guard is None]
    return Built(
        organisation,
        plan,
        build_bundle(organisation.scope, organisation.parameters, folders, [] if none else [rule.id for rule in running]),
        packs(plan, organisation.scope, PackOptions(PACK_NAME, organisation=organisation_wide, proactive=proactive)),
        permissions(running, organisation.scope),
        organisation_wide,
    )


organisation_option = click.option(
    "--organisation", "organisation_wide", is_flag=True, help="For every account of the organisation, from its management account."
)
proactive_option = click.option(
    "--proactive",
    is_flag=True,
    help="Also run rules that look at one resource alone before it is deployed (StartResourceEvaluation); AWS Config takes some types only.",
)
artifacts_option = click.option(
    "--artifacts",
    required=True,
    metavar="BUCKET",
    help="A bucket of yours, in the region, that holds the function's archive; {region} in it stands for the region.",
)
region_option = click.option(
    "--region", "regions", multiple=True, metavar="REGION", help="Where; may be repeated.  [default: the session's]"
)


@click.command("build")
@click.option("--output", "-o", type=NamedPath(path_type=Path, file_okay=False), default="averment-rules", show_default=True, metavar="DIR")
@organisation_option
@proactive_option
@config_option
def build(output: Path, organisation_wide: bool, proactive: bool, config: Path | None) -> int:
    """Write the function's archive, the conformance packs, the CloudFormation stack, and the same as Terraform.

    Needs no AWS. The same sources and settings give the same files.

    \b
    Example:
      averment rules build -o averment-rules
      cfn-lint averment-rules/*.yaml
    """
    made = built(config, organisation_wide=organisation_wide, proactive=proactive)
    files: dict[str, bytes] = {ARCHIVE: made.bundle.archive()} if made.plan.needs_function else {}
    files.update({f"{pack.name}.pack.yaml": pack.body.encode() for pack in made.packs})
    if needed(made.plan):
        files["stack.yaml"] = made.stack().encode()
    terraform = terraform_files(made.plan, made.packs, made.permissions, made.organisation.scope)
    files.update({f"terraform/{name}": text.encode() for name, text in terraform.items()})
    if made.plan.needs_function:
        files[f"terraform/{ARCHIVE}"] = files[ARCHIVE]
    for name, data in sorted(files.items()):
        write_atomic(output / name, data)
        click.echo(f"{output / name}  {len(data):,} bytes")
    made_once = (path for path in (output / ARCHIVE, output / "stack.yaml") if path.exists())
    for left in sorted({*output.glob("*.pack.yaml"), *output.glob("terraform/*.yaml"), *made_once}):
        if left.relative_to(output).as_posix() not in files:
            stderr.print(f"{left} is of an earlier build, and no part of this one: remove it", markup=False)
    _tell_plan(made)
    return int(ExitCode.CLEAN)


def _tell_plan(made: Built) -> None:
    guard = sum(planned.guard is not None for planned in made.plan.rules)
    functions = len(made.plan.rules) - guard
    stderr.print(f"{len(made.plan.rules)} rules: {functions} in the function, {guard} as Guard policies", markup=False)
    for reason in dict.fromkeys(made.plan.left_out.values()):
        names = [rule for rule, why in made.plan.left_out.items() if why == reason]
        stderr.print(f"left out: {', '.join(names)} ({reason})", style="dim", markup=False)


@click.command("deploy")
@artifacts_option
@region_option
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@organisation_option
@proactive_option
@config_option
def deploy(artifacts: str, regions: tuple[str, ...], dry_run: bool, organisation_wide: bool, proactive: bool, config: Path | None) -> int:
    """Bring the rules into AWS Config: the archive, the stack around the function, the conformance packs.

    Only what differs is touched, so running it again changes nothing, and one that broke off is resumed by running it again. With
    --organisation, the packs of all accounts: the function and its stack have to be there, as StackSets bring them (averment rules build).

    \b
    Examples:
      averment rules deploy --artifacts my-artifacts --dry-run
      averment rules deploy --artifacts 'my-artifacts-{region}' --region eu-west-1 --region eu-central-1
    """
    from averment.policies.deployment import run

    made = built(config, organisation_wide=organisation_wide, proactive=proactive)
    _tell_plan(made)
    for region, steps in _everywhere(made, artifacts, regions):
        if dry_run:
            _show(region, steps)
            continue
        changed = run.deploy(steps, lambda text, region=region: stderr.print(f"{region}: {text}", markup=False))  # type: ignore[misc]
        click.echo(f"{region}: {'deployed' if changed else 'nothing to change'}")
    return int(ExitCode.CLEAN)


@click.command("diff")
@artifacts_option
@region_option
@organisation_option
@proactive_option
@config_option
def show_diff(artifacts: str, regions: tuple[str, ...], organisation_wide: bool, proactive: bool, config: Path | None) -> int:
    """Compare what is deployed with what the controls ask for. Exit code 1 if they differ.

    Example: averment rules diff --artifacts my-artifacts
    """
    made = built(config, organisation_wide=organisation_wide, proactive=proactive)
    differing = [_show(region, steps) for region, steps in _everywhere(made, artifacts, regions)]
    return int(ExitCode.FINDINGS if any(differing) else ExitCode.CLEAN)


@click.command("destroy")
@artifacts_option
@region_option
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@organisation_option
@proactive_option
@config_option
def destroy(
    artifacts: str, regions: tuple[str, ...], dry_run: bool, yes: bool, organisation_wide: bool, proactive: bool, config: Path | None
) -> int:
    """Remove the rules from AWS Config again: packs, stack with the function's log, archives.

    What bears one of their names and isn't of such a deployment stays.

    Example: averment rules destroy --artifacts my-artifacts --dry-run
    """
    from averment.policies.deployment import run

    made = built(config, organisation_wide=organisation_wide, proactive=proactive, none=True)
    places = list(_everywhere(made, artifacts, regions, everything=True))
    for region, steps in places:
        there = [what for step in reversed(steps) for what in step.present()]
        click.echo("\n".join([f"{region}:", *(f"  - {what}" for what in there)]) if there else f"{region}: nothing is there")
        for item in (item for step in steps for item in step.kept()):
            click.echo(f"  = {item.what} stays: {item.why}")
    if dry_run:
        return int(ExitCode.CLEAN)
    if not yes and not _agreed("Remove all of this?"):
        return int(ExitCode.CLEAN)
    stay = [f"{item.what} in {region}" for region, steps in places for step in steps for item in step.in_the_way()]
    for region, steps in places:
        removed = run.destroy(steps, lambda text, region=region: stderr.print(f"{region}: {text}", markup=False))  # type: ignore[misc]
        click.echo(f"{region}: {'removed' if removed else 'nothing was removed'}")
    if stay:
        raise IncompleteError(f"not of such a deployment, and left as it was: {', '.join(stay)}", fix=run.NOT_OURS)
    return int(ExitCode.CLEAN)


def _agreed(question: str) -> bool:
    """What somebody answers.

    Raises:
        BadInputError: nobody is there to answer, as in a pipeline.
    """
    try:
        return click.confirm(question, err=True)
    except click.Abort as stop:
        if not isinstance(stop.__context__, EOFError):
            raise
        click.echo(err=True)
        raise BadInputError("nobody is here to be asked, so nothing was removed", fix="--yes") from None


def _show(region: str, steps: Sequence[Step]) -> bool:
    """Print what a deployment would change in one region; whether anything."""
    from averment.policies.deployment import run

    changes = [change for step in run.diff(steps) for change in step.changes]
    click.echo(f"{region}:" if changes else f"{region}: nothing to change")
    for change in changes:
        click.echo(f"  {change.action} {change.what}")
        for detail in change.details:
            click.echo(f"      {detail}")
    return bool(changes)


def _everywhere(made: Built, artifacts: str, regions: Sequence[str], *, everything: bool = False) -> Iterator[tuple[str, list[Step]]]:
    """The steps in each region, once each.

    Raises:
        BadInputError: one bucket is named for several regions, and what is taken out of it has to lie in the region that takes it.
    """
    from averment.core.aws import client

    chosen = tuple(dict.fromkeys(regions)) or (client("sts").meta.region_name,)
    read_there = (made.plan.needs_function and not made.organisation_wide) or not all(pack.inline for pack in made.packs)
    if len(chosen) > 1 and REGION not in artifacts and read_there and not everything:
        fix = f"have one in each, and name them together: --artifacts '{artifacts}-{REGION}'"
        raise BadInputError(f"the bucket {artifacts} is in one region, and the rules of each need one in theirs", fix=fix)
    for region in chosen:
        yield region, steps_for(made, artifacts.replace(REGION, region), region, everything=everything)


def steps_for(made: Built, artifacts: str, region: str, *, everything: bool = False) -> list[Step]:
    """The steps of a deployment in one region of the session's account; ``everything`` that one may have made, be it asked for or not."""
    from averment import __version__
    from averment.policies.deployment.artifact import Archive
    from averment.policies.deployment.cloudformation import Stack
    from averment.policies.deployment.conformance import ConformancePacks
    from averment.policies.deployment.function import FunctionAsBuilt
    from averment.policies.deployment.interface import Unwanted
    from averment.policies.deployment.names import BUILD_TAG
    from averment.policies.deployment.stack import STACK_NAME

    tags = {"averment:version": __version__, BUILD_TAG: made.bundle.digest[:32]}
    if made.organisation_wide:
        from averment.policies.deployment.organisation import OrganisationPacks

        return [OrganisationPacks(made.packs, PACK_NAME, _controls(made, tags), bucket=artifacts, region=region)]
    archive = Archive(made.bundle, artifacts, region=region)
    given = {"ArtifactBucket": artifacts, "ArtifactKey": archive.key} if made.plan.needs_function else {}
    stack = Stack(STACK_NAME, made.stack(), given, tags, region=region)
    asked = needed(made.plan)
    values: Callable[[], Mapping[str, str]] = stack.outputs if asked else dict
    conformance = ConformancePacks(
        made.packs, PACK_NAME, values, _controls(made, tags), bucket=artifacts, stack_stands=lambda: bool(stack.present()), region=region
    )
    if everything:
        return [Archive(made.bundle, artifacts, region=region, used=stack.given("ArtifactKey")), stack, conformance]
    if not asked:
        return [conformance, Unwanted(stack)]  # rules go before what they call
    return (
        [archive, stack, FunctionAsBuilt(archive, stack, region=region), conformance] if made.plan.needs_function else [stack, conformance]
    )


def _controls(made: Built, tags: Mapping[str, str]) -> dict[str, Any]:
    """``tags`` and one that leads back to the controls; a tag's value has 256 characters at most."""
    families = sorted({control.family for planned in made.plan.rules for control in planned.controls})
    return {**tags, "averment:control-families": " ".join(families)}
