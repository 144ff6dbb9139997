"""JSON written in pieces: the same value as all at once, a part a line, and no more of it in memory than one part."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from averment.core.streamed_json import Items, Members, pieces

ROWS = [{"b": 1, "a": ["\n", "é\u2028"]}, {}, [], "x\ny", None, 1.5]


def test_what_is_written_is_the_value() -> None:
    """Lists, objects and plain members, empty ones too, read back as what they were."""
    value = {
        "rows": Items(iter(ROWS)),
        "files": Members([("b", {"n": 1}), ("a", 2)]),
        "none": Items([]),
        "no": Members([]),
        "t": {"k": ROWS},
    }
    text = "".join(pieces(value))
    assert json.loads(text) == {"rows": ROWS, "files": {"b": {"n": 1}, "a": 2}, "none": [], "no": {}, "t": {"k": ROWS}}
    assert json.loads("".join(pieces({}))) == {}


def test_each_part_has_a_line_and_names_are_sorted() -> None:
    """Two packages can be compared line by line: a row is a line, whatever is in its texts."""
    lines = "".join(pieces({"z": 1, "rows": Items(ROWS)})).split("\n")
    assert lines == [
        "{",
        ' "rows": [',
        '  {"a": ["\\n", "é\u2028"], "b": 1},',
        "  {},",
        "  [],",
        '  "x\\ny",',
        "  null,",
        "  1.5",
        " ],",
        ' "z": 1',
        "}",
        "",
    ]


def test_parts_are_asked_for_as_they_are_written() -> None:
    """The first part is there before the second was made."""
    made: list[int] = []

    def rows() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    written = pieces({"rows": Items(rows())})
    assert "0" in next(piece for piece in written if "0" in piece)
    assert made == [0]


@pytest.mark.parametrize("indented", [{"a": {"b": [1, "\n"]}}, {"a": []}])
def test_plain_members_are_laid_out_as_the_standard_library_does(indented: dict[str, object]) -> None:
    """With one space a level."""
    assert "".join(pieces(indented)) == json.dumps(indented, indent=1) + "\n"
