"""``resources.extensions`` of a ``serverless.yml``: what is changed in resources that the framework, or the file itself, makes.

Properties and metadata are set one by one, whatever else an extension names takes the place of what was there.
Source: the framework's documentation, "AWS CloudFormation Resources", "Override AWS CloudFormation Resource".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.policies.surfaces.lined import LinedList, LinedMap

_BY_KEY = ("Properties", "Metadata")


def extend(resources: LinedMap, written: Any) -> Iterator[tuple[str, int | None]]:
    """Change ``resources`` by the extensions in ``written`` (the section ``resources``); what can't be read, each with its line."""
    for part in written if isinstance(written, LinedList) else [written]:
        section = part.get("extensions") if isinstance(part, LinedMap) else None
        if not isinstance(section, LinedMap):
            if section is not None:
                yield "extensions of resources are not read", part.key_lines.get("extensions")
            continue
        for name, changes in section.items():
            resource = resources.get(name)
            if isinstance(resource, LinedMap) and isinstance(changes, LinedMap):
                resources[name] = _changed(resource, changes)
            else:
                yield f"the extension of '{name}' is not read", section.key_lines.get(name)


def _changed(resource: LinedMap, changes: LinedMap) -> LinedMap:
    made = _with(resource, changes)
    for key in _BY_KEY:
        before, more = resource.get(key), changes.get(key)
        if isinstance(before, LinedMap) and isinstance(more, LinedMap):
            made[key] = _with(before, more)
    return made


def _with(old: LinedMap, more: LinedMap) -> LinedMap:
    made = LinedMap(old.line)
    made.end, made.file, made.key_lines = old.end, old.file, {**old.key_lines, **more.key_lines}
    made.update({**old, **more})
    return made
