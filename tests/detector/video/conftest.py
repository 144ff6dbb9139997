"""Clips for the tests, made here by PyAV: no footage of anybody, and every frame says by its colour when it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from averment.detector.interface import Detector, DetectorInfo, Family, Score

STEP = 2
"""Of the red channel, from frame to frame."""


def plain(index: int, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The picture of frame ``index``: its number is in the red channel, in every pixel."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    picture[:, :, 0] = min(255, index * STEP)
    return picture


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """``film(name, frames=100, ...)`` writes a clip of 25 frames a second and gives its path. ``pictures`` replace the plain ones,
    ``times`` (in 25ths of a second) when each is shown."""

    def write(
        name: str = "clip.mp4",
        *,
        frames: int = 100,
        size: tuple[int, int] = (160, 120),
        gop: int = 25,
        codec: str = "libx264",
        container: str | None = None,
        pictures: Iterable[np.ndarray[Any, Any]] | None = None,
        options: dict[str, str] | None = None,
        streams: int = 1,
        prepare: Callable[[Any], None] = lambda stream: None,
        times: Sequence[int] | None = None,
    ) -> Path:
        path = tmp_path / name
        shown = list(pictures) if pictures is not None else [plain(index, size) for index in range(frames)]
        with av.open(str(path), "w", format=container, options=options or {}) as out:
            tracks = []
            for _ in range(streams):
                track = out.add_stream(
                    codec, rate=25, options={"preset": "ultrafast", "crf": "10"} if codec == "libx264" else {"b": "2000000"}
                )
                track.height, track.width = shown[0].shape[:2]
                track.pix_fmt, track.gop_size = "yuv420p", gop
                prepare(track)
                tracks.append(track)
            for track in tracks:
                for index, picture in enumerate(shown):
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame.pts = index if times is None else times[index]
                    out.mux(track.encode(frame))
                out.mux(track.encode())
        return path

    return write


class Told(Detector):
    """A detector that is told what to say of a picture: ``say`` gets the decoded picture as an array. ``asked`` keeps the pictures' sizes."""

    def __init__(self, say: Callable[[np.ndarray[Any, Any]], Score], families: Sequence[Family] = tuple(Family)) -> None:
        self.say, self.families = say, tuple(families)
        self.asked: list[tuple[int, int]] = []
        self.threshold = 0.5

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("told", "1", None, self.families, self.threshold)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        from averment.detector.imaging import decode

        pictures = [np.asarray(decode(image)) for image in images]
        self.asked += [(picture.shape[1], picture.shape[0]) for picture in pictures]
        return [self.say(picture) for picture in pictures]


@pytest.fixture
def told() -> Callable[..., Told]:
    """A detector that says what the test wants: ``told(lambda picture: Score(...))``."""
    return Told
