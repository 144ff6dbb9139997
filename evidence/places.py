"""One assessment over many places: evidence from one account or region says nothing of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from averment.core.period import Period
from averment.core.words import worst
from averment.evidence.judges import NAMED, Question, Reader, and_more, cut_short, is_whole, judge_history, list_some
from averment.evidence.record import LOOKING_BACK, Gathering, Record, is_of_a_part, stretch_of
from averment.evidence.states import AssessmentState, Gap


@dataclass(frozen=True)
class _Place:
    """The evidence of one account and region, of a stretch of time if it was collected for several, and the question as it is put to it."""

    name: str
    question: Question
    history: Sequence[Record]


def judge_places(question: Question, histories: Mapping[str, Sequence[Record]], read: Reader) -> AssessmentState:
    """The worst over places: evidence from one account says nothing of another, and what was asked about one month nothing of the next.

    An expectation is not put to places where there is nothing, as long as there is something somewhere: a detector that runs
    in one region is not missing in the others. That there is nothing has to be known of now, and by what counts now.
    """
    places = [found for name, history in histories.items() for found in _by_stretch(name, question, history)]
    filled, empty = [place for place in places if not _empty(place)], [place for place in places if _empty(place)]
    if question.assessment.expect is None or not filled:
        filled, empty = places, []
    states = [(place.name, judge_history(place.question, place.history, read)) for place in filled]
    states += [(place.name, state) for place in empty if (state := _no_more(place.question, place.history[-1], read)) is not None]
    states += [(name, state) for name, history in histories.items() if (state := _unasked(question, history)) is not None]
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


def _in_parts(question: Question, history: Sequence[Record]) -> bool:
    """Whether the latest record was collected for a part of the period alone, and the figure hangs on the rest of it."""
    return question.period is not None and is_of_a_part(history[-1], question.period) and not is_whole(question, history[-1])


def _by_stretch(name: str, question: Question, history: Sequence[Record]) -> Iterator[_Place]:
    """The evidence by the stretches of time that it was collected for, where that is in parts; each is judged as a period of its own."""
    if not _in_parts(question, history):
        yield _Place(name, question, history)
        return
    stretches: dict[tuple[datetime, datetime], list[Record]] = {}
    for record in history:
        stretches.setdefault(stretch_of(record), []).append(record)
    for (start, end), records in sorted(stretches.items(), key=lambda item: item[0]):
        last = end - timedelta(seconds=1)
        label = f"{start.date()}..{last.date()}"
        put = replace(question, period=Period(label, start, end), moment=min(question.moment, last))
        yield _Place(f"{name} {label}", put, records)


def _unasked(question: Question, history: Sequence[Record]) -> AssessmentState | None:
    """What of the period nobody asked about; None where somebody did, in parts or as a whole, up to its end or, as long as it runs, of late."""
    last = history[-1]
    if question.period is None or last.collector not in LOOKING_BACK or is_whole(question, last) or last.gathering is Gathering.COULD_NOT:
        return None
    until = end_of_all = question.period.start
    for (start, end), looked in sorted((stretch_of(record), min(record.effective_at, record.collected_at)) for record in history):
        if start > until:
            break
        # What came after a look is in no record of that stretch. Facts count to the second: the last of a stretch is the one before its end.
        until, end_of_all = max(until, min(end, looked + timedelta(seconds=1))), max(end_of_all, end)
    else:
        over = question.moment >= question.period.end - timedelta(seconds=1)
        if (until if over else end_of_all) > question.moment:
            return None
    why = f"nobody asked about what was from {until.date()} on; collect with --period {question.period.label}"
    return question.unassessed(Gap.PARTIAL, why, history[-1])


def _no_more(question: Question, record: Record, read: Reader) -> AssessmentState | None:
    """Why the ``record`` of a place where there was nothing doesn't tell that there still is nothing, if so."""
    if old := question.stale(record):
        return question.unassessed(Gap.STALE, old, record)
    # What was forgotten can only add to a figure that has to be reached.
    counts_up = "at_least" in (question.assessment.expect or {})
    if not counts_up and (short := cut_short(question, record)):
        return question.unassessed(Gap.PARTIAL, short, record)
    reading = read(question, record)
    return question.unassessed(reading.gap, list_some(reading.undecided), record) if reading.gap is Gap.SUPERSEDED else None


def _empty(place: _Place) -> bool:
    record = place.history[-1]
    population, of = record.population, out_of(place.question, record)
    nothing = of == 0 if of is not None else population is not None and population.total == 0
    return record.gathering is Gathering.COLLECTED and nothing


def out_of(question: Question, record: Record) -> int | None:
    """Of how many things the expected figure is, where the record says it apart from its population (``payload.out_of``)."""
    counts = record.payload.get("out_of")
    found = counts.get(str((question.assessment.expect or {}).get("field"))) if isinstance(counts, Mapping) else None
    return found if isinstance(found, int) else None
