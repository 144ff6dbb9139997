"""From which similarity on two faces count as one: what a request asks for, and what the program then compares the ``Similarity`` with.

The answer is followed by names, without regard to order: through variables, parameters, entries of maps and what functions return, in the
function that asks, in those that lead to it, and in those that they call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.code.apis import THRESHOLDS
from averment.policies.surfaces.code.arguments import Arguments, OpenError
from averment.policies.surfaces.code.model import Bind, Call, Function, If, Return, Statement, Value, calls_of, statements_of
from averment.policies.surfaces.code.numbers import Number, numbers
from averment.policies.surfaces.code.reach import Asked, Reach
from averment.policies.surfaces.code.telling import code_of, only_notes

FIELD = "Similarity"
_ROUNDS = 4
_MAX_FUNCTIONS = 200
MAX_VALUES = 300_000
"""How many expressions are looked at for what answers are compared with, in a project. What lies around a request of the programs that were
looked at has at most a few hundred."""
_TOO_MUCH = Unknown(f"there is more code around it than is followed, so that what the {FIELD} is compared with can't be told")
_CALLED_ALIKE = re.compile(r"(?:(?:face|match|best|max|top|raw)_?)*similarity(?:_?(?:score|value|pct|percent(?:age)?))?", re.IGNORECASE)
"""What people call the similarity of faces; that of names, texts and addresses is called after those."""
_SHARED = frozenset({"confidence", "score", "status", "value", "result", "data"})
"""Names under which a program may keep something else as well, such as a liveness result."""
_SCALED = re.compile(r"/=?[\s(]{0,20}100\b|\*=?[\s(]{0,20}0?\.01\b")


@dataclass
class Comparisons:
    """What the similarity is compared with: ``bars``, in the scale from 0 to 100; ``low`` are those that aren't in it (at most 1), with their
    lines. ``looked`` tells whether anything is done with it at all."""

    bars: list[Number] = field(default_factory=list)
    low: list[tuple[float, int]] = field(default_factory=list)
    looked: bool = False


class Similarities:
    """What the requests of a project ask for, and what their answers are compared with; all of them within one budget."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._found: dict[Function, Comparisons] = {}
        self._values: dict[Function, list[Value]] = {}
        self._left = MAX_VALUES

    def asked(self, asked: Asked, function: Function) -> dict[str, Any]:
        """What a call asks for as similarity (``Asked``: numbers, none where it leaves it to Rekognition), and what its answer is compared with."""
        if function not in self._found:
            answer = _Answer(function, self) if self._left > 0 else None
            self._left -= answer.size if answer is not None else 0
            self._found[function] = answer.comparisons() if answer is not None and self._left > 0 else Comparisons([_TOO_MUCH], looked=True)
        found = self._found[function]
        return {
            "Asked": _asked(asked, function, self.reach),
            "Bars": list(dict.fromkeys(found.bars)),
            "Low": [bar for bar, _ in found.low],
            "LowAt": [line for _, line in found.low],
            "Looked": found.looked,
        }

    def values(self, function: Function) -> list[Value]:
        """Every expression of a statement in ``function``, with those in function literals that run in place."""
        if function not in self._values:
            self._values[function] = list(_values(function.body))
        return self._values[function]


def _asked(asked: Asked, function: Function, reach: Reach) -> list[Number]:
    if asked.call is None:
        return [Unknown("the request's body is put together elsewhere")]
    try:
        values = Arguments(function, reach.project).given(asked.call, THRESHOLDS[asked.operation])
    except OpenError as error:
        return [Unknown(str(error))]
    found = list(dict.fromkeys(number for value in values for number in numbers(value, function, reach)))
    return found if found or not values else [Unknown("it is nothing, or leads back to itself")]


