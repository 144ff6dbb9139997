"""``averment check --fix``: write what is mechanical, or show it, and say what is left."""

from __future__ import annotations

import click

from averment.cli.common import stderr
from averment.core.source import SourceRef
from averment.policies.engine import CheckResult
from averment.policies.fixing.apply import Mending, mended, write
from averment.policies.job import Job


def show_fixes(job: Job, result: CheckResult, read_at: float) -> None:
    """Print what ``write_fixes`` would write, as one diff; notes go to stderr."""
    mending = _mending(job, result, read_at)
    for file in mending.files:
        click.echo(file.diff(), nl=False)
    _refusals(mending)
    if not mending.files:
        stderr.print("nothing to fix mechanically")


def write_fixes(job: Job, result: CheckResult, read_at: float) -> CheckResult:
    """Write the mechanical fixes of the open failures of ``result``, and check again.

    Raises:
        IncompleteError: a file can't be written.
    """
    mending = _mending(job, result, read_at)
    write(mending)
    for file in mending.files:
        for edit in file.done:
            for change in (edit.change, *edit.change.also):
                stderr.print(f"fixed {file.file}: {edit.address}: {change}", style="green", markup=False)
    _refusals(mending)
    if not mending.files:
        stderr.print("nothing was fixed mechanically")
        return result
    after = job.run()
    stderr.print(_balance(result, after))
    return after


def _balance(before: CheckResult, after: CheckResult) -> str:
    """What became of the failures: a fix that leaves a question open isn't a failure that is gone."""
    failed = {(finding.rule, finding.resource, finding.where.file) for finding in before.failures}
    asked = sum((finding.rule, finding.resource, finding.where.file) in failed for finding in after.unknowns)
    gone = len(before.failures) - len(after.failures) - asked
    unclear = f", {asked} can't be told now" if asked else ""
    return f"{gone} of {len(before.failures)} open failures are gone{unclear}; see what is left"


def _mending(job: Job, result: CheckResult, read_at: float) -> Mending:
    return mended((edit for finding in result.failures for edit in finding.edits), job.paths, read_at, job.skip)


def _refusals(mending: Mending) -> None:
    for edit, reason in mending.refused:
        place = SourceRef(edit.file, edit.line)
        stderr.print(f"not fixed {place}: {edit.address}: {'.'.join(edit.change.path)}: {reason}", style="yellow", markup=False)
