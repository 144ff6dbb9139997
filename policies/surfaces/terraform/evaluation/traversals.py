"""Names and the steps that follow them: ``var.a.b``, ``[index]``, ``[*]``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from averment.policies.graph.model import Reference, Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate, named, short
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.values import Env, Failed, Handle, Unevaluated, attribute_reference


def expression(node: Any, env: Env) -> Any:
    """Any expression."""
    return sequence(named(node), env, node)


def sequence(parts: list[Any], env: Env, node: Any) -> Any:
    """A value and the steps that follow it; in operations the grammar lays operands out side by side."""
    if not parts:
        return Unevaluated("an empty expression")
    value = evaluate(parts[0], env)
    return _walk(value, parts[1:], env, node) if len(parts) > 1 or parts[0].type == "variable_expr" else value


def _walk(value: Any, steps: list[Any], env: Env, node: Any) -> Any:
    """Follow ``.attribute``, ``[index]`` and splats from ``value``."""
    for position, step in enumerate(steps):
        if isinstance(value, Failed):
            return value
        if isinstance(value, Unknown):
            return type(value)(value.reason, f"${{{short(node)}}}")
        if step.type == "splat":
            inner = step.children[0]
            after = [*named(inner), *steps[position + 1 :]]
            if inner.type == "attr_splat":  # `.*` takes the attributes that follow with it, `[*]` also the indexes
                own = next((place for place, item in enumerate(after) if item.type != "get_attr"), len(after))
                return _walk(_splat(value, after[:own], env, node), after[own:], env, node)
            return _splat(value, after, env, node)
        key = _step_key(step, env)
        if step.type != "get_attr" and isinstance(value, Handle) and {"count", "for_each"} & value.block.attributes.keys():
            value = _any_instance(value, key)
            continue
        if isinstance(key, Unknown):
            return key
        value = lookup(value, key)
    return value if not isinstance(value, Unknown) else type(value)(value.reason, value.template or f"${{{short(node)}}}")


def _any_instance(handle: Handle, key: Any) -> Handle:
    """One instance of a block whose number isn't known: the block stands for all of them, the index is bound where it is known."""
    if isinstance(key, Unknown):
        return handle
    counted = "count" in handle.block.attributes
    each = {"key": key, "value": Unknown("for_each goes over values that are not known")}
    return replace(handle, env=handle.env.bind(count={"index": key}) if counted else handle.env.bind(each=each))


def _splat(value: Any, rest: list[Any], env: Env, node: Any) -> Any:
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    return [_walk(item, rest, env, node) for item in items]


def _step_key(step: Any, env: Env) -> Any:
    if step.type == "get_attr":
        return text_of(named(step)[0])
    inner = step.children[0] if step.children else step
    if inner.type == "legacy_index":
        return int("".join(filter(str.isdigit, text_of(inner))) or 0)
    parts = named(inner)
    key = evaluate(parts[0], env) if parts else Unevaluated(f"`{short(inner)}` is no index")
    return key if isinstance(key, str | int | Unknown) else Unknown(f"the index `{short(inner)}` is not known")


def lookup(value: Any, key: str | int) -> Any:
    """``value.key`` or ``value[key]``; ``Failed`` where it isn't there."""
    if hasattr(value, "get_attribute"):
        return value.get_attribute(key)
    if isinstance(value, Handle):
        return handle_attribute(value, str(key))
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Reference):
        return Unknown(f"{value.address}.{value.attribute} is known only after apply")
    if isinstance(value, dict):
        return value[key] if key in value else value.get(str(key), Failed(f"there is no '{key}'"))
    if isinstance(value, list):
        try:
            return value[int(key)]
        except (ValueError, IndexError):
            return Failed(f"there is no item {key}")
    return Failed(f"there is no '{key}'")


def handle_attribute(handle: Handle, name: str) -> Any:
    """An attribute of a resource: a reference if it names it, else what its block says, else a reference to the computed one."""
    if handle.data:
        return handle.env.module.data_attribute(handle, name)
    reference = attribute_reference(handle.address, name)
    if reference is not None:
        return reference
    hands_on = handle.block.labels[0] == "terraform_data" and name == "output"
    written = handle.block.attributes.get("input" if hands_on else name)
    if written is not None:
        return evaluate(written.node, handle.env.within(handle.block.file))
    return Reference(handle.address, name)
