"""Drift: distances of distributions, with the noise of people and not of images."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr, ndtri
from scipy.stats import binom, ks_2samp

from averment.core.canonical import canonical_json
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import distances, drift, resampling
from averment.detector.claims.drift import measure
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.populations import FilePopulation
from averment.detector.claims.run import check_claim, plan_claim, run_claim
from averment.detector.claims.scores import Scores

Make = Callable[..., ClaimContext]


@pytest.fixture(scope="module", autouse=True)
def _drawn_once() -> Iterator[None]:
    """Most claims here are of as many units as the one before, and the same seed draws the same for them: half of what these tests took. Whoever
    changed what is kept would be told."""
    draw, kept = resampling.unit_weights, OrderedDict[tuple[Any, ...], list[Any]]()

    def drawn(groups: Sequence[Any], total: int, items: int, seed: int, replicates: int) -> list[Any]:
        asked = (tuple(members.tobytes() for members in groups), total, items, seed, replicates)
        if asked not in kept:
            kept[asked] = list(draw(groups, total, items, seed, replicates))
            for weights in kept[asked]:
                weights.flags.writeable = False
        kept.move_to_end(asked)
        while len(kept) > 5:  # of 32 MB at most
            kept.popitem(last=False)
        return kept[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "unit_weights", drawn)
        yield


def claim(**fields: Any) -> dict[str, Any]:
    return {
        "type": "drift",
        "statistic": "psi",
        "attack": "synthetic-image",
        "reference": "before.csv",
        "population": "today.csv",
        "at_most": 0.2,
        **fields,
    }


def scores(rng: np.random.Generator, units: int, per: int, shift: float, tag: str) -> Scores:
    """Normal scores, squeezed into [0, 1], of people whose images resemble each other."""
    members = np.repeat(np.arange(units), per)
    z = (rng.normal(size=units)[members] + rng.normal(size=units * per)) / math.sqrt(2) + shift
    return Scores(tuple(expit(z).tolist()), tuple(f"{tag}{unit}" for unit in members), 0, {})


def unequal(values: list[float], first: int, tag: str) -> Scores:
    """Units of one image each, but for the ``first``, which has so many."""
    own = [0] * first + list(range(1, len(values)))
    return Scores((*[values[0]] * first, *values[1:]), tuple(f"{tag}{unit}" for unit in own), 0, {})


def write(path: Path, given: Scores, *, groups: bool = True) -> None:
    rows = [f"{value!r},{unit}" if groups else repr(value) for value, unit in zip(given.values, given.units, strict=True)]
    path.write_text("\n".join(["score,group" if groups else "score", *rows]) + "\n")


def run(folder: Path, before: Scores, today: Scores, **fields: Any) -> ClaimResult:
    write(folder / "before.csv", before)
    write(folder / "today.csv", today)
    return run_claim(claim(**fields), ClaimContext(root=folder))


def assert_rare(refuted: int, supported: int, runs: int) -> None:
    """Neither mistake is made more often than one run in twenty, but for what chance does to a simulation."""
    allowed = 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    assert refuted / runs <= allowed
    assert supported / runs <= allowed


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_the_same_scores_support_and_shifted_ones_refute(tmp_path: Path, statistic: str) -> None:
    """500 people before and today; without a detector, from the files of scores alone."""
    rng = np.random.default_rng(61)
    before, same, shifted = (scores(rng, 500, 2, shift, tag) for shift, tag in ((0, "a"), (0, "b"), (1.2, "c")))
    kept, moved = (run(tmp_path, before, today, statistic=statistic) for today in (same, shifted))
    assert (kept.verdict, moved.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED)
    assert kept.details["no_drift"] < 0.2
    assert moved.inputs["present"]["sha256"] == hashlib.sha256((tmp_path / "today.csv").read_bytes()).hexdigest()
    assert (kept.samples, kept.clusters, kept.details["reference_units"]) == (1000, 500, 500)
    canonical_json(moved.to_json())


def test_the_index_by_hand(tmp_path: Path) -> None:
    """Two bins; half before, three quarters today; half an image added to each: 0.25 ln(3) and a little less."""
    before = Scores((0.2,) * 50 + (0.8,) * 50, tuple(f"a{n}" for n in range(100)), 0, {})
    today = Scores((0.2,) * 25 + (0.8,) * 75, tuple(f"b{n}" for n in range(100)), 0, {})
    result = run(tmp_path, before, today, bins=2)
    p, q = 25.5 / 101, 0.5
    assert result.estimate == pytest.approx((q - p) * math.log(q / p) + (p - q) * math.log((1 - q) / (1 - p)))
    assert result.estimate == pytest.approx(0.25 * math.log(3), rel=0.03)


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_the_order_of_the_images_changes_nothing(statistic: str) -> None:
    """A person's images count together wherever they stand in a file: told apart by their place, they would be more evidence than they are."""
    rng = np.random.default_rng(63)

    def mixed(given: Scores) -> Scores:
        order = rng.permutation(len(given.values))
        return Scores(tuple(given.values[at] for at in order), tuple(given.units[at] for at in order), 0, {})

    before, today = scores(rng, 60, 3, 0, "a"), scores(rng, 60, 3, 0.5, "b")
    statement = drift.read(claim(statistic=statistic))
    first, second = (measure(statement, *sides, 0.95, 1) for sides in ((before, today), (mixed(before), mixed(today))))
    assert (first.figure, first.bounds) == (second.figure, second.bounds)


