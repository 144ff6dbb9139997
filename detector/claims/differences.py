"""Comparing figures: paired or between groups, with the worst of several deciding.

A claim that the worst of several differences stays within a bar is supported when each of them is shown to (an intersection-union
test, Berger and Hsu, Statistical Science 11 (1996): each at the claim's own confidence), and refuted when one of them is shown
to exceed it, at the confidence that Bonferroni gives for as many tries.

The bounds of a difference are the wider of Student's and Gaffke's (``bounded``), from exponential weights of whole units under which both
figures are computed: Student's alone take a change that is rare, and all for the worse, for far better known than it is. Where the media place the
threshold themselves (TPR), one more bona fide unit joins on either side, which raises an alarm at every threshold on the one and at none on the other: a
threshold that few units place moves by more than weights of them show. Where scores are coarse, weights don't show how much of an EER is the luck of
the better threshold either, nor how far a TPR leaps with its own: then they reach at least as far as the two figures' own bounds do
(``bounded.coarse_eer_bounds``, ``bounded.coarse_tpr_bounds``), recovered from these at half of what the confidence leaves. In simulation weights alone
erred in up to one of four cases there, and with these in fewer than one of twenty. Two proportions of different units are compared by the method of variance estimates recovery from their exact
bounds (Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702; with Wilson's bounds it is Newcombe's tenth method).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.words import ClaimVerdict
from averment.detector.claims import bounded, fields, resampling, statistics
from averment.detector.claims.interface import ClaimPlan, Interval
from averment.detector.claims.metrics import Metric, Tally
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds

CHANGED = 0.1
"""Plans assume that the comparison changes the outcome of this share of the units."""


NEAR = 1.5
"""A difference that lies at most so many times as far below the bar as the worst one may take its place in another sample."""


@dataclass(frozen=True)
class Difference:
    """One difference: ``high`` at the claim's confidence, ``low`` at the stricter one; ``error`` where the method has one."""

    name: str
    figure: float
    low: float
    high: float
    units: int
    error: float | None = None

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {"difference": self.figure, "low": self.low, "high": self.high, "units": self.units}


@dataclass(frozen=True)
class Worst:
    """The verdict over several differences (``tries``); ``worst`` is the largest, and ``rivals`` of them, with it, lie about as near to the bar."""

    worst: Difference
    bounds: Bounds
    verdict: ClaimVerdict
    reason: str
    tries: int = 1
    rivals: int = 1

    def interval(self, method: str) -> Interval:
        """The bounds as a result states them."""
        return Interval(self.bounds.low, self.bounds.high, round(2 * self.bounds.confidence - 1, 9), method)

    def needed(self, bar: float, level: Level, at_fpr: float | None = None) -> int | None:
        """How many units would settle the claim at the next look, if the differences are as estimated; from the reach of the bound that has to move.

        To be supported every one has to keep the bar, so each of the ``rivals`` gets its part of the chance to fail. To be refuted one has to break
        it, by its strict bound. ``at_fpr`` is that of a TPR, whose bounds draw in faster than others as more units place its thresholds.
        """
        from scipy.special import ndtri

        if self.verdict is not ClaimVerdict.INCONCLUSIVE:
            return None
        worst, room, power = self.worst, bar - self.worst.figure, statistics.POWER
        if room >= 0:
            reach, now, following = worst.high - worst.figure, level.confidence, level.following
            power = 1 - (1 - power) / self.rivals
        else:
            reach, (now, following) = worst.figure - worst.low, (strict(c, self.tries) for c in (level.confidence, level.following))
        if at_fpr is not None and worst.error is not None and math.isfinite(worst.error):
            needed = _needed_placed(worst, room, at_fpr, following, power)
        else:
            needed = statistics.needed_units(bar, worst.figure, reach / float(ndtri(now)), worst.units, following, power)
        clean = statistics.clean_run_size(1 - room, level.following) if 0 < room < 1 else None
        return None if needed is None else max(needed, clean or 0)


def _needed_placed(worst: Difference, room: float, at_fpr: float, confidence: float, power: float) -> int | None:
    """How many units settle a claim on a TPR's difference that lies by ``room`` below its bar, or above it where that is negative."""
    from scipy.special import ndtri

    spread, usual = (worst.error or 0.0) ** 2 * worst.units, float(ndtri(power))
    truth = worst.figure if room >= 0 else -worst.figure

    def reach(size: int) -> float:
        placed = bounded.tpr_shift(at_fpr, size, confidence)
        return bounded.reach(truth, spread, size, confidence) + usual * math.sqrt(spread / size) + placed

    needed = bounded.fewest(reach, abs(room))
    return None if needed is None else max(needed, worst.units + 1, statistics.fewest_units(at_fpr, confidence))


