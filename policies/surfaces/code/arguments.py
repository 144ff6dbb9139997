"""What a call asks for: the list of face attributes, through variables as far as they are constants."""

from __future__ import annotations

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.code.apis import ATTRIBUTES
from averment.policies.surfaces.code.model import Function, Value, calls_of
from averment.policies.surfaces.code.reach import Asked

_DEPTH = 6
_ADDING = frozenset({"append", "extend", "insert", "push", "unshift", "splice", "add", "update"})
"""Methods by which lists and sets grow."""


def attributes_asked(asked: Asked, function: Function) -> list[str] | Unknown:
    """The attributes that a call asks for; an empty list means the default (no emotion, no category)."""
    name = ATTRIBUTES[asked.operation]
    call = asked.call
    if call is None:
        return Unknown("the request's body is put together elsewhere")
    value = call.keywords.get(name)
    if value is None:
        maps = [arg for arg in call.args if arg.text is None]  # a text is the operation's name, for a function that makes the call
        found = _in_map(maps[0], name, function) if maps else _in_spreads(call.keywords, name, function)
        if isinstance(found, Unknown):
            return found
        value = found
    return [] if value is None else _texts(value, name, function, 0)


def _in_spreads(keywords: dict[str, Value], name: str, function: Function) -> Value | Unknown | None:
    for key, value in keywords.items():
        if key.startswith("**"):
            return _in_map(value, name, function)
    return None


def _in_map(value: Value, name: str, function: Function) -> Value | Unknown | None:
    """The entry ``name`` of the map ``value``."""
    if isinstance(value.literal, dict):
        entry = value.literal.get(name)
        return entry if entry is not None or value.constant else Unknown("its parameters are put together from several maps")
    if not value.name:
        return Unknown(f"its parameters are put together by {'a call' if value.outer else 'an expression'}")
    later = _bound(f"{value.name}.{name}", function)
    if later:
        return later[-1]
    bound = _bound(value.name, function)
    maps = [entry.literal for entry in bound if entry.constant and isinstance(entry.literal, dict)]
    if not bound or len(maps) < len(bound):
        return Unknown(f"what '{value.name}' holds is not known")
    return next((entry[name] for entry in maps if name in entry), None)


def _texts(value: Value, name: str, function: Function, depth: int) -> list[str] | Unknown:
    """The strings that ``value`` holds."""
    if value.text is not None:
        return [value.text]
    if isinstance(value.literal, list):
        items = [item if isinstance(item, Value) else None for item in value.literal]
        found: list[str] = []
        for item in items:
            part = _texts(item, name, function, depth + 1) if item is not None else Unknown("")
            if isinstance(part, Unknown):
                return Unknown(f"an entry of {name} is not a constant")
            found += part
        return found
    if value.name and depth < _DEPTH:
        bound = [*_bound(value.name, function), *_added(value.name, function)]
        parts = [_texts(entry, name, function, depth + 1) for entry in bound if not (entry.constant and entry.literal is None)]
        known = [part for part in parts if not isinstance(part, Unknown)]
        if parts and len(known) == len(parts):
            return sorted({text for part in known for text in part})
    return Unknown(f"{name} is '{value.name}', which is not a constant" if value.name else f"{name} is not a constant")


def _added(name: str, function: Function) -> list[Value]:
    """What is put into the list ``name`` after it was made, in the function or the module's own code."""
    bodies = [function.body] if function is function.module.own else [function.body, function.module.own.body]
    calls = (call for body in bodies for call in calls_of(body) if call.name in _ADDING)
    return [arg for call in calls if call.receiver is not None and call.receiver.name == name for arg in call.args]


def _bound(name: str, function: Function) -> list[Value]:
    here: Function | None = function
    while here is not None:
        if name in here.bindings:
            return here.bindings[name]
        if any(param.name == name for param in here.params):
            return []
        here = here.outer
    return function.module.own.bindings.get(name, [])
