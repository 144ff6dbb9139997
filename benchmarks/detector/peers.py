"""Other detectors that a user can install, behind our interface, so that one run puts the same images to all.

- minosse (MIT, from the package index): three signals of image processing, no model. Its score has few values.
- MesoNet (Apache-2.0): Afchar and others, "MesoNet: a compact facial video forgery detection network", 2018. Its authors publish four sets of
  weights in their repository ``DariusAf/MesoNet``; check it out and name its folder ``weights``. ``h5py`` and ``onnx`` bring them into ONNX Runtime.

Not here, because what a user installs doesn't score anything by itself: packages that fetch weights at run time or come without any (of those on the
package index: deepfakes_hunter, deepfake-detector, aida-network, real-deepfakes-detect).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import mesonet
import numpy as np
from PIL import Image

from averment.core.canonical import sha256_hex
from averment.detector.faces.finder import Face, FaceFinder
from averment.detector.imaging import UnreadableError, decode
from averment.detector.interface import Detector, DetectorInfo, Family, Score

MARGIN = 0.3
"""MesoNet was trained on faces cut out with some room around: this share of the face's side on each side."""


class Minosse(Detector):
    """The package minosse as it comes."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("minosse", metadata.version("minosse"), None, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        from minosse.detector import analyze

        scores = []
        for data in images:
            try:
                found = analyze(Image.open(io.BytesIO(data)))
            except Exception as error:  # noqa: BLE001 - a peer may fail in any way; that is its result
                scores.append(Score(cannot_say=f"{type(error).__name__}: {error}"))
                continue
            scores.append(Score({Family.SYNTHETIC_IMAGE: float(found.score)}))
        return scores


class MesoNet(Detector):
    """One of the published weights, on the largest face that our finder finds."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._finder = FaceFinder()

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo(self._weights.stem, "2018", sha256_hex(self._weights.read_bytes()), (Family.MANIPULATED_FACE,), 0.5)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(mesonet.to_onnx(self._weights), options, providers=["CPUExecutionProvider"])

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [self._one(data) for data in images]

    def _one(self, data: bytes) -> Score:
        try:
            image = decode(data)
        except UnreadableError as error:
            return Score(cannot_say=str(error))
        faces = self._finder.find(image)
        if not faces:
            return Score(cannot_say="no face")
        pixels = np.asarray(_cut(image, faces[0]).resize((mesonet.SIDE, mesonet.SIDE), Image.Resampling.BILINEAR), dtype=np.float32)
        (real,) = self._session.run(None, {"pixels": (pixels / 255).transpose(2, 0, 1)[np.newaxis]})
        return Score({Family.MANIPULATED_FACE: 1 - float(real.ravel()[0])})


def _cut(image: Image.Image, face: Face) -> Image.Image:
    left, top, right, bottom = face.box
    room = MARGIN * face.side
    box = (max(0, left - room), max(0, top - room), min(image.width, right + room), min(image.height, bottom + room))
    return image.crop(tuple(map(round, box)))


def installed(weights: Path | None) -> list[Detector]:
    """The peers that are here: minosse if it is installed, one MesoNet for each file of weights."""
    found: list[Detector] = []
    try:
        metadata.version("minosse")
    except metadata.PackageNotFoundError:
        print("minosse is not installed and is left out: pip install minosse")
    else:
        found.append(Minosse())
    if weights is None:
        print("MesoNet is left out: name the folder with its weights by --mesonet")
    else:
        found += [MesoNet(path) for path in sorted(weights.glob("*.h5"))]
    return found
