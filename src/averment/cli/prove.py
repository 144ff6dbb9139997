"""``averment prove``: test claims, and put what came of them into the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from averment.cli.common import config_option, named_values, note, organisation_for, stderr, stdout
from averment.core.canonical import LARGEST
from averment.core.errors import BadInputError, ExitCode
from averment.core.showing import printable
from averment.core.words import ClaimVerdict, counted

if TYPE_CHECKING:
    from averment.api.common import Progress
    from averment.detector.claims.interface import ClaimPlan
    from averment.evidence.claims import Outcome

_STYLES = {ClaimVerdict.SUPPORTED: "green", ClaimVerdict.REFUTED: "red", ClaimVerdict.INCONCLUSIVE: "yellow"}


MAX_EXAMPLES = 3
"""Of what breaks a check so many are shown; the record names more of them."""


@click.command()
@click.argument("claims", nargs=-1, metavar="[CONTROL[/ASSESSMENT] | FILE.yaml]...")
@click.option(
    "--population",
    "populations",
    multiple=True,
    metavar="NAME=PLACE",
    help="Where a population is: a manifest, a folder, s3://bucket/prefix.",
)
@click.option(
    "--detector",
    "detector_name",
    default="embedded",
    show_default=True,
    help="embedded, sagemaker:ENDPOINT, https://SERVICE, or a spec (FILE.yaml). With --replay, the one that the record names.",
)
@click.option("--trust", type=click.Path(path_type=Path, dir_okay=False), help="Trust anchors (PEM) for claims on content credentials.")
@click.option("--seed", type=click.IntRange(0, LARGEST), help="Seed of samples and bootstraps.")
@click.option("--plan", is_flag=True, help="Only say how many samples each claim needs.")
@click.option(
    "--replay",
    "record",
    metavar="RECORD",
    help="Run the claim of this record again, and compare: an id in the ledger, or PACKAGE/records/ID.json.",
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--no-record", is_flag=True, help="Don't write to the ledger.")
@config_option
@click.pass_context
def command(
    invoked: click.Context,
    claims: tuple[str, ...],
    populations: tuple[str, ...],
    detector_name: str,
    trust: Path | None,
    seed: int | None,
    plan: bool,
    record: str | None,
    output: str,
    no_record: bool,
    config: Path | None,
) -> int:
    """Test claims: supported, refuted or inconclusive.

    Without arguments, every claim of the selected controls. A control's id, CONTROL/ASSESSMENT, or a YAML file picks some.

    With --replay, a recorded run is repeated with its seed, its population and its detector, and compared: inputs, media, scores, figures.

    Exit codes: 0 all supported, 1 any refuted, 3 any inconclusive or impossible to test. With --replay: 0 reproduced, 1 inputs or
    figures are others, 3 it could not be run again. With --plan: 0 each can be tested, 3 a population isn't there or no
    look is left.

    \b
    Example: averment prove SM-DET-03
             averment prove SM-PRV-01 --population generated-media=s3://shop-media/generated/ --trust anchors.pem
             averment prove --plan
             averment prove --replay 5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11
    """
    from averment.api.proving import plan_claims, prove

    if record is not None:
        if claims or plan or seed is not None:
            raise BadInputError("--replay takes its claim and its seed from the record", fix="leave out the claims, --plan and --seed")
        named = detector_name if invoked.get_parameter_source("detector_name") is not click.core.ParameterSource.DEFAULT else None
        return _replayed(record, config, _named(populations), trust, named, output)
    organisation = organisation_for(config)
    if plan:
        return _planned(plan_claims(*claims, organisation=organisation, populations=_named(populations)), output)
    proved = prove(
        *claims,
        organisation=organisation,
        populations=_named(populations),
        detector=detector_name,
        trust=trust,
        seed=seed,
        record=not no_record,
        on_note=note,
        on_progress=_tell,
    )
    if proved.records:
        stderr.print(f"recorded {len(proved.records)} in {organisation.evidence.ledger}", markup=False)
    if proved.outcomes:
        _show(proved.outcomes, proved.records, output)
    return proved.conclusion.exit_code


def _tell(progress: Progress) -> None:
    """The outcome of each claim, as it comes."""
    stderr.print(f"{progress.done}/{progress.total} {progress.doing}", markup=False)


def _replayed(
    record: str, config: Path | None, populations: Mapping[str, str], trust: Path | None, detector: str | None, output: str
) -> int:
    """Run the claim of a record again, and show what came of it: of a file out of a package, or of the ledger's record with that id."""
    from averment.api.proving import replay
    from averment.cli.prove_replay import show_replay

    found = replay(record, organisation=config, populations=populations, detector=detector, trust=trust)
    if output == "json":
        click.echo(json.dumps(found.to_json(), indent=2, sort_keys=True))
    else:
        show_replay(found)
    return found.exit_code


