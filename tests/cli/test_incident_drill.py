"""A drill plays an incident by the real steps on the embedded AWS; what fails in it is found, and the result is evidence."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from averment.cli.drill import scenarios
from averment.cli.drill.play import Game, Played, Scenario, drill_record, find_scenario, play
from averment.cli.drill.scenarios import SCENARIOS
from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError, IncompleteError
from averment.core.organisation import IncidentSettings, Organisation, load_organisation
from averment.core.period import utc_now
from averment.core.words import Status
from averment.evidence.judging.assess import assess
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import DRILLS, Kind, Record
from averment.governance.incidents.steps import Desk

CONTACTS = dict.fromkeys(("security-operations", "trust-and-safety", "legal", "privacy", "marketing", "finance"), "a queue")
PROFILE = {"personal_data": True, "nis2_entity": False, "deployer": True, "generates_media": True, "online_platform": False}


class Quiet:
    """Stands for the detector, whose answer no drill depends on."""

    def score(self, images: Any) -> Any:
        from averment.detector.interface import Score

        return [Score(cannot_say="not asked in this test") for _ in images]


@pytest.fixture
def organisation(tmp_path: Path) -> Organisation:
    """An organisation that can be reached, with times for its steps."""
    settings = IncidentSettings(contacts=CONTACTS, targets={"preserve": "1h", "contain": "1h"})
    return Organisation(name="Shop", profile=PROFILE, incidents=settings, root=tmp_path)


def played(organisation: Organisation, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Scenario, list[Played]]:
    monkeypatch.setattr(scenarios, "open_detector", lambda _: Quiet())
    scenario = find_scenario(SCENARIOS, name)
    game = Game(Desk(organisation, load_catalogue(organisation)), utc_now)
    return scenario, play(scenario, game, before=lambda _: None, after=lambda _: None)


def status(organisation: Organisation, record: Record, assessment: str) -> tuple[Status, str]:
    catalogue = load_catalogue(organisation)
    states = assess(catalogue, organisation, [record], period=None, as_of=record.collected_at)
    found = next(item for state in states for item in state.assessments if item.id == assessment)
    return found.status, found.reason


@pytest.mark.parametrize("name", [scenario.id for scenario in SCENARIOS])
def test_every_step_of_a_scenario_comes_to_what_it_must(
    sandbox: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With contacts for its roles, each scenario passes from the notice to the report, and satisfies the assessments that ask for a drill."""
    scenario, results = played(organisation, name, monkeypatch)
    assert [(item.move.name, item.reason) for item in results] == [(move.name, None) for move in scenario.moves]
    assert all(item.shown for item in results)
    record = drill_record(scenario, results, organisation, utc_now(), people=False)
    for assessment in ("SM-IR-01/played", "SM-IR-02/played", "SM-DEL-02/drilled"):
        assert status(organisation, record, assessment)[0] is Status.SATISFIED
    assert "permissions: " in " ".join(record.payload["not_shown"])


