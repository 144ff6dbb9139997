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
    try:
        linked = path.is_symlink()
    except OSError as error:
        raise _unread(path, error) from error
    if linked:
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
        raise _unread(path, error) from error
    return size, digest.hexdigest()


def inventory(folder: Path) -> tuple[dict[str, bool], dict[str, BadInputError]]:
    """Every file under ``folder`` by its relative name, and whether it is a plain file (no link, no device); and the folders that could not
    be looked into, by theirs and ending in ``/``. Links aren't followed."""
    found: dict[str, bool] = {}
    closed: dict[str, BadInputError] = {}

    def note(error: OSError, at: str | None = None) -> None:
        path = Path(at or error.filename or folder)
        closed[f"{path.relative_to(folder).as_posix()}/"] = _unread(path, error)

    for parent, folders, files in os.walk(folder, onerror=note, followlinks=False):
        try:
            for name in files + [item for item in folders if (Path(parent) / item).is_symlink()]:
                path = Path(parent) / name
                found[path.relative_to(folder).as_posix()] = path.is_file() and not path.is_symlink()
        except OSError as error:  # its names may be listed, and none of its files looked at
            note(error, parent)
    return found, closed


def names_in(folder: Path, suffix: str) -> list[str]:
    """The names of what lies in ``folder`` and ends in ``suffix``, in order; none where there is no such folder.

    Raises:
        BadInputError: it can't be looked into.
    """
    try:
        return sorted(path.name for path in folder.iterdir() if path.name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unread(folder, error) from error


def _unread(path: Path, error: OSError) -> BadInputError:
    return BadInputError(f"{UNREAD} {error.strerror}", where=SourceRef(file=str(path)), fix="check the path and its permissions")
