"""``averment media scan`` over videos among images: found, judged, written, remembered."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from PIL import Image

from averment.cli.main import run
from averment.detector import opening, scanning
from averment.detector.bulk.memory import ScanMemory
from averment.detector.bulk.places import list_place, place_of
from averment.detector.interface import FaceScore, Family, Score
from averment.detector.scanning import Finding, Medium, scan
from averment.detector.video import scoring

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE


def bright(picture: np.ndarray[Any, Any]) -> Score:
    """Flags what is bright, and sees one face in every frame."""
    probability = 0.9 if picture[:, :, 0].mean() > 60 else 0.1
    return Score({SYNTHETIC: 0.2, FACE: probability}, faces=(FaceScore((10.0, 10.0, 90.0, 90.0), probability),))


@pytest.fixture
def folder(film: Any, tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip that turns bright after 1.2 s, a dark one, a broken one, an image and a text; the detector flags what is bright."""
    monkeypatch.setattr(opening, "open_detector", lambda text: told(bright))
    place = tmp_path / "uploads"
    (place / "deep").mkdir(parents=True)
    film("turns.mp4", frames=60).rename(place / "b turns.mp4")
    film("dark.webm", frames=15, codec="libvpx").rename(place / "deep" / "dark.WEBM")
    (place / "c broken.mov").write_bytes(b"hello" * 100)
    Image.new("RGB", (100, 100), (10, 0, 0)).save(place / "a.png")
    (place / "notes.ts").write_text("export const text = 1;")
    return place


