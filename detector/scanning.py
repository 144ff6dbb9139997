"""Scoring images and videos one after the other, whoever listed them: what was scored, what could not be, and of which bytes that is said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol

from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, ExitCode, SignedOutError
from averment.core.threads import Unawaited
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Detector, Score
from averment.detector.sniffing import IMAGE_SUFFIXES
from averment.detector.video.frames import Sampling, passing
from averment.detector.video.lending import FileState, sha256_of, state_of
from averment.detector.video.scoring import score_clip

SUFFIXES = IMAGE_SUFFIXES
"""Names of images that a folder or prefix is searched for. Those that the detector can't read are reported as such, not passed over."""

BATCH = 16
"""Images that are scored at a time; as many more are being read meanwhile."""

BATCH_BYTES = 64 * 1024 * 1024
"""Of so many bytes by the listing (or of one image) at most. What listings don't say is bounded by the reader."""

READERS = 8
MOST_READERS = 10
"""Images read at a time, with one core and with many: S3 answers an object in tens of milliseconds, in which several can be scored. botocore
keeps ten connections."""

NO_PYAV = "scanning videos needs the package 'av', which is not installed: pip install 'averment[video]'"

CHANGED = "it changed while it was scanned"

_LOOKED_UP = 1_000
"""Results that are recalled at a time."""


