"""Robustness: the drop of a figure under named transforms. Images are plain colours made here with Pillow."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims.differences import Difference, judge, paired_bounds, recovered_bounds
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds
from averment.detector.claims.transforms import read_transform
from averment.detector.imaging import UnreadableError, decode
from averment.detector.interface import Detector, DetectorInfo, Family, Score


class Redness(Detector):
    """The mean of red as the probability, but blind (no red at all) to images narrower than ``least``."""

    def __init__(self, least: int = 0) -> None:
        self._least = least

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("redness", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [self._one(image) for image in images]

    def _one(self, data: bytes) -> Score:
        try:
            image = decode(data)
        except UnreadableError as error:
            return Score(cannot_say=str(error))
        if image.width < self._least:
            return Score({Family.SYNTHETIC_IMAGE: 0.0})
        return Score({Family.SYNTHETIC_IMAGE: float(np.asarray(image)[:, :, 0].mean()) / 255})


def picture(red: int, number: int = 0, side: int | tuple[int, int] = 200) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", side if isinstance(side, tuple) else (side, side), (red, number % 256, 90)).save(output, "PNG")
    return output.getvalue()


def context(folder: Path, images: Sequence[tuple[str, bytes, str]], detector: Detector, **options: Any) -> ClaimContext:
    """``images`` are label, bytes and generator."""
    lines = ["file,sha256,label,generator,group"]
    for number, (label, data, generator) in enumerate(images):
        (folder / f"{number:04}.png").write_bytes(data)
        lines.append(f"{number:04}.png,{hashlib.sha256(data).hexdigest()},{label},{generator},g{number}")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    return ClaimContext(detector=detector, populations={"p": "m.csv"}, root=folder, **options)


def claim(**fields: Any) -> dict[str, Any]:
    return {
        "type": "robustness",
        "metric": "auc",
        "attack": "synthetic-image",
        "population": "p",
        "transforms": [{"jpeg": 60}, {"resize": 0.5}],
        "at_most": 0.25,
        **fields,
    }


def both(count: int) -> list[tuple[str, bytes, str]]:
    return [("real", picture(40, n), "") for n in range(count)] + [("synthetic", picture(200, n), "SDXL") for n in range(count)]


def test_a_detector_that_goes_blind_when_images_shrink_is_refuted(tmp_path: Path) -> None:
    """Halving 200 pixels hides every attack: AUC falls from 1 to 0.5, and the result says under which transform."""
    steady = run_claim(claim(), context(tmp_path, both(25), Redness()))
    blind = run_claim(claim(), context(tmp_path, both(25), Redness(least=150)))
    assert (steady.verdict, steady.estimate) == (ClaimVerdict.SUPPORTED, 0.0)
    assert (blind.verdict, blind.estimate) == (ClaimVerdict.REFUTED, 0.5)
    assert "worst: resize 0.5" in blind.reason
    rows: Any = {row["transform"]: row for row in blind.details["by_transform"]}
    assert (rows["jpeg 60"]["before"], rows["jpeg 60"]["after"], rows["resize 0.5"]["after"]) == (1.0, 1.0, 0.5)


def test_for_error_rates_more_errors_are_the_drop(tmp_path: Path) -> None:
    """The blind detector misses all attacks after the resize; BPCER, of which it makes none, stays."""
    apcer = run_claim(claim(metric="apcer"), context(tmp_path, both(20), Redness(least=150)))
    bpcer = run_claim(claim(metric="bpcer"), context(tmp_path, both(20), Redness(least=150)))
    assert (apcer.verdict, apcer.estimate, apcer.samples) == (ClaimVerdict.REFUTED, 1.0, 20)
    assert (bpcer.verdict, bpcer.estimate) == (ClaimVerdict.SUPPORTED, 0.0)


def test_the_worst_generator_decides_for_apcer(tmp_path: Path) -> None:
    """One of two generators makes small pictures, which the resize takes below what the detector sees."""
    images = [("synthetic", picture(200, n, 400), "BIG") for n in range(20)] + [
        ("synthetic", picture(200, n, 160), "SMALL") for n in range(20)
    ]
    result = run_claim(claim(metric="apcer", transforms=[{"resize": 0.6}]), context(tmp_path, images, Redness(least=150)))
    assert (result.estimate, result.verdict) == (1.0, ClaimVerdict.REFUTED)
    assert "resize 0.6 (SMALL)" in result.reason


def test_images_that_are_too_small_after_a_transform_are_errors(tmp_path: Path) -> None:
    """Cut to 30 %, pictures of 200 pixels aren't read any more: that isn't left out, it is the finding."""
    result = run_claim(claim(transforms=[{"crop": 0.3}]), context(tmp_path, both(15), Redness()))
    (row,) = result.details["by_transform"]
    assert isinstance(row, dict)
    assert (row["non_responses"], row["after"], result.verdict) == (30, 0.0, ClaimVerdict.REFUTED)
    assert "not scored: 30 after crop 0.3" in result.reason


def test_hostile_files_can_not_be_transformed_and_stay_errors_before_and_after(tmp_path: Path) -> None:
    """They take nothing from the drop and nothing is thrown."""
    images = [*both(15), ("real", b"junk", ""), ("synthetic", b"\x89PNG\r\n\x1a\nbroken", "SDXL")]
    result = run_claim(claim(), context(tmp_path, images, Redness()))
    assert result.estimate == 0.0
    assert result.details["attack_non_responses"] == 1
    assert "2 of 32 images the detector could not score" in result.reason


class Anything(Redness):
    """As Redness, of pictures of any size."""

    def _one(self, data: bytes) -> Score:
        return Score({Family.SYNTHETIC_IMAGE: float(np.asarray(Image.open(io.BytesIO(data)))[:, :, 0].mean()) / 255})


def test_what_is_scored_and_can_not_be_transformed_is_no_error_and_keeps_the_claim_open(tmp_path: Path) -> None:
    """A strip is none for our decoder alone: a detector that scores it was refuted for what it was never shown. What else the population holds is
    judged."""
    strips = [("real", picture(40, n, (300, 60)), "") for n in range(15)] + [
        ("synthetic", picture(200, n, (300, 60)), "S") for n in range(15)
    ]
    alone = run_claim(claim(), context(tmp_path, strips, Anything()))
    beside = run_claim(claim(), context(tmp_path, [*both(15), *strips], Anything()))
    assert (alone.verdict, alone.estimate, alone.samples) == (ClaimVerdict.INCONCLUSIVE, None, 0)
    assert (beside.verdict, beside.estimate, beside.samples) == (ClaimVerdict.INCONCLUSIVE, 0.0, 30)
    told = (
        "of 30 images that the detector scored nothing is known, for they could not be transformed (0030.png, for one: the image is a strip"
    )
    assert told in beside.reason
    assert "not scored" not in beside.reason
    assert beside.details["not_transformed"] == 30


def test_small_pictures_are_transformed_for_who_judges_them(tmp_path: Path) -> None:
    """Below the 80 pixels a side that the reference detector takes at least: whole collections are of 32."""
    small = [("real", picture(40, n, 32), "") for n in range(20)] + [("synthetic", picture(200, n, 32), "S") for n in range(20)]
    result = run_claim(claim(transforms=[{"jpeg": 60}, {"resize": 0.5}, {"screenshot": 1.25}]), context(tmp_path, small, Anything()))
    assert (result.verdict, result.samples) == (ClaimVerdict.SUPPORTED, 40)
    assert "transformed" not in result.reason


class Faces(Redness):
    """As Redness, and of faces it can't say in pictures of less than 100 pixels."""

    def _one(self, data: bytes) -> Score:
        score = super()._one(data)
        small = score.cannot_say is None and decode(data).width < 100
        return replace(score, silent={Family.MANIPULATED_FACE: "no face"}) if small else score


