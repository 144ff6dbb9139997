"""The text within Terraform's strings and heredocs: what their escapes mean."""

from __future__ import annotations

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


def unescape_heredoc(text: str) -> str:
    """A heredoc's content: only the escapes of template marks mean something in it."""
    return text.replace("$${", "${").replace("%%{", "%{")
