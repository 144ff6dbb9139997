"""The structure of Terraform files: blocks, attributes with their lines, comments. Syntax by tree-sitter-hcl, which keeps
positions and survives what it can't parse; nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.core.files import read_bounded
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem

MAX_BYTES = 16 * 1024 * 1024
SUFFIXES = (".tf", ".tofu")


@dataclass(frozen=True)
class Attribute:
    """``name = expression``; ``node`` is the expression's syntax node."""

    name: str
    node: Any
    line: int
    end: int


@dataclass
class Block:
    """``type "label" ... { }`` with its file and first and last line (from 1)."""

    type: str
    labels: tuple[str, ...]
    file: str
    line: int
    end: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    comments: tuple[str, ...] = ()

    def where(self) -> SourceRef:
        """The block's lines."""
        return SourceRef(self.file, self.line, self.end)


@dataclass
class Module:
    """The files of one folder: its top-level blocks and what could not be parsed."""

    folder: Path
    blocks: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[Block]:
        """Top-level blocks of a type (``resource``, ``variable``)."""
        return (block for block in self.blocks if block.type == kind)


@cache
def _parser() -> Any:
    tree_sitter = require("tree_sitter", extra="iac", needed_for="reading Terraform")
    grammar = require("tree_sitter_hcl", extra="iac", needed_for="reading Terraform")
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))


def text_of(node: Any) -> str:
    """The source text of a syntax node."""
    return str(node.text.decode("utf-8", "replace"))


def read_module(folder: Path, files: list[Path] | None = None) -> Module:
    """The module in ``folder``. Files that can't be read or parsed become problems."""
    module = Module(folder)
    paths = files if files is not None else sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    for path in paths:
        try:
            data = read_bounded(path, limit=MAX_BYTES)
            data.decode("utf-8")
        except BadInputError as error:
            module.problems.append(Problem(error.message, error.where or SourceRef(str(path))))
            continue
        except UnicodeDecodeError as error:
            module.problems.append(Problem("is not valid UTF-8", SourceRef(str(path), data.count(b"\n", 0, error.start) + 1)))
            continue
        try:
            _read(data, str(path), module)
        except RecursionError:
            module.problems.append(Problem("is nested too deeply", SourceRef(str(path))))
    return module


def _read(data: bytes, file: str, module: Module) -> None:
    root = _parser().parse(data).root_node
    if root.has_error:
        bad = _first_error(root)
        module.problems.append(Problem("is not valid HCL", SourceRef(file, bad.start_point[0] + 1 if bad is not None else None)))
    for child in root.children:
        if child.type == "body":
            for node in child.children:
                if node.type == "block":
                    block = _block(node, file)
                    block.comments = tuple(_comments(node)) if any(mark in node.text for mark in (b"#", b"//", b"/*")) else ()
                    module.blocks.append(block)


def _first_error(node: Any) -> Any:
    while True:
        if node.type == "ERROR" or node.is_missing:
            return node
        below = next((child for child in node.children if child.has_error or child.is_missing), None)
        if below is None:
            return node
        node = below


def _block(node: Any, file: str) -> Block:
    labels: list[str] = []
    kind = ""
    block = Block("", (), file, node.start_point[0] + 1, node.end_point[0] + 1)
    for child in node.children:
        if child.type == "identifier":
            kind, labels = (kind, [*labels, text_of(child)]) if kind else (text_of(child), labels)
        elif child.type == "string_lit":
            labels.append(text_of(child).strip('"'))
        elif child.type == "body":
            _body(child, block)
    block.type, block.labels = kind, tuple(labels)
    return block


def _body(node: Any, block: Block) -> None:
    for child in node.children:
        if child.type == "attribute":
            name, expression = text_of(child.children[0]), child.children[-1]
            block.attributes[name] = Attribute(name, expression, child.start_point[0] + 1, child.end_point[0] + 1)
        elif child.type == "block":
            block.blocks.append(_block(child, block.file))


def _comments(node: Any) -> Iterator[str]:
    stack = [node]
    while stack:
        here = stack.pop()
        if here.type == "comment":
            text = text_of(here)
            text = text[2:-2] if text.startswith("/*") else text.lstrip("#/")
            yield from (line.strip() for line in text.splitlines())
        stack += reversed(here.children)


def parse_expression(text: str) -> Any:
    """The syntax node of a single expression; None if it can't be parsed."""
    root = _parser().parse(f"x = {text}\n".encode()).root_node
    if root.has_error or not root.children or not root.children[0].children:
        return None
    return root.children[0].children[0].children[-1]


def read_assignments(path: Path) -> dict[str, Attribute]:
    """The top-level assignments of a ``.tfvars`` file.

    Raises:
        BadInputError: unreadable, or not HCL.
    """
    data = read_bounded(path, limit=MAX_BYTES)
    root = _parser().parse(data).root_node
    if root.has_error:
        raise BadInputError("is not valid HCL", where=SourceRef(str(path), _first_error(root).start_point[0] + 1))
    block = Block("", (), str(path), 1, root.end_point[0] + 1)
    for child in root.children:
        if child.type == "body":
            _body(child, block)
    return block.attributes
