"""A detector that does what a test tells it, and its server on a free port of the loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from averment.core.errors import IncompleteError
from averment.detector.interface import Detector, DetectorInfo, Family, Score
from averment.detector.serving_http import Application, Limits
from averment.detector.serving_server import Server


class Told(Detector):
    """Scores by the length of an image; can be held, broken, at a loss, or made to crash."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Semaphore(0)
        self.broken = False
        self.crashing = False
        self.silent = False

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("told", "1", "0" * 64, (Family.SYNTHETIC_IMAGE,), 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        self.entered.release()
        assert self.free.wait(30)
        if self.broken:
            raise IncompleteError("the model file is gone")
        if self.crashing:
            raise KeyError("secret/weights.bin")
        if self.silent:
            return [Score(cannot_say="no image") for _ in images]
        return [Score({Family.SYNTHETIC_IMAGE: min(1.0, len(image) / 1_000_000)}) for image in images]


@pytest.fixture
def told() -> Iterator[Told]:
    """Set free at the end, so that no thread outlives the test."""
    detector = Told()
    yield detector
    detector.free.set()


@pytest.fixture
def serve(told: Told) -> Iterator[Callable[..., Server]]:
    """``serve(limits, arrival_seconds=...)``: ``told`` behind HTTP."""
    with ExitStack() as stack:
        stack.callback(told.free.set)

        def start(limits: Limits | None = None, **options: float) -> Server:
            return stack.enter_context(Server(Application(told, limits), port=0, **options))

        yield start
