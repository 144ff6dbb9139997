"""What the figures are measured on: held-out faces and products, framed and reduced alike, then sent on under named conditions.

The detector is tried whole: what it gets are the bytes of a file, and it finds the face itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from averment.detector.imaging import decode, square
from averment.detector.training.blending import Family
from averment.detector.training.data import Sample
from averment.detector.training.face_views import look_alike, reduced
from averment.detector.training.portraits import Portrait

Array = Any

SIDE = 208
"""Every image is reduced to this side; all sources are larger, so nobody is enlarged."""

CONDITIONS: Mapping[str, tuple[int, float]] = {"jpeg-95": (95, 1.0), "jpeg-75": (75, 1.0), "jpeg-50": (50, 1.0), "half-size": (75, 0.5)}
"""Name: (JPEG quality, scale). Applied to every class alike."""

PHOTOGRAPHED, GENERATED, PRODUCT = "photographed", "generated", "product"


@dataclass(frozen=True)
class Trial:
    """One image to be judged. ``kind`` is one of the words above or the name of a family of fakes; ``origin`` the source or generator of
    the portrait; ``unseen`` whether that generator was kept out of training; ``group`` the person or image that figures count."""

    pixels: Array
    kind: str
    origin: str
    group: str
    unseen: bool = False


def portrait_trials(samples: Sequence[Sample], portraits: Mapping[str, Portrait]) -> list[Trial]:
    """Every portrait as it is."""
    return [
        Trial(
            _framed(reduced(portraits[sample.file]).pixels),
            PHOTOGRAPHED if sample.label == "real" else GENERATED,
            sample.stratum,
            sample.group,
            sample.unseen == "generator",
        )
        for sample in samples
        if sample.file in portraits
    ]


def fake_trials(samples: Sequence[Sample], portraits: Mapping[str, Portrait], seed: int, families: Mapping[str, Family]) -> list[Trial]:
    """Every photographed portrait faked by each of the families."""
    known = [(sample, reduced(portraits[sample.file])) for sample in samples if sample.file in portraits and sample.label == "real"]
    trials = []
    for name, family in families.items():
        for place, (sample, face) in enumerate(known):
            rng = np.random.default_rng([seed, place, *name.encode()])
            others = [known[int(index)] for index in rng.integers(len(known), size=12)]
            strangers = [other for whose, other in others if whose.group != sample.group] or [face]
            fake = family(face, look_alike(face, strangers), rng)
            trials.append(Trial(_framed(fake.pixels), name, sample.stratum, sample.group))
    return trials


def product_trials(samples: Sequence[Sample]) -> list[Trial]:
    """Every product's photograph."""
    return [
        Trial(_framed(np.asarray(square(decode(sample.path.read_bytes())))), PRODUCT, sample.stratum, sample.group)
        for sample in samples
        if sample.kind == "product"
    ]


def laundered(pixels: Array, quality: int, scale: float) -> bytes:
    """As a file: resized by ``scale``, then JPEG (4:2:0) of ``quality``."""
    if scale != 1.0:
        side = round(pixels.shape[0] * scale)
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def coarse(pixels: Array, side: int) -> Array:
    """Reduced to ``side`` pixels and enlarged again: composition, light and colour alone."""
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _framed(pixels: Array) -> Array:
    return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
