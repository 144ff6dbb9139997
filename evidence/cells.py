"""Text as a cell of a workbook can hold it, whatever it came from.

A workbook is XML, and some characters can't stand in XML at all: with one of them in one cell the whole file doesn't open. Excel counts
the length of a cell in UTF-16 units, of which a character beyond U+FFFF takes two.
"""

from __future__ import annotations

import re

MAX_CELL = 32_767
"""UTF-16 units that a cell can hold (Excel's specification)."""

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


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
