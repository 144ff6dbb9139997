"""The few records that decide: of any ledger they give the states, the comparison and the operation that all of its records give."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import Period, from_iso, parse_period
from averment.evidence.judging import lately as module
from averment.evidence.judging.assess import Evidence, assess, counts_in, moment_of
from averment.evidence.judging.decisive import Decisive
from averment.evidence.judging.lately import Lately
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.reporting.drift import drift
from averment.evidence.reporting.operation import operation

Q4 = parse_period("2026Q4")
START = from_iso("2026-09-20T00:00:00Z")
RULES = ("s3-put-object-gated", "s3-bucket-encrypted")
COLLECTORS = {
    "check": Kind.CHECK,
    "config-compliance": Kind.CONFIG_COMPLIANCE,
    "config-aggregate": Kind.CONFIG_COMPLIANCE,
    "config-history": Kind.CONFIG_HISTORY,
    "media-states": Kind.MEDIA_STATES,
    "detector-metrics": Kind.DETECTOR_METRICS,
    "alarms": Kind.ALARMS,
}
CATALOGUE = load_catalogue()
ASKED = [f"{control.id}/{item.id}" for control in CATALOGUE for item in control.assessments if item.claim or item.attestation]


def payload(chance: random.Random, kind: Kind) -> dict[str, Any]:
    """What a record of ``kind`` might hold: now a pass, now a failure."""
    verdict = chance.choice(("pass", "fail", "unknown"))
    if kind is Kind.CHECK:
        found = [{"rule": rule, "verdict": verdict, "resource": "aws_s3_bucket.a", "message": "m", "where": "main.tf:1"} for rule in RULES]
        return {"rules": RULES, "findings": found, "problems": []}
    if kind is Kind.CONFIG_COMPLIANCE:
        resources = [
            {"type": "AWS::S3::Bucket", "id": "a", "compliance": chance.choice(("COMPLIANT", "NON_COMPLIANT", "INSUFFICIENT_DATA"))}
        ]
        return {"rules": [{"rule": rule, "config_rule": f"averment-{rule}", "resources": resources} for rule in RULES]}
    if kind is Kind.CONFIG_HISTORY:
        seconds = {"compliant": 10, "non-compliant": chance.choice((0, 5)), "not-assessed": chance.choice((0, 5))}
        intervals = [{"state": state, "reason": "r"} for state in seconds]
        resources = [{"type": "AWS::S3::Bucket", "id": "a", "seconds": seconds, "intervals": intervals}]
        return {"rules": [{"rule": rule, "without_history": [], "resources": resources} for rule in RULES]}
    whole = {"whole": ["summary.published_flagged"]} if chance.random() < 0.3 else {}
    out_of = {"out_of": {"summary.scanned_last_week": chance.choice((0, 7)), "summary.published_flagged": chance.choice((0, 7))}}
    summary = {"published_flagged": chance.choice((0, 1)), "without_action": 0, "uploads": 5, "scanned_last_week": chance.choice((0, 7))}
    return {"summary": summary, **out_of, **whole}


def lies_in(number: int) -> dict[str, Any]:
    """What ``media-states`` say of where a bucket lies."""
    return {"buckets": [{"bucket": "b", "role": "upload", "region": ("eu-west-1", "eu-central-1", "eu-north-1")[number % 3]}]}


def fewer(said: dict[str, Any], by: int) -> dict[str, Any]:
    """What ``payload`` made, of which a sample held not as much."""
    if (counts := said.get("out_of", {})).get("summary.published_flagged"):
        counts["summary.published_flagged"] -= by
    return said


def ledger(seed: int) -> list[Record]:
    """Records of two quarters, places and collectors in an order of their own; some failed, some are of facts ahead of their collection."""
    chance, made = random.Random(seed), []
    for number in range(120):
        at = START + timedelta(hours=6 * chance.randrange(200))
        collector = chance.choice([*COLLECTORS, "claims", "attest"])
        kind = COLLECTORS.get(collector, Kind.CLAIM if collector == "claims" else Kind.ATTESTATION)
        gathering = chance.choice((Gathering.COLLECTED, Gathering.COLLECTED, Gathering.COULD_NOT, Gathering.PARTIAL))
        if kind in (Kind.CLAIM, Kind.ATTESTATION):
            gathering = Gathering.COLLECTED
        account = chance.choice((None, "111122223333", "444455556666", "********6666")) if collector != "check" else None
        made.append(
            Record(
                kind=kind,
                collector=collector,
                collector_version="1",
                source=chance.choice(("one", "two")),
                query={"number": number},
                effective_at=at,
                collected_at=at + timedelta(hours=chance.choice((0, 0, 3, -30))),
                payload=fewer(payload(chance, kind), number % 3) | (lies_in(number) if kind is Kind.MEDIA_STATES else {}),
                population=Population("things", 9, 4 if kind is Kind.MEDIA_STATES and number % 3 else 9, truncated=chance.random() < 0.3)
                if kind not in (Kind.CLAIM, Kind.ATTESTATION)
                else None,
                gathering=gathering,
                reason=None if gathering is Gathering.COLLECTED else "because",
                account=account,
                region=chance.choice((None, "eu-west-1")) if account else None,
                period_start=chance.choice((Q4.start, Q4.start, Q4.start + timedelta(days=31))),
                period_end=Q4.end,
                controls=(chance.choice(ASKED),) if kind in (Kind.CLAIM, Kind.ATTESTATION) else (),
            )
        )
    return made


@pytest.mark.parametrize("seed", range(60))
def test_what_was_kept_decides_what_all_of_it_decides(seed: int) -> None:
    """States with their reasons, evidence and deviations; where code and deployment part; for how long each resource complied."""
    records = ledger(seed)
    as_of, organisation = max(record.collected_at for record in records), Organisation()
    decisive = Decisive(Q4)
    for record in records:
        decisive.add(record)
    kept = list(decisive)
    assert len(kept) < sum(counts_in(record, Q4) for record in records)
    few, all_of_them = (assess(CATALOGUE, organisation, some, period=Q4, as_of=as_of) for some in (kept, records))
    assert few == all_of_them
    sides = [Evidence(some, period=Q4, as_of=as_of) for some in (kept, records)]
    assert sides[0].regions_of_media == sides[1].regions_of_media != {}
    assert sides[0].accounts_of_media == sides[1].accounts_of_media != {}
    parted = [drift(CATALOGUE, organisation, evidence, moment_of(Q4, as_of)) for evidence in sides]
    assert parted[0] == parted[1]
    assert operation(CATALOGUE, sides[0]) == operation(CATALOGUE, sides[1])


@pytest.mark.parametrize("period", [None, Q4])
@pytest.mark.parametrize("seed", range(5))
def test_of_the_last_runs_enough_is_kept_to_judge_at_their_moments(
    seed: int, period: Period | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of them, just before the next, and now: what all that was known by then decides."""
    monkeypatch.setattr(module, "_FEW", 10)
    records = ledger(seed)
    as_of, organisation = sorted(record.collected_at for record in records)[-4], Organisation()
    lately = Lately(iter(records), period, as_of, runs=5)
    assert (lately.count, len(lately.runs), lately.whole) == (len(records), 5, False)
    moments = [moment for end in lately.runs[1:] for moment in (end - timedelta(seconds=1), end)]
    for moment in [lately.runs[0], *moments, as_of]:
        some, all_of_them = (assess(CATALOGUE, organisation, these, period=period, as_of=moment) for these in (lately.at(moment), records))
        assert some == all_of_them
    assert assess(CATALOGUE, organisation, lately.now, period=period, as_of=as_of) == all_of_them


