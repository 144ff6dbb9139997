"""What the adapters of AWS Config's items share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from weakref import ref

from averment.policies.graph.model import Dialect, Flaw, Graph, Misshapen, Resource
from averment.policies.surfaces.config.items import Item, capitalised, decoded, field, tag_list
from averment.policies.surfaces.config.recorded.shapes import PROPERTIES, fit, flaw_in

_JSON_TEXTS = ("Content", "EventPattern", "InputParameters", "RedriveAllowPolicy", "RedrivePolicy")
"""Properties that are an object or its JSON text, as the service pleases."""


def resource(item: Item, properties: Mapping[str, Any], *, kind: str | None = None, address: str | None = None) -> Resource:
    """A resource out of ``item``: what is None among ``properties`` is absent, the item's ARN is its source.

    What has another shape than ``PROPERTIES`` expect of the type is ``Misshapen``.
    """
    return Resource(
        address or item.arn,
        kind or item.type,
        _expected(item, properties, kind or item.type),
        item.source,
        Dialect.CONFIG,
        native_type=item.type,
    )


def _expected(item: Item, properties: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    if isinstance(properties, Late):
        return properties
    known = {key: value for key, value in properties.items() if value is not None}
    for name, shape in PROPERTIES.get(kind, {}).items():
        try:
            fit(known.get(name), shape, name)
        except ValueError as error:
            known[name] = misshapen(item, name, error)
    if all(flaw_in(value) is None for value in known.values()):
        return known
    return Late(item, {key: partial(_as_read, value) for key, value in known.items()})


def _as_read(value: Any, _item: Item) -> Any:
    return value


def misshapen(item: Item, name: str, why: object) -> Misshapen:
    """What stands in place of the property ``name``, which has another shape than expected."""
    return Misshapen(f"{name} of {item.type} {item.id} has another shape than expected: {why}")


class Late(Mapping[str, Any]):
    """Properties of ``item`` that are read when they are asked for, and kept. What is None is absent.

    An account has thousands of resources beside the one that is judged, and of most of them a name and the tags are all that anybody
    asks for. What has another shape than expected is ``Misshapen``, and that somebody asked for it the graph is told (``belong_to``).
    """

    def __init__(self, item: Item, readers: Mapping[str, Callable[[Item], Any]]) -> None:
        self._item, self._readers = item, readers
        self._known: dict[str, Any] = {}
        self._flaws: dict[str, Flaw] = {}
        self._graph: Callable[[], Graph | None] = _nobody

    def belong_to(self, graph: Graph) -> None:
        """Tell ``graph`` from now on of each flaw that somebody meets."""
        self._graph = ref(graph)

    def flaws(self) -> list[Flaw]:
        """All that has another shape than expected."""
        list(self)
        return list(self._flaws.values())

    def _flaw(self, name: str, reason: str) -> Flaw:
        return Flaw(reason if self._item.id in reason else misshapen(self._item, name, reason).reason)

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            if name not in self._readers:
                raise KeyError(name)
            self._known[name] = self._read(name)
            if (found := flaw_in(self._known[name])) is not None:
                self._flaws[name] = self._flaw(name, found.reason)
        if name in self._flaws and (graph := self._graph()) is not None:
            graph.consulted.add(self._flaws[name])
        value = self._known[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._readers if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, name: str) -> Any:
        try:
            return self._readers[name](self._item)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return misshapen(self._item, name, error)


def _nobody() -> None:
    """Of no graph yet."""


def need(item: Item, *names: str) -> None:
    """Make sure that ``item`` is one of its type: that its configuration has one of ``names``.

    Raises:
        ValueError: it has none of them.
    """
    if all(field(item.configuration, name) is None for name in names):
        raise ValueError(f"it has none of {', '.join(names)}")


def named(item: Item, name: str) -> str:
    """The resource's name, which stands under ``name`` in its configuration and beside it as well."""
    found = field(item.configuration, name)
    return found if isinstance(found, str) and found else item.name


def as_it_is(item: Item) -> list[Resource]:
    """An item that has CloudFormation's shape but for the first letters."""
    properties = capitalised(item.configuration)
    for name in _JSON_TEXTS:
        if isinstance(properties.get(name), str):
            properties[name] = decoded(properties[name])
    properties["Tags"] = tag_list(field(item.configuration, "tags"), item.tags) or None  # as they are: "true" is a text in a tag
    return [resource(item, properties)]


def last(text: Any, separator: str) -> str | None:
    """The part of ``text`` behind the last ``separator``; None for what isn't text."""
    return text.rsplit(separator, 1)[-1] if isinstance(text, str) and text else None
