"""The training loop: balanced draws, laundered views, AdamW with a cosine, and an average of the weights at the end."""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from averment.detector.imaging import prepare
from averment.detector.training.data import Sample
from averment.detector.training.launder import training_view, working_copy
from averment.detector.training.network import PORTRAIT, SYNTHETIC, Network, build

AVERAGE_DECAY = 0.98


@dataclass(frozen=True)
class Recipe:
    """What decides the weights besides data and code."""

    seed: int = 20261123
    steps: int = 240
    batch: int = 48
    rate: float = 1.2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    threads: int = 2
    pretrained: bool = True


class Views(torch.utils.data.Dataset[Any]):  # type: ignore[misc]
    """View ``i`` of the whole training, a function of the seed and ``i`` alone, so that workers and their number don't matter."""

    def __init__(self, samples: Sequence[Sample], recipe: Recipe) -> None:
        self.recipe = recipe
        self.pools: dict[str, list[list[tuple[Image.Image, Sample]]]] = {"real": [], "synthetic": [], "product": []}
        strata: dict[tuple[str, str], list[tuple[Image.Image, Sample]]] = defaultdict(list)
        for sample in samples:
            pool = "product" if sample.kind == "product" else sample.label
            strata[(pool, sample.stratum)].append((working_copy(sample.path.read_bytes()), sample))
        for (pool, _), members in sorted(strata.items()):
            self.pools[pool].append(members)
        self.pools = {name: pool for name, pool in self.pools.items() if pool}

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = random.Random(self.recipe.seed * 1_000_003 + index)  # noqa: S311 - augmentation, not secrets
        pool = rng.choices(list(self.pools), [{"real": 4, "synthetic": 4, "product": 2}[name] for name in self.pools])[0]
        strata = self.pools[pool]
        members = rng.choices(strata, [math.sqrt(len(stratum)) for stratum in strata])[0]
        image, sample = rng.choice(members)
        other, _ = rng.choice(rng.choice(rng.choice(list(self.pools.values()))))
        pixels = prepare(training_view(image, rng, other))
        portrait = float(sample.kind == "face")
        return torch.from_numpy(np.array(pixels)), torch.tensor([float(sample.label == "synthetic"), portrait]), torch.tensor(portrait)


def seed_everything(recipe: Recipe) -> None:
    """Fix every generator and ask for deterministic kernels."""
    random.seed(recipe.seed)
    np.random.seed(recipe.seed % 2**32)
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)


def fit(samples: Sequence[Sample], recipe: Recipe, progress: Callable[[str], None]) -> tuple[Network, float]:
    """Train on ``samples``; the network (averaged weights, evaluation mode) and the seconds it took."""
    seed_everything(recipe)
    network = build(pretrained=recipe.pretrained)
    average = deepcopy(network).eval()
    views = Views(samples, recipe)
    loader = torch.utils.data.DataLoader(views, batch_size=recipe.batch, shuffle=False, num_workers=0, drop_last=True)
    optimiser = torch.optim.AdamW(_groups(network, recipe), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate_at(step, recipe.steps))
    start, recent = time.monotonic(), 0.0
    for step, (pixels, targets, is_portrait) in enumerate(loader, start=1):
        network.train()
        loss = _loss(network(pixels), targets, is_portrait, recipe.smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        _blend(average, network, min(AVERAGE_DECAY, step / (step + 10)))
        recent = float(loss.detach()) if step == 1 else 0.95 * recent + 0.05 * float(loss.detach())
        if step % 20 == 0 or step == recipe.steps:
            progress(f"step {step}/{recipe.steps}: loss {recent:.3f}, {step * recipe.batch / (time.monotonic() - start):.0f} views/s")
    return average.eval(), time.monotonic() - start


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    heads = list(network.heads.parameters())
    body = [parameter for name, parameter in network.named_parameters() if not name.startswith("heads.")]
    return [{"params": body, "lr": recipe.rate}, {"params": heads, "lr": 2 * recipe.rate}]


def _rate_at(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _loss(logits: Tensor, targets: Tensor, is_portrait: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of both heads.

    Real photographs of products count half as real: they are all that the data has of everyday cameras and light.
    """
    soft = targets * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    weight = 0.5 + 0.5 * is_portrait
    synthetic = (each[:, SYNTHETIC] * weight).sum() / weight.sum()
    total: Tensor = synthetic + 0.5 * each[:, PORTRAIT].mean()
    return total


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def _blend(average: Network, network: Network, decay: float) -> None:
    for (_, kept), (_, new) in zip(average.state_dict().items(), network.state_dict().items(), strict=True):
        if kept.dtype.is_floating_point:
            kept.mul_(decay).add_(new, alpha=1 - decay)
        else:
            kept.copy_(new)
