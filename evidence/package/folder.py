"""The folder that becomes a package: files are written into it once, and what they are is kept on disk until the manifest lists them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from averment.core.canonical import sha256_hex
from averment.core.database import connect
from averment.evidence.package.files import digest_of


class PackageFolder:
    """Files under the new folder ``folder``; their digests lie in the new file ``listing``, because there may be hundreds of thousands.

    Raises (at every call):
        OSError: the file system refused.
    """

    def __init__(self, folder: Path, listing: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o755)
        with _kept():
            self._known = connect(listing, isolation_level=None)
            self._known.execute("PRAGMA journal_mode = OFF")
            self._known.execute("PRAGMA synchronous = OFF")  # it goes with the temporary folder when this process does
            self._known.execute("CREATE TABLE files (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID")

    def add(self, name: str, data: bytes) -> None:
        """Write the file ``name``. One that comes twice is written once: it is a payload that two records share."""
        if self.digest(name) is None:
            self._path(name).write_bytes(data)
            self._note(name, sha256_hex(data), len(data))

    def stream(self, name: str, parts: Iterable[bytes]) -> None:
        """Write the file ``name`` from its parts, none of which is kept."""
        with self._path(name).open("xb") as handle:
            handle.writelines(parts)
        self._take(name)

    def make(self, name: str, write: Callable[[Path], None]) -> None:
        """Have ``write`` make the file ``name``."""
        write(self._path(name))
        self._take(name)

    def digest(self, name: str) -> str | None:
        """The SHA-256 of the file ``name``; None if it isn't there."""
        with _kept():
            found = self._known.execute("SELECT sha256 FROM files WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def __len__(self) -> int:
        with _kept():
            return int(self._known.execute("SELECT count(*) FROM files").fetchone()[0])

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        """Name, SHA-256 and size of every file, by name."""
        with _kept(), closing(self._known.execute("SELECT name, sha256, size FROM files ORDER BY name")) as rows:
            yield from rows

    def close(self) -> None:
        """Let go of the list of files."""
        self._known.close()

    def _take(self, name: str) -> None:
        size, digest = digest_of(self._folder / name)
        self._note(name, digest, size)

    def _path(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        return path

    def _note(self, name: str, digest: str, size: int) -> None:
        with _kept():
            self._known.execute("INSERT INTO files VALUES (?, ?, ?)", (name, digest, size))


@contextmanager
def _kept() -> Iterator[None]:
    """SQLite's errors become those of the file system, which is whose they are.

    Raises:
        OSError: the list can't be written or read.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(None, f"the list of its files could not be kept: {error}") from error
