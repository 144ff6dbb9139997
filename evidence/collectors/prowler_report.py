"""``prowler-report``: the results of a plain Prowler run, from the JSON that it wrote (OCSF, or Prowler 3's own)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.reports import Results, files_of, oldest, report_record, status_of
from averment.evidence.record import Kind, Record

_STATUSES = {"PASS": "passed", "FAIL": "failed", "MANUAL": "manual", "INFO": "manual", "MUTED": "muted"}


class ProwlerReport(Collector):
    """Prowler's JSON of each file in ``parameters: {prowler-report: {files: [...]}}``. Nothing is run.

    Payload: as ``reports.report_record`` makes it. What Prowler muted counts as ``muted`` whatever its result. A report is as old as its
    oldest result.
    """

    name = "prowler-report"
    version = "2"
    kind = Kind.IMPORTED
    regional = False
    from_aws = False
    summary = "Results of a plain Prowler run, from its JSON."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """A record a file.

        Raises:
            BadInputError: averment.yaml names no files.
        """
        for name in files_of(scope, self.name):
            yield report_record(self, scope, name, _parse)


def _parse(report: Any) -> Results:
    if not isinstance(report, list):
        raise TypeError("a list of findings is expected")
    rows = [_ocsf(item) if "metadata" in item else _own(item) for item in report]
    versions = [item["metadata"].get("product", {}).get("version") for item in report if "metadata" in item]
    made_at = oldest(str(item.get("time_dt") or item.get("AssessmentStartTime") or "") for item in report)
    return Results(rows, "prowler", next(iter(versions), None), made_at, [])


def _ocsf(item: Mapping[str, Any]) -> dict[str, Any]:
    resource: Mapping[str, Any] = next(iter(item.get("resources") or ()), {})
    muted = str(item.get("status", "")).lower() == "suppressed"
    return {
        "check": item["metadata"]["event_code"],
        "title": (item.get("finding_info") or {}).get("title"),
        "status": "muted" if muted else status_of(str(item["status_code"]), _STATUSES),
        "severity": item.get("severity"),
        "resource": resource.get("uid"),
        "where": " ".join(
            str(part) for part in (((item.get("cloud") or {}).get("account") or {}).get("uid"), resource.get("region")) if part
        ),
    }


def _own(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "check": item["CheckID"],
        "title": item.get("CheckTitle"),
        "status": status_of(str(item["Status"]), _STATUSES),
        "severity": item.get("Severity"),
        "resource": item.get("ResourceArn") or item.get("ResourceId"),
        "where": " ".join(str(part) for part in (item.get("AccountId"), item.get("Region")) if part),
    }
