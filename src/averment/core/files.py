"""Reading within bounds and writing atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""No configuration file that a person wrote is larger; what is, is refused rather than read into memory."""
UNREAD = "can't be read:"
"""How it begins when the system refuses to read a file that is there."""


def read_bounded(path: Path, *, limit: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of ``path``, of which there are at most ``limit``.

    Raises:
        BadInputError: the file is missing, unreadable, not a regular file, or larger than ``limit``.
    """
    where = SourceRef(file=str(path))
    try:
        if not path.is_file():
            reason = "is not a regular file" if path.exists() else "does not exist"
            raise BadInputError(f"{reason}", where=where, fix="check the path")
        with path.open("rb") as handle:
            data = handle.read(limit + 1)
    except OSError as error:
        raise BadInputError(f"{UNREAD} {error.strerror}", where=where, fix="check the path and its permissions") from error
    if len(data) > limit:
        raise BadInputError(
            f"is larger than {limit:,} bytes and was not read", where=where, fix="name a smaller file, or the part of it that matters"
        )
    return data


def read_text(path: Path, *, limit: int = MAX_TEXT_BYTES) -> str:
    """The UTF-8 text of ``path``.

    Raises:
        BadInputError: as ``read_bounded``, or the bytes are not UTF-8 (the line is named).
    """
    return decoded(read_bounded(path, limit=limit), path)


def decoded(data: bytes, path: Path) -> str:
    """``data``, which was read from ``path``, as UTF-8 text.

    Raises:
        BadInputError: it isn't UTF-8 (the line is named).
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInputError("is not valid UTF-8", where=SourceRef(str(path), line), fix="save it as UTF-8") from error


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put ``data`` at ``path`` so that a reader sees the old bytes or the new ones, never a part.

    The bytes are on disk (fsync of file and folder) before the name appears.

    Raises:
        IncompleteError: the file system refused (full, read-only, no permission); ``path`` is as before.
    """
    with replacing(path, mode=mode) as handle:
        handle.write(data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o644, staged: str | None = None) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which comes to ``path`` as ``write_atomic`` puts data there when the block ends without an error.

    ``staged`` is its name until then, for a single writer: what a killed run left under that name is written over. By default the name
    is a new one each time.

    Raises:
        IncompleteError: the file system refused (full, read-only, no permission); ``path`` is as before.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if staged is None:
            descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        else:
            temporary = str(path.with_name(staged))
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).chmod(mode)
        os.replace(temporary, path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise IncompleteError(
            f"could not be written: {error.strerror}", where=SourceRef(file=str(path)), fix="free space or fix permissions, then run again"
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable; a no-op where folders can't be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def relative_posix(path: str | Path, start: str | Path, *, paths: ModuleType = os.path) -> str:
    """``path`` from the folder ``start``, with forward slashes on every system: how files are named in reports, baselines and records.

    On Windows, from another drive, there is no way: then it is the path as it is. ``paths`` is the system's flavour (``os.path``).
    """
    try:
        found: str = paths.relpath(path, start)
    except ValueError:
        found = str(path)
    return found.replace(paths.sep, "/")
