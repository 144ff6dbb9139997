"""Baselines: what an old repository already has, so that the check can be switched on and only what is new fails.

A baseline is a JSON file that ``averment check --write-baseline`` writes. An entry is a finding's fingerprint (rule, file and resource,
without the line) with its verdict and message:

* Moved lines don't matter. The file's path counts from the baseline's folder, so that the working folder doesn't matter either.
* An entry accepts a finding of its own verdict and message only. Where the message differs, something else is wrong with that
  resource now; the finding is open again, and a note says so.
* An entry whose finding is gone is stale: said, so that it gets removed and can't hide the flaw's return.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from averment import __version__
from averment.core.errors import BadInputError
from averment.core.files import read_text, relative_posix, write_atomic
from averment.core.located import Located
from averment.core.schema import check_schema
from averment.core.source import SourceRef
from averment.core.words import Verdict, counted
from averment.policies.engine import CheckResult
from averment.policies.interface import Finding, in_its_file
from averment.policies.surfaces.sniff import TEMPLATE_SUFFIXES

SCHEMA = "policies/report/schemas/baseline.schema.json"
_LINE = re.compile(r"(?<=[\w)]):\d{1,7}(?:-\d+)?\b")
"""A line within a message, as in ``main.tf:12``: it may move. Not the account of an ARN, which has twelve digits: another one is another flaw."""

_OPEN = frozenset({Verdict.FAIL, Verdict.UNKNOWN})


Key = tuple[str, str, str, Verdict]
"""Rule, file, resource, verdict."""


@dataclass(frozen=True)
class Entry:
    """One known finding. ``file`` is relative to the baseline's folder, with forward slashes."""

    rule: str
    file: str
    resource: str
    verdict: Verdict
    message: str

    @property
    def key(self) -> Key:
        """What a finding must share with it."""
        return self.rule, self.file, self.resource, self.verdict


@dataclass(frozen=True)
class Baseline:
    """The known findings of a file."""

    path: Path
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Looked:
    """What a check looked at: ``rules``, and files under ``paths`` but for those that ``skip`` leaves out; ``less``: also what isn't left out in
    general was, this once."""

    rules: Sequence[str]
    paths: Sequence[Path]
    skip: Callable[[str], str | None] | None = None
    less: bool = False

    def at(self, entry: Entry, baseline: Path) -> bool:
        """Whether it looked for ``entry``."""
        file = baseline.parent / entry.file
        return entry.rule in self.rules and _under(file, self.paths) and (self.skip is None or self.skip(str(file)) is None)

    def whole(self, folder: Path) -> bool:
        """Whether it looked at all of ``folder``."""
        return not self.less and _under(folder, self.paths)


def entry_of(finding: Finding, baseline: Path) -> Entry:
    """``finding`` as the baseline at ``baseline`` lists it."""
    file = finding.where.file or finding.where.arn or ""
    if finding.where.file is not None:
        file = relative_posix(file, baseline.parent)
    return Entry(finding.rule, file, in_its_file(finding.resource, file), finding.verdict, _LINE.sub("", finding.message))


