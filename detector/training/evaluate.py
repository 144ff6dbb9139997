"""Scores of the held-out views and what they add up to, condition by condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from averment.core.canonical import JSON
from averment.detector.imaging import prepare
from averment.detector.training.data import Sample
from averment.detector.training.figures import Array, Scored, auc, calibration_error, measure
from averment.detector.training.launder import laundered, working_copy

CONDITIONS: Mapping[str, tuple[int, float]] = {"jpeg-95": (95, 1.0), "jpeg-75": (75, 1.0), "jpeg-50": (50, 1.0), "half-size": (75, 0.5)}
"""Name: (JPEG quality, scale). Applied to the equalised working copy of every class alike."""

PROBE_SIDE = 24
"""At this size no trace of how pixels were made is left, only composition, light and colour."""

Score = Callable[[Array], tuple[Array, Array]]
"""From a batch of inputs to the two outputs, synthetic and portrait."""


def outputs(samples: Sequence[Sample], score: Score) -> dict[str, tuple[Array, Array]]:
    """Both outputs for every sample under every condition."""
    copies = [working_copy(sample.path.read_bytes()) for sample in samples]
    return {
        name: score(np.stack([prepare(laundered(copy, quality, scale=scale)) for copy in copies]))
        for name, (quality, scale) in CONDITIONS.items()
    }


def style_probe(samples: Sequence[Sample], score: Score) -> float:
    """The AUC over portraits reduced to ``PROBE_SIDE`` pixels and enlarged again.

    What is above 0.5 comes from the style of the collections and says nothing of how an image was made: an honest card shows it.
    """
    faces = [sample for sample in samples if sample.kind == "face"]
    views = []
    for sample in faces:
        copy = working_copy(sample.path.read_bytes())
        tiny = copy.resize((PROBE_SIDE, PROBE_SIDE), Image.Resampling.BOX).resize(copy.size, Image.Resampling.BICUBIC)
        views.append(prepare(laundered(tiny, 90)))
    synthetic, _ = score(np.stack(views))
    labels = np.array([sample.label == "synthetic" for sample in faces])
    return auc(synthetic[~labels], synthetic[labels])


BASELINE_SIDE = 8


def style_baseline(training: Sequence[Sample], test: Sequence[Sample]) -> float:
    """The AUC of a ridge logistic regression on thumbnails of ``BASELINE_SIDE`` pixels, trained and tested on the same split.

    What so poor a witness gets right, the collections give away: high figures on such data prove little.
    """
    from scipy.optimize import minimize

    def table(samples: Sequence[Sample]) -> tuple[Array, Array]:
        faces = [sample for sample in samples if sample.kind == "face"]
        thumbnails = [
            working_copy(sample.path.read_bytes()).resize((BASELINE_SIDE, BASELINE_SIDE), Image.Resampling.BOX) for sample in faces
        ]
        rows = np.stack([np.asarray(thumbnail, dtype=np.float64).ravel() / 255 - 0.5 for thumbnail in thumbnails])
        return np.hstack([rows, np.ones((len(rows), 1))]), np.array([sample.label == "synthetic" for sample in faces], dtype=float)

    features, labels = table(training)

    def loss(w: Array) -> tuple[float, Array]:
        z = features @ w
        error = 1 / (1 + np.exp(-z)) - labels
        return float(np.mean(np.logaddexp(0, z) - labels * z) + 1e-3 * w @ w), features.T @ error / len(labels) + 2e-3 * w

    weights = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
    held_out, truth = table(test)
    scores = held_out @ weights
    return auc(scores[truth == 0], scores[truth == 1])


def scored(samples: Sequence[Sample], synthetic: Array, portrait: Array, portrait_threshold: float) -> Scored:
    """Scores with their labels and groups."""
    return Scored(
        synthetic=synthetic,
        answered=portrait >= portrait_threshold,
        label=np.array([int(sample.label == "synthetic") for sample in samples]),
        group=np.array([sample.group for sample in samples]),
    )


def report(
    samples: Sequence[Sample], results: Mapping[str, tuple[Array, Array]], threshold: float, portrait: float, seed: int
) -> dict[str, JSON]:
    """The figures of the card: held out by group, unseen generators, unseen sources, strata, and what isn't a portrait."""
    return {name: _condition(samples, scored(samples, *outputs, portrait), threshold, seed) for name, outputs in results.items()}


def _condition(samples: Sequence[Sample], all_scored: Scored, threshold: float, seed: int) -> dict[str, JSON]:
    def part(keep: Callable[[Sample], bool]) -> Scored:
        return all_scored.where(_mask(keep(sample) for sample in samples))

    def figures(keep: Callable[[Sample], bool]) -> dict[str, Any]:
        return measure(part(keep), threshold, seed=seed)

    faces = {sample.stratum for sample in samples if sample.kind == "face"}
    held_out = part(lambda s: s.kind == "face" and not s.unseen)
    products = part(lambda s: s.kind == "product")
    return {
        "held_out": figures(lambda s: s.kind == "face" and not s.unseen),
        "unseen_generator": figures(lambda s: s.kind == "face" and (s.unseen == "generator" or (s.label == "real" and not s.unseen))),
        "unseen_source": figures(lambda s: s.unseen == "source"),
        "strata": {name: figures(_is_of(name)) for name in sorted(faces)},
        "calibration_error": round(calibration_error(held_out), 4),
        "not_portraits": {
            "images": len(products.label),
            "refused": int(np.sum(~products.answered)),
            "flagged_if_judged": int(np.sum(products.synthetic >= threshold)),
        },
    }


def _is_of(stratum: str) -> Callable[[Sample], bool]:
    return lambda sample: sample.stratum == stratum


def _mask(values: Iterable[bool]) -> Array:
    return np.fromiter(values, dtype=bool)
