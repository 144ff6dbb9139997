"""A detector whose scores depend on the bytes alone, and which counts what it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from averment.detector.interface import Detector, DetectorInfo, FaceScore, Family, Score


class CountingDetector(Detector):
    """Flags what holds "fake", can't say of what holds "odd"; the figure comes from the hash, so that it has all its digits."""

    def __init__(self, *, sha256: str | None = "a" * 64, version: str = "1", threshold: float = 0.5) -> None:
        self._info = DetectorInfo("counting", version, sha256, tuple(Family), threshold)
        self.asked: list[bytes] = []

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.asked += images
        return [self._one(image) for image in images]

    def _one(self, image: bytes) -> Score:
        if b"odd" in image:
            return Score(cannot_say="it is odd")
        share = int.from_bytes(hashlib.sha256(image).digest()[:6], "big") / 2**48 / 2
        probability = 0.5 + share if b"fake" in image else share
        if b"face" not in image:
            return Score({Family.SYNTHETIC_IMAGE: probability})
        faces = (FaceScore((1.0, 2.0, 30.5, 40.0), share),)
        return Score({Family.SYNTHETIC_IMAGE: probability, Family.MANIPULATED_FACE: share}, faces=faces)


@pytest.fixture
def counting() -> type[CountingDetector]:
    """Makes such a detector, by ``sha256``, ``version`` and ``threshold``."""
    return CountingDetector
