"""Buckets that are meant by their name where that is made with another resource's value: ``"arn:aws:s3:::media-${random_id.x.hex}/*"``.

Such a text is a link to what the name is made with. Here it becomes one to the bucket, as if its ARN or its name had been asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from averment.policies.graph.model import Reference, Resource

_BUCKET = "AWS::S3::Bucket"
_ARN = re.compile(r"arn:[\w-]*:s3:::")


def linked_by_name(resources: dict[str, Resource]) -> None:
    """Let what names a bucket of ``resources`` by the expression of its name link to it."""
    names = _Names(resources)
    if not names.found:
        return
    for address, resource in list(resources.items()):
        own = resource.properties.get("BucketName") if resource.type == _BUCKET else None
        changed = names.within(resource.properties)
        if own is not None and changed is not resource.properties:
            changed = {**changed, "BucketName": own}
        if changed is not resource.properties:
            resources[address] = replace(resource, properties=changed)


class _Names:
    """The buckets whose names are links, by what these lead to."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.found: dict[tuple[str, str], list[tuple[Reference, str]]] = {}
        for bucket in resources.values():
            name = bucket.get("BucketName") if bucket.type == _BUCKET and not bucket.outside else None
            if isinstance(name, Reference):
                self.found.setdefault((name.address, name.attribute), []).append((name, bucket.address))

    def within(self, value: Any) -> Any:
        """``value`` with the links in it; itself where there are none, so that places that it remembers are kept."""
        if isinstance(value, Reference):
            return self.link(value)
        if isinstance(value, Mapping):
            pairs = {key: self.within(item) for key, item in value.items()}
            return value if all(pairs[key] is item for key, item in value.items()) else pairs
        if isinstance(value, list):
            items = [self.within(item) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return value

    def link(self, value: Reference) -> Reference:
        """``value``, or the link to the one bucket that it names."""
        meant = [
            (address, more)
            for name, address in self.found.get((value.address, value.attribute), ())
            if (more := _more(value, name)) is not None
        ]
        if len(meant) != 1:
            return value
        address, (attribute, rest) = meant[0]
        return Reference(address, attribute, rest)


def _more(value: Reference, name: Reference) -> tuple[str, str] | None:
    """The attribute of a bucket called ``name`` that ``value`` begins with, and what follows it; None if it is another text."""
    if not value.suffix.startswith(name.suffix):
        return None
    rest = value.suffix[len(name.suffix) :]
    if value.prefix == name.prefix:
        return ("Ref", rest) if not rest or rest.startswith(".s3") else None
    before = _ARN.match(value.prefix)
    if before is None or value.prefix[before.end() :] != name.prefix:
        return None
    return ("Arn", rest) if not rest or rest.startswith(("/", "*")) else None