class _Answer:
    """The answer of one function's request, wherever it is looked at."""

    def __init__(self, function: Function, project: Similarities) -> None:
        self.reach, self.function, self.values = project.reach, function, project.values
        around = list(self._around(function))
        self.functions, self._cut = around[:_MAX_FUNCTIONS], len(around) > _MAX_FUNCTIONS
        self._doubts: dict[Function, str] = {}
        self._names: dict[Function, set[str]] = {one: set() for one in self.functions}
        self._keys: set[str] = set()
        self._giving: set[Function] = set()
        self._scaled = False

    def _around(self, function: Function) -> Iterator[Function]:
        """``function``, whatever leads to it, and what is called there."""
        up: dict[Function, None] = {function: None}
        queue = [function]
        while queue and len(up) <= _MAX_FUNCTIONS:
            for caller in self.reach.callers.get(queue.pop(), ()):
                if caller not in up:
                    up[caller] = None
                    queue.append(caller)
        below: dict[Function, None] = {}
        for one in up if len(up) <= _MAX_FUNCTIONS else ():
            for call in calls_of(one.body):
                below.update(dict.fromkeys(self.reach.targets(call, one)))
        yield from {**up, **below}

    @property
    def size(self) -> int:
        """How many expressions may have to be looked at."""
        return _ROUNDS * sum(len(self.values(function)) for function in self.functions)

    def comparisons(self) -> Comparisons:
        """What the similarity is compared with."""
        for _ in range(_ROUNDS):
            before = self._known()
            for function in self.functions:
                self._follow(function)
            if self._known() == before:
                break
        self._scaled = any(self._scales(function) for function in self.functions)
        found = Comparisons([_TOO_MUCH] if self._cut else [])
        for function in self.functions:
            for value, labels in _tests(function.body) if function is self.function or not self._requests(function) else ():
                doubt = "for a label, and what that decides can't be told" if labels else self._others(function)
                self._compare(value, function, found, doubt)
            found.looked = found.looked or any(self.alike(value, function) for value in self.values(function))
        return found

    def _requests(self, function: Function) -> int:
        return sum(1 for one in self.reach.asked.get(function, ()) if one.operation in THRESHOLDS)

    def _others(self, function: Function) -> str:
        """Why a comparison in ``function`` may be about the answer to another request; "" if there is none."""
        if function not in self._doubts:
            requests = sum(self._requests(one) for one in self.functions)
            called = (target for call in calls_of(function.body) for target in self.reach.targets(call, function))
            alone = function is self.function and self._requests(function) == 1 and not any(map(self._requests, called))
            self._doubts[function] = "" if requests <= 1 or alone else "and which of several answers that is can't be told"
        return self._doubts[function]

    def _known(self) -> tuple[int, int, int]:
        return sum(map(len, self._names.values())), len(self._keys), len(self._giving)

    # -- following ---------------------------------------------------------------------------------------------------

    def alike(self, value: Value, function: Function) -> bool:
        """Whether ``value`` is, or is made of, the similarity of an answer."""
        if FIELD in value.keys or not self._keys.isdisjoint(value.keys):
            return True
        if not value.keys and not self._names[function].isdisjoint(value.reads):
            return True  # with a key it is something else of what has a similarity, such as the confidence that there is a face at all
        return any(target in self._giving for call in value.roots for target in self.reach.targets(call, function))

    def called_alike(self, value: Value) -> bool:
        """Whether ``value`` is called after the similarity of faces."""
        last = [name.rsplit(".", 1)[-1] for name in value.own]
        return any(_CALLED_ALIKE.fullmatch(name) for name in (*last, *value.keys))

    def _follow(self, function: Function) -> None:
        names = self._names[function]
        for statement in _statements(function.body):
            if isinstance(statement, Bind):
                for name, key in statement.targets:
                    if key == FIELD or key in self._keys or (not key and self._is(statement.value, function)):
                        names.add(name)
            elif isinstance(statement, Return) and statement.value is not None and self._is(statement.value, function):
                self._giving.add(function)
        for value in self.values(function):
            self._entries(value, function)
        for call in calls_of(function.body):
            self._hand(call, function)

    def _is(self, value: Value, function: Function) -> bool:
        """Whether ``value`` is the similarity itself, and neither a map that holds it nor what a comparison says of it."""
        if isinstance(value.literal, dict | list):
            return False
        return not value.tests and self.alike(value, function)

    def _entries(self, value: Value, function: Function) -> None:
        """Note under which keys of maps the similarity is kept."""
        for part in [value, *(arg for call in value.calls for arg in [*call.args, *call.keywords.values()])]:
            for inner in _maps(part):
                for key, entry in inner.items():
                    if isinstance(entry, Value) and self._is(entry, function) and key.lower() not in _SHARED:
                        self._keys.add(key)

    def _hand(self, call: Call, function: Function) -> None:
        """Note the parameters that are handed the similarity."""
        for target in self.reach.targets(call, function):
            if target not in self._names:
                continue
            for param, arg in zip(target.params, call.args, strict=False):
                if param.name and self._is(arg, function):
                    self._names[target].add(param.name)
            for name, arg in call.keywords.items():
                if self._is(arg, function):
                    self._names[target].add(name)

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _scales(self, function: Function) -> bool:
        """Whether a line of ``function`` brings the similarity to another scale."""
        names = [FIELD.lower(), "similarit", *(name.lower() for name in self._names[function])]
        lines = (code_of(line) for line in function.module.lines[function.line - 1 : function.end] if _SCALED.search(line))
        return any(_SCALED.search(line) and any(name in line.lower() for name in names) for line in lines)

    def _compare(self, test: Value, function: Function, found: Comparisons, doubt: str) -> None:
        surely = [side for side in test.bars if self.alike(side, function)]
        sides = surely or [side for side in test.bars if self.called_alike(side)]
        if len(sides) != 1:
            return
        for other in (side for side in test.bars if side is not sides[0]):
            for bar in numbers(other, function, self.reach):
                self._bar(bar, other, found, doubt, sure=bool(surely))

    def _bar(self, bar: Number, where: Value, found: Comparisons, doubt: str, *, sure: bool) -> None:
        if isinstance(bar, Unknown):
            found.bars.append(Unknown(f"what the {FIELD} is compared with (line {where.line}): {bar.reason}"))
        elif doubt and (bar > 1 or self._scaled):
            found.bars.append(Unknown(f"the {FIELD} is compared with {bar:g} (line {where.line}) {doubt}"))
        elif bar > 1:
            found.bars.append(bar)
        elif bar > 0 and self._scaled:
            found.bars.append(bar * 100)
        elif bar > 0 and sure:
            found.low.append((bar, where.line))


