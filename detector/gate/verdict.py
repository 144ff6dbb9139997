"""From a score to what happens to the object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON, stable_id
from averment.detector.gate.events import ObjectVersion
from averment.detector.interface import DetectorInfo, Score
from averment.detector.serving import info_to_json

TAG_VERDICT, TAG_SCORE, TAG_DETECTOR = "averment-verdict", "averment-score", "averment-detector"


class GateVerdict(StrEnum):
    """Only ``CLEAN`` is published. ``REVIEW``: the detector can't say, so a person must."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    REVIEW = "review"


@dataclass(frozen=True)
class Judgement:
    """The verdict on one object version, with what it rests on. ``sha256`` is of the bytes that were scored."""

    verdict: GateVerdict
    reason: str
    score: Score
    detector: DetectorInfo
    sha256: str | None

    def tags(self) -> dict[str, str]:
        """The tags that the object gets; S3 allows letters, digits, spaces and ``+-=._:/@`` in values."""
        highest = self.score.highest
        return {
            TAG_VERDICT: str(self.verdict),
            TAG_SCORE: "none" if highest is None else f"{highest:.4f}",
            TAG_DETECTOR: f"{self.detector.name}:{self.detector.version}",
        }

    def log_line(self, target: ObjectVersion, head: Mapping[str, Any], action: str) -> dict[str, JSON]:
        """The verdict as JSON data. ``id`` is the same for the same version, bytes, detector and verdict: repeats can be told."""
        entry: dict[str, JSON] = {
            "event": "verdict",
            "bucket": target.bucket,
            "key": target.key,
            "version_id": target.version,
            "etag": target.etag,
            "size": head.get("ContentLength"),
            "sha256": self.sha256,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "score": self.score.highest,
            "probabilities": {str(family): value for family, value in self.score.probabilities.items()},
            "detector": info_to_json(self.detector),
            "action": action,
            "provenance": head.get("Metadata", {}).get("provenance"),
        }
        return {"id": stable_id("gate-verdict", entry), **entry}


def judge(score: Score, detector: DetectorInfo, sha256: str | None) -> Judgement:
    """``flagged`` at the detector's threshold or above, ``review`` when it can't say, ``clean`` otherwise."""
    highest = score.highest
    if score.cannot_say is not None:
        return Judgement(GateVerdict.REVIEW, score.cannot_say, score, detector, sha256)
    if highest is None or not 0.0 <= highest <= 1.0:
        return Judgement(GateVerdict.REVIEW, "the detector gave no probability", Score(cannot_say="no probability"), detector, sha256)
    family = max(score.probabilities, key=lambda name: score.probabilities[name])
    if highest >= detector.threshold:
        return Judgement(GateVerdict.FLAGGED, f"{family} {highest:.4f}, flagged from {detector.threshold:g}", score, detector, sha256)
    return Judgement(GateVerdict.CLEAN, f"{family} {highest:.4f}, below {detector.threshold:g}", score, detector, sha256)
