"""Call paths from an entry point to a comparison of faces, and what they did about liveness before.

A path is walked statement by statement, through the functions that it calls:

1. Reading a liveness result makes what it is bound to *raw*; its ``Confidence`` is *telling*, through any number of assignments, calls and
   returns. Its ``Status`` says only that the session ended.
2. A condition on something telling, or on what a comparison with it said, makes the path *checked*. Which way it decides isn't judged.
   A comparison by which nothing is decided is none.
3. Branches are walked apart, those of ``a and b`` and ``x if t else y`` too. What happened only on one of them, and the other goes on
   too, happened "only on one branch".
4. At a comparison of faces the state is noted; a check that follows (both results at hand, one decision) counts for it too.

Every statement and every call is a step. Steps are counted, from each entry point and in a project; where they run out, or calls
go too deep, the walk says so (``Walker.cut``), for a path that wasn't walked may lack what the others have.
"""

from __future__ import annotations

from averment.policies.surfaces.code.apis import MATCHES, RESULT, SESSION
from averment.policies.surfaces.code.levels import NUMERIC, THREADS, UNAWAITED, Levels
from averment.policies.surfaces.code.model import (
    Bind,
    Call,
    Do,
    Function,
    If,
    Inline,
    Loop,
    Raise,
    Return,
    Statement,
    Try,
    Value,
    calls_of,
)
from averment.policies.surfaces.code.names import Kind
from averment.policies.surfaces.code.reach import Asked, Reach
from averment.policies.surfaces.code.state import MAX_ALL_STEPS, Budget, Frame, Match, Seen, State, become, joined
from averment.policies.surfaces.code.telling import (
    Level,
    about_liveness,
    decides_nothing,
    makes_up,
    mere_presence,
    only_notes,
)

MAX_STEPS = 10_000
"""From one entry point. The longest walk in 25 public programs that match faces takes 268."""
MAX_CALLS_DEEP = 25
MAX_PENDING = 200


