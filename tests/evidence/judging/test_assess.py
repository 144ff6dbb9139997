"""From records to states: every way in which evidence can fail to satisfy, one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from averment.cli.status import next_step
from averment.controls.describe import means
from averment.controls.loader import load_controls
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation, Waiver
from averment.core.period import Period, from_iso, iso, parse_period
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.source import SourceRef
from averment.core.words import Method, Severity, Status
from averment.detector.embedded import shipped_facts
from averment.evidence.collectors.interface import media_asked
from averment.evidence.collectors.redact import hide_account
from averment.evidence.judging import assess as judging
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState, ControlState, Gap
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.reporting.action import plan_of_action

NOW = from_iso("2026-11-20T12:00:00Z")
Q4 = parse_period("2026Q4")
IAC = Assessment("iac", Method.EXAMINE, policy="gated", max_age=timedelta(days=31))
THROUGHOUT = Assessment("throughout", Method.EXAMINE, collector="config-history", policy="gated")
RUNTIME = Assessment("runtime", Method.EXAMINE, collector="config-compliance", policy="gated", max_age=timedelta(hours=24))
STATES = Assessment(
    "states",
    Method.EXAMINE,
    collector="media-states",
    expect={"field": "summary.published_flagged", "at_most": 0},
    max_age=timedelta(hours=36),
)
CLAIM: dict[str, Any] = {"type": "disclosure-coverage", "population": "published-media", "at_least": 0.99, "confidence": 0.95}
MARKED = Assessment("marked", Method.TEST, claim=CLAIM)
TERMS = Assessment("terms", Method.INTERVIEW, attestation={"role": "procurement", "question": "Contracts?", "valid_for": "365d"})


def control(*assessments: Assessment, name: str = "SM-UPL-03") -> Control:
    return Control(name, "Title", "Objective", Severity.HIGH, "platform", "continuous", "Because", (), assessments)


def waiver(until: str, *, resource: str = "*", name: str = "SM-UPL-03") -> Waiver:
    return Waiver(
        name, resource, "owner", "approver", "accepted for the migration", date.fromisoformat(until), SourceRef("averment.yaml", 3)
    )


def record(kind: Kind, payload: dict[str, Any], *, at: datetime = NOW - timedelta(hours=1), **more: Any) -> Record:
    values: dict[str, Any] = {
        "kind": kind,
        "collector": str(kind),
        "collector_version": "1",
        "source": "test",
        "query": {},
        "effective_at": at,
        "collected_at": at,
        "payload": payload,
    }
    if kind in (Kind.CONFIG_COMPLIANCE, Kind.CONFIG_HISTORY, Kind.MEDIA_STATES):
        values |= {"account": "111122223333", "region": "eu-west-1"}
    return Record(**{**values, **more})


def check(*verdicts: str, rules: tuple[str, ...] = ("gated",), problems: tuple[str, ...] = (), **more: Any) -> Record:
    findings = [
        {
            "rule": "gated",
            "verdict": verdict,
            "resource": f"aws_s3_bucket.b{number}",
            "message": f"{verdict} it",
            "where": f"main.tf:{number}",
        }
        for number, verdict in enumerate(verdicts)
    ]
    payload = {"rules": list(rules), "findings": findings, "problems": [{"where": "x.tf:1", "reason": reason} for reason in problems]}
    return record(Kind.CHECK, payload, **more)


def config(
    *compliance: str, annotation: str | None = None, rule: str = "gated", failing: dict[str, str | None] | None = None, **more: Any
) -> Record:
    resources = [
        {"id": f"bucket-{number}", "type": "AWS::S3::Bucket", "compliance": value, "annotation": annotation}
        for number, value in enumerate(compliance)
    ]
    rules = [
        {
            "rule": rule,
            "config_rule": f"averment-{rule}",
            "compliance": "INSUFFICIENT_DATA" if not compliance else "",
            "resources": resources,
            "failing": failing,
        }
    ]
    return record(Kind.CONFIG_COMPLIANCE, {"rules": rules}, **more)


def kept(*phases: dict[str, int], rule: str = "gated", without_history: tuple[str, ...] = (), **more: Any) -> Record:
    """Histories of resources by the seconds that each phase lasted."""
    none = {"compliant": 0, "non-compliant": 0, "not-assessed": 0, "not-applicable": 0}
    resources = [
        {
            "id": f"bucket-{number}",
            "type": "AWS::S3::Bucket",
            "seconds": none | seconds,
            "intervals": [{"start": "", "end": "", "state": phase, "reason": f"why {phase}"} for phase in seconds],
        }
        for number, seconds in enumerate(phases)
    ]
    rules = [{"rule": rule, "resources": resources, "without_history": list(without_history)}]
    return record(Kind.CONFIG_HISTORY, {"rules": rules}, **more)


def states(flagged: object = 0, *, total: int | None = 10, examined: int = 10, truncated: bool = False, **more: Any) -> Record:
    population = Population("objects", total, examined, truncated)
    return record(Kind.MEDIA_STATES, {"summary": {"published_flagged": flagged}}, population=population, **more)


def claim(verdict: str, *, spec: dict[str, Any] = CLAIM, estimate: float | None = 0.98, needed: int | None = 1200, **more: Any) -> Record:
    told = {"type": spec["type"], "statement": "99 % are marked", "verdict": verdict, "reason": "300 drawn", "bar": 0.99}
    payload = {**told, "estimate": estimate, "needed": needed}
    return record(Kind.CLAIM, payload, query={"claim": spec}, controls=("SM-UPL-03/marked",), **more)


def attestation(answer: str, *, role: str = "procurement", question: str = "Contracts?", **more: Any) -> Record:
    payload = {"answer": answer, "question": question, "by": {"role": role, "name": "Ada"}, "statement": "see folder"}
    return record(Kind.ATTESTATION, payload, controls=("SM-UPL-03/terms",), **more)


def state_of(
    assessment: Assessment, *records: Record, organisation: Organisation | None = None, period: Any = None, as_of: datetime = NOW
) -> AssessmentState:
    catalogue = Catalogue((control(assessment),), {})
    [result] = assess(catalogue, organisation or Organisation(), records, period=period, as_of=as_of)
    assert result.status is result.assessments[0].status
    return result.assessments[0]


def whole(asked: Control, *records: Record) -> ControlState:
    [state] = assess(Catalogue((asked,), {}), Organisation(), records, period=None, as_of=NOW)
    return state


COULD_NOT = {"gathering": Gathering.COULD_NOT, "reason": "access denied; allow config:DescribeComplianceByConfigRule"}

NOT_ASSESSED = [
    ("no check was ever collected", IAC, [], Gap.MISSING, "no evidence was collected by check"),
    ("the check did not know the rule", IAC, [check("pass", rules=("other",))], Gap.MISSING, "did not run the rule gated"),
    ("the rule could not tell", IAC, [check("pass", "unknown")], Gap.UNDECIDED, "aws_s3_bucket.b1: unknown it"),
    ("a file could not be read", IAC, [check("pass", problems=("is not valid YAML",))], Gap.UNDECIDED, "x.tf:1: is not valid YAML"),
    ("the check is stale", IAC, [check("pass", at=NOW - timedelta(days=32))], Gap.STALE, "32 days old"),
    ("AWS denied it", RUNTIME, [config(**COULD_NOT)], Gap.COULD_NOT, "allow config:DescribeComplianceByConfigRule"),
    ("the rule is not deployed", RUNTIME, [config("COMPLIANT", rule="other")], Gap.MISSING, "no rule averment-gated"),
    ("the rule has not run", RUNTIME, [config()], Gap.UNDECIDED, "not evaluated anything yet"),
    (
        "the rule at run time fails",
        RUNTIME,
        [config("COMPLIANT", failing={"since": "2026-11-23T08:00:00Z", "why": "Lambda.Unknown"})],
        Gap.UNDECIDED,
        "what the rule averment-gated says may be of before 2026-11-23T08:00:00Z (Lambda.Unknown)",
    ),
    (
        "the recorder behind the rule never was on",
        RUNTIME,
        [config("COMPLIANT", failing={"since": None, "why": "AWS Config's recorder is off"})],
        Gap.UNDECIDED,
        "what the rule averment-gated says may be old (AWS Config's recorder is off)",
    ),
    (
        "the rule at run time could not tell",
        RUNTIME,
        [config("NOT_APPLICABLE", annotation="could not check: no permission")],
        Gap.UNDECIDED,
        "could not check: no permission",
    ),
    (
        "run-time evidence is stale",
        RUNTIME,
        [config("COMPLIANT", at=NOW - timedelta(hours=25))],
        Gap.STALE,
        "25 hours old, 24 hours is allowed",
    ),
    (
        "only part was collected",
        RUNTIME,
        [config("COMPLIANT", gathering=Gathering.PARTIAL, reason="page 2 was refused")],
        Gap.PARTIAL,
        "page 2 was refused",
    ),
    ("the listing was cut short", STATES, [states(truncated=True, total=None)], Gap.PARTIAL, "cut short after 10 objects"),
    ("only a sample was examined", STATES, [states(total=5000)], Gap.PARTIAL, "only 10 of 5,000 objects"),
    ("nothing was there to examine", STATES, [states(total=0, examined=0)], Gap.UNDECIDED, "the expectation is untested"),
    (
        "the expected field is missing",
        STATES,
        [states(flagged=None)],
        Gap.UNDECIDED,
        "no comparable field summary.published_flagged: it was collected by version 1 of media-states",
    ),
    ("the expected field is a text", STATES, [states(flagged="0")], Gap.UNDECIDED, "no comparable field"),
    ("the claim was never tested", MARKED, [], Gap.MISSING, "never tested"),
    ("the claim is inconclusive", MARKED, [claim("inconclusive")], Gap.UNDECIDED, "about 1,200 independent units would settle it"),
    ("nobody can say what would settle it", MARKED, [claim("inconclusive", needed=None)], Gap.UNDECIDED, "inconclusive, 300 drawn"),
    ("nothing was estimated", MARKED, [claim("inconclusive", estimate=None)], Gap.UNDECIDED, "at least 1,200 independent units would be"),
    ("the claim's bar was raised since", MARKED, [claim("supported", spec={**CLAIM, "at_least": 0.9})], Gap.SUPERSEDED, "at_least 0.9"),
    (
        "the claim could not be run",
        MARKED,
        [claim("supported", gathering=Gathering.COULD_NOT, reason="no bucket")],
        Gap.COULD_NOT,
        "no bucket",
    ),
    ("nobody attested", TERMS, [], Gap.MISSING, "nobody has attested it"),
    ("the attestation expired", TERMS, [attestation("yes", at=NOW - timedelta(days=366))], Gap.EXPIRED, "expired on"),
    ("the wrong role attested", TERMS, [attestation("yes", role="intern")], Gap.UNDECIDED, "procurement is asked"),
    ("the question changed", TERMS, [attestation("yes", question="Any contracts?")], Gap.SUPERSEDED, "the question has changed"),
    ("the person does not know", TERMS, [attestation("unknown")], Gap.UNDECIDED, "unknown (see folder)"),
]


@pytest.mark.parametrize(
    ("assessment", "records", "gap", "words"), [case[1:] for case in NOT_ASSESSED], ids=[case[0] for case in NOT_ASSESSED]
)
def test_what_was_not_shown_is_not_assessed_with_its_reason(assessment: Assessment, records: list[Record], gap: Gap, words: str) -> None:
    """Each way of not knowing gives its own gap and says why; none of them passes."""
    state = state_of(assessment, *records)
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, gap)
    assert words in state.reason
    assert set(state.records) == {item.id for item in records}


SATISFIED = [
    ("a passing check", IAC, [check("pass", "pass")], "2 resources passed"),
    ("compliant resources", RUNTIME, [config("COMPLIANT", "NOT_APPLICABLE")], "1 resource passed"),
    ("an expectation met", STATES, [states(0)], "summary.published_flagged is 0, at most 0 expected"),
    ("a supported claim", MARKED, [claim("supported")], "99 % are marked: supported"),
    ("a valid attestation", TERMS, [attestation("yes", at=NOW - timedelta(days=364))], "Ada (procurement)"),
]


@pytest.mark.parametrize(("assessment", "records", "words"), [case[1:] for case in SATISFIED], ids=[case[0] for case in SATISFIED])
def test_fresh_and_complete_evidence_satisfies(assessment: Assessment, records: list[Record], words: str) -> None:
    """Satisfied means that something was looked at and was right, and names the evidence."""
    state = state_of(assessment, *records)
    assert (state.status, state.gap) == (Status.SATISFIED, None)
    assert words in state.reason
    assert state.records == (records[0].id,)
    assert state.effective_at == records[0].effective_at


BROKEN = [
    ("a failing check", IAC, [check("pass", "fail", "unknown")], "aws_s3_bucket.b1: fail it"),
    ("a non-compliant resource", RUNTIME, [config("COMPLIANT", "NON_COMPLIANT", annotation="open to all")], "bucket-1: open to all"),
    ("an expectation missed", STATES, [states(2)], "is 2, expected at most 0"),
    ("an expectation missed in a sample", STATES, [states(2, total=5000)], "is 2"),
    ("a refuted claim", MARKED, [claim("refuted")], "refuted"),
    ("a no", TERMS, [attestation("no")], "no (see folder)"),
]


@pytest.mark.parametrize(("assessment", "records", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_deviation_is_not_satisfied(assessment: Assessment, records: list[Record], words: str) -> None:
    """One open deviation decides, also beside passes and unknowns."""
    state = state_of(assessment, *records)
    assert state.status is Status.NOT_SATISFIED
    assert words in state.reason
    assert [item.record for item in state.deviations] == [records[0].id]


@pytest.mark.parametrize(
    ("assessment", "records", "words"),
    [case[1:] for case in BROKEN if "sample" not in case[0]],
    ids=[case[0] for case in BROKEN if "sample" not in case[0]],
)
def test_a_valid_waiver_waives_and_an_expired_one_is_void(assessment: Assessment, records: list[Record], words: str) -> None:
    """A waiver counts up to and including its last day, and not a day longer."""
    valid = state_of(assessment, *records, organisation=Organisation(waivers=(waiver("2026-11-20"),)))
    assert valid.status is Status.WAIVED
    assert "waived until 2026-11-20" in valid.reason
    expired = state_of(assessment, *records, organisation=Organisation(waivers=(waiver("2026-11-19"),)))
    assert expired.status is Status.NOT_SATISFIED


@pytest.mark.parametrize("named", [(), ("COMPLIANT",)])
def test_a_rule_that_is_called_non_compliant_is_not_passed_by_what_it_names(named: tuple[str, ...]) -> None:
    """Its results may come late, or change between the two calls: of no resource, it counted as not applicable, of a compliant one as satisfied."""
    said = config(*named)
    said.payload["rules"][0]["compliance"] = "NON_COMPLIANT"
    state = state_of(RUNTIME, said)
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, Gap.UNDECIDED)
    assert "calls the rule averment-gated non-compliant and names no resource that is" in state.reason


def partial(*compliance: str, hours: int = 1, **more: Any) -> Record:
    """What AWS Config said, of which a page was refused."""
    at = NOW - timedelta(hours=hours)
    return config(*compliance, at=at, gathering=Gathering.PARTIAL, reason="page 2 was refused", **more)


def test_a_deviation_stands_until_it_is_shown_otherwise() -> None:
    """Whoever takes a permission away doesn't make "not satisfied" into "not assessed": a part that doesn't speak of the resource, and a
    failure after it, leave what the last complete evidence found."""
    broken = config("COMPLIANT", "NON_COMPLIANT", annotation="open to all", at=NOW - timedelta(hours=30))
    failed = config(gathering=Gathering.COULD_NOT, reason="denied", at=NOW - timedelta(minutes=5))
    for later in ([partial()], [partial("COMPLIANT")], [partial("COMPLIANT"), failed]):
        state = state_of(RUNTIME, broken, *later)
        assert (state.status, state.gap) == (Status.NOT_SATISFIED, None)
        assert "bucket-1: open to all (seen 2026-11-19T06:00:00Z, and not shown otherwise since" in state.reason
        assert "page 2 was refused" in state.reason
        assert ("denied" in state.reason) is (failed in later)
        assert set(state.records) == {broken.id, later[0].id}
        assert [item.record for item in state.deviations] == [broken.id]


def test_a_deviation_goes_once_the_resource_is_right_or_all_of_it_was_seen() -> None:
    """Seen to be right in a part, it is no more than not assessed as a whole; after complete evidence nothing of before counts."""
    broken = config("COMPLIANT", "NON_COMPLIANT", at=NOW - timedelta(hours=3))
    assert state_of(RUNTIME, broken, partial("COMPLIANT", "COMPLIANT")).gap is Gap.PARTIAL
    mended = config("COMPLIANT", at=NOW - timedelta(hours=2))
    assert state_of(RUNTIME, broken, mended, partial("COMPLIANT")).gap is Gap.PARTIAL
    waived = Organisation(waivers=(waiver("2026-12-01"),))
    assert state_of(RUNTIME, broken, partial("COMPLIANT"), organisation=waived).gap is Gap.PARTIAL


def test_what_a_part_found_stands_while_other_parts_come() -> None:
    """Each run may be refused another page: what the one before found wrong went as soon as the next brought other resources."""
    before = config("COMPLIANT", at=NOW - timedelta(hours=40))
    found, other = partial("COMPLIANT", "NON_COMPLIANT", hours=20), partial("COMPLIANT", hours=2)
    for history in ([found, other], [before, found, other], [before, found, partial("COMPLIANT", hours=9), other]):
        state = state_of(RUNTIME, *history)
        assert (state.status, [item.record for item in state.deviations]) == (Status.NOT_SATISFIED, [found.id])
        assert f"bucket-1: non-compliant (seen {iso(found.effective_at)}, and not shown otherwise since: only part" in state.reason
        assert set(state.records) == {found.id, other.id}
    assert state_of(RUNTIME, found, config("COMPLIANT")).status is Status.SATISFIED


def test_what_a_part_saw_to_be_right_is_right_while_other_parts_come() -> None:
    """It had stood again with the next part, though the very resource was seen to be right."""
    broken = config("COMPLIANT", "NON_COMPLIANT", at=NOW - timedelta(hours=40))
    right, again = partial("COMPLIANT", "COMPLIANT", hours=20), partial("COMPLIANT", "NON_COMPLIANT", hours=4)
    assert state_of(RUNTIME, broken, right, partial("COMPLIANT")).gap is Gap.PARTIAL
    assert state_of(RUNTIME, broken, right, again, partial("COMPLIANT")).status is Status.NOT_SATISFIED


def test_what_stands_is_listed_beside_what_a_part_shows() -> None:
    """It was in no list of findings as long as something else was seen wrong: whoever compares periods read that it was gone."""
    both = config("NON_COMPLIANT", "NON_COMPLIANT", at=NOW - timedelta(hours=40))
    state = state_of(RUNTIME, both, partial("NON_COMPLIANT"))
    assert [item.resource for item in state.deviations] == ["bucket-0", "bucket-1"]
    assert state.reason.startswith(f"bucket-0: non-compliant; bucket-1: non-compliant (seen {iso(both.effective_at)}, and not shown")
    accepted = Organisation(waivers=(waiver("2026-12-01", resource="bucket-1"),))
    state = state_of(RUNTIME, both, partial("NON_COMPLIANT"), organisation=accepted)
    assert [item.waiver is None for item in state.deviations] == [True, False]
    # What is accepted is nothing that still has to be shown otherwise.
    assert state.reason == "bucket-0: non-compliant; not all is known: only part was collected: page 2 was refused"


def test_what_is_not_satisfied_says_what_else_is_not_known() -> None:
    """Security Hub's findings of the assessment are kept open by it: what isn't listed may be wrong all the same."""
    wrong, failed = config("NON_COMPLIANT", at=NOW - timedelta(hours=3)), config(**COULD_NOT, at=NOW)
    old = config("NON_COMPLIANT", at=NOW - timedelta(days=9))
    for history, gap in (([partial("NON_COMPLIANT")], Gap.PARTIAL), ([old], Gap.STALE), ([wrong, failed], Gap.COULD_NOT)):
        state = state_of(RUNTIME, *history)
        assert (state.status, state.gap, state.beside) == (Status.NOT_SATISFIED, None, (gap,))
    assert state_of(STATES, states(1, total=10, examined=3)).beside == (Gap.PARTIAL,)
    assert state_of(RUNTIME, wrong).beside == ()
    silent = config(**COULD_NOT, region="us-east-1")
    assert state_of(RUNTIME, partial("NON_COMPLIANT"), silent).beside == (Gap.PARTIAL, Gap.COULD_NOT)
    assert state_of(RUNTIME, config("COMPLIANT"), silent).beside == ()
    told = state_of(RUNTIME, config("NON_COMPLIANT"), silent)
    lacking = f"111122223333 us-east-1: {COULD_NOT['reason']}"
    assert (told.lacking, told.reason) == (lacking, f"111122223333 eu-west-1: bucket-0: non-compliant; not all is known: {lacking}")
    rows = plan_of_action([whole(control(RUNTIME), config("NON_COMPLIANT"), silent)])
    assert [(row.resource, row.state, row.what) for row in rows] == [
        ("SM-UPL-03/runtime", "could-not-collect", f"not assessed: {lacking}"),
        ("bucket-0", "open", "non-compliant"),
    ], "whoever put the bucket right had done all that the plan named, and the control was open"
    two = Organisation(scope=Scope(accounts=("111122223333", "444455556666")))
    assert state_of(RUNTIME, partial("NON_COMPLIANT"), organisation=two).beside == (Gap.PARTIAL, Gap.MISSING)


def test_the_copy_of_another_stack_does_not_show_a_resource_to_be_right() -> None:
    """Two stacks call a bucket alike: as the one's file couldn't be read, the other's copy cleared what was found wrong in it."""

    def stacks(*found: tuple[str, str], **more: Any) -> Record:
        seen = check(*(verdict for _, verdict in found), **more)
        for item, (stack, _) in zip(seen.payload["findings"], found, strict=True):
            item |= {"resource": "aws_s3_bucket.media", "where": f"{stack}/main.tf:3"}
        return seen

    before = stacks(("dev", "pass"), ("prod", "fail"), at=NOW - timedelta(hours=9))
    unread = {"gathering": Gathering.PARTIAL, "reason": "prod/main.tf: is not valid HCL"}
    state = state_of(IAC, before, stacks(("dev", "pass"), **unread))
    assert (state.status, [item.where for item in state.deviations]) == (Status.NOT_SATISFIED, ["prod/main.tf:3"])
    assert state_of(IAC, before, stacks(("dev", "pass"), ("prod", "pass"), **unread)).gap is Gap.PARTIAL


