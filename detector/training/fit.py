"""The training loop: views in, AdamW with a cosine, an average of the weights out; it goes on where it was stopped."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from averment.core.canonical import canonical_json, sha256_hex
from averment.detector.training.network import Network, build

AVERAGE_DECAY = 0.995
AT_ONCE = 16
"""Views that go through the network together, and are normalised together; more would leave the processor's cache."""
SAVE_EVERY = 100
"""Steps between checkpoints."""


@dataclass(frozen=True)
class Recipe:
    """What decides the weights of one network besides data and code."""

    seed: int = 20261128
    steps: int = 1200
    batch: int = 64
    rate: float = 1e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    map_weight: float = 0.5
    threads: int = 2
    workers: int = 2
    pretrained: bool = True
    pixels: bool = True
    residual: bool = True


Views: TypeAlias = torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]
"""View ``i`` of a whole training, a function of the seed and ``i`` alone, so that workers and their number don't matter.

An item is a few views of one content: pixels ``(k, side, side, 3)`` uint8, labels ``(k,)`` in [0, 1], and for each the map that is wanted,
``(k, cells, cells)`` in [0, 1], or negative where nothing is known of it.
"""


def seed_everything(recipe: Recipe) -> None:
    """Fix every generator and ask for deterministic kernels."""
    random.seed(recipe.seed)
    np.random.seed(recipe.seed % 2**32)
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    cv2.setNumThreads(1)  # its threads don't survive the fork of the workers
    torch.use_deterministic_algorithms(True)


@dataclass
class _State:
    """Everything that a checkpoint holds."""

    network: Network
    average: Network
    optimiser: Any
    schedule: Any
    step: int = 0
    seconds: float = 0.0
    generator: Tensor | None = None  # of a checkpoint, until the views are there: their loader draws from it, too

    def save(self, path: Path, key: str) -> None:
        part = path.with_suffix(".part")
        values = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser", "schedule")}
        torch.save({"key": key, "step": self.step, "seconds": self.seconds, "rng": torch.get_rng_state(), **values}, part)
        part.replace(path)

    def load(self, path: Path, key: str) -> bool:
        """Whether there was a checkpoint of the same training."""
        if not path.is_file():
            return False
        kept = torch.load(path, map_location="cpu", weights_only=True)
        if kept["key"] != key:
            return False
        for name in ("network", "average", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(kept[name])
        self.step, self.seconds, self.generator = kept["step"], kept["seconds"], kept["rng"]
        return True


def fit(views: Views, items: int, recipe: Recipe, *, checkpoint: Path, key: str, progress: Callable[[str], None]) -> tuple[Network, float]:
    """Train on ``items`` items a step; the network (averaged weights, evaluation mode) and the seconds that it took in all.

    ``key`` names data and code: a checkpoint with another key, or of another recipe, is not gone on from.
    """
    seed_everything(recipe)
    network = build(pretrained=recipe.pretrained, pixels=recipe.pixels, residual=recipe.residual)
    network = network.to(memory_format=torch.channels_last)  # a fifth faster on processors
    optimiser = torch.optim.AdamW(_groups(network, recipe), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate_at(step, recipe))
    state = _State(network, deepcopy(network).eval(), optimiser, schedule)
    whole_key = sha256_hex(canonical_json({"key": key, "recipe": asdict(recipe)}))
    if state.load(checkpoint, whole_key):
        progress(f"going on after step {state.step}")
    start, first, before, recent = time.monotonic(), state.step, state.seconds, math.nan
    for pixels, labels, maps in _batches(views, items, state, recipe):
        loss = _step(state, recipe, pixels, labels, maps)
        state.seconds = before + time.monotonic() - start
        recent = loss if math.isnan(recent) else 0.95 * recent + 0.05 * loss
        if state.step % 20 == 0 or state.step == recipe.steps:
            each = (time.monotonic() - start) / (state.step - first)
            left = each * (recipe.steps - state.step)
            progress(f"step {state.step}/{recipe.steps}: loss {recent:.3f}, {len(labels) / each:.0f} views/s, {left / 60:.0f} min left")
        if state.step % SAVE_EVERY == 0 or state.step == recipe.steps:
            state.save(checkpoint, whole_key)
    return state.average.eval(), state.seconds


def _step(state: _State, recipe: Recipe, pixels: Tensor, labels: Tensor, maps: Tensor) -> float:
    state.network.train()
    state.optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for first in range(0, len(labels), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        share = len(labels[part]) / len(labels)
        logits, where = state.network(pixels[part])
        loss = share * _loss(logits, where, labels[part], maps[part], recipe)
        loss.backward()
        total += float(loss.detach())
    nn.utils.clip_grad_norm_(state.network.parameters(), 2.0)
    state.optimiser.step()
    state.schedule.step()
    state.step += 1
    _blend(state.average, state.network, min(AVERAGE_DECAY, state.step / (state.step + 10)))
    return total


def _batches(views: Views, items: int, state: _State, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What is left of the training, a step at a time."""
    left = range(state.step * items, recipe.steps * items)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(views, left), batch_size=items, shuffle=False, num_workers=recipe.workers, drop_last=True
    )
    batches = iter(loader)
    if state.generator is not None:
        torch.set_rng_state(state.generator)
    for pixels, labels, maps in batches:
        yield pixels.flatten(0, 1), labels.flatten(0, 1), maps.flatten(0, 1)


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    heads = [*network.head.parameters(), *network.where.parameters()]
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith(("head.", "where."))]
    return [{"params": body, "lr": recipe.rate}, {"params": heads, "lr": 2 * recipe.rate}]


def _rate_at(step: int, recipe: Recipe) -> float:
    """As a share of ``recipe.rate``: a short rise, then half a cosine down to nothing."""
    warm = max(1, recipe.steps // 20)
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))


def _loss(logits: Tensor, where: Tensor, labels: Tensor, maps: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy of the image, and of the map's cells of which something is known."""
    soft = labels * (1 - recipe.smoothing) + recipe.smoothing / 2
    image = nn.functional.binary_cross_entropy_with_logits(logits, soft)
    known = (maps >= 0).float()
    cells = nn.functional.binary_cross_entropy_with_logits(where, maps.clamp(0, 1), reduction="none")
    total: Tensor = image + recipe.map_weight * (cells * known).sum() / known.sum().clamp(min=1)
    return total


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def _blend(average: Network, network: Network, decay: float) -> None:
    for (_, kept), (_, new) in zip(average.state_dict().items(), network.state_dict().items(), strict=True):
        if kept.dtype.is_floating_point:
            kept.mul_(decay).add_(new, alpha=1 - decay)
        else:
            kept.copy_(new)
