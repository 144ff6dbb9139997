"""Exact and bootstrap intervals, and sample sizes. Thin, over scipy; numbers go in and plain floats come out.

How a claim is decided. A claim at confidence ``c`` is supported when the one-sided bound at ``c`` on the bar's side reaches the
bar, and refuted when the one-sided bound at ``c`` on the other side falls short of it. So a false claim is supported, and a true
claim refuted, at most ``1 - c`` of the time each. The two bounds together are a two-sided interval at ``2c - 1``.

Sources: Clopper and Pearson, Biometrika 26 (1934); Korn and Graubard, Survey Methodology 24 (1998), and Kish, Survey Sampling
(1965), for clustered proportions; Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6; Hanley and McNeil,
Radiology 143 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.words import ClaimVerdict
from averment.detector.claims import resampling

POWER = 0.8
"""The chance of settling a claim that a planned sample size aims at."""

MIN_UNITS = 10
"""Below this many independent units the bootstrap's bounds can't be trusted, and a claim stays open."""

MAX_NEEDED = 10_000_000
"""A sample size above this says only that the figure lies at the bar; it isn't offered as advice."""


@dataclass(frozen=True)
class Bounds:
    """Two one-sided bounds, each at ``confidence``, and the standard error where the method has one."""

    low: float
    high: float
    confidence: float
    error: float | None = None


def binomial_bounds(successes: float, trials: float, confidence: float) -> Bounds:
    """The exact one-sided lower and upper bounds for a proportion, each at ``confidence``.

    ``trials`` may be an effective, fractional size, as in Korn and Graubard's interval.

    Raises:
        ValueError: counts that can't be, or a confidence outside (0, 1).
    """
    from scipy.special import betaincinv

    _check_confidence(confidence)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    alpha = 1 - confidence
    low = 0.0 if successes <= 0 else float(betaincinv(successes, trials - successes + 1, alpha))
    high = 1.0 if successes >= trials else float(betaincinv(successes + 1, trials - successes, confidence))
    return Bounds(low, high, confidence)


def alike(sizes: Any) -> float:
    """As how many units of equal size those of ``sizes`` (an array) count, ``(sum m) ** 2 / sum(m ** 2)`` (Kish 1965)."""
    return float(sizes.sum()) ** 2 / float((sizes.astype(float) ** 2).sum())


def clustered_bounds(successes: Sequence[int], sizes: Sequence[int], confidence: float) -> Bounds:
    """Korn and Graubard's bounds for a proportion when trials come in independent clusters (people, videos, sources).

    Clopper-Pearson at the effective sample size, which is the binomial variance over the variance between clusters, corrected
    for the degrees of freedom and never above the number of trials. Without any variation (all or none succeeded) the
    clusters are all that is known, and each counts once. One trial per cluster gives Clopper-Pearson itself.

    Clusters of unequal size count as the fewer that Kish gives for their sizes, ``(sum m) ** 2 / sum(m ** 2)``. And the variance between
    clusters that happen to agree says nothing of the rare one that fails as a whole: with ``n`` of them, one that makes up a share of
    ``1 - (1 - confidence) ** (1 / n)`` of all can be missing from the sample. Either bound reaches as far as it would take the rate,
    so that no few agreeing errors give a tighter bound than no error at all.

    Raises:
        ValueError: lists of unequal length, an empty cluster, or a confidence outside (0, 1).
    """
    import numpy as np
    from scipy.special import stdtrit

    hits, counts = np.asarray(successes, dtype=float), np.asarray(sizes, dtype=float)
    if hits.shape != counts.shape or (counts <= 0).any():
        raise ValueError("each cluster needs a size of at least 1 and a number of successes")
    clusters, trials = len(counts), float(counts.sum())
    if clusters == 0 or counts.max() == 1:
        return binomial_bounds(int(hits.sum()), int(trials), confidence)
    rate, equal = float(hits.sum()) / trials, alike(counts)
    if rate in {0.0, 1.0}:
        return binomial_bounds(rate * equal, equal, confidence)
    if clusters == 1:
        return Bounds(0.0, 1.0, confidence)
    residual = hits - rate * counts
    variance = clusters / (clusters - 1) * float((residual**2).sum()) / trials**2
    effective = trials if variance == 0 else rate * (1 - rate) / variance
    correction = float((stdtrit(trials - 1, confidence) / stdtrit(max(1.0, equal - 1), confidence)) ** 2)
    effective = min(trials, effective * correction)
    found = binomial_bounds(rate * effective, effective, confidence)
    seen = (1 - confidence) ** (1 / equal)
    return Bounds(min(found.low, rate * seen), max(found.high, 1 - (1 - rate) * seen), confidence, math.sqrt(variance))


