"""The embedded CloudWatch's history of alarms over boto3: what it tells, page by page, and what it refuses as the service model says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.core.period import utc_now


@pytest.fixture
def alarms(sandbox: Any) -> Any:
    """A client, with an alarm that went off and calmed down again."""
    client = boto3.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="burst",
        Namespace="Averment/Detector",
        MetricName="Flagged",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    for state in ("ALARM", "OK"):
        client.set_alarm_state(AlarmName="burst", StateValue=state, StateReason="a drill")
    return client


def told(client: Any, **asked: Any) -> list[str]:
    return [item["HistorySummary"] for item in client.describe_alarm_history(**asked)["AlarmHistoryItems"]]


def test_the_latest_change_comes_first_unless_asked_otherwise(alarms: Any) -> None:
    """A page holds as many as were asked for, and its token leads on."""
    off, calm = "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"
    assert told(alarms) == [calm, off]
    assert told(alarms, ScanBy="TimestampAscending", HistoryItemType="StateUpdate") == [off, calm]
    first = alarms.describe_alarm_history(MaxRecords=1)
    assert told(alarms, MaxRecords=1, NextToken=first["NextToken"]) == [off]


def test_only_what_was_asked_for_is_told(alarms: Any) -> None:
    """By name, kind of alarm, kind of entry and time."""
    now = utc_now()
    assert told(alarms, AlarmName="other") == told(alarms, AlarmTypes=["CompositeAlarm"]) == told(alarms, HistoryItemType="Action") == []
    assert told(alarms, EndDate=now - timedelta(minutes=1)) == []
    assert len(told(alarms, StartDate=now - timedelta(days=365), EndDate=now + timedelta(minutes=1))) == 2


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ({"AlarmName": "x" * 256}, "ValidationError", "length less than or equal to 255"),
        ({"AlarmTypes": ["Metric"]}, "ValidationError", "enum value set"),
        ({"HistoryItemType": "Everything"}, "ValidationError", "enum value set"),
        ({"MaxRecords": 101}, "ValidationError", "less than or equal to 100"),
        ({"ScanBy": "Name"}, "ValidationError", "enum value set"),
        ({"NextToken": "elsewhere"}, "InvalidNextToken", "token"),
    ],
)
def test_what_the_service_model_refuses_is_refused(alarms: Any, asked: dict[str, Any], code: str, says: str) -> None:
    """Lengths, enums, ranges, and tokens of another listing."""
    with pytest.raises(ClientError, match=says) as caught:
        alarms.describe_alarm_history(**asked)
    assert caught.value.response["Error"]["Code"] == code


def test_an_entry_that_the_api_could_not_tell_is_not_kept(alarms: Any) -> None:
    """A reason may have 1,023 characters; one that doesn't fit into the entry's data is refused."""
    with pytest.raises(ClientError):
        alarms.set_alarm_state(AlarmName="burst", StateValue="ALARM", StateReason="x" * 5_000)
    assert len(told(alarms)) == 2


def test_a_composite_alarm_is_listed_beside_the_others(alarms: Any) -> None:
    """With its rule, and apart from metric alarms; a request that CloudWatch refuses is refused."""
    alarms.put_composite_alarm(AlarmName="media", AlarmRule="ALARM(burst)", AlarmActions=["arn:aws:sns:eu-west-1:123456789012:duty"])
    found = alarms.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert "media" not in {alarm["AlarmName"] for alarm in found["MetricAlarms"]}
    [alarm] = found["CompositeAlarms"]
    assert (alarm["AlarmName"], alarm["AlarmRule"], alarm["ActionsEnabled"]) == ("media", "ALARM(burst)", True)
    with pytest.raises(ClientError, match="length less than or equal to 255"):
        alarms.put_composite_alarm(AlarmName="x" * 256, AlarmRule="ALARM(burst)")
