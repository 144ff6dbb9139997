"""The judge of bare collectors: a figure of the record's payload against the bar that an assessment sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.organisation import Organisation, parameter_meaning
from averment.evidence.collectors.redact import redact
from averment.evidence.judging.judges import Question, Reading, collect_again, cut_short, is_whole
from averment.evidence.judging.places import out_of
from averment.evidence.judging.readers import other_media
from averment.evidence.judging.sampled import at, how_many
from averment.evidence.judging.states import Deviation, Gap
from averment.evidence.record import Record

_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "at_most": (lambda value, bar: value <= bar, "at most"),
    "at_least": (lambda value, bar: value >= bar, "at least"),
    "equals": (lambda value, bar: value == bar, "exactly"),
}


def not_scoped(question: Question) -> str | None:
    """Why the assessment can't be put to any evidence: the organisation hasn't said what counts. None where it has."""
    lacking = [path for path in question.assessment.needs if question.organisation.parameter(path) is None]
    if not lacking:
        return None
    return "averment.yaml has to give " + "; ".join(
        f"{what} (parameters.{path})" if (what := parameter_meaning(path)) else f"parameters.{path}" for path in lacking
    )


def read_expectation(question: Question, record: Record) -> Reading:
    """A field of the payload against ``expect``: ``{"field": "summary.published_flagged", "at_most": 0}``."""
    reading, expect = Reading(), question.assessment.expect or {}
    if changed := _asked_otherwise(question, record):
        reading.undecided.append(
            f"what counts has changed since {record.effective_at.date()} ({', '.join(changed)}); {collect_again(question, record)}"
        )
        reading.gap = Gap.SUPERSEDED
        return reading
    if record.payload.get("none_exist") is True:
        return reading  # all was looked at, and nothing of the kind exists: not applicable
    name = str(expect.get("field", ""))
    value = at(record.payload, name)
    bars = [(key, expect[key]) for key in _COMPARISONS if key in expect]
    if not bars or value is None or ((isinstance(value, bool) or not isinstance(value, int | float)) and "equals" not in expect):
        since = (
            f": it was collected by version {record.collector_version} of {record.collector}, and a later one may have it; "
            f"{collect_again(question, record)}"
        )
        reading.undecided.append(f"the evidence has no comparable field {name or '(none named)'}{since if name and value is None else ''}")
        return reading
    for key, bar in bars:
        holds, words = _COMPARISONS[key]
        if not holds(value, bar) and key == "at_least" and (short := cut_short(question, record)):
            reading.undecided.append(f"{name} is {value} in what was seen, {words} {bar} expected: {short}")  # the rest may make up for it
        elif not holds(value, bar):
            reading.deviations.extend(_deviations(question, record, f"{name} is {value}, expected {words} {bar}", value))
        else:
            reading.passed_because = f"{name} is {value}, {words} {bar} expected{_told_with(record, name)}"
    population, of = record.population, out_of(question, record)
    if not reading.deviations and of == 0:
        reading.undecided.append(f"there is nothing that {name} would count: the expectation is untested")
    elif population is not None:
        if not reading.deviations and population.examined == 0 and of is None:
            reading.undecided.append(f"nothing was examined (0 of {population.total or 0} {population.unit}): the expectation is untested")
        elif population.total is not None and population.examined < population.total and not is_whole(question, record):
            examined = f"only {population.examined:,} of {population.total:,} {population.unit} were examined"
            reading.undecided.append(examined + how_many(record))
            reading.gap = Gap.PARTIAL
    reading.passed = 1
    return reading


def _told_with(record: Record, name: str) -> str:
    """What has to be told wherever the figure is said to be right: that it would be another had somebody not put something aside."""
    told = record.payload.get("told_with")
    return f"; {told[name]}" if isinstance(told, Mapping) and told.get(name) else ""


def _deviations(question: Question, record: Record, missed: str, value: Any) -> Iterator[Deviation]:
    """One deviation a thing where ``expect.each`` lists them, so that each can be waived by itself; else one for the whole figure."""
    each = (question.assessment.expect or {}).get("each")
    found = at(record.payload, str(each)) if each is not None else None
    items = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
    for item in items:
        yield question.deviation(str(item.get("resource")), str(item.get("message")), record.source, record)
    if not items or (isinstance(value, int) and len(items) < value):
        rest = f" ({len(items):,} of them are listed)" if items else ""
        yield question.deviation(question.id, missed + rest, record.source, record)


def _asked_otherwise(question: Question, record: Record) -> list[str]:
    """What the record was collected by and that now says something else: parameters, and which buckets hold media."""
    asked = record.payload.get("scope")
    then = asked if isinstance(asked, Mapping) else {}
    return ["scope.media"] * other_media(question, record) + [
        f"parameters.{path}"
        for path in question.assessment.needs
        if _hidden(then.get(path), question.organisation) != _hidden(question.organisation.parameter(path), question.organisation)
    ]


def _hidden(value: JSON, organisation: Organisation) -> JSON:
    """``value`` as a record has it whose account ids are redacted: so that one that has them and one that doesn't compare."""
    return redact(value, {}, accounts=organisation.scope.accounts)
