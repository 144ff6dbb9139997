"""From hostile bytes to the model's input. The one function for both training and inference, so that they can't drift apart.

What is refused is refused with a reason that a person can act on. Order of the checks: size in bytes, signature, header
(dimensions before any pixel is decoded: decompression bombs), animation, decoding, compression.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from averment.core.extras import require

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

INPUT_SIDE = 160
"""Side of the model's square input in pixels."""

MAX_BYTES = 32 * 1024 * 1024
"""A larger file is not decoded."""

MAX_PIXELS = 40_000_000
"""Width times height; a larger image is not decoded (at most about 120 MB of pixels at once)."""

MIN_SIDE = 80
"""Half of the model's input. Of a smaller image the model would see nothing but interpolation."""

MAX_ASPECT = 4.0
"""Longer by shorter side. Of a longer strip the square crop would show a small part, and the score would be about that part."""

MAX_MEAN_QUANTISER = 115.0
"""Mean of the JPEG luminance quantisation table; the standard table (ITU-T T.81 Annex K) reaches it at about quality 25."""

FACE_ROOM = 1.6
"""Side of the square that is cut out around a face, by side of the face's box."""

FORMATS = ("JPEG", "PNG", "WEBP")


class UnreadableError(ValueError):
    """The bytes can't be scored; the message is the reason, without the file's name."""


def decode(data: bytes) -> Image.Image:
    """``data`` (JPEG, PNG or WebP) as an upright RGB image.

    Raises:
        UnreadableError: not such an image, broken, animated, too large, too small, or compressed beyond use.
        MissingExtraError: Pillow isn't installed.
    """
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    if not data:
        raise UnreadableError("the file is empty")
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"the file has {len(data):,} bytes; more than {MAX_BYTES:,} are not read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of large images: our own bounds decide
            opened = pil.open(io.BytesIO(data), formats=FORMATS)
            _check_header(opened)
            opened.load()
            upright: Image.Image = _upright_rgb(opened)
            return upright
    except UnreadableError:
        raise
    except pil.UnidentifiedImageError as error:
        raise UnreadableError("not a JPEG, PNG or WebP image") from error
    except pil.DecompressionBombError as error:
        raise UnreadableError(f"the image has more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:
        raise UnreadableError(f"the image is damaged: {type(error).__name__}: {str(error)[:120]}") from error


def _check_header(image: Any) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"the image has {width} x {height} pixels; more than {MAX_PIXELS:,} are not decoded")
    if min(width, height) < MIN_SIDE:
        raise UnreadableError(f"the image is too small: {width} x {height}, at least {MIN_SIDE} x {MIN_SIDE} are needed")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableError(f"the image is a strip of {width} x {height}; the sides may differ {MAX_ASPECT:g} times at most")
    if getattr(image, "n_frames", 1) > 1:
        raise UnreadableError(f"the image is animated ({image.n_frames} frames)")
    tables = getattr(image, "quantization", None)
    if image.format == "JPEG" and tables:
        luminance = tables[min(tables)]
        mean = sum(luminance) / len(luminance)
        if mean > MAX_MEAN_QUANTISER:
            raise UnreadableError(f"the JPEG is too heavily compressed (mean quantiser {mean:.0f}, at most {MAX_MEAN_QUANTISER:.0f})")


def _upright_rgb(image: Any) -> Any:
    """Apply the EXIF orientation and lay transparency on white."""
    ops: Any = require("PIL.ImageOps", extra="detector", needed_for="reading images")
    upright = ops.exif_transpose(image)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        ground = layered.copy()
        ground.paste((255, 255, 255, 255), (0, 0, *layered.size))
        ground.alpha_composite(layered)
        upright = ground
    return upright.convert("RGB")


def square(image: Image.Image) -> Image.Image:
    """The largest square of ``image``: centred across; in an upright picture at a quarter of the spare height, where heads are."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 4
    return image.crop((left, top, left + side, top + side))


def window(box: Sequence[float], size: tuple[int, int], room: float = FACE_ROOM) -> tuple[float, float, float]:
    """Left, top and side of the square of ``room`` times the box's longer side about its middle, moved (and, where it must be, reduced)
    to lie inside an image of ``size``: a border would be a trace of its own."""
    left, top, right, bottom = box
    side = min(max(right - left, bottom - top) * room, float(min(size)))
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    return min(max(0.0, x), size[0] - side), min(max(0.0, y), size[1] - side), side


def to_input(image: Image.Image, box: Sequence[float] | None = None) -> np.ndarray[Any, Any]:
    """The networks' input: the face in ``box`` with room around it, or the image's square where there is none.

    uint8, ``(INPUT_SIDE, INPUT_SIDE, 3)``, RGB. Normalisation is inside the networks.
    """
    numpy: Any = require("numpy", extra="detector", needed_for="scoring images")
    pil: Any = require("PIL.Image", extra="detector", needed_for="reading images")
    part = square(image)
    if box is not None:
        left, top, side = window(box, image.size)
        part = image.crop((round(left), round(top), round(left) + max(1, int(side)), round(top) + max(1, int(side))))
    resized = part.resize((INPUT_SIDE, INPUT_SIDE), pil.Resampling.BICUBIC, reducing_gap=3.0)
    result: np.ndarray[Any, Any] = numpy.asarray(resized, dtype=numpy.uint8)
    return result


def prepare(data: bytes) -> np.ndarray[Any, Any]:
    """From encoded bytes to the model's input: ``decode``, then ``to_input``.

    Raises:
        UnreadableError: as ``decode``.
    """
    return to_input(decode(data))
