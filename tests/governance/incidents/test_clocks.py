"""Which duty is due, may be due, or isn't and why; and by when."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import averment
from averment.controls.frameworks import load_frameworks
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.located import load_yaml
from averment.core.organisation import Organisation
from averment.core.period import from_iso, iso
from averment.core.schema import schema_problems
from averment.governance.incidents.clocks import Clock, Situation, add, clocks
from averment.governance.incidents.duties import AWARENESS, SCHEMA, load_duties, load_facts
from averment.governance.incidents.steps import Desk
from averment.governance.incidents.words import Answer, Standing

AWARE = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
DESK = Desk(Organisation(), load_catalogue(Organisation()))
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def computed(
    desk: Desk, facts: Mapping[str, Answer], *, profile: Mapping[str, bool] | None = None, aware: datetime = AWARE, **sent: datetime
) -> dict[str, Clock]:
    organisation = desk.organisation if profile is None else replace(desk.organisation, profile={**desk.organisation.profile, **profile})
    sent_at = {name.replace("_", "-"): moment for name, moment in sent.items()}
    found = clocks(load_duties(organisation), desk.catalogue, organisation, Situation(aware, facts, sent_at))
    return {clock.duty: clock for clock in found}


def test_a_breach_starts_72_hours_at_awareness(desk: Desk) -> None:
    """GDPR 33 is due 72 hours after awareness once personal data was breached; who must be told, and the source, are named."""
    clock = computed(desk, {"personal_data_breached": YES})["gdpr-33"]
    assert (clock.standing, clock.due_by) == (Standing.DUE, datetime(2026, 12, 1, 8, 0, tzinfo=UTC))
    assert clock.source == "GDPR Art 33"
    assert "a risk to the rights and freedoms of people is unlikely" in clock.reason  # the exception is asked for, and nobody answered
    answered = computed(desk, {"personal_data_breached": YES, "risk_unlikely": NO})["gdpr-33"]
    assert (answered.standing, "nobody has answered" in answered.reason) == (Standing.DUE, False)


def test_a_deep_fake_that_was_merely_hosted_is_no_breach(desk: Desk) -> None:
    """Where no personal data was breached, nothing is due under GDPR 33, and the reason is kept like a due date."""
    clock = computed(desk, {"personal_data_breached": NO, "person_shown": YES})["gdpr-33"]
    assert (clock.standing, clock.due_by) == (Standing.NOT_APPLICABLE, None)
    assert clock.reason.startswith("it was answered no: the security of personal data was breached")


def test_what_nobody_answered_keeps_the_clock_running(desk: Desk) -> None:
    """An unknown fact isn't a no: the duty may be due, and the time by which it would be is shown."""
    for facts in ({}, {"personal_data_breached": UNKNOWN}):
        clock = computed(desk, facts)["gdpr-33"]
        assert (clock.standing, clock.due_by) == (Standing.OPEN, datetime(2026, 12, 1, 8, 0, tzinfo=UTC))


def test_an_unlikely_risk_lifts_the_notification_and_not_the_documentation(desk: Desk) -> None:
    """GDPR 33(1) excepts a breach that is unlikely to be a risk; 33(5) wants it written down all the same."""
    found = computed(desk, {"personal_data_breached": YES, "risk_unlikely": YES})
    assert found["gdpr-33"].standing is Standing.NOT_APPLICABLE
    assert found["gdpr-33-5"].standing is Standing.DUE


def test_the_ai_act_asks_nothing_of_whom_it_does_not_bind(desk: Desk) -> None:
    """Art 73 is for providers of high-risk systems only: who denies to be one has no clock, whatever happened."""
    facts = {"high_risk_system": YES, "serious_incident": YES, "death": YES}
    clock = computed(desk, facts, aware=datetime(2028, 1, 1, tzinfo=UTC))["ai-act-73"]
    assert clock.standing is Standing.NOT_APPLICABLE
    assert "denies that it provides a high-risk AI system" in clock.reason
    assert "it binds nobody" not in clock.reason


