"""The menu of the generated site, from the data: every page is in it once."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib import resources
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

FIRST_ABOUT = (
    "concepts.md",
    "reading-the-site.md",
    "getting-started.md",
    "adopting.md",
    "trust.md",
    "verify.md",
    "handing-over.md",
    "incidents.md",
)
"""Pages on Averment itself that come first, as readers of a governance site ask for them; the others follow by title, its own home last."""


def navigation(data: SiteData, *, inside: bool = True) -> Menu:
    """The menu for MkDocs. What only the inside may read (incidents, and the plan for them) is in it if ``inside``."""
    menu: Menu = [
        {"State": [{"State of controls": "index.md"}, {"What changed": "changes.md"}]},
        {"Controls": _controls(data)},
        {"Law": [{"Law register": "law.md"}, *_entries("frameworks", data.catalogue.frameworks.values())]},
        {"Rules": [{"All rules": "rules.md"}, *({rule.id: f"rules/{rule.id}.md"} for rule in data.rules)]},
        {"Evidence": [{"Records": "evidence.md"}, {"Claims": "claims.md"}, {"How to verify": "verify.md"}, *_sheets()]},
        {"Incidents": [{"Incidents and drills": "incidents.md"}, *({html.escape(name): incident_place(name)} for name in data.incidents)]},
        {"Plan": [{title: f"plan/{name}.md"} for name, (title, _) in PAGES.items()]},
        {"Blueprints": _entries("blueprints", all_blueprints().values(), name="name")},
        {"About": about(resources.files("averment").joinpath("governance", "docs"), "about")},
    ]
    return [entry for entry in menu if inside or not entry.keys() & _INSIDE]


def about(folder: Traversable, place: str) -> Menu:
    """The pages of ``folder``, which lie at ``place`` on the site, by their headings; those of a folder below come under its page."""
    pages = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md") and entry.name != "index.md"), key=_about_order)
    menu: Menu = []
    for page in pages:
        below, path = folder.joinpath(page.name.removesuffix(".md")), f"{place}/{page.name}"
        menu.append({heading(page): [{"In general": path}, *about(below, path.removesuffix(".md"))] if below.is_dir() else path})
    home = folder.joinpath("index.md")
    return [*menu, {heading(home): f"{place}/index.md"}] if home.is_file() else menu


def _about_order(page: Traversable) -> tuple[int, str]:
    return (FIRST_ABOUT.index(page.name) if page.name in FIRST_ABOUT else len(FIRST_ABOUT), heading(page))


def heading(page: Traversable) -> str:
    """The page's first heading, which every page has."""
    return next(line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# ")).removeprefix("# ").strip()


def _controls(data: SiteData) -> Menu:
    return [
        {title: [{html.escape(f"{item.id} {item.title}"): f"controls/{item.id}.md"} for item in members]}
        for _, title, members in data.families()
    ]


def _sheets() -> Menu:
    return [{title: path} for path, (title, _) in sheets().items()]


def _entries(folder: str, items: Any, *, name: str = "id") -> Menu:
    return [{html.escape(item.title): f"{folder}/{getattr(item, name)}.md"} for item in items]
