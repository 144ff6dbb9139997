"""The structure of Terraform files in native syntax: blocks, attributes with their lines, comments.

Syntax by tree-sitter-hcl, which keeps positions and survives what it can't parse; nothing is evaluated here.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.extras import require
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.comments import SPEAKS, above, stray_waivers
from averment.policies.surfaces.terraform.syntax.strings import unescape

MAX_BYTES = 16 * 1024 * 1024
SUFFIXES = (".tf", ".tofu")
ALL_SUFFIXES = (*SUFFIXES, ".tf.json", ".tofu.json")

_MAY_BE_WAIVED = ("resource", "module")


@dataclass(frozen=True)
class Attribute:
    """``name = expression``; ``node`` is the expression's syntax node."""

    name: str
    node: Any
    line: int
    end: int


class Block:
    """``type "label" ... { }`` with its file and first and last line (from 1).

    Attributes, nested blocks and comments are read from the syntax node when they are first asked for: of most blocks of a large
    repository nobody asks.
    """

    __slots__ = ("_attributes", "_blocks", "_comments", "_node", "above", "end", "file", "labels", "line", "type")

    def __init__(self, kind: str, labels: tuple[str, ...], file: str, line: int, end: int, node: Any = None) -> None:
        self.type, self.labels, self.file, self.line, self.end = kind, labels, file, line, end
        self._node = node
        self._attributes: dict[str, Attribute] | None = None
        self._blocks: list[Block] = []
        self._comments: tuple[str, ...] | None = None
        self.above: tuple[str, ...] = ()

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Attributes by name."""
        if self._attributes is None:
            self._attributes = {}
            for child in self._node.children if self._node is not None else ():
                if child.type == "body":
                    _body(child, self)
        return self._attributes

    @property
    def blocks(self) -> list[Block]:
        """Nested blocks, in order."""
        if self._attributes is None:
            _ = self.attributes
        return self._blocks

    @blocks.setter
    def blocks(self, blocks: list[Block]) -> None:
        _ = self.attributes
        self._blocks = blocks

    @property
    def comments(self) -> tuple[str, ...]:
        """The lines of the comments directly above the block, where they may accept something (``above``), and inside it."""
        if self._comments is None:
            node = self._node
            marked = node is not None and any(mark in node.text for mark in (b"#", b"//", b"/*"))
            self._comments = (*self.above, *(_comments(node) if marked else ()))
        return self._comments

    @comments.setter
    def comments(self, comments: tuple[str, ...]) -> None:
        self._comments = comments

    def where(self) -> SourceRef:
        """The block's lines."""
        return SourceRef(self.file, self.line, self.end)


@dataclass
class Module:
    """The files of one folder: its top-level blocks, what could not be parsed, and what was looked at."""

    folder: Path
    blocks: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    observer: Observer = field(default_factory=Observer, repr=False, compare=False)

    def of(self, kind: str) -> Iterator[Block]:
        """Top-level blocks of a type (``resource``, ``variable``)."""
        return (block for block in self.blocks if block.type == kind)


@cache
def _parser() -> Any:
    tree_sitter = require("tree_sitter", extra="iac", needed_for="reading Terraform")
    grammar = require("tree_sitter_hcl", extra="iac", needed_for="reading Terraform")
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))


_KEPT = 256
_Shape = tuple[str, tuple[str, ...], int, int, Any]
"""Of a block: its type, labels, first and last line, and node."""

_trees: OrderedDict[bytes, tuple[Any, list[_Shape]]] = OrderedDict()
"""Syntax trees by content, with what their top-level blocks are called: monorepos hold the same file hundreds of times."""


_ENCRYPTED = b"\0GITCRYPT\0"
"""How a file begins that git-crypt keeps locked: people put secrets into variables."""


_EXPONENT = re.compile(rb"[eE][+-]?\d{1,2}(?![\w.])")
"""What may stand behind a number: the grammar takes the part before it for all of it."""

_ROUNDS = 20
"""One number in the way of another is seen when that is written out."""


def _root(data: bytes) -> Any:
    """The syntax tree of ``data``; where it is none for the sake of numbers with an exponent, of the same with these written out."""
    root = _parser().parse(data).root_node
    for _ in range(_ROUNDS):
        if not root.has_error or (plain := _written_out(data, root)) == data:
            break
        data = plain
        root = _parser().parse(data).root_node
    return root


