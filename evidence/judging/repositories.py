"""Whose code a check looked at: several repositories may have one ledger, and the check of one says nothing of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from averment.evidence.record import Kind, Record


def repository_of(record: Record) -> str | None:
    """The repository whose check ``record`` is; None where it doesn't tell, or is none of a check."""
    name = record.query.get("repository") if record.kind is Kind.CHECK else None
    return name if isinstance(name, str) else None


def within(record: Record, where: str) -> str:
    """The place ``where`` in the code that ``record`` is about, with the repository that it stands in."""
    return ": ".join(filter(None, (repository_of(record), where)))


def source_by_repository(records: Iterable[Record]) -> Callable[[Record], str]:
    """What tells the places of checks apart, as ``records`` know it: the source, which names the repository.

    Checks by versions that named none are of the only repository that the others name, so that what it mended since then is mended; beside
    several they are of none of them, as nobody can tell of which.
    """
    named = {record.source for record in records if repository_of(record) is not None}
    only = next(iter(named)) if len(named) == 1 else None

    def source(record: Record) -> str:
        return only if only is not None and record.kind is Kind.CHECK and "repository" not in record.query else record.source

    return source
