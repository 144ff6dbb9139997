"""``checkov-report``: the results of a plain Checkov run, from the JSON that it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.evidence.collectors.reports import ReportCollector, Results

_LISTS = {"passed_checks": "passed", "failed_checks": "failed", "skipped_checks": "skipped"}


class CheckovReport(ReportCollector):
    """``checkov --output json`` of each file in ``parameters: {checkov-report: {files: [...]}}``. Nothing is run.

    Payload: as ``reports.report_record`` makes it. Checkov writes no time, so that a report is as old as its file. Files that Checkov
    couldn't parse make the record partial.
    """

    name = "checkov-report"
    version = "2"
    summary = "Results of a plain Checkov run, from its JSON."

    def parse(self, report: Any) -> Results:
        rows: list[dict[str, Any]] = []
        problems: list[str] = []
        version = None
        for part in report if isinstance(report, list) else [report]:
            if "results" not in part:  # what Checkov writes when it found nothing to check
                if set(part) & {"passed", "failed", "parsing_errors"}:
                    problems.extend(_unlisted({"check_type": "nothing to check", "summary": part, "results": {}}))
                    continue
                raise KeyError("results")
            version = part.get("summary", {}).get("checkov_version") or version
            for key, status in _LISTS.items():
                rows.extend(_row(item, status) for item in part["results"].get(key) or ())
            problems.extend(_unlisted(part))
            problems.extend(f"Checkov could not parse {file}" for file in part["results"].get("parsing_errors") or ())
        return Results(rows, "checkov", version, None, problems)


def _unlisted(part: Mapping[str, Any]) -> Iterator[str]:
    """Where the summary counts other results than are listed (``checkov --quiet`` leaves out what passed, and files that it couldn't parse)."""
    for key, status in {**_LISTS, "parsing_errors": "parsing_errors"}.items():
        counted, listed = part.get("summary", {}).get(status), len(part["results"].get(key) or ())
        if counted is not None and counted != listed:
            yield f"{part.get('check_type')}: {counted} {status.replace('_', ' ')} by Checkov's summary, {listed} listed"


def _row(item: Mapping[str, Any], status: str) -> dict[str, Any]:
    lines = item.get("file_line_range") or []
    file = str(item.get("file_path", ""))
    return {
        "check": item["check_id"],
        "title": item.get("check_name"),
        "status": status,
        "severity": item.get("severity"),
        "resource": item.get("resource"),
        "where": f"{file}:{lines[0]}" if lines else file,
        "comment": (item.get("check_result") or {}).get("suppress_comment"),
    }
