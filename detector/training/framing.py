"""Cutting a training view out of a portrait: what the detector would cut out, a little off each time, and laid on the input's grid."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from averment.detector.imaging import window
from averment.detector.training.portraits import Portrait

Array = Any
Random = np.random.Generator

NARROWEST, WIDEST = 1.2, 2.1
"""Side of a view by side of the face's box; the detector cuts at ``imaging.FACE_ROOM``."""


def cut(portrait: Portrait, rng: Random) -> tuple[int, int, int]:
    """Left, top and side of a view of the face, in whole pixels of the portrait."""
    jitter = rng.normal(0, 0.04, 2) * max(portrait.box[2] - portrait.box[0], portrait.box[3] - portrait.box[1])
    box = portrait.box + np.array([*jitter, *jitter])
    size = portrait.pixels.shape[0]
    left, top, side = window(box, (size, size), float(rng.uniform(NARROWEST, WIDEST)))
    side = max(48, min(size, int(side)))
    return min(round(left), size - side), min(round(top), size - side), side


def turned(images: list[Array], rng: Random) -> list[Array]:
    """All of them mirrored, and all turned a little, or none."""
    if rng.random() < 0.5:
        images = [image[:, ::-1] for image in images]
    if rng.random() < 0.25:
        side = images[0].shape[0]
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.uniform(-12, 12)), 1.0)
        images = [
            cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) for image in images
        ]
    return [np.ascontiguousarray(image) for image in images]
