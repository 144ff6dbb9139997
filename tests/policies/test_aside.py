"""A stranger's repository has examples and tests in it: what fails there is shown, and the note says how to leave it out."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from averment.cli.main import run

BUCKET = 'resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n'


def notes(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], int]:
    """The notes of a check, and how many failures it counts."""
    run(["check", *arguments, "--no-cache", "-f", "json"])
    found = json.loads(capsys.readouterr().out)
    return [note for note in found["notes"] if "looks like examples" in note], found["counts"]["fail"]


def put(folder: Path, *names: str) -> None:
    """A module with a flaw in each folder."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "main.tf").write_text(BUCKET)


def test_failures_in_examples_are_told_with_the_way_to_leave_them_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is hidden; and the pattern in the note does what it says."""
    put(tmp_path, "infrastructure", "modules/bucket/examples/simple")
    monkeypatch.chdir(tmp_path)
    [note], failures = notes(capsys, ".")
    half = failures // 2
    assert note.startswith(f"{half} of {failures} failures stand under modules/bucket/examples, ")
    pattern = shlex.split(note.partition("--skip ")[2].rstrip("l"))[0].rstrip(",")
    assert notes(capsys, ".", "--skip", pattern) == ([], half)


@pytest.mark.parametrize(
    ("folder", "told"), [("dev", True), ("environments/dev", False), ("demo/stack", True), ("Tests", True), ("infrastructure", False)]
)
def test_an_environment_is_no_example(
    folder: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``dev`` at the top is a stack for developers; below ``environments`` it is deployed like the others."""
    put(tmp_path, folder)
    monkeypatch.chdir(tmp_path)
    assert bool(notes(capsys, ".")[0]) is told


def test_what_was_asked_for_by_name_is_no_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who checks the folder of examples itself knows what it is, wherever the repository lies."""
    put(tmp_path, "examples/simple")
    monkeypatch.chdir(tmp_path)
    assert notes(capsys, "examples/simple")[0] == []
