"""The menu of the generated site, from the data: every page is in it once."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import Any

from averment.governance.incidents.plan import PAGES
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.site.data import SiteData
from averment.governance.site.pages.places import incident_place
from averment.governance.site.shipped import sheets

Menu = list[Mapping[str, Any]]

_INSIDE = {"Incidents", "Plan"}
"""The tabs that only the inside has."""


def navigation(data: SiteData, of_averment: Sequence[Mapping[str, Any]], *, inside: bool = True) -> Menu:
    """The menu for MkDocs; ``of_averment`` are the entries on Averment itself (``about``). What only the inside may read (incidents, and the plan for
    them) is in it if ``inside``."""
    menu: Menu = [
        {"State": [{"State of controls": "index.md"}, {"What changed": "changes.md"}]},
        {"Controls": _controls(data)},
        {"Law": [{"Law register": "law.md"}, *_entries("frameworks", data.catalogue.frameworks.values())]},
        {"Rules": [{"All rules": "rules.md"}, *({rule.id: f"rules/{rule.id}.md"} for rule in data.rules)]},
        {"Evidence": [{"Records": "evidence.md"}, {"Claims": "claims.md"}, {"How to verify": "verify.md"}, *_sheets()]},
        {"Incidents": [{"Incidents and drills": "incidents.md"}, *({html.escape(name): incident_place(name)} for name in data.incidents)]},
        {"Plan": [{title: f"plan/{name}.md"} for name, (title, _) in PAGES.items()]},
        {"Blueprints": _entries("blueprints", all_blueprints().values(), name="name")},
        {"About": list(of_averment)},
    ]
    return [entry for entry in menu if inside or not entry.keys() & _INSIDE]


def about(docs: Traversable, known: Sequence[tuple[str, str]]) -> Menu:
    """The entries on Averment itself: ``known`` (title and path below the site) in their order, then every other page of ``docs`` by its own
    heading, so that none is without a way to it. Pages of a folder stand below the page of its name, or below the folder's name."""
    places = [path for _, path in known]
    loose = [path for path in _pages(docs, "about") if path not in places]
    folders = sorted({path.rsplit("/", 1)[0] for path in loose} - {"about"})
    below: dict[str, Menu] = {
        folder: [{_heading(docs, path): path} for path in loose if path.rsplit("/", 1)[0] == folder] for folder in folders
    }
    menu: Menu = []
    for title, path in known:
        pages = below.pop(path.removesuffix(".md"), None)
        menu.append({title: path} if pages is None else {title: [{"In general": path}, *pages]})
    menu += [{_heading(docs, path): path} for path in loose if path.rsplit("/", 1)[0] == "about"]
    return [*menu, *({folder.rsplit("/", 1)[1].replace("-", " ").capitalize(): pages} for folder, pages in below.items())]


def _pages(folder: Traversable, path: str) -> list[str]:
    found: list[str] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _pages(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".md"):
            found.append(f"{path}/{entry.name}")
    return found


def _heading(docs: Traversable, path: str) -> str:
    """The page's first heading, or its name where it has none."""
    text = docs.joinpath(*path.split("/")[1:]).read_text(encoding="utf-8")
    found = next((line.removeprefix("# ").strip() for line in text.splitlines() if line.startswith("# ")), path.rsplit("/", 1)[1])
    return html.escape(found.replace("`", ""))


def _controls(data: SiteData) -> Menu:
    return [
        {title: [{html.escape(f"{item.id} {item.title}"): f"controls/{item.id}.md"} for item in members]}
        for _, title, members in data.families()
    ]


def _sheets() -> Menu:
    return [{title: path} for path, (title, _) in sheets().items()]


def _entries(folder: str, items: Any, *, name: str = "id") -> Menu:
    return [{html.escape(item.title): f"{folder}/{getattr(item, name)}.md"} for item in items]
