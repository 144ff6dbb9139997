"""Latency against a clock that the test turns: no seconds of this machine decide anything here."""

from __future__ import annotations

import hashlib
import io
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import quantile_test

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import run as run_module
from averment.detector.claims import timing
from averment.detector.claims.frame import Item, Population
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.latency import LatencyClaim, quantile_bounds
from averment.detector.claims.remarks import remarked
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.trace import Trace, TracedDetector
from averment.detector.decoding import decode
from averment.detector.interface import Detector, DetectorInfo, Family, Score

READ = Population.read


class Clock:
    """Seconds that pass only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(Detector):
    """Takes the next of ``seconds`` for each image of a call."""

    def __init__(self, clock: Clock, seconds: Callable[[int], float], *, silent: Sequence[int] = ()) -> None:
        self._clock, self._seconds, self._silent, self.calls = clock, seconds, silent, 0

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("timed", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self._clock.now += self._seconds(self.calls) * len(images)
        self.calls += 1
        return [Score(cannot_say="no") if int(image) in self._silent else Score({Family.SYNTHETIC_IMAGE: 0.1}) for image in images]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock on which the reference kernel takes a hundredth of a second."""
    made = Clock()

    class Fixed(timing.Kernel):
        def __init__(self) -> None:
            pass

        def __call__(self) -> None:
            made.now += 0.01

    monkeypatch.setattr(timing, "Kernel", Fixed)
    return made


def claim(**fields: Any) -> dict[str, Any]:
    return {"type": "latency", "population": "p", "at_most": 5, "rounds": 40, **fields}


def run(
    folder: Path,
    clock: Clock,
    seconds: Callable[[int], float],
    *,
    silent: Sequence[int] = (),
    count: int = 120,
    kind: type[Timed] = Timed,
    work: Callable[[], float] = time.thread_time,
    asked: Sequence[int] = (),
    **fields: Any,
) -> ClaimResult:
    lines = ["file,sha256"]
    for number in range(count):
        (folder / f"{number}.png").write_bytes(b"%d" % number)
        lines.append(f"{number}.png,{hashlib.sha256(b'%d' % number).hexdigest()}")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    detector = kind(clock, seconds, silent=silent)
    before = {hashlib.sha256(b"%d" % number).hexdigest() for number in asked}
    context = ClaimContext(detector=detector, populations={"p": "m.csv"}, root=folder, asked=before)
    return LatencyClaim(clock, work).run(claim(**fields), context)


def test_the_ratio_is_of_one_image_to_one_run_of_the_kernel(tmp_path: Path, clock: Clock) -> None:
    """0.03 seconds an image against 0.01: three times, whatever the batch; calls of different images are the units."""
    result = run(tmp_path, clock, lambda _: 0.03, batch=4)
    assert result.estimate == pytest.approx(3.0)
    assert (result.verdict, result.clusters, result.samples) == (ClaimVerdict.SUPPORTED, 30, 120)
    assert result.details["seconds_per_image"] == pytest.approx(0.03)
    assert result.inputs["kernel"] == timing.KERNEL
    canonical_json(result.to_json())


def test_slow_is_refuted_and_mixed_is_open(tmp_path: Path, clock: Clock) -> None:
    """Ten times the kernel; or half of the rounds above the bar and half below."""
    slow = run(tmp_path, clock, lambda _: 0.1)
    mixed = run(tmp_path, clock, lambda call: 0.03 if call % 4 < 2 else 0.08, batch=1)
    assert (slow.verdict, mixed.verdict) == (ClaimVerdict.REFUTED, ClaimVerdict.INCONCLUSIVE)
    assert slow.interval is not None
    assert slow.interval.low == pytest.approx(10)


def _ratios(result: ClaimResult) -> list[float]:
    ratios: Any = result.details["ratios"]
    return list(ratios)


def test_loading_the_model_is_no_latency(tmp_path: Path, clock: Clock) -> None:
    """The first calls take an age and don't count; one slow round among forty doesn't decide on the median."""
    result = run(tmp_path, clock, lambda call: 60.0 if call < 3 or call == 60 else 0.03, batch=1)
    assert sum(ratio > 100 for ratio in _ratios(result)) == 1
    assert result.estimate == pytest.approx(3.0)
    assert result.verdict is ClaimVerdict.SUPPORTED


