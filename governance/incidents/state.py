"""What is known of an incident: read from its records in the ledger, in their order, and from nothing else.

Shapes of the payloads (each has ``incident``, ``step``, ``by``, a role, and ``because`` or ``summary`` in words):

- open: ``title``, ``noticed_by``, ``aware_at``, ``media`` (names), ``follows`` (an earlier incident), ``facts``, ``clocks``
- triage: ``facts``, ``rating`` (``severity.Rating``), ``severity``, ``clocks``; a severity other than the rating's has its reason
- preserve: ``items`` (as ``custody`` makes them) or ``nothing``: true, why there is nothing to preserve; ``checked``: items that were looked at again
- contain: ``measure``, ``target``, ``outcome``, ``reference``, ``before``, or ``nothing``
- analyse: ``kind`` (opinion, detector, look-alikes, exposure) and what it found
- notify: ``duty``, ``decision``, ``sent_at``, ``receipt``, ``clocks``
- recover: ``restored``, ``lessons`` with whose and by when
- close: ``left_open``, ``cause``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from averment.core.errors import BadInputError
from averment.core.period import from_iso
from averment.core.words import Severity
from averment.evidence.collectors.incidents import is_final, went_out
from averment.evidence.collectors.redact import is_cut
from averment.evidence.record import Kind, Record
from averment.governance.incidents.clocks import Clock
from averment.governance.incidents.words import Answer, Decision, Standing, Step, visible

COLLECTOR = "incident"
"""What the records of incidents are by. Records of drills are by another name: they are about no incident."""


_COMES_TO_NOTHING = frozenset({"failed", "under-way"})
"""Outcomes of a measure, or of taking one back, under which nothing is known to hold (``measures.Outcome``)."""


class LedgerEntry(Protocol):
    """A record with its place in the ledger (from 0)."""

    @property
    def index(self) -> int:
        """The leaf's index in the log."""

    @property
    def record(self) -> Record:
        """The record itself."""


@dataclass(frozen=True)
class Event:
    """One step of an incident with its place in the ledger."""

    index: int
    record: Record

    @property
    def step(self) -> Step:
        """Which step it is."""
        return Step(str(self.record.payload["step"]))

    @property
    def at(self) -> datetime:
        """When it happened (UTC), by the word of who recorded it."""
        return self.record.effective_at

    @property
    def payload(self) -> Mapping[str, Any]:
        """What was recorded."""
        return self.record.payload

    def is_cut(self, text: str) -> bool:
        """Whether ``text``, of this record, lacks an address that was removed before it was made: what it named can't be found by it."""
        return bool(self.record.redactions) and is_cut(text)


@dataclass(frozen=True)
class Fact:
    """The latest answer to a question on the incident."""

    answer: Answer
    because: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Decided:
    """The latest decision on a duty. ``due_by`` and ``standing`` are what the duty's clock said when it was decided. What was sent was sent at
    ``sent_at``, when ``due_by`` was so, however often it was completed since (``went_out``)."""

    duty: str
    decision: Decision
    by: str
    at: datetime
    because: str
    sent_at: datetime | None
    receipt: str | None
    due_by: datetime | None
    standing: Standing | None = None

    def settles(self, clock: Clock) -> bool:
        """Whether nothing more is owed of the duty as it stands now (see ``is_final``)."""
        return is_final(self.decision, self.standing, clock.standing)

    @property
    def in_time(self) -> bool | None:
        """Whether what was sent was sent by its time; None where nothing was sent or no time is named."""
        return None if self.sent_at is None or self.due_by is None else self.sent_at <= self.due_by


