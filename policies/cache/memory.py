"""The units of one path: recalled if everything that their reading looked at still looks the same, else read and kept anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from averment.core.observer import Observer, Question, answer, digest
from averment.core.user_cache import Store

_Look = tuple[str, str, str, str]
"""A question (kind, subject, detail) and its answer."""


class Cache:
    """What a run may recall from earlier ones. ``units`` and ``unchanged`` count what was asked for and what was recalled."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.units = self.unchanged = 0

    def count(self, *, recalled: bool) -> None:
        """One more unit was asked for."""
        self.units += 1
        self.unchanged += recalled

    def opened(self, root: Path, only: str | None, conditions: str) -> Recollection:
        """What is known of the units under ``root``, checked under ``conditions``."""
        # Findings name files as they were typed, from the working folder.
        where = "\0".join((conditions, os.getcwd(), os.fspath(root), only or ""))  # noqa: PTH109
        return Recollection(self.store, digest(where.encode("utf-8", "surrogateescape")))


class Recollection:
    """A ``surfaces.units.Memory`` in one bundle of a store; ``close`` writes what is new."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._looks, self._entries = _parsed(store.read(name))
        self._same: dict[_Look, bool] = {}
        self._answers: dict[Question, str] = {}
        self._used: dict[str, tuple[list[_Look], Any]] = {}
        self._new = False

    def recall(self, name: str) -> Any | None:
        """The value kept under ``name``, if every answer that it hangs on is the same today."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        looks = [self._looks[index] for index in entry[0]]
        if not all(self._still(look) for look in looks):
            return None
        self._used[name] = (looks, entry[1])
        return entry[1]

    def keep(self, name: str, observer: Observer, value: Any) -> None:
        """Remember ``value``, unless it hangs on something that wasn't noted."""
        if observer.complete:
            self._used[name] = ([(*question, told) for question, told in observer.seen.items()], value)
            self._new = True

    def close(self) -> None:
        """Write the bundle if it differs from the one that was read; what wasn't asked for goes."""
        if not self._new and self._used.keys() == self._entries.keys():
            if self._entries:
                self._store.touch(self._name)
            return
        numbers: dict[_Look, int] = {}
        units = {name: [[numbers.setdefault(look, len(numbers)) for look in looks], value] for name, (looks, value) in self._used.items()}
        text = json.dumps({"looks": list(numbers), "units": units}, separators=(",", ":"))
        self._store.write(self._name, text.encode())

    def _still(self, look: _Look) -> bool:
        known = self._same.get(look)
        if known is None:
            question = Question(*look[:3])
            if question not in self._answers:
                self._answers[question] = _answered(question)
            known = self._same[look] = self._answers[question] == look[3]
        return known


def _answered(question: Question) -> str:
    try:
        return answer(question)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        return f"?{type(error).__name__}"  # no answer that was ever kept


def _parsed(data: bytes | None) -> tuple[list[_Look], dict[str, tuple[list[int], Any]]]:
    """The looks and entries of a bundle; none of a bundle that isn't one."""
    if data is None:
        return [], {}
    try:
        value = json.loads(data)
        looks: list[_Look] = [(str(kind), str(subject), str(detail), str(told)) for kind, subject, detail, told in value["looks"]]
        entries = {str(name): ([int(index) for index in indices], kept) for name, (indices, kept) in value["units"].items()}
        if any(not 0 <= index < len(looks) for indices, _ in entries.values() for index in indices):
            return [], {}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [], {}
    return looks, entries
