"""Looking again without being fooled more often.

A claim at confidence ``c`` allows each kind of false verdict with a chance of ``a = 1 - c``. Tested every month on fresh data at that
level, a true claim would sooner or later be refuted. So the looks of one claim share ``a``:

```yaml
looks: {planned: 4, within: 365d}   # optional; also earlier: 2, looks made before there was a ledger
```

* ``planned: n``: each look may spend ``a / n``, and after ``n`` looks nothing is left: a further one is inconclusive.
* without it the series is open: look ``k`` may spend ``a / (k (k + 1))``, which never adds up to more than ``a``.
* ``within``: only looks that lie no further back are counted, so that ``a`` holds for every stretch of that length, a day at least.

What was spent is spent. Each earlier look's part of ``a`` is what its record says, whatever ``looks`` says today: a look gets what the rules above
give it, or what is left if that is less, and with nothing left it is inconclusive. A look lapses after the longer of the two stretches,
its own and today's, and never if it was made without one. Parts are of the ``a`` of the look's own claim, so the looks at one figure that were
made at a confidence of at least ``c`` spend no more than ``1 - c`` together.

What counts as a look at the same question: one from which today's answer could have been seen. So bars, sizes and units make no other one; nor do labels
that leave at least ``MOSTLY`` of the rows in common, whatever they are called, nor transforms of which some were named and now others beside them, or
fewer: each of several is tested by itself. Otherwise whoever looks every week names a column more each time, and has first looks for good. Of other rows,
and of labels of which no record says how many rows they left out, nothing was seen.

A population is the same one under another name if it lies in the same place, has the same frame, or is linked by such looks to one that does.
One that was copied elsewhere under another name and changed there can't be told from a new one.

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

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from averment.core.canonical import JSON, canonical_json
from averment.core.errors import BadInputError
from averment.core.period import parse_duration
from averment.core.words import ClaimVerdict
from averment.detector.claims import fields
from averment.detector.claims.interface import ClaimResult, Look, Looks, place

MAX_LOOKS = 10_000
DEFAULT_CONFIDENCE = 0.95
LEAST_WITHIN = timedelta(days=1)
_PLACE = "where"
_LEFT_OUT = "left_out"  # follows from the frame and the manifest
_SIDES = ("reference", "present")
_KNOWN_BY = ("population", "scores", _PLACE, "frame", "sha256")  # of a file of scores the name and the digest
MOSTLY = 0.9
"""Of the rows of two looks: so large a part in common makes them the same question, for what the one showed the other would have."""

ALIKE, ALIKE_OF_WIDTH = 0.001, 0.05
"""By how much the figures of two looks at the same data may differ, at most and as a part of the width of the first one's interval. A detector that answers
otherwise each time gives another chance each time; one that rounds otherwise now and then doesn't. Of ten thousand images 0.001 is as much as the bounds
leave to chance: whoever may ask until the figure is so much better finds three times as many false claims supported."""

_GRAIN = 1e-6
"""Of a share: what rounding in a record may take from it or add."""


@dataclass(frozen=True)
class LookPlan:
    """The ``looks`` of a statement: how many are planned (None: open), over which stretch they count, how many were made unrecorded."""

    planned: int | None = None
    within: timedelta | None = None
    earlier: int = 0


@dataclass(frozen=True)
class Level:
    """What one look may spend. ``confidence`` is that of its bounds, ``following`` that of the next look's, for planned sizes. ``planned`` looks
    were to be made, ``within`` the stretch over which they count (None: an open series, for good).

    ``number`` is None where looks aren't counted. ``repeats`` is the record of an earlier look at the very same data. ``exhausted`` says that
    nothing was left to spend; ``confidence`` is then what it would have been otherwise.
    """

    confidence: float
    following: float
    number: int | None = None
    planned: int | None = None
    repeats: str | None = None
    exhausted: bool = False
    within: timedelta | None = None

    @property
    def spent(self) -> bool:
        """Whether the earlier looks left nothing, or were as many as planned, so that this one can't decide."""
        return self.exhausted or self._beyond

    def finish(self, result: ClaimResult) -> ClaimResult:
        """``result`` with the look that it was; inconclusive when there was nothing left to spend.

        The statement names the look where it is one of several: that a claim of 95 % was tested at 99 %, because it was the third time, is part of
        what was found. A first look with none planned says so in its reason.
        """
        if self.number is None:
            return result
        facts: dict[str, JSON] = {"number": self.number, "planned": self.planned, "confidence": self.confidence, "repeats": self.repeats}
        said = replace(result, look=facts)
        if self.number == 1 and self.planned is None:  # what the claim says is all that was said of it so far
            said = replace(said, reason=result.reason + self.note())
        else:
            said = replace(said, statement=result.statement + self.note())
        if self.spent:
            reason = f"{self.nothing_left}, and another would err more often than stated; {result.reason}"
            facts["exhausted"] = True
            return replace(said, verdict=ClaimVerdict.INCONCLUSIVE, reason=reason, needed=None)
        return said

    @property
    def nothing_left(self) -> str:
        """Why a look that is ``spent`` decides nothing."""
        if self._beyond:
            return f"the {self.planned} planned looks{self._stretch} were made already"
        return "the earlier looks spent all error that the claim allows"

    @property
    def _stretch(self) -> str:
        days = 0.0 if self.within is None else self.within / timedelta(days=1)
        return f" in {days:g} day{'' if days == 1 else 's'}" if days else ""

    @property
    def _beyond(self) -> bool:
        return self.planned is not None and self.number is not None and self.number > self.planned

    def note(self) -> str:
        """Which look it is, as the end of a sentence; nothing where looks aren't counted."""
        if self.number is None:
            return ""
        if self.spent:
            return f"; look {self.number}, " + (f"beyond the {self.planned} planned" if self._beyond else "with no error left to spend")
        of = (f" of {self.planned}" if self.planned is not None else "") + self._stretch
        again = "; the same data as before, so no new look" if self.repeats else ""
        return f"; look {self.number}{of}, with bounds at {self.confidence * 100:.7g} %{again}"


