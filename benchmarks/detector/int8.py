"""Whether int8 would be better than fp32: ``.venv-train/bin/python benchmarks/detector/int8.py`` (needs ``averment[train]``).

The shipped networks are quantised as ONNX Runtime recommends for processors (static, QDQ, one scale a channel), once with unsigned and once with
signed activations, calibrated on the portraits of the reference corpus with even places. On those with odd places: faces a CPU second through the
networks, one at a time as the detector does and sixteen together, in turns in one run; bytes; and how far the probabilities move.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from averment.detector import corpus
from averment.detector.embedded import INPUT, OUTPUTS, EmbeddedDetector
from averment.detector.faces.finder import FaceFinder
from averment.detector.imaging import decode, to_input

ROUNDS = 15


class Faces(CalibrationDataReader):  # type: ignore[misc]
    """Views of faces, one at a time."""

    def __init__(self, views: list[Any]) -> None:
        self._views: Iterator[Any] = iter(views)

    def get_next(self) -> dict[str, Any] | None:
        """The next view, or None."""
        view = next(self._views, None)
        return None if view is None else {INPUT: view[None]}


def views() -> list[Any]:
    """What the networks are shown of the corpus's portraits."""
    finder, found = FaceFinder(), []
    for item in corpus.load():
        image = decode(item.read())
        faces = finder.find(image) if item.kind == "face" else []
        if faces:
            found.append(to_input(image, faces[0].box))
    return found


def session(model: bytes | Path) -> Any:
    """One thread, as the detector has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])


def quantised(model: bytes, signed: bool, calibration: list[Any], folder: Path) -> Path:
    """The model in int8."""
    plain, prepared, out = (folder / f"{name}-{signed}.onnx" for name in ("plain", "prepared", "int8"))
    plain.write_bytes(model)
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(out),
        Faces(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return out


def rate(runtime: Any, batch: Any) -> float:
    """Faces a CPU second."""
    start = time.process_time()
    runtime.run(OUTPUTS[:2], {INPUT: batch})
    return len(batch) / (time.process_time() - start)


def main() -> None:
    """Print the table."""
    model, seen = EmbeddedDetector().model_bytes(), views()
    calibration, tried = seen[::2], seen[1::2]
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: quantised(model, signed, calibration, Path(folder))
            for name, signed in (("int8, unsigned", False), ("int8, signed", True))
        }
        sizes = {"fp32": len(model)} | {name: path.stat().st_size for name, path in made.items()}
        sessions = {"fp32": session(model)} | {name: session(path) for name, path in made.items()}
    scores = {
        name: np.array([runtime.run(OUTPUTS[:2], {INPUT: view[None]}) for view in tried]).reshape(-1) for name, runtime in sessions.items()
    }
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, runtime in sessions.items():
            for size in (1, 16):
                batch = np.stack(tried[:16])
                parts = [batch[first : first + size] for first in range(0, len(batch), size)]
                rates.setdefault((name, size), []).append(statistics.harmonic_mean([rate(runtime, part) for part in parts]))
    print(f"onnxruntime {onnxruntime.__version__}, {platform.machine()}, one thread of {os.cpu_count()}; load {os.getloadavg()[0]:.1f}")
    print(f"{len(calibration)} views to calibrate, {len(tried)} to compare; median of {ROUNDS} rounds\n")
    print("| | bytes | faces a CPU second, one at a time | sixteen together | largest move of a probability |\n|---|---|---|---|---|")
    for name in sessions:
        alone, together = (statistics.median(rates[name, size]) for size in (1, 16))
        print(f"| {name} | {sizes[name]:,} | {alone:.0f} | {together:.0f} | {np.abs(scores[name] - scores['fp32']).max():.3f} |")


if __name__ == "__main__":
    main()
