"""The menu of the generated site, from the data: every page is in it once."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from averment.governance.incidents.plan import PAGES
from averment.governance.remediation.blueprints import all_blueprints
from averment.governance.site.about import about_navigation
from averment.governance.site.data import SiteData
from averment.governance.site.pages.places import incident_place
from averment.governance.site.shipped import sheets

Menu = list[Mapping[str, Any]]

_INSIDE = {"Incidents", "Plan"}
"""The tabs that only the inside has."""


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
        {"About": _about()},
    ]
    return [entry for entry in menu if inside or not entry.keys() & _INSIDE]


def _about() -> Menu:
    """The documentation; pages in a folder come under the page of the folder's name."""
    below: dict[str, list[Mapping[str, Any]]] = {}
    for title, path in about_navigation():
        below.setdefault(path.rpartition("/")[0], []).append({title: path})
    menu: Menu = []
    for entry in below["about"]:
        [(title, path)] = entry.items()
        inner = below.get(path.removesuffix(".md"))
        menu.append({title: [{"In general": path}, *inner]} if inner else entry)
    return menu


def _controls(data: SiteData) -> Menu:
    return [
        {title: [{html.escape(f"{item.id} {item.title}"): f"controls/{item.id}.md"} for item in members]}
        for _, title, members in data.families()
    ]


def _sheets() -> Menu:
    return [{title: path} for path, (title, _) in sheets().items()]


def _entries(folder: str, items: Any, *, name: str = "id") -> Menu:
    return [{html.escape(item.title): f"{folder}/{getattr(item, name)}.md"} for item in items]
