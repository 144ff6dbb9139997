"""Gaps between groups: who is compared, what is too small to be compared, and how rarely that errs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims import differences
from averment.detector.claims.differences import Difference, Worst, judge, recovered_bounds
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import binomial_bounds

Make = Callable[..., ClaimContext]


def claim(**fields: Any) -> dict[str, Any]:
    return {
        "type": "subgroup-gap",
        "metric": "bpcer",
        "attack": "synthetic-image",
        "population": "p",
        "by": "tone",
        "at_most": 0.2,
        **fields,
    }


def people(tone: str, wrong: int, count: int, *, label: str = "real", frames: int = 1, **more: Any) -> list[dict[str, Any]]:
    """``count`` people of whom ``wrong`` are judged wrongly, each in as many ``frames``."""
    bad, good = (0.9, 0.1) if label == "real" else (0.1, 0.9)
    return [
        {"label": label, "tone": tone, "group": f"{label}{tone}{n}", "score": bad if n < wrong else good, **more}
        for n in range(count)
        for _ in range(frames)
    ]


def test_groups_that_are_treated_alike_support_and_others_refute(population: Make) -> None:
    """Three groups of 100: 2 % errors each, or one with 40 %; the gap is named both in words and as numbers."""
    alike = run_claim(claim(), population([*people("i", 2, 100), *people("ii", 3, 100), *people("iii", 2, 100)]))
    apart = run_claim(claim(), population([*people("i", 2, 100), *people("ii", 40, 100), *people("iii", 2, 100)]))
    assert (alike.verdict, alike.estimate) == (ClaimVerdict.SUPPORTED, pytest.approx(0.01))
    assert (apart.verdict, apart.estimate) == (ClaimVerdict.REFUTED, pytest.approx(0.38))
    assert "ii against i" in apart.reason
    groups: Any = {row["group"]: row for row in apart.details["groups"]}
    assert [(groups[name]["figure"], groups[name]["units"]) for name in ("i", "ii")] == [(0.02, 100), (0.4, 100)]
    assert len(apart.details["gaps"]) == 6


def test_the_interval_recovers_the_exact_bounds_of_two_groups(population: Make) -> None:
    """Two groups, no shared people: Clopper-Pearson of either, recovered; the lower bound is Bonferroni's for two tries."""
    result = run_claim(claim(), population([*people("i", 3, 60), *people("ii", 9, 50)]))
    rates = {c: ((9 / 50, binomial_bounds(9, 50, c)), (3 / 60, binomial_bounds(3, 60, c))) for c in (0.95, 0.975)}
    assert result.interval is not None
    assert result.interval.high == pytest.approx(recovered_bounds(*rates[0.95]).high)
    assert result.interval.low == pytest.approx(recovered_bounds(*rates[0.975]).low)


def test_frames_of_one_person_are_one(population: Make) -> None:
    """Ten frames each widen nothing and narrow nothing: the units are people."""
    once = run_claim(claim(), population([*people("i", 5, 60), *people("ii", 9, 60)]))
    frames = run_claim(claim(), population([*people("i", 5, 60, frames=10), *people("ii", 9, 60, frames=10)]))
    assert once.interval is not None
    assert frames.interval is not None
    assert frames.clusters == 120
    assert frames.interval.high == pytest.approx(once.interval.high, rel=0.1)


def test_a_small_group_keeps_the_claim_open_and_can_not_hide_the_others(population: Make) -> None:
    """Nobody knows of 12 people: not supported, named with their number; refuted all the same if two others differ."""
    small = people("iii", 0, 12)
    unknown = run_claim(claim(), population([*people("i", 2, 100), *people("ii", 2, 100), *small]))
    refuted = run_claim(claim(), population([*people("i", 2, 100), *people("ii", 50, 100), *small]))
    assert (unknown.verdict, refuted.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.REFUTED)
    assert "too few independent units to judge iii (12)" in unknown.reason
    assert unknown.needed == 30
    assert "iii (12)" in refuted.reason
    assert run_claim(claim(smallest=10), population([*people("i", 2, 100), *small])).details["gaps"] != []


