"""Where a detector's time goes: CPU seconds of decoding, face detection, networks and the rest, for whatever detector it is.

Nothing of a detector's inside is relied on: Pillow's decoding, the face finder and ONNX Runtime's sessions are watched while it scores. CPU time
of this process, so that other load on the machine matters little; detectors run on one thread.

Decoding and finding faces are paid once an image, the networks once a view, which for a detector of faces is a face: so the networks' rate is one
of views. A graph with several networks, as the shipped one's, counts as a whole: a face costs them all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import onnxruntime
from PIL import ImageFile

from averment.core.errors import AvermentError
from averment.detector.faces.finder import FaceFinder
from averment.detector.interface import Detector, Score

BATCH = 32


@dataclass
class Stages:
    """CPU seconds by stage, for how many images and how many views of them. ``network`` leaves out the face finder's."""

    images: int = 0
    views: int = 0
    whole: float = 0.0
    decode: float = 0.0
    faces: float = 0.0
    network: float = 0.0

    @property
    def rest(self) -> float:
        """What is none of the stages: resizing, cropping, everything in Python."""
        return max(0.0, self.whole - self.decode - self.faces - self.network)

    def rate(self, stage: str) -> float | None:
        """Images a CPU second, for ``network`` views a CPU second; None where the stage took no time that could be measured."""
        seconds: float = getattr(self, stage)
        return (self.views if stage == "network" else self.images) / seconds if seconds > 1e-6 else None


def timed(detector: Detector, images: Sequence[bytes]) -> tuple[list[Score], Stages]:
    """The scores of ``images``, and what they cost; loading the model is not in it."""
    detector.score(images[:1])
    stages = Stages(images=len(images))
    scores: list[Score] = []
    with _watched(stages):
        start = time.process_time()
        for first in range(0, len(images), BATCH):
            scores += detector.score(images[first : first + BATCH])
        stages.whole = time.process_time() - start
    return scores, stages


def _views(feed: dict[str, Any]) -> int:
    return max((int(value.shape[0]) for value in feed.values() if getattr(value, "shape", ())), default=1)


@contextmanager
def _watched(stages: Stages) -> Iterator[None]:
    inside_finder = False

    def watch(holder: Any, name: str, add: Callable[[float, Sequence[Any]], None], *, finder: bool = False) -> Callable[[], None]:
        plain = getattr(holder, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside_finder
            if inside_finder:
                return plain(*args, **kwargs)
            inside_finder = finder
            start = time.process_time()
            try:
                return plain(*args, **kwargs)
            finally:
                add(time.process_time() - start, args)
                inside_finder = False

        setattr(holder, name, called)
        return lambda: setattr(holder, name, plain)

    def to(stage: str) -> Callable[[float, Sequence[Any]], None]:
        return lambda seconds, _: setattr(stages, stage, getattr(stages, stage) + seconds)

    def to_network(seconds: float, args: Sequence[Any]) -> None:
        stages.network += seconds
        stages.views += _views(args[2])  # of run(session, names, feed)

    undo = [
        watch(ImageFile.ImageFile, "load", to("decode")),
        *(watch(FaceFinder, name, to("faces"), finder=True) for name in ("find_all", "find_close")),
        watch(onnxruntime.InferenceSession, "run", to_network),
    ]
    try:
        yield
    finally:
        for restore in undo:
            restore()


def run(main: Callable[[], None]) -> None:
    """``main``, whose errors are told as ``averment`` tells them, with its exit codes."""
    try:
        main()
    except AvermentError as error:
        print(error.diagnostics(), file=sys.stderr)
        sys.exit(int(error.exit_code))
