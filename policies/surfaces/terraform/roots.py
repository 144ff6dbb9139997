"""Which folders are root modules: those that no other one calls, and those that are deployed by themselves although one does.

A folder with a backend, or with values for its variables, is deployed by itself; that a test or an example calls it as well, with other
arguments, must not be all that is ever judged of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from averment.policies.surfaces.terraform.syntax.folders import variable_files
from averment.policies.surfaces.terraform.syntax.native import Module, text_of


def root_modules(
    folders: Iterable[Path], called_by: Callable[[Path], Iterable[str]], deployed: Callable[[Path], bool] = lambda _folder: False
) -> list[Path]:
    """Folders that no other folder calls, or that are ``deployed`` by themselves; of folders that call each other in circles, the first, so
    that none is lost.

    ``called_by`` says which paths the module in a folder calls (``called_sources``).
    """
    calls: dict[Path, set[Path]] = {}
    places = {folder: folder.resolve() for folder in folders}
    by_place = {place: folder for folder, place in places.items()}
    for folder, place in places.items():
        called = (Path(os.path.normpath(place / text)) for text in called_by(folder))
        calls[folder] = {by_place[target] for target in called if target in by_place}
    used = {target for folder, targets in calls.items() for target in targets if target != folder}
    roots = dict.fromkeys(folder for folder in places if folder not in used or deployed(folder))
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


def is_deployed(module: Module) -> bool:
    """Whether a module is deployed by itself, whoever else calls it: it says where its state is kept, or has values for its variables."""
    kept = any({"backend", "cloud"} & {*(child.type for child in block.blocks), *block.attributes} for block in module.of("terraform"))
    return kept or bool(variable_files(module.folder, module.observer))


_NO_INSTANCE = {"count": {"0", "false"}, "for_each": {"{}", "[]", "toset([])"}}


def called_sources(module: Module) -> Iterator[str]:
    """The local paths that a module's calls name; calls that are switched off where they stand make no instance, and don't count."""
    for block in module.of("module"):
        off = (
            name in block.attributes and "".join(text_of(block.attributes[name].node).split()) in texts
            for name, texts in _NO_INSTANCE.items()
        )
        if any(off):
            continue
        source = block.attributes.get("source")
        text = text_of(source.node).strip('"') if source is not None else ""
        if text.startswith((".", "/")):
            yield text
