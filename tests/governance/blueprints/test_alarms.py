"""The blueprints' alarms, replayed over a week of traffic: they fire on the spike and stay quiet on ordinary days.

The series are made up, after the shape that a shop's uploads have: a night, an evening peak, a busier weekend, and noise that a fixed seed
gives. No recording of anybody's traffic is in here.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.remediation.blueprints.pages import read_template
from averment.sandbox.alarms import Series, fired, replay

START = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
WEEK = timedelta(days=7)
MINUTES = int(WEEK.total_seconds() // 60)
Traffic = dict[str, list[float | None]]


ROUTES = ("own", "endpoint", "asynchronous")


def ordinary(images: float = 8.0, videos: float = 1.5, seed: int = 7) -> Traffic:
    """Uploads a minute over one week. ``images`` and ``videos`` are the means of an ordinary evening's minute."""
    noise = random.Random(seed)
    found: Traffic = {name: [] for name in ("image", "video", "scanned", "flagged", "invocations")}
    found |= {f"{what} {route}": [] for what in ("in", "out") for route in ROUTES}
    for minute in range(MINUTES):
        hour, day = minute // 60 % 24, minute // 1440
        shape = (0.06 + 0.94 * max(0.0, math.sin((hour - 5) / 19 * math.pi)) ** 2 if hour >= 5 else 0.06) * (1.4 if day >= 5 else 1.0)
        pictures, clips = (max(0.0, round(noise.gauss(mean * shape, mean * shape / 4))) for mean in (images, videos))
        found["image"].append(pictures)
        found["video"].append(clips)
        found["scanned"].append(pictures + clips)
        found["flagged"].append(float(sum(noise.random() < 0.03 for _ in range(int(pictures + clips)))))
        found["invocations"].append(pictures)
        large = float(sum(noise.random() < 0.1 for _ in range(int(pictures))))
        for route, count in zip(ROUTES, (pictures - large, large, clips), strict=True):
            found[f"in {route}"].append(count)
            found[f"out {route}"].append(count)
    return found


def between(traffic: Traffic, day: int, hour: int, minutes: int, change: Callable[[str, float], float | None]) -> Traffic:
    """``traffic`` with a stretch of it changed by ``change(metric, value)``."""
    first = day * 1440 + hour * 60
    inside = range(first, first + minutes)
    return {
        name: [change(name, value or 0.0) if minute in inside else value for minute, value in enumerate(values)]
        for name, values in traffic.items()
    }


def series(traffic: Traffic) -> list[Series]:
    places = {
        "image": ("Averment/Detector", "Uploads", {"Kind": "image"}),
        "video": ("Averment/Detector", "Uploads", {"Kind": "video"}),
        "scanned": ("Averment/Detector", "Scanned", {"Detector": "averment-reference"}),
        "flagged": ("Averment/Detector", "Flagged", {"Detector": "averment-reference"}),
        "invocations": ("AWS/SageMaker", "Invocations", {"EndpointName": "media-detector", "VariantName": "AllTraffic"}),
        **{f"in {route}": ("Averment/Detector", "Uploads", {"Route": route}) for route in ROUTES},
        **{f"out {route}": ("Averment/Detector", "Scanned", {"Route": route}) for route in ROUTES},
    }
    found = [
        Series(*places[name], [(START + timedelta(minutes=minute), value) for minute, value in enumerate(values) if value is not None])
        for name, values in traffic.items()
    ]
    return [*found, *(Series(*places["image"], points) for points in learnt())]


@cache
def learnt() -> list[list[tuple[datetime, float]]]:
    """The two ordinary weeks before, of which the band is learnt. Each week has noise of its own."""
    return [
        [(START - WEEK * back + timedelta(minutes=minute), value or 0.0) for minute, value in enumerate(ordinary(seed=back)["image"])]
        for back in (1, 2)
    ]


