"""``averment export`` as a user runs it: the package with its OSCAL documents, and the documents alone."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from averment.cli.main import run
from averment.cli.material import period_material
from averment.core.organisation import load_organisation
from averment.core.period import iso, parse_period, utc_now
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.oscal.check import problems
from averment.evidence.oscal.write import NAMES
from averment.evidence.record import Kind, Record

AT = datetime(2026, 10, 7, 9, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an organisation's file and a ledger of one record in 2026Q4."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\ncontrols: [SM-UPL-*]\n", encoding="utf-8")
    finding = {"rule": "s3-put-object-gated", "verdict": "fail", "resource": "aws_s3_bucket.a", "message": "open", "where": "main.tf:3"}
    record = Record(
        kind=Kind.CHECK,
        collector="check",
        collector_version="1",
        source="made up for a test",
        query={"paths": ["."]},
        effective_at=AT,
        collected_at=AT,
        payload={"rules": ["s3-put-object-gated"], "findings": [finding], "problems": []},
    )
    with open_ledger(load_organisation(tmp_path / "averment.yaml"), write=True) as ledger:
        ledger.append([record])
    return tmp_path


def test_a_package_holds_sound_oscal_that_leads_to_its_own_files(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The documents hold together, each evidence link is a file of the package with that hash, and the package verifies with them."""
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    documents = {name: json.loads((shop / "p" / "oscal" / name).read_text(encoding="utf-8")) for name in NAMES}
    assert problems(documents) == []
    manifest = json.loads((shop / "p" / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    links = [item["rlinks"][0] for item in documents["assessment-results.json"]["assessment-results"]["back-matter"]["resources"]]
    assert [manifest[link["href"].removeprefix("../")]["sha256"] for link in links] == [link["hashes"][0]["value"] for link in links]
    assert len(links) == 1
    assert run(["verify", "p"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("how", [[], ["--format", "oscal"]])
def test_only_a_period_without_evidence_is_told_as_one(shop: Path, how: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A package's rows are gone by the time that its notes are made, and must not be counted then."""
    for period, told in (("2026Q4", False), ("2026Q3", True)):
        assert run(["export", "--period", period, *how]) == 0
        assert (f"no assessment rests on a record of {period}" in capsys.readouterr().err) is told


def test_a_package_that_cannot_be_put_in_place_leaves_the_earlier_one(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step fails, or somebody ends the program there: the package that was to be replaced went with what was half done."""
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    before, rename = (shop / "p" / "MANIFEST.json").read_bytes(), Path.rename
    for failure, code in ((OSError(28, "No space left on device"), 3), (KeyboardInterrupt(), 130)):

        def refuse(path: Path, target: Path, failure: BaseException = failure) -> Path:
            if path.name == "package":
                raise failure
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", refuse)
        assert run(["export", "--period", "2026Q4", "--output", "p"]) == code
        assert (shop / "p" / "MANIFEST.json").read_bytes() == before
        assert [path.name for path in shop.iterdir() if path.name.startswith(".p.")] == []


FULL = """
import resource, sys
from averment.cli.main import main
sys.argv[1:] = ["export", "--period", "2026Q4", "--output", "p"]
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, resource.RLIM_INFINITY))
main()
"""


def test_a_disk_that_is_full_from_the_start_is_called_that(shop: Path) -> None:
    """The list of the package's files is the first that finds no room; it was told as a flaw of the program."""
    command = [sys.executable, "-B", "-c", FULL]  # -B: Python would leave modules behind that are cut short
    done = subprocess.run(command, capture_output=True, text=True, cwd=shop, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("averment: p: the package could not be written: the list of its files could not be kept")


def test_a_package_is_on_disk_before_it_takes_the_place_of_another(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut right after must not find the new name with empty files, and the earlier package gone."""
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    order: list[str] = []
    rename = Path.rename
    monkeypatch.setattr("os.sync", lambda: order.append("sync"))
    monkeypatch.setattr(Path, "rename", lambda path, target: order.append(path.name) or rename(path, target))
    assert run(["export", "--period", "2026Q4", "--output", "p"]) == 0
    assert order == ["sync", "p", "package"]


def test_oscal_alone(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--format oscal`` writes the five documents and nothing else; a second run changes none."""
    assert run(["export", "--period", "2026Q4", "--format", "oscal"]) == 0
    assert sorted(path.name for path in (shop / "oscal-2026Q4").iterdir()) == sorted(NAMES)
    said = capsys.readouterr()
    assert "5 documents written, 0 unchanged" in said.out
    assert "the period was not over when the latest evidence was collected" in said.err
    assert run(["export", "--period", "2026Q4", "--format", "oscal"]) == 0
    assert "0 documents written, 5 unchanged" in capsys.readouterr().out


def test_of_a_long_ledger_only_what_states_rest_on_is_handed_over(shop: Path) -> None:
    """Who pushed a quarter held all of its records in memory, with their signatures: 163 MB for ten thousand, and more with each."""
    organisation = load_organisation(shop / "averment.yaml")
    with open_ledger(organisation, write=True) as ledger:
        last = ledger.entry(0).record
        ledger.append(replace(last, id="", effective_at=AT - timedelta(days=day)) for day in range(1, 6))
    with period_material(organisation, parse_period("2026Q4"), "push") as material:
        assert [entry.record for entry in material.entries] == [last]
        assert len(material.report.evidence) == 6


@pytest.mark.parametrize("theirs", ['{"catalog": {"metadata": {"title": "Policy of ours"}}}', "", "not JSON"])
def test_somebody_elses_document_is_left_alone(shop: Path, theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """People keep their own catalog under the name that ours has: nothing is written, and nothing is removed."""
    (shop / "docs").mkdir()
    (shop / "docs" / "poam.json").write_text(theirs, encoding="utf-8")
    assert run(["export", "--period", "2026Q4", "--format", "oscal", "--output", "docs"]) == 2
    assert "poam.json: is not a document that Averment wrote, and nothing was written" in capsys.readouterr().err
    assert [path.name for path in (shop / "docs").iterdir()] == ["poam.json"]
    assert (shop / "docs" / "poam.json").read_text(encoding="utf-8") == theirs


@pytest.mark.parametrize("form", ["package", "oscal"])
def test_a_record_dated_ahead_is_said(shop: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One by a clock that was wrong: the quarter counted as over, and nothing told that it goes on. Clocks that differ by minutes are no matter."""
    arguments = ["export", "--period", "2026Q4", "--format", form, "--output", "out"]
    now = utc_now()
    for ahead, said in ((timedelta(minutes=20), False), (timedelta(days=400), True)):
        moment = now + ahead
        late = Record(Kind.CHECK, "check", "1", "made up for a test", {"ahead": str(ahead)}, moment, moment, {})
        with open_ledger(load_organisation(shop / "averment.yaml"), write=True) as ledger:
            ledger.append([late])
        assert run(arguments) == 0
        assert (f"note: the latest evidence is dated {iso(moment)}, which is yet to come" in capsys.readouterr().err) is said


@pytest.mark.parametrize("option", ["--compare", "--compare-key"])
def test_oscal_alone_is_compared_with_nothing(shop: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that would do nothing is refused."""
    assert run(["export", "--period", "2026Q4", "--format", "oscal", option, "averment.yaml"]) == 2
    assert "OSCAL documents don't tell of changes" in capsys.readouterr().err


def test_a_period_to_come_is_said_to_be_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mistypes the year is told that nothing of this period can have been collected."""
    assert run(["export", "--period", "2199Q4", "--format", "oscal", "--output", str(shop / "later")]) == 0
    assert "the period had not begun when the latest evidence was collected" in capsys.readouterr().err


def test_the_command_that_comes_next_can_be_pasted(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder whose name has a space is one argument of ``averment verify``."""
    assert run(["export", "--period", "2026Q4", "--output", str(shop / "for the auditor")]) == 0
    command = capsys.readouterr().out.split("check it with: ")[1]
    assert shlex.split(command) == ["averment", "verify", str(shop / "for the auditor")]


def test_an_empty_ledger_is_nothing_to_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and what to run first, in either format."""
    monkeypatch.chdir(tmp_path)
    assert run(["export", "--period", "2026Q4", "--format", "oscal"]) == 2
    assert "averment collect" in capsys.readouterr().err
    assert not (tmp_path / "oscal-2026Q4").exists()
