"""What the source of functions tells where a permission doesn't: ``rekognition:*`` says nothing, a call of ``CompareFaces`` does."""

from __future__ import annotations

from collections.abc import Iterable

from averment.policies.graph.model import Graph, Resource


def called_as(role: Resource, graph: Graph) -> tuple[str, frozenset[str]] | None:
    """What is called of Rekognition's operations on faces by functions that run as ``role``, and one of them; None without source."""
    found: set[str] = set()
    caller = ""
    for address, operations in graph.face_calls.items():
        function = graph.get(address)
        if operations and function is not None and graph.target(function.get("Role")) is role:
            caller = caller or address
            found |= operations
    return (caller, frozenset(found)) if found else None


def one_of(operations: frozenset[str], actions: Iterable[str]) -> str | None:
    """The first of ``actions`` (``rekognition:CompareFaces``) that is called."""
    return next((name for action in actions if (name := action.partition(":")[2]) in operations), None)
