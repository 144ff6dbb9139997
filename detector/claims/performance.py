"""Claims on how well a detector tells attacks from bona fide media, per attack family.

```yaml
type: performance
metric: apcer            # auc, tpr (with at_fpr), eer, apcer, bpcer
attack: synthetic-image  # or manipulated-face
population: reference-corpus
where: {split: test}     # optional: only rows with these values
at_most: 0.10            # or at_least
confidence: 0.95         # optional
clusters: group          # optional: the column that names the independent unit (person, video, source);
                         # by default `group` where the manifest has it
looks: {planned: 4}      # optional, see sequential
```

APCER and BPCER follow ISO/IEC 30107-3: the share of attack presentations taken for bona fide at the detector's own threshold,
per attack instrument species (here: the ``generator`` column), of which the worst is the figure; and the share of bona fide
presentations taken for attacks. Both are rates of the detector's decision as a whole, as the standard has it: an image is taken for an attack when
the highest probability of all the families that the detector scores reaches the threshold, whichever family ``attack`` names; that only selects the
attacks. AUC, TPR and EER are of the probability of that family alone. So with a detector of several families a BPCER can be higher, and an APCER lower,
than the family's histogram and its point on the ROC show. An image of which the detector can't say is counted and never dropped: it is an error of the
detector (an attack missed, a bona fide image refused; for AUC and TPR it takes the worst rank), and the result shows the number of
these non-responses and the figure without them.

The threshold of a TPR comes from the bona fide images at hand, so its bounds hold for the rate of alarms that it may truly have (``bounded``), and
it needs enough independent ones: 59 for 5 % and 299 for 1 % at 95 % confidence, more at the stricter level of a look.

A rate needs no least number of images when each is its own unit, for its bounds are exact. Where people or videos come with several
images, fewer than ten of them decide nothing; a generator with so few keeps an APCER from being shown to stay within its bar, and not
from being refuted by the others. So do attacks whose ``generator`` is missing or blank: pooled, they hide the worst of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import bounded, differences, fields, metrics, resampling, sequential, statistics
from averment.detector.claims.error_rates import ErrorRate, answered_rate, error_rate, method_of
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.metrics import Metric
from averment.detector.claims.observing import (
    ATTACK_LABELS,
    Observation,
    counts,
    observe,
    opened,
    rank,
    silence,
    unit_count,
)
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import MIN_UNITS, POWER, Bounds
from averment.detector.interface import Family

_FEW = f"with several images each: too few, {MIN_UNITS} are the least"


@dataclass(frozen=True)
class Statement:
    """A performance claim as read."""

    metric: Metric
    population: str
    where: Mapping[str, str]
    bar: float
    at_least: bool
    confidence: float
    clusters: str | None

    @property
    def family(self) -> Family:
        """The attack family."""
        return self.metric.family

    def __str__(self) -> str:
        relation = "at least" if self.at_least else "at most"
        bar = f"{self.bar:g}" if self.metric.name == "auc" else fields.percent(self.bar)
        conditions = fields.conditions(self.confidence, fields.units_by(self.clusters))
        figure = str(self.metric).replace("APCER", "APCER of the worst generator")
        return f"{figure} on {self.population}{fields.rows(self.where)} is {relation} {bar} {conditions}"


@dataclass(frozen=True)
class Finding:
    """What a metric makes of the observations. ``bounds`` is None where the figure is undefined or its bounds mean nothing."""

    figure: float | None
    bounds: Bounds | None
    method: str
    needed: int | None
    note: str = ""
    details: Mapping[str, Any] | None = None
    open: bool = False
    """Whether the claim stays open, as ``note`` says, whatever the bounds are."""
    advice: str = ""
    """What would settle it, of which kind, if it is inconclusive; the end of a sentence."""


class PerformanceClaim(ClaimType):
    """AUC, TPR at a false positive rate, EER, APCER, BPCER."""

    name = "performance"
    needs_detector = True
    sequential = True

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        return plan(read(spec))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        given = opened(statement, context, self.name)
        level = sequential.level(spec, statement.confidence, context.looks, given.inputs, seed=context.seed)
        observations = statement.metric.concerns(observe(given.population, given.detector, statement), given.info.threshold)
        finding = measure(statement, observations, given.info.threshold, context.seed, level)
        verdict, reason = _verdict(statement, finding)
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason + silence(observations, (finding.details or {}).get("without_non_responses")),
            estimate=finding.figure,
            interval=_interval(finding, level.confidence),
            bar=statement.bar,
            samples=len(observations),
            clusters=unit_count(observations),
            seed=context.seed,
            needed=finding.needed if verdict is ClaimVerdict.INCONCLUSIVE else None,
            inputs=given.inputs,
            details={**counts(observations), **(finding.details or {})},
        )
        return level.finish(result)


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(
        spec,
        ("type", "metric", "attack", "population"),
        ("where", "at_least", "at_most", "at_fpr", "confidence", "clusters", "looks"),
    )
    family = Family(fields.text(spec, "attack", tuple(ATTACK_LABELS)))
    metric = metrics.read(spec, family)
    if ("at_least" in spec) == ("at_most" in spec):
        raise BadInputError("a performance claim needs exactly one of at_least and at_most", fix="keep one of them")
    sequential.read_plan(spec)
    at_least = "at_least" in spec
    return Statement(
        metric=metric,
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bar=fields.bar(spec, "at_least" if at_least else "at_most"),
        at_least=at_least,
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


def measure(statement: Statement, observations: Sequence[Observation], threshold: float, seed: int, level: Level) -> Finding:
    """The claim's figure with its bounds at ``level``."""
    if statement.metric.name == "apcer":
        return _apcer(statement, observations, threshold, level)
    if statement.metric.name == "bpcer":
        return _bpcer(statement, observations, threshold, level)
    return _ranking(statement, observations, seed, level)


