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

So each image is asked about once before it is timed. A detector that remembers its answers is fast by then: where it is ``REMEMBERS`` times as fast
as at first sight (the median over ``FIRST_CALLS`` calls at least, since the first ones load a model), the claim isn't supported. What another claim
of the same run asked about is no first sight: so claims on latency come first in a run, and where one that works elsewhere was asked about nearly
everything before, nobody can tell whether it remembers, and the claim isn't supported either. What a claim on latency found not to be remembered,
the next one may time anew. What an earlier run asked about is no first sight to a service either; so one is sent its images with a remark of
this run's in each (``remarks``), of JPEG, PNG, WebP, AVIF and HEIC.

The kernel runs here. Where the detector works elsewhere, what keeps this machine busy slows the kernel alone, and makes the ratio as small as one
likes: then the claim isn't supported if the kernel took more than ``BUSY`` times its own CPU time in all.

The bounds are exact for any distribution of independent calls: order statistics, whose ranks follow from the binomial distribution
(Hahn and Meeker, Statistical Intervals (1991), chapter 5). Rounds of one run share the machine's state, so a verdict is about this
machine as it was. A repetition measures anew and is a look of its own.
"""

from __future__ import annotations

import io
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import IncompleteError
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import fields, sequential, statistics
from averment.detector.claims.interface import ONE_SIDED, ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.populations import Item, Population, open_population
from averment.detector.claims.statistics import Bounds
from averment.detector.claims.trace import untraced
from averment.detector.claims.transforms import imaging_version
from averment.detector.interface import Detector, Score
from averment.detector.video.media import shows_a_clip

KERNEL = "jpeg-512-to-160/1"
"""The reference kernel's name and version; figures of different versions can't be compared."""

DEFAULT_ROUNDS, MAX_ROUNDS = 60, 2000
DEFAULT_BATCH, MAX_BATCH = 8, 64
MAX_RATIO = 1_000_000.0
MAX_DRAWN = 2
"""Times what is to be timed: so many images are drawn at most to find as many that the detector scores. Where it scores fewer than half, the
time of those says little of an image of the population."""

REMEMBERS, FIRST_CALLS, BUSY = 3.0, 3, 1.25

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
        inputs: dict[str, JSON] = {
            **population.facts(),
            "detector": context.detector.info.facts(),
            "kernel": KERNEL,
            "pillow": imaging_version(),
            "machine": platform.machine(),
            "batch": statement.batch,
        }
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed, repeatable=False)
        known = frozenset(context.asked or ())
        drawn = _draw(population, context.detector, statement, context, self._clock)
        times = self._time(context.detector, drawn.calls, population.read, statement.rounds) if drawn.calls else []
        values = _by_call(times)
        bounds = quantile_bounds(values, statement.quantile, level.confidence)
        verdict, reason = _verdict(statement, values, bounds, drawn)
        doubt = drawn.remembers([found.seconds for found in times]) or drawn.met(untraced(context.detector))
        if context.asked is not None and times and not doubt and drawn.measured:
            context.asked.intersection_update(known)  # it remembers nothing: another claim on time may take the same images for new
        doubt = doubt or _busy(untraced(context.detector), times)
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
            if verdict is ClaimVerdict.INCONCLUSIVE and not drawn.silences(statement) and not doubt
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

    def _time(self, detector: Detector, calls: Sequence[Sequence[Item]], read: Callable[[Item], bytes | None], rounds: int) -> list[_Round]:
        """What each round took. Images are read before the clock starts, a call's at a time."""
        kernel = Kernel()

        def of_kernel() -> tuple[float, float]:
            start, work = self._clock(), self._work()
            for _ in range(KERNEL_RUNS):
                kernel()
            return (self._clock() - start) / KERNEL_RUNS, (self._work() - work) / KERNEL_RUNS

        found = []
        for number in range(-WARM_UP, rounds):
            call = number % len(calls)
            images = [data for item in calls[call] if (data := read(item)) is not None]
            if len(images) < len(calls[call]):
                raise IncompleteError("an image changed or went while it was timed", fix="run it again when nobody changes the population")
            if number % 2:
                kernel_seconds, seconds = of_kernel(), _asked(detector, images, self._clock)[1]
            else:
                seconds, kernel_seconds = _asked(detector, images, self._clock)[1], of_kernel()
            if kernel_seconds[0] <= 0:
                raise IncompleteError("the clock doesn't resolve the reference kernel", fix="run on a machine with a finer clock")
            if number >= 0:
                found.append(_Round(call, seconds, *kernel_seconds))
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


