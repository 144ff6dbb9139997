"""JSON Schema (2020-12) over located YAML: every error names file, line and what was expected."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from averment.core.errors import BadInputError
from averment.core.located import KeyPath, Located

if TYPE_CHECKING:
    import jsonschema
    from jsonschema.protocols import Validator


@cache
def _document(file: str) -> Any:
    return json.loads(resources.files("averment").joinpath(file).read_text(encoding="utf-8"))


@cache
def _validator(resource: str) -> Validator:
    import jsonschema  # a third of a second's tenth: only for what really is checked

    file, _, part = resource.partition("#")
    schema = _document(file)
    if part:
        schema = {"$schema": schema["$schema"], "$ref": f"#{part}", "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def described(resource: str, path: tuple[str, ...]) -> str | None:
    """What the schema at ``resource`` says of the property at ``path``, in its ``description``; None where it has no such property."""
    schema: Any = _document(resource)
    for name in path:
        schema = schema.get("properties", {}).get(name)
        if not isinstance(schema, dict):
            return None
    text = schema.get("description")
    return text if isinstance(text, str) else None


def properties(resource: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the properties that the schema at ``resource`` describes at ``path``."""
    schema: Any = _document(resource)
    for name in path:
        schema = schema["properties"][name]
    return tuple(schema["properties"])


def schema_problems(document: Located, resource: str) -> list[BadInputError]:
    """Every way in which ``document`` breaks the schema at ``resource`` (a path inside the package), in file order.

    ``resource`` may point at one of the schema's definitions: ``controls/schema/control.schema.json#/$defs/assessment``.
    """
    errors = sorted(_validator(resource).iter_errors(document.value), key=lambda error: [str(part) for part in error.absolute_path])
    return [*_endless(document), *(_explain(document, error, resource) for error in errors)]


def _endless(document: Located) -> Iterator[BadInputError]:
    """The numbers that YAML has and JSON hasn't (``.nan``, ``.inf``): JSON Schema lets them through, and a bar of ``.nan`` is neither kept nor missed."""
    waiting: list[tuple[KeyPath, Any]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            spot = ".".join(str(part) for part in path) or "the document"
            yield BadInputError(f"{spot}: {value} is no number to compare with", where=document.where(path), fix="write a finite number")
        elif isinstance(value, Mapping):
            waiting += reversed([((*path, key), below) for key, below in value.items()])
        elif isinstance(value, list):
            waiting += reversed([((*path, index), below) for index, below in enumerate(value)])


def check_schema(document: Located, resource: str) -> None:
    """Raise the first of ``schema_problems``, saying how many more there are.

    Raises:
        BadInputError: the document breaks its schema.
    """
    problems = schema_problems(document, resource)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadInputError(f"{first.message}{more}", where=first.where, fix=first.fix)


_KINDS: Mapping[type, str] = {list: "a list", int: "a number", float: "a number", bool: "yes or no"}


def _explain(document: Located, error: jsonschema.ValidationError, resource: str) -> BadInputError:
    import jsonschema

    deepest = jsonschema.exceptions.best_match([error]) or error
    schema: Any = deepest.schema
    path: KeyPath = tuple(deepest.absolute_path)
    spot = ".".join(str(part) for part in path) or "the document"
    if deepest.validator == "additionalProperties" and isinstance(deepest.instance, dict):
        known: dict[str, Any] = schema.get("properties", {})
        extra = [key for key in deepest.instance if key not in known]
        path = (*path, extra[0]) if extra else path
        return BadInputError(
            f"unknown key '{extra[0]}' in {spot}" if extra else deepest.message,
            where=document.where(path),
            fix=f"known keys: {', '.join(sorted(known))}",
        )
    if not path and deepest.validator == "type":
        needed = ", ".join(schema.get("required", ())) or "keys with values"
        return BadInputError(
            "is empty" if deepest.instance is None else f"holds {_KINDS.get(type(deepest.instance), 'text')}, not keys with values",
            where=document.where(path),
            fix=f"it needs: {needed}",
        )
    if deepest.validator == "type" and deepest.instance is None and schema["type"] == "object":
        named = f" ({', '.join(sorted(schema['properties']))})" if "properties" in schema else ""
        return BadInputError(f"{spot} is empty", where=document.where(path), fix=f"write keys and values below it{named}, or leave it out")
    said = schema.get("description")
    if deepest.validator == "required" and isinstance(deepest.instance, dict):  # the words on a whole document help nobody here
        fix = (path and said) or f"it needs: {', '.join(key for key in schema['required'] if key not in deepest.instance)}"
    else:
        fix = said or _said_above(deepest, _validator(resource).schema)
    return BadInputError(f"{spot}: {deepest.message}", where=document.where(path), fix=fix)


def _said_above(error: jsonschema.ValidationError, schema: Any) -> str | None:
    """What ``schema`` says of the list in which an item is wrong, or beside the reference by which it says what a value has to be; None if nothing."""
    *above, _ = error.absolute_schema_path
    for step in above[:-1] if above[-1:] == ["items"] else above:
        schema = schema.get(step) if isinstance(schema, Mapping) else None  # what lies below a reference stands elsewhere
    return schema.get("description") if isinstance(schema, Mapping) else None
