"""Locks on files between processes. Windows has none of this kind: what needs them says so there, and the rest of the program runs."""

from __future__ import annotations

from typing import IO, Any

from averment.core.errors import IncompleteError


def lock(handle: IO[Any], *, wait: bool = True) -> None:
    """Hold ``handle``'s file alone until it is closed; others that lock it wait, or with ``wait`` off are refused.

    Raises:
        BlockingIOError: another process holds it, and ``wait`` is off.
        IncompleteError: the system has no such locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise IncompleteError(
            "this system has no POSIX file locks, without which two writers could spoil what is kept in a folder",
            fix="run it on Linux, macOS or in WSL; a ledger may also lie in S3 (evidence.ledger: s3://bucket/prefix)",
        ) from error
    fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
