"""What the networks are shown of a face: the face with room around it, as it was in training.

There a view had 1.2 to 2.1 times the side of the face's box (``training.framing``). A picture that is cut close to the face has less, and shown as it
is it looks manipulated: of real faces cut to their box, half were flagged (``benchmarks/detector/README.md``). So where there is less than
``LEAST_ROOM``, the picture goes on beyond its edges as its own mirror image, which has the grain and the compression of the rest. A border of one
colour, or of repeated pixels, would be a trace of its own, and so is more of the mirror than is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from averment.core.extras import require
from averment.detector.imaging import to_input, window

if TYPE_CHECKING:
    from PIL import Image

LEAST_ROOM = 1.3
"""Side of the narrowest view by side of the face's box."""

MOST = 4096
"""Side in pixels of the largest view that is mirrored; a larger one is of the picture reduced. A wide picture's view would take ten times the memory
of the picture, for a network that sees 160 pixels."""


def seen_of(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square that is seen of the face in ``box`` of an image of ``size``, in pixels: within the image (``imaging.window``)
    where it has ``LEAST_ROOM``, else all of its shorter side and what is beyond."""
    left, top, right, bottom = box
    side = LEAST_ROOM * max(right - left, bottom - top)
    if side <= min(size):
        return window(box, size)
    return _start(left, right, side, size[0]), _start(top, bottom, side, size[1]), side


def _start(low: float, high: float, side: float, length: int) -> float:
    """Where ``side`` begins along an edge of ``length``: about the face, but within the image, or else with all of it within."""
    least, most = sorted((0.0, length - side))
    return min(max(least, (low + high - side) / 2), most)


def view_of(image: Image.Image, box: Sequence[float]) -> Any:
    """The networks' input for the face in ``box``: as ``imaging.to_input`` gives it, and mirrored at the edges where there is no room."""
    numpy: Any = require("numpy", extra="detector", needed_for="scoring images")
    pil: Any = require("PIL.Image", extra="detector", needed_for="scoring images")
    left, top, side = seen_of(box, image.size)
    right, bottom = left + side, top + side
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return to_input(image, box)
    if side > MOST:
        factor = math.ceil(side / MOST)
        return view_of(image.reduce(factor), [edge / factor for edge in box])
    inside = (max(0, round(left)), max(0, round(top)), min(image.width, round(right)), min(image.height, round(bottom)))
    beyond = [
        (math.ceil(max(0.0, -top)), math.ceil(max(0.0, bottom - image.height))),
        (math.ceil(max(0.0, -left)), math.ceil(max(0.0, right - image.width))),
        (0, 0),
    ]
    part = numpy.asarray(image.crop(inside))
    return to_input(pil.fromarray(numpy.pad(part, beyond, mode="reflect")))