def test_the_distance_is_scipys(tmp_path: Path) -> None:
    """Kolmogorov and Smirnov's, on fewer scores than grid points."""
    rng = np.random.default_rng(62)
    before, today = scores(rng, 120, 1, 0, "a"), scores(rng, 90, 1, 0.5, "b")
    assert run(tmp_path, before, today, statistic="ks").estimate == pytest.approx(ks_2samp(before.values, today.values).statistic)


@pytest.mark.parametrize(("decimals", "sizes"), [(4, (20_000, 20_000)), (4, (20_000, 400)), (16, (3_000, 9_000))])
def test_scores_that_crowd_at_nought_hide_no_distance(decimals: int, sizes: tuple[int, int]) -> None:
    """Four of five genuine pictures score below 0.001, and of a log with four decimals nearly all values lie above: of a distance of 0.40 it was said 0.22."""
    rng = np.random.default_rng(63)
    before, today = (
        np.where(rng.random(size) < 0.8, rng.exponential(scale, size), rng.random(size)).round(decimals)
        for size, scale in zip(sizes, (0.0002, 0.0009), strict=True)
    )
    cells = distances.ks_cells(before.tolist(), today.tolist())
    counts = [np.bincount(cells.of(side.tolist()), minlength=len(cells)).astype(float)[None, :] for side in (before, today)]
    assert distances.ks(counts, counts)[0] == pytest.approx(ks_2samp(before, today).statistic, abs=0.004)
    assert len(cells) <= distances.GRID + 1