class _Round(NamedTuple):
    """Which call was timed, the seconds for an image, and those for a run of the kernel: by the clock, and of CPU time."""

    call: int
    seconds: float
    kernel: float
    work: float


def _busy(detector: Detector, times: Sequence[_Round]) -> str:
    """Why the ratio says nothing of a detector that works elsewhere: this machine had other work; "" where it hadn't, or the detector works here."""
    if not detector.elsewhere or not times:
        return ""
    waited = sum(found.kernel for found in times) / max(sum(found.work for found in times), 1e-9)
    told = f"this machine was busy, and the reference kernel took {waited:.3g} times its CPU time: a detector that works elsewhere looks fast beside it"
    return told if waited > BUSY else ""


def _by_call(times: Sequence[_Round]) -> list[float]:
    """The ratio of each call that was timed: the median of its rounds."""
    rounds: dict[int, list[float]] = {}
    for found in times:
        rounds.setdefault(found.call, []).append(found.seconds / found.kernel)
    return [float(median(ratios)) for ratios in rounds.values()]


@dataclass(frozen=True)
class _Drawn:
    """What is timed: calls of images that the detector scores, and how many were passed over on the way to them."""

    calls: tuple[tuple[Item, ...], ...]
    scored: int
    unread: int
    silent: int
    repeated: int
    videos: int
    first: tuple[float, ...] = ()
    """Seconds for an image, by call, when these were asked about first."""
    before: int = 0
    """Of how many the detector had been asked by another claim."""

    @property
    def measured(self) -> bool:
        """Whether the detector was seen at work on enough that was new to it."""
        return len(self.first) >= FIRST_CALLS

    def remembers(self, timed: Sequence[float]) -> str:
        """Why what was ``timed`` is no work of the detector's; "" where it took about as long as at first, or nobody can tell."""
        if not self.measured or not timed:
            return ""
        faster = median(self.first) / max(median(timed), 1e-9)
        told = f"asked again it answered {faster:.3g} times as fast as at first, so it seems to remember its answers: time it without its cache"
        return told if faster >= REMEMBERS else ""

    def met(self, detector: Detector) -> str:
        """Why nobody can tell whether a ``detector`` that works elsewhere remembers its answers; "" where that was measured, or it is new to these images."""
        if not detector.elsewhere or not self.before or self.measured:
            return ""
        images = counted(self.before, "image")
        return f"it had been asked about {images} in this run already, so nobody can tell whether it remembers its answers: test the claim by itself"

    def silences(self, statement: Statement) -> bool:
        """Whether more than half could not be scored, or too many to fill a call."""
        return self.scored < max(statement.batch, self.unread + self.silent + self.videos)

    def passed_over(self) -> str:
        """What was drawn and not timed, as the end of a sentence."""
        told = [f"{self.unread} could not be read"] if self.unread else []
        told += [f"{self.silent} the detector could not score"] if self.silent else []
        told += [f"{self.repeated} had the bytes of another"] if self.repeated else []
        told += [f"{self.videos} are videos, which are not timed"] if self.videos else []
        drawn = self.scored + self.unread + self.silent + self.repeated + self.videos
        what = "media" if self.videos else "images"
        return f"; of {drawn} {what} drawn {' and '.join(told)}" if told else ""