def test_a_figure_that_was_missed_stands_while_only_a_part_is_counted() -> None:
    """A listing that was cut short counts less of what is wrong; a figure for which nothing was cut is as good as ever."""
    missed = states(2, at=NOW - timedelta(hours=3))
    assert state_of(STATES, missed, states(0, truncated=True)).status is Status.NOT_SATISFIED
    whole = record(
        Kind.MEDIA_STATES,
        {"summary": {"published_flagged": 0}, "whole": ["summary.published_flagged"]},
        population=Population("objects", 10, 10, truncated=True),
    )
    assert state_of(STATES, missed, whole).status is Status.SATISFIED


def test_rules_that_were_missing_are_missing_while_only_a_part_is_listed() -> None:
    """SM-MON-01 asks for a figure of what AWS Config says, and none of its rules has to be non-compliant for that to be wrong."""
    deployed = Assessment("rules", Method.EXAMINE, collector="config-compliance", expect={"field": "summary.missing", "at_most": 0})
    missed = replace(config("COMPLIANT", at=NOW - timedelta(hours=3)), payload={"rules": [], "summary": {"missing": 2}})
    part = replace(partial("COMPLIANT"), payload={"rules": [], "summary": {"missing": 0}})
    assert state_of(deployed, missed, part).status is Status.NOT_SATISFIED
    assert state_of(deployed, missed, replace(part, gathering=Gathering.COLLECTED, reason=None)).status is Status.SATISFIED


