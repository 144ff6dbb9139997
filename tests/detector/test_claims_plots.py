"""What plots are drawn from: curves against scikit-learn, errors against a count by hand, and which examples may be shown.

Pictures are noise made here; scores are made up.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_curve

from averment.core.canonical import canonical_json
from averment.detector.claims import plots
from averment.detector.claims.interface import ClaimContext, ClaimResult
from averment.detector.claims.plots import MAX_POINTS, READ_AT, Scored, may_be_shown
from averment.detector.claims.run import run_claim
from averment.detector.claims.statistics import binomial_bounds
from averment.detector.claims.trace import Medium, Trace
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.evidence.plots.charts import charts


def images(count: int, seed: int = 1, decimals: int = 2) -> list[Scored]:
    """Overlapping classes with ties; every tenth image has no score."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        attack = number % 2 == 0
        labels = {
            "label": "synthetic" if attack else "real",
            "generator": ("one", "two")[number % 4 // 2] if attack else "",
            "group": f"g{number}",
            "kind": "face",  # one value is no subgroup
        }
        probability = round(min(1.0, max(0.0, chance.gauss(0.6 if attack else 0.4, 0.2))), decimals)
        found.append(Scored(Medium("p", f"{number:04}", labels, "x"), attack, None if number % 10 == 9 else probability))
    return found


def plot(found: Sequence[Scored], kind: str) -> dict[str, Any]:
    return next(item for item in plots.plots(found, 0.5) if item["kind"] == kind)


@pytest.mark.parametrize("count", [20, 200, 900])
def test_the_curve_is_that_of_scikit_learn(count: int) -> None:
    """Corner by corner, with ties; what has no score is left out of both, and counted."""
    found = images(count)
    answered = [image for image in found if image.probability is not None]
    fpr, tpr, _ = roc_curve([image.attack for image in answered], [image.probability for image in answered], drop_intermediate=False)
    ours = plot(found, "roc")
    theirs = {(round(float(x), 9), round(float(y), 9)) for x, y in zip(fpr, tpr, strict=True)}
    assert {(round(x, 9), round(y, 9)) for x, y in ours["points"]} <= theirs
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(ours["points"], ours["points"][1:], strict=False))
    assert area == pytest.approx(float(np.trapezoid(tpr, fpr)))
    assert ours["without_score"] == count // 10
    assert plot(found, "det")["points"] == [[x, 1 - y] for x, y in ours["points"]]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    """Two hundred points at most, each of the curve, from nothing to everything."""
    points = plot(images(4000, decimals=6), "roc")["points"]
    assert MAX_POINTS - len(READ_AT) <= len(points) <= MAX_POINTS
    assert (points[0], points[-1]) == ([0.0, 0.0], [1.0, 1.0])
    assert points == sorted(points)


def test_the_words_of_a_thinned_curve_are_those_of_the_whole() -> None:
    """What the text says is found at a false positive rate is what the scores give, to the last image; the picture has these corners too."""
    found = images(4000, decimals=6)
    answered = [image for image in found if image.probability is not None]
    real = sorted((image.probability or 0.0 for image in answered if not image.attack), reverse=True)
    attacks = [image.probability or 0.0 for image in answered if image.attack]
    roc, det = plot(found, "roc"), plot(found, "det")
    drawn = charts({"details": {"plots": [roc, det]}})
    assert [rate for rate, _ in roc["read"]] == list(READ_AT)
    for (rate, share), (_, missed) in zip(roc["read"], det["read"], strict=True):
        alarms = int(rate * len(real) + 1e-9)
        counted = sum(score > real[alarms] for score in attacks) / len(attacks)
        assert (share, missed) == (pytest.approx(counted), pytest.approx(1 - counted))
        assert max(y for x, y in roc["points"] if x <= rate) == share
        assert f"at {rate * 100:g} % false positives {share * 100:.3g} % of the attacks are found" in drawn[0].alt
    fpr, tpr, _ = roc_curve([image.attack for image in answered], [image.probability for image in answered], drop_intermediate=False)
    gaps = np.abs(fpr - (1 - tpr))
    assert abs(det["equal"] - max(fpr[gaps.argmin()], 1 - tpr[gaps.argmin()])) < 1e-9


