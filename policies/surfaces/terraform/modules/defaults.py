"""What isn't made because a variable of the root module stands at its default: a deployment that gives the variable may make it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import MAX_MODULE_INSTANCES, Loader
from averment.policies.surfaces.terraform.syntax.native import Block, Module, text_of
from averment.policies.surfaces.terraform.values import EvaluationLimitError


class Defaults:
    """The root module once more, with the variables that nothing gives left open."""

    def __init__(self, root: ModuleInstance, loader: Loader) -> None:
        """``loader`` reads the same modules; its problems are those of ``root`` and count for nothing."""
        left = {name: Unknown(f"variable '{name}' stands at its default") for name in root.variables if name not in root.given}
        self._root = ModuleInstance(root.module, loader, given={**root.given, **left}) if left else None

    def decide(self, block: Block, instance: ModuleInstance) -> bool:
        """Whether it hangs on them that ``block`` (a resource or a module call of ``instance``) has no instance."""
        try:
            here = self._root
            for name in instance.path:
                children = here.children(name) if here is not None else {}
                here = next(iter(children.values()), None) if isinstance(children, dict) else None
            return here is not None and isinstance(here.instances(block), Unknown)
        except (RecursionError, EvaluationLimitError):
            return False


def holds(module: Module, loader: Loader, wanted: Callable[[str], bool]) -> bool:
    """Whether ``module``, or one that it calls from a folder, has a resource of a type that is ``wanted``. Of others nobody knows: they may."""
    waiting, seen = [module], {module.folder}
    while waiting and len(seen) < MAX_MODULE_INSTANCES:
        here = waiting.pop()
        if any(block.labels and wanted(block.labels[0]) for block in here.of("resource")):
            return True
        for block in here.of("module"):
            source = block.attributes.get("source")
            text = text_of(source.node).strip('"') if source is not None else ""
            folder = Path(os.path.normpath(here.folder / text))
            if not text.startswith(("./", "../")) or not loader.observer.is_dir(folder) or not loader.within(folder):
                return True
            if folder not in seen:
                seen.add(folder)
                waiting.append(loader.read(folder))
    return False
