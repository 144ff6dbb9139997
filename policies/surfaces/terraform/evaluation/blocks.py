"""A block's attributes and nested blocks as values with places; ``dynamic`` blocks expanded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import PropertyPath, Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate
from averment.policies.surfaces.terraform.evaluation.loops import pairs_of
from averment.policies.surfaces.terraform.syntax.json_form import nested_bodies
from averment.policies.surfaces.terraform.syntax.native import Block
from averment.policies.surfaces.terraform.values import Env, PlacedMap, finished, places_in

META = frozenset({"count", "for_each", "depends_on", "provider", "lifecycle", "provisioner", "connection", "timeouts"})
"""What belongs to Terraform itself, not to the resource."""


def attributes_of(block: Block, env: Env, places: dict[PropertyPath, SourceRef] | None = None, path: PropertyPath = ()) -> dict[str, Any]:
    """The block as a dict in Terraform's words: attributes by name, nested blocks as lists of dicts."""
    env = env.within(block.file)
    out: dict[str, Any] = PlacedMap({}, block.where())
    for name, attribute in block.attributes.items():
        if name in META and not path:
            continue
        out[name] = finished(evaluate(attribute.node, env))
        if places is not None:
            places[(*path, name)] = SourceRef(block.file, attribute.line, attribute.end)
            places.update((inner, where) for inner, where in places_in(out[name], (*path, name)) if inner != (*path, name))
    names = dict.fromkeys(nested_name(child) for child in block.blocks)
    for name in names:
        if name in META:
            continue
        values: list[Any] = []
        for value, where in nested(block, env, name, places, (*path, name)):
            if places is not None:
                places[(*path, name, len(values))] = where
                places.setdefault((*path, name), where)
            values.append(value)
        out[name] = values
    return out


def nested_name(block: Block) -> str:
    """The name of a nested block, also if it is ``dynamic``."""
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def nested(
    block: Block, env: Env, name: str, places: dict[PropertyPath, SourceRef] | None = None, path: PropertyPath = ()
) -> Iterator[tuple[Any, SourceRef]]:
    """The nested blocks called ``name``, each with its place; one ``Unknown`` for a ``dynamic`` that can't be expanded."""
    index = 0
    attribute = block.attributes.get(name)
    for child in [*(nested_bodies(attribute, block.file) if attribute is not None else ())]:
        yield attributes_of(child, env, places, (*path, index)), child.where()
        index += 1
    for child in block.blocks:
        if nested_name(child) != name:
            continue
        for inner, scope in _expanded(child, env):
            where = SourceRef(inner.file, inner.line, inner.end)
            if isinstance(scope, Unknown):
                yield scope, where
            else:
                yield attributes_of(inner, scope, places, (*path, index)), where
            index += 1


def _expanded(block: Block, env: Env) -> Iterator[tuple[Block, Env | Unknown]]:
    if block.type != "dynamic":
        yield block, env
        return
    content = next((child for child in block.blocks if child.type == "content"), block)
    each = block.attributes.get("for_each")
    pairs = pairs_of(evaluate(each.node, env)) if each is not None else Unknown("a dynamic block has no for_each")
    if isinstance(pairs, Unknown):
        yield block, Unknown(f"dynamic block '{block.labels[0]}': {pairs.reason}")
        return
    iterator = block.attributes.get("iterator")
    name = iterator.node.text.decode() if iterator is not None else block.labels[0]
    for key, value in pairs:
        yield content, env.bind(**{name: {"key": key, "value": value}})
