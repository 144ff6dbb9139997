"""Stacks within stacks: where a nested template stands, and what the templates of one deployment share.

A nested stack (``AWS::CloudFormation::Stack``, ``AWS::Serverless::Application``) whose template is a file beside is read with the
arguments that its parent gives, as it will be deployed. The file is named by ``TemplateURL`` or ``Location`` as ``aws cloudformation
package`` and SAM take them, or, for the CDK, by the asset's path in the resource's metadata or in the manifest of the stack's assets.
Nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES, decoded
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem
from averment.policies.surfaces.cloudformation.parsing import parse_template
from averment.policies.surfaces.cloudformation.resolve import MAX_VALUES
from averment.policies.surfaces.lined import LinedMap
from averment.policies.surfaces.sniff import MAX_TEMPLATE_BYTES

NESTED: Mapping[str, str] = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
"""Types that are stacks of their own, with the property that names their template."""

ELSEWHERE = frozenset({"AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"})
"""Types that deploy a template to somewhere else; what it makes is said not to be read."""

MAX_STACKS = 200
MAX_DEPTH = 20
_FILE = "file://"
_ASSET = re.compile(r".*/(?P<hash>[0-9a-f]{64})\.(?:json|ya?ml|template)")
_MAX_MANIFESTS = 100


@dataclass(frozen=True)
class Parsed:
    """A template as it is written: its top, its text, the keys that stand twice with their lines, and the text of files that it includes.

    ``further`` is the line of a second document in the file, of which nobody knows what a deployment makes.
    """

    template: LinedMap
    text: str
    repeated: tuple[tuple[str, int], ...]
    included: Mapping[str, str] = field(default_factory=dict)
    further: tuple[int, ...] = ()

    def problems(self, file: str) -> list[Problem]:
        """What is said of keys that stand twice, and of a second document."""
        said = [(f"the key '{key}' stands twice; the last one was checked", line) for key, line in self.repeated]
        said += [("a second document begins here; only the first was checked", line) for line in self.further]
        return [Problem(reason, SourceRef(file, line), blocking=False) for reason, line in said]


def parse_file(path: Path, observer: Observer) -> Parsed:
    """The template in ``path``; ``observer`` notes that it was looked at.

    Raises:
        BadInputError: it can't be read, or isn't a template.
    """
    text = decoded(observer.read(path, limit=MAX_TEMPLATE_BYTES), path)
    repeated: list[tuple[str, int]] = []
    further: list[int] = []
    template = parse_template(text, str(path), repeated, further)
    if not isinstance(template, LinedMap):
        raise BadInputError("is not a template: the top is not a map", where=SourceRef(str(path), 1), fix="name a CloudFormation template")
    return Parsed(template, text, tuple(repeated), further=tuple(further))


class Stacks:
    """What a template and all stacks nested in it share. ``top`` is the folder beyond which no template is read (the checkout, with
    every link followed), ``observer`` is asked for all that is looked at.

    ``used`` are the files that were read as nested stacks, ``names`` the addresses of everything that the templates define, and
    ``budget`` how many values they may still expand to together.
    """

    def __init__(self, top: Path, observer: Observer | None = None) -> None:
        self.observer = observer if observer is not None else Observer()
        self.top = top
        self.used: set[Path] = set()
        self.names: set[str] = set()
        self.budget = [MAX_VALUES]
        self._count = 0
        self._parsed: dict[Path, Parsed] = {}
        self._assets: dict[Path, dict[str, str]] = {}

    def parsed(self, path: Path) -> Parsed:
        """The nested template in ``path``; read once, however often it is called.

        Raises:
            BadInputError: it can't be read, or isn't a template.
        """
        key = self.observer.real(path)
        self.used.add(key)
        if key not in self._parsed:
            self._parsed[key] = parse_file(path, self.observer)
        return self._parsed[key]

    def asset(self, folder: Path, url: str) -> str | None:
        """The file that the CDK will upload to ``url``, by the manifests in ``folder`` (``<stack>.assets.json``)."""
        match = _ASSET.fullmatch(url)
        if match is None:
            return None
        if folder not in self._assets:
            manifests = self.observer.names(folder, (".assets.json",))[:_MAX_MANIFESTS]
            self._assets[folder] = {key: path for name in manifests for key, path in _assets_in(folder / name, self.observer)}
        return self._assets[folder].get(match["hash"])

    def refused(self, path: Path, chain: tuple[Path, ...]) -> str | None:
        """Why the template in ``path`` isn't read within ``chain`` (the files around it), if it isn't: circles, and beyond the bounds."""
        key = self.observer.real(path)
        if key in chain:
            circle = " -> ".join(item.name for item in (*chain[chain.index(key) :], key))
            return f"nested stacks call each other in a circle ({circle}); the stack was not read again"
        self._count += 1
        if self._count > MAX_STACKS or len(chain) > MAX_DEPTH:
            return f"there are more than {MAX_STACKS} nested stacks, or more than {MAX_DEPTH} within each other; this one was not read"
        return None


def _assets_in(manifest: Path, observer: Observer) -> Iterator[tuple[str, str]]:
    """The files that a manifest of the CDK lists, by their hash; none where it can't be read as one."""
    try:
        listed = json.loads(observer.read(manifest, limit=MAX_TEXT_BYTES))
    except (BadInputError, ValueError, RecursionError):
        return  # the place then stays a URL, which is said not to be read
    files = listed.get("files") if isinstance(listed, dict) else None
    for key, entry in files.items() if isinstance(files, dict) else ():
        source = entry.get("source") if isinstance(entry, dict) else None
        path = source.get("path") if isinstance(source, dict) and source.get("packaging") == "file" else None
        if isinstance(path, str):
            yield key, path


def place_of(body: Mapping[str, Any], properties: Mapping[str, Any], file: str, stacks: Stacks) -> Path | str:
    """The file that holds the template of the nested stack ``body``; or, as text, what its place is and why it isn't read."""
    place = properties.get(NESTED[str(body["Type"])])
    metadata = body.get("Metadata")
    if isinstance(metadata, Mapping) and metadata.get("aws:asset:property") in NESTED.values():
        asset = metadata.get("aws:asset:path")
        place = asset if isinstance(asset, str) else place
    if not isinstance(place, str):
        return "elsewhere"
    folder = Path(file).parent
    local = stacks.asset(folder, place) or place.removeprefix(_FILE)
    if "://" in local or "${" in local:
        return place
    path = folder / local
    try:
        if not stacks.observer.is_file(path):
            return f"{place}: there is no such file"
        return path if stacks.observer.real(path).is_relative_to(stacks.top) else f"{place}: it is outside of {stacks.top.name}"
    except (OSError, ValueError):
        return f"{place}: it can't be looked at"
