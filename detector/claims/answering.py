"""How much of a population a detector has to answer on before a comparison of its figures says anything.

A non-response is an error on either side of a comparison, before and after a transform, in one group and in another. So a detector that
says nothing at all differs from itself by nothing. Claims that compare therefore ask for a share of answers,
``answered_at_least`` (0.9 unless stated), in every class by itself: attacks that are never scored vanish among many bona
fide images. Below it a claim isn't supported, and the reason names the class. It can still be refuted: what silence costs
in one group and not in the other is a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from averment.detector.claims import fields
from averment.detector.claims.metrics import Metric
from averment.detector.claims.observing import Observation

FIELD = "answered_at_least"
DEFAULT_ANSWERED = 0.9
MAX_NAMED = 4
"""How many classes a reason names."""


def read(spec: Mapping[str, Any]) -> float:
    """The share of images that must have been scored.

    Raises:
        BadInputError: not a share.
    """
    return fields.share(spec, FIELD, DEFAULT_ANSWERED)


def stated(least: float) -> str:
    """What a statement says that asks for another share than is usual; "" otherwise."""
    return "" if least == DEFAULT_ANSWERED else f"at least {fields.percent(least)} answered"


def too_few(answered: int, asked: int, least: float, what: str = "the images") -> str:
    """Why ``answered`` of ``asked`` aren't enough; "" where they are. Whatever ``least`` is, no answer at all isn't."""
    if not asked or (answered and answered >= least * asked):
        return ""
    if not least:
        return f"none of {what} got a probability"
    return f"only {fields.percent(answered / asked)} of {what} got a probability, {fields.percent(least)} must"


def silent_classes(metric: Metric, found: Sequence[Observation], least: float, of: str = "") -> list[str]:
    """Of each class in ``found``, which ``metric`` speaks about, each generator by itself for APCER, why too few of it were answered."""
    return [reason for name, members in _classes(metric, found).items() if (reason := _silent(members, least, f"the {name}{of}"))]


def told(reasons: Sequence[str]) -> str:
    """``reasons`` in one text, the first few of them and how many more there are."""
    more = [f"and {len(reasons) - MAX_NAMED} more"] if len(reasons) > MAX_NAMED else []
    return "; ".join([*reasons[:MAX_NAMED], *more])


def _silent(members: Sequence[Observation], least: float, what: str) -> str:
    return too_few(sum(o.score.cannot_say is None for o in members), len(members), least, what)


def _classes(metric: Metric, found: Sequence[Observation]) -> dict[str, list[Observation]]:
    if metric.name == "apcer":
        return {f"attacks by {name}": [o for o in found if o.species == name] for name in metric.species(found)}
    return {"attacks": [o for o in found if o.attack], "bona fide images": [o for o in found if not o.attack]}
