"""The figures of ISO/IEC 30107-3 and of ranking, as functions of how often each independent unit is counted.

Claims that compare a detector with itself (under a transform, between groups of people) need one figure under many draws of the
same units. APCER and BPCER are at the detector's own threshold; APCER is of one attack instrument species (generator) at a time. Both are of the
detector's decision, for which the highest probability of all its families counts; ranking figures are of the named family's probability alone.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.errors import BadInputError
from averment.core.words import counted
from averment.detector.claims import bounded, fields, observing, statistics
from averment.detector.claims.observing import Observation
from averment.detector.interface import Family

NAMES = {"auc": "AUC", "tpr": "TPR", "eer": "EER", "apcer": "APCER", "bpcer": "BPCER"}
HIGHER_IS_BETTER = frozenset({"auc", "tpr"})
AT_THRESHOLD = frozenset({"apcer", "bpcer"})


@dataclass(frozen=True)
class Metric:
    """One of ``NAMES`` for an attack family; ``at_fpr`` for the TPR."""

    name: str
    family: Family
    at_fpr: float | None = None

    def __str__(self) -> str:
        point = f" at {fields.percent(self.at_fpr)} FPR" if self.at_fpr is not None else ""
        return f"{NAMES[self.name]} for {self.family}{point}{f', {fields.BY_DECISION},' if self.name in AT_THRESHOLD else ''}"

    @property
    def label(self) -> str | None:
        """That of all rows which the figure is of; None where it is of attacks and bona fide ones."""
        return {"apcer": observing.ATTACK_LABELS[self.family], "bpcer": observing.BONA_FIDE_LABEL}.get(self.name)

    def worse_by(self, before: Any, after: Any) -> Any:
        """By how much ``after`` is worse than ``before``; negative where it is better."""
        return before - after if self.name in HIGHER_IS_BETTER else after - before

    def concerns(self, observations: Sequence[Observation], threshold: float) -> list[Observation]:
        """Those that the metric speaks about: attacks for APCER, bona fide images for BPCER, both for the others. A bona fide image below the
        ``threshold`` of which a family can't say has no decision (``observing.decided``); an attack that the others don't flag is missed, whatever that one would say."""
        if self.name == "apcer":
            return [o for o in observations if o.attack]
        if self.name == "bpcer":
            return [observing.decided(o, threshold) for o in observations if not o.attack]
        return list(observations)

    def species(self, observations: Sequence[Observation]) -> list[str]:
        """The attack species to be looked at one by one; for other metrics than APCER one nameless part."""
        return sorted({o.species for o in observations if o.attack}) if self.name == "apcer" else [""]

    def nameless(self, observations: Sequence[Observation]) -> str:
        """Why the worst species isn't known, as the end of a sentence: attacks without a generator's name; "" where there are none.

        Pooled, they may hide one that is worse than all the others. What they show together, the worst of them shows as well.
        """
        count = sum(o.attack and not o.item.labels.get("generator", "").strip() for o in observations) if self.name == "apcer" else 0
        return (
            f"; {counted(count, 'attack')} {'names' if count == 1 else 'name'} no generator, so the worst one isn't known: fill the column generator"
            if count
            else ""
        )

    def statistic(self) -> statistics.Statistic:
        """The figure of a ranking metric."""
        if self.at_fpr is not None:
            return statistics.tpr_statistic(self.at_fpr)
        return statistics.eer_statistic if self.name == "eer" else statistics.auc_statistic


def read(spec: Mapping[str, Any], family: Family) -> Metric:
    """The ``metric`` (and ``at_fpr``) of a statement.

    Raises:
        BadInputError: an unknown metric, or an at_fpr that is missing or means nothing.
    """
    name = fields.text(spec, "metric", tuple(NAMES))
    if name == "tpr" and "at_fpr" not in spec:
        raise BadInputError("a tpr claim needs the false positive rate that it is taken at", fix="add at_fpr: 0.05")
    if name != "tpr" and "at_fpr" in spec:
        raise BadInputError(f"at_fpr means nothing for {name}", fix="remove it; APCER and BPCER are taken at the detector's threshold")
    return Metric(name, family, fields.share(spec, "at_fpr", inner=True) if name == "tpr" else None)


@dataclass(frozen=True)
class Tally:
    """A metric of some observations: ``figures`` maps weights (replicates x units) to one figure a replicate, NaN where undefined.

    ``units`` is the number of independent units of the smaller class that it rests on, ``alike`` as how many of equal size they count (Kish 1965).
    ``ends`` is of a figure at a threshold that the media place themselves: from weights and the exponential weight of one more bona fide unit (a
    column) to the least and the most that the figure is with it (``bounded.tpr_ends``). ``coarse`` is of an EER or TPR: from a confidence and its standard
    error to its bounds where scores are coarse (``bounded.coarse_eer_bounds``, ``bounded.coarse_tpr_bounds``), else None.
    """

    figures: Callable[[Any], Any]
    units: int
    samples: int
    alike: float
    ends: Callable[[Any, Any], Any] | None = None
    coarse: Callable[[float, float], statistics.Bounds | None] | None = None


def tally(metric: Metric, observations: Sequence[Observation], index: Mapping[str, int], threshold: float) -> Tally | None:
    """``metric`` over ``observations`` of which each unit has its place in ``index``; None where a class is missing."""
    concerned = metric.concerns(observations, threshold)
    sizes = [list(Counter(o.unit for o in concerned if o.attack is kind).values()) for kind in (True, False)]
    present = [counts for counts in sizes if counts]
    if not present or (len(present) < len(sizes) and metric.name not in AT_THRESHOLD):
        return None
    counts = min(map(len, present)), len(concerned), min(sum(m) ** 2 / sum(n * n for n in m) for m in present)
    if metric.name in AT_THRESHOLD:
        return Tally(_rate(concerned, index, threshold), *counts)
    sample = statistics.Scored(
        [observing.rank(o, metric.family) for o in concerned], [o.attack for o in concerned], [index[o.unit] for o in concerned]
    )
    figures, ends = _ranking(metric, sample)
    return Tally(figures, *counts, ends, _coarse(metric, sample))


def _coarse(metric: Metric, sample: statistics.Scored) -> Callable[[float, float], statistics.Bounds | None] | None:
    at_fpr = metric.at_fpr
    if at_fpr is not None:
        return lambda confidence, _: bounded.coarse_tpr_bounds(sample, at_fpr, confidence)
    return functools.partial(bounded.coarse_eer_bounds, sample) if metric.name == "eer" else None


def _rate(concerned: Sequence[Observation], index: Mapping[str, int], threshold: float) -> Callable[[Any], Any]:
    import numpy as np

    errors, sizes = np.zeros(len(index)), np.zeros(len(index))
    for o in concerned:
        errors[index[o.unit]] += observing.wrong(o, threshold)
        sizes[index[o.unit]] += 1

    def figures(weights: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights @ errors) / (weights @ sizes)

    return figures


def _ranking(metric: Metric, sample: statistics.Scored) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any] | None]:
    import numpy as np

    attacks, units, starts, _ = statistics.ranked(sample)
    statistic, at_fpr = metric.statistic(), metric.at_fpr

    def figures(weights: Any) -> Any:
        return statistics.apply(statistic, weights[:, units], attacks, starts)

    if at_fpr is None:
        return figures, None
    size = bounded.joining_size(np.bincount(units[~attacks]).astype(float))

    def ends(weights: Any, joining: Any) -> Any:
        def careful(attack: Any, bona_fide: Any) -> Any:
            return bounded.tpr_ends(at_fpr, attack, bona_fide, size * joining)

        return statistics.apply(careful, weights[:, units], attacks, starts)

    return figures, ends