@dataclass(frozen=True)
class Incident:
    """An incident as its records tell it, oldest first."""

    id: str
    events: tuple[Event, ...]

    def of(self, *steps: Step) -> list[Event]:
        """The events of these steps."""
        return [event for event in self.events if event.step in steps]

    @property
    def opening(self) -> Mapping[str, Any]:
        """What was said at the opening."""
        return self.events[0].payload

    @property
    def title(self) -> str:
        """What it is called."""
        return str(self.opening["title"])

    @property
    def aware_at(self) -> datetime:
        """When the organisation came to know (UTC); most clocks start here."""
        return from_iso(str(self.opening["aware_at"]))

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed."""
        closings = self.of(Step.CLOSE)
        return closings[0].at if closings else None

    def came_to_hold(self, *steps: Step) -> list[Event]:
        """The events of these steps that came to something: what failed, or is still under way as far as anybody looked, contains nothing."""
        return [event for event in self.of(*steps) if event.payload.get("outcome") not in _COMES_TO_NOTHING]

    @property
    def taken_back(self) -> dict[int, Event]:
        """The entries whose measures were taken back, with the step that did; an undoing that was refused may be tried again.

        With a measure fall those before it that found the same marker or key off already: they hold by nothing else.
        """
        measures = {event.index: event for event in self.of(Step.CONTAIN)}
        found: dict[int, Event] = {}
        for back in self.came_to_hold(Step.RECOVER):
            entry = int(back.payload.get("undoes") or -1)
            if entry not in measures:
                continue
            found[entry] = back
            what, by, before = (measures[entry].payload.get(name) for name in ("measure", "reference", "before"))
            if by is None or (before or {}).get("status") == "Inactive":  # the key was off before, and is again
                continue
            for event in measures.values():
                if event.index < back.index and (event.payload.get("measure"), event.payload.get("reference")) == (what, by):
                    found.setdefault(event.index, back)
        return found

    @property
    def contained_by(self) -> list[Event]:
        """What contains it still: measures that were seen to hold and weren't taken back, what people state, and that there is nothing to contain."""
        back = self.taken_back
        return [event for event in self.came_to_hold(Step.CONTAIN) if event.index not in back]

    @property
    def restored(self) -> list[Event]:
        """What people say was put back. That a measure was taken back restores nothing by itself: it may have been about the wrong object."""
        return [event for event in self.of(Step.RECOVER) if event.payload.get("undoes") is None]

    @property
    def phase(self) -> str:
        """How far it is: the furthest of open, triaged, contained, recovered, closed. A measure that failed or is under way leads nowhere yet, and one
        that was taken back no more."""
        steps = {event.step for event in (*self.of(Step.OPEN, Step.TRIAGE, Step.CLOSE), *self.contained_by, *self.restored)}
        furthest = ((Step.CLOSE, "closed"), (Step.RECOVER, "recovered"), (Step.CONTAIN, "contained"), (Step.TRIAGE, "triaged"))
        return next((word for step, word in furthest if step in steps), "open")

    @property
    def facts(self) -> dict[str, Fact]:
        """The latest answer to each question that was answered at all."""
        found: dict[str, Fact] = {}
        for event in self.of(Step.OPEN, Step.TRIAGE):
            for name, value in event.payload.get("facts", {}).items():
                found[name] = Fact(Answer(value["answer"]), value.get("because", ""), event.at, str(event.payload["by"]))
        return found

    @property
    def severity(self) -> Severity | None:
        """The level of the last triage; None before the first."""
        triages = self.of(Step.TRIAGE)
        return Severity(triages[-1].payload["severity"]) if triages else None

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """The clocks as they were computed last."""
        computed = [event.payload["clocks"] for event in self.events if event.payload.get("clocks")]
        return tuple(Clock.from_json(value) for value in computed[-1]) if computed else ()

    @property
    def decisions(self) -> dict[str, Decided]:
        """The latest decision on each duty that was decided on."""
        found: dict[str, Decided] = {}
        sent: dict[str, Mapping[str, Any] | None] = {}
        for event in self.of(Step.NOTIFY):
            value = event.payload
            first = sent[value["duty"]] = went_out(sent.get(value["duty"]), value)
            by = first if first and value.get("sent_at") else value
            found[value["duty"]] = Decided(
                value["duty"],
                Decision(value["decision"]),
                str(value["by"]),
                event.at,
                str(value["because"]),
                from_iso(by["sent_at"]) if by.get("sent_at") else None,
                "; then ".join(dict.fromkeys(text for text in (by.get("receipt"), value.get("receipt")) if text)) or None,
                from_iso(by["due_by"]) if by.get("due_by") else None,
                Standing(value["standing"]) if value.get("standing") else None,
            )
        return found

    @property
    def overtaken(self) -> set[str]:
        """The duties that were denied on what was known then, and that weigh more by what is known now: somebody has to decide again."""
        decisions = self.decisions
        return {clock.duty for clock in self.running if clock.duty in decisions and decisions[clock.duty].decision is Decision.NOT_DUE}

    @property
    def running(self) -> list[Clock]:
        """The clocks of duties that are due or may be, and on which nothing final was decided; the soonest first, those without a time last."""
        decisions = self.decisions
        left = [
            clock
            for clock in self.clocks
            if clock.standing is not Standing.NOT_APPLICABLE and not (clock.duty in decisions and decisions[clock.duty].settles(clock))
        ]
        return sorted(left, key=lambda clock: (clock.due_by is None, clock.due_by or self.aware_at, clock.standing is Standing.OPEN))

    @property
    def items(self) -> dict[str, Mapping[str, Any]]:
        """What was preserved, by number (``1``, ``2``, ...), as it was taken.

        They are counted as the ledger has them: two who preserve at once write the same number, of which neither knew of the other's.
        """
        return {number: item for _, number, item in self._numbered()}

    @property
    def cut_items(self) -> frozenset[str]:
        """The numbers of those of ``items`` whose key isn't whole in the record, since it holds somebody's address."""
        whole = {event.index: event for event in self.of(Step.PRESERVE)}
        keys = ((index, number, str(item.get("described", {}).get("key", ""))) for index, number, item in self._numbered())
        return frozenset(number for index, number, key in keys if whole[index].is_cut(key))

    def items_of(self, entry: int) -> dict[str, Mapping[str, Any]]:
        """Those of ``items`` that the ledger's entry ``entry`` brought."""
        return {number: item for index, number, item in self._numbered() if index == entry}

    def _numbered(self) -> list[tuple[int, str, Mapping[str, Any]]]:
        taken = [(event.index, item) for event in self.of(Step.PRESERVE) for item in event.payload.get("items", ())]
        return [(index, str(number), item) for number, (index, item) in enumerate(taken, 1)]

    @property
    def preserved(self) -> bool:
        """Whether media was preserved, or somebody stated that there is nothing to preserve."""
        return any(event.payload.get("items") or event.payload.get("nothing") for event in self.of(Step.PRESERVE))

    def followed_by(self, entries: Iterable[LedgerEntry]) -> Incident:
        """The incident with those of ``entries``, which the ledger got since, that are its steps."""
        steps = (Event(entry.index, entry.record) for entry in entries if _is_step(entry.record))
        return Incident(self.id, (*self.events, *(step for step in steps if step.payload["incident"] == self.id)))

    def analyses(self, kind: str) -> list[Event]:
        """The analyses of one kind."""
        return [event for event in self.of(Step.ANALYSE) if event.payload.get("kind") == kind]


