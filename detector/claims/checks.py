"""Claims that consist of checks: each holds, is broken, or could not be made, and says so by itself.

The figure of such a claim is the share of its checks that hold, and nothing is inferred from a sample. A check that could not be made may be
either: the lower bound takes it for broken, the upper for holding. So the claim is supported when enough checks hold whatever the
open ones would say, refuted when too few can, and inconclusive otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields, statistics
from averment.detector.claims.interface import ClaimPlan, ClaimResult, Interval
from averment.detector.claims.statistics import Bounds

MAX_EXAMPLES = 20
"""What breaks a check is named up to this many times; the count says how many there are."""

METHOD = "every check was made on all there is; those that could not be made may be either"
SAMPLED = "every check was made on the sample, and speaks of it alone; those that could not be made may be either"


class Outcome(StrEnum):
    """What came of a check."""

    HOLDS = "holds"
    BROKEN = "broken"
    COULD_NOT = "could not be checked"


@dataclass(frozen=True)
class Check:
    """One check of a claim. ``examined`` counts what it looked at, ``broken`` what breaks it, ``open`` what it could not tell of;
    ``examples`` names the first of these."""

    name: str
    outcome: Outcome
    reason: str
    examined: int = 0
    broken: int = 0
    open: int = 0
    examples: tuple[str, ...] = ()
    figures: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        value: dict[str, JSON] = {
            "check": self.name,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "examined": self.examined,
            "broken": self.broken,
            "open": self.open,
            "examples": list(self.examples),
        }
        return {**value, "figures": dict(self.figures)} if self.figures else value


def judged(
    name: str, examined: int, broken: Sequence[str], undecided: Sequence[str], words: str, figures: Mapping[str, JSON] | None = None
) -> Check:
    """The check as its examples decide it: broken by any of ``broken``, else open by any of ``undecided`` or where nothing was examined, else
    holding.

    ``words`` says the rule, such as "files are as the manifest describes them".
    """
    outcome = Outcome.BROKEN if broken else Outcome.COULD_NOT if undecided or not examined else Outcome.HOLDS
    if broken:
        reason = f"{len(broken):,} of {examined:,} {'breaks' if len(broken) == 1 else 'break'} the rule: {words}"
    elif undecided:
        reason = f"{len(undecided):,} of {examined:,} could not be told of, by the rule: {words}"
    elif not examined:
        reason = f"there was nothing to look at, for the rule: {words}"
    else:
        reason = f"{examined:,} looked at: {words}"
    examples = tuple([*broken, *undecided][:MAX_EXAMPLES])
    return Check(name, outcome, reason, examined, len(broken), len(undecided), examples, figures or {})


def could_not(name: str, reason: str) -> Check:
    """A check that could not be made at all."""
    return Check(name, Outcome.COULD_NOT, reason)


def share_of_checks(spec: Mapping[str, Any]) -> float:
    """The bar ``at_least``: the share of the checks that has to hold, all of them by default.

    Raises:
        BadInputError: not a share above 0.
    """
    return fields.bar(spec, "at_least", 1.0, fix="write the share of the checks that has to hold: at_least: 1")


def chosen(spec: Mapping[str, Any], known: Sequence[str]) -> tuple[str, ...]:
    """The checks that the claim asks for in ``checks``, in the known order; all without it.

    Raises:
        BadInputError: not a list of known checks.
    """
    value = spec.get("checks", list(known))
    if not isinstance(value, list) or not value or not all(name in known for name in value):
        raise BadInputError(f"checks is {value!r}", fix=f"write a list out of: {', '.join(known)}")
    return tuple(name for name in known if name in value)


def result_of(
    kind: str,
    statement: str,
    bar: float,
    checks: Sequence[Check],
    *,
    samples: int,
    clusters: int,
    seed: int,
    inputs: Mapping[str, JSON],
    details: Mapping[str, JSON] | None = None,
    census: bool = True,
) -> ClaimResult:
    """The claim's result from its ``checks``, of which there is at least one; ``census`` says whether they looked at all there is."""
    holding = sum(check.outcome is Outcome.HOLDS for check in checks)
    undecided = sum(check.outcome is Outcome.COULD_NOT for check in checks)
    bounds = Bounds(holding / len(checks), (holding + undecided) / len(checks), 1.0)
    verdict = statistics.decide(bounds, bar, at_least=True) if samples else ClaimVerdict.INCONCLUSIVE
    return ClaimResult(
        type=kind,
        statement=statement,
        verdict=verdict,
        reason=_reason(checks, holding) if samples else "the population is empty: nothing was shown",
        estimate=holding / len(checks),
        interval=Interval(bounds.low, bounds.high, 1.0, METHOD if census else SAMPLED),
        bar=bar,
        samples=samples,
        clusters=clusters,
        seed=seed,
        inputs=inputs,
        details={"census": census, "checks": [check.to_json() for check in checks], **(details or {})},
    )


def _reason(checks: Sequence[Check], holding: int) -> str:
    told = [f"{check.name}: {check.reason}" for check in checks if check.outcome is Outcome.BROKEN]
    told += [f"{check.name} could not be checked: {check.reason}" for check in checks if check.outcome is Outcome.COULD_NOT]
    return "; ".join([f"{holding} of {len(checks)} checks hold", *told])


def plan_of(statement: str, unit: str) -> ClaimPlan:
    """The plan of a claim that looks at everything: no sample size will do."""
    return ClaimPlan(statement, unit, None, ())
