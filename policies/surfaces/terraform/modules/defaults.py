"""What isn't made because a variable of the root module stands at its default: a deployment that gives the variable may make it."""

from __future__ import annotations

from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.syntax.native import Block
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
