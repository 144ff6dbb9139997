"""The workbook, read back: sheets, values, links, limits, hostile text, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from averment.controls.loader import load_catalogue
from averment.core.period import from_iso, parse_period
from averment.core.words import Status
from averment.evidence.cells import MAX_CELL
from averment.evidence.judging.states import Gap
from averment.evidence.reporting.action import ActionRow
from averment.evidence.reporting.changes import ChangeRow
from averment.evidence.reporting.drift import DriftRow
from averment.evidence.reporting.operation import OperationRow
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import AssessmentRow, AttestationRow, ClaimRow, ControlRow, EvidenceRow, FindingRow, WaiverRow
from averment.evidence.reporting.samples import SampleRow
from averment.evidence.sinks import workbook as module
from averment.evidence.sinks.workbook import workbook_bytes, write_workbook

NOW = from_iso("2026-11-20T12:00:00Z")
DAY = NOW.replace(hour=0, tzinfo=None)
SHEETS = [
    "Summary",
    "Controls",
    "Assessments",
    "Evidence",
    "Populations",
    "Samples",
    "Claims",
    "Findings",
    "Code and deployment",
    "Operation",
    "Waivers",
    "Attestations",
    "Not assessed",
    "Plan of action",
    "Changes",
    "How to verify",
    "Sign-off",
]
ANSWERED = {"sha256": "cd" * 32, "number": "n-7", "sheet": "Questions", "row": 3, "answered_on": "2026-11-19"}
HOSTILE = [
    "=1+1",
    '=HYPERLINK("http://example.com","x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "http://example.com",
    "0123",
    "\t=1",
    "a\x01b",
]


def evidence(number: int, **more: Any) -> EvidenceRow:
    values: dict[str, Any] = {
        "record": f"record-{number}",
        "index": number,
        "kind": "check",
        "collector": "check 1",
        "source": "test",
        "query": {"call": "x"},
        "account": "012345678901",
        "region": "eu-west-1",
        "effective_at": NOW,
        "collected_at": NOW + timedelta(seconds=1),
        "gathering": "collected",
        "reason": None,
        "unit": "objects",
        "total": 3,
        "examined": 3,
        "truncated": False,
        "redactions": ("IP address: 1",),
        "sha256": "ab" * 32,
        "used_by": ("SM-UPL-03/iac",),
    }
    return EvidenceRow(**{**values, **more})


def report(**more: Any) -> PeriodReport:
    values: dict[str, Any] = {
        "organisation": "Shop",
        "profile": {"deployer": True},
        "scope": {"accounts": ["012345678901"], "regions": []},
        "period": parse_period("2026Q4"),
        "as_of": NOW,
        "judged_at": NOW,
        "totals": {str(status): number for number, status in enumerate(Status)},
        "left_out": ("SM-IDV-01",),
        "controls": (
            ControlRow("SM-UPL-03", "Title", "high", "platform", Status.NOT_SATISFIED, "why", ("EU AI Act Art 15",), ("weaker",), ()),
        ),
        "assessments": (
            AssessmentRow(
                "SM-UPL-03/iac",
                "SM-UPL-03",
                "T",
                "EXAMINE",
                "rule",
                Status.NOT_SATISFIED,
                "why",
                None,
                "platform",
                NOW,
                ("record-0", "record-1"),
            ),
            AssessmentRow(
                "SM-UPL-03/terms", "SM-UPL-03", "T", "INTERVIEW", "x", Status.NOT_ASSESSED, "why", Gap.EXPIRED, "procurement", None, ()
            ),
        ),
        "evidence": (evidence(0), evidence(1, unit=None, total=None, examined=None, truncated=None)),
        "claims": (
            ClaimRow("record-0", ("SM-UPL-03/x",), "99 %", "supported", "why", 0.98, 0.95, 0.99, 0.95, "exact", 0.9, 300, 300, 7, NOW),
        ),
        "findings": (
            FindingRow("SM-UPL-03", "SM-UPL-03/iac", "high", "aws_s3_bucket.a", "open", "main.tf:3", "record-0", NOW, "platform", None),
        ),
        "drift": (
            DriftRow("SM-UPL-03", "gated", "b", "AWS::S3::Bucket", "1", "r", "aws_s3_bucket.b", "main.tf:3", "pass", "fail", "x", NOW, NOW),
        ),
        "operation": (OperationRow(("SM-UPL-03",), "gated", "b", "AWS::S3::Bucket", "1", "r", 60, 20, 20, 2, "record-0", NOW),),
        "samples": (SampleRow("record-1", ("SM-UPL-03/marked",), "claims", "s3://b", "medium", 3, 2, "by the seed", "7", "ab" * 32, NOW),),
        "actions": (
            ActionRow(
                "a-1", "SM-UPL-03", "SM-UPL-03/iac", "high", "b", "open", ("Close it.",), "owner", "waived", NOW.date(), NOW, "record-0"
            ),
            ActionRow("a-2", "SM-UPL-03", "SM-UPL-03/terms", "high", "x", "not assessed", ("Ask.",), "owner", "expired", None, None, None),
        ),
        "changes": (ChangeRow("SM-UPL-03", "SM-UPL-03/iac", "deviation", "b", "not there", "open", "open"),),
        "waivers": (WaiverRow("SM-UPL-03", "*", "owner", "approver", "reason", NOW.date(), "expired", 0),),
        "attestations": (
            AttestationRow("record-1", ("SM-UPL-03/terms",), "Q?", "yes", "Ada", "procurement", "s", NOW, "2027-01-01T00:00:00Z"),
            AttestationRow("record-1", (), "Q?", "no", "Bob", "procurement", "s", NOW, None, ANSWERED),
        ),
    }
    return PeriodReport(**{**values, **more})


def read(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def rows(sheet: Any) -> list[dict[str, Any]]:
    head, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in body]


def test_every_sheet_is_there_in_order_with_frozen_header_and_filter() -> None:
    """Every sheet has a short name; each table's header stays in sight and can be filtered."""
    book = read(workbook_bytes(report()))
    assert book.sheetnames == SHEETS
    assert all(len(name) <= 31 for name in book.sheetnames)
    for name in SHEETS[1:15]:
        assert book[name].freeze_panes == "B2"
        assert book[name].auto_filter.ref.startswith("A1:")


