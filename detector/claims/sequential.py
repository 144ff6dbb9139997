"""Looking again without being fooled more often.

A claim at confidence ``c`` allows each kind of false verdict with a chance of ``a = 1 - c``. Tested every month on fresh data at that
level, a true claim would sooner or later be refuted. So the looks of one claim share ``a``:

```yaml
looks: {planned: 4, within: 365d}   # optional; also earlier: 2, looks made before there was a ledger
```

* ``planned: n``: each look may spend ``a / n``, and after ``n`` looks nothing is left: a further one is inconclusive.
* without it the series is open: look ``k`` may spend ``a / (k (k + 1))``, which never adds up to more than ``a``.
* ``within``: only looks that lie no further back are counted, so that ``a`` holds for every stretch of that length.

This is alpha spending (Lan and DeMets, Biometrika 70 (1983) 659-663; the spending functions are ``a k / n`` and ``a k / (k + 1)``). Each look's
bounds are at the level that it spends, which by Boole's inequality keeps ``a`` whatever the figure, the interval's method,
and the data that the looks have in common; boundaries from their joint distribution would be a little narrower, and would
hold for normal figures on growing samples only.

A second run on the same data by the same detector with the same seed shows the same and is no new chance: it is the same look
again, at the same level. The same data are the same sample of the same frame, and the same bytes: a frame may know names and sizes alone, so
``run.run_claim`` compares what was really read with what the earlier look read, and looks again at a level of its own where they differ. Where
the data lie is no matter. A census infers nothing and spends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON, canonical_json
from averment.core.errors import BadInputError
from averment.core.period import parse_duration
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields
from averment.detector.claims.interface import ClaimResult, Look, Looks

MAX_LOOKS = 10_000
DEFAULT_CONFIDENCE = 0.95
_PLACE = "where"


@dataclass(frozen=True)
class LookPlan:
    """The ``looks`` of a statement: how many are planned (None: open), over which stretch they count, how many were made unrecorded."""

    planned: int | None = None
    within: timedelta | None = None
    earlier: int = 0


@dataclass(frozen=True)
class Level:
    """What one look may spend. ``confidence`` is that of its bounds, ``following`` that of the next look's, for planned sizes.

    ``number`` is None where looks aren't counted. ``repeats`` is the record of an earlier look at the very same data.
    """

    confidence: float
    following: float
    number: int | None = None
    planned: int | None = None
    repeats: str | None = None

    @property
    def spent(self) -> bool:
        """Whether more looks were made than planned, so that this one can't decide."""
        return self.planned is not None and self.number is not None and self.number > self.planned

    def finish(self, result: ClaimResult) -> ClaimResult:
        """``result`` with the look that it was; inconclusive when there was nothing left to spend."""
        if self.number is None:
            return result
        facts: dict[str, JSON] = {"number": self.number, "planned": self.planned, "confidence": self.confidence, "repeats": self.repeats}
        if self.spent:
            reason = f"the {self.planned} planned looks were made already, and another would err more often than stated; {result.reason}"
            return replace(result, verdict=ClaimVerdict.INCONCLUSIVE, reason=reason, needed=None, look=facts)
        return replace(result, reason=result.reason + self.note(), look=facts)

    def note(self) -> str:
        """Which look it is, as the end of a sentence; nothing where looks aren't counted."""
        if self.number is None:
            return ""
        of = f" of {self.planned}" if self.planned is not None else ""
        again = "; the same data as before, so no new look" if self.repeats else ""
        return f"; look {self.number}{of}, with bounds at {self.confidence * 100:.7g} %{again}"


def read_plan(spec: Mapping[str, Any]) -> LookPlan:
    """The optional ``looks`` of a statement.

    Raises:
        BadInputError: not a mapping of planned, within and earlier.
    """
    value = spec.get("looks", {})
    fix = "write looks: {planned: 4, within: 365d}"
    if not isinstance(value, Mapping) or set(value) - {"planned", "within", "earlier"}:
        raise BadInputError(f"looks is {value!r}", fix=fix)
    planned = fields.whole(value, "planned", 1, MAX_LOOKS)
    within = value.get("within")
    if within is not None and not isinstance(within, str):
        raise BadInputError(f"looks.within is {within!r}", fix=fix)
    return LookPlan(planned, parse_duration(within) if within is not None else None, fields.whole(value, "earlier", 0, MAX_LOOKS) or 0)


def look_confidence(confidence: float, number: int, planned: int | None) -> float:
    """The confidence of the one-sided bounds of look ``number``."""
    share = 1 / planned if planned is not None else 1 / (number * (number + 1))
    return round(1 - (1 - confidence) * share, 12)


def level(
    spec: Mapping[str, Any],
    confidence: float,
    looks: Looks | None,
    inputs: Mapping[str, Any] | None,
    *,
    seed: int = 0,
    repeatable: bool = True,
    drawn: Callable[[Level], Mapping[str, Any]] | None = None,
) -> Level:
    """The level of the look that is about to be made at ``inputs`` with ``seed``; untracked (``looks`` None) it is ``confidence`` itself.

    ``repeatable`` says that the same inputs give the same figures, as all but measurements of time do. ``inputs`` None asks
    for the level of a look at new data, for planning. ``drawn`` gives the inputs that depend on the level, such as a sample whose size does.
    """
    if looks is None:
        return Level(confidence, confidence)
    plan = read_plan(spec)
    made = [look for look in looks.earlier if plan.within is None or looks.now is None or looks.now - look.at <= plan.within]
    first: dict[bytes, Look] = {}
    for look in made:
        first.setdefault(_data(look), look)
    fresh = list(first.values()) if repeatable else made
    number = plan.earlier + len(fresh) + 1
    following = min(number + 1, plan.planned or number + 1)
    if inputs is not None and repeatable:
        for index, look in enumerate(fresh, plan.earlier + 1):
            known = looks.media is None or looks.media == look.media
            if known and seed == look.seed and _same(inputs, look):
                again = _level(confidence, look.number or index, number, plan.planned, look.record)
                if drawn is None or _same(drawn(again), look):
                    return again
    return _level(confidence, number, following, plan.planned, None)


def _level(confidence: float, number: int, following: int, planned: int | None, repeats: str | None) -> Level:
    return Level(look_confidence(confidence, number, planned), look_confidence(confidence, following, planned), number, planned, repeats)


def _same(inputs: Mapping[str, Any], look: Look) -> bool:
    return all(look.inputs.get(key) == value for key, value in inputs.items() if key != _PLACE)


def _data(look: Look) -> bytes:
    return canonical_json([{key: value for key, value in look.inputs.items() if key != _PLACE}, look.seed])
