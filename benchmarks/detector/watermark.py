"""What the watermark survives, on photographs: ``python benchmarks/detector/watermark.py --data FOLDER [--images 40] [--unmarked 40]``.

FOLDER holds JPEG files in any depth; as many as asked for are drawn with a fixed seed, evenly from its subfolders, at least 320 pixels along
the shorter side. Printed: how many can carry a mark and at which strength; PSNR and SSIM of those; the share that is read after each change;
false alarms on unmarked pictures and with wrong keys.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.detector.credentials import watermark
from averment.detector.credentials.marking import STRENGTHS, mark_media, payload_of

LEAST_SIDE = 320
SEED = 20261128


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def cropped(image: Image.Image, area: float, draw: random.Random) -> Image.Image:
    """A part with ``1 - area`` of the pixels, anywhere."""
    side = (1 - area) ** 0.5
    width, height = round(image.width * side), round(image.height * side)
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def noisy(image: Image.Image, deviation: float) -> Image.Image:
    noise = np.random.default_rng(SEED).normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


Change = Callable[[Image.Image, random.Random], Image.Image]
CHANGES: dict[str, Change] = {
    "as written": lambda image, _: image,
    "JPEG 95": lambda image, _: jpeg(image, 95),
    "JPEG 75": lambda image, _: jpeg(image, 75),
    "JPEG 50": lambda image, _: jpeg(image, 50),
    "JPEG 30": lambda image, _: jpeg(image, 30),
    "resized to 75 %": lambda image, _: scaled(image, 0.75),
    "resized to 50 %": lambda image, _: scaled(image, 0.5),
    "resized to 50 %, JPEG 75": lambda image, _: jpeg(scaled(image, 0.5), 75),
    "resized to 200 %": lambda image, _: scaled(image, 2.0),
    "blur, radius 1": lambda image, _: image.filter(ImageFilter.GaussianBlur(1)),
    "blur, radius 2": lambda image, _: image.filter(ImageFilter.GaussianBlur(2)),
    "noise, deviation 8": lambda image, _: noisy(image, 8),
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "5 % cropped": lambda image, draw: cropped(image, 0.05, draw),
    "15 % cropped": lambda image, draw: cropped(image, 0.15, draw),
    "30 % cropped": lambda image, draw: cropped(image, 0.30, draw),
    "30 % cropped, JPEG 75": lambda image, draw: jpeg(cropped(image, 0.30, draw), 75),
    "50 % cropped": lambda image, draw: cropped(image, 0.50, draw),
    "turned by 1 degree": lambda image, _: image.rotate(1, Image.Resampling.BICUBIC),
    "stretched by 5 %": lambda image, _: image.resize((round(image.width * 1.05), image.height)),
}


def drawn(folder: Path, count: int, draw: random.Random, *, without: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Files in turn from each subfolder, in a random order that the seed fixes."""
    groups: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*.jp*g")):
        if path not in without:
            groups.setdefault(path.parent, []).append(path)
    for paths in groups.values():
        draw.shuffle(paths)
    left = count
    while left and any(groups.values()):
        for paths in groups.values():
            while paths and left:
                path = paths.pop()
                with Image.open(path) as image:
                    if min(image.size) >= LEAST_SIDE:
                        yield path
                        left -= 1
                        break


def likeness(before: Image.Image, after: Image.Image) -> tuple[float, float]:
    """PSNR in decibels, and SSIM of the luminance (Wang et al. 2004: Gaussian window of deviation 1.5, K1 .01, K2 .03)."""
    from scipy.ndimage import gaussian_filter

    first, second = (np.asarray(image.convert("RGB"), dtype=float) for image in (before, after))
    psnr = 10 * np.log10(255**2 / max(1e-9, float(((first - second) ** 2).mean())))
    x, y = (np.asarray(image.convert("F"), dtype=float) for image in (before, after))
    mean_x, mean_y = gaussian_filter(x, 1.5), gaussian_filter(y, 1.5)
    var_x, var_y = gaussian_filter(x * x, 1.5) - mean_x**2, gaussian_filter(y * y, 1.5) - mean_y**2
    both = gaussian_filter(x * y, 1.5) - mean_x * mean_y
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = ((2 * mean_x * mean_y + low) * (2 * both + high)) / ((mean_x**2 + mean_y**2 + low) * (var_x + var_y + high))
    return float(psnr), float(ssim.mean())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--unmarked", type=int, default=40)
    arguments = parser.parse_args()
    draw = random.Random(SEED)
    chosen = list(drawn(arguments.data, arguments.images, draw))
    if not chosen:
        parser.error(f"there are no pictures below {arguments.data}")
    strengths: Counter[float] = Counter()
    refused: Counter[str] = Counter()
    read: Counter[str] = Counter()
    likenesses, seconds = [], {"mark": 0.0, "read": 0.0}
    for number, path in enumerate(chosen):
        print(f"\r{number + 1} of {len(chosen)}", end="", file=sys.stderr)
        data = path.read_bytes()
        payload = payload_of(sha256_hex(data))
        began = time.process_time()
        try:
            marked = mark_media(data, payload)
        except BadInputError as error:
            refused[error.message] += 1
            continue
        seconds["mark"] += time.process_time() - began
        strengths[marked.decibels] += 1
        image = Image.open(io.BytesIO(marked.data)).convert("RGB")
        with Image.open(path) as source:
            likenesses.append(likeness(source.convert("RGB"), image))
        for name, change in CHANGES.items():
            changed = change(image, draw)
            began = time.process_time()
            read[name] += watermark.read(changed).payload == int(payload, 16)
            seconds["read"] += time.process_time() - began
    marks = strengths.total()
    print(f"\n{len(chosen)} photographs from {arguments.data.name}/, seed {SEED}; marked {marks}, refused {refused.total()}")
    print("strength: " + ", ".join(f"{strength:g} dB {strengths[strength]}" for strength in STRENGTHS))
    psnr, ssim = (np.array(values) for values in zip(*likenesses, strict=True))
    print(f"PSNR median {np.median(psnr):.1f} dB, least {psnr.min():.1f}; SSIM median {np.median(ssim):.4f}, least {ssim.min():.4f}")
    print(f"CPU seconds: marking {seconds['mark'] / marks:.2f}, reading {seconds['read'] / marks / len(CHANGES):.2f} a picture")
    for name in CHANGES:
        print(f"  {name:<26} read {read[name]:4} of {marks}  ({read[name] / marks:.1%})")
    unmarked = list(drawn(arguments.data, arguments.unmarked, draw, without=frozenset(chosen)))
    scores, alarms = [], 0
    for number, path in enumerate(unmarked):
        with Image.open(path) as image:
            found = watermark.read(image.convert("RGB"), watermark.PUBLIC_KEY if number % 2 else f"key {number}".encode())
        scores.append(found.score)
        alarms += found.payload is not None
    print(f"unmarked: {alarms} false alarms in {len(unmarked)}; highest score {max(scores):.2f}, reading begins at {watermark.THRESHOLD:g}")
    print(f"bound on a false alarm, whatever the picture: {watermark.false_alarm_bound():.1e} a picture")


if __name__ == "__main__":
    main()
