"""What it hangs on that a block has any instance, where ``count``, ``for_each`` or ``enabled`` can't be told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.evaluation.operations import conjuncts, truth
from averment.policies.surfaces.terraform.syntax.json_form import nested_bodies
from averment.policies.surfaces.terraform.syntax.native import Attribute, Block, text_of
from averment.policies.surfaces.terraform.values import Env

_MAX_CHAIN = 20
_ONE_FOR_EACH = re.compile(r"(?:length\(\s*)?(\w+)\.([\w-]+)(?:\s*\))?")
"""``for_each = aws_s3_bucket.uploads``, ``count = length(aws_s3_bucket.uploads)``: as many as there are of another block."""

_LOCAL = re.compile(r"local\.([\w-]+)")


def hinges_of(
    block: Block, env: Env, resources: Mapping[tuple[str, str], Block], local_values: Mapping[str, tuple[str, Attribute]]
) -> Iterator[tuple[str, str]]:
    """The conditions that ``block`` hangs on and that can't be told, as they are written in its module, each with the reason.

    ``resources`` and ``local_values`` are the module's. Blocks with the same conditions exist together, and so do those that go over the
    instances of another; one with more of them exists only where that with less does.
    """
    node = _counting(block).node
    for _ in range(_MAX_CHAIN):
        other = _ONE_FOR_EACH.fullmatch(" ".join(text_of(node).split()))
        chained = resources.get((other[1], other[2])) if other is not None else None
        if chained is None or not {"count", "for_each"} & chained.attributes.keys():
            break
        node = _counting(chained).node
    yield from _open_parts(node, env, local_values, set())


def switch_of(block: Block) -> Attribute | None:
    """``enabled`` of its ``lifecycle``, by which OpenTofu (from 1.11 on) makes the one instance of a block, or none; None where it has none."""
    found = [inner for inner in block.blocks if inner.type == "lifecycle"]
    if (written := block.attributes.get("lifecycle")) is not None:  # in JSON, blocks look like attributes
        found += nested_bodies(written, block.file)
    return next((inner.attributes["enabled"] for inner in found if "enabled" in inner.attributes), None)


def _counting(block: Block) -> Attribute:
    return switch_of(block) or block.attributes.get("count") or block.attributes["for_each"]


def _open_parts(node: Any, env: Env, local_values: Mapping[str, tuple[str, Attribute]], seen: set[str]) -> Iterator[tuple[str, str]]:
    for text, value in conjuncts(node, env):
        decided = truth(value)
        if not isinstance(decided, Unknown):
            continue
        local = _LOCAL.fullmatch(text)
        if local is not None and local[1] in local_values:
            if local[1] in seen:
                continue  # its parts are there already
            seen.add(local[1])
            file, attribute = local_values[local[1]]
            yield from _open_parts(attribute.node, env.within(file), local_values, seen)
        else:
            yield text, decided.reason
