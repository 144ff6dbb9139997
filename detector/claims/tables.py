"""Tables as people bring them: CSV with a header, by whatever program it was saved.

The header is taken at its word or refused. A column `` group`` is not the column ``group``: passed over in silence it would make each frame of a
video a unit of its own. Of a repeated column nobody knows which counts. Columns by other names are allowed: they are for people, and for
``where``.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.core.words import counted

MARK = "\ufeff"
"""What spreadsheets put before a text in "CSV UTF-8" (the byte order mark). It belongs to no column's name."""

_OTHER_SEPARATORS = (";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def table(text: str, where: str, known: Iterable[str]) -> csv.DictReader[str]:
    """A reader of the rows of ``text``, which is of the file ``where``, by the names in its header; ``known`` are those that mean something here.

    Raises:
        BadInputError: a header that is no CSV, a name with blanks around it, one that stands there twice, or one of ``known`` in other
            letters; names line 1.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix(MARK), newline=""), strict=True)
    try:
        names = reader.fieldnames or ()
    except csv.Error as error:
        raise BadInputError(
            f"is not a CSV file: {error}", where=SourceRef(where, 1), fix="write it as CSV with a header, in UTF-8"
        ) from error
    check_header(names, where, known)
    return reader


def check_header(names: Sequence[str], where: str, known: Iterable[str]) -> None:
    """Refuse a header that says something else than it seems to.

    Raises:
        BadInputError: as ``table``.
    """
    line = SourceRef(where, 1)
    meant = {name.casefold(): name for name in known}
    for name in names:
        bare = "".join(letter for letter in name if letter.isprintable()).strip()
        if bare != name:
            raise BadInputError(
                f"has a column {name!r}, with a blank around its name or a letter that doesn't show", where=line, fix=f"write {bare}"
            )
        right = meant.get(name.casefold(), name)
        if right != name:
            raise BadInputError(
                f"has a column '{name}', which is not '{right}'", where=line, fix=f"write {right}, or call it something else"
            )
    repeated = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if repeated:
        often = f"{counted(list(names).count(repeated[0]), 'column')} called '{repeated[0]}'"
        raise BadInputError(f"has {often}, and nobody knows which counts", where=line, fix="keep one of them, or rename the others")


def called(text: str) -> str:
    """What stands in a field, the same however its letters are composed (``é`` is one sign or two, by the system that wrote it) and whatever blanks
    are around it: written in two ways, one person would count for two, and a row would be left out of what is claimed of its like."""
    return unicodedata.normalize("NFC", text).strip()


def columns_of(names: Sequence[str] | None) -> str:
    """What columns there are, as advice beside one that is missing; and that commas have to separate them, where something else does."""
    if not names:
        return "it has no columns at all"
    if len(names) == 1 and any(separator in names[0] for separator in _OTHER_SEPARATORS):
        return f"its only column is called '{names[0]}': separate columns by commas"
    return f"its columns: {', '.join(names)}"


def probability(text: str, where: SourceRef) -> float:
    """A number from 0 to 1, in decimals.

    Raises:
        BadInputError: anything else, also what only Python takes for a number, such as 0_1.
    """
    value = float(text) if _NUMBER.fullmatch(text.strip()) else -1.0
    if not 0 <= value <= 1:
        raise BadInputError(f"'{text}' is not a score", where=where, fix="write a probability from 0 to 1, or nothing where there is none")
    return value