def clustered_too_few(sizes: Sequence[int]) -> bool:
    """Whether clusters of these ``sizes`` are too few for a verdict: the variance between them is estimated, and not from a handful.

    One trial per cluster needs no such estimate, and its bounds are exact for any number.
    """
    return max(sizes, default=1) > 1 and len(sizes) < MIN_UNITS


@dataclass(frozen=True)
class Scored:
    """Scores with their truth (True: an attack) and the independent unit that each belongs to (an index from 0)."""

    scores: Sequence[float]
    attacks: Sequence[bool]
    units: Sequence[int]


Statistic = Callable[[Any, Any], Any]
"""From attack and bona fide weights (replicates x distinct scores, ascending) to one figure a replicate; NaN where undefined."""


def auc_statistic(attack: Any, bona_fide: Any) -> Any:
    """The area under the ROC curve: the share of attack and bona fide pairs ranked rightly, ties for a half."""
    import numpy as np

    below = np.cumsum(bona_fide, axis=1) - bona_fide / 2
    pairs = attack.sum(axis=1) * bona_fide.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (attack * below).sum(axis=1) / pairs


def tpr_statistic(at_fpr: float) -> Statistic:
    """The true positive rate at the lowest threshold whose false positive rate is at most ``at_fpr`` (no interpolation)."""

    def statistic(attack: Any, bona_fide: Any) -> Any:
        import numpy as np

        caught = np.cumsum(attack[:, ::-1], axis=1)
        alarms = np.cumsum(bona_fide[:, ::-1], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            allowed = alarms <= at_fpr * bona_fide.sum(axis=1, keepdims=True) + 1e-9
            best = np.where(allowed, caught, 0).max(axis=1, initial=0)
            return best / attack.sum(axis=1)

    return statistic


def eer_statistic(attack: Any, bona_fide: Any) -> Any:
    """The equal error rate: the least, over thresholds, of the larger of the two error rates (no interpolation).

    A detector can be set to a threshold and not between two, so this is a rate that it can really be run at.
    """
    import numpy as np

    missed = np.concatenate([np.zeros((len(attack), 1)), np.cumsum(attack, axis=1)], axis=1)
    passed = np.concatenate([np.zeros((len(attack), 1)), np.cumsum(bona_fide, axis=1)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        misses = missed / attack.sum(axis=1, keepdims=True)
        alarms = 1 - passed / bona_fide.sum(axis=1, keepdims=True)
    return np.maximum(misses, alarms).min(axis=1)


def ranked(sample: Scored) -> tuple[Any, Any, Any, int]:
    """``sample`` in ascending order of score: attack flags, unit indices, the start of each run of equal scores, unit count."""
    import numpy as np

    scores = np.asarray(sample.scores, dtype=float)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1]) if len(ordered) else np.zeros(0, dtype=int)
    units = np.asarray(sample.units, dtype=int)[order]
    return np.asarray(sample.attacks, dtype=bool)[order], units, starts, int(units.max(initial=-1)) + 1


def estimate(sample: Scored, statistic: Statistic) -> float | None:
    """The figure itself, each item counted once; None where it is undefined (a class without items)."""
    import numpy as np

    attacks, units, starts, _ = ranked(sample)
    if not len(units) or attacks.all() or not attacks.any():
        return None
    return float(apply(statistic, np.ones((1, len(units))), attacks, starts)[0])


def cluster_bootstrap(sample: Scored, statistic: Statistic, confidence: float, seed: int, replicates: int | None = None) -> Bounds | None:
    """Bounds, each one-sided at ``confidence``, with the standard error from resampling whole units with replacement.

    Units are resampled within strata (attacks only, bona fide only, both), so that each replicate has both classes. The bounds
    are Student's on the logit scale, with one degree of freedom less than the smaller class has units: in simulation
    they miss as often as they say with 20 units a class, where percentile bounds miss nearly twice as often on the low side.

    They are kept from being tighter than the units allow: no method that is right for every distribution can put a lower
    bound on a mean above ``(1 - confidence) ** (1 / units)`` of the smaller class, the bound for no error at all. A perfectly
    separated sample would otherwise give an interval of no width. Units of unequal size count as the fewer that they are like
    (``alike``): thirty videos of which one has all the frames are one. None where the figure is undefined.
    """
    import numpy as np

    attacks, units, starts, total = ranked(sample)
    if not len(units) or attacks.all() or not attacks.any():
        return None
    replicates = replicates or resampling.replicates_for(len(units))
    has_attack, has_bona_fide = np.zeros(total, dtype=bool), np.zeros(total, dtype=bool)
    has_attack[units[attacks]] = True
    has_bona_fide[units[~attacks]] = True
    strata = [np.flatnonzero(mask) for mask in (has_attack & ~has_bona_fide, ~has_attack & has_bona_fide, has_attack & has_bona_fide)]
    draws = resampling.unit_weights(strata, total, len(units), seed, replicates)
    figures = [apply(statistic, weights[:, units], attacks, starts) for weights in draws]
    found = np.concatenate(figures)
    found = found[~np.isnan(found)]
    if len(found) < replicates / 2:
        return None
    fewest = min(alike(np.bincount(units[mask], minlength=total)) for mask in (attacks, ~attacks))
    figure = float(apply(statistic, np.ones((1, len(units))), attacks, starts)[0])
    error = float(found.std(ddof=1)) * math.sqrt(fewest / (fewest - 1)) if fewest > 1 else math.inf
    return logit_bounds(figure, error, fewest, confidence)


def logit_bounds(figure: float, error: float, units: float, confidence: float) -> Bounds:
    """Student's one-sided bounds on the logit scale for a figure in [0, 1] with a standard ``error`` seen on ``units`` units.

    They are kept from being tighter than any distribution allows, as ``cluster_bootstrap`` says. And towards the nearer end of the range they
    reach at least as far as the exact bound of a share with this error (Korn and Graubard 1998): one unit in a hundred that ranks below all
    others is met twice by chance, and a bootstrap takes that for well known. Nor does it know of a unit that isn't like all the others, where all have one score: either bound
    reaches as far as the share of those that can be missing from the sample (``clustered_bounds``) would take the figure.
    """
    from scipy.special import expit, logit, stdtrit

    cap = (1 - confidence) ** (1 / units)
    if not 0 < figure < 1 or not math.isfinite(error):
        low, high = (0.0, 1.0) if 0 < figure < 1 else (figure, figure)
    elif error == 0:
        low, high = figure * cap, 1 - (1 - figure) * cap
    else:
        reach = float(stdtrit(max(1.0, units - 1), confidence)) * error / (figure * (1 - figure))
        low, high = float(expit(logit(figure) - reach)), float(expit(logit(figure) + reach))
        trials = figure * (1 - figure) / error**2
        share = binomial_bounds(figure * trials, trials, confidence)
        low, high = (low, max(high, share.high)) if figure > 0.5 else (min(low, share.low), high)
    return Bounds(min(low, cap), max(high, 1 - cap), confidence, error if math.isfinite(error) else None)


def apply(statistic: Statistic, weights: Any, attacks: Any, starts: Any) -> Any:
    """``statistic`` under ``weights`` (replicates x items in the order of ``ranked``)."""
    import numpy as np

    attack = np.add.reduceat(np.where(attacks, weights, 0.0), starts, axis=1)
    bona_fide = np.add.reduceat(np.where(attacks, 0.0, weights), starts, axis=1)
    return statistic(attack, bona_fide)


def decide(bounds: Bounds, bar: float, *, at_least: bool) -> ClaimVerdict:
    """What the bounds say of "at least ``bar``" or "at most ``bar``"."""
    if at_least:
        if bounds.low >= bar:
            return ClaimVerdict.SUPPORTED
        return ClaimVerdict.REFUTED if bounds.high < bar else ClaimVerdict.INCONCLUSIVE
    if bounds.high <= bar:
        return ClaimVerdict.SUPPORTED
    return ClaimVerdict.REFUTED if bounds.low > bar else ClaimVerdict.INCONCLUSIVE


def explain(verdict: ClaimVerdict, bounds: Bounds, bar: float, *, at_least: bool) -> str:
    """Why ``decide`` said so, in one sentence without a stop."""
    low, high = _apart(bounds.low, bar), _apart(bounds.high, bar)
    if verdict is ClaimVerdict.INCONCLUSIVE:
        return f"the interval from {low} to {high} straddles the bar of {bar:g}"
    bound = f"lower bound {low}" if (verdict is ClaimVerdict.SUPPORTED) is at_least else f"upper bound {high}"
    relation = "reaches" if at_least else "stays within"
    if verdict is ClaimVerdict.REFUTED:
        relation = "falls short of" if at_least else "exceeds"
    return f"the {bound} {relation} the bar of {bar:g}"


def _apart(value: float, bar: float) -> str:
    """``value`` in four digits, or in as many more as tell it from ``bar``, from nothing and from all: a bound of 0.98996 that reads as 0.99 doesn't
    fall short of a bar of 0.99."""
    texts = (f"{value:.{digits}g}" for digits in range(4, 17))
    return next((text for text in texts if all((float(text) == mark) is (value == mark) for mark in (bar, 0, 1))), repr(value))


def fewest_units(at_fpr: float | None, confidence: float = 0.95) -> int:
    """The fewest units of a class that a ranking figure can rest on.

    For a TPR, above the highest score of ``n`` bona fide units lies more than ``at_fpr`` of all with a chance of ``(1 - at_fpr) ** n``: with
    fewer than these no threshold is known to keep to it.
    """
    return MIN_UNITS if at_fpr is None else max(MIN_UNITS, clean_run_size(1 - at_fpr, confidence) or 0)


def clean_run_size(bar: float, confidence: float) -> int | None:
    """The fewest trials that support "at least ``bar``" when every one succeeds; None for a bar of 1, which no sample can show."""
    _check_confidence(confidence)
    if not 0 < bar < 1:
        return 0 if bar <= 0 else None
    return math.ceil(math.log(1 - confidence) / math.log(bar) - 1e-12)


def needed_trials(bar: float, truth: float, confidence: float, power: float = POWER) -> int | None:
    """How many independent trials settle a claim with a bar at ``bar`` with probability ``power`` if the rate is ``truth``.

    Exact: from this size on, the binomial power stays at ``power`` or above (it is saw-toothed). Beyond 200,000 the normal
    approximation stands in. None when ``truth`` lies at the bar or the size passes ``MAX_NEEDED``.
    """
    _check_confidence(confidence)
    if truth < bar:  # the mirror image: failures instead of successes
        bar, truth = 1 - bar, 1 - truth
    if truth - bar < 1e-9:
        return None
    if bar <= 0:
        return 1
    from scipy.special import ndtri

    spread = ndtri(confidence) * math.sqrt(bar * (1 - bar)) + ndtri(power) * math.sqrt(truth * (1 - truth))
    rough = float(spread / (truth - bar)) ** 2
    if rough > MAX_NEEDED:
        return None
    if rough > 200_000:
        return math.ceil(rough)
    return _exact_size(bar, truth, (confidence, power), int(2 * rough) + 2 * (clean_run_size(bar, confidence) or 0) + 50)


def _exact_size(bar: float, truth: float, chances: tuple[float, float], longest: int) -> int:
    import numpy as np
    from scipy.stats import binom

    confidence, power = chances
    sizes = np.arange(1, longest + 1)
    critical = binom.isf(1 - confidence, sizes, bar) + 1  # the fewest successes whose lower bound reaches the bar
    reached = binom.sf(critical - 1, sizes, truth) >= power
    short = np.flatnonzero(~reached)
    return int(sizes[short[-1]]) + 1 if len(short) else 1


def needed_units(bar: float, figure: float, error: float, units: int, confidence: float, power: float = POWER) -> int | None:
    """How many units settle the claim if ``figure`` is the truth, scaling a standard ``error`` seen on ``units`` of them.

    None when the figure lies at the bar, the error is nil, or the size passes ``MAX_NEEDED``.
    """
    from scipy.special import ndtri

    distance = abs(figure - bar)
    if distance < 1e-9 or error <= 0 or units <= 0:
        return None
    needed = units * float((ndtri(confidence) + ndtri(power)) * error / distance) ** 2
    return None if needed > MAX_NEEDED else max(units + 1, math.ceil(needed))


def auc_error(area: float, attacks: int, bona_fide: int) -> float:
    """The standard error of an AUC under independent items (Hanley and McNeil 1982, their Q1 and Q2 for exponential scores)."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (attacks - 1) * (first - area**2) + (bona_fide - 1) * (second - area**2)
    return math.sqrt(variance / (attacks * bona_fide))


def needed_per_class(bar: float, truth: float, confidence: float) -> int | None:
    """How many attacks, and as many bona fide images, settle an AUC claim if the area is ``truth`` (Hanley and McNeil 1982)."""
    from scipy.special import ndtri

    if abs(truth - bar) < 1e-9:
        return None
    size = 2
    while size <= MAX_NEEDED:
        spread = ndtri(confidence) * auc_error(bar, size, size) + ndtri(POWER) * auc_error(truth, size, size)
        if spread <= abs(truth - bar):
            return size
        size = math.ceil(size * 1.01) if size > 200 else size + 1
    return None


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} isn't between 0 and 1")
