"""Attestations by workbook: what goes out, what comes back, and what is refused, read and written with openpyxl as people's programs do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from averment.cli.main import run
from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation, load_organisation
from averment.core.period import from_iso, utc_now
from averment.core.words import Status
from averment.evidence import answers as module
from averment.evidence.answers import Answers, not_yet_recorded, read_answers
from averment.evidence.attestations import questions
from averment.evidence.judging.assess import assess
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.questionnaire import HEAD, QUESTIONS, asked, questionnaire
from averment.evidence.record import Record

MADE = from_iso("2026-11-20T12:00:00Z")
NOW = from_iso("2026-11-25T12:00:00Z")
TERMS = "SM-UPL-03/terms"
GIVEN = {"Answer": "yes", "Name": "Ada Byron", "Answered on": datetime(2026, 11, 24), "Statement": "Contract 7"}  # noqa: DTZ001 - as cells hold it


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """The workbook of all questions, as it goes out."""
    catalogue = load_catalogue()
    states = assess(catalogue, Organisation(), [], period=None, as_of=MADE)
    path = tmp_path / "out.xlsx"
    path.write_bytes(questionnaire(asked(list(questions(catalogue)), states), organisation="Shop", made=MADE))
    return path


def fill(path: Path, target: str = TERMS, **cells: Any) -> Path:
    """Put ``cells`` (underscores for blanks) into the row of ``target`` and save the workbook again."""
    book = openpyxl.load_workbook(path)
    sheet = book[QUESTIONS]
    row = next(cells[0].row for cells in sheet.iter_rows(min_row=2) if cells[0].value == target)
    for name, value in cells.items():
        sheet.cell(row, HEAD.index(name.replace("_", " ")) + 1).value = value
    book.save(path)
    return path


def read(path: Path, *, now: datetime = NOW) -> Answers:
    return read_answers(path, load_catalogue(), organisation="Shop", now=now)


def ledger_records(shop: Path) -> list[Record]:
    with open_ledger(load_organisation(shop / "averment.yaml")) as ledger:
        return [entry.record for entry in ledger.records()]


def given(**other: Any) -> dict[str, Any]:
    return {**{name.replace(" ", "_"): value for name, value in GIVEN.items()}, **other}


def test_the_workbook_holds_every_question_with_role_and_validity(blank: Path) -> None:
    """Whoever answers sees what is asked, of which role, for how long, and what the state is; the same moment gives the same bytes."""
    rows = {str(row[0]): row for row in openpyxl.load_workbook(blank)[QUESTIONS].iter_rows(min_row=2, values_only=True)}
    assert set(rows) == {question.id for question in questions(load_catalogue())}
    assert rows[TERMS][3:6] == ("procurement", "365d", "not-assessed: nobody has attested it")
    assert "contract in force" in str(rows[TERMS][2])
    assert rows[TERMS][6:] == (None, None, None, None)
    catalogue = load_catalogue()
    again = questionnaire(
        asked(list(questions(catalogue)), assess(catalogue, Organisation(), [], period=None, as_of=MADE)), organisation="Shop", made=MADE
    )
    assert blank.read_bytes() == again


def test_a_question_is_shown_with_all_its_lines(blank: Path) -> None:
    """LibreOffice shows one line of a row that has no height: who was asked saw half of the question."""
    sheet = openpyxl.load_workbook(blank)["Questions"]
    long = [row for row in range(2, sheet.max_row + 1) if len(sheet.cell(row, 3).value) > 80]
    assert long
    assert all(sheet.row_dimensions[row].height >= 30 for row in long)


def test_text_of_an_own_control_does_not_become_a_formula(blank: Path) -> None:
    """An organisation called like a formula stays text: nothing in the workbook computes."""
    catalogue = load_catalogue()
    states = assess(catalogue, Organisation(), [], period=None, as_of=MADE)
    blank.write_bytes(questionnaire(asked(list(questions(catalogue)), states), organisation='=HYPERLINK("http://example.com")', made=MADE))
    book = openpyxl.load_workbook(blank)
    types = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert types == {"s"}
    assert book["About"]["B4"].value == '=HYPERLINK("http://example.com")'


def test_text_that_no_xml_holds_does_not_cost_the_questions(blank: Path) -> None:
    """A state's reason quotes what others wrote: the workbook opens all the same."""
    catalogue = load_catalogue()
    states = assess(catalogue, Organisation(), [], period=None, as_of=MADE)
    blank.write_bytes(questionnaire(asked(list(questions(catalogue)), states), organisation="Shop\x00\uffff", made=MADE))
    assert openpyxl.load_workbook(blank)["About"]["B4"].value == "Shop\\x00\\uffff"


