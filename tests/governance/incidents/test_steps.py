"""An incident from awareness to its close, on a real ledger, with the commands that people type."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from averment.cli.main import run
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.period import iso, utc_now
from averment.core.words import Severity
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind
from averment.governance.incidents.filing import Act, file_step
from averment.governance.incidents.state import Incident, find_incident, read_incidents
from averment.governance.incidents.steps import (
    Desk,
    Lesson,
    Notification,
    Opening,
    Triage,
    close,
    notify,
    open_incident,
    owed_before_closing,
    recover,
    triage,
)
from averment.governance.incidents.words import Answer, Decision, Step

By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]

QUIET = (
    "personal_data_breached",
    "third_party_access",
    "own_media_unmarked",
    "money_moved",
    "crime_suspected",
    "user_content_restricted",
    "notice_received",
)


@pytest.fixture
def command(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs ``averment incident`` in the organisation's folder: exit code and what it printed."""
    monkeypatch.chdir(config.parent)

    def make(*arguments: str) -> tuple[int, str]:
        code = run(["incident", *arguments])
        return code, capsys.readouterr().out

    return make


def test_an_incident_goes_from_open_to_closed(command: Callable[..., tuple[int, str]], organisation: Organisation) -> None:
    """Open, triage, preserve, contain, decide, recover, close: each is a record of the ledger, and what is shown is read from these."""
    code, said = command("open", "A faked product picture", "--by", "trust-and-safety", "--fact", "third_party_access=yes")
    name = said.strip()
    assert (code, name[:4]) == (0, "INC-")
    answers = [part for fact in QUIET if fact != "third_party_access" for part in ("--fact", f"{fact}=no")]
    triaged = ("--impact", "trust", "--reach", "public", "--because", "The key could write pictures only.")
    code, said = command("triage", "latest", "--by", "security-operations", *triaged, *answers)
    assert code == 0
    assert "severity high" in said
    assert command("close", "latest", "--by", "security-operations", "--cause", "A leaked key.")[0] == 2  # things are owed
    why = ("--because", "The picture was removed by the partner already.")
    assert command("preserve", name, "--nothing", "--by", "security-operations", *why)[0] == 0
    assert command("contain", name, "--nothing", "--by", "security-operations", *why)[0] == 0
    decided = ("--decision", "sent", "--receipt", "ticket 17", "--because", "Terms 7.2 ask for it.")
    assert command("notify", name, "pixelpost", "--by", "legal", *decided)[0] == 0
    action = "2027-01-15/platform-security/The partner moves to the upload API"
    assert command("recover", name, "--by", "platform-delivery", "--restored", "the earlier picture", "--action", action)[0] == 0
    assert command("close", name[-4:], "--by", "security-operations", "--cause", "A leaked key.")[0] == 0
    code, said = command("show", name, "--format", "json")
    shown = json.loads(said)
    assert (code, shown["phase"], shown["severity"], shown["running"]) == (0, "closed", "high", [])
    assert [event["step"] for event in shown["events"]] == ["open", "triage", "preserve", "contain", "notify", "recover", "close"]
    assert shown["decisions"]["pixelpost"]["in_time"] is True
    with open_ledger(organisation) as ledger:
        entries = list(ledger.records(Kind.INCIDENT))
        assert [entry.record.id for entry in entries] == [event["record"] for event in shown["events"]]
    assert command("triage", name, "--by", "legal", "--because", "More came out.")[0] == 2  # what is closed stays as it is


def test_what_was_named_at_the_opening_is_preserved_without_naming_it_again(command: Callable[..., tuple[int, str]], config: Path) -> None:
    """In the hurry of an incident the media is named once; an incident that names none says what to give."""
    (config.parent / "fake.jpg").write_bytes(b"not a picture")
    command("open", "A faked seller", "--by", "legal", "--media", "fake.jpg")
    code, said = command("preserve", "latest", "--by", "legal", "--because", "Before it is taken down.")
    assert code == 0
    assert said.split() == ["1", sha256_hex(b"not a picture"), "fake.jpg"]
    command("open", "Another faked seller", "--by", "legal")
    assert command("preserve", "latest", "--by", "legal", "--because", "Before it is taken down.")[0] == 2


