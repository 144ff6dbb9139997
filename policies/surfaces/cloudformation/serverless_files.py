"""The files that a ``serverless.yml`` includes by ``${file(...)}``: YAML and JSON below the folder that is checked.

A program (``file(config.js)``) is never run. Nothing is fetched. Source: the framework's documentation, "Variables", "Reference Properties
In Other Files".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import decoded
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem, Unknown
from averment.policies.surfaces.cloudformation.parsing import parse_template
from averment.policies.surfaces.cloudformation.stacks import Stacks
from averment.policies.surfaces.sniff import MAX_TEMPLATE_BYTES

_DATA = (".yml", ".yaml", ".json")
_PROGRAMS = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts")
MAX_FILES = 200
"""A service that includes more files than this is read without the rest, which is said."""


class Files:
    """What the service in ``folder`` includes; ``stacks`` bounds what may be read and notes it.

    ``texts`` are the included files as they are written, ``problems`` what could not be checked of them.
    """

    def __init__(self, folder: Path, stacks: Stacks) -> None:
        self.folder, self.stacks = folder, stacks
        self.texts: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._read: dict[str, Any] = {}

    def read(self, path: str) -> tuple[Any, str]:
        """What stands in ``path`` (seen from the service), its variables unresolved, and its name; Unknown where it can't be had."""
        place = self.folder / path.removeprefix("file://")
        name = str(place)
        if name not in self._read:
            self._read[name] = self._value(place, name)
        return self._read[name], name

    def _value(self, place: Path, name: str) -> Any:
        if len(self._read) >= MAX_FILES:
            return Unknown(f"stands in another file, which is not read: there are more than {MAX_FILES}")
        try:
            if not self.stacks.observer.is_file(place):
                return Unknown("names a file that isn't there")
            real = self.stacks.observer.real(place)
        except (OSError, ValueError, RuntimeError):
            return Unknown("names a file that can't be looked at")
        if not real.is_relative_to(self.stacks.top):
            return Unknown(f"names a file outside of {self.stacks.top.name}, which is not read")
        if place.suffix in _PROGRAMS:
            return Unknown("is what a program returns, which is not run")
        if place.suffix not in _DATA:
            return Unknown("stands in a file that is neither YAML nor JSON, which is not read")
        try:
            text = decoded(self.stacks.observer.read(place, limit=MAX_TEMPLATE_BYTES), place)
            value = parse_template(text, name)
        except BadInputError as error:
            self.problems.append(Problem(error.message, error.where or SourceRef(name)))
            return Unknown("names a file that can't be read")
        self.texts[name] = text
        return value

    def whole(self, name: str) -> None:
        """Note that all of the file ``name`` is part of the service, so that it isn't read once more by itself."""
        self.stacks.used.add(self.stacks.observer.real(Path(name)))
