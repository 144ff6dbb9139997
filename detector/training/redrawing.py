"""Small networks that draw a face anew, as the networks behind face swaps do: what they lose and leave is what swapped faces show.

The inner face of a swap comes out of a decoder: soft where skin has pores, sharp at strong edges, vague at pupils and teeth, with the grid
of its up-sampling. Blurring imitates none of that. So autoencoders are trained here, on the faces of the training part alone, one for each
usual way of up-sampling, and one way to fake uses them (``blending.redrawn_by``; the design follows the first public face swaps: what a
decoder knows of somebody, laid over somebody else). They are small, never good, and thrown away after training.

A code keeps its first channels only, a number drawn anew for each picture, so that one network draws well or badly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from averment.core.canonical import canonical_json, sha256_hex
from averment.detector.training.blending import DRAWN_AT, around, viewed
from averment.detector.training.platforms import relit
from averment.detector.training.portraits import Portrait

Array = Any
Random = np.random.Generator

WAYS = ("shuffled", "nearest", "transposed")
"""Of up-sampling: sub-pixel convolution, repeated pixels with a convolution, transposed convolution."""
CODE, STRIDE = 64, 8
"""Channels of a code, and pixels of the picture by cell of it."""
FEWEST = 3
"""Channels that are always kept."""


@dataclass(frozen=True)
class DrawingRecipe:
    """What decides the weights besides data and code."""

    seed: int = 20261128
    steps: int = 1800  # of each network
    batch: int = 8
    rate: float = 2e-3
    threads: int = 2


class Drawer(nn.Module):  # type: ignore[misc]
    """Pictures ``(N, 3, s, s)`` in [0, 1] to the same, drawn anew; ``s`` a multiple of ``STRIDE``.

    Coarse light and colour (means over ``STRIDE`` pixels a side) are given to the decoder, what is finer has to pass through the code.
    """

    def __init__(self, way: str) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(layer for widths in ((3, 32), (32, 64), (64, 96)) for layer in (nn.Conv2d(*widths, 3, 2, 1), nn.LeakyReLU(0.1))),
            nn.Conv2d(96, 96, 3, 1, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(96, CODE, 3, 1, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(CODE + 3, 128, 3, 1, 1),
            nn.LeakyReLU(0.1),
            *(_Doubled(*widths, way) for widths in ((128, 64), (64, 32), (32, 24))),
            nn.Conv2d(24, 3, 3, 1, 1),
        )

    def forward(self, pictures: Tensor, kept: Tensor, disturbed: Tensor | None = None) -> Tensor:
        """``kept``, ``(N, CODE, 1, 1)``, says with 0 or 1 which channels of the code pass; ``disturbed`` is added to it."""
        coarse = nn.functional.avg_pool2d(pictures, STRIDE)
        code = self.encoder(pictures - 0.5)
        code = (code if disturbed is None else code + disturbed) * kept
        rough = nn.functional.interpolate(coarse, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        drawn: Tensor = rough + self.decoder(torch.cat([code, coarse - 0.5], dim=1))
        return drawn


class _Doubled(nn.Module):  # type: ignore[misc]
    """Twice as wide and high, then once more looked over."""

    def __init__(self, width_in: int, width_out: int, way: str) -> None:
        super().__init__()
        self.doubled: nn.Module = {
            "shuffled": lambda: nn.Sequential(nn.Conv2d(width_in, 4 * width_out, 3, 1, 1), nn.PixelShuffle(2)),
            "nearest": lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(width_in, width_out, 3, 1, 1)),
            "transposed": lambda: nn.ConvTranspose2d(width_in, width_out, 4, 2, 1),
        }[way]()
        self.finished = nn.Sequential(nn.LeakyReLU(0.1), nn.Conv2d(width_out, width_out, 3, 1, 1), nn.LeakyReLU(0.1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.doubled(x)
        out: Tensor = x + self.finished(x)
        return out


@dataclass(frozen=True)
class Redrawing:
    """Trained networks as a ``blending.Redraw``: a view of a face in, the same drawn anew by one of them out."""

    drawers: Sequence[Drawer]

    def __call__(self, view: Array, rng: Random) -> Array:
        drawer = self.drawers[int(rng.integers(len(self.drawers)))]
        kept = _kept(_channels(rng, 1))
        side = view.shape[0] // STRIDE
        disturbed = rng.normal(0, float(rng.uniform(0, 0.05)), (1, CODE, side, side)).astype(np.float32) if rng.random() < 0.25 else None
        with torch.no_grad():
            drawn = drawer(_tensor([view]), kept, None if disturbed is None else torch.from_numpy(disturbed))
        return (drawn.clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).contiguous().numpy()


def learn(
    portraits: Sequence[Portrait], recipe: DrawingRecipe, *, checkpoint: Path, key: str, progress: Callable[[str], None]
) -> tuple[Redrawing, float]:
    """One network for each of ``WAYS``, trained on ``portraits``, and the seconds that it took in all.

    A finished network is kept in ``checkpoint``: a run that was stopped goes on after it, if ``key`` (data and code) and recipe are its.
    """
    torch.set_num_threads(recipe.threads)
    cv2.setNumThreads(1)  # as in fit: its threads don't survive the fork of the workers that come after
    torch.use_deterministic_algorithms(True)
    whole_key = sha256_hex(canonical_json({"key": key, "recipe": asdict(recipe)}))
    states, seconds = _kept_states(checkpoint, whole_key)
    for number in range(len(states), len(WAYS)):
        start = time.monotonic()
        drawer = _fitted(WAYS[number], portraits, recipe, number, progress)
        states.append(drawer.state_dict())
        seconds += time.monotonic() - start
        part = checkpoint.with_suffix(".part")
        torch.save({"key": whole_key, "states": states, "seconds": seconds}, part)
        part.replace(checkpoint)
    drawers = []
    for way, state in zip(WAYS, states, strict=True):
        drawer = Drawer(way).eval()
        drawer.load_state_dict(state)
        drawers.append(drawer)
    return Redrawing(drawers), seconds


def _kept_states(checkpoint: Path, key: str) -> tuple[list[dict[str, Any]], float]:
    if checkpoint.is_file():
        kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if kept["key"] == key:
            return list(kept["states"]), float(kept["seconds"])
    return [], 0.0


def _fitted(way: str, portraits: Sequence[Portrait], recipe: DrawingRecipe, number: int, progress: Callable[[str], None]) -> Drawer:
    torch.manual_seed(recipe.seed + number)
    drawer = Drawer(way)
    drawer.train()
    optimiser = torch.optim.Adam(drawer.parameters(), lr=recipe.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps + 1, pct_start=0.05)
    recent = float("nan")
    for step in range(recipe.steps):
        rng = np.random.default_rng([recipe.seed, number, step])
        side = int(rng.choice(DRAWN_AT))
        pictures = _tensor([_example(portraits[int(rng.integers(len(portraits)))], side, rng) for _ in range(recipe.batch)])
        loss = _difference(drawer(pictures, _kept(_channels(rng, recipe.batch))), pictures)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        recent = float(loss.detach()) if step == 0 else 0.98 * recent + 0.02 * float(loss.detach())
        if (step + 1) % 300 == 0 or step + 1 == recipe.steps:
            progress(f"drawing faces anew ({way}): step {step + 1}/{recipe.steps}, loss {recent:.4f}")
    drawer.eval()
    return drawer


def _example(portrait: Portrait, side: int, rng: Random) -> Array:
    """A square view of the face, a little turned, often mirrored, sometimes in other light."""
    view = viewed(portrait.pixels, around(portrait, side, rng, turn=10.0), side)
    view = np.ascontiguousarray(view[:, ::-1]) if rng.random() < 0.5 else view
    return relit(view, rng) if rng.random() < 0.2 else view


def _difference(drawn: Tensor, pictures: Tensor) -> Tensor:
    """Of grey levels and of both their slopes."""
    wrong = drawn - pictures
    total: Tensor = wrong.abs().mean() + wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
    return total


def _channels(rng: Random, count: int) -> Array:
    """How many channels pass, between ``FEWEST`` and all, small numbers as often as large ones."""
    return np.exp(rng.uniform(np.log(FEWEST), np.log(1.5 * CODE), count)).astype(int)


def _kept(channels: Array) -> Tensor:
    return (torch.arange(CODE)[None] < torch.from_numpy(channels)[:, None]).float()[:, :, None, None]


def _tensor(views: Sequence[Array]) -> Tensor:
    return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).contiguous().float() / 255