def test_videos_are_found_among_images_with_what_was_seen_in_them(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One document names every medium; of a video: frames sampled and judged, the worst moment, and the tracks of faces."""
    assert run(["media", "scan", str(folder), "--format", "json"]) == 1
    out, err = capfd.readouterr()
    found = {Path(image["name"]).name: image for image in json.loads(out)["images"]}
    assert {name: image["finding"] for name, image in found.items()} == {
        "a.png": "clean",
        "b turns.mp4": "flagged",
        "c broken.mov": "could-not-scan",
        "dark.WEBM": "clean",
    }
    clip = found["b turns.mp4"]["clip"]
    assert (clip["sampled"], clip["judged"], clip["unjudged"], clip["width"], clip["codec"]) == (32, 32, {}, 160, "h264")
    assert clip["worst"]["family"] == "manipulated-face"
    assert 1.1 <= clip["worst"]["seconds"] <= 2.4
    [track] = clip["tracks"]
    assert (track["frames"], track["probability"], track["box"]) == (32, 0.9, [10, 10, 90, 90])
    assert len(found["b turns.mp4"]["sha256"]) == 64
    assert found["c broken.mov"]["cannot_say"].startswith("not a video that is read here")
    assert "clip" not in found["a.png"]
    assert "4 files: 2 clean, 1 flagged, 1 could-not-scan" in err
    assert "videos: 1 file (--every-name" in err


def test_flagged_videos_come_with_what_the_shipped_threshold_is_worth_there(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It was set on portraits. Whoever named a detector of their own has chosen its threshold, and hears nothing of it."""
    said = "1 video flagged at a threshold that was set on portraits"
    assert run(["media", "scan", str(folder)]) == 1
    assert said in capfd.readouterr().err
    assert run(["media", "scan", str(folder), "--detector", "own.yaml"]) == 1
    assert said not in capfd.readouterr().err
    assert run(["media", "scan", str(folder / "deep")]) == 0
    assert said not in capfd.readouterr().err


def test_table_and_csv_say_where_a_video_is_worst(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """People go to that moment first."""
    assert run(["media", "scan", str(folder / "b turns.mp4")]) == 1
    out = capfd.readouterr().out
    assert "32 of 32 frames judged, loudest at " in out
    assert run(["media", "scan", str(folder / "b turns.mp4"), "--format", "csv"]) == 1
    [row] = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert (row["sampled"], row["judged"]) == ("32", "32")
    assert 1.1 <= float(row["worst_at"]) <= 2.4


def test_a_video_that_was_named_itself_is_known_by_its_bytes(folder: Path) -> None:
    """Uploads often have no suffix."""
    path = (folder / "b turns.mp4").rename(folder / "upload-4711")
    [result] = scan(list_place(place_of(str(path))), opening.open_detector("any"))
    assert result.finding is Finding.FLAGGED
    assert result.score.clip is not None


def test_a_video_in_s3_is_scanned_as_a_file_is(folder: Path, sandbox: object, capfd: pytest.CaptureFixture[str]) -> None:
    """The same finding and digest, with the object's version."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="films", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="films", VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(Bucket="films", Key="in/b turns.mp4", Body=(folder / "b turns.mp4").read_bytes())
    assert run(["media", "scan", "s3://films/in/", "--format", "jsonl"]) == 1
    there = json.loads(capfd.readouterr().out)
    assert run(["media", "scan", str(folder / "b turns.mp4"), "--format", "jsonl"]) == 1
    here = json.loads(capfd.readouterr().out)
    assert there["version_id"] == put["VersionId"]
    assert {name: there[name] for name in ("finding", "sha256", "clip", "bytes")} == {
        name: here[name] for name in ("finding", "sha256", "clip", "bytes")
    }


def test_a_video_is_hashed_once_and_its_frames_are_those_of_its_hash(folder: Path, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read for its hash and for its frames: a gigabyte was read a third time, for the hash by which frames are drawn. They are the same frames."""
    path, detector = folder / "b turns.mp4", told(bright)
    wanted = scoring.score_clip(path, detector)
    monkeypatch.setattr(scoring, "sha256_of", lambda _: pytest.fail("it was hashed again"))
    [result] = scan(list_place(place_of(str(path))), detector)
    assert (result.score, result.sha256) == (wanted, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_video_that_was_scored_is_not_decoded_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed, the output is the same to the byte, though no clip is decoded."""
    words = ["media", "scan", str(folder), "--format", "json", "--out", str(tmp_path / "out.json")]
    assert run(words) == 1
    first = (tmp_path / "out.json").read_bytes()
    refuse: Callable[..., Any] = lambda *_: pytest.fail("it was decoded again")  # noqa: E731
    monkeypatch.setattr(scanning, "score_clip", refuse)
    assert run([*words, "--resume"]) == 1
    assert (tmp_path / "out.json").read_bytes() == first


@pytest.mark.parametrize("change", ["written", "written, with its time set back", "replaced", "removed"])
def test_a_video_that_changes_while_it_is_scanned_has_no_result(
    change: str, folder: Path, tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hash and frames would be of different bytes, and the one would be remembered for the other."""
    path = folder / "deep" / "dark.WEBM"
    state, data = path.stat(), path.read_bytes()

    def change_and_score(path: Path, *_: Any) -> Score:
        if change == "removed":
            path.unlink()
        elif change == "replaced":
            (tmp_path / "new").write_bytes(data[::-1])
            (tmp_path / "new").replace(path)
        else:
            path.write_bytes(data[::-1])
        if change == "written, with its time set back":
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        return Score({SYNTHETIC: 0.1})

    monkeypatch.setattr(scanning, "score_clip", change_and_score)
    detector = told(bright)
    with ScanMemory(tmp_path / "state", detector.info) as memory:
        [result] = scan(list_place(place_of(str(path))), detector, memory=memory)
        assert memory.score(hashlib.sha256(data).hexdigest(), Medium.CLIP) is None
    assert (result.finding, result.reason, result.sha256) == (Finding.COULD_NOT, "it changed while it was scanned", None)


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("decoding it came to nothing for 120 s", False),
        ("decoding it was stopped: it took more than 600 s of CPU time, or the system is out of memory", False),
        ("decoding it was stopped (signal 15)", False),
        ("the decoder crashed on it (signal 11)", True),
        ("the file is empty", True),
    ],
)
def test_what_a_busy_machine_ended_is_tried_again(
    reason: str, kept: bool, folder: Path, tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was no word about the video, which another hour may be able to judge; a video that can't be decoded isn't decoded again."""
    detector, listing = told(bright), list_place(place_of(str(folder / "deep" / "dark.WEBM")))
    found = []
    for score in (Score(cannot_say=reason), Score({SYNTHETIC: 0.1})):
        monkeypatch.setattr(scanning, "score_clip", lambda *_, said=score: said)
        with ScanMemory(tmp_path / "state", detector.info) as memory:
            found += [result.finding for result in scan(listing, detector, memory=memory)]
    assert found == [Finding.COULD_NOT, Finding.COULD_NOT if kept else Finding.CLEAN]


def test_without_pyav_videos_could_not_be_scanned_and_images_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says what to install; nothing is brought to disk for it."""
    monkeypatch.setattr(scanning, "find_spec", lambda name: None)
    results: Iterator[scanning.Scanned] = scan(list_place(place_of(str(folder))), opening.open_detector("any"))
    found = {Path(result.name).name: result for result in results}
    assert found["a.png"].finding is Finding.CLEAN
    assert found["b turns.mp4"].finding is Finding.COULD_NOT
    assert "pip install 'averment[video]'" in found["b turns.mp4"].reason
