"""From the records that speak of an assessment (``readers``) to its status, with the reason.

The order in which that is decided, worst first, so that nothing hides behind something else:

1. A deviation that was seen and that no valid waiver accepts: not satisfied. It stands until complete evidence shows
   otherwise, or the very resource is seen to be right; a later attempt that failed or brought a part, a later "unknown" of a person or an answer
   of another role or to another question, a later run of a claim that decided nothing, a later sample of fewer things, or age, does not make it
   go away. What was seen among all that there was, no sample shows otherwise; what was seen in a sample, one of as many does.
2. The latest attempt failed, the evidence is older than ``max_age``, was cut short, or says "unknown": not assessed.
3. Deviations that valid waivers accept: waived.
4. Something was looked at and was right: satisfied.
5. Everything was looked at and nothing of the kind exists, or the one who is asked says so: not applicable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from averment.controls.model import Assessment, Control
from averment.core.organisation import Organisation
from averment.core.period import Period, iso
from averment.core.words import ClaimVerdict, Status, counted
from averment.evidence.judging.repositories import repository_of, within
from averment.evidence.judging.sampled import at, how_many, is_sample, judged, whole_fields
from averment.evidence.judging.states import AssessmentState, Deviation, Gap, also_lacking
from averment.evidence.judging.waived import waiver_for
from averment.evidence.record import LOOKING_BACK, Gathering, Kind, Record

_REPORTS = frozenset({"checkov-report", "prowler-report"})

NAMED = 3
"""How many resources a reason names; the report lists all of them."""


@dataclass(frozen=True)
class Question:
    """One assessment put to the evidence at ``moment`` (UTC), of a ``period`` or of all time. ``today`` is the day on which a waiver has to be
    valid: that of ``moment``, unless that is the end of a part of what is asked about."""

    control: Control
    assessment: Assessment
    organisation: Organisation
    moment: datetime
    period: Period | None = None
    today: date | None = None

    @property
    def id(self) -> str:
        """``CONTROL/assessment``."""
        return f"{self.control.id}/{self.assessment.id}"

    @property
    def is_over(self) -> bool:
        """Whether a period is asked about that has ended."""
        return self.period is not None and self.moment >= self.period.end - timedelta(seconds=1)

    def answer(
        self,
        status: Status,
        reason: str,
        *records: Record,
        gap: Gap | None = None,
        deviations: tuple[Deviation, ...] = (),
    ) -> AssessmentState:
        """The state that this question comes to."""
        ids = tuple(dict.fromkeys(record.id for record in records))
        effective = min((record.effective_at for record in records), default=None)
        return AssessmentState(self.control.id, self.assessment, status, reason, ids, effective, gap, deviations)

    def unassessed(self, gap: Gap, reason: str, *records: Record, accepted: tuple[Deviation, ...] = ()) -> AssessmentState:
        """Not assessed, because; with the deviations that are known all the same and that waivers accept."""
        return self.answer(Status.NOT_ASSESSED, reason, *records, gap=gap, deviations=accepted)

    def deviation(
        self,
        resource: str,
        message: str,
        where: str,
        record: Record,
        *,
        noted: str | None = None,
        also: tuple[str, ...] = (),
        everywhere: bool = False,
    ) -> Deviation:
        """A deviation, with the waiver that accepts it at this moment, if one does; ``noted`` as in ``waiver_for``, ``also`` what else the
        resource is called. What is so ``everywhere`` no waiver accepts that is for some places."""
        control, day, policy = self.control.id, self.today or self.moment.date(), self.assessment.policy
        account, region = (None, None) if everywhere else (record.account, record.region)
        found = (
            waiver_for(self.organisation, control, policy, name, day, noted=noted, where=where, account=account, region=region)
            for name in (resource, *also)
        )
        waiver = next(filter(None, found), None)
        place = " ".join(part for part in (record.account, record.region) if part)
        return Deviation(resource, message, ", ".join(filter(None, (within(record, where), place))), record.id, record.effective_at, waiver)

    def stale(self, record: Record) -> str | None:
        """Why ``record`` is too old for this assessment, if it is."""
        age, limit = self.moment - record.effective_at, self.assessment.max_age
        if limit is None or age <= limit:
            return None
        return f"the evidence of {iso(record.effective_at)} is {spell(age.total_seconds())} old, {spell(limit.total_seconds())} is allowed"


_Thing = tuple[str, str]
"""A resource, and where in the code it stands (nowhere, where AWS tells of it): copies in several stacks have one name."""


@dataclass
class Reading:
    """What one record says of one assessment. ``right`` are the resources that passed, where the record names them, each with its place in the code;
    ``nothing_because`` says in words why there is nothing that the assessment applies to, where that is more than that nothing was found."""

    deviations: list[Deviation] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    passed: int = 0
    right: set[_Thing] = field(default_factory=set)
    gap: Gap = Gap.UNDECIDED
    passed_because: str = ""
    nothing_because: str = ""


Reader = Callable[[Question, Record], Reading]


def judge_history(question: Question, history: Sequence[Record], read: Reader) -> AssessmentState:
    """The state by the records of one place (account and region), oldest first; the rules are at the head of this module."""
    last = history[-1]
    record = next((item for item in reversed(history) if item.gathering is not Gathering.COULD_NOT), None)
    if record is None:
        return question.unassessed(Gap.COULD_NOT, last.reason or "could not be collected", last)
    reading = read(question, record)
    short = _shows_less(question, record) or _sampled(question, record)
    standing = _standing(question, history, record, read, reading) if short else []
    rests_on, deviations = (*(item for item, _ in standing), record), (*reading.deviations, *(deviation for _, deviation in standing))
    lacking = _lacking(question, record, last, reading)
    if _open(deviations):
        also = f" (the last attempt, {iso(last.collected_at)}, failed: {last.reason})" if last is not record else ""
        seen = [item for item, deviation in standing if deviation.waiver is None]
        told = [_list_deviations(question, shown)] if (shown := _open(reading.deviations)) else []
        if seen:
            when = f"seen {iso(min(item.effective_at for item in seen))}, and not shown otherwise since: {short}"
            told.append(f"{_list_deviations(question, _open(deviation for _, deviation in standing))} ({when})")
        state = question.answer(Status.NOT_SATISFIED, "; ".join(told) + also, *rests_on, deviations=deviations)
        return state if lacking is None else also_lacking(state, *lacking)
    if lacking is not None:
        return question.unassessed(*lacking, *rests_on, last, accepted=deviations)
    if deviations:
        until = min(deviation.waiver.until for deviation in deviations if deviation.waiver)
        return question.answer(
            Status.WAIVED, f"{_list_deviations(question, deviations)}; waived until {until}", record, deviations=deviations
        )
    if reading.passed:
        return question.answer(Status.SATISFIED, reading.passed_because or f"{counted(reading.passed, 'resource')} passed", record)
    nothing = reading.nothing_because or "all was looked at, and nothing that it applies to exists"
    return question.answer(Status.NOT_APPLICABLE, nothing, record)


def _lacking(question: Question, record: Record, last: Record, reading: Reading) -> tuple[Gap, str] | None:
    """What keeps ``record``, after which ``last`` failed if it is another one, from telling all that is asked, and why; None where nothing does."""
    if last is not record:
        return Gap.COULD_NOT, last.reason or "could not be collected"
    if old := question.stale(record):
        return Gap.STALE, old
    if short := cut_short(question, record):
        return Gap.PARTIAL, short
    return (reading.gap, list_some(reading.undecided)) if reading.undecided else None


def _standing(
    question: Question, history: Sequence[Record], record: Record, read: Reader, reading: Reading
) -> list[tuple[Record, Deviation]]:
    """What was found wrong up to ``record`` and since shown otherwise by none, each with the record that found it: ``record`` brought a part alone,
    a sample, somebody's "unknown", or a run of a claim without an answer. The last complete record counts, and every part that came after it."""
    told: set[_Thing] = _told(record, reading)
    found: list[tuple[Record, Deviation]] = []
    right: list[Record] = []  # read once something older is wrong: of a place of which each look brought a part, there may be thousands
    usable = [item for item in history if item.gathering is not Gathering.COULD_NOT]
    drawn = _drawn(question, record)  # the most that a sample looked at since
    for item in reversed(usable[:-1]):  # the last of them is ``record``
        sample, less = _drawn(question, item), _shows_less(question, item)
        if _nothing_wrong(question, item):
            right.append(item)
        elif drawn is None or (sample is None and not less) or drawn < _enough(question, item):
            told.update(*(read(question, later).right for later in right))
            right, earlier = [], read(question, item)
            found += [(item, deviation) for deviation in earlier.deviations if _thing(item, deviation) not in told]
            told |= _told(item, earlier)
        if sample is None and not less:
            break
        drawn = max((size for size in (drawn, sample) if size is not None), default=None)
    return found


