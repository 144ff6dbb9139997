"""Intervals and sample sizes against published worked examples and independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score, roc_curve

from averment.core.words import ClaimVerdict
from averment.detector.claims.bounded import mean_bounds
from averment.detector.claims.statistics import (
    Bounds,
    Scored,
    Statistic,
    auc_error,
    auc_statistic,
    binomial_bounds,
    clean_run_size,
    cluster_bootstrap,
    clustered_bounds,
    clustered_too_few,
    decide,
    eer_statistic,
    estimate,
    explain,
    needed_per_class,
    needed_trials,
    needed_units,
    tpr_statistic,
)

# Newcombe, Statistics in Medicine 17 (1998) 857-872, Table I, method 5 (Clopper-Pearson); the last row is the example of
# R's binom.test (Conover 1971, p. 97), whose documentation prints the interval.
PUBLISHED_INTERVALS = [
    (81, 263, 0.2527, 0.3676),
    (15, 148, 0.0578, 0.1617),
    (0, 20, 0.0000, 0.1684),
    (1, 29, 0.0009, 0.1776),
    (682, 925, 0.7076683, 0.7654066),
]

# Hanley and McNeil, Radiology 143 (1982) 29-36, Table I: ratings 1 to 5 of computed tomograms of 58 normal and 51 abnormal patients.
NORMAL, ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)


def ratings() -> Scored:
    scores = [rating for counts in (NORMAL, ABNORMAL) for rating, count in enumerate(counts, 1) for _ in range(count)]
    return Scored(scores, [False] * 58 + [True] * 51, list(range(109)))


@pytest.mark.parametrize(("successes", "trials", "low", "high"), PUBLISHED_INTERVALS)
def test_the_exact_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    """Clopper-Pearson, two-sided at 95 %, to the digits that were printed."""
    found = binomial_bounds(successes, trials, 0.975)
    digits = 7 if trials == 925 else 4
    assert [round(value, digits) for value in (found.low, found.high)] == [low, high]


def test_zero_errors_in_300_bound_the_rate_by_one_percent() -> None:
    """The rule of three (Hanley and Lippman-Hand, JAMA 249, 1983): at most 3/n at 95 % confidence."""
    high = binomial_bounds(0, 300, 0.95).high
    assert high == pytest.approx(1 - 0.05 ** (1 / 300))
    assert high < 3 / 300


@settings(deadline=None)
@given(trials=st.integers(1, 400), data=st.data(), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_one_sided_bounds_agree_with_scipys_exact_test(trials: int, data: st.DataObject, confidence: float) -> None:
    """Each bound is the one that scipy's binomtest gives for the one-sided alternative."""
    successes = data.draw(st.integers(0, trials))
    found = binomial_bounds(successes, trials, confidence)
    assert found.low == pytest.approx(binomtest(successes, trials, alternative="greater").proportion_ci(confidence).low, abs=1e-9)
    assert found.high == pytest.approx(binomtest(successes, trials, alternative="less").proportion_ci(confidence).high, abs=1e-9)


def test_nothing_tried_shows_nothing() -> None:
    """No trial leaves every rate possible."""
    assert binomial_bounds(0, 0, 0.95) == Bounds(0.0, 1.0, 0.95)


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_impossible_counts_are_refused(successes: int, trials: int, confidence: float) -> None:
    """More successes than trials, negative counts and certainty are errors, not numbers."""
    with pytest.raises(ValueError):
        binomial_bounds(successes, trials, confidence)


def test_one_trial_per_cluster_is_the_exact_binomial() -> None:
    """Without clustering the cluster interval is Clopper-Pearson's."""
    assert clustered_bounds([1] * 7 + [0] * 33, [1] * 40, 0.95) == binomial_bounds(7, 40, 0.95)


def test_clusters_that_agree_inside_count_once() -> None:
    """Ten frames of one video that all fail are hardly more than one: the interval widens to that of the clusters."""
    clustered = clustered_bounds([10] * 10 + [0] * 10, [10] * 20, 0.95)
    frames, videos = binomial_bounds(100, 200, 0.95), binomial_bounds(10, 20, 0.95)
    assert clustered.high - clustered.low > 2.5 * (frames.high - frames.low)
    assert clustered.high - clustered.low == pytest.approx(videos.high - videos.low, rel=0.1)


