"""Terraform's string templates: quoted strings, heredocs, ``templatefile``, with interpolations, directives and strip markers.

Source: HCL's native syntax specification, section "Template Expressions".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.evaluation.core import evaluate, short
from averment.policies.surfaces.terraform.evaluation.loops import pairs_of
from averment.policies.surfaces.terraform.evaluation.operations import truth
from averment.policies.surfaces.terraform.syntax.native import parse_expression, text_of
from averment.policies.surfaces.terraform.syntax.strings import unescape, unescape_heredoc
from averment.policies.surfaces.terraform.values import MAX_LENGTH, Env, EvaluationLimitError, Unevaluated

_MARK = "AVERMENT_END_OF_TEMPLATE"
_LITERALS = frozenset({"template_literal", "quoted_template_start", "quoted_template_end", "heredoc_start", "heredoc_identifier"})
Decode = Callable[[str], str]


def render(text: str, env: Env, *, unwrap: bool = False) -> Any:
    """``text`` as a template, as ``templatefile`` and JSON configurations have it.

    With ``unwrap`` a template that is a single interpolation has that expression's value, whatever its type.
    """
    if "${" not in text and "%{" not in text:
        return text
    if _MARK in text:
        return Unevaluated("the template holds its own end mark")
    node = parse_expression(f"<<{_MARK}\n{text}\n{_MARK}\n")
    if node is None:
        return Unevaluated("the template could not be parsed")
    value = evaluate_template(node, env, unwrap=unwrap, cut_end=True)
    return value.removesuffix("\n") if isinstance(value, str) else value


def evaluate_template(node: Any, env: Env, *, unwrap: bool = True, cut_end: bool = False) -> Any:
    """The value of a ``template_expr`` (or of the expression that holds one)."""
    inner = _template_node(node)
    if inner is None:
        return Unevaluated("a template that could not be parsed")
    heredoc = inner.type == "heredoc_template"
    pieces = _heredoc_pieces(inner) if heredoc else _cut(inner, _parts(inner), inner.children[0].end_byte, inner.children[-1].start_byte)
    if heredoc and cut_end and pieces and isinstance(pieces[-1], str):
        pieces[-1] = pieces[-1].removesuffix("\n")
        pieces = [piece for piece in pieces if piece != ""]
    if len(pieces) == 1 and not isinstance(pieces[0], str) and (unwrap and (cut_end or not heredoc)):
        kept = pieces[0]
        if kept.type == "template_interpolation":
            return _interpolated(kept, env)
    values = _values(pieces, env, unescape_heredoc if heredoc else unescape)
    joined = join_parts(values)
    if isinstance(joined, str) and len(joined) > MAX_LENGTH:
        raise EvaluationLimitError
    return joined


def _template_node(node: Any) -> Any:
    while node is not None and node.type not in {"quoted_template", "heredoc_template"}:
        node = next((child for child in node.children if child.is_named), None)
    return node


def _parts(node: Any) -> list[Any]:
    return [child for child in node.children if child.type not in _LITERALS]


def _values(pieces: list[Any], env: Env, decode: Decode) -> list[Any]:
    out: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str):
            out.append(decode(piece))
        elif piece.type == "template_interpolation":
            out.append(_interpolated(piece, env))
        elif piece.type == "template_directive":
            out += _directive(piece.children[0], env, decode)
        else:
            out.append(Unevaluated(f"`{short(piece)}` is not evaluated"))
    return out


def _interpolated(node: Any, env: Env) -> Any:
    expression = next((child for child in node.children if child.type == "expression"), None)
    return evaluate(expression, env) if expression is not None else ""


def _directive(node: Any, env: Env, decode: Decode) -> list[Any]:
    """``%{ if }`` and ``%{ for }``: the values of what they produce."""
    opening, closing = node.children[0], node.children[-1]
    middle = next((child for child in node.children if child.type == "template_else_intro"), closing)
    expression = next((child for child in opening.children if child.type == "expression"), None)
    if node.type not in {"template_if", "template_for"} or expression is None:
        return [Unevaluated("a template directive that is not evaluated")]
    decided = evaluate(expression, env)
    if node.type == "template_if":
        test = truth(decided)
        if isinstance(test, Unknown):
            return [Unknown(f"depends on `{short(expression)}`: {test.reason}")]
        first, last = (opening, middle) if test else (middle, closing)
        return _values(_between(node, first, last), env, decode) if first is not last else []
    pairs = pairs_of(decided)
    if isinstance(pairs, Unknown):
        return [pairs]
    names = [text_of(child) for child in opening.children if child.type == "identifier"]
    body = _between(node, opening, closing)
    out: list[Any] = []
    for key, value in pairs:
        out += _values(body, env.bind(**dict(zip(names, (key, value) if len(names) > 1 else (value,), strict=False))), decode)
        if len(out) > MAX_LENGTH:
            raise EvaluationLimitError
    return out


def _between(node: Any, first: Any, last: Any) -> list[Any]:
    inside = [child for child in _parts(node) if child.start_byte >= first.end_byte and child.end_byte <= last.start_byte]
    pieces = _cut(node, inside, first.end_byte, last.start_byte)
    if pieces and isinstance(pieces[0], str) and _marker(first, -2):
        pieces[0] = _trimmed(pieces[0])
    if pieces and isinstance(pieces[-1], str) and _marker(last, 1):
        pieces[-1] = pieces[-1].rstrip()
    return pieces


def _cut(node: Any, inside: list[Any], begin: int, end: int) -> list[Any]:
    """Text and syntax nodes in order: text is cut from the source, because the grammar drops blanks around literals."""
    source, base = node.text, node.start_byte
    pieces: list[Any] = []
    position = begin
    for child in [*inside, None]:
        stop = child.start_byte if child is not None else end
        if stop > position:
            pieces.append(source[position - base : stop - base].decode("utf-8", "replace"))
        if child is not None:
            pieces.append(child)
            position = child.end_byte
    return _stripped(pieces)


def _stripped(pieces: list[Any]) -> list[Any]:
    """``~`` takes the blanks off the neighbouring text."""
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            continue
        opening, closing = _ends(piece)
        if _marker(opening, 1) and index and isinstance(pieces[index - 1], str):
            pieces[index - 1] = pieces[index - 1].rstrip()
        if _marker(closing, -2) and index + 1 < len(pieces) and isinstance(pieces[index + 1], str):
            pieces[index + 1] = _trimmed(pieces[index + 1])
    return pieces


def _trimmed(text: str) -> str:
    """Without leading blanks, up to the end of the line: the rest of a line break is a token of its own in HCL."""
    line, end, rest = text.partition("\n")
    return text.lstrip() if not end or line.strip() else rest


def _ends(node: Any) -> tuple[Any, Any]:
    inner = node.children[0] if node.type == "template_directive" and node.children else node
    return (inner.children[0], inner.children[-1]) if inner is not node and inner.children else (node, node)


def _marker(node: Any, place: int) -> bool:
    children = node.children
    return len(children) > 2 and children[place].type == "strip_marker"


def _heredoc_pieces(node: Any) -> list[Any]:
    """The pieces of a heredoc without its markers; ``<<-`` takes the common indentation off."""
    names = [child for child in node.children if child.type == "heredoc_identifier"]
    pieces = _cut(node, _parts(node), names[0].end_byte, names[-1].start_byte)
    if pieces and isinstance(pieces[0], str):
        pieces[0] = pieces[0].removeprefix("\r").removeprefix("\n")
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] = pieces[-1].rstrip(" \t")
    if text_of(node.children[0]).startswith("<<-"):
        pieces = _dedented(pieces)
    return [piece for piece in pieces if piece != ""]


def _dedented(pieces: list[Any]) -> list[Any]:
    """The smallest indentation of any line is taken off all of them."""
    text = "".join(piece if isinstance(piece, str) else "\0" for piece in pieces)
    widths = [len(line) - len(line.lstrip(" \t")) for line in text.splitlines() if line.strip(" \t")]
    cut = min(widths, default=0)
    if not cut:
        return pieces
    indent = re.compile(rf"\n[ \t]{{1,{cut}}}")
    out = [indent.sub("\n", piece) if isinstance(piece, str) else piece for piece in pieces]
    if out and isinstance(out[0], str):
        out[0] = re.sub(rf"\A[ \t]{{1,{cut}}}", "", out[0])
    return out
