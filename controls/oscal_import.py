"""An OSCAL catalog, or a profile of one, as a framework that controls can be mapped to.

Of each control its id, label and title are taken: enough to cite it. A profile's selection is followed (with-ids, matching,
with-child-controls, exclusions, profiles of profiles); what a profile alters inside a control is not, as nothing here shows it.
OSCAL's JSON is read, from files alone: nothing is fetched.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from averment.controls.frameworks import SCHEMA
from averment.core.errors import BadInputError
from averment.core.files import read_text
from averment.core.located import parse_yaml
from averment.core.schema import check_schema
from averment.core.source import SourceRef

MAX_IMPORTS = 20
"""Profiles of profiles, at most so deep."""


@dataclass(frozen=True)
class OscalControl:
    """A control of a catalog. ``parent`` is the control that it enhances."""

    id: str
    label: str
    title: str
    parent: str | None
    withdrawn: bool


@dataclass(frozen=True)
class OscalSource:
    """What an OSCAL file holds: its metadata, and the controls that it has or selects, in the catalog's order."""

    title: str
    version: str
    source: str | None
    controls: tuple[OscalControl, ...]


def read_oscal(path: Path) -> OscalSource:
    """Read the catalog or profile at ``path``; what it imports is looked for beside it.

    Raises:
        BadInputError: not OSCAL JSON, neither catalog nor profile, an import that isn't there or leads in a circle, an id that the
            catalog doesn't have, or that two different controls have.
    """
    root, document = _document(path)
    given = document.get("metadata")
    metadata: Mapping[str, Any] = given if isinstance(given, dict) else {}
    links = [str(link.get("href")) for link in _list(metadata, "links") if link.get("rel") in ("canonical", "latest-version", "alternate")]
    found = tuple(_controls(path, ()))
    if not found:
        raise BadInputError(f"the {root} has no controls", where=SourceRef(str(path)), fix="name a catalog or profile that holds some")
    return OscalSource(
        _text(metadata, "title", path),
        _text(metadata, "version", path),
        next((link for link in links if link.startswith("https://")), None),
        found,
    )


def framework_yaml(source: OscalSource, *, framework_id: str, title: str | None, kind: str, url: str, day: date, read_from: str) -> str:
    """The framework file for ``source``, as ``load_frameworks`` reads it. Withdrawn controls are left out.

    Raises:
        BadInputError: the id, the address or a control breaks the schema of frameworks.
    """
    kept = [control for control in source.controls if not control.withdrawn]
    value = {
        "id": framework_id,
        "title": title or source.title,
        "full_title": source.title,
        "version": source.version,
        "kind": kind,
        "source": url,
        "as_of": day.isoformat(),
        "note": f"Imported from the OSCAL file {read_from}; titles are the publisher's.",
        "provisions": {control.id: {"label": control.label, "title": control.title} for control in kept},
    }
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=160)
    try:
        check_schema(parse_yaml(text, f"{framework_id}.yaml"), SCHEMA)
    except BadInputError as error:  # of a file that isn't written: what has to be changed is the document, or an option
        fix = "mend that in the document, or say another --id, --title or --source"
        raise BadInputError(f"as a framework, {error.message}", where=SourceRef(read_from), fix=fix) from error
    return text


def _document(path: Path) -> tuple[str, dict[str, Any]]:
    where = SourceRef(str(path))
    try:
        value = json.loads(read_text(path).removeprefix("\ufeff"))  # which Windows tools write before UTF-8
    except RecursionError as error:
        raise BadInputError("nests too deep", where=where, fix="name a document of ordinary depth") from error
    except json.JSONDecodeError as error:
        fix = "convert OSCAL's XML or YAML to JSON first, for instance with NIST's oscal-cli"
        raise BadInputError(f"is not JSON: {error.msg}", where=SourceRef(str(path), error.lineno), fix=fix) from error
    for root in ("catalog", "profile"):
        if isinstance(value, dict) and isinstance(value.get(root), dict):
            return root, value[root]
    raise BadInputError("is neither an OSCAL catalog nor a profile", where=where, fix="give the JSON file of one of them")


def _controls(path: Path, above: tuple[Path, ...]) -> Iterator[OscalControl]:
    """The controls of the file at ``path``; ``above`` are the profiles that led here."""
    if path.resolve() in above or len(above) > MAX_IMPORTS:
        raise BadInputError(
            "profiles import each other in a circle, or too deep", where=SourceRef(str(path)), fix="mend the imports of the profile"
        )
    root, document = _document(path)
    if root == "catalog":
        yield from _of_catalog(document, path)
        return
    imports = _list(document, "imports")
    if not imports:
        raise BadInputError("the profile imports nothing", where=SourceRef(str(path)), fix="add an import, or name the catalog itself")
    seen: dict[str, OscalControl] = {}
    for entry in imports:
        there = tuple(_controls(_imported(path, document, entry), (*above, path.resolve())))
        for control in _selected(there, entry, path):
            known = seen.setdefault(control.id, control)
            if known is control:
                yield control
            elif known != control:
                problem = f"the profile imports two controls called {control.id}: '{known.title}' and '{control.title}'"
                raise BadInputError(problem, where=SourceRef(str(path)), fix="exclude one of them, or import each catalog by itself")


