"""The text within Terraform's strings and heredocs: escapes, indentation, and where interpolations cut it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.policies.surfaces.hcl import text_of

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def unescape(text: str) -> str:
    """A quoted string's content with its escapes resolved (HCL native syntax, section "Quoted templates")."""
    if "\\" not in text and "$${" not in text and "%%{" not in text:
        return text
    out: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            following = text[position + 1]
            width = {"u": 4, "U": 8}.get(following)
            if width and len(text) >= position + 2 + width:
                out.append(chr(int(text[position + 2 : position + 2 + width], 16) & 0x10FFFF))
                position += 2 + width
                continue
            out.append(_ESCAPES.get(following, following))
            position += 2
        else:
            out.append(char)
            position += 1
    return "".join(out).replace("$${", "${").replace("%%{", "%{")


def quoted_parts(node: Any) -> Iterator[Any]:
    """Text and interpolations in order: text is cut from the source, because the grammar drops blanks around literals."""
    source, base = node.text, node.start_byte
    position = node.children[0].end_byte
    for child in node.children[1:]:
        if child.type in {"template_interpolation", "template_directive", "quoted_template_end"}:
            if child.start_byte > position:
                yield source[position - base : child.start_byte - base].decode("utf-8", "replace")
            if child.type != "quoted_template_end":
                yield child
            position = child.end_byte


def heredoc_parts(node: Any) -> list[Any]:
    """Text and interpolations of a heredoc in order, without its markers; ``<<-`` takes the common indentation off."""
    source, base = node.text, node.start_byte
    names = [child for child in node.children if child.type == "heredoc_identifier"]
    position = names[0].end_byte
    parts: list[Any] = []
    for child in node.children:
        if child.type in {"template_interpolation", "template_directive"}:
            parts += [source[position - base : child.start_byte - base].decode("utf-8", "replace"), child]
            position = child.end_byte
    parts.append(source[position - base : names[-1].start_byte - base].decode("utf-8", "replace"))
    if isinstance(parts[0], str):
        parts[0] = parts[0].removeprefix("\r").removeprefix("\n")
    if isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip(" \t")
    if text_of(node.children[0]).startswith("<<-"):
        parts = _dedented(parts)
    return [part for part in parts if part != ""]


def _dedented(parts: list[Any]) -> list[Any]:
    """``<<-``: the smallest indentation of any line is taken off all of them."""
    text = "".join(part if isinstance(part, str) else "\0" for part in parts)
    widths = [len(line) - len(line.lstrip(" \t")) for line in text.splitlines() if line.strip()]
    cut = min(widths, default=0)
    pieces = "\n".join(line[cut:] for line in text.split("\n")).split("\0")
    nodes = iter([part for part in parts if not isinstance(part, str)])
    out: list[Any] = []
    for index, piece in enumerate(pieces):
        if index:
            out.append(next(nodes))
        out.append(piece)
    return out
