"""``detector-metrics``: how much the detector scanned, flagged and could not say, day by day, from CloudWatch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered, end_of_history
from averment.evidence.collectors.named import names_of
from averment.evidence.record import Kind, Population, Record

NAMESPACE = "Averment/Detector"
DIMENSION = "Detector"
COUNTERS = {"Scanned": "scanned", "Flagged": "flagged", "CouldNotSay": "could_not_say"}
"""Metrics that are summed, and the field of the summary that each fills."""

SCORE = "Score"
SCORE_STATISTICS = ("Average", "Minimum", "Maximum", "SampleCount")
DAY = 86_400
QUERIES_A_CALL = 500
"""GetMetricData takes at most 500 metrics a call (CloudWatch API reference)."""

DETECTORS = "detector-metrics.detectors"

LISTED_FOR = timedelta(days=14)
"""ListMetrics forgets a metric that had no data for two weeks (CloudWatch API reference)."""


LATELY = timedelta(days=7)
"""How long before the end of what is told a detector has to have scanned something, to be one that runs."""


class DetectorMetrics(Collector):
    """Daily sums and score statistics per detector over the period.

    ``parameters: {detector-metrics: {detectors: [name]}}`` in averment.yaml names the detectors that are asked for in any case;
    otherwise those that CloudWatch lists, which forgets what fell silent two weeks ago (then the record says so). Each that is named has to have
    scanned something of late, in whichever account or region (``named``): what the others scanned says nothing of it.

    Payload: ``{"detectors": [{"detector", "series": {metric: [{"at", "value"}]}, "totals": {...}}], "summary": {"detectors",
    "scanned", "scanned_last_week", "flagged", "could_not_say", "days_with_data", "score_average"}, "named", "out_of", "whole", "granularity_seconds"}``.
    ``scanned_last_week`` counts the week before the period's end, or before now (``LATELY``), also where the period began within it; a detector that
    scanned a lot and fell silent since isn't running.
    """

    name = "detector-metrics"
    version = "4"
    kind = Kind.DETECTOR_METRICS
    permissions = ("cloudwatch:ListMetrics", "cloudwatch:GetMetricData")
    looks_back = True
    goes_by = (DETECTORS,)
    summary = "What the detector scanned and flagged, from CloudWatch metrics."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: the detectors are no list of names.
        """
        fetch = Fetch(scope.connect("cloudwatch"), "cloudwatch")
        named = names_of(scope.organisation, DETECTORS).given or ()
        listed = _listed(fetch)
        listing_failed = bool(fetch.problems)
        detectors = sorted({*named, *listed})
        end = end_of_history(scope)
        silent = scope.clock() - LISTED_FOR > scope.period.start and not named
        start, since = scope.period.start, end - LATELY
        # Days are those of the calendar: from another hour on they may be shifted.
        asked_from = min(start, since.replace(hour=0, minute=0, second=0))
        rows = _ask(fetch, detectors, asked_from, end) if start < end else {}
        payload = _payload(detectors, rows, start, since)
        if named:
            payload["named"] = _each_named(named, payload["detectors"])
        notes: list[JSON] = []
        if silent:
            notes.append("detectors that sent nothing in the last two weeks are not listed by CloudWatch; name them under parameters")
        total: int = payload["summary"]["scanned"]
        refused = listing_failed and not detectors
        yield self.record(
            scope,
            Gathered(
                source=f"CloudWatch {NAMESPACE}",
                query={"calls": fetch.calls, "start": iso(start), "end": iso(end)},
                payload=None if refused else {**payload, "notes": notes},
                problems=fetch.problems,
                population=None if refused else Population("scanned images", total if not fetch.problems else None, total),
                effective_at=min(end, scope.clock()),
            ),
        )


