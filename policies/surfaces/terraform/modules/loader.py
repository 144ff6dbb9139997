"""Reading module folders: each once, within bounds, with what went wrong."""

from __future__ import annotations

import json
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.policies.graph.model import Problem
from averment.policies.surfaces.terraform.syntax.folders import read_module
from averment.policies.surfaces.terraform.syntax.native import Module
from averment.policies.surfaces.terraform.values import MAX_STEPS, EvaluationLimitError

MAX_MODULE_INSTANCES = 5_000
"""Module instances, and half of the resource instances, in one root module: beyond it a configuration is hostile or machine-made."""

MAX_MANIFEST_BYTES = 4 * 1024 * 1024


class Loader:
    """Reads each module folder once; keeps what went wrong. ``top`` is the folder above which ``file()`` reads nothing.

    ``folder`` is the root module's; ``known`` are modules that were read before (for another root module).
    """

    def __init__(self, top: Path, folder: Path | None = None, known: dict[Path, Module] | None = None) -> None:
        self.top = top.resolve()
        self.folder = folder if folder is not None else top
        self.problems: list[Problem] = []
        self.modules: dict[Path, Module] = {}
        self.known = known if known is not None else {}
        self.steps = 0
        self.calls = 0
        self.resources = 0
        self.templates = 0
        self._installed: dict[str, Path] | None = None

    def step(self) -> None:
        """Count an evaluation.

        Raises:
            EvaluationLimitError: there were too many.
        """
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise EvaluationLimitError

    def called(self) -> None:
        """Count a module instance.

        Raises:
            EvaluationLimitError: there were too many.
        """
        self.calls += 1
        if self.calls > MAX_MODULE_INSTANCES:
            raise EvaluationLimitError

    def made(self) -> None:
        """Count a resource instance.

        Raises:
            EvaluationLimitError: there were too many.
        """
        self.resources += 1
        if self.resources > 2 * MAX_MODULE_INSTANCES:
            raise EvaluationLimitError

    def read(self, folder: Path) -> Module:
        """The module in ``folder``."""
        key = folder.resolve()
        if key not in self.modules:
            if key not in self.known:
                self.known[key] = read_module(folder)
            self.modules[key] = self.known[key]
            self.problems += self.modules[key].problems
        return self.modules[key]

    def installed(self, address: str) -> Path | None:
        """The folder that ``terraform init`` put the module call at ``address`` ("a.b") into, if it did."""
        if self._installed is None:
            self._installed = installed_modules(self.folder)
        folder = self._installed.get(address)
        return folder if folder is not None and folder.is_dir() and folder.resolve().is_relative_to(self.top) else None


def installed_modules(folder: Path) -> dict[str, Path]:
    """What ``terraform init`` downloaded for the root module in ``folder``: call address -> folder."""
    file = folder / ".terraform" / "modules" / "modules.json"
    try:
        entries = json.loads(read_bounded(file, limit=MAX_MANIFEST_BYTES))["Modules"] if file.is_file() else []
        return {entry["Key"]: folder / entry["Dir"] for entry in entries if entry["Key"]}
    except (BadInputError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # then each call says that its module was not read