def test_of_many_runs_only_the_last_are_held() -> None:
    """A year of one collector: as the records go by, those of some thirty runs are held whole and the others let go."""
    held: list[weakref.ref[Record]] = []

    def a_year() -> Iterator[Record]:
        for number in range(400):
            made = ledger_record(number)
            held.append(weakref.ref(made))
            yield made
            assert sum(reference() is not None for reference in held) <= 2 * module._FEW

    lately = Lately(a_year(), None, START + timedelta(days=500), runs=21)
    assert (len(lately.runs), len(lately.now), lately.count) == (21, 1, 400)


def ledger_record(day: int) -> Record:
    """Of a day the check, which found nothing."""
    at = START + timedelta(days=day)
    said = {"rules": [], "findings": [], "problems": []}
    return Record(Kind.CHECK, "check", "1", "one", {"day": day}, at, at, said)


def test_the_made_up_ledgers_reach_every_kind_of_answer() -> None:
    """The comparison above is of something: states of all sorts, and rows on both tables."""
    statuses, rows, standing = set(), [0, 0], 0
    for seed in range(40):
        records = ledger(seed)
        as_of = max(record.collected_at for record in records)
        found = [item for state in assess(CATALOGUE, Organisation(), records, period=Q4, as_of=as_of) for item in state.assessments]
        statuses |= {item.status for item in found}
        standing += sum("not shown otherwise since" in item.reason for item in found)
        evidence = Evidence(records, period=Q4, as_of=as_of)
        rows[0] += len(drift(CATALOGUE, Organisation(), evidence, moment_of(Q4, as_of)))
        rows[1] += len(operation(CATALOGUE, evidence))
    assert {str(status) for status in statuses} >= {"satisfied", "not-satisfied", "not-assessed"}
    assert min(rows) > 0
    assert standing > 0


