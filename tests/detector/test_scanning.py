"""``averment media scan``: what is found, what isn't, how it is written, and the exit code."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
import pytest

from averment.cli.main import run
from averment.core.errors import ExitCode
from averment.core.period import utc_now
from averment.detector import corpus
from averment.detector.bulk.places import list_place, place_of
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.scanning import UNKNOWN, Finding, Item, Read, exit_code, scan
from averment.sandbox.inventory_reports import InventoryReports, Listed


def pick(label: str, count: int) -> list[corpus.CorpusImage]:
    """Corpus portraits of one label that the shipped model gets right, so that tests of the scan don't hang on its errors."""
    faces = [image for image in corpus.load() if image.kind == "face" and image.label == label]
    threshold = EmbeddedDetector().info.threshold
    scores = EmbeddedDetector().score([image.read() for image in faces])
    right = [
        face
        for face, score in zip(faces, scores, strict=True)
        if score.highest is not None and (score.highest >= threshold) == (label == "synthetic")
    ]
    return right[:count]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real portraits, one synthetic, one broken image, one text file, in nested folders."""
    root = tmp_path_factory.mktemp("uploads")
    (root / "deep" / "er").mkdir(parents=True)
    first, second = pick("real", 2)
    (root / "a.jpg").write_bytes(first.read())
    (root / "deep" / "B.JPEG").write_bytes(second.read())
    (root / "deep" / "er" / "c.jpg").write_bytes(pick("synthetic", 1)[0].read())
    (root / "deep" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (root / "notes.txt").write_text("not an image")
    return root


def test_a_folder_gives_every_image_its_finding(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nested images are found whatever the case of their suffix; results to stdout, counts and what was passed over to stderr."""
    assert run(["media", "scan", str(folder), "--format", "json"]) == 1
    out, err = capfd.readouterr()
    found = {Path(image["name"]).name: image for image in json.loads(out)["images"]}
    assert {name: image["finding"] for name, image in found.items()} == {
        "a.jpg": "clean",
        "B.JPEG": "clean",
        "c.jpg": "flagged",
        "d.png": "could-not-scan",
    }
    assert found["d.png"]["cannot_say"] == "not a JPEG, PNG or WebP image"
    assert json.loads(out)["detector"]["name"] == "averment-reference"
    told = (
        "4 files: 2 clean, 1 flagged, 1 could-not-scan\n"
        f"judged by averment-reference 0.1.0, which flags at {json.loads(out)['detector']['threshold']:g} and above\n"
        "not scanned for their names, which aren't those of images or videos: 1 file (--every-name scans them too)\n"
    )
    assert err == told, "and no progress where there is no terminal"


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([Finding.CLEAN], 0),
        ([Finding.CLEAN, Finding.COULD_NOT], 3),
        ([Finding.COULD_NOT, Finding.FLAGGED, Finding.CLEAN], 1),
    ],
)
def test_the_exit_code_says_the_worst_that_was_found(findings: list[Finding], code: int) -> None:
    """Flagged outranks could-not-scan, which is never clean."""
    assert exit_code(findings) == ExitCode(code)


def test_csv_is_one_row_an_image_and_harmless_in_a_spreadsheet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name that begins a formula is disarmed: names come from whoever uploads."""
    monkeypatch.chdir(tmp_path)
    evil = "=HYPERLINK(1).jpg"
    Path(evil).write_bytes(pick("real", 1)[0].read())
    assert run(["media", "scan", evil, "--format", "csv"]) == 0
    header, row = csv.reader(io.StringIO(capfd.readouterr().out))
    assert header == [
        "name",
        "finding",
        "score",
        "family",
        "threshold",
        "reason",
        "sha256",
        "bytes",
        "version_id",
        "etag",
        "sampled",
        "judged",
        "worst_at",
    ]
    assert row[0] == f"'{evil}"
    assert 0 <= float(row[2]) < float(row[4])
    assert row[6] == hashlib.sha256(Path(evil).read_bytes()).hexdigest()
    assert row[7] == str(Path(evil).stat().st_size)


def test_a_prefix_in_s3_is_scanned_like_a_folder(sandbox: object, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same findings for the same images under s3://, keys with odd characters included; other prefixes aren't touched."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for path in (path for path in folder.rglob("*") if path.is_file()):
        s3.put_object(Bucket="media", Key=f"in box/ü {path.name}", Body=path.read_bytes())
    s3.put_object(Bucket="media", Key="elsewhere/fake.jpg", Body=(folder / "deep/er/c.jpg").read_bytes())
    assert run(["media", "scan", "s3://media/in box/", "--format", "json"]) == 1
    out, err = capfd.readouterr()
    names = {image["name"]: image["finding"] for image in json.loads(out)["images"]}
    assert names["s3://media/in%20box/%C3%BC%20c.jpg"] == "flagged"
    assert len(names) == 4
    assert "1 file (--every-name scans them too)" in err


def test_a_bucket_out_of_reach_is_an_error_not_an_empty_result(sandbox: object, capfd: pytest.CaptureFixture[str]) -> None:
    """A bucket that doesn't exist ends with exit code 3 and the reason."""
    assert run(["media", "scan", "s3://no-such-bucket/"]) == 3
    assert "could not list s3://no-such-bucket/" in capfd.readouterr().err


