"""Claims on how well a detector tells attacks from bona fide media, per attack family.

```yaml
type: performance
metric: apcer            # auc, tpr (with at_fpr), apcer, bpcer
attack: synthetic-image  # or manipulated-face
population: reference-corpus
where: {split: test}     # optional: only rows with these values
at_most: 0.10            # or at_least
confidence: 0.95         # optional
clusters: group          # optional: the column that names the independent unit (person, video, source);
                         # by default `group` where the manifest has it
```

APCER and BPCER follow ISO/IEC 30107-3: the share of attack presentations taken for bona fide at the detector's own threshold,
per attack instrument species (here: the ``generator`` column), of which the worst is the figure; and the share of bona fide
presentations taken for attacks. An image of which the detector can't say is counted and never dropped: it is an error of the
detector (an attack missed, a bona fide image refused; for AUC and TPR it takes the worst rank), and the result shows the number of
these non-responses and the figure without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields, statistics
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.populations import Item, Population, open_population
from averment.detector.claims.statistics import Bounds
from averment.detector.interface import Detector, Family, Score

METRICS = ("auc", "tpr", "apcer", "bpcer")
ATTACK_LABELS = {Family.SYNTHETIC_IMAGE: "synthetic", Family.MANIPULATED_FACE: "manipulated"}
BONA_FIDE_LABEL = "real"

MIN_UNITS = 10
"""Below this many independent units in a class the bootstrap's bounds can't be trusted, and the claim stays open."""

_BATCH = 32
_NAMES = {"auc": "AUC", "tpr": "TPR", "apcer": "APCER", "bpcer": "BPCER"}


@dataclass(frozen=True)
class Statement:
    """A performance claim as read."""

    metric: str
    family: Family
    population: str
    where: Mapping[str, str]
    bar: float
    at_least: bool
    at_fpr: float | None
    confidence: float
    clusters: str | None

    def __str__(self) -> str:
        point = f" at {fields.percent(self.at_fpr)} FPR" if self.at_fpr is not None else ""
        rows = f" ({', '.join(f'{key} {value}' for key, value in self.where.items())})" if self.where else ""
        relation = "at least" if self.at_least else "at most"
        bar = f"{self.bar:g}" if self.metric == "auc" else fields.percent(self.bar)
        worst = " of the worst generator" if self.metric == "apcer" else ""
        return (
            f"{_NAMES[self.metric]}{worst} for {self.family}{point} on {self.population}{rows} is {relation} {bar} "
            f"({fields.percent(self.confidence)} confidence)"
        )


@dataclass(frozen=True)
class Observation:
    """One image with its truth, its independent unit, its species (attacks: the generator), and what the detector said."""

    item: Item
    attack: bool
    unit: str
    species: str
    score: Score


@dataclass(frozen=True)
class Finding:
    """What a metric makes of the observations. ``bounds`` is None where the figure is undefined or its bounds mean nothing."""

    figure: float | None
    bounds: Bounds | None
    method: str
    needed: int | None
    note: str = ""
    details: Mapping[str, Any] | None = None


class PerformanceClaim(ClaimType):
    """AUC, TPR at a false positive rate, APCER, BPCER."""

    name = "performance"
    needs_detector = True

    def check(self, spec: Mapping[str, Any]) -> None:
        read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        return plan(read(spec))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.detector is None:
            raise IncompleteError("a performance claim needs a detector", fix="name one: --detector embedded")
        info = context.detector.info
        if statement.family not in info.families:
            known = ", ".join(sorted(info.families))
            raise IncompleteError(f"the detector {info.name} doesn't score {statement.family}", fix=f"it scores: {known}")
        population = open_population(statement.population, context).only(statement.where)
        observations = _concerned(statement, observe(population, context.detector, statement))
        finding = measure(statement, observations, info.threshold, context.seed)
        verdict, reason = _verdict(statement, finding)
        reason += _silence(observations, finding)
        return ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason,
            estimate=finding.figure,
            interval=_interval(finding, statement.confidence),
            bar=statement.bar,
            samples=len(observations),
            clusters=len({(o.attack, o.unit) for o in observations}),
            seed=context.seed,
            needed=finding.needed if verdict is ClaimVerdict.INCONCLUSIVE else None,
            inputs={
                **population.facts(),
                "detector": {"name": info.name, "version": info.version, "sha256": info.sha256, "threshold": info.threshold},
                "clusters": cluster_column(population, statement),
            },
            details={**_counts(observations), **(finding.details or {})},
        )


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(
        spec,
        ("type", "metric", "attack", "population"),
        ("where", "at_least", "at_most", "at_fpr", "confidence", "clusters"),
    )
    metric = fields.text(spec, "metric", METRICS)
    if ("at_least" in spec) == ("at_most" in spec):
        raise BadInputError("a performance claim needs exactly one of at_least and at_most", fix="keep one of them")
    if metric == "tpr" and "at_fpr" not in spec:
        raise BadInputError("a tpr claim needs the false positive rate that it is taken at", fix="add at_fpr: 0.05")
    if metric != "tpr" and "at_fpr" in spec:
        raise BadInputError(f"at_fpr means nothing for {metric}", fix="remove it; APCER and BPCER are taken at the detector's threshold")
    at_least = "at_least" in spec
    return Statement(
        metric=metric,
        family=Family(fields.text(spec, "attack", tuple(ATTACK_LABELS))),
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bar=fields.share(spec, "at_least" if at_least else "at_most"),
        at_least=at_least,
        at_fpr=fields.share(spec, "at_fpr", inner=True) if metric == "tpr" else None,
        confidence=fields.share(spec, "confidence", 0.95, inner=True),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


def observe(population: Population, detector: Detector, statement: Statement) -> list[Observation]:
    """Score every image of the population that is bona fide or of the claim's attack family, in order of name.

    Raises:
        BadInputError: the population has no labels, or not the column of clusters.
        IncompleteError: an image is not what the manifest says, or the detector broke.
    """
    attack_label = ATTACK_LABELS[statement.family]
    wanted = [item for item in population.items if item.labels.get("label") in {attack_label, BONA_FIDE_LABEL}]
    if not any("label" in item.labels for item in population.items):
        raise BadInputError(
            f"the population '{population.name}' says of no image whether it is real",
            fix=f"give a manifest with a column label: {BONA_FIDE_LABEL} or {attack_label}",
        )
    column = cluster_column(population, statement)
    if statement.clusters and any(statement.clusters not in item.labels for item in wanted):
        raise BadInputError(
            f"the population '{population.name}' has no column '{statement.clusters}'", fix="name another column in clusters"
        )
    found: list[Observation] = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        contents = [population.read(item) for item in batch]
        scores = iter(detector.score([data for data in contents if data is not None]))
        for item, data in zip(batch, contents, strict=True):
            score = Score(cannot_say="could not be read") if data is None else next(scores)
            unit = (column and item.labels[column]) or item.name
            attack = item.labels["label"] == attack_label
            found.append(Observation(item, attack, unit, item.labels.get("generator") or "unnamed", score))
    return found


def cluster_column(population: Population, statement: Statement) -> str | None:
    """The column of independent units: the one that the claim names, else ``group`` where there is one, else none (every image
    is its own; ``clusters: file`` says so on purpose)."""
    if statement.clusters is not None:
        return statement.clusters
    return "group" if population.items and all("group" in item.labels for item in population.items) else None


def measure(statement: Statement, observations: Sequence[Observation], threshold: float, seed: int) -> Finding:
    """The claim's figure with its bounds."""
    if statement.metric == "apcer":
        return _apcer(statement, [o for o in observations if o.attack], threshold)
    if statement.metric == "bpcer":
        return _bpcer(statement, [o for o in observations if not o.attack], threshold)
    return _ranking(statement, observations, seed)


