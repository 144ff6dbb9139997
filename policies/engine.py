"""The check: finds inputs, builds graphs, runs rules, and says what it found, what it could not tell, and what it left out.

1. Every file under the paths is looked at once and sorted by surface (``surfaces.registry.discover``).
2. Each root module, plan and template becomes a graph.
3. Each rule is asked about each resource of its types (``judging``). "Not applicable" is dropped, everything else is a finding.
   For what didn't change since an earlier run, its answer is recalled (``cache``).
4. A failure that the organisation accepted is marked as waived; a void waiver is said.
5. A file that can't be read and a rule that crashes are problems of the run: it is then incomplete, whatever was found.
"""

from __future__ import annotations

import fnmatch
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.errors import AvermentError, BadInputError, ExitCode
from averment.core.observer import Observer
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.progress import followed
from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict
from averment.policies.cache.codec import decoded, encoded
from averment.policies.cache.conditions import conditions
from averment.policies.cache.memory import Cache
from averment.policies.graph.model import Graph, Problem
from averment.policies.interface import Finding, Rule, in_its_file
from averment.policies.judging import Judged, Subject, judged
from averment.policies.remarks import called_otherwise
from averment.policies.surfaces.registry import Inputs, beside_each_other, discover, units_of
from averment.policies.surfaces.units import Forgetful, Memory, Unit
from averment.policies.surfaces.unsynthesised import NOT_RUN
from averment.policies.waivers import Waivers


class FailOn(StrEnum):
    """What makes the exit code 1: failures, also what could not be told, or nothing."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    NEVER = "never"


@dataclass(frozen=True)
class Counts:
    """How much was looked at, and the verdicts. ``seconds`` is wall time.

    ``below`` are open failures that the severity threshold leaves out, ``elsewhere`` open failures and unknowns outside what changed.
    """

    files: int = 0
    graphs: int = 0
    resources: int = 0
    rules: int = 0
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    waived: int = 0
    baseline: int = 0
    below: int = 0
    elsewhere: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class CheckResult:
    """What a check found. ``findings`` are in order of severity, file and line; ``notes`` are for people; ``files`` are those that it began with,
    with the values of variables beside them."""

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    counts: Counts
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    files: frozenset[Path] = frozenset()

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Open failures."""
        return tuple(finding for finding in self.findings if finding.counts)

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        """What a rule could not tell, unless accepted."""
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.UNKNOWN and not finding.accepted)

    def exit_code(self, fail_on: FailOn = FailOn.FAIL) -> ExitCode:
        """3 if something could not be checked at all, else 1 for findings that count, else 0."""
        if any(problem.blocking for problem in self.problems):
            return ExitCode.INCOMPLETE
        if fail_on is FailOn.NEVER:
            return ExitCode.CLEAN
        open_questions = bool(self.unknowns) or bool(self.problems)
        if self.failures or (fail_on is FailOn.UNKNOWN and open_questions):
            return ExitCode.FINDINGS
        return ExitCode.CLEAN


@dataclass(frozen=True)
class Options:
    """What to run: ``rules`` are patterns on rule or control ids (empty: all), ``severity`` the least grave one to report.

    ``skip`` says of a file why it isn't to be read, or None; what is left out is in the result. ``cache`` is what may be recalled
    from earlier runs, which never changes a result.
    """

    severity: Severity = Severity.LOW
    rules: tuple[str, ...] = ()
    skip: Callable[[str], str | None] = lambda _file: None
    today: date = field(default_factory=lambda: utc_now().date())
    cache: Cache | None = None


_FOLDER = "name the folder that holds the infrastructure code"
_ELSEWHERE = "name what it writes (a template, a plan as JSON by --plan), or ask what it deployed at run time: averment rules deploy"
"""What is left where all that is there are programs, which aren't run."""


