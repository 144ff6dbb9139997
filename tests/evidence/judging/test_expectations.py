"""Expectations on what averment.yaml names: open without it, one deviation a thing, void when it changed. Data: written for these tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from averment.cli.status import next_step
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation, Waiver
from averment.core.period import Period, from_iso, parse_period
from averment.core.source import SourceRef
from averment.core.words import Method, Severity, Status
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState, Gap
from averment.evidence.record import Gathering, Kind, Population, Record

NOW = from_iso("2026-11-20T12:00:00Z")
KEYS = ["arn:aws:kms:eu-west-1:111122223333:key/1"]
SIGNED = Assessment(
    "signed-by",
    Method.EXAMINE,
    collector="signing-calls",
    expect={"field": "summary.by_others", "at_most": 0, "each": "by_others"},
    max_age=timedelta(hours=36),
    needs=("signing-calls.keys",),
)


def named(keys: list[str] | None = KEYS, **more: Any) -> Organisation:
    return Organisation(parameters={} if keys is None else {"signing-calls": {"keys": keys}}, **more)


def record(*others: str, counted: int | None = None, keys: Any = KEYS, calls: int = 5, truncated: bool = False, **payload: Any) -> Record:
    found = {
        "by_others": [{"resource": other, "message": "signed 2 times"} for other in others],
        "summary": {"by_others": len(others) if counted is None else counted},
        "scope": {"signing-calls.keys": keys},
        **payload,
    }
    region = payload.pop("region", "eu-west-1")
    found.pop("region", None)
    return Record(
        kind=Kind.SIGNING_CALLS,
        collector="signing-calls",
        collector_version="2",
        source="CloudTrail event history",
        query={},
        effective_at=NOW - timedelta(hours=1),
        collected_at=NOW - timedelta(hours=1),
        payload=found,
        account="111122223333",
        region=region,
        population=Population("calls", calls, calls, truncated),
    )


def state_of(
    *records: Record, organisation: Organisation | None = None, assessment: Assessment = SIGNED, period: Period | None = None
) -> AssessmentState:
    control = Control("SM-PRV-03", "Title", "Objective", Severity.HIGH, "platform", "continuous", "Because", (), (assessment,))
    [state] = assess(Catalogue((control,), {}), organisation or named(), records, period=period, as_of=NOW)
    return state.assessments[0]


def test_what_is_not_scoped_is_open_whatever_the_evidence_says() -> None:
    """Good evidence doesn't satisfy a question that nobody can put; reason and next step name the parameter and what it is."""
    state = state_of(record(), organisation=named(None))
    assert (state.status, state.gap, state.records) == (Status.NOT_ASSESSED, Gap.UNSCOPED, ())
    assert state.reason == (
        "averment.yaml has to give a list of the KMS keys that sign marks of origin, by ARN, id or pattern (parameters.signing-calls.keys)"
    )
    assert next_step(state) == "write parameters.signing-calls.keys in averment.yaml, then collect"


def test_evidence_by_the_named_things_satisfies() -> None:
    """The same record with the same parameters passes, and says by which figure."""
    state = state_of(record())
    assert (state.status, state.reason) == (Status.SATISFIED, "summary.by_others is 0, at most 0 expected")


@pytest.mark.parametrize("keys", [None, ["1"], "arn:aws:kms:eu-west-1:111122223333:key/1"])
def test_evidence_collected_by_other_names_is_void(keys: Any) -> None:
    """Whoever narrows what counts has to collect again: an earlier count is of something else."""
    state = state_of(record(keys=keys))
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, Gap.SUPERSEDED)
    assert "what counts has changed since 2026-11-20 (parameters.signing-calls.keys); collect again" in state.reason


def test_of_a_period_that_is_over_only_what_looks_back_is_asked_again() -> None:
    """Whoever closed a quarter was told to collect again by words, and by the next step, of what can tell the present alone."""
    october = parse_period("2026-10")
    calls = replace(record(keys=["1"]), effective_at=october.end - timedelta(seconds=1), period_start=october.start, period_end=october.end)
    state = state_of(calls, period=october)
    assert state.reason.endswith("(parameters.signing-calls.keys); collect again with --period 2026-10")
    assert next_step(state, over=october) == "mend what the reason names, then averment collect --period 2026-10 --collector signing-calls"

    every_rule = Assessment("all-rules", Method.EXAMINE, collector="config-compliance", expect={"field": "summary.missing", "at_most": 0})
    older = replace(calls, kind=Kind.CONFIG_COMPLIANCE, collector="config-compliance", payload={"summary": {}})
    state = state_of(older, assessment=every_rule, period=october)
    assert state.reason.endswith("a later one may have it; 2026-10 is over, and what is collected now is no evidence for it")
    assert next_step(state, over=october) == "2026-10 is over: what is obtained now is no evidence for it"
    assert state_of(older, assessment=every_rule).reason.endswith("a later one may have it; collect again")

    mfa = Assessment("mfa", Method.EXAMINE, collector="prowler-report", expect={"field": "summary.not_passed", "at_most": 0})
    report = replace(older, kind=Kind.IMPORTED, collector="prowler-report", collected_at=october.end + timedelta(days=3), account=None)
    assert state_of(report, assessment=mfa, period=october).reason.endswith("a later one may have it; collect again")
    state = state_of(assessment=mfa, period=october)
    assert next_step(state, over=october) == "averment collect --collector prowler-report", "a report of October is evidence for October"
    whole = replace(mfa, collector="signing-log")
    assert next_step(state_of(assessment=whole, period=october), over=october).startswith("2026-10 is over"), "a log is whole now, or isn't"