def test_a_step_that_fails_is_found_and_the_others_are_played(
    sandbox: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A takedown that doesn't hold fails its step and what hangs on it, by name; a role without a contact fails the reaching alone."""
    monkeypatch.setattr(scenarios, "_is_hidden", lambda key: key != scenarios.COPY)
    settings = replace(organisation.incidents, contacts={role: how for role, how in CONTACTS.items() if role != "legal"})
    unreachable = replace(organisation, incidents=settings)
    scenario, results = played(unreachable, "product-picture", monkeypatch)
    failed = {item.move.name: str(item.reason) for item in results if not item.passed}
    assert set(failed) == {"reach", "contain"}
    assert "legal has no contact" in failed["reach"]
    assert [item.fix for item in results if item.move.name == "reach"] == ["write incidents: {contacts: {legal: ...}}"]
    assert "the picture and its thumbnail can't be read any more" in failed["contain"]
    record = drill_record(scenario, results, unreachable, utc_now(), people=False)
    said = status(unreachable, record, "SM-DEL-02/drilled")
    assert said[0] is Status.NOT_SATISFIED
    assert "product-picture/contain" in said[1]
    assert "product-picture/reach" in status(unreachable, record, "SM-IR-01/played")[1]


def test_copies_that_cannot_be_read_are_not_unchanged(sandbox: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the analysis nobody may read the copies any more: that they are as they were isn't shown by it, and the step fails."""
    real = scenarios.check_copies

    def refused(place: str) -> str:
        raise IncompleteError("AccessDenied")

    def unreadable(*arguments: Any, **named: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr("averment.governance.incidents.custody.Keep.digest", refused)
            return real(*arguments, **named)

    monkeypatch.setattr(scenarios, "check_copies", unreadable)
    _, results = played(organisation, "product-picture", monkeypatch)
    assert [(item.move.name, item.reason) for item in results if not item.passed] == [
        ("analyse", "not so: the copies are unchanged after the analysis")
    ]


def test_what_a_drill_shows_says_of_what_and_why(sandbox: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The severity with its reasons, each duty with its time and who decides, each measure with what it was taken on; setting up counts for no step."""
    built: list[str] = []
    monkeypatch.setattr(scenarios, "build_world", lambda now, plain=scenarios.build_world: built.append("world") or plain(now))
    _, results = played(organisation, "product-picture", monkeypatch)
    shown = {item.move.name: item.shown for item in results}
    assert built == ["world"]
    assert len(shown["notice"]) == 1
    severity, *due = shown["triage"]
    assert severity.startswith("the matrix gives the severity high: ")
    assert all(" by " in line or "no hours named" in line for line in due)
    hidden = [line for line in shown["contain"] if line.startswith("hide-object of ")]
    assert len(set(hidden)) == 2, "two objects are told apart"


def test_a_world_that_cannot_be_set_up_is_no_failed_step(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill could not be held, which says nothing about the organisation."""

    def refuse(_: Any) -> Any:
        raise IncompleteError("could not set up the drill: no room")

    monkeypatch.setattr(scenarios, "build_world", refuse)
    with pytest.raises(IncompleteError, match="no room"):
        played(organisation, "checkout", monkeypatch)


def test_a_target_that_is_missed_fails_the_step(sandbox: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that came out right, and too late by the organisation's own target, is a failure."""
    tight = replace(organisation, incidents=replace(organisation.incidents, targets={"preserve": "0s"}))
    _, results = played(tight, "product-picture", monkeypatch)
    late = [item for item in results if not item.passed]
    assert [item.move.name for item in late] == ["preserve"]
    assert "0s is the target" in str(late[0].reason)


def test_there_are_only_the_scenarios_that_there_are() -> None:
    """An unknown one is told with the known ones."""
    with pytest.raises(BadInputError, match="no scenario 'earthquake'"):
        find_scenario(SCENARIOS, "earthquake")


def test_the_command_files_the_drill_in_the_organisations_ledger(tmp_path: Path) -> None:
    """In a process of its own: the result is shown step by step and lies in the ledger; the incident that was played doesn't."""
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "averment", "incident", "drill", "checkout"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 1, done.stderr  # nobody has a contact
    assert "failed  reach" in done.stdout
    assert "fix: write incidents: {contacts: {finance: ..." in done.stdout
    assert "9 of 10 steps passed in " in done.stdout
    assert "; failed: reach" in done.stdout
    assert "of the ledger .averment/ledger, evidence for SM-IR-01" in done.stderr
    with open_ledger(load_organisation(tmp_path / "averment.yaml")) as ledger:
        (entry,) = ledger.records(Kind.INCIDENT)
    assert entry.record.collector == DRILLS
    assert entry.record.payload["summary"]["failed"] == 1
    assert entry.record.controls == ("SM-IR-01", "SM-IR-02", "SM-DEL-02")


def test_people_are_not_waited_for_where_there_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job in the background doesn't hang on a question."""
    monkeypatch.chdir(tmp_path)
    assert run(["incident", "drill", "--with-people"]) == 2
    assert "there is no terminal" in capsys.readouterr().err


def test_on_a_terminal_something_moves_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is being done is shown, one thing at a time, and nothing is left turning when the drill ends or breaks off."""
    from averment.cli import progress
    from averment.cli.drill.command import _Telling
    from averment.cli.progress import Spinner

    monkeypatch.setattr(progress, "lively", lambda: True)

    def broken_off() -> None:
        with _Telling(people=False) as telling:
            telling.now("setting up")
            first = Spinner.present
            assert first is not None
            telling.now("playing [1]")
            assert Spinner.present not in (None, first)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert Spinner.present is None
