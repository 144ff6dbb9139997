"""``averment controls crosswalk``: from provisions to controls, assessments and rules, and back, with the gaps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from averment.cli.common import config_option, day_option, organisation_for, print_document, stderr, stdout
from averment.controls.crosswalk import Row, crosswalk, crosswalk_json
from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue, Framework
from averment.core.errors import BadInputError, ExitCode
from averment.core.period import utc_now

WIDE = 200
"""Columns of a table in a pipe, where nothing is gained by folding."""


@click.command("crosswalk")
@click.option("--framework", "names", multiple=True, metavar="ID", help="Only this framework, such as eu-ai-act; may be repeated.")
@click.option("--by", type=click.Choice(["provision", "control"]), default="provision", show_default=True, help="Which way to read it.")
@click.option("--gaps", is_flag=True, help="Only the provisions that no selected control covers.")
@day_option("--on", "Show what binds on this day; today if left out.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
def command(names: tuple[str, ...], by: str, gaps: bool, on: date | None, form: str, config: Path | None) -> int:
    """Map provisions to controls, assessments and rules, and controls to provisions, and list what no control covers.

    The JSON holds both directions. A gap is not a breach: many provisions concern others, and the framework's file says so.

    \b
    Example: averment controls crosswalk --framework eu-ai-act
             averment controls crosswalk --by control --on 2026-12-02
             averment controls crosswalk --gaps
    """
    organisation = organisation_for(config)
    catalogue = load_catalogue(organisation)
    frameworks = _chosen(catalogue, names)
    day = on or utc_now().date()
    if form == "json":
        print_document(json.dumps(crosswalk_json(catalogue, frameworks, organisation.profile, day), indent=2, ensure_ascii=False))
        return ExitCode.CLEAN
    walks = [(framework, crosswalk(catalogue, framework, organisation.profile, day)) for framework in frameworks]
    if by == "control" and not gaps:
        _by_control(catalogue, [row for _, rows in walks for row in rows])
    else:
        for framework, rows in walks:
            _by_provision(framework, [] if gaps else [row for row in rows if not row.gap])
            _gaps(framework, [row for row in rows if row.gap])
    if catalogue.left_out:
        stderr.print(f"Not selected in averment.yaml, so mapped to nothing: {', '.join(catalogue.left_out)}")
    stderr.print(f"Standing on {day}, by the organisation's own profile; not legal advice.")
    return ExitCode.CLEAN


def _chosen(catalogue: Catalogue, names: Iterable[str]) -> list[Framework]:
    chosen = []
    for name in names:
        if name not in catalogue.frameworks:
            raise BadInputError(f"there is no framework '{name}'", fix=f"write one of {', '.join(catalogue.frameworks)}")
        chosen.append(catalogue.frameworks[name])
    return chosen or list(catalogue.frameworks.values())


def _label(row: Row) -> str:
    draft = f" (draft {row.provision.draft})" if row.provision.draft else ""
    unsure = " (unconfirmed)" if not row.provision.confirmed else ""
    return f"{row.provision.label}{draft}{unsure}"


def _table(title: str, *headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=escape(title), title_justify="left", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _print(table: Table) -> None:
    stdout(width=None if stdout().is_terminal else WIDE).print(table)


def _by_provision(framework: Framework, rows: list[Row]) -> None:
    if not rows:
        return
    table = _table(f"{framework.title}: {framework.version}", "provision", "standing", "control", "assessments", "rules")
    for row in rows:
        for index, item in enumerate(row.mapped):
            control = item.control
            first = (escape(_label(row)), str(row.standing)) if index == 0 else ("", "")
            kinds = ", ".join(assessment.id for assessment in control.assessments)
            table.add_row(*first, control.id, kinds, ", ".join(control.rules))
    _print(table)


def _gaps(framework: Framework, rows: list[Row]) -> None:
    if not rows:
        return
    table = _table(f"{framework.title}: covered by no control", "provision", "what it says", "why")
    for row in rows:
        table.add_row(escape(_label(row)), escape(row.provision.title), escape(row.gap or ""))
    _print(table)


def _by_control(catalogue: Catalogue, rows: list[Row]) -> None:
    table = _table("", "control", "title", "provisions", "rules")
    for control in catalogue:
        cited: dict[str, list[str]] = {}
        for row in rows:
            for item in row.mapped:
                if item.control.id == control.id:
                    cited.setdefault(row.framework.title, []).append(f"{row.provision.label} {item.judgement.standing}")
        words = "\n".join(f"{title}: {', '.join(items)}" for title, items in cited.items())
        table.add_row(control.id, escape(control.title), escape(words) or "none", "\n".join(control.rules))
    _print(table)
