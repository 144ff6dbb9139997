"""Tables as people bring them: CSV with a header, by whatever program it was saved."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

MARK = "\ufeff"
"""What spreadsheets put before a text in "CSV UTF-8" (the byte order mark). It belongs to no column's name."""

_OTHER_SEPARATORS = (";", "\t", "|")


def table(text: str) -> csv.DictReader[str]:
    """A reader of the rows of ``text``, by the names in its header."""
    return csv.DictReader(io.StringIO(text.removeprefix(MARK), newline=""), strict=True)


def columns_of(names: Sequence[str] | None) -> str:
    """What columns there are, as advice beside one that is missing; and that commas have to separate them, where something else does."""
    if not names:
        return "it has no columns at all"
    if len(names) == 1 and any(separator in names[0] for separator in _OTHER_SEPARATORS):
        return f"its only column is called '{names[0]}': separate columns by commas"
    return f"its columns: {', '.join(names)}"