def test_a_closed_incident_can_be_taken_up_by_another(command: Callable[..., tuple[int, str]]) -> None:
    """What comes out later is an incident of its own that names the earlier one."""
    first = command("open", "A faked seller", "--by", "legal")[1].strip()
    forced = ("--cause", "Unknown.", "--leave-open", "The organisation was dissolved.")
    assert command("close", first, "--by", "legal", *forced)[0] == 0
    second = command("open", "The same faked seller", "--by", "legal", "--follows", first)[1].strip()
    shown = json.loads(command("show", second, "--format", "json")[1])
    assert shown["events"][0]["payload"]["follows"] == first
    closed = json.loads(command("show", first, "--format", "json")[1])["events"][-1]["payload"]
    assert "it was never triaged" in closed["left_open"]
    assert closed["because"] == "The organisation was dissolved."


def test_what_is_overdue_shows_in_the_exit_code(command: Callable[..., tuple[int, str]]) -> None:
    """A duty that may be due, undecided past its time, makes list and show exit 1: a job can watch it."""
    facts = ("--fact", "personal_data_breached=yes", "--fact", "third_party_access=no")
    aware = iso(utc_now() - timedelta(hours=80))
    name = command("open", "A taken account", "--by", "privacy", "--aware-at", aware, *facts)[1].strip()
    assert command("list", "--open")[0] == 1
    code, said = command("show", name, "--format", "json")
    assert (code, json.loads(said)["overdue"]) == (1, ["gdpr-33"])
    late = ("--decision", "sent", "--because", "The account was found late.")
    assert command("notify", name, "gdpr-33", "--by", "privacy", *late)[0] == 0
    code, said = command("show", name, "--format", "json")
    assert (code, json.loads(said)["decisions"]["gdpr-33"]["in_time"]) == (0, False)


