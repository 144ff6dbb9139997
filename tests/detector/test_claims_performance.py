"""Performance claims over a fake detector whose score is written into each file: what is claimed is what was counted."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.statistics import Scored, auc_statistic, binomial_bounds, cluster_bootstrap, clustered_bounds, needed_trials
from averment.detector.interface import Detector, DetectorInfo, Family, Score

Row = tuple[str, float | None, str, str]
"""Label, score (None: the detector can't say), group, generator."""


class WrittenDetector(Detector):
    """Reads its score out of the file: ``number: 0.73``; anything else it can't say."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.calls = 0
        self._threshold = threshold

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("written", "1", None, (Family.SYNTHETIC_IMAGE,), self._threshold)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.calls += 1
        return [
            Score({Family.SYNTHETIC_IMAGE: float(image.split(b":")[1])}) if b":" in image else Score(cannot_say="undecodable")
            for image in images
        ]


def context(folder: Path, rows: Iterable[Row], **options: Any) -> ClaimContext:
    lines = ["file,sha256,label,generator,group,split"]
    for number, (label, score, group, generator) in enumerate(rows):
        data = f"{number}:{score}".encode() if score is not None else b"broken %d" % number
        (folder / f"{number:05}.png").write_bytes(data)
        lines.append(f"{number:05}.png,{hashlib.sha256(data).hexdigest()},{label},{generator},{group},{'test' if number % 2 else 'train'}")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    return ClaimContext(detector=WrittenDetector(), populations={"p": "m.csv"}, root=folder, **options)


def claim(**fields: Any) -> dict[str, Any]:
    return {"type": "performance", "metric": "auc", "attack": "synthetic-image", "population": "p", "at_least": 0.8, **fields}


def error_claim(metric: str, bar: float = 0.1, **fields: Any) -> dict[str, Any]:
    return {"type": "performance", "metric": metric, "attack": "synthetic-image", "population": "p", "at_most": bar, **fields}


def rows(reals: Sequence[float | None], fakes: Sequence[float | None], generator: str = "SDXL") -> list[Row]:
    return [("real", score, f"r{n}", "") for n, score in enumerate(reals)] + [
        ("synthetic", score, f"s{n}", generator) for n, score in enumerate(fakes)
    ]


def spread(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * n / max(1, count - 1) for n in range(count)]


def test_a_good_detector_is_supported_and_a_bad_one_refuted(tmp_path: Path) -> None:
    """And a fair one stays open, with the number of units that would settle it."""
    good = run_claim(claim(), context(tmp_path, rows(spread(0, 0.6, 60), spread(0.5, 1, 60))))
    bad = run_claim(claim(), context(tmp_path, rows(spread(0, 1, 60), spread(0, 1, 60))))
    fair = run_claim(claim(), context(tmp_path, rows(spread(0, 0.75, 12), spread(0.25, 1, 12))))
    assert [result.verdict for result in (good, bad, fair)] == [ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED, ClaimVerdict.INCONCLUSIVE]
    assert fair.needed is not None
    assert fair.needed > 24
    assert good.needed is None


def test_the_estimate_is_scikit_learns(tmp_path: Path) -> None:
    """Over the files of both labels, and nothing else."""
    reals, fakes = spread(0.05, 0.8, 31), spread(0.3, 0.9, 17)
    other: Row = ("manipulated", 0.9, "m", "swap")
    result = run_claim(claim(), context(tmp_path, [*rows(reals, fakes), other]))
    assert result.estimate == pytest.approx(roc_auc_score([0] * 31 + [1] * 17, reals + fakes))
    assert (result.samples, result.details["attacks"], result.details["bona_fide"]) == (48, 17, 31)


def test_a_result_is_json_with_everything_to_run_it_again(tmp_path: Path) -> None:
    """Canonical JSON takes it (no NaN, no numpy), and the same seed gives the same bytes."""
    runs = [run_claim(claim(clusters="group"), context(tmp_path, rows(spread(0, 0.7, 20), spread(0.3, 1, 20)), seed=5)) for _ in range(2)]
    first, second = (canonical_json(run.to_json()) for run in runs)
    assert first == second
    inputs = json.loads(first)["inputs"]
    assert inputs["detector"] == {"name": "written", "version": "1", "sha256": None, "threshold": 0.5}
    assert (inputs["count"], inputs["where"], inputs["clusters"], runs[0].seed) == (40, "m.csv", "group", 5)
    assert len(inputs["frame"]) == 64


class TwoFamilies(WrittenDetector):
    """Of every file the score for synthetic images; a manipulated face it sees in all that are marked ``face``."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("two", "1", None, (Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [
            Score({Family.SYNTHETIC_IMAGE: float(image.split(b":")[1]), Family.MANIPULATED_FACE: 0.9 if image.startswith(b"3") else 0.1})
            for image in images
        ]


