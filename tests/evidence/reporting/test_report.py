"""The period report: what an auditor must find in it, and that it is the same each time."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from gc import collect
from typing import Any
from weakref import ReferenceType, ref

import pytest

from averment.controls.model import Assessment, Catalogue, Control, Framework, Provision, Reference
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.organisation import Organisation, Waiver
from averment.core.period import from_iso, parse_period
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Method, Severity, Status
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.reporting.report import ComparedPackage, PeriodReport, build_report
from averment.evidence.reporting.unseen import Looks

NOW = from_iso("2026-11-20T12:00:00Z")
Q4 = parse_period("2026Q4")
CLAIM: dict[str, Any] = {"type": "disclosure-coverage", "population": "published-media", "at_least": 0.99}


@dataclass(frozen=True)
class Entry:
    """A ledger entry as the report needs it."""

    index: int
    record: Record


def record(kind: Kind, payload: dict[str, Any], **more: Any) -> Record:
    at = more.pop("at", NOW - timedelta(hours=1))
    values = {"collector": str(kind), "collector_version": "1", "source": "test", "query": {"call": "x"}, **more}
    return Record(kind=kind, effective_at=at, collected_at=at, payload=payload, **values)


def claim(verdict: str, **more: Any) -> Record:
    interval = {"low": 0.95, "high": 0.999, "confidence": 0.95, "method": "Clopper-Pearson"}
    payload = {"type": "disclosure-coverage", "statement": "99 % are marked", "verdict": verdict, "reason": "300 drawn", "estimate": 0.98}
    payload |= {"interval": interval, "bar": 0.99, "samples": 300, "clusters": 300, "seed": 7, "inputs": {"sample": "a" * 64}}
    return record(Kind.CLAIM, payload, query={"claim": CLAIM}, controls=("SM-UPL-03/marked",), **more)


CATALOGUE = Catalogue(
    (
        Control(
            "SM-UPL-03",
            "No broad write access",
            "Objective",
            Severity.HIGH,
            "platform-security",
            "continuous",
            "Because",
            (Reference("eu-ai-act", "art-15", "voluntary"),),
            (
                Assessment("iac", Method.EXAMINE, policy="gated"),
                Assessment("states", Method.EXAMINE, collector="media-states", expect={"field": "summary.flagged", "at_most": 0}),
                Assessment("marked", Method.TEST, claim=CLAIM),
                Assessment("terms", Method.INTERVIEW, attestation={"role": "procurement", "question": "Contracts?", "valid_for": "365d"}),
            ),
            weakened=("max_age of iac: 31d instead of 24h",),
        ),
    ),
    {"eu-ai-act": Framework("eu-ai-act", "EU AI Act", "2024", "law", "source", {"art-15": Provision("art-15", "Art 15", "Accuracy")})},
    left_out=("SM-IDV-01",),
)
FINDINGS = [
    {"rule": "gated", "verdict": "fail", "resource": "aws_s3_bucket.a", "message": "open", "where": "main.tf:3"},
    {"rule": "gated", "verdict": "fail", "resource": "aws_s3_bucket.b", "message": "open", "where": "main.tf:9"},
]
CHECK = record(Kind.CHECK, {"rules": ["gated"], "findings": FINDINGS, "problems": []}, population=Population("resources", 2, 2))
STATES = record(
    Kind.MEDIA_STATES,
    {"summary": {"flagged": 0}},
    gathering=Gathering.PARTIAL,
    reason="page 2 was refused",
    population=Population("objects", None, 1000, truncated=True),
    account="111122223333",
    redactions=("IP address: 2",),
)
ATTESTATION = record(
    Kind.ATTESTATION,
    {
        "question": "Contracts?",
        "answer": "yes",
        "by": {"role": "procurement", "name": "Ada"},
        "statement": "folder 7",
        "valid_until": "2027-09-01T00:00:00Z",
    },
    controls=("SM-UPL-03/terms",),
    at=from_iso("2026-09-01T00:00:00Z"),
)
BEFORE = record(Kind.CHECK, {"rules": ["gated"], "findings": [], "problems": []}, at=from_iso("2026-08-01T00:00:00Z"))
RECORDS = [BEFORE, ATTESTATION, CHECK, claim("inconclusive", at=NOW - timedelta(hours=3)), claim("supported"), STATES]
ENTRIES = [Entry(index, item) for index, item in enumerate(RECORDS)]


def waiver(until: str, resource: str) -> Waiver:
    return Waiver("SM-UPL-03", resource, "owner", "approver", "accepted for now", date.fromisoformat(until), SourceRef("averment.yaml", 3))


ORGANISATION = Organisation(
    name="Shop",
    profile={"deployer": True},
    scope=Scope(accounts=("111122223333",), regions=("eu-west-1",)),
    waivers=(waiver("2027-01-01", "aws_s3_bucket.a"), waiver("2026-10-01", "aws_s3_bucket.b"), waiver("2027-01-01", "nothing")),
)


def report(entries: list[Entry] | None = None, **more: Any) -> PeriodReport:
    organisation = more.get("organisation", ORGANISATION)
    return build_report(CATALOGUE, organisation, ENTRIES if entries is None else entries, more.get("period", Q4), more.get("as_of", NOW))


def test_the_matrix_cites_the_law_and_shows_what_was_weakened_or_left_out() -> None:
    """Whoever reads the report sees references, every weakening, and controls that were not selected."""
    [row] = report().controls
    assert row.references == ("EU AI Act Art 15, voluntary",)
    assert row.weakened == ("max_age of iac: 31d instead of 24h",)
    assert (row.status, report().left_out) == (Status.NOT_SATISFIED, ("SM-IDV-01",))
    assert report().totals == {"satisfied": 0, "not-satisfied": 1, "not-assessed": 0, "waived": 0, "not-applicable": 0}


def test_evidence_that_the_scope_leaves_out_is_told() -> None:
    """An account that was struck from averment.yaml, or a region, takes what was found there with it: whoever reads the states sees that they don't
    speak of it. An account of years ago, a source of an aggregator that has nothing of ours, and a record of no account are none."""
    states: dict[str, Any] = {"collector": "media-states", "payload": {"summary": {"flagged": 4}}, "kind": Kind.MEDIA_STATES}
    there = [
        ("444455556666", "eu-west-1", {}),
        ("********7777", None, {}),
        ("111122223333", "us-east-1", {}),
        ("111122223333", "eu-west-1", {}),
    ]
    more = [record(**states, account=account, region=region, **how) for account, region, how in there]
    more.append(
        record(
            Kind.CONFIG_COMPLIANCE, {}, collector="config-aggregate", account="888899990000", gathering=Gathering.COULD_NOT, reason="none"
        )
    )
    found = report([*ENTRIES, *(Entry(10 + number, item) for number, item in enumerate(more))])
    assert found.outside == ("account ********7777", "account 444455556666", "us-east-1")
    [told] = [text for text in found.cautions(NOW) if "scope" in text]
    assert told.startswith("evidence of account ********7777; account 444455556666; us-east-1 is in the ledger and counts for no state")
    assert found.to_json()["outside"] == list(found.outside)
    assert report().outside == ()
    everywhere = replace(ORGANISATION, scope=Scope())
    assert report([*ENTRIES, *(Entry(10 + number, item) for number, item in enumerate(more))], organisation=everywhere).outside == ()


def test_days_on_which_nobody_looked_are_told_of_a_quarter() -> None:
    """An account that could not be entered for two weeks in November was satisfied in December, and the quarter's package had no word of it. A run that
    comes a few hours late is none, nor what isn't in the scope, and what is told of now isn't a quarter's."""
    aged = replace(CATALOGUE.controls[0].assessments[1], max_age=timedelta(hours=36))
    catalogue = replace(CATALOGUE, controls=(replace(CATALOGUE.controls[0], assessments=(aged,)),))

    def daily(account: str, collector: str, *, without: range = range(0)) -> list[Record]:
        days = [Q4.start + timedelta(days=day, hours=day % 7) for day in range(92)]
        denied = {"gathering": Gathering.COULD_NOT, "reason": "denied"}
        return [
            record(Kind.MEDIA_STATES, {}, at=at, account=account, collector=collector, **(denied if number in without else {}))
            for number, at in enumerate(days)
        ]

    ours, strange = "111122223333", "444455556666"
    records = [
        *daily(ours, "media-states", without=range(35, 49)),
        *daily(strange, "media-states", without=range(5, 49)),
        *daily(ours, "alarms"),
    ]
    late = [item for item in records if item.collector != "alarms" or item.effective_at.month == 12]
    entries = [Entry(number, item) for number, item in enumerate(sorted(late, key=lambda item: item.effective_at))]
    made = build_report(catalogue, ORGANISATION, entries, Q4, Q4.end)
    assert made.unseen == ("2026-11-04 to 2026-11-19: 111122223333 (media-states)",), "no assessment asks alarms"
    weekly = [
        Entry(
            number,
            record(
                Kind.MEDIA_STATES,
                {},
                at=Q4.start + timedelta(days=7 * (number // 2)),
                account=ours,
                region=region,
                collector="media-states",
            ),
        )
        for number, region in enumerate(["eu-west-1", None] * 13)
    ]
    slow = build_report(catalogue, ORGANISATION, weekly, Q4, Q4.end)
    together = "2026-10-01 to 2026-12-24, but for 11 looks: 111122223333, 111122223333 eu-west-1 (media-states)"
    assert slow.unseen == (together,), "a schedule that is too slow is told once, and not as many times as it looked"
    first = build_report(catalogue, ORGANISATION, entries[-9:], Q4, Q4.end)
    assert [text.split(":")[0] for text in first.unseen] == ["2026-10-01 to 2026-12-29"], "nobody had begun to look"


def test_a_look_under_a_hidden_id_is_a_look() -> None:
    """A schedule hides account ids, and somebody looks by hand now and then, or the other way round: nobody had looked, it said, for all of the days between."""
    aged = replace(CATALOGUE.controls[0].assessments[1], max_age=timedelta(hours=36))
    catalogue = replace(CATALOGUE, controls=(replace(CATALOGUE.controls[0], assessments=(aged,)),))

    def unseen(usual: str, now_and_then: str) -> tuple[str, ...]:
        looks = [
            record(
                Kind.MEDIA_STATES,
                {},
                at=Q4.start + timedelta(days=day),
                account=usual if day % 9 else now_and_then,
                collector="media-states",
            )
            for day in range(92)
        ]
        entries = [Entry(*item) for item in enumerate(looks)]
        return build_report(catalogue, replace(ORGANISATION, scope=Scope()), entries, Q4, Q4.end).unseen

    assert unseen("111122223333", "********3333") == unseen("********3333", "111122223333") == ()
    assert unseen("111122223333", "444422223333") == ("2026-10-01 to 2026-12-30, but for 9 looks: 444422223333 (media-states)",)


def test_of_looks_that_come_late_no_record_is_kept() -> None:
    """A schedule comes some seconds later one day than the day before, and the records of a quarter don't fit into memory."""
    looks, kept = Looks(Q4), list[ReferenceType[Record]]()
    for day in range(9):
        look = record(
            Kind.MEDIA_STATES, {}, at=Q4.start + timedelta(days=day, seconds=day), account="111122223333", collector="media-states"
        )
        looks.add(look)
        kept.append(ref(look))
    del look
    collect()
    assert not any(item() for item in kept)


def test_the_index_leads_from_evidence_to_the_ledger_and_to_what_it_was_used_for() -> None:
    """Each record of the period with its place, query, dates, population and hash; earlier records aren't in it."""
    rows = {row.record: row for row in report().evidence}
    assert BEFORE.id not in rows
    assert [row.index for row in report().evidence] == [1, 2, 3, 4, 5]
    row = rows[STATES.id]
    assert (row.total, row.examined, row.truncated, row.redactions) == (None, 1000, True, ("IP address: 2",))
    assert (row.gathering, row.reason, row.used_by) == ("partial", "page 2 was refused", ("SM-UPL-03/states",))
    assert row.sha256 == sha256_hex(canonical_json(STATES.to_json()))
    assert [row.unit for row in report().populations] == ["resources", "objects"]


def test_every_run_of_a_claim_is_listed() -> None:
    """Repeating a claim until it fits shows: the earlier, inconclusive run stands beside the later one, with its interval."""
    assert [(row.verdict, row.low, row.high, row.confidence, row.seed) for row in report().claims] == [
        ("inconclusive", 0.95, 0.999, 0.95, 7),
        ("supported", 0.95, 0.999, 0.95, 7),
    ]


def test_exceptions_show_open_and_waived_and_waivers_show_what_they_are_worth() -> None:
    """An expired waiver leaves its finding open, and one that covers nothing is told apart."""
    assert [(row.resource, row.waived_until) for row in report().findings] == [
        ("aws_s3_bucket.a", date(2027, 1, 1)),
        ("aws_s3_bucket.b", None),
    ]
    assert [(row.resource, row.state, row.accepts) for row in report().waivers] == [
        ("aws_s3_bucket.a", "in force", 1),
        ("aws_s3_bucket.b", "expired", 0),
        ("nothing", "in force, without effect", 0),
    ]


def test_a_count_that_is_wrong_is_told_with_what_should_be_so() -> None:
    """ "summary.silent is 3, expected at most 0" says nothing to who doesn't know the record; of a resource its message says enough."""
    whole = report()
    [assessment, *_], [found, *_] = whole.assessments, whole.findings
    counted = replace(found, assessment=assessment.id, resource=assessment.id, message="summary.silent is 3, expected at most 0")
    assert whole.told(counted) == f"not so: {assessment.title} (summary.silent is 3, expected at most 0)"
    assert whole.told(found) == found.message


def test_what_a_comment_accepts_is_among_the_waivers() -> None:
    """A deviation that a comment next to the resource accepts is told as waived: so is who accepts it, until when and why, and not "none"."""
    comment = "averment:waive=SM-UPL-03 until=2027-01-31 owner=media reason=migration ends in January"
    check = record(Kind.CHECK, {"rules": ["gated"], "findings": [{**FINDINGS[0], "waived_by": comment}], "problems": []})
    made = report([Entry(0, check)], organisation=replace(ORGANISATION, waivers=()))
    assert [row.waived_until for row in made.findings] == [date(2027, 1, 31)]
    assert [(row.resource, row.until, row.owner, row.reason, row.state, row.accepts) for row in made.waivers] == [
        ("aws_s3_bucket.a", date(2027, 1, 31), "media", comment, "in force", 1)
    ]
    unnamed, named = check, comment.replace("owner=media", 'owner=media approver="Ada Byron"')
    check = record(Kind.CHECK, {"rules": ["gated"], "findings": [{**FINDINGS[0], "waived_by": named}], "problems": []})
    approvers = [report([Entry(0, item)], organisation=replace(ORGANISATION, waivers=())).waivers[0].approver for item in (check, unnamed)]
    assert approvers == ["Ada Byron", "nobody named, a comment in the code"]


def test_what_was_not_assessed_is_listed_with_its_owner() -> None:
    """Gaps name the reason and who has to act; an attestation's owner is the role that is asked."""
    assert [(row.id, str(row.gap), row.owner) for row in report().gaps] == [("SM-UPL-03/states", "partial", "platform-security")]
    nothing = {row.id: row.owner for row in report([]).gaps}
    assert nothing == {
        "SM-UPL-03/iac": "platform-security",
        "SM-UPL-03/states": "platform-security",
        "SM-UPL-03/marked": "platform-security",
        "SM-UPL-03/terms": "procurement",
    }


def test_an_attestation_from_before_the_period_is_in_its_evidence() -> None:
    """It is what the period's state rests on, so it belongs into the package."""
    [row] = report().attestations
    assert (row.by, row.role, row.answer, row.valid_until) == ("Ada", "procurement", "yes", "2027-09-01T00:00:00Z")
    assert ATTESTATION.id in {item.record for item in report().evidence}


def test_what_was_collected_after_as_of_is_not_in_it() -> None:
    """A report as of a moment can't know what came later."""
    early = report(as_of=NOW - timedelta(hours=2))
    assert {row.record for row in early.evidence} == {ATTESTATION.id, RECORDS[3].id}


def test_the_json_is_complete_stable_and_canonical() -> None:
    """The same ledger gives the same JSON in any process; a past period is judged as of its last second."""
    value = report().to_json()
    assert canonical_json(value) == canonical_json(report().to_json())
    assert json.loads(json.dumps(value)) == value
    assert value["period"] == {"label": "2026Q4", "start": "2026-10-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
    assert value["not_assessed"] == ["SM-UPL-03/states"]
    assert value["scope"]["accounts"] == ["111122223333"]
    assert report(as_of=from_iso("2027-02-01T00:00:00Z")).to_json()["judged_at"] == "2026-12-31T23:59:59Z"


def test_the_state_does_not_depend_on_the_order_of_entries() -> None:
    """Only the order of the index follows the ledger."""
    first = report().assessments
    for order in itertools.islice(itertools.permutations(ENTRIES), 0, 720, 97):
        assert report(list(order)).assessments == first


def test_changes_are_told_from_the_period_before() -> None:
    """A deviation that came, an assessment that turned: against the quarter before, by the same ledger; not against anything older."""
    made = report()
    assert made.before == parse_period("2026Q3")
    found = {(row.assessment, row.resource): (row.before, row.after) for row in made.changes}
    assert found[("SM-UPL-03/iac", None)] == ("not-applicable", "not-satisfied")
    assert found[("SM-UPL-03/iac", "aws_s3_bucket.b")] == ("not there", "open")
    assert found[("SM-UPL-03/iac", "aws_s3_bucket.a")] == ("not there", "waived")
    same = report(ENTRIES[:2], period=parse_period("2026Q3"))
    assert ("SM-UPL-03/iac", None) in {(row.assessment, row.resource) for row in same.changes}


def test_a_finding_that_is_gone_is_a_change() -> None:
    """What was open in the quarter before and isn't found any more says so."""
    then = record(
        Kind.CHECK,
        {"rules": ["gated"], "findings": [{**FINDINGS[0], "resource": "aws_s3_bucket.c"}], "problems": []},
        at=from_iso("2026-08-01T00:00:00Z"),
    )
    now = record(Kind.CHECK, {"rules": ["gated"], "findings": [], "problems": []})
    found = {row.resource: (row.before, row.after) for row in report([Entry(0, then), Entry(1, now)]).changes if row.resource}
    assert found == {"aws_s3_bucket.c": ("open", "not there")}


def test_what_nobody_looked_at_is_not_told_as_gone_or_new() -> None:
    """A quarter without evidence says so of what was open before it, and the next one of what it finds; "not there" is for what was looked at."""
    then = record(Kind.CHECK, {"rules": ["gated"], "findings": FINDINGS[1:], "problems": []}, at=from_iso("2026-08-01T00:00:00Z"))
    told = [row for row in report([Entry(0, then)], organisation=replace(ORGANISATION, waivers=())).changes if row.resource]
    assert [(row.resource, row.before, row.after) for row in told] == [("aws_s3_bucket.b", "open", "not-assessed")]
    told = [row for row in report([Entry(0, CHECK)]).changes if row.resource]
    assert {(row.resource, row.before) for row in told} == {("aws_s3_bucket.a", "not-assessed"), ("aws_s3_bucket.b", "not-assessed")}


def test_a_period_without_evidence_is_told() -> None:
    """The wrong quarter: a package of nothing came out as any other, with exit code 0 and without a word."""
    nothing = report(period=parse_period("2025Q1"))
    assert nothing.cautions(nothing.as_of) == ("no assessment rests on a record of 2025Q1: is that the period that was meant?",)
    assert not any("no assessment" in text for text in report().cautions(report().as_of))


def test_that_nothing_is_known_of_the_period_before_is_said() -> None:
    """In a first quarter everything is a change: the site said that there was nothing to compare with, the workbook named the quarter."""
    first = report([Entry(0, CHECK)])
    assert (first.before_known, first.compared_with) == (
        False,
        "2026Q3, by the same ledger, which holds no evidence from then: all that is known now is told as a change",
    )
    assert (report().before_known, report().compared_with) == (True, "2026Q3, by the same ledger")
    theirs = replace(first, compared=ComparedPackage("example.org/bought", 3, "Bought", "ab12"))
    assert theirs.compared_with.endswith(
        "ab12; none of its evidence is of today's controls and scope: all that is known now is told as a change"
    )


@pytest.mark.parametrize("accepting", [0, 1])
def test_what_one_repository_accepts_is_no_change_while_another_does_not(accepting: int) -> None:
    """Two copies of a template break a rule alike, and one accepts it since: it is open as before, whichever was checked first."""
    comment = "averment:waive=SM-UPL-03 until=2027-01-31 owner=media reason=migration ends in January"

    def check(repository: int, at: datetime, **more: str) -> Record:
        payload = {"rules": ["gated"], "findings": [{**FINDINGS[1], **more}], "problems": []}
        return replace(record(Kind.CHECK, payload, at=at), source=f"repository {repository}")

    then = [check(number, from_iso("2026-08-01T00:00:00Z")) for number in (0, 1)]
    now = [check(number, NOW, **({"waived_by": comment} if number == accepting else {})) for number in (0, 1)]
    made = report([Entry(index, item) for index, item in enumerate((*then, *now))], organisation=replace(ORGANISATION, waivers=()))
    assert [row.waived_until is None for row in made.findings].count(True) == 1
    assert [row for row in made.changes if row.resource] == []


def _in_files(at: datetime, *files: str) -> Record:
    """A check that finds one address open in each of ``files``, as the stacks of a repository have copies of it."""
    return record(Kind.CHECK, {"rules": ["gated"], "findings": [{**FINDINGS[1], "where": file} for file in files], "problems": []}, at=at)


def test_copies_of_one_name_are_changes_each_by_its_place() -> None:
    """What is mended in one stack and breaks in another since is two changes, and not none; what moved alone is none."""
    then = from_iso("2026-08-01T00:00:00Z")

    def told(before: list[str], after: list[str]) -> list[tuple[str, str, str]]:
        entries = [Entry(0, _in_files(then, *before)), Entry(1, _in_files(NOW, *after))]
        made = report(entries, organisation=replace(ORGANISATION, waivers=()))
        return [(row.where, row.before, row.after) for row in made.changes if row.resource]

    assert told(["dev/main.tf:3", "prod/main.tf:3"], ["dev/main.tf:7"]) == [("prod/main.tf:3", "open", "not there")]
    assert told(["dev/main.tf:3"], ["dev/main.tf:3", "prod/main.tf:3"]) == [("prod/main.tf:3", "not there", "open")]
    assert told(["main.tf:3"], ["media/main.tf:9"]) == []


def test_a_flaw_in_other_words_is_not_told_as_mended() -> None:
    """A claim that is refuted again with another figure, a rule that words it better since an upgrade: the quarter's report said "not there" of what
    was there all the time. Two flaws of one resource in the place of one are nobody's to pair."""
    then = from_iso("2026-08-01T00:00:00Z")

    def told(before: list[str], after: list[str]) -> list[tuple[str, str, str]]:
        checks = [
            record(
                Kind.CHECK, {"rules": ["gated"], "findings": [{**FINDINGS[1], "message": text} for text in found], "problems": []}, at=at
            )
            for found, at in ((before, then), (after, NOW))
        ]
        entries = [Entry(index, item) for index, item in enumerate(checks)]
        made = report(entries, organisation=replace(ORGANISATION, waivers=()))
        return [(row.reason, row.before, row.after) for row in made.changes if row.resource]

    assert told(["2 of 9"], ["3 of 9"]) == [("3 of 9; before: 2 of 9", "open", "open, told otherwise")]
    assert told(["x", "2 of 9"], ["x", "3 of 9"]) == [("3 of 9; before: 2 of 9", "open", "open, told otherwise")]
    assert told(["x"], ["y", "z"]) == [("x", "open", "not there"), ("y", "not there", "open"), ("z", "not there", "open")]


def _in_accounts(at: datetime, *broken: str) -> list[Record]:
    """What AWS Config says in two accounts of a function that is called the same in both: those of ``broken`` have it wrong."""

    def one(account: str) -> Record:
        verdict = "NON_COMPLIANT" if account in broken else "COMPLIANT"
        rule = {"rule": "gated", "config_rule": "averment-gated", "compliance": verdict}
        resource = {"id": "checkout", "name": "checkout", "type": "AWS::Lambda::Function", "compliance": verdict, "annotation": "open"}
        payload = {"rules": [{**rule, "resources": [resource]}], "summary": {}}
        return record(Kind.CONFIG_COMPLIANCE, payload, at=at, account=account, region="eu-west-1")

    return [one("111122223333"), one("444455556666")]


def test_one_name_in_two_accounts_is_two_things_to_do() -> None:
    """A function is called the same in every account: each has its line in the plan, its id, and its place, and is a change by itself."""
    control = CATALOGUE.controls[0]
    runtime = Assessment("runtime", Method.EXAMINE, policy="gated", collector=str(Kind.CONFIG_COMPLIANCE))
    catalogue = replace(CATALOGUE, controls=(replace(control, assessments=(runtime,)),))
    organisation = replace(ORGANISATION, waivers=(), scope=Scope(accounts=("111122223333", "444455556666"), regions=("eu-west-1",)))
    both = _in_accounts(NOW, "111122223333", "444455556666")
    swapped = [*_in_accounts(from_iso("2026-08-01T00:00:00Z"), "111122223333"), *_in_accounts(NOW, "444455556666")]
    made = build_report(catalogue, organisation, [Entry(index, item) for index, item in enumerate(both)], Q4, NOW)
    assert len({row.id for row in made.actions}) == 2
    assert [row.where for row in made.actions] == [
        f"AWS Config rule averment-gated, {name} eu-west-1" for name in organisation.scope.accounts
    ]
    made = build_report(catalogue, organisation, [Entry(index, item) for index, item in enumerate(swapped)], Q4, NOW)
    assert sorted((row.where[-22:], row.before, row.after) for row in made.changes if row.resource) == [
        ("111122223333 eu-west-1", "open", "not there"),
        ("444455556666 eu-west-1", "not there", "open"),
    ]


@pytest.mark.parametrize("how", ["refused", "in part", "not asked"])
def test_what_was_not_looked_at_beside_a_deviation_is_not_told_as_gone(how: str) -> None:
    """One account is wrong, the other, which was, could not be looked at: it was told as gone, since the assessment had come to a decision."""
    control = CATALOGUE.controls[0]
    runtime = Assessment("runtime", Method.EXAMINE, policy="gated", collector=str(Kind.CONFIG_COMPLIANCE))
    catalogue = replace(CATALOGUE, controls=(replace(control, assessments=(runtime,)),))
    organisation = replace(ORGANISATION, waivers=(), scope=Scope(accounts=("111122223333", "444455556666"), regions=("eu-west-1",)))
    then = _in_accounts(from_iso("2026-08-01T00:00:00Z"), "111122223333", "444455556666")
    here, there = _in_accounts(NOW, "111122223333")
    gathering = {"refused": Gathering.COULD_NOT, "in part": Gathering.PARTIAL}.get(how)
    seen = [here] if gathering is None else [here, replace(there, gathering=gathering, reason="denied", payload={})]
    made = build_report(catalogue, organisation, [Entry(index, item) for index, item in enumerate([*then, *seen])], Q4, NOW)
    assert made.assessments[0].status is Status.NOT_SATISFIED
    assert [(row.where[-22:], row.before, row.after) for row in made.changes] == [("444455556666 eu-west-1", "open", "not-assessed")]


def test_an_action_keeps_its_id_when_something_is_written_above_it() -> None:
    """The line is no part of it: whoever keeps the plan in a tracker finds the same thing again. Copies in two stacks are two."""
    first, second = (
        [row.id for row in report([Entry(0, _in_files(NOW, *files))]).actions] for files in (["a.tf:3", "b.tf:3"], ["a.tf:30"])
    )
    assert len(set(first)) == len(first)
    assert set(second) < set(first)


def test_the_plan_of_action_names_everything_that_is_to_be_done() -> None:
    """Open and waived deviations with their end, and each gap with the role that is asked; nothing that is satisfied."""
    rows = {(row.assessment, row.resource): row for row in report().actions}
    assert rows[("SM-UPL-03/iac", "aws_s3_bucket.b")].state == "open"
    waived = rows[("SM-UPL-03/iac", "aws_s3_bucket.a")]
    assert (waived.state, waived.due, waived.owner) == ("waived", date(2027, 1, 1), "owner")
    assert {row.assessment for row in report().actions} == {"SM-UPL-03/iac", *(row.id for row in report().gaps)}


def test_samples_can_be_drawn_again() -> None:
    """Each sample says its population, size, method and seed; one that looked at everything says that instead."""
    sampling = {"objects_per_bucket": 10, "seed": "2026Q4", "method": "smallest hash"}
    part = record(Kind.MEDIA_STATES, {"sampling": sampling}, population=Population("objects", 50, 10))
    whole = record(Kind.MEDIA_STATES, {"sampling": sampling, "n": 2}, population=Population("objects", 5, 5))
    unknown = record(Kind.MEDIA_STATES, {"sampling": sampling, "n": 3}, population=Population("objects", None, 10, truncated=True))
    performance = replace(claim("refuted"), payload={**claim("refuted").payload, "inputs": {}, "samples": 36})
    records = (part, whole, unknown, claim("supported"), performance)
    first, second, third, drawn, measured = report([Entry(index, item) for index, item in enumerate(records)]).samples
    assert (first.size, first.total, first.seed, first.method) == (10, 50, "2026Q4", "smallest hash")
    assert (second.seed, second.method) == (None, "all of them were looked at")
    assert (third.total, third.seed) == (None, "2026Q4")
    assert (drawn.size, drawn.seed, drawn.digest) == (300, "7", "a" * 64)
    assert (measured.size, measured.seed, measured.method) == (36, None, "all that the claim is about were looked at")