def test_a_threshold_of_a_tpr_needs_more_people_of_each_group_at_a_higher_confidence(population: Make) -> None:
    """35 bona fide people a group place one at 10 % FPR at 95 %, but not at 99 %: then the groups are named as too small, with how many it takes."""
    rows = [row for tone in ("i", "ii") for label in ("real", "synthetic") for row in people(tone, 0, 35, label=label)]
    spec = claim(metric="tpr", at_fpr=0.1, at_most=0.9)
    assert "too few" not in run_claim(spec, population(rows)).reason
    strict = run_claim({**spec, "confidence": 0.99}, population(rows))
    assert strict.verdict is ClaimVerdict.INCONCLUSIVE
    assert "too few independent units to judge i (35), ii (35)" in strict.reason
    assert strict.needed == 46, "two more than are judged: at 44 no gap at all leaves it open by the luck of the weights"
    assert plan_claim({**spec, "confidence": 0.99}).least == 46


def worst_of(first: int, second: int, size: int, bar: float) -> Worst:
    """What errors of two groups of ``size`` say of a gap of at most ``bar``, as the claim has it."""
    level = Level(0.95, 0.95)
    found = []
    for one, other in ((first, second), (second, first)):
        loose, tight = (
            recovered_bounds(*((count / size, binomial_bounds(count, size, c)) for count in (one, other)))
            for c in (0.95, differences.strict(0.95, 2))
        )
        found.append(Difference(f"{one}", (one - other) / size, tight.low, loose.high, size))
    return judge(found, bar, level)


def settled_share(size: int, rates: tuple[float, float], bar: float) -> float:
    rng, runs = np.random.default_rng(31), 200
    drawn = [worst_of(int(rng.binomial(size, rates[0])), int(rng.binomial(size, rates[1])), size, bar) for _ in range(runs)]
    return sum(found.verdict is not ClaimVerdict.INCONCLUSIVE for found in drawn) / runs


@pytest.mark.parametrize(("size", "first", "second", "bar"), [(100, 5, 5, 0.05), (60, 18, 6, 0.1), (200, 8, 2, 0.05)])
def test_an_open_gap_names_a_size_that_settles_it_four_times_in_five(size: int, first: int, second: int, bar: float) -> None:
    """If the rates are as they were: also where either of two like groups can seem the worse one, and where the gap is to be refuted."""
    needed = worst_of(first, second, size, bar).needed(bar, Level(0.95, 0.95))
    assert needed is not None
    assert settled_share(needed, (first / size, second / size), bar) >= 0.74


def test_a_plan_for_like_groups_knows_that_either_can_seem_the_worse() -> None:
    """At error rates whose spread the plan takes for granted (11.3 % in both)."""
    size = dict(plan_claim(claim(at_most=0.1)).needs)[0.0]
    assert settled_share(size, (0.113, 0.113), 0.1) >= 0.74


def test_an_open_gap_tells_of_what_it_names_the_number(population: Make) -> None:
    """Of each group, and not of all together."""
    result = run_claim(claim(at_most=0.1), population([*people("i", 5, 60), *people("ii", 4, 60)]))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert result.reason.endswith(f"; to settle it takes about {result.needed:,} independent units of each group")


def test_images_without_a_group_are_counted(population: Make) -> None:
    """Left out, and said so: they belong to no comparison."""
    result = run_claim(claim(), population([*people("i", 2, 60), *people("ii", 2, 60), *people("", 30, 30)]))
    assert (result.samples, result.details["without_group"]) == (120, 30)
    assert "30 images without a group were left out" in result.reason


def test_more_than_a_tenth_without_a_group_keeps_the_claim_open(population: Make) -> None:
    """They may be the very people who are treated worse; a tenth is let pass, and a gap that is shown stays shown."""
    groups = [*people("i", 2, 90), *people("ii", 2, 90)]
    few, many = (run_claim(claim(), population([*groups, *people("", 0, count)])) for count in (20, 21))
    apart = run_claim(claim(), population([*people("i", 2, 90), *people("ii", 50, 90), *people("", 0, 90)]))
    assert [r.verdict for r in (few, many, apart)] == [ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE, ClaimVerdict.REFUTED]
    assert "of the images have no tone, 10 % are the most" in many.reason


def unanswered(tone: str, count: int, *, label: str = "real", start: int = 1000, **more: Any) -> list[dict[str, Any]]:
    """``count`` further people whom the detector can't score."""
    return [{"label": label, "tone": tone, "group": f"{label}{tone}{start + n}", "score": None, **more} for n in range(count)]


