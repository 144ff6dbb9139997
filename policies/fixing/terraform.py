"""Changes to Terraform in native syntax: an attribute set in the block that holds it, or a block added after the resource.

Positions come from the syntax tree, so comments, order and spacing stay as they are. What isn't plainly a literal (an expression, a
variable, a ``dynamic`` block, a block with ``count``) isn't mechanical and is refused with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from averment.core.extras import require
from averment.policies.fixing.refusal import RefusedError
from averment.policies.interface import Edit, Entries, Setting, Value

_NAME = re.compile(r"[A-Za-z_][\w-]*")


@cache
def _parser() -> Any:
    tree_sitter = require("tree_sitter", extra="iac", needed_for="fixing Terraform")
    grammar = require("tree_sitter_hcl", extra="iac", needed_for="fixing Terraform")
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))


def changed_terraform(data: bytes, edit: Edit) -> bytes:
    """``data`` with ``edit`` made.

    Raises:
        RefusedError: the change isn't mechanical here.
    """
    root = _parser().parse(data).root_node
    if root.has_error:
        raise RefusedError("the file is not valid HCL")
    block = next((node for node in _blocks(root) if _holds(node, edit.line)), None)
    if block is None:
        raise RefusedError(f"there is no block at line {edit.line} any more")
    kind, labels = _head(block)
    if kind != "resource" or len(labels) != 2:
        raise RefusedError(f"the setting stands in a {kind} block")
    change = edit.change
    wanted = change.holder or edit.native_type
    if labels[0] == wanted:
        changed = _set(data, block, change.terraform.names, _value(edit, change.terraform), edit)
    elif labels[0] == edit.native_type and edit.held and change.inline is not None:
        changed = _set(data, block, change.inline.names, _value(edit, change.inline), edit)
    elif labels[0] == edit.native_type and not edit.held:
        changed = _add(data, block, labels[1], edit)
    else:
        raise RefusedError(f"the setting stands in {labels[0]}.{labels[1]}, not in {wanted}")
    if _parser().parse(changed).root_node.has_error:
        raise RefusedError("the changed file would not be valid HCL")
    return changed


def _value(edit: Edit, setting: Setting) -> Value:
    return edit.change.value if setting.value is None else setting.value


def _blocks(root: Any) -> Iterator[Any]:
    for body in root.children:
        if body.type == "body":
            yield from (node for node in body.children if node.type == "block")


def _holds(node: Any, line: int) -> bool:
    return bool(node.start_point[0] < line <= node.end_point[0] + 1)


def _head(block: Any) -> tuple[str, list[str]]:
    words = [_text(child).strip('"') for child in block.children if child.type in {"identifier", "string_lit"}]
    return words[0], words[1:]


def _text(node: Any) -> str:
    return str(node.text.decode("utf-8", "replace"))


def _members(block: Any) -> list[Any]:
    """Attributes and nested blocks of ``block``."""
    body = next((child for child in block.children if child.type == "body"), None)
    return [] if body is None else [child for child in body.children if child.type in {"attribute", "block"}]


def _set(data: bytes, block: Any, names: tuple[str, ...], value: Value, edit: Edit) -> bytes:
    """Set the attribute ``names[-1]``, in nested blocks called ``names[:-1]``."""
    members = _members(block)
    name = names[0]
    if any(child.type == "block" and _head(child)[0] == "dynamic" and name in _head(child)[1] for child in members):
        raise RefusedError(f"{name} is a dynamic block")
    found = [child for child in members if _text(child.children[0]) == name]
    if len(found) > 1:
        raise RefusedError(f"there are several {name} blocks")
    if len(names) > 1:
        if not found:
            return _insert(data, block, _nested(names, value), own_paragraph=True)
        if found[0].type != "block":
            raise RefusedError(f"{name} is not a block")
        return _set(data, found[0], names[1:], value, edit)
    if not found and edit.exact:
        raise RefusedError(f"the setting is made by another attribute than {name}")
    if not found:
        return _insert(data, block, _nested(names, value))
    expression = found[0].children[-1]
    return _listed(data, name, expression, value) if isinstance(value, Entries) else _replaced(data, name, expression, value)


def _replaced(data: bytes, name: str, expression: Any, value: Value) -> bytes:
    """Another literal in place of the one that is written."""
    written = _text(expression)
    if not re.fullmatch(r'true|false|-?\d+|"[^"$%\\]*"', written):
        raise _computed(name, expression)
    literal = _literal(value)
    if written == literal:
        raise RefusedError(f"{name} already is {literal}")
    return data[: expression.start_byte] + literal.encode() + data[expression.end_byte :]


def _listed(data: bytes, name: str, expression: Any, value: Entries) -> bytes:
    """The entries that are missing, at the end of the list that is written; one to a line where the last one has a line of its own."""
    found = expression
    while found.type in {"expression", "collection_value"} and found.named_child_count == 1:
        found = found.named_children[0]
    items = [child for child in found.named_children if child.type == "expression"]
    if found.type != "tuple" or not all(re.fullmatch(r'"[^"$%\\]*"', _text(item)) for item in items):
        raise _computed(name, expression)
    written = {_text(item) for item in items}
    missing = [text for text in map(json.dumps, value.items) if text not in written]
    if not missing:
        raise RefusedError(f"{name} already holds {value}")
    return _appended(data, found, items, missing)


def _appended(data: bytes, found: Any, items: list[Any], missing: list[str]) -> bytes:
    closing = next(child for child in found.children if child.type == "tuple_end")
    bracket = int(closing.start_byte)
    if not items:
        return data[:bracket] + ", ".join(missing).encode() + data[bracket:]
    last = items[-1]
    comma = next((child for child in found.children if child.type == "," and child.start_byte >= last.end_byte), None)
    start = data.rfind(b"\n", 0, last.start_byte) + 1
    alone = not data[start : last.start_byte].strip() and closing.start_point[0] > last.end_point[0]
    if not alone:
        position = int(comma.end_byte if comma is not None else last.end_byte)
        text = f" {', '.join(missing)}," if comma is not None else f", {', '.join(missing)}"
        return data[:position] + text.encode() + data[position:]
    end = _line_end(data, last.end_byte)  # a comment on the line of the last entry stays with it
    gap = _newline(data) + _lead(data, last)
    text = gap + f",{gap}".join(missing) + ("," if comma is not None else "")
    here = int(last.end_byte)
    return data[:here] + (b"" if comma is not None else b",") + data[here:end] + text.encode() + data[end:]


def _computed(name: str, expression: Any) -> RefusedError:
    return RefusedError(f"{name} is set to the expression {' '.join(_text(expression).split())[:60]}")


def _literal(value: Value) -> str:
    if isinstance(value, Entries):
        return "[" + ", ".join(map(json.dumps, value.items)) + "]"
    return ("true" if value else "false") if isinstance(value, bool) else json.dumps(value)


def _nested(names: tuple[str, ...], value: Value) -> list[str]:
    """The lines of a block called ``names[0]`` down to the attribute."""
    if len(names) == 1:
        return [f"{names[0]} = {_literal(value)}"]
    return [f"{names[0]} {{", *(f"  {line}" for line in _nested(names[1:], value)), "}"]


def _insert(data: bytes, block: Any, lines: list[str], *, own_paragraph: bool = False) -> bytes:
    """Add ``lines`` at the end of the body; an attribute goes after the last attribute, its ``=`` in the column of that one's."""
    if block.start_point[0] == block.end_point[0]:
        raise RefusedError("the block stands on one line")
    members = _members(block)
    attributes = [child for child in members if child.type == "attribute"]
    after = members[-1] if own_paragraph and members else attributes[-1] if attributes else None
    step = _step(data, block)
    indent = _lead(data, members[0]) if members else _lead(data, block) + step
    lines = [line.replace("  ", step) for line in lines]
    if after is None:
        opening = next(child for child in block.children if child.type == "block_start")
        position = _line_end(data, opening.end_byte)
    else:
        position = _line_end(data, after.end_byte - 1)
        if not own_paragraph:
            lines = [_aligned(data, lines[0], after, len(indent))]
    new = _newline(data)
    text = "".join(f"{new}{indent}{line}" for line in lines)
    blank = new if own_paragraph and after is not None else ""
    return data[:position] + (blank + text).encode() + data[position:]


