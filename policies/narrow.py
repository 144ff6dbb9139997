"""From everything that a check found to what counts here and now: paths left out, the baseline, what changed, the severity.

In this order, so that an entry of the baseline isn't called stale only because its finding is below the threshold or outside the change.
Nothing goes without being counted.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from averment.core.files import relative_posix
from averment.core.words import Severity, Verdict
from averment.policies.baseline import Baseline, Looked, against
from averment.policies.changed import Changed, only_changed
from averment.policies.engine import CheckResult, tally


def skipping(patterns: Sequence[str], root: Path) -> Callable[[str], str | None]:
    """A function that says of a file which of ``patterns`` leaves it out, as a reason; None if none does.

    A pattern is as in a shell (``*`` also takes ``/``), on the path relative to ``root``. One that names a folder takes in all below;
    one that begins with ``*/`` or ``**/`` also matches at the top.
    """
    if not patterns:
        return lambda _file: None
    tops = os.path.abspath(root)  # noqa: PTH100  (a link's own name is what patterns mean)

    known = [(pattern, _forms(pattern.rstrip("/"))) for pattern in patterns]

    def reason(file: str) -> str | None:
        relative = relative_posix(os.path.abspath(file), tops)  # noqa: PTH100
        parts = relative.split("/")
        names = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        for pattern, forms in known:
            if any(fnmatch.fnmatchcase(name, form) for name in names for form in forms):
                return f"left out by the pattern {pattern}"
        return None

    return reason


def _forms(pattern: str) -> set[str]:
    """``pattern`` and what it stands for at the top and for a folder itself."""
    forms = {pattern, pattern.removeprefix("**/"), pattern.removeprefix("*/")}
    return forms | {form.removesuffix("/**") for form in forms}


def narrowed(
    result: CheckResult,
    *,
    rules: Sequence[str],
    paths: Sequence[Path],
    skip: Callable[[str], str | None] | None = None,
    less: bool = False,
    baseline: Baseline | None = None,
    changed: Changed | None = None,
    severity: Severity = Severity.LOW,
) -> CheckResult:
    """``result`` (of a check without a threshold) narrowed to what counts; ``rules`` and ``paths`` are what was checked, ``less`` than
    usual where more is left out than averment.yaml says."""
    if skip is not None:
        findings = tuple(finding for finding in result.findings if finding.where.file is None or skip(finding.where.file) is None)
        problems = tuple(problem for problem in result.problems if problem.where.file is None or skip(problem.where.file) is None)
        dropped = sum(finding.verdict is not Verdict.PASS for finding in result.findings) - sum(
            finding.verdict is not Verdict.PASS for finding in findings
        )
        said = (f"{dropped} findings in paths that are left out are not shown",) if dropped else ()
        result = replace(result, findings=findings, problems=problems, notes=(*result.notes, *said))
    if baseline is not None:
        result = against(baseline, result, Looked(rules, paths, skip, less))
    if changed is not None:
        result = only_changed(changed, result)
    return tally(result.findings, result.problems, result.counts, severity, result.notes, result.skipped)
