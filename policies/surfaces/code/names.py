"""What a name stands for: a Rekognition client, a class or function of the project, or something of somebody else's.

Looked up without running anything and without regard to order: a name is what it is bound to anywhere in its scope. Where that
leaves several answers, or none, callers are told so and have to say that they can't tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from averment.policies.surfaces.code.model import Call, Class, Function, Module, Value, returned_values
from averment.policies.surfaces.code.modules import Modules

_DEPTH = 12
_COMMON_NAME = 7
_CLIENT_MAKERS = frozenset({"client", "create_client", "resource", "get_client", "aws_client", "getClient", "get_boto3_client"})
_CLIENT_CLASSES = frozenset({"Rekognition", "RekognitionClient"})


class Kind(Enum):
    """What a value is, as far as can be told."""

    CLIENT = "a Rekognition client"
    OTHER = "something else"
    OPEN = "not known"


@dataclass(frozen=True, slots=True)
class Thing:
    """A resolved name. ``detail`` is the package of what is somebody else's."""

    kind: Kind
    function: Function | None = None
    cls: tuple[Module, Class] | None = None
    module: Module | None = None
    detail: str = ""


ANOTHER_SERVICE = "another AWS service"
OPEN = Thing(Kind.OPEN)
CLIENT = Thing(Kind.CLIENT)


