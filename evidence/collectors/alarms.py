"""``alarms``: CloudWatch's alarms, whether they can tell anybody, and when they did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.record import Kind, Population, Record

KEPT_FOR = timedelta(days=30)
"""How long CloudWatch keeps the history of alarms (CloudWatch user guide)."""

MAX_CHANGES = 20_000
"""State changes kept in one record; further ones are counted, and the record says that it was cut."""


class Alarms(Collector):
    """Every alarm as it is now, and its changes of state in the period, as far back as CloudWatch remembers (30 days).

    Payload: ``{"alarms": [{"alarm", "kind", "state", "namespace", "metric", "actions_enabled", "actions", "missing_data"}], "changes":
    [{"alarm", "at", "from", "to"}], "history_from", "summary": {"alarms", "without_action", "insufficient_data", "in_alarm", "changes",
    "fired"}}``. ``without_action`` counts alarms that tell nobody when they go off; ``fired`` counts the changes to ALARM. A period that
    began before ``history_from`` is covered from there only.
    """

    name = "alarms"
    version = "1"
    kind = Kind.ALARMS
    permissions = ("cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms")
    summary = "Alarms, their actions and their history, from CloudWatch."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        fetch = scope.fetch("cloudwatch")
        alarms: list[dict[str, Any]] = []
        for page in fetch.pages("DescribeAlarms", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}):
            alarms += [_alarm(item, "metric") for item in page.get("MetricAlarms", ())]
            alarms += [_alarm(item, "composite") for item in page.get("CompositeAlarms", ())]
        start, end = max(scope.period.start, scope.clock() - KEPT_FOR), end_of_history(scope)
        asked = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "HistoryItemType": "StateUpdate", "StartDate": start, "EndDate": end}
        shown: dict[str, JSON] = {**asked, "StartDate": iso(start), "EndDate": iso(end)}
        changes: list[dict[str, Any]] = []
        total = fired = 0
        if start < end:
            for page in fetch.pages("DescribeAlarmHistory", asked, shown=shown):
                for item in page.get("AlarmHistoryItems", ()):
                    change = _change(item)
                    total, fired = total + 1, fired + (change["to"] == "ALARM")
                    if len(changes) < MAX_CHANGES:
                        changes.append(change)
        states = Counter(row["state"] for row in alarms)
        payload: dict[str, JSON] = {
            "alarms": sorted(alarms, key=lambda row: str(row["alarm"])),
            "changes": sorted(changes, key=lambda row: (row["at"], row["alarm"])),
            "history_from": iso(start),
            "summary": {
                "alarms": len(alarms),
                "without_action": sum(1 for row in alarms if not (row["actions_enabled"] and row["actions"])),
                "insufficient_data": states["INSUFFICIENT_DATA"],
                "in_alarm": states["ALARM"],
                "changes": total,
                "fired": fired,
            },
        }
        population = Population("alarms", len(alarms), len(alarms), total > len(changes))
        yield self.listing(scope, [fetch], payload, population, source="CloudWatch alarms")


def _alarm(item: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "alarm": item["AlarmName"],
        "kind": kind,
        "state": item.get("StateValue"),
        "namespace": item.get("Namespace"),
        "metric": item.get("MetricName"),
        "actions_enabled": bool(item.get("ActionsEnabled", True)),
        "actions": sorted(item.get("AlarmActions", ())),
        "missing_data": item.get("TreatMissingData"),
    }


def _change(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        data = json.loads(item.get("HistoryData") or "{}")
    except ValueError:
        data = {}
    states = {name: (data.get(name) or {}).get("stateValue") for name in ("oldState", "newState")}
    return {"alarm": item.get("AlarmName"), "at": iso(item["Timestamp"]), "from": states["oldState"], "to": states["newState"]}
