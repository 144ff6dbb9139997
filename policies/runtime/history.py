"""For how long in a period each resource was compliant: a rule's verdicts on what AWS Config recorded, laid end to end.

A point in time says little about operation throughout a period. Here a rule judges every state that was recorded, each beside its
neighbours of that moment, and each verdict holds until the next change. What nobody recorded is not assessed, with the reason: before
the first item, while the recorder was off or left the type out, where a neighbour has no history. Intervals are half-open, in UTC, and
tile the period; their lengths are exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from averment.core.errors import IncompleteError
from averment.core.period import iso
from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.interface import Rule
from averment.policies.runtime.evaluate import COULD_NOT_CHECK, Evaluator, subject_types
from averment.policies.runtime.neighbours import records
from averment.policies.surfaces.config.items import read_item
from averment.policies.surfaces.config.types import asked_of_service, held_in

MAX_MOMENTS = 5_000
"""Moments of change that are judged for one rule; beyond that its resources are not assessed, and say so."""

Key = tuple[str, str]
"""Resource type and id, as AWS Config has them."""


class Phase(StrEnum):
    """What a resource was over a stretch of time."""

    NON_COMPLIANT = "non-compliant"
    NOT_ASSESSED = "not-assessed"
    COMPLIANT = "compliant"
    NOT_APPLICABLE = "not-applicable"


_GRAVITY = tuple(Phase)
_OF_VERDICT = {
    Verdict.PASS: Phase.COMPLIANT,
    Verdict.FAIL: Phase.NON_COMPLIANT,
    Verdict.UNKNOWN: Phase.NOT_ASSESSED,
    Verdict.NOT_APPLICABLE: Phase.NOT_APPLICABLE,
}


@dataclass(frozen=True, slots=True)
class Interval:
    """``start <= t < end`` (UTC), what the resource was in it, and why."""

    start: datetime
    end: datetime
    phase: Phase
    reason: str = ""

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Point:
    """From ``moment`` on the resource was in ``phase``, until another point."""

    moment: datetime
    phase: Phase
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time (half-open) that nobody recorded, and why."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RecorderState:
    """From ``moment`` on the recorder was on or off and recorded what its ``group`` (recordingGroup) says; ``why`` it recorded nothing."""

    moment: datetime
    on: bool
    group: Mapping[str, Any] = field(default_factory=dict)
    why: str = "was off"


def timeline(start: datetime, end: datetime, points: Iterable[Point], gaps: Iterable[Gap] = ()) -> tuple[Interval, ...]:
    """The intervals of ``start <= t < end``: they tile it, and neighbouring ones differ.

    ``points`` and ``gaps`` come in any order; a gap hides the points in it, and of points at one moment the gravest counts. Until the
    first point nothing was assessed.

    Raises:
        ValueError: the period is empty, or a moment has no time zone.
    """
    if start >= end:
        raise ValueError("a period that ends before it begins")
    ordered = sorted(points, key=lambda point: (point.moment, -_GRAVITY.index(point.phase), point.reason))
    moments = [point.moment for point in ordered]
    holes = sorted((gap for gap in gaps if gap.start < gap.end), key=lambda gap: (gap.start, gap.end, gap.reason))
    bounds = (moment for gap in holes for moment in (gap.start, gap.end))
    cuts = sorted({start, end, *(moment for moment in (*moments, *bounds) if start < moment < end)})
    found: list[Interval] = []
    for begin, finish in pairwise(cuts):
        hole = next((gap for gap in holes if gap.start <= begin < gap.end), None)
        index = bisect_right(moments, begin)
        if hole is not None:
            state = (Phase.NOT_ASSESSED, hole.reason)
        elif index:
            state = (ordered[index - 1].phase, ordered[index - 1].reason)
        else:
            state = (Phase.NOT_ASSESSED, "AWS Config has no item of it from before")
        same = bool(found) and (found[-1].phase, found[-1].reason) == state
        since = found.pop().start if same else begin
        found.append(Interval(since.astimezone(UTC), finish.astimezone(UTC), *state))
    return tuple(found)


def totals(intervals: Iterable[Interval]) -> dict[Phase, timedelta]:
    """How long each phase lasted in all; those that didn't occur have zero."""
    found = dict.fromkeys(Phase, timedelta())
    for interval in intervals:
        found[interval.phase] += interval.length
    return found


