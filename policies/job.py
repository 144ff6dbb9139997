"""A check as it is asked for: the settings of ``averment.yaml``, what the command line says otherwise, and the steps in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.words import Severity
from averment.policies.baseline import Baseline, Looked, not_looked_for, read_baseline, write_baseline
from averment.policies.cache.memory import Cache
from averment.policies.changed import Changed, changed_since
from averment.policies.engine import CheckResult, FailOn, Options, check, select_rules
from averment.policies.interface import Rule
from averment.policies.narrow import narrowed, skipping
from averment.policies.remarks import aside_note, idle_waivers, looked_at_all, nearer_settings

Engine = Callable[[Sequence[Path], Sequence[Rule], Organisation, Catalogue, Options], CheckResult]


@dataclass(frozen=True)
class Asked:
    """What the command line says; None and empty leave it to ``averment.yaml`` and, after it, to the defaults."""

    severity: Severity | None = None
    fail_on: FailOn | None = None
    patterns: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    baseline: Path | None = None
    no_baseline: bool = False
    changed_since: str | None = None


@dataclass(frozen=True)
class Job:
    """Everything that a check needs, settled once; ``run`` may be called again after files changed."""

    paths: tuple[Path, ...]
    rules: tuple[Rule, ...]
    organisation: Organisation
    catalogue: Catalogue
    engine: Engine
    asked: Asked
    severity: Severity
    fail_on: FailOn
    baseline: Baseline | None
    changed: Changed | None
    cache: Cache | None = None

    def everything(self) -> CheckResult:
        """What the check finds in the paths that aren't left out: without baseline, change and threshold."""
        return narrowed(self._checked(), rules=(), paths=(), skip=self.skip)

    def run(self) -> CheckResult:
        """What the check finds that counts here and now.

        Raises:
            BadInputError: a path doesn't exist, holds nothing to check, or a rule pattern matches nothing.
        """
        chosen = select_rules(self.rules, self.asked.patterns, self.catalogue)
        checked = self._checked()
        result = narrowed(
            checked,
            rules=[rule.id for rule in chosen],
            paths=self.paths,
            skip=self.skip,
            less=bool(self.asked.skip),
            baseline=self.baseline,
            changed=self.changed,
            severity=self.severity,
        )
        nearer = nearer_settings(result.findings, self.paths, self.organisation)
        return replace(result, notes=(*result.notes, *self._idle(checked), *nearer, *aside_note(result.findings, self.paths)))

    def _idle(self, checked: CheckResult) -> tuple[str, ...]:
        """Of ``checked``, if it is of everything and all of it could be read: the waivers that accept nothing."""
        less = self.asked.patterns or self.asked.skip or self.changed is not None or checked.problems or self.engine is not check
        if less or not looked_at_all(self.paths, self.organisation):
            return ()
        today = Options().today
        return tuple(idle_waivers(checked.findings, checked.notes, self.organisation, self.catalogue, self.rules, today))

    def write_baseline(self, path: Path) -> tuple[CheckResult, int]:
        """Write everything that is found to ``path``; returns the result as seen with that baseline, and the number of entries.

        Raises:
            IncompleteError: the file can't be written.
        """
        found = self.everything()
        number, lost = write_baseline(path, found)
        rules = [rule.id for rule in select_rules(self.rules, self.asked.patterns, self.catalogue)]
        known = narrowed(found, rules=rules, paths=self.paths, baseline=read_baseline(path), severity=self.severity)
        looked = Looked(rules, self.paths, self.skip, bool(self.asked.skip))
        return replace(known, notes=(*known.notes, *not_looked_for(lost, path, looked))), number

    def _checked(self) -> CheckResult:
        options = Options(rules=self.asked.patterns, skip=self.skip, cache=self.cache)
        return self.engine(self.paths, self.rules, self.organisation, self.catalogue, options)

    @property
    def skip(self) -> Callable[[str], str | None]:
        """What says of a file why it isn't to be read, or None."""
        return skipping((*self.organisation.check.skip, *self.asked.skip), self.organisation.root)


def settled(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    organisation: Organisation,
    catalogue: Catalogue,
    engine: Engine,
    asked: Asked,
    cache: Cache | None = None,
) -> Job:
    """The job: the command line before ``averment.yaml`` before the defaults. ``cache`` is what may be recalled from earlier checks.

    Raises:
        BadInputError: the baseline can't be used, or ``changed_since`` is no revision of the repository around each path.
    """
    settings = organisation.check
    known = asked.baseline or (organisation.path(settings.baseline) if settings.baseline and not asked.no_baseline else None)
    return Job(
        paths=tuple(paths),
        rules=tuple(rules),
        organisation=organisation,
        catalogue=catalogue,
        engine=engine,
        asked=asked,
        severity=asked.severity or Severity(settings.severity or Severity.LOW),
        fail_on=asked.fail_on or FailOn(settings.fail_on or FailOn.FAIL),
        baseline=read_baseline(known) if known is not None else None,
        changed=_changed(paths, asked.changed_since) if asked.changed_since is not None else None,
        cache=cache,
    )


def _changed(paths: Sequence[Path], rev: str) -> Changed:
    for path in paths:
        if not path.exists():
            raise BadInputError(f"{path} does not exist", fix="check the path")
    parts = [changed_since(rev, path) for path in paths]
    return Changed(
        rev,
        files=frozenset(file for part in parts for file in part.files),
        folders=frozenset(folder for part in parts for folder in part.folders),
        ignored=frozenset(file for part in parts for file in part.ignored),
    )
