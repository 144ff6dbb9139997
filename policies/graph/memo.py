"""What is worked out of a whole graph once, and asked for by many rules on many resources."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from averment.policies.graph.model import Graph, Resource

T = TypeVar("T")
S = TypeVar("S")


def per_graph(function: Callable[[Graph], T]) -> Callable[[Graph], T]:
    """``function`` with its answer kept for each graph until a resource is added to it, or nobody holds it any more.

    The answer must not hold the graph itself: it would never be let go. Whoever is given a kept answer has consulted what it was worked
    out of.
    """
    kept: WeakKeyDictionary[Graph, tuple[int, T, frozenset[str]]] = WeakKeyDictionary()

    @wraps(function)
    def answer(graph: Graph) -> T:
        held = kept.get(graph)
        if held is None or held[0] != graph.changes:
            before, graph.consulted = graph.consulted, set()
            value = function(graph)
            held = (graph.changes, value, frozenset(graph.consulted))
            graph.consulted = before
            kept[graph] = held
        graph.consulted |= held[2]
        return held[1]

    return answer


def per_graph_and(function: Callable[[Graph, S], T]) -> Callable[[Graph, S], T]:
    """As ``per_graph``, for what hangs on a second thing as well: the answer for the last one given (the same object) is kept."""
    holder = per_graph(lambda _: list[tuple[S, T, frozenset[str]]]())

    @wraps(function)
    def answer(graph: Graph, second: S) -> T:
        held = holder(graph)
        if not held or held[0][0] is not second:
            before, graph.consulted = graph.consulted, set()
            value = function(graph, second)
            held[:] = [(second, value, frozenset(graph.consulted))]
            graph.consulted = before
        graph.consulted |= held[0][2]
        return held[0][1]

    return answer


def per_resource_and(function: Callable[[Resource, S, Graph], T]) -> Callable[[Resource, S, Graph], T]:
    """As ``per_graph_and``, with an answer for each resource (the same object) of the graph."""
    holder = per_graph_and(lambda _graph, _second: dict[str, tuple[Resource, T, frozenset[str]]]())

    @wraps(function)
    def answer(resource: Resource, second: S, graph: Graph) -> T:
        kept = holder(graph, second)
        held = kept.get(resource.address)
        if held is None or held[0] is not resource:
            before, graph.consulted = graph.consulted, set()
            value = function(resource, second, graph)
            held = kept[resource.address] = (resource, value, frozenset(graph.consulted))
            graph.consulted = before
        graph.consulted |= held[2]
        return held[1]

    return answer
