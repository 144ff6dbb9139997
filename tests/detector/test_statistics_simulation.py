"""The promise behind a verdict, by simulation: a true claim is refuted, and a false one supported, at most 5 % of the time.

The tolerance is four standard errors of the simulated rate, so the tests fail when a method is wrong and not by chance (and the
generators are seeded anyway).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from averment.core.words import ClaimVerdict
from averment.detector.claims.bounded import tpr_bounds
from averment.detector.claims.statistics import (
    Scored,
    auc_statistic,
    binomial_bounds,
    cluster_bootstrap,
    clustered_bounds,
    decide,
    logit_bounds,
)

ALLOWED = 0.05


def tolerance(runs: int) -> float:
    return ALLOWED + 4 * math.sqrt(ALLOWED * (1 - ALLOWED) / runs)


@pytest.mark.parametrize(("trials", "rate"), [(20, 0.9), (300, 0.99), (60, 0.5)])
def test_binomial_claims_at_the_bar_go_wrong_at_most_one_time_in_twenty(trials: int, rate: float) -> None:
    """With the bar on the truth itself, both errors are possible; exact bounds keep each below 5 % without any tolerance."""
    rng = np.random.default_rng(11)
    counts = rng.binomial(trials, rate, size=4000)
    by_count = {count: binomial_bounds(int(count), trials, 0.95) for count in set(counts.tolist())}
    refuted = np.mean([by_count[count].high < rate for count in counts.tolist()])
    supported = np.mean([by_count[count].low > rate for count in counts.tolist()])
    assert refuted <= tolerance(4000)
    assert supported <= tolerance(4000)


@pytest.mark.parametrize(("clusters", "size", "rate"), [(20, 5, 0.5), (50, 3, 0.05), (30, 10, 0.1)])
def test_clustered_rates_keep_their_promise(clusters: int, size: int, rate: float) -> None:
    """Beta-binomial clusters: treating frames as independent would break it, Korn and Graubard's interval doesn't."""
    rng = np.random.default_rng(12)
    runs, wrong, naive = 800, 0, 0
    for _ in range(runs):
        sizes = 1 + rng.poisson(size - 1, size=clusters)
        hits = rng.binomial(sizes, rng.beta(4 * rate, 4 * (1 - rate), size=clusters))
        bounds = clustered_bounds(hits.tolist(), sizes.tolist(), 0.95)
        wrong += decide(bounds, rate, at_least=True) is ClaimVerdict.REFUTED
        independent = binomial_bounds(int(hits.sum()), int(sizes.sum()), 0.95)
        naive += decide(independent, rate, at_least=True) is ClaimVerdict.REFUTED
    assert wrong / runs <= tolerance(runs)
    if size > 4:
        assert naive / runs > 0.07, "the simulation isn't clustered enough to show anything"


def sizes_of(kind: str, clusters: int, rng: np.random.Generator) -> list[int]:
    """Videos of ten frames each, of about seven, or a few long ones among many short."""
    made = {"equal": np.full(clusters, 10), "about": 1 + rng.poisson(6, clusters), "few long": np.ceil(rng.pareto(1.5, clusters) * 3 + 1)}
    return [int(size) for size in made[kind]]


@pytest.mark.parametrize("kind", ["equal", "about", "few long"])
@pytest.mark.parametrize("clusters", [10, 20, 30, 60])
@pytest.mark.parametrize("scattered", [0.0, 0.05])
def test_rare_clusters_that_fail_as_a_whole_are_not_overlooked(kind: str, clusters: int, scattered: float) -> None:
    """One video in ten fails on every frame, the others on a few: that errors are as rare as in the truth is shown, and refuted, 5 % of
    the time. Agreement among the videos at hand says nothing of the kind that happens not to be among them."""
    rng, runs = np.random.default_rng(14), 400
    truth = 0.1 + 0.9 * scattered
    supported = refuted = 0
    for _ in range(runs):
        sizes = sizes_of(kind, clusters, rng)
        whole = rng.random(clusters) < 0.1
        errors = np.where(whole, sizes, rng.binomial(sizes, scattered)).tolist()
        bounds = clustered_bounds(errors, sizes, 0.95)
        supported += bounds.high < truth
        refuted += bounds.low > truth
    assert supported / runs <= tolerance(runs)
    assert refuted / runs <= tolerance(runs)


@pytest.mark.parametrize(
    ("units", "per_unit", "shift", "at_fpr"), [(20, 3, 1.5, None), (50, 2, 1.5, None), (50, 1, 2.5, None), (50, 2, 2.0, 0.1)]
)
def test_ranking_claims_keep_their_promise(units: int, per_unit: int, shift: float, at_fpr: float | None) -> None:
    """Normal scores with a person effect, of which the true AUC and TPR are known; bar on the truth."""
    rng = np.random.default_rng(13)
    truth = float(ndtr(shift / math.sqrt(2))) if at_fpr is None else float(ndtr(shift - 1.2815515655446004))
    runs, refuted, supported = 300, 0, 0
    attacks = np.repeat([True, False], units * per_unit)
    members = np.repeat(np.arange(2 * units), per_unit)
    for run in range(runs):
        person = rng.normal(size=2 * units)[members] * math.sqrt(0.5)
        scores = person + rng.normal(size=len(members)) * math.sqrt(0.5) + shift * attacks
        sample = Scored(scores.tolist(), attacks.tolist(), members.tolist())
        if at_fpr is None:
            bounds = cluster_bootstrap(sample, auc_statistic, 0.95, seed=run, replicates=200)
        else:
            bounds = tpr_bounds(sample, at_fpr, 0.95, seed=run, replicates=200)
        assert bounds is not None
        refuted += decide(bounds, truth, at_least=True) is ClaimVerdict.REFUTED
        supported += bounds.low > truth
    assert refuted / runs <= tolerance(runs)
    assert supported / runs <= tolerance(runs)


@pytest.mark.parametrize("confidence", [0.95, 0.975, 1 - 0.05 / 6])
@pytest.mark.parametrize("units", [10, 15, 30, 60, 300])
def test_rare_units_that_rank_below_all_others_neither_refute_nor_support_too_often(units: int, confidence: float) -> None:
    """The AUC of attacks of which a few score below every bona fide image, counted out over how many of them a sample meets; and the EER, its
    mirror image. Student's bounds on the logit scale alone refuted 14 % of the true claims."""
    met = np.arange(units + 1)
    bounds = []
    for count in met.tolist():
        figure = count / units
        bounds.append(logit_bounds(figure, math.sqrt(figure * (1 - figure) / (units - 1)), units, confidence))
    low, high = (np.array([getattr(found, side) for found in bounds]) for side in ("low", "high"))
    for truth in (0.01, 0.02, 0.05, 0.3, 0.7, 0.9, 0.97, 0.99):
        chance = binom.pmf(met, units, truth)
        assert chance[high < truth].sum() <= (1 - confidence) * 1.04
        assert chance[low > truth].sum() <= (1 - confidence) * 1.04
