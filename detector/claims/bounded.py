"""Bounds for means of bounded values, of which a few large ones may be rare: they hold where Student's and the bootstrap's miss.

A bootstrap knows no loss that it hasn't seen, and few that it has seen seldom. Gaffke's bound does: one more unit, as bad as can be, joins
the sample, every unit gets a weight from an exponential distribution, and the bound is the quantile of the weighted mean. For values of
0 and 1 it is Clopper and Pearson's, exactly; without rare values it is hardly wider than Student's. That it holds for every bounded
distribution is proven for its neighbours and checked for itself by simulation alone, here as there.

Sources: Gaffke, Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable, Mathematical Methods of
Statistics 14 (2005) 451-467; Learned-Miller and Thomas, A new confidence interval for the mean of a bounded random variable (2019); Phan,
Thomas and Learned-Miller, Towards practical mean bounds for small samples, ICML 2021. The weights are Rubin's (``resampling``).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from averment.detector.claims import resampling
from averment.detector.claims.statistics import (
    MAX_NEEDED,
    POWER,
    Bounds,
    Scored,
    alike,
    apply,
    binomial_bounds,
    cluster_bootstrap,
    clustered_bounds,
    eer_statistic,
    estimate,
    fewest_units,
    needed_trials,
    ranked,
    tpr_statistic,
)


def upper(figures: Any, units: float, confidence: float, most: float = 1.0) -> float:
    """The upper bound for a mean of values up to ``most`` over ``units`` units, from ``figures``: the mean under weights of each replicate.

    The weight of the unit that joins has the distribution Beta(1, ``units``), which is added up and not drawn: the bound is the
    ``h`` at which the mean of ``min(1, (most - h) / (most - figure)) ** units`` is ``1 - confidence``.
    """
    import numpy as np
    from scipy.optimize import brentq

    room = most - np.asarray(figures, dtype=float)
    known = room[room > 0]
    full = len(room) - len(known)
    if full >= (1 - confidence) * len(room):
        return most

    def beyond(left: float) -> float:
        return float((np.minimum(1.0, left / known) ** units).sum() + full) / len(room) - (1 - confidence)

    return most - float(brentq(beyond, 0.0, float(known.max()), xtol=1e-12))


def lower(figures: Any, units: float, confidence: float, least: float = 0.0) -> float:
    """The lower bound for a mean of values from ``least`` on, as ``upper``."""
    import numpy as np

    return -upper(-np.asarray(figures, dtype=float), units, confidence, -least)


def reach(truth: float, spread: float, size: float, confidence: float) -> float:
    """How far above the sampled mean the upper bound lies on ``size`` units, for plans, if one unit has the variance ``spread``.

    The unit that joins adds ``(1 - truth) / size`` to the mean, and as much to the deviation.
    """
    from scipy.special import ndtri

    joins = (1 - truth) / size
    return joins + float(ndtri(confidence)) * math.sqrt(spread / size + joins**2)


def fewest(high: Callable[[int], float], bar: float) -> int | None:
    """The fewest units with which ``high``, which falls as they grow, stays within ``bar``; None where that takes too many to advise it."""
    low, enough = 0, MAX_NEEDED
    if high(enough) > bar:
        return None
    while enough - low > 1:
        middle = (low + enough) // 2
        low, enough = (low, middle) if high(middle) <= bar else (middle, enough)
    return enough


def needed_clusters(bar: float, rate: float, found: Bounds, sizes: Sequence[int], confidence: float, power: float = POWER) -> int | None:
    """How many clusters of such ``sizes`` settle a claim on a proportion with probability ``power`` if ``rate`` is the truth, from the bounds that Korn and
    Graubard's way ``found`` on them. None as ``statistics.needed_trials``, whose size it is where each is one trial.

    Clusters tell as many trials apiece as their effective size has: several for images that have little in common, less than one where a few
    clusters have most of them. And they have to be so many that one that fails as a whole isn't missing.
    """
    import numpy as np
    from scipy.special import ndtri, stdtrit

    if max(sizes) == 1 or abs(rate - bar) < 1e-9:
        return needed_trials(bar, rate, confidence, power)
    if rate > bar:  # the mirror image: failures instead of successes
        rate, bar = 1 - rate, 1 - bar
    clusters, trials, equal = len(sizes), sum(sizes), alike(np.asarray(sizes))
    effective = equal if found.error is None else rate * (1 - rate) / found.error**2 if found.error else trials

    def high(size: int) -> float:
        share = size / clusters
        freedom = max(1.0, equal * share - 1)
        spread = float(stdtrit(trials * share, confidence) / stdtrit(freedom, confidence)) ** 2 if found.error is not None else 1.0
        known = min(trials, effective * spread) * share
        usual = min(1.0, rate + float(ndtri(power)) * math.sqrt(rate * (1 - rate) / known))
        missed = 1 - (1 - usual) * (1 - confidence) ** (1 / (equal * share))
        return float(max(binomial_bounds(usual * known, known, confidence).high, missed))

    size = fewest(high, bar)
    return None if size is None else max(clusters + 1, size)


def mean_bounds(sums: Any, sizes: Any, confidence: float, seed: int, replicates: int | None = None) -> Bounds:
    """Bounds for a mean of values in [0, 1] that come in units with these ``sums`` and ``sizes`` (arrays); one unit bounds nothing."""
    import numpy as np

    units = len(sums)
    if units < 2:
        return Bounds(0.0, 1.0, confidence)
    draws = resampling.exponential_weights(units, units, seed, replicates or resampling.replicates_for(units))
    means = np.clip(np.concatenate([(weights @ sums) / (weights @ sizes) for weights in draws]), 0, 1)
    equal = alike(sizes)
    return Bounds(lower(means, equal, confidence), upper(means, equal, confidence), confidence, float(means.std(ddof=1)))


COARSE = 2.0
"""Standard errors of an EER that one score beside its threshold may hold of a class before the scores are coarse."""

MAX_THRESHOLDS = 200
"""Thresholds at which the rates of coarse scores are bounded: those at which the detector errs least."""


def eer_bounds(sample: Scored, confidence: float, seed: int, replicates: int | None = None) -> Bounds | None:
    """Bounds for an equal error rate: ``statistics.cluster_bootstrap``'s, and where scores are coarse at least those of the two rates.

    An EER is the least, over thresholds, of the larger rate. Where a detector knows few scores, two thresholds may be about equally good, or both
    rates about equal at one; the better of two samples is too good by as much as chance gives, and a bootstrap is so once more. The rate of misses
    grows with the threshold and that of alarms falls, so one threshold on either side of the best can seem better, and bounds of both rates at half of
    what the confidence leaves hold for the EER. Where scores differ, neighbours err alike, and nothing is lost by choosing. None as there.
    """
    found = cluster_bootstrap(sample, eer_statistic, confidence, seed, replicates)
    coarse = None if found is None or not found.error else coarse_eer_bounds(sample, confidence, found.error)
    if found is None or coarse is None:
        return found
    return Bounds(min(found.low, coarse.low), max(found.high, coarse.high), confidence, found.error)


def coarse_eer_bounds(sample: Scored, confidence: float, error: float) -> Bounds | None:
    """Bounds by the two rates for an equal error rate with the standard ``error``; None where scores differ enough to do without (``eer_bounds``)."""
    import numpy as np

    attacks, units, starts, _ = ranked(sample)
    cell = np.searchsorted(starts, np.arange(len(units)), side="right") - 1
    missed, alarms = (np.bincount(cell[mask], minlength=len(starts)) / mask.sum() for mask in (attacks, ~attacks))
    larger = np.maximum(np.append(0, np.cumsum(missed)), 1 - np.append(0, np.cumsum(alarms)))
    best = int(np.argmin(larger))
    beside = slice(max(0, best - 1), best + 1)
    if max(missed[beside].max(), alarms[beside].max()) < COARSE * error:
        return None
    ends = []
    for threshold in np.argsort(larger, kind="stable")[:MAX_THRESHOLDS]:
        wrong = np.where(attacks, cell < threshold, cell >= threshold)
        rates = [_rate_bounds(wrong[mask], units[mask], (1 + confidence) / 2) for mask in (attacks, ~attacks)]
        ends.append((max(rate.low for rate in rates), max(rate.high for rate in rates)))
    low, high = (min(values) for values in zip(*ends, strict=True))
    return Bounds(low, high, confidence, error)


def _rate_bounds(wrong: Any, units: Any, confidence: float) -> Bounds:
    """Bounds for the share of ``wrong`` items (an array of truth values) that come in ``units``."""
    import numpy as np

    _, own = np.unique(units, return_inverse=True)
    return clustered_bounds(np.bincount(own[wrong], minlength=int(own.max()) + 1).tolist(), np.bincount(own).tolist(), confidence)


PLACING = 0.8
"""The part of the error that placing the threshold of a TPR may take; the rate at it has the rest."""


def coarse_tpr_bounds(sample: Scored, at_fpr: float, confidence: float) -> Bounds | None:
    """Bounds by the two rates for a true positive rate at ``at_fpr``; None where scores differ enough to do without, or a class is missing.

    Where one score holds much of the attacks, or so much of the bona fide images that the next threshold lies far off, the figure leaps with the
    threshold, and a mean of weights is no quantile: half of those that took the right threshold lie below the truth, whatever the wrong ones are. So
    the threshold gets ``PLACING`` of what the confidence leaves, and the rate at it the rest: the true threshold is no lower than the lowest that may
    keep to ``at_fpr``, and no higher than the lowest that is known to.
    """
    import numpy as np

    attacks, units, starts, _ = ranked(sample)
    figure = estimate(sample, tpr_statistic(at_fpr))
    if figure is None:
        return None
    cell = np.searchsorted(starts, np.arange(len(units)), side="right") - 1
    held = [np.bincount(cell[mask], minlength=len(starts)) / mask.sum() for mask in (attacks, ~attacks)]
    usual = [(rate, alike(np.bincount(units[mask]))) for rate, mask in ((figure, attacks), (at_fpr, ~attacks))]
    leaps = np.logical_or(*(part >= _much(*rate) for part, rate in zip(held, usual, strict=True)))
    if not leaps.any():
        return None
    left = 1 - confidence

    def alarms(threshold: int) -> Bounds:
        return _rate_bounds(cell[~attacks] >= threshold, units[~attacks], 1 - PLACING * left)

    def hits(threshold: int) -> Bounds:
        return _rate_bounds(cell[attacks] >= threshold, units[attacks], 1 - (1 - PLACING) * left)

    may = bisect.bisect_left(range(len(starts)), True, key=lambda place: alarms(place).low <= at_fpr)
    sure = bisect.bisect_left(range(len(starts)), True, key=lambda place: alarms(place).high <= at_fpr)
    if not leaps[may:sure].any():
        return None
    return Bounds(hits(sure).low if sure < len(starts) else 0.0, hits(may).high, confidence)


def _much(rate: float, equal: float) -> float:
    """How much of a class one score has to hold for its scores to be coarse, where a ``rate`` of it was found on so many ``equal`` units."""
    usual = min(max(rate, 1 / (equal + 2)), 1 - 1 / (equal + 2))
    return COARSE * math.sqrt(usual * (1 - usual) / equal)


def tpr_ends(at_fpr: float, attack: Any, bona_fide: Any, joining: Any) -> Any:
    """The least and the most that a TPR at ``at_fpr`` is in each replicate (a row of either) where one more bona fide unit, of the weight ``joining``
    (a column), raises an alarm at every threshold, or at none. Weights are as of a ``statistics.Statistic``."""
    import numpy as np

    hits, alarms = (np.cumsum(side[:, ::-1], axis=1) for side in (attack, bona_fide))
    most = at_fpr * (alarms[:, -1:] + joining)
    best = [np.where(raised <= most, hits, 0).max(axis=1, initial=0) for raised in (alarms + joining, alarms)]
    return np.clip(np.stack(best) / hits[:, -1], 0, 1)


def joining_size(sizes: Any) -> float:
    """How many images the bona fide unit has that joins units with ``sizes`` (an array): as many as the one of an image taken at random."""
    return float((sizes**2).sum() / sizes.sum())


def joining_weights(seed: int) -> Any:
    """Where the weights of units that join come from: another stream of chance than that of the units that are there."""
    import numpy as np

    return np.random.Generator(np.random.PCG64([seed, 1]))


def tpr_bounds(sample: Scored, at_fpr: float, confidence: float, seed: int, replicates: int | None = None) -> Bounds | None:
    """Bounds for the true positive rate at the threshold whose true false positive rate is ``at_fpr``; None where it is undefined.

    The threshold is only known as well as the bona fide units tell: the rate of alarms at the ``k``-th highest of ``n`` scores has the
    distribution Beta(k, n + 1 - k), which exponential weights give when one more unit joins (David and Nagaraja, Order Statistics (2003),
    chapter 7). For the lower bound that unit raises an alarm at every threshold, for the upper one at none; of the attacks one more is missed,
    or caught (``upper``). Where scores are coarse they reach at least as far as those of the two rates (``coarse_tpr_bounds``). So where the bona fide units are too few to place a threshold (``statistics.fewest_units``) the lower bound is 0.
    """
    import numpy as np

    attacks, units, starts, total = ranked(sample)
    figure = estimate(sample, tpr_statistic(at_fpr))
    if figure is None:
        return None
    replicates = replicates or resampling.replicates_for(len(units))
    caught, genuine = (np.bincount(units[mask], minlength=total).astype(float) for mask in (attacks, ~attacks))
    size, joins = joining_size(genuine), joining_weights(seed)
    found: tuple[list[Any], list[Any]] = ([], [])
    for weights in resampling.exponential_weights(total, len(units), seed, replicates):
        joining = size * joins.exponential(size=(len(weights), 1))

        def careful(attack: Any, bona_fide: Any, extra: Any = joining) -> Any:
            return tpr_ends(at_fpr, attack, bona_fide, extra)

        for part, rates in zip(found, apply(careful, weights[:, units], attacks, starts), strict=True):
            part.append(rates)
    low, high = (np.concatenate(part) for part in found)
    equal, coarse = alike(caught), coarse_tpr_bounds(sample, at_fpr, confidence)
    ends = [(min(figure, lower(low, equal, confidence)), max(figure, upper(high, equal, confidence)))]
    ends += [(coarse.low, coarse.high)] if coarse is not None else []
    return Bounds(min(low for low, _ in ends), max(high for _, high in ends), confidence, float(low.std(ddof=1)))


def tpr_size(bar: float, truth: float, at_fpr: float, confidence: float, bona_fide: float = 1.0) -> int | None:
    """How many attacks, with ``bona_fide`` times as many bona fide units, settle a claim on the TPR four times in five if it is ``truth``; None
    where too many."""
    from scipy.special import ndtri

    usual = float(ndtri(POWER))
    size = fewest(lambda size: _tpr_off(bar, truth, at_fpr, confidence, (size, bona_fide * size), usual), abs(truth - bar))
    return None if size is None else max(size, math.ceil(fewest_units(at_fpr, confidence) / bona_fide))


def _tpr_off(bar: float, truth: float, at_fpr: float, confidence: float, units: tuple[float, float], usual: float) -> float:
    """How far from ``truth`` the bound of a TPR lies on so many attacks and bona fide ``units``, ``usual`` deviations of the estimate included.

    The threshold's part of the spread is a quantile's, times the slope of the curve (Pepe, The Statistical Evaluation of Medical Tests (2003),
    chapter 5), here that of normal scores of equal spread; halfway to the bound of the rate of alarms, for below it the curve is steeper.
    """
    from scipy.special import ndtri

    attacks, bona_fide = units
    slope = _slope(at_fpr, bona_fide, min(ndtri(bar) ** 2, ndtri(truth) ** 2), confidence)
    placed = slope**2 * at_fpr * (1 - at_fpr) / bona_fide * attacks
    found = math.sqrt((truth * (1 - truth) + placed) / attacks)
    return slope / bona_fide + reach(min(truth, 1 - truth), bar * (1 - bar) + placed, attacks, confidence) + usual * found


def _slope(at_fpr: float, bona_fide: float, flattest: float, confidence: float) -> float:
    """The slope of a curve of normal scores, for a TPR whose normal quantile squared is ``flattest``; halfway to the bound of the rate of alarms."""
    from scipy.special import ndtri

    alarms = at_fpr * (1 - at_fpr) / bona_fide
    halfway = max(at_fpr - float(ndtri(confidence)) * math.sqrt(alarms) / 2, at_fpr / (bona_fide + 1))
    return math.exp((float(ndtri(halfway)) ** 2 - flattest) / 2)


USUAL_TPR = 0.9
"""Plans for a drop or gap of a TPR assume that it is about so high."""


def tpr_shift(at_fpr: float, size: int, confidence: float) -> float:
    """By how much two thresholds on ``size`` bona fide units each can make a TPR seem to differ that doesn't, for plans: as far as the unit that joins moves
    them apart (``tpr_ends``), whose weight is exponential."""
    from scipy.special import ndtri

    slope = _slope(at_fpr, size, float(ndtri(USUAL_TPR)) ** 2, confidence)
    return -2 * slope * math.log(1 - confidence) / size


def tpr_needed(bar: float, figure: float, found: Bounds, at_fpr: float, units: tuple[int, int], confidence: float) -> int | None:
    """How many attacks settle a claim on the TPR at ``confidence``, with bona fide units in the proportion of ``units`` (attacks, bona fide), if
    ``figure`` is the truth; from bounds that were ``found`` on these. None where it lies at the bar, or too many are needed.

    The plan's size, by as much more or less as these units tell than it takes them to: several images of a person tell more than one.
    """
    attacks, bona_fide = units
    ratio, distance = bona_fide / attacks, abs(bar - figure)
    size = tpr_size(bar, figure, at_fpr, confidence, ratio) if distance >= 1e-9 else None
    if size is None:
        return None
    reached, known = (figure - found.low, found.low > 0) if figure > bar else (found.high - figure, found.high < 1)
    known = known and 0 < figure < 1  # a figure that can be no better has no spread to compare
    like = fewest(lambda size: _tpr_off(figure, figure, at_fpr, found.confidence, (size, ratio * size), 0.0), reached) if known else None
    telling = attacks / like if like else 1.0
    scaled = math.ceil(size * (telling if figure > bar else max(1.0, telling)))  # an upper bound lies near by luck of the threshold
    return None if scaled > MAX_NEEDED else max(attacks + 1, scaled, math.ceil(fewest_units(at_fpr, confidence) / ratio))


def tpr_clean(bar: float, at_fpr: float, confidence: float) -> int | None:
    """The fewest attacks, and as many bona fide units, that show "at least ``bar``" if every attack scores above every bona fide image.

    The rest of what ``PLACING`` leaves is kept in hand, for ``tpr_bounds`` draws its weights.
    """

    def missed(size: int) -> float:
        unplaced = (1 - at_fpr) ** size
        return unplaced + (1 - unplaced) * bar**size

    size = fewest(missed, PLACING * (1 - confidence))
    return None if size is None else max(size, fewest_units(at_fpr, confidence))
