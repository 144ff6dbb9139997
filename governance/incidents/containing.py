"""Containing and taking back, as steps of an incident: each measure that was tried is a record, whatever came of it."""

from __future__ import annotations

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.evidence.record import Record
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.measure import Effect, Measure, Outcome
from averment.governance.incidents.measures import HideObject, Invalidate, attempt, effect_json, effect_of, open_measure
from averment.governance.incidents.state import Event, Incident
from averment.governance.incidents.steps import require_open
from averment.governance.incidents.words import Step, statement


def contain(incident: Incident, act: Act, measure: Measure, *, because: str, unpreserved: str | None = None) -> Record:
    """Apply ``measure`` and record what came of it. It is tried only after media was preserved, or with a reason why not.

    Raises:
        BadInputError: closed, nothing preserved and no reason for that, or the measure's target makes no sense.
    """
    reasons = _may_contain(incident, act, because, unpreserved)
    effect = attempt(measure.apply, measure, stopped=Outcome.UNDER_WAY)
    return _filed(
        incident, act, Step.CONTAIN, {"measure": measure.name, "target": measure.target, **reasons, **effect_json(effect)}, effect
    )


def contained_elsewhere(
    incident: Incident, act: Act, *, what: str, target: str, reference: str | None, because: str, unpreserved: str | None = None
) -> Record:
    """The record of something that people did by other means; nothing of it was checked here, and the record says so.

    Raises:
        BadInputError: as ``contain``.
    """
    reasons = _may_contain(incident, act, because, unpreserved)
    payload: dict[str, JSON] = {
        "measure": statement(what, "what was done"),
        "target": statement(target, "the target"),
        **reasons,
        "outcome": "stated",
        "reason": "stated by the role that did it; not checked by this program",
        "reference": statement(reference, "the reference") if reference else None,
    }
    return file_step(incident.id, Step.CONTAIN, act, payload)


def nothing_to_contain(incident: Incident, act: Act, *, because: str) -> Record:
    """The record that says why nothing is contained.

    Raises:
        BadInputError: closed, or no reason is given.
    """
    require_open(incident, act)
    return file_step(incident.id, Step.CONTAIN, act, {"nothing": True, "because": statement(because, "the reason", least=10)})


def undo(incident: Incident, act: Act, entry: int, *, because: str) -> Record:
    """Take back the measure that the ledger's entry ``entry`` records, and record what came of it.

    Raises:
        BadInputError: closed, the entry is no measure of this incident that can be undone, or it was undone already.
    """
    require_open(incident, act)
    event = next((item for item in incident.of(Step.CONTAIN) if item.index == entry), None)
    if event is None or event.payload.get("outcome") not in set(Outcome):
        measures = ", ".join(str(item.index) for item in undoable(incident)) or "none"
        raise BadInputError(f"entry {entry} is no measure of {incident.id} that can be undone", fix=f"choose from: {measures}")
    if entry in incident.taken_back:
        raise BadInputError(f"entry {entry} was undone already", fix="averment incident show lists what was done since")
    if event.is_cut(str(event.payload["target"])):
        raise BadInputError(
            f"entry {entry} leaves out somebody's address in what it was done to, so that it can't be taken back by the record",
            fix=f"take it back by hand (averment incident show {incident.id} --format json has what stood there before), and record it with --restored",
        )
    reason = statement(because, "the reason")
    measure = open_measure(f"{event.payload['measure']}={event.payload['target']}")
    effect = attempt(lambda: measure.undo(effect_of(event.payload)), measure, stopped=Outcome.FAILED)  # which may be tried again
    done = "undone" if effect.outcome is Outcome.HOLDS else "NOT undone"
    payload: dict[str, JSON] = {
        "restored": f"{measure.name} {measure.target} {done}: {effect.reason}",
        "undoes": entry,
        "measure": measure.name,
        "target": measure.target,
        "because": reason,
        "lessons": [],
        **effect_json(effect),
    }
    return _filed(incident, act, Step.RECOVER, payload, effect)


def undoable(incident: Incident) -> list[Event]:
    """The measures that hold or are under way, that there is a way back from, and that weren't undone. (Runbooks are: the refusal names the command.)"""
    live = {str(Outcome.HOLDS), str(Outcome.UNDER_WAY)}
    return [
        item
        for item in incident.of(Step.CONTAIN)
        if item.payload.get("outcome") in live and item.index not in incident.taken_back and not _has_no_way_back(item)
    ]


def _has_no_way_back(event: Event) -> bool:
    """Whether it forgot what a CDN fetches again, or found an object hidden by somebody else's marker."""
    name, before = event.payload.get("measure"), event.payload.get("before") or {}
    return name == Invalidate.name or (name == HideObject.name and not before.get("marker"))


def _may_contain(incident: Incident, act: Act, because: str, unpreserved: str | None) -> dict[str, JSON]:
    require_open(incident, act)
    reason = statement(because, "the reason")
    if incident.preserved:
        return {"because": reason}
    if unpreserved is None:
        raise BadInputError(
            f"nothing of {incident.id} was preserved yet, and containing can destroy evidence",
            fix=f"averment incident preserve {incident.id} PLACE ..., or say why not with --unpreserved",
        )
    return {"because": reason, "unpreserved": statement(unpreserved, "the reason", least=10)}


def _filed(incident: Incident, act: Act, step: Step, payload: dict[str, JSON], effect: Effect) -> Record:
    problems = (effect.reason,) if effect.outcome is Outcome.FAILED else ()
    return file_step(incident.id, step, act, payload, problems=problems)
