"""Incidents as evidence: what is overdue, late or left open is found from the incidents' own records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation, load_organisation
from averment.core.words import Status
from averment.evidence.collectors.incidents import Incidents
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.judging.assess import assess
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Record
from averment.governance.incidents.filing import Act
from averment.governance.incidents.state import Event, Incident
from averment.governance.incidents.steps import Desk, Notification, Opening, Triage, close, notify, open_incident, triage
from averment.governance.incidents.words import Answer, Decision

AWARE = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
ScopeOf = Callable[..., CollectScope]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An organisation that is bound by GDPR 33, with a ledger of its own."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop, profile: {personal_data: true, nis2_entity: false}}\n")
    organisation = load_organisation(tmp_path / "averment.yaml")
    return Desk(organisation, load_catalogue(organisation))


def append(organisation: Organisation, *records: Record) -> None:
    with open_ledger(organisation, write=True) as ledger:
        ledger.append(records)


def a_breach(desk: Desk, day: int = 10) -> Incident:
    """An incident with a breach of personal data, in the ledger."""
    moment = AWARE.replace(day=day)
    record = open_incident(
        desk,
        Act("privacy", moment, moment),
        Opening("A taken account", "It was.", "a customer", moment, (), {"personal_data_breached": Answer.YES}),
    )
    append(desk.organisation, record)
    return Incident(str(record.payload["incident"]), (Event(0, record),))


def collected(desk: Desk, scope_of: ScopeOf, now: str) -> Record:
    (record,) = Incidents().collect(scope_of(now=now, organisation=desk.organisation))
    return record


def status(desk: Desk, record: Record, assessment: str) -> tuple[Status, str]:
    states = assess(desk.catalogue, desk.organisation, [record], period=None, as_of=record.collected_at)
    found = next(item for state in states for item in state.assessments if item.id == assessment)
    return found.status, found.reason


def test_an_undecided_duty_past_its_time_breaks_the_control(desk: Desk, scope_of: ScopeOf) -> None:
    """Within the 72 hours nothing is wrong; after them the very duty is a deviation that can be waived by itself."""
    name = a_breach(desk).id
    before = collected(desk, scope_of, "2026-11-13T07:59:00Z")
    assert status(desk, before, "SM-IR-03/clocks") == (Status.SATISFIED, "summary.overdue is 0, at most 0 expected")
    after = collected(desk, scope_of, "2026-11-13T08:01:00Z")
    assert after.payload["summary"] | {"open": 1, "overdue": 1} == after.payload["summary"]
    said = status(desk, after, "SM-IR-03/clocks")
    assert said[0] is Status.NOT_SATISFIED
    assert f"{name}/gdpr-33" in said[1]
    assert "was due by 2026-11-13T08:00:00Z: nobody decided on it" in said[1]


def test_what_was_sent_late_is_told_apart_from_what_was_not_decided(desk: Desk, scope_of: ScopeOf) -> None:
    """A notification after its time settles the duty and breaks the other assessment; a no settles it, too."""
    first, second = a_breach(desk), a_breach(desk, day=11)
    moment = datetime(2026, 11, 15, 8, 0, tzinfo=UTC)
    act = Act("privacy", moment, moment)
    append(
        desk.organisation,
        notify(desk, first, act, Notification("gdpr-33", Decision.SENT, "It was found late.", receipt="17")),
        notify(desk, second, act, Notification("gdpr-33", Decision.NOT_DUE, "No data of people was in it.")),
    )
    record = collected(desk, scope_of, "2026-11-16T08:00:00Z")
    assert status(desk, record, "SM-IR-03/clocks")[0] is Status.SATISFIED
    said = status(desk, record, "SM-IR-03/in-time")
    assert said[0] is Status.NOT_SATISFIED
    assert f"{first.id}/gdpr-33" in said[1]
    assert second.id not in said[1]


def test_two_responders_clocks_differ_at_the_end_of_a_period(desk: Desk, scope_of: ScopeOf) -> None:
    """It was opened a minute after the end by one clock, and triaged before it by another: it is of the next period, with all its steps."""
    incident = a_breach(desk)
    early = AWARE.replace(hour=7, minute=59)
    step = triage(desk, incident, Act("privacy", AWARE, early), Triage({}, "By what was seen.", "trust", "public"))
    append(desk.organisation, step)
    record = collected(desk, scope_of, "2026-11-10T07:59:30Z")
    assert (record.gathering, record.payload["none_exist"]) == (Gathering.COLLECTED, True)


def _decide(desk: Desk, incident: Incident, day: int, decision: Decision) -> Incident:
    """The incident with a decision on the breach, on that day of November, which the ledger has too."""
    moment = AWARE.replace(day=day)
    record = notify(desk, incident, Act("privacy", moment, moment), Notification("gdpr-33", decision, "By what was known on that day."))
    append(desk.organisation, record)
    return Incident(incident.id, (*incident.events, Event(len(incident.events), record)))


def test_what_completes_a_notification_does_not_make_it_late(desk: Desk, scope_of: ScopeOf) -> None:
    """Sent within the 72 hours and completed a week later (Art. 33(4) GDPR): in time. Who says that it is still to be sent takes the sending back."""
    incident = _decide(desk, _decide(desk, a_breach(desk), 11, Decision.SENT), 18, Decision.SENT)
    assert incident.decisions["gdpr-33"].in_time is True
    assert status(desk, collected(desk, scope_of, "2026-11-20T00:00:00Z"), "SM-IR-03/in-time")[0] is Status.SATISFIED
    incident = _decide(desk, _decide(desk, incident, 19, Decision.TO_SEND), 20, Decision.SENT)
    assert incident.decisions["gdpr-33"].in_time is False
    assert status(desk, collected(desk, scope_of, "2026-11-21T00:00:00Z"), "SM-IR-03/in-time")[0] is Status.NOT_SATISFIED


def test_what_was_sent_late_stays_so_whatever_is_decided_after(desk: Desk, scope_of: ScopeOf) -> None:
    """A later no doesn't take back when it went out. That its facts were none, by a later triage, does: nothing was due."""
    incident = _decide(desk, _decide(desk, a_breach(desk), 16, Decision.SENT), 17, Decision.NOT_DUE)
    assert status(desk, collected(desk, scope_of, "2026-11-18T00:00:00Z"), "SM-IR-03/in-time")[0] is Status.NOT_SATISFIED
    moment = AWARE.replace(day=19)
    answers = Triage({"personal_data_breached": Answer.NO}, "The account was the tester's own.", "nuisance", "stopped")
    append(desk.organisation, triage(desk, incident, Act("privacy", moment, moment), answers))
    assert status(desk, collected(desk, scope_of, "2026-11-20T00:00:00Z"), "SM-IR-03/in-time")[0] is Status.SATISFIED


