"""Claims on disclosure: the share of generated media that carry a trusted credential with the AI digital source type.

```yaml
type: disclosure-coverage
population: published-media   # a manifest (then its rows labelled synthetic), a folder, or s3://bucket/prefix
at_least: 0.99
confidence: 0.95
sample: 300                   # optional: how many to draw; all of them when the population is not larger
looks: {planned: 12}          # optional, see sequential
```

Article 50(2) of Regulation (EU) 2024/1689 asks providers to mark generated output in a machine-readable format. What counts
here is what a stranger could check: a C2PA manifest that validates, whose signer chains to one of the trust anchors given, and
that states a digital source type of the IPTC vocabulary for media made by a trained algorithm.

A medium that could not be read (gone since it was counted, or too large) is neither marked nor unmarked: the lower bound takes all of
these for unmarked, the upper bound for marked. The bounds are exact binomial ones; they ignore that a sample without
replacement from a small population tells a little more, which errs on the careful side. When everything was examined the share is
known exactly and there is nothing to infer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields, sequential, statistics
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType, Interval
from averment.detector.claims.populations import Population, open_population
from averment.detector.claims.sequential import Level
from averment.detector.claims.statistics import Bounds

DEFAULT_SAMPLE = 300
MAX_NAMED = 20
"""How many unmarked media a result names; it says how many there are."""


class Marking(StrEnum):
    """What a medium's credential is worth for disclosure. Only ``MARKED`` counts."""

    MARKED = "marked"
    OTHER_SOURCE_TYPE = "trusted, but not stated to be AI-generated"
    UNTRUSTED = "valid but untrusted"
    TAMPERED = "tampered"
    NONE = "no credential"
    UNREADABLE = "could not be read"


@dataclass(frozen=True)
class Statement:
    """A disclosure claim as read."""

    population: str
    where: Mapping[str, str]
    bar: float
    confidence: float
    sample: int | None

    def __str__(self) -> str:
        return (
            f"at least {fields.percent(self.bar)} of the generated media in {self.population} carry a trusted credential "
            f"that says so ({fields.percent(self.confidence)} confidence)"
        )


class DisclosureClaim(ClaimType):
    """Coverage of content credentials over a counted population."""

    name = "disclosure-coverage"
    sequential = True

    def check(self, spec: Mapping[str, Any]) -> None:
        read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        truths = [round(statement.bar + part * (1 - statement.bar), 6) for part in (1.0, 0.75, 0.5, 0.25)]
        sizes = [(truth, statistics.needed_trials(statement.bar, truth, statement.confidence)) for truth in truths]
        least = statistics.clean_run_size(statement.bar, statement.confidence)
        return ClaimPlan(str(statement), "media, drawn at random", least, tuple((truth, size) for truth, size in sizes if size is not None))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.trust_anchors is None:
            raise IncompleteError(
                "without trust anchors no credential can be trusted",
                fix="give the certificates of the authorities you trust: --trust ANCHORS.pem",
            )
        anchors = read_bounded(context.trust_anchors)
        population = _generated(open_population(statement.population, context), statement.where)
        inputs = {**population.facts(), "trust_anchors": sha256_hex(anchors)}
        level = sequential.level(spec, statement.confidence, context.looks, inputs, seed=context.seed)
        sample = population.sample(statement.sample or _default_sample(statement, level), context.seed)
        if sample.census:
            level = Level(statement.confidence, statement.confidence)  # nothing is inferred, so nothing is spent
        marks = {item.name: _marking(population.read(item), anchors) for item in sample.items}
        counts = Counter(marks.values())
        marked, unreadable, drawn = counts[Marking.MARKED], counts[Marking.UNREADABLE], len(marks)
        readable = drawn - unreadable
        bounds, method = _bounds(marked, unreadable, drawn, level.confidence, census=sample.census)
        verdict, reason = _verdict(statement, bounds, counts, drawn, census=sample.census)
        estimate = marked / readable if readable else None
        unmarked = [name for name, mark in marks.items() if mark is not Marking.MARKED]
        result = ClaimResult(
            type=self.name,
            statement=str(statement),
            verdict=verdict,
            reason=reason,
            estimate=estimate,
            interval=_interval(bounds, method, level, census=sample.census) if drawn else None,
            bar=statement.bar,
            samples=drawn,
            clusters=drawn,
            seed=context.seed,
            needed=_needed(statement, estimate, drawn, level) if verdict is ClaimVerdict.INCONCLUSIVE and not sample.census else None,
            inputs={**inputs, "sample": _drawn_hash(list(marks))},
            details={
                "population": len(population),
                "census": sample.census,
                "states": {str(mark): counts[mark] for mark in Marking},
                "unmarked": unmarked[:MAX_NAMED],
                "unmarked_count": len(unmarked),
            },
        )
        return level.finish(result)


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(spec, ("type", "population", "at_least"), ("where", "confidence", "sample", "looks"))
    sequential.read_plan(spec)
    bar = fields.share(spec, "at_least")
    if bar == 0:
        raise BadInputError("at_least is 0, which says nothing", fix="write the share that has to be marked, such as 0.99")
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bar=bar,
        confidence=fields.share(spec, "confidence", sequential.DEFAULT_CONFIDENCE, inner=True),
        sample=fields.sample_size(spec),
    )


