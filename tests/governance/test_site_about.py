"""The documentation inside a governance site: all of it, in a menu that nobody has to keep by hand."""

from __future__ import annotations

import re
from pathlib import Path

from averment.governance.site.about import about_navigation, about_pages

DOCS = Path(__file__).parents[2] / "governance" / "docs"


def test_every_page_that_ships_is_in_the_menu_once() -> None:
    """MkDocs stops on a page that no menu leads to, so none may be forgotten, in folders below either."""
    shipped = sorted(f"about/{path.relative_to(DOCS).as_posix()}" for path in DOCS.rglob("*.md"))
    assert sorted(path for _, path in about_navigation()) == shipped


def test_pages_bear_the_title_that_they_give_themselves() -> None:
    """And those that most readers look for come first."""
    titles = [title for title, _ in about_navigation()]
    assert titles[:2] == ["Concepts", "What is trusted"]
    assert "Handing it over" in titles


def test_links_into_the_reference_stay_behind_as_words() -> None:
    """A site has no such pages; every other link is left as it is."""
    written = "\n".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert re.search(r"\]\((\.\./)*reference/", written), "there is something to leave behind"
    pages = about_pages()
    assert [path for path, text in pages.items() if re.search(r"\]\((\.\./)*reference/", text)] == []
    assert "[Concepts](concepts.md)" in pages["index.md"]
