"""Faces ready for training: found, cut out with room around them, and meshed. Kept on disk, so that a second run starts at once.

The same rule frames every source: the box of the face decides, not how its photographer composed the picture. That takes size, background,
clothes and pose of the body out of what could tell two collections apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from averment.detector.faces.finder import FaceFinder
from averment.detector.imaging import decode, window
from averment.detector.training.data import Sample
from averment.detector.training.landmarks import Landmarks

ROOM = 2.2
"""Side of what is cut out by side of the face's box, where the image has as much."""
SIDE = 320
"""What is cut out is reduced to this side, never enlarged."""


@dataclass(frozen=True)
class Portrait:
    """A face with room around it: pixels ``(h, h, 3)`` uint8 RGB, points ``(468, 2)``, box (left, top, right, bottom), in its pixels."""

    pixels: Any
    points: Any
    box: Any


def portraits(samples: Sequence[Sample], cache: Path, landmarks: Path, progress: Callable[[str], None]) -> dict[str, Portrait]:
    """The largest face of every sample by the sample's file; those without a face or a mesh are left out (the caller counts them)."""
    cache.mkdir(parents=True, exist_ok=True)
    finder, mesh = FaceFinder(), Landmarks(landmarks)
    found: dict[str, Portrait] = {}
    for number, sample in enumerate(samples, start=1):
        kept = cache / f"{sample.sha256}.npz"
        portrait = _load(kept) if kept.is_file() else _make(sample, finder, mesh, kept)
        if portrait is not None:
            found[sample.file] = portrait
        if number % 200 == 0 or number == len(samples):
            progress(f"faces: {number}/{len(samples)} images, {len(found)} with a face")
    return found


def _load(path: Path) -> Portrait | None:
    with np.load(path) as kept:
        return Portrait(kept["pixels"], kept["points"], kept["box"]) if "points" in kept else None


def _make(sample: Sample, finder: FaceFinder, mesh: Landmarks, kept: Path) -> Portrait | None:
    image = decode(sample.path.read_bytes())
    faces = finder.find(image)
    points = mesh.of(image, faces[0]) if faces else None
    portrait = None if points is None else _cut(image, points, faces[0].box)
    values: dict[str, Any] = {} if portrait is None else {"pixels": portrait.pixels, "points": portrait.points, "box": portrait.box}
    part = kept.with_suffix(".part.npz")
    np.savez(part, **values)
    part.replace(kept)
    return portrait


def _cut(image: Image.Image, points: Any, box: Sequence[float]) -> Portrait:
    left, top, side = window(box, image.size, ROOM)
    x, y, whole = round(left), round(top), int(side)
    pixels = np.asarray(image.crop((x, y, x + whole, y + whole)), dtype=np.uint8)
    scale = min(1.0, SIDE / whole)
    if scale < 1.0:
        pixels = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return Portrait(
        np.ascontiguousarray(pixels),
        ((points - [x, y]) * scale).astype(np.float32),
        ((np.array(box) - [x, y, x, y]) * scale).astype(np.float32),
    )
