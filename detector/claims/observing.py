"""Scoring a labelled population: what every claim about a detector starts from.

A population says of each image whether it is bona fide (``label: real``) or an attack (``synthetic``, ``manipulated``). Its independent
units are people, videos or sources: the column that the claim names, else ``group`` where the manifest has it, else every
image by itself; files with the same bytes are one unit (``units``). An image of which the detector can't say is an observation like any other, never dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import counted
from averment.detector.claims import units
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.populations import Item, Population, open_population
from averment.detector.claims.tables import called
from averment.detector.interface import Detector, DetectorInfo, Family, Score

ATTACK_LABELS = {Family.SYNTHETIC_IMAGE: "synthetic", Family.MANIPULATED_FACE: "manipulated"}
BONA_FIDE_LABEL = "real"

REPEATED = "same_bytes_again"
"""In a result's details: how many images have the bytes of another one."""


class Subject(Protocol):
    """What a statement says of the media it is about."""

    @property
    def family(self) -> Family:
        """The attack family."""

    @property
    def population(self) -> str:
        """The name of the population."""

    @property
    def where(self) -> Mapping[str, str]:
        """Which rows of it."""

    @property
    def clusters(self) -> str | None:
        """The column of independent units that the statement names, if it does."""


@dataclass(frozen=True)
class Observation:
    """One image with its truth, its independent unit, its species (attacks: the generator), and what the detector said. ``part`` says that it said
    something, and nothing of another family of its own (``decided``)."""

    item: Item
    attack: bool
    unit: str
    species: str
    score: Score
    part: bool = False


@dataclass(frozen=True)
class Opened:
    """The detector and the population that a statement is about, and what a result records of both."""

    detector: Detector
    info: DetectorInfo
    population: Population
    inputs: dict[str, JSON]


def opened(subject: Subject, context: ClaimContext, claim: str) -> Opened:
    """What a claim of type ``claim`` about ``subject`` works on.

    Raises:
        BadInputError: nothing is known of the population, or it is malformed.
        IncompleteError: there is no detector, it doesn't score the family, or the population is out of reach.
    """
    detector, info = detector_of(context, subject.family, claim)
    population = open_population(subject.population, context).only(subject.where)
    inputs: dict[str, JSON] = {
        **population.facts(),
        "detector": info.facts(),
        "clusters": cluster_column(population, subject),
    }
    return Opened(detector, info, population, inputs)


def detector_of(context: ClaimContext, family: Family, claim: str) -> tuple[Detector, DetectorInfo]:
    """The context's detector and what it is.

    Raises:
        IncompleteError: there is none, or it doesn't score ``family``.
    """
    if context.detector is None:
        raise IncompleteError(f"a {claim} claim needs a detector", fix="name one: --detector embedded")
    info = context.detector.info
    if family not in info.families:
        known = ", ".join(sorted(info.families))
        raise IncompleteError(f"the detector {info.name} doesn't score {family}", fix=f"it scores: {known}")
    return context.detector, info


def observe(population: Population, detector: Detector, subject: Subject) -> list[Observation]:
    """Score every image of the population that is bona fide or of the subject's attack family, in order of name.

    Raises:
        BadInputError: the population has no labels, or not the column of clusters.
        IncompleteError: an image is not what the manifest says, or the detector broke.
    """
    column = cluster_column(population, subject)
    found: list[Observation] = []
    for batch, contents in read_batches(population, subject):
        found += observations(subject, column, batch, score_each(detector, contents))
    return found


def score_each(detector: Detector, contents: Sequence[bytes | None]) -> list[Score]:
    """The detector's answer to each of ``contents``; None, which could not be read, gets a non-response.

    Raises:
        IncompleteError: the detector broke.
    """
    scores = iter(detector.score([data for data in contents if data is not None]))
    return [Score(cannot_say="could not be read") if data is None else next(scores) for data in contents]


def read_batches(population: Population, subject: Subject) -> Iterator[tuple[list[Item], list[bytes | None]]]:
    """The images that ``subject`` is about with their bytes (None: could not be read), a batch at a time, in order of name.

    Raises:
        BadInputError, IncompleteError: as ``observe``.
    """
    _require_labels(population, subject)
    labels = {ATTACK_LABELS[subject.family], BONA_FIDE_LABEL}
    wanted = [item for item in population.items if item.labels.get("label") in labels]
    wanted = units.with_units(population, wanted, subject.clusters)
    _require_one_label(population, wanted)
    yield from population.batches(wanted)


def _require_labels(population: Population, subject: Subject) -> None:
    """Refuse images of which nothing that is known here is said: left out in silence, attacks under another word would flatter a detector."""
    if not population.items:
        raise BadInputError(
            f"the population '{population.name}' has no image that the claim is about",
            where=population.place(),
            fix="change the claim's 'where', or name another population"
            if subject.where
            else "name another population: it holds no images",
        )
    if not any("label" in item.labels for item in population.items):
        beside = Path(population.where) / "manifest.csv"
        manifest = f"name its manifest ({beside})," if beside.is_file() else "give a manifest"
        raise BadInputError(
            f"the population '{population.name}' says of no image whether it is real",
            where=population.place(),
            fix=f"{manifest} with a column label: {BONA_FIDE_LABEL} or {ATTACK_LABELS[subject.family]}",
        )
    require_known_labels(population)


