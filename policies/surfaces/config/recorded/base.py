"""What the adapters of AWS Config's items share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Dialect, Resource, Unknown
from averment.policies.surfaces.config.items import Item, capitalised, decoded, field, tag_list

_JSON_TEXTS = ("Content", "EventPattern", "InputParameters", "RedriveAllowPolicy", "RedrivePolicy")
"""Properties that are an object or its JSON text, as the service pleases."""


def resource(item: Item, properties: Mapping[str, Any], *, kind: str | None = None, address: str | None = None) -> Resource:
    """A resource out of ``item``: what is None among ``properties`` is absent, the item's ARN is its source."""
    known = properties if isinstance(properties, Late) else {key: value for key, value in properties.items() if value is not None}
    return Resource(address or item.arn, kind or item.type, known, item.source, Dialect.CONFIG, native_type=item.type)


class Late(Mapping[str, Any]):
    """Properties of ``item`` that are read when they are asked for, and kept. What is None is absent.

    An account has thousands of resources beside the one that is judged, and of most of them a name and the tags are all that anybody
    asks for. What has another shape than expected is an ``Unknown`` that says so.
    """

    def __init__(self, item: Item, readers: Mapping[str, Callable[[Item], Any]]) -> None:
        self._item, self._readers = item, readers
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            if name not in self._readers:
                raise KeyError(name)
            self._known[name] = self._read(name)
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
            return Unknown(f"{name} of {self._item.type} {self._item.id} has another shape than expected: {error}")


def need(item: Item, *names: str) -> None:
    """Make sure that ``item`` is one of its type: that its configuration has one of ``names``.

    Raises:
        ValueError: it has none of them.
    """
    if all(field(item.configuration, name) is None for name in names):
        raise ValueError(f"it has none of {', '.join(names)}")


def mapping_or_unknown(value: Any, what: str) -> Mapping[str, Any] | Unknown | None:
    """``value`` where it is an object or absent; an Unknown for anything else."""
    if value is None or isinstance(value, Mapping):
        return value
    return Unknown(f"{what} of the configuration item is not an object")


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
