"""The modules of a project: which of them an import means, and where a name comes into the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from averment.core.observer import Observer
from averment.policies.surfaces.code.apis import BY_NAME
from averment.policies.surfaces.code.locate import SCRIPTS, ends_with, python_files, script_files
from averment.policies.surfaces.code.model import Function, Import, Module

_DEPTH = 12


@dataclass
class Modules:
    """The modules that were read, and which of them an import means."""

    root: Path
    modules: dict[Path, Module] = field(default_factory=dict)
    observer: Observer = field(default_factory=Observer)
    handlers: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        self._files: dict[str, list[Path]] | None = None
        self.tables: dict[int, list[Function]] = {}
        """The functions in each table of them, by the value that it is."""
        self._imported: dict[tuple[Path, str], Module | None] = {}

    def functions(self) -> Iterator[Function]:
        """Every function of every module, in order of file and line."""
        for path in sorted(self.modules):
            yield from self.modules[path].functions.values()

    def imported(self, module: Module, name: str) -> Module | None:
        """The module of this project that ``name`` means in an import of ``module``; None if it isn't one."""
        key = (module.path, name)
        if key not in self._imported:
            found = self._python(module, name) if module.language == "python" else self._script(module, name)
            self._imported[key] = found
        return self._imported[key]

    def on_disk(self, module: Module, name: str) -> bool:
        """Whether the import ``name`` of ``module`` is a file under the root, read or not."""
        if module.language != "python":
            return name.startswith((".", "@/", "~/", "/"))
        first = name.partition(".")[0]
        folders = [folder for folder in module.path.parents if folder.is_relative_to(self.root)]
        return not first or any(self.observer.is_dir(folder / first) or self.observer.is_file(folder / f"{first}.py") for folder in folders)

    def _python(self, module: Module, name: str) -> Module | None:
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.split(".") if part]
        if level:
            folder = module.path.parent
            for _ in range(level - 1):
                folder = folder.parent
            return self._first(python_files(folder, parts))
        for folder in module.path.parents:
            found = self._first(python_files(folder, parts))
            if found is not None or folder == self.root:
                return found or self._by_suffix(parts, (".py",), ("__init__.py",))
        return None

    def _script(self, module: Module, name: str) -> Module | None:
        if name.startswith("."):
            return self._first(script_files(module.path.parent / name))
        parts = [part for part in name.split("/") if part not in {"", "@", "~"}]
        if not parts or (len(parts) == 1 and name == parts[0]):
            return None  # a package by its name
        return self._by_suffix(parts, SCRIPTS, tuple(f"index{suffix}" for suffix in SCRIPTS))

    def _first(self, paths: Iterable[Path]) -> Module | None:
        return next((self.modules[path] for path in paths if path in self.modules), None)

    def _by_suffix(self, parts: list[str], suffixes: tuple[str, ...], indices: tuple[str, ...]) -> Module | None:
        """The only module whose path ends like this: layers, aliases and source folders that an import doesn't name."""
        if self._files is None:
            self._files = {}
            for path in self.modules:
                self._files.setdefault(path.name, []).append(path)
        names = [(f"{parts[-1]}{suffix}", parts[:-1]) for suffix in suffixes] + [(index, parts) for index in indices]
        found = [path for name, folders in names for path in self._files.get(name, ()) if ends_with(path.parent, folders)]
        return self.modules[found[0]] if len(found) == 1 else None

    def origin(self, module: Module, name: str, depth: int = 0) -> Import | None:
        """The import by which ``name`` comes into the project, through the files that hand it on; None if it doesn't come from elsewhere."""
        entry = module.imports.get(name)
        target = self.imported(module, entry.module) if entry is not None else None
        if entry is None or target is None or depth > _DEPTH:
            return entry
        local = target.exports.get(entry.name, entry.name)
        star = next((Import(star, local) for star in target.stars if "rekognition" in star and local in BY_NAME), None)
        return self.origin(target, local, depth + 1) or star or entry
