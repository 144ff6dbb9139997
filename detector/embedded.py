"""The reference detector in process: ONNX Runtime, one thread, batches; the model is the one that the lock describes or none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.core.extras import require
from averment.detector.faces.finder import FaceFinder
from averment.detector.faces.views import seen_of, view_of
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Detector, DetectorInfo, Explanation, FaceScore, Family, HeatMap, Score
from averment.detector.shown import decode_shown

Box = tuple[float, float, float, float]

INPUT, OUTPUTS = "pixels", ("manipulated_face", "synthetic_image", "manipulated_where", "synthetic_where")
"""Names in the ONNX graph. Two probabilities a view, and for each a coarse map of where it looks so."""

FAMILIES = (Family.MANIPULATED_FACE, Family.SYNTHETIC_IMAGE)

BATCH = 32
"""Images that are decoded before their faces are judged; bounds memory whatever the number of images."""

VIEWS_AT_ONCE = 1
"""Views a run of the networks. What lies between their layers then stays in the processor's cache; with 16 they take a third longer."""

MAX_FACES = 8
"""Of one image, the largest first; a crowd's faces are too small to judge anyway."""

MIN_FACE = 40
"""Side in pixels of the smallest face that is judged: a quarter of the networks' input; below it they see interpolation."""

NO_FACE = "there is no face in it that this detector could judge (it knows faces only)"


@cache
def shipped_facts() -> Mapping[str, Any]:
    """Which detector ships with this version, as evidence names it; nothing is loaded for it.

    Raises:
        IncompleteError: its lock file is missing or broken.
    """
    return EmbeddedDetector().info.facts()


@dataclass(frozen=True)
class _Views:
    """What of one image is shown to the networks: the boxes of its faces, the largest first, and a view of each."""

    boxes: tuple[Box, ...]
    inputs: tuple[Any, ...]
    size: tuple[int, int]
    unjudged: str | None = None  # of the image's other faces: how many there are and why they aren't shown


