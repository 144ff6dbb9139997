"""A store in a folder. Every write is complete and on disk before its name appears."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from averment.core.canonical import sha256_hex
from averment.core.files import sync_folder
from averment.core.locking import lock
from averment.core.source import SourceRef
from averment.evidence.stores.interface import (
    RESTORE,
    ConflictError,
    HeldError,
    NotStoredError,
    Store,
    Stored,
    StoreError,
    check_name,
    is_name,
)

_TEMPORARY = ".tmp"
_WRITER_LOCK = ".writer.lock"
_REPLACE_LOCK = ".replace.lock"
_POLL_SECONDS = 0.02


class DirectoryStore(Store):
    """Files under ``root``. Names that begin with a dot are the store's own and are never listed.

    Locks are ``flock`` locks: the kernel lets go of them when their holder dies, however it dies.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def location(self) -> str:
        return str(self._root)

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def get(self, name: str) -> Stored:
        path = self._path(name)
        try:
            if not path.is_file() and path.exists():  # whoever reads a pipe waits for ever
                raise StoreError("is not a plain file", where=SourceRef(file=str(path)), fix=RESTORE)
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._root.exists() and not self._root.is_dir():
                raise StoreError("is no folder", where=SourceRef(file=str(self._root)), fix="name the folder of the ledger") from error
            raise NotStoredError("is not there", where=SourceRef(file=str(path))) from error
        except OSError as error:
            _refuse(path, "read", error)
        return Stored(data, sha256_hex(data))

    def put_new(self, name: str, data: bytes) -> None:
        path = self._path(name)
        try:
            if path.exists():
                sync_folder(path.parent)  # whoever wrote it may have died before the name was durable
                return self._require_same(name, data)
            self._make_folder(path.parent)
            with self._temporary(data) as temporary:
                os.link(temporary, path)  # fails if the name exists: two writers can't both win
            sync_folder(path.parent)
        except FileExistsError:
            self._require_same(name, data)
        except OSError as error:
            _refuse(path, "written", error)

    def replace_if(self, name: str, data: bytes, version: str | None) -> str:
        path = self._path(name)
        try:
            self._make_folder(path.parent)
            with (self._root / _REPLACE_LOCK).open("a+b", buffering=0) as held:
                lock(held)
                present = self.get(name).version if path.exists() else None
                if present not in (version, sha256_hex(data)):
                    raise ConflictError("was changed by another writer", where=SourceRef(file=str(path)))
                with self._temporary(data) as temporary:
                    os.replace(temporary, path)
                sync_folder(path.parent)
        except OSError as error:
            _refuse(path, "written", error)
        return sha256_hex(data)

    def exists(self, name: str) -> bool:
        path = self._path(name)
        try:
            return path.is_file()
        except OSError as error:
            _refuse(path, "read", error)

    def list(self, prefix: str) -> Iterator[str]:
        start = self._root / prefix
        try:
            if start.is_dir():
                yield from filter(is_name, self._walk(start))
        except OSError as error:
            _refuse(start, "listed", error)

    def discard(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _refuse(path, "removed", error)

    @contextmanager
    def writing(self, holder: str, *, wait: float) -> Iterator[None]:
        """Hold the folder's writer lock; it is let go when the process ends, even by ``kill -9``.

        Raises:
            HeldError: another process holds it, and didn't let go of it within ``wait`` seconds.
        """
        path = self._root / _WRITER_LOCK
        try:
            self._make_folder(self._root)
            handle = path.open("a+b", buffering=0)
        except OSError as error:
            _refuse(path, "opened", error)
        with handle:
            deadline = time.monotonic() + wait
            while True:
                try:
                    lock(handle, wait=False)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= deadline:
                        handle.seek(0)
                        who = handle.read(500).decode("utf-8", errors="replace").strip() or "another process"
                        raise HeldError(
                            f"{who} is writing to this ledger",
                            where=SourceRef(file=str(self._root)),
                            fix="wait for it to finish, then run again",
                        ) from error
                    time.sleep(_POLL_SECONDS)
                except OSError as error:
                    _refuse(path, "locked", error)
            try:
                handle.truncate(0)
                handle.write(holder.encode())
                self._sweep()
            except OSError as error:
                _refuse(path, "written", error)
            yield

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _require_same(self, name: str, data: bytes) -> None:
        if self.get(name).data != data:
            raise ConflictError("exists with other bytes and was left as it is", where=SourceRef(file=str(self._path(name))), fix=RESTORE)

    def _walk(self, folder: Path) -> Iterator[str]:
        for child in sorted(folder.iterdir()):
            if child.name.startswith("."):
                continue
            if child.is_dir():
                yield from self._walk(child)
            else:
                yield child.relative_to(self._root).as_posix()

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        """A file with ``data``, on disk, to be given its name while the context lasts. It is locked meanwhile, so that nobody takes it
        for one that a killed writer left."""
        folder = self._root / _TEMPORARY
        folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            while True:
                descriptor, name = tempfile.mkstemp(dir=folder)
                handle = stack.enter_context(os.fdopen(descriptor, "wb"))
                lock(handle)
                if os.fstat(descriptor).st_nlink:
                    break  # else it was swept away between being made and being locked
            stack.callback(Path(name).unlink, missing_ok=True)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            Path(name).chmod(0o644)
            yield Path(name)

    def _sweep(self) -> None:
        """Remove what writers that were killed left in the folder for unfinished files: what nobody has locked.

        Nothing there is in anybody's way: what can't be removed (its writer is done with it, or at work, or another user; it is no file) stays.
        """
        folder = self._root / _TEMPORARY
        for left in folder.iterdir() if folder.is_dir() else ():
            with suppress(OSError):
                if left.is_file():  # whoever opens a pipe waits for ever
                    with left.open("rb") as handle:
                        lock(handle, wait=False)
                        left.unlink()


def _refuse(path: Path, doing: str, error: OSError) -> NoReturn:
    raise StoreError(
        f"could not be {doing}: {error.strerror}", where=SourceRef(file=str(path)), fix="free space or fix permissions, then run again"
    ) from error