def _aligned(data: bytes, line: str, before: Any, indent: int) -> str:
    name, _, rest = line.partition(" = ")
    start = data.rfind(b"\n", 0, before.start_byte) + 1
    column = data[start : before.end_byte].split(b"\n", 1)[0].decode("utf-8", "replace").find("=") - indent - 1
    return f"{name:<{column}} = {rest}" if column > len(name) else line


def _add(data: bytes, block: Any, name: str, edit: Edit) -> bytes:
    """Add the block that is missing after the resource's own."""
    create, holder = edit.change.create, edit.change.holder
    if create is None or holder is None:
        raise RefusedError(f"there is no {edit.change.holder or 'place'} to set it in")
    if any(child.type == "attribute" and _text(child.children[0]) in {"count", "for_each"} for child in _members(block)):
        raise RefusedError(f"{edit.native_type}.{name} has count or for_each")
    if not _NAME.fullmatch(name):
        raise RefusedError(f"'{name}' is no plain name")
    if _taken(Path(edit.file), holder, name, f"{edit.native_type}.{name}", data):
        raise RefusedError(f"there is a {holder} for {name} already, which could not be followed")
    new = _newline(data)
    rest = _line_end(data, block.end_byte)
    text = _where(create.replace("@", name), block).replace("\n", new)
    return data[:rest] + f"{new}{new}{text}".encode() + data[rest:]


