"""The seam between a claim's statement and the statistics that test it."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from averment.core.canonical import JSON, canonical_json
from averment.core.words import ClaimVerdict
from averment.detector.claims.tables import called
from averment.detector.claims.trace import Trace
from averment.detector.interface import Detector, Score

NOT_THE_FIGURE = frozenset(
    {"bar", "at_least", "confidence", "sample", "rounds", "batch", "answered", "smallest", "clusters", "images_only"}
)
"""Fields of parsed statements that may change while the statement is about the same figure of the same media: the bar and its direction, how
sure, how many are drawn or timed, what counts as one unit, and what keeps the claim open."""

ONE_SIDED = "bounded_below_by"
"""The detail of a result without an interval that says from where on the figure is known to lie: that could have refuted the claim."""

POPULATIONS = ("population", "reference")
"""Fields that name what a statement draws from: by a name of its own, or by a place."""

_PLACES = frozenset({*POPULATIONS, "log"})
_WITHOUT_ORDER = frozenset({"transforms"})  # each is applied by itself


@dataclass(frozen=True)
class Interval:
    """A confidence interval for the estimate; ``method`` names it (Clopper-Pearson, cluster bootstrap)."""

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class ClaimResult:
    """What came of one claim, with everything needed to run it again.

    ``statement`` is the claim in words with its bar. ``samples`` counts images or objects, ``clusters`` the independent
    units among them (people, sources). ``needed`` is how many independent units would settle an inconclusive one, if
    that can be said. ``details`` is JSON for reports (counts, curve points). ``inputs`` pins data: manifest hash, seed, frame.
    ``look`` says which look at the claim it was, where looks are counted (``sequential``).
    """

    type: str
    statement: str
    verdict: ClaimVerdict
    reason: str
    estimate: float | None
    interval: Interval | None
    bar: float
    samples: int
    clusters: int
    seed: int
    needed: int | None = None
    inputs: Mapping[str, JSON] = field(default_factory=dict)
    details: Mapping[str, JSON] = field(default_factory=dict)
    look: Mapping[str, JSON] | None = None

    def to_json(self) -> dict[str, JSON]:
        """As JSON data; the payload of a record of kind ``claim``."""
        interval = self.interval
        return {
            "type": self.type,
            "statement": self.statement,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "estimate": self.estimate,
            "interval": None
            if interval is None
            else {"low": interval.low, "high": interval.high, "confidence": interval.confidence, "method": interval.method},
            "bar": self.bar,
            "samples": self.samples,
            "clusters": self.clusters,
            "seed": self.seed,
            "needed": self.needed,
            "inputs": dict(self.inputs),
            "details": dict(self.details),
            **({} if self.look is None else {"look": dict(self.look)}),
        }


@dataclass(frozen=True)
class ClaimPlan:
    """What a claim needs before anybody runs it.

    ``least`` is the number of ``unit`` that supports it when not a single error is seen (None: no sample can, as for a bar of
    100 %). ``needs`` pairs an assumed truth with the number that settles the claim with a chance of 80 % if that is the truth.
    ``lacks`` says why the claim can't be tested as things are, whatever its sizes: a population that isn't there, no look that is left.
    ``note`` is what is to be known of all of ``needs``, if anything, as one sentence without a stop.
    """

    statement: str
    unit: str
    least: int | None
    needs: tuple[tuple[float, int], ...]
    lacks: tuple[str, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As JSON data; ``note`` stands in it only where there is one."""
        needs: list[JSON] = [{"truth": truth, "needed": needed} for truth, needed in self.needs]
        note: dict[str, JSON] = {"note": self.note} if self.note else {}
        return {"statement": self.statement, "unit": self.unit, "least": self.least, "needs": needs, "lacks": list(self.lacks), **note}


@dataclass(frozen=True)
class Look:
    """An earlier test of a claim: when, at what, with which seed; its number and its record where they are known.

    ``share`` is the part that it spent of the error that its claim allowed (None: nothing says so), ``within`` the stretch over which its claim
    counted looks (None: for good). ``rows`` are the labels that its statement picked rows by, ``ways`` the transforms that it named. ``figure`` is what it
    came to and ``width`` that of its interval (None: nothing says so). ``repeats`` is the record of the look that its own record says it was once more.
    """

    at: datetime
    inputs: Mapping[str, JSON]
    seed: int
    number: int | None = None
    record: str = ""
    share: float | None = None
    within: timedelta | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    ways: frozenset[bytes] = frozenset()
    figure: float | None = None
    width: float | None = None
    repeats: str | None = None

    @property
    def media(self) -> str | None:
        """The digest over the media that it looked at; None where nothing says so."""
        media = self.inputs.get("media")
        digest = media.get("sha256") if isinstance(media, Mapping) else None
        return digest if isinstance(digest, str) else None


