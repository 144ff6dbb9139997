"""Populations below a folder: listed by a manifest (CSV), or by the folder itself.

A manifest's hash is in the result, and each file's content is checked against it. A folder that lists itself has no such word to be
held to: its frame knows names and sizes, and the digests of what was read stand in the result's trace.
"""

from __future__ import annotations

import csv
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.detector.claims.frame import (
    LINKED_FOLDER,
    MAX_FRAME,
    SUFFIXES,
    ContentError,
    Flaw,
    Item,
    Population,
    RefusedError,
    most_bytes,
)
from averment.detector.claims.tables import columns_of, table
from averment.detector.sniffing import CLIP_SUFFIXES, HEAD_BYTES, shows_an_image

_SHA256 = re.compile("[0-9a-f]{64}")

COLUMNS = ("file", "sha256", "label", "generator", "group", "kind", "licence", "attribution", "consent", "split")
"""The columns of a manifest that a claim may ask for without naming them."""

REFERENCE = "reference-corpus"
"""The population that ships with Averment: a few real and synthetic images with their licences."""


class FilePopulation(Population):
    """Files below a folder. With ``hashed``, items are a manifest's rows: a file that isn't there or is another one is an error."""

    def __init__(self, name: str, where: str, items: Sequence[Item], folder: Any, *, hashed: bool, other_files: int = 0) -> None:
        super().__init__(name, where, items, other_files)
        self.folder = Path(str(folder))
        self.hashed = hashed

    def _read(self, item: Item) -> bytes:
        path = self.folder.joinpath(*PurePosixPath(item.name).parts)
        if self.hashed:
            return self._described(path, item)
        # Between counting and reading somebody may have put a link in the file's place, or in a folder's on the way.
        if not path.resolve().is_relative_to(self.folder.resolve()) or path.is_symlink():
            raise RefusedError("became a link since it was counted")
        try:
            return read_bounded(path, limit=most_bytes(item.name))
        except BadInputError as error:
            raise RefusedError(error.message) from error

    def _described(self, path: Path, item: Item) -> bytes:
        where = self.place(item)
        try:
            data = read_bounded(path, limit=most_bytes(item.name))
        except BadInputError as error:
            flaw = Flaw.UNREADABLE if os.path.lexists(path) else Flaw.MISSING
            reason = f"the manifest names a file that {error.message}"
            raise ContentError(item.name, reason, flaw, where=where, fix=f"bring {path} back, or mend the manifest") from error
        if item.identity and not _SHA256.fullmatch(item.identity):
            reason = f"'{item.identity}' in the manifest is no SHA-256"
            fix = "write 64 hexadecimal digits (sha256sum FILE), or leave the column empty"
            raise ContentError(item.name, reason, Flaw.UNPINNED, where=where, fix=fix)
        if item.identity and sha256_hex(data) != item.identity:
            reason = "is not the file that the manifest describes: its SHA-256 differs"
            raise ContentError(item.name, reason, Flaw.CHANGED, where=where, fix="restore it, or renew the manifest")
        return data

    def pinned(self, item: Item) -> str | None:
        return item.identity if self.hashed and _SHA256.fullmatch(item.identity) else None

    def content(self, item: Item) -> str | None:
        return self.pinned(item) or super().content(item)

    def _with(self, items: Sequence[Item]) -> Population:
        return FilePopulation(self.name, self.where, items, self.folder, hashed=self.hashed, other_files=self.other_files)


def reference_population() -> FilePopulation:
    """The shipped corpus.

    Raises:
        IncompleteError: it isn't installed.
    """
    folder = resources.files("averment").joinpath("detector/corpus")
    manifest = folder.joinpath("manifest.csv")
    if not manifest.is_file():
        raise IncompleteError("the reference corpus is not installed", fix="reinstall averment, or name a population of your own")
    return manifest_population(REFERENCE, "averment/detector/corpus/manifest.csv", manifest.read_text(encoding="utf-8"), folder)