def _ranking(statement: Statement, observations: Sequence[Observation], seed: int) -> Finding:
    statistic = statistics.auc_statistic if statement.at_fpr is None else statistics.tpr_statistic(statement.at_fpr)
    sample = _scored(observations, statement.family)
    figure = statistics.estimate(sample, statistic)
    method = f"cluster bootstrap on the logit scale, {statistics.replicates_for(len(observations))} replicates, one-sided bounds at {fields.percent(statement.confidence)}"
    attacks, bona_fide = (len({o.unit for o in observations if o.attack is kind}) for kind in (True, False))
    if figure is None:
        return Finding(None, None, method, None, "the population lacks attacks or bona fide images")
    bounds = statistics.cluster_bootstrap(sample, statistic, statement.confidence, seed)
    answered = _scored([o for o in observations if o.score.cannot_say is None], statement.family)
    details = {"without_non_responses": statistics.estimate(answered, statistic), "attack_units": attacks, "bona_fide_units": bona_fide}
    fewest = MIN_UNITS if statement.at_fpr is None else max(MIN_UNITS, round(1 / statement.at_fpr + 0.5))
    if bounds is None or attacks < MIN_UNITS or bona_fide < fewest:
        note = f"{attacks} independent attacks and {bona_fide} bona fide units are too few: {MIN_UNITS} and {fewest} are the least"
        return Finding(figure, bounds, method, MIN_UNITS + fewest, note, details)
    needed = statistics.needed_units(statement.bar, figure, bounds.error or 0.0, attacks + bona_fide, statement.confidence)
    return Finding(figure, bounds, method, needed, "", details)


