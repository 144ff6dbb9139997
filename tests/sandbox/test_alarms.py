"""The evaluator of alarms: M out of N, missing data as CloudWatch's user guide tables it, and the part of metric math that it covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.sandbox.alarms import AlarmState, Series, evaluate, fired, replay

START = datetime(2026, 11, 2, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def alarm(**more: Any) -> dict[str, Any]:
    given = {
        "Namespace": "N",
        "MetricName": "M",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10,
    }
    return {**given, **more}


def last(values: str, **more: Any) -> AlarmState:
    """The state after the points of ``values``: X breaches, 0 doesn't, - is missing."""
    points = [(START + MINUTE * step, 20.0 if sign == "X" else 0.0) for step, sign in enumerate(values) if sign != "-"]
    changes = replay(alarm(**more), [Series("N", "M", {}, points)], START, START + MINUTE * len(values))
    return changes[-1].state if changes else AlarmState.INSUFFICIENT


OK, ALARM, INSUFFICIENT = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT


@pytest.mark.parametrize(
    ("points", "missing", "not_breaching", "breaching"),
    [
        ("0-X-X", OK, OK, OK),
        ("-----", INSUFFICIENT, OK, ALARM),
        ("0----", OK, OK, OK),
        ("XX-XX", ALARM, ALARM, ALARM),
        ("XXX", ALARM, ALARM, ALARM),
        ("XX0", OK, OK, OK),
    ],
)
def test_missing_data_is_treated_as_the_guide_says(
    points: str, missing: AlarmState, not_breaching: AlarmState, breaching: AlarmState
) -> None:
    """Three of three, over a range of five: real points count first, then the gaps as they are to be treated."""
    assert last(points, TreatMissingData="missing") is missing
    assert last(points, TreatMissingData="notBreaching") is not_breaching
    assert last(points, TreatMissingData="breaching") is breaching


def test_ignore_keeps_the_state() -> None:
    """An alarm that rang goes on ringing while nothing is heard."""
    assert last("XXX-------", TreatMissingData="ignore") is ALARM
    assert last("XXX-------", TreatMissingData="notBreaching") is OK


@pytest.mark.parametrize(("points", "state"), [("X0X", ALARM), ("X00", OK), ("0XX", ALARM)])
def test_m_out_of_n(points: str, state: AlarmState) -> None:
    """Two of three are enough where two are asked for."""
    assert last(points, DatapointsToAlarm=2) is state


def test_periods_gather_points_by_the_statistic() -> None:
    """Five minutes are one point: their sum, average, least, most, or number."""
    points = [(START + MINUTE * step, float(step)) for step in range(5)]
    for statistic, value in (("Sum", 10.0), ("Average", 2.0), ("Minimum", 0.0), ("Maximum", 4.0), ("SampleCount", 5.0)):
        given = alarm(Period=300, Statistic=statistic, EvaluationPeriods=1, ComparisonOperator="GreaterThanOrEqualToThreshold")
        for threshold, rings in ((value, True), (value + 0.1, False)):
            changes = replay({**given, "Threshold": threshold}, [Series("N", "M", {}, points)], START, START + MINUTE * 5)
            assert bool(fired(changes)) is rings


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + b * 2", 12.0),
        ("(a - b) / b", -0.6),
        ("IF(a > b, 1, 0)", 0.0),
        ("IF(HOUR(a) < 6 && a == 2, a, 0)", 2.0),
        ("DAY(a)", 1.0),
        ("FILL(c, 7) + a", 9.0),
        ("MAX(a, b) - MIN(a, b)", 3.0),
        ("ABS(0 - a)", 2.0),
        ("!(a > b) || a > 100", 1.0),
        ("a != b", 1.0),
    ],
)
def test_metric_math(expression: str, value: float) -> None:
    """Arithmetic, comparisons, logic, and the functions that the blueprints use."""
    known = {"a": {START: 2.0}, "b": {START: 5.0}, "c": {}}
    assert evaluate(expression, known, [START]) == {START: pytest.approx(value)}


@pytest.mark.parametrize("expression", ["a / c", "c + 1", "a / (a - a)"])
def test_what_has_no_point_gives_none(expression: str) -> None:
    """A missing point, or a division by nothing, is missing and not zero."""
    assert evaluate(expression, {"a": {START: 2.0}, "c": {}}, [START]) == {}


@pytest.mark.parametrize(
    "expression", ["ANOMALY_DETECTION_BAND(a, 2)", "SEARCH('x')", "a +", "unknown", "__import__('os')", "a if b else 0", "a.b", "[a]"]
)
def test_what_is_not_covered_is_refused(expression: str) -> None:
    """A replay that guesses proves nothing."""
    with pytest.raises(BadInputError):
        evaluate(expression, {"a": {START: 2.0}}, [START])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"Statistic": "p99"},
        {"MetricName": "Other"},
        {"Metrics": [{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "2"}]},
    ],
)
def test_alarms_that_cannot_be_replayed_are_named(wrong: dict[str, Any]) -> None:
    """Bands, percentiles, and metrics that nobody recorded."""
    with pytest.raises(BadInputError):
        replay(alarm(**wrong), [Series("N", "M", {}, [])], START, START + MINUTE)
