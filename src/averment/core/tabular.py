"""Rows of CSV that a spreadsheet opens as what they are: no cell becomes a formula, and none is parted in two."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""How a cell begins that some spreadsheet takes for a formula (OWASP, CSV Injection); the last four are the first four in full width."""

_QUOTED = "\r\n;\t"
"""A cell with one of these is quoted, besides those with a comma or a quote: spreadsheets in many countries part cells at semicolons."""


def csv_line(cells: Iterable[object]) -> str:
    """``cells`` as a line of CSV with its line feed; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=_QUOTED)  # which has it quote a cell with any of these; rows end in a line feed alone
    writer.writerow([_safe(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue().removesuffix(_QUOTED) + "\n"


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names come from whoever uploads."""
    return f"'{text}" if text[:1] in _FORMULA else text
