"""``averment check``: infrastructure as code, before merge."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from averment.api.checking import Checked, PreparedCheck, prepare, start_of
from averment.cli.check_cache import cache_for, tell
from averment.cli.common import NamedPath, organisation_for, print_document, rules_aside, stderr
from averment.cli.manners import colours
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.files import MAX_TEXT_BYTES, real, relative_posix, write_atomic
from averment.core.source import SourceRef
from averment.core.words import Severity, counted
from averment.policies.engine import CheckResult, FailOn
from averment.policies.job import Asked, Job
from averment.policies.report.interface import Report
from averment.policies.report.registry import FORMAT_NAMES, format_named
from averment.policies.report.table import TableFormat


@click.command()
@click.argument("paths", nargs=-1, type=NamedPath(path_type=Path), metavar="[PATH]...")
@click.option(
    "--format", "-f", "format_name", type=click.Choice(FORMAT_NAMES), default="table", show_default=True, help="How to show the result."
)
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    metavar="[FORMAT=]FILE",
    help="Write to a file; repeat it for several, as in -o sarif=out.sarif.",
)
@click.option("--verbose", "-v", is_flag=True, help="In the table, cite every reference, repeat every fix, and name what was left out.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The organisation's averment.yaml; by default the nearest one from the first PATH upward.",
)
@click.option(
    "--severity", type=click.Choice([item.value for item in Severity]), help="The least grave findings to report.  [default: low]"
)
@click.option(
    "--fail-on",
    type=click.Choice([item.value for item in FailOn]),
    help="What makes the exit code 1: failures, also what could not be told, or nothing.  [default: fail]",
)
@click.option("--exit-zero", is_flag=True, help="Report, but exit with 0 whatever fails (as --fail-on never); 3 stays 3.")
@click.option("--rule", "patterns", multiple=True, metavar="PATTERN", help="Only rules whose id, or control, matches; may be repeated.")
@click.option(
    "--rules",
    "rule_folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also the rules of your own in this folder, which are code and get run; may be repeated.",
)
@click.option("--no-own-rules", is_flag=True, help="Only the rules that ship with averment: for code that you don't trust.")
@click.option("--skip", multiple=True, metavar="PATTERN", help="Leave out paths that match, as in --skip 'examples/*'; may be repeated.")
@click.option("--baseline", type=click.Path(path_type=Path, dir_okay=False), help="Findings that this file lists are known, and not open.")
@click.option("--no-baseline", is_flag=True, help="Ignore the baseline that averment.yaml names.")
@click.option("--write-baseline", type=NamedPath(path_type=Path, dir_okay=False), metavar="FILE", help="List all that is found in FILE.")
@click.option("--changed-since", metavar="REV", help="Only findings in files that changed since the branch left REV; all is read.")
@click.option("--fix", "mend", is_flag=True, help="Write the fixes that are mechanical, then check again.")
@click.option("--diff", is_flag=True, help="With --fix: show what it would write, and write nothing.")
@click.option(
    "--engine",
    type=click.Choice(["native", "checkov"]),
    default="native",
    show_default=True,
    help="Run the rules here, or through Checkov (slower; needs averment[checkov]).",
)
@click.option("--no-cache", is_flag=True, help="Read everything anew, and keep nothing.")
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="AVERMENT_CACHE_DIR",
    show_envvar=True,
    help="Where what didn't change is remembered.  [default: averment in the user's cache folder]",
)
@click.option(
    "--plan",
    "plans",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check a plan: terraform show -json plan.out > FILE.",
)
def command(**given: Any) -> int:
    """Check Terraform, plans and CloudFormation under each PATH (default: here).

    What can't be told is reported as such, never as a pass. Exit codes: 0 clean, 1 findings, 2 bad input, 3 something could
    not be checked. The check: section of averment.yaml sets what options don't.

    \b
    Examples:
      averment check infrastructure/
      averment check . -o sarif=averment.sarif -o junit=averment.xml
      averment check --plan plan.json --fail-on unknown
      averment check --write-baseline averment-baseline.json
      averment check --changed-since origin/main -f markdown
      averment check --fix --diff
    """
    return _run(_Given(**given))


@dataclass(frozen=True)
class _Given:
    """The options and arguments, by the names that Click hands them over with."""

    paths: tuple[Path, ...]
    format_name: str
    outputs: tuple[str, ...]
    verbose: bool
    config: Path | None
    severity: str | None
    fail_on: str | None
    exit_zero: bool
    patterns: tuple[str, ...]
    rule_folders: tuple[Path, ...]
    no_own_rules: bool
    skip: tuple[str, ...]
    baseline: Path | None
    no_baseline: bool
    write_baseline: Path | None
    changed_since: str | None
    mend: bool
    diff: bool
    engine: str
    no_cache: bool
    cache_dir: Path | None
    plans: tuple[Path, ...]

    @property
    def targets(self) -> list[Path]:
        """What to check."""
        return [*self.paths, *self.plans] or [Path()]


def _run(given: _Given) -> int:
    _refuse_contradictions(vars(given))
    _refuse_other_than_plans(given.plans)
    files = [_output(text, given.format_name) for text in given.outputs]
    _refuse_overwriting(given, [file for _, file in files])
    with rules_aside():
        prepared = _prepared(given)
    if prepared.own:
        stderr.print(f"with {prepared.own} rule{'s' if prepared.own > 1 else ''} that averment does not ship", style="dim")
    job = prepared.job
    read_at = time.time()
    with rules_aside():
        checked = prepared.told(_write_baseline(job, given.write_baseline)) if given.write_baseline is not None else prepared.run()
    if given.mend:
        checked = prepared.told(_mend(job, checked.result, read_at, show=given.diff))
    if job.cache is not None:
        tell(job.cache)
    _deliver(checked.report, given.format_name, files, verbose=given.verbose, screen=not given.diff)
    return _exit_code(checked)


def _prepared(given: _Given) -> PreparedCheck:
    """What is to be done, by the options and the settings in averment.yaml."""
    cache = None if given.no_cache or given.engine != "native" else cache_for(given.targets, given.cache_dir)
    asked = Asked(
        severity=Severity(given.severity) if given.severity else None,
        fail_on=FailOn.NEVER if given.exit_zero else FailOn(given.fail_on) if given.fail_on else None,
        patterns=given.patterns,
        skip=given.skip,
        baseline=given.baseline,
        no_baseline=given.no_baseline or given.write_baseline is not None,
        changed_since=_since(given.changed_since),
    )
    organisation = organisation_for(given.config, start_of(given.targets))
    return prepare(given.targets, organisation, asked, given.rule_folders, not given.no_own_rules, given.engine, cache)


def _since(rev: str | None) -> str | None:
    """The revision to compare with: where pre-commit looks at a range of commits (``--from-ref``, a push), what the range began at.

    All of it is committed, so that a hook which compares with HEAD would find nothing changed. A push to where nothing of it is yet begins at
    nothing, and all counts.
    """
    if rev != "HEAD":
        return rev
    begun = os.environ.get("PRE_COMMIT_FROM_REF")
    return begun or (None if os.environ.get("PRE_COMMIT_REMOTE_NAME") else rev)


_CONTRADICTIONS = (
    ("exit_zero", "fail_on"),
    ("no_baseline", "baseline"),
    ("write_baseline", "baseline"),
    ("write_baseline", "changed_since"),
    ("write_baseline", "mend"),
    ("no_own_rules", "rule_folders"),
)


def _refuse_contradictions(given: Mapping[str, Any]) -> None:
    """Refuse options that can't both hold, whatever each of them would have done."""
    for first, second in _CONTRADICTIONS:
        if given[first] and given[second]:
            names = [f"--{_NAMES.get(name, name).replace('_', '-')}" for name in (first, second)]
            raise BadInputError(f"{' and '.join(names)} can't be used together", fix="leave one of them out")
    if given["diff"] and not given["mend"]:
        raise BadInputError("--diff shows what --fix would write", fix="averment check --fix --diff")


