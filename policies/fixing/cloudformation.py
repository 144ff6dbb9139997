"""Changes to CloudFormation in YAML: a property set where it stands, or added at the top of its parent.

The text is changed line by line, so comments, order and quoting stay as they are. Only block style is touched, and only plain values;
afterwards the template is parsed again and must be the old one but for the one property.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml

from averment.core.errors import BadInputError
from averment.policies.fixing.refusal import RefusedError
from averment.policies.interface import Edit
from averment.policies.surfaces.cfn_yaml import LinedMap, parse_template

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = r"[\w.+-]+|'[^'\n]*'|\"[^\"\\\n]*\""
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def changed_template(data: bytes, edit: Edit) -> bytes:
    """``data`` with ``edit`` made.

    Raises:
        RefusedError: the change isn't mechanical here.
    """
    try:
        text = data.decode("utf-8")
        before = parse_template(text, edit.file)
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise RefusedError("templates with aliases are not edited, since one place can mean several")
    except (UnicodeDecodeError, BadInputError) as error:
        raise RefusedError(f"the template can't be read: {error}") from error
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        raise RefusedError("templates in JSON are not edited")
    resource = _resource(before, edit)
    lines = text.splitlines(keepends=True)
    path = ("Properties", *edit.change.path)
    _change(lines, resource, path, edit.change.value)
    changed = "".join(lines)
    _verify(before, changed, edit, path)
    return changed.encode()


def _resource(template: Any, edit: Edit) -> LinedMap:
    resources = template.get("Resources") if isinstance(template, LinedMap) else None
    found = resources.get(_logical_id(edit)) if isinstance(resources, LinedMap) else None
    if not isinstance(found, LinedMap) or found.get("Type") != edit.native_type:
        raise RefusedError(f"{edit.address} is not written in this template as {edit.native_type}")
    return found


def _logical_id(edit: Edit) -> str:
    """The resource's name in its own template: without the nested stacks around it."""
    return edit.address.rpartition(".")[2]


def _change(lines: list[str], resource: LinedMap, path: tuple[str, ...], value: bool | str) -> None:
    """Walk down ``path`` as far as it exists; there replace the value, or add what is missing."""
    here, above = resource, resource
    for depth, key in enumerate(path):
        if any(name.startswith("Fn::") or name == "Ref" for name in here):
            raise RefusedError(f"{path[depth - 1]} is computed by {next(iter(here))}")
        if key not in here:
            if here is resource:  # no Properties at all
                return _add(lines, resource.key_lines["Type"], 0, path, value)
            return _add(lines, above.key_lines[path[depth - 1]], None, path[depth:], value)
        line = here.key_lines[key]
        inner = here[key]
        if depth == len(path) - 1:
            return _replace(lines, line, key, inner, value)
        if inner is None:
            return _add(lines, line, None, path[depth + 1 :], value)
        if not isinstance(inner, LinedMap):
            raise RefusedError(f"{key} is not a map")
        above, here = here, inner
    return None


def _replace(lines: list[str], number: int, key: str, old: Any, value: bool | str) -> None:
    if not isinstance(old, str | bool | int):
        raise RefusedError(
            f"{key} is computed by {next(iter(old))}" if isinstance(old, LinedMap) and old else f"{key} is not a plain value"
        )
    line = lines[number - 1]
    found = re.fullmatch(rf"(\s*(?:- )?['\"]?{re.escape(key)}['\"]?\s*:[ \t]+)({_PLAIN})([ \t]*(?:#.*)?\r?\n?)", line)
    if found is None:
        raise RefusedError(f"line {number} is not of the form '{key}: value'")
    lines[number - 1] = found[1] + _scalar(value) + found[3]


def _add(lines: list[str], number: int, deeper: int | None, path: tuple[str, ...], value: bool | str) -> None:
    """Add ``path`` after line ``number``: below its key, or beside it (``deeper`` 0)."""
    line = lines[number - 1]
    below = deeper is None
    if not re.fullmatch(r"\s*['\"]?[\w:]+['\"]?\s*:\s*(?:#.*)?\s*" if below else r"\s*Type\s*:\s*['\"]?[\w:]+['\"]?\s*(?:#.*)?\s*", line):
        raise RefusedError(f"line {number} is not in block style")
    indent = len(line) - len(line.lstrip(" "))
    if below:
        indent = _child_indent(lines, number, indent)
    new = "\r\n" if line.endswith("\r\n") else "\n"
    if not line.endswith("\n"):
        lines[number - 1] = line + new
    added = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(path)]
    added[-1] += f" {_scalar(value)}"
    lines[number:number] = [text + new for text in added]


def _child_indent(lines: list[str], number: int, indent: int) -> int:
    """The column of the keys below line ``number``; two more than its own where there are none."""
    for line in lines[number:]:
        if line.strip() and not line.lstrip().startswith("#"):
            found = len(line) - len(line.lstrip(" "))
            return found if found > indent else indent + 2
    return indent + 2


def _scalar(value: bool | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = re.fullmatch(r"[A-Za-z][\w-]*", value) and value.lower() not in _WORDS
    return value if plain else "'" + value.replace("'", "''") + "'"


def _verify(before: Any, changed: str, edit: Edit, path: tuple[str, ...]) -> None:
    """The new template must be the old one with the one property set."""
    wanted = copy.deepcopy(before)
    here: Any = wanted["Resources"][_logical_id(edit)]
    for key in path[:-1]:
        if not isinstance(here.get(key), dict):
            here[key] = {}
        here = here[key]
    here[path[-1]] = edit.change.value
    try:
        after = parse_template(changed, edit.file)
    except BadInputError as error:
        raise RefusedError(f"the changed template would not parse: {error.message}") from error
    if after != wanted:
        raise RefusedError("the change would touch more than the property")
