"""What claims on coverage have in common: a share of the generated media in a counted population, from a reproducible sample of it.

A medium that could not be examined (gone since it was counted, too large, not to be decoded) counts neither way: the lower bound takes all of these
for uncovered, the upper bound for covered. The bounds are exact binomial ones; they ignore that a sample without replacement from a
small population tells a little more, which errs on the careful side. When everything was examined the share is known exactly and
there is nothing to infer.

The sample is drawn before it is settled which look it is, and its digest is one of the look's inputs: a larger sample, which has the smaller one in it, is a new look.

What lies in the place and is in no frame isn't left out in silence either. What the frame refused (links, devices, names that aren't text) is a
medium that could not be examined, whether or not all others were; a linked folder may lead to any number, and the claim isn't supported. Files that aren't called images (nor, where a claim examines videos, videos) may be
generated media, and nobody looked: how many there are stands in the reason, and the claim isn't supported, unless it is about images only:

```yaml
images_only: true   # optional: what isn't called an image (frame.SUFFIXES) is no matter of this claim
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import fields, sequential, statistics
from averment.detector.claims.frame import LINKED_FOLDER
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, Interval
from averment.detector.claims.observing import ATTACK_LABELS, require_known_labels
from averment.detector.claims.populations import Population, Sample, open_population
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds
from averment.detector.interface import Family

DEFAULT_SAMPLE = 300
MAX_NAMED = 20
GENERATED = ATTACK_LABELS[Family.SYNTHETIC_IMAGE]
"""The label of generated media."""
"""How many uncovered media a result names; it says how many there are."""

FIELDS = ("where", "confidence", "sample", "looks", "images_only")
"""The optional fields that every claim on coverage has."""


class Stated(Protocol):
    """What a statement about coverage says."""

    @property
    def population(self) -> str:
        """The name of the population."""

    @property
    def where(self) -> Mapping[str, str]:
        """Which rows of it."""

    @property
    def bar(self) -> float:
        """The least share."""

    @property
    def confidence(self) -> float:
        """Of the one-sided bounds."""

    @property
    def sample(self) -> int | None:
        """How many to draw, if it says."""

    @property
    def images_only(self) -> bool:
        """Whether files that aren't called images are no matter of it."""


@dataclass(frozen=True)
class Drawn:
    """What is to be examined: a sample of a population, the level at which it is judged, and what pins it."""

    population: Population
    sample: Sample
    level: Level
    inputs: Mapping[str, JSON]


@dataclass(frozen=True)
class Kinds:
    """How a claim's states count: one is ``covered``, one ``unreadable``, any other uncovered. ``word`` says the first in a sentence
    ("marked"), ``others`` names the list of the rest in the details."""

    states: type[StrEnum]
    covered: StrEnum
    unreadable: StrEnum
    word: str
    others: str


def read_bar(spec: Mapping[str, Any], advice: str) -> float:
    """The field ``at_least``.

    Raises:
        BadInputError: not a share, or 0, which says nothing; ``advice`` is what to write instead.
    """
    return fields.bar(spec, "at_least", fix=advice)


def read_images_only(spec: Mapping[str, Any]) -> bool:
    """The optional field ``images_only``.

    Raises:
        BadInputError: neither true nor false.
    """
    value = spec.get("images_only", False)
    if not isinstance(value, bool):
        raise BadInputError(
            f"images_only is {value!r}", fix="write images_only: true if files that aren't called images are no matter of the claim"
        )
    return value


def subject(statement: Stated) -> str:
    """What the statement is about, in words."""
    return "media that are called images" if statement.images_only else "media"


def plan(statement: Stated, text: str) -> ClaimPlan:
    """How many media the statement takes, if the truth lies at some places between its bar and 1."""
    truths = [round(statement.bar + part * (1 - statement.bar), 6) for part in (1.0, 0.75, 0.5, 0.25)]
    sizes = [(truth, statistics.needed_trials(statement.bar, truth, statement.confidence)) for truth in truths]
    least = statistics.clean_run_size(statement.bar, statement.confidence)
    return ClaimPlan(text, "media, drawn at random", least, tuple((truth, size) for truth, size in sizes if size is not None))