def _ranking(statement: Statement, observations: Sequence[Observation], seed: int, level: Level) -> Finding:
    statistic, at_fpr = statement.metric.statistic(), statement.metric.at_fpr
    sample = _scored(observations, statement.family)
    figure = statistics.estimate(sample, statistic)
    how = "on the logit scale" if at_fpr is None else "that draws the threshold as well"
    method = (
        f"cluster bootstrap {how}, {resampling.replicates_for(len(observations))} replicates, "
        f"one-sided bounds at {fields.percent(level.confidence)}"
    )
    sizes = [list(Counter(o.unit for o in observations if o.attack is kind).values()) for kind in (True, False)]
    attacks, bona_fide = map(len, sizes)
    if figure is None:
        return Finding(None, None, method, None, "the population lacks attacks or bona fide images")
    if at_fpr is not None:
        bounds = bounded.tpr_bounds(sample, at_fpr, level.confidence, seed)
    elif statement.metric.name == "eer":
        bounds = bounded.eer_bounds(sample, level.confidence, seed)
    else:
        bounds = statistics.cluster_bootstrap(sample, statistic, level.confidence, seed)
    answered = _scored([o for o in observations if o.score.cannot_say is None], statement.family)
    details = {"without_non_responses": statistics.estimate(answered, statistic), "attack_units": attacks, "bona_fide_units": bona_fide}
    fewest = statistics.fewest_units(at_fpr, level.confidence)
    found = Finding(figure, bounds, method, None, "", details)
    if bounds is not None and at_fpr is not None:
        found = _threshold(statement, found, bounds, (attacks, bona_fide), level)
    elif bounds is not None:
        found = replace(found, needed=_needed(statement, figure, bounds, sizes, level))
    if bounds is None or attacks < MIN_UNITS or bona_fide < fewest:
        both = f"{counted(attacks, 'independent attack')} and {counted(bona_fide, 'bona fide unit')}"
        note = f"{both} are too few: {MIN_UNITS} and {fewest} are the least"
        least = max(attacks, MIN_UNITS) + max(bona_fide, statistics.fewest_units(at_fpr, level.following))
        return replace(found, needed=max(least, found.needed or 0), note=note, open=True)
    return found


def _threshold(statement: Statement, found: Finding, bounds: Bounds, units: tuple[int, int], level: Level) -> Finding:
    """``found``, of a TPR on so many attacks and bona fide ``units``, with how many of either would settle it: the bona fide ones place the threshold,
    and where they are few, attacks alone settle nothing."""
    at_fpr, (attacks, bona_fide) = statement.metric.at_fpr, units
    if at_fpr is None or found.figure is None:
        return found
    needed = bounded.tpr_needed(statement.bar, found.figure, bounds, at_fpr, units, level.following)
    if needed is None:
        return found
    genuine = math.ceil(needed * bona_fide / attacks)
    return replace(found, needed=needed + genuine, advice=f"; to settle it takes about {needed:,} attacks and {genuine:,} bona fide units")