@pytest.mark.parametrize("room", [100, 3_000, 9_000])
def test_a_full_disk_leaves_no_traceback(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """XlsxWriter's half made ZIP file writes its end when Python takes it off the heap, and the error of that was shown to whoever exported."""
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > room:
                raise OSError(28, "No space left on device")
            return super().write(data)

    with pytest.raises((OSError, xlsxwriter.exceptions.FileCreateError), match="No space left"), Full() as target:
        module._write(xlsxwriter, target, report(), {})
    gc.collect()
    assert shown == []


def test_values_arrive_as_what_they_are() -> None:
    """Numbers are numbers, days and times are such, by which one filters what is due before another; accounts keep their zero, statuses are words."""
    book = read(workbook_bytes(report()))
    [first, second] = rows(book["Evidence"])
    assert (first["Ledger index"], first["Account"], first["Effective (UTC)"]) == (0, "012345678901", NOW.replace(tzinfo=None))
    assert (first["Redactions"], second["SHA-256 of the record"]) == ("IP address: 1", "ab" * 32)
    assert first["File in the package"] == "records/record-0.json"
    assert rows(book["Controls"])[0]["Status"] == "not-satisfied"
    [population] = rows(book["Populations"])
    assert (population["Total"], population["Listing cut short"]) == (3, "no")
    [claim] = rows(book["Claims"])
    assert (claim["Estimate"], claim["Low"], claim["High"], claim["Verdict"]) == (0.98, 0.95, 0.99, "supported")
    [gap] = rows(book["Not assessed"])
    assert (gap["Why not"], gap["Owner"], gap["Last evidence (UTC)"]) == ("expired", "procurement", None)
    assert rows(book["Waivers"])[0]["Until (inclusive)"] == DAY
    assert rows(book["Findings"])[0]["State"] == "open"
    typed, filled = rows(book["Attestations"])
    assert (typed["By"], typed["Came by"], typed["SHA-256 of the workbook"]) == ("Ada", "given to averment attest", None)
    assert filled["Came by"] == "workbook n-7, sheet Questions, row 3, answered on 2026-11-19"
    assert (typed["Valid until (UTC)"], filled["Valid until (UTC)"]) == (from_iso("2027-01-01T00:00:00Z").replace(tzinfo=None), "no end")
    assert (filled["By"], filled["SHA-256 of the workbook"]) == ("Bob", "cd" * 32)
    [sample] = rows(book["Samples"])
    assert (sample["Population"], sample["Size"], sample["Seed"]) == (3, 2, "7")
    waived, missing = rows(book["Plan of action"])
    assert (waived["Due (inclusive)"], waived["Steps"], missing["Due (inclusive)"]) == (DAY, "Close it.", None)
    [change] = rows(book["Changes"])
    assert (change["Before"], change["In this period"]) == ("not there", "open")


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"deployer": True, "personal_data": False}, "deployer: yes, personal_data: no"),
        ({"provider": False}, "provider: no"),
        ({}, "not stated"),
    ],
)
def test_the_summary_says_what_the_profile_denies(profile: dict[str, bool], said: str) -> None:
    """A denial takes provisions away, so that an auditor has to see it as well as what is said to be so."""
    summary = read(workbook_bytes(report(profile=profile)))["Summary"]
    assert {name.value: value.value for name, value in summary["A1:B40"]}["Profile"] == said


