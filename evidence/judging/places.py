"""One assessment over many places: evidence from one account or region says nothing of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from averment.core.period import Period
from averment.core.words import Status, worst
from averment.evidence.collectors.redact import redact
from averment.evidence.judging.judges import NAMED, Question, Reader, and_more, collect_again, cut_short, is_whole, judge_history, list_some
from averment.evidence.judging.sampled import is_sample
from averment.evidence.judging.states import AssessmentState, Gap, gaps_of
from averment.evidence.record import LOOKING_BACK, Gathering, Record, is_of_a_part, stretch_of

LATELY = timedelta(days=92)
"""How long ago something may have been in a place for its lack to be missed: as far as a quarter looks back, where all of time is asked about."""

ALL_PLACES = "all places"
"""What is so wherever one looks, by its name among the places."""

_Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class _Place:
    """The evidence of one account and region, of a stretch of time if it was collected for several, and the question as it is put to it."""

    name: str
    question: Question
    history: Sequence[Record]


LISTED_BY = ("media-states", "bucket-policies")
"""The collectors that find all media buckets of an account, wherever they lie."""


def regions_of_media(record: Record) -> dict[str, str]:
    """The regions in which media lie by ``record``, each with a bucket there; none where it doesn't list all media buckets, or S3 didn't say."""
    return {str(row["region"]): _called(row) for row in _listed(record) if row.get("region")}


def latest_regions_of_media(history: Sequence[Record]) -> dict[str, str]:
    """``regions_of_media`` by the last record of ``history``, and by the last whole one where that brought a part: a bucket that nobody could see
    since isn't gone."""
    return {region: bucket for record in _latest_listings(history) for region, bucket in regions_of_media(record).items()}


def media_in(histories: Iterable[Sequence[Record]]) -> str | None:
    """A media bucket of the account whose listings ``histories`` are; "" where a whole one shows that it has none, None where no listing tells."""
    latest = [record for history in histories for record in _latest_listings(history)]
    for record in latest:
        for row in _listed(record):
            return _called(row)
    return "" if any(record.gathering is Gathering.COLLECTED for record in latest) else None


def _latest_listings(history: Sequence[Record]) -> tuple[Record, ...]:
    usable = [record for record in history if record.gathering is not Gathering.COULD_NOT]
    whole = [record for record in usable if record.gathering is Gathering.COLLECTED]
    return (*whole[-1:], *usable[-1:])


def _listed(record: Record) -> Sequence[Mapping[str, Any]]:
    return record.payload.get("buckets", ()) if record.collector in LISTED_BY else ()


def _called(row: Mapping[str, Any]) -> str:
    return f"the {row['role']} bucket {row['bucket']}"


def judge_places(question: Question, histories: Mapping[str, Sequence[Record]], read: Reader) -> AssessmentState:
    """The worst over places: evidence from one account says nothing of another, and what was asked about one month nothing of the next.

    An expectation is not put to places where there is nothing, as long as there is something somewhere: a detector that runs
    in one region is not missing in the others. That there is nothing has to be known of now, and by what counts now; and where there was
    something of late, its lack is judged. What is named each by itself has to be right somewhere, whatever the others are. Beside what
    is right, the places where there is nothing are told: that an alarm is right in one account says nothing of the others, which have none.
    """
    places = [found for name, history in histories.items() for found in _by_stretch(name, question, history)]
    filled, empty = [place for place in places if not _empty(place)], [place for place in places if _empty(place)]
    if question.assessment.expect is None or not filled:
        filled, empty = places, []
    states = [(place.name, judge_history(place.question, place.history, read)) for place in filled]
    of_empty = [(place.name, _gone(place, read) or _no_more(place, read)) for place in empty]
    states += [(name, state) for name, state in of_empty if state is not None]
    idle = list(dict.fromkeys(name for name, state in of_empty if state is None))
    states += [(name, state) for name, history in histories.items() if (state := _unasked(question, history)) is not None]
    going_on = [place for name, history in histories.items() for place in _going_on(name, question, history)]
    found = [(place.name, judge_history(place.question, place.history, read)) for place in going_on]
    told = {deviation for _, state in states for deviation in state.deviations}
    states += [(name, state) for name, state in found if state.status is Status.NOT_SATISFIED and not told.issuperset(state.deviations)]
    if (state := _named_nowhere(question, [place.history[-1] for place in places])) is not None:
        states.append((ALL_PLACES if len(places) > 1 else places[0].name, state))
    in_places = (*((place, state.status) for place, state in states), *((place, Status.NOT_APPLICABLE) for place in idle))
    if len(states) == 1:
        [(place, state)] = states
        state = replace(state, places=in_places)
        return _beside_idle(replace(state, reason=f"{place}: {state.reason}") if idle else state, idle)
    status = worst(state.status for _, state in states)
    deciding = [(place, state) for place, state in states if state.status is status]
    lacking = [f"{place}: {why}" for place, state in states if (why := state.lacking or (state.reason if state.gap else ""))]
    together = AssessmentState(
        question.control.id,
        question.assessment,
        status,
        "; ".join(f"{place}: {state.reason}" for place, state in deciding[:NAMED]) + and_more(len(deciding)),
        tuple(dict.fromkeys(record for _, state in states for record in state.records)),
        min((state.effective_at for _, state in states if state.effective_at), default=None),
        deciding[0][1].gap,
        tuple(deviation for _, state in states for deviation in state.deviations),
        tuple(dict.fromkeys(gap for _, state in states for gap in gaps_of(state))) if status is Status.NOT_SATISFIED else (),
        list_some(lacking) if status is Status.NOT_SATISFIED else "",
        in_places,
    )
    return _beside_idle(together, idle)


