"""Which functions ask Rekognition what, who calls whom, and where call paths begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.code.apis import (
    ATTRIBUTES,
    BY_NAME,
    LIVENESS_WORD,
    LOCAL_LIBRARIES,
    MATCH_WORD,
    MATCHES,
    OPERATIONS,
    RESULT,
    THRESHOLDS,
    by_command_line,
    by_target,
)
from averment.policies.surfaces.code.model import MODULE, Bind, Call, Class, Function, Module, Value, calls_of, statements_of, values_of
from averment.policies.surfaces.code.names import ANOTHER_SERVICE, Kind
from averment.policies.surfaces.code.project import Project, is_stub
from averment.policies.surfaces.code.tables import dispatched, registered

MAX_CALLERS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to Rekognition: the operation ("" if it is chosen at run time), where, and how it is made.

    ``certain`` is False where the receiver isn't known to be a Rekognition client. ``call`` is None for a raw HTTP request.
    """

    operation: str
    line: int
    certain: bool = True
    call: Call | None = None
    reason: str = ""


@dataclass
class Reach:
    """The call graph of a project, as far as it has to do with faces."""

    project: Project
    callers: dict[Function, dict[Function, None]] = field(default_factory=dict)
    asked: dict[Function, list[Asked]] = field(default_factory=dict)
    relevant: set[Function] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.numbers: dict[tuple[Function, str], list[float | Unknown]] = {}
        """What functions give, or are handed as a parameter, where that was asked for."""
        self._aliases: dict[Module, dict[str, Asked]] = {}
        self._named: dict[Function, list[bool]] = {}
        self._targets: dict[int, list[Function]] = {}
        self._operations: dict[int, Asked | None] = {}
        functions = list(self.project.functions())
        self.dispatchers = {function for function in functions if self._dispatches(function)}
        for function in functions:
            if (function.module.path.stem, function.name) in self.project.handlers:
                function.entry = function.entry or "a handler by the infrastructure"
            found = list(self._asked_by(function))
            if found:
                self.asked[function] = found
            for call in calls_of(function.body):
                for target in self.targets(call, function):
                    if target in self.dispatchers:
                        self._named.setdefault(target, []).append(any(part.texts for part in call.args))
                    self.callers.setdefault(target, {})[function] = None
            for target, how in registered(self.project, function):
                target.entry = target.entry or f"registered by {how}"
        for function, named in self._named.items():
            if all(named) and function in self.asked:  # every caller says which operation: it is counted there
                self.asked[function] = [one for one in self.asked[function] if one.operation]
        self._mark_relevant(functions)

    # -- what is asked ---------------------------------------------------------------------------------------------

    def _dispatches(self, function: Function) -> bool:
        """Whether ``function`` asks for an operation that its callers name."""
        for value in values_of(function.body):
            for text, _ in value.texts:
                target = by_target(text)
                if target is not None and not target[1]:
                    return True
        return any(
            not call.name and call.chosen_by and call.receiver is not None and self._is_client(call.receiver, function)
            for call in calls_of(function.body)
        )

    def _is_client(self, value: Value, function: Function) -> bool:
        return self.project.value(value, function).kind is Kind.CLIENT

    def aliases(self, module: Module) -> dict[str, Asked]:
        """Constants of ``module`` that hold an ``X-Amz-Target``: whoever reads them makes the request."""
        if module not in self._aliases:
            found: dict[str, Asked] = {}
            for name, values in module.own.bindings.items():
                for value in values:
                    asked = next(_by_texts(value), None)
                    if asked is not None and not value.calls:
                        found[name] = asked
            self._aliases[module] = found
        return self._aliases[module]

    def in_value(self, value: Value, function: Function) -> Iterator[Asked]:
        """The raw requests of one statement's expression: texts, and constants that it reads."""
        aliases = self.aliases(function.module)
        if function.name == MODULE and not value.calls:
            return  # a constant: counted where it is read
        yield from _by_texts(value)
        for name in dict.fromkeys(value.reads):
            alias = aliases.get(name.partition(".")[0])
            if alias is not None:
                yield Asked(alias.operation, value.line, alias.certain)

    def of_call(self, call: Call, function: Function) -> Asked | None:
        """The request that ``call`` makes by an SDK, by the command line, or through a function that takes the operation's name."""
        key = id(call)
        if key not in self._operations:
            self._operations[key] = self._of_call(call, function)
        return self._operations[key]

    def _of_call(self, call: Call, function: Function) -> Asked | None:
        found = self.project.operation(call, function)
        if found is not None:
            operation, certain = found
            other = self._of_wrapper(call, function) if not certain and operation not in MATCHES else None
            return other or Asked(operation, call.line, certain, call)  # what is called search_faces() elsewhere may begin with a picture
        if not call.name and call.chosen_by and call.receiver is not None and self._is_client(call.receiver, function):
            return Asked("", call.line, certain=False, reason=f"the operation is chosen at run time: {call.chosen_by}")
        texts = [text for part in call.parts() for text, _ in part.texts]
        command = by_command_line(texts)
        if command is not None:
            return Asked(command, call.line)
        for target in self.targets(call, function):
            if target in self.dispatchers:
                named = next((name for text in texts if (name := _operation_named(text))), None)
                if named is not None:
                    return Asked(named, call.line, call=call)
        return self._of_wrapper(call, function)

    def _of_wrapper(self, call: Call, function: Function) -> Asked | None:
        """A comparison by somebody else's package, in a file that is about Rekognition: whether it asks there can't be told."""
        if not MATCH_WORD.search(call.name) or not any("ekognition" in line for line in function.module.lines):
            return None
        origin = self.project.callee(call, function)
        if origin is None or not origin.detail or origin.function is not None or origin.detail.split(".")[0] in LOCAL_LIBRARIES:
            return None
        if self.project.on_disk(function.module, origin.detail):
            return None  # a file of the project that isn't about Rekognition: there is nothing to ask in it
        reason = f"{call.path}() comes from '{origin.detail}', which isn't part of what was read"
        return Asked("", call.line, certain=False, reason=reason)

    def _asked_by(self, function: Function) -> Iterator[Asked]:
        seen: set[tuple[str, int]] = set()
        for value in values_of(function.body):
            for asked in self.in_value(value, function):
                if (asked.operation, asked.line) not in seen:
                    seen.add((asked.operation, asked.line))
                    yield asked
        yield from self._handed_on(function)
        for call in calls_of(function.body):
            found = self.of_call(call, function)
            if found is not None:
                yield found

    def _handed_on(self, function: Function) -> Iterator[Asked]:
        """Methods and commands that leave ``function`` without being called: returned, put into a map, bound. Who calls them isn't known."""
        kept = {id(one.value) for one in statements_of(function.body) if isinstance(one, Bind)}  # called by the name that it gets
        for value in values_of(function.body):
            called = {call.name for call in value.calls}
            for name in dict.fromkeys(value.reads):
                holder, _, last = name.rpartition(".")
                if holder:
                    operation, doing = BY_NAME.get(last, ""), "called"
                    left = last not in called and not (name == value.name and id(value) in kept)
                    if not operation or not left or self.project.name(holder, function).kind is not Kind.CLIENT:
                        continue
                else:
                    origin = self.project.origin(function.module, name)
                    operation = BY_NAME.get(origin.name, "") if origin is not None and "rekognition" in origin.module else ""
                    doing = "made"
                if operation in MATCHES:
                    yield Asked("", value.line, certain=False, reason=f"{name} is handed on, and where it is {doing} isn't known")
                elif operation in ATTRIBUTES or operation in THRESHOLDS:
                    yield Asked(operation, value.line, certain=False)

    # -- who calls whom --------------------------------------------------------------------------------------------

    def targets(self, call: Call, function: Function) -> list[Function]:
        """The functions of the project that ``call`` may run: its callee, and functions that are handed to it to run."""
        key = id(call)
        if key not in self._targets:
            self._targets[key] = list(dict.fromkeys(self._find_targets(call, function)))
        return self._targets[key]

    def _find_targets(self, call: Call, function: Function) -> Iterator[Function]:
        found = self.project.callee(call, function)
        if found is not None and found.function is not None:
            yield found.function
            if is_stub(found.function):  # of a protocol: whoever has such a method may be meant
                yield from self.project.by_name(call)
        elif found is not None and found.cls is not None:
            module, cls = found.cls
            maker = module.functions.get(f"{cls.name}.__init__") or module.functions.get(f"{cls.name}.constructor")
            if maker is not None:
                yield maker
        elif found is None or (found.kind is Kind.OPEN and not found.detail):
            yield from dispatched(self.project, call, function)
            yield from self.project.by_name(call) if call.name else ()
        if function.name == MODULE or (call.args and call.args[0].text is not None) or call.name == "get":
            return  # at module level and by a name (a route, an event): registered, not run; or what a table gives for want of another
        for arg in [*call.args, *call.keywords.values()]:
            if arg.name and arg.outer is None and not arg.constant:
                handed = self.project.name(arg.name, function)
                if handed.function is not None:
                    yield handed.function

    def asks_else(self, call: Call, function: Function) -> Kind | None:
        """Of a call that asks AWS for something that is no liveness result, whether it asks Rekognition (``CLIENT``) or another service.

        A label's confidence isn't a liveness result, whichever picture it is of.
        """
        origin = self.project.origin(function.module, call.name) if call.new else None
        if origin is not None and "aws-sdk" in origin.module:
            return Kind.CLIENT if "rekognition" in origin.module else Kind.OTHER
        base = self.project.value(call.receiver, function) if call.receiver is not None and call.name != "send" else None
        return base.kind if base is not None and (base.kind is Kind.CLIENT or base.detail == ANOTHER_SERVICE) else None

    def compares(self, call: Call, function: Function) -> bool:
        """Whether ``call`` compares faces, or runs something that asks Rekognition about them."""
        asked = self.of_call(call, function)
        return (asked is not None and asked.operation in MATCHES) or any(target in self.asked for target in self.targets(call, function))

    def makes(self, call: Call, function: Function) -> tuple[Module, Class] | None:
        """The class of the project of which ``call`` makes an instance; None if it makes none."""
        found = self.project.callee(call, function)
        return found.cls if found is not None else None

    def _mark_relevant(self, functions: list[Function]) -> None:
        queue = [function for function in functions if function in self.asked or _names_liveness(function)]
        while queue:
            function = queue.pop()
            if function not in self.relevant:
                self.relevant.add(function)
                queue += self.callers.get(function, ())

    def entries(self, function: Function) -> tuple[list[Function], bool]:
        """Where call paths to ``function`` begin: callers of callers that nobody calls, and handlers. At least one.

        The second value tells whether these are all, or there were too many callers to look at each.
        """
        seen: dict[Function, None] = {function: None}
        queue = [function]
        while queue and len(seen) < MAX_CALLERS:
            for caller in self.callers.get(queue.pop(), ()):
                if caller not in seen:
                    seen[caller] = None
                    queue.append(caller)
        found = [one for one in seen if not [who for who in self.callers.get(one, ()) if who is not one] or one.entry]
        return found or [function], not queue

    def readers(self) -> Iterator[tuple[Function, Asked]]:
        """Everything that reads the result of a liveness session."""
        for function, found in self.asked.items():
            for asked in found:
                if asked.operation == RESULT:
                    yield function, asked


def _by_texts(value: Value) -> Iterator[Asked]:
    for text, line in value.texts:
        target = by_target(text)
        if target is None:
            continue
        operation, known = target
        if known and operation in OPERATIONS:
            yield Asked(operation, line)
        elif not known:
            yield Asked("", line, certain=False, reason="the operation in X-Amz-Target is put together at run time")


def _operation_named(text: str) -> str | None:
    name = text.rsplit(".", 1)[-1]
    return name if name in OPERATIONS else BY_NAME.get(name)


def _names_liveness(function: Function) -> bool:
    if LIVENESS_WORD.search(function.short):
        return True
    return any(LIVENESS_WORD.search(name) for value in values_of(function.body) for name in (*value.reads, *value.keys)) or any(
        LIVENESS_WORD.search(call.name) for call in calls_of(function.body)
    )