def drawn(flagged: int, *, of: int, examined: int = 50, total: int = 5000, days: int = 0, **more: Any) -> Record:
    """A look at ``examined`` of ``total`` objects, ``of`` of which are published."""
    found = states(flagged, total=total, examined=examined, at=NOW - timedelta(days=days, hours=1), **more)
    return replace(found, payload={**found.payload, "out_of": {"summary.published_flagged": of}})


def test_what_was_found_stands_until_a_sample_of_as_much_finds_none() -> None:
    """The next sample drew nothing that is published, or less of it, and what had been found was no more than not assessed."""
    found = drawn(2, of=40, days=2)
    for fewer in ([drawn(0, of=0)], [drawn(0, of=37)], [drawn(0, of=30, days=1), drawn(0, of=1)], [drawn(0, of=9, truncated=True)]):
        state = state_of(STATES, found, *fewer)
        assert (state.status, [item.record for item in state.deviations]) == (Status.NOT_SATISFIED, [found.id])
        assert set(state.records) == {found.id, fewer[-1].id}
        assert "is 2, expected at most 0 (seen 2026-11-18T11:00:00Z, and not shown otherwise since: " in state.reason
    assert "the sample of 2026-11-20 is of 37 that count, and not of all)" in state_of(STATES, found, drawn(0, of=37)).reason
    for as_many in ([drawn(0, of=38)], [drawn(0, of=50, days=1), drawn(0, of=3)]):  # those that were wrong may be gone
        assert state_of(STATES, found, *as_many).gap is Gap.PARTIAL
    assert state_of(STATES, found, drawn(0, of=5, examined=5, total=5)).status is Status.SATISFIED
    assert state_of(STATES, drawn(5, of=5, days=2), drawn(0, of=1)).status is Status.NOT_SATISFIED  # though each of the five may be gone


def test_a_sample_does_not_show_otherwise_what_was_seen_among_all() -> None:
    """As soon as a bucket had grown beyond what is looked at, whatever was wrong in it was told no more."""
    found, larger = drawn(1, of=40, examined=50, total=50, days=2), drawn(0, of=400, examined=500)
    state = state_of(STATES, found, drawn(0, of=400, examined=500, days=1), larger)
    assert (state.status, [item.record for item in state.deviations]) == (Status.NOT_SATISFIED, [found.id])
    whole = replace(larger, payload={**larger.payload, "whole": ["summary.published_flagged"]})
    assert state_of(STATES, found, whole).status is Status.SATISFIED
    told = replace(larger, payload={**larger.payload, "sampling": {"objects_per_bucket": 5000}})
    reason = state_of(STATES, found, told).reason
    assert f"and not of all (5,000 a bucket: parameters.{STATES.collector}.objects_per_bucket says how many)" in reason, "the way out"


def test_a_place_of_which_a_sample_held_nothing_is_not_left_out() -> None:
    """Beside an account that is in order, the other's failure was told as satisfied by the first sample without anything published."""
    other = {"account": "444455556666"}
    right, found, none = drawn(0, of=9, examined=9, total=9), drawn(2, of=40, days=1, **other), drawn(0, of=0, **other)
    assert state_of(STATES, right, found).status is Status.NOT_SATISFIED
    assert state_of(STATES, right, found, none).status is Status.NOT_SATISFIED
    assert state_of(STATES, right, none).gap is Gap.UNDECIDED
    assert state_of(STATES, right, found, drawn(0, of=0, examined=9, total=9, **other)).status is Status.SATISFIED
    empty = replace(none, payload={**none.payload, "summary": {**none.payload["summary"], "published_total": 0}})
    assert state_of(STATES, right, empty).status is Status.SATISFIED, (
        "of an account of uploads, as it was recorded before figures were told as whole"
    )
    cut = replace(empty, population=Population("objects", None, 50, truncated=True))
    assert state_of(STATES, right, cut).status is Status.NOT_ASSESSED


ACCEPTED = [
    ("beside an unknown", IAC, [check("fail", "unknown")], Gap.UNDECIDED),
    ("beside an unread file", IAC, [check("fail", problems=("could not be read",))], Gap.UNDECIDED),
    ("seen long ago", IAC, [check("fail", at=NOW - timedelta(days=40))], Gap.STALE),
    ("in a part", RUNTIME, [partial("NON_COMPLIANT")], Gap.PARTIAL),
    ("in a sample", STATES, [states(1, total=10, examined=3)], Gap.PARTIAL),
    ("before a part", RUNTIME, [config("NON_COMPLIANT", at=NOW - timedelta(hours=3)), partial()], Gap.PARTIAL),
    (
        "before a failure",
        RUNTIME,
        [config("NON_COMPLIANT", at=NOW - timedelta(hours=3)), config(gathering=Gathering.COULD_NOT, reason="denied")],
        Gap.COULD_NOT,
    ),
    ("before an unknown", TERMS, [attestation("no", at=NOW - timedelta(days=3)), attestation("unknown")], Gap.UNDECIDED),
]


@pytest.mark.parametrize(("assessment", "records", "gap"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED])
def test_an_accepted_deviation_is_told_though_the_assessment_came_to_no_decision(
    assessment: Assessment, records: list[Record], gap: Gap
) -> None:
    """It was in no list then, and its waiver was called one without effect; without that waiver it is open."""
    resource = "aws_s3_bucket.b0" if assessment is IAC else "*"
    state = state_of(assessment, *records, organisation=Organisation(waivers=(waiver("2027-01-01", resource=resource),)))
    assert (state.status, state.gap) == (Status.NOT_ASSESSED, gap)
    assert [(item.record, item.waiver is not None) for item in state.deviations] == [(records[0].id, True)]
    assert state_of(assessment, *records).status is Status.NOT_SATISFIED


def test_an_accepted_deviation_is_told_though_an_account_handed_in_nothing() -> None:
    """Whoever listed one account more had no accepted deviation left in findings, OSCAL and waivers."""
    held, scope = waiver("2027-01-01"), Scope(accounts=("111122223333", "999900001111"))
    state = state_of(RUNTIME, config("NON_COMPLIANT"), organisation=Organisation(scope=scope, waivers=(held,)))
    assert (state.gap, [item.waiver for item in state.deviations]) == (Gap.MISSING, [held])
    assert state_of(RUNTIME, config("NON_COMPLIANT"), organisation=Organisation(scope=scope)).status is Status.NOT_SATISFIED


def test_a_state_rests_on_the_record_of_each_deviation_that_it_lists() -> None:
    """Of the earlier record of a deviation that stands, accepted, the index of evidence said that nothing rests on it."""
    organisation = Organisation(waivers=(waiver("2027-01-01"),))
    for assessment, records, _ in (case[1:] for case in ACCEPTED):
        state = state_of(assessment, *records, organisation=organisation)
        assert {item.record for item in state.deviations} <= set(state.records)


def test_a_role_is_told_by_its_name_and_waived_by_it() -> None:
    """AWS Config knows a role by an id that says nothing. A waiver of either counts, as where code and deployment are compared."""
    made = config("NON_COMPLIANT", annotation="allows signing with every key")
    [rule] = made.payload["rules"]
    role = {**rule["resources"][0], "type": "AWS::IAM::Role", "id": "AROAEXAMPLE", "name": "checkout"}
    known = replace(made, payload={"rules": [{**rule, "resources": [role]}]})
    assert state_of(RUNTIME, known).reason == "checkout (AROAEXAMPLE): allows signing with every key"
    for resource in ("checkout", "AROAEXAMPLE", "checkout (AROAEXAMPLE)"):
        organisation = Organisation(waivers=(waiver("2027-01-01", resource=resource),))
        assert state_of(RUNTIME, known, organisation=organisation).status is Status.WAIVED
    assert (
        state_of(RUNTIME, known, organisation=Organisation(waivers=(waiver("2027-01-01", resource="check"),))).status
        is Status.NOT_SATISFIED
    )


def test_a_waiver_for_another_control_or_resource_waives_nothing() -> None:
    """Scope counts: the control's id and the resource pattern both have to match."""
    for wrong in (waiver("2027-01-01", name="SM-UPL-01"), waiver("2027-01-01", resource="aws_s3_bucket.other")):
        assert state_of(IAC, check("fail"), organisation=Organisation(waivers=(wrong,))).status is Status.NOT_SATISFIED


def test_a_waiver_may_be_for_some_accounts_or_regions_alone() -> None:
    """A function, an alarm, a rule that is missing has one name in forty accounts: what was accepted for one of them passed in all."""
    first, second = (config("NON_COMPLIANT", account=number * 12, region="eu-west-1") for number in "12")
    held = replace(waiver("2027-01-01", resource="bucket-0"), accounts=("111111111111",))
    both = state_of(RUNTIME, first, second, organisation=Organisation(waivers=(held,)))
    assert [(item.place.split()[-2], item.waiver) for item in both.deviations] == [("111111111111", held), ("222222222222", None)]
    assert both.status is Status.NOT_SATISFIED
    for places, wanted in (({"regions": ("eu-west-1",)}, Status.WAIVED), ({"regions": ("us-east-1",)}, Status.NOT_SATISFIED)):
        assert state_of(RUNTIME, first, organisation=Organisation(waivers=(replace(held, **places),))).status is wanted
    hidden = replace(first, account="********1111")
    assert state_of(RUNTIME, hidden, organisation=Organisation(waivers=(held,))).status is Status.WAIVED
    code = replace(held, resource="aws_s3_bucket.*")
    assert state_of(IAC, check("fail"), organisation=Organisation(waivers=(code,))).status is Status.NOT_SATISFIED, "code is of no account"


def test_one_waived_and_one_open_failure_is_not_satisfied() -> None:
    """A waiver for one resource doesn't cover its neighbour, and both stand in the list of deviations."""
    organisation = Organisation(waivers=(waiver("2027-01-01", resource="aws_s3_bucket.b0"),))
    state = state_of(IAC, check("fail", "fail"), organisation=organisation)
    assert state.status is Status.NOT_SATISFIED
    assert [item.waiver is None for item in state.deviations] == [False, True]
    assert "b1" in state.reason
    assert "b0" not in state.reason


def test_what_is_waived_is_waived_until_the_first_waiver_ends() -> None:
    """Of two waivers the reason named no end by itself: the day on which the assessment is broken is that of the earlier."""
    organisation = Organisation(
        waivers=(waiver("2027-01-01", resource="aws_s3_bucket.b0"), waiver("2026-12-01", resource="aws_s3_bucket.b1"))
    )
    for verdicts in (("fail", "fail"), ("fail", "fail", "pass")):
        state = state_of(IAC, check(*verdicts), organisation=organisation)
        assert (state.status, state.reason.rpartition("; ")[2]) == (Status.WAIVED, "waived until 2026-12-01")


def test_a_reason_names_three_and_counts_the_others() -> None:
    """Whoever reads it has to know whether that is all."""
    assert state_of(IAC, check(*["fail"] * 3)).reason.count("fail it") == 3
    assert "more" not in state_of(IAC, check(*["fail"] * 3)).reason
    assert state_of(IAC, check(*["fail"] * 5)).reason.endswith("aws_s3_bucket.b2: fail it (and 2 more)")


def noted(verdict: str, waived_by: str) -> Record:
    payload = check(verdict).payload
    return record(Kind.CHECK, {**payload, "findings": [{**finding, "waived_by": waived_by} for finding in payload["findings"]]})


