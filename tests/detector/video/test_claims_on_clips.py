"""Claims on populations of clips: each is scored as a scan scores it, whatever it is called, and never timed as if it were an image."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from averment.cli.main import run
from averment.core.words import ClaimVerdict
from averment.detector import opening
from averment.detector.claims import frame
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.run import run_claim
from averment.detector.interface import FaceScore, Family, Score
from averment.detector.video.media import score_media, shows_a_clip
from averment.detector.video.scoring import score_clip

FACE = Family.MANIPULATED_FACE

Population = Callable[..., ClaimContext]


def bright(picture: np.ndarray[Any, Any]) -> Score:
    """Flags what is bright, and sees one face in every picture."""
    probability = 0.9 if picture[:, :, 0].mean() > 60 else 0.1
    return Score({FACE: probability}, faces=(FaceScore((10.0, 10.0, 90.0, 90.0), probability),))


def png(red: int) -> bytes:
    """A picture of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (100, 100), (red, 0, 0)).save(made, "PNG")
    return made.getvalue()


@pytest.fixture
def population(tmp_path: Path, told: Any) -> Population:
    """``population(files, labels)`` writes a manifest over files that are there, and gives a context with the detector ``bright``."""

    def write(labels: Mapping[str, str], **options: Any) -> ClaimContext:
        rows = [f"{name},{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()},{label}" for name, label in labels.items()]
        (tmp_path / "m.csv").write_text("\n".join(["file,sha256,label", *rows]) + "\n")
        return ClaimContext(detector=told(bright, [FACE]), populations={"p": "m.csv"}, root=tmp_path, **options)

    return write


def test_each_medium_gets_its_own_score_in_order(film: Any, told: Any) -> None:
    """Images go to the detector as they are, clips by their frames; the bytes decide, and what is neither is the detector's to refuse."""
    turns, dark = film("turns.mp4", frames=60), film("dark.mp4", frames=15)
    detector = told(bright, [FACE])
    found = score_media(detector, [png(0), turns.read_bytes(), png(200), dark.read_bytes()])
    assert [score.highest for score in found] == [0.1, 0.9, 0.9, 0.1]
    assert [score.clip is not None for score in found] == [False, True, False, True]
    assert found[1] == score_clip(turns, detector)
    assert score_media(detector, []) == []


def test_a_broken_clip_is_a_non_response(film: Any, told: Any) -> None:
    """It costs no exception, and no other medium its score."""
    whole = film("turns.mp4", frames=60).read_bytes()
    broken, image = score_media(told(bright, [FACE]), [whole[: len(whole) // 3], png(0)])
    assert broken.cannot_say
    assert image.highest == 0.1


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\x00\x00\x00\x18ftypisom", True), (b"\x00\x00\x00\x18ftypavif", False), (b"\xff\xd8\xffftyp", False), (b"", False)],
)
def test_the_bytes_tell_a_clip(data: bytes, *, expected: bool) -> None:
    """AVIF has an MP4's boxes and is an image; a JPEG stays one whatever follows."""
    assert shows_a_clip(data) is expected


def test_a_rate_counts_clips_as_a_scan_judges_them(film: Any, tmp_path: Path, population: Population) -> None:
    """A clip that is flagged half way through is flagged; one that can't be decoded is an error of the detector, with the reason."""
    film("turns.mp4", frames=60)
    for number in range(3):
        film(f"dark{number}.mp4", frames=15 + number)
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(100))
    (tmp_path / "a.png").write_bytes(png(0))
    context = population(dict.fromkeys(("turns.mp4", "dark0.mp4", "dark1.mp4", "dark2.mp4", "broken.mp4", "a.png"), "real"))
    spec = {"type": "performance", "metric": "bpcer", "attack": "manipulated-face", "population": "p", "at_most": 0.9}
    result = run_claim(spec, context)
    assert (result.estimate, result.samples) == (pytest.approx(2 / 6), 6)
    assert result.details["bona_fide_non_responses"] == 1
    told = {row["name"]: row for row in result.details["media"]}
    assert told["turns.mp4"]["scores"] == {"manipulated-face": 0.9}
    assert told["dark1.mp4"]["scores"] == {"manipulated-face": 0.1}
    assert "cannot_say" in told["broken.mp4"]


def test_clips_are_not_timed_as_images(film: Any, population: Population) -> None:
    """What refuses the bytes of a clip at once would be the fastest detector there is."""
    film("turns.mp4", frames=60)
    film("dark.mp4", frames=15)
    context = population({"turns.mp4": "real", "dark.mp4": "real"})
    result = run_claim({"type": "latency", "population": "p", "at_most": 1e6, "batch": 1}, context)
    assert (result.verdict, result.estimate) == (ClaimVerdict.INCONCLUSIVE, None)
    assert "of 2 media drawn 2 are videos, which are not timed" in result.reason


def test_what_can_not_be_transformed_is_no_drop_and_no_proof(film: Any, tmp_path: Path, population: Population) -> None:
    """A video has a score before and none after, which says nothing of the detector: it refutes nothing, and what was left out isn't supported."""
    for number in range(40):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    spec = {
        "type": "robustness",
        "metric": "bpcer",
        "attack": "manipulated-face",
        "population": "p",
        "transforms": [{"jpeg": 75}],
        "at_most": 0.2,
    }
    images = {f"{number}.png": "real" for number in range(40)}
    assert run_claim(spec, population(images)).verdict is ClaimVerdict.SUPPORTED
    for number in range(3):
        film(f"{number}.mp4", frames=12 + number)
    clips = {f"{number}.mp4": "real" for number in range(3)}
    mixed = run_claim(spec, population({**images, **clips}))
    assert (mixed.verdict, mixed.estimate, mixed.samples) == (ClaimVerdict.INCONCLUSIVE, 0.0, 40)
    assert mixed.details["videos"] == 3
    assert "of 3 videos nothing is known, for videos are not transformed" in mixed.reason
    assert "not scored" not in mixed.reason
    alone = run_claim(spec, population(clips))
    assert (alone.verdict, alone.samples) == (ClaimVerdict.INCONCLUSIVE, 0)
    assert "of 3 videos nothing is known" in alone.reason


def test_what_is_called_a_video_may_be_larger_than_an_image(
    tmp_path: Path, population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of neither more is read than its bound."""
    monkeypatch.setattr(frame, "MAX_IMAGE_BYTES", 10)
    monkeypatch.setattr(frame, "MAX_CLIP_BYTES", 20)
    for name, size in (("a.png", 11), ("b.MP4", 20), ("c.mov", 21)):
        (tmp_path / name).write_bytes(bytes(size))
    assert [frame.most_bytes(name) for name in ("a.png", "b.MP4", "c.mov")] == [10, 20, 20]


def in_batches(sizes: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The sizes of media of ``sizes`` bytes, by batch, with room for 3 media and 10 bytes."""

    class Held(frame.Population):
        def _read(self, item: frame.Item) -> bytes:
            if item.identity == "0":
                raise frame.RefusedError("gone")
            return bytes(int(item.identity))

        def _with(self, items: Any) -> frame.Population:
            raise NotImplementedError

    monkeypatch.setattr(frame, "BATCH", 3)
    monkeypatch.setattr(frame, "BATCH_BYTES", 10)
    items = [frame.Item(f"{number:03}", str(size)) for number, size in enumerate(sizes)]
    return [[len(data or b"") for data in contents] for _, contents in Held("p", "here", items).batches(items)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 1, 1, 1], [[1, 1, 1], [1]]),
        ([9, 1, 1], [[9, 1], [1]]),
        ([50, 50], [[50], [50]]),
        ([0, 0, 0, 1], [[0, 0, 0], [1]]),
        ([], []),
    ],
)
def test_batches_are_bounded_by_their_number_and_by_their_bytes(
    sizes: list[int], expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A population of large clips isn't read into memory by dozens; what is refused has its place."""
    assert in_batches(sizes, monkeypatch) == expected


def test_a_threshold_is_chosen_from_a_folder_of_clips(
    film: Any, tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is called a video is looked at there, and scored as one; a text beside them isn't."""

    detector = told(bright, [FACE])
    detector.at_threshold = lambda threshold: detector
    monkeypatch.setattr(opening, "open_detector", lambda text: detector)
    place = tmp_path / "genuine"
    place.mkdir()
    for number in range(4):
        film(f"{number}.mp4", frames=12 + number).rename(place / f"{number}.mp4")
    film("turns.mp4", frames=60).rename(place / "turns.mp4")
    (place / "notes.txt").write_text("no medium")
    assert run(["detector", "threshold", str(place), "--at-most", "0.7"]) == 0
    shown = capsys.readouterr().out
    assert "5 files of 5 independent units judged" in shown
    assert "1 other file not looked at" in shown
    assert "from 0.1001 on it flags 1 unit (1 file); 1 may be" in shown
