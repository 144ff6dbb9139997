"""Claims on gaps between groups: how much worse a detector treats one group of people (or sources) than another.

```yaml
type: subgroup-gap
metric: bpcer             # auc, tpr (with at_fpr), eer, apcer, bpcer
attack: synthetic-image
population: customers-reviewed
by: skin_tone             # the column of groups
at_most: 0.05             # the largest difference between any two groups, in the figure's own units
smallest: 30              # optional: the fewest independent units that a group needs to be judged (default 30)
answered_at_least: 0.9    # optional: the share of each group's images that must have been scored, class by class (default 0.9)
where: {split: test}      # optional, as are confidence, clusters and looks
```

Every pair of groups is compared, and for APCER every pair within every generator. A group that is too small to be judged is named and
keeps the claim from being supported: that nobody knows is no equality. It doesn't keep it from being refuted by the others.
A group on which the detector answers too rarely isn't known either: silence is an error in every group, so a detector that never answers
would treat all alike. Images without a group are left out and counted; more than a tenth of them keep the claim open in the same way,
as do attacks without a generator for APCER.

Rates of groups that share no person are compared by their exact bounds; other figures by a bootstrap that weighs people, each alike in
all groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict, counted
from averment.detector.claims import answering, differences, fields, metrics, observing, sequential, statistics
from averment.detector.claims.differences import Difference, Side
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.metrics import AT_THRESHOLD, Metric, Tally
from averment.detector.claims.observing import Observation
from averment.detector.claims.sequential import Level
from averment.detector.claims.tables import called
from averment.detector.interface import Family

DEFAULT_SMALLEST = 30
MAX_WITHOUT_GROUP = 0.1
"""The share of images without a group above which a claim isn't supported: they may be the very people who are treated worse."""

MAX_GROUPS = 30
MAX_NAMED = 8
"""How many small groups a reason names; the details hold them all."""


@dataclass(frozen=True)
class Statement:
    """A claim on gaps as read."""

    metric: Metric
    population: str
    where: Mapping[str, str]
    by: str
    smallest: int
    answered: float
    bar: float
    confidence: float
    clusters: str | None

    @property
    def family(self) -> Family:
        """The attack family."""
        return self.metric.family

    def __str__(self) -> str:
        smallest = f"groups from {self.smallest} independent units"
        return (
            f"{self.metric} on {self.population}{fields.rows(self.where)} differs by at most {self.bar:g} between any two groups by "
            f"{self.by} {fields.conditions(self.confidence, smallest, answering.stated(self.answered), fields.units_by(self.clusters))}"
        )


@dataclass(frozen=True)
class Cell:
    """A group (for APCER: of one generator) with its figure and the units that it rests on. ``tally`` is None where undefined."""

    group: str
    species: str
    members: tuple[Observation, ...]
    tally: Tally | None

    @property
    def name(self) -> str:
        """The group's name, with the generator's."""
        return f"{self.group} ({self.species})" if self.species else self.group

    @property
    def units(self) -> int:
        """Independent units of the smaller class."""
        return self.tally.units if self.tally else 0


