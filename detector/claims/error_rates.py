"""Rates of a detector's errors at its own threshold, on people, videos or sources that may come with several images each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from averment.detector.claims import bounded, fields, statistics
from averment.detector.claims.observing import Observation, wrong
from averment.detector.claims.statistics import MIN_UNITS, POWER, Bounds


def _errors(observations: Sequence[Observation], threshold: float) -> tuple[list[int], list[int]]:
    """Errors and sizes per independent unit, in order of the unit's name."""
    errors: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for o in observations:
        sizes[o.unit] += 1
        errors[o.unit] += wrong(o, threshold)
    names = sorted(sizes)
    return [errors[name] for name in names], [sizes[name] for name in names]


@dataclass(frozen=True)
class ErrorRate:
    """An error rate on independent units of these ``sizes``."""

    figure: float
    bounds: Bounds
    sizes: Sequence[int]

    @property
    def units(self) -> int:
        """How many units."""
        return len(self.sizes)

    @property
    def few(self) -> bool:
        """Whether their bounds decide nothing."""
        return statistics.clustered_too_few(self.sizes)

    def needed(self, bar: float, confidence: float, power: float = POWER) -> int | None:
        """How many units would settle "at most" or "at least ``bar``" with bounds at ``confidence``, if the rate is as estimated."""
        found = bounded.needed_clusters(bar, self.figure, self.bounds, self.sizes, confidence, power)
        return max(found or 0, MIN_UNITS) if self.few else found


def error_rate(observations: Sequence[Observation], threshold: float, confidence: float) -> ErrorRate:
    """The share of ``observations`` that the detector gets wrong at ``threshold``, with bounds at ``confidence``."""
    errors, sizes = _errors(observations, threshold)
    bounds = statistics.clustered_bounds(errors, sizes, confidence)
    return ErrorRate(sum(errors) / sum(sizes), bounds, sizes)


def method_of(observations: Sequence[Observation], confidence: float) -> str:
    """By which interval those bounds are."""
    clustered = len({o.unit for o in observations}) < len(observations)
    name = "Korn-Graubard for clusters" if clustered else "Clopper-Pearson"
    return f"{name}, one-sided bounds at {fields.percent(confidence)}"


def answered_rate(observations: Sequence[Observation], threshold: float) -> float | None:
    """The rate among those of which the detector can say anything; None if there are none."""
    answered = [o for o in observations if o.score.cannot_say is None]
    return sum(wrong(o, threshold) for o in answered) / len(answered) if answered else None