def strict(confidence: float, tries: int) -> float:
    """The confidence at which each of ``tries`` bounds may be wrong so that all together err as rarely as one."""
    return 1 - (1 - confidence) / max(1, tries)


@dataclass(frozen=True)
class Replicates:
    """A figure, or a difference of two, under many weights; and in each the ``least`` and the ``most`` that it is with one more bona fide unit
    (``metrics.Tally.ends``): the figure itself where no threshold is placed by these."""

    figures: Any
    least: Any
    most: Any


def spread(worse_by: Callable[[Any, Any], Any], before: Replicates, after: Replicates) -> Replicates:
    """By how much ``after`` is worse than ``before`` in each replicate."""
    import numpy as np

    ends = worse_by(before.least, after.most), worse_by(before.most, after.least)
    return Replicates(worse_by(before.figures, after.figures), np.minimum(*ends), np.maximum(*ends))


def paired_bounds(figure: float, replicates: Any, units: float, confidence: float) -> tuple[Bounds, float]:
    """Bounds for a difference in [-1, 1] from its ``replicates`` under exponential weights (an array of them where no unit joins), and the
    standard error.

    Where ``k`` of ``units`` changed for the worse and none for the better, the upper one is Clopper and Pearson's. They reach at least as far as
    no error at all would allow: two figures that look alike on ten people are not known to be alike. Units of unequal size count as the fewer
    that they are like (``Tally.alike``).
    """
    import numpy as np
    from scipy.special import stdtrit

    given = replicates if isinstance(replicates, Replicates) else Replicates(replicates, replicates, replicates)
    defined = ~np.isnan(given.figures)
    known, least, most = (part[defined] for part in (given.figures, given.least, given.most))
    floor = 1 - (1 - confidence) ** (1 / units)
    if units < 2 or len(known) < len(defined) / 2:
        return Bounds(-1.0, 1.0, confidence), math.inf
    error = float(known.std(ddof=1)) * math.sqrt(units / (units - 1))
    reach = max(float(stdtrit(units - 1, confidence)) * error, floor)
    low = min(figure - reach, bounded.lower(least, units, confidence, -1.0))
    high = max(figure + reach, bounded.upper(most, units, confidence))
    return Bounds(max(-1.0, low), min(1.0, high), confidence), error


@dataclass(frozen=True)
class Side:
    """One of two figures that are compared: its ``tally``, what that is with each unit counted once, and under many weights."""

    tally: Tally
    figure: float
    replicates: Replicates

    def coarse(self, confidence: float) -> Bounds | None:
        """The figure's own bounds where its scores are coarse; None where they aren't."""
        if self.tally.coarse is None or self._error < 1e-9:  # no error at all, but for rounding
            return None
        return self.tally.coarse(confidence, self._error)

    def own(self, confidence: float) -> Bounds:
        """The figure's own bounds, Student's where its scores aren't coarse."""
        from scipy.special import stdtrit

        reach = float(stdtrit(max(1.0, self.tally.alike - 1), confidence)) * self._error
        given = self.coarse(confidence) or Bounds(self.figure - reach, self.figure + reach, confidence)
        return Bounds(max(0.0, min(given.low, self.figure)), min(1.0, max(given.high, self.figure)), confidence)

    @property
    def _error(self) -> float:
        import numpy as np

        return float(np.nanstd(self.replicates.figures, ddof=1))


def compared(name: str, metric: Metric, before: Side, after: Side, shape: tuple[int, float], levels: tuple[float, float]) -> Difference:
    """By how much ``after`` is worse than ``before`` on as many units, and as many alike, as ``shape`` says; its bounds at the claim's level and at the
    stricter one."""
    (units, equal), (confidence, careful) = shape, levels
    figure = metric.worse_by(before.figure, after.figure)
    drawn = spread(metric.worse_by, before.replicates, after.replicates)
    (loose, error), (tight, _) = (paired_bounds(figure, drawn, equal, level) for level in levels)
    from_which, taken = (after, before) if metric.worse_by(0, 1) > 0 else (before, after)
    low, high = (_as_coarse(from_which, taken, bounds, level) for bounds, level in ((tight, careful), (loose, confidence)))
    return Difference(name, figure, low.low, high.high, units, error)


def _as_coarse(first: Side, second: Side, found: Bounds, confidence: float) -> Bounds:
    """``found``, of ``first`` minus ``second``, two EERs or TPRs, and as wide as their own bounds make it where one's scores are coarse."""
    half = (1 + confidence) / 2
    if first.coarse(half) is None and second.coarse(half) is None:
        return found
    apart = recovered_bounds((first.figure, first.own(half)), (second.figure, second.own(half)))
    return Bounds(max(-1.0, min(found.low, apart.low)), min(1.0, max(found.high, apart.high)), confidence, found.error)


