"""What a claim's run really read and heard: every medium with its digest, every score. So that the run can be compared with a second one.

A statement names a population; which bytes were behind it on that day only the run itself knows. ``Population.read`` and
``TracedDetector`` write it down here, whatever the kind of claim, and ``run.run_claim`` puts it into the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.detector.claims.remarks import remarked
from averment.detector.interface import Detector, DetectorInfo, Score
from averment.detector.video.media import score_media

MAX_LISTED = 2000
"""Media that a result lists one by one (some 200 kB); of more it keeps the digest over all of them and says how many there were."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One medium that was asked for: its content's SHA-256, or why there is none. ``labels`` are the manifest's."""

    population: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None
    refused: str | None = None


@dataclass
class Trace:
    """One run's media by (population, name), its scores by the SHA-256 of what was scored, and by population what reads a medium anew."""

    media: dict[tuple[str, str], Medium] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    readers: dict[str, Callable[[str], bytes | None]] = field(default_factory=dict)

    def read(self, medium: Medium) -> None:
        """Remember ``medium``; of one that is read twice, the last reading."""
        self.media[medium.population, medium.name] = medium

    def ordered(self) -> list[Medium]:
        """The media, in order of population and name."""
        return [self.media[key] for key in sorted(self.media)]

    def score_of(self, medium: Medium) -> Score | None:
        """What the detector said of the medium as it was read; None when it was never asked."""
        return None if medium.sha256 is None else self.scores.get(medium.sha256)

    def read_again(self, medium: Medium) -> bytes | None:
        """The bytes that were read; None when they are others by now, or can't be read any more.

        Raises:
            IncompleteError: the place is out of reach.
        """
        reader = self.readers.get(medium.population)
        data = reader(medium.name) if reader is not None else None
        return data if data is not None and sha256_hex(data) == medium.sha256 else None

    def facts(self) -> dict[str, JSON]:
        """For a result's ``inputs``: how many media were read, how many refused and why, and a digest over all of them."""
        media = self.ordered()
        refused = Counter(medium.refused for medium in media if medium.refused is not None)
        return {
            "read": sum(medium.sha256 is not None for medium in media),
            "refused": dict(sorted(refused.items())),
            "sha256": self.digest(),
        }

    def digest(self) -> str:
        """One SHA-256 over all media: what they are called, what their bytes are, why any was refused."""
        rows: list[JSON] = [[medium.population, medium.name, medium.sha256, medium.refused] for medium in self.ordered()]
        return sha256_hex(canonical_json(rows))

    def listed(self) -> list[JSON]:
        """For a result's ``details``: the first ``MAX_LISTED`` media with their digests and scores."""
        return [self._row(medium) for medium in self.ordered()[:MAX_LISTED]]

    def _row(self, medium: Medium) -> dict[str, JSON]:
        row: dict[str, JSON] = {"population": medium.population, "name": medium.name}
        if medium.refused is not None:
            return {**row, "refused": medium.refused}
        score = self.score_of(medium)
        row["sha256"] = medium.sha256
        if score is not None and score.cannot_say is not None:
            row["cannot_say"] = score.cannot_say
        elif score is not None:
            row["scores"] = {str(family): value for family, value in sorted(score.probabilities.items())}
        return row


MAX_REMEMBERED = 50_000
"""Scores that are kept from one claim to the next (some 100 MB)."""


class TracedDetector(Detector):
    """``inner``, asked about images and clips alike, with what it says written into ``trace``.

    What ``remembered`` has, by the SHA-256 of the medium, it isn't asked again, and what it says is kept there. ``asked`` takes the SHA-256 of
    everything that is asked about. With a ``remark`` it is sent each medium with that in it, where there is room for one.
    """

    def __init__(
        self,
        inner: Detector,
        trace: Trace,
        remembered: dict[str, Score] | None = None,
        asked: set[str] | None = None,
        remark: bytes | None = None,
    ) -> None:
        self.inner = inner
        self._trace = trace
        self._remembered = remembered
        self._asked = asked
        self._remark = remark

    @property
    def info(self) -> DetectorInfo:
        return self.inner.info

    def score(self, images: Sequence[bytes]) -> list[Score]:
        digests = [sha256_hex(image) for image in images]
        if self._remark is not None:
            images = [remarked(image, self._remark) for image in images]
        scores = score_media(self.inner, images) if self._remembered is None else self._recalled(digests, images, self._remembered)
        self._trace.scores.update(zip(digests, scores, strict=True))
        if self._asked is not None:
            self._asked.update(digests)
        return scores

    def _recalled(self, digests: Sequence[str], images: Sequence[bytes], remembered: dict[str, Score]) -> list[Score]:
        """The scores of ``images``, each asked for once."""
        new = {digest: image for digest, image in zip(digests, images, strict=True) if digest not in remembered}
        found = dict(zip(new, score_media(self.inner, list(new.values())), strict=True))
        scores = [found[digest] if digest in found else remembered[digest] for digest in digests]
        for digest, score in found.items():
            if len(remembered) < MAX_REMEMBERED:
                remembered[digest] = score
        return scores


def untraced(detector: Detector) -> Detector:
    """The detector itself, without the trace around it."""
    return detector.inner if isinstance(detector, TracedDetector) else detector
