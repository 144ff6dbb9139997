"""Attestations: who may answer what, what is recorded, and ``averment attest``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
import pytest

from averment.cli import attest as module
from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import from_iso, utc_now
from averment.core.words import Status
from averment.evidence.attestations import MAX_STATEMENT, Answer, OpenQuestion, attest, find_question, parse_by, questions
from averment.evidence.judging.assess import assess
from averment.evidence.judging.states import AssessmentState, Gap
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Record

NOW = from_iso("2026-11-20T12:00:00Z")


@pytest.fixture
def question() -> OpenQuestion:
    return find_question(load_catalogue(), "SM-UPL-03/terms")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ledger_records(shop: Path) -> list[Record]:
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        return [entry.record for entry in ledger.records()]


def status_of(record: Record, *, later: timedelta = timedelta()) -> Status:
    states = assess(load_catalogue(), Organisation(), [record], period=None, as_of=NOW + later)
    return next(item.status for state in states for item in state.assessments if item.id == "SM-UPL-03/terms")


def test_a_yes_satisfies_until_it_expires(question: OpenQuestion) -> None:
    """The record holds question, person, role and validity, and satisfies the assessment for as long as the control says."""
    record = attest(question, answer=Answer.YES, by="procurement/Ada Byron", statement="Framework contract 7", now=NOW)
    assert record.payload["by"] == {"role": "procurement", "name": "Ada Byron"}
    assert record.payload["valid_until"] == "2027-11-20T12:00:00Z"
    assert record.payload["question"] == question.asked["question"]
    assert (record.effective_at, record.controls) == (NOW, ("SM-UPL-03/terms",))
    assert status_of(record) is Status.SATISFIED
    assert status_of(record, later=timedelta(days=364)) is Status.SATISFIED
    assert status_of(record, later=timedelta(days=366)) is Status.NOT_ASSESSED


@pytest.mark.parametrize(
    ("answer", "status"),
    [(Answer.NO, Status.NOT_SATISFIED), (Answer.UNKNOWN, Status.NOT_ASSESSED), (Answer.NOT_APPLICABLE, Status.NOT_APPLICABLE)],
)
def test_other_answers_say_what_they_say(question: OpenQuestion, answer: Answer, status: Status) -> None:
    """No is a finding, unknown satisfies nothing, not applicable needs its reason."""
    assert status_of(attest(question, answer=answer, by="procurement/Ada", statement="because", now=NOW)) is status


def test_a_no_stands_until_somebody_knows_better(question: OpenQuestion) -> None:
    """Who answers "unknown" after a "no" has shown nothing; a "yes" has, and "unknown" after that is no "no"."""

    def said(*answers: Answer) -> AssessmentState:
        records = [
            attest(question, answer=answer, by="procurement/Ada", statement="because", now=NOW - timedelta(hours=len(answers) - index))
            for index, answer in enumerate(answers)
        ]
        states = assess(load_catalogue(), Organisation(), records, period=None, as_of=NOW)
        return next(item for state in states for item in state.assessments if item.id == "SM-UPL-03/terms")

    state = said(Answer.NO, Answer.UNKNOWN, Answer.UNKNOWN)
    assert state.status is Status.NOT_SATISFIED
    assert "Ada (procurement) on 2026-11-20: no (because)" in state.reason
    assert 'not shown otherwise since: the answer of 2026-11-20 is "unknown"' in state.reason
    assert said(Answer.NO, Answer.UNKNOWN, Answer.YES).status is Status.SATISFIED
    assert said(Answer.NO, Answer.YES, Answer.UNKNOWN).gap is Gap.UNDECIDED
    assert said(Answer.UNKNOWN).gap is Gap.UNDECIDED


@pytest.mark.parametrize(
    ("answer", "by", "statement", "words"),
    [
        (Answer.YES, "intern/Bob", "", "asks the role 'procurement'"),
        (Answer.YES, "Ada", "", "does not say who answers"),
        (Answer.YES, "procurement/", "", "does not say who answers"),
        (Answer.NO, "procurement/Ada", " ", "needs a statement"),
        (Answer.NOT_APPLICABLE, "procurement/Ada", "", "needs a statement"),
        (Answer.YES, "procurement/Ada", "x" * (MAX_STATEMENT + 1), "10,001 characters"),
        (Answer.YES, "procurement/Ada", "seen \udcff", "not text in UTF-8"),
        (Answer.YES, "procurement/M\udcfcller", "", "not one line of text"),
        (Answer.YES, "procurement/Ada\n\x1b[2J", "", "not one line of text"),
        (Answer.YES, f"procurement/{'A' * 201}", "", "a name of 201 characters"),
    ],
)
def test_what_would_prove_nothing_is_refused(question: OpenQuestion, answer: Answer, by: str, statement: str, words: str) -> None:
    """The wrong role, no name, and a no without a reason are refused before anything is recorded."""
    with pytest.raises(BadInputError, match=words):
        attest(question, answer=answer, by=by, statement=statement, now=NOW)


def test_names_may_hold_slashes_and_statements_are_redacted(question: OpenQuestion) -> None:
    """Only the first slash parts role and name; addresses in a statement go and are counted."""
    assert parse_by("procurement / Ada/Bob ") == ("procurement", "Ada/Bob")
    assert parse_by("procurement/Müller\u00a0\u200cعلی") == ("procurement", "Müller\u00a0\u200cعلی")
    record = attest(question, answer=Answer.YES, by="procurement/Ada", statement="ask ada@example.com", now=NOW)
    assert record.payload["statement"] == "ask [e-mail address]"
    assert record.redactions == ("e-mail address: 1",)


def test_a_question_is_found_by_control_where_it_asks_only_one() -> None:
    """``SM-UPL-03`` is enough; an unknown name lists what can be answered."""
    catalogue = load_catalogue()
    assert find_question(catalogue, "SM-UPL-03").id == "SM-UPL-03/terms"
    assert find_question(catalogue, "sm-upl-03/Terms").id == "SM-UPL-03/terms"
    with pytest.raises(BadInputError, match="asks nobody anything") as caught:
        find_question(catalogue, "SM-UPL-01")
    assert all(question.id in str(caught.value.fix) for question in questions(catalogue))
    with pytest.raises(BadInputError, match="there is no such control"):
        find_question(catalogue, "SM-UPL-33/terms")
    with pytest.raises(BadInputError, match=r"that averment\.yaml doesn't select"):
        find_question(load_catalogue(Organisation(controls=("SM-UPL-03",))), "SM-GOV-04/clauses")


def test_the_command_records_in_the_ledger(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record's id goes to stdout, and the ledger holds the record."""
    code = run(["attest", "SM-UPL-03/terms", "--answer", "yes", "--by", "procurement/Ada", "--statement", "contract 7"])
    out, err = capsys.readouterr()
    [record] = ledger_records(shop)
    assert (code, out.strip()) == (0, record.id)
    assert "valid until" in err
    assert record.payload["statement"] == "contract 7"