@pytest.mark.parametrize("over", [False, True])
def test_the_summary_says_that_the_period_was_not_over(over: bool) -> None:
    """The package's page says so; who is sent the workbook alone took a quarter's beginning for the quarter."""
    period = parse_period("2026Q4")
    moment = period.end if over else period.end - timedelta(days=30)
    summary = read(workbook_bytes(report(as_of=moment)))["Summary"]
    said = {name.value: value.value for name, value in summary["A1:B40"]}.get("Mind")
    expected = "the period was not over when the latest evidence was collected (2026-12-02): nothing is told of the time after"
    assert said == (None if over else expected)


def test_a_printed_page_names_its_columns_and_what_it_is_of() -> None:
    """The second page of a table has its header again, and each page says of what sheet, period and organisation it is."""
    book = read(workbook_bytes(report(organisation="Up & Co " + "x" * 300)))
    tables = [sheet for sheet in book.worksheets if sheet.freeze_panes]
    assert tables
    assert {sheet.print_title_rows for sheet in tables} == {"$1:$1"}
    assert book["Findings"].oddFooter.left.text.startswith("Findings, 2026Q4, Up && Co x")
    assert book["Findings"].oddFooter.right.text == "Page &P of &N"
    assert len(book["Findings"].oddFooter.left.text) < 200


@pytest.mark.parametrize(
    ("message", "points"),
    [
        ("open", None),
        ("a word " * 30, 45),  # 210 characters on lines of 77
        ("one\ntwo\nthree\n", 60),
        ("図" * 100, 45),  # as wide as two digits each, and broken anywhere
        ("x" * 200, 45),
        ("y" * 40_000, 405),  # no row is higher than 409 points
    ],
)
def test_a_row_is_as_high_as_what_stands_in_it(message: str, points: int | None) -> None:
    """LibreOffice shows one line of a row that has no height, and prints the others over the rows below: nobody could read why a control failed."""
    finding = dataclasses.replace(report().findings[0], message=message)
    book = read(
        workbook_bytes(report(findings=(finding,), profile=dict.fromkeys((f"question_number_{number}" for number in range(9)), True)))
    )
    assert book["Findings"].row_dimensions[2].height == points
    profile = next(name.row for (name,) in book["Summary"]["A1:A40"] if name.value == "Profile")
    assert (book["Summary"].row_dimensions[1].height, book["Summary"].row_dimensions[profile].height) == (21, 45)
    assert book["Operation"].row_dimensions[1].height == 30  # "Compliant, of assessed time"


