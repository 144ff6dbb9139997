"""What the adapters of AWS Config's items share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.policies.graph.model import Dialect, Resource, Unknown
from averment.policies.surfaces.config_items import Item, capitalised, decoded, field, tag_list

_JSON_TEXTS = ("Content", "EventPattern", "InputParameters", "RedriveAllowPolicy", "RedrivePolicy")
"""Properties that are an object or its JSON text, as the service pleases."""


def resource(item: Item, properties: Mapping[str, Any], *, kind: str | None = None, address: str | None = None) -> Resource:
    """A resource out of ``item``: what is None among ``properties`` is absent, the item's ARN is its source."""
    known = {key: value for key, value in properties.items() if value is not None}
    return Resource(address or item.arn, kind or item.type, known, item.source, Dialect.CONFIG, native_type=item.type)


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
    properties["Tags"] = tag_list(properties.get("Tags"), item.tags) or None
    return [resource(item, properties)]


def last(text: Any, separator: str) -> str | None:
    """The part of ``text`` behind the last ``separator``; None for what isn't text."""
    return text.rsplit(separator, 1)[-1] if isinstance(text, str) and text else None
