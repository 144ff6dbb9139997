"""What exists for sure. Of a resource with ``count = var.make_it ? 1 : 0`` nobody can tell whether it will exist, as long as the variable is open.

Such a resource is in the graph, so that what is wrong with it is found. It must not be what makes another one pass: the bucket may
come to be without its versioning. So a pass is asked for again in the part of the graph that exists for sure if the judged resource does:
with whatever hangs on nothing else than that resource itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from averment.policies.graph.model import Graph, Part
from averment.policies.graph.terraform_map import TerraformResource

_NAMED = 3


class Certain:
    """The parts of one configuration, made when somebody asks: one for each set of hinges that a resource has."""

    def __init__(self, found: Sequence[TerraformResource], made: Callable[[list[TerraformResource]], Graph]) -> None:
        self._found, self._make = found, made
        self._hinges = {item.address: frozenset(item.hinges) for item in found}
        self._parts: dict[frozenset[str], Part | None] = {}

    def around(self, address: str) -> Part | None:
        """What exists for sure if the resource at ``address`` does; None if that is everything."""
        hinges = self._hinges.get(address)
        if hinges is None:  # a policy or an owner that was made of a resource has its address with something behind it
            hinges = self._hinges.get(address.partition("#")[0].removesuffix(".policy"), frozenset())
        if hinges not in self._parts:
            self._parts[hinges] = self._part(hinges)
        return self._parts[hinges]

    def _part(self, hinges: frozenset[str]) -> Part | None:
        left_out = [item for item in self._found if not item.hinges.keys() <= hinges]
        if not left_out:
            return None
        names = [item.address for item in left_out]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        reason = next(text for key, text in left_out[0].hinges.items() if key not in hinges)
        kept = self._make([item for item in self._found if item.hinges.keys() <= hinges])
        return Part(kept, f"{', '.join(names[:_NAMED])}{more} ({reason})")