def test_an_answer_comes_back_with_its_author_day_and_workbook(blank: Path) -> None:
    """The record says who answered, on which day by their word, in which file and row; it counts from the day of the import."""
    found = read(fill(blank, **given(Statement="ask ada@example.com")))
    [record] = found.records
    assert found.errors == ()
    assert (len(found.open), TERMS in found.open) == (len(list(questions(load_catalogue()))) - 1, False)
    assert record.payload["by"] == {"role": "procurement", "name": "Ada Byron"}
    assert record.payload["statement"] == "ask [e-mail address]"
    book = record.payload["workbook"]
    assert (book["sha256"], book["sheet"], book["answered_on"]) == (sha256_hex(blank.read_bytes()), QUESTIONS, "2026-11-24")
    assert openpyxl.load_workbook(blank)[QUESTIONS].cell(book["row"], 1).value == TERMS
    assert (record.effective_at, record.source) == (NOW, "averment attest --import")


def test_validity_runs_from_the_day_of_the_answer(blank: Path) -> None:
    """Taking an answer in late does not lengthen it, neither on record nor where the control is judged."""
    late = NOW + timedelta(days=300)
    [record] = read(fill(blank, **given()), now=late).records
    assert record.payload["valid_until"] == "2027-11-24T00:00:00Z"

    def status(moment: datetime) -> Status:
        states = assess(load_catalogue(), Organisation(), [record], period=None, as_of=moment)
        return next(item.status for state in states for item in state.assessments if item.id == TERMS)

    assert status(late) is Status.SATISFIED
    assert status(from_iso("2027-11-25T00:00:00Z")) is Status.NOT_ASSESSED
    [error] = read(blank, now=NOW + timedelta(days=400)).errors
    assert "was valid until 2027-11-24" in error.message


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (given(Answer="maybe"), "'maybe' is no answer"),
        (given(Answer=None), "'' is no answer"),
        (given(Answer=1), "'Answer' is not a text"),
        (given(Name=" "), "does not say who answers"),
        (given(Name='=HYPERLINK("http://example.com")'), "'Name' is a formula"),
        (given(Statement="=1+1"), "'Statement' is a formula"),
        (given(Answer="no", Statement=None), "needs a statement"),
        (given(Statement="x" * 10_001), "10,001 characters"),
        (given(Answered_on=None), "'Answered on' is missing"),
        (given(Answered_on="soon"), "'soon' is not a day"),
        (given(Answered_on=45_000), "'Answered on' is 2023-03-15, and the question was put"),
        (given(Answered_on="2026-11-27"), "still to come"),
        (given(Answered_on="2026-11-01"), "the question was put on 2026-11-20"),
        (given(Question="Is all well?"), "not the one that the control asks today"),
        (given(Role_asked="intern"), "asks the role 'procurement', not 'intern'"),
        (given(Id="SM-XXX-99/none"), "no question of the selected controls"),
    ],
)
def test_each_row_that_proves_nothing_is_named(blank: Path, cells: dict[str, Any], words: str) -> None:
    """Sheet, row and fix are said, and the row gives no record."""
    found = read(fill(blank, **cells))
    [error] = found.errors
    assert words in error.message
    assert error.message.startswith(f"sheet '{QUESTIONS}', row ")
    assert error.fix
    assert found.records == ()


def test_a_question_that_stands_twice_is_refused(blank: Path) -> None:
    """Two rows could say two things of one question."""
    other = next(question.id for question in questions(load_catalogue()) if question.id != TERMS)
    [error] = read(fill(fill(blank, **given()), other, Id=TERMS)).errors
    assert f"'{TERMS}' stands in row" in error.message


def _bomb(_: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 20_000)
    return target.getvalue()


