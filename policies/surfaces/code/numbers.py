"""The numbers that a value may be: written there, under a name, as a parameter that callers give, or in the environment."""

from __future__ import annotations

from collections.abc import Iterator

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.code.model import Call, Function, Param, Value, calls_of, returned_values
from averment.policies.surfaces.code.reach import Reach

_DEPTH = 8
_CONVERSIONS = frozenset({"float", "int", "str", "Number", "String", "parseFloat", "parseInt", "Decimal", "abs"})
_PICKING = frozenset({"get", "getenv", "getOrThrow"})

Number = float | Unknown


def numbers(value: Value, function: Function, reach: Reach, depth: int = 0) -> list[Number]:
    """What ``value`` may be inside ``function``, each once; an Unknown for what can't be told, nothing for what is null."""
    found = list(_numbers(value, function, reach, depth))
    return list(dict.fromkeys(found))


def _numbers(value: Value, function: Function, reach: Reach, depth: int) -> Iterator[Number]:
    if depth > _DEPTH:
        yield Unknown("it is handed on more often than is followed")
    elif value.constant:
        yield from _written(value)
    elif value.choices:
        for choice in value.choices:
            yield from _numbers(choice, function, reach, depth + 1)
    elif value.outer is not None:
        yield from _called(value.outer, function, reach, depth)
    elif value.name:
        yield from _named(value.name, function, reach, depth)
    else:
        yield Unknown("it is worked out at run time")


def _written(value: Value) -> Iterator[Number]:
    if value.literal is None:
        return
    plain = str(value.literal).replace("_", "")
    try:
        yield float(plain) if not isinstance(value.literal, bool | list | dict) else Unknown("it is no number")
    except ValueError:
        yield Unknown(f"it is '{plain[:40]}', which is no number")


def _called(call: Call, function: Function, reach: Reach, depth: int) -> Iterator[Number]:
    receiver = call.receiver.name if call.receiver is not None else ""
    if call.name in _CONVERSIONS and call.args and (not receiver or receiver in {"Number", "decimal"}):
        yield from _numbers(call.args[0], function, reach, depth + 1)
        return
    environment = call.name == "getenv" or (call.name in _PICKING and receiver.endswith("environ"))
    if call.name in _PICKING:
        named = call.args[0].text if call.args else None
        yield Unknown(_from_environment(named or "") if environment else f"{call.path}({named or ''}) gives it")
        for otherwise in call.args[1:2]:
            yield from _numbers(otherwise, function, reach, depth + 1)
        return
    targets = [target for target in reach.targets(call, function) if next(returned_values(target), None) is not None]
    if not targets:
        yield Unknown(f"{call.path}() gives it")
    for target in targets:
        given = (number for value in returned_values(target) for number in _numbers(value, target, reach, depth + 1))
        yield from _once((target, ""), given, reach)


def _once(key: tuple[Function, str], given: Iterator[Number], reach: Reach) -> list[Number]:
    """What a function gives, or is handed as a parameter, looked up once: calls that lead back to it add nothing."""
    if key not in reach.numbers:
        reach.numbers[key] = []
        reach.numbers[key] = list(dict.fromkeys(given))
    return reach.numbers[key]


def _from_environment(name: str) -> str:
    return f"it comes from the environment{f' ({name})' if name else ''}"


def _named(name: str, function: Function, reach: Reach, depth: int) -> Iterator[Number]:
    for prefix in ("process.env.", "import.meta.env.", "os.environ."):
        if name.startswith(prefix):
            yield Unknown(_from_environment(name.removeprefix(prefix)))
            return
    if "." not in name:
        owner, param = _parameter(name, function)
        if owner is not None and param is not None:
            yield from _handed(owner, param, name, reach, depth)
            return
    bound = list(bindings(name, function, reach))
    for value, scope in bound:
        if name in value.reads and value.name != name:  # least = least or 99: what it was before is that of the parameter
            yield from _again(name, value, function, reach, depth)
        else:
            yield from _numbers(value, scope, reach, depth + 1)
    if not bound:
        yield Unknown(f"it is '{name}', and what that is isn't known")