def test_a_waiver_noted_by_the_check_is_looked_at_anew() -> None:
    """What a finding says of its waiver counts only as a comment with an expiry that hasn't passed by now."""
    comment = "averment:waive=SM-UPL-03 until={} owner=media reason=migration ends soon"
    assert state_of(IAC, noted("fail", comment.format("2026-11-20"))).status is Status.WAIVED
    assert state_of(IAC, noted("fail", comment.format("2026-11-19"))).status is Status.NOT_SATISFIED
    assert state_of(IAC, noted("fail", comment.format("2026-11-20").replace("UPL-03", "UPL-01"))).status is Status.NOT_SATISFIED
    several = f"{comment.format('2026-12-01').replace('UPL-03', 'UPL-01')}; {comment.format('2026-12-01')}"
    assert state_of(IAC, noted("fail", several)).status is Status.WAIVED
    assert state_of(IAC, noted("fail", "accepted (owner x, until 2027-01-01; averment.yaml:3)")).status is Status.NOT_SATISFIED
    assert state_of(IAC, noted("fail", "checkov:skip=AVERMENT_GATED:because")).status is Status.NOT_SATISFIED


@pytest.mark.parametrize(
    "written",
    ['until="2026-12-01" owner=media', "until=20261201 owner=media", "owner=media reason='as until=2030-01-01 was' until=2026-12-01"],
)
def test_a_comment_that_the_check_accepts_is_accepted_with_its_own_end(written: str) -> None:
    """In quotes, without hyphens, behind a reason that speaks of another day: the check took it, and status told the finding as open, or another end."""
    reason = "" if "reason=" in written else " reason=migration ends soon"
    found = state_of(IAC, noted("fail", f"averment:waive=SM-UPL-03 {written}{reason}"))
    assert (found.status, [item.waiver and item.waiver.until for item in found.deviations]) == (Status.WAIVED, [date(2026, 12, 1)])


def test_an_unknown_is_waived_like_a_failure_and_other_unknowns_still_count() -> None:
    """A waiver may accept what a rule can't tell of one resource; the next one is still not assessed."""
    organisation = Organisation(waivers=(waiver("2027-01-01", resource="aws_s3_bucket.b0"),))
    assert state_of(IAC, check("unknown"), organisation=organisation).status is Status.WAIVED
    assert state_of(IAC, check("unknown", "unknown"), organisation=organisation).status is Status.NOT_ASSESSED
    assert state_of(IAC, check("fail", "unknown"), organisation=organisation).status is Status.NOT_ASSESSED


def test_a_waiver_may_name_the_rule() -> None:
    """A waiver of the rule covers every control that it serves."""
    assert state_of(IAC, check("fail"), organisation=Organisation(waivers=(waiver("2027-01-01", name="gated"),))).status is Status.WAIVED


def test_nothing_of_the_type_is_not_applicable_only_when_the_check_was_complete() -> None:
    """No resource and no problem: not applicable. No resource and an unread file: not assessed."""
    assert state_of(IAC, check()).status is Status.NOT_APPLICABLE
    assert state_of(IAC, check(problems=("could not be read",))).status is Status.NOT_ASSESSED
    assert state_of(RUNTIME, config("NOT_APPLICABLE")).status is Status.NOT_APPLICABLE
    assert state_of(TERMS, attestation("not-applicable")).status is Status.NOT_APPLICABLE


def test_the_latest_evidence_decides_in_any_order_of_arrival() -> None:
    """A fix shows, a relapse shows, and the order in which records are handed in doesn't matter."""
    bad, good, bad_again = (
        config(value, at=NOW - timedelta(hours=hours)) for value, hours in (("NON_COMPLIANT", 3), ("COMPLIANT", 2), ("NON_COMPLIANT", 1))
    )
    for order in itertools.permutations((bad, good)):
        assert state_of(RUNTIME, *order).status is Status.SATISFIED
    for order in itertools.permutations((bad, good, bad_again)):
        assert state_of(RUNTIME, *order).status is Status.NOT_SATISFIED


def test_what_is_not_applicable_says_by_whose_word_or_where_it_was_looked_for() -> None:
    stated, looked = state_of(TERMS, attestation("not-applicable")), state_of(IAC, check())
    assert (stated.status, stated.reason) == (Status.NOT_APPLICABLE, "Ada (procurement) on 2026-11-20: not-applicable (see folder)")
    assert (looked.status, looked.reason) == (Status.NOT_APPLICABLE, "nothing that it applies to is in the test that was checked")


def test_to_find_nothing_is_no_answer_where_what_it_goes_with_was_found() -> None:
    alike = replace(IAC, id="alike", policy="alike", goes_with=("iac",))
    everything = check("pass", rules=("gated", "alike"))
    elsewhere = check(rules=("gated", "alike"), source="infrastructure as code of the application")
    state, other = whole(control(IAC, alike), everything), whole(control(IAC, alike), elsewhere)
    assert (state.status, state.assessments[1].gap) == (Status.NOT_ASSESSED, Gap.UNDECIDED)
    told = (
        "but iac had something to look at, so what this asks about is missing, or lies where nobody looked: "
        "look there, too, or let an overlay leave this out and say why"
    )
    assert state.assessments[1].reason.endswith(told), "to find something is said of what is wrong: nothing had to be wrong"
    assert other.status is Status.NOT_APPLICABLE, "where nothing of either exists, there is nothing to ask"


