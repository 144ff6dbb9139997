"""Any ONNX classifier as a detector: what its input looks like and what its outputs mean stand in a spec beside it.

A model file says neither how pixels are scaled nor which output is the attack, so nothing of that is guessed. Images are decoded by the
same bounded decoding as for the reference detector, and what that refuses is "can't say" here too; but pictures may be as small as half of what
the model takes, where that is less than the reference detector's least.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.extras import require
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.detector.imaging import MIN_SIDE, UnreadableError, square
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.shown import decode_shown

if TYPE_CHECKING:
    from PIL import Image

MAX_MODEL_BYTES = 1024 * 1024 * 1024
BATCH = 16
_SCALES = {"unit": (255.0, 0.0), "bytes": (1.0, 0.0), "symmetric": (127.5, -1.0)}
_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_WEIGHTS_ELSEWHERE = "session.model_external_initializers_file_folder_path"
"""ONNX Runtime's name for the folder in which it looks for weights that a model keeps in files of their own. None of what evidence names would cover
them: the model's hash is that of its graph."""
_FIGURES = frozenset({"tensor(float)", "tensor(float16)", "tensor(double)"})
"""What scores can be: not the labels, in numbers or words, that some exporters put first."""


@dataclass(frozen=True)
class OnnxSpec:
    """An ONNX model's spec as read. ``outputs`` maps each family to the place of its score in the flattened first output.

    ``scale`` brings bytes to [0, 1] (unit), leaves them (bytes) or brings them to [-1, 1] (symmetric); then ``mean`` is subtracted and
    divided by ``deviation``, per channel. ``fit`` takes the largest square of an image, or stretches it.
    """

    name: str
    version: str
    model: Path
    sha256: str | None
    threshold: float
    outputs: Mapping[Family, int]
    activation: str
    side: int
    layout: str
    colour: str
    scale: str
    fit: str
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    deviation: tuple[float, ...] = (1.0, 1.0, 1.0)

    @property
    def least(self) -> int:
        """How many pixels a side an image has to have at least."""
        return min(MIN_SIDE, -(-self.side // 2))

    @property
    def leaves_bytes(self) -> bool:
        """Whether pixels reach the model as they are, from 0 to 255."""
        return self.scale == "bytes" and not any(self.mean) and set(self.deviation) == {1.0}


class OnnxDetector(Detector):
    """Runs the model of ``spec`` in process, one thread. The model is read when it is first needed."""

    def __init__(self, spec: OnnxSpec) -> None:
        self._spec = spec

    def at_threshold(self, threshold: float) -> OnnxDetector:
        return OnnxDetector(replace(self._spec, threshold=threshold))

    @cached_property
    def _model(self) -> bytes:
        data = read_bounded(self._spec.model, limit=MAX_MODEL_BYTES)
        if self._spec.sha256 is not None and sha256_hex(data) != self._spec.sha256:
            raise IncompleteError(
                "is not the model that the spec names: its SHA-256 differs", where=SourceRef(str(self._spec.model)), fix="renew the spec"
            )
        return data

    @cached_property
    def info(self) -> DetectorInfo:
        spec = self._spec
        return DetectorInfo(spec.name, spec.version, sha256_hex(self._model), tuple(spec.outputs), spec.threshold)

    @cached_property
    def _session(self) -> Any:
        runtime: Any = require("onnxruntime", extra="detector", needed_for="a detector from an ONNX file")
        model = self._model
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry(_WEIGHTS_ELSEWHERE, os.devnull)  # else it takes them from wherever this runs
        try:
            session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if "external data" in str(error).lower():
                raise BadInputError(
                    "keeps its weights in another file, of which its SHA-256 says nothing",
                    where=SourceRef(str(self._spec.model)),
                    fix="export it as one file, as torch.onnx.export(..., external_data=False) does",
                ) from error
            raise BadInputError(
                f"is not a model that ONNX Runtime loads: {type(error).__name__}",
                where=SourceRef(str(self._spec.model)),
                fix="export it anew, for an opset that the installed onnxruntime knows",
            ) from error
        self._check(session)
        return session

    def _check(self, session: Any) -> None:
        inputs = session.get_inputs()
        where = SourceRef(str(self._spec.model))
        if len(inputs) != 1 or inputs[0].type not in _TYPES:
            kinds = ", ".join(entry.type for entry in inputs)
            raise BadInputError(f"takes {kinds}", where=where, fix="give a model with one input of float32, float16 or uint8")
        shape, side = inputs[0].shape, self._spec.side
        wanted = [3, side, side] if self._spec.layout == "nchw" else [side, side, 3]
        if len(shape) != 4 or any(isinstance(have, int) and have != want for have, want in zip(shape[1:], wanted, strict=True)):
            raise BadInputError(f"takes the shape {shape}, the spec says {wanted}", where=where, fix="set input.side and input.layout")
        if isinstance(shape[0], int) and shape[0] != 1:
            raise BadInputError(f"takes exactly {shape[0]} images at once", where=where, fix="export it with a batch of 1 or of any size")
        if inputs[0].type == "tensor(uint8)" and not self._spec.leaves_bytes:  # which cutting off would make 0 or 1 of
            fix = "set input.scale: bytes, without mean and deviation"
            raise BadInputError("takes whole numbers from 0 to 255, and the spec scales them", where=where, fix=fix)
        if (gives := session.get_outputs()[0].type) not in _FIGURES:
            raise BadInputError(f"gives {gives} first, a label perhaps", where=where, fix="export it with its scores as the first output")

    def score(self, images: Sequence[bytes]) -> list[Score]:
        if not images:
            return []
        step = 1 if self._session.get_inputs()[0].shape[0] == 1 else BATCH
        scores: list[Score] = []
        for start in range(0, len(images), step):
            scores += self._score_batch(images[start : start + step])
        return scores

    def _score_batch(self, images: Sequence[bytes]) -> list[Score]:
        import numpy as np

        inputs: list[Any] = []
        refused: dict[int, Score] = {}
        for place, image in enumerate(images):
            try:
                inputs.append(self._pixels(decode_shown(image, least=self._spec.least)))
            except UnreadableError as error:
                refused[place] = Score(cannot_say=str(error))
        judged = iter(self._judge(self._run(np.stack(inputs))) if inputs else [])
        return [refused[place] if place in refused else next(judged) for place in range(len(images))]

    def _pixels(self, image: Image.Image) -> Any:
        import numpy as np
        from PIL import Image as Pil

        spec = self._spec
        framed = square(image) if spec.fit == "square" else image
        pixels = np.asarray(framed.resize((spec.side, spec.side), Pil.Resampling.BICUBIC), dtype=np.float32)
        if spec.colour == "bgr":
            pixels = pixels[:, :, ::-1]
        divisor, offset = _SCALES[spec.scale]
        mean, deviation = (np.asarray(values, dtype=np.float32) for values in (spec.mean, spec.deviation))
        pixels = (pixels / np.float32(divisor) + np.float32(offset) - mean) / deviation
        return np.ascontiguousarray(pixels.transpose(2, 0, 1) if spec.layout == "nchw" else pixels)

    def _run(self, inputs: Any) -> Any:
        entry = self._session.get_inputs()[0]
        try:
            (first, *_) = self._session.run(None, {entry.name: inputs.astype(_TYPES[entry.type])})
        except Exception as error:
            raise IncompleteError(f"the model {self._spec.name} broke: {type(error).__name__}: {str(error)[:200]}") from error
        if len(inputs) > 1 and first.shape[:1] != (len(inputs),):  # whose figures are whose isn't guessed
            raise BadInputError(
                f"gives the shape {list(first.shape)} for {len(inputs)} images",
                where=SourceRef(str(self._spec.model)),
                fix="export it with the images along the first axis of its output, or with a batch of 1",
            )
        return first.reshape(len(inputs), -1).astype("float64")

    def _judge(self, rows: Any) -> list[Score]:
        spec = self._spec
        last = max(spec.outputs.values())
        if rows.shape[1] <= last:
            raise BadInputError(
                f"gives {rows.shape[1]} outputs, the spec asks for number {last}",
                where=SourceRef(str(spec.model)),
                fix="count families from 0",
            )
        return [self._score_of(row) for row in self._activated(rows)]

    def _score_of(self, row: Any) -> Score:
        values = {family: float(row[place]) for family, place in self._spec.outputs.items()}
        if strange := [
            value for value in values.values() if not math.isfinite(value)
        ]:  # by an image, a black one perhaps: others still count
            return Score(cannot_say=f"the model {self._spec.name} gave {strange[0]:g} for it, which is no probability")
        return Score({family: self._probability(value) for family, value in values.items()})

    def _activated(self, rows: Any) -> Any:
        import numpy as np

        if self._spec.activation == "sigmoid":
            return 1 / (1 + np.exp(-np.clip(rows, -60, 60)))
        if self._spec.activation == "softmax":
            shifted = np.exp(rows - rows.max(axis=1, keepdims=True))
            return shifted / shifted.sum(axis=1, keepdims=True)
        return rows

    def _probability(self, number: float) -> float:
        if not -1e-6 <= number <= 1 + 1e-6:
            raise IncompleteError(
                f"the model {self._spec.name} gave {number:g}, which is no probability",
                fix="set activation: sigmoid or softmax in the spec, if the model gives logits",
            )
        return min(1.0, max(0.0, number))