def write_baseline(path: Path, result: CheckResult) -> tuple[int, tuple[Entry, ...]]:
    """List every open failure and unknown of ``result`` at ``path``; returns how many, and what was listed there before and isn't any more.

    Waived ones need no second acceptance.

    Raises:
        BadInputError: something else than a baseline is there.
        IncompleteError: the file can't be written.
    """
    earlier = _spared(path)
    found = {entry_of(item, path) for item in result.findings if item.verdict in _OPEN and item.waived_by is None}
    document = {
        "$schema": "urn:averment:schema:baseline:v1",
        "version": 1,
        "tool": __version__,
        "findings": [
            {
                "fingerprint": hashlib.sha256(
                    "\0".join((entry.rule, entry.file, entry.resource)).encode("utf-8", "surrogatepass")
                ).hexdigest()[:32],
                "rule": entry.rule,
                "file": entry.file,
                "resource": entry.resource,
                "verdict": entry.verdict.value,
                "message": entry.message,
            }
            for entry in sorted(found, key=lambda entry: (entry.file, entry.rule, entry.resource, entry.verdict))
        ],
    }
    write_atomic(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    return len(found), tuple(entry for entry in earlier if entry not in found)


def _spared(path: Path) -> tuple[Entry, ...]:
    """What ``path`` lists so far; refuses a file that is no baseline: a name that was mistyped must cost nobody their settings."""
    if not path.exists():
        return ()
    try:
        return read_baseline(path).entries
    except BadInputError as error:
        raise BadInputError(
            "is there already, is no baseline, and was left as it is",
            where=SourceRef(str(path)),
            fix="name another file, or delete this one",
        ) from error


def read_baseline(path: Path) -> Baseline:
    """The baseline at ``path``.

    Raises:
        BadInputError: missing, malformed, or not a baseline.
    """
    if not path.is_file():
        raise BadInputError("there is no such baseline", where=SourceRef(str(path)), fix=f"averment check --write-baseline {path}")
    try:
        value: dict[str, Any] = json.loads(read_text(path).removeprefix("\ufeff"))  # which Windows tools write before UTF-8
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        fix = f"take back what changed it (a merge, say), or delete it and run averment check --write-baseline {path}"
        raise BadInputError("is not JSON", where=SourceRef(str(path), line), fix=fix) from error
    check_schema(Located(str(path), value, {}), SCHEMA)
    entries = tuple(
        Entry(item["rule"], item["file"], in_its_file(item["resource"], item["file"]), Verdict(item["verdict"]), item["message"])
        for item in value["findings"]
    )
    return Baseline(path, entries)


def against(baseline: Baseline, result: CheckResult, looked: Looked) -> CheckResult:
    """``result`` with the findings that ``baseline`` lists marked as known, and notes on what changed or is stale.

    An entry outside of what was ``looked`` at isn't stale, nor is one of a module or nested stack as something calls it that lies outside. Nothing
    is called stale after a run that was incomplete.
    """
    listed: dict[Key, list[str]] = {}
    for entry in baseline.entries:  # a module that two roots call gives one resource two findings
        listed.setdefault(entry.key, []).append(entry.message)
    findings: list[Finding] = []
    notes: list[str] = []
    met: set[Key] = set()
    for finding in result.findings:
        entry = entry_of(finding, baseline.path)
        known = listed.get(entry.key) if finding.verdict in _OPEN else None
        if known is None:
            findings.append(finding)
            continue
        met.add(entry.key)
        if entry.message in known:
            findings.append(replace(finding, baseline=str(baseline.path)))
            continue
        findings.append(finding)
        notes.append(f"{finding.where}: {finding.resource} is in the baseline with another flaw of {finding.rule}: {known[0]}")
    if not any(problem.blocking for problem in result.problems):
        called = None if looked.whole(baseline.path.parent) else {_call(finding.resource) for finding in result.findings}
        notes += [
            f"{baseline.path}: stale: {entry.resource} in {entry.file} no longer breaks {entry.rule}; write the baseline again"
            for entry in baseline.entries
            if entry.key not in met and looked.at(entry, baseline.path) and not _called_elsewhere(entry, called)
        ]
    return replace(result, findings=tuple(findings), notes=(*result.notes, *notes))


def not_looked_for(lost: Sequence[Entry], baseline: Path, looked: Looked) -> Iterator[str]:
    """A note on what a new baseline lists no more since this check, which ``looked`` elsewhere, had nothing to say of it."""
    if number := sum(not looked.at(entry, baseline) for entry in lost):
        gone = counted(number, "finding")
        yield f"{baseline}: no longer lists {gone} of other rules or under other paths than this check's: write it by a check of everything"


def _called_elsewhere(entry: Entry, called: Set[str] | None) -> bool:
    """Whether ``entry`` is of a module or nested stack as it is called by something that wasn't looked at: its file was, but not as it is
    called there. ``called`` are the calls that were looked at; None: all that there are."""
    of_template = entry.file.lower().endswith(TEMPLATE_SUFFIXES) and not entry.file.endswith(".tf.json")
    nested = entry.resource.startswith("module.") or (of_template and "." in entry.resource)
    return called is not None and nested and _call(entry.resource) not in called


def _call(resource: str) -> str:
    """The outermost call in a resource's address: ``module.media`` of ``module.media.aws_s3_bucket.this``, a nested stack's name."""
    steps = resource.split(".")
    return ".".join(steps[: 2 if steps[0] == "module" else 1])


def _under(file: Path, paths: Sequence[Path]) -> bool:
    target = os.path.abspath(file)  # noqa: PTH100  (a link's own name counts, and the file may be gone)
    tops = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    return any(target == top or target.startswith(top.rstrip(os.sep) + os.sep) for top in tops)
