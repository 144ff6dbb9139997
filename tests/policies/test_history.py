"""For how long a resource was compliant: intervals that tile the period, and verdicts on what AWS Config recorded at each moment.

Origin of the data: items made of the rules' cases by ``Deployment``, at moments written for these tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Severity
from averment.policies.interface import Rule
from averment.policies.rules.registry import rule
from averment.policies.runtime import history
from averment.policies.runtime.history import (
    Gap,
    Interval,
    Kept,
    Phase,
    Point,
    Recorded,
    RecorderState,
    kept,
    recording_gaps,
    timeline,
    totals,
)
from averment.policies.surfaces.cloudformation.template import read_template
from averment.sandbox.deployed.items import Deployment, recorded_alone

OWN = "123456789012"
CASES = Path(__file__).resolve().parents[2] / "policies" / "rules"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
EVERYTHING = {"allSupported": True, "includeGlobalResourceTypes": True}
ALWAYS = (RecorderState(START - timedelta(days=90), True, EVERYTHING),)
SCOPE = Scope(
    accounts=(OWN,), organisation_id="o-exampleorg1", media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}, ("*upload*",)),)
)
"""An organisation that says which buckets hold media, so that nothing but the buckets has to tell."""

moments = st.integers(-50, 150).map(lambda number: START + timedelta(seconds=number))
points = st.builds(Point, moments, st.sampled_from(Phase), st.sampled_from(["", "a", "b"]))
gaps = st.builds(Gap, moments, moments, st.sampled_from(["off", "left out"]))


@given(st.lists(points, max_size=12), st.lists(gaps, max_size=4), st.randoms(use_true_random=False))
def test_intervals_tile_the_period_whatever_the_order(points: list[Point], gaps: list[Gap], random: Any):
    """No overlap, no hole, no two alike side by side, exact lengths; the order of what is given doesn't matter."""
    end = START + timedelta(seconds=100)
    found = timeline(START, end, points, gaps)
    assert (found[0].start, found[-1].end) == (START, end)
    assert all(first.end == second.start for first, second in pairwise(found))
    assert all(interval.start < interval.end for interval in found)
    assert all((first.phase, first.reason) != (second.phase, second.reason) for first, second in pairwise(found))
    assert sum(totals(found).values(), timedelta()) == end - START
    assert found == timeline(START, end, random.sample(points, len(points)), random.sample(gaps, len(gaps)))


@given(st.lists(points, max_size=12), st.lists(gaps, max_size=4))
def test_each_moment_has_the_phase_of_its_last_point(points: list[Point], gaps: list[Gap]):
    """Asked of each moment by itself: a gap hides, until it ends; the last point counts, the gravest at one moment, nothing before the first."""
    found = timeline(START, START + timedelta(seconds=100), points, gaps)
    for moment in (START + timedelta(seconds=second) for second in range(100)):
        (interval,) = [entry for entry in found if entry.start <= moment < entry.end]
        earlier = [point for point in points if point.moment <= moment]
        if any(gap.start <= moment < gap.end for gap in gaps) or not earlier:
            assert interval.phase is Phase.NOT_ASSESSED
        else:
            last = max(point.moment for point in earlier)
            assert interval.phase is min((point.phase for point in earlier if point.moment == last), key=list(Phase).index)


def test_an_empty_period_is_refused():
    """Nothing can be said of no time at all."""
    with pytest.raises(ValueError, match="ends before it begins"):
        timeline(START, START, [])


def test_local_times_come_out_in_utc():
    """Intervals are in UTC, whatever zone a moment was given in."""
    zone = datetime.fromisoformat("2026-10-02T02:00:00+02:00")
    found = timeline(START, END, [Point(zone, Phase.COMPLIANT)])
    assert found[1].start.isoformat() == "2026-10-02T00:00:00+00:00"


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def at(item: Mapping[str, Any], moment: datetime, **more: Any) -> dict[str, Any]:
    return {**item, "configurationItemCaptureTime": moment, **more}


def items_of(case: str) -> list[dict[str, Any]]:
    """What AWS Config itself has of a case once it is deployed."""
    return recorded_alone(Deployment(read_template(CASES / case / "template.yaml")).items())


def run(subject: str | Rule, items: list[dict[str, Any]], recorder: tuple[RecorderState, ...] = ALWAYS, **more: Any) -> Kept:
    chosen = rule(subject) if isinstance(subject, str) else subject
    unread = more.pop("unread", {})
    return kept(chosen, Recorded(items, recorder, unread), START, END, SCOPE, {}, **more)


def seen(found: Kept, key: tuple[str, str] = ("AWS::S3::Bucket", "acme-uploads")) -> list[tuple[int, int, str, str]]:
    """Days, phase and reason of a resource's intervals."""
    return [((entry.start - START).days, (entry.end - START).days, str(entry.phase), entry.reason) for entry in found.resources[key]]