def test_a_wide_table_goes_on_on_the_next_page() -> None:
    """All columns on one page were printed in type of 3 points, which nobody can read; each page has the first column, which says of what its rows are."""
    book = read(workbook_bytes(report(waivers=())))
    tables = [sheet for sheet in book.worksheets if sheet.freeze_panes]
    assert {sheet.print_title_cols for sheet in tables} == {"$A:$A"}
    assert {sheet.page_setup.pageOrder for sheet in tables} == {"overThenDown"}
    across = {sheet.title: int(sheet.page_setup.fitToWidth or 1) for sheet in book.worksheets}
    assert (across["Summary"], across["Controls"], across["Evidence"], across["Populations"], across["Waivers"]) == (1, 2, 3, 1, 1)
    assert (book["Summary"].page_setup.orientation, book["Controls"].page_setup.orientation) == ("portrait", "landscape")


def test_columns_do_not_run_into_each_other() -> None:
    """The names of assessments, which are links and don't wrap, were cut off by the next column; numbers stood against the text beside them."""
    book, names = (
        read(workbook_bytes(report())),
        [f"{control.id}/{item.id}" for control in load_catalogue() for item in control.assessments],
    )
    for name in ("Findings", "Plan of action", "Changes", "Not assessed", "Assessments"):
        column = next(cell.column_letter for cell in book[name][1] if cell.value == "Assessment")
        assert book[name].column_dimensions[column].width > max(map(len, names))
    assert book["Evidence"]["B2"].alignment.indent == 1


def test_a_seed_is_a_name_and_no_quantity() -> None:
    """With separators between its digits nobody finds it again in a record."""
    claim = dataclasses.replace(report().claims[0], seed=20261001)
    column = next(cell.column for cell in read(workbook_bytes(report()))["Claims"][1] if cell.value == "Seed")
    assert read(workbook_bytes(report(claims=(claim,))))["Claims"].cell(2, column).value == "20261001"


def test_the_summary_has_the_parameters_by_which_rules_pass() -> None:
    """That costs are watched elsewhere is taken at its word by a rule: whoever reads that it passed has to see the word."""
    scope = {"accounts": [], "regions": [], "parameters": {"inference_cost_watched_elsewhere": True, "detector_endpoints": ["scanner*"]}}
    summary = read(workbook_bytes(report(scope=scope)))["Summary"]
    told = {name.value: value.value for name, value in summary["A1:B40"]}
    assert told["Regions in scope"] == "none named; each record tells its own", "which doesn't say that all were looked into"
    found = told["Parameters of rules"]
    assert found == 'inference_cost_watched_elsewhere: true\ndetector_endpoints: ["scanner*"]'


def test_the_summary_names_places_with_evidence_that_are_not_in_scope() -> None:
    """Beside the accounts in scope, those that were looked into and count for nothing; no line where there are none."""
    told = {name.value: value.value for name, value in read(workbook_bytes(report(outside=("account 222222222222",))))["Summary"]["A1:B40"]}
    assert told["Not in scope"] == "account 222222222222: there is evidence of it, which counts for no state"
    gap = "2026-11-04 to 2026-11-19: 222222222222 (alarms)"
    told = {name.value: value.value for name, value in read(workbook_bytes(report(unseen=(gap,) * 21)))["Summary"]["A1:B40"]}
    assert told["Not looked at"].startswith(f"{gap}; {gap}; ")
    assert told["Not looked at"].endswith(
        "and 1 more (unseen in report.json): for longer than is allowed nobody looked there, and no state that rests on these collectors speaks of those days"
    )
    assert "Not in scope" not in {cell.value for cell in read(workbook_bytes(report()))["Summary"]["A"]}