def _written_out(data: bytes, root: Any) -> bytes:
    """``data`` without the exponents of the numbers that ``root`` has."""
    if _EXPONENT.search(data) is None:
        return data
    ends, todo = dict[int, int](), [root]
    while todo:
        node = todo.pop()
        if node.type == "numeric_lit" and (exponent := _EXPONENT.match(data, node.end_byte)) is not None:
            ends[node.start_byte] = exponent.end()
        todo += node.children
    pieces, at = list[bytes](), 0
    for start, end in sorted(ends.items()):
        pieces += [data[at:start], f"{Decimal(data[start:end].decode()):f}".encode()]
        at = end
    return b"".join([*pieces, data[at:]])


def _tree(data: bytes) -> tuple[Any, list[_Shape]]:
    key = hashlib.blake2b(data, digest_size=16).digest()
    found = _trees.get(key)
    if found is None:
        root = _root(data)
        nodes = (node for child in root.children if child.type == "body" for node in child.children if node.type == "block")
        found = _trees[key] = root, [_shape(node) for node in nodes]
        if len(_trees) > _KEPT:
            _trees.popitem(last=False)
    else:
        _trees.move_to_end(key)
    return found


def text_of(node: Any) -> str:
    """The source text of a syntax node."""
    return str(node.text.decode("utf-8", "replace"))


def read_native(data: bytes, file: str, module: Module) -> None:
    """Add the blocks of a file to ``module``; what isn\'t HCL becomes a problem."""
    root, shapes = _tree(data)
    if root.has_error:
        bad = _first_error(root)
        module.problems.append(Problem("is not valid HCL", SourceRef(file, bad.start_point[0] + 1 if bad is not None else None)))
    read = [Block(kind, labels, file, line, end, node) for kind, labels, line, end, node in shapes]
    module.blocks += read
    if any(mark in data for mark in SPEAKS):
        lines = data.decode("utf-8", "replace").split("\n")
        for block in read:
            block.above = above(lines, block.line, "#", "//")
        spoken = [(block.line - len(block.above), block.end) for block in read if block.type in _MAY_BE_WAIVED]
        module.problems += stray_waivers(lines, spoken, file)


def _first_error(node: Any) -> Any:
    while True:
        if node.type == "ERROR" or node.is_missing:
            return node
        below = next((child for child in node.children if child.has_error or child.is_missing), None)
        if below is None:
            return node
        node = below


def _shape(node: Any) -> _Shape:
    labels: list[str] = []
    for child in node.children:
        if child.type == "identifier":
            labels.append(text_of(child))
        elif child.type == "string_lit":
            labels.append(unescape(text_of(child).strip('"')))
        else:
            break
    return labels[0] if labels else "", tuple(labels[1:]), node.start_point[0] + 1, node.end_point[0] + 1, node


def _block(node: Any, file: str) -> Block:
    kind, labels, line, end, node = _shape(node)
    return Block(kind, labels, file, line, end, node)


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


def function_calls(data: bytes) -> Iterator[Any]:
    """The syntax nodes of every call of a function in a file, wherever it stands."""
    stack = [_tree(data)[0]]
    while stack:
        here = stack.pop()
        if here.type == "function_call":
            yield here
        stack += reversed(here.children)


def parse_expression(text: str) -> Any:
    """The syntax node of a single expression; None if it can't be parsed."""
    root = _root(f"x = {text}\n".encode())
    if root.has_error or not root.children or not root.children[0].children:
        return None
    return root.children[0].children[0].children[-1]


def read_assignments(path: Path, observer: Observer) -> dict[str, Attribute]:
    """The top-level assignments of a ``.tfvars`` file.

    Raises:
        BadInputError: unreadable, or not HCL.
    """
    data = observer.read(path, limit=MAX_BYTES)
    if data.startswith(_ENCRYPTED):
        raise BadInputError(
            "is encrypted by git-crypt: unlock it, or its variables stay unknown", where=SourceRef(str(path)), fix="git-crypt unlock"
        )
    root = _root(data)
    if root.has_error:
        raise BadInputError(
            "is not valid HCL",
            where=SourceRef(str(path), _first_error(root).start_point[0] + 1),
            fix="mend the syntax there; terraform fmt shows the place",
        )
    block = Block("", (), str(path), 1, root.end_point[0] + 1)
    for child in root.children:
        if child.type == "body":
            _body(child, block)
    return block.attributes