def test_what_was_collected_for_all_of_the_period_outlasts_what_came_for_a_part() -> None:
    """November by itself doesn't show what was wrong in October to be right, so that the record of October has to be there."""
    decisive = Decisive(Q4)
    for period, by_others in (("2026Q4", 2), ("2026-11", 0)):
        asked, at = parse_period(period), from_iso("2026-11-20T00:00:00Z") + timedelta(hours=len(period))
        counted = {
            "payload": {"summary": {"by_others": by_others}},
            "population": Population("calls", 3, 3),
            "query": {},
            "source": "CloudTrail",
        }
        place = {"account": "111122223333", "region": "eu-west-1", "effective_at": at, "collected_at": at, "collector_version": "3"}
        bounds = {"period_start": asked.start, "period_end": asked.end}
        decisive.add(Record(kind=Kind.SIGNING_CALLS, collector="signing-calls", **counted, **place, **bounds))
    assert [record.payload["summary"]["by_others"] for record in decisive] == [2, 0]


def test_however_long_a_quarter_is_few_are_kept() -> None:
    """A record an hour of one collector in one place: the last one, or the last one and the last that wasn't a failure."""
    decisive = Decisive(Q4)
    for hour in range(2_000):
        at = Q4.start + timedelta(hours=hour)
        failed = hour == 1_999
        decisive.add(
            Record(
                kind=Kind.ALARMS,
                collector="alarms",
                collector_version="1",
                source="s",
                query={"hour": hour},
                effective_at=at,
                collected_at=at,
                payload={},
                gathering=Gathering.COULD_NOT if failed else Gathering.COLLECTED,
                reason="AccessDenied" if failed else None,
            )
        )
    assert [record.query["hour"] for record in decisive] == [1_998, 1_999]


def sample(day: int, counted: int, gathering: Gathering = Gathering.COLLECTED) -> Record:
    """Ten of five thousand objects, looked at on that day of the quarter, of which ``counted`` are published."""
    at = Q4.start + timedelta(days=day)
    return Record(
        kind=Kind.MEDIA_STATES,
        collector="media-states",
        collector_version="4",
        source="s",
        query={"day": day},
        effective_at=at,
        collected_at=at,
        payload={"out_of": {"summary.published_flagged": counted}},
        population=Population("objects", 5_000, 10),
        gathering=gathering,
        reason=None if gathering is Gathering.COLLECTED else "AccessDenied",
    )


def test_of_samples_those_are_kept_that_no_later_one_sees_as_much_as() -> None:
    """A record of a sample a day, each with the names of thousands of objects: all of them would be in memory at once."""
    decisive = Decisive(Q4)
    for day, counted in enumerate([9, *range(1, 8), 5, 7, 8, *[6] * 40, 5]):
        decisive.add(sample(day, counted))
    assert [record.payload["out_of"]["summary.published_flagged"] for record in decisive] == [9, 8, 6, 5]


def test_of_samples_that_count_no_kinds_apart_the_larger_is_kept() -> None:
    """Of a record that doesn't say how many of which kind were looked at, what its sample found stands until as much was looked at in all."""
    decisive = Decisive(Q4)
    for day, examined in enumerate((50, 10, 60, 20)):
        at, drawn = Q4.start + timedelta(days=day), Population("objects", 5_000, examined)
        decisive.add(Record(Kind.MEDIA_STATES, "media-states", "3", "s", {}, at, at, {"of": examined}, population=drawn))
    assert [record.payload["of"] for record in decisive] == [60, 20]


def test_a_part_does_not_stand_for_a_sample_that_came_into_the_ledger_after_it() -> None:
    """Two machines collect, and one of them hands in late: what its sample found, the other's part, which a page is missing of, says nothing of."""
    decisive = Decisive(Q4)
    for record in (sample(1, 1), sample(9, 9, Gathering.PARTIAL), sample(5, 5), sample(6, 2)):
        decisive.add(record)
    assert [record.query["day"] for record in decisive] == [9, 5, 6]


def test_parts_are_kept_until_something_complete_came_and_once_for_what_they_say() -> None:
    """Each may have found what no later one speaks of; those that say the same are one, so that a page that is refused every day costs no memory."""
    decisive, parts = Decisive(Q4), [*range(300), *[7] * 300]
    for hour, said in enumerate([0, None, *parts]):
        at = Q4.start + timedelta(hours=hour)
        decisive.add(
            Record(
                kind=Kind.ALARMS,
                collector="alarms",
                collector_version="1",
                source="s",
                query={"hour": hour},
                effective_at=at,
                collected_at=at,
                payload={"said": said},
                gathering=Gathering.COLLECTED if said is None else Gathering.PARTIAL,
                reason=None if said is None else "AccessDenied",
            )
        )
    hours = [record.query["hour"] for record in decisive]
    assert hours == [1, *(hour for hour in range(2, 302) if hour != 9), 601]