def _beside_idle(state: AssessmentState, idle: Sequence[str]) -> AssessmentState:
    """``state``, telling of the ``idle`` places, where there is nothing of the kind, if what there is elsewhere is right or accepted."""
    if not idle or state.status not in {Status.SATISFIED, Status.WAIVED}:
        return state
    return replace(state, reason=f"{state.reason}; nothing of the kind in {', '.join(idle[:NAMED])}{and_more(len(idle))}")


def _by_stretch(name: str, question: Question, history: Sequence[Record]) -> Iterator[_Place]:
    """The evidence by the stretches of time that it was collected for, where that is in parts and the figure hangs on all of the period; each
    is judged as a period of its own, by the waivers of today."""
    period = question.period
    if period is None or is_whole(question, history[-1]) or not any(is_of_a_part(record, period) for record in history):
        yield _Place(name, question, history)
        return
    stretches = _stretches(history)
    counting = {
        stretch: records for stretch, records in stretches.items() if not _told_again(question, period, stretch, stretches, history)
    }
    if len(counting) == 1 and not is_of_a_part((records := next(iter(counting.values())))[-1], period):
        yield _Place(name, question, records)
        return
    for (start, end), records in sorted(counting.items(), key=lambda item: item[0]):
        last = end - timedelta(seconds=1)
        label = f"{start.date()}..{last.date()}"
        today = question.today or question.moment.date()
        put = replace(question, period=Period(label, start, end), moment=min(question.moment, last), today=today)
        yield _Place(f"{name} {label}", put, records)


def _going_on(name: str, question: Question, history: Sequence[Record]) -> Iterator[_Place]:
    """Where no period is asked about, the stretches that aren't over and of which the latest record tells a part alone: a month that is right
    says nothing of what was wrong before it in the quarter."""
    if question.period is not None or history[-1].collector not in LOOKING_BACK or is_whole(question, history[-1]):
        return
    stretches = _stretches(history)
    for (start, end), records in sorted(stretches.items(), key=lambda item: item[0]):
        period = Period(f"{start.date()}..{(end - timedelta(seconds=1)).date()}", start, end)
        if question.moment in period and not _told_again(question, period, (start, end), stretches, history):
            yield _Place(f"{name} {period.label}", question, records)


def _stretches(history: Sequence[Record]) -> dict[_Stretch, list[Record]]:
    stretches: dict[_Stretch, list[Record]] = {}
    for record in history:
        stretches.setdefault(stretch_of(record), []).append(record)
    return stretches


def _told_again(
    question: Question, period: Period, stretch: _Stretch, stretches: Mapping[_Stretch, Sequence[Record]], history: Sequence[Record]
) -> bool:
    """Whether what was found in ``stretch`` is out of date: a complete record of a longer one, which was asked for later, tells of all of it."""
    last, order = stretches[stretch][-1], {record.id: number for number, record in enumerate(history)}
    start, end = max(stretch[0], period.start), min(stretch[1], period.end)
    for (begun, ended), records in stretches.items():
        whole = next((item for item in reversed(records) if item.gathering is Gathering.COLLECTED and not cut_short(question, item)), None)
        if whole is None or (begun, ended) == stretch or begun > start or ended < end:
            continue
        if order[whole.id] > order[last.id] and whole.collected_at >= last.collected_at:
            return True
    return False


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


