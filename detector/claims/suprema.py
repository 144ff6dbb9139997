"""Bounds for figures that noise can only push up: distances between what is and what ought to be.

An expected calibration error, a Kolmogorov-Smirnov distance and a population stability index are nil when all is well and positive
otherwise, so a sample of a perfect detector never shows nil. An interval around the sampled figure would refute it. What holds:

* Each is convex in the sampled shares, so the figure at the truth is at most the sampled one plus a linear part that has no bias
  (Jensen): the upper bound is the figure plus Student's reach of that part, or Gaffke's (``bounded``) where that is further and the figure
  can't pass a value: few large deviations are many more than Student thinks.
* Each is a length, or nearly so, of a vector of differences. By the triangle inequality the sampled length exceeds the true one by at
  most the length of the noise, whose distribution a bootstrap of whole units gives: the lower bound subtracts its quantile, or that of the
  noise that is there in theory where it is longer. A bootstrap knows of no noise where nothing rare happened to fall into the sample.
"""

from __future__ import annotations

import math
from typing import Any

from averment.detector.claims import bounded, statistics
from averment.detector.claims.interface import Interval
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds


def bounds(
    figure: float, linear: Any, noise: Any, units: float, confidence: float, cells: int = 1, most: float = math.inf, luck: float = 0.0
) -> Bounds:
    """Bounds from the bootstrap's replicates of the ``linear`` part and of the length of the ``noise``.

    The noise is of ``cells`` means, each of which takes a degree of freedom from the units. The upper bound is at least what
    no deviation in ``units`` units would allow. Units that are hardly more than the cells bound nothing: the upper bound is infinite.
    ``most`` is the largest value that the figure and the deviation of one unit can have; the linear part is then of exponential weights.
    ``luck`` is the noise's quantile in theory.
    """
    import numpy as np
    from scipy.special import stdtrit

    if units <= cells + 1:
        return Bounds(0.0, math.inf, confidence)
    error = float(np.std(linear, ddof=1)) * math.sqrt(units / (units - 1))
    wider = math.sqrt(units / (units - cells))
    floor = 1 - (1 - confidence) ** (1 / units)
    high = figure + max(float(stdtrit(units - 1, confidence)) * error, floor)
    if math.isfinite(most):
        high = min(most, max(high, bounded.upper(figure + linear, units, confidence, most)))
    return Bounds(max(0.0, figure - max(luck, float(np.quantile(noise, confidence)) * wider)), high, confidence, error)


def too_few(units: int, equal: float, cells: int) -> str:
    """Why ``units`` that count as ``equal`` of one size bound nothing over so many ``cells``, as a sentence without a stop."""
    unequal = f", which are of so unequal sizes that they count as {equal:.3g}," if equal < 0.99 * units else ""
    return f"{units} independent units{unequal} are too few for {cells} bins"


def least_units(least: int, units: int, equal: float) -> int:
    """``least`` units of one size, as so many of the sizes of ``units`` that count as ``equal``."""
    return math.ceil(least * units / equal) if equal else least


def interval(found: Bounds | None, method: str) -> Interval | None:
    """The bounds as a result states them; None where there is no upper one: a record can't hold an infinity, and it would say nothing."""
    if found is None or not math.isfinite(found.high):
        return None
    return Interval(found.low, found.high, round(2 * found.confidence - 1, 9), method)


def plan(bar: float, confidence: float, spread: float, cells: int | None = None) -> list[tuple[float, int]]:
    """How many units settle "at most ``bar``" for a few truths, if the linear part of one unit has the variance ``spread``.

    With ``cells``, of a sum of as many distances: noise raises the sampled one, the more the nearer the truth is to nil.
    """
    truths = [round(part * bar, 6) for part in (0.0, 0.25, 0.5, 0.75)]
    found = [(truth, _size(bar, truth, confidence, spread, cells)) for truth in truths if bar > 0]
    return [(truth, size) for truth, size in found if size is not None]


def _size(bar: float, truth: float, confidence: float, spread: float, cells: int | None) -> int | None:
    """The units with which the upper bound stays within ``bar`` four times in five."""
    from scipy.special import ndtri

    usual = float(ndtri(statistics.POWER))

    def high(size: int) -> float:
        error = math.sqrt(spread / size)
        mean, deviation = (truth, error) if cells is None else _distances(truth, error, cells)
        return mean + bounded.reach(mean, spread, size, confidence) + usual * deviation

    return bounded.fewest(high, bar)


def _distances(truth: float, error: float, cells: int) -> tuple[float, float]:
    """Mean and deviation of the sum over ``cells`` of the distances that add up to ``truth`` without noise, and whose sum has ``error``.

    Each is a folded normal (Leone, Nelson and Nottingham, Technometrics 3 (1961) 543-550).
    """
    from scipy.special import ndtr

    shift, noise = truth / cells, error / math.sqrt(cells)
    ratio = shift / noise
    mean = noise * math.sqrt(2 / math.pi) * math.exp(-(ratio**2) / 2) + shift * (1 - 2 * float(ndtr(-ratio)))
    return cells * mean, math.sqrt(cells * max(0.0, shift**2 + noise**2 - mean**2))


def needed(figure: float, found: Bounds, bar: float, units: int, level: Level) -> int | None:
    """How many units would settle the claim at the next look; from the reach of the bound that has to move. None where the figure lies so near
    the bar, beside what chance does to it, that the number would be no advice."""
    from scipy.special import ndtri

    reach = found.high - figure if figure <= bar else figure - found.low
    distance = abs(bar - figure)
    if distance < 1e-9 or not math.isfinite(reach):
        return None
    stricter = float((ndtri(level.following) + ndtri(statistics.POWER)) / ndtri(level.confidence))
    size = units * (reach * stricter / distance) ** 2
    return None if size > min(PRACTICAL, TIMES * units) else max(units + 1, math.ceil(size))


PRACTICAL, TIMES = 1_000_000, 1_000
"""A sample of more units than this, or of so many times the present one, is nobody's to draw."""


def outlook(figure: float, found: Bounds, bar: float, needed: int | None, *, raised: bool) -> str:
    """What more units would bring to a claim that is open within its bounds, as the end of a sentence; "" where their number says it.

    ``raised``: noise can only push the figure up, so that one above the bar tells less of the truth than another.
    """
    near = "" if needed is not None else "; the estimate is so near the bar that no practical number of units would settle it"
    if figure <= bar:
        return near
    if raised:
        by = f"{figure - found.low:.2g}"
        return f"{near}; it is above the bar, and chance alone may raise it by {by} on so many: more units may refute the claim, or show that it holds"
    return f"{near}; it is above the bar: with more units the claim is likelier to be refuted than to hold"