def _refuse_other_than_plans(plans: tuple[Path, ...]) -> None:
    """Refuse what was called a plan and is none: beside what else is checked it would be passed over."""
    for path in plans:
        if not path.exists():
            raise BadInputError("does not exist", where=SourceRef(str(path)), fix="check the path")
        from averment.policies.surfaces.plan import PlanSurface  # most checks are asked about no plan

        too_large = path.is_file() and path.stat().st_size > MAX_TEXT_BYTES  # refused aloud where it is read
        if not too_large and not PlanSurface().recognises(path):
            reason = "is not a plan in JSON, with a name that ends in .json"
            raise BadInputError(reason, where=SourceRef(str(path)), fix="terraform show -json plan.out > plan.json")


_WRITTEN_BY_PEOPLE = (".tf", ".tofu", ".tfvars", ".hcl", ".yaml", ".yml", ".py", ".js", ".ts")
"""What no format of a report is called, and what is checked is."""


def _refuse_overwriting(given: _Given, files: Sequence[Path]) -> None:
    """Refuse an output that would take the place of another one, or of something that is read: a slip must cost nobody their files."""
    named = (*given.paths, *given.plans, given.config, given.baseline, given.write_baseline)
    taken = {real(path) for path in named if path is not None}
    for file in files:
        if file.exists() and not file.is_file():
            continue  # a pipe or a device takes more than one
        if real(file) in taken or (file.exists() and (file.name.lower().endswith(_WRITTEN_BY_PEOPLE) or _other_json(file))):
            reason = "is another output, or something that is read or no earlier report, and was left as it is"
            raise BadInputError(reason, where=SourceRef(str(file)), fix="name another file behind -o")
        taken.add(real(file))