def select_rules(rules: Sequence[Rule], patterns: Sequence[str], catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules whose id, or a control of theirs, matches one of ``patterns``; all without patterns.

    Raises:
        BadInputError: a pattern matches nothing: a typo would otherwise check nothing and look clean.
    """
    if not patterns:
        return tuple(rules)
    chosen: dict[str, Rule] = {}
    for pattern in patterns:
        matching = [rule for rule in rules if _matches(rule, pattern, catalogue)]
        if not matching:
            raise BadInputError(f"no rule and no control matches '{pattern}'", fix="see: averment rules list")
        chosen.update({rule.id: rule for rule in matching})
    return tuple(rule for rule in rules if rule.id in chosen)


def _matches(rule: Rule, pattern: str, catalogue: Catalogue) -> bool:
    names = [rule.id, *(control.id for control in catalogue.for_policy(rule.id))]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def check(
    paths: Sequence[Path], rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue, options: Options | None = None
) -> CheckResult:
    """Check everything under ``paths``.

    Raises:
        BadInputError: a path doesn't exist, nothing under the paths is infrastructure code (or source code about faces), or a rule pattern
        matches nothing.
    """
    options = options or Options()
    started = time.monotonic()
    chosen = select_rules(rules, options.rules, catalogue)
    found = [_discovered(path, options.skip) for path in paths]
    beside_each_other(found)
    if not any(inputs.files or inputs.problems for inputs in found):
        shown = ", ".join(str(path) for path in paths)
        left_out = [text for inputs in found for text in inputs.skipped]
        skipped = f" (left out: {'; '.join(left_out[:3])})" if left_out else ""
        apps = [problem for inputs in found for problem in inputs.apps]
        beyond = [problem for problem in apps if not problem.blocking]
        unread = "".join(f"; {problem.where} {problem.reason}" for problem in beyond[:3])
        to_make = [f"{problem.where} {problem.reason}" for problem in apps if problem.blocking]  # and how
        raise BadInputError(
            f"nothing to check under {shown}: no Terraform, plan, CloudFormation template, or source code about faces{skipped}{unread}",
            fix=to_make[0] if to_make else _ELSEWHERE if any(NOT_RUN in problem.reason for problem in beyond) else _FOLDER,
        )
    run = _Run(chosen, organisation, _waivers(rules, organisation, catalogue, options))
    held = conditions(chosen, organisation) if options.cache is not None else None
    seen: set[tuple[object, ...]] = set()
    for inputs in found:
        earlier = len(run.findings)
        run.problems += [*inputs.problems, *inputs.apps, *_nothing_in(inputs)]
        for judged_unit in _judged_units(inputs, chosen, organisation, options.cache, held):
            run.add(judged_unit)
        run.findings[earlier:] = unseen(run.findings[earlier:], seen)
    return run.result(found, options.severity, time.monotonic() - started)


def unseen(findings: Sequence[Finding], seen: set[tuple[object, ...]]) -> list[Finding]:
    """Those of one path's findings that no path before it had, which ``seen`` holds: a plan that is named may lie in a folder that is."""
    files = {item.where.file: os.path.abspath(item.where.file or "") for item in findings}  # noqa: PTH100  (a link's own name counts)
    names = [in_its_file(item.resource, item.where.file or "") for item in findings]
    keys = [
        (item.rule, name, item.verdict, item.message, files[item.where.file], item.where.line)
        for item, name in zip(findings, names, strict=True)
    ]
    new = [item for item, key in zip(findings, keys, strict=True) if key not in seen]
    seen.update(keys)
    return new


def _nothing_in(inputs: Inputs) -> Iterator[Problem]:
    """That a path which was named holds nothing to check, while others do: a build that wrote nothing must not look like a clean one."""
    if not (inputs.found or inputs.problems or inputs.apps):
        yield Problem("nothing in it is infrastructure code, and so nothing of it was checked", SourceRef(str(inputs.root)), blocking=False)


def check_graphs(graphs: Iterable[Graph], rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue) -> CheckResult:
    """As ``check`` without options, on graphs that exist already (of a case, or a test)."""
    options = Options()
    started = time.monotonic()
    run = _Run(tuple(rules), organisation, _waivers(rules, organisation, catalogue, options))
    for graph in graphs:
        run.add(judged([graph], rules, organisation))
    return run.result([], options.severity, time.monotonic() - started)


def _waivers(rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue, options: Options) -> Waivers:
    return Waivers(organisation.waivers, catalogue, options.today, [rule.id for rule in rules], organisation.root)


def _judged_units(
    inputs: Inputs, rules: Sequence[Rule], organisation: Organisation, cache: Cache | None, held: str | None
) -> Iterator[Judged]:
    """What the rules say of each unit, recalled where nothing that it hangs on has changed; ``held`` are the run's conditions."""
    only = str(inputs.root) if inputs.root.is_file() and (inputs.terraform or inputs.parents) else None
    memory: Memory = cache.opened(inputs.root, only, held) if cache is not None and held is not None else Forgetful()
    for unit in followed(list(units_of(inputs, memory)), "checking"):
        found = decoded(memory.recall(unit.name))
        if cache is not None:
            cache.count(recalled=found is not None)
        if found is None:
            observer = Observer()
            found = _judged(unit, observer, rules, organisation, only)
            plain = encoded(found)
            if plain is not None:
                memory.keep(unit.name, observer, plain)
        yield found
    memory.close()


def _judged(unit: Unit, observer: Observer, rules: Sequence[Rule], organisation: Organisation, only: str | None) -> Judged:
    """What the rules say of ``unit``: where reading it breaks off, that, so that whoever writes one file can't keep the others unchecked."""
    try:
        return judged(unit.read(observer), rules, organisation, only)
    except AvermentError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a file holds, the run must say so and go on)
        reason = (
            f"reading it crashed ({type(error).__name__}: {error}), and nothing of it was checked; mend it, or leave it out with --skip"
        )
        return Judged(only=only, problems=[Problem(reason, SourceRef(str(unit.place)), fleeting=True)])