def resolved(value: Any, parameters: dict[str, Any]) -> Any:
    """A template's value with ``Ref`` and ``Sub`` of parameters put in."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return parameters.get(value["Ref"], value["Ref"])
        if set(value) == {"Sub"}:
            text = str(value["Sub"])
            for name, known in parameters.items():
                text = text.replace(f"${{{name}}}", str(known))
            return text
        return {key: resolved(item, parameters) for key, item in value.items()}
    return [resolved(item, parameters) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    return deployed_with()


def deployed_with(**given: Any) -> dict[str, Any]:
    """The alarms by name, with the defaults of what isn't given."""
    template = read_template(all_blueprints()["monitoring"])
    parameters = {name: item["Default"] for name, item in template["Parameters"].items() if "Default" in item} | given
    found = {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    return {name: resolved(item, parameters) for name, item in found.items()}


def firing(alarms: dict[str, Any], traffic: Traffic) -> dict[str, list[datetime]]:
    recorded = series(traffic)
    found = {name: fired(replay(alarm, recorded, START, START + WEEK)) for name, alarm in alarms.items()}
    return {name: times for name, times in found.items() if times}


def test_an_ordinary_week_is_quiet(alarms: dict[str, Any]) -> None:
    """Nights, evening peaks and a busy weekend wake nobody."""
    assert firing(alarms, ordinary()) == {}


def test_a_sale_day_leaves_the_learnt_band_and_rings_nothing_else(alarms: dict[str, Any]) -> None:
    """Five times as much from eight to midnight: busy, and what it should be. The band can't know that, and the page says what to do before."""
    sale = between(ordinary(), 4, 8, 16 * 60, lambda name, value: value * 5)
    assert set(firing(alarms, sale)) == {"UnusualUploads"}


def test_pictures_at_an_unusual_hour_leave_the_learnt_band(alarms: dict[str, Any]) -> None:
    """What is ordinary in the afternoon is a flood at four in the morning, and the band knows the hour; nothing with a fixed threshold rings."""
    flood = between(ordinary(), 2, 4, 30, lambda name, value: 8.0 if name in {"image", "scanned", "in own", "out own"} else value)
    found = firing(alarms, flood)
    assert set(found) == {"UnusualUploads"}
    assert found["UnusualUploads"][0] <= START + timedelta(days=2, hours=4, minutes=20)
    afternoon = between(ordinary(), 2, 14, 30, lambda name, value: 8.0 if name in {"image", "scanned", "in own", "out own"} else value)
    assert firing(alarms, afternoon) == {}


def test_a_band_that_has_learnt_too_little_says_nothing(alarms: dict[str, Any]) -> None:
    """In a deployment's first week there is no past: no alarm, and none that could be mistaken for an all-clear."""
    young = [one for one in series(ordinary()) if one.points[0][0] >= START]
    changes = replay(alarms["UnusualUploads"], young, START, START + WEEK)
    assert fired(changes) == []


@pytest.mark.parametrize("hour", [3, 20])
def test_an_hour_without_data_is_quiet(alarms: dict[str, Any], hour: int) -> None:
    """Metrics that are missing for an hour, at night or at the peak, are not taken for an attack."""
    assert firing(alarms, between(ordinary(), 2, hour, 60, lambda *_: None)) == {}


def test_videos_by_night_ring_within_a_quarter_of_an_hour(alarms: dict[str, Any]) -> None:
    """Fifteen videos a minute at three o'clock: nothing by day, a flood by night; the alarm knows the hour."""
    flood = between(ordinary(), 2, 3, 30, lambda name, value: 15.0 if name == "video" else value)
    found = firing(alarms, flood)
    assert set(found) == {"VideosInQuietHours"}
    delay = found["VideosInQuietHours"][0] - (START + timedelta(days=2, hours=3))
    assert delay <= timedelta(minutes=15)
    by_day = between(ordinary(), 2, 15, 30, lambda name, value: 15.0 if name == "video" else value)
    assert firing(alarms, by_day) == {}


@pytest.mark.parametrize(("hour", "rings"), [(22, False), (23, True), (3, True), (6, False), (15, False)])
def test_quiet_hours_may_go_over_midnight(hour: int, rings: bool) -> None:
    """A night in Berlin is 23 to 4 or so by UTC: an alarm for from 23 until 5 that asks for both never rings, and says nothing of it."""
    over_midnight = deployed_with(QuietFrom=23, QuietUntil=5)
    flood = between(ordinary(), 2, hour, 30, lambda name, value: 15.0 if name == "video" else value)
    assert ("VideosInQuietHours" in firing(over_midnight, flood)) is rings


def test_a_flood_of_videos_rings_at_any_hour(alarms: dict[str, Any]) -> None:
    """A hundred videos a minute at the evening peak."""
    assert set(firing(alarms, between(ordinary(), 3, 19, 20, lambda name, value: 100.0 if name == "video" else value))) == {"FloodOfVideos"}


@pytest.mark.parametrize(
    ("route", "alarm", "hours"),
    [("own", "ScanStopped", 1), ("endpoint", "EndpointScanStopped", 2), ("asynchronous", "AsynchronousScanStopped", 4)],
)
@pytest.mark.parametrize("stopped", [None, 0.0], ids=["gone", "zero"])
def test_each_route_that_stops_rings_by_itself(alarms: dict[str, Any], route: str, alarm: str, hours: int, stopped: float | None) -> None:
    """Uploads come in and have no answer on one route, while the others go on: its metric is gone, or it answers nothing."""
    quiet = between(ordinary(), 1, 15, hours * 60, lambda name, value: stopped if name == f"out {route}" else value)
    found = firing(alarms, quiet)
    assert set(found) == {alarm}
    assert found[alarm][0] <= START + timedelta(days=1, hours=15 + hours)


def test_videos_whose_answers_take_an_hour_are_no_standstill(alarms: dict[str, Any]) -> None:
    """An asynchronous endpoint may take that long: answers come later, and all come."""
    late = ordinary()
    late["out asynchronous"] = [0.0] * 60 + late["out asynchronous"][:-60]
    assert firing(alarms, late) == {}


def test_a_campaign_of_fakes_rings(alarms: dict[str, Any]) -> None:
    """Every second upload flagged for an hour; one flagged upload in a dead night is no campaign."""
    campaign = between(ordinary(), 1, 18, 60, lambda name, value: 4.0 if name == "flagged" else value)
    assert set(firing(alarms, campaign)) == {"ManyFlagged"}
    alone = between(ordinary(images=0.2, videos=0.0), 1, 3, 15, lambda name, value: 1.0 if name in {"flagged", "scanned"} else 0.0)
    assert firing(alarms, alone) == {}


def test_a_detector_that_is_probed_rings(alarms: dict[str, Any]) -> None:
    """A thousand questions a minute for an hour cost money and mean somebody is looking for its blind spots."""
    probed = between(ordinary(), 5, 2, 60, lambda name, value: 1000.0 if name == "invocations" else value)
    assert set(firing(alarms, probed)) == {"ManyRequests"}


def test_the_gates_own_alarms_ring_on_what_is_stuck_fails_or_was_withdrawn() -> None:
    """One dead letter, overdue question, overdue case or withdrawal is enough; a backlog has to last; single failures, which are delivered again, are not."""
    template = read_template(all_blueprints()["media-gate"])
    found = {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    for alarm in found.values():
        alarm["Dimensions"] = []
    hours = timedelta(hours=6)

    def ring(name: str, metric: str, values: list[float]) -> bool:
        points = [(START + timedelta(minutes=5 * step), value) for step, value in enumerate(values)]
        return bool(fired(replay(found[name], [Series(found[name]["Namespace"], metric, {}, points)], START, START + hours)))

    dead, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    assert ring("DeadLetters", dead, [0, 0, 1, 1])
    assert not ring("DeadLetters", dead, [0] * 20)
    assert ring("DeadLettersLeft", age, [3600, 172_000, 173_000])
    assert not ring("DeadLettersLeft", age, [3600, 172_000])
    assert ring("Backlog", age, [100, 950, 1250])
    assert not ring("Backlog", age, [100, 950, 20, 20])
    for name in ("Overdue", "ReviewsOverdue", "Withdrawn"):
        assert ring(name, name, [0, 0, 1, 0])
        assert not ring(name, name, [0] * 20)
        assert not ring(name, name, [])
    assert ring("Failures", "Errors", [0, 6, 7, 0])
    assert not ring("Failures", "Errors", [0, 6, 0, 0, 0, 1])


@pytest.mark.parametrize("name", ["media-gate", "signing"])
def test_an_alarm_on_dead_letters_says_what_to_do_and_rings_twice(name: str) -> None:
    """It went red at the first letter and told no way out; those that came later rang no more, and all were deleted unread after 14 days."""
    found = read_template(all_blueprints()[name])["Resources"]
    first, second = (found[alarm]["Properties"] for alarm in ("DeadLetters", "DeadLettersLeft"))
    assert "aws sqs start-message-move-task --source-arn" in first["AlarmDescription"]
    assert "doesn't ring again" in first["AlarmDescription"]
    kept = next(item["Properties"] for item in found.values() if item["Properties"].get("MessageRetentionPeriod") == 14 * 86_400)
    assert 86_400 <= second["Threshold"] < kept["MessageRetentionPeriod"] / 2
    assert second["AlarmActions"] == first["AlarmActions"]
    assert all(len(alarm["AlarmDescription"]) <= 1024 for alarm in (first, second))


UNWATCHED = {
    ("media-gate", "AnswerQueue"): "the question stays, and the alarm Overdue rings after two hours without its answer",
    ("provenance-upload", "Dead"): "the API waits for the function's answer, so that none of its requests ever comes to be a dead letter",
}


def test_a_sweep_that_stopped_is_told() -> None:
    """It counts what waits for a person; where nothing starts it any more (its schedule off, its permission gone), no dead letter says so, and all was quiet."""
    found = read_template(all_blueprints()["media-gate"])["Resources"]["ReviewsOverdue"]["Properties"]
    assert found["InsufficientDataActions"] == found["AlarmActions"]
    found["Dimensions"] = []
    hours = [(START + timedelta(hours=hour, minutes=50 * (hour % 2)), 0.0) for hour in range(12)]  # a schedule needn't keep to the minute

    def states(points: list[tuple[datetime, float]]) -> list[str]:
        series = [Series(found["Namespace"], found["MetricName"], {}, points)]
        return [str(change.state) for change in replay(found, series, START, START + timedelta(days=1))]

    assert states([*hours, *((at + timedelta(hours=12), value) for at, value in hours)]) == ["OK"]
    assert states(hours) == ["OK", "INSUFFICIENT_DATA"]
    assert states([]) == [], "before the first run there is nothing to tell"


def test_each_queue_has_an_alarm_on_what_stays_in_it() -> None:
    """Generated media that nobody took out of signing's queue (its function throttled, or not asked) were deleted after four days, and nothing rang."""
    unwatched = set()
    for name, blueprint in all_blueprints().items():
        found = read_template(blueprint)["Resources"]
        alarms = [item["Properties"] for item in found.values() if item["Type"] == "AWS::CloudWatch::Alarm"]
        watched = {str(alarm["Dimensions"]) for alarm in alarms if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage"}
        queues = [key for key, item in found.items() if item["Type"] == "AWS::SQS::Queue"]
        unwatched |= {
            (name, key) for key in queues if not any(f"'{key}.QueueName'" in said or f"'{key}', 'QueueName'" in said for said in watched)
        }
    assert unwatched == set(UNWATCHED)


def snake(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()


def terraform_value(value: Any) -> str:
    """A property of the template as the Terraform has to write it: references and parameters under their names there."""
    if isinstance(value, dict) and "Ref" in value:
        return f"var.{snake(value['Ref'])}"
    if isinstance(value, dict) and "Sub" in value:
        return '"' + re.sub(r"\$\{(\w+)\}", lambda hole: f"${{var.{snake(hole[1])}}}", value["Sub"]) + '"'
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def said(properties: dict[str, Any], names: dict[str, str]) -> list[str]:
    return [f"{ours} = {terraform_value(properties[theirs])}" for theirs, ours in names.items() if theirs in properties]


@pytest.mark.parametrize("name", ["monitoring", "media-gate", "signing"])
def test_the_terraform_has_the_same_alarms(name: str) -> None:
    """Both forms are one blueprint: each alarm with the same metrics, periods, expressions and thresholds, and none beside them."""
    blueprint = all_blueprints()[name]
    text = re.sub(r"[ \t]+", " ", blueprint.terraform.read_text(encoding="utf-8"))
    found = read_template(blueprint)["Resources"]
    alarms = {snake(key): item["Properties"] for key, item in found.items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    blocks = dict(re.findall(r'resource "aws_cloudwatch_metric_alarm" "(\w+)" \{\n(.*?)\n\}\n', text, re.DOTALL))
    assert set(blocks) == set(alarms)
    for key, alarm in alarms.items():
        wanted = said(alarm, ATTRIBUTES)
        for query in alarm.get("Metrics", ()):
            wanted += said(query, {"Id": "id", "Expression": "expression"})
            stat = query.get("MetricStat", {})
            wanted += [*said(stat, {"Period": "period", "Stat": "stat"}), *said(stat.get("Metric", {}), ATTRIBUTES)]
            wanted += dimensions(stat.get("Metric", {}))
        wanted += dimensions(alarm)
        missing = [line for line in wanted if blocks[key].count(line) < wanted.count(line)]
        assert not missing, f"{key}: {missing}"
        assert blocks[key].count("metric_query {") == len(alarm.get("Metrics", ()))


ATTRIBUTES = {
    "AlarmDescription": "alarm_description",
    "Namespace": "namespace",
    "MetricName": "metric_name",
    "Statistic": "statistic",
    "Period": "period",
    "EvaluationPeriods": "evaluation_periods",
    "DatapointsToAlarm": "datapoints_to_alarm",
    "ComparisonOperator": "comparison_operator",
    "Threshold": "threshold",
    "ThresholdMetricId": "threshold_metric_id",
    "TreatMissingData": "treat_missing_data",
}


def dimensions(metric: dict[str, Any]) -> list[str]:
    """Those with a value that both forms write out; queues and functions are named by references of each form's own."""
    return [
        f"{item['Name']} = {terraform_value(item['Value'])}"
        for item in metric.get("Dimensions", ())
        if not (isinstance(item["Value"], dict) and item["Name"] in {"QueueName", "FunctionName"})
    ]
