"""One assessment over many places: evidence from one account or region says nothing of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from averment.core.words import worst
from averment.evidence.judges import NAMED, Question, Reader, and_more, judge_history, list_some, part_of_the_period
from averment.evidence.record import Gathering, Record
from averment.evidence.states import AssessmentState, Gap


def judge_places(question: Question, histories: Mapping[str, Sequence[Record]], read: Reader) -> AssessmentState:
    """The worst over places: evidence from one account says nothing of another.

    An expectation is not put to places where there is nothing, as long as there is something somewhere: a detector that runs
    in one region is not missing in the others. That there is nothing has to be known of now, and by what counts now.
    """
    empty = {place: history[-1] for place, history in histories.items() if _empty(question, history[-1])}
    if question.assessment.expect is None or len(empty) == len(histories):
        empty = {}
    states = [(place, judge_history(question, history, read)) for place, history in histories.items() if place not in empty]
    states += [(place, state) for place, record in empty.items() if (state := _no_more(question, record, read)) is not None]
    if len(states) == 1:
        return states[0][1]
    status = worst(state.status for _, state in states)
    deciding = [(place, state) for place, state in states if state.status is status]
    return AssessmentState(
        question.control.id,
        question.assessment,
        status,
        "; ".join(f"{place}: {state.reason}" for place, state in deciding[:NAMED]) + and_more(len(deciding)),
        tuple(dict.fromkeys(record for _, state in states for record in state.records)),
        min((state.effective_at for _, state in states if state.effective_at), default=None),
        deciding[0][1].gap,
        tuple(deviation for _, state in states for deviation in state.deviations),
    )


def _no_more(question: Question, record: Record, read: Reader) -> AssessmentState | None:
    """Why the ``record`` of a place where there was nothing doesn't tell that there still is nothing, if so."""
    if old := question.stale(record):
        return question.unassessed(Gap.STALE, old, record)
    reading = read(question, record)
    return question.unassessed(reading.gap, list_some(reading.undecided), record) if reading.gap is Gap.SUPERSEDED else None


def _empty(question: Question, record: Record) -> bool:
    population, of = record.population, out_of(question, record)
    nothing = of == 0 if of is not None else population is not None and population.total == 0
    return record.gathering is Gathering.COLLECTED and nothing and part_of_the_period(question, record) is None


def out_of(question: Question, record: Record) -> int | None:
    """Of how many things the expected figure is, where the record says it apart from its population (``payload.out_of``)."""
    counts = record.payload.get("out_of")
    found = counts.get(str((question.assessment.expect or {}).get("field"))) if isinstance(counts, Mapping) else None
    return found if isinstance(found, int) else None