class Finding(StrEnum):
    """What came of one image."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    COULD_NOT = "could-not-scan"


class Identity(NamedTuple):
    """What tells one state of a file or object from another, as far as it is known without reading it.

    ``etag`` is without quotes, ``modified`` RFC 3339 in UTC. A file has its size alone: nothing else about it is beyond forging.
    """

    size: int | None = None
    version_id: str | None = None
    etag: str | None = None
    modified: str | None = None

    def same_object_as(self, other: Identity) -> bool:
        """Whether both are surely the same bytes in S3: the same version, or the same ETag, size and time of change.

        An ETag alone isn't enough: it can be an MD5, of which two pictures can be made that share it. The time is S3's own; but of an object that
        was put in parts, whose ETag has a dash, it is when that was begun (S3 user guide, object metadata): whoever begins two uploads at once
        shares it between them, and finishes the second when he likes.
        """
        if self.version_id not in (None, "null") and other.version_id not in (None, "null"):
            return self.version_id == other.version_id
        return None not in self._content() and "-" not in str(self.etag) and self._content() == other._content()

    def _content(self) -> tuple[int | None, str | None, str | None]:
        return self.size, self.etag, self.modified


class Medium(StrEnum):
    """How bytes are read. Some can be read either way (a JPEG that holds a video in its comment), and then each way shows something else."""

    IMAGE = "image"
    CLIP = "clip"


UNKNOWN = Identity()
"""Nothing is known before it is read."""


class Read(NamedTuple):
    """What was read, and of which state of the object that was."""

    data: bytes
    identity: Identity


class Lent(NamedTuple):
    """A video as a file on disk, and of which state of the object that is."""

    path: Path
    identity: Identity


@dataclass(frozen=True)
class Item:
    """One image or video and how to read it. ``name`` is what people see: a path or an S3 URL. ``identity`` is what its listing says of it.

    A video has ``lend`` and isn't read into memory: it is a file on disk for as long as it is looked at.
    """

    name: str
    read: Callable[[], Read]
    identity: Identity = UNKNOWN
    lend: Callable[[], AbstractContextManager[Lent]] | None = None

    @property
    def medium(self) -> Medium:
        """How it is read."""
        return Medium.IMAGE if self.lend is None else Medium.CLIP


@dataclass(frozen=True)
class Scanned:
    """The finding on one image, with the reason where there is no score; ``sha256`` of its bytes, None where they could not be read."""

    name: str
    finding: Finding
    score: Score
    threshold: float
    sha256: str | None = None
    identity: Identity = UNKNOWN

    @property
    def reason(self) -> str:
        """Why it could not be scanned, or which families say nothing and why; empty otherwise."""
        return self.score.open_question or ""


class Known(NamedTuple):
    """An earlier result that still counts."""

    sha256: str
    identity: Identity
    score: Score


class Memory(Protocol):
    """Results of earlier runs, each on bytes and a way of reading them. What could not be read is never kept, nor is what broke off or was refused."""

    def recall(self, item: Item) -> Known | None:
        """The result on ``item`` if its bytes are surely those that were scored then, by its identity, and were read in the same way."""

    def score(self, sha256: str, medium: Medium) -> Score | None:
        """What this detector said of these bytes, read as ``medium``."""

    def keep(self, result: Scanned, medium: Medium) -> None:
        """Remember a result on something that was read as ``medium``."""


class _Forgetful:
    """No memory."""

    def recall(self, item: Item) -> Known | None:  # noqa: ARG002 - the protocol's
        return None

    def score(self, sha256: str, medium: Medium) -> Score | None:  # noqa: ARG002 - the protocol's
        return None

    def keep(self, result: Scanned, medium: Medium) -> None:
        """Nothing is kept."""


def scan(items: Iterable[Item], detector: Detector, *, memory: Memory | None = None, parallel: int = 1) -> Iterator[Scanned]:
    """Score ``items``: one result each, in order. ``BATCH`` are scored while as many more are being read; memory stays bounded.

    Videos are scored one at a time where they stand among the images. What can't be read is a result with its reason. With a ``memory``,
    what an earlier run said of the same bytes is taken from there. ``parallel`` threads score images, each as many at a time: a detector in
    process spends its time where Python doesn't hold it up.

    Raises:
        SignedOutError: the credentials expired: of what comes after, nothing could be read either.
        IncompleteError: the detector is out of reach.
    """
    judge = _Judge(detector, memory or _Forgetful(), parallel)
    pool = Unawaited(min(MOST_READERS, READERS + parallel - 1), name="scan")
    ahead: deque[list[_Pending]] = deque()
    try:
        for batch in _batches(items, judge.memory, parallel):
            ahead.append([(item, known or (None if item.lend else pool.submit(_read, item))) for item, known in batch])
            if len(ahead) > 1:
                yield from judge.results(ahead.popleft())
        while ahead:
            yield from judge.results(ahead.popleft())
    finally:
        judge.pool.shutdown(wait=True, cancel_futures=True)
        pool.shutdown(wait=False, cancel_futures=True)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """1 if anything was flagged, else 3 if anything could not be scanned, else 0."""
    seen = set(findings)
    if Finding.FLAGGED in seen:
        return ExitCode.FINDINGS
    return ExitCode.INCOMPLETE if Finding.COULD_NOT in seen else ExitCode.CLEAN


_Pending = tuple[Item, "Known | Future[Read | str] | None"]
"""Nothing is pending of a video: it is brought here when its turn comes."""


class _Judge:
    """Results of one scan. Of bytes that the memory knows the detector isn't asked again."""

    def __init__(self, detector: Detector, memory: Memory, parallel: int) -> None:
        self._detector, self.memory, self._parallel = detector, memory, parallel
        self.pool = Unawaited(parallel, name="score")
        self._threshold = detector.info.threshold

    def results(self, batch: list[_Pending]) -> Iterator[Scanned]:
        """The results on ``batch``, each kept before it is given away."""
        reads = [pending.result() if isinstance(pending, Future) else pending for _, pending in batch]
        hashes = [sha256_hex(read.data) if isinstance(read, Read) else None for read in reads]
        scores = self._scores({digest: read.data for digest, read in zip(hashes, reads, strict=True) if digest and isinstance(read, Read)})
        for (item, _), read, digest in zip(batch, reads, hashes, strict=True):
            if isinstance(read, Known):
                yield self._result(item.name, read.score, read.sha256, read.identity)
            elif item.lend is not None:
                yield self._clip(item, item.lend)
            elif not isinstance(read, Read) or digest is None:
                yield self._unread(item, str(read))
            else:
                result = self._result(item.name, scores[digest], digest, read.identity)
                if not result.score.refused:
                    self.memory.keep(result, Medium.IMAGE)
                yield result

    def _scores(self, images: dict[str, bytes]) -> dict[str, Score]:
        """The score of each of the images, by its hash."""
        known = {digest: score for digest in images if (score := self.memory.score(digest, Medium.IMAGE)) is not None}
        new = {digest: data for digest, data in images.items() if digest not in known}
        return known | dict(zip(new, self._ask(list(new.values())), strict=True))

    def _ask(self, images: list[bytes]) -> list[Score]:
        if self._parallel == 1 or len(images) < 2:
            return self._detector.score(images) if images else []
        each = -(-len(images) // self._parallel)
        shares = [images[start : start + each] for start in range(0, len(images), each)]
        return [score for scores in self.pool.map(self._detector.score, shares) for score in scores]

    def _clip(self, item: Item, lend: Callable[[], AbstractContextManager[Lent]]) -> Scanned:
        """The result on a video. Hash and score are of the same bytes, or there is neither: it is read twice, and may be written meanwhile."""
        if find_spec("av") is None:
            return self._unread(item, NO_PYAV)
        with ExitStack() as stack:
            try:
                path, identity = stack.enter_context(lend())
                before = state_of(path)
                digest = sha256_of(path)
            except SignedOutError:
                raise
            except (AvermentError, UnreadableError, OSError) as error:
                return self._unread(item, error.message if isinstance(error, AvermentError) else str(error))
            score = self.memory.score(digest, Medium.CLIP) or score_clip(path, self._detector, Sampling(seed=digest))
            if not _is_still(path, before):
                return self._unread(item, CHANGED)
        result = self._result(item.name, score, digest, identity._replace(size=before.size))
        if not score.refused and not passing(score.cannot_say or ""):
            self.memory.keep(result, Medium.CLIP)
        return result

    def _unread(self, item: Item, reason: str) -> Scanned:
        return self._result(item.name, Score(cannot_say=reason), None, item.identity)

    def _result(self, name: str, score: Score, sha256: str | None, identity: Identity) -> Scanned:
        return Scanned(name, finding_of(score, self._threshold), score, self._threshold, sha256, identity)


def _is_still(path: Path, state: FileState) -> bool:
    try:
        return state_of(path) == state
    except OSError:
        return False


def finding_of(score: Score, threshold: float) -> Finding:
    """What ``score`` comes to: flagged by what was seen, clean only where no family was left open."""
    if score.highest is not None and score.highest >= threshold:
        return Finding.FLAGGED
    return Finding.CLEAN if score.open_question is None else Finding.COULD_NOT


def _batches(items: Iterable[Item], memory: Memory, parallel: int) -> Iterator[list[tuple[Item, Known | None]]]:
    """``items`` with what is known of them, in batches that fit into memory once those that aren't known are read."""
    batch: list[tuple[Item, Known | None]] = []
    to_read = total = 0
    for item in items:
        known = memory.recall(item)
        size = 0 if known or item.lend else item.identity.size or 0
        if to_read and total + size > BATCH_BYTES * parallel:
            yield batch
            batch, to_read, total = [], 0, 0
        batch.append((item, known))
        to_read, total = to_read + (known is None), total + size
        if to_read == BATCH * parallel or len(batch) == _LOOKED_UP:
            yield batch
            batch, to_read, total = [], 0, 0
    if batch:
        yield batch


def _read(item: Item) -> Read | str:
    """What is at ``item``, or why it can't be read."""
    try:
        return item.read()
    except SignedOutError:
        raise
    except AvermentError as error:
        return error.message
