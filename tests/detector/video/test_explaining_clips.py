"""``averment media explain`` of a clip: the finding and the exit code are those of the scan, the picture is of one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from averment.cli.main import run
from averment.detector import opening
from averment.detector.interface import Detector, Family, Score
from averment.detector.video import scoring

SYNTHETIC, FACE = Family.SYNTHETIC_IMAGE, Family.MANIPULATED_FACE


def explained(
    clip: Path, detector: Detector, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str]:
    monkeypatch.setattr(opening, "open_detector", lambda text: detector)
    code = run(["media", "explain", str(clip), "--out", str(clip.with_name("why.png")), *more])
    return code, capfd.readouterr().out


def test_a_clip_most_of_which_could_not_be_judged_is_not_called_clean(
    film: Any, told: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever is said of the frame that is drawn."""
    first = {float(red) for red in range(30)}
    detector = told(lambda picture: Score({SYNTHETIC: 0.1}) if float(picture[..., 0].mean()) in first else Score(cannot_say="too dark"))
    code, out = explained(film(), detector, monkeypatch, capfd)
    assert code == 3
    assert "can't say: only " in out
    assert "(the clip; of this frame alone: clean, 0.100)" in out


def test_a_frame_is_drawn_as_the_scan_scored_it(
    film: Any, told: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A detector that names no faces is shown each face by itself, here too: of whole frames it would say something else."""
    pictures = [np.full((240, 240, 3), 90, np.uint8)] * 50
    monkeypatch.setattr(scoring.FaceFinder, "find", lambda self, image: [type("Face", (), {"box": (60.0, 60.0, 160.0, 160.0)})])
    detector = told(lambda picture: Score({FACE: 0.2 if picture.shape[:2] == (240, 240) else 0.9}), (FACE,))
    assert explained(film(pictures=pictures), detector, monkeypatch, capfd)[0] == 1
    code, out = explained(film(pictures=pictures), detector, monkeypatch, capfd, "--at", "1")
    assert (code, "flagged, 0.900" in out, "the clip" in out) == (1, True, False)


@pytest.mark.parametrize(("at", "reason"), [("1", "it could not be decoded"), ("99", "the file ends before it")])
def test_a_frame_that_is_not_there_is_told_with_its_reason(
    film: Any, told: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], at: str, reason: str
) -> None:
    """One that can't be decoded is there, and a viewer may see it: that it isn't would send whoever looks for it elsewhere."""
    path = film("hole.mkv", codec="ffv1", gop=1)
    with av.open(str(path)) as container:
        start, size = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][25]
    data = bytearray(path.read_bytes())
    data[start + size - 60 : start + size] = bytes(60)
    path.write_bytes(data)
    monkeypatch.setattr(opening, "open_detector", lambda text: told(lambda picture: Score({SYNTHETIC: 0.1})))
    assert run(["media", "explain", str(path), "--out", str(path.with_name("why.png")), "--at", at]) == 3
    assert f"can't be explained: there is no frame at {at} s: {reason}" in capfd.readouterr().err
