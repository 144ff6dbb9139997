"""``scan-pipeline``: the EventBridge rules that hear of new objects, where they lead, and what got lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.record import Kind, Population, Record

SOURCE = "aws.s3"
METRICS = {"Invocations": "invocations", "FailedInvocations": "failed", "InvocationsSentToDlq": "dead_lettered"}
"""EventBridge's counters of a rule, and the field that each fills (EventBridge user guide, monitoring)."""

_DAY = 86_400


class ScanPipeline(Collector):
    """The rules on the default bus whose pattern names ``aws.s3``, with their targets and what CloudWatch counted in the period.

    What the scan found is in ``provenance``; here is whether events arrived. A rule without a metric was never matched, or is older than
    CloudWatch remembers.

    Payload: ``{"rules": [{"rule", "state", "targets": [{"arn", "dead_letters"}], "invocations", "failed", "dead_lettered"}], "summary":
    {"rules", "enabled", "without_target", "without_dead_letters", "invocations", "failed", "dead_lettered"}}``.
    """

    name = "scan-pipeline"
    version = "1"
    kind = Kind.SCAN_PIPELINE
    permissions = ("cloudwatch:GetMetricData", "events:ListRules", "events:ListTargetsByRule")
    summary = "Rules that hear of new objects, their targets and failed deliveries, from EventBridge and CloudWatch."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        events, metrics = scope.fetch("events"), scope.fetch("cloudwatch")
        listed = [rule for page in events.pages("ListRules", {}) for rule in page.get("Rules", ()) if _hears(rule)]
        rows = [_rule(events, rule) for rule in sorted(listed, key=lambda rule: str(rule["Name"]))]
        for row in rows:
            row.update(_counts(metrics, scope, row["rule"]))
        payload: dict[str, JSON] = {
            "rules": list(rows),
            "summary": {
                "rules": len(rows),
                "enabled": sum(1 for row in rows if row["state"] == "ENABLED"),
                "without_target": sum(1 for row in rows if not row["targets"]),
                "without_dead_letters": sum(1 for row in rows if not all(target["dead_letters"] for target in row["targets"])),
                **{field: sum(row[field] for row in rows) for field in METRICS.values()},
            },
        }
        source = "EventBridge and CloudWatch"
        yield self.listing(scope, [events, metrics], payload, Population("rules", len(rows), len(rows)), source=source)


def _hears(rule: Mapping[str, Any]) -> bool:
    try:
        pattern = json.loads(rule.get("EventPattern") or "{}")
    except ValueError:
        return False
    return isinstance(pattern, dict) and SOURCE in pattern.get("source", ())


def _rule(fetch: Fetch, rule: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, JSON] = {"Rule": "each in payload.rules"}
    pages = fetch.pages("ListTargetsByRule", {"Rule": rule["Name"]}, shown=shown)
    targets = [
        {"arn": target["Arn"], "dead_letters": target.get("DeadLetterConfig", {}).get("Arn")}
        for page in pages
        for target in page.get("Targets", ())
    ]
    return {"rule": rule["Name"], "state": rule.get("State"), "targets": sorted(targets, key=lambda target: str(target["arn"]))}


def _counts(fetch: Fetch, scope: CollectScope, rule: str) -> dict[str, int]:
    start, end = scope.period.start, end_of_history(scope) + timedelta(seconds=1)
    if start >= end:
        return dict.fromkeys(METRICS.values(), 0)
    queries = [
        {
            "Id": field,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Events", "MetricName": metric, "Dimensions": [{"Name": "RuleName", "Value": rule}]},
                "Period": _DAY,
                "Stat": "Sum",
            },
        }
        for metric, field in METRICS.items()
    ]
    asked = {"MetricDataQueries": queries, "StartTime": start, "EndTime": end}
    shown: dict[str, JSON] = {
        "MetricDataQueries": [f"AWS/Events {metric} Sum each {_DAY} s, for each rule" for metric in METRICS],
        "StartTime": iso(start),
        "EndTime": iso(end),
    }
    counts = dict.fromkeys(METRICS.values(), 0)
    for page in fetch.pages("GetMetricData", asked, shown=shown):
        for result in page.get("MetricDataResults", ()):
            counts[result["Id"]] += int(sum(result.get("Values", ())))
            if result.get("StatusCode") in {"InternalError", "Forbidden"}:
                fetch.problem(f"CloudWatch did not give all data: {result['StatusCode']}")
    return counts