def _is_step(record: Record) -> bool:
    """Whether ``record`` is a step of an incident; a drill's, and what collectors say of incidents, isn't."""
    return record.kind is Kind.INCIDENT and record.collector == COLLECTOR


def read_incidents(entries: Iterable[LedgerEntry]) -> dict[str, Incident]:
    """Every incident of the ledger by id, the first opened first; other records are passed over.

    Raises:
        BadInputError: a record of an incident that was never opened: it isn't one of this program's.
    """
    found: dict[str, list[Event]] = {}
    for entry in entries:
        record = entry.record
        if not _is_step(record):
            continue
        event = Event(entry.index, record)
        name = str(record.payload["incident"])
        if name not in found and event.step is not Step.OPEN:
            raise BadInputError(
                f"entry {entry.index} of the ledger speaks of {visible(name)}, which was never opened",
                fix="verify the ledger: averment ledger verify",
            )
        found.setdefault(name, []).append(event)
    return {name: Incident(name, tuple(events)) for name, events in found.items()}


def find_incident(incidents: Mapping[str, Incident], text: str) -> Incident:
    """The incident called ``text``: its id, a part of it that no other has, or ``latest``.

    Raises:
        BadInputError: there is none, or there are several.
    """
    if text == "latest" and incidents:
        return list(incidents.values())[-1]
    matching = [incident for name, incident in incidents.items() if text.lower() in name.lower()] if text else []
    exact = [incident for incident in matching if incident.id.lower() == text.lower()]
    if len(exact or matching) == 1:
        return (exact or matching)[0]
    if not incidents:
        raise BadInputError("there is no incident in the ledger", fix='open one: averment incident open "what happened" --by ROLE')
    names = ", ".join(incident.id for incident in matching or incidents.values())
    raise BadInputError(f"'{visible(text)}' is {'several incidents' if matching else 'no incident'}", fix=f"choose from: {names}")