class SubgroupClaim(ClaimType):
    """The largest gap of a figure between groups."""

    name = "subgroup-gap"
    needs_detector = True
    sequential = True

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        # Two groups, each with its own spread: twice the variance of one.
        of_class = "" if statement.metric.name in AT_THRESHOLD else " and class"
        return differences.plan(
            str(statement),
            statement.bar,
            statement.confidence,
            f"independent units of each group{of_class}",
            changed=0.2,
            fewest=_settles(statement, statement.confidence),
            both_ways=True,
            at_fpr=statement.metric.at_fpr,
        )

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        given = observing.opened(statement, context, self.name)
        items = given.population.items
        if items and not any(statement.by in item.labels for item in items):
            raise given.population.lacks(statement.by, "by")
        inputs: dict[str, JSON] = {**given.inputs, "by": statement.by}
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed)
        observed = statement.metric.concerns(observing.observe(given.population, given.detector, statement), given.info.threshold)
        grouped = [o for o in observed if o.item.labels.get(statement.by, "").strip()]
        cells = _cells(statement, grouped, given.info.threshold)
        gaps = _gaps(statement, cells, grouped, given.info.threshold, context.seed, level)
        left_out = len(observed) - len(grouped)
        unknown = _unknown(statement, _judged(statement, cells, level), grouped, left_out)
        verdict, reason, interval, needed = _verdict(statement, cells, gaps, level, len(grouped), unknown)
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason
            + (f"; {counted(left_out, 'image')} without a group {'was' if left_out == 1 else 'were'} left out" if left_out else "")
            + observing.silence(grouped),
            estimate=max((gap.figure for gap in gaps), default=None),
            interval=interval,
            bar=statement.bar,
            samples=len(grouped),
            clusters=observing.unit_count(grouped),
            seed=context.seed,
            needed=needed,
            inputs=inputs,
            details={**observing.counts(grouped), "without_group": left_out, **_details(statement, cells, gaps)},
        )
        return level.finish(result)


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(
        spec,
        ("type", "metric", "attack", "population", "by", "at_most"),
        ("where", "at_fpr", "confidence", "clusters", "smallest", answering.FIELD, "looks"),
    )
    family = Family(fields.text(spec, "attack", tuple(observing.ATTACK_LABELS)))
    sequential.read_plan(spec)
    metric, by = metrics.read(spec, family), fields.text(spec, "by")
    if metric.name == "apcer" and by == "generator":
        raise BadInputError("APCER is looked at one generator at a time, so it can't differ by generator", fix="name another column in by")
    return Statement(
        metric=metric,
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        by=by,
        smallest=fields.whole(spec, "smallest", statistics.MIN_UNITS, fields.MAX_SAMPLE) or DEFAULT_SMALLEST,
        answered=answering.read(spec),
        bar=fields.bar(spec, "at_most"),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        clusters=fields.text(spec, "clusters") if "clusters" in spec else None,
    )


def _cells(statement: Statement, grouped: Sequence[Observation], threshold: float) -> list[Cell]:
    index = _index(grouped)
    groups = sorted({called(o.item.labels[statement.by]) for o in grouped})
    if len(groups) > MAX_GROUPS:
        raise BadInputError(
            f"the column '{statement.by}' has {len(groups)} values, more than {MAX_GROUPS} groups", fix="name a column of few groups in by"
        )
    cells = []
    for species in statement.metric.species(grouped):
        for group in groups:
            members = tuple(o for o in grouped if called(o.item.labels[statement.by]) == group and (not species or o.species == species))
            cells.append(Cell(group, species, members, metrics.tally(statement.metric, members, index, threshold)))
    return cells


def _index(grouped: Sequence[Observation]) -> dict[str, int]:
    return {name: place for place, name in enumerate(sorted({o.unit for o in grouped}))}


def _judged(statement: Statement, cells: Sequence[Cell], level: Level) -> list[Cell]:
    return [cell for cell in cells if cell.units >= _least(statement, level.confidence)]


def _least(statement: Statement, confidence: float) -> int:
    """The fewest units of each class with which a group is judged."""
    return max(statement.smallest, statistics.fewest_units(statement.metric.at_fpr, confidence))


def _settles(statement: Statement, confidence: float) -> int:
    """The fewest units of each class of a group that can settle the claim."""
    return max(_least(statement, confidence), differences.fewest_placed(statement.bar, statement.metric.at_fpr, confidence))


