"""The after-action report: all that is on record, in two forms, and no text of anybody's read as markup."""

from __future__ import annotations

import html as html_module
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from averment.cli.main import run
from averment.governance.incidents.containing import contain, contained_elsewhere, nothing_to_contain, undo
from averment.governance.incidents.custody import preserve
from averment.governance.incidents.document import Table, html, markdown
from averment.governance.incidents.filing import Act
from averment.governance.incidents.keeping import FolderKeep
from averment.governance.incidents.measures import open_measure
from averment.governance.incidents.opinions import Opinion, opinion
from averment.governance.incidents.report import Head, after_action
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import Desk, Lesson, Notification, Triage, close, notify, recover, triage
from averment.governance.incidents.words import Answer, Decision

By = Callable[..., Act]
With = Callable[[Incident, Any], Incident]
HEAD = Head("example.org/log", 9, "ab" * 32)
HOSTILE = "<img src=x onerror=alert(1)> | [click](javascript:alert(1)) **bold** `code` {{ 7*7 }} ~~~ $(id) www.example.org"


@pytest.fixture
def whole(desk: Desk, opened: Any, act: By, with_record: With, tmp_path: Path) -> Incident:
    """An incident with a record of nearly every kind, under hostile texts."""
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    incident: Incident = opened(third_party_access=Answer.YES, personal_data_breached=Answer.NO)
    for number, make in enumerate(
        (
            lambda found, at: triage(desk, found, at, Triage({"detector_missed": Answer.YES}, HOSTILE, "trust", "public")),
            lambda found, at: (
                preserve(found, at, [str(tmp_path / "a.jpg"), "gone.jpg"], FolderKeep(tmp_path / "kept"), because=HOSTILE).record
            ),
            lambda found, at: nothing_to_contain(found, at, because=HOSTILE),
            lambda found, at: opinion(found, at, Opinion.SYNTHETIC, (), because=HOSTILE),
            lambda found, at: notify(desk, found, at, Notification("pixelpost", Decision.SENT, HOSTILE, receipt=HOSTILE)),
            lambda found, at: recover(found, at, restored=HOSTILE, lessons=[Lesson(HOSTILE, "platform-security", "2027-01-15")]),
            lambda found, at: close(found, at, cause=HOSTILE, leave_open=HOSTILE),
        ),
        start=1,
    ):
        incident = with_record(incident, make(incident, act(minutes=5 + number)))
    return incident


def test_the_report_tells_every_record_with_its_entry(whole: Incident) -> None:
    """Times, roles, custody, decisions, what doesn't apply and why, what was left open, and the record behind each line."""
    text = html_module.unescape(markdown(after_action(whole, "Larkspur", HEAD)))
    for event in whole.events:
        assert event.record.id in text
        assert re.search(rf"\| {event.index}( \||,)", text)
    assert whole.items["1"]["sha256"] in text
    assert "GDPR Art 33 | it was answered no" in text
    assert "sent at 2026-11-28T08:10:00Z, in time, by security-operations" in text
    assert "2027-01-15" in text
    assert "Closed all the same" in text
    assert "gone.jpg" in text  # what could not be preserved
    assert "the copies lie in a folder" in text  # what to know of where they are
    assert HEAD.root in text


def test_an_items_digest_stands_on_a_line_of_its_own(whole: Incident) -> None:
    """Of nine columns beside each other a digest took eight lines, and the address of the copy twenty: nobody could compare them."""
    custody = next(section for section in after_action(whole, "Larkspur", HEAD).sections if section.name == "media")
    first = custody.blocks[0]
    assert isinstance(first, Table)
    assert (first.head, first.rows[0]) == (("", ""), ("Item", "1"))
    assert ("SHA-256", whole.items["1"]["sha256"]) in first.rows


def test_hostile_text_stays_text_in_both_forms(whole: Incident) -> None:
    """No tag, link, emphasis, code or template comes out of what somebody wrote; it is shown as it was written."""
    document = after_action(whole, HOSTILE, HEAD)
    page, text = html(document), markdown(document)
    assert "<img" not in page
    assert HOSTILE in html_module.unescape(page)
    assert not re.search(r"<script|javascript:alert\(1\)\">|<a href=\"(?!#)", page)
    for sign in ("<img", "](javascript", "**bold**", "`code`", "{{ 7", "~~~", "$("):
        assert sign not in text
    rows = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    assert all(line.count("|") in {3, 4, 5, 6, 7, 8, 10} for line in rows)  # no text adds a cell


def test_markdown_is_read_as_it_was_meant(whole: Incident) -> None:
    """The site's own Markdown makes the same text of it: headings, tables, and nothing more."""
    markdown_module = pytest.importorskip("markdown")
    made = markdown_module.markdown(markdown(after_action(whole, "Larkspur", HEAD)), extensions=["tables"])
    assert made.count("<h2>") == 10
    assert "<table>" in made
    assert not re.search(r"<(img|a|strong|code|script)\b", made)
    assert HOSTILE in html_module.unescape(made)


