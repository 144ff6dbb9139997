"""Made-up worlds whose truth is known: what collectors saw of them wholly, in part, late or not at all, against what may be said of it.

The expectation is kept simple, and knows nothing of how states are judged: what each record told of each thing, one record after the other.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.organisation import Organisation, Waiver
from averment.core.period import Period, from_iso, parse_period
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Method, Severity, Status
from averment.evidence.judging.assess import assess, moment_of
from averment.evidence.judging.decisive import Decisive
from averment.evidence.judging.states import AssessmentState
from averment.evidence.record import Gathering, Kind, Population, Record, stretch_of
from averment.evidence.reporting.report import build_report

START = from_iso("2026-10-01T00:00:00Z")
Q4 = parse_period("2026Q4")
AGE = timedelta(days=6)
PLACES = [(account, region) for account in ("111122223333", "444455556666") for region in ("eu-west-1", "eu-central-1")]
RUNTIME = Assessment("runtime", Method.EXAMINE, collector="config-compliance", policy="gated", max_age=AGE)
CALLS = Assessment("calls", Method.EXAMINE, collector="signing-calls", expect={"field": "n", "at_most": 0, "each": "bad"})
WORST_FIRST = (Status.NOT_SATISFIED, Status.NOT_ASSESSED, Status.WAIVED, Status.SATISFIED, Status.NOT_APPLICABLE)
PERIODS = ("2026Q4", "2026-10", "2026-11", "2026-12", "2026-10-01..2026-11-15", "2026-11-10..2026-12-15")


def catalogue(assessment: Assessment) -> Catalogue:
    return Catalogue((Control("SM-UPL-03", "T", "O", Severity.HIGH, "owner", "daily", "Because", (), (assessment,)),), {})


@dataclass(frozen=True)
class Entry:
    """A ledger entry as the report needs it."""

    index: int
    record: Record


@dataclass(frozen=True)
class Seen:
    """A record, and what it tells: of each resource whether it is right, and of which place."""

    record: Record
    place: tuple[str, str]
    right: dict[str, bool]


def fact(kind: Kind, place: tuple[str, str], at: datetime, late: timedelta, payload: dict[str, Any], how: Gathering, **more: Any) -> Record:
    return Record(
        kind=kind,
        collector=str(kind),
        collector_version="1",
        source="made up for a test",
        query={},
        effective_at=at,
        collected_at=at + late,
        payload={} if how is Gathering.COULD_NOT else payload,
        gathering=how,
        reason=None if how is Gathering.COLLECTED else f"refused {at}",
        account=place[0],
        region=place[1],
        **more,
    )


def gathering(chance: random.Random, failing: float, cut: float) -> Gathering:
    return chance.choices(list(Gathering), weights=[1 - failing - cut, cut, failing])[0]


def deployed(right: dict[str, bool]) -> dict[str, Any]:
    verdicts = [
        {"id": name, "type": "T", "compliance": "COMPLIANT" if good else "NON_COMPLIANT", "annotation": None}
        for name, good in right.items()
    ]
    return {"rules": [{"rule": "gated", "config_rule": "averment-gated", "compliance": "", "resources": verdicts, "failing": None}]}


def world(seed: int) -> tuple[random.Random, Organisation, list[Seen]]:
    """Resources in some accounts and regions, right or wrong from one look to the next, and what the looks brought in the ledger's order."""
    chance = random.Random(seed)
    failing, cut, wrong = chance.choice((0.0, 0.2)), chance.choice((0.0, 0.1, 0.4)), chance.choice((0.02, 0.1, 0.3))
    places, seen = PLACES[: chance.choice((1, 2, 4))], []
    for second in chance.sample(range(60 * 86_400), chance.choice((4, 15, 60))):
        how, place = gathering(chance, failing, cut), chance.choice(places)
        names = [name for name in ("a", "b", "c") if chance.random() < (0.5 if how is Gathering.PARTIAL else 0.9)]
        right = {name: chance.random() >= wrong for name in names if how is not Gathering.COULD_NOT}
        late = timedelta(hours=chance.choice((0, 0, 0, 5, 50)))
        at = START + timedelta(seconds=second)
        seen.append(Seen(fact(Kind.CONFIG_COMPLIANCE, place, at, late, deployed(right), how), place, right))
    until = (START + timedelta(days=chance.randrange(80))).date()
    accepted = Waiver("SM-UPL-03", chance.choice("ab*"), "owner", "approver", "reason", until, SourceRef("averment.yaml", 3))
    accounts = chance.choice(((), ("111122223333",), ("111122223333", "444455556666")))
    scope = Scope(accounts=accounts, regions=chance.choice(((), ("eu-west-1", "eu-central-1"))))
    return chance, Organisation(scope=scope, waivers=(accepted,) if chance.random() < 0.3 else ()), seen


