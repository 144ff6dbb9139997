"""Reading within bounds and writing atomically."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""No configuration file that a person wrote is larger; what is, is refused rather than read into memory."""
STDOUT = 1
"""Its number among a process's open files."""
_MAX_LINKS = 40
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
            expected = min(os.fstat(handle.fileno()).st_size, limit) + 1
            data = handle.read(expected)  # memory is taken for as much as is asked for: not for the limit, of which files have little
            if len(data) == expected:  # more than the file was said to hold, as files in /proc do
                data += handle.read(limit + 1 - expected)
    except OSError as error:
        raise BadInputError(f"{UNREAD} {error.strerror}", where=where, fix="check the path and its permissions") from error
    if len(data) > limit:
        raise BadInputError(
            f"is larger than {limit:,} bytes and was not read", where=where, fix="name a smaller file, or the part of it that matters"
        )
    return data


def real(path: str | os.PathLike[str]) -> Path:
    """``path`` with every link followed that leads somewhere. ``Path.resolve`` raises RuntimeError where links lead in a circle (before Python
    3.13); here such a path stays as it is, and whoever reads it says that nothing is there."""
    return Path(os.path.realpath(path))


def not_for_a_shell(text: str) -> str:
    """The path ``text``, unless it begins as one that only a shell resolves: taken as it stands, ``~/keys`` is a folder called ``~`` here.

    Raises:
        BadInputError: it does.
    """
    if text.startswith(("~", "$")):
        raise BadInputError(
            f"'{text}' is taken as it stands, and no shell is asked what it means", fix=f"write the whole path, or ./{text}"
        )
    return text


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

    The bytes are on disk (fsync of file and folder) before the name appears. Who may read the file is decided by ``mode``, by the process's
    umask, and by who may read what it takes the place of: nothing is opened to more people than before. A pipe, a device or an open file
    (``/dev/stdout``) isn't replaced but written to.

    Raises:
        BadInputError: ``path`` is something that can't be written to at all, a folder or a block device.
        IncompleteError: the file system refused (full, read-only, no permission); ``path`` is as before.
    """
    with replacing(path, mode=mode) as handle:
        handle.write(data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o644, staged: str | None = None) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which comes to ``path`` as ``write_atomic`` puts data there when the block ends without an error.

    ``staged`` is its name until then, for one writer at a time: what a killed run left under that name is written over. By default the
    name is a new one each time.

    Raises:
        BadInputError: as ``write_atomic``.
        IncompleteError: as ``write_atomic``, or another process is writing under the name ``staged``.
    """
    temporary: Path | None = None
    try:
        if (number := descriptor(path)) is not None:
            with os.fdopen(os.dup(number), "wb") as stream:
                yield stream
            return
        if _is_stream(path):
            with path.open("wb") as stream:
                yield stream
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        narrowed = _narrowed(path, mode)
        part = path.with_name(staged or f".{path.name}.{secrets.token_hex(8)}")
        with _opened(part, mode if narrowed is None else narrowed, alone=staged is None) as handle:
            temporary = part
            yield handle
            handle.flush()
            if narrowed is not None:
                part.chmod(narrowed)
            os.fsync(handle.fileno())
            if os.name != "nt":  # before the lock is let go; Windows doesn't rename what is open
                os.replace(part, path)
                temporary = None
        if temporary is not None:
            os.replace(part, path)
            temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise IncompleteError(
            f"could not be written: {error.strerror}", where=SourceRef(file=str(path)), fix="free space or fix permissions, then run again"
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # a disk that has failed takes nothing away either: what it refused at first is what counts
                temporary.unlink(missing_ok=True)


def descriptor(path: Path) -> int | None:
    """Which of this process's open files ``path`` names, as ``/dev/stdout`` and ``/dev/fd/63`` do; None if it names none.

    It may be an ordinary file behind it (``> out``). The name must not be replaced then: it is a link in ``/dev``, which the whole machine uses.
    """
    folders = {"/dev/fd", "/proc/self/fd", "/proc/thread-self/fd", f"/proc/{os.getpid()}/fd"}
    named = Path(os.path.normpath(Path.cwd() / path))
    for _ in range(_MAX_LINKS):
        if str(named.parent) in folders and named.name.isascii() and named.name.isdigit():
            return int(named.name)
        try:
            named = Path(os.path.normpath(named.parent / named.readlink()))
        except (OSError, ValueError):
            return None
    return None


def is_written_through(path: Path) -> bool:
    """Whether ``path`` is a pipe, a device or an open file (``/dev/stdout``), which ``replacing`` doesn't replace: nothing belongs beside it."""
    return descriptor(path) is not None or _is_stream(path)


def _is_stream(path: Path) -> bool:
    """Whether ``path`` leads to a pipe or a character device."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return False  # nothing there, or a link to nothing
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        return True
    if not stat.S_ISREG(kind):
        raise BadInputError("is no file that can be written", where=SourceRef(str(path)), fix="name a file")
    return False


def _narrowed(path: Path, mode: int) -> int | None:
    """What of ``mode`` the file that is at ``path`` allows as well; nothing where there is none."""
    try:
        found = path.lstat().st_mode
    except OSError:
        return None
    return mode & stat.S_IMODE(found) if stat.S_ISREG(found) else None


def _opened(part: Path, mode: int, *, alone: bool) -> BinaryIO:
    """``part``, empty: made anew if nobody else can know its name (``alone``), otherwise locked against another writer while it is open."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | (os.O_EXCL if alone else 0)
    handle = os.fdopen(os.open(part, flags, mode), "wb")
    try:
        if not alone:
            _lock(handle, part)
            handle.truncate(0)
    except BaseException:
        handle.close()
        raise
    return handle


def _lock(handle: BinaryIO, part: Path) -> None:
    """Have ``handle`` alone, and make sure that it still is the file of that name: the one who had it may just have published it."""
    if os.name == "nt":
        return  # where what another one has open can't be replaced
    import fcntl

    busy = IncompleteError("is being written by another run", where=SourceRef(str(part)), fix="wait for it, or choose another output")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise busy from error
    if not part.exists() or not os.path.samestat(part.stat(), os.fstat(handle.fileno())):
        raise busy


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable; a no-op where folders can't be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_disks() -> None:
    """Have all that was written so far on disk, before a folder with much in it takes the place of another; where the system can."""
    if hasattr(os, "sync"):
        os.sync()


def relative_posix(path: str | Path, start: str | Path, *, paths: ModuleType = os.path) -> str:
    """``path`` from the folder ``start``, with forward slashes on every system: how files are named in reports, baselines and records.

    On Windows, from another drive, there is no way: then it is the path as it is. ``paths`` is the system's flavour (``os.path``).
    """
    try:
        found: str = paths.relpath(path, start)
    except ValueError:
        found = str(path)
    return found.replace(paths.sep, "/")
