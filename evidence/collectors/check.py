"""``check``: the verdicts of the pre-merge engine on the organisation's infrastructure as code."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from averment.core.canonical import JSON
from averment.core.errors import AvermentError
from averment.core.files import relative_posix
from averment.core.regions import partition_of
from averment.core.repository import GIT_HARMLESS
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.record import Kind, Population, Record

if TYPE_CHECKING:
    from averment.core.organisation import Organisation
    from averment.policies.engine import CheckResult

_GIT_SECONDS = 10
_AS_SCP = re.compile(r"(?:[^@/:]+@)?([^@/:]{2,}):(?!//)(.+)")
"""``git@example.com:shop/infra.git``; a single letter before the colon is a drive."""
_CODECOMMIT = re.compile(r"codecommit(?:::([\w-]+))?://(?:[^@/]*@)?([\w.-]+)")
"""AWS CodeCommit's own form, in which region and profile may stand: the profile is whoever asks."""
_AZURE_BY_SSH = re.compile(r"ssh\.dev\.azure\.com/v3/([^/]+)/([^/]+)/([^/]+)")
_AZURE_SHORT = re.compile(r"dev\.azure\.com/([^/]+)/_git/([^/]+)")
"""Of a repository that is called like its project."""
_FOR_SSH = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": "bitbucket.org"}
"""Hosts that services have where port 443 alone is open, each with that of its addresses over HTTPS."""


class Check(Collector):
    """Every verdict of every rule, passes too, so that "satisfied" means that something was looked at.

    Payload: ``{"rules": [id], "findings": [{"rule", "severity", "verdict", "message", "resource", "resource_type", "where", "fix",
    "waived_by", "deployed": [[type, name]]}], "problems": [{"reason", "where", "blocking"}], "counts": {...}, "notes", "skipped", "revision"}``. Places are
    relative to the organisation's file; ``deployed`` is what the resource is called in AWS Config. ``revision`` is the Git commit that was checked, ``dirty`` when files differ from it or aren't in it.

    Several repositories may have one ledger, so the source and ``query.repository`` tell whose code it was, where that is known: ``repository_name``.
    """

    name = "check"
    version = "4"
    kind = Kind.CHECK
    regional = False
    from_aws = False
    by_files = True
    summary = "Verdicts of the rules on infrastructure as code, before merge."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        organisation = scope.organisation
        repository = repository_name(organisation)
        source = f"infrastructure as code of {repository}" if repository else "infrastructure as code"
        query: dict[str, JSON] = {"command": "averment check", "paths": list(organisation.iac), "repository": repository}
        try:
            result, rules = _run(scope)
        except AvermentError as error:  # a missing parser, nothing to check, a broken catalogue: nobody looked, and this is why
            fix = f"; {error.fix}" if error.fix else ""
            yield self.record(scope, Gathered(source, query, None, [f"{error.message}{fix}"]))
            return
        payload = {
            **_payload(result, organisation.root),
            "rules": rules,
            "revision": _revision(organisation.root, result.files),
            "parameters": organisation.rule_parameters,
        }
        blocking = [problem for problem in result.problems if problem.blocking]
        counts = result.counts
        yield self.record(
            scope,
            Gathered(
                source=source,
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


def repository_name(organisation: Organisation) -> str | None:
    """What the checked repository is called in evidence: ``parameters.check.repository`` of averment.yaml, else where its Git remote ``origin``
    is (``example.com/shop/infra``, with ``//teams/media`` for settings in a folder of it), however it was cloned; None where neither tells."""
    if given := organisation.parameter("check.repository"):
        return str(given)
    remote = _git(organisation.root, "config", "--get", "remote.origin.url")
    name = _remote_name((remote or "").strip())
    folder = (_git(organisation.root, "rev-parse", "--show-prefix") or "").strip().strip("/")
    return f"{name}//{folder}" if name and folder else name


def _remote_name(url: str) -> str | None:
    """Host and path of a remote, without who asks for it and by which protocol; None for a folder, which is called differently on each machine."""
    if in_codecommit := _CODECOMMIT.fullmatch(url):
        region, path = in_codecommit.groups()
        suffix = "amazonaws.com.cn" if partition_of(region) == "aws-cn" else "amazonaws.com"
        host = f"git-codecommit.{region}.{suffix}/v1/repos" if region else "codecommit"
    elif shorthand := _AS_SCP.fullmatch(url):
        host, path = shorthand.groups()
    else:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return None
        if parts.scheme == "file":
            return None
    path = path.strip("/").removesuffix(".git").rstrip("/")
    return _by_one_name(f"{host}/{path}".lower()) if host and path else None


def _by_one_name(place: str) -> str:
    """``place`` as it is called over HTTPS, where a service has another host, or another path, for SSH."""
    host, _, path = place.partition("/")
    if over_ssh := _AZURE_BY_SSH.fullmatch(place):
        return "dev.azure.com/{}/{}/_git/{}".format(*over_ssh.groups())
    if short := _AZURE_SHORT.fullmatch(place):
        return "dev.azure.com/{0}/{1}/_git/{1}".format(*short.groups())
    return f"{_FOR_SSH.get(host, host)}/{path}"


def _revision(root: Path, files: Iterable[Path]) -> dict[str, JSON] | None:
    """The commit at ``root``, and whether files differ from it or any of ``files`` isn't in it; None where there is no Git repository (or no Git)."""
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return {"commit": commit.strip(), "dirty": bool(changes.strip()) or not _tracked(root, files)}


def _tracked(root: Path, files: Iterable[Path]) -> bool:
    """Whether Git tracks all of ``files`` in the repository around ``root``, and was told of none to take it for unchanged."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None:
        return False
    folder = Path(top.removesuffix("\n"))
    known = _git(folder, "ls-files", "-v", "--recurse-submodules", "-z", errors="surrogateescape")
    if known is None:
        return False
    start, compared = os.path.realpath(folder), "H "  # h: assumed unchanged, S: skipped in the work tree
    names = {os.path.join(start, line[2:]) for line in known.split("\0") if line.startswith(compared)}  # noqa: PTH118
    return all(os.path.join(os.path.realpath(file.parent), file.name) in names for file in files)  # noqa: PTH118 - a link is tracked itself


def _git(root: Path, *command: str, errors: str = "strict") -> str | None:
    """What Git says in ``root``; None where it can't."""
    try:
        arguments = ["git", "-C", str(root), *GIT_HARMLESS, *command]
        return subprocess.run(arguments, capture_output=True, text=True, errors=errors, timeout=_GIT_SECONDS, check=True).stdout
    except (OSError, UnicodeDecodeError, subprocess.SubprocessError):
        return None