def expected(organisation: Organisation, seen: list[Seen], moment: datetime) -> Status:
    """What may be said at ``moment`` by what was ``seen``: of each place the last word on each of its resources, and the worst of the places."""
    scope = organisation.scope
    asked = [item for item in seen if item.place[0] in (scope.accounts or item.place) and item.place[1] in (scope.regions or item.place)]
    states = [_of_place(organisation, [item for item in asked if item.place == place], moment) for place in {item.place for item in asked}]
    found = {item.place for item in asked}
    accounts = scope.accounts or {account for account, _ in found}
    wanted = {(account, region) for account in accounts for region in scope.regions or (None,)}
    if any(not any(here[0] == account and region in (None, here[1]) for here in found) for account, region in wanted):
        states.append(Status.NOT_ASSESSED)
    return min(states, key=WORST_FIRST.index, default=Status.NOT_ASSESSED)


def _of_place(organisation: Organisation, seen: list[Seen], moment: datetime) -> Status:
    known: dict[str, bool] = {}
    for item in (history := sorted(seen, key=lambda item: item.record.effective_at)):
        known = item.right if item.record.gathering is Gathering.COLLECTED else known | item.right
    wrong, last = [name for name, right in known.items() if not right], history[-1].record
    if any(not any(waiver.covers("SM-UPL-03", name, moment.date()) for waiver in organisation.waivers) for name in wrong):
        return Status.NOT_SATISFIED
    if last.gathering is not Gathering.COLLECTED or moment - last.effective_at > AGE:
        return Status.NOT_ASSESSED
    return Status.WAIVED if wrong else Status.SATISFIED if known else Status.NOT_APPLICABLE


def judged(
    assessment: Assessment, organisation: Organisation, records: list[Record], period: Period | None, as_of: datetime
) -> AssessmentState:
    [state] = assess(catalogue(assessment), organisation, records, period=period, as_of=as_of)
    assert state.status is state.assessments[0].status
    return state.assessments[0]


def kept(records: list[Record], period: Period | None, as_of: datetime) -> list[Record]:
    decisive = Decisive(period)
    for record in records:
        if record.collected_at <= as_of:
            decisive.add(record)
    return list(decisive)


def moments(chance: random.Random, number: int) -> Iterator[tuple[Period | None, datetime]]:
    for _ in range(number):
        yield chance.choice((None, Q4, parse_period("2026-10"))), START + timedelta(seconds=chance.randrange(75 * 86_400))


@pytest.mark.parametrize("first", range(0, 150, 25))
def test_a_state_is_what_was_last_seen_of_everything_in_scope(first: int) -> None:
    """Neither better nor worse, at any moment, in any order of arrival, by the few records that are kept as by all, and in each form."""
    for seed in range(first, first + 25):
        chance, organisation, seen = world(seed)
        records = [item.record for item in seen]
        for period, as_of in moments(chance, 4):
            moment = moment_of(period, as_of)
            known = [
                item
                for item in seen
                if item.record.collected_at <= as_of
                and item.record.effective_at <= moment
                and (period is None or item.record.effective_at in period)
            ]
            state = judged(RUNTIME, organisation, records, period, as_of)
            assert state.status is expected(organisation, known, moment), (seed, period, as_of, state.reason)
            assert (state.status is Status.NOT_SATISFIED) is any(item.waiver is None for item in state.deviations)
            assert {item.record for item in state.deviations} <= set(state.records)
            assert (state.gap is None) is (state.status is not Status.NOT_ASSESSED)
            assert judged(RUNTIME, organisation, chance.sample(records, len(records)), period, as_of) == state
            assert judged(RUNTIME, organisation, kept(records, period, as_of), period, as_of) == state
            if period is not None:
                entries = [Entry(index, record) for index, record in enumerate(records)]
                [row] = build_report(catalogue(RUNTIME), organisation, entries, period, as_of).assessments
                assert (row.status, row.reason, row.records, row.gap) == (state.status, state.reason, state.records, state.gap)


