"""Source code in a language-neutral form: modules, functions, statements and expressions, as far as call paths need them.

An expression is a ``Value``: the names that it reads, the keys that it looks up, the calls that it makes in order, the
comparisons in it. A body keeps its branches, since what happens on one branch didn't happen on the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Value:
    """An expression. ``name`` is its dotted name if it is nothing but one (``self.client``), ``outer`` the call if it is one.

    ``reads`` and ``keys`` are every dotted name and every property name or subscript in it; ``texts`` its string literals;
    ``own`` and ``roots`` are the names and calls that stand in no other call (what the value is made of, not what it asks).
    ``tests`` are the comparisons in it, ``decides`` the conditions that choose what else of it is evaluated, ``choices`` the alternatives
    of ``a or b`` and ``x if t else y``. ``logic`` is "and", "or" or "not" where it is that of its ``operands``
    (of ``x if t else y``, without one, the operand is ``t``); ``bars`` are the sides of a comparison of more and less.
    ``literal`` is a constant, a list of values, or a map of values; ``constant`` tells whether there is one.
    """

    line: int
    name: str = ""
    reads: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    roots: list[Call] = field(default_factory=list)
    texts: list[tuple[str, int]] = field(default_factory=list)
    tests: list[Value] = field(default_factory=list)
    decides: list[Value] = field(default_factory=list)
    choices: list[Value] = field(default_factory=list)
    operands: list[Value] = field(default_factory=list)
    logic: str = ""
    bars: list[Value] = field(default_factory=list)
    outer: Call | None = None
    literal: object = None
    constant: bool = False

    def take(self, *parts: Value) -> Value:
        """Add what ``parts`` read and do."""
        for part in parts:
            self.reads += part.reads
            self.keys |= part.keys
            self.calls += part.calls
            self.own += part.own
            self.roots += part.roots
            self.texts += part.texts
            self.tests += part.tests
            self.decides += part.decides
        return self

    def as_call(self, call: Call) -> Value:
        """Make this the value of ``call``, whose parts were taken."""
        self.outer, self.own, self.roots = call, [], [call]
        self.calls.append(call)
        return self

    def compared(self) -> Value:
        """Say that this is compared with something, and that it decides, as what a switch is on."""
        self.tests, self.decides = [*self.tests, self], [*self.decides, self]
        return self

    def of_logic(self, logic: str, *operands: Value) -> Value:
        """Make this ``a and b``, ``a or b`` or ``not a``, whose operands were taken: the first always runs, and may decide on the others."""
        self.logic, self.operands = logic, list(operands)
        if len(operands) > 1:
            self.decides = [*self.decides, self]
        return self.perhaps(*operands[1:])

    def perhaps(self, *parts: Value) -> Value:
        """Say that of the calls in ``parts`` it hangs on this whether they are made."""
        for call in (call for part in parts for call in part.calls):
            call.hinges.append(self)
        return self

    @property
    def text(self) -> str | None:
        """The string that this is, if it is a literal one."""
        return self.literal if self.constant and isinstance(self.literal, str) else None


@dataclass(slots=True)
class Call:
    """``receiver.name(args, keyword=...)``. ``name`` is empty where it is computed (``client[operation]()``); ``chosen_by`` then says by
    what. ``awaited`` tells whether its answer is waited for where it is made, ``floating`` whether it ends a chain of promises for which
    nothing waits, ``rejects`` whether it is handed what lets the promise around it fail (``.catch(reject)``). ``inline`` are function
    literals among the arguments that run as part of the call (``.then(x => ...)``). ``hinges`` are the conditional expressions around it
    that may leave it out."""

    name: str
    line: int
    receiver: Value | None = None
    args: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    spread: bool = False
    new: bool = False
    chosen_by: str = ""
    inline: list[Inline] = field(default_factory=list)
    awaited: bool = False
    floating: bool = False
    rejects: bool = False
    hinges: list[Value] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The callee as it is written, as far as it has a name: ``boto3.client``, ``….compareFaces``."""
        if self.receiver is None:
            return self.name
        return f"{self.receiver.name or '…'}.{self.name}"

    def parts(self) -> list[Value]:
        """Receiver and arguments, in order of evaluation."""
        return [*([self.receiver] if self.receiver else []), *self.args, *self.keywords.values()]


