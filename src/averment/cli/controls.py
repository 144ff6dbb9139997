"""``averment controls``: the catalogue, the law behind it, and whether everything in it is implemented."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, day_option, organisation_for, print_document, stderr, stdout
from averment.cli.completion import control_ids
from averment.cli.controls_import import command as import_command
from averment.cli.crosswalk import command as crosswalk_command
from averment.controls.binding import Judgement, Standing, judge_control
from averment.controls.describe import control_json, means
from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue, Control
from averment.core.errors import BadInputError, ExitCode
from averment.core.period import utc_now
from averment.core.showing import printable
from averment.core.words import counted

format_option = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)

_CONDITIONED = (Standing.BINDS, Standing.LATER)
"""Standings beside which a reference's condition is shown; the reason of the others says it."""


@click.group()
def command() -> None:
    """List, show, compare, map and lint the controls and the law behind them.

    Example: averment controls list --binding-on 2026-12-02
    """


command.add_command(crosswalk_command)
command.add_command(import_command)


@command.command("list")
@day_option("--binding-on", "Only controls with a reference that binds this organisation on that day.")
@format_option
@config_option
def list_command(binding_on: date | None, form: str, config: Path | None) -> int:
    """List the controls, or those that the law makes binding on a day, given the organisation's profile.

    Example: averment controls list --binding-on 2026-12-02 --format json
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    day = binding_on or utc_now().date()
    judged = {control.id: judge_control(catalogue, control.id, organisation.profile, day) for control in catalogue}
    if binding_on is not None:
        shown = [control for control in catalogue if _with(judged[control.id], Standing.BINDS)]
        open_ones = [control for control in catalogue if control not in shown and _with(judged[control.id], Standing.OPEN)]
    else:
        shown, open_ones = list(catalogue), []
    if form == "json":
        controls = [control_json(catalogue, control, judged[control.id]) for control in shown]
        value = {
            "as_of": day.isoformat(),
            "profile": dict(organisation.profile),
            "controls": controls,
            "left_out": list(catalogue.left_out),
        }
        if binding_on is not None:
            value["may_bind"] = [control_json(catalogue, control, judged[control.id]) for control in open_ones]
        print_document(json.dumps(value, indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    _table(catalogue, shown, judged, Standing.BINDS if binding_on else None, title="")
    if open_ones:
        _table(catalogue, open_ones, judged, Standing.OPEN, title=f"May bind on {day}: a fact or a judgement is missing")
    _notes(catalogue, shown, day if binding_on else None, stated=bool(organisation.profile))
    return ExitCode.CLEAN


def _with(judgements: tuple[Judgement, ...], standing: Standing) -> list[Judgement]:
    return [item for item in judgements if item.standing is standing]


def _table(
    catalogue: Catalogue, controls: list[Control], judged: dict[str, tuple[Judgement, ...]], standing: Standing | None, *, title: str
) -> None:
    if not controls:
        return
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    headings = ("id", "severity", "owner", "title") if standing is None else ("id", "title", "because of", "standing")
    for heading in headings:
        table.add_column(heading, no_wrap=heading in {"id", "severity"})
    for control in controls:
        mark = " *" if control.weakened else ""
        if standing is None:
            table.add_row(control.id + mark, control.severity, control.owner, escape(control.title))
            continue
        found = _with(judged[control.id], standing)
        for index, item in enumerate(found):
            name = (control.id + mark, escape(control.title)) if index == 0 else ("", "")
            table.add_row(*name, escape(catalogue.cite(item.reference).rsplit(",", 1)[0]), escape(item.reason))
    stdout(width=None if stdout().is_terminal else 200).print(table)


def _notes(catalogue: Catalogue, shown: list[Control], day: date | None, *, stated: bool) -> None:
    if day is not None and not shown:
        stderr.print(f"No control has a reference that binds this organisation on {day}.")
    if day is not None and not stated:
        stderr.print("The organisation's profile states no facts (provider, deployer, ...); add organisation.profile to averment.yaml.")
    for control in shown:
        for change in control.weakened:
            stderr.print(f"* {control.id} is weakened by an overlay: {change}", markup=False)
    if catalogue.left_out:
        stderr.print(f"Not selected in averment.yaml: {', '.join(catalogue.left_out)}")
    if day is not None:
        stderr.print("Stated by the organisation's own profile; not legal advice.")


@command.command("show")
@click.argument("control_id", metavar="ID", shell_complete=control_ids)
@format_option
@config_option
def show_command(control_id: str, form: str, config: Path | None) -> int:
    """Show one control: objective, law with its standing today, assessments, remediation.

    Example: averment controls show SM-UPL-03
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    control = catalogue.get(control_id.upper())
    if control is None:
        unselected = " (it is not selected in averment.yaml)" if control_id.upper() in catalogue.left_out else ""
        raise BadInputError(f"there is no control '{control_id}'{unselected}", fix=f"known controls: {', '.join(c.id for c in catalogue)}")
    day = utc_now().date()
    judgements = judge_control(catalogue, control.id, organisation.profile, day)
    if form == "json":
        print_document(json.dumps(control_json(catalogue, control, judgements), indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    _show(catalogue, control, judgements, day)
    return ExitCode.CLEAN


def _show(catalogue: Catalogue, control: Control, judgements: tuple[Judgement, ...], day: date) -> None:
    out = stdout(width=None if stdout().is_terminal else 200)
    out.soft_wrap = False
    out.print(f"[bold]{control.id}  {escape(control.title)}[/bold]")
    out.print(f"{control.severity} · {control.owner} · {escape(control.cadence)} · {control.where}\n")
    out.print(f"[bold]Objective[/bold]  {escape(control.objective)}\n")
    out.print(f"[bold]Why[/bold]  {escape(control.rationale)}\n")
    law = Table(box=box.SIMPLE_HEAD, title=f"Law and standards, as of {day}", title_justify="left", pad_edge=False)
    for heading in ("reference", "what it says", "standing", "why"):
        law.add_column(heading)
    for item in judgements:
        provision = catalogue.provision(item.reference)
        title = provision.title if provision else "unknown provision"
        more = f"; condition: {item.reference.condition}" if item.reference.condition and item.standing in _CONDITIONED else ""
        law.add_row(escape(catalogue.cite(item.reference).rsplit(",", 1)[0]), escape(title), item.standing, escape(item.reason + more))
    out.print(law)
    table = Table(box=box.SIMPLE_HEAD, title="Assessments", title_justify="left", pad_edge=False)
    for heading in ("id", "method", "what it looks at", "how"):
        table.add_column(heading)
    for assessment in control.assessments:
        table.add_row(assessment.id, assessment.method, escape(assessment.title), escape(means(assessment)))
    out.print(table)
    for number, step in enumerate(control.steps, 1):
        out.print(f"{number}. {step}", markup=False)
    for change in control.weakened:
        out.print(f"Weakened by an overlay: {change}", style="yellow", markup=False)
    for change in control.tailored:
        out.print(f"Tailored by an overlay: {change}", markup=False)


@command.command("diff")
@format_option
@config_option
def diff_command(form: str, config: Path | None) -> int:
    """Show what this organisation changes in the controls as shipped: left out, weakened (with the reason), tailored.

    Example: averment controls diff --format json
    """
    catalogue = load_catalogue(organisation_for(config))
    changed = {control.id: {"weakened": control.weakened, "tailored": control.tailored} for control in catalogue if _changed(control)}
    if form == "json":
        print_document(json.dumps({"left_out": catalogue.left_out, "changed": changed}, indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    for control_id in catalogue.left_out:
        click.echo(f"{control_id}: left out")
    for control_id, changes in changed.items():
        for kind, lines in changes.items():
            for line in lines:
                click.echo(printable(f"{control_id}: {kind}: {line}"))
    if not catalogue.left_out and not changed:
        stderr.print("Every control is selected as shipped.")
    return ExitCode.CLEAN


def _changed(control: Control) -> bool:
    return bool(control.weakened or control.tailored)


@command.command("lint")
@format_option
@config_option
def lint_command(form: str, config: Path | None) -> int:
    """Check that every reference resolves, every assessment is implemented, every control can fail, and no rule is unused.

    Noted as well, without changing the exit code: controls that rest on people's statements alone, waivers that have ended, and assessments
    that wait for averment.yaml to say what counts (which keys, roles, endpoints).

    Example: averment controls lint
    """
    from averment.controls.lint import lint, lint_scope, lint_waivers
    from averment.governance.known import known_parts

    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    known = known_parts(organisation)
    scoped = lint_scope(organisation, catalogue, known) if organisation.file is not None else ()
    problems = (*lint(catalogue, known), *lint_waivers(organisation, load_catalogue(), known, utc_now().date()), *scoped)
    wrong = [item for item in problems if not item.advice]
    if form == "json":
        rows = [
            {"code": item.code, "message": item.message, "where": str(item.where), "fix": item.fix, "advice": item.advice}
            for item in problems
        ]
        print_document(json.dumps({"controls": len(catalogue.controls), "problems": rows}, indent=2, ensure_ascii=False))
    else:
        for item in problems:
            place = f"{item.where}: " if item.where.file else ""
            note = "note: " if item.advice else ""
            click.echo(printable(f"{place}{note}{item.message} [{item.code}]"))
            if item.fix and not item.advice:
                click.echo(printable(f"  fix: {item.fix}"))
        assessments = sum(len(control.assessments) for control in catalogue)
        notes = f", {counted(len(problems) - len(wrong), 'note')}" if len(problems) > len(wrong) else ""
        stderr.print(
            f"{counted(len(catalogue.controls), 'control')}, {counted(assessments, 'assessment')}, {counted(len(wrong), 'problem')}{notes}"
        )
    return ExitCode.FINDINGS if wrong else ExitCode.CLEAN