def recording_gaps(resource_type: str, states: Iterable[RecorderState], start: datetime, end: datetime) -> list[Gap]:
    """When ``resource_type`` was not recorded between ``start`` and ``end``."""
    ordered = sorted(states, key=lambda state: (state.moment, state.on))
    if not ordered:
        return [Gap(start, end, "no configuration recorder is known")]
    found: list[Gap] = []
    if start < ordered[0].moment:
        until = min(end, ordered[0].moment)
        found.append(Gap(start, until, f"nothing tells whether AWS Config recorded before {iso(ordered[0].moment)}"))
    for state, following in zip(ordered, [*(entry.moment for entry in ordered[1:]), end], strict=True):
        if (reason := _not_recording(state, resource_type)) is not None:
            begin, finish = max(start, state.moment), min(end, following)
            if begin < finish:
                found.append(Gap(begin, finish, reason))
    return found


def _not_recording(state: RecorderState, resource_type: str) -> str | None:
    if not state.on:
        return f"the configuration recorder {state.why}"
    return None if records(state.group, resource_type) else f"the configuration recorder left out {resource_type}"


@dataclass(frozen=True)
class Recorded:
    """What AWS Config has of a period: items of any moment up to its end, how the recorder was set, and types that could not be had."""

    items: Sequence[Mapping[str, Any]]
    recorder: Sequence[RecorderState]
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """How a rule was kept: the intervals of each resource, its types that have no history, and what could not be read or crashed."""

    rule: str
    resources: Mapping[Key, tuple[Interval, ...]]
    without_history: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def kept(
    rule: Rule,
    recorded: Recorded,
    start: datetime,
    end: datetime,
    scope: Scope,
    parameters: Mapping[str, Any],
    *,
    until: datetime | None = None,
) -> Kept:
    """How ``rule`` was kept between ``start`` and ``end`` (UTC). ``until`` is how far it can be known: now, for a period that isn't over.

    Moments are whole seconds, as records carry no finer time; of several items in one second the last counts.
    """
    past = _Past(recorded, end)
    kinds = subject_types(rule)
    subjects = [key for key in past.keys if key[0] in kinds]
    changes = past.moments({*kinds, *held_in(rule.looks_up(scope))}, start, min(end, until or end))
    points: dict[Key, list[Point]] = {key: past.birth(key, start) for key in subjects}
    problems = dict.fromkeys(past.problems)
    if len(changes) > MAX_MOMENTS:
        reason = f"there were more than {MAX_MOMENTS:,} changes to judge"
        points = {key: [Point(start, Phase.NOT_ASSESSED, reason)] for key in subjects}
        changes = []
    for moment in changes:
        evaluator = Evaluator(rule, _AsOf(past, moment), scope, parameters, now=moment)
        for entry in evaluator.these([raw for key in subjects if (raw := past.item(key, moment)) is not None]):
            said = entry.annotation.removeprefix(COULD_NOT_CHECK)
            points[entry.resource_type, entry.resource_id].append(Point(moment, _OF_VERDICT[entry.verdict], said))
            if entry.crashed:
                problems[f"{rule.id} on {entry.resource_type} {entry.resource_id}: {said}"] = None
    unknown = [Gap(until, end, "the period was not over")] if until is not None and until < end else []
    found = {
        key: timeline(start, end, points[key], [*unknown, *recording_gaps(key[0], recorded.recorder, start, end)])
        for key in sorted(subjects)
    }
    missing = tuple(kind for kind in kinds if asked_of_service(kind) or kind in recorded.unread)
    return Kept(rule.id, found, missing, tuple(problems))


