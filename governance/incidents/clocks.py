"""The clocks of an incident: for each duty whether it is due, may be due, or isn't and why; and by when.

Three questions decide, in this order, and the reason says which did:

1. Does the provision bind the organisation on the day of awareness? The law register and the profile answer (``controls.binding``).
2. Are the facts of the incident those on which the duty hangs? A fact that is unknown keeps the clock running: it may be due.
3. From when does the time run, and for how long? Hours are hours of the calendar; rules that lengthen a time over holidays are not applied,
   so that a clock is never later than the law's.

A clock is arithmetic on what people stated. It is not legal advice.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from averment.controls.binding import Standing as Binding
from averment.controls.binding import judge
from averment.controls.model import Catalogue
from averment.core.canonical import JSON
from averment.core.organisation import Organisation
from averment.core.period import from_iso, iso, parse_duration
from averment.governance.incidents.duties import AWARENESS, Duty, load_facts
from averment.governance.incidents.words import Answer, Standing

_MONTHS = re.compile(r"(\d{1,2}) months?", re.ASCII)


@dataclass(frozen=True)
class Clock:
    """One duty in one incident. ``due_by`` is set where a time is named; for an ``OPEN`` one it is when it would be due. ``source`` cites
    the provision or the contract; ``starts`` is what the time runs from."""

    duty: str
    title: str
    to: str
    role: str
    source: str
    standing: Standing
    reason: str
    within: str | None = None
    starts: str | None = None
    due_by: datetime | None = None

    def to_json(self) -> dict[str, JSON]:
        """As part of a record's payload."""
        return {
            "duty": self.duty,
            "title": self.title,
            "to": self.to,
            "role": self.role,
            "source": self.source,
            "standing": str(self.standing),
            "reason": self.reason,
            "within": self.within,
            "starts": self.starts,
            "due_by": iso(self.due_by) if self.due_by else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Clock:
        """The inverse of ``to_json``."""
        due = value["due_by"]
        rest = {name: value[name] for name in ("duty", "title", "to", "role", "source", "reason", "within", "starts")}
        return cls(**rest, standing=Standing(value["standing"]), due_by=from_iso(due) if due else None)


@dataclass(frozen=True)
class Situation:
    """What clocks depend on: ``aware_at``, the answers to facts (those left out are unknown), and when a duty's notification went out."""

    aware_at: datetime
    facts: Mapping[str, Answer]
    sent_at: Mapping[str, datetime]


def clocks(duties: Sequence[Duty], catalogue: Catalogue, organisation: Organisation, situation: Situation) -> tuple[Clock, ...]:
    """The clock of every duty, in the order of ``duties``; those that start at another duty come after it."""
    found: dict[str, Clock] = {}
    for duty in duties:
        found[duty.id] = _clock(duty, catalogue, organisation, situation, found)
    return tuple(found.values())


def _clock(duty: Duty, catalogue: Catalogue, organisation: Organisation, situation: Situation, known: Mapping[str, Clock]) -> Clock:
    source, binding, why = _binding(duty, catalogue, organisation, situation.aware_at)
    standing, reason = binding, why
    if standing is not Standing.NOT_APPLICABLE:
        by_facts, said = _by_facts(duty, situation.facts)
        if by_facts is Standing.NOT_APPLICABLE or standing is Standing.DUE:
            standing, reason = by_facts, said
        else:
            reason = f"{why}; {said}"
    if standing is Standing.NOT_APPLICABLE:
        return Clock(duty.id, duty.title, duty.to, duty.role, source, standing, reason)
    within, because = _within(duty, situation.facts)
    start, starts = _start(duty, situation, known)
    due_by = add(start, within) if within and start else None
    notes = "; ".join(part for part in (reason, because, None if within else duty.note) if part)
    return Clock(duty.id, duty.title, duty.to, duty.role, source, standing, notes, within, starts, due_by)


def _binding(duty: Duty, catalogue: Catalogue, organisation: Organisation, aware_at: datetime) -> tuple[str, Standing, str]:
    """Where the duty comes from, and whether that binds the organisation at all."""
    if duty.contract is not None:
        return f"contract with {duty.to}: {duty.contract}", Standing.DUE, "the contract binds"
    if duty.reference is None:
        return "no law: good practice", Standing.DUE, "no law decides it"
    judgement = judge(catalogue, duty.reference, organisation.profile, aware_at.date())
    source = catalogue.cite(duty.reference).replace(", binding", "")
    if judgement.standing is Binding.BINDS:
        return source, Standing.DUE, judgement.reason
    if judgement.standing is Binding.OPEN:
        return source, Standing.OPEN, judgement.reason
    if judgement.standing is Binding.LATER:
        return source, Standing.NOT_APPLICABLE, f"it binds nobody on {aware_at.date()}: {judgement.reason}"
    return source, Standing.NOT_APPLICABLE, judgement.reason


def _by_facts(duty: Duty, facts: Mapping[str, Answer]) -> tuple[Standing, str]:
    words = load_facts()
    answers = {fact: facts.get(fact, Answer.UNKNOWN) for fact in (*duty.needs, *duty.unless)}
    if denied := [fact for fact in duty.needs if answers[fact] is Answer.NO]:
        return Standing.NOT_APPLICABLE, f"it was answered no: {_either(denied, words)}"
    if excused := [fact for fact in duty.unless if answers[fact] is Answer.YES]:
        return Standing.NOT_APPLICABLE, f"it was answered yes: {_either(excused, words)}"
    if unknown := [fact for fact in duty.needs if answers[fact] is Answer.UNKNOWN]:
        return Standing.OPEN, f"it is not known yet whether {_either(unknown, words)}"
    if unless := [fact for fact in duty.unless if answers[fact] is Answer.UNKNOWN]:
        return Standing.DUE, f"it is so: {_either(duty.needs, words)}; and nobody has answered yet whether {_either(unless, words)}"
    return Standing.DUE, f"it is so: {_either(duty.needs, words)}"


def _either(facts: Sequence[str], words: Mapping[str, str]) -> str:
    return "; and ".join(words[fact] for fact in facts)


def _within(duty: Duty, facts: Mapping[str, Answer]) -> tuple[str | None, str | None]:
    """The time that is allowed: the shortest whose fact is so, and why it isn't the usual one."""
    holding = [(within, fact) for fact, within in duty.sooner if facts.get(fact) is Answer.YES]
    if not holding:
        return duty.within, None
    within, fact = min(holding, key=lambda item: parse_duration(item[0]))
    return within, f"{within} instead of {duty.within}: {load_facts()[fact]}"


def _start(duty: Duty, situation: Situation, known: Mapping[str, Clock]) -> tuple[datetime | None, str | None]:
    if duty.within is None:
        return None, None
    if duty.starts == AWARENESS:
        return situation.aware_at, f"awareness, {iso(situation.aware_at)}"
    sent = situation.sent_at.get(duty.starts)
    if sent is not None:
        return sent, f"{duty.starts}, sent {iso(sent)}"
    before = known.get(duty.starts)
    due = before.due_by if before else None
    return due, f"{duty.starts}, not sent yet: counted from when it is due" if due else None


def add(start: datetime, within: str) -> datetime:
    """``start`` plus a duration (``72h``) or calendar months (``1 month``: the same day of the next month, or its last one).

    Raises:
        BadInputError: neither of them.
    """
    match = _MONTHS.fullmatch(within)
    if match is None:
        return start + parse_duration(within)
    month = start.month - 1 + int(match[1])
    year, month = start.year + month // 12, month % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
