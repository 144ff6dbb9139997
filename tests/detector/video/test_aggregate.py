"""From frames to the clip: the highest running median, and how it errs."""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.detector.video.aggregate import FEWEST, WINDOW, false_alarm, highest_median


def test_two_wild_frames_among_five_change_nothing() -> None:
    """Blurred frames and single false alarms don't make a clip."""
    assert highest_median([0.1] * 10 + [0.99, 0.98] + [0.1] * 10)[0] == 0.1


def test_a_stretch_of_three_is_found_in_a_long_clip() -> None:
    """A manipulation that lasts for three sampled frames shows, where the median or mean of all frames would hide it."""
    values = [0.1] * 20 + [0.9, 0.95, 0.92] + [0.1] * 20
    highest, place = highest_median(values)
    assert highest == 0.9
    assert values[place] == 0.95
    assert median(values) == 0.1


def test_few_frames_are_judged_by_the_median_of_all() -> None:
    """Three frames have one median; of two nothing is said."""
    assert highest_median([0.2, 0.9, 0.3])[0] == 0.3
    with pytest.raises(ValueError, match="2 values, at least 3"):
        highest_median([0.9, 0.9])


@given(st.lists(st.floats(0, 1), min_size=FEWEST, max_size=40))
def test_it_lies_between_the_median_and_the_highest(values: list[float]) -> None:
    """Never below every window's median, never above the highest value, and the place is of a value at or above it."""
    highest, place = highest_median(values)
    assert min(values) <= highest <= max(values)
    assert values[place] >= highest
    assert all(median(values[start : start + WINDOW]) <= highest for start in range(max(1, len(values) - WINDOW + 1)))


@pytest.mark.parametrize(("each", "stated"), [(0.05, 0.018), (0.1, 0.114)])
def test_the_stated_rate_of_false_alarms_is_that_of_the_rule(each: float, stated: float) -> None:
    """The exact figure in the module's text, and a simulation of the rule itself, agree."""
    assert false_alarm(each, 32) == pytest.approx(stated, abs=0.0005)
    chance = random.Random(3)
    runs = 4000
    alarms = sum(highest_median([float(chance.random() < each) for _ in range(32)])[0] == 1.0 for _ in range(runs))
    assert alarms / runs == pytest.approx(stated, abs=4 * (stated * (1 - stated) / runs) ** 0.5)


def test_up_to_nine_percent_a_clip_errs_no_more_than_an_image() -> None:
    """What the text says of thresholds set on single images."""
    assert all(false_alarm(percent / 100, 32) <= percent / 100 for percent in range(1, 10))
    assert false_alarm(0.1, 32) > 0.1
