"""Playing a scenario: one step after the other, each timed, each with what it must come to; and the record of how it went.

The steps are those of a real incident, on a ledger of the drill's own, with the organisation's profile, severity matrix, contracts and
contacts: what these lack shows here. What a drill on an embedded AWS doesn't show is said in its record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from averment import __version__
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.organisation import Organisation
from averment.core.period import parse_duration
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import DRILLS, Kind, Population, Record
from averment.governance.incidents.filing import Act
from averment.governance.incidents.state import Incident, read_incidents
from averment.governance.incidents.steps import Desk

CONTROLS = ("SM-IR-01", "SM-IR-02", "SM-DEL-02")
TECHNICAL = frozenset({"preserve", "contain", "recover"})
TAKEDOWN = frozenset({"contain", "recover"})

NOT_SHOWN = (
    "how long people take to be reached, to decide and to agree, unless it was played with people",
    "permissions: the embedded AWS lets every identity do everything that no policy denies",
    "caches and copies outside of this account, and how long a real CDN takes",
    "the organisation's own buckets, functions and runbooks: the drill has its own",
)


@dataclass
class Game:
    """What a scenario is played with: the desk of the drill's organisation, its clock, and what the steps leave for one another."""

    desk: Desk
    now: Callable[[], datetime]
    kept: dict[str, Any] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Note what was seen; it goes into the record."""
        self.shown.append(text)

    def act(self, role: str) -> Act:
        """An act of ``role`` now."""
        moment = self.now()
        return Act(role, moment, moment)

    def incident(self) -> Incident:
        """The incident as its records tell it.

        Raises:
            IncompleteError: it was never opened.
        """
        with open_ledger(self.desk.organisation) as ledger:
            found = list(read_incidents(ledger.records(Kind.INCIDENT)).values())
        if not found:
            raise IncompleteError("the incident was never opened")
        return found[0]

    def append(self, record: Record) -> None:
        """Put ``record`` into the drill's ledger."""
        with open_ledger(self.desk.organisation, write=True) as ledger:
            ledger.append([record])

    def require(self, holds: bool, what: str, *, otherwise: str | None = None, fix: str | None = None) -> None:
        """Note ``what`` if it holds.

        Raises:
            IncompleteError: it doesn't; ``otherwise`` says what is the case instead, ``fix`` what to do about it.
        """
        if not holds:
            raise IncompleteError(otherwise or f"not so: {what}", fix=fix)
        self.say(what)


@dataclass(frozen=True)
class Move:
    """One step of a scenario. ``name`` is the incident step that it plays (or ``notice``, ``reach``), ``what`` says it to people."""

    name: str
    role: str
    what: str
    play: Callable[[Game], None]


@dataclass(frozen=True)
class Scenario:
    """A scenario: its id, what it is about, its moves, and what sets up the world that they are played in, before any clock runs."""

    id: str
    title: str
    moves: tuple[Move, ...]
    prepare: Callable[[Game], None]


@dataclass(frozen=True)
class Played:
    """How one move went. ``fix`` is what to do about the ``reason`` that it failed for, where that can be said."""

    move: Move
    seconds: float
    limit: float | None
    reason: str | None
    shown: tuple[str, ...]
    fix: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it came to what it must, in time."""
        return self.reason is None

    def to_json(self) -> dict[str, JSON]:
        """As part of the record's payload."""
        return {
            "step": self.move.name,
            "role": self.move.role,
            "what": self.move.what,
            "outcome": "passed" if self.passed else "failed",
            "seconds": round(self.seconds, 3),
            "limit_seconds": self.limit,
            "reason": self.reason,
            "shown": list(self.shown),
        }


def play(scenario: Scenario, game: Game, *, before: Callable[[Move], None], after: Callable[[Played], None]) -> list[Played]:
    """Play every move in order; one that fails doesn't keep the others from being tried. ``before`` and ``after`` hear of each.

    Raises:
        IncompleteError: what it is played in could not be set up.
    """
    scenario.prepare(game)
    targets = game.desk.organisation.incidents.targets
    played: list[Played] = []
    began = time.monotonic()
    for move in scenario.moves:
        started = time.monotonic()
        before(move)
        game.shown.clear()
        reason = fix = None
        try:
            move.play(game)
        except AvermentError as error:
            reason, fix = error.message, error.fix
        ended = time.monotonic()
        limit = parse_duration(targets[move.name]).total_seconds() if move.name in targets else None
        if reason is None and limit is not None and ended - began > limit:
            reason = f"it was done {ended - began:.0f} seconds after the beginning, and {targets[move.name]} is the target"
        result = Played(move, ended - started, limit, reason, tuple(game.shown), fix)
        played.append(result)
        after(result)
    return played


def drill_record(scenario: Scenario, played: Sequence[Played], organisation: Organisation, now: datetime, *, people: bool) -> Record:
    """The record of a drill, which is evidence for the controls that ask for one."""
    failed = [item for item in played if not item.passed]

    def rows(names: frozenset[str] | None) -> list[JSON]:
        chosen = [item for item in failed if names is None or item.move.name in names]
        return [{"resource": f"{scenario.id}/{item.move.name}", "message": f"{item.move.what}: {item.reason}"} for item in chosen]

    payload: dict[str, JSON] = {
        "scenario": scenario.id,
        "title": scenario.title,
        "played_on": "embedded AWS",
        "with_people": people,
        "targets": dict(organisation.incidents.targets),
        "steps": [item.to_json() for item in played],
        "failed": rows(None),
        "technical_failed": rows(TECHNICAL),
        "takedown_failed": rows(TAKEDOWN),
        "not_shown": list(NOT_SHOWN),
        "summary": {
            "steps": len(played),
            "failed": len(failed),
            "technical_failed": len(rows(TECHNICAL)),
            "takedown_failed": len(rows(TAKEDOWN)),
            "seconds": round(sum(item.seconds for item in played), 3),
        },
    }
    return Record(
        kind=Kind.INCIDENT,
        collector=DRILLS,
        collector_version=__version__,
        source=f"averment incident drill {scenario.id}",  # each scenario counts by itself: none hides behind another
        query={"scenario": scenario.id, "with_people": people},
        effective_at=now,
        collected_at=now,
        payload=payload,
        population=Population("steps", len(played), len(played)),
        controls=CONTROLS,
    )


def find_scenario(scenarios: Sequence[Scenario], name: str) -> Scenario:
    """The scenario called ``name``.

    Raises:
        BadInputError: there is none.
    """
    found = next((item for item in scenarios if item.id == name), None)
    if found is None:
        raise BadInputError(f"there is no scenario '{name}'", fix=f"choose from: {', '.join(item.id for item in scenarios)}")
    return found