@pytest.mark.parametrize("held", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("moved", [0.02, 0.31, 0.99])
def test_a_value_that_most_scores_share_hides_no_drift(tmp_path: Path, held: float, moved: float) -> None:
    """Of 400 scores 372 are the same, so that every decile is that value. What goes above or below it, or comes to it, is drift."""
    rng = np.random.default_rng(81)
    tied = [held] * 372
    before = Scores((*tied, *rng.uniform(size=28).tolist()), tuple(f"a{n}" for n in range(400)), 0, {})
    same = Scores((*tied, *rng.uniform(size=28).tolist()), tuple(f"b{n}" for n in range(400)), 0, {})
    other = Scores((moved,) * 400, tuple(f"c{n}" for n in range(400)), 0, {})
    for today, verdict in ((same, ClaimVerdict.SUPPORTED), (other, ClaimVerdict.REFUTED)):
        result = run(tmp_path, before, today)
        assert result.verdict is verdict
        assert run(tmp_path, today, before).verdict is verdict
        assert sum(row["reference"] for row in result.details["distribution"]) == pytest.approx(1)
        assert [row for row in result.details["distribution"] if row["from"] == row["to"] == held]


def test_nothing_is_certain_of_a_reference_that_is_one_value(tmp_path: Path) -> None:
    """Thirty noughts on either side: no drift was seen, and as much of it as nobody could have seen is in the interval."""
    before, today = (Scores((0.0,) * 30, tuple(f"{tag}{n}" for n in range(30)), 0, {}) for tag in "ab")
    result = run(tmp_path, before, today)
    assert result.estimate == 0.0
    assert result.interval is not None
    assert result.interval.high > 1 - 0.05 ** (1 / 30)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=60, max_size=120, unique=True), st.integers(2, 10))
def test_scores_that_differ_have_the_classical_bins(scores: list[int], bins: int) -> None:
    """Quantiles of the reference and nothing else; and no value is taken for tied that hardly any score shares."""
    values = [score / 10_000 for score in scores]
    classical = np.quantile(values, np.arange(1, bins) / bins)
    for given_ in (values, [*values, values[0]]):
        cells = distances.psi_cells(given_, values, bins)
        assert cells.tied == ()
    assert distances.psi_cells(values, values, bins).edges.tolist() == pytest.approx(np.unique(classical).tolist())


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.50001, 1.0]), min_size=20, max_size=60), st.lists(st.floats(0, 1), min_size=10, max_size=60)
)
def test_no_cell_holds_a_tied_value_and_another(reference: list[float], today: list[float]) -> None:
    """Of the reference or of today; and none is empty on both sides."""
    cells = distances.psi_cells(reference, today, 10)
    both = [*reference, *today]
    found = cells.of(both).tolist()
    assert set(found) == set(range(len(cells)))
    for value in cells.tied:
        (own,) = cells.of([value]).tolist()
        assert {score for score, cell in zip(both, found, strict=True) if cell == own} == {value}


