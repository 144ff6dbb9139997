"""``averment detector threshold`` end to end: the shipped model as it is and as
an ONNX file with a spec, and the specs that come of both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from averment.cli.main import run
from averment.core.errors import BadInputError
from averment.detector.embedded import EmbeddedDetector
from averment.detector.opening import open_detector


@pytest.fixture
def described(tmp_path: Path) -> str:
    """The shipped model's file with a spec that shows it whole pictures, in a folder of its own. It flags every one."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(EmbeddedDetector().model_bytes())
    value = {
        "kind": "onnx",
        "name": "described",
        "version": "1",
        "model": "model.onnx",
        "threshold": 0.0,
        "families": {"manipulated-face": 0},
        "activation": "none",
        "input": {"side": 160, "layout": "nhwc", "scale": "bytes"},
    }
    (folder / "detector.yaml").write_text(yaml.safe_dump(value))
    return str(folder / "detector.yaml")


@pytest.fixture
def genuine(tmp_path: Path) -> Path:
    """Forty different pictures."""
    folder = tmp_path / "genuine"
    folder.mkdir()
    for number in range(40):
        Image.new("RGB", (100, 100), (number * 5 + 5, number, 0)).save(folder / f"{number:02}.png")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_the_spec_that_is_written_flags_no_more_than_was_promised(
    genuine: Path, described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the folder to the spec to a scan with it: other threshold, same model, wherever the spec lies."""
    out = tmp_path / "own" / "detector.yaml"
    out.parent.mkdir()
    assert run(["media", "scan", str(genuine), "--detector", described]) == 1
    capsys.readouterr()
    assert run(["detector", "threshold", str(genuine), "--detector", described, "--at-most", "0.1", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "no labels, so that all are taken for genuine; 1 other file not looked at" in told
    assert "flags 0 units (0 files); 0 may be" in told
    assert "from 0 on it flags 40 units (40 files)" in told
    written = yaml.safe_load(out.read_text())
    assert f"threshold  {written['threshold']:g} (described 1" in told
    assert out.read_text().startswith("# Chosen on 20")
    assert run(["media", "scan", str(genuine), "--detector", str(out)]) == 0
    assert open_detector(str(out)).info.sha256 == open_detector(described).info.sha256


def test_too_few_are_exit_3_and_write_nothing(genuine: Path, described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the number that would do."""
    out = tmp_path / "detector.yaml"
    assert run(["detector", "threshold", str(genuine), "--detector", described, "--out", str(out)]) == 3
    told = capsys.readouterr().out
    assert "threshold  none: 40 independent genuine units" in told
    assert "at least 59 independent units are needed" in told
    assert not out.exists()


def test_json_holds_what_pins_it(genuine: Path, described: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The detector, the population with its frame, the counts."""
    assert run(["detector", "threshold", str(genuine), "--detector", described, "--at-most", "0.1", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 0 < told["threshold"] <= 1
    assert told["population"]["count"] == told["genuine"]["units"] == 40
    assert len(told["population"]["frame"]) == len(told["detector"]["sha256"]) == 64


def test_rows_of_a_manifest_and_its_attacks(capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped corpus with the shipped model: real ones set it, synthetic ones show what it misses."""
    assert run(["detector", "threshold", "reference-corpus", "--at-most", "0.2"]) == 0
    whole = capsys.readouterr().out
    assert run(["detector", "threshold", "reference-corpus", "--at-most", "0.2", "--where", "label=synthetic"]) == 2
    assert "attacks    synthetic, SDXL: " in whole
    assert "has no genuine media" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at-most", "5"], "--at-most is 5"),
        (["--at-most", "nan"], "--at-most is nan"),
        (["--confidence", "0.5"], "--confidence is 0.5"),
        (["--out", "detector.txt"], "isn't called a detector's spec"),
        (["--where", "split"], "--where split names no rows"),
        (["--where", "split=test"], "has no column 'split'"),
        (["--where", "split=test", "--where", "split=train"], "split is given twice, as 'test' and as 'train'"),
        (["--detector", "nobody"], "'nobody' is not a detector"),
    ],
)
def test_what_was_mistyped_is_refused(genuine: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One error, exit 2."""
    assert run(["detector", "threshold", str(genuine), *options]) == 2
    assert message in capsys.readouterr().err


def test_neither_the_manifest_nor_the_spec_is_overwritten(
    genuine: Path, described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link to the detector's own spec is that spec."""
    link = tmp_path / "same.yaml"
    link.symlink_to(described)
    before = Path(described).read_bytes()
    assert run(["detector", "threshold", str(genuine), "--detector", described, "--out", str(link)]) == 2
    assert "would overwrite what is read" in capsys.readouterr().err
    assert Path(described).read_bytes() == before


def test_the_model_is_found_from_a_folder_that_is_a_link_and_is_the_one_it_was_chosen_for(
    genuine: Path, described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Going up from a link leads to where it points; and another model in the file's place isn't judged by this one's threshold."""
    far = tmp_path / "far" / "away"
    far.mkdir(parents=True)
    (tmp_path / "link").symlink_to(far)
    out = tmp_path / "link" / "detector.yaml"
    assert run(["detector", "threshold", str(genuine), "--detector", described, "--at-most", "0.1", "--out", str(out)]) == 0
    capsys.readouterr()
    assert run(["media", "scan", str(genuine), "--detector", str(out)]) == 0
    assert "# Chosen on" in out.read_text()
    assert "units that were taken for genuine" in out.read_text()
    model = Path(described).parent / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\x1a\x00")
    assert run(["media", "scan", str(genuine), "--detector", described]) == 1
    assert run(["media", "scan", str(genuine), "--detector", str(out)]) == 3
    assert "is not the model that the spec names" in capsys.readouterr().err


def test_a_folder_whose_manifest_knows_better_is_not_taken_for_genuine(
    genuine: Path, described: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest's fakes would set the threshold as if nobody were to flag them."""
    rows = [f"{number:02}.png,{'real' if number < 30 else 'synthetic'}" for number in range(40)]
    (genuine / "manifest.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    options = ["--detector", described, "--at-most", "0.1"]
    assert run(["detector", "threshold", str(genuine), *options]) == 2
    error = capsys.readouterr().err
    assert "says which media of this folder are genuine" in error
    assert "name the manifest: averment detector threshold" in error
    assert run(["detector", "threshold", str(genuine / "manifest.csv"), *options]) == 0
    assert "30 files of 30 independent units judged" in capsys.readouterr().out
    (genuine / "manifest.csv").write_text("file,licence\n")
    assert run(["detector", "threshold", str(genuine), *options]) == 0


def test_a_manifest_that_calls_its_labels_otherwise_is_said_to_have_none(
    genuine: Path, described: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the columns that it has, among which whoever wrote it sees their own."""
    (genuine / "m.csv").write_text("\n".join(["file,labels", *(f"{number:02}.png,synthetic" for number in range(40))]) + "\n")
    assert run(["detector", "threshold", str(genuine / "m.csv"), "--detector", described, "--at-most", "0.1"]) == 0
    assert "; no column label (it has file, labels), so that all are taken for genuine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "message"),
    [("", "the population is empty"), ("nosuch", "there is nothing called nosuch"), ("00.png", "00.png is one medium")],
)
def test_a_place_that_is_none_is_refused(
    place: str, message: str, genuine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not taken for the folder one is in; and what to do is said in this command's words."""
    monkeypatch.chdir(genuine)
    assert run(["detector", "threshold", place]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "--population" not in error


def test_the_organisation_s_file_is_not_overwritten(
    genuine: Path, described: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read, too, and a spec in its place would be one that no other command takes."""
    own = tmp_path / "averment.yaml"
    own.write_text("version: 1\nparameters: {populations: {mine: genuine}}\n")
    monkeypatch.chdir(tmp_path)
    options = ["--detector", described, "--at-most", "0.1"]
    assert run(["detector", "threshold", "mine", *options, "--out", "averment.yaml"]) == 2
    assert "would overwrite what is read" in capsys.readouterr().err
    assert run(["detector", "threshold", "mine", *options, "--out", "detector.yaml"]) == 0
    assert own.read_text().startswith("version: 1")


def test_the_shipped_model_takes_a_threshold_that_was_chosen_for_it(tmp_path: Path) -> None:
    """And for another model's it is refused, with the line."""
    own = EmbeddedDetector().info
    path = tmp_path / "detector.yaml"
    path.write_text(f"kind: embedded\nthreshold: 0.9\nsha256: {own.sha256}\n")
    found = open_detector(str(path)).info
    assert (found.threshold, found.sha256, found.version) == (0.9, own.sha256, own.version)
    path.write_text(f"kind: embedded\nthreshold: 0.9\nsha256: {'a' * 64}\n")
    with pytest.raises(BadInputError, match="chosen for another model") as error:
        open_detector(str(path))
    assert error.value.where is not None
    assert error.value.where.line == 3
    path.write_text("kind: embedded\n")
    with pytest.raises(BadInputError, match="threshold"):
        open_detector(str(path))


def test_serving_answers_with_the_threshold_of_the_spec(tmp_path: Path) -> None:
    """Who asks a service of this spec hears its threshold, and not the lock's."""
    path = tmp_path / "detector.yaml"
    path.write_text("kind: embedded\nthreshold: 0.9\n")
    program = (
        "import json, sys; from averment.detector.opening import open_detector; from averment.detector.serving import DESCRIBE, invoke; "
        "print(json.loads(invoke(DESCRIBE, 'application/json', detector=open_detector(sys.argv[1])))['detector']['threshold'])"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True).stdout.strip() == "0.9"