def test_the_ai_act_asks_nothing_before_it_binds_anybody(desk: Desk) -> None:
    """Before 2 December 2027 no system is high-risk, so that Art 73 has no clock even for a provider; the day is named."""
    facts, provider = {"high_risk_system": YES, "serious_incident": YES}, {"high_risk_provider": True}
    before = computed(desk, facts, profile=provider)["ai-act-73"]
    assert before.standing is Standing.NOT_APPLICABLE
    assert before.reason.startswith("it binds nobody on 2026-11-28: ")
    assert "2027-12-02" in before.reason
    after = computed(desk, facts, profile=provider, aware=datetime(2027, 12, 2, 9, 0, tzinfo=UTC))["ai-act-73"]
    assert (after.standing, after.due_by) == (Standing.DUE, datetime(2027, 12, 17, 9, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("more", "days"),
    [({}, 15), ({"death": YES}, 10), ({"widespread": YES}, 2), ({"widespread": YES, "death": YES}, 2), ({"death": NO}, 15)],
)
def test_the_gravest_serious_incidents_are_reported_soonest(desk: Desk, more: dict[str, Answer], days: int) -> None:
    """15 days, 10 after a death, 2 if widespread; the shortest that applies counts."""
    facts = {"high_risk_system": YES, "serious_incident": YES, **more}
    clock = computed(desk, facts, profile={"high_risk_provider": True}, aware=datetime(2028, 3, 1, tzinfo=UTC))["ai-act-73"]
    assert clock.due_by == datetime(2028, 3, 1 + days, tzinfo=UTC)


def test_nis2_has_three_clocks_and_the_last_follows_the_notification(desk: Desk) -> None:
    """24 hours, 72 hours, and a month from the notification: from when it is due until it is sent, and from then on from the sending."""
    facts, entity = {"significant_incident": YES}, {"nis2_entity": True}
    found = computed(desk, facts, profile=entity)
    assert found["nis2-early-warning"].due_by == datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
    assert found["nis2-notification"].due_by == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert found["nis2-final-report"].due_by == datetime(2027, 1, 1, 8, 0, tzinfo=UTC)
    sent = computed(desk, facts, profile=entity, nis2_notification=datetime(2026, 11, 30, 17, 0, tzinfo=UTC))
    assert sent["nis2-final-report"].due_by == datetime(2026, 12, 30, 17, 0, tzinfo=UTC)


def test_a_silent_profile_keeps_a_duty_open(desk: Desk) -> None:
    """Whoever doesn't say whether it is an entity under NIS2 may owe the early warning; the reason asks for both, profile and fact."""
    quiet = {name: value for name, value in desk.organisation.profile.items() if name != "nis2_entity"}
    silent = Desk(replace(desk.organisation, profile=quiet), desk.catalogue)
    clock = computed(silent, {})["nis2-early-warning"]
    assert clock.standing is Standing.OPEN
    assert "the profile does not say" in clock.reason
    assert "it is not known yet whether" in clock.reason


def test_whoever_removes_an_upload_owes_its_reasons(desk: Desk) -> None:
    """Art. 17 DSA binds every provider of hosting services: that the organisation is no online platform, or too small for one, denies nothing."""
    small = {"online_platform": False}
    assert computed(desk, {"user_content_restricted": YES}, profile=small)["dsa-17"].standing is Standing.DUE
    assert computed(desk, {}, profile=small)["dsa-17"].standing is Standing.OPEN
    assert computed(desk, {"user_content_restricted": NO}, profile=small)["dsa-17"].standing is Standing.NOT_APPLICABLE


def test_who_gave_notice_and_whose_data_they_are_is_told(desk: Desk) -> None:
    """Art. 16(4) and (5) DSA: who gave notice hears that it came, and what was decided. Art. 33(2) GDPR: who processes data for others tells them."""
    assert computed(desk, {"notice_received": YES}, profile={"online_platform": False})["dsa-16"].standing is Standing.DUE
    assert computed(desk, {"notice_received": NO})["dsa-16"].standing is Standing.NOT_APPLICABLE
    breach = {"personal_data_breached": YES, "processed_for_others": YES}
    assert computed(desk, breach, profile={"personal_data": True})["gdpr-33-2"].standing is Standing.DUE
    assert (
        computed(desk, {**breach, "processed_for_others": NO}, profile={"personal_data": True})["gdpr-33-2"].standing
        is Standing.NOT_APPLICABLE
    )


def test_a_threat_to_life_is_reported_by_whoever_hosts_it(desk: Desk) -> None:
    """Art. 18 DSA: a crime that threatens somebody is reported promptly, by hosts of every size, and is no choice as other reports to the police are."""
    threat = {"crime_suspected": YES, "life_threatened": YES}
    assert computed(desk, threat, profile={"online_platform": False})["dsa-18"].standing is Standing.DUE
    assert computed(desk, {"crime_suspected": YES})["dsa-18"].standing is Standing.OPEN
    assert computed(desk, {"crime_suspected": NO})["dsa-18"].standing is Standing.NOT_APPLICABLE
    assert computed(desk, {**threat, "life_threatened": NO})["dsa-18"].standing is Standing.NOT_APPLICABLE


def test_a_contract_has_its_clock(desk: Desk) -> None:
    """A contract that asks to be told is a duty like a law's: its clause is the source, and it hangs on the incident's facts."""
    clock = computed(desk, {"third_party_access": YES})["pixelpost"]
    assert (clock.standing, clock.due_by) == (Standing.DUE, datetime(2026, 11, 30, 8, 0, tzinfo=UTC))
    assert "Terms 7.2" in clock.source
    assert computed(desk, {"third_party_access": NO})["pixelpost"].standing is Standing.NOT_APPLICABLE


def test_a_contract_may_give_months_or_name_no_hours(desk: Desk) -> None:
    """A month is one of the calendar; without a time there is nothing to count from, and the clock says that none is named."""
    [terms] = desk.organisation.incidents.contracts
    given = [replace(terms, id="insurer", within="1 month"), replace(terms, id="agency", within=None)]
    organisation = replace(desk.organisation, incidents=replace(desk.organisation.incidents, contracts=tuple(given)))
    found = computed(replace(desk, organisation=organisation), {"third_party_access": YES})
    assert (found["insurer"].standing, found["insurer"].due_by) == (Standing.DUE, datetime(2026, 12, 28, 8, 0, tzinfo=UTC))
    open_ended = found["agency"]
    assert (open_ended.standing, open_ended.within, open_ended.starts, open_ended.due_by) == (Standing.DUE, None, None, None)
    assert open_ended.reason.endswith("the contract names no hours")


def test_no_contract_takes_the_place_of_another_duty(desk: Desk) -> None:
    """Clocks go by their names: a contract called gdpr-33 would have been all that is left of GDPR 33, as would the second of two alike. Whose the name
    is is said: whoever meets that after an upgrade has changed nothing."""
    [terms] = desk.organisation.incidents.contracts
    for contracts, by in (
        ((replace(terms, id="gdpr-33"),), "a duty that ships with Averment (Notify"),
        ((terms, replace(terms, party="Somebody else")), f"another contract (Tell {terms.party})"),
    ):
        organisation = replace(desk.organisation, incidents=replace(desk.organisation.incidents, contracts=contracts))
        with pytest.raises(BadInputError, match=re.escape(f"the name '{contracts[-1].id}' is taken by {by}")) as refused:
            load_duties(organisation)
        assert f"such as contract-{contracts[-1].id}" in str(refused.value.fix)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        (datetime(2026, 1, 31, 9, tzinfo=UTC), datetime(2026, 2, 28, 9, tzinfo=UTC)),
        (datetime(2028, 1, 31, 9, tzinfo=UTC), datetime(2028, 2, 29, 9, tzinfo=UTC)),
        (datetime(2026, 12, 15, 9, tzinfo=UTC), datetime(2027, 1, 15, 9, tzinfo=UTC)),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last(start: datetime, due: datetime) -> None:
    """A month from the 31st ends on the last day of a shorter month, and December leads into the next year."""
    assert add(start, "1 month") == due


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(load_facts())), st.sampled_from(list(Answer))),
    st.dictionaries(st.sampled_from(["personal_data", "nis2_entity", "high_risk_provider", "online_platform", "deployer"]), st.booleans()),
)
def test_no_duty_is_passed_over_and_answers_only_narrow(facts: dict[str, Answer], profile: dict[str, bool]) -> None:
    """Whatever is known: every duty has a standing with a reason, only what can be due has a time, and it never lies before awareness."""
    organisation = replace(DESK.organisation, profile=profile)
    duties = load_duties(organisation)
    found = clocks(duties, DESK.catalogue, organisation, Situation(AWARE, facts, {}))
    assert [clock.duty for clock in found] == [duty.id for duty in duties]
    for clock, duty in zip(found, duties, strict=True):
        assert clock.reason
        assert clock.due_by is None or (clock.standing is not Standing.NOT_APPLICABLE and clock.due_by > AWARE)
        if any(facts.get(fact, UNKNOWN) is UNKNOWN for fact in duty.needs):
            assert clock.standing is not Standing.DUE
        assert Clock.from_json(clock.to_json()) == clock