def test_bins_hold_every_image_once() -> None:
    """Histogram and reliability count what has a score, and the shares are those of the classes."""
    found = images(200)
    answered = [image for image in found if image.probability is not None]
    histogram = plot(found, "histogram")
    assert {name: sum(row) for name, row in histogram["counts"].items()} == {
        "attacks": sum(image.attack for image in answered),
        "bona fide": sum(not image.attack for image in answered),
    }
    bins = plot(found, "reliability")["bins"]
    assert sum(row["images"] for row in bins) == len(answered)
    assert sum(row["images"] * row["share"] for row in bins) == pytest.approx(sum(image.attack for image in answered))
    assert sum(row["images"] * row["mean"] for row in bins) == pytest.approx(sum(image.probability or 0 for image in answered))


def test_errors_are_counted_by_every_column_with_few_values() -> None:
    """A generator's errors include what it silenced; each has an exact interval; names and groups are no subgroups."""
    found = images(40)
    (errors,) = [item for item in plots.plots(found, 0.5) if item["kind"] == "errors"]
    assert errors["column"] == "generator"
    members = [image for image in found if image.medium.labels["generator"] == "one"]
    wrong = sum(image.probability is None or image.probability < 0.5 for image in members)
    bar = errors["bars"][0]
    bounds = binomial_bounds(wrong, len(members), 0.975)
    assert (bar["value"], bar["class"], bar["rate"], bar["images"]) == ("one", "attacks", wrong / len(members), 10)
    assert (bar["low"], bar["high"]) == (pytest.approx(bounds.low), pytest.approx(bounds.high))


@pytest.mark.parametrize(("values", "drawn"), [(7, True), (12, True), (13, False)])
def test_a_column_of_up_to_twelve_values_is_a_subgroup_in_both_classes(values: int, drawn: bool) -> None:
    """The bound is one of values, not of bars, and all bars are drawn. A column that is left out is named with its number of values; images whose
    row says nothing there are counted."""
    found = [
        Scored(Medium("p", str(n), {"label": "real", "camera": f"c{n // 2 % values:02}", "kind": "face"}, "x"), n % 2 == 0, 0.6)
        for n in range(80)
    ]
    found.append(Scored(Medium("p", "silent", {"label": "real", "kind": "face"}, "x"), False, 0.6))
    made = plots.plots(found, 0.5)
    errors = [item for item in made if item["kind"] == "errors"]
    (left_out,) = [item for item in made if item["kind"] == "left-out"]
    assert [(item["column"], len(item["bars"]), item["without_value"]) for item in errors] == ([("camera", 2 * values, 1)] if drawn else [])
    assert left_out["columns"] == ([] if drawn else [{"column": "camera", "values": values}]) + [{"column": "kind", "values": 1}]
    alts = [chart.alt for chart in charts({"details": {"plots": errors}})]
    assert all("not drawn" not in alt and "1 image of which the manifest says nothing there is left out" in alt for alt in alts)


def test_images_without_a_score_stand_beside_the_worst_errors() -> None:
    """The number told is the one that the claim counts: what the detector can't say of is an error, and isn't ranked among those with a score."""
    found = images(80)
    worst = plots.worst_errors(Trace(readers={}), found, 0.5)
    assert worst["without_score"] == 8
    assert worst["errors"] + worst["without_score"] == sum(image.wrong(0.5) for image in found)  # type: ignore[operator]


def test_one_class_alone_has_no_curve() -> None:
    """Its scores and errors are shown all the same."""
    kinds = [item["kind"] for item in plots.plots([image for image in images(20) if image.attack], 0.5)]
    assert kinds == ["histogram", "errors", "left-out"]
    assert plots.plots([], 0.5) == []


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ({"licence": "MIT", "label": "synthetic"}, True),
        ({"licence": "CC-BY-4.0", "label": "real", "kind": "face", "consent": "given"}, True),
        ({"licence": "CC-BY-4.0", "label": "real", "kind": "face", "consent": "unconfirmed"}, False),
        ({"licence": "CC-BY-4.0", "label": "real", "kind": "face"}, False),
        ({"licence": "CC-BY-4.0", "label": "real"}, False),
        ({"licence": "CC0-1.0", "label": "real", "kind": "product"}, True),
        ({"licence": "CC0-1.0", "label": "real", "kind": "Face"}, False),
        ({"licence": "CC0-1.0", "label": "real", "kind": ""}, False),
        ({"licence": "CC0-1.0", "label": "real", "kind": "portrait"}, False),
        ({"licence": "CC0-1.0", "label": "real", "kind": "portrait", "consent": "given"}, True),
        ({"licence": "CC0-1.0", "label": "manipulated", "kind": "face"}, False),
        ({"licence": "CC0-1.0", "label": "manipulated", "kind": "face", "consent": "public-office"}, True),
        ({"licence": "CC-BY-NC-4.0", "label": "synthetic"}, False),
        ({"label": "synthetic"}, False),
        ({}, False),
    ],
)
def test_only_what_may_be_shown_is_shown(labels: dict[str, str], shown: bool) -> None:
    """By its licence; and a picture that may show a real person by the ground that its row states."""
    assert may_be_shown(labels) is shown