def test_a_waiver_tells_where_alone_it_holds() -> None:
    """Whoever signs sees whether it accepts what it names in one account or in all of them."""
    here = dataclasses.replace(report().waivers[0], accounts=("111111111111",), regions=("eu-west-1", "us-east-1"))
    sheet = read(workbook_bytes(report(waivers=(here, report().waivers[0]))))["Waivers"]
    column = next(cell.column for cell in sheet[1] if cell.value == "Only in")
    assert [sheet.cell(row, column).value for row in (2, 3)] == ["eu-west-1, us-east-1 of 111111111111", "everywhere"]


def test_links_lead_to_the_row_that_they_name() -> None:
    """A control, assessment or record in one sheet leads to its row in the other; what has no row there is plain text."""
    book = read(workbook_bytes(report()))
    for sheet, cell in (
        ("Assessments", "B2"),
        ("Assessments", "I2"),
        ("Claims", "A2"),
        ("Findings", "B2"),
        ("Attestations", "A2"),
        ("Not assessed", "A2"),
    ):
        link = book[sheet][cell].hyperlink
        target_sheet, target_cell = link.location.replace("'", "").split("!")
        assert book[target_sheet][target_cell].value == book[sheet][cell].value
    lost = read(workbook_bytes(report(evidence=())))
    assert lost["Claims"]["A2"].hyperlink is None
    assert lost["Claims"]["A2"].value == "record-0"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_a_hostile_source_stays_text(text: str) -> None:
    """No formula, no link by itself, no number, wherever the text stands."""
    finding = dataclasses.replace(report().findings[0], resource=text, message=text, where=text)
    book = workbook_bytes(report(organisation=text, findings=(finding,), evidence=(evidence(0, source=text, query={"k": text}),)))
    sheet = read(book)["Findings"]
    for cell in (sheet["D2"], sheet["E2"], sheet["F2"], read(book)["Evidence"]["E2"]):
        assert cell.data_type == "s"
        assert cell.hyperlink is None
        assert cell.value.replace("\\x01", "\x01") == text
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist())


def test_the_same_report_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    """No clock, no hash seed, no path gets into the file; another moment of the report gives another file."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_workbook as t; sys.stdout.buffer.write(t.workbook_bytes(t.report()))"
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PATH": ""},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert elsewhere == [workbook_bytes(report())] * 2
    assert workbook_bytes(report(as_of=NOW + timedelta(days=1))) != elsewhere[0]


def test_long_text_is_cut_at_excels_limit_and_says_so() -> None:
    """A cell holds 32,767 characters; what is longer ends with where the whole text is."""
    finding = dataclasses.replace(report().findings[0], message="x" * 40_000)
    value = read(workbook_bytes(report(findings=(finding,))))["Findings"]["E2"].value
    assert len(value) == MAX_CELL
    assert value.endswith("report.json]")


@pytest.mark.parametrize("text", ["a\x00b", "a\ufffeb", "a\uffffb", "a\ud83db"])
def test_text_that_no_xml_holds_does_not_cost_the_workbook(text: str) -> None:
    """One such character in one cell, as in an uploader's key, and no program would open the file: it stands as its escape."""
    finding = dataclasses.replace(report().findings[0], resource=text, message=text)
    book = read(workbook_bytes(report(organisation=text, findings=(finding,))))
    assert book["Findings"]["D2"].value == ascii(text)[1:-1]
    assert ascii(text)[1:-1] in book["Summary"]["A1"].value


def test_a_name_does_not_read_as_another() -> None:
    """What turns around the letters behind it, or doesn't show, is written out, as terminals and the site do; lines and joined letters stay."""
    text = "liaf\u202essap\x01\x9b\r\nnext\u200cline"
    finding = dataclasses.replace(report().findings[0], resource=text)
    assert read(workbook_bytes(report(findings=(finding,))))["Findings"]["D2"].value == "liaf\\x202essap\\x01\\x9b\nnext\u200cline"


