"""Equalising and laundering: what makes the classes alike in size and JPEG history, and what platforms do to images.

The sources differ in size, framing and compression, which alone tells the classes apart. So every image is brought to one
working size first, and every view of it, in training and in the figures, is recompressed by the same random process.
"""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image, ImageEnhance, ImageFilter

from averment.detector.imaging import decode, square

WORKING_SIDE = 192
"""Every image is reduced to this side; all sources are larger, so nobody is enlarged."""

_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)


def working_copy(data: bytes) -> Image.Image:
    """The image as a square of ``WORKING_SIDE`` pixels."""
    return square(decode(data)).resize((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)


def encode(image: Image.Image, quality: int, *, format: str = "JPEG") -> bytes:  # noqa: A002 - Pillow's word
    """``image`` as JPEG (4:2:0) or WebP of this quality."""
    buffer = io.BytesIO()
    image.save(buffer, format=format, quality=quality)
    return buffer.getvalue()


def laundered(image: Image.Image, quality: int, *, scale: float = 1.0) -> bytes:
    """The view that figures are measured on: resized by ``scale``, then JPEG of ``quality``."""
    side = max(1, round(image.width * scale))
    resized = image if scale == 1.0 else image.resize((side, side), Image.Resampling.BICUBIC)
    return encode(resized, quality)


def training_view(image: Image.Image, rng: random.Random, other: Image.Image | None = None) -> bytes:
    """One random view for training: crop, mirror, resize, light, blur or noise, and one or two rounds of compression.

    ``other`` is an image of either class, drawn without regard to the label: in some views its coarse light and colour take
    the place of the image's own, so that a collection's style (studio, golden hour) tells less about the label.
    """
    if other is not None and rng.random() < 0.5:
        image = _swap_coarse(image, other, rng)
    view = _crop(image, rng)
    if rng.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = rng.randint(96, 224) if rng.random() < 0.6 else 192
    view = view.resize((side, side), rng.choice(_FILTERS))
    view = _light(view, rng)
    if rng.random() < 0.25:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.4)))
    elif rng.random() < 0.15:
        view = view.filter(ImageFilter.UnsharpMask(radius=1.5, percent=rng.randint(30, 120), threshold=2))
    if rng.random() < 0.2:
        view = _noise(view, rng)
    if rng.random() < 0.3:
        first = encode(view, rng.randint(55, 95), format=rng.choice(("JPEG", "JPEG", "WEBP")))
        side = rng.randint(96, 208)
        view = decode(first).resize((side, side), rng.choice(_FILTERS))
    return encode(view, rng.randint(35, 98))


def _crop(image: Image.Image, rng: random.Random) -> Image.Image:
    share = rng.uniform(0.35, 0.7) if rng.random() < 0.4 else rng.uniform(0.7, 1.0)
    side = round(image.width * share)
    left, top = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
    if rng.random() < 0.3:
        image = image.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    return image.crop((left, top, left + side, top + side))


def _light(image: Image.Image, rng: random.Random) -> Image.Image:
    for kind, spread in ((ImageEnhance.Brightness, 0.4), (ImageEnhance.Contrast, 0.45), (ImageEnhance.Color, 0.8)):
        if rng.random() < 0.7:
            image = kind(image).enhance(rng.uniform(1 - spread, 1 + spread))
    if rng.random() < 0.5:
        gains = [rng.uniform(0.8, 1.2) for _ in range(3)]
        curve = rng.uniform(0.7, 1.4)
        image = image.point([min(255, round(255 * gain * (value / 255) ** curve)) for gain in gains for value in range(256)])
    if rng.random() < 0.2:
        image = image.convert("L").convert("RGB")
    return image


def _swap_coarse(image: Image.Image, other: Image.Image, rng: random.Random) -> Image.Image:
    """The fine structure of ``image`` on a mixture of both images' coarse structure."""
    import numpy as np

    radius = rng.uniform(6, 20)
    own, foreign = (np.asarray(part.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) for part in (image, other))
    share = rng.uniform(0.5, 1.0)
    mixed = np.asarray(image, dtype=np.float32) + share * (foreign - own)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def _noise(image: Image.Image, rng: random.Random) -> Image.Image:
    import numpy as np

    generator = np.random.default_rng(rng.getrandbits(64))
    pixels: Any = np.asarray(image, dtype=np.float32)
    noisy = pixels + generator.normal(0, rng.uniform(1, 8), pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