@pytest.mark.parametrize(("units", "before", "today"), [(30, 0.07, 0.2), (100, 0.07, 0.02), (200, 0.005, 0.02), (200, 0.07, 0.07)])
def test_claims_beside_a_tied_value_err_at_most_one_time_in_twenty(
    units: int, before: float, today: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noughts but for a few, whose share changes from ``before`` to ``today``; the bar on the truth."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 150)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 150)
    truth = (today - before) * math.log(today / before) + (before - today) * math.log((1 - today) / (1 - before))
    rng, runs, statement = np.random.default_rng(82), 120, drift.read(claim())

    def few(share: float, tag: str) -> Scores:
        values = np.where(rng.uniform(size=units) < share, rng.uniform(0.05, 1, units), 0.0)
        return Scores(tuple(values.tolist()), tuple(f"{tag}{n}" for n in range(units)), 0, {})

    refuted = supported = 0
    for number in range(runs):
        found = measure(statement, few(before, "a"), few(today, "b"), 0.95, number)
        assert found.bounds is not None
        refuted += found.bounds.low > truth
        supported += found.bounds.high < truth
    assert_rare(refuted, supported, runs)


@pytest.mark.parametrize(("bins", "confidence"), [(2, 0.95), (2, 0.99), (4, 0.975)])
def test_few_bins_that_hardly_differ_support_no_false_claim(bins: int, confidence: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the shares that were found are nearly those of the reference, the index has no slope: the reach of its linear part was next to nothing,
    and of two bins up to one false claim in six was supported."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 150)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 150)
    rng, runs, statement = np.random.default_rng(83), 200, drift.read(claim(bins=bins))
    supported = 0
    for number in range(runs):
        before, today = rng.uniform(size=60), rng.uniform(size=60) ** 1.6
        edges = np.array([0.0, *distances.psi_cells(before.tolist(), today.tolist(), bins).edges, 1.0])
        p, q = np.diff(edges), np.diff(edges ** (1 / 1.6))
        sides = (Scores(tuple(side.tolist()), tuple(f"{tag}{n}" for n in range(60)), 0, {}) for side, tag in ((before, "a"), (today, "b")))
        found = measure(statement, *sides, confidence, number)
        assert found.bounds is not None
        supported += found.bounds.high < ((p - q) * np.log(p / q)).sum()
    allowed = 1 - confidence
    assert supported / runs <= allowed + 4 * math.sqrt(allowed * (1 - allowed) / runs)


@pytest.mark.parametrize("bins", [2, 4, 10])
def test_as_many_as_planned_keep_the_bar_over_so_many_bins(bins: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times in five if nothing drifts."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 150)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 150)
    spec = claim(bins=bins, at_most=0.1)
    ((_, size),) = plan_claim(spec).needs
    rng, statement = np.random.default_rng(66), drift.read(spec)
    found = [measure(statement, scores(rng, size, 1, 0, "a"), scores(rng, size, 1, 0, "b"), 0.95, n) for n in range(80)]
    assert sum(item.bounds is not None and item.bounds.high <= 0.1 for item in found) / 80 >= 0.68


def test_few_beside_a_tied_value_in_a_small_reference_refute_no_true_claim() -> None:
    """Two of 60 scores aren't nought, where a tenth is no wonder (2 or fewer come up one time in twenty), and a fifth of 300 today: the index may be
    that of a tenth against a fifth. A bootstrap of the two takes them for well known."""
    truth = 0.1 * math.log(0.2 / 0.1) + 0.1 * math.log(0.9 / 0.8)
    assert binom.cdf(2, 60, 0.1) > 0.025

    def side(tag: str, noughts: int, others: int) -> Scores:
        values = [0.0] * noughts + [0.5 + number / 1000 for number in range(others)]
        return Scores(tuple(values), tuple(f"{tag}{number}" for number in range(len(values))), 0, {})

    bounds = measure(drift.read(claim()), side("a", 58, 2), side("b", 240, 60), 0.975, 1).bounds
    assert bounds is not None
    assert 0.03 < bounds.low < truth


def test_a_distance_of_few_is_no_better_known_than_their_share() -> None:
    """All of 30 scores are nought, which comes up one time in 24 if a tenth aren't, and a fifth of 200 today: the distance may be a tenth."""
    assert binom.cdf(0, 30, 0.1) > 0.025
    sides = (
        Scores((0.0,) * 30, tuple(f"a{number}" for number in range(30)), 0, {}),
        Scores((0.0,) * 160 + (0.9,) * 40, tuple(f"b{number}" for number in range(200)), 0, {}),
    )
    bounds = measure(drift.read(claim(statistic="ks")), *sides, 0.975, 1).bounds
    assert bounds is not None
    assert bounds.low < 0.1


def test_no_distance_is_larger_than_one(tmp_path: Path) -> None:
    """Nor its interval, where everything moved."""
    before, today = (Scores((value,) * 40, tuple(f"{tag}{n}" for n in range(40)), 0, {}) for tag, value in (("a", 0.1), ("b", 0.9)))
    interval = run(tmp_path, before, today, statistic="ks").interval
    assert interval is not None
    assert interval.high == 1.0


def test_frames_of_one_video_are_no_evidence_of_steadiness(tmp_path: Path) -> None:
    """Thirty videos with a hundred frames: taken for 3000 images they would show drift where there is none; what noise of videos
    makes stands in the result, and a bar below it stays open."""
    rng = np.random.default_rng(63)
    before, today = scores(rng, 30, 100, 0, "a"), scores(rng, 30, 100, 0, "b")
    videos = run(tmp_path, before, today, at_most=0.03)
    frames = run(
        tmp_path, *(Scores(s.values, tuple(f"{t}{n}" for n in range(3000)), 0, {}) for s, t in ((before, "a"), (today, "b"))), at_most=0.03
    )
    assert frames.verdict is ClaimVerdict.REFUTED
    assert videos.verdict is ClaimVerdict.INCONCLUSIVE
    assert videos.details["no_drift"] > 5 * frames.details["no_drift"]
    assert videos.needed is not None
    assert videos.needed > 30


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_a_video_that_has_nearly_all_frames_is_no_evidence_of_steadiness(tmp_path: Path, statistic: str) -> None:
    """Of 400 units today one has nine tenths of the images: what it scores is what one video scores. As many of one image each are enough."""
    before = unequal([0.0] * 400, 1, "a")
    long, even = unequal([0.0] * 400, 3600, "b"), unequal([0.0] * 401, 1, "b")
    kept, one = (run(tmp_path, before, today, statistic=statistic) for today in (even, long))
    assert (kept.verdict, one.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE)
    if "too few" in one.reason:
        assert "count as 1.23" in one.reason
    assert one.needed is None or one.needed > 400


def test_a_population_is_scored_now(population: Make) -> None:
    """A reference of images and today's images, whatever their labels, by the detector that the context has."""
    rows = [
        {"label": label, "when": when, "group": f"{when}{label}{n}", "score": n / 40}
        for when in ("then", "now")
        for label in ("real", "x")
        for n in range(40)
    ]
    context = population(rows)
    result = run_claim(claim(reference="p", population="p", where={"when": "now"}, at_most=0.99, statistic="ks"), context)
    assert (result.samples, result.details["reference_samples"], result.estimate) == (80, 160, 0.0)
    assert result.inputs["present"]["detector"]["name"] == "written"
    with pytest.raises(IncompleteError, match="drift claim needs a detector"):
        run_claim(claim(reference="p"), ClaimContext(populations=context.populations, root=context.root))


def test_copies_are_one_unit_though_what_lists_them_can_not_tell(population: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """In S3 the ETags of copies differ where KMS encrypts them or they came in parts: sixty copies of one picture were sixty units that had not moved."""
    context = population([{"label": "x", "when": "then", "score": 0.1} for _ in range(80)])
    folder = context.root / "today"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.png").write_bytes(b"7:0.1")
    monkeypatch.setattr(FilePopulation, "content", lambda _, item: item.name)
    given = ClaimContext(detector=context.detector, populations={**context.populations, "q": "today"}, root=context.root)
    result = run_claim(claim(reference="p", population="q", statistic="ks", at_most=0.5), given)
    assert (result.verdict, result.samples, result.clusters) == (ClaimVerdict.INCONCLUSIVE, 60, 1)
    assert "59 images have the bytes of another one, and count as one unit with it" in result.reason
    assert (result.details["reference_units"], result.details["same_bytes_again"]) == (80, 59)


def original(text: str) -> str:
    return text


def shuffled(text: str) -> str:
    """As a database does that isn't told an order."""
    first, *others = text.splitlines()
    return "\n".join([first, *np.random.default_rng(5).permutation(others)]) + "\n"


def test_as_many_of_few_scores_are_no_copy(tmp_path: Path) -> None:
    """A detector that says 0 or 1 comes to the same counts by chance: in another order these are other images."""
    before = Scores(tuple([0.0] * 480 + [1.0] * 20), tuple(map(str, range(500))), 0, {})
    write(tmp_path / "before.csv", before, groups=False)
    (tmp_path / "today.csv").write_text(shuffled((tmp_path / "before.csv").read_text()))
    assert run_claim(claim(), ClaimContext(root=tmp_path)).verdict is ClaimVerdict.SUPPORTED


def resaved(text: str) -> str:
    """As a spreadsheet does: other ends of lines, and a column more."""
    first, *others = text.splitlines()
    return "\r\n".join([f"{first},exported", *(f"{line},yes" for line in others)]) + "\r\n"


@pytest.mark.parametrize("statistic", ["psi", "ks"])
@pytest.mark.parametrize("groups", [True, False])
@pytest.mark.parametrize("copied", [None, original, resaved, shuffled])
def test_scores_against_themselves_show_nothing(tmp_path: Path, statistic: str, groups: bool, copied: Any) -> None:
    """The very file, a copy of it, one that was saved again or in another order: open, with the reason, and no number of units would settle it. Scores
    that are theirs in part are others."""
    given = scores(np.random.default_rng(71), 600, 1, 0, "a")
    write(tmp_path / "before.csv", given, groups=groups)
    name = "before.csv"
    if copied is not None:
        name = "copy.csv"
        (tmp_path / name).write_text(copied((tmp_path / "before.csv").read_text()), newline="")
    result = run_claim(claim(population=name, statistic=statistic), ClaimContext(root=tmp_path))
    assert (result.verdict, result.needed) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "are the same scores or the same images, and nothing drifts from itself" in result.reason
    assert result.to_json()["estimate"] == 0.0
    part = Scores(given.values[:-100] + scores(np.random.default_rng(72), 100, 1, 0, "x").values, given.units, 0, {})
    write(tmp_path / "today.csv", part, groups=groups)
    assert run_claim(claim(statistic=statistic), ClaimContext(root=tmp_path)).verdict is ClaimVerdict.SUPPORTED


def test_images_against_themselves_show_nothing(population: Make) -> None:
    """The same population, or the same bytes by other names; a part of it is another population."""
    context = population([{"label": "x", "when": "now" if n < 500 else "then", "score": n % 100 / 100} for n in range(600)])
    copy = context.root / "copy"
    copy.mkdir()
    for path in context.root.glob("*.png"):
        (copy / f"b{path.name}").write_bytes(path.read_bytes())
    populations = {**context.populations, "q": "copy"}
    for name in ("p", "q"):
        spec = claim(reference="p", population=name, statistic="ks", at_most=0.5)
        result = run_claim(spec, ClaimContext(detector=context.detector, populations=populations, root=context.root))
        assert result.verdict is ClaimVerdict.INCONCLUSIVE, name
        assert "drifts from itself" in result.reason
    part = run_claim(claim(reference="p", population="p", where={"when": "now"}, statistic="ks", at_most=0.5), context)
    assert part.verdict is ClaimVerdict.SUPPORTED


def test_a_blank_behind_a_value_leaves_no_row_out(tmp_path: Path, population: Make) -> None:
    """Neither of a file of scores nor of a manifest: what is left out of "web" is no matter of the claim, and nobody would see it."""
    given = scores(np.random.default_rng(3), 60, 1, 0, "a")
    write(tmp_path / "before.csv", given)
    lines = (tmp_path / "before.csv").read_text().splitlines()
    channels = ["channel", *["web ", "web", " web", "app"] * 15]
    (tmp_path / "today.csv").write_text("\n".join(f"{line},{channel}" for line, channel in zip(lines, channels, strict=True)) + "\n")
    assert run_claim(claim(where={"channel": "web"}), ClaimContext(root=tmp_path)).samples == 45
    rows = [{"label": "x", "channel": channel, "score": 0.5} for channel in channels[1:]]
    assert run_claim(claim(reference="p", population="p", where={"channel": "web"}), population(rows)).samples == 45


def test_missing_scores_are_counted(tmp_path: Path) -> None:
    """An empty score is a detector that could not say."""
    (tmp_path / "before.csv").write_text("score\n" + "0.5\n0.25\n" * 20)
    (tmp_path / "today.csv").write_text("score,kind\n" + "0.5,face\n,face\n0.25,face\n0.9,product\n" * 20)
    result = run_claim(claim(where={"kind": "face"}, statistic="ks", at_most=0.5), ClaimContext(root=tmp_path))
    assert (result.samples, result.details["unanswered"], result.estimate) == (40, 20, 0.0)
    assert "no score for 0 images of the reference and 20 of today" in result.reason


def mute(path: Path, count: int) -> None:
    with path.open("a") as file:
        file.write("".join(f",mute{n}\n" for n in range(count)))


@pytest.mark.parametrize("statistic", ["psi", "ks"])
@pytest.mark.parametrize("side", ["before.csv", "today.csv"])
def test_a_detector_that_stopped_answering_has_drifted_or_nobody_knows(tmp_path: Path, side: str, statistic: str) -> None:
    """The same 400 scores and nine times as many empty ones, on either side: open, unless the claim allows it. Shifted ones still refute."""
    before = scores(np.random.default_rng(7), 400, 1, 0, "a")
    write(tmp_path / "before.csv", before)
    write(tmp_path / "today.csv", before)
    mute(tmp_path / side, 3600)
    spec = claim(statistic=statistic)
    strict, lenient = (run_claim({**spec, **more}, ClaimContext(root=tmp_path)) for more in ({}, {"answered_at_least": 0.1}))
    assert (strict.verdict, lenient.verdict) == (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.SUPPORTED)
    assert "only 10 % of" in strict.reason
    assert strict.needed is None
    write(tmp_path / "today.csv", scores(np.random.default_rng(8), 400, 1, 1.5, "b"))
    mute(tmp_path / "today.csv", 3600)
    assert run_claim(spec, ClaimContext(root=tmp_path)).verdict is ClaimVerdict.REFUTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("score\n1.5\n", "'1.5' is not a score"),
        ("score\nhigh\n", "'high' is not a score"),
        ("score\nnan\n", "'nan' is not a score"),
        ("score,group\n0.5\n", "another number of fields"),
        ("points\n0.5\n", "no column 'file'"),
    ],
)
def test_a_file_that_holds_no_scores_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """And one that doesn't exist."""
    (tmp_path / "before.csv").write_text("score\n0.5\n")
    (tmp_path / "today.csv").write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        run_claim(claim(), ClaimContext(root=tmp_path, detector=None) if "file" not in message else _with_detector(tmp_path))
    assert "today.csv" in str(caught.value.where)


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("Score,group", "call the column of probabilities score, or name a manifest; its columns: Score, group"),
        ("score;group", "its only column is called 'score;group': separate columns by commas"),
    ],
)
def test_a_file_of_scores_without_its_column_is_told_what_it_has(tmp_path: Path, header: str, advice: str) -> None:
    """Not what a manifest would need; and before a detector is asked for."""
    (tmp_path / "before.csv").write_text("score\n0.5\n")
    (tmp_path / "today.csv").write_text(f"{header}\n0.5,a\n")
    with pytest.raises(BadInputError, match="has no column 'score'") as caught:
        run_claim(claim(), ClaimContext(root=tmp_path))
    assert advice in str(caught.value.fix)
    assert str(caught.value.where) == f"{tmp_path / 'today.csv'}:1"