@pytest.mark.parametrize(("detector", "side"), [(Redness, 60), (Faces, 90)])
def test_what_is_not_scored_untouched_makes_up_for_no_drop(tmp_path: Path, detector: type[Redness], side: int) -> None:
    """Small pictures aren't scored until they are enlarged, or by one family alone. Counted as answered then, they were a gain which hid that one in
    twenty others was lost: a claim that was open was supported."""
    large = [("real", picture(200 if n < 12 else 40, n), "") for n in range(230)]
    small = [("real", picture(40, n, side), "") for n in range(20)]
    result = run_claim(
        claim(metric="bpcer", transforms=[{"resize": 2}], at_most=0.05), context(tmp_path, [*large, *small], detector(least=300))
    )
    assert (result.verdict, result.estimate) == (ClaimVerdict.INCONCLUSIVE, 0.048)


class Mute(Redness):
    """As Redness, and silent on images with green above ``most``."""

    def __init__(self, most: int = -1) -> None:
        super().__init__()
        self._most = most

    def _one(self, data: bytes) -> Score:
        if np.asarray(decode(data))[:, :, 1].mean() > self._most + 0.5:
            return Score(cannot_say="too green")
        return super()._one(data)


@pytest.mark.parametrize("metric", ["auc", "apcer", "bpcer"])
def test_a_detector_that_never_answers_loses_nothing_and_shows_nothing(tmp_path: Path, metric: str) -> None:
    """Before and after it is wrong alike: a drop of nought that is no steadiness."""
    result = run_claim(claim(metric=metric), context(tmp_path, both(20), Mute()))
    assert (result.estimate, result.verdict) == (0.0, ClaimVerdict.INCONCLUSIVE)
    assert "only 0 % of the" in result.reason
    assert "after jpeg 60" in result.reason
    assert result.needed is None