def test_a_record_whose_account_ids_are_hidden_is_still_known_by_its_names() -> None:
    """Redaction at collection hides the ids in what was asked, too."""
    assert state_of(record(keys=["arn:aws:kms:eu-west-1:********3333:key/1"])).status is Status.SATISFIED
    assert state_of(record(keys=["arn:aws:kms:eu-west-1:********3333:key/2"])).gap is Gap.SUPERSEDED


def test_each_thing_is_a_deviation_that_can_be_waived_by_itself() -> None:
    """Two callers, one of them accepted: the other stays open, and both accepted are waived."""

    def waiver(resource: str) -> Waiver:
        until = (NOW + timedelta(days=30)).date()
        return Waiver("SM-PRV-03", resource, "owner", "approver", "it is replaced in December", until, SourceRef("averment.yaml", 3))

    found = record("role/a", "role/b")
    one, both = named(waivers=(waiver("role/a"),)), named(waivers=(waiver("role/a"), waiver("role/b")))
    state = state_of(found, organisation=one)
    assert (state.status, [item.resource for item in state.deviations]) == (Status.NOT_SATISFIED, ["role/a", "role/b"])
    assert state.reason == "role/b: signed 2 times"
    assert state_of(found, organisation=both).status is Status.WAIVED


def test_a_waiver_by_arn_holds_where_account_ids_are_hidden() -> None:
    """Who began to hide ids found every waiver of an ARN void. One of another account stays another one."""
    hidden = record("arn:aws:iam::********3333:role/a")
    for account, wanted in (("111122223333", Status.WAIVED), ("111122224444", Status.NOT_SATISFIED)):
        arn, until = f"arn:aws:iam::{account}:role/*", (NOW + timedelta(days=30)).date()
        accepted = Waiver("SM-PRV-03", arn, "owner", "approver", "it is replaced in December", until, SourceRef("averment.yaml", 3))
        assert state_of(hidden, organisation=named(waivers=(accepted,))).status is wanted


def test_what_a_list_leaves_out_stays_a_deviation() -> None:
    """A list that was cut doesn't hide the rest behind waivers of what it shows; a count without a list is one deviation."""
    state = state_of(record("role/a", counted=3))
    assert [(item.resource, item.message) for item in state.deviations] == [
        ("role/a", "signed 2 times"),
        ("SM-PRV-03/signed-by", "summary.by_others is 3, expected at most 0 (1 of them are listed)"),
    ]
    assert [item.resource for item in state_of(record(counted=3)).deviations] == ["SM-PRV-03/signed-by"]


def test_a_figure_of_nothing_is_untested_and_counts_nowhere_else() -> None:
    """Of no named things nothing is satisfied; a region that has none of them doesn't count where another one has."""
    none = record(out_of={"summary.by_others": 0})
    state = state_of(none)
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, Gap.UNDECIDED)
    assert "nothing that summary.by_others would count" in state.reason
    elsewhere = record(out_of={"summary.by_others": 2}, region="eu-north-1")
    assert state_of(none, elsewhere).status is Status.SATISFIED
    missing = record("the key", out_of={"summary.by_others": 0})
    assert state_of(missing).status is Status.NOT_SATISFIED  # nothing is there, and something should be
    assert state_of(missing, elsewhere).status is Status.SATISFIED
    assert state_of(record(calls=0, out_of={"summary.by_others": 2})).status is Status.SATISFIED  # counted by itself, not by the population


def test_a_history_that_was_cut_short_leaves_what_is_whole() -> None:
    """A figure of the present holds where only the history is missing a part; the others don't."""
    assert state_of(record(truncated=True)).gap is Gap.PARTIAL
    assert state_of(record(truncated=True, whole=["summary.calls"])).gap is Gap.PARTIAL
    assert state_of(record(truncated=True, whole=["summary.by_others"])).status is Status.SATISFIED


@pytest.mark.parametrize("short", [{"gathering": Gathering.PARTIAL, "reason": "GetMetricData was refused"}, {"truncated": True}])
def test_too_little_in_a_part_is_not_too_little(short: dict[str, Any]) -> None:
    """What was refused may hold the rest of what has to be there; a whole record that misses the bar, before or now, still fails."""
    running = replace(SIGNED, expect={"field": "summary.calls", "at_least": 1}, needs=())
    cut = short.pop("truncated", False)
    part = replace(record(truncated=cut, summary={"calls": 0}), **short)
    state = state_of(part, assessment=running)
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    none = record(summary={"calls": 0})
    assert state_of(none, assessment=running).status is Status.NOT_SATISFIED
    earlier = replace(none, effective_at=NOW - timedelta(hours=2), collected_at=NOW - timedelta(hours=2))
    assert state_of(earlier, part, assessment=running).status is Status.NOT_SATISFIED