def draw(spec: Mapping[str, Any], statement: Stated, context: ClaimContext, means: Mapping[str, JSON], *, clips: bool = False) -> Drawn:
    """The sample that the statement asks for. ``means`` pins what the media are examined with, ``clips`` says that videos can be.

    Raises:
        BadInputError: no such population, or no such column.
        IncompleteError: the population is out of reach.
    """
    clips = clips and not statement.images_only
    population = _generated(open_population(statement.population, context, clips=clips), statement.where)
    inputs = {**population.facts(), **means}
    samples: dict[int | None, Sample] = {}

    def at(level: Level) -> Sample:
        size = statement.sample or _default_sample(statement, level)
        if size not in samples:
            samples[size] = population.sample(size, context.seed)
        return samples[size]

    level = sequential.level(
        spec, statement.confidence, context.looks, inputs, seed=context.seed, drawn=lambda level: {"sample": _digest(at(level))}
    )
    sample = at(level)
    if sample.census:
        level = Level(statement.confidence, statement.confidence)  # nothing is inferred, so nothing is spent
    return Drawn(population, sample, level, {**inputs, "sample": _digest(sample)})


def _digest(sample: Sample) -> str:
    return sha256_hex(canonical_json([item.name for item in sample.items]))


def result(
    name: str, statement: Stated, drawn: Drawn, found: Mapping[str, StrEnum], kinds: Kinds, details: Mapping[str, JSON] | None = None
) -> ClaimResult:
    """What follows from the state that was ``found`` for each medium of the sample."""
    counts = Counter(found.values())
    covered, unreadable, size, census = counts[kinds.covered], counts[kinds.unreadable], len(found), drawn.sample.census
    bounds, method = _bounds(covered, unreadable, size, drawn.level.confidence, census=census)
    bounds, method = _with_refused(bounds, method, drawn)
    method = _census(unreadable, drawn.population) if census else method
    verdict, reason = _verdict(statement.bar, bounds, (covered, unreadable, size), kinds, drawn)
    verdict, reason = _with_others(verdict, reason, drawn.population, images_only=statement.images_only)
    verdict, reason = _with_linked(verdict, reason, drawn.population)
    reason += _copies(drawn.population)
    estimate = covered / (size - unreadable) if size > unreadable else None
    others = [item for item, state in found.items() if state is not kinds.covered]
    made = ClaimResult(
        type=name,
        statement=str(statement),
        verdict=verdict,
        reason=reason,
        estimate=estimate,
        interval=_interval(bounds, method, drawn.level, census=census) if size else None,
        bar=statement.bar,
        samples=size,
        clusters=size,
        seed=drawn.sample.seed,
        needed=_needed(statement, estimate, size, drawn) if verdict is ClaimVerdict.INCONCLUSIVE else None,
        inputs=drawn.inputs,
        details={
            "population": len(drawn.population),
            "census": census,
            "states": {str(state): counts[state] for state in kinds.states},
            kinds.others: [*others[:MAX_NAMED]],
            f"{kinds.others}_count": len(others),
            **(details or {}),
        },
    )
    return drawn.level.finish(made)


def _generated(population: Population, where: Mapping[str, str]) -> Population:
    """Only generated media: the rows labelled ``synthetic`` when the population has labels, all of it otherwise. A label that isn't known is
    refused, unless ``where`` names one: left out in silence, such media would pass for marked."""
    if "label" not in where and any("label" in item.labels for item in population.items):
        require_known_labels(population)
        population = population.only({"label": GENERATED})
    return population.only(where)


def _default_sample(statement: Stated, level: Level) -> int | None:
    """Enough to support the claim at ``level`` when all are covered; everything when no sample could."""
    least = statistics.clean_run_size(statement.bar, level.confidence)
    return None if least is None else max(DEFAULT_SAMPLE, least)


def _bounds(covered: int, unreadable: int, drawn: int, confidence: float, *, census: bool) -> tuple[Bounds, str]:
    if census and drawn:
        return Bounds(covered / drawn, (covered + unreadable) / drawn, confidence), "census"
    low = statistics.binomial_bounds(covered, drawn, confidence).low
    high = statistics.binomial_bounds(covered + unreadable, drawn, confidence).high
    return Bounds(low, high, confidence), f"Clopper-Pearson, one-sided bounds at {fields.percent(confidence)}"


def _with_refused(bounds: Bounds, method: str, drawn: Drawn) -> tuple[Bounds, str]:
    """Bounds of the share in all that lies there, from those in the frame, and how they come about: what the frame refused may be either."""
    refused, size = sum(drawn.population.refused.values()), len(drawn.population)
    if not refused:
        return bounds, method
    everything = size + refused
    wider = replace(bounds, low=bounds.low * size / everything, high=(bounds.high * size + refused) / everything)
    return wider, method if drawn.sample.census else f"{method}; what was refused may be either"


def _scope(unreadable: int, population: Population) -> str:
    """What a census could examine of all that lies there, as the end of "all ..."; "" where that is everything."""
    seen = ["is called an image or a video" if population.clips else "is called an image"] if population.other_files else []
    seen += ["could be read"] if unreadable or population.refused else []
    return f"that {' and '.join(seen)}" if seen else ""


