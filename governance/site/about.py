"""The shipped documentation as part of a governance site, under ``about/``.

Every page that ships comes along, so that no link between them breaks. The reference is made by the program that builds the documentation
and not by a site, whose own pages show controls, rules and law as they are there: links to it stay behind as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

_FIRST = (
    "concepts.md",
    "trust.md",
    "threat-model.md",
    "statistics.md",
    "not-claimed.md",
    "reading-the-site.md",
    "handing-over.md",
    "verify.md",
    "tutorial.md",
    "getting-started.md",
    "adopting.md",
    "own-rules.md",
)
"""What most readers of a site look for, in this order; the other pages follow by their titles."""

_TO_REFERENCE = re.compile(r"\[([^\]]+)\]\((?:\.\./)*reference/[^)\s]*\)")
_HEADING = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)


def about_pages() -> dict[str, str]:
    """Every page of the documentation: path below the documentation's folder -> Markdown, without links into the reference."""
    shipped = resources.files("averment").joinpath("governance", "docs")
    return {path: _TO_REFERENCE.sub(r"\1", page.read_text(encoding="utf-8")) for path, page in _markdown(shipped, "")}


def about_navigation() -> list[tuple[str, str]]:
    """The title and the path (below ``about/``) of each of these pages, in the order of the menu."""
    titles = {path: _title(path, text) for path, text in about_pages().items()}
    order = {path: number for number, path in enumerate(_FIRST)}
    ranked = sorted(titles, key=lambda path: (order.get(path, len(order)), path.count("/"), titles[path].lower()))
    return [(titles[path], f"about/{path}") for path in ranked]


def _markdown(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir() and entry.name != "assets":
            yield from _markdown(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".md"):
            yield f"{prefix}{entry.name}", entry


def _title(path: str, text: str) -> str:
    found = _HEADING.search(text)
    return found[1] if found else path.removesuffix(".md")
