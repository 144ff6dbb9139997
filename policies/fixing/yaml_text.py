"""A value set in the text of a YAML document: comments, order, quoting and indentation stay as they are.

Places come from libyaml's nodes. What stands in block style is added to line by line, what stands in flow style within its brackets.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from averment.policies.fixing.refusal import RefusedError
from averment.policies.interface import Entries, Value

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_STANDARD = "tag:yaml.org,2002:"


def changed_yaml(text: str, path: tuple[str, ...], value: Value) -> str:
    """``text`` with ``value`` at ``path``, of which the first two steps exist. The text has been parsed before: it is no bomb.

    Raises:
        RefusedError: it isn't plain enough to be changed without touching something else.
    """
    here, above = _root(text), None
    for depth, key in enumerate(path):
        if not isinstance(here, yaml.MappingNode):
            raise RefusedError(f"{path[depth - 1]} is not a map")
        _refuse_computed(here, path[depth - 1] if depth else "the template")
        pair = next(((name, inner) for name, inner in here.value if name.value == key), None)
        if pair is None:
            return _add(text, here, above, path[depth:], value)
        name, inner = pair
        if depth == len(path) - 1:
            return _set(text, key, inner, value)
        _refuse_computed(inner, key)
        if isinstance(inner, yaml.ScalarNode) and inner.tag == f"{_STANDARD}null":
            return _below(text, name, None, path[depth + 1 :], value)
        here, above = inner, name
    return text


def _root(text: str) -> Any:
    loader = _Loader(text)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise RefusedError("templates with aliases are not edited, since one place can mean several")
        return loader.get_single_node()
    except yaml.YAMLError as error:
        raise RefusedError(f"the template can't be read: {error}") from error
    finally:
        loader.dispose()


def _refuse_computed(node: Any, name: str) -> None:
    if not node.tag.startswith(_STANDARD):
        raise RefusedError(f"{name} is computed by {node.tag.lstrip('!')}")
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            if key.value == "Ref" or key.value.startswith("Fn::"):
                raise RefusedError(f"{name} is computed by {key.value}")


def _set(text: str, key: str, node: Any, value: Value) -> str:
    """Another value in place of the one that ``node`` is, or further entries of its list."""
    _refuse_computed(node, key)
    if isinstance(value, Entries) and not (isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}null"):
        return _listed(text, key, node, value)
    plain = isinstance(node, yaml.ScalarNode) and node.style in (None, "", "'", '"') and node.start_mark.line == node.end_mark.line
    if not plain or node.start_mark.index == node.end_mark.index:
        raise RefusedError(f"{key} is not a plain value")
    return text[: node.start_mark.index] + flow(value) + text[node.end_mark.index :]


def _listed(text: str, key: str, node: Any, value: Entries) -> str:
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(item, yaml.ScalarNode) for item in node.value):
        raise RefusedError(f"{key} is not a list of plain values")
    for item in node.value:
        _refuse_computed(item, f"an entry of {key}")
    written = {item.value for item in node.value}
    missing = [item for item in value.items if item not in written]
    if not missing:
        raise RefusedError(f"{key} already holds {value}")
    if not node.value:
        return text[: node.start_mark.index] + f"[{', '.join(map(_flow_of, missing))}]" + text[node.end_mark.index :]
    last = node.value[-1]
    if node.flow_style:
        return text[: last.end_mark.index] + "".join(f", {_flow_of(item)}" for item in missing) + text[last.end_mark.index :]
    if last.start_mark.line != last.end_mark.line:
        raise RefusedError(f"the last entry of {key} is not on one line")
    lines = text.splitlines(keepends=True)
    return _inserted(lines, last.end_mark.line + 1, [f"{' ' * node.start_mark.column}- {_flow_of(item)}" for item in missing])


def _add(text: str, parent: Any, above: Any, path: tuple[str, ...], value: Value) -> str:
    """Add ``path`` to the map ``parent``, which stands under the key ``above``."""
    if parent.flow_style:
        return _in_brackets(text, parent, path, value)
    if path[0] == "Properties":
        kind = next((name for name, _ in parent.value if name.value == "Type"), above)
        return _below(text, kind, kind.start_mark.column, path, value)
    return _below(text, above, None, path, value)


def _in_brackets(text: str, parent: Any, path: tuple[str, ...], value: Value) -> str:
    """Add ``path`` as the last entry of a map in flow style."""
    added = flow(value)
    for key in reversed(path[1:]):
        added = f"{{{key}: {added}}}"
    added = f"{path[0]}: {added}"
    if not parent.value:
        return text[: parent.start_mark.index] + f"{{{added}}}" + text[parent.end_mark.index :]
    end = parent.value[-1][1].end_mark.index
    return text[:end] + f", {added}" + text[end:]


def _below(text: str, name: Any, column: int | None, path: tuple[str, ...], value: Value) -> str:
    """Add ``path`` in lines of its own after that of the key ``name``: below it, or beside it in ``column``."""
    lines = text.splitlines(keepends=True)
    number = name.start_mark.line + 1
    line = lines[number - 1]
    key = re.escape(name.value)
    rest = r"\s*['\"]?[\w:]+['\"]?\s*(?:#.*)?\s*" if column is not None else r"\s*(?:#.*)?\s*"
    if not re.fullmatch(rf"\s*['\"]?{key}['\"]?\s*:{rest}", line):
        raise RefusedError(f"line {number} is not in block style")
    indent = column if column is not None else _child_indent(lines, number, name.start_mark.column)
    added = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(path)]
    added[-1] += f" {flow(value)}"
    return _inserted(lines, number, added)


def _child_indent(lines: list[str], number: int, indent: int) -> int:
    """The column of the keys below line ``number``; two more than its own where there are none."""
    for line in lines[number:]:
        if line.strip() and not line.lstrip().startswith("#"):
            found = len(line) - len(line.lstrip(" "))
            return found if found > indent else indent + 2
    return indent + 2


def _inserted(lines: list[str], number: int, added: list[str]) -> str:
    """``added`` after line ``number``, with the line ends that are there."""
    line = lines[number - 1]
    new = "\r\n" if line.endswith("\r\n") else "\n"
    if not line.endswith("\n"):
        lines[number - 1] = line + new
    lines[number:number] = [text + new for text in added]
    return "".join(lines)


def flow(value: Value) -> str:
    """``value`` on one line, as YAML takes it anywhere."""
    return _flow_of(value.items) if isinstance(value, Entries) else _flow_of(value)


def _flow_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow_of, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow_of(item)}' for key, item in value.items())}}}"
    text = str(value)
    plain = re.fullmatch(r"[A-Za-z](?:[\w-]|::)*", text) and text.lower() not in _WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"