def _census(unreadable: int, population: Population) -> str:
    """What a census examined; that it was everything only where nothing could not be read, and nothing lies there unseen."""
    scope = _scope(unreadable, population)
    if not scope:
        return "census: everything was examined, the share is known exactly"
    rest = "; the rest may be either" if unreadable or population.refused else ", and of that the share is known exactly"
    return f"census: all {scope} was examined{rest}"


def _verdict(bar: float, bounds: Bounds, counts: tuple[int, int, int], kinds: Kinds, drawn: Drawn) -> tuple[ClaimVerdict, str]:
    covered, unreadable, size = counts
    refused = drawn.population.refused
    if not size:
        verdict, reason = ClaimVerdict.INCONCLUSIVE, "the population is empty: nothing was shown"
    else:
        verdict = statistics.decide(bounds, bar, at_least=True)
        seen = f"{covered:,} of {size:,} {'is' if covered == 1 else 'are'} {kinds.word}"
        if drawn.sample.census:
            reason = f"{seen}, which is all {_scope(unreadable, drawn.population) or 'there is'}; no inference is needed"
        else:
            reason = f"{seen}; {statistics.explain(verdict, bounds, bar, at_least=True)}"
    if unreadable:
        reason += f"; {unreadable} could not be read and may be either"
    if refused:
        told = ", ".join(f"{why}: {count:,}" for why, count in sorted(refused.items()))
        more = sum(refused.values())
        reason += f"; {more:,} more {'was' if more == 1 else 'were'} not opened and may be either ({told})"
    return verdict, reason


def _with_others(verdict: ClaimVerdict, reason: str, population: Population, *, images_only: bool) -> tuple[ClaimVerdict, str]:
    """What isn't called an image keeps the claim open that would be supported without it, unless the claim is about images only."""
    if not population.other_files:
        return verdict, reason
    one = population.other_files == 1
    more = (" or a video", " or videos") if population.clips else ("", "")
    named = f"which isn't called an image{more[0]}, was" if one else f"which aren't called images{more[1]}, were"
    files = f"{counted(population.other_files, 'other file')}, {named} not looked at"
    if images_only:
        return verdict, f"{reason}; {files}, as the claim is about images only"
    if verdict is ClaimVerdict.SUPPORTED:
        return (
            ClaimVerdict.INCONCLUSIVE,
            f"{reason}; {files} and may be generated media: name a place without them, or say images_only: true",
        )
    return verdict, f"{reason}; {files}"


def _with_linked(verdict: ClaimVerdict, reason: str, population: Population) -> tuple[ClaimVerdict, str]:
    """A linked folder is refused as one, and keeps the claim open that would be supported without it: it may lead to more media than were counted."""
    linked = population.refused.get(LINKED_FOLDER, 0)
    if not linked or verdict is not ClaimVerdict.SUPPORTED:
        return verdict, reason
    leads = f"{counted(linked, 'linked folder')} may lead to any number of media"
    return ClaimVerdict.INCONCLUSIVE, f"{reason}; {leads}: name a place without links, and what they lead to as a place of its own"


def _copies(population: Population) -> str:
    """How many of those that were examined are copies of another, as the end of a sentence. Each is a medium of its own here; but a share that rests
    on one picture a thousand times over isn't what a reader takes it for."""
    trace = population.trace
    digests = [medium.sha256 for medium in trace.ordered() if medium.sha256 is not None] if trace is not None else []
    copies = len(digests) - len(set(digests))
    return (
        f"; {copies:,} {'has' if copies == 1 else 'have'} the bytes of another one, and {'is' if copies == 1 else 'are'} counted"
        if copies
        else ""
    )


def _needed(statement: Stated, estimate: float | None, size: int, drawn: Drawn) -> int | None:
    """The sample that would settle it, all there is at the most; None where none does, since it is open for what can't be drawn."""
    population = drawn.population
    if drawn.sample.census or population.refused or (population.other_files and not statement.images_only):
        return None
    if estimate is None:
        least = statistics.clean_run_size(statement.bar, drawn.level.following)
        return None if least is None else min(least, len(population))
    needed = statistics.needed_trials(statement.bar, estimate, drawn.level.following)
    return None if needed is None else min(max(needed, size + 1), len(population))


def _interval(bounds: Bounds, method: str, level: Level, *, census: bool) -> Interval:
    return Interval(bounds.low, bounds.high, 1.0 if census else round(2 * level.confidence - 1, 9), method)
