"""Pseudo-fakes: real faces changed the way face swaps and reenactment change them, so that no deepfake is needed to learn from.

The first family follows Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022, arXiv 2204.08376), from the
paper. The others imitate what the paper's doesn't: faces that a small network drew, or that were enlarged, other people's faces, and changes
of the mouth and the eyes alone. ``HELD_OUT`` families are never trained on: candidates are chosen by them, since a higher figure on the families
of training did not carry over to real deepfakes.

Images are ``(side, side, 3)`` uint8 arrays in RGB, points ``(468, 2)`` floats in their pixels, masks ``(side, side)`` floats in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from averment.detector.training.landmarks import LEFT_BROW, LEFT_EYE, LIPS, NOSE, OVAL, RIGHT_BROW, RIGHT_EYE
from averment.detector.training.portraits import Portrait

Array = Any
Random = np.random.Generator

INNER = (*RIGHT_EYE, *LEFT_EYE, *RIGHT_BROW, *LEFT_BROW, *NOSE, *LIPS)
CORNERS = (33, 133, 362, 263, 1, 61, 291, 199)
"""Points that hardly move with the expression, by which two faces are brought onto each other."""


@dataclass(frozen=True)
class Fake:
    """A picture with a face that was changed, the mask of what was changed, and the picture as it was before.

    ``before`` isn't always the portrait: what was done to all of a picture must not tell a fake from what it was made of.
    """

    pixels: Array
    mask: Array
    before: Array


Family = Callable[[Portrait, Portrait, Random], Fake]
"""From a face and somebody else's to a fake of the first."""

Redraw = Callable[[Array, Random], Array]
"""From a square view of a face to the same view as some network draws it (``redrawing.Redrawing``)."""

DRAWN_AT = (64, 80, 96, 112, 128)
"""Sides in pixels at which faces are drawn anew: those of the first public face swaps, and what came soon after."""


def self_blended(face: Portrait, _other: Portrait, rng: Random) -> Fake:
    """The face pasted onto itself after small changes of colour, sharpness, size and place.

    Where it is the picture around the face that was changed so, the changed picture is what the fake was made of.
    """
    source, target = face.pixels, face.pixels
    if rng.random() < 0.5:
        source = _jittered(source, rng)
    else:
        target = _jittered(target, rng)
    mask = _hull(face, rng)
    source, mask = _moved(source, mask, rng, size=0.05, place=0.03)
    mask = _softened(_elastic(mask, rng), rng)
    return Fake(_pasted(target, source, mask, rng), mask, target)


def enlarged(face: Portrait, _other: Portrait, rng: Random) -> Fake:
    """The inner face as a small generator would give it: reduced to 48 to 160 pixels, smoothed, enlarged again, and pasted."""
    side = face.pixels.shape[0]
    small = int(rng.integers(48, 160))
    reduced = cv2.resize(face.pixels, (small, small), interpolation=int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC])))
    if rng.random() < 0.6:
        reduced = cv2.bilateralFilter(reduced, 5, float(rng.uniform(8, 40)), 3.0)
    if rng.random() < 0.3:
        reduced = _checkered(reduced, rng)
    source = cv2.resize(reduced, (side, side), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])))
    if rng.random() < 0.6:
        source = _tinted(source, rng)
    mask = _softened(_elastic(_hull(face, rng), rng), rng)
    return Fake(_pasted(face.pixels, source, mask, rng), mask, face.pixels)


def redrawn_by(redraw: Redraw) -> Family:
    """The family of faces that ``redraw`` drew: the same person's, or somebody else's brought onto the face."""

    def redrawn(face: Portrait, other: Portrait, rng: Random) -> Fake:
        stranger = rng.random() < 0.45
        source = _brought_onto(other, face) if stranger else face.pixels
        small, side = int(rng.choice(DRAWN_AT)), face.pixels.shape[0]
        matrix = around(face, small, rng)
        drawn = redraw(viewed(source, matrix, small), rng)
        if rng.random() < 0.4:  # as many do who find it too soft
            drawn = cv2.addWeighted(drawn, 1 + (gain := float(rng.uniform(0.2, 1.5))), cv2.GaussianBlur(drawn, (0, 0), 1.0), -gain, 0)
        back = cv2.invertAffineTransform(matrix)
        filter_ = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        source = cv2.warpAffine(drawn, back, (side, side), flags=filter_, borderMode=cv2.BORDER_REPLICATE)
        covered = cv2.warpAffine(np.ones((small, small), np.float32), back, (side, side))
        mask = _softened(_elastic(_redrawn_where(face, covered, stranger, rng), rng), rng) * cv2.GaussianBlur(covered, (0, 0), side / 80)
        if stranger or rng.random() < 0.3:
            source = _in_colours_of(source, face.pixels, mask, float(rng.uniform(0.6, 1.0)))
        source = _tinted(source, rng) if rng.random() < 0.4 else source
        return Fake(_pasted(face.pixels, source, mask, rng, whole=True), mask, face.pixels)

    return redrawn