@pytest.mark.parametrize(
    ("low", "high", "at_least", "verdict"),
    [
        (0.9, 0.95, True, ClaimVerdict.SUPPORTED),
        (0.85, 0.9, True, ClaimVerdict.INCONCLUSIVE),
        (0.85, 0.89, True, ClaimVerdict.REFUTED),
        (0.85, 0.9, False, ClaimVerdict.SUPPORTED),
        (0.9, 0.95, False, ClaimVerdict.INCONCLUSIVE),
        (0.91, 0.95, False, ClaimVerdict.REFUTED),
    ],
)
def test_a_bound_at_the_bar_reaches_it_and_does_not_miss_it(low: float, high: float, at_least: bool, verdict: ClaimVerdict) -> None:
    """Supported is who reaches the bar, and refuted only who falls short of it: at the bar itself nobody does."""
    assert decide(Bounds(low, high, 0.95), 0.9, at_least=at_least) is verdict


def test_korn_and_graubards_bounds_are_theirs() -> None:
    """By their formula, written out: the effective size, corrected by the degrees of freedom of trials and of clusters."""
    hits, sizes = [3, 1, 4, 0, 2, 5, 1, 2, 3, 0, 4, 2], [5] * 12
    rate = sum(hits) / sum(sizes)
    spread = 12 / 11 * sum((hit - rate * 5) ** 2 for hit in hits) / 60**2
    effective = rate * (1 - rate) / spread * (student.ppf(0.95, 59) / student.ppf(0.95, 11)) ** 2
    found = clustered_bounds(hits, sizes, 0.95)
    assert (found.low, found.high) == pytest.approx(
        (beta.ppf(0.05, rate * effective, (1 - rate) * effective + 1), beta.ppf(0.95, rate * effective + 1, (1 - rate) * effective))
    )


def test_of_one_cluster_nothing_is_known_and_of_clusters_that_agree_what_each_trial_says() -> None:
    """Half of one video's frames tell nothing of another video; between clusters that all fail by half there is no variance to divide by."""
    alone = clustered_bounds([5], [10], 0.95)
    assert (alone.low, alone.high) == (0.0, 1.0)
    assert (clustered_bounds([], [], 0.95).low, clustered_bounds([], [], 0.95).high) == (0.0, 1.0)
    agreeing, trials = clustered_bounds([1] * 40, [2] * 40, 0.95), binomial_bounds(40, 80, 0.95)
    assert agreeing.low <= trials.low < trials.high <= agreeing.high
    assert agreeing.error == 0.0


def test_no_error_in_any_cluster_counts_clusters_not_frames() -> None:
    """0 of 300 frames from 20 videos bounds the rate as 0 of 20 does."""
    assert clustered_bounds([0] * 20, [15] * 20, 0.95).high == pytest.approx(binomial_bounds(0, 20, 0.95).high)


def test_a_few_errors_bound_no_tighter_than_none() -> None:
    """Three videos of a hundred frames that err alike, on one, one and two: less is known of the next video than three videos tell."""
    none, some = clustered_bounds([0, 0, 0], [100] * 3, 0.95), clustered_bounds([1, 1, 2], [100] * 3, 0.95)
    all_, most = clustered_bounds([100] * 3, [100] * 3, 0.95), clustered_bounds([99, 99, 98], [100] * 3, 0.95)
    assert some.high >= none.high == pytest.approx(1 - 0.05 ** (1 / 3))
    assert most.low <= all_.low == pytest.approx(0.05 ** (1 / 3))


def test_one_long_video_among_short_ones_is_most_of_what_is_known() -> None:
    """No error in 281 frames of one video and in nineteen single frames isn't no error in twenty videos."""
    unequal, equal = clustered_bounds([0] * 20, [281] + [1] * 19, 0.95), clustered_bounds([0] * 20, [15] * 20, 0.95)
    assert unequal.high > 0.9 > 0.2 > equal.high


