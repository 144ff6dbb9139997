"""A threshold for material of one's own: the lowest at which at most a given share of genuine media like these is flagged.

The threshold that ships was set on portraits like those of training; product videos or webcam faces score otherwise. Given genuine media of the
kind that is coming in, the scores themselves say where to cut. Each independent unit (a person, a video, a source) counts once, by the highest
probability that any of its media has in any family, as the detector's decision does. Above the (k + 1)-th highest of n such figures lies more than
a share p of all units with a chance of at most P(Binomial(n, p) <= k), whatever their distribution (Wilks, Ann. Math. Stat. 12, 1941); k is the
largest number for which that is within what the confidence leaves. So the promise holds though the threshold was chosen by looking at the same scores. It is
one for media like these: drawn from what comes in, and not from what somebody thought worth keeping.

What is scored is scored as if the threshold were 0, so that nothing is left unjudged because it was thought low enough.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError
from averment.core.progress import followed
from averment.core.words import counted
from averment.detector.claims import statistics, units
from averment.detector.claims.frame import Item, Population
from averment.detector.claims.observing import BONA_FIDE_LABEL, require_known_labels, require_one_label
from averment.detector.claims.trace import Trace
from averment.detector.interface import Detector, Score
from averment.detector.video.media import score_media

DIGITS = 4
"""A threshold is rounded up to so many decimals."""


@dataclass
class Judged:
    """What was said of media of one kind: of how many nothing, by reason, and the highest probability of each of the others."""

    highest: list[float] = field(default_factory=list)
    unjudged: Counter[str] = field(default_factory=Counter)

    def add(self, score: Score) -> None:
        """Count one more medium."""
        if score.highest is None:
            self.unjudged[score.cannot_say or "the detector gave no probability"] += 1
        else:
            self.highest.append(score.highest)

    def flagged(self, threshold: float) -> int:
        """How many media reach ``threshold``."""
        return sum(value >= threshold for value in self.highest)


@dataclass(frozen=True)
class Chosen:
    """A threshold, or None and in ``reason`` why there is none.

    Of ``units`` independent genuine units that could be judged, ``allowed`` may reach it. ``by_unit`` has each one's highest probability,
    ``attacks`` the media of each label and generator: how many a threshold would miss. ``assumed``: nothing said that they are genuine.
    """

    threshold: float | None
    reason: str
    at_most: float
    confidence: float
    allowed: int
    needed: int | None
    genuine: Judged
    by_unit: Mapping[str, float]
    attacks: Mapping[tuple[str, str], Judged]
    assumed: bool

    @property
    def units(self) -> int:
        """Independent genuine units that could be judged."""
        return len(self.by_unit)

    def flagged_units(self, threshold: float) -> int:
        """Genuine units of which something reaches ``threshold``."""
        return sum(value >= threshold for value in self.by_unit.values())

    def to_json(self) -> dict[str, JSON]:
        """All of it, as JSON data."""
        cut = self.threshold
        return {
            "threshold": cut,
            "reason": self.reason,
            "at_most": self.at_most,
            "confidence": self.confidence,
            "needed": self.needed,
            "assumed_genuine": self.assumed,
            "genuine": {
                "units": self.units,
                "units_allowed": self.allowed,
                "units_flagged": None if cut is None else self.flagged_units(cut),
                "media": len(self.genuine.highest),
                "flagged": None if cut is None else self.genuine.flagged(cut),
                "unjudged": dict(sorted(self.genuine.unjudged.items())),
            },
            "attacks": [
                {
                    "label": label,
                    "generator": generator,
                    "media": len(judged.highest),
                    "missed": None if cut is None else len(judged.highest) - judged.flagged(cut),
                    "unjudged": dict(sorted(judged.unjudged.items())),
                }
                for (label, generator), judged in sorted(self.attacks.items())
            ],
        }


def choose(population: Population, detector: Detector, *, at_most: float, confidence: float = 0.95, clusters: str | None = None) -> Chosen:
    """The lowest threshold for ``detector`` at which, at ``confidence``, at most the share ``at_most`` of all genuine units like those of ``population``
    is flagged. A population without labels is taken for genuine as a whole.

    Raises:
        BadInputError: no genuine media, labels that mean nothing here or contradict one another, no column ``clusters``, or a threshold that isn't ours to set.
        IncompleteError: a medium isn't what the manifest says, or the detector broke.
    """
    eager = detector.at_threshold(0.0)
    if eager is None:
        raise BadInputError(
            f"the threshold of {detector.info.name} is set where it is served",
            fix="choose it for the spec that is served there: averment detector threshold --detector SPEC.yaml",
        )
    assumed = not any("label" in item.labels for item in population.items)
    if not assumed:
        require_known_labels(population)
    genuine, found, attacks = Judged(), list[tuple[str, str, float | None]](), dict[tuple[str, str], Judged]()
    first = dict[str, Item]()  # genuine ones come first; a picture may be an attack in two ways
    for item, unit, content, score in _scored(population, eager, clusters, assumed=assumed):
        if content and not assumed:
            require_one_label(population, first.setdefault(content, item) if unit is not None else first.get(content, item), item)
        if unit is None:
            key = (item.labels["label"], item.labels.get("generator", "").strip() or "unnamed")
            attacks.setdefault(key, Judged()).add(score)
            continue
        genuine.add(score)
        found.append((unit, content, score.highest))
    by_unit = _by_unit(found)
    allowed = most_flagged(len(by_unit), at_most, confidence)
    threshold, reason = _cut(list(by_unit.values()), allowed, at_most, confidence)
    needed = statistics.clean_run_size(1 - at_most, confidence) if allowed is None else None
    return Chosen(threshold, reason, at_most, confidence, allowed or 0, needed, genuine, by_unit, attacks, assumed)


def _by_unit(found: Sequence[tuple[str, str, float | None]]) -> dict[str, float]:
    """Each judged unit's highest probability, from units, contents ("" where nobody knows) and probabilities of media. Units with a medium of the
    same bytes are one; they are told by the bytes that were scored."""
    joined = units.sharing((unit, content) for unit, content, _ in found)
    highest: dict[str, float] = {}
    for unit, _, probability in found:
        if probability is not None:
            highest[joined.root(unit)] = max(highest.get(joined.root(unit), 0.0), probability)
    return highest


def _scored(
    population: Population, detector: Detector, clusters: str | None, *, assumed: bool
) -> Iterator[tuple[Item, str | None, str, Score]]:
    """Each medium with its unit (None: an attack), its bytes' SHA-256 ("" where they can't be read) and its score."""
    genuine = [item for item in population.items if assumed or item.labels["label"] == BONA_FIDE_LABEL]
    if not genuine:
        raise BadInputError(
            f"the population '{population.name}' has no genuine media, and a threshold is set by them",
            where=population.place(),
            fix=f"name one with media that are labelled {BONA_FIDE_LABEL}, or a folder of genuine ones",
        )
    column = units.checked_column(population, genuine, clusters)
    others = [item for item in population.items if not assumed and item.labels["label"] != BONA_FIDE_LABEL]
    together = [*genuine, *others]
    last = len(genuine)
    for place, (item, content, score) in enumerate(followed(_each(population, together, detector), "scoring", len(together))):
        yield item, units.unit_of(item, column) if place < last else None, content, score


def _each(population: Population, items: list[Item], detector: Detector) -> Iterator[tuple[Item, str, Score]]:
    trace = population.trace = population.trace or Trace()  # it hears why a medium is refused
    for batch, contents in population.batches(items):
        answers = iter(score_media(detector, [data for data in contents if data is not None]))
        for item, data in zip(batch, contents, strict=True):
            if data is None:
                yield item, "", Score(cannot_say=f"could not be read: {trace.media[population.name, item.name].refused}")
            else:
                yield item, sha256_hex(data), next(answers)


def most_flagged(units_judged: int, at_most: float, confidence: float) -> int | None:
    """How many of so many units may be flagged while at most a share ``at_most`` of all is, at ``confidence``; None if even none is too many,
    because there are too few units."""
    from scipy.stats import binom

    left = 1 - confidence
    if binom.cdf(0, units_judged, at_most) > left:
        return None
    count = int(binom.ppf(left, units_judged, at_most))
    return count if binom.cdf(count, units_judged, at_most) <= left else count - 1


def _cut(highest: list[float], allowed: int | None, at_most: float, confidence: float) -> tuple[float | None, str]:
    """The threshold just above all but ``allowed`` of ``highest``, and "", or None and why there is none."""
    promise = f"at which at most {at_most * 100:g} % of all are flagged ({confidence * 100:g} % confidence)"
    if allowed is None:
        judged = f"{counted(len(highest), 'independent genuine unit')} that could be judged {'is' if len(highest) == 1 else 'are'}"
        return None, f"{judged} too few to find a threshold {promise}"
    beyond = sorted(highest, reverse=True)[allowed]
    step = 10**DIGITS
    place = math.floor(beyond * step)
    while place / step <= beyond:
        place += 1
    if place > step:
        return None, f"more than {allowed} of {len(highest)} genuine units have a probability of 1, so there is no threshold {promise}"
    return place / step, ""
