"""CloudWatch: ``DescribeAlarmHistory`` and ``PutCompositeAlarm``, which moto lacks. Each ``SetAlarmState`` leaves an entry in the history, as there; all
else is moto's.

Requests and what is kept are checked against botocore's service model. The history goes back 30 days, a page has at most 100 entries, and
without ``AlarmTypes`` it is that of metric alarms.
Not covered: other entries than changes of state, composite alarms' own (nor do they ever go off here), contributors.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.exceptions import CloudWatchException, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import get_service_model

from averment.sandbox.validation import message, violations

KEPT_FOR = timedelta(days=30)
_EVER = datetime(1, 1, 1, tzinfo=UTC)
_PAGE = 100
_history: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)


def forget() -> None:
    """Empty every history."""
    _history.clear()


class InvalidNextToken(CloudWatchException):  # type: ignore[misc]
    """The token isn't one that this listing gave."""

    code = "InvalidNextToken"


class CorrectedCloudWatch(CloudWatchResponse):  # type: ignore[misc]
    """moto's CloudWatch, which remembers what its alarms did."""

    def set_alarm_state(self) -> Any:
        name, state = self._get_param("AlarmName"), self._get_param("StateValue")
        before = next((alarm.state_value for alarm in self.cloudwatch_backend.alarms.values() if alarm.name == name), None)
        answer = super().set_alarm_state()
        data = {"oldState": {"stateValue": before}, "newState": {"stateValue": state, "stateReason": self._get_param("StateReason")}}
        item = {
            "AlarmName": name,
            "AlarmType": "MetricAlarm",
            "Timestamp": datetime.now(UTC),
            "HistoryItemType": "StateUpdate",
            "HistorySummary": f"Alarm updated from {before} to {state}",
            "HistoryData": json.dumps({"version": "1.0", **data}),
        }
        _history[(self.current_account, self.region)].append(_kept(item))
        return answer

    def put_composite_alarm(self) -> ActionResult:
        request = self._get_params()
        if wrong := list(violations(_model().operation_model("PutCompositeAlarm").input_shape, request)):
            raise ValidationError(message(wrong))
        kept = {
            **dict.fromkeys(("namespace", "metric_name", "comparison_operator", "evaluation_periods", "period", "threshold", "statistic")),
            "description": request.get("AlarmDescription"),
            "dimensions": [],
            "alarm_actions": request.get("AlarmActions", []),
            "ok_actions": request.get("OKActions"),
            "actions_enabled": request.get("ActionsEnabled", True),
            "tags": request.get("Tags"),
        }
        alarm = self.cloudwatch_backend.put_metric_alarm(name=request["AlarmName"], rule=request["AlarmRule"], **kept)
        alarm.alarm_rule = alarm.rule  # as the API calls it
        alarm.actions_suppressor = request.get("ActionsSuppressor")
        return EmptyResult()

    def describe_alarm_history(self) -> ActionResult:
        request = self._get_params()
        if wrong := list(violations(_model().operation_model("DescribeAlarmHistory").input_shape, request)):
            raise ValidationError(message(wrong))
        start, end = request.get("StartDate"), request.get("EndDate")
        oldest = max(datetime.now(UTC) - KEPT_FOR, _utc(start) if start is not None else _EVER)
        kinds = request.get("AlarmTypes") or ["MetricAlarm"]
        found = [
            item
            for item in _history[(self.current_account, self.region)]
            if item["AlarmType"] in kinds
            and item["AlarmName"] == request.get("AlarmName", item["AlarmName"])
            and item["HistoryItemType"] == request.get("HistoryItemType", item["HistoryItemType"])
            and item["Timestamp"] >= oldest
            and (end is None or item["Timestamp"] <= _utc(end))
        ]
        if request.get("ScanBy") != "TimestampAscending":
            found.reverse()
        first = _position(request.get("NextToken"), len(found))
        last = first + int(request.get("MaxRecords", _PAGE))
        answer: dict[str, Any] = {"AlarmHistoryItems": found[first:last]}
        if last < len(found):
            answer["NextToken"] = str(last)
        return ActionResult(answer)


def _kept(item: dict[str, Any]) -> dict[str, Any]:
    """``item`` as the API could answer with it.

    Raises:
        ValidationError: it could not, by botocore's service model.
    """
    if wrong := list(violations(_model().shape_for("AlarmHistoryItem"), item)):
        raise ValidationError(message(wrong))
    return item


def _position(token: str | None, length: int) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or int(token) >= length:
        raise InvalidNextToken("The next token specified is invalid.")
    return int(token)


def _model() -> Any:
    return get_service_model("cloudwatch")


def _utc(moment: Any) -> datetime:
    """What moto's parser made of a timestamp: a datetime (naive ones are UTC), a number or ISO 8601 text."""
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC)
    parsed = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


url_paths = {"{0}/$": CorrectedCloudWatch.dispatch}
