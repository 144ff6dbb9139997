"""From a score and a provenance to what happens to the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON, stable_id
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.provenance import Provenance
from averment.detector.interface import DetectorInfo, Score
from averment.detector.serving import info_to_json

TAG_VERDICT, TAG_SCORE, TAG_DETECTOR = "averment-verdict", "averment-score", "averment-detector"

_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9 +\-=._:/@]")
_MAX_TAG = 256
"""Characters of a tag's value that S3 takes."""
_MAX_REASON = 2000
"""Characters of a reason that are kept: the log and the table of cases have their limits, and a service may say more than fits into them."""


class GateVerdict(StrEnum):
    """What the gate says of one object version. ``SERVABLE`` are those under which it may stand in the published bucket.

    ``DISCLOSED``: a trusted signer says that AI made it; published only where the deployment wants that. ``REVIEW``: the detector can't
    say, or the credential is broken, so a person must. ``RELEASED``: a person let it through.
    """

    CLEAN = "clean"
    DISCLOSED = "disclosed"
    RELEASED = "released"
    FLAGGED = "flagged"
    REVIEW = "review"


SERVABLE = frozenset({GateVerdict.CLEAN, GateVerdict.DISCLOSED, GateVerdict.RELEASED})


@dataclass(frozen=True)
class Judgement:
    """The verdict on one object version, with what it rests on. ``sha256`` is of the bytes that were scored, None if they weren't read."""

    verdict: GateVerdict
    reason: str
    score: Score
    detector: DetectorInfo
    sha256: str | None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def findings(self) -> tuple[str, ...]:
        """What this scan holds against the version, each in words that are the same whenever the same is found again.

        Which detector it was (name, version, model) is part of it, its score and threshold are not: another model's opinion is news to a
        person who released the version, the same model's isn't. That nobody could say is no finding.
        """
        found, origin, highest = [], self.provenance, self.score.highest
        if highest is not None and highest >= self.detector.threshold:
            found.append(f"flagged by {self.detector.name}:{self.detector.version} ({(self.detector.sha256 or 'model unknown')[:16]})")
        if origin.ai_generated and origin.credential in {"trusted", "untrusted"}:
            found.append(f"its credential, {origin.credential}, says that AI made it")
        if origin.ai_unvouched:
            found.append("an ingredient in its credential, untrusted, says that AI made it")
        if origin.credential in {"tampered", "unreadable"}:
            found.append(f"its content credential is {origin.credential}")
        if origin.broken_seal:
            found.append("it carries an origin seal that no known key made")
        return tuple(found)

    def tags(self) -> dict[str, str]:
        """The tags that the object gets. S3 allows letters, digits, spaces and ``+-=._:/@`` in values; what else a detector has in its name or
        version (an ONNX file's has its spec's digest in brackets) is left out, and stands in the verdict's line."""
        highest = self.score.highest
        return {
            TAG_VERDICT: str(self.verdict),
            TAG_SCORE: "none" if highest is None else f"{highest:.4f}",
            TAG_DETECTOR: _NOT_IN_TAGS.sub("", f"{self.detector.name}:{self.detector.version}")[:_MAX_TAG].strip(),
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
            "provenance": self.provenance.declared,
            "credential": self.provenance.to_json(),
        }
        return {"id": stable_id("gate-verdict", entry), **entry}


def judge(score: Score, detector: DetectorInfo, sha256: str | None, provenance: Provenance | None = None) -> Judgement:
    """``flagged`` at the detector's threshold or above, ``review`` when it or one of its families can't say, ``clean`` otherwise; then what the provenance adds."""
    highest = score.highest
    if score.cannot_say is not None:
        found = Judgement(GateVerdict.REVIEW, score.cannot_say, score, detector, sha256)
    elif highest is None or not 0.0 <= highest <= 1.0:
        found = Judgement(GateVerdict.REVIEW, "the detector gave no probability", Score(cannot_say="no probability"), detector, sha256)
    else:
        family = max(score.probabilities, key=lambda name: score.probabilities[name])
        flagged, unsaid = highest >= detector.threshold, score.open_question
        reason = f"{family} {highest:.4f}, {'flagged from' if flagged else 'below'} {detector.threshold:g}"
        verdict = GateVerdict.FLAGGED if flagged else GateVerdict.CLEAN if unsaid is None else GateVerdict.REVIEW
        found = Judgement(verdict, reason if unsaid is None else f"{reason}; {unsaid}", score, detector, sha256)
    judged = found if provenance is None else _with(found, provenance)
    return replace(judged, reason=judged.reason[:_MAX_REASON])


def _with(found: Judgement, provenance: Provenance) -> Judgement:
    """What a credential changes. It never turns a flagged or unjudged upload into a clean one: only into a disclosed one, if somebody
    who is trusted says that AI made it."""
    known = replace(found, provenance=provenance)
    if provenance.ai_generated and provenance.credential == "trusted":
        return replace(known, verdict=GateVerdict.DISCLOSED, reason=f"{provenance.signer or 'a trusted signer'} says that AI made it")
    if provenance.ai_generated and provenance.credential == "untrusted":
        return replace(known, verdict=GateVerdict.FLAGGED, reason=f"its own credential says that AI made it; {found.reason}")
    if provenance.ai_unvouched:
        reason = f"its credential says that AI made it, where no trusted signer answers for it; {found.reason}"
        return replace(known, verdict=GateVerdict.FLAGGED, reason=reason)
    if found.verdict is not GateVerdict.CLEAN:
        return known
    if provenance.credential in {"tampered", "unreadable"}:
        return replace(known, verdict=GateVerdict.REVIEW, reason=f"its content credential is {provenance.credential}: {provenance.reason}")
    if provenance.broken_seal:
        return replace(known, verdict=GateVerdict.REVIEW, reason="it carries an origin seal that no known key made")
    return known
