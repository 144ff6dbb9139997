"""Failures in examples, tests and stacks for development: told, since whoever deploys none of them wants to leave them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from averment.policies.interface import Finding

_ASIDE = frozenset(
    {"demo", "demos", "example", "examples", "sample", "samples", "test", "tests", "fixtures", "localstack", "playground", "docs"}
)
_ASIDE_AT_TOP = frozenset({"dev", "local", "sandbox"})
"""Further down (``environments/dev``) these are environments that somebody deploys."""


def aside_note(findings: Sequence[Finding], roots: Sequence[Path]) -> Iterator[str]:
    """A line that says how many open failures stand in such folders below ``roots``, and how to leave them out; none if none does."""
    failures = [finding for finding in findings if finding.counts]
    folders: Counter[str] = Counter()
    for finding in failures:
        if (folder := _folder(finding.where.file, roots)) is not None:
            folders[folder] += 1
    if folders:
        names = sorted(folders)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield (
            f"{folders.total()} of {len(failures)} failures stand under {', '.join(names[:3])}{more}, which looks like examples, tests or "
            f"development; if nobody deploys that, leave it out: --skip '{names[0]}/*', or check.skip in averment.yaml"
        )


def _folder(file: str | None, roots: Sequence[Path]) -> str | None:
    """The outermost such folder that ``file`` stands in, below the root that it was found under; None if it stands in none."""
    for root in roots:
        if file is None or not Path(file).is_relative_to(root):
            continue
        parts = Path(file).relative_to(root).parts[:-1]
        for number, part in enumerate(parts):
            if part.lower() in _ASIDE or (number == 0 and part.lower() in _ASIDE_AT_TOP):
                folder, here = Path(root, *parts[: number + 1]), Path.cwd()
                return (folder.relative_to(here) if folder.is_absolute() and folder.is_relative_to(here) else folder).as_posix()
    return None
