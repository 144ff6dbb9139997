"""Result files of other checkers, for the collectors that take them over: read whole, dated, and named by their hash."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from averment.core.canonical import JSON, is_canonical, sha256_hex
from averment.core.errors import BadInputError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.named import asked_for, entry, listed, names_of, unnamed
from averment.evidence.record import Kind, Population, Record

MAX_BYTES = 256 * 1024 * 1024
_WALLS_DIFFER = timedelta(days=1)
"""How far a right clock on the wall elsewhere may be ahead, and more."""
STATUSES = ("passed", "failed", "skipped", "muted", "manual", "error")
"""What a result can be. Only ``passed`` is good news: what was skipped, muted, left to people or went wrong was not found right."""


@dataclass(frozen=True)
class Results:
    """What a report says: rows of ``{"check", "title", "status", "severity", "resource", "where"}``, what made it, when, what it says
    could not be read, and of which accounts it speaks."""

    rows: list[dict[str, Any]]
    tool: str
    version: str | None
    made_at: datetime | None
    problems: list[str]
    accounts: frozenset[str] = frozenset()


def files_of(scope: CollectScope, collector: str) -> list[str]:
    """The files that ``parameters: {<collector>: {files: [...]}}`` names.

    Raises:
        BadInputError: there are none, or they aren't a list of paths.
    """
    names = scope.parameters(collector).get("files")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        where = SourceRef(scope.organisation.file)
        raise BadInputError(f"parameters.{collector}.files names no result files", where=where, fix="write files: [results.json]")
    return names


class ReportCollector(Collector):
    """Takes over each file that ``parameters: {<name>: {files: [...]}}`` names. Nothing is run. Payload: as ``report_record`` makes it."""

    kind = Kind.IMPORTED
    regional = False
    from_aws = False
    by_files = True

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """A record a file.

        Raises:
            BadInputError: averment.yaml names no files.
        """
        for name in files_of(scope, self.name):
            yield report_record(self, scope, name, self.parse)

    @abstractmethod
    def parse(self, report: Any) -> Results:
        """What the JSON value ``report`` says. One of another shape is a KeyError, TypeError, AttributeError or ValueError."""


def report_record(collector: Collector, scope: CollectScope, name: str, parse: Callable[[Any], Results]) -> Record:
    """The record of the file ``name``. One that is missing or isn't what it should be is on record as such.

    ``parameters: {<collector>: {checks: [...]}}`` names the checks that count, by id or pattern. Payload: ``{"tool", "sha256", "dated_by",
    "results", "not_passed": [{"resource", "message"}], "notes", "out_of", "summary": {"results", "passed", "failed", ..., "not_passed"}}``:
    ``not_passed`` are the results of these checks that are anything else than passed (null where none are named). A check that is named by
    its id, and of which the report has no result, makes the record partial.

    Facts are as old as the report says it is, or else as its file, whose time anybody may change: ``dated_by`` says which. Of what is dated ahead nobody knows.
    """
    query: dict[str, JSON] = {"file": name}
    path = scope.organisation.path(name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES:,} bytes")
        data = path.read_bytes()
        results = parse(json.loads(data))
        if not is_canonical([results.rows, results.version]):
            raise ValueError("holds what no record can (NaN, integers beyond 2**53, half a character)")
        changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    except (OSError, ValueError, RecursionError) as error:
        return collector.record(scope, Gathered(name, query, None, [f"could not read {name}: {error}"]))
    except (KeyError, TypeError, AttributeError) as error:
        return collector.record(
            scope, Gathered(name, query, None, [f"{name} is not a report of this kind: {type(error).__name__}: {error}"])
        )
    payload, absent = _payload(collector, scope, results)
    dated, now = results.made_at or changed, scope.clock()
    problems = [*results.problems, *(f"{name} has no result of the check {check}" for check in absent)]
    if dated > now + _WALLS_DIFFER:
        problems.append(f"{name} is dated {iso(dated)}, which is yet to come: how old its results are can't be told")
    number = len(results.rows)
    return collector.record(
        scope,
        Gathered(
            source=name,
            query=query,
            payload={**payload, "sha256": sha256_hex(data), "dated_by": "report" if results.made_at else "file"},
            problems=problems,
            population=Population("results", None if results.problems else number, number, bool(results.problems)),
            effective_at=min(dated, now),
            accounts=results.accounts,
        ),
    )


def _payload(collector: Collector, scope: CollectScope, results: Results) -> tuple[dict[str, JSON], Sequence[str]]:
    """What a record holds of ``results``, and the named checks of which there is none."""
    path_of_checks = f"{collector.name}.checks"
    checks = names_of(scope.organisation, path_of_checks)
    counts = Counter(row["status"] for row in results.rows)
    chosen = [row for row in results.rows if checks.count(str(row["check"]))]
    not_passed = [_not_passed(row) for row in chosen if row["status"] != "passed"]
    payload: dict[str, JSON] = {
        "tool": {"name": results.tool, "version": results.version},
        "results": list(results.rows),
        "not_passed": listed(not_passed) if checks else [],
        "notes": unnamed(checks),
        "scope": asked_for(scope, path_of_checks),
        "out_of": {"summary.not_passed": len(chosen)},
        "summary": {
            "results": len(results.rows),
            **{status: counts[status] for status in STATUSES},
            "not_passed": len(not_passed) if checks else None,
        },
    }
    return payload, checks.missing([(str(row["check"]),) for row in chosen])


def _not_passed(row: Mapping[str, Any]) -> dict[str, Any]:
    what = str(row.get("resource") or row.get("where") or row["check"])
    return entry(what, f"{row['check']} {row['status']}" + (f": {row['title']}" if row.get("title") else ""))


def status_of(text: str, known: Mapping[str, str]) -> str:
    """The word of ``STATUSES`` for a tool's own; one that isn't known counts as an error, never as passed."""
    return known.get(text.upper(), "error")


def oldest(moments: Iterable[str | None]) -> datetime | None:
    """The earliest of RFC 3339 texts, in whole seconds of UTC; None where there is none, or one can't be read."""
    found = []
    for text in moments:
        if text:
            try:
                moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
                found.append((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0))
            except (ValueError, OverflowError):
                return None
    return min(found, default=None)