def _pairs(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Every two groups of the same generator, both ways round."""
    return ((first, second) for first, second in permutations(cells, 2) if first.species == second.species)


def _gaps(
    statement: Statement, cells: Sequence[Cell], grouped: Sequence[Observation], threshold: float, seed: int, level: Level
) -> list[Difference]:
    judged = _judged(statement, cells, level)
    pairs = list(_pairs(judged))
    if not pairs:
        return []
    careful = differences.strict(level.confidence, len(pairs))
    apart = _share_no_unit(judged)
    if statement.metric.name in AT_THRESHOLD and apart:
        return [_rate_gap(first, second, threshold, level.confidence, careful) for first, second in pairs]
    index = _index(grouped)
    tallies = {cell.name: cell.tally for cell in judged if cell.tally is not None}
    replicates = dict(zip(tallies, differences.resampled(list(tallies.values()), len(index), len(grouped), seed), strict=True))
    sides = {name: Side(tally, differences.plain(tally, len(index)), replicates[name]) for name, tally in tallies.items()}
    found = []
    for first, second in pairs:
        one, other = sides[first.name], sides[second.name]
        shape = min(first.units, second.units), min(one.tally.alike, other.tally.alike)
        found.append(differences.compared(_versus(first, second), statement.metric, other, one, shape, (level.confidence, careful)))
    return found


def _versus(first: Cell, second: Cell) -> str:
    return f"{first.name} against {second.name}"


def _share_no_unit(cells: Sequence[Cell]) -> bool:
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        units = {(cell.species, o.unit) for o in cell.members}
        if units & seen:
            return False
        seen |= units
    return True


def _rate_gap(first: Cell, second: Cell, threshold: float, confidence: float, careful: float) -> Difference:
    rates = {c: (_rate(first, threshold, c), _rate(second, threshold, c)) for c in (confidence, careful)}
    loose, tight = (differences.recovered_bounds(*rates[c]) for c in (confidence, careful))
    figure = rates[confidence][0][0] - rates[confidence][1][0]
    return Difference(_versus(first, second), figure, tight.low, loose.high, min(first.units, second.units))


def _rate(cell: Cell, threshold: float, confidence: float) -> tuple[float, statistics.Bounds]:
    errors: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for o in cell.members:
        sizes[o.unit] += 1
        errors[o.unit] += observing.wrong(o, threshold)
    names = sorted(sizes)
    bounds = statistics.clustered_bounds([errors[name] for name in names], [sizes[name] for name in names], confidence)
    return sum(errors.values()) / sum(sizes.values()), bounds


def _unknown(statement: Statement, judged: Sequence[Cell], grouped: Sequence[Observation], left_out: int) -> str:
    """Why the claim isn't supported even where the bounds say so, but for groups that are too small; "" where nothing stands in the way."""
    silent = [
        reason
        for cell in judged
        for reason in answering.silent_classes(statement.metric, cell.members, statement.answered, f" of {cell.group}")
    ]
    reasons = [answering.told(silent)] if silent else []
    everybody = len(grouped) + left_out
    if left_out > MAX_WITHOUT_GROUP * everybody:
        share, most = fields.percent(left_out / everybody), fields.percent(MAX_WITHOUT_GROUP)
        reasons.append(f"{share} of the images have no {statement.by}, {most} are the most")
    return ("; ".join(reasons) + statement.metric.nameless(grouped)).removeprefix("; ")


def _verdict(
    statement: Statement, cells: Sequence[Cell], gaps: Sequence[Difference], level: Level, items: int, unknown: str
) -> tuple[ClaimVerdict, str, Interval | None, int | None]:
    judged = {cell.name for cell in _judged(statement, cells, level)}
    small = [f"{cell.name} ({cell.units})" for cell in cells if cell.name not in judged]
    more = f" and {len(small) - MAX_NAMED} more" if len(small) > MAX_NAMED else ""
    too_small = [f"too few independent units to judge {', '.join(small[:MAX_NAMED])}{more}"] if small else []
    why = "; ".join([*too_small, *([unknown] if unknown else [])])
    least = _settles(statement, level.following)
    if not gaps:
        alone = [] if small else ["there are no two groups to compare"]
        return ClaimVerdict.INCONCLUSIVE, "; ".join([*alone, *([why] if why else [])]), None, least if small else None
    found = differences.judge(gaps, statement.bar, level)
    exact, at_fpr = gaps[0].error is None, statement.metric.at_fpr
    named = f"variance recovered from exact bounds, one-sided at {fields.percent(level.confidence)}, worst of {len(gaps)} gaps"
    interval = found.interval(named if exact else differences.method(items, level.confidence, len(gaps)))
    if why and found.verdict is not ClaimVerdict.REFUTED:
        needed = max(least, found.needed(statement.bar, level, at_fpr) or 0) if small and not unknown else least if small else None
        return ClaimVerdict.INCONCLUSIVE, f"{why}; {found.reason}", interval, needed
    needed = found.needed(statement.bar, level, at_fpr)
    advice = f"; to settle it takes about {needed:,} independent units of each group" if needed else ""
    return found.verdict, found.reason + (f"; {why}" if why else "") + advice, interval, needed


def _details(statement: Statement, cells: Sequence[Cell], gaps: Sequence[Difference]) -> dict[str, JSON]:
    units = len({o.unit for cell in cells for o in cell.members})
    rows: list[JSON] = []
    for cell in cells:
        figure = differences.plain(cell.tally, units) if cell.tally else None
        species: dict[str, JSON] = {"generator": cell.species} if cell.species else {}
        rows.append({"group": cell.group, **species, "figure": figure, "samples": len(cell.members), "units": cell.units})
    return {"by": statement.by, "groups": rows, "gaps": [{"pair": gap.name, **gap.to_json()} for gap in gaps]}