def _redrawn_where(face: Portrait, covered: Array, stranger: bool, rng: Random) -> Array:
    """What of a drawn face is used: the face, all that was drawn, or, of the same person's, the parts that speak and look."""
    chance = rng.random()
    if chance < 0.12:
        return cv2.erode(covered, np.ones((3, 3)), iterations=max(2, face.pixels.shape[0] // 30))
    return _parts(face, rng) if not stranger and chance > 0.5 else _hull(face, rng)


def swapped(face: Portrait, other: Portrait, rng: Random) -> Fake:
    """Somebody else's face, brought onto this one and into its colours."""
    source = _brought_onto(other, face)
    mask = _softened(_elastic(_hull(face, rng), rng), rng)
    source = _in_colours_of(source, face.pixels, mask, float(rng.uniform(0.6, 1.0)))
    if rng.random() < 0.5:
        source = _jittered(source, rng)
    return Fake(_pasted(face.pixels, source, mask, rng, whole=True), mask, face.pixels)


def parts_changed(face: Portrait, _other: Portrait, rng: Random) -> Fake:
    """Mouth, eyes or both re-drawn: warped a little, softened, pasted with a small mask."""
    mask = _parts(face, rng)
    source = _warped(face.pixels, face.points, rng, strength=0.03)
    source = _jittered(source, rng) if rng.random() < 0.7 else source
    mask = _softened(_elastic(mask, rng), rng)
    return Fake(_pasted(face.pixels, source, mask, rng, whole=True), mask, face.pixels)


def poisson_swapped(face: Portrait, other: Portrait, rng: Random) -> Fake:
    """Somebody else's face, pasted by solving for its gradients (Pérez et al. 2003)."""
    mask = _filled(face.points[list(OVAL)], face.pixels.shape[:2], grow=float(rng.uniform(0.8, 0.95)))
    hard = (mask > 0.5).astype(np.uint8) * 255
    hard[:2], hard[-2:], hard[:, :2], hard[:, -2:] = 0, 0, 0, 0
    rows, columns = np.nonzero(hard)
    if not len(rows):
        return Fake(face.pixels, mask, face.pixels)
    centre = (int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2)
    return Fake(cv2.seamlessClone(_brought_onto(other, face), face.pixels, hard, centre, cv2.NORMAL_CLONE), mask, face.pixels)


def reenacted(face: Portrait, _other: Portrait, rng: Random) -> Fake:
    """The whole inner face warped into another expression, nothing pasted: no edge gives it away, only resampling."""
    warped = _warped(face.pixels, face.points, rng, strength=0.06)
    mask = cv2.GaussianBlur(_filled(face.points[list(OVAL)], face.pixels.shape[:2], grow=0.95), (0, 0), face.pixels.shape[0] / 25)
    return Fake(_mixed(face.pixels, warped, mask), mask, face.pixels)


FAMILIES: Mapping[str, Family] = {
    "self-blended": self_blended,
    "enlarged": enlarged,
    "swapped": swapped,
    "parts-changed": parts_changed,
}
HELD_OUT: Mapping[str, Family] = {"poisson-swapped": poisson_swapped, "reenacted": reenacted}
"""What candidates are chosen by."""

TRAINED_ON = (*FAMILIES, "redrawn")
"""Names of the ways that views for training are drawn from."""


def families(redraw: Redraw) -> dict[str, Family]:
    """Every way to fake by its name, those of ``TRAINED_ON`` and of ``HELD_OUT``."""
    return {**FAMILIES, "redrawn": redrawn_by(redraw), **HELD_OUT}


def around(face: Portrait, side: int, rng: Random, *, turn: float = 0.0) -> Array:
    """The affine map, ``(2, 3)``, from the portrait to a view of ``side`` pixels of its face, with little room, ``turn`` degrees at most."""
    oval = face.points[list(OVAL)]
    low, high = oval.min(axis=0), oval.max(axis=0)
    middle = (low + high) / 2 + rng.normal(0, 0.03, 2) * (high - low)
    shown = float((high - low).max() * rng.uniform(1.05, 1.45))
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), float(rng.uniform(-turn, turn)), side / shown)
    matrix[:, 2] += side / 2 - middle
    return matrix


