"""Training end to end on the shipped corpus: one step of each network, ONNX out, the same scores in ONNX Runtime, the same file twice."""

from __future__ import annotations

import csv
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from averment.core.errors import BadInputError, IncompleteError
from averment.detector import corpus
from averment.detector.embedded import EmbeddedDetector
from averment.detector.imaging import INPUT_SIDE
from averment.detector.interface import Family
from averment.detector.training import evaluate, export, figures, pipeline
from averment.detector.training.blending import HELD_OUT, TRAINED_ON, Fake, around, families, viewed
from averment.detector.training.card import render
from averment.detector.training.data import TRAIN, load, split_of
from averment.detector.training.export import run_onnx
from averment.detector.training.face_views import FaceViews, pair
from averment.detector.training.figures import Scored, auc, calibration_error, measure, platt, threshold_for, tpr_at
from averment.detector.training.fit import Recipe, fit
from averment.detector.training.image_views import ImageViews
from averment.detector.training.pipeline import Plan, train
from averment.detector.training.platforms import sent
from averment.detector.training.portraits import Portrait, portraits
from averment.detector.training.redrawing import WAYS, DrawingRecipe, Redrawing, learn
from averment.detector.training.texture import TextureRecipe

COLUMNS = ("file", "sha256", "label", "kind", "generator", "licence", "attribution", "consent", "group")
RECIPE = Recipe(seed=7, steps=1, threads=1, workers=0, pretrained=False)
DRAWING = DrawingRecipe(seed=7, steps=2, batch=2, threads=1)
TEXTURES = TextureRecipe(seed=7, couples=16, workers=0)
PLAN = Plan(DRAWING, RECIPE, TEXTURES, generators=("FLUX1_dev",), split_seed=47)
MESH = Path(".cache/training/mesh.onnx")
"""Made by the Makefile from MediaPipe's wheel."""
UNTRAINED_DIFFERENCE = 5e-2
"""Between torch and ONNX Runtime after one step, see ``quick``."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus as a collection of its own: its images under their sources' names, and a manifest (origin: detector/corpus)."""
    folder = tmp_path_factory.mktemp("images")
    rows = []
    for image in corpus.load():
        file = f"{image.source_file.split('/')[0]}/{Path(image.file).name}"
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(image.read())
        consent = "given" if image.label == "real" and image.kind == "face" else ""
        rows.append((file, image.sha256, image.label, image.kind, image.generator, image.licence, image.attribution, consent, image.group))
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([COLUMNS, *rows])
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Fewer replicates and two of the conditions: the figures of an untrained model interest nobody.

    After one step the network says nearly the same of every picture. Calibration stretches that, and the rounding in which torch and ONNX
    Runtime differ with it: on some processors beyond the bound that holds for a trained network (the shipped one differs by millionths).
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "MAX_DIFFERENCE", UNTRAINED_DIFFERENCE)
        patch.setattr(figures, "REPLICATES", 20)
        patch.setattr(evaluate, "CONDITIONS", {"jpeg-75": (75, 1.0), "half-size": (75, 0.5)})
        yield


