"""The figures of the card: the whole detector on held-out trials, family by family, condition by condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from averment.core.canonical import JSON
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Family, Score
from averment.detector.training.blending import HELD_OUT
from averment.detector.training.figures import Array, Scored, auc, calibration_error, measure
from averment.detector.training.texture import ridge
from averment.detector.training.trials import (
    CONDITIONS,
    GENERATED,
    PHOTOGRAPHED,
    PRODUCT,
    Trial,
    coarse,
    laundered,
)

PROBE_SIDE = 24
"""At this size no trace of how pixels were made is left, only composition, light and colour."""
BASELINE_SIDE, BASELINE_PENALTY = 8, 1e-2

Answers = Mapping[str, Sequence[Score]]
"""Scores of all trials by condition."""


def answers(detector: EmbeddedDetector, trials: Sequence[Trial]) -> dict[str, list[Score]]:
    """What the detector says of every trial under every condition."""
    return {
        name: detector.score([laundered(trial.pixels, quality, scale) for trial in trials]) for name, (quality, scale) in CONDITIONS.items()
    }


def scored(trials: Sequence[Trial], scores: Sequence[Score], family: Family | None, attacks: Iterable[str]) -> Scored:
    """The scores of one family (or the highest of all) with labels and groups; a family that says nothing hasn't answered."""
    kinds = set(attacks)
    values = [score.highest if family is None else score.probabilities.get(family) for score in scores]
    return Scored(
        score=np.array([np.nan if value is None else value for value in values]),
        answered=np.array([value is not None for value in values]),
        label=np.array([int(trial.kind in kinds) for trial in trials]),
        group=np.array([trial.group for trial in trials]),
    )


def report(trials: Sequence[Trial], given: Answers, threshold: float, seed: int) -> dict[str, JSON]:
    """Figures by family, and of both together, under every condition."""
    fakes = sorted({trial.kind for trial in trials} - {PHOTOGRAPHED, GENERATED, PRODUCT})
    parts: dict[str, Callable[[Sequence[Score]], dict[str, JSON]]] = {
        str(Family.MANIPULATED_FACE): lambda scores: _manipulated(trials, scores, fakes, threshold, seed),
        str(Family.SYNTHETIC_IMAGE): lambda scores: _synthetic(trials, scores, threshold, seed),
        "together": lambda scores: _together(trials, scores, fakes, threshold, seed),
    }
    return {part: {name: figures(scores) for name, scores in given.items()} for part, figures in parts.items()}


def _manipulated(trials: Sequence[Trial], scores: Sequence[Score], fakes: Sequence[str], threshold: float, seed: int) -> dict[str, JSON]:
    everything = scored(trials, scores, Family.MANIPULATED_FACE, fakes)

    def figures(*kinds: str) -> dict[str, Any]:
        return measure(everything.where(_mask(trial.kind in kinds for trial in trials)), threshold, seed=seed)

    held_out = [name for name in fakes if name in HELD_OUT]
    seen = everything.where(_mask(trial.kind in (PHOTOGRAPHED, *fakes) for trial in trials))
    return {
        "held_out": figures(PHOTOGRAPHED, *held_out),
        "held_out_families": held_out,
        "families": {name: figures(PHOTOGRAPHED, name) for name in fakes},
        "generated_portraits": figures(GENERATED),
        "calibration_error": round(calibration_error(seen), 4),
    }


def _synthetic(trials: Sequence[Trial], scores: Sequence[Score], threshold: float, seed: int) -> dict[str, JSON]:
    everything = scored(trials, scores, Family.SYNTHETIC_IMAGE, (GENERATED,))

    def part(keep: Callable[[Trial], bool]) -> Scored:
        return everything.where(_mask(keep(trial) for trial in trials))

    def figures(keep: Callable[[Trial], bool]) -> dict[str, Any]:
        return measure(part(keep), threshold, seed=seed)

    origins = sorted({trial.origin for trial in trials if trial.kind in (PHOTOGRAPHED, GENERATED, PRODUCT)})
    return {
        "held_out": figures(lambda t: t.kind == PHOTOGRAPHED or (t.kind == GENERATED and not t.unseen)),
        "unseen_generator": figures(lambda t: t.kind == PHOTOGRAPHED or (t.kind == GENERATED and t.unseen)),
        "products": figures(lambda t: t.kind == PRODUCT),
        "origins": {name: figures(_plain(name)) for name in origins},
        "calibration_error": round(calibration_error(part(lambda t: t.kind == PHOTOGRAPHED or (t.kind == GENERATED and not t.unseen))), 4),
    }


def _together(trials: Sequence[Trial], scores: Sequence[Score], fakes: Sequence[str], threshold: float, seed: int) -> dict[str, JSON]:
    attacks = (GENERATED, *(name for name in fakes if name in HELD_OUT))
    everything = scored(trials, scores, None, attacks)
    return {"held_out": measure(everything.where(_mask(t.kind in (PHOTOGRAPHED, *attacks) for t in trials)), threshold, seed=seed)}


def style_probe(detector: EmbeddedDetector, trials: Sequence[Trial]) -> float:
    """The AUC over portraits reduced to ``PROBE_SIDE`` pixels and enlarged again.

    What is above 0.5 comes from the style of the collections and says nothing of how an image was made: an honest card shows it.
    """
    faces = [trial for trial in trials if trial.kind in (PHOTOGRAPHED, GENERATED)]
    scores = detector.score([laundered(coarse(trial.pixels, PROBE_SIDE), 90, 1.0) for trial in faces])
    kept = scored(faces, scores, Family.SYNTHETIC_IMAGE, (GENERATED,))
    kept = kept.where(kept.answered)
    return auc(kept.score[kept.label == 0], kept.score[kept.label == 1])


def style_baseline(training: Sequence[Trial], test: Sequence[Trial]) -> float:
    """The AUC of a ridge logistic regression on thumbnails of ``BASELINE_SIDE`` pixels, trained and tested on the same split.

    What so poor a witness gets right, the collections give away: high figures on such data prove little.
    """

    def table(trials: Sequence[Trial]) -> tuple[Array, Array]:
        faces = [trial for trial in trials if trial.kind in (PHOTOGRAPHED, GENERATED)]
        rows = np.stack([coarse(trial.pixels, BASELINE_SIDE)[::26, ::26].astype(np.float64).ravel() / 255 - 0.5 for trial in faces])
        return rows, np.array([trial.kind == GENERATED for trial in faces], dtype=float)

    weights, _ = ridge(*table(training), BASELINE_PENALTY)
    held_out, truth = table(test)
    scores = held_out @ weights
    return auc(scores[truth == 0], scores[truth == 1])


def _plain(origin: str) -> Callable[[Trial], bool]:
    return lambda trial: trial.origin == origin and trial.kind in (PHOTOGRAPHED, GENERATED, PRODUCT)


def _mask(values: Iterable[bool]) -> Array:
    return np.fromiter(values, dtype=bool)