def read_plan(spec: Mapping[str, Any]) -> LookPlan:
    """The optional ``looks`` of a statement.

    Raises:
        BadInputError: not a mapping of planned, within and earlier, or a stretch of less than a day, within which nobody looks twice.
    """
    value = spec.get("looks", {})
    fix = "write looks: {planned: 4, within: 365d}"
    if not isinstance(value, Mapping) or set(value) - {"planned", "within", "earlier"}:
        raise BadInputError(f"looks is {value!r}", fix=fix)
    planned = fields.whole(value, "planned", 1, MAX_LOOKS)
    within = value.get("within")
    if within is not None and not isinstance(within, str):
        raise BadInputError(f"looks.within is {within!r}", fix=fix)
    stretch = parse_duration(within) if within is not None else None
    if stretch is not None and stretch < LEAST_WITHIN:
        raise BadInputError(
            f"looks.within is {within}, over which no look counts another", fix="write a day at least, such as within: 365d"
        )
    return LookPlan(planned, stretch, fields.whole(value, "earlier", 0, MAX_LOOKS) or 0)


def look_confidence(confidence: float, number: int, planned: int | None) -> float:
    """The confidence of the one-sided bounds of look ``number``, where all looks before it kept to the same plan."""
    return _at(confidence, _nominal(number, planned))


def _nominal(number: int, planned: int | None) -> float:
    return 1 / planned if planned is not None else 1 / (number * (number + 1))


def _at(confidence: float, share: float) -> float:
    return round(1 - (1 - confidence) * share, 12)


