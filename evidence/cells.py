"""Text as a cell of a workbook can hold it, whatever it came from, and the height that it needs there.

A workbook is XML, and some characters can't stand in XML at all: with one of them in one cell the whole file doesn't open. Excel counts
the length of a cell in UTF-16 units, of which a character beyond U+FFFF takes two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import east_asian_width

MAX_CELL = 32_767
"""UTF-16 units that a cell can hold (Excel's specification)."""

LINE = 15
"""Points that a line of a cell takes, which is also the height of a row that nobody set."""

_MOST_LINES = 27
"""Lines of the highest row that Excel has (409 points)."""

_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
"""What XlsxWriter passes on as it is and no XML parser takes (XML 1.0, 2.2); other control characters it writes as ``_x0001_``."""

_CUT = " […cut]"


def cell_text(text: str, cut: str = _CUT) -> str:
    """``text`` for a cell: what XML can't hold as an escape such as ``\\x00``, and what is too long ends with ``cut``."""
    text = _NOT_IN_XML.sub(lambda found: ascii(found[0])[1:-1], text)
    if len(text) <= MAX_CELL // 2 or _units(text) <= MAX_CELL:
        return text
    kept = text.encode("utf-16-le")[: 2 * (MAX_CELL - _units(cut))]
    return kept.decode("utf-16-le", "ignore") + cut  # half of a character that takes two is left out


def row_height(cells: Iterable[tuple[str, int]]) -> int | None:
    """The points that a row needs to show ``cells``, each a wrapped text and its column's width; ``None`` where one line is enough.

    Excel finds that out by itself when it opens a workbook. LibreOffice gives a row without a height one line, on which the rest isn't seen, and prints
    what doesn't fit over the rows below.
    """
    lines = max((_lines(text, width) for text, width in cells), default=1)
    return LINE * min(lines, _MOST_LINES) if lines > 1 else None


def _lines(text: str, width: int) -> int:
    """How many lines ``text`` takes, broken at spaces and within words that are longer than a line; at most a few more than a row can hold."""
    if "\n" not in text and _across(text) <= width:
        return 1
    lines, width = 0, width * 11 // 10  # letters are narrower than digits: of prose a fifth more stand on a line
    for paragraph in text[: width * (_MOST_LINES + 1)].split("\n")[: _MOST_LINES + 1]:
        lines, room = lines + 1, width
        for word in paragraph.split(" "):
            length = _across(word)
            if length > room and room < width:
                lines, room = lines + 1, width
            whole = max(0, length - 1) // width
            lines, room = lines + whole, room - (length - whole * width) - 1
    return lines


def _across(text: str) -> int:
    """The width of ``text`` in digits, by which the width of columns is measured: a Chinese character takes two."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
