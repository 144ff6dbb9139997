"""``check``: the verdicts of the pre-merge engine on the organisation's infrastructure as code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError
from averment.core.files import relative_posix
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.record import Kind, Population, Record

if TYPE_CHECKING:
    from averment.policies.engine import CheckResult

_GIT_SECONDS = 10


class Check(Collector):
    """Every verdict of every rule, passes too, so that "satisfied" means that something was looked at.

    Payload: ``{"rules": [id], "findings": [{"rule", "severity", "verdict", "message", "resource", "resource_type", "where", "fix",
    "waived_by", "deployed": [[type, name]]}], "problems": [{"reason", "where", "blocking"}], "counts": {...}, "notes", "skipped", "revision"}``. Places are
    relative to the organisation's file; ``deployed`` is what the resource is called in AWS Config. ``revision`` is the Git commit that was checked, ``dirty`` when files differ from it.
    """

    name = "check"
    version = "3"
    kind = Kind.CHECK
    regional = False
    from_aws = False
    summary = "Verdicts of the rules on infrastructure as code, before merge."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        organisation = scope.organisation
        query: dict[str, JSON] = {"command": "averment check", "paths": list(organisation.iac)}
        try:
            result, rules = _run(scope)
        except AvermentError as error:  # a missing parser, nothing to check, a broken catalogue: nobody looked, and this is why
            fix = f"; {error.fix}" if error.fix else ""
            yield self.record(scope, Gathered("infrastructure as code", query, None, [f"{error.message}{fix}"]))
            return
        payload = {
            **_payload(result, organisation.root),
            "rules": rules,
            "revision": _revision(organisation.root),
            "parameters": organisation.rule_parameters,
        }
        blocking = [problem for problem in result.problems if problem.blocking]
        counts = result.counts
        yield self.record(
            scope,
            Gathered(
                source="infrastructure as code",
                query=query,
                payload=payload,
                problems=[f"{_place(problem.where, organisation.root)}: {problem.reason}" for problem in blocking],
                population=Population("resources", None if blocking else counts.resources, counts.resources),
            ),
        )


def _run(scope: CollectScope) -> tuple[CheckResult, list[str]]:
    from averment.controls.loader import load_catalogue
    from averment.policies.engine import Options, check
    from averment.policies.own_rules import rules_of

    organisation, rules = scope.organisation, rules_of(scope.organisation)
    options = Options(today=scope.clock().date())
    result = check([organisation.path(path) for path in organisation.iac], rules, organisation, load_catalogue(organisation), options)
    return result, [rule.id for rule in rules]


def _payload(result: CheckResult, root: Path) -> dict[str, Any]:
    counts = result.counts
    return {
        "findings": [
            {
                "rule": finding.rule,
                "severity": str(finding.severity),
                "verdict": str(finding.verdict),
                "message": finding.message,
                "resource": finding.resource,
                "resource_type": finding.resource_type,
                "where": _place(finding.where, root),
                "fix": finding.fix,
                "waived_by": finding.waived_by,
                "deployed": [list(item) for item in finding.deployed],
            }
            for finding in result.findings
        ],
        "problems": [
            {"reason": problem.reason, "where": _place(problem.where, root), "blocking": problem.blocking} for problem in result.problems
        ],
        "counts": {
            "files": counts.files,
            "resources": counts.resources,
            "passed": counts.passed,
            "failed": counts.failed,
            "unknown": counts.unknown,
            "waived": counts.waived,
        },
        "notes": list(result.notes),
        "skipped": list(result.skipped),
    }


def _place(where: SourceRef, root: Path) -> str:
    if where.file is None:
        return str(where)
    file = relative_posix(where.file, root)
    return f"{file}:{where.line}" if where.line is not None else file


def _revision(root: Path) -> dict[str, JSON] | None:
    """The commit at ``root`` and whether files differ from it; None where there is no Git repository (or no Git)."""
    try:
        commit, changes = (
            subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.strip(), "dirty": bool(changes.strip())}
