"""Root modules as units. What evaluates them is imported when one has to be read: most of a second run reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from averment.core.observer import Observer
from averment.policies.graph.model import Graph
from averment.policies.surfaces.terraform.modules.loader import Modules
from averment.policies.surfaces.terraform.roots import called_sources, is_deployed, root_modules
from averment.policies.surfaces.terraform.syntax.native import ALL_SUFFIXES
from averment.policies.surfaces.units import Memory, Unit
from averment.policies.surfaces.walk import folders_of


def root_units(files: list[Path], root: Path, memory: Memory, beside: Sequence[Path] = ()) -> Iterator[Unit]:
    """A unit for each root module among ``files``; the checkout around ``root`` bounds what they may lead to.

    ``beside`` are files of the same checkout that are checked in the same run: a module that one of theirs calls is judged there, as it is called.

    Where ``root`` is a single file, its whole module is read: a file alone doesn't mean anything in Terraform. ``memory`` knows whom
    unchanged modules call, so that only those have to be parsed that changed.
    """
    top = root if root.is_dir() else root.parent
    modules = Modules(top)

    @cache
    def standing(folder: Path) -> tuple[list[str], bool]:
        """Which paths the module in ``folder`` calls, and whether it is deployed by itself."""
        name = f"calls:{folder}"
        known = memory.recall(name)
        if isinstance(known, list) and len(known) == 2:
            return [str(text) for text in known[0]], bool(known[1])
        module = modules.read(folder, folder.resolve())
        found = list(called_sources(module)), is_deployed(module)
        memory.keep(name, module.observer, [*found])
        return found

    folders = {folder.resolve(): folder for folder, _ in folders_of(files, ALL_SUFFIXES)}
    own = set(folders.values())
    for folder, _ in folders_of([*beside], ALL_SUFFIXES):
        folders.setdefault(folder.resolve(), folder)
    roots = root_modules(folders.values(), lambda folder: standing(folder)[0], lambda folder: standing(folder)[1])
    for folder in filter(own.__contains__, roots):
        yield Unit(f"terraform:{folder} in {modules.boundary}", partial(_read, folder, top, modules))


def _read(folder: Path, top: Path, modules: Modules, observer: Observer) -> list[Graph]:
    from averment.policies.surfaces.terraform.root_graph import read_root

    return [read_root(folder, top, modules, observer)]
