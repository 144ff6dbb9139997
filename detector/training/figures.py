"""The figures of a detector on held-out data, with intervals that count people and images, not views.

Error rates are ISO/IEC 30107-3's, carried over from presentation attacks: APCER is the share of attacks (manipulated or
synthetic) that were not flagged, BPCER the share of bona fide images that were. What the detector refused to judge is counted apart, in neither.
Intervals are percentile bootstraps over groups (one person, one generated image).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from averment.core.canonical import JSON

Array = np.ndarray[Any, Any]

REPLICATES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scored:
    """Scores of one set of views: arrays of one length. ``answered`` is False where the detector can't say."""

    score: Array  # probability
    answered: Array  # bool
    label: Array  # 1 attack, 0 bona fide
    group: Array  # text

    def where(self, mask: Array) -> Scored:
        """The part that ``mask`` selects."""
        return Scored(self.score[mask], self.answered[mask], self.label[mask], self.group[mask])


def auc(real: Array, attack: Array) -> float:
    """The probability that an attack scores above a bona fide image, ties counted half (Mann-Whitney)."""
    ordered = np.sort(real)
    below, through = np.searchsorted(ordered, attack, "left"), np.searchsorted(ordered, attack, "right")
    return float(np.mean((below + through) / 2) / len(ordered))


def tpr_at(real: Array, attack: Array, fpr: float) -> float:
    """The share of attacks above the lowest threshold at which at most ``fpr`` of the bona fide images are flagged."""
    allowed = int(np.floor(fpr * len(real)))
    threshold = np.sort(real)[::-1][allowed]
    return float(np.mean(attack > threshold))


def measure(scored: Scored, threshold: float, *, seed: int) -> dict[str, JSON]:
    """Every figure of ``scored`` with its interval; those that need a class that isn't there are left out."""
    figures: dict[str, JSON] = {
        "bona_fide": _count(scored, 0),
        "attack": _count(scored, 1),
    }
    kept = scored.where(scored.answered)
    real, fake = kept.where(kept.label == 0), kept.where(kept.label == 1)
    rng = np.random.default_rng(seed)
    if len(real.label) and len(fake.label):
        for name, function in _TWO_SIDED.items():
            figures[name] = _with_interval(rng, lambda a, b, f=function: f(a, b), real, fake)
    if len(fake.label):
        figures["apcer"] = _with_interval(rng, lambda a: float(np.mean(a < threshold)), fake)
    if len(real.label):
        figures["bpcer"] = _with_interval(rng, lambda a: float(np.mean(a >= threshold)), real)
    return figures


_TWO_SIDED: Mapping[str, Callable[[Array, Array], float]] = {
    "auc": auc,
    "tpr_at_fpr_0.01": lambda real, fake: tpr_at(real, fake, 0.01),
    "tpr_at_fpr_0.05": lambda real, fake: tpr_at(real, fake, 0.05),
}


def calibration_error(scored: Scored, bins: int = 10) -> float:
    """Expected calibration error over equally wide bins, with as many attacks as bona fide images: how far stated probabilities are from
    what came true, on average."""
    kept = scored.where(scored.answered)
    if not len(kept.label):
        return float("nan")
    which, weight = np.minimum((kept.score * bins).astype(int), bins - 1), evened(kept.label)
    return float(sum(abs(np.sum((weight * (kept.score - kept.label))[which == b])) for b in np.unique(which)))


def evened(labels: Array) -> Array:
    """A weight for each image, in all 1, that makes as much of attacks as of bona fide images, however many there happen to be of either."""
    counts = np.array([np.sum(labels == 0), np.sum(labels == 1)])
    weight: Array = np.where(labels == 1, 1 / max(counts[1], 1), 1 / max(counts[0], 1)) / np.sum(counts > 0)
    return weight


def _count(scored: Scored, label: int) -> dict[str, JSON]:
    part = scored.where(scored.label == label)
    return {"images": len(part.label), "groups": len(np.unique(part.group)), "could_not_say": int(np.sum(~part.answered))}


def _with_interval(rng: np.random.Generator, statistic: Callable[..., float], *parts: Scored) -> dict[str, JSON]:
    """The statistic on the parts' scores and its percentile interval, each part resampled by group."""
    replicates = [statistic(*(_resample(rng, part) for part in parts)) for _ in range(REPLICATES)]
    low, high = np.quantile(replicates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"value": round(statistic(*(part.score for part in parts)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _resample(rng: np.random.Generator, part: Scored) -> Array:
    order = np.argsort(part.group, kind="stable")
    names, starts, counts = np.unique(part.group[order], return_index=True, return_counts=True)
    if counts.max() == 1:
        return part.score[rng.integers(0, len(names), len(names))]
    drawn = rng.integers(0, len(names), len(names))
    return np.concatenate([part.score[order[starts[i] : starts[i] + counts[i]]] for i in drawn])


def platt(logits: Array, labels: Array) -> tuple[float, float]:
    """Slope and offset that make ``sigmoid(slope * logit + offset)`` fit the labels best (Platt 1999, with his smoothed targets).

    It is the probability where every second image is an attack: how many attacks were made for the fit says nothing of how many will come.
    """
    from scipy.optimize import minimize

    positive, negative = float(np.sum(labels == 1)), float(np.sum(labels == 0))
    weight = evened(labels)
    targets = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(p: Array) -> float:
        z = p[0] * logits + p[1]
        return float(np.sum(weight * (np.logaddexp(0, z) - targets * z)))

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000})
    return round(float(found.x[0]), 6), round(float(found.x[1]), 6)


def threshold_for(real: Array, bpcer: float) -> float:
    """The lowest threshold (four digits) at which at most ``bpcer`` of the real images are flagged."""
    allowed = int(np.floor(bpcer * len(real)))
    highest = float(np.sort(real)[::-1][allowed])
    return min(0.9999, float(np.ceil(highest * 10_000 + 1e-9) / 10_000))
