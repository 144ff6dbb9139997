"""Which files a scan reads and which it writes: none of them may be another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from averment.core.errors import BadInputError
from averment.detector.bulk.objects import is_media
from averment.detector.bulk.places import Place
from averment.detector.opening import detector_files


def staged_name(out: Path) -> str:
    """What the output is called until it is whole."""
    return f".{out.name}.part"


def refuse_overwriting(place: Place, detector: str, out: Path | None, state: Path | None) -> None:
    """Refuse an output or a state that would be written over the other, over what is scanned, or over what describes the detector.

    Paths are compared as they are resolved; two names of one file are one.

    Raises:
        BadInputError: two of them are the same file.
    """
    ours = list(written(out, state))
    for number, (what, path) in enumerate(ours):
        for other, its in ours[:number]:
            if _same(path, its):
                raise BadInputError(f"{other} and {what} are the same file: {path}", fix="give each a file of its own")
        for other, its in _read(place, detector):
            if _same(path, its):
                raise BadInputError(f"{what} would overwrite {other}: {its}", fix="choose another file")
        if place.bucket is None and (place.every or is_media(path.name)) and _lies_in(path, Path(place.text)):
            raise BadInputError(f"{what} would be one of the files that are scanned: {path}", fix="choose a name or a folder of its own")


def written(out: Path | None, state: Path | None) -> Iterator[tuple[str, Path]]:
    """The files that a scan writes, each with what it is called in messages."""
    if out is not None:
        yield "--out", out
        yield "the unfinished output", out.with_name(staged_name(out))
    if state is not None:
        yield "--state", state
        yield "the journal of --state", state.with_name(f"{state.name}-journal")  # SQLite's, while it writes


def _read(place: Place, detector: str) -> Iterator[tuple[str, Path]]:
    if place.bucket is None:
        yield "what is scanned", Path(place.text)
    yield from (("a file of the detector", path) for path in detector_files(detector))


def _same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them isn't there


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents
