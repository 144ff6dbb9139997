"""What a population is: a counted list of media (the frame), samples that anybody can draw again, and reading within bounds.

A sample is drawn by ranking ``SHA-256(seed:frame hash:item name)``: anyone can draw it again with any language, and nobody who doesn't
know the seed can choose names that escape it.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.detector.claims.tables import called
from averment.detector.claims.trace import Medium, Trace
from averment.detector.sniffing import CLIP_SUFFIXES, IMAGE_SUFFIXES

SUFFIXES = IMAGE_SUFFIXES
"""What counts as an image in a folder or under a prefix; everything else is counted apart as ``other_files``."""

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_CLIP_BYTES = 512 * 1024 * 1024
"""Of what a manifest names as a video: it is in memory while it is looked at."""

BATCH, BATCH_BYTES = 32, 256 * 1024 * 1024
"""Media in memory at a time; fewer, as soon as they have so many bytes together."""

MAX_FRAME = 2_000_000
"""Items of a folder or prefix that one frame holds in memory (some 400 MB); a larger place is sampled by a narrower folder or prefix."""

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
"""Of a manifest: some 700,000 rows with a SHA-256 and a few labels, which take 1 GB of memory."""


LINKED_FOLDER = "link to a folder"
"""Why a linked folder is refused. It counts as one, and may hold any number of media."""


class Flaw(StrEnum):
    """How a file differs from what its manifest says."""

    MISSING = "missing"
    CHANGED = "changed"
    UNPINNED = "the manifest's SHA-256 is none"
    UNREADABLE = "unreadable"


class ContentError(IncompleteError):
    """A file is not what its manifest says it is, or can't be read; ``flaw`` tells which, ``reason`` why, without the file's name."""

    def __init__(self, name: str, reason: str, flaw: Flaw, *, where: SourceRef | None = None, fix: str | None = None) -> None:
        super().__init__(f"{name}: {reason}", where=where, fix=fix)
        self.reason = reason
        self.flaw = flaw


class RefusedError(ValueError):
    """One medium is not read; the message is the reason, without its name."""


@dataclass(frozen=True)
class Item:
    """One medium: its name within the population, what identifies its content (a hash, an ETag, a size), and its labels. ``line`` is that of the
    manifest which names it.

    Where ``units`` compared contents, ``repeats`` names the first medium with the same bytes, and ``unit`` is the independent unit that all
    of them belong to.
    """

    name: str
    identity: str
    labels: Mapping[str, str] = field(default_factory=dict)
    repeats: str | None = None
    unit: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Sample:
    """What was drawn, in ascending order of name; ``census`` when it is the whole population."""

    items: tuple[Item, ...]
    seed: int
    total: int

    @property
    def census(self) -> bool:
        """Whether every item of the population was drawn."""
        return len(self.items) == self.total


def most_bytes(name: str) -> int:
    """How many bytes are read of the medium with this name."""
    return MAX_CLIP_BYTES if PurePosixPath(name).suffix.lower() in CLIP_SUFFIXES else MAX_IMAGE_BYTES


def too_large(name: str) -> RefusedError:
    """That the medium with this name is larger than that."""
    return RefusedError(f"larger than {most_bytes(name):,} bytes")


class Population(ABC):
    """A counted list of media that can be read. ``where`` is how the user named its place.

    ``refused`` counts by reason what lies there and is no item (links, devices); ``trace`` hears of every reading. ``clips`` says whether a place that
    lists itself was searched for videos, too. ``left_out`` is how many items a statement's labels left out (None: it names none).
    """

    unit = "image"

    def __init__(self, name: str, where: str, items: Sequence[Item], other_files: int = 0) -> None:
        self.name = name
        self.where = where
        self.items = tuple(sorted(items, key=lambda item: item.name))
        self.other_files = other_files
        self.refused: Mapping[str, int] = {}
        self.origin: Mapping[str, Any] = {}
        self.trace: Trace | None = None
        self.clips = False
        self.left_out: int | None = None

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def frame_hash(self) -> str:
        """SHA-256 over the canonical JSON of every item's name and identity, in order of name."""
        return sha256_hex(canonical_json([[item.name, item.identity] for item in self.items]))

    @property
    def labelled(self) -> bool:
        """Whether the items carry labels, which a manifest gives them."""
        return any(item.labels for item in self.items)

    def place(self, item: Item | None = None) -> SourceRef:
        """Where somebody can look: the manifest with the line of ``item``, or the population's place."""
        return SourceRef(self.where, None if item is None else item.line)

    @property
    def columns(self) -> tuple[str, ...]:
        """What the manifest says of its media, in its order; nothing without one."""
        return tuple(dict.fromkeys(column for item in self.items for column in item.labels))

    def lacks(self, column: str, field: str) -> BadInputError:
        """The error of a statement whose ``field`` names a ``column`` that isn't there. Left out, the statement would be about something else; so
        the columns that there are stand beside it."""
        there = (
            f"write one of its columns in {field}: {', '.join(self.columns)}"
            if self.columns
            else "name a manifest (CSV): nothing else has columns"
        )
        return BadInputError(f"the population '{self.name}' has no column '{column}', which {field} names", where=self.place(), fix=there)

    def only(self, labels: Mapping[str, str]) -> Population:
        """The same population narrowed to the items that carry all of ``labels``, however a value is written (``tables.called``): a row that says "test "
        would be left out of what is claimed of "test", and nobody would see it.

        Raises:
            BadInputError: no item has such a label at all, which a typing error would otherwise hide.
        """
        for key in labels:
            if self.items and not any(key in item.labels for item in self.items):
                raise self.lacks(key, "where")
        kept = self._with([item for item in self.items if all(called(item.labels.get(key, "\0")) == called(labels[key]) for key in labels)])
        kept.refused, kept.origin, kept.trace, kept.clips = self.refused, self.origin, self.trace, self.clips
        kept.left_out = len(self.items) - len(kept.items) if labels else None
        return kept

    def sample(self, size: int | None, seed: int) -> Sample:
        """``size`` items without replacement, the same for the same seed and frame; all when ``size`` is None or not smaller."""
        if size is None or size >= len(self.items):
            return Sample(self.items, seed, len(self.items))
        prefix = f"{seed}:{self.frame_hash}:".encode()
        drawn = sorted(self.items, key=lambda item: hashlib.sha256(prefix + item.name.encode()).digest())[:size]
        return Sample(tuple(sorted(drawn, key=lambda item: item.name)), seed, len(self.items))

    def batches(self, items: Sequence[Item]) -> Iterator[tuple[list[Item], list[bytes | None]]]:
        """``items`` in their order with their bytes (None: refused), ``BATCH`` and some ``BATCH_BYTES`` at a time.

        Raises:
            ContentError, IncompleteError: as ``read``.
        """
        batch, contents, size = list[Item](), list[bytes | None](), 0
        for item in items:
            data = self.read(item)
            batch.append(item)
            contents.append(data)
            size += len(data or b"")
            if len(batch) == BATCH or size >= BATCH_BYTES:
                yield batch, contents
                batch, contents, size = [], [], 0
        if batch:
            yield batch, contents

    def read(self, item: Item) -> bytes | None:
        """The item's bytes, at most ``most_bytes``; None when it is refused (gone or changed since it was counted, too
        large), with the reason in the trace.

        Raises:
            ContentError: it isn't what the manifest says.
            IncompleteError: the place is out of reach.
        """
        try:
            data = self._read(item)
        except RefusedError as error:
            self._note(Medium(self.name, item.name, item.labels, refused=str(error)))
            return None
        except ContentError as error:
            self._note(Medium(self.name, item.name, item.labels, refused=error.reason))
            raise
        self._note(Medium(self.name, item.name, item.labels, sha256_hex(data) if self.trace is not None else None))
        return data

    def pinned(self, item: Item) -> str | None:  # noqa: ARG002 - only a manifest pins
        """The SHA-256 that a manifest gives ``item``; None where nothing does, and only reading it would tell."""
        return None

    def content(self, item: Item) -> str | None:
        """What only media with the very same bytes share: here the SHA-256 of what lies there now. None where it is refused.

        Raises:
            ContentError, IncompleteError: as ``read``.
        """
        try:
            return sha256_hex(self._read(item))
        except RefusedError:
            return None

    def read_named(self, name: str) -> bytes | None:
        """The bytes of the item with this name, told to nobody; None when there is none or it is refused.

        Raises:
            IncompleteError: as ``read``.
        """
        item = next((item for item in self.items if item.name == name), None)
        try:
            return None if item is None else self._read(item)
        except RefusedError:
            return None

    def _note(self, medium: Medium) -> None:
        if self.trace is not None:
            self.trace.read(medium)

    @abstractmethod
    def _read(self, item: Item) -> bytes:
        """The item's bytes.

        Raises:
            RefusedError: it is not read, and the run goes on without it.
            ContentError: it isn't what the manifest says.
            IncompleteError: the place is out of reach.
        """

    @abstractmethod
    def _with(self, items: Sequence[Item]) -> Population:
        """The same place with other items."""

    def facts(self) -> dict[str, Any]:
        """What a result records of the population: place, count, frame hash, what was not counted, and what pins the labels."""
        facts: dict[str, Any] = {
            "population": self.name,
            "where": self.where,
            "count": len(self),
            "other_files": self.other_files,
            "frame": self.frame_hash,
            **self.origin,
        }
        if self.left_out is not None:
            facts["left_out"] = self.left_out
        if self.refused:
            facts["not_counted"] = dict(sorted(self.refused.items()))
        if self.labelled:
            facts["labels"] = sha256_hex(canonical_json([[item.name, dict(item.labels)] for item in self.items]))
        return facts
