"""The page of a report, as HTML: what a phone, a screen reader and a line's end do with it."""

from __future__ import annotations

import re

from averment.governance.incidents.document import Document, Section, html, table

HOSTILE = '"><script>alert(1)</script>'


def page(head: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    return html(Document("Report", "Lead.", (Section("a", "A", (table(head, rows, ""),)),)))


def test_a_page_fits_the_screen_and_each_cell_says_what_it_is() -> None:
    """A phone shows it at its own width, where columns stand below each other: the page was 921 pixels wide, and letters were small."""
    made = page(("Step", "By", HOSTILE), ("open", "legal", HOSTILE))
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in made
    assert '<td data-head="By">legal</td>' in made
    assert made.count('<th scope="col">') == 3
    assert "<script" not in made


def test_a_table_without_heads_names_its_rows() -> None:
    """An empty head is read aloud as one; the first cell is what the row is called by."""
    made = page(("", ""), ("What", "A clone"))
    assert '<tr><th scope="row">What</th><td>A clone</td></tr>' in made
    assert "<thead" not in made


def test_a_moment_is_broken_nowhere() -> None:
    """In a narrow column the day stood on one line and the hour on the next, with a hyphen between."""
    made = page(("At (UTC)",), ("2026-11-22T06:00:00Z, or later",))
    assert "<time>2026-11-22T06:00:00Z</time>, or later" in made
    assert re.search(r"time \{ white-space: nowrap", made)