def _drawn(question: Question, record: Record) -> int | None:
    """How many things a sample looked at that count for the figure asked about; None of what is no sample of them."""
    field = _figure(question)
    return judged(record, field) if field is not None and is_sample(record, field) else None


def _enough(question: Question, record: Record) -> int:
    """How many things a sample has to look at to show what ``record`` did: as many, but for those that were wrong, which may be gone since, and
    half of them in any case."""
    field, wrong = _figure(question) or "", 0
    if "at_most" in (question.assessment.expect or {}):
        figure = at(record.payload, field)
        wrong = int(figure) if isinstance(figure, int | float) else 0
    size = judged(record, field)
    return max(1, size - wrong, math.ceil(size / 2))


def _figure(question: Question) -> str | None:
    """The figure that an expectation is about; None where none is."""
    expect = question.assessment.expect
    return None if expect is None else str(expect.get("field", ""))


def _sampled(question: Question, record: Record) -> str | None:
    """That ``record`` is a sample, which may show less than an earlier look, and how more are looked at; None where it is none."""
    size = _drawn(question, record)
    return (
        None if size is None else f"the sample of {record.effective_at.date()} is of {size:,} that count, and not of all{how_many(record)}"
    )


def _nothing_wrong(question: Question, record: Record) -> bool:
    """Whether ``record`` shows no deviation, where that is seen at a glance."""
    if record.kind is not Kind.CONFIG_COMPLIANCE or question.assessment.expect is not None:
        return False
    policy = question.assessment.policy
    asked = [rule["resources"] for rule in record.payload.get("rules", ()) if rule["rule"] == policy]
    return "NON_COMPLIANT" not in [item["compliance"] for resources in asked for item in resources]


