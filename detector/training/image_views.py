"""Views for the family of synthetic images: a photographed face beside a generated one, framed alike by the face's box.

Collections of photographed and of generated portraits differ in style, and a network learns the style where it can. So each couple
exchanges coarse light and colour in some draws, part of the views show a piece of the face only, and part of the photographed views are
pieces of product photographs, taken with people's telephones: what is photographed isn't always a portrait from a studio.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from averment.detector.imaging import decode
from averment.detector.training.data import Sample
from averment.detector.training.face_views import CELLS, as_input
from averment.detector.training.framing import cut, turned
from averment.detector.training.platforms import harshness, sent
from averment.detector.training.portraits import Portrait

Array = Any
Random = np.random.Generator

EXCHANGED, PIECES, PRODUCTS = 0.3, 0.2, 0.3
"""Shares of couples with exchanged coarse structure, of those that show a piece only, and of photographed views that show a product."""
LONGEST, SHORTEST = 480, 120
"""Sides in pixels: product photographs are reduced to the one, and no piece of them is smaller than the other (if they have as much)."""


class ImageViews(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):  # type: ignore[misc]
    """Item ``i``: a photographed and a generated view; the map that is wanted is the label everywhere."""

    def __init__(self, samples: Sequence[Sample], portraits: Mapping[str, Portrait], seed: int, items: int) -> None:
        self.seed, self.items = seed, items
        faces: dict[str, dict[str, list[Portrait]]] = {"real": defaultdict(list), "synthetic": defaultdict(list)}
        for sample in samples:
            if sample.file in portraits:
                faces[sample.label][sample.stratum].append(portraits[sample.file])
        self.products = [sample for sample in samples if sample.kind == "product" and sample.label == "real"]
        self.faces = [[members for _, members in sorted(faces[label].items())] for label in ("real", "synthetic")]

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        images = [turned([self._view(label, rng)], rng)[0] for label in (0, 1)]
        side = min(image.shape[0] for image in images)
        images = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
        if rng.random() < EXCHANGED:
            images = _coarse_exchanged(images, rng)
        if rng.random() < PIECES:
            images = [_piece_of(image, rng) for image in images]
        harsh = harshness(rng, index / self.items)
        pixels = np.stack([as_input(sent(image, rng, harsh)) for image in images])
        labels = torch.tensor([0.0, 1.0])
        return torch.from_numpy(pixels), labels, labels[:, None, None].expand(2, CELLS, CELLS).clone()

    def _view(self, label: int, rng: Random) -> Array:
        if label == 0 and self.products and rng.random() < PRODUCTS:
            return _product(self.products[int(rng.integers(len(self.products)))], rng)
        return _view_of(_drawn(self.faces[label], rng), rng)


def _drawn(strata: Sequence[Sequence[Portrait]], rng: Random) -> Portrait:
    weights = np.sqrt([len(members) for members in strata])
    members = strata[int(rng.choice(len(strata), p=weights / weights.sum()))]
    return members[int(rng.integers(len(members)))]


def _view_of(portrait: Portrait, rng: Random) -> Array:
    left, top, side = cut(portrait, rng)
    return portrait.pixels[top : top + side, left : left + side]


def _product(sample: Sample, rng: Random) -> Array:
    """A square piece of a product photograph, anywhere in it, of any side from ``SHORTEST`` to its own shorter one."""
    image = decode(sample.path.read_bytes())
    image.thumbnail((LONGEST, LONGEST))
    pixels = np.asarray(image, dtype=np.uint8)
    shortest = min(pixels.shape[:2])
    side = int(rng.integers(min(shortest, SHORTEST), shortest + 1))
    top, left = (int(rng.integers(length - side + 1)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _piece_of(image: Array, rng: Random) -> Array:
    side = int(image.shape[0] * rng.uniform(0.45, 0.8))
    left, top = (int(rng.integers(image.shape[0] - side + 1)) for _ in range(2))
    return image[top : top + side, left : left + side]


def _coarse_exchanged(images: list[Array], rng: Random) -> list[Array]:
    """Both fine structures, each on a mixture of both coarse structures."""
    sigma, share = images[0].shape[0] * float(rng.uniform(0.03, 0.1)), float(rng.uniform(0.4, 1.0))
    coarse = [cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32) for image in images]
    shifts = (coarse[1] - coarse[0], coarse[0] - coarse[1])
    return [np.clip(image + share * shift, 0, 255).astype(np.uint8) for image, shift in zip(images, shifts, strict=True)]
