"""What stands beside the resources that are judged: fetched type by type, when a rule looks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from averment.core.errors import IncompleteError
from averment.policies.graph.model import Graph, Resource
from averment.policies.surfaces.config.recorded.base import Late
from averment.policies.surfaces.config.recorded.links import LINKS, linked
from averment.policies.surfaces.config.surface import read_items
from averment.policies.surfaces.config.types import held_in

Raw = Mapping[str, Any]
Fetch = Callable[[str], Sequence[Raw]]


class Beside(Graph):
    """The resources in the items ``subjects``, and those of ``kinds`` (Config's names), which ``fetch`` gives when they are asked for.

    Of most of what stands in an account a rule looks at nothing to judge one resource, so it is neither fetched nor read. ``failed`` has,
    by kind, why it could not be fetched, and ``flawed`` the first reason why an item of a kind could not be read; ``subjects``, by the ARN
    of each item, what is in it.
    """

    def __init__(self, subjects: Sequence[Raw], kinds: Iterable[str], fetch: Fetch) -> None:
        read = [(str(raw.get("resourceType")), *read_items([raw])) for raw in subjects]
        super().__init__(problems=[problem for _, _, problems in read for problem in problems])
        self.subjects: dict[str | None, list[Resource]] = {}
        self.failed: dict[str, str] = {}
        self.flawed: dict[str, str] = {kind: problems[0].reason for kind, _, problems in reversed(read) if problems}
        self._waiting = dict.fromkeys(kinds)
        self._wanted: set[str] = set()
        self._fetch = fetch
        for resource in self._take([resource for _, resources, _ in read for resource in resources]):
            self.subjects.setdefault(resource.source.arn, []).append(resource)  # a bucket's item holds the bucket and its policy

    def want(self, types: Iterable[str] | None = None, *, but: Collection[str] = ()) -> None:
        if not self._waiting:
            return
        if types is None:
            kinds: Iterable[str] = tuple(kind for kind in self._waiting if kind not in but)
        else:
            new = tuple(name for name in types if name not in self._wanted)
            self._wanted.update(new)
            kinds = held_in(new) if new else ()
        for kind in kinds:
            if kind in self._waiting:
                del self._waiting[kind]
                self._load(kind)

    def _load(self, kind: str) -> None:
        try:
            items = self._fetch(kind)
        except IncompleteError as error:
            self.failed[kind] = error.message
            return
        resources, problems = read_items(items)
        known = len(self.problems)
        self.problems += problems
        self._take(resources)
        others = (problem.reason for problem in self.problems[known:] if problem.where.arn not in self.subjects)
        if (first := next(others, None)) is not None:
            self.flawed[kind] = first

    def _take(self, resources: Sequence[Resource]) -> list[Resource]:
        """Put ``resources`` into the graph, with their links: what they lead to has to be there before. Those that are in it now."""
        targets = {target for kind in {resource.type for resource in resources} for target in LINKS.get(kind, {}).values()}
        self.want(targets)
        found = linked(resources, [other for kind in targets for other in self._by_type.get(kind, ())])
        taken = [resource for resource in found if self.put(resource)]
        for resource in taken:
            if isinstance(resource.properties, Late):
                resource.properties.belong_to(self)
        return taken


class Unread(Mapping[str, str]):
    """By the name of a neighbouring type why it could not be read, or not whole: whoever asks about a type makes it be fetched."""

    def __init__(self, graph: Beside, names: Sequence[str]) -> None:
        self._graph, self._names = graph, names

    def __getitem__(self, name: str) -> str:
        if name in self._names:
            self._graph.want((name,))
            if reasons := self._reasons(name):
                return reasons[0]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """Those that turned out so far."""
        return (name for name in self._names if self._reasons(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _reasons(self, name: str) -> list[str]:
        return [reasons[kind] for kind in held_in((name,)) for reasons in (self._graph.failed, self._graph.flawed) if kind in reasons]
