"""Type constraints of variables: conversion, and the defaults of ``optional(...)`` attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate
from averment.policies.surfaces.terraform.functions.table import STRICT, TOLERANT
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import Env, Handle, SetValue, known

_PRIMITIVES: dict[str, Callable[[Any], Any]] = {"string": TOLERANT["tostring"], "bool": TOLERANT["tobool"], "number": STRICT["tonumber"]}


def conform(value: Any, kind: Any, env: Env) -> Any:
    """``value`` converted to a type constraint, with the defaults of its ``optional(...)`` attributes."""
    if isinstance(value, Unknown | Reference | Handle) or value is None or kind.type != "expression":
        return value
    call = next((child for child in kind.children if child.type == "function_call"), None)
    if call is None:
        convert = _PRIMITIVES.get(text_of(kind).strip())
        return convert(value) if convert is not None and isinstance(value, str | int | float) else value
    name = text_of(call.children[0])
    arguments = [
        child for part in call.children if part.type == "function_arguments" for child in part.children if child.type == "expression"
    ]
    if not arguments:
        return value
    if name in {"map", "list", "set", "optional"}:
        if name == "map" and isinstance(value, dict):
            return {key: conform(item, arguments[0], env) for key, item in value.items()}
        if name in {"list", "set"} and isinstance(value, list):
            items = [conform(item, arguments[0], env) for item in value]
            if name == "set":
                return STRICT["toset"](items) if known(*items) else SetValue(items)
            return items
        return conform(value, arguments[0], env) if name == "optional" else value
    return _conform_object(value, arguments[0], env) if name == "object" and isinstance(value, dict) else value


def _conform_object(value: dict[str, Any], kind: Any, env: Env) -> dict[str, Any]:
    out = dict(value)
    stack = [kind]
    while stack:
        node = stack.pop()
        if node.type in {"expression", "collection_value", "object"}:
            stack += node.children
        elif node.type == "object_elem":
            key_node, type_node = [child for child in node.children if child.type == "expression"][:2]
            key = text_of(key_node).strip('"')
            if key in out and out[key] is not None:
                out[key] = conform(out[key], type_node, env)
                continue
            call = next((child for child in type_node.children if child.type == "function_call"), None)
            if call is not None and text_of(call.children[0]) == "optional":
                given = [
                    child
                    for part in call.children
                    if part.type == "function_arguments"
                    for child in part.children
                    if child.type == "expression"
                ]
                out[key] = conform(evaluate(given[1], env), given[0], env) if len(given) > 1 else None
    return out