def _discovered(path: Path, skip: Callable[[str], str | None]) -> Inputs:
    if not path.exists():
        raise BadInputError("does not exist", where=SourceRef(str(path)), fix="check the path")
    inputs = discover(path)
    left_out: Counter[str] = Counter()
    for files in (inputs.terraform, inputs.plans, inputs.templates):
        reasons = {file: skip(str(file)) for file in files}
        left_out.update(reason for reason in reasons.values() if reason is not None)
        files[:] = [file for file in files if reasons[file] is None]
    for file in list(inputs.sources.parsed):
        reason = skip(str(file))
        if reason is not None:
            left_out[reason] += 1
            del inputs.sources.parsed[file]
    for problems in (inputs.problems, inputs.apps):
        problems[:] = [problem for problem in problems if problem.where.file is None or skip(problem.where.file) is None]
    inputs.skipped += [f"{number} file{'s' if number > 1 else ''} under {path} ({reason})" for reason, number in left_out.items()]
    return inputs


class _Run:
    """Collects findings and problems, unit by unit, and marks what was accepted."""

    def __init__(self, rules: Sequence[Rule], organisation: Organisation, waivers: Waivers) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self.organisation, self.waivers = organisation, waivers
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []
        self.graphs = self.resources = 0
        self.buckets: Counter[str] = Counter()
        self.beside: Counter[str] = Counter()

    def add(self, found: Judged) -> None:
        """Take in what the rules said of a unit."""
        self.graphs += found.graphs
        self.resources += found.resources
        self.problems += found.problems
        self.buckets += found.buckets
        self.findings += [self.with_acceptance(finding, subject) for finding, subject in found.findings]
        for finding, subject in found.beside:
            self.beside[found.only or ""] += not self.with_acceptance(finding, subject).accepted

    def with_acceptance(self, finding: Finding, subject: Subject) -> Finding:
        """``finding``, with who accepted it if somebody did."""
        open_matter = finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
        accepted = self.waivers.accepted_by(self.rules[finding.rule], subject) if open_matter else None
        return replace(finding, waived_by=accepted) if accepted is not None else finding

    def result(self, inputs: Sequence[Inputs], least: Severity, seconds: float) -> CheckResult:
        counts = Counts(
            files=sum(item.files for item in inputs), graphs=self.graphs, resources=self.resources, rules=len(self.rules), seconds=seconds
        )
        skipped = tuple(text for item in inputs for text in item.skipped)
        otherwise = called_otherwise(self.rules.values(), templates_alone=not any(item.terraform or item.plans for item in inputs))
        notes = (*self.waivers.notes, *self._scope_note(), *self._beside_note(), *otherwise)
        files = frozenset(path for item in inputs for path in item.paths)
        return replace(tally(self.findings, self.problems, counts, least, notes, skipped), files=files)

    def _beside_note(self) -> Iterator[str]:
        """What was found in the rest of a module, or in nested stacks, around a file that was named alone."""
        for file, number in self.beside.items():
            if not number:
                continue
            few = "1 failure or unknown is" if number == 1 else f"{number} failures and unknowns are"
            yield f"{few} in other files that belong to {file}; check its folder to see them"

    def _scope_note(self) -> Iterator[str]:
        """Which buckets were taken for media, while nobody has said which are: silence about media would look like a pass."""
        total = self.buckets.total()
        taken = {role: number for role, number in sorted(self.buckets.items()) if role and number}
        if not total or (taken and not self.organisation.scope.guesses):
            return
        if not taken:
            yield f"none of {total} S3 buckets is taken for media, so rules about media had nothing to look at; scope.media in averment.yaml names yours"
            return
        roles = ", ".join(f"{number} {role}" for role, number in taken.items())
        yield f"{sum(taken.values())} of {total} S3 buckets are taken for media by tag, name or use ({roles}); averment init lists them, scope.media in averment.yaml makes it exact"


def tally(
    findings: Sequence[Finding],
    problems: Sequence[Problem],
    counts: Counts,
    least: Severity,
    notes: tuple[str, ...] = (),
    skipped: tuple[str, ...] = (),
) -> CheckResult:
    """A result: findings at least as grave as ``least``, in order, with the verdicts added to ``counts``."""
    shown = sorted((finding for finding in findings if finding.severity.rank <= least.rank), key=order)
    verdicts = [(finding.verdict, finding.accepted) for finding in shown]
    failed = verdicts.count((Verdict.FAIL, False))
    counted = replace(
        counts,
        passed=sum(verdict is Verdict.PASS for verdict, _ in verdicts),
        failed=failed,
        unknown=verdicts.count((Verdict.UNKNOWN, False)),
        waived=sum(finding.waived_by is not None for finding in shown),
        baseline=sum(finding.baseline is not None for finding in shown),
        below=sum(finding.counts for finding in findings) - failed,
    )
    return CheckResult(tuple(shown), tuple(dict.fromkeys(problems)), counted, notes, skipped)


def order(finding: Finding) -> tuple[int, str, int, str, str]:
    """Gravest first, then by place."""
    where = finding.where
    return (finding.severity.rank, where.file or where.arn or "", where.line or 0, finding.resource, finding.rule)
