"""What the state machines of a graph ask Rekognition about faces: each machine that does, as one function of source code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES, decoded
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, PropertyPath, Reference, Resource, Unknown
from averment.policies.graph.text import hole, parsed_json, plain
from averment.policies.surfaces.cloudformation.parsing import parse_template
from averment.policies.surfaces.code.apis import ATTRIBUTES, MATCHES, RESULT, THRESHOLDS
from averment.policies.surfaces.lined import LinedMap
from averment.policies.surfaces.states.flow import Flow, Machine, Seen, liveness, machine_of, may_be_on_faces, operation_of, rules_of

LANGUAGE = "step-functions"
_TYPE = "Averment::Code::Function"
_MACHINE = "AWS::StepFunctions::StateMachine"
_WRITTEN = ("Definition", "DefinitionString")
_NAMED = ("DefinitionUri", "DefinitionS3Location")
_SIMILARITY = re.compile(r"[Ss]imilarity\b\s*[<>]=?\s*(\d+(?:\.\d+)?)")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def add_machines(graph: Graph, top: Path, observer: Observer) -> None:
    """Add to ``graph`` what its state machines ask; files below ``top`` are read that they name as their definition."""
    for resource in list(graph.of_type(_MACHINE)):
        try:
            found = _asking(resource, graph, top, observer)
        except RecursionError:
            graph.problems.append(Problem(f"{resource.address}: its definition is nested too deeply", resource.source))
            continue
        if found is not None:
            graph.add(found)


def _asking(resource: Resource, graph: Graph, top: Path, observer: Observer) -> Resource | None:
    definition, where = _definition(resource, graph, top, observer)
    machine = machine_of(definition)
    if machine is not None:
        return _function(resource, machine, where, _elsewhere(graph))
    if isinstance(definition, Unknown) and may_be_on_faces(definition.template or ""):
        return _made(resource, where(""), [_call(Unknown(definition.reason), where("").line)], [], {})
    return None


def _definition(resource: Resource, graph: Graph, top: Path, observer: Observer) -> tuple[Any, Callable[[str], SourceRef]]:
    """The definition of a machine, and where a state of it stands."""
    for key in _WRITTEN:
        if (written := resource.get(key)) is not None:
            text = written.template if isinstance(written, Unknown) and written.template else written
            value = parsed_json(_substituted(text, resource) if isinstance(text, str) else text)
            value = _parsed(value, resource.address) if isinstance(value, str) else _filled(value, _substitutions(resource))
            return (value if isinstance(value, Mapping) else written), lambda name, key=key: resource.where(key, "States", name)
    for key in _NAMED:
        place = resource.get(key)
        if place is not None:
            return _file(resource, key, graph, top, observer)
    return None, lambda _: resource.source


def _file(resource: Resource, key: str, graph: Graph, top: Path, observer: Observer) -> tuple[Any, Callable[[str], SourceRef]]:
    place, at = resource.get(key), resource.where(key)

    def unread(reason: str) -> tuple[None, Callable[[str], SourceRef]]:
        graph.problems.append(Problem(f"{resource.address}: its definition {reason}, and was not read", at, blocking=False))
        return None, lambda _: at

    if not isinstance(place, str) or "://" in place:
        return unread("lies elsewhere")
    path = Path(resource.source.file or "").parent / place
    try:
        if not observer.is_file(path):
            return unread(f"({place}) is no file here")
        if not observer.real(path).is_relative_to(observer.real(top)):
            return unread(f"({place}) is outside of the checkout")
        text = decoded(observer.read(path, limit=MAX_TEXT_BYTES), path)
    except (BadInputError, OSError, ValueError):
        return unread(f"({place}) can't be read")
    value = _parsed(_substituted(text, resource), str(path))
    if not isinstance(value, Mapping):
        return unread(f"({place}) is neither JSON nor YAML")
    return value, lambda name: SourceRef(str(path), _line(value, name))


def _parsed(text: str, name: str) -> Any:
    try:
        return parse_template(text, name)
    except (BadInputError, ValueError, RecursionError):
        return None


def _substitutions(resource: Resource) -> dict[str, str]:
    given = resource.get("DefinitionSubstitutions")
    return {key: plain(value) for key, value in given.items() if isinstance(value, str | int | float)} if isinstance(given, Mapping) else {}


def _substituted(text: str, resource: Resource) -> str:
    """``text`` with the placeholders filled in of which the template says what stands there."""
    known = _substitutions(resource)
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), text) if known else text


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    """A definition that was written as a map, with its placeholders filled in."""
    if not known:
        return value
    if isinstance(value, Mapping):
        return {key: _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), value) if isinstance(value, str) else value


def _line(definition: Any, name: str) -> int | None:
    """The line of a state, at whatever depth it stands."""
    todo = [definition]
    while todo:
        part = todo.pop()
        states = part.get("States") if isinstance(part, Mapping) else None
        if isinstance(states, LinedMap) and name in states:
            return states.key_lines.get(name)
        todo += list(part.values()) if isinstance(part, Mapping) else part if isinstance(part, list) else []
    return definition.line if isinstance(definition, LinedMap) else None


def _elsewhere(graph: Graph) -> str | None:
    return next((address for address, called in graph.face_calls.items() if RESULT in called), None)


def _function(resource: Resource, machine: Machine, where: Callable[[str], SourceRef], elsewhere: str | None) -> Resource | None:
    """The machine as a function of source code; None where it asks nothing that a rule judges."""
    asking = [(name, operation, state) for name, state in machine.every() if (operation := operation_of(state)) is not None]
    asking = [entry for entry in asking if entry[1] in THRESHOLDS or entry[1] in ATTRIBUTES]
    if not asking:
        return None
    flow, bars = Flow(machine), list(_bars(machine))
    calls, places = [], dict[PropertyPath, SourceRef]()
    paths = dict[tuple[str, int | None, Seen], dict[str, Any]]()
    for index, (name, operation, state) in enumerate(asking):
        at = places["Calls", index] = where(name)
        call = _call(operation, at.line)
        if operation in ATTRIBUTES:
            call["Attributes"] = _attributes(state, ATTRIBUTES[operation])
        if operation in THRESHOLDS:
            high, low = (
                [bar for bar in bars if isinstance(bar, Unknown) or bar > 1],
                [bar for bar in bars if not isinstance(bar, Unknown) and bar <= 1],
            )
            asked = _similarity(state, THRESHOLDS[operation])
            call["Similarity"] = {"Asked": asked, "Bars": high, "Low": low, "LowAt": [at.line] * len(low), "Looked": True}
        calls.append(call)
        if operation in MATCHES:
            paths |= {
                (operation, at.line, seen): _path(resource, operation, at, seen) for seen in sorted(flow.found.get(name, ()), key=repr)
            }
    judged = any(path["Liveness"] != "none" for path in paths.values())
    return _made(
        resource, where(asking[0][0]), calls, list(paths.values()), places, cut=flow.cut or None, elsewhere=None if judged else elsewhere
    )


def _made(
    resource: Resource,
    at: SourceRef,
    calls: list[dict[str, Any]],
    paths: list[dict[str, Any]],
    places: Mapping[PropertyPath, SourceRef],
    *,
    cut: str | None = None,
    elsewhere: str | None = None,
) -> Resource:
    properties = {
        "Language": LANGUAGE,
        "Function": _label(resource),
        "Calls": calls,
        "Paths": paths,
        "PathsCut": cut,
        "LivenessElsewhere": elsewhere,
    }
    source = at if at.file != resource.source.file else resource.source
    return Resource(f"{resource.address}:states", _TYPE, properties, source, Dialect.SOURCE, LANGUAGE, places, resource.comments)


def _label(resource: Resource) -> str:
    return f"the state machine {resource.address}"


def _call(operation: str | Unknown, line: int | None) -> dict[str, Any]:
    return {"Api": operation, "Line": line, "Certain": True, "Http": False}


def _path(resource: Resource, operation: str, at: SourceRef, seen: Seen) -> dict[str, Any]:
    return {
        "Api": operation,
        "Line": at.line,
        "Entry": _label(resource),
        "EntryFile": at.file if at.file != resource.source.file else resource.source.file,
        "EntryLine": resource.source.line,
        "Via": [],
        "Liveness": liveness(seen),
        "Opened": bool(seen.opened),
        "ReadAt": f"state {seen.read}" if seen.read else None,
    }


def _given(state: Mapping[str, Any], parameter: str) -> Iterator[Any]:
    """What a state gives as ``parameter``; an Unknown where the execution's input decides."""
    written = state.get("Parameters") if "Parameters" in state else state.get("Arguments")
    if not isinstance(written, Mapping):
        yield written if isinstance(written, Unknown) else Unknown("the state's input is passed on")
    elif f"{parameter}.$" in written:
        yield Unknown("it comes from the state's input")
    elif parameter in written:
        value = written[parameter]
        yield Unknown("it is computed by the state") if isinstance(value, str) and value.lstrip().startswith("{%") else value


def _similarity(state: Mapping[str, Any], parameter: str) -> list[float | Unknown]:
    found: list[float | Unknown] = []
    for value in _given(state, parameter):
        try:
            found.append(value if isinstance(value, Unknown) else float(hole(value)))
        except ValueError:
            found.append(Unknown(f"it is '{hole(value)}'"))
    return found


def _attributes(state: Mapping[str, Any], parameter: str) -> Any:
    found: list[Any] = []
    for value in _given(state, parameter):
        found += value if isinstance(value, list) else [value]
    return next((Unknown("they come from the state's input") for one in found if isinstance(one, Reference)), found)


def _bars(machine: Machine) -> Iterator[float | Unknown]:
    """What a Choice compares a similarity with."""
    for rule in (rule for _, state in machine.every() for rule in rules_of(state)):
        condition, variable = rule.get("Condition"), rule.get("Variable")
        if isinstance(condition, str):
            yield from map(float, _SIMILARITY.findall(condition))
        if isinstance(variable, str) and "similarity" in variable.rpartition(".")[2].lower():
            for bar in (value for key, value in rule.items() if key.startswith("Numeric")):
                yield float(bar) if isinstance(bar, int | float) else Unknown("the similarity is compared with what the input says")
