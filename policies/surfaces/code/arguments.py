"""What a call asks for: the list of face attributes, through variables as far as they are constants."""

from __future__ import annotations

from collections.abc import Iterator

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.code.apis import ATTRIBUTES
from averment.policies.surfaces.code.model import Call, Function, Value, calls_of
from averment.policies.surfaces.code.project import Project
from averment.policies.surfaces.code.reach import Asked

_DEPTH = 6
_ADDING = frozenset({"append", "extend", "insert", "push", "unshift", "splice", "add", "update"})
"""Methods by which lists and sets grow."""
_ENUMERATIONS = frozenset({"Attribute", "FaceAttributes"})
"""What the AWS SDK for JavaScript calls the attributes that can be asked for."""


def attributes_asked(asked: Asked, function: Function, project: Project) -> list[str] | Unknown:
    """The attributes that a call asks for; an empty list means the default (no emotion, no category)."""
    if asked.call is None:
        return Unknown("the request's body is put together elsewhere")
    try:
        return Arguments(function, project).asked(asked.call, ATTRIBUTES[asked.operation])
    except OpenError as error:
        return Unknown(str(error))


class OpenError(Exception):
    """Something that can't be told, and why."""


class Arguments:
    """Looks arguments up among what is bound in ``function``, in its module and in those that it imports."""

    def __init__(self, function: Function, project: Project) -> None:
        self.function, self.project = function, project

    def asked(self, call: Call, name: str) -> list[str]:
        """The texts in the parameter ``name`` of ``call``, whichever way they come there.

        Raises:
            OpenError: they can't be told.
        """
        if name in call.keywords:
            return self.texts(call.keywords[name], name)
        found = [text for value in self.given(call, name) for text in self.texts(value, name)]
        return sorted(set(found)) if len(found) > 1 else found

    def given(self, call: Call, name: str) -> list[Value]:
        """What ``call`` gives as the parameter ``name``; several values where that hangs on something, none where it gives none.

        Raises:
            OpenError: what its parameters are can't be told.
        """
        if name in call.keywords:
            return [call.keywords[name]]
        maps = [arg for arg in call.args if arg.text is None][:1]  # a text is the operation's name, for a function that makes the call
        maps += [value for key, value in call.keywords.items() if key.startswith("**")]
        return [entry for value in maps for entry in self.entries(value, name)]

    def entries(self, value: Value, name: str, depth: int = 0) -> Iterator[Value]:
        """What the entry ``name`` of the map ``value`` may be; nothing where it has none."""
        if isinstance(value.literal, dict):
            if name not in value.literal and not value.constant:
                raise OpenError("its parameters are put together from several maps")
            yield from (entry for key, entry in value.literal.items() if key == name)
            return
        if depth > _DEPTH:
            raise OpenError("its parameters are put into each other")
        if not value.name:
            raise OpenError(f"its parameters are put together by {'a call' if value.outer else 'an expression'}")
        later = [*self.bound(f"{value.name}.{name}"), *self.put(value.name, name, depth + 1)]
        bound = self.bound(value.name)
        if not later and not (bound and all(entry.constant and isinstance(entry.literal, dict) for entry in bound)):
            raise OpenError(f"what '{value.name}' holds is not known")
        yield from later
        yield from (entry.literal[name] for entry in bound if isinstance(entry.literal, dict) and name in entry.literal)

    def put(self, held: str, name: str, depth: int) -> Iterator[Value]:
        """What is put into the map ``held`` as ``name`` by calls: ``update``, ``setdefault``, ``Object.assign``."""
        for call in self.calls():
            by_method = call.receiver is not None and call.receiver.name == held
            if by_method and call.name == "setdefault" and len(call.args) > 1 and call.args[0].text == name:
                yield call.args[1]
            elif by_method and call.name == "update":
                yield from (value for key, value in call.keywords.items() if key == name)
                for part in call.args:
                    yield from self.entries(part, name, depth)
            elif call.path == "Object.assign" and call.args and call.args[0].name == held:
                for part in call.args[1:]:
                    yield from self.entries(part, name, depth)

    def texts(self, value: Value, name: str, depth: int = 0) -> list[str]:
        """The strings that ``value`` holds."""
        if value.text is not None:
            return [value.text]
        if isinstance(value.literal, list):
            try:
                return [text for item in value.literal for text in self.texts(item, name, depth + 1)]
            except OpenError:
                raise OpenError(f"an entry of {name} is not a constant") from None
        if value.choices and depth < _DEPTH:
            return [text for choice in value.choices for text in self.texts(choice, name, depth + 1)]
        if value.name and self.is_member(value.name):
            return [value.name.rpartition(".")[2]]
        if value.name and depth < _DEPTH:
            bound = [*self.bound(value.name), *self.added(value.name)]
            parts = [self.texts(entry, name, depth + 1) for entry in bound if not (entry.constant and entry.literal is None)]
            if parts:
                return sorted({text for part in parts for text in part})
        raise OpenError(f"{name} is '{value.name}', which is not a constant" if value.name else f"{name} is not a constant")

    def is_member(self, name: str) -> bool:
        """Whether ``name`` is a member of an enumeration of the SDK (``Attribute.ALL``), each of which is the text that it is called."""
        *path, _ = name.split(".")
        origin = self.project.origin(self.function.module, path[0]) if path else None
        if origin is None or "rekognition" not in origin.module:
            return False
        return (origin.name if len(path) == 1 and origin.name else path[-1]) in _ENUMERATIONS

    def added(self, name: str) -> Iterator[Value]:
        """What is put into the list ``name`` after it was made."""
        for call in self.calls():
            if call.name in _ADDING and call.receiver is not None and call.receiver.name == name:
                yield from call.args

    def calls(self) -> Iterator[Call]:
        """The calls in the function and the module's own code."""
        own = self.function.module.own
        for body in [self.function.body] if self.function is own else [self.function.body, own.body]:
            yield from calls_of(body)

    def bound(self, name: str) -> list[Value]:
        """What ``name`` is bound to."""
        return self.project.bound(name, self.function)