def test_a_handful_of_clusters_is_too_few_and_a_handful_of_single_trials_is_not() -> None:
    """The variance between clusters is estimated; Clopper and Pearson's bounds are exact for any number."""
    assert clustered_too_few([2] + [1] * 8)
    assert not clustered_too_few([2] + [1] * 9)
    assert not clustered_too_few([1] * 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
def test_cluster_bounds_hold_the_estimate_and_never_pretend_more_than_independence(clusters: list[tuple[int, int]]) -> None:
    """The estimate lies inside, and clustering never narrows the interval below that of independent trials."""
    hits, sizes = [min(pair) for pair in clusters], [max(*pair, 1) for pair in clusters]
    found, independent = clustered_bounds(hits, sizes, 0.95), binomial_bounds(sum(hits), sum(sizes), 0.95)
    assert found.low - 1e-12 <= sum(hits) / sum(sizes) <= found.high + 1e-12
    assert found.low <= independent.low + 1e-9
    assert found.high >= independent.high - 1e-9


def test_the_published_auc_and_its_standard_error() -> None:
    """Hanley and McNeil's computed tomograms: area 0.893, standard error 0.032."""
    assert estimate(ratings(), auc_statistic) == pytest.approx(0.893, abs=0.0005)
    assert auc_error(0.893, 51, 58) == pytest.approx(0.032, abs=0.0006)
    bounds = cluster_bootstrap(ratings(), auc_statistic, 0.95, seed=1)
    assert bounds is not None
    assert bounds.error == pytest.approx(0.032, abs=0.004)
    assert bounds.low < 0.893 < bounds.high


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60))
def test_the_auc_is_scikit_learns(items: list[tuple[int, bool]]) -> None:
    """With many ties, as scores of a coarse detector have."""
    scores, attacks = [score / 8 for score, _ in items], [attack for _, attack in items]
    found = estimate(Scored(scores, attacks, list(range(len(items)))), auc_statistic)
    if len(set(attacks)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(attacks, scores))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=60), st.sampled_from([0.01, 0.05, 0.1, 0.5]))
def test_the_tpr_is_the_highest_point_of_scikit_learns_curve_within_the_fpr(items: list[tuple[int, bool]], at_fpr: float) -> None:
    """No interpolation between thresholds: a detector can't be set between two of them."""
    scores, attacks = [score / 20 for score, _ in items], [attack for _, attack in items]
    if len(set(attacks)) == 1:
        return
    fpr, tpr, _ = roc_curve(attacks, scores, drop_intermediate=False)
    found = estimate(Scored(scores, attacks, list(range(len(items)))), tpr_statistic(at_fpr))
    assert found == pytest.approx(max(tpr[fpr <= at_fpr + 1e-12]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=60))
def test_the_eer_is_the_best_point_of_scikit_learns_curve(items: list[tuple[int, bool]]) -> None:
    """Where the larger of the two errors is least, over the thresholds that there are."""
    scores, attacks = [score / 20 for score, _ in items], [attack for _, attack in items]
    if len(set(attacks)) == 1:
        return
    fpr, tpr, _ = roc_curve(attacks, scores, drop_intermediate=False)
    found = estimate(Scored(scores, attacks, list(range(len(items)))), eer_statistic)
    assert found == pytest.approx(np.maximum(fpr, 1 - tpr).min())


def test_the_eer_of_the_published_ratings() -> None:
    """Hanley and McNeil's tomograms from "probably abnormal" on: 13 false alarms of 58 and 7 misses of 51, so 0.2241."""
    assert estimate(ratings(), eer_statistic) == pytest.approx(13 / 58)


def test_a_mean_of_equal_units_is_bounded_by_their_number_alone() -> None:
    """No spread among twelve units leaves what no error in twelve leaves; one unit bounds nothing."""
    bounds = mean_bounds(np.full(12, 0.0), np.ones(12), 0.95, 1)
    assert (bounds.low, bounds.high) == (0.0, pytest.approx(1 - 0.05 ** (1 / 12)))
    assert mean_bounds(np.ones(1), np.ones(1), 0.95, 1) == Bounds(0.0, 1.0, 0.95)


def test_weights_count_an_item_as_often_as_it_is_drawn() -> None:
    """A replicate's weighted AUC is that of the list with the items repeated."""
    rng = np.random.default_rng(7)
    scores, attacks = rng.normal(size=40), np.arange(40) % 2 == 0
    times = rng.integers(0, 4, size=40)
    order = np.argsort(scores)
    weighted = auc_statistic((times * attacks)[order][None, :].astype(float), (times * ~attacks)[order][None, :].astype(float))[0]
    assert weighted == pytest.approx(roc_auc_score(np.repeat(attacks, times), np.repeat(scores, times)))


