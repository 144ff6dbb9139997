"""Generators in small: autoencoders that draw a photograph again, so that photograph and generated image differ in nothing but how they were made.

Collections of real and of generated images differ in style, and a network learns the style. An image and its re-drawing don't: what is left
between them are the traces of up-sampling that generators of all kinds leave (Zhang, Karaman and Chang 2019, "Detecting and Simulating
Artifacts in GAN Fake Images", arXiv 1907.06515, from the paper). Each simulator has one of the usual ways to enlarge; all are trained
here, in minutes, on the training part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

Array = Any

KINDS = (("transposed", 2), ("nearest", 3), ("bilinear", 2), ("shuffled", 3))
"""How a simulator doubles the side (transposed convolution, nearest neighbour or bilinear before a convolution, pixel shuffle after one),
and how often it was halved before: twice, or three times as by the autoencoders of latent diffusion."""
PATCH, BATCH, STEPS, RATE = 80, 12, 110, 3e-3
WIDTH = 16
LATENT = {2: 10, 3: 24}
"""Channels of the code by depth: as many numbers as a sixth or an eighth of the pixels hold."""


class _Doubling(nn.Module):  # type: ignore[misc]
    def __init__(self, way: str, width_in: int, width_out: int) -> None:
        super().__init__()
        self.way = way
        if way == "transposed":
            self.layer: nn.Module = nn.ConvTranspose2d(width_in, width_out, 4, 2, 1)
        elif way == "shuffled":
            self.layer = nn.Conv2d(width_in, width_out * 4, 3, 1, 1)
        else:
            self.layer = nn.Conv2d(width_in, width_out, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "transposed":
            return self.layer(x)
        if self.way == "shuffled":
            return nn.functional.pixel_shuffle(self.layer(x), 2)
        options = {"mode": "nearest"} if self.way == "nearest" else {"mode": "bilinear", "align_corners": False}
        return self.layer(nn.functional.interpolate(x, scale_factor=2, **options))


class Simulator(nn.Module):  # type: ignore[misc]
    """From ``(N, 3, H, W)`` in [0, 1] to the same, drawn again; H and W are multiples of 8."""

    def __init__(self, way: str, depth: int) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.Conv2d(3, WIDTH, 3, 1, 1), nn.SiLU()]
        up: list[nn.Module] = [nn.Conv2d(LATENT[depth], WIDTH * 2, 3, 1, 1), nn.SiLU()]
        for level in range(depth):
            down += [nn.Conv2d(WIDTH * (1 if level == 0 else 2), WIDTH * 2, 4, 2, 1), nn.SiLU()]
            last = level == depth - 1
            up += [_Doubling(way, WIDTH * 2, WIDTH if last else WIDTH * 2), nn.SiLU()]
        self.down = nn.Sequential(*down, nn.Conv2d(WIDTH * 2, LATENT[depth], 3, 1, 1))
        self.up = nn.Sequential(*up, nn.Conv2d(WIDTH, 3, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        drawn: Tensor = self.up(self.down(x * 2 - 1)) + 0.5
        return drawn


def simulators(images: Sequence[Array], folder: Path, key: str, seed: int, progress: Callable[[str], None]) -> list[Simulator]:
    """One of each kind, trained on patches of ``images`` (uint8 RGB); kept in ``folder`` under ``key``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, (way, depth) in enumerate(KINDS):
        path = folder / f"{way}-{depth}.pt"
        torch.manual_seed(seed + number)
        simulator = Simulator(way, depth)
        kept = torch.load(path, weights_only=True) if path.is_file() else {"key": ""}
        if kept["key"] == key:
            simulator.load_state_dict(kept["weights"])
        else:
            loss = _train(simulator, images, np.random.default_rng([seed, number]))
            progress(f"simulator {way}, {depth} halvings: loss {loss:.4f}")
            torch.save({"key": key, "weights": simulator.state_dict()}, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        found.append(simulator.eval())
    return found


def _train(simulator: Simulator, images: Sequence[Array], rng: np.random.Generator) -> float:
    optimiser = torch.optim.Adam(simulator.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    recent = 0.0
    for step in range(STEPS):
        batch = torch.from_numpy(np.stack([_patch(images[int(rng.integers(len(images)))], rng) for _ in range(BATCH)]))
        wanted = batch.permute(0, 3, 1, 2).float() / 255
        loss = _distance(simulator(wanted), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        recent = float(loss.detach()) if step == 0 else 0.95 * recent + 0.05 * float(loss.detach())
    return recent


def _patch(image: Array, rng: np.random.Generator) -> Array:
    height, width = image.shape[:2]
    if min(height, width) < PATCH:
        image = cv2.resize(image, (max(width, PATCH), max(height, PATCH)))
        height, width = image.shape[:2]
    top, left = int(rng.integers(height - PATCH + 1)), int(rng.integers(width - PATCH + 1))
    return image[top : top + PATCH, left : left + PATCH]


def _distance(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Of pixels, of differences between neighbours, and of the spectrum's strength: the last keeps the drawing as sharp as the photograph."""
    pixels = (drawn - wanted).abs().mean()
    edges = sum((drawn.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean() for axis in (2, 3))
    spectra = [torch.log(torch.fft.rfft2(image, norm="ortho").abs() + 0.02) for image in (drawn, wanted)]
    total: Tensor = pixels + edges + 0.05 * (spectra[0] - spectra[1]).abs().mean()
    return total


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def redrawn(simulator: Simulator, image: Array) -> Array:
    """``image`` (uint8 RGB) as the simulator draws it."""
    height, width = image.shape[:2]
    below, beside = -height % 8, -width % 8
    padded = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REFLECT_101)
    drawn = simulator(torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255)
    pixels = (drawn[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    return np.ascontiguousarray(pixels[:height, :width])