def test_long_text_is_measured_as_excel_does() -> None:
    """A character beyond U+FFFF takes two of the 32,767: it was cut by Excel's count without a word."""
    finding = dataclasses.replace(report().findings[0], message="\U0001f600" * 20_000)
    value = read(workbook_bytes(report(findings=(finding,))))["Findings"]["E2"].value
    assert MAX_CELL - 1 <= len(value.encode("utf-16-le")) // 2 <= MAX_CELL
    assert value.endswith("\U0001f600 […cut; the whole text is in report.json]")


def test_no_number_ends_with_a_point() -> None:
    """Excel shows a whole number in a format with places left open as ``32.``."""
    numbers = [cell for sheet in read(workbook_bytes(report())) for row in sheet.iter_rows() for cell in row if cell.data_type == "n"]
    assert {cell.number_format for cell in numbers if cell.value is not None} == {"#,##0", "0.0000"}


def test_estimates_stand_with_the_places_of_the_statements() -> None:
    """0.105263158 stood beside 0.0294 of the reason and 0.8 of the bar; only what four places would show as nothing keeps all of its own."""
    claim = dataclasses.replace(report().claims[0], estimate=2 / 19, low=0.00002, high=0.8)
    [row] = read(workbook_bytes(report(claims=(claim,))))["Claims"].iter_rows(min_row=2, min_col=5, max_col=7)
    assert [cell.number_format for cell in row] == ["0.0000", "General", "0.0000"]
    assert row[0].value == pytest.approx(2 / 19, abs=1e-15)


def test_a_seed_keeps_all_its_digits() -> None:
    """Excel keeps 15: who draws again by what the sheet shows would draw something else."""
    claim = dataclasses.replace(report().claims[0], seed=2**53 - 1)
    column = next(cell.column for cell in read(workbook_bytes(report()))["Claims"][1] if cell.value == "Seed")
    assert read(workbook_bytes(report(claims=(claim,))))["Claims"].cell(2, column).value == "9007199254740991"


def test_empty_tables_say_what_their_emptiness_means() -> None:
    """An empty sheet isn't a clean bill: the findings point to what was not looked at."""
    empty = dict.fromkeys(("controls", "assessments", "evidence", "claims", "findings", "waivers", "attestations"), ())
    book = read(workbook_bytes(report(**empty)))
    assert "Not assessed" in book["Findings"]["A2"].value
    assert book["Not assessed"]["A2"].value == "Every assessment came to a decision."


def test_many_rows_stay_within_memory_and_links_within_excels_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written through, not kept; from the limit of links on, the text stands without one."""
    monkeypatch.setattr(module, "MAX_LINKS", 50)
    many = tuple(evidence(number) for number in range(1_000))
    tracemalloc.start()
    data = workbook_bytes(report(evidence=many))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 1024 * 1024
    sheet = read(data)["Populations"]
    assert (sheet.max_row, sheet["A51"].hyperlink is None, sheet["A52"].hyperlink is None) == (1_001, False, True)


def test_a_sheet_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond a sheet's capacity are told of, not dropped in silence."""
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    book = read(workbook_bytes(report(evidence=tuple(evidence(number, unit=None) for number in range(5)))))
    assert book["Evidence"].max_row == 4
    assert any("of which the sheet holds 3" in str(cell.value) for (cell,) in book["Summary"]["B1:B40"])


def test_a_workbook_on_disk_has_the_bytes_of_one_in_memory(tmp_path: Path) -> None:
    """Rows pass through files beside it, and the same report gives the same bytes all the same."""
    write_workbook(report(), tmp_path / "w.xlsx")
    assert (tmp_path / "w.xlsx").read_bytes() == workbook_bytes(report())


def test_memory_grows_by_less_than_the_rows_are_worth() -> None:
    """10,000 records on two sheets with a link each, in a process of its own: resident memory above the report stays under 25 MiB."""
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "package" / "workbook.py"
    done = subprocess.run([sys.executable, str(script), "--child", "10000"], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["above"] < 25 * 2**20
