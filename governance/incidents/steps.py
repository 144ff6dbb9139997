"""The steps that are words: opening, triage, decisions on notification, recovery, closing. What may follow on what is decided here.

An emergency doesn't keep to an order, so nearly everything may happen at any time. Four things are refused, because they can't be
put right later: a step of an incident that is closed; a time before awareness, or to come; containing before anything was preserved, unless
somebody says why; closing while something is owed, unless somebody says why it stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from averment.controls.model import Catalogue
from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import iso
from averment.core.words import Severity, counted
from averment.evidence.record import Record
from averment.governance.incidents.clocks import Clock, Situation, clocks
from averment.governance.incidents.duties import load_duties, load_facts
from averment.governance.incidents.filing import Act, file_step, new_id
from averment.governance.incidents.severity import load_matrix, rate
from averment.governance.incidents.state import Incident
from averment.governance.incidents.words import Answer, Decision, Standing, Step, statement, visible


@dataclass(frozen=True)
class Desk:
    """What every step needs to know of the organisation: itself, and its catalogue with the law register."""

    organisation: Organisation
    catalogue: Catalogue


@dataclass(frozen=True)
class Opening:
    """What is known when an incident is opened. ``noticed_by`` says how it came up (a detector, a customer, the press)."""

    title: str
    summary: str
    noticed_by: str
    aware_at: datetime
    media: tuple[str, ...] = ()
    facts: Mapping[str, Answer] | None = None
    follows: str | None = None


def open_incident(desk: Desk, act: Act, opening: Opening) -> Record:
    """The record that opens an incident, with its clocks as far as they can be told.

    Raises:
        BadInputError: a text is missing or too long, a fact is unknown, or awareness comes after the opening.
    """
    if opening.aware_at > act.at:
        raise BadInputError(
            f"awareness ({iso(opening.aware_at)}) comes after the opening ({iso(act.at)})", fix="give the moment when it became known"
        )
    title = statement(opening.title, "the title", least=5)
    facts = _answers(opening.facts or {}, statement(opening.summary, "the summary"))
    situation = Situation(opening.aware_at, {name: Answer(value["answer"]) for name, value in facts.items()}, {})
    payload: dict[str, JSON] = {
        "title": title,
        "summary": statement(opening.summary, "the summary"),
        "noticed_by": statement(opening.noticed_by, "how it was noticed"),
        "aware_at": iso(opening.aware_at),
        "media": [visible(name) for name in opening.media],
        "facts": facts,
        "clocks": [clock.to_json() for clock in _clocks(desk, situation)],
    }
    if opening.follows:
        payload["follows"] = visible(opening.follows)
    return file_step(new_id(act, title), Step.OPEN, act, payload)


@dataclass(frozen=True)
class Triage:
    """What a triage decides. ``severity`` overrides the matrix and then needs ``because`` to say why; impact and reach may be left as they were."""

    facts: Mapping[str, Answer]
    because: str
    impact: str | None = None
    reach: str | None = None
    severity: Severity | None = None


def triage(desk: Desk, incident: Incident, act: Act, decided: Triage) -> Record:
    """The record of a triage: answers, severity by the matrix with its reasons, and the clocks that follow.

    Raises:
        BadInputError: closed, an unknown fact, impact or reach, or no impact and reach on the first triage.
    """
    require_open(incident, act)
    because = statement(decided.because, "the reason")
    before = incident.of(Step.TRIAGE)
    said = before[-1].payload if before else {}
    impact, reach = decided.impact or said.get("impact"), decided.reach or said.get("reach")
    matrix = load_matrix(desk.organisation)
    if not impact or not reach:
        raise BadInputError(
            "the first triage needs to know what it does and how far it came",
            fix=f"add --impact ({', '.join(matrix.impact)}) and --reach ({', '.join(matrix.reach)})",
        )
    fresh = _answers(decided.facts, because)
    answers = {name: fact.answer for name, fact in incident.facts.items()} | {
        name: Answer(value["answer"]) for name, value in fresh.items()
    }
    rating = rate(matrix, str(impact), str(reach), answers)
    severity = decided.severity or rating.severity
    payload: dict[str, JSON] = {
        "impact": impact,
        "reach": reach,
        "facts": fresh,
        "rating": rating.to_json(),
        "severity": str(severity),
        "overridden": severity is not rating.severity,
        "because": because,
        "clocks": [clock.to_json() for clock in _clocks(desk, Situation(incident.aware_at, answers, _sent(incident)))],
    }
    return file_step(incident.id, Step.TRIAGE, act, payload)


@dataclass(frozen=True)
class Notification:
    """A decision on one duty. ``receipt`` says what proves that it was sent (a number, a file's name and digest)."""

    duty: str
    decision: Decision
    because: str
    sent_at: datetime | None = None
    receipt: str | None = None


def notify(desk: Desk, incident: Incident, act: Act, decided: Notification) -> Record:
    """The record of a decision on a duty, with the clock that it was decided by.

    Raises:
        BadInputError: closed, an unknown duty, a no without a reason, or a time of sending that doesn't fit.
    """
    require_open(incident, act)
    clock = next((clock for clock in incident.clocks if clock.duty == decided.duty), None)
    if clock is None:
        raise BadInputError(
            f"there is no duty '{visible(decided.duty)}'", fix=f"choose from: {', '.join(item.duty for item in incident.clocks)}"
        )
    because = statement(decided.because, "the reason", least=10)
    sent_at = (decided.sent_at or act.at) if decided.decision is Decision.SENT else None
    if decided.sent_at is not None and sent_at is None:
        raise BadInputError(f"the decision is {decided.decision}, and yet there is a time of sending", fix="write --decision sent")
    if sent_at is not None and not incident.aware_at <= sent_at <= act.now:
        raise BadInputError(
            f"it can't have been sent at {iso(sent_at)}: awareness was {iso(incident.aware_at)}, now is {iso(act.now)}",
            fix="give the time between awareness and now",
        )
    sent = _sent(incident)
    if sent_at:  # what completes a notification doesn't move the clocks that run from it
        sent[decided.duty] = min(sent_at, sent.get(decided.duty, sent_at))
    answers = {name: fact.answer for name, fact in incident.facts.items()}
    payload: dict[str, JSON] = {
        "duty": decided.duty,
        "title": clock.title,
        "source": clock.source,
        "standing": str(clock.standing),
        "decision": str(decided.decision),
        "because": because,
        "due_by": iso(clock.due_by) if clock.due_by else None,
        "sent_at": iso(sent_at) if sent_at else None,
        "receipt": statement(decided.receipt, "the receipt") if decided.receipt else None,
        "clocks": [item.to_json() for item in _clocks(desk, Situation(incident.aware_at, answers, sent))],
    }
    return file_step(incident.id, Step.NOTIFY, act, payload)


@dataclass(frozen=True)
class Lesson:
    """An action that comes out of an incident: what, whose (a role), and by which day."""

    what: str
    role: str
    due: str


def recover(incident: Incident, act: Act, *, restored: str, lessons: Sequence[Lesson] = (), checked: str = "") -> Record:
    """The record of what was put back, how that was checked, and which actions came out of it.

    Raises:
        BadInputError: closed, or a text is missing.
    """
    require_open(incident, act)
    payload: dict[str, JSON] = {
        "restored": statement(restored, "what was restored"),
        "checked": statement(checked, "how it was checked") if checked else None,
        "lessons": [{"what": statement(item.what, "the action"), "role": item.role, "due": item.due} for item in lessons],
    }
    return file_step(incident.id, Step.RECOVER, act, payload)


def close(incident: Incident, act: Act, *, cause: str, leave_open: str | None = None) -> Record:
    """The record that closes an incident.

    Raises:
        BadInputError: closed already, or something is owed and ``leave_open`` doesn't say why it stays so.
    """
    require_open(incident, act)
    owed = owed_before_closing(incident)
    if owed and leave_open is None:
        raise BadInputError(
            f"{incident.id} can't be closed: {'; '.join(owed)}",
            fix="do these, or say why they stay open with --leave-open",
        )
    payload: dict[str, JSON] = {
        "cause": statement(cause, "the cause"),
        "left_open": list(owed),
        "because": statement(leave_open, "the reason", least=10) if owed and leave_open else None,
    }
    return file_step(incident.id, Step.CLOSE, act, payload)


def owed_before_closing(incident: Incident) -> list[str]:
    """What has to be done, or decided, before an incident can be closed without a word on it."""
    owed = [] if incident.severity else ["it was never triaged"]
    if not incident.preserved:
        owed.append("nothing was preserved, and nobody said that there is nothing to preserve")
    if not incident.contained_by and not (incident.restored and incident.came_to_hold(Step.CONTAIN)):
        owed.append(_not_contained(incident))
    for clock in incident.running:
        decided = incident.decisions.get(clock.duty)
        may = "is due" if clock.standing is Standing.DUE else "may be due"
        if decided is None:
            owed.append(f"{clock.duty} {may} and nobody decided on it")
        elif clock.duty in incident.overtaken:
            owed.append(f"{clock.duty} {may}, and was denied before that was known")
        else:
            owed.append(f"{clock.duty} was to be sent and wasn't yet")
    return owed


def _not_contained(incident: Incident) -> str:
    if incident.came_to_hold(Step.CONTAIN):
        return "whatever held was taken back, and nobody said what was restored, or that there is nothing to contain"
    tried = len(incident.of(Step.CONTAIN))
    return f"{f'of {tried} measures none is known to hold' if tried else 'nothing was contained'}, and nobody said that there is nothing to contain"


def require_open(incident: Incident, act: Act) -> None:
    """Let a step of an incident go on that isn't closed.

    Raises:
        BadInputError: it is closed, or the act lies before awareness.
    """
    if incident.closed_at is not None:
        raise BadInputError(
            f"{incident.id} was closed at {iso(incident.closed_at)}",
            fix=f"open another one that follows it: averment incident open ... --follows {incident.id}",
        )
    if act.at < incident.aware_at:
        fix = "give the time in UTC, ending in Z"
        if act.at == act.now:  # nobody gave a time
            left = int((incident.aware_at - act.now).total_seconds()) + 1
            fix = f"this machine's clock is behind that of whoever opened it: set it, or try again in {counted(left, 'second')}"
        raise BadInputError(f"{iso(act.at)} lies before awareness ({iso(incident.aware_at)})", fix=fix)


def _answers(facts: Mapping[str, Answer], because: str) -> dict[str, Any]:
    known = load_facts()
    if strange := [name for name in facts if name not in known]:
        raise BadInputError(f"there is no fact '{visible(strange[0])}'", fix=f"choose from: {', '.join(known)}")
    return {name: {"answer": str(answer), "because": because} for name, answer in facts.items()}


def _clocks(desk: Desk, situation: Situation) -> tuple[Clock, ...]:
    return clocks(load_duties(desk.organisation), desk.catalogue, desk.organisation, situation)


def _sent(incident: Incident) -> dict[str, datetime]:
    return {duty: decided.sent_at for duty, decided in incident.decisions.items() if decided.sent_at}
