"""The keys of ``averment.yaml``, out of the schema that checks it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from averment.governance.site.words import text

SCHEMA = ("core", "schemas", "averment.schema.json")
LEAD = """\
Every key of `averment.yaml`, made from the schema that the program checks the file with. A key that isn't here is an error with its line,
but for those below `parameters`, where rules of your own may read keys of their own. What `averment init` writes has comments on the
most common ones."""


def settings_page() -> str:
    """The page of all settings as Markdown, a section for each key of the first level."""
    schema = json.loads(resources.files("averment").joinpath(*SCHEMA).read_text(encoding="utf-8"))
    parts = ["# averment.yaml", "", LEAD, ""]
    for name, value in schema["properties"].items():
        parts += [f"## {name}", "", *_rows(schema, (name,), value, required=name in schema.get("required", ())), ""]
    return "\n".join(parts)


def _rows(schema: Mapping[str, Any], path: tuple[str, ...], value: Mapping[str, Any], *, required: bool) -> Iterator[str]:
    """One key as a line, then those below it."""
    value = _resolved(schema, value)
    said = [_kind(schema, value), *(["required"] if required else [])]
    description = value.get("description")
    yield f"- `{'.'.join(path)}` ({', '.join(said)})" + (f": {text(description)}" if description else "")
    inner, suffix = value, ""
    if value.get("type") == "array":
        inner, suffix = _resolved(schema, value["items"]), "[]"
    here = (*path[:-1], path[-1] + suffix)
    for name, child in inner.get("properties", {}).items():
        yield from _rows(schema, (*here, name), child, required=name in inner.get("required", ()))
    if isinstance(inner.get("additionalProperties"), Mapping):
        yield from _rows(schema, (*here, "NAME"), inner["additionalProperties"], required=False)


def _resolved(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` with what it refers to put in; what it says itself goes first."""
    if "$ref" not in value:
        return dict(value)
    target: Any = schema
    for name in value["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return {**target, **{key: item for key, item in value.items() if key != "$ref"}}


def _kind(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return " or ".join(f"`{item}`" for item in value["enum"])
    if value.get("type") == "array":
        items = _resolved(schema, value.get("items", {}))
        return "list of " + {"object": "mappings", "string": "texts"}.get(str(items.get("type")), "values")
    names = {"object": "mapping", "string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
    return names.get(str(value.get("type")), "any value")