_OF_REPORTS = (b'"urn:averment:schema:check:', b"sarif", b'"runs"', b'"check_name"')
"""Near the beginning of each report in JSON, whichever tool wrote it."""
_MOST_OF_A_HEAD = 64 * 1024


def _other_json(file: Path) -> bool:
    """Whether ``file`` holds JSON that is no report: a template, a plan or a baseline is called as reports are."""
    with file.open("rb") as stream:
        head = stream.read(_MOST_OF_A_HEAD).removeprefix(codecs.BOM_UTF8).strip()
    return head.startswith((b"{", b"[")) and head not in (b"{}", b"[]") and not any(mark in head for mark in _OF_REPORTS)


_NAMES = {"mend": "fix", "rule_folders": "rules"}
"""Parameters that are called otherwise than their options."""


def _mend(job: Job, result: CheckResult, read_at: float, *, show: bool) -> CheckResult:
    """Write the mechanical fixes and check again, or only show them."""
    from averment.cli import check_fix

    if show:
        check_fix.show_fixes(job, result, read_at)
        return result
    with rules_aside():
        return check_fix.write_fixes(job, result, read_at)


def _write_baseline(job: Job, path: Path) -> CheckResult:
    result, number = job.write_baseline(path)
    named = relative_posix(real(path), real(job.organisation.root))
    stderr.print(
        f"wrote {path} with {counted(number, 'finding')}; name it in averment.yaml (check: {{baseline: {named}}}) or with --baseline",
        markup=False,
    )
    return result


def _deliver(report: Report, format_name: str, files: Sequence[tuple[str, Path]], *, verbose: bool, screen: bool) -> None:
    """Write the files, and show the rest unless the screen is taken (by a diff). A file that can't be written costs neither the others nor the screen."""
    refused: list[IncompleteError] = []
    for name, file in files:
        text = TableFormat(full=verbose).render(report) if name == "table" else format_named(name).render(report)
        try:  # a name that is no text comes out as \udcff, which in JSON is what it was
            write_atomic(file, text.encode("utf-8", "backslashreplace"))
        except IncompleteError as error:
            refused.append(error)
            continue
        stderr.print(f"wrote {file}", style="dim", markup=False)  # a name may hold brackets
        if (lacking := format_named(name).left_out(report)) is not None:
            stderr.print(f"{file}: {lacking}", style="yellow", markup=False)
    if screen and (refused or not files or any(name != format_name for name, _ in files)):
        if format_name == "table":
            click.echo(_on_screen(verbose).render(report), nl=False)
        else:
            print_document(format_named(format_name).render(report), nl=False)
    for earlier in refused[:-1]:  # the last ends the run, and is told by it
        click.echo(f"averment: {earlier.diagnostics()}", err=True)
    if refused:
        raise refused[-1]


def _exit_code(checked: Checked) -> int:
    code = checked.conclusion.exit_code
    if checked.fail_on is FailOn.NEVER and code is ExitCode.CLEAN and checked.failures:
        stderr.print(
            f"{counted(len(checked.failures), 'open finding')} {'does' if len(checked.failures) == 1 else 'do'} not fail this run (fail_on: never)",
            style="yellow",
        )
    return int(code)


def _output(text: str, default: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not sign:
        name, file = default, text
    if name not in FORMAT_NAMES:
        raise BadInputError(f"there is no format '{name}' in -o {text}", fix=f"choose one of: {', '.join(FORMAT_NAMES)}")
    if file == "-":
        raise BadInputError(f"-o {text!r} names no file", fix=f"leave -o out: -f {name} writes to stdout")
    if not file or Path(file).is_dir():
        raise BadInputError(f"-o {text!r} names no file", fix=f"name the file: -o {name}=findings.txt")
    return name, Path(file)


def _on_screen(full: bool) -> TableFormat:
    """The table with the terminal's colours and width; plain where it isn't one."""
    if not sys.stdout.isatty():
        return TableFormat(full=full)
    return TableFormat(colour=colours(), width=min(shutil.get_terminal_size().columns, 140), full=full)