def _needed(statement: Statement, figure: float, bounds: Bounds, sizes: Sequence[Sequence[int]], level: Level) -> int | None:
    """How many units of both classes, like those of these ``sizes`` in either and in their proportion, settle a claim on an AUC or EER at the next look
    if ``figure`` is the truth: on the logit scale, as its bounds are. No fewer than ``statistics.cluster_bootstrap`` asks of the class that tells
    least, where not one pair is ranked wrongly."""
    import numpy as np
    from scipy.special import logit

    needed, total = None, sum(map(len, sizes))
    if 0 < figure < 1 and 0 < statement.bar < 1 and bounds.error:
        error = bounds.error / (figure * (1 - figure))
        needed = statistics.needed_units(float(logit(statement.bar)), float(logit(figure)), error, total, level.following)
    if (figure > statement.bar) is not statement.at_least or figure == statement.bar:
        return needed
    fewest = statistics.clean_run_size(statement.bar if statement.at_least else 1 - statement.bar, level.following)
    least = None if fewest is None else math.ceil(fewest * total / min(statistics.alike(np.asarray(each)) for each in sizes))
    return max((size for size in (needed, least) if size is not None), default=None)


def _scored(observations: Sequence[Observation], family: Family) -> statistics.Scored:
    units = {key: index for index, key in enumerate(sorted({o.unit for o in observations}))}
    return statistics.Scored(
        [rank(o, family) for o in observations], [o.attack for o in observations], [units[o.unit] for o in observations]
    )


def _bpcer(statement: Statement, bona_fide: Sequence[Observation], threshold: float, level: Level) -> Finding:
    if not bona_fide:
        return Finding(None, None, "Clopper-Pearson", _least(statement, level), "the population has no bona fide image")
    rate = error_rate(bona_fide, threshold, level.confidence)
    needed = rate.needed(statement.bar, level.following)
    details = {"without_non_responses": answered_rate(bona_fide, threshold), "bona_fide_units": rate.units}
    method = method_of(bona_fide, level.confidence)
    if rate.few:
        note = f"{counted(rate.units, 'independent unit')} {_FEW}"
        return Finding(rate.figure, rate.bounds, method, needed, note, details, open=True)
    return Finding(rate.figure, rate.bounds, method, needed, "", details)


def _apcer(statement: Statement, attacks: Sequence[Observation], threshold: float, level: Level) -> Finding:
    """The worst species. Each upper bound is at the claim's confidence (all have to hold, so nothing is gained by trying many);
    each lower bound is at the confidence that Bonferroni gives for as many tries as there are species. A species of which nothing
    can be said may have any rate: it takes no part in the lower bound, and the upper one is 1. So it is where attacks name no
    generator, but for the lower bound: the worst of them is no better than they are together."""
    if not attacks:
        return Finding(None, None, "Clopper-Pearson", _least(statement, level), "the population has no attack")
    species = statement.metric.species(attacks)
    strict = 1 - (1 - level.confidence) / len(species)
    rows: dict[str, dict[str, Any]] = {}
    few: dict[str, int] = {}
    rates: dict[str, ErrorRate] = {}
    for name in species:
        members = [o for o in attacks if o.species == name]
        rate, careful = (error_rate(members, threshold, c) for c in (level.confidence, strict))
        rows[name] = {
            "apcer": rate.figure,
            "low": careful.bounds.low,
            "high": rate.bounds.high,
            "samples": len(members),
            "units": rate.units,
        }
        rates[name] = rate
        if rate.few:
            few[name] = rate.units
    worst = max(rows, key=lambda name: (rows[name]["apcer"], rows[name]["high"]))
    low = max((row["low"] for name, row in rows.items() if name not in few), default=0.0)
    nameless = statement.metric.nameless(attacks)
    bounds = Bounds(low, 1.0 if few or nameless else max(row["high"] for row in rows.values()), level.confidence)
    needed, advice = (None, "") if nameless else _of_each(statement.bar, rates, worst, level)
    details = {"worst_generator": worst, "by_generator": rows, "without_non_responses": answered_rate(attacks, threshold)}
    method = f"{method_of(attacks, level.confidence)}, worst of {counted(len(species), 'generator')}"
    unknown = [f"{name}: {counted(units, 'independent unit')} {_FEW}" for name, units in few.items()]
    note = "; ".join([f"worst generator: {worst}", *unknown]) + nameless
    return Finding(rows[worst]["apcer"], bounds, method, needed, note, details, advice=advice)


