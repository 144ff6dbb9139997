"""Which calls of a project ask Rekognition what: by a client's method, by a command of the SDK, by the operation's name."""

from __future__ import annotations

from averment.policies.surfaces.code.apis import BY_NAME, LOCAL_LIBRARIES, OPERATIONS, SPECIFIC
from averment.policies.surfaces.code.model import Call, Function, Raise, Value
from averment.policies.surfaces.code.names import Kind, Names, bindings_of

_BY_OPERATION = frozenset({"_make_api_call", "makeRequest"})  # methods of a client to which the operation is named


class Project(Names):
    """The modules that were read, how they refer to each other, and what they ask Rekognition."""

    def _kept_operation(self, call: Call, function: Function) -> tuple[str, bool] | None:
        """The operation that ``call`` is where a client's method was kept under a name of its own: ``compare = client.compare_faces``."""
        for value in bindings_of(call.name, function) if call.receiver is None else ():
            operation = self.method_in(value, function)
            if operation is not None:
                return operation, True
        return None

    def method_in(self, value: Value, function: Function) -> str | None:
        """The operation whose method ``value`` is, not called: an attribute of a Rekognition client."""
        if value.outer is not None:
            return None
        holder, _, last = value.name.rpartition(".")
        if holder and last in BY_NAME:
            return BY_NAME[last] if self.name(holder, function).kind is Kind.CLIENT else None
        named = next((BY_NAME[key] for key in value.keys if key in BY_NAME), None) if not value.name else None
        if named is None or len(value.roots) != 1:
            return None
        return named if self._result(value.roots[0], function, 0).kind is Kind.CLIENT else None

    def _command(self, operation: str, call: Call, function: Function) -> tuple[str, bool] | None:
        """The operation whose command ``call`` makes; a class of the project that has its name (a message on a bus) is none."""
        target = self.callee(call, function)
        if target is not None and target.cls is not None:
            return None
        origin = self.origin(function.module, call.name) if call.receiver is None else None
        known = origin is None or "rekognition" in origin.module
        return operation, known or bool(_given(call, function) & SPECIFIC[operation])

    def operation(self, call: Call, function: Function) -> tuple[str, bool] | None:
        """The Rekognition operation that ``call`` is, and whether that is certain; None if it is none."""
        origin = self.origin(function.module, call.name)
        renamed = origin is not None and "rekognition" in origin.module  # import { CompareFacesCommand as Compare }
        name = origin.name if origin is not None and renamed and origin.name in BY_NAME else call.name
        operation = BY_NAME.get(name)
        if name in _BY_OPERATION and call.receiver is not None and call.args and call.args[0].text is not None:
            named = call.args[0].text  # client._make_api_call("CompareFaces", {...})
            found = named if named in OPERATIONS else BY_NAME.get(named)
            return (found, True) if found is not None and self.value(call.receiver, function).kind is Kind.CLIENT else None
        if operation is None:
            return self._kept_operation(call, function)
        if name.endswith("Command"):
            return self._command(operation, call, function)
        if call.receiver is None:
            return None
        base = self.value(call.receiver, function)
        if base.kind is Kind.CLIENT:
            return operation, True
        if (
            base.kind is Kind.OTHER
            and (base.module is None or self._member(base, call.name, 0).kind is not Kind.OPEN)
            and base.detail != ""
        ):
            foreign = base.detail.split(".")[0] not in LOCAL_LIBRARIES
            if foreign and _given(call, function) & SPECIFIC[operation]:
                return operation, True
            return (operation, False) if foreign and "rek" in call.receiver.name.lower() else None
        target = self.callee(call, function)
        if target is not None and target.function is not None and not is_stub(target.function):
            return None
        given = _given(call, function)
        if given & SPECIFIC[operation]:
            return operation, True
        if call.args and function.module.language == "python":
            return None  # boto3 takes no positional arguments
        hinted = "rek" in call.receiver.name.lower() or any(key.startswith("**") for key in call.keywords)
        return (operation, False) if hinted and base.kind is Kind.OPEN and not self.by_name(call) else None


def is_stub(function: Function) -> bool:
    """Whether ``function`` only says that there is such a method (of a protocol, of an abstract class)."""
    return all(isinstance(statement, Raise) for statement in function.body)


def _given(call: Call, function: Function) -> set[str]:
    """The names of the parameters that a call is known to give."""
    given = set(call.keywords)
    for arg in call.args[:1]:
        literal = arg.literal if arg.constant else None
        if arg.name and literal is None:
            bound = [value for value in bindings_of(arg.name, function) if isinstance(value.literal, dict)]
            literal = bound[0].literal if bound else None
        if isinstance(literal, dict):
            given |= set(literal)
    return given
