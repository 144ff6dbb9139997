"""What happens to images on their way: reduced, compressed once or twice, sharpened, filmed, re-lit. Arrays in, arrays out, uint8 RGB.

Every decision comes from the generator that is handed in, so that a real face and its fake can be sent the same way: then the way can't
tell them apart.
"""

from __future__ import annotations

import io
from typing import Any

import av
import cv2
import numpy as np

Array = Any
Random = np.random.Generator

SMALLEST, LARGEST = 80, 256
"""Side of what is sent, in pixels: from below half the network's input to above it."""

_REDUCING = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def sent(image: Array, rng: Random, harshness: float) -> Array:
    """``image`` (square) as some platform would hand it on: one way of many, by ``rng``.

    ``harshness`` in [0, 1] bounds how much is lost: at 0 hardly anything, at 1 up to what a thumbnail of a copy of a video loses.
    """
    if rng.random() < 0.1 + 0.2 * harshness:
        image = filmed(image, int(rng.integers(18, 24 + round(13 * harshness))))
    if rng.random() < 0.7:
        image = resized(image, int(rng.integers(LARGEST - 56 - round((LARGEST - 56 - SMALLEST) * harshness), LARGEST + 1)), rng)
    if rng.random() < 0.6:
        image = relit(image, rng)
    chance = rng.random()
    if chance < 0.3 * harshness:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.4 + 0.9 * harshness)))
    elif chance > 0.87:
        blurred = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = cv2.addWeighted(image, 1 + (gain := float(rng.uniform(0.2, 1.0))), blurred, -gain, 0)
    if rng.random() < 0.25 * harshness:
        image = noisy(image, rng)
    if rng.random() < 0.4 * harshness:
        image = compressed(image, int(rng.integers(50, 96)), webp=bool(rng.random() < 0.3))
        image = resized(image, int(rng.integers(96, 209)), rng)
    if rng.random() < 0.85:
        image = compressed(image, int(rng.integers(94 - round(56 * harshness), 100)), webp=bool(rng.random() < 0.15))
    return image


def harshness(rng: Random, done: float) -> float:
    """For a view when a share ``done`` of the training is over: mild to begin with, anything from two thirds on."""
    return float(rng.random() ** 1.5) * min(1.0, 0.3 + done)


def resized(image: Array, side: int, rng: Random) -> Array:
    """To ``side`` pixels by one of the usual filters."""
    reducing = side < image.shape[0]
    filter_ = int(rng.choice(_REDUCING)) if reducing else int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return cv2.resize(image, (side, side), interpolation=filter_)


def compressed(image: Array, quality: int, *, webp: bool = False) -> Array:
    """Through JPEG (4:2:0) or WebP of ``quality``."""
    kind, option = (".webp", cv2.IMWRITE_WEBP_QUALITY) if webp else (".jpg", cv2.IMWRITE_JPEG_QUALITY)
    _, data = cv2.imencode(kind, image[..., ::-1], [option, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def filmed(image: Array, rate_factor: int) -> Array:
    """As a frame of H.264 video at a constant rate factor (23 is x264's own choice)."""
    height, width = (length // 2 * 2 for length in image.shape[:2])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": str(rate_factor), "preset": "veryfast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), "rgb24")), *stream.encode()):
            out.mux(packet)
    file.seek(0)
    with av.open(file, "r") as back:
        return next(back.decode(video=0)).to_ndarray(format="rgb24")


def relit(image: Array, rng: Random) -> Array:
    """Other light, contrast, white balance and gamma; sometimes grey."""
    curve = float(rng.uniform(0.7, 1.4))
    gains = rng.uniform(0.88, 1.12, 3) * float(rng.uniform(0.75, 1.25))
    levels = (np.arange(256, dtype=np.float32) / 255) ** curve
    contrast = float(rng.uniform(0.7, 1.3))
    table = np.clip(((levels[:, None] * gains - 0.5) * contrast + 0.5) * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = 1.0 if rng.random() < 0.12 else float(rng.uniform(-0.4, 0.6))
    return cv2.addWeighted(image, 1 - share, grey, share, 0)


def noisy(image: Array, rng: Random) -> Array:
    """With a camera's noise: grey or in colour."""
    shape = image.shape if rng.random() < 0.5 else (*image.shape[:2], 1)
    return np.clip(image + rng.normal(0, float(rng.uniform(1, 8)), shape), 0, 255).astype(np.uint8)