def test_the_duties_that_ship_are_whole() -> None:
    """Each names facts that are asked, a provision that the law register has, and a beginning that exists; the register's note says the same hours."""
    frameworks, duties, facts = load_frameworks(), load_duties(Organisation()), load_facts()
    known = {AWARENESS, *(duty.id for duty in duties)}
    for duty in duties:
        assert {*duty.needs, *duty.unless, *(fact for fact, _ in duty.sooner)} <= set(facts)
        assert duty.starts in known
        assert duty.within or duty.note
        if duty.reference:
            assert duty.reference.ref in frameworks[duty.reference.framework].provisions
    notes: dict[str, Any] = {name: frameworks[framework].provisions[ref].note for name, framework, ref in REGISTERED}
    assert "72 hours start at awareness" in notes["gdpr-33"]
    assert all(text in notes["nis2"] for text in ("24 hours", "72 hours", "a month"))
    assert "15 days, 2 days if widespread, 10 days after a death" in notes["ai-act-73"]


REGISTERED = (("gdpr-33", "gdpr", "art-33"), ("nis2", "nis2", "art-23"), ("ai-act-73", "eu-ai-act", "art-73"))


def test_the_shipped_duties_keep_their_schema() -> None:
    """A run trusts them: a misspelt ``unless`` would lift nothing, in silence."""
    shipped = load_yaml(Path(averment.__file__).parent / "governance" / "incidents" / "duties.yaml")
    assert schema_problems(shipped, SCHEMA) == []


def test_every_question_matters(desk: Desk, opened: Callable[..., Any]) -> None:
    """A fact that is asked decides something: a duty, or the severity; except what only the report tells."""
    from averment.governance.incidents.severity import load_matrix

    used = {fact for duty in load_duties(desk.organisation) for fact in (*duty.needs, *duty.unless, *(name for name, _ in duty.sooner))}
    used |= {entry.fact for entry in load_matrix(desk.organisation).raised}
    assert set(load_facts()) - used == {"person_shown"}
    assert opened(person_shown=YES).facts["person_shown"].answer is YES


def test_hours_are_hours_also_in_the_night_in_which_clocks_are_put_back() -> None:
    """Awareness may be given in local time; what runs are hours, not what a clock on the wall shows."""
    for told, due in (
        ("2026-10-25T02:30:00+02:00", "2026-10-27T00:30:00Z"),  # the first half past two in Berlin
        ("2026-10-25T02:30:00+01:00", "2026-10-27T01:30:00Z"),  # the second
        ("2026-03-29T01:30:00+01:00", "2026-03-31T00:30:00Z"),
    ):
        assert iso(add(from_iso(told), "48h")) == due
