"""Rows of a report on disk instead of in memory, for a period with a hundred thousand of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from averment.core.canonical import JSON
from averment.core.period import from_iso
from averment.evidence.reporting.plain import plain


class Row(Protocol):
    """A row as ``rows`` has them: a dataclass of texts, numbers, JSON, moments and tuples of texts."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Row)
S = TypeVar("S")


class _GoneThrough(Collection[S]):
    """Rows of which one is found by going through them."""

    def __contains__(self, row: object) -> bool:
        return any(item == row for item in self)


class Spool(_GoneThrough[T]):
    """Rows of ``kind`` in the file ``path``, in the order in which they were added, read anew each time that they are asked for.

    Raises (when a row is added or read):
        OSError: the file system refused.
    """

    def __init__(self, kind: type[T], path: Path) -> None:
        self._kind, self._path = kind, path
        self._length = 0
        self._file = path.open("x+", encoding="utf-8")
        self._restore = {field.name: restore for field in dataclasses.fields(kind) if (restore := _restorer(str(field.type)))}

    def append(self, row: T) -> None:
        """Add ``row``."""
        self._file.write(json.dumps(plain(row), separators=(",", ":")) + "\n")
        self._length += 1

    def close(self) -> None:
        """Let go of the file; the rows can't be read any more."""
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        self._file.flush()
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                value = json.loads(line)
                for name, restore in self._restore.items():
                    value[name] = restore(value[name])
                yield self._kind(**value)


class Chosen(_GoneThrough[S]):
    """Those of ``rows`` that ``choose`` keeps, without a copy of them: they are gone through anew each time. Counted once."""

    def __init__(self, rows: Iterable[S], choose: Callable[[S], bool]) -> None:
        self._rows, self._choose = rows, choose
        self._length: int | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(1 for _ in self)
        return self._length

    def __iter__(self) -> Iterator[S]:
        return (row for row in self._rows if self._choose(row))


class Completed(_GoneThrough[S]):
    """``rows``, each as ``complete`` makes it when it is asked for."""

    def __init__(self, rows: Collection[S], complete: Callable[[S], S]) -> None:
        self._rows, self._complete = rows, complete

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[S]:
        return map(self._complete, self._rows)


def _restorer(annotation: str) -> Callable[[JSON], Any] | None:
    """What makes a field's value again out of its JSON; None where they are the same."""
    if annotation == "datetime":
        return from_iso
    if annotation.startswith("tuple"):
        return tuple
    return None