def viewed(image: Array, matrix: Array, side: int) -> Array:
    """``image`` through an affine map, ``side`` pixels wide; blurred before where it is reduced much, so that nothing aliases."""
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    image = cv2.GaussianBlur(image, (0, 0), 0.35 / scale) if scale < 0.6 else image
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _hull(face: Portrait, rng: Random) -> Array:
    """One of four outlines of the face: the oval, the oval to the brows, the inner parts, the inner parts to the chin."""
    points = face.points
    chin = [index for index in OVAL if points[index, 1] > points[[*RIGHT_EYE, *LEFT_EYE], 1].mean()]
    outlines = (list(OVAL), [*chin, *RIGHT_BROW, *LEFT_BROW], list(INNER), [*INNER, *chin[2:-2]])
    chosen = outlines[int(rng.integers(len(outlines)))]
    return _filled(points[chosen], face.pixels.shape[:2], grow=float(rng.uniform(0.9, 1.05)))


def _parts(face: Portrait, rng: Random) -> Array:
    """The mouth, both eyes with their brows, all of these, or the lower face from the lips to the chin."""
    chance, mask = rng.random(), np.zeros(face.pixels.shape[:2], np.float32)
    if chance > 0.8:
        chin = [index for index in OVAL if face.points[index, 1] > face.points[list(LIPS), 1].mean()]
        return _filled(face.points[[*LIPS, *chin]], mask.shape, grow=float(rng.uniform(0.9, 1.1)))
    eyes = [(*RIGHT_EYE, *RIGHT_BROW), (*LEFT_EYE, *LEFT_BROW)]
    for part in [LIPS] if chance < 0.35 else eyes if chance < 0.65 else [LIPS, *eyes]:
        mask = np.maximum(mask, _filled(face.points[list(part)], mask.shape, grow=float(rng.uniform(1.2, 1.7))))
    return mask


def _filled(points: Array, shape: tuple[int, ...], *, grow: float) -> Array:
    """The convex hull of ``points``, enlarged about its middle."""
    middle = points.mean(axis=0)
    hull = cv2.convexHull(((points - middle) * grow + middle).astype(np.float32)).astype(np.int32)
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillConvexPoly(mask, hull, 1.0, lineType=cv2.LINE_AA)
    return np.clip(mask, 0, 1)


def _elastic(mask: Array, rng: Random) -> Array:
    """Bent by a smooth random field."""
    side = mask.shape[0]
    coarse = rng.normal(0, side * float(rng.uniform(0.01, 0.035)), (2, 5, 5)).astype(np.float32)
    shift = [cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in coarse]
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    return cv2.remap(mask, columns + shift[0], rows + shift[1], cv2.INTER_LINEAR)


def _softened(mask: Array, rng: Random) -> Array:
    """Blurred at its edge, by 1 to 12 % of the side; in some the edge is drawn in first, so that all of it lies inside the face.

    A small mask, of an eye, would fade away with that: it keeps its strength in its middle, or a picture to which nothing was done would be called a fake.
    """
    side = mask.shape[0]
    soft = cv2.GaussianBlur(mask, (0, 0), side * float(rng.uniform(0.005, 0.05)))
    if rng.random() < 0.5:
        inside = cv2.GaussianBlur(np.clip(soft * 2 - 1, 0, 1), (0, 0), side * float(rng.uniform(0.003, 0.02)))
        soft = inside if inside.max() > 0.3 else soft
    return np.clip(soft / max(float(soft.max()), 0.1), 0, 1)


def _pasted(target: Array, source: Array, mask: Array, rng: Random, *, whole: bool = False) -> Array:
    share = float(rng.choice([0.5, 0.75, 1.0, 1.0, 1.0, 1.0])) if not whole else float(rng.choice([0.85, 1.0, 1.0]))
    return _mixed(target, source, mask * share)


