"""Terraform and OpenTofu in JSON (``*.tf.json``): the same blocks as in native syntax, values as nodes of their own.

Which keys of a body are nested blocks only the provider's schema says; here they stay attributes, and whoever asks for nested
blocks gets them from the attribute (``nested_bodies``). Strings are templates, evaluated by ``evaluation.json_values``.
Source: Terraform's documentation, "JSON Configuration Syntax".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.lined import LinedList, LinedMap
from averment.policies.surfaces.terraform.syntax.native import Attribute, Block, Module, parse_expression

LABELS = {"resource": 2, "data": 2, "ephemeral": 2, "variable": 1, "output": 1, "module": 1, "provider": 1, "check": 1}
"""How many levels of names stand between a block's type and its body."""

_EXPRESSIONS = frozenset({"type", "provider", "iterator"})
"""Keys whose string is an expression, not a template."""


class JsonNode:
    """A JSON value in the place of a syntax node; the evaluation knows it by its ``type``."""

    __slots__ = ("line", "value")
    type = "json"
    has_error = False
    children: tuple[Any, ...] = ()

    def __init__(self, value: Any, line: int) -> None:
        self.value, self.line = value, line

    @property
    def text(self) -> bytes:
        """The value as source text."""
        return (self.value if isinstance(self.value, str) else json.dumps(self.value)).encode()

    @property
    def start_point(self) -> tuple[int, int]:
        """Line (from 0) and column, as syntax nodes have them."""
        return (self.line - 1, 0)

    end_point = start_point


def read_json(text: str, file: str, module: Module) -> None:
    """Add the blocks of a file to ``module``; what isn't JSON or has no such shape becomes a problem."""
    # PyYAML takes long to import, and few configurations are in JSON
    from averment.policies.surfaces.cloudformation.parsing import parse_template

    try:
        value = parse_template(text, file)
    except BadInputError as error:
        module.problems.append(Problem(error.message.replace("YAML", "JSON"), error.where or SourceRef(file)))
        return
    bodies = value if isinstance(value, LinedList) else [value]
    for body in bodies:
        if not isinstance(body, LinedMap):
            module.problems.append(Problem("is not Terraform in JSON: the top is not a map", SourceRef(file, 1)))
            continue
        for kind, inner in body.items():
            if kind != "//":
                module.blocks += _labelled(kind, (), inner, file, body.key_lines.get(kind, body.line), LABELS.get(kind, 0))


def _labelled(kind: str, labels: tuple[str, ...], value: Any, file: str, line: int, missing: int) -> Iterator[Block]:
    for item in value if isinstance(value, LinedList) else [value]:
        if not isinstance(item, LinedMap):
            continue
        if missing == 0:
            block = body_block(item, file)
            block.type, block.labels, block.line = kind, labels, line
            if kind == "variable":
                _typed(block)
            yield block
            continue
        for name, inner in item.items():
            if name != "//":
                yield from _labelled(kind, (*labels, name), inner, file, item.key_lines.get(name, item.line), missing - 1)


def _typed(block: Block) -> None:
    kind = block.attributes.get("type")
    if kind is not None and isinstance(kind.node.value, str):
        node = parse_expression(kind.node.value)
        if node is not None:
            block.attributes["type"] = Attribute("type", node, kind.line, kind.end)


def body_block(body: LinedMap, file: str) -> Block:
    """The body of a block: its keys as attributes, ``dynamic`` as blocks, ``//`` as a comment."""
    block = Block("", (), file, body.line, max(body.line, body.end - 1))
    for name, value in body.items():
        line = body.key_lines.get(name, body.line)
        if name == "//":
            block.comments = (*block.comments, *str(value).splitlines())
        elif name == "dynamic" and isinstance(value, Mapping | list):
            block.blocks += _dynamic(value, file, line)
        elif name in _EXPRESSIONS - {"type"} and isinstance(value, str):
            block.attributes[name] = Attribute(name, parse_expression(value) or JsonNode(value, line), line, line)
        else:
            block.attributes[name] = Attribute(name, JsonNode(value, line), line, line)
    return block


def _dynamic(value: Any, file: str, line: int) -> Iterator[Block]:
    for block in _labelled("dynamic", (), value, file, line, 1):
        content = block.attributes.pop("content", None)
        for item in _bodies(content.node.value) if content is not None else ():
            inner = body_block(item, file)
            inner.type = "content"
            block.blocks.append(inner)
        yield block


def nested_bodies(attribute: Attribute, file: str) -> Iterator[Block]:
    """The nested blocks that an attribute's value stands for; none in native syntax."""
    if isinstance(attribute.node, JsonNode):
        for item in _bodies(attribute.node.value):
            yield body_block(item, file)


def _bodies(value: Any) -> list[LinedMap]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, LinedMap)]
