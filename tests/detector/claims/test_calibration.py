"""Calibration against scikit-learn and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims import resampling
from averment.detector.claims.calibration import Probabilities, brier, brier_bounds, ece_bounds, reliability
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import check_claim, plan_claim, run_claim

Make = Callable[..., ClaimContext]


def claim(**fields: Any) -> dict[str, Any]:
    return {"type": "calibration", "metric": "ece", "attack": "synthetic-image", "population": "p", "at_most": 0.1, **fields}


def bin_of(score: float, attacks: int, count: int, tag: str = "") -> list[dict[str, Any]]:
    """``count`` images with the same score, of which ``attacks`` are attacks."""
    return [{"label": "synthetic" if n < attacks else "real", "group": f"{tag}{score}-{n}", "score": score} for n in range(count)]


def test_the_expected_calibration_error_by_hand(population: Make) -> None:
    """100 images at 0.25 with 25 attacks (right), 100 at 0.75 with 55 (off by 0.2): the mean distance is 0.1."""
    result = run_claim(claim(), population([*bin_of(0.25, 25, 100), *bin_of(0.75, 55, 100)]))
    assert result.estimate == pytest.approx(0.1)
    assert result.details["reliability"] == [
        {"low": 0.2, "high": 0.3, "samples": 100, "probability": 0.25, "attack_share": 0.25},
        {"low": 0.7, "high": 0.8, "samples": 100, "probability": 0.75, "attack_share": 0.55},
    ]
    assert result.details["attack_share"] == 0.4
    canonical_json(result.to_json())


def test_verdicts_follow(population: Make) -> None:
    """Calibrated on 600 people: supported; off by 0.3: refuted; on 30 people: open, with how many would settle it."""
    good = run_claim(claim(), population([*bin_of(0.25, 75, 300), *bin_of(0.75, 225, 300)]))
    bad = run_claim(claim(), population([*bin_of(0.25, 165, 300), *bin_of(0.75, 135, 300)]))
    few = run_claim(claim(), population([*bin_of(0.25, 4, 15), *bin_of(0.75, 11, 15)]))
    assert [result.verdict for result in (good, bad, few)] == [ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED, ClaimVerdict.INCONCLUSIVE]
    assert few.needed is not None
    assert few.needed > 100


def test_an_estimate_just_above_the_bar_gets_no_sample_size_that_is_no_advice(population: Make) -> None:
    """At the bar the advice on 200 units was 6,778,727, and above it nothing told that they would rather refute the claim."""
    rows = [*bin_of(0.25, 25, 100), *bin_of(0.75, 55, 100)]
    near, above, below = (run_claim(claim(at_most=bar), population(rows)) for bar in (0.0995, 0.07, 0.1005))
    assert [result.verdict for result in (near, above, below)] == [ClaimVerdict.INCONCLUSIVE] * 3
    assert (near.needed, below.needed) == (None, None)
    assert "the estimate is so near the bar that no practical number of units would settle it" in near.reason
    assert "so near the bar" in below.reason
    assert above.needed is not None
    assert 200 < above.needed < 20_000
    assert "above the bar, and chance alone may raise it by" in above.reason
    assert "more units may refute the claim, or show that it holds" in above.reason
    assert "above" not in below.reason
    score = run_claim(claim(metric="brier", at_most=0.22), population(rows))
    assert (score.verdict, score.estimate) == (ClaimVerdict.INCONCLUSIVE, pytest.approx(0.2375))
    assert score.reason.endswith("it is above the bar: with more units the claim is likelier to be refuted than to hold")


def test_frames_of_one_person_are_one(population: Make) -> None:
    """Twenty frames of each of thirty people know no more than thirty."""
    rows = [*bin_of(0.25, 4, 15), *bin_of(0.75, 11, 15)]
    once, frames = run_claim(claim(), population(rows)), run_claim(claim(), population(rows * 20))
    assert once.interval is not None
    assert frames.interval is not None
    assert frames.clusters == 30
    assert frames.interval.high == pytest.approx(once.interval.high, rel=0.05)


def test_silence_is_no_calibration(population: Make) -> None:
    """A detector that answers on two genuine images of three only doesn't have its word taken, unless the claim allows that."""
    rows = [*bin_of(0.25, 75, 300), *bin_of(0.75, 225, 300), *[{"label": "real", "group": f"s{n}", "score": None} for n in range(150)]]
    strict, lenient = run_claim(claim(), population(rows)), run_claim(claim(answered_at_least=0.6), population(rows))
    assert (strict.verdict, lenient.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.SUPPORTED)
    assert "only 66.667 % of the bona fide images got a probability" in strict.reason
    assert strict.needed is None
    assert "150 of 750 images got no probability" in lenient.reason


