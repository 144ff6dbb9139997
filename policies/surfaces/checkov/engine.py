"""``averment check --engine checkov``: Checkov's runners in process, with its fail-open holes closed.

Checkov exits 0 when a check raises, an id is unknown, external checks don't load, a file can't be parsed, and it drops what is
unknown. Here each of these is a problem of the run or a finding:

1. The check of every rule, shipped or not, must stand in the registries.
2. Files that Checkov's parsers refused are problems.
3. Whatever the rules have to say on a block that Checkov never asked about is a problem.
4. A runner or a check that raises is a problem.
5. What is unknown is reported.

Code and templates are found by Checkov itself. Plans are handed to it one by one: in a folder it would take any broken JSON for a plan
that can't be parsed, and pass over a plan without Terraform's version.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.policies.engine import CheckResult, Counts, Options, select_rules, tally, unseen
from averment.policies.graph.model import Problem
from averment.policies.interface import Finding, Kind, Rule
from averment.policies.surfaces.checkov import checks
from averment.policies.surfaces.checkov.verdicts import Verdicts, verdicts_under
from averment.policies.surfaces.registry import Inputs
from averment.policies.waivers import checkov_id


def check_with_checkov(
    paths: Sequence[Path], rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue, options: Options | None = None
) -> CheckResult:
    """As ``averment.policies.engine.check``, driven by Checkov.

    Raises:
        MissingExtraError: Checkov isn't installed.
        BadInputError: as ``check``.
    """
    options = options or Options()
    started = time.monotonic()
    chosen = select_rules(rules, options.rules, catalogue)
    checks.register(chosen)
    findings: list[Finding] = []
    problems: list[Problem] = list(_unregistered([rule for rule in chosen if rule.kind is Kind.INFRASTRUCTURE]))
    counts = Counts(rules=len(chosen))
    notes: list[str] = []
    skipped: list[str] = []
    seen: set[tuple[object, ...]] = set()
    for path in paths:
        if not path.exists():
            raise BadInputError("does not exist", where=SourceRef(str(path)), fix="check the path")
        verdicts = verdicts_under(path, chosen, organisation, catalogue)
        problems += [*verdicts.problems, *_driven(verdicts)]
        findings += unseen([item for key, items in verdicts.findings.items() if key in verdicts.asked for item in items], seen)
        problems += _never_asked(verdicts)
        counts = replace(
            counts,
            files=counts.files + verdicts.inputs.files,
            graphs=counts.graphs + verdicts.graphs,
            resources=counts.resources + verdicts.resources,
        )
        notes += verdicts.notes
        skipped += verdicts.skipped
    if not counts.files and not problems:
        raise BadInputError(
            f"nothing to check under {', '.join(map(str, paths))}", fix="name the folder that holds the infrastructure code"
        )
    return tally(findings, problems, replace(counts, seconds=time.monotonic() - started), options.severity, tuple(notes), tuple(skipped))


def _unregistered(chosen: Sequence[Rule]) -> Iterator[Problem]:
    for registry in checks.REGISTRIES:
        held = checks.registered(registry)
        for rule in chosen:
            if rule.id not in held:
                yield Problem(f"rule {rule.id} is not registered with Checkov's {registry} checks", SourceRef())


@dataclass(frozen=True)
class _Run:
    """One of Checkov's runners with what it is given: a folder, or files."""

    framework: str
    module: str
    folder: str | None = None
    files: tuple[str, ...] = ()


def _runs(inputs: Inputs) -> Iterator[_Run]:
    """The runners that ``inputs`` need."""
    path = inputs.root
    folder, file = (str(path), ()) if path.is_dir() else (None, (str(path),))
    if path.is_dir() or inputs.terraform:
        yield _Run("terraform", "checkov.terraform.runner", folder, file)
    if path.is_dir() or inputs.templates:
        yield _Run("cloudformation", "checkov.cloudformation.runner", folder, file)
    if inputs.plans:
        plans = tuple(os.path.abspath(plan) for plan in inputs.plans)  # noqa: PTH100  (the name as it is, not where a link leads)
        yield _Run("terraform_plan", "checkov.terraform.plan_runner", files=plans)


def _driven(verdicts: Verdicts) -> Iterator[Problem]:
    """Run Checkov's runners over what ``verdicts`` are about; yields what they could not do."""
    checks.use(lambda _root: verdicts)
    checks.crashed.clear()
    logging.getLogger("averment.checkov").setLevel(logging.CRITICAL)  # what is unknown is a finding here, not a log line
    try:
        for run in _runs(verdicts.inputs):
            yield from _ran(run, verdicts)
        yield from (Problem(text, SourceRef(str(verdicts.inputs.root))) for text in checks.crashed)
    finally:
        checks.use(None)
        logging.getLogger("averment.checkov").setLevel(logging.NOTSET)


def _ran(run: _Run, verdicts: Verdicts) -> Iterator[Problem]:
    runner_filter = require("checkov.runner_filter", extra="checkov", needed_for="--engine checkov").RunnerFilter
    runner = require(run.module, extra="checkov", needed_for="--engine checkov").Runner()
    ids = [checkov_id(rule.id) for rule in verdicts.rules]
    only = runner_filter(framework=[run.framework], checks=ids, download_external_modules=False)
    try:
        report: Any = runner.run(root_folder=run.folder, files=list(run.files) or None, runner_filter=only)
    except Exception as error:  # noqa: BLE001  (whatever Checkov raises, the run must say so and go on)
        yield Problem(f"Checkov's {run.framework} runner failed: {type(error).__name__}: {error}", SourceRef(str(verdicts.inputs.root)))
        return
    for item in report if isinstance(report, list) else [report]:
        for file in item.parsing_errors:
            yield Problem(f"Checkov could not parse this file ({run.framework})", SourceRef(str(file)))


def _never_asked(verdicts: Verdicts) -> Iterator[Problem]:
    for key, items in verdicts.findings.items():
        if key not in verdicts.asked:
            for item in items:
                yield Problem(f"Checkov never asked rule {item.rule} about {item.resource}", item.where)
