"""Claims on robustness: by how much a detector's figure drops when the same images are recompressed, resized, cropped and so on.

```yaml
type: robustness
metric: auc               # auc, tpr (with at_fpr), eer, apcer, bpcer
attack: synthetic-image
population: reference-corpus
transforms: [{jpeg: 75}, {jpeg: 50}, {resize: 0.5}, {screenshot: 1.25}]
at_most: 0.1              # the worst drop, in the figure's own units
answered_at_least: 0.9    # optional: the share of the untouched images of each class that must have been scored (default 0.9)
where: {kind: face}       # optional, as are confidence, clusters and looks
```

The drop is the figure on the untouched images minus that on the transformed ones (the other way round for error rates), on the same
images and under the same draws of people or sources; the worst transform decides, and for APCER the worst transform of the
worst generator. What the detector can't score after a transform is its error, as everywhere, and the reason says how many these are. What it
scored untouched and nobody can transform (a strip, a GIF) was never shown to it changed: such images are left out, and a claim
on a population with some isn't supported.

What it can't score even untouched is an error before and after, and so no drop: a detector that never answers would lose nothing. Nor is it a
gain, should an enlarged picture be one that it can score: that would make up for what it lost on others.
Where it answers too rarely on the untouched images (of one class, for APCER of one generator), or attacks name no generator for APCER,
the claim isn't supported; it is still refuted where a drop is shown. Videos aren't transformed, so they are left out, and a claim on a population
with some isn't supported either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from averment.core.canonical import JSON
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import answering, differences, fields, metrics, observing, sequential, statistics
from averment.detector.claims.differences import Difference, Side
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.metrics import Metric, Tally
from averment.detector.claims.observing import Observation
from averment.detector.claims.populations import Population
from averment.detector.claims.sequential import Level
from averment.detector.claims.transforms import Transform, imaging_version, read_transforms
from averment.detector.interface import Detector, Family, Score
from averment.detector.video.media import shows_a_clip

UNTOUCHED = "untouched"


@dataclass(frozen=True)
class Statement:
    """A robustness claim as read."""

    metric: Metric
    population: str
    where: Mapping[str, str]
    transforms: tuple[Transform, ...]
    answered: float
    bar: float
    confidence: float
    clusters: str | None

    @property
    def family(self) -> Family:
        """The attack family."""
        return self.metric.family

    def __str__(self) -> str:
        named = ", ".join(map(str, self.transforms))
        return (
            f"{self.metric} on {self.population}{fields.rows(self.where)} is worse by at most {self.bar:g} under each of {named} "
            f"{fields.conditions(self.confidence, answering.stated(self.answered), fields.units_by(self.clusters))}"
        )


class RobustnessClaim(ClaimType):
    """The worst drop of a figure over named transforms."""

    name = "robustness"
    needs_detector = True
    sequential = True

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        fewest = differences.fewest_placed(statement.bar, statement.metric.at_fpr, statement.confidence)
        unit, at_fpr = "independent units of each class", statement.metric.at_fpr
        return differences.plan(str(statement), statement.bar, statement.confidence, unit, fewest=fewest, at_fpr=at_fpr)

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        given = observing.opened(statement, context, self.name)
        how: dict[str, JSON] = {"transforms": [str(transform) for transform in statement.transforms], "pillow": imaging_version()}
        inputs = {**given.inputs, **how}
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed)
        everything, apart = observe(given.population, given.detector, statement)
        observed = _without_gains({name: statement.metric.concerns(found, given.info.threshold) for name, found in everything.items()})
        rows = _drops(statement, observed, given.info.threshold, context.seed, level)
        concerned = observed[UNTOUCHED]
        unknown = answering.told(answering.silent_classes(statement.metric, concerned, statement.answered, ", untouched,"))
        unknown += statement.metric.nameless(concerned)
        unknown += apart.told()
        verdict, reason, interval, needed = _verdict(statement, rows, level, len(concerned), unknown.removeprefix("; "))
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason + observing.silence(concerned) + _silent_after(observed),
            estimate=max((row.difference.figure for row in rows), default=None),
            interval=interval,
            bar=statement.bar,
            samples=len(concerned),
            clusters=observing.unit_count(concerned),
            seed=context.seed,
            needed=needed,
            inputs=inputs,
            details={
                **observing.counts(concerned),
                **({"videos": apart.videos} if apart.videos else {}),
                **({"not_transformed": len(apart.refused)} if apart.refused else {}),
                "by_transform": [row.to_json() for row in rows],
            },
        )
        return level.finish(result)


@dataclass(frozen=True)
class Row:
    """What became of the figure under one transform (and, for APCER, for one generator)."""

    transform: str
    species: str
    before: float
    after: float
    difference: Difference
    non_responses: int

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        species: dict[str, JSON] = {"generator": self.species} if self.species else {}
        figures: dict[str, JSON] = {"before": self.before, "after": self.after, "non_responses": self.non_responses}
        return {"transform": self.transform, **species, **figures, **self.difference.to_json()}


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, a transform that isn't one, or a bar out of range.
    """
    fields.known_fields(
        spec,
        ("type", "metric", "attack", "population", "transforms", "at_most"),
        ("where", "at_fpr", answering.FIELD, "confidence", "clusters", "looks"),
    )
    family = Family(fields.text(spec, "attack", tuple(observing.ATTACK_LABELS)))
    transforms = read_transforms(spec["transforms"])
    sequential.read_plan(spec)
    return Statement(
        metric=metrics.read(spec, family),
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        transforms=transforms,
        answered=answering.read(spec),
        bar=fields.bar(spec, "at_most"),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


@dataclass
class _Apart:
    """What was left out, as nobody can transform it, which is no error of the detector's: how many videos, and of the images that it scored
    untouched each one's reason, by name."""

    videos: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """Why nothing is known of these, as the end of a sentence."""
        told = f"; of {counted(self.videos, 'video')} nothing is known, for videos are not transformed" if self.videos else ""
        if not self.refused:
            return told
        name, reason = next(iter(self.refused.items()))
        count, more = counted(len(self.refused), "image"), ", for one" if len(self.refused) > 1 else ""
        return f"{told}; of {count} that the detector scored nothing is known, for they could not be transformed ({name}{more}: {reason})"


def observe(population: Population, detector: Detector, statement: Statement) -> tuple[dict[str, list[Observation]], _Apart]:
    """The detector's answers to every image, untouched and under each transform, by the transform's name; and what was left out.

    Raises:
        BadInputError, IncompleteError: as ``observing.observe``.
    """
    column, apart = observing.cluster_column(population, statement), _Apart()
    found: dict[str, list[Observation]] = {UNTOUCHED: [], **{str(transform): [] for transform in statement.transforms}}
    for media, data in observing.read_batches(population, statement):
        images = [(item, content) for item, content in zip(media, data, strict=True) if content is None or not shows_a_clip(content)]
        apart.videos += len(media) - len(images)
        batch, contents = [item for item, _ in images], [content for _, content in images]
        untouched = observing.score_each(detector, contents)
        found[UNTOUCHED] += observing.observations(statement, column, batch, untouched)
        for transform in statement.transforms:
            answers, refused = _score_transformed(detector, transform, contents)
            found[str(transform)] += observing.observations(statement, column, batch, answers)
            for place, reason in refused.items():
                if untouched[place].of(statement.family).cannot_say is None:
                    apart.refused.setdefault(batch[place].name, reason)
    return {name: [o for o in those if o.item.name not in apart.refused] for name, those in found.items()}, apart


def _score_transformed(detector: Detector, transform: Transform, contents: Sequence[bytes | None]) -> tuple[list[Score], dict[int, str]]:
    """The answers to ``contents`` after ``transform``, and by its place why one could not be transformed."""
    from averment.detector.imaging import UnreadableError

    made: list[bytes | None] = []
    refused: dict[int, str] = {}
    for place, data in enumerate(contents):
        try:
            made.append(None if data is None else transform(data))
        except UnreadableError as error:
            made.append(None)
            refused[place] = str(error)
    scores = observing.score_each(detector, made)
    told = [
        Score(cannot_say=f"could not be transformed: {refused[place]}") if place in refused else score for place, score in enumerate(scores)
    ]
    return told, refused


def _without_gains(observed: Mapping[str, list[Observation]]) -> dict[str, list[Observation]]:
    """``observed``, with what could not be scored untouched as not scored under any transform."""
    unscored = {o.item.name: o.score for o in observed[UNTOUCHED] if o.score.cannot_say is not None}
    return {name: [replace(o, score=unscored.get(o.item.name, o.score)) for o in found] for name, found in observed.items()}


def _drops(statement: Statement, observed: Mapping[str, list[Observation]], threshold: float, seed: int, level: Level) -> list[Row]:
    metric, untouched = statement.metric, observed[UNTOUCHED]
    index = {name: place for place, name in enumerate(sorted({o.unit for o in untouched}))}
    cells: dict[tuple[str, str], Tally] = {}
    for name, found in observed.items():
        for species in metric.species(untouched):
            tally = metrics.tally(metric, [o for o in found if not species or o.species == species], index, threshold)
            if tally is not None:
                cells[name, species] = tally
    if not cells:
        return []
    replicates = dict(zip(cells, differences.resampled(list(cells.values()), len(index), len(untouched), seed), strict=True))
    sides = {cell: Side(tally, differences.plain(tally, len(index)), replicates[cell]) for cell, tally in cells.items()}
    careful = differences.strict(level.confidence, sum(name != UNTOUCHED for name, _ in cells))
    silent = {name: sum(o.score.cannot_say is not None for o in found) for name, found in observed.items()}
    rows = []
    for name, species in cells:
        if name == UNTOUCHED:
            continue
        before, after = sides[UNTOUCHED, species], sides[name, species]
        shape, called = (before.tally.units, before.tally.alike), f"{name} ({species})" if species else name
        difference = differences.compared(called, metric, before, after, shape, (level.confidence, careful))
        rows.append(Row(name, species, before.figure, after.figure, difference, silent[name]))
    return rows


def _silent_after(observed: Mapping[str, list[Observation]]) -> str:
    """How many images could not be scored after which transform, as the end of a sentence."""
    silent = {name: sum(o.score.cannot_say is not None for o in found) for name, found in observed.items() if name != UNTOUCHED}
    told = ", ".join(f"{count} after {name}" for name, count in silent.items() if count)
    return f"; not scored: {told}" if told else ""


def _verdict(
    statement: Statement, rows: Sequence[Row], level: Level, items: int, unknown: str
) -> tuple[ClaimVerdict, str, Interval | None, int | None]:
    """``unknown`` is why the claim isn't supported even where the bounds say so."""
    if not rows:
        lacks = "the population lacks attacks or bona fide images" + (" that can be transformed" if unknown else "")
        return ClaimVerdict.INCONCLUSIVE, f"{lacks}; {unknown}" if unknown else lacks, None, None
    fewest = min(row.difference.units for row in rows)
    found = differences.judge([row.difference for row in rows], statement.bar, level)
    interval = found.interval(differences.method(items, level.confidence, len(rows)))
    least = statistics.fewest_units(statement.metric.at_fpr, level.confidence)
    if fewest < least:
        few = "1 independent unit of a class is" if fewest == 1 else f"{fewest} independent units of a class are"
        placed = differences.fewest_placed(statement.bar, statement.metric.at_fpr, level.following)
        settles = max(2 * least, placed, found.needed(statement.bar, level, statement.metric.at_fpr) or 0)
        return ClaimVerdict.INCONCLUSIVE, f"{few} too few: {least} are the least", interval, settles
    if unknown and found.verdict is not ClaimVerdict.REFUTED:
        return ClaimVerdict.INCONCLUSIVE, f"{unknown}; {found.reason}", interval, None
    needed = found.needed(statement.bar, level, statement.metric.at_fpr)
    each = {"apcer": " of each generator", "bpcer": ""}.get(statement.metric.name, " of each class")
    advice = f"; to settle it takes about {needed:,} independent units{each}" if needed else ""
    return found.verdict, found.reason + (f"; {unknown}" if unknown else "") + advice, interval, needed