def test_rates_are_of_the_decision_and_ranks_of_the_family_and_the_statement_says_so(tmp_path: Path) -> None:
    """A genuine picture that is taken for a manipulated face is accused, whichever family the claim names (ISO/IEC 30107-3); the AUC of
    synthetic images doesn't know of it. A reader of the result has both in words."""
    made = replace(context(tmp_path, rows([0.1] * 40, [0.8] * 20)), detector=TwoFamilies())
    rate, rank = run_claim(error_claim("bpcer"), made), run_claim(claim(), made)
    assert rate.estimate == pytest.approx(11 / 40)  # the files 3 and 30 to 39
    assert rank.estimate == 1.0
    assert rate.statement.startswith("BPCER for synthetic-image, by the detector's decision over all its families, on p is at most 10 %")
    assert rank.statement.startswith("AUC for synthetic-image on p is at least 0.8")


class FaceBlind(TwoFamilies):
    """Says of no file whether a face in it was manipulated, though it is there to; a synthetic image it knows."""

    def score(self, images: Sequence[bytes]) -> list[Score]:
        known = [Score({Family.SYNTHETIC_IMAGE: float(image.split(b":")[1])}) for image in images]
        return [replace(score, silent={Family.MANIPULATED_FACE: "model not loaded"}) for score in known]


def test_a_decision_that_a_silent_family_leaves_open_is_no_right_one(tmp_path: Path) -> None:
    """A scan calls no such picture clean. A service whose model of faces was down had a BPCER of 0 "by the decision over all its families"; an attack that
    the other family flags is caught all the same, and the AUC of that family is its own."""
    made = replace(context(tmp_path, rows([0.1] * 60, [0.9] * 60)), detector=FaceBlind())
    bpcer, apcer, auc = (run_claim(spec, made) for spec in (error_claim("bpcer"), error_claim("apcer"), claim()))
    assert (bpcer.verdict, bpcer.estimate) == (ClaimVerdict.REFUTED, 1.0)
    assert bpcer.details["non_response_reasons"] == {"manipulated-face: model not loaded": 60}
    assert "60 of 60 images the detector could not score, 60 of them in one of its families, counted as its errors" in bpcer.reason
    assert [apcer.verdict, auc.verdict] == [ClaimVerdict.SUPPORTED] * 2
    assert "could not score" not in apcer.reason + auc.reason


def test_a_detector_that_is_stuck_is_told(tmp_path: Path) -> None:
    """It accuses nobody, and a claim that says so is supported; the reader is told that it says the same of everything. Two scores are two."""
    made = [run_claim(error_claim("bpcer"), context(tmp_path, rows([0.1] * 59 + [last], [0.1] * 5))) for last in (0.1, 0.2)]
    assert [result.verdict for result in made] == [ClaimVerdict.SUPPORTED] * 2
    told = "all 65 media that got a probability of synthetic-image got 0.1, as from a detector that sees none of them"
    assert [told in result.reason for result in made] == [True, False]