@dataclass(slots=True)
class Inline:
    """A function literal that its call runs: parameters and body, within the names of the function around it; ``waited`` if asynchronous."""

    params: list[Param]
    body: list[Statement]
    waited: bool = False


@dataclass(slots=True)
class Param:
    """A parameter; ``annotation`` is the last part of its type's name; ``picks`` are names taken out of an object, with keys."""

    name: str
    annotation: str = ""
    default: Value | None = None
    picks: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Bind:
    """``targets = value``; each target with the key that it is taken from when the value is taken apart (else ""), or its place (``#0``).
    ``settles`` tells whether a failure in ``value`` comes as an answer: of ``await Promise.allSettled([value])``."""

    targets: list[tuple[str, str]]
    value: Value
    settles: bool = False


@dataclass(slots=True)
class Do:
    """An expression for its effect."""

    value: Value


@dataclass(slots=True)
class If:
    """A branch: exactly one of ``arms`` runs (an absent ``else`` is an empty arm)."""

    test: Value
    arms: list[list[Statement]]


@dataclass(slots=True)
class Loop:
    """A loop; its body is taken to run, but for ``maybe``: over items of which there may be none."""

    test: Value | None
    body: list[Statement]
    maybe: bool = False


@dataclass(slots=True)
class Try:
    """``body``, or a part of it and one of ``handlers``; then ``final``."""

    body: list[Statement]
    handlers: list[list[Statement]]
    final: list[Statement]


@dataclass(slots=True)
class Return:
    """The end of a function with a value."""

    value: Value | None


@dataclass(slots=True)
class Raise:
    """The end of a path: an exception, or the end of the process."""

    value: Value | None


Statement = Bind | Do | If | Loop | Try | Return | Raise


