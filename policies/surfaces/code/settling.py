"""Promises that are awaited at once without failing each other: what holds the answer of one that looks at a liveness result, or its failure."""

from __future__ import annotations

import re

from averment.policies.surfaces.code.model import Value, values_of
from averment.policies.surfaces.code.telling import SETTLED

_FAILURE = re.compile(r"(?:Base)?Exception(?:Group)?|\w*Error")
_ANY_THAT = {"some": "rejected", "find": "rejected", "findIndex": "rejected", "filter": "rejected", "every": "fulfilled"}
"""Methods of a list by which each of its answers is asked for, with what tells then that one has failed."""


class Settled:
    """What holds such answers: each by itself (``rs.#0``), a list of them, or what was found out about their failing."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._told: set[str] = set()

    def add(self, targets: list[tuple[str, str]]) -> None:
        """Note that ``targets`` hold what looks at a result."""
        self._names.update(name for name, _ in targets)

    def follow(self, targets: list[tuple[str, str]], value: Value) -> None:
        """Note what of it ``targets`` are bound to, or what they tell of it."""
        if self.failed(value):
            self._told.update(name for name, _ in targets)
            return
        for name, key in targets:
            apart = [f"{value.name}.{key}"] if key.startswith("#") and value.name else []
            if any(self.holds(one) for one in apart or value.reads) or (not apart and any(map(self._lists, value.reads))):
                self._names.add(name)

    def holds(self, name: str) -> bool:
        """Whether ``name`` is such an answer, or a part of it."""
        return any(name == held or name.startswith(f"{held}.") for held in self._names)

    def failed(self, test: Value) -> bool:
        """Whether ``test`` asks if what looks at a result has failed."""
        if any(name.partition(".")[0] in self._told for name in test.reads):
            return True
        written = not SETTLED.isdisjoint(text for text, _ in test.texts)
        return (written and any(map(self.holds, test.own))) or self._asked_of(test)

    def _lists(self, name: str) -> bool:
        """Whether ``name`` is a list with such an answer in it."""
        return any(held.startswith(f"{name}.#") for held in self._names)

    def _asked_of(self, value: Value) -> bool:
        """Whether a call in ``value`` asks such an answer, or all of a list with one, for a failure."""
        for call in value.calls:
            inside = {text for inline in call.inline for one in values_of(inline.body) for text, _ in one.texts}
            receiver = call.receiver.name if call.receiver is not None else ""
            if receiver and _ANY_THAT.get(call.name) in inside and (self.holds(receiver) or self._lists(receiver)):
                return True
            if call.name == "isinstance" and len(call.args) > 1 and _FAILURE.fullmatch(call.args[1].name.rpartition(".")[2]):
                every = any(one.path == "all" for one in value.calls)
                if self.holds(call.args[0].name) or (not every and any(map(self._lists, value.reads))):
                    return True
        return False