@pytest.mark.parametrize("metric", ["bpcer", "apcer", "auc", "eer"])
def test_a_detector_that_never_answers_does_not_treat_all_alike(population: Make, metric: str) -> None:
    """Its errors are the same in every group, and that is no finding."""
    rows = [
        row
        for tone in ("i", "ii")
        for label in ("real", "synthetic")
        for row in unanswered(tone, 100, label=label, **({"generator": "SDXL"} if label == "synthetic" else {}))
    ]
    result = run_claim(claim(metric=metric), population(rows))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "only 0 % of the" in result.reason
    assert result.needed is None


def test_silence_is_weighed_in_each_class_of_each_group(population: Make) -> None:
    """Attacks that are never scored vanish among bona fide images, and those of one group among the others'."""
    real = [row for tone in ("i", "ii") for row in people(tone, 0, 400)]
    quiet = [row for tone in ("i", "ii") for row in unanswered(tone, 40, label="synthetic")]
    ranked = run_claim(claim(metric="auc"), population([*real, *quiet]))
    assert ranked.verdict is ClaimVerdict.INCONCLUSIVE
    assert "only 0 % of the attacks of i got a probability, 90 % must" in ranked.reason
    mostly = [*people("i", 0, 400), *people("ii", 0, 88), *unanswered("ii", 12)]
    strict, lenient = (
        run_claim(claim(at_most=0.3), population(mostly)),
        run_claim(claim(at_most=0.3, answered_at_least=0.8), population(mostly)),
    )
    assert (strict.verdict, lenient.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.SUPPORTED)
    assert "only 88 % of the bona fide images of ii" in strict.reason


def test_silence_in_one_group_alone_is_a_gap(population: Make) -> None:
    """Whoever can't be judged is refused, and the others aren't."""
    result = run_claim(claim(), population([*people("i", 2, 100), *unanswered("ii", 100)]))
    assert result.verdict is ClaimVerdict.REFUTED


def test_apcer_gaps_stay_open_while_attacks_name_no_generator(population: Make) -> None:
    """What is compared within each generator needs its name."""
    rows = [row for tone in ("i", "ii") for row in people(tone, 2, 100, label="synthetic", generator="")]
    result = run_claim(claim(metric="apcer"), population(rows))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "200 attacks name no generator" in result.reason


def test_a_blank_behind_a_name_makes_no_other_group_and_no_other_generator(population: Make) -> None:
    """Split in two, a group was too small to be judged, and a generator of one picture kept every APCER open."""
    rows = [row for tone in ("i", "ii", "i ") for row in people(tone, 0, 20 if tone[0:2] != "ii" else 40, label="synthetic", generator="G")]
    rows[3]["generator"] = " G"
    result = run_claim(claim(metric="apcer", at_most=0.2), population(rows))
    assert [(row["group"], row["generator"], row["units"]) for row in result.details["groups"]] == [("i", "G", 40), ("ii", "G", 40)]
    assert result.verdict is ClaimVerdict.SUPPORTED


def test_one_group_is_no_comparison(population: Make) -> None:
    """Inconclusive with the reason."""
    result = run_claim(claim(), population(people("i", 2, 60)))
    assert (result.verdict, result.interval) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "no two groups" in result.reason


def test_ranking_figures_are_compared_under_draws_of_people(population: Make) -> None:
    """The AUC of one group is 1, of the other near a half."""
    rows = [
        {"label": label, "tone": tone, "group": f"{label}{tone}{n}", "score": float(score)}
        for tone, shift in (("i", 0.6), ("ii", 0.0))
        for label, base in (("real", 0.1), ("synthetic", 0.1 + shift))
        for n, score in enumerate(base + np.linspace(0, 0.2, 40))
    ]
    result = run_claim(claim(metric="auc", at_most=0.1), population(rows))
    assert result.verdict is ClaimVerdict.REFUTED
    assert result.estimate == pytest.approx(0.5)
    assert result.interval is not None
    assert "cluster bootstrap" in result.interval.method


