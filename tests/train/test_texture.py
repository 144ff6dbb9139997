"""The network for synthetic images: what is trained of it, what its map means, and that its weights are the ones asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from averment.core.errors import IncompleteError
from averment.detector import corpus
from averment.detector.imaging import INPUT_SIDE
from averment.detector.training.data import Sample
from averment.detector.training.image_views import ImageViews
from averment.detector.training.network import build
from averment.detector.training.portraits import Portrait
from averment.detector.training.texture import FEATURES, Texture, TextureRecipe, fit_texture, ridge

RECIPE = TextureRecipe(seed=7, couples=12, workers=0)


def _sample(path: Path, label: str, kind: str) -> Sample:
    generator = "drawn" if label == "synthetic" else ""
    return Sample(path, f"{kind}/{path.name}", "", label, kind, generator, "MIT", "nobody", path.stem, "train")


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> ImageViews:
    """Couples of noise (photographed) and of a smooth slope (generated), and one product of the corpus; origin: drawn here, detector/corpus."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(5)
    noise = rng.integers(60, 200, (240, 240, 3), dtype=np.uint8)
    slope = np.broadcast_to(np.linspace(40, 210, 240, dtype=np.uint8)[:, None, None], (240, 240, 3))
    product = folder / "product.jpg"
    product.write_bytes(next(image for image in corpus.load() if image.kind == "product").read())
    samples = [_sample(folder / "noise.png", "real", "face"), _sample(folder / "slope.png", "synthetic", "face")]
    box = np.array([60.0, 60.0, 180.0, 180.0], np.float32)
    portraits = {
        sample.file: Portrait(np.ascontiguousarray(pixels), np.zeros((468, 2), np.float32), box)
        for sample, pixels in zip(samples, (noise, slope), strict=True)
    }
    return ImageViews([*samples, _sample(product, "real", "product")], portraits, 7, RECIPE.couples)


def test_one_weight_a_feature_is_trained_and_nothing_else(views: ImageViews, tmp_path: Path) -> None:
    """After training the blocks are those that were published, so what they make of a picture is what they always made."""
    texture, _ = fit_texture(views, RECIPE, checkpoint=tmp_path / "ckpt", key="k", progress=lambda line: None)
    published = build(pretrained=True, pixels=True, residual=False).state_dict()
    own = texture.pixels.state_dict()
    assert own
    assert all(bool((published[name] == value).all()) for name, value in own.items())
    assert texture.head.weight.shape == (1, FEATURES)
    assert float(texture.head.weight.abs().sum()) > 0
    assert not any(parameter.requires_grad for parameter in texture.parameters())


def test_it_parts_what_it_was_shown(views: ImageViews, tmp_path: Path) -> None:
    """Noise is photographed, a slope is generated: the generated view of a couple gets the higher logit."""
    texture, _ = fit_texture(views, RECIPE, checkpoint=tmp_path / "ckpt", key="k", progress=lambda line: None)
    logits = torch.stack([texture(views[number][0])[0] for number in range(RECIPE.couples)])
    assert float((logits[:, 1] > logits[:, 0]).double().mean()) > 0.9


def test_the_mean_of_the_map_is_the_logit() -> None:
    """So a bright cell is one that the score came from."""
    torch.manual_seed(3)
    texture = Texture(pretrained=False).eval()
    texture.head.weight.normal_()
    logit, cells = texture(torch.randint(0, 256, (3, INPUT_SIDE, INPUT_SIDE, 3), dtype=torch.uint8))
    assert cells.shape == (3, INPUT_SIDE // 16, INPUT_SIDE // 16)
    assert torch.allclose(cells.mean(dim=(1, 2)), logit, atol=1e-4)


def test_a_finished_fit_is_kept_for_the_same_data_and_code_alone(views: ImageViews, tmp_path: Path) -> None:
    """With the same key and recipe nothing is computed again; with another key or recipe everything is."""
    told: list[str] = []

    def weights(key: str, recipe: TextureRecipe = RECIPE) -> torch.Tensor:
        told.clear()
        return fit_texture(views, recipe, checkpoint=tmp_path / "ckpt", key=key, progress=told.append)[0].head.weight.clone()

    first = weights("one")
    assert told
    assert torch.equal(weights("one"), first)
    assert not told
    assert torch.equal(weights("other"), first)
    assert told
    assert not torch.equal(weights("other", replace(RECIPE, penalty=0.1)), first)


def test_photographed_views_show_products_and_generated_ones_never_do(views: ImageViews, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that was taken for a generated picture would be a wrong label."""
    shown: list[str] = []
    monkeypatch.setattr(
        "averment.detector.training.image_views._product", lambda sample, rng: shown.append(sample.file) or np.zeros((99, 99, 3), np.uint8)
    )
    for number in range(40):
        views[number]
    assert 8 < len(shown) < 32
    views.products = []
    shown.clear()
    views[0]
    assert not shown


def test_ridge_finds_the_lowest_loss_whatever_the_scale_of_a_feature() -> None:
    """At the weights found the slope of the stated loss is nothing, and a feature in other units gives the same logits."""
    rng = np.random.default_rng(11)
    labels = (rng.random(400) < 0.5).astype(float)
    features = rng.normal(size=(400, 5)) + labels[:, None] * [1, 0.5, 0, 0, -0.2]
    weights, offset = ridge(features, labels, 0.3)
    table = (features - features.mean(0)) / features.std(0)
    standard = weights * features.std(0)
    error = 1 / (1 + np.exp(-(features @ weights + offset))) - labels
    assert np.abs(table.T @ error / 400 + 0.3 * standard).max() < 1e-6
    assert abs(error.mean()) < 1e-6
    stretched, moved = ridge(features * [1000, 1, 1, 1, 1] + 7, labels, 0.3)
    assert np.allclose((features * [1000, 1, 1, 1, 1] + 7) @ stretched + moved, features @ weights + offset, atol=1e-5)


def test_weights_that_were_not_found_are_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that gave up would otherwise be shipped as a model."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0.0, 1.0], 50)
    monkeypatch.setattr("scipy.optimize.minimize", lambda *_, **__: SimpleNamespace(x=np.full(4, 0.5)))
    with pytest.raises(IncompleteError, match="the loss still has a slope of"):
        ridge(rng.normal(size=(100, 3)), labels, 0.3)