def test_a_step_that_came_in_meanwhile_is_not_overlooked(command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """While one role decides on a duty another learns of a breach: the decision's clocks know of it, and don't stop those that it started."""
    from averment.cli import incident_steps

    name = command("open", "A taken account", "--by", "privacy", "--fact", "personal_data_breached=no")[1].strip()
    learnt = ("--fact", "personal_data_breached=yes", "--impact", "trust", "--reach", "public", "--because", "The table was read.")
    others = iter([("triage", name, "--by", "security-operations", *learnt)])

    def slow(desk: Desk, incident: Incident, act: Act, decided: Notification) -> Any:
        for arguments in others:
            assert command(*arguments)[0] == 0
        return notify(desk, incident, act, decided)

    monkeypatch.setattr(incident_steps, "notify", slow)
    police = ("--decision", "not-due", "--by", "legal", "--because", "No criminal offence is suspected.")
    assert command("notify", name, "police", *police)[0] == 0
    shown = json.loads(command("show", name, "--format", "json")[1])
    assert "gdpr-33" in {clock["duty"] for clock in shown["running"]}


def test_what_came_of_a_step_is_shown(command: Callable[..., tuple[int, str]], config: Path, sandbox: Any) -> None:
    """A measure that failed doesn't read like one that holds, nor a copy that was changed like one that wasn't."""
    (config.parent / "a.jpg").write_bytes(b"a")
    name = command("open", "A faked seller", "--by", "legal")[1].strip()
    by = ("--by", "security-operations", "--because", "It is live.")
    assert command("preserve", name, "a.jpg", *by, "--to", "kept")[0] == 0
    assert command("preserve", name, "--check", *by)[0] == 0
    assert "1 copy unchanged: It is live." in command("show", name)[1]
    (copy,) = (config.parent / "kept" / name).glob("0001-*")
    copy.chmod(0o644)
    copy.write_bytes(b"b")
    assert command("preserve", name, "--check", *by)[0] == 1
    assert command("contain", name, "--do", "disable-key=nobody/AKIANOBODY", *by)[0] == 3
    shown = command("show", name)[1]
    assert "item 1 changed: It is live." in shown
    assert "disable-key nobody/AKIANOBODY failed: It is live." in shown


def test_a_denial_that_is_overtaken_is_shown_as_one(command: Callable[..., tuple[int, str]]) -> None:
    """Where the decisions stand, and in the data: whoever looks sees that the no isn't the last word."""
    name = command("open", "A taken account", "--by", "privacy")[1].strip()
    assert (
        command("notify", name, "gdpr-33", "--decision", "not-due", "--by", "privacy", "--because", "Nothing was read, it seems.")[0] == 0
    )
    assert "DECIDE AGAIN" not in command("show", name)[1]
    learnt = ("--fact", "personal_data_breached=yes", "--impact", "trust", "--reach", "public", "--because", "The table was read.")
    assert command("triage", name, "--by", "privacy", *learnt)[0] == 0
    assert "gdpr-33: not-due by privacy DECIDE AGAIN, more is known since: Nothing was read, it seems." in command("show", name)[1]
    assert json.loads(command("show", name, "--format", "json")[1])["decisions"]["gdpr-33"]["overtaken"] is True


def test_media_that_the_record_cannot_name_has_to_be_named_again(
    command: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Named at the opening with an e-mail address in its key: preserving without a place asks for it instead of looking for another object."""
    name = command("open", "A faked seller", "--by", "legal", "--media", "s3://published/ada@shop.example/1.jpg")[1].strip()
    assert run(["incident", "preserve", name, "--by", "legal", "--because", "Before it goes.", "--to", "kept"]) == 2
    assert "name the media again" in capsys.readouterr().err


def test_who_preserves_is_told_the_numbers_that_the_items_have(
    command: Callable[..., tuple[int, str]], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's copy came in first: the number that is printed is the one by which the item is asked for."""
    from averment.cli import incident_media
    from averment.governance.incidents.custody import preserve

    for file in ("a.jpg", "b.jpg"):
        (config.parent / file).write_bytes(file.encode())
    name = command("open", "A faked seller", "--by", "legal")[1].strip()
    wanted = ("--by", "legal", "--because", "Before it goes.", "--to", "kept")
    others = iter([("preserve", name, "a.jpg", *wanted)])

    def slow(*arguments: Any, **named: Any) -> Any:
        made = preserve(*arguments, **named)
        for other in others:
            assert command(*other)[1].startswith("1  ")
        return made

    monkeypatch.setattr(incident_media, "preserve", slow)
    code, said = command("preserve", name, "b.jpg", *wanted)
    assert (code, said.split()) == (0, ["2", sha256_hex(b"b.jpg"), "b.jpg"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("open", "A faked seller", "--by", "Ada Byron"), "is not a role"),
        (("open", "A faked seller", "--by", "legal", "--fact", "personal_data_breached=maybe"), "is no answer"),
        (("open", "A faked seller", "--by", "legal", "--fact", "weather=yes"), "there is no fact 'weather'"),
        (("open", "A faked seller", "--by", "legal", "--aware-at", "yesterday"), "not an RFC 3339 time"),
        (("open", "A faked seller", "--by", "legal", "--at", "2099-01-01T00:00:00Z"), "is to come"),
        (("open", "Hm", "--by", "legal"), "the title is too short"),
        (("show", "latest"), "there is no incident in the ledger"),
    ],
)
def test_wrong_use_is_told_and_recorded_nowhere(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
    organisation: Organisation,
) -> None:
    """Each wrong use exits 2 with one clear sentence, and no record is left."""
    monkeypatch.chdir(config.parent)
    assert run(["incident", *arguments]) == 2
    assert says in capsys.readouterr().err
    with open_ledger(organisation) as ledger:
        assert ledger.size == 0


def test_a_contract_that_gives_more_time_than_there_is_is_told_with_its_place(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped unit leads to no date any more: the file and what to write, before any incident is opened."""
    config.write_text(config.read_text().replace("within: 48h", "within: 999999w"))
    monkeypatch.chdir(config.parent)
    assert run(["incident", "open", "A faked seller", "--by", "legal"]) == 2
    said = capsys.readouterr().err
    assert "averment.yaml" in said
    assert "the contract pixelpost gives 999999w" in said


def test_the_first_triage_needs_impact_and_reach_and_later_ones_keep_them(desk: Desk, act: By, opened: Any, with_record: With) -> None:
    """Severity isn't guessed; a later answer raises it, with the reason, without asking for the same again."""
    incident = opened()
    with pytest.raises(BadInputError, match="what it does and how far it came"):
        triage(desk, incident, act(), Triage({}, "We know nothing yet."))
    incident = with_record(incident, triage(desk, incident, act(), Triage({}, "Stopped at the gate.", "trust", "stopped")))
    assert incident.severity is Severity.LOW
    record = triage(desk, incident, act(), Triage({"child_shown": Answer.YES}, "The picture shows a child."))
    assert record.payload["severity"] == "critical"
    assert record.payload["rating"]["reasons"][1] == "raised to critical: a child is shown"


def test_a_severity_against_the_matrix_is_recorded_as_one(desk: Desk, act: By, opened: Any) -> None:
    """Who overrides the matrix is on record with both levels."""
    record = triage(desk, opened(), act(), Triage({}, "The press asks already.", "nuisance", "stopped", Severity.HIGH))
    assert (record.payload["severity"], record.payload["rating"]["severity"], record.payload["overridden"]) == ("high", "low", True)


def test_a_no_needs_its_reason_as_much_as_a_yes(desk: Desk, act: By, opened: Any, with_record: With) -> None:
    """A decision without a reason is refused; one with a reason settles the duty; a yes that wasn't sent doesn't."""
    incident = opened(personal_data_breached=Answer.YES)
    with pytest.raises(BadInputError, match="the reason is too short"):
        notify(desk, incident, act("privacy"), Notification("gdpr-33", Decision.NOT_DUE, "no"))
    waiting = notify(desk, incident, act("privacy"), Notification("gdpr-33", Decision.TO_SEND, "The form is being filled in."))
    incident = with_record(incident, waiting)
    assert "gdpr-33 was to be sent and wasn't yet" in owed_before_closing(incident)
    sent = notify(desk, incident, act("privacy", 30), Notification("gdpr-33", Decision.SENT, "Form 3 was accepted.", receipt="2026-4711"))
    assert "gdpr-33" not in {clock.duty for clock in with_record(incident, sent).running}


def test_a_no_holds_only_on_what_was_known_when_it_was_given(desk: Desk, act: By, opened: Any, with_record: With) -> None:
    """A duty that was denied while nobody knew runs again once the facts are those on which it hangs; another no, given then, settles it."""
    incident = opened()
    denied = Notification("gdpr-33", Decision.NOT_DUE, "No account was touched, as far as we know.")
    incident = with_record(incident, notify(desk, incident, act("privacy"), denied))
    answered = Triage({"money_moved": Answer.NO}, "No money left.", "trust", "public")
    incident = with_record(incident, triage(desk, incident, act(minutes=20), answered))
    assert "gdpr-33" not in {clock.duty for clock in incident.running}
    worse = Triage({"personal_data_breached": Answer.YES}, "The key read the table of customers, too.")
    incident = with_record(incident, triage(desk, incident, act(minutes=40), worse))
    assert next(iso(clock.due_by) for clock in incident.running if clock.duty == "gdpr-33" and clock.due_by) == "2026-12-01T08:00:00Z"
    assert incident.overtaken == {"gdpr-33"}
    assert "gdpr-33 is due, and was denied before that was known" in owed_before_closing(incident)
    again = Notification("gdpr-33", Decision.NOT_DUE, "Only hashes were read, which name nobody.")
    incident = with_record(incident, notify(desk, incident, act("privacy", 50), again))
    assert "gdpr-33" not in {clock.duty for clock in incident.running}


def test_decisions_outlive_a_triage_and_the_final_report_counts_from_the_sending(
    desk: Desk, act: By, opened: Any, with_record: With
) -> None:
    """What was sent stays sent when facts change, and clocks that start at it are computed from it."""
    from dataclasses import replace

    entity = Desk(replace(desk.organisation, profile={**desk.organisation.profile, "nis2_entity": True}), desk.catalogue)
    incident = opened(significant_incident=Answer.YES)
    incident = with_record(incident, triage(entity, incident, act(), Triage({}, "It is down.", "money", "public")))
    sent = Notification("nis2-notification", Decision.SENT, "Sent by the portal.", receipt="CSIRT 9")
    incident = with_record(incident, notify(entity, incident, act("security-operations", 20), sent))
    incident = with_record(
        incident, triage(entity, incident, act("security-operations", 40), Triage({"money_moved": Answer.NO}, "No money left."))
    )
    final = next(clock for clock in incident.clocks if clock.duty == "nis2-final-report")
    assert final.due_by is not None
    assert iso(final.due_by) == "2026-12-28T08:20:00Z"
    completed = notify(entity, incident, act("security-operations", 60), replace(sent, receipt="CSIRT 10"))
    decided = with_record(incident, completed).decisions["nis2-notification"]
    assert (iso(decided.sent_at or incident.aware_at), decided.receipt) == ("2026-11-28T08:20:00Z", "CSIRT 9; then CSIRT 10")


def test_what_was_preserved_is_not_owed(act: By, opened: Any, with_record: With) -> None:
    """Media that were taken as evidence, or a word that there are none; a look at what was taken before is neither."""
    incident, owed = opened(), "nothing was preserved, and nobody said that there is nothing to preserve"
    for payload, settled in (({"items": [{"place": "a.jpg"}]}, True), ({"nothing": True, "items": []}, True), ({"items": []}, False)):
        after = with_record(incident, file_step(incident.id, Step.PRESERVE, act(), payload))
        assert (owed not in owed_before_closing(after)) is settled


def test_a_second_responder_whose_clock_is_behind_is_told_so(opened: Any) -> None:
    """Nobody gave a time: the reason isn't one that was typed, and how long it lasts is said."""
    incident = opened()
    now = incident.aware_at - timedelta(seconds=40)
    with pytest.raises(BadInputError, match="lies before awareness") as caught:
        recover(incident, Act("legal", now, now), restored="the picture")
    assert caught.value.fix == "this machine's clock is behind that of whoever opened it: set it, or try again in 41 seconds"


def test_nothing_is_dated_before_awareness(desk: Desk, act: By, opened: Any) -> None:
    """A step before the organisation knew is a mistake of the clock, and so is an opening before awareness."""
    early = Act("legal", act().at - timedelta(hours=2), act().now)
    with pytest.raises(BadInputError, match="lies before awareness"):
        recover(opened(), early, restored="the picture")
    with pytest.raises(BadInputError, match="comes after the opening"):
        open_incident(desk, early, Opening("A faked seller", "Why.", "a customer", act().at))


def test_addresses_of_people_are_removed_and_hidden_characters_shown(desk: Desk, act: By, opened: Any) -> None:
    """E-mail and IP addresses don't reach the ledger, and text can't forge lines or turn around: what doesn't show is written out."""
    title = "Fake by eve@example.org from 203.0.113.9\x1b[2J and \u202e reversed\nINC-forged"
    record = open_incident(desk, act(), Opening(title, title, "a customer", act().at))
    text = json.dumps(record.to_json(), ensure_ascii=False)
    assert "eve@example.org" not in text
    assert "203.0.113.9" not in text
    assert "\x1b" not in text
    assert "\\u202e" in record.payload["title"]
    assert "\n" not in record.payload["title"]
    assert record.redactions == ("IP address: 2", "e-mail address: 2")


def test_an_incident_is_found_by_any_part_that_no_other_has(desk: Desk, act: By) -> None:
    """A part of an id is enough where it is unambiguous; several, or none, are listed."""
    records = [open_incident(desk, act(minutes=minute), Opening("A faked seller", "Why.", "a customer", act().at)) for minute in (5, 6)]

    class Place:
        def __init__(self, index: int) -> None:
            self.index, self.record = index, records[index]

    found = read_incidents([Place(0), Place(1)])
    names = list(found)
    assert find_incident(found, names[0][-6:]).id == names[0]
    assert find_incident(found, "latest").id == names[1]
    with pytest.raises(BadInputError, match="several incidents"):
        find_incident(found, "INC-2026")


def test_the_reopening_of_lessons_keeps_role_and_day(act: By, opened: Any) -> None:
    """An action has its owner and its day in the record."""
    record = recover(opened(), act(), restored="all of it", lessons=[Lesson("Move to the API", "platform-security", "2027-01-15")])
    assert record.payload["lessons"] == [{"what": "Move to the API", "role": "platform-security", "due": "2027-01-15"}]


def test_closing_twice_is_refused(act: By, opened: Any, with_record: With) -> None:
    """An incident is closed once."""
    incident = opened()
    incident = with_record(incident, close(incident, act(), cause="Unknown.", leave_open="It was a test of the form."))
    with pytest.raises(BadInputError, match="was closed at"):
        close(incident, act(), cause="Again.")
