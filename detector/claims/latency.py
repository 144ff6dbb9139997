"""Claims on latency: how long a detector takes for an image on this machine, as a ratio to a reference kernel on the same machine.

```yaml
type: latency
population: reference-corpus
at_most: 40               # times the reference kernel
quantile: 0.5             # optional: of the rounds (default the median)
rounds: 60                # optional: each times the detector and the kernel, one right after the other
batch: 8                  # optional: images in one call
where: {kind: face}       # optional, as are confidence and looks
```

Seconds on one machine say little about another, and a machine that is busy makes everything slow. The kernel decodes one fixed JPEG of 512
pixels a side and reduces it to 160, which is what comes before every detector; the ratio says how many such images the
detector's work is worth. Every round times both with a monotonic clock, and the order alternates.

Only images that the detector scores are timed, for saying no is fast: one that can't be read or scored is replaced by another draw, and
counted. Where twice the batch holds too few that are scored, nothing is timed and the claim stays open.

The bounds are exact for any distribution of independent rounds: order statistics, whose ranks follow from the binomial distribution
(Hahn and Meeker, Statistical Intervals (1991), chapter 5). Rounds of one run share the machine's state, so a verdict is about this
machine as it was. A repetition measures anew and is a look of its own.
"""

from __future__ import annotations

import io
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields, sequential, statistics
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.observing import detector_facts
from averment.detector.claims.populations import Population, open_population
from averment.detector.claims.statistics import Bounds
from averment.detector.claims.transforms import imaging_version
from averment.detector.interface import Detector

KERNEL = "jpeg-512-to-160/1"
"""The reference kernel's name and version; figures of different versions can't be compared."""

DEFAULT_ROUNDS, MAX_ROUNDS = 60, 2000
DEFAULT_BATCH, MAX_BATCH = 8, 64
MAX_RATIO = 1_000_000.0
MAX_DRAWN = 2
"""Times the batch: so many images are drawn at most to find a batch that the detector scores. Where it scores fewer than half, the time
of those says little of an image of the population."""

WARM_UP = 2
"""Rounds before the clock counts: models are loaded and caches filled by then."""

KERNEL_RUNS = 4
"""The kernel is run so often in a round, so that the clock's grain and a short interruption weigh less."""


@dataclass(frozen=True)
class Statement:
    """A latency claim as read."""

    population: str
    where: Mapping[str, str]
    quantile: float
    rounds: int
    batch: int
    bar: float
    confidence: float

    def __str__(self) -> str:
        point = "median" if self.quantile == 0.5 else f"{fields.percent(self.quantile)} quantile of the"
        return (
            f"the {point} time for an image of {self.population}{fields.rows(self.where)}, {self.batch} in a call, is at most {self.bar:g} "
            f"times the reference kernel's on this machine ({fields.percent(self.confidence)} confidence)"
        )


class LatencyClaim(ClaimType):
    """The time for an image in units of a reference kernel. ``clock`` gives seconds."""

    name = "latency"
    needs_detector = True
    sequential = True
    share = False

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        least = statistics.clean_run_size(statement.quantile, statement.confidence)
        # A round is within the bar or not; the claim is that more than a share ``quantile`` of all rounds are.
        room = 1 - statement.quantile
        shares = [round(statement.quantile + part * room, 6) for part in (1.0, 0.75, 0.5, 0.25)]
        needs = ((share, statistics.needed_trials(statement.quantile, share, statement.confidence)) for share in shares)
        unit = "rounds (the truth being the share of rounds within the bar)"
        return ClaimPlan(str(statement), unit, least, tuple((share, needed) for share, needed in needs if needed is not None))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.detector is None:
            raise IncompleteError("a latency claim needs a detector", fix="name one: --detector embedded")
        population = open_population(statement.population, context).only(statement.where)
        inputs: dict[str, JSON] = {
            **population.facts(),
            "detector": detector_facts(context.detector.info),
            "kernel": KERNEL,
            "pillow": imaging_version(),
            "machine": platform.machine(),
            "batch": statement.batch,
        }
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed, repeatable=False)
        drawn = _draw(population, context.detector, statement.batch, context.seed)
        images = drawn.images
        times = self._time(context.detector, images, statement.rounds) if len(images) == statement.batch else []
        ratios = [detector / kernel for detector, kernel in times]
        bounds = quantile_bounds(ratios, statement.quantile, level.confidence)
        verdict, reason = _verdict(statement, ratios, bounds, len(images))
        method = f"order statistics, exact, one-sided bounds at {fields.percent(level.confidence)}"
        finite = bounds.high if bounds.high != float("inf") else None
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason + drawn.passed_over(),
            estimate=_quantile(ratios, statement.quantile),
            interval=None if finite is None else Interval(bounds.low, finite, round(2 * level.confidence - 1, 9), method),
            bar=statement.bar,
            samples=len(images),
            clusters=len(ratios),
            seed=context.seed,
            needed=_needed(statement, ratios, level) if verdict is ClaimVerdict.INCONCLUSIVE and ratios else None,
            inputs=inputs,
            details={
                "rounds": len(ratios),
                "images_in_a_call": len(images),
                "unread": drawn.unread,
                "not_scored": drawn.silent,
                "seconds_per_image": _quantile([detector for detector, _ in times], 0.5),
                "kernel_seconds": _quantile([kernel for _, kernel in times], 0.5),
                "ratios": [round(ratio, 6) for ratio in ratios],
            },
        )
        return level.finish(result)

    def _time(self, detector: Detector, images: Sequence[bytes], rounds: int) -> list[tuple[float, float]]:
        """Seconds per image and per run of the kernel, round by round."""
        kernel = Kernel()

        def of_detector() -> float:
            start = self._clock()
            detector.score(images)
            return (self._clock() - start) / len(images)

        def of_kernel() -> float:
            start = self._clock()
            for _ in range(KERNEL_RUNS):
                kernel()
            return (self._clock() - start) / KERNEL_RUNS

        found = []
        for number in range(WARM_UP + rounds):
            if number % 2:
                kernel_seconds, seconds = of_kernel(), of_detector()
            else:
                seconds, kernel_seconds = of_detector(), of_kernel()
            if kernel_seconds <= 0:
                raise IncompleteError("the clock doesn't resolve the reference kernel", fix="run on a machine with a finer clock")
            if number >= WARM_UP:
                found.append((seconds, kernel_seconds))
        return found