def test_an_open_incident_has_a_report_that_says_what_is_owed(desk: Desk, opened: Any) -> None:
    """The report is there from the first minute, and says that it isn't the end."""
    text = html_module.unescape(markdown(after_action(opened(), "Larkspur", HEAD)))
    assert "The incident is not closed" in text
    assert "it was never triaged" in text
    assert "may be due, undecided" in text


def test_a_no_that_more_was_learnt_since_is_not_told_as_the_last_word(desk: Desk, opened: Any, act: By, with_record: With) -> None:
    """Beside the denial stands that the duty is due by what is known since, and what is open names it."""
    incident = opened()
    denied = Notification("gdpr-33", Decision.NOT_DUE, "No account was touched, it seems.")
    incident = with_record(incident, notify(desk, incident, act("privacy"), denied))
    learnt = Triage({"personal_data_breached": Answer.YES}, "The table was read.", "trust", "public")
    incident = with_record(incident, triage(desk, incident, act(minutes=20), learnt))
    text = markdown(after_action(incident, "Larkspur", HEAD))
    assert "not-due, by privacy; due by what is known since, undecided" in html_module.unescape(text).replace("\\", "")
    assert "gdpr-33 is due, and was denied before that was known" in html_module.unescape(text).replace("\\", "")


def test_a_measure_that_was_taken_back_is_not_told_as_holding(sandbox: Any, opened: Any, act: By, with_record: With) -> None:
    """Its row says until when it held and what took it back. An undoing that was refused isn't told as one, and leaves the row as it was."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument="{}")
    incident: Incident = opened()
    measure = open_measure("revoke-sessions=partner")
    held = with_record(incident, contain(incident, act(), measure, because=HOSTILE, unpreserved="There was no time at all."))
    back = with_record(held, undo(held, act(minutes=9), 1, because=HOSTILE))
    said = html_module.unescape(markdown(after_action(back, "Larkspur", HEAD)))
    assert "| revoke-sessions | partner | holds until 2026-11-28T08:09:00Z: taken back by entry 2 |" in said
    assert "| From awareness to the first record of recovery | not recorded |" in said
    refused = with_record(held, undo(held, act(minutes=9), 1, because=HOSTILE))  # its policy is gone already
    said = html_module.unescape(markdown(after_action(refused, "Larkspur", HEAD)))
    assert "| revoke-sessions | partner | holds |" in said
    assert "revoke-sessions partner NOT undone: " in said
    assert "partner undone" not in said


def test_times_count_from_what_happened_first(opened: Any, act: By, with_record: With) -> None:
    """Of two responders, the one who contained first wrote it down second."""
    incident: Incident = opened()
    for minutes in (50, 20):
        step = contained_elsewhere(
            incident, act(minutes=minutes), what="blocked", target="a", reference=None, because="Live.", unpreserved="No time for it."
        )
        incident = with_record(incident, step)
    assert "| From awareness to the first record of containing | 20 minutes" in markdown(after_action(incident, "Larkspur", HEAD))


def test_the_same_records_give_the_same_bytes(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs of the command write the same file, and a name ending in .html gets HTML."""
    monkeypatch.chdir(config.parent)
    assert run(["incident", "open", "A faked seller", "--by", "legal"]) == 0
    assert run(["incident", "report", "latest", "-o", "a.html"]) == 0
    assert run(["incident", "report", "latest", "--format", "html", "-o", "b.htm"]) == 0
    assert (config.parent / "a.html").read_bytes() == (config.parent / "b.htm").read_bytes()
    assert (config.parent / "a.html").read_text().startswith("<!doctype html>")
    capsys.readouterr()
    assert run(["incident", "report", "latest"]) == 0
    assert capsys.readouterr().out.startswith("# After-action report INC")


@pytest.mark.parametrize("name", ["plan.md", "plan.html"])
def test_what_somebody_wrote_into_a_plan_stays(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The numbers that a team had put into its plan were gone after the next run, without a word; as averment left it, it's written anew."""
    monkeypatch.chdir(config.parent)
    plan, place = ["incident", "plan", "--without-evidence", "-o", name], config.parent / name
    assert run(plan) == 0
    made = place.read_bytes()
    place.write_bytes(made.replace(b"\n", b"\r\n"))
    assert run(plan) == 0, "a checkout with other ends of lines is no edit"
    assert place.read_bytes() == made
    place.write_bytes(b"")
    assert run(plan) == 0, "an empty one, as mktemp makes, holds nobody's work"
    assert place.read_bytes() == made
    for ours in (made.replace(b"legal", b"legal (call +49 30 1234)", 1), made + b"one line more\n", b"notes of mine\n"):
        place.write_bytes(ours)
        capsys.readouterr()
        assert run(plan) == 2
        assert f"{name}: was edited" in capsys.readouterr().err
        assert place.read_bytes() == ours