def test_a_path_that_is_not_there_is_bad_input(capfd: pytest.CaptureFixture[str]) -> None:
    """A typing error is not an empty folder."""
    assert run(["media", "scan", "no/such/place"]) == 2
    assert "there is no file or folder 'no/such/place'" in capfd.readouterr().err


def test_what_is_there_and_is_no_file_is_not_said_to_be_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A device, and a link to nothing."""
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    for place, said in ((tmp_path / "gone.jpg", "is a link to nothing"), (Path("/dev/null"), "is neither a regular file nor a folder")):
        assert run(["media", "scan", str(place)]) == 2
        assert said in capfd.readouterr().err


def test_every_name_is_scanned_if_that_is_asked_for(folder: Path, sandbox: object, capfd: pytest.CaptureFixture[str]) -> None:
    """Keys of uploads often are numbers without a suffix: none of them is passed over then, on disk and in S3; what is no medium is said."""
    portrait = next(path for path in sorted(folder.iterdir()) if path.suffix == ".jpg").read_bytes()
    (folder / "0b2c").write_bytes(portrait)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key, body in (("in/0b2c", portrait), ("in/notes.txt", b"hello")):
        s3.put_object(Bucket="uploads", Key=key, Body=body)
    for place, name, other in (
        (str(folder), str(folder / "0b2c"), str(folder / "notes.txt")),
        ("s3://uploads/in/", "s3://uploads/in/0b2c", "s3://uploads/in/notes.txt"),
    ):
        capfd.readouterr()
        assert run(["media", "scan", place, "--format", "json", "--every-name"]) in {1, 3}
        found = json.loads(capfd.readouterr().out)
        names = {row["name"]: row for row in found["images"]}
        assert found["summary"]["passed_over"] == 0
        assert names[name]["finding"] in {"clean", "flagged"}
        assert names[other]["cannot_say"] == "not a JPEG, PNG or WebP image"


def test_a_single_file_is_scanned_whatever_its_name(folder: Path) -> None:
    """A file that the user named is not passed over for its suffix: it could not be scanned."""
    assert run(["media", "scan", str(folder / "notes.txt")]) == 3


def test_an_unreadable_file_is_a_result(folder: Path, tmp_path: Path) -> None:
    """A dangling link among good files is reported with its reason; the others are scored."""
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "ok.jpg").write_bytes((folder / "a.jpg").read_bytes())
    results = {Path(result.name).name: result for result in scan(list_place(place_of(str(tmp_path))), EmbeddedDetector())}
    assert results["gone.jpg"].finding is Finding.COULD_NOT
    assert "does not exist" in results["gone.jpg"].reason
    assert results["ok.jpg"].finding is Finding.CLEAN


def test_help_does_not_load_the_detector() -> None:
    """``averment media --help`` imports neither onnxruntime nor numpy nor boto3."""
    script = "import sys; from averment.cli.main import run; run(['media', 'scan', '--help']); print(sorted({'onnxruntime', 'numpy', 'boto3', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.strip().endswith("[]"), done.stdout


@pytest.mark.parametrize(
    ("score", "finding"),
    [
        (Score({Family.SYNTHETIC_IMAGE: 0.2}), Finding.CLEAN),
        (Score({Family.SYNTHETIC_IMAGE: 0.2}, silent={Family.MANIPULATED_FACE: "a face is too small"}), Finding.COULD_NOT),
        (Score({Family.SYNTHETIC_IMAGE: 0.7}, silent={Family.MANIPULATED_FACE: "a face is too small"}), Finding.FLAGGED),
    ],
)
def test_an_image_with_a_family_that_can_t_say_is_not_clean(score: Score, finding: Finding) -> None:
    """What only that family could have found isn't ruled out; what another found stands."""

    class Fixed(Detector):
        @property
        def info(self) -> DetectorInfo:
            return DetectorInfo("fixed", "1", None, tuple(Family), 0.5)

        def score(self, images: Sequence[bytes]) -> list[Score]:
            return [score for _ in images]

    [result] = scan([Item("x", lambda: Read(b"x", UNKNOWN))], Fixed())
    assert result.finding is finding
    assert ("too small" in result.reason) is bool(score.silent)


