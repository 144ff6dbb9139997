"""From Terraform's words to the normal form: the engine. What maps to what stands in ``terraform_tables`` and ``terraform_iam``.

A mapping is a ``Shape``: the CloudFormation type and, for each attribute that is called or spelled otherwise there, where its value goes.
Attributes that a shape doesn't name keep their name in CloudFormation's spelling (``event_source_arn`` -> ``EventSourceArn``), so a table
has no line for them; types without a shape pass through as ``Terraform::<type>``. So nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, PropertyPath, Resource, Unknown


@dataclass(frozen=True)
class TerraformResource:
    """A resource in Terraform's own words: attributes by name, nested blocks as lists of dicts.

    ``hinges`` are the expressions that its existence hangs on and that can't be told, each with the reason; none for one that will exist.
    ``module`` and ``region`` are what ``Resource`` says of them.
    """

    address: str
    type: str
    values: Mapping[str, Any]
    source: SourceRef
    dialect: Dialect
    places: Mapping[PropertyPath, SourceRef] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    hinges: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    region: str = ""


@dataclass(frozen=True)
class To:
    """Where an attribute goes: ``path`` in the normal form, the ``value``'s conversion, and the shape of a nested block.

    ``one``: the block stands at most once and becomes a map; otherwise blocks become a list of maps.
    """

    path: PropertyPath
    convert: Callable[[Any], Any] | None = None
    nested: Fields | None = None
    one: bool = True


Fields = Mapping[str, "To | None"]
"""Attribute -> where it goes; None drops it (Terraform's own bookkeeping)."""


@dataclass(frozen=True)
class Shape:
    """How a Terraform type looks in CloudFormation."""

    type: str
    fields: Fields
    rest: bool = True  # keep what isn't named, in CloudFormation's spelling


def to(path: str, convert: Callable[[Any], Any] | None = None) -> To:
    """An attribute that goes to ``path`` ("Code.S3Bucket")."""
    return To(tuple(path.split(".")), convert)


def block(path: str, fields: Fields) -> To:
    """A nested block that stands at most once."""
    return To(tuple(path.split(".")) if path else (), None, fields)


def blocks(path: str, fields: Fields) -> To:
    """Nested blocks that become a list."""
    return To(tuple(path.split(".")), None, fields, one=False)


def tag_list(value: Any) -> Any:
    """``{k: v}`` as a list of keys and values."""
    if isinstance(value, dict):
        return [{"Key": key, "Value": item} for key, item in value.items()]
    return value if isinstance(value, Unknown) else []


def listed(value: Any) -> Any:
    """A single value as a list of one."""
    return value if isinstance(value, list) else [value]


_WHOLE = (str, bool, int)
"""Values in which nothing else stands; what ``jsonencode`` made is a text of another type."""

_NO_BLOCK = "what should be a block is written as something else"
_HERE = "${AWS::Region}"
"""The provider's own region, as a data source gives it."""


def region_of(values: Mapping[str, Any], provider: Any) -> str:
    """For which region a resource is written: by its own argument, which AWS's provider takes since 6.0, or by its ``provider``'s."""
    own = values.get("region")
    value = provider if own in (None, "", _HERE) else own
    if isinstance(value, Unknown):
        return value.template if value.template and "${?}" not in value.template else ""
    return value if isinstance(value, str) else _HERE if value is None else ""


TAGS: Fields = {"tags": to("Tags", tag_list), "tags_all": None, "id": None, "region": None}


def boolean(value: Any) -> Any:
    """A boolean that is written as text (``all_supported = "true"``, the habit of old Terraform) as one."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def camel(name: str) -> str:
    """``kms_key_id`` -> ``KmsKeyId``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


class Mapped:
    """Properties under construction, with their places."""

    def __init__(self, places: Mapping[PropertyPath, SourceRef]) -> None:
        self.properties: dict[str, Any] = {}
        self.lines: dict[PropertyPath, SourceRef] = {}
        self._places = places

    def fill(self, values: Any, fields: Fields, *, rest: bool = True, at: PropertyPath = (), source: PropertyPath = ()) -> None:
        """Put ``values`` where ``fields`` say, below ``at``; ``source`` is their path in Terraform's words."""
        if not isinstance(values, Mapping):
            self.put(at, values if isinstance(values, Unknown) else Unknown(_NO_BLOCK))
            return
        for name, value in values.items():
            target = fields.get(name, To((camel(name),), _spelled) if rest else None)
            if value is not None and target is not None:
                self._field(target, value, at, (*source, name))

    def _field(self, target: To, value: Any, at: PropertyPath, here: PropertyPath) -> None:
        path = (*at, *target.path)
        if target.nested is None:
            self.put(path, target.convert(value) if target.convert and not isinstance(value, Unknown) else boolean(value), here)
            if type(value) not in _WHOLE:
                size = len(here)
                self.lines.update(
                    {(*path, *inner[size:]): place for inner, place in self._places.items() if len(inner) > size and inner[:size] == here}
                )
            return
        items = value if isinstance(value, list) else [value]
        if target.one:
            if items:
                inner = (*here, 0) if isinstance(value, list) else here
                if path and not isinstance(items[0], Unknown):
                    self.ensure(path, inner)
                self.fill(items[0], target.nested, at=path, source=inner)
            return
        start = len(self.at(path) or ())
        for index, item in enumerate(items):
            below = (*path, start + index)
            hidden = Unknown(item.reason if isinstance(item, Unknown) else _NO_BLOCK)
            self.put(below, {} if isinstance(item, Mapping) else hidden, (*here, index))
            if isinstance(item, Mapping):
                self.fill(item, target.nested, at=below, source=(*here, index) if isinstance(value, list) else here)
        if not items:
            self.put(path, [], here)

    def at(self, path: PropertyPath) -> Any:
        """What stands at ``path`` so far."""
        value: Any = self.properties
        for step in path:
            if isinstance(value, dict):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def ensure(self, path: PropertyPath, source: PropertyPath | None = None) -> None:
        """Make a map at ``path`` unless there is one."""
        if not isinstance(self.at(path), dict):
            self.put(path, {}, source)

    def put(self, path: PropertyPath, value: Any, source: PropertyPath | None = None) -> None:
        """Set ``path``, making maps and lists on the way; remember the place."""
        if not path:
            return
        here: Any = self.properties
        for step, following in pairwise(path):
            fresh: Any = [] if isinstance(following, int) else {}
            if isinstance(here, dict):
                if not isinstance(here.get(str(step)), dict | list):
                    here[str(step)] = fresh
                here = here[str(step)]
            else:
                here = here[int(step)]
        last = path[-1]
        if isinstance(here, dict):
            here[str(last)] = value
        elif isinstance(last, int) and last < len(here):
            here[last] = value
        else:
            here.append(value)
        place = self._places.get(source) if source is not None else None
        if place is not None:
            self.lines[path] = place


def _camelised(value: Any) -> Any:
    """Nested blocks that no table names: their keys in CloudFormation's spelling, maps of data as they are."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [{camel(key) if key.islower() else key: _camelised(item) for key, item in entry.items()} for entry in value]
    return value


def _spelled(value: Any) -> Any:
    """The value of what no table names."""
    return boolean(_camelised(value))


def mapped(resource: TerraformResource, shape: Shape) -> Resource:
    """``resource`` in the normal form."""
    out = Mapped(resource.places)
    out.fill(resource.values, {**TAGS, **shape.fields}, rest=shape.rest)
    return finish(resource, shape.type, out)


def finish(resource: TerraformResource, kind: str, out: Mapped) -> Resource:
    """The resource of what was mapped."""
    words = (resource.dialect, resource.type, out.lines, resource.comments)
    return Resource(resource.address, kind, out.properties, resource.source, *words, module=resource.module, region=resource.region)


def pass_through(resource: TerraformResource) -> Resource:
    """A type that no table names."""
    return Resource(
        resource.address,
        f"Terraform::{resource.type}",
        resource.values,
        resource.source,
        resource.dialect,
        resource.type,
        resource.places,
        resource.comments,
        region=resource.region,
    )


def deep_merge(base: dict[str, Any], more: Mapping[str, Any], *, append: Iterable[str] = ()) -> None:
    """Merge ``more`` into ``base``; lists under the keys ``append`` are joined, all else is replaced."""
    joined = frozenset(append)
    for key, value in more.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            deep_merge(old, value, append=joined)
        elif key in joined and isinstance(old, list) and isinstance(value, list):
            base[key] = [*old, *value]
        else:
            base[key] = value