def test_scores_that_a_spreadsheet_saved_are_read(tmp_path: Path) -> None:
    """Excel's "CSV UTF-8" begins with a mark that belongs to no name."""
    rng = np.random.default_rng(73)
    write(tmp_path / "before.csv", scores(rng, 500, 1, 0, "a"))
    write(tmp_path / "plain.csv", scores(rng, 500, 1, 0, "b"))
    (tmp_path / "today.csv").write_text((tmp_path / "plain.csv").read_text(), encoding="utf-8-sig")
    assert run_claim(claim(), ClaimContext(root=tmp_path)).verdict is ClaimVerdict.SUPPORTED


def _with_detector(folder: Path) -> ClaimContext:
    from averment.detector.embedded import EmbeddedDetector

    return ClaimContext(root=folder, detector=EmbeddedDetector())


def test_too_much_and_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of scores is bounded; nine people are too few; none at all shows nothing."""
    nine = Scores((0.5,) * 9, tuple("abcdefghi"), 0, {})
    many = scores(np.random.default_rng(1), 50, 1, 0, "m")
    few = run(tmp_path, many, nine)
    none = run(tmp_path, many, Scores((), (), 0, {}))
    assert [result.verdict for result in (few, none)] == [ClaimVerdict.INCONCLUSIVE] * 2
    assert "9 today are too few" in few.reason
    monkeypatch.setattr("averment.detector.claims.scores.MAX_SCORES", 20)
    with pytest.raises(IncompleteError, match="more than 20 scores"):
        run(tmp_path, many, nine)


def test_hardly_more_people_than_bins_bound_nothing_and_lose_no_record(tmp_path: Path) -> None:
    """Ten people over ten bins: open, without an interval, with how many it takes; and the result can be written."""
    ten, many = scores(np.random.default_rng(2), 10, 1, 0, "t"), scores(np.random.default_rng(3), 200, 1, 0, "m")
    result = run(tmp_path, many, ten, at_most=10)
    assert (result.verdict, result.interval) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "10 independent units are too few for 10 bins" in result.reason
    assert result.needed is not None
    assert result.needed >= 12
    canonical_json(result.to_json())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistic": "chi2"}, "statistic is"),
        ({"statistic": "ks", "bins": 5}, "bins mean nothing for ks"),
        ({"statistic": "ks", "at_most": 1.5}, "at_most is 1.5"),
        ({"at_most": 0}, "at_most is 0"),
        ({"reference": ""}, "reference is"),
    ],
)
def test_a_statement_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(BadInputError, match=message) as caught:
        check_claim(claim(**changes))
    assert caught.value.fix


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_as_many_as_planned_keep_the_bar_if_nothing_drifts(statistic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times in five at the planned size, by simulation; at a third of it far less often."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 200)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 200)
    spec = claim(statistic=statistic, at_most=0.2)
    ((_, size),) = plan_claim(spec).needs
    rng, statement = np.random.default_rng(64), drift.read(spec)

    def kept(units: int) -> float:
        found = [measure(statement, scores(rng, units, 1, 0, "a"), scores(rng, units, 1, 0, "b"), 0.95, n) for n in range(60)]
        return sum(item.bounds is not None and item.bounds.high <= 0.2 for item in found) / 60

    assert kept(size) >= 0.65
    assert kept(size // 3) < 0.5


@pytest.mark.parametrize("statistic", ["psi", "ks"])
@pytest.mark.parametrize(("units", "per", "shift"), [(30, 5, 0.4), (100, 1, 0.4), (200, 2, 1.0)])
def test_true_claims_on_drift_are_refuted_at_most_one_time_in_twenty(
    statistic: str, units: int, per: int, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Normal scores of which one side is shifted, so that both distances are known; the bar on the truth."""
    monkeypatch.setattr(resampling, "MAX_REPLICATES", 150)
    monkeypatch.setattr(resampling, "MIN_REPLICATES", 150)
    if statistic == "ks":
        truth = float(2 * ndtr(shift / 2) - 1)
    else:
        p, q = np.full(10, 0.1), np.diff([0, *ndtr(ndtri(np.arange(1, 10) / 10) - shift), 1])
        truth = float(((p - q) * np.log(p / q)).sum())
    rng, runs, statement = np.random.default_rng(65), 120, drift.read(claim(statistic=statistic))
    refuted = supported = 0
    for run_number in range(runs):
        found = measure(statement, scores(rng, units, per, 0, "a"), scores(rng, units, per, shift, "b"), 0.95, run_number)
        assert found.bounds is not None
        refuted += found.bounds.low > truth
        supported += found.bounds.high < truth
    assert_rare(refuted, supported, runs)