@pytest.mark.parametrize(("name", "missing", "found"), [
    ("SM-IDV-01", ("call", "alike"), ("iac", "runtime")),
    ("SM-MON-04", ("worm-runtime",), ("access-iac", "access-runtime")),
])  # fmt: skip
def test_controls_say_what_has_to_be_there(name: str, missing: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Functions in a container matched faces, and nobody saw their code; media was logged, and no bucket kept it: either was satisfied."""
    shipped = {item.id: item for item in next(item for item in load_controls() if item.id == name).assessments}
    asked = [shipped[item] for item in (*missing, found[0])]
    rules = tuple(str(item.policy) for item in asked)
    passed = {"rule": asked[-1].policy, "verdict": "pass", "resource": "it", "message": "", "where": "main.tf:1"}
    code = record(Kind.CHECK, {"rules": list(rules), "findings": [passed], "problems": []})
    none = [{"rule": rule, "config_rule": rule, "compliance": "", "resources": [], "failing": None} for rule in rules]
    state = whole(control(*asked, name=name), code, record(Kind.CONFIG_COMPLIANCE, {"rules": none}))
    assert [item.status for item in state.assessments] == [Status.NOT_ASSESSED] * len(missing) + [Status.SATISFIED]
    assert all(shipped[item].goes_with == found for item in missing)
    assert all(f"which has to have something to look at where {' or '.join(found)} had" in means(shipped[item]) for item in missing)


def test_a_control_that_rests_on_people_alone_says_so() -> None:
    """No bucket was known as one for media, so that both rules found nothing; a statement made the control satisfied, as if looked at."""
    yes = "Ada (procurement) on 2026-11-20: yes"
    state = whole(control(IAC, TERMS), check(), attestation("yes"))
    assert (state.status, state.reason) == (Status.SATISFIED, f"by statements alone: terms: {yes}; not applicable: iac")
    assert whole(control(IAC, TERMS), check("pass"), attestation("yes")).reason == f"iac: 1 resource passed; terms: {yes}"


def test_a_claim_that_was_repeated_until_it_fitted_shows() -> None:
    """The last run decides, and the reason says how often it came out otherwise."""
    runs = [
        claim(verdict, at=NOW - timedelta(hours=hours))
        for verdict, hours in (("refuted", 4), ("inconclusive", 3), ("refuted", 2), ("supported", 1))
    ]
    state = state_of(MARKED, *runs)
    assert state.status is Status.SATISFIED
    assert "the last of 4 runs; before: 1 inconclusive, 2 refuted" in state.reason


def test_a_run_that_decides_nothing_does_not_clear_a_refuted_claim() -> None:
    """Fewer media, no look that is left, or another bar for a while: only a run of the same claim that supports it takes a refutation back."""
    refuted, supported = claim("refuted", at=NOW - timedelta(hours=4)), claim("supported", at=NOW - timedelta(hours=1))
    open_run = claim("inconclusive", at=NOW - timedelta(hours=3))
    easier = claim("supported", spec={**CLAIM, "at_least": 0.5}, at=NOW - timedelta(hours=2))
    for later, told in (([open_run], "was inconclusive"), ([easier], "was of another claim"), ([open_run, easier], "was of another claim")):
        state = state_of(MARKED, refuted, *later)
        assert state.status is Status.NOT_SATISFIED, later
        assert f"not shown otherwise since: the run of 2026-11-20 {told}" in state.reason
        assert state.records == (refuted.id, later[-1].id)
    failed = claim("supported", gathering=Gathering.COULD_NOT, reason="no bucket")
    assert state_of(MARKED, refuted, open_run, failed).status is Status.NOT_SATISFIED
    assert state_of(MARKED, refuted, open_run, easier, supported).status is Status.SATISFIED
    assert state_of(MARKED, refuted, supported, claim("inconclusive", at=NOW)).gap is Gap.UNDECIDED


@pytest.mark.parametrize(("running", "status"), [
    ({}, Status.SATISFIED), ({"ours": 0}, Status.SATISFIED), ({"ours": 5, "reference": 1}, Status.SATISFIED), ({"ours": 5}, Status.NOT_ASSESSED),
])  # fmt: skip
def test_what_one_detector_can_do_says_nothing_of_another(running: dict[str, int], status: Status) -> None:
    """The figures of the detector that ships satisfied SM-DET-03 for shops whose uploads another one scores."""
    tested = claim("supported")
    tested = replace(tested, payload=tested.payload | {"inputs": {"detector": {"name": "reference"}}})
    metrics = record(
        Kind.DETECTOR_METRICS, {"detectors": [{"detector": name, "scanned_last_week": lately} for name, lately in running.items()]}
    )
    state = state_of(MARKED, metrics, tested)
    assert (state.status, state.records) == (status, (tested.id,))
    assert ("of the detector reference, and what scores uploads is ours" in state.reason) is (status is Status.NOT_ASSESSED)
    assert (" --detector DETECTOR " in next_step(state)) is (status is Status.NOT_ASSESSED), (
        "the bare command tests the one that ships again"
    )
    assert state_of(MARKED, metrics, claim("supported")).status is Status.SATISFIED, "of what no detector was asked"


@pytest.mark.parametrize(("tested", "opened", "status"), [
    ({}, "embedded", Status.SATISFIED), ({"sha256": "ab" * 32}, "embedded", Status.NOT_ASSESSED), ({"sha256": "ab" * 32}, None, Status.NOT_ASSESSED),
    ({"sha256": "ab" * 32}, "sagemaker:faces", Status.SATISFIED), ({"sha256": "ab" * 32, "name": "ours"}, None, Status.SATISFIED),
    ({"sha256": None}, "embedded", Status.SATISFIED),
])  # fmt: skip
def test_the_figures_of_another_versions_detector_say_nothing_of_the_one_that_ships(
    tested: dict[str, Any], opened: str | None, status: Status
) -> None:
    """After an upgrade that brought other weights, the claims tested on the former ones satisfied SM-DET-03 for up to a month."""
    details = {} if opened is None else {"detector_opened_as": opened}
    run = claim("supported")
    run = replace(run, payload=run.payload | {"inputs": {"detector": {**shipped_facts(), **tested}}, "details": details})
    state = state_of(MARKED, run)
    assert (state.status, state.records) == (status, (run.id,))
    if status is Status.NOT_ASSESSED:
        assert state.gap is Gap.SUPERSEDED
        assert (
            "but that is of the detector averment-reference as another version of Averment ships it (SHA-256 abababababab" in state.reason
        )
        assert next_step(state) == f"averment prove {state.id}"
    past = Period("then", NOW - timedelta(days=9), NOW + timedelta(days=1))
    assert state_of(MARKED, run, period=past, as_of=NOW + timedelta(days=40)).status is Status.SATISFIED, "it shipped then"


@pytest.mark.parametrize(("name", "opened", "status"), [
    ("SM-IDV-03", "sagemaker:faces", Status.SATISFIED), ("SM-IDV-03", "embedded", Status.NOT_ASSESSED), ("SM-IDV-03", None, Status.NOT_ASSESSED),
    ("SM-DET-03", "sagemaker:faces", Status.NOT_ASSESSED),
])  # fmt: skip
def test_identity_checks_may_ask_a_detector_of_their_own(name: str, opened: str | None, status: Status) -> None:
    """It scores no uploads and so has no figures: the shop that proved it for SM-IDV-03 was told to prove the one for pictures of products instead."""
    details = {} if opened is None else {"detector_opened_as": opened}
    tested = claim("supported")
    told = {**tested.payload, "inputs": {"detector": {"name": "faces"}}, "details": details}
    tested = replace(tested, payload=told, controls=(f"{name}/{MARKED.id}",))
    metrics = record(Kind.DETECTOR_METRICS, {"detectors": [{"detector": "products", "scanned_last_week": 5}]})
    [state] = whole(control(MARKED, name=name), tested, metrics).assessments
    assert state.status is status


@pytest.mark.parametrize(("drawn", "status"), [
    (("s3://a/",), Status.NOT_ASSESSED), (("media",), Status.NOT_ASSESSED), (("s3://a/", "s3://b/"), Status.SATISFIED), (("",), Status.NOT_ASSESSED),
    (("s3://a/marked/", "s3://b/"), Status.SATISFIED),
])  # fmt: skip
def test_a_claim_on_one_bucket_says_nothing_of_another(drawn: tuple[str, ...], status: Status) -> None:
    """ "Every picture that our generators write" is marked was satisfied by the one bucket, or the folder, that somebody had chosen."""
    spec = {**CLAIM, "population": "generated-media"}
    asked = [replace(MARKED, id=f"marked-{number}", claim=spec) for number in range(len(drawn))]
    runs = [
        replace(run, payload=run.payload | {"inputs": {"where": place}}, controls=(f"SM-UPL-03/{item.id}",))
        for item, place, run in zip(asked, drawn, [claim("supported", spec=spec)] * len(drawn), strict=True)
    ]
    buckets = [
        {"bucket": name, "role": role, "total": total}
        for name, role, total in (("a", "generated", 9), ("b", "generated", 1), ("c", "upload", 9), ("d", "generated", 0))
    ]
    found = states().payload | {"buckets": buckets}
    state = whole(control(*asked), *runs, record(Kind.MEDIA_STATES, found))
    assert {item.status for item in state.assessments} == {status}
    lacking = "a; b" if drawn in {("media",), ("",)} else "b"
    place = drawn[0] or "a place that its record doesn't name"
    words = (
        f"; but that was drawn from {place}, and not from {lacking}, where generated media lie as well: let an overlay add a claim on each"
    )
    assert (words in state.assessments[0].reason) is (status is Status.NOT_ASSESSED)
    assert ("; of what lies under s3://a/marked/ alone" in state.assessments[0].reason) is ("s3://a/marked/" in drawn)
    if len(drawn) > 1:  # what asks for less of the one bucket says nothing of what is asked of all
        low = replace(asked[1], claim={**spec, "at_least": 0.01})
        states_of = whole(control(asked[0], low), *runs, record(Kind.MEDIA_STATES, found)).assessments
        assert (states_of[0].status, "and not from b" in states_of[0].reason) == (Status.NOT_ASSESSED, True)


def test_an_answer_to_another_question_or_of_another_role_does_not_clear_a_no() -> None:
    """A question that was changed, answered and changed back, or put to somebody else for a day, made "not satisfied" into "not assessed"."""
    no = attestation("no", at=NOW - timedelta(days=3))
    for other, words in (({"question": "All of them?"}, "was to another question"), ({"role": "intern"}, "is by the role intern")):
        state = state_of(TERMS, no, attestation("yes", **other))
        assert (state.status, f"the answer of 2026-11-20 {words}" in state.reason) == (Status.NOT_SATISFIED, True)
        assert state_of(TERMS, no, attestation("yes", **other), attestation("yes")).status is Status.SATISFIED
        assert state_of(TERMS, attestation("yes", at=NOW - timedelta(days=3)), attestation("yes", **other)).status is Status.NOT_ASSESSED


def test_a_failed_attempt_does_not_hide_a_failure_that_was_seen() -> None:
    """After a failure, "could not collect" keeps it not satisfied; after a pass, it is no longer known."""
    later = config(**COULD_NOT, at=NOW)
    seen = state_of(RUNTIME, config("NON_COMPLIANT"), later)
    assert seen.status is Status.NOT_SATISFIED
    assert f"(the last attempt, {iso(NOW)}, failed: {COULD_NOT['reason']})" in seen.reason
    unsure = state_of(RUNTIME, config("COMPLIANT"), later)
    assert (unsure.status, unsure.gap, unsure.reason) == (Status.NOT_ASSESSED, Gap.COULD_NOT, COULD_NOT["reason"])


def test_age_does_not_mend_a_failure() -> None:
    """A failure that nothing newer refutes stays one, however old."""
    assert state_of(RUNTIME, config("NON_COMPLIANT", at=NOW - timedelta(days=9))).status is Status.NOT_SATISFIED


def test_every_place_counts() -> None:
    """The worst of two regions decides and is named; a listed account without evidence is missing."""
    here, there = config("COMPLIANT"), config("NON_COMPLIANT", region="us-east-1")
    both = state_of(RUNTIME, here, there)
    assert both.status is Status.NOT_SATISFIED
    assert "us-east-1" in both.reason
    older = replace(here, effective_at=NOW - timedelta(hours=5))
    for order in ((older, there), (there, older)):
        assert state_of(RUNTIME, *order).effective_at == older.effective_at, "no fresher than the oldest that it rests on"
    organisation = Organisation(scope=Scope(accounts=("111122223333", "444455556666")))
    missing = state_of(RUNTIME, here, organisation=organisation)
    assert (missing.status, missing.gap) == (Status.NOT_ASSESSED, Gap.MISSING)
    assert "444455556666" in missing.reason
    assert state_of(RUNTIME, here, there, organisation=organisation).status is Status.NOT_SATISFIED
    silent = state_of(RUNTIME, here, organisation=Organisation(scope=Scope(regions=("eu-west-1", "eu-north-1"))))
    assert (silent.gap, "eu-north-1 of account 111122223333" in silent.reason) == (Gap.MISSING, True)
    assert state_of(STATES, states(region=None), organisation=Organisation(scope=Scope(regions=("eu-west-1",)))).status is Status.SATISFIED


def listing(*regions: str | None, name: str = "media-states", at: datetime = NOW - timedelta(hours=1), **more: Any) -> Record:
    """What lists all media buckets of the account, wherever they lie."""
    buckets = [{"bucket": f"uploads-{number}", "role": "upload", "region": region} for number, region in enumerate(regions)]
    return record(Kind(name), {"buckets": buckets}, at=at, **{"account": "111122223333", "region": None, **more})


@pytest.mark.parametrize("name", ["media-states", "bucket-policies"])
def test_media_in_a_region_that_nobody_looks_into_leave_open_what_is_asked_region_by_region(name: str) -> None:
    """Without scope.regions that of the AWS settings alone was asked, and the uploads of another one counted as guarded."""
    both, here = listing("eu-west-1", "eu-central-1", name=name), config("COMPLIANT")
    found = state_of(RUNTIME, both, here)
    words = "no evidence of config-compliance from eu-central-1 of account 111122223333, where the upload bucket uploads-1 lies: name every region"
    assert (found.status, found.gap, found.reason.startswith(words)) == (Status.NOT_ASSESSED, Gap.PARTIAL, True)
    hidden = [replace(item, account="********3333") for item in (both, here)]
    assert [state_of(RUNTIME, *some).gap for some in (hidden, (both, hidden[1]), (hidden[0], here))] == [Gap.PARTIAL] * 3
    wrong = state_of(RUNTIME, both, config("NON_COMPLIANT"))
    assert (wrong.status, wrong.beside) == (Status.NOT_SATISFIED, (Gap.PARTIAL,))

    assert state_of(RUNTIME, both, here, config("COMPLIANT", region="eu-central-1")).status is Status.SATISFIED
    assert state_of(RUNTIME, both, here, organisation=Organisation(scope=Scope(regions=("eu-west-1",)))).status is Status.SATISFIED
    assert state_of(RUNTIME, listing("eu-west-1", None, name=name), here).status is Status.SATISFIED, "where S3 doesn't say, nobody knows"
    empty = listing(name=name)
    assert state_of(RUNTIME, replace(both, account="999900001111"), here, empty).gap is Gap.MISSING, (
        "another account's, which nobody looked into"
    )
    assert state_of(STATES, both, states(region=None, at=NOW)).status is Status.SATISFIED, "media-states look everywhere"


@pytest.mark.parametrize("hidden", [False, True])
def test_without_listed_accounts_one_in_which_media_lie_is_missed_where_nobody_looked(hidden: bool) -> None:
    """AWS Config was asked in one of two accounts alone, and its answer counted for the uploads of both."""
    other = "********1111" if hidden else "999900001111"
    theirs, here, empty = listing("eu-west-1", account=other), config("COMPLIANT"), listing()
    found = state_of(RUNTIME, theirs, here, empty)
    words = f"no evidence of config-compliance from account {other}, where the upload bucket uploads-0 lies (collect there, too, or"
    assert (found.status, found.gap, found.reason.startswith(words)) == (Status.NOT_ASSESSED, Gap.MISSING, True)
    wrong = state_of(RUNTIME, theirs, config("NON_COMPLIANT"), empty)
    assert (wrong.status, wrong.beside) == (Status.NOT_SATISFIED, (Gap.MISSING,))
    unknown = state_of(RUNTIME, record(Kind.ALARMS, {}, account=other), here)
    assert (unknown.gap, "of which no listing of its buckets tells" in unknown.reason) == (Gap.MISSING, True)
    source = config(**COULD_NOT, collector="config-aggregate", account=other)
    assert state_of(RUNTIME, source, here).status is Status.SATISFIED, (
        "an aggregator names its sources, also those where no rule of ours is"
    )
    ours = config("COMPLIANT", collector="config-aggregate", account=other, gathering=Gathering.PARTIAL, reason="an aggregator is blind")
    assert state_of(RUNTIME, ours, here).gap is Gap.MISSING
    part = listing(account=other, gathering=Gathering.PARTIAL, reason="could not call s3:ListBuckets")
    assert state_of(RUNTIME, part, here).gap is Gap.MISSING

    assert state_of(RUNTIME, theirs, here, config("COMPLIANT", account="999900001111")).status is Status.SATISFIED
    assert state_of(RUNTIME, listing(account=other), record(Kind.ALARMS, {}, account=other), here).status is Status.SATISFIED, (
        "it holds no media"
    )
    mine = Organisation(scope=Scope(accounts=("111122223333",)))
    assert state_of(RUNTIME, theirs, here, organisation=mine).status is Status.SATISFIED, "averment.yaml says whose it is"


def test_who_pays_for_inference_is_not_missed_where_media_lie() -> None:
    """One account pays for all of an organisation, and the budget that watches is there: in a shop's own nobody could have collected it."""
    heard = Assessment("heard", Method.EXAMINE, collector="inference-cost", expect={"field": "summary.unheard", "at_most": 0})
    paid = record(Kind.INFERENCE_COST, {"summary": {"unheard": 0}}, account="999900001111")
    payer = listing(account="999900001111")
    assert state_of(heard, paid, payer, listing("eu-west-1")).status is Status.SATISFIED
    listed = Organisation(scope=Scope(accounts=("111122223333", "999900001111")))
    assert state_of(heard, paid, payer, listing("eu-west-1"), organisation=listed).gap is Gap.MISSING, "averment.yaml says where to collect"


def test_where_media_lie_is_told_by_the_latest_listing_of_all_buckets() -> None:
    """A bucket that was deleted leaves nothing open; one that the latest listing couldn't see is still where it was."""
    earlier, here = listing("eu-west-1", "eu-central-1", at=NOW - timedelta(days=2)), config("COMPLIANT")
    assert state_of(RUNTIME, earlier, listing("eu-west-1"), here).status is Status.SATISFIED
    part = {"gathering": Gathering.PARTIAL, "reason": "could not call s3:ListBuckets"}
    assert state_of(RUNTIME, earlier, listing("eu-west-1", **part), here).gap is Gap.PARTIAL
    assert state_of(RUNTIME, earlier, listing(**COULD_NOT), here).gap is Gap.PARTIAL
    assert state_of(RUNTIME, listing("eu-west-1", "eu-north-1", **part), here).gap is Gap.PARTIAL


def test_an_expectation_is_put_to_where_something_is() -> None:
    """An empty region neither fails nor blocks an expectation that another region meets; empty everywhere is not met."""
    expect = {"field": "summary.published_flagged", "at_least": 1}
    assessment = Assessment("states", Method.EXAMINE, collector="media-states", expect=expect)
    here, nothing = states(3), states(0, total=0, examined=0, region="us-east-1")
    assert state_of(assessment, here, nothing).status is Status.SATISFIED
    assert state_of(assessment, nothing).status is Status.NOT_SATISFIED
    refused = states(0, region="us-east-1", gathering=Gathering.COULD_NOT, reason="denied")
    assert state_of(assessment, here, refused).gap is Gap.COULD_NOT


@pytest.mark.parametrize("assessment", [STATES, THROUGHOUT], ids=lambda assessment: assessment.id)
def test_evidence_of_other_buckets_is_superseded(assessment: Assessment) -> None:
    """averment.yaml names another bucket as media since: what was found in those of before says nothing of it."""
    kept = {"type": "AWS::S3::Bucket", "id": "b", "intervals": [], "seconds": {"non-compliant": 0, "not-assessed": 0}}
    history = record(Kind.CONFIG_HISTORY, {"rules": [{"rule": "gated", "resources": [kept], "without_history": []}]})
    found = states() if assessment is STATES else history
    asked = Organisation(scope=Scope(media=(MediaMatcher(MediaRole.PUBLISHED, names=("shop-pictures",)),)))
    found = replace(found, payload={**found.payload, "media_scope": media_asked(asked.scope)})
    assert state_of(assessment, found, organisation=asked).status is Status.SATISFIED
    other = Organisation(scope=Scope(media=(MediaMatcher(MediaRole.PUBLISHED, names=("shop-films",)),)))
    assert state_of(assessment, found, organisation=other).gap is Gap.SUPERSEDED
    found = replace(found, period_start=Q4.start, period_end=Q4.end, effective_at=Q4.end - timedelta(seconds=1), collected_at=Q4.end)
    past = state_of(replace(assessment, max_age=None), found, organisation=other, period=Q4, as_of=from_iso("2027-01-05T00:00:00Z"))
    assert past.status is Status.SATISFIED, "the next quarter's buckets are no question to this one's evidence"


def test_a_month_says_nothing_of_the_rest_of_its_quarter() -> None:
    """What was wrong in October was gone from the quarter once November was collected by itself, and so was what nobody had asked about. Months
    that make up the quarter so far do tell of it."""
    calls = Assessment("calls", Method.EXAMINE, collector="signing-calls", expect={"field": "summary.by_others", "at_most": 0})

    def of(period: str, by_others: int, at: str, total: int = 3, region: str = "eu-west-1") -> Record:
        asked = parse_period(period)
        told = {"population": Population("calls", total, total), "period_start": asked.start, "period_end": asked.end}
        return record(Kind.SIGNING_CALLS, {"summary": {"by_others": by_others}}, at=from_iso(at), account="1", region=region, **told)

    october, november = of("2026-10", 2, "2026-10-31T23:59:59Z"), of("2026-11", 0, "2026-11-20T11:00:00Z")
    found = state_of(calls, october, november, period=Q4)
    assert (found.status, "by_others is 2" in found.reason) == (Status.NOT_SATISFIED, True)
    alone = state_of(calls, november, period=Q4)
    assert (alone.status, alone.gap) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    assert "nobody asked about what was from 2026-10-01 on; collect with --period 2026Q4" in alone.reason
    assert state_of(calls, of("2026-10", 0, "2026-10-31T23:59:59Z"), november, period=Q4).status is Status.SATISFIED
    unfinished = state_of(replace(calls, max_age=timedelta(hours=36)), of("2026-10", 0, "2026-10-15T00:00:00Z"), november, period=Q4)
    assert unfinished.gap is Gap.STALE, "October was collected in the middle of it, and never again"
    fresh = state_of(replace(calls, max_age=timedelta(hours=36)), of("2026-10", 0, "2026-10-31T23:59:59Z"), november, period=Q4)
    assert fresh.status is Status.SATISFIED, "each month by its own end, and the running one by now"
    unseen = state_of(calls, of("2026-10", 0, "2026-10-15T00:00:00Z"), november, period=Q4)
    assert (unseen.gap, "from 2026-10-15 on" in unseen.reason) == (Gap.PARTIAL, True), (
        "and without an age nobody asked about its second half"
    )
    early = state_of(calls, of("2026Q4", 0, "2026-10-15T00:00:00Z"), november, period=Q4)
    assert early.gap is Gap.PARTIAL, "nor did who asked about the quarter in its beginning"
    assert state_of(calls, october, of("2026Q4", 0, "2026-11-20T11:00:00Z"), period=Q4).status is Status.SATISFIED
    assert state_of(calls, november, period=parse_period("2026-11")).status is Status.SATISFIED
    elsewhere = of("2026Q4", 0, "2026-11-20T11:00:00Z", region="us-east-1")
    nothing = of("2026-11", 0, "2026-11-20T11:00:00Z", total=0)
    assert state_of(calls, elsewhere, october, nothing, period=Q4).status is Status.NOT_SATISFIED
    lately = {"whole": ["summary.by_others"], "out_of": {"summary.by_others": 0}, "summary": {"by_others": 0}}
    idle = replace(of("2026-11", 0, "2026-11-20T11:00:00Z", region="us-east-1"), payload=lately)
    assert state_of(calls, of("2026Q4", 0, "2026-11-20T11:00:00Z"), idle, period=Q4).status is Status.SATISFIED, (
        "a figure that no month cuts"
    )


BY_OTHERS = Assessment("calls", Method.EXAMINE, collector="signing-calls", expect={"field": "summary.by_others", "at_most": 0})


def calls(period: str, by_others: int, at: str, **more: Any) -> Record:
    """What was signed in ``period``, as it was asked about ``at`` a moment."""
    asked, moment = parse_period(period), from_iso(at)
    told = {"population": Population("calls", 3, 3), "period_start": asked.start, "period_end": asked.end, "account": "1", "region": "r"}
    made = record(Kind.SIGNING_CALLS, {"summary": {"by_others": by_others}}, at=moment, **{**told, **more})
    return replace(made, effective_at=min(moment, asked.end - timedelta(seconds=1)))


@pytest.mark.parametrize("failed", [COULD_NOT, {"gathering": Gathering.PARTIAL, "reason": "page 2 was refused"}])
def test_what_was_wrong_in_a_month_stands_after_an_attempt_for_the_quarter(failed: dict[str, Any]) -> None:
    """It was gone as soon as somebody asked about the quarter and was refused: the month after it was taken for the last word."""
    later = "2027-01-05T00:00:00Z"
    months = [calls("2026-10", 2, "2026-11-02T00:00:00Z"), calls("2026-11", 0, "2026-12-02T00:00:00Z")]
    attempt = calls("2026Q4", 0, "2026-12-20T00:00:00Z", **failed)
    assert state_of(BY_OTHERS, *months, attempt, period=Q4, as_of=from_iso(later)).status is Status.NOT_SATISFIED
    again = calls("2026Q4", 0, "2027-01-04T00:00:00Z")
    december = calls("2026-12", 1, "2027-01-02T00:00:00Z")
    assert state_of(BY_OTHERS, *months, attempt, again, period=Q4, as_of=from_iso(later)).status is Status.SATISFIED
    assert state_of(BY_OTHERS, *months, attempt, december, again, period=Q4, as_of=from_iso(later)).status is Status.SATISFIED


def test_what_was_found_in_a_month_afterwards_is_not_cleared_by_the_quarter_before() -> None:
    """Of October nothing was known when the quarter was collected, and its calls came in late; once the quarter is collected anew that counts,
    and no later month brings October back."""
    quarter, october = calls("2026Q4", 0, "2026-11-18T00:00:00Z"), calls("2026-10", 2, "2026-11-19T00:00:00Z")
    assert state_of(BY_OTHERS, quarter, october, period=Q4).status is Status.NOT_SATISFIED
    anew, november = calls("2026Q4", 0, "2026-11-20T00:00:00Z"), calls("2026-11", 0, "2026-11-20T08:00:00Z")
    assert state_of(BY_OTHERS, quarter, october, anew, november, period=Q4).status is Status.SATISFIED


def test_a_month_that_is_right_does_not_clear_the_quarter_that_goes_on() -> None:
    """Without a period the last record decided: after a look at November alone, what the quarter's record had found in October was satisfied."""
    quarter, november = calls("2026Q4", 2, "2026-11-18T00:00:00Z"), calls("2026-11", 0, "2026-11-19T00:00:00Z")
    found = state_of(BY_OTHERS, quarter, november)
    assert (found.status, [item.record for item in found.deviations]) == (Status.NOT_SATISFIED, [quarter.id])
    assert state_of(BY_OTHERS, quarter, november, calls("2026Q4", 0, "2026-11-20T00:00:00Z")).status is Status.SATISFIED
    assert state_of(BY_OTHERS, calls("2026Q3", 2, "2026-09-30T23:59:59Z"), november).status is Status.SATISFIED, "that quarter is over"
    assert state_of(BY_OTHERS, calls("2026Q4", 0, "2026-10-01T00:00:00Z"), november).status is Status.SATISFIED


def test_what_is_there_now_is_told_by_the_last_look_whatever_it_was_collected_for() -> None:
    """What lies in a bucket belongs to no month: a look for November alone shows as well as one for the quarter that it is mended."""
    quarter, month = ({"period_start": asked.start, "period_end": asked.end} for asked in (Q4, parse_period("2026-11")))
    wrong, right = states(2, at=NOW - timedelta(hours=9), **quarter), states(0, **month)
    assert state_of(STATES, wrong, right).status is Status.SATISFIED
    assert state_of(STATES, wrong, right, period=Q4).status is Status.SATISFIED


def test_a_waiver_that_has_expired_accepts_nothing_of_an_earlier_month() -> None:
    """Of a quarter that was collected month by month, what was wrong in October stayed accepted by a waiver that ended in November."""
    months = [calls("2026-10", 2, "2026-11-02T00:00:00Z"), calls("2026-11", 0, "2026-11-20T00:00:00Z")]
    expired, valid = (Organisation(waivers=(waiver(until),)) for until in ("2026-11-15", "2026-11-20"))
    assert state_of(BY_OTHERS, *months, period=Q4, organisation=expired).status is Status.NOT_SATISFIED
    assert state_of(BY_OTHERS, *months, period=Q4, organisation=valid).status is Status.WAIVED


def test_a_record_of_the_beginning_of_a_period_does_not_tell_of_its_end() -> None:
    """July and August were collected, and stood for all of the quarter as long as they were young enough at its end."""
    asked, quarter = parse_period("2026-07-01..2026-08-31"), parse_period("2026Q3")
    throughout = replace(THROUGHOUT, max_age=timedelta(days=31))
    told = kept({"compliant": 10}, at=asked.end - timedelta(seconds=1), period_start=asked.start, period_end=asked.end)
    found = state_of(throughout, told, period=quarter)
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    assert "nobody asked about what was from 2026-09-01 on; collect with --period 2026Q3" in found.reason
    september = parse_period("2026-09")
    rest = kept({"compliant": 5}, at=september.end - timedelta(seconds=1), period_start=september.start, period_end=september.end)
    assert state_of(throughout, told, rest, period=quarter).status is Status.SATISFIED
    assert state_of(throughout, told, period=parse_period("2026-08")).status is Status.SATISFIED


def test_the_last_hours_of_a_period_are_looked_at_or_open() -> None:
    """The run of every day at two collects for the present quarter: what was wrong on New Year's Eve, at noon, nobody ever asked about."""
    calls = Assessment(
        "calls", Method.EXAMINE, collector="signing-calls", expect={"field": "summary.by_others", "at_most": 0}, max_age=timedelta(hours=36)
    )

    def of(at: str, collected: str, **told: Any) -> Record:
        asked = {
            "account": "1",
            "region": "eu-west-1",
            "period_start": Q4.start,
            "period_end": Q4.end,
            "population": Population("calls", 3, 3),
        }
        more = {"collected_at": from_iso(collected), **asked, **told}
        return record(Kind.SIGNING_CALLS, {"summary": {"by_others": 0}}, at=from_iso(at), **more)

    daily, new_year = of("2026-12-31T02:00:00Z", "2026-12-31T02:00:00Z"), from_iso("2027-01-02T00:00:00Z")
    assert state_of(calls, daily, period=Q4, as_of=from_iso("2026-12-31T03:00:00Z")).status is Status.SATISFIED
    found = state_of(calls, daily, period=Q4, as_of=new_year)
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    assert "nobody asked about what was from 2026-12-31 on; collect with --period 2026Q4" in found.reason
    after = of("2026-12-31T23:59:59Z", "2027-01-01T02:00:00Z")
    assert state_of(calls, daily, after, period=Q4, as_of=new_year).status is Status.SATISFIED
    states_of_then = states(0, at=from_iso("2026-12-31T02:00:00Z"))
    resumed = of("2026-12-31T02:00:00Z", "2027-01-01T01:00:00Z")
    assert state_of(calls, resumed, period=Q4, as_of=new_year).gap is Gap.PARTIAL, "its facts are as old as the run that was interrupted"
    assert state_of(STATES, states_of_then, period=Q4, as_of=new_year).status is Status.SATISFIED, "the present is told once a day"


def test_a_file_that_is_named_and_was_not_taken_over_is_missing() -> None:
    """Of two reports that averment.yaml names one is in the ledger: it says nothing of what stands in the other."""
    reports = Assessment("checkov", Method.EXAMINE, collector="checkov-report", expect={"field": "summary.not_passed", "at_most": 0})
    population = Population("results", 3, 3)
    taken = record(Kind.IMPORTED, {"summary": {"not_passed": 0}}, collector="checkov-report", source="a.json", population=population)
    for files, status in ((["a.json"], Status.SATISFIED), (["a.json", "b.json"], Status.NOT_ASSESSED)):
        found = state_of(reports, taken, organisation=Organisation(parameters={"checkov-report": {"files": files}}))
        assert found.status is status
    assert (found.gap, "b.json" in found.reason) == (Gap.MISSING, True)
    both = [taken, replace(taken, source="b.json")]
    organisation = Organisation(parameters={"checkov-report": {"files": ["a.json", "b.json"]}})
    assert state_of(reports, *both, organisation=organisation).status is Status.SATISFIED
    wrong = replace(taken, payload={"summary": {"not_passed": 2}}, effective_at=NOW - timedelta(hours=3))
    named = check("pass", query={"repository": "example.com/shop/infra"})
    assert state_of(reports, named, wrong, both[1], organisation=organisation).status is Status.NOT_SATISFIED, "each file is a place"


def test_places_where_there_is_nothing_are_told_beside_what_is_right() -> None:
    """An alarm that is right in one account of five was "satisfied" without a word of the four that have none; where it is wrong, that is what counts."""
    heard = Assessment("heard", Method.EXAMINE, collector="alarms", expect={"field": "summary.unheard", "at_most": 0})
    right, none = ({"summary": {"unheard": 0}, "out_of": {"summary.unheard": number}} for number in (1, 0))

    def of(payload: dict[str, Any], account: int) -> Record:
        return record(
            Kind.ALARMS, payload, collector="alarms", account=str(account) * 12, region="eu-west-1", population=Population("alarms", 1, 1)
        )

    idle = [of(none, account) for account in range(2, 7)]
    found = state_of(heard, of(right, 1), *idle)
    assert found.status is Status.SATISFIED
    assert found.reason == (
        "111111111111 eu-west-1: summary.unheard is 0, at most 0 expected; nothing of the kind in 222222222222 eu-west-1, 333333333333 eu-west-1, "
        "444444444444 eu-west-1 (and 2 more)"
    )
    two = state_of(heard, of(right, 1), of(right, 2), idle[-1])
    assert two.reason.endswith("at most 0 expected; nothing of the kind in 666666666666 eu-west-1")
    assert "nothing of the kind" not in state_of(heard, of({**right, "summary": {"unheard": 1}}, 1), *idle).reason
    assert state_of(heard, of(right, 1)).reason == "summary.unheard is 0, at most 0 expected"


def test_that_a_place_is_empty_has_to_be_known_of_now() -> None:
    """A region where nothing was, a week ago or by names that have changed since, is no longer left out: nobody knows what is there by now."""
    here, old = states(0), states(0, total=0, examined=0, region="us-east-1", at=NOW - timedelta(days=7))
    found = state_of(STATES, here, old)
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.STALE)
    assert found.reason.startswith("111122223333 us-east-1: ")
    named = replace(STATES, expect={"field": "summary.published_flagged", "at_least": 1}, needs=("alarms.watching",))
    places = (states(1), "new"), (states(0, total=0, examined=0, region="us-east-1"), "old")
    asked = [replace(item, payload={**item.payload, "scope": {"alarms.watching": name}}) for item, name in places]
    found = state_of(named, *asked, organisation=Organisation(parameters={"alarms": {"watching": "new"}}))
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.SUPERSEDED)


