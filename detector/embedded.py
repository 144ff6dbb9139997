"""The reference detector in process: ONNX Runtime, one thread, batches; the model is the one that the lock describes or none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.core.extras import require
from averment.detector.imaging import UnreadableError, prepare
from averment.detector.interface import Detector, DetectorInfo, Family, Score

BATCH = 32
"""Images a run of the network; bounds memory at about 60 MB whatever the number of images."""

NO_PORTRAIT = "there is no portrait in it that this detector could judge (it knows portraits only)"


class EmbeddedDetector(Detector):
    """The model that ships with Averment (``detector/model``; what it can't do stands in its CARD.md).

    ``threads`` are ONNX Runtime's. Loading is put off until the first image; an instance may be shared between threads.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

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
        return DetectorInfo(lock["name"], lock["version"], lock["model"]["sha256"], families, float(lock["threshold"]))

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

    def _score_batch(self, images: Sequence[bytes]) -> list[Score]:
        numpy: Any = require("numpy", extra="detector", needed_for="the embedded detector")
        scores: list[Score | None] = []
        inputs: list[Any] = []
        for image in images:
            try:
                inputs.append(prepare(image))
                scores.append(None)
            except UnreadableError as error:
                scores.append(Score(cannot_say=str(error)))
        if inputs:
            synthetic, portrait = self._session.run(["synthetic_image", "portrait"], {"pixels": numpy.stack(inputs)})
            judged = iter(zip(synthetic.tolist(), portrait.tolist(), strict=True))
            scores = [score if score is not None else self._judge(*next(judged)) for score in scores]
        return [score for score in scores if score is not None]

    def _judge(self, synthetic: float, portrait: float) -> Score:
        if portrait < self.lock["portrait_threshold"]:
            return Score(cannot_say=NO_PORTRAIT)
        return Score({Family.SYNTHETIC_IMAGE: min(1.0, max(0.0, synthetic))})
