"""Near-duplicates: pairs of images whose perceptual hashes differ in a few bits.

The hash is the 256-bit pHash of the package imagehash (a 16 x 16 block of the image's low frequencies, each above or below their median).
Measured on 1,763 of the pictures that the reference detector was made with: the same picture at JPEG 50 or at half its size differs in at most 10 bits,
while the nearest portraits of two people, taken alike in one studio, differ in 42. So ``DISTANCE`` finds what was recompressed or scaled. It
doesn't find a crop: 5 % cut off each side already change 84 bits or more in half of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from averment.core.extras import require
from averment.detector.decoding import decode

SIDE = 16
BITS = SIDE * SIDE

DISTANCE = 24
"""Pairs that differ in at most this many bits are near-duplicates."""

PLAIN = "it shows too little, and all such pictures look alike"
"""Why a picture whose hash ``is_plain`` isn't looked for by it."""

MAX_COMPARED = 50_000
"""More images are not compared with each other: the work grows with the square of their number (50,000: 1.25 billion pairs)."""

_ROWS = 512  # rows compared with all others at a time: at most 130 MB beside the hashes themselves


def perceptual_hash(data: bytes) -> Any:
    """The bits of the image's hash: a boolean array of ``BITS``.

    Raises:
        UnreadableError: it can't be decoded safely (the reasons of ``imaging.decode``).
        MissingExtraError: imagehash isn't installed.
    """
    imagehash: Any = require("imagehash", extra="detector", needed_for="finding near-duplicates")
    return imagehash.phash(decode(data), hash_size=SIDE).hash.ravel()


def hexadecimal(bits: Any) -> str:
    """A hash as text, most significant bit first."""
    import numpy as np

    return bytes(np.packbits(bits)).hex()


def is_plain(ones: int) -> bool:
    """Whether a hash with so many bits set says too little of its picture (one colour, a gradient, stripes): of two such, whatever the pictures
    show, no more than ``DISTANCE`` bits can differ."""
    return min(ones, BITS - ones) <= DISTANCE // 2


def near_pairs(hashes: Sequence[Any], distance: int) -> Iterator[tuple[int, int, int]]:
    """Every pair (first, second, bits that differ) with first < second and at most ``distance`` bits between them, in order.

    Distances come out of a product of matrices of +1 and -1, which is the number of equal bits less that of differing ones.
    """
    import numpy as np

    if len(hashes) < 2:
        return
    signs = np.where(np.stack(hashes), np.float32(1), np.float32(-1))
    for start in range(0, len(signs), _ROWS):
        equal_less_differing = signs[start : start + _ROWS] @ signs[start:].T  # BITS - 2 x distance
        for row, column in np.argwhere(equal_less_differing >= BITS - 2 * distance - 0.5):
            if column > row:
                yield start + int(row), start + int(column), (BITS - round(float(equal_less_differing[row, column]))) // 2
