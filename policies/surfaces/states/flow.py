"""The ways through a state machine to its comparisons of faces, and what is done on each about liveness.

A state that reads the result of a liveness session is followed by a Choice on it, or isn't: only one that keeps some executions from the comparison
decides anything. What a state does that runs a program (a function, a container, another machine) isn't seen.
Source: Amazon States Language, and the developer guide's "Integrating with AWS services" (``arn:aws:states:::aws-sdk:rekognition:compareFaces``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.graph.text import hole
from averment.policies.surfaces.code.apis import LIVENESS_WORD, MATCHES, OPERATIONS, RESULT, SESSION

_SERVICE = re.compile(r":states:::aws-sdk:rekognition:([A-Za-z]*)")
_PLAIN = re.compile(
    r"arn:[^:]*:states:::(?:aws-sdk:(?!lambda:|sfn:|ecs:|batch:)|dynamodb:|s3:|sns:|sqs:|events:|eventbridge:|bedrock:)[^:]*(?::[^:]*)*"
)
"""Services that are asked for something and run no program of anybody's."""
_COMPARED = re.compile(r"(?<![$\w.\[\]])([$\w.\[\]]*?)(\w+)(?![$\w.\[\]])[\s)]*(?:[<>]=?\s*(\d+(?:\.\d+)?))?")
"""A path in an expression, its last step by itself, and the number that it is compared with."""
_OR, _AND = re.compile(r"\bor\b"), re.compile(r"\band\b")
_OF_FACES = re.compile(r"FaceDetails|FaceMatches|FaceRecords|UnmatchedFaces|SourceImageFace|SearchedFace|UserMatches|Labels|\bFace\b")
"""Parts of other answers of Rekognition that have a Confidence, too."""
MAX_STEPS = 200_000
_MAX_DEPTH = 30


@dataclass(frozen=True)
class Seen:
    """What was done about liveness on the way to a state: ``read`` and ``opened`` are the states that did it, ``looked`` what of the result
    decided."""

    read: str = ""
    opened: str = ""
    looked: frozenset[str] = frozenset()
    noted: bool = False
    program: str = ""
    other: str = ""
    low: str = ""