def test_a_genuine_picture_that_was_flagged_is_not_told_as_one_that_could_not_be_scored(tmp_path: Path) -> None:
    """Whatever its other family would have said: it is accused, as in a scan. With half of them flagged, the reason said that none could be scored."""
    made = replace(context(tmp_path, rows([0.1] * 30 + [0.9] * 30, [0.9] * 60)), detector=FaceBlind())
    bpcer = run_claim(error_claim("bpcer"), made)
    assert bpcer.estimate == 1.0
    assert "; 30 of 60 images the detector could not score, 30 of them in one of its families," in bpcer.reason
    assert bpcer.details["non_response_reasons"] == {"manipulated-face: model not loaded": 30}


@pytest.mark.parametrize(("generators", "words"), [(1, "worst of 1 generator"), (2, "worst of 2 generators")])
def test_the_method_counts_generators(tmp_path: Path, generators: int, words: str) -> None:
    """In words that agree with their number."""
    attacks = [("synthetic", 0.9, f"s{n}", f"g{n % generators}") for n in range(40)]
    result = run_claim(error_claim("apcer"), context(tmp_path, attacks))
    assert result.interval is not None
    assert result.interval.method.endswith(words)


def test_images_that_can_not_be_scored_count_against_the_detector(tmp_path: Path) -> None:
    """Dropping them would let a detector win by silence: ten unanswered attacks of forty are ten misses."""
    fakes: list[float | None] = [0.9] * 30 + [None] * 10
    apcer = run_claim(error_claim("apcer"), context(tmp_path, rows([0.1] * 40, fakes)))
    auc = run_claim(claim(at_least=0.95), context(tmp_path, rows([0.1] * 40, fakes)))
    bpcer = run_claim(error_claim("bpcer"), context(tmp_path, rows([0.1] * 30 + [None] * 10, [0.9] * 40)))
    assert [result.estimate for result in (apcer, auc, bpcer)] == [0.25, 0.75, 0.25]
    assert [result.verdict for result in (apcer, auc, bpcer)] == [ClaimVerdict.REFUTED] * 3
    assert [result.details["without_non_responses"] for result in (apcer, auc, bpcer)] == [0.0, 1.0, 0.0]
    assert apcer.details["attack_non_responses"] == 10
    assert apcer.details["non_response_reasons"] == {"undecodable": 10}
    assert "10 of 40 images the detector could not score" in apcer.reason
    assert "10 of 80 images the detector could not score" in auc.reason
    assert "on the others is 1" in auc.reason


