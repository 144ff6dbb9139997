"""An imperceptible watermark of 36 bits in a picture's pixels, read without the original, without a network and without torch.

Metadata, a content credential among them, go with the first service that re-encodes a picture. This layer stays in the pixels and
names an entry of the provenance log. It is a pointer, not a proof: with the pattern's key, which is public unless a user keeps one of
their own, anybody can read it, copy it or wipe it out.

The scheme is that of JAWS (Kalker, Depovere, Haitsma, Maes: A video watermarking system for broadcast monitoring, SPIE 3657, 1999). A
pattern with random phases in a band of low frequencies is repeated over the picture as square tiles; further patterns lie over it, each
shifted around the tile by one of 4,096 offsets, and the offsets relative to the first pattern are the message. Whoever reads lays the
tiles upon each other and correlates by phase alone (SPOMF), which needs neither the tile's position nor the picture. Two things are
ours: tiles are measured by the picture's shorter side, so that resizing needs no search and only the share that a crop has left is
searched for; and the last offset is a check on the others.

What a false alarm takes, whatever the picture: the phases are drawn from the key by SHAKE-256, so a correlation with a picture that
wasn't marked with it is a normalised sum of ``cos`` of uniform angles, which exceeds t with a probability of at most exp(-t²/2)
(Hoeffding's inequality in the form for cosines: their moment-generating function I0(x) is at most exp(x²/4)). ``false_alarm_bound`` adds
up all shifts, scales and the mirrored reading, times the chance of the check.

Numpy is imported here at once: import this module inside functions only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from PIL import Image

from averment.detector.credentials.scheme import ALGORITHM, PUBLIC_KEY

SIDE = 512
"""The picture's shorter side where it is read and where the pattern is made."""

TILE = 256
"""Side of a tile there: two tiles or more lie along the shorter side."""

LOWEST, HIGHEST = 8, 48
"""The band in cycles a tile: above the slow changes of light, below what JPEG 50 and a halved picture lose."""

GRID = 64
"""Offsets along a side; a symbol is one of ``GRID * GRID``."""

SYMBOL_BITS = 12
DATA_SYMBOLS = 3
PAYLOAD_BITS = SYMBOL_BITS * DATA_SYMBOLS

LEAST_KEPT = 0.6
"""The smallest share of the shorter side that is searched for: crops that leave less are not read."""

STEP = 0.004
"""Between two neighbouring shares, relative: half a pixel at the far end of the picture."""

THRESHOLD = 6.5
"""Least correlation, in standard deviations, of the first pattern. See ``false_alarm_bound``."""

_WINDOW = 9  # pixels at SIDE over which light and contrast are evened out
_FLOOR = 2.0  # grey levels: contrast below which a region counts as flat
_MASKING = 0.7  # the pattern's amplitude grows with contrast to this power
_FINALISTS = 4  # shares whose neighbours are looked at
_LOUDEST = 4.0  # but at most so many times the median

Plane = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""A float array, (height, width)."""

Phasors = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]
"""Unit complex numbers, one for each frequency of the band (upper half of the plane)."""


@dataclass(frozen=True)
class Reading:
    """What was read. ``payload`` is None when there is no watermark of this key; ``score`` is the first pattern's correlation in standard
    deviations, ``kept`` the share of the shorter side that is left, ``mirrored`` whether left and right are exchanged."""

    payload: int | None
    score: float
    kept: float = 1.0
    mirrored: bool = False


def false_alarm_bound() -> float:
    """Upper bound of the probability that ``read`` finds a watermark in a picture that was not marked with the key."""
    trials = 2 * TILE * TILE * len(_shares())
    return min(1.0, trials * math.exp(-(THRESHOLD**2) / 2)) / (1 << SYMBOL_BITS)


class Patterns:
    """The patterns of a key: the first, which says where the tile lies, then one for each symbol of the message."""

    def __init__(self, key: bytes) -> None:
        rows, columns = np.meshgrid(np.fft.fftfreq(TILE, 1 / TILE), np.arange(TILE // 2 + 1), indexing="ij")
        radius = np.hypot(rows, columns)
        band = (radius >= LOWEST) & (radius <= HIGHEST) & ((columns > 0) | (rows > 0))
        self._at = np.nonzero(band)
        self._rows, self._columns = rows[band], columns[band]
        place = np.zeros(band.shape, dtype=int)
        place[band] = np.arange(len(self._rows))
        self._opposite = place[-self._at[0], self._at[1]]
        count = DATA_SYMBOLS + 2
        drawn = hashlib.shake_256(ALGORITHM.encode() + b"\0" + key).digest(count * self.size * 4)
        angles = np.frombuffer(drawn, dtype="<u4").reshape(count, self.size) * (2 * np.pi / 2**32)
        self._phases = np.exp(1j * angles).astype(np.complex64)
        self._key = key

    @property
    def size(self) -> int:
        """How many frequencies the band holds."""
        return len(self._at[0])

    def symbols(self, payload: int) -> list[int]:
        """The message's symbols, the check last."""
        data = [payload >> SYMBOL_BITS * place & (2**SYMBOL_BITS - 1) for place in reversed(range(DATA_SYMBOLS))]
        digest = hashlib.sha256(ALGORITHM.encode() + b"\0" + self._key + b"\0" + payload.to_bytes(8, "big")).digest()
        return [*data, int.from_bytes(digest[:2], "big") >> (16 - SYMBOL_BITS)]

    def tile(self, payload: int) -> Plane:
        """The tile that says ``payload``: mean 0, standard deviation 1."""
        total = self._phases[0].copy()
        for pattern, symbol in zip(self._phases[1:], self.symbols(payload), strict=True):
            down, right = divmod(symbol, GRID)
            total += pattern * self._shifted(down * TILE // GRID, right * TILE // GRID)
        tile = self._plane(total)
        tile /= tile.std()
        return tile

    def phases_of(self, plane: Plane) -> Phasors:
        """The phases of ``plane``'s tiles, laid upon each other."""
        height, width = plane.shape
        padded = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), dtype=np.float32)
        padded[:height, :width] = plane
        folded = padded.reshape(padded.shape[0] // TILE, TILE, padded.shape[1] // TILE, TILE).sum((0, 2))
        found = np.fft.rfft2(folded)[self._at]
        return found / np.maximum(np.abs(found), 1e-12)

    def mirrored(self, phases: Phasors) -> Phasors:
        """The phases of the same picture with left and right exchanged: F(r, -c), which is the conjugate of F(-r, c)."""
        return np.where(self._columns > 0, np.conj(phases[self._opposite]), phases)

    def locate(self, phases: Phasors) -> tuple[float, tuple[int, int]]:
        """The first pattern's highest correlation, and by how many pixels the tile is shifted down and to the right there."""
        surface = self._correlation(phases, 0)
        row, column = divmod(int(surface.argmax()), TILE)
        return float(surface[row, column]), (row, column)

    def message(self, phases: Phasors, shift: tuple[int, int]) -> int | None:
        """The payload of a tile that lies at ``shift``; None when the check doesn't fit."""
        straight = phases * np.conj(self._shifted(*shift))
        step = TILE // GRID
        found = [int(self._correlation(straight, index)[::step, ::step].argmax()) for index in range(1, DATA_SYMBOLS + 2)]
        payload = 0
        for symbol in found[:-1]:
            payload = payload << SYMBOL_BITS | symbol
        return payload if self.symbols(payload) == found else None

    def _shifted(self, down: int, right: int) -> Phasors:
        turned: Phasors = np.exp(-2j * np.pi / TILE * (self._rows * down + self._columns * right))
        return turned

    def _plane(self, coefficients: Phasors) -> Plane:
        spectrum = np.zeros((TILE, TILE // 2 + 1), dtype=np.complex64)
        spectrum[self._at] = coefficients
        spectrum[-np.arange(1, TILE // 2), 0] = np.conj(spectrum[1 : TILE // 2, 0])  # the half of column 0 that mirrors the other
        return np.fft.irfft2(spectrum, s=(TILE, TILE))

    def _correlation(self, phases: Phasors, index: int) -> Plane:
        """With pattern ``index`` at every shift, in standard deviations of what a picture without it gives."""
        return self._plane(phases * np.conj(self._phases[index])) * (TILE * TILE / math.sqrt(2 * self.size))


@lru_cache(maxsize=4)
def patterns(key: bytes = PUBLIC_KEY) -> Patterns:
    """The patterns of ``key``; making them takes milliseconds."""
    return Patterns(key)


def read(image: Image.Image, key: bytes = PUBLIC_KEY) -> Reading:
    """The watermark in ``image``, upright as people see it: whole, as it is or mirrored, then cropped, as it is or mirrored."""
    search = _Search(patterns(key), _evened(_canonical(image.convert("F"))))
    best = Reading(None, 0.0)
    for indices in (lambda _: iter((0,)), search.likely):
        for mirrored in (False, True):
            index = max(indices(mirrored), key=lambda index: search.at(index, mirrored)[0])
            reading = search.reading(index, mirrored)
            if reading.payload is not None:
                return reading
            best = max(best, reading, key=lambda one: one.score)
    return best


def read_whole(image: Image.Image, key: bytes = PUBLIC_KEY) -> Reading:
    """As ``read`` of a picture that is known to be neither cropped nor mirrored: a hundredth of the work."""
    own = patterns(key)
    phases = own.phases_of(_evened(_canonical(image.convert("F"))))
    score, shift = own.locate(phases)
    return Reading(own.message(phases, shift) if score >= THRESHOLD else None, score)


class _Search:
    """The tries at one picture, by the number of the share that a crop may have left, each made once."""

    def __init__(self, own: Patterns, plane: Plane) -> None:
        self._own, self._plane = own, plane
        self._phases: dict[int, Phasors] = {}
        self._found: dict[tuple[int, bool], tuple[float, tuple[int, int]]] = {}

    def at(self, index: int, mirrored: bool) -> tuple[float, tuple[int, int]]:
        """Score, and the tile's shift."""
        if (index, mirrored) not in self._found:
            self._found[index, mirrored] = self._own.locate(self._phases_at(index, mirrored))
        return self._found[index, mirrored]

    def likely(self, mirrored: bool) -> Iterator[int]:
        """Every second share, where a mark at its neighbour loses a tenth of its score, and the neighbours of the best of them."""
        last = len(_shares()) - 1
        coarse = sorted(range(0, last + 1, 2), key=lambda index: self.at(index, mirrored)[0], reverse=True)
        yield coarse[0]
        for index in coarse[:_FINALISTS]:
            yield from (near for near in (index - 1, index + 1) if 0 <= near <= last)

    def reading(self, index: int, mirrored: bool) -> Reading:
        """What the try says, with its message where the score is high enough for one."""
        score, shift = self.at(index, mirrored)
        payload = self._own.message(self._phases_at(index, mirrored), shift) if score >= THRESHOLD else None
        return Reading(payload, score, _shares()[index], mirrored)

    def _phases_at(self, index: int, mirrored: bool) -> Phasors:
        if index not in self._phases:
            kept = _shares()[index]  # the nearest pixels will do: nothing in the plane is finer than the band
            rows, columns = (((np.arange(int(side * kept)) + 0.5) / kept).astype(int) for side in self._plane.shape)
            self._phases[index] = self._own.phases_of(self._plane[rows][:, columns])
        return self._own.mirrored(self._phases[index]) if mirrored else self._phases[index]


@lru_cache(maxsize=1)
def _shares() -> tuple[float, ...]:
    return tuple(math.exp(-STEP * index) for index in range(int(-math.log(LEAST_KEPT) / STEP) + 1))


def _canonical(image: Image.Image) -> Plane:
    scale = SIDE / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


def _mean(plane: Plane) -> Plane:
    """Over a square window around each pixel; the border is continued outwards."""
    near = _WINDOW // 2
    sums = np.pad(plane, ((near + 1, near), (near + 1, near)), mode="edge").cumsum(0).cumsum(1)
    total: Plane = sums[_WINDOW:, _WINDOW:] - sums[:-_WINDOW, _WINDOW:] - sums[_WINDOW:, :-_WINDOW] + sums[:-_WINDOW, :-_WINDOW]
    total /= _WINDOW**2
    return total


def _contrast(plane: Plane) -> tuple[Plane, Plane]:
    """What differs from the surrounding light, and how much the surroundings differ from themselves."""
    rest = plane - _mean(plane)
    return rest, np.sqrt(np.maximum(_mean(rest * rest), 0)) + _FLOOR


def _evened(plane: Plane) -> Plane:
    """Light and contrast evened out, and nothing finer than the band."""
    rest, contrast = _contrast(plane)
    spectrum = np.fft.rfft2(rest / contrast)
    rows, columns = np.meshgrid(np.fft.fftfreq(plane.shape[0]), np.fft.rfftfreq(plane.shape[1]), indexing="ij")
    spectrum[np.hypot(rows, columns) > HIGHEST / TILE] = 0
    return np.fft.irfft2(spectrum, s=plane.shape).astype(np.float32)


class Overlay:
    """The pattern for one picture, made at ``SIDE`` and shaped by the picture's contrast, to be laid over it at any size and strength."""

    def __init__(self, image: Image.Image, payload: int, key: bytes = PUBLIC_KEY) -> None:
        if not 0 <= payload < 2**PAYLOAD_BITS:
            raise ValueError(f"a payload has {PAYLOAD_BITS} bits")
        self._luminance = _canonical(image.convert("F"))
        self._payload, self._key = payload, key

    @cached_property
    def _shape(self) -> Image.Image:
        height, width = self._luminance.shape
        repeats = (-(-height // TILE), -(-width // TILE))
        tiled = np.tile(patterns(self._key).tile(self._payload), repeats)[:height, :width]
        _, contrast = _contrast(self._luminance)
        amplitude = contrast**_MASKING
        shape = tiled * np.minimum(amplitude, _LOUDEST * np.median(amplitude))
        return Image.fromarray((shape / math.sqrt(float((shape * shape).mean()))).astype(np.float32))

    def over(self, image: Image.Image, decibels: float) -> Image.Image:
        """``image`` (RGB, the picture at any size) with the pattern, at a peak signal-to-noise ratio of ``decibels`` before rounding."""
        added = np.asarray(self._shape.resize(image.size, Image.Resampling.BICUBIC)) * np.float32(255 / 10 ** (decibels / 20))
        change = np.rint(added).astype(np.int16)
        channels = [np.clip(np.asarray(channel, dtype=np.int16) + change, 0, 255).astype(np.uint8) for channel in image.split()]
        return Image.merge("RGB", [Image.fromarray(channel) for channel in channels])
