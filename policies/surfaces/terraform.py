"""Terraform and OpenTofu folders: one graph a root module, evaluated offline with variable defaults and ``*.tfvars``.

A root module is a folder with ``.tf`` files that no other module under the same path calls. Nothing is downloaded: a module
from a registry is reported as not read. Expressions are evaluated by ``tf_eval`` so that links between resources stay
links; what it doesn't know is asked of tfparse, in a child process (``tf_hints``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, PropertyPath, Unknown, find_unknown
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.graph.terraform_map import TerraformResource
from averment.policies.graph.text import parsed_json
from averment.policies.interface import Surface
from averment.policies.surfaces.hcl import ALL_SUFFIXES, Attribute, Block, Module, read_module, text_of
from averment.policies.surfaces.tf_blocks import attributes_of
from averment.policies.surfaces.tf_hints import Hints
from averment.policies.surfaces.tf_module import Loader, ModuleInstance, suffix
from averment.policies.surfaces.tf_settings import default_tags, variable_files, variables
from averment.policies.surfaces.tf_values import Env, EvaluationLimitError, Unevaluated, finished
from averment.policies.surfaces.walk import folders_of, walk


class TerraformSurface(Surface):
    """Folders of ``.tf`` and ``.tofu`` files."""

    name = "terraform"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return any(item.name.endswith(ALL_SUFFIXES) for item in path.iterdir())
        return path.name.endswith(ALL_SUFFIXES)

    def graphs(self, root: Path) -> Iterator[Graph]:
        yield from module_graphs(walk(root).files, root)


def module_graphs(files: list[Path], root: Path) -> Iterator[Graph]:
    """A graph for each root module among ``files``; ``root`` bounds what ``file()`` may read.

    Where ``root`` is a single file, its whole module is read: a file alone doesn't mean anything in Terraform.
    """
    folders = dict(folders_of(files, ALL_SUFFIXES))
    top = root if root.is_dir() else root.parent
    known: dict[Path, Module] = {}
    for folder in root_modules(folders, known):
        yield read_root(folder, top, known)


def root_modules(folders: dict[Path, list[Path]], known: dict[Path, Module]) -> list[Path]:
    """Folders that no other folder calls; of folders that call each other in circles, the first, so that none is lost.

    Each folder is read into ``known``.
    """
    calls: dict[Path, set[Path]] = {}
    places = {folder: folder.resolve() for folder in folders}
    by_place = {place: folder for folder, place in places.items()}
    for folder, place in places.items():
        if place not in known:
            known[place] = read_module(folder)
        called = (Path(os.path.normpath(place / text)) for text in _sources(known[place]))
        calls[folder] = {by_place[target] for target in called if target in by_place}
    used = {target for folder, targets in calls.items() for target in targets if target != folder}
    roots = [folder for folder in folders if folder not in used]
    reached: set[Path] = set()
    for folder in [*roots, *folders]:
        if folder in reached:
            continue
        if folder not in roots:
            roots.append(folder)
        stack = [folder]
        while stack:
            here = stack.pop()
            if here not in reached:
                reached.add(here)
                stack += calls[here]
    return roots


def _sources(module: Module) -> Iterator[str]:
    """The local paths that a module's calls name."""
    for block in module.of("module"):
        source = block.attributes.get("source")
        text = text_of(source.node).strip('"') if source is not None else ""
        if text.startswith((".", "/")):
            yield text


def read_root(folder: Path, top: Path, known: dict[Path, Module] | None = None) -> Graph:
    """The graph of one root module; ``known`` are modules read before."""
    loader = Loader(top, folder, known)
    module = loader.read(folder)
    paths = variable_files(folder)
    given = variables(paths, module, loader)
    hints = Hints(folder, tuple(path for path in paths if path.name.endswith(".tfvars")))
    reader = _Reader(hints, loader)
    try:
        reader.module(ModuleInstance(module, loader, given=given))
    except (RecursionError, EvaluationLimitError):
        loader.problems.append(
            Problem("the module expands beyond all bounds, or refers to itself; it was not read in full", SourceRef(str(folder)))
        )
    return normal_graph(reader.found, [*loader.problems, *hints.problems])


class _Reader:
    """Collects the resources of a module and of those it calls."""

    def __init__(self, hints: Hints, loader: Loader) -> None:
        self.hints, self.loader = hints, loader
        self.found: list[TerraformResource] = []

    def module(self, instance: ModuleInstance) -> None:
        for block in instance.resources.values():
            self.resource(block, instance)
        for name in instance.calls:
            children = instance.children(name)
            for child in children.values() if isinstance(children, dict) else ():
                self.module(child)

    def resource(self, block: Block, instance: ModuleInstance) -> None:
        address = f"{instance.prefix}{'.'.join(block.labels)}"
        found = instance.instances(block)
        if isinstance(found, Unknown):
            self.one(block, address, instance.env)  # whether it will exist isn't known; what it would be is checked
            return
        for key, env in found:
            self.one(block, address + suffix(key), env)

    def one(self, block: Block, address: str, env: Env) -> None:
        self.loader.made()
        places: dict[PropertyPath, SourceRef] = {}
        try:
            values = attributes_of(block, env, places)
            for name, attribute in block.attributes.items():
                if name in values and any(isinstance(item, Unevaluated) for item in find_unknown(values[name])):
                    values[name] = self.hint(address, name, values[name], attribute)
        except (RecursionError, EvaluationLimitError):
            self.loader.problems.append(Problem(f"{address} refers to itself or expands beyond all bounds", block.where()))
            values = {}
        self.defaults(block, env, values)
        shown = env.module.shown_at or block  # people are shown their own call, not the text that stands in for what it calls
        places = places if shown is block else {}
        self.found.append(TerraformResource(address, block.labels[0], values, shown.where(), Dialect.TERRAFORM, places, shown.comments))

    def defaults(self, block: Block, env: Env, values: dict[str, Any]) -> None:
        """Add the provider's default tags; those that aren't known are said once, they don't hide the resource's own."""
        if not block.labels[0].startswith("aws_"):
            return
        found = default_tags(env.module, block)
        if isinstance(found, dict):
            own = values.get("tags")
            if own is None or isinstance(own, dict):
                values["tags"] = {**finished(found), **(own or {})}
        elif isinstance(found, Unknown):
            where = SourceRef(str(self.loader.folder))
            problem = Problem(f"the provider's default tags are not known: {found.reason}", where, blocking=False)
            if problem not in self.loader.problems:
                self.loader.problems.append(problem)

    def hint(self, address: str, name: str, ours: Any, _attribute: Attribute) -> Any:
        """What tfparse says of an attribute that we could not evaluate; used only if it is whole."""
        theirs = self.hints.of(address).get(name)
        theirs = parsed_json(theirs)
        return ours if theirs is None or _has_hole(theirs) else theirs


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _has_hole(value: Any) -> bool:
    """Whether tfparse left a null, or the random id that it puts for a computed value, somewhere inside."""
    if value is None:
        return True
    if isinstance(value, str):
        return _ID.search(value) is not None or "${" in value
    if isinstance(value, dict):
        return any(_has_hole(item) for key, item in value.items() if key != "__tfmeta")
    return isinstance(value, list) and any(_has_hole(item) for item in value)