def _of_catalog(document: Mapping[str, Any], path: Path) -> Iterator[OscalControl]:
    """Every control under groups and controls, in the file's order, without recursion."""
    waiting: list[tuple[Any, str | None, bool]] = [(document, None, False)]
    seen: set[str] = set()
    while waiting:
        node, parent, is_control = waiting.pop()
        name = parent
        if is_control:
            control = _control(node, parent, path)
            if control.id in seen:
                raise BadInputError(f"the control {control.id} stands twice", where=SourceRef(str(path)), fix="give one of them another id")
            seen.add(control.id)
            name = control.id
            yield control
        below = [(item, None, False) for item in _list(node, "groups")] + [(item, name, True) for item in _list(node, "controls")]
        waiting.extend(reversed(below))


def _control(node: Mapping[str, Any], parent: str | None, path: Path) -> OscalControl:
    name = node.get("id")
    if not isinstance(name, str) or not name:
        raise BadInputError("a control has no id", where=SourceRef(str(path)), fix="give it the id that the schema of OSCAL asks for")
    props = _list(node, "props")
    labels = [str(item["value"]) for item in props if item.get("name") == "label" and "value" in item and not item.get("class")]
    labels += [str(item["value"]) for item in props if item.get("name") == "label" and "value" in item]
    withdrawn = any(item.get("name") == "status" and str(item.get("value")).lower() == "withdrawn" for item in props)
    title = " ".join(str(node.get("title") or "").split()) or name
    return OscalControl(name, labels[0] if labels else name, title if len(title) > 2 else f"{name} {title}", parent, withdrawn)


def _imported(path: Path, profile: Mapping[str, Any], entry: Mapping[str, Any]) -> Path:
    """The file that an import of ``profile`` names: directly, or through a resource of its back matter."""
    href = str(entry.get("href", ""))
    hrefs = [href]
    if href.startswith("#"):
        resources = _list(profile.get("back-matter") or {}, "resources")
        links = [link for item in resources if item.get("uuid") == href[1:] for link in _list(item, "rlinks")]
        hrefs = [str(link.get("href", "")) for link in links]
    for candidate in hrefs:
        try:
            parts = urlsplit(candidate)
        except ValueError as error:
            fix = "write a file's name, or an address"
            raise BadInputError(f"the profile imports '{candidate}', which is none", where=SourceRef(str(path)), fix=fix) from error
        # Published profiles name a place in their publisher's repository; who keeps two files of it has them side by side.
        there = unquote(parts.path)
        places = [path.parent / Path(there).name] if parts.scheme else [path.parent / there, path.parent / Path(there).name]
        local = next((place for place in places if place.is_file()), None)
        if there.endswith(".json") and local is not None:
            return local
    named = ", ".join(Path(unquote(urlsplit(item).path)).name for item in hrefs if item) or href or "nothing"
    fix = "put the JSON file of that name beside the profile; nothing is fetched"
    raise BadInputError(f"the profile imports {named}, which is not there", where=SourceRef(str(path)), fix=fix)


def _selected(there: Sequence[OscalControl], entry: Mapping[str, Any], path: Path) -> Iterator[OscalControl]:
    chosen = _chooser(there, _list(entry, "include-controls"), path) if "include-controls" in entry else (lambda _: True)
    left_out = _chooser(there, _list(entry, "exclude-controls"), path)
    return (control for control in there if chosen(control) and not left_out(control))


def _chooser(there: Sequence[OscalControl], selections: Sequence[Mapping[str, Any]], path: Path) -> Callable[[OscalControl], bool]:
    """Whether any of ``selections`` names a control; children of a named one count where the selection says so."""
    known = {control.id: control for control in there}
    named: set[str] = set()
    for selection in selections:
        given = selection.get("with-ids") or []
        if not isinstance(given, list):
            raise BadInputError("with-ids is no list", where=SourceRef(str(path)), fix='write the ids in brackets: ["ac-1"]')
        ids = {str(name) for name in given}
        unknown = sorted(ids - known.keys())
        if unknown:
            raise BadInputError(
                f"the profile selects {unknown[0]}, which what it imports does not have",
                where=SourceRef(str(path)),
                fix="take it out of with-ids, or import the catalog that has it",
            )
        for match in _list(selection, "matching"):
            ids.update(fnmatch.filter(known, str(match.get("pattern", ""))))
        if selection.get("with-child-controls") == "yes":
            ids = {name for name in known if _within(known, name, ids)}
        named |= ids
    return lambda control: control.id in named


def _within(known: Mapping[str, OscalControl], name: str | None, ids: set[str]) -> bool:
    """Whether ``name`` or a control that it lies under is one of ``ids``."""
    while name is not None:
        if name in ids:
            return True
        name = known[name].parent if name in known else None
    return False


def _list(node: Any, key: str) -> list[Mapping[str, Any]]:
    value = node.get(key) if isinstance(node, Mapping) else None
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(metadata: Mapping[str, Any], key: str, path: Path) -> str:
    value = " ".join(str(metadata.get(key) or "").split())
    if not value:
        raise BadInputError(
            f"the metadata gives no {key}", where=SourceRef(str(path)), fix="add it to metadata, as the schema of OSCAL asks"
        )
    return value
