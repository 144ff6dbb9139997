"""What no OSCAL schema catches: identifiers that stand twice, references that lead nowhere, property names in OSCAL's own namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_HOMES: Mapping[str, tuple[str, ...]] = {
    "observation-uuid": ("observations",),
    "risk-uuid": ("risks",),
    "finding-uuid": ("findings",),
    "activity-uuid": ("activities",),
    "task-uuid": ("tasks",),
    "component-uuid": ("components",),
    "party-uuid": ("parties",),
    "party-uuids": ("parties",),
    "actor-uuid": ("components", "assessment-platforms", "parties"),
    "subject-uuid": ("inventory-items", "components", "parties", "resources", "users", "locations"),
}
"""Which lists hold what a reference may name."""

_OWN_NAMES = frozenset({"label", "sort-id", "status", "alt-identifier", "marking", "type", "version", "asset-id", "keywords", "sort-as"})
"""Property names of OSCAL's that we use, or that catalogs commonly do."""


def problems(documents: Mapping[str, Any]) -> list[str]:
    """What is wrong with ``documents`` (by file name), taken together: they may name controls and objectives of one another's catalog.

    Each problem is a sentence that names the file and the identifier; an empty list means that all references lead somewhere.
    """
    found: list[str] = []
    catalogs = [document["catalog"] for document in documents.values() if "catalog" in document]
    named = {item["id"] for item in _objects(catalogs) if "id" in item} if catalogs else None
    for name, document in documents.items():
        found += [f"{name}: {text}" for text in _document(document, named, set(documents))]
    return found


def _document(document: Any, named: set[str] | None, siblings: set[str]) -> Iterator[str]:
    nodes = list(_objects(document))
    counted = Counter(str(node["uuid"]) for node in nodes if "uuid" in node)
    yield from (f"the uuid {value} stands {times} times" for value, times in counted.items() if times > 1)
    lists = _lists(nodes)
    resources = lists.get("resources", set())
    ids = {str(node["id"]) for node in nodes if "id" in node}
    roles = {str(role["id"]) for node in nodes for role in node.get("roles", ()) if "id" in role}
    for node in nodes:
        yield from _references(node, lists)
        yield from _properties(node)
        href = node.get("href")
        if isinstance(href, str) and href.startswith("#") and href[1:] not in resources | ids:
            yield f"the link {href} leads nowhere"
        for key in ("source", "href"):
            target = node.get(key)
            if isinstance(target, str) and target.endswith(".json") and "/" not in target and target not in siblings:
                yield f"the document {target} is not there"
        if "role-id" in node and node["role-id"] not in roles:
            yield f"the role {node['role-id']} is not declared"
        if named is not None:
            yield from (
                f"{key} {node[key]} is not in the catalog"
                for key in ("control-id", "objective-id")
                if key in node and node[key] not in named
            )
            if node.get("type") == "objective-id" and node.get("target-id") not in named:
                yield f"the objective {node.get('target-id')} is not in the catalog"


def _references(node: Mapping[str, Any], lists: Mapping[str, set[str]]) -> Iterator[str]:
    for key, homes in _HOMES.items():
        if key not in node:
            continue
        known: set[str] = set().union(*(lists.get(home, set()) for home in homes))
        values = node[key] if isinstance(node[key], list) else [node[key]]
        yield from (f"{key} {value} leads nowhere" for value in values if value not in known)


def _properties(node: Mapping[str, Any]) -> Iterator[str]:
    for entry in node.get("props", ()):
        if "ns" not in entry and entry.get("name") not in _OWN_NAMES:
            yield f"the property {entry.get('name')} has no namespace of its own"


def _lists(nodes: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """The identifiers of the objects in each list, by the list's name."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        for key, value in node.items():
            if isinstance(value, list):
                found.setdefault(key, set()).update(str(item["uuid"]) for item in value if isinstance(item, dict) and "uuid" in item)
    return found


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in ``value``, however deep, without recursion: what others hand us may be deep."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
