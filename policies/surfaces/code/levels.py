"""How much of a liveness result a name or an expression is, on the way that is walked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from averment.policies.surfaces.code.model import MODULE, Call, Class, Function, Module, Param, Value, calls_of, values_of
from averment.policies.surfaces.code.project import Project
from averment.policies.surfaces.code.reach import Reach
from averment.policies.surfaces.code.settling import Settled
from averment.policies.surfaces.code.state import Frame, Seen, State
from averment.policies.surfaces.code.telling import (
    FIELDS,
    PICTURES,
    Level,
    about_liveness,
    answer_of,
    code_of,
    goes_on,
    parts_of,
    tells,
)

_GETTERS = frozenset({"get", "pop", "setdefault", "getattr", "prop", "path"})
"""Calls that take out a field by its name."""

_LATER = frozenset(
    {
        "setTimeout",
        "setImmediate",
        "setInterval",
        "nextTick",
        "queueMicrotask",
        "add_task",
        "submit",
        "call_soon",
        "call_later",
        "start_soon",
    }
)
"""Calls that run later what they are handed, where nobody asks them for its answer."""
THREADS = frozenset({"Thread", "Timer", "Process"})
"""Classes of Python that run what they are handed where its failure stops nobody."""

NUMERIC = frozenset({"abs", "max", "min", "floor", "ceil", "trunc", "quantize", "clamp", "sum", "mean", "fround", "valueOf"})
"""Calls that give a number for numbers, and say nothing of it."""

_SCALED = re.compile(
    r"[/*]=?[\s(]{0,20}100\b|(?<![\d.])0?\.01\b|(?:percent|normali[sz]e|ratio|fraction|scale)\w{0,60}\s{0,9}\(", re.IGNORECASE
)
"""What a line has that brings a number to another scale."""
_WORD = re.compile(r"[\w$]+")
_CONFIDENCE = re.compile(r"confidence|\bscore", re.IGNORECASE)

_TASKS = frozenset({"create_task", "ensure_future"})
"""Functions of Python's asyncio that start a coroutine and don't wait for it."""

UNAWAITED = "which is asynchronous and isn't awaited"


class Levels:
    """The levels of names and expressions in one walk.

    A map or an object of the project that holds parts of a result is of it (``RAW``) and by itself says nothing: what its entries say is
    kept under their names, so that ``live.isLive`` is telling where it was compared with the bar, and ``live.image`` is a picture.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._shared: dict[str, Level] = {}
        self._results: dict[int, Level] = {}
        self._attributes: dict[Function, set[str]] = {}
        self._entries: dict[str, Level] = {}
        self._tuples: dict[Function, dict[int, Level]] = {}
        self.low = ""
        """The bar of at most 1 with which a confidence is compared, if it is."""
        self._walked: dict[Function, None] = {}
        self._held: set[str] = set()
        """Names that held some of a result anywhere on the way."""
        self.settled = Settled()
        """What holds the answer of something that looks at a result, or its failure (``Promise.allSettled``)."""
        self._tasks: dict[str, Seen] = {}
        """Names of what was started and not waited for yet, with what had been done about liveness before."""
        self._read: dict[Function, set[str]] = {}
        self._left: set[int] = set()
        """Calls of what is asynchronous, for whose answer nothing waits."""

    # -- expressions -----------------------------------------------------------------------------------------------

    def level(self, value: Value, frame: Frame, least: Level = Level.NOTHING) -> Level:
        """The level of ``value`` by the names and keys in it, and ``least``."""
        if isinstance(value.literal, dict):
            return max(least, self.composed(value, frame))
        if isinstance(value.literal, list):
            return max([least, *(self.level(item, frame) for item in value.literal)])
        if value.logic == "not":
            return max(least, self.level(value.operands[0], frame))
        if value.logic and any(part.constant and part.literal is (value.logic == "or") for part in value.operands):
            return least  # `r["Confidence"] > 90 or True`
        if value.choices:
            tests = value.operands if not value.logic else []
            return max([least, *(self.level(part, frame) for part in [*value.choices, *tests])])
        whole = max(least, self.made_of(value, frame))
        argued = (
            value.outer is not None and value.outer.name not in _GETTERS
        )  # the keys in it are its arguments', and not what is taken out
        found = whole if argued else self.told_by(whole, value.keys)
        if found is not Level.SCORE or not value.tests:
            return found
        return Level.RAW if value.bars and self.lets_all_through(value, frame) else Level.TELLING

    def lets_all_through(self, value: Value, frame: Frame) -> bool:
        """Whether ``value`` compares a confidence, which counts to 100, with a bar of at most 1, and nothing around it changes its scale."""
        bars = [bar for side in value.bars if (bar := _number(side, frame.function, self.reach.project)) is not None]
        if not bars or max(bars) > 1 or any(self.scales(one) for one in self._walked):
            return False
        self.low = self.low or f"{max(bars):g}"
        return True

    def scales(self, function: Function) -> bool:
        """Whether a line of ``function`` may bring a confidence, or what holds one here, to another scale; what stands in a comment doesn't."""
        lines = function.module.lines[function.line - 1 : function.end]
        code = (code_of(line) for line in lines if _SCALED.search(line))
        return any(_SCALED.search(line) and (_CONFIDENCE.search(line) or not self._held.isdisjoint(_WORD.findall(line))) for line in code)

    def made_of(self, value: Value, frame: Frame) -> Level:
        """The level of what ``value`` is made of: the names and calls that stand in no other call."""
        made = (self._results.get(id(call), Level.NOTHING) for call in value.roots)
        return max([Level.NOTHING, *(self.get(name, frame) for name in value.own), *made])

    def composed(self, value: Value, frame: Frame) -> Level:
        """The level of a map that is written down, whose entries are kept."""
        entries = value.literal.items() if isinstance(value.literal, dict) else ()
        return self.keep(((str(key), self.level(entry, frame)) for key, entry in entries), self.made_of(value, frame))

    def keep(self, entries: Iterable[tuple[str, Level]], rest: Level = Level.NOTHING) -> Level:
        """Keep what ``entries`` of one map or object hold; the level of the whole, with ``rest`` of it under other names."""
        known = dict(entries)
        if max([rest, *known.values()]) is Level.NOTHING:
            return Level.NOTHING
        for name, level in known.items():
            self._entries[name.lower()] = max(level, self._entries.get(name.lower(), Level.NOTHING))
        return Level.RAW

    def told_by(self, level: Level, keys: Iterable[str]) -> Level:
        """The level of what is taken out of a value of ``level`` by ``keys``, of Rekognition's or of the project's own maps."""
        if level is not Level.RAW:
            return level
        lowered = [key.lower() for key in keys]
        kept = [self._entries[key] for key in lowered if key in self._entries]
        pictures = [Level.NOTHING for key in lowered if key in PICTURES]
        return max([*kept, *pictures, *(FIELDS[key] for key in lowered if key in FIELDS)], default=level)

    def instance(self, call: Call, frame: Frame) -> Level | None:
        """The level of an object or map that ``call`` makes of its arguments, each under its name; None if it makes none."""
        made = self.reach.makes(call, frame.function)
        if made is None and not (call.keywords and (call.name == "dict" or call.name[:1].isupper()) and call.receiver is None):
            return None
        named = dict(zip(_fields(*made), call.args, strict=False)) if made is not None else {}
        levels = {name: self.level(arg, frame) for name, arg in {**named, **call.keywords}.items()}
        if made is not None:
            for name, level in levels.items():
                if level is not Level.NOTHING:
                    for head in ("self", "this"):
                        self._shared[f"{head}.{name}"] = max(level, self._shared.get(f"{head}.{name}", Level.NOTHING))
        whole = self.keep(levels.items(), max((self.level(arg, frame) for arg in call.args), default=Level.NOTHING))
        if made is not None and whole is not Level.NOTHING:
            self.keep((getter.short, self.read(getter)) for getter in _getters(*made))
        return whole

    def read(self, getter: Function) -> Level:
        """The level of what a property of an object that holds parts of a result gives, by the fields that it looks at."""
        values = list(values_of(getter.body))
        level = self.told_by(Level.RAW, (key for value in values for key in value.keys))
        return Level.TELLING if level is Level.SCORE and any(value.tests for value in values) else level

    def deciding(self, test: Value, frame: Frame) -> list[Value]:
        """What decides in ``test``: of ``live and matched`` whatever is of a result, if the rest isn't; ``score or 0`` decides nothing."""
        if not test.logic:
            return [test]
        others = [part for part in test.operands if self.level(part, frame) is Level.NOTHING]
        decided = any(not part.constant or test.logic == "and" for part in others)
        return [part for part in test.operands if part not in others] if decided else []

    def other(self, test: Value, state: State) -> None:
        """Note that ``test`` is about something that is called liveness, if it is."""
        word = next((name for name in (*test.reads, *sorted(test.keys)) if about_liveness(name.rsplit(".", 1)[-1])), None)
        if word is not None:
            state.other = state.other or f"it looks at '{word}'"

    # -- names -----------------------------------------------------------------------------------------------------

    def get(self, name: str, frame: Frame) -> Level:
        levels = self._shared if name.startswith(("self.", "this.")) else frame.levels
        parts = name.split(".")
        if parts[0] in frame.forged:
            return Level.NOTHING
        getter = frame.function.module.functions.get(f"{frame.function.owner}.{parts[1]}") if levels is self._shared else None
        if getter is not None and getter.getter and self.looks_at_kept(getter):
            return self.read(getter)
        for end in range(len(parts), 0, -1):
            level = levels.get(".".join(parts[:end]))
            if level is not None:
                return self.told_by(level, parts[end:])
            if parts[end - 1].startswith("#"):
                break  # an entry of a list of which each is known, and this one is nothing of a result
        return Level.NOTHING

    def set(self, name: str, level: Level, frame: Frame) -> None:
        levels = self._shared if name.startswith(("self.", "this.")) else frame.levels
        if levels is self._shared:
            self.keep([(name.split(".")[1], level)])
        if level is not Level.NOTHING:
            self._held.add(name.rpartition(".")[2])
            levels[name] = max(level, levels.get(name, Level.NOTHING))
            frame.placed[name] = frame.block
            head, _, rest = name.partition(".")
            if rest and levels is frame.levels and any(isinstance(bound.literal, dict) for bound in frame.function.bindings.get(head, ())):
                levels[head] = max(levels.get(head, Level.NOTHING), self.keep([(rest, level)]))
            if frame.forged.get(name) == frame.block or frame.block == id(frame.function.body):
                frame.forged.pop(name, None)

    def replaced(self, name: str, value: Value, frame: Frame) -> None:
        """``name`` is bound to something that has nothing of a result: where it had one in the same block, that is gone.

        On a branch it may still be one, unless what takes its place is itself written as one.
        """
        if name.startswith(("self.", "this.")) or name in value.reads:
            return
        if frame.placed.get(name) == frame.block:
            frame.levels.pop(name, None)
        elif frame.block != id(frame.function.body) and tells(value.literal):
            frame.forged[name] = frame.block

    def returns(self, value: Value, frame: Frame) -> None:
        """Keep what each place of a returned tuple holds."""
        made = self.reach.makes(value.outer, frame.function) if value.outer is not None else None
        if made is not None:  # a NamedTuple, perhaps
            levels = [self._entries.get(name.lower(), Level.NOTHING) for name in _fields(*made)]
        else:
            levels = [self.level(item, frame) for item in value.literal] if isinstance(value.literal, list) else []
        kept = self._tuples.setdefault(frame.function, {}) if levels else {}
        for index, level in enumerate(levels):
            kept[index] = max(level, kept.get(index, Level.NOTHING))

    def told(self, frame: Frame, ends: list[State], before: State) -> Level:
        """The level of what a function returns; where it answers yes or no by what a result was, whoever calls it decides by that."""
        answers = [(seen, answer_of(value)) for seen, value in frame.answers]
        unread = [answer for seen, answer in answers if seen is Seen.NOTHING]
        if True in unread and any(end.seen is not Seen.NOTHING for end in ends):
            return Level.NOTHING  # it says yes where there is no result, too
        if {True, False} <= {answer for seen, answer in answers if seen is Seen.CHECKED or answer is False}:
            for end in (end for end in ends if before.seen < end.seen):
                end.seen, end.best = min(end.seen, Seen.WEIGHED), max(before.best, Seen.WEIGHED)
            parted = self.parted([value for _, value in frame.answers if value is not None], frame.function)
            return Level.RAW if parted else Level.TELLING
        written = any(value is not None and isinstance(value.literal, dict | list) for _, value in frame.answers)
        refuses = unread and not any(answer is not False for answer in unread) and any(end.seen >= Seen.WEIGHED for end in ends)
        return Level.TELLING if refuses and not (written and all(end.seen < Seen.CHECKED for end in ends)) else frame.returned

    def parted(self, returned: list[Value], function: Function) -> bool:
        """Whether a function that answers yes or no does so by an entry of what it ``returned``; by which one, is kept.

        That is one that is written down, or that isn't in all of them (``{ok: false}``, ``{ok: true, image}``).
        """
        parts = [parts_of(value) for value in returned if isinstance(value.literal, dict | list)]
        for entries in parts:
            for name, entry in entries.items():
                if name.startswith("#"):
                    self._tuples.setdefault(function, {})[0] = Level.TELLING
                elif entry.constant or not all(name in other for other in parts):
                    self._entries[name.lower()] = Level.TELLING
        return bool(parts)

    def taken(self, key: str, value: Value, level: Level, frame: Frame) -> Level:
        """The level of what is taken out of ``value``, which is of ``level``, by ``key``: a field, or a place (``#0``) of a tuple."""
        if not key.startswith("#"):
            return self.told_by(level, [key])
        if value.name and any(name.startswith(f"{value.name}.#") for name in frame.function.bindings):  # const [a, b] = rs
            return self.get(f"{value.name}.{key}", frame)
        targets = self.reach.targets(value.outer, frame.function) if value.outer is not None else []
        kept = [self._tuples[target].get(int(key[1:])) for target in targets if target in self._tuples]
        known = [found for found in kept if found is not None]
        return max(known) if known else level

    # -- calls -----------------------------------------------------------------------------------------------------

    def is_handed(self, call: Call, frame: Frame) -> bool:
        return any(self.level(arg, frame) is not Level.NOTHING for arg in [*call.args, *call.keywords.values()])

    def looks_at_kept(self, function: Function) -> bool:
        """Whether a method reads an attribute in which a result is kept (``self.result``)."""
        if not self._shared or not function.owner:
            return False
        if function not in self._attributes:
            read = (name.split(".") for value in values_of(function.body) for name in value.reads)
            self._attributes[function] = {".".join(parts[:2]) for parts in read if parts[0] in {"self", "this"}}
        return not self._attributes[function].isdisjoint(self._shared)

    def leaves(self, value: Value, frame: Frame) -> None:
        """Note that ``value``, a statement or a condition, calls what is asynchronous and waits for no answer: whatever it finds comes too late."""
        call = value.outer
        grouped = call is not None and call.receiver is not None and call.receiver.name.rpartition(".")[2] not in {"asyncio", "loop"}
        if call is not None and call.name in _TASKS and call.args and not grouped:  # a TaskGroup waits for its tasks
            call = call.args[0].outer  # asyncio.create_task(check(session))
        if call is None or call.awaited:
            return
        if call.name in _LATER:
            self._left.add(id(call))
        targets = self.reach.targets(call, frame.function)
        if targets and all(target.waited for target in targets):
            self._left.add(id(call))

    def starts(self, targets: list[tuple[str, str]], value: Value, frame: Frame, state: State) -> None:
        """Note what ``value`` starts without waiting for it: under a name, or for nobody if its name is never read."""
        call = value.outer
        if call is None or call.awaited or len(targets) != 1:
            return
        name, function = targets[0][0], frame.function
        if call.name in _TASKS:
            self._tasks[name] = state.seen
        if function not in self._read:
            bodies = [function.body, *(inline.body for one in calls_of(function.body) for inline in one.inline)]
            self._read[function] = {head.partition(".")[0] for body in bodies for one in values_of(body) for head in one.reads}
        if name.isidentifier() and name not in self._read[function] and function.name != MODULE:
            self.leaves(value, frame)

    def settle(self, targets: list[tuple[str, str]], value: Value, before: State, state: State) -> None:
        """Lower what was looked at in ``value``, whose failure comes as an answer, to what was read."""
        least = min([before.seen, *(self._tasks[name] for name in value.reads if name in self._tasks)])
        if state.seen > max(least, Seen.READ):
            state.seen = max(least, Seen.READ)
            self.settled.add(targets)

    def drops(self, value: Value) -> str:
        """By what ``value``, a statement, lets go on whoever was refused in it: promises for which nothing waits, or whose failures come as
        answers at which nothing looks; "" if it doesn't."""
        call = value.outer
        if call is None:
            return ""
        if call.floating:
            return f"a chain that ends in {call.name}(), {UNAWAITED}"
        flag = call.keywords.get("return_exceptions") if call.name == "gather" else None
        settled = call.path in {"Promise.allSettled", "asyncio.wait"} or (flag is not None and flag.constant and flag.literal is True)
        return f"{call.path}(), at whose answers nothing looks" if settled else ""

    def goes_on(self, call: Call, frame: Frame) -> bool:
        """Whether what follows ``.catch(...)`` goes on where the promise failed: what is handed to it neither throws nor rejects."""
        if call.rejects:
            return False
        named = (self.reach.project.name(arg.name, frame.function).function for arg in call.args if arg.name)
        return any(goes_on(inline.body) for inline in call.inline) or any(one is None or goes_on(one.body) for one in named)

    def bound(self, call: Call, target: Function, frame: Frame) -> dict[str, Level]:
        """The levels of the parameters of ``target`` in this ``call``."""
        found: dict[str, Level] = {}
        for param, arg in zip(target.params, call.args, strict=False):
            level = self.level(arg, frame)
            if level is not Level.NOTHING:
                self.take(param, level, found)
        for name, arg in call.keywords.items():
            level = self.level(arg, frame)
            if level is Level.NOTHING:
                continue
            rest = [param.name for param in target.params[len(call.args) :] if param.name not in call.keywords]
            for given in rest if name.startswith("**") else [name]:
                found[given] = self.told_by(level, [given]) if name.startswith("**") else level
        return found

    def take(self, param: Param, level: Level, levels: dict[str, Level]) -> None:
        """Give ``param``, or the names that it takes out of an object, the level of an argument."""
        self._held.update(name for name in (param.name, *(pick for pick, _ in param.picks)) if name)
        if param.name:
            levels[param.name] = max(level, levels.get(param.name, Level.NOTHING))
        for name, key in param.picks:
            levels[name] = self.told_by(level, [key])


def _number(value: Value, function: Function, project: Project) -> float | None:
    """The number that ``value`` is, written there or under a name."""
    if value.name and not value.constant:
        bound = project.bound(value.name, function)
        value = bound[0] if len(bound) == 1 else value
    if not value.constant or isinstance(value.literal, bool) or not isinstance(value.literal, int | float | str):
        return None
    try:
        return float(value.literal)
    except ValueError:
        return None


def _getters(module: Module, cls: Class) -> Iterator[Function]:
    """The methods of ``cls`` that are read as attributes."""
    return (function for function in module.functions.values() if function.owner == cls.name and function.getter)


def _fields(module: Module, cls: Class) -> list[str]:
    """The names under which an instance of ``cls`` keeps its arguments, in their order."""
    maker = module.functions.get(f"{cls.name}.__init__") or module.functions.get(f"{cls.name}.constructor")
    return [param.name for param in maker.params] if maker is not None else list(cls.types)
