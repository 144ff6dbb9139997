"""Reading the files of a package that a stranger handed over: bounded, and never through a link."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import UNREAD, read_bounded
from averment.core.source import SourceRef

MAX_FILE_BYTES = 1024 * 1024 * 1024
_CHUNK = 1024 * 1024


def read_file(path: Path) -> bytes:
    """The bytes of a plain file.

    Raises:
        BadInputError: it is missing, a link, not a plain file, or larger than ``MAX_FILE_BYTES``.
    """
    if path.is_symlink():
        raise BadInputError("is a link", where=SourceRef(file=str(path)), fix="a package holds files only: copy it with its links followed")
    return read_bounded(path, limit=MAX_FILE_BYTES)


def digest_of(path: Path) -> tuple[int, str]:
    """Size and SHA-256 (hexadecimal) of a plain file, read in pieces.

    Raises:
        BadInputError: it can't be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise BadInputError(
            f"{UNREAD} {error.strerror}", where=SourceRef(file=str(path)), fix="check the path and its permissions"
        ) from error
    return size, digest.hexdigest()


def inventory(folder: Path) -> dict[str, bool]:
    """Every file under ``folder`` by its relative name, and whether it is a plain file (no link, no device). Links aren't followed."""
    found: dict[str, bool] = {}
    for parent, folders, files in os.walk(folder, followlinks=False):
        for name in files + [item for item in folders if (Path(parent) / item).is_symlink()]:
            path = Path(parent) / name
            found[path.relative_to(folder).as_posix()] = path.is_file() and not path.is_symlink()
    return found