def _of_each(bar: float, rates: Mapping[str, ErrorRate], worst: str, level: Level) -> tuple[int | None, str]:
    """How many units in all would settle an APCER at the next look if the ``rates`` of the generators are as estimated, and of which, as the end of a sentence.

    Within the bar every generator has to be shown to be, so those that lie about as near to it as the ``worst`` share the chance to fail; above it
    the worst has to be, by its strict bound. What there is of a generator already counts, and makes up for no other.
    """
    room = bar - rates[worst].figure
    if room < 0:
        least = {worst: rates[worst].needed(bar, differences.strict(level.following, len(rates)))}
    else:
        rivals = sum(rate.figure >= bar - differences.NEAR * room for rate in rates.values())
        power = 1 - (1 - POWER) / rivals
        least = {name: rate.needed(bar, level.following, power) for name, rate in rates.items() if rate.few or rate.bounds.high > bar}
    known = [size for size in least.values() if size is not None]
    if not known or len(known) < len(least):
        return None, ""
    each = max(known)
    total = sum(max(rate.units, each if name in least else 0) for name, rate in rates.items())
    which = "" if len(rates) == 1 else f" of {next(iter(least))}" if len(least) == 1 else f" of each of {len(least)} generators"
    return total, f"; to settle it takes about {each:,} independent attacks{which}" if which else ""


def _least(statement: Statement, level: Level) -> int | None:
    return statistics.clean_run_size(statement.bar if statement.at_least else 1 - statement.bar, level.following)


def _verdict(statement: Statement, finding: Finding) -> tuple[ClaimVerdict, str]:
    bounds, note = finding.bounds, f"; {finding.note}" if finding.note else ""
    if bounds is None or finding.open:
        return ClaimVerdict.INCONCLUSIVE, finding.note
    verdict = statistics.decide(bounds, statement.bar, at_least=statement.at_least)
    advice = finding.advice if verdict is ClaimVerdict.INCONCLUSIVE else ""
    return verdict, statistics.explain(verdict, bounds, statement.bar, at_least=statement.at_least) + note + advice


def _interval(finding: Finding, confidence: float) -> Interval | None:
    if finding.bounds is None:
        return None
    return Interval(finding.bounds.low, finding.bounds.high, round(2 * confidence - 1, 9), finding.method)


def plan(statement: Statement) -> ClaimPlan:
    """How many independent units the claim needs, for a few assumed truths; the chance of an answer is 80 %."""
    metric, bar, confidence, at_fpr = statement.metric.name, statement.bar, statement.confidence, statement.metric.at_fpr
    best = 1.0 if statement.at_least else 0.0
    needs: list[tuple[float, int | None]] = []
    for part in (1.0, 0.75, 0.5, 0.25):
        truth = round(bar + part * (best - bar), 6)
        if at_fpr is not None:
            needs.append((truth, bounded.tpr_size(bar, truth, at_fpr, confidence)))
        elif metric == "auc":
            needs.append((truth, None if part == 1 else statistics.needed_per_class(bar, truth, confidence)))
        else:
            needs.append((truth, statistics.needed_trials(bar, truth, confidence)))
    both = "independent attacks, and as many bona fide units"
    unit = {"apcer": "independent attacks of each generator", "bpcer": "independent bona fide units"}.get(metric, both)
    least = statistics.clean_run_size(bar if statement.at_least else 1 - bar, confidence)
    few = 0 if metric in metrics.AT_THRESHOLD else statistics.fewest_units(at_fpr, confidence)  # rates have exact bounds on any number
    if least is not None:
        shown = bounded.tpr_clean(bar, at_fpr, confidence) if at_fpr is not None and statement.at_least else None
        least = max(least, few, shown or 0)
    note = "where several generators err alike, it takes more of each" if metric == "apcer" else ""
    return ClaimPlan(str(statement), unit, least, tuple((truth, max(n, least or few)) for truth, n in needs if n is not None), note=note)
