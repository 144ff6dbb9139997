"""What is worked out of a whole graph once, and asked for by many rules on many resources."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from averment.policies.graph.model import Graph

T = TypeVar("T")


def per_graph(function: Callable[[Graph], T]) -> Callable[[Graph], T]:
    """``function`` with its answer kept for each graph until a resource is added to it, or nobody holds it any more.

    The answer must not hold the graph itself: it would never be let go. Whoever is given a kept answer has consulted what it was worked
    out of.
    """
    kept: WeakKeyDictionary[Graph, tuple[int, T, frozenset[str]]] = WeakKeyDictionary()

    @wraps(function)
    def answer(graph: Graph) -> T:
        held = kept.get(graph)
        if held is None or held[0] != len(graph):
            before, graph.consulted = graph.consulted, set()
            value = function(graph)
            held = (len(graph), value, frozenset(graph.consulted))
            graph.consulted = before
            kept[graph] = held
        graph.consulted |= held[2]
        return held[1]

    return answer