def spent_share(look: Mapping[str, Any], confidence: float, level: float | None) -> float | None:
    """The part that a look spent of the error ``1 - confidence`` of its claim, by the facts that its record has of it; ``level`` is the confidence
    of its bounds where these have none. None: nothing says so."""
    number, planned = look.get("number"), look.get("planned")
    if look.get("exhausted") or (isinstance(number, int) and isinstance(planned, int) and number > planned):
        return 0.0  # it decided nothing
    own = look.get("confidence", level)
    return min(1.0, (1 - float(own)) / (1 - confidence)) if isinstance(own, int | float) and confidence < 1 else None


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
    if looks.recorded is not None:
        return _recorded(looks.recorded, confidence, plan)
    made = [look for look in _counted(looks, inputs) if not _lapsed(look, plan, looks.now)]
    series = _Series(confidence, plan)
    series.take(plan.earlier)
    shares = [(group[0], series.add(group)) for group in (_once(made) if repeatable else [[look] for look in made])]
    if inputs is not None and repeatable:
        for number, (look, share) in enumerate(shares, plan.earlier + 1):
            known = looks.media is None or (looks.media == look.media and alike(look, looks.figure))
            if known and seed == look.seed and _same(inputs, look):
                again = series.again(look.number or number, share, look.record)
                if drawn is None or _same(drawn(again), look):
                    return again
    return series.next()


def alike(look: Look, figure: float | None) -> bool:
    """Whether ``figure`` is what ``look`` came to, as far as both are known."""
    if look.figure is None or figure is None:
        return True
    return abs(look.figure - figure) <= (ALIKE if look.width is None else min(ALIKE, ALIKE_OF_WIDTH * look.width))


def _once(made: Sequence[Look]) -> list[list[Look]]:
    """``made``, each look with its repetitions: at the same data, where they came to the same, or where its record says so. Before figures were compared
    records said it of others, too; read as looks of their own, each with half of all error, two of them would leave nothing for good."""
    found: list[list[Look]] = []
    by_data: dict[bytes, list[list[Look]]] = {}
    for look in made:
        groups = by_data.setdefault(_data(look), [])
        own = next((group for group in groups if look.repeats == group[0].record or alike(group[0], look.figure)), None)
        if own is None:
            own = []
            groups.append(own)
            found.append(own)
        own.append(look)
    return found


class _Series:
    """The looks at one figure so far: how many, and what part of the error they left."""

    def __init__(self, confidence: float, plan: LookPlan) -> None:
        self._confidence, self._plan = confidence, plan
        self._made, self._left = 0, 1.0

    def take(self, count: int) -> None:
        """``count`` looks that no ledger knows of: they kept to the plan."""
        for _ in range(count):
            self._spend(_nominal(self._made + 1, self._plan.planned))

    def add(self, group: Sequence[Look]) -> float:
        """One look, and what it spent: the most of what its repetitions did, for their bounds lie within each other."""
        known = [look.share for look in group if look.share is not None]
        share = max(known) if known else _nominal(self._made + 1, self._plan.planned)
        self._spend(share)
        return share

    def again(self, number: int, share: float, record: str) -> Level:
        """An earlier look once more, at what it spent."""
        shown = share or _nominal(number, self._plan.planned)
        upcoming = self._share(self._made + 1, self._left)
        following = _at(self._confidence, upcoming or _nominal(self._made + 1, self._plan.planned))
        plan = self._plan
        return Level(_at(self._confidence, shown), following, number, plan.planned, record, exhausted=not share, within=plan.within)

    def next(self) -> Level:
        """A look at new data."""
        number, planned = self._made + 1, self._plan.planned
        share = self._share(number, self._left)
        after = min(number + 1, planned or number + 1)
        following = self._share(after, self._left - (share or 0.0)) or _nominal(after, planned)
        shown = share or _nominal(number, planned)
        own, later = _at(self._confidence, shown), _at(self._confidence, following)
        return Level(own, later, number, planned, None, exhausted=share is None, within=self._plan.within)

    def _spend(self, share: float) -> None:
        self._made += 1
        self._left -= share

    def _share(self, number: int, left: float) -> float | None:
        """What look ``number`` may spend out of ``left``; None where that is nothing. An open series never takes all."""
        nominal, most = _nominal(number, self._plan.planned), left if self._plan.planned is not None else left / (number + 1)
        if nominal <= most * (1 + _GRAIN):
            return nominal
        return most if most > _GRAIN * nominal else None


def _recorded(look: Mapping[str, Any], confidence: float, plan: LookPlan) -> Level:
    """The level that a record says its look had: no look spends more than all, so none has bounds at less than the claim's ``confidence``."""
    own, number = max(confidence, float(look.get("confidence", confidence))), look.get("number")
    spent = spent_share(look, confidence, None) == 0
    return Level(own, own, number, look.get("planned", plan.planned), None, exhausted=spent, within=plan.within)