HEARD = Assessment("heard", Method.EXAMINE, collector="alarms", expect={"field": "summary.unheard", "at_most": 0, "each": "unheard"})


def heard(found: int, *missing: str, region: str = "eu-west-1", watching: str = "new", **more: Any) -> Record:
    payload = {
        "summary": {"unheard": len(missing)},
        "unheard": [{"resource": name, "message": "there is no alarm by this name"} for name in missing],
        "out_of": {"summary.unheard": found},
        "scope": {"alarms.watching": watching},
    }
    return record(Kind.ALARMS, payload, collector="alarms", region=region, population=Population("alarms", 9, 9), **more)


def test_what_is_gone_from_a_place_is_missed_there() -> None:
    """Where all that is named is gone, its names were taken for those of the other region: one that lost every alarm was passed over."""
    asked = replace(HEARD, needs=("alarms.watching",))
    organisation = Organisation(parameters={"alarms": {"watching": "new"}})
    here, there = heard(2), heard(2, region="us-east-1", at=NOW - timedelta(days=2))
    gone = heard(0, "burst", "backlog", region="us-east-1")
    assert state_of(asked, here, gone, organisation=organisation).status is Status.SATISFIED, "nothing was there"
    found = state_of(asked, here, there, gone, organisation=organisation)
    assert (found.status, {item.resource for item in found.deviations}) == (Status.NOT_SATISFIED, {"burst", "backlog"})
    assert "us-east-1: " in found.reason
    assert "there was something here until 2026-11-18" in found.reason
    renamed = heard(2, region="us-east-1", watching="old", at=NOW - timedelta(days=2))
    assert state_of(asked, here, renamed, gone, organisation=organisation).status is Status.SATISFIED, "asked about others then"
    old = heard(2, region="us-east-1", at=NOW - timedelta(days=93))
    assert state_of(asked, here, old, gone, organisation=organisation).status is Status.SATISFIED