@pytest.mark.parametrize("metric", ["ece", "brier"])
def test_attacks_that_are_never_scored_do_not_vanish_among_genuine_images(population: Make, metric: str) -> None:
    """Of 85 attacks 84 get no answer, of 915 genuine images each a nought: a tenth of all is silent, and nearly all of what matters. Fewer
    silent ones of both classes are no objection."""
    real = [{"label": "real", "group": f"r{n}", "score": 0.0} for n in range(915)]
    attacks = [{"label": "synthetic", "group": f"s{n}", "score": None if n else 0.0} for n in range(85)]
    result = run_claim(claim(metric=metric, at_most=0.05), population([*real, *attacks]))
    assert (result.verdict, result.needed) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "only 1.176 % of the attacks got a probability, 90 % must" in result.reason
    heard = [{**row, "score": 1.0 if n > 5 else None} for n, row in enumerate(attacks)]
    assert run_claim(claim(metric=metric, at_most=0.05), population([*real, *heard])).verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize("metric", ["ece", "brier"])
@pytest.mark.parametrize(("label", "score", "lacking"), [("real", 0.0, "an attack"), ("synthetic", 1.0, "bona fide")])
def test_one_class_alone_shows_no_calibration(population: Make, metric: str, label: str, score: float, lacking: str) -> None:
    """A detector that always says the same is right without looking; silence on the other class makes no second one."""
    alone = [{"label": label, "group": f"g{n}", "score": score} for n in range(300)]
    other = [{"label": "synthetic" if label == "real" else "real", "group": f"o{n}", "score": None} for n in range(10)]
    for rows in (alone, [*alone, *other]):
        result = run_claim(claim(metric=metric), population(rows))
        assert result.verdict is ClaimVerdict.INCONCLUSIVE
        assert f"no image with a probability is {lacking}" in result.reason


def test_too_little_to_say(population: Make) -> None:
    """Nine people, and nobody at all."""
    few = run_claim(claim(), population(bin_of(0.5, 4, 9)))
    none = run_claim(claim(), population([{"label": "real", "group": "a", "score": None}]))
    assert [(r.verdict, r.needed) for r in (few, none)] == [(ClaimVerdict.INCONCLUSIVE, few.needed), (ClaimVerdict.INCONCLUSIVE, 10)]
    assert "9 independent units are too few" in few.reason
    assert (none.estimate, none.interval) == (None, None)


def test_hardly_more_people_than_bins_bound_nothing_and_lose_no_record(population: Make) -> None:
    """Eleven people over ten bins: open, without an interval, with the least number; and the result can be written."""
    rows = [{"label": "synthetic" if n % 2 else "real", "group": f"g{n}", "score": (n % 10) / 10 + 0.05} for n in range(11)]
    result = run_claim(claim(at_most=0.9), population(rows))
    assert (result.verdict, result.interval, result.needed) == (ClaimVerdict.INCONCLUSIVE, None, 12)
    assert "11 independent units are too few for 10 bins" in result.reason
    canonical_json(result.to_json())


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=4, max_size=80), st.sampled_from([2, 5, 10]))
def test_figures_are_scikit_learns(items: list[tuple[float, bool]], bins: int) -> None:
    """Brier's score, and the reliability of each bin (scikit-learn puts a score on an edge into the lower bin; ours are moved off edges)."""
    moved = [p if (p * bins) % 1 else min(p + 1e-6, 1 - 1e-6) for p, _ in items]
    attacks = [attack for _, attack in items]
    sample = Probabilities(moved, attacks, list(range(len(items))))
    assert brier(sample) == pytest.approx(brier_score_loss(attacks, moved, pos_label=True))
    if len(set(attacks)) == 2:
        shares, means = calibration_curve(attacks, moved, n_bins=bins)
        rows: Any = reliability(sample, bins)
        assert [row["attack_share"] for row in rows] == pytest.approx(list(shares))
        assert [row["probability"] for row in rows] == pytest.approx(list(means))


def test_scores_of_nought_and_one_have_their_bins() -> None:
    """One belongs to the last bin, not to one beyond."""
    rows: Any = reliability(Probabilities([0.0, 1.0], [False, True], [0, 1]), 10)
    assert [(row["low"], row["high"]) for row in rows] == [(0.0, 0.1), (0.9, 1.0)]


