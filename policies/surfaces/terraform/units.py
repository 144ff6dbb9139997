"""Root modules as units. What evaluates them is imported when one has to be read: most of a second run reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from averment.core.observer import Observer
from averment.policies.graph.model import Graph
from averment.policies.surfaces.terraform.modules.loader import Modules
from averment.policies.surfaces.terraform.roots import called_sources, is_deployed, root_modules
from averment.policies.surfaces.terraform.syntax.native import ALL_SUFFIXES
from averment.policies.surfaces.units import Memory, Unit
from averment.policies.surfaces.walk import folders_of

Standing = tuple[list[str], bool]
"""Which paths a module calls, and whether it is deployed by itself."""


def root_units(
    files: list[Path], root: Path, memory: Memory, beside: Sequence[Path] = (), roots: list[Path] | None = None
) -> Iterator[Unit]:
    """A unit for each root module among ``files``; the checkout around ``root`` bounds what they may lead to.

    ``beside`` are files of the same checkout that are checked in the same run: a module that one of theirs calls is judged there, as it is
    called. ``roots`` are the real paths of the root modules of all of them, once that is found out; empty, it is filled here.

    Where ``root`` is a single file, its whole module is read: a file alone doesn't mean anything in Terraform. ``memory`` knows whom
    unchanged modules call, so that only those have to be parsed that changed.
    """
    top = root if root.is_dir() else root.parent
    modules = Modules(top)
    own = {folder.resolve(): folder for folder, _ in folders_of(files, ALL_SUFFIXES)}
    roots = [] if roots is None else roots
    if not roots:
        roots += _roots(own, beside, modules, memory)
    for folder in (own[place] for place in roots if place in own):
        yield Unit(f"terraform:{folder} in {modules.boundary}", folder, partial(_read, folder, top, modules))


def _roots(own: Mapping[Path, Path], beside: Sequence[Path], modules: Modules, memory: Memory) -> Iterator[Path]:
    """The real paths of the root modules among the folders ``own``, by theirs, and those of the files ``beside``."""
    folders = dict(own)
    for folder, _ in folders_of([*beside], ALL_SUFFIXES):
        folders.setdefault(folder.resolve(), folder)
    places = {folder: place for place, folder in folders.items()}

    @cache
    def standing(folder: Path) -> Standing:
        return _standing(folder, places[folder], modules, memory)

    for folder in root_modules(places, lambda folder: standing(folder)[0], lambda folder: standing(folder)[1]):
        yield places[folder]


def _standing(folder: Path, place: Path, modules: Modules, memory: Memory) -> Standing:
    name = f"calls:{folder}"
    known = memory.recall(name)
    if isinstance(known, list) and len(known) == 2:
        return [str(text) for text in known[0]], bool(known[1])
    module = modules.read(folder, place)
    found = list(called_sources(module)), is_deployed(module)
    memory.keep(name, module.observer, [*found])
    return found


def _read(folder: Path, top: Path, modules: Modules, observer: Observer) -> list[Graph]:
    from averment.policies.surfaces.terraform.root_graph import read_root

    return [read_root(folder, top, modules, observer)]
