"""Training end to end on a handful of generated images: one step, ONNX out, the same scores in ONNX Runtime, the same file twice."""

from __future__ import annotations

import csv
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from averment.core.errors import BadInputError
from averment.detector.imaging import INPUT_SIDE
from averment.detector.training import figures
from averment.detector.training.card import render
from averment.detector.training.data import TRAIN, load, split_of
from averment.detector.training.export import run_onnx
from averment.detector.training.figures import Scored, auc, calibration_error, measure, platt, threshold_for, tpr_at
from averment.detector.training.fit import Recipe, Views
from averment.detector.training.pipeline import train

COLUMNS = ("file", "sha256", "label", "kind", "generator", "licence", "attribution", "group", "consent")
RECIPE = Recipe(seed=7, steps=1, batch=4, threads=1, pretrained=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in two textures for "real" and "synthetic", flat colour for products (made here)."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    rows = []
    for number in range(120):
        label, kind, generator, source = (
            ("real", "face", "", "studio"),
            ("synthetic", "face", "MADE_UP" if number % 8 else "LEFT_OUT", "made"),
            ("real", "product", "", "shop"),
        )[number % 3]
        pixels = (
            rng.integers(0, 256, (210, 210, 3)) if label == "real" else np.repeat(np.repeat(rng.integers(0, 256, (30, 30, 3)), 7, 0), 7, 1)
        )
        file = f"{source}/{9000 + number}_x.png"
        (folder / source).mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / file)
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        rows.append((file, digest, label, kind, generator, "CC0-1.0", "made by this test", f"g_{number}", "given"))
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([COLUMNS, *rows])
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train(data, out, RECIPE, generators=("LEFT_OUT",), sources=(), progress=lambda line: None)
    return out