def test_a_bucket_that_was_open_for_a_week():
    """Closed, opened by hand on day 10, closed again on day 17: 85 of 92 days compliant, to the second."""
    (good,), (bad,) = items_of("quarantine_not_served/cases/closed.pass"), items_of("quarantine_not_served/cases/readable_by_acl.fail")
    key = (good["resourceType"], good["resourceId"])
    assert key == (bad["resourceType"], bad["resourceId"])
    found = run("quarantine-not-served", [at(good, day(-30)), at(bad, day(10)), at(good, day(17))])
    intervals = found.resources[key]
    assert [entry.phase for entry in intervals] == [Phase.COMPLIANT, Phase.NON_COMPLIANT, Phase.COMPLIANT]
    assert [(entry.start, entry.end) for entry in intervals] == [(START, day(10)), (day(10), day(17)), (day(17), END)]
    assert totals(intervals)[Phase.NON_COMPLIANT] == timedelta(days=7)
    assert totals(intervals)[Phase.COMPLIANT] == timedelta(days=85)
    assert intervals[1].reason
    assert (found.problems, found.without_history) == ((), ())


def closed(moment: datetime, **more: Any) -> dict[str, Any]:
    (item,) = items_of("quarantine_not_served/cases/closed.pass")
    return at(item, moment, **more)


@pytest.fixture
def key() -> tuple[str, str]:
    return (closed(START)["resourceType"], closed(START)["resourceId"])


def test_before_the_first_item_nothing_was_assessed(key: tuple[str, str]):
    """Recording that began in the period proves nothing of the time before."""
    found = run("quarantine-not-served", [closed(day(20))])
    assert seen(found, key) == [(0, 20, "not-assessed", "AWS Config has no item of it from before"), (20, 92, "compliant", "")]


def test_before_it_was_made_a_resource_was_not_there(key: tuple[str, str]):
    """Where the item says when the resource was made, the time before counts for nothing; until it was recorded, as not assessed."""
    found = run("quarantine-not-served", [closed(day(21), resourceCreationTime="2026-10-21T00:00:00.000Z")])
    assert [entry[:3] for entry in seen(found, key)] == [(0, 20, "not-applicable"), (20, 21, "not-assessed"), (21, 92, "compliant")]


def test_a_deleted_resource_is_not_applicable_from_then_on(key: tuple[str, str]):
    """It can't break anything any more, and was not kept either."""
    gone = closed(day(30), configurationItemStatus="ResourceDeleted", configuration=None)
    found = run("quarantine-not-served", [closed(day(-1)), gone])
    assert [entry[:3] for entry in seen(found, key)] == [(0, 30, "compliant"), (30, 92, "not-applicable")]


def test_what_was_not_recorded_was_not_assessed(key: tuple[str, str]):
    """Config may know of a resource, for a while, without recording how it is configured."""
    hidden = closed(day(30), configurationItemStatus="ResourceNotRecorded", configuration=None)
    found = run("quarantine-not-served", [closed(day(-1)), hidden, closed(day(40))])
    assert [entry[:3] for entry in seen(found, key)] == [(0, 30, "compliant"), (30, 40, "not-assessed"), (40, 92, "compliant")]


def test_while_the_recorder_was_off_nothing_was_assessed(key: tuple[str, str]):
    """What happened meanwhile nobody knows, even where the items before and after are the same."""
    recorder = (*ALWAYS, RecorderState(day(5), False, EVERYTHING), RecorderState(day(9), True, EVERYTHING))
    found = run("quarantine-not-served", [closed(day(-1))], recorder)
    assert seen(found, key) == [
        (0, 5, "compliant", ""),
        (5, 9, "not-assessed", "the configuration recorder was off"),
        (9, 92, "compliant", ""),
    ]


def test_a_neighbour_of_which_nothing_was_recorded_makes_the_time_not_assessed(key: tuple[str, str]):
    """The recorder left distributions out for a while: whether one served the bucket can't be told."""
    without = {
        "exclusionByResourceTypes": {"resourceTypes": ["AWS::CloudFront::Distribution"]},
        "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
    }
    recorder = (*ALWAYS, RecorderState(day(50), True, without), RecorderState(day(60), True, EVERYTHING))
    found = run("quarantine-not-served", [closed(day(-1))], recorder)
    first, second, third = seen(found, key)
    assert (first[:3], second[:3], third[:3]) == ((0, 50, "compliant"), (50, 60, "not-assessed"), (60, 92, "compliant"))
    assert "left out AWS::CloudFront::Distribution" in second[3]


def test_nobody_knows_what_was_reached_through_object_lambda(key: tuple[str, str]):
    """It takes an access point to the bucket; from then on it can't be told, as AWS Config keeps no items of Object Lambda's."""
    items = items_of("quarantine_not_served/cases/object_lambda_access_point.fail")
    bucket = next(item for item in items if item["resourceType"] == "AWS::S3::Bucket")
    point = next(item for item in items if item["resourceType"] == "AWS::S3::AccessPoint")
    point["configuration"]["Policy"] = {"Statement": []}
    found = run("quarantine-not-served", [at(bucket, day(-1)), at(point, day(10), resourceCreationTime=day(10))])
    first, second = seen(found, key)
    assert (first[:3], second[:3]) == ((0, 10, "compliant"), (10, 92, "not-assessed"))
    assert "AWS Config keeps no history of AWS::S3ObjectLambda::AccessPoint" in second[3]


