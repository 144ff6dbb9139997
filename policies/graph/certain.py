"""What exists for sure. Of a resource with ``count = var.make_it ? 1 : 0`` nobody can tell whether it will exist, as long as the variable is open.

Such a resource is in the graph, so that what is wrong with it is found. It must not be what makes another one pass: the bucket may
come to be without its versioning. So a pass is asked for again in the part of the graph that exists for sure if the judged resource does:
with whatever hangs on nothing else than that resource itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from functools import cache

from averment.core.words import first_of
from averment.policies.graph.model import Graph, Part

_NAMED = 3
MAX_EACH = 12
"""Conditions that are tried one by one, to name the one that a verdict hangs on."""

Hinges = Mapping[str, str]
"""The conditions that a resource's existence hangs on and that can't be told, each with the reason."""


class Certain:
    """The parts of one configuration, made when somebody asks: one for each set of hinges that a resource has.

    ``hinges`` has those of each resource that has any, by address, and ``made`` the graph without the resources at some addresses.
    """

    def __init__(self, hinges: Mapping[str, Hinges], made: Callable[[frozenset[str]], Graph]) -> None:
        self._hinges, self._make = hinges, made
        self._parts: dict[frozenset[str], Part | None] = {}

    def around(self, address: str) -> Part | None:
        """What exists for sure if the resource at ``address`` does; None if that is everything."""
        hinges = self._hinges.get(address)
        if hinges is None:  # a policy or an owner that was made of a resource has its address with something behind it
            hinges = self._hinges.get(address.partition("#")[0].removesuffix(".policy"), {})
        known = frozenset(hinges)
        if known not in self._parts:
            self._parts[known] = self._part(known)
        return self._parts[known]

    def _part(self, known: frozenset[str]) -> Part | None:
        open_ones = {address: hinges.keys() - known for address, hinges in self._hinges.items() if not hinges.keys() <= known}
        if not open_ones:
            return None
        keys = dict.fromkeys(key for address in open_ones for key in self._hinges[address] if key not in known)
        each = cache(lambda: [self._left(open_ones, key) for key in keys] if 1 < len(keys) <= MAX_EACH else [])
        return replace(self._left(open_ones), each=each)

    def _left(self, open_ones: Mapping[str, Set[str]], key: str | None = None) -> Part:
        """The part without all that hangs on ``key``, or on anything."""
        names = [address for address, keys in open_ones.items() if key is None or key in keys]
        first = self._hinges[names[0]]
        reason = first[key] if key is not None else next(text for name, text in first.items() if name in open_ones[names[0]])
        return Part(self._make(frozenset(names)), f"{first_of(names, _NAMED)} ({reason})")