@dataclass
class Machine:
    """States by name, where they start, and, for what stands within a state, the machines there."""

    start: str
    states: Mapping[str, Mapping[str, Any]]
    inner: dict[str, list[Machine]] = field(default_factory=dict)
    comparing: set[str] = field(default_factory=set)
    """The states that compare faces, or in which one stands that does."""

    def every(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each state with its name, those within others included."""
        for name, state in self.states.items():
            yield name, state
            for machine in self.inner.get(name, ()):
                yield from machine.every()


def machine_of(definition: Any, depth: int = 0) -> Machine | None:
    """``definition`` as a machine; None where it isn't one."""
    states = definition.get("States") if isinstance(definition, Mapping) else None
    if not isinstance(states, Mapping) or depth > _MAX_DEPTH:
        return None
    found = Machine(str(definition.get("StartAt")), {str(name): state for name, state in states.items() if isinstance(state, Mapping)})
    for name, state in found.states.items():
        parts = [*_listed(state.get("Branches")), state.get("ItemProcessor"), state.get("Iterator")]
        found.inner[name] = [part for one in parts if (part := machine_of(one, depth + 1)) is not None]
        if operation_of(state) in MATCHES or any(part.comparing for part in found.inner[name]):
            found.comparing.add(name)
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def operation_of(state: Mapping[str, Any]) -> str | None:
    """The operation on faces that a state asks Rekognition for."""
    found = _SERVICE.search(hole(state.get("Resource"))) if state.get("Type") == "Task" else None
    return _on_faces(found[1]) if found is not None else None


def _on_faces(name: str) -> str | None:
    name = name[:1].upper() + name[1:]
    return name if name in OPERATIONS else None


def may_be_on_faces(text: str) -> bool:
    """Whether a definition that is known by its words alone asks Rekognition about faces, or for what can't be told."""
    return any(not name or _on_faces(name) for name in _SERVICE.findall(text))


Words = dict[str, float | None]
"""Parts of a liveness result (Status, Confidence), with the number that each is compared with."""


@dataclass(frozen=True)
class _Ruled:
    """What a Choice decides: where its rules lead and what each asks for, whether it looks at a liveness result, what else it calls so."""

    ways: list[tuple[str, Words]]
    noted: bool
    unlike: str


class Flow:
    """The walk through one machine. ``found`` has, by the name of each state that compares faces, what was seen on the ways to it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.found: dict[str, set[Seen]] = {}
        self.cut = ""
        self._steps = 0
        self._ruled = dict[tuple[int, str, bool], _Ruled]()
        self._names, self._others = dict[str, Words](), list[str]()
        for _, state in machine.every():
            self._other(state)
        for _, state in machine.every():
            self._renamed(state)
        self._walk(machine, frozenset({Seen()}), note=True, inside=False)

    def _other(self, state: Mapping[str, Any]) -> None:
        """Note where the results of other states lie."""
        if not _is_other(state):
            return
        path = state.get("ResultPath")
        if isinstance(path, str) and path != "$":
            self._others.append(path)
        self._others += [f"${key.removesuffix('.$')}" for key, value in _entries(state.get("Assign")) if not _of_input(value)]

    def _renamed(self, state: Mapping[str, Any]) -> None:
        """Note under which names parts of a liveness result are handed on."""
        for part in ("Parameters", "ResultSelector", "Assign", "Output", "Arguments"):
            for key, value in _entries(state.get(part)):
                if _is_other(state) and (part not in ("Assign", "Output") or not _of_input(value)):
                    continue  # what is sent to somebody, or comes from there
                if words := self._words(value):
                    self._names[key.removesuffix(".$")] = words

    def _words(self, expression: str) -> Words:
        """The parts of a liveness result in a path or an expression, with the number that each is compared with."""
        found: Words = {}
        for path, last, number in _COMPARED.findall(expression):
            if _OF_FACES.search(path) or any(path.startswith((f"{other}.", f"{other}[")) for other in self._others):
                continue
            known: Words = {last: None} if last in ("Status", "Confidence") else self._names.get(last, {})
            for word, bound in known.items():
                found[word] = float(number) if number else found.get(word, bound)
        return found

    def _walk(self, machine: Machine, entering: frozenset[Seen], *, note: bool, inside: bool = True) -> frozenset[Seen]:
        """Go through ``machine``; what was seen where it ends well. ``inside``: it stands in a state of another one, which goes on then."""
        todo = [(machine.start, seen) for seen in entering]
        done, leaving = set(todo), set[Seen]()
        while todo:
            name, seen = todo.pop()
            state = machine.states.get(name)
            self._steps += 1
            if state is None or self._steps > MAX_STEPS:
                self.cut = self.cut or (f"there is no state {name}" if state is None else "there are too many")
                continue
            if state.get("Type") == "Fail":
                continue
            if note and operation_of(state) in MATCHES:
                self.found.setdefault(name, set()).add(seen)
            after = self._through(machine, name, state, seen, note=note)
            ways = [*self._ways(machine, name, state, after, inside), *((_next(catch), seen) for catch in _listed(state.get("Catch")))]
            if state.get("End") is True or state.get("Type") == "Succeed":
                leaving |= after
            for way in ways:
                self._steps += 1
                if way[0] and way not in done:
                    done.add(way)
                    todo.append(way)
        return frozenset(leaving)

    def _through(self, machine: Machine, name: str, state: Mapping[str, Any], seen: Seen, *, note: bool) -> frozenset[Seen]:
        """What was seen once a state has succeeded: of branches all do, and a loop over items may have none."""
        inner = machine.inner.get(name, [])
        if inner:
            for part in inner if note else ():
                self._walk(part, frozenset({seen}), note=True)
            after = frozenset({seen})
            for part in inner:
                after = self._walk(part, after, note=False)
            return after if state.get("Type") == "Parallel" else after | {seen}
        operation = operation_of(state)
        if operation == RESULT:
            return frozenset({Seen(read=name, opened=seen.opened)})
        if operation == SESSION:
            return frozenset({replace(seen, opened=seen.opened or name)})
        if state.get("Type") == "Task" and operation is None and _PLAIN.fullmatch(hole(state.get("Resource"))) is None:
            called = f"{name} {hole(state.get('Resource'))} {hole(_named_function(state))}"
            if LIVENESS_WORD.search(called):
                return frozenset({replace(seen, other=seen.other or name, program=seen.program or name)})
            return frozenset({replace(seen, program=seen.program or name)})
        return frozenset({seen})

    def _ways(
        self, machine: Machine, name: str, state: Mapping[str, Any], after: frozenset[Seen], inside: bool
    ) -> Iterator[tuple[str, Seen]]:
        if state.get("Type") != "Choice":
            yield from ((_next(state), seen) for seen in after)
            return
        ruled = self._ruled.get((id(machine), name, inside)) or self._rules(machine, name, state, inside)
        self._ruled[id(machine), name, inside] = ruled
        for to, words in ruled.ways:
            bound = words.get("Confidence")
            low = f"{bound:g}" if bound is not None and bound <= 1 else ""
            for seen in after:
                if seen.read and ruled.noted:
                    looked = seen.looked | frozenset(words)
                    yield to, replace(seen, looked=looked, noted=seen.noted or not words, low=low or seen.low)
                else:
                    yield to, replace(seen, other=seen.other or ruled.unlike) if ruled.unlike and not seen.read else seen

    def _rules(self, machine: Machine, name: str, state: Mapping[str, Any], inside: bool) -> _Ruled:
        """What the Choice ``name`` decides."""
        choices = [choice for choice in _listed(state.get("Choices")) if isinstance(choice, Mapping)]
        choices.append({"Next": state.get("Default")})
        leads = {to: self._leads_on(machine, to, name, inside) for to in dict.fromkeys(map(_next, choices))}
        written = [text for choice in choices for text in _variables(choice)]
        ways, refused = list[tuple[str, Words]](), Words()
        for choice in choices:
            ways.append((_next(choice), {**refused, **self._asked(choice)} if not all(leads.values()) else {}))
            refused |= {} if leads[_next(choice)] else self._asked(choice, refused=True)  # of these, nobody comes to the rules behind it
        unlike = next((text for text in written if LIVENESS_WORD.search(text)), "")
        return _Ruled(ways, noted=any(self._words(text) for text in written), unlike=unlike)

    def _leads_on(self, machine: Machine, start: str, around: str, inside: bool) -> bool:
        """Whether a comparison of faces can be reached from ``start`` without another look at the Choice ``around``, or what follows the machine."""
        todo, done = [start], {around}
        while todo:
            name = todo.pop()
            self._steps += 1
            if name in done or (state := machine.states.get(name)) is None:
                continue
            done.add(name)
            if self._steps > MAX_STEPS:
                self.cut = self.cut or "there are too many"
                return True
            if name in machine.comparing:
                return True
            if inside and (state.get("End") is True or state.get("Type") == "Succeed"):
                return True
            parts = [state, *_listed(state.get("Choices")), *_listed(state.get("Catch"))]
            todo += [_next(part) for part in parts if isinstance(part, Mapping)]
            todo.append(str(state.get("Default") or ""))
        return False

    def _asked(self, choice: Mapping[str, Any], *, refused: bool = False) -> Words:
        """Which parts of a liveness result a rule of a Choice asks for, whatever else it does, with the number that each is compared with.

        ``refused``: which of them nobody passes by whom the rule doesn't take.
        """
        condition, variable = choice.get("Condition"), choice.get("Variable")
        found: Words = {}
        if isinstance(condition, str) and not (_AND if refused else _OR).search(condition):
            found |= self._words(condition)
        if isinstance(variable, str):
            numbers = [value for key, value in choice.items() if key.startswith("Numeric") and isinstance(value, int | float)]
            found |= {word: float(numbers[0]) if numbers else bound for word, bound in self._words(variable).items()}
        if isinstance(choice.get("Not"), Mapping):
            found |= self._asked(choice["Not"], refused=not refused)
        each, either = (
            [self._asked(part, refused=refused) for part in _listed(choice.get(key)) if isinstance(part, Mapping)]
            for key in (("Or", "And") if refused else ("And", "Or"))
        )
        for part in (*each, *(either if all(either) else ())):
            found |= part
        return found


def _is_other(state: Mapping[str, Any]) -> bool:
    """Whether the result of ``state`` is another's than that of a liveness session."""
    return state.get("Type") == "Task" and operation_of(state) != RESULT


def _of_input(expression: str) -> bool:
    """Whether an expression of JSONata is about what came into its state, or a variable, and not about the state's result."""
    return expression.lstrip().startswith("{%") and "$states.result" not in expression


def _entries(written: Any) -> Iterator[tuple[str, str]]:
    """The texts in a map, at any depth, with their keys."""
    for key, value in written.items() if isinstance(written, Mapping) else ():
        if isinstance(value, str):
            yield str(key), value
        else:
            yield from _entries(value)


def rules_of(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rules of a Choice, each with what it is put together of."""
    for choice in _listed(state.get("Choices")):
        if isinstance(choice, Mapping):
            yield from _parts(choice)


def _parts(choice: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A rule of a Choice, and what it is put together of."""
    yield choice
    for inner in (*_listed(choice.get("And")), *_listed(choice.get("Or")), choice.get("Not")):
        if isinstance(inner, Mapping):
            yield from _parts(inner)


def _variables(choice: Mapping[str, Any]) -> list[str]:
    values = (part.get(key) for part in _parts(choice) for key in ("Variable", "Condition"))
    return [value for value in values if isinstance(value, str)]


def _named_function(state: Mapping[str, Any]) -> Any:
    for part in ("Parameters", "Arguments"):
        written = state.get(part)
        if isinstance(written, Mapping):
            return written.get("FunctionName")
    return None


def _next(part: Any) -> str:
    return str(part.get("Next") or "") if isinstance(part, Mapping) else ""


def liveness(seen: Seen) -> str | Unknown:
    """What was done about liveness, in the words of the rules on source code."""
    if seen.read and "Confidence" in seen.looked:
        if seen.low:
            return Unknown(f"the liveness result is compared with {seen.low}, and its Confidence counts from 0 to 100")
        return "checked"
    if seen.read and seen.program:
        return Unknown(f"the liveness result may be looked at by what the state {seen.program} runs, which was not followed")
    if seen.read and seen.noted:
        return Unknown(f"the liveness result (state {seen.read}) is compared with something, but nothing on the way is decided by that")
    if seen.read:
        return "ended" if "Status" in seen.looked else "ignored"
    if seen.other:
        return Unknown(f"{seen.other} is asked before, which isn't a liveness result of Rekognition as far as can be told")
    return Unknown(f"what the state {seen.program} runs before was not followed") if seen.program else "none"
