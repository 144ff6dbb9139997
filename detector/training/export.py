"""From the trained networks to one ONNX file, and the check that it says the same."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.detector.embedded import INPUT, OUTPUTS
from averment.detector.imaging import INPUT_SIDE
from averment.detector.training.network import Calibrated

OPSET = 17
MAX_DIFFERENCE = 5e-3
"""Between torch and ONNX Runtime, in probability."""


class Both(nn.Module):  # type: ignore[misc]
    """Two calibrated networks that look at the same input; the form that is exported."""

    def __init__(self, manipulated: Calibrated, synthetic: Calibrated) -> None:
        super().__init__()
        self.manipulated, self.synthetic = manipulated, synthetic

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        manipulated, manipulated_where = self.manipulated(pixels)
        synthetic, synthetic_where = self.synthetic(pixels)
        return manipulated, synthetic, manipulated_where, synthetic_where


def to_onnx(model: Both) -> bytes:
    """The ONNX file: input ``pixels`` (uint8, N x side x side x 3, RGB), outputs ``embedded.OUTPUTS``: two probabilities of shape N, two
    maps of shape N x cells x cells."""
    buffer = io.BytesIO()
    example = torch.zeros(2, INPUT_SIDE, INPUT_SIDE, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is the older one, and says so
        torch.onnx.export(
            model.eval(),
            (example,),
            buffer,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "images"} for name in (INPUT, *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def run_onnx(onnx: bytes, pixels: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """All outputs for a batch, from ONNX Runtime with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    parts = [session.run(list(OUTPUTS), {INPUT: pixels[start : start + 32]}) for start in range(0, len(pixels), 32)]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def check(model: Both, onnx: bytes, pixels: np.ndarray[Any, Any]) -> float:
    """The largest difference between torch and ONNX Runtime on ``pixels``.

    Raises:
        IncompleteError: it is above ``MAX_DIFFERENCE``: the exported file isn't the network that was measured.
    """
    with torch.no_grad():
        wanted = [part.numpy() for part in model.eval()(torch.from_numpy(pixels))]
    difference = max(float(np.max(np.abs(a - b))) for a, b in zip(wanted, run_onnx(onnx, pixels), strict=True))
    if difference > MAX_DIFFERENCE:
        raise IncompleteError(f"the exported model differs from the trained one by {difference:.2g} in probability")
    return difference


def digest(onnx: bytes) -> str:
    """SHA-256 of the file, as the lock has it."""
    return sha256_hex(onnx)
