"""``prowler-report``: the results of a plain Prowler run, from the JSON that it wrote (OCSF, or Prowler 3's own)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from averment.evidence.collectors.reports import ReportCollector, Results, oldest, status_of

_STATUSES = {"PASS": "passed", "FAIL": "failed", "MANUAL": "manual", "INFO": "manual", "MUTED": "muted"}

_LAST_INSTANT = 253_402_300_799
"""The last second of the year 9999."""


class ProwlerReport(ReportCollector):
    """Prowler's JSON of each file in ``parameters: {prowler-report: {files: [...]}}``. Nothing is run.

    Payload: as ``reports.report_record`` makes it. What Prowler muted counts as ``muted`` whatever its result. A report is as old as its
    oldest result.

    Such a report holds what was checked: what Prowler could not ask AWS, or was told to leave out (``--status``), isn't in it, and nothing
    in it says so.
    """

    name = "prowler-report"
    version = "2"
    summary = "Results of a plain Prowler run, from its JSON."

    def parse(self, report: Any) -> Results:
        if not isinstance(report, list):
            raise TypeError("a list of findings is expected")
        rows = [_ocsf(item) if "metadata" in item else _own(item) for item in report]
        versions = [item["metadata"].get("product", {}).get("version") for item in report if "metadata" in item]
        made_at = oldest(_moment(item) for item in report)
        accounts = frozenset(str(account) for item in report if (account := _account(item)))
        return Results(rows, "prowler", next(iter(versions), None), made_at, [], accounts)


def _moment(item: Mapping[str, Any]) -> str:
    """When a result came about. In OCSF ``time`` is the instant; ``time_dt`` and Prowler's own times are those of its machine's clock on the
    wall, without a zone, and are taken for UTC where there is nothing else."""
    instant = item.get("time")
    if isinstance(instant, int) and not isinstance(instant, bool) and 0 <= instant <= _LAST_INSTANT:
        return datetime.fromtimestamp(instant, UTC).isoformat()
    return str(item.get("time_dt") or item.get("AssessmentStartTime") or "")


def _account(item: Mapping[str, Any]) -> Any:
    """The account that a result is of."""
    return ((item.get("cloud") or {}).get("account") or {}).get("uid") if "metadata" in item else item.get("AccountId")


def _ocsf(item: Mapping[str, Any]) -> dict[str, Any]:
    resource: Mapping[str, Any] = next(iter(item.get("resources") or ()), {})
    muted = str(item.get("status", "")).lower() == "suppressed"
    return {
        "check": item["metadata"]["event_code"],
        "title": (item.get("finding_info") or {}).get("title"),
        "status": "muted" if muted else status_of(str(item["status_code"]), _STATUSES),
        "severity": item.get("severity"),
        "resource": resource.get("uid"),
        "where": " ".join(str(part) for part in (_account(item), resource.get("region")) if part),
    }


def _own(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "check": item["CheckID"],
        "title": item.get("CheckTitle"),
        "status": status_of(str(item["Status"]), _STATUSES),
        "severity": item.get("Severity"),
        "resource": item.get("ResourceArn") or item.get("ResourceId"),
        "where": " ".join(str(part) for part in (_account(item), item.get("Region")) if part),
    }