def _scored(observations: Sequence[Observation], family: Family) -> statistics.Scored:
    """Scores for ranking: a non-response takes the rank that hurts, below every attack or above every bona fide image."""
    units = {key: index for index, key in enumerate(sorted({o.unit for o in observations}))}

    def rank(o: Observation) -> float:
        if o.score.cannot_say is not None:
            return -1.0 if o.attack else 2.0
        return float(o.score.probabilities[family])

    return statistics.Scored([rank(o) for o in observations], [o.attack for o in observations], [units[o.unit] for o in observations])


def _errors(observations: Sequence[Observation], threshold: float) -> tuple[list[int], list[int]]:
    """Errors and sizes per independent unit, in order of the unit's name."""
    wrong: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for o in observations:
        sizes[o.unit] += 1
        wrong[o.unit] += o.score.cannot_say is not None or _flagged(o.score, threshold) is not o.attack
    names = sorted(sizes)
    return [wrong[name] for name in names], [sizes[name] for name in names]


def _flagged(score: Score, threshold: float) -> bool:
    return score.highest is not None and score.highest >= threshold


def _rate(observations: Sequence[Observation], threshold: float, confidence: float) -> tuple[float, Bounds, int]:
    wrong, sizes = _errors(observations, threshold)
    return sum(wrong) / sum(sizes), statistics.clustered_bounds(wrong, sizes, confidence), len(sizes)


def _proportion_method(observations: Sequence[Observation], confidence: float) -> str:
    clustered = len({o.unit for o in observations}) < len(observations)
    name = "Korn-Graubard for clusters" if clustered else "Clopper-Pearson"
    return f"{name}, one-sided bounds at {fields.percent(confidence)}"


def _answered_rate(observations: Sequence[Observation], threshold: float) -> float | None:
    answered = [o for o in observations if o.score.cannot_say is None]
    return sum(_flagged(o.score, threshold) is not o.attack for o in answered) / len(answered) if answered else None


def _bpcer(statement: Statement, bona_fide: Sequence[Observation], threshold: float) -> Finding:
    if not bona_fide:
        return Finding(None, None, "Clopper-Pearson", _least(statement), "the population has no bona fide image")
    figure, bounds, units = _rate(bona_fide, threshold, statement.confidence)
    needed = statistics.needed_trials(statement.bar, figure, statement.confidence)
    details = {"without_non_responses": _answered_rate(bona_fide, threshold), "bona_fide_units": units}
    return Finding(figure, bounds, _proportion_method(bona_fide, statement.confidence), needed, "", details)