def _each_named(named: Iterable[str], detectors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The expected figure of each detector that is named, as ``places`` looks for it in all of them."""
    lately = {row["detector"]: row["scanned_last_week"] for row in detectors}
    return {"by": DETECTORS, "field": "summary.scanned_last_week", "figures": {name: lately[name] for name in named}}


def _listed(fetch: Fetch) -> set[str]:
    return {
        dimension["Value"]
        for page in fetch.pages("ListMetrics", {"Namespace": NAMESPACE, "Dimensions": [{"Name": DIMENSION}]})
        for metric in page.get("Metrics", ())
        for dimension in metric.get("Dimensions", ())
        if dimension["Name"] == DIMENSION
    }


def _ask(fetch: Fetch, detectors: list[str], start: datetime, end: datetime) -> dict[str, list[tuple[datetime, float]]]:
    """Points by ``detector index/metric/statistic``, oldest first."""
    wanted = [(metric, "Sum") for metric in COUNTERS] + [(SCORE, statistic) for statistic in SCORE_STATISTICS]
    queries, labels = [], {}
    for number, detector in enumerate(detectors):
        for place, (metric, statistic) in enumerate(wanted):
            labels[f"q{number}_{place}"] = f"{number}/{metric}/{statistic}"
            queries.append(_query(f"q{number}_{place}", detector, metric, statistic))
    rows: dict[str, list[tuple[datetime, float]]] = {}
    for first in range(0, len(queries), QUERIES_A_CALL):
        some = queries[first : first + QUERIES_A_CALL]
        # CloudWatch leaves out EndTime itself, so the last second of the history counts only if one more is asked for.
        until = end + timedelta(seconds=1)
        parameters = {"MetricDataQueries": some, "StartTime": start, "EndTime": until, "ScanBy": "TimestampAscending"}
        shown: dict[str, JSON] = {
            "MetricDataQueries": [f"{NAMESPACE} {metric} {statistic} each {DAY} s, for each detector" for metric, statistic in wanted],
            "StartTime": iso(start),
            "EndTime": iso(until),
        }
        for page in fetch.pages("GetMetricData", parameters, shown=shown):
            for message in page.get("Messages", ()):
                fetch.problem(f"CloudWatch says: {message.get('Code')}: {message.get('Value')}")
            for result in page.get("MetricDataResults", ()):
                _take(fetch, result, rows.setdefault(labels[result["Id"]], []))
    for points in rows.values():
        points.sort()
    return rows


def _take(fetch: Fetch, result: Any, points: list[tuple[datetime, float]]) -> None:
    points.extend(zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True))
    if result.get("StatusCode") in {"InternalError", "Forbidden"}:
        fetch.problem(f"CloudWatch did not give all data: {result['StatusCode']}")


def _query(name: str, detector: str, metric: str, statistic: str) -> dict[str, Any]:
    dimensions = [{"Name": DIMENSION, "Value": detector}]
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}, "Period": DAY, "Stat": statistic}
    return {"Id": name, "MetricStat": stat, "ReturnData": True}


def _payload(detectors: list[str], every: dict[str, list[tuple[datetime, float]]], start: datetime, since: datetime) -> dict[str, Any]:
    rows = {name: [(at, value) for at, value in points if at >= start] for name, points in every.items()}
    lately_of_all = 0
    found, totals = [], dict.fromkeys(COUNTERS.values(), 0)
    days: set[str] = set()
    score_sum = score_count = 0.0
    for number, detector in enumerate(detectors):
        series: dict[str, Any] = {}
        own, lately = dict.fromkeys(COUNTERS.values(), 0), 0
        for metric, name in COUNTERS.items():
            points = rows.get(f"{number}/{metric}/Sum", [])
            series[metric] = [{"at": iso(at), "value": _number(value)} for at, value in points]
            own[name] = sum(int(value) for _, value in points)
            if name == "scanned":
                lately = sum(int(value) for at, value in every.get(f"{number}/{metric}/Sum", []) if at + timedelta(seconds=DAY) > since)
            totals[name] += own[name]
            days.update(iso(at) for at, _ in points)
        averages = rows.get(f"{number}/{SCORE}/Average", [])
        counts = rows.get(f"{number}/{SCORE}/SampleCount", [])
        for (_, average), (_, times) in zip(averages, counts, strict=False):
            score_sum, score_count = score_sum + average * times, score_count + times
        for statistic in SCORE_STATISTICS:
            points = rows.get(f"{number}/{SCORE}/{statistic}", [])
            series[f"{SCORE}.{statistic}"] = [{"at": iso(at), "value": _number(value)} for at, value in points]
        lately_of_all += lately
        found.append({"detector": detector, "series": series, "totals": own, "scanned_last_week": lately})
    average_score = round(score_sum / score_count, 6) if score_count else None
    told = {**totals, "scanned_last_week": lately_of_all, "days_with_data": len(days), "score_average": average_score}
    out_of = {"summary.scanned_last_week": lately_of_all}  # a place where nothing was scanned lately isn't one where a detector should have
    whole: list[JSON] = list(out_of)  # however long before that week the period began
    summary = {"detectors": len(detectors), **told}
    return {"detectors": found, "summary": summary, "out_of": out_of, "whole": whole, "granularity_seconds": DAY}


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else round(float(value), 9)
