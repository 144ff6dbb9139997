"""Which folders are root modules: those that no other one calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from averment.policies.surfaces.terraform.syntax.native import Module, text_of


def root_modules(folders: Iterable[Path], called_by: Callable[[Path], Iterable[str]]) -> list[Path]:
    """Folders that no other folder calls; of folders that call each other in circles, the first, so that none is lost.

    ``called_by`` says which paths the module in a folder calls (``called_sources``).
    """
    calls: dict[Path, set[Path]] = {}
    places = {folder: folder.resolve() for folder in folders}
    by_place = {place: folder for folder, place in places.items()}
    for folder, place in places.items():
        called = (Path(os.path.normpath(place / text)) for text in called_by(folder))
        calls[folder] = {by_place[target] for target in called if target in by_place}
    used = {target for folder, targets in calls.items() for target in targets if target != folder}
    roots = dict.fromkeys(folder for folder in places if folder not in used)
    reached: set[Path] = set()
    for folder in [*roots, *places]:
        if folder in reached:
            continue
        roots.setdefault(folder)
        stack = [folder]
        while stack:
            here = stack.pop()
            if here not in reached:
                reached.add(here)
                stack += calls[here]
    return list(roots)


def called_sources(module: Module) -> Iterator[str]:
    """The local paths that a module's calls name."""
    for block in module.of("module"):
        source = block.attributes.get("source")
        text = text_of(source.node).strip('"') if source is not None else ""
        if text.startswith((".", "/")):
            yield text