def test_a_family_that_is_silent_has_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another family's probability is no answer to this claim: figures are those of "can't say", with the family's own reason."""
    table = rows([0.1] * 40, [0.9] * 30 + [None] * 10)
    plain = {metric: run_claim(spec, context(tmp_path, table)) for metric, spec in (("auc", claim()), ("apcer", error_claim("apcer")))}

    def half_said(self: WrittenDetector, images: Sequence[bytes]) -> list[Score]:
        other = Score({Family.MANIPULATED_FACE: 0.9}, silent={Family.SYNTHETIC_IMAGE: "too dark"})
        return [Score({Family.SYNTHETIC_IMAGE: float(image.split(b":")[1])}) if b":" in image else other for image in images]

    monkeypatch.setattr(WrittenDetector, "score", half_said)
    for metric, spec in (("auc", claim()), ("apcer", error_claim("apcer"))):
        result = run_claim(spec, context(tmp_path, table))
        assert result.estimate == plain[metric].estimate
        assert result.details["non_response_reasons"] == {"too dark": 10}


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_silence_never_helps(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever score is replaced by "can't say", no figure gets better."""
    scores = st.lists(st.integers(0, 10).map(lambda n: n / 10), min_size=3, max_size=8)
    table = rows(data.draw(scores), data.draw(scores))
    index = data.draw(st.integers(0, len(table) - 1))
    label, _, group, generator = table[index]
    silent = [*table[:index], (label, None, group, generator), *table[index + 1 :]]
    folder = tmp_path_factory.mktemp("silence")
    for metric, sign in (("auc", 1), ("apcer", -1), ("bpcer", -1)):
        spec = claim() if metric == "auc" else error_claim(metric)
        before, after = (run_claim(spec, context(folder, kind)).estimate for kind in (table, silent))
        assert before is not None
        assert after is not None
        assert sign * after <= sign * before + 1e-12


def test_error_rates_are_taken_at_the_detectors_threshold(tmp_path: Path) -> None:
    """A score on the threshold is flagged; intervals are exact binomial ones when no group repeats."""
    table = rows([0.49] * 37 + [0.5] * 3, [0.5] * 35 + [0.49] * 5)
    bpcer = run_claim(error_claim("bpcer"), context(tmp_path, table))
    apcer = run_claim(error_claim("apcer"), context(tmp_path, table))
    assert (bpcer.estimate, apcer.estimate) == (3 / 40, 5 / 40)
    assert bpcer.interval is not None
    expected = binomial_bounds(3, 40, 0.95)
    assert (bpcer.interval.low, bpcer.interval.high) == (expected.low, expected.high)
    assert bpcer.interval.confidence == 0.9
    assert "Clopper-Pearson" in bpcer.interval.method


def test_the_worst_generator_is_the_figure(tmp_path: Path) -> None:
    """ISO/IEC 30107-3 reports APCER per attack instrument species: a blind spot isn't averaged away."""
    table = rows([], [0.9] * 95) + [("synthetic", 0.1, f"n{n}", "new") for n in range(5)]
    result = run_claim(error_claim("apcer", 0.2), context(tmp_path, table))
    assert result.estimate == 1.0
    assert result.details["worst_generator"] == "new"
    assert result.details["by_generator"]["SDXL"]["apcer"] == 0.0
    assert result.verdict is ClaimVerdict.REFUTED
    assert "new" in result.reason


def test_a_generators_name_decides_nothing(tmp_path: Path) -> None:
    """One that is called as a reason for staying open is refuted like any other."""
    table = rows([], [0.1] * 40, generator="too few steps")
    assert run_claim(error_claim("apcer"), context(tmp_path, table)).verdict is ClaimVerdict.REFUTED


@pytest.mark.parametrize("name", ["", " "])
def test_attacks_without_a_generator_hide_the_worst_one(tmp_path: Path, name: str) -> None:
    """Two misses of a hundred may be a generator that is never caught: nothing is shown of the worst. What they fail together refutes."""
    claimed = error_claim("apcer", 0.1)
    named = run_claim(claimed, context(tmp_path, rows([], [0.9] * 98 + [0.1] * 2)))
    blank = run_claim(claimed, context(tmp_path, rows([], [0.9] * 98 + [0.1] * 2, generator=name)))
    bad = run_claim(claimed, context(tmp_path, rows([], [0.1] * 100, generator=name)))
    assert [result.verdict for result in (named, blank, bad)] == [ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE, ClaimVerdict.REFUTED]
    assert "100 attacks name no generator" in blank.reason
    assert blank.needed is None


def test_many_generators_dont_refute_by_chance(tmp_path: Path) -> None:
    """Three misses of five in one of twenty small groups would refute 15 % if it were the only one looked at."""
    table: list[Row] = [("synthetic", 0.1 if g == 0 and n < 3 else 0.9, f"g{g}n{n}", f"G{g:02}") for g in range(20) for n in range(5)]
    assert binomial_bounds(3, 5, 0.95).low > 0.15
    result = run_claim(error_claim("apcer", 0.15), context(tmp_path, table))
    assert result.estimate == 0.6
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert run_claim(error_claim("apcer", 0.15), context(tmp_path, table[:5])).verdict is ClaimVerdict.REFUTED


@pytest.mark.parametrize(("generators", "bar", "errors"), [(6, 0.1, 2), (3, 0.05, 0), (6, 0.1, 8)])
def test_an_open_apcer_names_a_size_that_settles_it_for_all_generators(tmp_path: Path, generators: int, bar: float, errors: int) -> None:
    """Each has to be shown to keep the bar, so as many as settle it for one four times in five settle it for six of them one time in four; and the
    worst of six breaks it by its strict bound alone."""
    size = 40
    table: list[Row] = [
        ("synthetic", 0.1 if n < (errors if g == 0 or errors < 4 else 2) else 0.9, f"g{g}n{n}", f"G{g}")
        for g in range(generators)
        for n in range(size)
    ]
    result = run_claim(error_claim("apcer", bar), context(tmp_path, table))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    advised = re.search(r"to settle it takes about ([\d,]+) independent attacks of (each of \d generators|G0)", result.reason)
    assert advised is not None
    each, rate = int(advised[1].replace(",", "")), errors / size
    if rate < bar:
        kept = sum(binomial_bounds(count, each, 0.95).high <= bar for count in range(each + 1))
        assert float(binom.cdf(kept - 1, each, rate)) ** generators > 0.78
        assert result.needed == generators * each
    else:
        missed = sum(binomial_bounds(count, each, 1 - 0.05 / generators).low <= bar for count in range(each + 1))
        assert 0.78 < float(binom.sf(missed - 1, each, rate)) < 0.9
        assert result.needed == (generators - 1) * size + each


def test_what_there_is_of_one_generator_makes_up_for_no_other(tmp_path: Path) -> None:
    """With a thousand attacks of one and ten of another, four hundred were advised: fewer than there were, and of which nobody was told."""
    table = rows([], [0.1 if n % 20 == 0 else 0.9 for n in range(1000)], "A") + [("synthetic", 0.9, f"b{n}", "B") for n in range(10)]
    result = run_claim(error_claim("apcer", 0.1), context(tmp_path, table))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "to settle it takes about 29 independent attacks of B" in result.reason
    assert result.needed == 1029


def test_groups_are_the_units_by_default(tmp_path: Path) -> None:
    """Ten frames of one video are one: the manifest's group column is used unless the claim says otherwise."""
    table: list[Row] = [("real", 0.9 if group < 5 else 0.1, f"video{group}", "") for group in range(20) for _ in range(10)]
    grouped = run_claim(error_claim("bpcer", 0.4), context(tmp_path, table))
    named = run_claim(error_claim("bpcer", 0.4, clusters="group"), context(tmp_path, table))
    frames = run_claim(error_claim("bpcer", 0.4, clusters="file"), context(tmp_path, table))
    assert (grouped.clusters, named.clusters, frames.clusters) == (20, 20, 200)
    assert grouped.interval == named.interval
    assert grouped.interval is not None
    assert frames.interval is not None
    expected = clustered_bounds([10] * 5 + [0] * 15, [10] * 20, 0.95)
    assert (grouped.interval.low, grouped.interval.high) == (expected.low, expected.high)
    assert (grouped.verdict, frames.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.SUPPORTED)


def test_a_handful_of_videos_decides_no_rate(tmp_path: Path) -> None:
    """Nine videos with five frames each, all right or all wrong, stay open with the least number; nine single frames are exact."""
    for score in (0.1, 0.9):
        videos: list[Row] = [("real", score, f"video{n}", "") for n in range(9) for _ in range(5)]
        result = run_claim(error_claim("bpcer", 0.5), context(tmp_path, videos))
        assert result.verdict is ClaimVerdict.INCONCLUSIVE
        assert "9 independent units with several images each: too few" in result.reason
        assert result.needed is not None
        assert result.needed >= 10
    assert run_claim(error_claim("bpcer", 0.5), context(tmp_path, rows([0.1] * 9, []))).verdict is ClaimVerdict.SUPPORTED


def test_a_generator_of_few_videos_keeps_apcer_open_and_hides_no_other(tmp_path: Path) -> None:
    """Named with its number; another generator that fails still refutes."""
    few: list[Row] = [("synthetic", 0.9, f"v{n}", "new") for n in range(3) for _ in range(20)]
    good = run_claim(error_claim("apcer", 0.3), context(tmp_path, rows([], [0.9] * 60) + few))
    bad = run_claim(error_claim("apcer", 0.3), context(tmp_path, rows([], [0.1] * 60) + few))
    assert (good.verdict, bad.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.REFUTED)
    assert "new: 3 independent units with several images each: too few" in good.reason
    assert good.needed is not None


def test_tpr_is_taken_where_false_alarms_stay_within_the_rate(tmp_path: Path) -> None:
    """Two of forty bona fide images may be flagged at 5 %: the third-highest of them is the bar for attacks."""
    reals = [0.9, 0.8, 0.7] + [0.1] * 37
    result = run_claim(claim(metric="tpr", at_fpr=0.05, at_least=0.3), context(tmp_path, rows(reals, [0.75] * 20 + [0.7] * 20)))
    assert result.estimate == 0.5
    assert "at 5 % FPR" in result.statement


def test_the_eer_is_a_rate_that_the_detector_can_be_run_at(tmp_path: Path) -> None:
    """Four of forty genuine images score above the four lowest of forty attacks: either error is a tenth at one threshold."""
    reals, fakes = [0.1] * 36 + [0.6] * 4, [0.9] * 36 + [0.3] * 4
    spec = error_claim("eer", 0.12)
    result = run_claim(spec, context(tmp_path, rows(reals, fakes)))
    assert (result.estimate, result.verdict) == (pytest.approx(0.1), ClaimVerdict.INCONCLUSIVE)
    assert run_claim({**spec, "at_most": 0.3}, context(tmp_path, rows(reals, fakes))).verdict is ClaimVerdict.SUPPORTED
    assert "EER for synthetic-image" in result.statement


@pytest.mark.parametrize(("reals", "fakes"), [(9, 40), (40, 9), (0, 40), (40, 0)])
def test_too_few_units_stay_open(tmp_path: Path, reals: int, fakes: int) -> None:
    """A perfect score on a handful proves nothing, and says so."""
    result = run_claim(claim(), context(tmp_path, rows([0.1] * reals, [0.9] * fakes)))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "too few" in result.reason or "lacks" in result.reason


def test_a_false_positive_rate_needs_enough_bona_fide_units(tmp_path: Path) -> None:
    """Twenty images can't say what happens at 1 %."""
    result = run_claim(claim(metric="tpr", at_fpr=0.01), context(tmp_path, rows([0.1] * 20, [0.9] * 20)))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert "too few" in result.reason


def test_an_open_tpr_says_how_many_of_either_class_would_settle_it(tmp_path: Path) -> None:
    """In the proportion at hand: the bona fide units place the threshold."""
    reals, fakes = [0.9] * 2 + [0.1] * 78, [0.95] * 150 + [0.05] * 30
    result = run_claim(claim(metric="tpr", at_fpr=0.05, at_least=0.8), context(tmp_path, rows(reals, fakes)))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    found = re.search(r"to settle it takes about ([\d,]+) attacks and ([\d,]+) bona fide units$", result.reason)
    assert found is not None
    attacks, genuine = (int(number.replace(",", "")) for number in found.groups())
    assert result.needed == attacks + genuine
    assert genuine == math.ceil(attacks * 80 / 180)
    shown = run_claim(claim(metric="tpr", at_fpr=0.05, at_least=0.2), context(tmp_path, rows(reals, fakes)))
    assert shown.verdict is ClaimVerdict.SUPPORTED
    assert "to settle" not in shown.reason


@pytest.mark.parametrize("fields", [{"metric": "tpr", "at_fpr": 0.05, "at_least": 0.9}, {"at_least": 0.99}])
def test_too_few_are_told_a_number_that_could_settle_it(tmp_path: Path, fields: dict[str, Any]) -> None:
    """More than there are, and no fewer than a plan asks for at the very least: it was the number below which nothing is decided."""
    bona_fide = 50 if "at_fpr" in fields else 9
    result = run_claim(claim(**fields), context(tmp_path, rows([0.1] * bona_fide, [0.9] * 60)))
    assert (result.estimate, result.verdict) == (1.0, ClaimVerdict.INCONCLUSIVE)
    assert f"{bona_fide} bona fide units are too few" in result.reason
    least = plan_claim(claim(**fields)).least
    assert least is not None
    assert result.needed is not None
    assert result.needed >= 2 * least > 60 + bona_fide


def test_people_with_several_images_each_tell_how_many_of_them_would_settle_it(tmp_path: Path) -> None:
    """Twenty images of a person that fail by themselves tell nearly twenty times what one does; videos of which a few are long tell less than they are."""
    rng = np.random.default_rng(5)
    alone: list[Row] = [("real", 0.9 if rng.random() < 0.03 else 0.1, f"p{n}", "") for n in range(40) for _ in range(20)]
    unequal: list[Row] = [("real", 0.1, f"p{n}", "") for n in range(60) for _ in range(100 if n < 3 else 1)]
    result, few = (run_claim(error_claim("bpcer", 0.05), context(tmp_path, given)) for given in (alone, unequal))
    assert (result.verdict, few.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.INCONCLUSIVE)
    images = needed_trials(0.05, result.estimate or 0.0, 0.95)
    assert images is not None
    assert result.needed is not None
    assert 40 < result.needed < images / 3
    assert few.needed is not None
    assert few.needed > 59 * 60 / 4.3


def test_a_perfect_ranking_on_few_says_how_many_would_show_it(tmp_path: Path) -> None:
    """Without one pair ranked wrongly there is no spread to reckon with, but the least units of the smaller class are known."""
    result = run_claim(claim(at_least=0.99), context(tmp_path, rows([0.1] * 20, [0.9] * 40)))
    assert (result.estimate, result.verdict) == (1.0, ClaimVerdict.INCONCLUSIVE)
    assert result.needed == 299 * 3


@pytest.mark.parametrize(("attacks", "bona_fide", "auc", "bar"), [(40, 40, 0.9, 0.85), (60, 20, 0.97, 0.95)])
def test_an_open_ranking_names_a_size_that_settles_it_four_times_in_five(
    tmp_path: Path, attacks: int, bona_fide: int, auc: float, bar: float
) -> None:
    """Also where the smaller class holds it up, and near 1, where the lower bound lies farther off than the error says."""
    rng, shift = np.random.default_rng(41), float(ndtri(auc)) * 2**0.5

    def drawn(size: tuple[int, int]) -> tuple[list[float], list[float]]:
        return ndtr(rng.normal(size=size[1])).tolist(), ndtr(rng.normal(shift, 1, size[0])).tolist()

    samples = (drawn((attacks, bona_fide)) for _ in range(10**6))
    reals, fakes = next((r, f) for r, f in samples if abs(np.mean(np.less.outer(r, f)) - auc) < 0.004)
    result = run_claim(claim(at_least=bar), context(tmp_path, rows(reals, fakes)))
    assert result.verdict is ClaimVerdict.INCONCLUSIVE
    assert result.needed is not None
    growth = result.needed / (attacks + bona_fide)
    size, supported = (math.ceil(attacks * growth), math.ceil(bona_fide * growth)), 0
    for run in range(60):
        scores = [*(more := drawn(size))[1], *more[0]]
        sample = Scored(scores, [True] * size[0] + [False] * size[1], list(range(sum(size))))
        bounds = cluster_bootstrap(sample, auc_statistic, 0.95, run, 200)
        supported += bounds is not None and bounds.low >= bar
    assert supported >= 40


def test_rows_can_be_picked(tmp_path: Path) -> None:
    """``where`` keeps the held-out part; the statement shows it."""
    result = run_claim(claim(where={"split": "test"}), context(tmp_path, rows(spread(0, 0.4, 40), spread(0.6, 1, 40))))
    assert result.samples == 40
    assert "split test" in result.statement


def test_an_empty_population_shows_nothing(tmp_path: Path) -> None:
    """Not supported, not an exception; without labels it is an error with what to add."""
    for spec in (claim(), error_claim("apcer"), error_claim("bpcer")):
        result = run_claim(spec, context(tmp_path, [("manipulated", 0.1, "g", "x")]))
        assert (result.verdict, result.estimate, result.interval) == (ClaimVerdict.INCONCLUSIVE, None, None)
    (tmp_path / "m.csv").write_text("file\n00000.png\n")
    with pytest.raises(BadInputError, match="whether it is real"):
        run_claim(claim(), ClaimContext(detector=WrittenDetector(), populations={"p": "m.csv"}, root=tmp_path))


def test_images_are_scored_in_batches(tmp_path: Path) -> None:
    """A large population is never held in memory at once."""
    given_context = context(tmp_path, rows([0.1] * 50, [0.9] * 50))
    run_claim(claim(), given_context)
    assert isinstance(given_context.detector, WrittenDetector)
    assert given_context.detector.calls == 4


def test_a_detector_that_doesnt_know_the_attack_can_not_be_tested_on_it(tmp_path: Path) -> None:
    """Exit 3 with what it does know; and without a detector, how to name one."""
    with pytest.raises(IncompleteError, match="doesn't score manipulated-face"):
        run_claim(claim(attack="manipulated-face"), context(tmp_path, rows([0.1], [0.9])))
    with pytest.raises(IncompleteError, match="needs a detector"):
        run_claim(claim(), ClaimContext())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "accuracy"}, "metric is 'accuracy'"),
        ({"attack": "paint"}, "attack is 'paint'"),
        ({"at_least": 1.5}, "at_least is 1.5"),
        ({"at_least": True}, "at_least is True"),
        ({"at_most": 0.5}, "exactly one of"),
        ({"at_fpr": 0.1}, "means nothing for auc"),
        ({"metric": "tpr"}, "needs the false positive rate"),
        ({"confidence": 95}, "confidence is 95"),
        ({"confidence": 1}, "confidence is 1"),
        ({"bootstraps": 5}, "no field 'bootstraps'"),
        ({"population": ""}, "population is ''"),
        ({"where": ["split"]}, "where is"),
        ({"clusters": 3}, "clusters is 3"),
        ({"type": "perfomance"}, "no claim of type 'perfomance'"),
    ],
)
def test_a_statement_that_can_not_be_tested_is_refused_with_a_fix(changes: dict[str, Any], message: str) -> None:
    """Before anything runs, and always with what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


def test_a_missing_field_is_named() -> None:
    """Each required field in turn."""
    for key in ("metric", "attack", "population"):
        spec = claim()
        del spec[key]
        with pytest.raises(BadInputError, match=f"lacks '{key}'"):
            check_claim(spec)


def test_the_plan_grows_as_the_truth_nears_the_bar() -> None:
    """Planned sizes for all metrics, the clean run first."""
    for spec in (
        claim(),
        claim(metric="tpr", at_fpr=0.05, at_least=0.9),
        error_claim("eer"),
        error_claim("apcer"),
        error_claim("bpcer", 0.05),
    ):
        plan = plan_claim(spec)
        sizes = [needed for _, needed in plan.needs]
        assert sizes == sorted(sizes)
        assert plan.least is not None
        assert plan.least <= sizes[0]
        json.dumps(plan.to_json())
    assert plan_claim(error_claim("bpcer", 0.05)).least == 59  # the rule of three's exact form: 0.95 ** 59 < 0.05


def test_the_planned_size_suffices_on_a_run(tmp_path: Path) -> None:
    """As many clean bona fide images as the plan says support the claim; one fewer doesn't."""
    spec = error_claim("bpcer", 0.05)
    least = plan_claim(spec).least
    assert least is not None

    def verdict(count: int) -> ClaimVerdict:
        result: ClaimResult = run_claim(spec, context(tmp_path, rows([0.1] * count, [])))
        return result.verdict

    assert (verdict(least), verdict(least - 1)) == (ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE)