@dataclass(slots=True)
class Function:
    """A function, method, or a module's own body (``<module>``). ``name`` is qualified by class and enclosing function.

    ``entry`` says what makes it an entry point by itself (a handler's name, a route, a decorator), or is "". ``guard`` is what stands around
    it, or is put into it, and is called after liveness (``@require_liveness``), or is "". ``getter`` tells whether it is read as an attribute,
    ``waited`` whether it is asynchronous, so that a call of it gives only the promise of an answer.
    """

    module: Module
    name: str
    line: int
    end: int
    params: list[Param] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    owner: str = ""
    outer: Function | None = None
    entry: str = ""
    guard: str = ""
    getter: bool = False
    waited: bool = False
    bindings: dict[str, list[Value]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The name without what encloses it."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def label(self) -> str:
        """How people are told of it."""
        if self.name == MODULE:
            return "the module's own code"
        name = self.name.removeprefix("default.")
        return "the exported function" if name == "default" else name if name.endswith(")") else f"{name}()"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


MODULE = "<module>"


@dataclass(slots=True)
class Class:
    """A class: its bases' names, and what is known of the types of its attributes (``self.x``, ``private readonly x: X``)."""

    name: str
    bases: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, list[Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Import:
    """A name that comes from elsewhere: ``name`` out of ``module``, or the module itself (""), or everything ("*")."""

    module: str
    name: str = ""


@dataclass(slots=True)
class Module:
    """A source file. ``faults`` are lines that the parser could not make sense of, with the reason and
    whether what stands there is about faces."""

    path: Path
    language: str
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    exports: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[int, str, bool]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def own(self) -> Function:
        """The module's own body."""
        return self.functions[MODULE]

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class Builder:
    """What both parsers share while they fill a module: adding functions under free names and noting bindings."""

    def __init__(self, path: Path, language: str, text: str) -> None:
        self.module = Module(path, language, lines=text.splitlines())
        self.listed: set[tuple[str, str]] = set()
        """Names of lists whose entries are known one by one, each with the function in which it is bound."""
        self.add(Function(self.module, MODULE, 1, max(len(self.module.lines), 1)))

    def add(self, function: Function) -> Function:
        """Register ``function``; a second one of the same name (another branch, an overload) gets its line as a suffix."""
        if function.name in self.module.functions:
            function.name = f"{function.name}@{function.line}"
        self.module.functions[function.name] = function
        return function

    def key(self, index: Value) -> str | None:
        """The key that ``index`` is, written there or as a constant of the module above."""
        bound = self.module.own.bindings.get(index.name, []) if index.text is None and index.name else []
        return bound[0].text if len(bound) == 1 else index.text

    def bind(self, function: Function, targets: list[tuple[str, str]], value: Value) -> Bind:
        """Note what each of ``targets`` is bound to, for looking names up."""
        for name, key in targets:
            scope = function.bindings
            head, _, rest = name.partition(".")
            if head in {"self", "this", "cls"} and rest and function.owner in self.module.classes:
                scope, name = self.module.classes[function.owner].bindings, rest  # noqa: PLW2901  (the name within the class)
            bound = (
                value
                if not key or key.startswith("#")
                else Value(value.line, name=f"{value.name}.{key}" if value.name else "", reads=list(value.reads), own=list(value.own))
            )
            scope.setdefault(name, []).append(bound)
        return Bind(targets, value)

    def bind_each(self, function: Function, name: str, items: list[Value], line: int) -> list[Bind]:
        """The statements by which ``name`` holds ``items``, each under its place: ``rs[1]`` is then read as ``rs.#1``."""
        self.listed.add((function.name, name))
        names = [f"{name}.#{index}" for index in range(len(items))]
        whole = Value(line, reads=list(names), own=list(names))
        return [
            *(self.bind(function, [(one, "")], item) for one, item in zip(names, items, strict=True)),
            self.bind(function, [(name, "")], whole),
        ]

    def entry(self, base: Value, index: Value, function: Function) -> Value | None:
        """The entry of a list that is known one by one, where ``base[index]`` is one."""
        place = str(index.literal) if index.constant and not isinstance(index.literal, bool | list | dict) else ""
        if not place.isdecimal() or (function.name, base.name) not in self.listed:
            return None
        name = f"{base.name}.#{place}"
        return Value(base.line, name=name, reads=[name], own=[name])


def statements_of(body: list[Statement]) -> Iterator[Statement]:
    """Every statement in ``body``, branches and loops included."""
    for statement in body:
        yield statement
        if isinstance(statement, If):
            for arm in statement.arms:
                yield from statements_of(arm)
        elif isinstance(statement, Loop):
            yield from statements_of(statement.body)
        elif isinstance(statement, Try):
            for part in (statement.body, *statement.handlers, statement.final):
                yield from statements_of(part)


def values_of(body: list[Statement]) -> Iterator[Value]:
    """Every expression that a statement in ``body`` evaluates (the outermost; what stands inside is part of it)."""
    for statement in statements_of(body):
        if isinstance(statement, If | Loop):
            if statement.test is not None:
                yield statement.test
        elif isinstance(statement, Bind | Do | Return | Raise) and statement.value is not None:
            yield statement.value


def calls_of(body: list[Statement]) -> Iterator[Call]:
    """Every call in ``body``, with those in function literals that run in place."""
    for value in values_of(body):
        for call in value.calls:
            yield call
            for inline in call.inline:
                yield from calls_of(inline.body)


def returned_values(function: Function) -> Iterator[Value]:
    """What ``function`` may return."""
    for statement in statements_of(function.body):
        if isinstance(statement, Return) and statement.value is not None:
            yield statement.value


def runs_over(items: Value) -> bool:
    """Whether a loop over ``items`` runs at least once, as far as it is written: so many tries, a constant, a list that stands there."""
    return bool(items.literal) or items.name.isupper() or (items.outer is not None and items.outer.name in {"range", "count"})