def test_silence_on_untouched_images_is_weighed_in_each_class(tmp_path: Path) -> None:
    """Attacks that are never scored vanish among sixty bona fide images; a fifth of them is too many unless the claim allows it."""
    transforms = [{"resize": 0.5}]
    attacks = [("synthetic", picture(200, 250 if n < 4 else 10, 200 + n), "SDXL") for n in range(20)]
    images = [*[("real", picture(40, 10, 200 + n), "") for n in range(60)], *attacks]
    strict = run_claim(claim(transforms=transforms), context(tmp_path, images, Mute(200)))
    lenient = run_claim(claim(transforms=transforms, answered_at_least=0.8), context(tmp_path, images, Mute(200)))
    assert (strict.verdict, lenient.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.SUPPORTED)
    assert "only 80 % of the attacks, untouched, got a probability, 90 % must" in strict.reason


def test_apcer_drops_stay_open_while_attacks_name_no_generator(tmp_path: Path) -> None:
    """The worst generator's drop can't be known of a pool."""
    images = [("synthetic", picture(200, n), "") for n in range(20)]
    result = run_claim(claim(metric="apcer"), context(tmp_path, images, Redness()))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "20 attacks name no generator" in result.reason


def test_a_handful_proves_nothing(tmp_path: Path) -> None:
    """Nine people of a class are too few, whatever the figures."""
    result = run_claim(claim(), context(tmp_path, both(9), Redness()))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "9 independent units of a class are too few" in result.reason
    empty = run_claim(claim(), context(tmp_path, both(9)[:9], Redness()))
    assert (empty.verdict, empty.interval) == (ClaimVerdict.INCONCLUSIVE, None)


def test_a_threshold_of_a_tpr_needs_more_units_at_a_higher_confidence(tmp_path: Path) -> None:
    """29 place one at 10 % FPR at 95 %, and 44 at 99 %; the plan asks for as many."""
    spec = claim(metric="tpr", at_fpr=0.1, at_most=0.5)
    assert "too few" not in run_claim(spec, context(tmp_path, both(30), Redness())).reason
    strict = run_claim({**spec, "confidence": 0.99}, context(tmp_path, both(30), Redness()))
    assert strict.verdict is ClaimVerdict.INCONCLUSIVE
    assert "30 independent units of a class are too few: 44 are the least" in strict.reason
    assert plan_claim({**spec, "confidence": 0.99}).least == 46, (
        "two more, for at 44 no loss at all leaves it open by the luck of the weights"
    )


def test_no_change_in_twenty_people_is_not_known_to_be_none_in_all(tmp_path: Path) -> None:
    """The interval reaches as far as no error in twenty does, 0.05 ** (1/20) from the figure."""
    result = run_claim(claim(at_most=0.13), context(tmp_path, both(20), Redness()))
    assert result.interval is not None
    assert result.interval.high == pytest.approx(1 - 0.05 ** (1 / 20))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert result.needed is not None
    assert result.needed >= 22  # 0.95 ** 22 < 0.87, one sooner not


