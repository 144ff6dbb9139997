"""What is written out: numbers, booleans, strings, lists and maps."""

from __future__ import annotations

import math
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Unknown
from averment.policies.graph.text import plain
from averment.policies.surfaces.terraform.evaluation.core import evaluate, named, short
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.syntax.strings import unescape
from averment.policies.surfaces.terraform.values import Env, PlacedMap, Unevaluated, known, weighed


def literal(node: Any, _env: Env) -> Any:
    """A number, a boolean, null."""
    child = named(node)[0]
    text = text_of(child)
    if child.type == "numeric_lit":
        number = float(text)
        if not math.isfinite(number):
            return Unevaluated(f"{short(node)} is too large a number")
        return int(number) if number.is_integer() else number
    if child.type == "bool_lit":
        return text == "true"
    if child.type == "null_lit":
        return None
    return unescape(text[1:-1])


def collection(node: Any, env: Env) -> Any:
    """A list or a map."""
    inner = named(node)[0]
    if inner.type == "tuple":
        return weighed([evaluate(child, env) for child in named(inner) if child.type == "expression"])
    out: dict[str, Any] = {}
    for element in named(inner):
        if element.type == "object_elem":
            key_node, value_node = [child for child in named(element) if child.type == "expression"][:2]
            key = _key(key_node, env)
            if not isinstance(key, str):
                return Unknown(f"the key `{short(key_node)}` is not known")
            out[key] = evaluate(value_node, env)
    return PlacedMap(weighed(out), SourceRef(env.file or None, node.start_point[0] + 1, node.end_point[0] + 1))


def _key(node: Any, env: Env) -> Any:
    parts = named(node)
    if len(parts) == 1 and parts[0].type == "variable_expr":
        return text_of(parts[0])
    value = evaluate(node, env)
    return plain(value) if known(value) and not isinstance(value, dict | list) else value
