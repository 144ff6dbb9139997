"""The network for synthetic images: what a network for photographs makes of textures, and one weight for each of its channels.

A network that is trained through and through on a handful of generators learns these, and the style of the collections that they came in:
it parts them without a fault and is at chance on the next generator. Features that were learnt for something else, left as they are, with a
linear model on top, carry further (Ojha, Li and Lee, "Towards universal fake image detectors that generalize across generative models",
CVPR 2023, of CLIP's). Here they come from the shallow blocks of EfficientNet-Lite0, where texture is and no objects are yet, so that they
are small enough to ship; and the weights are held so short that little more than the difference of the classes' means is learnt.

Two views of the picture are looked at: its pixels, of which each channel gives a mean and a spread, and its fine structure
(``network.FineStructure``), of which each gives a mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import IncompleteError
from averment.detector.training.fit import AT_ONCE, Recipe, Views, seed_everything
from averment.detector.training.network import BLOCKS, build

Array = Any

PIXEL_BLOCKS, RESIDUAL_BLOCKS = 5, 6
"""How many blocks of ``network.BLOCKS`` are kept of either view: 40 channels on a grid of 20 x 20, and 80 on one of 10 x 10."""
_PIXEL_WIDTH, _RESIDUAL_WIDTH = BLOCKS[PIXEL_BLOCKS - 1][1], BLOCKS[RESIDUAL_BLOCKS - 1][1]
FEATURES = 2 * _PIXEL_WIDTH + _RESIDUAL_WIDTH
LEAST_SPREAD = 1e-6
"""A variance below this counts as this: of a channel that is even, rounding alone would decide the spread."""
FLAT = 1e-5
"""Where no weight's slope of the loss is above this, the lowest loss is found."""


@dataclass(frozen=True)
class TextureRecipe:
    """What decides the weights besides data and code. ``penalty`` is that of the squared weights of standardised features."""

    seed: int = 20261128
    couples: int = 3000
    penalty: float = 10.0
    threads: int = 1
    workers: int = 1
    pretrained: bool = True


class Texture(nn.Module):  # type: ignore[misc]
    """From uint8 pixels ``(N, H, W, 3)`` to a logit an image and a coarse map of logits, whose mean is the image's: as ``network.Network``."""

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        self.pixels, self.residual = (build(pretrained=pretrained, pixels=shown, residual=not shown) for shown in (True, False))
        for network, kept in ((self.pixels, PIXEL_BLOCKS), (self.residual, RESIDUAL_BLOCKS)):
            network._blocks = network._blocks[:kept]
            del network.head, network.where
        self.requires_grad_(False)
        self.head = nn.Linear(FEATURES, 1).requires_grad_(False)

    def looked_at(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The channels of both views: ``(N, 40, H/8, W/8)`` and ``(N, 80, H/16, W/16)``."""
        raw = pixels.permute(0, 3, 1, 2).float()
        shown = (raw - self.pixels.mean) / self.pixels.deviation, self.residual.fine_structure(raw)
        seen = []
        for network, picture in zip((self.pixels, self.residual), shown, strict=True):
            x = nn.functional.relu6(network._bn0(network._conv_stem(picture)))
            for block in network._blocks:
                x = block(x)
            seen.append(x)
        return seen[0], seen[1]

    def features(self, pixels: Tensor) -> Tensor:
        """``(N, FEATURES)``: means and spreads of the first view's channels, then means of the second's."""
        return _pooled(*self.looked_at(pixels))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.looked_at(pixels)
        features = _pooled(first, second)
        weights = self.head.weight[0]
        means, spreads, others = weights.split((_PIXEL_WIDTH, _PIXEL_WIDTH, _RESIDUAL_WIDTH))
        cells = _weighed(nn.functional.avg_pool2d(first, 2), means) + _weighed(second, others)
        everywhere = features[:, _PIXEL_WIDTH : 2 * _PIXEL_WIDTH] @ spreads + self.head.bias
        return self.head(features)[:, 0], cells + everywhere[:, None, None]


def _pooled(first: Tensor, second: Tensor) -> Tensor:
    means = first.mean(dim=(2, 3))
    variance = ((first - means[:, :, None, None]) ** 2).mean(dim=(2, 3))
    return torch.cat([means, variance.clamp(min=LEAST_SPREAD).sqrt(), second.mean(dim=(2, 3))], dim=1)


def _weighed(channels: Tensor, weights: Tensor) -> Tensor:
    return (channels * weights[:, None, None]).sum(dim=1)


def fit_texture(
    views: Views, recipe: TextureRecipe, *, checkpoint: Path, key: str, progress: Callable[[str], None]
) -> tuple[Texture, float]:
    """The network with its weights, and the seconds that it took; they are kept in ``checkpoint`` for whoever comes with the same ``key``."""
    seed_everything(Recipe(seed=recipe.seed, threads=recipe.threads))
    texture = Texture(pretrained=recipe.pretrained).eval()
    whole_key = sha256_hex(canonical_json({"key": key, "recipe": asdict(recipe)}))
    if checkpoint.is_file():
        kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if kept["key"] == whole_key:
            texture.load_state_dict(kept["state"])
            return texture, float(kept["seconds"])
    start = time.monotonic()
    features, labels = _described(texture, views, recipe, progress)
    weights, offset = ridge(features, labels, recipe.penalty)
    texture.head.weight.copy_(torch.from_numpy(weights)[None])
    texture.head.bias.fill_(offset)
    seconds = time.monotonic() - start
    part = checkpoint.with_suffix(".part")
    torch.save({"key": whole_key, "seconds": seconds, "state": texture.state_dict()}, part)
    part.replace(checkpoint)
    return texture, seconds


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def _described(texture: Texture, views: Views, recipe: TextureRecipe, progress: Callable[[str], None]) -> tuple[Array, Array]:
    """Features ``(n, FEATURES)`` and labels ``(n,)`` of all views."""
    couples = torch.utils.data.DataLoader(views, batch_size=AT_ONCE // 2, shuffle=False, num_workers=recipe.workers)
    features, labels = [], []
    for number, (pixels, truth, _) in enumerate(couples, start=1):
        features.append(texture.features(pixels.flatten(0, 1)).double().numpy())
        labels.append(truth.flatten().double().numpy())
        if number % 50 == 0 or number == len(couples):
            progress(f"textures of {sum(map(len, labels)):,}/{2 * recipe.couples:,} views")
    return np.concatenate(features), np.concatenate(labels)


def ridge(features: Array, labels: Array, penalty: float) -> tuple[Array, float]:
    """Weights ``(k,)`` and offset of the logistic regression that, on standardised ``features`` ``(n, k)``, keeps the mean loss plus
    ``penalty`` times half the squared weights least.

    Raises:
        IncompleteError: the search ended somewhere else, where the loss still has a slope.
    """
    from scipy.optimize import minimize

    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    table = (features - centre) / scale

    def loss(values: Array) -> tuple[float, Array]:
        weights, offset = values[:-1], values[-1]
        logits = table @ weights + offset
        error = (1 / (1 + np.exp(-logits)) - labels) / len(labels)
        slope = np.append(table.T @ error + penalty * weights, error.sum())
        return float(np.mean(np.logaddexp(0, logits) - labels * logits) + penalty / 2 * weights @ weights), slope

    found = minimize(
        loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-9}
    ).x
    if (steepest := float(np.abs(loss(found)[1]).max())) > FLAT:
        raise IncompleteError(f"the weights of a logistic regression weren't found: the loss still has a slope of {steepest:.2g}")
    weights = found[:-1] / scale
    return weights, float(found[-1] - weights @ centre)
