"""The check of infrastructure as code, as a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from averment.api.common import AnyPath, Conclusion, organisation_of, place, several, text_of, word
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import Organisation
from averment.core.user_cache import Store
from averment.core.words import Severity
from averment.policies.cache.memory import Cache
from averment.policies.engine import CheckResult, Counts, FailOn
from averment.policies.engine import check as native_check
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding, Rule
from averment.policies.job import Asked, Engine, Job, settled
from averment.policies.own_rules import with_own
from averment.policies.report.interface import Report
from averment.policies.report.registry import format_named

EngineName = Literal["native", "checkov"]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    ``findings`` holds every verdict, also the passes; ``failures`` are those that are open, ``unknowns`` what a rule could not tell, and
    ``problems`` what could not be read or run at all. ``notes`` and ``skipped`` say which assumptions were made and what was left out.
    """

    report: Report = field(repr=False)
    fail_on: FailOn

    @property
    def result(self) -> CheckResult:
        """The same as the engine hands it over."""
        return self.report.result

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every verdict, gravest first, then by place."""
        return self.result.findings

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Open failures: neither waived nor known from a baseline."""
        return self.result.failures

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        """What a rule could not tell, with the reason, unless it was accepted."""
        return self.result.unknowns

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Files that could not be read and rules that crashed; those that are ``blocking`` make the conclusion incomplete."""
        return self.result.problems

    @property
    def counts(self) -> Counts:
        """How much was looked at, and the verdicts."""
        return self.result.counts

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions that were made, in sentences."""
        return self.result.notes

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was left out, in sentences."""
        return self.result.skipped

    @property
    def conclusion(self) -> Conclusion:
        """Incomplete if something could not be checked at all, else findings if any count by ``fail_on``, else clean."""
        return Conclusion.of(self.result.exit_code(self.fail_on))

    def render(self, form: str) -> str:
        """The result as text: ``table``, ``json``, ``sarif``, ``junit``, ``github``, ``gitlab`` or ``markdown``.

        Raises:
            BadInputError: there is no such format.
        """
        return format_named(form).render(self.report)

    def __getstate__(self) -> dict[str, Any]:
        """For another process: what rules of somebody's own say of themselves, without their code, which nobody there has loaded."""
        rules = {name: replace(rule, evaluate=_elsewhere) if rule.origin else rule for name, rule in self.report.rules.items()}
        return {**vars(self), "report": replace(self.report, rules=rules)}


def _elsewhere(*_: object) -> NoReturn:
    raise IncompleteError("this rule is another process's: of its code nothing came along")


def check(
    *paths: AnyPath,
    organisation: Organisation | AnyPath | None = None,
    rules: Sequence[str] = (),
    rule_folders: Sequence[AnyPath] = (),
    own_rules: bool = True,
    severity: Severity | str | None = None,
    fail_on: FailOn | str | None = None,
    skip: Sequence[str] = (),
    baseline: AnyPath | None = None,
    use_baseline: bool = True,
    changed_since: str | None = None,
    engine: EngineName = "native",
    cache: AnyPath | None = None,
) -> Checked:
    """Check Terraform, plans, CloudFormation and the source code beside it under ``paths`` (default: the working directory).

    ``organisation`` is its ``averment.yaml``, by default the nearest one from the first path upward. Without ``severity`` (the least grave
    findings to report), ``fail_on`` and ``baseline`` (a file of findings that are known) that file decides; with ``use_baseline`` False no
    baseline counts. ``rules`` are patterns on rule or control ids, ``skip`` patterns on paths. ``rule_folders`` hold rules of the caller's own,
    which are code and get run, as those of the organisation and of installed packages are unless ``own_rules`` is False. ``changed_since`` is a
    revision: only findings in files that changed since count. ``engine`` ``checkov`` runs the rules through Checkov. ``cache`` is a folder where
    answers about what didn't change are kept, which nobody else should be able to write to; without it nothing is kept.

    Raises:
        BadInputError: a path doesn't exist or holds nothing to check, a pattern matches nothing, a word isn't one of those that are known, one text
            stands where several are expected, or two arguments contradict each other.
        IncompleteError: a rule of somebody's own doesn't load.
        MissingExtraError: Terraform is to be read without ``averment[iac]``, or Checkov asked without ``averment[checkov]``.
    """
    asked = Asked(
        severity=word("severity", severity, Severity),
        fail_on=word("fail_on", fail_on, FailOn),
        patterns=tuple(map(str, several("rules", rules))),
        skip=tuple(map(str, several("skip", skip))),
        baseline=Path(place("baseline", baseline)) if baseline is not None else None,
        no_baseline=not use_baseline,
        changed_since=None if changed_since is None else text_of("changed_since", changed_since),
    )
    if baseline is not None and not use_baseline:
        raise BadInputError("a baseline is named, and none is to be used", fix="leave one of them out")
    folders = [place("a folder of rules", folder) for folder in several("rule_folders", rule_folders)]
    if folders and not own_rules:
        raise BadInputError("folders of rules are named, and only those that ship are to be run", fix="leave one of them out")
    targets = [Path(place("a path", path)) for path in paths] or [Path()]
    kept = Cache(Store(Path(place("cache", cache)))) if cache is not None else None
    return prepare(targets, organisation_of(organisation, start_of(targets)), asked, folders, own_rules, engine, kept).run()


@dataclass(frozen=True)
class PreparedCheck:
    """A check that is settled: it may be run more than once, as after a fix. ``own`` is how many of its rules don't ship with averment."""

    job: Job
    own: int

    def run(self) -> Checked:
        """Run it.

        Raises:
            BadInputError: as ``check``.
        """
        return self.told(self.job.run())

    def told(self, result: CheckResult) -> Checked:
        """``result``, which is of this check, with what is needed to show it."""
        job = self.job
        report = Report(result, {rule.id: rule for rule in job.rules}, job.catalogue, profile=job.organisation.profile)
        return Checked(report, job.fail_on)


def prepare(
    targets: Sequence[Path],
    organisation: Organisation,
    asked: Asked,
    rule_folders: Sequence[AnyPath] = (),
    own_rules: bool = True,
    engine: str = "native",
    cache: Cache | None = None,
) -> PreparedCheck:
    """Settle a check, and run nothing yet.

    Raises:
        BadInputError, IncompleteError: as ``check``.
    """
    rules, own = _rules(organisation, rule_folders, own_rules)
    catalogue = load_catalogue(organisation, kept=cache.store if cache is not None else None)
    return PreparedCheck(settled(targets, rules, organisation, catalogue, _engine(engine), asked, cache), own)


def start_of(targets: Sequence[Path]) -> Path:
    """Where the search for averment.yaml begins: the first path's folder."""
    first = targets[0]
    return first if first.is_dir() else first.parent


def _rules(organisation: Organisation, folders: Sequence[AnyPath], own: bool) -> tuple[tuple[Rule, ...], int]:
    """The rules to run, and how many of them are somebody's own."""
    shipped = with_own((), packages=False)
    if not own:
        return shipped, 0
    chosen = dict.fromkeys([*(organisation.path(text) for text in organisation.rules), *map(Path, folders)])
    rules = with_own(chosen)
    return rules, len(rules) - len(shipped)


def _engine(name: str) -> Engine:
    """The function that checks; Checkov is slow to import, so only on demand."""
    if name == "native":
        return native_check
    if name != "checkov":
        raise BadInputError(f"there is no engine '{name}'", fix="choose native or checkov")
    from averment.policies.surfaces.checkov.engine import check_with_checkov

    return check_with_checkov
