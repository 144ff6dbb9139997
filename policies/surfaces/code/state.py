"""What a call path has done about liveness so far, and what it was when faces were compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from averment.policies.surfaces.code.model import Function, Value
from averment.policies.surfaces.code.reach import Asked
from averment.policies.surfaces.code.telling import Level

MAX_ALL_STEPS = 50_000
"""In a project."""


@dataclass(slots=True)
class Budget:
    """How many steps may still be walked in a project: a bound on work, whatever the code is like."""

    left: int = MAX_ALL_STEPS


class Seen(IntEnum):
    """What a path has done about liveness."""

    NOTHING = 0
    READ = 1
    WEIGHED = 2
    """Compared with something, and nothing was decided by the answer yet."""
    CHECKED = 3


@dataclass(slots=True)
class Match:
    """A comparison of faces on a path from ``entry``, and the state in which it is made."""

    entry: Function
    function: Function
    asked: Asked
    state: State
    via: tuple[str, ...]
    read_later: int | None = None
    weighed_later: bool = False
    checked_later: bool = False
    ended_later: bool = False
    noted_later: bool = False
    answered: bool = False
    low: str = ""
    """A bar of at most 1 with which a confidence was compared, on the way or elsewhere in the walk."""


@dataclass(slots=True)
class State:
    """What a path has done so far. ``best`` is what was done on at least one of the branches that came together."""

    seen: Seen = Seen.NOTHING
    best: Seen = Seen.NOTHING
    read_at: str = ""
    other: str = ""
    handed: str = ""
    opaque: str = ""
    left: str = ""
    """What was called without waiting for its answer, or looking at it, and which of the two."""
    opened: bool = False
    ended: bool = False
    """Whether something was decided by the result's ``Status``, which says that the session ended, and not how."""
    noted: bool = False
    """Whether it was compared with something only to write that down."""
    matches: tuple[Match, ...] = ()

    def copy(self) -> State:
        """A state of its own, for one branch."""
        return replace(self)


def joined(states: list[State]) -> State:
    """What holds after branches come together."""
    first = states[0].copy()
    for other in states[1:]:
        first.best = max(first.best, other.best, first.seen, other.seen)
        first.seen = min(first.seen, other.seen)
        first.read_at = first.read_at or other.read_at
        first.other, first.handed, first.opaque = first.other or other.other, first.handed or other.handed, first.opaque or other.opaque
        first.left, first.noted = first.left or other.left, first.noted or other.noted
        first.opened, first.ended = first.opened or other.opened, first.ended or other.ended
        known = {id(match) for match in first.matches}
        first.matches += tuple(match for match in other.matches if id(match) not in known)
    return first


def become(state: State, other: State) -> None:
    """Make ``state`` what ``other`` is."""
    for name in State.__slots__:
        setattr(state, name, getattr(other, name))


@dataclass(slots=True)
class Frame:
    """One function on the way: the levels of its names.

    ``block`` is the list of statements that is walked, ``placed`` in which one a name got its level, ``forged`` in which one it was given a
    result that somebody wrote down (``{"Confidence": 100}``) on a branch, or where something failed. ``answers`` are, of each return, what
    was done about liveness until then and what is returned.
    """

    function: Function
    levels: dict[str, Level] = field(default_factory=dict)
    block: int = 0
    placed: dict[str, int] = field(default_factory=dict)
    forged: dict[str, int] = field(default_factory=dict)
    returned: Level = Level.NOTHING
    answers: list[tuple[Seen, Value | None]] = field(default_factory=list)
    ends: list[State] = field(default_factory=list)