def _lapsed(look: Look, plan: LookPlan, now: datetime | None) -> bool:
    """Whether the look counts no more. A shorter stretch than the one that it was made under gives back nothing."""
    if plan.within is None or look.within is None or now is None:
        return False
    return now - look.at > max(plan.within, look.within)


def _kept(rows: Mapping[str, str], inputs: Mapping[str, Any] | None) -> float | None:
    """The share of all rows that the labels ``rows`` kept of what ``inputs`` tell of; None where nobody knows."""
    if not rows:
        return 1.0
    facts = (inputs or {}).get(_SIDES[1], inputs)  # of two populations they are today's
    left_out, count = (facts.get(_LEFT_OUT), facts.get("count")) if isinstance(facts, Mapping) else (None, None)
    if left_out == 0:
        return 1.0
    return count / (count + left_out) if isinstance(count, int) and isinstance(left_out, int) and count else None


def _same_question(look: Look, looks: Looks, inputs: Mapping[str, Any] | None) -> bool:
    """Whether who saw the answer to the one saw the other's: the ways that one names are among the other's, and the rows mostly the same."""
    ways, others = look.ways, looks.ways
    if ways != others and not (ways and others and (ways <= others or others <= ways)):
        return False
    then, today = _kept(look.rows, look.inputs), _kept(looks.rows, inputs)
    if then is None or today is None:
        return False
    nested = look.rows.items() <= looks.rows.items() or looks.rows.items() <= look.rows.items()
    common = min(then, today) if nested else then + today - 1
    return common >= MOSTLY * max(then, today)


def _counted(looks: Looks, inputs: Mapping[str, Any] | None) -> list[Look]:
    """The earlier looks, with those that put the same question to the same population: under another name, of mostly the same rows, in some of the ways or in more."""
    found, rest = list(looks.earlier), [*looks.kin, *(look for look in looks.near if _same_question(look, looks, inputs))]
    known = [_sides(look.inputs, looks.root) for look in found] + ([] if inputs is None else [_sides(inputs, looks.root)])
    while linked := [look for look in rest if any(_linked(_sides(look.inputs, looks.root), sides) for sides in known)]:
        found += linked
        known = [_sides(look.inputs, looks.root) for look in linked]
        rest = [look for look in rest if look not in linked]
    return sorted(found, key=lambda look: look.at)


def _sides(inputs: Mapping[str, Any], root: Path) -> list[set[tuple[str, str]]]:
    """By population that was drawn from, what it can be known by: its name, its place, what is in it."""
    both = [inputs[name] for name in _SIDES if isinstance(inputs.get(name), Mapping)]
    return [
        {(key, _known_as(key, value, root)) for key in _KNOWN_BY if isinstance(value := side.get(key), str)} for side in both or [inputs]
    ]


def _known_as(key: str, value: str, root: Path) -> str:
    """``value`` in one spelling. A place below a link is where that leads, and one that is told from the organisation's file on is where it is: another
    way there is no other place."""
    if key == _PLACE and not value.startswith("s3://"):
        return os.path.realpath(root / value)
    return place(value) if key in {"population", "scores", _PLACE} else value


def _linked(one: Sequence[set[tuple[str, str]]], other: Sequence[set[tuple[str, str]]]) -> bool:
    return len(one) == len(other) and all(a & b for a, b in zip(one, other, strict=True))


def placeless(value: Any) -> Any:
    """Inputs without the places in them, at any depth: where data lie is no matter. Nor is how many rows were left out, which earlier versions don't tell."""
    if isinstance(value, Mapping):
        return {key: placeless(item) for key, item in value.items() if key not in {_PLACE, _LEFT_OUT}}
    return value


def _same(inputs: Mapping[str, Any], look: Look) -> bool:
    return all(placeless(look.inputs.get(key)) == placeless(value) for key, value in inputs.items() if key not in {_PLACE, _LEFT_OUT})


def _data(look: Look) -> bytes:
    return canonical_json([placeless(look.inputs), look.seed])