def test_the_bootstrap_is_reproducible_and_depends_on_the_seed() -> None:
    """The same seed gives the same bounds to the last bit; another seed nearly the same ones."""
    first, again, other = (cluster_bootstrap(ratings(), auc_statistic, 0.95, seed) for seed in (5, 5, 6))
    assert first == again
    assert first is not None
    assert other is not None
    assert first != other
    assert first.low == pytest.approx(other.low, abs=0.01)


def test_perfect_separation_doesnt_claim_certainty() -> None:
    """Ten right pairs of ten prove an AUC of about 0.74, not of 1."""
    sample = Scored([0.0] * 10 + [1.0] * 10, [False] * 10 + [True] * 10, list(range(20)))
    bounds = cluster_bootstrap(sample, auc_statistic, 0.95, seed=1)
    assert bounds is not None
    assert bounds.low == pytest.approx(0.05 ** (1 / 10))
    assert bounds.high == 1.0


@pytest.mark.parametrize("units", [10, 100])
def test_scores_that_are_all_alike_are_known_no_better_than_their_number(units: int) -> None:
    """An AUC of a half without any spread: had one unit in so many another score, it would have been met with a chance of 95 %, and no less."""
    sample = Scored([0.5] * 2 * units, [False] * units + [True] * units, list(range(2 * units)))
    bounds = cluster_bootstrap(sample, auc_statistic, 0.95, seed=1)
    missing = 1 - 0.05 ** (1 / units)
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((0.5 - missing / 2, 0.5 + missing / 2))


def test_frames_of_one_person_widen_the_interval() -> None:
    """Repeating every image ten times within its person adds no information."""
    rng = np.random.default_rng(3)
    scores, attacks = list(rng.normal(size=60) + np.arange(60) % 2), [index % 2 == 1 for index in range(60)]
    once = cluster_bootstrap(Scored(scores, attacks, list(range(60))), auc_statistic, 0.95, seed=1)
    frames = cluster_bootstrap(Scored(scores * 10, attacks * 10, list(range(60)) * 10), auc_statistic, 0.95, seed=1)
    naive = cluster_bootstrap(Scored(scores * 10, attacks * 10, list(range(600))), auc_statistic, 0.95, seed=1)
    assert once is not None
    assert frames is not None
    assert naive is not None
    assert frames.low == pytest.approx(once.low, abs=1e-9)
    assert naive.high - naive.low < 0.5 * (frames.high - frames.low)


@pytest.mark.parametrize("statistic", [auc_statistic, eer_statistic])
def test_thirty_units_of_which_one_has_nearly_all_images_are_hardly_more_than_one(statistic: Statistic) -> None:
    """A video of a thousand frames among 29 of one frame each shows what one video does: its bounds are no tighter than those of a rate."""
    sizes = [1000, *[1] * 29]
    units = [unit for unit, size in enumerate(sizes) for _ in range(size)]
    sample = Scored([0.9] * len(units) + [0.1] * 30, [True] * len(units) + [False] * 30, [*units, *range(30, 60)])
    bounds = cluster_bootstrap(sample, statistic, 0.95, seed=1)
    rate = clustered_bounds([0] * 30, sizes, 0.95)
    assert bounds is not None
    reach = 1 - bounds.low if statistic is auc_statistic else bounds.high
    assert reach == pytest.approx(rate.high)
    assert reach > 0.9


def test_one_class_alone_has_no_auc() -> None:
    """Undefined is None, not 0.5 and not an exception."""
    sample = Scored([0.1, 0.2], [True, True], [0, 1])
    assert estimate(sample, auc_statistic) is None
    assert cluster_bootstrap(sample, auc_statistic, 0.95, seed=1) is None
    assert estimate(Scored([], [], []), auc_statistic) is None