def picture(seed: int) -> bytes:
    output = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(output, "PNG")
    return output.getvalue()


class Known(Detector):
    """Knows the score of each picture by its bytes."""

    def __init__(self, scores: dict[bytes, float]) -> None:
        self._scores = scores

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("known", "1", None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [Score({Family.SYNTHETIC_IMAGE: self._scores[image]}) for image in images]


ROWS = [
    ("0.png", "synthetic", "MIT", "", 0.1),  # the worst miss
    ("1.png", "synthetic", "MIT", "", 0.4),
    ("2.png", "synthetic", "CC-BY-NC-4.0", "", 0.0),  # worse, and not licensed
    ("3.png", "real", "CC-BY-4.0", "unconfirmed", 0.99),  # worse, and without a ground
    ("4.png", "real", "CC-BY-4.0", "given", 0.8),
    ("5.png", "synthetic", "MIT", "", 0.9),  # right
    ("6.png", "real", "MIT", "given", 0.1),  # right
]


def prove(folder: Path) -> ClaimResult:
    scores, lines = {}, ["file,sha256,label,kind,licence,consent,attribution"]
    for number, (name, label, licence, consent, score) in enumerate(ROWS):
        data = picture(number)
        scores[data] = score
        (folder / name).write_bytes(data)
        lines.append(f"{name},{hashlib.sha256(data).hexdigest()},{label},face,{licence},{consent},somebody")
    (folder / "m.csv").write_text("\n".join(lines) + "\n")
    spec = {"type": "performance", "metric": "auc", "attack": "synthetic-image", "population": "p", "at_least": 0.5}
    return run_claim(spec, ClaimContext(detector=Known(scores), populations={"p": "m.csv"}, root=folder))


def test_the_worst_errors_come_with_small_pictures_and_their_licence(tmp_path: Path) -> None:
    """In order of how wrong; the others are counted, not shown; the picture is a small JPEG of the very file."""
    worst = prove(tmp_path).details["worst_errors"]
    assert [example["name"] for example in worst["examples"]] == ["0.png", "4.png", "1.png"]
    assert (worst["errors"], worst["without_score"], worst["not_shown"]) == (5, 0, 2)
    first = worst["examples"][0]
    assert (first["class"], first["probability"], first["licence"], first["attribution"]) == ("attack", 0.1, "MIT", "somebody")
    with Image.open(io.BytesIO(base64.b64decode(first["picture"]))) as opened:
        assert (opened.format, opened.size) == ("JPEG", (96, 80))
        assert not opened.getexif()


def test_the_result_stays_a_record(tmp_path: Path) -> None:
    """JSON that a ledger takes, of a bounded size; the same run gives the same bytes."""
    first = canonical_json(prove(tmp_path).to_json())
    assert first == canonical_json(prove(tmp_path).to_json())
    assert len(first) < 64 * 1024


def test_a_file_that_was_changed_meanwhile_is_not_shown(tmp_path: Path) -> None:
    """The picture would be another one than was scored."""
    (tmp_path / "x.png").write_bytes(picture(1))

    def read(name: str) -> bytes:
        return (tmp_path / name).read_bytes()

    trace = Trace(readers={"p": read})
    medium = Medium("p", "x.png", sha256=hashlib.sha256(picture(1)).hexdigest())
    assert trace.read_again(medium) == picture(1)
    (tmp_path / "x.png").write_bytes(picture(2))
    assert trace.read_again(medium) is None
    assert trace.read_again(Medium("q", "x.png")) is None
    assert plots.thumbnail(b"\xff\xd8\xff broken") is None


def test_claims_without_an_attack_family_have_no_plots_of_scores(tmp_path: Path) -> None:
    """Nothing says which class is which."""
    (tmp_path / "a.png").write_bytes(picture(1))
    spec = {"type": "reproducibility", "population": "p", "checks": ["repeated"]}
    result = run_claim(spec, ClaimContext(detector=Known({picture(1): 0.2}), populations={"p": "."}, root=tmp_path))
    assert "plots" not in result.details