def test_a_promise_to_send_is_no_sending(desk: Desk, scope_of: ScopeOf) -> None:
    """Decided and not sent is overdue all the same."""
    incident = a_breach(desk)
    act = Act("privacy", AWARE, AWARE)
    append(desk.organisation, notify(desk, incident, act, Notification("gdpr-33", Decision.TO_SEND, "The form is being filled in.")))
    record = collected(desk, scope_of, "2026-11-16T08:00:00Z")
    assert record.payload["overdue"][0]["message"].endswith("was to be sent and wasn't")


def test_where_there_was_no_incident_nothing_is_claimed(desk: Desk, scope_of: ScopeOf) -> None:
    """Looked at and found none: not applicable, which is neither satisfied nor a gap."""
    record = collected(desk, scope_of, "2026-11-16T08:00:00Z")
    assert (record.gathering, record.payload["none_exist"]) == (Gathering.COLLECTED, True)
    assert status(desk, record, "SM-IR-03/clocks")[0] is Status.NOT_APPLICABLE


def test_an_incident_closed_before_the_period_is_not_of_it(desk: Desk, scope_of: ScopeOf) -> None:
    """A closed incident counts in the period in which it was closed, with what was left open: a duty that nobody decided on isn't settled by that, and
    is overdue from its time on. Later periods don't see it."""
    incident = a_breach(desk)
    act = Act("privacy", AWARE, AWARE)
    append(desk.organisation, close(incident, act, cause="Unknown.", leave_open="It was a test of the form."))
    before = collected(desk, scope_of, "2026-11-12T08:00:00Z")
    assert (before.payload["summary"]["left_open"] > 0, before.payload["summary"]["overdue"]) == (True, 0)
    here = collected(desk, scope_of, "2026-11-16T08:00:00Z")
    (row,) = here.payload["overdue"]
    assert row["message"].endswith("was due by 2026-11-13T08:00:00Z: nobody decided on it, and the incident was closed")
    assert status(desk, here, "SM-IR-03/clocks")[0] is Status.NOT_SATISFIED
    assert collected(desk, scope_of, "2027-02-16T08:00:00Z").payload["none_exist"] is True


def test_a_past_period_is_judged_as_of_its_end(desk: Desk, scope_of: ScopeOf) -> None:
    """What was recorded after the period doesn't mend it."""
    incident = a_breach(desk)
    late = datetime(2027, 1, 5, 8, 0, tzinfo=UTC)
    append(
        desk.organisation, notify(desk, incident, Act("privacy", late, late), Notification("gdpr-33", Decision.SENT, "It was found late."))
    )
    scope = scope_of(now="2027-01-06T08:00:00Z", period="2026Q4", organisation=desk.organisation)
    (record,) = Incidents().collect(scope)
    assert record.payload["summary"] | {"overdue": 1, "late": 0} == record.payload["summary"]


def test_a_ledger_that_can_not_be_read_is_a_reason(desk: Desk, scope_of: ScopeOf) -> None:
    """Nobody looked, and why: never "no incident"."""
    settings = replace(desk.organisation.evidence, ledger="ftp://nowhere")
    broken: Any = Desk(replace(desk.organisation, evidence=settings), desk.catalogue)
    record = collected(broken, scope_of, "2026-11-16T08:00:00Z")
    assert record.gathering is Gathering.COULD_NOT
    assert "is no place for a ledger" in str(record.reason)


def test_a_no_that_more_was_learnt_since_settles_nothing(desk: Desk, scope_of: ScopeOf) -> None:
    """Denied while nobody knew of a breach, and not decided again after it was known: overdue once the time is past, with that reason."""
    opening = Opening("A taken account", "It was.", "a customer", AWARE, (), {})
    first = open_incident(desk, Act("privacy", AWARE, AWARE), opening)
    incident = Incident(str(first.payload["incident"]), (Event(0, first),))
    moment = AWARE.replace(hour=9)
    denied = notify(
        desk, incident, Act("privacy", moment, moment), Notification("gdpr-33", Decision.NOT_DUE, "Nothing was read, it seems.")
    )
    append(desk.organisation, first, denied)
    assert collected(desk, scope_of, "2026-11-20T00:00:00Z").payload["overdue"] == []
    incident = Incident(incident.id, (*incident.events, Event(1, denied)))
    later = AWARE.replace(day=11)
    facts = {"personal_data_breached": Answer.YES}
    append(desk.organisation, triage(desk, incident, Act("privacy", later, later), Triage(facts, "It was read.", "trust", "public")))
    (row,) = collected(desk, scope_of, "2026-11-20T00:00:00Z").payload["overdue"]
    assert row["message"].endswith("was due by 2026-11-13T08:00:00Z: it was denied before what is known now")