def scanned(figures: dict[str, int], *, region: str = "eu-west-1", **more: Any) -> Record:
    total = sum(figures.values())
    named = {"by": "detector-metrics.detectors", "field": "summary.scanned_last_week", "figures": figures}
    payload = {"summary": {"scanned_last_week": total}, "out_of": {"summary.scanned_last_week": total}, "named": named}
    population = Population("scanned images", total, total)
    return record(Kind.DETECTOR_METRICS, payload, collector="detector-metrics", region=region, population=population, **more)


def test_each_detector_that_is_named_has_to_run_somewhere() -> None:
    """The figure was that of all together: one detector that fell silent hid behind another."""
    asked = Assessment(
        "running", Method.EXAMINE, collector="detector-metrics", expect={"field": "summary.scanned_last_week", "at_least": 1}
    )
    two = Organisation(parameters={"detector-metrics": {"detectors": ["portrait", "product"]}})
    silent = state_of(asked, scanned({"portrait": 40, "product": 0}), organisation=two)
    assert (silent.status, [item.resource for item in silent.deviations]) == (Status.NOT_SATISFIED, ["product"])
    assert "product: of it summary.scanned_last_week is 0 in every place, expected at least 1" in silent.reason
    elsewhere = scanned({"portrait": 0, "product": 3}, region="us-east-1")
    assert state_of(asked, scanned({"portrait": 40, "product": 0}), elsewhere, organisation=two).status is Status.SATISFIED
    moved = (
        scanned({"portrait": 5, "product": 0}, region="us-east-1", at=NOW - timedelta(days=9)),
        scanned({"portrait": 0, "product": 0}, region="us-east-1"),
    )
    assert state_of(asked, scanned({"portrait": 40, "product": 1}), *moved, organisation=two).status is Status.SATISFIED, (
        "it runs elsewhere now"
    )
    unnamed = [replace(item, payload={**item.payload, "named": None}) for item in (scanned({"portrait": 40}), *moved)]
    silent = state_of(asked, *unnamed)
    assert (silent.status, "us-east-1: " in silent.reason) == (Status.NOT_SATISFIED, True)
    one = Organisation(parameters={"detector-metrics": {"detectors": ["portrait"]}})
    assert state_of(asked, scanned({"portrait": 40, "product": 0}), organisation=one).status is Status.SATISFIED, "named no more"
    new = state_of(asked, scanned({"portrait": 40}), organisation=two)
    assert (new.gap, "asked about what parameters.detector-metrics.detectors names (product); collect again" in new.reason) == (
        Gap.SUPERSEDED,
        True,
    )
    october = parse_period("2026-10")
    past = scanned({"portrait": 40}, at=october.end - timedelta(seconds=1), period_start=october.start, period_end=october.end)
    then = state_of(asked, past, organisation=two, period=october)
    assert then.status is Status.SATISFIED, "named since, for what runs now: a month that is over asked for its figures"
    fell = replace(past, payload=scanned({"portrait": 40, "product": 0}).payload)
    assert state_of(asked, fell, organisation=one, period=october).status is Status.NOT_SATISFIED, "no name is taken away afterwards"
    before = scanned({"portrait": 0, "product": 3}, region="us-east-1")
    before = replace(before, payload={name: value for name, value in before.payload.items() if name != "named"})
    half = state_of(asked, scanned({"portrait": 40, "product": 0}), before, organisation=two)
    assert (half.status, half.gap) == (Status.NOT_ASSESSED, Gap.SUPERSEDED), "an earlier version asked there, and told no names"
    unseen = scanned({"portrait": 0, "product": 0}, region="us-east-1", gathering=Gathering.PARTIAL, reason="page 2 was refused")
    half = state_of(asked, scanned({"portrait": 40, "product": 0}), unseen, organisation=two)
    assert (half.gap, half.deviations) == (Gap.PARTIAL, ()), "it may run where only a part was seen"
    accepted = replace(two, waivers=(waiver("2026-12-31", resource="product"),))
    waived = state_of(asked, scanned({"portrait": 40, "product": 0}), organisation=accepted)
    assert (waived.status, "waived until 2026-12-31" in waived.reason) == (Status.WAIVED, True)


def test_a_listing_that_was_cut_short_and_holds_nothing_does_not_clear_what_was_wrong() -> None:
    """As long as another region had something, what had been wrong here was not assessed any more."""
    there, wrong = states(0, region="us-east-1"), states(2, at=NOW - timedelta(hours=3))
    nothing = states(0, total=0, examined=0, truncated=True)
    assert state_of(STATES, nothing, there).gap is Gap.PARTIAL
    assert state_of(STATES, wrong, nothing, there).status is Status.NOT_SATISFIED
    assert state_of(STATES, wrong, states(0, total=0, examined=0), there).status is Status.SATISFIED