def test_the_result_runs_again_to_the_same_bytes(tmp_path: Path) -> None:
    """Transforms, noise included, are functions of the image; the versions that decide their bytes are recorded."""
    spec = claim(transforms=[{"noise": 20}, {"reencode": 40}, {"screenshot": 1.5}, {"blur": 2}])
    first, second = (canonical_json(run_claim(spec, context(tmp_path, both(12), Redness())).to_json()) for _ in range(2))
    assert first == second
    inputs = json.loads(first)["inputs"]
    assert inputs["transforms"] == ["noise 20", "reencode 40", "screenshot 1.5", "blur 2"]
    assert inputs["pillow"]


def test_each_transform_does_what_its_name_says() -> None:
    """On a picture with an edge, a frame and a texture: sizes, sharpness, noise and losses are those asked for."""
    random = np.random.default_rng(1)
    pixels = np.full((200, 300, 3), 100, dtype=np.uint8)
    pixels[:, 150:] = 180
    pixels[60:140, 100:200] += random.integers(0, 60, (80, 100, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    data = output.getvalue()

    def after(**transform: float) -> np.ndarray[Any, Any]:
        return np.asarray(decode(read_transform(transform)(data)), dtype=float)

    assert after(resize=0.5).shape == (100, 150, 3)
    assert after(crop=0.5).shape == (100, 150, 3)
    assert (after(crop=0.5) == pixels[50:150, 75:225]).all()
    noise = after(noise=10)[:50] - pixels[:50]
    assert noise.std() == pytest.approx(10, rel=0.05)
    assert abs(noise.mean()) < 0.2
    blurred = after(blur=3)
    assert np.abs(np.diff(blurred[30, :, 0])).max() < np.abs(np.diff(pixels[30, :, 0].astype(float))).max() / 3
    worse, better = (np.abs(after(jpeg=quality) - pixels).mean() for quality in (35, 90))
    assert worse > 1.2 * better > 0
    assert np.abs(after(reencode=50) - pixels).mean() > np.abs(after(jpeg=50) - pixels).mean() / 2
    page = after(screenshot=1.5)
    assert page.shape == (300 + 2 * 10, 450 + 2 * 15, 3)
    assert (page[0, 0] == 245).all()
    assert page[160, 100, 0] == pytest.approx(100, abs=8)


@pytest.mark.parametrize("transform", [{"noise": 0.5}, {"blur": 0.3}, {"jpeg": 100}, {"reencode": 100}])
def test_the_weakest_strength_that_is_taken_changes_pixels(transform: dict[str, float]) -> None:
    """Noise of a tenth of a level is rounded away: a detector would be shown to withstand what wasn't done."""
    output = io.BytesIO()
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(output, "PNG")
    before = np.asarray(decode(output.getvalue())).astype(int)
    after = np.asarray(decode(read_transform(transform)(output.getvalue()))).astype(int)
    assert (before != after).mean() > 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transforms": []}, "transforms is"),
        ({"transforms": [{"noise": 0.1}]}, "strength of noise is 0.1"),
        ({"transforms": [{"blur": 0.1}]}, "strength of blur is 0.1"),
        ({"transforms": [{"jpeg": 75.4}]}, "strength of jpeg is 75.4, and there is no quality between two"),
        ({"transforms": [{"reencode": 50.5}]}, "strength of reencode is 50.5"),
        ({"transforms": [{"resize": 0.5}, {"resize": 0.50000001}]}, "names one twice"),
        ({"transforms": [{"jpeg": 50}, {"jpeg": 50.0}]}, "names one twice"),
        ({"transforms": [{"paint": 1}]}, "no transform 'paint'"),
        ({"transforms": [{"jpeg": 0}]}, "strength of jpeg is 0"),
        ({"transforms": [{"crop": True}]}, "strength of crop is True"),
        ({"transforms": ["jpeg"]}, "is not a transform"),
        ({"metric": "accuracy"}, "metric is"),
        ({"at_most": 2}, "at_most is 2"),
        ({"at_least": 0.5}, "no field 'at_least'"),
    ],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """Before any image is opened, with what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


def test_the_plan_grows_as_the_truth_nears_the_bar() -> None:
    """No fewer than the floor allows, and more the nearer."""
    plan = plan_claim(claim(at_most=0.05))
    sizes = [needed for _, needed in plan.needs]
    assert plan.least == 59
    assert sizes == sorted(sizes)
    assert sizes[0] >= 59
    assert plan_claim(claim(at_most=0)).least is None


def test_the_difference_of_two_rates_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, Table II: 56/70 against 48/80, method 10, is 0.0524 to 0.3339; the
    method recovers variances from Wilson's bounds, and here from any."""

    def wilson(hits: int, trials: int) -> tuple[float, Bounds]:
        z, p = 1.959964, hits / trials
        centre, reach = p + z * z / (2 * trials), z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
        scale = 1 + z * z / trials
        return p, Bounds((centre - reach) / scale, (centre + reach) / scale, 0.975)

    found = recovered_bounds(wilson(56, 70), wilson(48, 80))
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_the_worst_of_many_is_refuted_by_its_strict_bound_alone() -> None:
    """All have to stay within the bar to support it; one that exceeds it at the stricter level refutes."""
    level = Level(0.95, 0.95)
    kept, broken = Difference("kept", 0.0, -0.05, 0.05, 50), Difference("broken", 0.2, 0.12, 0.3, 50)
    open_ = Difference("open", 0.09, 0.02, 0.15, 50)
    assert [judge(parts, 0.1, level).verdict for parts in ([kept], [kept, open_], [kept, broken])] == [
        ClaimVerdict.SUPPORTED,
        ClaimVerdict.INCONCLUSIVE,
        ClaimVerdict.REFUTED,
    ]


def test_paired_bounds_follow_the_spread_of_the_difference() -> None:
    """Student's reach of the replicates' deviation and a little more, for the hundred-and-first unit, which may be changed for the worse;
    two units, or mostly undefined replicates, bound nothing."""
    replicates = np.random.default_rng(2).normal(0.1, 0.05, 4000)
    bounds, error = paired_bounds(0.1, replicates, 100, 0.95)
    assert error == pytest.approx(0.05, rel=0.05)
    assert 0.1 + 1.66 * 0.049 < bounds.high < 0.1 + 1.66 * 0.051 + 1 / 100
    assert paired_bounds(0.1, replicates, 1, 0.95)[0] == Bounds(-1.0, 1.0, 0.95)
    assert paired_bounds(0.1, np.full(100, np.nan), 100, 0.95)[0] == Bounds(-1.0, 1.0, 0.95)


@pytest.mark.parametrize("correct_before", [0.9, 0.98])
def test_a_true_claim_on_a_drop_is_refuted_at_most_one_time_in_twenty(correct_before: float) -> None:
    """Paired errors of 40 people under three transforms, with the drop at the bar: refuted, and supported, at most 5 %."""
    from averment.detector.claims import differences, resampling

    rng, runs, drop, people = np.random.default_rng(31), 400, 0.08, 40
    refuted = supported = 0
    strict = differences.strict(0.95, 3)
    groups = [np.arange(people)]
    for run in range(runs):
        before = rng.random(people) < correct_before
        lost = rng.random((3, people)) < drop / correct_before
        after = before & ~lost
        (weights,) = list(resampling.unit_weights(groups, people, people, run, 200))
        parts = []
        for row in after:
            figure = float((before.astype(float) - row).mean())
            replicates = weights @ (before.astype(float) - row) / people
            loose, error = differences.paired_bounds(figure, replicates, people, 0.95)
            low = differences.paired_bounds(figure, replicates, people, strict)[0].low
            parts.append(Difference("t", figure, low, loose.high, people, error))
        verdict = judge(parts, drop, Level(0.95, 0.95)).verdict
        refuted += verdict is ClaimVerdict.REFUTED
        supported += verdict is ClaimVerdict.SUPPORTED
    allowed = 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert refuted / runs <= allowed
    assert supported / runs <= allowed