class Remembering(Timed):
    """Looks an answer up that it gave before, in no time to speak of."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: set[bytes] = set()

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if new := [image for image in images if image not in self._known]:
            super().score(new)
        self._known |= set(images)
        self._clock.now += 1e-4 * len(images)
        return [Score({Family.SYNTHETIC_IMAGE: 0.1}) for _ in images]


@pytest.mark.parametrize("batch", [1, 8])
def test_answers_that_are_remembered_are_no_latency(tmp_path: Path, clock: Clock, batch: int) -> None:
    """A service with a cache was asked about each image before the clock counted, and then timed looking it up: thirty times the kernel passed for less
    than five. One that is slow at first alone, and one that takes its time always, are as they were."""
    cached, loading, steady = (
        run(tmp_path, clock, seconds, count=400, kind=kind, batch=batch)
        for kind, seconds in ((Remembering, lambda _: 0.3), (Timed, lambda call: 60.0 if call < 2 else 0.03), (Timed, lambda _: 0.03))
    )
    assert (cached.verdict, cached.needed) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "times as fast as at first, so it seems to remember its answers" in cached.reason
    assert [loading.verdict, steady.verdict] == [ClaimVerdict.SUPPORTED] * 2


class Elsewhere(Timed):
    """A service, which doesn't feel what keeps this machine busy."""

    elsewhere = True


def test_what_another_claim_asked_about_is_no_first_sight(tmp_path: Path, clock: Clock) -> None:
    """A service with a cache that knew all of the images was as fast at first sight as it was when timed, so it passed. One that knew some of them is
    measured by the others; of one that runs here, that nothing is remembered is known."""

    class Cached(Remembering):
        elsewhere = True

        def score(self, images: Sequence[bytes]) -> list[Score]:
            self._known |= {b"%d" % number for number in asked}
            return super().score(images)

    asked: Sequence[int] = range(400)
    known = run(tmp_path, clock, lambda _: 0.3, count=400, kind=Cached, work=clock, asked=asked)
    assert (known.verdict, known.needed) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "it had been asked about 320 images in this run already, so nobody can tell whether it remembers its answers" in known.reason
    steady = run(tmp_path, clock, lambda _: 0.03, count=400, kind=Elsewhere, work=clock, asked=asked)
    assert steady.verdict is ClaimVerdict.INCONCLUSIVE
    assert run(tmp_path, clock, lambda _: 0.03, count=400, asked=asked).verdict is ClaimVerdict.SUPPORTED
    asked = range(5, 90)
    some = run(tmp_path, clock, lambda _: 0.3, count=400, kind=Cached, work=clock, asked=asked, batch=1, rounds=200)
    assert "times as fast as at first, so it seems to remember its answers" in some.reason
    assert (
        run(tmp_path, clock, lambda _: 0.03, count=400, kind=Elsewhere, work=clock, asked=asked, batch=1).verdict is ClaimVerdict.SUPPORTED
    )
    slow = run(tmp_path, clock, lambda _: 0.3, count=400, kind=Elsewhere, work=clock, asked=range(400))
    assert slow.verdict is ClaimVerdict.REFUTED  # by heart it would have been faster