@pytest.fixture(scope="module")
def trained(data: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train(data, out, work, MESH, PLAN, progress=lambda line: None)
    return out


@pytest.fixture(scope="module")
def faces(data: Path, work: Path) -> dict[str, Portrait]:
    samples = [sample for sample in load(data, seed=47).samples if sample.kind == "face"]
    return portraits(samples, work / "faces", MESH, lambda line: None)


@pytest.fixture(scope="module")
def redraw(faces: dict[str, Portrait], tmp_path_factory: pytest.TempPathFactory) -> Redrawing:
    checkpoint = tmp_path_factory.mktemp("drawing") / "drawing.ckpt"
    return learn(list(faces.values()), DRAWING, checkpoint=checkpoint, key="k", progress=lambda line: None)[0]


def test_one_step_gives_model_lock_and_card(trained: Path) -> None:
    """Files are there, the lock describes the model file, the card is what the lock renders to, the model is small enough."""
    lock = json.loads((trained / "lock.json").read_text())
    model = (trained / "reference.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == lock["model"]["sha256"]
    assert len(model) == lock["model"]["bytes"] <= 8 * 1024 * 1024
    assert (trained / "CARD.md").read_text() == render(lock)
    assert 0.5 <= lock["threshold"] < 1
    assert lock["onnx_difference"] < UNTRAINED_DIFFERENCE
    assert lock["data"]["unseen_generators"] == ["FLUX1_dev"]
    assert lock["data"]["governance"]["verdict"] == "supported"
    assert set(lock["figures"]) == {"manipulated-face", "synthetic-image", "together"}
    for by_condition in lock["figures"].values():
        assert set(by_condition) == {"jpeg-75", "half-size"}


def test_an_export_that_is_another_network_is_refused(trained: Path) -> None:
    """What is measured and what is shipped must be one."""
    onnx = (trained / "reference.onnx").read_bytes()

    class Other(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
            return [torch.from_numpy(part) + 0.1 for part in run_onnx(onnx, pixels.numpy())]

    with pytest.raises(IncompleteError, match=r"differs from the trained one by 0\.1 in probability"):
        export.check(Other(), onnx, np.zeros((2, INPUT_SIDE, INPUT_SIDE, 3), np.uint8))


def test_onnx_runtime_gives_probabilities_and_maps_for_any_batch(trained: Path) -> None:
    """The exported graph takes uint8 batches of any size and gives two probabilities and two maps a view, independent of the batch."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, INPUT_SIDE, INPUT_SIDE, 3), dtype=np.uint8)
    onnx = (trained / "reference.onnx").read_bytes()
    manipulated, synthetic, *maps = run_onnx(onnx, pixels)
    assert manipulated.shape == synthetic.shape == (5,)
    assert [part.shape for part in maps] == [(5, INPUT_SIDE // 16, INPUT_SIDE // 16)] * 2
    assert all(((part >= 0) & (part <= 1)).all() for part in (manipulated, synthetic, *maps))
    assert run_onnx(onnx, pixels[2:3])[0][0] == pytest.approx(manipulated[2], abs=1e-6)


def test_the_detector_that_comes_of_it_judges_faces_in_both_families(trained: Path) -> None:
    """What was written is a whole detector: it finds the face of a portrait and gives both families, each in [0, 1]."""
    model, lock = (trained / "reference.onnx").read_bytes(), json.loads((trained / "lock.json").read_text())
    portrait = next(image for image in corpus.load() if image.kind == "face" and image.label == "real")
    score = EmbeddedDetector(model=model, lock=lock).score([portrait.read()])[0]
    assert set(score.probabilities) == {Family.MANIPULATED_FACE, Family.SYNTHETIC_IMAGE}
    assert len(score.faces) == 1


def test_the_same_plan_gives_the_same_file(data: Path, work: Path, trained: Path, tmp_path: Path) -> None:
    """Deterministic by seed: byte for byte, with nothing kept from before; and another seed gives another model."""
    train(data, tmp_path / "again", tmp_path / "work", MESH, PLAN, progress=lambda line: None)
    assert (tmp_path / "again/reference.onnx").read_bytes() == (trained / "reference.onnx").read_bytes()
    other = replace(PLAN, manipulated=replace(RECIPE, seed=8))
    train(data, tmp_path / "other", tmp_path / "work", MESH, other, progress=lambda line: None)
    assert (tmp_path / "other/reference.onnx").read_bytes() != (trained / "reference.onnx").read_bytes()


def test_each_network_goes_on_while_the_code_that_decides_it_is_the_same(
    data: Path, trained: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the views for synthetic images costs the training of that network alone; without one nothing is trained again."""
    digests = pipeline._digests()

    def told(changed: dict[str, str]) -> str:
        lines: list[str] = []
        monkeypatch.setattr(pipeline, "_digests", lambda: {**digests, **changed})
        train(data, tmp_path / "again", work, MESH, PLAN, progress=lines.append)
        return "\n".join(lines)

    whole = told({})
    assert "going on after step 1" in whole
    assert "textures of" not in whole
    other = told({"synthetic": "another digest"})
    assert "going on after step 1" in other
    assert "textures of" in other
    assert "drawing faces anew (" not in other


def test_a_stopped_training_goes_on_where_it_was(
    data: Path, faces: dict[str, Portrait], redraw: Redrawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after two of four steps and started again: the weights are those of a training that ran through."""
    monkeypatch.setattr("averment.detector.training.fit.SAVE_EVERY", 1)
    recipe = replace(RECIPE, steps=4)
    views = FaceViews(load(data, seed=47).samples, faces, families(redraw), 7, 4 * 2)

    def weights(name: str, stop_after: int | None = None) -> dict[str, torch.Tensor]:
        def progress(line: str) -> None:
            told.append(line)

        class Stopping(FaceViews):
            def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
                if stop_after is not None and index >= 2 * stop_after:
                    raise KeyboardInterrupt
                return super().__getitem__(index)

        given = views if stop_after is None else Stopping(load(data, seed=47).samples, faces, families(redraw), 7, 4 * 2)
        network, _ = fit(given, 2, recipe, checkpoint=tmp_path / name, key="k", progress=progress)
        return dict(network.state_dict())

    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        weights("stopped", 2)
    resumed, whole = weights("stopped"), weights("whole")
    assert "going on after step 2" in told
    assert all(bool((resumed[name] == whole[name]).all()) for name in whole)


def test_a_checkpoint_of_other_data_is_not_gone_on_from(data: Path, faces: dict[str, Portrait], redraw: Redrawing, tmp_path: Path) -> None:
    """The key names data and code: with another one training starts anew."""
    told: list[str] = []
    views = FaceViews(load(data, seed=47).samples, faces, families(redraw), 7, 2)
    for key in ("one", "other"):
        fit(views, 2, RECIPE, checkpoint=tmp_path / "ckpt", key=key, progress=told.append)
    assert not any("going on" in line for line in told)


def test_the_unseen_generator_is_in_no_view(data: Path, faces: dict[str, Portrait]) -> None:
    """What is held out whole is in the test part, and no view is drawn from it."""
    dataset = load(data, seed=47, unseen_generators=("FLUX1_dev",))
    assert all(sample.split == "test" for sample in dataset.samples if sample.generator == "FLUX1_dev")
    assert all("FLUX1_dev" not in sample.generator for sample in dataset.part(TRAIN))
    known = {sample.generator for sample in dataset.part(TRAIN) if sample.generator and sample.file in faces}
    assert len(ImageViews(dataset.part(TRAIN), faces, 1, 1).faces[1]) == len(known)


@pytest.mark.parametrize("kind", [FaceViews, ImageViews])
def test_a_view_depends_on_its_number_alone(
    data: Path, faces: dict[str, Portrait], redraw: Redrawing, kind: type[FaceViews] | type[ImageViews]
) -> None:
    """View 3 is the same whatever was drawn before it, so workers and order don't change a training."""
    samples = load(data, seed=47).samples
    views = FaceViews(samples, faces, families(redraw), 7, 8) if kind is FaceViews else ImageViews(samples, faces, 7, 8)
    first = views[3]
    _ = views[0]
    assert all(bool((a == b).all()) for a, b in zip(first, views[3], strict=True))
    assert first[0].shape == (2, INPUT_SIDE, INPUT_SIDE, 3)
    assert first[1].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", [*TRAINED_ON, *HELD_OUT])
def test_a_fake_changes_the_face_where_its_map_says_so(faces: dict[str, Portrait], redraw: Redrawing, name: str) -> None:
    """Of every way to fake: something differs, and it differs most under the mask."""
    face, other = list(faces.values())[:2]
    fake = families(redraw)[name](face, other, np.random.default_rng(4))
    mask, change = fake.mask, np.abs(fake.pixels.astype(int) - fake.before).mean(axis=2)
    assert fake.pixels.shape == face.pixels.shape
    assert 0 < mask.mean() < 0.8
    assert change[mask > 0.5].mean() > 1
    assert change[mask < 0.002].mean() < change[mask > 0.5].mean() / 4


@pytest.mark.parametrize("name", TRAINED_ON)
def test_no_fake_of_training_is_the_picture_that_it_was_made_of(faces: dict[str, Portrait], redraw: Redrawing, name: str) -> None:
    """A small mask that faded away would have left nothing to learn from but a wrong label."""
    face, other = list(faces.values())[:2]
    for seed in range(30):
        fake = families(redraw)[name](face, other, np.random.default_rng(seed))
        assert fake.mask.max() > 0.5
        assert np.abs(fake.pixels.astype(int) - fake.before).max() >= 3


def test_networks_learn_to_draw_a_face_anew(faces: dict[str, Portrait], tmp_path: Path) -> None:
    """Each way of up-sampling comes nearer to the faces the longer it learns; what is drawn is a function of the generator alone."""

    def differences(steps: int) -> list[float]:
        recipe = replace(DRAWING, steps=steps)
        redraw, _ = learn(list(faces.values()), recipe, checkpoint=tmp_path / f"{steps}.ckpt", key="k", progress=lambda line: None)
        alone = [Redrawing([drawer]) for drawer in redraw.drawers]
        views = [viewed(face.pixels, around(face, 96, np.random.default_rng(1)), 96) for face in faces.values()]
        drawn = [[one(view, np.random.default_rng(5)) for view in views] for one in alone]
        assert all((one(views[0], np.random.default_rng(5)) == first[0]).all() for one, first in zip(alone, drawn, strict=True))
        assert {(image.shape, image.dtype) for images in drawn for image in images} == {((96, 96, 3), np.dtype(np.uint8))}
        return [float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(images, views, strict=True)])) for images in drawn]

    early, late = differences(1), differences(25)
    assert len(late) == len(WAYS)
    assert all(after < before for before, after in zip(early, late, strict=True))


def test_networks_that_draw_go_on_after_the_last_finished_one(faces: dict[str, Portrait], tmp_path: Path) -> None:
    """Stopped in the second of three and started again: the first isn't learnt anew, and all are those of one run; another key starts anew."""
    told: list[str] = []

    def stop_at(line: str) -> None:
        told.append(line)
        if f"({WAYS[1]})" in line:
            raise KeyboardInterrupt

    def learnt(name: str, progress: Callable[[str], None], key: str = "k") -> list[dict[str, torch.Tensor]]:
        redraw, _ = learn(list(faces.values()), DRAWING, checkpoint=tmp_path / name, key=key, progress=progress)
        return [dict(drawer.state_dict()) for drawer in redraw.drawers]

    with pytest.raises(KeyboardInterrupt):
        learnt("stopped", stop_at)
    told.clear()
    resumed, whole = learnt("stopped", told.append), learnt("whole", lambda line: None)
    assert not any(f"({WAYS[0]})" in line for line in told)
    assert all(bool((a[name] == b[name]).all()) for a, b in zip(resumed, whole, strict=True) for name in a)
    told.clear()
    learnt("stopped", told.append, key="other")
    assert any(f"({WAYS[0]})" in line for line in told)


def test_a_real_face_and_its_fake_are_sent_the_same_way(faces: dict[str, Portrait]) -> None:
    """Faked by nothing at all, both views are equal: laundering can't tell them apart."""
    face = next(iter(faces.values()))
    views, _ = pair(
        face,
        face,
        lambda one, other, rng: Fake(one.pixels, np.ones(one.pixels.shape[:2], np.float32), one.pixels),
        np.random.default_rng(2),
        1.0,
    )
    assert bool((views[0] == views[1]).all())


@pytest.mark.parametrize("seed", range(12))
def test_what_was_sent_is_an_image_again(faces: dict[str, Portrait], seed: int) -> None:
    """Any way through platforms gives a square of a side that it says, uint8, not a constant."""
    image = sent(next(iter(faces.values())).pixels, np.random.default_rng(seed), 1.0)
    assert image.dtype == np.uint8
    assert image.shape[0] == image.shape[1]
    assert 80 <= image.shape[0] <= 320
    assert image.std() > 5


def copied(data: Path, target: Path, manifest: str) -> Path:
    """The collection with another manifest."""
    target.mkdir()
    (target / "manifest.csv").write_text(manifest)
    for folder in data.iterdir():
        if folder.is_dir():
            (target / folder.name).symlink_to(folder)
    return target


def test_a_changed_image_stops_the_training(data: Path, tmp_path: Path) -> None:
    """A file that isn't the manifest's is refused by name, with the manifest's line."""
    text = (data / "manifest.csv").read_text()
    first = text.splitlines()[1].split(",")
    copy = copied(data, tmp_path / "data", text.replace(first[1], "0" * 64))
    with pytest.raises(BadInputError, match=rf"{first[0]} is not the file") as raised:
        load(copy, seed=7)
    assert raised.value.where is not None
    assert raised.value.where.line == 2


def test_an_unclear_licence_stops_the_training(data: Path, tmp_path: Path) -> None:
    """Data with a licence that isn't on the list doesn't get in."""
    licence = (data / "manifest.csv").read_text().splitlines()[1].split(",")[5]
    copy = copied(data, tmp_path / "data", (data / "manifest.csv").read_text().replace(licence, "CC-BY-NC-4.0", 1))
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
    ten = Scored(*(np.repeat(part, 10) for part in (once.score, once.answered, once.label, once.group)))
    intervals = [measure(part, 0.5, seed=1)["apcer"] for part in (once, ten)]
    widths = [interval["high"] - interval["low"] for interval in intervals]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_platt_scaling_finds_the_slope_for_even_odds() -> None:
    """Labels drawn from a logistic model give its slope back, and its offset less the odds of the draw; such probabilities err little."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.uniform(size=20_000) < 1 / (1 + np.exp(-(1.5 * logits - 2.5)))).astype(int)
    slope, offset = platt(logits, labels)
    assert (slope, offset) == pytest.approx((1.5, -2.5 - np.log(labels.mean() / (1 - labels.mean()))), abs=0.1)
    probability = 1 / (1 + np.exp(-(slope * logits + offset)))
    assert calibration_error(Scored(probability, np.ones(20_000, bool), labels, labels)) < 0.02


def test_how_many_attacks_were_made_moves_no_probability() -> None:
    """Six times as many views of the same attacks: the scaling stays what it was, and so does the error."""
    rng = np.random.default_rng(4)
    logits, labels = np.concatenate([rng.normal(-1, 1, 900), rng.normal(1, 1, 900)]), np.repeat([0, 1], 900)
    more = np.concatenate([logits, np.tile(logits[900:], 5)]), np.concatenate([labels, np.ones(4500, int)])
    assert platt(*more) == pytest.approx(platt(logits, labels), abs=0.01)
    errors = [calibration_error(Scored(1 / (1 + np.exp(-x)), np.ones(len(y), bool), y, y)) for x, y in ((logits, labels), more)]
    assert errors[1] == pytest.approx(errors[0], abs=1e-9)


def test_published_weights_fit_the_network() -> None:
    """The ImageNet start covers everything but the heads."""
    from averment.detector.training.network import build, parameters

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parameters(build(pretrained=True)) < 800_000
