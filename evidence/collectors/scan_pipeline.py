"""``scan-pipeline``: the EventBridge rules that hear of new objects, where they lead, and what got lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.collectors.named import Names, asked_for, entry, listed, names_of, unnamed
from averment.evidence.collectors.queues import PERMISSIONS, is_queue, look_at
from averment.evidence.record import Kind, Population, Record

SOURCE = "aws.s3"
METRICS = {"Invocations": "invocations", "FailedInvocations": "failed", "InvocationsSentToDlq": "dead_lettered"}
"""EventBridge's counters of a rule, and the field that each fills (EventBridge user guide, monitoring)."""

_DAY = 86_400


RULES, QUEUES = "scan-pipeline.rules", "scan-pipeline.queues"


class ScanPipeline(Collector):
    """The rules on the default bus whose pattern names ``aws.s3``, with their targets and what CloudWatch counted in the period, and how
    many messages wait in the queues for dead letters behind them.

    ``parameters: {scan-pipeline: {rules: [...], queues: [...]}}`` in averment.yaml names the rules that lead uploads to the scanner, on which
    the counts of what is out of order then rest, and further queues for dead letters; those of the rules' targets, and of queues that are
    targets, are found. What the scan found is in ``provenance``; here is whether events arrived. A rule without a metric was never matched,
    or is older than CloudWatch remembers.

    Payload: ``{"rules": [{"rule", "arn", "state", "targets": [{"arn", "dead_letters"}], "invocations", "failed", "dead_lettered"}], "queues":
    [{"queue", "exists", "messages", "dead_letters"}], "out_of_service": [{"resource", "message"}], "dead_letters": [...], "notes", "out_of", "summary":
    {"rules", "enabled", "without_target", "without_dead_letters", "invocations", "failed", "dead_lettered", "out_of_service",
    "queues_with_dead_letters"}}``. ``out_of_service``: named rules that don't exist, are disabled or lead nowhere (null where none are
    named). ``targets`` that could not be listed are null, and in no count. ``queues_with_dead_letters``: queues for dead letters in which something waits, or that don't exist.
    """

    name = "scan-pipeline"
    version = "2"
    kind = Kind.SCAN_PIPELINE
    permissions = ("cloudwatch:GetMetricData", "events:ListRules", "events:ListTargetsByRule", *PERMISSIONS)
    summary = "Rules that hear of new objects, their targets, failed deliveries and dead letters, from EventBridge, CloudWatch and SQS."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: rules or queues aren't lists of names, or a queue isn't named by its ARN.
        """
        named, queues = names_of(scope.organisation, RULES), _queues_named(scope)
        events, metrics, sqs = scope.fetch("events"), scope.fetch("cloudwatch"), scope.fetch("sqs")
        found = [rule for page in events.pages("ListRules", {}) for rule in page.get("Rules", ()) if _counts_here(rule, named)]
        whole = not events.broken_off
        rows = [_rule(events, rule) for rule in sorted(found, key=lambda rule: str(rule["Name"]))]
        for row in rows:
            row.update(_counts(metrics, scope, row["rule"]))
        chosen = [row for row in rows if named.count(row["rule"], row["arn"])]
        looked_at, behind, dead = _follow(sqs, chosen, queues)
        known = [(row["rule"], row["arn"]) for row in chosen]
        missing = named.missing(known, account=scope.account, region=scope.region, whole=whole)
        broken = [entry(name, "no rule of this name is on the default bus") for name in missing]
        broken += [item for row in chosen for item in _broken(row)]
        payload: dict[str, JSON] = {
            "rules": list(rows),
            "queues": list(looked_at),
            "out_of_service": listed(broken) if named else [],
            "dead_letters": listed(dead),
            "notes": unnamed(named),
            "out_of": {
                "summary.out_of_service": named.out_of(len(chosen), missing),
                "summary.queues_with_dead_letters": sum(1 for queue in looked_at if queue["queue"] in behind),
            },
            "summary": {
                "rules": len(rows),
                "enabled": sum(1 for row in rows if row["state"] == "ENABLED"),
                "without_target": sum(1 for row in rows if row["targets"] == []),
                "without_dead_letters": sum(1 for row in rows if not all(target["dead_letters"] for target in _targets(row))),
                **{field: sum(row[field] for row in rows) for field in METRICS.values()},
                "out_of_service": len(broken) if named else None,
                "queues_with_dead_letters": len(dead),
            },
        }
        source, population = "EventBridge, CloudWatch and SQS", Population("rules", len(chosen), len(chosen))
        asked = asked_for(scope, RULES, QUEUES)
        yield self.listing(scope, [events, metrics, sqs], payload, population, source=source, asked=asked)


def _queues_named(scope: CollectScope) -> list[str]:
    """The queues that averment.yaml names and that are of this account and region."""
    named = names_of(scope.organisation, QUEUES)
    for arn in named.given or ():
        if not is_queue(arn) or "*" in arn:
            where = SourceRef(scope.organisation.file)
            raise BadInputError(
                f"parameters.{QUEUES}: '{arn}' is not the ARN of a queue", where=where, fix="write arn:aws:sqs:REGION:ACCOUNT:NAME"
            )
    return named.missing([], account=scope.account, region=scope.region)


def _counts_here(rule: Mapping[str, Any], named: Names) -> bool:
    return _hears(rule) or (bool(named) and named.count(rule["Name"], rule.get("Arn", "")))


def _broken(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if row["state"] == "DISABLED":
        yield entry(row["arn"], "the rule is disabled")
    elif row["targets"] == []:
        yield entry(row["arn"], "the rule has no target")


def _follow(
    fetch: Fetch, rows: Sequence[Mapping[str, Any]], further: Sequence[str]
) -> tuple[list[dict[str, Any]], set[str], list[dict[str, Any]]]:
    """The queues behind ``rows`` and those that are named ``further``, as they are; which of them are for dead letters, and what is wrong
    with these."""
    targets = {str(target["arn"]) for row in rows for target in _targets(row) if is_queue(str(target["arn"]))}
    known = {arn: found for arn in sorted(targets) if (found := look_at(fetch, arn)) is not None}
    behind = {str(target["dead_letters"]) for row in rows for target in _targets(row) if target["dead_letters"]}
    behind |= {str(queue["dead_letters"]) for queue in known.values() if queue["dead_letters"]} | set(further)
    dead = []
    for arn in sorted(behind):
        found = known.get(arn) or look_at(fetch, arn)
        if found is None:
            continue
        known[arn] = found
        if not found["exists"]:
            dead.append(entry(arn, "the queue for dead letters doesn't exist"))
        elif found["messages"]:
            dead.append(entry(arn, f"{found['messages']:,} dead letter{' waits' if found['messages'] == 1 else 's wait'}"))
    return list(known.values()), behind, dead


def _hears(rule: Mapping[str, Any]) -> bool:
    try:
        pattern = json.loads(rule.get("EventPattern") or "{}")
    except ValueError:
        return False
    return isinstance(pattern, dict) and SOURCE in pattern.get("source", ())


def _targets(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The targets of a rule that are known."""
    return row["targets"] or ()


def _rule(fetch: Fetch, rule: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, JSON] = {"Rule": "each in payload.rules"}
    broken_off = fetch.broken_off
    pages = fetch.pages("ListTargetsByRule", {"Rule": rule["Name"]}, shown=shown)
    targets = [
        {"arn": target["Arn"], "dead_letters": target.get("DeadLetterConfig", {}).get("Arn")}
        for page in pages
        for target in page.get("Targets", ())
    ]
    return {
        "rule": rule["Name"],
        "arn": rule.get("Arn", ""),
        "state": rule.get("State"),
        "targets": sorted(targets, key=lambda target: str(target["arn"])) if fetch.broken_off == broken_off else None,
    }


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
