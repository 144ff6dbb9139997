"""The approximated anomaly detection band: the same hour of the weeks before, and as many deviations as the alarm says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from averment.core.errors import BadInputError
from averment.sandbox.alarms import Series, fired, replay
from averment.sandbox.anomaly import band, band_arguments, outside

START, PERIOD, WEEK = datetime(2026, 11, 2, tzinfo=UTC), timedelta(minutes=5), timedelta(days=7)


def weeks(day: float, night: float) -> dict[datetime, float]:
    """Two weeks before START and one after: ``day`` from six o'clock, ``night`` until then, and every second point one more."""
    moments = [START - 2 * WEEK + PERIOD * step for step in range(3 * 2016)]
    return {moment: (day if moment.hour >= 6 else night) + step % 2 for step, moment in enumerate(moments)}


def test_the_band_is_the_same_hour_of_the_weeks_before() -> None:
    """At noon it lies around noon's values, by night around the night's, and a wider one holds the narrower one."""
    values = weeks(100.0, 4.0)
    noon, night = START + timedelta(hours=12), START + timedelta(hours=3)
    for moment, middle in ((noon, 100.5), (night, 4.5)):
        lower, upper = band(values, moment, PERIOD, 2.0) or (0.0, 0.0)
        assert lower < middle < upper < middle + 2
        wider = band(values, moment, PERIOD, 4.0) or (0.0, 0.0)
        assert wider[0] < lower
        assert upper < wider[1]


def test_what_happens_now_is_not_learnt_from() -> None:
    """A flood moves the band a week later, not under its own feet."""
    values = weeks(100.0, 4.0)
    night = START + timedelta(hours=3)
    before = band(values, night, PERIOD, 2.0)
    assert band({**values, night: 1000.0, night + PERIOD: 1000.0}, night, PERIOD, 2.0) == before
    later = band({**values, night: 1000.0}, night + WEEK, PERIOD, 2.0)
    assert later is not None
    assert before is not None
    assert later[1] > before[1]


@pytest.mark.parametrize(
    ("comparison", "low", "high"),
    [("GreaterThanUpperThreshold", 0, 1), ("LessThanLowerThreshold", 1, 0), ("LessThanLowerOrGreaterThanUpperThreshold", 1, 1)],
)
def test_an_alarm_looks_at_one_side_or_both(comparison: str, low: int, high: int) -> None:
    """Too few and too many, as the comparison says; without a past there is no point at all."""
    values, noon, later = weeks(100.0, 4.0), START + timedelta(hours=12), START + timedelta(hours=13)
    found = outside({**values, noon: 20.0, later: 500.0}, PERIOD, 4.0, comparison, START)
    assert (found[noon], found[later], sum(found.values())) == (low, high, low + high)
    assert outside({noon: 20.0}, PERIOD, 4.0, comparison, START) == {}


def alarm(**changed: Any) -> dict[str, Any]:
    metric = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 300, "Stat": "Sum"}
    whole = {
        "Metrics": [{"Id": "a", "MetricStat": metric}, {"Id": "expected", "Expression": "ANOMALY_DETECTION_BAND(a, 4)"}],
        "ThresholdMetricId": "expected",
        "ComparisonOperator": "GreaterThanUpperThreshold",
        "EvaluationPeriods": 2,
    }
    return {**whole, **changed}


def test_an_alarm_on_a_band_is_replayed() -> None:
    """Ten minutes outside ring once, in the period in which both have been seen; a single point doesn't."""
    values, at = weeks(100.0, 4.0), START + timedelta(days=3, hours=3)
    one = Series("n", "m", {}, list({**values, at: 50.0}.items()))
    two = Series("n", "m", {}, list({**values, at: 50.0, at + PERIOD: 50.0}.items()))
    assert fired(replay(alarm(), [one], START, START + WEEK)) == []
    assert fired(replay(alarm(), [two], START, START + WEEK)) == [at + 2 * PERIOD]


def test_what_is_no_band_is_refused() -> None:
    """Another expression, another comparison, another shape of call: said, not taken for quiet."""
    series = [Series("n", "m", {}, list(weeks(1.0, 1.0).items()))]
    other = [{**alarm()["Metrics"][0]}, {"Id": "expected", "Expression": "a * 2"}]
    for wrong in (alarm(ComparisonOperator="GreaterThanThreshold"), alarm(Metrics=other)):
        with pytest.raises(BadInputError):
            replay(wrong, series, START, START + WEEK)
    assert band_arguments("ANOMALY_DETECTION_BAND(a)") == ("a", 2.0)
    for call in ("ANOMALY_DETECTION_BAND(a, b)", "ANOMALY_DETECTION_BAND(a + 1, 2)"):
        with pytest.raises(BadInputError, match="no band over one metric"):
            band_arguments(call)
