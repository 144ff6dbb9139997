"""What a first ``averment check`` without any configuration says of other people's repositories, and what Checkov says of the same.

``python benchmarks/check/noise.py REPO... --keep FOLDER [--checkov PROGRAM]`` checks each folder REPO with the rules that ship, as a newcomer would,
and prints a table: resources, failures, questions, what could not be read, failures per 1,000 resources; with a program of Checkov's, also the
checks that failed there. What each run wrote is kept in FOLDER and used again by the next call, so that a long series can be gone on with.

``--judged FILE`` adds what a reviewer made of the failures, a JSON object of fingerprints::

    {"acme+shop": {"464be49b82061dc66e4ac5c9b939ec57": "act"}}

``act``: a reviewer would have it changed. ``same``: right, and settled by what is done about another finding of that resource, or too slight for a change
of its own. ``either``: people may differ. ``dismiss``: right as far as it goes, but nobody would act on it. ``wrong``: the check is mistaken. Without a
judgement a failure counts as ``unjudged``. ``--list`` prints the failures with their fingerprints, to be judged.

Nothing of a repository is run, and no module of theirs is downloaded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JUDGEMENTS = ("act", "same", "either", "dismiss", "wrong", "unjudged")
_LIMIT = 900
"""Seconds for one run; one that takes longer has no figure."""


@dataclass(frozen=True)
class Row:
    """One repository. ``checkov`` is None where it wasn't run, or didn't finish or gave no report."""

    name: str
    exit_code: int
    resources: int = 0
    failures: tuple[Mapping[str, Any], ...] = ()
    unknown: int = 0
    unread: int = 0
    broken: int = 0
    checkov: int | None = None
    judged: Counter[str] = field(default_factory=Counter)


def averment_run(repo: Path, keep: Path) -> tuple[int, dict[str, Any]]:
    """The exit code of ``averment check`` in ``repo`` and its JSON; none where it refused (nothing to check)."""
    file = (keep / f"{repo.name}.averment.json").resolve()
    code_file = file.with_suffix(".code")
    if not code_file.is_file():
        command = [sys.executable, "-m", "averment", "check", ".", "--no-own-rules", "--no-cache", "--quiet", "-o", f"json={file}"]
        done = subprocess.run(command, check=False, cwd=repo, capture_output=True, timeout=_LIMIT)
        code_file.write_text(str(done.returncode))
    return int(code_file.read_text()), json.loads(file.read_text()) if file.is_file() else {}


def checkov_run(program: str, repo: Path, keep: Path) -> int | None:
    """The number of checks that fail in ``repo`` by Checkov's own rules, with no configuration of the repository's."""
    file, nothing = (keep / f"{repo.name}.checkov.json").resolve(), (keep / "empty.yaml").resolve()
    if not file.is_file():
        nothing.write_text("{}\n")
        command = [program, "-d", ".", "--config-file", str(nothing), "--framework", "terraform", "cloudformation", "serverless"]
        command += ["--download-external-modules", "false", "--compact", "--quiet", "-o", "json"]
        try:
            done = subprocess.run(command, check=False, cwd=repo, capture_output=True, timeout=_LIMIT)
            file.write_bytes(done.stdout)
        except subprocess.TimeoutExpired:
            file.write_bytes(b"")
    try:
        reports = json.loads(file.read_text() or "null")
    except ValueError:
        return None
    if reports is None:
        return None
    return sum(int(report.get("summary", report).get("failed", 0)) for report in (reports if isinstance(reports, list) else [reports]))


def measured(repo: Path, keep: Path, checkov: str | None, judged: Mapping[str, Mapping[str, str]]) -> Row:
    """One repository's row."""
    code, found = averment_run(repo, keep)
    theirs = checkov_run(checkov, repo, keep) if checkov is not None else None
    if not found:
        return Row(repo.name, code, checkov=theirs)
    failures = tuple(item for item in found["findings"] if item["verdict"] == "fail")
    verdicts = judged.get(repo.name, {})
    blocking = sum(problem["blocking"] for problem in found["problems"])
    return Row(
        repo.name,
        code,
        found["counts"]["resources"],
        failures,
        found["counts"]["unknown"],
        len(found["problems"]) - blocking,
        blocking,
        theirs,
        Counter(verdicts.get(item["fingerprint"], "unjudged") for item in failures),
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as Markdown, the sum last."""
    yield "| repository | exit | resources | failures | per 1,000 | act on | questions | not read | broken | Checkov's failures |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        theirs = "" if row.checkov is None else f"{row.checkov:,}"
        yield (
            f"| {row.name.replace('+', '/')} | {row.exit_code} | {row.resources:,} | {len(row.failures)} | {_per(len(row.failures), row.resources)} | "
            f"{row.judged['act']} | {row.unknown} | {row.unread} | {row.broken} | {theirs} |"
        )
    resources, failures = sum(row.resources for row in rows), sum(len(row.failures) for row in rows)
    acted, unknown = sum(row.judged["act"] for row in rows), sum(row.unknown for row in rows)
    unread, broken = sum(row.unread for row in rows), sum(row.broken for row in rows)
    yield f"| all | | {resources:,} | {failures} | {_per(failures, resources)} | {acted} | {unknown} | {unread} | {broken} | |"
    both = [row for row in rows if row.checkov is not None and row.resources]
    if both:
        ours, theirs_, seen = (
            sum(len(row.failures) for row in both),
            sum(row.checkov or 0 for row in both),
            sum(row.resources for row in both),
        )
        yield ""
        yield (
            f"Where both have a figure ({len(both)} repositories, {seen:,} resources): {_per(ours, seen)} failures per 1,000 resources, "
            f"Checkov {_per(theirs_, seen)}."
        )
    judged: Counter[str] = sum((row.judged for row in rows), Counter())
    yield ""
    yield "Judged: " + ", ".join(f"{judged[word]} {word}" for word in JUDGEMENTS if judged[word])


def _per(number: int, resources: int) -> str:
    return f"{1000 * number / resources:.1f}" if resources else ""


def listing(rows: Sequence[Row]) -> Iterator[str]:
    """Each failure in a line, to be judged."""
    for row in rows:
        for item in row.failures:
            yield f"{row.name}  {item['fingerprint']}  {item['rule']}  {item['resource']}  {item.get('file')}:{item.get('line')}  {item['message']}"


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("repos", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--keep", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--checkov", metavar="PROGRAM")
    parser.add_argument("--judged", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    judged = json.loads(given.judged.read_text()) if given.judged else {}
    rows = [measured(repo, given.keep, given.checkov, judged) for repo in sorted(given.repos)]
    for line in listing(rows) if given.list else table(rows):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
