"""Claims on calibration: whether a detector's probabilities are the shares of attacks that they say they are.

```yaml
type: calibration
metric: ece               # expected calibration error; or brier
attack: synthetic-image
population: reference-corpus
at_most: 0.05
bins: 10                  # optional, for ece: equal widths over [0, 1]
answered_at_least: 0.9    # optional: the share of each class that must have been scored at all (default 0.9)
where: {kind: face}       # optional, as are confidence, clusters and looks
```

ECE is the mean distance, weighted by the number of images, between a bin's mean probability and its share of attacks (Guo and others,
On Calibration of Modern Neural Networks, ICML 2017). Brier's score is the mean squared distance of a probability from the truth
(Brier, Monthly Weather Review 78 (1950)). Both hold at the population's share of attacks, which the result states: a detector
that is calibrated where every second image is an attack isn't where one in a thousand is. A population with one class alone leaves the
claim open: a detector that always says 0 is right there without looking.

The ECE of a sample lies above the truth, because noise has no sign there. Its upper bound takes no credit for that: the sampled
figure plus the reach of its linear part, which is on the careful side as the figure is convex. Its lower bound subtracts the
95 % quantile (or as the confidence says) of what noise alone adds up to, from a bootstrap of whole units: by the triangle
inequality a sampled figure can't lie further above the truth. A bootstrap of a few units that a detector is sure of, and right about, shows no noise at
all, so at least what chance alone gives a calibrated detector with these probabilities is subtracted. So a calibrated detector isn't refuted for being
measured on few images.

Images that the detector can't score have no probability to judge. They are counted, and above the allowed share of the attacks or of the
bona fide images the claim stays open: attacks that are never scored would vanish among many bona fide images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import answering, bounded, fields, observing, resampling, sequential, statistics, suprema
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType
from averment.detector.claims.observing import Observation
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds
from averment.detector.interface import Family

METRICS = ("ece", "brier")
DEFAULT_BINS = 10
MAX_BINS = 100
_NAMES = {"ece": "expected calibration error", "brier": "Brier score"}


@dataclass(frozen=True)
class Statement:
    """A calibration claim as read."""

    metric: str
    family: Family
    population: str
    where: Mapping[str, str]
    bins: int
    answered: float
    bar: float
    confidence: float
    clusters: str | None

    def __str__(self) -> str:
        bins = f" over {self.bins} bins" if self.metric == "ece" else ""
        return (
            f"{_NAMES[self.metric]}{bins} for {self.family} on {self.population}{fields.rows(self.where)} is at most {self.bar:g} "
            f"{fields.conditions(self.confidence, answering.stated(self.answered), fields.units_by(self.clusters))}"
        )


class CalibrationClaim(ClaimType):
    """Expected calibration error and Brier score, with the reliability of each bin."""

    name = "calibration"
    needs_detector = True
    sequential = True

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        cells = statement.bins if statement.metric == "ece" else None
        needs = suprema.plan(statement.bar, statement.confidence, SPREAD[statement.metric], cells)
        fewest = max(statistics.MIN_UNITS, (cells or 0) + 2)
        clean = statistics.clean_run_size(1 - statement.bar, statement.confidence)
        least = None if clean is None else max(clean, fewest)
        return ClaimPlan(
            str(statement), "independent units", least, tuple((truth, max(needed, least or fewest)) for truth, needed in needs)
        )

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        given = observing.opened(statement, context, self.name)
        level = sequential.level(spec, statement.confidence, context.looks, given.inputs, seed=context.seed)
        observed = observing.observe(given.population, given.detector, statement)
        answered = [o for o in observed if o.score.cannot_say is None]
        finding = _measure(statement, answered, context.seed, level)
        quiet = _quiet(observed, statement.answered)
        verdict, reason = _verdict(statement, finding, len(answered), len(observed), quiet)
        is_open = verdict is ClaimVerdict.INCONCLUSIVE and not (quiet and answered)
        needed = finding.needed(statement, level) if is_open else None
        if is_open:
            reason += finding.outlook(statement, needed)
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason,
            estimate=finding.figure,
            interval=suprema.interval(finding.bounds, finding.method),
            bar=statement.bar,
            samples=len(answered),
            clusters=finding.units,
            seed=context.seed,
            needed=needed,
            inputs=given.inputs,
            details={**observing.counts(observed), **finding.details},
        )
        return level.finish(result)


SPREAD = {"ece": 0.25, "brier": 0.05}
"""Variances that plans assume: of the truth around a probability (at most), and of squared distances in a detector of some use."""


@dataclass(frozen=True)
class Finding:
    """The figure with its bounds, on ``units`` independent units, which count as ``equal`` of one size; ``bounds`` is None where there was nothing to
    measure."""

    figure: float | None
    bounds: Bounds | None
    method: str
    units: int
    details: Mapping[str, JSON]
    lacking: str = ""
    """The class of which no image was answered."""
    equal: float = 0.0

    def needed(self, statement: Statement, level: Level) -> int | None:
        """How many units would settle the claim at the next look, if the figure is as estimated."""
        if self.figure is None or self.bounds is None:
            return statistics.MIN_UNITS
        if self.lacking:
            return None  # more of the same class settle nothing
        if not math.isfinite(self.bounds.high):
            return suprema.least_units(max(statistics.MIN_UNITS, statement.bins + 2), self.units, self.equal)
        needed = suprema.needed(self.figure, self.bounds, statement.bar, self.units, level)
        return None if needed is None else max(needed, statistics.MIN_UNITS)

    def outlook(self, statement: Statement, needed: int | None) -> str:
        """What more units would bring, where the bar lies within the bounds; as the end of a sentence."""
        if (
            self.figure is None
            or self.bounds is None
            or self.lacking
            or self.units < statistics.MIN_UNITS
            or not math.isfinite(self.bounds.high)
        ):
            return ""
        return suprema.outlook(self.figure, self.bounds, statement.bar, needed, raised=statement.metric == "ece")


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    optional = ("where", "bins", "answered_at_least", "confidence", "clusters", "looks")
    fields.known_fields(spec, ("type", "metric", "attack", "population", "at_most"), optional)
    sequential.read_plan(spec)
    return Statement(
        metric=fields.text(spec, "metric", METRICS),
        family=Family(fields.text(spec, "attack", tuple(observing.ATTACK_LABELS))),
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bins=fields.whole(spec, "bins", 2, MAX_BINS) or DEFAULT_BINS,
        answered=answering.read(spec),
        bar=fields.bar(spec, "at_most"),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


def _measure(statement: Statement, answered: Sequence[Observation], seed: int, level: Level) -> Finding:
    import numpy as np

    names = sorted({o.unit for o in answered})
    if not answered:
        return Finding(None, None, "none", 0, {})
    index = {name: place for place, name in enumerate(names)}
    probabilities = [float(o.score.probabilities[statement.family]) for o in answered]
    attacks, units = [o.attack for o in answered], [index[o.unit] for o in answered]
    sample = Probabilities(probabilities, attacks, units)
    details: dict[str, JSON] = {
        "attack_share": sum(attacks) / len(attacks),
        "brier": brier(sample),
        "reliability": reliability(sample, statement.bins),
    }
    figure, bounds = (
        ece_bounds(sample, statement.bins, level.confidence, seed)
        if statement.metric == "ece"
        else brier_bounds(sample, level.confidence, seed)
    )
    method = (
        f"cluster bootstrap, {resampling.replicates_for(len(answered))} replicates, one-sided bounds at {fields.percent(level.confidence)}"
    )
    lacking = "" if 0 < sum(attacks) < len(attacks) else "bona fide" if any(attacks) else "an attack"
    equal = statistics.alike(np.bincount(units))
    return Finding(figure, bounds, method, len(names), details, lacking, equal)


def _quiet(observed: Sequence[Observation], least: float) -> str:
    """Why too few of a class got a probability, as ``answering`` asks of each by itself; "" where enough did."""
    classes = (("the attacks", [o for o in observed if o.attack]), ("the bona fide images", [o for o in observed if not o.attack]))
    reasons = (answering.too_few(sum(o.score.cannot_say is None for o in found), len(found), least, what) for what, found in classes)
    return answering.told([reason for reason in reasons if reason])


def _verdict(statement: Statement, finding: Finding, answered: int, asked: int, quiet: str) -> tuple[ClaimVerdict, str]:
    if finding.bounds is None:
        return ClaimVerdict.INCONCLUSIVE, f"there is no image with a probability, of {asked}"
    silent = f"; {asked - answered} of {asked} images got no probability and were left out" if answered < asked else ""
    if finding.units < statistics.MIN_UNITS:
        return (
            ClaimVerdict.INCONCLUSIVE,
            f"{counted(finding.units, 'independent unit')} {'is' if finding.units == 1 else 'are'} too few: {statistics.MIN_UNITS} are the least{silent}",
        )
    if finding.lacking:
        return (
            ClaimVerdict.INCONCLUSIVE,
            f"no image with a probability is {finding.lacking}, and one class alone shows no calibration{silent}",
        )
    if quiet:
        return ClaimVerdict.INCONCLUSIVE, f"{quiet}{silent}"
    if not math.isfinite(finding.bounds.high):
        return ClaimVerdict.INCONCLUSIVE, f"{suprema.too_few(finding.units, finding.equal, statement.bins)}{silent}"
    verdict = statistics.decide(finding.bounds, statement.bar, at_least=False)
    return verdict, statistics.explain(verdict, finding.bounds, statement.bar, at_least=False) + silent


@dataclass(frozen=True)
class Probabilities:
    """Probabilities with their truth (True: an attack) and the independent unit of each (an index from 0)."""

    probabilities: Sequence[float]
    attacks: Sequence[bool]
    units: Sequence[int]


def brier(sample: Probabilities) -> float:
    """The mean squared distance between probability and truth."""
    return sum((p - y) ** 2 for p, y in zip(sample.probabilities, sample.attacks, strict=True)) / len(sample.attacks)


def reliability(sample: Probabilities, bins: int) -> list[JSON]:
    """For each bin with images: its edges, how many, their mean probability and their share of attacks."""
    rows: list[JSON] = []
    for place in range(bins):
        inside = [(p, y) for p, y in zip(sample.probabilities, sample.attacks, strict=True) if _bin(p, bins) == place]
        if inside:
            mean, share = (sum(values) / len(inside) for values in zip(*inside, strict=True))
            rows.append(
                {"low": place / bins, "high": (place + 1) / bins, "samples": len(inside), "probability": mean, "attack_share": share}
            )
    return rows


def _bin(probability: float, bins: int) -> int:
    return min(int(probability * bins), bins - 1)


def ece_bounds(sample: Probabilities, bins: int, confidence: float, seed: int) -> tuple[float, Bounds]:
    """The expected calibration error with its bounds, as the module says."""
    import numpy as np

    total = max(sample.units) + 1
    sums, sizes = np.zeros((total, bins)), np.zeros(total)
    for p, y, unit in zip(sample.probabilities, sample.attacks, sample.units, strict=True):
        sums[unit, _bin(p, bins)] += y - p
        sizes[unit] += 1
    found = sums.sum(axis=0) / sizes.sum()
    noise = np.concatenate([(w @ sums) / (w @ sizes)[:, None] - found for w in _draws(total, len(sample.units), seed)])
    figure = float(np.abs(found).sum())
    # A bin that comes out even may lie to either side: without a direction it would add nothing to the reach, as if it were known to be even.
    linear, sum_of_noise, cells = noise @ np.where(found < 0, -1, 1), np.abs(noise).sum(axis=1), int((sums != 0).any(axis=0).sum())
    luck = float(np.quantile(_luck(sample, bins, seed), confidence))
    return figure, suprema.bounds(figure, linear, sum_of_noise, statistics.alike(sizes), confidence, cells, most=1.0, luck=luck)


def _luck(sample: Probabilities, bins: int, seed: int) -> Any:
    """What a calibrated detector with these probabilities would be found to err by, once for each replicate.

    One draw decides all images of a unit, as if they were as much alike as can be.
    """
    import numpy as np

    probabilities, units = np.asarray(sample.probabilities), np.asarray(sample.units)
    places = np.zeros((len(units), bins))
    places[np.arange(len(units)), [_bin(p, bins) for p in sample.probabilities]] = 1 / len(units)
    draws = resampling.uniform_draws(int(units.max()) + 1, len(units), seed, resampling.replicates_for(len(units)))
    return np.concatenate([np.abs(((drawn[:, units] < probabilities) - probabilities) @ places).sum(axis=1) for drawn in draws])


def brier_bounds(sample: Probabilities, confidence: float, seed: int) -> tuple[float, Bounds]:
    """Brier's score with Gaffke's bounds over whole units."""
    import numpy as np

    total = max(sample.units) + 1
    sums, sizes = np.zeros(total), np.zeros(total)
    for p, y, unit in zip(sample.probabilities, sample.attacks, sample.units, strict=True):
        sums[unit] += (p - y) ** 2
        sizes[unit] += 1
    return float(sums.sum() / sizes.sum()), bounded.mean_bounds(sums, sizes, confidence, seed)


def _draws(total: int, items: int, seed: int) -> Any:
    return resampling.exponential_weights(total, total, seed, resampling.replicates_for(items))
