"""``automation-executions``: which isolation runbooks ran in AWS Systems Manager Automation, when, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.record import Kind, Population, Record

KEPT_FOR = timedelta(days=30)
"""How long Systems Manager is taken to keep executions. Unconfirmed: neither its API reference nor its user guide, as far as they were read,
says so. If it keeps them longer, nothing is wrong by this: earlier ones are left out of the record all the same."""

ISOLATING = ("isolat", "quarantin")
"""Parts of a document's name, in lower case, that speak of isolation; ``parameters`` name the runbooks of those who call them otherwise."""

MAX_EXECUTIONS = 10_000
"""Executions kept in one record; further ones are counted, and the record says that it was cut."""

_TO_THE_END = frozenset({"Success", "CompletedWithSuccess"})
_NOT_TO_THE_END = frozenset(
    {"Failed", "TimedOut", "Cancelled", "Rejected", "ChangeCalendarOverrideRejected", "CompletedWithFailure", "Exited"}
)
_MESSAGE = 500


class AutomationExecutions(Collector):
    """Executions of isolation runbooks that began in the 30 days before the end of the period, also where these reach back beyond its start:
    whether a runbook was tried within a month is no question of quarters.

    ``parameters: {automation-executions: {runbooks: [name]}}`` in averment.yaml names the runbooks; otherwise they are known by
    ``ISOLATING``. Others are counted by document and status. Inputs and outputs, which may hold policies and what was isolated, stay
    where they are; so do the children of an execution, which are part of it. The population of a period that began earlier than ``history_from``
    is marked as cut short; the figures of the summary, which speak of the 30 days, are ``whole``. Where the period has been over for some days, as many of
    the 30 are forgotten, and only that a runbook did run to its end is sure.

    Payload: ``{"executions": [{"id", "runbook", "version", "status", "began_at", "ended_at", "seconds", "mode", "by", "target", "message"}],
    "runbooks": {name: {"executions", "to_the_end", "last_to_the_end"}}, "others": {document: {status: count}}, "history_from",
    "whole", "summary": {"executions", "to_the_end", "failed", "under_way", "runbooks", "others"}}``. A dry run of ours, which isolates nothing and says so
    in its output ``plan.DryRun``, is among the others, with ``DryRun`` for its status.
    """

    name = "automation-executions"
    version = "3"
    kind = Kind.AUTOMATION
    permissions = ("ssm:DescribeAutomationExecutions",)
    looks_back = True
    goes_by = ("automation-executions.runbooks",)
    summary = "Executions of isolation runbooks and how they ended, from Systems Manager Automation."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        named, fetch = _named(scope, self.name), scope.fetch("ssm")
        now = scope.clock()
        end, start = min(now, end_of_history(scope)), now - KEPT_FOR
        lost = end < now
        if end < start:
            fetch.problem(
                f"Systems Manager keeps executions for {KEPT_FOR.days} days: those before {iso(start)}, and so all of the period's, can't be seen any more"
            )
        kept: list[dict[str, Any]] = []
        runbooks: dict[str, dict[str, Any]] = {}
        others: dict[str, Counter[str]] = {}
        counts: Counter[str] = Counter()
        for page in fetch.pages("DescribeAutomationExecutions", {"MaxResults": 50}):
            for found in page.get("AutomationExecutionMetadataList", ()):
                began = found.get("ExecutionStartTime")
                if began is None or not start <= began <= end or found.get("ParentAutomationExecutionId"):
                    continue
                row = _row(found)
                dry = [text.lower() for text in (found.get("Outputs") or {}).get("plan.DryRun", ())] == ["true"]
                if dry or not _isolates(str(row["runbook"]), named):
                    counts["others"] += 1
                    others.setdefault(str(row["runbook"]), Counter())["DryRun" if dry else str(row["status"])] += 1
                    continue
                _count(row, counts, runbooks.setdefault(str(row["runbook"]), {"executions": 0, "to_the_end": 0, "last_to_the_end": None}))
                if len(kept) < MAX_EXECUTIONS:
                    kept.append(row)
        summary: dict[str, JSON] = {name: counts[name] for name in ("executions", "to_the_end", "failed", "under_way")}
        payload: dict[str, JSON] = {
            "executions": list(kept),
            "runbooks": dict(sorted(runbooks.items())),
            "others": {name: dict(sorted(statuses.items())) for name, statuses in sorted(others.items())},
            "history_from": iso(start),
            "whole": [f"summary.{name}" for name in summary if not lost or (name == "to_the_end" and counts[name])],
            "summary": {**summary, "runbooks": len(runbooks), "others": counts["others"]},
        }
        total = counts["executions"]
        early = lost or scope.period.start < start
        unit = "executions of isolation runbooks" + (f" (from {iso(start)} on alone)" if early else "")
        population = Population(unit, total, len(kept), early or total > len(kept))
        yield self.listing(scope, [fetch], payload, population, source="Systems Manager Automation", effective_at=end)


def _named(scope: CollectScope, collector: str) -> frozenset[str]:
    value = scope.parameters(collector).get("runbooks", [])
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise BadInputError(
            f"parameters.{collector}.runbooks is not a list of names of documents",
            where=SourceRef(scope.organisation.file),
            fix=f"write: parameters: {{{collector}: {{runbooks: [isolate-bucket]}}}}",
        )
    return frozenset(value)


def _isolates(document: str, named: frozenset[str]) -> bool:
    if named:
        return document in named
    return any(part in document.lower() for part in ISOLATING)


def _count(row: Mapping[str, Any], counts: Counter[str], runbook: dict[str, Any]) -> None:
    counts["executions"] += 1
    runbook["executions"] += 1
    if row["status"] in _TO_THE_END:
        counts["to_the_end"] += 1
        runbook["to_the_end"] += 1
        runbook["last_to_the_end"] = max(filter(None, (runbook["last_to_the_end"], row["ended_at"] or row["began_at"])))
    else:
        counts["failed" if row["status"] in _NOT_TO_THE_END else "under_way"] += 1


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    began: datetime = found["ExecutionStartTime"]
    ended: datetime | None = found.get("ExecutionEndTime")
    message = found.get("FailureMessage")
    return {
        "id": found["AutomationExecutionId"],
        "runbook": found.get("DocumentName", "unknown"),
        "version": found.get("DocumentVersion"),
        "status": found.get("AutomationExecutionStatus", "unknown"),
        "began_at": iso(began),
        "ended_at": iso(ended) if ended else None,
        "seconds": round((ended - began).total_seconds()) if ended else None,
        "mode": found.get("Mode"),
        "by": found.get("ExecutedBy"),
        "target": found.get("Target"),
        "message": message[:_MESSAGE] if message else None,
    }
