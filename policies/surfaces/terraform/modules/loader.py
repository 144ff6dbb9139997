"""Reading module folders: each once, within bounds, with what went wrong."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.observer import Observer
from averment.core.repository import repository_around
from averment.policies.graph.model import Problem
from averment.policies.surfaces.terraform.syntax.folders import read_module
from averment.policies.surfaces.terraform.syntax.native import Module
from averment.policies.surfaces.terraform.values import MAX_STEPS, EvaluationLimitError

MAX_MODULE_INSTANCES = 5_000
"""Module instances, and half of the resource instances, in one root module: beyond it a configuration is hostile or machine-made."""

MANIFEST = Path(".terraform", "modules", "modules.json")
MAX_MANIFEST_BYTES = 4 * 1024 * 1024


KEPT = 1_000
"""How many modules stay in memory, of which each takes a quarter of a megabyte: of a repository that has more, those that were asked for last."""


class Modules:
    """Module folders below ``top`` and around it. One that many root modules call is read once; of others than the last ``KEPT``, again
    when asked for.

    ``boundary`` is the checkout that ``top`` belongs to, beyond which nothing is read.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.boundary = repository_around(top)
        self._place = top.resolve()
        self._read: OrderedDict[Path, Module] = OrderedDict()

    def read(self, folder: Path, place: Path) -> Module:
        """The module in ``folder``, whose real path is ``place``.

        Below ``top`` it is called by its path from there, whatever links the caller went through; so it has one name, and that one
        doesn't hang on who called it first.
        """
        name = self.top / place.relative_to(self._place) if place.is_relative_to(self._place) else folder
        if name not in self._read:
            stand_in = not place.is_relative_to(self.boundary)  # a module that lies elsewhere isn't asked for otherwise
            self._read[name] = read_module(name, place if stand_in else self.boundary)
            if len(self._read) > KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(name)
        return self._read[name]


class Loader:
    """Reads each module folder once; keeps what went wrong. ``top`` is the folder that is checked.

    ``folder`` is the root module's; ``modules`` are shared with other root modules. ``observer`` looks at files, and notes at which.
    """

    def __init__(self, top: Path, folder: Path | None = None, modules: Modules | None = None, observer: Observer | None = None) -> None:
        self.observer = observer if observer is not None else Observer()
        self.folder = folder if folder is not None else top
        self.shared = modules if modules is not None else Modules(top)
        self.boundary = self.shared.boundary
        self.problems: list[Problem] = []
        self.modules: dict[Path, Module] = {}
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

    def within(self, path: Path) -> bool:
        """Whether ``path``, with every link followed, lies in the checkout that is read."""
        return self.observer.real(path).is_relative_to(self.boundary)

    def read(self, folder: Path) -> Module:
        """The module in ``folder``."""
        place = self.observer.real(folder)
        if place not in self.modules:
            module = self.modules[place] = self.shared.read(folder, place)
            self.observer.add(module.observer)
            self.problems += module.problems
        return self.modules[place]

    def installed(self, address: str) -> Path | None:
        """The folder that ``terraform init`` put the module call at ``address`` ("a.b") into, if it did."""
        if self._installed is None:
            self._installed = installed_modules(self.folder, self.observer)
        folder = self._installed.get(address)
        if folder is None or not self.observer.is_dir(folder):
            return None
        return folder if self.within(folder) else None


def installed_modules(folder: Path, observer: Observer) -> dict[str, Path]:
    """What ``terraform init`` downloaded for the root module in ``folder``: call address -> folder."""
    file = folder / MANIFEST
    try:
        entries = json.loads(observer.read(file, limit=MAX_MANIFEST_BYTES))["Modules"] if observer.is_file(file) else []
        return {entry["Key"]: folder / entry["Dir"] for entry in entries if entry["Key"]}
    except (BadInputError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # then each call says that its module was not read