class _Past:
    """Items by resource, in order of time."""

    def __init__(self, recorded: Recorded, end: datetime) -> None:
        self.recorded = recorded
        self.problems: list[str] = []
        self._states: dict[Key, list[tuple[datetime, datetime, Mapping[str, Any]]]] = {}
        for raw in recorded.items:
            try:
                item = read_item(raw)
            except (ValueError, AttributeError) as error:
                self.problems.append(f"a configuration item could not be read: {error}")
                continue
            moment = item.source.captured_at
            if moment is None or moment.tzinfo is None:
                self.problems.append(f"an item of {item.type} {item.id} doesn't say when it was captured")
            elif moment < end:
                self._states.setdefault((item.type, item.id), []).append((moment.replace(microsecond=0), moment, raw))
        for states in self._states.values():
            states.sort(key=lambda state: state[1])

    @property
    def keys(self) -> Iterator[Key]:
        """Every resource that there is an item of."""
        return iter(self._states)

    def of_type(self, kind: str) -> Iterator[Key]:
        """The resources of one type."""
        return (key for key in self._states if key[0] == kind)

    def item(self, key: Key, moment: datetime) -> Mapping[str, Any] | None:
        """The item that held at ``moment``, None if there was none yet."""
        states = self._states[key]
        index = bisect_right(states, moment, key=lambda state: state[0])
        return states[index - 1][2] if index else None

    def moments(self, kinds: Collection[str], start: datetime, end: datetime) -> list[datetime]:
        """``start``, and each later moment before ``end`` at which something of the ``kinds`` changed."""
        later = {at for key, states in self._states.items() if key[0] in kinds for at, *_ in states if start < at < end}
        later |= {state.moment for state in self.recorded.recorder if start < state.moment < end}
        later |= {born for key in self._states if key[0] in kinds if (born := self._born(key)) is not None and start < born < end}
        return sorted({start, *later}) if start < end else []

    def birth(self, key: Key, start: datetime) -> list[Point]:
        """What is known of a resource before its first item: that it didn't exist, where the item says when it was made."""
        first, born = self._states[key][0][0], self._born(key)
        if born is None or born <= start or born > first:
            return []
        gone = [Point(start, Phase.NOT_APPLICABLE, "the resource did not exist")]
        return [*gone, Point(born, Phase.NOT_ASSESSED, "AWS Config had not recorded it yet")] if born < first else gone

    def unrecorded(self, kind: str, moment: datetime) -> str | None:
        """Why not every resource of ``kind`` that there was at ``moment`` is known; None if every one is."""
        if asked_of_service(kind):
            return f"AWS Config keeps no history of {kind}"
        if kind in self.recorded.unread:
            return self.recorded.unread[kind]
        gap = next(iter(recording_gaps(kind, self.recorded.recorder, moment, moment + timedelta(seconds=1))), None)
        if gap is not None:
            return gap.reason
        for key in self.of_type(kind):
            born = self._born(key)
            if born is not None and born <= moment < self._states[key][0][0]:
                return f"AWS Config had not recorded {kind} {key[1]} yet"
        return None

    def _born(self, key: Key) -> datetime | None:
        value = self._states[key][0][2].get("resourceCreationTime")
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                return None
        return value.replace(microsecond=0) if isinstance(value, datetime) and value.tzinfo is not None else None


class _AsOf:
    """The resources of one moment, as an evaluator asks for them. A type of which some could not be seen is refused with the reason."""

    def __init__(self, past: _Past, moment: datetime) -> None:
        self._past, self._moment = past, moment

    def items(self, resource_type: str) -> Sequence[Mapping[str, Any]]:
        if (reason := self._past.unrecorded(resource_type, self._moment)) is not None:
            raise IncompleteError(reason)
        found = (self._past.item(key, self._moment) for key in self._past.of_type(resource_type))
        return [raw for raw in found if raw is not None]

    def item(self, resource_type: str, resource_id: str) -> Mapping[str, Any] | None:
        key = (resource_type, resource_id)
        return self._past.item(key, self._moment) if key in set(self._past.of_type(resource_type)) else None

    def complete(self, item: Mapping[str, Any], rule: str, *, subject: bool) -> Mapping[str, Any]:  # noqa: ARG002 - no service tells the past
        return item