@pytest.mark.parametrize(
    ("low", "high", "at_least", "verdict"),
    [
        (0.90, 0.99, True, ClaimVerdict.SUPPORTED),
        (0.89, 0.99, True, ClaimVerdict.INCONCLUSIVE),
        (0.50, 0.90, True, ClaimVerdict.INCONCLUSIVE),
        (0.50, 0.89, True, ClaimVerdict.REFUTED),
        (0.50, 0.90, False, ClaimVerdict.SUPPORTED),
        (0.50, 0.91, False, ClaimVerdict.INCONCLUSIVE),
        (0.91, 0.99, False, ClaimVerdict.REFUTED),
    ],
)
def test_the_verdict_follows_from_the_interval(low: float, high: float, at_least: bool, verdict: ClaimVerdict) -> None:
    """Supported on the bar, refuted only beyond it, open where it lies inside; the reason names the bound that decided."""
    bounds = Bounds(low, high, 0.95)
    assert decide(bounds, 0.9, at_least=at_least) is verdict
    reason = explain(verdict, bounds, 0.9, at_least=at_least)
    deciding = {ClaimVerdict.SUPPORTED: low if at_least else high, ClaimVerdict.REFUTED: high if at_least else low}
    assert f"{deciding.get(verdict, 0.9):g}" in reason


def test_a_bound_next_to_its_bar_is_told_apart_from_it() -> None:
    """298 marked media of 298 don't show 99 %: "the interval from 0.99 to 1 straddles the bar of 0.99" would say that they nearly might."""
    short, long = binomial_bounds(298, 298, 0.95), binomial_bounds(299, 299, 0.95)
    assert explain(ClaimVerdict.INCONCLUSIVE, short, 0.99, at_least=True).startswith("the interval from 0.989998 to 1 ")
    assert "0.99003" in explain(ClaimVerdict.SUPPORTED, long, 0.99, at_least=True)
    beyond = Bounds(0.5, 0.9999996, 0.95)
    assert explain(ClaimVerdict.REFUTED, beyond, 1, at_least=True) == "the upper bound 0.9999996 falls short of the bar of 1"


def test_the_clean_run_is_the_shortest_that_supports() -> None:
    """299 marked media of 299 show 99 % at 95 % confidence, 298 don't."""
    assert clean_run_size(0.99, 0.95) == 299
    assert binomial_bounds(299, 299, 0.95).low >= 0.99 > binomial_bounds(298, 298, 0.95).low
    assert clean_run_size(1.0, 0.95) is None


@pytest.mark.parametrize(("bar", "truth"), [(0.05, 0.03), (0.9, 0.97), (0.9, 0.8), (0.5, 0.7)])
def test_the_planned_size_settles_the_claim_four_times_in_five(bar: float, truth: float) -> None:
    """Checked by enumerating every outcome: from the planned size on the power holds, one sooner it doesn't."""

    def power(size: int) -> float:
        outcomes = np.arange(size + 1)
        bounds = [binomial_bounds(int(count), size, 0.95) for count in outcomes]
        settled = [b.low >= bar if truth > bar else b.high <= bar for b in bounds]
        return float(binom.pmf(outcomes, size, truth)[settled].sum())

    size = needed_trials(bar, truth, 0.95)
    assert size is not None
    assert power(size - 1) < 0.8
    assert all(power(later) >= 0.8 for later in (size, size + 1, size + 7))


def test_a_truth_at_the_bar_can_not_be_settled() -> None:
    """No sample size is offered where none would do."""
    assert needed_trials(0.9, 0.9, 0.95) is None
    assert needed_units(0.9, 0.9, 0.01, 50, 0.95) is None
    assert needed_per_class(0.9, 0.9, 0.95) is None
    assert needed_trials(0.9, 0.9 + 1e-7, 0.95) is None


def test_needed_units_scale_with_the_square_of_the_distance() -> None:
    """Half the distance to the bar takes four times the units."""
    near, far = needed_units(0.9, 0.91, 0.03, 50, 0.95), needed_units(0.9, 0.92, 0.03, 50, 0.95)
    assert near is not None
    assert far is not None
    assert near / far == pytest.approx(4, rel=0.01)


def test_an_auc_needs_as_many_as_the_standard_error_says() -> None:
    """At the planned size the two errors fit between bar and truth, at one less they don't."""
    size = needed_per_class(0.8, 0.9, 0.95)
    assert size is not None

    def reach(n: int) -> float:
        return 1.644854 * auc_error(0.8, n, n) + 0.841621 * auc_error(0.9, n, n)

    assert reach(size) <= 0.1 < reach(size - 1)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_planning_never_fails(bar: float, truth: float) -> None:
    """Any bar and truth give a positive size or None."""
    size = needed_trials(bar, truth, 0.95)
    assert size is None or (size >= 1 and math.isfinite(size))