def test_neighbours_count_as_they_were_at_the_time():
    """A distribution that served the bucket for ten days, and another's history that has a hole."""
    items = items_of("quarantine_not_served/cases/cdn_origin.fail")
    bucket = next(item for item in items if item["resourceType"] == "AWS::S3::Bucket")
    edge = next(item for item in items if item["resourceType"] == "AWS::CloudFront::Distribution")
    others = [item for item in items if item not in (bucket, edge)]
    gone = at(edge, day(20), configurationItemStatus="ResourceDeleted", configuration=None)
    states = [at(bucket, day(-1)), *(at(item, day(-1)) for item in others), at(edge, day(10)), gone]
    found = run("quarantine-not-served", states)
    intervals = seen(found, (bucket["resourceType"], bucket["resourceId"]))
    assert [entry[:3] for entry in intervals] == [(0, 10, "compliant"), (10, 20, "non-compliant"), (20, 92, "compliant")]
    born = at(edge, day(10), resourceCreationTime=day(4))
    found = run("quarantine-not-served", [*states[:-2], born, gone])
    intervals = seen(found, (bucket["resourceType"], bucket["resourceId"]))
    assert [entry[:3] for entry in intervals[:3]] == [(0, 4, "compliant"), (4, 10, "not-assessed"), (10, 20, "non-compliant")]
    assert "had not recorded AWS::CloudFront::Distribution" in intervals[1][3]


def test_a_type_without_history_is_said(key: tuple[str, str]):
    """Endpoints aren't recorded; a neighbour whose history was refused makes what hangs on it not assessed."""
    found = run("detector-endpoint-scaled", items_of("detector_endpoint_scaled/cases/scaled.pass"))
    assert (found.resources, found.without_history) == ({}, ("AWS::SageMaker::Endpoint",))
    refused = run("quarantine-not-served", [closed(day(-1))], unread={"AWS::CloudFront::Distribution": "access denied"})
    ((start, end, phase, reason),) = seen(refused, key)
    assert (start, end, phase) == (0, 92, "not-assessed")
    assert "access denied" in reason


def test_a_period_that_is_not_over_ends_now(key: tuple[str, str]):
    """What is to come isn't compliant in advance."""
    found = run("quarantine-not-served", [closed(day(-1))], until=day(40))
    assert seen(found, key) == [(0, 40, "compliant", ""), (40, 92, "not-assessed", "the period was not over")]


def test_a_crash_and_an_unreadable_item_are_told(key: tuple[str, str]):
    """A rule that raises is a problem of the run, and its time not assessed; so is an item that can't be read or dated."""
    broken = Rule("x", "t", Severity.LOW, ("AWS::S3::Bucket",), lambda *_: 1 / 0, "r")  # type: ignore[arg-type,return-value]
    undated = closed(START)
    undated.pop("configurationItemCaptureTime")
    found = run(broken, [closed(day(-1)), undated, {"resourceId": 7}])
    assert [entry.phase for entry in found.resources[key]] == [Phase.NOT_ASSESSED]
    assert len(found.problems) == 3
    assert any("ZeroDivisionError" in text for text in found.problems)


def test_too_many_changes_are_not_assessed(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    """A bound that is met aloud."""
    monkeypatch.setattr(history, "MAX_MOMENTS", 2)
    found = run("quarantine-not-served", [closed(day(number)) for number in range(-1, 5)])
    assert seen(found, key) == [(0, 92, "not-assessed", "there were more than 2 changes to judge")]


@given(st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(random: Any):
    """Histories come by type and resource, newest or oldest first."""
    (bad,) = items_of("quarantine_not_served/cases/readable_by_acl.fail")
    items = [closed(day(-1)), at(bad, day(10)), closed(day(12)), at(bad, day(40)), closed(day(41))]
    shuffled = random.sample(items, len(items))
    assert run("quarantine-not-served", shuffled).resources == run("quarantine-not-served", items).resources


def test_without_a_recorder_nothing_is_known():
    """Items alone don't show that somebody was looking."""
    assert recording_gaps("AWS::S3::Bucket", (), START, END) == [Gap(START, END, "no configuration recorder is known")]
    late = (RecorderState(day(3), True, EVERYTHING),)
    (gap,) = recording_gaps("AWS::S3::Bucket", late, START, END)
    assert (gap.start, gap.end, gap.reason) == (START, day(3), "nothing tells whether AWS Config recorded before 2026-10-04T00:00:00Z")
    assert recording_gaps("AWS::S3::Bucket", (RecorderState(day(95), True, EVERYTHING),), START, END)[0].end == END


def test_the_length_of_an_interval_is_exact():
    """Differences of moments, not rounded days."""
    interval = Interval(START, START + timedelta(microseconds=1), Phase.COMPLIANT)
    assert interval.length == timedelta(microseconds=1)
