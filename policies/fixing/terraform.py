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
from averment.policies.interface import Edit

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
    wanted = edit.change.holder or edit.native_type
    if labels[0] == wanted:
        changed = _set(data, block, edit.change.terraform, edit)
    elif not edit.held and labels[0] == edit.native_type:
        changed = _add(data, block, labels[1], edit)
    else:
        raise RefusedError(f"the setting stands in {labels[0]}.{labels[1]}, not in {wanted}")
    if _parser().parse(changed).root_node.has_error:
        raise RefusedError("the changed file would not be valid HCL")
    return changed


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


def _set(data: bytes, block: Any, names: tuple[str, ...], edit: Edit) -> bytes:
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
            return _insert(data, block, _nested(names, edit), own_paragraph=True)
        if found[0].type != "block":
            raise RefusedError(f"{name} is not a block")
        return _set(data, found[0], names[1:], edit)
    if not found and edit.exact:
        raise RefusedError(f"the setting is made by another attribute than {name}")
    if not found:
        return _insert(data, block, [f"{name} = {_literal(edit.change.value)}"])
    expression = found[0].children[-1]
    written = _text(expression)
    if not re.fullmatch(r'true|false|-?\d+|"[^"$%\\]*"', written):
        raise RefusedError(f"{name} is set to the expression {' '.join(written.split())[:60]}")
    literal = _literal(edit.change.value)
    if written == literal:
        raise RefusedError(f"{name} already is {literal}")
    return data[: expression.start_byte] + literal.encode() + data[expression.end_byte :]


def _literal(value: bool | str) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else json.dumps(value)


def _nested(names: tuple[str, ...], edit: Edit) -> list[str]:
    """The lines of a block called ``names[0]`` down to the attribute."""
    if len(names) == 1:
        return [f"{names[0]} = {_literal(edit.change.value)}"]
    return [f"{names[0]} {{", *(f"  {line}" for line in _nested(names[1:], edit)), "}"]


def _insert(data: bytes, block: Any, lines: list[str], *, own_paragraph: bool = False) -> bytes:
    """Add ``lines`` at the end of the body; an attribute goes after the last attribute, its ``=`` in the column of that one's."""
    if block.start_point[0] == block.end_point[0]:
        raise RefusedError("the block stands on one line")
    members = _members(block)
    attributes = [child for child in members if child.type == "attribute"]
    after = members[-1] if own_paragraph and members else attributes[-1] if attributes else None
    indent = " " * (members[0].start_point[1] if members else _indent(data, block) + 2)
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
    position = block.end_byte
    rest = _line_end(data, position)
    text = create.replace("@", name).replace("\n", new)
    return data[:rest] + f"{new}{new}{text}".encode() + data[rest:]


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
    end = data.find(b"\n", position)
    end = len(data) if end < 0 else end
    return end - 1 if data[end - 1 : end] == b"\r" else end


def _newline(data: bytes) -> str:
    return "\r\n" if b"\r\n" in data else "\n"


def _indent(data: bytes, node: Any) -> int:
    line = data[data.rfind(b"\n", 0, node.start_byte) + 1 : node.start_byte]
    return len(line) - len(line.lstrip())
