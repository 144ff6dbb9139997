"""How results are written: streams that are whole documents, and names that do no harm."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from averment.detector.bulk.output import WRITERS, for_terminal, scanned_from_json, scanned_to_json, to_bytes, written
from averment.detector.interface import DetectorInfo, FaceScore, Family, Score
from averment.detector.scanning import Finding, Identity, Scanned

INFO = DetectorInfo("d", "1", "a" * 64, tuple(Family), 0.5)
RESULTS = [
    Scanned(
        "s3://b/a.jpg",
        Finding.FLAGGED,
        Score({Family.SYNTHETIC_IMAGE: 0.1, Family.MANIPULATED_FACE: 0.7071067811865476}, faces=(FaceScore((0, 1, 2, 3.5), 0.7),)),
        0.5,
        "b" * 64,
        Identity(10, "v", "e", "2026-11-01T00:00:00Z"),
    ),
    Scanned(
        "b, c.jpg", Finding.COULD_NOT, Score({Family.SYNTHETIC_IMAGE: 0.25}, silent={Family.MANIPULATED_FACE: "no face"}), 0.5, "c" * 64
    ),
    Scanned("=caf\udce9\x1b[2J\n.jpg", Finding.COULD_NOT, Score(cannot_say="denied"), 0.5),
]


def text(style: str, results: list[Scanned]) -> str:
    writer, counts = WRITERS[style](INFO, {"source": "folder"}), Counter[Finding]()
    body = "".join(written(iter(results), writer, counts))
    assert counts.total() == len(results)
    return to_bytes(body + writer.tail(counts, 7)).decode()


def test_json_is_one_document_with_its_counts() -> None:
    """Written piece by piece, read as a whole; a result that is read again is the same."""
    document = json.loads(text("json", RESULTS))
    assert [scanned_from_json(image, 0.5) for image in document["images"]] == RESULTS
    assert document["summary"] == {"clean": 0, "flagged": 1, "could-not-scan": 2, "passed_over": 7}
    assert (document["detector"]["name"], document["listing"]) == ("d", {"source": "folder"})
    assert json.loads(text("json", RESULTS[:1]))["images"][0] == scanned_to_json(RESULTS[0])


def test_a_line_of_json_stands_for_itself() -> None:
    """Each names who said it, of which bytes."""
    lines = [json.loads(line) for line in text("jsonl", RESULTS).splitlines()]
    assert [line["detector"]["sha256"] for line in lines] == ["a" * 64] * 3
    assert [(line["sha256"], line.get("version_id")) for line in lines] == [("b" * 64, "v"), ("c" * 64, None), (None, None)]


def test_csv_names_the_family_and_why_another_is_silent() -> None:
    """The figure is the highest family's; a cell that begins a formula is disarmed."""
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text("csv", RESULTS), newline="")))
    assert [(row["score"], row["family"]) for row in rows] == [("0.707107", "manipulated-face"), ("0.250000", "synthetic-image"), ("", "")]
    assert [row["reason"] for row in rows] == ["", "manipulated-face: no face", "denied"]
    assert rows[2]["name"].startswith("'=caf")


def test_a_name_begins_no_row_of_its_own() -> None:
    """Neither character that some reader ends a row at: otherwise an upload's name could give its finding to another file."""
    for name in ("evil.jpg\rgood.jpg", "evil.jpg\ngood.jpg", "evil.jpg\r\ngood.jpg"):
        written = text("csv", [replace(RESULTS[0], name=name)])
        assert [row["name"] for row in csv.DictReader(io.StringIO(written, newline=""))] == [name]
        assert written.endswith("\n")
        assert not written.endswith("\r\n")


def test_a_line_for_people_is_one_line_that_no_terminal_obeys() -> None:
    """An upload's name can't clear the screen or fake another result."""
    lines = text("table", RESULTS).splitlines()
    assert len(lines) == 3
    assert "\x1b" not in lines[2]
    assert lines[1] == "could-not-scan   0.250  b, c.jpg  (manipulated-face: no face)"


@pytest.mark.parametrize("name", ["=1+1.jpg", "\n=1.jpg", "\uff1d1+1.jpg", "\uff20SUM.jpg", "-x.jpg"])
def test_a_name_is_no_formula(name: str) -> None:
    """Also where a spreadsheet takes signs in full width, or what follows an end of line."""
    [row] = csv.DictReader(io.StringIO(text("csv", [replace(RESULTS[0], name=name)]), newline=""))
    assert row["name"] == f"'{name}"


@pytest.mark.parametrize("sign", [";", "\t"])
def test_a_name_begins_no_cell_of_its_own(sign: str) -> None:
    """Where a comma stands in figures, spreadsheets part cells at semicolons: in quotes, what follows one is no formula there either."""
    written = text("csv", [replace(RESULTS[0], name=f"a{sign}=1+1.jpg")])
    assert written.splitlines()[1].startswith(f'"a{sign}=1+1.jpg",flagged,')
    assert [row["name"] for row in csv.DictReader(io.StringIO(written, newline=""))] == [f"a{sign}=1+1.jpg"]


@pytest.mark.parametrize("style", ["json", "jsonl"])
def test_json_holds_what_prints_and_says_the_rest_in_escapes(style: str) -> None:
    """A terminal that gets the file obeys nothing, no text is turned about, and no reader takes a name for the end of a line: the data is the same."""
    name = "a\x1b[2J\x7f\x9b31m\u0085\u2028\u202egpj\u2066\ufeff\n.jpg"
    written = text(style, [replace(RESULTS[0], name=name)])
    assert not {char for char in written if not char.isprintable()} - {"\n"}
    if style == "jsonl":
        assert len(written.splitlines()) == 1
    document = json.loads(written)
    assert (document if style == "jsonl" else document["images"][0])["name"] == name


@pytest.mark.parametrize("style", sorted(WRITERS))
def test_a_terminal_gets_nothing_that_it_obeys(style: str) -> None:
    """CSV keeps names as they are in a file or a pipe; on a terminal a row is a line."""
    writer = WRITERS[style](INFO, {"source": "folder"})
    pieces = [*written(iter(RESULTS), writer, Counter()), writer.tail({}, 0)]
    shown = "".join(for_terminal(piece, style) for piece in pieces)
    assert not {char for char in shown if not char.isprintable()} - {"\n"}
    if style in {"json", "jsonl"}:
        assert shown == "".join(pieces)
    if style == "csv":
        assert len(shown.split("\n")) == 1 + len(RESULTS) + 1
        assert "\x1b" in "".join(pieces)


@pytest.mark.parametrize("style", sorted(WRITERS))
def test_bytes_depend_on_the_results_alone(style: str) -> None:
    """Two writers, the same results."""
    assert text(style, RESULTS) == text(style, list(RESULTS))