def _told(record: Record, reading: Reading) -> set[_Thing]:
    """Of what ``record`` says whether it is right or wrong."""
    return reading.right | {_thing(record, deviation) for deviation in reading.deviations}


def _thing(record: Record, deviation: Deviation) -> _Thing:
    return deviation.resource, deviation.place.removeprefix(f"{repository_of(record)}: ") if record.kind is Kind.CHECK else ""


def _open(deviations: Iterable[Deviation]) -> list[Deviation]:
    return [deviation for deviation in deviations if deviation.waiver is None]


# --- words ---------------------------------------------------------------------------------------------------------


def spell(seconds: float) -> str:
    """A length of time for people: "3 days", "26 hours", "40 minutes"."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute"):
            return counted(int(seconds // length), unit)
    return ""


def lasted(seconds: int) -> str:
    """``spell`` of what may be shorter than a minute."""
    return spell(seconds) if seconds >= 120 else counted(seconds, "second")


def cut_short(question: Question, record: Record) -> str | None:
    """Why ``record`` doesn't hold all that the figure or verdict asked about rests on, if so."""
    if record.gathering is Gathering.PARTIAL:
        return f"only part was collected: {record.reason}"
    population = record.population
    if is_whole(question, record):
        return None
    if population is not None and population.truncated:
        return f"the listing was cut short after {population.examined:,} {population.unit}"
    return None


def collect_again(question: Question, record: Record) -> str:
    """What to do where the collector of ``record`` has to be asked anew; of a period that is over, one that tells the present has nothing to say."""
    if not question.is_over or question.period is None:
        return "collect again"
    if (options := asked_later(record.collector, question.period)) is not None:
        return f"collect again{options and f' with{options}'}"
    return f"{question.period.label} is over, and what is collected now is no evidence for it"


def asked_later(collector: str | None, period: Period) -> str | None:
    """With which options ``averment collect`` asks ``collector`` about ``period``, which is over; None where it tells the present alone, as does a
    look whether a provenance log is whole. A report that is taken over is as old as it says, whenever that is done."""
    if collector in _REPORTS:
        return ""
    return f" --period {period.label}" if collector in LOOKING_BACK and collector != "signing-log" else None


def is_whole(question: Question, record: Record) -> bool:
    """Whether the figure that is asked about was counted in full: what was cut short is something else, such as the history of what is listed."""
    return (question.assessment.expect or {}).get("field") in whole_fields(record)


def _shows_less(question: Question, record: Record) -> str | None:
    """Why ``record`` can't show that what was wrong before is right, if so."""
    if record.kind is Kind.ATTESTATION:
        return _answers_less(question, record)
    if record.kind is Kind.CLAIM and record.query.get("claim") != dict(question.assessment.claim or {}):
        return f"the run of {record.effective_at.date()} was of another claim"
    if record.kind is Kind.CLAIM and record.payload.get("verdict") == ClaimVerdict.INCONCLUSIVE:
        return f"the run of {record.effective_at.date()} was inconclusive"
    return cut_short(question, record)


def _answers_less(question: Question, record: Record) -> str | None:
    payload, asked, given = record.payload, question.assessment.attestation or {}, f"the answer of {record.effective_at.date()}"
    if payload.get("question") != asked.get("question"):
        return f"{given} was to another question"
    if asked.get("role") not in (None, role := payload.get("by", {}).get("role")):
        return f"{given} is by the role {role}"
    return f'{given} is "unknown"' if payload.get("answer") == "unknown" else None


def _list_deviations(question: Question, deviations: Sequence[Deviation]) -> str:
    return list_some([item.message if item.resource == question.id else f"{item.resource}: {item.message}" for item in deviations])


def list_some(items: Sequence[str]) -> str:
    """The first ``items``, and how many more there are."""
    return "; ".join(items[:NAMED]) + and_more(len(items))


def and_more(total: int) -> str:
    """How many of ``total`` items aren't named, where only some are."""
    return f" (and {total - NAMED:,} more)" if total > NAMED else ""


def in_order(records: Sequence[Record]) -> Iterator[Record]:
    """Records from the oldest fact to the newest; ties by time of collection, and of those of one second the one that came later counts more."""
    yield from sorted(records, key=lambda record: (record.effective_at, record.collected_at))