def _apcer(statement: Statement, attacks: Sequence[Observation], threshold: float) -> Finding:
    """The worst species. Each upper bound is at the claim's confidence (all have to hold, so nothing is gained by trying many);
    each lower bound is at the confidence that Bonferroni gives for as many tries as there are species."""
    if not attacks:
        return Finding(None, None, "Clopper-Pearson", _least(statement), "the population has no attack")
    species = sorted({o.species for o in attacks})
    strict = 1 - (1 - statement.confidence) / len(species)
    rows: dict[str, dict[str, Any]] = {}
    for name in species:
        members = [o for o in attacks if o.species == name]
        figure, bounds, units = _rate(members, threshold, statement.confidence)
        careful = _rate(members, threshold, strict)[1]
        rows[name] = {"apcer": figure, "low": careful.low, "high": bounds.high, "samples": len(members), "units": units}
    worst = max(rows, key=lambda name: (rows[name]["apcer"], rows[name]["high"]))
    bounds = Bounds(max(row["low"] for row in rows.values()), max(row["high"] for row in rows.values()), statement.confidence)
    needed = statistics.needed_trials(statement.bar, rows[worst]["apcer"], statement.confidence)
    details = {"worst_generator": worst, "by_generator": rows, "without_non_responses": _answered_rate(attacks, threshold)}
    method = f"{_proportion_method(attacks, statement.confidence)}, worst of {len(species)} generators"
    note = f"worst generator: {worst}"
    return Finding(rows[worst]["apcer"], bounds, method, needed * len(species) if needed else None, note, details)


def _least(statement: Statement) -> int | None:
    return statistics.clean_run_size(statement.bar if statement.at_least else 1 - statement.bar, statement.confidence)


def _verdict(statement: Statement, finding: Finding) -> tuple[ClaimVerdict, str]:
    bounds, note = finding.bounds, f"; {finding.note}" if finding.note else ""
    if bounds is None or "too few" in finding.note:
        return ClaimVerdict.INCONCLUSIVE, finding.note
    verdict = statistics.decide(bounds, statement.bar, at_least=statement.at_least)
    return verdict, statistics.explain(verdict, bounds, statement.bar, at_least=statement.at_least) + note


def _concerned(statement: Statement, observations: Sequence[Observation]) -> list[Observation]:
    """Those that the metric speaks about: attacks for APCER, bona fide images for BPCER, both for the others."""
    if statement.metric in {"apcer", "bpcer"}:
        return [o for o in observations if o.attack is (statement.metric == "apcer")]
    return list(observations)


def _silence(observations: Sequence[Observation], finding: Finding) -> str:
    """What a reader has to know of non-responses: how many, and what the figure would be without them."""
    silent = sum(o.score.cannot_say is not None for o in observations)
    if not silent:
        return ""
    without = (finding.details or {}).get("without_non_responses")
    other = f" (the figure on the others is {without:.4g})" if isinstance(without, float) else ""
    return f"; {silent} of {len(observations)} images the detector could not score, counted as its errors{other}"


def _interval(finding: Finding, confidence: float) -> Interval | None:
    if finding.bounds is None:
        return None
    return Interval(finding.bounds.low, finding.bounds.high, round(2 * confidence - 1, 9), finding.method)


def _counts(observations: Sequence[Observation]) -> dict[str, Any]:
    reasons = Counter(o.score.cannot_say for o in observations if o.score.cannot_say is not None)
    return {
        "attacks": sum(o.attack for o in observations),
        "bona_fide": sum(not o.attack for o in observations),
        "attack_non_responses": sum(o.attack and o.score.cannot_say is not None for o in observations),
        "bona_fide_non_responses": sum(not o.attack and o.score.cannot_say is not None for o in observations),
        "non_response_reasons": dict(sorted(reasons.items())),
    }


def plan(statement: Statement) -> ClaimPlan:
    """How many independent units the claim needs, for a few assumed truths; the chance of an answer is 80 %."""
    best = 1.0 if statement.at_least else 0.0
    needs: list[tuple[float, int | None]] = []
    for part in (1.0, 0.75, 0.5, 0.25):
        truth = round(statement.bar + part * (best - statement.bar), 6)
        if statement.metric == "auc":
            needs.append((truth, None if part == 1 else statistics.needed_per_class(statement.bar, truth, statement.confidence)))
        else:
            needs.append((truth, statistics.needed_trials(statement.bar, truth, statement.confidence)))
    unit = {
        "auc": "independent attacks, and as many bona fide units",
        "tpr": "independent attacks, with the threshold known well",
        "apcer": "independent attacks of each generator",
        "bpcer": "independent bona fide units",
    }[statement.metric]
    return ClaimPlan(str(statement), unit, _least(statement), tuple((truth, n) for truth, n in needs if n is not None))