class Kernel:
    """The reference work: decode one JPEG made from a formula, and reduce it."""

    def __init__(self) -> None:
        from PIL import Image

        bands = [Image.linear_gradient("L").rotate(90 * turn).resize((512, 512)) for turn in range(3)]
        output = io.BytesIO()
        Image.merge("RGB", bands).save(output, "JPEG", quality=90, subsampling="4:2:0")
        self._data = output.getvalue()

    def __call__(self) -> None:
        from PIL import Image

        with Image.open(io.BytesIO(self._data), formats=("JPEG",)) as image:
            image.convert("RGB").resize((160, 160), Image.Resampling.BICUBIC)


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(spec, ("type", "population", "at_most"), ("where", "quantile", "rounds", "batch", "confidence", "looks"))
    sequential.read_plan(spec)
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        quantile=fields.share(spec, "quantile", 0.5, inner=True),
        rounds=fields.whole(spec, "rounds", 1, MAX_ROUNDS) or DEFAULT_ROUNDS,
        batch=fields.whole(spec, "batch", 1, MAX_BATCH) or DEFAULT_BATCH,
        bar=fields.positive(spec, "at_most", MAX_RATIO),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
    )


def quantile_bounds(values: Sequence[float], quantile: float, confidence: float) -> Bounds:
    """Exact one-sided bounds for a quantile from order statistics; 0 and infinity where there are too few values for one."""
    import numpy as np
    from scipy.stats import binom

    ordered = sorted(values)
    # The value of rank r is above the quantile if fewer than r of all lie at or below it.
    fewer = binom.cdf(np.arange(len(ordered)), len(ordered), quantile)
    below, above = np.flatnonzero(fewer <= 1 - confidence), np.flatnonzero(fewer >= confidence)
    return Bounds(ordered[below[-1]] if len(below) else 0.0, ordered[above[0]] if len(above) else float("inf"), confidence)


def _quantile(values: Sequence[float], quantile: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else None


@dataclass(frozen=True)
class _Drawn:
    """What is timed: images that the detector scores, and how many were passed over on the way to them."""

    images: list[bytes]
    unread: int
    silent: int

    def passed_over(self) -> str:
        """What was drawn and not timed, as the end of a sentence."""
        told = [f"{self.unread} could not be read"] if self.unread else []
        told += [f"{self.silent} the detector could not score"] if self.silent else []
        return f"; of {len(self.images) + self.unread + self.silent} images drawn {' and '.join(told)}" if told else ""


def _draw(population: Population, detector: Detector, wanted: int, seed: int) -> _Drawn:
    """``wanted`` images that the detector scores, out of at most ``MAX_DRAWN`` times as many; fewer where these hold no more."""
    first = population.sample(wanted, seed).items
    spare = [item for item in population.sample(MAX_DRAWN * wanted, seed).items if item not in first]
    queue, images = [*first, *spare], list[bytes]()
    unread = silent = 0
    while len(images) < wanted and queue:
        missing = wanted - len(images)
        read = [population.read(item) for item in queue[:missing]]
        queue = queue[missing:]
        contents = [data for data in read if data is not None]
        scores = detector.score(contents) if contents else []
        answered = [data for data, score in zip(contents, scores, strict=True) if score.highest is not None]
        unread += len(read) - len(contents)
        silent += len(contents) - len(answered)
        images += answered
    return _Drawn(images, unread, silent)


def _verdict(statement: Statement, ratios: Sequence[float], bounds: Bounds, images: int) -> tuple[ClaimVerdict, str]:
    if not images:
        return ClaimVerdict.INCONCLUSIVE, "no image was scored, so nothing was timed"
    if images < statement.batch:
        return ClaimVerdict.INCONCLUSIVE, f"only {images} images could be scored of the {statement.batch} in a call, so nothing was timed"
    if bounds.high == float("inf") and bounds.low <= statement.bar:
        return ClaimVerdict.INCONCLUSIVE, f"{len(ratios)} rounds are too few to bound the {fields.percent(statement.quantile)} quantile"
    verdict = statistics.decide(bounds, statement.bar, at_least=False)
    return verdict, statistics.explain(verdict, bounds, statement.bar, at_least=False)


def _needed(statement: Statement, ratios: Sequence[float], level: sequential.Level) -> int | None:
    share = sum(ratio <= statement.bar for ratio in ratios) / len(ratios)
    return statistics.needed_trials(statement.quantile, share, level.following)
