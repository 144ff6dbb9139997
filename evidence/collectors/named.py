"""What counts among the things that a collector finds: those that the organisation names in ``averment.yaml``.

A collector brings what there is in any case. Named things are counted on their own, so that an assessment can ask about them; where
nothing is named, these counts are null, the record says so, and nothing can be satisfied by it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.evidence.collectors.interface import CollectScope

MAX_LISTED = 1_000
"""Entries of a list of what isn't as it should be; further ones are counted in the summary."""

_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Names:
    """The names, ARNs or patterns (``fnmatch``) at ``path`` under ``parameters``; ``given`` is None where there are none.

    ``fold``: names that AWS doesn't distinguish by case are compared without it.
    """

    path: str
    given: tuple[str, ...] | None = None
    fold: bool = False

    def __bool__(self) -> bool:
        return self.given is not None

    def count(self, *names: str) -> bool:
        """Whether one of ``names``, which all are names of one thing, is among them. Where nothing is given, everything is."""
        return self.given is None or any(self._fits(name, pattern) for name in names for pattern in self.given)

    def missing(
        self, found: Iterable[Sequence[str]], *, account: str | None = None, region: str | None = None, whole: bool = True
    ) -> list[str]:
        """The names of which nothing was ``found`` (the names of each thing) in this account and region, though it belongs here.

        An ARN belongs to its own account and region, a plain name everywhere where anything that counts was found. A pattern stands for
        whatever there is. Where nothing was found, the ARNs that belong there are missing, or if there are none, everything. Of a listing that
        is not ``whole`` (refused, broken off) nothing is missing: what it would have told, nobody knows.
        """
        if not whole:
            return []
        known = [tuple(names) for names in found]
        here = [pattern for pattern in self.given or () if _belongs(pattern, account, region)]
        if not any(self.count(*names) for names in known):
            return [pattern for pattern in here if _is_arn(pattern)] or here
        return [
            pattern
            for pattern in here
            if not _WILD & set(pattern) and not any(self._fits(name, pattern) for names in known for name in names)
        ]

    @staticmethod
    def out_of(found: int, missing: Iterable[str]) -> int:
        """Of how many things in this account and region a count of what is wrong with named ones is: those that were ``found``, and those
        ``missing`` that can only be here, as their ARN says. A place where it is 0 has nothing to do with the question."""
        return found + sum(1 for name in missing if _is_arn(name))

    def _fits(self, name: str, pattern: str) -> bool:
        return fnmatch.fnmatchcase(name.lower(), pattern.lower()) if self.fold else fnmatch.fnmatchcase(name, pattern)


def names_of(organisation: Organisation, path: str, *, fold: bool = False) -> Names:
    """The names at ``path`` (``signing-calls.keys``) under ``parameters``.

    Raises:
        BadInputError: what stands there isn't a list of names, or is empty.
    """
    value = organisation.parameter(path)
    if value is None:
        return Names(path, fold=fold)
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise BadInputError(
            f"parameters.{path} is not a list of names",
            where=SourceRef(organisation.file),
            fix=f"write {path.rpartition('.')[2]}: [name, ...]",
        )
    return Names(path, tuple(value), fold)


def asked_for(scope: CollectScope, *paths: str) -> dict[str, JSON]:
    """The parameters at ``paths`` as they stand when something is collected, for the record's payload (an entry of the ledger, which holds
    the query, is too small for long lists): an assessment that ``needs`` them counts only what was collected by the same."""
    return {path: scope.organisation.parameter(path) for path in paths}


def unnamed(*names: Names) -> list[JSON]:
    """A note for each of ``names`` that isn't given."""
    return [
        f"parameters.{name.path} in averment.yaml names nothing: all is here, and nothing is told apart by it" for name in names if not name
    ]


def not_listed(total: int, kept: int, what: str) -> list[JSON]:
    """A note that a record lists ``kept`` things where there were ``total``, of which each was counted; none where all are listed. Figures that
    rest on all of them hold: the population is what was looked at."""
    return [f"all {total:,} {what} were counted, and {kept:,} of them are listed"] if kept < total else []


def entry(resource: str, message: str) -> dict[str, Any]:
    """One thing that isn't as it should be, as ``expect.each`` lists it."""
    return {"resource": resource, "message": message}


def listed(entries: Sequence[Mapping[str, Any]]) -> list[JSON]:
    """``entries`` in the order of their resources, ``MAX_LISTED`` at most."""
    return [dict(item) for item in sorted(entries, key=lambda item: (str(item["resource"]), str(item["message"])))[:MAX_LISTED]]


def _is_arn(pattern: str) -> bool:
    return pattern.startswith("arn:") and not _WILD & set(pattern)


def _belongs(pattern: str, account: str | None, region: str | None) -> bool:
    parts = pattern.split(":")
    if parts[0] != "arn" or len(parts) < 6:
        return True
    return all(part == "" or here is None or fnmatch.fnmatchcase(here, part) for part, here in ((parts[3], region), (parts[4], account)))
