"""A package with many records: what is written a row at a time is what one report would say, and memory doesn't grow with the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import openpyxl

from averment.controls.loader import load_catalogue
from averment.core.canonical import sha256_hex
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import layout
from averment.evidence.package.readme import MAX_ROWS
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.record import Kind, Population
from averment.evidence.reporting.report import build_report

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "package" / "scale.py"
Q4 = parse_period("2026Q4")


def test_what_is_written_by_rows_is_what_the_report_says(shop, make_record, tmp_path):
    """``report.json`` is the report of all entries at once; the manifest has every file; page and workbook have the rows that they can hold."""
    sampled = {"sampling": {"seed": "2026Q4", "method": "smallest hash"}, "number": 0}
    records = [make_record(number, population=Population("objects", 9, 9)) for number in range(MAX_ROWS + 20)]
    records.append(
        make_record(1, kind=Kind.MEDIA_STATES, collector="media-states", payload=sampled, population=Population("objects", 9, 4))
    )
    with open_ledger(shop, write=True) as ledger:
        ledger.append(records)
        entries = list(ledger.records())
        written = write_package(shop, ledger, load_catalogue(), Q4, tmp_path / "package")
    as_of = max(record.collected_at for record in records)
    expected = build_report(load_catalogue(), shop, entries, Q4, as_of).to_json()
    assert json.loads((written.path / layout.REPORT).read_bytes()) == expected
    assert (written.records, len(expected["evidence"]), len(expected["samples"])) == (len(records), len(records), 1)
    manifest = json.loads((written.path / layout.MANIFEST).read_bytes())
    listed = {
        path.relative_to(written.path).as_posix(): sha256_hex(path.read_bytes()) for path in written.path.rglob("*") if path.is_file()
    }
    beside = {layout.MANIFEST, layout.SIGNATURE}
    assert {name: file["sha256"] for name, file in manifest["files"].items()} == {k: v for k, v in listed.items() if k not in beside}
    assert (written.files, written.manifest_sha256) == (len(listed), listed[layout.MANIFEST])
    assert "21 more in the workbook" in (written.path / layout.README).read_text(encoding="utf-8")
    book = openpyxl.load_workbook(written.path / layout.WORKBOOK, read_only=True)
    assert sum(1 for _ in book["Evidence"].iter_rows()) == len(records) + 1
    book.close()
    assert verify_package(written.path).genuine


def test_nothing_is_left_beside_the_package(shop, make_record, tmp_path):
    """Neither rows nor the list of files outlive the writing; the folder's parent holds the package alone."""
    with open_ledger(shop, write=True) as ledger:
        ledger.append([make_record(1)])
        write_package(shop, ledger, load_catalogue(), Q4, tmp_path / "out" / "package")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["package"]


def test_memory_grows_by_little_of_what_the_records_are(tmp_path):
    """1,120 records and 3,360, each package written in a process of its own: 2,240 more take less than 10 MiB more. As objects, rows and
    text in memory they take three times that."""
    peaks = []
    for days in (1, 3):
        folder = tmp_path / str(days)
        folder.mkdir()
        made, written = (said_by(step, folder, days) for step in ("make", "package"))
        assert written["records"] == made["records"] == 1_120 * days
        peaks.append(written["mib"])
    assert peaks[1] - peaks[0] < 10


def said_by(step, folder, days):
    """What a step of the benchmark says of itself: its peak of resident memory in MiB among other things."""
    command = [sys.executable, str(BENCHMARK), "--step", step, "--folder", str(folder), "--days", str(days)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