def _again(name: str, value: Value, function: Function, reach: Reach, depth: int) -> Iterator[Number]:
    """What ``name`` may be where ``value``, which it is bound to, reads it: that of the parameter, and whatever stands in its place."""
    owner = next((param for param in function.params if param.name == name), None)
    for choice in value.choices:
        if name not in choice.reads:
            yield from _numbers(choice, function, reach, depth + 1)
    if owner is not None:
        yield from _handed(function, owner, name, reach, depth)
    if owner is None or not value.choices:
        yield Unknown("it is worked out at run time")


def bindings(name: str, function: Function, reach: Reach) -> Iterator[tuple[Value, Function]]:
    """What the dotted ``name`` is bound to, each with the function in which that stands: a variable, an attribute, an entry of a map."""
    head, _, rest = name.partition(".")
    here: Function | None = function
    while here is not None and name not in here.bindings and head not in here.bindings:
        here = here.outer
    scope = here or function
    values = scope.bindings.get(name) or reach.project.bound(name, function)
    if values:
        yield from ((value, _scope(name, scope, function, reach)) for value in values)
        return
    thing = reach.project.name(head, function) if rest and head not in {"self", "this", "cls"} else None
    if thing is not None and thing.cls is not None:  # settings.similarity, an attribute of an instance
        module, cls = thing.cls
        maker = module.functions.get(f"{cls.name}.__init__") or module.functions.get(f"{cls.name}.constructor") or module.own
        yield from ((value, maker) for value in cls.bindings.get(rest, ()))
    elif thing is not None and thing.module is not None:
        yield from ((value, thing.module.own) for value in thing.module.own.bindings.get(rest, ()))
    for value in reach.project.bound(head, function) if rest else ():
        for key in rest.split("."):
            value = value.literal.get(key, Value(value.line)) if isinstance(value.literal, dict) else Value(value.line)  # noqa: PLW2901
        if value.constant or value.name or value.outer or value.choices:
            yield value, function


def _scope(name: str, scope: Function, function: Function, reach: Reach) -> Function:
    """Where a value of ``name`` stands: in ``scope``, in what makes an object of its class, or in the module that it comes from."""
    head, _, rest = name.rpartition(".")
    module = function.module
    if head in {"self", "this", "cls"}:
        makers = (module.functions.get(f"{function.owner}.{maker}") for maker in ("__init__", "constructor"))
        return next((maker for maker in makers if maker is not None), function)
    entry = module.imports.get(head or rest)
    target = reach.project.imported(module, entry.module) if entry is not None and name not in scope.bindings else None
    return target.own if target is not None else scope if name in scope.bindings else module.own


def _parameter(name: str, function: Function) -> tuple[Function | None, Param | None]:
    here: Function | None = function
    while here is not None:
        if name in here.bindings:
            return None, None
        param = next((param for param in here.params if param.name == name or any(name == pick for pick, _ in param.picks)), None)
        if param is not None:
            return here, param
        here = here.outer
    return None, None


def _handed(function: Function, param: Param, name: str, reach: Reach, depth: int) -> Iterator[Number]:
    """What callers hand over as ``param``, or its default; of a way in, it comes from outside."""
    yield from _once((function, name), _by_callers(function, param, name, reach, depth), reach)


def _by_callers(function: Function, param: Param, name: str, reach: Reach, depth: int) -> Iterator[Number]:
    callers = (caller for caller in reach.callers.get(function, ()) if caller is not function)
    calls = [(call, caller) for caller in callers for call in calls_of(caller.body)]
    calls = [(call, caller) for call, caller in calls if function in reach.targets(call, caller)]
    outside = Unknown(f"it is the parameter '{name}' of {function.label}, which whoever calls it from outside hands over")
    if not calls or function.entry:
        yield from _numbers(param.default, function, reach, depth + 1) if param.default is not None and not function.entry else [outside]
    for call, caller in calls:
        arg = call.keywords.get(name) or next((arg for at, arg in enumerate(call.args) if at == function.params.index(param)), None)
        key = next((key for pick, key in param.picks if pick == name), "")
        if arg is not None and key:
            arg = arg.literal.get(key) if isinstance(arg.literal, dict) and arg.constant else Value(call.line)
        if arg is not None:
            yield from _numbers(arg, caller, reach, depth + 1)
        elif call.spread or any(entry.startswith("**") for entry in call.keywords):
            yield Unknown(f"it is handed to {function.label} with others")
        elif param.default is not None and not key:
            yield from _numbers(param.default, function, reach, depth + 1)
        else:
            yield Unknown(f"{caller.label} doesn't say it to {function.label}")