def _generated(population: Population, where: Mapping[str, str]) -> Population:
    """Only generated media: the rows labelled ``synthetic`` when the population has labels, all of it otherwise."""
    labels = dict(where)
    if any("label" in item.labels for item in population.items):
        labels.setdefault("label", "synthetic")
    return population.only(labels)


def _default_sample(statement: Statement, level: Level) -> int | None:
    """Enough to support the claim at ``level`` when all are marked; everything when no sample could."""
    least = statistics.clean_run_size(statement.bar, level.confidence)
    return None if least is None else max(DEFAULT_SAMPLE, least)


def _marking(data: bytes | None, anchors: bytes) -> Marking:
    from averment.detector.credentials.inspect import State, inspect

    if data is None:
        return Marking.UNREADABLE
    found = inspect(data, anchors)
    match found.state:
        case State.TRUSTED:
            return Marking.MARKED if found.ai_generated else Marking.OTHER_SOURCE_TYPE
        case State.UNTRUSTED:
            return Marking.UNTRUSTED
        case State.TAMPERED:
            return Marking.TAMPERED
        case State.NONE | State.STRIPPED:  # the latter only of a log, which is not asked here
            return Marking.NONE
        case State.UNREADABLE:
            return Marking.UNREADABLE


def _bounds(marked: int, unreadable: int, drawn: int, confidence: float, *, census: bool) -> tuple[Bounds, str]:
    if census and drawn:
        return Bounds(
            marked / drawn, (marked + unreadable) / drawn, confidence
        ), "census: everything was examined, the share is known exactly"
    low = statistics.binomial_bounds(marked, drawn, confidence).low
    high = statistics.binomial_bounds(marked + unreadable, drawn, confidence).high
    return Bounds(low, high, confidence), f"Clopper-Pearson, one-sided bounds at {fields.percent(confidence)}"


def _verdict(statement: Statement, bounds: Bounds, counts: Counter[Marking], drawn: int, *, census: bool) -> tuple[ClaimVerdict, str]:
    if not drawn:
        return ClaimVerdict.INCONCLUSIVE, "the population is empty: nothing was shown"
    verdict = statistics.decide(bounds, statement.bar, at_least=True)
    seen = f"{counts[Marking.MARKED]} of {drawn} are marked"
    if census:
        seen += f", which is {'all there is' if not counts[Marking.UNREADABLE] else 'all that could be read'}"
        reason = f"{seen}; no inference is needed"
    else:
        reason = f"{seen}; {statistics.explain(verdict, bounds, statement.bar, at_least=True)}"
    if counts[Marking.UNREADABLE]:
        reason += f"; {counts[Marking.UNREADABLE]} could not be read and may be either"
    return verdict, reason


def _needed(statement: Statement, estimate: float | None, drawn: int, level: Level) -> int | None:
    if estimate is None:
        return statistics.clean_run_size(statement.bar, level.following)
    needed = statistics.needed_trials(statement.bar, estimate, level.following)
    return None if needed is None else max(needed, drawn + 1)


def _interval(bounds: Bounds, method: str, level: Level, *, census: bool) -> Interval:
    return Interval(bounds.low, bounds.high, 1.0 if census else round(2 * level.confidence - 1, 9), method)


def _drawn_hash(names: list[str]) -> str:
    return sha256_hex(canonical_json(names))
