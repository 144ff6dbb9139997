"""What exists for sure. Of a resource with ``count = var.make_it ? 1 : 0`` nobody can tell whether it will exist, as long as the variable is open.

Such a resource is in the graph, so that what is wrong with it is found. It must not be what makes another one pass: the bucket may
come to be without its versioning. So a pass is asked for again in the part of the graph that exists for sure if the judged resource does:
with whatever hangs on nothing else than that resource itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from averment.policies.graph.model import Graph, Part

_NAMED = 3

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
        names = [address for address, hinges in self._hinges.items() if not hinges.keys() <= known]
        if not names:
            return None
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        reason = next(text for key, text in self._hinges[names[0]].items() if key not in known)
        return Part(self._make(frozenset(names)), f"{', '.join(names[:_NAMED])}{more} ({reason})")
