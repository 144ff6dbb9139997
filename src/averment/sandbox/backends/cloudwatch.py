"""CloudWatch: ``DescribeAlarmHistory``, which moto lacks. Each ``SetAlarmState`` leaves an entry in it, as there; all else is moto's."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

_PAGE = 100
_history: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)


def forget() -> None:
    """Empty every history."""
    _history.clear()


class CorrectedCloudWatch(CloudWatchResponse):  # type: ignore[misc]
    """moto's CloudWatch, which remembers what its alarms did."""

    def set_alarm_state(self) -> Any:
        name, state = self._get_param("AlarmName"), self._get_param("StateValue")
        before = next((alarm.state_value for alarm in self.cloudwatch_backend.alarms.values() if alarm.name == name), None)
        answer = super().set_alarm_state()
        _history[(self.current_account, self.region)].append(
            {
                "AlarmName": name,
                "AlarmType": "MetricAlarm",
                "Timestamp": datetime.now(UTC),
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {before} to {state}",
                "HistoryData": json.dumps({"version": "1.0", "oldState": {"stateValue": before}, "newState": {"stateValue": state}}),
            }
        )
        return answer

    def describe_alarm_history(self) -> ActionResult:
        start, end = self._get_param("StartDate"), self._get_param("EndDate")
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        found = [
            item
            for item in _history[(self.current_account, self.region)]
            if (name is None or item["AlarmName"] == name)
            and (kind is None or item["HistoryItemType"] == kind)
            and (start is None or item["Timestamp"] >= _utc(start))
            and (end is None or item["Timestamp"] <= _utc(end))
        ]
        found.reverse()
        first = int(self._get_param("NextToken") or 0)
        last = first + int(self._get_param("MaxRecords") or _PAGE)
        answer: dict[str, Any] = {"AlarmHistoryItems": found[first:last]}
        if last < len(found):
            answer["NextToken"] = str(last)
        return ActionResult(answer)


def _utc(moment: Any) -> datetime:
    """What moto's parser made of a timestamp: a datetime (naive ones are UTC), a number or ISO 8601 text."""
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC)
    parsed = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


url_paths = {"{0}/$": CorrectedCloudWatch.dispatch}
