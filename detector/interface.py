"""The seam between whatever scores media and whoever needs the scores.

Implementations: ``embedded.EmbeddedDetector`` (the model that ships), ``onnx_file.OnnxDetector`` (any ONNX classifier),
``sagemaker.SageMakerDetector`` (an endpoint), ``remote.HttpDetector`` (a service).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from averment.core.canonical import JSON


class Family(StrEnum):
    """Attack families, scored apart. A detector says which it knows; a family it doesn't know is absent from its scores."""

    SYNTHETIC_IMAGE = "synthetic-image"
    MANIPULATED_FACE = "manipulated-face"


@dataclass(frozen=True)
class FaceScore:
    """One face that was judged: its box (left, top, right, bottom) in pixels of the upright image, and the probability that it was
    manipulated, in [0, 1]."""

    box: tuple[float, float, float, float]
    probability: float


@dataclass(frozen=True)
class Moment:
    """A frame of a clip, in seconds from its first, and what was said of it."""

    seconds: float
    family: Family
    probability: float


@dataclass(frozen=True)
class Track:
    """A face that was followed through a clip: from when to when, in how many of the sampled frames, its probability by the highest running
    median, and when and where (left, top, right, bottom in pixels of the sampled frame) it spoke loudest."""

    first: float
    last: float
    frames: int
    probability: float
    worst: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Clip:
    """What a score of a video rests on: of ``sampled`` frames that were wanted, ``judged`` gave a probability of some family, and
    ``unjudged`` counts the others by reason. ``worst`` is the loudest frame of the stretch that decided; ``tracks`` come worst first.

    ``cut`` is from when to when the file's edit list shows it, where that leaves out much of what it holds: all of it was judged, in each way that players
    may show it. Times and ``seconds`` are the file's then, whatever is left out before."""

    seconds: float
    width: int
    height: int
    codec: str
    sampled: int
    judged: int
    unjudged: Mapping[str, int] = field(default_factory=dict)
    worst: Moment | None = None
    tracks: tuple[Track, ...] = ()
    cut: tuple[float, float] | None = None


@dataclass(frozen=True)
class Score:
    """What a detector says of one image: a calibrated probability in [0, 1] per family, or why it can't say.

    Exactly one of ``probabilities`` and ``cannot_say`` is meaningful: with a reason in ``cannot_say`` there is no probability.
    ``silent`` holds the families of this detector that can't say, each with its reason (no face, a face too small), while another family
    can. What only they could have found is not ruled out: an image with a silent family is never clean (``open_question``). ``faces`` are those that ``manipulated-face`` judged, the largest first; its probability is the highest.
    Of a video, ``clip`` says what was looked at, ``faces`` is empty (they are in its tracks), and the probabilities aren't calibrated.
    ``refused``: a service wouldn't have the file, or frames of it. That is about the service, and may be otherwise another time.
    """

    probabilities: Mapping[Family, float] = field(default_factory=dict)
    cannot_say: str | None = None
    silent: Mapping[Family, str] = field(default_factory=dict)
    faces: tuple[FaceScore, ...] = ()
    clip: Clip | None = None
    refused: bool = field(default=False, compare=False)

    @property
    def highest(self) -> float | None:
        """The highest probability over families, or None when the detector can't say."""
        return max(self.probabilities.values()) if self.cannot_say is None and self.probabilities else None

    @property
    def open_question(self) -> str | None:
        """Why nothing follows from this score's being low: the detector can't say, gave no probability, or a family of it is silent."""
        if self.cannot_say is not None:
            return self.cannot_say
        if not self.probabilities:
            return "the detector gave no probability"
        return "; ".join(f"{family}: {reason}" for family, reason in self.silent.items()) or None

    def of(self, family: Family) -> Score:
        """What it says of one family: as it is where there is a probability, else that it can't say, and why."""
        if self.cannot_say is not None or family in self.probabilities:
            return self
        return Score(cannot_say=self.silent.get(family, f"the detector says nothing of {family}"))


@dataclass(frozen=True)
class HeatMap:
    """Where in an image one family's score comes from, coarsely: for people to look at, nothing is computed from it.

    ``grid`` holds rows from top to bottom, all of one length, of values in [0, 1]; it lies over ``box`` (left, top, right, bottom) in pixels of
    the upright image. Several maps of one family are of several faces.

    Raises:
        ValueError: no such grid, or an empty box.
    """

    family: Family
    box: tuple[float, float, float, float]
    grid: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise ValueError(f"the box {self.box} is empty")
        if not self.grid or not self.grid[0] or len({len(row) for row in self.grid}) != 1:
            raise ValueError("the grid's rows are not of one length")
        if not all(0.0 <= value <= 1.0 for row in self.grid for value in row):  # also refuses NaN
            raise ValueError("a value of the grid is not in [0, 1]")


@dataclass(frozen=True)
class Explanation:
    """The maps that a detector has for an image, or in ``no_map`` why it has none."""

    maps: tuple[HeatMap, ...] = ()
    no_map: str | None = None


@dataclass(frozen=True)
class DetectorInfo:
    """Which detector it was: enough for evidence to name it. ``sha256`` is of the model's bytes where they are known."""

    name: str
    version: str
    sha256: str | None
    families: tuple[Family, ...]
    threshold: float

    def facts(self) -> dict[str, JSON]:
        """What results and evidence say of it: enough to tell whether a second run has the same."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256, "threshold": self.threshold}


class Detector(ABC):
    """Scores images. Hostile input is expected: it gives ``cannot_say``, never an exception. ``elsewhere`` says that it works in another process, perhaps
    on another machine, whose load isn't that of this one. ``aside`` is how many seconds of its work so far were about no image."""

    elsewhere: bool = False
    aside: float = 0.0

    @property
    @abstractmethod
    def info(self) -> DetectorInfo:
        """Identity, families, and the threshold at or above which an image is flagged."""

    @abstractmethod
    def score(self, images: Sequence[bytes]) -> list[Score]:
        """One ``Score`` per encoded image (JPEG, PNG, WebP), in order.

        Raises:
            IncompleteError: the detector itself is out of reach or broken (not: an image is bad).
        """

    def load(self) -> None:  # noqa: B027 - most have nothing to read before the first image
        """Read now what some image may need: the first one says nothing of a model that is broken, unless it has a face to judge.

        Raises:
            IncompleteError: the detector is broken.
        """

    def at_threshold(self, threshold: float) -> Detector | None:  # noqa: ARG002 - for those whose threshold is ours to set
        """The same detector flagging from ``threshold`` on, in [0, 1]; None where somebody else sets it: then a lower one here would miss what was
        left unjudged there, and a higher one would call clean what wasn't looked at to the end."""
        return None

    def explain(self, image: bytes) -> Explanation:  # noqa: ARG002 - for those that have maps
        """Maps of what the score of one encoded image comes from. A detector that has none says so; this one does.

        Raises:
            IncompleteError: as ``score``.
        """
        return Explanation(no_map="this detector offers no map")