def _named(populations: Sequence[str]) -> dict[str, str]:
    fix = "write --population published-media=s3://bucket/prefix"
    return named_values(populations, wrong="--population {} is not NAME=PLACE", fix=fix, empty=False)


def _show(outcomes: Sequence[Outcome], recorded: Mapping[str, str], output: str) -> None:
    if output == "json":
        click.echo(
            json.dumps([{**outcome.to_json(), "record": recorded.get(outcome.id)} for outcome in outcomes], indent=2, sort_keys=True)
        )
        return
    console = stdout()
    for outcome in outcomes:
        result = outcome.result
        if result is None:
            console.print(f"[bold]{escape(outcome.id)}[/bold]  [yellow]could not be tested[/yellow]")
            console.print(f"  {outcome.error.diagnostics() if outcome.error else ''}\n", markup=False)
            continue
        console.print(f"[bold]{escape(outcome.id)}[/bold]  [{_STYLES[result.verdict]}]{result.verdict}[/{_STYLES[result.verdict]}]")
        interval, span = result.interval, ""
        if interval is not None:
            level = f"{interval.confidence * 100:g} % interval " if interval.confidence < 1 else ""
            known = interval.low == interval.high == result.estimate  # all there is was looked at: a point, and no interval
            span = f" ({interval.method})" if known else f", {level}{interval.low:.4f} to {interval.high:.4f} ({interval.method})"
        figure = "none" if result.estimate is None else f"{result.estimate:.4f}"
        lines = [
            f"claim     {result.statement}",
            f"estimate  {figure}{span}",
            f"sample    {result.samples:,} media, {counted(result.clusters, 'independent unit')}; seed {result.seed}",
            f"reason    {result.reason}",
        ]
        for check in result.details.get("checks") or ():
            lines += [f"check     {check['check']}: {check['outcome']} ({check['reason']})", *_examples(check)]
        if result.needed is not None:
            lines.append(_to_settle(result.needed, result.estimate))
        if outcome.id in recorded:
            lines.append(f"record    {recorded[outcome.id]}")
        for line in lines:
            console.print(f"  {printable(line)}", markup=False)  # a generator's name may hold the line of another verdict
        console.print()


def _examples(check: Mapping[str, Any]) -> list[str]:
    """The first of what breaks a check or keeps it open, a line each, and how many more there are."""
    count = check["broken"] or check["open"]
    shown = check["examples"][: min(MAX_EXAMPLES, count)]
    more = [f"          and {count - len(shown):,} more"] if shown and count > len(shown) else []
    return [*(f"          {example}" for example in shown), *more]


def _to_settle(needed: int, estimate: float | None) -> str:
    """How many units would settle a claim: as the estimate goes, or the least that can, where nothing was estimated."""
    units = counted(needed, "independent unit")
    return f"to settle at least {units}" if estimate is None else f"to settle about {units}, if the truth is as estimated"


def _planned(plans: Mapping[str, ClaimPlan], output: str) -> int:
    """Show the plans; 3 where a claim can't be tested yet, or none was asked for."""
    if not plans:
        stderr.print("no selected control states a claim: there is nothing to plan")
        return ExitCode.INCOMPLETE
    _show_plans(plans, output)
    lacks = list(dict.fromkeys(why for found in plans.values() for why in found.lacks))
    for why in lacks if output == "json" else ():  # the table says it below each plan
        note(f"can't be tested yet: {why}")
    return ExitCode.INCOMPLETE if lacks else ExitCode.CLEAN


def _show_plans(plans: Mapping[str, ClaimPlan], output: str) -> None:
    if output == "json":
        click.echo(json.dumps({name: plan.to_json() for name, plan in plans.items()}, indent=2, sort_keys=True))
        return
    console = stdout()
    for name, plan in plans.items():
        console.print(f"[bold]{escape(name)}[/bold]")
        console.print(f"  {plan.statement}", markup=False)
        least = (
            "no sample can show it, only a count of everything"
            if plan.least is None
            else f"at least {plan.least:,} {plan.unit}, without one error"
        )
        if plan.least is not None or not plan.lacks:
            console.print(f"  {least}", markup=False)
        for truth, needed in plan.needs:
            console.print(f"  {needed:>10,} {plan.unit}, if the truth is {truth:g} (80 % chance of an answer)", markup=False)
        if plan.note and plan.needs:
            console.print(f"  {plan.note}", markup=False)
        for why in plan.lacks:
            console.print(f"  can't be tested yet: {why}", markup=False)
        console.print()