def test_a_bin_that_comes_out_even_is_not_known_to_be_even() -> None:
    """Of a hundred people of whom a detector says a half, 50 are attacks: the error may be as large as it may with 49. It had hardly any reach."""

    def of(attacks: int) -> float:
        sample = Probabilities([0.5] * 100, [number < attacks for number in range(100)], list(range(100)))
        return ece_bounds(sample, 10, 0.975, 1)[1].high

    assert of(50) > 0.09
    assert of(50) == pytest.approx(of(49) - 0.01, abs=0.005)


def test_a_perfect_sample_proves_no_perfection() -> None:
    """Twenty right certainties leave an error of 1 - 0.05 ** (1/20) possible."""
    sample = Probabilities([0.0] * 10 + [1.0] * 10, [False] * 10 + [True] * 10, list(range(20)))
    for figure, bounds in (ece_bounds(sample, 10, 0.95, 1), brier_bounds(sample, 0.95, 1)):
        assert (figure, bounds.low) == (0.0, 0.0)
        assert bounds.high == pytest.approx(1 - 0.05 ** (1 / 20))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"metric": "mce"}, "metric is"), ({"bins": 1}, "bins is 1"), ({"at_most": 1.1}, "at_most"), ({"answered_at_least": 2}, "answered")],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


def test_the_plan_grows_as_the_truth_nears_the_bar() -> None:
    """For both figures."""
    for metric in ("ece", "brier"):
        sizes = [needed for _, needed in plan_claim(claim(metric=metric)).needs]
        assert sizes == sorted(sizes)
        assert len(sizes) == 4


def drawn(rng: np.random.Generator, units: int, per: int, heat: float) -> Probabilities:
    """People whose images and luck resemble each other; ``heat`` 1 is calibrated, more is overconfident."""
    members = np.repeat(np.arange(units), per)
    z = 1.2 * (rng.normal(size=units)[members] + rng.normal(size=units * per))
    luck = ndtr((rng.normal(size=units)[members] + rng.normal(size=units * per)) / math.sqrt(2))
    return Probabilities(expit(heat * z).tolist(), (luck < expit(z)).tolist(), members.tolist())


@pytest.mark.parametrize(("units", "per", "heat"), [(30, 3, 1.3), (100, 1, 1.0), (100, 2, 2.5)])
def test_true_claims_on_calibration_are_refuted_at_most_one_time_in_twenty(
    units: int, per: int, heat: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar on the true figure (from 300,000 images): both errors of both figures stay at 5 %, within four standard errors.

    A calibrated detector's sampled ECE always lies above its true one; an interval around it would refute every such claim."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 200)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 200)
    truth = drawn(np.random.default_rng(0), 300_000, 1, heat)
    ps, ys = np.asarray(truth.probabilities), np.asarray(truth.attacks)
    cells = np.minimum((ps * 10).astype(int), 9)
    true_ece = float(np.abs(np.bincount(cells, ys - ps, 10)).sum() / len(ps))
    true_brier = float(((ps - ys) ** 2).mean())
    rng, runs = np.random.default_rng(51), 200
    wrong = dict.fromkeys(("ece refuted", "ece supported", "brier refuted", "brier supported"), 0)
    above = 0
    for run in range(runs):
        sample = drawn(rng, units, per, heat)
        (figure, ece), (_, square) = ece_bounds(sample, 10, 0.95, run), brier_bounds(sample, 0.95, run)
        above += figure > true_ece
        wrong["ece refuted"] += ece.low > true_ece
        wrong["ece supported"] += ece.high < true_ece
        wrong["brier refuted"] += square.low > true_brier
        wrong["brier supported"] += square.high < true_brier
    allowed = 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert all(count / runs <= allowed for count in wrong.values()), wrong
    assert heat > 1 or above == runs


@pytest.mark.parametrize(("units", "per"), [(30, 1), (50, 4), (100, 1)])
def test_a_detector_that_is_rightly_sure_is_not_refuted_for_its_first_error(units: int, per: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says .02 or .98 and is right 98 times in a hundred. Of 30 people most samples hold no error, or one: a bootstrap takes the one for all that chance
    can do, and "at most nothing" was refuted every second time."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 200)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 200)
    rng, runs, refuted = np.random.default_rng(7), 200, 0
    for run in range(runs):
        said = np.where(rng.random(units) < 0.5, 0.02, 0.98)
        attacks = rng.random(units) < said
        sample = Probabilities(np.repeat(said, per).tolist(), np.repeat(attacks, per).tolist(), np.repeat(np.arange(units), per).tolist())
        refuted += ece_bounds(sample, 10, 0.95, run)[1].low > 1e-9  # the true one is nil
    assert refuted / runs <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
