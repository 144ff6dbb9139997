"""What the ledger needs of a store: named bytes, written once or replaced on a condition.

Names are relative paths with ``/``. Almost everything is written once (``put_new``); the two names that change
(the writers' intent and the checkpoint) change through ``replace_if``, so that of two writers one wins and the
other learns of it. Nothing here trusts the bytes that come back: the ledger verifies them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from averment.core.errors import BadInputError, IncompleteError

RESTORE = "restore the ledger from a copy"
"""What to do where something isn't what was written."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


class StoreError(IncompleteError):
    """The store could not do its part: out of reach, full, read-only, access denied. Exit 3."""


class NotStoredError(StoreError):
    """There is nothing under this name."""


class ConflictError(StoreError):
    """Something else is there: other bytes under a name that is written once, or another version than the one expected."""


class HeldError(StoreError):
    """Another writer holds the store; the message says who."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes with the version under which they were read; the version means something to the same store only."""

    data: bytes
    version: str


class Store(ABC):
    """Named bytes. Implementations: ``directory.DirectoryStore``, ``s3.S3Store``."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where this is, as a person would write it."""

    @abstractmethod
    def get(self, name: str) -> Stored:
        """What lies under ``name``.

        Raises:
            NotStoredError: nothing does.
            StoreError: it could not be read.
        """

    @abstractmethod
    def put_new(self, name: str, data: bytes) -> None:
        """Write ``data`` under ``name`` once, durably, all or nothing. The same bytes again are no error.

        Raises:
            ConflictError: other bytes are there.
            StoreError: it could not be written.
        """

    @abstractmethod
    def replace_if(self, name: str, data: bytes, version: str | None) -> str:
        """Put ``data`` under ``name`` if what is there is still ``version`` (None: if nothing is there); the new version.

        If ``data`` is what is there, that is no error, whatever ``version`` says: over a network a first try may have written it though
        its answer was lost. So who has to know that it won writes what nobody else would write.

        Raises:
            ConflictError: something else is there by now.
            StoreError: it could not be written.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether anything lies under ``name``."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[str]:
        """Every name that starts with ``prefix`` (a folder, ending in ``/``, or the empty string for all), in order. What somebody laid there
        under a name that no ledger gives (``key (copy).vkey``) is left out: nothing refers to it."""

    @abstractmethod
    def discard(self, name: str) -> None:
        """Remove what is superseded (a partial tile whose full tile exists). Nothing there is no error."""

    def protect(self, days: int | None) -> tuple[str, ...]:
        """Check what keeps the store's own operator from deleting and overwriting; what is missing, in sentences.

        With ``days``, what is written has to be locked for that long.

        Raises:
            BadInputError: ``days`` is asked for, and it isn't.
            StoreError: ``days`` is asked for, and it could not be checked.
        """
        if days is not None:
            raise BadInputError(
                f"{self.location} can't lock what is written for {days} days",
                fix="keep the ledger in a bucket with Object Lock, or remove evidence.object_lock_days",
            )
        return ()

    def writing(self, holder: str, *, wait: float) -> AbstractContextManager[None]:  # noqa: ARG002
        """Keep other writers out while the context lasts, where the store can; correctness doesn't depend on it.

        Raises:
            HeldError: another writer didn't finish within ``wait`` seconds.
        """
        return nullcontext()


def is_name(text: str) -> bool:
    """Whether ``text`` is a relative path of plain segments, as names in a store are."""
    return all(_SEGMENT.fullmatch(segment) for segment in text.split("/"))


def check_name(name: str) -> str:
    """``name`` if it is one.

    Raises:
        ValueError: it isn't: names are made by this program, so this is a fault in it.
    """
    if not is_name(name):
        raise ValueError(f"not a name in a store: {name!r}")
    return name