def test_an_answer_by_a_clock_that_is_behind_is_not_recorded_as_if_it_counted(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its no was dated before the yes, which went on to count, and nobody heard of it."""
    answers = ["attest", "SM-UPL-03/terms", "--by", "procurement/Ada", "--statement", "see contract 7", "--answer"]
    assert run([*answers, "yes"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("averment.evidence.attestations.utc_now", lambda: utc_now() - timedelta(days=3))
    assert run([*answers, "no"]) == 3
    assert "the ledger has the answer 'yes' of" in capsys.readouterr().err
    assert run(["attest", "SM-GOV-04/clauses", "--by", "procurement/Ada", "--answer", "yes"]) == 0
    monkeypatch.undo()
    monkeypatch.chdir(shop)
    assert run([*answers, "no"]) == 0
    assert [record.payload["answer"] for record in ledger_records(shop)] == ["yes", "yes", "no"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["SM-UPL-03/terms", "--answer", "yes"], "--by must be given"),
        (["SM-UPL-03/terms"], "--answer and --by must be given"),
        (["SM-UPL-03/terms", "--answer", "yes", "--by", "intern/Bob"], 'fix: write --by "procurement/Bob"'),
        (["nothing", "--answer", "yes", "--by", "a/b"], "SM-UPL-03/terms"),
    ],
)
def test_the_command_refuses_what_it_cannot_record(
    arguments: list[str], words: str, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad input ends with exit 2, a fix, and nothing in the ledger."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["attest", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (shop / ".averment").exists()


def test_on_a_terminal_it_asks_for_what_is_missing(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The question is shown, the role is the one asked, and the answers are recorded."""
    answers = iter(["yes", "Ada Byron", "contract 7"])
    monkeypatch.setattr(module.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(answers))
    assert run(["attest", "SM-UPL-03/terms"]) == 0
    assert "contract in force" in capsys.readouterr().err
    [record] = ledger_records(shop)
    assert record.payload["by"] == {"role": "procurement", "name": "Ada Byron"}


def test_without_a_target_it_lists_the_questions(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has to answer sees what is asked, and of whom."""
    assert run(["attest"]) == 0
    out, told = capsys.readouterr()
    asked = list(questions(load_catalogue()))
    assert all(question.id in out and str(question.asked["role"]) in out for question in asked)
    told = " ".join(told.split())
    assert f"{len(asked)} questions, answered or not. Answer one: averment attest {asked[0].id}." in told


def test_where_no_question_is_asked_it_says_so(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing at all was printed, as if the command had done something."""
    (shop / "averment.yaml").write_text("version: 1\ncontrols: [SM-UPL-01]\n", encoding="utf-8")
    assert run(["attest"]) == 0
    assert capsys.readouterr() == ("", "none of the selected controls asks a person\n")
