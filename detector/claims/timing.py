"""What a claim on latency times: calls of images that the detector scores, each beside the reference kernel (why so, ``latency`` says)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.core.words import counted
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.populations import Item, Population
from averment.detector.claims.trace import untraced
from averment.detector.interface import Detector, Score
from averment.detector.video.media import shows_a_clip

KERNEL = "jpeg-512-to-160/1"
"""The reference kernel's name and version; figures of different versions can't be compared."""

MAX_DRAWN = 2
"""Times what is to be timed: so many images are drawn at most to find as many that the detector scores. Where it scores fewer than half, the
time of those says little of an image of the population."""

REMEMBERS, FIRST_CALLS, BUSY = 3.0, 3, 1.25

WARM_UP = 2
"""Rounds before the clock counts: models are loaded and caches filled by then."""

KERNEL_RUNS = 4
"""The kernel is run so often in a round, so that the clock's grain and a short interruption weigh less."""


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


class Round(NamedTuple):
    """Which call was timed, the seconds for an image, and those for a run of the kernel: by the clock, and of CPU time."""

    call: int
    seconds: float
    kernel: float
    work: float


def busy(detector: Detector, times: Sequence[Round]) -> str:
    """Why the ratio says nothing of a detector that works elsewhere: this machine had other work; "" where it hadn't, or the detector works here."""
    if not detector.elsewhere or not times:
        return ""
    waited = sum(found.kernel for found in times) / max(sum(found.work for found in times), 1e-9)
    told = f"this machine was busy, and the reference kernel took {waited:.3g} times its CPU time: a detector that works elsewhere looks fast beside it"
    return told if waited > BUSY else ""


def by_call(times: Sequence[Round]) -> list[float]:
    """The ratio of each call that was timed: the median of its rounds."""
    rounds: dict[int, list[float]] = {}
    for found in times:
        rounds.setdefault(found.call, []).append(found.seconds / found.kernel)
    return [float(median(ratios)) for ratios in rounds.values()]


@dataclass(frozen=True)
class Drawn:
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

    def silences(self, batch: int) -> bool:
        """Whether more than half could not be scored, or too many to fill a call of ``batch``."""
        return self.scored < max(batch, self.unread + self.silent + self.videos)

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


def draw(population: Population, detector: Detector, rounds: int, batch: int, context: ClaimContext, clock: Callable[[], float]) -> Drawn:
    """Different images for every one of ``rounds``, ``batch`` a call, which the detector scores, out of at most ``MAX_DRAWN`` times as many; fewer where there are no more.

    They are put into calls in an order of the seed's: in that of their names, a call would hold images of one kind.
    """
    wanted, seed, known = rounds * batch, context.seed, frozenset(context.asked or ())
    first = {item.name for item in population.sample(wanted, seed).items}
    queue = sorted(
        population.sample(MAX_DRAWN * wanted, seed).items,
        key=lambda item: (item.name not in first, sha256_hex(f"{seed}:call:{item.name}".encode())),
    )
    scored, met, seconds = list[Item](), set[str](), list[float]()
    unread = silent = repeated = videos = before = 0
    while len(scored) < wanted and queue:
        size = min(wanted - len(scored), batch)  # as many as are timed at once, so that the times can be compared
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
    calls = [tuple(scored[start : start + batch]) for start in range(0, len(scored), batch)]
    whole = tuple(call for call in calls if len(call) == batch)
    drawn = Drawn(whole, len(scored), unread, silent, repeated, videos, tuple(seconds), before)
    return replace(drawn, calls=()) if drawn.silences(batch) else drawn


def time_rounds(
    detector: Detector,
    calls: Sequence[Sequence[Item]],
    read: Callable[[Item], bytes | None],
    rounds: int,
    clock: Callable[[], float],
    work: Callable[[], float],
) -> list[Round]:
    """What each round took by ``clock``, and the kernel by ``work``. Images are read before the clock starts, a call's at a time."""
    kernel = Kernel()

    def of_kernel() -> tuple[float, float]:
        start, worked = clock(), work()
        for _ in range(KERNEL_RUNS):
            kernel()
        return (clock() - start) / KERNEL_RUNS, (work() - worked) / KERNEL_RUNS

    found = []
    for number in range(-WARM_UP, rounds):
        call = number % len(calls)
        images = [data for item in calls[call] if (data := read(item)) is not None]
        if len(images) < len(calls[call]):
            raise IncompleteError("an image changed or went while it was timed", fix="run it again when nobody changes the population")
        if number % 2:
            kernel_seconds, seconds = of_kernel(), _asked(detector, images, clock)[1]
        else:
            seconds, kernel_seconds = _asked(detector, images, clock)[1], of_kernel()
        if kernel_seconds[0] <= 0:
            raise IncompleteError("the clock doesn't resolve the reference kernel", fix="run on a machine with a finer clock")
        if number >= 0:
            found.append(Round(call, seconds, *kernel_seconds))
    return found