def manifest_population(name: str, where: str, text: str, folder: Any) -> FilePopulation:
    """The rows of a manifest: CSV with a column ``file`` (below ``folder``), usually ``sha256``, and labels in the others.

    Raises:
        BadInputError: not such a CSV, a path that leads out of the folder, a file named twice, or more than ``MAX_FRAME`` rows;
            names the line.
    """
    reader = table(text, where, COLUMNS)
    items: dict[str, Item] = {}
    try:
        if "file" not in (reader.fieldnames or ()):
            fix = f"write a CSV with columns file, sha256, label, group; {columns_of(reader.fieldnames)}"
            raise BadInputError("has no column 'file'", where=SourceRef(where, 1), fix=fix)
        for row in reader:
            place = SourceRef(where, reader.line_num)
            if None in row or None in row.values():
                raise BadInputError("has another number of fields than the header", where=place, fix="quote fields that hold commas")
            file = _safe_name(row["file"], place)
            if file in items:
                raise BadInputError(f"names {file} twice", where=place, fix="keep one of the rows")
            items[file] = Item(file, row.get("sha256", "").strip().lower(), row, line=reader.line_num)
            if len(items) > MAX_FRAME:
                raise BadInputError(f"has more than {MAX_FRAME:,} rows", where=place, fix="split it")
    except csv.Error as error:
        raise BadInputError(
            f"is not a CSV file: {error}", where=SourceRef(where, reader.reader.line_num), fix="write it as CSV with a header, in UTF-8"
        ) from error
    found = FilePopulation(name, where, list(items.values()), folder, hashed=True)
    found.origin = {"manifest": sha256_hex(text.encode())}
    return found


def _safe_name(text: str, where: SourceRef) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text:
        raise BadInputError(f"'{text}' is not a path below the manifest", where=where, fix="write paths relative to the manifest's folder")
    return str(path)


def folder_population(
    name: str, where: str, folder: Path, *, sniffed: Callable[[str], bool] | None = None, clips: bool = False
) -> FilePopulation:
    """The images below ``folder``, in depth: what is called one; with ``clips`` also what is called a video. Links are not followed, devices and pipes not opened; both are counted as refused.

    ``sniffed`` says of which other files, by their name below the folder, the first bytes are to tell whether they are images.

    Raises:
        IncompleteError: a folder can't be listed, a file can't be sniffed at, or there are more than ``MAX_FRAME`` images.
    """
    items: list[Item] = []
    others, refused = 0, Counter[str]()
    suffixes = SUFFIXES | CLIP_SUFFIXES if clips else SUFFIXES

    def unlisted(error: OSError) -> None:
        raise IncompleteError(
            f"can't be listed: {error.strerror}", where=SourceRef(str(error.filename)), fix="fix its permissions"
        ) from error

    for parent, folders, files in os.walk(folder, onerror=unlisted):
        refused[LINKED_FOLDER] += sum(Path(parent, name).is_symlink() for name in folders)
        for file in files:
            path = Path(parent, file)
            if path.suffix.lower() not in suffixes and not (
                sniffed is not None and sniffed(path.relative_to(folder).as_posix()) and _shows_an_image(path)
            ):
                others += 1
                continue
            found = _counted(path, folder)
            if isinstance(found, Item):
                items.append(found)
            else:
                refused[found] += 1
        if len(items) > MAX_FRAME:
            raise IncompleteError(f"holds more than {MAX_FRAME:,} images", where=SourceRef(where), fix="name a narrower folder")
    population = FilePopulation(name, where, items, folder, hashed=False, other_files=others)
    population.refused = {reason: count for reason, count in refused.items() if count}
    population.clips = clips
    return population


def _shows_an_image(path: Path) -> bool:
    """Whether the first bytes are an image's; links are not followed, and what is no regular file isn't opened."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with open(path, "rb", opener=lambda file, flags: os.open(file, flags | os.O_NOFOLLOW)) as file:
            return shows_an_image(file.read(HEAD_BYTES))
    except FileNotFoundError:
        return False  # gone meanwhile
    except OSError as error:
        raise IncompleteError(f"can't be read: {error.strerror}", where=SourceRef(str(path)), fix="fix its permissions") from error


def _counted(path: Path, folder: Path) -> Item | str:
    """The file as an item, or the reason why it isn't one."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return "gone while it was counted"
    if stat.S_ISLNK(status.st_mode):
        return "link"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    name = path.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not text"
    return Item(name, str(status.st_size))
