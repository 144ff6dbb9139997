"""``averment check``: infrastructure as code, before merge."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from averment.cli.common import config_option, organisation_for, stderr
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.files import write_atomic
from averment.core.words import Severity
from averment.policies.engine import CheckResult, FailOn, Options, check
from averment.policies.report.interface import Report
from averment.policies.report.registry import FORMATS, format_named
from averment.policies.report.table import TableFormat
from averment.policies.rules.registry import all_rules

_FORMAT_NAMES = [item.name for item in FORMATS]


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--format", "-f", "format_name", type=click.Choice(_FORMAT_NAMES), default="table", show_default=True, help="How to show the result."
)
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    metavar="[FORMAT=]FILE",
    help="Write to a file; repeat it for several, as in -o sarif=out.sarif.",
)
@config_option
@click.option(
    "--severity",
    type=click.Choice([item.value for item in Severity]),
    default="low",
    show_default=True,
    help="The least grave findings to report.",
)
@click.option(
    "--fail-on",
    type=click.Choice([item.value for item in FailOn]),
    default="fail",
    show_default=True,
    help="What makes the exit code 1: failures, also what could not be told, or nothing.",
)
@click.option("--rule", "rules", multiple=True, metavar="PATTERN", help="Only rules whose id, or control, matches; repeat it for several.")
@click.option(
    "--engine",
    type=click.Choice(["native", "checkov"]),
    default="native",
    show_default=True,
    help="Run the rules here, or through Checkov (slower; needs averment[checkov]).",
)
@click.option(
    "--plan",
    "plans",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check a plan: terraform show -json plan.out > FILE.",
)
def command(
    paths: tuple[Path, ...],
    format_name: str,
    outputs: tuple[str, ...],
    config: Path | None,
    severity: str,
    fail_on: str,
    rules: tuple[str, ...],
    engine: str,
    plans: tuple[Path, ...],
) -> int:
    """Check Terraform, plans and CloudFormation under each PATH (default: here).

    What can't be told is reported as such, never as a pass. Exit codes: 0 clean, 1 findings, 2 bad input, 3 something could
    not be checked.

    \b
    Examples:
      averment check infrastructure/
      averment check . -o sarif=averment.sarif -o junit=averment.xml
      averment check --plan plan.json --fail-on unknown
    """
    targets = [*paths, *plans] or [Path()]
    organisation = organisation_for(config, _start(targets))
    catalogue = load_catalogue(organisation)
    chosen = all_rules()
    files = [_output(text, format_name) for text in outputs]
    result = _engine(engine)(targets, chosen, organisation, catalogue, Options(severity=Severity(severity), rules=rules))
    report = Report(result, {rule.id: rule for rule in chosen}, catalogue, profile=organisation.profile)
    for name, file in files:
        write_atomic(file, format_named(name).render(report).encode())
        stderr.print(f"wrote {file}", style="dim")
    if not files or any(name != format_name for name, _ in files):
        click.echo(_on_screen().render(report) if format_name == "table" else format_named(format_name).render(report), nl=False)
    return int(result.exit_code(FailOn(fail_on)))


def _engine(name: str) -> Callable[..., CheckResult]:
    """The function that checks; Checkov is slow to import, so only on demand."""
    if name == "native":
        return check
    from averment.policies.surfaces.checkov.engine import check_with_checkov

    return check_with_checkov


def _start(targets: list[Path]) -> Path:
    """Where the search for averment.yaml begins: the first path's folder."""
    first = targets[0]
    return first if first.is_dir() else first.parent


def _output(text: str, default: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not sign:
        return default, Path(text)
    if name not in _FORMAT_NAMES:
        raise BadInputError(f"there is no format '{name}' in -o {text}", fix=f"choose one of: {', '.join(_FORMAT_NAMES)}")
    return name, Path(file)


def _on_screen() -> TableFormat:
    """The table with the terminal's colours and width; plain where it isn't one."""
    if not sys.stdout.isatty():
        return TableFormat()
    return TableFormat(colour=True, width=min(shutil.get_terminal_size().columns, 140))