class Walker(Levels):
    """Walks everything that begins at one entry point."""

    def __init__(self, reach: Reach, entry: Function, budget: Budget | None = None) -> None:
        super().__init__(reach)
        self.entry = entry
        left = (budget or Budget()).left
        self._limit = max(0, min(MAX_STEPS, left))
        scope = "from here" if left > MAX_STEPS else "in all of the code"
        self._beyond = f"there are more than {MAX_STEPS if left > MAX_STEPS else MAX_ALL_STEPS:,} steps to follow {scope}"
        self.cut = ""
        """Why not every path was walked; "" if every one was."""
        self.found: list[Match] = []
        self._stack: list[Function] = []
        self._steps = 0
        self._before: dict[int, Seen] = {}
        self._labelled: Value | None = None
        """The value that is bound to a name, where it is one of two."""
        self._noted = False
        """Whether what is evaluated is a condition by which something is only written down."""
        self._apart: set[int] = set()
        """Conditions whose operands are walked one by one."""

    @property
    def steps(self) -> int:
        """How many statements and calls were walked."""
        return self._steps

    def walk(self) -> list[Match]:
        """Every comparison of faces that is reached."""
        _, level = self.call(self.entry, {}, State())
        for match in self.found:
            match.low = self.low
        if level is not Level.NOTHING:
            for match in self.found:
                match.answered = True
        return self.found

    def call(self, function: Function, levels: dict[str, Level], state: State) -> tuple[State, Level]:
        """Walk ``function``; the state after it, and the level of what it returns."""
        if function in self._stack:
            return state, max(levels.values(), default=Level.NOTHING)
        if len(self._stack) >= MAX_CALLS_DEEP:
            self.cut = self.cut or f"the calls below {function.label} go deeper than is followed"
        if len(self._stack) >= MAX_CALLS_DEEP or self._exhausted():
            state.opaque = state.opaque or self.cut
            return state, Level.NOTHING
        self._stack.append(function)
        self._walked[function] = None
        if function.guard:
            state.other = state.other or f"{function.label} has {function.guard} before it"
        frame = Frame(function, levels)
        around, self._noted = self._noted, False  # what a function decides, it decides, though its answer is only written down
        last = self.block(function.body, frame, state.copy())
        self._noted = around
        self._stack.pop()
        ends = [*frame.ends, *([last] if last is not None else [])]
        level = self.told(frame, ends, state) if self._stack else frame.returned
        return (joined(ends) if ends else state), level

    # -- statements ------------------------------------------------------------------------------------------------

    def block(self, body: list[Statement], frame: Frame, state: State) -> State | None:
        """The state after ``body``; None if no path leaves it at its end."""
        here: State | None = state
        around, frame.block = frame.block, id(body)
        for statement in body:
            if here is None or self._exhausted():
                break
            self._steps += 1
            here = self.statement(statement, frame, here)
        frame.block = around
        return here

    def _exhausted(self) -> bool:
        """Whether the steps have run out; then the walk is cut."""
        if self._steps < self._limit:
            return False
        self.cut = self.cut or self._beyond
        return True

    def statement(self, statement: Statement, frame: Frame, state: State) -> State | None:
        match statement:
            case Bind():
                self.bind(statement, frame, state)
            case Do(value):
                self.leaves(value, frame)
                around, self._noted = self._noted, self._noted or only_notes([[statement]])
                before, dropped = state.copy(), self.drops(value)
                self.value(value, frame, state, top=True)
                if dropped and before.seen < state.seen:
                    become(state, joined([before, state.copy()]))
                    state.left = state.left or dropped
                elif dropped:
                    self.settle([], value, before, state)
                self._noted = around
            case If():
                return self.branch(statement, frame, state)
            case Loop(test, body, maybe):
                yes, no = self.condition(test, frame, state) if test is not None else (state, state)
                end = self.block(body, frame, yes.copy()) or no
                return joined([no, end]) if maybe else end
            case Try():
                return self.attempt(statement, frame, state)
            case Return(value):
                if value is not None:
                    frame.returned = max(frame.returned, self.value(value, frame, state, top=True))
                    self.returns(value, frame)
                frame.answers.append((state.seen, value))
                frame.ends.append(state)
                return None
            case Raise(value):
                if value is not None:
                    self.value(value, frame, state, top=True)
                return None
        return state

    def bind(self, statement: Bind, frame: Frame, state: State) -> None:
        """Give names what a statement binds them to."""
        targets, value = statement.targets, statement.value
        before, self._labelled = state.copy(), value if not value.logic and value.operands else None
        self.starts(targets, value, frame, state)
        self.assign(targets, value, self.value(value, frame, state, top=True), frame)
        self._labelled = None
        if statement.settles:
            self.settle(targets, value, before, state)
        else:
            self.settled.follow(targets, value)

    def assign(self, targets: list[tuple[str, str]], value: Value, level: Level, frame: Frame) -> None:
        """``targets`` are bound to ``value``, which is of ``level``."""
        for name, key in targets:
            taken = self.taken(key, value, level, frame)
            self.set(name, taken, frame)
            if taken is Level.NOTHING:
                self.replaced(name, value, frame)

    def branch(self, statement: If, frame: Frame, state: State) -> State | None:
        around, self._noted = self._noted, self._noted or only_notes(statement.arms)
        yes, no = self.condition(statement.test, frame, state)
        self._noted = around
        starts = (yes, no) if len(statement.arms) == 2 else [joined([yes, no])] * len(statement.arms)
        ends = [end for arm, start in zip(statement.arms, starts, strict=True) if (end := self.block(arm, frame, start.copy())) is not None]
        if ends and state.seen is not Seen.NOTHING and self.level(statement.test, frame) is not Level.NOTHING:
            most = max(end.seen for end in ends)  # `if it failed: ... elif its confidence is low: ...` is one look at a result
            for end in ends:
                end.seen = most
        return joined(ends) if ends else None

    def attempt(self, statement: Try, frame: Frame, state: State) -> State | None:
        before = state.copy()
        ends = [self.block(statement.body, frame, state.copy())]
        ends += [self.block(handler, frame, before.copy()) for handler in statement.handlers]
        live = [end for end in ends if end is not None]
        if live and any(self.reach.compares(call, frame.function) for call in calls_of(statement.final)):
            self.block(statement.final, frame, before.copy())  # it runs also after what left early
        if not live:
            self.block(statement.final, frame, before)
            return None
        return self.block(statement.final, frame, joined(live))

    def condition(self, test: Value, frame: Frame, state: State) -> tuple[State, State]:
        """Evaluate ``test``; the states where it holds, and where it doesn't."""
        if test.logic == "not":
            yes, no = self.condition(test.operands[0], frame, state)
            return no, yes
        if not test.logic:
            self.leaves(test, frame)
            self.value(test, frame, state, top=True)
            self.tested(test, frame, state)
            return state, state.copy()
        self._apart.add(id(test))
        left: list[State] = []
        for operand in test.operands:
            yes, no = self.condition(operand, frame, state)
            state, out = (yes, no) if test.logic == "and" else (no, yes)
            surely = state.seen is not Seen.NOTHING and self.level(operand, frame) is not Level.NOTHING
            if operand is test.operands[-1] or not surely:  # `r and r["Confidence"] < 90`, where it was read for sure, is one question
                left.append(out)
        return (state, joined(left)) if test.logic == "and" else (joined(left), state)

    def tested(self, test: Value, frame: Frame, state: State) -> None:
        """A condition on ``test``: it may be the check of a liveness result, or of something that is called one."""
        level = self.level(test, frame) if not mere_presence(test) else Level.NOTHING
        if level is Level.TELLING or self.settled.failed(test):
            self.checked(state)
        elif level is Level.ENDED:
            state.ended = True
            for match in state.matches:
                match.ended_later = True
        self.other(test, state)

    def weighed(self, test: Value, frame: Frame, state: State) -> None:
        """A comparison with a liveness result, whose answer decides nothing by itself."""
        level = self.level(test, frame) if not mere_presence(test) else Level.NOTHING
        state.ended = state.ended or level is Level.ENDED
        if level is Level.TELLING:
            self.compared(state)
        self.other(test, state)

    def compared(self, state: State) -> None:
        if self._noted:
            state.noted = True
            for match in state.matches:
                match.noted_later = True
            return
        state.seen, state.best = max(state.seen, Seen.WEIGHED), max(state.best, Seen.WEIGHED)
        for match in state.matches:
            match.weighed_later = True

    def checked(self, state: State) -> None:
        if self._noted:
            self.compared(state)
            return
        state.seen = max(state.seen, Seen.CHECKED)
        state.best = Seen.CHECKED
        for match in state.matches:
            match.checked_later = True

    # -- expressions -----------------------------------------------------------------------------------------------

    def value(self, value: Value, frame: Frame, state: State, *, top: bool = False) -> Level:
        """Evaluate ``value``: its calls in order, its comparisons; the level of the result."""
        level = Level.NOTHING
        if top:
            for asked in self.reach.in_value(value, frame.function):
                level = max(level, self.asks(asked, frame, state))
        for call in value.calls:
            self.make(call, frame, state)
        level = self.level(value, frame, level)
        for test in value.tests:
            self.weighed(test, frame, state)
        labelled = value is self._labelled and all(choice.constant for choice in value.choices)
        for test in value.decides[:-1] if labelled else value.decides:  # `label = "live" if score > 90 else "spoof"` decides nothing yet
            for part in self.deciding(test, frame):
                self.tested(part, frame, state)
        return level

    def make(self, call: Call, frame: Frame, state: State) -> Level:
        """Make ``call``, if it is made at all; the level of its result."""
        if all(id(hinge) in self._apart for hinge in call.hinges):
            return self.made(call, frame, state)
        aside = state.copy()
        level = self.made(call, frame, aside)
        race = next((hinge.outer for hinge in call.hinges if hinge.outer is not None), None)
        if race is not None and state.seen < aside.seen:
            state.left = state.left or f"{race.path}(), where whatever answers first counts"
        become(state, joined([state.copy(), aside]))
        return level

    def made(self, call: Call, frame: Frame, state: State) -> Level:
        """Make ``call``; the level of its result."""
        if self._exhausted():
            return Level.NOTHING
        self._steps += 1
        self._before[id(call)] = state.seen
        before = state.copy() if id(call) in self._left or call.name in THREADS else None
        if call.name == "result" and call.receiver is not None and any(map(self.settled.holds, call.receiver.reads)):
            self.checked(state)  # which raises what a task of asyncio.wait raised
        given = max((self.level(part, frame) for part in call.parts()), default=Level.NOTHING)
        asked = self.reach.of_call(call, frame.function)
        result = given
        result = self.asks(asked, frame, state) if asked is not None else self.run(call, frame, state, given)
        self._results[id(call)] = result
        for inline in call.inline:
            if inline.waited and call.name == "forEach":  # which waits for none of its promises
                before = before or state.copy()
            result = max(result, self.inline(inline, frame, state, result))
        if call.name == "catch" and call.receiver is not None and self.goes_on(call, frame):
            state.seen = min([state.seen, *(self._before.get(id(tried), state.seen) for tried in call.receiver.calls)])
            result = Level.NOTHING if any(makes_up(inline) for inline in call.inline) else result
        if before is not None:
            become(state, joined([before, state.copy()]))
            state.left = state.left or f"{call.path}(), {UNAWAITED}"
            result = Level.NOTHING
        self._results[id(call)] = result
        return result

    def run(self, call: Call, frame: Frame, state: State, given: Level) -> Level:
        """A call that isn't Rekognition's: followed if it may matter."""
        targets = self.reach.targets(call, frame.function)
        asked = self.reach.asks_else(call, frame.function) if given is not Level.NOTHING and not targets else None
        if asked is not None:
            if asked is Kind.OTHER and not decides_nothing(call) and self.is_handed(call, frame):
                state.handed = state.handed or call.path  # a queue, another function: whoever reads it may look
            return Level.NOTHING
        ends: list[State] = []
        result = Level.NOTHING
        for target in targets:
            if given is not Level.NOTHING or target in self.reach.relevant or self.looks_at_kept(target):
                end, level = self.call(target, self.bound(call, target, frame), state)
                ends.append(end)
                result = max(result, level)
        if ends:
            become(state, joined(ends))
            if call.receiver is not None:  # a method of what holds a result: fetch(session).is_live(90)
                result = max(result, self.level(call.receiver, frame))
        made = self.instance(call, frame) if given is not Level.NOTHING else None
        if made is not None:
            result = made
        elif given is not Level.NOTHING and not ends:
            judges = not targets and not decides_nothing(call) and call.name not in NUMERIC
            result = Level.TELLING if given is Level.SCORE and judges else given  # score.gte(90)
            if not targets and not decides_nothing(call) and self.is_handed(call, frame):
                state.handed = state.handed or call.path
                for test in (test for arg in [*call.args, *call.keywords.values()] for test in arg.tests):
                    self.tested(test, frame, state)  # invariant(result.Status === "SUCCEEDED")
        if about_liveness(call.name) and state.seen is Seen.NOTHING:
            where = f" ({targets[0].module.path.name}:{targets[0].line})" if targets else ""
            state.other = state.other or f"it calls {call.path}(){where}"
        return result

    def inline(self, inline: Inline, frame: Frame, state: State, level: Level) -> Level:
        """Run a function literal; its parameters are what the call gives."""
        for param in inline.params:
            if level is not Level.NOTHING:
                self.take(param, level, frame.levels)
        inner = Frame(frame.function, frame.levels)
        last = self.block(inline.body, inner, state.copy())
        ends = [*inner.ends, *([last] if last is not None else [])]
        if ends:
            become(state, joined(ends))
        return inner.returned

    def asks(self, asked: Asked, frame: Frame, state: State) -> Level:
        """A request to Rekognition."""
        if asked.operation == RESULT:
            if state.seen is Seen.NOTHING:
                state.seen = Seen.READ
            state.best = max(state.best, Seen.READ)
            state.read_at = f"{frame.function.module.path.name}:{asked.line}"
            for match in state.matches:
                match.read_later = match.read_later or asked.line
            return Level.RAW
        if asked.operation == SESSION:
            state.opened = True
        elif asked.operation in MATCHES:
            via = tuple(function.label for function in self._stack)
            match = Match(self.entry, frame.function, asked, state.copy(), via)
            self.found.append(match)
            if len(state.matches) < MAX_PENDING:
                state.matches += (match,)
        elif not asked.operation:
            state.opaque = state.opaque or asked.reason
        return Level.NOTHING
