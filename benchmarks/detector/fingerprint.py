"""How far apart perceptual hashes lie: ``python benchmarks/detector/fingerprint.py --data FOLDER [--images 600] [--changed 60]``.

FOLDER holds JPEG files in any depth, from whose subfolders as many as asked for are drawn evenly with a fixed seed. Printed: distances (of 256
bits) between different pictures, within and across folders, and how many pairs the provenance log would take for one; distances between a
picture and what a service makes of it, and the share that is still found.
"""

from __future__ import annotations

import argparse
import io
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from averment.core.canonical import sha256_hex
from averment.detector.claims.duplicates import BITS, DISTANCE, perceptual_hash
from averment.detector.imaging import UnreadableError

SEED = 20261128


def encoded(image: Image.Image, quality: int = 95) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def inner(image: Image.Image, cut: float) -> Image.Image:
    """With ``cut`` of each side gone."""
    left, top = round(image.width * cut), round(image.height * cut)
    return image.crop((left, top, image.width - left, image.height - top))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG 75": lambda image: encoded(image, 75),
    "JPEG 50": lambda image: encoded(image, 50),
    "JPEG 30": lambda image: encoded(image, 30),
    "half size": lambda image: encoded(image.resize((image.width // 2, image.height // 2))),
    "half size, JPEG 50": lambda image: encoded(image.resize((image.width // 2, image.height // 2)), 50),
    "1 % cut off each side": lambda image: encoded(inner(image, 0.01)),
    "3 % cut off each side": lambda image: encoded(inner(image, 0.03)),
    "10 % cut off each side": lambda image: encoded(inner(image, 0.10)),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--changed", type=int, default=60)
    arguments = parser.parse_args()
    draw = random.Random(SEED)
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(arguments.data.rglob("*.jp*g")):
        groups[path.parent.name].append(path)
    if not groups:
        parser.error(f"there are no JPEGs below {arguments.data}")
    chosen = [path for paths in groups.values() for path in draw.sample(paths, min(len(paths), arguments.images // len(groups)))]
    hashes, owners, seen, unreadable = [], [], set(), 0
    for path in chosen:
        data = path.read_bytes()
        try:
            bits = perceptual_hash(data)
        except UnreadableError:
            unreadable += 1
            continue
        if (digest := sha256_hex(data)) not in seen:
            seen.add(digest)
            hashes.append(bits)
            owners.append(path.parent.name)
    signs = np.where(np.stack(hashes), 1, -1).astype(np.int32)
    distances = (BITS - signs @ signs.T) // 2
    first, second = np.triu_indices(len(hashes), 1)
    pairs, names = distances[first, second], np.array(owners)
    print(f"{unreadable} of {len(chosen)} files could not be read")
    print(f"{len(hashes)} different files, {len(pairs):,} pairs; a match is at most {DISTANCE} of {BITS} bits, seed {SEED}")
    print(f"  all pairs: median {np.median(pairs):.0f}, least {pairs.min()}; matches {(pairs <= DISTANCE).sum()}")
    for name in sorted(groups):
        inside = pairs[(names[first] == name) & (names[second] == name)]
        if len(inside):
            print(
                f"  within {name:<12} {len(inside):>8,} pairs: median {np.median(inside):.0f}, least {inside.min()}, matches {(inside <= DISTANCE).sum()}"
            )
    sample = draw.sample(chosen, min(len(chosen), arguments.changed))
    for name, change in CHANGES.items():
        off = []
        for path in sample:
            with Image.open(path) as image:
                off.append(int((perceptual_hash(path.read_bytes()) != perceptual_hash(change(image.convert("RGB")))).sum()))
        print(f"  {name:<24} median {np.median(off):5.1f}, most {max(off):3}; found {sum(one <= DISTANCE for one in off)} of {len(off)}")


if __name__ == "__main__":
    main()
