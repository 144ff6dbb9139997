"""The values of a JSON configuration: strings are templates, maps may hold ``dynamic`` blocks."""

from __future__ import annotations

from typing import Any

from averment.core.source import SourceRef
from averment.policies.surfaces.lined import LinedMap
from averment.policies.surfaces.terraform.evaluation.blocks import attributes_of
from averment.policies.surfaces.terraform.evaluation.templates import render
from averment.policies.surfaces.terraform.syntax.json_form import body_block
from averment.policies.surfaces.terraform.values import Env, PlacedMap


def json_value(node: Any, env: Env) -> Any:
    """A value of a JSON configuration: strings are templates, maps may hold ``dynamic`` blocks."""
    return _json_value(node.value, env)


def _json_value(value: Any, env: Env) -> Any:
    env.module.loader.step()
    if isinstance(value, str):
        return render(value, env, unwrap=True) if "{" in value else value
    if isinstance(value, list):
        return [_json_value(item, env) for item in value]
    if not isinstance(value, LinedMap):
        return value
    if _holds_dynamic(value):
        return attributes_of(body_block(value, env.file), env, None, ("",))
    out = {key: _json_value(item, env) for key, item in value.items() if key != "//"}
    return PlacedMap(out, SourceRef(env.file or None, value.line, max(value.line, value.end - 1)))


def _holds_dynamic(value: dict[str, Any]) -> bool:
    inner = value.get("dynamic")
    bodies = inner if isinstance(inner, list) else [inner]
    parts = [part for body in bodies if isinstance(body, dict) for part in body.values()]
    return any(isinstance(part, dict | list) and ("for_each" in part or any("for_each" in x for x in part)) for part in parts)
