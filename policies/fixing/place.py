"""From a rule's ``Change`` to an ``Edit``: which file, and which block of it, holds the setting."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from averment.core.source import SourceRef
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Dialect, Graph, Resource
from averment.policies.interface import Change, Edit


def planned(resource: Resource, change: Change, graph: Graph) -> Edit | None:
    """Where ``change`` belongs, as far as ``graph`` knows; None for what isn't written in a file of code (a plan, AWS itself)."""
    subject = change.of or resource
    if subject.dialect not in (Dialect.TERRAFORM, Dialect.CLOUDFORMATION):
        return None
    held = next((subject.lines[path] for path in _prefixes(change.path) if path in subject.lines), None)
    if subject.module or (subject.outside and held is None):
        return None  # there is no resource beside which a new block could name it
    where = held if held is not None and held.line is not None else subject.source
    if where.file is None or where.line is None:
        return None
    return Edit(
        dialect=subject.dialect,
        file=where.file,
        line=where.line,
        address=subject.address,
        native_type=subject.native_type or subject.type,
        held=where is held,
        exact=change.path in subject.lines,
        change=replace(change, of=None),
        instances=_instances(graph)[_key(subject, where)],
        root=next(graph.callers(subject.address), subject.source.file or ""),
    )


@per_graph
def _instances(graph: Graph) -> Counter[tuple[str, SourceRef, str]]:
    """How many resources come from each block, or have a setting from one at each place: of modules for that, several may."""
    return Counter(_key(resource, where) for resource in graph for where in {resource.source, *resource.lines.values()})


def _key(resource: Resource, where: SourceRef) -> tuple[str, SourceRef, str]:
    return resource.type, where, own_name(resource.dialect, resource.address)


def own_name(dialect: Dialect, address: str) -> str:
    """The name that the block of a template has in its file, without those of the nested stacks around it; of Terraform, its line will do."""
    return address.rpartition(".")[2] if dialect is Dialect.CLOUDFORMATION else ""


def _prefixes(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """``path`` and its ancestors, longest first."""
    return [path[:length] for length in range(len(path), 0, -1)]