def test_a_listing_that_was_cut_short_does_not_tell_that_a_place_is_empty() -> None:
    """The sources of a region forgot the first days of the quarter: that no face was matched there since is not that none was."""
    order = Assessment("order", Method.EXAMINE, collector="face-calls", expect={"field": "summary.alone", "at_most": 0})

    def calls(region: str, total: int, *, cut: bool) -> Record:
        population = Population("face matches", total, total, truncated=cut)
        return record(Kind.FACE_CALLS, {"summary": {"alone": 0}}, account="111122223333", region=region, population=population)

    busy = calls("eu-west-1", 3, cut=False)
    found = state_of(order, busy, calls("us-east-1", 0, cut=True))
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.PARTIAL)
    assert found.reason == "111122223333 us-east-1: the listing was cut short after 0 face matches"
    assert state_of(order, busy, calls("us-east-1", 0, cut=False)).status is Status.SATISFIED


def test_evidence_of_a_place_that_left_the_scope_does_not_count() -> None:
    """An account or region that the organisation doesn't list (any more) decides nothing."""
    organisation = Organisation(scope=Scope(accounts=("111122223333",), regions=("eu-west-1",)))
    strangers = [config("NON_COMPLIANT", region="us-east-1"), config("NON_COMPLIANT", account="999900001111")]
    assert state_of(RUNTIME, config("COMPLIANT"), *strangers, organisation=organisation).status is Status.SATISFIED


def test_redacted_accounts_are_recognised() -> None:
    """An account that shows only its last digits counts as the listed account."""
    organisation = Organisation(scope=Scope(accounts=("111122223333",)))
    assert state_of(RUNTIME, config("COMPLIANT", account="********3333"), organisation=organisation).status is Status.SATISFIED


def test_an_account_is_one_place_whether_its_id_is_hidden_or_not() -> None:
    """Who begins to hide ids in the middle of a quarter had what was wrong before, and its age, for a second account that nobody looks into."""
    before = config("NON_COMPLIANT", at=NOW - timedelta(days=9))
    assert state_of(RUNTIME, before, config("COMPLIANT", account="********3333")).status is Status.SATISFIED
    other = config("COMPLIANT", account="999922223333", at=NOW - timedelta(days=9))
    assert state_of(RUNTIME, before, other, config("COMPLIANT", account="********3333")).status is Status.NOT_SATISFIED


def test_a_hidden_id_that_may_be_of_two_accounts_satisfies_neither() -> None:
    """Of two accounts that end alike, the record of one took the place of the other's: what was found wrong there was gone."""
    organisation = Organisation(scope=Scope(accounts=("111111113333", "222222223333")))
    found = state_of(RUNTIME, config("COMPLIANT", account="********3333"), organisation=organisation)
    assert (found.status, found.gap) == (Status.NOT_ASSESSED, Gap.MISSING)
    assert "account 111111113333, account 222222223333" in found.reason
    whole = [config("COMPLIANT", account=account) for account in organisation.scope.accounts]
    assert state_of(RUNTIME, *whole, organisation=organisation).status is Status.SATISFIED


def test_a_hidden_id_that_may_be_of_two_accounts_is_not_taken_for_the_one_that_is_known() -> None:
    """Of two listed accounts one was wrong by its whole id; what came in with hidden ids, from the other maybe, cleared it."""
    listed = Organisation(scope=Scope(accounts=("111111113333", "222222223333")))
    wrong = config("NON_COMPLIANT", account="111111113333", at=NOW - timedelta(hours=3))
    assert state_of(RUNTIME, wrong, config("COMPLIANT", account="********3333"), organisation=listed).status is Status.NOT_SATISFIED


def test_a_period_is_judged_by_its_own_evidence_as_of_its_end() -> None:
    """Later evidence doesn't mend a past quarter, earlier evidence doesn't count, and age is measured at the quarter's end."""
    in_q4 = config("NON_COMPLIANT", at=from_iso("2026-12-31T20:00:00Z"))
    after = config("COMPLIANT", at=from_iso("2027-01-02T00:00:00Z"))
    later = from_iso("2027-02-01T00:00:00Z")
    assert state_of(RUNTIME, in_q4, after, period=Q4, as_of=later).status is Status.NOT_SATISFIED
    assert state_of(RUNTIME, after, period=Q4, as_of=later).gap is Gap.MISSING
    fresh_then = config("COMPLIANT", at=from_iso("2026-12-31T20:00:00Z"))
    assert state_of(RUNTIME, fresh_then, period=Q4, as_of=later).status is Status.SATISFIED
    assert state_of(RUNTIME, fresh_then, as_of=later).gap is Gap.STALE


def test_an_attestation_of_an_earlier_quarter_counts_while_it_is_valid() -> None:
    """What was stated in September holds in the fourth quarter; what was stated after the quarter doesn't."""
    assert state_of(TERMS, attestation("yes", at=from_iso("2026-09-01T00:00:00Z")), period=Q4).status is Status.SATISFIED
    after = attestation("yes", at=from_iso("2027-01-05T00:00:00Z"))
    assert state_of(TERMS, after, period=Q4, as_of=from_iso("2027-02-01T00:00:00Z")).gap is Gap.MISSING


def test_what_was_not_known_yet_does_not_count() -> None:
    """A record collected after ``as_of``, or dated ahead of it, is not part of the state as of then."""
    late = config("COMPLIANT", at=NOW - timedelta(hours=1), collected_at=NOW + timedelta(hours=1))
    assert state_of(RUNTIME, late).gap is Gap.MISSING
    ahead = config("COMPLIANT", at=NOW - timedelta(hours=1), effective_at=NOW + timedelta(days=30))
    assert state_of(RUNTIME, ahead).gap is Gap.MISSING


def test_a_control_has_the_worst_of_its_assessments_and_says_which() -> None:
    """Passes don't outvote a gap, gaps don't hide a failure, and equal reasons are said once."""
    catalogue = Catalogue((control(IAC, TERMS), control(IAC, RUNTIME, TERMS, name="SM-UPL-04"), control(name="SM-UPL-05")), {})
    organisation = Organisation()
    some, more, none = assess(catalogue, organisation, [check("pass"), config("NON_COMPLIANT", annotation="open")], period=None, as_of=NOW)
    assert (some.status, some.reason) == (Status.NOT_ASSESSED, "terms: nobody has attested it")
    assert (more.status, more.reason) == (Status.NOT_SATISFIED, "runtime: bucket-0: open")
    assert (none.status, none.reason) == (Status.NOT_ASSESSED, "the control has no assessment")


def test_an_assessment_that_says_nothing_to_look_for_is_not_assessed() -> None:
    """A bare collector without policy or expectation satisfies nothing."""
    assert state_of(Assessment("bare", Method.EXAMINE, collector="media-states"), states()).gap is Gap.UNDECIDED


@pytest.mark.parametrize(
    ("expect", "value", "status"),
    [
        ({"at_least": 1}, 1, Status.SATISFIED),
        ({"at_least": 1}, 0, Status.NOT_SATISFIED),
        ({"at_most": 0.5}, 0.5, Status.SATISFIED),
        ({"equals": 3}, 3, Status.SATISFIED),
        ({"equals": "on"}, "off", Status.NOT_SATISFIED),
        ({"equals": True}, True, Status.SATISFIED),
        ({"at_least": 1, "at_most": 5}, 9, Status.NOT_SATISFIED),
        ({}, 1, Status.NOT_ASSESSED),
        ({"at_least": 1}, True, Status.NOT_ASSESSED),
    ],
)
def test_expectations_compare_as_they_read(expect: dict[str, Any], value: object, status: Status) -> None:
    """Bars are inclusive, several bars all hold, and what can't be compared isn't."""
    assessment = Assessment("states", Method.EXAMINE, collector="media-states", expect={"field": "summary.published_flagged", **expect})
    assert state_of(assessment, states(value)).status is status


@pytest.mark.parametrize(
    ("evidence", "status", "reason"),
    [
        (kept({"compliant": 9_000}, {"compliant": 5, "not-applicable": 8_995}), Status.SATISFIED, "2 resources passed"),
        (
            kept({"compliant": 9_000}, {"compliant": 1, "non-compliant": 7_200}),
            Status.NOT_SATISFIED,
            "not compliant for 2 hours: why non-compliant",
        ),
        (kept({"compliant": 1, "non-compliant": 61}), Status.NOT_SATISFIED, "not compliant for 61 seconds"),
        (kept({"compliant": 9_000, "not-assessed": 1}), Status.NOT_ASSESSED, "bucket-0: not assessed for 1 second: why not-assessed"),
        (kept({"compliant": 9_000}, rule="other"), Status.NOT_ASSESSED, "the history was not judged by the rule gated"),
        (
            kept(without_history=("AWS::SageMaker::Endpoint",)),
            Status.NOT_ASSESSED,
            "AWS Config keeps no history of AWS::SageMaker::Endpoint",
        ),
        (kept(), Status.NOT_APPLICABLE, "nothing that it applies to exists"),
    ],
)
def test_operation_throughout_a_period_is_judged_by_its_history(evidence: Record, status: Status, reason: str) -> None:
    """One second out of compliance is a deviation, one that nobody recorded leaves it open; time without the resource counts for nothing."""
    state = state_of(THROUGHOUT, evidence)
    assert state.status is status
    assert reason in state.reason


def in_workbook(answer: str, name: str, *, number: str = "q-1", day: str = "2026-11-20", hours: int = 1) -> Record:
    found = attestation(answer, at=NOW - timedelta(hours=hours))
    book = {"sha256": "00", "number": number, "sheet": "Questions", "row": 2, "answered_on": day}
    return replace(found, payload={**found.payload, "by": {"role": "procurement", "name": name}, "workbook": book})


def test_answers_of_one_day_that_contradict_each_other_are_both_told() -> None:
    """A workbook tells the day alone: of a no and a yes of one day the later import was taken in silence."""
    assert str(NOW.date()) == "2026-11-20"
    state = state_of(TERMS, attestation("no", at=NOW - timedelta(hours=2)), in_workbook("yes", "Bob"))
    assert state.status is Status.NOT_SATISFIED
    assert "on the same day Bob said yes, and which came last nobody can tell; have it answered anew" in state.reason
    copies = in_workbook("no", "Ada", hours=2), in_workbook("yes", "Bob")
    assert state_of(TERMS, *copies).status is Status.NOT_SATISFIED
    corrected = state_of(TERMS, in_workbook("no", "Bob", hours=2), in_workbook("yes", "Bob"))
    assert (corrected.status, "before, on the same day, Bob said no" in corrected.reason) == (Status.SATISFIED, True)
    anew = state_of(TERMS, *copies, attestation("yes", at=NOW))
    assert (anew.status, "before, on the same day, Ada said no" in anew.reason) == (Status.SATISFIED, True)
    last = state_of(TERMS, in_workbook("yes", "Bob", hours=2), attestation("no"))
    assert (last.status, "before, on the same day, Bob said yes" in last.reason) == (Status.NOT_SATISFIED, True)
    assert "same day" not in state_of(TERMS, in_workbook("no", "Ada", day="2026-11-19", hours=2), in_workbook("yes", "Bob")).reason


def test_of_two_runs_in_one_second_the_one_that_came_later_into_the_ledger_decides() -> None:
    """Times have seconds; whoever mends a flaw and collects again at once isn't shown the flaw."""
    flaw, mended = check("fail"), check("pass")
    assert state_of(IAC, flaw, mended).status is Status.SATISFIED
    assert state_of(IAC, mended, flaw).status is Status.NOT_SATISFIED


def test_how_the_ids_of_the_scope_are_hidden_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was for each record anew: of an organisation of four hundred accounts that was most of what its states took."""
    asked: list[str] = []
    monkeypatch.setattr(judging, "hide_account", lambda account: asked.append(account) or hide_account(account))
    accounts = tuple(f"{700_000_000_000 + number}" for number in range(30))
    listed = Organisation(scope=Scope(accounts=accounts))
    state_of(RUNTIME, *(config("COMPLIANT", account=account) for account in accounts), organisation=listed)
    assert len(asked) < 10 * len(accounts)