def _mixed(target: Array, source: Array, mask: Array) -> Array:
    part = mask[..., None]
    return np.clip(np.rint(source * part + target * (1 - part)), 0, 255).astype(np.uint8)


def _moved(image: Array, mask: Array, rng: Random, *, size: float, place: float) -> tuple[Array, Array]:
    side = image.shape[0]
    scales = 1 + rng.uniform(-size, size, 2)
    shift = rng.uniform(-place, place, 2) * side + (1 - scales) * side / 2
    matrix = np.array([[scales[0], 0, shift[0]], [0, scales[1], shift[1]]], np.float32)
    border = {"borderMode": cv2.BORDER_REFLECT_101}
    return cv2.warpAffine(image, matrix, (side, side), **border), cv2.warpAffine(mask, matrix, (side, side))


def _jittered(image: Array, rng: Random) -> Array:
    """Colour, contrast and sharpness, as between two cameras or two codecs."""
    image = _tinted(image, rng)
    chance = rng.random()
    if chance < 0.35:
        side = image.shape[0]
        small = max(16, int(side * float(rng.uniform(0.25, 0.7))))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (side, side), interpolation=cv2.INTER_CUBIC)
    elif chance < 0.6:
        blurred = cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.float32)
        image = np.clip(image + (image - blurred) * float(rng.uniform(0.3, 1.2)), 0, 255).astype(np.uint8)
    elif chance < 0.75:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 80))])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image


def _tinted(image: Array, rng: Random) -> Array:
    changed = image.astype(np.float32) * (1 + rng.uniform(-0.1, 0.1, 3)).astype(np.float32)
    changed = (changed - changed.mean()) * float(rng.uniform(0.88, 1.12)) + changed.mean() + float(rng.uniform(-14, 14))
    grey = changed.mean(axis=2, keepdims=True)
    changed = grey + (changed - grey) * float(rng.uniform(0.75, 1.25))
    return np.clip(changed, 0, 255).astype(np.uint8)


def _checkered(image: Array, rng: Random) -> Array:
    """The faint grid that transposed convolutions leave."""
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    period = int(rng.choice([2, 4]))
    grid = ((rows % period == 0) ^ (columns % period == 0)).astype(np.float32) - 0.5
    return np.clip(image + grid[..., None] * float(rng.uniform(1, 5)), 0, 255).astype(np.uint8)


def _brought_onto(other: Portrait, face: Portrait) -> Array:
    """``other`` turned, scaled and moved so that its fixed points lie on those of ``face``."""
    corners = list(CORNERS)
    matrix, _ = cv2.estimateAffinePartial2D(
        other.points[corners].astype(np.float32), face.points[corners].astype(np.float32), method=cv2.LMEDS
    )
    if matrix is None:
        return other.pixels
    side = face.pixels.shape[0]
    return cv2.warpAffine(other.pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _in_colours_of(source: Array, target: Array, mask: Array, share: float) -> Array:
    """Mean and spread of each channel of Lab brought to the target's under the mask (Reinhard et al. 2001)."""
    inside = mask > 0.5
    if not inside.any():
        return source
    lab, wanted = (cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) for image in (source, target))
    (mean, spread), (mean_wanted, spread_wanted) = ((part[inside].mean(axis=0), part[inside].std(axis=0) + 1e-3) for part in (lab, wanted))
    matched = (lab - mean) * np.clip(spread_wanted / spread, 0.5, 2.0) + mean_wanted
    mixed = lab + share * (matched - lab)
    return cv2.cvtColor(np.clip(mixed, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def _warped(image: Array, points: Array, rng: Random, *, strength: float) -> Array:
    """Mouth, eyes and brows moved a little, each as a whole, with a smooth field between them."""
    side = image.shape[0]
    field = np.zeros((2, side, side), np.float32)
    weight = np.full((side, side), 1e-3, np.float32)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    extent = float(np.ptp(points[list(OVAL), 0]))
    for part in (LIPS[:10], LIPS[10:], RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW, NOSE):
        middle = points[list(part)].mean(axis=0)
        near = np.exp(-((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2) / (2 * (0.16 * extent) ** 2))
        shift = rng.normal(0, strength * extent, 2)
        field[0] += near * shift[0]
        field[1] += near * shift[1]
        weight += near
    field /= np.maximum(weight, 1.0)
    return cv2.remap(image, columns + field[0], rows + field[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