def require_known_labels(population: Population) -> None:
    """Refuse a population with images that are labelled by no word that is known here, or by none.

    Raises:
        BadInputError: there is such an image; the error names one.
    """
    known = (BONA_FIDE_LABEL, *ATTACK_LABELS.values())
    other = [item for item in population.items if item.labels.get("label") not in known]
    if other:
        label = other[0].labels.get("label", "")
        raise BadInputError(
            f"the population '{population.name}' labels {counted(len(other), 'image')} neither as real nor as an attack that is known here, such as "
            f"{other[0].name}: {f'label {label}' if label else 'no label'}",
            where=population.place(other[0]),
            fix=f"label each {', '.join(known[:-1])} or {known[-1]}, or take it out of the manifest",
        )


def _require_one_label(population: Population, items: Sequence[Item]) -> None:
    """Refuse the same bytes under two labels: one of them is wrong, and whichever it is, a detector would err on one of the two. So are ``items`` that
    are bona fide beside an attack of another family, as far as digests tell without reading what the claim isn't about."""
    genuine = {population.pinned(item): item for item in items if item.labels["label"] == BONA_FIDE_LABEL}
    for item in population.items:
        if (content := population.pinned(item)) is not None and content in genuine:
            require_one_label(population, genuine[content], item)
    by_name = {item.name: item for item in items}
    for item in items:
        first = by_name.get(item.repeats or "")
        if first is not None:
            require_one_label(population, first, item)


def require_one_label(population: Population, first: Item, item: Item) -> None:
    """Refuse ``item``, which has the bytes of ``first``, under another label.

    Raises:
        BadInputError: it has another.
    """
    if first.labels["label"] != item.labels["label"]:
        raise BadInputError(
            f"the population '{population.name}' labels {first.name} {first.labels['label']}, and {item.name}, which has the same bytes, "
            f"{item.labels['label']}",
            where=population.place(item),
            fix="take out the row that is wrong",
        )


def observations(subject: Subject, column: str | None, items: Sequence[Item], scores: Sequence[Score]) -> list[Observation]:
    """``items`` with their ``scores`` and what the manifest says of them; ``column`` is ``cluster_column``'s."""
    attack_label = ATTACK_LABELS[subject.family]
    return [
        Observation(
            item,
            item.labels["label"] == attack_label,
            units.unit_of(item, column),
            called(item.labels.get("generator", "")) or "unnamed",
            score.of(subject.family),
        )
        for item, score in zip(items, scores, strict=True)
    ]


def cluster_column(population: Population, subject: Subject) -> str | None:
    """The column of independent units, as ``units.column_of`` has it (``clusters: file`` makes each image its own on purpose)."""
    return units.column_of(population, subject.clusters)


def flagged(score: Score, threshold: float) -> bool:
    """Whether the detector takes the image for an attack: its highest probability reaches the threshold."""
    return score.highest is not None and score.highest >= threshold


def decided(observation: Observation, threshold: float) -> Observation:
    """``observation`` as one of the detector's decision over all its families: where one of them is silent, probabilities below the
    ``threshold`` leave the decision open (``Score.open_question``), and that nothing was flagged is no right answer."""
    score = observation.score
    if score.cannot_say is not None or not score.silent or flagged(score, threshold):
        return observation
    return replace(observation, score=Score(cannot_say=score.open_question), part=True)


def wrong(observation: Observation, threshold: float) -> bool:
    """Whether the detector erred at its threshold; a non-response is an error."""
    return observation.score.cannot_say is not None or flagged(observation.score, threshold) is not observation.attack


def rank(observation: Observation, family: Family) -> float:
    """The score for ranking; a non-response takes the rank that hurts: below every attack or above every bona fide image."""
    if observation.score.cannot_say is not None:
        return -1.0 if observation.attack else 2.0
    return float(observation.score.probabilities[family])


def silence(found: Sequence[Observation], without: float | None = None) -> str:
    """What a reader has to know of non-responses, as the end of a sentence: how many, and the figure ``without`` them."""
    silent = sum(o.score.cannot_say is not None for o in found)
    if not silent:
        return ""
    other = f" (the figure on the others is {without:.4g})" if without is not None else ""
    part = sum(o.part for o in found)
    families = f", {part} of them in one of its families," if part else ""
    return f"; {silent} of {len(found)} images the detector could not score{families or ','} counted as its errors{other}"


def counts(found: Sequence[Observation]) -> dict[str, Any]:
    """How many of each kind there were, and why the detector could not say."""
    reasons = Counter(o.score.cannot_say for o in found if o.score.cannot_say is not None)
    repeated = sum(o.item.repeats is not None for o in found)
    return {
        "attacks": sum(o.attack for o in found),
        "bona_fide": sum(not o.attack for o in found),
        "attack_non_responses": sum(o.attack and o.score.cannot_say is not None for o in found),
        "bona_fide_non_responses": sum(not o.attack and o.score.cannot_say is not None for o in found),
        "non_response_reasons": dict(sorted(reasons.items())),
        **({REPEATED: repeated} if repeated else {}),
    }


def unit_count(found: Sequence[Observation]) -> int:
    """Independent units; a person with genuine and forged pictures counts once for each."""
    return len({(o.attack, o.unit) for o in found})