SPEC = "kind: onnx\nmodel: model.onnx\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("in", "--state", "x", "--out", "x"), "--out and --state are the same file"),
        (("in", "--state", "x", "--out", "in/../x"), "--out and --state are the same file"),
        (("in", "--state", "link", "--out", "x"), "--out and --state are the same file"),
        (("in", "--state", "hard", "--out", "x"), "--out and --state are the same file"),
        (("in", "--state", "x", "--out", "x", "--resume"), "--out and --state are the same file"),
        (("in", "--state", ".y.part", "--out", "y"), "the unfinished output and --state are the same file"),
        (("in", "--state", "y", "--out", "y-journal"), "--out and the journal of --state are the same file"),
        (("in/a.jpg", "--out", "in/a.jpg"), "--out would overwrite what is scanned"),
        (("in/a.jpg", "--state", "in/a.jpg"), "--state would overwrite what is scanned"),
        (("in/notes", "--out", "in/notes"), "--out would overwrite what is scanned"),
        (("in", "--out", "in/a.jpg"), "--out would be one of the files that are scanned"),
        (("in", "--out", "in/deep/new.png"), "--out would be one of the files that are scanned"),
        (("in", "--state", "in/a.jpg"), "--state would be one of the files that are scanned"),
        (("in", "--out", "in/scan.csv", "--every-name"), "--out would be one of the files that are scanned"),
        (("in", "--detector", "spec.yaml", "--out", "spec.yaml"), "--out would overwrite a file of the detector"),
        (("in", "--detector", "spec.yaml", "--out", "model.onnx"), "--out would overwrite a file of the detector"),
        (
            ("s3://shop-uploads/", "--engine", "spark", "--detector", "spec.yaml", "--out", "spec.yaml"),
            "--out would overwrite a file of the detector",
        ),
    ],
)
def test_no_file_of_a_scan_is_written_over_another(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is opened, by whatever name the file is called; all that was there stays as it was."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "in/a.jpg": "picture",
        "in/notes": "text",
        "x": "earlier results",
        "spec.yaml": SPEC,
        "model.onnx": "weights",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "hard").hardlink_to("x")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(["media", "scan", *words]) == 2
    assert told in " ".join(capfd.readouterr().err.split())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_results_may_lie_beside_what_is_scanned(tmp_path: Path) -> None:
    """In the scanned folder under a name that isn't an image's, as many do; nothing that is read is written."""
    (tmp_path / "a.jpg").write_bytes(pick("real", 1)[0].read())
    for _ in range(2):
        assert run(["media", "scan", str(tmp_path), "--format", "csv", "--out", str(tmp_path / "scan.csv"), "--resume"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "scan.csv", "scan.csv.state"]


@pytest.mark.parametrize(("configured", "code"), [(True, 0), (False, 3)])
def test_a_scan_by_an_inventory_that_nobody_could_check_is_no_clean_one(
    configured: bool, code: int, sandbox: object, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the inventory leaves out was seen by nobody: the summary and the listing's facts say that it could not be checked, and the exit code is 3.
    The summary says of when the inventory is, too."""
    s3 = boto3.client("s3")
    for name in ("shop-media", "shop-inventory"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="shop-media", Key="a.jpg", Body=pick("real", 1)[0].read())
    reports = InventoryReports(s3, "shop-media", "shop-inventory", "daily/shop-media/all")
    reports.put(utc_now(), reports.csv([Listed("a.jpg")]))
    if configured:
        reports.configure()
    assert run(["media", "scan", "s3://shop-media/", "--inventory", "s3://shop-inventory/daily/shop-media/all", "--format", "json"]) == code
    out, err = capfd.readouterr()
    told = " ".join(err.split())
    assert ("could not check whether that inventory lists the whole place" in told) is not configured
    assert "what came after the S3 Inventory of 20" in told
    assert json.loads(out)["summary"]["clean"] == 1
    assert set(json.loads(out)["listing"]["filter"]) == {"prefix" if configured else "cannot_say"}