@dataclass(frozen=True)
class Looks:
    """The earlier tests of one claim, oldest first, as they stand at the moment ``now``.

    ``kin`` were at the same figure of a population with another name: they count where it proves to be the same one (``sequential``). ``near`` were at
    the same figure of other ``rows`` or in other ``ways`` than today's: they count where these are mostly the same rows, and the ones' ways are among the
    others'. ``media`` is the digest over the media that are about to be looked at (``trace.Trace.digest``), where it is known: then a look at other media
    is no earlier look at the same, whatever else they have in common; and ``figure`` what they come to, for a detector may answer otherwise each time that it
    is asked. ``recorded`` is what a record says of the look that it was: who runs
    it again takes that look, and no other. ``root`` is the folder from which places are told that aren't absolute.
    """

    earlier: tuple[Look, ...] = ()
    now: datetime | None = None
    media: str | None = None
    kin: tuple[Look, ...] = ()
    near: tuple[Look, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    ways: frozenset[bytes] = frozenset()
    figure: float | None = None
    recorded: Mapping[str, Any] | None = None
    root: Path = field(default_factory=Path)


@dataclass(frozen=True)
class ClaimContext:
    """What a claim may draw on: a detector, a folder with a labelled manifest, an S3 client (boto3) for populations in S3.

    ``populations`` maps a population's name to where it is: a manifest path, a folder, or ``s3://bucket/prefix``. ``detector_name`` is
    what the detector was opened by. ``as_of`` asks for populations in S3 as they were then. ``trace`` hears what a run reads and scores.
    ``looks`` are the earlier tests of the claim that is about to be tested; None where nobody counts them, and this is the only look.
    ``remembered`` are the detector's scores from one claim to the next, by the SHA-256 of the medium; None where each claim asks for itself.
    ``asked`` are the SHA-256 of all media that the detector was asked about by any claim of the run; None where nobody keeps them.
    """

    detector: Detector | None = None
    populations: Mapping[str, str] = field(default_factory=dict)
    root: Path = field(default_factory=Path)
    s3: Any = None
    trust_anchors: Path | None = None
    seed: int = 20261001
    looks: Looks | None = None
    detector_name: str | None = None
    as_of: datetime | None = None
    trace: Trace | None = None
    remembered: dict[str, Score] | None = None
    asked: set[str] | None = None


class ClaimType(ABC):
    """A kind of claim: ``name`` is its ``type`` in YAML; ``needs_detector`` says whether it scores media, ``sequential`` whether it
    infers from a sample at a ``confidence``, so that looks at it are counted, ``share`` whether its bar is a share of at most 1, ``asks_anew``
    whether it is about the asking itself, so that no earlier answer will do, ``timed`` whether it is about how long that takes, so that it comes
    before claims that make a detector know the media. ``label`` is that of all rows which its figure is of, where it is one for
    all such claims; otherwise a statement's metric may know it (``metrics.Metric.label``)."""

    name: str
    needs_detector: bool = False
    sequential: bool = False
    share: bool = True
    asks_anew: bool = False
    timed: bool = False
    label: str | None = None

    @abstractmethod
    def read(self, spec: Mapping[str, Any]) -> Any:
        """The statement as this kind's dataclass, with defaults filled in.

        Raises:
            BadInputError: an unknown or missing field, or a bar out of range: it can't be tested.
        """

    def figure(self, spec: Mapping[str, Any]) -> dict[str, JSON]:
        """What the statement measures, and of which media: all that it says but its bars and sizes (``NOT_THE_FIGURE``), with defaults filled in.
        Two statements with the same figure are about the same thing, however they are written: in whatever order they name transforms, however
        they spell a place, whichever family they name for a figure of the bona fide media, and whether they say of which label its rows are.

        Raises:
            BadInputError: as ``read``.
        """
        statement = self.read(spec)
        said = {field.name: getattr(statement, field.name) for field in fields(statement) if field.name not in NOT_THE_FIGURE}
        told = {name: _same_thing(name, _plain(value)) for name, value in said.items()}
        label, where = getattr(said.get("metric"), "label", self.label), told.get("where")
        if isinstance(where, dict) and label is not None and called(str(where.get("label"))) == label:
            told["where"] = {name: value for name, value in where.items() if name != "label"}
        return {"type": self.name, **told}

    @abstractmethod
    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        """How many samples the statement needs, before any run.

        Raises:
            BadInputError: as ``read``.
        """

    @abstractmethod
    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        """Test the statement. Too little data gives ``INCONCLUSIVE``, not an error.

        Raises:
            IncompleteError: the population or the detector is out of reach.
        """


def place(where: str) -> str:
    """One spelling of a place: without ``./``, doubled slashes and one at the end. A name is left as it is."""
    if where.startswith("s3://"):
        return f"s3://{where.removeprefix('s3://').rstrip('/')}"
    return posixpath.normpath(where) if where else where


def _same_thing(name: str, value: JSON) -> JSON:
    """The value of the field ``name``, the same for values that mean the same."""
    if name in _PLACES and isinstance(value, str):
        return place(value)
    if name in _WITHOUT_ORDER and isinstance(value, list):
        return [item for _, item in sorted({canonical_json(item): item for item in value}.items())]
    if name == "metric" and isinstance(value, dict) and value.get("name") == "bpcer":
        return {**value, "family": None}  # of the bona fide media, by the decision over all families
    return value


def _plain(value: Any) -> JSON:
    """A statement's value as JSON data, the same for equal values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