def test_people_in_two_groups_are_drawn_together(population: Make) -> None:
    """Indoors and outdoors show the same people: the comparison is paired, and narrower than of strangers."""
    rng = np.random.default_rng(5)
    wrong = rng.random(80) < 0.3
    rows = [
        {"label": "real", "tone": tone, "group": f"person{n}", "score": 0.9 if bad else 0.1}
        for tone in ("indoors", "outdoors")
        for n, bad in enumerate(wrong)
    ]
    paired = run_claim(claim(), population(rows))
    strangers = run_claim(claim(), population([{**row, "group": f"{row['tone']}{row['group']}"} for row in rows]))
    assert paired.interval is not None
    assert strangers.interval is not None
    assert "paired" in paired.interval.method
    assert paired.interval.high < strangers.interval.high / 2
    assert (paired.verdict, strangers.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.SUPPORTED)


def test_apcer_is_compared_within_each_generator(population: Make) -> None:
    """A group whose fakes are easy because of their generator isn't favoured by the detector."""
    rows = [
        *people("i", 0, 60, label="synthetic", generator="EASY"),
        *people("i", 30, 60, label="synthetic", generator="HARD"),
        *people("ii", 30, 60, label="synthetic", generator="HARD"),
    ]
    rows = [{**row, "group": f"{row['group']}{row['generator']}"} for row in rows]
    result = run_claim(claim(metric="apcer", at_most=0.3), population(rows))
    assert result.estimate == 0.0
    assert "ii (EASY) (0)" in result.reason
    assert result.verdict is ClaimVerdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": ""}, "by is ''"),
        ({"smallest": 3}, "smallest is 3"),
        ({"metric": "apcer", "by": "generator"}, "can't differ by generator"),
        ({"at_most": -0.1}, "at_most is -0.1"),
        ({"metric": "tpr"}, "needs the false positive rate"),
    ],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


def test_columns_that_are_no_groups_are_refused(population: Make) -> None:
    """A column that isn't there, and one with a value for every person."""
    context = population(people("i", 1, 40))
    with pytest.raises(BadInputError, match="no column 'height', which by names") as caught:
        run_claim(claim(by="height"), context)
    assert "write one of its columns in by: file, sha256, group" in str(caught.value.fix)
    with pytest.raises(BadInputError, match="no column 'person', which clusters names") as caught:
        run_claim(claim(clusters="person"), context)
    assert "write one of its columns in clusters: file, sha256, group" in str(caught.value.fix)
    with pytest.raises(BadInputError, match="40 values, more than 30 groups"):
        run_claim(claim(by="group", clusters="file"), context)


def test_the_plan_asks_for_more_than_one_group_would() -> None:
    """Both groups of a pair have their own spread."""
    sizes = [needed for _, needed in plan_claim(claim(at_most=0.05)).needs]
    assert sizes == sorted(sizes)
    assert sizes[0] > 400


@pytest.mark.parametrize(("groups", "size", "low", "gap"), [(2, 40, 0.05, 0.1), (4, 60, 0.2, 0.1), (3, 30, 0.0, 0.05)])
def test_a_true_claim_on_gaps_is_refuted_at_most_one_time_in_twenty(groups: int, size: int, low: float, gap: float) -> None:
    """One group is worse by exactly the bar, the others are alike: either error is at most 5 % by simulation."""
    rng, runs = np.random.default_rng(41), 600
    rates = [low + gap, *[low] * (groups - 1)]
    strict = differences.strict(0.95, groups * (groups - 1))
    bounds = {c: [(wrong / size, binomial_bounds(wrong, size, c)) for wrong in range(size + 1)] for c in (0.95, strict)}
    refuted = supported = 0
    for _ in range(runs):
        wrong = [int(rng.binomial(size, rate)) for rate in rates]
        gaps = [
            Difference(
                "g",
                (wrong[a] - wrong[b]) / size,
                recovered_bounds(bounds[strict][wrong[a]], bounds[strict][wrong[b]]).low,
                recovered_bounds(bounds[0.95][wrong[a]], bounds[0.95][wrong[b]]).high,
                size,
            )
            for a in range(groups)
            for b in range(groups)
            if a != b
        ]
        verdict = judge(gaps, gap, Level(0.95, 0.95)).verdict
        refuted += verdict is ClaimVerdict.REFUTED
        supported += verdict is ClaimVerdict.SUPPORTED
    allowed = 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert refuted / runs <= allowed
    assert supported / runs <= allowed