class EmbeddedDetector(Detector):
    """The model that ships with Averment (``detector/model``; what it can't do stands in its CARD.md).

    It finds the faces of an image and judges each: whether it was manipulated, and whether all of it was generated. An image without a face
    is one that it can't say anything about. ``threads`` are ONNX Runtime's. Loading is put off until the first image; an instance may be
    shared between threads. ``model`` and ``lock`` take the place of those that ship: training measures what it is about to write.
    ``threshold``, if given, takes the place of the lock's: for material that isn't like that of training.
    """

    def __init__(
        self, *, threads: int = 1, model: bytes | None = None, lock: Mapping[str, Any] | None = None, threshold: float | None = None
    ) -> None:
        self._threads = threads
        self._threshold = threshold
        self._finder = FaceFinder(threads=threads)
        self._model = model
        if lock is not None:
            self.__dict__["lock"] = dict(lock)

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The model's lock file: hashes, thresholds, figures.

        Raises:
            IncompleteError: it is missing or broken.
        """
        try:
            text = resources.files("averment.detector.model").joinpath("lock.json").read_text(encoding="utf-8")
            value: dict[str, Any] = json.loads(text)
        except (OSError, ValueError) as error:
            raise IncompleteError(f"the detector's lock file can't be read: {error}", fix="install averment again") from error
        return value

    @cached_property
    def info(self) -> DetectorInfo:
        lock = self.lock
        families = tuple(Family(name) for name in lock["families"])
        threshold = float(lock["threshold"]) if self._threshold is None else self._threshold
        return DetectorInfo(lock["name"], lock["version"], lock["model"]["sha256"], families, threshold)

    def at_threshold(self, threshold: float) -> EmbeddedDetector:
        return EmbeddedDetector(threads=self._threads, model=self._model, lock=self.lock, threshold=threshold)

    def load(self) -> None:
        _ = self._session

    @cached_property
    def _session(self) -> Any:
        runtime = require("onnxruntime", extra="detector", needed_for="the embedded detector")
        model = self.model_bytes()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def model_bytes(self) -> bytes:
        """The ONNX file.

        Raises:
            IncompleteError: it is missing, or its SHA-256 isn't the lock's: nobody vouches for what it would say.
        """
        model = self._model
        if model is None:
            try:
                model = resources.files("averment.detector.model").joinpath(self.lock["model"]["file"]).read_bytes()
            except OSError as error:
                raise IncompleteError(f"the detector's model can't be read: {error}", fix="install averment again") from error
        if sha256_hex(model) != self.lock["model"]["sha256"]:
            raise IncompleteError("the detector's model is not the one that its lock file describes", fix="install averment again")
        return model

    def score(self, images: Sequence[bytes]) -> list[Score]:
        scores: list[Score] = []
        for start in range(0, len(images), BATCH):
            scores += self._score_batch(images[start : start + BATCH])
        return scores

    def explain(self, image: bytes) -> Explanation:
        """Two maps for each face that was judged, over the part of the image that the networks saw of it."""
        numpy: Any = require("numpy", extra="detector", needed_for="the embedded detector")
        seen = self._look_at(image)
        if isinstance(seen, Score):
            return Explanation(no_map=seen.cannot_say)
        found = self._session.run(OUTPUTS[2:], {INPUT: numpy.stack(seen.inputs)})
        maps = []
        for place, box in enumerate(seen.boxes):
            left, top, side = seen_of(box, seen.size)
            over = (left, top, left + side, top + side)
            maps += [
                HeatMap(family, over, tuple(tuple(_unit(value) for value in row) for row in grids[place].tolist()))
                for family, grids in zip(FAMILIES, found, strict=True)
            ]
        return Explanation(tuple(maps))

    def _score_batch(self, images: Sequence[bytes]) -> list[Score]:
        looked_at = [self._look_at(image) for image in images]
        inputs = [view for seen in looked_at if isinstance(seen, _Views) for view in seen.inputs]
        results = iter(self._run(inputs)) if inputs else iter(())
        return [
            _judge(seen, [next(results) for _ in seen.inputs], self.info.threshold) if isinstance(seen, _Views) else seen
            for seen in looked_at
        ]

    def _look_at(self, image: bytes) -> _Views | Score:
        """The views of an encoded image, or why there is nothing to say about it."""
        try:
            decoded = decode_shown(image)
        except UnreadableError as error:
            return Score(cannot_say=str(error))
        faces = self._finder.find_close(decoded)
        large = [face.box for face in faces if face.side >= MIN_FACE][:MAX_FACES]
        if not faces:
            return Score(cannot_say=NO_FACE)
        if not large:
            return Score(cannot_say=f"the largest face is {faces[0].side:.0f} pixels wide; at least {MIN_FACE} are needed")
        left = len(faces) - len(large)
        unjudged = (
            f"{left} of {len(faces)} faces were not judged (below {MIN_FACE} pixels, or beyond the {MAX_FACES} largest)" if left else None
        )
        return _Views(tuple(large), tuple(view_of(decoded, box) for box in large), decoded.size, unjudged)

    def _run(self, inputs: Sequence[Any]) -> list[tuple[float, float]]:
        """The probabilities of every view, manipulated and synthetic."""
        numpy: Any = require("numpy", extra="detector", needed_for="the embedded detector")
        found: list[tuple[float, float]] = []
        for start in range(0, len(inputs), VIEWS_AT_ONCE):
            manipulated, synthetic = self._session.run(OUTPUTS[:2], {INPUT: numpy.stack(inputs[start : start + VIEWS_AT_ONCE])})
            found += zip(manipulated.tolist(), synthetic.tolist(), strict=True)
        return found


def _judge(seen: _Views, results: Sequence[tuple[float, float]], threshold: float) -> Score:
    """The image's score: the most suspicious face's for manipulation, the largest face's for synthesis.

    Where a face was left unjudged, low probabilities of the others say nothing of it: the family is silent then.
    """
    if not all(math.isfinite(number) for result in results for number in result):
        return Score(cannot_say="the model gave no number for it")
    faces = tuple(FaceScore(box, _unit(manipulated)) for box, (manipulated, _) in zip(seen.boxes, results, strict=True))
    highest, synthetic = max(face.probability for face in faces), _unit(results[0][1])
    if seen.unjudged is not None and highest < threshold:
        return Score({Family.SYNTHETIC_IMAGE: synthetic}, silent={Family.MANIPULATED_FACE: seen.unjudged}, faces=faces)
    return Score({Family.MANIPULATED_FACE: highest, Family.SYNTHETIC_IMAGE: synthetic}, faces=faces)


def _unit(number: float) -> float:
    return min(1.0, max(0.0, number))
