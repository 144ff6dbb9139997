"""Claims on latency: how long a detector takes for an image on this machine, as a ratio to a reference kernel on the same machine.

```yaml
type: latency
population: reference-corpus
at_most: 40               # times the reference kernel
quantile: 0.5             # optional: over the images, or calls of several (default the median)
rounds: 60                # optional: each times the detector and the kernel, one right after the other
batch: 8                  # optional: images in one call; with 1 the claim is on single images
where: {kind: face}       # optional, as are confidence and looks
```

Seconds on one machine say little about another, and a machine that is busy makes everything slow. The kernel decodes one fixed JPEG of 512
pixels a side and reduces it to 160, which is what comes before every detector; the ratio says how many such images the
detector's work is worth. Every round times both with a monotonic clock, and the order alternates.

A round is a call of ``batch`` images, drawn at random, and every round has images of its own as long as there are more; then they take turns.
What is bounded is the quantile over such calls, of which no two share an image: which images were drawn is the larger part of the noise, and
timing the same ones again tells nothing of the others. A call that was timed several times counts once, with the median. The time of a call
is the mean over its images, so with a ``batch`` above 1 the statement is about means, whose tail is shorter than that of single images.

Only images that the detector scores are timed, for saying no is fast: one that can't be read or scored, or has the bytes of another, is passed
over, and counted. Where it scores fewer than half of those drawn, or fewer than a call takes, nothing is timed and the claim stays open.

So each image is asked about once before it is timed. A detector that remembers its answers is fast by then: where it is ``timing.REMEMBERS`` times as fast
as at first sight (the median over ``timing.FIRST_CALLS`` calls at least, since the first ones load a model), the claim isn't supported. What another claim
of the same run asked about is no first sight: so claims on latency come first in a run, and where one that works elsewhere was asked about nearly
everything before, nobody can tell whether it remembers, and the claim isn't supported either. What a claim on latency found not to be remembered,
the next one may time anew. What an earlier run asked about is no first sight to a service either; so one is sent its images with a remark of
this run's in each (``remarks``), of JPEG, PNG, WebP, AVIF and HEIC.

The kernel runs here. Where the detector works elsewhere, what keeps this machine busy slows the kernel alone, and makes the ratio as small as one
likes: then the claim isn't supported if the kernel took more than ``timing.BUSY`` times its own CPU time in all.

The bounds are exact for any distribution of independent calls: order statistics, whose ranks follow from the binomial distribution
(Hahn and Meeker, Statistical Intervals (1991), chapter 5). Rounds of one run share the machine's state, so a verdict is about this
machine as it was. A repetition measures anew and is a look of its own.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields, sequential, statistics
from averment.detector.claims.interface import ONE_SIDED, ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.populations import open_population
from averment.detector.claims.statistics import Bounds
from averment.detector.claims.timing import KERNEL, Drawn, busy, by_call, draw, time_rounds
from averment.detector.claims.trace import untraced
from averment.detector.claims.transforms import imaging_version

DEFAULT_ROUNDS, MAX_ROUNDS = 60, 2000
DEFAULT_BATCH, MAX_BATCH = 8, 64
MAX_RATIO = 1_000_000.0


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
        point = "median" if self.quantile == 0.5 else f"{fields.percent(self.quantile)} quantile"
        of = f"{self.population}{fields.rows(self.where)}"
        time_for = (
            f"{point} time for an image of {of}"
            if self.batch == 1
            else f"{point}, over calls of {self.batch} images of {of}, of the mean time for an image"
        )
        return (
            f"the {time_for} is at most {self.bar:g} times the reference kernel's on this machine "
            f"({fields.percent(self.confidence)} confidence)"
        )

    @property
    def unit(self) -> str:
        """What the quantile is over."""
        return "different images" if self.batch == 1 else f"calls of {self.batch} different images each"


class LatencyClaim(ClaimType):
    """The time for an image in units of a reference kernel. ``clock`` gives seconds, ``work`` those of CPU time of the thread that asks."""

    name = "latency"
    needs_detector = True
    sequential = True
    share = False
    asks_anew = True
    timed = True

    def __init__(self, clock: Callable[[], float] = time.perf_counter, work: Callable[[], float] = time.thread_time) -> None:
        self._clock, self._work = clock, work

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        least = statistics.clean_run_size(statement.quantile, statement.confidence)
        # A call is within the bar or not; the claim is that more than a share ``quantile`` of all calls are.
        room = 1 - statement.quantile
        shares = [round(statement.quantile + part * room, 6) for part in (1.0, 0.75, 0.5, 0.25)]
        needs = ((share, statistics.needed_trials(statement.quantile, share, statement.confidence)) for share in shares)
        unit = f"{statement.unit}, and as many rounds (the truth being the share within the bar)"
        return ClaimPlan(str(statement), unit, least, tuple((share, needed) for share, needed in needs if needed is not None))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.detector is None:
            raise IncompleteError("a latency claim needs a detector", fix="name one: --detector embedded")
        population = open_population(statement.population, context).only(statement.where)
        inputs = _inputs(population.facts(), context.detector.info.facts(), statement)
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed, repeatable=False)
        known = frozenset(context.asked or ())
        drawn = draw(population, context.detector, statement.rounds, statement.batch, context, self._clock)
        times = (
            time_rounds(context.detector, drawn.calls, population.read, statement.rounds, self._clock, self._work) if drawn.calls else []
        )
        values = by_call(times)
        bounds = quantile_bounds(values, statement.quantile, level.confidence)
        verdict, reason = _verdict(statement, values, bounds, drawn)
        doubt = drawn.remembers([found.seconds for found in times]) or drawn.met(untraced(context.detector))
        if context.asked is not None and times and not doubt and drawn.measured:
            context.asked.intersection_update(known)  # it remembers nothing: another claim on time may take the same images for new
        doubt = doubt or busy(untraced(context.detector), times)
        if doubt and verdict is ClaimVerdict.SUPPORTED:
            verdict, reason = ClaimVerdict.INCONCLUSIVE, f"{doubt}; {reason}"
        method = f"order statistics over {statement.unit}, exact, one-sided bounds at {fields.percent(level.confidence)}"
        finite = bounds.high if bounds.high != float("inf") else None
        low: dict[str, JSON] = {ONE_SIDED: bounds.low} if finite is None and bounds.low > 0 else {}
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason + drawn.passed_over(),
            estimate=_quantile(values, statement.quantile),
            interval=None if finite is None else Interval(bounds.low, finite, round(2 * level.confidence - 1, 9), method),
            bar=statement.bar,
            samples=len(values) * statement.batch,
            clusters=len(values),
            seed=context.seed,
            needed=_needed(statement, values, level)
            if verdict is ClaimVerdict.INCONCLUSIVE and not drawn.silences(statement.batch) and not doubt
            else None,
            inputs=inputs,
            details={
                "rounds": len(times),
                "images": len(values) * statement.batch,
                "images_in_a_call": statement.batch,
                "unread": drawn.unread,
                "not_scored": drawn.silent,
                "repeated_images": drawn.repeated,
                "videos": drawn.videos,
                "seconds_per_image": _quantile([found.seconds for found in times], 0.5),
                "kernel_seconds": _quantile([found.kernel for found in times], 0.5),
                "ratios": [round(value, 6) for value in values],
                **low,
            },
        )
        return level.finish(result)


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


def _inputs(population: Mapping[str, JSON], detector: JSON, statement: Statement) -> dict[str, JSON]:
    """What the figure depends on besides the clock."""
    return {
        **population,
        "detector": detector,
        "kernel": KERNEL,
        "pillow": imaging_version(),
        "machine": platform.machine(),
        "batch": statement.batch,
    }


def _verdict(statement: Statement, values: Sequence[float], bounds: Bounds, drawn: Drawn) -> tuple[ClaimVerdict, str]:
    if not drawn.scored:
        return ClaimVerdict.INCONCLUSIVE, "no image was scored, so nothing was timed"
    if drawn.scored < statement.batch:
        return ClaimVerdict.INCONCLUSIVE, (
            f"only {drawn.scored} images could be scored of the {statement.batch} in a call, so nothing was timed"
        )
    if not values:
        return ClaimVerdict.INCONCLUSIVE, "fewer than half of the images drawn could be scored, so nothing was timed"
    one = "image" if statement.batch == 1 else f"call of {statement.batch} different images"
    timed = f"1 {one} was timed" if len(values) == 1 else f"{len(values)} {statement.unit} were timed"
    if bounds.high == float("inf") and bounds.low <= statement.bar:
        return ClaimVerdict.INCONCLUSIVE, f"{timed}, too few to bound the {fields.percent(statement.quantile)} quantile"
    verdict = statistics.decide(bounds, statement.bar, at_least=False)
    return verdict, f"{timed}; {statistics.explain(verdict, bounds, statement.bar, at_least=False)}"


def _needed(statement: Statement, values: Sequence[float], level: sequential.Level) -> int | None:
    """How many different images, or calls of them, would settle it, and as many rounds; without any, at the least."""
    share = sum(value <= statement.bar for value in values) / len(values) if values else 1.0
    return statistics.needed_trials(statement.quantile, share, level.following)
