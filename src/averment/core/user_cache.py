"""Bundles of bytes in a folder that belongs to the user, and to nobody else.

Whoever can write here decides what a check says. So a folder or a file of somebody else's is ignored, and so is whatever is damaged; the
check then does without, says so once, and comes to the same result.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from averment.core.errors import IncompleteError
from averment.core.files import real, write_atomic
from averment.core.repository import repository_around

MAX_BUNDLE = 64 * 1024 * 1024
MAX_BUNDLES = 100
MAX_TOTAL = 512 * 1024 * 1024
_HEAD = b"averment check cache 1\n"
_SUFFIX = ".bundle"
_STALE_SECONDS = 3600
"""After which a half-written file is somebody's who didn't come back."""


def default_folder() -> Path:
    """The user's own folder for caches, as the platform has it.

    Raises:
        RuntimeError: there is no home.
    """
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "averment"
    if os.name == "nt" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"], "averment", "cache")
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "averment"


def lies_within(folder: Path, paths: Sequence[Path]) -> Path | None:
    """The first repository around one of ``paths`` that holds ``folder``."""
    place = real(folder)
    return next((top for path in paths if place.is_relative_to(top := repository_around(path))), None)


class Store:
    """Bundles by name below ``folder``. ``trouble`` says in one sentence what is wrong with it, once something was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checks"
        self.trouble: str | None = None
        self._refused = False

    def read(self, name: str) -> bytes | None:
        """The bytes of a bundle; None if there is none that can be trusted."""
        if not self._usable():
            return None
        try:
            data = _bytes_of(self._file(name))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._note(f"can't be read: {error.strerror}")
            return None
        if data is None:
            self._note("holds a file that somebody else could have written, which is ignored")
            return None
        head, _, rest = data.partition(b"\n\n")
        if head != _head(rest):
            self._note("holds a damaged file, which is ignored")
            return None
        return rest

    def write(self, name: str, data: bytes) -> None:
        """Put a bundle in place of the one of that name, for whoever reads next; the oldest make room."""
        if len(data) > MAX_BUNDLE or not self._usable():
            return
        try:
            write_atomic(self._file(name), b"\n\n".join((_head(data), data)), mode=0o600)
            self._prune()
        except IncompleteError as error:
            self._note(error.message)
        except OSError as error:
            self._note(f"can't be tidied: {error.strerror}")

    def touch(self, name: str) -> None:
        """Note that a bundle was of use."""
        try:
            os.utime(self._file(name))
        except FileNotFoundError:
            return  # another run made room meanwhile
        except OSError as error:
            self._note(f"can't be written: {error.strerror}")

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"

    def _usable(self) -> bool:
        """Whether the folder is there, ours, and ours alone to write."""
        if self._refused:
            return False
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.mkdir(exist_ok=True, mode=0o700)
            state = self.folder.lstat()
        except OSError as error:
            return self._refuse(f"can't be used: {error.strerror}")
        if not stat.S_ISDIR(state.st_mode) or not _private(state):
            return self._refuse("belongs to somebody else, or others can write it")
        return True

    def _prune(self) -> None:
        found = []
        for entry in os.scandir(self.folder):
            state = _state(entry)
            if state is None:
                continue
            if entry.name.endswith(_SUFFIX):
                found.append((state.st_mtime, state.st_size, entry.path))
            elif f"{_SUFFIX}." in entry.name and time.time() - state.st_mtime > _STALE_SECONDS:
                Path(entry.path).unlink(missing_ok=True)
        total = 0
        for index, (_, size, path) in enumerate(sorted(found, reverse=True)):
            total += size
            if index >= MAX_BUNDLES or total > MAX_TOTAL:
                Path(path).unlink(missing_ok=True)

    def _refuse(self, reason: str) -> bool:
        self._refused = True
        self._note(reason)
        return False

    def _note(self, reason: str) -> None:
        if self.trouble is None:
            self.trouble = f"the cache in {self.folder} {reason}"


def _state(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What ``entry`` is; None if another run has tidied it away meanwhile."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _bytes_of(file: Path) -> bytes | None:
    """The bytes of a file that only we can have written; None of any other."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as handle:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or not _private(state) or state.st_size > MAX_BUNDLE + len(_head(b"")) + 2:
            return None
        return handle.read()


def _private(state: os.stat_result) -> bool:
    if os.name == "nt":
        return True  # a user's profile is theirs there
    return state.st_uid == os.geteuid() and not state.st_mode & 0o022


def _head(data: bytes) -> bytes:
    return _HEAD + hashlib.blake2b(data, digest_size=32).hexdigest().encode()
