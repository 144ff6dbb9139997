"""From a rule's ``Change`` to an ``Edit``: which file, and which block of it, holds the setting."""

from __future__ import annotations

from averment.policies.graph.model import Dialect, Resource
from averment.policies.interface import Change, Edit


def planned(resource: Resource, change: Change) -> Edit | None:
    """Where ``change`` belongs, as far as the graph knows; None for what isn't written in a file of code (a plan, AWS itself)."""
    if resource.dialect not in (Dialect.TERRAFORM, Dialect.CLOUDFORMATION):
        return None
    held = next((resource.lines[path] for path in _prefixes(change.path) if path in resource.lines), None)
    where = held if held is not None and held.line is not None else resource.source
    if where.file is None or where.line is None:
        return None
    native = resource.native_type or resource.type
    return Edit(resource.dialect, where.file, where.line, resource.address, native, where is held, change)


def _prefixes(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """``path`` and its ancestors, longest first."""
    return [path[:length] for length in range(len(path), 0, -1)]