def _asked(detector: Detector, images: Sequence[bytes], clock: Callable[[], float]) -> tuple[list[Score], float]:
    """What it says of ``images``, and the seconds for one; without those in which a service was asked who it is, which its answers could have said."""
    inner = untraced(detector)
    start, aside = clock(), inner.aside
    scores = detector.score(images)
    return scores, (clock() - start - (inner.aside - aside)) / len(images)


def _draw(population: Population, detector: Detector, statement: Statement, context: ClaimContext, clock: Callable[[], float]) -> _Drawn:
    """Different images for every round, which the detector scores, out of at most ``MAX_DRAWN`` times as many; fewer where there are no more.

    They are put into calls in an order of the seed's: in that of their names, a call would hold images of one kind.
    """
    wanted, seed, known = statement.rounds * statement.batch, context.seed, frozenset(context.asked or ())
    first = {item.name for item in population.sample(wanted, seed).items}
    queue = sorted(
        population.sample(MAX_DRAWN * wanted, seed).items,
        key=lambda item: (item.name not in first, sha256_hex(f"{seed}:call:{item.name}".encode())),
    )
    scored, met, seconds = list[Item](), set[str](), list[float]()
    unread = silent = repeated = videos = before = 0
    while len(scored) < wanted and queue:
        size = min(wanted - len(scored), statement.batch)  # as many as are timed at once, so that the times can be compared
        read = [(item, population.read(item)) for item in queue[:size]]
        queue = queue[size:]
        unread += sum(data is None for _, data in read)
        videos += sum(data is not None and shows_a_clip(data) for _, data in read)
        read = [(item, data) for item, data in read if data is None or not shows_a_clip(data)]
        fresh = {sha256_hex(data): (item, data) for item, data in reversed(read) if data is not None}
        fresh = {digest: pair for digest, pair in fresh.items() if digest not in met}
        repeated += sum(data is not None for _, data in read) - len(fresh)
        met |= fresh.keys()
        if not fresh:
            continue
        scores, took = _asked(detector, [data for _, data in fresh.values()], clock)
        before += len(again := known & fresh.keys())
        if not again:
            seconds.append(took)
        answered = [item for (item, _), score in zip(fresh.values(), scores, strict=True) if score.highest is not None]
        silent += len(fresh) - len(answered)
        scored += answered
    calls = [tuple(scored[start : start + statement.batch]) for start in range(0, len(scored), statement.batch)]
    whole = tuple(call for call in calls if len(call) == statement.batch)
    drawn = _Drawn(whole, len(scored), unread, silent, repeated, videos, tuple(seconds), before)
    return replace(drawn, calls=()) if drawn.silences(statement) else drawn


def _verdict(statement: Statement, values: Sequence[float], bounds: Bounds, drawn: _Drawn) -> tuple[ClaimVerdict, str]:
    if not drawn.scored:
        return ClaimVerdict.INCONCLUSIVE, "no image was scored, so nothing was timed"
    if drawn.scored < statement.batch:
        return ClaimVerdict.INCONCLUSIVE, (
            f"only {drawn.scored} images could be scored of the {statement.batch} in a call, so nothing was timed"
        )
    if not values:
        return ClaimVerdict.INCONCLUSIVE, "fewer than half of the images drawn could be scored, so nothing was timed"
    timed = f"{len(values)} {statement.unit} were timed"
    if bounds.high == float("inf") and bounds.low <= statement.bar:
        return ClaimVerdict.INCONCLUSIVE, f"{timed}, too few to bound the {fields.percent(statement.quantile)} quantile"
    verdict = statistics.decide(bounds, statement.bar, at_least=False)
    return verdict, f"{timed}; {statistics.explain(verdict, bounds, statement.bar, at_least=False)}"


def _needed(statement: Statement, values: Sequence[float], level: sequential.Level) -> int | None:
    """How many different images, or calls of them, would settle it, and as many rounds; without any, at the least."""
    share = sum(value <= statement.bar for value in values) / len(values) if values else 1.0
    return statistics.needed_trials(statement.quantile, share, level.following)