def test_nothing_gets_better_by_something_worse_seen() -> None:
    """One resource more that is wrong in one of the records: the state is the same or a worse one."""
    worse = 0
    for seed in range(150):
        chance, organisation, seen = world(seed)
        right = [item for item in seen if any(item.right.values())]
        for period, as_of in moments(chance, 3 if right else 0):
            turned = chance.choice(right)
            payload = copy.deepcopy(dict(turned.record.payload))
            next(item for item in payload["rules"][0]["resources"] if item["compliance"] == "COMPLIANT")["compliance"] = "NON_COMPLIANT"
            records = [item.record for item in seen]
            other = [replace(record, payload=payload) if record is turned.record else record for record in records]
            before, after = (WORST_FIRST.index(judged(RUNTIME, organisation, some, period, as_of).status) for some in (records, other))
            assert after <= before, (seed, period, as_of)
            worse += after < before
    assert worse > 10


def calls(seed: int) -> tuple[random.Random, list[tuple[Record, set[str]]]]:
    """Calls that nobody should have made, and records of odd periods, each with those that it tells of: some calls come in late."""
    chance, made = random.Random(seed), []
    wrong = [
        (Q4.start + timedelta(seconds=chance.randrange(92 * 86_400)), timedelta(hours=chance.choice((0, 30))))
        for _ in range(chance.choice((0, 1, 2)))
    ]
    for _ in range(chance.choice((3, 6, 10))):
        period, how = parse_period(chance.choice(PERIODS)), gathering(chance, 0.12, 0.13)
        at = period.start + timedelta(seconds=chance.randrange(3_600, 110 * 86_400))
        looked = min(at, period.end - timedelta(seconds=1))
        there = {f"call {when}" for when, late in wrong if period.start <= when <= looked and when + late <= at}
        told = {name for name in sorted(there) if how is Gathering.COLLECTED or (how is Gathering.PARTIAL and chance.random() < 0.5)}
        payload = {"n": len(told), "bad": [{"resource": name, "message": "not a signer"} for name in sorted(told)]}
        cut = how is Gathering.PARTIAL
        counted = None if how is Gathering.COULD_NOT else Population("calls", None if cut else 5, 5, cut)
        bounds = {"period_start": period.start, "period_end": period.end}
        made.append((fact(Kind.SIGNING_CALLS, PLACES[0], looked, at - looked, payload, how, population=counted, **bounds), told))
    return chance, made


def test_what_was_seen_in_a_stretch_of_a_quarter_stands_and_all_of_it_is_looked_at() -> None:
    """A call that was made was made, whatever is collected for which stretch afterwards; and satisfied is a quarter of which no second is missing."""
    found = dict.fromkeys(Status, 0)
    for seed in range(500):
        chance, made = calls(seed)
        records = [record for record, _ in made]
        for as_of in (from_iso("2027-02-15T00:00:00Z"), Q4.start + timedelta(seconds=chance.randrange(92 * 86_400))):
            moment = moment_of(Q4, as_of)
            known = [(record, told) for record, told in made if record.collected_at <= as_of and record.effective_at <= moment]
            state = judged(CALLS, Organisation(), records, Q4, as_of)
            assert (state.status is Status.NOT_SATISFIED) is any(told for _, told in known), (seed, as_of, state.reason)
            assert judged(CALLS, Organisation(), kept(records, Q4, as_of), Q4, as_of) == state
            so_far = [(record, told) for record, told in made if record.collected_at <= as_of and record.effective_at <= as_of]
            going_on = any(told for record, told in so_far if stretch_of(record)[0] <= as_of < stretch_of(record)[1])
            now = judged(CALLS, Organisation(), records, None, as_of)
            assert now.status is Status.NOT_SATISFIED or not going_on, (seed, as_of, now.reason)
            assert judged(CALLS, Organisation(), kept(records, None, as_of), None, as_of) == now
            until = Q4.start
            whole = ((record.period_start, record.effective_at) for record, _ in known if record.gathering is Gathering.COLLECTED)
            for start, looked in sorted((start or moment, looked) for start, looked in whole):
                until = max(until, looked + timedelta(seconds=1)) if start <= until else until
            assert state.status is not Status.SATISFIED or as_of < Q4.end or until >= Q4.end, (seed, as_of)
            found[state.status] += 1
    assert min(found[status] for status in (Status.SATISFIED, Status.NOT_SATISFIED, Status.NOT_ASSESSED)) > 20