def _ods(_: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", b"<office/>")
    return target.getvalue()


def _entities(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in source.infolist():
            text = source.read(part)
            text = text.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "a">]><worksheet', 1) if "sheet1" in part.filename else text
            archive.writestr(part.filename, text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda _: b"Id,Answer\n", "is not a workbook"),
        (lambda data: data[: len(data) // 2], "is not a workbook"),
        (lambda data: data + b" " * 40_000, "is larger than"),
        (_bomb, "unpacks to more than"),
        (_entities, "a document type"),
        (_ods, r"is no workbook of the kind \.xlsx"),  # LibreOffice saves as such, and the answers are all in it
    ],
)
def test_files_that_are_no_workbooks_or_meant_to_harm_are_refused(
    blank: Path, damage: Callable[[bytes], bytes], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a zip, cut off, too large, unpacking beyond bounds (both made small here), entities: one error that names the file."""
    monkeypatch.setattr(module, "MAX_BYTES", 40_000)
    if damage is _bomb:
        monkeypatch.setattr(module, "MAX_UNPACKED", 10_000)
    blank.write_bytes(damage(blank.read_bytes()))
    with pytest.raises(BadInputError, match=words) as caught:
        read(blank)
    assert str(caught.value.where) == str(blank)


def test_another_workbook_is_not_taken_for_ours(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other sheets, another layout or other columns, and more rows than we ever send are refused as a whole."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_ROWS", 10)
        with pytest.raises(BadInputError, match="more than 10 rows"):
            read(blank)
    book = openpyxl.load_workbook(blank)
    book[QUESTIONS]["A1"] = "Key"
    book.save(blank)
    with pytest.raises(BadInputError, match="row 1: the columns are not those"):
        read(blank)
    book[QUESTIONS]["A1"], book["About"]["B1"] = "Id", "averment questions 9"
    book.save(blank)
    with pytest.raises(BadInputError, match="does not say 'averment questions 1'"):
        read(blank)
    del book["About"]
    book.save(blank)
    with pytest.raises(BadInputError, match="has no sheet 'About'"):
        read(blank)


def test_another_organisations_answers_are_not_taken(blank: Path) -> None:
    """It asks the same questions: whoever looks after several would attest for one what people of the other answered."""
    fill(blank, **given())
    with pytest.raises(BadInputError, match="were put to 'Shop', and the organisation here is 'Stall'"):
        read_answers(blank, load_catalogue(), organisation="Stall", now=NOW)


def test_a_workbook_that_was_only_saved_again_says_nothing_new(blank: Path) -> None:
    """The same answer of the same workbook is known again in other bytes; a changed answer is new."""
    first = read(fill(blank, **given())).records
    before = blank.read_bytes()
    again = read(fill(blank, "SM-UPL-03/terms", Name="Ada Byron "), now=NOW + timedelta(days=1)).records
    assert blank.read_bytes() != before
    assert not_yet_recorded(again, first) == []
    changed = read(fill(blank, Answer="no"), now=NOW + timedelta(days=1)).records
    assert not_yet_recorded(changed, first) == list(changed)


def test_out_and_back_by_the_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Write, fill in, import; a second import adds nothing; the next workbook leaves out what has a valid answer unless asked."""
    assert run(["attest", "--workbook", "q.xlsx"]) == 0
    number = len(list(questions(load_catalogue())))
    assert f"{number} questions to answer" in capsys.readouterr().err
    fill(shop / "q.xlsx", **given(Answered_on=utc_now().date()))
    assert run(["attest", "--import", "q.xlsx"]) == 0
    out, err = capsys.readouterr()
    [record] = ledger_records(shop)
    assert out.strip() == record.id
    assert f"{number - 1} questions left open" in err
    assert run(["attest", "--import", "q.xlsx"]) == 0
    assert "0 answers recorded, 1 recorded before" in capsys.readouterr().err
    assert [item.id for item in ledger_records(shop)] == [record.id]
    assert run(["attest", "--workbook", "next.xlsx"]) == 0
    assert f"{number - 1} questions to answer; 1 has a valid answer already" in capsys.readouterr().err
    assert run(["attest", "--workbook", "all.xlsx", "--all"]) == 0
    assert f"{number} questions to answer" in capsys.readouterr().err


def test_an_older_answer_does_not_count_over_a_later_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Yesterday's yes, handed in after today's no: it would count from now, and the control would be satisfied. Of a yes of today nobody can tell
    whether it was the later one, but of what the same person corrects in the workbook."""
    assert run(["attest", "--workbook", "q.xlsx"]) == 0
    fill(shop / "q.xlsx", **given(Answered_on=utc_now().date() - timedelta(days=1)))
    assert run(["attest", TERMS, "--answer", "no", "--by", "procurement/Bob", "--statement", "the contract ended"]) == 0
    capsys.readouterr()
    assert run(["attest", "--import", "q.xlsx"]) == 2
    said = capsys.readouterr().err
    assert f"'no' was answered on {utc_now().date()}, after this 'yes' of {utc_now().date() - timedelta(days=1)}" in said
    assert f"averment attest {TERMS}" in said
    assert [record.payload["answer"] for record in ledger_records(shop)] == ["no"]
    fill(shop / "q.xlsx", Answered_on=utc_now().date())
    assert run(["attest", "--import", "q.xlsx"]) == 2
    assert (
        f"Bob answered 'no' on the day of this 'yes' of {utc_now().date()}, and which came last nobody can tell" in capsys.readouterr().err
    )
    assert run(["attest", TERMS, "--answer", "yes", "--by", "procurement/Bob"]) == 0
    assert run(["attest", "--import", "q.xlsx"]) == 0
    fill(shop / "q.xlsx", Answer="no")
    assert run(["attest", "--import", "q.xlsx"]) == 0
    assert [record.payload["answer"] for record in ledger_records(shop)] == ["no", "yes", "yes", "no"]


@pytest.mark.parametrize("typed", ["Yes", "YES", " yes ", "yes\u00a0"])
def test_an_answer_may_be_typed_as_people_type(blank: Path, typed: str) -> None:
    """Where the list in the cell is passed over, by pasting say: "Yes" was no answer, and kept the whole workbook out."""
    [record] = read(fill(blank, **given(Answer=typed))).records
    assert record.payload["answer"] == "yes"
    [record] = read(fill(blank, **given(Answer="Not applicable"))).records
    assert record.payload["answer"] == "not-applicable"


def test_a_question_whose_row_was_deleted_is_named(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was neither answered nor left open: nobody missed it."""
    assert run(["attest", "--workbook", "q.xlsx"]) == 0
    other = next(question.id for question in questions(load_catalogue()) if question.id != TERMS)
    book = openpyxl.load_workbook(fill(shop / "q.xlsx", **given(Answered_on=utc_now().date())))
    sheet = book[QUESTIONS]
    sheet.delete_rows(next(cells[0].row for cells in sheet.iter_rows(min_row=2) if cells[0].value == other))
    book.save(shop / "q.xlsx")
    capsys.readouterr()
    assert run(["attest", "--import", "q.xlsx"]) == 0
    said = capsys.readouterr().err
    assert f"not in it any more: 1 question that was sent out in it, open as before: {other}" in " ".join(said.split())
    assert f"{len(list(questions(load_catalogue()))) - 2} questions left open" in said


def test_one_bad_row_keeps_all_from_being_recorded(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every bad row is told, the exit code is 2, and there is no ledger."""
    run(["attest", "--workbook", "q.xlsx"])
    others = [question.id for question in questions(load_catalogue()) if question.id != TERMS][:2]
    fill(shop / "q.xlsx", **given(Answered_on=utc_now().date()))
    for target in others:
        fill(shop / "q.xlsx", target, Answer="perhaps")
    assert run(["attest", "--import", "q.xlsx"]) == 2
    err = capsys.readouterr().err
    assert err.count("q.xlsx: sheet 'Questions', row") == 2
    assert "nothing was recorded: 2 rows" in err
    assert not (shop / ".averment").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workbook", "averment.yaml"], "stands there already"),
        (["--import", "none.xlsx"], "does not exist"),
        (["--import", "a.xlsx", "--workbook", "b.xlsx"], "exclude each other"),
        ([TERMS, "--import", "a.xlsx"], "exclude each other"),
        (["--import", "a.xlsx", "--answer", "yes"], "exclude each other"),
        (["--all"], "--all says what goes into a workbook"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(shop: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that may hold answers isn't overwritten, and options that contradict each other are named."""
    assert run(["attest", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert (shop / "averment.yaml").read_text(encoding="utf-8").startswith("version: 1")


def test_a_workbook_without_answers_is_said_to_have_none(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty form is no success."""
    run(["attest", "--workbook", "q.xlsx"])
    assert run(["attest", "--import", "q.xlsx"]) == 2
    assert "answers none of its questions" in capsys.readouterr().err