def _gone(place: _Place, read: Reader) -> AssessmentState | None:
    """The state of a place where there is nothing any more of what was there of late and is expected: named things are taken for those of other
    places where none of them is found, so that none would be missed where all are gone. None where nothing was, or nothing is missed, or each is
    looked for by its name wherever it is."""
    question, record = place.question, place.history[-1]
    before = next((item for item in reversed(place.history) if has_some(item, _field(question))), None)
    if before is None or question.moment - before.effective_at > LATELY or read(question, before).gap is Gap.SUPERSEDED:
        return None
    if not read(question, record).deviations or _each_named(record, question):
        return None
    state = judge_history(question, place.history, read)
    return replace(state, reason=f"{state.reason} (there was something here until {before.effective_at.date()})")


def _no_more(place: _Place, read: Reader) -> AssessmentState | None:
    """Why the record of a place where there was nothing doesn't tell that there still is nothing, if so."""
    question, record = place.question, place.history[-1]
    if old := question.stale(record):
        return question.unassessed(Gap.STALE, old, record)
    reading = read(question, record)
    return question.unassessed(reading.gap, list_some(reading.undecided), record) if reading.gap is Gap.SUPERSEDED else None


def _named_nowhere(question: Question, latest: Sequence[Record]) -> AssessmentState | None:
    """The state by those things that averment.yaml names one by one (``payload.named``) and that reach the expected figure in none of the places,
    of which ``latest`` tell; None where each does, or where it isn't known of every place: then that place has its own reason."""
    bar, field = (question.assessment.expect or {}).get("at_least"), _field(question)
    asked = [named for record in latest if (named := _each_named(record, question))]
    if not isinstance(bar, int | float) or not asked or any(record.gathering is not Gathering.COLLECTED for record in latest):
        return None
    figures = [named["figures"] for named in asked]
    record, path = latest[0], str(asked[0]["by"])
    wanted = question.organisation.parameter(path)
    if question.is_over:
        wanted = list(dict.fromkeys(name for found in figures for name in found))  # what ran in a period that is over, was named in it
    names = {name: str(redact(name, {}, accounts=question.organisation.scope.accounts)) for name in wanted or () if isinstance(name, str)}
    best = {name: max((found[shown] for found in figures if shown in found), default=0) for name, shown in names.items()}
    lacking = [name for name in names if best[name] < bar]
    if unasked := [name for name in lacking if len(figures) < len(latest) or not all(names[name] in found for found in figures)]:
        why = f"not every place was asked about what parameters.{path} names ({list_some(unasked)}); {collect_again(question, record)}"
        return question.unassessed(Gap.SUPERSEDED, why, record)
    if not lacking or any(question.stale(item) for item in latest):
        return None
    message = "of it {field} is {value:,} in every place, expected at least {bar}"
    found = [
        question.deviation(name, message.format(field=field, value=best[name], bar=bar), record.source, record, everywhere=True)
        for name in lacking
    ]
    still = [item for item in found if item.waiver is None]
    reason = list_some([f"{item.resource}: {item.message}" for item in still or found])
    if still:
        return question.answer(Status.NOT_SATISFIED, reason, *latest, deviations=tuple(found))
    until = min(item.waiver.until for item in found if item.waiver)
    return question.answer(Status.WAIVED, f"{reason}; waived until {until}", *latest, deviations=tuple(found))


def _each_named(record: Record, question: Question) -> Mapping[str, Any]:
    """What ``record`` says of each thing that averment.yaml names, where that is the expected figure of it; empty where it says nothing of the kind."""
    named = record.payload.get("named")
    return named if isinstance(named, Mapping) and named.get("field") == _field(question) else {}


def _field(question: Question) -> str:
    return str((question.assessment.expect or {}).get("field"))


def _empty(place: _Place) -> bool:
    record = place.history[-1]
    population, of = record.population, out_of(place.question, record)
    nothing = of == 0 if of is not None else population is not None and population.total == 0
    # What was cut short or drawn can only add to a figure that has to be reached; else it doesn't tell that there is nothing, nor clear what was wrong.
    counts_up = "at_least" in (place.question.assessment.expect or {})
    all_of_it = not cut_short(place.question, record) and not is_sample(record, _field(place.question))
    return record.gathering is Gathering.COLLECTED and nothing and (counts_up or all_of_it)


def out_of(question: Question, record: Record) -> int | None:
    """Of how many things the expected figure is, where the record says it apart from its population (``payload.out_of``)."""
    return _counted(record, _field(question))


def has_some(record: Record, field: str) -> bool:
    """Whether ``record`` says that there was something that ``field`` counts, as its ``out_of`` tells."""
    return record.gathering is not Gathering.COULD_NOT and (_counted(record, field) or 0) > 0


def _counted(record: Record, field: str) -> int | None:
    counts = record.payload.get("out_of")
    found = counts.get(field) if isinstance(counts, Mapping) else None
    return found if isinstance(found, int) else None
