"""Views for the family of synthetic images: always one that was photographed beside one that was generated, both sent the same way.

Three kinds of couples. A photograph and its re-drawing by a simulator (``simulators``): the same content, so that nothing but how it was
drawn can be learnt. The same with products, so that the network knows more than faces. And a photographed face beside a generated one,
framed alike by the face's box, each with the other's coarse light and colour in half of the couples, so that style tells little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from averment.detector.imaging import decode, square
from averment.detector.training.data import Sample
from averment.detector.training.face_views import CELLS, as_input
from averment.detector.training.framing import cut, turned
from averment.detector.training.platforms import sent
from averment.detector.training.portraits import Portrait
from averment.detector.training.simulators import Simulator, redrawn

Array = Any
Random = np.random.Generator

GENERATED, REDRAWN, PRODUCTS = "generated", "redrawn", "products"
SHARES: Mapping[str, float] = {GENERATED: 0.55, REDRAWN: 0.25, PRODUCTS: 0.2}
PRODUCT_SIDE = 320
"""Products are kept at this side, or their own if it is smaller."""


class ImageViews(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):  # type: ignore[misc]
    """Item ``i``: a photographed and a generated view."""

    def __init__(
        self, samples: Sequence[Sample], portraits: Mapping[str, Portrait], simulators: Sequence[Simulator], seed: int, items: int
    ) -> None:
        self.seed, self.items, self.simulators = seed, items, list(simulators)
        faces: dict[str, dict[str, list[Portrait]]] = {"real": defaultdict(list), "synthetic": defaultdict(list)}
        for sample in samples:
            if sample.file in portraits:
                faces[sample.label][sample.stratum].append(portraits[sample.file])
        self.faces = {label: [members for _, members in sorted(strata.items())] for label, strata in faces.items()}
        self.products = [product(sample) for sample in samples if sample.kind == "product"]

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        torch.set_num_threads(1)
        kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        if kind == GENERATED:
            couple = self._generated(rng)
        elif kind == REDRAWN or not self.products:
            couple = self._redrawn(_view_of(self._face("real", rng), rng), rng)
        else:
            couple = self._redrawn(_part_of(self.products[int(rng.integers(len(self.products)))], rng), rng)
        pixels = np.stack([_sent(image, way) for image, way in zip(couple, _ways(rng, kind), strict=True)])
        labels = torch.tensor([0.0, 1.0])
        return torch.from_numpy(pixels), labels, labels[:, None, None].expand(2, CELLS, CELLS).clone()

    def _face(self, label: str, rng: Random) -> Portrait:
        strata = self.faces[label]
        weights = np.sqrt([len(members) for members in strata])
        members = strata[int(rng.choice(len(strata), p=weights / weights.sum()))]
        return members[int(rng.integers(len(members)))]

    def _generated(self, rng: Random) -> list[Array]:
        images = [turned([_view_of(self._face(label, rng), rng)], rng)[0] for label in ("real", "synthetic")]
        side = min(image.shape[0] for image in images)
        images = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
        if rng.random() < 0.5:
            images = _coarse_exchanged(images, rng)
        return images

    def _redrawn(self, image: Array, rng: Random) -> list[Array]:
        image = turned([image], rng)[0]
        drawn = redrawn(self.simulators[int(rng.integers(len(self.simulators)))], image)
        return [image, drawn]


def product(sample: Sample) -> Array:
    """A product's picture as the detector frames it."""
    image = square(decode(sample.path.read_bytes()))
    pixels = np.asarray(image)
    return cv2.resize(pixels, (PRODUCT_SIDE, PRODUCT_SIDE), interpolation=cv2.INTER_AREA) if pixels.shape[0] > PRODUCT_SIDE else pixels


def _ways(rng: Random, kind: str) -> list[np.random.Generator]:
    """One way for both of a couple with one content; two for two contents, so that a way is no sign of a pair."""
    way = int(rng.integers(2**62))
    return [np.random.default_rng(way), np.random.default_rng(way + (kind == GENERATED))]


def _sent(image: Array, way: Random) -> Array:
    return as_input(sent(image, way))


def _view_of(portrait: Portrait, rng: Random) -> Array:
    left, top, side = cut(portrait, rng)
    return portrait.pixels[top : top + side, left : left + side]


def _part_of(image: Array, rng: Random) -> Array:
    side = int(image.shape[0] * rng.uniform(0.5, 1.0))
    left, top = (int(rng.integers(image.shape[0] - side + 1)) for _ in range(2))
    return image[top : top + side, left : left + side]


def _coarse_exchanged(images: list[Array], rng: Random) -> list[Array]:
    """Both fine structures, each on a mixture of both coarse structures."""
    sigma, share = images[0].shape[0] * float(rng.uniform(0.03, 0.1)), float(rng.uniform(0.4, 1.0))
    coarse = [cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32) for image in images]
    shifts = (coarse[1] - coarse[0], coarse[0] - coarse[1])
    return [np.clip(image + share * shift, 0, 255).astype(np.uint8) for image, shift in zip(images, shifts, strict=True)]