@pytest.mark.parametrize(("kind", "second"), [(Elsewhere, ClaimVerdict.SUPPORTED), (Remembering, ClaimVerdict.INCONCLUSIVE)])
def test_two_claims_on_time_may_be_about_the_same_images(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: type[Timed], second: ClaimVerdict
) -> None:
    """Whoever bounds the median and the slowest of a service at once had the second open for good: it was asked about the images by the first."""
    monkeypatch.setattr(kind, "elsewhere", True)
    (tmp_path / "m.csv").write_text("file,sha256\n" + "".join(f"{n}.png,{hashlib.sha256(b'%d' % n).hexdigest()}\n" for n in range(120)))
    for number in range(120):
        (tmp_path / f"{number}.png").write_bytes(b"%d" % number)
    asked: set[str] = set()
    detector = TracedDetector(kind(clock, lambda _: 0.03), Trace(), asked=asked)
    context = ClaimContext(detector=detector, populations={"p": "m.csv"}, root=tmp_path, asked=asked)
    first, again = (LatencyClaim(clock, clock).run(claim(batch=1, **fields), context) for fields in ({}, {"quantile": 0.9}))
    assert (first.verdict, again.verdict) == (second, second)
    assert bool(asked) is (second is ClaimVerdict.INCONCLUSIVE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_an_earlier_runs_answers_are_none_to_this_one(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Run again, a claim that was open for the service's cache was supported: the same seed draws the same images, and it knew them all."""

    class Keeping(Detector):
        """As slow as thirty kernels, but at once about bytes that it was ever asked about; sees the pixels alone."""

        elsewhere = True
        info = DetectorInfo("keeping", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

        def __init__(self) -> None:
            self.known: dict[bytes, Score] = {}

        def score(self, images: Sequence[bytes]) -> list[Score]:
            clock.now += sum(0.3 if image not in self.known else 0.001 for image in images)
            for image in images:
                shown = np.asarray(decode(image))
                self.known[image] = Score({Family.SYNTHETIC_IMAGE: float(shown.mean()) / 255})
            return [self.known[image] for image in images]

    lines = ["file"]
    for number in range(60):
        Image.new("RGB", (80, 80), (number * 4, 90, 30)).save(tmp_path / f"{number}.{form.lower()}", form)
        lines.append(f"{number}.{form.lower()}")
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(run_module, "claim_type", lambda _: LatencyClaim(clock, clock))
    detector = Keeping()
    context = ClaimContext(detector=detector, populations={"p": "m.csv"}, root=tmp_path)
    first, second = (run_claim(claim(batch=1), context) for _ in range(2))
    for result in (first, second):
        assert (result.verdict, "remember its answers" in result.reason) == (ClaimVerdict.INCONCLUSIVE, True)
    assert first.details["media"] == second.details["media"], "scores are told of the media as they lie there"
    assert first.inputs["media"] == second.inputs["media"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_remark_changes_no_pixel_and_stumbles_over_no_file(form: str) -> None:
    """Cut anywhere, too: three bytes that begin like a JPEG ended the claim as a flaw of the program."""
    output = io.BytesIO()
    Image.effect_mandelbrot((90, 90), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(output, form)
    whole = output.getvalue()
    shown, before = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in (remarked(whole, b"of this run"), whole))
    assert np.array_equal(shown, before)
    assert remarked(whole, b"of this run") != whole
    for length in (*range(60), len(whole) // 2):
        assert len(remarked(whole[:length], b"of this run")) >= length


class Introduced(Timed):
    """A service whose answers don't say whose they are: after each call it is asked, which takes as long as an image."""

    elsewhere = True

    def score(self, images: Sequence[bytes]) -> list[Score]:
        scores = super().score(images)
        self._clock.now += 0.03
        self.aside += 0.03
        return scores


def test_asking_a_service_who_it_is_is_no_latency(tmp_path: Path, clock: Clock) -> None:
    """Three times the kernel for an image, and as much again for the question: it was refuted as six times as slow."""
    result = run(tmp_path, clock, lambda _: 0.03, kind=Introduced, work=clock, batch=1)
    assert result.estimate == pytest.approx(3.0)
    assert result.verdict is ClaimVerdict.SUPPORTED


def test_a_machine_that_is_busy_makes_no_service_fast(tmp_path: Path, clock: Clock) -> None:
    """Six times the kernel of a machine at rest; with the machine busy the kernel took five times as long, and the service passed for little more than
    once it. A detector that works here is as slow then as the kernel is."""
    made = run(tmp_path, clock, lambda _: 0.012, kind=Elsewhere, work=lambda: clock.now / 5)
    assert made.verdict is ClaimVerdict.INCONCLUSIVE
    assert "this machine was busy, and the reference kernel took 5 times its CPU time" in made.reason
    assert made.needed is None
    rest = run(tmp_path, clock, lambda _: 0.012, kind=Elsewhere, work=clock)
    here = run(tmp_path, clock, lambda _: 0.012, work=lambda: clock.now / 5)
    assert [rest.verdict, here.verdict] == [ClaimVerdict.SUPPORTED] * 2


def test_the_tail_can_be_bounded_as_well(tmp_path: Path, clock: Clock) -> None:
    """At the 90 % quantile one slow image in five refutes, and twenty images can't bound it from above; the bound from below is told."""
    tail = run(tmp_path, clock, lambda call: 0.2 if call % 5 == 0 else 0.03, quantile=0.9, rounds=100, batch=1)
    few = run(tmp_path, clock, lambda _: 0.03, quantile=0.9, rounds=20, batch=1)
    assert tail.verdict is ClaimVerdict.REFUTED
    assert (few.verdict, few.interval) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "20 different images were timed, too few" in few.reason
    assert few.details["bounded_below_by"] == pytest.approx(3)
    assert few.needed == 29


def test_a_detector_that_refuses_everything_has_no_latency(tmp_path: Path, clock: Clock) -> None:
    """Saying no is fast."""
    result = run(tmp_path, clock, lambda _: 0.001, silent=range(12), count=12)
    assert (result.verdict, result.estimate, result.interval) == (ClaimVerdict.INCONCLUSIVE, None, None)
    assert "no image was scored" in result.reason
    assert "of 12 images drawn 12 the detector could not score" in result.reason
    canonical_json(result.to_json())


def test_an_image_that_is_refused_is_replaced_and_counted(tmp_path: Path, clock: Clock) -> None:
    """Four of twelve say no at once: eight others are timed. With seven silent these are the lesser part, and with six no call holds eight."""
    result = run(tmp_path, clock, lambda _: 0.03, silent=range(4), count=12, batch=1, rounds=9)
    assert (result.verdict, result.samples, result.details["not_scored"]) == (ClaimVerdict.SUPPORTED, 8, 4)
    assert "of 12 images drawn 4 the detector could not score" in result.reason
    rare = run(tmp_path, clock, lambda _: 0.03, silent=range(7), count=12, batch=1, rounds=9)
    assert (rare.verdict, rare.clusters) == (ClaimVerdict.INCONCLUSIVE, 0)
    assert "fewer than half" in rare.reason
    few = run(tmp_path, clock, lambda _: 0.03, silent=range(6), count=12)
    assert (few.verdict, few.clusters) == (ClaimVerdict.INCONCLUSIVE, 0)
    assert "only 6 images could be scored of the 8 in a call" in few.reason


class Large(Timed):
    """Eight of every twenty images take forty times the kernel, the others five times."""

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self._clock.now += sum(0.4 if int(image) % 20 < 8 else 0.05 for image in images)
        return [Score({Family.SYNTHETIC_IMAGE: 0.1}) for _ in images]


@pytest.mark.parametrize("seed", range(8))
def test_the_images_that_are_timed_are_the_sample(tmp_path: Path, clock: Clock, seed: int) -> None:
    """Four in ten are slow, so the 80 % quantile is: no seed supports that it isn't, and twenty images are twenty units in a hundred rounds."""
    run(tmp_path, clock, lambda _: 0.03, count=20)
    context = ClaimContext(detector=Large(clock, float), populations={"p": "m.csv"}, root=tmp_path, seed=seed)
    for rounds in (5, 40, 100):
        result = LatencyClaim(clock).run(claim(quantile=0.8, at_most=20, batch=1, rounds=rounds), context)
        assert result.verdict is not ClaimVerdict.SUPPORTED
        assert result.clusters == result.details["images"] == min(rounds, 20)


def test_one_image_shows_nothing_of_the_others(tmp_path: Path, clock: Clock) -> None:
    """However often it is timed, and however many copies there are; the result says how many different ones would do."""
    result = run(tmp_path, clock, lambda _: 0.03, count=1, batch=1)
    assert (result.verdict, result.clusters, result.needed) == (ClaimVerdict.INCONCLUSIVE, 1, 5)
    for number in range(10):
        (tmp_path / f"copy{number}.png").write_bytes(b"0")
    (tmp_path / "m.csv").write_text("file\n" + "".join(f"copy{number}.png\n" for number in range(10)))
    context = ClaimContext(detector=Timed(clock, lambda _: 0.03), populations={"p": "m.csv"}, root=tmp_path)
    copies = LatencyClaim(clock).run(claim(batch=1), context)
    assert (copies.verdict, copies.clusters, copies.details["repeated_images"]) == (ClaimVerdict.INCONCLUSIVE, 1, 9)


def test_a_claim_on_calls_says_that_it_is_on_means() -> None:
    """The tail of means of eight is shorter than that of images."""
    assert "90 % quantile, over calls of 8 images of p, of the mean time for an image is" in plan_claim(claim(quantile=0.9)).statement
    assert "the 90 % quantile time for an image of p is" in plan_claim(claim(quantile=0.9, batch=1)).statement


def test_a_population_of_fewer_images_than_a_call_takes_is_not_timed(tmp_path: Path, clock: Clock) -> None:
    """The statement is on calls of twenty, and there are twelve images."""
    result = run(tmp_path, clock, lambda _: 0.03, batch=20, count=12)
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "only 12 images could be scored of the 20 in a call" in result.reason


def test_images_that_can_not_be_read_are_replaced_and_counted(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of twelve are refused by the place; with seven the others are the lesser part."""
    for lost, verdict in ((4, ClaimVerdict.SUPPORTED), (7, ClaimVerdict.INCONCLUSIVE)):

        def read(self: Population, item: Item, lost: int = lost) -> bytes | None:
            return None if int(item.name.removesuffix(".png")) < lost else READ(self, item)

        monkeypatch.setattr(Population, "read", read)
        result = run(tmp_path, clock, lambda _: 0.03, count=12, batch=1, rounds=12)
        assert (result.verdict, result.details["unread"]) == (verdict, lost)
        assert f"{lost} could not be read" in result.reason


def test_a_clock_that_stands_still_measures_nothing(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a ratio to nothing, but an error."""
    monkeypatch.setattr(timing.Kernel, "__call__", lambda _: None)
    with pytest.raises(IncompleteError, match="doesn't resolve"):
        run(tmp_path, clock, lambda _: 0.03)


def test_the_real_kernel_and_detector_give_a_verdict() -> None:
    """The whole way on the shipped corpus, with a bar that any machine keeps."""
    from averment.detector.embedded import EmbeddedDetector

    spec = {"type": "latency", "population": "reference-corpus", "where": {"kind": "face"}, "at_most": 100_000, "rounds": 8, "batch": 2}
    result = run_claim(spec, ClaimContext(detector=EmbeddedDetector()))
    assert result.verdict is ClaimVerdict.SUPPORTED
    assert result.estimate is not None
    assert result.estimate > 0


@settings(deadline=None)
@given(st.integers(1, 120), st.sampled_from([0.5, 0.9, 0.25]), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_ranks_are_scipys(count: int, quantile: float, confidence: float) -> None:
    """Conover's interval, which scipy computes by inverting its exact test; where scipy gives none, ours doesn't bound either."""
    values = [float(value) for value in range(count)]
    bounds = quantile_bounds(values, quantile, confidence)
    low = quantile_test(values, q=0, p=quantile, alternative="greater").confidence_interval(confidence).low
    high = quantile_test(values, q=0, p=quantile, alternative="less").confidence_interval(confidence).high
    assert bounds.low == (0.0 if math.isnan(low) else low)
    assert bounds.high == (math.inf if math.isnan(high) else high)


def test_the_bounds_miss_the_true_median_at_most_one_time_in_twenty() -> None:
    """By simulation on a skewed distribution, each side."""
    rng, truth = np.random.default_rng(71), math.log(2)
    found = [quantile_bounds(rng.exponential(size=25).tolist(), 0.5, 0.95) for _ in range(2000)]
    assert np.mean([bounds.low > truth for bounds in found]) <= 0.055
    assert np.mean([bounds.high < truth for bounds in found]) <= 0.055


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"at_most": 0}, "at_most is 0"),
        ({"at_most": True}, "at_most is True"),
        ({"quantile": 1}, "quantile is 1"),
        ({"rounds": 0}, "rounds is 0"),
        ({"batch": 65}, "batch is 65"),
        ({"attack": "synthetic-image"}, "no field 'attack'"),
    ],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


def test_the_plan_counts_images() -> None:
    """Five of them (or calls) within the bar bound a median at 95 % (0.5 ** 5 < 0.05), 29 a 90 % quantile."""
    assert (plan_claim(claim()).least, plan_claim(claim(quantile=0.9)).least) == (5, 29)
