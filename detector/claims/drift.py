"""Claims on drift: that the scores of today are distributed like those of the reference.

```yaml
type: drift
statistic: psi            # population stability index; or ks, the Kolmogorov-Smirnov distance
attack: synthetic-image
reference: scores-at-release   # a file of scores (see scores), or a population to be scored now
population: scores-this-month
at_most: 0.1
bins: 10                  # optional, for psi: bins of equal share of the reference
answered_at_least: 0.9    # optional: the share of images that must have a score, in the reference and today (default 0.9)
where: {channel: web}     # optional, of the population; as are confidence, clusters and looks
```

Both are described in ``distances``: PSI over bins whose edges are quantiles of the reference, of which a value that fills a bin by itself has
its own; KS as the largest distance between the two distribution functions.

Both grow with noise, and images of one person or video move together: a random split of one set of scores by image gave a PSI of
0.007, a split by video 0.069. So the noise comes from a bootstrap of whole units, the bounds follow ``suprema``, and the result
states ``no_drift``: what the figure would exceed in one case of twenty (or as the confidence says) though nothing had
changed. A bar below that can't be kept with this many units.

Images without a score have no place in a distribution. They are counted on either side, and above the allowed share on one of them the
claim isn't supported: that the few scores left are distributed as before says nothing of a detector that stopped answering.

Scores compared with themselves show nothing either. Where the reference and today are the same file or a copy of it, hold the same scores
of the same units (in whatever order, if most of them differ), or are the same images by their bytes, the claim stays open: an export that nobody renewed is the likeliest
reason. That they share a part is no matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import answering, distances, fields, observing, resampling, sequential, statistics, suprema
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType
from averment.detector.claims.scores import Scores, scores_of
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds
from averment.detector.interface import Family

STATISTICS = ("psi", "ks")
DEFAULT_BINS = 10
MAX_BINS = 50
MAX_BAR = 10.0
ITSELF = "the reference and today are the same scores or the same images, and nothing drifts from itself (is one of them an old export?)"
"""Why a claim stays open that compares scores with themselves."""

_NAMES = {"psi": "population stability index", "ks": "Kolmogorov-Smirnov distance"}


@dataclass(frozen=True)
class Statement:
    """A drift claim as read."""

    statistic: str
    family: Family
    reference: str
    population: str
    where: Mapping[str, str]
    bins: int
    answered: float
    bar: float
    confidence: float
    clusters: str | None

    def __str__(self) -> str:
        bins = f" over {self.bins} bins" if self.statistic == "psi" and self.bins != DEFAULT_BINS else ""
        return (
            f"{_NAMES[self.statistic]}{bins} of the scores for {self.family} on {self.population}{fields.rows(self.where)} against "
            f"{self.reference} is at most {self.bar:g} "
            f"{fields.conditions(self.confidence, answering.stated(self.answered), fields.units_by(self.clusters))}"
        )


class DriftClaim(ClaimType):
    """The distance between the distributions of two sets of scores."""

    name = "drift"
    needs_detector = True
    sequential = True
    share = False

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        """With as many units on either side; no drift at all is what a bar is meant to pass, so that is planned for."""
        statement = read(spec)
        least = least_units(statement)
        unit = "independent units in the reference, and as many today"
        return ClaimPlan(str(statement), unit, least, ((0.0, least),))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        reference = scores_of(statement.reference, {}, statement.clusters, statement.family, context)
        present = scores_of(statement.population, statement.where, statement.clusters, statement.family, context)
        inputs: dict[str, JSON] = {
            "reference": dict(reference.facts),
            "present": dict(present.facts),
            "where": statement.population,
            "count": len(present.values) + present.unanswered,
        }
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed)
        found = measure(statement, reference, present, level.confidence, context.seed)
        itself = [ITSELF] if present.content and present.content == reference.content else []
        quiet = answering.told([*itself, *_silent(statement, reference, present)])
        verdict, reason = _verdict(statement, found, quiet)
        silent = f"; no score for {counted(reference.unanswered, 'image')} of the reference and {present.unanswered:,} of today"
        needed = found.needed(statement, level) if verdict is ClaimVerdict.INCONCLUSIVE and not quiet else None
        advice = f"; to settle it takes about {needed:,} independent units on either side" if needed else ""
        if verdict is ClaimVerdict.INCONCLUSIVE and not quiet:
            advice += found.outlook(statement, needed)
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason + (silent if reference.unanswered or present.unanswered else "") + advice,
            estimate=found.figure,
            interval=suprema.interval(found.bounds, found.method),
            bar=statement.bar,
            samples=len(present.values),
            clusters=found.units[1],
            seed=context.seed,
            needed=needed,
            inputs=inputs,
            details={
                "reference_samples": len(reference.values),
                "reference_units": found.units[0],
                "reference_unanswered": reference.unanswered,
                "unanswered": present.unanswered,
                **({observing.REPEATED: repeated} if (repeated := reference.repeated + present.repeated) else {}),
                **found.details,
            },
        )
        return level.finish(result)


@dataclass(frozen=True)
class Found:
    """The figure with its bounds, from so many ``cells``; ``units`` of the reference and of today, and as how many of equal size these count."""

    figure: float | None
    bounds: Bounds | None
    units: tuple[int, int]
    method: str
    details: Mapping[str, JSON]
    cells: int = 0
    equal: tuple[float, float] = (0.0, 0.0)

    def needed(self, statement: Statement, level: Level) -> int | None:
        """How many units, of today and of the reference, would settle the claim at the next look, if the figure is as estimated."""
        if self.figure is None or self.bounds is None:
            return least_units(statement)
        if not math.isfinite(self.bounds.high):
            return suprema.least_units(max(least_units(statement), self.cells + 2), min(self.units), min(self.equal))
        needed = suprema.needed(self.figure, self.bounds, statement.bar, min(self.units), level)
        return None if needed is None else max(needed, statistics.MIN_UNITS)

    def outlook(self, statement: Statement, needed: int | None) -> str:
        """What more units would bring, where the bar lies within the bounds; as the end of a sentence."""
        if self.figure is None or self.bounds is None or not math.isfinite(self.bounds.high):
            return ""
        return suprema.outlook(self.figure, self.bounds, statement.bar, needed, raised=True)


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    optional = ("where", "bins", answering.FIELD, "confidence", "clusters", "looks")
    fields.known_fields(spec, ("type", "statistic", "attack", "reference", "population", "at_most"), optional)
    statistic = fields.text(spec, "statistic", STATISTICS)
    if statistic == "ks" and "bins" in spec:
        raise BadInputError("bins mean nothing for ks", fix="remove bins")
    sequential.read_plan(spec)
    return Statement(
        statistic=statistic,
        family=Family(fields.text(spec, "attack", tuple(observing.ATTACK_LABELS))),
        reference=fields.text(spec, "reference"),
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bins=fields.whole(spec, "bins", 2, MAX_BINS) or DEFAULT_BINS,
        answered=answering.read(spec),
        bar=_bar(spec, statistic),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


def _bar(spec: Mapping[str, Any], statistic: str) -> float:
    bar = fields.positive(spec, "at_most", 1.0 if statistic == "ks" else MAX_BAR)
    return fields.bar(spec, "at_most") if statistic == "ks" else bar  # no distance is larger than 1


def least_units(statement: Statement) -> int:
    """How many units on either side keep the bar four times in five, if nothing drifts.

    Without drift PSI is near (1/n + 1/m) times a chi-squared of as many degrees of freedom as bins less one, and its upper bound another
    reach above it, with few bins that of ``distances.psi_bend`` too; KS has the distribution of Kolmogorov and Smirnov, with a reach of its own.
    """
    from scipy.special import kolmogi, ndtri
    from scipy.stats import chi2

    reach = float(ndtri(statement.confidence))
    if statement.statistic == "psi":
        usual = float(chi2.ppf(statistics.POWER, statement.bins - 1))
        size = 2 * (usual + 2 * reach * usual**0.5 + max(0.0, reach**2 - (statement.bins - 2))) / statement.bar
    else:
        size = 2 * ((float(kolmogi(1 - statistics.POWER)) + reach / 2) / statement.bar) ** 2
    return max(statistics.MIN_UNITS, int(size) + 1)


def measure(statement: Statement, reference: Scores, present: Scores, confidence: float, seed: int) -> Found:
    """The figure and its bounds from a bootstrap that draws the units of either side (and those of both) by themselves."""
    import numpy as np

    if not reference.values or not present.values:
        return Found(None, None, (len(set(reference.units)), len(set(present.units))), "none", {})
    names = {name: place for place, name in enumerate(sorted({*reference.units, *present.units}))}
    sides = [np.asarray([names[unit] for unit in side.units]) for side in (reference, present)]
    before, today = (set(side.tolist()) for side in sides)
    kinds = {unit: (unit in before, unit in today) for unit in names.values()}
    psi = statement.statistic == "psi"
    partition = (
        distances.psi_cells(reference.values, present.values, statement.bins)
        if psi
        else distances.ks_cells(reference.values, present.values)
    )
    cells, size = [partition.of(side.values) for side in (reference, present)], len(partition)
    items = len(reference.values) + len(present.values)
    replicates = resampling.replicates_for(items)
    counts = [np.bincount(cell, minlength=size).astype(float)[None, :] for cell in cells]
    draws = resampling.unit_weights(resampling.strata(kinds), len(names), items, seed, replicates)
    drawn = [[_spread(weights[:, side], cell, size) for side, cell in zip(sides, cells, strict=True)] for weights in draws]
    again = [np.concatenate(part) for part in zip(*drawn, strict=True)]
    units, equal = (len(before), len(today)), _equal(sides)
    figure, linear, noise, excess = distances.psi(counts, again) if psi else distances.ks(counts, again)
    bounds = suprema.bounds(figure, linear, excess, min(equal), confidence, cells=size - 1 if psi else 1)
    if psi:
        bounds = replace(bounds, high=bounds.high + distances.psi_bend(noise, size, min(equal), confidence))
    if psi and partition.tied:
        least, largest = distances.psi_reach(counts, equal, confidence)
        bounds = replace(bounds, low=min(bounds.low, least), high=max(bounds.high, largest))
    elif not psi and math.isfinite(bounds.high):
        least = max(0.0, distances.ks_least(counts, equal, confidence))
        bounds = replace(bounds, low=min(bounds.low, least), high=min(1.0, bounds.high))  # no distance is larger
    no_drift = float(np.quantile(noise, confidence))
    details: dict[str, JSON] = {"no_drift": no_drift, "distribution": partition.table(counts) if psi else []}
    method = f"cluster bootstrap, {replicates} replicates, one-sided bounds at {fields.percent(confidence)}"
    return Found(figure, bounds, units, method, details, size, equal)


def _equal(sides: Sequence[Any]) -> tuple[float, float]:
    """As how many units of equal size those of the reference and of today count, by the unit of each of their images."""
    import numpy as np

    reference, present = (statistics.alike(np.bincount(side)) for side in sides)
    return reference, present


def _spread(weights: Any, cell: Any, size: int) -> Any:
    """Weights of items (replicates x items) summed by their cell."""
    import numpy as np

    order = np.argsort(cell, kind="stable")
    present, starts = np.unique(cell[order], return_index=True)
    summed = np.zeros((len(weights), size))
    summed[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return summed


def _silent(statement: Statement, reference: Scores, present: Scores) -> list[str]:
    """Of the reference and of today, why too few images have a score."""
    sides = (("the images of the reference", reference), ("today's images", present))
    reasons = (answering.too_few(len(side.values), len(side.values) + side.unanswered, statement.answered, what) for what, side in sides)
    return [reason for reason in reasons if reason]


def _verdict(statement: Statement, found: Found, quiet: str) -> tuple[ClaimVerdict, str]:
    """``quiet`` is why the claim isn't supported whatever the bounds say; "" where enough images have scores, and others on either side."""
    if found.bounds is None:
        return ClaimVerdict.INCONCLUSIVE, "there are no scores in the reference or none of today"
    if min(found.units) < statistics.MIN_UNITS:
        few = f"{counted(found.units[0], 'independent unit')} in the reference and {found.units[1]} today are too few"
        return ClaimVerdict.INCONCLUSIVE, f"{few}: {statistics.MIN_UNITS} are the least"
    if not math.isfinite(found.bounds.high):
        return ClaimVerdict.INCONCLUSIVE, suprema.too_few(min(found.units), min(found.equal), found.cells)
    verdict = statistics.decide(found.bounds, statement.bar, at_least=False)
    reason = statistics.explain(verdict, found.bounds, statement.bar, at_least=False)
    if quiet and verdict is not ClaimVerdict.REFUTED:
        return ClaimVerdict.INCONCLUSIVE, f"{quiet}; {reason}"
    return verdict, reason
