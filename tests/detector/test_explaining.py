"""The picture of what a detector saw, and the command that writes it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import boto3
import numpy as np
import pytest
from PIL import Image

from averment.cli.main import run
from averment.detector import opening
from averment.detector.explaining import OPACITY, RAMP, colour, render
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Detector, DetectorInfo, Explanation, FaceScore, Family, HeatMap, Score

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE
INFO = DetectorInfo("told", "1", None, tuple(Family), 0.5)


def photograph(size: tuple[int, int] = (600, 600)) -> bytes:
    """A plain green picture, so that whatever is drawn on it shows."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (40, 160, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def drawn(score: Score, explanation: Explanation, image: bytes | None = None) -> np.ndarray:
    with Image.open(io.BytesIO(render(image or photograph(), score, explanation, INFO))) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(int)


def near(pixel: np.ndarray, wanted: tuple[float, ...], within: float = 12) -> bool:
    return bool(np.abs(pixel - np.array(wanted)).max() <= within)


# --- the map's colours


def linear(rgb: tuple[int, int, int]) -> np.ndarray:
    """sRGB to linear light (IEC 61966-2-1)."""
    value = np.array(rgb) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lightness_and_hue(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of linear sRGB."""
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    x, y, z = to_xyz @ np.clip(light, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15(6)), severity 1.0.
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_keep_apart_and_in_order_for_every_eye(vision: str) -> None:
    """A quarter of the scale is a visible step, and more is always lighter, whoever looks, and in a black-and-white print."""
    seen = [lightness_and_hue(VISION[vision] @ linear(colour(step / 20))) for step in range(21)]
    assert all(later[0] > earlier[0] for earlier, later in pairwise(seen))
    assert min(np.linalg.norm(seen[step] - seen[step + 5]) for step in range(16)) > 15


def test_colours_end_where_the_scale_ends() -> None:
    """0, a half and 1 have the colours of the legend; what lies outside is held at the ends."""
    assert (colour(0), colour(0.5), colour(1)) == RAMP
    assert (colour(-3), colour(7)) == (RAMP[0], RAMP[2])


# --- what is drawn


def test_the_map_lies_where_its_box_is_and_only_there() -> None:
    """The hot cell is yellow in its corner of the box; a cold cell, and what is outside the box, is the photograph in grey."""
    grid = ((1.0, 0.0), (0.0, 0.0))
    picture = drawn(Score({FACE: 0.9}), Explanation((HeatMap(FACE, (200, 200, 400, 400), grid),)))
    panel = picture[38:638, 14 + 600 + 14 : 14 + 600 + 14 + 600]
    grey = np.dot([40, 160, 40], [0.299, 0.587, 0.114])
    hot = OPACITY * np.array(RAMP[2]) + (1 - OPACITY) * grey
    assert near(panel[220, 220], tuple(hot), within=25)
    assert near(panel[380, 380], (grey, grey, grey))
    assert near(panel[100, 100], (grey, grey, grey))
    assert near(picture[38 + 100, 14 + 100], (40, 160, 40)), "beside it the photograph keeps its colours"


def test_a_box_may_reach_beyond_the_picture() -> None:
    """Detectors look at squares around faces at the edge: what lies inside is drawn in its place."""
    picture = drawn(Score({FACE: 0.9}), Explanation((HeatMap(FACE, (-200, -200, 200, 200), ((0.0, 0.0), (0.0, 1.0))),)))
    panel = picture[38:638, 628:1228]
    assert panel[150, 150, 0] > panel[150, 150, 2] + 60
    assert panel.shape == (600, 600, 3)


def test_a_face_that_is_larger_than_the_picture_is_framed_within_it() -> None:
    """Its frame and its figure would lie outside, and the picture would show that nothing was judged."""
    picture = drawn(Score({FACE: 0.9}, faces=(FaceScore((-50.0, -80.0, 700.0, 690.0), 0.9),)), Explanation())
    panel = picture[38:638, 14:614]
    assert all(near(panel[place], (255, 255, 255)) for place in ((300, 8), (300, 591), (591, 300)))
    assert near(panel[300, 300], (40, 160, 40))
    assert (panel[:40, :100] > 240).all(axis=2).sum() > 50, "its figure is written in the corner"


def test_each_family_has_a_panel_of_its_own() -> None:
    """Two families make two panels beside the photograph; two faces of one family share one."""
    whole, one, other = (0.0, 0.0, 600.0, 600.0), (10.0, 10.0, 100.0, 100.0), (300.0, 300.0, 400.0, 400.0)
    hot = ((1.0,),)
    score = Score({FACE: 0.9, SYNTHETIC: 0.2})
    both = drawn(score, Explanation((HeatMap(FACE, one, hot), HeatMap(FACE, other, hot), HeatMap(SYNTHETIC, whole, hot))))
    single = drawn(score, Explanation((HeatMap(FACE, one, hot), HeatMap(FACE, other, hot))))
    assert both.shape[1] - single.shape[1] == 600 + 14
    panel = single[38:638, 628:1228]
    assert panel[60, 60, 0] > panel[60, 60, 2] + 60
    assert panel[350, 350, 0] > panel[350, 350, 2] + 60


def test_faces_are_framed_and_the_flagged_one_heavier() -> None:
    """The frame is white between black; a flagged face has a thicker one, and doesn't rely on colour to be told."""

    def white(probability: float) -> int:
        picture = drawn(Score({FACE: probability}, faces=(FaceScore((200, 200, 400, 400), probability),)), Explanation(no_map="none"))
        row = picture[38 + 300, 14 + 180 : 14 + 220]
        return int((row.min(axis=1) > 250).sum())

    assert white(0.9) > white(0.1) > 0


def test_small_and_large_pictures_come_out_at_a_legible_size() -> None:
    """Thumbnails are enlarged, phone pictures reduced; the boxes go with them."""
    score = Score({FACE: 0.9}, faces=(FaceScore((50, 50, 100, 100), 0.9),))
    small = drawn(score, Explanation(no_map="none"), photograph((120, 120)))
    assert small.shape[1] == 480 + 28
    assert near(small[38 + 300, 14 + 200], (255, 255, 255)), "the left edge of the box, four times enlarged"
    large = drawn(score, Explanation(no_map="none"), photograph((4000, 2000)))
    assert large.shape[1] == 1024 + 28


def test_words_grow_the_sheet_rather_than_run_out_of_it() -> None:
    """A long reason is wrapped; none of its pixels touch the margin."""
    reason = "a reason that goes on and on " * 12
    short = drawn(Score(cannot_say="short"), Explanation(no_map="none"))
    long = drawn(Score(cannot_say=reason), Explanation(no_map="none"))
    assert long.shape[0] > short.shape[0]
    assert (long[:, -13:] == 255).all()


def test_a_map_that_is_no_map_is_refused() -> None:
    """Values outside [0, 1], ragged rows and empty boxes are errors of the detector, found where they are made."""
    for box, grid in [
        ((0, 0, 1, 1), ()),
        ((0, 0, 1, 1), ((0.1,), (0.1, 0.2))),
        ((0, 0, 1, 1), ((1.5,),)),
        ((0, 0, 1, 1), ((float("nan"),),)),
        ((1, 0, 1, 1), ((0.5,),)),
    ]:
        with pytest.raises(ValueError):
            HeatMap(FACE, box, grid)


def test_nothing_of_the_original_but_its_pixels_is_in_the_result() -> None:
    """No camera and no place of the original stands in what is passed around."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAM"
    Image.new("RGB", (300, 300)).save(buffer, "JPEG", exif=exif)
    assert b"SECRETCAM" in buffer.getvalue()
    assert b"SECRETCAM" not in render(buffer.getvalue(), Score({FACE: 0.1}), Explanation(no_map="none"), INFO)


def test_what_is_no_image_is_refused() -> None:
    """The reason is that of decoding."""
    with pytest.raises(UnreadableError, match="not a JPEG, PNG or WebP image"):
        render(b"hello", Score(cannot_say="x"), Explanation(no_map="none"), INFO)


# --- averment media explain


class Mapped(Detector):
    """Says ``probability`` of everything, and offers a map unless told otherwise."""

    def __init__(self, probability: float | None, *, maps: bool = True) -> None:
        self.probability, self.maps = probability, maps
        self.seen: list[bytes] = []

    info = INFO

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.seen += images
        said = Score(cannot_say="too dark") if self.probability is None else Score({SYNTHETIC: self.probability})
        return [said for _ in images]

    def explain(self, image: bytes) -> Explanation:
        return Explanation((HeatMap(SYNTHETIC, (0, 0, 100, 100), ((0.2, 0.8),)),)) if self.maps else super().explain(image)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Mapped]:
    """The detector that the command opens: the last of the list."""
    detectors = [Mapped(0.9)]
    monkeypatch.setattr(opening, "open_detector", lambda text: detectors[-1])
    return detectors


@pytest.mark.parametrize(
    ("probability", "code", "said"), [(0.9, 1, "flagged, 0.900"), (0.1, 0, "clean, 0.100"), (None, 3, "can't say: too dark")]
)
def test_the_picture_is_written_and_the_exit_code_is_the_finding(
    told: list[Mapped], tmp_path: Path, capfd: pytest.CaptureFixture[str], probability: float | None, code: int, said: str
) -> None:
    """Also where the detector can't say: the picture then holds the reason."""
    told.append(Mapped(probability))
    (tmp_path / "a.png").write_bytes(photograph())
    assert run(["media", "explain", str(tmp_path / "a.png"), "--out", str(tmp_path / "why.png")]) == code
    out, err = capfd.readouterr()
    assert out == f"{tmp_path / 'why.png'}: {said}\n"
    assert err == ""
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.width == 2 * 600 + 3 * 14


def test_a_detector_without_maps_says_so(told: list[Mapped], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The picture then shows faces and scores, and the absence of a map is said on stderr."""
    told.append(Mapped(0.9, maps=False))
    (tmp_path / "a.png").write_bytes(photograph())
    assert run(["media", "explain", str(tmp_path / "a.png"), "--out", str(tmp_path / "why.png")]) == 1
    assert "no heat map: this detector offers no map" in capfd.readouterr().err


def test_a_detectors_words_write_no_line_of_their_own(told: list[Mapped], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A service elsewhere may answer anything: it forges no result, and its brackets are no markup."""

    class Elsewhere(Mapped):
        def score(self, images: Sequence[bytes]) -> list[Score]:
            return [Score(cannot_say="dark\nb.png: clean, 0.100\x1b[2K") for _ in images]

        def explain(self, image: bytes) -> Explanation:
            return Explanation(no_map="none [/x]\nb.png: clean")

    told.append(Elsewhere(None))
    (tmp_path / "a.png").write_bytes(photograph())
    assert run(["media", "explain", str(tmp_path / "a.png"), "--out", str(tmp_path / "why.png")]) == 3
    out, err = capfd.readouterr()
    assert out == f"{tmp_path / 'why.png'}: can't say: dark\\x0ab.png: clean, 0.100\\x1b[2K\n"
    assert err == "no heat map: none [/x]\\x0ab.png: clean\n"


def test_the_embedded_detector_answers_too(tmp_path: Path) -> None:
    """Whatever it says of a plain picture, the picture is written."""
    (tmp_path / "a.png").write_bytes(photograph())
    assert run(["media", "explain", str(tmp_path / "a.png"), "--out", str(tmp_path / "why.png")]) in {0, 1, 3}
    assert (tmp_path / "why.png").exists()


def test_an_object_in_s3_is_explained_by_the_name_that_the_scan_prints(told: list[Mapped], sandbox: object, tmp_path: Path) -> None:
    """Keys with odd characters come quoted out of the scan and are taken so."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="media", Key="in box/ü.png", Body=photograph())
    assert run(["media", "explain", "s3://media/in%20box/%C3%BC.png", "--out", str(tmp_path / "why.png")]) == 1
    assert run(["media", "explain", "s3://media/none.png", "--out", str(tmp_path / "other.png")]) == 3
    assert not (tmp_path / "other.png").exists()


def test_a_version_is_explained_and_not_what_lies_there_by_now(
    told: list[Mapped], sandbox: object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who decides about a held version would look at another one, which came under its key meanwhile."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="media", Key="a b.png", Body=photograph())["VersionId"]
    s3.put_object(Bucket="media", Key="a b.png", Body=b"something else")
    out = ["--out", str(tmp_path / "why.png")]
    assert run(["media", "explain", "s3://media/a%20b.png", *out]) == 3
    assert run(["media", "explain", f"s3://media/a%20b.png?versionId={first}", *out]) == 1
    capfd.readouterr()
    assert run(["media", "explain", "s3://media/a%20b.png?versionId=gone", *out]) == 3
    assert "could not read s3://media/a b.png?versionId=gone: " in capfd.readouterr().err
    s3.put_object(Bucket="media", Key="a b.png", Body=photograph())
    assert run(["media", "explain", "s3://media/a%20b.png?versionId=", *out]) == 2, "as a variable that isn't set leaves it"
    film = s3.put_object(Bucket="media", Key="c.mp4", Body=photograph())["VersionId"]
    capfd.readouterr()
    assert run(["media", "explain", f"s3://media/c.mp4?versionId={film}", *out]) == 3
    assert "can't be explained" in capfd.readouterr().err  # taken for a video by its name, as a scan does


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.png", "--out", "why.png"], 2, "there is no file or folder 'gone.png'"),
        (["a.png", "--out", "why.jpg"], 2, "not named so"),
        (["a.png", "--at", "3", "--out", "why.png"], 2, "is not a video"),
        (["bad.png", "--out", "why.png"], 3, "not a JPEG, PNG or WebP image"),
        (["s3://media", "--out", "why.png"], 2, "names no object"),
        (["a.png", "--out", "a.png"], 2, "--out would overwrite what is scanned"),
        (["link.png", "--out", "a.png"], 2, "--out would overwrite what is scanned"),
        (["a.mp4", "--out", "why.png"], 3, "can't be explained"),
    ],
)
def test_what_cannot_be_explained_is_an_error_and_writes_nothing(
    told: list[Mapped],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    """A missing file, a wrong name, a frame of an image, an unreadable file, the upload itself as the output, an image that a scan takes for a video."""
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(photograph())
    Path("a.mp4").write_bytes(photograph())
    Path("link.png").symlink_to("a.png")
    Path("bad.png").write_bytes(b"hello")
    assert run(["media", "explain", *arguments]) == code
    assert said in capfd.readouterr().err
    assert not Path("why.png").exists()
    assert Path("a.png").read_bytes() == photograph()