def _where(text: str, block: Any) -> str:
    """``text`` of a block for the same provider and region (which the provider for AWS takes in every block from 6.0 on) as ``block``."""
    attributes = {_text(child.children[0]): _text(child.children[-1]) for child in _members(block) if child.type == "attribute"}
    said = [f"  {name} = {attributes[name]}\n" for name in ("provider", "region") if name in attributes]
    head, _, body = text.partition("\n")
    return f"{head}\n{''.join(said)}\n{body}" if said else text


def _taken(file: Path, holder: str, name: str, owner: str, data: bytes) -> bool:
    """Whether a block of type ``holder`` in the folder has the name, or is about ``owner``."""
    texts = [data]
    texts += [path.read_bytes() for path in sorted(file.parent.glob("*.t*f*")) if path.is_file() and path.name != file.name]
    for text in texts:
        if holder.encode() not in text:
            continue
        for node in _blocks(_parser().parse(text).root_node):
            kind, labels = _head(node)
            if kind == "resource" and labels[:1] == [holder] and (labels[-1] == name or re.search(rf"\b{re.escape(owner)}\b", _text(node))):
                return True
    return False


def _line_end(data: bytes, position: int) -> int:
    """Where the line of ``position`` ends, or, if a comment goes on behind it, that of the comment's end: within it nothing would be set."""
    end = data.find(b"\n", position)
    end = len(data) if end < 0 else end
    end = end - 1 if data[end - 1 : end] == b"\r" else end
    around = _parser().parse(data).root_node.descendant_for_byte_range(end, end)
    within = around is not None and around.type == "comment" and around.start_byte < end < around.end_byte
    return _line_end(data, around.end_byte) if within and around.end_point[0] > around.start_point[0] else end


def _newline(data: bytes) -> str:
    return "\r\n" if b"\r\n" in data else "\n"


def _lead(data: bytes, node: Any) -> str:
    """What the line of ``node`` begins with, in spaces or tabs as the file has them."""
    line = data[data.rfind(b"\n", 0, node.start_byte) + 1 : node.start_byte].decode("utf-8", "replace")
    return line[: len(line) - len(line.lstrip())]


def _step(data: bytes, block: Any) -> str:
    """One step of indentation: a tab where the file is indented with them."""
    lead = _lead(data, block)
    return "\t" if "\t" in lead or (not lead and b"\n\t" in data) else "  "