def _maps(value: Value) -> Iterator[dict[str, Any]]:
    if isinstance(value.literal, dict):
        yield value.literal
        for entry in value.literal.values():
            yield from _maps(entry)
    elif isinstance(value.literal, list):
        for entry in value.literal:
            yield from _maps(entry)


def _statements(body: list[Statement]) -> Iterator[Statement]:
    """Every statement in ``body``, with those of function literals that run in place."""
    yield from statements_of(body)
    for call in calls_of(body):
        for inline in call.inline:
            yield from statements_of(inline.body)


def _values(body: list[Statement]) -> Iterator[Value]:
    """Every expression of a statement in ``body``, with those in function literals that run in place."""
    for statement in _statements(body):
        value = getattr(statement, "test", None) or getattr(statement, "value", None)
        if isinstance(value, Value):
            yield value


def _only_labels(arms: list[list[Statement]]) -> bool:
    """Whether all that a condition does is to choose a text (``tag = "identical"``)."""
    inside = [statement for arm in arms for statement in arm]
    return bool(inside) and all(isinstance(statement, Bind) and statement.value.text is not None for statement in inside)


def _tests(body: list[Statement]) -> Iterator[tuple[Value, bool]]:
    """Every comparison of more and less in ``body`` by which something may be decided, and whether it only chooses a text."""
    for statement in _statements(body):
        value = getattr(statement, "test", None) or getattr(statement, "value", None)
        if not isinstance(value, Value) or (isinstance(statement, If) and only_notes(statement.arms)):
            continue
        labels = bool(value.operands) and not value.logic and all(choice.text is not None for choice in value.choices)
        labels = labels or (isinstance(statement, If) and _only_labels(statement.arms))
        yield from ((test, labels) for test in value.tests if test.bars)
