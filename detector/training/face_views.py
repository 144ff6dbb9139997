"""Views for the family of manipulated faces: each time a face as it was, and the same face faked, sent the same way.

Whether the portrait was photographed or generated doesn't matter here: what is to be learnt is that something was put into it. Generated
portraits bring light, age and origin that the photographs lack, and as nothing but their fakes is labelled fake, being generated isn't
learnt as a sign of manipulation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from averment.detector.imaging import INPUT_SIDE
from averment.detector.training.blending import Family
from averment.detector.training.data import Sample
from averment.detector.training.framing import cut, turned
from averment.detector.training.network import STRIDE
from averment.detector.training.platforms import harshness, sent
from averment.detector.training.portraits import Portrait

Array = Any
CELLS = INPUT_SIDE // STRIDE
SHARES: Mapping[str, float] = {"self-blended": 0.3, "redrawn": 0.28, "enlarged": 0.08, "swapped": 0.2, "parts-changed": 0.14}
"""Of the ways to fake, among the fakes of a training."""
CANDIDATES = 6
"""Other people among whom a swap's face is chosen."""
WORKED_ON = 240
"""Longest side, in pixels, at which fakes are made; above it nothing would be left after ``platforms.sent`` but time spent."""


class FaceViews(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):  # type: ignore[misc]
    """Item ``i``: two views of one face, as it was and faked by one of ``families``, with the map of what was changed."""

    def __init__(
        self, samples: Sequence[Sample], portraits: Mapping[str, Portrait], families: Mapping[str, Family], seed: int, items: int
    ) -> None:
        self.families, self.seed, self.items = families, seed, items
        strata: dict[str, list[Portrait]] = defaultdict(list)
        for sample in samples:
            if sample.file in portraits:
                strata[sample.stratum].append(reduced(portraits[sample.file]))
        self.strata = [members for _, members in sorted(strata.items())]
        weights = [math.sqrt(len(members)) for members in self.strata]
        self.weights = np.array(weights) / sum(weights)

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        members = self.strata[int(rng.choice(len(self.strata), p=self.weights))]
        face = members[int(rng.integers(len(members)))]
        other = look_alike(face, [members[int(place)] for place in rng.integers(len(members), size=CANDIDATES)])
        family = self.families[str(rng.choice(list(SHARES), p=list(SHARES.values())))]
        views, mask = pair(face, other, family, rng, harshness(rng, index / self.items))
        pixels = np.stack(views)
        wanted = np.stack([np.zeros((CELLS, CELLS), np.float32), mask])
        return torch.from_numpy(pixels), torch.tensor([0.0, 1.0]), torch.from_numpy(wanted)


def pair(face: Portrait, other: Portrait, family: Family, rng: np.random.Generator, harsh: float) -> tuple[list[Array], Array]:
    """The face as it was and its fake, both as inputs of the network, and the fake's map."""
    made = family(face, other, rng)
    left, top, side = cut(face, rng)
    images = [image[top : top + side, left : left + side] for image in (made.before, made.pixels, made.mask)]
    real, fake, mask = turned(images, rng)
    way = int(rng.integers(2**62))
    views = [as_input(sent(image, np.random.default_rng(way), harsh)) for image in (real, fake)]
    return views, np.clip(cv2.resize(mask, (CELLS, CELLS), interpolation=cv2.INTER_AREA), 0, 1)


def look_alike(face: Portrait, candidates: Sequence[Portrait]) -> Portrait:
    """Who of them holds the head most alike: those who swap faces choose so."""
    return min(candidates, key=lambda other: float(np.abs(_shape(other) - _shape(face)).sum()))


def _shape(portrait: Portrait) -> Array:
    """The mesh as shares of its own extent."""
    points = portrait.points
    low = points.min(axis=0)
    return (points - low) / (points.max(axis=0) - low).clip(1)


def as_input(view: Array) -> Array:
    """On the network's grid, by the same filter as ``imaging.to_input``."""
    resized = Image.fromarray(view).resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(resized, dtype=np.uint8)


def reduced(portrait: Portrait) -> Portrait:
    """At most ``WORKED_ON`` pixels a side."""
    side = portrait.pixels.shape[0]
    if side <= WORKED_ON:
        return portrait
    scale = WORKED_ON / side
    pixels = cv2.resize(portrait.pixels, (WORKED_ON, WORKED_ON), interpolation=cv2.INTER_AREA)
    return Portrait(pixels, portrait.points * scale, portrait.box * scale)