class Names(Modules):
    """The modules that were read, and what a name in one of them means."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._by_name: dict[str, list[Function]] | None = None

    # -- names -----------------------------------------------------------------------------------------------------

    def name(self, name: str, function: Function, depth: int = 0) -> Thing:
        """What the dotted ``name`` means inside ``function``."""
        if depth > _DEPTH or not name:
            return OPEN
        head, _, rest = name.partition(".")
        if head in {"self", "this", "cls"} and rest:
            return self._attribute(function, rest, depth)
        whole = (self._bound(name, function, depth) or self._entry(head, rest, function, depth)) if rest else None
        if whole is not None:
            return whole
        found = self._bound(head, function, depth) or self._parameter(head, function) or self._global(name, function.module, depth)
        return self._member(found, rest, depth) if rest and found is not None else found or OPEN

    def _entry(self, head: str, rest: str, function: Function, depth: int) -> Thing | None:
        """What stands in the map ``head`` under the first name of ``rest``: ``faces.compare`` of ``const faces = { compare, live }``."""
        key, _, more = rest.partition(".")
        for value in self.bound(head, function):
            entry = value.literal.get(key) if isinstance(value.literal, dict) else None
            if isinstance(entry, Value) and entry.name and entry.name != head:
                found = self.value(entry, function, depth + 1)
                return self._member(found, more, depth) if more else found
        return None

    def _bound(self, name: str, function: Function, depth: int) -> Thing | None:
        here: Function | None = function
        while here is not None:
            values = here.bindings.get(name)
            if values:
                return self._one(values, here, depth)
            if any(param.name == name for param in here.params):
                return None
            here = here.outer
        own = function.module.own
        values = own.bindings.get(name)
        return self._one(values, own, depth) if values else None

    def _one(self, values: list[Value], function: Function, depth: int) -> Thing:
        found = [self.value(value, function, depth + 1) for value in values[:8]]
        return next((thing for thing in found if thing.kind is Kind.CLIENT or thing.function or thing.cls), found[0])

    def _parameter(self, name: str, function: Function) -> Thing | None:
        here: Function | None = function
        while here is not None:
            for param in here.params:
                if param.name == name or any(name == pick for pick, _ in param.picks):
                    return self.type(param.annotation, here.module) if param.annotation else OPEN
            here = here.outer
        return None

    def type(self, name: str, module: Module) -> Thing:
        """An instance of the class called ``name``."""
        if name.removeprefix("Type") in _CLIENT_CLASSES or name == "BaseClient":
            return CLIENT if name != "BaseClient" else OPEN
        found = self._global(name, module, 0)
        return found if found is not None and found.cls else OPEN

    def _global(self, name: str, module: Module, depth: int) -> Thing | None:
        head = name.partition(".")[0]
        if head in module.functions:
            return Thing(Kind.OTHER, function=module.functions[head])
        if head in module.classes:
            return Thing(Kind.OTHER, cls=(module, module.classes[head]))
        entry = module.imports.get(head)
        if entry is not None:
            target = self.imported(module, entry.module)
            if entry.name and target is None and entry.name != "default":  # from package import module
                joined = f"{entry.module}{'' if entry.module.endswith('.') else '.'}{entry.name}"
                submodule = self.imported(module, joined) if module.language == "python" else None
                if submodule is not None:
                    return Thing(Kind.OTHER, module=submodule)
            if target is None:
                return Thing(Kind.OTHER, detail=entry.module)
            if not entry.name or (entry.name == "*"):
                return Thing(Kind.OTHER, module=target)
            return self.exported(target, entry.name, depth + 1) or Thing(Kind.OPEN, detail=entry.module)
        for star in module.stars:
            target = self.imported(module, star)
            found = self.exported(target, head, depth + 1) if target is not None and depth < _DEPTH else None
            if found is not None:
                return found
        return None

    def exported(self, module: Module, name: str, depth: int) -> Thing | None:
        """What ``module`` calls ``name``, for those who import it."""
        if depth > _DEPTH:
            return None
        local = module.exports.get(name, name)
        if local in module.functions:
            return Thing(Kind.OTHER, function=module.functions[local])
        values = module.own.bindings.get(local)
        if values:
            return self._one(values, module.own, depth)
        found = self._global(local, module, depth)
        if found is None and name == "default" and module.language != "python":
            return Thing(Kind.OTHER, module=module)
        if found is None and module.language == "python":
            submodule = self.imported(module, f".{name}")
            found = Thing(Kind.OTHER, module=submodule) if submodule is not None else None
        return found

    def _attribute(self, function: Function, rest: str, depth: int) -> Thing:
        head, _, more = rest.partition(".")
        cls = function.module.classes.get(function.owner)
        if cls is None:
            return OPEN
        found = self._member(Thing(Kind.OTHER, cls=(function.module, cls)), head, depth)
        return self._member(found, more, depth) if more else found

    def _member(self, thing: Thing, path: str, depth: int) -> Thing:
        """``thing.path``: of a module, or of an instance of a class."""
        head, _, more = path.partition(".")
        found = OPEN
        if thing.kind is Kind.CLIENT:
            return CLIENT
        if thing.module is not None:
            found = self.exported(thing.module, head, depth + 1) or OPEN
        elif thing.cls is not None:
            found = self._of_class(*thing.cls, head, depth + 1)
        elif thing.detail:
            return thing
        return self._member(found, more, depth) if more else found

    def _of_class(self, module: Module, cls: Class, name: str, depth: int) -> Thing:
        if depth > _DEPTH:
            return OPEN
        method = module.functions.get(f"{cls.name}.{name}")
        if method is not None and method.getter:
            return self._returned(method, [], depth + 1)
        if method is not None:
            return Thing(Kind.OTHER, function=method)
        values = cls.bindings.get(name)
        if values:
            scope = next((entry for entry in module.functions.values() if entry.owner == cls.name), module.own)
            makers = [
                entry for entry in module.functions.values() if entry.owner == cls.name and entry.short in {"__init__", "constructor"}
            ]
            found = self._one(values, makers[0] if makers else scope, depth)
            if found.kind is not Kind.OPEN or name not in cls.types:
                return found
        if name in cls.types:
            return self.type(cls.types[name], module)
        for base in cls.bases:
            parent = self._global(base, module, depth)
            if parent is not None and parent.cls is not None and parent.cls[1] is not cls:
                found = self._of_class(*parent.cls, name, depth + 1)
                if found.kind is not Kind.OPEN:
                    return found
        return OPEN

    # -- values and calls --------------------------------------------------------------------------------------------

    def value(self, value: Value, function: Function, depth: int = 0) -> Thing:
        """What ``value`` is."""
        if depth > _DEPTH:
            return OPEN
        if value.outer is not None:
            return self._result(value.outer, function, depth)
        for choice in value.choices:
            found = self.value(choice, function, depth + 1)
            if found.kind is not Kind.OPEN:
                return found
        if value.constant:
            return Thing(Kind.OTHER)
        return self.name(value.name, function, depth + 1)

    def _result(self, call: Call, function: Function, depth: int) -> Thing:
        """What a call gives: a client, an instance, or what a function of the project returns."""
        named = [*call.args[:2], *(value for key, value in call.keywords.items() if key in {"service_name", "service"})]
        maker = self._makes_of_a_name(call, function)
        texts = [self.constant(arg, function) for arg in named] if maker else []
        if any(text is not None for text in texts):
            return CLIENT if "rekognition" in texts else Thing(Kind.OTHER, detail=ANOTHER_SERVICE)
        target = self.callee(call, function, depth + 1)
        if target is not None and target.cls is not None:
            return Thing(Kind.OTHER, cls=target.cls)
        if function.module.language != "python" and self._makes_client(call, function):
            return CLIENT
        if target is not None and target.function is not None:
            return self._returned(target.function, call.args, depth)
        if any(self.value(arg, function, depth + 1).kind is Kind.CLIENT for arg in call.args[:2]):
            return CLIENT  # captureAWSClient(new Rekognition()), and the like
        if maker:
            return OPEN  # a client of which service isn't known
        return target if target is not None and target.detail else OPEN

    def _makes_of_a_name(self, call: Call, function: Function) -> bool:
        """Whether ``call`` makes a client of the service that it is given, also under another name: ``from boto3 import client as connect``."""
        if call.name in _CLIENT_MAKERS or call.receiver is not None:
            return call.name in _CLIENT_MAKERS
        origin = self.origin(function.module, call.name)
        # what is bound: connect = boto3.client
        called = [origin.name] if origin is not None else [value.name for value in self.bound(call.name, function)]
        return any(name.rpartition(".")[2] in _CLIENT_MAKERS for name in called)

    def _makes_client(self, call: Call, function: Function) -> bool:
        """Whether ``call`` makes a client by a class of the AWS SDK for JavaScript, under whichever name it was imported."""
        origin = self.origin(function.module, call.name) if call.receiver is None else None
        whole = origin is not None and origin.module.endswith("clients/rekognition")  # import Rek from "aws-sdk/clients/rekognition"
        return call.name in _CLIENT_CLASSES or whole or (origin is not None and origin.name in _CLIENT_CLASSES)

    def constant(self, value: Value, function: Function) -> str | None:
        """The text that ``value`` is, written there or under a name here or in another file of the project; None if that can't be told."""
        if value.text is not None or not value.name:
            return value.text
        bound = self.bound(value.name, function)
        return bound[0].text if len(bound) == 1 else None

    def bound(self, name: str, function: Function) -> list[Value]:
        """What ``name`` is bound to where it stands: here, in a class, or in another file of the project."""
        head, _, rest = name.rpartition(".")
        module = function.module
        cls = module.classes.get(function.owner if head in {"self", "cls", "this"} else head)
        if cls is not None:
            return cls.bindings.get(rest, [])
        entry = module.imports.get(head or rest)
        if entry is None:
            return bindings_of(name, function)
        target = self.imported(module, entry.module)
        return _given_out(target, rest if head else entry.name) if target is not None else []

    def _returned(self, function: Function, args: list[Value], depth: int) -> Thing:
        for value in returned_values(function):
            found = self.value(value, function, depth + 1)
            if found.kind is not Kind.OPEN and (found.kind is Kind.CLIENT or found.cls is not None):
                return found
            if value.outer is not None and value.outer.name in _CLIENT_MAKERS and any(arg.text == "rekognition" for arg in args):
                return CLIENT  # def get_client(name): return boto3.client(name)
        return OPEN

    def callee(self, call: Call, function: Function, depth: int = 0) -> Thing | None:
        """What is called: a function or class of the project, or somebody else's (``detail``); None if that can't be told."""
        if not call.name:
            return None
        if call.receiver is None:
            found = self._nested(call.name, function) or self.name(call.name, function, depth)
        else:
            base = self.value(call.receiver, function, depth + 1)
            if base.kind is Kind.CLIENT:
                return CLIENT
            found = self._member(base, call.name, depth)
            if found.kind is Kind.OPEN and call.receiver.name:
                found = self.name(f"{call.receiver.name}.{call.name}", function, depth)
        return None if found.kind is Kind.OPEN and not found.detail else found

    def _nested(self, name: str, function: Function) -> Thing | None:
        here: Function | None = function
        while here is not None:
            nested = function.module.functions.get(f"{here.name}.{name}")
            if nested is not None and not (nested.owner and nested.name == f"{nested.owner}.{name}"):
                return Thing(Kind.OTHER, function=nested)
            here = here.outer
        return None

    def by_name(self, call: Call) -> list[Function]:
        """Methods of the project with the name of ``call``, for a receiver of unknown type; only if the name is telling."""
        if self._by_name is None:
            self._by_name = {}
            for function in self.functions():
                self._by_name.setdefault(function.short, []).append(function)
        if call.receiver is None or (len(call.name) < _COMMON_NAME and "_" not in call.name):
            return []
        return [function for function in self._by_name.get(call.name, ()) if function.owner][:4]


def bindings_of(name: str, function: Function) -> list[Value]:
    """What ``name`` is bound to in ``function``, in what encloses it, or in its module."""
    here: Function | None = function
    while here is not None:
        if name in here.bindings:
            return here.bindings[name]
        if any(param.name == name for param in here.params):
            return []
        here = here.outer
    return function.module.own.bindings.get(name, [])


def _given_out(module: Module, name: str) -> list[Value]:
    """What a module gives others as ``name``: bound there, exported under another name, or an entry of ``module.exports``."""
    bindings = module.own.bindings
    for written in (name, module.exports.get(name, name), f"exports.{name}", f"module.exports.{name}"):
        if found := bindings.get(written):
            return found
    whole = bindings.get("module.exports", [])
    entry = whole[0].literal.get(name) if len(whole) == 1 and isinstance(whole[0].literal, dict) else None
    return [entry] if isinstance(entry, Value) else []