def recovered_bounds(first: tuple[float, Bounds], second: tuple[float, Bounds]) -> Bounds:
    """Bounds for ``first`` minus ``second``, two independent figures each with its own bounds (Zou and Donner 2008)."""
    (a, of_a), (b, of_b) = first, second
    low = a - b - math.hypot(a - of_a.low, of_b.high - b)
    high = a - b + math.hypot(of_a.high - a, b - of_b.low)
    return Bounds(low, high, of_a.confidence)


def judge(differences: Sequence[Difference], bar: float, level: Level) -> Worst:
    """What several differences say of "the worst of them is at most ``bar``"; there is at least one."""
    worst = max(differences, key=lambda item: (item.figure, item.high))
    bounds = Bounds(max(item.low for item in differences), max(item.high for item in differences), level.confidence)
    verdict = statistics.decide(bounds, bar, at_least=False)
    near = bar - NEAR * (bar - worst.figure)
    rivals = sum(item.figure >= near for item in differences) if worst.figure < bar else 1
    reason = f"{statistics.explain(verdict, bounds, bar, at_least=False)}; worst: {worst.name}"
    return Worst(worst, bounds, verdict, reason, len(differences), rivals)


def resampled(tallies: Sequence[Tally], units: int, items: int, seed: int) -> list[Replicates]:
    """Each tally's figure in every replicate, all under the same weights of the ``units``, and of the unit that joins."""
    import numpy as np

    draws = resampling.exponential_weights(units, items, seed, resampling.replicates_for(items))
    joins = bounded.joining_weights(seed)
    chunks: list[list[tuple[Any, Any, Any]]] = []
    for weights in draws:
        joining = joins.exponential(size=(len(weights), 1))
        figures = [tally.figures(weights) for tally in tallies]
        ends = [(own, own) if tally.ends is None else tally.ends(weights, joining) for tally, own in zip(tallies, figures, strict=True)]
        chunks.append([(own, least, most) for own, (least, most) in zip(figures, ends, strict=True)])
    return [Replicates(*map(np.concatenate, zip(*parts, strict=True))) for parts in zip(*chunks, strict=True)]


def method(items: int, confidence: float, tries: int) -> str:
    """The name of the paired bootstrap's interval."""
    worst = f", worst of {tries}" if tries > 1 else ""
    return (
        f"paired cluster bootstrap, {resampling.replicates_for(items)} replicates, one-sided bounds at {fields.percent(confidence)}{worst}"
    )


def plain(tally: Tally, units: int) -> float:
    """The figure itself, each of ``units`` counted once."""
    import numpy as np

    return float(tally.figures(np.ones((1, units)))[0])


def fewest_placed(bar: float, at_fpr: float | None, confidence: float) -> int:
    """The fewest units of each class with which a ranking figure can be shown to be worse by at most ``bar``: for a TPR as many as place a threshold
    from which no more is lost."""
    placed = bounded.tpr_clean(1 - bar, at_fpr, confidence) if at_fpr is not None and 0 < bar < 1 else None
    return max(statistics.fewest_units(at_fpr, confidence), placed or 0)


def plan(
    statement: str,
    bar: float,
    confidence: float,
    unit: str,
    changed: float = CHANGED,
    fewest: int = statistics.MIN_UNITS,
    *,
    both_ways: bool = False,
    at_fpr: float | None = None,
) -> ClaimPlan:
    """What a claim on a difference needs, before anything is known of its spread.

    ``least`` is the size at which the floor of ``paired_bounds`` comes down to the bar: no fewer can show it, nor fewer than the ``fewest`` that
    are judged at all. The others are for a comparison in which the outcome of a share ``changed`` of the units differs, which is then at most
    the variance of a difference. ``both_ways`` says that neither figure may be worse than the other: where they are alike, either can seem so. ``at_fpr`` is
    that of a TPR, whose thresholds have to be placed on either side.
    """
    from scipy.special import ndtri

    clean = statistics.clean_run_size(1 - bar, confidence)
    if clean is None:
        return ClaimPlan(statement, unit, None, ())
    least = max(fewest, clean)
    needs = []
    for truth in (round(part * bar, 6) for part in (0.0, 0.25, 0.5, 0.75)):
        usual = float(ndtri((1 + statistics.POWER) / 2 if both_ways and truth == 0 else statistics.POWER))

        def high(size: int, truth: float = truth, usual: float = usual) -> float:
            placed = 0.0 if at_fpr is None else bounded.tpr_shift(at_fpr, size, confidence)
            return truth + bounded.reach(truth, changed, size, confidence) + usual * math.sqrt(changed / size) + placed

        needed = bounded.fewest(high, bar)
        if needed is not None:
            needs.append((truth, max(needed, least)))
    return ClaimPlan(statement, unit, least, tuple(needs))