def test_one_step_gives_model_lock_and_card(trained: Path) -> None:
    """Files are there, the lock describes the model file, the card is what the lock renders to, the model is small enough."""
    lock = json.loads((trained / "lock.json").read_text())
    model = (trained / "reference.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == lock["model"]["sha256"]
    assert len(model) == lock["model"]["bytes"] <= 8 * 1024 * 1024
    assert (trained / "CARD.md").read_text() == render(lock)
    assert 0.5 <= lock["threshold"] < 1
    assert lock["onnx_difference"] < 1e-3
    assert lock["data"]["unseen_generators"] == ["LEFT_OUT"]
    assert set(lock["figures"]) == {"jpeg-95", "jpeg-75", "jpeg-50", "half-size"}


def test_onnx_runtime_gives_probabilities_for_any_batch(trained: Path) -> None:
    """The exported graph takes uint8 batches of any size and gives two probabilities an image, independent of the batch."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, INPUT_SIDE, INPUT_SIDE, 3), dtype=np.uint8)
    synthetic, portrait = run_onnx(trained / "reference.onnx", pixels)
    assert synthetic.shape == portrait.shape == (5,)
    assert ((synthetic >= 0) & (synthetic <= 1)).all()
    assert run_onnx(trained / "reference.onnx", pixels[2:3])[0][0] == pytest.approx(synthetic[2], abs=1e-6)


def test_the_same_recipe_gives_the_same_file(data: Path, trained: Path, tmp_path: Path) -> None:
    """Deterministic by seed: byte for byte; and another seed gives another model."""
    train(data, tmp_path / "again", RECIPE, generators=("LEFT_OUT",), sources=(), progress=lambda line: None)
    assert (tmp_path / "again/reference.onnx").read_bytes() == (trained / "reference.onnx").read_bytes()
    other = Recipe(**{**RECIPE.__dict__, "seed": 8})
    train(data, tmp_path / "other", other, generators=("LEFT_OUT",), sources=(), progress=lambda line: None)
    assert (tmp_path / "other/reference.onnx").read_bytes() != (trained / "reference.onnx").read_bytes()


def test_the_unseen_generator_is_in_no_view(data: Path) -> None:
    """What is held out whole is in the test part, and no view is drawn from it."""
    dataset = load(data, seed=7, unseen_generators=("LEFT_OUT",))
    assert all(sample.split == "test" for sample in dataset.samples if sample.generator == "LEFT_OUT")
    drawn = {member.file for pool in Views(dataset.part(TRAIN), RECIPE).pools.values() for stratum in pool for _, member in stratum}
    assert drawn == {sample.file for sample in dataset.part(TRAIN)}
    assert all("LEFT_OUT" not in sample.generator for sample in dataset.part(TRAIN))


def test_a_view_depends_on_its_number_alone(data: Path) -> None:
    """View 3 is the same whatever was drawn before it, so workers and order don't change a training."""
    views = Views(load(data, seed=7).part(TRAIN), RECIPE)
    first = views[3]
    _ = views[0]
    assert all(bool((a == b).all()) for a, b in zip(first, views[3], strict=True))


def test_a_changed_image_stops_the_training(data: Path, tmp_path: Path) -> None:
    """A file that isn't the manifest's is refused by name, with the manifest's line."""
    text = (data / "manifest.csv").read_text().replace(hashlib.sha256((data / "studio/9000_x.png").read_bytes()).hexdigest(), "0" * 64)
    copy = tmp_path / "data"
    copy.mkdir()
    (copy / "manifest.csv").write_text(text)
    for folder in ("studio", "made", "shop"):
        (copy / folder).symlink_to(data / folder)
    with pytest.raises(BadInputError, match=r"studio/9000_x.png is not the file") as raised:
        load(copy, seed=7)
    assert raised.value.where is not None
    assert raised.value.where.line == 2


def test_an_unclear_licence_stops_the_training(data: Path, tmp_path: Path) -> None:
    """Data with a licence that isn't on the list doesn't get in."""
    copy = tmp_path / "data"
    copy.mkdir()
    (copy / "manifest.csv").write_text((data / "manifest.csv").read_text().replace("CC0-1.0", "CC-BY-NC-4.0", 1))
    with pytest.raises(BadInputError, match=r"CC-BY-NC-4\.0"):
        load(copy, seed=7)


def test_the_split_has_the_shares_that_it_says() -> None:
    """Over many groups the hash gives 65, 15 and 20 per cent, and always the same answer."""
    splits = [split_of(f"group-{number}", 1) for number in range(5000)]
    shares = {name: splits.count(name) / len(splits) for name in ("train", "calibrate", "test")}
    assert shares == pytest.approx({"train": 0.65, "calibrate": 0.15, "test": 0.2}, abs=0.02)
    assert splits == [split_of(f"group-{number}", 1) for number in range(5000)]


def test_figures_agree_with_known_values() -> None:
    """AUC with ties, TPR at a bound, threshold at a bound: small cases counted by hand."""
    real, fake = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.3, 0.35, 0.9, 0.95])
    assert auc(real, fake) == pytest.approx((2.5 + 3 + 4 + 4) / 16)
    assert tpr_at(real, fake, 0.25) == pytest.approx(0.75)
    assert tpr_at(real, fake, 0.0) == pytest.approx(0.5)
    assert np.mean(real >= threshold_for(real, 0.25)) <= 0.25
    assert np.mean(real >= threshold_for(real, 0.0)) == 0.0


def test_intervals_follow_groups_not_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten identical views of each person don't narrow the interval that the people give."""
    monkeypatch.setattr(figures, "REPLICATES", 300)
    rng = np.random.default_rng(5)
    scores, labels = rng.uniform(0, 1, 60), np.repeat([0, 1], 30)
    once = Scored(scores, np.ones(60, bool), labels, np.array([f"p{n}" for n in range(60)]))
    ten = Scored(*(np.repeat(part, 10) for part in (once.synthetic, once.answered, once.label, once.group)))
    intervals = [measure(part, 0.5, seed=1)["apcer"] for part in (once, ten)]
    widths = [interval["high"] - interval["low"] for interval in intervals]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_platt_scaling_finds_the_slope() -> None:
    """Labels drawn from a logistic model give its slope and offset back; such probabilities have a small calibration error."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.uniform(size=20_000) < 1 / (1 + np.exp(-(1.5 * logits - 0.5)))).astype(int)
    slope, offset = platt(logits, labels)
    assert (slope, offset) == pytest.approx((1.5, -0.5), abs=0.1)
    probability = 1 / (1 + np.exp(-(slope * logits + offset)))
    assert calibration_error(Scored(probability, np.ones(20_000, bool), labels, labels)) < 0.02


def test_published_weights_fit_the_network() -> None:
    """The ImageNet start covers everything but the heads."""
    from averment.detector.training.network import build, parameters

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parameters(build(pretrained=True)) < 800_000
