"""Populations of media: counted as a whole first, then sampled reproducibly, then read within bounds.

A population is a manifest (CSV with a ``file`` column), a folder of images, or an S3 prefix. Its *frame* is the list of all
items; the frame's hash goes into the result, so that a second run can show that it drew from the same list. A sample is
drawn by ranking ``SHA-256(seed:frame hash:item name)``: anyone can draw it again with any language, and nobody who doesn't know
the seed can choose names that escape it.
"""

from __future__ import annotations

import csv
import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from averment.core.aws import aws_errors, client
from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef
from averment.detector.claims.interface import ClaimContext

REFERENCE = "reference-corpus"
"""The population that ships with Averment: a few real and synthetic images with their licences."""

SUFFIXES = frozenset({".avif", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""What counts as an image in a folder or under a prefix; everything else is counted apart as ``other_files``."""

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_FRAME = 2_000_000
"""Items that one frame holds in memory (some 400 MB); a larger prefix is sampled by a narrower prefix."""


@dataclass(frozen=True)
class Item:
    """One medium: its name within the population, what identifies its content (a hash, an ETag, a size), and its labels."""

    name: str
    identity: str
    labels: Mapping[str, str] = field(default_factory=dict)


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


class Population(ABC):
    """A counted list of media that can be read. ``where`` is how the user named its place."""

    unit = "image"

    def __init__(self, name: str, where: str, items: Sequence[Item], other_files: int = 0) -> None:
        self.name = name
        self.where = where
        self.items = tuple(sorted(items, key=lambda item: item.name))
        self.other_files = other_files

    def __len__(self) -> int:
        return len(self.items)

    @property
    def frame_hash(self) -> str:
        """SHA-256 over the canonical JSON of every item's name and identity, in order of name."""
        return sha256_hex(canonical_json([[item.name, item.identity] for item in self.items]))

    def only(self, labels: Mapping[str, str]) -> Population:
        """The same population narrowed to the items that carry all of ``labels``.

        Raises:
            BadInputError: no item has such a label at all, which a typing error would otherwise hide.
        """
        for key in labels:
            if self.items and not any(key in item.labels for item in self.items):
                raise BadInputError(
                    f"the population '{self.name}' has no column '{key}'", where=SourceRef(self.where), fix="take the key out of 'where'"
                )
        kept = [item for item in self.items if all(item.labels.get(key) == value for key, value in labels.items())]
        return self._with(kept)

    def sample(self, size: int | None, seed: int) -> Sample:
        """``size`` items without replacement, the same for the same seed and frame; all when ``size`` is None or not smaller."""
        if size is None or size >= len(self.items):
            return Sample(self.items, seed, len(self.items))
        prefix = f"{seed}:{self.frame_hash}:".encode()
        drawn = sorted(self.items, key=lambda item: hashlib.sha256(prefix + item.name.encode()).digest())[:size]
        return Sample(tuple(sorted(drawn, key=lambda item: item.name)), seed, len(self.items))

    @abstractmethod
    def read(self, item: Item) -> bytes | None:
        """The item's bytes, at most ``MAX_IMAGE_BYTES``; None when it is gone or larger since it was counted.

        Raises:
            IncompleteError: the place is out of reach, or the content isn't what the manifest says.
        """

    @abstractmethod
    def _with(self, items: Sequence[Item]) -> Population:
        """The same place with other items."""

    def facts(self) -> dict[str, Any]:
        """What a result records of the population: place, count, frame hash."""
        return {"population": self.name, "where": self.where, "count": len(self), "other_files": self.other_files, "frame": self.frame_hash}


class FilePopulation(Population):
    """Files below a folder, listed by a manifest or by the folder itself."""

    def __init__(self, name: str, where: str, items: Sequence[Item], folder: Any, *, hashed: bool, other_files: int = 0) -> None:
        super().__init__(name, where, items, other_files)
        self._folder = folder
        self._hashed = hashed

    def read(self, item: Item) -> bytes | None:
        path = self._folder.joinpath(*PurePosixPath(item.name).parts)
        try:
            data = read_bounded(Path(str(path)), limit=MAX_IMAGE_BYTES)
        except BadInputError as error:
            if self._hashed:
                raise IncompleteError(
                    f"the manifest names a file that {error.message}", where=error.where, fix="repair the manifest"
                ) from error
            return None
        if self._hashed and item.identity and sha256_hex(data) != item.identity:
            raise IncompleteError(
                "is not the file that the manifest describes: its SHA-256 differs",
                where=SourceRef(str(path)),
                fix="restore it, or renew the manifest",
            )
        return data

    def _with(self, items: Sequence[Item]) -> Population:
        return FilePopulation(self.name, self.where, items, self._folder, hashed=self._hashed, other_files=self.other_files)


class S3Population(Population):
    """Objects under a prefix of a bucket, as listed once. An object's identity is its size and ETag."""

    unit = "object"

    def __init__(self, name: str, where: str, items: Sequence[Item], bucket: str, s3: Any, other_files: int = 0) -> None:
        super().__init__(name, where, items, other_files)
        self._bucket = bucket
        self._s3 = s3

    def read(self, item: Item) -> bytes | None:
        with aws_errors(f"read s3://{self._bucket}/{item.name}"):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=item.name)["Body"]
            except self._s3.exceptions.NoSuchKey:
                return None
            data: bytes = body.read(MAX_IMAGE_BYTES + 1)
        return data if len(data) <= MAX_IMAGE_BYTES else None

    def _with(self, items: Sequence[Item]) -> Population:
        return S3Population(self.name, self.where, items, self._bucket, self._s3, self.other_files)


def open_population(name: str, context: ClaimContext) -> Population:
    """The population called ``name`` in the context, or the reference corpus, or the place that ``name`` itself is.

    Raises:
        BadInputError: no such population, or its manifest or folder can't be used.
        IncompleteError: S3 is out of reach, or the prefix holds more than ``MAX_FRAME`` objects.
    """
    where = context.populations.get(name)
    if where is None and name == REFERENCE:
        return _reference()
    if where is None and (name.startswith("s3://") or "/" in name or name.endswith(".csv")):
        where = name
    if where is None:
        known = ", ".join(sorted({*context.populations, REFERENCE}))
        raise BadInputError(
            f"nothing is known of the population '{name}' (known: {known})",
            fix=f"name its place: --population {name}=PATH, or parameters.populations.{name} in averment.yaml",
        )
    if where.startswith("s3://"):
        return _s3_population(name, where, context.s3)
    path = context.root / where
    if path.is_dir():
        return _folder_population(name, where, path)
    return _manifest(name, where, read_text(path), path.parent)


def _reference() -> Population:
    folder = resources.files("averment").joinpath("detector/corpus")
    manifest = folder.joinpath("manifest.csv")
    if not manifest.is_file():
        raise IncompleteError("the reference corpus is not installed", fix="reinstall averment, or name a population of your own")
    return _manifest(REFERENCE, "averment/detector/corpus/manifest.csv", manifest.read_text(encoding="utf-8"), folder)


def _manifest(name: str, where: str, text: str, folder: Any) -> Population:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    items: dict[str, Item] = {}
    try:
        if "file" not in (reader.fieldnames or ()):
            raise BadInputError(
                "has no column 'file'", where=SourceRef(where, 1), fix="write a CSV with columns file, sha256, label, group"
            )
        for row in reader:
            if None in row or None in row.values():
                raise BadInputError("has another number of fields than the header", where=SourceRef(where, reader.line_num))
            file = _safe_name(row["file"], SourceRef(where, reader.line_num))
            if file in items:
                raise BadInputError(f"names {file} twice", where=SourceRef(where, reader.line_num), fix="keep one of the rows")
            items[file] = Item(file, row.get("sha256", "").lower(), row)
    except csv.Error as error:
        raise BadInputError(f"is not a CSV file: {error}", where=SourceRef(where, reader.reader.line_num)) from error
    return FilePopulation(name, where, list(items.values()), folder, hashed=True)


def _safe_name(text: str, where: SourceRef) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text:
        raise BadInputError(f"'{text}' is not a path below the manifest", where=where, fix="write paths relative to the manifest's folder")
    return str(path)


def _folder_population(name: str, where: str, folder: Path) -> Population:
    items, others = [], 0
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix.lower() in SUFFIXES:
            items.append(Item(path.relative_to(folder).as_posix(), str(path.stat().st_size)))
        else:
            others += 1
    return FilePopulation(name, where, items, folder, hashed=False, other_files=others)


def _s3_population(name: str, where: str, s3: Any) -> Population:
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    if not bucket:
        raise BadInputError(f"'{where}' names no bucket", fix="write s3://bucket/prefix")
    s3 = s3 or client("s3")
    items, others = [], 0
    with aws_errors(f"list {where}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                if PurePosixPath(entry["Key"]).suffix.lower() in SUFFIXES:
                    items.append(Item(entry["Key"], f"{entry['Size']}:{entry['ETag'].strip(chr(34))}"))
                else:
                    others += 1
            if len(items) > MAX_FRAME:
                raise IncompleteError(f"{where} holds more than {MAX_FRAME:,} images", fix="name a narrower prefix")
    return S3Population(name, where, items, bucket, s3, others)
