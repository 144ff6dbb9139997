"""Text of others on a terminal: names of files and objects, certificates, reasons and answers come from whoever made them.

Such text must not write a line that looks like the program's own, nor move the cursor, colour, or hide anything.
"""

from __future__ import annotations

_LEFT_ALONE = frozenset("\n\t\u00a0\u2002\u2003\u2007\u2009\u202f\u3000")
"""What running text may hold though Python doesn't call it printable: ends of lines, tabs, and the spaces of typesetting."""


_UNSEEN = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


def visible(text: str) -> str:
    """``text`` for pages and sheets, with its lines: what doesn't show, or turns around what stands behind it, is an escape such as ``\\x202e``. What
    scripts need to join their letters stays."""
    return text.replace("\r\n", "\n").translate(_UNSEEN)


def printable(text: str) -> str:
    """``text`` on one line, and nothing in it that a terminal obeys: what doesn't print is an escape such as ``\\x1b``."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escape(char) for char in text)


def harmless(text: str) -> str:
    """``text`` with its lines, and nothing else in it that a terminal obeys."""
    return text if text.isprintable() else "".join(char if char.isprintable() or char in _LEFT_ALONE else _escape(char) for char in text)


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}"
